//! What fuzzing found worth keeping, and some thousand mutations of it, once more on the stable compiler: read or refused,
//! never a panic.

use std::path::Path;

#[path = "../fuzz/src/lib.rs"]
#[expect(unreachable_pub, reason = "the targets call these from another crate")]
mod fuzz;
#[path = "../../mcode/fuzz/mutation.rs"]
mod mutation;

/// Mutated inputs of each target.
const MUTATIONS: usize = 2_000;

/// Runs a target over every input of its corpus, and over mutations of them.
fn each(corpus: &str, target: fn(&[u8])) {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/corpus")).join(corpus);
    let entries = std::fs::read_dir(folder).expect("the corpus is there");
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("the folder can be read").path()).collect();
    paths.sort();
    let inputs: Vec<Vec<u8>> = paths.iter().map(|path| std::fs::read(path).expect("the file can be read")).collect();
    assert!(inputs.len() >= 4, "{corpus} has {} inputs", inputs.len());
    inputs.iter().for_each(|input| target(input));
    let mut choices = mutation::Choices::new(9);
    (0..MUTATIONS).for_each(|_| target(&mutation::mutated(&inputs, fuzz::WORDS, &mut choices)));
}

#[test]
fn networks_of_the_corpus_are_read_or_refused_and_answered_within_bounds() {
    each("bif", fuzz::bif);
}

#[test]
fn models_of_the_corpus_are_read_or_refused_and_answered_within_bounds() {
    each("toml_models", fuzz::toml_models);
}
