//! The promotion table: which dtype two operands meet in. The same on every device.
//!
//! Tensors promote by kind, then width: bool < whole numbers < floats, as in JAX; a whole-number tensor that meets a
//! float tensor takes the float's dtype, whatever its width. The two half formats meet in f32. Numbers written in the
//! program are weak, as in NumPy 2 and JAX: they take the tensor's dtype where its kind can hold them.

use nexus_model::DType;

use crate::op::{Arg, ArgType};

/// An operand as the table sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operand {
    /// A tensor of that dtype.
    Tensor(DType),
    /// An int of the program.
    Int,
    /// A scalar of the program.
    Scalar,
    /// A bool of the program.
    Bool,
}

impl Operand {
    /// How an argument enters the table; `None` for what is no operand.
    pub(crate) fn of(arg: &Arg) -> Option<Operand> {
        match arg {
            Arg::Tensor(t) => Some(Operand::Tensor(t.dtype())),
            Arg::Int(_) => Some(Operand::Int),
            Arg::Scalar(_) => Some(Operand::Scalar),
            Arg::Bool(_) => Some(Operand::Bool),
            _ => None,
        }
    }

    /// How a type enters the table; `None` where the dtype is not known.
    pub(crate) fn of_type(ty: &ArgType) -> Option<Operand> {
        match ty {
            ArgType::Tensor(t) => t.dtype.map(Operand::Tensor),
            ArgType::Int(_) => Some(Operand::Int),
            ArgType::Scalar(_) => Some(Operand::Scalar),
            ArgType::Bool(_) => Some(Operand::Bool),
            _ => None,
        }
    }
}

/// The float dtype of profile `balanced`: what whole numbers become where a float is needed.
pub(crate) const FLOAT_DEFAULT: DType = DType::F32;

/// The dtype that two tensors meet in.
pub(crate) const fn promote(left: DType, right: DType) -> DType {
    use DType::{BF16, Bool, F16, F32, F64, I32, I64, U8};
    match (left, right) {
        (F64, _) | (_, F64) => F64,
        (F32, _) | (_, F32) | (F16, BF16) | (BF16, F16) => F32,
        (F16, _) | (_, F16) => F16,
        (BF16, _) | (_, BF16) => BF16,
        (I64, _) | (_, I64) => I64,
        (I32, _) | (_, I32) => I32,
        (U8, _) | (_, U8) => U8,
        (Bool, Bool) => Bool,
    }
}

/// The dtype that two operands meet in, at least one of them a tensor (numbers alone meet as 0-d tensors would).
pub(crate) const fn promote_operands(left: Operand, right: Operand) -> DType {
    match (left, right) {
        (Operand::Tensor(a), Operand::Tensor(b)) => promote(a, b),
        (Operand::Tensor(a), weak) | (weak, Operand::Tensor(a)) => promote_weak(a, weak),
        (Operand::Scalar, _) | (_, Operand::Scalar) => FLOAT_DEFAULT,
        (Operand::Int, _) | (_, Operand::Int) => DType::I64,
        (Operand::Bool, Operand::Bool) => DType::Bool,
    }
}

const fn promote_weak(tensor: DType, weak: Operand) -> DType {
    match weak {
        Operand::Tensor(other) => promote(tensor, other),
        Operand::Bool => tensor,
        Operand::Int if matches!(tensor, DType::Bool) => DType::I64,
        Operand::Int => tensor,
        Operand::Scalar if tensor.is_float() => tensor,
        Operand::Scalar => FLOAT_DEFAULT,
    }
}

/// The dtype in which functions of real numbers (`exp`, `/`, `mean`) work on a tensor of `dtype`.
pub(crate) const fn to_float(dtype: DType) -> DType {
    if dtype.is_float() { dtype } else { FLOAT_DEFAULT }
}

/// The dtype in which sums and products of `dtype` are given: bool and narrow whole numbers widen, as in NumPy.
pub(crate) const fn to_sum(dtype: DType) -> DType {
    match dtype {
        DType::Bool | DType::U8 | DType::I32 => DType::I64,
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_symmetric_associative_enough_and_reflexive() {
        for a in DType::ALL {
            assert_eq!(promote(a, a), a);
            for b in DType::ALL {
                assert_eq!(promote(a, b), promote(b, a));
                assert_eq!(promote(promote(a, b), a), promote(a, b));
            }
        }
    }

    #[test]
    fn numbers_of_the_program_are_weak() {
        let t = Operand::Tensor;
        assert_eq!(promote_operands(t(DType::F32), Operand::Scalar), DType::F32);
        assert_eq!(promote_operands(t(DType::F16), Operand::Int), DType::F16);
        assert_eq!(promote_operands(Operand::Scalar, t(DType::I64)), DType::F32);
        assert_eq!(promote_operands(t(DType::Bool), Operand::Int), DType::I64);
        assert_eq!(promote_operands(t(DType::U8), Operand::Int), DType::U8);
    }
}
