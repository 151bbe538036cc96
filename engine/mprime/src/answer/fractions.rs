//! Continued fractions of rationals, of quadratic roots, and of any real number as far as is asked.

use dashu_int::{IBig, UBig};
use serde::Serialize;

use super::Answer;
use crate::integers;
use crate::symbolic::{DIGITS_MAX, Expr, MathError, Node, Rational, evaluate, expand, parse};

/// The most terms that are asked for.
pub const TERMS_MAX: usize = 4_096;
/// The longest period that is found.
const PERIOD_MAX: usize = 4_096;
/// Digits for a term, more than most need, and beside them.
const DIGITS_PER_TERM: usize = 2;
const DIGITS_BESIDE: usize = 20;
/// How often the digits are doubled before terms count as unknown.
const DOUBLINGS: usize = 6;

/// A continued fraction a₀ + 1/(a₁ + 1/(a₂ + …)).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FractionAnswer {
    /// Its terms, up to the period where there is one.
    pub terms: Vec<String>,
    /// The terms that repeat for ever.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub period: Vec<String>,
    /// Whether this is the whole of it.
    pub complete: bool,
    /// The fractions that it begins with.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub convergents: Vec<String>,
    /// Why terms are missing that were asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

impl Answer for FractionAnswer {
    fn lines(&self) -> Vec<String> {
        let mut parts = self.terms.clone();
        if !self.period.is_empty() {
            parts.push(format!("({})", self.period.join(", ")));
        }
        if !self.complete {
            parts.push("…".to_owned());
        }
        let first = parts.remove(0);
        let rest = if parts.is_empty() { String::new() } else { format!("; {}", parts.join(", ")) };
        std::iter::once(format!("[{first}{rest}]")).chain(self.convergents.iter().cloned()).collect()
    }

    fn notes(&self) -> Vec<String> {
        self.note.iter().cloned().collect()
    }
}

/// What is known of a continued fraction.
struct Found {
    terms: Vec<IBig>,
    period: Vec<IBig>,
    is_complete: bool,
}

impl Found {
    /// So many terms, the period again and again; fewer where there are no more.
    fn unrolled(&self, count: usize) -> Vec<IBig> {
        self.terms.iter().chain(self.period.iter().cycle()).take(count).cloned().collect()
    }
}

/// The continued fraction of a formula without names: the whole of it for rationals and quadratic roots, and so many terms
/// for others; with the fractions that the first so many terms make where they are asked for.
///
/// # Errors
/// What is no formula, has names or no real value; more than [`TERMS_MAX`] terms.
pub fn continued_fraction(formula: &str, terms: usize, with_convergents: bool) -> Result<FractionAnswer, MathError> {
    if !(1..=TERMS_MAX).contains(&terms) {
        return Err(MathError::other(format!("{terms} terms are asked for"))
            .with_help(format!("Ask for 1 to {TERMS_MAX} terms")));
    }
    let expr = expand(&parse(formula)?);
    if expr.is_undefined() {
        return Err(MathError::undefined().about(formula));
    }
    let found = match exact(&expr)? {
        Some(found) => found,
        None => numerical(&expr, terms).map_err(|error| error.about(formula))?,
    };
    let convergents = if with_convergents { convergents(&found.unrolled(terms))? } else { Vec::new() };
    let is_short = !found.is_complete && found.terms.len() < terms;
    let note = is_short.then(|| "the digits of the number tell no more terms; it may be rational".to_owned());
    let text = |terms: &[IBig]| terms.iter().map(ToString::to_string).collect();
    let (terms, period) = (text(&found.terms), text(&found.period));
    Ok(FractionAnswer { terms, period, complete: found.is_complete, convergents, note })
}

/// The fractions that a continued fraction begins with.
///
/// # Errors
/// No terms, or a term after the first below 1.
pub fn convergents(terms: &[IBig]) -> Result<Vec<String>, MathError> {
    let found = integers::convergents(terms).map_err(|error| MathError::other(error.to_string()))?;
    Ok(found.iter().map(ToString::to_string).collect())
}

/// The whole continued fraction, where the number is rational or a quadratic root with a period that is not too long.
fn exact(expr: &Expr) -> Result<Option<Found>, MathError> {
    let refused = |error: integers::Error| MathError::other(error.to_string());
    if let Some(number) = expr.as_number() {
        let terms = integers::continued_fraction(number).map_err(refused)?;
        return Ok(Some(Found { terms, period: Vec::new(), is_complete: true }));
    }
    let Some((add, root, divide)) = quadratic(expr) else { return Ok(None) };
    match integers::quadratic_fraction(&add, &root, &divide, PERIOD_MAX) {
        Ok(found) => Ok(Some(Found { terms: found.terms, period: found.period, is_complete: true })),
        Err(integers::Error::TooLarge { .. }) => Ok(None),
        Err(error) => Err(refused(error)),
    }
}

/// A formula as (add + √root) / divide in whole numbers.
fn quadratic(expr: &Expr) -> Option<(IBig, UBig, IBig)> {
    let (number, term) = match expr.node() {
        Node::Sum(terms) => match terms.as_slice() {
            [number, term] => (number.as_number()?.clone(), term),
            _ => return None,
        },
        _ => (Rational::ZERO, expr),
    };
    let factors = match term.node() {
        Node::Product(factors) => factors.as_slice(),
        _ => std::slice::from_ref(term),
    };
    // A root of a product stands as a product of roots.
    let half = Rational::from_parts(IBig::ONE, UBig::from(2u8));
    let (mut times, mut root) = (Rational::ONE, UBig::ONE);
    for factor in factors {
        if let Some(number) = factor.as_number() {
            times *= number;
            continue;
        }
        let Node::Power(base, exponent) = factor.node() else { return None };
        let own = base.as_int()?.as_ubig()?.clone();
        match exponent.as_number()? {
            exponent if *exponent == half => {}
            exponent if *exponent == -&half => times /= Rational::from(own.clone()),
            _ => return None,
        }
        root *= own;
    }
    let scale = integers::lcm(number.denominator().as_ibig(), times.denominator().as_ibig());
    let lifted = |own: &Rational| own.numerator() * IBig::from(&scale / own.denominator());
    let (mut add, factor, mut divide) = (lifted(&number), lifted(&times), IBig::from(scale.clone()));
    if factor < IBig::ZERO {
        (add, divide) = (-add, -divide);
    }
    Some((add, root * factor.into_parts().1.sqr(), divide))
}

/// The terms on which the ends of an interval about the value agree.
fn numerical(expr: &Expr, count: usize) -> Result<Found, MathError> {
    let mut digits = count * DIGITS_PER_TERM + DIGITS_BESIDE;
    let mut terms = Vec::new();
    for _ in 0..DOUBLINGS {
        let value = evaluate(expr, digits)?;
        let value = parse(&value)?.as_number().cloned().ok_or_else(MathError::undefined)?;
        terms = common_terms(&value, digits, count);
        if terms.len() >= count || digits >= DIGITS_MAX {
            break;
        }
        digits = (2 * digits).min(DIGITS_MAX);
    }
    Ok(Found { terms, period: Vec::new(), is_complete: false })
}

/// The terms of every number that rounds to a value of so many digits.
fn common_terms(value: &Rational, digits: usize, count: usize) -> Vec<IBig> {
    let size = if value.numerator() < &IBig::ZERO { -value } else { value.clone() };
    // One unit of the last digit is at most this.
    let unit = size * Rational::from_parts(IBig::ONE, UBig::from(10u8).pow(digits - 1));
    let (mut low, mut high) = (value - &unit, value + &unit);
    let mut terms = Vec::new();
    while terms.len() < count {
        let whole = low.floor();
        let (below, above) = (&low - &whole, &high - &whole);
        if above >= Rational::ONE || below.is_zero() {
            break;
        }
        terms.push(whole);
        (low, high) = (Rational::ONE / above, Rational::ONE / below);
    }
    terms
}
