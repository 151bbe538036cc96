//! Accepting: from a packet of anyone to a handler that knows who asks. Everything here is bounded by `settings`; a peer
//! that breaks the rules loses its connection and leaves one line in the log.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use nexus_wire::limits::FRAME_BYTES_MAX;
use nexus_wire::{Exchange, Frame, FrameError, MessageType};
use quinn::{Connection, Endpoint, Incoming, RecvStream, SendStream, VarInt};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio::time::{Instant, sleep_until, timeout};

use crate::close;
use crate::error::LinkError;
use crate::frames::{FrameReceiver, FrameSender, Intake, Message};
use crate::handler::{Handler, IncomingRequest, IncomingStream, PeerInfo, RoundTrip};
use crate::refusals::Refusals;
use crate::settings::{
    ANONYMOUS_BODY_BYTES_MAX, ANONYMOUS_CONNECTIONS_MAX, ANONYMOUS_LIFE, BUSY_RETRY_AFTER, CONNECTIONS_MAX,
    HANDLERS_PER_PEER_MAX, IDLE_TIMEOUT, INCOMING_BYTES_MAX, PROVE_ADDRESS_ABOVE, Protocol, STREAMS_PER_PEER_MAX,
    WINDOW_BYTES,
};

/// What the acceptor shares with the link that owns it.
#[derive(Debug)]
pub(crate) struct Serving {
    protocol: Protocol,
    cluster: Option<String>,
    connections: Arc<Semaphore>,
    anonymous: Arc<Semaphore>,
    budget: Arc<Semaphore>,
    refusals: Refusals,
    closing: watch::Receiver<bool>,
    killed: watch::Receiver<bool>,
    alive: Mutex<Option<mpsc::Sender<()>>>,
    accepted: Mutex<BTreeMap<usize, (Arc<PeerInfo>, Connection)>>,
}

impl Serving {
    pub(crate) fn new(
        protocol: Protocol,
        cluster: Option<String>,
        closing: watch::Receiver<bool>,
        killed: watch::Receiver<bool>,
        alive: mpsc::Sender<()>,
    ) -> Self {
        Serving {
            protocol,
            cluster,
            connections: Arc::new(Semaphore::new(CONNECTIONS_MAX)),
            anonymous: Arc::new(Semaphore::new(ANONYMOUS_CONNECTIONS_MAX)),
            budget: Arc::new(Semaphore::new(INCOMING_BYTES_MAX / 1024)),
            refusals: Refusals::default(),
            closing,
            killed,
            alive: Mutex::new(Some(alive)),
            accepted: Mutex::default(),
        }
    }

    pub(crate) fn accepted(&self) -> Vec<Arc<PeerInfo>> {
        let accepted = self.accepted.lock().unwrap_or_else(PoisonError::into_inner);
        accepted.values().map(|(info, _)| Arc::clone(info)).collect()
    }

    pub(crate) fn disconnect(&self, unwanted: impl Fn(&PeerInfo) -> bool, reason: &str) -> usize {
        let accepted = self.accepted.lock().unwrap_or_else(PoisonError::into_inner);
        let unwanted = accepted.values().filter(|(info, _)| unwanted(info));
        unwanted.map(|(_, connection)| connection.close(close::NOT_ADMITTED, reason.as_bytes())).count()
    }

    /// From now on only exchanges keep the link from closing.
    pub(crate) fn let_go(&self) {
        self.alive.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    /// A share in keeping the link open; `None` when it is closing.
    fn keep_alive(&self) -> Option<mpsc::Sender<()>> {
        let closing = *self.closing.borrow();
        let alive = self.alive.lock().unwrap_or_else(PoisonError::into_inner);
        alive.clone().filter(|_| !closing)
    }
}

/// Accepts connections for one handler.
pub(crate) struct Acceptor<H> {
    handler: Arc<H>,
    serving: Arc<Serving>,
}

impl<H> Clone for Acceptor<H> {
    fn clone(&self) -> Self {
        Acceptor { handler: Arc::clone(&self.handler), serving: Arc::clone(&self.serving) }
    }
}

/// A connection that has said hello.
struct Accepted {
    connection: Connection,
    info: Arc<PeerInfo>,
    address: Arc<str>,
    /// Held by peers without a certificate.
    _anonymous: Option<OwnedSemaphorePermit>,
}

impl<H: Handler> Acceptor<H> {
    pub(crate) fn new(handler: Arc<H>, serving: Arc<Serving>) -> Self {
        Acceptor { handler, serving }
    }

    /// Runs until the endpoint is closed.
    pub(crate) async fn run(self, endpoint: Endpoint) {
        while let Some(incoming) = endpoint.accept().await {
            let address = incoming.remote_address();
            let Ok(place) = Arc::clone(&self.serving.connections).try_acquire_owned() else {
                self.serving.refusals.report(address, "there are too many connections");
                incoming.refuse();
                continue;
            };
            let open = CONNECTIONS_MAX - self.serving.connections.available_permits();
            if open > PROVE_ADDRESS_ABOVE && !incoming.remote_address_validated() && incoming.may_retry() {
                // Fails only where a retry was sent before, which was just asked.
                let _ = incoming.retry();
                continue;
            }
            let acceptor = self.clone();
            let mut killed = self.serving.killed.clone();
            tokio::spawn(async move {
                tokio::select! {
                    () = acceptor.connection(incoming, address) => {}
                    _ = killed.wait_for(|killed| *killed) => {}
                }
                drop(place);
            });
        }
    }

    async fn connection(self, incoming: Incoming, address: SocketAddr) {
        match timeout(self.serving.protocol.connect_timeout, self.establish(incoming)).await {
            Err(_) => self.serving.refusals.report(address, "its handshake took too long"),
            Ok(Err(reason)) => self.serving.refusals.report(address, reason),
            Ok(Ok(accepted)) => {
                let id = accepted.connection.stable_id();
                let entry = (Arc::clone(&accepted.info), accepted.connection.clone());
                self.serving.accepted.lock().unwrap_or_else(PoisonError::into_inner).insert(id, entry);
                self.converse(accepted).await;
                self.serving.accepted.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
            }
        }
    }

    /// Handshake, hello and admission. An error is the reason for the log; the peer has been told.
    async fn establish(&self, incoming: Incoming) -> Result<Accepted, String> {
        let connection = incoming.await.map_err(|error| error.to_string())?;
        let refuse = |code: VarInt, reason: String| {
            connection.close(code, reason.as_bytes());
            reason
        };
        let info = PeerInfo::of(&connection, self.serving.cluster.as_deref(), self.serving.protocol.version)
            .map_err(|error| refuse(close::NOT_ADMITTED, error.to_string()))?;
        let anonymous = match info.subject {
            Some(_) => None,
            None => Some(
                Arc::clone(&self.serving.anonymous)
                    .try_acquire_owned()
                    .map_err(|_| refuse(close::CROWDED, "too many connections without a certificate".to_owned()))?,
            ),
        };
        let address: Arc<str> = Arc::from(info.address.to_string());
        let (send, receive) = connection.accept_bi().await.map_err(|error| error.to_string())?;
        let mut sender = FrameSender::new(send, self.serving.protocol, Arc::clone(&address));
        let version = match self.receiver(receive, &address, ANONYMOUS_BODY_BYTES_MAX).next().await {
            Ok(Some(frame)) if frame.header.message_type == MessageType::HELLO => frame.header.version,
            Ok(_) => return Err(refuse(close::GARBAGE, "it did not say hello".to_owned())),
            Err(LinkError::Frame(error @ FrameError::Version { .. })) => {
                // Our hello tells the peer our version; the connection must live until it has arrived.
                let _ = sender.send(Message::new(MessageType::HELLO, "")).await;
                sender.finish();
                sender.delivered().await;
                return Err(refuse(close::VERSION, error.to_string()));
            }
            Err(error) => return Err(refuse(close::GARBAGE, error.to_string())),
        };
        let info = PeerInfo { version, ..info };
        self.handler.admit(&info).map_err(|reason| refuse(close::NOT_ADMITTED, reason))?;
        if anonymous.is_none() {
            connection.set_max_concurrent_bi_streams(VarInt::from_u32(STREAMS_PER_PEER_MAX));
            connection.set_receive_window(VarInt::from_u32(WINDOW_BYTES));
        }
        sender.send(Message::new(MessageType::HELLO, "")).await.map_err(|error| error.to_string())?;
        sender.finish();
        Ok(Accepted { connection, info: Arc::new(info), address, _anonymous: anonymous })
    }

    /// Takes streams until the connection ends.
    async fn converse(&self, accepted: Accepted) {
        let accepted = Arc::new(accepted);
        let handlers = Arc::new(Semaphore::new(HANDLERS_PER_PEER_MAX));
        let expiry = Instant::now() + ANONYMOUS_LIFE;
        loop {
            let stream = tokio::select! {
                stream = accepted.connection.accept_bi() => stream,
                () = sleep_until(expiry), if accepted.info.is_anonymous() => {
                    accepted.connection.close(close::SLOW, b"joining took too long");
                    self.serving.refusals.report(accepted.info.address, "joining took too long");
                    return;
                }
            };
            let (send, receive) = match stream {
                Ok(stream) => stream,
                Err(reason) => {
                    tracing::debug!(peer = %accepted.address, %reason, "a connection ended");
                    return;
                }
            };
            self.take(&accepted, &handlers, send, receive);
        }
    }

    /// Starts the exchange on a new stream, or says that there is no room.
    fn take(&self, accepted: &Arc<Accepted>, handlers: &Arc<Semaphore>, send: SendStream, mut receive: RecvStream) {
        let mut sender = FrameSender::new(send, self.serving.protocol, Arc::clone(&accepted.address));
        let handler = Arc::clone(handlers).try_acquire_owned();
        let (Ok(place), Some(alive)) = (handler, self.serving.keep_alive()) else {
            let _ = receive.stop(VarInt::from_u32(0));
            // No more of these than the peer can have streams, and each for no longer than a frame may take.
            tokio::spawn(timeout(self.serving.protocol.frame_timeout, async move {
                let _ = sender.send(busy()).await;
                sender.finish();
            }));
            return;
        };
        let (acceptor, accepted) = (self.clone(), Arc::clone(accepted));
        let mut killed = self.serving.killed.clone();
        tokio::spawn(async move {
            tokio::select! {
                () = acceptor.exchange(&accepted, place, sender, receive) => {}
                _ = killed.wait_for(|killed| *killed) => {}
            }
            drop(alive);
        });
    }

    async fn exchange(
        &self,
        accepted: &Accepted,
        place: OwnedSemaphorePermit,
        sender: FrameSender,
        stream: RecvStream,
    ) {
        let limit = if accepted.info.is_anonymous() { ANONYMOUS_BODY_BYTES_MAX } else { FRAME_BYTES_MAX };
        let mut receiver = self.receiver(stream, &accepted.address, limit);
        receiver.expect_soon();
        match receiver.next_in_place().await {
            Ok(Some((frame, memory))) => {
                if accepted.info.is_anonymous()
                    && (frame.header.message_type, frame.header.exchange) != (MessageType::JOIN, Exchange::Request)
                {
                    let reason = "without a certificate of this cluster a machine can only join it";
                    self.serving.refusals.report(accepted.info.address, reason);
                    answer(sender, Message::new(MessageType::FAULT, reason), place).await;
                    return;
                }
                match frame.header.exchange {
                    Exchange::Request => self.request(accepted, place, sender, frame, memory).await,
                    Exchange::Stream => {
                        drop(memory);
                        self.stream(accepted, sender, receiver, frame).await;
                    }
                }
            }
            // The peer ended the stream without a word, or is gone, or we are stopping.
            Ok(None) | Err(LinkError::Lost { .. } | LinkError::Closed) => {}
            Err(error) => {
                let code = if matches!(error, LinkError::Slow { .. }) { close::SLOW } else { close::GARBAGE };
                let reason = error.to_string();
                self.serving.refusals.report(accepted.info.address, &reason);
                accepted.connection.close(code, reason.as_bytes());
            }
        }
    }

    async fn request(
        &self,
        accepted: &Accepted,
        place: OwnedSemaphorePermit,
        sender: FrameSender,
        frame: Frame,
        memory: Option<OwnedSemaphorePermit>,
    ) {
        let request = IncomingRequest {
            message_type: frame.header.message_type,
            body: frame.body,
            deadline: frame.header.deadline.map(|deadline| Instant::now() + deadline),
            trace: frame.header.trace,
        };
        let reply = self.handler.request(Arc::clone(&accepted.info), request).await;
        drop(memory);
        answer(sender, reply, place).await;
    }

    async fn stream(&self, accepted: &Accepted, sender: FrameSender, mut receiver: FrameReceiver, opening: Frame) {
        receiver.end_with(self.serving.closing.clone());
        let message_type = opening.header.message_type;
        let round_trip = RoundTrip(accepted.connection.clone());
        let stream = IncomingStream { message_type, body: opening.body, sender, receiver, round_trip };
        self.handler.stream(Arc::clone(&accepted.info), stream).await;
    }

    fn receiver(&self, stream: RecvStream, address: &Arc<str>, body_bytes_max: usize) -> FrameReceiver {
        let intake = Intake { body_bytes_max, budget: Some(Arc::clone(&self.serving.budget)), closing: None };
        FrameReceiver::new(stream, self.serving.protocol, Arc::clone(address), intake)
    }
}

/// Sends the only frame of an answer and stays until it has arrived, so that closing the link does not cut it off. The
/// place among the handlers is free before that.
async fn answer(mut sender: FrameSender, reply: Message, place: OwnedSemaphorePermit) {
    let sent = match sender.send(reply).await {
        Err(LinkError::Frame(error)) => sender.send(Message::new(MessageType::FAULT, error.to_string())).await,
        other => other,
    };
    sender.finish();
    drop(place);
    match sent {
        Ok(()) => {
            let _ = timeout(IDLE_TIMEOUT, sender.delivered()).await;
        }
        Err(error) => tracing::debug!(%error, "an answer was not sent"),
    }
}

fn busy() -> Message {
    let millis = BUSY_RETRY_AFTER.as_millis() as u32;
    Message::new(MessageType::BUSY, Bytes::copy_from_slice(&millis.to_le_bytes()))
}
