//! Carries consensus's messages between nodes, over the link.

use nexus_consensus::{RaftTransport, TransportError};
use nexus_link::Link;
use nexus_model::NodeId;
use nexus_wire::{Request, Response};

use crate::address_book::AddressBook;
use crate::leader_link::ask_peer;

/// The link as consensus uses it.
pub(super) struct LinkTransport {
    pub(super) link: Link,
    pub(super) book: AddressBook,
}

impl RaftTransport for LinkTransport {
    async fn send(&self, node: NodeId, address: &str, message: Vec<u8>) -> Result<Vec<u8>, TransportError> {
        let unreachable = |error: nexus_link::LinkError| TransportError::Unreachable(error.to_string());
        let peer = self.book.connect(&self.link, node, address).await.map_err(unreachable)?;
        let answer = ask_peer(&peer, &Request::Raft(message)).await;
        match answer.map_err(|error| TransportError::Broken(error.to_string()))? {
            Ok(Response::Raft(answer)) => Ok(answer),
            Ok(_) => Err(TransportError::Broken("an answer that does not fit".to_owned())),
            Err(refusal) => Err(TransportError::Broken(refusal.message)),
        }
    }
}
