//! Reverse-mode automatic differentiation of whatever was computed with traced values.
//!
//! A [`Tape`] makes variables. [`Algebra`] applies operations; where an argument is traced, it also writes down what was
//! done. [`Tape::gradients`] walks the record backwards with the rule of each operation. Rules are themselves made of
//! `Algebra`'s operations on the values below the tape, so that a tape inside another gives derivatives of any order
//! (Pearlmutter and Siskind, "Reverse-mode AD in a functional framework", 2008).
//!
//! An operation without a rule refuses traced arguments: no gradient is ever lost silently.

mod algebra;
mod composites;
mod elementwise;
mod factors;
mod moves;
mod probabilities;
mod products;
mod reductions;
mod rules;
mod spectra;
mod tape;
mod var;

pub use algebra::Algebra;
pub(crate) use algebra::int;
pub use rules::{Gradient, gradient};
pub(crate) use spectra::{complex_argument, pair, transform};
pub use tape::Tape;
pub use var::{Item, Traced, Var};
