//! Eigenvalues and eigenvectors of general real matrices in host memory, by faer (Hessenberg form and the
//! multi-shift QR iteration of Braman, Byers and Mathias).

use faer::MatRef;
use faer::complex::Complex;
use faer::linalg::solvers::Eigen;

use super::HostTensor;
use super::linalg::{Field, Stack, part};
use crate::{Context, NumericalProblem, TensorError};

/// Real and imaginary parts of the eigenvalues, one vector a matrix.
pub(crate) fn eigenvalues<T: Field>(ctx: &Context, a: &Stack) -> Result<[HostTensor; 2], TensorError> {
    let n = a.rows;
    a.finite::<T>()?;
    let (mut re, mut im) = (a.results::<T>(ctx, &[n])?, a.results::<T>(ctx, &[n])?);
    a.for_each(ctx, |i, matrix: MatRef<'_, T>| {
        let found = matrix.eigenvalues().map_err(|_| NumericalProblem::NoConvergence)?;
        for (slot, value) in part::<T>(&mut re, i, n).iter_mut().zip(&found) {
            *slot = value.re;
        }
        for (slot, value) in part::<T>(&mut im, i, n).iter_mut().zip(&found) {
            *slot = value.im;
        }
        Ok(())
    })?;
    Ok([re, im])
}

/// Real and imaginary parts of the eigenvalues, then of the eigenvectors in columns, each of length 1.
pub(crate) fn eigenpairs<T: Field>(ctx: &Context, a: &Stack) -> Result<[HostTensor; 4], TensorError> {
    let n = a.rows;
    a.finite::<T>()?;
    let mut values = [a.results::<T>(ctx, &[n])?, a.results::<T>(ctx, &[n])?];
    let mut vectors = [a.results::<T>(ctx, &[n, n])?, a.results::<T>(ctx, &[n, n])?];
    a.for_each(ctx, |i, matrix: MatRef<'_, T>| {
        let found = Eigen::new_from_real(matrix).map_err(|_| NumericalProblem::NoConvergence)?;
        let (s, u) = (found.S().column_vector(), found.U());
        for (side, pick) in [real::<T>, imaginary::<T>].into_iter().enumerate() {
            for (j, slot) in part::<T>(&mut values[side], i, n).iter_mut().enumerate() {
                *slot = pick(&s[j]);
            }
            let out = part::<T>(&mut vectors[side], i, n * n);
            for column in 0..n {
                let length = (0..n).map(|r| u[(r, column)].re.to_f64().powi(2) + u[(r, column)].im.to_f64().powi(2));
                let length = length.sum::<f64>().sqrt();
                for row in 0..n {
                    out[row * n + column] = T::from_f64(pick(&u[(row, column)]).to_f64() / length);
                }
            }
        }
        Ok(())
    })?;
    let ([re, im], [v_re, v_im]) = (values, vectors);
    Ok([re, im, v_re, v_im])
}

fn real<T: Field>(z: &Complex<T>) -> T {
    z.re
}

fn imaginary<T: Field>(z: &Complex<T>) -> T {
    z.im
}
