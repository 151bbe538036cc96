//! Which tasks run where: a pure value that is told what happens and answers with proposals.
//!
//! It knows no clock, no network and no ledger. The scheduler actor on the leader turns the ledger's effects into
//! [`Input`]s and proposes each [`Assign`].
//!
//! # Policy
//! - **Order**: higher priority first; then the user who has used least; then the oldest job. A job that fits nowhere now
//!   does not hold up those behind it; if its tasks need more than what is free, one node is kept free for it.
//! - **Long and unknown tasks** are given one for each slot, never in advance: none waits behind another while a slot is
//!   idle somewhere. Of the most idle nodes that fit, that one is taken whose expected utility is highest, over predicted
//!   time, energy, what must be fetched, and the risk that the node is lost; among those that are alike the most idle.
//! - **Prediction** is the mean of the job's own tasks; before the first has run, that of the family (jobs of the same
//!   program), with little weight.
//! - **Short tasks** (predicted at most 25 ms) are given in advance, so that a worker never waits for the leader: up to
//!   50 ms of work a slot, refilled below half. Tasks of microseconds so travel by the thousand.
//! - **Imbalance** is bounded by what is given in advance: 50 ms of predicted work a slot, less towards the end of an
//!   array, when chunks shrink to half a millisecond of work. If the prediction is wrong (a long task among short ones), the short ones
//!   behind it wait for the worker's other slots.
//! - **Memory** that tasks ask for is never promised twice: such tasks are admitted one by one, not in advance.
//! - **Labels** that a job requires rule nodes out; of those that have room, one is taken that meets most of what it
//!   prefers, and only among those that are alike in this the expected utility decides.
//! - **Graphics processors** are promised in parts: a task that asks for a part takes a share of which a whole number makes
//!   one, so that parts of several tasks never need more than there is.
//! - **Inputs**: what a task fetches first counts as time on every node but those that have it: where tasks of the job were,
//!   and where its inputs were made. Nodes are told ahead of jobs with large inputs that wait for a slot, so that they fetch
//!   while other tasks run; a guess, which costs a transfer where it is wrong and never a place in the queue.
//! - **Suspects**, tasks that have lost a worker, run one at a time on each node, so that the next loss names the culprit.

mod ahead;
mod explanation;
mod family;
mod foresight;
mod input;
mod job;
mod node;
mod placement;
mod plan;
mod queue;
mod ranges;
mod scheduler;

pub use explanation::Explanation;
pub use input::{Assign, Expected, Input, JobFacts, fetched_bytes};
pub use placement::{Estimate, Part, Placement};
pub use scheduler::Scheduler;

const MS: u64 = 1_000_000;

/// Work that a slot is given in advance, in ns: several trips to the leader and its disk, and little to lose.
pub(crate) const QUEUE_NS: u64 = 50 * MS;
/// A queue is refilled below this: half, so that few entries of the log carry many tasks.
pub(crate) const LOW_WATER_NS: u64 = QUEUE_NS / 2;
/// Longest predicted time of a task that is given in advance: two fill a slot's queue.
pub(crate) const SHORT_NS: u64 = QUEUE_NS / 2;
/// Least work worth a chunk of its own: about what committing it takes.
pub(crate) const CHUNK_NS: u64 = MS / 2;
/// What the runtime itself takes for a task, beside its run time.
pub(crate) const TASK_COST_NS: u64 = 4_000;
/// What a task of a job that has not run yet counts for, in fairness between users.
pub(crate) const UNKNOWN_NS: u64 = 100 * MS;
/// Runs that a guess of a task's time counts for, beside those that were seen.
pub(crate) const PREDICTED_RUNS: f64 = 2.0;
/// A chunk may be this many times the tasks that have run: the prediction earns its trust.
pub(crate) const RAMP: u64 = 8;
/// Most tasks in one proposal: what a worker reports back fits few frames.
pub(crate) const CHUNK_TASKS_MAX: u64 = 16_384;

const _: () = assert!(SHORT_NS <= QUEUE_NS && LOW_WATER_NS < QUEUE_NS && CHUNK_NS < LOW_WATER_NS);
