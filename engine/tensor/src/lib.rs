//! T-Mathematics, the tensor engine: tensors, the operations on them, and the devices that run them.
//!
//! - [`Tensor`] is a value: cloning shares, writing copies what is shared. [`Context`] is what a run brings: device,
//!   memory account, seed, and the way to be stopped.
//! - [`OPS`] is the table of all named operations, with documentation, type inference and execution; [`binary`],
//!   [`unary`], [`compare`], [`get`] and [`set`] are what the language writes as operators and brackets.
//! - Memory is admitted before it is allocated ([`Meter`]), and long operations ask between pieces whether to stop.
//!
//! On a GPU f32 tensors live in Burn's, through wgpu (`gpu`); what Burn lacks is done on the host and counted.
//! On the CPU tensors live in this crate's own buffers and run on its own kernels (`host`), on faer for products and
//! decompositions. [`Region`] evaluates many elementwise operations and reductions in one pass over memory. It is not a
//! compiler: which operations of a program make a region is the language's plan.

mod buffer;
mod context;
mod device;
mod dispatch;
mod element;
mod error;
mod finite;
mod gpu;
mod host;
mod index;
mod meter;
mod op;
mod operator;
mod ops;
mod pages;
mod promotion;
mod random;
mod region;
mod shape;
mod tensor;

pub use buffer::{POOL_BYTES_MAX, pooled_bytes};
pub use context::{Context, Differentiation, ProfileClock, Stopwatch, Warning, Warnings, Watch};
pub use device::{
    Device, devices, dtypes_on, graphics_may_exist, hardware_devices, measured_product_speed, measured_speed,
};
pub use dispatch::{binary, binary_owned, compare, infer_binary, infer_compare, infer_unary, unary, unary_owned};
pub use error::{NumericalProblem, TensorError};
pub use finite::{given_finite, made_finite};
pub use index::{Index, IndexType, get, infer_index, set};
pub use meter::{Charge, Meter, Pooling, Transfers, Work, transfers_of_process};
pub use nexus_gpu::{KeptTuning, Speed, keep_tuning_in, kept_speed, kept_tuning, processor};
pub use nexus_model::{DType, TensorData};
pub use op::{Arg, ArgType, Dim, OpDef, Param, ParamKind, TensorType};
pub use operator::{BinaryOp, CompareOp, UnaryOp};
pub use ops::{OPS, args, find, infer};
pub use region::{Distribution, Node as RegionNode, NodeId, ReduceOp, Region, RegionError};
pub use shape::RANK_MAX;
pub use tensor::{Elements, ElementsMut, Tensor};
