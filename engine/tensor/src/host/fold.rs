//! The ways in which many elements become one value. `reduce` runs them over any axes.

use std::marker::PhantomData;

use super::math::Real;
use crate::element::Element;

/// How elements become one value: lanes run side by side in vector registers, totals collect them.
pub(super) trait Fold: Copy + Sync {
    type In: Element;
    type Lane: Copy + Send;
    type Total: Copy + Send;
    type Out: Element;

    fn start(self) -> Self::Lane;
    fn step(self, lane: Self::Lane, x: Self::In) -> Self::Lane;
    fn join(self, a: Self::Lane, b: Self::Lane) -> Self::Lane;
    fn widen(self, lane: Self::Lane) -> Self::Total;
    fn merge(self, a: Self::Total, b: Self::Total) -> Self::Total;
    fn finish(self, total: Self::Total, count: usize) -> Self::Out;
}

/// A kind of [`RealSum`].
pub(super) const SUM: u8 = 0;
/// A kind of [`RealSum`].
pub(super) const MEAN: u8 = 1;
/// A kind of [`RealSum`].
pub(super) const SQUARES: u8 = 2;

/// The sum, mean or sum of squares of floats: lanes in their own precision, totals in f64.
#[derive(Clone, Copy)]
pub(super) struct RealSum<W, const KIND: u8>(pub(super) PhantomData<W>);

impl<W: Real, const KIND: u8> Fold for RealSum<W, KIND> {
    type In = W;
    type Lane = W;
    type Total = f64;
    type Out = W;

    #[inline(always)]
    fn start(self) -> W {
        W::ZERO
    }
    #[inline(always)]
    fn step(self, lane: W, x: W) -> W {
        lane + if KIND == SQUARES { x * x } else { x }
    }
    #[inline(always)]
    fn join(self, a: W, b: W) -> W {
        a + b
    }
    #[inline(always)]
    fn widen(self, lane: W) -> f64 {
        lane.to_f64()
    }
    #[inline(always)]
    fn merge(self, a: f64, b: f64) -> f64 {
        a + b
    }
    #[inline(always)]
    fn finish(self, total: f64, count: usize) -> W {
        W::from_f64(if KIND == MEAN { total / count as f64 } else { total })
    }
}

/// The product of floats, in f64.
#[derive(Clone, Copy)]
pub(super) struct RealProduct<W>(pub(super) PhantomData<W>);

impl<W: Real> Fold for RealProduct<W> {
    type In = W;
    type Lane = f64;
    type Total = f64;
    type Out = W;

    #[inline(always)]
    fn start(self) -> f64 {
        1.0
    }
    #[inline(always)]
    fn step(self, lane: f64, x: W) -> f64 {
        lane * x.to_f64()
    }
    #[inline(always)]
    fn join(self, a: f64, b: f64) -> f64 {
        a * b
    }
    #[inline(always)]
    fn widen(self, lane: f64) -> f64 {
        lane
    }
    #[inline(always)]
    fn merge(self, a: f64, b: f64) -> f64 {
        a * b
    }
    #[inline(always)]
    fn finish(self, total: f64, _: usize) -> W {
        W::from_f64(total)
    }
}

/// The sum or product of whole numbers; wraps.
#[derive(Clone, Copy)]
pub(super) struct WholeSum<T, const PRODUCT: bool>(pub(super) PhantomData<T>);

impl<T: Element, const PRODUCT: bool> Fold for WholeSum<T, PRODUCT> {
    type In = T;
    type Lane = i64;
    type Total = i64;
    type Out = i64;

    #[inline(always)]
    fn start(self) -> i64 {
        i64::from(PRODUCT)
    }
    #[inline(always)]
    fn step(self, lane: i64, x: T) -> i64 {
        self.join(lane, x.to_i64())
    }
    #[inline(always)]
    fn join(self, a: i64, b: i64) -> i64 {
        if PRODUCT { a.wrapping_mul(b) } else { a.wrapping_add(b) }
    }
    #[inline(always)]
    fn widen(self, lane: i64) -> i64 {
        lane
    }
    #[inline(always)]
    fn merge(self, a: i64, b: i64) -> i64 {
        self.join(a, b)
    }
    #[inline(always)]
    fn finish(self, total: i64, _: usize) -> i64 {
        total
    }
}

/// The mean or the sum of squares of whole numbers, in f64.
#[derive(Clone, Copy)]
pub(super) struct WholeMean<T, const SQUARES: bool>(pub(super) PhantomData<T>);

impl<T: Element, const SQUARES: bool> Fold for WholeMean<T, SQUARES> {
    type In = T;
    type Lane = f64;
    type Total = f64;
    type Out = f32;

    #[inline(always)]
    fn start(self) -> f64 {
        0.0
    }
    #[inline(always)]
    fn step(self, lane: f64, x: T) -> f64 {
        let x = x.to_f64();
        lane + if SQUARES { x * x } else { x }
    }
    #[inline(always)]
    fn join(self, a: f64, b: f64) -> f64 {
        a + b
    }
    #[inline(always)]
    fn widen(self, lane: f64) -> f64 {
        lane
    }
    #[inline(always)]
    fn merge(self, a: f64, b: f64) -> f64 {
        a + b
    }
    #[inline(always)]
    fn finish(self, total: f64, count: usize) -> f32 {
        (if SQUARES { total } else { total / count as f64 }) as f32
    }
}

/// The largest or smallest element; NaN where there is one, as NumPy has it. Holds the worst element to start from.
#[derive(Clone, Copy)]
pub(super) struct Extreme<T, const LARGEST: bool>(pub(super) T);

impl<T: Element, const LARGEST: bool> Fold for Extreme<T, LARGEST> {
    type In = T;
    type Lane = T;
    type Total = T;
    type Out = T;

    #[inline(always)]
    fn start(self) -> T {
        self.0
    }
    #[inline(always)]
    fn step(self, lane: T, x: T) -> T {
        let better = if LARGEST { x > lane } else { x < lane };
        // Only NaN is unequal to itself; it replaces everything and nothing replaces it.
        #[expect(clippy::eq_op, reason = "a test for NaN that also compiles for whole numbers")]
        let nan = x != x;
        if better | nan { x } else { lane }
    }
    #[inline(always)]
    fn join(self, a: T, b: T) -> T {
        self.step(a, b)
    }
    #[inline(always)]
    fn widen(self, lane: T) -> T {
        lane
    }
    #[inline(always)]
    fn merge(self, a: T, b: T) -> T {
        self.step(a, b)
    }
    #[inline(always)]
    fn finish(self, total: T, _: usize) -> T {
        total
    }
}
