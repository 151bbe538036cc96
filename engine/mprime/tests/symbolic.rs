//! Formulas against SymPy's answers to its own tests, which `make_symbolic.py` wrote down.
//!
//! Two forms of an answer are compared by their values at random points: neither is the right one. How many questions are
//! answered as well as by SymPy is counted, and must not become less.

use nexus_mprime::symbolic::{Assumptions, Expr, Root, Solutions, expand, factor, parse, same_values, simplify, solve};

const REFERENCES: &str = include_str!("symbolic.txt");

struct Case {
    verb: &'static str,
    question: Expr,
    name: &'static str,
    answers: Vec<Expr>,
    assumptions: Assumptions,
    line: &'static str,
}

fn cases(verbs: &'static [&'static str]) -> impl Iterator<Item = Case> {
    REFERENCES.lines().filter_map(|line| {
        let parts: Vec<&str> = line.split('\t').collect();
        let [verb, question, name, answers, facts] = parts.as_slice() else { panic!("a line of five parts: {line}") };
        if !verbs.contains(verb) {
            return None;
        }
        let read = |text: &str| parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        let mut assumptions = Assumptions::default();
        facts.split(", ").filter(|fact| !fact.is_empty()).for_each(|fact| assumptions.assume(fact).expect(fact));
        let answers = answers.split(" ; ").map(read).collect();
        Some(Case { verb, question: read(question), name, answers, assumptions, line })
    })
}

#[test]
fn derivatives_are_those_of_sympy() {
    let mut count = 0;
    for case in cases(&["diff"]) {
        let Ok(found) = case.question.derivative(case.name) else { continue };
        assert!(same_values(&found, &case.answers[0], &case.assumptions), "{}\nfound {found}", case.line);
        count += 1;
    }
    assert!(count >= DIFFERENTIATED, "{count} derivatives");
}

#[test]
fn simplified_formulas_equal_those_of_sympy_and_are_mostly_no_longer() {
    let (mut count, mut as_short) = (0, 0);
    let mut longer = String::new();
    for case in cases(&["simplify", "trigsimp"]) {
        let found = simplify(&case.question, &case.assumptions);
        if case.answers[0].is_undefined() || found.is_undefined() {
            continue;
        }
        assert!(same_values(&found, &case.question, &case.assumptions), "{}\nfound {found}", case.line);
        count += 1;
        if found.size() <= case.answers[0].size() {
            as_short += 1;
        } else {
            longer += &format!("{} {}\n    SymPy {}\n    found {found}\n", case.verb, case.question, case.answers[0]);
        }
    }
    assert!(as_short * 100 >= count * AS_SHORT_PERCENT, "{as_short} of {count} are as short as SymPy's\n{longer}");
}

#[test]
fn expanded_and_factored_formulas_are_those_of_sympy() {
    let (mut count, mut as_many) = (0, 0);
    let mut fewer = String::new();
    for case in cases(&["expand", "factor"]) {
        let (found, _) = if case.verb == "expand" { (expand(&case.question), true) } else { factor(&case.question) };
        assert!(same_values(&found, &case.question, &case.assumptions), "{}\nfound {found}", case.line);
        count += 1;
        let parts = |expr: &Expr| if case.verb == "expand" { expr.terms().len() } else { expr.factors().len() };
        let is_as_good = parts(&found) >= parts(&case.answers[0]);
        as_many += usize::from(is_as_good);
        if !is_as_good {
            fewer += &format!("{}\n    found {found}\n", case.line);
        }
    }
    assert!(
        as_many * 100 >= count * FACTORED_PERCENT,
        "{as_many} of {count} have as many terms or factors as SymPy's\n{fewer}"
    );
}

#[test]
fn solutions_of_sympy_are_found() {
    let (mut count, mut complete) = (0, 0);
    let mut missed = String::new();
    for case in cases(&["solve"]) {
        count += 1;
        let found: Vec<Expr> = match solve(&case.question, case.name) {
            Ok(Solutions::Some { found, counter, .. }) => {
                let at = |root: &Root| match (root, &counter) {
                    (Root::Exact(expr), Some(counter)) => {
                        (-2..=2).map(|turn| expr.substitute(counter, &Expr::int(turn))).collect::<Vec<_>>()
                    }
                    (Root::Exact(expr), None) => vec![expr.clone()],
                    (root, _) => root.value().map(|value| number(value.re, value.im)).into_iter().collect(),
                };
                found.iter().flat_map(|solution| at(&solution.root)).collect()
            }
            Ok(Solutions::All) => continue,
            Err(error) => {
                missed += &format!("{}\n    {error}\n", case.line);
                continue;
            }
        };
        let near = |one: &Expr, other: &Expr| {
            same_values(one, other, &case.assumptions) || {
                let value = |expr: &Expr| nexus_mprime::symbolic::complex_value(expr, &Default::default());
                value(one)
                    .zip(value(other))
                    .is_some_and(|(one, other)| (one - other).norm() < 1e-9 * one.norm().max(1.0))
            }
        };
        if case.answers.iter().all(|answer| found.iter().any(|own| near(own, answer))) {
            complete += 1;
        } else {
            missed += &format!("{}\n    found {found:?}\n", case.line);
        }
    }
    assert!(complete * 100 >= count * SOLVED_PERCENT, "{complete} of {count} are solved\n{missed}");
}

fn number(real: f64, imaginary: f64) -> Expr {
    parse(&format!("{real:e} + ({imaginary:e})*i")).expect("a number")
}

/// What was reached when this was written.
const DIFFERENTIATED: usize = 500;
const AS_SHORT_PERCENT: usize = 65;
const SOLVED_PERCENT: usize = 75;
const FACTORED_PERCENT: usize = 80;
