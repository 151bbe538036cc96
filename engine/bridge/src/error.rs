//! Why a timeline has no model. Nothing is changed by asking; the same question fails the same way.

use nexus_echo::EchoError;
use thiserror::Error;

/// Why a timeline cannot become a model, or the model not answer.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum BridgeError {
    /// The timeline itself.
    #[error(transparent)]
    Echo(#[from] EchoError),
    /// The model.
    #[error(transparent)]
    Model(#[from] nexus_qlogik::Error),
    /// When things happen decides.
    #[error("`{event}` {why}, and a belief network does not know times: ask for a forecast or a plan instead")]
    Timed {
        /// The event.
        event: String,
        /// What depends on time.
        why: &'static str,
    },
    /// Time cannot be cut like that.
    #[error(
        "time is cut into 1 to {most} slices, each longer than nothing and all within 285 years; these were {count}"
    )]
    BadSlices {
        /// How many slices were asked for.
        count: usize,
        /// The limit.
        most: usize,
    },
    /// A part of a model that is no event of a timeline.
    #[error("`{variable}` {why}, so it cannot become an event of a timeline")]
    NoEvent {
        /// The variable or utility.
        variable: String,
        /// What is in the way.
        why: &'static str,
    },
    /// A table would be too large.
    #[error("`{event}` comes about through {parents} others in different ways: at most {most} fit one table")]
    TooManyParents {
        /// The event.
        event: String,
        /// How many.
        parents: usize,
        /// The limit.
        most: usize,
    },
}
