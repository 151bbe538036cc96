//! Why connections end: the codes of this protocol, and what the codes of QUIC and TLS mean to a person. Pure.

use std::time::Duration;

use nexus_wire::ProtocolVersion;
use quinn::{ConnectionError, VarInt};

use crate::error::LinkError;
use crate::peer::Expect;
use crate::settings::BUSY_RETRY_AFTER;

/// The end is stopping in order.
pub(crate) const STOPPING: VarInt = VarInt::from_u32(0);
/// The peer sent what is no frame.
pub(crate) const GARBAGE: VarInt = VarInt::from_u32(1);
/// The peer speaks a version that does not interoperate.
pub(crate) const VERSION: VarInt = VarInt::from_u32(2);
/// There are too many connections.
pub(crate) const CROWDED: VarInt = VarInt::from_u32(3);
/// The peer is known and not wanted.
pub(crate) const NOT_ADMITTED: VarInt = VarInt::from_u32(4);
/// The peer took too long.
pub(crate) const SLOW: VarInt = VarInt::from_u32(5);

/// TLS alerts (RFC 8446, section 6), which QUIC carries as 0x100 plus the alert (RFC 9001, section 4.8).
mod alert {
    pub(super) const BAD_CERTIFICATE: u64 = 42;
    pub(super) const UNSUPPORTED_CERTIFICATE: u64 = 43;
    pub(super) const CERTIFICATE_EXPIRED: u64 = 45;
    pub(super) const CERTIFICATE_UNKNOWN: u64 = 46;
    pub(super) const UNKNOWN_CA: u64 = 48;
    pub(super) const DECRYPT_ERROR: u64 = 51;
    pub(super) const NO_APPLICATION_PROTOCOL: u64 = 120;
}

/// RFC 9000, section 20.1: the server did not even look at the handshake.
const CONNECTION_REFUSED: u64 = 0x02;

/// What a dialler knows about the connection that it did not get.
pub(crate) struct Attempt<'a> {
    pub(crate) address: &'a str,
    pub(crate) expect: Expect,
    pub(crate) ours: ProtocolVersion,
    pub(crate) waited: Duration,
}

impl Attempt<'_> {
    /// Nothing came back in time.
    pub(crate) fn unanswered(&self) -> LinkError {
        LinkError::NoAnswer { address: self.address.to_owned(), waited: self.waited }
    }

    /// The other end speaks something else.
    pub(crate) fn version(&self, theirs: Option<ProtocolVersion>) -> LinkError {
        LinkError::Version { address: self.address.to_owned(), theirs, ours: self.ours }
    }

    /// Why the handshake or hello failed.
    pub(crate) fn failed(&self, error: &ConnectionError) -> LinkError {
        match error {
            ConnectionError::TimedOut => self.unanswered(),
            ConnectionError::VersionMismatch => self.version(None),
            ConnectionError::TransportError(ours) => self.we_refused(u64::from(ours.code), &ours.to_string()),
            ConnectionError::ConnectionClosed(theirs) => {
                self.they_refused(u64::from(theirs.error_code), &theirs.to_string())
            }
            ConnectionError::ApplicationClosed(_)
            | ConnectionError::Reset
            | ConnectionError::LocallyClosed
            | ConnectionError::CidsExhausted => lost(self.address, error),
        }
    }

    /// Our TLS did not like theirs.
    fn we_refused(&self, code: u64, reason: &str) -> LinkError {
        let address = self.address.to_owned();
        match (alert_of(code), self.expect) {
            (Some(alert::BAD_CERTIFICATE), Expect::Node(expected)) => LinkError::WrongNode { address, expected },
            (
                Some(
                    alert::UNKNOWN_CA
                    | alert::DECRYPT_ERROR
                    | alert::BAD_CERTIFICATE
                    | alert::UNSUPPORTED_CERTIFICATE
                    | alert::CERTIFICATE_UNKNOWN,
                ),
                _,
            ) => LinkError::StrangerNode { address },
            (Some(alert::CERTIFICATE_EXPIRED), _) => LinkError::Clock { address, reason: reason.to_owned() },
            (Some(alert::NO_APPLICATION_PROTOCOL), _) => self.version(None),
            _ => LinkError::Lost { address, reason: reason.to_owned() },
        }
    }

    /// Their TLS did not like ours.
    fn they_refused(&self, code: u64, reason: &str) -> LinkError {
        let address = self.address.to_owned();
        match alert_of(code) {
            Some(
                alert::UNKNOWN_CA
                | alert::DECRYPT_ERROR
                | alert::BAD_CERTIFICATE
                | alert::UNSUPPORTED_CERTIFICATE
                | alert::CERTIFICATE_UNKNOWN,
            ) => LinkError::StrangerSelf { address },
            Some(alert::CERTIFICATE_EXPIRED) => LinkError::Clock { address, reason: reason.to_owned() },
            Some(alert::NO_APPLICATION_PROTOCOL) => self.version(None),
            None if code == CONNECTION_REFUSED => LinkError::Busy { address, retry_after: BUSY_RETRY_AFTER },
            _ => LinkError::Lost { address, reason: reason.to_owned() },
        }
    }
}

/// What the end of an established connection means.
pub(crate) fn lost(address: &str, error: &ConnectionError) -> LinkError {
    let address = address.to_owned();
    match error {
        ConnectionError::ApplicationClosed(close) => {
            let reason = String::from_utf8_lossy(&close.reason).into_owned();
            match close.error_code {
                NOT_ADMITTED => LinkError::Refused { address, reason },
                CROWDED => LinkError::Busy { address, retry_after: BUSY_RETRY_AFTER },
                GARBAGE | VERSION | SLOW => LinkError::Fault { address, reason },
                STOPPING => LinkError::Lost { address, reason: "the node is stopping".to_owned() },
                _ => LinkError::Lost { address, reason },
            }
        }
        ConnectionError::LocallyClosed => LinkError::Closed,
        ConnectionError::TimedOut => {
            LinkError::Lost { address, reason: "nothing was heard from it any more".to_owned() }
        }
        other => LinkError::Lost { address, reason: other.to_string() },
    }
}

fn alert_of(code: u64) -> Option<u64> {
    (0x100..0x200).contains(&code).then(|| code - 0x100)
}
