//! Timelines as JSON documents: what people write, and what an export gives back.
//!
//! The text comes from strangers: any bytes at all give a timeline or an error that says where and why.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::EchoError;
use crate::event::TimeNode;
use crate::graph::Graph;
use crate::log::Edit;
use crate::range::TimeRange;
use crate::timeline::{Timeline, TimelineKind};
use crate::trigger::Trigger;

/// The most bytes of a document that are read.
pub const JSON_BYTES_MAX: usize = 256 * 1024 * 1024;

/// A timeline's newest state as a document.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Document {
    /// The timeline's name.
    #[serde(rename = "timeline", default)]
    pub name: String,
    /// What it stands for.
    #[serde(default)]
    pub kind: TimelineKind,
    /// Every event.
    #[serde(default)]
    pub events: Vec<Arc<TimeNode>>,
    /// Every trigger.
    #[serde(default)]
    pub triggers: Vec<Arc<Trigger>>,
}

impl Document {
    /// The newest state of a timeline. Disputes and history are not part of it.
    pub fn of(timeline: &Timeline) -> Self {
        Document::within(timeline, TimeRange::ALL)
    }

    /// What of the newest state lies in a range of time or reaches into it, and the triggers between.
    pub fn within(timeline: &Timeline, range: TimeRange) -> Self {
        let Graph { nodes, triggers, .. } = Graph::within(timeline.state(), range);
        Document { name: timeline.name().to_owned(), kind: timeline.kind(), events: nodes, triggers }
    }

    /// Reads a document.
    ///
    /// # Errors
    /// [`EchoError::BadJson`] with line and column, [`EchoError::TooLarge`].
    pub fn parse(text: &[u8]) -> Result<Self, EchoError> {
        if text.len() > JSON_BYTES_MAX {
            let what = "a timeline in JSON of that many bytes".to_owned();
            return Err(EchoError::TooLarge { what, most: JSON_BYTES_MAX as u64 });
        }
        serde_json::from_slice(text).map_err(|error| bad_json(&error))
    }

    /// Writes the document for people: one event or trigger a line.
    pub fn to_text(&self) -> String {
        let line = |value: serde_json::Result<String>| value.expect("events and triggers have text keys only");
        let list = |name: &str, lines: Vec<String>| format!("  \"{name}\": [\n    {}\n  ]", lines.join(",\n    "));
        let events = self.events.iter().map(|node| line(serde_json::to_string(node))).collect();
        let triggers = self.triggers.iter().map(|trigger| line(serde_json::to_string(trigger))).collect();
        format!(
            "{{\n  \"timeline\": {},\n  \"kind\": {},\n{},\n{}\n}}\n",
            line(serde_json::to_string(&self.name)),
            line(serde_json::to_string(&self.kind)),
            list("events", events),
            list("triggers", triggers),
        )
    }

    /// The edits that make this document out of an empty timeline.
    pub fn edits(&self) -> impl Iterator<Item = Edit> {
        let events = self.events.iter().map(|node| Edit::Append(Arc::clone(node)));
        events.chain(self.triggers.iter().map(|trigger| Edit::Link(Arc::clone(trigger))))
    }

    /// A new timeline with this content.
    ///
    /// # Errors
    /// As [`Timeline::apply`], of the first event or trigger that does not fit.
    pub fn timeline(&self) -> Result<Timeline, EchoError> {
        let mut timeline = Timeline::new(&self.name, self.kind);
        for edit in self.edits() {
            timeline.apply(edit)?;
        }
        Ok(timeline)
    }
}

/// An error of the JSON reader as one of ours.
fn bad_json(error: &serde_json::Error) -> EchoError {
    let text = error.to_string();
    let what = text.rsplit_once(" at line ").map_or(text.as_str(), |(what, _)| what);
    EchoError::BadJson { what: what.to_owned(), line: error.line().max(1), column: error.column().max(1) }
}

/// Reads edits, one JSON value a line, as `nexus timeline edit` takes them.
///
/// # Errors
/// [`EchoError::BadJson`] with line and column.
pub fn parse_edits(text: &str) -> Result<Vec<Edit>, EchoError> {
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    lines
        .map(|(at, line)| {
            serde_json::from_str(line).map_err(|error| match bad_json(&error) {
                EchoError::BadJson { what, column, .. } => EchoError::BadJson { what, line: at + 1, column },
                other => other,
            })
        })
        .collect()
}
