//! Small dense systems of equations: factors that solve for several right-hand sides. Not for large matrices: the tensor
//! engine has those.

/// A square matrix as a product of triangular factors, by elimination with partial pivoting.
#[derive(Debug, Clone)]
pub(crate) struct Lu {
    n: usize,
    factors: Vec<f64>,
    /// The row that was exchanged with each row, in order.
    pivots: Vec<usize>,
}

impl Lu {
    /// The factors of a matrix of `n` rows, given row by row; `None` where it is singular or not finite.
    pub(crate) fn new(mut a: Vec<f64>, n: usize) -> Option<Lu> {
        if a.len() != n * n {
            return None;
        }
        let mut pivots = Vec::with_capacity(n);
        for k in 0..n {
            let pivot = (k..n).max_by(|&i, &j| a[i * n + k].abs().total_cmp(&a[j * n + k].abs()))?;
            if a[pivot * n + k] == 0.0 || !a[pivot * n + k].is_finite() {
                return None;
            }
            pivots.push(pivot);
            if pivot != k {
                for j in 0..n {
                    a.swap(k * n + j, pivot * n + j);
                }
            }
            for i in k + 1..n {
                let factor = a[i * n + k] / a[k * n + k];
                a[i * n + k] = factor;
                for j in k + 1..n {
                    a[i * n + j] -= factor * a[k * n + j];
                }
            }
        }
        Some(Lu { n, factors: a, pivots })
    }

    /// The x with `a x = b`.
    pub(crate) fn solve(&self, mut b: Vec<f64>) -> Vec<f64> {
        let n = self.n;
        for (k, &pivot) in self.pivots.iter().enumerate() {
            b.swap(k, pivot);
        }
        for i in 0..n {
            let done: f64 = (0..i).map(|j| self.factors[i * n + j] * b[j]).sum();
            b[i] -= done;
        }
        for i in (0..n).rev() {
            let done: f64 = (i + 1..n).map(|j| self.factors[i * n + j] * b[j]).sum();
            b[i] = (b[i] - done) / self.factors[i * n + i];
        }
        b
    }
}
