//! Matrix products in host memory: batched, broadcasting over the leading axes.
//!
//! Floats go to faer's `matmul`, which picks the machine's widest instructions at run time, but for products with one vector
//! (`matvec`); halves are widened to f32 and rounded once; whole numbers are multiplied here and wrap.

use faer::linalg::matmul::matmul as faer_matmul;
use faer::{Accum, MatMut, MatRef, Par};

use super::HostTensor;
use super::elementwise::cast;
use super::linalg::Field;
use super::matvec::{self, Lines};
use super::parallel::{Cost, fill_rows};
use crate::element::Element;
use crate::shape::{Shape, broadcast};
use crate::{Context, DType, TensorError};

/// Multiply-adds after which a run that can be stopped is asked whether it must: about 20 ms on two cores.
const PANEL_WORK: usize = 2_000_000_000;
/// Multiply-adds of f32 for which a thread is worth its wake-up. On two cores a product of 64² takes 20 µs on one thread and
/// 49 on two, one of 128² 67 and 99, one of 256² 440 and 385; on sixteen, one of 256² takes 160 to 190 µs on four to eight and
/// 230 on sixteen, and ten times that where another program takes one of the sixteen: they wait for each other.
const WORK_A_THREAD: usize = 4 << 20;

/// The shape of a product, by NumPy's rule: a 1-d operand is a row on the left, a column on the right.
pub(crate) fn product_shape(left: &[usize], right: &[usize]) -> Result<Shape, TensorError> {
    let wrong = |problem| Err(TensorError::shapes(left, right, problem));
    let (Some((&k, left_rest)), Some(_)) = (left.split_last(), right.last()) else {
        return wrong("have no matrix product: a 0-d tensor is a number, `*` multiplies by it");
    };
    let inner = if right.len() == 1 { right[0] } else { right[right.len() - 2] };
    if k != inner {
        return wrong("have no matrix product: the last axis of the left must equal the last but one of the right");
    }
    let rows = left_rest.last().copied();
    let batch_left = &left_rest[..left_rest.len().saturating_sub(1)];
    let batch_right = &right[..right.len().saturating_sub(2)];
    let mut shape = match broadcast(batch_left, batch_right) {
        Ok(shape) => shape,
        Err(_) => return wrong("have leading axes that do not broadcast"),
    };
    shape.extend(rows);
    if right.len() > 1 {
        shape.push(right[right.len() - 1]);
    }
    Ok(shape)
}

/// A matrix in a slice: rows or columns lie together.
#[derive(Clone, Copy)]
struct Matrix {
    rows: usize,
    columns: usize,
    row_stride: usize,
    column_stride: usize,
}

/// `left @ right`, both of one dtype.
pub(crate) fn matmul(ctx: &Context, left: &HostTensor, right: &HostTensor) -> Result<HostTensor, TensorError> {
    let shape = product_shape(&left.shape, &right.shape)?;
    match left.dtype {
        DType::F64 => floats::<f64>(ctx, left, right, &shape),
        DType::F32 => floats::<f32>(ctx, left, right, &shape),
        DType::F16 | DType::BF16 => {
            let wide = floats::<f32>(ctx, &cast(ctx, left, DType::F32)?, &cast(ctx, right, DType::F32)?, &shape)?;
            cast(ctx, &wide, left.dtype)
        }
        DType::I64 => whole::<i64>(ctx, left, right, &shape, |a, x, y| a.wrapping_add(x.wrapping_mul(y))),
        DType::I32 => whole::<i32>(ctx, left, right, &shape, |a, x, y| a.wrapping_add(x.wrapping_mul(y))),
        DType::U8 => whole::<u8>(ctx, left, right, &shape, |a, x, y| a.wrapping_add(x.wrapping_mul(y))),
        DType::Bool => {
            let (left, right) = (cast(ctx, left, DType::I64)?, cast(ctx, right, DType::I64)?);
            whole::<i64>(ctx, &left, &right, &shape, |a, x, y| a.wrapping_add(x.wrapping_mul(y)))
        }
    }
}

/// Operands as stacks of matrices with the output's leading axes.
struct Stacks {
    left: HostTensor,
    right: HostTensor,
    batch: Shape,
    m: usize,
    n: usize,
    k: usize,
}

fn stacks(ctx: &Context, left: &HostTensor, right: &HostTensor, shape: &[usize]) -> Result<Stacks, TensorError> {
    let k = left.shape[left.rank() - 1];
    let m = if left.rank() == 1 { 1 } else { left.shape[left.rank() - 2] };
    let n = if right.rank() == 1 { 1 } else { right.shape[right.rank() - 1] };
    let vectors = usize::from(left.rank() == 1) + usize::from(right.rank() == 1);
    let batch: Shape = shape[..shape.len() + vectors - 2].into();
    let as_stack = |tensor: &HostTensor, rows: usize, columns: usize| -> Result<HostTensor, TensorError> {
        let tensor = if tensor.rank() == 1 { tensor.reshaped(ctx, &[rows, columns])? } else { tensor.clone() };
        let mut target = batch.clone();
        target.extend([rows, columns]);
        let view = tensor.broadcast_to(&target)?;
        if layout(&view).is_some() { Ok(view) } else { tensor.packed(ctx)?.broadcast_to(&target) }
    };
    Ok(Stacks { left: as_stack(left, m, k)?, right: as_stack(right, k, n)?, batch, m, n, k })
}

/// The last two axes as a matrix, where one of them is contiguous and neither repeats or runs backwards.
fn layout(tensor: &HostTensor) -> Option<Matrix> {
    let [.., rows, columns] = *tensor.shape else { return None };
    let [.., row, column] = *tensor.strides else { return None };
    let row = if rows == 1 { columns as isize } else { row };
    let column = if columns == 1 { 1 } else { column };
    let (row_stride, column_stride) = (usize::try_from(row).ok()?, usize::try_from(column).ok()?);
    let by_rows = column_stride == 1 && row_stride >= columns;
    let by_columns = (row_stride == 1 || rows == 1) && column_stride >= rows;
    (by_rows || by_columns).then_some(Matrix { rows, columns, row_stride, column_stride })
}

/// faer's view of the matrix that starts at `offset`.
fn view<T: Element>(data: &[T], offset: usize, matrix: Matrix) -> MatRef<'_, T> {
    let Matrix { rows, columns, row_stride, column_stride } = matrix;
    if column_stride == 1 && row_stride >= columns {
        let end = if rows == 0 { offset } else { offset + (rows - 1) * row_stride + columns };
        MatRef::from_row_major_slice_with_stride(&data[offset..end], rows, columns, row_stride)
    } else {
        let end = if columns == 0 { offset } else { offset + (columns - 1) * column_stride + rows };
        MatRef::from_column_major_slice_with_stride(&data[offset..end], rows, columns, column_stride)
    }
}

/// Where one operand is a vector without gaps: elements from one line of the other to the next, and whether its lines are
/// rows. A matrix on the right is taken as its transpose on the left.
fn with_vector(left: Matrix, right: Matrix) -> Option<(usize, bool)> {
    let by_rows = |matrix: Matrix| matrix.column_stride == 1 && matrix.row_stride >= matrix.columns;
    let stride = |matrix: Matrix| if by_rows(matrix) { matrix.row_stride } else { matrix.column_stride };
    match (left, right) {
        (_, Matrix { columns: 1, row_stride: 1, .. }) => Some((stride(left), by_rows(left))),
        (Matrix { rows: 1, column_stride: 1, .. }, _) => Some((stride(right), !by_rows(right))),
        _ => None,
    }
}

/// Offsets of the matrices of a stack, in the order of the output.
fn offsets(tensor: &HostTensor, batch: &[usize]) -> Vec<usize> {
    let mut all = Vec::with_capacity(batch.iter().product());
    let strides = &tensor.strides[..batch.len()];
    crate::shape::for_each_offset(batch, [strides], 0, batch.iter().product(), |[o]| {
        all.push((tensor.offset as isize + o) as usize);
    });
    all
}

fn floats<T: Field>(
    ctx: &Context,
    left: &HostTensor,
    right: &HostTensor,
    shape: &[usize],
) -> Result<HostTensor, TensorError> {
    let Stacks { left, right, batch, m, n, k } = stacks(ctx, left, right, shape)?;
    let (Some(left_matrix), Some(right_matrix)) = (layout(&left), layout(&right)) else {
        // A packed stack always has a layout; an empty one has nothing to multiply.
        return HostTensor::zeros(ctx, T::DTYPE, shape);
    };
    let (l, r) = (left.buffer.as_slice::<T>(), right.buffer.as_slice::<T>());
    let (left_offsets, right_offsets) = (offsets(&left, &batch), offsets(&right, &batch));
    let work = m * n * k;
    ctx.meter().count_flops(work.saturating_mul(left_offsets.len()).saturating_mul(2));
    HostTensor::build(ctx, shape, |out: &mut [T]| {
        if work == 0 {
            // Sums of nothing; and an empty matrix has no place to point to.
            out.fill(T::default());
            return Ok(());
        }
        if left_offsets.len() > 1 && work < PANEL_WORK {
            // Many small products: whole products side by side.
            return fill_rows(ctx, out, m * n, Cost::Cheap, |first, part| {
                for (i, piece) in part.chunks_exact_mut(m * n).enumerate() {
                    let b = first / (m * n) + i;
                    let a = view(l, left_offsets[b], left_matrix);
                    let b = view(r, right_offsets[b], right_matrix);
                    let c = MatMut::from_row_major_slice_mut(piece, m, n);
                    faer_matmul(c, Accum::Replace, a, b, T::one_impl(), Par::Seq);
                }
            });
        }
        if let Some((stride, are_rows)) = with_vector(left_matrix, right_matrix) {
            for (i, product) in out.chunks_exact_mut(m * n).enumerate() {
                let (a, b) = (&l[left_offsets[i]..], &r[right_offsets[i]..]);
                let (data, x) = if n == 1 { (a, b) } else { (b, a) };
                matvec::product(ctx, Lines { data, stride, are_rows }, &x[..k], product)?;
            }
            return Ok(());
        }
        let panel = if ctx.can_stop() { (PANEL_WORK / (n * k).max(1)).max(64) } else { m };
        let threads = (work * size_of::<T>() / size_of::<f32>() / WORK_A_THREAD).clamp(1, ctx.threads());
        ctx.meter().count_pass(threads);
        let parallel = if threads == 1 { Par::Seq } else { Par::rayon(threads) };
        for (i, product) in out.chunks_exact_mut(m * n).enumerate() {
            let a = view(l, left_offsets[i], left_matrix);
            let b = view(r, right_offsets[i], right_matrix);
            for (p, piece) in product.chunks_mut(panel * n).enumerate() {
                ctx.poll()?;
                let rows = piece.len() / n;
                let c = MatMut::from_row_major_slice_mut(piece, rows, n);
                faer_matmul(c, Accum::Replace, a.subrows(p * panel, rows), b, T::one_impl(), parallel);
            }
        }
        Ok(())
    })
}

fn whole<T: Element>(
    ctx: &Context,
    left: &HostTensor,
    right: &HostTensor,
    shape: &[usize],
    step: impl Fn(T, T, T) -> T + Sync,
) -> Result<HostTensor, TensorError> {
    let Stacks { left, right, batch, m, n, k } = stacks(ctx, left, right, shape)?;
    let (l, r) = (left.buffer.as_slice::<T>(), right.buffer.as_slice::<T>());
    let (left_offsets, right_offsets) = (offsets(&left, &batch), offsets(&right, &batch));
    let axis = batch.len();
    let [left_row, left_column] = [left.strides[axis], left.strides[axis + 1]];
    let [right_row, right_column] = [right.strides[axis], right.strides[axis + 1]];
    let at = |base: usize, i: usize, row: isize, j: usize, column: isize| {
        (base as isize + i as isize * row + j as isize * column) as usize
    };
    HostTensor::build(ctx, shape, |out: &mut [T]| {
        fill_rows(ctx, out, n, Cost::Dear, |first, part| {
            for (i, row) in part.chunks_mut(n).enumerate() {
                let (b, i) = ((first / n + i) / m, (first / n + i) % m);
                row.fill(T::default());
                for p in 0..k {
                    let x = l[at(left_offsets[b], i, left_row, p, left_column)];
                    for (j, total) in row.iter_mut().enumerate() {
                        *total = step(*total, x, r[at(right_offsets[b], p, right_row, j, right_column)]);
                    }
                }
            }
        })
    })
}
