//! The body of a frame: the version of the body, the kind of message, and the archive of that kind's form.
//!
//! ```text
//! offset  0  body version (1)    1
//!         1  kind                1
//!         2  archive, its root at the end; for messages of bytes only, those bytes
//! ```
//! Kinds have forms of their own, so that a new kind changes no byte of the old ones: a node that does not know it can
//! say so, and understands everything else. No kind's number is ever given to another.

use rkyv::Portable;
use rkyv::api::high::HighValidator;
use rkyv::bytecheck::CheckBytes;
use rkyv::rancor::BoxedError as ArchiveError;

use super::bounds::bytes;
use super::{Form, WireError, access, archive_behind};
use crate::limits::{COMMAND_MESSAGE_BYTES_MAX, FRAME_BYTES_MAX};

/// The version that this build writes and reads.
pub(super) const BODY_VERSION: u8 = 1;
/// Version and kind.
const PREFIX_BYTES: usize = 2;
/// Room for the archives of most messages, and for what stands beside the bytes of a blob.
pub(super) const SMALL_BYTES: usize = 62;
/// Room for the form of one run of finished tasks or one task's view with a number as its result.
pub(super) const TASK_BYTES: usize = 128;

/// What kind of message a body holds: a name for people, and the number.
#[derive(Debug, Clone, Copy)]
pub(super) struct Kind {
    pub(super) what: &'static str,
    pub(super) number: u8,
}

impl Kind {
    /// The body of a message that has a form. Fails where it would not fit a frame.
    pub(super) fn write(self, form: &impl Form) -> Result<Vec<u8>, WireError> {
        self.write_large(SMALL_BYTES, form)
    }

    /// The same where the archive will take about `room` bytes: a buffer that grows step by step costs more than the
    /// archive.
    pub(super) fn write_large(self, room: usize, form: &impl Form) -> Result<Vec<u8>, WireError> {
        check_size(self.what, archive_behind(self.prefix(room), form)?, FRAME_BYTES_MAX)
    }

    /// The same for a message that becomes an entry of the log, which must fit one.
    pub(super) fn write_command(self, room: usize, form: &impl Form) -> Result<Vec<u8>, WireError> {
        check_size(self.what, archive_behind(self.prefix(room), form)?, COMMAND_MESSAGE_BYTES_MAX)
    }

    /// The body of a message of bytes only.
    pub(super) fn write_bytes(self, bytes: &[u8]) -> Result<Vec<u8>, WireError> {
        let mut body = self.prefix(bytes.len());
        body.extend_from_slice(bytes);
        check_size(self.what, body, FRAME_BYTES_MAX)
    }

    fn prefix(self, room: usize) -> Vec<u8> {
        let mut body = Vec::with_capacity(PREFIX_BYTES + room.min(FRAME_BYTES_MAX));
        body.extend_from_slice(&[BODY_VERSION, self.number]);
        body
    }
}

fn check_size(what: &'static str, body: Vec<u8>, most: usize) -> Result<Vec<u8>, WireError> {
    bytes(what, body.len(), most)?;
    Ok(body)
}

/// A body that came in: its version is ours, its kind and archive have not been looked at.
#[derive(Debug, Clone, Copy)]
pub(super) struct Body<'a> {
    what: &'static str,
    pub(super) kind: u8,
    archive: &'a [u8],
}

impl<'a> Body<'a> {
    /// Takes the version and the kind from the front of `body`, which should be a `what`.
    pub(super) fn open(what: &'static str, body: &'a [u8]) -> Result<Self, WireError> {
        bytes(what, body.len(), FRAME_BYTES_MAX)?;
        match *body {
            [BODY_VERSION, kind, ref archive @ ..] => Ok(Body { what, kind, archive }),
            [version, _, ..] => Err(WireError::Version { what, version }),
            _ => Err(WireError::Truncated { what, found: body.len() }),
        }
    }

    /// The form, checked.
    pub(super) fn form<A>(self) -> Result<&'a A, WireError>
    where
        A: Portable + for<'c> CheckBytes<HighValidator<'c, ArchiveError>>,
    {
        access(self.archive)
    }

    /// The form of a message that becomes an entry of the log, checked.
    pub(super) fn command<A>(self) -> Result<&'a A, WireError>
    where
        A: Portable + for<'c> CheckBytes<HighValidator<'c, ArchiveError>>,
    {
        bytes(self.what, PREFIX_BYTES + self.archive.len(), COMMAND_MESSAGE_BYTES_MAX)?;
        self.form()
    }

    /// The bytes of a message of bytes only.
    pub(super) fn bytes(self) -> &'a [u8] {
        self.archive
    }

    /// A message without content, where there is none.
    pub(super) fn nothing<T>(self, message: T) -> Result<T, WireError> {
        match self.archive.len() {
            0 => Ok(message),
            found => Err(WireError::Damaged(format!("{found} bytes in a {} that has no content", self.what))),
        }
    }

    /// The error for a kind that is not one of ours.
    pub(super) fn unknown(self) -> WireError {
        WireError::Kind { what: self.what, kind: self.kind }
    }
}
