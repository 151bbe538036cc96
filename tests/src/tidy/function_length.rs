//! A function fits a screen.

use super::{Finding, Workspace};

/// The most lines from the word `fn` to the closing brace.
const LINES_MAX: usize = 70;

/// No function, test or not, is longer than [`LINES_MAX`].
pub(super) fn check(workspace: &Workspace) -> Vec<Finding> {
    let mut findings = Vec::new();
    for source in workspace.sources() {
        for function in source.functions().iter().filter(|function| function.lines > LINES_MAX) {
            let message = format!(
                "`{}` has {} lines; the most is {LINES_MAX}: name its parts and take them out",
                function.name, function.lines
            );
            findings.push(Finding::new(&source.path, function.line, message));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_that_does_not_fit_is_found() {
        let body = |lines: usize| format!("//! F.\n/// Doc.\nfn f() {{\n{}}}\n", "    g();\n".repeat(lines - 2));
        let [fits, long] = [LINES_MAX, LINES_MAX + 1].map(body);
        let found = check(&Workspace::from_texts(&[("a/src/fits.rs", &fits), ("a/src/long.rs", &long)]));
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].file.as_str(), found[0].line), ("a/src/long.rs", 3));
    }
}
