//! Any bytes as entries of the log, or as a snapshot.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| nexus_cluster_fuzz::ledger(data));
