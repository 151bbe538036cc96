//! Programs over tensors mean the same at every level and with every setting, and each setting does what it says.

use std::fmt::Write;

use nexus_mcode::{Execution, JitLevel, RunRequest, RunResult, compile, run};
use nexus_model::{Diagnostic, Limits, Value};
use nexus_tensor::{Context, Device};
use proptest::prelude::*;

/// What a run gave, without what it did.
type Found = Result<RunResult, Box<Diagnostic>>;

fn run_with(source: &str, execution: Execution) -> Option<Found> {
    let program = compile("fusion.mcode", source).program?;
    let mut limits = Limits::local();
    limits.loop_iterations = Some(20_000);
    let request =
        RunRequest { execution, ..RunRequest::new(Context::new(Device::cpu()).with_limits(&limits), limits.clone()) };
    Some(run(&program, request).map_err(Box::new))
}

/// Runs what must compile and come to its end.
fn ran(source: &str, execution: Execution) -> RunResult {
    run_with(source, execution).expect(source).expect(source)
}

/// Values to the last bit. Which NaN it is differs between processors' instructions and means nothing.
fn bits(value: &Value) -> String {
    match value {
        Value::Scalar(v) if v.is_nan() => "nan".to_owned(),
        Value::Scalar(v) => format!("{:016x}", v.to_bits()),
        Value::List(items) => items.iter().map(bits).collect::<Vec<_>>().join(","),
        Value::Tensor(data) => {
            let mut text = format!("{}{:?}", data.dtype(), data.shape());
            for at in 0..data.len() {
                let value = data.get_f64(at).unwrap_or(0.0);
                let _ = if value.is_nan() {
                    write!(text, " nan")
                } else {
                    write!(text, " {:x}/{:?}", value.to_bits(), data.get_i64(at))
                };
            }
            text
        }
        other => format!("{other:?}"),
    }
}

fn shown(found: &Found) -> String {
    match found {
        Ok(done) => bits(&done.result),
        Err(diagnostic) => format!("{diagnostic:?}"),
    }
}

/// What stands at the ends of expressions.
const LEAVES: [&str; 16] =
    ["t0", "t1", "t2", "t3", "t4", "n", "s", "2", "0.5", "-1", "1", "0", "0.0", "4.0", "5", "20000000000"];
/// Along which axes is reduced.
const AXES: [&str; 7] = [
    "",
    ", axis = 0",
    ", axis = 1, keepdims = true",
    ", axis = -1",
    ", axis = 7",
    ", axis = n % 2",
    ", axis = 0, keepdims = n > 2",
];

/// Draws a program from choices; where they run out, the simplest is taken.
struct Writer<'c> {
    choices: std::slice::Iter<'c, u8>,
    text: String,
}

impl Writer<'_> {
    fn choose(&mut self, count: usize) -> usize {
        self.choices.next().map_or(0, |choice| usize::from(*choice) % count)
    }

    fn pick<'w>(&mut self, words: &[&'w str]) -> &'w str {
        words[self.choose(words.len())]
    }

    fn value(&mut self, depth: usize) -> String {
        if depth == 0 {
            return self.pick(&LEAVES).to_owned();
        }
        let depth = depth - 1;
        match self.choose(18) {
            0..5 => {
                let operator = self.pick(&["+", "-", "*", "/", "**", "//", "%", "@"]);
                format!("({} {operator} {})", self.value(depth), self.value(depth))
            }
            5 | 6 => {
                let name = self.pick(&["exp", "tanh", "sqrt", "abs", "sigmoid", "relu", "floor", "isnan"]);
                format!("tensor.{name}({})", self.value(depth))
            }
            7 => format!("math.sin({})", self.value(depth)),
            8 => format!("tensor.where({}, {}, {})", self.condition(depth), self.value(depth), self.value(depth)),
            9 => {
                let name = self.pick(&["sum", "mean", "max", "prod"]);
                let rest = self.pick(&AXES);
                format!("tensor.{name}({}{rest})", self.value(depth))
            }
            10 => format!("(-{})", self.value(depth)),
            11 => {
                let bounds = self.pick(&["-1, 0.5", "min = 0", "max = s", "t0, none", ""]);
                format!("tensor.clip({}, {bounds})", self.value(depth)).replace(", )", ")")
            }
            12 => {
                let slope = self.pick(&["", ", 0.25", ", slope = 1", ", -2"]);
                format!("tensor.leaky_relu({}{slope})", self.value(depth))
            }
            13 => {
                let tolerances = self.pick(&["", ", rtol = 0.5", ", 0, 1", ", atol = 0.125"]);
                format!("tensor.isclose({}, {}{tolerances})", self.value(depth), self.value(depth))
            }
            14 => {
                let (one, other) = (self.condition(depth), self.condition(depth));
                let name = self.pick(&["and", "or"]);
                let (left, right) = (self.pick(&["", "tensor.logical_not"]), self.pick(&["", "tensor.logical_not"]));
                format!("tensor.where(tensor.logical_{name}({left}({one}), {right}({other})), s, t1)")
            }
            15 => {
                // Common factors.
                let (of, operator) = (self.value(depth), self.pick(&["+", "-"]));
                format!("({of} * {} {operator} {of} * {})", self.value(depth), self.value(depth))
            }
            16 => {
                format!("tensor.where({}, {}, {})", self.condition(0), self.pick(&["3", "0.5"]), self.pick(&["5", "1"]))
            }
            _ => format!("soften({}, {})", self.value(depth), self.value(depth)),
        }
    }

    fn condition(&mut self, depth: usize) -> String {
        let operator = self.pick(&["<", "<=", ">", "=="]);
        format!("({} {operator} {})", self.value(depth), self.value(depth))
    }

    fn statement(&mut self, indent: &str) {
        let to = self.pick(&["t0", "t1", "t2", "t3", "t4", "s", "n"]);
        let value = self.value(3);
        let _ = match self.choose(6) {
            0 => writeln!(self.text, "{indent}if i > 0\n{indent}    {to} = {value}\n{indent}end"),
            1 => writeln!(self.text, "{indent}print(\"at\", i)\n{indent}{to} = {value}"),
            _ => writeln!(self.text, "{indent}{to} = {value}"),
        };
    }
}

fn program(choices: &[u8]) -> String {
    let mut writer = Writer { choices: choices.iter(), text: String::new() };
    writer.text.push_str(
        "function soften(a, b)\n    c = 1 + tensor.abs(b)\n    return a / c * 0.5 + a\nend\n\nfunction main()\n    \
         t0 = tensor.reshape(tensor.linspace(-2.0, 2.0, 800), [40, 20])\n    t1 = t0 * 0.5 + 1.25\n    \
         t2 = tensor.linspace(0.1, 1.0, 20)\n    t3 = tensor.reshape(tensor.arange(800), [40, 20])\n    n = 3\n    \
         t4 = tensor.cast(t3 * 1103515245, \"i32\")\n    s = 0.5\n    for i in 0..3\n",
    );
    for _ in 0..=writer.choose(4) {
        writer.statement("        ");
    }
    writer.text.push_str("    end\n");
    for _ in 0..writer.choose(3) {
        writer.statement("    ");
    }
    writer.text.push_str("    return [t0, t1, t2, t3, t4, n, s]\nend\n");
    writer.text = writer.text.replace("if i > 0", "if n == 3");
    writer.text
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn generated_tensor_programs_mean_the_same_at_every_level(choices in prop::collection::vec(any::<u8>(), 10..120)) {
        let source = program(&choices);
        if let Some(plain) = run_with(&source, JitLevel::Plain.into()) {
            let unfused = Execution { operator_fusion: false, ..Execution::at(JitLevel::Optimised) };
            for execution in [Execution::at(JitLevel::Optimised), unfused, Execution::at(JitLevel::Native)] {
                let found = run_with(&source, execution).map(|found| shown(&found));
                prop_assert_eq!(found.as_deref(), Some(&*shown(&plain)), "{:?} of\n{}", execution, source);
            }
        }
    }
}

#[test]
fn many_generated_programs_fuse_and_come_to_their_end() {
    let mut state = 1u32;
    let (mut good, mut regions, mut spared) = (0, 0, 0);
    for _ in 0..100 {
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        };
        let choices: Vec<u8> = (0..80).map(|_| next()).collect();
        if let Some(Ok(done)) = run_with(&program(&choices), Execution::default()) {
            good += 1;
            regions += done.fusion.regions;
            spared += done.fusion.spared;
        }
    }
    assert!(good >= 10 && regions >= 20, "{good} of 100 run to their end, with {regions} regions");
    assert!(spared >= 10, "{spared} operations are spared");
}

const CHAIN: &str = "function main()\n    x = tensor.linspace(0.0, 1.0, 4096)\n    y = x * 2.0 + 1.0\n    \
                     y = tensor.exp(-y) * x + 0.5\n    z = tensor.tanh(y) - x\n    return tensor.sum(z * z)\nend\n";

#[test]
fn chains_of_operations_run_as_one_region() {
    let fused = ran(CHAIN, JitLevel::Optimised.into());
    assert_eq!((fused.fusion.regions, fused.fusion.operations, fused.fusion.fallbacks), (1, 10, 0));
    let plain = ran(CHAIN, JitLevel::Plain.into());
    assert_eq!(plain.fusion.regions, 0);
    assert_eq!(bits(&fused.result), bits(&plain.result));
    let unfused = ran(CHAIN, Execution { tensor_fusion: false, ..Execution::default() });
    assert_eq!((unfused.fusion.regions, bits(&unfused.result)), (0, bits(&plain.result)));
}

/// How many operations of a region there are, and how many are spared of them; the results are those of level 0.
fn spared(lines: &str) -> (u64, u64) {
    let source = format!(
        "function main()\n    x = tensor.linspace(-2.0, 2.0, 4096)\n    y = tensor.linspace(1.0, 9.0, 4096)\n    \
         k = tensor.arange(4096)\n    {lines}\nend\n"
    );
    let (fused, plain) = (ran(&source, JitLevel::Optimised.into()), ran(&source, JitLevel::Plain.into()));
    assert_eq!(bits(&fused.result), bits(&plain.result), "{source}");
    (fused.fusion.operations, fused.fusion.spared)
}

#[test]
fn a_region_is_rewritten_into_one_that_gives_the_same_bits_for_less() {
    assert_eq!(spared("return (-x) * y + y * x"), (4, 2), "the product twice, once negated");
    assert_eq!(spared("return (x / 4.0 - y * (-1.0)) * 1"), (4, 2), "a sum of the quotient as a product");
    assert_eq!(spared("return tensor.where(tensor.logical_not(x > 0.0), x, y) * 2.0"), (4, 1));
    assert_eq!(spared("return k * k + k * 5"), (3, 1), "whole numbers are factored");
    // What would round otherwise, or lose the sign of a zero, stays.
    assert_eq!(spared("return x * 3.0 + x * 5.0"), (3, 0));
    assert_eq!(spared("return x + 0.0 - y * 3.0"), (3, 0));
    assert_eq!(spared("return -(x - y) / 3.0"), (3, 0));
}

#[test]
fn numbers_keep_the_type_that_they_take_from_what_they_meet() {
    let narrow = "i = tensor.cast(k * 1103515245, \"i32\")\n    j = tensor.cast(k * 11035152451, \"i32\")\n    ";
    for lines in [
        "return i * 3 + i * 5",
        "return i + 3 + 5",
        "return 3 - (5 - i) * 1",
        "w = tensor.where(i > j, 3, 5)\n    return i * w + i * j",
        "w = tensor.minimum(3, 5) * 1\n    return i * w + i * j",
    ] {
        spared(&format!("{narrow}{lines}"));
    }
    // What does not fit is refused as it is at level 0.
    let source =
        "function main()\n    i = tensor.cast(tensor.arange(4096), \"i32\")\n    return i * 20000000000 + i * 3\nend\n";
    let found = |level: JitLevel| shown(&run_with(source, level.into()).expect(source));
    assert!(found(JitLevel::Plain).contains("does not fit"), "{}", found(JitLevel::Plain));
    assert_eq!(found(JitLevel::Optimised), found(JitLevel::Plain));
}

#[test]
fn what_was_found_for_one_axis_is_not_used_for_another() {
    let function = "function f(x, axis, keep)\n    return tensor.sum((x * 1 - 0) * (-x), axis, keep)\nend\n";
    for calls in [
        "[f(x, 0, false), f(x, 1, false), f(x, 0, false)]",
        "[f(x, 1, false), f(x, 1, true)]",
        "[f(z, 2, false), f(x, -1, false)]",
    ] {
        let source = format!(
            "{function}function main()\n    x = tensor.reshape(tensor.linspace(0.0, 1.0, 4800), [60, 80])\n    \
             z = tensor.reshape(tensor.linspace(0.0, 1.0, 4800), [10, 6, 80])\n    return {calls}\nend\n"
        );
        let (fused, plain) = (ran(&source, JitLevel::Optimised.into()), ran(&source, JitLevel::Plain.into()));
        assert_eq!(bits(&fused.result), bits(&plain.result), "{source}");
        assert!(fused.fusion.spared > 0, "{source}");
    }
}

#[test]
fn values_that_are_shared_many_times_over_are_computed_once() {
    let mut source = "function main()\n    b = tensor.linspace(0.0, 0.001, 1000)\n".to_owned();
    for _ in 0..60 {
        source.push_str("    b = b * b + b\n");
    }
    source.push_str("    return tensor.sum(b)\nend\n");
    let (fused, plain) = (ran(&source, JitLevel::Optimised.into()), ran(&source, JitLevel::Plain.into()));
    assert_eq!(bits(&fused.result), bits(&plain.result));
}

#[test]
fn numbers_that_change_with_each_iteration_are_not_those_of_the_first() {
    let source = "function main()\n    x = tensor.linspace(-2.0, 2.0, 4096)\n    for i in 0..40\n        \
                  x = (x - i * 1.0) / (i + 1.0) * (i - 3.0) + (-x) * (i * 0.5)\n    end\n    return x\nend\n";
    let (fused, plain) = (ran(source, JitLevel::Optimised.into()), ran(source, JitLevel::Plain.into()));
    assert_eq!(bits(&fused.result), bits(&plain.result));
    assert_eq!((fused.fusion.regions, fused.fusion.fallbacks), (40, 0), "{:?}", fused.fusion);
}

#[test]
fn bounds_and_choices_do_not_end_a_region() {
    let source = "function main()\n    x = tensor.linspace(-2.0, 2.0, 4096)\n    y = tensor.clip(x * 2.0, -1, 3) + 1.0\n    \
                  y = tensor.where(y > 1, y, y * 0.1)\n    return tensor.sum(tensor.clip(y, max = 2) * x)\nend\n";
    let fused = ran(source, JitLevel::Optimised.into());
    assert_eq!((fused.fusion.regions, fused.fusion.operations, fused.fusion.fallbacks), (1, 10, 0));
    assert_eq!(bits(&fused.result), bits(&ran(source, JitLevel::Plain.into()).result));
}

#[test]
fn leaky_units_and_closeness_do_not_end_a_region() {
    let source = "function main()\n    x = tensor.linspace(-2.0, 2.0, 4096)\n    y = tensor.leaky_relu(x * 2.0, 0.1) + 1.0\n    \
                  z = tensor.isclose(y, x * 1.5, rtol = 0.2)\n    w = tensor.isclose(tensor.leaky_relu(y - 1.0), 0.5, 0, 1)\n    \
                  return tensor.sum(tensor.where(tensor.logical_or(z, w), y, x * 3.0))\nend\n";
    let (fused, plain) = (ran(source, JitLevel::Optimised.into()), ran(source, JitLevel::Plain.into()));
    assert_eq!(plain.fusion.regions, 0);
    assert_eq!(bits(&fused.result), bits(&plain.result));
    assert_eq!((fused.fusion.regions, fused.fusion.fallbacks), (1, 0), "{:?}", fused.fusion);
}

#[test]
fn products_are_joined_by_what_follows_them() {
    let source = "function main()\n    a = tensor.reshape(tensor.linspace(0.0, 1.0, 1024), [32, 32])\n    \
                  b = tensor.sum(a)\n    return tensor.relu(a @ a) + b\nend\n";
    let joined = ran(source, Execution::default());
    assert_eq!((joined.fusion.products, joined.fusion.regions), (1, 1));
    let apart = ran(source, Execution { operator_fusion: false, ..Execution::default() });
    assert_eq!((apart.fusion.products, apart.fusion.regions), (0, 1));
    assert_eq!(bits(&joined.result), bits(&apart.result));
}

#[test]
fn short_loops_are_written_out_and_count_their_iterations() {
    let source = "function main(n: int = 100)\n    s = 0\n    for i in 0..n\n        for k in 0..4\n            \
                  s = s + k * i\n        end\n    end\n    return s\nend\n";
    let unrolled = ran(source, JitLevel::Optimised.into());
    assert_eq!(unrolled.optimiser.unrolled, 1);
    let kept = ran(source, Execution { loop_unrolling: false, ..Execution::at(JitLevel::Optimised) });
    assert_eq!((kept.optimiser.unrolled, kept.result), (0, unrolled.result));
    // 100 iterations outside and 400 inside: with 500 allowed it runs, with 499 it stops.
    for (allowed, fine) in [(500, true), (499, false)] {
        for level in JitLevel::ALL {
            let program = compile("fusion.mcode", source).program.expect("it compiles");
            let mut limits = Limits::local();
            limits.loop_iterations = Some(allowed);
            let request = RunRequest {
                execution: level.into(),
                ..RunRequest::new(Context::new(Device::cpu()).with_limits(&limits), limits.clone())
            };
            assert_eq!(run(&program, request).is_ok(), fine, "{allowed} at level {level}");
        }
    }
}

#[test]
fn what_a_loop_computes_alike_is_computed_once() {
    let source = "function main()\n    a = tensor.linspace(0.0, 1.0, 1000)\n    s = 0.0\n    for i in 0..50\n        \
                  s = s + scalar(tensor.sum(tensor.exp(a) * a)) * i\n    end\n    return s\nend\n";
    let optimised = ran(source, JitLevel::Optimised.into());
    assert!(optimised.optimiser.hoisted >= 1, "{:?}", optimised.optimiser);
    assert!(optimised.fusion.regions <= 2, "{:?}", optimised.fusion);
    assert_eq!(bits(&optimised.result), bits(&ran(source, JitLevel::Plain.into()).result));
}

#[test]
fn constants_are_folded_and_equal_operations_shared() {
    let source = "function main(n: int = 3)\n    a = 2.0 * 3.0\n    b = a * 4.0 + 1\n    x = tensor.ones(600) * n\n    \
                  y = tensor.exp(x) + 1\n    z = tensor.exp(x) + 2\n    return [b, tensor.sum(y), tensor.sum(z)]\nend\n";
    let optimised = ran(source, JitLevel::Optimised.into());
    assert!(optimised.optimiser.folded >= 3 && optimised.optimiser.shared >= 1, "{:?}", optimised.optimiser);
    assert_eq!(bits(&optimised.result), bits(&ran(source, JitLevel::Plain.into()).result));
}

#[test]
fn errors_in_a_region_name_their_line() {
    // Sizes are arguments, so that nothing is found before the programs run.
    let program = |body: &str| format!("function main(m: int = 600, n: int = 0)\n{body}    return d\nend\n");
    for (source, line) in [
        // The fourth line of the chain does not broadcast.
        ("    a = tensor.ones(m)\n    b = tensor.ones(m + 100)\n    c = a * 2 + 1\n    d = c + b\n    d = d * 2\n", 5),
        ("    a = tensor.ones(m)\n    c = a * 2 + 1\n    d = tensor.sum(c, axis = m) + 1\n", 4),
        // What comes first in the text is told first, though numbers are computed at once.
        ("    a = tensor.ones(m)\n    b = tensor.ones(m + 100)\n    c = a + b\n    d = 1 // n + c\n", 4),
        ("    a = tensor.ones(m)\n    c = a * 2 + 1\n    d = 1 // n + c\n", 4),
    ] {
        let source = program(source);
        let places: Vec<u32> = JitLevel::ALL
            .iter()
            .map(|level| {
                let found = run_with(&source, (*level).into()).expect("it compiles");
                let error = found.expect_err(&source);
                error.primary.map_or(0, |label| label.span.line)
            })
            .collect();
        assert_eq!(places, [line; 3], "{source}");
    }
}
