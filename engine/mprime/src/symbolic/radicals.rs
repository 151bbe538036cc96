//! Powers of numbers, kept so that equal ones look equal: roots of primes with exponents between 0 and 1.

use dashu_base::{BitTest, UnsignedAbs};
use dashu_int::{IBig, UBig};

use super::{Constant, Expr, Function, Node, Rational};
use crate::primes::prime_factors;

/// The bits that a power of a number may have to be computed at once; a larger one stays a power.
const POWER_BITS: usize = 1 << 20;

/// Whether the formula is a positive number by its form alone; what is not said to be may still be one.
pub(super) fn is_positive(expr: &Expr) -> bool {
    match expr.node() {
        Node::Number(number) => *number > Rational::ZERO,
        Node::Constant(Constant::E | Constant::Pi | Constant::Infinity) => true,
        Node::Power(base, exponent) => is_positive(base) && exponent.as_number().is_some(),
        Node::Product(parts) | Node::Sum(parts) => parts.iter().all(is_positive),
        Node::Call(Function::Log, argument) => argument.as_number().is_some_and(|number| *number > Rational::ONE),
        _ => false,
    }
}

/// A rational number to a rational power.
pub(super) fn number_power(base: &Rational, exponent: &Rational) -> Expr {
    if base.is_zero() {
        let is_defined = *exponent > Rational::ZERO;
        return if is_defined { Expr::zero() } else { Expr::constant(Constant::Undefined) };
    }
    if exponent.is_int() {
        return whole_power(base, exponent);
    }
    if *base < Rational::ZERO {
        let turn = minus_one_power(exponent);
        return if *base == Rational::NEG_ONE { turn } else { turn * number_power(&-base, exponent) };
    }
    let (numerator, denominator) = (base.numerator().unsigned_abs(), base.denominator().clone());
    let negated = -exponent;
    let mut outside = Vec::new();
    let mut inside = Vec::new();
    for (number, own) in [(numerator, exponent), (denominator, &negated)] {
        for (prime, count) in parts_of(&number) {
            let own = Rational::from(count) * own;
            let whole = floor(&own);
            let rest = own - Rational::from(whole.clone());
            if !whole.is_zero() {
                let power = whole_power(&Rational::from(prime.clone()), &Rational::from(whole));
                if power.as_number().is_none() {
                    // Too large to be computed: a product of its parts would be put together and taken apart for ever.
                    return Expr::raw(Node::Power(Expr::number(base.clone()), Expr::number(exponent.clone())));
                }
                outside.push(power);
            }
            if !rest.is_zero() {
                inside.push(Expr::raw(Node::Power(Expr::number(prime.into()), Expr::number(rest))));
            }
        }
    }
    if outside.is_empty() && inside.len() == 1 {
        return inside.swap_remove(0);
    }
    Expr::product(outside.into_iter().chain(inside))
}

/// The largest whole number that is not above.
pub(super) fn floor(number: &Rational) -> IBig {
    let (numerator, denominator) = (number.numerator(), IBig::from(number.denominator().clone()));
    let quotient = numerator / &denominator;
    if *numerator < IBig::ZERO && &quotient * &denominator != *numerator { quotient - IBig::ONE } else { quotient }
}

fn whole_power(base: &Rational, exponent: &Rational) -> Expr {
    let bits = base.numerator().unsigned_abs().bit_len().max(base.denominator().bit_len());
    let small = base.is_one() || *base == Rational::NEG_ONE;
    match usize::try_from(exponent.numerator().unsigned_abs()) {
        Ok(count) if small || bits.saturating_mul(count) <= POWER_BITS => {
            let count = if small { count % 2 } else { count };
            let (numerator, denominator) = (base.numerator().pow(count), base.denominator().pow(count));
            if *exponent < Rational::ZERO {
                return Expr::number(Rational::from_parts_signed(denominator.into(), numerator));
            }
            Expr::number(Rational::from_parts(numerator, denominator))
        }
        _ => Expr::raw(Node::Power(Expr::number(base.clone()), Expr::number(exponent.clone()))),
    }
}

/// -1 to a fraction: a turn, of which at most half is left in the exponent.
fn minus_one_power(exponent: &Rational) -> Expr {
    let whole = floor(exponent);
    let rest = exponent - Rational::from(whole.clone());
    let sign = if (whole % IBig::from(2)).is_zero() { Expr::one() } else { Expr::int(-1) };
    let half = Rational::from_parts(IBig::ONE, UBig::from(2u8));
    let root = if rest == half {
        Expr::constant(Constant::I)
    } else {
        Expr::raw(Node::Power(Expr::int(-1), Expr::number(rest)))
    };
    if sign.is_one() { root } else { sign * root }
}

/// Numbers whose powers make a number: its primes where they are found, else a root of it that is whole, else itself.
fn parts_of(number: &UBig) -> Vec<(UBig, usize)> {
    if number.is_one() {
        return Vec::new();
    }
    let mut rest = number.clone();
    let mut parts = Vec::new();
    if u64::try_from(&rest).is_err() {
        for prime in (2u32..2_000).filter(|number| crate::primes::is_prime(u64::from(*number))) {
            let mut count = 0;
            while (&rest % prime) == 0 {
                rest /= prime;
                count += 1;
            }
            if count > 0 {
                parts.push((UBig::from(prime), count));
            }
        }
    }
    match u64::try_from(&rest) {
        Ok(small) => {
            for prime in prime_factors(small).unwrap_or_default() {
                match parts.last_mut() {
                    Some((last, count)) if *last == UBig::from(prime) => *count += 1,
                    _ => parts.push((UBig::from(prime), 1)),
                }
            }
        }
        Err(_) => parts.push(whole_root(&rest)),
    }
    parts
}

/// The smallest number of which this one is a power, and the exponent.
fn whole_root(number: &UBig) -> (UBig, usize) {
    for degree in (2..=number.bit_len()).rev().filter(|degree| *degree <= 64) {
        let root = number.nth_root(degree);
        if root.pow(degree) == *number {
            return (root, degree);
        }
    }
    (number.clone(), 1)
}

/// e to a power that is known: of logarithms, and of quarter turns.
pub(super) fn exponential(exponent: &Expr) -> Option<Expr> {
    if let Some(turn) = imaginary_turn(exponent) {
        let quarters = turn * Rational::from(2);
        return quarters.is_int().then(|| Expr::constant(Constant::I).pow(&Expr::number(quarters)));
    }
    let e = Expr::constant(Constant::E);
    match exponent.node() {
        Node::Call(Function::Log, argument) => Some(argument.clone()),
        Node::Product(factors) => {
            let at = factors.iter().position(|factor| matches!(factor.node(), Node::Call(Function::Log, _)))?;
            let Node::Call(_, argument) = factors[at].node() else { return None };
            let others = factors.iter().enumerate().filter(|(index, _)| *index != at).map(|(_, factor)| factor.clone());
            Some(argument.pow(&Expr::product(others)))
        }
        Node::Sum(terms) => {
            let is_known = |term: &Expr| {
                imaginary_turn(term).is_some_and(|turn| (turn * Rational::from(2)).is_int())
                    || term.factors().iter().any(|factor| matches!(factor.node(), Node::Call(Function::Log, _)))
            };
            let (known, rest): (Vec<Expr>, Vec<Expr>) = terms.iter().cloned().partition(is_known);
            if known.is_empty() {
                return None;
            }
            let outside = known.iter().map(|term| e.pow(term));
            Some(Expr::product(outside.chain([e.pow(&Expr::sum(rest.clone()))])))
        }
        _ => None,
    }
}

/// The rational r of `I*pi*r`.
fn imaginary_turn(expr: &Expr) -> Option<Rational> {
    let (coefficient, rest) = expr.coefficient();
    match rest.factors() {
        [left, right] if left.is_constant(Constant::Pi) && right.is_constant(Constant::I) => Some(coefficient),
        _ => None,
    }
}
