//! Comparisons, selection by a mask, and casts, on the graphics processor.

use nexus_gpu::{BoolDType, Dispatch, FloatDType, IntDType, Primitive, Scalar};

use super::GpuTensor;
use super::operand::{Pair, Side};
use crate::shape::broadcast;
use crate::{CompareOp, Context, DType, TensorError};

type OfTwo = fn(Primitive, Primitive, BoolDType) -> Primitive;
type OfOne = fn(Primitive, Scalar, BoolDType) -> Primitive;

impl GpuTensor {
    /// A comparison; gives bool. `None` where the host must do it.
    pub(crate) fn compare(ctx: &Context, op: CompareOp, pair: Pair) -> Result<Option<GpuTensor>, TensorError> {
        let Pair { runtime, left, right, dtype, shape } = pair;
        let bools = runtime.queue.bools;
        // A number on the left is the same question asked from the other side.
        let (left, right, op) = match (left, right) {
            (Side::Number(n), Side::Tensor(x)) => (Side::Tensor(x), Side::Number(n), mirrored(op)),
            (left, right) => (left, right, op),
        };
        let (of_two, of_one) = match dtype {
            DType::F32 => float_comparison(op),
            DType::I32 => int_comparison(op),
            _ => return Ok(None),
        };
        let target = shape.clone();
        match (left, right) {
            (Side::Tensor(x), Side::Number(n)) => {
                GpuTensor::result(ctx, runtime, DType::Bool, shape, || of_one(x.take(), n, bools))
            }
            (Side::Tensor(a), Side::Tensor(b)) => GpuTensor::result(ctx, runtime, DType::Bool, shape, || {
                of_two(a.spread(&target), b.spread(&target), bools)
            }),
            (Side::Number(_), _) => Ok(None),
        }
    }

    /// Elements of the pair's left where `mask` is true, of its right elsewhere; all three broadcast. `None` where the
    /// host must do it.
    pub(crate) fn select(ctx: &Context, mask: GpuTensor, pair: Pair) -> Result<Option<GpuTensor>, TensorError> {
        let Pair { runtime, left, right, dtype, shape } = pair;
        let shape = broadcast(&shape, &mask.shape)?;
        if !std::ptr::eq(mask.runtime, runtime) {
            return Ok(None);
        }
        let Some(mask) = mask.cast(ctx, DType::Bool)? else { return Ok(None) };
        let target = shape.clone();
        let (fill, choose): (Fill, Choose) = match dtype {
            DType::F32 => (Dispatch::float_mask_fill, Dispatch::float_mask_where),
            DType::I32 => (Dispatch::int_mask_fill, Dispatch::int_mask_where),
            _ => return Ok(None),
        };
        match (left, right) {
            (Side::Tensor(yes), Side::Tensor(no)) => GpuTensor::result(ctx, runtime, dtype, shape, || {
                choose(no.spread(&target), mask.spread(&target), yes.spread(&target))
            }),
            (Side::Number(yes), Side::Tensor(no)) => {
                GpuTensor::result(ctx, runtime, dtype, shape, || fill(no.spread(&target), mask.spread(&target), yes))
            }
            (Side::Tensor(yes), Side::Number(no)) => GpuTensor::result(ctx, runtime, dtype, shape, || {
                fill(yes.spread(&target), Dispatch::bool_not(mask.spread(&target)), no)
            }),
            (Side::Number(_), Side::Number(_)) => Ok(None),
        }
    }

    /// The elements in another dtype, as the host casts them. `None` where the host must do it: floats to ints, which
    /// truncate and saturate there and need not here, and dtypes that the device does not have.
    pub(crate) fn cast(self, ctx: &Context, dtype: DType) -> Result<Option<GpuTensor>, TensorError> {
        if self.dtype == dtype {
            return Ok(Some(self));
        }
        let runtime = self.runtime;
        let function: fn(Primitive, BoolDType) -> Primitive = match (self.dtype, dtype) {
            (DType::F32, DType::Bool) => |x, bools| Dispatch::float_not_equal_elem(x, Scalar::Float(0.0), bools),
            (DType::I32, DType::Bool) => |x, bools| Dispatch::int_not_equal_elem(x, Scalar::Int(0), bools),
            (DType::Bool, DType::F32) => |x, _| Dispatch::bool_into_float(x, FloatDType::F32),
            (DType::Bool, DType::I32) => |x, _| Dispatch::bool_into_int(x, IntDType::I32),
            (DType::I32, DType::F32) => |x, _| Dispatch::int_into_float(x, FloatDType::F32),
            _ => return Ok(None),
        };
        GpuTensor::result(ctx, runtime, dtype, self.shape.clone(), || function(self.take(), runtime.queue.bools))
    }
}

type Fill = fn(Primitive, Primitive, Scalar) -> Primitive;
type Choose = fn(Primitive, Primitive, Primitive) -> Primitive;

const fn mirrored(op: CompareOp) -> CompareOp {
    match op {
        CompareOp::Less => CompareOp::Greater,
        CompareOp::LessEqual => CompareOp::GreaterEqual,
        CompareOp::Greater => CompareOp::Less,
        CompareOp::GreaterEqual => CompareOp::LessEqual,
        CompareOp::Equal | CompareOp::NotEqual => op,
    }
}

fn float_comparison(op: CompareOp) -> (OfTwo, OfOne) {
    match op {
        CompareOp::Equal => (Dispatch::float_equal, Dispatch::float_equal_elem),
        CompareOp::NotEqual => (Dispatch::float_not_equal, Dispatch::float_not_equal_elem),
        CompareOp::Less => (Dispatch::float_lower, Dispatch::float_lower_elem),
        CompareOp::LessEqual => (Dispatch::float_lower_equal, Dispatch::float_lower_equal_elem),
        CompareOp::Greater => (Dispatch::float_greater, Dispatch::float_greater_elem),
        CompareOp::GreaterEqual => (Dispatch::float_greater_equal, Dispatch::float_greater_equal_elem),
    }
}

fn int_comparison(op: CompareOp) -> (OfTwo, OfOne) {
    match op {
        CompareOp::Equal => (Dispatch::int_equal, Dispatch::int_equal_elem),
        CompareOp::NotEqual => (Dispatch::int_not_equal, Dispatch::int_not_equal_elem),
        CompareOp::Less => (Dispatch::int_lower, Dispatch::int_lower_elem),
        CompareOp::LessEqual => (Dispatch::int_lower_equal, Dispatch::int_lower_equal_elem),
        CompareOp::Greater => (Dispatch::int_greater, Dispatch::int_greater_elem),
        CompareOp::GreaterEqual => (Dispatch::int_greater_equal, Dispatch::int_greater_equal_elem),
    }
}
