//! Tables learned from data: counts with a Dirichlet prior, and where values are missing, expectation-maximisation
//! (Dempster, Laird and Rubin 1977; Lauritzen 1995).
//!
//! The arrows stay as they are; only tables are learned, noisy ors and functions are kept. Data are read by
//! `learning::data`. Pure and deterministic: the search begins at the model's own tables.

pub mod answer;
pub mod data;

use serde::Serialize;

use self::data::Data;
use crate::distribution::Distribution;
use crate::domain::{Domain, VariableId};
use crate::error::Error;
use crate::junction_tree::{JunctionTree, Way};
use crate::network::Network;

/// The most rounds of expectation-maximisation.
pub const ROUNDS_MAX: usize = 10_000;

/// What is believed of the tables before the data are seen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Prior {
    /// Nothing: tables are relative frequencies (maximum likelihood).
    Flat,
    /// So many observations of every cell of every table (Laplace: 1).
    Each(f64),
    /// So many observations of every table, spread evenly over its cells (BDeu, Heckerman, Geiger and Chickering 1995).
    Even(f64),
    /// So many observations of each row of every table, spread as the model's own table says.
    Model(f64),
}

/// How to learn.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Learning {
    /// What is believed before.
    pub prior: Prior,
    /// The most rounds where values are missing.
    pub rounds_max: usize,
    /// Rounds end when no probability changes by more than this.
    pub tolerance: f64,
    /// Bytes that exact answers may take.
    pub memory_max: u64,
}

impl Default for Learning {
    fn default() -> Self {
        Learning { prior: Prior::Flat, rounds_max: 500, tolerance: 1e-8, memory_max: crate::MEMORY_MAX }
    }
}

/// What was learned about one variable.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LearnedTable {
    /// The variable.
    pub variable: String,
    /// Rows of its table that some observation speaks of.
    pub seen: usize,
    /// Rows of its table that none does: they follow the prior, or without one stay as they were.
    pub unseen: usize,
    /// The largest change of a probability.
    pub largest_change: f64,
}

/// A network with learned tables, and what the data said.
#[derive(Debug, Clone, PartialEq)]
pub struct Learned {
    /// The network.
    pub network: Network,
    /// By variable, the one that changed most first.
    pub tables: Vec<LearnedTable>,
    /// Variables whose noisy or or function was kept.
    pub kept: Vec<String>,
    /// Natural logarithm of the probability of the data under the tables before.
    pub ln_likelihood_before: f64,
    /// The same under the learned tables.
    pub ln_likelihood: f64,
    /// Rounds that were needed: 1 where nothing is missing.
    pub rounds: usize,
    /// Whether the last round changed less than the tolerance.
    pub converged: bool,
}

/// Learns the tables of a network from data.
///
/// Errors: a prior that is negative, observations that the model says cannot happen, a network too large for exact answers.
pub fn learn(network: &Network, data: &Data, how: Learning) -> Result<Learned, Error> {
    check(how)?;
    if data.is_empty() {
        return Err(Error::BadData("there are no observations".to_owned()));
    }
    let is_learned = |id: VariableId| matches!(network.distribution(id), Distribution::Table(_));
    let learned: Vec<VariableId> = network.ids().filter(|&id| is_learned(id)).collect();
    let mut current = network.clone();
    let (first, ln_likelihood_before) = expected(&current, data, &learned, how.memory_max)?;
    let mut counts = first;
    let (mut rounds, mut converged) = (0, false);
    let rounds_max = if data.is_complete() { 1 } else { how.rounds_max };
    let mut ln_likelihood = ln_likelihood_before;
    while rounds < rounds_max && !converged {
        let next = maximised(network, &current, &learned, &counts, how.prior)?;
        let change = learned.iter().map(|&id| change(&current, &next, id)).fold(0.0, f64::max);
        current = next;
        rounds += 1;
        converged = data.is_complete() || change <= how.tolerance;
        let (again, likelihood) = expected(&current, data, &learned, how.memory_max)?;
        ln_likelihood = likelihood;
        if !data.is_complete() {
            counts = again;
        }
    }
    let mut tables: Vec<LearnedTable> =
        learned.iter().zip(&counts).map(|(&id, counts)| table(network, &current, id, counts)).collect();
    tables.sort_by(|a, b| b.largest_change.total_cmp(&a.largest_change));
    let kept = network.ids().filter(|&id| !is_learned(id)).map(|id| network.variable(id).name.clone()).collect();
    Ok(Learned { network: current, tables, kept, ln_likelihood_before, ln_likelihood, rounds, converged })
}

fn check(how: Learning) -> Result<(), Error> {
    let weight = match how.prior {
        Prior::Flat => 0.0,
        Prior::Each(weight) | Prior::Even(weight) | Prior::Model(weight) => weight,
    };
    if !(weight >= 0.0 && weight.is_finite()) {
        return Err(Error::BadQuestion(format!("a prior of {weight} observations; it must be a number of at least 0")));
    }
    if how.rounds_max == 0 || how.rounds_max > ROUNDS_MAX {
        let message = format!("{} rounds were asked for; between 1 and {ROUNDS_MAX} are taken", how.rounds_max);
        return Err(Error::BadQuestion(message));
    }
    if how.tolerance.is_nan() || how.tolerance < 0.0 {
        return Err(Error::BadQuestion(format!("the tolerance {} is no number of at least 0", how.tolerance)));
    }
    Ok(())
}

/// How often each cell of each learned table is expected in the data, and the logarithm of the data's probability.
fn expected(
    network: &Network,
    data: &Data,
    learned: &[VariableId],
    memory_max: u64,
) -> Result<(Vec<Vec<f64>>, f64), Error> {
    let tree = JunctionTree::compile(network, memory_max)?;
    let mut ways: Vec<Way> = Vec::new();
    for &id in learned {
        let domain = Domain::new(network.family(id))?;
        ways.push(tree.way_to(&domain).expect("the family of a table lies in a clique"));
    }
    let mut counts: Vec<Vec<f64>> =
        learned.iter().map(|&id| vec![0.0; crate::distribution::cells(&network.family(id))]).collect();
    let mut ln_likelihood = 0.0;
    for observation in data.observations() {
        let (marginals, ln_evidence) = tree.marginals(&ways, &observation.evidence).map_err(|error| match error {
            Error::ImpossibleEvidence(_) => Error::BadData(format!(
                "line {} says what cannot happen by the model: a table has a 0 there",
                observation.line
            )),
            other => other,
        })?;
        for (counts, marginal) in counts.iter_mut().zip(&marginals) {
            counts.iter_mut().zip(marginal).for_each(|(count, share)| *count += observation.times * share);
        }
        ln_likelihood += observation.times * ln_evidence;
    }
    Ok((counts, ln_likelihood))
}

/// The tables that make the counts, with the prior, most probable.
fn maximised(
    original: &Network,
    current: &Network,
    learned: &[VariableId],
    counts: &[Vec<f64>],
    prior: Prior,
) -> Result<Network, Error> {
    let mut tables: Vec<Option<Vec<f64>>> = vec![None; original.len()];
    for (&id, counts) in learned.iter().zip(counts) {
        let states = original.states(id);
        let before = original.table(id)?;
        let now = current.table(id)?;
        let mut values = counts.clone();
        for (cell, value) in values.iter_mut().enumerate() {
            *value += match prior {
                Prior::Flat => 0.0,
                Prior::Each(weight) => weight,
                Prior::Even(weight) => weight / counts.len() as f64,
                Prior::Model(weight) => weight * before.values()[cell],
            };
        }
        for (row, values) in values.chunks_exact_mut(states).enumerate() {
            if crate::factor::normalise(values) <= 0.0 {
                // Nothing speaks of this row: it stays.
                values.copy_from_slice(&now.values()[row * states..][..states]);
            }
        }
        tables[id.index()] = Some(values);
    }
    Ok(current.with_tables(tables))
}

fn tables_of<'n>(a: &'n Network, b: &'n Network, id: VariableId) -> (&'n [f64], &'n [f64]) {
    match (a.distribution(id), b.distribution(id)) {
        (Distribution::Table(a), Distribution::Table(b)) => (a, b),
        _ => (&[], &[]),
    }
}

/// The largest difference between two tables of a variable.
fn change(a: &Network, b: &Network, id: VariableId) -> f64 {
    let (a, b) = tables_of(a, b, id);
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
}

fn table(before: &Network, after: &Network, id: VariableId, counts: &[f64]) -> LearnedTable {
    let rows = counts.chunks_exact(before.states(id));
    let seen = rows.filter(|row| row.iter().sum::<f64>() > 0.0).count();
    LearnedTable {
        variable: before.variable(id).name.clone(),
        seen,
        unseen: counts.len() / before.states(id) - seen,
        largest_change: change(before, after, id),
    }
}
