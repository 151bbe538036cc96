//! Operations that call functions: integrals, equations, minima of what the program wrote.
//!
//! The caller gives each function argument a number and runs it when asked; nothing here knows how.

use nexus_tensor::{Arg, Context, OpDef, TensorError};

use crate::ops;

/// An argument of an operation that calls functions.
#[derive(Debug, Clone)]
pub enum Given {
    /// A function, by the number under which the caller knows it.
    Function(usize),
    /// Any other value.
    Value(Arg),
}

/// Why such an operation stopped.
#[derive(Debug, Clone, PartialEq)]
pub enum Stop {
    /// The operation's own error.
    Error(TensorError),
    /// The function failed; the caller has its fault.
    Function,
}

impl From<TensorError> for Stop {
    fn from(error: TensorError) -> Stop {
        Stop::Error(error)
    }
}

/// Whoever runs functions for an operation.
pub trait Caller {
    /// The surroundings of the run.
    fn context(&self) -> &Context;

    /// Calls a function.
    fn call(&mut self, function: usize, arguments: Vec<Arg>) -> Result<Arg, Stop>;

    /// Calls a function that gives one number, and differentiates it by its first argument: value and gradient.
    fn value_and_gradient(&mut self, function: usize, arguments: Vec<Arg>) -> Result<(Arg, Arg), Stop>;

    /// The derivatives of what a function gives by its first argument.
    fn jacobian(&mut self, function: usize, arguments: Vec<Arg>) -> Result<Arg, Stop>;
}

/// Runs an operation that calls functions.
pub type CallingRun = fn(&mut dyn Caller, &[Given]) -> Result<Arg, Stop>;

/// How the operation runs, if it is one that calls functions.
pub fn calling(op: &OpDef) -> Option<CallingRun> {
    ops::CALLING.into_iter().flatten().find(|(known, _)| known.name == op.name).map(|(_, run)| *run)
}

/// The function in argument `i`.
pub(crate) fn function(given: &[Given], i: usize, name: &'static str) -> Result<usize, Stop> {
    match given.get(i) {
        Some(Given::Function(number)) => Ok(*number),
        _ => Err(TensorError::argument(name, "must be a function").into()),
    }
}

/// The values of the arguments, with `none` in the place of functions.
pub(crate) fn values(given: &[Given]) -> Vec<Arg> {
    let value = |given: &Given| match given {
        Given::Function(_) => Arg::None,
        Given::Value(arg) => arg.clone(),
    };
    given.iter().map(value).collect()
}
