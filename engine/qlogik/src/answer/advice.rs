//! What to do, and what to find out first, with names.
//!
//! Wraps `influence::policy` and `influence::information`, which know variables by number.

use serde::Serialize;

use crate::domain::VariableId;
use crate::error::Error;
use crate::evidence::Evidence;
use crate::influence::policy::{Advice, Policy, solve};
use crate::influence::{Diagram, information};

/// An option with what it is worth.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct OptionValue {
    /// The option.
    pub option: String,
    /// Expected utility (certainty equivalent, where risk matters).
    pub expected: f64,
}

/// What to do in one situation.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RowAnswer {
    /// What is known, as pairs of variable and state.
    pub known: Vec<[String; 2]>,
    /// How probable the situation is if the policy is followed. In a situation of probability 0 any option is as good.
    pub probability: f64,
    /// What to do.
    pub choice: String,
    /// The second best.
    pub runner_up: Option<String>,
    /// What the second best would lose.
    pub margin: f64,
    /// All options.
    pub options: Vec<OptionValue>,
}

/// What to do at one decision.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PolicyAnswer {
    /// The decision.
    pub decision: String,
    /// What it depends on: the part of what is known that matters.
    pub depends_on: Vec<String>,
    /// What is known and does not matter.
    pub ignores: Vec<String>,
    /// What to do in each situation.
    pub rows: Vec<RowAnswer>,
}

/// What to do at every decision.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Advised {
    /// The model's name.
    pub model: String,
    /// Expected utility of following the advice.
    pub expected_utility: f64,
    /// The sure amount that is worth as much.
    pub certainty_equivalent: f64,
    /// Whether no policy is better.
    pub is_global: bool,
    /// The decisions, in order.
    pub policies: Vec<PolicyAnswer>,
}

/// What knowing a variable would be worth.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ValueAnswer {
    /// The variable.
    pub variable: String,
    /// The decision before which it would be known.
    pub decision: String,
    /// The most to pay for knowing it.
    pub value: f64,
    /// What the best policy is worth without it.
    pub without: f64,
    /// What the best policy is worth with it.
    pub with: f64,
}

/// What to do at every decision, given evidence.
///
/// Errors: as of [`solve`].
pub fn policy(diagram: &Diagram, evidence: &Evidence, memory_max: u64) -> Result<Advised, Error> {
    let solution = solve(diagram, evidence, memory_max)?;
    let known = diagram.information();
    let policies = solution.policies.iter().zip(&known).map(|(policy, known)| named(diagram, policy, known)).collect();
    Ok(Advised {
        model: diagram.name().to_owned(),
        expected_utility: solution.expected_utility,
        certainty_equivalent: solution.certainty_equivalent,
        is_global: solution.is_global,
        policies,
    })
}

fn named(diagram: &Diagram, policy: &Policy, known: &[VariableId]) -> PolicyAnswer {
    let name = |id: &VariableId| diagram.network().variable(*id).name.clone();
    PolicyAnswer {
        decision: name(&policy.decision),
        depends_on: policy.information.iter().map(name).collect(),
        ignores: known.iter().filter(|id| !policy.information.contains(id)).map(name).collect(),
        rows: policy.advice.iter().map(|advice| row(diagram, policy, advice)).collect(),
    }
}

fn row(diagram: &Diagram, policy: &Policy, advice: &Advice) -> RowAnswer {
    let state = |id: VariableId, state: usize| diagram.network().variable(id).states[state].clone();
    let option = |option: usize| state(policy.decision, option);
    let rest = (0..advice.expected.len()).filter(|&other| other != advice.choice);
    let runner_up = rest.max_by(|&a, &b| advice.expected[a].total_cmp(&advice.expected[b]).then(b.cmp(&a)));
    let known = policy.information.iter().zip(&advice.known);
    RowAnswer {
        known: known.map(|(&id, &known)| [diagram.network().variable(id).name.clone(), state(id, known)]).collect(),
        probability: advice.probability,
        choice: option(advice.choice),
        runner_up: runner_up.map(option),
        margin: runner_up.map_or(0.0, |other| advice.expected[advice.choice] - advice.expected[other]),
        options: advice
            .expected
            .iter()
            .enumerate()
            .map(|(place, &expected)| OptionValue { option: option(place), expected })
            .collect(),
    }
}

/// What it would be worth to know `of` before a decision (the last one, unless named), or with an accuracy below 1 a
/// report of it; without `of`, every variable that can be known then, the most valuable first.
///
/// Errors: as of [`information::value`].
pub fn value_of_information(
    diagram: &Diagram,
    of: Option<VariableId>,
    decision: Option<VariableId>,
    accuracy: f64,
    evidence: &Evidence,
    memory_max: u64,
) -> Result<Vec<ValueAnswer>, Error> {
    let last = diagram.decisions().last().map(|decision| decision.id);
    let decision = decision.or(last).ok_or_else(|| Error::BadDecision("the model has no decision".to_owned()))?;
    let values = match of {
        None => information::all_values(diagram, decision, evidence, memory_max)?,
        Some(of) => {
            let report = information::Report::accurate(diagram, of, accuracy)?;
            let report = (accuracy < 1.0).then_some(&report);
            vec![information::value(diagram, of, decision, report, evidence, memory_max)?]
        }
    };
    let name = |id: VariableId| diagram.network().variable(id).name.clone();
    let named = values.iter().map(|value| ValueAnswer {
        variable: name(value.of),
        decision: name(value.decision),
        value: value.amount(),
        without: value.without,
        with: value.with,
    });
    Ok(named.collect())
}
