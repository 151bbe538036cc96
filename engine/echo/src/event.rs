//! What happens: events, and the nodes of a timeline that carry them.
//!
//! Not why it happens: that is `trigger.rs`.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::EchoError;
use crate::time::Micros;

/// The most bytes of a name. Names are printed in tables and drawings.
pub const NAME_BYTES_MAX: usize = 256;
/// The most bytes of an event's payload as JSON, and of its metadata together. Larger things belong in a blob, whose hash
/// the payload names.
pub const PAYLOAD_BYTES_MAX: usize = 64 * 1024;

/// Identity of an event, the same on every branch: the first eight bytes of the BLAKE3 hash of its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventId(pub u64);

impl EventId {
    /// The id of the event called `name`.
    pub fn of(name: &str) -> Self {
        let hash = blake3::hash(name.as_bytes());
        let mut first = [0; 8];
        first.copy_from_slice(&hash.as_bytes()[..8]);
        EventId(u64::from_le_bytes(first))
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "event-{:016x}", self.0)
    }
}

/// What an event is to those who plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EventKind {
    /// It has happened, at exactly its time.
    Fact,
    /// It is expected at about its time.
    #[default]
    Planned,
    /// Somebody chooses one of its options (its triggers of kind `option`) when it is reached.
    Decision,
}

/// A node of a timeline: one event with its probability and what it is worth. Its edges are the timeline's triggers; the
/// nodes of a range of time are read together through [`crate::Graph::within`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TimeNode {
    /// The event's name, unique in its timeline; the same name on two branches is the same event.
    pub name: String,
    /// Fact, plan or decision.
    #[serde(default)]
    pub kind: EventKind,
    /// When. Of a plan with causes: when it is expected, and after when it is late.
    #[serde(rename = "at")]
    pub timestamp: Micros,
    /// How likely the event is, from 0 to 1, if somebody said so. A forecast uses it where nothing causes the event
    /// (where it is 1 unless said otherwise), and derives it from the causes elsewhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probability: Option<f64>,
    /// What it is worth when the event happens, in the user's unit.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub utility: f64,
    /// What each day after `at` costs when the event happens late, in the unit of `utility`; from 0.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub late_cost_per_day: f64,
    /// Whatever the user wants to keep with the event.
    #[serde(default, skip_serializing_if = "serde_json::Value::is_null")]
    pub payload: serde_json::Value,
    /// Whatever else is known, as text.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature is serde's")]
fn is_zero(number: &f64) -> bool {
    *number == 0.0
}

impl TimeNode {
    /// An event of which nothing is said but when it happens.
    pub fn new(name: impl Into<String>, kind: EventKind, timestamp: Micros) -> Self {
        TimeNode {
            name: name.into(),
            kind,
            timestamp,
            probability: None,
            utility: 0.0,
            late_cost_per_day: 0.0,
            payload: serde_json::Value::Null,
            metadata: BTreeMap::new(),
        }
    }

    /// When it is over: the metadata `until` (microseconds), if it has such and that is no earlier; else its own time.
    pub fn until(&self) -> Micros {
        let until = self.metadata.get("until").and_then(|until| until.parse().ok()).map(Micros);
        until.filter(|until| until.in_range()).map_or(self.timestamp, |until| until.max(self.timestamp))
    }

    /// The event's identity.
    pub fn id(&self) -> EventId {
        EventId::of(&self.name)
    }

    /// Whether every field is within its bounds.
    ///
    /// # Errors
    /// [`EchoError::BadEvent`] with what is wrong.
    pub fn validate(&self) -> Result<(), EchoError> {
        let wrong = |what: String| Err(EchoError::BadEvent { name: crate::time::clip(&self.name), what });
        if self.name.is_empty() || self.name.len() > NAME_BYTES_MAX || self.name.chars().any(char::is_control) {
            return wrong(format!("a name has 1 to {NAME_BYTES_MAX} bytes and no control characters"));
        }
        if !self.timestamp.in_range() {
            return wrong("its time lies beyond 285 years from zero".to_owned());
        }
        if let Some(probability) = self.probability.filter(|probability| !(0.0..=1.0).contains(probability)) {
            return wrong(format!("its probability is {probability}, and must be from 0 to 1"));
        }
        if !self.utility.is_finite() || !self.late_cost_per_day.is_finite() || self.late_cost_per_day < 0.0 {
            return wrong("its utility must be a finite number, and the cost of lateness one from 0".to_owned());
        }
        let metadata: usize = self.metadata.iter().map(|(key, value)| key.len() + value.len()).sum();
        if metadata > PAYLOAD_BYTES_MAX || (!self.payload.is_null() && json_bytes(&self.payload) > PAYLOAD_BYTES_MAX) {
            return wrong(format!("its payload and metadata may have {PAYLOAD_BYTES_MAX} bytes each"));
        }
        Ok(())
    }
}

/// Length of a value as JSON, without writing it.
fn json_bytes(value: &serde_json::Value) -> usize {
    struct Count(usize);
    impl std::io::Write for Count {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0 += bytes.len();
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let mut count = Count(0);
    serde_json::to_writer(&mut count, value).map_or(usize::MAX, |()| count.0)
}
