//! Dialling: from an address as people write it to a connection that has said hello, made once and then reused.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use nexus_wire::{FrameError, MessageType, ProtocolVersion};
use quinn::{ClientConfig, Connection, Endpoint};
use tokio::net::{UdpSocket, lookup_host};
use tokio::time::{Instant, timeout};

use crate::close::{self, Attempt};
use crate::error::LinkError;
use crate::frames::{FrameReceiver, FrameSender, Intake, Message};
use crate::handler::PeerInfo;
use crate::peer::{Expect, Peer};
use crate::settings::{ANONYMOUS_BODY_BYTES_MAX, DIALLED_MAX, Protocol};
use crate::tls;

/// Addresses that one name is tried at.
const ADDRESSES_PER_NAME_MAX: usize = 3;

/// The connections that were dialled, by address and expectation.
#[derive(Debug, Default)]
pub(crate) struct Dialled {
    slots: Mutex<BTreeMap<(String, Expect), Arc<Slot>>>,
}

/// One dials, others wait for the outcome.
#[derive(Debug, Default)]
struct Slot {
    state: tokio::sync::Mutex<SlotState>,
}

#[derive(Debug, Default)]
enum SlotState {
    #[default]
    Empty,
    Open(Peer),
    Failed {
        at: Instant,
        error: LinkError,
    },
}

/// What dialling needs of a link.
pub(crate) struct Dialler<'a> {
    pub(crate) endpoint: &'a Endpoint,
    pub(crate) config: ClientConfig,
    pub(crate) cluster: Option<&'a str>,
    pub(crate) protocol: Protocol,
}

impl Dialled {
    /// The open connection to `address`, or a new one.
    pub(crate) async fn connect(&self, dialler: Dialler<'_>, address: &str, expect: Expect) -> Result<Peer, LinkError> {
        let asked = Instant::now();
        let slot = self.slot(address, expect);
        let mut state = slot.state.lock().await;
        match &*state {
            SlotState::Open(peer) if !peer.is_closed() => return Ok(peer.clone()),
            // Somebody else dialled while we waited for the slot: the outcome is ours too.
            SlotState::Failed { at, error } if *at >= asked => return Err(error.clone()),
            SlotState::Empty | SlotState::Open(_) | SlotState::Failed { .. } => {}
        }
        match dialler.dial(address, expect).await {
            Ok(peer) => {
                *state = SlotState::Open(peer.clone());
                Ok(peer)
            }
            Err(error) => {
                *state = SlotState::Failed { at: Instant::now(), error: error.clone() };
                Err(error)
            }
        }
    }

    /// Forgets every connection: the next to ask dials anew. Who still uses one goes on with it.
    pub(crate) fn forget(&self) {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    fn slot(&self, address: &str, expect: Expect) -> Arc<Slot> {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        if slots.len() >= DIALLED_MAX {
            slots.retain(|_, slot| match slot.state.try_lock() {
                Ok(state) => matches!(&*state, SlotState::Open(peer) if !peer.is_closed()),
                Err(_) => true,
            });
        }
        if slots.len() >= DIALLED_MAX {
            // All are in use: this one is not remembered.
            return Arc::default();
        }
        Arc::clone(slots.entry((address.to_owned(), expect)).or_default())
    }
}

impl Dialler<'_> {
    async fn dial(&self, address: &str, expect: Expect) -> Result<Peer, LinkError> {
        let mut last = None;
        for target in self.resolve(address).await? {
            match self.dial_one(address, target, expect).await {
                Ok(peer) => return Ok(peer),
                Err(error) => last = Some(error),
            }
        }
        Err(last.unwrap_or_else(|| no_address(address, "it has no address that this machine can reach".to_owned())))
    }

    async fn resolve(&self, address: &str) -> Result<Vec<SocketAddr>, LinkError> {
        let local = self.endpoint.local_addr().map_err(|error| no_address(address, error.to_string()))?;
        let found = timeout(self.protocol.connect_timeout, lookup_host(address))
            .await
            .map_err(|_| no_address(address, "looking up the name took too long".to_owned()))?
            .map_err(|error| no_address(address, error.to_string()))?;
        let reachable: Vec<SocketAddr> =
            found.filter(|target| target.is_ipv4() || local.is_ipv6()).take(ADDRESSES_PER_NAME_MAX).collect();
        if local.ip().is_loopback()
            && !reachable.is_empty()
            && !reachable.iter().any(|target| target.ip().is_loopback())
        {
            let reason = format!("this end listens on {local} only, which other machines cannot reach");
            return Err(no_address(address, reason));
        }
        Ok(reachable)
    }

    async fn dial_one(&self, address: &str, target: SocketAddr, expect: Expect) -> Result<Peer, LinkError> {
        let start = Instant::now();
        let attempt = |waited: Duration| Attempt { address, expect, ours: self.protocol.version, waited };
        let server_name = match expect {
            Expect::AnyNode => tls::ANY_NODE.to_owned(),
            Expect::Node(node) => tls::node_name(node),
        };
        let connecting = self
            .endpoint
            .connect_with(self.config.clone(), target, &server_name)
            .map_err(|error| no_address(address, error.to_string()))?;
        let handshake = async {
            let connection = connecting.await.map_err(|error| attempt(start.elapsed()).failed(&error))?;
            let theirs = self.say_hello(&connection, &attempt(start.elapsed())).await.inspect_err(|_| {
                connection.close(close::STOPPING, b"the hello failed");
            })?;
            let info = PeerInfo::of(&connection, self.cluster, theirs)?;
            Ok(Peer::new(connection, info, Arc::from(address), self.protocol))
        };
        tokio::select! {
            result = timeout(self.protocol.connect_timeout, handshake) => {
                result.unwrap_or_else(|_| Err(attempt(start.elapsed()).unanswered()))
            }
            () = port_unreachable(target) => Err(attempt(start.elapsed()).unanswered()),
        }
    }

    /// Only with the answer to its hello does a client know that the node has looked at its certificate and wants it.
    async fn say_hello(&self, connection: &Connection, attempt: &Attempt<'_>) -> Result<ProtocolVersion, LinkError> {
        let (send, receive) = connection.open_bi().await.map_err(|error| attempt.failed(&error))?;
        let address: Arc<str> = Arc::from(attempt.address);
        let mut sender = FrameSender::new(send, self.protocol, Arc::clone(&address));
        let intake = Intake { body_bytes_max: ANONYMOUS_BODY_BYTES_MAX, budget: None, closing: None };
        let mut receiver = FrameReceiver::new(receive, self.protocol, Arc::clone(&address), intake);
        let exchange = async {
            sender.send(Message::new(MessageType::HELLO, "")).await?;
            sender.finish();
            receiver.next().await
        };
        match exchange.await {
            Ok(Some(frame)) if frame.header.message_type == MessageType::HELLO => Ok(frame.header.version),
            Ok(_) => Err(LinkError::Fault { address: address.to_string(), reason: "it did not say hello".to_owned() }),
            Err(LinkError::Frame(FrameError::Version { theirs, .. })) => Err(attempt.version(Some(theirs))),
            // The reason for which the connection ended says more than the failure of one stream.
            Err(error) => Err(connection.close_reason().map_or(error, |reason| attempt.failed(&reason))),
        }
    }
}

/// Ends when the other machine says that nothing listens on the port, which QUIC's unconnected socket does not hear: a
/// command for a node that is not running fails at once. Otherwise it never ends.
async fn port_unreachable(target: SocketAddr) {
    let any: IpAddr = match target.ip() {
        loopback if loopback.is_loopback() => loopback,
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let knock = async {
        let socket = UdpSocket::bind((any, 0)).await?;
        socket.connect(target).await?;
        // Too short for QUIC: a node drops it.
        socket.send(&[0]).await?;
        socket.recv(&mut [0]).await
    };
    match knock.await {
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => {}
        Err(_) | Ok(_) => std::future::pending().await,
    }
}

fn no_address(address: &str, reason: String) -> LinkError {
    LinkError::Address { address: address.to_owned(), reason }
}
