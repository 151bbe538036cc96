//! Smith's normal form of a sparse matrix of whole numbers: what is left of it on the diagonal when rows and columns are
//! added to each other.

use std::collections::{BTreeMap, BTreeSet};

use dashu_int::ops::{Abs, Gcd};
use dashu_int::{IBig, UBig};

/// A row: its entries other than 0 by column.
pub(super) type Row = BTreeMap<usize, IBig>;

/// The entries of the normal form other than 0, each a divisor of the next; as many as the rank.
///
/// Boundary matrices have entries 1 and -1 first. A pivot of those divides everything, so it is taken as long as there is
/// one; what is left is small. (J.-G. Dumas et al., "Computing simplicial homology based on
/// efficient Smith normal form algorithms", 2003.)
pub(super) fn invariant_factors(rows: Vec<Row>) -> Vec<UBig> {
    let mut matrix = Matrix::new(rows);
    let mut diagonal = Vec::new();
    // Units first, row after row: looking for the best of all entries each time would take longer than the steps.
    loop {
        let before = diagonal.len();
        for row in 0..matrix.rows.len() {
            if let Some(column) = matrix.unit(row) {
                diagonal.push(matrix.take(row, column));
            }
        }
        if diagonal.len() == before {
            break;
        }
    }
    while let Some((row, column)) = matrix.pivot() {
        diagonal.push(matrix.take(row, column));
    }
    chained(diagonal)
}

/// A matrix by rows, with the rows that have an entry in each column.
struct Matrix {
    rows: Vec<Row>,
    columns: BTreeMap<usize, BTreeSet<usize>>,
}

impl Matrix {
    fn new(rows: Vec<Row>) -> Self {
        let mut columns: BTreeMap<usize, BTreeSet<usize>> = BTreeMap::new();
        for (index, row) in rows.iter().enumerate() {
            row.keys().for_each(|column| {
                columns.entry(*column).or_default().insert(index);
            });
        }
        Matrix { rows, columns }
    }

    /// The column of an entry 1 or -1 of a row, the one that the fewest rows share.
    fn unit(&self, row: usize) -> Option<usize> {
        let units = self.rows[row].iter().filter(|(_, value)| value.is_one() || **value == IBig::NEG_ONE);
        units.map(|(column, _)| *column).min_by_key(|column| self.columns[column].len())
    }

    /// Makes an entry a pivot and takes it out: what it is in the end, without sign.
    fn take(&mut self, row: usize, column: usize) -> UBig {
        self.clear(row, column);
        let value = self.rows[row].remove(&column).expect("a pivot is not 0");
        debug_assert!(self.rows[row].is_empty(), "the pivot was alone");
        self.columns.remove(&column);
        value.into_parts().1
    }

    /// The entry to go on with: of the smallest size, and among those in the shortest row and column.
    fn pivot(&self) -> Option<(usize, usize)> {
        let entries = self.rows.iter().enumerate().flat_map(|(row, entries)| {
            let shortest = entries.iter().map(move |(column, value)| {
                let fill = (entries.len() - 1) * (self.columns[column].len() - 1);
                (value.clone().abs(), fill, row, *column)
            });
            shortest.min()
        });
        entries.min().map(|(_, _, row, column)| (row, column))
    }

    /// Makes a pivot the only entry of its row and column; it may become smaller on the way.
    fn clear(&mut self, pivot_row: usize, pivot_column: usize) {
        loop {
            let others: Vec<usize> =
                self.columns[&pivot_column].iter().copied().filter(|row| *row != pivot_row).collect();
            for row in others {
                self.reduce_row(pivot_row, pivot_column, row);
            }
            // With its column clear, adding the pivot's column to others changes the pivot's row only.
            let value = self.rows[pivot_row][&pivot_column].clone();
            let mut smallest: Option<(UBig, usize)> = None;
            let columns: Vec<usize> = self.rows[pivot_row].keys().copied().filter(|at| *at != pivot_column).collect();
            for column in columns {
                let rest = &self.rows[pivot_row][&column] % &value;
                let size = rest.clone().into_parts().1;
                self.set(pivot_row, column, rest);
                if !size.is_zero() && smallest.as_ref().is_none_or(|(least, _)| size < *least) {
                    smallest = Some((size, column));
                }
            }
            let Some((_, column)) = smallest else { return };
            self.swap_columns(pivot_column, column);
        }
    }

    /// Takes multiples of the pivot's row from another, and of that from the pivot's, until the other has 0 in the column.
    fn reduce_row(&mut self, pivot_row: usize, column: usize, row: usize) {
        while let Some(entry) = self.rows[row].get(&column) {
            let quotient = entry / &self.rows[pivot_row][&column];
            let pivot: Vec<(usize, IBig)> =
                self.rows[pivot_row].iter().map(|(at, value)| (*at, value.clone())).collect();
            for (at, value) in pivot {
                let before = self.rows[row].get(&at).cloned().unwrap_or(IBig::ZERO);
                self.set(row, at, before - &quotient * value);
            }
            if self.rows[row].contains_key(&column) {
                self.swap_rows(pivot_row, row);
            }
        }
    }

    fn set(&mut self, row: usize, column: usize, value: IBig) {
        let rows = self.columns.entry(column).or_default();
        if value.is_zero() {
            self.rows[row].remove(&column);
            rows.remove(&row);
        } else {
            self.rows[row].insert(column, value);
            rows.insert(row);
        }
    }

    fn swap_rows(&mut self, a: usize, b: usize) {
        for row in [a, b] {
            for column in self.rows[row].keys() {
                self.columns.entry(*column).or_default().remove(&row);
            }
        }
        self.rows.swap(a, b);
        for row in [a, b] {
            for column in self.rows[row].keys() {
                self.columns.entry(*column).or_default().insert(row);
            }
        }
    }

    fn swap_columns(&mut self, a: usize, b: usize) {
        let rows: BTreeSet<usize> =
            [a, b].iter().filter_map(|column| self.columns.get(column)).flatten().copied().collect();
        for row in rows {
            let take = |column: usize| self.rows[row].get(&column).cloned().unwrap_or(IBig::ZERO);
            let (left, right) = (take(a), take(b));
            self.set(row, a, right);
            self.set(row, b, left);
        }
    }
}

/// Diagonal entries as those of which each divides the next: the greatest common divisor goes before the least common
/// multiple, pair by pair.
fn chained(mut diagonal: Vec<UBig>) -> Vec<UBig> {
    let first = diagonal.iter().filter(|entry| entry.is_one()).count();
    diagonal.sort_unstable();
    for low in first..diagonal.len() {
        for high in low + 1..diagonal.len() {
            let divisor = (&diagonal[low]).gcd(&diagonal[high]);
            let multiple = &diagonal[low] / &divisor * &diagonal[high];
            (diagonal[low], diagonal[high]) = (divisor, multiple);
        }
    }
    diagonal
}

#[cfg(test)]
mod tests {
    use super::*;

    fn factors(rows: &[&[i64]]) -> Vec<u64> {
        let row = |row: &&[i64]| {
            let entries = row.iter().enumerate().filter(|(_, value)| **value != 0);
            entries.map(|(column, value)| (column, IBig::from(*value))).collect()
        };
        invariant_factors(rows.iter().map(row).collect()).iter().map(|factor| u64::try_from(factor).unwrap()).collect()
    }

    #[test]
    fn known_forms_are_found() {
        assert!(factors(&[]).is_empty());
        assert!(factors(&[&[0, 0], &[0, 0]]).is_empty());
        assert_eq!(factors(&[&[2, 4, 4], &[-6, 6, 12], &[10, -4, -16]]), [2, 6, 12]);
        assert_eq!(factors(&[&[2, 4, 4], &[-6, 6, 12], &[10, 4, 16]]), [2, 2, 156]);
        assert_eq!(factors(&[&[4, 0], &[0, 6]]), [2, 12]);
        assert_eq!(factors(&[&[6, 10, 15]]), [1]);
        assert_eq!(factors(&[&[6], &[10], &[15]]), [1]);
    }
}
