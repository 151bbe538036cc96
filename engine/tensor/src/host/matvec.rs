//! Products of a matrix with one vector: as fast as the matrix can be read, which is once.
//!
//! General products copy panels of their operands into caches first, to use each element many times; here each is used
//! once. Sums run in lanes that are joined in pairs, whatever the number of threads.

use pulp::{Simd, WithSimd};

use super::fourier::wide::Wide;
use super::linalg::Field;
use super::math::Real;
use super::parallel::fill_parts;
use super::vectors::{Kernel, vectorized, with_vectors};
use crate::{Context, TensorError};

/// Elements that a thread reads between two questions whether the run must stop.
const PART: usize = 64 << 10;
/// Elements of a matrix from which on a second thread pays for its wake-up.
const PARALLEL_MIN: usize = 128 << 10;
/// Bytes of the sums side by side: eight vectors of 256 bits, enough to keep the memory busy, and as many on every processor.
const SUM_BYTES: usize = 256;
/// The most sums side by side, of the smallest dtype.
const LANES_MAX: usize = SUM_BYTES / 4;
/// Columns that are added up before the sum is stored.
const COLUMNS: usize = 4;
/// Elements of a result that stay in the first-level cache while columns are added to them.
const STRIP: usize = 2048;

/// A matrix in a slice that starts with its first element.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lines<'a, T> {
    pub(super) data: &'a [T],
    /// Elements from one line to the next.
    pub(super) stride: usize,
    /// Whether the lines are rows, else they are columns.
    pub(super) are_rows: bool,
}

/// `out = matrix @ x`, of a matrix of `out.len()` rows and `x.len()` columns.
pub(super) fn product<T: Field>(
    ctx: &Context,
    matrix: Lines<'_, T>,
    x: &[T],
    out: &mut [T],
) -> Result<(), TensorError> {
    let columns = x.len();
    let is_large = out.len().saturating_mul(columns) >= PARALLEL_MIN;
    if matrix.are_rows {
        let part = (PART / columns.max(1)).max(1);
        return fill_parts(ctx, out, part, is_large, |first, out| {
            with_vectors(Rows { matrix: &matrix.data[first * matrix.stride..], stride: matrix.stride, x, out });
        });
    }
    // A strip of all columns; strips of one page or more, which the memory reads ahead.
    let part = (out.len() / (4 * ctx.threads())).next_multiple_of(STRIP / 2).max(STRIP / 2);
    fill_parts(ctx, out, part, is_large, |first, out| {
        for (i, strip) in out.chunks_mut(STRIP).enumerate() {
            let start = first + i * STRIP;
            vectorized(Columns { matrix: &matrix.data[start..], stride: matrix.stride, x, out: strip });
        }
    })
}

/// Rows that lie together: a sum of products for each.
struct Rows<'a, T> {
    matrix: &'a [T],
    stride: usize,
    x: &'a [T],
    out: &'a mut [T],
}

impl<T: Wide> WithSimd for Rows<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        for (i, out) in self.out.iter_mut().enumerate() {
            *out = sum_of_products(simd, &self.matrix[i * self.stride..][..self.x.len()], self.x);
        }
    }
}

/// The sum of products of a row with a vector. Written in vectors: of a loop over arrays the compiler makes one that takes
/// half as long again.
#[inline(always)]
fn sum_of_products<T: Wide, S: Simd>(simd: S, row: &[T], x: &[T]) -> T {
    let width = size_of::<T::Vector<S>>() / size_of::<T>();
    let (lanes_count, abreast) = (SUM_BYTES / size_of::<T>(), SUM_BYTES / size_of::<T::Vector<S>>());
    let (row_vectors, x_vectors) = (T::vectors::<S>(row), T::vectors::<S>(x));
    let mut sums = [T::splat(simd, T::ZERO); LANES_MAX];
    let whole = row_vectors.len() / abreast * abreast;
    for (a, x) in row_vectors[..whole].chunks_exact(abreast).zip(x_vectors[..whole].chunks_exact(abreast)) {
        for k in 0..abreast {
            sums[k] = T::fused(simd, a[k], x[k], sums[k]);
        }
    }
    let mut lanes = [T::ZERO; LANES_MAX];
    for (lane, sum) in T::vectors_mut::<S>(&mut lanes).iter_mut().zip(&sums[..abreast]) {
        *lane = *sum;
    }
    let rest = whole * width;
    for (lane, (&a, &x)) in lanes.iter_mut().zip(row[rest..].iter().zip(&x[rest..])) {
        *lane = a.mul_add(x, *lane);
    }
    let mut half = lanes_count / 2;
    while half > 0 {
        for k in 0..half {
            lanes[k] += lanes[k + half];
        }
        half /= 2;
    }
    lanes[0]
}

/// Columns that lie together: each is added to the result, times an element of the vector.
struct Columns<'a, T> {
    matrix: &'a [T],
    stride: usize,
    x: &'a [T],
    out: &'a mut [T],
}

impl<T: Real> Kernel for Columns<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let rows = self.out.len();
        self.out.fill(T::ZERO);
        let column = |j: usize| &self.matrix[j * self.stride..][..rows];
        let (groups, rest) = self.x.as_chunks::<COLUMNS>();
        for (g, &[p, q, r, s]) in groups.iter().enumerate() {
            let [a, b, c, d] = [0, 1, 2, 3].map(|j| column(g * COLUMNS + j));
            for i in 0..rows {
                let (low, high) = (a[i].mul_add(p, b[i] * q), c[i].mul_add(r, d[i] * s));
                self.out[i] += low + high;
            }
        }
        for (j, &x) in rest.iter().enumerate() {
            for (out, &a) in self.out.iter_mut().zip(column(groups.len() * COLUMNS + j)) {
                *out = a.mul_add(x, *out);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Device;

    fn number(i: usize) -> f32 {
        ((i * 7919 + 13) % 1009) as f32 / 250.0 - 2.0
    }

    /// Sums of products in f64, of a matrix with gaps between its lines.
    #[test]
    fn products_are_sums_of_products() {
        let ctx = Context::new(Device::cpu());
        for (rows, columns) in
            [(1, 1), (3, 64), (130, 1), (2, 200), (65, 63), (700, 129), (5, 4100), (4100, 5), (600, 600)]
        {
            let x: Vec<f32> = (0..columns).map(|i| number(i * 3)).collect();
            for are_rows in [true, false] {
                let stride = if are_rows { columns } else { rows } + 3;
                let data: Vec<f32> = (0..stride * rows.max(columns)).map(number).collect();
                let matrix = Lines { data: &data, stride, are_rows };
                let mut out = vec![f32::NAN; rows];
                product(&ctx, matrix, &x, &mut out).unwrap();
                for (i, &value) in out.iter().enumerate() {
                    let at = |j: usize| data[if are_rows { i * stride + j } else { j * stride + i }];
                    let terms = (0..columns).map(|j| f64::from(at(j)) * f64::from(x[j]));
                    let (sum, size) = terms.fold((0.0, 0.0), |(sum, size), term| (sum + term, size + term.abs()));
                    assert!((f64::from(value) - sum).abs() <= 1e-6 * size, "{rows} × {columns}, rows {are_rows}: {i}");
                }
                let mut alone = vec![f32::NAN; rows];
                product(&Context::new(Device::cpu()).with_threads(1), matrix, &x, &mut alone).unwrap();
                assert_eq!(out, alone, "one thread and all");
            }
        }
    }
}
