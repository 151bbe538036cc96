//! Many rows of one table at once: the probability of a variable's state for each of many combinations of its parents'
//! states.
//!
//! Columns in, a column out, nothing allocated; states are checked a column at a time. Driven by callers with data:
//! scoring, simulation, features.

use crate::domain::VariableId;
use crate::error::Error;
use crate::network::Network;

/// The table of one variable, ready for many questions.
#[derive(Debug, Clone)]
pub struct Lookup {
    /// Numbers of states and strides: of the parents in their order, then of the variable.
    columns: Vec<(u32, u32)>,
    values: Vec<f64>,
    name: String,
}

impl Lookup {
    /// The table of a variable of a network.
    ///
    /// Errors: a noisy or whose table does not fit into memory.
    pub fn new(network: &Network, id: VariableId) -> Result<Self, Error> {
        let table = network.table(id)?;
        let mut columns = Vec::new();
        let mut stride = 1;
        for (_, size) in table.domain().sized().rev() {
            // Tables have fewer cells than u32 counts.
            columns.push((size as u32, stride));
            stride *= size as u32;
        }
        columns.reverse();
        Ok(Lookup { columns, values: table.values().to_vec(), name: network.variable(id).name.clone() })
    }

    /// How many columns of states a question has: one for each parent, and one for the variable.
    pub fn columns(&self) -> usize {
        self.columns.len()
    }

    /// Writes the probability of each row into `into`: row i is `columns[0][i]`, `columns[1][i]` and so on, the states of
    /// the parents in their order and then the variable's.
    ///
    /// Errors: another number of columns, columns of other lengths, a state that a variable does not have.
    pub fn probabilities(&self, columns: &[&[u32]], into: &mut [f64]) -> Result<(), Error> {
        let wrong = |what: String| Err(Error::BadQuestion(format!("a lookup in the table of {} {what}", self.name)));
        if columns.len() != self.columns.len() || columns.iter().any(|column| column.len() != into.len()) {
            return wrong(format!("takes {} columns of equal length", self.columns.len()));
        }
        for (place, (column, &(size, _))) in columns.iter().zip(&self.columns).enumerate() {
            let largest = column.iter().copied().max().unwrap_or(0);
            if largest >= size && !column.is_empty() {
                return wrong(format!("has state {largest} in column {place}, which has {size}"));
            }
        }
        match (columns, &self.columns[..]) {
            ([own], _) => into.iter_mut().zip(*own).for_each(|(to, &state)| *to = self.values[state as usize]),
            ([a, own], [(_, by), _]) => {
                for ((to, &a), &state) in into.iter_mut().zip(*a).zip(*own) {
                    *to = self.values[(a * by + state) as usize];
                }
            }
            ([a, b, own], [(_, by_a), (_, by_b), _]) => {
                for (((to, &a), &b), &state) in into.iter_mut().zip(*a).zip(*b).zip(*own) {
                    *to = self.values[(a * by_a + b * by_b + state) as usize];
                }
            }
            _ => {
                for (row, to) in into.iter_mut().enumerate() {
                    let cell: u32 = columns.iter().zip(&self.columns).map(|(column, &(_, by))| column[row] * by).sum();
                    *to = self.values[cell as usize];
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Distribution, NetworkBuilder};

    #[test]
    fn rows_are_those_of_the_table() {
        let mut builder = NetworkBuilder::new("n");
        let parents: Vec<VariableId> =
            ["a", "b", "c"].map(|name| builder.variable(name, ["0", "1", "2"]).unwrap()).to_vec();
        parents.iter().for_each(|&id| builder.depends(id, &[], Distribution::Table(vec![0.2, 0.3, 0.5])).unwrap());
        let mut ids = Vec::new();
        for (place, name) in ["w", "x", "y", "z"].into_iter().enumerate() {
            let id = builder.variable(name, ["no", "yes"]).unwrap();
            let rows = 3_usize.pow(place as u32);
            let table = (0..rows).flat_map(|row| [row as f64 / 100.0, 1.0 - row as f64 / 100.0]).collect();
            builder.depends(id, &parents[..place], Distribution::Table(table)).unwrap();
            ids.push(id);
        }
        let network = builder.build().unwrap();
        let [a, b, c, own] = [[0, 1, 2, 2], [2, 0, 1, 2], [1, 1, 0, 2], [0, 1, 0, 1]].map(|states: [u32; 4]| states);
        for (place, &id) in ids.iter().enumerate() {
            let lookup = Lookup::new(&network, id).unwrap();
            let columns: Vec<&[u32]> = [&a[..], &b, &c][..place].iter().copied().chain([&own[..]]).collect();
            let mut into = [0.0; 4];
            lookup.probabilities(&columns, &mut into).unwrap();
            for row in 0..4 {
                let cell = columns[..place].iter().fold(0, |cell, column| cell * 3 + column[row]);
                let first = f64::from(cell) / 100.0;
                assert!((into[row] - if own[row] == 0 { first } else { 1.0 - first }).abs() < 1e-15);
            }
            assert!(lookup.probabilities(&columns[1..], &mut into).is_err());
            assert!(lookup.probabilities(&vec![&[3_u32; 4][..]; place + 1], &mut into).is_err());
            assert!(lookup.probabilities(&vec![&[][..]; place + 1], &mut []).is_ok());
        }
    }
}
