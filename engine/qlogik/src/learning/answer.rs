//! What was learned from data, as people and programs read it.
//!
//! The type is the JSON that users see, its `Display` the text.

use std::fmt;

use serde::Serialize;

use super::data::Data;
use super::{Learned, LearnedTable};
use crate::answer::text::{short, width};

/// What was learned.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LearnedAnswer {
    /// The model's name.
    pub model: String,
    /// Observations that were read.
    pub observations: u64,
    /// Whether every one gives the state of every variable.
    pub complete: bool,
    /// Rounds of expectation-maximisation; 1 where nothing is missing.
    pub rounds: usize,
    /// Whether the last round changed less than the tolerance.
    pub converged: bool,
    /// Natural logarithm of the probability of the data under the tables before.
    pub ln_likelihood_before: f64,
    /// The same under the learned tables.
    pub ln_likelihood: f64,
    /// By variable, the one that changed most first.
    pub tables: Vec<LearnedTable>,
    /// Variables whose noisy or or function was kept.
    pub kept: Vec<String>,
}

impl LearnedAnswer {
    /// What to say of what was learned from data.
    pub fn of(learned: &Learned, data: &Data) -> Self {
        LearnedAnswer {
            model: learned.network.name().to_owned(),
            observations: data.lines(),
            complete: data.is_complete(),
            rounds: learned.rounds,
            converged: learned.converged,
            ln_likelihood_before: learned.ln_likelihood_before,
            ln_likelihood: learned.ln_likelihood,
            tables: learned.tables.clone(),
            kept: learned.kept.clone(),
        }
    }
}

impl fmt::Display for LearnedAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = width(self.tables.iter().map(|table| table.variable.as_str())).max("table".len());
        writeln!(f, "{:names$}  {:>14}  {:>9}  {:>11}", "table", "largest change", "rows seen", "rows unseen")?;
        for table in &self.tables {
            let change = short(table.largest_change);
            writeln!(f, "{:names$}  {change:>14}  {:>9}  {:>11}", table.variable, table.seen, table.unseen)?;
        }
        if !self.kept.is_empty() {
            writeln!(f, "kept as they are: {}", self.kept.join(", "))?;
        }
        let missing = if self.complete { "nothing missing" } else { "values missing" };
        let rounds = if self.rounds == 1 { "1 round".to_owned() } else { format!("{} rounds", self.rounds) };
        writeln!(f, "\n{} observations, {missing}, {rounds}", self.observations)?;
        writeln!(
            f,
            "logarithm of the probability of the data {:.4}, before {:.4}",
            self.ln_likelihood, self.ln_likelihood_before
        )?;
        if self.converged { Ok(()) } else { writeln!(f, "the rounds ended before the numbers stood still: allow more") }
    }
}
