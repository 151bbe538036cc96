//! Whose an idempotency key is.
//!
//! A key is the user's who submits with it: two people who call their jobs alike do not get each other's. The machines of a
//! cluster are one user in this: whoever asks again through another machine, as the first does not answer, means the same job.

/// Most bytes of an idempotency key.
pub const KEY_BYTES_MAX: usize = 256;
/// In front of a key that is the machines'. No one's own key begins with it.
pub const MACHINES_KEY: char = '\0';

/// The user under whom a key is kept; nobody is called as the machines are.
pub(crate) fn owner_of_key<'a>(user: &'a str, key: &str) -> &'a str {
    if key.starts_with(MACHINES_KEY) { "" } else { user }
}
