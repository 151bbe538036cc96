//! The scheduler's core: which ready tasks go to which node, and how many at once.
//!
//! A pure value. It is told what happened ([`Input`]) and says what to propose ([`Assign`]); it knows no clock, no network
//! and no ledger, so a leader change is just a new value that is told the standing of the ledger.
//!
//! **Policy.** Higher priority first; within a priority the user with the fewest slots in use; within a user the oldest
//! job; within a job the lowest index. Work goes to the node with the least work for each slot. A node is given enough to
//! stay busy for [`PREFILL`] and no more: one task a slot while nothing is known of a job's pace, then ranges that grow
//! with what has ended, so that microsecond tasks cost a fraction of a log entry and long tasks are not queued behind one
//! another while another node idles. Tasks that have lost a worker run one at a time on a node.

mod job;
mod node;
mod ready;
mod scheduler;

pub use scheduler::{Assign, Input, JobFacts, PREFILL, Scheduler};
