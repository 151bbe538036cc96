//! QL-ECHO-Bridge: a timeline as a Bayesian network and as an influence diagram.
//!
//! Every event becomes a variable that says whether it ever happens: a noisy or over its causes, and over what it needs.
//! Facts that have causes are evidence about them; decisions become decisions, and `informs` what is known when they are
//! taken. When things happen is not part of these models, so timelines in which that decides whether they happen
//! (`prevents`) or what they are worth (a cost of lateness) are refused: the models over time answer for those.
//!
//! Over time ([`timed_network`], [`timed_diagram`]) every event's variable says in which slice of time it happens.

mod back;
mod error;
mod model;
mod slices;
mod timed;
mod timed_answers;

use std::collections::BTreeMap;

use nexus_echo::{Graph, Micros};
use nexus_qlogik::influence::{self, Diagram};
use nexus_qlogik::{Evidence, JunctionTree, MEMORY_MAX, Network};

pub use back::timeline;
pub use error::BridgeError;
pub use slices::{SLICES_MAX, Slices};
pub use timed::{TimedDecisionModel, TimedModel};
pub use timed_answers::{Bound, Effort, Method, TimedBelief, TimedBeliefs, TimedPolicy, timed_beliefs, timed_policy};

/// What was seen of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen {
    /// It happened at this time.
    At(Micros),
    /// It had not happened by this time.
    NotBy(Micros),
}

/// A timeline as a network, with what its facts say.
#[derive(Debug, Clone)]
pub struct BeliefModel {
    /// One variable an event, by its name, with the states `no` and `yes`; one more for each decision, `choose NAME`.
    pub network: Network,
    /// The facts that have causes.
    pub evidence: Evidence,
}

/// A timeline as an influence diagram, with what its facts say.
#[derive(Debug, Clone)]
pub struct DecisionModel {
    /// As [`BeliefModel::network`], with decisions and utilities.
    pub diagram: Diagram,
    /// The facts that have causes.
    pub evidence: Evidence,
}

/// What to do, by what is known.
#[derive(Debug, Clone, PartialEq)]
pub struct Advice {
    /// The decision's name.
    pub decision: String,
    /// The options that were taken at earlier decisions.
    pub after: Vec<(String, String)>,
    /// What is known of it that matters: events, and whether they happened.
    pub known: Vec<(String, bool)>,
    /// The option to take.
    pub choose: String,
    /// Options with their expected utilities, in the timeline's order.
    pub options: Vec<(String, f64)>,
    /// How likely the situation is.
    pub probability: f64,
}

/// The best policy of a timeline.
#[derive(Debug, Clone, PartialEq)]
pub struct Policy {
    /// Its expected utility.
    pub utility: f64,
    /// What to do in each situation that can come up.
    pub advice: Vec<Advice>,
}

/// A timeline's beliefs as a network. Open decisions take each option with equal chance, as in a forecast.
///
/// # Errors
/// [`BridgeError::Timed`] where times matter, [`BridgeError::TooManyParents`], and what the network refuses.
pub fn network(graph: &Graph) -> Result<BeliefModel, BridgeError> {
    model::network(graph)
}

/// A timeline's decisions as an influence diagram.
///
/// # Errors
/// As [`network`]; without decisions or utilities.
pub fn diagram(graph: &Graph) -> Result<DecisionModel, BridgeError> {
    model::diagram(graph)
}

/// A timeline over time as a dynamic Bayesian network. Open decisions take each option with equal chance.
///
/// # Errors
/// What the network refuses, such as circles.
pub fn timed_network(graph: &Graph, slices: Slices) -> Result<TimedModel, BridgeError> {
    timed::network(graph, slices)
}

/// A timeline's decisions over time as an influence diagram.
///
/// # Errors
/// As [`timed_network`]; without decisions or utilities.
pub fn timed_diagram(graph: &Graph, slices: Slices) -> Result<TimedDecisionModel, BridgeError> {
    timed::diagram(graph, slices)
}

/// How likely each event is, given the facts and what else was observed; exact.
///
/// # Errors
/// As [`network`]; observations that cannot be together; a network too entangled for the memory allowed.
pub fn beliefs(graph: &Graph, observed: &BTreeMap<String, bool>) -> Result<BTreeMap<String, f64>, BridgeError> {
    let BeliefModel { network, mut evidence } = network(graph)?;
    for (name, happened) in observed {
        evidence.observe(network.find(name)?, usize::from(*happened));
    }
    let tree = JunctionTree::compile(&network, MEMORY_MAX)?;
    let beliefs = tree.beliefs(&evidence)?;
    let of =
        |node: &std::sync::Arc<nexus_echo::TimeNode>| Ok((node.name.clone(), beliefs.of(network.find(&node.name)?)[1]));
    graph.nodes.iter().map(of).collect()
}

/// The best policy for a timeline's decisions, given the facts and what else was observed before the first of them; exact.
///
/// # Errors
/// As [`diagram`]; evidence on what follows from a decision.
pub fn policy(graph: &Graph, observed: &BTreeMap<String, bool>) -> Result<Policy, BridgeError> {
    let DecisionModel { diagram, mut evidence } = diagram(graph)?;
    let network = diagram.network();
    for (name, happened) in observed {
        evidence.observe(network.find(name)?, usize::from(*happened));
    }
    let solution = influence::policy::solve(&diagram, &evidence, MEMORY_MAX)?;
    Ok(advised(&diagram, &solution))
}

/// A solution in the words of the timeline.
fn advised(diagram: &Diagram, solution: &influence::policy::Solution) -> Policy {
    let network = diagram.network();
    let mut advice = Vec::new();
    for policy in &solution.policies {
        let variable = network.variable(policy.decision);
        for found in policy.advice.iter().filter(|found| found.probability > 0.0) {
            let decision = model::decided(&variable.name).to_owned();
            let (mut after, mut known) = (Vec::new(), Vec::new());
            for (&id, &state) in policy.information.iter().zip(&found.known) {
                let of = network.variable(id);
                if diagram.decision(id).is_some() {
                    after.push((model::decided(&of.name).to_owned(), of.states[state].clone()));
                } else {
                    known.push((model::known_of(&of.name, &decision).to_owned(), state == 1));
                }
            }
            advice.push(Advice {
                decision,
                after,
                known,
                choose: variable.states[found.choice].clone(),
                options: variable.states.iter().cloned().zip(found.expected.iter().copied()).collect(),
                probability: found.probability,
            });
        }
    }
    Policy { utility: solution.expected_utility, advice }
}
