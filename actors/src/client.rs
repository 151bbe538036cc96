//! A client of the node on this machine: finds it by its data directory and talks to it over the link.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use nexus_link::{Credentials, Expect, Identity, Link, LinkConfig, Peer};
use nexus_model::{BlobHash, INLINE_BYTES_MAX, NodeId, Payload};
use nexus_wire::{Refusal, Request, Response};

use crate::codes;
use crate::control::refusal;
use crate::home::{Beacon, Home, is_alive};
use crate::leader_link::{ask_peer, from_link};
use crate::payloads::{fetch, upload};

/// How often it is looked whether a node that stops has ended.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// The folder is that of no running node, and nobody has logged in to a cluster with it.
fn nobody_here(data: &Path) -> Refusal {
    let help = "start one with `nexus node start`; `nexus run FILE.mcode` needs none; `nexus login ADDRESS --token TOKEN` \
                leads to a cluster elsewhere, and --data FOLDER or NEXUS_HOME to a node with another folder";
    let message = format!("no node runs here: its folder would be {}", data.display());
    Refusal { help: Some(help.to_owned()), ..refusal(codes::NOT_REACHABLE, message) }
}

/// A connection to a node, with the rights of this machine's user.
pub struct Client {
    peer: Peer,
    link: Link,
    /// The node, where it is of this machine.
    beacon: Option<Beacon>,
}

impl Client {
    /// Connects to the node that runs with this folder of data. Must be called on a tokio runtime.
    pub async fn connect(data: &Path) -> Result<Client, Refusal> {
        let home = Home::new(data);
        let absent = |why: &str| Refusal {
            help: Some("start one with `nexus node start`, or name its folder with --data FOLDER".to_owned()),
            ..refusal(codes::NOT_REACHABLE, format!("no node answers for {}: {why}", data.display()))
        };
        let identity = Identity::load(&home.client()).map_err(from_link)?.ok_or_else(|| nobody_here(data))?;
        let credentials = Credentials::Member(Arc::new(identity));
        match (home.beacon(), home.login()) {
            (Some(beacon), _) => {
                // The node of this machine, whatever address it has for others.
                let own: IpAddr = match beacon.address.ip() {
                    ip if ip.is_loopback() => ip,
                    IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
                    IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
                };
                let link = Link::bind(LinkConfig::new(SocketAddr::new(own, 0), credentials)).map_err(from_link)?;
                let peer = link.connect(&beacon.address.to_string(), Expect::Node(beacon.node)).await;
                let peer = peer.map_err(|error| absent(&error.to_string()))?;
                Ok(Client { peer, link, beacon: Some(beacon) })
            }
            (None, Some(login)) => {
                let own = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
                let link = Link::bind(LinkConfig::new(own, credentials)).map_err(from_link)?;
                let dials = login.addresses.iter().map(|address| Box::pin(link.connect(address, Expect::AnyNode)));
                let (peer, _) = futures::future::select_ok(dials).await.map_err(|error| absent(&error.to_string()))?;
                Ok(Client { peer, link, beacon: None })
            }
            (None, None) => Err(nobody_here(data)),
        }
    }

    /// Sends a request and waits for its answer; a refusal is the error.
    pub async fn request(&self, request: Request) -> Result<Response, Refusal> {
        ask_peer(&self.peer, &request).await.map_err(from_link)?
    }

    /// The bytes of a payload, from the cluster where they are not inline.
    pub async fn fetch(&self, payload: &Payload) -> Result<Vec<u8>, Refusal> {
        match payload {
            Payload::Inline(bytes) => Ok(bytes.to_vec()),
            Payload::Blob { hash, bytes } => fetch(&self.peer, *hash, *bytes).await,
        }
    }

    /// A payload of these bytes, stored in the cluster where they are too many to travel inline.
    pub async fn store(&self, bytes: Vec<u8>) -> Result<Payload, Refusal> {
        if bytes.len() <= INLINE_BYTES_MAX {
            return Ok(Payload::Inline(bytes.into()));
        }
        let hash = BlobHash(*blake3::hash(&bytes).as_bytes());
        upload(&self.peer, hash, &bytes).await?;
        Ok(Payload::Blob { hash, bytes: bytes.len() as u64 })
    }

    /// Ends the connection and waits until the process of the node has ended, for at most `patience`: whether it has. Nothing
    /// where `node` is another node than that of this machine, which an absent one means.
    pub async fn until_gone(&self, node: Option<NodeId>, patience: Duration) -> Option<bool> {
        let beacon = self.beacon.as_ref().filter(|beacon| node.is_none_or(|node| node == beacon.node))?;
        self.close().await;
        let gone = async {
            while is_alive(beacon.pid) {
                tokio::time::sleep(LOOK_EVERY).await;
            }
        };
        Some(tokio::time::timeout(patience, gone).await.is_ok())
    }

    /// Ends the connection; the node hears of it.
    pub async fn close(&self) {
        self.link.hang_up().await;
    }
}
