//! What fuzzing the cluster's readers found worth keeping, once more on the stable compiler: read or refused, never a panic.

use std::path::Path;

#[path = "../../cluster/fuzz/src/lib.rs"]
#[expect(unreachable_pub, reason = "the targets call these from another crate")]
mod fuzz;

/// Runs a target over every input of its corpus.
fn each(corpus: &str, target: fn(&[u8])) {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../cluster/fuzz/corpus")).join(corpus);
    let mut count = 0;
    for entry in std::fs::read_dir(folder).expect("the corpus is there") {
        target(&std::fs::read(entry.expect("the folder can be read").path()).expect("the file can be read"));
        count += 1;
    }
    assert!(count >= 4, "{corpus} has {count} inputs");
}

#[test]
fn frames_of_the_corpus_are_read_or_refused() {
    each("frames", fuzz::frames);
}

#[test]
fn messages_of_the_corpus_are_read_or_refused_and_written_again() {
    each("messages", fuzz::messages);
}

#[test]
fn entries_and_snapshots_of_the_corpus_are_applied_or_refused() {
    each("ledger", fuzz::ledger);
}

#[test]
fn tokens_of_the_corpus_are_read_or_refused() {
    each("tokens", fuzz::tokens);
}
