//! A table of numbers over a domain, and the algebra of such tables: product, sum, maximum, slices.
//!
//! Results of questions about several variables are factors too. It knows no network: what a table means is its owner's.

use serde::Serialize;

use crate::domain::{Domain, VariableId};
use crate::error::Error;

/// A number for each cell of a domain.
#[derive(Debug, Clone, PartialEq)]
pub struct Factor {
    domain: Domain,
    values: Vec<f64>,
}

/// A cell of a table with its number: one combination of states.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Cell {
    /// The state of each variable, in the order of the table's variables.
    pub states: Vec<usize>,
    /// The number.
    pub value: f64,
}

impl Factor {
    /// A table from its numbers, the last variable of the domain varying fastest.
    ///
    /// Errors: not one number for each cell.
    pub fn new(domain: Domain, values: Vec<f64>) -> Result<Self, Error> {
        if values.len() != domain.cells() {
            let (got, want) = (values.len(), domain.cells());
            return Err(Error::BadTable(format!("a table of {want} cells was given {got} numbers")));
        }
        Ok(Factor { domain, values })
    }

    /// The same number in each cell.
    pub(crate) fn constant(domain: Domain, value: f64) -> Self {
        let values = vec![value; domain.cells()];
        Factor { domain, values }
    }

    /// What it is about.
    pub fn domain(&self) -> &Domain {
        &self.domain
    }

    /// Its numbers, the last variable varying fastest.
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    pub(crate) fn values_mut(&mut self) -> &mut [f64] {
        &mut self.values
    }

    /// The number where each variable has the state that `state` says.
    pub(crate) fn value_at(&self, state: impl FnMut(VariableId) -> usize) -> f64 {
        self.values[self.domain.cell_of(state)]
    }

    /// All cells with their states.
    pub fn cells(&self) -> impl Iterator<Item = Cell> + '_ {
        self.values.iter().enumerate().map(|(cell, &value)| Cell { states: self.domain.states_of(cell), value })
    }

    /// The product of tables, over the union of their domains; 1 for none.
    pub(crate) fn product<'a>(factors: impl IntoIterator<Item = &'a Factor> + Clone) -> Result<Factor, Error> {
        let mut product = Factor::constant(union(factors.clone().into_iter().map(Factor::domain))?, 1.0);
        for factor in factors {
            product.multiply(factor);
        }
        Ok(product)
    }

    /// Multiplies by a table over some of its variables.
    pub(crate) fn multiply(&mut self, by: &Factor) {
        let projection = self.domain.onto(&by.domain);
        projection.multiply(&mut self.values, &by.values);
    }

    /// Adds a table over some of its variables.
    pub(crate) fn add(&mut self, what: &Factor) {
        let projection = self.domain.onto(&what.domain);
        projection.add(&mut self.values, &what.values);
    }

    /// The sums over all variables but `kept` (each of which it has), in the order of `kept`.
    pub(crate) fn sum_onto(&self, kept: Domain) -> Factor {
        let mut values = vec![0.0; kept.cells()];
        self.domain.onto(&kept).sum(&self.values, &mut values);
        Factor { domain: kept, values }
    }

    /// The maxima over all variables but `kept`; its numbers are at least 0.
    pub(crate) fn maximum_onto(&self, kept: Domain) -> Factor {
        let mut values = vec![0.0; kept.cells()];
        self.domain.onto(&kept).maximum(&self.values, &mut values);
        Factor { domain: kept, values }
    }

    /// Its domain without a variable.
    pub(crate) fn domain_without(&self, variable: VariableId) -> Domain {
        Domain::new(self.domain.sized().filter(|&(known, _)| known != variable)).expect("a part of a domain is one")
    }

    /// The part in which some variables have the given states; those variables are no longer in it.
    pub(crate) fn slice(&self, state: impl Fn(VariableId) -> Option<usize>) -> Factor {
        let kept = self.domain.sized().filter(|&(variable, _)| state(variable).is_none());
        let kept = Domain::new(kept).expect("a part of a domain is one");
        let mut values = vec![0.0; kept.cells()];
        for (cell, value) in values.iter_mut().enumerate() {
            let states = kept.states_of(cell);
            let place = |variable| kept.variables().iter().position(|&known| known == variable);
            *value = self.value_at(|variable| {
                state(variable).unwrap_or_else(|| states[place(variable).expect("what is not given is kept")])
            });
        }
        Factor { domain: kept, values }
    }

    /// Scales its numbers to the sum 1 and gives the sum that they had; nothing changes where that is 0.
    pub(crate) fn normalise(&mut self) -> f64 {
        normalise(&mut self.values)
    }

    /// The place of its largest number, the first of equals.
    pub(crate) fn largest(&self) -> usize {
        largest(&self.values)
    }
}

/// Scales numbers to the sum 1 and gives the sum that they had; nothing changes where that is 0.
pub(crate) fn normalise(values: &mut [f64]) -> f64 {
    let sum: f64 = values.iter().sum();
    if sum > 0.0 {
        values.iter_mut().for_each(|value| *value /= sum);
    }
    sum
}

/// The place of the largest number, the first of equals; 0 for none.
pub(crate) fn largest(values: &[f64]) -> usize {
    let mut best = 0;
    for (place, value) in values.iter().enumerate() {
        if *value > values[best] {
            best = place;
        }
    }
    best
}

/// The variables of all domains, each once, in the order in which they first come.
pub(crate) fn union<'a>(domains: impl IntoIterator<Item = &'a Domain>) -> Result<Domain, Error> {
    let mut all: Vec<(VariableId, usize)> = Vec::new();
    for domain in domains {
        for (variable, size) in domain.sized() {
            if !all.iter().any(|(known, _)| *known == variable) {
                all.push((variable, size));
            }
        }
    }
    Domain::new(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn factor(variables: &[(u32, usize)], values: &[f64]) -> Factor {
        let domain = Domain::new(variables.iter().map(|&(id, size)| (VariableId(id), size))).unwrap();
        Factor::new(domain, values.to_vec()).unwrap()
    }

    #[test]
    fn products_and_sums_of_tables_follow_the_definition() {
        let a = factor(&[(0, 2)], &[0.25, 0.75]);
        let b = factor(&[(1, 3), (0, 2)], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        let product = Factor::product([&a, &b]).unwrap();
        assert_eq!(product.domain().variables(), [VariableId(0), VariableId(1)]);
        assert_eq!(product.values(), [0.25, 0.75, 1.25, 1.5, 3.0, 4.5]);
        let sum = product.sum_onto(product.domain_without(VariableId(0)));
        assert_eq!(sum.values(), [1.75, 3.75, 5.75]);
        assert_eq!(product.slice(|variable| (variable.0 == 0).then_some(1)).values(), [1.5, 3.0, 4.5]);
        assert_eq!(product.largest(), 5);
    }
}
