//! What the tests of the whole project share: the house rules as code ([`tidy`]), the `nexus` binary as its users run it
//! ([`binary`]), nodes as processes ([`node`]), and the golden results of the examples ([`golden`]).
//!
//! No product code depends on this crate. The tests themselves are in `tests/tests/`, one file a concern.

pub mod binary;
pub mod cluster;
#[cfg(target_os = "linux")]
pub mod disk;
pub mod golden;
#[cfg(target_os = "linux")]
pub mod network;
pub mod node;
pub mod port;
pub mod tidy;
