//! Polynomials of several variables with rational coefficients.

mod factor;
mod gcd;
mod modular;
mod univariate;

use dashu_base::{Gcd, UnsignedAbs};
use dashu_int::{IBig, UBig};
use std::collections::BTreeMap;

pub(super) use factor::{Factored, factor};
pub(super) use univariate::{Dense, Interval, isolate_roots, refine};

use super::Rational;

/// The exponents of the variables.
type Monomial = Box<[u32]>;

/// A sum of products of powers of variables; no coefficient is zero.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Polynomial {
    variables: usize,
    terms: BTreeMap<Monomial, Rational>,
}

impl Polynomial {
    pub(super) fn zero(variables: usize) -> Polynomial {
        Polynomial { variables, terms: BTreeMap::new() }
    }

    pub(super) fn constant(variables: usize, number: Rational) -> Polynomial {
        Polynomial::monomial(vec![0; variables].into(), number)
    }

    pub(super) fn one(variables: usize) -> Polynomial {
        Polynomial::constant(variables, Rational::ONE)
    }

    /// A variable to a power.
    pub(super) fn variable(variables: usize, at: usize, exponent: u32) -> Polynomial {
        let mut monomial = vec![0; variables];
        monomial[at] = exponent;
        Polynomial::monomial(monomial.into(), Rational::ONE)
    }

    fn monomial(exponents: Monomial, coefficient: Rational) -> Polynomial {
        let variables = exponents.len();
        let mut terms = BTreeMap::new();
        if !coefficient.is_zero() {
            terms.insert(exponents, coefficient);
        }
        Polynomial { variables, terms }
    }

    pub(super) fn variables(&self) -> usize {
        self.variables
    }

    /// The terms, in rising lexical order of their exponents.
    pub(super) fn terms(&self) -> impl DoubleEndedIterator<Item = (&[u32], &Rational)> + ExactSizeIterator {
        self.terms.iter().map(|(monomial, coefficient)| (&**monomial, coefficient))
    }

    pub(super) fn is_zero(&self) -> bool {
        self.terms.is_empty()
    }

    /// The number that it is, where no variable occurs.
    pub(super) fn as_constant(&self) -> Option<Rational> {
        match self.terms.len() {
            0 => Some(Rational::ZERO),
            1 => {
                self.terms.first_key_value().filter(|(monomial, _)| is_one(monomial)).map(|(_, number)| number.clone())
            }
            _ => None,
        }
    }

    pub(super) fn is_one(&self) -> bool {
        self.as_constant().is_some_and(|number| number.is_one())
    }

    /// The highest power of a variable.
    pub(super) fn degree(&self, variable: usize) -> u32 {
        self.terms.keys().map(|monomial| monomial[variable]).max().unwrap_or(0)
    }

    /// The highest sum of exponents of a term.
    pub(super) fn total_degree(&self) -> u64 {
        self.terms.keys().map(|monomial| monomial.iter().copied().map(u64::from).sum()).max().unwrap_or(0)
    }

    pub(super) fn add(&self, other: &Polynomial) -> Polynomial {
        let mut sum = self.clone();
        for (monomial, coefficient) in &other.terms {
            sum.add_term(monomial, coefficient);
        }
        sum
    }

    pub(super) fn sub(&self, other: &Polynomial) -> Polynomial {
        let mut difference = self.clone();
        for (monomial, coefficient) in &other.terms {
            difference.add_term(monomial, &-coefficient);
        }
        difference
    }

    fn add_term(&mut self, monomial: &[u32], coefficient: &Rational) {
        match self.terms.get_mut(monomial) {
            Some(own) => {
                *own += coefficient;
                if own.is_zero() {
                    self.terms.remove(monomial);
                }
            }
            None => {
                self.terms.insert(monomial.into(), coefficient.clone());
            }
        }
    }

    pub(super) fn mul(&self, other: &Polynomial) -> Polynomial {
        let mut product = Polynomial::zero(self.variables);
        for (left, left_coefficient) in &self.terms {
            for (right, right_coefficient) in &other.terms {
                let monomial: Vec<u32> = left.iter().zip(right.iter()).map(|(left, right)| left + right).collect();
                product.add_term(&monomial, &(left_coefficient * right_coefficient));
            }
        }
        product
    }

    pub(super) fn scale(&self, factor: &Rational) -> Polynomial {
        if factor.is_zero() {
            return Polynomial::zero(self.variables);
        }
        let terms = self.terms.iter().map(|(monomial, own)| (monomial.clone(), own * factor)).collect();
        Polynomial { variables: self.variables, terms }
    }

    pub(super) fn pow(&self, exponent: u32) -> Polynomial {
        let mut power = Polynomial::one(self.variables);
        let mut square = self.clone();
        let mut rest = exponent;
        while rest > 0 {
            if rest & 1 == 1 {
                power = power.mul(&square);
            }
            rest >>= 1;
            if rest > 0 {
                square = square.mul(&square);
            }
        }
        power
    }

    /// The quotient, where nothing remains.
    pub(super) fn divide(&self, divisor: &Polynomial) -> Option<Polynomial> {
        let (leading, leading_coefficient) = divisor.terms.last_key_value()?;
        let mut rest = self.clone();
        let mut quotient = Polynomial::zero(self.variables);
        while let Some((monomial, coefficient)) = rest.terms.last_key_value() {
            let exponents: Vec<u32> = monomial
                .iter()
                .zip(leading.iter())
                .map(|(own, other)| own.checked_sub(*other))
                .collect::<Option<_>>()?;
            let factor = coefficient / leading_coefficient;
            for (other, other_coefficient) in &divisor.terms {
                let product: Vec<u32> = exponents.iter().zip(other.iter()).map(|(left, right)| left + right).collect();
                rest.add_term(&product, &-(other_coefficient * &factor));
            }
            quotient.add_term(&exponents, &factor);
        }
        Some(quotient)
    }

    /// The polynomials before the powers of a variable, lowest power first.
    pub(super) fn coefficients(&self, variable: usize) -> Vec<Polynomial> {
        let mut found = vec![Polynomial::zero(self.variables); self.degree(variable) as usize + 1];
        for (monomial, coefficient) in &self.terms {
            let mut rest = monomial.clone();
            rest[variable] = 0;
            found[monomial[variable] as usize].terms.insert(rest, coefficient.clone());
        }
        found
    }

    pub(super) fn derivative(&self, variable: usize) -> Polynomial {
        let mut derivative = Polynomial::zero(self.variables);
        for (monomial, coefficient) in &self.terms {
            if monomial[variable] > 0 {
                let mut lower = monomial.clone();
                lower[variable] -= 1;
                derivative.add_term(&lower, &(coefficient * Rational::from(monomial[variable])));
            }
        }
        derivative
    }

    /// The number by which it is divided so that its coefficients are whole, have no common factor, and the leading one is
    /// positive.
    pub(super) fn numeric_content(&self) -> Rational {
        let mut numerator = UBig::ZERO;
        let mut denominator = UBig::ONE;
        for coefficient in self.terms.values() {
            numerator = gcd_of(numerator, coefficient.numerator().unsigned_abs());
            let common = gcd_of(denominator.clone(), coefficient.denominator().clone());
            denominator = denominator / common * coefficient.denominator();
        }
        let Some((_, leading)) = self.terms.last_key_value() else { return Rational::ONE };
        let content = Rational::from_parts(IBig::from(numerator), denominator);
        if *leading < Rational::ZERO { -content } else { content }
    }

    /// The polynomial with whole coefficients without a common factor, the leading one positive.
    pub(super) fn primitive(&self) -> Polynomial {
        if self.is_zero() { self.clone() } else { self.scale(&(Rational::ONE / self.numeric_content())) }
    }

    pub(super) fn gcd(&self, other: &Polynomial) -> Polynomial {
        gcd::gcd(self, other)
    }

    /// The coefficients by the powers of the only variable that occurs; `None` where another one does.
    pub(super) fn dense(&self, variable: usize) -> Option<Dense> {
        let mut coefficients = vec![Rational::ZERO; self.degree(variable) as usize + 1];
        for (monomial, coefficient) in &self.terms {
            let others = monomial.iter().enumerate().filter(|(at, _)| *at != variable);
            if others.into_iter().any(|(_, exponent)| *exponent > 0) {
                return None;
            }
            coefficients[monomial[variable] as usize] = coefficient.clone();
        }
        Some(Dense::new(coefficients))
    }

    pub(super) fn from_dense(variables: usize, variable: usize, dense: &Dense) -> Polynomial {
        let mut sum = Polynomial::zero(variables);
        for (exponent, coefficient) in dense.coefficients().iter().enumerate().filter(|(_, number)| !number.is_zero()) {
            let mut monomial = vec![0; variables];
            monomial[variable] = u32::try_from(exponent).unwrap_or(u32::MAX);
            sum.terms.insert(monomial.into(), coefficient.clone());
        }
        sum
    }
}

fn is_one(monomial: &[u32]) -> bool {
    monomial.iter().all(|exponent| *exponent == 0)
}

/// The greatest common divisor; that of zeros is zero.
pub(super) fn gcd_of(left: UBig, right: UBig) -> UBig {
    if left.is_zero() {
        right
    } else if right.is_zero() {
        left
    } else {
        left.gcd(right)
    }
}
