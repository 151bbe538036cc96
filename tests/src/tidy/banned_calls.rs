//! Calls that the house does not make, each with what to do instead.

use super::{Finding, Workspace};

/// Where a ban holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Everywhere,
    Tests,
    OutsideTests,
}

/// What may not be written: Rust tokens, where, and what to do instead.
const BANS: &[(&str, Place, &str)] = &[
    ("do_send", Place::Everywhere, "`do_send` ignores the mailbox's bound: use `try_send` and answer `Busy`"),
    ("unbounded_channel", Place::Everywhere, "every queue has a bound: use `channel(NAMED_CONSTANT)`"),
    ("UnboundedSender", Place::Everywhere, "every queue has a bound: use `channel(NAMED_CONSTANT)`"),
    ("mpsc::unbounded", Place::Everywhere, "every queue has a bound: use `channel(NAMED_CONSTANT)`"),
    ("std::sync::mpsc::channel", Place::Everywhere, "every queue has a bound: use `sync_channel(NAMED_CONSTANT)`"),
    ("thread::sleep", Place::Tests, "no sleeps in tests: wait for the condition"),
    ("time::sleep", Place::Tests, "no sleeps in tests: wait for the condition"),
    (".unwrap()", Place::OutsideTests, "return the error, or say `expect(\"why this cannot fail\")`"),
    ("todo!", Place::Everywhere, "finish it, or leave it out"),
    ("unimplemented!", Place::Everywhere, "finish it, or leave it out"),
    ("#[allow", Place::Everywhere, "write `#[expect(lint, reason = \"…\")]`: it says when it is no longer needed"),
    ("#![allow", Place::Everywhere, "write `#![expect(lint, reason = \"…\")]`: it says when it is no longer needed"),
    ("#[ignore", Place::Tests, "a test that does not run is a defect: make it pass or delete it"),
];

/// None of the banned calls is made where its ban holds.
pub(super) fn check(workspace: &Workspace) -> Vec<Finding> {
    let mut findings = Vec::new();
    for source in workspace.sources() {
        for (pattern, place, instead) in BANS {
            let mut lines = source.lines_with(pattern);
            // `use tokio::{time::{self, sleep}}` hides the words from each other.
            lines.extend(source.imports().iter().filter(|(name, _)| ends_with(name, pattern)).map(|(_, line)| *line));
            lines.sort_unstable();
            lines.dedup();
            for line in lines {
                let holds = match place {
                    Place::Everywhere => true,
                    Place::Tests => source.is_test_line(line),
                    Place::OutsideTests => !source.is_test_line(line),
                };
                if holds {
                    findings.push(Finding::new(&source.path, line, format!("`{pattern}`: {instead}")));
                }
            }
        }
    }
    findings
}

/// Whether an import written out ends in the whole of `pattern`.
fn ends_with(import: &str, pattern: &str) -> bool {
    import.strip_suffix(pattern).is_some_and(|rest| rest.is_empty() || rest.ends_with("::"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(path: &str, text: &str) -> Vec<usize> {
        check(&Workspace::from_texts(&[(path, text)])).into_iter().map(|finding| finding.line).collect()
    }

    #[test]
    fn banned_calls_are_found() {
        for call in [
            "addr.do_send(m)",
            "let (a, b) = mpsc::unbounded_channel()",
            "futures::channel::mpsc::unbounded()",
            "x.unwrap()",
            "todo!()",
            "unimplemented!(\"later\")",
        ] {
            assert_eq!(lines("a/src/b.rs", &format!("fn f() {{\n{call};\n}}")), [2], "{call}");
        }
        assert_eq!(lines("a/src/b.rs", "#[allow(dead_code)]\nfn f() {}"), [1]);
    }

    #[test]
    fn sleeps_are_found_in_tests_only() {
        let text = "fn f() {\n    std::thread::sleep(d);\n    tokio::time::sleep(d);\n}";
        assert_eq!(lines("a/tests/b.rs", text), [2, 3]);
        assert_eq!(lines("a/src/b.rs", text), Vec::<usize>::new());
        assert_eq!(lines("a/tests/b.rs", "use tokio::{task, time::{self, sleep}};"), [1]);
    }

    #[test]
    fn unwrap_is_fine_in_tests() {
        assert_eq!(lines("a/src/b.rs", "#[test]\nfn f() {\n    x.unwrap();\n}"), Vec::<usize>::new());
        assert_eq!(lines("a/src/b.rs", "fn f() {\n    x.unwrap_or(1);\n}"), Vec::<usize>::new());
    }
}
