//! The operators of the language on tensors: promotion, placement, and the choice of the kernel.
//!
//! Numbers among themselves are the language's own; here at least one operand is a tensor, or numbers count as 0-d
//! tensors.

use nexus_model::DType;

use crate::gpu::{GpuTensor, Pair};
use crate::host::elementwise::cast;
use crate::host::{HostTensor, elementwise, matmul};
use crate::op::{Arg, ArgType, Dim, TensorType};
use crate::ops::infer::{broadcast, operand, typed, written};
use crate::promotion::{Operand, promote_operands};
use crate::{BinaryOp, CompareOp, Context, Tensor, TensorError, UnaryOp};

/// Applies a binary operator, elementwise with broadcasting (`@` is the matrix product).
pub fn binary(ctx: &Context, op: BinaryOp, left: &Arg, right: &Arg) -> Result<Arg, TensorError> {
    binary_owned(ctx, op, left.clone(), right.clone())
}

/// As [`binary`], giving up the operands: the result may reuse the buffer of one that nobody else holds.
pub fn binary_owned(ctx: &Context, op: BinaryOp, left: Arg, right: Arg) -> Result<Arg, TensorError> {
    apply_binary(ctx, op, left, right).map(Arg::Tensor)
}

/// As [`binary_owned`], for callers inside the engine.
pub(crate) fn apply_binary(
    ctx: &Context,
    op: BinaryOp,
    left: impl Into<Arg>,
    right: impl Into<Arg>,
) -> Result<Tensor, TensorError> {
    let (left, right) = (left.into(), right.into());
    let (l, r) = (as_operand(&left)?, as_operand(&right)?);
    let (compute, _) = op.dtypes(l, r);
    // No graphics processor has f64 here: what wants it is computed by the processor.
    let is_wide = op == BinaryOp::MatMul && compute == DType::F32 && ctx.products_in() == DType::F64;
    if !is_wide && let Some(result) = on_gpu(ctx, op, &left, &right, compute)? {
        return Ok(result);
    }
    let (left, right) = (on_host(ctx, left, compute)?, on_host(ctx, right, compute)?);
    let result = match op {
        BinaryOp::MatMul if compute == DType::F32 && ctx.products_in() != DType::F32 => mixed(ctx, &left, &right)?,
        BinaryOp::MatMul => matmul::matmul(ctx, &cast(ctx, &left, compute)?, &cast(ctx, &right, compute)?)?,
        _ => elementwise::binary(ctx, op, left, right, compute)?,
    };
    Tensor::place(ctx, result)
}

/// The product of f32 matrices in the precision of the run: halves are widened again, so that sums are f32.
fn mixed(ctx: &Context, left: &HostTensor, right: &HostTensor) -> Result<HostTensor, TensorError> {
    let dtype = ctx.products_in();
    let is_wide = dtype == DType::F64;
    let operand = |tensor: &HostTensor| match is_wide {
        true => cast(ctx, tensor, dtype),
        false => cast(ctx, &cast(ctx, tensor, dtype)?, DType::F32),
    };
    let product = matmul::matmul(ctx, &operand(left)?, &operand(right)?)?;
    ctx.meter().count_precision(is_wide);
    cast(ctx, &product, DType::F32)
}

/// Compares elementwise with broadcasting; gives a bool tensor.
pub fn compare(ctx: &Context, op: CompareOp, left: &Arg, right: &Arg) -> Result<Arg, TensorError> {
    let compute = compare_dtype(as_operand(left)?, as_operand(right)?);
    if let Some(pair) = Pair::new(ctx, left, right, compute)?
        && let Some(result) = GpuTensor::compare(ctx, op, pair)?
    {
        return Ok(Arg::Tensor(Tensor::on_gpu(result)));
    }
    let (left, right) = (on_host(ctx, left.clone(), compute)?, on_host(ctx, right.clone(), compute)?);
    Ok(Arg::Tensor(Tensor::place(ctx, elementwise::compare(ctx, op, left, right, compute)?)?))
}

/// Applies a unary operator or function elementwise.
pub fn unary(ctx: &Context, op: UnaryOp, value: &Arg) -> Result<Arg, TensorError> {
    unary_owned(ctx, op, value.clone())
}

/// As [`unary`], giving up the operand: the result may reuse its buffer.
pub fn unary_owned(ctx: &Context, op: UnaryOp, value: Arg) -> Result<Arg, TensorError> {
    let tensor = match value {
        Arg::Tensor(tensor) => tensor,
        number => Tensor::operand(ctx, "value", &number)?,
    };
    apply_unary(ctx, op, tensor).map(Arg::Tensor)
}

/// As [`unary_owned`], for callers inside the engine.
pub(crate) fn apply_unary(ctx: &Context, op: UnaryOp, tensor: Tensor) -> Result<Tensor, TensorError> {
    if let Some(gpu) = tensor.as_gpu()
        && let Some(result) = gpu.unary(ctx, op)?
    {
        return Ok(Tensor::on_gpu(result));
    }
    Tensor::place(ctx, elementwise::unary(ctx, op, tensor.into_host()?)?)
}

/// The operation on the graphics processor, where an operand is there and the device can do it. The other operand goes
/// up. `None` leaves it to the host.
fn on_gpu(ctx: &Context, op: BinaryOp, left: &Arg, right: &Arg, compute: DType) -> Result<Option<Tensor>, TensorError> {
    let result = if op == BinaryOp::MatMul {
        match Pair::of_matrices(ctx, left, right, compute)? {
            Some((left, right)) => GpuTensor::matmul(ctx, left, right)?,
            None => None,
        }
    } else {
        match Pair::new(ctx, left, right, compute)? {
            Some(pair) => GpuTensor::binary(ctx, op, pair)?,
            None => None,
        }
    };
    Ok(result.map(Tensor::on_gpu))
}

fn as_operand(arg: &Arg) -> Result<Operand, TensorError> {
    Operand::of(arg).ok_or_else(|| TensorError::argument("operand", "must be a tensor or a number"))
}

/// A whole-number tensor and a scalar compare in f64, where both are exact, not in f32.
pub(crate) fn compare_dtype(left: Operand, right: Operand) -> DType {
    match (left, right) {
        (Operand::Tensor(t), Operand::Scalar) | (Operand::Scalar, Operand::Tensor(t)) if !t.is_float() => DType::F64,
        _ => promote_operands(left, right),
    }
}

/// An operand in host memory: a tensor in its own dtype, a number in `dtype`.
pub(crate) fn on_host(ctx: &Context, arg: Arg, dtype: DType) -> Result<HostTensor, TensorError> {
    match arg {
        Arg::Tensor(tensor) => tensor.into_host(),
        number => Tensor::number(ctx, &number, dtype),
    }
}

/// Infers the type of a binary operator's result, or says why the operands do not go together.
pub fn infer_binary(op: BinaryOp, left: &ArgType, right: &ArgType) -> Result<ArgType, TensorError> {
    let (l, r) = (operand(left, "operand")?, operand(right, "operand")?);
    let dtype = match (Operand::of_type(left), Operand::of_type(right)) {
        (Some(l), Some(r)) => Some(op.dtypes(l, r).1),
        _ => None,
    };
    let shape = match op {
        BinaryOp::MatMul => infer_product(&l, &r)?,
        _ => broadcast(l.shape.as_ref(), r.shape.as_ref())?,
    };
    Ok(typed(dtype, shape))
}

/// The shape of a matrix product, where known.
fn infer_product(left: &TensorType, right: &TensorType) -> Result<Option<Vec<Dim>>, TensorError> {
    let (Some(l), Some(r)) = (&left.shape, &right.shape) else { return Ok(None) };
    let wrong = |problem| Err(TensorError::Shapes { left: written(l), right: written(r), problem });
    let (Some((k, l_rest)), Some(_)) = (l.split_last(), r.last()) else {
        return wrong("have no matrix product: a 0-d tensor is a number, `*` multiplies by it");
    };
    let inner = if r.len() == 1 { &r[0] } else { &r[r.len() - 2] };
    if let (Dim::Known(a), Dim::Known(b)) = (k, inner)
        && a != b
    {
        return wrong("have no matrix product: the last axis of the left must equal the last but one of the right");
    }
    let batch_left = l_rest[..l_rest.len().saturating_sub(1)].to_vec();
    let batch_right = r[..r.len().saturating_sub(2)].to_vec();
    let Ok(batch) = broadcast(Some(&batch_left), Some(&batch_right)) else {
        return wrong("have leading axes that do not broadcast");
    };
    Ok(batch.map(|mut shape| {
        shape.extend(l_rest.last().cloned());
        if r.len() > 1 {
            shape.extend(r.last().cloned());
        }
        shape
    }))
}

/// Infers the type of a comparison's result.
pub fn infer_compare(_op: CompareOp, left: &ArgType, right: &ArgType) -> Result<ArgType, TensorError> {
    let (l, r) = (operand(left, "operand")?, operand(right, "operand")?);
    Ok(typed(Some(DType::Bool), broadcast(l.shape.as_ref(), r.shape.as_ref())?))
}

/// Infers the type of a unary operator's or function's result.
pub fn infer_unary(op: UnaryOp, value: &ArgType) -> Result<ArgType, TensorError> {
    let ty = operand(value, "value")?;
    let dtype = match op {
        UnaryOp::Not | UnaryOp::IsNan | UnaryOp::IsFinite => Some(DType::Bool),
        _ => ty.dtype.map(|dtype| op.dtypes(dtype).1),
    };
    Ok(typed(dtype, ty.shape))
}
