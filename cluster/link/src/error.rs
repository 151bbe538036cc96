//! What can go wrong on the way to another machine, in words for the person who has to mend it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use nexus_model::NodeId;
use nexus_wire::{FrameError, ProtocolVersion};
use thiserror::Error;

use crate::{codes, key_files};

/// Why something of this crate did not work. Unless a variant says otherwise, nothing was done at the other end and
/// trying again without a change does not help.
#[derive(Debug, Clone, Error)]
pub enum LinkError {
    /// An address that cannot be used.
    #[error("`{address}` is not an address of a node: {reason}")]
    Address {
        /// As it was given.
        address: String,
        /// Why not.
        reason: String,
    },
    /// The local socket cannot be opened.
    #[error("cannot listen on {address}: {source}")]
    Bind {
        /// The local address.
        address: std::net::SocketAddr,
        /// From the operating system.
        source: Arc<std::io::Error>,
    },
    /// Nobody is there. Trying again helps once somebody is.
    #[error("no node answers at {address}{}", waited_text(.waited))]
    NoAnswer {
        /// The address.
        address: String,
        /// For how long.
        waited: Duration,
    },
    /// The other end is a node of another cluster, or no node at all.
    #[error("the certificate of the node at {address} was not issued by this cluster")]
    StrangerNode {
        /// The address.
        address: String,
    },
    /// The other end does not accept the certificate of this end.
    #[error("the node at {address} does not accept our certificate: its cluster did not issue it")]
    StrangerSelf {
        /// The address.
        address: String,
    },
    /// Another node than expected answers.
    #[error("the node at {address} is not {expected}")]
    WrongNode {
        /// The address.
        address: String,
        /// Who was expected.
        expected: NodeId,
    },
    /// A certificate is expired or not yet valid: usually a clock is wrong.
    #[error("a certificate is not valid at this time, for us or for the node at {address}: {reason}")]
    Clock {
        /// The address.
        address: String,
        /// From the TLS library.
        reason: String,
    },
    /// The two ends speak protocol versions that do not interoperate.
    #[error("the node at {address} speaks protocol {}, we speak {ours}", version_text(.theirs))]
    Version {
        /// The address.
        address: String,
        /// Theirs, where they said so.
        theirs: Option<ProtocolVersion>,
        /// Ours.
        ours: ProtocolVersion,
    },
    /// The other end knows who we are and does not want us.
    #[error("the node at {address} refused the connection: {reason}")]
    Refused {
        /// The address.
        address: String,
        /// In its words.
        reason: String,
    },
    /// The other end has no room now. Nothing was done; trying again after `retry_after` helps.
    #[error("the node at {address} is busy")]
    Busy {
        /// The address.
        address: String,
        /// When to try again.
        retry_after: Duration,
    },
    /// No answer in time. Whether the request was carried out is unknown.
    #[error("the node at {address} did not answer within {} s; whether it did what was asked is unknown", .after.as_secs_f32())]
    Deadline {
        /// The address.
        address: String,
        /// The deadline.
        after: Duration,
    },
    /// The connection ended. Whether a request on it was carried out is unknown.
    #[error("the connection to {address} was lost: {reason}")]
    Lost {
        /// The address.
        address: String,
        /// Why.
        reason: String,
    },
    /// A frame began and did not end in time. Whether a request on the connection was carried out is unknown.
    #[error("a frame from {address} took too long to arrive")]
    Slow {
        /// The address.
        address: String,
    },
    /// The other end did not understand or does not allow the message.
    #[error("the node at {address} did not take the message: {reason}")]
    Fault {
        /// The address.
        address: String,
        /// In its words.
        reason: String,
    },
    /// What came (or was to be sent) is no proper frame.
    #[error("bad frame: {0}")]
    Frame(#[from] FrameError),
    /// Multicast DNS cannot be used on this machine. Nothing was sent.
    #[error("nodes cannot be looked for on the local network: {reason}")]
    Discovery {
        /// From the system.
        reason: String,
    },
    /// This end is stopping.
    #[error("this node is stopping")]
    Closed,
    /// A join token that cannot be used.
    #[error("this is no join token: {reason}")]
    Token {
        /// Why.
        reason: &'static str,
    },
    /// A certificate, key or signing request that cannot be used.
    #[error("{what} cannot be used: {reason}")]
    Certificate {
        /// Which.
        what: &'static str,
        /// Why.
        reason: String,
    },
    /// A file of a key or certificate is not what was written there.
    #[error("{} cannot be used: {reason}", .path.display())]
    DamagedFile {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A name that cannot be written into a certificate.
    #[error("`{name}` cannot be used as a name: 1 to 63 of the characters a-z, A-Z, 0-9, `.`, `_` and `-` are allowed")]
    Name {
        /// The name.
        name: String,
    },
    /// A file of the identity cannot be read or written.
    #[error("cannot {action} {}: {source}", .path.display())]
    File {
        /// `read` or `write`.
        action: &'static str,
        /// Which file.
        path: PathBuf,
        /// From the operating system.
        source: Arc<std::io::Error>,
    },
    /// The cryptographic library or the system's random numbers failed.
    #[error("cryptography failed: {0}")]
    Crypto(String),
}

/// A port that is closed is known at once; then the wait says nothing.
fn waited_text(waited: &Duration) -> String {
    if waited.as_secs() == 0 { String::new() } else { format!(" (waited {} s)", waited.as_secs()) }
}

fn version_text(version: &Option<ProtocolVersion>) -> String {
    version.map_or_else(|| "another version".to_owned(), |version| version.to_string())
}

impl LinkError {
    /// The stable code.
    pub const fn code(&self) -> &'static str {
        match self {
            LinkError::Address { .. } => codes::ADDRESS,
            LinkError::Bind { .. } => codes::BIND,
            LinkError::NoAnswer { .. } => codes::NO_ANSWER,
            LinkError::StrangerNode { .. } => codes::STRANGER_NODE,
            LinkError::StrangerSelf { .. } => codes::STRANGER_SELF,
            LinkError::WrongNode { .. } => codes::WRONG_NODE,
            LinkError::Clock { .. } => codes::CLOCK,
            LinkError::Version { .. } => codes::VERSION,
            LinkError::Refused { .. } => codes::REFUSED,
            LinkError::Busy { .. } => codes::BUSY,
            LinkError::Deadline { .. } => codes::DEADLINE,
            LinkError::Lost { .. } => codes::LOST,
            LinkError::Fault { .. } => codes::FAULT,
            LinkError::Frame(_) => codes::FRAME,
            LinkError::Discovery { .. } => codes::DISCOVERY,
            LinkError::Closed => codes::CLOSED,
            LinkError::Token { .. } => codes::TOKEN,
            LinkError::Certificate { .. } | LinkError::DamagedFile { .. } => codes::CERTIFICATE,
            LinkError::Name { .. } => codes::NAME,
            LinkError::File { .. } => codes::FILE,
            LinkError::Crypto(_) => codes::CRYPTO,
            LinkError::Slow { .. } => codes::SLOW,
        }
    }

    /// What the person at the keyboard can do, where there is something.
    pub fn help(&self) -> Option<&'static str> {
        let text = match self {
            LinkError::Address { .. } => "write it like `192.168.1.7:4747` or `mac-studio.local:4747`",
            LinkError::Bind { source, .. } => match source.kind() {
                std::io::ErrorKind::AddrInUse => "another program (perhaps a node) listens there: choose another port",
                std::io::ErrorKind::AddrNotAvailable => "this machine does not have that address",
                _ => "choose another address or port",
            },
            LinkError::NoAnswer { .. } => {
                "is the node running (`nexus node start`), is the address right, does a firewall block UDP?"
            }
            LinkError::StrangerNode { .. } | LinkError::StrangerSelf { .. } => {
                "check the address and the data directory; to become a member, join with a token of that cluster"
            }
            LinkError::Discovery { .. } => "give the address of a node: `--join ADDRESS`",
            LinkError::WrongNode { .. } => "the address may have moved: look at `nexus node list`",
            LinkError::Clock { .. } => "compare the clocks of the two machines",
            LinkError::Version { theirs: Some(theirs), ours, .. } if theirs < ours => {
                "upgrade that node: neighbouring versions work together, others do not"
            }
            LinkError::Version { .. } => {
                "upgrade this machine or that node: neighbouring versions work together, others do not"
            }
            LinkError::Busy { .. } => "try again in a moment",
            LinkError::Deadline { .. } | LinkError::Lost { .. } | LinkError::Slow { .. } => {
                "look whether it was done before asking again; a job submitted with a key can be submitted again safely"
            }
            LinkError::Token { .. } => "copy the whole token as `nexus token create` printed it; it begins with NXJ1.",
            LinkError::File { source, .. } if source.kind() == std::io::ErrorKind::PermissionDenied => {
                "the file must belong to the user who runs the node"
            }
            LinkError::DamagedFile { path, .. } => key_files::way_back(path),
            LinkError::File { path, source, .. } if source.kind() == std::io::ErrorKind::InvalidData => {
                key_files::way_back(path)
            }
            LinkError::Refused { .. }
            | LinkError::Fault { .. }
            | LinkError::Frame(_)
            | LinkError::Closed
            | LinkError::Certificate { .. }
            | LinkError::Name { .. }
            | LinkError::File { .. }
            | LinkError::Crypto(_) => return None,
        };
        Some(text)
    }

    /// The same of a file, where it is what the file says that cannot be used.
    pub(crate) fn in_file(self, directory: &Path, name: &str) -> Self {
        match self {
            LinkError::Certificate { reason, .. } => LinkError::DamagedFile { path: directory.join(name), reason },
            other => other,
        }
    }

    /// Whether the other end may have carried out the request.
    pub const fn is_outcome_unknown(&self) -> bool {
        matches!(self, LinkError::Deadline { .. } | LinkError::Lost { .. } | LinkError::Slow { .. })
    }
}
