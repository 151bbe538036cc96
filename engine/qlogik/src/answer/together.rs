//! Answers about several variables at once: how probable their states are together, and which are the most probable.
//!
//! The runner-up of the most probable states is exact: it has another state of at least one variable, so it is the best of
//! the answers in which one variable may not have its best state (Lawler 1972, his first step).

use std::fmt;

use serde::Serialize;

use super::text::{percent, width};
use crate::domain::VariableId;
use crate::error::Error;
use crate::evidence::{Evidence, Finding};
use crate::junction_tree::{Explanation, JunctionTree};
use crate::network::Network;
use crate::query;

/// The most combinations of states that are listed.
pub const COMBINATIONS_MAX: usize = 1_000;
/// Combinations that the text lists.
const LINES_MAX: usize = 32;

/// A variable with a state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Assignment {
    /// The variable.
    pub variable: String,
    /// The state.
    pub state: String,
}

/// How probable one combination of states is.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Combination {
    /// The states, in the order of the variables.
    pub states: Vec<String>,
    /// Their probability together, given the evidence.
    pub probability: f64,
}

/// How probable the states of several variables are together.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct JointAnswer {
    /// The model's name.
    pub model: String,
    /// The variables.
    pub variables: Vec<String>,
    /// The combinations of their states, the most probable first; the first [`COMBINATIONS_MAX`].
    pub combinations: Vec<Combination>,
    /// Combinations that are not listed.
    pub more: usize,
    /// Natural logarithm of the probability of the evidence.
    pub ln_evidence: f64,
}

/// The most probable states of several variables together.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LikeliestAnswer {
    /// The model's name.
    pub model: String,
    /// The state of each variable that was asked for; of all whose state is not known, if none was.
    pub states: Vec<Assignment>,
    /// Their probability together, given the evidence.
    pub probability: f64,
    /// Natural logarithm of the probability of the states and the evidence.
    pub ln_probability: f64,
    /// Natural logarithm of the probability of the evidence.
    pub ln_evidence: f64,
    /// The second most probable; none where nothing else is possible.
    pub runner_up: Option<RunnerUp>,
}

/// The second most probable states.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RunnerUp {
    /// Where they differ from the most probable.
    pub instead: Vec<Assignment>,
    /// Their probability together, given the evidence.
    pub probability: f64,
}

/// How probable the states of some variables are together.
///
/// Errors: as of [`query::joint`].
pub fn joint(
    network: &Network,
    variables: &[VariableId],
    evidence: &Evidence,
    memory_max: u64,
) -> Result<JointAnswer, Error> {
    let (table, ln_evidence) = query::joint(network, variables, evidence, memory_max)?;
    let mut cells: Vec<_> = table.cells().collect();
    cells.sort_by(|a, b| b.value.total_cmp(&a.value).then_with(|| a.states.cmp(&b.states)));
    let more = cells.len().saturating_sub(COMBINATIONS_MAX);
    let name = |(&id, &state): (&VariableId, &usize)| network.variable(id).states[state].clone();
    let combination = |cell: &crate::factor::Cell| Combination {
        states: variables.iter().zip(&cell.states).map(name).collect(),
        probability: cell.value,
    };
    Ok(JointAnswer {
        model: network.name().to_owned(),
        variables: variables.iter().map(|&id| network.variable(id).name.clone()).collect(),
        combinations: cells.iter().take(COMBINATIONS_MAX).map(combination).collect(),
        more,
        ln_evidence,
    })
}

/// The most probable states together: of the variables asked for, whatever all others are (maximum a posteriori), or of all
/// variables (the most probable explanation) where none is asked for.
///
/// Errors: as of [`query::most_probable`] and [`JunctionTree::most_probable`].
pub fn likeliest(
    network: &Network,
    variables: &[VariableId],
    evidence: &Evidence,
    memory_max: u64,
) -> Result<LikeliestAnswer, Error> {
    let search = Search::new(network, variables, evidence, memory_max)?;
    let best = search.best(evidence)?;
    let open: Vec<(VariableId, usize)> = best
        .variables
        .iter()
        .copied()
        .zip(best.states.iter().copied())
        .filter(|&(id, _)| evidence.state(id).is_none())
        .collect();
    let mut second: Option<Explanation> = None;
    for &(id, state) in &open {
        let found = match search.best(&without_state(network, evidence, id, state)) {
            Ok(found) => found,
            Err(Error::ImpossibleEvidence(_)) => continue,
            Err(error) => return Err(error),
        };
        if second.as_ref().is_none_or(|known| found.ln_probability > known.ln_probability) {
            second = Some(found);
        }
    }
    let assignment = |id: VariableId, state: usize| {
        let variable = network.variable(id);
        Assignment { variable: variable.name.clone(), state: variable.states[state].clone() }
    };
    let runner_up = second.map(|second| {
        let differs =
            |(&id, (&now, &then)): (&VariableId, (&usize, &usize))| (now != then).then(|| assignment(id, then));
        let both = best.states.iter().zip(&second.states);
        RunnerUp {
            instead: best.variables.iter().zip(both).filter_map(differs).collect(),
            probability: (second.ln_probability - best.ln_evidence).exp().min(1.0),
        }
    });
    Ok(LikeliestAnswer {
        model: network.name().to_owned(),
        states: open.iter().map(|&(id, state)| assignment(id, state)).collect(),
        probability: best.probability(),
        ln_probability: best.ln_probability,
        ln_evidence: best.ln_evidence,
        runner_up,
    })
}

/// One way to find most probable states, asked several times.
enum Search<'a> {
    All(JunctionTree),
    Some { network: &'a Network, variables: &'a [VariableId], memory_max: u64 },
}

impl<'a> Search<'a> {
    fn new(
        network: &'a Network,
        variables: &'a [VariableId],
        evidence: &Evidence,
        memory_max: u64,
    ) -> Result<Self, Error> {
        let open = network.ids().filter(|&id| evidence.state(id).is_none()).count();
        if variables.is_empty() || variables.len() == open && variables.iter().all(|&id| evidence.state(id).is_none()) {
            return JunctionTree::compile(network, memory_max).map(Search::All);
        }
        Ok(Search::Some { network, variables, memory_max })
    }

    fn best(&self, evidence: &Evidence) -> Result<Explanation, Error> {
        match self {
            Search::All(tree) => tree.most_probable(evidence),
            Search::Some { network, variables, memory_max } => {
                query::most_probable(network, variables, evidence, *memory_max)
            }
        }
    }
}

/// The evidence, and that a variable does not have a state.
fn without_state(network: &Network, evidence: &Evidence, id: VariableId, state: usize) -> Evidence {
    let mut weights = match evidence.get(id) {
        Some(Finding::Likelihood(values)) => values.clone(),
        Some(Finding::State(_)) | None => vec![1.0; network.states(id)],
    };
    weights[state] = 0.0;
    let mut evidence = evidence.clone();
    evidence.likelihood(id, weights);
    evidence
}

impl fmt::Display for JointAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = &self.combinations[..self.combinations.len().min(LINES_MAX)];
        let column = |place: usize| {
            let states = shown.iter().map(|combination| combination.states[place].as_str());
            width(states.chain([self.variables[place].as_str()]))
        };
        let widths: Vec<usize> = (0..self.variables.len()).map(column).collect();
        let line = |f: &mut fmt::Formatter<'_>, words: &[String]| {
            words.iter().zip(&widths).try_for_each(|(word, width)| write!(f, "{word:width$}  "))
        };
        line(f, &self.variables)?;
        writeln!(f, "{:>8}", "together")?;
        for combination in shown {
            line(f, &combination.states)?;
            writeln!(f, "{}", percent(combination.probability))?;
        }
        match self.more + self.combinations.len() - shown.len() {
            0 => Ok(()),
            more => writeln!(f, "… and {more} more, less probable"),
        }
    }
}

impl fmt::Display for LikeliestAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = width(self.states.iter().map(|one| one.variable.as_str()));
        for Assignment { variable, state } in &self.states {
            writeln!(f, "{variable:names$}  {state}")?;
        }
        writeln!(f, "\ntogether {}", percent(self.probability).trim_start())?;
        let Some(RunnerUp { instead, probability }) = &self.runner_up else {
            return writeln!(f, "nothing else is possible");
        };
        let instead: Vec<String> = instead.iter().map(|one| format!("{} = {}", one.variable, one.state)).collect();
        writeln!(f, "the runner-up has {}, together {}", instead.join(", "), percent(*probability).trim_start())
    }
}
