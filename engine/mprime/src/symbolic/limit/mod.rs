//! Limits, by the algorithm of Gruntz.
//!
//! A question is brought to infinity ([`limit`]), functions that are not exponentials and logarithms are written by those
//! ([`prepare`]), what oscillates becomes a parameter with known bounds ([`range`]), and the part that varies most rapidly
//! is expanded and taken away again and again ([`gruntz`]). The value is compared with those of the formula before it is
//! returned ([`check`]).

mod check;
mod gruntz;
mod prepare;
mod range;
#[cfg(test)]
mod tests;

use super::{
    Constant, Expr, MathError,
    series::{
        expansion::{Stop, WORK_MAX},
        shortest,
    },
};
use gruntz::Gruntz;

/// From where a point is approached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From both sides: the limits have to be the same.
    Both,
    /// From larger numbers.
    Above,
    /// From smaller numbers.
    Below,
}

/// The limit of a formula as a name goes to a point; at infinity, which has one side only, the direction does not count.
///
/// # Errors
/// A formula that has no limit there, with what is known of it: both values where the sides differ, the range where it
/// oscillates; one whose limit depends on the sign of a parameter; one that takes too long; one whose limit could not be
/// confirmed by its values.
pub fn limit(expr: &Expr, name: &str, point: &Expr, direction: Direction) -> Result<Expr, MathError> {
    if point.contains(name) {
        return Err(MathError::new(format!("the point `{point}` holds `{name}` itself")));
    }
    if point.is_undefined() || expr.any(&|part| part.is_undefined() || part.is_infinite()) {
        return Err(MathError::new(format!("`{expr}` is infinite or has no value")));
    }
    if !expr.contains(name) {
        return Ok(expr.clone());
    }
    let side = |direction| Side { expr, name, point, direction };
    if point.is_infinite() {
        return side(Direction::Above).limit();
    }
    match direction {
        Direction::Above | Direction::Below => side(direction).limit(),
        Direction::Both => {
            let above = side(Direction::Above).limit()?;
            let below = side(Direction::Below).limit()?;
            if above == below || super::series::vanish::vanishes(&(&above - &below)) {
                return Ok(above);
            }
            Err(MathError::new(format!("`{expr}` has no limit as {name} goes to {point}"))
                .help(format!("From above it is {above}, from below {below}")))
        }
    }
}

/// One question.
struct Side<'a> {
    expr: &'a Expr,
    name: &'a str,
    point: &'a Expr,
    direction: Direction,
}

impl Side<'_> {
    /// The name by one that grows to infinity.
    fn place(&self, growing: &Expr) -> Expr {
        match (self.point.infinite_sign(), self.direction) {
            (Some(1), _) => growing.clone(),
            (Some(_), _) => -growing,
            (None, Direction::Below) => self.point - growing.powi(-1),
            (None, _) => self.point + growing.powi(-1),
        }
    }

    fn limit(&self) -> Result<Expr, MathError> {
        let moved = self.expr.substitute(self.name, &self.place(&Expr::symbol(self.name)));
        let mut gruntz = Gruntz::new(self.name, WORK_MAX);
        let outcome = gruntz.prepare(&moved).and_then(|prepared| gruntz.limit(&prepared));
        let value = match outcome {
            Ok(value) => value,
            Err(Stop::Math(error)) => {
                let (expr, name, point) = (self.expr, self.name, self.point);
                let message =
                    format!("the limit of `{expr}` as {name} goes to {point} is not found: {}", error.message);
                return Err(MathError { message, ..error });
            }
            Err(Stop::NotReal) => return Err(self.has_none("it grows without bound in a direction that is not real")),
            Err(Stop::Oscillates) => return Err(self.has_none("it oscillates without settling")),
            Err(Stop::More) => {
                return Err(MathError::new(format!("the terms of `{}` cancel further than was looked", self.expr))
                    .help("Simplify the formula first"));
            }
        };
        if value.is_undefined() {
            return Err(self.has_none("its parts have no common value"));
        }
        if gruntz.ranges.is_in(&value) {
            return Err(self.has_none(&gruntz.ranges.describe(&value)));
        }
        let value = shortest(value);
        check::confirm(self, &value)?;
        Ok(value)
    }

    fn has_none(&self, reason: &str) -> MathError {
        let (expr, name, point) = (self.expr, self.name, self.point);
        MathError::new(format!("`{expr}` has no limit as {name} goes to {point}: {reason}"))
    }
}

/// Infinity with this sign.
fn infinity(sign: i8) -> Expr {
    let infinity = Expr::constant(Constant::Infinity);
    if sign < 0 { -infinity } else { infinity }
}
