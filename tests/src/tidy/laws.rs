//! ARCHITECTURE.md states laws, and each law names the test that holds it.

use super::{Finding, Workspace};

const FILE: &str = "ARCHITECTURE.md";
const HEADING: &str = "## Laws";

/// Every item of the list of laws names at least one test as `` `path/of/file.rs::name_of_test` ``, and it exists.
pub(super) fn check(workspace: &Workspace) -> Vec<Finding> {
    let Some(text) = workspace.text(FILE) else {
        return vec![Finding::new(FILE, 0, "write it: a bird's-eye view, the map of rooms, the laws and their tests")];
    };
    let laws = laws(text);
    let mut findings = Vec::new();
    if laws.is_empty() {
        findings.push(Finding::new(FILE, 0, format!("write the laws as a list below `{HEADING}`")));
    }
    for (line, law) in laws {
        let tests = named_tests(&law);
        if tests.is_empty() {
            findings.push(Finding::new(
                FILE,
                line,
                "name the test that holds this law: `path/of/file.rs::name_of_test`",
            ));
        }
        findings.extend(missing_tests(workspace, FILE, line, &tests));
    }
    findings
}

/// What a text names as `` `path/of/file.rs::name_of_test` ``.
pub(super) fn named_tests(text: &str) -> Vec<&str> {
    text.split('`').skip(1).step_by(2).filter(|word| word.contains(".rs::")).collect()
}

/// A finding for each of these tests that does not exist.
pub(super) fn missing_tests(workspace: &Workspace, file: &str, line: usize, tests: &[&str]) -> Vec<Finding> {
    let exists = |test: &str| {
        let (path, name) = test.split_once("::").expect("a name that contains `.rs::` contains `::`");
        workspace.source(path).is_some_and(|source| {
            source.functions().iter().any(|function| function.name == name && source.is_test_line(function.line))
        })
    };
    let missing = tests.iter().filter(|test| !exists(test));
    missing.map(|test| Finding::new(file, line, format!("there is no test `{test}`"))).collect()
}

/// The items of the list below the heading, each with its first line.
fn laws(text: &str) -> Vec<(usize, String)> {
    let mut laws: Vec<(usize, String)> = Vec::new();
    let lines = text.lines().enumerate().skip_while(|(_, line)| *line != HEADING).skip(1);
    for (index, line) in lines.take_while(|(_, line)| !line.starts_with("## ")) {
        let begins = line.split_once(". ").is_some_and(|(number, _)| number.parse::<u32>().is_ok());
        if begins || line.starts_with("- ") {
            laws.push((index + 1, line.to_owned()));
        } else if let Some((_, law)) = laws.last_mut() {
            law.push(' ');
            law.push_str(line);
        }
    }
    laws
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_law_without_its_test_is_found() {
        let law = "# A\n## Laws\n1. Named. `a/tests/b.rs::holds`\n2. Alone.\n3. Wrong,\n   `a/tests/b.rs::gone`.\n## End\n- no law\n";
        let texts = [(FILE, law), ("a/tests/b.rs", "#[test]\nfn holds() {}")];
        let found: Vec<usize> = check(&Workspace::from_texts(&texts)).into_iter().map(|finding| finding.line).collect();
        assert_eq!(found, [4, 5]);
    }

    #[test]
    fn a_missing_list_is_found() {
        assert_eq!(check(&Workspace::default()).len(), 1);
        assert_eq!(check(&Workspace::from_texts(&[(FILE, "# A\n")])).len(), 1);
    }
}
