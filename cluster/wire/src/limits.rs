//! The bounds and rhythms of the protocol, each with its reason.

use std::time::Duration;

/// Largest frame body: 8 MiB. A full batch of completions (each at most 64 KiB inline) is cut to fit.
pub const FRAME_BYTES_MAX: usize = 8 << 20;
/// Largest message that becomes an entry of the log (a submission, ended tasks): half a frame, which is what consensus
/// takes for one command, less room for what the command adds.
pub const COMMAND_MESSAGE_BYTES_MAX: usize = FRAME_BYTES_MAX / 2 - (64 << 10);
/// Most bytes of one end of tasks, with its texts and inline payloads: what the ledger keeps.
pub const FINISHED_BYTES_MAX: usize = 2 << 20;
/// A piece of a blob: 1 MiB keeps eight in a frame's bound and a slow link responsive.
pub const BLOB_CHUNK_BYTES: usize = 1 << 20;
/// Most blobs that one request looks for.
pub const BLOBS_FOUND_MAX: usize = 1_000;
/// Most bytes of the hashes of a blob's pieces: those of 128 GiB. What is larger is checked as a whole.
pub const BLOB_OUTLINE_BYTES_MAX: usize = 4 << 20;
/// Most jobs in one answer.
pub const JOBS_PER_PAGE_MAX: u32 = 1000;
/// Most bytes of task details in one answer; the client asks again for the rest.
pub const TASKS_PAGE_BYTES: usize = 4 << 20;
/// Most bytes of a timeline, or of edits of one, in a message: about a hundred thousand events, and with what stands beside
/// them less than a frame.
pub const TIMELINE_BYTES_MAX: usize = 7 << 20;
/// Most bytes of a decision model in a message: the largest networks of the public repository take less than two.
pub const DECISION_MODEL_BYTES_MAX: usize = 4 << 20;
/// Most variables that are known, and most that are asked for, in a question to a decision model.
pub const DECISION_NAMES_MAX: usize = 4_096;
/// Most bytes of an answer from a decision model, as a document and once more in words.
pub const DECISION_ANSWER_BYTES_MAX: usize = 3 << 20;
/// Most entries of a life in one answer, about a megabyte of them.
pub const LIFE_ENTRIES_MAX: usize = 20_000;
/// Most runs of the same work in one answer: more say little more about how runs differ.
pub const PAST_RUNS_MAX: usize = 100;
/// Longest wait of one `WaitJob`; clients ask again.
pub const WAIT_MAX: Duration = Duration::from_secs(30);
/// Bytes of a stream in one piece of a log: a follower far behind catches up in a few, one that keeps up needs one.
pub const LOG_PIECE_BYTES: usize = 256 << 10;
/// Longest wait for more of a log; followers ask again.
pub const LOG_WAIT_MAX: Duration = Duration::from_secs(10);
/// A worker's sign of life.
pub const HEARTBEAT_INTERVAL: Duration = Duration::from_millis(500);
// Ten missed heartbeats.
pub use nexus_model::WORKER_LEASE;

/// Longest time that a request may take when its sender names no deadline.
pub const REQUEST_DEADLINE: Duration = Duration::from_secs(30);

/// Most voters: each commit waits for a majority of them, and more than seven disks make nothing safer.
pub const VOTERS_MAX: usize = 7;

const _: () = assert!(BLOB_CHUNK_BYTES < FRAME_BYTES_MAX && 2 * LOG_PIECE_BYTES < FRAME_BYTES_MAX);
const _: () = assert!(LOG_WAIT_MAX.as_secs() < REQUEST_DEADLINE.as_secs());
const _: () = assert!(FINISHED_BYTES_MAX < COMMAND_MESSAGE_BYTES_MAX && COMMAND_MESSAGE_BYTES_MAX < FRAME_BYTES_MAX);
const _: () = assert!(TASKS_PAGE_BYTES < FRAME_BYTES_MAX && BLOB_OUTLINE_BYTES_MAX < FRAME_BYTES_MAX);
const _: () = assert!(TIMELINE_BYTES_MAX + (64 << 10) < FRAME_BYTES_MAX && 128 * LIFE_ENTRIES_MAX < FRAME_BYTES_MAX);
const _: () = assert!(DECISION_MODEL_BYTES_MAX < FRAME_BYTES_MAX && 2 * DECISION_ANSWER_BYTES_MAX < FRAME_BYTES_MAX);
const _: () = assert!(WORKER_LEASE.as_millis() >= 4 * HEARTBEAT_INTERVAL.as_millis());
/// Bytes of experience of one node in one message: what a thousand pieces of work take.
pub const EXPERIENCE_BYTES_MAX: usize = 1 << 20;
/// Nodes whose experience one answer carries; more than these would not fit a frame.
pub const EXPERIENCE_NODES_MAX: usize = 6;
/// Most bytes of each text of an act in the audit log.
pub const AUDIT_TEXT_BYTES_MAX: usize = 512;
/// Most acts in one answer.
pub const AUDIT_PAGE_MAX: usize = 1000;
