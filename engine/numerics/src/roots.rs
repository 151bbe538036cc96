//! Zeros of functions: of one variable by bracketing, of several by Newton's method.

use std::fmt;

use crate::lu::Lu;

/// Why no zero was found.
#[derive(Debug, Clone, PartialEq)]
pub enum RootError<E> {
    /// The values at both ends have the same sign.
    NotBracketed {
        /// Value at the lower end.
        low: f64,
        /// Value at the upper end.
        high: f64,
    },
    /// It did not settle.
    NoConvergence {
        /// Where it stopped.
        residual: f64,
    },
    /// The function failed.
    Function(E),
}

impl<E: fmt::Display> fmt::Display for RootError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RootError::NotBracketed { low, high } => {
                write!(f, "the function has the values {low} and {high} at the ends, which have the same sign")
            }
            RootError::NoConvergence { residual } => {
                write!(f, "no root was found; where the search ended the function is {residual:e}")
            }
            RootError::Function(error) => error.fmt(f),
        }
    }
}

/// Steps of a search.
const STEPS_MAX: usize = 500;

/// A zero of `f` between `low` and `high`, where it must have different signs, to an absolute error of `tolerance` and
/// a few units in the last place: Brent's method ("Algorithms for minimization without derivatives", 1973, §4).
pub fn find_root<E>(
    f: &mut dyn FnMut(f64) -> Result<f64, E>,
    low: f64,
    high: f64,
    tolerance: f64,
) -> Result<f64, RootError<E>> {
    let mut call = |x: f64| f(x).map_err(RootError::Function);
    let (mut a, mut b) = (low, high);
    let (mut fa, mut fb) = (call(a)?, call(b)?);
    if fa == 0.0 {
        return Ok(a);
    }
    if fb == 0.0 {
        return Ok(b);
    }
    if fa.is_nan() || fb.is_nan() || fa.signum() == fb.signum() {
        return Err(RootError::NotBracketed { low: fa, high: fb });
    }
    let (mut c, mut fc) = (a, fa);
    let mut width = b - a;
    let mut last = width;
    for _ in 0..STEPS_MAX {
        if fc.abs() < fb.abs() {
            (a, b, c) = (b, c, b);
            (fa, fb, fc) = (fb, fc, fb);
        }
        let enough = 2.0 * f64::EPSILON * b.abs() + 0.5 * tolerance;
        let half = 0.5 * (c - b);
        if half.abs() <= enough || fb == 0.0 {
            return Ok(b);
        }
        if last.abs() < enough || fa.abs() <= fb.abs() {
            (width, last) = (half, half);
        } else {
            let s = fb / fa;
            let (mut p, mut q) = if a == c {
                (2.0 * half * s, 1.0 - s)
            } else {
                let (q, r) = (fa / fc, fb / fc);
                (s * (2.0 * half * q * (q - r) - (b - a) * (r - 1.0)), (q - 1.0) * (r - 1.0) * (s - 1.0))
            };
            if p > 0.0 {
                q = -q
            } else {
                p = -p
            }
            if 2.0 * p < (3.0 * half * q - (enough * q).abs()).min((last * q).abs()) {
                (last, width) = (width, p / q);
            } else {
                (width, last) = (half, half);
            }
        }
        (a, fa) = (b, fb);
        b += if width.abs() > enough { width } else { enough.copysign(half) };
        fb = call(b)?;
        if fb.is_nan() {
            return Err(RootError::NoConvergence { residual: fb });
        }
        if fb.signum() == fc.signum() {
            (c, fc) = (a, fa);
            width = b - a;
            last = width;
        }
    }
    Err(RootError::NoConvergence { residual: fb })
}

/// A point and the matrix of derivatives there, row by row.
type Linear = (Vec<f64>, Vec<f64>);

/// A zero of a system of as many equations as unknowns, from `start`, until no residual is above `tolerance`: Newton's
/// method, each step shortened until the residuals shrink (Dennis and Schnabel, 1983, §6). `f` gives the residuals and
/// their derivatives, row by row.
pub fn find_roots<E>(
    f: &mut dyn FnMut(&[f64]) -> Result<Linear, E>,
    start: &[f64],
    tolerance: f64,
) -> Result<Vec<f64>, RootError<E>> {
    let size = |r: &[f64]| r.iter().map(|v| v * v).sum::<f64>();
    let largest = |r: &[f64]| r.iter().fold(0.0f64, |m, v| if v.is_nan() { f64::NAN } else { m.max(v.abs()) });
    let mut x = start.to_vec();
    let (mut residual, mut slope) = f(&x).map_err(RootError::Function)?;
    for _ in 0..STEPS_MAX {
        if largest(&residual) <= tolerance {
            return Ok(x);
        }
        let step = Lu::new(slope.clone(), residual.len()).map(|factors| factors.solve(residual.clone()));
        let Some(step) = step else { break };
        let mut length = 1.0;
        let next = loop {
            let moved: Vec<f64> = x.iter().zip(&step).map(|(x, s)| x - length * s).collect();
            let (r, j) = f(&moved).map_err(RootError::Function)?;
            if size(&r) <= (1.0 - 1e-4 * length) * size(&residual) {
                break Some((moved, r, j));
            }
            length *= 0.5;
            if length < 1e-12 {
                break None;
            }
        };
        let Some(next) = next else { break };
        (x, residual, slope) = next;
    }
    if largest(&residual) <= tolerance {
        return Ok(x);
    }
    Err(RootError::NoConvergence { residual: largest(&residual) })
}
