//! The bounds and rhythms of consensus, each with its reason.

use std::time::Duration;

use nexus_wire::limits::FRAME_BYTES_MAX;

/// Largest encoded command: half a frame, so that an entry always fits a message together with its header.
pub const COMMAND_BYTES_MAX: usize = 4 << 20;
/// Bytes of entries in one message to a follower (one entry may be larger). A megabyte crosses a slow Wi-Fi link (1 MB/s)
/// within [`APPEND_DEADLINE`], and on a fast one the round trip is already hidden behind it.
pub const APPEND_BYTES_MAX: usize = 1 << 20;
/// Entries in one message to a follower.
pub const APPEND_ENTRIES_MAX: u64 = 1024;
/// Proposals that may wait for their commit at once; beyond it the answer is `Busy`.
pub const PROPOSALS_IN_FLIGHT_MAX: usize = 16_384;
/// Bytes of the proposals that may wait for their commit at once.
pub const PROPOSAL_BYTES_IN_FLIGHT_MAX: usize = 64 << 20;
/// When the answer is `Busy`: ask again after this long, about a hundred commits later.
pub const BUSY_RETRY: Duration = Duration::from_millis(50);
/// Bytes that may wait for the writer thread. More than the proposals that may be in flight, so that a leader never waits
/// here before its proposers are told `Busy`; a follower whose disk stalls stops taking entries at this bound.
pub const WRITE_QUEUE_BYTES_MAX: usize = 2 * PROPOSAL_BYTES_IN_FLIGHT_MAX;
/// Bytes of entries kept in memory after they are flushed, so that applying and replicating do not read them back.
pub const TAIL_BYTES_MAX: usize = 16 << 20;
/// What one entry costs beside its command, in the accounts of memory above.
pub const ENTRY_OVERHEAD_BYTES: usize = 64;
/// redb's page cache. The log is written once and rarely read back, so it needs little more than the inner pages.
pub const PAGE_CACHE_BYTES: usize = 32 << 20;
/// Entries removed from the log in one transaction after a snapshot, so that a purge never holds up an append for long.
pub const PURGE_STEP_ENTRIES: u64 = 512;
/// Batches of applied entries that may wait for the owner; beyond it applying waits.
pub const EVENTS_MAX: usize = 256;
/// Entries applied under one lock, and told to the owner in one event.
pub const APPLY_BATCH_MAX: usize = 256;
/// Piece of a snapshot in one message.
pub const SNAPSHOT_CHUNK_BYTES: usize = 1 << 20;
/// Largest snapshot that is accepted from another node.
pub const SNAPSHOT_BYTES_MAX: u64 = 8 << 30;

/// The leader's sign of life.
pub const HEARTBEAT_INTERVAL: Duration = Duration::from_millis(150);
/// A follower stands for election after a silence between these two, drawn at random.
pub const ELECTION_TIMEOUT_MIN: Duration = Duration::from_millis(500);
/// See [`ELECTION_TIMEOUT_MIN`].
pub const ELECTION_TIMEOUT_MAX: Duration = Duration::from_millis(1000);
/// Longest wait for the answer to a vote request: after that the election is over anyway.
pub const VOTE_DEADLINE: Duration = ELECTION_TIMEOUT_MIN;
/// Longest wait for a follower to store entries.
pub const APPEND_DEADLINE: Duration = Duration::from_secs(2);
/// Longest wait for a follower to store a piece of a snapshot, and for it to decode and install the whole.
pub const SNAPSHOT_DEADLINE: Duration = Duration::from_secs(60);
/// Longest wait of a current read for the answers of a majority.
pub const READ_DEADLINE: Duration = Duration::from_secs(5);

const _: () = assert!(COMMAND_BYTES_MAX * 2 <= FRAME_BYTES_MAX);
const _: () = assert!(APPEND_BYTES_MAX + COMMAND_BYTES_MAX < FRAME_BYTES_MAX);
const _: () = assert!(SNAPSHOT_CHUNK_BYTES * 2 < FRAME_BYTES_MAX);
const _: () = assert!(COMMAND_BYTES_MAX < PROPOSAL_BYTES_IN_FLIGHT_MAX);
const _: () = assert!(HEARTBEAT_INTERVAL.as_millis() * 3 < ELECTION_TIMEOUT_MIN.as_millis());
