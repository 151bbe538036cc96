//! The bounds and rhythms of a link, each with its reason, and the QUIC configuration made of them.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use nexus_wire::ProtocolVersion;
use nexus_wire::limits::FRAME_BYTES_MAX;
use quinn::congestion::CubicConfig;
use quinn::{AckFrequencyConfig, EndpointConfig, IdleTimeout, MtuDiscoveryConfig, TransportConfig, VarInt};
use socket2::{Domain, Socket, Type};

use crate::link::Credentials;
use crate::reset_key;

/// Handshakes that wait to be looked at; more are turned away by the library. One node joins at a time, a whole cluster
/// reconnects after a power cut.
pub(crate) const HANDSHAKES_WAITING_MAX: usize = 128;
/// Bytes that clients may have sent ahead of their handshakes, in all.
pub(crate) const HANDSHAKE_BYTES_MAX: u64 = 4 << 20;
/// Open connections that were accepted. Nodes and clients are dozens; ten times that is a mistake or an attack.
pub const CONNECTIONS_MAX: usize = 512;
/// Of those, connections without a certificate: machines that join, briefly.
pub const ANONYMOUS_CONNECTIONS_MAX: usize = 16;
/// With more open connections than this, a client must first prove its address (one round trip more).
pub(crate) const PROVE_ADDRESS_ABOVE: usize = CONNECTIONS_MAX / 4;
/// Requests and streams of one connection that are worked on at the same time; more are answered "busy".
pub const HANDLERS_PER_PEER_MAX: usize = 256;
/// Streams of one connection that may be open: above the handlers, so that "busy" can be said.
pub(crate) const STREAMS_PER_PEER_MAX: u32 = 2 * HANDLERS_PER_PEER_MAX as u32;
/// A connection without a certificate may say hello and join.
pub(crate) const ANONYMOUS_STREAMS_MAX: u32 = 2;
/// Bodies of incoming requests in memory, over all peers: sixteen of the largest.
pub const INCOMING_BYTES_MAX: usize = 128 << 20;
/// Bodies up to this size are not counted: the number of handlers bounds them.
pub(crate) const UNCOUNTED_BYTES: usize = 16 << 10;
/// Largest body from a peer without a certificate: a join request is about 2 KiB.
pub(crate) const ANONYMOUS_BODY_BYTES_MAX: usize = 64 << 10;
/// Unread bytes of one connection: two of the largest frames.
pub(crate) const WINDOW_BYTES: u32 = 2 * FRAME_BYTES_MAX as u32;
/// Unread bytes of a connection before it has shown a certificate.
pub(crate) const ANONYMOUS_WINDOW_BYTES: u32 = 2 * ANONYMOUS_BODY_BYTES_MAX as u32;
/// Unread bytes of one stream: 10 Gbit/s at 1.6 ms.
pub(crate) const STREAM_WINDOW_BYTES: u32 = 2 << 20;
/// How long a handshake and hello may take, on both sides.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a frame may take from its first byte to its last: 8 MiB at 0.3 MB/s.
pub(crate) const FRAME_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a connection without a certificate may live.
pub(crate) const ANONYMOUS_LIFE: Duration = Duration::from_secs(60);
/// A silent peer is given up after this; twice the lease of a worker, which is the first to notice.
pub(crate) const IDLE_TIMEOUT: Duration = Duration::from_secs(10);
/// A quiet connection is kept alive by one packet in this time, three in the idle timeout.
pub(crate) const KEEP_ALIVE: Duration = Duration::from_secs(3);
/// What a busy peer is told to wait.
pub(crate) const BUSY_RETRY_AFTER: Duration = Duration::from_millis(50);
/// Addresses for which a connection is remembered.
pub(crate) const DIALLED_MAX: usize = 1024;
/// The kernel's buffers: below 1 MiB bursts of full windows are dropped (and macOS refuses large sends).
const SOCKET_BUFFER_BYTES: usize = 4 << 20;
/// Discovery goes up to this. Local networks carry 1500 bytes or 9000, loopback more, but quinn hands the kernel ten
/// packets at a time, and above 65507 bytes in all the kernel drops every one of them.
const UDP_PAYLOAD_BYTES_MAX: u16 = 6500;
const PACKETS_AT_ONCE: usize = 10;

const _: () = assert!(UDP_PAYLOAD_BYTES_MAX as usize * PACKETS_AT_ONCE <= 65_507);
const _: () = assert!(KEEP_ALIVE.as_millis() * 3 <= IDLE_TIMEOUT.as_millis());
const _: () = assert!(FRAME_BYTES_MAX < WINDOW_BYTES as usize && FRAME_BYTES_MAX * 16 <= INCOMING_BYTES_MAX);

/// What both ends of a link go by.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Protocol {
    pub(crate) version: ProtocolVersion,
    pub(crate) connect_timeout: Duration,
    pub(crate) frame_timeout: Duration,
}

/// Which end of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// Opens streams; the other end never may.
    Dialling,
    /// Accepts streams, few until it has seen a certificate.
    Accepting,
}

/// The transport parameters: made for a local network, correct on any.
pub(crate) fn transport(end: End) -> TransportConfig {
    let mut transport = TransportConfig::default();
    let (streams, window) = match end {
        End::Dialling => (0, WINDOW_BYTES),
        End::Accepting => (ANONYMOUS_STREAMS_MAX, ANONYMOUS_WINDOW_BYTES),
    };
    transport.max_concurrent_bidi_streams(VarInt::from_u32(streams));
    transport.max_concurrent_uni_streams(VarInt::from_u32(0));
    transport.datagram_receive_buffer_size(None);
    transport.receive_window(VarInt::from_u32(window));
    transport.stream_receive_window(VarInt::from_u32(STREAM_WINDOW_BYTES));
    transport.send_window(WINDOW_BYTES.into());
    // Streams are sent in the order they were written: a small request costs fewer packets that way.
    transport.send_fairness(false);
    transport.max_idle_timeout(Some(IdleTimeout::from(VarInt::from_u32(IDLE_TIMEOUT.as_millis() as u32))));
    transport.keep_alive_interval(Some(KEEP_ALIVE));
    // The default of 333 ms is made for continents; it decides how fast a lost first packet is repeated.
    transport.initial_rtt(Duration::from_millis(50));
    let mut acknowledgements = AckFrequencyConfig::default();
    acknowledgements.max_ack_delay(Some(Duration::from_millis(5)));
    transport.ack_frequency_config(Some(acknowledgements));
    let mut discovery = MtuDiscoveryConfig::default();
    discovery.upper_bound(UDP_PAYLOAD_BYTES_MAX);
    transport.mtu_discovery_config(Some(discovery));
    let mut congestion = CubicConfig::default();
    congestion.initial_window(128 << 10);
    transport.congestion_controller_factory(Arc::new(congestion));
    transport
}

/// The endpoint's parameters; those of a member outlive its process.
pub(crate) fn endpoint(credentials: &Credentials) -> EndpointConfig {
    let mut endpoint = EndpointConfig::default();
    endpoint.max_udp_payload_size(UDP_PAYLOAD_BYTES_MAX).expect("the bound is above the least that QUIC asks for");
    if let Credentials::Member(identity) = credentials {
        reset_key::keep(&mut endpoint, identity);
    }
    endpoint
}

/// A UDP socket with large buffers. The system may grant less; that costs speed, not correctness.
pub(crate) fn socket(address: SocketAddr) -> std::io::Result<std::net::UdpSocket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(socket2::Protocol::UDP))?;
    if address.is_ipv6() {
        // One socket for both families, where the system can do it.
        if let Err(error) = socket.set_only_v6(false) {
            tracing::debug!(%error, "the socket takes IPv6 only");
        }
    }
    for result in [socket.set_send_buffer_size(SOCKET_BUFFER_BYTES), socket.set_recv_buffer_size(SOCKET_BUFFER_BYTES)] {
        if let Err(error) = result {
            tracing::debug!(%error, "the system does not grant large socket buffers");
        }
    }
    socket.bind(&address.into())?;
    Ok(socket.into())
}
