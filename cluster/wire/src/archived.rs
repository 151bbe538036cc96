//! Version 1 of the archived forms: what messages and log entries look like as bytes.
//!
//! Each form mirrors one domain type, borrows from it while encoding, and is turned back with every value checked. The
//! order of fields and variants is the format: a form is never changed, a later version is a new form beside it. The
//! ledger's log and snapshots are made of the same forms, so they must stay readable for years.
//!
//! Forms are made by `From<&Domain>` (or `TryFrom`, where a value can be too deep to encode) and read by
//! `TryFrom<&ArchivedForm>`. They are not for use beyond the two codecs.

mod job;
mod node;
mod outcome;
mod request;
mod response;
mod stream;
mod view;

use std::time::Duration;

use rkyv::api::high::{HighSerializer, HighValidator};
use rkyv::bytecheck::CheckBytes;
use rkyv::rancor::Error as ArchiveError;
use rkyv::ser::allocator::ArenaHandle;
use rkyv::util::AlignedVec;
use rkyv::{Archive, Portable, Serialize};
use thiserror::Error;

use crate::limits::FRAME_BYTES_MAX;

pub use job::{ArchivedIndexRangeV1, ArchivedJobSpecV1, IndexRangeV1, JobSpecV1};
pub use node::{ArchivedNodeCapacityV1, ArchivedNodeRoleV1, NodeCapacityV1, NodeRoleV1};
pub use outcome::{ArchivedCostV1, ArchivedOutcomeV1, ArchivedPayloadV1, CostV1, OutcomeV1, PayloadV1};
pub(crate) use request::{ArchivedRequestV1, RequestV1};
pub(crate) use response::{ArchivedResponseV1, ResponseV1};
pub use stream::{ArchivedAttemptRangeV1, ArchivedFinishedTasksV1, AttemptRangeV1, FinishedTasksV1};
pub(crate) use stream::{ArchivedLeaderMessageV1, ArchivedWorkerMessageV1, LeaderMessageV1, WorkerMessageV1};

/// Alignment of an archive's first byte.
pub const ALIGNMENT: usize = 16;

/// Bytes that are no message, or a message that cannot be bytes. Nothing changed; a retry gives the same answer.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum WireError {
    /// Larger than a frame.
    #[error("the message takes {0} bytes; the most is {FRAME_BYTES_MAX}")]
    TooLarge(usize),
    /// The archive is damaged, or was written by something else.
    #[error("the message is damaged")]
    Damaged,
    /// A value that its type does not allow.
    #[error("the message holds {0}")]
    Value(&'static str),
    /// An argument that is no value, or is nested too deep.
    #[error("an argument of the job cannot be read: {0}")]
    Argument(#[from] nexus_model::CodecError),
}

/// What can be archived here.
pub trait Form: for<'a> Serialize<HighSerializer<AlignedVec, ArenaHandle<'a>, ArchiveError>> {}

impl<T: for<'a> Serialize<HighSerializer<AlignedVec, ArenaHandle<'a>, ArchiveError>>> Form for T {}

/// The bytes of a form.
pub fn archive(form: &impl Form) -> Result<AlignedVec, WireError> {
    // The only failure of this serializer is an offset beyond 32 bits.
    rkyv::to_bytes::<ArchiveError>(form).map_err(|_| WireError::TooLarge(usize::MAX))
}

/// Reads an archive that begins anywhere: bytes that are not aligned are copied first. Every byte is checked before it is
/// used.
pub fn read<A, T>(bytes: &[u8], convert: impl FnOnce(&A) -> Result<T, WireError>) -> Result<T, WireError>
where
    A: Portable + for<'a> CheckBytes<HighValidator<'a, ArchiveError>>,
{
    let mut aligned = AlignedVec::<ALIGNMENT>::new();
    let bytes = if bytes.as_ptr().addr().is_multiple_of(ALIGNMENT) {
        bytes
    } else {
        aligned.extend_from_slice(bytes);
        &aligned
    };
    convert(rkyv::access::<A, ArchiveError>(bytes).map_err(|_| WireError::Damaged)?)
}

/// A length of time.
#[derive(Debug, Clone, Copy, Archive, Serialize)]
pub struct DurationV1 {
    seconds: u64,
    nanoseconds: u32,
}

impl From<Duration> for DurationV1 {
    fn from(duration: Duration) -> Self {
        DurationV1 { seconds: duration.as_secs(), nanoseconds: duration.subsec_nanos() }
    }
}

impl TryFrom<&ArchivedDurationV1> for Duration {
    type Error = WireError;

    fn try_from(form: &ArchivedDurationV1) -> Result<Self, WireError> {
        match form.nanoseconds.to_native() {
            nanoseconds @ ..1_000_000_000 => Ok(Duration::new(form.seconds.to_native(), nanoseconds)),
            _ => Err(WireError::Value("a second of more than 10^9 nanoseconds")),
        }
    }
}

/// Mirrors an enum without content.
macro_rules! plain_enum {
    ($(#[$doc:meta])* $vis:vis $form:ident, $archived:ident, $domain:ty { $($variant:ident),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, rkyv::Archive, rkyv::Serialize)]
        $vis enum $form {
            $(#[doc = concat!("The domain's `", stringify!($variant), "`.")] $variant),+
        }

        impl From<$domain> for $form {
            fn from(domain: $domain) -> Self {
                match domain { $(<$domain>::$variant => $form::$variant),+ }
            }
        }

        impl From<&$archived> for $domain {
            fn from(form: &$archived) -> Self {
                match form { $($archived::$variant => <$domain>::$variant),+ }
            }
        }
    };
}
pub(crate) use plain_enum;
