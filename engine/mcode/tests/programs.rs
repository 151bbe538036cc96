//! Whole programs with their results: every file in `tests/programs`. The first line says what must come out: `# =>` and
//! a value (tensors as nested lists), or `# error`, a code and a line.

use std::path::Path;

use nexus_mcode::{JitLevel, RunRequest, compile, parse_argument, run};
use nexus_model::{Diagnostic, Limits, Value};
use nexus_tensor::{Context, Device};
use plain::plain;

mod plain;

fn outcome(file: &str, source: &str, jit: JitLevel) -> Result<Value, Box<Diagnostic>> {
    let compilation = compile(file, source);
    let Some(program) = compilation.program else {
        let first = compilation.diagnostics.into_iter().next();
        return Err(Box::new(first.expect("a program that does not compile says why")));
    };
    let request = RunRequest {
        execution: jit.into(),
        threads: 2,
        ..RunRequest::new(Context::new(Device::cpu()), Limits::local())
    };
    run(&program, request).map(|done| done.result).map_err(Box::new)
}

#[test]
fn programs_give_their_results() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/programs");
    let mut names: Vec<_> = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
    names.sort();
    assert!(names.len() > 20);
    let mut wrong = Vec::new();
    for path in names {
        let source = std::fs::read_to_string(&path).unwrap();
        let file = path.file_name().unwrap().to_string_lossy().into_owned();
        let first = source.lines().next().unwrap();
        for level in [JitLevel::Plain, JitLevel::Optimised, JitLevel::Native] {
            let found = outcome(&file, &source, level);
            let ok = match (first.strip_prefix("# => "), first.strip_prefix("# error ")) {
                (Some(expected), _) => found.as_ref().ok().map(|v| plain(v.clone())) == Some(parse_argument(expected)),
                (_, Some(expected)) => found.as_ref().err().is_some_and(|d| {
                    let line = d.primary.as_ref().map_or(0, |l| l.span.line);
                    format!("{} line {line}", d.code) == expected
                }),
                _ => panic!("{file}: the first line says nothing"),
            };
            if !ok {
                wrong.push(format!("{file} at {level:?}: {first}\n    found {:?}", found.map(plain)));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn formatting_changes_no_program_and_happens_once() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    for folder in [folder.join("tests/programs"), folder.join("../../examples")] {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_none_or(|e| e != "mcode") {
                continue;
            }
            let source = std::fs::read_to_string(&path).unwrap();
            let once = nexus_mcode::format(&source).expect("the programs are right");
            assert_eq!(nexus_mcode::format(&once).unwrap(), once, "{}", path.display());
            let tree = |text: &str| {
                let tree = nexus_mcode::ast_text("t", text).unwrap();
                tree.lines().map(|l| l.split("  @").next().unwrap_or("").to_owned()).collect::<Vec<_>>()
            };
            assert_eq!(tree(&once), tree(&source), "{}", path.display());
        }
    }
}

#[test]
fn printed_code_names_what_it_uses() {
    let program = compile("t.mcode", "function f(n: int)\n    return tensor.ones(n)\nend\n").program.unwrap();
    let text = nexus_mcode::ir_text(&program, JitLevel::Plain.into());
    assert!(text.contains("# tensor.ones") && text.contains("parameter n: int"), "{text}");
}
