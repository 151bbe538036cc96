//! The messages between the nodes of a cluster, as bytes.
//!
//! The link carries them without looking inside. They name their receiver, so that a message that reaches the wrong node
//! (an address that changed hands) is refused rather than obeyed.

use openraft::raft::{
    AppendEntriesRequest, AppendEntriesResponse, TransferLeaderError, TransferLeaderRequest, VoteRequest, VoteResponse,
};
use serde::{Deserialize, Serialize};

use crate::machine::StateMachine;
use crate::raft_types::{LogId, RaftTypes, SnapshotMeta, Vote};
use crate::stored::{self, Blob, StoredEntry, StoredError, StoredLogId, StoredMembersAt, StoredVote};

/// A request and whom it is for.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Envelope {
    pub(crate) to: u64,
    /// Which of the node's logs is meant; `None` asks whichever there is.
    pub(crate) incarnation: Option<u64>,
    pub(crate) request: Request,
}

/// What one node asks of another.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Request {
    /// Leader → node that is to become a member: which log do you have? Answer: [`Response::Introduced`].
    Introduce,
    /// Leader → follower: entries, or none as a sign of life. Answer: [`Response::Append`]. Safe to repeat.
    Append { vote: StoredVote, previous: Option<StoredLogId>, entries: Vec<StoredEntry>, commit: Option<StoredLogId> },
    /// Candidate → voter: vote for me. Answer: [`Response::Vote`]. Safe to repeat.
    Vote { vote: StoredVote, last: Option<StoredLogId>, transfer: bool },
    /// Would-be candidate → voter: would you? Changes nothing. Answer: [`Response::Vote`].
    PreVote { vote: StoredVote, last: Option<StoredLogId>, transfer: bool },
    /// Leader → node: `to` is to lead from now on. Answer: [`Response::Transfer`].
    Transfer { from: StoredVote, to: u64, last: Option<StoredLogId> },
    /// Leader → follower: a piece of a snapshot, in order from 0. Answer: [`Response::SnapshotAt`] until the last piece,
    /// then [`Response::SnapshotInstalled`]. A piece that comes twice is answered with where to go on.
    Snapshot { vote: StoredVote, covers: SnapshotHead, total: u64, offset: u64, piece: Blob },
}

/// What a snapshot covers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SnapshotHead {
    last: Option<StoredLogId>,
    members: StoredMembersAt,
}

impl From<&SnapshotMeta> for SnapshotHead {
    fn from(meta: &SnapshotMeta) -> Self {
        Self { last: meta.last_log_id.as_ref().map(Into::into), members: (&meta.last_membership).into() }
    }
}

impl TryFrom<SnapshotHead> for SnapshotMeta {
    type Error = String;

    fn try_from(head: SnapshotHead) -> Result<Self, String> {
        Ok(SnapshotMeta { last_log_id: head.last.map(LogId::from), last_membership: head.members.try_into()? })
    }
}

/// The answer to a [`Request`].
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Response {
    /// The incarnation of the node's log.
    Introduced(u64),
    Append(Appended),
    Vote {
        vote: StoredVote,
        granted: bool,
        last: Option<StoredLogId>,
    },
    Transfer(Result<(), TransferRefused>),
    /// The next piece is to begin here.
    SnapshotAt(u64),
    /// The snapshot is installed, or was refused because of a newer leader: this is the vote of the follower.
    SnapshotInstalled(StoredVote),
    /// The node cannot answer, and why.
    Refused(String),
}

/// How a follower took entries.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Appended {
    All,
    UpTo(Option<StoredLogId>),
    Conflict,
    NewerVote(StoredVote),
}

/// Why a node does not take over.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum TransferRefused {
    VoteChanged { expected: StoredVote, actual: StoredVote },
    NotFlushed { expected: Option<StoredLogId>, actual: Option<StoredLogId> },
}

fn log_id(id: Option<StoredLogId>) -> Option<LogId> {
    id.map(LogId::from)
}

fn stored_id(id: &Option<LogId>) -> Option<StoredLogId> {
    id.as_ref().map(StoredLogId::from)
}

/// The bytes of a request.
pub(crate) fn encode_request(to: u64, incarnation: Option<u64>, request: Request) -> Vec<u8> {
    stored::encode(&Envelope { to, incarnation, request })
}

/// The request of these bytes.
pub(crate) fn decode_request(bytes: &[u8]) -> Result<Envelope, StoredError> {
    stored::decode("message between nodes", bytes)
}

/// The bytes of an answer.
pub(crate) fn encode_response(response: &Response) -> Vec<u8> {
    stored::encode(response)
}

/// The answer of these bytes.
pub(crate) fn decode_response(bytes: &[u8]) -> Result<Response, StoredError> {
    stored::decode("answer between nodes", bytes)
}

impl Request {
    /// From openraft's request for entries.
    pub(crate) fn append<S: StateMachine>(request: &AppendEntriesRequest<RaftTypes<S>>) -> Self {
        Request::Append {
            vote: (&request.vote).into(),
            previous: stored_id(&request.prev_log_id),
            entries: request.entries.iter().map(StoredEntry::from).collect(),
            commit: stored_id(&request.leader_commit),
        }
    }

    /// From openraft's request for a vote.
    pub(crate) fn vote<S: StateMachine>(request: &VoteRequest<RaftTypes<S>>) -> Self {
        let transfer = request.leadership_transfer;
        Request::Vote { vote: (&request.vote).into(), last: stored_id(&request.last_log_id), transfer }
    }

    /// From openraft's request for a promise of a vote.
    pub(crate) fn pre_vote<S: StateMachine>(request: &VoteRequest<RaftTypes<S>>) -> Self {
        let transfer = request.leadership_transfer;
        Request::PreVote { vote: (&request.vote).into(), last: stored_id(&request.last_log_id), transfer }
    }

    /// From openraft's request to take over.
    pub(crate) fn transfer<S: StateMachine>(request: &TransferLeaderRequest<RaftTypes<S>>) -> Self {
        Request::Transfer {
            from: request.from_leader().into(),
            to: *request.to_node_id(),
            last: request.last_log_id().map(StoredLogId::from),
        }
    }
}

/// The parts of [`Request::Append`] as openraft's request.
pub(crate) fn append_request<S: StateMachine>(
    vote: StoredVote,
    previous: Option<StoredLogId>,
    entries: Vec<StoredEntry>,
    commit: Option<StoredLogId>,
) -> Result<AppendEntriesRequest<RaftTypes<S>>, StoredError> {
    let entries = stored::entries_from(entries)?;
    let prev_log_id = log_id(previous);
    let mut next = prev_log_id.as_ref().map_or(0, |id| id.index.saturating_add(1));
    for entry in &entries {
        if entry.log_id.index != next {
            let reason = format!("entry {} stands where entry {next} belongs", entry.log_id.index);
            return Err(StoredError::Damaged { what: "message between nodes", reason });
        }
        next = next.saturating_add(1);
    }
    Ok(AppendEntriesRequest { vote: vote.into(), prev_log_id, entries, leader_commit: log_id(commit) })
}

/// The parts of [`Request::Vote`] and [`Request::PreVote`] as openraft's request.
pub(crate) fn vote_request<S: StateMachine>(
    vote: StoredVote,
    last: Option<StoredLogId>,
    transfer: bool,
) -> VoteRequest<RaftTypes<S>> {
    VoteRequest { vote: vote.into(), last_log_id: log_id(last), leadership_transfer: transfer }
}

/// The parts of [`Request::Transfer`] as openraft's request.
pub(crate) fn transfer_request<S: StateMachine>(
    from: StoredVote,
    to: u64,
    last: Option<StoredLogId>,
) -> TransferLeaderRequest<RaftTypes<S>> {
    TransferLeaderRequest::new(from.into(), to, log_id(last))
}

impl<S: StateMachine> From<AppendEntriesResponse<RaftTypes<S>>> for Response {
    fn from(response: AppendEntriesResponse<RaftTypes<S>>) -> Self {
        Response::Append(match response {
            AppendEntriesResponse::Success => Appended::All,
            AppendEntriesResponse::PartialSuccess(upto) => Appended::UpTo(stored_id(&upto)),
            AppendEntriesResponse::Conflict => Appended::Conflict,
            AppendEntriesResponse::HigherVote(vote) => Appended::NewerVote((&vote).into()),
        })
    }
}

impl<S: StateMachine> From<Appended> for AppendEntriesResponse<RaftTypes<S>> {
    fn from(appended: Appended) -> Self {
        match appended {
            Appended::All => AppendEntriesResponse::Success,
            Appended::UpTo(upto) => AppendEntriesResponse::PartialSuccess(log_id(upto)),
            Appended::Conflict => AppendEntriesResponse::Conflict,
            Appended::NewerVote(vote) => AppendEntriesResponse::HigherVote(vote.into()),
        }
    }
}

impl<S: StateMachine> From<VoteResponse<RaftTypes<S>>> for Response {
    fn from(response: VoteResponse<RaftTypes<S>>) -> Self {
        let vote: Vote = response.vote;
        Response::Vote { vote: (&vote).into(), granted: response.vote_granted, last: stored_id(&response.last_log_id) }
    }
}

/// The parts of [`Response::Vote`] as openraft's answer.
pub(crate) fn vote_response<S: StateMachine>(
    vote: StoredVote,
    granted: bool,
    last: Option<StoredLogId>,
) -> VoteResponse<RaftTypes<S>> {
    VoteResponse { vote: vote.into(), vote_granted: granted, last_log_id: log_id(last) }
}

impl<S: StateMachine> From<TransferLeaderError<RaftTypes<S>>> for TransferRefused {
    fn from(error: TransferLeaderError<RaftTypes<S>>) -> Self {
        match error {
            TransferLeaderError::VoteChanged { expected, actual } => {
                TransferRefused::VoteChanged { expected: (&expected).into(), actual: (&actual).into() }
            }
            TransferLeaderError::LogNotFlushed { expected, actual } => {
                TransferRefused::NotFlushed { expected: stored_id(&expected), actual: stored_id(&actual) }
            }
        }
    }
}

impl<S: StateMachine> From<TransferRefused> for TransferLeaderError<RaftTypes<S>> {
    fn from(refused: TransferRefused) -> Self {
        match refused {
            TransferRefused::VoteChanged { expected, actual } => {
                TransferLeaderError::VoteChanged { expected: expected.into(), actual: actual.into() }
            }
            TransferRefused::NotFlushed { expected, actual } => {
                TransferLeaderError::LogNotFlushed { expected: log_id(expected), actual: log_id(actual) }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::raft_types::LeaderId;
    use crate::test_machine::Register;

    fn requests() -> Vec<Request> {
        let vote = Vote::new_committed(3, 1);
        let last = Some(LogId { leader_id: LeaderId { term: 3, node_id: 1 }, index: 41 });
        let election = VoteRequest::<RaftTypes<Register>> { vote, last_log_id: last, leadership_transfer: true };
        let append = AppendEntriesRequest::<RaftTypes<Register>> {
            vote,
            prev_log_id: last,
            entries: vec![crate::raft_types::LogEntry {
                log_id: LogId { leader_id: LeaderId { term: 3, node_id: 1 }, index: 42 },
                payload: openraft::EntryPayload::Blank,
            }],
            leader_commit: last,
        };
        let covers = SnapshotHead::from(&SnapshotMeta { last_log_id: last, ..SnapshotMeta::default() });
        let piece = Blob(bytes::Bytes::from_static(b"piece"));
        vec![
            Request::Introduce,
            Request::append(&append),
            Request::vote(&election),
            Request::pre_vote(&election),
            Request::transfer(&TransferLeaderRequest::<RaftTypes<Register>>::new(vote, 2, last)),
            Request::Snapshot { vote: (&vote).into(), covers, total: 5, offset: 0, piece },
        ]
    }

    #[test]
    fn requests_come_back_as_they_were() {
        for request in requests() {
            let text = format!("{request:?}");
            let envelope = decode_request(&encode_request(2, Some(7), request)).unwrap();
            assert_eq!((envelope.to, envelope.incarnation), (2, Some(7)));
            assert_eq!(format!("{:?}", envelope.request), text);
        }
    }

    /// A damaged message is another message or an error, and never more memory than its own length asks for.
    #[test]
    fn damaged_requests_are_decoded_or_refused() {
        for request in requests() {
            let bytes = encode_request(2, Some(7), request);
            for length in 0..bytes.len() {
                assert!(decode_request(&bytes[..length]).is_err());
            }
            for position in 0..bytes.len() {
                for value in [0, 1, 0x7f, 0x80, 0xff] {
                    let mut damaged = bytes.clone();
                    damaged[position] = value;
                    if let Ok(Envelope { request: Request::Append { vote, previous, entries, commit }, .. }) =
                        decode_request(&damaged)
                    {
                        // Whatever comes through is in order.
                        if let Ok(request) = append_request::<Register>(vote, previous, entries, commit) {
                            let first = request.prev_log_id.map_or(0, |id| id.index + 1);
                            assert!(request.entries.iter().zip(first..).all(|(entry, at)| entry.log_id.index == at));
                        }
                    }
                }
            }
        }
    }
}
