//! Any bytes as a timeline in JSON, and every question to it.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| nexus_echo_fuzz::import(data));
