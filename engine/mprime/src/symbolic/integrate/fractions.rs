//! Fractions of polynomials with rational coefficients: Hermite's reduction to denominators without repeated factors, then
//! logarithms and arc tangents of their factors (M. Bronstein, "Symbolic Integration I", 2005, chapter 2).

use crate::symbolic::{
    Expr, Function, Rational,
    polynomial::{self, Dense, Polynomial},
    rational::Generators,
};

/// The antiderivative; `None` where coefficients are no numbers, or a factor of the denominator is of a degree above two.
pub(super) fn integral(expr: &Expr, name: &str) -> Option<Expr> {
    let generators = Generators::of(&[expr]);
    let place = generators.place(&Expr::symbol(name))?;
    let quotient = generators.quotient(expr)?.cancelled()?;
    let (numerator, denominator) = (quotient.numerator.dense(place)?, quotient.denominator.dense(place)?);
    let x = Expr::symbol(name);
    let (whole, rest) = numerator.divide(&denominator);
    let mut terms = vec![antiderivative(&whole, &x)];
    let (done, rest, square_free) = hermite(rest, &denominator);
    terms.extend(done.into_iter().map(|(above, below)| value(&above, &x) / value(&below, &x)));
    if !rest.is_zero() {
        terms.push(logarithms(&rest, &square_free, &x)?);
    }
    Some(Expr::sum(terms))
}

/// The formula of a polynomial.
fn value(polynomial: &Dense, x: &Expr) -> Expr {
    let terms = polynomial.coefficients().iter().zip(0i64..);
    Expr::sum(terms.map(|(coefficient, power)| Expr::number(coefficient.clone()) * x.powi(power)))
}

fn antiderivative(polynomial: &Dense, x: &Expr) -> Expr {
    let terms = polynomial.coefficients().iter().zip(0i64..);
    Expr::sum(
        terms.map(|(coefficient, power)| Expr::number(coefficient / Rational::from(power + 1)) * x.powi(power + 1)),
    )
}

fn scaled(polynomial: &Dense, factor: &Rational) -> Dense {
    Dense::new(polynomial.coefficients().iter().map(|own| own * factor).collect())
}

/// Parts of the integral that are fractions themselves, and what is left over a denominator without repeated factors.
fn hermite(numerator: Dense, denominator: &Dense) -> (Vec<(Dense, Dense)>, Dense, Dense) {
    let mut done = Vec::new();
    let mut numerator = scaled(&numerator, &(Rational::ONE / denominator.leading()));
    let mut denominator = denominator.monic();
    while let Some((factor, power)) = denominator.square_free().into_iter().find(|(_, power)| *power > 1) {
        // denominator = rest * factor^power; -numerator/(power - 1) = b * rest * factor' + c * factor.
        let mut rest = denominator.clone();
        for _ in 0..power {
            rest = rest.divide(&factor).0;
        }
        let lower = Rational::from(power - 1);
        let target = scaled(&numerator, &(Rational::NEG_ONE / &lower));
        let rate = rest.mul(&factor.derivative());
        let (s, _) = rate.bezout(&factor);
        let b = s.mul(&target).divide(&factor).1;
        let c = target.sub(&b.mul(&rate)).divide(&factor).0;
        let mut below = Dense::new(vec![Rational::ONE]);
        for _ in 1..power {
            below = below.mul(&factor);
        }
        numerator = scaled(&c, &-&lower).sub(&rest.mul(&b.derivative()));
        denominator = rest.mul(&below);
        done.push((b, below));
        let common = numerator.gcd(&denominator);
        numerator = numerator.divide(&common).0;
        denominator = denominator.divide(&common).0;
    }
    (done, numerator, denominator)
}

/// The integral of a fraction whose denominator has no repeated factor, above it in degree.
fn logarithms(numerator: &Dense, denominator: &Dense, x: &Expr) -> Option<Expr> {
    let factored = polynomial::factor(&Polynomial::from_dense(1, 0, denominator));
    let mut terms = Vec::new();
    for (factor, _) in &factored.factors {
        let factor = factor.dense(0)?.monic();
        let others = denominator.monic().divide(&factor).0;
        let (inverse, _) = others.bezout(&factor);
        let above = numerator.mul(&inverse).divide(&factor).1;
        let above = scaled(&above, &(Rational::ONE / denominator.leading()));
        terms.push(over_irreducible(&above, &factor, x)?);
    }
    Some(Expr::sum(terms))
}

fn over_irreducible(above: &Dense, factor: &Dense, x: &Expr) -> Option<Expr> {
    let at = |dense: &Dense, power: usize| dense.coefficients().get(power).cloned().unwrap_or(Rational::ZERO);
    let log = Function::Log.of(&value(factor, x));
    match factor.degree() {
        1 => Some(Expr::number(at(above, 0)) * log),
        2 => {
            // (p x + q)/(x^2 + b x + c): p/2 log, and an arc tangent or logarithms of what is left.
            let (b, c) = (at(factor, 1), at(factor, 0));
            let half = at(above, 1) / Rational::from(2);
            let left = at(above, 0) - &half * &b;
            let discriminant = Rational::from(4) * c - &b * &b;
            let middle = value(&factor.derivative(), x);
            let rest = if discriminant > Rational::ZERO {
                let root = Expr::number(discriminant).sqrt();
                Expr::int(2) / &root * Function::Atan.of(&(middle / root))
            } else {
                let root = Expr::number(-discriminant).sqrt();
                let ratio =
                    |sign: i64| Function::Log.of(&crate::symbolic::expand(&(&middle + Expr::int(sign) * &root)));
                (ratio(-1) - ratio(1)) / root.clone()
            };
            Some(Expr::number(half) * log + Expr::number(left) * rest)
        }
        _ => {
            // A multiple of the derivative.
            let derivative = factor.derivative();
            let ratio = above.leading() / derivative.leading();
            (*above == scaled(&derivative, &ratio)).then(|| Expr::number(ratio) * log)
        }
    }
}
