//! A connection that was dialled: requests, each on a stream of its own, and long-lived streams.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use nexus_model::NodeId;
use nexus_wire::limits::FRAME_BYTES_MAX;
use nexus_wire::{Frame, MessageType};
use quinn::Connection;
use tokio::time::timeout;

use crate::close;
use crate::error::LinkError;
use crate::frames::{FrameReceiver, FrameSender, Intake, Message, opening_header};
use crate::handler::PeerInfo;
use crate::settings::Protocol;

/// Who must answer at an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Expect {
    /// Any node of the cluster.
    AnyNode,
    /// This node and no other.
    Node(NodeId),
}

/// A connection to a node. Clones are handles to the same one; it stays open while the link remembers it.
#[derive(Clone)]
pub struct Peer {
    connection: Connection,
    info: Arc<PeerInfo>,
    address: Arc<str>,
    protocol: Protocol,
}

impl Peer {
    pub(crate) fn new(connection: Connection, info: PeerInfo, address: Arc<str>, protocol: Protocol) -> Self {
        Peer { connection, info: Arc::new(info), address, protocol }
    }

    /// Who answers there.
    pub fn info(&self) -> &PeerInfo {
        &self.info
    }

    /// The address as it was dialled.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The smoothed round-trip time.
    pub fn rtt(&self) -> Duration {
        self.connection.rtt()
    }

    /// Whether the connection has ended; then [`crate::Link::connect`] makes a new one.
    pub fn is_closed(&self) -> bool {
        self.connection.close_reason().is_some()
    }

    /// Waits for the end of the connection and says why it ended.
    pub async fn closed(&self) -> LinkError {
        close::lost(&self.address, &self.connection.closed().await)
    }

    /// Ends the connection now; what is in flight fails.
    pub fn close(&self) {
        self.connection.close(close::STOPPING, b"not needed any more");
    }

    /// Sends a request and waits for its answer, at most for `deadline`, which the other end is told.
    /// [`LinkError::Deadline`] and [`LinkError::Lost`] leave open whether it was carried out. Dropping the future gives
    /// the request up; it may still be carried out.
    pub async fn request(&self, message: Message, deadline: Duration) -> Result<Frame, LinkError> {
        match timeout(deadline, self.exchange(message, deadline)).await {
            Ok(result) => result,
            Err(_) => Err(LinkError::Deadline { address: self.address.to_string(), after: deadline }),
        }
    }

    /// Opens a long-lived stream. The opening message says what it is for; it is sent at once.
    pub async fn open_stream(&self, opening: Message) -> Result<(FrameSender, FrameReceiver), LinkError> {
        let (mut sender, receiver) = self.open().await?;
        let header = opening_header(&opening, self.protocol.version);
        sender.send_frame(header, opening.body).await?;
        Ok((sender, receiver))
    }

    async fn exchange(&self, message: Message, deadline: Duration) -> Result<Frame, LinkError> {
        let (mut sender, mut receiver) = self.open().await?;
        let mut header = message.header(self.protocol.version);
        header.deadline = Some(deadline);
        // A busy node stops reading and answers all the same: its answer counts, not the failure to send.
        let sent = sender.send_frame(header, message.body).await;
        if let Err(error @ (LinkError::Frame(_) | LinkError::Closed)) = sent {
            return Err(error);
        }
        sender.finish();
        match receiver.next().await? {
            Some(frame) => self.judge(frame),
            None => Err(sent.err().unwrap_or_else(|| self.lost("it ended the request without an answer"))),
        }
    }

    async fn open(&self) -> Result<(FrameSender, FrameReceiver), LinkError> {
        let (send, receive) = self.connection.open_bi().await.map_err(|error| close::lost(&self.address, &error))?;
        let intake = Intake { body_bytes_max: FRAME_BYTES_MAX, budget: None, closing: None };
        Ok((
            FrameSender::new(send, self.protocol, Arc::clone(&self.address)),
            FrameReceiver::new(receive, self.protocol, Arc::clone(&self.address), intake),
        ))
    }

    /// Tells an answer from a refusal of the link at the other end.
    fn judge(&self, frame: Frame) -> Result<Frame, LinkError> {
        let address = self.address.to_string();
        match frame.header.message_type {
            MessageType::BUSY => {
                let millis = frame.body.first_chunk().map_or(0, |bytes| u32::from_le_bytes(*bytes));
                Err(LinkError::Busy { address, retry_after: Duration::from_millis(millis.into()) })
            }
            MessageType::FAULT => {
                Err(LinkError::Fault { address, reason: String::from_utf8_lossy(&frame.body).into_owned() })
            }
            _ => Ok(frame),
        }
    }

    fn lost(&self, reason: &str) -> LinkError {
        LinkError::Lost { address: self.address.to_string(), reason: reason.to_owned() }
    }
}

impl fmt::Debug for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Peer").field("address", &self.address).field("info", &self.info).finish_non_exhaustive()
    }
}
