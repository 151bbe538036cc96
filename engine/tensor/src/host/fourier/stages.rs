//! The Fourier transform of many short signals side by side: Stockham's self-sorting algorithm with radices 4, 2, 3, 5
//! and any prime up to 31 (Van Loan, "Computational frameworks for the fast Fourier transform", 1992, §1.7).
//!
//! Signals lie in columns ("lanes"), so that each step is the same arithmetic on whole vectors. It knows nothing of rows,
//! threads or memory: `rows` brings signals here.

use super::super::math::Real;
use super::plan::root;

/// Elements that are computed together; the number of lanes is a multiple of it.
pub(super) const WIDTH: usize = 8;

/// The largest prime that has a step of its own. Others go through a convolution (`rows`).
pub(super) const PRIME_MAX: usize = 31;

/// Numbers that are computed together.
#[derive(Clone, Copy)]
struct Vector<T>([T; WIDTH]);

/// Complex numbers that are computed together.
#[derive(Clone, Copy)]
struct Complex<T> {
    re: Vector<T>,
    im: Vector<T>,
}

impl<T: Real> Vector<T> {
    #[inline(always)]
    fn each(self, other: Self, f: impl Fn(T, T) -> T) -> Self {
        Vector(std::array::from_fn(|i| f(self.0[i], other.0[i])))
    }

    #[inline(always)]
    fn scaled(self, factor: T) -> Self {
        Vector(self.0.map(|x| x * factor))
    }
}

impl<T: Real> Complex<T> {
    #[inline(always)]
    fn plus(self, other: Self) -> Self {
        Complex { re: self.re.each(other.re, |a, b| a + b), im: self.im.each(other.im, |a, b| a + b) }
    }

    #[inline(always)]
    fn minus(self, other: Self) -> Self {
        Complex { re: self.re.each(other.re, |a, b| a - b), im: self.im.each(other.im, |a, b| a - b) }
    }

    /// Times a real number.
    #[inline(always)]
    fn scaled(self, factor: T) -> Self {
        Complex { re: self.re.scaled(factor), im: self.im.scaled(factor) }
    }

    /// Times -i.
    #[inline(always)]
    fn turned(self) -> Self {
        Complex { re: self.im, im: Vector(self.re.0.map(|x| -x)) }
    }

    /// Times a complex number.
    #[inline(always)]
    fn times(self, [c, s]: [T; 2]) -> Self {
        Complex {
            re: self.re.scaled(c).each(self.im.scaled(s), |a, b| a - b),
            im: self.re.scaled(s).each(self.im.scaled(c), |a, b| a + b),
        }
    }
}

/// One step: `groups` butterflies of `radix` elements that are `groups` apart, each over `stride` neighbours.
struct Stage<T> {
    radix: usize,
    groups: usize,
    stride: usize,
    /// `radix - 1` factors for each group.
    twiddles: Vec<[T; 2]>,
    /// The roots of unity of order `radix`.
    roots: Vec<[T; 2]>,
}

/// The steps of a transform of one size.
pub(super) struct Stages<T> {
    pub(super) size: usize,
    stages: Vec<Stage<T>>,
}

/// The radices whose product is `size`; `None` where a prime factor is too large.
fn radices(mut size: usize) -> Option<Vec<usize>> {
    let mut found = Vec::new();
    for radix in [4, 2, 3, 5].into_iter().chain((7..=PRIME_MAX).step_by(2)) {
        while size > 1 && size.is_multiple_of(radix) {
            found.push(radix);
            size /= radix;
        }
    }
    (size == 1).then_some(found)
}

/// Whether every prime factor of `size` has a step of its own.
pub(super) fn is_smooth(size: usize) -> bool {
    radices(size).is_some()
}

impl<T: Real> Stages<T> {
    /// The steps for signals of `size`, which is smooth.
    pub(super) fn new(size: usize) -> Option<Stages<T>> {
        let (mut rest, mut stride) = (size, 1);
        let stages = radices(size)?.into_iter().map(|radix| {
            let groups = rest / radix;
            let twiddle = |p: usize| (1..radix).map(move |j| (p * j, groups * radix));
            let stage = Stage {
                radix,
                groups,
                stride,
                twiddles: (0..groups).flat_map(twiddle).map(|(k, n)| root(k, n).map(T::from_f64)).collect(),
                roots: (0..radix).map(|k| root(k, radix).map(T::from_f64)).collect(),
            };
            (rest, stride) = (groups, stride * radix);
            stage
        });
        Some(Stages { size, stages: stages.collect() })
    }

    /// Transforms the columns of `re` and `im`, which hold `size` rows of `lanes` elements; the others are as large and
    /// hold anything.
    #[inline(always)]
    pub(super) fn run(&self, lanes: usize, re: &mut [T], im: &mut [T], spare_re: &mut [T], spare_im: &mut [T]) {
        debug_assert!(lanes.is_multiple_of(WIDTH) && re.len() == self.size * lanes);
        let mut swapped = false;
        for stage in &self.stages {
            if swapped {
                stage.run(lanes, [spare_re, spare_im], [re, im]);
            } else {
                stage.run(lanes, [re, im], [spare_re, spare_im]);
            }
            swapped = !swapped;
        }
        if swapped {
            re.copy_from_slice(spare_re);
            im.copy_from_slice(spare_im);
        }
    }
}

/// A real and an imaginary part as vectors.
type Parts<'a, T> = [&'a [[T; WIDTH]]; 2];

impl<T: Real> Stage<T> {
    #[inline(always)]
    fn run(&self, lanes: usize, from: [&[T]; 2], to: [&mut [T]; 2]) {
        let from = from.map(|part| part.as_chunks::<WIDTH>().0);
        let to = to.map(|part| part.as_chunks_mut::<WIDTH>().0);
        match self.radix {
            2 => self.pass(lanes, from, to, |[a, b]| [a.plus(b), a.minus(b)]),
            3 => self.pass(lanes, from, to, three),
            4 => self.pass(lanes, from, to, four),
            5 => self.pass(lanes, from, to, five),
            _ => self.prime(lanes, from, to),
        }
    }

    /// All butterflies of a small radix.
    #[inline(always)]
    fn pass<const R: usize>(
        &self,
        lanes: usize,
        [re, im]: Parts<'_, T>,
        [out_re, out_im]: [&mut [[T; WIDTH]]; 2],
        butterfly: impl Fn([Complex<T>; R]) -> [Complex<T>; R],
    ) {
        let run = self.stride * lanes / WIDTH;
        let outs = out_re.chunks_exact_mut(R * run).zip(out_im.chunks_exact_mut(R * run));
        for ((p, (out_re, out_im)), twiddles) in outs.enumerate().zip(self.twiddles.chunks_exact(R - 1)) {
            let re: [&[[T; WIDTH]]; R] = std::array::from_fn(|k| &re[(k * self.groups + p) * run..][..run]);
            let im: [&[[T; WIDTH]]; R] = std::array::from_fn(|k| &im[(k * self.groups + p) * run..][..run]);
            for q in 0..run {
                let values = std::array::from_fn(|k| Complex { re: Vector(re[k][q]), im: Vector(im[k][q]) });
                let values = butterfly(values);
                (out_re[q], out_im[q]) = (values[0].re.0, values[0].im.0);
                for j in 1..R {
                    // The twiddles of the last stage are 1.
                    let value = if self.groups == 1 { values[j] } else { values[j].times(twiddles[j - 1]) };
                    (out_re[j * run + q], out_im[j * run + q]) = (value.re.0, value.im.0);
                }
            }
        }
    }

    /// All butterflies of a larger prime, by its definition.
    #[inline(always)]
    fn prime(&self, lanes: usize, [re, im]: Parts<'_, T>, [out_re, out_im]: [&mut [[T; WIDTH]]; 2]) {
        let run = self.stride * lanes / WIDTH;
        let radix = self.radix;
        let outs = out_re.chunks_exact_mut(radix * run).zip(out_im.chunks_exact_mut(radix * run));
        for ((p, (out_re, out_im)), twiddles) in outs.enumerate().zip(self.twiddles.chunks_exact(radix - 1)) {
            for q in 0..run {
                let at = |k: usize| {
                    let place = (k * self.groups + p) * run + q;
                    Complex { re: Vector(re[place]), im: Vector(im[place]) }
                };
                for j in 0..radix {
                    let mut sum = at(0);
                    for k in 1..radix {
                        sum = sum.plus(at(k).times(self.roots[j * k % radix]));
                    }
                    if j > 0 && self.groups > 1 {
                        sum = sum.times(twiddles[j - 1]);
                    }
                    (out_re[j * run + q], out_im[j * run + q]) = (sum.re.0, sum.im.0);
                }
            }
        }
    }
}

#[inline(always)]
fn three<T: Real>([a, b, c]: [Complex<T>; 3]) -> [Complex<T>; 3] {
    let sum = b.plus(c);
    let middle = a.minus(sum.scaled(T::HALF));
    let side = b.minus(c).scaled(T::from_f64(0.866_025_403_784_438_6)).turned();
    [a.plus(sum), middle.plus(side), middle.minus(side)]
}

#[inline(always)]
fn four<T: Real>([a, b, c, d]: [Complex<T>; 4]) -> [Complex<T>; 4] {
    let (even, odd) = (a.plus(c), a.minus(c));
    let (sum, side) = (b.plus(d), b.minus(d).turned());
    [even.plus(sum), odd.plus(side), even.minus(sum), odd.minus(side)]
}

#[inline(always)]
fn five<T: Real>([a, b, c, d, e]: [Complex<T>; 5]) -> [Complex<T>; 5] {
    // Cosines and sines of a fifth and two fifths of a turn.
    let (c1, c2) = (T::from_f64(0.309_016_994_374_947_45), T::from_f64(-0.809_016_994_374_947_5));
    let (s1, s2) = (T::from_f64(0.951_056_516_295_153_5), T::from_f64(0.587_785_252_292_473_1));
    let (outer, inner) = (b.plus(e), c.plus(d));
    let (far, near) = (b.minus(e).turned(), c.minus(d).turned());
    let first = a.plus(outer.scaled(c1)).plus(inner.scaled(c2));
    let second = a.plus(outer.scaled(c2)).plus(inner.scaled(c1));
    let first_side = far.scaled(s1).plus(near.scaled(s2));
    let second_side = far.scaled(s2).minus(near.scaled(s1));
    [
        a.plus(outer).plus(inner),
        first.plus(first_side),
        second.plus(second_side),
        second.minus(second_side),
        first.minus(first_side),
    ]
}
