//! Any bytes as a message of each kind.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| nexus_cluster_fuzz::messages(data));
