//! Inequalities of one variable.

use super::{Root, Solutions, real, solve};
use crate::symbolic::{Expr, MathError, Rational, Relation, Statement, Values, complex_value, rational::Generators};

/// An end of a range.
#[derive(Clone, Debug, PartialEq)]
pub struct Bound {
    /// The value, infinite where the range has no end; where no formula gives it, a rational number nearer than 10^-20.
    pub value: Expr,
    /// Whether the end itself belongs to the range.
    pub is_closed: bool,
    /// Whether the value is exact.
    pub is_exact: bool,
}

/// Numbers between two ends.
#[derive(Clone, Debug, PartialEq)]
pub struct Range {
    /// The lower end.
    pub low: Bound,
    /// The upper end.
    pub high: Bound,
}

/// Solves an inequality between quotients of polynomials over the real numbers: rising ranges.
///
/// # Errors
/// An inequality with other names or with functions of the name.
pub fn solve_inequality(statement: &Statement, name: &str) -> Result<Vec<Range>, MathError> {
    let difference = statement.difference();
    if difference.is_undefined() {
        return Err(MathError::new("the inequality is undefined: it divides by zero"));
    }
    let refuse = || {
        MathError::new(format!("no method here solves `{difference} {} 0` for `{name}`", statement.relation.text()))
            .help("Inequalities are between quotients of polynomials in one name")
    };
    if difference.symbols().iter().any(|own| **own != *name) {
        return Err(refuse());
    }
    let generators = Generators::of(&[&difference]);
    let is_rational = generators.exprs().iter().all(|own| own.as_symbol() == Some(name) || !own.contains(name));
    if !is_rational {
        return Err(refuse());
    }
    let quotient = generators.quotient(&difference).and_then(|quotient| quotient.cancelled()).ok_or_else(refuse)?;
    let zeros = ends(&generators.expr(&quotient.numerator), name)?;
    // Where the question itself divides by zero nothing is a solution, also where the zero cancels.
    let mut poles = ends(&generators.expr(&quotient.denominator), name)?;
    for divisor in divisors(&difference) {
        poles.extend(ends(&divisor, name)?);
    }
    let mut points: Vec<(Bound, f64, bool)> = zeros
        .into_iter()
        .map(|(bound, value)| (bound, value, false))
        .chain(poles.into_iter().map(|(bound, value)| (bound, value, true)))
        .collect();
    points.sort_by(|left, right| left.1.total_cmp(&right.1).then(right.2.cmp(&left.2)));
    points.dedup_by(|next, first| next.0.value == first.0.value);
    Ok(ranges(&points, |x| holds(&difference, name, x, statement.relation), at_zero(statement.relation)))
}

/// The real numbers at which a polynomial is zero.
fn ends(expr: &Expr, name: &str) -> Result<Vec<(Bound, f64)>, MathError> {
    if !expr.contains(name) {
        return Ok(Vec::new());
    }
    let Solutions::Some { found, .. } = solve(expr, name)? else { return Ok(Vec::new()) };
    Ok(found
        .into_iter()
        .filter_map(|solution| match solution.root {
            Root::Exact(value) => {
                let number = real(&value)?;
                Some((Bound { value, is_closed: false, is_exact: true }, number))
            }
            Root::Real { low, high } => {
                let middle = (low + high) / Rational::from(2);
                let number = middle.to_f64_fast();
                Some((Bound { value: Expr::number(middle), is_closed: false, is_exact: false }, number))
            }
            Root::Numerical { .. } => None,
        })
        .collect())
}

fn divisors(expr: &Expr) -> Vec<Expr> {
    let (base, exponent) = expr.base_and_exponent();
    let own = (exponent.is_negated() && !base.symbols().is_empty()).then_some(base);
    own.into_iter().chain(expr.children().into_iter().flat_map(divisors)).collect()
}

fn at_zero(relation: Relation) -> bool {
    matches!(relation, Relation::Equal | Relation::LessEqual | Relation::GreaterEqual)
}

fn holds(difference: &Expr, name: &str, x: f64, relation: Relation) -> bool {
    let values = Values::from([(name.to_owned(), x.into())]);
    let Some(value) = complex_value(difference, &values).filter(|value| value.is_finite()) else { return false };
    match relation {
        Relation::Equal => false,
        Relation::NotEqual => true,
        Relation::Less | Relation::LessEqual => value.re < 0.0,
        Relation::Greater | Relation::GreaterEqual => value.re > 0.0,
    }
}

/// The ranges between sorted points in which a relation holds, joined where the point between belongs to them.
fn ranges(points: &[(Bound, f64, bool)], holds: impl Fn(f64) -> bool, at_zero: bool) -> Vec<Range> {
    let infinite = |sign: i64| {
        let value = Expr::int(sign) * Expr::constant(crate::symbolic::Constant::Infinity);
        Bound { value, is_closed: false, is_exact: true }
    };
    let mut found: Vec<Range> = Vec::new();
    let mut open: Option<Bound> = None;
    for at in 0..=points.len() {
        let low = at.checked_sub(1).map(|before| &points[before]);
        let high = points.get(at);
        let inside = match (low, high) {
            (Some(low), Some(high)) => f64::midpoint(low.1, high.1),
            (Some(low), None) => low.1 + low.1.abs().max(1.0),
            (None, Some(high)) => high.1 - high.1.abs().max(1.0),
            (None, None) => 0.5,
        };
        let is_inside = holds(inside);
        let belongs = low.is_some_and(|(_, _, is_pole)| at_zero && !is_pole);
        if let Some((bound, ..)) = low {
            let end = Bound { is_closed: belongs, ..bound.clone() };
            match open.take() {
                // The point itself belongs to the range on both sides.
                Some(begin) if is_inside && belongs => open = Some(begin),
                Some(begin) => found.push(Range { low: begin, high: end.clone() }),
                None if belongs && !is_inside => found.push(Range { low: end.clone(), high: end.clone() }),
                None => {}
            }
            if is_inside && open.is_none() {
                open = Some(end);
            }
        } else if is_inside {
            open = Some(infinite(-1));
        }
    }
    if let Some(begin) = open {
        found.push(Range { low: begin, high: infinite(1) });
    }
    found
}
