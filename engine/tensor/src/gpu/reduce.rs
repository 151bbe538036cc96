//! Reductions, products and normalisations on the graphics processor.

use nexus_gpu::{Dispatch, IntDType, Primitive, Scalar};

use super::GpuTensor;
use super::tensor::device_shape;
use crate::host::matmul::product_shape;
use crate::host::normalize::Normalization;
use crate::host::reduce::{ReduceOp, reduced_shape};
use crate::shape::{Shape, element_count};
use crate::{Context, DType, TensorError};

/// A function that reduces one axis and keeps it with size 1.
type Along = fn(Primitive, usize) -> Primitive;

impl GpuTensor {
    /// A reduction over `axes` (sorted) that keeps them with size 1. `None` where the host must do it.
    pub(crate) fn reduce(&self, ctx: &Context, op: ReduceOp, axes: &[usize]) -> Result<Option<GpuTensor>, TensorError> {
        let rounds = matches!(op, ReduceOp::Sum | ReduceOp::Mean | ReduceOp::Prod | ReduceOp::SumSquares);
        if rounds && ctx.is_precise() {
            return self.reduce_precisely(ctx, op, axes);
        }
        let (compute, along): (DType, Along) = match (op, self.dtype) {
            (ReduceOp::Sum | ReduceOp::SumSquares, DType::F32) => (DType::F32, Dispatch::float_sum_dim),
            (ReduceOp::Mean, DType::F32) => (DType::F32, Dispatch::float_mean_dim),
            (ReduceOp::Prod, DType::F32) => (DType::F32, Dispatch::float_prod_dim),
            (ReduceOp::Max, DType::F32) => (DType::F32, Dispatch::float_max_dim),
            (ReduceOp::Min, DType::F32) => (DType::F32, Dispatch::float_min_dim),
            (ReduceOp::Max, DType::I32) => (DType::I32, Dispatch::int_max_dim),
            (ReduceOp::Min, DType::I32) => (DType::I32, Dispatch::int_min_dim),
            (ReduceOp::Any, _) => (DType::Bool, Dispatch::bool_any_dim),
            (ReduceOp::All, _) => (DType::Bool, Dispatch::bool_all_dim),
            _ => return Ok(None),
        };
        let reduced = axes.iter().map(|&axis| self.shape[axis]).fold(1, usize::saturating_mul);
        if !self.runtime.follows(reduced) {
            return Ok(None);
        }
        let Some(x) = self.clone().cast(ctx, compute)? else { return Ok(None) };
        let shape = reduced_shape(&self.shape, axes, true);
        GpuTensor::result(ctx, self.runtime, op.dtype(self.dtype), shape, || {
            let from = x.shape.clone();
            let mut x = x.take();
            if op == ReduceOp::SumSquares {
                x = Dispatch::float_mul(x.clone(), x);
            }
            fold(compute, x, &from, axes, along)
        })
    }

    /// Positions of the extreme elements along `axis`, as i32: the first of equals, and the first NaN before all.
    pub(crate) fn arg_extreme(
        &self,
        ctx: &Context,
        largest: bool,
        axis: usize,
    ) -> Result<Option<GpuTensor>, TensorError> {
        let is_long = self.rank() > 0 && !self.runtime.follows(self.shape[axis]);
        if self.dtype != DType::F32 || self.rank() == 0 || is_long || i32::try_from(self.shape[axis]).is_err() {
            return Ok(None);
        }
        let shape = reduced_shape(&self.shape, &[axis], false);
        GpuTensor::result(ctx, self.runtime, DType::I32, shape.clone(), || {
            let x = self.clone().take();
            let found = if largest {
                Dispatch::float_argmax(x, axis, IntDType::I32)
            } else {
                Dispatch::float_argmin(x, axis, IntDType::I32)
            };
            Dispatch::int_reshape(found, device_shape(&shape))
        })
    }

    /// The matrix product. `None` where the host must do it.
    pub(crate) fn matmul(ctx: &Context, left: GpuTensor, right: GpuTensor) -> Result<Option<GpuTensor>, TensorError> {
        let shape = product_shape(&left.shape, &right.shape)?;
        let runtime = left.runtime;
        let inner = left.shape.last().copied().unwrap_or(1);
        if !runtime.multiplies() || !runtime.follows(inner) {
            return Ok(None);
        }
        // A vector is a row on the left and a column on the right; the axis of size 1 goes away afterwards.
        let row: Shape = if left.rank() == 1 { [1, left.len()].into_iter().collect() } else { left.shape.clone() };
        let column: Shape =
            if right.rank() == 1 { [right.len(), 1].into_iter().collect() } else { right.shape.clone() };
        let (left, right) = (left.reshaped(ctx, &row)?, right.reshaped(ctx, &column)?);
        let full = product_shape(&row, &column)?;
        let lead = &full[..full.len() - 2];
        let stacked = |tensor: GpuTensor| {
            let mut target: Shape = lead.into();
            target.extend_from_slice(&tensor.shape[tensor.rank() - 2..]);
            tensor.spread(&target)
        };
        GpuTensor::result(ctx, runtime, DType::F32, shape.clone(), || {
            let product = Dispatch::float_matmul(stacked(left), stacked(right));
            if *full == *shape { product } else { Dispatch::float_reshape(product, device_shape(&shape)) }
        })
    }

    /// Softmax and its kin along `axis` of an f32 tensor. `None` where the host must do it.
    pub(crate) fn normalize(
        &self,
        ctx: &Context,
        kind: Normalization,
        axis: usize,
    ) -> Result<Option<GpuTensor>, TensorError> {
        if self.dtype != DType::F32 || self.rank() == 0 || !self.runtime.follows(self.shape[axis]) {
            return Ok(None);
        }
        GpuTensor::result(ctx, self.runtime, DType::F32, self.shape.clone(), || {
            let x = self.clone().take();
            match kind {
                Normalization::Softmax => Dispatch::softmax(x, axis),
                Normalization::LogSoftmax => Dispatch::log_softmax(x, axis),
                Normalization::Layer(epsilon) => {
                    let distance = Dispatch::float_sub(x.clone(), Dispatch::float_mean_dim(x, axis));
                    let square = Dispatch::float_mul(distance.clone(), distance.clone());
                    let variance = Dispatch::float_mean_dim(square, axis);
                    let spread = Dispatch::float_sqrt(Dispatch::float_add_scalar(variance, Scalar::Float(epsilon)));
                    Dispatch::float_div(distance, spread)
                }
            }
        })
    }
}

/// Reduces `axes` (sorted) of a tensor of `shape`. Neighbouring axes go as one, so that all elements of a tensor take
/// one kernel.
fn fold(dtype: DType, mut x: Primitive, shape: &[usize], axes: &[usize], along: Along) -> Primitive {
    let reshape = |x, shape: &[usize]| match dtype {
        DType::F32 => Dispatch::float_reshape(x, device_shape(shape)),
        DType::I32 => Dispatch::int_reshape(x, device_shape(shape)),
        _ => Dispatch::bool_reshape(x, device_shape(shape)),
    };
    let mut shape: Shape = shape.into();
    let mut rest = axes;
    while let Some(&last) = rest.last() {
        let mut first = last;
        rest = &rest[..rest.len() - 1];
        while let Some(&axis) = rest.last()
            && axis + 1 == first
        {
            first = axis;
            rest = &rest[..rest.len() - 1];
        }
        let sizes = [&shape[..first], &shape[first..=last], &shape[last + 1..]].map(element_count);
        x = along(reshape(x, &sizes), 1);
        shape[first..=last].fill(1);
    }
    reshape(x, &shape)
}
