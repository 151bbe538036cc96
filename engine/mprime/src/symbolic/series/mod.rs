//! Series of Taylor, Laurent and Puiseux, about a point or infinity.
//!
//! Formulas are expanded from the inside out by arithmetic of truncated series ([`expansion`], [`compose`], [`expand`]).
//! What comes out is compared with the formula at points nearby before it is returned ([`check`]).

mod check;
mod compose;
pub(super) mod expand;
pub(super) mod expansion;
mod local;
#[cfg(test)]
mod tests;
pub(super) mod vanish;

use std::fmt;

use super::{Expr, Function, MathError, Node, cancel, expand as multiply_out};
use expand::{expand_in, is_imaginary, without_zeros};
use expansion::{Expansion, Stop, WORK_MAX, Work, compare};
use local::{LOG_SCALE, Local};

/// The highest order that may be asked for.
pub const SERIES_ORDER_MAX: u32 = 400;
/// How often an expansion is begun again with more terms.
const TRIALS_MAX: usize = 8;

/// A name that no formula has, in the place of a scale that is a sum.
const STAND_IN: &str = "\u{1}";

/// The first terms of a series.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Series {
    /// What its powers are powers of: `x`, `x - 1`, `1/x`.
    pub scale: Expr,
    /// Exponents and coefficients, by rising exponent; a coefficient may hold the logarithm of the scale.
    pub terms: Vec<(Expr, Expr)>,
    /// The exponent of the rest; a series without one is exact.
    pub order: Option<Expr>,
}

impl Series {
    /// The sum of the terms, without the rest.
    pub fn to_expr(&self) -> Expr {
        Expr::sum(self.terms.iter().map(|(exponent, coefficient)| coefficient * self.scale.pow(exponent)))
    }
}

impl fmt::Display for Series {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A sum stays in parentheses, where a number before it would go into it.
        let is_sum = self.scale.terms().len() > 1;
        let scale = if is_sum { Expr::symbol(STAND_IN) } else { self.scale.clone() };
        let text = |expr: Expr| {
            let scale = format!("({})", self.scale);
            expr.to_string().replace(&format!("({STAND_IN})"), &scale).replace(STAND_IN, &scale)
        };
        let mut is_first = true;
        for (exponent, coefficient) in &self.terms {
            let term = coefficient * scale.pow(exponent);
            let is_negated = term.terms().len() == 1 && term.is_negated();
            let before = match (is_first, is_negated) {
                (true, true) => "-",
                (true, false) => "",
                (false, true) => " - ",
                (false, false) => " + ",
            };
            let is_open = term.terms().len() > 1 && !is_first;
            let (open, close) = if is_open { ("(", ")") } else { ("", "") };
            let shown = text(if is_negated { -term } else { term });
            write!(formatter, "{before}{open}{shown}{close}")?;
            is_first = false;
        }
        match &self.order {
            Some(order) if is_first => write!(formatter, "O({})", text(scale.pow(order))),
            Some(order) => write!(formatter, " + O({})", text(scale.pow(order))),
            None if is_first => formatter.write_str("0"),
            None => Ok(()),
        }
    }
}

/// The series of a formula in powers of `name - point`, or of `1/name` where the point is infinite, up to the rest of
/// this order. Where powers are fractional, or logarithms occur, it is meant for the side of the point on which they are
/// real.
///
/// # Errors
/// A formula that has none there, with the reason; one whose expansion takes too long; one whose series could not be
/// confirmed by its values.
pub fn series(expr: &Expr, name: &str, point: &Expr, order: u32) -> Result<Series, MathError> {
    if order > SERIES_ORDER_MAX {
        return Err(MathError::new(format!("a series of order {order} is asked for"))
            .help(format!("Ask for an order of at most {SERIES_ORDER_MAX}")));
    }
    if point.contains(name) {
        return Err(MathError::new(format!("the point `{point}` holds `{name}` itself")));
    }
    if expr.any(&|part| part.is_undefined() || part.is_infinite()) || point.is_undefined() {
        return Err(MathError::new(format!("`{expr}` is infinite or has no value")));
    }
    let order = Expr::from(order);
    let x = Expr::symbol(name);
    let upward = match point.infinite_sign() {
        Some(sign) => (Expr::int(i64::from(sign)) * &x).powi(-1),
        None => &x - point,
    };
    let first = one_side(expr, name, point, &order, &upward);
    let is_complex = |series: &Series| series.terms.iter().any(|(_, value)| value.any(&is_imaginary));
    let is_regular =
        |series: &Series| series.terms.iter().all(|(at, value)| at.as_int().is_some() && !value.contains(name));
    match first {
        // Roots and logarithms that are not real on this side may be on the other one.
        Ok(found) if !point.is_infinite() && is_complex(&found) && !is_regular(&found) && !expr.any(&is_imaginary) => {
            match one_side(expr, name, point, &order, &(point - &x)) {
                Ok(other) if !is_complex(&other) => Ok(other),
                _ => Ok(found),
            }
        }
        Ok(found) if point.infinite_sign() == Some(-1) && is_regular(&found) => Ok(mirrored(found, &x)),
        outcome => outcome,
    }
}

/// A series in powers of `-1/x` as one of `1/x`.
fn mirrored(series: Series, x: &Expr) -> Series {
    let sign = |exponent: &Expr| Expr::int(-1).pow(exponent);
    let terms = series.terms.into_iter().map(|(exponent, value)| {
        let value = value * sign(&exponent);
        (exponent, value)
    });
    Series { scale: x.powi(-1), terms: terms.collect(), order: series.order }
}

/// The series in positive powers of this scale, which is small and positive.
fn one_side(expr: &Expr, name: &str, point: &Expr, order: &Expr, scale: &Expr) -> Result<Series, MathError> {
    let x = Expr::symbol(name);
    let is_downward = !point.is_infinite() && *scale != &x - point;
    let steps = Expansion::term(Expr::int(if is_downward { -1 } else { 1 }), Expr::one());
    let mut work = Work::new(WORK_MAX);
    let failed = |stop| reason(stop, expr, name, point);
    let variable = match point.infinite_sign() {
        Some(sign) => Expansion::term(Expr::int(i64::from(sign)), Expr::int(-1)),
        None => Expansion::constant(point.clone()).add(&steps, &mut work).map_err(failed)?,
    };
    let mut local = Local { name, variable, point, work };
    let expansion = deep_enough(expr, order, &mut local).map_err(failed)?;
    let log = match point.infinite_sign() {
        Some(_) => -Function::Log.of(&scale.powi(-1)),
        None => Function::Log.of(scale),
    };
    let terms = expansion.terms.into_iter().map(|(exponent, value)| {
        let value = shortest(value);
        (exponent, value.substitute(LOG_SCALE, &log))
    });
    let terms = terms.filter(|(_, value)| !vanish::vanishes(value)).collect();
    let found = Series { scale: scale.clone(), terms, order: expansion.bound };
    check::confirm(expr, name, point, &found)?;
    Ok(found)
}

/// The expansion below this order: with more terms until those that cancel leave enough.
fn deep_enough(expr: &Expr, order: &Expr, local: &mut Local<'_>) -> Result<Expansion, Stop> {
    let mut width = if compare(order, &Expr::zero())?.is_gt() { order.clone() } else { Expr::one() };
    for _ in 0..TRIALS_MAX {
        local.work.width = Some(width.clone());
        match expand_in(expr, local).and_then(|expansion| without_zeros(expansion, local)) {
            Err(Stop::More) => width = width * Expr::int(2) + Expr::int(2),
            Err(stop) => return Err(stop),
            Ok(expansion) => match &expansion.bound {
                Some(bound) if compare(bound, order)?.is_lt() => width = width + (order - bound),
                // Logarithms are not bounded: their terms count one power further.
                Some(bound) if bound == order && expansion.terms.iter().any(|(_, value)| value.contains(LOG_SCALE)) => {
                    width = width + Expr::one();
                }
                _ => return expansion.below(order, unbounded),
            },
        }
    }
    Err(Stop::More)
}

fn is_gamma(part: &Expr) -> bool {
    matches!(part.node(), Node::Call(Function::Gamma | Function::Factorial, _))
}

/// The terms of a coefficient that hold the logarithm of the scale.
fn unbounded(coefficient: &Expr) -> Expr {
    Expr::sum(coefficient.terms().iter().filter(|term| term.contains(LOG_SCALE)).cloned())
}

fn reason(stop: Stop, expr: &Expr, name: &str, point: &Expr) -> MathError {
    match stop {
        Stop::Math(error) => error,
        Stop::More if expr.any(&is_gamma) => {
            MathError::new(format!("the coefficients of `{expr}` about {name} = {point} are not elementary"))
                .help("Of gamma only the first term is known")
        }
        Stop::More | Stop::Oscillates | Stop::NotReal => {
            MathError::new(format!("the terms of `{expr}` about {name} = {point} cancel further than was looked"))
                .help("Simplify the formula first")
        }
    }
}

/// The coefficient in its shortest form.
pub(super) fn shortest(value: Expr) -> Expr {
    if value.as_number().is_some() || value.size() > 200 {
        return value;
    }
    let forms = [cancel(&value), multiply_out(&value)];
    forms.into_iter().fold(value, |best, form| if form.size() < best.size() { form } else { best })
}

impl From<u32> for Expr {
    fn from(number: u32) -> Expr {
        Expr::int(i64::from(number))
    }
}
