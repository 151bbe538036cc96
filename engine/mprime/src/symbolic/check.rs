//! Whether two formulas are the same, by their values at random points.

use num_complex::Complex64;

use super::{Assumptions, Expr, Node, Values, complex_value};

/// Points at which both formulas must have the same value.
const POINTS: usize = 4;
/// Points that are tried; some lie where a formula is not defined.
const ATTEMPTS: u64 = 40;

/// Whether two formulas have the same values wherever both have one, as far as some random points tell; `false` too where
/// no points are found at which both are defined.
///
/// Names of which nothing is known are complex numbers, so that what holds on one branch only is found out.
pub fn same_values(left: &Expr, right: &Expr, assumptions: &Assumptions) -> bool {
    if left == right {
        return true;
    }
    if left.is_infinite() || right.is_infinite() || left.is_undefined() || right.is_undefined() {
        return false;
    }
    let mut names = left.symbols();
    names.extend(right.symbols());
    names.sort();
    names.dedup();
    let mut agreed = 0;
    for attempt in 0..ATTEMPTS {
        // Functions that are known at real numbers only have no value at the other points.
        let is_complex = attempt % 2 == 0;
        let mut random = Random(attempt.wrapping_mul(0x9E37_79B9_7F4A_7C15) + 1);
        let values: Values =
            names.iter().map(|name| (name.to_string(), point(&mut random, name, is_complex, assumptions))).collect();
        let (Some(one), Some(other)) = (complex_value(left, &values), complex_value(right, &values)) else { continue };
        if !one.is_finite() || !other.is_finite() || one.norm() > 1e100 {
            continue;
        }
        let gap = (one - other).norm();
        if gap > 1e-9 * one.norm().max(other.norm())
            && gap > 1e-11 * largest(left, &values).max(largest(right, &values))
        {
            return false;
        }
        agreed += 1;
        if agreed == POINTS || (names.is_empty() && agreed > 0) {
            return true;
        }
    }
    agreed > 0 && agreed >= POINTS.min(2)
}

/// The largest value that occurs on the way: what is lost by rounding is a part of it.
fn largest(expr: &Expr, values: &Values) -> f64 {
    let own = complex_value(expr, values).map_or(0.0, Complex64::norm);
    let below = expr.children().into_iter().map(|child| largest(child, values)).fold(0.0, f64::max);
    let steep = match expr.node() {
        // The exponent's rounding is as many times larger in the value.
        Node::Power(..) => own * below.max(1.0),
        _ => own,
    };
    steep.max(below)
}

fn point(random: &mut Random, name: &str, is_complex: bool, assumptions: &Assumptions) -> Complex64 {
    let facts = assumptions.facts(name);
    let size = 0.3 + 2.0 * random.unit();
    if facts.integer {
        let whole = (random.unit() * 6.0).floor() + 1.0;
        return Complex64::new(if facts.nonnegative || random.unit() < 0.5 { whole } else { -whole }, 0.0);
    }
    if facts.nonnegative {
        return Complex64::new(size, 0.0);
    }
    let real = if random.unit() < 0.5 { size } else { -size };
    let imaginary = if facts.real || !is_complex { 0.0 } else { 4.0 * random.unit() - 2.0 };
    Complex64::new(real, imaginary)
}

/// A generator of numbers for points (Vigna, "splitmix64", 2015).
struct Random(u64);

impl Random {
    fn unit(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((word ^ (word >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }
}
