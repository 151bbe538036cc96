//! Several instructions in one step of the register machine give what they give one by one, which is what the native level
//! does: the same results to the last bit, the same errors at the same places, the same iterations.

use nexus_mcode::{JitLevel, RunRequest, compile, ir_text, run};
use nexus_model::{Limits, Value};
use nexus_tensor::{Context, Device};

fn bits(value: &Value) -> String {
    match value {
        Value::Scalar(v) => format!("{:016x}", v.to_bits()),
        Value::List(items) => items.iter().map(bits).collect::<Vec<_>>().join(","),
        other => format!("{other:?}"),
    }
}

/// Runs a program at every level, which agree: its result, or what went wrong and where.
fn agreed(source: &str, limits: &Limits) -> Result<String, String> {
    let compilation = compile("steps.mcode", source);
    let program = compilation.program.unwrap_or_else(|| panic!("{source}\n{:?}", compilation.diagnostics));
    let run_at = |jit: JitLevel| {
        let context = Context::new(Device::cpu()).with_limits(limits);
        let request = RunRequest { execution: jit.into(), ..RunRequest::new(context, limits.clone()) };
        run(&program, request).map(|done| bits(&done.result)).map_err(|diagnostic| format!("{diagnostic:?}"))
    };
    let plain = run_at(JitLevel::Plain);
    assert_eq!(run_at(JitLevel::Optimised), plain, "level 1 of\n{source}");
    assert_eq!(run_at(JitLevel::Native), plain, "level 2 of\n{source}");
    plain
}

/// A loop whose body is done for scalars, then for ints, then for some of both, and for ints that do not fit.
fn looped(body: &str) -> [String; 4] {
    let largest = i64::MAX.to_string();
    let kinds = [
        ["1.25", "-0.5", "3.0", "0.1", "7.5", "[0.5, -1.5, 2.25]", "[1.0, 3.0, -2.0]"],
        ["2", "-3", "5", "1", "4", "[1, -2, 3]", "[4, 5, -6]"],
        ["2", "-0.5", "5", "0.1", "4", "[1, 2.5, 3]", "[1.0, 3.0, -2.0]"],
        [largest.as_str(), "3", "2", "2", "-1", "[9, 8, 7]", "[1, 2, 3]"],
    ];
    kinds.map(|[a, b, c, d, e, xs, ys]| {
        format!(
            "function main()\n    a = {a}\n    b = {b}\n    c = {c}\n    d = {d}\n    e = {e}\n    xs = {xs}\n    ys = {ys}\n    \
             for i in 0..3\n{body}    end\n    return [a, b, c, d, e, xs[0], xs[1], xs[2]]\nend\n"
        )
    })
}

/// Whether the code of level 0 has a step.
fn has_step(source: &str, step: &str) -> bool {
    let program = compile("steps.mcode", source).program.expect(source);
    ir_text(&program, JitLevel::Plain.into()).contains(step)
}

#[test]
fn what_is_done_in_one_step_is_what_its_instructions_do() {
    let cases = [
        ("long-chain", "        a = b * c + d - e\n"),
        ("long-chain", "        a = e - (d - b * c)\n"),
        ("long-chain", "        b = (a + b) * c * d\n"),
        ("long-chain", "        c = c - c * c - c\n"),
        ("product-sum-chain", "        a = a * b - c * d + e\n"),
        ("product-sum-chain", "        e = e - (a * a + b * b)\n"),
        ("product-sum-chain", "        d = (a * b + c * c) * d\n"),
        ("product-sum-chain", "        a = (c * d - a * b) - a\n"),
        ("item-pair", "        a = xs[i] - ys[i]\n"),
        ("item-pair", "        j = i - 1\n        a = ys[i] - xs[j] + a\n"),
        ("item-pair", "        j = 2 - i\n        a = xs[i] * ys[j]\n"),
        ("item-pair", "        b = xs[i] + xs[i]\n"),
        ("item-pair", "        j = i + 1\n        a = xs[i] - ys[j]\n"),
        ("chain-to-item", "        xs[i] = b * c + d\n"),
        ("chain-to-item", "        xs[i] = xs[i] - a * b\n"),
        ("chain-to-item", "        zs = xs\n        xs[i] = a * b - c\n        a = zs[i]\n"),
        ("chain-to-item", "        j = i + 1\n        xs[j] = a + b + c\n"),
    ];
    for (step, body) in cases {
        let programs = looped(body);
        assert!(has_step(&programs[0], step), "{step}: {body}");
        for source in &programs {
            let found = agreed(source, &Limits::local());
            let fails = body.contains("j = i + 1") || source.contains(&i64::MAX.to_string());
            assert!(found.is_ok() || fails, "{source}\n{found:?}");
        }
    }
}

#[test]
fn steps_fail_where_their_instructions_would() {
    let place = |body: &str| agreed(&looped(body)[3], &Limits::local()).expect_err(body);
    let error = place("        a = ((b * c\n            + a)\n            * d)\n");
    assert!(error.contains("MC0401") && error.contains("line: 10,"), "the sum: {error}");
    let error = place("        a = ((b * c + d * e) *\n            a)\n");
    assert!(error.contains("MC0401") && error.contains("line: 10,"), "the product of the sum: {error}");
    let error = agreed(&looped("        j = i + 1\n        a = (xs[i] -\n            ys[j])\n")[0], &Limits::local())
        .expect_err("beyond");
    assert!(error.contains("MC0404") && error.contains("line: 12,"), "the second item: {error}");
    let error = agreed(&looped("        j = i + 1\n        xs[j] = (a *\n            b + c)\n")[0], &Limits::local())
        .expect_err("beyond");
    assert!(error.contains("MC0404") && error.contains("line: 11,"), "the item that is written: {error}");
}

#[test]
fn counters_stop_at_the_same_number_and_the_same_iteration() {
    for (start, condition, step) in [
        ("0", "i < n", "i + 1"),
        ("0", "i < 20", "i + 1"),
        ("20", "i > 0", "i - 1"),
        ("0", "i != 20", "i + 4"),
        ("0", "i <= n", "i + 3"),
        ("0.5", "i < n", "i + 1"),
        ("0", "i < 7.5", "i + 1"),
        ("-9223372036854775807", "i < n", "i - 1"),
        ("9223372036854775800", "i != n", "i + 1"),
        ("0", "n >= i", "i + 200"),
        ("0", "i < i + 1 and i < 12", "i + 1"),
    ] {
        let source = format!(
            "function main()\n    i = {start}\n    n = 20\n    k = 0\n    while {condition}\n        k = k + 2\n        i = {step}\n    \
             end\n    return [i, k]\nend\n"
        );
        for allowed in [1, 4, 19, 20, 21, 1000] {
            drop(agreed(&source, &Limits { loop_iterations: Some(allowed), ..Limits::local() }));
        }
    }
    let source =
        "function main()\n    i = 0\n    n = 20\n    while i < n\n        i = i + 1\n    end\n    return i\nend\n";
    assert!(has_step(source, "step-if") && has_step(&source.replace("< n", "< 20"), "step-if-int"));
    let limited = |allowed| agreed(source, &Limits { loop_iterations: Some(allowed), ..Limits::local() });
    assert_eq!(limited(20), Ok("Int(20)".to_owned()));
    limited(19).expect_err("one fewer");
    // What is counted becomes something else on the way.
    let kinds = "function main()\n    x = 0\n    while x < 5\n        if x == 3 x = 3.5 end\n        x = x + 1\n    end\n    return x\nend\n";
    assert_eq!(agreed(kinds, &Limits::local()), Ok(bits(&Value::Scalar(5.5))));
}

#[test]
fn a_counter_far_beyond_its_end_counts_nothing() {
    // What is between the two does not fit an int, and looks as if it were a few.
    for (start, end) in [(i64::MAX, -i64::MAX + 40), (i64::MAX - 3, -i64::MAX + 60), (-i64::MAX, i64::MAX), (0, 40)] {
        let source = format!(
            "function f(i, n)\n    k = 0\n    while i < n and k < 90\n        i = i + 1\n        k = k + 1\n    end\n    return k\nend\n\
             function g(i, n)\n    k = 0\n    while i < n\n        i = i + 1\n        k = k + 1\n        if k > 90 return k end\n    \
             end\n    return k\nend\n\
             function main()\n    t = 0\n    for r in 0..400\n        t = t + f(0, 40) + g(0, 40)\n    end\n    \
             return [t, f({start}, {end}), g({start}, {end})]\nend\n"
        );
        agreed(&source, &Limits::local()).expect("nothing overflows");
    }
}
