//! Whose an idempotency key is.
//!
//! A key is the user's who submits with it: two people who call their jobs alike do not get each other's. The machines of a
//! cluster are one user in this: whoever asks again through another machine, as the first does not answer, means the same job.

use nexus_wire::ProtocolVersion;

use crate::command::Command;

/// Most bytes of an idempotency key.
pub const KEY_BYTES_MAX: usize = 256;
/// In front of a key that is the machines'. No one's own key begins with it.
pub const MACHINES_KEY: char = '\0';

/// The user under whom a key is kept, and the key; nobody is called as the machines are. Before the version that knows of the
/// machines' keys all are the users'.
pub(crate) fn owner_of_key<'a>(protocol: ProtocolVersion, user: &'a str, key: &'a str) -> (&'a str, &'a str) {
    match key.strip_prefix(MACHINES_KEY).filter(|_| protocol >= Command::BEGUN) {
        Some(key) => ("", key),
        None => (user, key),
    }
}
