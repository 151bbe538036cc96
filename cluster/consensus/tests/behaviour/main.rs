//! What consensus promises to its owner, tested from outside.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod cluster;
mod journal;
mod kill;
mod ledger;
mod memory_network;
mod single_node;
mod trouble;
