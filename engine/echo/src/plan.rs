//! What to do: the best options at a timeline's decisions, by what is known when they are made.
//!
//! Exact backward induction where chance is a few coin tosses; Monte Carlo tree search, with intervals, where it is not.
//! A decision knows the events that inform it (triggers of kind `informs`) and every earlier choice.

mod exact;
mod search;
mod world;

use serde::Serialize;

use crate::EchoError;
use crate::forecast::{Choices, Interval, Model};
use crate::graph::Graph;

/// What is known at a decision, and what to do then.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Rule {
    /// The decision.
    pub decision: String,
    /// What is known: events that inform it, and whether they have happened.
    pub known: Vec<(String, bool)>,
    /// Choices made before.
    pub after: Vec<(String, String)>,
    /// The option to take.
    pub choose: String,
    /// How likely this situation comes up under the policy.
    pub probability: f64,
    /// Every option with the expected utility of taking it here and going on as well as possible, best first.
    pub options: Vec<OptionValue>,
}

/// One option of a rule.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct OptionValue {
    /// Its name.
    pub option: String,
    /// Expected utility when it is taken here.
    pub utility: f64,
    /// By how much that is less than the best option's.
    pub regret: f64,
}

/// What would be gained by knowing the outcome of a chance before the first decision.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Uncertainty {
    /// The event, or the trigger as `from kind to`.
    pub what: String,
    /// Expected value of perfect information about it, in units of utility; from 0.
    pub value: f64,
}

/// How an answer was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// Backward induction over every outcome.
    Exact,
    /// Tree search on sampled futures.
    TreeSearch,
}

/// A policy and what it is worth.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Plan {
    /// How it was found.
    pub method: Method,
    /// Expected utility of following the rules.
    pub utility: f64,
    /// Its confidence interval of 95 %; from futures that the search has not seen. A point if exact.
    pub utility_95: Interval,
    /// What to do in every situation that can come up, in the order of decisions, likeliest first.
    pub rules: Vec<Rule>,
    /// Which uncertainty matters most, most first. Only from the exact method.
    pub uncertainties: Vec<Uncertainty>,
}

/// How much to think.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlanSettings {
    /// Futures that the search samples, and again as many to value what it found.
    pub rollouts: u64,
    /// Seed of all chance.
    pub seed: u64,
    /// Search even where the exact method could answer.
    pub search: bool,
}

impl Default for PlanSettings {
    fn default() -> Self {
        PlanSettings { rollouts: 100_000, seed: 1, search: false }
    }
}

/// Finds the best policy for the decisions of a graph.
///
/// # Errors
/// [`EchoError::Unanswerable`] for a timeline without decisions or with circles, and for a decision informed by what
/// comes after it.
pub fn plan(graph: &Graph, choices: &Choices, settings: PlanSettings) -> Result<Plan, EchoError> {
    let model = Model::new(graph, choices)?;
    let stages = world::stages(graph, &model)?;
    let exact = if settings.search { None } else { exact::Chance::of(&model) };
    match exact {
        Some(chance) if chance.fits(&model, &stages) => Ok(exact::plan(graph, &model, &stages, &chance)),
        _ => Ok(search::plan(graph, &model, &stages, settings)),
    }
}
