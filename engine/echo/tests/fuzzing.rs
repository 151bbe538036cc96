//! The fuzz targets on the stable compiler: the corpus and some thousand mutations of it, the same in every run.
//!
//! `fuzz/run` searches for longer and is led by coverage; what it finds goes into `fuzz/corpus` and is replayed here.

use std::path::PathBuf;

#[path = "../fuzz/src/lib.rs"]
#[expect(unreachable_pub, reason = "the targets call these from another crate")]
mod fuzz;
#[path = "../../mcode/fuzz/mutation.rs"]
mod mutation;

/// Mutated inputs of each target.
const MUTATIONS: usize = 3_000;

/// Every file of a target's corpus, by name.
fn corpus(target: &str) -> Vec<Vec<u8>> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let entries = std::fs::read_dir(&folder).expect("the corpus is there");
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("the folder can be listed").path()).collect();
    paths.sort();
    paths.iter().map(|path| std::fs::read(path).expect("the file can be read")).collect()
}

fn feed(target: &str, run: fn(&[u8])) {
    let inputs = corpus(target);
    assert!(!inputs.is_empty());
    inputs.iter().for_each(|input| run(input));
    let mut choices = mutation::Choices::new(0x9e37_79b9_7f4a_7c15);
    for _ in 0..MUTATIONS {
        run(&mutation::mutated(&inputs, fuzz::WORDS, &mut choices));
    }
}

#[test]
fn any_bytes_are_a_timeline_or_are_refused() {
    feed("import", fuzz::import);
}

#[test]
fn any_bytes_are_edits_or_are_refused() {
    feed("edits", fuzz::edits);
}
