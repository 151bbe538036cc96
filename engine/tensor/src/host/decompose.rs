//! faer's decompositions of one matrix, on as many threads as are worth it.
//!
//! faer's own solvers take every thread for every size. The steps of these algorithms wait for each other, so that below a
//! size several threads are slower than one, for QR up to nine times. What a small matrix gives is then also the same on
//! machines with any number of processors. Driven by `linalg`, which knows tensors.

use faer::diag::Diag;
use faer::dyn_stack::{MemBuffer, MemStack};
use faer::linalg::cholesky::llt::factor::{LltError, cholesky_in_place, cholesky_in_place_scratch};
use faer::linalg::evd::{ComputeEigenvectors, EvdError, self_adjoint_evd, self_adjoint_evd_scratch};
use faer::linalg::householder::{
    apply_block_householder_sequence_on_the_left_in_place_scratch as apply_scratch,
    apply_block_householder_sequence_on_the_left_in_place_with_conj as apply_in_place,
};
use faer::linalg::qr::no_pivoting::factor::{qr_in_place, qr_in_place_scratch, recommended_block_size};
use faer::linalg::svd::{ComputeSvdVectors, SvdError, svd_scratch};
use faer::{Conj, Mat, MatMut, MatRef, Par};

use super::linalg::Field;
use crate::Context;

/// Elements from which on several threads are faster than one: measured for symmetric eigenvectors and singular values of
/// square matrices of 128² to 2048², f32 and f64, on two threads.
const PARALLEL_MIN: usize = 1024 * 1024;
/// The same for QR, most of whose time goes into panels, one after the other: 1024² takes 34 ms on one thread and 48 on two,
/// 2048² as long on one, two and sixteen.
const PARALLEL_QR_MIN: usize = 2048 * 2048;

/// The threads for a matrix.
pub(super) fn threads(ctx: &Context, rows: usize, columns: usize) -> Par {
    match ctx.threads() {
        threads if threads > 1 && rows * columns >= PARALLEL_MIN => Par::rayon(threads),
        _ => Par::Seq,
    }
}

/// The reduced QR decomposition: orthonormal columns, and the upper triangle with what is right of it.
pub(super) fn qr<T: Field>(ctx: &Context, matrix: MatRef<'_, T>) -> [Mat<T>; 2] {
    let (m, n) = matrix.shape();
    let par = if m * n >= PARALLEL_QR_MIN { threads(ctx, m, n) } else { Par::Seq };
    let k = m.min(n);
    let block = recommended_block_size::<T>(m, n);
    let (mut factors, mut coefficients) = (matrix.to_owned(), Mat::zeros(block, k));
    let mut room = MemBuffer::new(qr_in_place_scratch::<T>(m, n, block, par, Default::default()));
    qr_in_place(factors.as_mut(), coefficients.as_mut(), par, MemStack::new(&mut room), Default::default());
    let mut q = Mat::identity(m, k);
    let mut room = MemBuffer::new(apply_scratch::<T>(m, block, k));
    let basis = factors.submatrix(0, 0, m, k);
    apply_in_place(basis, coefficients.as_ref(), Conj::No, q.as_mut(), par, MemStack::new(&mut room));
    let r = Mat::from_fn(k, n, |i, j| if i <= j { factors[(i, j)] } else { T::ZERO });
    [q, r]
}

/// Puts the lower triangular factor in the place of a symmetric positive definite matrix's lower triangle.
pub(super) fn cholesky<T: Field>(ctx: &Context, matrix: MatMut<'_, T>) -> Result<(), LltError> {
    let n = matrix.nrows();
    let par = threads(ctx, n, n);
    let mut room = MemBuffer::new(cholesky_in_place_scratch::<T>(n, par, Default::default()));
    cholesky_in_place(matrix, Default::default(), par, MemStack::new(&mut room), Default::default())?;
    Ok(())
}

/// Singular values, the largest first, and vectors in columns: `matrix = u diag(s) vᵀ`.
pub(super) struct Svd<T> {
    pub(super) u: Mat<T>,
    pub(super) s: Diag<T>,
    pub(super) v: Mat<T>,
}

/// The singular value decomposition, with square u and v where `full`.
pub(super) fn svd<T: Field>(ctx: &Context, matrix: MatRef<'_, T>, full: bool) -> Result<Svd<T>, SvdError> {
    if let Some((scaled, scale)) = scaled(matrix) {
        let mut found = svd(ctx, scaled.as_ref(), full)?;
        scale_back(&mut found.s, scale);
        return Ok(found);
    }
    let (m, n) = matrix.shape();
    let (k, par) = (m.min(n), threads(ctx, m, n));
    let (left, right) = if full { (m, n) } else { (k, k) };
    let (mut u, mut s, mut v) = (Mat::zeros(m, left), Diag::zeros(k), Mat::zeros(n, right));
    let vectors = if full { ComputeSvdVectors::Full } else { ComputeSvdVectors::Thin };
    let mut room = MemBuffer::new(svd_scratch::<T>(m, n, vectors, vectors, par, Default::default()));
    let (into_u, into_v) = (Some(u.as_mut()), Some(v.as_mut()));
    faer::linalg::svd::svd(matrix, s.as_mut(), into_u, into_v, par, MemStack::new(&mut room), Default::default())?;
    Ok(Svd { u, s, v })
}

/// The matrix times a power of two that brings its largest entry near 1, and what undoes that; `None` where the squares of
/// its entries are numbers of their type as they are.
fn scaled<T: Field>(matrix: MatRef<'_, T>) -> Option<(Mat<T>, f64)> {
    // A quarter of the range of exponents to each side: squares and their sums fit.
    const WIDE: i32 = f64::MAX_EXP / 4;
    const NARROW: i32 = f32::MAX_EXP / 4;
    let reach = if size_of::<T>() == size_of::<f64>() { WIDE } else { NARROW };
    let (m, n) = matrix.shape();
    let size = |i: usize, j: usize| matrix[(i, j)].to_f64().abs();
    let largest = (0..n).flat_map(|j| (0..m).map(move |i| (i, j))).map(|(i, j)| size(i, j)).fold(0.0, f64::max);
    let exponent = largest.log2().round();
    if largest == 0.0 || !largest.is_finite() || exponent.abs() <= f64::from(reach) {
        return None;
    }
    // In two steps, each of which is a number: denormal numbers lie further from 1 than any.
    let half = (exponent / 2.0) as i32;
    let (first, second) = (2f64.powi(-half), 2f64.powi(half - exponent as i32));
    let own = Mat::from_fn(m, n, |i, j| T::from_f64(matrix[(i, j)].to_f64() * first * second));
    Some((own, exponent))
}

fn scale_back<T: Field>(values: &mut Diag<T>, exponent: f64) {
    let half = (exponent / 2.0) as i32;
    let (first, second) = (2f64.powi(half), 2f64.powi(exponent as i32 - half));
    for i in 0..values.dim() {
        values[i] = T::from_f64(values[i].to_f64() * first * second);
    }
}

/// Singular values alone, the largest first.
pub(super) fn singular_values<T: Field>(ctx: &Context, matrix: MatRef<'_, T>) -> Result<Diag<T>, SvdError> {
    if let Some((scaled, scale)) = scaled(matrix) {
        let mut found = singular_values(ctx, scaled.as_ref())?;
        scale_back(&mut found, scale);
        return Ok(found);
    }
    let (m, n) = matrix.shape();
    let par = threads(ctx, m, n);
    let mut s = Diag::zeros(m.min(n));
    let none = ComputeSvdVectors::No;
    let mut room = MemBuffer::new(svd_scratch::<T>(m, n, none, none, par, Default::default()));
    faer::linalg::svd::svd(matrix, s.as_mut(), None, None, par, MemStack::new(&mut room), Default::default())?;
    Ok(s)
}

/// Eigenvalues of a symmetric matrix in ascending order, and orthonormal vectors in columns; only the lower triangle is
/// read.
pub(super) fn self_adjoint<T: Field>(ctx: &Context, matrix: MatRef<'_, T>) -> Result<(Diag<T>, Mat<T>), EvdError> {
    let n = matrix.nrows();
    let par = threads(ctx, n, n);
    let (mut values, mut vectors) = (Diag::zeros(n), Mat::zeros(n, n));
    let yes = ComputeEigenvectors::Yes;
    let mut room = MemBuffer::new(self_adjoint_evd_scratch::<T>(n, yes, par, Default::default()));
    let into = Some(vectors.as_mut());
    self_adjoint_evd(matrix, values.as_mut(), into, par, MemStack::new(&mut room), Default::default())?;
    Ok((values, vectors))
}
