//! Elementwise operations, one at a time: each is a program of one step, or of a few where dtypes must change.
//!
//! Operands are consumed, so that the result can take the memory of one that nobody else holds.

use super::HostTensor;
use super::builder::Builder;
use super::kernels;
use crate::buffer::Buffer;
use crate::element::{Element, with_element};
use crate::operator::{BinaryOp, CompareOp, UnaryOp};
use crate::shape::broadcast;
use crate::{Context, DType, TensorError};

/// Applies a unary operation.
pub(crate) fn unary(ctx: &Context, op: UnaryOp, tensor: HostTensor) -> Result<HostTensor, TensorError> {
    let (compute, result) = op.dtypes(tensor.dtype);
    if compute == tensor.dtype && result == compute && kernels::unary(op, compute).is_none() {
        return Ok(tensor);
    }
    let mut builder = Builder::new(tensor.shape.clone(), result);
    let x = builder.operand(ctx, tensor)?;
    let y = builder.unary(op, x);
    builder.run(ctx, y)
}

/// Applies a binary operation; `compute` is the dtype that [`BinaryOp::dtypes`] gives for the operands.
pub(crate) fn binary(
    ctx: &Context,
    op: BinaryOp,
    left: HostTensor,
    right: HostTensor,
    compute: DType,
) -> Result<HostTensor, TensorError> {
    if compute.is_int() {
        check_right(ctx, op, &right)?;
    }
    if let Some(result) = small(ctx, op, &left, &right, compute)? {
        return Ok(result);
    }
    let shape = broadcast(&left.shape, &right.shape)?;
    let short = op == BinaryOp::Pow && compute.is_float() && *shape == *left.shape;
    let power = if short { short_power(&right) } else { None };
    let result = if matches!(op, BinaryOp::And | BinaryOp::Or | BinaryOp::Xor) { DType::Bool } else { compute };
    let mut builder = Builder::new(shape, result);
    let x = builder.operand(ctx, left)?;
    let value = match power {
        Some(power) => builder.short_power(power, x, compute),
        None => {
            let y = builder.operand(ctx, right)?;
            builder.binary(op, x, y, compute)
        }
    };
    builder.run(ctx, value)
}

/// Operations on few elements, whose program would take longer to write than to run.
const SMALL_MAX: usize = 512;

/// The operation on two small tensors of one shape without gaps, in the dtype that they have: one loop, without a
/// program around it.
fn small(
    ctx: &Context,
    op: BinaryOp,
    left: &HostTensor,
    right: &HostTensor,
    compute: DType,
) -> Result<Option<HostTensor>, TensorError> {
    let plain = matches!(op, BinaryOp::Add | BinaryOp::Sub | BinaryOp::Mul | BinaryOp::Div)
        && matches!(compute, DType::F64 | DType::F32 | DType::I64)
        && left.dtype == compute
        && right.dtype == compute
        && left.len() <= SMALL_MAX
        && left.shape == right.shape;
    if !plain || !left.is_packed() || !right.is_packed() {
        return Ok(None);
    }
    ctx.poll()?;
    let bytes = ctx.measure(compute, &left.shape)? * compute.size();
    let mut buffer = Buffer::stale(ctx.meter(), bytes)?;
    let at = |tensor: &HostTensor| tensor.offset * compute.size()..tensor.offset * compute.size() + bytes;
    let (x, y) = (&left.buffer.as_slice::<u8>()[at(left)], &right.buffer.as_slice::<u8>()[at(right)]);
    kernels::binary(op, compute)(x, y, buffer.as_mut_slice());
    Ok(Some(HostTensor::from_buffer(compute, &left.shape, buffer)))
}

/// A power that products or a root give, faster and closer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ShortPower {
    /// The exponent is 2.
    Square,
    /// The exponent is a half.
    Root,
}

/// The short form of a power of floats with this exponent, where there is one.
pub(crate) fn short_power(exponent: &HostTensor) -> Option<ShortPower> {
    if exponent.len() != 1 {
        return None;
    }
    let value = with_element!(exponent.dtype, T => exponent.single::<T>().to_f64());
    match value {
        2.0 => Some(ShortPower::Square),
        0.5 => Some(ShortPower::Root),
        _ => None,
    }
}

/// Refuses what whole numbers cannot be divided by or raised to.
pub(crate) fn check_right(ctx: &Context, op: BinaryOp, right: &HostTensor) -> Result<(), TensorError> {
    match op {
        BinaryOp::FloorDiv | BinaryOp::Rem if any(ctx, right, |y| y == 0)? => Err(TensorError::DivisionByZero),
        BinaryOp::Pow if any(ctx, right, |y| y < 0)? => {
            Err(TensorError::argument("exponent", "is negative, and whole numbers have no such powers"))
        }
        _ => Ok(()),
    }
}

/// Whether `test` holds for any element.
fn any(ctx: &Context, tensor: &HostTensor, test: fn(i64) -> bool) -> Result<bool, TensorError> {
    let packed = tensor.packed(ctx)?;
    Ok(with_element!(tensor.dtype, T => packed.slice::<T>().iter().any(|&x| test(x.to_i64()))))
}

/// Compares elementwise in dtype `compute`. NaN is unequal to everything, itself too.
pub(crate) fn compare(
    ctx: &Context,
    op: CompareOp,
    left: HostTensor,
    right: HostTensor,
    compute: DType,
) -> Result<HostTensor, TensorError> {
    let mut builder = Builder::new(broadcast(&left.shape, &right.shape)?, DType::Bool);
    let (x, y) = (builder.operand(ctx, left)?, builder.operand(ctx, right)?);
    let value = builder.compare(op, x, y, compute);
    builder.run(ctx, value)
}

/// Elements of `yes` where `mask` is not zero, of `no` elsewhere, in `dtype`; all three broadcast.
pub(crate) fn select(
    ctx: &Context,
    mask: HostTensor,
    yes: HostTensor,
    no: HostTensor,
    dtype: DType,
) -> Result<HostTensor, TensorError> {
    let shape = broadcast(&broadcast(&yes.shape, &no.shape)?, &mask.shape)?;
    let mut builder = Builder::new(shape, dtype);
    let mask = builder.operand(ctx, mask)?;
    let (yes, no) = (builder.operand(ctx, yes)?, builder.operand(ctx, no)?);
    let (yes, no) = (builder.cast(yes, dtype), builder.cast(no, dtype));
    let value = builder.select(mask, yes, no);
    builder.run(ctx, value)
}

/// Converts the elements. Floats to whole numbers truncate and saturate, NaN gives 0; anything but zero is true.
pub(crate) fn cast(ctx: &Context, tensor: &HostTensor, dtype: DType) -> Result<HostTensor, TensorError> {
    if tensor.dtype == dtype {
        return Ok(tensor.clone());
    }
    if kernels::conversion(tensor.dtype, dtype).first.is_none() {
        return Ok(tensor.reinterpreted(dtype));
    }
    let mut builder = Builder::new(tensor.shape.clone(), dtype);
    let x = builder.operand(ctx, tensor.clone())?;
    let y = builder.cast(x, dtype);
    builder.run(ctx, y)
}
