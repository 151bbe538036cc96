//! The largest singular values and their vectors, without the others: randomised subspace iteration (Halko, Martinsson and
//! Tropp, "Finding structure with randomness", 2011, algorithms 4.4 and 5.1).

use faer::{Mat, MatRef};

use super::decompose;
use super::linalg::{Field, Singular, Stack, part, write, write_diagonal};
use super::random;
use crate::{Context, NumericalProblem, TensorError};

/// How a subspace is looked for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Search {
    /// Singular values that are wanted.
    pub(crate) rank: usize,
    /// Directions beyond them that are followed too.
    pub(crate) oversampling: usize,
    /// Times that the subspace is multiplied by the matrix and its transpose.
    pub(crate) iterations: usize,
}

/// The `rank` largest singular values in descending order with their vectors, u in columns and vt in rows. Where nearly
/// all of them are wanted, everything is computed and cut.
pub(crate) fn truncated_svd<T: Field>(ctx: &Context, a: &Stack, search: Search) -> Result<Singular, TensorError> {
    let (m, n, rank) = (a.rows, a.columns, search.rank);
    let width = rank.saturating_add(search.oversampling).min(m.min(n));
    let mut u = a.results::<T>(ctx, &[m, rank])?;
    let mut s = a.results::<T>(ctx, &[rank])?;
    let mut vt = a.results::<T>(ctx, &[rank, n])?;
    a.finite::<T>()?;
    let start = random::normal(ctx, T::DTYPE, &[n, width])?;
    let start = MatRef::from_row_major_slice(start.slice::<T>(), n, width);
    a.for_each(ctx, |i, matrix: MatRef<'_, T>| {
        let no_convergence = |_| TensorError::from(NumericalProblem::NoConvergence);
        // A subspace of more than half of all directions costs more than the whole decomposition.
        let (left, svd) = if 2 * width >= m.min(n) {
            (None, decompose::svd(ctx, matrix, false).map_err(no_convergence)?)
        } else {
            let basis = subspace(ctx, matrix, start, search.iterations)?;
            let inside = basis.transpose() * matrix;
            (Some(basis), decompose::svd(ctx, inside.as_ref(), false).map_err(no_convergence)?)
        };
        let vectors = match &left {
            Some(basis) => basis * svd.u.submatrix(0, 0, width, rank),
            None => svd.u.submatrix(0, 0, m, rank).to_owned(),
        };
        write(part(&mut u, i, m * rank), vectors.as_ref());
        write(part(&mut vt, i, rank * n), svd.v.submatrix(0, 0, n, rank).transpose());
        write_diagonal(part(&mut s, i, rank), &svd.s);
        Ok(())
    })?;
    Ok(Singular { u, s, vt })
}

/// Orthonormal columns that span nearly what the largest singular vectors span.
fn subspace<T: Field>(
    ctx: &Context,
    matrix: MatRef<'_, T>,
    start: MatRef<'_, T>,
    iterations: usize,
) -> Result<Mat<T>, TensorError> {
    let orthonormal = |columns: Mat<T>| -> Mat<T> {
        let [q, _] = decompose::qr(ctx, columns.as_ref());
        q
    };
    let mut basis = orthonormal(matrix * start);
    for _ in 0..iterations {
        ctx.poll()?;
        let other = orthonormal(matrix.transpose() * &basis);
        basis = orthonormal(matrix * &other);
    }
    Ok(basis)
}
