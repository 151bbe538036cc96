//! What to do: the policy of the largest expected utility.
//!
//! Decisions are solved one by one, the last first, each by eliminating variables down to what matters for it
//! (Lauritzen and Nilsson 2001). What is known at a decision is first reduced to what can matter (d-separation from its
//! utilities). Where each decision in turn is extremal the result is the best there is; that is always so with full
//! memory. Otherwise policies are improved in turns until none changes, and the result says that it is a local optimum.

use super::{Diagram, Risk};
use crate::contraction::Contraction;
use crate::domain::{Domain, VariableId};
use crate::error::Error;
use crate::evidence::Evidence;
use crate::factor::Factor;
use crate::independence::{descendants, reachable};
use crate::query;

/// Turns of improving policies where no order of decisions is exact. Each turn is at least as good as the one before.
const TURNS_MAX: usize = 50;
/// Differences of expected utility below this part of the utilities' range are rounding; the first option wins.
const TIE: f64 = 1e-12;

/// What to do in one situation.
#[derive(Debug, Clone, PartialEq)]
pub struct Advice {
    /// The states of [`Policy::information`] that this is for.
    pub known: Vec<usize>,
    /// How probable the situation is if this policy is followed everywhere.
    pub probability: f64,
    /// The expected utility of each option here (certainty equivalents, if risk matters), if the policy is followed in all
    /// other decisions. Of situations that cannot happen: zeros.
    pub expected: Vec<f64>,
    /// The best option.
    pub choice: usize,
}

/// What to do at one decision.
#[derive(Debug, Clone, PartialEq)]
pub struct Policy {
    /// The decision.
    pub decision: VariableId,
    /// What it depends on: the part of what is known then that matters.
    pub information: Vec<VariableId>,
    /// One advice for each combination of states of `information`, the first slowest.
    pub advice: Vec<Advice>,
}

/// What to do at every decision, and what that is worth.
#[derive(Debug, Clone, PartialEq)]
pub struct Solution {
    /// The policies, in the order of the decisions.
    pub policies: Vec<Policy>,
    /// Expected utility of following them.
    pub expected_utility: f64,
    /// The sure amount that is worth as much; the expected utility where risk does not matter.
    pub certainty_equivalent: f64,
    /// Whether no policy is better. If not set, none is better that differs in one decision only.
    pub is_global: bool,
}

/// The best policy, given evidence.
///
/// Errors: evidence on something that follows from a decision or cannot happen, or a need for more than `memory_max` bytes.
pub fn solve(diagram: &Diagram, evidence: &Evidence, memory_max: u64) -> Result<Solution, Error> {
    let mut solver = Solver::new(diagram, evidence, memory_max)?;
    let is_global = solver.in_order()?;
    if !is_global {
        solver.in_turns()?;
    }
    solver.solution(is_global)
}

struct Solver<'a> {
    diagram: &'a Diagram,
    evidence: &'a Evidence,
    memory_max: u64,
    /// What matters of what is known, by decision.
    information: Vec<Vec<VariableId>>,
    /// Policies as tables of 0 and 1 over (information, decision), once solved.
    tables: Vec<Option<Factor>>,
    ln_evidence: f64,
    /// All utilities, as they are to be summed: one by one, or as one product of exponentials.
    gains: Vec<Vec<Factor>>,
    /// What was taken out of exponentials so that none overflows.
    shift: f64,
    /// Largest size of what is summed.
    range: f64,
}

impl<'a> Solver<'a> {
    fn new(diagram: &'a Diagram, evidence: &'a Evidence, memory_max: u64) -> Result<Self, Error> {
        let network = diagram.network();
        let graph = diagram.graph();
        for decision in diagram.decisions() {
            let below = descendants(&graph, decision.id);
            if let Some((id, _)) = evidence.iter().find(|(id, _)| below.get(id.index()) == Some(&true)) {
                let [id, decision] = [id, decision.id].map(|id| &network.variable(id).name);
                let message = format!("{id} is or follows from the decision {decision}, so it cannot be known before");
                return Err(Error::BadDecision(message));
            }
        }
        let (_, ln_evidence) = query::joint(network, &[], evidence, memory_max)?;
        let mut shift = 0.0;
        let values = diagram.utilities().iter().map(|utility| &utility.values);
        let gains: Vec<Vec<Factor>> = match diagram.risk() {
            Risk::Neutral => values.map(|values| vec![values.clone()]).collect(),
            Risk::Tolerance(tolerance) => {
                let sign = Factor::constant(Domain::default(), -tolerance.signum());
                let factors = values.map(|values| {
                    let (factor, worst) = exponential(values, tolerance);
                    shift += worst;
                    factor
                });
                vec![std::iter::once(sign).chain(factors).collect()]
            }
        };
        let range = match diagram.risk() {
            Risk::Neutral => {
                gains.iter().flatten().map(|f| f.values().iter().fold(0.0_f64, |a, b| a.max(b.abs()))).sum()
            }
            Risk::Tolerance(_) => 0.0,
        };
        let tables = vec![None; diagram.decisions().len()];
        let information = diagram.information();
        let mut solver =
            Solver { diagram, evidence, memory_max, information, tables, ln_evidence, gains, shift, range };
        solver.reduce();
        Ok(solver)
    }

    /// The graph with the decisions' reduced information and the utilities as last nodes.
    fn graph(&self) -> Vec<Vec<VariableId>> {
        let mut graph: Vec<Vec<VariableId>> = self.diagram.graph().into_iter().map(<[VariableId]>::to_vec).collect();
        for (decision, information) in self.diagram.decisions().iter().zip(&self.information) {
            graph[decision.id.index()].clone_from(information);
        }
        for gain in &self.gains {
            let mut parents: Vec<VariableId> = gain.iter().flat_map(|f| f.domain().variables()).copied().collect();
            parents.sort();
            parents.dedup();
            graph.push(parents);
        }
        graph
    }

    /// The utilities below a decision.
    fn own_gains(&self, graph: &[&[VariableId]], decision: VariableId) -> Vec<VariableId> {
        let below = descendants(graph, decision);
        let variables = self.diagram.network().len();
        (variables..graph.len()).filter(|&index| below[index]).map(VariableId::at).collect()
    }

    /// Leaves out of each decision's information what cannot matter, until nothing more can be left out.
    fn reduce(&mut self) {
        loop {
            let mut changed = false;
            for place in (0..self.information.len()).rev() {
                for id in self.information[place].clone() {
                    let graph = self.graph();
                    let graph: Vec<&[VariableId]> = graph.iter().map(Vec::as_slice).collect();
                    let decision = self.diagram.decisions()[place].id;
                    let mut given = self.information[place].clone();
                    given.retain(|&known| known != id);
                    given.push(decision);
                    given.extend(self.evidence.iter().map(|(id, _)| id).filter(|&known| known != id));
                    let reached = reachable(&graph, &[id], &given);
                    let is_known = self.evidence.state(id).is_some();
                    if is_known || !self.own_gains(&graph, decision).iter().any(|gain| reached[gain.index()]) {
                        self.information[place].retain(|&known| known != id);
                        changed = true;
                    }
                }
            }
            if !changed {
                return;
            }
        }
    }

    /// Solves decisions for which nothing else has to be known of the others' policies, until all are solved. Gives
    /// whether that came to its end.
    fn in_order(&mut self) -> Result<bool, Error> {
        while self.tables.iter().any(Option::is_none) {
            let open = (0..self.tables.len()).rev().filter(|&place| self.tables[place].is_none());
            let Some(place) = open.into_iter().find(|&place| self.is_extremal(place)) else { return Ok(false) };
            self.tables[place] = Some(self.best(place)?);
        }
        Ok(true)
    }

    /// Whether the best policy of a decision is the same whatever the policies of the open ones are.
    fn is_extremal(&self, place: usize) -> bool {
        let graph = self.graph();
        let graph: Vec<&[VariableId]> = graph.iter().map(Vec::as_slice).collect();
        let decision = self.diagram.decisions()[place].id;
        let mut family = self.information[place].clone();
        family.push(decision);
        family.extend(self.evidence.iter().map(|(id, _)| id));
        let mut others: Vec<VariableId> = Vec::new();
        for (other, known) in self.diagram.decisions().iter().enumerate() {
            if other != place && self.tables[other].is_none() {
                others.extend(self.information[other].iter().chain([&known.id]).filter(|id| !family.contains(id)));
            }
        }
        let reached = reachable(&graph, &others, &family);
        !self.own_gains(&graph, decision).iter().any(|gain| reached[gain.index()])
    }

    /// Improves one policy at a time, from uniform ones, until none changes.
    fn in_turns(&mut self) -> Result<(), Error> {
        for _ in 0..TURNS_MAX {
            let mut changed = false;
            for place in (0..self.tables.len()).rev() {
                let better = Some(self.best(place)?);
                changed |= better != self.tables[place];
                self.tables[place] = better;
            }
            if !changed {
                break;
            }
        }
        Ok(())
    }

    /// The sum over everything but `kept` of the probabilities, times one of the gains if there is one.
    fn sum(&self, kept: &[VariableId], gain: Option<&[Factor]>, without: Option<usize>) -> Result<Factor, Error> {
        let mut asked: Vec<VariableId> = kept.to_vec();
        asked.extend(gain.into_iter().flatten().flat_map(|factor| factor.domain().variables()));
        asked.extend(self.policies(without).flat_map(|(_, table)| table.domain().variables()));
        asked.sort();
        asked.dedup();
        asked.retain(|&id| self.evidence.state(id).is_none());
        let mut tables: Contraction = query::tables(self.diagram.network(), &asked, self.evidence)?;
        let state = |id| self.evidence.state(id);
        for (size, table) in self.policies(without) {
            // The decision's own table is uniform; the policy takes its place.
            let mut table = table.slice(state);
            table.values_mut().iter_mut().for_each(|value| *value *= size);
            tables.factors.push(table);
        }
        tables.factors.extend(gain.into_iter().flatten().map(|factor| factor.slice(state)));
        let (mut factor, ln_scale) = tables.sum_onto(kept, self.memory_max)?;
        let scale = (ln_scale - self.ln_evidence).exp();
        factor.values_mut().iter_mut().for_each(|value| *value *= scale);
        Ok(factor)
    }

    /// The solved policies but one, each with the number of its decision's options.
    fn policies(&self, without: Option<usize>) -> impl Iterator<Item = (f64, &Factor)> {
        let solved = self.tables.iter().enumerate().filter(move |(place, _)| Some(*place) != without);
        solved.filter_map(|(place, table)| {
            let options = self.diagram.network().states(self.diagram.decisions()[place].id);
            Some((options as f64, table.as_ref()?))
        })
    }

    /// The probability of each situation of a decision and each option, the options equally probable; and the sum of the
    /// gains there, weighted with it.
    fn situations(&self, place: usize, only_own: bool) -> Result<(Factor, Factor), Error> {
        let decision = self.diagram.decisions()[place].id;
        let mut kept = self.information[place].clone();
        kept.push(decision);
        let probability = self.sum(&kept, None, Some(place))?;
        let mut total = Factor::constant(probability.domain().clone(), 0.0);
        let graph = self.graph();
        let graph: Vec<&[VariableId]> = graph.iter().map(Vec::as_slice).collect();
        let own = self.own_gains(&graph, decision);
        for (index, gain) in self.gains.iter().enumerate() {
            if !only_own || own.contains(&VariableId::at(self.diagram.network().len() + index)) {
                total.add(&self.sum(&kept, Some(gain), Some(place))?);
            }
        }
        Ok((probability, total))
    }

    /// The best policy of a decision while the others stay, as a table of 0 and 1.
    fn best(&self, place: usize) -> Result<Factor, Error> {
        let (probability, mut total) = self.situations(place, true)?;
        let options = self.diagram.network().states(self.diagram.decisions()[place].id);
        for (row, mass) in total.values_mut().chunks_exact_mut(options).zip(probability.values().chunks_exact(options))
        {
            let choice = first_largest(row, self.range * mass.iter().sum::<f64>());
            row.fill(0.0);
            row[choice] = 1.0;
        }
        Ok(total)
    }

    fn solution(&self, is_global: bool) -> Result<Solution, Error> {
        let mut policies = Vec::new();
        for place in 0..self.tables.len() {
            policies.push(self.policy(place)?);
        }
        let mut total = 0.0;
        for gain in &self.gains {
            total += self.sum(&[], Some(gain), None)?.values()[0];
        }
        let certainty_equivalent = self.amount(total);
        let expected_utility = match self.diagram.risk() {
            Risk::Neutral => total,
            Risk::Tolerance(tolerance) => tolerance.signum() * (1.0 - (-certainty_equivalent / tolerance).exp()),
        };
        Ok(Solution { policies, expected_utility, certainty_equivalent, is_global })
    }

    /// The sure amount of an expected gain.
    fn amount(&self, expected: f64) -> f64 {
        match self.diagram.risk() {
            Risk::Neutral => expected,
            Risk::Tolerance(tolerance) => self.shift - tolerance * expected.abs().max(f64::MIN_POSITIVE).ln(),
        }
    }

    fn policy(&self, place: usize) -> Result<Policy, Error> {
        let decision = self.diagram.decisions()[place].id;
        let options = self.diagram.network().states(decision);
        let (probability, total) = self.situations(place, false)?;
        let domain: &Domain = probability.domain();
        let table = self.tables[place].as_ref().expect("every decision was solved");
        let mut advice = Vec::new();
        for start in (0..domain.cells()).step_by(options) {
            let mut known = domain.states_of(start);
            known.pop();
            let mass = &probability.values()[start..start + options];
            let expected = |(gain, mass): (&f64, &f64)| if *mass > 0.0 { self.amount(gain / mass) } else { 0.0 };
            let choice = crate::factor::largest(&table.values()[start..start + options]);
            advice.push(Advice {
                known,
                probability: mass.iter().sum(),
                expected: total.values()[start..start + options].iter().zip(mass).map(expected).collect(),
                choice,
            });
        }
        Ok(Policy { decision, information: self.information[place].clone(), advice })
    }
}

/// `exp(-(u - worst) / tolerance)`, which is at most 1, and the worst amount.
fn exponential(values: &Factor, tolerance: f64) -> (Factor, f64) {
    let worse = |a: f64, b: &f64| if tolerance > 0.0 { a.min(*b) } else { a.max(*b) };
    let worst = values.values().iter().fold(tolerance.signum() * f64::INFINITY, worse);
    let mut factor = values.clone();
    factor.values_mut().iter_mut().for_each(|value| *value = (-(*value - worst) / tolerance).exp());
    (factor, worst)
}

/// The first option whose number is the largest but for rounding.
fn first_largest(row: &[f64], range: f64) -> usize {
    let largest = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    row.iter().position(|&value| value >= largest - (range + largest.abs()) * TIE).unwrap_or(0)
}
