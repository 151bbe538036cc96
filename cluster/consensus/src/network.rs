//! The sending side: openraft's requests become bytes, and a transport takes them to their node.
//!
//! Nothing here knows of sockets or certificates; `nexus-link` does, behind [`RaftTransport`].

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use nexus_model::NodeId;
use openraft::errors::{NetworkError, RPCError, ReplicationClosed, StreamingError, Timeout, Unreachable};
use openraft::network::RPCOption;
use openraft::raft::{
    AppendEntriesRequest, AppendEntriesResponse, SnapshotResponse, TransferLeaderRequest, TransferLeaderResponse,
    VoteRequest, VoteResponse,
};
use openraft::{OptionalSend, RPCTypes, RaftNetworkFactory, RaftNetworkV2};

use crate::limits::{APPEND_DEADLINE, SNAPSHOT_CHUNK_BYTES, SNAPSHOT_DEADLINE, VOTE_DEADLINE};
use crate::machine::StateMachine;
use crate::raft_types::{LogId, Member, RaftTypes, Snapshot, Vote};
use crate::rpc::{self, Appended, Request, Response};
use crate::snapshot_file::SnapshotData;
use crate::stored::Blob;

/// How often the receiver of a snapshot may ask for a piece again before the transfer is given up.
const SNAPSHOT_SETBACKS_MAX: u32 = 8;

/// Why a message got no answer. Whether it arrived is not known.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TransportError {
    /// There is no way to the node at the moment; the next message waits a little.
    #[error("{0}")]
    Unreachable(String),
    /// The connection broke; the next message may go through.
    #[error("{0}")]
    Broken(String),
}

/// Carries messages between the nodes of a cluster. Implemented over QUIC by the node, and in memory by tests.
pub trait RaftTransport: Send + Sync + 'static {
    /// Takes `message` to [`crate::Consensus::handle_message`] of `node` and brings its answer back. Dropping the future
    /// gives the message up. Messages may overtake each other.
    fn send(
        &self,
        node: NodeId,
        address: &str,
        message: Vec<u8>,
    ) -> impl Future<Output = Result<Vec<u8>, TransportError>> + Send;
}

/// Makes one [`Peer`] for each node that is spoken to.
pub(crate) struct Peers<T> {
    pub(crate) from: u64,
    pub(crate) transport: Arc<T>,
}

impl<S: StateMachine, T: RaftTransport> RaftNetworkFactory<RaftTypes<S>> for Peers<T> {
    type Network = Peer<T>;

    async fn new_client(&mut self, target: u64, node: &Member) -> Peer<T> {
        let transport = Arc::clone(&self.transport);
        Peer { from: self.from, target, member: node.clone(), transport }
    }
}

/// Asks a node that is no member yet which log it has.
///
/// # Errors
/// Why there is no answer, in a sentence.
pub(crate) async fn introduce<T: RaftTransport>(transport: &T, node: u64, address: &str) -> Result<u64, String> {
    let message = rpc::encode_request(node, None, Request::Introduce);
    let sent = tokio::time::timeout(APPEND_DEADLINE, transport.send(NodeId(node), address, message)).await;
    let bytes = match sent {
        Ok(Ok(bytes)) => bytes,
        Ok(Err(error)) => return Err(format!("node-{node} cannot be asked: {error}")),
        Err(_) => return Err(format!("node-{node} does not answer at {address}")),
    };
    match rpc::decode_response(&bytes) {
        Ok(Response::Introduced(incarnation)) => Ok(incarnation),
        Ok(Response::Refused(reason)) => Err(reason),
        Ok(other) => Err(format!("node-{node} answered another question: {other:?}")),
        Err(error) => Err(error.to_string()),
    }
}

/// One node that is spoken to.
pub(crate) struct Peer<T> {
    from: u64,
    target: u64,
    member: Member,
    transport: Arc<T>,
}

impl<T: RaftTransport> Peer<T> {
    async fn ask<S: StateMachine>(
        &self,
        kind: RPCTypes,
        request: Request,
        deadline: Duration,
    ) -> Result<Response, RPCError<RaftTypes<S>>> {
        let message = rpc::encode_request(self.target, Some(self.member.incarnation), request);
        let send = self.transport.send(NodeId(self.target), &self.member.address, message);
        let Ok(sent) = tokio::time::timeout(deadline, send).await else {
            return Err(Timeout { action: kind, id: self.from, target: self.target, timeout: deadline }.into());
        };
        let bytes = sent.map_err(|error| match error {
            TransportError::Unreachable(_) => RPCError::Unreachable(Unreachable::new(&error)),
            TransportError::Broken(_) => RPCError::Network(NetworkError::new(&error)),
        })?;
        match rpc::decode_response(&bytes) {
            // A node that answers but cannot serve (wrong node, stopped, another version) is asked again only after a while.
            Ok(Response::Refused(reason)) => Err(RPCError::Unreachable(Unreachable::from_string(reason))),
            Ok(response) => Ok(response),
            Err(error) => Err(RPCError::Unreachable(Unreachable::new(&error))),
        }
    }

    fn unexpected<S: StateMachine>(&self, response: &Response) -> RPCError<RaftTypes<S>> {
        let text = format!("node {} answered another question: {response:?}", self.target);
        RPCError::Unreachable(Unreachable::from_string(text))
    }

    /// Sends the snapshot piece by piece, from wherever the receiver says that it stands.
    async fn send_snapshot<S: StateMachine>(
        &self,
        vote: Vote,
        snapshot: Snapshot,
    ) -> Result<SnapshotResponse<RaftTypes<S>>, StreamingError<RaftTypes<S>>> {
        let (covers, data) = (rpc::SnapshotHead::from(&snapshot.meta), snapshot.snapshot);
        let mut offset = 0;
        let mut setbacks = 0;
        loop {
            let piece = read_piece(&data, offset).await.map_err(|error| NetworkError::new(&error))?;
            let request = Request::Snapshot {
                vote: (&vote).into(),
                covers: covers.clone(),
                total: data.bytes,
                offset,
                piece: Blob(piece),
            };
            let next = match self.ask(RPCTypes::InstallSnapshot, request, SNAPSHOT_DEADLINE).await? {
                Response::SnapshotAt(next) if next <= data.bytes => next,
                Response::SnapshotInstalled(vote) => return Ok(SnapshotResponse::new(vote.into())),
                other => return Err(self.unexpected(&other).into()),
            };
            // A receiver that was restarted begins anew; one that never gets on is left alone for a while.
            setbacks += u32::from(next <= offset);
            if setbacks > SNAPSHOT_SETBACKS_MAX {
                return Err(NetworkError::from_string("the receiver of the snapshot does not get on").into());
            }
            offset = next;
        }
    }
}

/// Whether an answer can be the answer to `request`: the library takes that for granted.
fn is_sound<S: StateMachine>(request: &AppendEntriesRequest<RaftTypes<S>>, appended: &Appended) -> bool {
    let last = request.entries.last().map(|entry| entry.log_id).or(request.prev_log_id);
    match appended {
        Appended::All => true,
        Appended::UpTo(upto) => (request.prev_log_id..=last).contains(&upto.map(LogId::from)),
        Appended::Conflict => request.prev_log_id.is_some(),
        Appended::NewerVote(vote) => Vote::from(*vote) > request.vote,
    }
}

async fn read_piece(data: &SnapshotData, offset: u64) -> io::Result<Bytes> {
    let data = data.clone();
    let read = tokio::task::spawn_blocking(move || data.read_at(offset, SNAPSHOT_CHUNK_BYTES));
    Ok(read.await.map_err(io::Error::other)??.into())
}

impl<S: StateMachine, T: RaftTransport> RaftNetworkV2<RaftTypes<S>> for Peer<T> {
    type SnapshotData = SnapshotData;

    async fn append_entries(
        &mut self,
        request: AppendEntriesRequest<RaftTypes<S>>,
        _option: RPCOption,
    ) -> Result<AppendEntriesResponse<RaftTypes<S>>, RPCError<RaftTypes<S>>> {
        // The library's own limit is the heartbeat's, too short for a megabyte on a slow link; heartbeats go on another
        // connection and are cut off by the library.
        match self.ask(RPCTypes::AppendEntries, Request::append(&request), APPEND_DEADLINE).await? {
            Response::Append(appended) if is_sound(&request, &appended) => Ok(appended.into()),
            other => Err(self.unexpected(&other)),
        }
    }

    async fn vote(
        &mut self,
        request: VoteRequest<RaftTypes<S>>,
        _option: RPCOption,
    ) -> Result<VoteResponse<RaftTypes<S>>, RPCError<RaftTypes<S>>> {
        match self.ask(RPCTypes::Vote, Request::vote(&request), VOTE_DEADLINE).await? {
            Response::Vote { vote, granted, last } => Ok(rpc::vote_response(vote, granted, last)),
            other => Err(self.unexpected(&other)),
        }
    }

    async fn pre_vote(
        &mut self,
        request: VoteRequest<RaftTypes<S>>,
        _option: RPCOption,
    ) -> Result<VoteResponse<RaftTypes<S>>, RPCError<RaftTypes<S>>> {
        match self.ask(RPCTypes::Vote, Request::pre_vote(&request), VOTE_DEADLINE).await? {
            Response::Vote { vote, granted, last } => Ok(rpc::vote_response(vote, granted, last)),
            other => Err(self.unexpected(&other)),
        }
    }

    async fn full_snapshot(
        &mut self,
        vote: Vote,
        snapshot: Snapshot,
        cancel: impl Future<Output = ReplicationClosed> + OptionalSend + 'static,
        _option: RPCOption,
    ) -> Result<SnapshotResponse<RaftTypes<S>>, StreamingError<RaftTypes<S>>> {
        tokio::select! {
            closed = cancel => Err(closed.into()),
            sent = self.send_snapshot(vote, snapshot) => sent,
        }
    }

    async fn transfer_leader(
        &mut self,
        request: TransferLeaderRequest<RaftTypes<S>>,
        _option: RPCOption,
    ) -> Result<TransferLeaderResponse<RaftTypes<S>>, RPCError<RaftTypes<S>>> {
        match self.ask(RPCTypes::TransferLeader, Request::transfer(&request), VOTE_DEADLINE).await? {
            Response::Transfer(result) => Ok(result.map_err(Into::into)),
            other => Err(self.unexpected(&other)),
        }
    }
}
