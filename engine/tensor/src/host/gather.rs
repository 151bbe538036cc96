//! Selections of elements: gathering them into a new tensor, and writing to them.
//!
//! Every selection is a walk in three parts: outer axes, a list of offsets (from masks and index lists), inner axes.
//! Positions and ranges alone have the one offset 0.

use smallvec::SmallVec;

use super::HostTensor;
use super::copy::pack;
use super::elementwise::cast;
use super::parallel::{Cost, fill_rows};
use crate::element::{Bit, with_width};
use crate::index::{Index, resolve_position, resolve_range, too_many};
use crate::shape::{Shape, Strides, broadcast, collapse, element_count, for_each_offset, row_major};
use crate::{Context, DType, TensorError};

/// Which elements of a tensor are meant, in which order and shape.
#[derive(Debug)]
pub(crate) struct Selection {
    /// Shape of the result.
    pub(crate) shape: Shape,
    /// Offset of the first element.
    base: isize,
    outer: (Shape, Strides),
    /// Offsets of the listed entries, `None` where there are no lists.
    listed: Option<Vec<isize>>,
    inner: (Shape, Strides),
}

/// An axis of the tensor whose positions come from a list.
struct Listed {
    axis: usize,
    /// Positions, not yet checked, and their shape.
    positions: HostTensor,
}

impl Selection {
    /// Resolves `indices`; `lists` holds the masks and index lists among them, in order.
    pub(crate) fn new(
        ctx: &Context,
        tensor: &HostTensor,
        indices: &[Index],
        lists: &[HostTensor],
    ) -> Result<Selection, TensorError> {
        let mut view = tensor.clone();
        let mut lists = lists.iter();
        let mut listed: Vec<Listed> = Vec::new();
        let gathers = lists.len() > 0;
        let mut axis = 0;
        for index in indices {
            let width = match index {
                Index::Mask(mask) => mask.rank(),
                _ => 1,
            };
            if axis + width > view.rank() {
                return Err(TensorError::argument("index", too_many(indices.len(), tensor.rank())));
            }
            match index {
                Index::All => {}
                Index::At(i) => {
                    let position = resolve_position(*i, axis, view.shape[axis])?;
                    if gathers {
                        // Beside a list a position counts as a list of one, as in NumPy.
                        listed.push(Listed { axis, positions: HostTensor::from_slice(ctx, &[], &[position as i64])? });
                    } else {
                        view = view.selected(axis, position);
                        continue;
                    }
                }
                Index::Range { start, end, step } => {
                    let (start, step, count) = resolve_range(*start, *end, *step, view.shape[axis])?;
                    view = view.narrowed(axis, start, step, count);
                }
                Index::Mask(_) => {
                    let mask = lists.next().expect("one list for each mask");
                    if mask.shape[..] != view.shape[axis..axis + width] {
                        let part = &view.shape[axis..axis + width];
                        return Err(TensorError::shapes(
                            &mask.shape,
                            part,
                            "do not fit: a mask has the shape it selects from",
                        ));
                    }
                    for (i, positions) in nonzero(ctx, mask)?.into_iter().enumerate() {
                        listed.push(Listed { axis: axis + i, positions });
                    }
                }
                Index::List(_) => {
                    let list = lists.next().expect("one list for each index list");
                    listed.push(Listed { axis, positions: cast(ctx, list, DType::I64)?.packed(ctx)? });
                }
            }
            axis += width;
        }
        if listed.is_empty() {
            return Ok(Selection {
                shape: view.shape.clone(),
                base: view.offset as isize,
                outer: (view.shape, view.strides),
                listed: None,
                inner: (SmallVec::new(), SmallVec::new()),
            });
        }
        Selection::with_lists(&view, &listed)
    }

    fn with_lists(view: &HostTensor, listed: &[Listed]) -> Result<Selection, TensorError> {
        let mut shape = Shape::new();
        for list in listed {
            shape = broadcast(&shape, &list.positions.shape)?;
        }
        let mut offsets = vec![0isize; element_count(&shape)];
        for Listed { axis, positions } in listed {
            let (size, stride) = (view.shape[*axis], view.strides[*axis]);
            let spread = positions.broadcast_to(&shape)?;
            let data = spread.buffer.as_slice::<i64>();
            let mut slots = offsets.iter_mut();
            let mut problem = None;
            for_each_offset(&shape, [&spread.strides], 0, slots.len(), |[o]| {
                let Some(slot) = slots.next() else { return };
                match resolve_position(data[(spread.offset as isize + o) as usize], *axis, size) {
                    Ok(position) => *slot += position as isize * stride,
                    Err(error) => problem = Some(error),
                }
            });
            if let Some(error) = problem {
                return Err(error);
            }
        }
        let is_listed = |axis: usize| listed.iter().any(|l| l.axis == axis);
        let first = listed.iter().map(|l| l.axis).min().unwrap_or(0);
        let last = listed.iter().map(|l| l.axis).max().unwrap_or(0);
        let together = (first..=last).all(is_listed);
        let part = |axes: &mut dyn Iterator<Item = usize>| -> (Shape, Strides) {
            axes.filter(|&a| !is_listed(a)).map(|a| (view.shape[a], view.strides[a])).unzip()
        };
        let split = if together { first } else { 0 };
        let outer = part(&mut (0..split));
        let inner = part(&mut (split..view.rank()));
        let mut result = outer.0.clone();
        result.extend(shape);
        result.extend(inner.0.iter().copied());
        Ok(Selection { shape: result, base: view.offset as isize, outer, listed: Some(offsets), inner })
    }

    /// The selection as a view of `tensor`, where it has no lists.
    pub(crate) fn as_view(&self, tensor: &HostTensor) -> Option<HostTensor> {
        self.listed.is_none().then(|| HostTensor {
            dtype: tensor.dtype,
            shape: self.shape.clone(),
            strides: self.outer.1.clone(),
            offset: if element_count(&self.shape) == 0 { 0 } else { self.base as usize },
            buffer: std::sync::Arc::clone(&tensor.buffer),
        })
    }
}

/// The positions of the true elements, one tensor for each axis of `mask`.
pub(crate) fn nonzero(ctx: &Context, mask: &HostTensor) -> Result<Vec<HostTensor>, TensorError> {
    let packed = mask.packed(ctx)?;
    let bits = packed.slice::<Bit>();
    let count = bits.iter().filter(|b| b.get()).count();
    let strides = row_major(&mask.shape);
    let axes = 0..mask.rank();
    axes.map(|axis| {
        let (stride, size) = (strides[axis] as usize, mask.shape[axis].max(1));
        HostTensor::build(ctx, &[count], |out: &mut [i64]| {
            let set = bits.iter().enumerate().filter(|(_, b)| b.get());
            for (slot, (i, _)) in out.iter_mut().zip(set) {
                *slot = (i / stride.max(1) % size) as i64;
            }
            Ok(())
        })
    })
    .collect()
}

/// The selected elements as a new tensor.
pub(crate) fn gather(ctx: &Context, tensor: &HostTensor, selection: &Selection) -> Result<HostTensor, TensorError> {
    let (inner_shape, [inner_strides]) = collapse(&selection.inner.0, [&selection.inner.1]);
    let inner = element_count(&selection.inner.0);
    let offsets = selection.listed.as_deref().unwrap_or(&[0]);
    let elements = ctx.measure(tensor.dtype, &selection.shape)?;
    let mut buffer = crate::buffer::Buffer::stale(ctx.meter(), elements * tensor.dtype.size())?;
    with_width!(tensor.dtype, T => {
        let source = tensor.buffer.as_slice::<T>();
        fill_rows(ctx, buffer.as_mut_slice::<T>(), inner, Cost::Cheap, |first, part| {
            for (i, row) in part.chunks_exact_mut(inner).enumerate() {
                let index = first / inner + i;
                let mut start = selection.base + offsets[index % offsets.len()];
                for_each_offset(&selection.outer.0, [&selection.outer.1], index / offsets.len(), 1, |[o]| start += o);
                if inner_shape.len() == 1 && (inner_strides[0] == 1 || inner == 1) {
                    row.copy_from_slice(&source[start as usize..start as usize + inner]);
                } else {
                    let mut slots = row.iter_mut();
                    for_each_offset(&inner_shape, [&inner_strides], 0, inner, |[o]| {
                        if let Some(slot) = slots.next() {
                            *slot = source[(start + o) as usize];
                        }
                    });
                }
            }
        })?;
    });
    Ok(HostTensor::from_buffer(tensor.dtype, &selection.shape, buffer))
}

/// `tensor` in a buffer of its own, so that writing to it changes no other name's value.
pub(crate) fn writable(ctx: &Context, mut tensor: HostTensor) -> Result<HostTensor, TensorError> {
    if std::sync::Arc::get_mut(&mut tensor.buffer).is_some() && !has_repeats(&tensor) {
        Ok(tensor)
    } else {
        pack(ctx, &tensor)
    }
}

/// Whether several positions of a view are one element, so that it cannot be written through.
fn has_repeats(tensor: &HostTensor) -> bool {
    tensor.shape.iter().zip(&tensor.strides).any(|(&size, &stride)| size > 1 && stride == 0)
}

/// `tensor`, which [`writable`] made, with the selected elements replaced by those of `value`, which broadcasts to the
/// selection. Where an element is selected more than once, the last value stays.
pub(crate) fn scatter(
    ctx: &Context,
    mut tensor: HostTensor,
    selection: &Selection,
    value: &HostTensor,
) -> Result<HostTensor, TensorError> {
    let value = value.broadcast_to(&selection.shape).map_err(|_| {
        TensorError::shapes(&value.shape, &selection.shape, "do not fit: the value must broadcast to the selection")
    })?;
    let offsets = selection.listed.as_deref().unwrap_or(&[0]);
    let outer = element_count(&selection.outer.0);
    let inner = element_count(&selection.inner.0);
    let inner_at = selection.shape.len() - selection.inner.0.len();
    let (inner_shape, [inner_strides, value_strides]) =
        collapse(&selection.inner.0, [&selection.inner.1, &value.strides[inner_at..]]);
    let (row_shape, row_strides) = (&value.shape[..inner_at], &value.strides[..inner_at]);
    let buffer = std::sync::Arc::get_mut(&mut tensor.buffer).expect("a writable tensor owns its buffer");
    with_width!(value.dtype, T => {
        let target = buffer.as_mut_slice::<T>();
        let source = value.buffer.as_slice::<T>();
        for o in 0..outer {
            if o % 4096 == 0 {
                ctx.poll()?;
            }
            let mut start = selection.base;
            for_each_offset(&selection.outer.0, [&selection.outer.1], o, 1, |[x]| start += x);
            let mut rows = offsets.iter();
            for_each_offset(row_shape, [row_strides], o * offsets.len(), offsets.len(), |[v]| {
                let Some(offset) = rows.next() else { return };
                let (to, from) = (start + offset, value.offset as isize + v);
                for_each_offset(&inner_shape, [&inner_strides, &value_strides], 0, inner, |[t, s]| {
                    target[(to + t) as usize] = source[(from + s) as usize];
                });
            });
        }
    });
    Ok(tensor)
}
