//! Tensors in host memory, and the kernels that work on them.
//!
//! Why not Burn's `flex` tensors: its elementwise functions are scalar and run on one thread, it has no pool, and it
//! cannot ask a meter before it allocates. Here a tensor is a strided view of a shared [`Buffer`]; views (transposes,
//! slices, broadcasts) copy nothing. Burn stays the layer under the GPU and the reference in the tests.

pub(crate) mod builder;
mod chain;
pub(crate) mod condition;
pub(crate) mod copy;
mod decompose;
pub(crate) mod eigen;
pub(crate) mod elementwise;
pub(crate) mod exponential;
mod fold;
pub(crate) mod fourier;
pub(crate) mod gather;
pub(crate) mod kernels;
pub(crate) mod linalg;
mod lu;
pub(crate) mod math;
pub(crate) mod matmul;
mod matvec;
pub(crate) mod normalize;
pub(crate) mod order;
pub(crate) mod parallel;
pub(crate) mod program;
pub(crate) mod random;
pub(crate) mod reduce;
pub(crate) mod scan;
pub(crate) mod source;
mod stream;
pub(crate) mod truncated;
pub(crate) mod vectors;

use std::sync::Arc;

use nexus_model::{DType, TensorData};
use smallvec::SmallVec;

use crate::buffer::Buffer;
use crate::element::Element;
use crate::shape::{Shape, Strides, broadcast_strides, element_count, is_row_major, row_major};
use crate::{Context, TensorError};

/// A strided view of a buffer in host memory.
#[derive(Debug, Clone)]
pub(crate) struct HostTensor {
    pub(crate) dtype: DType,
    pub(crate) shape: Shape,
    pub(crate) strides: Strides,
    /// First element, counted in elements.
    pub(crate) offset: usize,
    pub(crate) buffer: Arc<Buffer>,
}

impl HostTensor {
    /// Wraps a buffer that holds the elements of `shape`, row-major.
    pub(crate) fn from_buffer(dtype: DType, shape: &[usize], buffer: Buffer) -> HostTensor {
        debug_assert_eq!(buffer.as_slice::<u8>().len(), element_count(shape) * dtype.size());
        HostTensor {
            dtype,
            shape: SmallVec::from_slice(shape),
            strides: row_major(shape),
            offset: 0,
            buffer: Arc::new(buffer),
        }
    }

    /// Zeros (false).
    pub(crate) fn zeros(ctx: &Context, dtype: DType, shape: &[usize]) -> Result<HostTensor, TensorError> {
        let elements = ctx.measure(dtype, shape)?;
        let buffer = Buffer::zeroed(ctx.meter(), elements * dtype.size())?;
        Ok(HostTensor::from_buffer(dtype, shape, buffer))
    }

    /// A tensor of `shape` whose elements `fill` writes, all of them.
    pub(crate) fn build<T: Element>(
        ctx: &Context,
        shape: &[usize],
        fill: impl FnOnce(&mut [T]) -> Result<(), TensorError>,
    ) -> Result<HostTensor, TensorError> {
        let elements = ctx.measure(T::DTYPE, shape)?;
        let mut buffer = Buffer::stale(ctx.meter(), elements * size_of::<T>())?;
        fill(buffer.as_mut_slice())?;
        Ok(HostTensor::from_buffer(T::DTYPE, shape, buffer))
    }

    /// A tensor of `shape` with these elements.
    pub(crate) fn from_slice<T: Element>(
        ctx: &Context,
        shape: &[usize],
        data: &[T],
    ) -> Result<HostTensor, TensorError> {
        HostTensor::build(ctx, shape, |out: &mut [T]| {
            out.copy_from_slice(data);
            Ok(())
        })
    }

    pub(crate) fn rank(&self) -> usize {
        self.shape.len()
    }

    /// Number of elements.
    pub(crate) fn len(&self) -> usize {
        element_count(&self.shape)
    }

    /// Whether the elements lie row-major without gaps.
    pub(crate) fn is_packed(&self) -> bool {
        is_row_major(&self.shape, &self.strides)
    }

    /// The elements of a packed tensor, `None` where it is not packed.
    pub(crate) fn as_slice<T: Element>(&self) -> Option<&[T]> {
        debug_assert_eq!(self.dtype.size(), size_of::<T>());
        self.is_packed().then(|| &self.buffer.as_slice::<T>()[self.offset..self.offset + self.len()])
    }

    /// The elements of a tensor that [`HostTensor::packed`] made.
    pub(crate) fn slice<T: Element>(&self) -> &[T] {
        self.as_slice().expect("callers pack first")
    }

    /// The elements to be written in place, where nobody else sees the buffer and it is packed.
    pub(crate) fn as_mut_slice<T: Element>(&mut self) -> Option<&mut [T]> {
        if !self.is_packed() {
            return None;
        }
        let range = self.offset..self.offset + self.len();
        Arc::get_mut(&mut self.buffer).map(|buffer| &mut buffer.as_mut_slice::<T>()[range])
    }

    /// This tensor packed: itself where it is already, else a copy.
    pub(crate) fn packed(&self, ctx: &Context) -> Result<HostTensor, TensorError> {
        if self.is_packed() { Ok(self.clone()) } else { copy::pack(ctx, self) }
    }

    /// The element of a tensor with exactly one.
    pub(crate) fn single<T: Element>(&self) -> T {
        debug_assert_eq!(self.len(), 1);
        self.buffer.as_slice::<T>()[self.offset]
    }

    /// The same elements under another shape with as many.
    pub(crate) fn reshaped(&self, ctx: &Context, shape: &[usize]) -> Result<HostTensor, TensorError> {
        debug_assert_eq!(element_count(shape), self.len());
        let packed = self.packed(ctx)?;
        Ok(HostTensor { shape: SmallVec::from_slice(shape), strides: row_major(shape), ..packed })
    }

    /// The axes in another order. Copies nothing.
    pub(crate) fn permuted(&self, axes: &[usize]) -> HostTensor {
        HostTensor {
            dtype: self.dtype,
            shape: axes.iter().map(|&a| self.shape[a]).collect(),
            strides: axes.iter().map(|&a| self.strides[a]).collect(),
            offset: self.offset,
            buffer: Arc::clone(&self.buffer),
        }
    }

    /// Seen as `shape`, repeating along axes of size 1. Copies nothing.
    pub(crate) fn broadcast_to(&self, shape: &[usize]) -> Result<HostTensor, TensorError> {
        let strides = broadcast_strides(&self.shape, &self.strides, shape)
            .ok_or_else(|| TensorError::shapes(&self.shape, shape, "do not broadcast"))?;
        Ok(HostTensor {
            dtype: self.dtype,
            shape: SmallVec::from_slice(shape),
            strides,
            offset: self.offset,
            buffer: Arc::clone(&self.buffer),
        })
    }

    /// The same bytes under another dtype of the same width: bools as the numbers 0 and 1.
    pub(crate) fn reinterpreted(&self, dtype: DType) -> HostTensor {
        debug_assert_eq!(dtype.size(), self.dtype.size());
        HostTensor { dtype, ..self.clone() }
    }

    /// `size` entries of `axis` from `start` on, every `step`-th (negative runs backwards). Copies nothing.
    pub(crate) fn narrowed(&self, axis: usize, start: usize, step: isize, size: usize) -> HostTensor {
        let mut view = self.clone();
        // Of nothing no entry is read, and the place of one may lie outside.
        if size > 0 && self.len() > 0 {
            view.offset = view.offset.wrapping_add_signed(self.strides[axis] * start as isize);
        }
        view.strides[axis] = self.strides[axis] * step;
        view.shape[axis] = size;
        view
    }

    /// Without `axis`, at its entry `index`. Copies nothing.
    pub(crate) fn selected(&self, axis: usize, index: usize) -> HostTensor {
        let mut view = self.narrowed(axis, index, 1, 1);
        view.shape.remove(axis);
        view.strides.remove(axis);
        view
    }

    /// The elements as bytes, row-major.
    pub(crate) fn to_data(&self) -> Result<TensorData, TensorError> {
        let bytes = if self.is_packed() {
            let size = self.dtype.size();
            self.buffer.as_slice::<u8>()[self.offset * size..(self.offset + self.len()) * size].to_vec()
        } else {
            copy::gathered_bytes(self)
        };
        Ok(TensorData::new(self.dtype, self.shape.to_vec(), bytes)?)
    }

    /// A packed copy of `data`, admitted by the context.
    pub(crate) fn from_data(ctx: &Context, data: &TensorData) -> Result<HostTensor, TensorError> {
        ctx.measure(data.dtype(), data.shape())?;
        let buffer = Buffer::from_slice(ctx.meter(), data.bytes())?;
        Ok(HostTensor::from_buffer(data.dtype(), data.shape(), buffer))
    }
}
