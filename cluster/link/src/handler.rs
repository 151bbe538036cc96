//! What a serving node does with its peers: the interface between this crate and the gateway.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use nexus_model::{NodeId, NodeRole};
use nexus_wire::{MessageType, ProtocolVersion, TraceContext};
use quinn::Connection;
use rustls::pki_types::CertificateDer;
use tokio::time::Instant;

use crate::error::LinkError;
use crate::frames::{FrameReceiver, FrameSender, Message};
use crate::subject::Subject;
use crate::tls;

/// Answers peers. Its methods run on the tasks of the link, up to [`crate::HANDLERS_PER_PEER_MAX`] at a time for each
/// connection; they may wait, but not block. A panic ends only the one exchange.
pub trait Handler: Send + Sync + 'static {
    /// Whether a peer with this certificate (or none) may connect at all. The reason of a refusal is told to it.
    fn admit(&self, peer: &PeerInfo) -> Result<(), String> {
        let _ = peer;
        Ok(())
    }

    /// Answers one request. It is carried to its end even if the peer has gone.
    fn request(&self, peer: Arc<PeerInfo>, request: IncomingRequest) -> impl Future<Output = Message> + Send;

    /// Keeps one long-lived stream; the stream ends when this returns. Its receiver fails with [`LinkError::Closed`]
    /// when the link is stopping.
    fn stream(&self, peer: Arc<PeerInfo>, stream: IncomingStream) -> impl Future<Output = ()> + Send;
}

/// Who is at the other end of a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerInfo {
    /// Whom its certificate names; `None` for a machine without one, which may only send [`MessageType::JOIN`].
    pub subject: Option<Subject>,
    /// BLAKE3 of the public key of its certificate, as [`crate::Key::fingerprint`].
    pub fingerprint: Option<[u8; 32]>,
    /// Where it was when it connected.
    pub address: SocketAddr,
    /// The protocol version of its hello.
    pub version: ProtocolVersion,
}

impl PeerInfo {
    /// Reads the certificate of a connection that is established, and so verified.
    pub(crate) fn of(
        connection: &Connection,
        cluster: Option<&str>,
        version: ProtocolVersion,
    ) -> Result<Self, LinkError> {
        let address = connection.remote_address();
        let chain = connection.peer_identity().and_then(|any| any.downcast::<Vec<CertificateDer<'static>>>().ok());
        let Some(leaf) = chain.as_ref().and_then(|chain| chain.first()) else {
            return Ok(PeerInfo { subject: None, fingerprint: None, address, version });
        };
        let (theirs, subject) = tls::subject_of(leaf)?;
        if cluster.is_some_and(|ours| ours != theirs) {
            let reason = format!("it is for the cluster `{theirs}`");
            return Err(LinkError::Certificate { what: "the certificate of the peer", reason });
        }
        Ok(PeerInfo { subject: Some(subject), fingerprint: Some(tls::key_fingerprint(leaf)?), address, version })
    }

    /// What it may do; `None` without a certificate.
    pub fn role(&self) -> Option<NodeRole> {
        self.subject.as_ref().map(Subject::role)
    }

    /// Which node it is, where it is one.
    pub fn node(&self) -> Option<NodeId> {
        match self.subject {
            Some(Subject::Node { node, .. }) => Some(node),
            _ => None,
        }
    }

    /// Whether it has shown no certificate.
    pub fn is_anonymous(&self) -> bool {
        self.subject.is_none()
    }
}

/// A request that came in.
#[derive(Debug)]
pub struct IncomingRequest {
    /// What the body is.
    pub message_type: MessageType,
    /// Not looked at yet, but from a peer whose certificate is verified ([`MessageType::JOIN`] excepted).
    pub body: Vec<u8>,
    /// When the peer stops waiting.
    pub deadline: Option<Instant>,
    /// Where the request belongs in a trace.
    pub trace: Option<TraceContext>,
}

/// A long-lived stream that a peer opened.
#[derive(Debug)]
pub struct IncomingStream {
    /// What the opening body is.
    pub message_type: MessageType,
    /// The body of the first frame.
    pub body: Vec<u8>,
    /// Towards the peer.
    pub sender: FrameSender,
    /// From the peer.
    pub receiver: FrameReceiver,
    /// The connection's round-trip time.
    pub round_trip: RoundTrip,
}

/// How long it takes on a connection until an answer can be there, as long as it lives.
#[derive(Debug, Clone)]
pub struct RoundTrip(pub(crate) Connection);

impl RoundTrip {
    /// The smoothed round-trip time of what was sent so far.
    pub fn smoothed(&self) -> Duration {
        self.0.rtt()
    }
}
