//! The levels agree: the same results to the last bit, the same errors at the same places, the same limits.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use nexus_mcode::{JitLevel, NativeProfile, RunRequest, compile, run};
use nexus_model::{Diagnostic, LimitLevel, Limits, Value};
use nexus_tensor::{Context, Device};

/// The one message of a test's thread: that it is through.
const ONE_MESSAGE: usize = 1;

type Found = Result<Value, Box<Diagnostic>>;

fn run_at(source: &str, jit: JitLevel, limits: &Limits) -> (Found, NativeProfile) {
    run_until(source, jit, limits, Arc::default())
}

fn run_until(source: &str, jit: JitLevel, limits: &Limits, cancel: Arc<AtomicBool>) -> (Found, NativeProfile) {
    let compilation = compile("level.mcode", source);
    let program = compilation.program.unwrap_or_else(|| panic!("{source}\n{:?}", compilation.diagnostics));
    let request = RunRequest {
        execution: jit.into(),
        cancel,
        ..RunRequest::new(Context::new(Device::cpu()).with_limits(limits), limits.clone())
    };
    match run(&program, request) {
        Ok(done) => (Ok(done.result), done.native),
        Err(diagnostic) => (Err(Box::new(diagnostic)), NativeProfile::default()),
    }
}

/// Values as text with the bits of scalars, so that NaN equals itself and zeros differ.
fn bits(value: &Value) -> String {
    match value {
        Value::Scalar(v) => format!("{:016x}", v.to_bits()),
        Value::List(items) => items.iter().map(bits).collect::<Vec<_>>().join(","),
        other => format!("{other:?}"),
    }
}

fn shown(found: &Found) -> String {
    match found {
        Ok(value) => bits(value),
        // Code, text, place and the calls that led there.
        Err(diagnostic) => format!("{diagnostic:?}"),
    }
}

/// Runs a program at every level; gives what they agree on, and what native code did.
fn agreed(source: &str, limits: &Limits) -> (Found, NativeProfile) {
    let (plain, _) = run_at(source, JitLevel::Plain, limits);
    let (optimised, _) = run_at(source, JitLevel::Optimised, limits);
    let (native, profile) = run_at(source, JitLevel::Native, limits);
    assert_eq!(shown(&optimised), shown(&plain), "level 1 of\n{source}");
    assert_eq!(shown(&native), shown(&plain), "level 2 of\n{source}");
    (plain, profile)
}

fn agreed_error(source: &str) -> (String, u32) {
    let (found, _) = agreed(source, &Limits::local());
    let error = found.expect_err(source);
    (error.code.clone(), error.primary.as_ref().map_or(0, |label| label.span.line))
}

#[test]
fn the_benchmark_programs_agree_and_are_native() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../benches/compare/language");
    let sizes = [
        ("fib", 32, 18),
        ("mandelbrot", 400, 24),
        ("nbody", 200_000, 400),
        ("spectral", 300, 20),
        ("sieve", 2_000_000, 5_000),
    ];
    for (name, full, small) in sizes {
        let source = std::fs::read_to_string(folder.join(format!("{name}.mcode"))).expect(name);
        let source = source.replace(&format!("= {full})"), &format!("= {small})"));
        assert!(source.contains(&format!("= {small})")), "{name} has a size");
        let (found, profile) = agreed(&source, &Limits::local());
        found.expect(name);
        assert!(profile.compiled > 0 && profile.entered > 0, "{name}: {profile:?}");
        assert_eq!(profile.fallbacks, 0, "{name}: {profile:?}");
    }
}

#[test]
fn errors_in_native_code_are_those_of_the_machine() {
    let cases = [
        // The product overflows after some hundred iterations.
        ("x = 1\nfor i in 0..1000\n    x = x * 2\n    x = x - 1 + 1\nend", "MC0401", 3),
        ("s = 0\nfor i in 0..1000\n    s = s + 1000 // (900 - i)\nend", "MC0402", 3),
        ("s = 0.0\nfor i in 0..1000\n    s = s + 1.0 / (900.0 - i)\nend", "MC0402", 3),
        ("xs = [1] * 700\ns = 0\nfor i in 0..1000\n    s = s + xs[i]\nend", "MC0404", 4),
        ("xs = [1] * 700\nfor i in 0..1000\n    xs[i] = i\nend", "MC0404", 3),
        (
            "function g(n)\n    return 7 // (n - 500)\nend\nfunction f(n)\n    return g(n) + 1\nend\ns = 0\nfor i in 0..1000\n    s = s + f(i)\nend",
            "MC0402",
            2,
        ),
    ];
    for (source, code, line) in cases {
        assert_eq!(agreed_error(source), (code.to_owned(), line), "{source}");
    }
}

#[test]
fn limits_hold_in_native_code_to_the_same_iteration() {
    let limits = Limits::level(LimitLevel::Maximum);
    for source in [
        "x = 0\nwhile true\n    x = x + 1\nend",
        "s = 0\nfor i in 0..400\n    for j in 0..1000\n        s = s + j\n    end\nend",
        "function f(n)\n    if n == 0\n        return 0\n    end\n    return f(n - 1) + 1\nend\ns = 0\nfor i in 0..400\n    s = s + f(i)\nend",
    ] {
        let (found, _) = agreed(source, &limits);
        found.expect_err(source);
    }
    // An index is beyond the end in the iteration before the limit, in that of the limit, and behind it.
    let allowed = limits.loop_iterations.expect("this level counts iterations");
    for length in [allowed - 2, allowed - 1, allowed, allowed + 1] {
        let source = format!(
            "xs = [true] * {length}\ns = 0\nfor i in 0..{length} + 9\n    if xs[i]\n        s = s + 1\n    end\nend\ns"
        );
        agreed(&source, &limits).0.expect_err(&source);
    }
    // One iteration fewer than allowed passes.
    let source = format!("s = 0\nfor i in 0..{allowed}\n    s = s + i\nend\ns");
    agreed(&source, &limits).0.expect("as many as are allowed");
    agreed(&source.replace(&allowed.to_string(), &(allowed + 1).to_string()), &limits).0.expect_err("one more");
}

/// Loops that run a second time without checks: whatever would have failed a check still does, at the same place.
#[test]
fn loops_without_checks_end_where_those_with_checks_do() {
    const LIST: &str = "xs = [0] * 700\nfor i in 0..700\n    xs[i] = i * i % 97\nend\n";
    let bodies = [
        // Counted down, moved on, and looked at behind the loop.
        "s = 0\nfor i in 0..700\n    s = s + xs[i]\nend\ns",
        "s = 0\nfor i in 0..=699\n    s = s + xs[i]\nend\ns",
        "s = 0\nfor x in xs\n    s = s + x\nend\ns",
        "s = 0\ni = 0\nwhile i < 700\n    s = s + xs[i]\n    i = i + 1\nend\n[s, i]",
        "s = 0\ni = 0\nwhile i <= 699\n    i = i + 1\n    s = s + xs[i - 1]\nend\n[s, i]",
        // Neighbours, and their ends.
        "s = 0\nfor i in 1..699\n    s = s + xs[i - 1] - 2 * xs[i] + xs[i + 1]\nend\ns",
        "s = 0\nfor i in 1..700\n    s = s + xs[i - 1] - 2 * xs[i] + xs[i + 1]\nend\ns",
        "s = 0\nfor i in 0..699\n    s = s * 2 % 1009 + xs[i - 1] + xs[i + 1]\nend\ns",
        "s = 0\nfor i in -700..700\n    s = s * 3 % 1009 + xs[i]\nend\ns",
        "s = 0\nfor i in -701..700\n    s = s + xs[i]\nend\ns",
        "for i in 0..699\n    xs[i + 1] = xs[i] + 1\nend\nxs",
        // Another index that stays as it is.
        "s = 0\nfor k in [0, 5, -1, 699]\n    for i in 0..700\n        xs[k] = (xs[k] + xs[i]) % 1009\n    end\nend\nxs",
        "s = 0\nfor k in [0, 5, 700]\n    for i in 0..700\n        s = s + xs[k] * xs[i]\n    end\nend\ns",
        // Strides, empty ranges, ranges that end before they begin.
        "s = 0\nfor i in 699..=0 by -1\n    s = s * 3 % 1009 + xs[i]\nend\ns",
        "s = 0\nfor i in 0..700 by 3\n    s = s * 3 % 1009 + xs[i]\nend\ns",
        "s = 0\nfor n in 0..400\n    for i in n..n\n        s = s + xs[i]\n    end\n    for i in n..n - 5\n        s = s + xs[i]\n    end\nend\ns",
        "s = 0\nfor n in 0..40\n    for i in 0..n\n        s = s * 3 % 1009 + xs[i]\n    end\nend\ns",
        // What leaves in the middle, and what goes on early.
        "s = 0\nfor n in 0..300\n    for i in 0..700\n        if xs[i] == 96 and i > n\n            break\n        end\n        if i % 3 == 0\n            continue\n        end\n        s = s + i\n    end\nend\ns",
        "s = 0\nfor i in 0..700\n    s = s + 1000 // (xs[i] - 96)\nend\ns",
        "s = 9223372036854770000\nfor i in 0..700\n    s = s + xs[i]\nend\ns",
        "s = 0\nfor i in 0..900\n    s = s + xs[i]\nend\ns",
        "for i in 0..900\n    xs[i] = 1\nend\nxs",
    ];
    for body in bodies {
        let (found, profile) = agreed(&format!("{LIST}{body}"), &Limits::local());
        assert!(found.is_err() || profile.entered > 0, "{body}: {profile:?}");
    }
}

#[test]
fn loops_without_checks_begin_anywhere() {
    // The same loops from numbers near every edge: an index there is beyond every list, whatever is added to it.
    let source = |from: i64, count: &str, at: &str| {
        format!(
            "function f(from, n)\n    xs = [1] * 300\n    s = 0\n    for i in {count}\n        if i < 300 and i >= 0\n            s = s + xs[{at}]\n        end\n    end\n    return s\nend\nfrom = {from}\nt = 0\nfor k in 0..200\n    t = t + f(from, 40)\nend\nt"
        )
    };
    let edges = [
        "9223372036854775807",
        "9223372036854775767",
        "9223372036854775766",
        "-9223372036854775807",
        "1099511627776",
        "290",
        "261",
        "260",
        "-3",
    ];
    for from in edges {
        let from: i64 = from.parse().expect("an int");
        for count in
            ["from..from + n", "from..=from + n", "from - n..from", "from..9223372036854775807 by 1000000000000000000"]
        {
            for at in ["i", "i + 1", "i - 1"] {
                // Where the end of the range does not fit an int, that is the error of every level.
                drop(agreed(&source(from, count, at), &Limits::local()));
            }
        }
    }
    // Straight into the list, without asking before.
    let bare = |from: i64, at: &str| {
        format!(
            "function f(from)\n    xs = [1] * 300\n    s = 0\n    i = from\n    while i < 9223372036854775807\n        s = s + xs[{at}]\n        i = i + 1\n    end\n    return s\nend\nt = 0\nfor k in 0..200\n    t = t + f(9223372036854775807)\nend\nt + f({from})"
        )
    };
    for from in [i64::MAX - 5, i64::MAX - 20, -(i64::MAX - 20), -300, -301, 0, 1 << 40, (1 << 40) + 1] {
        for at in ["i", "i + 1000000", "i - 1000000"] {
            let (found, _) = agreed(&bare(from, at), &Limits::local());
            found.expect_err("it runs over the end");
        }
    }
}

#[test]
fn rows_and_columns_without_checks_are_those_with_checks() {
    for (rows, columns) in
        [("0..20", "0..30"), ("0..21", "0..30"), ("0..20", "0..31"), ("-20..20", "-30..30"), ("0..20", "1..=29")]
    {
        let source = format!(
            "m = tensor.zeros(20, 30, dtype = \"f64\")\nfor i in {rows}\n    for j in {columns}\n        m[i, j] = m[i, j - 1] + i * 0.5 + j\n    end\nend\ns = 0.0\nfor j in {columns}\n    for i in {rows}\n        s = s * 0.5 + m[i, j]\n    end\nend\ns"
        );
        let (found, _) = agreed(&source, &Limits::local());
        let is_inside = matches!((rows, columns), ("0..20", "0..30" | "1..=29"));
        assert_eq!(found.is_ok(), is_inside, "{rows} {columns}: {found:?}");
    }
}

#[test]
fn recursion_goes_deeper_than_the_native_stack() {
    let mut limits = Limits::local();
    limits.recursion_depth = 1_000_000;
    let source = "function f(n)\n    if n == 0\n        return 0\n    end\n    return f(n - 1) + n % 7\nend\ns = 0\nfor i in 0..200\n    s = s + f(i)\nend\ns + f(300000)";
    let (found, profile) = agreed(source, &limits);
    found.expect("it is not too deep");
    assert!(profile.entered > 0, "{profile:?}");
}

#[test]
fn types_that_change_while_a_loop_runs_are_followed() {
    for source in [
        "s = 0\nfor i in 0..1000\n    s = s + i * 0.5\nend\ns",
        "s = 0\nfor i in 0..1000\n    if i == 700\n        s = s + 0.5\n    end\n    s = s + i\nend\ns",
        "s = 0\nt = true\nfor i in 0..1000\n    t = not t\n    if t and i > 10 or i % 3 == 0\n        s = s + 1\n    end\nend\n[s, t]",
        "s = none\nfor i in 0..1000\n    if s == none\n        s = 1\n    end\n    s = s + i\nend\ns",
        "function pick(i)\n    if i % 2 == 0\n        return 1\n    end\n    return 0.5\nend\ns = 0\nfor i in 0..1000\n    s = s + pick(i)\nend\ns",
        "s = 0\nfor i in 0..1000\n    s = s + (9007199254740992 + i % 3 < 9007199254740993.0)\nend\ns",
    ] {
        let compiled = compile("level.mcode", source);
        if compiled.program.is_some() {
            agreed(source, &Limits::local()).0.ok();
        }
    }
}

#[test]
fn lists_are_values_in_native_code_too() {
    let (found, profile) = agreed(
        "a = [0] * 500\nb = a\nfor i in 0..500\n    a[i] = i\nend\nc = a\nfor i in 0..500\n    c[-1 - i] = a[i]\nend\n[a[3], b[3], c[3], len(a)]",
        &Limits::local(),
    );
    assert_eq!(bits(&found.unwrap()), "Int(3),Int(0),Int(496),Int(500)");
    assert!(profile.entered >= 2, "{profile:?}");
    let (found, _) = agreed(
        "function total(xs)\n    s = 0\n    for x in xs\n        s = s + x\n        xs[0] = 5\n    end\n    return s\nend\nxs = [1] * 400\nt = 0\nfor i in 0..300\n    t = t + total(xs)\nend\n[t, xs[0]]",
        &Limits::local(),
    );
    assert_eq!(bits(&found.unwrap()), "Int(120000),Int(1)");
}

#[test]
fn what_native_code_cannot_do_is_told_and_done_by_the_machine() {
    let source = "s = \"\"\nn = 0\nfor i in 0..400\n    if i % 200 == 0\n        s = s + \"x\"\n    end\n    n = n + i\nend\n[s, n]";
    let (found, profile) = agreed(source, &Limits::local());
    assert_eq!(bits(&found.unwrap()), "String(\"xx\"),Int(79800)");
    assert!(profile.reasons.iter().any(|r| r.starts_with("line 5: ")), "{profile:?}");
}

#[test]
fn a_cancel_stops_native_code_soon() {
    let cancel = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&cancel);
    let (sender, receiver) = std::sync::mpsc::sync_channel(ONE_MESSAGE);
    let runner = std::thread::spawn(move || {
        let mut source = "x = 0.5\nwhile true\n    x = x * 0.5 + 0.1\nend".to_owned();
        source.push('\n');
        let (found, _) = run_until(&source, JitLevel::Native, &Limits::local(), flag);
        sender.send(()).expect("the test waits");
        found
    });
    // It is stopped at whatever point it has reached, hot or not yet.
    assert!(receiver.recv_timeout(Duration::from_millis(200)).is_err(), "it runs for ever");
    let start = Instant::now();
    cancel.store(true, Ordering::Relaxed);
    receiver.recv_timeout(Duration::from_secs(20)).expect("it stops");
    let error = runner.join().unwrap().expect_err("it was cancelled");
    assert_eq!(error.code, "MC0507");
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
}

#[test]
fn two_operations_in_one_step_fail_where_they_would_alone() {
    let looped = |body: &str| {
        format!(
            "function main()\n    n = {}\n    s = 1\n    xs = [n, 1]\n    for i in 0..4\n{body}    end\n    return s\nend\n",
            i64::MAX
        )
    };
    let product = looped("        s = (n * (i + 1)\n            + s - s)\n");
    assert_eq!(agreed_error(&product), ("MC0401".to_owned(), 6), "the product, in the second round");
    let sum = looped("        s = (1 * n\n            + s)\n");
    assert_eq!(agreed_error(&sum), ("MC0401".to_owned(), 6), "the sum begins where its first operand does");
    let item = looped("        s = s - (2 -\n            xs[i])\n");
    assert_eq!(agreed_error(&item), ("MC0404".to_owned(), 7), "there is no third item");
    let kinds = "function main()\n    xs = [1, 2, 3]\n    s = 0\n    for i in 0..6\n        s = s + xs[i % 3] * 2\n        \
                 if i == 2\n            xs[0] = 0.5\n        end\n    end\n    return s\nend\n";
    assert_eq!(agreed(kinds, &Limits::local()).0.expect("it runs"), Value::Scalar(23.0));
    let constants = "function main()\n    s = 0.5\n    for i in 0..3\n        for j in 0..2\n            s = s * 2.0 - 0.25 * s + 2.0\n        \
                     end\n        if s > 1.0e3 s = \"far\" end\n    end\n    return s\nend\n";
    agreed(constants, &Limits::local()).0.expect("it runs");
}

#[test]
fn a_list_that_was_asked_for_its_length_is_changed_in_place() {
    // Sixteen megabytes, and no room for a copy.
    let limits = Limits { memory_bytes: Some(24 << 20), ..Limits::local() };
    let source = "function main()\n    xs = [0] * 1000000\n    for i in 0..4\n        if len(xs) > i and xs[i] == 0\n            \
                  xs[i] = i\n        end\n    end\n    return xs[1] + xs[2] + xs[3]\nend\n";
    assert_eq!(agreed(source, &limits).0.expect("it fits"), Value::Int(6));
}

#[test]
fn three_operations_in_one_step_fail_where_they_would_alone() {
    let run = |body: &str| {
        format!(
            "function main()\n    n = {}\n    s = 1\n    for i in 0..4\n{body}    end\n    return s\nend\n",
            i64::MAX
        )
    };
    let second = run("        s = (i * i\n            - n *\n            i)\n");
    assert_eq!(agreed_error(&second), ("MC0401".to_owned(), 6), "the second product, in the third round");
    let sum = run("        s = (n * 1\n            + i * 1)\n");
    assert_eq!(agreed_error(&sum), ("MC0401".to_owned(), 5), "the sum");
    let mixed = "function main()\n    s = 0\n    x = 3\n    for i in 0..5\n        s = x * i - i * i\n        if i == 2 x = 0.5 end\n    \
                 end\n    return [s, x * x + x * x - 2 * 2]\nend\n";
    let expected = Value::List(vec![Value::Scalar(-14.0), Value::Scalar(-3.5)]);
    assert_eq!(agreed(mixed, &Limits::local()).0.expect("it runs"), expected);
    // A product that the other one reads, and differences in both orders.
    let orders = "function main()\n    a = 1.5\n    for i in 0..3\n        b = a * a * a + a\n        c = b * 2.0 - a * 3.0\n        \
                  a = c * 0.25 - (b * 0.5 - a * c)\n    end\n    return a\nend\n";
    agreed(orders, &Limits::local()).0.expect("it runs");
}

#[test]
fn loops_that_ask_their_condition_again_stop_at_the_same_iteration() {
    for condition in ["i < n", "i < 20"] {
        let source = format!(
            "function main()\n    i = 0\n    n = 20\n    while {condition}\n        i = i + 1\n    end\n    return i\nend\n"
        );
        for (allowed, fits) in [(20, true), (19, false), (1, false)] {
            let limits = Limits { loop_iterations: Some(allowed), ..Limits::local() };
            let found = agreed(&source, &limits).0;
            assert_eq!(found.is_ok(), fits, "{condition}, {allowed} iterations: {found:?}");
        }
    }
    // What is compared becomes something else on the way.
    let kinds = "function main()\n    x = 0\n    while x < 5\n        x = x + 1\n        if x == 3 x = 3.5 end\n    end\n    return x\nend\n";
    assert_eq!(agreed(kinds, &Limits::local()).0.expect("it runs"), Value::Scalar(5.5));
}

/// Numbers from which a step leads out of what native code takes to be near, or out of the ints.
const EDGES: [i64; 18] = [
    0,
    1,
    -1,
    2,
    7,
    -9,
    299,
    (1 << 30) - 150,
    1 << 30,
    (1 << 30) + 1,
    -(1 << 30) - 1,
    1 << 31,
    3_037_000_499,
    1 << 50,
    1 << 62,
    i64::MAX - 300,
    i64::MAX,
    -i64::MAX,
];

/// Draws programs of ints, with the same numbers each time.
struct Draw(u64);

impl Draw {
    fn below(&mut self, count: usize) -> usize {
        // SplitMix64 (Steele, Lea and Flood, 2014).
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % count as u64) as usize
    }

    fn edge(&mut self) -> String {
        format!("({})", EDGES[self.below(EDGES.len())])
    }

    fn variable(&mut self) -> &'static str {
        ["x", "y", "z", "i"][self.below(4)]
    }

    fn operand(&mut self) -> String {
        match self.below(3) {
            0 => self.edge(),
            1 => ["1", "2", "3", "-1", "5"][self.below(5)].to_owned(),
            _ => self.variable().to_owned(),
        }
    }

    fn expression(&mut self) -> String {
        let operator = ["+", "-", "+", "-", "*", "%", "//"][self.below(7)];
        format!("{} {operator} {}", self.variable(), self.operand())
    }

    fn statement(&mut self) -> String {
        let to = ["x", "y", "z"][self.below(3)];
        match self.below(9) {
            0 => format!("{to} = {to} + {}", self.operand()),
            1 => format!("{to} = {to} - {}", self.operand()),
            2 => format!("{to} = -{}", self.variable()),
            3 => format!("if {} < {} {to} = {} end", self.variable(), self.operand(), self.expression()),
            4 => format!("if {} >= {} {to} = {to} + 1 end", self.variable(), self.operand()),
            5 => format!("{to} = {to} + xs[{}]", ["i", "i % 7", "i % 7 - 7", "x % 6", "y"][self.below(5)]),
            6 => format!("xs[{}] = {}", ["i", "i % 7", "-1 - i % 7", "z % 8"][self.below(4)], self.variable()),
            7 => format!("for j in {} {to} = {to} + j end", self.range()),
            _ => format!("{to} = {}", self.expression()),
        }
    }

    /// Of at most a few numbers, from anywhere.
    fn range(&mut self) -> String {
        match self.below(5) {
            0 => format!("{0}..{0} + 3", self.variable()),
            1 => format!("{0}..={0} + 2", self.variable()),
            2 => format!("{0} + 4..{0} by -2", self.variable()),
            3 => "3..0".to_owned(),
            _ => format!("{0} - 1..{0} + 5 by 3", self.variable()),
        }
    }

    fn program(&mut self) -> String {
        let start: Vec<String> = ["x", "y", "z"].iter().map(|name| format!("{name} = {}", self.edge())).collect();
        let head = match self.below(3) {
            0 => "for i in 0..400",
            1 => "i = -5\nwhile i < 395\n    i = i + 1",
            _ => "for i in 400..=0 by -1",
        };
        let body: Vec<String> = (0..1 + self.below(4)).map(|_| format!("    {}", self.statement())).collect();
        format!("xs = [1, 2, 3, 4, 5, 6, 7]\n{}\n{head}\n{}\nend\n[x, y, z, xs]", start.join("\n"), body.join("\n"))
    }
}

#[test]
fn ints_near_every_edge_agree() {
    let (mut results, mut errors, mut native) = (0, 0, 0);
    for seed in 0..600 {
        let source = Draw(seed).program();
        if compile("level.mcode", &source).program.is_none() {
            continue;
        }
        let (found, profile) = agreed(&source, &Limits::local());
        results += usize::from(found.is_ok());
        errors += usize::from(found.is_err());
        native += usize::from(profile.entered > 0);
    }
    // Most programs are about what native code does, and many leave the ints.
    assert!(results > 100 && errors > 100 && native > 100, "{results} results, {errors} errors, {native} native");
}

#[test]
fn code_made_for_small_numbers_is_not_run_on_large_ones() {
    // The loop is compiled where it is hot, in the first call, and entered again with what overflows after some steps.
    for (operation, start) in
        [("x + 3", i64::MAX - 1_000), ("x - 3", -i64::MAX + 1_000), ("x * 2 - x", i64::MAX / 2 - 9)]
    {
        let source = format!(
            "function f(x)\n    s = 0\n    for i in 0..400\n        x = {operation}\n        s = s + x % 10 + i\n    end\n    return s\nend\n\
             first = f(5)\nsecond = f(-5)\n[first, second, f({start})]"
        );
        agreed(&source, &Limits::local()).0.ok();
    }
    let (code, _) = agreed_error(
        "function f(x)\n    for i in 0..400\n        x = x + 3\n    end\n    return x\nend\ny = f(5)\nf(9223372036854774800)",
    );
    assert_eq!(code, "MC0401");
}
