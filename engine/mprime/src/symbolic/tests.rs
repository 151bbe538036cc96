//! What formulas become, and what is found out about them.

use super::*;

fn read(text: &str) -> Expr {
    parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

#[track_caller]
fn same(text: &str, expected: &str) {
    assert_eq!(read(text).to_string(), expected, "{text}");
    assert_eq!(read(&read(text).to_string()), read(text), "{text} read again");
}

#[test]
fn what_is_written_becomes_canonical() {
    same("2x + 3x", "5*x");
    same("x*x*y/x", "x*y");
    same("(x^2)^3", "x^6");
    same("sqrt(12)", "2*sqrt(3)");
    same("sqrt(6)*sqrt(2)", "2*sqrt(3)");
    same("1/sqrt(2)", "sqrt(2)/2");
    same("sqrt(-4)", "2*i");
    same("i^3", "-i");
    same("sin(pi/6) + cos(pi/3)", "1");
    same("sin(-x)", "-sin(x)");
    same("cos(y - x) - cos(x - y)", "0");
    same("exp(2 log(x))", "x^2");
    same("e^(i pi)", "-1");
    same("log(8)/log(2)", "3");
    same("2(x + 1) - 2x", "2");
    same("(x - y) + (y - x)", "0");
    same("2^x*2", "2*2^x");
    same("2^(x + 1) - 2*2^x", "0");
    same("8^(2/3)", "4");
    same("(-8)^(1/3)", "2*(-1)^(1/3)");
    same("1/0", "undefined");
    same("oo - oo", "undefined");
    same("5! / 3!", "20");
    same("gamma(5/2)", "3*sqrt(pi)/4");
    same("0.1 + 0.2", "3/10");
    same("x/2 + x/3", "5*x/6");
    same("1/(2 x)", "1/(2*x)");
    same("x^2 + x y + 1 + y^2", "x^2 + x*y + y^2 + 1");
    same("1 - x^2", "1 - x^2");
    same("sin(x + pi/2)", "cos(x)");
    same("atan(1) + asin(1/2)", "5*pi/12");
    same(r"\frac{x^{2}+1}{\sqrt{2}} \cdot \sin\left(x\right)", "sqrt(2)*(x^2 + 1)*sin(x)/2");
    same("abs(-3 x)", "3*abs(x)");
    same("exp(x + 1)*exp(-x)", "e");
    same("(2 x)^(1/2)", "sqrt(2)*sqrt(x)");
    same("x^(1/2)*x^(1/2)", "x");
    same("-2^2", "-4");
    same("2^3^2", "512");
    same("2^(10^30 + 1/3)", "2^(3000000000000000000000000000001/3)");
    same("x^-1", "1/x");
    same("exp(-x)", "exp(-x)");
    same("a_1 + alpha", "a_1 + alpha");
}

#[test]
fn derivatives() {
    for (text, expected) in [
        ("sin(x^2)", "2*x*cos(x^2)"),
        ("x^3", "3*x^2"),
        ("x^x", "x^x*(log(x) + 1)"),
        ("exp(3 x)", "3*exp(3*x)"),
        ("log(x)", "1/x"),
        ("sqrt(x)", "1/(2*sqrt(x))"),
        ("y", "0"),
        ("atan(x)", "1/(x^2 + 1)"),
    ] {
        assert_eq!(read(text).derivative("x").expect("a derivative").to_string(), expected, "{text}");
    }
}

#[test]
fn values_have_the_digits_that_were_asked_for() {
    assert_eq!(evaluate(&read("pi"), 30).expect("pi"), "3.14159265358979323846264338328");
    assert_eq!(evaluate(&read("sqrt(2)"), 10).expect("a root"), "1.414213562");
    assert_eq!(evaluate(&read("exp(1) - e"), 10).expect("zero"), "0");
    assert_eq!(evaluate(&read("1/3"), 5).expect("a third"), "0.33333");
    assert_eq!(evaluate(&read("2^100"), 40).expect("a power"), "1267650600228229401496703205376");
    assert_eq!(evaluate(&read("10^30/3"), 5).expect("a large number"), "3.3333e29");
    // What cancels, or is far from 1, has its digits all the same (references: mpmath).
    assert_eq!(evaluate(&read("sqrt(10^2000 + 1) - 10^1000"), 10).expect("a small number"), "5e-1001");
    assert_eq!(evaluate(&read("10^-2000"), 15).expect("a power"), "1e-2000");
    assert_eq!(evaluate(&read("exp(-10^9)"), 10).expect("a tiny number"), "1.249534272e-434294482");
    assert_eq!(evaluate(&read("sin(10^30)"), 20).expect("a sine"), "-0.09011690191213805803");
    assert_eq!(evaluate(&read("erf(1/2)"), 30).expect("an error function"), "0.520499877813046537682746653892");
    assert_eq!(evaluate(&read("1 - erf(10)"), 12).expect("a small number"), "2.08848758376e-45");
    assert_eq!(evaluate(&read("gamma(1/3)"), 30).expect("a gamma"), "2.67893853470774763365569294097");
    assert_eq!(evaluate(&read("gamma(-5/2)"), 20).expect("a gamma"), "-0.94530872048294188123");
    assert_eq!(evaluate(&read("factorial(100000)"), 15).expect("a factorial"), "2.82422940796035e456573");
    assert_eq!(evaluate(&read("log(1 + 10^-2000)"), 10).expect("a small number"), "1e-2000");
    assert_eq!(evaluate(&read("sin(10^-900)"), 10).expect("a small number"), "1e-900");
    assert_eq!(evaluate(&read("cos(pi/(24 pi - 2) - 12 pi^2/(24 pi - 2))"), 10).expect("zero"), "0");
    assert_eq!(evaluate(&read("sqrt(2)*sqrt(3) - sqrt(6)"), 15).expect("zero"), "0");
    assert_eq!(evaluate(&read("sqrt(5 + 2 sqrt(6)) - sqrt(2) - sqrt(3)"), 15).expect("zero"), "0");
    assert!(evaluate(&read("x + 1"), 5).is_err());
    assert!(evaluate(&read("sqrt(-2)"), 5).is_err());
}

#[test]
fn what_is_no_formula_is_refused_with_its_place() {
    for (text, place) in [
        ("2 +", (3, 3)),
        ("sin", (0, 3)),
        ("2 3", (2, 3)),
        ("(x", (2, 2)),
        ("x ? 1", (2, 3)),
        ("foo(x)", (0, 3)),
        ("1e99999", (0, 1)),
    ] {
        assert_eq!(parse(text).expect_err(text).place, Some(place), "{text}");
    }
    assert!(parse(&"(".repeat(100_000)).is_err());
    assert!(parse(&"x^".repeat(100_000)).is_err());
    assert!(parse(&"-".repeat(100_000)).is_err());
}

#[test]
fn polynomials_are_multiplied_out_cancelled_and_factored() {
    for (text, expected) in [
        ("(x + 1)^3", "x^3 + 3*x^2 + 3*x + 1"),
        ("(x + y)(x - y)", "x^2 - y^2"),
        ("(a + b) sin(x)", "a*sin(x) + b*sin(x)"),
    ] {
        assert_eq!(expand(&read(text)).to_string(), expected, "{text}");
    }
    for (text, expected) in [
        ("(x^2 - 1)/(x - 1)", "x + 1"),
        ("1/x + 1/y", "(x + y)/(x*y)"),
        ("(x^2 - y^2)/(x + y)", "x - y"),
        ("1/(x - 1) - 1/(x + 1)", "2/(x^2 - 1)"),
        ("(exp(2 x) - 1)/(exp(x) - 1)", "exp(x) + 1"),
        ("(x - 1)/(sqrt(x) - 1)", "sqrt(x) + 1"),
    ] {
        assert_eq!(cancel(&read(text)).to_string(), expected, "{text}");
    }
    for (text, expected) in [
        ("x^2 - 4", "(x - 2)*(x + 2)"),
        ("x^4 - 1", "(x - 1)*(x + 1)*(x^2 + 1)"),
        ("x^4 + 4", "(x^2 - 2*x + 2)*(x^2 + 2*x + 2)"),
        ("6 x^2 + 5 x + 1", "(2*x + 1)*(3*x + 1)"),
        ("x^2 y + x y^2", "x*y*(x + y)"),
        ("x^2 - 2 x y + y^2", "(x - y)^2"),
        ("x^3 - y^3", "(x - y)*(x^2 + x*y + y^2)"),
        ("x^10 - 1", "(x - 1)*(x + 1)*(x^4 - x^3 + x^2 - x + 1)*(x^4 + x^3 + x^2 + x + 1)"),
        ("x^2 + 1", "x^2 + 1"),
        ("2 x^3 - 2 x", "2*x*(x - 1)*(x + 1)"),
        ("x^8 + 98 x^4 + 1", "(x^4 - 4*x^3 + 8*x^2 + 4*x + 1)*(x^4 + 4*x^3 + 8*x^2 - 4*x + 1)"),
        ("x^2 y^2 - 1", "(x*y - 1)*(x*y + 1)"),
    ] {
        let (found, is_complete) = factor(&read(text));
        assert_eq!((expand(&found), is_complete), (expand(&read(text)), true), "{text}");
        assert_eq!(found.factors().len(), read(expected).factors().len(), "{text}: {found}");
    }
}

#[track_caller]
fn shortest(text: &str, assumed: &[&str], expected: &str) {
    let mut assumptions = Assumptions::default();
    assumed.iter().for_each(|text| assumptions.assume(text).expect("an assumption"));
    assert_eq!(simplify(&read(text), &assumptions).to_string(), expected, "{text}");
}

#[test]
fn formulas_become_short() {
    for (text, expected) in [
        ("sin(x)^2 + cos(x)^2", "1"),
        ("2x + 3x", "5*x"),
        ("(x^2 - 1)/(x - 1)", "x + 1"),
        ("(x^2 + 2 x + 1)/(x + 1)", "x + 1"),
        ("sin(x)^4 + 2 sin(x)^2 cos(x)^2 + cos(x)^4", "1"),
        ("(sin(x)^2 + cos(x)^2) y + y", "2*y"),
        ("tan(x) cos(x)", "sin(x)"),
        ("2 sin(x) cos(x)", "sin(2*x)"),
        ("cos(2x) + 2 sin(x)^2", "1"),
        ("1 + tan(x)^2 - 1/cos(x)^2", "0"),
        ("cosh(x)^2 - sinh(x)^2", "1"),
        ("exp(x)/2 + exp(-x)/2", "cosh(x)"),
        ("factorial(n + 1)/factorial(n)", "n + 1"),
        ("1/(x - 1) - 1/(x + 1) - 2/(x^2 - 1)", "0"),
        ("sin(x + y) - sin(x)cos(y) - cos(x)sin(y)", "0"),
        ("(x + 1)^2 - x^2 - 2x - 1", "0"),
        ("x y + x z + x", "x*(y + z + 1)"),
        ("asin(x) + acos(x)", "pi/2"),
        ("sqrt(3 + 2 sqrt(2)) ", "sqrt(2*sqrt(2) + 3)"),
    ] {
        shortest(text, &[], expected);
    }
}

#[test]
fn rules_with_conditions_fire_only_where_these_are_known() {
    shortest("sqrt(x^2)", &[], "sqrt(x^2)");
    shortest("sqrt(x^2)", &["x real"], "abs(x)");
    shortest("sqrt(x^2)", &["x > 0"], "x");
    shortest("log(x y) - log(x) - log(y)", &["x > 0"], "0");
    let expr = read("log(x y) - log(x) - log(y)");
    assert_eq!(simplify(&expr, &Assumptions::default()), expr);
    shortest("log(exp(x))", &[], "log(exp(x))");
    shortest("log(exp(x))", &["x real"], "x");
    shortest("(x^a)^b", &[], "(x^a)^b");
    shortest("abs(x)", &["x >= 0"], "x");
}

#[test]
fn a_proof_leads_from_the_question_to_the_answer() {
    let question = read("(x^2 - 1)/(x - 1) + sin(y)^2 + cos(y)^2");
    let found = simplify_with_proof(&question, &Assumptions::default());
    assert_eq!(found.expr, read("x + 2"));
    assert_eq!(found.steps.last().map(|step| &step.expr), Some(&found.expr));
    for step in &found.steps {
        assert!(same_values(&question, &step.expr, &Assumptions::default()), "{}: {}", step.rule, step.expr);
    }
}

fn solutions(text: &str) -> Vec<String> {
    let statement = parse_statement(text).expect("a statement");
    let solved = solve(&statement.difference(), "x").unwrap_or_else(|error| panic!("{text}: {error}"));
    match solved {
        Solutions::All => vec!["all".to_owned()],
        Solutions::Some { found, .. } => found
            .iter()
            .map(|solution| match &solution.root {
                Root::Exact(expr) => expr.to_string(),
                Root::Real { low, .. } => format!("~{:.6}", low.to_f64_fast()),
                Root::Numerical { value, .. } => format!("{:.6}{:+.6}i", value.re, value.im),
            })
            .collect(),
    }
}

#[test]
fn equations_are_solved() {
    for (text, expected) in [
        ("2x + 3 = 7", vec!["2"]),
        ("x^2 - 4 = 0", vec!["-2", "2"]),
        ("x^2 = x + 1", vec!["1/2 - sqrt(5)/2", "sqrt(5)/2 + 1/2"]),
        ("x^2 + 1 = 0", vec!["-i", "i"]),
        ("x^3 = 8", vec!["2", "-1 - sqrt(3)*i", "-1 + sqrt(3)*i"]),
        ("a x + b = 0", vec!["-b/a"]),
        ("x = x", vec!["all"]),
        ("x = x + 1", vec![]),
        ("exp(x) = 3", vec!["log(3)"]),
        ("exp(2x) - 3 exp(x) + 2 = 0", vec!["0", "log(2)"]),
        ("log(x) = 2", vec!["exp(2)"]),
        ("sqrt(x) = 3", vec!["9"]),
        ("sqrt(x) = -3", vec![]),
        ("sqrt(x + 1) = x - 1", vec!["3"]),
        ("abs(x) = 3", vec!["-3", "3"]),
        ("1/x = 0", vec![]),
        ("(x^2 - 1)/(x - 1) = 0", vec!["-1"]),
        ("x^4 - 5x^2 + 6 = 0", vec!["-sqrt(3)", "-sqrt(2)", "sqrt(2)", "sqrt(3)"]),
        (
            "x^5 - x - 1 = 0",
            vec!["~1.167304", "-0.764884-0.352472i", "-0.764884+0.352472i", "0.181232-1.083954i", "0.181232+1.083954i"],
        ),
        ("cos(x) = x", vec!["0.739085+0.000000i"]),
        ("tan(x) = 1", vec!["pi*k + pi/4"]),
        ("log(x) + log(x - 3) = log(4)", vec!["4"]),
        ("abs(x - 1) = 2x", vec!["1/3"]),
        ("abs(2x + 1) = abs(x - 3)", vec!["-4", "2/3"]),
        ("sin(2x) = sin(x)", vec!["2*pi*k", "2*pi*k/3 + pi/3"]),
        ("sin(x) = cos(x)", vec!["pi*k + pi/4"]),
        // Found by looking at values, and then known to be zero there.
        ("x^2 + atan(x) = x", vec!["0"]),
        ("exp(x) + x = 1", vec!["0"]),
        ("cosh(x - 1/2) + (x - 1/2)^2 = 1", vec!["1/2"]),
    ] {
        assert_eq!(solutions(text), expected, "{text}");
    }
    assert_eq!(solutions("sin(x) = 1/2").len(), 2);
    assert_eq!(solutions("sin(x) + cos(x) = 1").len(), 2);
}

#[test]
fn systems_are_solved() {
    let solved = |texts: &[&str], names: &[&str]| {
        let exprs: Vec<Expr> = texts.iter().map(|text| parse_statement(text).expect(text).difference()).collect();
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        match solve_system(&exprs, &names).unwrap_or_else(|error| panic!("{texts:?}: {error}")) {
            SystemSolutions::None => vec![],
            SystemSolutions::Some(found) => found
                .iter()
                .map(|own| own.iter().map(|(name, value)| format!("{name} = {value}")).collect::<Vec<_>>().join(", "))
                .collect(),
        }
    };
    assert_eq!(solved(&["x + y = 10", "2x - y = 5"], &["x", "y"]), ["x = 5, y = 5"]);
    assert_eq!(solved(&["x + y = 1", "x + y = 2"], &["x", "y"]), Vec::<String>::new());
    assert_eq!(solved(&["x + y = 1"], &["x", "y"]), ["x = 1 - y, y = y"]);
    assert_eq!(solved(&["a x + y = 1", "x - y = 0"], &["x", "y"]), ["x = 1/(a + 1), y = 1/(a + 1)"]);
    assert_eq!(solved(&["x^2 + y^2 = 25", "x + y = 7"], &["x", "y"]), ["x = 4, y = 3", "x = 3, y = 4"]);
    assert_eq!(solved(&["x y = 1", "x = y"], &["x", "y"]).len(), 2);
}

#[test]
fn inequalities_are_solved() {
    let solved = |text: &str| {
        let ranges = solve_inequality(&parse_statement(text).expect(text), "x").expect(text);
        let text = ranges.iter().map(|range| {
            let (low, high) = (&range.low, &range.high);
            let open = if low.is_closed { '[' } else { '(' };
            format!("{open}{}, {}{}", low.value, high.value, if high.is_closed { ']' } else { ')' })
        });
        text.collect::<Vec<_>>().join(" ")
    };
    assert_eq!(solved("x^2 < 4"), "(-2, 2)");
    assert_eq!(solved("x^2 >= 4"), "(-oo, -2] [2, oo)");
    assert_eq!(solved("1/x > 0"), "(0, oo)");
    assert_eq!(solved("(x - 1)/(x - 1) > 0"), "(-oo, oo)");
    assert_eq!(solved("x^2 <= 0"), "[0, 0]");
    assert_eq!(solved("x^2 >= 0"), "(-oo, oo)");
    assert_eq!(solved("x^2 < 0"), "");
    assert_eq!(solved("x != 1"), "(-oo, 1) (1, oo)");
    assert_eq!(solved("(x - 1)/(x + 2) <= 0"), "(-2, 1]");
}
