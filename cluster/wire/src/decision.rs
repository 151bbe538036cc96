//! Questions to decision models: a model as text, what is known, and what is asked of it.
//!
//! They travel as [`crate::Request::Decide`] and [`crate::Response::Decided`]. What a model means is `nexus-qlogik`'s; a
//! node answers from the message alone and keeps nothing of it.

use nexus_model::NodeId;

/// Client → node, passed on by the leader: answer this from the model. Answer: [`DecisionResponse`]. Safe to repeat: the
/// same question has the same answer.
#[derive(Debug, Clone, PartialEq)]
pub struct DecisionRequest {
    /// Which node answers; the one that is asked where absent.
    pub node: Option<NodeId>,
    /// Name of the model's file: `.bif` and `.toml` say what it is, and messages name it.
    pub file: String,
    /// The model, as BIF or TOML.
    pub model: String,
    /// What is known: variables and their states.
    pub evidence: Vec<(String, String)>,
    /// Bytes that an exact answer may take on the node, which allows no more than its own limit.
    pub memory_bytes: u64,
    /// What is asked.
    pub question: DecisionQuestion,
}

/// What can be asked of a decision model.
#[derive(Debug, Clone, PartialEq)]
pub enum DecisionQuestion {
    /// How probable is each state?
    Beliefs {
        /// Of these variables; of all where there are none.
        of: Vec<String>,
        /// How to answer.
        method: DecisionMethod,
        /// Samples of a sampled answer.
        samples: u64,
        /// Seed of a sampled answer.
        seed: u64,
    },
    /// What is to be done at each decision?
    Policy {
        /// Risk tolerance instead of the model's own, in the unit of its utilities.
        risk_tolerance: Option<f64>,
    },
    /// What is it worth to find something out before deciding?
    Value {
        /// Of this variable; of all where absent.
        of: Option<String>,
        /// Before this decision; before the last where absent.
        before: Option<String>,
        /// How often a report of it is right, from 0 to 1.
        accuracy: f64,
    },
    /// Which evidence moved a belief?
    Explanation {
        /// The variable.
        of: String,
    },
}

/// How beliefs are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DecisionMethod {
    /// Exactly where the memory allows, else sampled.
    Automatic,
    /// Exactly, or not at all.
    Exact,
    /// From weighted samples.
    Sampled,
    /// From walks.
    Gibbs,
}

/// The answer to a [`DecisionRequest`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecisionResponse {
    /// As a JSON document, the one of `nexus decide --json`.
    pub document: String,
    /// The same for people.
    pub text: String,
}
