//! Native code for numeric functions and loops, by Cranelift.
//!
//! A language hands over a [`Unit`]: functions over typed variables (see [`ir`]). [`compile`] checks it and makes machine
//! code of it; [`NativeUnit::call`] runs it under a budget of loop iterations, calls and call depth, and gives back its
//! result, or the values of the variables where it left native code.
//!
//! Checks that cannot fail are left out of the code: what its ints may be is worked out from what a caller says of the
//! arguments ([`Assumed`]), which each call looks at before it goes in.
//!
//! It is not a language: it infers no types, knows no strings or records, and decides nothing about when to compile. It
//! has no clock either: whoever calls it is asked at bounded intervals whether the code may go on ([`Supervisor`]).
//!
//! # Safety
//!
//! All unsafe code of the compiler is here. Callers need none: a unit is verified before it is compiled, arguments are
//! checked against it before a call, native code touches no memory but its own stack, the context of the call and the
//! arrays it was given (behind a bounds check each time), and its stack is bounded by the depth that a call computes
//! from the frames' sizes.

mod assume;
mod callbacks;
mod calls_out;
mod code;
mod effort;
mod elements;
mod emit;
mod error;
mod granted;
mod inline;
mod interval;
pub mod ir;
mod loops;
mod native;
mod object;
mod operations;
mod ranges;
mod reads;
mod rotate;
#[cfg(test)]
mod tests;
mod verify;

pub use assume::{Assumed, assumptions};
pub use callbacks::{Supervisor, floor_quotient, modulo};
pub use effort::weight;
pub use error::CompileError;
pub use ir::Unit;
pub use native::{
    ArrayArgument, ArrayElements, Budget, CodeStore, Exits, NativeUnit, Origin, Outcome, Scratch, compile,
    compile_with, stored,
};
