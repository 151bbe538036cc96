//! Any bytes as a program: lexer, parser, formatter, syntax tree.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| nexus_mcode_fuzz::read(data));
