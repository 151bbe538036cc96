//! The replicated state machine: `apply(command)` gives an answer and effects.
//!
//! It holds what the cluster must never forget or disagree about: members and join tokens, jobs, the state and the result
//! of each task. Pure: no clock, no input or output, no chance. Consensus feeds it the log; the leader's scheduler and the
//! gateways read its effects and its views.

mod audit;
mod codes;
mod command;
mod command_codec;
mod conditions;
mod effect;
mod end;
mod end_log;
mod explain;
mod guard;
mod job;
mod job_conditions;
mod keys;
mod ledger;
mod life_log;
mod lives;
mod lost;
mod members;
mod outbox;
mod packed;
mod references;
mod reuse;
mod scheduled;
mod schedules;
#[cfg(test)]
mod simulation;
mod snapshot;
mod snapshot_form;
mod snapshot_job;
mod stop;
mod table;
mod view;
mod waiting;

pub use codes::EXPLANATIONS;
pub use command::{
    Assignment, Command, Digest, INPUT_LOST, NewNode, NodeNote, ReleaseReason, Released, WORKER_LOST, WORKER_STOPPED,
};
pub use command_codec::{CodecError, decode_command, encode_command};
pub use effect::{Applied, Effect, Rejection, Reply, Suspect};
pub use explain::ExplainFacts;
pub use keys::{FORGOTTEN_KEYS_MAX, KEY_BYTES_MAX, MACHINES_KEY};
pub use ledger::{ACTIVE_JOBS_MAX, Ledger};
pub use members::Member;
pub use references::Copied;
pub use view::StatusFacts;
