//! What becomes of a trial that takes too long. The trials are made by hand: the optimiser begins them by chance.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use nexus_model::{DeviceChoice, JobId, JobSpec, Program, Value};
use nexus_optimizer::OptimizerConfig;
use nexus_tensor::Device;

use super::*;
use crate::learning::{machine, text_name};
use crate::payloads::MemoryPayloads;
use crate::worker::log::SlotLog;
use crate::worker::programs::Compiled;
use crate::worker::task::{JobSlot, Optimize, Prepared};

/// Takes a hundred times as long as [`STOP`] wherever it runs, and prints at both ends.
const LONG: &str =
    "print(\"one\")\nn = 0\nfor i in 0..20_000_000\n    n = (n * 31 + i) % 1_000_003\nend\nprint(\"two\")\nn\n";
const STOP: Duration = Duration::from_millis(1);

struct Bench {
    runner: TaskRunner,
    job: JobSlot,
    prepared: Prepared,
    log: SlotLog,
}

/// What a run gave, what it printed and what was made of its plan.
struct Seen {
    ran: Ran,
    printed: String,
    plan: Plan,
}

impl Bench {
    fn new(source: &str) -> Bench {
        let file = "long.mcode";
        let program = Program::MCode { file: file.to_owned(), source: source.into() };
        let mut spec = JobSpec::single("long", program);
        spec.device = DeviceChoice::Cpu;
        let config = OptimizerConfig { model_path: None, ..OptimizerConfig::default() };
        let (learner, _) = Learner::open(config, machine(&[Device::cpu().info()], 0), 7);
        let runner = TaskRunner {
            learner: Some(Arc::new(learner)),
            optimize: Optimize::Always,
            ..TaskRunner::of_tests(Arc::new(MemoryPayloads::default()))
        };
        let compiled = nexus_mcode::compile(file, source).program.expect("the program is right");
        let prepared = Prepared {
            compiled: Arc::new(Compiled::new(file, &source.into(), compiled, text_name(source))),
            inputs: Vec::new(),
            modules: Default::default(),
            strategies: Vec::new(),
            is_small: AtomicBool::new(false),
        };
        Bench { runner, job: JobSlot::new(JobId(1), spec), prepared, log: SlotLog::default() }
    }

    /// Runs the program as a trial that is stopped after `stop`, within these limits.
    fn try_for(&self, stop: Duration, limits: Limits) -> Seen {
        let task = Task {
            job: &self.job,
            index: 0,
            prepared: &self.prepared,
            arguments: Vec::new(),
            looked_at_clock: Arc::default(),
            called_modules: AtomicBool::new(false),
            log: &self.log,
        };
        let Ok(mut plan) = self.runner.plan(&task, Device::cpu(), &self.log) else {
            panic!("there is a way to run it")
        };
        let choice = plan.choice.as_mut().expect("the optimiser is asked");
        choice.reason = Reason::Trial { allowance_s: 0.0, stop_s: stop.as_secs_f64() };
        choice.otherwise = self.learner().with(|optimizer, _| optimizer.strategies().all().first().cloned());
        let mut printed = String::new();
        let mut print = |text: &str| printed.push_str(text);
        let ran = self.runner.execute_or_again(&task, &mut plan, None, limits, &mut print);
        Seen { ran, printed, plan }
    }

    fn learner(&self) -> &Learner {
        self.runner.learner.as_deref().expect("there is one")
    }

    /// Seconds of the trials that were told to the optimiser.
    fn trials(&self) -> Vec<f64> {
        self.learner().with(|optimizer, _| optimizer.runs().filter(|run| run.is_trial).map(|run| run.seconds).collect())
    }
}

/// What the program comes to, read here.
fn expected() -> Value {
    Value::Int((0..20_000_000_i64).fold(0, |n, i| (n * 31 + i) % 1_000_003))
}

#[test]
fn a_trial_that_takes_too_long_is_stopped_and_the_work_done_under_the_best_known_strategy() {
    let bench = Bench::new(LONG);
    let seen = bench.try_for(STOP, Limits::local());
    let done = seen.ran.result.unwrap_or_else(|error| panic!("{}", error.message));
    assert_eq!(done.result, expected());
    assert_eq!(seen.printed, "one\ntwo\n", "what the trial printed is not printed again");
    assert!(seen.plan.choice.is_none(), "what the run took says nothing of what was tried");
    let trials = bench.trials();
    assert_eq!(trials.len(), 1, "{trials:?}");
    assert!(trials[0] >= STOP.as_secs_f64(), "{trials:?}");
}

#[test]
fn a_trial_that_ends_in_time_is_the_run() {
    let bench = Bench::new("print(\"one\")\n6 * 7\n");
    let seen = bench.try_for(Duration::from_secs(600), Limits::local());
    let done = seen.ran.result.unwrap_or_else(|error| panic!("{}", error.message));
    assert_eq!((done.result, seen.printed.as_str()), (Value::Int(42), "one\n"));
    assert!(seen.plan.choice.is_some(), "the optimiser is told of it as of any run");
}

#[test]
fn a_limit_of_the_job_that_comes_first_ends_the_job() {
    let bench = Bench::new(LONG);
    let limits = Limits { wall: Some(STOP), ..Limits::local() };
    let seen = bench.try_for(Duration::from_secs(600), limits);
    let error = seen.ran.result.expect_err("its time is up");
    assert_eq!(error.code, WALL_LIMIT_CODE, "{}", error.message);
    assert!(bench.trials().is_empty(), "a limit of the job says nothing of the trial");
}

#[test]
fn what_both_runs_take_together_is_within_the_limit_of_the_job() {
    let bench = Bench::new(LONG);
    let limits = Limits { wall: Some(10 * STOP), ..Limits::local() };
    let seen = bench.try_for(STOP, limits);
    let error = seen.ran.result.expect_err("its time is up");
    assert_eq!(error.code, WALL_LIMIT_CODE, "{}", error.message);
    assert_eq!(bench.trials().len(), 1);
}
