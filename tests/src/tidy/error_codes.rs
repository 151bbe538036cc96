//! Every error code that a user can see is documented in its room's table, where `nexus explain` finds it.

use std::collections::BTreeMap;

use super::{Finding, Source, Workspace};

/// The first two letters of codes.
const KINDS: &[&str] = &["MC", "NX", "TE"];
/// Name of the file that is a room's table: codes and explanations.
const TABLE: &str = "/codes.rs";
/// A table by another name: the tensor engine's codes stand beside its errors, whose documentation explains them.
const TENSOR_TABLE: &str = "engine/tensor/src/error.rs";

/// The crate that sees the codes of all others come in, as text, and turns them into exit codes.
const FRONT_END: &str = "nexus";

/// Every code that stands in a string of the code, outside tests, is in exactly one table and belongs to one crate.
pub(super) fn check(workspace: &Workspace) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut tables: BTreeMap<String, &Source> = BTreeMap::new();
    for table in workspace.sources().filter(|source| is_table(source)) {
        for (code, line) in codes(table) {
            let other = *tables.entry(code.clone()).or_insert(table);
            if other.path != table.path {
                let message = format!("{code} is in {} too: take a number that is free", other.path);
                findings.push(Finding::new(&table.path, line, message));
            }
        }
    }
    for source in workspace.sources().filter(|source| !is_table(source)) {
        for (code, line) in codes(source) {
            let message = match tables.get(&code) {
                None => format!("{code} is in no {TABLE}: say there what it means and how to mend it"),
                Some(table) if ![table.crate_folder(), FRONT_END].contains(&source.crate_folder()) => {
                    format!("{code} belongs to {}: use its constant, or take a number that is free", table.path)
                }
                Some(_) => continue,
            };
            findings.push(Finding::new(&source.path, line, message));
        }
    }
    findings
}

fn is_table(source: &Source) -> bool {
    source.path.ends_with(TABLE) || source.path == TENSOR_TABLE
}

/// The codes that stand in strings outside tests, with their lines.
fn codes(source: &Source) -> impl Iterator<Item = (String, usize)> {
    let strings = source.tokens().iter().filter(|token| !source.is_test_line(token.line));
    strings.filter_map(|token| {
        let code = token.text.strip_prefix('"')?.strip_suffix('"')?;
        KINDS.iter().any(|kind| is_code(code, kind)).then(|| (code.to_owned(), token.line))
    })
}

/// Whether `text` is `kind` and four digits.
fn is_code(text: &str, kind: &str) -> bool {
    text.strip_prefix(kind).is_some_and(|digits| digits.len() == 4 && digits.bytes().all(|b| b.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(texts: &[(&str, &str)]) -> Vec<(String, usize)> {
        check(&Workspace::from_texts(texts)).into_iter().map(|finding| (finding.file, finding.line)).collect()
    }

    #[test]
    fn a_code_that_is_in_no_table_is_found() {
        let texts = [
            ("engine/mcode/src/codes.rs", "const T: &[(&str, &str)] = &[(\"MC0101\", \"Why.\")];"),
            ("engine/mcode/src/lexer.rs", "fn f() {\n    e(\"MC0101\");\n    e(\"MC0102\");\n    e(\"MC01\");\n}"),
            ("nexus/src/run.rs", "fn f() { e(\"NX0001\") }\n#[test]\nfn g() { e(\"NX9999\") }"),
        ];
        assert_eq!(found(&texts), [("engine/mcode/src/lexer.rs".to_owned(), 3), ("nexus/src/run.rs".to_owned(), 1)]);
    }

    #[test]
    fn a_code_of_another_crate_is_found() {
        let texts = [
            ("cluster/link/src/codes.rs", "const T: &str = \"NX0201\";"),
            ("cluster/link/src/error.rs", "fn f() { e(\"NX0201\"); }"),
            ("nexus/src/error.rs", "fn f() { e(\"NX0201\"); }"),
            ("actors/src/error.rs", "fn f() { e(\"NX0201\"); }"),
        ];
        assert_eq!(found(&texts), [("actors/src/error.rs".to_owned(), 1)]);
    }

    #[test]
    fn a_code_in_two_tables_is_found() {
        let texts = [
            ("actors/src/codes.rs", "const T: &str = \"NX0501\";"),
            ("nexus/src/cli/codes.rs", "const T: &str = \"NX0501\";"),
        ];
        assert_eq!(found(&texts), [("nexus/src/cli/codes.rs".to_owned(), 1)]);
    }
}
