//! Moving elements: packing views, filling, concatenating.

use smallvec::SmallVec;

use super::HostTensor;
use super::parallel::{Cost, fill, fill_rows};
use crate::buffer::Buffer;
use crate::element::{Element, with_width};
use crate::shape::{Shape, collapse, for_each_offset};
use crate::{Context, TensorError};

/// Side of the square blocks in which matrices are transposed: a line of the cache of four-byte elements, so that each line
/// is read and written once, whatever lies between them.
const BLOCK: usize = 16;

/// A row-major copy without gaps.
pub(crate) fn pack(ctx: &Context, tensor: &HostTensor) -> Result<HostTensor, TensorError> {
    let elements = ctx.measure(tensor.dtype, &tensor.shape)?;
    let mut buffer = Buffer::stale(ctx.meter(), elements * tensor.dtype.size())?;
    with_width!(tensor.dtype, T => copy_view::<T>(ctx, tensor, buffer.as_mut_slice())?);
    Ok(HostTensor::from_buffer(tensor.dtype, &tensor.shape, buffer))
}

fn copy_view<T: bytemuck::Pod + Send + Sync>(
    ctx: &Context,
    tensor: &HostTensor,
    out: &mut [T],
) -> Result<(), TensorError> {
    let source = tensor.buffer.as_slice::<T>();
    let (shape, [strides]) = collapse(&tensor.shape, [&tensor.strides]);
    let base = tensor.offset as isize;
    let (&inner, outer) = shape.split_last().expect("collapse keeps one axis");
    let (&step, outer_strides) = strides.split_last().expect("as many strides as axes");
    if let ([.., rows], [.., row_step]) = (outer, outer_strides)
        && *row_step == 1
        && step > 1
        && inner > 1
    {
        let (outer, outer_strides) = (&outer[..outer.len() - 1], &outer_strides[..outer.len() - 1]);
        return transpose(
            ctx,
            out,
            *rows,
            inner,
            |matrix, row| {
                let mut start = base + row as isize;
                for_each_offset(outer, [outer_strides], matrix, 1, |[o]| start += o);
                &source[start as usize..]
            },
            step as usize,
        );
    }
    fill_rows(ctx, out, inner, Cost::Cheap, |first, part| {
        let count = part.len() / inner;
        let mut rows = part.chunks_mut(inner);
        for_each_offset(outer, [outer_strides], first / inner, count, |[o]| {
            let row = rows.next().expect("one row for each offset");
            let start = base + o;
            if step == 1 {
                row.copy_from_slice(&source[start as usize..start as usize + inner]);
            } else {
                for (i, x) in row.iter_mut().enumerate() {
                    *x = source[(start + i as isize * step) as usize];
                }
            }
        });
    })
}

/// Copies matrices whose columns are contiguous in the source into rows of `out`, in square blocks.
fn transpose<'a, T: bytemuck::Pod + Send + Sync>(
    ctx: &Context,
    out: &mut [T],
    rows: usize,
    columns: usize,
    source: impl Fn(usize, usize) -> &'a [T] + Sync,
    step: usize,
) -> Result<(), TensorError> {
    debug_assert!(rows > 0);
    fill_rows(ctx, out, columns * BLOCK.min(rows), Cost::Cheap, |first, part| {
        let mut row = first / columns;
        let mut part = part;
        while !part.is_empty() {
            let height = BLOCK.min(rows - row % rows).min(part.len() / columns);
            let (block, rest) = part.split_at_mut(height * columns);
            part = rest;
            let from = source(row / rows, row % rows);
            turn(|c| &from[c * step..c * step + height], columns, block);
            row += height;
        }
    })
}

/// Writes columns as rows: `out` gets one row for each element of a column, of as many elements as there are columns.
pub(super) fn turn<'a, T: bytemuck::Pod>(column: impl Fn(usize) -> &'a [T], columns: usize, out: &mut [T]) {
    let rows = out.len() / columns.max(1);
    for top in (0..rows).step_by(BLOCK) {
        let height = BLOCK.min(rows - top);
        for left in (0..columns).step_by(BLOCK) {
            let width = BLOCK.min(columns - left);
            let mut block = [[T::zeroed(); BLOCK]; BLOCK];
            for c in 0..width {
                let from = &column(left + c)[top..top + height];
                if let Some(whole) = from.first_chunk::<BLOCK>() {
                    for r in 0..BLOCK {
                        block[r][c] = whole[r];
                    }
                } else {
                    for (row, &x) in block.iter_mut().zip(from) {
                        row[c] = x;
                    }
                }
            }
            for (r, row) in block[..height].iter().enumerate() {
                out[(top + r) * columns + left..][..width].copy_from_slice(&row[..width]);
            }
        }
    }
}

/// The elements of a view as row-major bytes, without a context: for handing data out.
pub(crate) fn gathered_bytes(tensor: &HostTensor) -> Vec<u8> {
    let mut bytes = vec![0u8; tensor.len() * tensor.dtype.size()];
    let size = tensor.dtype.size();
    let source = tensor.buffer.as_slice::<u8>();
    let mut out = bytes.chunks_mut(size);
    for_each_offset(&tensor.shape, [&tensor.strides], 0, tensor.len(), |[o]| {
        let start = (tensor.offset as isize + o) as usize * size;
        if let Some(element) = out.next() {
            element.copy_from_slice(&source[start..start + size]);
        }
    });
    bytes
}

/// A tensor of `shape` filled with `value`.
pub(crate) fn full<T: Element>(ctx: &Context, shape: &[usize], value: T) -> Result<HostTensor, TensorError> {
    HostTensor::build(ctx, shape, |out| fill(ctx, out, Cost::Cheap, |_, part| part.fill(value)))
}

/// Tensors of one dtype and rank, equal in all axes but `axis`, one behind the other along `axis`.
pub(crate) fn concat(ctx: &Context, tensors: &[HostTensor], axis: usize) -> Result<HostTensor, TensorError> {
    let first = tensors.first().expect("callers refuse an empty list");
    let mut shape: Shape = first.shape.clone();
    shape[axis] = tensors.iter().map(|t| t.shape[axis]).sum();
    let elements = ctx.measure(first.dtype, &shape)?;
    let packed = tensors.iter().map(|t| t.packed(ctx)).collect::<Result<SmallVec<[_; 4]>, _>>()?;
    let mut buffer = Buffer::stale(ctx.meter(), elements * first.dtype.size())?;
    let outer: usize = shape[..axis].iter().product();
    let inner: usize = shape[axis + 1..].iter().product::<usize>() * first.dtype.size();
    let row = shape[axis] * inner;
    let out = buffer.as_mut_slice::<u8>();
    let mut column = 0;
    for tensor in &packed {
        ctx.poll()?;
        let width = tensor.shape[axis] * inner;
        let start = tensor.offset * tensor.dtype.size();
        let source = &tensor.buffer.as_slice::<u8>()[start..start + outer * width];
        if width > 0 {
            for (o, piece) in source.chunks_exact(width).enumerate() {
                out[o * row + column..o * row + column + width].copy_from_slice(piece);
            }
        }
        column += width;
    }
    Ok(HostTensor::from_buffer(first.dtype, &shape, buffer))
}
