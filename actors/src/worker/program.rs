//! Runs one M-CODE program: chooses how with the optimiser's help, runs it, compares results of strategies that were
//! never compared, and tells the optimiser what was seen.
//!
//! Called by [`super::task`] on a slot's thread.

mod again;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use nexus_mcode::{CompiledProgram, Elsewhere, RunResult};
use nexus_model::{Cost, DeviceChoice, DeviceKind, Diagnostic, Failure, JobSpec, Limits, Outcome, TaskId, Value};
use nexus_optimizer::{Choice, Comparison, Reason, RunOutcome, Strategy};
use nexus_tensor::{Context, Device, Meter, TensorError, Warnings};

use super::calls::TaskCalls;
use super::external::ModuleCalls;
use super::grants::{Deadline, FileGrant};
use super::log::{SlotLog, Stream};
use super::profile::{Beating, RunProfile, hand_over, stopwatch};
use super::task::{JobSlot, Optimize, Prepared, TaskRunner, diagnosed, failure, seconds_now};
use crate::codes;
use crate::learning::sameness::{same, same_outputs};
use crate::learning::work::{Seen, code_of, features_of};
use crate::learning::{Application, Learner, Observed, measure, work_of};

/// Work that takes less runs without the optimiser from then on.
const SMALL: Duration = Duration::from_micros(100);

/// One task of a job, as far as running it needs to be known.
struct Task<'a> {
    job: &'a JobSlot,
    index: u32,
    prepared: &'a Prepared,
    arguments: Vec<(String, Value)>,
    /// Set where the program looked at the clock: two runs may differ then.
    looked_at_clock: Arc<AtomicBool>,
    /// Set where it called an external module, of which that is true as well.
    called_modules: AtomicBool,
    /// What it prints.
    log: &'a SlotLog,
}

/// A run that came to its end.
struct Ran {
    result: Result<RunResult, Diagnostic>,
    took: Duration,
    meter: Arc<Meter>,
    /// What operations had to say of their results.
    warnings: Warnings,
    /// Other machines may have had a part in it.
    is_shared: bool,
}

/// How a task is run, and why.
struct Plan {
    application: Application,
    choice: Option<Choice>,
    /// The device that the engine chooses by itself.
    device: Device,
}

impl TaskRunner {
    pub(super) fn run_program(&self, job: &JobSlot, index: u32, prepared: &Prepared, log: &SlotLog) -> (Outcome, Cost) {
        let spec = &job.spec;
        let device = match device_for(spec.device, &prepared.compiled.program) {
            Ok((device, warning)) => {
                if let Some(warning) = warning {
                    log.append(Stream::Stderr, format!("warning: {warning}\n").as_bytes());
                }
                device
            }
            Err(failure) => return (Outcome::Failed(failure), Cost::default()),
        };
        let position = index - spec.tasks.start;
        let value = |(name, source): &(String, nexus_model::ArgumentSource)| {
            (name.clone(), source.value_at(position, spec.tasks.len()))
        };
        let arguments = spec.arguments.iter().map(value).collect();
        let (looked_at_clock, called_modules) = (Arc::default(), AtomicBool::new(false));
        let task = Task { job, index, prepared, arguments, looked_at_clock, called_modules, log };
        let mut plan = match self.plan(&task, device, log) {
            Ok(plan) => plan,
            Err(failure) => return (Outcome::Failed(failure), Cost::default()),
        };
        let timed_by_job = spec.timeout.is_some_and(|t| spec.limits.wall.is_none_or(|wall| t < wall));
        let wall = if timed_by_job { spec.timeout } else { spec.limits.wall };
        let limits = Limits { wall, ..spec.limits.clone() };
        let mut print = |text: &str| {
            if let Some(sink) = &self.print {
                (sink.lock().unwrap_or_else(std::sync::PoisonError::into_inner))(text);
            }
            log.append(Stream::Stdout, text.as_bytes());
        };
        let calls = self.calls_of(&task, &plan.application);
        let elsewhere = calls.as_ref().map(|calls| calls as &dyn Elsewhere);
        let _busy = self.learner.as_deref().map(Learner::enter);
        let mut ran = self.execute_or_again(&task, &mut plan, elsewhere, limits, &mut print);
        ran.is_shared = calls.is_some_and(|calls| calls.offered.load(Ordering::Relaxed));
        for warning in ran.warnings.take() {
            log.append(Stream::Stderr, format!("warning: {}: {}\n", warning.operation, warning.message).as_bytes());
        }
        self.profile(&task, &plan.application, &mut ran, log);
        let result = match (&plan.choice, &self.learner) {
            (Some(choice), Some(learner)) => self.learn(&task, choice, &plan.application, ran, learner),
            _ => ran.result,
        };
        let outcome = match result {
            Ok(done) => self.keep_output(done.result, done.outputs, job.cancelled.shared()),
            Err(_) if job.is_cancelled() => Outcome::Cancelled,
            Err(diagnostic) if timed_by_job && diagnostic.code == nexus_mcode::WALL_LIMIT_CODE => Outcome::TimedOut,
            Err(diagnostic) => Outcome::Failed(diagnosed(diagnostic)),
        };
        let used = plan.application.device;
        if used.kind() == DeviceKind::Gpu && matches!(outcome, Outcome::Succeeded(_)) {
            // It has run once now: how fast it is, beside the processor, is measured the first time on a machine.
            for device in [Device::cpu(), used] {
                measure(device);
            }
        }
        (outcome, Cost { device: plan.application.device.kind().name().to_owned(), ..Cost::default() })
    }

    /// How a task is run: as its job says, or as the optimiser chooses.
    fn plan(&self, task: &Task<'_>, device: Device, log: &SlotLog) -> Result<Plan, Failure> {
        let spec = &task.job.spec;
        let usual = Application::usual(
            &task.prepared.compiled.program,
            device,
            spec.execution.unwrap_or_default(),
            self.threads_for(spec),
        );
        let asked = task.prepared.compiled.program.attributes().optimize.as_ref();
        let Some(learner) = self.learner.as_deref().filter(|_| self.is_open(task)) else {
            if asked.is_some() && self.learner.is_some() && self.is_decided(task) {
                let told = "warning: @optimize: the device, the level of compilation or a check is given, so nothing is chosen\n";
                log.append(Stream::Stderr, told.as_bytes());
            }
            // What is not decided is only too small to choose for.
            let repays = self.learner.is_some() && !self.is_decided(task) && self.is_asked(task);
            return Ok(Plan { application: Application { repays, ..usual }, choice: None, device });
        };
        let (named, is_programs) = match (&self.optimize, asked) {
            (Optimize::Named(id), _) => (Some(id.as_str()), false),
            (_, Some(Some(id))) => (Some(id.as_str()), true),
            (Optimize::Always, _) | (Optimize::OnRequest, Some(None)) => (None, false),
            (Optimize::OnRequest, None) => return Ok(Plan { application: usual, choice: None, device }),
        };
        for strategy in &task.prepared.strategies {
            if let Err(error) = learner.learn_of(strategy) {
                let told = format!("warning: the strategy that came with the job is not known here: {error}\n");
                log.append(Stream::Stderr, told.as_bytes());
            }
        }
        let outline =
            task.prepared.compiled.outline.get_or_init(|| nexus_mcode::outline(&task.prepared.compiled.program));
        let work = work_of(outline, &task.arguments, &task.prepared.inputs, spec.tasks.len());
        let processor_only = device.kind() == DeviceKind::Cpu;
        let within = spec.timeout.into_iter().chain(spec.limits.wall).min();
        let choice = match learner.choose(&work, named, processor_only, within) {
            // A program travels: what it names may not be on this machine. Its user is told.
            Err(error) if is_programs => {
                let told = format!("warning: @optimize: {error}; what was learned decides instead\n");
                log.append(Stream::Stderr, told.as_bytes());
                learner.choose(&work, None, processor_only, within)
            }
            chosen => chosen,
        };
        let choice = choice.map_err(|error| {
            failure(codes::NO_SUCH_STRATEGY, format!("{error} (`nexus optimizer strategies` lists them)"))
        })?;
        if choice.reason == Reason::Disabled {
            return Ok(Plan { application: usual, choice: None, device });
        }
        let application = self
            .application(task, &choice.strategy, device)
            .map_err(|error| failure(error.code(), error.to_string()))?;
        // Who names a strategy asks for its machine code, whether that pays or not.
        let repays = choice.reason != Reason::Asked;
        Ok(Plan { application: Application { repays, ..application }, choice: Some(choice), device })
    }

    /// What a strategy comes to for a task.
    fn application(&self, task: &Task<'_>, strategy: &Strategy, device: Device) -> Result<Application, TensorError> {
        let spec = &task.job.spec;
        let shared = (self.threads_for(spec), spec.tasks.len());
        Application::of(strategy, &task.prepared.compiled.program, device, shared)
    }

    /// Whether there is anything to choose: what is decided is; work of microseconds is not worth it.
    fn is_open(&self, task: &Task<'_>) -> bool {
        !self.is_decided(task) && !task.prepared.is_small.load(Ordering::Relaxed)
    }

    /// Whether the optimiser is asked about such tasks at all.
    fn is_asked(&self, task: &Task<'_>) -> bool {
        !matches!(self.optimize, Optimize::OnRequest) || task.prepared.compiled.program.attributes().optimize.is_some()
    }

    /// Whether the job or its program says itself how it is executed.
    fn is_decided(&self, task: &Task<'_>) -> bool {
        let spec = &task.job.spec;
        let wants_gpu = match spec.device {
            DeviceChoice::Gpu => true,
            DeviceChoice::Cpu => false,
            DeviceChoice::Auto => task.prepared.compiled.program.device_attribute() == Some("gpu"),
        };
        spec.execution.is_some() || wants_gpu || self.checks_finite(task)
    }

    /// Whether the run stops at the first operation that makes NaN or infinity: its times say nothing of other runs.
    fn checks_finite(&self, task: &Task<'_>) -> bool {
        self.check_finite || task.prepared.compiled.program.attributes().check_finite
    }

    /// The way of a task's long calls to other nodes: where there are some, and it is not itself such calls. What a
    /// person's own files and clock say is not there, nor what the strategy makes of precision and derivatives.
    fn calls_of<'t>(&'t self, task: &'t Task<'_>, application: &Application) -> Option<TaskCalls<'t>> {
        let port = self.port.as_ref().filter(|_| self.files_root.is_none())?;
        let may_go = application.goes_elsewhere && application.is_plain_for(&task.prepared.compiled.program);
        may_go.then_some(())?;
        let id = TaskId { job: task.job.id, index: task.index };
        let (spec, application) = (&task.job.spec, *application);
        Some(TaskCalls { port, task: id, spec, application, offered: AtomicBool::new(false) })
    }

    /// What a run with these limits works in.
    pub(super) fn context_for(
        application: &Application,
        (meter, limits): (&Arc<Meter>, &Limits),
        cancel: &Arc<AtomicBool>,
        (seed, stream): (u64, u64),
    ) -> Context {
        let context = application
            .context()
            .with_meter(Arc::clone(meter))
            .with_cancel(Arc::clone(cancel))
            .with_seed(seed)
            .with_stream(stream);
        match limits.wall {
            Some(wall) => context.with_watch(Arc::new(Deadline::after(wall))),
            None => context,
        }
    }

    /// Where machine code is kept.
    pub(super) fn code_store(&self) -> Option<&dyn nexus_mcode::CodeStore> {
        self.code.as_ref().map(|cache| cache as &dyn nexus_mcode::CodeStore)
    }

    /// Runs the task once.
    fn execute(
        &self,
        task: &Task<'_>,
        (application, elsewhere): (&Application, Option<&dyn Elsewhere>),
        limits: Limits,
        print: &mut dyn FnMut(&str),
    ) -> Ran {
        let spec = &task.job.spec;
        let cancel = task.job.cancelled.shared();
        let meter = Meter::with_pooling(&limits, application.pooling);
        let place = (spec.seed, u64::from(task.index));
        let mut context = Self::context_for(application, (&meter, &limits), cancel, place);
        let is_profiled = self.profiles.is_some() || task.prepared.compiled.program.attributes().profile.is_some();
        let beating = is_profiled.then(Beating::begin);
        if let Some(beating) = &beating {
            context = context.with_profile_clock(beating.clock());
        }
        if self.check_finite {
            context = context.with_finite_checks();
        }
        let warnings = context.warnings();
        let grant = self.files_root.as_deref().map(FileGrant::below);
        let mut read = grant.as_ref().map(|grant| |name: &str| grant.read_value(name));
        let looked = Arc::clone(&task.looked_at_clock);
        let clock = move || {
            looked.store(true, Ordering::Relaxed);
            seconds_now()
        };
        let modules = (&task.prepared.modules, self.modules.as_deref());
        let external = ModuleCalls::new(modules, task.log, &task.called_modules);
        let watch = stopwatch();
        let started = Instant::now();
        let result = nexus_mcode::run(
            &task.prepared.compiled.program,
            nexus_mcode::RunRequest {
                execution: application.execution,
                tier_up: application.tier_up(&*watch),
                code: self.code_store(),
                arguments: task.arguments.clone(),
                inputs: &task.prepared.inputs,
                task: spec.is_array.then_some((task.index, spec.tasks.len())),
                limits,
                context,
                cancel: Arc::clone(cancel),
                print,
                files: read.as_mut().map(|read| read as &mut nexus_mcode::FileReader<'_>),
                // Where a program may read files it runs for the person at this machine, who may know the time.
                clock: self.files_root.is_some().then_some(&clock as &nexus_mcode::Clock),
                external: Some(&external),
                threads: application.threads,
                elsewhere,
            },
        );
        Ran { result, took: started.elapsed(), meter, warnings, is_shared: false }
    }

    /// Hands the profile of a run to who asked for it: the sink, or the task's log.
    fn profile(&self, task: &Task<'_>, application: &Application, ran: &mut Ran, log: &SlotLog) {
        let Ok(result) = &mut ran.result else { return };
        let how = (application.device.kind().name(), application.execution);
        let name = task.prepared.compiled.program.attributes().profile.as_deref().unwrap_or_default();
        let Some(profile) = RunProfile::of((task.index, name), result, (ran.took, &ran.meter), how) else { return };
        match &self.profiles {
            Some(sink) => hand_over(sink, profile),
            None => log.append(Stream::Stderr, format!("profile {name}\n{}", profile.text()).as_bytes()),
        }
    }

    #[expect(clippy::result_large_err, reason = "a failed run is rare, and the diagnostic is what its caller wants")]
    /// Tells the optimiser what a run took and did; gives the result that counts, which is the baseline's where the two
    /// were compared and differ.
    fn learn(
        &self,
        task: &Task<'_>,
        choice: &Choice,
        application: &Application,
        ran: Ran,
        learner: &Learner,
    ) -> Result<RunResult, Diagnostic> {
        let Ran { result, took, meter, is_shared, .. } = ran;
        if task.job.is_cancelled() {
            return result;
        }
        learner.name_work(choice, task.job.id, &task.prepared.compiled.text_name);
        let seconds = took.as_secs_f64();
        let within = choice.is_unchecked.then(|| learner.check_within(choice, took, result.is_err())).flatten();
        let checked = within.and_then(|within| self.check(task, application, &result, within));
        if choice.is_unchecked {
            let comparison = match &checked {
                Some(Verdict::Same { .. }) => Comparison::Same,
                Some(Verdict::Open { took }) => Comparison::Open { seconds: took.as_secs_f64() },
                None if within.is_none() => Comparison::Postponed,
                Some(Verdict::Differs(_)) | None => Comparison::Void,
            };
            learner.checked(choice, took, comparison);
        }
        let once_s = match checked {
            Some(Verdict::Differs(right)) => {
                tracing::warn!(
                    job = %task.job.id,
                    strategy = choice.strategy.strategy_id,
                    "a strategy gave other results than `default`; it is not used for this program again"
                );
                learner.record(choice, RunOutcome::Wrong { seconds });
                return Ok(*right);
            }
            // What the baseline took says nothing of its speed: the run before it warmed everything up.
            Some(Verdict::Same { took } | Verdict::Open { took }) => took.as_secs_f64(),
            None => 0.0,
        };
        let ran_out = result.as_ref().is_err_and(|error| error.code == nexus_mcode::WALL_LIMIT_CODE);
        if ran_out && matches!(choice.reason, Reason::Trial { .. }) {
            learner.record(choice, RunOutcome::Failed { seconds });
        }
        if let Ok(done) = &result {
            learner.observe(Observed {
                application: *application,
                took,
                work: meter.work(),
                peak_bytes: meter.peak_bytes(),
                native: done.native.clone(),
                fusion: done.fusion,
                optimiser: done.optimiser,
            });
            let memory_bytes = meter.peak_bytes() as f64;
            let code = code_of(&done.native);
            learner.record(choice, RunOutcome::Succeeded { seconds, once_s, memory_bytes, code });
            // What ran on other nodes was not counted here.
            if !is_shared {
                let seen = Seen { work: meter.work(), peak_bytes: meter.peak_bytes(), seconds };
                let bandwidth = learner.machine().cpu.bandwidth;
                learner.measured(choice, || features_of(choice.guessed(), &seen, &choice.strategy, bandwidth));
            }
            if took < SMALL {
                task.prepared.is_small.store(true, Ordering::Relaxed);
            }
        }
        result
    }

    /// Runs the baseline on the same task for so long, and compares. `None` where nothing can be compared.
    fn check(
        &self,
        task: &Task<'_>,
        application: &Application,
        result: &Result<RunResult, Diagnostic>,
        within: Duration,
    ) -> Option<Verdict> {
        let spec = &task.job.spec;
        let baseline = self.application(task, &Strategy::baseline(), Device::cpu()).ok()?;
        let baseline = baseline.at_least_as_exact_as(application);
        let ran_out = result.as_ref().is_err_and(|error| error.code == nexus_mcode::WALL_LIMIT_CODE);
        if ran_out || task.called_modules.load(Ordering::Relaxed) {
            return None;
        }
        let wall = spec.limits.wall.map_or(within, |wall| wall.min(within));
        let limits = Limits { wall: Some(wall), ..spec.limits.clone() };
        let again = self.execute(task, (&baseline, None), limits, &mut |_| {});
        if task.looked_at_clock.load(Ordering::Relaxed) || task.job.is_cancelled() {
            return None;
        }
        match (result, again.result) {
            (_, Err(error)) if error.code == nexus_mcode::WALL_LIMIT_CODE => Some(Verdict::Open { took: again.took }),
            (Ok(found), Ok(right)) => {
                let agreement = application.agreement(&baseline, &task.prepared.compiled.program);
                let agrees = same(&found.result, &right.result, agreement)
                    && same_outputs(&found.outputs, &right.outputs, agreement);
                Some(if agrees { Verdict::Same { took: again.took } } else { Verdict::Differs(Box::new(right)) })
            }
            (Err(_), Ok(right)) => Some(Verdict::Differs(Box::new(right))),
            // Both fail, or the baseline meets a limit that the other did not.
            (_, Err(_)) => None,
        }
    }

    /// Threads for one task: those of its slots, or the whole machine where it is alone on it.
    fn threads_for(&self, spec: &JobSpec) -> usize {
        let slots = usize::try_from(spec.resources.cpus).unwrap_or(1).max(1);
        if self.files_root.is_some() && !spec.is_array {
            std::thread::available_parallelism().map_or(slots, std::num::NonZero::get)
        } else {
            slots
        }
    }
}

/// How a comparison with the baseline ended.
enum Verdict {
    Same {
        took: Duration,
    },
    /// The baseline's results, which count.
    Differs(Box<RunResult>),
    /// The baseline did not come to its end in time.
    Open {
        took: Duration,
    },
}

/// What is said to whoever asks for the Apple Neural Engine.
pub const NO_NEURAL_ENGINE: &str = "the Apple Neural Engine cannot be used here: only Core ML reaches it; the gpu computes, or the cpu where there is none";

/// The device that a program runs on: its job's wish, else its own, else the best; and what to tell the user where that
/// is not the best that the machine has.
pub(super) fn device_for(wish: DeviceChoice, program: &CompiledProgram) -> Result<(Device, Option<String>), Failure> {
    let choice = match wish {
        DeviceChoice::Auto => match program.device_attribute() {
            Some("cpu") => DeviceChoice::Cpu,
            Some("gpu") => DeviceChoice::Gpu,
            _ => DeviceChoice::Auto,
        },
        DeviceChoice::Cpu | DeviceChoice::Gpu => wish,
    };
    match choice {
        DeviceChoice::Auto if program.device_attribute() == Some("ane") => {
            Ok((Device::choose().0, Some(NO_NEURAL_ENGINE.to_owned())))
        }
        DeviceChoice::Auto => {
            let (device, reason) = Device::choose();
            Ok((device, reason.map(|reason| format!("{reason}; computing on the CPU instead"))))
        }
        DeviceChoice::Cpu => match Device::processor() {
            Ok(device) => Ok((device, None)),
            Err(error) => Err(failure(error.code(), error.to_string())),
        },
        DeviceChoice::Gpu => match Device::gpu() {
            Ok(device) => Ok((device, None)),
            Err(error) => Err(failure(error.code(), error.to_string())),
        },
    }
}
