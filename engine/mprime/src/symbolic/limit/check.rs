//! Comparing a limit with the values of its formula.

use num_complex::Complex64;

use crate::symbolic::{
    Expr, MathError, Node, Rational, Values, complex_value, evaluate,
    series::vanish::{is_tame, rough_values},
};

use super::Side;

/// Where values are taken: how far out, as powers of two.
const PLACES: [u32; 10] = [1, 2, 3, 5, 8, 13, 27, 53, 107, 213];
/// How far out the last value has to be before it tells of growth.
const FAR: u32 = 5;
/// A difference that counts as none.
const SMALL: f64 = 1e-7;
/// The part of its difference from the limit by which a sequence has to move on, else it settles elsewhere.
const MOVES: f64 = 0.005;
/// What a sum may be beside its terms, in 64-bit floats.
const CANCELS: f64 = 1e-6;

/// Whether the values near the point do not contradict the limit.
pub(super) fn confirm(side: &Side<'_>, limit: &Expr) -> Result<(), MathError> {
    let found: Vec<(u32, Complex64)> =
        PLACES.iter().filter_map(|place| Some((*place, value_at(side, *place)?))).collect();
    let values: Vec<Complex64> = found.iter().map(|(_, value)| *value).collect();
    let is_far = found.last().is_some_and(|(place, _)| *place >= FAR);
    let is_contradicted = match limit.infinite_sign() {
        Some(sign) => is_far && diverges_otherwise(&values, f64::from(sign)),
        None => {
            let numbers = rough_values(&numbers(side, limit));
            complex_value(limit, &numbers).is_some_and(|limit| settles_elsewhere(&values, limit, is_far))
        }
    };
    if !is_contradicted {
        return Ok(());
    }
    let (expr, name, point) = (side.expr, side.name, side.point);
    Err(MathError::new(format!(
        "the limit {limit} of `{expr}` as {name} goes to {point} is not confirmed by its values"
    ))
    .help("Simplify the formula first"))
}

/// Numbers for the names beside the own one, the same for the same name in all formulas.
fn numbers(side: &Side<'_>, expr: &Expr) -> Vec<(String, Expr)> {
    let names = (expr + side.point).symbols().into_iter().filter(|name| **name != *side.name);
    let number = |name: &str| Expr::fraction(11 + name.bytes().map(i64::from).sum::<i64>() % 17, 10);
    names.map(|name| (name.to_string(), number(&name))).collect()
}

fn value_at(side: &Side<'_>, place: u32) -> Option<Complex64> {
    let far = Expr::number((0..place).fold(Rational::ONE, |power, _| power * Rational::from(2)));
    let put = |expr: &Expr, places: &[(String, Expr)]| {
        places.iter().fold(expr.clone(), |expr, (name, number)| expr.substitute(name, number))
    };
    let mut places = numbers(side, side.expr);
    places.push((side.name.to_owned(), put(&side.place(&far), &places)));
    let rough = rough_values(&places);
    let value = if is_tame(side.expr, &rough) {
        evaluate(&put(side.expr, &places), 17).ok().and_then(|text| text.parse::<f64>().ok()).map(Complex64::from)
    } else {
        None
    };
    // 64-bit floats see no more than large differences.
    let rough = || (place <= FAR && is_steady(side.expr, &rough)).then(|| complex_value(side.expr, &rough))?;
    value.or_else(rough).filter(|value| value.is_finite())
}

/// Whether no sum cancels so that little of its value is left.
fn is_steady(expr: &Expr, values: &Values) -> bool {
    !expr.any(&|part| {
        let Node::Sum(terms) = part.node() else { return false };
        let sizes: f64 = terms.iter().filter_map(|term| complex_value(term, values)).map(Complex64::norm).sum();
        complex_value(part, values).is_none_or(|sum| sum.norm() < CANCELS * sizes)
    })
}

/// Whether the values do not come nearer to the limit, or come to rest elsewhere.
fn settles_elsewhere(values: &[Complex64], limit: Complex64, is_far: bool) -> bool {
    let scale = limit.norm().max(1.0);
    let [.., before, prior, last] = values else { return false };
    let [far, near, nearest] = [before, prior, last].map(|value| (value - limit).norm());
    if nearest <= SMALL * scale {
        return false;
    }
    let is_at_rest = (last - prior).norm() < MOVES * nearest;
    let is_leaving = is_far && near > far && nearest > near && nearest > 1.0;
    is_at_rest || is_leaving
}

/// Whether the values come to rest, or have the other sign.
fn diverges_otherwise(values: &[Complex64], sign: f64) -> bool {
    let [.., prior, last] = values else { return false };
    let (prior, last) = (prior.re * sign, last.re * sign);
    last < 0.0 && last <= prior || last < prior && last.abs() < 1e6
}
