//! Every error code that a user can see is documented in the one table of its kind, where `nexus explain` finds it.

use std::collections::BTreeMap;

use super::{Finding, Source, Workspace};

/// The first two letters of a code, and the files that hold its tables: code and explanation.
const TABLES: &[(&str, &[&str])] = &[
    ("MC", &["engine/mcode/src/codes.rs"]),
    (
        "NX",
        &["actors/src/codes.rs", "cluster/blobs/src/codes.rs", "cluster/link/src/codes.rs", "nexus/src/cli/codes.rs"],
    ),
    ("TE", &["engine/tensor/src/error.rs"]),
];

/// Every code that stands in a string of the code, outside tests, is in exactly one table and belongs to one crate.
pub(super) fn check(workspace: &Workspace) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut owners: BTreeMap<&str, &Source> = BTreeMap::new();
    for source in workspace.sources() {
        for token in source.tokens().iter().filter(|token| !source.is_test_line(token.line)) {
            let Some(code) = token.text.strip_prefix('"').and_then(|text| text.strip_suffix('"')) else { continue };
            let Some((_, tables)) = TABLES.iter().find(|(kind, _)| is_code(code, kind)) else { continue };
            let mut report = |message| findings.push(Finding::new(&source.path, token.line, message));
            let holds = |table: &&&str| workspace.source(table).is_some_and(|table| table.has_token(&token.text));
            let documented: Vec<&&str> = tables.iter().filter(holds).collect();
            if tables.contains(&source.path.as_str()) {
                if documented.len() > 1 {
                    report(format!("{code} is in two tables, {documented:?}: take a number that is free"));
                }
                continue;
            }
            if documented.is_empty() {
                let tables = tables.join(" or ");
                report(format!("{code} is not in {tables}: say there what it means and how to mend it"));
            }
            let owner = *owners.entry(code).or_insert(source);
            if owner.crate_folder() != source.crate_folder() {
                report(format!("{code} belongs to {}: take a number that is free, or its constant", owner.path));
            }
        }
    }
    findings
}

/// Whether `text` is `kind` and four digits.
fn is_code(text: &str, kind: &str) -> bool {
    text.strip_prefix(kind).is_some_and(|digits| digits.len() == 4 && digits.bytes().all(|b| b.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_that_is_in_no_table_is_found() {
        let texts = [
            ("engine/mcode/src/codes.rs", "const T: &[(&str, &str)] = &[(\"MC0101\", \"Why.\")];"),
            ("engine/mcode/src/lexer.rs", "fn f() {\n    e(\"MC0101\");\n    e(\"MC0102\");\n    e(\"MC01\");\n}"),
            ("nexus/src/run.rs", "fn f() { e(\"NX0001\") }\n#[test]\nfn g() { e(\"NX9999\") }"),
        ];
        let found: Vec<(String, usize)> =
            check(&Workspace::from_texts(&texts)).into_iter().map(|finding| (finding.file, finding.line)).collect();
        assert_eq!(found, [("engine/mcode/src/lexer.rs".to_owned(), 3), ("nexus/src/run.rs".to_owned(), 1)]);
    }

    #[test]
    fn a_code_that_two_crates_use_is_found() {
        let texts = [
            ("actors/src/codes.rs", "const T: &str = \"NX0201\";"),
            ("cluster/link/src/error.rs", "fn f() { e(\"NX0201\"); }"),
            ("cluster/link/src/other.rs", "fn f() { e(\"NX0201\"); }"),
            ("nexus/src/error.rs", "fn f() { e(\"NX0201\"); }"),
        ];
        let found: Vec<String> =
            check(&Workspace::from_texts(&texts)).into_iter().map(|finding| finding.file).collect();
        assert_eq!(found, ["nexus/src/error.rs"]);
    }

    #[test]
    fn a_code_in_two_tables_is_found() {
        let texts = [
            ("actors/src/codes.rs", "const T: &str = \"NX0501\";"),
            ("nexus/src/cli/codes.rs", "const T: &str = \"NX0501\";"),
        ];
        assert_eq!(check(&Workspace::from_texts(&texts)).len(), 2);
    }
}
