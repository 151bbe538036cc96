//! Factorisation: small divisors, powers, then searches of growing effort, until all parts are prime or the work is done.

use dashu_int::ops::BitTest;
use dashu_int::{IBig, Sign, UBig};

use super::primality::decide;
use super::search::proper_divisor;
use super::sieve::Sieve;
use super::{Effort, Error, brief_unsigned, magnitude};
use crate::primes;

/// Every prime below is tried as a divisor.
const TRIAL_BELOW: u64 = 1 << 13;
/// The most divisors that are listed.
const DIVISORS_MAX: usize = 1 << 20;

/// A prime and how often it divides.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct PrimePower {
    /// The prime, in the sense of [`is_prime`](super::is_prime).
    pub prime: UBig,
    /// How often it divides, at least once.
    pub times: usize,
}

/// A part of a number of which the work allowed did not find the prime factors.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rest {
    /// It is not prime.
    Composite(UBig),
    /// Whether it is prime was not found out either.
    Unknown(UBig),
}

impl Rest {
    /// The part.
    pub fn number(&self) -> &UBig {
        match self {
            Rest::Composite(number) | Rest::Unknown(number) => number,
        }
    }
}

/// A number as a product: its sign, the primes that were found, and what is left. The product is the number, always.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Factorisation {
    /// Whether the number is negative.
    pub is_negative: bool,
    /// The primes found, ascending, each once.
    pub primes: Vec<PrimePower>,
    /// What is left, ascending; nothing where the factorisation is complete. No prime above is known to divide any, and a
    /// part that occurs more than once stands here as often.
    pub rest: Vec<Rest>,
}

/// The prime factors of a number other than 0: division by small primes, roots, Pollard's rho in Brent's form, p - 1, and
/// elliptic curves. Divisors of up to 30 digits are found in seconds to a minute; the rest is named.
///
/// Errors: 0, a number beyond [`BITS_MAX`](super::BITS_MAX). Too little work is no error: see [`Factorisation::rest`].
pub fn factor(number: &IBig, effort: &mut Effort<'_>) -> Result<Factorisation, Error> {
    if number.is_zero() {
        return Err(Error::Zero("factorisation into primes"));
    }
    let size = magnitude("the number", number)?;
    let mut found = Factorisation { is_negative: number.sign() == Sign::Negative, primes: vec![], rest: vec![] };
    let rest = found.take_small(size.clone(), effort);
    let mut open = vec![(rest, 1usize)];
    while let Some((part, times)) = open.pop() {
        if part.is_one() {
            continue;
        }
        // Small parts take a millisecond at most, so that they are always finished.
        if let Ok(small) = u64::try_from(&part) {
            effort.spend(5_000);
            let primes = primes::prime_factors(small).expect("no part is 0");
            primes.into_iter().for_each(|prime| found.add(UBig::from(prime), times));
            continue;
        }
        match decide(&part, effort) {
            Some(true) => found.add(part, times),
            None => found.rest.extend(vec![Rest::Unknown(part); times]),
            Some(false) => match split(&part, effort) {
                Some(parts) => {
                    open.extend(parts.into_iter().map(|(part, often)| (part, times * often)));
                    // The smallest is taken next: the work may end with a larger one.
                    open.sort_by(|a, b| b.0.cmp(&a.0));
                }
                None => found.rest.extend(vec![Rest::Composite(part); times]),
            },
        }
    }
    found.rest.sort_by(|a, b| a.number().cmp(b.number()));
    found.divide_rest();
    assert_eq!(found.product(), *number, "the factors make the number");
    Ok(found)
}

/// Parts of a composite number that make it, each with how often; `None` where none were found.
fn split(number: &UBig, effort: &mut Effort<'_>) -> Option<Vec<(UBig, usize)>> {
    if let Some((root, degree)) = perfect_power(number, effort) {
        return Some(vec![(root, degree)]);
    }
    let divisor = proper_divisor(number, effort)?;
    let other = number / &divisor;
    assert!(!divisor.is_one() && !other.is_one() && &divisor * &other == *number, "a divisor divides");
    Some(vec![(divisor, 1), (other, 1)])
}

/// The root of prime degree of a number that is such a power; `None` where it is none, or the work did not suffice. The
/// number has no divisor below [`TRIAL_BELOW`].
fn perfect_power(number: &UBig, effort: &mut Effort<'_>) -> Option<(UBig, usize)> {
    let words = number.bit_len() as u64 / 64 + 1;
    let degree_max = number.bit_len() / 13;
    for degree in (2..=degree_max).filter(|degree| primes::is_prime(*degree as u64)) {
        if !effort.spend(8 * words + 100) {
            return None;
        }
        if !may_be_power(number, degree as u64) {
            continue;
        }
        if !effort.spend(4 * words * words + 1_000) {
            return None;
        }
        let root = number.nth_root(degree);
        if root.pow(degree) == *number {
            return Some((root, degree));
        }
    }
    None
}

/// Whether a number is congruent to a power of a prime degree modulo three primes, among whose residues few are.
fn may_be_power(number: &UBig, degree: u64) -> bool {
    let primes = (1u64..).map(|times| 2 * degree * times + 1).filter(|prime| primes::is_prime(*prime));
    primes.take(3).all(|prime| {
        let rest = u64::try_from(number % UBig::from(prime)).expect("a rest is below its divisor");
        let (mut power, mut square, mut exponent) = (1u64, rest, (prime - 1) / degree);
        while exponent > 0 {
            if exponent & 1 == 1 {
                power = (u128::from(power) * u128::from(square) % u128::from(prime)) as u64;
            }
            square = (u128::from(square) * u128::from(square) % u128::from(prime)) as u64;
            exponent >>= 1;
        }
        power <= 1
    })
}

impl Factorisation {
    /// Whether all prime factors are known.
    pub fn is_complete(&self) -> bool {
        self.rest.is_empty()
    }

    /// The number.
    pub fn product(&self) -> IBig {
        let primes = self.primes.iter().map(|power| power.prime.pow(power.times));
        let all = primes.chain(self.rest.iter().map(|rest| rest.number().clone()));
        let size = all.fold(UBig::ONE, |product, part| product * part);
        IBig::from_parts(if self.is_negative { Sign::Negative } else { Sign::Positive }, size)
    }

    /// Euler's totient of the number's magnitude: how many of 1 to it have no divisor in common with it.
    ///
    /// Errors: not all prime factors are known.
    pub fn totient(&self) -> Result<UBig, Error> {
        self.check_complete()?;
        let part = |power: &PrimePower| power.prime.pow(power.times - 1) * (&power.prime - UBig::ONE);
        Ok(self.primes.iter().map(part).fold(UBig::ONE, |product, part| product * part))
    }

    /// Möbius' function: 0 where a square above 1 divides the number, else 1 or -1 by whether the count of its prime
    /// factors is even.
    ///
    /// Errors: not all prime factors are known, and no square among those that are.
    pub fn moebius(&self) -> Result<i8, Error> {
        let has_square = self.rest.windows(2).any(|pair| pair[0].number() == pair[1].number());
        if has_square || self.primes.iter().any(|power| power.times > 1) {
            return Ok(0);
        }
        self.check_complete()?;
        Ok(if self.primes.len().is_multiple_of(2) { 1 } else { -1 })
    }

    /// How many positive numbers divide it.
    ///
    /// Errors: not all prime factors are known.
    pub fn divisor_count(&self) -> Result<UBig, Error> {
        self.check_complete()?;
        Ok(self.primes.iter().fold(UBig::ONE, |count, power| count * UBig::from(power.times + 1)))
    }

    /// The positive numbers that divide it, ascending.
    ///
    /// Errors: not all prime factors are known, more than a million divisors.
    pub fn divisors(&self) -> Result<Vec<UBig>, Error> {
        let count = usize::try_from(self.divisor_count()?).unwrap_or(usize::MAX);
        if count > DIVISORS_MAX {
            return Err(Error::TooLarge { what: "the list", size: count, unit: "divisors", most: DIVISORS_MAX });
        }
        let mut divisors = vec![UBig::ONE];
        for power in &self.primes {
            let before = divisors.len();
            for index in 0..before * power.times {
                divisors.push(&divisors[index] * &power.prime);
            }
        }
        divisors.sort_unstable();
        debug_assert_eq!(divisors.len(), count);
        Ok(divisors)
    }

    fn check_complete(&self) -> Result<(), Error> {
        if self.is_complete() {
            return Ok(());
        }
        let parts: Vec<String> = self.rest.iter().map(|rest| brief_unsigned(rest.number())).collect();
        Err(Error::Unfactored(parts.join(" · ")))
    }

    fn add(&mut self, prime: UBig, times: usize) {
        match self.primes.binary_search_by(|power| power.prime.cmp(&prime)) {
            Ok(at) => self.primes[at].times += times,
            Err(at) => self.primes.insert(at, PrimePower { prime, times }),
        }
    }

    /// Takes the primes below [`TRIAL_BELOW`] out of a number.
    fn take_small(&mut self, mut number: UBig, effort: &mut Effort<'_>) -> UBig {
        if let Some(twos) = number.trailing_zeros().filter(|twos| *twos > 0) {
            number >>= twos;
            self.add(UBig::from(2u8), twos);
        }
        for prime in Sieve::new(TRIAL_BELOW).odd_primes(3, TRIAL_BELOW) {
            if number.is_one() || !effort.spend(4 * (number.bit_len() as u64 / 64) + 40) {
                break;
            }
            let prime = UBig::from(prime);
            if (&number % &prime).is_zero() {
                let times = number.remove(&prime).expect("it divides");
                self.add(prime, times);
            }
        }
        number
    }

    /// Divides what is left by the primes that were found elsewhere, so that a prime that is known is not left inside.
    fn divide_rest(&mut self) {
        for rest in std::mem::take(&mut self.rest) {
            let mut number = rest.number().clone();
            for power in &mut self.primes {
                power.times += number.remove(&power.prime).unwrap_or(0);
            }
            if number == *rest.number() {
                self.rest.push(rest);
            } else if !number.is_one() {
                self.rest.push(Rest::Unknown(number));
            }
        }
    }
}
