//! The only room that knows sockets, TLS and certificates: who a machine is, who may talk to whom, and how frames travel
//! between them over QUIC. It is not the meaning of a frame: bodies are opaque bytes with a message type here.
//!
//! A node makes its key itself ([`Key`]); the cluster's [`Authority`] turns it into an [`Identity`]. A [`Link`] binds one
//! UDP socket, dials with [`Link::connect`] and, where it serves, hands requests and streams of peers to a [`Handler`].
//! An [`Announcer`] tells the local network of a node, [`look_around`] finds those that do.

mod accept;
mod authority;
mod close;
mod codes;
mod dial;
mod discovery;
mod error;
mod frames;
mod handler;
mod identity;
mod key_files;
mod link;
mod peer;
mod refusals;
mod reset_key;
mod settings;
mod sighting;
mod subject;
mod tls;
mod token;

pub use authority::{Authority, request_fingerprint};
pub use codes::EXPLANATIONS;
pub use discovery::{Announcer, SIGHTINGS_MAX, Surroundings, look_around, reachable_address};
pub use error::LinkError;
pub use frames::{FrameReceiver, FrameSender, Message};
pub use handler::{Handler, IncomingRequest, IncomingStream, PeerInfo, RoundTrip};
pub use identity::{Identity, Key};
pub use link::{Credentials, Link, LinkConfig};
pub use peer::{Expect, Peer};
pub use settings::{
    ANONYMOUS_CONNECTIONS_MAX, CONNECT_TIMEOUT, CONNECTIONS_MAX, HANDLERS_PER_PEER_MAX, INCOMING_BYTES_MAX,
};
pub use sighting::{Announcement, Sighting};
pub use subject::{Subject, check_name};
pub use token::Token;
