//! The real world of the command line: the language, the runtime in this process, the node on this machine.
//!
//! The only file of this crate that knows the rooms behind the verbs.

use std::ffi::OsString;
use std::io::IsTerminal;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use nexus_actors::client::Client;
use nexus_actors::embedded::{self, Bundle, EmbeddedOptions, Evaluation};
use nexus_actors::learning::{self, Learner, StateFile};
use nexus_actors::modules::OwnModules;
use nexus_actors::node::{self, Arrival, NodeFacts, NodeOptions};
use nexus_actors::onlooker::Onlooker;
use nexus_actors::telemetry::{Signals, Telemetry};
use nexus_actors::{CodeCache, CodeCacheFacts, Imports, JoinOptions, MemoryPayloads, login, nearby, recovery};
use nexus_config::{LogLevel, Machine, Places};
use nexus_mcode::{Before, Compilation, CompiledProgram, Inspection, LibraryEntry, Outline, PieceResult};
use nexus_model::{DeviceInfo, DeviceKind, Diagnostic, Input, JitLevel, JobSpec, NodeCapacity, NodeId, Payload, Value};
use nexus_wire::{ProtocolVersion, Refusal, Request, Response, TaskView};
use tokio::sync::watch;
use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use super::cluster::Cluster;
use super::cluster_recover::RecoverySurvey;
use super::codes;
use super::engine::{self, Kept, KeptCode, KeptKernels};
use super::error::{CliError, Exit};
use super::full_disk;
use super::language::{Language, View};
use super::login::LoggedIn;
use super::nearby::{Nearby, NearbyNode, PATIENCE};
use super::node::{JOIN_TOKEN_VARIABLE, NodeStart, NodeStarted};
use super::program::user;
use super::repl::{Pieces, Typed};
use super::run::{Finished, RunOptions, Runtime, place};
use super::world::World;
use crate::{readings, web};

/// The version of this program.
const VERSION: &str = env!("CARGO_PKG_VERSION");
/// Our own crates, whose log level the settings give; libraries speak only when something is wrong.
const LOGGED: &[&str] = &["nexus_actors", "nexus_blobs", "nexus_consensus", "nexus_ledger", "nexus_link"];

/// The world as it is.
#[derive(Clone)]
pub(crate) struct Session {
    /// The external modules of this machine's data folder.
    modules: Arc<OwnModules>,
    /// That folder, where the command line names it.
    data: Option<PathBuf>,
}

impl Session {
    /// `data` is the data folder, where the command line names it.
    pub(crate) fn new(data: Option<&Path>) -> Self {
        let (data, named) = (data.map(Path::to_owned), data.map(Path::to_owned));
        let look = move || super::data_folder(named.as_deref()).map_err(|error| error.message);
        Session { modules: Arc::new(OwnModules::new(look)), data }
    }

    /// The strategy of this machine's own that a program names, as an input of its job: nodes need not have it.
    fn strategy_of(&self, program: &CompiledProgram) -> Option<(String, Value)> {
        let id = program.attributes().optimize.as_ref()?.as_deref()?;
        let settings = super::learning_settings(self.data.as_deref()).ok()?;
        let known = StateFile::new(settings.model_path.as_deref()?).peek(&settings)?;
        let strategy = known.strategies().registered().iter().find(|strategy| strategy.strategy_id == id)?;
        Some(learning::brought(strategy))
    }

    fn imports<'a>(&'a self, folder: &'a Path) -> Imports<'a> {
        Imports { folder, modules: Some(&self.modules) }
    }

    /// A program and what there is to say about it, or all that is wrong.
    fn compiled(
        &self,
        file: &str,
        source: &str,
        folder: Option<&Path>,
    ) -> Result<(Arc<CompiledProgram>, Vec<Diagnostic>), Vec<Diagnostic>> {
        let Compilation { program, diagnostics } = match folder {
            Some(folder) => embedded::compile(file, source, self.imports(folder)),
            None => nexus_mcode::compile(file, source),
        };
        match program {
            Some(program) => Ok((program, diagnostics)),
            None => Err(diagnostics),
        }
    }
}

impl Language for Session {
    fn check(&self, file: &str, source: &str, folder: Option<&Path>) -> Result<Vec<Diagnostic>, Vec<Diagnostic>> {
        self.compiled(file, source, folder).map(|(_, warnings)| warnings)
    }

    fn tree(&self, file: &str, source: &str) -> Result<String, Vec<Diagnostic>> {
        nexus_mcode::ast_text(file, source)
    }

    fn formatted(&self, source: &str) -> Result<String, Vec<Diagnostic>> {
        nexus_mcode::format(source)
    }

    fn bundled(&self, file: &str, source: &str, folder: &Path) -> Result<Bundle, Vec<Diagnostic>> {
        let mut bundle = embedded::bundle(file, source, self.imports(folder))?;
        let (program, _) = self.compiled(file, source, Some(folder))?;
        bundle.brings.extend(self.strategy_of(&program));
        Ok(bundle)
    }

    fn inspect(&self, file: &str, source: &str, folder: Option<&Path>) -> Inspection {
        match folder {
            Some(folder) => embedded::inspect(file, source, self.imports(folder)),
            None => nexus_mcode::inspect(file, source, &mut |_, _| Err("its folder is not known".to_owned())),
        }
    }

    fn library(&self) -> Vec<LibraryEntry> {
        nexus_mcode::library()
    }

    fn argument(&self, text: &str) -> Value {
        nexus_mcode::parse_argument(text)
    }

    fn intermediate(
        &self,
        file: &str,
        source: &str,
        folder: Option<&Path>,
        view: View,
    ) -> Result<String, Vec<Diagnostic>> {
        let (program, _) = self.compiled(file, source, folder)?;
        Ok(match view {
            View::Code(level) => nexus_mcode::ir_text(&program, level.into()),
            View::Plan(level) => nexus_mcode::plan_text(&program, level.into()),
        })
    }

    fn native(
        &self,
        file: &str,
        source: &str,
        folder: &Path,
        arguments: Vec<(String, Value)>,
    ) -> Result<String, Vec<Diagnostic>> {
        embedded::native_text(file, source, self.imports(folder), arguments)
    }

    fn outline(
        &self,
        file: &str,
        source: &str,
        folder: Option<&Path>,
        arguments: Option<&[(String, Value)]>,
    ) -> Result<Outline, Vec<Diagnostic>> {
        let (program, _) = self.compiled(file, source, folder)?;
        let checked = arguments.map_or(Ok(()), |arguments| nexus_mcode::check_arguments(&program, arguments));
        checked.map(|()| nexus_mcode::outline(&program)).map_err(|wrong| vec![*wrong])
    }
}

impl Pieces for Session {
    fn evaluate(&self, piece: Typed<'_>) -> Result<PieceResult, Vec<Diagnostic>> {
        let Typed { source, own_bytes, known, number, cancel, print } = piece;
        embedded::evaluate(Evaluation {
            file: "repl",
            source,
            own_bytes,
            known,
            imports: self.imports(Path::new(".")),
            device: nexus_tensor::Device::best(),
            stream: number,
            cancel,
            print,
        })
    }

    fn code_of(&self, source: &str, before: Before<'_>) -> Result<String, Vec<Diagnostic>> {
        let mut nothing = |_: &str, _: &str| Err("`:plan` reads no files".to_owned());
        let compilation = nexus_mcode::compile_in_session("repl", source, before, &mut nothing);
        compilation
            .program
            .map(|program| nexus_mcode::ir_text(&program, JitLevel::Plain.into()))
            .ok_or(compilation.diagnostics)
    }
}

impl Runtime for Session {
    fn run(
        &self,
        mut spec: JobSpec,
        options: RunOptions,
        interrupted: watch::Receiver<bool>,
    ) -> Result<Finished, CliError> {
        let RunOptions { inputs, slots, files_root, print, progress, optimize, learned, profiles, check_finite } =
            options;
        let payloads = Arc::new(MemoryPayloads::default());
        for (name, bytes) in inputs {
            let payload = embedded::store(&payloads, bytes).map_err(|reason| {
                CliError::new(Exit::Usage, codes::BAD_INPUT, format!("the input `{name}` cannot be held: {reason}"))
            })?;
            spec.inputs.push(Input { name, payload });
        }
        let capacity = slots.map(|slots| NodeCapacity { slots, memory_bytes: 0, devices: Vec::new() });
        let opened = learned.map(|settings| {
            learning::measure(nexus_tensor::Device::cpu());
            let machine = learning::machine(&nexus_tensor::hardware_devices(), Machine::look().memory_bytes);
            Learner::open(settings, machine, mark())
        });
        let (learner, warning) = opened.map_or((None, None), |(learner, warning)| (Some(Arc::new(learner)), warning));
        let options = EmbeddedOptions {
            learner: learner.clone(),
            optimize,
            profiles,
            check_finite,
            capacity,
            print: Some(Arc::new(Mutex::new(print))),
            files_root: Some(files_root),
            modules: Some(Arc::clone(&self.modules)),
            progress: Some(progress),
            payloads,
            code_cache: Places::code_cache(&Machine::look()),
            scratch: std::env::temp_dir().join(format!("nexus-run-{}", std::process::id())),
        };
        let run = embedded::run(spec, options, interrupted)?;
        let warning = warning.or_else(|| unwritten(learner.as_deref()));
        let (job, tasks) = (run.job.clone(), run.tasks.clone());
        let on_gpu = |task: &TaskView| task.cost.as_ref().is_some_and(|cost| cost.device == DeviceKind::Gpu.name());
        // A driver that no task has loaded is not loaded for its name.
        let devices =
            if tasks.iter().any(on_gpu) { nexus_tensor::devices() } else { vec![nexus_tensor::Device::cpu().info()] };
        let load = move |payload: &Payload| {
            run.load(payload).map_err(|message| Refusal {
                code: codes::UNEXPECTED_ANSWER.to_owned(),
                message,
                help: None,
                retry_after: None,
                leader: None,
            })
        };
        let choice = learner.and_then(|learner| learner.last()).map(Box::new);
        Ok(Finished { job, tasks, load: Box::new(load), devices, choice, warning })
    }
}

/// What there is to say where what was learned could not be written.
fn unwritten(learner: Option<&Learner>) -> Option<String> {
    let error = learner?.save().err()?;
    Some(format!("what was learned of this run is lost: {error}"))
}

/// A number unlike that of any other run, for what is left to chance.
fn mark() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |since| since.as_nanos() as u64)
}

impl World for Session {
    type Cluster = Client;

    async fn connect(&self, data: &Path) -> Result<Client, CliError> {
        Client::connect(data).await.map_err(|refusal| full_disk::why_absent(refusal.into(), data))
    }

    async fn login(&self, data: &Path, address: &str, token: &str) -> Result<LoggedIn, CliError> {
        let login::LoggedIn { cluster, name, role } = login::login(data, address, token, &user()).await?;
        Ok(LoggedIn { cluster, name, role: role.name() })
    }

    fn join_token(&self) -> Option<String> {
        std::env::var(JOIN_TOKEN_VARIABLE).ok().filter(|token| !token.is_empty())
    }

    fn is_member(&self, data: &Path) -> bool {
        nexus_actors::is_member(data)
    }

    fn nearby(&self, data: &Path, token: Option<&str>, begins: impl FnOnce()) -> Result<Nearby, CliError> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| {
            CliError::new(Exit::Unreachable, codes::NOBODY_TO_JOIN, format!("the system gives no event queue: {error}"))
        })?;
        let seen = runtime.block_on(nearby::look_around(data, token, PATIENCE, begins))?;
        let nodes = seen.nodes.into_iter().map(|seen| {
            let nearby::NearbyNode { node, cluster, addresses, authority, fits_token } = seen;
            NearbyNode { node, cluster, addresses, authority, fits_token }
        });
        Ok(Nearby { nodes: nodes.collect(), left_out: seen.left_out })
    }

    fn recover(&self, data: &Path, perform: bool) -> Result<RecoverySurvey, CliError> {
        let survey = if perform { recovery::recover(data)? } else { recovery::survey(data)? };
        Ok(RecoverySurvey {
            node: survey.node.0,
            cluster: survey.cluster,
            last_entry: survey.last_entry,
            committed: survey.committed,
            term: survey.term,
            voters: survey.voters.iter().map(|node| node.0).collect(),
            recovered: perform,
        })
    }

    fn devices(&self) -> Vec<DeviceInfo> {
        nexus_tensor::devices()
    }

    fn hardware_devices(&self) -> Vec<DeviceInfo> {
        nexus_tensor::hardware_devices()
    }

    fn kept(&self, devices: &[DeviceInfo]) -> Kept {
        let machine = Machine::look();
        let code = Places::code_cache(&machine).map(|folder| {
            let CodeCacheFacts { units, bytes, hits, misses, damaged } = CodeCache::look(&folder);
            KeptCode { folder: folder.display().to_string(), units, bytes, hits, misses, damaged }
        });
        let kernels = Places::tuning_cache(&machine).and_then(|folder| {
            let nexus_tensor::KeptTuning { choices, bytes } = nexus_tensor::kept_tuning(&folder)?;
            Some(KeptKernels { folder: folder.display().to_string(), choices, bytes })
        });
        learning::measure(nexus_tensor::Device::cpu());
        let speeds = devices.iter().map(|info| nexus_tensor::kept_speed(&info.name)).collect();
        Kept { code, kernels, speeds }
    }

    fn explain(&self, code: &str) -> Option<&'static str> {
        nexus_mcode::explain(code)
            .or_else(|| nexus_actors::codes::explain(code))
            .or_else(|| nexus_qlogik::explain(code))
    }

    fn node(
        &self,
        start: NodeStart,
        ready: impl FnOnce(&NodeStarted),
        interrupted: watch::Receiver<bool>,
    ) -> Result<(), CliError> {
        let NodeStart { config, name, slots, join } = start;
        let told = config.telemetry();
        let signals = Signals { traces: told.traces(), logs: told.logs() };
        let telemetry = told.otlp().map(|at| Telemetry::start(at, &name, signals)).transpose();
        let telemetry = telemetry.map_err(|message| CliError::new(Exit::Usage, codes::USAGE, message))?;
        log_to_stderr(config.log().level(), telemetry.as_ref());
        let page = web::listen(config.node().http()).map_err(no_page)?;
        let page_at = page.as_ref().map(TcpListener::local_addr).transpose().map_err(no_page)?;
        let options = NodeOptions {
            data: config.node().data().to_owned(),
            listen: config.node().listen(),
            is_listen_given: config.node().is_listen_given(),
            name,
            user: user(),
            capacity: NodeCapacity { slots, memory_bytes: config.worker().memory_bytes(), devices: devices_beside() },
            join: join.map(|(addresses, token)| JoinOptions { addresses, token }),
            optimizer: config.optimizer().clone(),
            keep_unused: config.node().keep_unused(),
            discovery: config.node().discovery(),
            protocol: config
                .node()
                .protocol()
                .map_or(ProtocolVersion::CURRENT, |(major, minor)| ProtocolVersion { major, minor }),
            rules: config.rules().to_vec(),
            sensors: config.worker().sensors().to_owned(),
        };
        let readings = telemetry.as_ref().map(Telemetry::readings).zip(told.metrics_every());
        let serve = |facts: &NodeFacts, onlooker: Onlooker| {
            if let Some((sender, every)) = readings {
                readings::send(every, onlooker.clone(), sender);
            }
            if let Some(Err(error)) = page.map(|page| web::serve(page, onlooker)) {
                tracing::warn!(%error, "there is no web page");
            }
            ready(&started(facts, page_at));
        };
        let ended = node::run(options, serve, interrupted);
        if let Some(telemetry) = telemetry {
            telemetry.shut_down();
        }
        Ok(ended?)
    }

    fn begin_again(&self, arguments: Vec<OsString>) -> CliError {
        use std::os::unix::process::CommandExt as _;
        let error = match std::env::current_exe() {
            Ok(program) => std::process::Command::new(program).args(arguments).env_remove(JOIN_TOKEN_VARIABLE).exec(),
            Err(error) => error,
        };
        CliError::new(
            Exit::Unreachable,
            codes::UNREADABLE_FILE,
            format!("the program of the node cannot be run again: {error}"),
        )
        .with_help("start it with `nexus node start`")
    }
}

/// The devices that a node offers, asked in a process of its own: graphics drivers stay in memory once they are loaded,
/// and a node that never uses one should not hold one. That process also measures how fast the processor is, once on a
/// machine, and keeps it.
fn devices_beside() -> Vec<DeviceInfo> {
    let is_new = nexus_tensor::kept_speed(&nexus_tensor::Device::cpu().name()).is_none();
    let found = (nexus_tensor::graphics_may_exist() || is_new).then(|| {
        let program = std::env::current_exe().ok()?;
        let asked = std::process::Command::new(program).args(["engine", "status", "--hardware", "--json"]).output();
        engine::read_status(&asked.ok()?.stdout)
    });
    match found {
        Some(Some(devices)) => devices,
        Some(None) => nexus_tensor::hardware_devices(),
        None => vec![nexus_tensor::Device::cpu().info()],
    }
}

impl Cluster for Client {
    async fn request(&self, request: Request) -> Result<Response, Refusal> {
        Client::request(self, request).await
    }

    async fn fetch(&self, payload: &Payload) -> Result<Vec<u8>, Refusal> {
        Client::fetch(self, payload).await
    }

    async fn store(&self, bytes: Vec<u8>) -> Result<Payload, Refusal> {
        Client::store(self, bytes).await
    }

    async fn until_gone(&self, node: Option<NodeId>, patience: Duration) -> Option<bool> {
        Client::until_gone(self, node, patience).await
    }

    async fn close(&self) {
        Client::close(self).await;
    }
}

/// The address that was chosen for the web page cannot be had.
fn no_page(error: std::io::Error) -> CliError {
    CliError::new(Exit::Usage, codes::NO_WEB_PAGE, format!("the web page cannot be served: {error}"))
        .with_help("choose another address with --http ADDRESS or `node.http` in nexus.toml, or `off`")
}

fn started(facts: &NodeFacts, page: Option<SocketAddr>) -> NodeStarted {
    let devices = &facts.capacity.devices;
    NodeStarted {
        node: facts.node.0,
        name: facts.name.clone(),
        cluster: facts.cluster.clone(),
        arrival: match facts.arrival {
            Arrival::Founded => "founded",
            Arrival::Joined => "joined",
            Arrival::Returned => "returned",
        },
        address: facts.address.to_string(),
        web: page.map(|address| format!("http://{address}")),
        data: facts.data.display().to_string(),
        slots: facts.capacity.slots,
        devices: devices.iter().map(|device| place(device.kind.name(), std::slice::from_ref(device))).collect(),
        version: VERSION,
    }
}

/// Sends the node's log to stderr, and to a collector where there is one. The environment variable NEXUS_LOG gives other levels than the settings, by room:
/// `nexus_link=debug,nexus_actors=info`.
fn log_to_stderr(level: LogLevel, telemetry: Option<&Telemetry>) {
    let level = level.name().parse().unwrap_or(LevelFilter::INFO);
    // Openraft warns of things that are in order, such as a vote of its own that was overtaken.
    let settings = Targets::new().with_default(LevelFilter::WARN).with_target("openraft", LevelFilter::ERROR);
    let settings = settings.with_targets(LOGGED.iter().map(|name| (*name, level)));
    let asked = std::env::var("NEXUS_LOG").ok().and_then(|text| text.parse::<Targets>().ok());
    let shown = asked.unwrap_or(settings);
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none())
        .with_target(false)
        .with_filter(shown.clone());
    let spans = telemetry.and_then(Telemetry::layer);
    let logs = telemetry.and_then(|telemetry| telemetry.log_layer(shown));
    // A second node in one process keeps the first one's log.
    drop(tracing_subscriber::registry().with(lines).with(spans).with(logs).try_init());
}
