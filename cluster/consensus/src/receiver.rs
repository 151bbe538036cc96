//! The receiving side: bytes from another node become calls of openraft, and its answers bytes again.

use std::io;
use std::sync::Arc;

use openraft::Raft;
use openraft::async_runtime::watch::WatchReceiver;
use tokio::sync::Mutex;

use crate::limits::SNAPSHOT_BYTES_MAX;
use crate::log_file::Identity;
use crate::machine::StateMachine;
use crate::machine_store::{MachineStore, Shared};
use crate::raft_types::{RaftTypes, Snapshot, SnapshotMeta, Vote};
use crate::rpc::{self, Envelope, Request, Response, SnapshotHead};
use crate::snapshot_file::{IncomingSnapshot, SnapshotData};
use crate::stored::{Blob, StoredVote};

/// Answers the messages of other nodes.
pub(crate) struct Receiver<S: StateMachine> {
    node: u64,
    incarnation: u64,
    raft: Raft<RaftTypes<S>, MachineStore<S>>,
    shared: Arc<Shared<S>>,
    /// One snapshot at a time: a second leader's replaces the first's, which then is of no use any more.
    incoming: Mutex<Option<Incoming>>,
}

struct Incoming {
    from: Vote,
    covers: SnapshotHead,
    total: u64,
    file: IncomingSnapshot,
}

impl<S: StateMachine> Receiver<S> {
    pub(crate) fn new(identity: &Identity, raft: Raft<RaftTypes<S>, MachineStore<S>>, shared: Arc<Shared<S>>) -> Self {
        Self { node: identity.node, incarnation: identity.incarnation, raft, shared, incoming: Mutex::new(None) }
    }

    /// The answer to `message`. Whatever the bytes are, there is one.
    pub(crate) async fn handle(&self, message: &[u8]) -> Vec<u8> {
        let response = match rpc::decode_request(message) {
            Ok(Envelope { to, .. }) if to != self.node => Err(format!("this is node-{}, not node-{to}", self.node)),
            Ok(Envelope { incarnation: None, request: Request::Introduce, .. }) => {
                Ok(Response::Introduced(self.incarnation))
            }
            Ok(Envelope { incarnation, request, .. }) if incarnation == Some(self.incarnation) => {
                self.answer(request).await
            }
            Ok(_) => Err(format!(
                "node-{} has lost the log that the cluster knows it by; take it out of the cluster, and let it join again",
                self.node
            )),
            Err(error) => Err(error.to_string()),
        };
        rpc::encode_response(&response.unwrap_or_else(Response::Refused))
    }

    async fn answer(&self, request: Request) -> Result<Response, String> {
        match request {
            Request::Introduce => Ok(Response::Introduced(self.incarnation)),
            Request::Append { vote, previous, entries, commit } => {
                let request =
                    rpc::append_request(vote, previous, entries, commit).map_err(|error| error.to_string())?;
                self.raft.append_entries(request).await.map(Response::from).map_err(|error| error.to_string())
            }
            Request::Vote { vote, last, transfer } => {
                let request = rpc::vote_request(vote, last, transfer);
                self.raft.vote(request).await.map(Response::from).map_err(|error| error.to_string())
            }
            Request::PreVote { vote, last, transfer } => {
                let request = rpc::vote_request(vote, last, transfer);
                self.raft.pre_vote(request).await.map(Response::from).map_err(|error| error.to_string())
            }
            Request::Transfer { from, to, last } => {
                let request = rpc::transfer_request(from, to, last);
                let result = self.raft.handle_transfer_leader(request).await.map_err(|error| error.to_string())?;
                Ok(Response::Transfer(result.map_err(Into::into)))
            }
            Request::Snapshot { vote, covers, total, offset, piece } => {
                self.take_piece(vote, covers, total, offset, piece).await
            }
        }
    }

    async fn take_piece(
        &self,
        vote: StoredVote,
        covers: SnapshotHead,
        total: u64,
        offset: u64,
        piece: Blob,
    ) -> Result<Response, String> {
        if total > SNAPSHOT_BYTES_MAX {
            return Err(format!("a snapshot of {total} bytes is larger than this node takes"));
        }
        let vote = Vote::from(vote);
        // Before a byte of it is stored: a leader of the past is told so, and does not disturb the transfer of the present.
        let known: Vote = self.raft.metrics().borrow_watched().vote;
        if vote < known {
            return Ok(Response::SnapshotInstalled((&known).into()));
        }
        let mut slot = self.incoming.lock().await;
        let mut incoming = match slot.take() {
            Some(incoming) if incoming.from == vote && incoming.covers == covers && incoming.total == total => incoming,
            _ => {
                let shared = Arc::clone(&self.shared);
                let file = blocking(move || shared.snapshots.receive()).await?;
                Incoming { from: vote, covers, total, file }
            }
        };
        let end = offset.saturating_add(piece.0.len() as u64);
        if offset == incoming.file.bytes() && end <= total && (end > offset || end == total) {
            incoming = blocking(move || incoming.file.push(&piece.0).map(|()| incoming)).await?;
        }
        let at = incoming.file.bytes();
        if at < total {
            *slot = Some(incoming);
            return Ok(Response::SnapshotAt(at));
        }
        let meta = SnapshotMeta::try_from(incoming.covers)?;
        let (data, meta) = blocking(move || incoming.file.finish(&meta).map(|data| (data, meta))).await?;
        self.install(vote, meta, data).await
    }

    async fn install(&self, vote: Vote, meta: SnapshotMeta, snapshot: SnapshotData) -> Result<Response, String> {
        let installed = self.raft.install_full_snapshot(vote, Snapshot { meta, snapshot }).await;
        let vote: Vote = installed.map_err(|error| error.to_string())?.vote;
        Ok(Response::SnapshotInstalled((&vote).into()))
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> Result<T, String> {
    let done = tokio::task::spawn_blocking(work).await.map_err(|error| error.to_string())?;
    done.map_err(|error| error.to_string())
}
