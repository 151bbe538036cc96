//! Questions to the models over time: exact where the tables fit the memory allowed, sampled with error bars where they do
//! not.

use std::collections::BTreeMap;

use nexus_echo::Graph;
use nexus_echo::forecast::Choices;
use nexus_echo::plan::{PlanSettings, plan};
use nexus_qlogik::influence::policy::solve;
use nexus_qlogik::sampling::likelihood_weighting;
use nexus_qlogik::{Error, JunctionTree, MEMORY_MAX};

use crate::slices::Slices;
use crate::timed::{TimedDecisionModel, TimedModel, diagram, network, observe};
use crate::{Advice, BridgeError, Policy, Seen, advised};

/// What an answer may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Effort {
    /// Bytes that an exact answer may take.
    pub memory_max: u64,
    /// Samples where no exact answer fits.
    pub samples: usize,
    /// Seed of the samples.
    pub seed: u64,
}

impl Default for Effort {
    fn default() -> Self {
        Effort { memory_max: MEMORY_MAX, samples: 200_000, seed: 1 }
    }
}

/// How an answer was found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Method {
    /// From the tables.
    Exact,
    /// From samples, worth this many without weights.
    Sampled {
        /// The number.
        effective: f64,
    },
}

/// A probability with its interval of 95 %; a point if exact.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bound {
    /// The probability.
    pub probability: f64,
    /// Lower bound.
    pub low: f64,
    /// Upper bound.
    pub high: f64,
}

/// What is believed of one event.
#[derive(Debug, Clone, PartialEq)]
pub struct TimedBelief {
    /// Its name.
    pub event: String,
    /// For each slice how likely it has happened by its end.
    pub by: Vec<Bound>,
}

/// What is believed of all events.
#[derive(Debug, Clone, PartialEq)]
pub struct TimedBeliefs {
    /// How it was found.
    pub method: Method,
    /// The events, in the order of the graph.
    pub events: Vec<TimedBelief>,
}

/// What to do, over time.
#[derive(Debug, Clone, PartialEq)]
pub struct TimedPolicy {
    /// How it was found.
    pub method: Method,
    /// What to do, and what that is worth.
    pub policy: Policy,
}

/// How likely each event has happened by the end of each slice, given the facts and what else was seen.
///
/// # Errors
/// As [`crate::timed_network`]; observations that cannot be, or that hardly any sample agrees with.
pub fn timed_beliefs(
    graph: &Graph,
    slices: Slices,
    seen: &BTreeMap<String, Seen>,
    effort: Effort,
) -> Result<TimedBeliefs, BridgeError> {
    let TimedModel { network, mut evidence, .. } = network(graph, slices)?;
    for (name, seen) in seen {
        observe(&mut evidence, slices, network.find(name)?, *seen);
    }
    let ids = graph.nodes.iter().map(|node| network.find(&node.name)).collect::<Result<Vec<_>, _>>()?;
    let (method, states): (Method, Vec<Vec<f64>>) = match JunctionTree::compile(&network, effort.memory_max) {
        Ok(tree) => {
            let beliefs = tree.beliefs(&evidence)?;
            (Method::Exact, ids.iter().map(|id| beliefs.of(*id).to_vec()).collect())
        }
        Err(Error::TooLarge { .. }) => {
            let sampled = likelihood_weighting(&network, &evidence, effort.samples, effort.seed)?;
            let of = |id: &nexus_qlogik::VariableId| {
                sampled.beliefs[id.index()].iter().map(|estimate| estimate.probability).collect()
            };
            (Method::Sampled { effective: sampled.effective }, ids.iter().map(of).collect())
        }
        Err(error) => return Err(error.into()),
    };
    let events = graph.nodes.iter().zip(states).map(|(node, states)| {
        let mut sum = 0.0;
        let by = states[..slices.count()].iter().map(|share| {
            sum += share;
            bound(sum.min(1.0), method)
        });
        TimedBelief { event: node.name.clone(), by: by.collect() }
    });
    Ok(TimedBeliefs { method, events: events.collect() })
}

/// The interval of a share of samples (Wilson, "Probable inference, the law of succession, and statistical inference", 1927).
fn bound(probability: f64, method: Method) -> Bound {
    const Z: f64 = 1.959_963_984_540_054;
    let Method::Sampled { effective: n } = method else {
        return Bound { probability, low: probability, high: probability };
    };
    let scale = 1.0 + Z * Z / n;
    let centre = (probability + Z * Z / (2.0 * n)) / scale;
    let spread = Z * (probability * (1.0 - probability) / n + Z * Z / (4.0 * n * n)).sqrt() / scale;
    Bound { probability, low: (centre - spread).max(0.0), high: (centre + spread).min(1.0) }
}

/// The best policy over time, given the facts and what else was seen before the first decision. Where the tables do not
/// fit, tree search over sampled futures of the timeline itself answers, which takes facts into account but nothing else.
///
/// # Errors
/// As [`crate::timed_diagram`]; tables that do not fit, with something seen.
pub fn timed_policy(
    graph: &Graph,
    slices: Slices,
    seen: &BTreeMap<String, Seen>,
    effort: Effort,
) -> Result<TimedPolicy, BridgeError> {
    let TimedDecisionModel { diagram, mut evidence, .. } = diagram(graph, slices)?;
    for (name, seen) in seen {
        observe(&mut evidence, slices, diagram.network().find(name)?, *seen);
    }
    match solve(&diagram, &evidence, effort.memory_max) {
        Ok(solution) => Ok(TimedPolicy { method: Method::Exact, policy: advised(&diagram, &solution) }),
        Err(Error::TooLarge { .. }) if seen.is_empty() => {
            let settings = PlanSettings { rollouts: effort.samples as u64, seed: effort.seed, search: true };
            let found = plan(graph, &Choices::new(), settings)?;
            let advice = found.rules.into_iter().map(|rule| Advice {
                decision: rule.decision,
                after: rule.after,
                known: rule.known,
                choose: rule.choose,
                options: rule.options.into_iter().map(|option| (option.option, option.utility)).collect(),
                probability: rule.probability,
            });
            let policy = Policy { utility: found.utility, advice: advice.collect() };
            Ok(TimedPolicy { method: Method::Sampled { effective: effort.samples as f64 }, policy })
        }
        Err(error) => Err(error.into()),
    }
}
