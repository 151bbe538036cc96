//! What can be wrong with a model or a question to it. Nothing changes state here: the same call fails again until the
//! model or the question is mended.
//!
//! Files are read by `bif` and `document`, which give all that is wrong at once as diagnostics with places; this type is
//! for models built and asked in code.

use thiserror::Error;

use crate::codes;

/// Why a model cannot be built or a question cannot be answered.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum Error {
    /// A variable that cannot be.
    #[error("{0}")]
    BadVariable(String),
    /// A name that nothing declares.
    #[error("{0}")]
    UnknownName(String),
    /// A table that does not fit.
    #[error("{0}")]
    BadTable(String),
    /// Arrows in a circle; the names along it, the first once more at the end.
    #[error("the arrows run in a circle: {}", .0.join(" -> "))]
    Cycle(Vec<String>),
    /// More memory or work than was allowed. The amounts are bytes.
    #[error("{what} needs {} {} of memory, and may take {}", if *.at_least { "at least" } else { "about" }, bytes(*.needed), bytes(*.allowed))]
    TooLarge {
        /// What was asked for.
        what: String,
        /// Bytes needed.
        needed: u64,
        /// Whether more than `needed` may be needed: counting ended there.
        at_least: bool,
        /// Bytes allowed.
        allowed: u64,
    },
    /// Evidence of probability zero.
    #[error("by the model this evidence cannot happen{}", because(.0))]
    ImpossibleEvidence(String),
    /// A question that does not fit.
    #[error("{0}")]
    BadQuestion(String),
    /// A decision model that does not say enough, or too much.
    #[error("{0}")]
    BadDecision(String),
    /// A network where an influence diagram is needed.
    #[error("the model has no decisions, so there is nothing to decide")]
    NoDecisions,
    /// Sampling without a usable sample.
    #[error("{0}")]
    NoSamples(String),
    /// Criteria that do not fit the alternatives.
    #[error("{0}")]
    BadCriteria(String),
    /// A fuzzy system that cannot be, or a rule of one.
    #[error("{0}")]
    BadFuzzy(String),
    /// A symbolic rule that cannot be, or rules that are too hard to judge.
    #[error("{0}")]
    BadRule(String),
    /// Data that do not fit the model.
    #[error("{0}")]
    BadData(String),
    /// A circuit that cannot be.
    #[error("{0}")]
    BadCircuit(String),
}

impl Error {
    /// The stable code, like `NX1004`.
    pub fn code(&self) -> &'static str {
        match self {
            Error::BadVariable(_) => codes::BAD_VARIABLE,
            Error::UnknownName(_) => codes::UNKNOWN_NAME,
            Error::BadTable(_) => codes::BAD_TABLE,
            Error::Cycle(_) => codes::CYCLE,
            Error::TooLarge { .. } => codes::TOO_LARGE,
            Error::ImpossibleEvidence(_) => codes::IMPOSSIBLE_EVIDENCE,
            Error::BadQuestion(_) => codes::BAD_QUESTION,
            Error::BadDecision(_) | Error::NoDecisions => codes::BAD_DECISION,
            Error::NoSamples(_) => codes::NO_SAMPLES,
            Error::BadCriteria(_) => codes::BAD_CRITERIA,
            Error::BadFuzzy(_) => codes::BAD_FUZZY,
            Error::BadRule(_) => codes::BAD_RULE,
            Error::BadData(_) => codes::BAD_DATA,
            Error::BadCircuit(_) => codes::BAD_CIRCUIT,
        }
    }

    /// What to do about it, where there is one thing to say.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Error::Cycle(_) => Some("remove one of these arrows, or unroll the circle over time"),
            Error::TooLarge { .. } => Some("allow more memory, ask for a sampled answer, or remove arrows"),
            Error::ImpossibleEvidence(_) => Some("two observations contradict each other, or a table says 0 too often"),
            Error::NoDecisions => {
                Some("`nexus decide eval` shows what is likely; docs/decisions.md shows how to add decisions")
            }
            Error::NoSamples(_) => Some("ask for an exact answer, or for more samples"),
            _ => None,
        }
    }
}

fn because(reason: &str) -> String {
    if reason.is_empty() { String::new() } else { format!(": {reason}") }
}

/// An amount of memory for people.
fn bytes(amount: u64) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    if amount < 1024 {
        return format!("{amount} bytes");
    }
    let mut value = amount as f64 / 1024.0;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    format!("{value:.1} {}", UNITS[unit])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_said_in_units_that_people_read() {
        let error = |needed| Error::TooLarge { what: "it".to_owned(), needed, at_least: true, allowed: 2048 };
        assert_eq!(error(1000).to_string(), "it needs at least 1000 bytes of memory, and may take 2.0 KiB");
        assert_eq!(error(u64::MAX).to_string(), "it needs at least 16.0 EiB of memory, and may take 2.0 KiB");
    }
}
