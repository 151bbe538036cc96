//! The way from any node to the leader: found through the log, or by asking the nodes whose addresses are known.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::stream::FuturesUnordered;
use futures::{FutureExt, Stream, StreamExt};
use nexus_ledger::Ledger;
use nexus_link::{Expect, Link, LinkError, Peer};
use nexus_model::NodeId;
use nexus_wire::limits::{REQUEST_DEADLINE, WAIT_MAX};
use nexus_wire::{
    ClusterRequest, ClusterResponse, MessageType, Refusal, Request, Response, decode_response, encode_request,
};

use crate::address_book::AddressBook;
use crate::codes;
use crate::control::{ControlPlane, refusal};
use crate::telemetry;

/// How long a node may take to say who leads: it knows, or it does not.
const FIND_DEADLINE: Duration = Duration::from_secs(2);

/// Finds the leader and brings requests to it. Clones share what they know.
#[derive(Clone)]
pub(crate) struct LeaderLink {
    node: NodeId,
    link: Link,
    control: ControlPlane,
    book: AddressBook,
    /// Addresses that this node was told when it joined.
    told: Arc<Vec<String>>,
}

/// Where the leader is.
pub(crate) enum Found {
    /// It is this node.
    Here,
    /// It is another one.
    There {
        /// Which.
        node: NodeId,
        /// A connection to it.
        peer: Peer,
    },
}

impl LeaderLink {
    /// The way of `node` to its leader. `told` are addresses to ask where the log does not say who leads.
    pub(crate) fn new(node: NodeId, link: Link, control: ControlPlane, book: AddressBook, told: Vec<String>) -> Self {
        LeaderLink { node, link, control, book, told: Arc::new(told) }
    }

    /// The leader, as far as it can be found now.
    pub(crate) async fn find(&self) -> Result<Found, LinkError> {
        if self.control.is_leader() {
            return Ok(Found::Here);
        }
        let known = match self.control.leader() {
            Some((node, _)) if node == self.node => None,
            Some((node, address)) => Some(self.reach(node, &address).await),
            None => None,
        };
        match known {
            Some(Ok(found)) => Ok(found),
            Some(Err(error)) => self.ask_around().await.ok_or(error),
            None => self.ask_around().await.ok_or(LinkError::Closed),
        }
    }

    async fn reach(&self, node: NodeId, address: &str) -> Result<Found, LinkError> {
        let peer = self.book.connect(&self.link, node, address).await?;
        Ok(Found::There { node, peer })
    }

    /// Asks every node that could know, all at once; the first that names a leader who answers is believed.
    async fn ask_around(&self) -> Option<Found> {
        let members = self.others_named().await;
        let others = members.iter().map(|(_, address)| address);
        let mut addresses: Vec<&String> = others.chain(self.told.iter()).collect();
        addresses.sort();
        addresses.dedup();
        let mut answers: FuturesUnordered<_> =
            addresses.into_iter().map(|address| self.ask_for_leader(address)).collect();
        while let Some(answer) = answers.next().await {
            if let Some((node, address)) = answer
                && node != self.node
                && let Ok(found) = self.reach(node, &address).await
            {
                return Some(found);
            }
        }
        None
    }

    async fn ask_for_leader(&self, address: &str) -> Option<(NodeId, String)> {
        let asked = async {
            let peer = self.link.connect(address, Expect::AnyNode).await.ok()?;
            ask_peer(&peer, &Request::Cluster(Box::new(ClusterRequest::FindLeader))).await.ok()?.ok()
        };
        match tokio::time::timeout(FIND_DEADLINE, asked).await {
            Ok(Some(Response::Cluster(answer))) => match *answer {
                ClusterResponse::Leader { leader, .. } => leader,
                ClusterResponse::Renewed(_)
                | ClusterResponse::Experience(_)
                | ClusterResponse::Labels(_)
                | ClusterResponse::BlobOutline(_)
                | ClusterResponse::Engine(_)
                | ClusterResponse::Health(_)
                | ClusterResponse::FoundBlobs(_)
                | ClusterResponse::Audit(_) => None,
            },
            _ => None,
        }
    }

    /// This node.
    pub(crate) fn node(&self) -> NodeId {
        self.node
    }

    /// The other machines and where they are: those that the log names, and those that only the ledger has yet, which may have
    /// what is looked for.
    async fn others_named(&self) -> Vec<(NodeId, String)> {
        let machines = |ledger: &Ledger| {
            let machines = ledger.members().filter(|(_, member)| member.is_machine());
            machines.map(|(node, member)| (node, member.address.clone())).collect::<BTreeMap<_, _>>()
        };
        let mut all = self.control.read_local(machines).await;
        all.extend(self.control.addresses());
        all.remove(&self.node);
        all.into_iter().collect()
    }

    /// The other members as they are reached, whoever is nearest first; nothing for one that cannot be.
    pub(crate) fn others(&self) -> impl Stream<Item = Option<Peer>> {
        let dials = async move {
            let others = self.others_named().await.into_iter();
            others
                .map(|(node, address)| async move { self.book.connect(&self.link, node, &address).await.ok() })
                .collect::<FuturesUnordered<_>>()
        };
        dials.flatten_stream()
    }

    /// Asks the other members one after the other, the leader first and then whoever is reached first, until one gives
    /// something: whoever may have a blob, or keep one. Who cannot be reached keeps nobody waiting but at the end.
    pub(crate) async fn first_of<T>(&self, mut ask: impl AsyncFnMut(Peer) -> Option<T>) -> Option<T> {
        let mut leader = None;
        if let Ok(Found::There { node, peer }) = self.find().await {
            leader = Some(node);
            if let Some(given) = ask(peer).await {
                return Some(given);
            }
        }
        let members = self.others_named().await;
        let others = members.iter().filter(|(node, _)| Some(*node) != leader);
        let mut dials: FuturesUnordered<_> =
            others.map(|(node, address)| self.book.connect(&self.link, *node, address)).collect();
        while let Some(dialled) = dials.next().await {
            if let Ok(peer) = dialled
                && let Some(given) = ask(peer).await
            {
                return Some(given);
            }
        }
        None
    }
}

/// One request to one peer. The inner error is the peer's refusal or an answer that cannot be read.
pub(crate) async fn ask_peer(peer: &Peer, request: &Request) -> Result<Result<Response, Refusal>, LinkError> {
    let message_type = match request {
        Request::Join(_) => MessageType::JOIN,
        _ => MessageType::REQUEST,
    };
    let body = match encode_request(request) {
        Ok(body) => body,
        Err(error) => return Ok(Err(refusal(codes::BAD_SUBMISSION, format!("the request cannot be sent: {error}")))),
    };
    let message = nexus_link::Message { trace: telemetry::current(), ..nexus_link::Message::new(message_type, body) };
    let frame = peer.request(message, deadline(request)).await?;
    Ok(match decode_response(&frame.body) {
        Ok(Response::Refused(refusal)) => Err(refusal),
        Ok(response) => Ok(response),
        Err(error) => {
            Err(refusal(codes::BAD_MESSAGE, format!("the answer of {} cannot be read: {error}", peer.address())))
        }
    })
}

fn deadline(request: &Request) -> Duration {
    match request {
        Request::WaitJob { .. } => WAIT_MAX + REQUEST_DEADLINE,
        Request::Cluster(inner) => match &**inner {
            ClusterRequest::Relay { request, .. } => deadline(request),
            _ => REQUEST_DEADLINE,
        },
        _ => REQUEST_DEADLINE,
    }
}

/// A refusal that says what happened on the way.
pub(crate) fn from_link(error: LinkError) -> Refusal {
    let retry_after = match &error {
        LinkError::Busy { retry_after, .. } => Some(*retry_after),
        _ => None,
    };
    Refusal { help: error.help().map(str::to_owned), retry_after, ..refusal(error.code(), error.to_string()) }
}
