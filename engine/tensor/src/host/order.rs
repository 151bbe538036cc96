//! Sorting: along an axis, the order itself, distinct values.
//!
//! NaN sorts last. Equal elements keep their order.

use std::cmp::Ordering;

use smallvec::SmallVec;

use super::HostTensor;
use super::copy::pack;
use super::elementwise::cast;
use super::parallel::{Cost, fill_rows};
use crate::element::{Element, with_element};
use crate::{Context, DType, TensorError};

/// NaN after everything.
fn ascending<T: Element>(a: &T, b: &T) -> Ordering {
    a.partial_cmp(b).unwrap_or_else(|| is_nan(a).cmp(&is_nan(b)))
}

/// NaN after everything here too.
fn descending<T: Element>(a: &T, b: &T) -> Ordering {
    b.partial_cmp(a).unwrap_or_else(|| is_nan(a).cmp(&is_nan(b)))
}

#[expect(clippy::eq_op, reason = "a test for NaN that also compiles for whole numbers")]
fn is_nan<T: Element>(x: &T) -> bool {
    x != x
}

/// The order that exchanges `axis` with the last axis; it is its own inverse.
fn axis_last(rank: usize, axis: usize) -> SmallVec<[usize; 4]> {
    let mut order: SmallVec<[usize; 4]> = (0..rank).collect();
    order.swap(axis, rank - 1);
    order
}

/// The elements in order along `axis`.
pub(crate) fn sort(ctx: &Context, tensor: &HostTensor, axis: usize, reverse: bool) -> Result<HostTensor, TensorError> {
    if tensor.dtype.size() == 2 {
        return cast(ctx, &sort(ctx, &cast(ctx, tensor, DType::F32)?, axis, reverse)?, tensor.dtype);
    }
    let order = axis_last(tensor.rank(), axis);
    let mut sorted = pack(ctx, &tensor.permuted(&order))?;
    let width = tensor.shape[axis];
    with_element!(tensor.dtype, T => {
        let values = sorted.as_mut_slice::<T>().expect("a fresh copy is packed and its own");
        fill_rows(ctx, values, width, Cost::Dear, |_, part| {
            for row in part.chunks_mut(width.max(1)) {
                row.sort_by(if reverse { descending } else { ascending });
            }
        })?;
    });
    Ok(sorted.permuted(&order))
}

/// The positions along `axis` that would sort the elements.
pub(crate) fn argsort(
    ctx: &Context,
    tensor: &HostTensor,
    axis: usize,
    reverse: bool,
) -> Result<HostTensor, TensorError> {
    let order = axis_last(tensor.rank(), axis);
    let moved = tensor.permuted(&order).packed(ctx)?;
    let width = tensor.shape[axis];
    let sorted = with_element!(tensor.dtype, T => {
        let values = moved.slice::<T>();
        let compare = if reverse { descending::<T> } else { ascending::<T> };
        HostTensor::build(ctx, &moved.shape, |out: &mut [i64]| {
            fill_rows(ctx, out, width, Cost::Dear, |first, part| {
                for (i, row) in part.chunks_mut(width.max(1)).enumerate() {
                    let values = &values[first + i * width..first + (i + 1) * width];
                    for (slot, position) in row.iter_mut().zip(0..) {
                        *slot = position;
                    }
                    row.sort_by(|&a, &b| compare(&values[a as usize], &values[b as usize]));
                }
            })
        })
    })?;
    Ok(sorted.permuted(&order))
}

/// The distinct values in ascending order; every NaN counts as one value.
pub(crate) fn unique(ctx: &Context, tensor: &HostTensor) -> Result<HostTensor, TensorError> {
    let count = tensor.len();
    let flat = tensor.reshaped(ctx, &[count])?;
    let sorted = sort(ctx, &flat, 0, false)?;
    with_element!(tensor.dtype, T => {
        let mut values = sorted.slice::<T>().to_vec();
        values.dedup_by(|a, b| a == b || (is_nan(a) && is_nan(b)));
        HostTensor::from_slice(ctx, &[values.len()], &values)
    })
}
