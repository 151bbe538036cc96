//! Roots of polynomials of one variable with rational coefficients.

use num_complex::Complex64;

use super::{Root, Solution};
use crate::symbolic::{
    Constant, Expr, Function, Rational, numeric,
    polynomial::{self, Dense, Interval, Polynomial, isolate_roots, refine},
};

/// Digits to which isolated roots are known.
const DIGITS: u32 = 20;
/// Steps of the numerical method for complex roots.
const STEPS_MAX: usize = 500;

/// All roots, each once: exact ones where there is a formula that can be read, else real ones in certified intervals and
/// complex ones by their numerical value.
pub(super) fn roots(polynomial: &Dense) -> Vec<Solution> {
    let factored = polynomial::factor(&Polynomial::from_dense(1, 0, polynomial));
    let mut found = Vec::new();
    for (factor, power) in &factored.factors {
        if let Some(dense) = factor.dense(0) {
            found.extend(irreducible(&dense).into_iter().map(|root| Solution { root, multiplicity: *power }));
        }
    }
    found
}

fn irreducible(polynomial: &Dense) -> Vec<Root> {
    if let Some(exact) = exact(polynomial) {
        return exact.into_iter().map(Root::Exact).collect();
    }
    let mut found: Vec<Root> = real(polynomial);
    found.extend(complex(polynomial, found.len()));
    found
}

fn number(number: &Rational) -> Expr {
    Expr::number(number.clone())
}

/// The roots by a formula, where one can be read.
fn exact(polynomial: &Dense) -> Option<Vec<Expr>> {
    let coefficients = polynomial.coefficients();
    let exprs: Vec<Expr> = coefficients.iter().map(number).collect();
    match exprs.as_slice() {
        [b, a] => return Some(vec![-(b / a)]),
        [c, b, a] => return Some(quadratic(a, b, c)),
        _ => {}
    }
    // A polynomial in a power of the variable.
    let step = (2..coefficients.len())
        .rev()
        .find(|step| coefficients.iter().enumerate().all(|(at, coefficient)| at % step == 0 || coefficient.is_zero()));
    if let Some(step) = step {
        let inner = Dense::new(coefficients.iter().step_by(step).cloned().collect());
        if inner.degree() > 2 || !matches!(step, 2 | 3 | 4 | 6 | 8 | 12) {
            return None;
        }
        let powers = exact(&inner)?;
        return Some(powers.iter().flat_map(|power| radicals(power, step)).collect());
    }
    match exprs.as_slice() {
        [d, c, b, a] => cubic(a, b, c, d),
        _ => None,
    }
}

/// The two roots of a*x^2 + b*x + c.
pub(super) fn quadratic(a: &Expr, b: &Expr, c: &Expr) -> Vec<Expr> {
    let discriminant = crate::symbolic::cancel(&(b.powi(2) - Expr::int(4) * a * c));
    let root = discriminant.sqrt();
    let scale = (Expr::int(2) * a).powi(-1);
    if root.is_zero() {
        return vec![-b * scale];
    }
    // Every term over the denominator by itself: sqrt(5)/2 + 1/2 is then in canonical form.
    let half = |sign: Expr| crate::symbolic::expand(&((-b + sign * &root) * &scale));
    vec![half(Expr::int(-1)), half(Expr::one())]
}

/// The numbers whose power of this degree is the given one.
pub(super) fn radicals(power: &Expr, degree: usize) -> Vec<Expr> {
    let count = i64::try_from(degree).unwrap_or(i64::MAX);
    let below = Expr::number(Rational::from_parts(1.into(), degree.into()));
    // A negative number turns by half a step, so that real roots are seen to be real.
    let is_negative = power.is_negated() && numeric::real_value(power).is_some_and(|value| value < 0.0);
    let size = if is_negative { (-power).pow(&below) } else { power.pow(&below) };
    (0..count)
        .map(|index| {
            let turns = 2 * index + i64::from(is_negative);
            let angle = Expr::product([
                Expr::number(Rational::from_parts(turns.into(), degree.into())),
                Expr::constant(Constant::Pi),
            ]);
            let turn = Function::Cos.of(&angle) + Expr::constant(Constant::I) * Function::Sin.of(&angle);
            crate::symbolic::expand(&(&size * turn))
        })
        .collect()
}

/// Cardano's formula with one real root, Viète's with three.
fn cubic(a: &Expr, b: &Expr, c: &Expr, d: &Expr) -> Option<Vec<Expr>> {
    let shift = b / (Expr::int(3) * a);
    let p = c / a - b.powi(2) / (Expr::int(3) * a.powi(2));
    let q = Expr::int(2) * b.powi(3) / (Expr::int(27) * a.powi(3)) - b * c / (Expr::int(3) * a.powi(2)) + d / a;
    let radicand = q.powi(2) * Expr::fraction(1, 4) + p.powi(3) * Expr::fraction(1, 27);
    let is_single = *radicand.as_number()? > Rational::ZERO;
    let half = |expr: Expr| expr * Expr::fraction(1, 2);
    if is_single {
        let root = radicand.sqrt();
        let (u, v) = (cube_root(&(&root - half(q.clone())))?, cube_root(&(-&root - half(q)))?);
        let (sum, gap) = (&u + &v, &u - &v);
        let turn = half(Expr::constant(Constant::I) * Expr::int(3).sqrt() * gap);
        let middle = -half(sum.clone()) - &shift;
        return Some(vec![sum - &shift, &middle - &turn, middle + turn]);
    }
    let radius = Expr::int(2) * (-&p * Expr::fraction(1, 3)).sqrt();
    let cosine = Expr::int(3) * q / (Expr::int(2) * &p) * (Expr::int(-3) / &p).sqrt();
    let angle = Function::Acos.of(&cosine) * Expr::fraction(1, 3);
    let at = |index: i64| {
        let turn = Expr::fraction(2 * index, 3) * Expr::constant(Constant::Pi);
        &radius * Function::Cos.of(&(&angle - turn)) - &shift
    };
    Some((0..3).map(at).collect())
}

fn cube_root(expr: &Expr) -> Option<Expr> {
    let third = Expr::fraction(1, 3);
    let value = numeric::real_value(expr)?;
    Some(if value < 0.0 { -(-expr).pow(&third) } else { expr.pow(&third) })
}

fn real(polynomial: &Dense) -> Vec<Root> {
    let width = Rational::from_parts(1.into(), dashu_int::UBig::from(10u8).pow(DIGITS as usize));
    isolate_roots(polynomial)
        .into_iter()
        .map(|interval| {
            let Interval { low, high } = refine(polynomial, &interval, &width);
            Root::Real { low, high }
        })
        .collect()
}

/// The roots that are not real, by the method of Aberth ("Iteration methods for finding all zeros of a polynomial
/// simultaneously", 1973), with the size of the polynomial there.
fn complex(polynomial: &Dense, real: usize) -> Vec<Root> {
    let degree = polynomial.degree();
    let coefficients: Vec<f64> = polynomial.monic().coefficients().iter().map(Rational::to_f64_fast).collect();
    let value = |x: Complex64| coefficients.iter().rev().fold(Complex64::ZERO, |sum, number| sum * x + number);
    let slope = |x: Complex64| {
        let terms = coefficients.iter().enumerate().skip(1).rev();
        terms.fold(Complex64::ZERO, |sum, (at, number)| sum * x + number * at as f64)
    };
    let radius = 1.0 + coefficients[..degree].iter().fold(0.0f64, |most, number| most.max(number.abs()));
    let mut roots: Vec<Complex64> = (0..degree)
        .map(|at| Complex64::from_polar(radius.min(2.0), 0.7 + std::f64::consts::TAU * at as f64 / degree as f64))
        .collect();
    for _ in 0..STEPS_MAX {
        let mut moved = 0.0f64;
        for at in 0..degree {
            let x = roots[at];
            let newton = value(x) / slope(x);
            let others: Complex64 =
                roots.iter().enumerate().filter(|(other, _)| *other != at).map(|(_, root)| (x - root).inv()).sum();
            let step = newton / (Complex64::ONE - newton * others);
            if step.is_finite() {
                roots[at] -= step;
                moved = moved.max(step.norm() / x.norm().max(1e-300));
            }
        }
        if moved < 1e-15 {
            break;
        }
    }
    // As many as Sturm's theorem counts are real: those nearest to the real line.
    roots.sort_by(|left, right| left.im.abs().total_cmp(&right.im.abs()));
    let mut found = roots.split_off(real.min(roots.len()));
    found.sort_by(|left, right| left.re.total_cmp(&right.re).then(left.im.total_cmp(&right.im)));
    found.into_iter().map(|x| Root::Numerical { value: x, residual: value(x).norm() }).collect()
}
