//! The endpoint of a node or client: one UDP socket that dials and, where asked to, accepts.

use std::net::SocketAddr;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use nexus_wire::ProtocolVersion;
use quinn::{ClientConfig, Endpoint, ServerConfig, TokioRuntime};
use tokio::sync::{Mutex, mpsc, watch};
use tokio::time::timeout;

use crate::accept::{Acceptor, Serving};
use crate::close;
use crate::dial::{Dialled, Dialler};
use crate::error::LinkError;
use crate::handler::{Handler, PeerInfo};
use crate::identity::Identity;
use crate::peer::{Expect, Peer};
use crate::settings::{self, CONNECT_TIMEOUT, End, FRAME_TIMEOUT, Protocol};
use crate::tls;

/// How long the last packets may take when the socket is closed.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// How long a client that is done stays for its goodbye to leave: the driver of a connection sends it when it runs next.
const GOODBYE: Duration = Duration::from_millis(1);

/// As whom a link speaks.
#[derive(Debug, Clone)]
pub enum Credentials {
    /// A node or client of a cluster.
    Member(Arc<Identity>),
    /// A machine that has only a token.
    Joining {
        /// [`crate::Token::authority_fingerprint`].
        authority_fingerprint: [u8; 32],
    },
}

/// What a link is made of.
#[derive(Debug, Clone)]
pub struct LinkConfig {
    /// The local address; port 0 lets the system choose.
    pub address: SocketAddr,
    /// As whom it speaks.
    pub credentials: Credentials,
    /// The version it speaks: [`ProtocolVersion::CURRENT`] but in tests.
    pub version: ProtocolVersion,
    /// How long a handshake and hello may take, at both ends.
    pub connect_timeout: Duration,
    /// How long a frame may take from its first byte to its last.
    pub frame_timeout: Duration,
}

impl LinkConfig {
    /// A link that speaks the current version and waits as long as is usual.
    pub fn new(address: SocketAddr, credentials: Credentials) -> Self {
        LinkConfig {
            address,
            credentials,
            version: ProtocolVersion::CURRENT,
            connect_timeout: CONNECT_TIMEOUT,
            frame_timeout: FRAME_TIMEOUT,
        }
    }

    fn protocol(&self) -> Protocol {
        Protocol { version: self.version, connect_timeout: self.connect_timeout, frame_timeout: self.frame_timeout }
    }
}

/// A QUIC endpoint of this protocol. Clones are handles to the same one; with the last, everything is closed at once
/// ([`Link::close`] does it in order). It lives on the tokio runtime that it was bound on.
#[derive(Debug, Clone)]
pub struct Link {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    endpoint: Endpoint,
    protocol: Protocol,
    cluster: Option<String>,
    credentials: RwLock<Keys>,
    dialled: Dialled,
    serving: Arc<Serving>,
    closing: watch::Sender<bool>,
    killed: watch::Sender<bool>,
    /// Closes when the last exchange has ended.
    ended: Mutex<mpsc::Receiver<()>>,
}

/// The credentials in the form that handshakes take.
#[derive(Debug)]
struct Keys {
    client: ClientConfig,
    server: Option<ServerConfig>,
}

impl Link {
    /// Opens the socket. Nothing is accepted before [`Link::serve`]. Must be called on a tokio runtime.
    pub fn bind(config: LinkConfig) -> Result<Self, LinkError> {
        let bind_error = |source| LinkError::Bind { address: config.address, source: Arc::new(source) };
        let socket = settings::socket(config.address).map_err(bind_error)?;
        let keys = Keys::of(&config.credentials)?;
        let endpoint = Endpoint::new(settings::endpoint(&config.credentials), None, socket, Arc::new(TokioRuntime))
            .map_err(bind_error)?;
        let cluster = match &config.credentials {
            Credentials::Member(identity) => Some(identity.cluster().to_owned()),
            Credentials::Joining { .. } => None,
        };
        let (closing, closing_seen) = watch::channel(false);
        let (killed, killed_seen) = watch::channel(false);
        // Nothing is ever sent: the channel closes when the last exchange drops its end.
        let (alive, ended) = mpsc::channel(1);
        let serving = Serving::new(config.protocol(), cluster.clone(), closing_seen, killed_seen, alive);
        Ok(Link {
            inner: Arc::new(Inner {
                endpoint,
                protocol: config.protocol(),
                cluster,
                credentials: RwLock::new(keys),
                dialled: Dialled::default(),
                serving: Arc::new(serving),
                closing,
                killed,
                ended: Mutex::new(ended),
            }),
        })
    }

    /// Accepts connections from now on and hands what they bring to `handler`. To be called once. Fails for a link
    /// without an identity.
    pub fn serve<H: Handler>(&self, handler: Arc<H>) -> Result<(), LinkError> {
        let server = self.inner.credentials.read().unwrap_or_else(PoisonError::into_inner).server.clone();
        let server = server.ok_or_else(|| LinkError::Certificate {
            what: "a link without an identity",
            reason: "only members can accept connections".to_owned(),
        })?;
        self.inner.endpoint.set_server_config(Some(server));
        let acceptor = Acceptor::new(handler, Arc::clone(&self.inner.serving));
        tokio::spawn(acceptor.run(self.inner.endpoint.clone()));
        Ok(())
    }

    /// Speaks as `identity` from now on (a renewed certificate). Exchanges under way go on as who this was; what is asked
    /// from now on goes over new connections.
    pub fn renew(&self, identity: &Arc<Identity>) -> Result<(), LinkError> {
        let keys = Keys::of(&Credentials::Member(Arc::clone(identity)))?;
        if !*self.inner.closing.borrow() {
            self.inner.endpoint.set_server_config(keys.server.clone());
        }
        *self.inner.credentials.write().unwrap_or_else(PoisonError::into_inner) = keys;
        self.inner.dialled.forget();
        Ok(())
    }

    /// The address of the socket.
    pub fn local_address(&self) -> Result<SocketAddr, LinkError> {
        self.inner
            .endpoint
            .local_addr()
            .map_err(|error| LinkError::Address { address: "the local socket".to_owned(), reason: error.to_string() })
    }

    /// The open connection to `address` (`host:port`), or a new one within the connect timeout.
    pub async fn connect(&self, address: &str, expect: Expect) -> Result<Peer, LinkError> {
        if *self.inner.closing.borrow() {
            return Err(LinkError::Closed);
        }
        let config = self.inner.credentials.read().unwrap_or_else(PoisonError::into_inner).client.clone();
        let dialler = Dialler {
            endpoint: &self.inner.endpoint,
            config,
            cluster: self.inner.cluster.as_deref(),
            protocol: self.inner.protocol,
        };
        self.inner.dialled.connect(dialler, address, expect).await
    }

    /// The peers whose connections were accepted and are open, in no particular order.
    pub fn accepted(&self) -> Vec<Arc<PeerInfo>> {
        self.inner.serving.accepted()
    }

    /// Closes accepted connections that `unwanted` says true of, telling them `reason`, and returns how many.
    pub fn disconnect(&self, unwanted: impl Fn(&PeerInfo) -> bool, reason: &str) -> usize {
        self.inner.serving.disconnect(unwanted, reason)
    }

    /// Ends all connections at once, for a side that asked and has its answers. The peers hear of it, so that none waits
    /// for a receipt of its last answer.
    pub async fn hang_up(&self) {
        self.inner.killed.send_replace(true);
        self.inner.endpoint.close(close::STOPPING, b"the client is done");
        // Connections linger for some round trips after they were closed; only the goodbye itself is waited for.
        let _ = timeout(GOODBYE, self.inner.endpoint.wait_idle()).await;
    }

    /// Stops in order: nothing new is begun (new requests are told "busy", streams end at their next read), exchanges in
    /// flight may end within `patience`, then all connections are closed. Calling it again does no harm; the shortest
    /// patience counts.
    pub async fn close(&self, patience: Duration) {
        self.inner.closing.send_replace(true);
        self.inner.endpoint.set_server_config(None);
        self.inner.serving.let_go();
        let ended = async { self.inner.ended.lock().await.recv().await };
        if timeout(patience, ended).await.is_err() {
            tracing::warn!(?patience, "some exchanges did not end in time and were broken off");
        }
        self.inner.killed.send_replace(true);
        self.inner.endpoint.close(close::STOPPING, b"the node is stopping");
        if timeout(LAST_WORDS, self.inner.endpoint.wait_idle()).await.is_err() {
            tracing::debug!("some peers were not told that this node stops");
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.closing.send_replace(true);
        self.killed.send_replace(true);
        self.endpoint.close(close::STOPPING, b"the node is stopping");
    }
}

impl Keys {
    fn of(credentials: &Credentials) -> Result<Self, LinkError> {
        let (client, server) = match credentials {
            Credentials::Member(identity) => (tls::client_config(identity)?, Some(tls::server_config(identity)?)),
            Credentials::Joining { authority_fingerprint } => (tls::joining_config(*authority_fingerprint)?, None),
        };
        let mut client = ClientConfig::new(Arc::new(client));
        client.transport_config(Arc::new(settings::transport(End::Dialling)));
        let server = server.map(|server| {
            let mut config = ServerConfig::with_crypto(Arc::new(server));
            config.transport_config(Arc::new(settings::transport(End::Accepting)));
            config.max_incoming(settings::HANDSHAKES_WAITING_MAX);
            config.incoming_buffer_size_total(settings::HANDSHAKE_BYTES_MAX);
            config
        });
        Ok(Keys { client, server })
    }
}
