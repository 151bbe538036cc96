//! Burn's dispatch layer: the graphics processor through wgpu (which adapters there are, starting one), Burn's backend for
//! the processor cores (`flex`), and the calls that queue work on either.
//!
//! It is not the tensor engine: shapes, dtypes, promotion and memory accounts are `nexus_tensor`'s, which drives this
//! crate and is its only user. It is a crate of its own because Burn's layers are generic: whoever calls them compiles
//! them again. Here that happens once, behind functions without type parameters and a [`Primitive`] that shows none of
//! Burn's types, and nobody who works on kernels compiles it.
//!
//! Burn panics where a driver fails or a kernel does not compile. Every call goes through [`contain`], which turns the
//! panic into an error.

mod adapters;
mod calls;
mod contain;
mod driver;
mod machine;
mod primitive;
mod speeds;
mod start;
mod tuning;

pub use adapters::{Adapter, adapters};
pub use burn_backend::{
    BoolDType, BoolStore, DType as BurnType, FloatDType, IntDType, Scalar, Shape, Slice, TensorData,
};
pub use calls::Dispatch;
pub use contain::{Contained, contain};
pub use driver::{MISSING, hardware_may_exist, may_exist};
pub use machine::{memory_left, processor};
pub use primitive::Primitive;
pub use speeds::{Speed, keep_speed, kept_speed};
pub use start::{Queue, start, start_flex};
pub use tuning::{KeptTuning, keep_tuning_in, kept_tuning};
