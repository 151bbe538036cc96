//! Any bytes as a model in TOML, and as a circuit.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| nexus_qlogik_fuzz::toml_models(data));
