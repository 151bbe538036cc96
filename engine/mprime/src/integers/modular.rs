//! Arithmetic modulo a number: powers, inverses, remainders put together, symbols of quadratic residues, square roots.

use dashu_int::fast_div::ConstDivisor;
use dashu_int::modular::Reduced;
use dashu_int::ops::{BitTest, ExtendedGcd, RemEuclid};
use dashu_int::{IBig, Sign, UBig};

use super::primality::{is_prime, product_work};
use super::{Effort, Error, brief, brief_unsigned, check_size, is_congruent, magnitude};

/// The number from 0 up to the modulus that is congruent.
fn remainder(number: &IBig, modulus: &UBig) -> UBig {
    number.rem_euclid(IBig::from(modulus.clone()))
}

/// A modulus that is not 0 and not too large.
fn check_modulus(modulus: &UBig) -> Result<(), Error> {
    if modulus.is_zero() {
        return Err(Error::ZeroModulus);
    }
    check_size("the modulus", modulus)
}

/// `base` to `exponent` modulo `modulus`, from 0 up to the modulus. A negative exponent is a power of the inverse.
///
/// Errors: modulus 0, no inverse where the exponent is negative, numbers beyond [`BITS_MAX`](super::BITS_MAX), not enough
/// work.
pub fn power_mod(base: &IBig, exponent: &IBig, modulus: &UBig, effort: &mut Effort<'_>) -> Result<UBig, Error> {
    check_modulus(modulus)?;
    magnitude("the base", base)?;
    let times = magnitude("the exponent", exponent)?;
    let base = match exponent.sign() {
        Sign::Positive => remainder(base, modulus),
        Sign::Negative => inverse_mod(base, modulus)?,
    };
    if modulus.is_one() {
        return Ok(UBig::ZERO);
    }
    let ring = ConstDivisor::new(modulus.clone());
    let power = power(&ring.reduce(base), &times, modulus, effort);
    power.map(|power| power.residue()).ok_or(Error::Unfinished("the power"))
}

/// A power in the ring of a modulus, in pieces of the exponent between which the effort is asked.
pub(super) fn power<'r>(
    base: &Reduced<'r>,
    exponent: &UBig,
    modulus: &UBig,
    effort: &mut Effort<'_>,
) -> Option<Reduced<'r>> {
    let work = product_work(modulus);
    // A piece is a few milliseconds, and at least long enough for windows to pay.
    let piece = usize::try_from(4_000_000 / work).unwrap_or(usize::MAX).clamp(32, 1 << 12);
    let spend = |bits: usize, effort: &mut Effort<'_>| effort.spend(work.saturating_mul(bits as u64 * 3 / 2 + 1));
    let chunks = exponent.to_chunks(piece);
    let mut power: Option<Reduced<'r>> = None;
    for chunk in chunks.iter().rev() {
        if !spend(if power.is_some() { 2 * piece } else { chunk.bit_len() }, effort) {
            return None;
        }
        let part = base.pow(chunk);
        power = Some(match power {
            Some(power) => power.pow(&(UBig::ONE << piece)) * part,
            None => part,
        });
    }
    Some(power.unwrap_or_else(|| base.pow(&UBig::ZERO)))
}

/// The number from 0 up to the modulus whose product with `number` is congruent to 1.
///
/// Errors: modulus 0, no inverse, which names the divisor in common.
pub fn inverse_mod(number: &IBig, modulus: &UBig) -> Result<UBig, Error> {
    check_modulus(modulus)?;
    magnitude("the number", number)?;
    if modulus.is_one() {
        return Ok(UBig::ZERO);
    }
    let small = remainder(number, modulus);
    if small.is_zero() {
        let [modulus, divisor] = [modulus, modulus].map(brief_unsigned);
        return Err(Error::NoInverse { number: brief(number), modulus, divisor });
    }
    let (divisor, inverse, _) = (&small).gcd_ext(modulus);
    if !divisor.is_one() {
        let [modulus, divisor] = [modulus, &divisor].map(brief_unsigned);
        return Err(Error::NoInverse { number: brief(number), modulus, divisor });
    }
    Ok(remainder(&inverse, modulus))
}

/// The numbers that leave each remainder divided by the modulus beside it: the smallest that is not negative, and the least
/// common multiple of the moduli, by which they repeat. The moduli need not be coprime (Knuth, "The Art of Computer
/// Programming" 2, §4.3.2).
///
/// Errors: no remainders, lists of different lengths, a modulus 0, remainders that contradict each other, a common multiple
/// beyond [`BITS_MAX`](super::BITS_MAX).
pub fn chinese_remainder(remainders: &[IBig], moduli: &[UBig]) -> Result<(UBig, UBig), Error> {
    if remainders.len() != moduli.len() {
        return Err(Error::Lengths(remainders.len(), moduli.len()));
    }
    if moduli.is_empty() {
        return Err(Error::Empty("moduli"));
    }
    let (mut all, mut period) = (UBig::ZERO, UBig::ONE);
    for (wanted, modulus) in remainders.iter().zip(moduli) {
        check_modulus(modulus)?;
        magnitude("the remainder", wanted)?;
        let (divisor, inverse, _) = (&period).gcd_ext(modulus);
        let found = IBig::from(all.clone());
        if !is_congruent(wanted, &found, &divisor) {
            return Err(Error::Inconsistent {
                first: brief(&found),
                first_modulus: brief_unsigned(&period),
                second: brief(wanted),
                second_modulus: brief_unsigned(modulus),
                divisor: brief_unsigned(&divisor),
            });
        }
        let steps = modulus / &divisor;
        let times = remainder(&((wanted - found) / IBig::from(divisor) * inverse), &steps);
        all += times * &period;
        period *= steps;
        check_size("the least common multiple of the moduli", &period)?;
    }
    Ok((all, period))
}

/// The Jacobi symbol (number / modulus): -1, 0 or 1.
///
/// Errors: a lower number that is even or 0, numbers beyond [`BITS_MAX`](super::BITS_MAX).
pub fn jacobi(number: &IBig, modulus: &UBig) -> Result<i8, Error> {
    if !modulus.bit(0) {
        return Err(Error::BadSymbol(brief_unsigned(modulus)));
    }
    check_size("the lower number", modulus)?;
    magnitude("the upper number", number)?;
    Ok(jacobi_symbol(number, modulus))
}

/// The Legendre symbol (number / prime): 1 where the number is a square modulo the prime, -1 where it is not, 0 where the
/// prime divides it.
///
/// Errors: a lower number that is not an odd prime, not enough work to know.
pub fn legendre(number: &IBig, prime: &UBig, effort: &mut Effort<'_>) -> Result<i8, Error> {
    if !prime.bit(0) || !is_prime(&IBig::from(prime.clone()), effort)? {
        return Err(Error::NotPrime(brief_unsigned(prime), "an odd prime, below which alone a Legendre symbol stands"));
    }
    jacobi(number, prime)
}

/// The Jacobi symbol of an odd modulus (H. Cohen, "A Course in Computational Algebraic Number Theory", 1993, algorithm
/// 1.4.10).
pub(super) fn jacobi_symbol(number: &IBig, modulus: &UBig) -> i8 {
    debug_assert!(modulus.bit(0), "the modulus is odd");
    let (mut upper, mut lower, mut symbol) = (remainder(number, modulus), modulus.clone(), 1i8);
    let low = |number: &UBig| number.as_words().first().copied().unwrap_or(0) & 7;
    while let Some(twos) = upper.trailing_zeros() {
        upper >>= twos;
        if twos % 2 == 1 && matches!(low(&lower), 3 | 5) {
            symbol = -symbol;
        }
        if low(&upper) & 3 == 3 && low(&lower) & 3 == 3 {
            symbol = -symbol;
        }
        (upper, lower) = (&lower % &upper, upper);
    }
    if lower.is_one() { symbol } else { 0 }
}

/// The smaller of the two square roots of a number modulo a prime; `None` where the number is not a square there. The other
/// root is the prime less it. (The algorithm of Tonelli and Shanks; Cohen, 1993, algorithm 1.5.1, with the smallest number
/// that is no square in place of a random one.)
///
/// Errors: a modulus that is not prime, not enough work.
pub fn square_root_mod(number: &IBig, prime: &UBig, effort: &mut Effort<'_>) -> Result<Option<UBig>, Error> {
    if !is_prime(&IBig::from(prime.clone()), effort)? {
        return Err(Error::NotPrime(brief_unsigned(prime), "a prime, which the modulus of a square root is here"));
    }
    magnitude("the number", number)?;
    let small = remainder(number, prime);
    if small.is_zero() || *prime == UBig::from(2u8) {
        return Ok(Some(small));
    }
    if jacobi_symbol(number, prime) != 1 {
        return Ok(None);
    }
    let root = shanks(&small, prime, effort).ok_or(Error::Unfinished("the square root modulo a prime"))?;
    let other = prime - &root;
    Ok(Some(root.min(other)))
}

/// A square root of what is a square modulo an odd prime.
fn shanks(square: &UBig, prime: &UBig, effort: &mut Effort<'_>) -> Option<UBig> {
    let before = prime - UBig::ONE;
    let twos = before.trailing_zeros()?;
    let odd = before >> twos;
    let ring = ConstDivisor::new(prime.clone());
    let (one, target) = (ring.reduce(1u8), ring.reduce(square.clone()));
    let mut candidate = 2u64;
    while jacobi_symbol(&IBig::from(candidate), prime) != -1 {
        if !effort.spend(product_work(prime)) {
            return None;
        }
        candidate += 1;
    }
    let mut generator = power(&ring.reduce(candidate), &odd, prime, effort)?;
    let half = power(&target, &((&odd - UBig::ONE) >> 1), prime, effort)?;
    let mut root = &half * &target;
    let mut rest = &root * &half;
    // The rest is of an order 2^order below 2^bound; each turn makes it smaller, and at 1 the root is right.
    let mut bound = twos;
    while rest != one {
        let mut order = 0;
        let mut square = rest.clone();
        while square != one {
            if !effort.spend(2 * product_work(prime)) {
                return None;
            }
            square = square.sqr();
            order += 1;
        }
        // Only of a number that is not prime after all.
        if order >= bound {
            return None;
        }
        for _ in 0..bound - order - 1 {
            generator = generator.sqr();
        }
        root *= &generator;
        generator = generator.sqr();
        rest *= &generator;
        bound = order;
    }
    (root.sqr() == target).then(|| root.residue())
}
