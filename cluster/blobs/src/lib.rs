//! Content-addressed storage of one node: immutable byte strings under their BLAKE3 hash, on disk, the small and recent
//! ones also in memory. It is not a network: pieces from other nodes are brought by actors and checked here.
//!
//! All calls block on the disk: callers use a thread that may block. One process at a time uses a directory.

mod cache;
mod checked;
mod codes;
mod disk;
mod error;
mod gathering;
mod incoming;
mod outline;
mod store;
mod unused;

pub use codes::EXPLANATIONS;
pub use error::BlobError;
pub use gathering::Gathering;
pub use incoming::Incoming;
pub use outline::{OUTLINE_PIECES_MAX, Outline, PIECE_BYTES};
pub use store::{BlobStore, INCOMING_MAX};
pub use unused::Collected;
