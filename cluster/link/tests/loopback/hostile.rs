//! Garbage at every layer: packets, handshakes, frames, streams that never end. The connection goes, the node stays.

use std::net::UdpSocket;
use std::sync::Arc;
use std::time::Duration;

use nexus_link::{Credentials, Expect, LinkConfig};
use nexus_model::NodeRole;
use nexus_wire::limits::FRAME_BYTES_MAX;
use nexus_wire::{FrameHeader, MessageType};
use quinn::crypto::rustls::QuicClientConfig;
use quinn::{Connection, ConnectionError, Endpoint};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::support::{Cluster, LOOPBACK, Log, Probe, ask, serve, within};

/// A member that speaks QUIC but not our protocol: a client of the transport library, without any of our code.
struct Savage {
    endpoint: Endpoint,
    connection: Connection,
}

#[expect(clippy::unwrap_used, reason = "part of the tests, which the lint does not see")]
impl Savage {
    async fn connect(cluster: &Cluster, address: &str, alpn: &[u8]) -> Result<Savage, ConnectionError> {
        let directory = tempfile::tempdir().unwrap();
        cluster.client("eve", NodeRole::Viewer).save(directory.path()).unwrap();
        let file = |name: &str| directory.path().join(name);
        let mut roots = rustls::RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(file("ca.pem")).unwrap()).unwrap();
        let chain = vec![CertificateDer::from_pem_file(file("certificate.pem")).unwrap()];
        let key = PrivateKeyDer::from_pem_file(file("key.pem")).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut tls = rustls::ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])
            .unwrap()
            .with_root_certificates(roots)
            .with_client_auth_cert(chain, key)
            .unwrap();
        tls.alpn_protocols = vec![alpn.to_vec()];
        let config = quinn::ClientConfig::new(Arc::new(QuicClientConfig::try_from(tls).unwrap()));
        let endpoint = Endpoint::client(LOOPBACK).unwrap();
        let connecting = endpoint.connect_with(config, address.parse().unwrap(), "node.nexus.internal").unwrap();
        Ok(Savage { connection: connecting.await?, endpoint })
    }

    /// Opens a stream with these bytes, leaves it open, and returns it with what came back before its end.
    async fn say(&self, bytes: &[u8], finish: bool) -> (quinn::SendStream, Result<Vec<u8>, quinn::ReadToEndError>) {
        let (mut send, mut receive) = self.connection.open_bi().await.unwrap();
        send.write_all(bytes).await.unwrap();
        if finish {
            send.finish().unwrap();
        }
        let answer = within(receive.read_to_end(1 << 20)).await;
        (send, answer)
    }

    async fn hello(&self) {
        let hello = FrameHeader::new(MessageType::HELLO).encode(b"").unwrap();
        assert_eq!(self.say(&hello, true).await.1.unwrap(), hello);
    }

    /// Why the node closed the connection.
    async fn last_words(&self) -> String {
        within(self.connection.closed()).await.to_string()
    }
}

/// The node still serves others.
#[expect(clippy::unwrap_used, reason = "part of the tests, which the lint does not see")]
async fn serves(cluster: &Cluster, address: &str) {
    let client = cluster.admin();
    let peer = client.connect(address, Expect::AnyNode).await.unwrap();
    assert_eq!(ask(&peer, b"well?").await.unwrap(), b"well?");
}

#[tokio::test]
async fn garbage_datagrams_do_no_harm() {
    let cluster = Cluster::new("home");
    let (node, address) = cluster.serve(1, &Probe::new());
    let client = cluster.admin();
    let peer = client.connect(&address, Expect::AnyNode).await.unwrap();
    let socket = UdpSocket::bind(LOOPBACK).unwrap();
    let mut state = 0x2545_f491_u32;
    for length in (0..1500).step_by(7) {
        let mut datagram = vec![0; length];
        for byte in &mut datagram {
            // Xorshift: any bytes will do, the same in every run.
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            *byte = state as u8;
        }
        // Every second one looks like the first packet of a QUIC 1 client.
        if length > 6 && length % 2 == 0 {
            datagram[..6].copy_from_slice(&[0xc0, 0, 0, 0, 1, 8]);
        }
        socket.send_to(&datagram, &address).unwrap();
        assert_eq!(ask(&peer, b"still there?").await.unwrap(), b"still there?");
    }
    assert_eq!(node.accepted().len(), 1);
    serves(&cluster, &address).await;
}

#[tokio::test]
async fn another_protocol_over_quic_is_refused_in_the_handshake() {
    let cluster = Cluster::new("home");
    let log = Log::capture();
    let (_node, address) = cluster.serve(1, &Probe::new());
    assert!(Savage::connect(&cluster, &address, b"h3").await.is_err());
    log.wait_for("refused a peer").await;
    serves(&cluster, &address).await;
    assert_eq!(log.lines().len(), 1, "{:#?}", log.lines());
}

#[tokio::test]
async fn whoever_does_not_say_hello_is_closed() {
    let cluster = Cluster::new("home");
    let log = Log::capture();
    let probe = Probe::new();
    let credentials = Credentials::Member(cluster.node(1));
    let connect_timeout = Duration::from_millis(300);
    let (_node, address) = serve(LinkConfig { connect_timeout, ..LinkConfig::new(LOOPBACK, credentials) }, &probe);
    let request = FrameHeader::new(MessageType::REQUEST).encode(b"").unwrap();
    let first_words: [(&[u8], &str); 4] = [
        (b"GET / HTTP/1.1\r\n\r\n", "not a frame of this protocol"),
        (&request, "it did not say hello"),
        (&request[..20], "ended inside a frame"),
        (b"", "its handshake took too long"),
    ];
    for (bytes, reason) in first_words {
        let savage = Savage::connect(&cluster, &address, b"nexus/1").await.unwrap();
        if !bytes.is_empty() {
            assert!(savage.say(bytes, true).await.1.is_err());
        }
        savage.last_words().await;
        log.wait_for(reason).await;
        savage.endpoint.close(0_u32.into(), b"");
    }
    assert_eq!(log.lines().len(), 4, "{:#?}", log.lines());
    assert_eq!(probe.requests(), 0);
    serves(&cluster, &address).await;
}

#[tokio::test]
async fn bad_frames_after_the_handshake_end_the_connection() {
    let cluster = Cluster::new("home");
    let probe = Probe::new();
    let (_node, address) = cluster.serve(1, &probe);
    let good = FrameHeader::new(MessageType::REQUEST).encode(b"").unwrap();
    let changed = |at: usize, bytes: &[u8]| {
        let mut frame = good.to_vec();
        frame[at..at + bytes.len()].copy_from_slice(bytes);
        frame
    };
    let too_long = u32::try_from(FRAME_BYTES_MAX + 1).unwrap().to_le_bytes();
    for (frame, reason) in [
        (b"NXF2 something else".to_vec(), "not a frame"),
        (changed(4, &[9, 0]), "speaks protocol 9."),
        (changed(10, &[0x80]), "unknown flags"),
        (changed(12, &too_long), "over the limit"),
        (changed(12, &u32::MAX.to_le_bytes()), "over the limit"),
        (changed(16, &[1]), "checksum"),
        (good[..47].to_vec(), "ended inside a frame"),
    ] {
        let log = Log::capture();
        let savage = Savage::connect(&cluster, &address, b"nexus/1").await.unwrap();
        savage.hello().await;
        assert!(savage.say(&frame, true).await.1.is_err());
        assert!(savage.last_words().await.contains(reason), "{reason}");
        log.wait_for(reason).await;
        let lines = log.lines();
        assert_eq!(lines.len(), 1, "{lines:#?}");
        assert!(lines[0].contains("peer=127.0.0.1:"), "{lines:#?}");
    }
    assert_eq!(probe.requests(), 0);
    serves(&cluster, &address).await;
}

#[tokio::test]
async fn a_request_that_trickles_in_ends_the_connection() {
    let cluster = Cluster::new("home");
    let log = Log::capture();
    let probe = Probe::new();
    let credentials = Credentials::Member(cluster.node(1));
    let frame_timeout = Duration::from_millis(100);
    let (_node, address) = serve(LinkConfig { frame_timeout, ..LinkConfig::new(LOOPBACK, credentials) }, &probe);
    let savage = Savage::connect(&cluster, &address, b"nexus/1").await.unwrap();
    savage.hello().await;
    let (_send, answer) = savage.say(b"NXF", false).await;
    assert!(answer.is_err());
    assert!(savage.last_words().await.contains("too long to arrive"));
    log.wait_for("too long to arrive").await;
    assert_eq!(probe.requests(), 0);
    serves(&cluster, &address).await;
}

#[tokio::test]
async fn a_node_that_was_dialled_cannot_open_streams_itself() {
    // The dialler grants no streams, so the other end waits for ever; a connection is one way on purpose.
    let cluster = Cluster::new("home");
    let (node, address) = cluster.serve(1, &Probe::new());
    let client = cluster.admin();
    let peer = client.connect(&address, Expect::AnyNode).await.unwrap();
    ask(&peer, b"").await.unwrap();
    assert!(client.serve(Probe::new()).is_ok());
    assert_eq!((node.accepted().len(), client.accepted().len()), (1, 0));
}
