//! Programs drawn from bytes, run under limits, at every level.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| nexus_mcode_fuzz::run_program(data));
