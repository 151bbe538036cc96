//! The greatest common divisor of polynomials, by primitive remainders; where an image modulo a prime shows that there is
//! none in a variable, nothing else is computed.

use dashu_base::UnsignedAbs;
use dashu_int::{IBig, UBig};

use super::{Polynomial, modular::Field};
use crate::symbolic::Rational;

/// A prime for images; values of the other variables are taken from the same numbers each time.
const PRIME: u64 = 2_147_483_629;
/// Terms of a remainder beyond which the search is given up: 1 divides everything.
const TERMS_MAX: usize = 4_000;

/// A primitive common divisor of both: the greatest, but for polynomials of enormous remainders.
pub(super) fn gcd(left: &Polynomial, right: &Polynomial) -> Polynomial {
    search(left, right).unwrap_or_else(|| Polynomial::one(left.variables()))
}

fn search(left: &Polynomial, right: &Polynomial) -> Option<Polynomial> {
    if left.is_zero() {
        return Some(right.primitive());
    }
    if right.is_zero() {
        return Some(left.primitive());
    }
    let one = || Polynomial::one(left.variables());
    if left.as_constant().is_some() || right.as_constant().is_some() {
        return Some(one());
    }
    let (left, right) = (left.primitive(), right.primitive());
    if left == right {
        return Some(left);
    }
    let Some(variable) = (0..left.variables()).find(|at| left.degree(*at) > 0 || right.degree(*at) > 0) else {
        return Some(one());
    };
    let (left_content, left_part) = content(&left, variable)?;
    let (right_content, right_part) = content(&right, variable)?;
    let common = search(&left_content, &right_content)?;
    if left_part.degree(variable) == 0
        || right_part.degree(variable) == 0
        || has_none(&left_part, &right_part, variable)
    {
        return Some(common);
    }
    let (mut high, mut low) = if left_part.degree(variable) >= right_part.degree(variable) {
        (left_part, right_part)
    } else {
        (right_part, left_part)
    };
    while !low.is_zero() {
        if low.degree(variable) == 0 {
            return Some(common);
        }
        let rest = pseudo_remainder(&high, &low, variable)?;
        high = low;
        low = if rest.is_zero() { rest } else { content(&rest, variable)?.1 };
    }
    Some(common.mul(&high).primitive())
}

/// What all coefficients by a variable have in common, and the rest.
fn content(polynomial: &Polynomial, variable: usize) -> Option<(Polynomial, Polynomial)> {
    let mut common = Polynomial::zero(polynomial.variables());
    for coefficient in polynomial.coefficients(variable).iter().rev().filter(|coefficient| !coefficient.is_zero()) {
        common = search(&common, coefficient)?;
        if common.is_one() {
            break;
        }
    }
    let rest = polynomial.divide(&common)?.primitive();
    Some((common, rest))
}

fn pseudo_remainder(high: &Polynomial, low: &Polynomial, variable: usize) -> Option<Polynomial> {
    let divisor = low.coefficients(variable);
    let leading = divisor.last()?;
    let mut rest = high.clone();
    while !rest.is_zero() && rest.degree(variable) as usize + 1 >= divisor.len() {
        if rest.terms().len() > TERMS_MAX {
            return None;
        }
        let own = rest.coefficients(variable);
        let shift = u32::try_from(own.len() - divisor.len()).ok()?;
        let factor = own.last()?.mul(&Polynomial::variable(high.variables(), variable, shift));
        rest = rest.mul(leading).sub(&low.mul(&factor)).primitive();
    }
    Some(rest)
}

/// Whether an image shows that no common divisor has this variable. It may not although there is none.
fn has_none(left: &Polynomial, right: &Polynomial, variable: usize) -> bool {
    let field = Field(PRIME);
    let (Some(left), Some(right)) = (image(left, variable, &field), image(right, variable, &field)) else {
        return false;
    };
    field.gcd(&left, &right).len() == 1
}

/// The polynomial by one variable modulo the prime, the others being numbers; `None` where its degree sinks.
fn image(polynomial: &Polynomial, variable: usize, field: &Field) -> Option<Vec<u64>> {
    let mut image = vec![0; polynomial.degree(variable) as usize + 1];
    for (monomial, coefficient) in polynomial.terms() {
        let mut value = residue(coefficient, field)?;
        for (at, exponent) in monomial.iter().enumerate().filter(|(at, _)| *at != variable) {
            let number = 1_000_003 * (at as u64 + 7) + 17;
            value = value * field.power(number, u64::from(*exponent)) % field.0;
        }
        let own = &mut image[monomial[variable] as usize];
        *own = (*own + value) % field.0;
    }
    (image.last() != Some(&0)).then_some(image)
}

/// A rational number modulo the prime; `None` where the prime divides its denominator.
fn residue(number: &Rational, field: &Field) -> Option<u64> {
    let modulus = UBig::from(field.0);
    let denominator = u64::try_from(number.denominator() % &modulus).ok().filter(|rest| *rest != 0)?;
    let size = u64::try_from(number.numerator().unsigned_abs() % &modulus).ok()?;
    let numerator = if *number.numerator() < IBig::ZERO { (field.0 - size) % field.0 } else { size };
    Some(numerator * field.inverse(denominator) % field.0)
}
