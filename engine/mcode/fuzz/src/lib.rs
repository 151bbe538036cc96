//! What must hold of any input, however broken: one function a fuzz target.
//!
//! Each takes the bytes that a fuzzer (or the test `tests/fuzzing.rs`, which includes this file) made up, and panics
//! where a promise is broken. Nothing here chooses inputs.

mod draw;
mod words;

use std::sync::Arc;
use std::time::{Duration, Instant};

use nexus_mcode::{JitLevel, RunRequest, ast_text, bundle, compile, format, inspect, parse_argument, piece, run};
use nexus_model::{LimitHit, LimitKind, Limits, Value};
use nexus_tensor::{Context, Device, Watch};

pub use words::WORDS;

/// Longer inputs find nothing that shorter ones do not.
const BYTES_MAX: usize = 16 << 10;
/// Wall-clock time of one run.
const WALL: Duration = Duration::from_secs(2);
/// The code of an error that the machine itself did not expect.
const INTERNAL_CODE: &str = "MC0499";

/// Lexer and parser take any text. A text that can be parsed has one layout: formatting it twice is formatting it once,
/// and changes nothing but white space.
pub fn read(data: &[u8]) {
    let Some(text) = text(data) else { return };
    let tree = ast_text("fuzzed.mcode", &text);
    match format(&text) {
        Ok(once) => {
            let twice = format(&once).expect("what was formatted can be parsed");
            assert_eq!(once, twice, "formatting twice is formatting once");
            let again = ast_text("fuzzed.mcode", &once).expect("what was formatted can be parsed");
            assert_eq!(without_places(&tree.expect("what is formatted can be parsed")), without_places(&again));
        }
        Err(diagnostics) => assert!(!diagnostics.is_empty(), "a text that cannot be parsed is told why"),
    }
    parse_argument(&text);
    piece(&text);
}

/// Names, types, code and the editor's questions: any text gives diagnostics or a program.
pub fn check(data: &[u8]) {
    let Some(text) = text(data) else { return };
    let compilation = compile("fuzzed.mcode", &text);
    assert!(compilation.program.is_some() || !compilation.diagnostics.is_empty(), "a refusal has a reason");
    let end = u32::try_from(text.len()).expect("inputs are short");
    for diagnostic in &compilation.diagnostics {
        assert!(nexus_mcode::explain(&diagnostic.code).is_some(), "{} is explained", diagnostic.code);
        for label in diagnostic.primary.iter().chain(&diagnostic.secondary) {
            assert!(label.span.start <= label.span.end && label.span.end <= end, "{label:?} lies in the text");
        }
    }
    let seen = inspect("fuzzed.mcode", &text, &mut |_, _| Err("there are no files".to_owned()));
    for name in &seen.names {
        assert!(text.get(name.range.start as usize..name.range.end as usize).is_some(), "{name:?}");
    }
    if let Some(program) = &compilation.program {
        for level in JitLevel::ALL {
            nexus_mcode::ir_text(program, level.into());
            nexus_mcode::plan_text(program, level.into());
        }
        let carried = bundle("fuzzed.mcode", &text, &mut |_, _| Err("there are no files".to_owned()));
        assert_eq!(carried.as_deref(), Ok(text.as_str()), "what imports nothing stays as it is");
    }
}

/// A text that compiles can be run, and every level gives the same.
pub fn run_text(data: &[u8]) {
    if let Some(text) = text(data) {
        run_at_every_level(&text);
    }
}

/// The same for programs that are drawn from the bytes, so that nearly all of them run.
pub fn run_program(data: &[u8]) {
    if data.len() <= BYTES_MAX {
        run_at_every_level(&draw::program(data));
    }
}

/// The program that [`run_program`] runs for these bytes.
pub fn program(data: &[u8]) -> String {
    draw::program(data)
}

fn text(data: &[u8]) -> Option<String> {
    (data.len() <= BYTES_MAX).then(|| String::from_utf8_lossy(data).into_owned())
}

/// The lines of a tree without what says where, and without the white space of types and attributes, which a tree shows
/// as they are written.
fn without_places(tree: &str) -> Vec<String> {
    let kept = |line: &str| {
        let depth = line.len() - line.trim_start().len();
        let text = line.split("  @").next().unwrap_or(line).split_whitespace().collect::<String>();
        format!("{depth}{text}")
    };
    tree.lines().map(kept).collect()
}

fn run_at_every_level(source: &str) {
    let plain = outcome(source, JitLevel::Plain);
    for level in [JitLevel::Optimised, JitLevel::Native] {
        let found = outcome(source, level);
        if let (Some(plain), Some(found)) = (&plain, &found)
            && !plain.stopped
            && !found.stopped
        {
            assert_eq!(plain.told, found.told, "{level:?} of\n{source}");
        }
    }
}

/// What a run gave.
struct Outcome {
    told: String,
    /// The clock or the memory stopped it, which need not happen at the same place twice.
    stopped: bool,
}

fn outcome(source: &str, jit: JitLevel) -> Option<Outcome> {
    let program = compile("fuzzed.mcode", source).program?;
    let limits = Limits {
        wall: Some(WALL),
        memory_bytes: Some(8 << 20),
        loop_iterations: Some(3_000),
        recursion_depth: 40,
        tensor_elements: Some(20_000),
        output_bytes: Some(64 << 10),
    };
    let watch = Arc::new(Deadline { at: Instant::now() + WALL });
    let mut printed = String::new();
    let request = RunRequest {
        execution: jit.into(),
        threads: 2,
        print: &mut |line| printed.push_str(line),
        ..RunRequest::new(Context::new(Device::cpu()).with_limits(&limits).with_watch(watch), limits.clone())
    };
    Some(match run(&program, request) {
        Ok(done) => {
            let outputs: Vec<String> =
                done.outputs.iter().map(|(name, value)| format!("{name}={}", bits(value))).collect();
            Outcome { told: format!("{printed}{} {outputs:?}", bits(&done.result)), stopped: false }
        }
        Err(diagnostic) => {
            assert_ne!(diagnostic.code, INTERNAL_CODE, "{}\n{source}", diagnostic.message);
            let stopped = ["MC0501", "MC0502"].contains(&diagnostic.code.as_str());
            Outcome { told: format!("{printed}{diagnostic:?}"), stopped }
        }
    })
}

/// Values with the bits of scalars. Which NaN it is differs between processors' instructions and means nothing.
fn bits(value: &Value) -> String {
    match value {
        Value::Scalar(v) if v.is_nan() => "nan".to_owned(),
        Value::Scalar(v) => format!("{:016x}", v.to_bits()),
        Value::List(items) => format!("[{}]", items.iter().map(bits).collect::<Vec<_>>().join(",")),
        Value::Record(fields) => {
            let fields: Vec<String> = fields.iter().map(|(name, value)| format!("{name}:{}", bits(value))).collect();
            format!("{{{}}}", fields.join(","))
        }
        Value::Tensor(data) if data.dtype().is_float() => {
            let elements =
                (0..data.len()).map(|at| data.get_f64(at).map_or(0, |v| if v.is_nan() { 1 } else { v.to_bits() }));
            format!("{}{:?} {:?}", data.dtype(), data.shape(), elements.collect::<Vec<u64>>())
        }
        other => format!("{other:?}"),
    }
}

/// Stops a run whose time is over.
struct Deadline {
    at: Instant,
}

impl Watch for Deadline {
    fn check(&self) -> Result<(), LimitHit> {
        if Instant::now() < self.at {
            return Ok(());
        }
        Err(LimitHit { kind: LimitKind::Wall, limit: WALL.as_millis() as u64, wanted: None })
    }
}
