//! The fuzz targets on the stable compiler: the corpus and some thousand mutations of it, the same in every run.
//!
//! `fuzz/run` searches for longer and is led by coverage; what it finds goes into `fuzz/corpus` and is replayed here.

use std::path::PathBuf;

#[path = "../fuzz/src/lib.rs"]
#[expect(unreachable_pub, reason = "the targets call these from another crate")]
mod fuzz;

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

/// A generator of choices (Marsaglia's xorshift64*): the same seed, the same choices.
struct Choices(u64);

impl Choices {
    fn next(&mut self, below: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % below.max(1)
    }
}

/// One of the inputs with up to four changes: a piece cut out or doubled, a byte changed, or a word put in.
fn mutated(inputs: &[Vec<u8>], choices: &mut Choices) -> Vec<u8> {
    let mut bytes = inputs[choices.next(inputs.len())].clone();
    for _ in 0..=choices.next(4) {
        let at = choices.next(bytes.len() + 1);
        let end = (at + choices.next(12)).min(bytes.len());
        match choices.next(4) {
            0 => drop(bytes.drain(at..end)),
            1 => {
                let piece = bytes[at..end].to_vec();
                bytes.splice(at..at, piece);
            }
            2 if !bytes.is_empty() => {
                let place = at.min(bytes.len() - 1);
                bytes[place] = choices.next(256) as u8;
            }
            _ => drop(bytes.splice(at..end, fuzz::WORDS[choices.next(fuzz::WORDS.len())].bytes())),
        }
    }
    bytes
}

fn feed(target: &str, run: fn(&[u8])) {
    let inputs = corpus(target);
    assert!(!inputs.is_empty());
    inputs.iter().for_each(|input| run(input));
    let mut choices = Choices(0x9e37_79b9_7f4a_7c15);
    for _ in 0..MUTATIONS {
        run(&mutated(&inputs, &mut choices));
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
