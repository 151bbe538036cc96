//! Running a plan over the rows of a matrix: short rows side by side, long ones as matrices of their own, rows of awkward
//! sizes as convolutions.

use pulp::{Simd, WithSimd};

use super::super::math::Real;
use super::super::parallel::fill_pairs;
use super::super::vectors::with_vectors;
use super::plan::{Chirp, Plan, Planned, Split, lanes};
use super::stages::Stages;
use super::tiles;
use super::wide::Wide;
use crate::buffer::Buffer;
use crate::{Context, TensorError};

/// Rows from which on short ones are transformed side by side: below, too many lanes would be idle.
const ABREAST_MIN: usize = 4;

/// Elements of the workspace of a group of rows that go through a convolution.
const CHIRP_ELEMENTS: usize = 1 << 18;

/// Rows of real numbers: element `j` of row `i` is `data[i * row + j * step]`, and 0 from `width` on.
#[derive(Clone, Copy)]
pub(super) struct Part<'a, T> {
    pub(super) data: &'a [T],
    pub(super) row: usize,
    pub(super) step: usize,
    pub(super) width: usize,
}

impl<'a, T: Real> Part<'a, T> {
    /// Rows of `width` elements, one after the other.
    pub(super) fn packed(data: &'a [T], width: usize) -> Part<'a, T> {
        Part { data, row: width, step: 1, width }
    }

    #[inline(always)]
    fn at(&self, i: usize, j: usize) -> T {
        if j < self.width { self.data[i * self.row + j * self.step] } else { T::ZERO }
    }

    /// Reads `count` rows from `first` on into the columns of `block`; columns that are left get zeros.
    #[inline(always)]
    fn load_rows(&self, first: usize, count: usize, block: &mut [T]) {
        let size = block.len() / lanes::<T>();
        let done = if self.step == 1 && self.width > 0 {
            tiles::side_by_side(&self.data[first * self.row..], self.row, count, size.min(self.width), block)
        } else {
            0
        };
        for (j, slots) in block.chunks_exact_mut(lanes::<T>()).enumerate().skip(done) {
            for (lane, slot) in slots.iter_mut().enumerate() {
                *slot = if lane < count { self.at(first + lane, j) } else { T::ZERO };
            }
        }
    }

    /// Reads the columns from `first` on of row `i` as a matrix of `columns`; columns beyond them are zeros.
    #[inline(always)]
    fn load_columns(&self, i: usize, first: usize, columns: usize, block: &mut [T]) {
        let whole = self.step == 1 && first + lanes::<T>() <= columns;
        for (j, slots) in block.chunks_exact_mut(lanes::<T>()).enumerate() {
            let start = j * columns + first;
            if whole && start + lanes::<T>() <= self.width {
                slots.copy_from_slice(&self.data[i * self.row + start..][..lanes::<T>()]);
                continue;
            }
            for (lane, slot) in slots.iter_mut().enumerate() {
                let inside = first + lane < columns;
                *slot = if inside { self.at(i, j * columns + first + lane) } else { T::ZERO };
            }
        }
    }
}

/// Complex rows; a part that is missing is zero.
#[derive(Clone, Copy)]
pub(super) struct Source<'a, T> {
    pub(super) re: Option<Part<'a, T>>,
    pub(super) im: Option<Part<'a, T>>,
}

impl<T> Source<'_, T> {
    /// The parts exchanged, which with the result's parts exchanged turns a transform into its inverse.
    pub(super) fn exchanged(self) -> Self {
        Source { re: self.im, im: self.re }
    }
}

/// Transforms `count` rows of a source into the rows of `re` and `im`, multiplied by `scale`.
pub(super) fn transform<T: Planned>(
    ctx: &Context,
    plan: &Plan<T>,
    source: Source<'_, T>,
    scale: T,
    re: &mut [T],
    im: &mut [T],
) -> Result<(), TensorError> {
    let count = re.len() / plan.size;
    if let Some(chirp) = &plan.chirp {
        return convolve(ctx, plan, chirp, source, scale, re, im);
    }
    match (&plan.direct, &plan.split) {
        (Some(stages), split) if count >= ABREAST_MIN || split.is_none() => abreast(ctx, stages, source, scale, re, im),
        (_, Some(split)) if plan.size >= PARALLEL_ROW || count == 1 => {
            let mut workspace = Workspace::new(ctx, split)?;
            for i in 0..count {
                let row = i * plan.size..(i + 1) * plan.size;
                one(ctx, split, &mut workspace, (source, i), scale, [&mut re[row.clone()], &mut im[row]])?;
            }
            Ok(())
        }
        (_, Some(split)) => {
            let fresh = || Workspace::new(ctx, split);
            fill_pairs(ctx, [re, im], plan.size, fresh, |i, parts, workspace| {
                one(ctx, split, workspace.as_mut().map_err(|e| e.clone())?, (source, i), scale, parts)
            })
        }
        (_, None) => Err(TensorError::argument("n", "has no plan")),
    }
}

/// A row of so many elements is worth several threads of its own.
const PARALLEL_ROW: usize = 1 << 15;

/// Short rows, side by side.
fn abreast<T: Wide>(
    ctx: &Context,
    stages: &Stages<T>,
    source: Source<'_, T>,
    scale: T,
    re: &mut [T],
    im: &mut [T],
) -> Result<(), TensorError> {
    let elements = stages.size * lanes::<T>();
    let fresh = || Buffer::stale(ctx.meter(), 4 * elements * size_of::<T>());
    fill_pairs(ctx, [re, im], elements, fresh, |i, [re, im], scratch| {
        let scratch = scratch.as_mut().map_err(|e| e.clone())?.as_mut_slice::<T>();
        let scratch = &mut scratch[..4 * elements];
        with_vectors(Abreast { stages, source, first: i * lanes::<T>(), scale, re, im, scratch });
        Ok(())
    })
}

struct Abreast<'a, T> {
    stages: &'a Stages<T>,
    source: Source<'a, T>,
    first: usize,
    scale: T,
    re: &'a mut [T],
    im: &'a mut [T],
    scratch: &'a mut [T],
}

impl<T: Wide> WithSimd for Abreast<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Abreast { stages, source, first, scale, re, im, scratch } = self;
        let (size, count) = (stages.size, re.len() / stages.size);
        let (blocks, spares) = scratch.split_at_mut(scratch.len() / 2);
        let (block_re, block_im) = blocks.split_at_mut(blocks.len() / 2);
        let (spare_re, spare_im) = spares.split_at_mut(spares.len() / 2);
        for (part, block) in [(source.re, &mut *block_re), (source.im, &mut *block_im)] {
            match part {
                Some(part) => part.load_rows(first, count, block),
                None => block.fill(T::ZERO),
            }
        }
        let swapped =
            stages.run_anywhere(simd, lanes::<T>(), [&mut *block_re, &mut *block_im], [&mut *spare_re, &mut *spare_im]);
        let [from_re, from_im] = if swapped { [spare_re, spare_im] } else { [block_re, block_im] };
        tiles::one_by_one(from_re, size, scale, re);
        tiles::one_by_one(from_im, size, scale, im);
    }
}

/// Room for the two passes over a long row, both in blocks of columns.
struct Workspace {
    buffer: Buffer,
}

impl Workspace {
    /// Elements of one part of a matrix in blocks of columns.
    fn elements<T>(rows: usize, columns: usize) -> usize {
        rows * columns.next_multiple_of(lanes::<T>())
    }

    fn new<T: Real>(ctx: &Context, split: &Split<T>) -> Result<Workspace, TensorError> {
        let (m, n) = (split.first.size, split.second.size);
        let elements = 2 * (Workspace::elements::<T>(m, n) + Workspace::elements::<T>(n, m));
        Ok(Workspace { buffer: Buffer::stale(ctx.meter(), elements * size_of::<T>())? })
    }
}

/// One long row, as a matrix of `first.size` rows.
fn one<T: Wide>(
    ctx: &Context,
    split: &Split<T>,
    workspace: &mut Workspace,
    (source, row): (Source<'_, T>, usize),
    scale: T,
    out: [&mut [T]; 2],
) -> Result<(), TensorError> {
    let (m, n) = (split.first.size, split.second.size);
    let (columns, turned) = workspace.buffer.as_mut_slice::<T>().split_at_mut(2 * Workspace::elements::<T>(m, n));
    let (columns_re, columns_im) = columns.split_at_mut(columns.len() / 2);
    let fresh = |size: usize| move || vec![T::ZERO; 2 * size * lanes::<T>()];
    let parts = [&mut *columns_re, &mut *columns_im];
    fill_pairs(ctx, parts, m * lanes::<T>(), fresh(m), |block, [re, im], scratch| {
        with_vectors(Columns { split, source, row, block, re, im, scratch });
        Ok(())
    })?;
    let (turned_re, turned_im) = turned.split_at_mut(turned.len() / 2);
    let (columns_re, columns_im) = (&*columns_re, &*columns_im);
    let parts = [&mut *turned_re, &mut *turned_im];
    fill_pairs(ctx, parts, n * lanes::<T>(), fresh(n), |block, [re, im], scratch| {
        with_vectors(Turned { split, from: [columns_re, columns_im], block, re, im, scratch });
        Ok(())
    })?;
    let (turned_re, turned_im) = (&*turned_re, &*turned_im);
    let rows = (super::super::parallel::PIECE / m).max(1);
    fill_pairs(
        ctx,
        out,
        m * rows,
        || (),
        |piece, [re, im], ()| {
            for (out, from) in [(re, turned_re), (im, turned_im)] {
                for (k, slots) in (piece * rows..).zip(out.chunks_exact_mut(m)) {
                    for (block, slots) in slots.chunks_mut(lanes::<T>()).enumerate() {
                        let from = &from[(block * n + k) * lanes::<T>()..];
                        for (slot, &x) in slots.iter_mut().zip(from) {
                            *slot = x * scale;
                        }
                    }
                }
            }
            Ok(())
        },
    )
}

/// A block of columns of a long row: transformed, and turned by the factors between the two passes.
struct Columns<'a, T> {
    split: &'a Split<T>,
    source: Source<'a, T>,
    row: usize,
    block: usize,
    re: &'a mut [T],
    im: &'a mut [T],
    scratch: &'a mut [T],
}

impl<T: Wide> WithSimd for Columns<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Columns { split, source, row, block, re, im, scratch } = self;
        let first = block * lanes::<T>();
        let (spare_re, spare_im) = scratch.split_at_mut(scratch.len() / 2);
        for (part, block) in [(source.re, &mut *re), (source.im, &mut *im)] {
            match part {
                Some(part) => part.load_columns(row, first, split.second.size, block),
                None => block.fill(T::ZERO),
            }
        }
        split.first.run(simd, lanes::<T>(), [&mut *re, &mut *im], [spare_re, spare_im]);
        let rows = re.chunks_exact_mut(lanes::<T>()).zip(im.chunks_exact_mut(lanes::<T>()));
        let [lanes_re, lanes_im] = &split.lanes;
        let factors = lanes_re.chunks_exact(lanes::<T>()).zip(lanes_im.chunks_exact(lanes::<T>()));
        for (k, ((re, im), (lane_re, lane_im))) in rows.zip(factors).enumerate() {
            let [c, s] = split.roots.at(k * first).map(T::from_f64);
            for (((x, y), &a), &b) in re.iter_mut().zip(im).zip(lane_re).zip(lane_im) {
                let (wc, ws) = (a * c - b * s, a * s + b * c);
                (*x, *y) = (*x * wc - *y * ws, *x * ws + *y * wc);
            }
        }
    }
}

/// A block of rows of the matrix as columns, transformed.
struct Turned<'a, T> {
    split: &'a Split<T>,
    from: [&'a [T]; 2],
    block: usize,
    re: &'a mut [T],
    im: &'a mut [T],
    scratch: &'a mut [T],
}

impl<T: Wide> WithSimd for Turned<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Turned { split, from: [from_re, from_im], block, re, im, scratch } = self;
        let (m, width) = (split.first.size, lanes::<T>());
        let rows = width.min(m - block * width);
        for (out, from) in [(&mut *re, from_re), (&mut *im, from_im)] {
            for (group, slots) in out.chunks_mut(width * width).enumerate() {
                let from = &from[(group * m + block * width) * width..];
                let columns = slots.len() / width;
                let done = tiles::side_by_side(from, width, rows, columns, slots);
                for (j, slots) in slots.chunks_exact_mut(width).enumerate().skip(done) {
                    for (lane, slot) in slots.iter_mut().enumerate() {
                        *slot = if lane < rows { from[lane * width + j] } else { T::ZERO };
                    }
                }
            }
        }
        let (spare_re, spare_im) = scratch.split_at_mut(scratch.len() / 2);
        split.second.run(simd, width, [re, im], [spare_re, spare_im]);
    }
}

/// Rows of a size with a large prime factor, as convolutions with a chirp.
fn convolve<T: Planned>(
    ctx: &Context,
    plan: &Plan<T>,
    chirp: &Chirp<T>,
    source: Source<'_, T>,
    scale: T,
    re: &mut [T],
    im: &mut [T],
) -> Result<(), TensorError> {
    let (size, inner) = (plan.size, &chirp.inner);
    let long = inner.size;
    let [response_re, response_im] = response(ctx, chirp, size)?;
    let group = (CHIRP_ELEMENTS / long).clamp(1, re.len() / size);
    let mut buffer = Buffer::stale(ctx.meter(), 4 * group * long * size_of::<T>())?;
    for (piece, (re, im)) in re.chunks_mut(group * size).zip(im.chunks_mut(group * size)).enumerate() {
        let count = re.len() / size;
        let (near, far) = buffer.as_mut_slice::<T>()[..4 * count * long].split_at_mut(2 * count * long);
        let (near_re, near_im) = near.split_at_mut(count * long);
        let (far_re, far_im) = far.split_at_mut(count * long);
        let part = |part: Option<Part<'_, T>>, i: usize, j: usize| part.map_or(T::ZERO, |part| part.at(i, j));
        for (i, (re, im)) in near_re.chunks_exact_mut(long).zip(near_im.chunks_exact_mut(long)).enumerate() {
            let row = piece * group + i;
            re[size..].fill(T::ZERO);
            im[size..].fill(T::ZERO);
            for (j, &[c, s]) in chirp.factors.iter().enumerate() {
                let (x, y) = (part(source.re, row, j), part(source.im, row, j));
                (re[j], im[j]) = (x * c - y * s, x * s + y * c);
            }
        }
        let packed = Source { re: Some(Part::packed(near_re, long)), im: Some(Part::packed(near_im, long)) };
        transform(ctx, inner, packed, T::ONE, far_re, far_im)?;
        for (re, im) in far_re.chunks_exact_mut(long).zip(far_im.chunks_exact_mut(long)) {
            for (((x, y), &c), &s) in re.iter_mut().zip(im).zip(response_re).zip(response_im) {
                (*x, *y) = (*x * c - *y * s, *x * s + *y * c);
            }
        }
        // The inverse, with the parts exchanged.
        let packed = Source { re: Some(Part::packed(far_im, long)), im: Some(Part::packed(far_re, long)) };
        transform(ctx, inner, packed, scale * T::from_f64(1.0 / long as f64), near_im, near_re)?;
        for (i, (re, im)) in re.chunks_exact_mut(size).zip(im.chunks_exact_mut(size)).enumerate() {
            let start = i * long;
            for (k, &[c, s]) in chirp.factors.iter().enumerate() {
                let (x, y) = (near_re[start + k], near_im[start + k]);
                (re[k], im[k]) = (x * c - y * s, x * s + y * c);
            }
        }
    }
    Ok(())
}

/// The transform of the chirp's conjugate, computed once for a plan.
fn response<'a, T: Planned>(ctx: &Context, chirp: &'a Chirp<T>, size: usize) -> Result<&'a [Vec<T>; 2], TensorError> {
    if let Some(known) = chirp.response.get() {
        return Ok(known);
    }
    let long = chirp.inner.size;
    let _room = ctx.meter().admit((4 * long * size_of::<T>()) as u64)?;
    let (mut re, mut im) = (vec![T::ZERO; long], vec![T::ZERO; long]);
    for (j, &[c, s]) in chirp.factors.iter().enumerate().take(size) {
        for place in [j, (long - j) % long] {
            (re[place], im[place]) = (c, -s);
        }
    }
    let mut result = [vec![T::ZERO; long], vec![T::ZERO; long]];
    let [out_re, out_im] = &mut result;
    let source = Source { re: Some(Part::packed(&re, long)), im: Some(Part::packed(&im, long)) };
    transform(ctx, &chirp.inner, source, T::ONE, out_re, out_im)?;
    Ok(chirp.response.get_or_init(|| result))
}
