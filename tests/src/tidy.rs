//! The house rules as code: each rule reads the whole source tree as text and says what breaks it, where, and what to
//! do instead.
//!
//! Rules are plain functions over a [`Workspace`]; `tests/tests/tidy.rs` runs each one on the real tree, and each rule's
//! own file proves on a bad sample that it fires. The only way around a rule is a line in [`WAIVERS`], with its reason;
//! a waiver that is no longer needed is itself an error.

mod banned_calls;
mod error_codes;
mod file_size;
mod function_length;
mod heavy_crates;
mod inheritance;
mod laws;
mod layering;
mod machine_paths;
mod manifest;
mod module_docs;
mod module_names;
mod ordered_collections;
mod purity;
mod scenarios;
mod source;
mod syntax;
mod waivers;
mod workspace;

use std::fmt;

pub use manifest::{Dependency, DependencyKind, Manifest};
pub use source::Source;
pub use waivers::{WAIVERS, Waiver};
pub use workspace::Workspace;

/// One thing that breaks a rule.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// Path from the root of the repository, with forward slashes.
    pub file: String,
    /// Line from 1; 0 where the file as a whole is meant.
    pub line: usize,
    /// What is wrong and what to do.
    pub message: String,
}

impl Finding {
    /// A finding at a line.
    pub fn new(file: &str, line: usize, message: impl Into<String>) -> Self {
        Finding { file: file.to_owned(), line, message: message.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}: {}", self.file, self.message),
            line => write!(f, "{}:{line}: {}", self.file, self.message),
        }
    }
}

/// A house rule.
#[derive(Debug, Clone, Copy)]
pub struct Rule {
    /// Its name, also that of its test.
    pub name: &'static str,
    /// Finds what breaks it.
    pub check: fn(&Workspace) -> Vec<Finding>,
}

/// Every rule, by name.
pub const RULES: &[Rule] = &[
    Rule { name: "arrows_between_crates_point_one_way", check: layering::check },
    Rule { name: "banned_calls_are_not_made", check: banned_calls::check },
    Rule { name: "crates_inherit_from_the_workspace", check: inheritance::check },
    Rule { name: "error_codes_are_documented", check: error_codes::check },
    Rule { name: "files_are_short", check: file_size::check },
    Rule { name: "files_say_what_they_are", check: module_docs::check },
    Rule { name: "functions_fit_a_screen", check: function_length::check },
    Rule { name: "heavy_crates_have_one_owner", check: heavy_crates::check },
    Rule { name: "laws_name_their_tests", check: laws::check },
    Rule { name: "machine_paths_stay_out", check: machine_paths::check },
    Rule { name: "modules_are_named_for_what_they_hold", check: module_names::check },
    Rule { name: "order_is_kept_where_it_can_be_seen", check: ordered_collections::check },
    Rule { name: "pure_crates_are_pure", check: purity::check },
    Rule { name: "scenarios_name_their_tests", check: scenarios::check },
    Rule { name: "sources_can_be_read", check: syntax::check },
];

/// Runs one rule and takes off what is waived. A waiver of this rule that nothing needs is a finding too.
pub fn check(rule: &Rule, workspace: &Workspace, waivers: &[Waiver]) -> Vec<Finding> {
    let mut findings = (rule.check)(workspace);
    for waiver in waivers.iter().filter(|waiver| waiver.rule == rule.name) {
        let before = findings.len();
        findings.retain(|finding| !waiver.covers(finding, workspace));
        if findings.len() == before {
            let message = format!("the waiver of `{}` is no longer needed: delete it from WAIVERS", rule.name);
            findings.push(Finding::new(waiver.file, 0, message));
        }
    }
    findings.sort();
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first_file_is_wrong(workspace: &Workspace) -> Vec<Finding> {
        workspace.sources().take(1).map(|source| Finding::new(&source.path, 2, "wrong")).collect()
    }

    const RULE: Rule = Rule { name: "example", check: first_file_is_wrong };

    #[test]
    fn a_waiver_covers_the_line_that_it_quotes() {
        let workspace = Workspace::from_texts(&[("a.rs", "//! A.\nlet waived = 1;\n")]);
        let waiver = Waiver { rule: "example", file: "a.rs", line_has: "waived", reason: "a test" };
        assert_eq!(check(&RULE, &workspace, &[]).len(), 1);
        assert_eq!(check(&RULE, &workspace, &[waiver]), vec![]);
    }

    #[test]
    fn a_waiver_that_covers_nothing_is_reported() {
        let workspace = Workspace::from_texts(&[("a.rs", "//! A.\nlet other = 1;\n")]);
        let waiver = Waiver { rule: "example", file: "a.rs", line_has: "waived", reason: "a test" };
        let found = check(&RULE, &workspace, &[waiver]);
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].to_string(), "a.rs: the waiver of `example` is no longer needed: delete it from WAIVERS");
    }

    #[test]
    fn rules_are_in_the_order_of_their_names() {
        assert!(RULES.windows(2).all(|pair| pair[0].name < pair[1].name));
    }
}
