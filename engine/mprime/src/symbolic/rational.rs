//! Formulas as quotients of polynomials in what they are made of: names, and functions of other formulas.

use dashu_base::UnsignedAbs;
use dashu_int::{IBig, UBig};
use std::collections::HashMap;

use super::{
    Assumptions, Expr, Node, Rational,
    polynomial::{self, Factored, Polynomial},
};

/// Terms of a polynomial beyond which products are left as they are.
const TERMS_MAX: usize = 5_000;
/// The highest power of a sum that is multiplied out.
const POWER_MAX: u32 = 100;
/// The highest power of a variable.
const EXPONENT_MAX: u32 = 1_000;

/// What a polynomial's variables stand for.
#[derive(Clone, Debug, Default)]
pub(super) struct Generators {
    exprs: Vec<Expr>,
    /// By base and unit of the exponent: the place, and by what the exponents were multiplied to be whole.
    places: HashMap<(Expr, Expr), (usize, UBig)>,
}

/// A quotient of polynomials.
#[derive(Clone, Debug)]
pub(super) struct Quotient {
    pub(super) numerator: Polynomial,
    pub(super) denominator: Polynomial,
}

impl Generators {
    /// What the formulas are made of.
    pub(super) fn of(exprs: &[&Expr]) -> Generators {
        let mut found: Vec<((Expr, Expr), UBig)> = Vec::new();
        exprs.iter().for_each(|expr| collect(expr, &mut found));
        // Names first, by the alphabet: a polynomial then looks as it is read.
        found.sort_by(|left, right| left.0.cmp(&right.0));
        let mut generators = Generators::default();
        for (key, scale) in found {
            match generators.places.get_mut(&key) {
                Some((_, own)) => {
                    let common = polynomial::gcd_of(own.clone(), scale.clone());
                    *own = &*own / common * scale;
                }
                None => {
                    let place = generators.places.len();
                    generators.places.insert(key, (place, scale));
                }
            }
        }
        generators.exprs = vec![Expr::zero(); generators.places.len()];
        for ((base, unit), (place, scale)) in &generators.places {
            let part = Expr::number(Rational::from_parts(IBig::ONE, scale.clone()));
            generators.exprs[*place] = base.pow(&(unit * part));
        }
        generators
    }

    pub(super) fn exprs(&self) -> &[Expr] {
        &self.exprs
    }

    pub(super) fn len(&self) -> usize {
        self.exprs.len()
    }

    /// The place of a formula among the variables.
    pub(super) fn place(&self, expr: &Expr) -> Option<usize> {
        self.exprs.iter().position(|own| own == expr)
    }

    /// The quotient of polynomials that a formula is; `None` where it would be enormous.
    pub(super) fn quotient(&self, expr: &Expr) -> Option<Quotient> {
        let count = self.len();
        match expr.node() {
            Node::Number(number) => Some(Quotient::whole(Polynomial::constant(count, number.clone()))),
            Node::Sum(terms) => {
                let mut total = Quotient::whole(Polynomial::zero(count));
                for term in terms {
                    total = total.add(&self.quotient(term)?)?;
                }
                Some(total)
            }
            Node::Product(factors) => {
                let mut total = Quotient::whole(Polynomial::one(count));
                for factor in factors {
                    total = total.mul(&self.quotient(factor)?)?;
                }
                Some(total)
            }
            Node::Power(base, exponent) => match exponent.as_int() {
                Some(power) if !is_atom(base) => {
                    let size = u32::try_from(power.unsigned_abs()).ok()?;
                    self.quotient(base)?.pow(size, *power < IBig::ZERO)
                }
                _ => {
                    let mut total = Quotient::whole(Polynomial::one(count));
                    for term in exponent.terms() {
                        total = total.mul(&self.power(base, term)?)?;
                    }
                    Some(total)
                }
            },
            _ => self.power(expr, &Expr::one()),
        }
    }

    fn power(&self, base: &Expr, exponent: &Expr) -> Option<Quotient> {
        let (coefficient, unit) = exponent.coefficient();
        let (place, scale) = self.places.get(&(base.clone(), unit))?;
        let exponent = coefficient * Rational::from(scale.clone());
        let size = u32::try_from(exponent.numerator().unsigned_abs()).ok().filter(|size| *size <= EXPONENT_MAX)?;
        let power = Polynomial::variable(self.len(), *place, size);
        let one = Polynomial::one(self.len());
        let is_below = exponent < Rational::ZERO;
        let (numerator, denominator) = if is_below { (one, power) } else { (power, one) };
        Some(Quotient { numerator, denominator })
    }

    /// The formula that a polynomial is.
    pub(super) fn expr(&self, polynomial: &Polynomial) -> Expr {
        Expr::sum(polynomial.terms().map(|(monomial, coefficient)| {
            let powers = monomial
                .iter()
                .zip(&self.exprs)
                .filter(|(exponent, _)| **exponent > 0)
                .map(|(exponent, expr)| expr.powi(i64::from(*exponent)));
            Expr::product(powers.chain([Expr::number(coefficient.clone())]))
        }))
    }

    /// The product that a factored polynomial is.
    pub(super) fn product(&self, factored: &Factored) -> Expr {
        let factors = factored.factors.iter().map(|(factor, power)| self.expr(factor).powi(i64::from(*power)));
        Expr::product(factors.chain([Expr::number(factored.number.clone())]))
    }
}

impl Quotient {
    fn whole(numerator: Polynomial) -> Quotient {
        let denominator = Polynomial::one(numerator.variables());
        Quotient { numerator, denominator }
    }

    fn add(&self, other: &Quotient) -> Option<Quotient> {
        if self.denominator == other.denominator {
            let numerator = self.numerator.add(&other.numerator);
            return Some(Quotient { numerator, denominator: self.denominator.clone() });
        }
        let common = self.denominator.gcd(&other.denominator);
        let (own, others) = (self.denominator.divide(&common)?, other.denominator.divide(&common)?);
        let left = multiplied(&self.numerator, &others)?;
        let right = multiplied(&other.numerator, &own)?;
        Some(Quotient { numerator: left.add(&right), denominator: multiplied(&self.denominator, &others)? })
    }

    fn mul(&self, other: &Quotient) -> Option<Quotient> {
        let numerator = multiplied(&self.numerator, &other.numerator)?;
        let denominator = multiplied(&self.denominator, &other.denominator)?;
        Some(Quotient { numerator, denominator })
    }

    fn pow(&self, power: u32, inverted: bool) -> Option<Quotient> {
        let raise = |polynomial: &Polynomial| {
            let terms = polynomial.terms().len();
            let degree = polynomial.total_degree().saturating_mul(u64::from(power));
            if degree > u64::from(EXPONENT_MAX) {
                return None;
            }
            if terms <= 1 {
                return Some(polynomial.pow(power));
            }
            if power > POWER_MAX || terms.saturating_mul(power as usize) > TERMS_MAX {
                return None;
            }
            let mut product = Polynomial::one(polynomial.variables());
            for _ in 0..power {
                product = multiplied(&product, polynomial)?;
            }
            Some(product)
        };
        let (numerator, denominator) = (raise(&self.numerator)?, raise(&self.denominator)?);
        if inverted && numerator.is_zero() {
            return None;
        }
        Some(if inverted {
            Quotient { numerator: denominator, denominator: numerator }
        } else {
            Quotient { numerator, denominator }
        })
    }

    /// Without common factors; the denominator has whole coefficients, the leading one positive.
    pub(super) fn cancelled(&self) -> Option<Quotient> {
        let common = self.numerator.gcd(&self.denominator);
        let (numerator, denominator) = (self.numerator.divide(&common)?, self.denominator.divide(&common)?);
        let content = Rational::ONE / denominator.numeric_content();
        Some(Quotient { numerator: numerator.scale(&content), denominator: denominator.scale(&content) })
    }
}

fn multiplied(left: &Polynomial, right: &Polynomial) -> Option<Polynomial> {
    let degree = left.total_degree().saturating_add(right.total_degree());
    let is_small = degree <= 4 * u64::from(EXPONENT_MAX);
    (is_small && left.terms().len().saturating_mul(right.terms().len()) <= TERMS_MAX * 20).then(|| left.mul(right))
}

/// Whether a formula is a variable of polynomials rather than made of some.
fn is_atom(expr: &Expr) -> bool {
    matches!(expr.node(), Node::Symbol(_) | Node::Constant(_) | Node::Call(..))
}

fn collect(expr: &Expr, found: &mut Vec<((Expr, Expr), UBig)>) {
    match expr.node() {
        Node::Number(_) => {}
        Node::Sum(parts) | Node::Product(parts) => parts.iter().for_each(|part| collect(part, found)),
        Node::Power(base, exponent) if exponent.as_int().is_some() && !is_atom(base) => collect(base, found),
        Node::Power(base, exponent) => {
            for term in exponent.terms() {
                let (coefficient, unit) = term.coefficient();
                found.push(((base.clone(), unit), coefficient.denominator().clone()));
            }
        }
        _ => found.push(((expr.clone(), Expr::one()), UBig::ONE)),
    }
}

/// The formula as one quotient without common factors, numerator and denominator multiplied out.
pub fn cancel(expr: &Expr) -> Expr {
    normal(expr).unwrap_or_else(|| expr.clone())
}

fn normal(expr: &Expr) -> Option<Expr> {
    let generators = Generators::of(&[expr]);
    let quotient = generators.quotient(expr)?.cancelled()?;
    Some(generators.expr(&quotient.numerator) / generators.expr(&quotient.denominator))
}

/// The formula with products and whole powers of sums multiplied out; denominators stay as they are.
pub fn expand(expr: &Expr) -> Expr {
    let inner = expr.map(expand);
    let expanded = match inner.node() {
        Node::Product(factors) => distribute(factors),
        Node::Power(base, exponent) => match (base.node(), exponent.as_i64()) {
            (Node::Sum(terms), Some(power)) if (2..=i64::from(POWER_MAX)).contains(&power) => raise(terms, power),
            _ => None,
        },
        _ => None,
    };
    expanded.unwrap_or(inner)
}

fn distribute(factors: &[Expr]) -> Option<Expr> {
    if !factors.iter().any(|factor| matches!(factor.node(), Node::Sum(_))) {
        return None;
    }
    let mut terms = vec![Expr::one()];
    for factor in factors {
        if terms.len().saturating_mul(factor.terms().len()) > TERMS_MAX {
            return None;
        }
        let product = terms.iter().flat_map(|term| factor.terms().iter().map(move |other| term * other));
        terms = Expr::sum(product).terms().to_vec();
    }
    Some(Expr::sum(terms))
}

fn raise(terms: &[Expr], power: i64) -> Option<Expr> {
    let base = Expr::sum(terms.to_vec());
    let mut product = base.clone();
    for _ in 1..power {
        product = distribute(&[product, base.clone()])?;
    }
    Some(product)
}

/// The formula as a product of irreducible factors over the rational numbers, and whether each is known to be so.
pub fn factor(expr: &Expr) -> (Expr, bool) {
    let generators = Generators::of(&[expr]);
    let Some(quotient) = generators.quotient(expr).and_then(|quotient| quotient.cancelled()) else {
        return (expr.clone(), false);
    };
    if quotient.numerator.is_zero() {
        return (Expr::zero(), true);
    }
    let above = polynomial::factor(&quotient.numerator);
    let below = polynomial::factor(&quotient.denominator);
    let is_complete = above.is_complete && below.is_complete;
    (generators.product(&above) / generators.product(&below), is_complete)
}

/// What an answer divides by, other than by numbers, and its question did not: where it is zero, the answer is another one.
/// What the name of the question is in was not zero before.
pub fn new_divisors(question: &Expr, answer: &Expr, name: &str) -> Vec<Expr> {
    let (mut before, mut found) = (Vec::new(), Vec::new());
    divisors(question, &mut before);
    divisors(answer, &mut found);
    found.retain(|own| !own.contains(name) && !own.symbols().is_empty() && !before.contains(own));
    found.sort();
    found.dedup();
    found
}

fn divisors(expr: &Expr, found: &mut Vec<Expr>) {
    if let Node::Power(base, exponent) = expr.node()
        && exponent.is_negated()
    {
        found.push(base.clone());
    }
    expr.children().into_iter().for_each(|child| divisors(child, found));
}

/// What must not be zero for a question and its answer to be the same: the factors that the question divides by and the
/// answer does not, but for those that are known not to be zero.
pub fn conditions(divisors: &[Expr], answer: &Expr, assumptions: &Assumptions) -> Vec<Expr> {
    let mut kept = Vec::new();
    bases_below(answer, &mut kept);
    let kept: Vec<Expr> = kept.iter().flat_map(parts).collect();
    let mut found: Vec<Expr> = divisors.iter().flat_map(parts).collect();
    found.retain(|own| !own.symbols().is_empty() && !kept.contains(own) && !assumptions.of(own).nonzero);
    found.sort();
    found.dedup();
    found
}

/// The factors of a formula, without their powers and signs.
fn parts(expr: &Expr) -> Vec<Expr> {
    let (product, _) = factor(expr);
    product
        .factors()
        .iter()
        .map(|factor| factor.base_and_exponent().0)
        .filter(|own| own.as_number().is_none())
        .collect()
}

fn bases_below(expr: &Expr, found: &mut Vec<Expr>) {
    if let Node::Power(base, exponent) = expr.node()
        && exponent.is_negated()
    {
        found.push(base.clone());
    }
    expr.children().into_iter().for_each(|child| bases_below(child, found));
}
