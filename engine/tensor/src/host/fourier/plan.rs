//! What a Fourier transform of one size needs to know before it sees a signal: factors, roots of unity, a chirp.
//!
//! A few plans are kept, so that a loop of short transforms does not compute them again.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use super::stages::{Stages, is_smooth};
use super::wide::Wide;

/// Signals up to this size are transformed side by side where there are several: a block of them fits the second-level
/// cache.
pub(super) const SHORT_MAX: usize = 4096;

/// Plans that are kept for each dtype.
const KEPT: usize = 16;
/// Larger plans are not kept: what they need is small beside the transform itself.
const KEPT_SIZE_MAX: usize = 1 << 20;

/// Signals that are transformed side by side: a cache line of them.
pub(super) const fn lanes<T>() -> usize {
    64 / size_of::<T>()
}

/// `exp(-2πi k / n)`, to the last bit or two: the angle is taken to the nearest quarter turn in whole numbers.
pub(super) fn root(k: usize, n: usize) -> [f64; 2] {
    let (k, n) = ((k % n) as u128, n as u128);
    let quarter = (4 * k + n / 2) / n;
    let rest = (4 * k) as i128 - (quarter * n) as i128;
    let (s, c) = (std::f64::consts::FRAC_PI_2 * (rest as f64 / n as f64)).sin_cos();
    match quarter % 4 {
        0 => [c, -s],
        1 => [-s, -c],
        2 => [-c, s],
        _ => [s, c],
    }
}

/// Powers of one root of unity, from two short tables: `exp(-2πi k / n)` for all k below n.
pub(super) struct Roots {
    n: usize,
    step: usize,
    fine: Vec<[f64; 2]>,
    coarse: Vec<[f64; 2]>,
}

impl Roots {
    pub(super) fn new(n: usize) -> Roots {
        let step = n.isqrt().max(1);
        Roots {
            n,
            step,
            fine: (0..step).map(|k| root(k, n)).collect(),
            coarse: (0..=n / step).map(|k| root(k * step, n)).collect(),
        }
    }

    pub(super) fn at(&self, k: usize) -> [f64; 2] {
        let k = k % self.n;
        times(self.coarse[k / self.step], self.fine[k % self.step])
    }
}

pub(super) fn times([a, b]: [f64; 2], [c, d]: [f64; 2]) -> [f64; 2] {
    [a * c - b * d, a * d + b * c]
}

/// A long signal as a matrix of `rows.size` × `columns.size`: its columns are transformed, turned, and the result's
/// columns are (Bailey, "FFTs in external or hierarchical memory", 1990).
pub(super) struct Split<T> {
    /// Transforms the columns of the matrix.
    pub(super) first: Stages<T>,
    /// Transforms its rows.
    pub(super) second: Stages<T>,
    pub(super) roots: Roots,
    /// `exp(-2πi r l / n)` for each row r and the lanes l of a block: real parts, then imaginary ones.
    pub(super) lanes: [Vec<T>; 2],
}

/// A size with a large prime factor as a convolution (Bluestein, 1970).
pub(super) struct Chirp<T> {
    /// `exp(-πi k² / n)`.
    pub(super) factors: Vec<[T; 2]>,
    /// The transform of the chirp's conjugate, over the inner size.
    pub(super) response: OnceLock<[Vec<T>; 2]>,
    pub(super) inner: Arc<Plan<T>>,
}

/// How a size is transformed.
pub(crate) struct Plan<T> {
    pub(super) size: usize,
    /// For short signals side by side.
    pub(super) direct: Option<Stages<T>>,
    pub(super) split: Option<Split<T>>,
    pub(super) chirp: Option<Chirp<T>>,
    halves: OnceLock<Vec<[T; 2]>>,
}

/// The divisor of `n` that is nearest to its root from below.
fn half(n: usize) -> usize {
    (1..=n.isqrt()).rev().find(|&d| n.is_multiple_of(d)).unwrap_or(1)
}

impl<T: Planned> Plan<T> {
    /// The plan for signals of `size`, which is not zero: a kept one or a new one.
    pub(crate) fn of(size: usize) -> Arc<Plan<T>> {
        let mut kept = T::kept().lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(place) = kept.iter().position(|plan| plan.size == size) {
            let plan = kept.remove(place);
            kept.push(Arc::clone(&plan));
            return plan;
        }
        drop(kept);
        let plan = Arc::new(Plan::new(size));
        if size <= KEPT_SIZE_MAX {
            let mut kept = T::kept().lock().unwrap_or_else(PoisonError::into_inner);
            if kept.len() >= KEPT {
                kept.remove(0);
            }
            kept.push(Arc::clone(&plan));
        }
        plan
    }

    fn new(size: usize) -> Plan<T> {
        let mut plan = Plan { size, direct: None, split: None, chirp: None, halves: OnceLock::new() };
        if !is_smooth(size) {
            let whole = |k: usize| ((k as u128 * k as u128) % (2 * size as u128)) as usize;
            plan.chirp = Some(Chirp {
                factors: (0..size).map(|k| root(whole(k), 2 * size).map(T::from_f64)).collect(),
                response: OnceLock::new(),
                inner: Plan::of((2 * size - 1).next_power_of_two()),
            });
            return plan;
        }
        let rows = half(size);
        if size <= SHORT_MAX || rows == 1 {
            plan.direct = Stages::new(size);
        }
        if rows > 1
            && let (Some(first), Some(second)) = (Stages::new(rows), Stages::new(size / rows))
        {
            let roots = Roots::new(size);
            let factors: Vec<[f64; 2]> = (0..rows * lanes::<T>())
                .map(|place| roots.at((place / lanes::<T>()) * (place % lanes::<T>())))
                .collect();
            let lanes = [0, 1].map(|part| factors.iter().map(|factor| T::from_f64(factor[part])).collect());
            plan.split = Some(Split { first, second, roots, lanes });
        }
        plan
    }

    /// `exp(-πi k / size)` for k from 0 to `size`: what joins the halves of a real signal of twice the size.
    pub(super) fn halves(&self) -> &[[T; 2]] {
        self.halves.get_or_init(|| (0..=self.size).map(|k| root(k, 2 * self.size).map(T::from_f64)).collect())
    }
}

/// A dtype with kept plans.
pub(crate) trait Planned: Wide {
    /// The plans that are kept, newest last.
    fn kept() -> &'static Mutex<Vec<Arc<Plan<Self>>>>;
}

impl Planned for f32 {
    fn kept() -> &'static Mutex<Vec<Arc<Plan<f32>>>> {
        static KEPT: Mutex<Vec<Arc<Plan<f32>>>> = Mutex::new(Vec::new());
        &KEPT
    }
}

impl Planned for f64 {
    fn kept() -> &'static Mutex<Vec<Arc<Plan<f64>>>> {
        static KEPT: Mutex<Vec<Arc<Plan<f64>>>> = Mutex::new(Vec::new());
        &KEPT
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roots_of_unity_are_exact_at_quarters_and_close_elsewhere() {
        for n in [1, 2, 3, 4, 8, 12, 1000, 65_537] {
            let roots = Roots::new(n);
            for k in 0..n.min(3000) {
                let [c, s] = root(k, n);
                assert!((c * c + s * s - 1.0).abs() < 4e-16, "{k} of {n}");
                let [c2, s2] = roots.at(k);
                assert!((c - c2).abs() < 4e-16 && (s - s2).abs() < 4e-16, "{k} of {n}: {c} {c2} {s} {s2}");
            }
        }
        assert_eq!((root(1, 4), root(2, 4), root(3, 4)), ([0.0, -1.0], [-1.0, 0.0], [0.0, 1.0]));
    }
}
