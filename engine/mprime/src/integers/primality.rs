//! Primality: exact below 2^64, above by the test of Baillie, Pomerance, Selfridge and Wagstaff.
//!
//! That test is a strong probable prime test to base 2 and a strong Lucas test with Selfridge's parameters (R. Baillie and
//! S. Wagstaff, "Lucas pseudoprimes", 1980). A number that fails is composite; no composite number that passes is known,
//! and there is none below 2^64.

use dashu_int::fast_div::ConstDivisor;
use dashu_int::modular::Reduced;
use dashu_int::ops::BitTest;
use dashu_int::{IBig, Sign, UBig};

use super::modular::{jacobi_symbol, power};
use super::sieve::Sieve;
use super::{Effort, Error, check_size, is_square, magnitude};
use crate::primes;

/// Whether a number is prime: certain below 2^64, above by Baillie–PSW, for which no counter-example is known. Negative
/// numbers, 0 and 1 are not prime.
///
/// Errors: a number beyond [`BITS_MAX`](super::BITS_MAX), not enough work.
pub fn is_prime(number: &IBig, effort: &mut Effort<'_>) -> Result<bool, Error> {
    if number.sign() == Sign::Negative {
        return Ok(false);
    }
    let number = magnitude("the number", number)?;
    decide(&number, effort).ok_or(Error::Unfinished("the test for primality"))
}

/// The smallest prime above a number, in the sense of [`is_prime`].
///
/// Errors: as for [`is_prime`].
pub fn next_prime(number: &IBig, effort: &mut Effort<'_>) -> Result<UBig, Error> {
    if number.sign() == Sign::Negative {
        return Ok(UBig::from(2u8));
    }
    let number = magnitude("the number", number)?;
    if let Some(next) = u64::try_from(&number).ok().and_then(primes::next_prime) {
        return Ok(UBig::from(next));
    }
    search(&number, effort).ok_or(Error::Unfinished("the search for the next prime"))
}

/// The largest prime below a number, in the sense of [`is_prime`]; `None` where there is none.
///
/// Errors: as for [`is_prime`].
pub fn previous_prime(number: &IBig, effort: &mut Effort<'_>) -> Result<Option<UBig>, Error> {
    if *number <= IBig::from(2) {
        return Ok(None);
    }
    let mut candidate = magnitude("the number", number)? - UBig::ONE;
    if !candidate.bit(0) && candidate > UBig::from(2u8) {
        candidate -= UBig::ONE;
    }
    while !decide(&candidate, effort).ok_or(Error::Unfinished("the search for the previous prime"))? {
        // 3 is prime, so that this ends above 0.
        candidate -= UBig::from(2u8);
    }
    Ok(Some(candidate))
}

/// The smallest prime above a number of 64 bits or more: candidates without small divisors are tested.
fn search(number: &UBig, effort: &mut Effort<'_>) -> Option<UBig> {
    let sieve = Sieve::new(1 << 14);
    let bits = number.bit_len();
    // Between primes are about 0.7 · bits numbers; half as many odd ones make a window.
    let window = 4 * bits as u64;
    let mut base = number + UBig::ONE;
    base |= UBig::ONE;
    loop {
        if !effort.spend(2_000 * (bits as u64 / 64 + 8) + 8 * window) {
            return None;
        }
        let mut composite = vec![false; window as usize];
        for prime in sieve.odd_primes(3, sieve.below()) {
            let rest = u64::try_from(&base % UBig::from(prime)).expect("a rest is below its divisor");
            // The first index where base + 2·index is divisible: half of -rest modulo the prime.
            let missing = (prime - rest) % prime;
            let first = if missing.is_multiple_of(2) { missing / 2 } else { (missing + prime) / 2 };
            (first..window).step_by(prime as usize).for_each(|index| composite[index as usize] = true);
        }
        for index in (0..window).filter(|index| !composite[*index as usize]) {
            let candidate = &base + UBig::from(2 * index);
            if decide(&candidate, effort)? {
                return check_size("the next prime", &candidate).is_ok().then_some(candidate);
            }
        }
        base += UBig::from(2 * window);
    }
}

/// Whether a number is prime; `None` where the work did not suffice.
pub(super) fn decide(number: &UBig, effort: &mut Effort<'_>) -> Option<bool> {
    if let Ok(number) = u64::try_from(number) {
        return effort.spend(5_000).then(|| primes::is_prime(number));
    }
    // The product of the odd primes below 54, for one division by all.
    const PRIMORIAL: u64 = 16_294_579_238_595_022_365;
    let rest = u64::try_from(number % UBig::from(PRIMORIAL)).expect("a rest is below its divisor");
    let has_small_divisor =
        [3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53].iter().any(|divisor| rest.is_multiple_of(*divisor));
    if !number.bit(0) || has_small_divisor {
        return Some(false);
    }
    let ring = ConstDivisor::new(number.clone());
    Some(is_strong_probable_prime(number, &ring, effort)? && is_strong_lucas_prime(number, &ring, effort)?)
}

/// Units of work of a product modulo a number.
pub(super) fn product_work(number: &UBig) -> u64 {
    let words = number.bit_len() as u64 / 64 + 1;
    // The division, and what every number costs that is made.
    3 * words * words + 40
}

/// The strong test to base 2 of an odd number above 2.
fn is_strong_probable_prime(number: &UBig, ring: &ConstDivisor, effort: &mut Effort<'_>) -> Option<bool> {
    let before = number - UBig::ONE;
    let twos = before.trailing_zeros().expect("an odd number above 2 less 1 is not 0");
    let minus_one = ring.reduce(before.clone());
    let mut power = power(&ring.reduce(2u8), &(before >> twos), number, effort)?;
    if power == ring.reduce(1u8) || power == minus_one {
        return Some(true);
    }
    for _ in 1..twos {
        if !effort.spend(product_work(number)) {
            return None;
        }
        power = power.sqr();
        if power == minus_one {
            return Some(true);
        }
    }
    Some(false)
}

/// The strong Lucas test of an odd number above 2 with Selfridge's parameters: P = 1, Q = (1 - D)/4, D the first of 5, -7,
/// 9, -11, … of which the number is not a quadratic residue.
fn is_strong_lucas_prime(number: &UBig, ring: &ConstDivisor, effort: &mut Effort<'_>) -> Option<bool> {
    let mut size = 5i64;
    let discriminant = loop {
        if !effort.spend(product_work(number)) {
            return None;
        }
        let candidate = if size % 4 == 1 { size } else { -size };
        match jacobi_symbol(&IBig::from(candidate), number) {
            -1 => break candidate,
            // A divisor in common: the number is composite, but where it is the divisor itself.
            0 if UBig::from(size.unsigned_abs()) != *number => return Some(false),
            _ => size += 2,
        }
        // Of squares no such D exists.
        if size == 21 && is_square(number) {
            return Some(false);
        }
    };
    let after = number + UBig::ONE;
    let twos = after.trailing_zeros().expect("it is not 0");
    let (u, mut v, mut q) = lucas(number, ring, discriminant, &(after >> twos), effort)?;
    let zero = ring.reduce(0u8);
    if u == zero || v == zero {
        return Some(true);
    }
    for _ in 1..twos {
        if !effort.spend(2 * product_work(number)) {
            return None;
        }
        v = v.sqr() - q.clone().dbl();
        q = q.sqr();
        if v == zero {
            return Some(true);
        }
    }
    Some(false)
}

/// U, V and the power of Q at an index above 0 of the Lucas sequences of P = 1 and a discriminant.
fn lucas<'r>(
    number: &UBig,
    ring: &'r ConstDivisor,
    discriminant: i64,
    index: &UBig,
    effort: &mut Effort<'_>,
) -> Option<(Reduced<'r>, Reduced<'r>, Reduced<'r>)> {
    let half = ring.reduce((number + UBig::ONE) >> 1);
    let d = ring.reduce(IBig::from(discriminant));
    let one_q = ring.reduce(IBig::from((1 - discriminant) / 4));
    let (mut u, mut v, mut q) = (ring.reduce(1u8), ring.reduce(1u8), one_q.clone());
    for bit in (0..index.bit_len() - 1).rev() {
        if !effort.spend(6 * product_work(number)) {
            return None;
        }
        u *= &v;
        v = v.sqr() - q.clone().dbl();
        q = q.sqr();
        if index.bit(bit) {
            let next = (&u + &v) * &half;
            v = (&d * &u + &v) * &half;
            u = next;
            q *= &one_q;
        }
    }
    Some((u, v, q))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The odd composite numbers below a bound that pass.
    fn pseudoprimes(below: u64, test: impl Fn(&UBig, &ConstDivisor, &mut Effort<'_>) -> Option<bool>) -> Vec<u64> {
        let passes = |number: &u64| {
            let wide = UBig::from(*number);
            test(&wide, &ConstDivisor::new(wide.clone()), &mut Effort::new(u64::MAX)).expect("there is work enough")
        };
        (5..below).step_by(2).filter(|number| !primes::is_prime(*number)).filter(passes).collect()
    }

    #[test]
    fn each_test_alone_errs_where_it_is_known_to() {
        // OEIS A001262 and A217255.
        let strong = [2047, 3277, 4033, 4681, 8321, 15841, 29341];
        assert_eq!(pseudoprimes(30_000, is_strong_probable_prime), strong);
        let lucas = [5459, 5777, 10877, 16109, 18971, 22499, 24569, 25199];
        assert_eq!(pseudoprimes(30_000, is_strong_lucas_prime), lucas);
    }

    #[test]
    fn primes_pass_both_tests() {
        for number in (5..20_000u64).filter(|number| primes::is_prime(*number)) {
            let (wide, mut effort) = (UBig::from(number), Effort::new(u64::MAX));
            let ring = ConstDivisor::new(wide.clone());
            assert_eq!(is_strong_probable_prime(&wide, &ring, &mut effort), Some(true), "{number}");
            assert_eq!(is_strong_lucas_prime(&wide, &ring, &mut effort), Some(true), "{number}");
        }
    }
}
