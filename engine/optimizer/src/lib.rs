//! The learning optimiser: for each piece of work it picks an execution strategy, is told what happened, and gets
//! better.
//!
//! What it is: a plain value. [`Optimizer::choose`] takes a description of the work and a source of chance, and answers
//! a strategy with the reasons for it; [`Optimizer::record`] takes what the run cost. What it is not: it runs nothing,
//! has no clock, no files and no threads; the worker that drives it has those.
//!
//! # How it learns
//!
//! Run times are modelled by their logarithm, relative to what the roofline of the device says (Williams, Waterman,
//! Patterson 2009). Above that prior stand three layers, each correcting the one below:
//!
//! 1. for each class of hardware and family of strategies, a Bayesian linear regression on features of the work and
//!    settings of the strategy ([`Regression`]): what is known about strange programs;
//! 2. for each piece of work (its hash, shapes and hardware), what strategies that resemble each other have in common: a
//!    program that is fast in native code under one strategy is so under another;
//! 3. for each piece of work and strategy, a normal model with unknown mean and variance ([`Evidence`]): what was seen
//!    of exactly this. Runs that compile say how long later ones take at most.
//!
//! The best known strategy is chosen, unless another is worth a trial: what the runs ahead are expected to save by it
//! exceeds what it costs (the knowledge gradient; Frazier, Powell, Dayanik 2008). Three guards stand beside: what is
//! predicted to be far worse, not to fit in memory or was wrong once is never tried; trials are paid for from a budget
//! that bounds the loss against the `default` strategy over every hundred runs; work of microseconds is not worth a
//! thought. How far the ends of an interval lie is corrected by how often such intervals held.
//!
//! [`replay`] plays it on times that were measured of real programs.

mod beliefs;
mod budget;
mod candidate;
mod checks;
mod config;
mod coverage;
mod decide;
mod evidence;
mod explain;
mod fleet;
mod history;
mod implementations;
mod kinship;
mod known;
mod machine;
mod names;
mod optimizer;
mod regression;
pub mod replay;
mod report;
mod state;
mod strategy;
mod trying;
mod work;

pub use candidate::{Candidate, Choice, Chosen, Exclusion, Prediction, Reason};
pub use checks::Comparison;
pub use config::{ConfigError, OptimizerConfig};
pub use evidence::Evidence;
pub use explain::Recalled;
pub use fleet::{Experience, FleetError};
pub use history::{MachineCode, Run, RunOutcome};
pub use implementations::Implementations;
pub use kinship::Family;
pub use machine::{Device, Machine};
pub use optimizer::{Feedback, Optimizer};
pub use regression::Regression;
pub use state::StateError;
pub use strategy::{
    DeviceTarget, JitLevel, MemoryOptimization, Parallelization, Precision, Strategies, Strategy, StrategyError,
};
pub use work::{Features, Key, Pattern, Shape, Work};
