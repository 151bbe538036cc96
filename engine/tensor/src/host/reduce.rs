//! Reductions: sums, products, extremes, variances, truth, over any axes.
//!
//! Long sums are exact to a few units: 32 lanes add at most 64 numbers each in the dtype's own precision, and the
//! partial sums add in f64. The cut into pieces does not depend on the number of threads, so results do not either.

use std::marker::PhantomData;

use smallvec::SmallVec;

use super::HostTensor;
use super::copy::cast;
use super::fold::{Extreme, Fold, MEAN, RealProduct, RealSum, SQUARES, SUM, WholeMean, WholeSum};
use super::math::Real;
use super::parallel::{Kernel, map_items, vectorized};
use crate::element::{Element, with_element};
use crate::promotion::{to_float, to_sum};
use crate::shape::Shape;
use crate::{Context, DType, TensorError};

/// What is computed from many elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum ReduceOp {
    Sum,
    Mean,
    Prod,
    Max,
    Min,
    Any,
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

const LANES: usize = 32;
/// Elements between two widenings.
const BLOCK: usize = LANES * 64;
/// Elements that one thread takes at a time from a long row.
const PIECE: usize = BLOCK * 8;
/// Columns that are reduced side by side.
const TILE: usize = 512;

struct FoldRow<'a, F: Fold> {
    fold: F,
    row: &'a [F::In],
}

impl<F: Fold> Kernel for FoldRow<'_, F> {
    type Output = F::Total;

    #[inline(always)]
    fn run(self) -> F::Total {
        let fold = self.fold;
        let mut total = fold.widen(fold.start());
        for block in self.row.chunks(BLOCK) {
            let mut lanes = [fold.start(); LANES];
            let (groups, rest) = block.as_chunks::<LANES>();
            for group in groups {
                for (lane, &x) in lanes.iter_mut().zip(group) {
                    *lane = fold.step(*lane, x);
                }
            }
            for (lane, &x) in lanes.iter_mut().zip(rest) {
                *lane = fold.step(*lane, x);
            }
            let mut width = LANES / 2;
            while width > 0 {
                for i in 0..width {
                    lanes[i] = fold.join(lanes[i], lanes[i + width]);
                }
                width /= 2;
            }
            total = fold.merge(total, fold.widen(lanes[0]));
        }
        total
    }
}

/// Columns `columns` of a matrix with rows of `stride` elements, reduced over all rows.
struct FoldColumns<'a, F: Fold> {
    fold: F,
    matrix: &'a [F::In],
    stride: usize,
    rows: usize,
    columns: std::ops::Range<usize>,
}

impl<F: Fold> Kernel for FoldColumns<'_, F> {
    type Output = Vec<F::Out>;

    #[inline(always)]
    fn run(self) -> Vec<F::Out> {
        let fold = self.fold;
        let width = self.columns.len();
        let mut lanes = vec![fold.start(); width];
        let mut totals = vec![fold.widen(fold.start()); width];
        for first in (0..self.rows).step_by(64) {
            lanes.fill(fold.start());
            for r in first..(first + 64).min(self.rows) {
                let row = &self.matrix[r * self.stride + self.columns.start..r * self.stride + self.columns.end];
                for (lane, &x) in lanes.iter_mut().zip(row) {
                    *lane = fold.step(*lane, x);
                }
            }
            for (total, &lane) in totals.iter_mut().zip(&lanes) {
                *total = fold.merge(*total, fold.widen(lane));
            }
        }
        totals.into_iter().map(|total| fold.finish(total, self.rows)).collect()
    }
}

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

fn run<F: Fold>(ctx: &Context, tensor: &HostTensor, axes: &[usize], fold: F) -> Result<HostTensor, TensorError> {
    ctx.poll()?;
    let Planes { tensor: packed, outer, count, inner } = planes(ctx, tensor, axes)?;
    let data = packed.slice::<F::In>();
    let shape = reduced_shape(&tensor.shape, axes, false);
    if inner == 1 && outer == 1 {
        let value = fold.finish(fold_long(ctx, data, fold)?, count);
        return HostTensor::from_slice(ctx, &shape, &[value]);
    }
    if inner == 1 {
        let one = |i: usize| fold.finish(vectorized(FoldRow { fold, row: &data[i * count..(i + 1) * count] }), count);
        let values = map_items(ctx, outer, count, one)?;
        return HostTensor::from_slice(ctx, &shape, &values);
    }
    let tiles = inner.div_ceil(TILE);
    let one = |i: usize| {
        let (plane, tile) = (i / tiles, i % tiles);
        let matrix = &data[plane * count * inner..(plane + 1) * count * inner];
        let columns = tile * TILE..((tile + 1) * TILE).min(inner);
        vectorized(FoldColumns { fold, matrix, stride: inner, rows: count, columns })
    };
    let parts = map_items(ctx, outer * tiles, count * TILE.min(inner), one)?;
    HostTensor::build(ctx, &shape, |out: &mut [F::Out]| {
        let mut rest = out;
        for part in &parts {
            let (head, tail) = rest.split_at_mut(part.len());
            head.copy_from_slice(part);
            rest = tail;
        }
        Ok(())
    })
}

/// One long row, in pieces that several threads share and that are merged in order.
fn fold_long<F: Fold>(ctx: &Context, row: &[F::In], fold: F) -> Result<F::Total, TensorError> {
    if row.len() <= PIECE {
        return Ok(vectorized(FoldRow { fold, row }));
    }
    let pieces = row.len().div_ceil(PIECE);
    let one = |i: usize| vectorized(FoldRow { fold, row: &row[i * PIECE..((i + 1) * PIECE).min(row.len())] });
    let totals = map_items(ctx, pieces, PIECE, one)?;
    Ok(totals.into_iter().fold(fold.widen(fold.start()), |a, b| fold.merge(a, b)))
}

/// Reduces `axes` (sorted, distinct) away. An empty extreme is an error; an empty mean is NaN.
pub(crate) fn reduce(
    ctx: &Context,
    op: ReduceOp,
    tensor: &HostTensor,
    axes: &[usize],
) -> Result<HostTensor, TensorError> {
    // Halves are reduced in f32 and rounded once; bools as bytes.
    if matches!(tensor.dtype, DType::F16 | DType::BF16) {
        return cast(ctx, &reduce(ctx, op, &cast(ctx, tensor, DType::F32)?, axes)?, op.dtype(tensor.dtype));
    }
    match (op, tensor.dtype) {
        (ReduceOp::Max | ReduceOp::Min, _) => extremes(ctx, op, tensor, axes),
        (ReduceOp::Any, _) => {
            let bits = cast(ctx, tensor, DType::Bool)?.reinterpreted(DType::U8);
            Ok(run(ctx, &bits, axes, Extreme::<u8, true>(0))?.reinterpreted(DType::Bool))
        }
        (ReduceOp::All, _) => {
            let bits = cast(ctx, tensor, DType::Bool)?.reinterpreted(DType::U8);
            Ok(run(ctx, &bits, axes, Extreme::<u8, false>(1))?.reinterpreted(DType::Bool))
        }
        (_, DType::F64) => reals::<f64>(ctx, op, tensor, axes),
        (_, DType::I64) => whole_sums::<i64>(ctx, op, tensor, axes),
        (_, DType::I32) => whole_sums::<i32>(ctx, op, tensor, axes),
        (_, DType::U8 | DType::Bool) => whole_sums::<u8>(ctx, op, &tensor.reinterpreted(DType::U8), axes),
        _ => reals::<f32>(ctx, op, tensor, axes),
    }
}

fn reals<W: Real>(ctx: &Context, op: ReduceOp, tensor: &HostTensor, axes: &[usize]) -> Result<HostTensor, TensorError> {
    let of = PhantomData::<W>;
    match op {
        ReduceOp::Mean => run(ctx, tensor, axes, RealSum::<W, MEAN>(of)),
        ReduceOp::SumSquares => run(ctx, tensor, axes, RealSum::<W, SQUARES>(of)),
        ReduceOp::Prod => run(ctx, tensor, axes, RealProduct::<W>(of)),
        _ => run(ctx, tensor, axes, RealSum::<W, SUM>(of)),
    }
}

fn extremes(ctx: &Context, op: ReduceOp, tensor: &HostTensor, axes: &[usize]) -> Result<HostTensor, TensorError> {
    let empty = axes.iter().any(|&a| tensor.shape[a] == 0);
    if empty && reduced_shape(&tensor.shape, axes, false).iter().all(|&n| n > 0) {
        return Err(TensorError::shape(&tensor.shape, "has no elements, and nothing has no largest or smallest"));
    }
    match tensor.dtype {
        DType::F64 => extreme::<f64>(ctx, op, tensor, axes),
        DType::I64 => extreme::<i64>(ctx, op, tensor, axes),
        DType::I32 => extreme::<i32>(ctx, op, tensor, axes),
        DType::U8 | DType::Bool => {
            Ok(extreme::<u8>(ctx, op, &tensor.reinterpreted(DType::U8), axes)?.reinterpreted(tensor.dtype))
        }
        _ => extreme::<f32>(ctx, op, tensor, axes),
    }
}

/// Starts no better than the worst number, which for floats is infinite.
fn extreme<T: Element>(
    ctx: &Context,
    op: ReduceOp,
    tensor: &HostTensor,
    axes: &[usize],
) -> Result<HostTensor, TensorError> {
    if op == ReduceOp::Max {
        run(ctx, tensor, axes, Extreme::<T, true>(T::from_f64(f64::NEG_INFINITY)))
    } else {
        run(ctx, tensor, axes, Extreme::<T, false>(T::from_f64(f64::INFINITY)))
    }
}

/// Sums of whole numbers are whole and wrap; their means and sums of squares are f32, added in f64.
fn whole_sums<T: Element>(
    ctx: &Context,
    op: ReduceOp,
    tensor: &HostTensor,
    axes: &[usize],
) -> Result<HostTensor, TensorError> {
    let of = PhantomData::<T>;
    match op {
        ReduceOp::Mean => run(ctx, tensor, axes, WholeMean::<T, false>(of)),
        ReduceOp::SumSquares => run(ctx, tensor, axes, WholeMean::<T, true>(of)),
        ReduceOp::Prod => run(ctx, tensor, axes, WholeSum::<T, true>(of)),
        _ => run(ctx, tensor, axes, WholeSum::<T, false>(of)),
    }
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
