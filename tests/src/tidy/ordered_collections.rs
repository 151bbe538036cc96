//! Where order can be seen (bytes on the wire, the replicated state), collections are ordered.

use super::{Finding, Workspace};

/// Folders whose output must be the same on every node, for ever.
const ORDERED: &[&str] = &["cluster/wire/src/", "cluster/ledger/src/", "engine/scheduler/src/", "engine/model/src/"];
/// Collections whose order changes from run to run.
const UNORDERED: &[&str] = &["HashMap", "HashSet"];

/// No hash map or set is named in an ordered room, but in its tests.
pub(super) fn check(workspace: &Workspace) -> Vec<Finding> {
    let mut findings = Vec::new();
    for source in workspace.sources().filter(|source| ORDERED.iter().any(|room| source.path.starts_with(room))) {
        for name in UNORDERED {
            for line in source.lines_with(name).into_iter().filter(|&line| !source.is_test_line(line)) {
                let message = format!("`{name}` has no order, and order can be seen here: use the BTree one");
                findings.push(Finding::new(&source.path, line, message));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hash_maps_in_ordered_rooms_are_found() {
        let text = "use std::collections::{BTreeMap, HashMap};\n";
        let texts = [("cluster/ledger/src/a.rs", text), ("nexus/src/a.rs", text), ("cluster/wire/tests/a.rs", text)];
        let found: Vec<String> =
            check(&Workspace::from_texts(&texts)).into_iter().map(|finding| finding.file).collect();
        assert_eq!(found, ["cluster/ledger/src/a.rs"]);
    }
}
