//! The same elements under another shape or in another order, and pieces put together, on the graphics processor.

use nexus_gpu::{Dispatch, FloatDType, Primitive, Scalar, Shape as BurnShape, Slice};

use super::tensor::device_shape;
use super::{GpuTensor, Runtime, failed};
use crate::shape::{Shape, element_count};
use crate::{Context, DType, TensorError};

/// A piece of one axis: `size` entries from `start` on, every `step`-th.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Piece {
    /// First entry.
    pub(crate) start: usize,
    /// Distance between entries, at least 1.
    pub(crate) step: usize,
    /// Number of entries.
    pub(crate) size: usize,
}

fn reshape(dtype: DType, x: Primitive, shape: BurnShape) -> Primitive {
    match dtype {
        DType::F32 => Dispatch::float_reshape(x, shape),
        DType::I32 => Dispatch::int_reshape(x, shape),
        _ => Dispatch::bool_reshape(x, shape),
    }
}

impl GpuTensor {
    /// Burn's handle, spread to `shape`, to which it broadcasts.
    pub(super) fn spread(self, shape: &[usize]) -> Primitive {
        if *self.shape == *shape {
            return self.take();
        }
        let mut aligned: Shape = Shape::from_elem(1, shape.len().saturating_sub(self.rank()));
        aligned.extend_from_slice(&self.shape);
        let dtype = self.dtype;
        let x = reshape(dtype, self.take(), device_shape(&aligned));
        if *aligned == *shape {
            return x;
        }
        match dtype {
            DType::F32 => Dispatch::float_expand(x, device_shape(shape)),
            DType::I32 => Dispatch::int_expand(x, device_shape(shape)),
            _ => Dispatch::bool_expand(x, device_shape(shape)),
        }
    }

    /// A result with as many elements as this tensor had, which the device therefore holds.
    fn rearranged(
        self,
        ctx: &Context,
        shape: Shape,
        call: impl FnOnce(Primitive) -> Primitive,
    ) -> Result<GpuTensor, TensorError> {
        let (runtime, dtype) = (self.runtime, self.dtype);
        GpuTensor::result(ctx, runtime, dtype, shape, || call(self.take()))?
            .ok_or_else(|| failed("it does not hold a tensor as large as one that it holds".to_owned()))
    }

    /// The same elements under another shape with as many.
    pub(crate) fn reshaped(&self, ctx: &Context, shape: &[usize]) -> Result<GpuTensor, TensorError> {
        debug_assert_eq!(element_count(shape), self.len());
        if *self.shape == *shape {
            return Ok(self.clone());
        }
        let dtype = self.dtype;
        self.clone().rearranged(ctx, shape.into(), |x| reshape(dtype, x, device_shape(shape)))
    }

    /// The axes in another order.
    pub(crate) fn permuted(&self, ctx: &Context, axes: &[usize]) -> Result<GpuTensor, TensorError> {
        if axes.iter().enumerate().all(|(i, &axis)| i == axis) {
            return Ok(self.clone());
        }
        let shape: Shape = axes.iter().map(|&axis| self.shape[axis]).collect();
        let dtype = self.dtype;
        self.clone().rearranged(ctx, shape, |x| match dtype {
            DType::F32 => Dispatch::float_permute(x, axes),
            DType::I32 => Dispatch::int_permute(x, axes),
            _ => Dispatch::bool_permute(x, axes),
        })
    }

    /// Seen as `shape`, to which it broadcasts. `None` where the device could not hold the result.
    pub(crate) fn broadcast_to(&self, ctx: &Context, shape: &[usize]) -> Result<Option<GpuTensor>, TensorError> {
        if crate::shape::broadcast(&self.shape, shape)?.as_slice() != shape {
            return Err(TensorError::shapes(&self.shape, shape, "do not broadcast"));
        }
        GpuTensor::result(ctx, self.runtime, self.dtype, shape.into(), || self.clone().spread(shape))
    }

    /// A piece of each axis. `None` where nothing is left.
    pub(crate) fn pieces(&self, ctx: &Context, pieces: &[Piece]) -> Result<Option<GpuTensor>, TensorError> {
        debug_assert_eq!(pieces.len(), self.rank());
        let shape: Shape = pieces.iter().map(|piece| piece.size).collect();
        if *shape == *self.shape && pieces.iter().all(|piece| piece.step == 1) {
            return Ok(Some(self.clone()));
        }
        let slices: Vec<Slice> = pieces
            .iter()
            .map(|piece| {
                let last = piece.start + piece.size.saturating_sub(1) * piece.step;
                Slice::new(piece.start as isize, Some(last as isize + 1), piece.step as isize)
            })
            .collect();
        let dtype = self.dtype;
        GpuTensor::result(ctx, self.runtime, dtype, shape, || {
            let x = self.clone().take();
            match dtype {
                DType::F32 => Dispatch::float_slice(x, &slices),
                DType::I32 => Dispatch::int_slice(x, &slices),
                _ => Dispatch::bool_slice(x, &slices),
            }
        })
    }

    /// Tensors of one dtype one behind the other along an axis; all other sizes are equal.
    pub(crate) fn concat(
        ctx: &Context,
        tensors: Vec<GpuTensor>,
        axis: usize,
    ) -> Result<Option<GpuTensor>, TensorError> {
        let Some(first) = tensors.first() else { return Ok(None) };
        let (runtime, dtype, mut shape) = (first.runtime, first.dtype, first.shape.clone());
        debug_assert!(tensors.iter().all(|tensor| tensor.dtype == dtype));
        if !tensors.iter().all(|tensor| std::ptr::eq(tensor.runtime, runtime)) {
            return Ok(None);
        }
        shape[axis] = tensors.iter().map(|tensor| tensor.shape[axis]).sum();
        GpuTensor::result(ctx, runtime, dtype, shape, || {
            let parts: Vec<Primitive> = tensors.into_iter().map(GpuTensor::take).collect();
            match dtype {
                DType::F32 => Dispatch::float_cat(parts, axis),
                DType::I32 => Dispatch::int_cat(parts, axis),
                _ => Dispatch::bool_cat(parts, axis),
            }
        })
    }

    /// A tensor of one f32 value, made on the device. `None` where the device could not hold it.
    pub(crate) fn full(
        ctx: &Context,
        runtime: &'static Runtime,
        shape: &[usize],
        value: f32,
    ) -> Result<Option<GpuTensor>, TensorError> {
        let queue = &runtime.queue;
        GpuTensor::result(ctx, runtime, DType::F32, shape.into(), || {
            Dispatch::float_full(device_shape(shape), Scalar::Float(f64::from(value)), queue, FloatDType::F32)
        })
    }
}
