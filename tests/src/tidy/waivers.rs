//! The only exceptions to the house rules. Each names the rule, the place and the reason.

use super::{Finding, Workspace};

/// An exception.
#[derive(Debug, Clone, Copy)]
pub struct Waiver {
    /// The rule's name.
    pub rule: &'static str,
    /// The file.
    pub file: &'static str,
    /// Text that the line at fault contains; empty covers the whole file.
    pub line_has: &'static str,
    /// Why the rule does not fit here.
    pub reason: &'static str,
}

/// Every exception there is.
pub const WAIVERS: &[Waiver] = &[
    Waiver {
        rule: "functions_fit_a_screen",
        file: "engine/mcode/src/vm/machine.rs",
        line_has: "fn run",
        reason: "the dispatch loop of the virtual machine is one match with a short arm for each instruction",
    },
    Waiver {
        rule: "crates_inherit_from_the_workspace",
        file: "cluster/base2histogram/Cargo.toml",
        line_has: "",
        reason: "it stands in for a crate of openraft's, which asks for that crate's version",
    },
];

impl Waiver {
    /// Whether this waiver takes `finding` off.
    pub(super) fn covers(&self, finding: &Finding, workspace: &Workspace) -> bool {
        let line = finding.line.checked_sub(1).and_then(|index| workspace.text(&finding.file)?.lines().nth(index));
        self.file == finding.file && (self.line_has.is_empty() || line.is_some_and(|line| line.contains(self.line_has)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_waiver_says_why() {
        for waiver in WAIVERS {
            assert!(waiver.reason.len() > 20, "the waiver of `{}` in {} needs a reason", waiver.rule, waiver.file);
        }
    }
}
