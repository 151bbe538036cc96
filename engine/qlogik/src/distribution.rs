//! How one variable depends on its parents: a table, a noisy or, or a function.
//!
//! It knows states by number only; names are the network's. Turned into factors here for exact inference, and asked row
//! by row by the samplers.

use crate::domain::{Domain, VariableId};
use crate::error::Error;
use crate::factor::Factor;

/// How far a row may miss the sum 1 and count as exact.
pub const SUM_TOLERANCE: f64 = 1e-9;
/// How far a row may miss the sum 1 and count as rounded: published networks give three to six digits.
pub const ROUNDING_TOLERANCE: f64 = 0.01;
/// A noisy or with a larger table is taken apart into a chain, whose tables grow with the parents and not with 2 to their
/// number: five parents of two states.
const NOISY_OR_TABLE_CELLS: usize = 64;

/// The distribution of a variable given its parents.
#[derive(Debug, Clone, PartialEq)]
pub enum Distribution {
    /// A probability for each combination of the parents' states and each state of the variable: parents in their order,
    /// the first slowest, and the variable's own states fastest.
    Table(Vec<f64>),
    /// Each parent may cause the effect by itself, whatever the others do (Pearl 1988, 4.3.2).
    NoisyOr(NoisyOr),
    /// The state that follows from each combination of the parents' states, in the order of a table's rows.
    Function(Vec<u32>),
}

/// A noisy or: the variable has two states, and each parent in some state causes the effect with some probability.
#[derive(Debug, Clone, PartialEq)]
pub struct NoisyOr {
    /// The state of the variable that means that the effect is there: 0 or 1.
    pub effect: usize,
    /// Probability of the effect without any cause.
    pub leak: f64,
    /// For each parent and each of its states: the probability that it causes the effect.
    pub links: Vec<Vec<f64>>,
}

impl NoisyOr {
    /// The probability of the effect where the parents have these states.
    fn probability(&self, states: &[usize]) -> f64 {
        let none: f64 = self.links.iter().zip(states).map(|(link, &state)| 1.0 - link[state]).product();
        1.0 - (1.0 - self.leak) * none
    }
}

/// Auxiliary variables that a noisy or was taken apart with, by number of states; they come after the network's own.
pub(crate) type Auxiliaries = Vec<usize>;

impl Distribution {
    /// What is wrong with it for a variable of `states` states and parents of `parents` states; names say which.
    pub(crate) fn check(&self, name: &str, states: usize, parents: &[usize]) -> Result<(), Error> {
        let rows = parents.iter().try_fold(1_usize, |rows, &size| rows.checked_mul(size));
        match self {
            Distribution::Table(values) => {
                let want = rows.and_then(|rows| rows.checked_mul(states));
                if want != Some(values.len()) {
                    let want = want.map_or("far more".to_owned(), |want| want.to_string());
                    return Err(Error::BadTable(format!(
                        "the table of {name} has {} numbers and needs {want}: {states} for each combination of its parents",
                        values.len()
                    )));
                }
                values.chunks_exact(states).enumerate().try_for_each(|(row, values)| check_row(name, row, values))
            }
            Distribution::NoisyOr(noisy) => check_noisy_or(noisy, name, states, parents),
            Distribution::Function(values) => {
                if rows != Some(values.len()) {
                    let message = format!("the function of {name} has {} values", values.len());
                    return Err(Error::BadTable(format!(
                        "{message}; it needs one for each combination of its parents"
                    )));
                }
                match values.iter().find(|&&value| value as usize >= states) {
                    Some(value) => Err(Error::BadTable(format!(
                        "the function of {name} gives state {value}; it has {states} states"
                    ))),
                    None => Ok(()),
                }
            }
        }
    }

    /// The probabilities of the variable's states where its parents have these states; `row` is the cell of the parents.
    pub(crate) fn row(&self, row: usize, parent_states: &[usize], into: &mut [f64]) {
        match self {
            Distribution::Table(values) => into.copy_from_slice(&values[row * into.len()..][..into.len()]),
            Distribution::NoisyOr(noisy) => {
                let effect = noisy.probability(parent_states);
                into[noisy.effect] = effect;
                into[1 - noisy.effect] = 1.0 - effect;
            }
            Distribution::Function(values) => {
                into.fill(0.0);
                into[values[row] as usize] = 1.0;
            }
        }
    }

    /// The numbers of the tables that it is answered with.
    pub(crate) fn numbers(&self, states: usize, parents: &[usize]) -> usize {
        let whole = parents.iter().fold(states, |cells, &size| cells.saturating_mul(size));
        match self {
            Distribution::NoisyOr(_) if whole > NOISY_OR_TABLE_CELLS => {
                parents.iter().fold(0, |sum: usize, &size| sum.saturating_add(size.saturating_mul(4)))
            }
            Distribution::Table(_) | Distribution::NoisyOr(_) | Distribution::Function(_) => whole,
        }
    }

    /// Scales rows whose sum misses 1. Those that miss it by no more than adding up does stay as they are, so that what is
    /// written and read again has the same bits.
    pub(crate) fn normalise(&mut self, states: usize) {
        let Distribution::Table(values) = self else { return };
        for row in values.chunks_exact_mut(states) {
            if (row.iter().sum::<f64>() - 1.0).abs() > states as f64 * f64::EPSILON {
                crate::factor::normalise(row);
            }
        }
    }

    /// The whole table: parents in their order, the first slowest, and the variable fastest. `domain` is that of the
    /// family in this order.
    pub(crate) fn table(&self, domain: Domain) -> Factor {
        let sizes: Vec<usize> = domain.sized().map(|(_, size)| size).collect();
        let states = *sizes.last().expect("a family has at least the variable itself");
        let mut factor = Factor::constant(domain.clone(), 0.0);
        for (row, into) in factor.values_mut().chunks_exact_mut(states).enumerate() {
            let parents = domain.states_of(row * states);
            self.row(row, &parents[..parents.len() - 1], into);
        }
        factor
    }

    /// Tables whose product, summed over the auxiliary variables, is the distribution: one, or the chain of a noisy or
    /// with many parents. New auxiliary variables are counted from `first_auxiliary`.
    ///
    /// Errors: tables of more cells than memory has; no network has such a distribution.
    pub(crate) fn factors(
        &self,
        family: &[(VariableId, usize)],
        first_auxiliary: usize,
    ) -> Result<(Vec<Factor>, Auxiliaries), Error> {
        match self {
            Distribution::NoisyOr(noisy) if cells(family) > NOISY_OR_TABLE_CELLS => {
                chain(noisy, family, first_auxiliary)
            }
            _ => Ok((vec![self.table(Domain::new(family.iter().copied())?)], Vec::new())),
        }
    }
}

/// Cells of the table of a family; the most that are counted, where there are more.
pub(crate) fn cells(family: &[(VariableId, usize)]) -> usize {
    family.iter().fold(1, |cells, &(_, size)| cells.saturating_mul(size))
}

/// A noisy or as a chain: step i is true if step i - 1 is or parent i causes the effect; the last step is the variable.
fn chain(
    noisy: &NoisyOr,
    family: &[(VariableId, usize)],
    first_auxiliary: usize,
) -> Result<(Vec<Factor>, Auxiliaries), Error> {
    let (&(variable, _), parents) = family.split_last().expect("a family has at least the variable itself");
    let mut factors = Vec::new();
    let mut auxiliaries = Auxiliaries::new();
    let mut before: Option<VariableId> = None;
    for (place, (&(parent, size), link)) in parents.iter().zip(&noisy.links).enumerate() {
        let last = place + 1 == parents.len();
        let step = if last { variable } else { VariableId::at(first_auxiliary + place) };
        // State `yes` of an auxiliary variable is 1, that of the variable itself is `effect`.
        let yes = if last { noisy.effect } else { 1 };
        let domain = Domain::new(before.map(|before| (before, 2)).into_iter().chain([(parent, size), (step, 2)]))?;
        let mut factor = Factor::constant(domain.clone(), 0.0);
        for (cell, value) in factor.values_mut().iter_mut().enumerate() {
            let states = domain.states_of(cell);
            let no_before = if before.is_some() { if states[0] == 1 { 0.0 } else { 1.0 } } else { 1.0 - noisy.leak };
            let no = no_before * (1.0 - link[states[states.len() - 2]]);
            *value = if states[states.len() - 1] == yes { 1.0 - no } else { no };
        }
        factors.push(factor);
        if !last {
            auxiliaries.push(2);
            before = Some(step);
        }
    }
    Ok((factors, auxiliaries))
}

fn check_row(name: &str, row: usize, values: &[f64]) -> Result<(), Error> {
    if let Some(value) = values.iter().find(|value| !(0.0..=1.0).contains(*value)) {
        return Err(Error::BadTable(format!(
            "{value} in row {} of {name} is no probability: they go from 0 to 1",
            row + 1
        )));
    }
    let sum: f64 = values.iter().sum();
    if (sum - 1.0).abs() > ROUNDING_TOLERANCE {
        return Err(Error::BadTable(format!("row {} of {name} sums to {sum}; probabilities sum to 1", row + 1)));
    }
    Ok(())
}

fn check_noisy_or(noisy: &NoisyOr, name: &str, states: usize, parents: &[usize]) -> Result<(), Error> {
    let wrong = |what: String| Err(Error::BadTable(format!("the noisy or of {name} {what}")));
    if states != 2 || noisy.effect > 1 {
        return wrong(format!("needs a variable of two states, not {states}"));
    }
    if parents.is_empty() {
        return wrong("has no parents: give its probability as a table".to_owned());
    }
    let fits =
        noisy.links.len() == parents.len() && noisy.links.iter().zip(parents).all(|(link, &size)| link.len() == size);
    if !fits {
        return wrong("needs a probability for each state of each parent".to_owned());
    }
    let mut all = noisy.links.iter().flatten().chain([&noisy.leak]);
    match all.find(|value| !(0.0..=1.0).contains(*value)) {
        Some(value) => wrong(format!("says {value}, which is no probability: they go from 0 to 1")),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chain_of_a_noisy_or_is_its_table() {
        let links = (0..6).map(|i| vec![0.1 * f64::from(i), 0.0, 0.9 - 0.1 * f64::from(i)]).collect();
        for effect in [0, 1] {
            let noisy = Distribution::NoisyOr(NoisyOr { effect, leak: 0.05, links: Clone::clone(&links) });
            let family: Vec<_> = (0..6).map(|i| (VariableId(i), 3)).chain([(VariableId(6), 2)]).collect();
            let domain = Domain::new(family.iter().copied()).unwrap();
            let table = noisy.table(domain.clone());
            let (factors, auxiliaries) = noisy.factors(&family, 7).unwrap();
            assert_eq!((factors.len(), auxiliaries.len()), (6, 5));
            let product = Factor::product(&factors).unwrap().sum_onto(domain);
            for (a, b) in product.values().iter().zip(table.values()) {
                assert!((a - b).abs() < 1e-15, "{a} {b}");
            }
        }
    }

    #[test]
    fn what_does_not_fit_is_refused_with_its_row() {
        let table =
            |values: &[f64]| Distribution::Table(values.to_vec()).check("rain", 2, &[2]).unwrap_err().to_string();
        assert!(table(&[0.5]).contains("has 1 numbers and needs 4"));
        assert_eq!(table(&[0.5, 0.5, 0.7, 0.2]), "row 2 of rain sums to 0.8999999999999999; probabilities sum to 1");
        assert!(table(&[0.5, 0.5, f64::NAN, 0.2]).starts_with("NaN in row 2 of rain is no probability"));
        assert!(Distribution::Table(vec![]).check("wide", 2, &[usize::MAX, 2]).is_err());
        assert!(Distribution::Function(vec![0, 2]).check("f", 2, &[2]).is_err());
    }
}
