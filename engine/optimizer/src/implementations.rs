//! A Rust function with several implementations, optimised the same way as programs: each implementation stands for a
//! strategy of the user.

use std::time::Duration;

use rand::Rng;

use crate::checks::Comparison;
use crate::config::OptimizerConfig;
use crate::history::{MachineCode, RunOutcome};
use crate::machine::Machine;
use crate::optimizer::Optimizer;
use crate::strategy::{Strategy, StrategyError};
use crate::work::Work;

type Function<I, O> = Box<dyn Fn(&I) -> O + Send + Sync>;
type Same<O> = Box<dyn Fn(&O, &O) -> bool + Send + Sync>;

/// Several ways to compute the same, the first being the one that is right.
///
/// The first time that another one is chosen for a piece of work, its result is compared with the first one's; one that
/// differs is never used on that work again, and the right result is returned.
pub struct Implementations<I, O> {
    optimizer: Optimizer,
    functions: Vec<Function<I, O>>,
    same: Same<O>,
}

impl<I, O> Implementations<I, O> {
    /// The implementation that is right, and what it takes for two results to be the same.
    pub fn new(
        baseline: impl Fn(&I) -> O + Send + Sync + 'static,
        same: impl Fn(&O, &O) -> bool + Send + Sync + 'static,
        config: OptimizerConfig,
    ) -> Self {
        let optimizer = Optimizer::with_baseline_only(config);
        Implementations { optimizer, functions: vec![Box::new(baseline)], same: Box::new(same) }
    }

    /// Adds an implementation under a name of its own.
    pub fn add(&mut self, name: &str, function: impl Fn(&I) -> O + Send + Sync + 'static) -> Result<(), StrategyError> {
        let strategy = Strategy { strategy_id: name.to_owned(), name: name.to_owned(), ..Strategy::baseline() };
        self.optimizer.register(strategy)?;
        self.functions.push(Box::new(function));
        Ok(())
    }

    /// Computes with the implementation that is expected to be fastest for this work. `clock` reads a clock that never
    /// goes back.
    pub fn run(
        &mut self,
        input: &I,
        work: &Work,
        machine: &Machine,
        chance: &mut impl Rng,
        clock: &impl Fn() -> Duration,
    ) -> O {
        let choice = self.optimizer.choose(work, machine, chance);
        let ids = self.optimizer.strategies().all();
        let index = ids.iter().position(|s| s.strategy_id == choice.strategy.strategy_id).unwrap_or(0);
        let begun = clock();
        let output = (self.functions[index])(input);
        let seconds = clock().saturating_sub(begun).as_secs_f64();
        if choice.is_unchecked && index != 0 {
            let right = (self.functions[0])(input);
            if !(self.same)(&right, &output) {
                self.optimizer.record(&choice, RunOutcome::Wrong { seconds });
                return right;
            }
            self.optimizer.checked(&choice, seconds, Comparison::Same);
        }
        self.optimizer.record(
            &choice,
            RunOutcome::Succeeded { seconds, once_s: 0.0, memory_bytes: 0.0, code: MachineCode::Settled },
        );
        output
    }

    /// What chooses, for its explanations and its state.
    pub fn optimizer(&self) -> &Optimizer {
        &self.optimizer
    }
}
