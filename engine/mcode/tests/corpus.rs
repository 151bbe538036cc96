//! Programs whose results were computed by another reading of the language: `corpus/reader.py` parses and evaluates them
//! with Python and NumPy and writes `corpus/expected.json`. Every level gives these results. `corpus/generate.py` makes up
//! programs and writes them with their results to `corpus/generated.json`.

use std::path::Path;

use nexus_mcode::{JitLevel, RunRequest, compile, parse_argument, run};
use nexus_model::{Limits, Value};
use nexus_tensor::{Context, Device};
use plain::plain;

mod plain;

/// How far a fraction may be off, for each unit of its size (at least of 1).
const TOLERANCE: f64 = 1e-12;
/// The same for programs that compute in f32.
const TOLERANCE_F32: f64 = 1e-6;

fn folder() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus")
}

/// The programs by name with what the other reading says.
fn expected() -> Vec<(String, Value)> {
    let text = std::fs::read_to_string(folder().join("expected.json")).expect("the results can be read");
    let json = text.replace("null", "none");
    let Value::Record(results) = parse_argument(&json) else { panic!("one record of results") };
    results
}

/// The result of a program, or the code of the error that it ends in.
fn result(name: &str, source: &str, jit: JitLevel, threads: usize) -> Value {
    let compilation = compile(name, source);
    let program = compilation.program.unwrap_or_else(|| panic!("{name}: {:?}", compilation.diagnostics));
    let request =
        RunRequest { execution: jit.into(), threads, ..RunRequest::new(Context::new(Device::cpu()), Limits::local()) };
    run(&program, request).map_or_else(|diagnostic| Value::String(diagnostic.code), |done| plain(done.result))
}

/// Where two values differ: whole numbers, texts and truth values at all, fractions by more than the tolerance.
fn differences(found: &Value, expected: &Value, tolerance: f64, path: &str, to: &mut Vec<String>) {
    match (found, expected) {
        (Value::List(a), Value::List(b)) if a.len() == b.len() => {
            for (index, (a, b)) in a.iter().zip(b).enumerate() {
                differences(a, b, tolerance, &format!("{path}[{index}]"), to);
            }
        }
        (Value::Record(a), Value::Record(b)) if a.len() == b.len() => {
            for ((name, a), (other, b)) in a.iter().zip(b) {
                let path = format!("{path}.{name}");
                if name != other {
                    to.push(format!("{path}: expected the field `{other}`"));
                }
                differences(a, b, tolerance, &path, to);
            }
        }
        (Value::Scalar(a), Value::Scalar(b)) if (a - b).abs() <= tolerance * b.abs().max(1.0) => {}
        (a, b) if a == b => {}
        (a, b) => to.push(format!("{path}: {a:?}, expected {b:?}")),
    }
}

#[test]
fn every_level_gives_what_the_other_reading_gives() {
    let expected = expected();
    assert!(expected.len() >= 24, "{} results", expected.len());
    let mut wrong = Vec::new();
    for (name, expected) in &expected {
        let source = std::fs::read_to_string(folder().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
        let tolerance = if name.contains("f32") { TOLERANCE_F32 } else { TOLERANCE };
        for (level, threads) in [(JitLevel::Plain, 1), (JitLevel::Optimised, 2), (JitLevel::Native, 3)] {
            let found = result(name, &source, level, threads);
            differences(&found, expected, tolerance, &format!("{name} at {level:?}: "), &mut wrong);
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn made_up_programs_give_what_the_other_reading_gives() {
    let text = std::fs::read_to_string(folder().join("generated.json")).expect("the programs can be read");
    let Value::List(programs) = parse_argument(&text) else { panic!("a list of programs") };
    assert!(programs.len() >= 160, "{} programs", programs.len());
    let mut wrong = Vec::new();
    for program in &programs {
        let Value::Record(fields) = program else { panic!("a record") };
        let [(_, Value::String(source)), (_, expected)] = fields.as_slice() else { panic!("a source and a result") };
        for (level, threads) in [(JitLevel::Plain, 1), (JitLevel::Optimised, 2), (JitLevel::Native, 3)] {
            let found = result("generated.mcode", source, level, threads);
            let before = wrong.len();
            differences(&found, expected, TOLERANCE, &format!("{level:?}: "), &mut wrong);
            if wrong.len() > before {
                wrong.push(source.clone());
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_program_has_a_result_and_one_layout() {
    let mut names: Vec<String> = expected().into_iter().map(|(name, _)| name).collect();
    names.sort();
    let mut files: Vec<String> = std::fs::read_dir(folder())
        .expect("the folder can be listed")
        .map(|entry| entry.expect("the folder can be listed").file_name().to_string_lossy().into_owned())
        .filter(|name| name.ends_with(".mcode"))
        .collect();
    files.sort();
    assert_eq!(files, names);
    for name in files {
        let source = std::fs::read_to_string(folder().join(&name)).expect("the program can be read");
        assert_eq!(nexus_mcode::format(&source).as_deref(), Ok(source.as_str()), "{name}");
    }
}
