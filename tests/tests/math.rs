//! `nexus math` as it is typed, and every command of docs/math.md with what it prints there.

use std::process::Output;

use serde_json::Value;

fn math(arguments: &[&str]) -> Output {
    let home = tempfile::tempdir().expect("a temporary folder can be made");
    nexus_tests::binary::run(home.path(), ["math"].iter().chain(arguments))
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The words of a command line, quoted as a shell takes them.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut rest = line.trim();
    while !rest.is_empty() {
        let (word, after) = match rest.strip_prefix('\'') {
            Some(quoted) => quoted.split_once('\'').expect("a quote that ends"),
            None => rest.split_once(' ').unwrap_or((rest, "")),
        };
        words.push(word.to_owned());
        rest = after.trim_start();
    }
    words
}

#[test]
fn the_commands_of_its_document_print_what_stands_there() {
    let document = include_str!("../../docs/math.md");
    let mut count = 0;
    for block in document.split("```console\n").skip(1).filter_map(|rest| rest.split("```").next()) {
        for command in block.split("$ nexus math ").skip(1) {
            let (line, expected) = command.split_once('\n').expect("a command and what it prints");
            let words = words(line);
            let output = math(&words.iter().map(String::as_str).collect::<Vec<_>>());
            assert_eq!(stdout(&output).trim(), expected.trim(), "nexus math {line}");
            assert!(output.status.success(), "nexus math {line}");
            count += 1;
        }
    }
    assert!(count > 20, "{count} commands");
}

#[test]
fn what_is_wrong_is_shown_where_it_stands() {
    for (arguments, code, exit) in [
        (&["simplify", "2 +"][..], "NX0561", 2),
        (&["diff", "foo(x)"], "NX0561", 2),
        (&["diff", "x y"], "NX0561", 2),
        (&["diff", "gamma(x)"], "NX0562", 1),
        (&["evaluate", "sqrt(-2)"], "NX0562", 1),
        (&["evaluate", "1/0"], "NX0562", 1),
        (&["evaluate", "x"], "NX0562", 1),
        (&["evaluate", "x", "x"], "NX0561", 2),
        (&["simplify", "x", "--assume", "x bla"], "NX0561", 2),
        (&["solve", "x + y = 1", "x - y < 2"], "NX0561", 2),
        (&["solve", "--x"], "NX0501", 2),
        (&["base60", "61,1"], "NX0561", 2),
        (&["base60", "sqrt(2)"], "NX0561", 2),
        (&["prime", "1/2"], "NX0561", 2),
        (&["prime", "7", "--next", "--previous"], "NX0501", 2),
        (&["modulo", "inverse", "2", "4"], "NX0562", 1),
        (&["modulo", "sqrt", "2", "15"], "NX0562", 1),
        (&["modulo", "power", "2", "x", "7"], "NX0561", 2),
        (&["modulo", "remainders", "1:4", "2:6"], "NX0562", 1),
        (&["modulo", "remainders", "1:4", "2:0"], "NX0561", 2),
        (&["modulo", "remainders", "14"], "NX0501", 2),
        (&["fraction", "x"], "NX0561", 2),
        (&["fraction", "pi", "--terms", "0"], "NX0562", 1),
        (&["diophantine", "x*y = 1"], "NX0561", 2),
        (&["graph", "no-such-file"], "NX0562", 1),
        (&["ball", "11"], "NX0501", 2),
        (&["ball", "3", "--radius", "x"], "NX0561", 2),
        (&["simplify"], "NX0501", 2),
    ] {
        let with_json: Vec<&str> = arguments.iter().copied().chain(["--json"]).collect();
        let output = math(&with_json);
        let document: Value = serde_json::from_str(&stdout(&output)).expect("a document");
        assert_eq!(document["error"]["code"], code, "{arguments:?}");
        assert_eq!(output.status.code(), Some(exit), "{arguments:?}");
    }
    let named = math(&["solve", "a x = b", "--for", "x"]);
    assert_eq!(stdout(&named), "x = b/a\n");
    let drawn = math(&["simplify", "(x + 1"]);
    assert!(String::from_utf8_lossy(&drawn.stderr).contains("formula:1:7"), "{drawn:?}");
}

#[test]
fn answers_about_whole_numbers_are_documents_too() {
    let document = |arguments: &[&str]| -> Value {
        let output = math(arguments);
        serde_json::from_str(&stdout(&output)).unwrap_or_else(|_| panic!("{output:?}"))
    };
    assert_eq!(document(&["prime", "91", "--json"])["prime"], false);
    assert_eq!(document(&["prime", "7", "--next", "2", "--json"])["primes"], serde_json::json!(["11", "13"]));
    assert_eq!(document(&["modulo", "sqrt", "3", "7", "--json"])["results"], serde_json::json!([]));
    assert_eq!(document(&["fraction", "sqrt(7)", "--json"])["period"], serde_json::json!(["1", "1", "1", "4"]));
    let solved = document(&["diophantine", "3x + 5y = 1", "--json"]);
    assert_eq!((&solved["solvable"], &solved["solutions"]["x"]), (&Value::Bool(true), &Value::from("5*k + 2")));
    assert_eq!(document(&["diophantine", "6x + 9y = 2", "--json"])["solvable"], false);
}

#[test]
fn questions_in_words_show_the_command_and_what_is_not_understood() {
    let asked = math(&["ask", "zweite", "Ableitung", "von", "x^3", "--json"]);
    let document: Value = serde_json::from_str(&stdout(&asked)).unwrap_or_else(|_| panic!("{asked:?}"));
    assert_eq!(document["command"], "nexus math diff 'x^3' --order 2");
    assert_eq!(document["answer"]["result"], "6*x");
    let refused = math(&["ask", "derivative of the weather"]);
    let error = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(2), "{error}");
    assert!(error.contains("`the weather` is not understood as a formula") && error.contains("NX0561"), "{error}");
    // What a command that was understood has no answer to is said of its formula.
    let failed = math(&["ask", "antiderivative of exp(x^x)"]);
    assert!(String::from_utf8_lossy(&failed.stderr).contains("NX0562"), "{failed:?}");
}

#[test]
fn questions_without_an_end_are_given_up() {
    let output = math(&["solve", "x^7 y^5 + x y^7 = 3", "x^5 + y^7 + x y = 1", "--time-limit", "1"]);
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(matches!(output.status.code(), Some(1 | 4)) && error.contains("NX0562"), "{error}");
}

#[test]
fn programs_ask_about_formulas() {
    let home = tempfile::tempdir().expect("a temporary folder can be made");
    let program = home.path().join("formulas.mcode");
    std::fs::write(&program, "[mprime.diff(\"sin(x^2)\", \"x\"), mprime.solve(\"x^2 = 2\", \"x\")]\n").expect("a file");
    for level in ["0", "1", "2"] {
        let arguments = ["run", program.to_str().expect("a path"), "--jit", level, "--json"];
        let output = nexus_tests::binary::run(home.path(), arguments);
        let document: Value = serde_json::from_str(&stdout(&output)).unwrap_or_else(|_| panic!("{output:?}"));
        let expected = serde_json::json!(["2*x*cos(x^2)", ["-sqrt(2)", "sqrt(2)"]]);
        assert_eq!(document["result"], expected);
    }
}
