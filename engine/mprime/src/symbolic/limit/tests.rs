//! Limits, and why some are refused.

use super::{super::parse, *};

fn read(text: &str) -> Expr {
    parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn shown(text: &str, point: &str, direction: Direction) -> String {
    match limit(&read(text), "x", &read(point), direction) {
        Ok(value) => value.to_string(),
        Err(error) => format!("error: {error}"),
    }
}

#[track_caller]
fn same(direction: Direction, cases: &[(&str, &str, &str)]) {
    let wrong: Vec<String> = cases
        .iter()
        .map(|(text, point, expected)| (shown(text, point, direction), text, point, expected))
        .filter(|(found, _, _, expected)| found != *expected)
        .map(|(found, text, point, expected)| format!("{text} at {point}: {found}, not {expected}"))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn limits_from_both_sides() {
    same(
        Direction::Both,
        &[
            ("sin(x)/x", "0", "1"),
            ("(1 + 1/x)^x", "oo", "e"),
            ("(1 - cos(x))/x^2", "0", "1/2"),
            ("(exp(x) - 1)/x", "0", "1"),
            ("x^(1/x)", "oo", "1"),
            ("(x^2 - 1)/(x - 1)", "1", "2"),
            ("1/x^2", "0", "oo"),
            ("x^2", "3", "9"),
            ("atan(x)", "oo", "pi/2"),
            ("atan(x)", "-oo", "-pi/2"),
            ("sqrt(x^2 + x) - x", "oo", "1/2"),
            ("tanh(x)", "-oo", "-1"),
            ("erf(x)", "oo", "1"),
            ("(sin(a + x) - sin(a))/x", "0", "cos(a)"),
            ("sin(a x)/x", "0", "a"),
            ("log(x)/x", "oo", "0"),
            ("x!/x^x", "oo", "0"),
            ("gamma(x)*x", "0", "1"),
        ],
    );
}

#[test]
fn limits_from_one_side() {
    same(
        Direction::Above,
        &[
            ("x*log(x)", "0", "0"),
            ("x^x", "0", "1"),
            ("1/x", "0", "oo"),
            ("abs(x)/x", "0", "1"),
            ("exp(-1/x)", "0", "0"),
            ("tan(x)", "pi/2", "-oo"),
        ],
    );
    same(Direction::Below, &[("1/x", "0", "-oo"), ("abs(x)/x", "0", "-1"), ("tan(x)", "pi/2", "oo")]);
}

#[test]
fn gruntz_examples() {
    same(
        Direction::Above,
        &[
            ("exp(x)*(exp(1/x - exp(-x)) - exp(1/x))", "oo", "-1"),
            ("exp(x)*(exp(1/x + exp(-x) + exp(-x^2)) - exp(1/x - exp(-exp(x))))", "oo", "1"),
            ("exp(exp(x - exp(-x))/(1 - 1/x)) - exp(exp(x))", "oo", "oo"),
            ("exp(exp(exp(x + exp(-x))))/exp(exp(exp(x)))", "oo", "oo"),
            ("exp(exp(exp(x)))/exp(exp(exp(x - exp(-exp(x)))))", "oo", "oo"),
            ("exp(exp(exp(x)))/exp(exp(exp(x - exp(-exp(exp(x))))))", "oo", "1"),
            ("(3^x + 5^x)^(1/x)", "oo", "5"),
            ("x/log(x^(log(x^(log(2)/log(x)))))", "oo", "oo"),
            ("x - log(1 + exp(x))", "oo", "0"),
            ("log(x)*(log(log(x) + log(log(x))) - log(log(x)))/log(log(x) + log(log(log(x))))", "oo", "1"),
            ("x*log(x)*log(x*exp(x) - x^2)^2/log(log(x^2 + 2*exp(exp(3*x^3*log(x)))))", "oo", "1/3"),
            ("(exp(x*exp(-x)/(exp(-x) + exp(-2*x^2/(x + 1)))) - exp(x))/x", "oo", "-exp(2)"),
            ("exp(x)*(sin(1/x + exp(-x)) - sin(1/x + exp(-x^2)))", "oo", "1"),
            ("(erf(x - exp(-exp(x))) - erf(x))*exp(exp(x))*exp(x^2)", "oo", "-2/sqrt(pi)"),
        ],
    );
}

#[test]
fn what_oscillates_is_squeezed_or_has_no_limit() {
    same(
        Direction::Both,
        &[
            ("sin(x)/x", "oo", "0"),
            ("x*sin(1/x)", "0", "0"),
            ("x + sin(x)", "oo", "oo"),
            ("(x + cos(x))/(2 x + sin(x))", "oo", "1/2"),
            ("exp(sin(x))/x", "oo", "0"),
            ("sin(x + 1/x) - sin(x)", "oo", "0"),
            ("sin(x)^2 + cos(x)^2", "oo", "1"),
            ("sin(sqrt(x + 1)) - sin(sqrt(x))", "oo", "0"),
        ],
    );
    for (text, reason) in [
        ("sin(x)", "oscillates between -1 and 1"),
        ("2 + 3 cos(x)", "oscillates between -1 and 5"),
        ("x*sin(x)", "oscillates"),
        ("tan(x)", "oscillates"),
        ("exp(-x)/sin(x)", "oscillates"),
        ("(-1)^x", "oscillates"),
    ] {
        let found = shown(text, "oo", Direction::Both);
        assert!(found.starts_with("error") && found.contains(reason), "{text}: {found}");
    }
}

#[test]
fn what_has_no_limit_says_why() {
    for (text, point, reason) in [
        ("1/x", "0", "From above it is oo, from below -oo"),
        ("abs(x)/x", "0", "From above it is 1, from below -1"),
        ("a*x", "oo", "the sign of `a` decides"),
        ("x", "x", "holds `x` itself"),
        ("exp(1/x)", "0", "From above it is oo, from below 0"),
    ] {
        let found = shown(text, point, Direction::Both);
        assert!(found.starts_with("error") && found.contains(reason), "{text}: {found}");
    }
}

#[test]
fn deep_formulas_neither_hang_nor_overflow_the_stack() {
    let nested =
        |function: &str, depth: usize| format!("{}x{}", format!("{function}(").repeat(depth), ")".repeat(depth));
    for function in ["sin", "exp", "log", "sqrt", "1 + exp(-", "x^("] {
        for depth in [3, 30, 190] {
            let Ok(formula) = parse(&nested(function.trim_end_matches('('), depth)) else { continue };
            let _ = limit(&formula, "x", &Expr::constant(Constant::Infinity), Direction::Above);
            let _ = limit(&formula, "x", &Expr::zero(), Direction::Both);
            let _ = crate::symbolic::series(&formula, "x", &Expr::one(), 6);
        }
    }
}

#[test]
fn a_wrong_limit_is_not_confirmed() {
    for (text, point, right, wrong) in [
        ("sin(x)/x", "0", "1", "0"),
        ("(1 + 1/x)^x", "oo", "e", "1"),
        ("x^2", "oo", "oo", "0"),
        ("-x^2", "oo", "-oo", "oo"),
        ("1/x", "oo", "0", "oo"),
        ("log(i*x - 1)", "0", "i*pi", "-i*pi"),
    ] {
        let (expr, point) = (read(text), read(point));
        let side = Side { expr: &expr, name: "x", point: &point, direction: Direction::Above };
        assert_eq!(check::confirm(&side, &read(right)), Ok(()), "{text}");
        assert!(check::confirm(&side, &read(wrong)).is_err(), "{text}");
    }
}

#[test]
fn work_is_bounded() {
    let mut gruntz = Gruntz::new("x", 50);
    let outcome = gruntz.limit(&read("exp(x + exp(-x))/exp(x)*(1 + 1/x)^x"));
    assert!(matches!(outcome, Err(Stop::Math(error)) if error.message.contains("steps of expansion")));
}
