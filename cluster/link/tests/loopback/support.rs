//! What the tests of the link share: clusters that exist in memory, and a handler whose every step can be waited for.

use std::cell::RefCell;
use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, Once};
use std::time::Duration;

use nexus_link::{
    Authority, Credentials, Handler, Identity, IncomingRequest, IncomingStream, Key, Link, LinkConfig, Message, Peer,
    PeerInfo, Subject,
};
use nexus_model::{NodeId, NodeRole};
use nexus_wire::MessageType;
use tokio::sync::{Semaphore, watch};

/// Longer than anything takes that works.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);
pub(crate) const YEAR: Duration = Duration::from_secs(365 * 24 * 3600);
pub(crate) const LOOPBACK: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// A cluster's authority.
pub(crate) struct Cluster {
    pub(crate) authority: Authority,
}

impl Cluster {
    pub(crate) fn new(name: &str) -> Self {
        Cluster { authority: Authority::create(name).expect("the name is good") }
    }

    pub(crate) fn identity(&self, subject: &Subject) -> Arc<Identity> {
        let key = Key::generate().expect("there are random numbers");
        Arc::new(self.authority.identity(key, subject, YEAR).expect("the subject is good"))
    }

    pub(crate) fn node(&self, id: u64) -> Arc<Identity> {
        self.identity(&Subject::Node { node: NodeId(id), role: NodeRole::Voter })
    }

    pub(crate) fn client(&self, name: &str, role: NodeRole) -> Arc<Identity> {
        self.identity(&Subject::Client { name: name.to_owned(), role, node: None })
    }

    /// A node that serves, and its address.
    pub(crate) fn serve(&self, id: u64, handler: &Arc<Probe>) -> (Link, String) {
        serve(LinkConfig::new(LOOPBACK, Credentials::Member(self.node(id))), handler)
    }

    /// A client that is an administrator.
    pub(crate) fn admin(&self) -> Link {
        bind(Credentials::Member(self.client("ada", NodeRole::Admin)))
    }
}

pub(crate) fn serve(config: LinkConfig, handler: &Arc<Probe>) -> (Link, String) {
    let link = Link::bind(config).expect("loopback can be bound");
    link.serve(Arc::clone(handler)).expect("it is a member");
    let address = link.local_address().expect("it is bound").to_string();
    (link, address)
}

pub(crate) fn bind(credentials: Credentials) -> Link {
    Link::bind(LinkConfig::new(LOOPBACK, credentials)).expect("loopback can be bound")
}

/// Request bodies that the probe treats in its own way; all others are echoed.
pub(crate) const GATED: &[u8] = b"wait for the gate";
pub(crate) const PANIC: &[u8] = b"panic";
pub(crate) const HUGE: &[u8] = b"answer with more than a frame holds";

/// A handler that echoes requests and the frames of streams, and counts.
pub(crate) struct Probe {
    /// `GATED` requests and the reads of streams take a permit each.
    pub(crate) gate: Semaphore,
    pub(crate) begun: watch::Sender<usize>,
    pub(crate) ended: watch::Sender<usize>,
    pub(crate) peers: Mutex<Vec<Arc<PeerInfo>>>,
    pub(crate) requests: AtomicUsize,
    pub(crate) not_admitted: Mutex<Option<String>>,
    /// How each stream ended.
    pub(crate) stream_ends: Mutex<Vec<String>>,
}

impl Default for Probe {
    fn default() -> Self {
        Probe {
            gate: Semaphore::new(0),
            begun: watch::Sender::new(0),
            ended: watch::Sender::new(0),
            peers: Mutex::default(),
            requests: AtomicUsize::new(0),
            not_admitted: Mutex::default(),
            stream_ends: Mutex::default(),
        }
    }
}

impl Probe {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Probe::default())
    }

    pub(crate) fn open_gate(&self) {
        self.gate.add_permits(Semaphore::MAX_PERMITS / 2);
    }

    pub(crate) fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }

    pub(crate) async fn begun(&self, count: usize) {
        within(self.begun.subscribe().wait_for(|begun| *begun >= count)).await.expect("the probe lives");
    }

    pub(crate) async fn ended(&self, count: usize) {
        within(self.ended.subscribe().wait_for(|ended| *ended >= count)).await.expect("the probe lives");
    }

    pub(crate) fn last_peer(&self) -> Arc<PeerInfo> {
        Arc::clone(self.peers.lock().expect("not poisoned").last().expect("a peer has asked"))
    }
}

impl Handler for Probe {
    fn admit(&self, _peer: &PeerInfo) -> Result<(), String> {
        self.not_admitted.lock().expect("not poisoned").clone().map_or(Ok(()), Err)
    }

    async fn request(&self, peer: Arc<PeerInfo>, request: IncomingRequest) -> Message {
        self.requests.fetch_add(1, Ordering::SeqCst);
        self.peers.lock().expect("not poisoned").push(peer);
        self.begun.send_modify(|begun| *begun += 1);
        if request.body == GATED {
            self.gate.acquire().await.expect("never closed").forget();
        }
        assert_ne!(request.body, PANIC, "as it was asked to");
        self.ended.send_modify(|ended| *ended += 1);
        let huge = request.body == HUGE;
        let body = if huge { vec![0; nexus_wire::limits::FRAME_BYTES_MAX + 1] } else { request.body };
        Message { trace: request.trace, ..Message::new(MessageType::RESPONSE, body) }
    }

    async fn stream(&self, peer: Arc<PeerInfo>, mut stream: IncomingStream) {
        self.peers.lock().expect("not poisoned").push(peer);
        self.begun.send_modify(|begun| *begun += 1);
        let end = loop {
            self.gate.acquire().await.expect("never closed").forget();
            match stream.receiver.next().await {
                Ok(Some(frame)) => {
                    let echo = Message::new(frame.header.message_type, frame.body);
                    if let Err(error) = stream.sender.send(echo).await {
                        break error.to_string();
                    }
                }
                Ok(None) => break "finished".to_owned(),
                Err(error) => break error.to_string(),
            }
        };
        self.stream_ends.lock().expect("not poisoned").push(end);
        self.ended.send_modify(|ended| *ended += 1);
    }
}

/// A request of the usual kind.
pub(crate) async fn ask(peer: &Peer, body: &[u8]) -> Result<Vec<u8>, nexus_link::LinkError> {
    let message = Message::new(MessageType::REQUEST, body.to_vec());
    peer.request(message, PATIENCE).await.map(|frame| frame.body)
}

/// The future's result; a test that hangs fails here.
pub(crate) async fn within<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(PATIENCE, future).await.expect("it takes too long")
}

thread_local! {
    static LINES: RefCell<Option<Arc<Mutex<Vec<u8>>>>> = const { RefCell::new(None) };
}

/// Collects the lines that are logged at warning or above on this thread (tests have one each), while it lives. One
/// subscriber serves the whole process: thread-local ones confuse each other's caches.
pub(crate) struct Log {
    lines: Arc<Mutex<Vec<u8>>>,
}

impl Log {
    pub(crate) fn capture() -> Self {
        static SUBSCRIBER: Once = Once::new();
        SUBSCRIBER.call_once(|| {
            let subscriber = tracing_subscriber::fmt()
                .with_max_level(tracing::Level::WARN)
                .with_ansi(false)
                .without_time()
                .with_writer(|| Lines)
                .finish();
            tracing::subscriber::set_global_default(subscriber).expect("this is the only one");
        });
        let lines = Arc::default();
        LINES.set(Some(Arc::clone(&lines)));
        Log { lines }
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        let text = self.lines.lock().expect("not poisoned").clone();
        String::from_utf8_lossy(&text).lines().map(str::to_owned).collect()
    }

    /// Waits for a line with `text`; the runtime goes on meanwhile.
    pub(crate) async fn wait_for(&self, text: &str) {
        let seen = async {
            while !self.lines().iter().any(|line| line.contains(text)) {
                tokio::task::yield_now().await;
            }
        };
        let timed = tokio::time::timeout(PATIENCE, seen).await;
        assert!(timed.is_ok(), "no line with `{text}` in {:#?}", self.lines());
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        LINES.set(None);
    }
}

struct Lines;

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        LINES.with_borrow(|lines| {
            if let Some(lines) = lines {
                lines.lock().expect("not poisoned").extend_from_slice(bytes);
            }
        });
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
