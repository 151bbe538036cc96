//! The bytes of version 1, as they were first written: they mean the same for ever, and are what is written today.
//!
//! A file holds a line for each sample: its name and its bytes in hexadecimal digits. A new sample's line is added by
//! `NEXUS_WRITE_FIXTURES=1 cargo test -p nexus-wire --test fixtures`; no line is ever changed.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod samples;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;

use nexus_wire::*;

/// The first kind of messages about the cluster.
const CLUSTER_KINDS: u8 = 64;

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(digits: &str) -> Vec<u8> {
    assert!(digits.len().is_multiple_of(2));
    (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap()).collect()
}

/// The lines of a file; missing ones are written where that was asked for.
fn lines<T>(
    file: &str,
    samples: &[(&str, T)],
    encode: impl Fn(&T) -> Result<Vec<u8>, WireError>,
) -> BTreeMap<String, Vec<u8>> {
    let path = format!("{}/tests/fixtures/{file}-v1.hex", env!("CARGO_MANIFEST_DIR"));
    let mut text = std::fs::read_to_string(&path).unwrap_or_default();
    if std::env::var_os("NEXUS_WRITE_FIXTURES").is_some() {
        for (name, message) in samples {
            if !text.lines().any(|line| line.starts_with(&format!("{name} "))) {
                text += &format!("{name} {}\n", hex(&encode(message).unwrap()));
            }
        }
        std::fs::write(&path, &text).unwrap();
    }
    let line = |line: &str| line.split_once(' ').map(|(name, digits)| (name.to_owned(), unhex(digits))).unwrap();
    text.lines().map(line).collect()
}

/// Each sample has its line and each line its sample, both ways; every kind has a sample, and the next one is unknown.
fn check<T: Debug + PartialEq>(
    file: &str,
    samples: &[(&str, T)],
    encode: impl Fn(&T) -> Result<Vec<u8>, WireError>,
    decode: impl Fn(&[u8]) -> Result<T, WireError>,
) {
    let lines = lines(file, samples, &encode);
    let names: BTreeSet<String> = samples.iter().map(|(name, _)| name.to_string()).collect();
    assert_eq!(lines.keys().cloned().collect::<BTreeSet<String>>(), names, "{file}");
    for (name, message) in samples {
        assert_eq!(decode(&lines[*name]).as_ref(), Ok(message), "{file} {name}");
        assert_eq!(hex(&encode(message).unwrap()), hex(&lines[*name]), "{file} {name} is written differently");
    }
    let kinds: BTreeSet<u8> = lines.values().map(|bytes| bytes[1]).collect();
    // Two rows of numbers: those of this file's own kinds, and those of messages about the cluster.
    for row in [1..CLUSTER_KINDS, CLUSTER_KINDS..u8::MAX] {
        let kinds: BTreeSet<u8> = kinds.range(row.clone()).copied().collect();
        let next = row.start + kinds.len() as u8;
        assert_eq!(kinds, (row.start..next).collect(), "{file}: a sample for every kind");
        assert!(matches!(decode(&[1, next]), Err(WireError::Kind { kind, .. }) if kind == next), "{file} {next}");
    }
}

#[test]
fn requests_of_version_1_mean_what_they_meant() {
    check("request", &samples::requests(), encode_request, decode_request);
}

#[test]
fn responses_of_version_1_mean_what_they_meant() {
    check("response", &samples::responses(), encode_response, decode_response);
}

#[test]
fn worker_messages_of_version_1_mean_what_they_meant() {
    check("worker-message", &samples::worker_messages(), encode_worker_message, decode_worker_message);
}

#[test]
fn leader_messages_of_version_1_mean_what_they_meant() {
    check("leader-message", &samples::leader_messages(), encode_leader_message, decode_leader_message);
}
