//! Why the bytes of an input are not there, and how a worker tells the leader which are lost: in the failure of the task that
//! needs them, from which the leader reads it again (`scheduler/release.rs`).

use nexus_ledger::INPUT_LOST;
use nexus_model::{BlobHash, Failure};
use thiserror::Error;

use super::task::failure;
use crate::codes;

/// What stands before the blob in the failure, which ends with it.
const LOST: &str = "no node has its blob any more: ";

/// Bytes that cannot be had.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum LoadError {
    /// Every member was asked, and none has the blob. Another try gives the same until it is made again.
    #[error("{LOST}{0}")]
    Lost(BlobHash),
    /// It may be there, and cannot be read now. Another try may help.
    #[error("{0}")]
    Unreadable(String),
}

impl LoadError {
    /// The failure of a task that needs this input.
    pub(super) fn failure(&self, input: &str) -> Failure {
        let code = match self {
            LoadError::Lost(_) => INPUT_LOST,
            LoadError::Unreadable(_) => codes::INPUT_UNREADABLE,
        };
        Failure { retryable: true, ..failure(code, format!("the input `{input}` cannot be read: {self}")) }
    }
}

/// Which blob is lost, where that is why a task failed.
pub(crate) fn lost_blob(failure: &Failure) -> Option<BlobHash> {
    let (_, blob) = failure.message.rsplit_once(LOST).filter(|_| failure.code == INPUT_LOST)?;
    blob.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_leader_reads_which_blob_is_lost_from_the_failure() {
        let blob = BlobHash([0xab; 32]);
        let lost = LoadError::Lost(blob).failure("x: no node has its blob any more: y");
        assert_eq!((lost_blob(&lost), lost.retryable), (Some(blob), true));
        let unreadable = LoadError::Unreadable(format!("{LOST}{blob}")).failure("x");
        assert_eq!(lost_blob(&unreadable), None, "only where it is known");
        assert_eq!(lost_blob(&Failure { message: "no blob".to_owned(), ..lost }), None);
    }
}
