//! The types that openraft is configured with, and the short names that this crate gives them.
//!
//! Only the reply depends on the state machine; log ids, votes, entries and memberships are the same for every machine, so
//! that the log and the protocol are compiled once and know nothing of commands but their bytes.

use std::cmp::Ordering;
use std::fmt;
use std::marker::PhantomData;

use bytes::Bytes;
use openraft::impls::leader_id_adv;
use openraft::{EntryPayload, RaftTypeConfig};

use crate::machine::StateMachine;
use crate::proposal::Answer;
use crate::snapshot_file::SnapshotData;

/// (term, node): who leads. Several candidates of one term may win one after the other, which settles split votes sooner.
pub(crate) type LeaderId = leader_id_adv::LeaderId<u64, u64>;
/// Position in the log and the leader that wrote it.
pub(crate) type LogId = openraft::LogId<LeaderId>;
/// The vote that a node has given, or the leader that it follows.
pub(crate) type Vote = openraft::Vote<LeaderId>;
/// Voters and learners.
pub(crate) type Membership = openraft::Membership<u64, Member>;
/// A membership and the entry that it comes from.
pub(crate) type StoredMembership = openraft::StoredMembership<LeaderId, u64, Member>;
/// What an entry carries.
pub(crate) type Payload = EntryPayload<CommandBytes, u64, Member>;
/// One entry of the log.
pub(crate) type LogEntry = openraft::Entry<LeaderId, Payload>;
/// What a snapshot covers.
pub(crate) type SnapshotMeta = openraft::SnapshotMeta<LeaderId, u64, Member>;

/// A snapshot as openraft hands it about.
pub(crate) type Snapshot = openraft::Snapshot<LeaderId, u64, Member, SnapshotData>;

/// How a member is reached, and which log counts as its.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Member {
    /// Where it listens.
    pub(crate) address: String,
    /// Drawn at random when the node's log was made. A node whose disk was wiped has another one: it must not be counted
    /// as if it still had what it acknowledged, nor vote a second time.
    pub(crate) incarnation: u64,
}

/// A command in its versioned encoding: cheap to clone, opaque to the log.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct CommandBytes(pub(crate) Bytes);

impl fmt::Debug for CommandBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl fmt::Display for CommandBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "command of {} bytes", self.0.len())
    }
}

/// openraft's configuration for the machine `S`.
pub(crate) struct RaftTypes<S>(PhantomData<fn() -> S>);

impl<S: StateMachine> RaftTypeConfig for RaftTypes<S> {
    type D = CommandBytes;
    /// `None` for entries without a command (a new leader's first entry, membership changes).
    type R = Option<S::Reply>;
    type NodeId = u64;
    type Node = Member;
    type Term = u64;
    type LeaderId = LeaderId;
    type Vote = Vote;
    type Payload = Payload;
    type Entry = LogEntry;
    type AsyncRuntime = openraft_rt_tokio::TokioRuntime;
    type Responder<T>
        = Answer<T>
    where
        T: openraft::OptionalSend + 'static;
    type Batch<T>
        = openraft::impls::InlineBatch<T>
    where
        T: openraft::OptionalSend + 'static;
    type ErrorSource = openraft::impls::BoxedErrorSource;
}

// openraft asks for these of the marker; a derive would ask them of `S` too, which has no reason to provide them.
impl<S> Clone for RaftTypes<S> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<S> Copy for RaftTypes<S> {}

impl<S> Default for RaftTypes<S> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<S> fmt::Debug for RaftTypes<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RaftTypes")
    }
}

impl<S> PartialEq for RaftTypes<S> {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl<S> Eq for RaftTypes<S> {}

impl<S> PartialOrd for RaftTypes<S> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<S> Ord for RaftTypes<S> {
    fn cmp(&self, _: &Self) -> Ordering {
        Ordering::Equal
    }
}
