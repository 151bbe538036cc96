//! The scenarios that the runtime must survive are a list, and each item names the tests that play it, or says why none
//! does.

use super::laws::{missing_tests, named_tests};
use super::{Finding, Workspace};

const FILE: &str = "tests/campaign/SCENARIOS.md";
/// How many there are.
const COUNT: usize = 42;
/// Words with which an item may begin to say that no test plays it, or not all of it.
const EXCUSES: &[&str] = &["Not testable here:", "Open:"];

/// Items 1 to 42 are there in order; each names tests, all of which exist, or gives its reason.
pub(super) fn check(workspace: &Workspace) -> Vec<Finding> {
    let Some(text) = workspace.text(FILE) else {
        return vec![Finding::new(FILE, 0, "write it: each scenario and the tests that play it")];
    };
    let items = items(text);
    let mut findings = Vec::new();
    if !items.iter().map(|item| item.number).eq(1..=COUNT) {
        findings.push(Finding::new(FILE, 0, format!("list the scenarios 1 to {COUNT}, each once and in order")));
    }
    for Item { line, text, .. } in items {
        let tests = named_tests(&text);
        if tests.is_empty() && !EXCUSES.iter().any(|excuse| text.contains(excuse)) {
            findings.push(Finding::new(FILE, line, "name a test that plays it, or write `Not testable here:` and why"));
        }
        findings.extend(missing_tests(workspace, FILE, line, &tests));
    }
    findings
}

struct Item {
    number: usize,
    line: usize,
    text: String,
}

fn items(text: &str) -> Vec<Item> {
    let mut items: Vec<Item> = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let number = line.split_once(". ").and_then(|(number, _)| number.parse().ok());
        match (number, items.last_mut()) {
            (Some(number), _) => items.push(Item { number, line: index + 1, text: line.to_owned() }),
            (None, Some(item)) if line.starts_with(' ') => {
                item.text.push(' ');
                item.text.push_str(line);
            }
            (None, _) => {}
        }
    }
    items
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scenario_without_a_test_or_a_reason_is_found() {
        let mut list: String = (1..=COUNT).map(|number| format!("{number}. Bad. Open: later.\n")).collect();
        list = list
            .replace("2. Bad. Open: later.\n3.", "2. Alone.\n3.")
            .replace("5. Bad. Open: later.\n6.", "5. `a.rs::gone`\n6.");
        let found: Vec<usize> =
            check(&Workspace::from_texts(&[(FILE, &list)])).iter().map(|finding| finding.line).collect();
        assert_eq!(found, [2, 5]);
    }

    #[test]
    fn a_missing_number_is_found() {
        assert_eq!(check(&Workspace::from_texts(&[(FILE, "1. Bad. Open: later.\n")])).len(), 1);
        assert_eq!(check(&Workspace::default()).len(), 1);
    }
}
