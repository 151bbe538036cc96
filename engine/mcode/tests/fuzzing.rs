//! The fuzz targets on the stable compiler: the corpus and some thousand mutations of it, the same in every run.
//!
//! `fuzz/run` searches for longer and is led by coverage; what it finds goes into `fuzz/corpus` and is replayed here.

use std::path::PathBuf;

#[expect(unreachable_pub, reason = "the fuzz targets have it as a library of its own")]
#[path = "../fuzz/src/lib.rs"]
mod fuzz;
#[path = "../fuzz/mutation.rs"]
mod mutation;

use mutation::Choices;

/// Mutated inputs of each target.
const MUTATIONS: usize = 3_000;

fn folder(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// Every file of a folder whose name ends so, by name.
fn files(name: &str, ending: &str) -> Vec<Vec<u8>> {
    let entries = std::fs::read_dir(folder(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("the folder can be listed").path()).collect();
    paths.retain(|path| path.to_string_lossy().ends_with(ending));
    paths.sort();
    paths.iter().map(|path| std::fs::read(path).expect("the file can be read")).collect()
}

/// Texts to begin with: what was found, the programs of the tests, and the examples.
fn texts(target: &str) -> Vec<Vec<u8>> {
    let mut texts = files(&format!("fuzz/corpus/{target}"), "");
    texts.extend(files("tests/programs", ".mcode"));
    texts.extend(files("../../examples", ".mcode").into_iter().filter(|text| text.len() < 600));
    texts
}

/// Hands every input and its mutations to a target; one that panics is shown first.
fn feed(inputs: Vec<Vec<u8>>, seed: u64, target: fn(&[u8])) {
    assert!(!inputs.is_empty());
    let mut choices = Choices::new(seed);
    let mutations: Vec<Vec<u8>> =
        (0..MUTATIONS).map(|_| mutation::mutated(&inputs, fuzz::WORDS, &mut choices)).collect();
    for input in inputs.iter().chain(&mutations) {
        if std::panic::catch_unwind(|| target(input)).is_err() {
            panic!("the input is {:?}", String::from_utf8_lossy(input));
        }
    }
}

#[test]
fn any_text_is_read_and_formatted_once() {
    feed(texts("read"), 1, fuzz::read);
}

#[test]
fn any_text_is_checked() {
    feed(texts("check"), 2, fuzz::check);
}

#[test]
fn any_text_that_compiles_runs_under_its_limits() {
    feed(texts("run_text"), 3, fuzz::run_text);
}

#[test]
fn drawn_programs_run_at_every_level() {
    let mut choices = Choices::new(4);
    let mut inputs = files("fuzz/corpus/run_program", "");
    inputs.extend((0..40).map(|_| (0..choices.next(400)).map(|_| choices.next(256) as u8).collect()));
    let refused: Vec<String> = inputs
        .iter()
        .map(|bytes| fuzz::program(bytes))
        .filter_map(|source| {
            let found = nexus_mcode::compile("drawn.mcode", &source);
            let first = found.diagnostics.into_iter().find(|_| found.program.is_none())?;
            Some(format!("{} {}", first.code, first.message))
        })
        .collect();
    assert!(refused.len() * 2 < inputs.len(), "most drawn programs are programs, but {refused:#?}");
    feed(inputs, 5, fuzz::run_program);
}

#[test]
fn the_dictionary_has_the_words() {
    let text = std::fs::read_to_string(folder("fuzz/mcode.dict")).expect("the dictionary can be read");
    let quoted = |word: &&str| {
        let escaped = word.bytes().map(|byte| match byte {
            b'"' | b'\\' => format!("\\{}", char::from(byte)),
            b' '..=b'~' => char::from(byte).to_string(),
            _ => format!("\\x{byte:02x}"),
        });
        format!("\"{}\"", escaped.collect::<String>())
    };
    let words: Vec<String> = fuzz::WORDS.iter().map(quoted).collect();
    let found: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
    assert_eq!(found, words);
}
