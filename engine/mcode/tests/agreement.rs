//! Generated programs mean the same at every level: their results to the last bit, and their errors with text, place and
//! the calls that led there.
//!
//! A program is drawn from a string of choices, so that a failing one shrinks to a short one. It has variables whose
//! types may change while it runs, lists of ints and of scalars, calls (one of them recursive), branches and loops, and
//! repeats its body until native code is made of it.

use std::fmt::Write;

use nexus_mcode::{JitLevel, RunRequest, compile, run};
use nexus_model::{Limits, Value};
use nexus_tensor::{Context, Device};
use proptest::prelude::*;

/// Draws a program from choices; where they run out, the simplest is taken.
struct Writer<'c> {
    choices: std::slice::Iter<'c, u8>,
    text: String,
    indent: usize,
    loops: usize,
}

impl Writer<'_> {
    fn choose(&mut self, count: u8) -> u8 {
        self.choices.next().map_or(0, |choice| choice % count)
    }

    fn line(&mut self, line: &str) {
        let _ = writeln!(self.text, "{:indent$}{line}", "", indent = self.indent * 4);
    }

    fn variable(&mut self) -> String {
        format!("v{}", self.choose(4))
    }

    fn number(&mut self, depth: u8) -> String {
        let count = if depth == 0 { 7 } else { 19 };
        match self.choose(count) {
            0 => self.variable(),
            1 => "i".to_owned(),
            2 => self.choose(7).to_string(),
            3 => ["0.5", "-2.0", "1e300", "0.0", "-0.0", "3.25"][usize::from(self.choose(6))].to_owned(),
            4 => ["9223372036854775807", "4611686018427387904", "-1", "9007199254740993", "-7"]
                [usize::from(self.choose(5))]
            .to_owned(),
            5 => self.variable(),
            6 => "len(xs)".to_owned(),
            7 => self.binary("+", depth),
            8 => self.binary("-", depth),
            9 => self.binary("*", depth),
            10 => self.binary("//", depth),
            11 => self.binary("%", depth),
            12 => self.binary("/", depth),
            13 => format!("(-{})", self.number(depth - 1)),
            14 => format!("xs[int({}) % 9]", self.small(depth)),
            15 => format!("ys[{}]", self.small(depth)),
            16 => format!("f({}, {})", self.number(depth - 1), self.number(depth - 1)),
            17 => {
                let name = ["math.sqrt", "math.sin", "abs", "math.floor", "scalar", "int"][usize::from(self.choose(6))];
                format!("{name}({})", self.number(depth - 1))
            }
            _ => {
                let name = ["min", "max"][usize::from(self.choose(2))];
                format!("{name}({}, {})", self.number(depth - 1), self.number(depth - 1))
            }
        }
    }

    fn small(&mut self, depth: u8) -> String {
        match self.choose(3) {
            0 => format!("i % {}", self.choose(6) + 1),
            1 => (i16::from(self.choose(14)) - 7).to_string(),
            _ => self.number(depth - 1),
        }
    }

    fn binary(&mut self, operator: &str, depth: u8) -> String {
        format!("({} {operator} {})", self.number(depth - 1), self.number(depth - 1))
    }

    fn condition(&mut self, depth: u8) -> String {
        match self.choose(if depth == 0 { 6 } else { 9 }) {
            choice @ 0..6 => {
                let operator = ["<", "<=", ">", ">=", "==", "!="][usize::from(choice)];
                format!("{} {operator} {}", self.number(1), self.number(1))
            }
            6 => format!("({}) and ({})", self.condition(depth - 1), self.condition(depth - 1)),
            7 => format!("({}) or ({})", self.condition(depth - 1), self.condition(depth - 1)),
            _ => format!("not ({})", self.condition(depth - 1)),
        }
    }

    fn block(&mut self, depth: u8) {
        self.indent += 1;
        for _ in 0..=self.choose(3) {
            self.statement(depth);
        }
        self.indent -= 1;
    }

    fn statement(&mut self, depth: u8) {
        match self.choose(if depth == 0 { 5 } else { 9 }) {
            0..=2 => {
                let (to, value) = (self.variable(), self.number(3));
                self.line(&format!("{to} = {value}"));
            }
            3 => {
                let (at, value) = (self.small(1), self.number(2));
                self.line(&format!("xs[{at}] = {value}"));
            }
            4 => {
                let (at, value) = (self.small(1), self.number(2));
                self.line(&format!("ys[{at}] = {value} * 0.5"));
            }
            5 | 6 => {
                let condition = self.condition(2);
                self.line(&format!("if {condition}"));
                self.block(depth - 1);
                if self.choose(2) == 1 {
                    self.line("else");
                    self.block(depth - 1);
                }
                self.line("end");
            }
            7 => {
                self.loops += 1;
                let name = format!("k{}", self.loops);
                let over = ["0..6", "5..0 by -2", "xs", "0..=i % 4", "ys"][usize::from(self.choose(5))];
                self.line(&format!("for {name} in {over}"));
                self.indent += 1;
                let to = self.variable();
                self.line(&format!("{to} = {name}"));
                self.indent -= 1;
                self.block(depth - 1);
                self.line("end");
            }
            _ => {
                self.loops += 1;
                let name = format!("k{}", self.loops);
                let condition = self.condition(1);
                self.line(&format!("{name} = 0"));
                self.line(&format!("while {name} < 5 and ({condition})"));
                self.indent += 1;
                self.line(&format!("{name} = {name} + 1"));
                self.indent -= 1;
                self.block(depth - 1);
                self.line("end");
            }
        }
    }
}

fn program(choices: &[u8]) -> String {
    let mut writer = Writer { choices: choices.iter(), text: String::new(), indent: 0, loops: 0 };
    let (first, second, stop) = (writer.number_of_parameters(), writer.number_of_parameters(), writer.choose(4));
    writer.text.push_str(&format!(
        "function f(a, b)\n    if a > {stop} and a < 40\n        return f(a - 1, b) {first}\n    end\n    return a {second}\nend\n\n"
    ));
    writer.line("function main()");
    writer.indent = 1;
    for line in ["v0 = 0", "v1 = 1", "v2 = 0.5", "v3 = 2", "xs = [1, 2, 3, 4, 5, 6, 7]", "ys = [0.5] * 5"] {
        writer.line(line);
    }
    writer.line("for i in 0..400");
    writer.block(3);
    writer.line("end");
    writer.line("return [v0, v1, v2, v3, xs, ys]");
    writer.indent = 0;
    writer.line("end");
    writer.text
}

impl Writer<'_> {
    /// What a function does with its parameters at the end of an expression.
    fn number_of_parameters(&mut self) -> &'static str {
        ["+ b", "- b", "* 2", "+ 0.5", "// 3", ""][usize::from(self.choose(6))]
    }
}

fn outcome(source: &str, jit: JitLevel) -> Option<String> {
    let program = compile("generated.mcode", source).program?;
    let mut limits = Limits::local();
    limits.loop_iterations = Some(60_000);
    limits.recursion_depth = 60;
    let request = RunRequest {
        execution: jit.into(),
        ..RunRequest::new(Context::new(Device::cpu()).with_limits(&limits), limits.clone())
    };
    Some(match run(&program, request) {
        Ok(done) => bits(&done.result),
        Err(diagnostic) => format!("{diagnostic:?}"),
    })
}

/// Values with the bits of scalars. Which NaN it is differs between processors' instructions and means nothing.
fn bits(value: &Value) -> String {
    match value {
        Value::Scalar(v) if v.is_nan() => "nan".to_owned(),
        Value::Scalar(v) => format!("{:016x}", v.to_bits()),
        Value::List(items) => items.iter().map(bits).collect::<Vec<_>>().join(","),
        other => format!("{other:?}"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn generated_programs_mean_the_same_at_every_level(choices in prop::collection::vec(any::<u8>(), 10..160)) {
        let source = program(&choices);
        // What the checker refuses is no program.
        if let Some(plain) = outcome(&source, JitLevel::Plain) {
            for level in [JitLevel::Optimised, JitLevel::Native] {
                let found = outcome(&source, level);
                prop_assert_eq!(found.as_ref(), Some(&plain), "{:?} of\n{}", level, source);
            }
        }
    }
}

#[test]
fn most_generated_programs_are_programs() {
    let mut state = 1u32;
    let mut good = 0;
    for _ in 0..100 {
        let choices: Vec<u8> = (0..100)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (state >> 24) as u8
            })
            .collect();
        let source = program(&choices);
        good += u32::from(outcome(&source, JitLevel::Plain).is_some_and(|found| !found.contains("MC0")));
    }
    // The rest are refused by the checker or end in an error while they run, which must agree as well.
    assert!(good >= 10, "{good} of 100 run to their end");
}
