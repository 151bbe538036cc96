//! Series, and why some are refused.

use super::{super::parse, *};

fn read(text: &str) -> Expr {
    parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn shown(text: &str, point: &str, order: u32) -> String {
    match series(&read(text), "x", &read(point), order) {
        Ok(series) => series.to_string(),
        Err(error) => format!("error: {error}"),
    }
}

#[track_caller]
fn same(cases: &[(&str, &str, u32, &str)]) {
    let wrong: Vec<String> = cases
        .iter()
        .map(|(text, point, order, expected)| (shown(text, point, *order), text, point, expected))
        .filter(|(found, _, _, expected)| found != *expected)
        .map(|(found, text, point, expected)| format!("{text} at {point}:\n   {found}\nnot {expected}"))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn series_of_taylor() {
    same(&[
        ("exp(x)", "0", 3, "1 + x + x^2/2 + O(x^3)"),
        ("sin(x)", "0", 6, "x - x^3/6 + x^5/120 + O(x^6)"),
        ("cos(x)", "0", 4, "1 - x^2/2 + O(x^4)"),
        ("tan(x)", "0", 6, "x + x^3/3 + 2*x^5/15 + O(x^6)"),
        ("log(1 + x)", "0", 4, "x - x^2/2 + x^3/3 + O(x^4)"),
        ("sqrt(1 + x)", "0", 4, "1 + x/2 - x^2/8 + x^3/16 + O(x^4)"),
        ("atan(x)", "0", 6, "x - x^3/3 + x^5/5 + O(x^6)"),
        ("asin(x)", "0", 6, "x + x^3/6 + 3*x^5/40 + O(x^6)"),
        ("acos(x)", "0", 4, "pi/2 - x - x^3/6 + O(x^4)"),
        ("sinh(x)", "0", 4, "x + x^3/6 + O(x^4)"),
        ("tanh(x)", "0", 4, "x - x^3/3 + O(x^4)"),
        ("erf(x)", "0", 4, "2*x/sqrt(pi) - 2*x^3/(3*sqrt(pi)) + O(x^4)"),
        ("1/(1 - x)", "0", 4, "1 + x + x^2 + x^3 + O(x^4)"),
        ("exp(sin(x))", "0", 5, "1 + x + x^2/2 - x^4/8 + O(x^5)"),
        ("log(x)", "1", 3, "(x - 1) - (x - 1)^2/2 + O((x - 1)^3)"),
        ("x^2 + 1", "0", 5, "1 + x^2"),
        ("x^2 + x + 1", "0", 2, "1 + x + O(x^2)"),
        ("(1 + x)^a", "0", 3, "1 + a*x + x^2*(a^2/2 - a/2) + O(x^3)"),
        ("exp(a x)", "0", 3, "1 + a*x + a^2*x^2/2 + O(x^3)"),
        ("sin(x)", "pi/2", 4, "1 - (x - pi/2)^2/2 + O((x - pi/2)^4)"),
        ("abs(x)", "1", 3, "1 + (x - 1)"),
        ("sin(x)^2 + cos(x)^2", "0", 8, "1 + O(x^8)"),
    ]);
}

#[test]
fn series_of_laurent_and_puiseux() {
    same(&[
        ("1/sin(x)", "0", 4, "1/x + x/6 + 7*x^3/360 + O(x^4)"),
        ("cot(x)", "0", 3, "1/x - x/3 + O(x^3)"),
        ("tan(x)", "pi/2", 2, "-1/(x - pi/2) + (x - pi/2)/3 + O((x - pi/2)^2)"),
        ("1/(sin(x) - x)", "0", 1, "-6/x^3 - 3/(10*x) + O(x)"),
        ("sqrt(x)", "0", 2, "sqrt(x)"),
        ("sin(sqrt(x))", "0", 2, "sqrt(x) - x^(3/2)/6 + O(x^2)"),
        ("x*log(x)", "0", 3, "x*log(x)"),
        ("x^x", "0", 3, "1 + x*log(x) + x^2*log(x)^2/2 + x^3*log(x)^3/6 + O(x^3)"),
        ("log(sin(x))", "0", 3, "log(x) - x^2/6 + O(x^3)"),
        ("sqrt(x^2 + x)", "oo", 2, "x + 1/2 - 1/(8*x) + O(1/x^2)"),
        ("1/(1 + x)", "oo", 4, "1/x - 1/x^2 + 1/x^3 + O(1/x^4)"),
        ("1/(1 + x)", "-oo", 3, "1/x - 1/x^2 + O(1/x^3)"),
        ("atan(x)", "oo", 4, "pi/2 - 1/x + 1/(3*x^3) + O(1/x^4)"),
        ("log(x + 1)", "oo", 3, "log(x) + 1/x - 1/(2*x^2) + O(1/x^3)"),
        ("(1 + 1/x)^x", "oo", 2, "e - e/(2*x) + O(1/x^2)"),
        ("x^sqrt(2) + x", "0", 3, "x + x^sqrt(2)"),
        ("abs(x^2)", "0", 3, "x^2"),
        ("sqrt(1 - x)", "1", 3, "sqrt(1 - x)"),
        ("sqrt(x^4)", "0", 3, "x^2"),
        ("sqrt(x^2 + 1)", "oo", 2, "x + 1/(2*x) + O(1/x^2)"),
    ]);
}

#[test]
fn what_has_no_series_says_why() {
    for (text, point, reason) in [
        ("exp(1/x)", "0", "essential singularity"),
        ("sin(1/x)", "0", "no power series"),
        ("abs(x)", "0", "changes its sign"),
        ("sign(x)", "0", "changes its sign"),
        ("sqrt(x^2)", "0", "a root"),
        ("sqrt(x^6 + x^7)", "0", "a root"),
        ("gamma(x)", "1", "not elementary"),
        ("exp(x)", "oo", "essential singularity"),
        ("x + y", "x", "holds `x` itself"),
        ("abs(a + x)", "0", "the sign of `a` decides"),
    ] {
        let found = shown(text, point, 4);
        assert!(found.starts_with("error") && found.contains(reason), "{text}: {found}");
    }
    assert!(series(&read("x"), "x", &read("0"), 100_000).is_err());
}

#[test]
fn many_terms_are_had() {
    let found = series(&read("exp(sin(x))"), "x", &Expr::zero(), 30).expect("a series");
    assert_eq!(found.order, Some(Expr::int(30)));
    assert_eq!(found.terms.last(), Some(&(Expr::int(29), read("36698180928319/33728645300825889414000000"))));
}

#[test]
fn a_wrong_series_is_not_confirmed() {
    for (text, point) in
        [("sin(x)", "0"), ("exp(a x)", "0"), ("1/(1 + x)", "oo"), ("sqrt(x - 2)", "1"), ("log(gamma(x))", "3")]
    {
        let (expr, point) = (read(text), read(point));
        let mut found = series(&expr, "x", &point, 1).expect(text);
        assert_eq!(check::confirm(&expr, "x", &point, &found), Ok(()), "{text}");
        let last = found.terms.last_mut().map(|(_, value)| value);
        match last {
            Some(value) => *value = &*value + Expr::fraction(1, 1000),
            None => found.terms.push((Expr::zero(), Expr::fraction(1, 1000))),
        }
        assert!(check::confirm(&expr, "x", &point, &found).is_err(), "{text}");
    }
}

#[test]
fn work_is_bounded() {
    let found = shown("exp(sin(a*x) + b*cos(c*x))^d", "0", 200);
    assert!(found.contains("steps of expansion"), "{found}");
}
