//! What is true only on the machine where it was written stays out of the tree.

use super::{Finding, Workspace};

/// Beginnings of absolute paths that exist on some machines only, and the schemes of registries' mirrors.
const MACHINE: &[&str] = &["/work/", "/root/", "/home/", "/Users/", "/tmp/"];
/// Files that name such paths because they are about them.
const ABOUT_PATHS: &[&str] = &["tests/src/tidy/machine_paths.rs"];
/// What a path that is meant may follow: a word boundary is a quote, white space, a bracket or an equals sign.
const BEFORE: &[char] = &['"', '\'', '`', ' ', '\t', '(', '[', '<', '=', ':', ','];

/// No text file names an absolute path of a machine.
pub(super) fn check(workspace: &Workspace) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in workspace.texts().filter(|(path, _)| !ABOUT_PATHS.contains(path)) {
        for (index, line) in text.lines().enumerate() {
            for found in MACHINE.iter().filter(|found| names(line, found)) {
                let message =
                    format!("`{found}…` exists on some machines only: use a relative path or `std::env::temp_dir`");
                findings.push(Finding::new(path, index + 1, message));
            }
        }
    }
    findings
}

fn names(line: &str, path: &str) -> bool {
    line.match_indices(path).any(|(at, _)| line[..at].chars().next_back().is_none_or(|before| BEFORE.contains(&before)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_of_one_machine_are_found() {
        let text = "a/tmp/b\nopen(\"/tmp/x\")\nHOME=/root/a\nhttps://example.org/home/page\n/work/main";
        let found: Vec<usize> =
            check(&Workspace::from_texts(&[("run", text)])).into_iter().map(|finding| finding.line).collect();
        assert_eq!(found, [2, 3, 5]);
    }
}
