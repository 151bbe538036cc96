//! Polynomials of one variable: division, square-free parts, and intervals that hold one real root each.

use dashu_int::IBig;

use crate::symbolic::Rational;

/// Coefficients, lowest power first; the last is not zero.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::symbolic) struct Dense(Vec<Rational>);

/// Bounds of a real root. Where they are equal, they are the root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::symbolic) struct Interval {
    pub(in crate::symbolic) low: Rational,
    pub(in crate::symbolic) high: Rational,
}

impl Dense {
    pub(in crate::symbolic) fn new(mut coefficients: Vec<Rational>) -> Dense {
        while coefficients.last().is_some_and(Rational::is_zero) {
            coefficients.pop();
        }
        Dense(coefficients)
    }

    pub(in crate::symbolic) fn coefficients(&self) -> &[Rational] {
        &self.0
    }

    pub(in crate::symbolic) fn is_zero(&self) -> bool {
        self.0.is_empty()
    }

    /// The highest power; that of zero is 0.
    pub(in crate::symbolic) fn degree(&self) -> usize {
        self.0.len().saturating_sub(1)
    }

    pub(in crate::symbolic) fn leading(&self) -> Rational {
        self.0.last().cloned().unwrap_or(Rational::ZERO)
    }

    /// -1, 0 or 1.
    pub(in crate::symbolic) fn sign_at(&self, x: &Rational) -> i8 {
        // With whole numbers only: the common denominator of a power of x is positive.
        let (numerator, denominator) = (x.numerator(), IBig::from(x.denominator().clone()));
        let whole = self.whole();
        let mut value = IBig::ZERO;
        let mut scale = IBig::ONE;
        for coefficient in whole.iter().rev() {
            value = value * numerator + coefficient * &scale;
            scale *= &denominator;
        }
        if value.is_zero() {
            0
        } else if value > IBig::ZERO {
            1
        } else {
            -1
        }
    }

    /// The coefficients times a positive number that makes them whole.
    pub(in crate::symbolic) fn whole(&self) -> Vec<IBig> {
        let mut common = dashu_int::UBig::ONE;
        for coefficient in &self.0 {
            let shared = super::gcd_of(common.clone(), coefficient.denominator().clone());
            common = common / shared * coefficient.denominator();
        }
        let common = Rational::from(common);
        self.0.iter().map(|coefficient| (coefficient * &common).numerator().clone()).collect()
    }

    pub(in crate::symbolic) fn derivative(&self) -> Dense {
        Dense::new(self.0.iter().enumerate().skip(1).map(|(at, number)| number * Rational::from(at)).collect())
    }

    pub(in crate::symbolic) fn monic(&self) -> Dense {
        let leading = self.leading();
        if leading.is_zero() { self.clone() } else { Dense(self.0.iter().map(|number| number / &leading).collect()) }
    }

    pub(in crate::symbolic) fn mul(&self, other: &Dense) -> Dense {
        if self.is_zero() || other.is_zero() {
            return Dense(Vec::new());
        }
        let mut product = vec![Rational::ZERO; self.0.len() + other.0.len() - 1];
        for (at, left) in self.0.iter().enumerate() {
            for (offset, right) in other.0.iter().enumerate() {
                product[at + offset] += left * right;
            }
        }
        Dense::new(product)
    }

    pub(in crate::symbolic) fn sub(&self, other: &Dense) -> Dense {
        let length = self.0.len().max(other.0.len());
        let at = |dense: &Dense, index: usize| dense.0.get(index).cloned().unwrap_or(Rational::ZERO);
        Dense::new((0..length).map(|index| at(self, index) - at(other, index)).collect())
    }

    /// Quotient and remainder; the divisor is not zero.
    pub(in crate::symbolic) fn divide(&self, divisor: &Dense) -> (Dense, Dense) {
        let mut rest = self.0.clone();
        let leading = divisor.leading();
        let mut quotient = vec![Rational::ZERO; (rest.len() + 1).saturating_sub(divisor.0.len())];
        for shift in (0..quotient.len()).rev() {
            let factor = &rest[shift + divisor.0.len() - 1] / &leading;
            if factor.is_zero() {
                continue;
            }
            for (at, number) in divisor.0.iter().enumerate() {
                rest[at + shift] -= number * &factor;
            }
            quotient[shift] = factor;
        }
        rest.truncate(divisor.0.len().saturating_sub(1));
        (Dense::new(quotient), Dense::new(rest))
    }

    /// The monic greatest common divisor.
    pub(in crate::symbolic) fn gcd(&self, other: &Dense) -> Dense {
        let polynomial = |dense: &Dense| super::Polynomial::from_dense(1, 0, dense);
        polynomial(self)
            .gcd(&polynomial(other))
            .dense(0)
            .map_or_else(|| Dense(vec![Rational::ONE]), |found| found.monic())
    }

    /// s and t with s*self + t*other = 1, where the two have no common factor.
    pub(in crate::symbolic) fn bezout(&self, other: &Dense) -> (Dense, Dense) {
        let one = || Dense(vec![Rational::ONE]);
        let (mut r0, mut r1) = (self.clone(), other.clone());
        let (mut s0, mut s1) = (one(), Dense(Vec::new()));
        let (mut t0, mut t1) = (Dense(Vec::new()), one());
        while !r1.is_zero() {
            let (quotient, rest) = r0.divide(&r1);
            r0 = std::mem::replace(&mut r1, rest);
            let next = s0.sub(&quotient.mul(&s1));
            s0 = std::mem::replace(&mut s1, next);
            let next = t0.sub(&quotient.mul(&t1));
            t0 = std::mem::replace(&mut t1, next);
        }
        let inverse = Dense(vec![Rational::ONE / r0.leading()]);
        (s0.mul(&inverse), t0.mul(&inverse))
    }

    /// Factors without repeated roots, each with the power it has in the polynomial, by Yun's algorithm (1976).
    pub(in crate::symbolic) fn square_free(&self) -> Vec<(Dense, u32)> {
        let mut found = Vec::new();
        if self.degree() == 0 {
            return found;
        }
        let derivative = self.derivative();
        let common = self.gcd(&derivative);
        let mut base = self.divide(&common).0;
        let mut rest = derivative.divide(&common).0.sub(&base.derivative());
        let mut power = 1;
        while base.degree() > 0 {
            let factor = if rest.is_zero() { base.monic() } else { base.gcd(&rest) };
            let next = base.divide(&factor).0;
            rest = rest.divide(&factor).0.sub(&next.derivative());
            base = next;
            if factor.degree() > 0 {
                found.push((factor, power));
            }
            power += 1;
        }
        found
    }
}

/// One interval for each real root of a polynomial without repeated ones, in rising order, disjoint.
///
/// By Sturm's theorem: the changes of sign of the remainders at both ends count the roots between them.
pub(in crate::symbolic) fn isolate_roots(polynomial: &Dense) -> Vec<Interval> {
    if polynomial.degree() == 0 {
        return Vec::new();
    }
    let chain = sturm_chain(polynomial);
    let bound = root_bound(polynomial);
    let mut found = Vec::new();
    let (low, high) = (-bound.clone(), bound);
    let (at_low, at_high) = (changes(&chain, &low), changes(&chain, &high));
    split(&chain, (low, at_low), (high, at_high), &mut found);
    found
}

/// Makes an interval narrower than a width.
pub(in crate::symbolic) fn refine(polynomial: &Dense, interval: &Interval, width: &Rational) -> Interval {
    let Interval { mut low, mut high } = interval.clone();
    let at_high = polynomial.sign_at(&high);
    if at_high == 0 {
        return Interval { low: high.clone(), high };
    }
    while &high - &low > *width {
        let middle = (&low + &high) / Rational::from(2);
        match polynomial.sign_at(&middle) {
            0 => return Interval { low: middle.clone(), high: middle },
            sign if sign == at_high => high = middle,
            _ => low = middle,
        }
    }
    Interval { low, high }
}

fn sturm_chain(polynomial: &Dense) -> Vec<Dense> {
    let mut chain = vec![polynomial.clone(), polynomial.derivative()];
    loop {
        let [.., high, low] = chain.as_slice() else { return chain };
        let rest = high.divide(low).1;
        if rest.is_zero() {
            return chain;
        }
        // Only signs count: a positive factor keeps the numbers small.
        let content = super::Polynomial::from_dense(1, 0, &rest).numeric_content();
        let size = if content < Rational::ZERO { content } else { -content };
        chain.push(Dense::new(rest.0.iter().map(|number| number / &size).collect()));
    }
}

fn changes(chain: &[Dense], x: &Rational) -> usize {
    let signs: Vec<i8> = chain.iter().map(|polynomial| polynomial.sign_at(x)).filter(|sign| *sign != 0).collect();
    signs.windows(2).filter(|pair| pair[0] != pair[1]).count()
}

/// Cauchy's bound, as a power of two: all roots are nearer to zero.
fn root_bound(polynomial: &Dense) -> Rational {
    let leading = polynomial.leading();
    let mut bound = Rational::ONE;
    for coefficient in polynomial.coefficients() {
        let ratio = coefficient / &leading;
        let ratio = if ratio < Rational::ZERO { -ratio } else { ratio };
        while bound <= ratio {
            bound *= Rational::from(2);
        }
    }
    bound * Rational::from(2)
}

fn split(chain: &[Dense], low: (Rational, usize), high: (Rational, usize), found: &mut Vec<Interval>) {
    // Roots above the low end, up to and with the high end.
    match low.1.saturating_sub(high.1) {
        0 => return,
        1 => {
            let Some(polynomial) = chain.first() else { return };
            // The low end must be no root itself, or no sign is there to compare with.
            if polynomial.sign_at(&high.0) == 0 {
                return found.push(Interval { low: high.0.clone(), high: high.0 });
            }
            if polynomial.sign_at(&low.0) != 0 {
                return found.push(Interval { low: low.0, high: high.0 });
            }
        }
        _ => {}
    }
    let middle = (&low.0 + &high.0) / Rational::from(2);
    let count = changes(chain, &middle);
    split(chain, low, (middle.clone(), count), found);
    split(chain, (middle, count), high, found);
}
