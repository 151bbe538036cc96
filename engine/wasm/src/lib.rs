//! Functions of WebAssembly components, run under limits by wasmtime.
//!
//! [`Component::compile`] takes the bytes of a component and [`Component::call`] calls a function of it. A component is given
//! nothing: one that imports functions is refused. It has fuel, which ends it at the same instruction wherever it runs, and a
//! limit on its memory. Results are the same on every machine: what a NaN is made of is fixed, and there are no threads.
//!
//! Pure: bytes and values in, a value out. How long a call may take, and that it is a process of its own, is the caller's.

mod component;
mod convert;
mod error;
mod limiter;
mod wit;

#[cfg(test)]
mod tests;

pub use component::{Component, Limits};
pub use error::WasmError;
pub use wit::{Function, Interface, WitType};
