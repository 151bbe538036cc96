//! LU factors with partial pivoting by faer, on as many threads as are worth it, without copies of the factors.
//!
//! A tensor's rows lie together, faer wants columns to. To turn a matrix of 1024² over takes half as long as to factor it,
//! so that systems are solved with the factors of the transpose, whose columns are the rows: as stable, and the same
//! determinant. Driven by `linalg`, which knows tensors.

use faer::dyn_stack::{MemBuffer, MemStack};
use faer::linalg::lu::partial_pivoting::factor::{lu_in_place, lu_in_place_scratch};
use faer::linalg::lu::partial_pivoting::inverse::{inverse, inverse_scratch};
use faer::linalg::lu::partial_pivoting::solve::{
    solve_in_place, solve_in_place_scratch, solve_transpose_in_place, solve_transpose_in_place_scratch,
};
use faer::perm::PermRef;
use faer::{Mat, MatMut, MatRef, Par};

use super::decompose::threads;
use super::linalg::Field;
use crate::Context;

/// Elements from which on several threads factor faster than one: the panels, one after the other, are most of the time of
/// smaller matrices.
const PARALLEL_MIN: usize = 2048 * 2048;

fn has_nan<T: Field>(matrix: &Mat<T>) -> bool {
    (0..matrix.ncols()).any(|j| (0..matrix.nrows()).any(|i| matrix[(i, j)].to_f64().is_nan()))
}

/// The factors of a matrix whose columns lie together: `p a = l u`.
pub(crate) struct Lu<T> {
    /// l below the diagonal, whose own is one, and u from there on.
    factors: Mat<T>,
    /// The row of the matrix that is row i of l u.
    pub(super) rows: Vec<usize>,
    places: Vec<usize>,
    /// Threads for what follows.
    par: Par,
}

impl<T: Field> Lu<T> {
    /// Factors `matrix`.
    pub(crate) fn new(ctx: &Context, mut matrix: Mat<T>) -> Lu<T> {
        let (m, n) = matrix.shape();
        let par = if m * n >= PARALLEL_MIN { threads(ctx, m, n) } else { Par::Seq };
        let given = matrix.clone();
        let (mut rows, mut places) = (vec![0usize; m], vec![0; m]);
        let mut room = MemBuffer::new(lu_in_place_scratch::<usize, T>(m, n, par, Default::default()));
        lu_in_place(matrix.as_mut(), &mut rows, &mut places, par, MemStack::new(&mut room), Default::default());
        // A column without a pivot was divided by its zero.
        if has_nan(&matrix) && !has_nan(&given) {
            return Lu::skipping_zeros(ctx, given);
        }
        Lu { factors: matrix, rows, places, par: threads(ctx, m, n) }
    }

    /// Factors a matrix of which a column may have no pivot: its multipliers are zero.
    fn skipping_zeros(ctx: &Context, mut matrix: Mat<T>) -> Lu<T> {
        let (m, n) = matrix.shape();
        let mut rows: Vec<usize> = (0..m).collect();
        for j in 0..m.min(n) {
            let size = |i: usize| matrix[(i, j)].to_f64().abs();
            let pivot = (j..m).fold(j, |best, i| if size(i) > size(best) { i } else { best });
            if size(pivot) == 0.0 {
                continue;
            }
            rows.swap(j, pivot);
            for column in 0..n {
                let own = matrix[(j, column)];
                matrix[(j, column)] = matrix[(pivot, column)];
                matrix[(pivot, column)] = own;
            }
            for i in j + 1..m {
                let times = matrix[(i, j)].to_f64() / matrix[(j, j)].to_f64();
                matrix[(i, j)] = T::from_f64(times);
                for column in j + 1..n {
                    let left = matrix[(i, column)].to_f64() - times * matrix[(j, column)].to_f64();
                    matrix[(i, column)] = T::from_f64(left);
                }
            }
        }
        let mut places = vec![0; m];
        for (place, &row) in rows.iter().enumerate() {
            places[row] = place;
        }
        Lu { factors: matrix, rows, places, par: threads(ctx, m, n) }
    }

    /// Factors the transpose of a matrix whose rows lie together.
    pub(super) fn of_transpose(ctx: &Context, matrix: MatRef<'_, T>) -> Lu<T> {
        Lu::new(ctx, matrix.transpose().to_owned())
    }

    /// Both factors, one in the other.
    pub(super) fn factors(&self) -> MatRef<'_, T> {
        self.factors.as_ref()
    }

    /// The diagonal of u.
    pub(super) fn pivots(&self) -> impl Iterator<Item = T> + '_ {
        (0..self.factors.nrows().min(self.factors.ncols())).map(|i| self.factors[(i, i)])
    }

    /// 1 where an even number of rows changed places, -1 for an odd one.
    pub(super) fn sign(&self) -> f64 {
        let mut seen = vec![false; self.rows.len()];
        let mut sign = 1.0;
        for start in 0..seen.len() {
            let (mut length, mut k) = (0, start);
            while !seen[k] {
                seen[k] = true;
                k = self.rows[k];
                length += 1;
            }
            if length > 0 && length % 2 == 0 {
                sign = -sign;
            }
        }
        sign
    }

    fn order(&self) -> PermRef<'_, usize> {
        PermRef::new_checked(&self.rows, &self.places, self.rows.len())
    }

    /// Puts the solution x of `a x = b` in the place of b.
    pub(crate) fn solve(&self, b: MatMut<'_, T>) {
        let (n, k) = b.shape();
        let mut room = MemBuffer::new(solve_in_place_scratch::<usize, T>(n, k, self.par));
        let (f, order) = (self.factors(), self.order());
        solve_in_place(f, f, order, b, self.par, MemStack::new(&mut room));
    }

    /// Puts the solution x of `aᵀ x = b` in the place of b.
    pub(crate) fn solve_transpose(&self, b: MatMut<'_, T>) {
        let (n, k) = b.shape();
        let mut room = MemBuffer::new(solve_transpose_in_place_scratch::<usize, T>(n, k, self.par));
        let (f, order) = (self.factors(), self.order());
        solve_transpose_in_place(f, f, order, b, self.par, MemStack::new(&mut room));
    }

    /// Writes the inverse.
    pub(super) fn invert(&self, out: MatMut<'_, T>) {
        let mut room = MemBuffer::new(inverse_scratch::<usize, T>(self.factors.nrows(), self.par));
        let (f, order) = (self.factors(), self.order());
        inverse(out, f, f, order, self.par, MemStack::new(&mut room));
    }
}
