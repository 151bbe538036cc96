//! Every Rust file begins by saying what it is.

use super::{Finding, Workspace};

/// The first line of every file is a `//!` sentence.
pub(super) fn check(workspace: &Workspace) -> Vec<Finding> {
    let silent = |text: &str| text.lines().next().and_then(|line| line.strip_prefix("//! ")).is_none_or(str::is_empty);
    workspace
        .sources()
        .filter(|source| silent(&source.text))
        .map(|source| {
            Finding::new(&source.path, 1, "begin the file with `//!`: what it is, what it is not, who drives it")
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_does_not_say_what_it_is_is_found() {
        let texts = [("a/src/good.rs", "//! Good.\n"), ("a/src/late.rs", "use std::fmt;\n//! Late.\n"), ("b.rs", "")];
        let found: Vec<String> =
            check(&Workspace::from_texts(&texts)).into_iter().map(|finding| finding.file).collect();
        assert_eq!(found, ["a/src/late.rs", "b.rs"]);
    }
}
