//! What is known of some variables: their states, or how likely an observation is in each of their states.
//!
//! It holds no names: `Network::evidence` makes one from them.

use std::collections::BTreeMap;

use crate::domain::VariableId;
use crate::error::Error;

/// What is known of one variable.
#[derive(Debug, Clone, PartialEq)]
pub enum Finding {
    /// It has this state.
    State(usize),
    /// Something was observed that is this likely in each of its states (virtual evidence, Pearl 1988). Only the ratios
    /// matter.
    Likelihood(Vec<f64>),
}

/// What is known of some variables, each once.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Evidence {
    findings: BTreeMap<VariableId, Finding>,
}

impl Evidence {
    /// Nothing known.
    pub fn new() -> Self {
        Self::default()
    }

    /// The variable has this state. What was known of it before is replaced.
    pub fn observe(&mut self, id: VariableId, state: usize) -> &mut Self {
        self.findings.insert(id, Finding::State(state));
        self
    }

    /// Something was observed that is this likely in each state of the variable. What was known before is replaced.
    pub fn likelihood(&mut self, id: VariableId, likelihood: Vec<f64>) -> &mut Self {
        self.findings.insert(id, Finding::Likelihood(likelihood));
        self
    }

    /// The same without what is known of one variable.
    pub fn without(&self, id: VariableId) -> Evidence {
        let mut less = self.clone();
        less.findings.remove(&id);
        less
    }

    /// What is known of a variable.
    pub fn get(&self, id: VariableId) -> Option<&Finding> {
        self.findings.get(&id)
    }

    /// The state of a variable, where that is known.
    pub fn state(&self, id: VariableId) -> Option<usize> {
        match self.findings.get(&id) {
            Some(Finding::State(state)) => Some(*state),
            _ => None,
        }
    }

    /// Whether something is known of a variable.
    pub fn contains(&self, id: VariableId) -> bool {
        self.findings.contains_key(&id)
    }

    /// Whether nothing is known.
    pub fn is_empty(&self) -> bool {
        self.findings.is_empty()
    }

    /// On how many variables something is known.
    pub fn len(&self) -> usize {
        self.findings.len()
    }

    /// All that is known, by variable.
    pub fn iter(&self) -> impl Iterator<Item = (VariableId, &Finding)> {
        self.findings.iter().map(|(&id, finding)| (id, finding))
    }

    /// Whether it fits variables with these numbers of states.
    pub(crate) fn check(&self, sizes: &[usize]) -> Result<(), Error> {
        for (id, finding) in self.iter() {
            let Some(&size) = sizes.get(id.index()) else {
                return Err(Error::BadQuestion(format!("there is evidence on {id}, which the model does not have")));
            };
            match finding {
                Finding::State(state) if *state >= size => {
                    return Err(Error::BadQuestion(format!("state {state} was observed of {id}, which has {size}")));
                }
                Finding::Likelihood(values) if values.len() != size => {
                    let got = values.len();
                    return Err(Error::BadQuestion(format!("{id} has {size} states and was given {got} likelihoods")));
                }
                Finding::Likelihood(values) if !values.iter().all(|value| value.is_finite() && *value >= 0.0) => {
                    return Err(Error::BadQuestion(format!("a likelihood of {id} is negative or not a number")));
                }
                Finding::State(_) | Finding::Likelihood(_) => {}
            }
        }
        Ok(())
    }
}

impl Finding {
    /// How likely the finding is in each of `size` states.
    pub(crate) fn weights(&self, size: usize) -> Vec<f64> {
        match self {
            Finding::State(state) => (0..size).map(|index| f64::from(u8::from(index == *state))).collect(),
            Finding::Likelihood(values) => values.clone(),
        }
    }
}
