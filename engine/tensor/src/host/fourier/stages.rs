//! The Fourier transform of many short signals side by side: Stockham's self-sorting algorithm with radices 4, 2, 3, 5
//! and any prime up to 31 (Van Loan, "Computational frameworks for the fast Fourier transform", 1992, §1.7).
//!
//! Signals lie in columns ("lanes"), so that each step is the same arithmetic on whole vectors. It knows nothing of rows,
//! threads or memory: `rows` brings signals here.

use pulp::Simd;

use super::plan::root;
use super::wide::Wide;

/// The largest prime that has a step of its own. Others go through a convolution (`rows`).
pub(super) const PRIME_MAX: usize = 31;

/// Complex numbers that are computed together.
struct Complex<S: Simd, T: Wide> {
    re: T::Vector<S>,
    im: T::Vector<S>,
    simd: S,
}

impl<S: Simd, T: Wide> Clone for Complex<S, T> {
    #[inline(always)]
    fn clone(&self) -> Self {
        *self
    }
}

impl<S: Simd, T: Wide> Copy for Complex<S, T> {}

impl<S: Simd, T: Wide> Complex<S, T> {
    #[inline(always)]
    fn new(simd: S, re: T::Vector<S>, im: T::Vector<S>) -> Self {
        Complex { re, im, simd }
    }

    #[inline(always)]
    fn plus(self, other: Self) -> Self {
        let simd = self.simd;
        Complex::new(simd, T::sum(simd, self.re, other.re), T::sum(simd, self.im, other.im))
    }

    #[inline(always)]
    fn minus(self, other: Self) -> Self {
        let simd = self.simd;
        Complex::new(simd, T::difference(simd, self.re, other.re), T::difference(simd, self.im, other.im))
    }

    /// Times a real number.
    #[inline(always)]
    fn scaled(self, factor: T) -> Self {
        let (simd, factor) = (self.simd, T::splat(self.simd, factor));
        Complex::new(simd, T::product(simd, self.re, factor), T::product(simd, self.im, factor))
    }

    /// Times -i.
    #[inline(always)]
    fn turned(self) -> Self {
        Complex::new(self.simd, self.im, T::negated(self.simd, self.re))
    }

    /// Times a complex number.
    #[inline(always)]
    fn times(self, [c, s]: [T; 2]) -> Self {
        let simd = self.simd;
        let (c, s) = (T::splat(simd, c), T::splat(simd, s));
        let re = T::difference(simd, T::product(simd, self.re, c), T::product(simd, self.im, s));
        Complex::new(simd, re, T::fused(simd, self.im, c, T::product(simd, self.re, s)))
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

impl<T: Wide> Stages<T> {
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
    pub(super) fn run<S: Simd>(
        &self,
        simd: S,
        lanes: usize,
        [re, im]: [&mut [T]; 2],
        [spare_re, spare_im]: [&mut [T]; 2],
    ) {
        if self.run_anywhere(simd, lanes, [&mut *re, &mut *im], [&mut *spare_re, &mut *spare_im]) {
            re.copy_from_slice(spare_re);
            im.copy_from_slice(spare_im);
        }
    }

    /// Whether [`Stages::run_anywhere`] leaves the result in the second pair.
    pub(super) fn ends_elsewhere(&self) -> bool {
        self.stages.len() % 2 == 1
    }

    /// The same, but the result is where it happens to be: answers whether that is the second pair.
    #[inline(always)]
    pub(super) fn run_anywhere<S: Simd>(
        &self,
        simd: S,
        lanes: usize,
        [re, im]: [&mut [T]; 2],
        spares: [&mut [T]; 2],
    ) -> bool {
        debug_assert!(re.len() == self.size * lanes);
        let [spare_re, spare_im] = spares;
        let mut swapped = false;
        for stage in &self.stages {
            if swapped {
                stage.run(simd, lanes, [spare_re, spare_im], [re, im]);
            } else {
                stage.run(simd, lanes, [re, im], [spare_re, spare_im]);
            }
            swapped = !swapped;
        }
        swapped
    }
}

impl<T: Wide> Stage<T> {
    #[inline(always)]
    fn run<S: Simd>(&self, simd: S, lanes: usize, from: [&[T]; 2], to: [&mut [T]; 2]) {
        let from = from.map(T::vectors::<S>);
        let to = to.map(T::vectors_mut::<S>);
        // Vectors of one element of all neighbours.
        let run = self.stride * lanes * size_of::<T>() / size_of::<T::Vector<S>>();
        match self.radix {
            2 => self.pass::<S, Two, 2>(simd, run, from, to),
            3 => self.pass::<S, Three, 3>(simd, run, from, to),
            4 => self.pass::<S, Four, 4>(simd, run, from, to),
            5 => self.pass::<S, Five, 5>(simd, run, from, to),
            _ => self.prime(simd, run, from, to),
        }
    }

    /// All butterflies of a small radix.
    #[inline(always)]
    fn pass<S: Simd, B: Butterfly<R>, const R: usize>(
        &self,
        simd: S,
        run: usize,
        [re, im]: [&[T::Vector<S>]; 2],
        [out_re, out_im]: [&mut [T::Vector<S>]; 2],
    ) {
        let outs = out_re.chunks_exact_mut(R * run).zip(out_im.chunks_exact_mut(R * run));
        for ((p, (out_re, out_im)), twiddles) in outs.enumerate().zip(self.twiddles.chunks_exact(R - 1)) {
            let re: [&[T::Vector<S>]; R] = std::array::from_fn(|k| &re[(k * self.groups + p) * run..][..run]);
            let im: [&[T::Vector<S>]; R] = std::array::from_fn(|k| &im[(k * self.groups + p) * run..][..run]);
            for q in 0..run {
                let mut values = [Complex::new(simd, re[0][q], im[0][q]); R];
                for k in 1..R {
                    values[k] = Complex::new(simd, re[k][q], im[k][q]);
                }
                let values = B::of(values);
                (out_re[q], out_im[q]) = (values[0].re, values[0].im);
                for j in 1..R {
                    // The twiddles of the last stage are 1.
                    let value = if self.groups == 1 { values[j] } else { values[j].times(twiddles[j - 1]) };
                    (out_re[j * run + q], out_im[j * run + q]) = (value.re, value.im);
                }
            }
        }
    }

    /// All butterflies of a larger prime, by its definition.
    #[inline(always)]
    fn prime<S: Simd>(
        &self,
        simd: S,
        run: usize,
        [re, im]: [&[T::Vector<S>]; 2],
        [out_re, out_im]: [&mut [T::Vector<S>]; 2],
    ) {
        let radix = self.radix;
        let outs = out_re.chunks_exact_mut(radix * run).zip(out_im.chunks_exact_mut(radix * run));
        for ((p, (out_re, out_im)), twiddles) in outs.enumerate().zip(self.twiddles.chunks_exact(radix - 1)) {
            for q in 0..run {
                for j in 0..radix {
                    let mut sum = Complex::new(simd, re[p * run + q], im[p * run + q]);
                    for k in 1..radix {
                        let place = (k * self.groups + p) * run + q;
                        sum = sum.plus(Complex::new(simd, re[place], im[place]).times(self.roots[j * k % radix]));
                    }
                    if j > 0 && self.groups > 1 {
                        sum = sum.times(twiddles[j - 1]);
                    }
                    (out_re[j * run + q], out_im[j * run + q]) = (sum.re, sum.im);
                }
            }
        }
    }
}

/// A transform of `R` elements. A type and not a closure, so that it is compiled with the caller's instructions.
trait Butterfly<const R: usize> {
    fn of<S: Simd, T: Wide>(values: [Complex<S, T>; R]) -> [Complex<S, T>; R];
}

struct Two;

impl Butterfly<2> for Two {
    #[inline(always)]
    fn of<S: Simd, T: Wide>([a, b]: [Complex<S, T>; 2]) -> [Complex<S, T>; 2] {
        [a.plus(b), a.minus(b)]
    }
}

struct Three;

impl Butterfly<3> for Three {
    #[inline(always)]
    fn of<S: Simd, T: Wide>([a, b, c]: [Complex<S, T>; 3]) -> [Complex<S, T>; 3] {
        let sum = b.plus(c);
        let middle = a.minus(sum.scaled(T::HALF));
        let side = b.minus(c).scaled(T::from_f64(0.866_025_403_784_438_6)).turned();
        [a.plus(sum), middle.plus(side), middle.minus(side)]
    }
}

struct Four;

impl Butterfly<4> for Four {
    #[inline(always)]
    fn of<S: Simd, T: Wide>([a, b, c, d]: [Complex<S, T>; 4]) -> [Complex<S, T>; 4] {
        let (even, odd) = (a.plus(c), a.minus(c));
        let (sum, side) = (b.plus(d), b.minus(d).turned());
        [even.plus(sum), odd.plus(side), even.minus(sum), odd.minus(side)]
    }
}

struct Five;

impl Butterfly<5> for Five {
    #[inline(always)]
    fn of<S: Simd, T: Wide>([a, b, c, d, e]: [Complex<S, T>; 5]) -> [Complex<S, T>; 5] {
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
}
