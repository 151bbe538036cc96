//! Fourier transforms along the last axis of tensors in host memory, as pairs of real and imaginary parts.
//!
//! Why not a library: the usual ones (`rustfft`) work on interleaved numbers, on one thread, and switch on a feature far
//! below Burn, which would build all of it again. Parts that lie apart are also what loops of vectors want.
//! Accuracy: errors of a few units in the last place of the largest element, growing with the logarithm of the size.

mod columns;
mod plan;
mod rows;
mod stages;
mod tiles;
pub(crate) mod wide;

use super::HostTensor;
use super::math::Real;
use super::parallel::{Cost, fill_pairs, fill_rows};
use crate::shape::Shape;
use crate::{Context, TensorError};

pub(crate) use columns::columns;
use plan::Plan;
pub(crate) use plan::Planned;
use rows::{Part, Source, transform};

/// A spectrum: real and imaginary parts of one shape.
pub(crate) type Pair = [HostTensor; 2];

/// Which way, and what the result is multiplied by.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Way {
    pub(crate) inverse: bool,
    pub(crate) scale: f64,
}

/// `shape` with another last axis.
fn with_last(shape: &[usize], size: usize) -> Shape {
    let mut shape = Shape::from_slice(shape);
    if let Some(last) = shape.last_mut() {
        *last = size;
    }
    shape
}

/// Two tensors of one shape that are written together.
fn pair<T: Real>(
    ctx: &Context,
    shape: &[usize],
    fill: impl FnOnce(&mut [T], &mut [T]) -> Result<(), TensorError>,
) -> Result<Pair, TensorError> {
    let mut second = None;
    let first = HostTensor::build(ctx, shape, |re: &mut [T]| {
        second = Some(HostTensor::build(ctx, shape, |im: &mut [T]| fill(re, im))?);
        Ok(())
    })?;
    Ok([first, second.expect("it was built, or the first was not")])
}

/// The transform of size `size` of the rows of a packed tensor and, where there is one, of the imaginary part of the same
/// shape: cut, or continued with zeros.
pub(crate) fn complex<T: Planned>(
    ctx: &Context,
    re: &HostTensor,
    im: Option<&HostTensor>,
    size: usize,
    way: Way,
) -> Result<Pair, TensorError> {
    let width = re.shape.last().copied().unwrap_or(1);
    let part = |tensor: &'_ HostTensor| -> Result<HostTensor, TensorError> { tensor.packed(ctx) };
    let (re, im) = (part(re)?, im.map(part).transpose()?);
    let shape = with_last(&re.shape, size);
    pair(ctx, &shape, |out_re: &mut [T], out_im: &mut [T]| {
        if out_re.is_empty() {
            return Ok(());
        }
        let re = Part::packed(re.slice::<T>(), width);
        let im = im.as_ref().map(|im| Part::packed(im.slice::<T>(), width));
        let source = Source { re: Some(re), im };
        let (plan, scale) = (Plan::of(size), T::from_f64(way.scale));
        if way.inverse {
            transform(ctx, &plan, source.exchanged(), scale, out_im, out_re)
        } else {
            transform(ctx, &plan, source, scale, out_re, out_im)
        }
    })
}

/// The first `size / 2 + 1` elements of the transform of size `size` of real rows: the others mirror them.
pub(crate) fn real<T: Planned>(ctx: &Context, x: &HostTensor, size: usize, scale: f64) -> Result<Pair, TensorError> {
    let (width, outs) = (x.shape.last().copied().unwrap_or(1), size / 2 + 1);
    if size % 2 == 1 {
        let [re, im] = complex::<T>(ctx, x, None, size, Way { inverse: false, scale })?;
        let last = re.rank() - 1;
        return Ok([re.narrowed(last, 0, 1, outs), im.narrowed(last, 0, 1, outs)]);
    }
    let x = x.packed(ctx)?;
    let half = size / 2;
    let plan: std::sync::Arc<Plan<T>> = Plan::of(half);
    let folded = pair(ctx, &with_last(&x.shape, half), |re: &mut [T], im: &mut [T]| {
        if re.is_empty() {
            return Ok(());
        }
        let data = x.slice::<T>();
        let even = Part { data, row: width, step: 2, width: width.div_ceil(2) };
        let odd = Part { data: data.get(1..).unwrap_or_default(), row: width, step: 2, width: width / 2 };
        transform(ctx, &plan, Source { re: Some(even), im: Some(odd) }, T::from_f64(0.5 * scale), re, im)
    })?;
    let [zr, zi] = &folded;
    pair(ctx, &with_last(&x.shape, outs), |re: &mut [T], im: &mut [T]| {
        let (zr, zi, factors) = (zr.slice::<T>(), zi.slice::<T>(), plan.halves());
        let rows = (super::parallel::PIECE / outs).max(1);
        fill_pairs(
            ctx,
            [re, im],
            outs * rows,
            || (),
            |piece, [re, im], ()| {
                let pairs = re.chunks_exact_mut(outs).zip(im.chunks_exact_mut(outs));
                for (i, (re, im)) in (piece * rows..).zip(pairs) {
                    let (zr, zi) = (&zr[i * half..(i + 1) * half], &zi[i * half..(i + 1) * half]);
                    for (k, (&[c, s], (re, im))) in factors.iter().zip(re.iter_mut().zip(im)).enumerate() {
                        let (a, b) = (if k == half { 0 } else { k }, if k == 0 { 0 } else { half - k });
                        let (even_re, even_im) = (zr[a] + zr[b], zi[a] - zi[b]);
                        let (odd_re, odd_im) = (zi[a] + zi[b], zr[b] - zr[a]);
                        (*re, *im) = (even_re + odd_re * c - odd_im * s, even_im + odd_re * s + odd_im * c);
                    }
                }
                Ok(())
            },
        )
    })
}

/// The real rows of size `size` whose transform begins with `size / 2 + 1` given elements. Imaginary parts that no real
/// signal has are not read.
pub(crate) fn real_inverse<T: Planned>(
    ctx: &Context,
    [re, im]: [&HostTensor; 2],
    size: usize,
    scale: f64,
) -> Result<HostTensor, TensorError> {
    let width = re.shape.last().copied().unwrap_or(1);
    let (re, im) = (re.packed(ctx)?, im.packed(ctx)?);
    let given = |k: usize, row: usize| -> [T; 2] {
        if k >= width {
            return [T::ZERO; 2];
        }
        let place = row * width + k;
        let alone = k == 0 || 2 * k == size;
        [re.slice::<T>()[place], if alone { T::ZERO } else { im.slice::<T>()[place] }]
    };
    let odd = size % 2 == 1;
    let inner = if odd { size } else { size / 2 };
    let plan: std::sync::Arc<Plan<T>> = Plan::of(inner);
    let shape = with_last(&re.shape, inner);
    let full = pair(ctx, &shape, |zr: &mut [T], zi: &mut [T]| {
        let rows = (super::parallel::PIECE / inner).max(1);
        fill_pairs(
            ctx,
            [zr, zi],
            inner * rows,
            || (),
            |piece, [zr, zi], ()| {
                for (row, (zr, zi)) in (piece * rows..).zip(zr.chunks_exact_mut(inner).zip(zi.chunks_exact_mut(inner)))
                {
                    for (k, (zr, zi)) in zr.iter_mut().zip(zi).enumerate() {
                        if odd {
                            let [x, y] = given(k.min(size - k), row);
                            (*zr, *zi) = (x, if 2 * k < size { y } else { -y });
                        } else {
                            let ([ar, ai], [br, bi]) = (given(k, row), given(inner - k, row));
                            let [c, s] = plan.halves()[k];
                            // The sum, and i times the difference times the conjugate of the factor.
                            let (dr, di) = (ar - br, ai + bi);
                            (*zr, *zi) = (ar + br + dr * s - di * c, ai - bi + dr * c + di * s);
                        }
                    }
                }
                Ok(())
            },
        )
    })?;
    let [zr, zi] = &full;
    let [xr, xi] = complex::<T>(ctx, zr, Some(zi), inner, Way { inverse: true, scale })?;
    if odd {
        return Ok(xr);
    }
    let (xr, xi) = (xr.slice::<T>(), xi.slice::<T>());
    HostTensor::build(ctx, &with_last(&re.shape, size), |out: &mut [T]| {
        fill_rows(ctx, out, 2, Cost::Cheap, |first, part| {
            for (k, pair) in (first / 2..).zip(part.chunks_exact_mut(2)) {
                (pair[0], pair[1]) = (xr[k], xi[k]);
            }
        })
    })
}
