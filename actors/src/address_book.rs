//! Where nodes were last heard from. A node that moved to another network dials from its new address before the log says
//! so; whoever heard from it can answer there.
//!
//! A hint, not a truth: certificates say who answers, so a wrong address costs an attempt and nothing else.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use futures::future::{BoxFuture, select_ok};
use nexus_link::{Expect, Link, LinkError, Peer};
use nexus_model::NodeId;

/// Clones share what they learn. As large as the cluster: only members are noted.
#[derive(Debug, Clone, Default)]
pub(crate) struct AddressBook {
    seen: Arc<Mutex<BTreeMap<NodeId, SocketAddr>>>,
}

impl AddressBook {
    /// `node` was heard from at `address`, which is the one that it listens at: nodes dial from their only socket.
    pub(crate) fn note(&self, node: NodeId, address: SocketAddr) {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).insert(node, address);
    }

    fn last(&self, node: NodeId) -> Option<String> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).get(&node).map(SocketAddr::to_string)
    }

    /// A connection to `node`: at `known`, the address that the log has, or where it was last heard from, whichever
    /// answers first.
    pub(crate) async fn connect(&self, link: &Link, node: NodeId, known: &str) -> Result<Peer, LinkError> {
        let dial = |address: String| -> BoxFuture<'_, Result<Peer, LinkError>> {
            Box::pin(async move { link.connect(&address, Expect::Node(node)).await })
        };
        match self.last(node) {
            Some(seen) if seen != known => select_ok([dial(known.to_owned()), dial(seen)]).await.map(|(peer, _)| peer),
            _ => dial(known.to_owned()).await,
        }
    }
}
