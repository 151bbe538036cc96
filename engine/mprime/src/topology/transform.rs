//! Motions and scalings of space as homogeneous matrices: a point is its coordinates and a 1, and a transform is one matrix
//! with a row and a column more than there are dimensions. (J. Foley et al., "Computer Graphics", 2nd edition, 1990, §5.)

use super::{Error, check_dimension};

/// A row this much smaller than the largest entry of a matrix counts as 0 when it is turned around.
const SINGULAR: f64 = 1e-14;

/// A transform of a space of one to ten dimensions. Angles are radians. Entries are `f64`; what they round is theirs.
#[derive(Debug, Clone, PartialEq)]
pub struct Transform {
    dimension: usize,
    /// Rows of the homogeneous matrix; the last is 0, …, 0, 1.
    rows: Vec<Vec<f64>>,
}

impl Transform {
    /// What leaves every point where it is.
    ///
    /// Errors: no dimensions, more than ten.
    pub fn identity(dimension: usize) -> Result<Self, Error> {
        check_dimension(dimension)?;
        let row = |place: usize| (0..=dimension).map(|at| f64::from(u8::from(at == place))).collect();
        Ok(Transform { dimension, rows: (0..=dimension).map(row).collect() })
    }

    /// Moves every point by a vector.
    ///
    /// Errors: no dimensions, more than ten, a number that is not finite.
    pub fn translation(by: &[f64]) -> Result<Self, Error> {
        let mut transform = Transform::identity(by.len())?;
        check_finite("a coordinate of the translation", by)?;
        for (row, by) in transform.rows.iter_mut().zip(by) {
            row[transform.dimension] = *by;
        }
        Ok(transform)
    }

    /// Multiplies each coordinate by a factor; one of 0 flattens, one below 0 mirrors.
    ///
    /// Errors: no dimensions, more than ten, a number that is not finite.
    pub fn scaling(factors: &[f64]) -> Result<Self, Error> {
        let mut transform = Transform::identity(factors.len())?;
        check_finite("a factor of the scaling", factors)?;
        for (axis, factor) in factors.iter().enumerate() {
            transform.rows[axis][axis] = *factor;
        }
        Ok(transform)
    }

    /// Turns the plane of two axes about the origin, the first axis towards the second for a positive angle in radians.
    ///
    /// Errors: no dimensions, more than ten, an axis that there is not, twice the same axis, an angle that is not finite.
    pub fn rotation(dimension: usize, from: usize, towards: usize, angle: f64) -> Result<Self, Error> {
        let mut transform = Transform::identity(dimension)?;
        for index in [from, towards] {
            if index >= dimension {
                return Err(Error::Unknown { what: "axis", index, count: dimension });
            }
        }
        if from == towards {
            return Err(Error::SameAxis(from));
        }
        check_finite("the angle", &[angle])?;
        let (sine, cosine) = angle.sin_cos();
        transform.rows[from][from] = cosine;
        transform.rows[from][towards] = -sine;
        transform.rows[towards][from] = sine;
        transform.rows[towards][towards] = cosine;
        Ok(transform)
    }

    /// Mirrors at the hyperplane through the origin that is perpendicular to a vector of any length but 0 (A. Householder,
    /// 1958).
    ///
    /// Errors: no dimensions, more than ten, a number that is not finite, a vector of length 0.
    pub fn reflection(normal: &[f64]) -> Result<Self, Error> {
        let mut transform = Transform::identity(normal.len())?;
        check_finite("a coordinate of the normal", normal)?;
        // Brought to size 1 first, so that squares neither overflow nor vanish.
        let largest = normal.iter().fold(0.0f64, |largest, entry| largest.max(entry.abs()));
        if largest == 0.0 {
            return Err(Error::ZeroNormal);
        }
        let normal: Vec<f64> = normal.iter().map(|entry| entry / largest).collect();
        let square: f64 = normal.iter().map(|entry| entry * entry).sum();
        for (row, a) in transform.rows.iter_mut().zip(&normal) {
            for (entry, b) in row.iter_mut().zip(&normal) {
                *entry -= 2.0 * a * b / square;
            }
        }
        Ok(transform)
    }

    /// Dimensions of the space.
    pub fn dimension(&self) -> usize {
        self.dimension
    }

    /// The homogeneous matrix, row by row: one row and column more than dimensions.
    pub fn rows(&self) -> &[Vec<f64>] {
        &self.rows
    }

    /// This transform, and then another.
    ///
    /// Errors: another dimension, entries that are no longer finite.
    pub fn then(&self, next: &Transform) -> Result<Self, Error> {
        self.check_length("the second transform's space", next.dimension)?;
        let column = |at: usize| self.rows.iter().map(move |row| row[at]);
        let row = |row: &Vec<f64>| (0..=self.dimension).map(|at| dot(row.iter().copied(), column(at))).collect();
        let rows: Vec<Vec<f64>> = next.rows.iter().map(row).collect();
        for row in &rows {
            check_finite("an entry of the transform", row)?;
        }
        Ok(Transform { dimension: self.dimension, rows })
    }

    /// Where a point goes: as many coordinates as dimensions.
    ///
    /// Errors: another count of coordinates, coordinates that are not or no longer finite.
    pub fn apply(&self, point: &[f64]) -> Result<Vec<f64>, Error> {
        self.check_length("the point", point.len())?;
        check_finite("a coordinate of the point", point)?;
        let point = || point.iter().copied().chain([1.0]);
        let moved =
            self.rows[..self.dimension].iter().map(|row| dot(row.iter().copied(), point())).collect::<Vec<f64>>();
        check_finite("a coordinate of the point that was moved", &moved)?;
        Ok(moved)
    }

    /// The transform that undoes this one (Gauss and Jordan, with the largest pivot of each column).
    ///
    /// Errors: a transform that flattens space, or nearly so.
    pub fn inverse(&self) -> Result<Self, Error> {
        let size = self.dimension + 1;
        let mut left = self.rows.clone();
        let mut right = Transform::identity(self.dimension)?.rows;
        for column in 0..size {
            // What counts as nothing is measured by the column's own scale.
            let scale = self.rows.iter().fold(0.0f64, |scale, row| scale.max(row[column].abs()));
            let pivot = (column..size).max_by(|a, b| left[*a][column].abs().total_cmp(&left[*b][column].abs()));
            let pivot = pivot.expect("there is a row");
            let value = left[pivot][column];
            if value.abs() <= SINGULAR * scale {
                return Err(Error::Singular);
            }
            left.swap(pivot, column);
            right.swap(pivot, column);
            for row in (0..size).filter(|row| *row != column) {
                let factor = left[row][column] / value;
                subtract(&mut left, row, column, factor);
                subtract(&mut right, row, column, factor);
            }
            right[column].iter_mut().for_each(|entry| *entry /= value);
            left[column].iter_mut().for_each(|entry| *entry /= value);
        }
        for row in &right {
            check_finite("an entry of the inverse", row)?;
        }
        Ok(Transform { dimension: self.dimension, rows: right })
    }

    fn check_length(&self, what: &'static str, found: usize) -> Result<(), Error> {
        if found != self.dimension {
            return Err(Error::Length { what, found, wanted: self.dimension });
        }
        Ok(())
    }
}

fn dot(a: impl Iterator<Item = f64>, b: impl Iterator<Item = f64>) -> f64 {
    a.zip(b).map(|(a, b)| a * b).sum()
}

/// Takes a multiple of a row from another.
fn subtract(rows: &mut [Vec<f64>], from: usize, what: usize, factor: f64) {
    for column in 0..rows[from].len() {
        rows[from][column] -= factor * rows[what][column];
    }
}

fn check_finite(what: &str, values: &[f64]) -> Result<(), Error> {
    match values.iter().find(|value| !value.is_finite()) {
        Some(value) => Err(Error::NotFinite { what: what.to_owned(), value: *value }),
        None => Ok(()),
    }
}
