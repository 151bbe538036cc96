//! Formulas over numbers and tensors, beside the same written as a program, and what is wrong with them.

use nexus_mcode::{JitLevel, RunRequest, compile, run};
use nexus_model::{Diagnostic, Execution, Limits, Value};
use nexus_tensor::{Context, Device};

fn ran(source: &str, level: JitLevel) -> Result<Value, Box<Diagnostic>> {
    let program = compile("t.mcode", source).program.expect("the program compiles");
    let request = RunRequest {
        threads: 2,
        execution: Execution::at(level),
        ..RunRequest::new(Context::new(Device::cpu()), Limits::local())
    };
    run(&program, request).map(|done| done.result).map_err(Box::new)
}

fn told(source: &str) -> String {
    let error = ran(source, JitLevel::Plain).expect_err("the program stops");
    let help = error.help.iter().map(|help| format!("\n  help: {help}")).collect::<String>();
    format!("{} {}{help}", error.code, error.message)
}

/// A formula, and the same as an expression of the language over `x`, `y` and `n`.
const PAIRS: [(&str, &str); 14] = [
    ("x^2 + y", "x * x + y"),
    ("(x - y)/(x + 2)", "(x - y) / (x + 2)"),
    ("exp(-x^2/2)/sqrt(2*pi)", "math.exp(-x * x / 2) / math.sqrt(2 * math.pi)"),
    ("x^-3", "1 / x ** 3"),
    ("2^x - x^y", "2.0 ** x - x ** y"),
    ("sin(x)*cos(y) + tan(x)", "math.sin(x) * math.cos(y) + math.tan(x)"),
    ("asin(x/4) + acos(x/4) + atan(x)", "math.asin(x / 4) + math.acos(x / 4) + math.atan(x)"),
    ("sinh(x) + cosh(x) - tanh(x)", "math.sinh(x) + math.cosh(x) - math.tanh(x)"),
    ("log(x)/log(10)", "math.log(x) / math.log(10)"),
    ("abs(y - x) + sign(y - x)", "math.abs(y - x) + math.sign(y - x)"),
    ("erf(x)", "tensor.erf(x)"),
    ("-x - y - 1/3", "-x - y - 1 / 3"),
    ("x^(1/3)", "x ** (1 / 3)"),
    ("7/2", "3.5 + 0 * n"),
];

#[test]
fn a_formula_has_the_values_of_the_expression() {
    let names = "x = tensor.from_list([0.25, 1.0, 2.5, 3.75], \"f64\")\ny = tensor.from_list([-1.0, 0.5, 2.0, 8.0], \"f64\")\nn = 3\n";
    for (formula, expression) in PAIRS {
        let source = format!(
            "{names}a = mprime.values({formula:?}, {{x: x, y: y, n: n}})\nb = {expression}\n\
             return tensor.item(tensor.max(tensor.abs(a - b) / (1 + tensor.abs(b)) + tensor.zeros([4], \"f64\")))\n"
        );
        for level in [JitLevel::Plain, JitLevel::Optimised, JitLevel::Native] {
            let apart = match ran(&source, level).expect(formula) {
                Value::Scalar(apart) => apart,
                other => panic!("{formula}: {other:?}"),
            };
            assert!(apart <= 4e-15, "{formula}: {apart:e}");
        }
    }
}

#[test]
fn numbers_give_numbers_and_do_not_overflow() {
    let number = |source: &str| match ran(source, JitLevel::Plain).expect(source) {
        Value::Scalar(number) => number,
        other => panic!("{source}: {other:?}"),
    };
    assert_eq!(number("mprime.values(\"x^9\", {x: 1000})"), 1e27);
    assert_eq!(number("mprime.values(\"factorial(n)/gamma(n)\", {n: 5})"), 5.0);
    let difference = number("mprime.values(\"asinh(x) + acosh(x) + atanh(1/x)\", {x: 2})");
    assert!((difference - (2f64.asinh() + 2f64.acosh() + 0.5f64.atanh())).abs() < 1e-15);
}

#[test]
fn formulas_are_differentiated_as_programs_are() {
    let source = "f = x => mprime.values(\"sin(x)*exp(x)\", {x: x})\n\
                  slope = mprime.diff(\"sin(x)*exp(x)\", \"x\")\n\
                  return grad.grad(f)(0.75) - mprime.values(slope, {x: 0.75})\n";
    let Value::Scalar(apart) = ran(source, JitLevel::Plain).expect("a gradient") else { panic!("a number") };
    assert!(apart.abs() < 1e-15, "{apart:e}");
}

#[test]
fn what_is_missing_or_no_number_is_told() {
    let programs = [
        "mprime.values(\"x + y\", {x: 1})",
        "mprime.values(\"2*x\", {x: [1, 2]})",
        "mprime.values(\"x + i\", {x: 1})",
        "mprime.values(\"x +\", {x: 1})",
        "mprime.values(\"x\", 1)",
        "mprime.integrate(\"x\", \"x\", 0)",
        "mprime.limit(\"x\", \"x\", 0, \"left\")",
        "mprime.series(\"x\", \"x\", 0, -1)",
        "mprime.integrate(\"1/x\", \"x\", -1, 1)",
    ];
    insta::assert_snapshot!(programs.map(told).join("\n"), @r#"
    MC0409 `mprime.values`: the formula has the name `y`, which is given no value
      help: add it to the record: {y: 1.5}
    MC0403 `mprime.values` needs a number or a tensor for each name, found list
    MC0407 `mprime.values`: the values of the formula are not real: it has `i`
    MC0407 `mprime.values`: the formula ends where a number, a name or `(` is missing, at byte 3 of the formula
    MC0403 `mprime.values` needs a record of values such as {x: 1.5}, found int
    MC0409 `mprime.integrate` is given one end of an integral
      help: give both, or none: `mprime.integrate("x^2", "x", 0, 1)`
    MC0409 `mprime.limit` comes from no side called "left"
      help: the sides are "above", "below" and "both"
    MC0407 `mprime.series`: a series of order -1 is asked for
      help: orders go from 0 to 400
    MC0407 `mprime.integrate`: the integral does not converge: the formula has a pole near x = 0
    "#);
}
