//! Any bytes as a list of edits of a timeline, with its branches, positions and hashes.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| nexus_echo_fuzz::edits(data));
