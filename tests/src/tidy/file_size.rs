//! A file is about 100–400 lines; 500 is the end.

use super::{Finding, Workspace};

/// The most lines of a Rust file.
const LINES_MAX: usize = 500;

/// No file is longer than [`LINES_MAX`].
pub(super) fn check(workspace: &Workspace) -> Vec<Finding> {
    let mut findings = Vec::new();
    for source in workspace.sources() {
        let lines = source.text.lines().count();
        if lines > LINES_MAX {
            let message = format!("{lines} lines; the most is {LINES_MAX}: give each main type its own file");
            findings.push(Finding::new(&source.path, 0, message));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_file_is_found() {
        let [fits, long] = [LINES_MAX, LINES_MAX + 1].map(|lines| "//! Line.\n".repeat(lines));
        let found = check(&Workspace::from_texts(&[("a/src/fits.rs", &fits), ("a/src/long.rs", &long)]));
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].file, "a/src/long.rs");
    }
}
