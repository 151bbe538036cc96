//! Pure crates decide; they do not touch the world. Time, chance and effects come in as arguments and go out as data.

use super::{Finding, Source, Workspace};

/// What a kind of pure code must not name: a word anywhere, or a path as it is used or imported.
const WORDS: &[(&str, &str)] = &[
    ("Instant", "the time is an argument"),
    ("SystemTime", "the time is an argument"),
    ("tokio", "pure code is not asynchronous"),
    ("actix", "pure code knows no actors"),
];
const PATHS: &[(&str, &str)] = &[
    ("std::fs", "bytes come in as arguments and go out as results"),
    ("std::net", "messages come in as arguments and go out as effects"),
    ("std::process", "effects are data, performed by an actor"),
    ("std::env", "settings come in as arguments"),
    ("std::thread", "pure code does not start threads"),
    ("rand::rng", "chance is a seed that comes in as an argument"),
    ("rand::thread_rng", "chance is a seed that comes in as an argument"),
    ("getrandom", "chance is a seed that comes in as an argument"),
];

/// Folders of pure code, and the paths that each may use all the same, with the reason beside it.
const PURE: &[(&str, &[&str])] = &[
    ("engine/model/src/", &[]),
    ("engine/formats/src/", &[]),
    ("engine/jit/src/", &[]),
    ("engine/library/src/", &[]),
    // Tasks of a program are spread over as many threads as the caller says; the result does not depend on them.
    ("engine/mcode/src/", &["std::thread"]),
    ("engine/numerics/src/", &[]),
    ("engine/qlogik/src/", &[]),
    ("engine/scheduler/src/", &[]),
    ("engine/optimizer/src/", &[]),
    // Rollouts of a forecast are spread over cores; how many is an argument, and the result does not depend on it.
    ("engine/echo/src/", &["std::thread"]),
    ("engine/bridge/src/", &[]),
    // Numeric work is spread over cores here, and its devices are found by looking at the machine.
    ("engine/tensor/src/", &["std::thread", "std::env"]),
    ("engine/wasm/src/", &[]),
    ("cluster/wire/src/", &[]),
    ("cluster/ledger/src/", &[]),
];

/// Nothing impure is named in a pure crate, but in its tests.
pub(super) fn check(workspace: &Workspace) -> Vec<Finding> {
    let mut findings = Vec::new();
    for source in workspace.sources() {
        if let Some((_, allowed)) = PURE.iter().find(|(folder, _)| source.path.starts_with(folder)) {
            findings.extend(check_source(source, allowed));
        }
    }
    findings
}

fn check_source(source: &Source, allowed: &[&str]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut report = |line: usize, what: &str, instead: &str| {
        if !source.is_test_line(line) {
            findings.push(Finding::new(&source.path, line, format!("`{what}` in a pure crate: {instead}")));
        }
    };
    for (word, instead) in WORDS {
        for line in source.lines_with(word) {
            report(line, word, instead);
        }
    }
    for (path, instead) in PATHS.iter().filter(|(path, _)| !allowed.contains(path)) {
        let imported = source.imports().iter().filter(|(name, _)| starts_with(name, path)).map(|(_, line)| *line);
        let mut lines: Vec<usize> = source.lines_with(path).into_iter().chain(imported).collect();
        lines.sort_unstable();
        lines.dedup();
        for line in lines {
            report(line, path, instead);
        }
    }
    findings
}

/// Whether an import written out begins with the whole of `path`.
fn starts_with(import: &str, path: &str) -> bool {
    import.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(path: &str, text: &str) -> Vec<usize> {
        check(&Workspace::from_texts(&[(path, text)])).into_iter().map(|finding| finding.line).collect()
    }

    #[test]
    fn the_world_in_a_pure_crate_is_found() {
        let text = "use std::{collections::BTreeMap, fs::File};\nuse std::time::{Duration, Instant};\nfn f() {\n    std::net::lookup();\n}";
        assert_eq!(lines("engine/scheduler/src/a.rs", text), [2, 1, 4]);
        assert_eq!(lines("cluster/link/src/a.rs", text), Vec::<usize>::new());
    }

    #[test]
    fn tests_of_pure_crates_may_touch_the_world() {
        let text = "#[cfg(test)]\nmod tests {\n    use std::fs;\n}";
        assert_eq!(lines("engine/scheduler/src/a.rs", text), Vec::<usize>::new());
    }

    #[test]
    fn the_tensor_engine_may_start_threads() {
        assert_eq!(lines("engine/tensor/src/a.rs", "use std::thread;"), Vec::<usize>::new());
        assert_eq!(lines("engine/scheduler/src/a.rs", "use std::thread;"), [1]);
    }
}
