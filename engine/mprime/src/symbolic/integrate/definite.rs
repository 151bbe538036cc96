//! Integrals between two points.

use nexus_numerics::integrate as quadrature;

use super::{integrate, sides};
use crate::symbolic::{
    Assumptions, Direction, Expr, Function, MathError, Node, Rational, Values, complex_value, factor, limit,
    real_value, simplify,
};

/// How near an exact value must be to the numerical one.
const TOLERANCE: f64 = 1e-7;
/// The relative error that the numerical method aims at.
const RELATIVE: f64 = 1e-11;

/// An integral between two points.
#[derive(Clone, Debug, PartialEq)]
pub enum Definite {
    /// Exact, and confirmed by the numerical value.
    Exact(Expr),
    /// By adaptive quadrature, with an estimate of the error: no exact one was found, or it was not confirmed.
    Numerical {
        /// The value.
        value: f64,
        /// What it may be wrong by.
        error: f64,
    },
}

/// The integral of a formula by a name from one point to another; both may be infinite.
///
/// An exact value is the difference of an antiderivative at the ends, and is returned only where the numerical value agrees:
/// an antiderivative may jump between the points. Other names are taken for positive numbers in that comparison.
///
/// # Errors
/// An integral that does not converge, and one with other names for which no antiderivative is found.
pub fn integrate_between(expr: &Expr, name: &str, from: &Expr, to: &Expr) -> Result<Definite, MathError> {
    if [from, to].iter().any(|end| end.contains(name) || end.is_undefined()) {
        return Err(MathError::new(format!("the ends `{from}` and `{to}` must be points that `{name}` is not in")));
    }
    if let Some(pole) = pole(expr, name, from, to) {
        return Err(MathError::new(format!(
            "the integral does not converge: the formula has a pole near {name} = {pole}"
        )));
    }
    let exact = integrate(expr, name)
        .and_then(|found| difference(&found, name, from, to))
        .or_else(|error| by_pieces(expr, name, from, to).ok_or(error));
    let names = [expr, from, to].iter().flat_map(|own| own.symbols()).any(|own| *own != *name);
    // Names other than the one that is integrated over are given some values for the comparison.
    let plain = |own: &Expr, shift: f64| {
        own.symbols().iter().filter(|own| ***own != *name).enumerate().fold(own.clone(), |own, (at, symbol)| {
            let number = format!("{}", 1.25 + shift + at as f64 * 0.5);
            own.substitute(symbol, &crate::symbolic::parse(&number).unwrap_or_else(|_| Expr::one()))
        })
    };
    let numerical = |shift: f64| numerical(&plain(expr, shift), name, &plain(from, shift), &plain(to, shift));
    match exact {
        Ok(exact) if !exact.is_infinite() => {
            let agrees = |shift: f64| {
                let value = numerical(shift)?;
                let own = real_value(&plain(&exact, shift));
                let gap = own.map_or(f64::INFINITY, |own| (own - value.0).abs());
                Ok::<_, MathError>(gap <= TOLERANCE * value.0.abs().max(1.0))
            };
            // The sum of the same names in another order would be another value for each: all are positive.
            if agrees(0.0)? && (!names || agrees(0.75)?) {
                return Ok(Definite::Exact(exact));
            }
        }
        Ok(exact) => {
            return Err(MathError::new(format!("the integral does not converge: it grows to {exact}")));
        }
        Err(error) if names => return Err(error),
        Err(_) => {}
    }
    if names {
        return Err(MathError::new("the antiderivative that was found is not continuous between the ends"));
    }
    let (value, error) = numerical(0.0)?;
    Ok(Definite::Numerical { value, error })
}

/// The sum over the pieces of a formula with absolute values whose zeros in the range are known.
fn by_pieces(expr: &Expr, name: &str, from: &Expr, to: &Expr) -> Option<Expr> {
    let (low, high) = (real_value(from)?, real_value(to)?);
    if !low.is_finite() || !high.is_finite() || low > high || !sides::has_sides(expr, name) {
        return None;
    }
    let pieces = sides::pieces(expr, name, Some((low, high)))?;
    // Zeros before the range and behind it cut nothing.
    let place = |end: &Option<Expr>| end.as_ref().and_then(real_value).unwrap_or(f64::NEG_INFINITY).clamp(low, high);
    let point = |end: &Option<Expr>| match end {
        Some(end) if real_value(end).is_some_and(|value| value > low && value < high) => end.clone(),
        end => {
            if place(end) <= low {
                from.clone()
            } else {
                to.clone()
            }
        }
    };
    let mut sum = Expr::zero();
    for (at, piece) in pieces.iter().enumerate() {
        let next = pieces.get(at + 1).map(|next| next.low.clone());
        let (begin, end) = (place(&piece.low), next.as_ref().map_or(high, place));
        if begin < end {
            let end = next.as_ref().map_or_else(|| to.clone(), point);
            let found = integrate(&piece.formula, name).ok()?;
            sum = sum + difference(&found, name, &point(&piece.low), &end).ok()?;
        }
    }
    Some(simplify(&sum, &Assumptions::default()))
}

/// The difference of an antiderivative at both ends, by limits from inside.
fn difference(found: &Expr, name: &str, from: &Expr, to: &Expr) -> Result<Expr, MathError> {
    let at = |end: &Expr, direction| {
        let value = found.substitute(name, end);
        if end.is_infinite() || value.is_undefined() || value.any(&Expr::is_infinite) {
            limit(found, name, end, direction)
        } else {
            Ok(value)
        }
    };
    let is_forward = match (real_value(from), real_value(to)) {
        (Some(from), Some(to)) => from <= to,
        _ => true,
    };
    let (inside_from, inside_to) =
        if is_forward { (Direction::Above, Direction::Below) } else { (Direction::Below, Direction::Above) };
    let difference = at(to, inside_to)? - at(from, inside_from)?;
    if difference.is_undefined() {
        return Err(MathError::new("the integral does not converge: its antiderivative has no value at an end"));
    }
    Ok(simplify(&difference, &Assumptions::default()))
}

/// A point inside at which the formula grows like a fraction whose denominator is zero: no integral crosses it.
fn pole(expr: &Expr, name: &str, from: &Expr, to: &Expr) -> Option<f64> {
    const POINTS: i32 = 4_001;
    let (from, to) = (real_value(from)?, real_value(to)?);
    let (low, high) = (from.min(to), from.max(to));
    // Infinite ranges are looked at where formulas have their poles, near zero.
    let at = |index: i32| {
        let t = f64::from(index) / f64::from(POINTS);
        match (low.is_finite(), high.is_finite()) {
            (true, true) => low + (high - low) * t,
            (true, false) => low + t / (1.0 - t),
            (false, true) => high - t / (1.0 - t),
            (false, false) => (2.0 * t - 1.0) / (t * (1.0 - t)),
        }
    };
    let mut bases = Vec::new();
    below(&factor(expr).0, &mut bases);
    for base in bases.iter().filter(|base| base.symbols().iter().all(|own| **own == *name) && base.contains(name)) {
        let (mut last, mut before) = (f64::NAN, low);
        for x in (1..POINTS).map(at) {
            let value = complex_value(base, &Values::from([(name.to_owned(), x.into())]))?;
            if value.im == 0.0 && value.re == 0.0 {
                return Some(x);
            }
            if value.im == 0.0 && value.re * last < 0.0 {
                return Some(f64::midpoint(before, x));
            }
            before = x;
            last = if value.im == 0.0 { value.re } else { f64::NAN };
        }
    }
    None
}

/// What the formula divides by, tangents as quotients; roots in a denominator may have an integral.
fn below(expr: &Expr, found: &mut Vec<Expr>) {
    match expr.node() {
        Node::Power(base, exponent) if exponent.as_number().is_some_and(|power| *power <= Rational::NEG_ONE) => {
            found.push(base.clone());
        }
        Node::Call(Function::Tan, argument) => found.push(Function::Cos.of(argument)),
        _ => {}
    }
    expr.children().into_iter().for_each(|child| below(child, found));
}

fn numerical(expr: &Expr, name: &str, from: &Expr, to: &Expr) -> Result<(f64, f64), MathError> {
    let end = |end: &Expr| real_value(end).ok_or_else(|| MathError::new(format!("the end `{end}` is no real number")));
    let (from, to) = (end(from)?, end(to)?);
    let mut value = |x: f64| {
        let value = complex_value(expr, &Values::from([(name.to_owned(), x.into())]));
        let value = value.filter(|value| value.im.abs() <= 1e-9 * value.re.abs().max(1e-3) || value.re.is_nan());
        match value {
            // What has no value at one point of many, such as an end, counts nothing.
            Some(value) if value.re.is_nan() => Ok(0.0),
            Some(value) => Ok(value.re),
            None => Err(MathError::new(format!("`{expr}` is no real number at {name} = {x}"))),
        }
    };
    let found = quadrature(&mut value, from, to, 1e-13, RELATIVE)?;
    if !found.value.is_finite() || found.error > 1e-4 * found.value.abs().max(1e-3) {
        return Err(MathError::new("the integral does not converge, or converges too slowly to be computed"));
    }
    Ok((found.value, found.error))
}
