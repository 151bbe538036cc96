//! The operators of the language and the elementwise functions, by name.
//!
//! What they mean on tensors is in the kernels; which dtype they work in and give is decided here and nowhere else.

use std::borrow::Cow;

use nexus_model::DType;

use crate::promotion::{self, Operand};

/// An operation on two operands, elementwise with broadcasting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BinaryOp {
    /// `a + b`; whole numbers wrap.
    Add,
    /// `a - b`.
    Sub,
    /// `a * b`.
    Mul,
    /// `a / b`, always a float.
    Div,
    /// `a // b`, rounded towards minus infinity.
    FloorDiv,
    /// `a % b`, with the sign of `b`.
    Rem,
    /// `a ** b`.
    Pow,
    /// The larger; NaN if either is.
    Maximum,
    /// The smaller; NaN if either is.
    Minimum,
    /// The angle of the point (b, a).
    Atan2,
    /// Both are not zero.
    And,
    /// Either is not zero.
    Or,
    /// Exactly one is not zero.
    Xor,
    /// `a @ b`, the matrix product.
    MatMul,
}

/// A comparison, elementwise with broadcasting; gives bool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CompareOp {
    /// `a == b`.
    Equal,
    /// `a != b`.
    NotEqual,
    /// `a < b`.
    Less,
    /// `a <= b`.
    LessEqual,
    /// `a > b`.
    Greater,
    /// `a >= b`.
    GreaterEqual,
}

/// An operation on one operand, elementwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "each is the function of that name in NumPy, SciPy or PyTorch")]
pub enum UnaryOp {
    Neg,
    Not,
    Abs,
    Sign,
    Floor,
    Ceil,
    Round,
    Exp,
    Expm1,
    Log,
    Log1p,
    Log2,
    Log10,
    Sqrt,
    Rsqrt,
    Square,
    Sin,
    Cos,
    Tan,
    Asin,
    Acos,
    Atan,
    Sinh,
    Cosh,
    Tanh,
    Erf,
    Relu,
    Gelu,
    Silu,
    Sigmoid,
    Softplus,
    IsNan,
    IsFinite,
}

impl BinaryOp {
    /// The dtype in which the operation computes, and the dtype that it gives.
    pub(crate) fn dtypes(self, left: Operand, right: Operand) -> (DType, DType) {
        let meet = promotion::promote_operands(left, right);
        match self {
            BinaryOp::And | BinaryOp::Or | BinaryOp::Xor => (meet, DType::Bool),
            BinaryOp::Maximum | BinaryOp::Minimum => (meet, meet),
            BinaryOp::Div | BinaryOp::Atan2 => (promotion::to_float(meet), promotion::to_float(meet)),
            // Bools count as the whole numbers 0 and 1.
            _ if meet == DType::Bool => (DType::I64, DType::I64),
            _ => (meet, meet),
        }
    }

    /// The operator as users write it.
    pub const fn symbol(self) -> &'static str {
        match self {
            BinaryOp::Add => "+",
            BinaryOp::Sub => "-",
            BinaryOp::Mul => "*",
            BinaryOp::Div => "/",
            BinaryOp::FloorDiv => "//",
            BinaryOp::Rem => "%",
            BinaryOp::Pow => "**",
            BinaryOp::Maximum => "tensor.maximum",
            BinaryOp::Minimum => "tensor.minimum",
            BinaryOp::Atan2 => "tensor.atan2",
            BinaryOp::And => "and",
            BinaryOp::Or => "or",
            BinaryOp::Xor => "xor",
            BinaryOp::MatMul => "@",
        }
    }
}

impl UnaryOp {
    /// The function as users write it: `tensor.log1p`.
    pub fn name(self) -> Cow<'static, str> {
        match self {
            UnaryOp::Neg => "-".into(),
            UnaryOp::Not => "not".into(),
            named => format!("tensor.{named:?}").to_lowercase().into(),
        }
    }

    /// The dtype in which the operation computes, and the dtype that it gives, for an operand of `dtype`.
    pub(crate) fn dtypes(self, dtype: DType) -> (DType, DType) {
        match self {
            UnaryOp::Not => (dtype, DType::Bool),
            UnaryOp::IsNan | UnaryOp::IsFinite => (dtype, DType::Bool),
            UnaryOp::Neg | UnaryOp::Abs | UnaryOp::Sign | UnaryOp::Square | UnaryOp::Relu if dtype == DType::Bool => {
                (DType::I64, DType::I64)
            }
            UnaryOp::Neg | UnaryOp::Abs | UnaryOp::Sign | UnaryOp::Square | UnaryOp::Relu => (dtype, dtype),
            UnaryOp::Floor | UnaryOp::Ceil | UnaryOp::Round => (dtype, dtype),
            _ => (promotion::to_float(dtype), promotion::to_float(dtype)),
        }
    }
}
