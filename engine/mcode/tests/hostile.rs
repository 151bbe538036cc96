//! Hostile programs: any bytes, deep nesting, and programs that ask for too much, each stopped by its limit.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use nexus_mcode::{RunRequest, compile, run};
use nexus_model::{Diagnostic, LimitLevel, Limits, Value};
use nexus_tensor::{Context, Device};
use proptest::prelude::*;
use words::WORDS;

#[expect(unreachable_pub, reason = "the fuzz targets have it as a library of its own")]
#[path = "../fuzz/src/words.rs"]
mod words;

fn run_under(source: &str, limits: Limits, cancel: Arc<AtomicBool>) -> Result<Value, Box<Diagnostic>> {
    let compilation = compile("hostile.mcode", source);
    let Some(program) = compilation.program else { return Err(Box::new(compilation.diagnostics[0].clone())) };
    let request = RunRequest {
        cancel,
        threads: 2,
        ..RunRequest::new(Context::new(Device::cpu()).with_limits(&limits), limits.clone())
    };
    run(&program, request).map(|done| done.result).map_err(Box::new)
}

fn stopped_by(source: &str) -> (String, u32) {
    let limits = Limits::level(LimitLevel::Maximum);
    let error = run_under(source, limits, Arc::default()).expect_err("a limit stops it");
    (error.code, error.primary.map_or(0, |l| l.span.line))
}

#[test]
fn limits_stop_programs_and_name_the_line() {
    let cases = [
        ("x = 0\nwhile true\n    x = x + 1\nend", "MC0503", 2),
        ("function f(n)\n    return f(n)\nend\nf(1)", "MC0504", 2),
        ("xs = [1]\nfor i in 0..100\n    xs = xs + xs\nend", "MC0502", 3),
        ("s = \"ab\"\nfor i in 0..100\n    s = s + s\nend", "MC0502", 3),
        ("x = [0] * 1000000000000", "MC0502", 1),
        ("s = \"a\" * 1000000000000", "MC0502", 1),
        ("x = list(0..1000000000000)", "MC0502", 1),
        ("function main()\n    return tensor.ones(100000, 100000)\nend", "MC0505", 2),
        ("for i in 0..100000\n    print(\"0123456789\" * 100)\nend", "MC0506", 2),
        ("xs = []\nfor i in 0..1000\n    xs = [xs]\nend", "MC0412", 3),
        ("x = [1]\nfor i in 0..50\n    x = [x, x]\nend\nprint(x)", "MC0506", 5),
        ("x = [1]\nfor i in 0..50\n    x = [x, x]\nend\njson.format(x)", "MC0502", 5),
    ];
    for (source, code, line) in cases {
        assert_eq!(stopped_by(source), (code.to_owned(), line), "{source}");
    }
}

#[test]
fn a_cancelled_run_stops() {
    let cancel = Arc::new(AtomicBool::new(true));
    let error = run_under("while true\nend", Limits::local(), cancel).expect_err("it was cancelled");
    assert_eq!(error.code, "MC0507");
}

#[test]
fn deep_nesting_is_refused_and_harms_nothing() {
    let deep = [
        "(".repeat(100_000),
        "[".repeat(100_000),
        "{a:".repeat(50_000),
        "-".repeat(100_000),
        "not ".repeat(50_000),
        "x = 1".to_owned() + &" + 1".repeat(100_000),
        "x = 1".to_owned() + &" ** 1".repeat(50_000),
        "x".to_owned() + &"(1)".repeat(50_000),
        "x".to_owned() + &".a".repeat(50_000),
        "x".to_owned() + &"[0]".repeat(50_000),
        "if true\n".repeat(50_000),
        "while true\n".repeat(50_000),
        "function f()\n".repeat(50_000),
        "x => ".repeat(50_000),
        "f(function()\n".repeat(20_000),
        "x |> ".repeat(50_000),
        "1 < ".repeat(50_000) + "2",
        "a[1..".repeat(50_000),
    ];
    for source in deep {
        let shown: String = source.chars().take(20).collect();
        let compilation = compile("deep.mcode", &source);
        assert!(compilation.program.is_none() || shown.starts_with("1 <"), "{shown}");
    }
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        compile("any.mcode", &String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn any_words_are_read_without_panic(words in prop::collection::vec((0usize..WORDS.len(), 0u8..4), 0..80)) {
        let source: String =
            words.into_iter().map(|(word, behind)| [WORDS[word], if behind == 0 { "\n" } else { " " }].concat()).collect();
        let compilation = compile("any.mcode", &source);
        // What compiles also runs, or stops with a diagnostic.
        if let Some(program) = compilation.program {
            let limits = Limits { loop_iterations: Some(1000), ..Limits::level(LimitLevel::Maximum) };
            let request = RunRequest { threads: 2, ..RunRequest::new(Context::new(Device::cpu()).with_limits(&limits), limits.clone()) };
            if let Err(diagnostic) = run(&program, request) {
                prop_assert_ne!(diagnostic.code, "MC0499");
            }
        }
    }
}

#[test]
fn primes_that_no_int_holds_are_refused() {
    let refused = |source: &str| {
        let error =
            run_under(source, Limits::level(LimitLevel::Maximum), Arc::default()).expect_err("there is no answer");
        (error.code, error.message)
    };
    let (code, message) = refused("mprime.factor(0)\n");
    assert_eq!((code.as_str(), message.as_str()), ("MC0407", "0 is no product of primes"));
    assert_eq!(refused("mprime.factor(-12)\n").0, "MC0407");
    let (code, message) = refused("mprime.next_prime(9223372036854775783)\n");
    assert_eq!(code, "MC0401");
    assert_eq!(message, "the next prime after 9223372036854775783 is no int");
    assert_eq!(refused("xs = [1.5]\nmprime.is_prime(xs[0])\n").1, "`mprime.is_prime` needs an int, found scalar");
}
