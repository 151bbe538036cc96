//! Runs one task: an M-CODE program or a command, from its job's description to an outcome and a cost.
//!
//! Called on a slot's thread. Whatever happens inside, a panic included, becomes the task's failure and leaves the slot
//! alive.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use nexus_model::{
    Cost, Diagnostic, Failure, INLINE_BYTES_MAX, JobId, JobSpec, Outcome, Payload, Program, Severity, TaskOutput,
    Value, decode_value, encode_value,
};
use nexus_optimizer::Strategy;

use super::begun::Account;
use super::calls::ClusterPort;
use super::command::{CommandEnd, CommandTask, run_command};
use super::external::JobModules;
use super::folder::Folder;
use super::gpus::GpuShare;
use super::grants::Imports;
use super::keeper::Keeper;
use super::load::LoadError;
use super::log::SlotLog;
use super::profile::ProfileSink;
use super::programs::{Compiled, Programs};
use super::slots::CancelFlag;
use crate::code_cache::CodeCache;
use crate::codes;
use crate::learning::{self, Learner, unpack_strategies};
use crate::modules::{ModuleError, OwnModules};
use crate::telemetry;

/// By this variable CUDA programs are told which processors are theirs.
const CUDA_DEVICES: &str = "CUDA_VISIBLE_DEVICES";
/// How long a task waits for room on a full disk before it fails, and how often it looks.
pub(crate) const FULL_DISK_PATIENCE: Duration = Duration::from_secs(30);
pub(crate) const FULL_DISK_PAUSE: Duration = Duration::from_millis(200);

/// Reads and writes payloads that are too large to travel inline. Blocks; called on slots' threads only.
pub(crate) trait PayloadStore: Send + Sync {
    /// The bytes behind a payload, fetched from another node where needed.
    fn load(&self, payload: &Payload) -> Result<Vec<u8>, LoadError>;
    /// Keeps bytes: inline when small, else as a blob that the rest of the cluster can reach. Waits for room on a full disk,
    /// for a while or until `given_up`.
    fn store(&self, bytes: Vec<u8>, given_up: &AtomicBool) -> Result<Payload, String>;
    /// Has a payload here before it is loaded, unless it is given up. What fails is left to whoever loads it. A runtime in one
    /// process has everything.
    fn fetch_ahead(&self, _payload: &Payload, _given_up: &AtomicBool) {}
    /// Returns once what was stored here lies on the disks of so many nodes, this one among them; waits for nodes until
    /// `given_up`. A runtime in one process has no other nodes and asks for no copies.
    fn copy(&self, _payload: &Payload, _copies: u32, _given_up: &AtomicBool) -> Result<(), String> {
        Ok(())
    }
}

/// Gets what a program prints, as it prints it.
pub type PrintSink = Arc<Mutex<dyn FnMut(&str) + Send>>;

/// A job on this worker: its description, compiled at the first task.
pub(crate) struct JobSlot {
    pub(super) id: JobId,
    pub(super) spec: JobSpec,
    prepared: OnceLock<Result<Prepared, Failure>>,
    /// Held by the slot that prepares it.
    preparing: Mutex<()>,
    pub(super) cancelled: CancelFlag,
}

/// What every task of an M-CODE job shares.
pub(super) struct Prepared {
    /// What it has in common with other jobs of the same program.
    pub(super) compiled: Arc<Compiled>,
    pub(super) inputs: Vec<(String, Value)>,
    /// The external modules that came with it.
    pub(super) modules: JobModules,
    /// The strategies that came with it.
    pub(super) strategies: Vec<Strategy>,
    /// Its tasks take microseconds: choosing would cost more than it saves.
    pub(super) is_small: AtomicBool,
}

impl JobSlot {
    pub(crate) fn new(id: JobId, spec: JobSpec) -> Self {
        let (prepared, preparing) = (OnceLock::new(), Mutex::default());
        JobSlot { id, spec, prepared, preparing, cancelled: CancelFlag::default() }
    }

    /// What its tasks share. What failed and may not fail the next time is tried again by the next task.
    fn prepared(&self, prepare: impl FnOnce() -> Result<Prepared, Failure>) -> Result<&Prepared, Failure> {
        if let Some(prepared) = self.prepared.get() {
            return prepared.as_ref().map_err(Failure::clone);
        }
        // Who panicked while it prepared has left nothing half done.
        let _alone = self.preparing.lock().unwrap_or_else(PoisonError::into_inner);
        if self.prepared.get().is_none() {
            match prepare() {
                Err(failure) if failure.retryable => return Err(failure),
                prepared => drop(self.prepared.set(prepared)),
            }
        }
        self.prepared.get().expect("it was just set, or had been").as_ref().map_err(Failure::clone)
    }

    pub(crate) fn cancel(&self) {
        self.cancelled.set();
    }

    pub(crate) fn is_cancelled(&self) -> bool {
        self.cancelled.is_set()
    }
}

/// What a slot has of its own.
pub(crate) struct Place {
    /// What its task has printed.
    pub(crate) log: SlotLog,
    /// Where its commands run.
    pub(crate) folder: Folder,
}

/// What running needs from the node.
pub(crate) struct TaskRunner {
    /// Commands run in folders below this one, each slot's in its own.
    pub(crate) scratch: PathBuf,
    /// Large payloads.
    pub(crate) payloads: Arc<dyn PayloadStore>,
    /// Where prints go at once, beside the task's log.
    pub(crate) print: Option<PrintSink>,
    /// Files below this folder may be read by programs (`nexus run` on one's own machine); none where absent.
    pub(crate) files_root: Option<PathBuf>,
    /// Modules that programs may call although their jobs did not bring them (`nexus run`); none where absent.
    pub(crate) modules: Option<Arc<OwnModules>>,
    /// Programs that need not be compiled again.
    pub(crate) programs: Programs,
    /// Keeps machine code from one run to the next; nothing is kept where absent.
    pub(crate) code: Option<CodeCache>,
    /// Ends commands should this process be killed; none where nobody else is to end them.
    pub(crate) keeper: Option<Keeper>,
    /// Keeps account of what the slots have in hand; none where nobody asks after the end of this process.
    pub(crate) account: Option<Account>,
    /// Chooses how programs run and learns from it; none where nothing is to be learned.
    pub(crate) learner: Option<Arc<Learner>>,
    /// Which programs it chooses for.
    pub(crate) optimize: Optimize,
    /// The way to other nodes, for calls that take long; none where there are no others.
    pub(crate) port: Option<ClusterPort>,
    /// Gets the profile of every program that runs; those of programs with `@profile` are logged anyway.
    pub(crate) profiles: Option<ProfileSink>,
    /// Every program stops at the first operation that makes NaN or infinity; those with `@check_finite` do so anyway.
    pub(crate) check_finite: bool,
}

/// Which programs run as the optimiser chooses.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Optimize {
    /// Those that ask for it with `@optimize`.
    #[default]
    OnRequest,
    /// All.
    Always,
    /// All, under the strategy of this id.
    Named(String),
}

impl TaskRunner {
    /// One that only runs: nothing is kept, learned, or asked of others.
    #[cfg(test)]
    pub(super) fn of_tests(payloads: Arc<dyn PayloadStore>) -> Self {
        TaskRunner {
            scratch: std::env::temp_dir(),
            payloads,
            print: None,
            files_root: None,
            modules: None,
            programs: Programs::default(),
            code: None,
            keeper: None,
            account: None,
            learner: None,
            optimize: Optimize::OnRequest,
            port: None,
            profiles: None,
            check_finite: false,
        }
    }

    /// Runs task `index` of `job` to its end, with its part of the graphics processors. What it prints can be read in the
    /// place's log meanwhile.
    pub(crate) fn run(&self, job: &JobSlot, index: u32, place: &Place, gpus: GpuShare) -> (Outcome, Cost) {
        let span = telemetry::attempt(job.id, index);
        let _within = span.enter();
        let started = Instant::now();
        place.log.begin(job.id, index);
        let (outcome, mut cost) = catch_unwind(AssertUnwindSafe(|| self.dispatch(job, index, place, gpus)))
            .unwrap_or_else(|panic| {
                let text = panic_text(panic.as_ref());
                tracing::error!(task = %job.id, index, panic = text, "a task's code panicked inside the runtime");
                (
                    Outcome::Failed(failure(
                        codes::TASK_PANICKED,
                        format!("the runtime failed inside this task: {text}"),
                    )),
                    Cost::default(),
                )
            });
        let outcome = match outcome {
            // Asked for explicitly: whatever it failed of.
            Outcome::Failed(failure) if job.spec.conditions.retry_failures => {
                Outcome::Failed(Failure { retryable: true, ..failure })
            }
            outcome => outcome,
        };
        let (stdout, stderr) = place.log.end();
        (cost.stdout, cost.stderr) = (self.keep_log(stdout), self.keep_log(stderr));
        cost.wall = started.elapsed();
        let outcome = self.with_copies(outcome, job);
        telemetry::attempted(&span, &outcome);
        (outcome, cost)
    }

    fn dispatch(&self, job: &JobSlot, index: u32, place: &Place, gpus: GpuShare) -> (Outcome, Cost) {
        match &job.spec.program {
            Program::MCode { file, source } => {
                let prepared = job.prepared(|| self.prepare(&job.spec, file, source));
                match (prepared.as_ref(), job.spec.part_of()) {
                    (Ok(prepared), None) => self.run_program(job, index, prepared, &place.log),
                    (Ok(prepared), Some(of)) => (self.run_calls(job, (index, of), prepared), Cost::default()),
                    (Err(failure), _) => (Outcome::Failed((*failure).clone()), Cost::default()),
                }
            }
            Program::Command { argv, env, cwd } => {
                let mut environment = self.environment(job, index, env);
                if gpus.is_some() {
                    environment.push(("NEXUS_GPUS", gpus.devices()));
                    // What the user asks for is left alone.
                    if !env.iter().any(|(name, _)| name == CUDA_DEVICES) {
                        environment.push((CUDA_DEVICES, gpus.devices()));
                    }
                }
                self.run_process(job, argv, environment, cwd.as_deref(), place)
            }
        }
    }

    fn prepare(&self, spec: &JobSpec, file: &str, source: &Arc<str>) -> Result<Prepared, Failure> {
        let compiled = match self.programs.find(file, source) {
            Some(compiled) => compiled,
            None => self.compile(file, source)?,
        };
        let mut inputs = spec
            .inputs
            .iter()
            .map(|input| {
                let unreadable = |why: LoadError| why.failure(&input.name);
                let bytes = self.payloads.load(&input.payload).map_err(unreadable)?;
                let value =
                    decode_value(&bytes).map_err(|error| unreadable(LoadError::Unreadable(error.to_string())))?;
                Ok((input.name.clone(), value))
            })
            .collect::<Result<_, Failure>>()?;
        let modules = JobModules::unpack(&mut inputs, &self.scratch).map_err(|(input, error)| {
            // A disk may have room again.
            let retryable = matches!(error, ModuleError::Disk { .. });
            let message = format!("the input `{input}` is no module that can run: {error}");
            Failure { retryable, ..failure(codes::BAD_JOB_MODULE, message) }
        })?;
        let strategies = unpack_strategies(&mut inputs).map_err(|(input, why)| {
            failure(codes::NO_SUCH_STRATEGY, format!("the input `{input}` is no strategy: {why}"))
        })?;
        Ok(Prepared { compiled, inputs, modules, strategies, is_small: AtomicBool::new(false) })
    }

    fn compile(&self, file: &str, source: &Arc<str>) -> Result<Arc<Compiled>, Failure> {
        let _compiling = telemetry::compile().entered();
        let compilation = match &self.files_root {
            Some(root) => {
                let imports = Imports { folder: root, modules: self.modules.as_deref() };
                nexus_mcode::compile_with_imports(file, source, &mut |importer, name| imports.find(importer, name))
            }
            None => nexus_mcode::compile(file, source),
        };
        let program = compilation.program.ok_or_else(|| {
            let first = compilation.diagnostics.into_iter().find(|d| d.severity == Severity::Error);
            let silent = || failure(codes::NOT_COMPILED, "the program could not be compiled".to_owned());
            first.map_or_else(silent, diagnosed)
        })?;
        let compiled = Arc::new(Compiled::new(file, source, program, learning::text_name(source)));
        // What a file imports may have changed by the next time.
        if self.files_root.is_none() {
            self.programs.keep(Arc::clone(&compiled));
        }
        Ok(compiled)
    }

    pub(super) fn keep_output(&self, result: Value, outputs: Vec<(String, Value)>, given_up: &AtomicBool) -> Outcome {
        let keep = |value: &Value| -> Result<Payload, String> {
            let bytes = encode_value(value).map_err(|error| error.to_string())?;
            self.payloads.store(bytes, given_up)
        };
        let kept = keep(&result).and_then(|result| {
            let outputs =
                outputs.iter().map(|(name, value)| Ok((name.clone(), keep(value)?))).collect::<Result<_, String>>()?;
            Ok(TaskOutput { result, outputs })
        });
        match kept {
            Ok(output) => Outcome::Succeeded(output),
            Err(why) => not_kept(&why),
        }
    }

    /// The outcome, once as many nodes have its results as the job asks for.
    fn with_copies(&self, outcome: Outcome, job: &JobSlot) -> Outcome {
        let Outcome::Succeeded(output) = &outcome else { return outcome };
        let copies = job.spec.selection.copies;
        let outputs = output.outputs.iter().map(|(_, payload)| payload);
        let mut payloads = std::iter::once(&output.result).chain(outputs);
        match payloads.try_for_each(|payload| self.payloads.copy(payload, copies, job.cancelled.shared())) {
            Ok(()) => outcome,
            Err(why) => not_kept(&why),
        }
    }

    /// A log that cannot be kept must not fail the task: its loss is logged.
    fn keep_log(&self, bytes: Vec<u8>) -> Option<Payload> {
        if bytes.is_empty() {
            return None;
        }
        if bytes.len() <= INLINE_BYTES_MAX {
            return Some(Payload::Inline(bytes.into()));
        }
        // A full disk is not waited for.
        let stored = self.payloads.store(bytes, &AtomicBool::new(true));
        stored.inspect_err(|why| tracing::warn!(why, "a task's log was lost")).ok()
    }

    fn run_process(
        &self,
        job: &JobSlot,
        argv: &[String],
        env: Vec<(&str, String)>,
        cwd: Option<&str>,
        place: &Place,
    ) -> (Outcome, Cost) {
        let folder = &place.folder;
        if cwd.is_none()
            && let Err(error) = opened(folder, job)
        {
            if job.is_cancelled() {
                return (Outcome::Cancelled, Cost::default());
            }
            let message = format!("the task's folder {} cannot be made: {error}", folder.path().display());
            let failed = Failure { retryable: true, ..failure(codes::NO_SCRATCH, message) };
            return (Outcome::Failed(failed), Cost::default());
        }
        let directory = cwd.map_or(folder.path(), Path::new);
        let (timeout, cancelled) = (job.spec.timeout, job.cancelled.shared());
        let (log, keeper) = (&place.log, self.keeper.as_ref());
        let end = run_command(&CommandTask { argv, env, directory, timeout, cancelled, log, keeper });
        if cwd.is_none() {
            folder.clear();
        }
        let exit_code = match end {
            CommandEnd::Exited { code, .. } => code,
            CommandEnd::NotStarted(_) | CommandEnd::Cancelled | CommandEnd::TimedOut => None,
        };
        (self.process_outcome(end, &argv[0], directory), Cost { exit_code, ..Cost::default() })
    }

    fn environment<'a>(&self, job: &JobSlot, index: u32, env: &'a [(String, String)]) -> Vec<(&'a str, String)> {
        let mut all: Vec<(&str, String)> = env.iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
        all.push(("NEXUS_JOB_ID", job.id.0.to_string()));
        all.push(("NEXUS_TASK_INDEX", index.to_string()));
        all.push(("NEXUS_TASK_COUNT", job.spec.tasks.len().to_string()));
        all
    }

    fn process_outcome(&self, end: CommandEnd, program: &str, directory: &Path) -> Outcome {
        match end {
            CommandEnd::Exited { code: Some(0), .. } => {
                self.keep_output(Value::Int(0), Vec::new(), &AtomicBool::new(true))
            }
            CommandEnd::Exited { code: Some(code), .. } => {
                Outcome::Failed(failure(codes::COMMAND_FAILED, format!("`{program}` exited with status {code}")))
            }
            CommandEnd::Exited { code: None, signal } => {
                let signal = signal.map_or_else(|| "a signal".to_owned(), |number| format!("signal {number}"));
                Outcome::Failed(failure(codes::COMMAND_FAILED, format!("`{program}` was ended by {signal}")))
            }
            CommandEnd::NotStarted(error) => {
                let message = format!("`{program}` cannot be started in {}: {error}", directory.display());
                Outcome::Failed(failure(codes::COMMAND_NOT_STARTED, message))
            }
            CommandEnd::Cancelled => Outcome::Cancelled,
            CommandEnd::TimedOut => Outcome::TimedOut,
        }
    }
}

fn not_kept(why: &str) -> Outcome {
    let message = format!("the result cannot be kept: {why}");
    Outcome::Failed(Failure { retryable: true, ..failure(codes::RESULT_NOT_KEPT, message) })
}

/// Makes the folder of a task. A full disk is waited for: tasks that fail at once would spend all their attempts on it.
fn opened(folder: &Folder, job: &JobSlot) -> std::io::Result<()> {
    let until = Instant::now() + job.spec.timeout.map_or(FULL_DISK_PATIENCE, |limit| limit.min(FULL_DISK_PATIENCE));
    loop {
        let made = folder.open();
        let is_full = made.as_ref().is_err_and(|error| error.kind() == std::io::ErrorKind::StorageFull);
        if !is_full || job.is_cancelled() || Instant::now() >= until {
            return made;
        }
        std::thread::park_timeout(FULL_DISK_PAUSE);
    }
}

/// Seconds since 1970, for programs that may know the time; nothing here is decided by it.
pub(crate) fn seconds_now() -> f64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}

pub(super) fn failure(code: &str, message: String) -> Failure {
    Failure { code: code.to_owned(), message, diagnostic: None, retryable: false }
}

pub(super) fn diagnosed(diagnostic: Diagnostic) -> Failure {
    Failure {
        code: diagnostic.code.clone(),
        message: diagnostic.message.clone(),
        diagnostic: Some(Box::new(diagnostic)),
        retryable: false,
    }
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("unknown cause")
}
