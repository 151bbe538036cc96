//! Identities. Each prints with its prefix (`job-7`), parses what it prints and also the bare number, and is never
//! reused within a cluster.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Text that is not the identity that was asked for. Nothing changed; a corrected text may succeed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{text}` is not a {what} (write it like `{example}`)")]
pub struct ParseIdError {
    text: String,
    what: &'static str,
    example: &'static str,
}

macro_rules! number_id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal, $what:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub u64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "-{}"), self.0)
            }
        }

        impl FromStr for $name {
            type Err = ParseIdError;

            fn from_str(text: &str) -> Result<Self, ParseIdError> {
                let digits = text.strip_prefix(concat!($prefix, "-")).unwrap_or(text);
                let plain = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
                match digits.parse() {
                    Ok(number) if plain => Ok($name(number)),
                    _ => Err(ParseIdError { text: text.to_owned(), what: $what, example: concat!($prefix, "-7") }),
                }
            }
        }
    };
}

number_id!(
    /// A submitted job. Given by the ledger in the order of acceptance, from 1.
    JobId, "job", "job id"
);
number_id!(
    /// A schedule of jobs. Given by the ledger, from 1, never reused.
    ScheduleId, "schedule", "schedule id"
);
number_id!(
    /// A member of the cluster. Given by the ledger, from 1, never reused, also not after the node is forgotten.
    NodeId, "node", "node id"
);
number_id!(
    /// The fence around one attempt of a task: the index of the log entry that assigned it. A later attempt has a larger
    /// token; a result that comes with any token but the current one is stale.
    AttemptToken, "attempt", "attempt token"
);

/// One task of a job: its index in the array (0 for a job that is no array).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TaskId {
    /// The job.
    pub job: JobId,
    /// The index in the job's array, from its first index on.
    pub index: u32,
}

impl fmt::Display for TaskId {
    /// `17/112`: the form that the commands print and accept.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.job.0, self.index)
    }
}

impl FromStr for TaskId {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, ParseIdError> {
        let error = || ParseIdError { text: text.to_owned(), what: "task id", example: "17/112" };
        let (job, index) = text.split_once('/').ok_or_else(error)?;
        Ok(TaskId { job: job.parse().map_err(|_| error())?, index: index.parse().map_err(|_| error())? })
    }
}

/// The BLAKE3 digest of a blob's content, which is also its address. Prints as 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct BlobHash(pub [u8; 32]);

impl fmt::Display for BlobHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for BlobHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl FromStr for BlobHash {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, ParseIdError> {
        let error = || ParseIdError {
            text: text.to_owned(),
            what: "blob hash",
            example: "64 hexadecimal digits, like af1349b9…",
        };
        if text.len() != 64 || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(error());
        }
        let mut bytes = [0; 32];
        for (i, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&text[2 * i..2 * i + 2], 16).map_err(|_| error())?;
        }
        Ok(BlobHash(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_parse_what_they_print_and_the_bare_number() {
        assert_eq!("job-7".parse(), Ok(JobId(7)));
        assert_eq!("7".parse(), Ok(JobId(7)));
        assert_eq!(JobId(7).to_string(), "job-7");
        assert_eq!("17/112".parse(), Ok(TaskId { job: JobId(17), index: 112 }));
        let hash = BlobHash([0xab; 32]);
        assert_eq!(hash.to_string().parse(), Ok(hash));
    }

    #[test]
    fn what_is_no_id_is_refused_with_an_example() {
        for text in ["", "job-", "node-7", "+7", "-7", "7.0", "99999999999999999999999"] {
            let error = text.parse::<JobId>().unwrap_err().to_string();
            assert!(error.contains("job-7"), "{error}");
        }
        assert!("17".parse::<TaskId>().is_err());
        assert!("é".repeat(32).parse::<BlobHash>().is_err());
    }
}
