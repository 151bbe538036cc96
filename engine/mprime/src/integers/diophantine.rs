//! Linear equations in whole numbers.

use dashu_int::ops::{BitTest, DivRemEuclid};
use dashu_int::{IBig, UBig};

use super::{BITS_MAX, Error, extended_gcd, is_congruent, magnitude};

/// The most unknowns of an equation.
const UNKNOWNS_MAX: usize = 64;

/// The whole numbers x, y with a·x + b·y = c.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Diophantine {
    /// Those of a line: x = x0 + k·dx and y = y0 + k·dy for every whole k. `dx` is b/g and `dy` is -a/g, where g is the
    /// greatest common divisor of a and b.
    Line {
        /// x at k = 0: the smallest that is not negative where b is not 0.
        x0: IBig,
        /// y at k = 0.
        y0: IBig,
        /// What x grows by.
        dx: IBig,
        /// What y grows by.
        dy: IBig,
    },
    /// All pairs: every number of the equation is 0.
    All,
    /// None: the greatest common divisor of a and b divides the left side, whatever x and y are, but not c. It is 0 where a
    /// and b both are.
    None {
        /// The greatest common divisor.
        divisor: UBig,
    },
}

/// Solves a·x + b·y = c in whole numbers (the extended algorithm of Euclid).
///
/// Errors: numbers beyond [`BITS_MAX`](super::BITS_MAX).
pub fn linear_diophantine(a: &IBig, b: &IBig, c: &IBig) -> Result<Diophantine, Error> {
    for number in [a, b, c] {
        magnitude("a number of the equation", number)?;
    }
    let (divisor, x, _) = extended_gcd(a, b);
    if divisor.is_zero() {
        return Ok(if c.is_zero() { Diophantine::All } else { Diophantine::None { divisor } });
    }
    if !is_congruent(c, &IBig::ZERO, &divisor) {
        return Ok(Diophantine::None { divisor });
    }
    let divisor = IBig::from(divisor);
    let (dx, dy) = (b / &divisor, -(a / &divisor));
    let x = x * (c / &divisor);
    // Any y does where b is 0: the smallest is taken.
    let (x0, y0) = if b.is_zero() {
        (c / a, IBig::ZERO)
    } else {
        let x0 = x.div_rem_euclid(dx.clone()).1;
        let x0 = IBig::from(x0);
        let y0 = (c - a * &x0) / b;
        (x0, y0)
    };
    debug_assert_eq!(a * &x0 + b * &y0, *c, "the solution solves it");
    Ok(Diophantine::Line { x0, y0, dx, dy })
}

/// The whole solutions of a linear equation of several unknowns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DiophantineLattice {
    /// All sums of `start` and whole multiples of each vector of `steps`, each once.
    Lattice {
        /// One solution: a number for each unknown.
        start: Vec<IBig>,
        /// Solutions of the equation with 0 on its right side, one fewer than unknowns (as many where all coefficients
        /// are 0). Every such solution is a sum of whole multiples of them.
        steps: Vec<Vec<IBig>>,
    },
    /// None: the greatest common divisor of the coefficients does not divide the right side.
    None {
        /// The greatest common divisor.
        divisor: UBig,
    },
}

/// Solves a₁·x₁ + … + aₙ·xₙ = c in whole numbers. The coefficients are brought to (g, 0, …, 0) by steps that have whole
/// inverses; what the steps do to the unknowns is the solution (A. Schrijver, "Theory of Linear and Integer Programming",
/// 1986, §4 and §5).
///
/// Errors: no coefficients, more than 64, together or on the right more than [`BITS_MAX`] bits.
pub fn linear_diophantine_many(coefficients: &[IBig], c: &IBig) -> Result<DiophantineLattice, Error> {
    let count = coefficients.len();
    if count == 0 {
        return Err(Error::Empty("coefficients"));
    }
    if count > UNKNOWNS_MAX {
        return Err(Error::TooLarge { what: "the equation", size: count, unit: "unknowns", most: UNKNOWNS_MAX });
    }
    magnitude("the right side", c)?;
    // The numbers of the solution are as long as all coefficients together.
    let size = coefficients.iter().map(|number| number.bit_len()).sum();
    if size > BITS_MAX {
        return Err(Error::TooLarge { what: "the list of coefficients", size, unit: "bits", most: BITS_MAX });
    }
    // Each vector's value in the equation stands beside it; the first takes the common divisor of those before.
    let unit = |place: usize| (0..count).map(|at| IBig::from(u8::from(at == place))).collect::<Vec<IBig>>();
    let mut lead = unit(0);
    let mut value = coefficients[0].clone();
    let mut steps = Vec::new();
    for (place, next) in coefficients.iter().enumerate().skip(1) {
        let (divisor, x, y) = extended_gcd(&value, next);
        if divisor.is_zero() {
            steps.push(unit(place));
            continue;
        }
        let divisor = IBig::from(divisor);
        let (this, other) = (next / &divisor, &value / &divisor);
        let mut step: Vec<IBig> = lead.iter().map(|entry| -(entry * &this)).collect();
        step[place] = other;
        lead.iter_mut().for_each(|entry| *entry *= &x);
        lead[place] = y;
        value = divisor;
        steps.push(step);
    }
    let divisor = value.clone().into_parts().1;
    if divisor.is_zero() {
        steps.push(lead);
        let start = vec![IBig::ZERO; count];
        return Ok(if c.is_zero() {
            DiophantineLattice::Lattice { start, steps }
        } else {
            DiophantineLattice::None { divisor }
        });
    }
    if !is_congruent(c, &IBig::ZERO, &divisor) {
        return Ok(DiophantineLattice::None { divisor });
    }
    let times = c / &value;
    let start = lead.into_iter().map(|entry| entry * &times).collect();
    Ok(DiophantineLattice::Lattice { start, steps })
}
