//! Any bytes as a join token, or as a name.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| nexus_cluster_fuzz::tokens(data));
