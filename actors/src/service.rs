//! What a node answers to its peers: frames in, frames out, the gateway and the scheduler behind.

use std::sync::Arc;

use nexus_link::{Handler, IncomingRequest, IncomingStream, Message, PeerInfo, Subject};
use nexus_wire::{MessageType, Request, Response, decode_join, decode_request, encode_response};
use tokio::time::timeout_at;

use crate::address_book::AddressBook;
use crate::attachment::serve_worker;
use crate::codes;
use crate::control::{ControlPlane, Spoken, refusal};
use crate::directory::Directory;
use crate::gateway::Ask;
use crate::roles::Caller;
use crate::telemetry;

/// The link's handler of a node.
pub(crate) struct NodeService {
    pub(crate) directory: Arc<Directory>,
    pub(crate) control: ControlPlane,
    pub(crate) book: AddressBook,
    pub(crate) spoken: Spoken,
}

impl NodeService {
    async fn is_forgotten(&self, peer: &PeerInfo) -> bool {
        let Some(node) = peer.node() else { return true };
        self.control.read_local(|ledger| ledger.is_forgotten(node)).await
    }

    async fn answer(&self, peer: &PeerInfo, request: IncomingRequest) -> Response {
        let refused = |code: &str, message: String| Response::Refused(refusal(code, message));
        // A machine without a certificate gets no further than one kind of request.
        let decoded = match request.message_type {
            MessageType::JOIN => decode_join(&request.body).map(|join| Request::Join(Box::new(join))),
            _ => decode_request(&request.body),
        };
        let decoded = match decoded {
            Ok(decoded) => decoded,
            Err(error) => return refused(codes::BAD_MESSAGE, format!("the request cannot be read: {error}")),
        };
        if let Request::Join(_) = &decoded
            && let Err(refusal) = self.control.admits(peer.version).await
        {
            return Response::Refused(refusal);
        }
        if let (Request::Raft(_), Some(node)) = (&decoded, peer.node()) {
            self.book.note(node, peer.address);
        }
        let span = telemetry::request(&decoded, request.trace);
        let ask = Ask { caller: caller(peer), request: decoded, span };
        let answer = async {
            match self.directory.gateway.get().await {
                Some(gateway) => gateway.send(ask).await,
                None => Ok(Response::Refused(crate::control::stopping())),
            }
        };
        let answered = match request.deadline {
            Some(deadline) => timeout_at(deadline, answer).await,
            None => Ok(answer.await),
        };
        match answered {
            Ok(Ok(response)) => response,
            Ok(Err(_)) => refused(codes::BUSY, "the gateway is being restarted; ask again".to_owned()),
            Err(_) => refused(codes::TIMED_OUT, "the request was not carried out within its deadline".to_owned()),
        }
    }
}

fn caller(peer: &PeerInfo) -> Caller {
    match &peer.subject {
        None => Caller::Anonymous,
        Some(Subject::Node { node, role }) => Caller::Member { role: *role, node: Some(*node), name: String::new() },
        Some(Subject::Client { name, role, node }) => Caller::Member { role: *role, node: *node, name: name.clone() },
    }
}

impl Handler for NodeService {
    async fn request(&self, peer: Arc<PeerInfo>, request: IncomingRequest) -> Message {
        let response = self.answer(&peer, request).await;
        let body = encode_response(&response).or_else(|error| {
            let message = format!("the answer cannot be sent: {error}");
            encode_response(&Response::Refused(refusal(codes::BAD_MESSAGE, message)))
        });
        Message::new(MessageType::RESPONSE, body.expect("a refusal with a short message can always be encoded"))
    }

    async fn stream(&self, peer: Arc<PeerInfo>, stream: IncomingStream) {
        if stream.message_type != MessageType::WORKER {
            tracing::warn!(peer = %peer.address, kind = %stream.message_type, "a stream that this node does not serve");
            return;
        }
        if self.is_forgotten(&peer).await {
            tracing::debug!(peer = %peer.address, "a worker that was taken out of the cluster was turned away");
            return;
        }
        if let Err(refusal) = self.control.admits(peer.version).await {
            tracing::warn!(peer = %peer.address, reason = %refusal, "a worker was refused");
            return;
        }
        if let Some(node) = peer.node() {
            self.spoken.heard(node, peer.version);
        }
        serve_worker(&self.directory, &peer, stream).await;
    }
}
