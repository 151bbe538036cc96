//! Any bytes as a program: names, types, code, and what an editor asks.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| nexus_mcode_fuzz::check(data));
