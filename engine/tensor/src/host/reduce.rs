//! Reductions: sums, products, extremes, variances, truth, over any axes.
//!
//! Long sums are exact to a few units: 32 lanes add at most 32 numbers each in the dtype's own precision, and the
//! partial sums add in f64. The cut into pieces does not depend on the number of threads, so results do not either.

use smallvec::SmallVec;

use super::HostTensor;
use super::elementwise::cast;
use super::fold::{self, Columns, Folding};
use super::math::Real;
use super::parallel::map_items;
use super::program::Program;
use super::source::TILE;
use crate::buffer::Buffer;
use crate::element::{Element, with_element};
use crate::promotion::{to_float, to_sum};
use crate::shape::Shape;
use crate::{Context, DType, TensorError};

/// What is computed from many elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ReduceOp {
    /// The sum; bools and narrow ints give i64.
    Sum,
    /// The mean; of nothing NaN.
    Mean,
    /// The product.
    Prod,
    /// The largest; NaN where there is one.
    Max,
    /// The smallest; NaN where there is one.
    Min,
    /// Whether any is not zero.
    Any,
    /// Whether all are not zero.
    All,
    /// The sum of squares, for norms.
    SumSquares,
}

impl ReduceOp {
    /// The dtype of the result.
    pub(crate) const fn dtype(self, dtype: DType) -> DType {
        match self {
            ReduceOp::Sum | ReduceOp::Prod => to_sum(dtype),
            ReduceOp::Mean | ReduceOp::SumSquares => to_float(dtype),
            ReduceOp::Max | ReduceOp::Min => dtype,
            ReduceOp::Any | ReduceOp::All => DType::Bool,
        }
    }
}

/// Elements that one thread takes at a time from a long row.
const PIECE: usize = TILE * 16;
/// Columns that are reduced side by side.
const STRIP: usize = 512;

/// A packed tensor seen as `outer` matrices of `count` × `inner`, to be reduced over `count`.
pub(super) struct Planes {
    pub(super) tensor: HostTensor,
    pub(super) outer: usize,
    pub(super) count: usize,
    pub(super) inner: usize,
}

/// Brings the reduced axes (sorted) together; copies only where they are not neighbours.
pub(super) fn planes(ctx: &Context, tensor: &HostTensor, axes: &[usize]) -> Result<Planes, TensorError> {
    let neighbours = axes.windows(2).all(|w| w[1] == w[0] + 1);
    let (tensor, first, last) = match (axes.first(), axes.last()) {
        (Some(&first), Some(&last)) if neighbours => (tensor.packed(ctx)?, first, last + 1),
        _ => {
            let kept = (0..tensor.rank()).filter(|a| !axes.contains(a));
            let order: SmallVec<[usize; 4]> = kept.chain(axes.iter().copied()).collect();
            (tensor.permuted(&order).packed(ctx)?, tensor.rank() - axes.len(), tensor.rank())
        }
    };
    let product = |range: &[usize]| range.iter().product::<usize>();
    let (outer, count, inner) =
        (product(&tensor.shape[..first]), product(&tensor.shape[first..last]), product(&tensor.shape[last..]));
    Ok(Planes { tensor, outer, count, inner })
}

/// The shape after reducing `axes` (sorted).
pub(crate) fn reduced_shape(shape: &[usize], axes: &[usize], keep: bool) -> Shape {
    let kept = shape.iter().enumerate();
    kept.filter_map(|(a, &n)| if axes.contains(&a) { keep.then_some(1) } else { Some(n) }).collect()
}

/// A reduction chosen for a dtype: its loops, and how its totals become elements of the result.
#[derive(Clone, Copy)]
enum Chosen {
    /// Of floats, whose totals are divided by the count for a mean.
    Real(Folding<f64>, bool),
    /// Of whole numbers and bools, whose totals are divided by the count for a mean.
    Whole(Folding<i64>, bool),
}

impl Chosen {
    /// How `op` reduces elements of `dtype`. Halves must be in f32 before, and whole numbers in f64 for sums of squares
    /// and, where their sum could overflow, for means.
    fn of(op: ReduceOp, dtype: DType) -> Chosen {
        let mean = op == ReduceOp::Mean;
        match (op, dtype) {
            (_, DType::F64) => Chosen::Real(real::<f64>(op), mean),
            (_, DType::F32 | DType::F16 | DType::BF16) => Chosen::Real(real::<f32>(op), mean),
            (_, DType::I64) => Chosen::Whole(whole::<i64>(op), mean),
            (_, DType::I32) => Chosen::Whole(whole::<i32>(op), mean),
            (_, DType::U8 | DType::Bool) => Chosen::Whole(whole::<u8>(op), mean),
        }
    }

    /// Writes totals of `count` elements each as elements of `dtype`.
    fn write(totals: Totals<'_>, mean: bool, count: usize, dtype: DType, out: &mut Buffer) {
        with_element!(dtype, T => {
            let out = out.as_mut_slice::<T>().iter_mut();
            match totals {
                Totals::Real(totals) if mean => {
                    out.zip(totals).for_each(|(o, &t)| *o = T::from_f64(t / count as f64));
                }
                Totals::Real(totals) => out.zip(totals).for_each(|(o, &t)| *o = T::from_f64(t)),
                Totals::Whole(totals) if mean => {
                    out.zip(totals).for_each(|(o, &t)| *o = T::from_f64(t as f64 / count as f64));
                }
                Totals::Whole(totals) => out.zip(totals).for_each(|(o, &t)| *o = T::from_i64(t)),
            }
        });
    }
}

/// What loops gave.
#[derive(Debug, Clone, Copy)]
enum Totals<'a> {
    Real(&'a [f64]),
    Whole(&'a [i64]),
}

fn real<W: Real>(op: ReduceOp) -> Folding<f64> {
    match op {
        ReduceOp::Prod => fold::real_product::<W>(),
        ReduceOp::Max | ReduceOp::Any => fold::real_extreme::<W>(true),
        ReduceOp::Min | ReduceOp::All => fold::real_extreme::<W>(false),
        ReduceOp::SumSquares => fold::real_sum::<W>(true),
        ReduceOp::Sum | ReduceOp::Mean => fold::real_sum::<W>(false),
    }
}

fn whole<T: Element>(op: ReduceOp) -> Folding<i64> {
    match op {
        ReduceOp::Prod => fold::whole_sum::<T>(true),
        ReduceOp::Max | ReduceOp::Any => fold::whole_extreme::<T>(true),
        ReduceOp::Min | ReduceOp::All => fold::whole_extreme::<T>(false),
        ReduceOp::Sum | ReduceOp::Mean | ReduceOp::SumSquares => fold::whole_sum::<T>(false),
    }
}

fn run<A: Copy + Send + Sync>(ctx: &Context, planes: &Planes, fold: Folding<A>) -> Result<Vec<A>, TensorError> {
    ctx.poll()?;
    let &Planes { ref tensor, outer, count, inner } = planes;
    let size = tensor.dtype.size();
    let start = tensor.offset * size;
    let data = &tensor.buffer.as_slice::<u8>()[start..start + tensor.len() * size];
    if inner == 1 && outer == 1 {
        let totals = map_items(ctx, count.div_ceil(PIECE), PIECE.min(count), |i| {
            (fold.row)(&data[i * PIECE * size..((i + 1) * PIECE).min(count) * size])
        })?;
        return Ok(vec![totals.into_iter().fold(fold.start, fold.merge)]);
    }
    if inner == 1 {
        let row = count * size;
        return map_items(ctx, outer, count, |i| (fold.row)(&data[i * row..(i + 1) * row]));
    }
    let strips = inner.div_ceil(STRIP);
    let parts = map_items(ctx, outer * strips, count * STRIP.min(inner), |i| {
        let (plane, strip) = (i / strips, i % strips);
        let matrix = &data[plane * count * inner * size..(plane + 1) * count * inner * size];
        let columns = strip * STRIP..((strip + 1) * STRIP).min(inner);
        (fold.columns)(matrix, &Columns { stride: inner, rows: count, columns })
    })?;
    Ok(parts.into_iter().flatten().collect())
}

/// The dtype that a reduction reads: halves as f32, and floats as f64 where the run asks for it and something rounds; whole
/// numbers as f64 for sums of squares, and i64 also for means.
pub(crate) fn read_as(ctx: &Context, op: ReduceOp, dtype: DType) -> DType {
    match (op, dtype) {
        (ReduceOp::Any | ReduceOp::All, _) => DType::Bool,
        (ReduceOp::Sum | ReduceOp::Mean | ReduceOp::Prod | ReduceOp::SumSquares, _) if dtype.is_float() => {
            ctx.working(dtype)
        }
        (_, DType::F16 | DType::BF16) => DType::F32,
        (ReduceOp::SumSquares, DType::I64 | DType::I32 | DType::U8 | DType::Bool) => DType::F64,
        (ReduceOp::Mean, DType::I64) => DType::F64,
        _ => dtype,
    }
}

/// Reduces `axes` (sorted, distinct) away. An empty extreme is an error; an empty mean is NaN.
pub(crate) fn reduce(
    ctx: &Context,
    op: ReduceOp,
    tensor: &HostTensor,
    axes: &[usize],
) -> Result<HostTensor, TensorError> {
    check_extreme(op, &tensor.shape, axes)?;
    let result = op.dtype(tensor.dtype);
    let read = cast(ctx, tensor, read_as(ctx, op, tensor.dtype))?;
    let shape = reduced_shape(&tensor.shape, axes, false);
    let elements = ctx.measure(result, &shape)?;
    let planes = planes(ctx, &read, axes)?;
    let mut out = Buffer::stale(ctx.meter(), elements * result.size())?;
    match Chosen::of(op, read.dtype) {
        Chosen::Real(fold, mean) => {
            let totals = run(ctx, &planes, fold)?;
            Chosen::write(Totals::Real(&totals), mean, planes.count, result, &mut out);
        }
        Chosen::Whole(fold, mean) => {
            let totals = run(ctx, &planes, fold)?;
            Chosen::write(Totals::Whole(&totals), mean, planes.count, result, &mut out);
        }
    }
    Ok(HostTensor::from_buffer(result, &shape, out))
}

/// The rows that a fused reduction makes one value of each.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rows {
    pub(crate) count: usize,
    /// Elements of a row.
    pub(crate) size: usize,
}

/// Reduces the rows that `program` computes, as elements of dtype `read`, without keeping them. The result has the dtype
/// and shape of `result`, and is what [`reduce`] gives for the same elements.
pub(crate) fn fold_program(
    ctx: &Context,
    op: ReduceOp,
    program: &Program,
    read: DType,
    rows: Rows,
    (dtype, shape): (DType, &[usize]),
) -> Result<HostTensor, TensorError> {
    let elements = ctx.measure(dtype, shape)?;
    let mut out = Buffer::stale(ctx.meter(), elements * dtype.size())?;
    match Chosen::of(op, read) {
        Chosen::Real(fold, mean) => {
            let totals = fold_rows(ctx, program, read.size(), rows, fold)?;
            Chosen::write(Totals::Real(&totals), mean, rows.size, dtype, &mut out);
        }
        Chosen::Whole(fold, mean) => {
            let totals = fold_rows(ctx, program, read.size(), rows, fold)?;
            Chosen::write(Totals::Whole(&totals), mean, rows.size, dtype, &mut out);
        }
    }
    Ok(HostTensor::from_buffer(dtype, shape, out))
}

fn fold_rows<A: Copy + Send + Sync>(
    ctx: &Context,
    program: &Program,
    size: usize,
    rows: Rows,
    fold: Folding<A>,
) -> Result<Vec<A>, TensorError> {
    if rows.count == 1 {
        let pieces = rows.size.div_ceil(PIECE);
        let totals = map_items(ctx, pieces, PIECE.min(rows.size), |i| {
            let mut total = fold.start;
            program.visit(i * PIECE..((i + 1) * PIECE).min(rows.size), TILE, size, |tile| {
                total = (fold.merge)(total, (fold.row)(tile));
            });
            total
        })?;
        return Ok(vec![totals.into_iter().fold(fold.start, fold.merge)]);
    }
    // A tile holds short rows whole; a long row is cut into tiles of its own.
    let together = (PIECE / rows.size).max(1);
    let parts = map_items(ctx, rows.count.div_ceil(together), together * rows.size, |i| {
        let (first, last) = (i * together, ((i + 1) * together).min(rows.count));
        let mut totals = Vec::with_capacity(last - first);
        if rows.size <= TILE {
            let tile = TILE / rows.size * rows.size;
            program.visit(first * rows.size..last * rows.size, tile, size, |tile| {
                totals.extend(tile.chunks_exact(rows.size * size).map(fold.row));
            });
        } else {
            for row in first..last {
                let mut total = fold.start;
                program.visit(row * rows.size..(row + 1) * rows.size, TILE, size, |tile| {
                    total = (fold.merge)(total, (fold.row)(tile));
                });
                totals.push(total);
            }
        }
        totals
    })?;
    Ok(parts.into_iter().flatten().collect())
}

/// Refuses the largest of nothing.
pub(crate) fn check_extreme(op: ReduceOp, shape: &[usize], axes: &[usize]) -> Result<(), TensorError> {
    let empty = matches!(op, ReduceOp::Max | ReduceOp::Min) && axes.iter().any(|&a| shape[a] == 0);
    if empty && reduced_shape(shape, axes, false).iter().all(|&n| n > 0) {
        return Err(TensorError::shape(shape, "has no elements, and nothing has no largest or smallest"));
    }
    Ok(())
}

/// Indices of the extreme elements along `axis`; the first of equals, and the first NaN before all.
pub(crate) fn arg_extreme(
    ctx: &Context,
    largest: bool,
    tensor: &HostTensor,
    axis: usize,
) -> Result<HostTensor, TensorError> {
    if tensor.shape[axis] == 0 {
        return Err(TensorError::shape(&tensor.shape, "has no elements, and nothing has no largest or smallest"));
    }
    let Planes { tensor: packed, outer, count, inner } = planes(ctx, tensor, &[axis])?;
    let shape = reduced_shape(&tensor.shape, &[axis], false);
    with_element!(tensor.dtype, T => {
        let data = packed.slice::<T>();
        let one = |i: usize| {
            let base = (i / inner) * count * inner + i % inner;
            let mut best = data[base];
            let mut index = 0i64;
            for k in 1..count {
                let x = data[base + k * inner];
                let better = if largest { x > best } else { x < best };
                #[expect(clippy::eq_op, reason = "a test for NaN that also compiles for whole numbers")]
                let first_nan = x != x && best == best;
                if better || first_nan {
                    best = x;
                    index = k as i64;
                }
            }
            index
        };
        let values = map_items(ctx, outer * inner, count, one)?;
        HostTensor::from_slice(ctx, &shape, &values)
    })
}
