//! Loops over the elements of an output, cut into pieces that several threads share.
//!
//! Between pieces the context is asked whether the run must stop.

use rayon::prelude::*;

use crate::{Context, TensorError};

/// Elements of a piece: 64 KiB of f32, so that a piece stays in the second-level cache while a kernel passes over it.
pub(crate) const PIECE: usize = 16 << 10;

/// How much one element costs, which decides from where on a second thread pays for its wake-up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cost {
    /// Bound by memory: additions, copies.
    Cheap,
    /// Tens of instructions: exponentials.
    Dear,
}

impl Cost {
    const fn parallel_min(self) -> usize {
        match self {
            Cost::Cheap => 128 << 10,
            Cost::Dear => 32 << 10,
        }
    }
}

/// Fills `out` piece by piece. `work` gets the index of a piece's first element and the piece.
pub(crate) fn fill<T: Send>(
    ctx: &Context,
    out: &mut [T],
    cost: Cost,
    work: impl Fn(usize, &mut [T]) + Sync,
) -> Result<(), TensorError> {
    fill_pieces(ctx, out, 1, cost, &work)
}

/// As [`fill`], with pieces that hold whole rows of `row` elements.
pub(crate) fn fill_rows<T: Send>(
    ctx: &Context,
    out: &mut [T],
    row: usize,
    cost: Cost,
    work: impl Fn(usize, &mut [T]) + Sync,
) -> Result<(), TensorError> {
    fill_pieces(ctx, out, row, cost, &work)
}

/// As [`fill`] for elements of `size` bytes that only `work` can tell apart. It gets the index of a piece's first element
/// and the piece's bytes.
pub(crate) fn fill_bytes(
    ctx: &Context,
    out: &mut [u8],
    size: usize,
    cost: Cost,
    work: &(dyn Fn(usize, &mut [u8]) + Sync),
) -> Result<(), TensorError> {
    let piece = PIECE * size;
    let threads = ctx.threads();
    if threads == 1 || out.len() <= piece || out.len() < cost.parallel_min() * size {
        ctx.meter().count_pass(1);
        for (i, part) in out.chunks_mut(piece).enumerate() {
            ctx.poll()?;
            work(i * PIECE, part);
        }
        return Ok(());
    }
    let least = shares(ctx, out.len().div_ceil(piece), threads);
    out.par_chunks_mut(piece).enumerate().with_min_len(least).try_for_each(|(i, part)| {
        ctx.poll()?;
        work(i * PIECE, part);
        Ok(())
    })
}

/// One copy for each element type, not one for each kernel: a call through a pointer costs nothing beside a piece.
fn fill_pieces<T: Send>(
    ctx: &Context,
    out: &mut [T],
    row: usize,
    cost: Cost,
    work: &(dyn Fn(usize, &mut [T]) + Sync),
) -> Result<(), TensorError> {
    let row = row.max(1);
    let piece = (PIECE / row).max(1) * row;
    let threads = ctx.threads();
    if threads == 1 || out.len() < cost.parallel_min() || out.len() <= piece {
        ctx.meter().count_pass(1);
        for (i, part) in out.chunks_mut(piece).enumerate() {
            ctx.poll()?;
            work(i * piece, part);
        }
        return Ok(());
    }
    let least = shares(ctx, out.len().div_ceil(piece), threads);
    out.par_chunks_mut(piece).enumerate().with_min_len(least).try_for_each(|(i, part)| {
        ctx.poll()?;
        work(i * piece, part);
        Ok(())
    })
}

/// Fills `out` in parts of `part` elements, on several threads where the caller says that this pays. `work` gets the index
/// of a part's first element and the part.
pub(crate) fn fill_parts<T: Send>(
    ctx: &Context,
    out: &mut [T],
    part: usize,
    is_large: bool,
    work: impl Fn(usize, &mut [T]) + Sync,
) -> Result<(), TensorError> {
    let (part, threads) = (part.max(1), ctx.threads());
    if threads == 1 || !is_large || out.len() <= part {
        ctx.meter().count_pass(1);
        for (i, out) in out.chunks_mut(part).enumerate() {
            ctx.poll()?;
            work(i * part, out);
        }
        return Ok(());
    }
    let least = shares(ctx, out.len().div_ceil(part), threads);
    out.par_chunks_mut(part).enumerate().with_min_len(least).try_for_each(|(i, out)| {
        ctx.poll()?;
        work(i * part, out);
        Ok(())
    })
}

/// The fewest pieces that one thread takes. Where the run may use every thread this is one, so that uneven pieces even
/// out; where it may use fewer, as many shares are cut as it has threads. Counts the pass.
fn shares(ctx: &Context, pieces: usize, threads: usize) -> usize {
    ctx.meter().count_pass(threads.min(pieces));
    if threads == rayon::current_num_threads() { 1 } else { pieces.div_ceil(threads) }
}

/// Computes one value for each of `count` items of `size` elements, on several threads where that pays.
pub(crate) fn map_items<R: Send>(
    ctx: &Context,
    count: usize,
    size: usize,
    work: impl Fn(usize) -> R + Sync,
) -> Result<Vec<R>, TensorError> {
    map_pieces(ctx, count, size, &work)
}

fn map_pieces<R: Send>(
    ctx: &Context,
    count: usize,
    size: usize,
    work: &(dyn Fn(usize) -> R + Sync),
) -> Result<Vec<R>, TensorError> {
    let one = |i: usize| -> Result<R, TensorError> {
        ctx.poll()?;
        Ok(work(i))
    };
    let threads = ctx.threads();
    if threads == 1 || count < 2 || count.saturating_mul(size) < Cost::Cheap.parallel_min() {
        ctx.meter().count_pass(1);
        (0..count).map(one).collect()
    } else {
        let least = shares(ctx, count, threads);
        (0..count).into_par_iter().with_min_len(least).map(one).collect()
    }
}

/// Fills two outputs of one length together, in pieces of `piece` elements. `work` gets a piece's number, its part of both
/// outputs, and what `fresh` made for its thread.
pub(crate) fn fill_pairs<T: Send, S>(
    ctx: &Context,
    [left, right]: [&mut [T]; 2],
    piece: usize,
    fresh: impl Fn() -> S + Sync + Send,
    work: impl Fn(usize, [&mut [T]; 2], &mut S) -> Result<(), TensorError> + Sync + Send,
) -> Result<(), TensorError> {
    let (piece, threads) = (piece.max(1), ctx.threads());
    if threads == 1 || left.len() <= piece || left.len() < Cost::Dear.parallel_min() {
        ctx.meter().count_pass(1);
        let mut own = fresh();
        for (i, (left, right)) in left.chunks_mut(piece).zip(right.chunks_mut(piece)).enumerate() {
            ctx.poll()?;
            work(i, [left, right], &mut own)?;
        }
        return Ok(());
    }
    let least = shares(ctx, left.len().div_ceil(piece), threads);
    let pieces = left.par_chunks_mut(piece).zip(right.par_chunks_mut(piece)).enumerate().with_min_len(least);
    pieces.try_for_each_init(fresh, |own, (i, (left, right))| {
        ctx.poll()?;
        work(i, [left, right], own)
    })
}
