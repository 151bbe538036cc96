//! A source that the rules cannot read holds nothing: it must parse.

use super::{Finding, Workspace};

/// Every Rust file parses.
pub(super) fn check(workspace: &Workspace) -> Vec<Finding> {
    let unreadable = |source: &super::Source| {
        source.error.as_ref().map(|(line, error)| Finding::new(&source.path, *line, format!("does not parse: {error}")))
    };
    workspace.sources().filter_map(unreadable).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_that_does_not_parse_is_found() {
        let found = check(&Workspace::from_texts(&[("a/src/b.rs", "fn f() {}\nfn g( {}")]));
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].line, 2);
    }
}
