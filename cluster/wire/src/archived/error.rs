//! Why bytes are no message, or a message cannot be bytes.

use std::time::Duration;

use nexus_model::{CodecError, IndexRange};
use thiserror::Error;

use super::body::BODY_VERSION;
use super::bounds::DURATION_MAX;

/// Bytes that are no message, or a message that cannot be bytes. Nothing changed; a retry gives the same answer.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum WireError {
    /// Something is larger than its bound.
    #[error("the {what} takes {found} bytes; the most is {most}")]
    TooLarge {
        /// What.
        what: &'static str,
        /// Its size.
        found: usize,
        /// Its bound.
        most: usize,
    },
    /// The body ends before its version and kind.
    #[error("the body of a {what} has {found} bytes, too few for its version and kind")]
    Truncated {
        /// What was expected.
        what: &'static str,
        /// Bytes that are there.
        found: usize,
    },
    /// Written by a version that this one does not know.
    #[error("the {what} has body version {version}; this build reads version {BODY_VERSION}: upgrade the older node")]
    Version {
        /// What was expected.
        what: &'static str,
        /// In the body.
        version: u8,
    },
    /// A kind of message that this build does not know: the sender is newer, or does not speak this protocol.
    #[error("this build does not know {what} kind {kind}; the sender may be newer: upgrade this node")]
    Kind {
        /// What was expected.
        what: &'static str,
        /// In the body.
        kind: u8,
    },
    /// The archive is damaged, or was written by something else.
    #[error("the message is damaged: {0}")]
    Damaged(String),
    /// A value that its type does not allow.
    #[error("the message holds {0}")]
    Value(&'static str),
    /// A range that ends before it starts.
    #[error("the range {0} ends before it starts")]
    Range(IndexRange),
    /// A length of time that nobody can mean, and that could not be added to a clock's reading.
    #[error("the {what} is {found:?}; the most is {DURATION_MAX:?}")]
    TooLong {
        /// What.
        what: &'static str,
        /// Its length.
        found: Duration,
    },
    /// A piece that does not lie within its blob.
    #[error("{found} bytes from byte {offset} on do not lie within a blob of {total} bytes")]
    Piece {
        /// Where the piece begins.
        offset: u64,
        /// Its length.
        found: usize,
        /// The blob's length.
        total: u64,
    },
    /// An argument that is no value, or is nested too deep.
    #[error("an argument of the job cannot be read: {0}")]
    Argument(#[from] CodecError),
    /// The message cannot be archived: a text of more than 1 GiB.
    #[error("the message cannot be written: {0}")]
    Encode(String),
}
