//! Any bytes as a network in BIF.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| nexus_qlogik_fuzz::bif(data));
