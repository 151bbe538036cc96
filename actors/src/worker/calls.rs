//! The calls of a program between nodes: those of a task that runs here are offered to the cluster as a job, and those of
//! another node's task are run here.
//!
//! The job is the leader's like any other: it is placed, retried and kept in the log. Only the node that runs a task may
//! submit its calls; they have that task's limits, user and priority, and end with it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use nexus_mcode::{Elsewhere, Offer, RunRequest};
use nexus_model::{
    DeviceChoice, DeviceKind, Failure, IndexRange, Input, JobId, JobSpec, NodeId, NodeRole, Outcome, Resources,
    RetryPolicy, Selection, TaskId, TaskState, Value, decode_value, encode_value,
};
use nexus_tensor::Meter;
use nexus_wire::{Refusal, Request, Response, TaskDetail};
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};

use super::PayloadStore;
use super::program::device_for;
use super::task::{JobSlot, Prepared, TaskRunner, diagnosed, failure};
use crate::codes;
use crate::control::refusal;
use crate::directory::Directory;
use crate::gateway::Ask;
use crate::learning::Application;
use crate::roles::Caller;

/// Pieces that may have come back and wait to be taken.
const RETURNED_MAX: usize = 64;
/// How long the leader may keep a question for progress.
const PATIENCE: Duration = Duration::from_secs(1);

/// The way from a slot's thread to the cluster.
#[derive(Clone)]
pub(crate) struct ClusterPort {
    pub(crate) node: NodeId,
    pub(crate) directory: Arc<Directory>,
    pub(crate) payloads: Arc<dyn PayloadStore>,
    pub(crate) runtime: Handle,
}

impl ClusterPort {
    async fn ask(&self, request: Request) -> Result<Response, Refusal> {
        let caller = Caller::Member { role: NodeRole::Worker, node: Some(self.node), name: String::new() };
        let stopping = || refusal(codes::BUSY, "this node is stopping".to_owned());
        let gateway = self.directory.gateway.get().await.ok_or_else(stopping)?;
        match gateway.send(Ask::new(caller, request)).await {
            Ok(Response::Refused(refusal)) => Err(refusal),
            Ok(response) => Ok(response),
            Err(_) => Err(refusal(codes::BUSY, "the gateway is being restarted".to_owned())),
        }
    }

    /// Work with payloads, which blocks.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&dyn PayloadStore) -> Result<T, String> + Send + 'static,
    ) -> Result<T, String> {
        let payloads = Arc::clone(&self.payloads);
        let done = tokio::task::spawn_blocking(move || work(payloads.as_ref())).await;
        done.map_err(|error| error.to_string())?
    }
}

/// Offers the calls of one task.
pub(super) struct TaskCalls<'t> {
    pub(super) port: &'t ClusterPort,
    pub(super) task: TaskId,
    pub(super) spec: &'t JobSpec,
    pub(super) application: Application,
    /// Set when something was offered: what the run takes then says little about this machine.
    pub(super) offered: AtomicBool,
}

impl Elsewhere for TaskCalls<'_> {
    fn offer(&self, calls: Value, pieces: u32) -> Option<Box<dyn Offer>> {
        self.offered.store(true, Ordering::Relaxed);
        let (returned, receiver) = mpsc::channel(RETURNED_MAX);
        let (taken_back, hears) = oneshot::channel();
        let spec = self.job(pieces);
        let (port, task) = (self.port.clone(), self.task);
        self.port.runtime.spawn(async move {
            if let Err(why) = hand_on(&port, (task, spec), calls, returned, hears).await {
                tracing::info!(%task, why, "calls stay here");
            }
        });
        Some(Box::new(Offered { runtime: self.port.runtime.clone(), receiver, _taken_back: taken_back }))
    }
}

impl TaskCalls<'_> {
    /// The job that the calls become; limits, user and priority are the leader's to fill in.
    fn job(&self, pieces: u32) -> JobSpec {
        let spec = self.spec;
        let name = format!("{}, calls of {}", spec.name, self.task);
        JobSpec {
            tasks: IndexRange::new(0, pieces),
            is_array: true,
            inputs: spec.inputs.clone(),
            device: match self.application.device.kind() {
                DeviceKind::Cpu => DeviceChoice::Cpu,
                DeviceKind::Gpu => DeviceChoice::Gpu,
            },
            seed: spec.seed,
            resources: Resources { cpus: 1, ..spec.resources.clone() },
            // What a part gives is taken up by its task: the task's result is what is kept.
            selection: Selection { copies: 0, ..spec.selection.clone() },
            retry: RetryPolicy::default(),
            execution: Some(self.application.execution),
            ..JobSpec::single(name, spec.program.clone())
        }
    }
}

/// Calls that were offered.
struct Offered {
    runtime: Handle,
    receiver: mpsc::Receiver<(u32, Value)>,
    /// Dropped with this.
    _taken_back: oneshot::Sender<()>,
}

impl Offer for Offered {
    fn returned(&mut self, patience: Duration) -> Option<Vec<(u32, Value)>> {
        let receiver = &mut self.receiver;
        match self.runtime.block_on(async { tokio::time::timeout(patience, receiver.recv()).await }) {
            Err(_) => Some(Vec::new()),
            Ok(None) => None,
            Ok(Some(first)) => {
                let mut all = vec![first];
                while let Ok(next) = receiver.try_recv() {
                    all.push(next);
                }
                Some(all)
            }
        }
    }
}

/// Submits the calls and brings back what becomes of them; cancels what is left when the offer is taken back.
async fn hand_on(
    port: &ClusterPort,
    (task, mut spec): (TaskId, JobSpec),
    calls: Value,
    returned: mpsc::Sender<(u32, Value)>,
    taken_back: oneshot::Receiver<()>,
) -> Result<(), String> {
    let stored = port.blocking(move |payloads| {
        let bytes = encode_value(&calls).map_err(|error| error.to_string())?;
        let digest = blake3::hash(&bytes).to_hex();
        Ok((payloads.store(bytes, &AtomicBool::new(false))?, digest))
    });
    let (payload, digest) = stored.await?;
    spec.inputs.push(Input::calls_of(task, payload));
    let pieces = spec.tasks.len();
    // With a key the submission can be repeated while leaders change.
    let key = Some(format!("calls of {task}: {digest}"));
    let submitted = port.ask(Request::SubmitJob { spec: Box::new(spec), key }).await;
    let Ok(Response::Submitted(job)) = submitted else {
        return Err(submitted.err().map_or_else(|| "a strange answer".to_owned(), |refusal| refusal.message));
    };
    let brought = tokio::select! {
        brought = bring_back(port, (job, pieces), returned) => brought,
        // Only ever dropped.
        _ = taken_back => Ok(false),
    };
    if brought == Ok(true) {
        return Ok(());
    }
    let cancelled = port.ask(Request::CancelJob(job)).await.map(drop).map_err(|refusal| refusal.message);
    brought.map(drop).and(cancelled)
}

/// Sends on each piece as it ends; whether all have ended.
async fn bring_back(
    port: &ClusterPort,
    (job, pieces): (JobId, u32),
    returned: mpsc::Sender<(u32, Value)>,
) -> Result<bool, String> {
    let told = |refusal: Refusal| refusal.message;
    let mut ended = vec![false; pieces as usize];
    let mut seen = 0;
    loop {
        let answer = port.ask(Request::WaitJob { job, seen, patience: PATIENCE }).await.map_err(told)?;
        let Response::Job(view) = answer else { return Err("a strange answer".to_owned()) };
        seen = view.ended();
        let mut from = 0;
        while let Some(first) = (from..pieces).find(|&piece| !ended[piece as usize]) {
            let range = IndexRange::new(first, pieces);
            let listed = port.ask(Request::ListTasks { job, range, detail: TaskDetail::Full }).await.map_err(told)?;
            let Response::Tasks(tasks) = listed else { return Err("a strange answer".to_owned()) };
            let Some(last) = tasks.last() else { break };
            from = last.index + 1;
            for task in tasks {
                let piece = task.index;
                if !task.state.is_final() || std::mem::replace(&mut ended[piece as usize], true) {
                    continue;
                }
                let (TaskState::Succeeded, Some(Outcome::Succeeded(output))) = (task.state, task.outcome) else {
                    continue;
                };
                let value = port.blocking(move |payloads| {
                    let bytes = payloads.load(&output.result).map_err(|error| error.to_string())?;
                    decode_value(&bytes).map_err(|error| error.to_string())
                });
                if returned.send((piece, value.await?)).await.is_err() {
                    return Ok(false);
                }
            }
        }
        if view.state.is_final() {
            return Ok(true);
        }
    }
}

impl TaskRunner {
    /// Runs some calls of another node's task.
    pub(super) fn run_calls(&self, job: &JobSlot, (index, of): (u32, TaskId), prepared: &Prepared) -> Outcome {
        let spec = &job.spec;
        let run = || -> Result<Value, Failure> {
            let (device, _) = device_for(spec.device, &prepared.compiled.program)?;
            let calls = spec.inputs.iter().zip(&prepared.inputs).find(|(input, _)| input.caller().is_some());
            let (_, (_, calls)) =
                calls.ok_or_else(|| failure(codes::INPUT_UNREADABLE, format!("the calls of {of} are not there")))?;
            let application =
                Application::usual(&prepared.compiled.program, device, spec.execution.unwrap_or_default(), 1);
            let limits = spec.limits.clone();
            let cancel = Arc::clone(job.cancelled.shared());
            let meter = Meter::with_pooling(&limits, application.pooling);
            let place = (spec.seed, u64::from(of.index));
            let context = Self::context_for(&application, (&meter, &limits), &cancel, place);
            let request = RunRequest {
                inputs: &prepared.inputs,
                execution: application.execution,
                code: self.code_store(),
                cancel,
                ..RunRequest::new(context, limits)
            };
            nexus_mcode::run_calls(&prepared.compiled.program, request, calls, index).map_err(diagnosed)
        };
        match run() {
            Ok(value) => self.keep_output(value, Vec::new(), job.cancelled.shared()),
            Err(_) if job.is_cancelled() => Outcome::Cancelled,
            Err(failure) => Outcome::Failed(failure),
        }
    }
}
