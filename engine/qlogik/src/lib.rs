//! Q-Logik: decisions under uncertainty. Given beliefs, evidence and preferences: what is likely, what should be done, how
//! sure is that, and what would be worth finding out first.
//!
//! Pure: models come in as text or values, chance as a seed, and answers go out as values that explain themselves. Files,
//! processes and the cluster are the callers' (`nexus decide`, M-CODE's `decide.*`, the runtime).

pub mod answer;
pub mod bif;
mod codes;
mod contraction;
mod distribution;
pub mod document;
mod domain;
mod elimination;
mod error;
mod evidence;
mod factor;
mod findings;
mod form;
pub mod fuzzy;
pub mod independence;
pub mod influence;
mod junction_tree;
pub mod learning;
mod lookup;
mod model;
mod network;
pub mod picture;
pub mod query;
pub mod question;
mod random;
pub mod ranking;
pub mod rules;
pub mod sampling;
pub mod sensitivity;
pub mod state_vector;
pub mod strength;
mod words;

pub use codes::{EXPLANATIONS, explain};
pub use distribution::{Distribution, NoisyOr, ROUNDING_TOLERANCE, SUM_TOLERANCE};
pub use domain::{Domain, VariableId};
pub use error::Error;
pub use evidence::{Evidence, Finding};
pub use factor::{Cell, Factor};
pub use junction_tree::{Beliefs, Cost, Explanation, JunctionTree, MEMORY_MAX};
pub use lookup::Lookup;
pub use model::Model;
pub use network::{NUMBERS_MAX, Network, NetworkBuilder, VARIABLES_MAX, Variable};
