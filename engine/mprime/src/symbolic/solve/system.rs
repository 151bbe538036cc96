//! Systems of equations: linear ones by elimination, polynomial ones by a Gröbner basis (B. Buchberger, 1965).

use std::time::{Duration, Instant};

use super::{Root, Solution, roots};
use crate::symbolic::{
    Assumptions, Expr, MathError, cancel, check::same_values, polynomial::Polynomial, rational::Generators,
};

/// How long a Gröbner basis may be sought for.
const TIME_MAX: Duration = Duration::from_secs(5);
/// Polynomials that a basis may have while it grows.
const BASIS_MAX: usize = 200;
/// Names that a system may be solved for.
const NAMES_MAX: usize = 200;

/// The solutions of a system.
#[derive(Clone, Debug, PartialEq)]
pub enum SystemSolutions {
    /// There is none.
    None,
    /// Each solution gives every name a formula; names that are free stand for themselves.
    Some(Vec<Vec<(String, Expr)>>),
}

/// Solves formulas that are all to be zero for names.
///
/// # Errors
/// A system that is neither linear nor polynomial with rational coefficients and finitely many solutions that formulas
/// give.
pub fn solve_system(exprs: &[Expr], names: &[String]) -> Result<SystemSolutions, MathError> {
    if names.len() > NAMES_MAX || exprs.len() > 2 * NAMES_MAX {
        return Err(MathError::new(format!("the system has more than {NAMES_MAX} names or twice as many equations")));
    }
    if let Some(rows) = linear(exprs, names) {
        return Ok(eliminate(rows, names));
    }
    polynomial(exprs, names)
}

/// The coefficients of the names and, last, what stands without one; `None` where it is not linear.
fn linear(exprs: &[Expr], names: &[String]) -> Option<Vec<Vec<Expr>>> {
    exprs
        .iter()
        .map(|expr| {
            let generators = Generators::of(&[expr]);
            let quotient = generators.quotient(expr)?.cancelled()?;
            let has_name = |expr: &Expr| names.iter().any(|name| expr.contains(name));
            let places: Vec<Option<usize>> = names.iter().map(|name| generators.place(&Expr::symbol(name))).collect();
            let is_plain =
                generators.exprs().iter().enumerate().all(|(at, own)| !has_name(own) || places.contains(&Some(at)));
            let below = generators.expr(&quotient.denominator);
            if !is_plain || has_name(&below) {
                return None;
            }
            let mut row = vec![Vec::new(); names.len() + 1];
            for (monomial, coefficient) in quotient.numerator.terms() {
                let degree: u32 = places.iter().flatten().map(|at| monomial[*at]).sum();
                let column = match degree {
                    0 => names.len(),
                    1 => places.iter().position(|at| at.is_some_and(|at| monomial[at] == 1))?,
                    _ => return None,
                };
                let others = monomial
                    .iter()
                    .enumerate()
                    .filter(|(at, exponent)| **exponent > 0 && !places.contains(&Some(*at)))
                    .map(|(at, exponent)| generators.exprs()[at].powi(i64::from(*exponent)));
                row[column].push(Expr::product(others.chain([Expr::number(coefficient.clone())])));
            }
            Some(row.into_iter().map(Expr::sum).collect())
        })
        .collect()
}

/// Gauss' elimination with exact coefficients.
fn eliminate(mut rows: Vec<Vec<Expr>>, names: &[String]) -> SystemSolutions {
    let count = names.len();
    let mut pivots: Vec<(usize, usize)> = Vec::new();
    let mut next = 0;
    for column in 0..count {
        // A number is divided by more cheaply than a formula.
        let candidates = (next..rows.len()).filter(|row| !rows[*row][column].is_zero());
        let Some(pivot) = candidates.min_by_key(|row| rows[*row][column].size()) else { continue };
        rows.swap(next, pivot);
        let inverse = rows[next][column].powi(-1);
        rows[next] = rows[next].iter().map(|own| cancel(&(own * &inverse))).collect();
        let chosen = rows[next].clone();
        for (index, row) in rows.iter_mut().enumerate() {
            let factor = row[column].clone();
            if index != next && !factor.is_zero() {
                for (own, other) in row.iter_mut().zip(&chosen) {
                    *own = cancel(&(&*own - &factor * other));
                }
            }
        }
        pivots.push((next, column));
        next += 1;
    }
    let is_zero = |expr: &Expr| expr.is_zero() || same_values(expr, &Expr::zero(), &Assumptions::default());
    if rows[next..].iter().any(|row| !is_zero(&row[count])) {
        return SystemSolutions::None;
    }
    let solution = names.iter().enumerate().map(|(column, name)| {
        let value = match pivots.iter().find(|(_, own)| *own == column) {
            Some((row, _)) => {
                let free = (0..count)
                    .filter(|other| *other != column)
                    .map(|other| -(&rows[*row][other] * Expr::symbol(&names[other])));
                Expr::sum(free.chain([-&rows[*row][count]]))
            }
            None => Expr::symbol(name),
        };
        (name.clone(), value)
    });
    SystemSolutions::Some(vec![solution.collect()])
}

fn polynomial(exprs: &[Expr], names: &[String]) -> Result<SystemSolutions, MathError> {
    let refuse = |why: &str| {
        MathError::new(format!("no method here solves the system: {why}"))
            .help("Systems are linear, or polynomial with rational coefficients and finitely many solutions")
    };
    let references: Vec<&Expr> = exprs.iter().collect();
    let generators = Generators::of(&references);
    let is_named = |own: &Expr| own.as_symbol().is_some_and(|own| names.iter().any(|name| name == own));
    if !generators.exprs().iter().all(is_named) {
        return Err(refuse("it is not polynomial in the names that it is solved for"));
    }
    let mut polynomials = Vec::new();
    for expr in exprs {
        let quotient = generators.quotient(expr).and_then(|quotient| quotient.cancelled());
        polynomials.push(quotient.ok_or_else(|| refuse("it is too large"))?.numerator);
    }
    let basis = groebner(polynomials).ok_or_else(|| refuse("its Gröbner basis is too large"))?;
    if basis.iter().any(|polynomial| polynomial.as_constant().is_some()) {
        return Ok(SystemSolutions::None);
    }
    let mut found = Vec::new();
    let ordered: Vec<String> = generators.exprs().iter().map(ToString::to_string).collect();
    let basis: Vec<Expr> = basis.iter().map(|polynomial| generators.expr(polynomial)).collect();
    back(&basis, &ordered, Vec::new(), &mut found)
        .ok_or_else(|| refuse("its solutions are no formulas that can be read"))?;
    found.retain(|solution| {
        let value =
            |expr: &Expr| solution.iter().fold(expr.clone(), |expr, (name, value)| expr.substitute(name, value));
        exprs.iter().all(|expr| same_values(&value(expr), &Expr::zero(), &Assumptions::default()))
    });
    // What is not the whole ring has a common zero (Hilbert): none that is left was kept.
    if found.is_empty() {
        return Err(refuse("its solutions are no formulas that can be read"));
    }
    let free = names.iter().filter(|name| !ordered.contains(name));
    for solution in &mut found {
        solution.extend(free.clone().map(|name| (name.clone(), Expr::symbol(name))));
        solution.sort_by_key(|(name, _)| names.iter().position(|own| own == name));
    }
    Ok(SystemSolutions::Some(found))
}

/// Solves for the last name first, and puts its values into the rest.
fn back(
    basis: &[Expr],
    names: &[String],
    known: Vec<(String, Expr)>,
    found: &mut Vec<Vec<(String, Expr)>>,
) -> Option<()> {
    let Some((last, before)) = names.split_last() else {
        found.push(known);
        return Some(());
    };
    let within: Vec<&Expr> =
        basis.iter().filter(|expr| expr.contains(last) && !before.iter().any(|name| expr.contains(name))).collect();
    let equation = within.iter().min_by_key(|expr| expr.size())?;
    let values: Vec<Solution> = {
        let generators = Generators::of(&[equation]);
        let place = generators.place(&Expr::symbol(last))?;
        let numerator = generators.quotient(equation)?.cancelled()?.numerator;
        match numerator.dense(place) {
            Some(dense) => roots::roots(&dense),
            None => match &super::solve(equation, last).ok()? {
                super::Solutions::Some { found, is_complete: true, .. } => found.clone(),
                _ => return None,
            },
        }
    };
    for value in values {
        let Root::Exact(value) = value.root else { return None };
        let is_kept = within
            .iter()
            .all(|expr| same_values(&expr.substitute(last, &value), &Expr::zero(), &Assumptions::default()));
        if is_kept {
            let rest: Vec<Expr> = basis
                .iter()
                .map(|expr| crate::symbolic::expand(&expr.substitute(last, &value)))
                .filter(|expr| !expr.is_zero())
                .collect();
            let mut known = known.clone();
            known.push((last.clone(), value));
            back(&rest, before, known, found)?;
        }
    }
    Some(())
}

/// A reduced Gröbner basis in lexical order.
fn groebner(polynomials: Vec<Polynomial>) -> Option<Vec<Polynomial>> {
    let deadline = Instant::now() + TIME_MAX;
    let mut basis: Vec<Polynomial> =
        polynomials.into_iter().filter(|own| !own.is_zero()).map(|own| own.primitive()).collect();
    let mut pairs: Vec<(usize, usize)> =
        (0..basis.len()).flat_map(|high| (0..high).map(move |low| (low, high))).collect();
    while let Some((low, high)) = take_smallest(&mut pairs, &basis) {
        if Instant::now() > deadline || basis.len() > BASIS_MAX {
            return None;
        }
        let Some(difference) = overlap(&basis[low], &basis[high]) else { continue };
        let rest = reduce(difference, &basis, deadline)?;
        if !rest.is_zero() {
            let rest = rest.primitive();
            if rest.as_constant().is_some() {
                return Some(vec![rest]);
            }
            pairs.extend((0..basis.len()).map(|own| (own, basis.len())));
            basis.push(rest);
        }
    }
    let mut at = 0;
    while at < basis.len() {
        let own = basis.remove(at);
        let rest = reduce(own, &basis, deadline)?;
        if !rest.is_zero() {
            basis.insert(at, rest.primitive());
            at += 1;
        }
    }
    Some(basis)
}

fn leading(polynomial: &Polynomial) -> Option<(&[u32], &crate::symbolic::Rational)> {
    polynomial.terms().next_back()
}

/// The pair whose leading terms have the smallest common multiple.
fn take_smallest(pairs: &mut Vec<(usize, usize)>, basis: &[Polynomial]) -> Option<(usize, usize)> {
    let size = |(low, high): &(usize, usize)| {
        let terms = leading(&basis[*low]).zip(leading(&basis[*high]));
        terms.map(|((left, _), (right, _))| {
            left.iter().zip(right).map(|(left, right)| u64::from(*left.max(right))).sum::<u64>()
        })
    };
    let at = (0..pairs.len()).min_by_key(|at| size(&pairs[*at]))?;
    Some(pairs.swap_remove(at))
}

/// The difference of two polynomials multiplied so that their leading terms meet; `None` where these have nothing in
/// common, and the difference would be reduced to zero.
fn overlap(left: &Polynomial, right: &Polynomial) -> Option<Polynomial> {
    let ((left_term, left_number), (right_term, right_number)) = (leading(left)?, leading(right)?);
    if left_term.iter().zip(right_term).all(|(left, right)| *left == 0 || *right == 0) {
        return None;
    }
    let common: Vec<u32> = left_term.iter().zip(right_term).map(|(left, right)| *left.max(right)).collect();
    let scaled = |polynomial: &Polynomial, term: &[u32], number: &crate::symbolic::Rational| {
        let mut factor = Polynomial::constant(polynomial.variables(), crate::symbolic::Rational::ONE / number);
        for (at, (common, own)) in common.iter().zip(term).enumerate() {
            factor = factor.mul(&Polynomial::variable(polynomial.variables(), at, common - own));
        }
        polynomial.mul(&factor)
    };
    Some(scaled(left, left_term, left_number).sub(&scaled(right, right_term, right_number)))
}

/// What remains after all multiples of a basis are taken away.
fn reduce(polynomial: Polynomial, basis: &[Polynomial], deadline: Instant) -> Option<Polynomial> {
    let variables = polynomial.variables();
    let mut rest = polynomial;
    let mut kept = Polynomial::zero(variables);
    while let Some((term, number)) = leading(&rest) {
        if Instant::now() > deadline {
            return None;
        }
        let divisor = basis.iter().find_map(|own| {
            let (other, other_number) = leading(own)?;
            let exponents: Vec<u32> =
                term.iter().zip(other).map(|(own, other)| own.checked_sub(*other)).collect::<Option<_>>()?;
            Some((own, exponents, number / other_number))
        });
        let monomial = |exponents: &[u32], number: crate::symbolic::Rational| {
            exponents.iter().enumerate().fold(Polynomial::constant(variables, number), |product, (at, exponent)| {
                product.mul(&Polynomial::variable(variables, at, *exponent))
            })
        };
        match divisor {
            Some((divisor, exponents, factor)) => rest = rest.sub(&divisor.mul(&monomial(&exponents, factor))),
            None => {
                let lead = monomial(term, number.clone());
                rest = rest.sub(&lead);
                kept = kept.add(&lead);
            }
        }
    }
    Some(kept)
}
