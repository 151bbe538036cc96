//! ECHO-PRIME: timelines that branch, are checked, forecast and planned on.
//!
//! Pure: no clock, no files, no chance but seeds. A [`Timeline`] is a hash-chained log of [`Edit`]s with its state at
//! every position; a [`Graph`] is one state compiled for questions; [`check`](crate::check::check) finds what cannot be.
//! Where timelines are kept, and who asks, is above.

pub mod check;
pub mod codes;
mod diff;
pub mod draw;
mod error;
mod event;
pub mod forecast;
mod graph;
pub mod jobs;
mod json;
mod log;
mod merge;
mod near;
mod persistent;
pub mod plan;
mod range;
pub mod repair;
mod state;
mod time;
mod timeline;
mod trigger;

pub use codes::EXPLANATIONS;
pub use diff::{Changed, Diff, Differences};
pub use error::EchoError;
pub use event::{EventId, EventKind, NAME_BYTES_MAX, PAYLOAD_BYTES_MAX, TimeNode};
pub use graph::{Edge, Graph, PATHS_MAX};
pub use json::{Document, JSON_BYTES_MAX, parse_edits};
pub use log::{ChainHash, Edit};
pub use merge::{Clash, Conflict, Merge, Preference};
pub use range::TimeRange;
pub use state::{EVENTS_MAX, State, TRIGGERS_MAX};
pub use time::{MICROS_MAX, Micros};
pub use timeline::{ForkPoint, SNAPSHOTS_MAX, Timeline, TimelineKind};
pub use trigger::{Delay, Spread, Trigger, TriggerKey, TriggerKind};
