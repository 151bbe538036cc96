//! Antiderivatives, and integrals between points.

use super::*;
use crate::symbolic::{parse, real_value};

fn read(text: &str) -> Expr {
    parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// What has an antiderivative that is found.
const FOUND: [&str; 47] = [
    "x^2 abs(x) + 3",
    "abs(2x - 3)",
    "abs(x^2 - 1)",
    "exp(-abs(x))",
    "abs(x) sign(x - 1)",
    "x abs(x + 1) abs(x - 2)",
    "sqrt(1 - x^2)",
    "sqrt(x^2 + 1)",
    "x^3 sqrt(x^2 + x + 1)",
    "x^2/sqrt(4 - 3x^2)",
    "1/sqrt(a x^2 + b x + 1)",
    "(x + 1)(x^2 - 2x)^(3/2)",
    "1/(x^4 + 1)",
    "(x^2 + 3)/(2x^4 + x^2 + 5)",
    "1/(x^2 - 1)",
    "x^3/(x^2 + 1)",
    "1/(x^3 + 1)",
    "1/(x^2 + 1)^2",
    "(x + 1)/(x^2 (x^2 + x + 1)^2)",
    "sin(x)^2",
    "sin(x)^3 cos(x)^2",
    "sin(3x) cos(2x)",
    "x^2 sin(x)",
    "x^3 exp(-x)",
    "exp(2x) sin(3x)",
    "x log(x)^2",
    "atan(x)",
    "x atan(x)",
    "log(x)/x",
    "1/(x log(x))",
    "x/(x^4 + 1)",
    "tan(x)",
    "tan(x)^2",
    "exp(x)/(exp(x) + 1)",
    "sqrt(2x + 1)",
    "x sqrt(x^2 + 1)",
    "sin(sqrt(x))/sqrt(x)",
    "cos(x)/(1 + sin(x)^2)",
    "1/(exp(x) + exp(-x))",
    "x^5 exp(x^3)",
    "1/(x^2 - 2)",
    "cosh(x)^-2",
    "1/sqrt(x)",
    "2^x",
    "x*2^x",
    "asin(x)",
    "(2x + 3)^7",
];

#[test]
fn antiderivatives_are_found() {
    for (text, expected) in [
        ("x^2", "x^3/3"),
        ("1/x", "log(x)"),
        ("sin(2x)", "-cos(2*x)/2"),
        ("exp(3x)", "exp(3*x)/3"),
        ("1/(x^2 + 1)", "atan(x)"),
        ("x exp(x)", "(x - 1)*exp(x)"),
        ("log(x)", "x*log(x) - x"),
        ("2x cos(x^2)", "sin(x^2)"),
        ("a x", "a*x^2/2"),
        ("exp(-x^2)", "sqrt(pi)*erf(x)/2"),
        ("abs(x)", "x*abs(x)/2"),
        ("sign(x)", "abs(x)"),
    ] {
        assert_eq!(integrate(&read(text), "x").map(|found| found.to_string()), Ok(expected.to_owned()), "{text}");
    }
    let mut missed = Vec::new();
    // The check by the derivative is a part of the answer: that there is one is enough.
    for text in FOUND {
        if let Err(error) = integrate(&read(text), "x") {
            missed.push(format!("{text}: {error}"));
        }
    }
    assert!(missed.is_empty(), "{missed:#?}");
    for text in ["exp(x)/x", "sin(x)/x", "x^x", "gamma(x)", "exp(x^3)"] {
        assert!(integrate(&read(text), "x").is_err(), "{text}");
    }
}

#[test]
fn integrals_between_points_are_exact_or_say_that_they_are_numerical() {
    let between = |text: &str, from: &str, to: &str| integrate_between(&read(text), "x", &read(from), &read(to));
    for (text, from, to, expected) in [
        ("sin(x)", "0", "pi", "2"),
        ("x^2", "0", "1", "1/3"),
        ("exp(-x)", "0", "oo", "1"),
        ("exp(-x^2)", "-oo", "oo", "sqrt(pi)"),
        ("1/(x^2 + 1)", "-oo", "oo", "pi"),
        ("1/sqrt(x)", "0", "1", "2"),
        ("x", "2", "1", "-3/2"),
        ("log(x)", "0", "1", "-1"),
        ("abs(x)", "-1", "2", "5/2"),
        ("sqrt(1 - x^2)", "-1", "1", "pi/2"),
        ("sqrt(x^2)", "-1", "1", "1"),
        ("x/abs(x)", "-1", "2", "1"),
        ("1/sqrt(abs(x))", "-1", "1", "4"),
        ("exp(-(x - 1000)^2)", "-oo", "oo", "sqrt(pi)"),
        ("exp(-10^8*(x - 1/3)^2)", "0", "1", "sqrt(pi)/20000*(erf(20000/3) + erf(10000/3))"),
        ("abs(x^2 - 1)", "-2", "2", "4"),
        ("abs(sin(x))", "0", "2 pi", "4"),
        ("abs(cos(x) - 1/2)", "0", "pi", "sqrt(3) + pi/6"),
    ] {
        assert_eq!(between(text, from, to), Ok(Definite::Exact(read(expected))), "{text}");
    }
    assert!(between("1/x", "-1", "1").is_err());
    assert!(between("1/x", "1", "oo").is_err());
    assert!(between("exp(-(x - 10^6)^2)/(1 + x^4)", "-oo", "oo").is_err());
    let Ok(Definite::Numerical { value, .. }) = between("sin(x)/x", "-1", "2") else { panic!("a numerical value") };
    assert!((value - 2.551_496_047_169_88).abs() < 1e-9, "{value}");
    assert!(between("1/x^2", "-1", "1").is_err());
    let Ok(Definite::Numerical { value, error }) = between("sin(x)/x", "0", "pi") else { panic!("a numerical value") };
    assert!((value - 1.851_937_051_982_466).abs() < 1e-9 && error < 1e-6, "{value} {error}");
    // The antiderivative by half angles would jump.
    let Ok(found) = between("1/(2 + cos(x))", "0", "2 pi") else { panic!("an integral") };
    let value = match &found {
        Definite::Exact(expr) => real_value(expr).expect("a number"),
        Definite::Numerical { value, .. } => *value,
    };
    assert!((value - 3.627_598_728_468_435_7).abs() < 1e-9, "{found:?}");
}
