//! What can be wrong with a request to a timeline. Every variant leaves the timeline as it was; a retry of the same
//! request fails the same way.

use thiserror::Error;

/// Why a request was refused.
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum EchoError {
    /// A field of an event is out of bounds.
    #[error("event `{name}`: {what}")]
    BadEvent {
        /// The event's name.
        name: String,
        /// What is wrong, and what would be right.
        what: String,
    },
    /// A field of a trigger is out of bounds.
    #[error("trigger `{from}` {kind} `{to}`: {what}")]
    BadTrigger {
        /// Name of the source.
        from: String,
        /// Its kind.
        kind: &'static str,
        /// Name of the target.
        to: String,
        /// What is wrong, and what would be right.
        what: String,
    },
    /// A name that no event of the timeline has.
    #[error("there is no event `{name}`{}{}", within(timeline), hint(.near))]
    NoSuchEvent {
        /// The name.
        name: String,
        /// The timeline's name; empty where only its events are at hand.
        timeline: String,
        /// A name that the user may have meant.
        near: Option<String>,
    },
    /// No such trigger.
    #[error("there is no trigger `{from}` {kind} `{to}` in timeline `{timeline}`")]
    NoSuchTrigger {
        /// Name of the source.
        from: String,
        /// Its kind.
        kind: &'static str,
        /// Name of the target.
        to: String,
        /// The timeline's name.
        timeline: String,
    },
    /// The event is there already.
    #[error("event `{0}` is there already: edit it, or choose another name")]
    EventExists(String),
    /// The trigger is there already.
    #[error("trigger `{from}` {kind} `{to}` is there already: edit it instead")]
    TriggerExists {
        /// Name of the source.
        from: String,
        /// Its kind.
        kind: &'static str,
        /// Name of the target.
        to: String,
    },
    /// No timeline of that name.
    #[error("there is no timeline `{name}`{}", hint(.near))]
    NoSuchTimeline {
        /// The name.
        name: String,
        /// A name that the user may have meant.
        near: Option<String>,
    },
    /// A timeline of that name exists.
    #[error("timeline `{0}` exists already: choose another name")]
    TimelineExists(String),
    /// A log position beyond the end.
    #[error("timeline `{timeline}` has {length} entries: there is no position {position}")]
    NoSuchPosition {
        /// The timeline's name.
        timeline: String,
        /// What was asked for.
        position: u64,
        /// How many entries there are.
        length: u64,
    },
    /// Somebody else changed the timeline meanwhile.
    #[error("`{timeline}` has moved on: it has {length} edits, and these were made for {position}")]
    MovedOn {
        /// The timeline's name.
        timeline: String,
        /// The length of the log that the edits were made for.
        position: u64,
        /// Its length now.
        length: u64,
    },
    /// No snapshot of that name.
    #[error("timeline `{timeline}` has no snapshot `{name}`")]
    NoSuchSnapshot {
        /// The timeline's name.
        timeline: String,
        /// The snapshot's name.
        name: String,
    },
    /// The stored log does not fit its own hashes.
    #[error("entry {position} of timeline `{timeline}` does not fit the hash chain: the log was changed or damaged")]
    BrokenChain {
        /// The timeline's name.
        timeline: String,
        /// First entry that does not fit.
        position: u64,
    },
    /// More than may be kept.
    #[error("{what}: the most is {most}")]
    TooLarge {
        /// What there is too much of.
        what: String,
        /// The limit.
        most: u64,
    },
    /// Text that is not a timeline.
    #[error("this is not a timeline in JSON: {what}, at line {line}, column {column}")]
    BadJson {
        /// What is wrong.
        what: String,
        /// Line from 1.
        line: usize,
        /// Column from 1.
        column: usize,
    },
    /// The two timelines have no common ancestor.
    #[error("timelines `{0}` and `{1}` do not come from one fork: there is no base to merge on")]
    NotRelated(String, String),
    /// The question does not fit the timeline.
    #[error("{0}")]
    Unanswerable(String),
}

fn within(timeline: &str) -> String {
    if timeline.is_empty() { String::new() } else { format!(" in timeline `{timeline}`") }
}

fn hint(near: &Option<String>) -> String {
    near.as_ref().map(|near| format!(": did you mean `{near}`?")).unwrap_or_default()
}

impl EchoError {
    /// The stable code that `nexus explain` knows.
    pub fn code(&self) -> &'static str {
        use crate::codes;
        match self {
            EchoError::BadEvent { .. } => codes::BAD_EVENT,
            EchoError::BadTrigger { .. } => codes::BAD_TRIGGER,
            EchoError::NoSuchEvent { .. } | EchoError::NoSuchTrigger { .. } => codes::NOT_IN_TIMELINE,
            EchoError::EventExists(_) | EchoError::TriggerExists { .. } => codes::IN_TIMELINE_ALREADY,
            EchoError::NoSuchTimeline { .. } => codes::NO_SUCH_TIMELINE,
            EchoError::TimelineExists(_) => codes::TIMELINE_EXISTS,
            EchoError::NoSuchPosition { .. } | EchoError::NoSuchSnapshot { .. } => codes::NO_SUCH_POSITION,
            EchoError::MovedOn { .. } => codes::MOVED_ON,
            EchoError::BrokenChain { .. } => codes::BROKEN_CHAIN,
            EchoError::TooLarge { .. } => codes::TOO_LARGE,
            EchoError::BadJson { .. } => codes::BAD_JSON,
            EchoError::NotRelated(..) => codes::NOT_RELATED,
            EchoError::Unanswerable(_) => codes::UNANSWERABLE,
        }
    }
}
