//! One program with its arguments, to be run under any strategy: what benches of the optimiser measure.
//!
//! It runs on the calling thread, without a job, limits or a log; everything else is as in a task.

use std::sync::Arc;
use std::time::Instant;

use nexus_mcode::{CompiledProgram, RunRequest, outline};
use nexus_model::{Limits, Value};
use nexus_optimizer::{Features, MachineCode, Strategy, Work};
use nexus_tensor::{Device, Meter, ProfileClock};

use super::Application;
use super::work::{Seen, code_of, features_of, work_of};
use crate::worker::{Beating, stopwatch};

/// The program and its arguments.
#[derive(Debug)]
pub struct Trial {
    program: Arc<CompiledProgram>,
    arguments: Vec<(String, Value)>,
    /// The piece of work that it is.
    pub work: Work,
}

/// What a run took and did.
#[derive(Debug, Clone)]
pub struct Sample {
    /// Wall time.
    pub seconds: f64,
    /// Bytes of tensors at most at once.
    pub memory_bytes: f64,
    /// What became of machine code in it.
    pub code: MachineCode,
    /// Units of machine code that were made.
    pub units: u64,
    /// What it returned.
    pub result: Value,
    seen: Seen,
}

impl Trial {
    /// A program with these arguments, or why it does not compile.
    pub fn new(name: &str, source: &str, arguments: Vec<(String, Value)>) -> Result<Trial, String> {
        let compilation = nexus_mcode::compile(name, source);
        let program = compilation.program.ok_or_else(|| {
            let found: Vec<String> = compilation.diagnostics.iter().map(|d| d.message.clone()).collect();
            format!("{name}: {}", found.join("; "))
        })?;
        let work = work_of(&outline(&program), &arguments, &[], 1);
        Ok(Trial { program, arguments, work })
    }

    /// Runs it once under a strategy, on the processor; the error is the program's.
    pub fn run(&self, strategy: &Strategy, threads: usize) -> Result<Sample, String> {
        self.run_with(strategy, threads, None)
    }

    /// The same with the profiler on, whose cost is in the time.
    pub fn run_profiled(&self, strategy: &Strategy, threads: usize) -> Result<Sample, String> {
        let beating = Beating::begin();
        self.run_with(strategy, threads, Some(beating.clock()))
    }

    fn run_with(
        &self,
        strategy: &Strategy,
        threads: usize,
        profile_clock: Option<ProfileClock>,
    ) -> Result<Sample, String> {
        let application =
            Application::of(strategy, &self.program, Device::cpu(), (threads, 1)).map_err(|error| error.to_string())?;
        let limits = Limits::local();
        let meter = Meter::with_pooling(&limits, application.pooling);
        let mut context = application.context().with_meter(Arc::clone(&meter));
        if let Some(clock) = profile_clock {
            context = context.with_profile_clock(clock);
        }
        let clock = stopwatch();
        let started = Instant::now();
        let done = nexus_mcode::run(
            &self.program,
            RunRequest {
                execution: application.execution,
                tier_up: application.tier_up(&*clock),
                arguments: self.arguments.clone(),
                threads: application.threads,
                ..RunRequest::new(context, limits)
            },
        );
        let seconds = started.elapsed().as_secs_f64();
        let done = done.map_err(|error| error.message)?;
        let seen = Seen { work: meter.work(), peak_bytes: meter.peak_bytes(), seconds };
        let memory_bytes = meter.peak_bytes() as f64;
        let (code, units) = (code_of(&done.native), done.native.compiled);
        Ok(Sample { seconds, memory_bytes, code, units, result: done.result, seen })
    }

    /// The features that a run under `strategy` showed, for [`nexus_optimizer::Optimizer::measured`]. `bandwidth` is that
    /// of the machine's memory, in bytes a second.
    pub fn features(&self, strategy: &Strategy, sample: &Sample, bandwidth: f64) -> Features {
        features_of(&self.work.features, &sample.seen, strategy, bandwidth)
    }
}
