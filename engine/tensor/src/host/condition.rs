//! How far a system of equations can be trusted: an estimate of its condition number from its factors.
//!
//! It costs a few solutions, n² each, beside the n³ of the factorisation. It warns; it changes no result.

use faer::{Mat, MatRef};

use super::linalg::Field;
use super::lu::Lu;
use super::vectors::{Kernel, vectorized};
use crate::Context;

/// Steps of the estimate; more than this many do not improve it (Higham).
const STEPS_MAX: usize = 5;

/// The condition number in the 1-norm, estimated from below by Hager's method (Higham, "Accuracy and Stability of
/// Numerical Algorithms", algorithm 15.1). It is rarely off by more than a factor of three. `lu` are the factors of the
/// transpose of the square matrix of these rows.
pub(crate) fn estimate<T: Field>(rows: &[T], lu: &Lu<T>) -> f64 {
    let n = lu.factors().nrows();
    if n == 0 {
        return 1.0;
    }
    let mut sums = vec![0.0; n];
    vectorized(ColumnSums { rows, sums: &mut sums });
    let norm = sums.into_iter().fold(0.0, f64::max);
    let mut x = Mat::from_fn(n, 1, |_, _| T::from_f64(1.0 / n as f64));
    let mut largest = 0.0f64;
    for _ in 0..STEPS_MAX {
        let mut y = x.clone();
        lu.solve_transpose(y.as_mut());
        largest = largest.max(column_sum(y.as_ref(), 0));
        let signs = Mat::from_fn(n, 1, |i, _| T::from_f64(if y[(i, 0)].to_f64() < 0.0 { -1.0 } else { 1.0 }));
        let mut z = signs;
        lu.solve(z.as_mut());
        let along: f64 = (0..n).map(|i| z[(i, 0)].to_f64() * x[(i, 0)].to_f64()).sum();
        let (at, steepest) =
            (0..n).map(|i| (i, z[(i, 0)].to_f64().abs())).fold((0, 0.0), |a, b| if b.1 > a.1 { b } else { a });
        if steepest <= along {
            break;
        }
        x = Mat::from_fn(n, 1, |i, _| T::from_f64(if i == at { 1.0 } else { 0.0 }));
    }
    norm * largest
}

/// Sums of the absolute values of columns, row by row, as the elements lie.
struct ColumnSums<'a, T> {
    rows: &'a [T],
    sums: &'a mut [f64],
}

impl<T: Field> Kernel for ColumnSums<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        for row in self.rows.chunks_exact(self.sums.len()) {
            for (sum, x) in self.sums.iter_mut().zip(row) {
                *sum += x.to_f64().abs();
            }
        }
    }
}

fn column_sum<T: Field>(matrix: MatRef<'_, T>, column: usize) -> f64 {
    (0..matrix.nrows()).map(|i| matrix[(i, column)].to_f64().abs()).sum()
}

/// Warns where fewer than about one decimal digit of the result of `operation` can be right.
pub(crate) fn check<T: Field>(ctx: &Context, operation: &'static str, rows: &[T], lu: &Lu<T>) {
    let precision = if size_of::<T>() == 8 { f64::EPSILON } else { f64::from(f32::EPSILON) };
    let condition = estimate(rows, lu);
    if condition > 0.1 / precision || !condition.is_finite() {
        let message = format!(
            "the matrix is nearly singular: its condition number is about {condition:.0e}, so that {} digits of {} are \
             lost; the result may have none that is right",
            condition.log10().min(99.0).round(),
            T::DTYPE,
        );
        ctx.warn(operation, message);
    }
}
