//! Measures the link on loopback: the round trip of a small request, requests that overlap, and bulk transfer in pieces
//! of 1 MiB. `cargo run --release -p nexus-link --example round_trip`

use std::error::Error;
use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use nexus_link::{
    Authority, Credentials, Expect, Handler, IncomingRequest, IncomingStream, Key, Link, LinkConfig, Message, Peer,
    PeerInfo, Subject,
};
use nexus_model::{NodeId, NodeRole};
use nexus_wire::MessageType;
use nexus_wire::limits::BLOB_CHUNK_BYTES;

const DEADLINE: Duration = Duration::from_secs(10);
const WARM_UP: usize = 500;
const ROUND_TRIPS: usize = 5_000;
const OVERLAPPING: usize = 20_000;
const AT_ONCE: usize = 64;
const PIECES: usize = 512;

struct Echo;

impl Handler for Echo {
    /// An empty body asks for a piece of a blob; all others come back as they are.
    async fn request(&self, _peer: Arc<PeerInfo>, request: IncomingRequest) -> Message {
        let body = if request.body.is_empty() { vec![7; BLOB_CHUNK_BYTES] } else { request.body };
        Message::new(MessageType::RESPONSE, body)
    }

    async fn stream(&self, _peer: Arc<PeerInfo>, _stream: IncomingStream) {}
}

async fn round_trip(peer: &Peer, bytes: usize) -> Result<Duration, Box<dyn Error + Send + Sync>> {
    let start = Instant::now();
    peer.request(Message::new(MessageType::REQUEST, vec![1; bytes]), DEADLINE).await?;
    Ok(start.elapsed())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let authority = Authority::create("bench")?;
    let bind = |node| -> Result<Link, Box<dyn Error + Send + Sync>> {
        let subject = Subject::Node { node: NodeId(node), role: NodeRole::Voter };
        let identity = authority.identity(Key::generate()?, &subject, Duration::from_secs(3600))?;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        Ok(Link::bind(LinkConfig::new(address, Credentials::Member(Arc::new(identity))))?)
    };
    let (node, client) = (bind(1)?, bind(2)?);
    node.serve(Arc::new(Echo))?;
    let mut out = std::io::stdout();

    let start = Instant::now();
    let peer = client.connect(&node.local_address()?.to_string(), Expect::AnyNode).await?;
    writeln!(out, "connect (handshake, certificates, hello): {:?}", start.elapsed())?;

    for bytes in [64, 4096, 65_536] {
        for _ in 0..WARM_UP {
            round_trip(&peer, bytes).await?;
        }
        let mut times = Vec::with_capacity(ROUND_TRIPS);
        for _ in 0..ROUND_TRIPS {
            times.push(round_trip(&peer, bytes).await?);
        }
        times.sort_unstable();
        let at = |share: f64| times[(share * (ROUND_TRIPS - 1) as f64) as usize];
        writeln!(out, "request and echo of {bytes} bytes: p50 {:?}, p99 {:?}", at(0.5), at(0.99))?;
    }

    let start = Instant::now();
    let lanes: Vec<_> = (0..AT_ONCE)
        .map(|_| {
            let peer = peer.clone();
            tokio::spawn(async move {
                for _ in 0..OVERLAPPING / AT_ONCE {
                    round_trip(&peer, 64).await?;
                }
                Ok::<_, Box<dyn Error + Send + Sync>>(())
            })
        })
        .collect();
    for lane in lanes {
        lane.await??;
    }
    let rate = OVERLAPPING as f64 / start.elapsed().as_secs_f64();
    writeln!(out, "requests of 64 bytes, {AT_ONCE} at a time: {rate:.0} per second")?;

    let start = Instant::now();
    for _ in 0..PIECES / 2 {
        let piece = || peer.request(Message::new(MessageType::REQUEST, ""), DEADLINE);
        let (one, other) = tokio::join!(piece(), piece());
        assert_eq!((one?.body.len(), other?.body.len()), (BLOB_CHUNK_BYTES, BLOB_CHUNK_BYTES));
    }
    let rate = (PIECES * BLOB_CHUNK_BYTES) as f64 / start.elapsed().as_secs_f64() / 1e6;
    writeln!(out, "pieces of 1 MiB, 2 at a time: {rate:.0} MB/s")?;

    node.close(DEADLINE).await;
    Ok(())
}
