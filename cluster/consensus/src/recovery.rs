//! A cluster that has lost its majority for good: one node that is left goes on alone, with what it has.
//!
//! For people, by hand, on a node that is stopped: whatever the lost voters had accepted and this node did not get is
//! given up. The log gets a last entry that makes this node the only voter, in a new term, and a new incarnation: whoever
//! comes back from the old world talks to a log that does not exist any more. The owner removes the lost voters from the
//! cluster (a ledger's matter), so that they have to join again with empty disks.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

use nexus_model::NodeId;
use openraft::EntryPayload;
use openraft::entry::RaftEntry;

use crate::directory::DirectoryLock;
use crate::error::OpenError;
use crate::log_file::{Change, Identity, LogContent, LogFile};
use crate::raft_types::{LeaderId, LogEntry, LogId, Member, Membership, Vote};
use crate::snapshot_file::SnapshotFiles;

/// Entries read at a time while the last membership is looked for.
const PIECE_BYTES: usize = 4 << 20;

/// A stopped node's log, held so that nobody else opens it.
pub struct Recovery {
    path: PathBuf,
    file: LogFile,
    identity: Identity,
    vote: Option<Vote>,
    last: LogId,
    members: Membership,
    survey: Survey,
    _lock: DirectoryLock,
}

/// What a stopped node has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Survey {
    /// The node.
    pub node: NodeId,
    /// Its cluster.
    pub cluster: String,
    /// Index of the last entry in its log.
    pub last_entry: u64,
    /// The term of that entry.
    pub term: u64,
    /// Index of the last entry that it knows to be committed.
    pub committed: u64,
    /// The voters that its log names.
    pub voters: Vec<NodeId>,
    /// Those that follow without a vote.
    pub learners: Vec<NodeId>,
}

impl Recovery {
    /// Opens the log in `directory` and looks at it. Nothing is changed. Blocks.
    ///
    /// # Errors
    /// Another process uses it, it cannot be read, or it is no member's.
    pub fn open(directory: &Path) -> Result<Self, OpenError> {
        let (path, lock, file, snapshots) = crate::directory::open_parts(directory)?;
        let failed = |error| crate::directory::log_error(&path, error);
        let LogContent { identity, vote, committed, purged, tail, .. } = file.content().map_err(failed)?;
        let identity = identity.ok_or_else(|| damaged(&path, "it belongs to no node yet"))?;
        let last = tail.last().map(|entry| entry.log_id).or(purged);
        let last = last.ok_or_else(|| damaged(&path, "there is nothing in it"))?;
        let members = last_membership(&file, &snapshots, purged.map_or(0, |id| id.index + 1), &path)?;
        let voters: Vec<NodeId> = members.voter_ids().map(NodeId).collect();
        let survey = Survey {
            node: NodeId(identity.node),
            cluster: identity.cluster.clone(),
            last_entry: last.index,
            term: last.committed_leader_id().term,
            committed: committed.map_or(0, |id| id.index),
            learners: members.learner_ids().map(NodeId).collect(),
            voters,
        };
        Ok(Recovery { path, file, identity, vote, last, members, survey, _lock: lock })
    }

    /// What is there.
    pub fn survey(&self) -> &Survey {
        &self.survey
    }

    /// Makes this node the only voter. What its log holds beyond what it knows to be committed is kept.
    ///
    /// # Errors
    /// The log cannot be written; then it is as it was.
    pub fn perform(self) -> Result<Survey, OpenError> {
        let failed = |action| {
            let path = self.path.clone();
            move |source| OpenError::Io { action, path, source }
        };
        let drawn = getrandom::u64().map_err(|error| io::Error::other(error.to_string()));
        let incarnation = drawn.map_err(failed("draw an identity for"))?;
        let node = self.identity.node;
        let known = self.members.get_node(&node).cloned().unwrap_or_default();
        let alone = BTreeMap::from([(node, Member { incarnation, ..known })]);
        let members = Membership::new(vec![BTreeSet::from([node])], alone)
            .map_err(|error| OpenError::Start(error.to_string()))?;
        let voted = self.vote.map_or(0, |vote| vote.leader_id().term);
        let term = voted.max(self.survey.term) + 1;
        let id = LogId::new(LeaderId { term, node_id: node }, self.last.index + 1);
        let entry = LogEntry::new(id, EntryPayload::Membership(members));
        let changes = [
            Change::Identity(Identity { incarnation, ..self.identity }),
            Change::Append(vec![entry]),
            Change::Committed(id),
            Change::Vote(Vote::new(term, node)),
        ];
        self.file.write(&changes).map_err(|error| crate::directory::log_error(&self.path, error))?;
        self.file.close();
        Ok(self.survey)
    }
}

fn damaged(path: &Path, reason: &str) -> OpenError {
    OpenError::Damaged { path: path.to_owned(), reason: reason.to_owned() }
}

/// The last membership in the log, else that of the snapshot.
fn last_membership(file: &LogFile, snapshots: &SnapshotFiles, from: u64, path: &Path) -> Result<Membership, OpenError> {
    let current = snapshots.current();
    let mut members = current.map_or_else(Membership::default, |(meta, _)| meta.last_membership.membership().clone());
    let mut next = from;
    loop {
        let (entries, more) =
            file.entries(next..u64::MAX, PIECE_BYTES).map_err(|error| crate::directory::log_error(path, error))?;
        for entry in &entries {
            next = entry.log_id.index + 1;
            if let EntryPayload::Membership(found) = &entry.payload {
                members = found.clone();
            }
        }
        if !more {
            return Ok(members);
        }
    }
}
