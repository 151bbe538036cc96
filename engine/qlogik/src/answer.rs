//! Answers that explain themselves: what is believed, which evidence moved it and by how much, and the runner-up.
//!
//! Every front end (the command line, M-CODE, the runtime) asks here and prints or sends what comes back; the types are
//! the JSON that users see. Nothing is constant: every number follows from the model.

mod advice;
mod analysis;
pub(crate) mod text;
mod together;

pub use self::advice::{Advised, OptionValue, PolicyAnswer, RowAnswer, ValueAnswer, policy, value_of_information};
pub use self::analysis::{
    InfluenceAnswer, NumberAnswer, SensitivityAnswer, SeparationAnswer, StrengthAnswer, influence, sensitivity,
    separation,
};
pub use self::text::values;
pub use self::together::{
    Assignment, COMBINATIONS_MAX, Combination, JointAnswer, LikeliestAnswer, RunnerUp, joint, likeliest,
};

use serde::Serialize;

use crate::domain::VariableId;
use crate::error::Error;
use crate::evidence::{Evidence, Finding};
use crate::factor::largest;
use crate::junction_tree::{Cost, JunctionTree};
use crate::network::Network;
use crate::sampling::{Estimate, gibbs, likelihood_weighting};

/// How to answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Method {
    /// Exactly if the memory allows, else sampled; by walks where samples hardly ever agree with the evidence.
    #[default]
    Automatic,
    /// Exactly, or not at all.
    Exact,
    /// From samples along the arrows, weighted by the evidence.
    Sampled,
    /// From walks through the states that agree with the evidence (Gibbs).
    Gibbs,
}

/// What an answer may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Effort {
    /// How to answer.
    pub method: Method,
    /// Bytes that an exact answer may take.
    pub memory_max: u64,
    /// Samples of a sampled answer.
    pub samples: usize,
    /// Seed of a sampled answer.
    pub seed: u64,
}

impl Default for Effort {
    fn default() -> Self {
        Effort { method: Method::Automatic, memory_max: crate::MEMORY_MAX, samples: 100_000, seed: 0 }
    }
}

/// The belief in one state.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StateBelief {
    /// The state.
    pub state: String,
    /// Its probability.
    pub probability: f64,
    /// Of a sampled answer: the interval that holds the true probability in 95 % of seeds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interval: Option<[f64; 2]>,
}

/// What is believed of one variable.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct VariableBelief {
    /// The variable.
    pub variable: String,
    /// Its states, in the order of the model.
    pub states: Vec<StateBelief>,
    /// The most probable state.
    pub best: String,
    /// The second most probable, where there are two.
    pub runner_up: Option<String>,
    /// By how much the best is more probable than the runner-up.
    pub margin: f64,
    /// Whether its state was given.
    pub is_evidence: bool,
}

/// What is believed of every variable asked for.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Evaluation {
    /// The model's name.
    pub model: String,
    /// `exact`, `sampled` or `gibbs`.
    pub method: &'static str,
    /// Why this method, in a sentence.
    pub because: String,
    /// Natural logarithm of the probability of the evidence; walks do not tell it.
    pub ln_evidence: Option<f64>,
    /// Of a sampled answer: how many unweighted samples it is worth.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub effective_samples: Option<f64>,
    /// Of walks: how far they disagree. Near 1 where they went everywhere; above 1.1 more samples are needed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disagreement: Option<f64>,
    /// The beliefs.
    pub beliefs: Vec<VariableBelief>,
}

/// How one piece of evidence moved a belief.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Impact {
    /// What was known, as `variable = state`.
    pub evidence: String,
    /// The probability of the explained state without it, all other evidence kept.
    pub without: f64,
    /// The probability of the explained state with it and nothing else.
    pub alone: f64,
    /// How much it moved the probability: with all evidence, less without it.
    pub shift: f64,
    /// The same as weight of evidence: the change of the logarithm of the odds, in decibans (Good 1950). None where a
    /// probability is 0 or 1.
    pub decibans: Option<f64>,
}

/// Why a variable is believed to have its state.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Explanation {
    /// The model's name.
    pub model: String,
    /// The belief that is explained.
    pub belief: VariableBelief,
    /// The belief in the best state without any evidence.
    pub prior: f64,
    /// Every piece of evidence, the one that moved the belief most first.
    pub impacts: Vec<Impact>,
}

/// What is believed of the variables asked for (all, if none are named).
///
/// Errors: names and evidence that do not fit, and where the method is exact [`Error::TooLarge`].
pub fn evaluate(
    network: &Network,
    asked: &[VariableId],
    evidence: &Evidence,
    effort: Effort,
) -> Result<Evaluation, Error> {
    let cost = Cost::exact(network, effort.memory_max);
    let fits = cost.complete && cost.bytes <= effort.memory_max;
    let too_large =
        || format!("an exact answer needs at least {} bytes and may take {}", cost.bytes, effort.memory_max);
    let question = Question { network, asked, evidence, effort };
    match effort.method {
        Method::Exact => question.exactly(&cost),
        Method::Automatic if fits => question.exactly(&cost),
        Method::Sampled => question.sampled("samples were asked for".to_owned()),
        Method::Gibbs => question.walked("walks were asked for".to_owned()),
        Method::Automatic => match question.sampled(too_large()) {
            Err(Error::NoSamples(_)) => {
                question.walked(format!("{}, and samples hardly ever agree with the evidence", too_large()))
            }
            other => other,
        },
    }
}

/// What is asked of a network, and what the answer may cost.
struct Question<'a> {
    network: &'a Network,
    asked: &'a [VariableId],
    evidence: &'a Evidence,
    effort: Effort,
}

impl Question<'_> {
    fn exactly(&self, cost: &Cost) -> Result<Evaluation, Error> {
        let tree = JunctionTree::compile(self.network, self.effort.memory_max)?;
        let beliefs = tree.beliefs(self.evidence)?;
        let because = format!("the largest table has {} cells, all take {} bytes", cost.largest, tree.bytes());
        let of = |id| belief(self.network, self.evidence, id, beliefs.of(id), None);
        Ok(Evaluation { ln_evidence: Some(beliefs.ln_evidence()), ..self.evaluation("exact", because, of) })
    }

    fn sampled(&self, because: String) -> Result<Evaluation, Error> {
        let sampled = likelihood_weighting(self.network, self.evidence, self.effort.samples, self.effort.seed)?;
        let of = |id| self.estimated(id, &sampled.beliefs);
        Ok(Evaluation {
            ln_evidence: Some(sampled.ln_evidence),
            effective_samples: Some(sampled.effective),
            ..self.evaluation("sampled", because, of)
        })
    }

    fn walked(&self, because: String) -> Result<Evaluation, Error> {
        let walked = gibbs(self.network, self.evidence, self.effort.samples, self.effort.seed)?;
        let of = |id| self.estimated(id, &walked.beliefs);
        Ok(Evaluation { disagreement: Some(walked.disagreement), ..self.evaluation("gibbs", because, of) })
    }

    fn estimated(&self, id: VariableId, beliefs: &[Vec<Estimate>]) -> VariableBelief {
        let estimates = &beliefs[id.index()];
        let probabilities: Vec<f64> = estimates.iter().map(|estimate| estimate.probability).collect();
        belief(self.network, self.evidence, id, &probabilities, Some(estimates))
    }

    fn evaluation(
        &self,
        method: &'static str,
        because: String,
        of: impl Fn(VariableId) -> VariableBelief,
    ) -> Evaluation {
        let beliefs = if self.asked.is_empty() {
            self.network.ids().map(of).collect()
        } else {
            self.asked.iter().copied().map(of).collect()
        };
        Evaluation {
            model: self.network.name().to_owned(),
            method,
            because,
            ln_evidence: None,
            effective_samples: None,
            disagreement: None,
            beliefs,
        }
    }
}

fn belief(
    network: &Network,
    evidence: &Evidence,
    id: VariableId,
    probabilities: &[f64],
    estimates: Option<&[Estimate]>,
) -> VariableBelief {
    let variable = network.variable(id);
    let best = largest(probabilities);
    let rest = (0..probabilities.len()).filter(|&state| state != best);
    let runner_up = rest.max_by(|&a, &b| probabilities[a].total_cmp(&probabilities[b]).then(b.cmp(&a)));
    let state = |(place, state): (usize, &String)| StateBelief {
        state: state.clone(),
        probability: probabilities[place],
        interval: estimates.map(|estimates| [estimates[place].low, estimates[place].high]),
    };
    VariableBelief {
        variable: variable.name.clone(),
        states: variable.states.iter().enumerate().map(state).collect(),
        best: variable.states[best].clone(),
        runner_up: runner_up.map(|state| variable.states[state].clone()),
        margin: probabilities[best] - runner_up.map_or(0.0, |state| probabilities[state]),
        is_evidence: evidence.state(id).is_some(),
    }
}

/// Why a variable is believed to be in its most probable state: each piece of evidence is left out once, and taken alone
/// once.
///
/// Errors: as of [`evaluate`]; always exact.
pub fn explain(
    network: &Network,
    target: VariableId,
    evidence: &Evidence,
    memory_max: u64,
) -> Result<Explanation, Error> {
    let tree = JunctionTree::compile(network, memory_max)?;
    let posterior = tree.beliefs(evidence)?;
    let belief = belief(network, evidence, target, posterior.of(target), None);
    let best = largest(posterior.of(target));
    let with = posterior.of(target)[best];
    let prior = tree.beliefs(&Evidence::new())?.of(target)[best];
    let mut impacts = Vec::new();
    for (id, finding) in evidence.iter().filter(|(id, _)| *id != target) {
        let without = tree.beliefs(&evidence.without(id))?.of(target)[best];
        let mut single = Evidence::new();
        let variable = network.variable(id);
        let evidence = match finding {
            Finding::State(state) => {
                single.observe(id, *state);
                format!("{} = {}", variable.name, variable.states[*state])
            }
            Finding::Likelihood(values) => {
                single.likelihood(id, values.clone());
                format!("{} is likely as {values:?}", variable.name)
            }
        };
        let alone = tree.beliefs(&single)?.of(target)[best];
        let decibans = 10.0 * ((with / (1.0 - with)) / (without / (1.0 - without))).log10();
        let decibans = decibans.is_finite().then_some(decibans);
        impacts.push(Impact { evidence, without, alone, shift: with - without, decibans });
    }
    impacts.sort_by(|a, b| b.shift.abs().total_cmp(&a.shift.abs()));
    Ok(Explanation { model: network.name().to_owned(), belief, prior, impacts })
}
