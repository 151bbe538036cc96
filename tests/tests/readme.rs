//! What the README shows is what the reader will see.

use std::fs;

use nexus_tests::binary::{root, run};

/// The fenced block of the README that begins with `start`, without its fences.
fn block(start: &str) -> String {
    let readme = fs::read_to_string(root().join("README.md")).expect("the README can be read");
    let mut blocks = readme.split("```\n").skip(1).step_by(2);
    let found = blocks.find(|block| block.starts_with(start));
    found.unwrap_or_else(|| panic!("the README has no block that begins with `{start}`")).to_owned()
}

#[test]
fn the_first_command_prints_what_the_readme_shows() {
    let home = tempfile::tempdir().expect("a temporary folder can be made");
    let output = run(home.path(), ["run", "examples/pca.mcode", "--device", "cpu"]);
    let shown = block("pca.mcode · ");
    let (header, answer) = shown.split_once('\n').expect("a header and an answer");
    assert_eq!(String::from_utf8_lossy(&output.stdout), answer);
    // The header goes to stderr; the device and the time in it are the machine's.
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("pca.mcode · cpu (") && header.ends_with(" ms"), "{said}");
}

#[test]
fn the_first_command_is_the_first_block() {
    assert_eq!(block(""), "cargo run --release -p nexus -- run examples/pca.mcode\n");
    assert!(root().join("examples/pca.mcode").exists());
}
