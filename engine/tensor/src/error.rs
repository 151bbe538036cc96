//! What can go wrong in the tensor engine, in words for the person who wrote the program.
//!
//! No error leaves a tensor half changed: an operation either gives its result or leaves every argument as it was.

use nexus_model::{DType, LimitHit, TensorDataError};
use thiserror::Error;

/// An operation that could not be done. Arguments are unchanged after every variant.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum TensorError {
    /// Two shapes that do not go together. Retrying gives the same answer.
    #[error("shapes {left} and {right} {problem}")]
    Shapes {
        /// Shape of the left operand, written as `[2, n]`.
        left: String,
        /// Shape of the right operand.
        right: String,
        /// What they fail to do: `do not broadcast`.
        problem: &'static str,
    },
    /// A shape that the operation cannot take. Retrying gives the same answer.
    #[error("shape {shape} {problem}")]
    Shape {
        /// The shape, written as `[2, n]`.
        shape: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A dtype that the operation cannot take. Retrying gives the same answer.
    #[error("a {dtype} tensor {problem}")]
    DType {
        /// The dtype.
        dtype: DType,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// An axis that the tensor does not have. Retrying gives the same answer.
    #[error("axis {axis} does not exist in a tensor with {rank} {}", if *rank == 1 { "axis" } else { "axes" })]
    Axis {
        /// The axis as it was given.
        axis: i64,
        /// Number of axes of the tensor.
        rank: usize,
    },
    /// An index past the end of its axis. Retrying gives the same answer.
    #[error("index {index} is out of range for axis {axis} of size {size}")]
    Index {
        /// The index as it was given.
        index: i64,
        /// The axis.
        axis: usize,
        /// Its size.
        size: usize,
    },
    /// An argument of the wrong kind or value. Retrying gives the same answer.
    #[error("`{name}` {problem}")]
    Argument {
        /// Name of the parameter.
        name: &'static str,
        /// What is wrong with it: `must be positive, is -1`.
        problem: String,
    },
    /// A limit of the run. The run should stop.
    #[error(transparent)]
    Limit(#[from] LimitHit),
    /// The machine has no such memory. Retrying helps once there is more of it.
    #[error("the machine has no {} MiB of memory for a tensor{}", bytes.div_ceil(1 << 20), what_is_left(*left))]
    OutOfMemory {
        /// Bytes that were needed.
        bytes: usize,
        /// Bytes that are left, where the system said so.
        left: Option<u64>,
    },
    /// The run was cancelled.
    #[error("the run was cancelled")]
    Cancelled,
    /// No GPU on this machine. Retrying helps after a driver is installed.
    #[error("no GPU was found: {looked_for}")]
    NoGpu {
        /// What was looked for and what was there instead.
        looked_for: String,
    },
    /// The device failed while it worked. A retry may help, on another device it will.
    #[error("the {device} failed: {problem}")]
    Device {
        /// Name of the device.
        device: String,
        /// What the driver said.
        problem: String,
    },
    /// The numbers do not allow what was asked. Retrying gives the same answer.
    #[error("{0}")]
    Numerical(NumericalProblem),
    /// A result with NaN or infinity of finite arguments, in a run that asks for none. Retrying gives the same answer.
    #[error("of finite arguments `{operation}` made {found}")]
    NotFinite {
        /// The operation, as it is written: `tensor.log`, `/`.
        operation: String,
        /// What it gave, and where.
        found: String,
    },
    /// A division by zero where there is no infinity to give: of ints in a tensor, or of numbers of the program. Retrying
    /// gives the same answer.
    #[error("division by zero, for which ints and single numbers have no result")]
    DivisionByZero,
    /// Bytes that are not a tensor. Retrying gives the same answer.
    #[error(transparent)]
    Data(#[from] TensorDataError),
}

/// Ways in which a matrix defeats an algorithm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum NumericalProblem {
    /// No inverse exists, or none that floating point can tell from noise.
    #[error("the matrix is singular")]
    Singular,
    /// Cholesky needs a symmetric positive definite matrix.
    #[error("the matrix is not positive definite")]
    NotPositiveDefinite,
    /// An iteration did not settle.
    #[error("the decomposition did not converge")]
    NoConvergence,
    /// NaN or infinity where finite numbers are needed.
    #[error("the matrix has entries that are not finite")]
    NotFinite,
}

/// What is left of the memory, for people.
fn what_is_left(left: Option<u64>) -> String {
    left.map(|bytes| format!(": {} MiB are left for this process", bytes >> 20)).unwrap_or_default()
}

impl TensorError {
    /// The stable code under which the error is documented.
    pub const fn code(&self) -> &'static str {
        match self {
            TensorError::Shapes { .. } => "TE0001",
            TensorError::Shape { .. } => "TE0002",
            TensorError::DType { .. } => "TE0003",
            TensorError::Axis { .. } => "TE0004",
            TensorError::Index { .. } => "TE0005",
            TensorError::Argument { .. } => "TE0006",
            TensorError::Limit(_) => "TE0007",
            TensorError::Cancelled => "TE0008",
            TensorError::NoGpu { .. } => "TE0009",
            TensorError::Device { .. } => "TE0010",
            TensorError::Numerical(_) => "TE0011",
            TensorError::DivisionByZero => "TE0012",
            TensorError::Data(_) => "TE0013",
            TensorError::OutOfMemory { .. } => "TE0014",
            TensorError::NotFinite { .. } => "TE0015",
        }
    }

    /// What to do about it, as one sentence.
    pub const fn help(&self) -> &'static str {
        match self {
            TensorError::Shapes { .. } => {
                "sizes must be equal, or one of them 1, counted from the last axis; `tensor.reshape` changes a shape"
            }
            TensorError::Shape { .. } => "`tensor.reshape` changes a shape, `tensor.shape` shows it",
            TensorError::DType { .. } => "convert it first with `tensor.cast(t, \"f32\")`",
            TensorError::Axis { .. } => "axes count from 0, negative ones from the end: -1 is the last",
            TensorError::Index { .. } => "indices count from 0, negative ones from the end: -1 is the last",
            TensorError::Argument { .. } => "see the operation's page in the reference",
            TensorError::Limit(_) => "make the tensors smaller, or run with a more generous limit",
            TensorError::OutOfMemory { .. } => "make the tensors smaller, or run on a machine with more memory",
            TensorError::Cancelled => "submit it again if that was not intended",
            TensorError::NoGpu { .. } => "run with `--device cpu`, or install a Vulkan driver for the GPU",
            TensorError::Device { .. } => "run with `--device cpu`",
            TensorError::Numerical(NumericalProblem::Singular) => {
                "`linalg.lstsq` and `linalg.pinv` also take singular matrices"
            }
            TensorError::Numerical(NumericalProblem::NotPositiveDefinite) => {
                "only symmetric matrices with positive eigenvalues have a Cholesky factor; `linalg.lu` takes any"
            }
            TensorError::Numerical(_) => "look for NaN and infinity in the input, and scale it",
            TensorError::DivisionByZero => "guard the divisor; tensors of floats give infinity or NaN instead",
            TensorError::NotFinite { .. } => {
                "guard its arguments; to compute on with NaN and infinity leave out `--check-finite` or `@check_finite`"
            }
            TensorError::Data(TensorDataError::Overflow { .. }) => "ask for fewer elements: sizes multiply",
            TensorError::Data(_) => "the bytes must be row-major and little-endian, of exactly the shape's size",
        }
    }

    /// An argument `name` of which `problem` says what is wrong.
    pub fn argument(name: &'static str, problem: impl Into<String>) -> Self {
        TensorError::Argument { name, problem: problem.into() }
    }

    /// A shape that an operation cannot take.
    pub fn shape(shape: &[usize], problem: impl Into<String>) -> Self {
        TensorError::Shape { shape: format!("{shape:?}"), problem: problem.into() }
    }

    /// Two shapes that do not go together.
    pub fn shapes(left: &[usize], right: &[usize], problem: &'static str) -> Self {
        TensorError::Shapes { left: format!("{left:?}"), right: format!("{right:?}"), problem }
    }
}

impl From<NumericalProblem> for TensorError {
    fn from(problem: NumericalProblem) -> Self {
        TensorError::Numerical(problem)
    }
}
