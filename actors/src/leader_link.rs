//! The way from a node without a ledger to one with: requests are passed on, at the addresses that are known.

use std::sync::{Arc, Mutex, PoisonError};

use nexus_link::{Expect, Link, LinkError, Peer};
use nexus_wire::limits::{REQUEST_DEADLINE, WAIT_MAX};
use nexus_wire::{MessageType, Refusal, Request, Response, decode_response, encode_request};

use crate::codes;
use crate::control::refusal;

/// Dials the nodes that hold the ledger. Clones share what they learn.
#[derive(Clone)]
pub(crate) struct LeaderLink {
    link: Link,
    addresses: Arc<Mutex<Vec<String>>>,
}

impl LeaderLink {
    /// A link that tries `addresses` in order.
    pub(crate) fn new(link: Link, addresses: Vec<String>) -> Self {
        LeaderLink { link, addresses: Arc::new(Mutex::new(addresses)) }
    }

    /// A connection to a node that holds the ledger.
    pub(crate) async fn connect(&self) -> Result<Peer, LinkError> {
        let addresses = self.addresses.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut last = LinkError::Closed;
        for address in addresses {
            match self.link.connect(&address, Expect::AnyNode).await {
                Ok(peer) => {
                    self.prefer(&address);
                    return Ok(peer);
                }
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    /// What answered last is asked first.
    fn prefer(&self, address: &str) {
        let mut addresses = self.addresses.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(position) = addresses.iter().position(|known| known == address) {
            addresses[..=position].rotate_right(1);
        }
    }

    /// Passes a request on and brings the answer back.
    pub(crate) async fn ask(&self, request: Request) -> Result<Response, Refusal> {
        let peer = self.connect().await.map_err(from_link)?;
        ask_peer(&peer, &request).await.map_err(from_link)?
    }
}

/// One request to one peer. The inner error is the peer's refusal or an answer that cannot be read.
pub(crate) async fn ask_peer(peer: &Peer, request: &Request) -> Result<Result<Response, Refusal>, LinkError> {
    let deadline = match request {
        Request::WaitJob { .. } => WAIT_MAX + REQUEST_DEADLINE,
        _ => REQUEST_DEADLINE,
    };
    let message_type = match request {
        Request::Join(_) => MessageType::JOIN,
        _ => MessageType::REQUEST,
    };
    let body = match encode_request(request) {
        Ok(body) => body,
        Err(error) => return Ok(Err(refusal(codes::BAD_SUBMISSION, format!("the request cannot be sent: {error}")))),
    };
    let message = nexus_link::Message::new(message_type, body);
    let frame = peer.request(message, deadline).await?;
    Ok(match decode_response(&frame.body) {
        Ok(Response::Refused(refusal)) => Err(refusal),
        Ok(response) => Ok(response),
        Err(error) => {
            Err(refusal(codes::BAD_MESSAGE, format!("the answer of {} cannot be read: {error}", peer.address())))
        }
    })
}

/// A refusal that says what happened on the way.
pub(crate) fn from_link(error: LinkError) -> Refusal {
    let retry_after = match &error {
        LinkError::Busy { retry_after, .. } => Some(*retry_after),
        _ => None,
    };
    Refusal { help: error.help().map(str::to_owned), retry_after, ..refusal(error.code(), error.to_string()) }
}
