//! Elements of lists and tensors in loops: the levels agree, and the loops are native.

use std::sync::Arc;

use nexus_mcode::{JitLevel, RunRequest, RunResult, compile, run};
use nexus_model::{Diagnostic, Limits, Value};
use nexus_tensor::{Context, Device};

fn run_at(source: &str, level: JitLevel) -> Result<RunResult, Box<Diagnostic>> {
    let compilation = compile("elements.mcode", source);
    let program = compilation.program.unwrap_or_else(|| panic!("{source}\n{:?}", compilation.diagnostics));
    let request =
        RunRequest { execution: level.into(), ..RunRequest::new(Context::new(Device::cpu()), Limits::local()) };
    run(&program, request).map_err(Box::new)
}

/// Runs a program at every level and gives what it returns, which is the same to the last bit (as text, whose numbers
/// are written to their last digit).
fn agreed(source: &str) -> (Value, RunResult) {
    let plain = run_at(source, JitLevel::Plain).unwrap_or_else(|error| panic!("{source}\n{error:?}"));
    let native = run_at(source, JitLevel::Native).expect(source);
    assert_eq!(format!("{:?}", native.result), format!("{:?}", plain.result), "{source}");
    let optimised = run_at(source, JitLevel::Optimised).expect(source);
    assert_eq!(format!("{:?}", optimised.result), format!("{:?}", plain.result), "{source}");
    (plain.result, native)
}

#[test]
fn loops_over_elements_of_tensors_are_native() {
    for dtype in ["f64", "f32", "i64"] {
        let factor = if dtype == "i64" { "3" } else { "0.3" };
        let source = format!(
            "function main(n: int = 300)\n    x = tensor.zeros(n, dtype = \"{dtype}\")\n    \
             a = tensor.ones(20, 30, dtype = \"{dtype}\")\n    for i in 0..n\n        x[i] = x[i - 1] + i * {factor}\n    \
             end\n    for i in 1..20\n        for j in 0..30\n            a[i, j] = a[i - 1, j] + a[i, j - 1] - x[i]\n        \
             end\n    end\n    s = 0\n    for v in x\n        s = s + v\n    end\n    return [x, a, s, len(a), a[-1, -1]]\nend\n"
        );
        let (_, native) = agreed(&source);
        assert!(native.native.entered >= 3, "{dtype}: {:?}", native.native);
        assert!(native.native.reasons.is_empty(), "{dtype}: {:?}", native.native);
    }
}

#[test]
fn matrices_without_rows_or_without_columns_have_the_rows_that_they_say() {
    for (rows, columns) in [(5, 0), (0, 5), (0, 0), (3, 1)] {
        let source = format!(
            "function main(n: int = 400)\n    t = tensor.zeros({rows}, {columns})\n    s = 0\n    for i in 0..n\n        \
             for j in 0..n\n            s = s + len(t)\n        end\n    end\n    return s\nend\n"
        );
        let (result, _) = agreed(&source);
        assert_eq!(format!("{result:?}"), format!("Int({})", 160_000 * rows), "{rows} by {columns}");
    }
}

#[test]
fn tensors_are_values_in_native_code_too() {
    let source = "function main(n: int = 400)\n    x = tensor.zeros(n)\n    y = x\n    for i in 0..n\n        x[i] = i * 1.5\n    \
                  end\n    view = x[0..10]\n    for i in 0..n\n        x[i] = 0.5\n    end\n    \
                  return [tensor.sum(x), tensor.sum(y), tensor.sum(view)]\nend\n";
    let (result, native) = agreed(source);
    let Value::List(sums) = result else { panic!("{result:?}") };
    let sums: Vec<String> = sums.iter().map(|sum| format!("{sum:?}")).collect();
    assert_eq!(sums.len(), 3);
    assert_ne!(sums[0], sums[1], "the other name has the old elements");
    assert!(native.native.entered >= 2, "{:?}", native.native);
}

#[test]
fn what_does_not_fit_an_element_is_the_machines() {
    for (line, fine) in [
        ("x[i] = i", true),
        ("x[i] = true", true),
        ("x[i] = x", false),
        ("x[i + 1] = 0.5", false),
        ("x[0 - i - 2] = 0.5", false),
        ("x[i] = a[i, 0]", false),
        ("x[i] = scalar(tensor.sum(a[1]))", true),
        ("a[1, i % 3] = x[i]", true),
        ("a[1, i % 4] = x[i]", false),
        ("a[1] = x[i]", true),
    ] {
        let source = format!(
            "function main(n: int = 500)\n    x = tensor.zeros(n)\n    a = tensor.ones(2, 3)\n    for i in 0..n\n        \
             {line}\n    end\n    return [x, a]\nend\n"
        );
        let shown = |level| match run_at(&source, level) {
            Ok(done) => Ok(format!("{:?}", done.result)),
            Err(error) => Err(format!("{error:?}")),
        };
        let plain = shown(JitLevel::Plain);
        assert_eq!(plain.is_ok(), fine, "{line}: {plain:?}");
        for level in [JitLevel::Optimised, JitLevel::Native] {
            assert_eq!(shown(level), plain, "{line} at level {level}");
        }
    }
}

#[test]
fn loops_that_count_below_zero_address_from_the_end() {
    let source = "function main(n: int = 300)\n    xs = [0] * n\n    for i in -n..0\n        xs[i] = i\n    end\n    s = 0\n    \
                  for i in 0..n\n        s = s + xs[i - 150] * i\n    end\n    return [xs[0], xs[-1], s]\nend\n";
    let (result, _) = agreed(source);
    let Value::List(found) = result else { panic!("{result:?}") };
    assert_eq!(found[..2], [Value::Int(-300), Value::Int(-1)]);
}

#[test]
fn a_loop_that_never_ends_stops_soon_after_its_limit() {
    use std::time::{Duration, Instant};

    /// Says stop once a time has come.
    struct Until(Instant);

    impl nexus_tensor::Watch for Until {
        fn check(&self) -> Result<(), nexus_model::LimitHit> {
            if Instant::now() < self.0 {
                return Ok(());
            }
            Err(nexus_model::LimitHit { kind: nexus_model::LimitKind::Wall, limit: 100, wanted: None })
        }
    }

    for body in ["x = x * 0.5 + 0.1", "x = math.sin(x) + math.exp(x)", "xs[3] = xs[2] + 1\n    x = x + f(x)"] {
        let source = format!(
            "function f(x)\n    return x * 0.5\nend\nfunction main()\n    x = 0.5\n    xs = [0.0] * 10\n    while true\n    \
             {body}\n    end\nend\n"
        );
        let program = compile("elements.mcode", &source).program.expect("it compiles");
        let end = Instant::now() + Duration::from_millis(100);
        let request = RunRequest {
            execution: JitLevel::Native.into(),
            ..RunRequest::new(Context::new(Device::cpu()).with_watch(Arc::new(Until(end))), Limits::local())
        };
        let error = run(&program, request).expect_err("it is stopped");
        assert_eq!(error.code, nexus_mcode::WALL_LIMIT_CODE);
        // The bound is 50 ms of work; a busy machine may not have worked for it all the time.
        assert!(end.elapsed() < Duration::from_millis(500), "{:?}", end.elapsed());
    }
}
