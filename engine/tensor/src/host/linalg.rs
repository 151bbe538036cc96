//! Decompositions of dense matrices in host memory, by faer (blocked, pivoted Householder and divide-and-conquer
//! algorithms as in LAPACK).
//!
//! Each function takes a stack of matrices and treats them one after the other, a large one on several threads. What faer
//! allocates for itself is admitted by the meter as a multiple of the matrix before it starts.

use faer::diag::Diag;
use faer::traits::RealField;
use faer::{Mat, MatMut, MatRef};

use super::copy::turn;
use super::fourier::wide::Wide;
use super::lu::Lu;
use super::math::Real;
use super::vectors::{Kernel, vectorized};
use super::{HostTensor, condition, decompose};
use crate::element::Element;
use crate::shape::Shape;
use crate::{Context, NumericalProblem, TensorError};

/// A float that faer decomposes.
pub(crate) trait Field: Wide + RealField {}
impl Field for f32 {}
impl Field for f64 {}

/// Matrices as large as the input that faer and the copies around it hold at once, at most.
const WORKSPACE: u64 = 6;

/// A packed stack of matrices.
pub(crate) struct Stack {
    data: HostTensor,
    pub(crate) batch: Shape,
    pub(crate) rows: usize,
    pub(crate) columns: usize,
}

impl Stack {
    /// The last two axes of a float tensor as matrices.
    pub(crate) fn new(ctx: &Context, tensor: &HostTensor) -> Result<Stack, TensorError> {
        let [batch @ .., rows, columns] = tensor.shape.as_slice() else {
            return Err(TensorError::shape(&tensor.shape, "is no matrix: it has fewer than two axes"));
        };
        let (batch, rows, columns) = (Shape::from_slice(batch), *rows, *columns);
        Ok(Stack { data: tensor.packed(ctx)?, batch, rows, columns })
    }

    /// The last two axes of a float tensor as square matrices.
    pub(crate) fn square(ctx: &Context, tensor: &HostTensor) -> Result<Stack, TensorError> {
        let stack = Stack::new(ctx, tensor)?;
        if stack.rows != stack.columns {
            return Err(TensorError::shape(&tensor.shape, "is not square in its last two axes"));
        }
        Ok(stack)
    }

    fn count(&self) -> usize {
        self.batch.iter().product()
    }

    /// The elements of matrix `i`, row by row.
    fn elements<T: Field>(&self, i: usize) -> &[T] {
        let size = self.rows * self.columns;
        &self.data.slice::<T>()[i * size..(i + 1) * size]
    }

    fn matrix<T: Field>(&self, i: usize) -> MatRef<'_, T> {
        MatRef::from_row_major_slice(self.elements(i), self.rows, self.columns)
    }

    /// Refuses NaN and infinities, on which iterations would not end.
    pub(super) fn finite<T: Field>(&self) -> Result<(), TensorError> {
        if vectorized(AreFinite(self.data.slice::<T>())) { Ok(()) } else { Err(NumericalProblem::NotFinite.into()) }
    }

    /// Calls `each` for every matrix, with the workspace admitted and the run asked whether it must stop.
    pub(super) fn for_each<T: Field>(
        &self,
        ctx: &Context,
        mut each: impl FnMut(usize, MatRef<'_, T>) -> Result<(), TensorError>,
    ) -> Result<(), TensorError> {
        let side = self.rows.max(self.columns) as u64;
        let _workspace = ctx.meter().admit(WORKSPACE * side * side * size_of::<T>() as u64)?;
        for i in 0..self.count() {
            ctx.poll()?;
            each(i, self.matrix(i))?;
        }
        Ok(())
    }

    /// A result with one matrix of `rows` × `columns` for each of the stack's.
    pub(super) fn results<T: Field>(&self, ctx: &Context, tail: &[usize]) -> Result<HostTensor, TensorError> {
        let mut shape = self.batch.clone();
        shape.extend(tail.iter().copied());
        HostTensor::zeros(ctx, T::DTYPE, &shape)
    }
}

/// Whether there is neither NaN nor an infinity.
struct AreFinite<'a, T>(&'a [T]);

impl<T: Field> Kernel for AreFinite<'_, T> {
    type Output = bool;

    #[inline(always)]
    fn run(self) -> bool {
        // Piece by piece: a loop that may end at each element is none of vectors.
        self.0.chunks(1024).all(|piece| piece.iter().fold(true, |all, x| all & (Real::abs(*x) < T::INFINITY)))
    }
}

/// Part `i` of a result, of `size` elements, to be written.
pub(super) fn part<T: Field>(result: &mut HostTensor, i: usize, size: usize) -> &mut [T] {
    let values = result.as_mut_slice::<T>().expect("a fresh result is packed and its own");
    &mut values[i * size..(i + 1) * size]
}

/// Writes a matrix row by row.
pub(super) fn write<T: Field>(out: &mut [T], matrix: MatRef<'_, T>) {
    let columns = matrix.ncols();
    if let Some(matrix) = matrix.try_as_col_major() {
        return turn(|j| matrix.col(j).as_slice(), columns, out);
    }
    let rows = matrix.transpose();
    for (i, row) in out.chunks_exact_mut(columns.max(1)).enumerate() {
        match rows.try_as_col_major() {
            Some(rows) => row.copy_from_slice(rows.col(i).as_slice()),
            None => row.iter_mut().enumerate().for_each(|(j, value)| *value = matrix[(i, j)]),
        }
    }
}

/// Writes the elements of a diagonal.
pub(super) fn write_diagonal<T: Field>(out: &mut [T], diagonal: &Diag<T>) {
    for (i, value) in out.iter_mut().enumerate() {
        *value = diagonal.column_vector()[i];
    }
}

/// The factors of a matrix's transpose, refused where a pivot is exactly zero.
fn factor<T: Field>(ctx: &Context, matrix: MatRef<'_, T>) -> Result<Lu<T>, TensorError> {
    let lu = Lu::of_transpose(ctx, matrix);
    if lu.pivots().any(|pivot| pivot == T::ZERO) {
        return Err(NumericalProblem::Singular.into());
    }
    Ok(lu)
}

/// Solves `a x = b`; the batches are equal.
pub(crate) fn solve<T: Field>(ctx: &Context, a: &Stack, b: &Stack) -> Result<HostTensor, TensorError> {
    let (n, k) = (b.rows, b.columns);
    let mut x = b.results::<T>(ctx, &[n, k])?;
    a.for_each(ctx, |i, matrix| {
        let lu = factor::<T>(ctx, matrix)?;
        condition::check(ctx, "linalg.solve", a.elements(i), &lu);
        let x = part(&mut x, i, n * k);
        x.copy_from_slice(b.elements(i));
        lu.solve_transpose(MatMut::from_row_major_slice_mut(x, n, k));
        Ok(())
    })?;
    Ok(x)
}

/// Inverses.
pub(crate) fn inverse<T: Field>(ctx: &Context, a: &Stack) -> Result<HostTensor, TensorError> {
    let n = a.rows;
    let mut out = a.results::<T>(ctx, &[n, n])?;
    a.for_each(ctx, |i, matrix| {
        let lu = factor::<T>(ctx, matrix)?;
        condition::check(ctx, "linalg.inv", a.elements(i), &lu);
        // Of the transpose, whose columns are rows here.
        lu.invert(MatMut::from_column_major_slice_mut(part(&mut out, i, n * n), n, n));
        Ok(())
    })?;
    Ok(out)
}

/// Signs and logarithms of the absolute values of the determinants; (0, -infinity) for singular matrices.
pub(crate) fn log_determinant<T: Field>(ctx: &Context, a: &Stack) -> Result<(HostTensor, HostTensor), TensorError> {
    let mut signs = a.results::<T>(ctx, &[])?;
    let mut logs = a.results::<T>(ctx, &[])?;
    a.for_each(ctx, |i, matrix: MatRef<'_, T>| {
        let lu = Lu::of_transpose(ctx, matrix);
        let mut sign = lu.sign();
        let mut log = 0.0;
        for pivot in lu.pivots().map(Element::to_f64) {
            sign *= if pivot == 0.0 { 0.0 } else { 1f64.copysign(pivot) };
            log += pivot.abs().ln();
        }
        part::<T>(&mut signs, i, 1)[0] = T::from_f64(sign);
        part::<T>(&mut logs, i, 1)[0] = T::from_f64(log);
        Ok(())
    })?;
    Ok((signs, logs))
}

/// Determinants.
pub(crate) fn determinant<T: Field>(ctx: &Context, a: &Stack) -> Result<HostTensor, TensorError> {
    let mut out = a.results::<T>(ctx, &[])?;
    a.for_each(ctx, |i, matrix: MatRef<'_, T>| {
        let lu = Lu::of_transpose(ctx, matrix);
        let product: f64 = lu.pivots().map(Element::to_f64).product();
        part::<T>(&mut out, i, 1)[0] = T::from_f64(lu.sign() * product);
        Ok(())
    })?;
    Ok(out)
}

/// `a = p l u` with p a permutation, l unit lower and u upper triangular.
pub(crate) fn lu<T: Field>(ctx: &Context, a: &Stack) -> Result<[HostTensor; 3], TensorError> {
    let (m, n) = (a.rows, a.columns);
    let k = m.min(n);
    let (mut p, mut l, mut u) =
        (a.results::<T>(ctx, &[m, m])?, a.results::<T>(ctx, &[m, k])?, a.results::<T>(ctx, &[k, n])?);
    a.for_each(ctx, |i, matrix: MatRef<'_, T>| {
        let lu = Lu::new(ctx, matrix.to_owned());
        let permutation = part::<T>(&mut p, i, m * m);
        for (row, &from) in lu.rows.iter().enumerate() {
            permutation[from * m + row] = T::ONE;
        }
        let factors = lu.factors();
        write(part(&mut l, i, m * k), factors.submatrix(0, 0, m, k));
        for (row, values) in part::<T>(&mut l, i, m * k).chunks_exact_mut(k.max(1)).enumerate() {
            if let Some((one, above)) = values.get_mut(row..).and_then(<[T]>::split_first_mut) {
                *one = T::ONE;
                above.fill(T::ZERO);
            }
        }
        write(part(&mut u, i, k * n), factors.submatrix(0, 0, k, n));
        for (row, values) in part::<T>(&mut u, i, k * n).chunks_exact_mut(n.max(1)).enumerate() {
            values[..row.min(n)].fill(T::ZERO);
        }
        Ok(())
    })?;
    Ok([p, l, u])
}

/// `a = q r` with orthonormal columns in q and r upper triangular (the reduced form).
pub(crate) fn qr<T: Field>(ctx: &Context, a: &Stack) -> Result<[HostTensor; 2], TensorError> {
    let (m, n) = (a.rows, a.columns);
    let k = m.min(n);
    let (mut q, mut r) = (a.results::<T>(ctx, &[m, k])?, a.results::<T>(ctx, &[k, n])?);
    a.finite::<T>()?;
    a.for_each(ctx, |i, matrix: MatRef<'_, T>| {
        let [one_q, one_r] = decompose::qr(ctx, matrix);
        write(part(&mut q, i, m * k), one_q.as_ref());
        write(part(&mut r, i, k * n), one_r.as_ref());
        Ok(())
    })?;
    Ok([q, r])
}

/// The lower triangular factor of symmetric positive definite matrices; only lower triangles are read.
pub(crate) fn cholesky<T: Field>(ctx: &Context, a: &Stack) -> Result<HostTensor, TensorError> {
    let n = a.rows;
    let mut l = a.results::<T>(ctx, &[n, n])?;
    a.finite::<T>()?;
    a.for_each(ctx, |i, _: MatRef<'_, T>| {
        // In place: only the lower triangle is read and written.
        let l = part::<T>(&mut l, i, n * n);
        for (row, (to, from)) in l.chunks_exact_mut(n.max(1)).zip(a.elements::<T>(i).chunks_exact(n.max(1))).enumerate()
        {
            to[..=row].copy_from_slice(&from[..=row]);
        }
        decompose::cholesky(ctx, MatMut::from_row_major_slice_mut(l, n, n))
            .map_err(|_| NumericalProblem::NotPositiveDefinite.into())
    })?;
    Ok(l)
}

/// Singular values, largest first, and vectors: `a = u diag(s) vt`.
pub(crate) struct Singular {
    pub(crate) u: HostTensor,
    pub(crate) s: HostTensor,
    pub(crate) vt: HostTensor,
}

/// The singular value decomposition, with square u and vt where `full`.
pub(crate) fn svd<T: Field>(ctx: &Context, a: &Stack, full: bool) -> Result<Singular, TensorError> {
    let (m, n) = (a.rows, a.columns);
    let k = m.min(n);
    let (left, right) = if full { (m, n) } else { (k, k) };
    let mut u = a.results::<T>(ctx, &[m, left])?;
    let mut s = a.results::<T>(ctx, &[k])?;
    let mut vt = a.results::<T>(ctx, &[right, n])?;
    a.finite::<T>()?;
    a.for_each(ctx, |i, matrix: MatRef<'_, T>| {
        let svd = decompose::svd(ctx, matrix, full).map_err(|_| NumericalProblem::NoConvergence)?;
        write(part(&mut u, i, m * left), svd.u.as_ref());
        write(part(&mut vt, i, right * n), svd.v.transpose());
        write_diagonal(part(&mut s, i, k), &svd.s);
        Ok(())
    })?;
    Ok(Singular { u, s, vt })
}

/// Singular values alone, largest first, in half the time.
pub(crate) fn singular_values<T: Field>(ctx: &Context, a: &Stack) -> Result<HostTensor, TensorError> {
    let k = a.rows.min(a.columns);
    let mut s = a.results::<T>(ctx, &[k])?;
    a.finite::<T>()?;
    a.for_each(ctx, |i, matrix: MatRef<'_, T>| {
        let values = decompose::singular_values(ctx, matrix).map_err(|_| NumericalProblem::NoConvergence)?;
        write_diagonal(part(&mut s, i, k), &values);
        Ok(())
    })?;
    Ok(s)
}

/// Eigenvalues of symmetric matrices in ascending order, and orthonormal vectors in columns; only lower triangles are
/// read.
pub(crate) fn eigh<T: Field>(ctx: &Context, a: &Stack) -> Result<[HostTensor; 2], TensorError> {
    let n = a.rows;
    let (mut values, mut vectors) = (a.results::<T>(ctx, &[n])?, a.results::<T>(ctx, &[n, n])?);
    a.finite::<T>()?;
    a.for_each(ctx, |i, matrix: MatRef<'_, T>| {
        let found = decompose::self_adjoint(ctx, matrix).map_err(|_| NumericalProblem::NoConvergence)?;
        write_diagonal(part(&mut values, i, n), &found.0);
        write(part(&mut vectors, i, n * n), found.1.as_ref());
        Ok(())
    })?;
    Ok([values, vectors])
}

/// Singular values at most this times the largest are noise: the larger side times the precision.
pub(crate) fn noise<T: Field>(rows: usize, columns: usize) -> f64 {
    let epsilon = if size_of::<T>() == 8 { f64::EPSILON } else { f64::from(f32::EPSILON) };
    epsilon * rows.max(columns) as f64
}

/// The pseudoinverse by Moore and Penrose: small singular values count as zero.
pub(crate) fn pseudoinverse<T: Field>(
    ctx: &Context,
    a: &Stack,
    cutoff: Option<f64>,
) -> Result<HostTensor, TensorError> {
    let (m, n) = (a.rows, a.columns);
    let mut out = a.results::<T>(ctx, &[n, m])?;
    a.finite::<T>()?;
    a.for_each(ctx, |i, matrix: MatRef<'_, T>| {
        let svd = decompose::svd(ctx, matrix, false).map_err(|_| NumericalProblem::NoConvergence)?;
        let inverse = filtered_inverse(&svd, cutoff.unwrap_or(noise::<T>(m, n)));
        write(part(&mut out, i, n * m), (inverse * svd.u.transpose()).as_ref());
        Ok(())
    })?;
    Ok(out)
}

/// `v diag(1/s)`, with zeros for the singular values that are noise.
fn filtered_inverse<T: Field>(svd: &decompose::Svd<T>, cutoff: f64) -> Mat<T> {
    let s = svd.s.column_vector();
    let least = if s.nrows() == 0 { 0.0 } else { s[0].to_f64() * cutoff };
    Mat::from_fn(svd.v.nrows(), s.nrows(), |i, j| if s[j].to_f64() > least { svd.v[(i, j)] / s[j] } else { T::ZERO })
}

/// A least-squares solution, and what NumPy gives beside it.
pub(crate) struct LeastSquares {
    pub(crate) x: HostTensor,
    /// Sums of squared residuals, one for each column of b; empty where the solution is not unique.
    pub(crate) residuals: HostTensor,
    pub(crate) rank: usize,
    pub(crate) s: HostTensor,
}

/// The x of least norm that minimises |a x - b|, for one matrix a and one matrix b.
pub(crate) fn least_squares<T: Field>(
    ctx: &Context,
    a: &Stack,
    b: &Stack,
    cutoff: Option<f64>,
) -> Result<LeastSquares, TensorError> {
    let (m, n, k) = (a.rows, a.columns, b.columns);
    a.finite::<T>()?;
    let mut x = HostTensor::zeros(ctx, T::DTYPE, &[n, k])?;
    let mut s = HostTensor::zeros(ctx, T::DTYPE, &[m.min(n)])?;
    let mut residuals = HostTensor::zeros(ctx, T::DTYPE, &[0])?;
    let mut rank = 0;
    a.for_each(ctx, |_, matrix: MatRef<'_, T>| {
        let svd = decompose::svd(ctx, matrix, false).map_err(|_| NumericalProblem::NoConvergence)?;
        let cutoff = cutoff.unwrap_or(noise::<T>(m, n));
        let values = svd.s.column_vector();
        let least = if values.nrows() == 0 { 0.0 } else { values[0].to_f64() * cutoff };
        rank = (0..values.nrows()).filter(|&j| values[j].to_f64() > least).count();
        write_diagonal(part(&mut s, 0, m.min(n)), &svd.s);
        let right = b.matrix::<T>(0);
        let solution = filtered_inverse(&svd, cutoff) * (svd.u.transpose() * right);
        write(part(&mut x, 0, n * k), solution.as_ref());
        if rank == n && m > n {
            let rest = matrix * &solution - right;
            let squares = (0..k).map(|j| T::from_f64((0..m).map(|i| rest[(i, j)].to_f64().powi(2)).sum()));
            residuals = HostTensor::from_slice(ctx, &[k], &squares.collect::<Vec<T>>())?;
        }
        Ok(())
    })?;
    Ok(LeastSquares { x, residuals, rank, s })
}
