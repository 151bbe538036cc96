//! What goes to an OpenTelemetry collector, as OTLP over HTTP: spans with their places in traces, the node's log, and
//! readings of its metrics.
//!
//! A request is a span on each node that it passes; the frame between them carries the W3C trace context. A job outlives
//! requests and leaders, so it has a trace of its own: its id, and that of its first span, follow from the names of the
//! cluster and of the job, so that every node that does something for it knows where its spans belong without being told.
//! The span that accepts a job links to the request that brought it.
//!
//! Without a collector no span is made: each place costs a check of a flag.

mod collector;
mod ids;
mod logs;
mod otlp;
mod readings;

use std::sync::OnceLock;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use nexus_model::{JobId, Outcome};
use nexus_wire::{JobView, Request, TraceContext};
use opentelemetry::trace::{
    Link, Span as _, SpanContext, SpanId, SpanKind, Status, TraceContextExt as _, TraceFlags, TraceId, TraceState,
    Tracer as _, TracerProvider as _,
};
use opentelemetry::{Context, KeyValue};
use opentelemetry_appender_tracing::layer::OpenTelemetryTracingBridge;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::logs::{BatchLogProcessor, SdkLoggerProvider};
use opentelemetry_sdk::trace::{BatchConfigBuilder, BatchSpanProcessor, SdkTracer, SdkTracerProvider};
use tracing::{Span, Subscriber, field};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::registry::LookupSpan;

use collector::{Address, Exporter};
use ids::{Ids, with_ids};
pub use readings::{Point, Reading, ReadingSender};

/// The target of our spans: they go to a collector and not to the log.
const SPANS: &str = "nexus::span";
/// Spans, and lines of the log, that wait to be sent; those beyond are dropped, and the log says so.
const QUEUE_MAX: usize = 16_384;
/// They wait at most so long for others to be sent with.
const SEND_INTERVAL: Duration = Duration::from_secs(1);
/// How long the end of a node waits for the last of them to be sent.
const FLUSH_PATIENCE: Duration = Duration::from_secs(2);

/// What of this process goes to a collector.
#[derive(Debug)]
pub struct Telemetry {
    spans: Option<(SdkTracerProvider, SdkTracer)>,
    logs: Option<SdkLoggerProvider>,
    readings: ReadingSender,
}

/// What a collector is to get; readings are sent by whoever takes them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Signals {
    /// Spans.
    pub traces: bool,
    /// Lines of the log.
    pub logs: bool,
}

/// What the spans of this process have in common.
struct Shared {
    tracer: SdkTracer,
    cluster: OnceLock<String>,
}

/// Where in a trace this process was started.
static OUTSIDE: OnceLock<Option<TraceContext>> = OnceLock::new();
static SHARED: OnceLock<Shared> = OnceLock::new();

impl Telemetry {
    /// Sends what `signals` name to the collector at `endpoint` (`http://HOST:PORT`, without the path) from now on. A
    /// collector that cannot be reached costs what was to be sent and a warning.
    ///
    /// # Errors
    /// The text says what is wrong with the endpoint.
    pub fn start(endpoint: &str, node: &str, signals: Signals) -> Result<Self, String> {
        let address = Address::of(endpoint)?;
        let resource = Resource::builder()
            .with_service_name("nexus")
            .with_attributes([
                KeyValue::new("service.instance.id", node.to_owned()),
                KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
            ])
            .build();
        let readings = ReadingSender::new(&address, &resource);
        let spans = signals.traces.then(|| spans(&address, resource.clone())).transpose()?;
        let logs = signals.logs.then(|| lines(&address, resource)).transpose()?;
        Ok(Telemetry { spans, logs, readings })
    }

    /// What takes the spans from `tracing`.
    pub fn layer<S: Subscriber + for<'a> LookupSpan<'a>>(&self) -> Option<impl Layer<S> + use<S>> {
        let (_, tracer) = self.spans.as_ref()?;
        let spans = Targets::new().with_target(SPANS, LevelFilter::INFO);
        let layer = tracing_opentelemetry::layer().with_tracer(tracer.clone());
        Some(layer.with_location(false).with_threads(false).with_filter(spans))
    }

    /// What takes the lines that pass `filter` from `tracing`; none that are about sending them.
    pub fn log_layer<S: Subscriber + for<'a> LookupSpan<'a>>(&self, filter: Targets) -> Option<impl Layer<S> + use<S>> {
        let filter = filter.with_target(module_path!(), LevelFilter::OFF);
        Some(OpenTelemetryTracingBridge::new(self.logs.as_ref()?).with_filter(filter))
    }

    /// The way of readings to the collector.
    pub fn readings(&self) -> ReadingSender {
        self.readings.clone()
    }

    /// Sends what is left.
    pub fn shut_down(self) {
        let spans = self.spans.map(|(spans, _)| spans.shutdown_with_timeout(FLUSH_PATIENCE));
        let logs = self.logs.map(|logs| logs.shutdown_with_timeout(FLUSH_PATIENCE));
        for error in [spans, logs].into_iter().flatten().filter_map(Result::err) {
            tracing::warn!(%error, "the last of what was to be sent did not reach the collector");
        }
    }
}

fn spans(address: &Address, resource: Resource) -> Result<(SdkTracerProvider, SdkTracer), String> {
    let batches =
        BatchConfigBuilder::default().with_max_queue_size(QUEUE_MAX).with_scheduled_delay(SEND_INTERVAL).build();
    let provider = SdkTracerProvider::builder()
        .with_id_generator(Ids::default())
        .with_resource(resource)
        .with_span_processor(BatchSpanProcessor::builder(Exporter::to(address)?).with_batch_config(batches).build())
        .build();
    let tracer = provider.tracer("nexus");
    // A second node in one process sends its spans as the first.
    drop(SHARED.set(Shared { tracer: tracer.clone(), cluster: OnceLock::new() }));
    Ok((provider, tracer))
}

fn lines(address: &Address, resource: Resource) -> Result<SdkLoggerProvider, String> {
    let batches = opentelemetry_sdk::logs::BatchConfigBuilder::default()
        .with_max_queue_size(QUEUE_MAX)
        .with_scheduled_delay(SEND_INTERVAL)
        .build();
    let processor = BatchLogProcessor::builder(Exporter::to(address)?).with_batch_config(batches).build();
    Ok(SdkLoggerProvider::builder().with_resource(resource).with_log_processor(processor).build())
}

/// The cluster whose jobs' traces these are, known once the node is a member.
pub(crate) fn in_cluster(name: &str) {
    if let Some(shared) = SHARED.get() {
        drop(shared.cluster.set(name.to_owned()));
    }
}

/// The span of a request that another machine or program asks of this node; none of what consensus says to itself.
pub(crate) fn request(request: &Request, trace: Option<TraceContext>) -> Span {
    let Some(name) = name_of(request) else { return Span::none() };
    let span = tracing::info_span!(target: SPANS, "request", otel.name = name, otel.kind = "server");
    if let Some(parent) = trace.map(remote) {
        // Fails only where there is no collector.
        drop(span.set_parent(Context::new().with_remote_span_context(parent)));
    }
    span
}

/// The span of an entry's way into the log.
pub(crate) fn commit() -> Span {
    tracing::info_span!(target: SPANS, "commit")
}

/// The span of bringing a blob from another node.
pub(crate) fn fetch(bytes: u64) -> Span {
    tracing::info_span!(target: SPANS, "fetch", nexus.bytes = bytes)
}

/// The span of compiling a program.
pub(crate) fn compile() -> Span {
    tracing::info_span!(target: SPANS, "compile")
}

/// The span of an attempt at a task, in the trace of its job.
pub(crate) fn attempt(job: JobId, index: u32) -> Span {
    let span = tracing::info_span!(
        target: SPANS,
        "attempt",
        nexus.job = %job,
        nexus.task = index,
        nexus.outcome = field::Empty,
        otel.status_code = field::Empty,
    );
    if !span.is_disabled()
        && let Some(parent) = job_context(job)
    {
        drop(span.set_parent(Context::new().with_remote_span_context(parent)));
    }
    span
}

/// How the attempt ended.
pub(crate) fn attempted(span: &Span, outcome: &Outcome) {
    let (word, status) = match outcome {
        Outcome::Succeeded(_) => ("succeeded", "OK"),
        Outcome::Failed(_) => ("failed", "ERROR"),
        Outcome::Cancelled => ("cancelled", "OK"),
        Outcome::TimedOut => ("timed-out", "ERROR"),
    };
    span.record("nexus.outcome", word).record("otel.status_code", status);
}

/// Marks in the trace of `job` that it was accepted, with a link to the request that brought it.
pub(crate) fn accepted(job: JobId) {
    let (Some(shared), Some(parent)) = (SHARED.get(), job_context(job)) else { return };
    let from = Span::current().context();
    // A job that a program inside this process hands in was brought by no request.
    let links = Some(from.span().span_context().clone()).filter(SpanContext::is_valid).map(Link::with_context);
    let accepted = shared
        .tracer
        .span_builder("accepted")
        .with_attributes([KeyValue::new("nexus.job", job.to_string())])
        .with_links(links.into_iter().collect());
    shared.tracer.build_with_context(accepted, &Context::new().with_remote_span_context(parent)).end();
}

/// The first span of a job's trace: from its acceptance to its end.
pub(crate) fn ended(job: &JobView) {
    let (Some(shared), Some(context)) = (SHARED.get(), job_context(job.job)) else { return };
    let at = |ms: u64| UNIX_EPOCH.checked_add(Duration::from_millis(ms)).unwrap_or_else(SystemTime::now);
    let attributes = [
        KeyValue::new("nexus.job", job.job.to_string()),
        KeyValue::new("nexus.job.name", job.name.clone()),
        KeyValue::new("nexus.user", job.user.clone()),
        KeyValue::new("nexus.tasks", i64::from(job.tasks.len())),
        KeyValue::new("nexus.outcome", job.state.name()),
    ];
    let whole = shared
        .tracer
        .span_builder("job")
        .with_kind(SpanKind::Internal)
        .with_start_time(at(job.submitted_at_ms))
        .with_attributes(attributes);
    let mut span =
        with_ids((context.trace_id(), context.span_id()), || shared.tracer.build_with_context(whole, &Context::new()));
    if let Some(failure) = &job.first_failure {
        span.set_status(Status::error(failure.1.message.clone()));
    }
    span.end_with_timestamp(job.finished_at_ms.map_or_else(SystemTime::now, at));
}

/// Whether anybody wants spans.
pub(crate) fn is_on() -> bool {
    SHARED.get().is_some()
}

/// Where a message that is sent now belongs: to the span that we are in, else to where the process was started from
/// (the environment variable `TRACEPARENT`).
pub(crate) fn current() -> Option<TraceContext> {
    let here = is_on().then(|| Span::current().context()).and_then(|context| {
        let span = context.span();
        let at = span.span_context();
        TraceContext::new(at.trace_id().to_bytes(), at.span_id().to_bytes(), at.trace_flags().to_u8())
    });
    here.or_else(|| *OUTSIDE.get_or_init(|| std::env::var("TRACEPARENT").ok()?.parse().ok()))
}

fn remote(trace: TraceContext) -> SpanContext {
    let (trace_id, span_id) = (TraceId::from_bytes(trace.trace_id()), SpanId::from_bytes(trace.span_id()));
    SpanContext::new(trace_id, span_id, TraceFlags::new(trace.flags()), true, TraceState::NONE)
}

/// The first span of a job's trace, the same on every node.
fn job_context(job: JobId) -> Option<SpanContext> {
    let cluster = SHARED.get()?.cluster.get()?;
    let mut hasher = blake3::Hasher::new_derive_key("nexus-os 2026-11 trace of a job");
    hasher.update(&job.0.to_le_bytes()).update(cluster.as_bytes());
    let bytes = hasher.finalize();
    let (trace_id, rest) = bytes.as_bytes().split_first_chunk::<16>()?;
    let span_id = *rest.first_chunk::<8>()?;
    let (trace_id, span_id) = (TraceId::from_bytes(*trace_id), SpanId::from_bytes(span_id));
    Some(SpanContext::new(trace_id, span_id, TraceFlags::SAMPLED, true, TraceState::NONE))
}

/// What people call a request; nothing of those that are no work of a user.
fn name_of(request: &Request) -> Option<&'static str> {
    Some(match request {
        Request::SubmitJob { .. } => "submit",
        Request::ListJobs { .. } => "list jobs",
        Request::ShowJob(_) => "show job",
        Request::ListTasks { .. } => "list tasks",
        Request::WaitJob { .. } => "wait for job",
        Request::CancelJob(_) => "cancel job",
        Request::RetryJob(_) => "retry job",
        Request::ExplainJob { .. } => "explain job",
        Request::UnmetNeeds(_) => "find unmet needs",
        Request::ReadLog(_) => "read log",
        Request::ListNodes => "list nodes",
        Request::GetStatus => "get status",
        Request::CreateToken { .. } => "create token",
        Request::StopNode(_) => "stop node",
        Request::Join(_) => "join",
        Request::ReadBlob { .. } => "read blob",
        Request::WriteBlob { .. } => "write blob",
        Request::Schedule(_) => "schedule",
        Request::Timeline(_) => "timeline",
        Request::Decide(_) => "decide",
        Request::Cluster(request) => match **request {
            nexus_wire::ClusterRequest::Relay { .. } => "relayed request",
            _ => return None,
        },
        Request::Raft(_) => return None,
    })
}
