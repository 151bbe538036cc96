//! Number theory for integers of any size: primes, factors, residues, continued fractions, Diophantine equations.
//!
//! All of it is exact. What can take long takes an [`Effort`], a bound on the work that the caller gives, and says when it
//! ran out. There is no chance in it: the same call with the same work gives the same answer.
//!
//! Numbers of more than [`BITS_MAX`] bits are refused, so that no call with a small answer runs for minutes.

mod diophantine;
mod effort;
mod elliptic;
mod factor;
mod fractions;
mod modular;
mod montgomery;
mod primality;
mod quadratic;
mod search;
mod sieve;

use dashu_int::ops::{Abs, BitTest, ExtendedGcd, Gcd};
use dashu_int::{IBig, Sign, UBig};
use thiserror::Error;

pub use diophantine::{Diophantine, DiophantineLattice, linear_diophantine, linear_diophantine_many};
pub use effort::Effort;
pub use factor::{Factorisation, PrimePower, Rest, factor};
pub use fractions::{SquareRootFraction, continued_fraction, convergents, square_root_fraction};
pub use modular::{chinese_remainder, inverse_mod, jacobi, legendre, power_mod, square_root_mod};
pub use primality::{is_prime, next_prime, previous_prime};
pub use quadratic::{QuadraticFraction, quadratic_fraction};

/// The most bits of a number that is taken: about 78 thousand decimal digits.
pub const BITS_MAX: usize = 1 << 18;

/// Why there is no answer. Nothing has state here: the same call fails again, but [`Error::Unfinished`] and
/// [`Error::Unfactored`] may not with more work.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Error {
    /// A number beyond [`BITS_MAX`], or a list beyond its bound.
    #[error("{what} has {size} {unit}; the most is {most}")]
    TooLarge {
        /// What is too large.
        what: &'static str,
        /// How large it is.
        size: usize,
        /// In what.
        unit: &'static str,
        /// The most that is taken.
        most: usize,
    },
    /// The work that the caller allowed did not suffice.
    #[error("{0} needs more work than was allowed; allow more")]
    Unfinished(&'static str),
    /// Something is asked of the prime factors of a number, and not all are known.
    #[error("not all prime factors are known: {0} is left; allow more work")]
    Unfactored(String),
    /// Zero, which is not the product of any primes and is divided by everything.
    #[error("0 has no {0}; give a number other than 0")]
    Zero(&'static str),
    /// A modulus of 0.
    #[error("the modulus is 0; a modulus is at least 1")]
    ZeroModulus,
    /// There is no inverse.
    #[error("{number} has no inverse modulo {modulus}: both are divisible by {divisor}")]
    NoInverse {
        /// Of what.
        number: String,
        /// The modulus.
        modulus: String,
        /// The greatest common divisor, more than 1.
        divisor: String,
    },
    /// Something that holds for primes only.
    #[error("{0} is not {1}")]
    NotPrime(String, &'static str),
    /// The lower entry of a Jacobi symbol that is even or not positive.
    #[error("the lower number of a Jacobi symbol is odd and positive, and {0} is not")]
    BadSymbol(String),
    /// Remainders that no number has.
    #[error(
        "no number leaves {first} divided by {first_modulus} and also {second} divided by {second_modulus}: \
             both moduli are divisible by {divisor}, by which the remainders differ"
    )]
    Inconsistent {
        /// The remainder that follows from all before the second.
        first: String,
        /// The least common multiple of the moduli before the second.
        first_modulus: String,
        /// The first remainder that does not fit.
        second: String,
        /// Its modulus.
        second_modulus: String,
        /// The greatest common divisor of both moduli.
        divisor: String,
    },
    /// Lists that belong together and differ in length.
    #[error("there are {0} remainders and {1} moduli; give as many of each")]
    Lengths(usize, usize),
    /// Nothing where at least one is needed.
    #[error("there are no {0}; give at least one")]
    Empty(&'static str),
    /// The zeroth root of anything.
    #[error("there is no zeroth root; roots begin at 1")]
    ZerothRoot,
    /// An even root of a negative number.
    #[error("{number} is negative and has no root of even degree {degree} among the integers")]
    NegativeRoot {
        /// Of what.
        number: String,
        /// The degree.
        degree: usize,
    },
    /// A term of a continued fraction after the first that is not positive.
    #[error("term {index} of the continued fraction is {term}; every term but the first is at least 1")]
    BadTerm {
        /// Its place, from 0.
        index: usize,
        /// What it is.
        term: String,
    },
}

/// Refuses numbers beyond [`BITS_MAX`].
fn check_size(what: &'static str, number: &UBig) -> Result<(), Error> {
    let size = number.bit_len();
    if size > BITS_MAX {
        return Err(Error::TooLarge { what, size, unit: "bits", most: BITS_MAX });
    }
    Ok(())
}

/// The magnitude of a number that is not beyond [`BITS_MAX`].
fn magnitude(what: &'static str, number: &IBig) -> Result<UBig, Error> {
    let magnitude = number.clone().into_parts().1;
    check_size(what, &magnitude)?;
    Ok(magnitude)
}

/// A number as messages show it: long ones by their ends.
fn brief(number: &IBig) -> String {
    let digits = number.to_string();
    if digits.len() <= 40 {
        return digits;
    }
    let digit_count = digits.trim_start_matches('-').len();
    format!("{}…{} ({digit_count} digits)", &digits[..12], &digits[digits.len() - 6..])
}

/// [`brief`] of a number without a sign.
fn brief_unsigned(number: &UBig) -> String {
    brief(number.as_ibig())
}

/// The greatest common divisor, not negative. That of zeros only is 0.
pub fn gcd(a: &IBig, b: &IBig) -> UBig {
    match (a.is_zero(), b.is_zero()) {
        (true, _) => b.clone().into_parts().1,
        (_, true) => a.clone().into_parts().1,
        _ => a.gcd(b),
    }
}

/// The least common multiple, not negative; 0 where either is 0.
pub fn lcm(a: &IBig, b: &IBig) -> UBig {
    let divisor = gcd(a, b);
    if divisor.is_zero() {
        return UBig::ZERO;
    }
    (a / IBig::from(divisor) * b).into_parts().1
}

/// The greatest common divisor `g` and numbers `x`, `y` with `a·x + b·y = g` (the extended algorithm of Euclid; Knuth, "The
/// Art of Computer Programming" 2, §4.5.2).
pub fn extended_gcd(a: &IBig, b: &IBig) -> (UBig, IBig, IBig) {
    let sign = |number: &IBig| if number.sign() == Sign::Negative { IBig::NEG_ONE } else { IBig::ONE };
    match (a.is_zero(), b.is_zero()) {
        (true, true) => (UBig::ZERO, IBig::ZERO, IBig::ZERO),
        (true, false) => (b.clone().into_parts().1, IBig::ZERO, sign(b)),
        (false, true) => (a.clone().into_parts().1, sign(a), IBig::ZERO),
        _ => a.gcd_ext(b),
    }
}

/// The integer next to the root of a degree, towards zero: the largest `r` with `|r|^degree ≤ |number|`, with the sign of
/// the number, and whether it is the root itself.
///
/// Errors: degree 0, an even degree of a negative number.
pub fn integer_root(number: &IBig, degree: usize) -> Result<(IBig, bool), Error> {
    if degree == 0 {
        return Err(Error::ZerothRoot);
    }
    let size = magnitude("the number under the root", number)?;
    if number.sign() == Sign::Negative && degree.is_multiple_of(2) {
        return Err(Error::NegativeRoot { number: brief(number), degree });
    }
    let sign = number.sign();
    // A root of this degree is below 2, and powers of a degree beyond the bits need not be formed.
    if size.bit_len() <= degree {
        let root = IBig::from(u8::from(!size.is_zero()));
        let is_exact = size.is_zero() || size.is_one();
        return Ok((IBig::from_parts(sign, root.into_parts().1), is_exact));
    }
    let root = size.nth_root(degree);
    let is_exact = root.pow(degree) == size;
    debug_assert!(root.pow(degree) <= size, "a root that is cut off is not above");
    Ok((IBig::from_parts(sign, root), is_exact))
}

/// Whether a number is a square.
fn is_square(number: &UBig) -> bool {
    use dashu_int::ops::SquareRootRem;
    // Squares end in few patterns of bits, which spares most roots.
    let low = u64::try_from(number & UBig::from(63u8)).expect("six bits fit");
    if !matches!(low, 0 | 1 | 4 | 9 | 16 | 17 | 25 | 33 | 36 | 41 | 49 | 57) {
        return false;
    }
    number.sqrt_rem().1.is_zero()
}

/// Whether `a` and `b` are equal modulo `divisor`, which is not 0.
fn is_congruent(a: &IBig, b: &IBig, divisor: &UBig) -> bool {
    ((a - b).abs().into_parts().1 % divisor).is_zero()
}
