//! The job files of the fuzzing corpus, submitted through the binary: accepted or refused with a sentence and a code.

use std::path::Path;

use nexus_tests::node::Node;

#[test]
fn job_files_of_the_corpus_are_accepted_or_refused_with_a_sentence() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let node = Node::start(&folder.path().join("home"), &[]);
    // What is accepted is not to run.
    node.json(&["node", "drain"]);
    let corpus = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../cluster/fuzz/corpus/job_files"));
    let (mut accepted, mut refused) = (0, 0);
    for entry in std::fs::read_dir(corpus).expect("the corpus is there") {
        let path = entry.expect("the folder can be read").path();
        let output = node.nexus(&["submit", &path.display().to_string()]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!said.contains("panicked"), "{}: {said}", path.display());
        match output.status.code() {
            Some(0) => accepted += 1,
            Some(1..=3) => {
                assert!(said.contains("error["), "{}: {said}", path.display());
                refused += 1;
            }
            other => panic!("{} ended with {other:?}: {said}", path.display()),
        }
    }
    assert!(accepted >= 2 && refused >= 2, "{accepted} were accepted, {refused} refused");
}
