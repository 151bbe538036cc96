//! Integrals between two points.

use nexus_numerics::integrate as quadrature;

use super::{integrate, sides};
use crate::symbolic::{
    Assumptions, Direction, Expr, Function, MathError, Node, Rational, Values, complex_value, factor, limit,
    real_value, simplify,
};

/// How near an exact value must be to the numerical one.
const TOLERANCE: f64 = 1e-7;
/// How near to the ends an antiderivative is followed, as a part of the range.
const EDGE: f64 = 1e-9;
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
    let antiderivative = integrate(expr, name);
    let exact = match &antiderivative {
        Ok(found) => difference(found, name, from, to),
        Err(error) => by_pieces(expr, name, from, to).ok_or_else(|| error.clone()),
    };
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
                let Some(own) = real_value(&plain(&exact, shift)) else { return false };
                let near = |value: (f64, f64)| (own - value.0).abs() <= TOLERANCE * value.0.abs().max(own.abs());
                // A quadrature sees nothing of a peak that is narrow or far away, where the antiderivative rises.
                numerical(shift).is_ok_and(near)
                    || antiderivative.as_ref().is_ok_and(|found| {
                        let ends = (real_value(&plain(from, shift)), real_value(&plain(to, shift)));
                        Followed::new(&plain(expr, shift), &plain(found, shift), name, own).is_followed(ends)
                    })
            };
            // The sum of the same names in another order would be another value for each: all are positive.
            if agrees(0.0) && (!names || agrees(0.75)) {
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
    let at = |index: i32| along(low, high, f64::from(index) / f64::from(POINTS));
    let mut bases = Vec::new();
    below(&factor(expr).0, &mut bases);
    for base in bases.iter().filter(|base| base.symbols().iter().all(|own| **own == *name) && base.contains(name)) {
        let (mut last, mut before) = (f64::NAN, low);
        for x in (1..POINTS).map(at) {
            let value = complex_value(base, &Values::from([(name.to_owned(), x.into())]))?;
            let is_zero = value.im == 0.0 && value.re == 0.0;
            let is_crossed = value.im == 0.0 && value.re * last < 0.0;
            if is_zero || is_crossed {
                let zero = if is_zero { x } else { crossing(base, name, before, x, last) };
                if is_unbounded(expr, name, zero) {
                    // As many digits as people read.
                    return Some((zero * 1e9).round() / 1e9 + 0.0);
                }
            }
            before = x;
            last = if value.im == 0.0 { value.re } else { f64::NAN };
        }
    }
    None
}

/// Where a formula changes its sign between two points.
fn crossing(base: &Expr, name: &str, mut low: f64, mut high: f64, at_low: f64) -> f64 {
    for _ in 0..100 {
        let middle = f64::midpoint(low, high);
        match complex_value(base, &Values::from([(name.to_owned(), middle.into())])) {
            Some(value) if (value.re < 0.0) == (at_low < 0.0) && value.re != 0.0 => low = middle,
            _ => high = middle,
        }
    }
    f64::midpoint(low, high)
}

/// Whether the values grow beside a point as fast as those of a formula that has no integral there.
fn is_unbounded(expr: &Expr, name: &str, at: f64) -> bool {
    const FAR: f64 = 1e-5;
    const NEAR: f64 = 1e-7;
    // A value of 1/x would grow a hundred times, one that has an integral, such as that of x^(-3/4), 32 times.
    const GROWTH: f64 = 50.0;
    let size = |distance: f64| {
        let x = at + distance * at.abs().max(1.0);
        complex_value(expr, &Values::from([(name.to_owned(), x.into())])).map(|value| value.norm())
    };
    [1.0, -1.0].into_iter().any(|side| match (size(side * FAR), size(side * NEAR)) {
        (Some(far), Some(near)) => near > GROWTH * far || !near.is_finite(),
        _ => false,
    })
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

/// Values of a formula at real numbers, for quadrature.
fn value_at(expr: &Expr, name: &str, x: f64) -> Result<f64, MathError> {
    let value = complex_value(expr, &Values::from([(name.to_owned(), x.into())]));
    match value.filter(|value| value.im.abs() <= 1e-9 * value.re.abs().max(1e-3) || value.re.is_nan()) {
        // What has no value at one point of many, such as an end, counts nothing.
        Some(value) if value.re.is_nan() => Ok(0.0),
        Some(value) => Ok(value.re),
        None => Err(MathError::new(format!("`{expr}` is no real number at {name} = {x}"))),
    }
}

fn numerical(expr: &Expr, name: &str, from: &Expr, to: &Expr) -> Result<(f64, f64), MathError> {
    let end = |end: &Expr| real_value(end).ok_or_else(|| MathError::new(format!("the end `{end}` is no real number")));
    let (from, to) = (end(from)?, end(to)?);
    let mut value = |x: f64| value_at(expr, name, x);
    let mut ends = vec![from];
    ends.extend(narrow_peak(expr, name, from, to)?);
    ends.push(to);
    let (mut sum, mut error) = (0.0, 0.0);
    for part in ends.windows(2) {
        let found = quadrature(&mut value, part[0], part[1], 1e-13, RELATIVE)?;
        sum += found.value;
        error += found.error;
    }
    if !f64::is_finite(sum) || error > 1e-4 * sum.abs().max(1e-3) {
        return Err(MathError::new("the integral does not converge, or converges too slowly to be computed"));
    }
    Ok((sum, error))
}

/// A point at which the values are far larger than at nearly all others: quadrature might not find it.
fn narrow_peak(expr: &Expr, name: &str, from: f64, to: f64) -> Result<Option<f64>, MathError> {
    const POINTS: i32 = 1_001;
    let (low, high) = (from.min(to), from.max(to));
    let points = (1..POINTS).map(|index| along(low, high, f64::from(index) / f64::from(POINTS)));
    let sizes: Vec<(f64, f64)> =
        points.filter_map(|x| value_at(expr, name, x).ok().map(|value| (x, value.abs()))).collect();
    let Some(&(at, largest)) = sizes.iter().max_by(|left, right| left.1.total_cmp(&right.1)) else { return Ok(None) };
    if largest == 0.0 && !expr.is_zero() && low < high {
        return Err(MathError::new(format!(
            "every value of `{expr}` that was looked at is too small to be told from zero"
        ))
        .help("Choose ends nearer to where it is not"));
    }
    let is_narrow = sizes.iter().filter(|(_, size)| *size > 0.1 * largest).count() < POINTS as usize / 50;
    Ok((is_narrow && largest.is_finite() && at > low && at < high).then_some(at))
}

/// The point at a part of the way between two others, of which both may be infinite.
fn along(low: f64, high: f64, part: f64) -> f64 {
    match (low.is_finite(), high.is_finite()) {
        (true, true) => low + (high - low) * part,
        (true, false) => low + part / (1.0 - part),
        (false, true) => high - (1.0 - part) / part,
        (false, false) => (2.0 * part - 1.0) / (part * (1.0 - part)),
    }
}

/// An antiderivative beside the values of which it is one.
struct Followed<'a> {
    expr: &'a Expr,
    antiderivative: &'a Expr,
    name: &'a str,
    /// What the two may differ by.
    tolerance: f64,
    /// Ranges that are compared still.
    left: usize,
}

impl<'a> Followed<'a> {
    fn new(expr: &'a Expr, antiderivative: &'a Expr, name: &'a str, whole: f64) -> Self {
        const RANGES: usize = 600;
        Followed { expr, antiderivative, name, tolerance: TOLERANCE * whole.abs(), left: RANGES }
    }

    /// Whether it rises between the ends by what the values add up to: where they differ, the range is halved, until what is
    /// left is a peak that quadrature sees, or a place at which the antiderivative jumps.
    fn is_followed(&mut self, ends: (Option<f64>, Option<f64>)) -> bool {
        let (Some(from), Some(to)) = ends else { return false };
        let (low, high) = (from.min(to), from.max(to));
        self.is_followed_between((low, high), (EDGE, 1.0 - EDGE))
    }

    fn is_followed_between(&mut self, whole: (f64, f64), (first, last): (f64, f64)) -> bool {
        self.left = self.left.saturating_sub(1);
        let middle = f64::midpoint(first, last);
        if self.left == 0 || middle <= first || middle >= last {
            return false;
        }
        let (low, high) = (along(whole.0, whole.1, first), along(whole.0, whole.1, last));
        let at = |x: f64| complex_value(self.antiderivative, &Values::from([(self.name.to_owned(), x.into())]));
        let rise = match (at(low), at(high)) {
            (Some(below), Some(above)) if (above - below).im.abs() <= self.tolerance => (above - below).re,
            _ => return false,
        };
        let mut value = |x: f64| value_at(self.expr, self.name, x);
        let found = quadrature(&mut value, low, high, self.tolerance / 1e3, RELATIVE);
        if found.is_ok_and(|found| (found.value - rise).abs() <= self.tolerance) {
            return true;
        }
        self.is_followed_between(whole, (first, middle)) && self.is_followed_between(whole, (middle, last))
    }
}
