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
fn operations_on_nothing_and_of_absurd_sizes_answer_or_say_why_not() {
    let local = |source: &str| run_under(source, Limits::local(), Arc::default());
    for source in [
        "tensor.sum(tensor.flip(tensor.zeros(3, 0), 0))",
        "tensor.sum(tensor.transpose(tensor.flip(tensor.zeros(0, 3), 1)) * 2)",
        "tensor.sum(tensor.softmax(tensor.flip(tensor.zeros(0, 3), 1), axis = 0))",
        "tensor.sum(tensor.transpose(tensor.split(tensor.zeros(0, 4), 2, 1)[1]) * 2)",
        "tensor.sum(tensor.tile(tensor.zeros(0, 3), 9223372036854775807))",
        "tensor.sum(tensor.pad(tensor.zeros(0, 3), [[0, 0], [0, 9223372036854775807]]))",
        "tensor.sum(tensor.kron(tensor.zeros(0, 1000000000000), tensor.zeros(0, 1000000000000)))",
    ] {
        match local(source) {
            Ok(Value::Tensor(sum)) => assert_eq!(sum.get_f64(0), Some(0.0), "{source}"),
            Ok(other) => panic!("{source}: {other:?}"),
            Err(error) => assert!(error.primary.is_some() && error.code.starts_with("MC"), "{source}: {error:?}"),
        }
    }
    for (source, code) in [
        ("len(tensor.split(tensor.zeros(0), 1000000000000))", "MC0502"),
        ("tensor.split(tensor.zeros(0), 9223372036854775807)", "MC0502"),
        ("stats.histogram(tensor.ones(3), 1000000000000)", "MC0502"),
        ("stats.halton(1000000000000, 2)", "MC0502"),
        ("stats.halton(4611686018427387904, 2)", "MC0502"),
        ("stats.sample(stats.normal(), [1000000000000])", "MC0502"),
        ("tensor.positional_encoding(1000000000000, 4)", "MC0502"),
        ("tensor.repeat(tensor.zeros(0, 3), 6148914691236517206, 1)", "MC0403"),
        ("round(1234.0, -2)", "MC0403"),
        ("round(1234, 400)", "MC0403"),
    ] {
        let error = local(source).expect_err(source);
        assert_eq!(error.code, code, "{source}: {}", error.message);
    }
    assert_eq!(local("math.trunc(9223372036854775807)"), Ok(Value::Int(i64::MAX)));
}

#[test]
fn empty_rows_are_shortened_where_they_are_printed() {
    let mut printed = 0;
    let program = compile("rows.mcode", "print(tensor.zeros(20000000, 0))").program.expect("it compiles");
    let mut print = |text: &str| printed += text.len();
    let request = RunRequest { print: &mut print, ..RunRequest::new(Context::new(Device::cpu()), Limits::local()) };
    run(&program, request).expect("it is printed");
    assert!(printed < 1000, "{printed} bytes");
}

#[test]
fn quotients_and_remainders_are_those_of_python() {
    // Python 3: 1.0 // -inf, -1.0 // inf, 1.0 // inf, -1.0 // -5.0, 0.0 % -1.0, 7.5 // -2.0
    let scalars = "x = math.inf\n[1.0 // -x, -1.0 // x, 1.0 // x, -1.0 // -5.0, 0.0 % -1.0, 7.5 // -2.0]";
    let tensors = "x = math.inf\na = tensor.from_list([1.0, -1.0, 1.0, -1.0, 7.5], \"f64\")\n\
                   b = tensor.from_list([-x, x, x, -5.0, -2.0], \"f64\")\n\
                   [a // b, tensor.from_list([0.0], \"f64\") % -1.0]";
    let bits = |value: f64| value.to_bits();
    let Ok(Value::List(found)) = run_under(scalars, Limits::local(), Arc::default()) else { panic!("a list") };
    let expected = [-1.0, -1.0, 0.0, 0.0, -0.0, -4.0];
    for (found, expected) in found.iter().zip(expected) {
        assert!(matches!(found, Value::Scalar(found) if bits(*found) == bits(expected)), "{found:?}, not {expected}");
    }
    let Ok(Value::List(found)) = run_under(tensors, Limits::local(), Arc::default()) else { panic!("a list") };
    let [Value::Tensor(quotients), Value::Tensor(rests)] = found.as_slice() else { panic!("two tensors") };
    for (at, expected) in [-1.0, -1.0, 0.0, 0.0, -4.0].into_iter().enumerate() {
        assert_eq!(quotients.get_f64(at).map(bits), Some(bits(expected)), "at {at}");
    }
    assert_eq!(rests.get_f64(0).map(bits), Some(bits(-0.0)));
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

#[test]
fn ranges_longer_than_an_int_counts_say_so_and_are_read_at_both_ends() {
    let local = |source: &str| run_under(source, Limits::local(), Arc::default());
    let all = "low = 0 - 9223372036854775807\nr = low..=9223372036854775807\n";
    let error = local(&format!("{all}len(r)\n")).expect_err("no int is that large");
    assert_eq!((error.code.as_str(), error.primary.as_ref().map(|label| label.span.line)), ("MC0401", Some(3)));
    let message = "the length of a range from -9223372036854775807 to 9223372036854775807 does not fit an int";
    assert_eq!((error.message.as_str(), error.help.is_some()), (message, true));
    assert_eq!(local("len(0..9223372036854775807)\n"), Ok(Value::Int(i64::MAX)));
    let ends = "[-9223372036854775807, 9223372036854775807, 9223372036854775806]\n";
    assert_eq!(local(&format!("{all}[r[0], r[-1], r[-2]]\n")), local(ends));
    assert_eq!(local("str(0..=9223372036854775807)\n"), Ok(Value::String("0..9223372036854775808".into())));
    let beyond = local("r = 0..10\nr[-11]\n").expect_err("there are ten");
    assert_eq!(beyond.help.as_deref(), Some("indices go from 0 to 9, or from -10 to -1"));
}
