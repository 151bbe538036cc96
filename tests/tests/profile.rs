//! Profiles as users take them: `nexus profile`, `nexus run --profile` and `@profile`, in every format.

use std::path::Path;

use nexus_tests::binary;
use serde_json::Value;

const PROGRAM: &str = "function rows(n: int)\n    x = tensor.randn(n, n)\n    return tensor.sum(x @ x)\nend\n\
                       @profile(name = \"step <1>\")\nfunction main(n: int = 60)\n    total = 0.0\n    \
                       for i in 0..n\n        total = total + rows(n)\n    end\n    print(\"done\")\n    return total\nend\n";

/// What a command says on stdout and stderr; it succeeds.
fn said(home: &Path, arguments: &[&str]) -> (String, String) {
    let output = binary::run(home, arguments);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
    (text(&output.stdout), text(&output.stderr))
}

fn program(folder: &Path) -> String {
    let file = folder.join("program.mcode");
    std::fs::write(&file, PROGRAM).expect("there is room");
    file.to_str().expect("a plain name").to_owned()
}

#[test]
fn a_program_that_asks_for_its_profile_shows_it_under_its_name_beside_its_answer() {
    let folder = tempfile::tempdir().expect("there is room");
    let (answer, told) = said(folder.path(), &["run", &program(folder.path())]);
    assert!(answer.starts_with("done\n") && !answer.contains("COUNT"), "{answer}");
    assert!(told.contains("profile step <1>\nNAME"), "{told}");
    let (table, told) = said(folder.path(), &["profile", &program(folder.path())]);
    assert!(table.contains("rows (line 1)") && !table.contains("done"), "{table}");
    assert!(told.contains("program.mcode · step <1> · cpu"), "{told}");
}

#[test]
fn a_profile_counts_what_ran_and_adds_up_as_a_document() {
    let folder = tempfile::tempdir().expect("there is room");
    let (document, _) = said(folder.path(), &["profile", &program(folder.path()), "--device", "cpu", "--json"]);
    let document: Value = serde_json::from_str(&document).expect("one document");
    assert_eq!(document["name"], "step <1>");
    let lines = document["lines"].as_array().expect("functions and operations");
    let line =
        |name: &str| lines.iter().find(|line| line["name"] == name).unwrap_or_else(|| panic!("{name}: {lines:?}"));
    for (name, count) in [("rows (line 1)", 60), ("tensor @", 60), ("tensor.randn", 60), ("main (line 6)", 1)] {
        assert_eq!(line(name)["count"], count, "{name}");
    }
    let number = |line: &Value, field: &str| line[field].as_f64().expect("a number");
    for line in lines {
        let ordered = ["min_ns", "p50_ns", "p99_ns", "max_ns"].map(|field| number(line, field));
        assert!(ordered.is_sorted(), "{line}");
    }
    let own: f64 = lines.iter().map(|line| number(line, "self_ns")).sum();
    let whole = number(&document, "time_ms") * 1e6;
    assert!(own > 0.5 * whole && own < 1.05 * whole, "{own} of {whole} ns");
    assert!(document["peak_bytes"].as_u64() >= Some(2 * 60 * 60 * 4), "{document}");
}

#[test]
fn files_of_profiles_are_what_viewers_open() {
    let folder = tempfile::tempdir().expect("there is room");
    let program = program(folder.path());
    let written = |format: &str| {
        let file = folder.path().join(format);
        said(folder.path(), &["run", &program, &format!("--profile={format}={}", file.display())]);
        std::fs::read_to_string(&file).expect("it was written")
    };
    let trace: Value = serde_json::from_str(&written("trace")).expect("a document");
    let events = trace["traceEvents"].as_array().expect("events");
    assert!(events.len() > 100, "{}", events.len());
    for event in events {
        assert!(event["ph"] == "X" && event["ts"].is_number() && event["dur"].is_number(), "{event}");
        assert!(event["name"].is_string() && event["pid"].is_number() && event["tid"].is_number(), "{event}");
    }
    let folded = written("folded");
    for line in folded.lines() {
        let (stack, micros) = line.rsplit_once(' ').expect("a stack and a number");
        assert!(!stack.is_empty() && micros.parse::<u64>().is_ok(), "{line}");
    }
    assert!(folded.contains("main (line 6);rows (line 1);tensor.randn "), "{folded}");
    let drawn = written("svg");
    let count = |what: &str| drawn.matches(what).count();
    assert!(drawn.starts_with("<svg xmlns=\"http://www.w3.org/2000/svg\"") && drawn.trim_end().ends_with("</svg>"));
    assert_eq!((count("<g>"), count("<text"), count("<title>")), (count("</g>"), count("</text>"), count("</title>")));
    assert!(count("<rect") >= 4 && drawn.contains("rows (line 1):"), "{drawn}");
}

#[test]
fn making_machine_code_is_a_line_of_its_own_and_comments_ask_for_no_profile() {
    let folder = tempfile::tempdir().expect("there is room");
    let file = folder.path().join("fib.mcode");
    let source = "# @profile is asked for on the command line\nfunction fib(n)\n    if n < 2\n        return n\n    end\n    \
                  return fib(n - 1) + fib(n - 2)\nend\nfunction main()\n    return fib(24)\nend\n";
    std::fs::write(&file, source).expect("there is room");
    let file = file.to_str().expect("a plain name");
    let (table, _) = said(folder.path(), &["profile", file, "--jit", "2"]);
    assert!(table.contains("compile to machine code "), "{table}");
    let (table, _) = said(folder.path(), &["profile", file, "--jit", "1"]);
    assert!(!table.contains("compile to machine code"), "{table}");
    let (answer, told) = said(folder.path(), &["run", file]);
    assert!(answer.contains("46368") && !told.contains("COUNT"), "{answer} {told}");
}
