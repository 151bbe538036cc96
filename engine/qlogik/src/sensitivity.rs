//! How far a belief hangs on the numbers of the tables (one-way sensitivity analysis).
//!
//! If one number x of a table changes and the others of its row keep their proportions, a belief is a quotient of two
//! lines in x (Castillo, Gutiérrez and Hadi 1997; Kjærulff and van der Gaag 2000). All the lines of a network follow from
//! one propagation for each state of the target (Darwiche 2003). Numbers that are 0 or 1 count as certain and are left
//! alone. Driven by callers that hold a network.

use crate::distribution::Distribution;
use crate::domain::{Domain, VariableId};
use crate::error::Error;
use crate::evidence::Evidence;
use crate::factor::largest;
use crate::junction_tree::{JunctionTree, Way};
use crate::network::Network;

/// How a belief follows one number of a table.
#[derive(Debug, Clone, PartialEq)]
pub struct Parameter {
    /// The variable whose table it is in.
    pub variable: VariableId,
    /// The state of each parent in its row.
    pub parents: Vec<usize>,
    /// The state that it is the probability of.
    pub state: usize,
    /// What it is now.
    pub value: f64,
    /// The belief as `(numerator[0] + numerator[1] (x - value)) / (1 + denominator (x - value))`.
    pub numerator: [f64; 2],
    /// See `numerator`.
    pub denominator: f64,
    /// The nearest x from 0 to 1 at which another state of the target becomes the most probable, and that state.
    pub tips: Option<(f64, usize)>,
}

impl Parameter {
    /// The belief if the number were `x`.
    pub fn belief(&self, x: f64) -> f64 {
        let by = x - self.value;
        (self.numerator[0] + self.numerator[1] * by) / (1.0 + self.denominator * by)
    }

    /// How fast the belief changes with the number, as it is now.
    pub fn slope(&self) -> f64 {
        self.numerator[1] - self.numerator[0] * self.denominator
    }
}

/// How a belief follows every number of every table.
#[derive(Debug, Clone, PartialEq)]
pub struct Sensitivity {
    /// The variable that is believed.
    pub target: VariableId,
    /// The state whose probability is followed.
    pub state: usize,
    /// That probability now.
    pub belief: f64,
    /// Every number that matters, the one with the steepest slope first.
    pub parameters: Vec<Parameter>,
}

/// How the belief in a state of the target (the most probable, unless named) hangs on the tables.
///
/// Errors: a target whose state is given, evidence that cannot happen, a network too large for exact answers.
pub fn sensitivity(
    network: &Network,
    target: VariableId,
    state: Option<usize>,
    evidence: &Evidence,
    memory_max: u64,
) -> Result<Sensitivity, Error> {
    let name = &network.variable(target).name;
    if evidence.state(target).is_some() {
        return Err(Error::BadQuestion(format!("the state of {name} is given, so it hangs on nothing")));
    }
    let tree = JunctionTree::compile(network, memory_max)?;
    let beliefs = tree.beliefs(evidence)?.of(target).to_vec();
    let best = largest(&beliefs);
    let state = state.unwrap_or(best);
    if state >= beliefs.len() {
        return Err(Error::BadQuestion(format!("{name} has no state {state}; it has {}", beliefs.len())));
    }
    let mut learned: Vec<(VariableId, Way)> = Vec::new();
    for id in network.ids().filter(|&id| matches!(network.distribution(id), Distribution::Table(_))) {
        let domain = Domain::new(network.family(id))?;
        learned.push((id, tree.way_to(&domain).expect("the family of a table lies in a clique")));
    }
    let ways: Vec<Way> = learned.iter().map(|(_, way)| way.clone()).collect();
    let (all, _) = tree.marginals(&ways, evidence)?;
    let mut by_state: Vec<Option<Vec<Vec<f64>>>> = Vec::new();
    for (state, belief) in beliefs.iter().enumerate() {
        let mut more = evidence.clone();
        // A likelihood on the target has already done its part in the belief; in a known state it is a mere factor.
        more.observe(target, state);
        by_state.push(if *belief > 0.0 { Some(tree.marginals(&ways, &more)?.0) } else { None });
    }
    let mut parameters = Vec::new();
    for (place, (id, _)) in learned.iter().enumerate() {
        let Distribution::Table(table) = network.distribution(*id) else { continue };
        let lines = Lines { all: &all[place], by_state: &by_state, place, beliefs: &beliefs };
        lines.parameters(network, *id, table, (state, best), &mut parameters);
    }
    parameters.sort_by(|a, b| b.slope().abs().total_cmp(&a.slope().abs()));
    Ok(Sensitivity { target, state, belief: beliefs[state], parameters })
}

/// The joint probabilities of one family: given the evidence, and given each state of the target besides.
struct Lines<'a> {
    all: &'a [f64],
    by_state: &'a [Option<Vec<Vec<f64>>>],
    place: usize,
    beliefs: &'a [f64],
}

impl Lines<'_> {
    fn parameters(
        &self,
        network: &Network,
        id: VariableId,
        table: &[f64],
        (state, best): (usize, usize),
        into: &mut Vec<Parameter>,
    ) {
        let states = network.states(id);
        let sizes: Vec<usize> = network.parents(id).iter().map(|&parent| network.states(parent)).collect();
        for (row, values) in table.chunks_exact(states).enumerate() {
            for (own, &value) in values.iter().enumerate() {
                if value <= 0.0 || value >= 1.0 {
                    continue;
                }
                let cells = (row * states, states, own);
                let denominator = slope(self.all, cells, value);
                let numerators: Vec<f64> = self
                    .by_state
                    .iter()
                    .zip(self.beliefs)
                    .map(|(known, belief)| {
                        known.as_ref().map_or(0.0, |known| belief * slope(&known[self.place], cells, value))
                    })
                    .collect();
                if denominator == 0.0 && numerators.iter().all(|&numerator| numerator == 0.0) {
                    continue;
                }
                into.push(Parameter {
                    variable: id,
                    parents: digits(row, &sizes),
                    state: own,
                    value,
                    numerator: [self.beliefs[state], numerators[state]],
                    denominator,
                    tips: self.tips(&numerators, value, best),
                });
            }
        }
    }

    /// The nearest number at which another state overtakes the best.
    fn tips(&self, numerators: &[f64], value: f64, best: usize) -> Option<(f64, usize)> {
        let crossing = |other: usize| {
            let by = (self.beliefs[best] - self.beliefs[other]) / (numerators[other] - numerators[best]);
            ((0.0..=1.0).contains(&(value + by))).then_some((value + by, other))
        };
        let others = (0..numerators.len()).filter(|&other| other != best);
        others.filter_map(crossing).min_by(|a, b| (a.0 - value).abs().total_cmp(&(b.0 - value).abs()))
    }
}

/// How fast the probability of what is given changes, as a share of it, with one number of a row whose others keep their
/// proportions. `family` is the joint of the family given it.
fn slope(family: &[f64], (start, states, own): (usize, usize, usize), value: f64) -> f64 {
    let row: f64 = family[start..start + states].iter().sum();
    let cell = family[start + own];
    cell / value - (row - cell) / (1.0 - value)
}

/// The states of parents in a row of a table, the first slowest.
fn digits(mut row: usize, sizes: &[usize]) -> Vec<usize> {
    let mut states: Vec<usize> = sizes
        .iter()
        .rev()
        .map(|&size| {
            let state = row % size;
            row /= size;
            state
        })
        .collect();
    states.reverse();
    states
}
