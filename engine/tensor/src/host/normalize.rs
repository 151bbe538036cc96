//! Softmax and layer normalisation over the last axis, in one pass over each row.

use half::{bf16, f16};

use super::HostTensor;
use super::math::Real;
use super::parallel::{Cost, fill_rows};
use super::vectors::{Kernel, vectorized};
use crate::element::Element;
use crate::{Context, DType, TensorError};

/// What is done to each row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Normalization {
    /// Exponentials that sum to 1.
    Softmax,
    /// The logarithms of the softmax.
    LogSoftmax,
    /// Mean 0, variance 1; the number is added to the variance.
    Layer(f64),
}

struct NormalizeRow<'a, T, W> {
    kind: Normalization,
    row: &'a [T],
    /// The row in the precision it is computed in.
    wide: &'a mut [W],
    out: &'a mut [T],
}

/// Folds thirty-two lanes, then those: long rows keep their precision and use vector registers.
#[inline(always)]
fn lanes<W: Real>(values: &[W], start: W, step: impl Fn(W, W) -> W, join: impl Fn(W, W) -> W) -> W {
    let mut lanes = [start; 32];
    let (groups, rest) = values.as_chunks::<32>();
    for group in groups {
        for (lane, &x) in lanes.iter_mut().zip(group) {
            *lane = step(*lane, x);
        }
    }
    for (lane, &x) in lanes.iter_mut().zip(rest) {
        *lane = step(*lane, x);
    }
    lanes.into_iter().fold(start, join)
}

#[inline(always)]
fn sum<W: Real>(values: &[W]) -> W {
    lanes(values, W::ZERO, |total, x| total + x, |a, b| a + b)
}

#[inline(always)]
fn sum_of_squares<W: Real>(values: &[W]) -> W {
    lanes(values, W::ZERO, |total, x| total + x * x, |a, b| a + b)
}

#[inline(always)]
fn largest<W: Real>(values: &[W]) -> W {
    let larger = |a, b| if b > a { b } else { a };
    lanes(values, -W::INFINITY, larger, larger)
}

impl<T: Element, W: Real> Kernel for NormalizeRow<'_, T, W>
where
    T: Convert<W>,
{
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let NormalizeRow { kind, row, wide, out } = self;
        for (w, &x) in wide.iter_mut().zip(row) {
            *w = x.widen();
        }
        match kind {
            Normalization::Softmax => {
                let top = largest(wide);
                for w in wide.iter_mut() {
                    *w = (*w - top).exp();
                }
                let scale = W::ONE / sum(wide);
                for (o, &w) in out.iter_mut().zip(&*wide) {
                    *o = T::narrow(w * scale);
                }
            }
            Normalization::LogSoftmax => {
                let top = largest(wide);
                let mut total = W::ZERO;
                for &w in &*wide {
                    total += (w - top).exp();
                }
                let shift = top + total.ln();
                for (o, &w) in out.iter_mut().zip(&*wide) {
                    *o = T::narrow(w - shift);
                }
            }
            Normalization::Layer(epsilon) => {
                let count = W::from_f64(wide.len() as f64);
                let mean = sum(wide) / count;
                for w in wide.iter_mut() {
                    *w = *w - mean;
                }
                let spread = sum_of_squares(wide) / count + W::from_f64(epsilon);
                // Squares that are too large or too small for the type are taken of the row divided by its largest.
                if !(spread >= W::from_f64(SPREAD_MIN) && spread < W::INFINITY) {
                    return scaled_layer(row, epsilon, out);
                }
                let scale = W::ONE / spread.sqrt();
                for (o, &w) in out.iter_mut().zip(&*wide) {
                    *o = T::narrow(w * scale);
                }
            }
        }
    }
}

/// Below this, squares of f32 may have lost digits.
const SPREAD_MIN: f64 = 1e-30;

/// A row of any size of numbers: in f64, divided by a power of two near its largest. That leaves the result as it is, with
/// epsilon divided twice.
#[cold]
fn scaled_layer<T: Element>(row: &[T], epsilon: f64, out: &mut [T]) {
    let top = row.iter().fold(0.0f64, |top, x| top.max(x.to_f64().abs()));
    let size = top.clamp(1e-300, 1e300).log2().floor().exp2();
    let count = row.len() as f64;
    let mean = row.iter().map(|x| x.to_f64() / size).sum::<f64>() / count;
    let variance = row.iter().map(|x| (x.to_f64() / size - mean).powi(2)).sum::<f64>() / count;
    let spread = (variance + epsilon / size / size).sqrt();
    for (o, x) in out.iter_mut().zip(row) {
        let centred = x.to_f64() / size - mean;
        // Nothing but the mean has no distance from it, whatever is left of epsilon.
        *o = T::from_f64(if centred == 0.0 && epsilon > 0.0 { 0.0 } else { centred / spread });
    }
}

/// Between an element and the float it is computed in.
trait Convert<W> {
    fn widen(self) -> W;
    fn narrow(value: W) -> Self;
}

macro_rules! convert {
    ($($ty:ty, $wide:ty, $widen:expr, $narrow:expr;)*) => {$(
        impl Convert<$wide> for $ty {
            #[inline(always)]
            fn widen(self) -> $wide { ($widen)(self) }
            #[inline(always)]
            fn narrow(value: $wide) -> Self { ($narrow)(value) }
        }
    )*};
}

convert! {
    f64, f64, |x| x, |x| x;
    f32, f32, |x| x, |x| x;
    f16, f32, f16::to_f32, f16::from_f32;
    bf16, f32, bf16::to_f32, bf16::from_f32;
}

/// Normalises along the last axis of a float tensor. An empty axis gives an empty result.
pub(crate) fn normalize(ctx: &Context, kind: Normalization, tensor: &HostTensor) -> Result<HostTensor, TensorError> {
    match tensor.dtype {
        DType::F64 => rows::<f64, f64>(ctx, kind, tensor),
        DType::F16 => rows::<f16, f32>(ctx, kind, tensor),
        DType::BF16 => rows::<bf16, f32>(ctx, kind, tensor),
        _ => rows::<f32, f32>(ctx, kind, tensor),
    }
}

fn rows<T: Element + Convert<W>, W: Real>(
    ctx: &Context,
    kind: Normalization,
    tensor: &HostTensor,
) -> Result<HostTensor, TensorError> {
    let packed = tensor.packed(ctx)?;
    let data = packed.slice::<T>();
    let width = tensor.shape.last().copied().unwrap_or(1);
    HostTensor::build(ctx, &tensor.shape, |out: &mut [T]| {
        fill_rows(ctx, out, width, Cost::Dear, |first, part| {
            let mut wide = vec![W::ZERO; width];
            for (i, out) in part.chunks_exact_mut(width).enumerate() {
                let row = &data[first + i * width..first + (i + 1) * width];
                vectorized(NormalizeRow { kind, row, wide: &mut wide, out });
            }
        })
    })
}
