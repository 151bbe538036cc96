//! Limits and series against those of SymPy's own tests, which `make_calculus.py` wrote down.

use nexus_mprime::symbolic::{self, Direction, Expr, Values, complex_value, expand, parse};

/// How many of the questions stay without an answer.
const REFUSED_MAX: usize = 30;
const REFERENCES: &str = include_str!("calculus.txt");

fn read(text: &str) -> Expr {
    parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// Whether two formulas have the same values.
fn are_equal(left: &Expr, right: &Expr) -> bool {
    if left == right {
        return true;
    }
    if left.is_infinite() || right.is_infinite() {
        return false;
    }
    let difference = expand(&(left - right));
    (1..=3).all(|at| {
        let place = |index: usize| f64::from(at).mul_add(0.31, 0.27 + 0.19 * index as f64);
        let names = (left + right).symbols();
        let values: Values =
            names.iter().enumerate().map(|(index, name)| (name.to_string(), place(index).into())).collect();
        let size = complex_value(right, &values).map_or(1.0, |value| value.norm().max(1.0));
        complex_value(&difference, &values).is_some_and(|value| value.norm() <= 1e-9 * size)
    })
}

/// What came out of a line.
enum Outcome {
    Right,
    Refused(String),
    Wrong(String),
}

fn limit(fields: &[&str]) -> Outcome {
    let [expr, name, point, side, expected] = fields else { panic!("{fields:?}") };
    let direction = match *side {
        "above" => Direction::Above,
        "below" => Direction::Below,
        _ => Direction::Both,
    };
    match symbolic::limit(&read(expr), name, &read(point), direction) {
        Ok(value) if *expected == "none" => Outcome::Wrong(format!("{value}")),
        Ok(value) if are_equal(&value, &read(expected)) => Outcome::Right,
        Ok(value) => Outcome::Wrong(value.to_string()),
        Err(_) if *expected == "none" => Outcome::Right,
        Err(error) => Outcome::Refused(error.to_string()),
    }
}

fn series(fields: &[&str]) -> Outcome {
    let [expr, name, point, order, expected] = fields else { panic!("{fields:?}") };
    let order = order.parse().expect("an order");
    match symbolic::series(&read(expr), name, &read(point), order) {
        Ok(found) if are_equal(&found.to_expr(), &read(expected)) => Outcome::Right,
        Ok(found) => Outcome::Wrong(found.to_string()),
        Err(error) => Outcome::Refused(error.to_string()),
    }
}

#[test]
fn limits_and_series_are_those_of_sympy() {
    let (mut right, mut refused, mut wrong) = (0, Vec::new(), Vec::new());
    for line in REFERENCES.lines() {
        let fields: Vec<&str> = line.split("; ").collect();
        let outcome = if fields[0] == "limit" { limit(&fields[1..]) } else { series(&fields[1..]) };
        match outcome {
            Outcome::Right => right += 1,
            Outcome::Refused(found) => refused.push(format!("{line}\n    {found}")),
            Outcome::Wrong(found) => wrong.push(format!("{line}\n    {found}")),
        }
    }
    println!("{right} right, {} refused:\n{}", refused.len(), refused.join("\n"));
    // What is refused: limits that depend on the sign of a name, and infinite ones that are not real.
    assert!(refused.len() <= REFUSED_MAX, "{} refused:\n{}", refused.len(), refused.join("\n"));
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}
