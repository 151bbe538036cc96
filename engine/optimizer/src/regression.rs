//! Bayesian linear regression with known noise (Bishop, Pattern Recognition and Machine Learning, section 3.3): what a
//! family of strategies does to work of some features, on one class of hardware.

use crate::kinship::REGRESSORS;

/// Spread that the weights of features are expected to have; the constant's is larger.
const WEIGHT_SPREAD: f64 = 0.3;
const CONSTANT_SPREAD: f64 = 0.7;
/// Spread of pieces of work with the same features about their mean.
const WORK_SPREAD: f64 = 0.8;

type Row = [f64; REGRESSORS];

/// A posterior over the weights, kept as sums over the rows so that a row can be taken out again.
#[derive(Debug, Clone, PartialEq)]
pub struct Regression {
    /// Precision of the weights: prior plus sum of outer products.
    precision: [Row; REGRESSORS],
    /// Sum of rows times their values.
    moment: Row,
    /// Inverse of the precision, and the mean of the weights; made by [`Regression::settle`].
    covariance: [Row; REGRESSORS],
    mean: Row,
}

impl Default for Regression {
    fn default() -> Self {
        let mut precision = [[0.0; REGRESSORS]; REGRESSORS];
        let mut covariance = precision;
        for at in 0..REGRESSORS {
            let spread: f64 = if at == 0 { CONSTANT_SPREAD } else { WEIGHT_SPREAD };
            precision[at][at] = spread.powi(-2);
            covariance[at][at] = spread.powi(2);
        }
        Regression { precision, moment: [0.0; REGRESSORS], covariance, mean: [0.0; REGRESSORS] }
    }
}

impl Regression {
    /// Adds a row with its value; [`Regression::settle`] makes it count.
    pub(crate) fn add(&mut self, row: &Row, value: f64) {
        self.change(row, 1.0);
        self.correct(row, value);
    }

    /// Takes out a row that was added with this value.
    pub(crate) fn remove(&mut self, row: &Row, value: f64) {
        self.change(row, -1.0);
        self.correct(row, -value);
    }

    /// Changes the value of a row that was added by `difference`.
    pub(crate) fn correct(&mut self, row: &Row, difference: f64) {
        for (moment, x) in self.moment.iter_mut().zip(row) {
            *moment += x * difference / (WORK_SPREAD * WORK_SPREAD);
        }
    }

    fn change(&mut self, row: &Row, sign: f64) {
        for (line, x) in self.precision.iter_mut().zip(row) {
            for (cell, y) in line.iter_mut().zip(row) {
                *cell += sign * x * y / (WORK_SPREAD * WORK_SPREAD);
            }
        }
    }

    /// Works out the posterior: a Cholesky factorisation of the precision, which is positive by its prior.
    pub(crate) fn settle(&mut self) {
        let mut factor = [[0.0; REGRESSORS]; REGRESSORS];
        for i in 0..REGRESSORS {
            for j in 0..=i {
                let dot: f64 = (0..j).map(|k| factor[i][k] * factor[j][k]).sum();
                let rest = self.precision[i][j] - dot;
                // The prior alone keeps the pivots above one; less is rounding after very many rows.
                factor[i][j] = if i == j { rest.max(1e-9).sqrt() } else { rest / factor[j][j] };
            }
        }
        for column in 0..REGRESSORS {
            let mut unit = [0.0; REGRESSORS];
            unit[column] = 1.0;
            let solved = solve(&factor, unit);
            for (line, value) in self.covariance.iter_mut().zip(solved) {
                line[column] = value;
            }
        }
        self.mean = solve(&factor, self.moment);
    }

    /// Mean and variance of the value of a row, without the spread of single pieces of work.
    pub(crate) fn predict(&self, row: &Row) -> (f64, f64) {
        let mean = row.iter().zip(&self.mean).map(|(x, w)| x * w).sum();
        let spread = |line: &Row| line.iter().zip(row).map(|(c, x)| c * x).sum::<f64>();
        let variance: f64 = self.covariance.iter().zip(row).map(|(line, x)| x * spread(line)).sum();
        (mean, variance.max(0.0))
    }
}

/// Solves for the lower factor and its transpose.
fn solve(factor: &[Row; REGRESSORS], mut right: Row) -> Row {
    for i in 0..REGRESSORS {
        let dot: f64 = (0..i).map(|k| factor[i][k] * right[k]).sum();
        right[i] = (right[i] - dot) / factor[i][i];
    }
    for i in (0..REGRESSORS).rev() {
        let dot: f64 = (i + 1..REGRESSORS).map(|k| factor[k][i] * right[k]).sum();
        right[i] = (right[i] - dot) / factor[i][i];
    }
    right
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(seed: u32) -> Row {
        let mut row = [1.0; REGRESSORS];
        for (at, cell) in row.iter_mut().enumerate().skip(1) {
            *cell = f64::from((seed.wrapping_mul(2_654_435_761) >> at) & 255) / 128.0 - 1.0;
        }
        row
    }

    #[test]
    fn many_rows_teach_their_plane() {
        let mut regression = Regression::default();
        for seed in 0..400 {
            let row = row(seed);
            regression.add(&row, 0.5 + 0.2 * row[2] - 0.1 * row[7]);
        }
        regression.settle();
        let probe = row(1234);
        let (mean, variance) = regression.predict(&probe);
        assert!((mean - (0.5 + 0.2 * probe[2] - 0.1 * probe[7])).abs() < 0.02, "{mean}");
        assert!(variance < 0.1, "{variance}");
    }

    #[test]
    fn a_row_taken_out_leaves_nothing() {
        let mut regression = Regression::default();
        regression.add(&row(3), 0.7);
        regression.remove(&row(3), 0.7);
        regression.settle();
        let (mean, variance) = regression.predict(&row(3));
        let mut fresh = Regression::default();
        fresh.settle();
        let (_, expected) = fresh.predict(&row(3));
        assert!(mean.abs() < 1e-9 && (variance - expected).abs() < 1e-9);
    }
}
