//! Version 1 of the archived forms: what messages and log entries look like as bytes.
//!
//! Each form mirrors one domain type, borrows from it while encoding, and is turned back with every value checked. The
//! order of fields and the numbers of variants are the format: a form is never changed, a later version is a new form
//! beside it. The ledger's log and snapshots are made of the same forms, so they must stay readable for years.
//!
//! Forms are made by `From<&Domain>` (or `TryFrom`, where a value can be too deep to encode) and read by
//! `TryFrom<&ArchivedForm>`. All numbers are little-endian, offsets have 32 bits, nothing is aligned: an archive can be
//! read where it lies. Bytes are only ever read through the checks of `bytecheck`.
//!
//! What one form does not know is its bounds: [`Bounded`] says what a whole message may hold, on both sides.

mod attempt;
mod audit;
mod body;
mod bounds;
mod cluster;
mod conditions;
mod decision;
mod error;
mod execution;
mod health;
mod job;
mod leader;
mod life;
mod log;
mod node;
mod outcome;
mod placement;
mod request;
mod response;
mod schedule;
mod size;
mod timeline;
mod view;
mod worker;

use std::time::Duration;

use rkyv::api::high::{HighSerializer, HighValidator};
use rkyv::bytecheck::CheckBytes;
use rkyv::rancor::BoxedError as ArchiveError;
use rkyv::ser::allocator::ArenaHandle;
use rkyv::{Archive, Portable, Serialize};

pub use attempt::{ArchivedAttemptRangeV1, ArchivedFinishedTasksV1, AttemptRangeV1, FinishedTasksV1};
pub use audit::{ArchivedAuditEntryV1, AuditEntryV1};
pub use bounds::{Bounded, DURATION_MAX, NAME_BYTES_MAX, TEXT_BYTES_MAX};
pub use conditions::{ArchivedConditionsV1, ArchivedJobSpecV2, ConditionsV1, JobSpecV2};
pub use error::WireError;
pub use execution::{ArchivedExecutionV1, ArchivedJobSpecV3, ExecutionV1, JobSpecV3};
pub use job::{ARGUMENTS_BYTES_MAX, ArchivedIndexRangeV1, ArchivedJobSpecV1, IndexRangeV1, JobSpecV1};
pub use leader::{decode_leader_message, encode_leader_message};
pub use node::{ArchivedNodeCapacityV1, ArchivedNodeRoleV1, NodeCapacityV1, NodeRoleV1};
pub use outcome::{ArchivedCostV1, ArchivedOutcomeV1, ArchivedPayloadV1, CostV1, OutcomeV1, PayloadV1};
pub use placement::{ArchivedJobSpecV4, ArchivedNeedsV1, JobSpecV4, NeedsV1};
pub use request::{decode_join, decode_request, encode_request};
pub use response::{decode_response, encode_response};
pub use schedule::{ArchivedRecurrenceV1, RecurrenceV1};
pub use size::{batches, finished_bytes};
pub use worker::{decode_worker_message, encode_worker_message};

/// Alignment of an archive's first byte: any address will do.
pub const ALIGNMENT: usize = 1;

/// What can be archived here.
pub trait Form: for<'a> Serialize<HighSerializer<Vec<u8>, ArenaHandle<'a>, ArchiveError>> {}

impl<T: for<'a> Serialize<HighSerializer<Vec<u8>, ArenaHandle<'a>, ArchiveError>>> Form for T {}

/// The bytes of a form.
pub fn archive(form: &impl Form) -> Result<Vec<u8>, WireError> {
    archive_behind(Vec::new(), form)
}

/// Appends the bytes of a form to `prefix`.
fn archive_behind(prefix: Vec<u8>, form: &impl Form) -> Result<Vec<u8>, WireError> {
    rkyv::api::high::to_bytes_in::<_, ArchiveError>(form, prefix).map_err(|error| WireError::Encode(error.to_string()))
}

/// Reads an archive where it lies. Every byte is checked before it is used.
pub fn read<A, T>(bytes: &[u8], convert: impl FnOnce(&A) -> Result<T, WireError>) -> Result<T, WireError>
where
    A: Portable + for<'a> CheckBytes<HighValidator<'a, ArchiveError>>,
{
    convert(access(bytes)?)
}

/// Turns back each of several forms. Makes room for all of them at once: growing step by step costs more than the rest.
pub fn read_all<'f, F, T>(forms: &'f [F]) -> Result<Vec<T>, WireError>
where
    T: TryFrom<&'f F, Error = WireError>,
{
    // Each form takes bytes of the archive, so that no lying length can make this large.
    let mut all = Vec::with_capacity(forms.len());
    for form in forms {
        all.push(form.try_into()?);
    }
    Ok(all)
}

fn access<A>(bytes: &[u8]) -> Result<&A, WireError>
where
    A: Portable + for<'a> CheckBytes<HighValidator<'a, ArchiveError>>,
{
    rkyv::access::<A, ArchiveError>(bytes).map_err(|error| WireError::Damaged(error.to_string()))
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

/// Mirrors an enum without content. The numbers are the format: none is ever given to another variant.
macro_rules! plain_enum {
    ($(#[$doc:meta])* $vis:vis $form:ident, $archived:ident, $domain:ty { $($variant:ident = $code:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, rkyv::Archive, rkyv::Serialize)]
        #[repr(u8)]
        #[rkyv(attr(doc = "The archived form."))]
        $vis enum $form {
            $(#[doc = "The domain's variant of the same name."] $variant = $code),+
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
