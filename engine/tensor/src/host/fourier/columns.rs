//! Transforms along an axis that is not the last: neighbours in memory are side by side already, so that nothing has to be
//! turned.
//!
//! It serves sizes that `stages` transforms in one go and enough neighbours to fill the lanes; the caller turns the others.

use pulp::{Simd, WithSimd};

use super::super::HostTensor;
use super::super::parallel::{PIECE, fill_pairs};
use super::super::vectors::with_vectors;
use super::plan::{Plan, Planned, lanes};
use super::stages::Stages;
use super::wide::Wide;
use super::{Pair, Way, pair};
use crate::buffer::Buffer;
use crate::{Context, TensorError};

/// The transform along `axis` of a tensor and, where there is one, of the imaginary part of the same shape; `None` where
/// turning is the better way.
pub(crate) fn columns<T: Planned>(
    ctx: &Context,
    re: &HostTensor,
    im: Option<&HostTensor>,
    axis: usize,
    way: Way,
) -> Result<Option<Pair>, TensorError> {
    let shape = re.shape.clone();
    let (size, inner) = (shape[axis], shape[axis + 1..].iter().product::<usize>());
    if size == 0 || inner < lanes::<T>() / 2 || shape.contains(&0) {
        return Ok(None);
    }
    let plan: std::sync::Arc<Plan<T>> = Plan::of(size);
    let Some(stages) = &plan.direct else { return Ok(None) };
    let (re, im) = (re.packed(ctx)?, im.map(|im| im.packed(ctx)).transpose()?);
    let parts = [Some(re.slice::<T>()), im.as_ref().map(|im| im.slice::<T>())];
    let scale = T::from_f64(way.scale);
    let result = pair(ctx, &shape, |out_re: &mut [T], out_im: &mut [T]| {
        if way.inverse {
            // The parts exchanged, before and after, turn a transform into its inverse.
            transform(ctx, stages, [parts[1], parts[0]], inner, scale, [out_im, out_re])
        } else {
            transform(ctx, stages, parts, inner, scale, [out_re, out_im])
        }
    })?;
    Ok(Some(result))
}

fn transform<T: Wide>(
    ctx: &Context,
    stages: &Stages<T>,
    parts: [Option<&[T]>; 2],
    inner: usize,
    scale: T,
    out: [&mut [T]; 2],
) -> Result<(), TensorError> {
    let (size, blocks) = (stages.size, inner.div_ceil(lanes::<T>()));
    let block = size * lanes::<T>();
    let elements = out[0].len() / (size * inner) * blocks * block;
    let mut room = Buffer::stale(ctx.meter(), 2 * elements * size_of::<T>())?;
    let (done_re, done_im) = room.as_mut_slice::<T>()[..2 * elements].split_at_mut(elements);
    let fresh = || Buffer::stale(ctx.meter(), 2 * block * size_of::<T>());
    fill_pairs(ctx, [&mut *done_re, &mut *done_im], block, fresh, |i, [re, im], spare| {
        let spare = &mut spare.as_mut().map_err(|e| e.clone())?.as_mut_slice::<T>()[..2 * block];
        let (first, left) =
            ((i / blocks) * size * inner + (i % blocks) * lanes::<T>(), inner - (i % blocks) * lanes::<T>());
        with_vectors(Block { stages, parts, first, count: left.min(lanes::<T>()), inner, re, im, spare });
        Ok(())
    })?;
    let (done_re, done_im) = (&*done_re, &*done_im);
    let rows = (PIECE / inner).max(1);
    fill_pairs(
        ctx,
        out,
        inner * rows,
        || (),
        |piece, [re, im], ()| {
            for (out, done) in [(re, done_re), (im, done_im)] {
                for (row, slots) in (piece * rows..).zip(out.chunks_exact_mut(inner)) {
                    let start = (row / size) * blocks * block + (row % size) * lanes::<T>();
                    for (b, slots) in slots.chunks_mut(lanes::<T>()).enumerate() {
                        for (slot, &x) in slots.iter_mut().zip(&done[start + b * block..]) {
                            *slot = x * scale;
                        }
                    }
                }
            }
            Ok(())
        },
    )
}

/// Neighbouring signals, as many as there are lanes.
struct Block<'a, T> {
    stages: &'a Stages<T>,
    parts: [Option<&'a [T]>; 2],
    /// Where the first element of the first signal is.
    first: usize,
    /// Signals.
    count: usize,
    /// From one element of a signal to the next.
    inner: usize,
    re: &'a mut [T],
    im: &'a mut [T],
    spare: &'a mut [T],
}

impl<T: Wide> WithSimd for Block<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Block { stages, parts: [re, im], first, count, inner, re: out_re, im: out_im, spare } = self;
        let (spare_re, spare_im) = spare.split_at_mut(out_re.len());
        let (to, other) = if stages.ends_elsewhere() {
            ([spare_re, spare_im], [out_re, out_im])
        } else {
            ([out_re, out_im], [spare_re, spare_im])
        };
        let [to_re, to_im] = to;
        for (part, block) in [(re, &mut *to_re), (im, &mut *to_im)] {
            let Some(part) = part else {
                block.fill(T::ZERO);
                continue;
            };
            for (j, slots) in block.chunks_exact_mut(lanes::<T>()).enumerate() {
                let start = first + j * inner;
                let (filled, rest) = slots.split_at_mut(count);
                filled.copy_from_slice(&part[start..start + count]);
                rest.fill(T::ZERO);
            }
        }
        stages.run_anywhere(simd, lanes::<T>(), [to_re, to_im], other);
    }
}
