//! A module is named for what it holds.

use super::{Finding, Workspace};

/// Names that say nothing.
const BANNED: &[&str] = &["util", "utils", "common", "helper", "helpers", "misc", "manager", "v2", "stuff", "impls"];

/// No module or file has a name of [`BANNED`].
pub(super) fn check(workspace: &Workspace) -> Vec<Finding> {
    let message = |name: &str| format!("`{name}` says nothing: name the module for what it holds");
    let mut findings = Vec::new();
    for source in workspace.sources() {
        let parts = source.path.trim_end_matches(".rs").split('/');
        for part in parts.filter(|part| BANNED.contains(part)) {
            findings.push(Finding::new(&source.path, 0, message(part)));
        }
        for (name, line) in source.modules().iter().filter(|(name, _)| BANNED.contains(&name.as_str())) {
            findings.push(Finding::new(&source.path, *line, message(name)));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_say_nothing_are_found() {
        let texts = [("a/src/utils/b.rs", ""), ("a/src/lib.rs", "mod id;\nmod helpers;"), ("a/src/idle.rs", "")];
        let found: Vec<(String, usize)> =
            check(&Workspace::from_texts(&texts)).into_iter().map(|finding| (finding.file, finding.line)).collect();
        assert_eq!(found, [("a/src/lib.rs".to_owned(), 2), ("a/src/utils/b.rs".to_owned(), 0)]);
    }
}
