//! The exponential of square matrices, by scaling, a Padé approximant and squaring (Higham, "The scaling and squaring
//! method for the matrix exponential revisited", 2005; Al-Mohy and Higham, 2009). Everything is computed in f64.

use faer::{Mat, MatRef};

use super::HostTensor;
use super::linalg::{Stack, part, write};
use super::lu::Lu;
use crate::{Context, NumericalProblem, TensorError};

/// Degrees with the largest 1-norm for which their approximant is exact to the unit roundoff of f64.
const DEGREES: [(usize, f64); 5] = [
    (3, 1.495_585_217_958_292e-2),
    (5, 2.539_398_330_063_23e-1),
    (7, 9.504_178_996_162_932e-1),
    (9, 2.097_847_961_257_068),
    (13, 5.371_920_351_148_152),
];

/// Coefficients of the numerator of the approximant of that degree: (2d - k)! d! / ((2d)! k! (d - k)!), as whole numbers.
fn coefficients(degree: usize) -> Vec<f64> {
    let mut all = vec![1.0; degree + 1];
    for k in (0..degree).rev() {
        // From one coefficient to the one before, which is a whole multiple.
        all[k] = all[k + 1] * ((2 * degree - k) * (k + 1)) as f64 / (degree - k) as f64;
    }
    all
}

fn norm_1(a: MatRef<'_, f64>) -> f64 {
    (0..a.ncols()).map(|j| (0..a.nrows()).map(|i| a[(i, j)].abs()).sum::<f64>()).fold(0.0, f64::max)
}

/// Exponentials of a stack of square matrices of f64.
pub(crate) fn exponential(ctx: &Context, a: &Stack) -> Result<HostTensor, TensorError> {
    let n = a.rows;
    let mut out = a.results::<f64>(ctx, &[n, n])?;
    a.finite::<f64>()?;
    a.for_each(ctx, |i, matrix: MatRef<'_, f64>| {
        write(part::<f64>(&mut out, i, n * n), one(ctx, matrix)?.as_ref());
        Ok(())
    })?;
    Ok(out)
}

/// How far a matrix is from zero, as its powers see it, and its even powers: norms of powers are often far below the
/// powers of the norm, and each squaring that is saved saves digits.
struct Size {
    /// The second, fourth and sixth power.
    powers: [Mat<f64>; 3],
    /// For the degrees up to 5, up to 9, and 13.
    bounds: [f64; 3],
}

impl Size {
    fn of(a: &Mat<f64>) -> Size {
        let square = a * a;
        let fourth = &square * &square;
        let sixth = &fourth * &square;
        let root = |power: &Mat<f64>, degree: f64| norm_1(power.as_ref()).powf(1.0 / degree);
        let (d4, d6) = (root(&fourth, 4.0), root(&sixth, 6.0));
        let (d8, d10) = (root(&(&fourth * &fourth), 8.0), root(&(&fourth * &sixth), 10.0));
        let middle = d6.max(d8);
        Size { powers: [square, fourth, sixth], bounds: [d4.max(d6), middle, middle.min(d8.max(d10))] }
    }
}

/// Squarings beyond those that the bounds ask for, which matrices far from normal need: the first term that the
/// approximant leaves out, of the matrix of absolute values.
fn further_squarings(a: &Mat<f64>, degree: usize, halvings: i32) -> i32 {
    let n = a.nrows();
    let scale = 2f64.powi(-halvings);
    let mut sums = vec![1.0; n];
    for _ in 0..2 * degree + 1 {
        sums = (0..n).map(|j| (0..n).map(|i| sums[i] * a[(i, j)].abs() * scale).sum()).collect();
    }
    let size = sums.into_iter().fold(0.0, f64::max);
    if size == 0.0 {
        return 0;
    }
    // The coefficient is 1 / (binomial(2d, d) (2d + 1)!).
    let mut coefficient = 1.0;
    for k in 1..=degree {
        coefficient *= k as f64 / (degree + k) as f64;
    }
    for k in 2..=2 * degree + 1 {
        coefficient /= k as f64;
    }
    let error = coefficient * size / (norm_1(a.as_ref()) * scale);
    ((error / f64::EPSILON * 2.0).log2() / (2 * degree) as f64).ceil().max(0.0) as i32
}

/// The degree and the squarings (Al-Mohy and Higham, "A new scaling and squaring algorithm for the matrix exponential",
/// 2009, algorithm 5.1).
fn plan(a: &Mat<f64>, size: &Size) -> (usize, i32) {
    let [low, middle, high] = size.bounds;
    for ((degree, largest), bound) in DEGREES.into_iter().zip([low, low, middle, middle]) {
        if bound <= largest && further_squarings(a, degree, 0) == 0 {
            return (degree, 0);
        }
    }
    let [.., (degree, largest)] = DEGREES;
    let halvings = if high > largest { (high / largest).log2().ceil() as i32 } else { 0 };
    // What overflows does so long before this many squarings.
    (degree, (halvings + further_squarings(a, degree, halvings)).min(1100))
}

fn one(ctx: &Context, matrix: MatRef<'_, f64>) -> Result<Mat<f64>, TensorError> {
    let n = matrix.nrows();
    let a = matrix.to_owned();
    let size = Size::of(&a);
    let (degree, squarings) = plan(&a, &size);
    let scale = |power: i32| 2f64.powi(-squarings * power);
    let [square, fourth, sixth] = size.powers;
    let a = faer::Scale(scale(1)) * &a;
    let [square, fourth, sixth] = [(square, 2), (fourth, 4), (sixth, 6)].map(|(m, p)| faer::Scale(scale(p)) * &m);
    let c = coefficients(degree);
    // The coefficients from `first` on, every second one, of the powers up to six; then those above, times the sixth.
    let part = |first: usize| {
        let at = |k: usize| c.get(first + 2 * k).copied().unwrap_or(0.0);
        let sum = |c0: f64, c2: f64, c4: f64, c6: f64| {
            Mat::from_fn(n, n, |i, j| {
                let one = if i == j { c0 } else { 0.0 };
                one + c2 * square[(i, j)] + c4 * fourth[(i, j)] + c6 * sixth[(i, j)]
            })
        };
        let low = sum(at(0), at(1), at(2), at(3));
        if degree > 7 { low + &sixth * sum(0.0, at(4), at(5), at(6)) } else { low }
    };
    let (even, odd) = (part(0), &a * part(1));
    let (top, bottom) = (&even + &odd, &even - &odd);
    let mut result = top;
    Lu::new(ctx, bottom.as_ref()).solve(result.as_mut());
    for _ in 0..squarings {
        ctx.poll()?;
        result = &result * &result;
    }
    let known = (0..n).all(|j| (0..n).all(|i| !result[(i, j)].is_nan()));
    if known { Ok(result) } else { Err(NumericalProblem::NoConvergence.into()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn coefficients_are_those_of_the_paper() {
        assert_eq!(coefficients(3), [120.0, 60.0, 12.0, 1.0]);
        assert_eq!(coefficients(13)[0], 64_764_752_532_480_000.0);
        assert_eq!(coefficients(9)[1], 8_821_612_800.0);
    }
}
