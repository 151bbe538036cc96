//! The library of operations: everything that programs call by name, with the gradient of each.
//!
//! The tensor engine's own operations ([`nexus_tensor::OPS`]) come first; above them stand those that need no kernels.
//! [`find`] and [`all`] are the one table that the language, the reference and the tests are made from, and
//! [`gradient`] says of every entry how it is differentiated. [`Algebra`] records operations on traced values and
//! [`Tape`] walks them backwards.
//!
//! It is not a language: functions that programs wrote reach it as callbacks.

mod autodiff;
mod calling;
mod ops;
mod streams;
mod table;

pub use autodiff::{Algebra, Gradient, Item, Tape, Traced, Var, gradient};
pub use calling::{Caller, CallingRun, Given, Stop, calling};
pub use table::{all, find};
