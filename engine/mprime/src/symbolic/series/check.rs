//! Comparing a series with the values of its formula.

use crate::symbolic::{Expr, MathError, Rational, Values, complex_value, evaluate};

use super::{
    Series,
    vanish::{is_tame, rough_values},
};

/// How near to the point values are compared to many digits, as powers of two, the nearest first; farther ones may be
/// beyond a singularity.
const DISTANCES: [u32; 5] = [40, 24, 16, 10, 6];
/// How small, as a power of two, the rest may be where values are compared: beyond it many digits are needed.
const REST_BITS: f64 = 1_000.0;
/// How near values are compared as 64-bit floats.
const ROUGH_DISTANCES: [u32; 2] = [24, 12];
/// How much faster than it should the difference may grow, in powers of two, when the distance doubles.
const SLACK: f64 = 0.6;

/// Whether the series differs from the formula by what its rest allows.
///
/// At two distances of which one is half the other, the difference has to shrink as the power of the rest does.
pub(super) fn confirm(expr: &Expr, name: &str, point: &Expr, series: &Series) -> Result<(), MathError> {
    let order = series.order.as_ref().and_then(crate::symbolic::real_value).unwrap_or(1.0);
    let is_near = |distance: u32| distance == 6 || order * f64::from(distance) <= REST_BITS;
    // A difference that is far from its rest may shrink as it should by chance: two have to.
    let exact = DISTANCES.iter().filter(|distance| is_near(**distance)).filter_map(|distance| {
        let (far, near) = (power_of_two(*distance), power_of_two(*distance + 1));
        exactly(expr, name, point, series, &far, &near)
    });
    let mut outcomes: Vec<bool> = exact.take(2).collect();
    if outcomes.is_empty() {
        let rough = |distance: &u32| roughly(expr, name, point, series, &power_of_two(*distance), *distance);
        outcomes = ROUGH_DISTANCES.iter().filter_map(rough).collect();
    }
    if outcomes.iter().all(|is_small| *is_small) {
        return Ok(());
    }
    Err(MathError::new(format!("the series of `{expr}` about {name} = {point} could not be confirmed by its values"))
        .help("Expand about another point, or simplify the formula first"))
}

/// One over a power of two.
fn power_of_two(exponent: u32) -> Rational {
    (0..exponent).fold(Rational::ONE, |power, _| power / Rational::from(2))
}

/// Numbers for all names: the own one at this distance from the point, others anywhere.
fn places(expr: &Expr, name: &str, point: &Expr, series: &Series, scale: &Rational) -> Vec<(String, Expr)> {
    let distance = Expr::number(scale.clone());
    let is_downward = series.scale.substitute(name, &(point + Expr::one())).is_int(-1);
    let place = match point.infinite_sign() {
        Some(sign) => Expr::int(i64::from(sign)) / distance,
        None if is_downward => point - distance,
        None => point + distance,
    };
    let names = (expr + point).symbols().into_iter().filter(|other| **other != *name);
    let others = names.enumerate().map(|(at, other)| (other.to_string(), Expr::fraction(7 + 4 * at as i64, 5)));
    // The place may hold other names: it comes first.
    [(name.to_owned(), place)].into_iter().chain(others).collect()
}

fn placed(expr: &Expr, places: &[(String, Expr)]) -> Expr {
    places.iter().fold(expr.clone(), |expr, (name, number)| expr.substitute(name, number))
}

fn values(places: &[(String, Expr)]) -> Values {
    let numbers: Vec<(String, Expr)> =
        places.iter().map(|(name, number)| (name.clone(), placed(number, &places[1..]))).collect();
    rough_values(&numbers)
}

fn exactly(expr: &Expr, name: &str, point: &Expr, series: &Series, far: &Rational, near: &Rational) -> Option<bool> {
    let difference = expr - &series.to_expr();
    let size = |scale: &Rational| {
        let places = places(expr, name, point, series, scale);
        if !is_tame(&difference, &values(&places)) {
            return None;
        }
        logarithm(&evaluate(&placed(&difference, &places), 6).ok()?)
    };
    let (far, near) = (size(far)?, size(near)?);
    let Some(order) = &series.order else { return Some(far == f64::NEG_INFINITY && near == f64::NEG_INFINITY) };
    let order = crate::symbolic::real_value(order)?;
    Some(near == f64::NEG_INFINITY || near <= far - order + SLACK)
}

/// The binary logarithm of the size of a decimal number.
fn logarithm(text: &str) -> Option<f64> {
    let (digits, exponent) = text.split_once('e').unwrap_or((text, "0"));
    let digits: f64 = digits.parse().ok()?;
    let exponent: f64 = exponent.parse().ok()?;
    Some(digits.abs().log2() + exponent * std::f64::consts::LOG2_10)
}

/// With 64-bit floats, for values that are complex or of functions that are known only so.
fn roughly(expr: &Expr, name: &str, point: &Expr, series: &Series, scale: &Rational, distance: u32) -> Option<bool> {
    let places = places(expr, name, point, series, scale);
    let value = |expr: &Expr| complex_value(expr, &values(&places)).filter(|value| value.is_finite());
    let (own, sum) = (value(expr)?, value(&series.to_expr())?);
    let order = series.order.as_ref().and_then(crate::symbolic::real_value).unwrap_or(f64::INFINITY);
    let size = own.norm().max(sum.norm());
    let allowed = 1_024.0 * size.max(1.0) * (-order * f64::from(distance)).exp2() + 1e-9 * size;
    Some((own - sum).norm() <= allowed)
}
