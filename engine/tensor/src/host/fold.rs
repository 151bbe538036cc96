//! The ways in which many elements become one value, and the loops that do it. `reduce` runs them over any axes.
//!
//! Lanes run side by side in vector registers, in the elements' own precision; totals collect them: f64 for floats, i64
//! for whole numbers. Only the loops are compiled for each dtype; a [`Folding`] hands them on as functions of bytes.

use std::marker::PhantomData;
use std::ops::Range;

use super::math::Real;
use super::source::TILE;
use super::vectors::{Kernel, vectorized};
use crate::element::Element;

const LANES: usize = 32;
/// Rows between two widenings of a column.
const ROWS: usize = TILE / LANES;

/// A reduction as functions of bytes, with totals of type `A`.
#[derive(Clone, Copy)]
pub(super) struct Folding<A> {
    /// The total of nothing.
    pub(super) start: A,
    /// The total of a row.
    pub(super) row: fn(&[u8]) -> A,
    /// The totals of some columns of a matrix.
    pub(super) columns: fn(&[u8], &Columns) -> Vec<A>,
    /// Two totals as one.
    pub(super) merge: fn(A, A) -> A,
}

/// Which part of a matrix is reduced over its rows.
#[derive(Debug, Clone)]
pub(super) struct Columns {
    /// Elements from one row to the next.
    pub(super) stride: usize,
    pub(super) rows: usize,
    pub(super) columns: Range<usize>,
}

/// How elements become one value.
trait Fold: Copy {
    type In: Element;
    type Lane: Copy;
    type Total: Copy;

    const START: Self::Lane;

    fn step(lane: Self::Lane, x: Self::In) -> Self::Lane;
    /// The total of all lanes.
    fn collect(lanes: [Self::Lane; LANES]) -> Self::Total;
    fn widen(lane: Self::Lane) -> Self::Total;
    fn merge(a: Self::Total, b: Self::Total) -> Self::Total;
}

struct Row<'a, F: Fold>(&'a [F::In]);

impl<F: Fold> Kernel for Row<'_, F> {
    type Output = F::Total;

    #[inline(always)]
    fn run(self) -> F::Total {
        let mut total = F::widen(F::START);
        for block in self.0.chunks(TILE) {
            let mut lanes = [F::START; LANES];
            let (groups, rest) = block.as_chunks::<LANES>();
            for group in groups {
                for (lane, &x) in lanes.iter_mut().zip(group) {
                    *lane = F::step(*lane, x);
                }
            }
            for (lane, &x) in lanes.iter_mut().zip(rest) {
                *lane = F::step(*lane, x);
            }
            total = F::merge(total, F::collect(lanes));
        }
        total
    }
}

/// Lanes joined in pairs, which loses the fewest digits.
#[inline(always)]
fn pairwise<W: Copy>(mut lanes: [W; LANES], join: impl Fn(W, W) -> W) -> W {
    let mut width = LANES / 2;
    while width > 0 {
        for i in 0..width {
            lanes[i] = join(lanes[i], lanes[i + width]);
        }
        width /= 2;
    }
    lanes[0]
}

/// Lanes joined one after the other. Out of line: unrolled into every loop it would be most of the program.
#[inline(never)]
fn in_turn(lanes: [i64; LANES], start: i64, join: fn(i64, i64) -> i64) -> i64 {
    lanes.into_iter().fold(start, join)
}

struct ColumnSums<'a, F: Fold> {
    matrix: &'a [F::In],
    part: &'a Columns,
}

impl<F: Fold> Kernel for ColumnSums<'_, F> {
    type Output = Vec<F::Total>;

    #[inline(always)]
    fn run(self) -> Vec<F::Total> {
        let Columns { stride, rows, ref columns } = *self.part;
        let mut lanes = vec![F::START; columns.len()];
        let mut totals = vec![F::widen(F::START); columns.len()];
        for first in (0..rows).step_by(ROWS) {
            lanes.fill(F::START);
            for r in first..(first + ROWS).min(rows) {
                let row = &self.matrix[r * stride + columns.start..r * stride + columns.end];
                for (lane, &x) in lanes.iter_mut().zip(row) {
                    *lane = F::step(*lane, x);
                }
            }
            for (total, &lane) in totals.iter_mut().zip(&lanes) {
                *total = F::merge(*total, F::widen(lane));
            }
        }
        totals
    }
}

fn folding<F: Fold>() -> Folding<F::Total> {
    Folding {
        start: F::widen(F::START),
        row: |bytes| vectorized(Row::<F>(bytemuck::cast_slice(bytes))),
        columns: |bytes, part| vectorized(ColumnSums::<F> { matrix: bytemuck::cast_slice(bytes), part }),
        merge: F::merge,
    }
}

/// The sum of floats, or of their squares.
pub(super) fn real_sum<W: Real>(squares: bool) -> Folding<f64> {
    if squares { folding::<RealSum<W, true>>() } else { folding::<RealSum<W, false>>() }
}

/// The product of floats.
pub(super) fn real_product<W: Real>() -> Folding<f64> {
    folding::<RealProduct<W>>()
}

/// The largest or smallest of floats; NaN where there is one, as NumPy has it.
pub(super) fn real_extreme<W: Real>(largest: bool) -> Folding<f64> {
    if largest { folding::<RealExtreme<W, true>>() } else { folding::<RealExtreme<W, false>>() }
}

/// The sum or the product of whole numbers; both wrap.
pub(super) fn whole_sum<T: Element>(product: bool) -> Folding<i64> {
    if product { folding::<WholeSum<T, true>>() } else { folding::<WholeSum<T, false>>() }
}

/// The largest or smallest of whole numbers.
pub(super) fn whole_extreme<T: Element>(largest: bool) -> Folding<i64> {
    if largest { folding::<WholeExtreme<T, true>>() } else { folding::<WholeExtreme<T, false>>() }
}

#[derive(Clone, Copy)]
struct RealSum<W, const SQUARES: bool>(PhantomData<W>);

impl<W: Real, const SQUARES: bool> Fold for RealSum<W, SQUARES> {
    type In = W;
    type Lane = W;
    type Total = f64;

    const START: W = W::ZERO;

    #[inline(always)]
    fn step(lane: W, x: W) -> W {
        lane + if SQUARES { x * x } else { x }
    }
    #[inline(always)]
    fn collect(lanes: [W; LANES]) -> f64 {
        pairwise(lanes, |a, b| a + b).to_f64()
    }
    #[inline(always)]
    fn widen(lane: W) -> f64 {
        lane.to_f64()
    }
    #[inline(always)]
    fn merge(a: f64, b: f64) -> f64 {
        a + b
    }
}

#[derive(Clone, Copy)]
struct RealProduct<W>(PhantomData<W>);

impl<W: Real> Fold for RealProduct<W> {
    type In = W;
    type Lane = f64;
    type Total = f64;

    const START: f64 = 1.0;

    #[inline(always)]
    fn step(lane: f64, x: W) -> f64 {
        lane * x.to_f64()
    }
    #[inline(always)]
    fn collect(lanes: [f64; LANES]) -> f64 {
        lanes.into_iter().fold(1.0, Self::merge)
    }
    #[inline(always)]
    fn widen(lane: f64) -> f64 {
        lane
    }
    #[inline(always)]
    fn merge(a: f64, b: f64) -> f64 {
        a * b
    }
}

/// Keeps what it has unless the other is better or NaN, which nothing replaces.
#[inline(always)]
fn better<T: PartialOrd, const LARGEST: bool>(kept: T, x: T) -> T {
    #[expect(clippy::eq_op, reason = "a test for NaN that also compiles for whole numbers")]
    let nan = x != x;
    let take = if LARGEST { x > kept } else { x < kept };
    if take | nan { x } else { kept }
}

#[derive(Clone, Copy)]
struct RealExtreme<W, const LARGEST: bool>(PhantomData<W>);

impl<W: Real, const LARGEST: bool> Fold for RealExtreme<W, LARGEST> {
    type In = W;
    type Lane = W;
    type Total = f64;

    const START: W = if LARGEST { W::NEG_INFINITY } else { W::INFINITY };

    #[inline(always)]
    fn step(lane: W, x: W) -> W {
        better::<W, LARGEST>(lane, x)
    }
    #[inline(always)]
    fn collect(lanes: [W; LANES]) -> f64 {
        pairwise(lanes, better::<W, LARGEST>).to_f64()
    }
    #[inline(always)]
    fn widen(lane: W) -> f64 {
        lane.to_f64()
    }
    #[inline(always)]
    fn merge(a: f64, b: f64) -> f64 {
        better::<f64, LARGEST>(a, b)
    }
}

#[derive(Clone, Copy)]
struct WholeSum<T, const PRODUCT: bool>(PhantomData<T>);

impl<T: Element, const PRODUCT: bool> Fold for WholeSum<T, PRODUCT> {
    type In = T;
    type Lane = i64;
    type Total = i64;

    const START: i64 = PRODUCT as i64;

    #[inline(always)]
    fn step(lane: i64, x: T) -> i64 {
        Self::merge(lane, x.to_i64())
    }
    #[inline(always)]
    fn collect(lanes: [i64; LANES]) -> i64 {
        in_turn(lanes, Self::START, Self::merge)
    }
    #[inline(always)]
    fn widen(lane: i64) -> i64 {
        lane
    }
    #[inline(always)]
    fn merge(a: i64, b: i64) -> i64 {
        if PRODUCT { a.wrapping_mul(b) } else { a.wrapping_add(b) }
    }
}

#[derive(Clone, Copy)]
struct WholeExtreme<T, const LARGEST: bool>(PhantomData<T>);

impl<T: Element, const LARGEST: bool> Fold for WholeExtreme<T, LARGEST> {
    type In = T;
    type Lane = T;
    type Total = i64;

    const START: T = if LARGEST { T::LOWEST } else { T::HIGHEST };

    #[inline(always)]
    fn step(lane: T, x: T) -> T {
        better::<T, LARGEST>(lane, x)
    }
    #[inline(always)]
    fn collect(lanes: [T; LANES]) -> i64 {
        in_turn(lanes.map(T::to_i64), Self::START.to_i64(), Self::merge)
    }
    #[inline(always)]
    fn widen(lane: T) -> i64 {
        lane.to_i64()
    }
    #[inline(always)]
    fn merge(a: i64, b: i64) -> i64 {
        better::<i64, LARGEST>(a, b)
    }
}
