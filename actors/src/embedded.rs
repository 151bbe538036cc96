//! The whole runtime inside one process, for one job: `nexus run`.
//!
//! The same actors as on a node exchange the same messages; the ledger lives in memory, nobody listens on a port and
//! nothing is left behind but machine code, where a folder for it was named.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use nexus_ledger::{Command, NewNode};
use nexus_model::{IndexRange, JobId, JobSpec, NodeCapacity, NodeId, Payload};
use nexus_wire::limits::WAIT_MAX;
use nexus_wire::{JobView, Refusal, Request, Response, TaskDetail, TaskView};
use tokio::sync::watch;

use crate::code_cache::CodeCache;
use crate::codes;
use crate::control::{ControlPlane, now_ms, refusal};
use crate::copies::Copies;
use crate::crew::{Crew, Plan};
use crate::gateway::{Ask, GatewayState};
use crate::learning::Learner;
use crate::liveness::Liveness;
use crate::modules::OwnModules;
use crate::node::StopReason;
use crate::payloads::MemoryPayloads;
use crate::progress::Progress;
use crate::roles::Caller;
use crate::worker::{
    FileGrant, Imports, Left, Optimize, PayloadStore, PrintSink, ProfileSink, Programs, TaskRunner, TypedModules,
};

/// Hears how a job moves.
pub type ProgressSink = Box<dyn FnMut(&JobView)>;

/// How to run.
#[derive(Default)]
pub struct EmbeddedOptions {
    /// What this machine offers: its slots and devices.
    pub capacity: Option<NodeCapacity>,
    /// Gets what the program prints, as it prints it.
    pub print: Option<PrintSink>,
    /// The program may read files below this folder.
    pub files_root: Option<PathBuf>,
    /// The modules that the program may call beside those that its job brings.
    pub modules: Option<Arc<OwnModules>>,
    /// Hears how the job moves, for progress on a terminal.
    pub progress: Option<ProgressSink>,
    /// Payloads that the job's inputs refer to.
    pub payloads: Arc<MemoryPayloads>,
    /// Where commands run, each in a folder of its own.
    pub scratch: PathBuf,
    /// Machine code is kept in this folder from one run to the next; nothing is kept where absent.
    pub code_cache: Option<PathBuf>,
    /// Chooses how programs run, and learns.
    pub learner: Option<Arc<Learner>>,
    /// Which programs it chooses for.
    pub optimize: Optimize,
    /// Gets the profile of every task that runs to its end.
    pub profiles: Option<ProfileSink>,
    /// The program stops at the first operation that makes NaN or infinity of finite numbers.
    pub check_finite: bool,
}

/// A job that has ended.
pub struct EmbeddedRun {
    /// The job.
    pub job: JobView,
    /// Its tasks with their outcomes, in order.
    pub tasks: Vec<TaskView>,
    payloads: Arc<MemoryPayloads>,
}

impl EmbeddedRun {
    /// The bytes of a payload of one of the tasks.
    pub fn load(&self, payload: &Payload) -> Result<Vec<u8>, String> {
        self.payloads.load(payload).map_err(|error| error.to_string())
    }
}

/// Keeps bytes for a job's input in this process.
pub fn store(payloads: &MemoryPayloads, bytes: Vec<u8>) -> Result<Payload, String> {
    payloads.store(bytes, &AtomicBool::new(false))
}

/// Compiles a program as [`run`] will.
pub fn compile(file: &str, source: &str, imports: Imports<'_>) -> nexus_mcode::Compilation {
    nexus_mcode::compile_with_imports(file, source, &mut |importer, path| imports.find(importer, path))
}

/// A program with everything that it needs of this machine.
#[derive(Debug, Clone, PartialEq)]
pub struct Bundle {
    /// The program with the files that it imports, as one text.
    pub text: String,
    /// What its job brings as inputs: the external modules that it calls, and the strategy of this machine that it names.
    pub brings: Vec<(String, nexus_model::Value)>,
}

/// The program with everything that it imports, as a job can carry it.
pub fn bundle(file: &str, source: &str, imports: Imports<'_>) -> Result<Bundle, Vec<nexus_model::Diagnostic>> {
    let mut paths = BTreeSet::new();
    let text = nexus_mcode::bundle(file, source, &mut |importer, path| {
        let found = imports.find(importer, path)?;
        if nexus_mcode::external_module(path).is_some() {
            paths.insert(path.to_owned());
        }
        Ok(found)
    })?;
    let packed = paths.into_iter().map(|path| {
        let packed = imports.packed(&path).map_err(|error| {
            let diagnostic = nexus_model::Diagnostic::error(codes::BAD_JOB_MODULE, error.to_string());
            vec![nexus_model::Diagnostic { help: Some(error.help()), file: file.to_owned(), ..diagnostic }]
        });
        packed.map(|packed| (path, packed))
    });
    Ok(Bundle { text, brings: packed.collect::<Result<_, _>>()? })
}

/// A piece of a program that a person types, and what it may use.
pub struct Evaluation<'a> {
    /// Name for messages.
    pub file: &'a str,
    /// Its text.
    pub source: &'a str,
    /// Bytes of its own text; behind it stands what goes on from the pieces before.
    pub own_bytes: usize,
    /// The variables of the pieces before.
    pub known: &'a [(String, nexus_mcode::Kept)],
    /// Where files are read and imported from, and which modules.
    pub imports: Imports<'a>,
    /// Where its tensors live.
    pub device: nexus_tensor::Device,
    /// The random stream that it draws from: the number of the piece.
    pub stream: u64,
    /// Set to true, it stops the run.
    pub cancel: Arc<AtomicBool>,
    /// Takes what it prints.
    pub print: &'a mut dyn FnMut(&str),
}

/// Compiles and runs a piece; all that is wrong with it where it does not come to its end.
pub fn evaluate(request: Evaluation<'_>) -> Result<nexus_mcode::PieceResult, Vec<nexus_model::Diagnostic>> {
    let Evaluation { file, source, own_bytes, known, imports, device, stream, cancel, print } = request;
    let grant = FileGrant::below(imports.folder);
    let names: Vec<String> = known.iter().map(|(name, _)| name.clone()).collect();
    let mut import = |importer: &str, path: &str| imports.find(importer, path);
    let compilation =
        nexus_mcode::compile_in_session(file, source, nexus_mcode::Before { known: &names, own_bytes }, &mut import);
    let Some(program) = compilation.program else { return Err(compilation.diagnostics) };
    let mut read = |name: &str| grant.read_value(name);
    let limits = nexus_model::Limits::local();
    let context = nexus_tensor::Context::new(device).with_cancel(Arc::clone(&cancel)).with_stream(stream);
    let modules = TypedModules::of(imports);
    let external = modules.calls();
    let request = nexus_mcode::RunRequest {
        cancel,
        files: Some(&mut read),
        clock: Some(&crate::worker::seconds_now),
        external: Some(&external),
        threads: cores() as usize,
        print: &mut *print,
        ..nexus_mcode::RunRequest::new(context, limits)
    };
    let done = nexus_mcode::run_in_session(&program, request, known).map_err(|diagnostic| vec![diagnostic]);
    for line in modules.said().lines() {
        print(&format!("{line}\n"));
    }
    done
}

/// Runs a program at the highest level of compilation, as it would run here with these arguments and without limits; gives
/// the machine code that was made of it as text, and what was not made, and why. What it prints is dropped.
pub fn native_text(
    file: &str,
    source: &str,
    imports: Imports<'_>,
    arguments: Vec<(String, nexus_model::Value)>,
) -> Result<String, Vec<nexus_model::Diagnostic>> {
    let nexus_mcode::Compilation { program, diagnostics } = compile(file, source, imports);
    let Some(program) = program else { return Err(diagnostics) };
    let grant = FileGrant::below(imports.folder);
    let mut read = |name: &str| grant.read_value(name);
    let execution = nexus_model::Execution::at(nexus_model::JitLevel::Native);
    let context = nexus_tensor::Context::new(nexus_tensor::Device::cpu());
    let modules = TypedModules::of(imports);
    let external = modules.calls();
    let request = nexus_mcode::RunRequest {
        arguments,
        execution,
        files: Some(&mut read),
        clock: Some(&crate::worker::seconds_now),
        external: Some(&external),
        threads: cores() as usize,
        ..nexus_mcode::RunRequest::new(context, nexus_model::Limits::local())
    };
    let done = nexus_mcode::run(&program, request).map_err(|diagnostic| vec![diagnostic])?;
    Ok(nexus_mcode::native_text(&program, execution, &done.native))
}

/// Looks at a program as [`compile`] reads it, for an editor.
pub fn inspect(file: &str, source: &str, imports: Imports<'_>) -> nexus_mcode::Inspection {
    nexus_mcode::inspect(file, source, &mut |importer, path| imports.find(importer, path))
}

/// Runs one job to its end. `interrupted` turning true cancels it. Blocks; starts an actix system on this thread.
pub fn run(
    spec: JobSpec,
    options: EmbeddedOptions,
    interrupted: watch::Receiver<bool>,
) -> Result<EmbeddedRun, Refusal> {
    actix::System::new().block_on(run_here(spec, options, interrupted))
}

const NODE: NodeId = NodeId(1);

async fn run_here(
    spec: JobSpec,
    options: EmbeddedOptions,
    mut interrupted: watch::Receiver<bool>,
) -> Result<EmbeddedRun, Refusal> {
    let (runner, capacity, mut progress, payloads) = parts_of(options);
    let (control, events) = ControlPlane::embedded();
    let jobs_progress = Progress::default();
    let liveness = Liveness::default();
    let (stop, mut stopped) = watch::channel(None);
    let founder =
        NewNode { name: "here".to_owned(), fingerprint: [0; 32], address: String::new(), capacity: capacity.clone() };
    let (ca_certificate_pem, name) = (String::new(), "embedded".to_owned());
    control.propose(Command::CreateCluster { name, ca_certificate_pem, founder, at_ms: now_ms() }).await?;
    let gateway = GatewayState {
        node: NODE,
        control: control.clone(),
        leader: None,
        progress: jobs_progress.clone(),
        liveness: liveness.clone(),
        blobs: None,
        copies: Copies::default(),
        membership: None,
        drained: watch::channel(false).0,
        stop: stop.clone(),
        under_way: GatewayState::admission(),
        directory: Arc::default(),
        learner: None,
    };
    let plan = Plan {
        node: NODE,
        address: String::new(),
        capacity,
        gateway: Arc::new(gateway),
        timelines: None,
        runner,
        begun: Left::default(),
        control,
        events,
        progress: jobs_progress,
        liveness,
        leader: None,
        drained: watch::channel(false).1,
        vitals: watch::channel(None).1,
    };
    let crew = Crew::start(plan, move |_| {
        stop.send_replace(Some(StopReason::Asked));
    })
    .map_err(|error| refusal(codes::BUSY, format!("no threads for the tasks: {error}")))?;
    let driven = tokio::select! {
        driven = drive(&crew, spec, &mut interrupted, &mut progress) => driven,
        _ = stopped.wait_for(Option::is_some) => {
            Err(refusal(codes::TASK_PANICKED, "the runtime could not be kept alive".to_owned()))
        }
    };
    crew.stop().await;
    let (job, tasks) = driven?;
    Ok(EmbeddedRun { job, tasks, payloads })
}

/// What runs the tasks, what there is for them, and who hears of them.
fn parts_of(options: EmbeddedOptions) -> (TaskRunner, NodeCapacity, Option<ProgressSink>, Arc<MemoryPayloads>) {
    let EmbeddedOptions { print, files_root, scratch, learner, optimize, profiles, progress, payloads, .. } = options;
    let (code, check_finite, modules) = (options.code_cache.map(CodeCache::at), options.check_finite, options.modules);
    let store = Arc::clone(&payloads) as Arc<dyn PayloadStore>;
    let (keeper, account, port) = (None, None, None);
    let runner = TaskRunner {
        programs: Programs::default(),
        scratch,
        payloads: store,
        print,
        files_root,
        modules,
        code,
        keeper,
        account,
        learner,
        optimize,
        port,
        profiles,
        check_finite,
    };
    let usual = || NodeCapacity { slots: cores(), memory_bytes: 0, devices: Vec::new() };
    (runner, options.capacity.unwrap_or_else(usual), progress, payloads)
}

async fn drive(
    crew: &Crew,
    spec: JobSpec,
    interrupted: &mut watch::Receiver<bool>,
    progress: &mut Option<ProgressSink>,
) -> Result<(JobView, Vec<TaskView>), Refusal> {
    let submitted = ask(crew, Request::SubmitJob { spec: Box::new(spec), key: None }).await?;
    let Response::Submitted(job) = submitted else { return Err(unexpected()) };
    let mut seen = 0;
    let mut cancelled = false;
    let view = loop {
        let wait = ask(crew, Request::WaitJob { job, seen, patience: WAIT_MAX });
        let answer = tokio::select! {
            answer = wait => answer?,
            Ok(_) = interrupted.wait_for(|interrupted| *interrupted), if !cancelled => {
                cancelled = true;
                ask(crew, Request::CancelJob(job)).await?
            }
        };
        let Response::Job(view) = answer else { return Err(unexpected()) };
        if let Some(progress) = progress {
            progress(&view);
        }
        if view.state.is_final() {
            break *view;
        }
        seen = view.ended();
    };
    let tasks = all_tasks(crew, job, view.tasks).await?;
    Ok((view, tasks))
}

async fn all_tasks(crew: &Crew, job: JobId, range: IndexRange) -> Result<Vec<TaskView>, Refusal> {
    let mut tasks: Vec<TaskView> = Vec::new();
    let mut next = range.start;
    while next < range.end {
        let range = IndexRange::new(next, range.end);
        let Response::Tasks(page) = ask(crew, Request::ListTasks { job, range, detail: TaskDetail::Full }).await?
        else {
            return Err(unexpected());
        };
        let Some(last) = page.last() else { return Err(unexpected()) };
        next = last.index + 1;
        tasks.extend(page);
    }
    Ok(tasks)
}

async fn ask(crew: &Crew, request: Request) -> Result<Response, Refusal> {
    let Some(gateway) = crew.directory.gateway.get().await else { return Err(crate::control::stopping()) };
    match gateway.send(Ask::new(Caller::local(), request)).await {
        Ok(Response::Refused(refusal)) => Err(refusal),
        Ok(response) => Ok(response),
        Err(_) => Err(refusal(codes::BUSY, "the gateway is being restarted".to_owned())),
    }
}

fn unexpected() -> Refusal {
    refusal(codes::BAD_MESSAGE, "the gateway gave an answer that does not fit".to_owned())
}

/// Slots of a machine that says nothing else: one for each core.
pub(crate) fn cores() -> u32 {
    std::thread::available_parallelism().map_or(1, |count| count.get() as u32)
}
