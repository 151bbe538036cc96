//! Irreducible factors over the rational numbers: of one variable by Zassenhaus ("On Hensel factorization", 1969), of
//! several by Kronecker's substitution of powers of one for the others.

use dashu_base::UnsignedAbs;
use dashu_int::{IBig, UBig};
use std::time::{Duration, Instant};

use super::{
    Polynomial,
    modular::{Field, Modular},
    univariate::Dense,
};
use crate::symbolic::Rational;

/// How long combinations of factors modulo a prime are tried before the rest is left as it is.
const TIME_MAX: Duration = Duration::from_secs(5);
/// The highest degree of a polynomial of one variable that is factored.
const DEGREE_MAX: usize = 200;
/// The highest degree of the polynomial of one variable that stands for one of several.
const KRONECKER_DEGREE_MAX: u64 = 200;

/// A number and the factors whose product with it a polynomial is.
#[derive(Clone, Debug)]
pub(in crate::symbolic) struct Factored {
    pub(in crate::symbolic) number: Rational,
    /// Primitive factors with their powers.
    pub(in crate::symbolic) factors: Vec<(Polynomial, u32)>,
    /// Whether each factor is known to have no further ones.
    pub(in crate::symbolic) is_complete: bool,
}

/// The irreducible factors of a polynomial that is not zero.
pub(in crate::symbolic) fn factor(polynomial: &Polynomial) -> Factored {
    let number = polynomial.numeric_content();
    let mut work = Work { deadline: Instant::now() + TIME_MAX, is_complete: true };
    let mut factors: Vec<(Polynomial, u32)> = Vec::new();
    for (part, power) in square_free(&polynomial.primitive()) {
        factors.extend(work.irreducible(&part).into_iter().map(|factor| (factor, power)));
    }
    factors.sort_by_key(|(factor, power)| (*power, factor.total_degree(), factor.terms().len(), format!("{factor:?}")));
    Factored { number, factors, is_complete: work.is_complete }
}

/// Factors without repeated ones, with their powers: first what lacks a variable, then by Yun's algorithm in that one.
fn square_free(polynomial: &Polynomial) -> Vec<(Polynomial, u32)> {
    let Some(variable) = (0..polynomial.variables()).find(|at| polynomial.degree(*at) > 0) else { return Vec::new() };
    let mut content = Polynomial::zero(polynomial.variables());
    for coefficient in polynomial.coefficients(variable).iter().filter(|coefficient| !coefficient.is_zero()) {
        content = content.gcd(coefficient);
    }
    let mut found = square_free(&content);
    let part = polynomial.divide(&content).unwrap_or_else(|| polynomial.clone());
    let quotient = |left: &Polynomial, right: &Polynomial| left.divide(right).unwrap_or_else(|| left.clone());
    let derivative = part.derivative(variable);
    let common = part.gcd(&derivative);
    let mut base = quotient(&part, &common);
    let mut rest = quotient(&derivative, &common).sub(&base.derivative(variable));
    let mut power = 1;
    while base.degree(variable) > 0 {
        let factor = base.gcd(&rest);
        let next = quotient(&base, &factor);
        rest = quotient(&rest, &factor).sub(&next.derivative(variable));
        base = next;
        if factor.degree(variable) > 0 {
            found.push((factor.primitive(), power));
        }
        power += 1;
    }
    found
}

struct Work {
    deadline: Instant,
    is_complete: bool,
}

impl Work {
    /// The irreducible factors of a primitive polynomial without repeated ones.
    fn irreducible(&mut self, polynomial: &Polynomial) -> Vec<Polynomial> {
        let count = polynomial.variables();
        let used: Vec<usize> = (0..count).filter(|at| polynomial.degree(*at) > 0).collect();
        match used.as_slice() {
            [] => Vec::new(),
            [only] => match polynomial.dense(*only) {
                Some(dense) => {
                    let whole = self.univariate(&dense.whole());
                    let dense = |factor: Vec<IBig>| Dense::new(factor.into_iter().map(Rational::from).collect());
                    whole
                        .into_iter()
                        .map(|factor| Polynomial::from_dense(count, *only, &dense(factor)).primitive())
                        .collect()
                }
                None => vec![polynomial.clone()],
            },
            _ => self.kronecker(polynomial, &used),
        }
    }

    fn kronecker(&mut self, polynomial: &Polynomial, used: &[usize]) -> Vec<Polynomial> {
        let bases: Vec<u64> = used.iter().map(|at| u64::from(polynomial.degree(*at)) + 1).collect();
        let degree: u64 = bases.iter().try_fold(1u64, |product, base| product.checked_mul(*base)).unwrap_or(u64::MAX);
        if let Some(linear) = used.iter().find(|at| polynomial.degree(**at) == 1) {
            // Of what is linear in a variable, only what its two coefficients have in common is a factor.
            let [low, high] = &polynomial.coefficients(*linear)[..] else { return vec![polynomial.clone()] };
            let common = low.gcd(high);
            let rest = polynomial.divide(&common).unwrap_or_else(|| polynomial.clone());
            let mut found = self.irreducible(&common);
            found.push(rest.primitive());
            return found;
        }
        if degree > KRONECKER_DEGREE_MAX {
            self.is_complete = false;
            return vec![polynomial.clone()];
        }
        let image = to_image(polynomial, used, &bases);
        let parts: Vec<Dense> = Dense::new(image)
            .square_free()
            .into_iter()
            .flat_map(|(part, power)| {
                let factors = self.univariate(&part.whole());
                let dense = |factor: Vec<IBig>| Dense::new(factor.into_iter().map(Rational::from).collect());
                factors.into_iter().flat_map(move |factor| vec![dense(factor); power as usize])
            })
            .collect();
        let mut rest = polynomial.clone();
        let mut found = Vec::new();
        let combined = combine(parts, self.deadline, |product| {
            let candidate = from_image(product, polynomial.variables(), used, &bases)?.primitive();
            let quotient = rest.divide(&candidate)?;
            rest = quotient;
            found.push(candidate);
            Some(())
        });
        self.is_complete &= combined;
        if rest.as_constant().is_none() {
            found.push(rest.primitive());
        }
        found
    }

    /// The irreducible factors of a polynomial with whole coefficients and without repeated ones.
    fn univariate(&mut self, coefficients: &[IBig]) -> Vec<Vec<IBig>> {
        let mut polynomial = primitive(coefficients);
        let mut found = Vec::new();
        if polynomial.first().is_some_and(IBig::is_zero) {
            found.push(vec![IBig::ZERO, IBig::ONE]);
            polynomial.remove(0);
        }
        if polynomial.len() <= 1 {
            return found;
        }
        if polynomial.len() == 2 {
            found.push(polynomial);
            return found;
        }
        let modular = if polynomial.len() > DEGREE_MAX + 1 { None } else { modular_factors(&polynomial) };
        let Some((field, factors)) = modular else {
            self.is_complete = false;
            found.push(polynomial);
            return found;
        };
        if factors.len() == 1 {
            found.push(polynomial);
            return found;
        }
        let (lifted, modulus) = lift(&polynomial, &field, factors);
        let mut rest = polynomial;
        let combined = combine(lifted, self.deadline, |product: &Vec<IBig>| {
            let leading = rest.last()?.clone();
            let scaled: Vec<IBig> = product.iter().map(|number| symmetric(&(number * &leading), &modulus)).collect();
            let candidate = primitive(&scaled);
            let quotient = divide(&rest, &candidate)?;
            rest = quotient;
            found.push(candidate);
            Some(())
        });
        self.is_complete &= combined;
        if rest.len() > 1 {
            found.push(primitive(&rest));
        }
        found
    }
}

/// What can be multiplied while factors are put together.
trait Part: Clone {
    fn times(&self, other: &Self) -> Self;
}

impl Part for Dense {
    fn times(&self, other: &Dense) -> Dense {
        self.mul(other)
    }
}

impl Part for Vec<IBig> {
    fn times(&self, other: &Vec<IBig>) -> Vec<IBig> {
        product(self, other)
    }
}

/// Tries products of one part, then of two, and so on, and takes out those that are accepted. Answers whether all that
/// are worth trying were.
fn combine<P: Part>(mut parts: Vec<P>, deadline: Instant, mut accept: impl FnMut(&P) -> Option<()>) -> bool {
    let mut size = 1;
    while 2 * size <= parts.len() {
        let mut chosen: Vec<usize> = (0..size).collect();
        loop {
            if Instant::now() > deadline {
                return false;
            }
            let mut factors = chosen.iter().map(|at| &parts[*at]);
            let Some(first) = factors.next() else { return true };
            let product = factors.fold(first.clone(), |product, factor| product.times(factor));
            if accept(&product).is_some() {
                for at in chosen.iter().rev() {
                    parts.remove(*at);
                }
                if 2 * size > parts.len() {
                    return true;
                }
                chosen = (0..size).collect();
                continue;
            }
            let Some(at) = (0..size).rev().find(|at| chosen[*at] + size - at < parts.len()) else { break };
            chosen[at] += 1;
            for next in at + 1..size {
                chosen[next] = chosen[next - 1] + 1;
            }
        }
        size += 1;
    }
    true
}

fn to_image(polynomial: &Polynomial, used: &[usize], bases: &[u64]) -> Vec<Rational> {
    let length: u64 = bases.iter().product();
    let mut image = vec![Rational::ZERO; usize::try_from(length).unwrap_or(0)];
    for (monomial, coefficient) in polynomial.terms() {
        let mut place = 0;
        for (at, base) in used.iter().zip(bases).rev() {
            place = place * base + u64::from(monomial[*at]);
        }
        image[usize::try_from(place).unwrap_or(0)] = coefficient.clone();
    }
    image
}

fn from_image(image: &Dense, variables: usize, used: &[usize], bases: &[u64]) -> Option<Polynomial> {
    let mut sum = Polynomial::zero(variables);
    for (place, coefficient) in image.coefficients().iter().enumerate() {
        let mut rest = place as u64;
        let mut monomial = vec![0; variables];
        for (at, base) in used.iter().zip(bases) {
            monomial[*at] = u32::try_from(rest % base).ok()?;
            rest /= base;
        }
        if rest > 0 {
            return None;
        }
        sum = sum.add(&Polynomial::monomial(monomial.into(), coefficient.clone()));
    }
    Some(sum)
}

fn primitive(coefficients: &[IBig]) -> Vec<IBig> {
    let content = coefficients.iter().fold(UBig::ZERO, |common, number| super::gcd_of(common, number.unsigned_abs()));
    let mut content = IBig::from(content);
    if coefficients.last().is_some_and(|leading| *leading < IBig::ZERO) {
        content = -content;
    }
    coefficients.iter().map(|number| number / &content).collect()
}

fn product(left: &[IBig], right: &[IBig]) -> Vec<IBig> {
    if left.is_empty() || right.is_empty() {
        return Vec::new();
    }
    let mut product = vec![IBig::ZERO; left.len() + right.len() - 1];
    for (at, left) in left.iter().enumerate() {
        for (offset, right) in right.iter().enumerate() {
            product[at + offset] += left * right;
        }
    }
    product
}

/// The quotient with whole coefficients, where nothing remains.
fn divide(polynomial: &[IBig], divisor: &[IBig]) -> Option<Vec<IBig>> {
    let count = (polynomial.len() + 1).checked_sub(divisor.len()).filter(|count| *count > 0)?;
    let mut rest = polynomial.to_vec();
    let mut quotient = vec![IBig::ZERO; count];
    let leading = divisor.last()?;
    for shift in (0..count).rev() {
        let top = &rest[shift + divisor.len() - 1];
        let factor = top / leading;
        if &factor * leading != *top {
            return None;
        }
        for (at, number) in divisor.iter().enumerate() {
            rest[at + shift] -= number * &factor;
        }
        quotient[shift] = factor;
    }
    rest.iter().all(IBig::is_zero).then_some(quotient)
}

fn symmetric(number: &IBig, modulus: &IBig) -> IBig {
    let mut rest = number % modulus;
    if rest < IBig::ZERO {
        rest += modulus;
    }
    if &rest + &rest > *modulus { rest - modulus } else { rest }
}

fn reduce(coefficients: &[IBig], field: &Field) -> Modular {
    let modulus = IBig::from(field.0);
    let residue = |number: &IBig| {
        let rest = number % &modulus;
        let rest = if rest < IBig::ZERO { rest + &modulus } else { rest };
        u64::try_from(rest).unwrap_or(0)
    };
    let mut reduced: Modular = coefficients.iter().map(residue).collect();
    while reduced.last() == Some(&0) {
        reduced.pop();
    }
    reduced
}

/// The prime, of a few, modulo which the polynomial has the fewest factors, and these.
fn modular_factors(polynomial: &[IBig]) -> Option<(Field, Vec<Modular>)> {
    let mut best: Option<(Field, Vec<Modular>)> = None;
    let mut tried = 0;
    for prime in (3..20_000u64).filter(|number| crate::primes::is_prime(*number)) {
        let field = Field(prime);
        let reduced = reduce(polynomial, &field);
        if reduced.len() != polynomial.len() || field.gcd(&reduced, &field.derivative(&reduced)).len() != 1 {
            continue;
        }
        let factors = field.factors(&field.monic(&reduced));
        if best.as_ref().is_none_or(|(_, own)| factors.len() < own.len()) {
            best = Some((field, factors));
        }
        tried += 1;
        if tried == 6 || best.as_ref().is_some_and(|(_, own)| own.len() == 1) {
            break;
        }
    }
    best
}

/// Factors modulo a power of the prime that is larger than twice each coefficient of a factor (by Mignotte's bound).
fn lift(polynomial: &[IBig], field: &Field, factors: Vec<Modular>) -> (Vec<Vec<IBig>>, IBig) {
    let degree = polynomial.len() - 1;
    let squares: UBig = polynomial.iter().map(|number| (number * number).unsigned_abs()).sum();
    let norm = squares.nth_root(2) + UBig::ONE;
    let leading = polynomial.last().map_or(UBig::ONE, |number| number.unsigned_abs());
    let bound = (UBig::ONE << (degree + 1)) * norm * leading;
    let prime = UBig::from(field.0);
    let mut count = 1;
    let mut modulus = prime.clone();
    while modulus <= bound {
        modulus *= &prime;
        count += 1;
    }
    let modulus = IBig::from(modulus);
    let mut lifted = Vec::new();
    let mut rest = polynomial.to_vec();
    let mut factors = factors;
    while let Some(factor) = factors.pop() {
        if factors.is_empty() {
            // What is left over, made monic.
            lifted.push(monic(&rest, &modulus));
            break;
        }
        let others = factors.iter().fold(vec![1], |product, factor| field.mul(&product, factor));
        let (high, low) = lift_pair(&rest, field, &factor, &others, count);
        lifted.push(high);
        rest = low;
    }
    (lifted, modulus)
}

fn monic(polynomial: &[IBig], modulus: &IBig) -> Vec<IBig> {
    let leading = polynomial.last().cloned().unwrap_or(IBig::ONE);
    let inverse = inverse(&leading, modulus);
    polynomial.iter().map(|number| symmetric(&(number * &inverse), modulus)).collect()
}

/// The inverse of a number that has no factor in common with the modulus.
fn inverse(number: &IBig, modulus: &IBig) -> IBig {
    let (mut r0, mut r1) = (modulus.clone(), symmetric(number, modulus));
    let (mut t0, mut t1) = (IBig::ZERO, IBig::ONE);
    while !r1.is_zero() {
        let quotient = &r0 / &r1;
        let next = &r0 - &quotient * &r1;
        r0 = std::mem::replace(&mut r1, next);
        let next = &t0 - &quotient * &t1;
        t0 = std::mem::replace(&mut t1, next);
    }
    if r0 < IBig::ZERO { -t0 } else { t0 }
}

/// Lifts polynomial = high * low, high being monic, from the prime to its power, one power at a time (Hensel).
fn lift_pair(
    polynomial: &[IBig],
    field: &Field,
    high: &Modular,
    low: &Modular,
    count: usize,
) -> (Vec<IBig>, Vec<IBig>) {
    let reduced = reduce(polynomial, field);
    let leading = reduced.last().copied().unwrap_or(1);
    let low = field.mul(low, &[leading]);
    let (s, t) = field.bezout(high, &low);
    let whole = |modular: &Modular| -> Vec<IBig> { modular.iter().map(|number| IBig::from(*number)).collect() };
    let (mut high_lifted, mut low_lifted) = (whole(high), whole(&low));
    let prime = IBig::from(field.0);
    let mut power = prime.clone();
    for _ in 1..count {
        let made = product(&high_lifted, &low_lifted);
        let length = polynomial.len().max(made.len());
        let at = |list: &[IBig], index: usize| list.get(index).cloned().unwrap_or(IBig::ZERO);
        let error: Vec<IBig> = (0..length).map(|index| (at(polynomial, index) - at(&made, index)) / &power).collect();
        let error = reduce(&error, field);
        // error = high * a + low * b with b below high in degree.
        let (quotient, b) = field.divide(&field.mul(&t, &error), high);
        let a = field.sub(&field.mul(&s, &error), &field.sub(&[], &field.mul(&quotient, &low)));
        add_scaled(&mut high_lifted, &b, &power);
        add_scaled(&mut low_lifted, &a, &power);
        power *= &prime;
    }
    (high_lifted, low_lifted)
}

fn add_scaled(polynomial: &mut Vec<IBig>, addend: &Modular, scale: &IBig) {
    if addend.len() > polynomial.len() {
        polynomial.resize(addend.len(), IBig::ZERO);
    }
    for (own, number) in polynomial.iter_mut().zip(addend) {
        *own += IBig::from(*number) * scale;
    }
}
