//! The search for a divisor of a composite number: Pollard's rho and p - 1, then elliptic curves.

use dashu_int::UBig;
use dashu_int::ops::BitTest;

use super::Effort;
use super::elliptic;
use super::montgomery::{Montgomery, Residue};
use super::sieve::Sieve;

/// Steps of rho: divisors of ten digits are found.
const RHO_STEPS: u64 = 1 << 18;
/// Steps whose differences are multiplied before one greatest common divisor is taken.
const BATCH: u64 = 128;
/// The bounds of p - 1 for all prime powers, and for one prime more.
const MINUS_ONE_BOUNDS: (u64, u64) = (100_000, 5_000_000);

/// A divisor of an odd composite number that is no power, neither 1 nor the number; `None` where the work did not suffice,
/// or the number has more than 4096 bits, of which divisors are not searched.
pub(super) fn proper_divisor(number: &UBig, effort: &mut Effort<'_>) -> Option<UBig> {
    match number.bit_len().div_ceil(64) {
        0..=2 => search::<2>(number, effort),
        3 => search::<3>(number, effort),
        4 => search::<4>(number, effort),
        5..=6 => search::<6>(number, effort),
        7..=8 => search::<8>(number, effort),
        9..=16 => search::<16>(number, effort),
        17..=32 => search::<32>(number, effort),
        33..=64 => search::<64>(number, effort),
        _ => None,
    }
}

fn search<const N: usize>(number: &UBig, effort: &mut Effort<'_>) -> Option<UBig> {
    let ring = Montgomery::<N>::new(number);
    rho(&ring, effort).or_else(|| minus_one(&ring, effort)).or_else(|| elliptic::search(&ring, effort))
}

/// Pollard's rho with the sequence x² + 1 (R. Brent, "An improved Monte Carlo factorization algorithm", 1980).
fn rho<const N: usize>(ring: &Montgomery<N>, effort: &mut Effort<'_>) -> Option<UBig> {
    let step = |x: &Residue<N>| ring.sum(&ring.product(x, x), &ring.one());
    let mut ahead = ring.sum(&ring.one(), &ring.one());
    let (mut length, mut steps) = (1u64, 0u64);
    while steps < RHO_STEPS {
        let mark = ahead;
        if !effort.spend(length * Montgomery::<N>::WORK) {
            return None;
        }
        for _ in 0..length {
            ahead = step(&ahead);
        }
        let mut done = 0;
        while done < length {
            let (begin, batch) = (ahead, BATCH.min(length - done));
            if !effort.spend((2 * batch + 64) * Montgomery::<N>::WORK) {
                return None;
            }
            let mut product = ring.one();
            for _ in 0..batch {
                ahead = step(&ahead);
                product = ring.product(&product, &ring.difference(&mark, &ahead));
            }
            if let Some(divisor) = ring.proper_divisor(&product) {
                return Some(divisor);
            }
            if product == [0; N] {
                return first_divisor(ring, &mark, begin, step);
            }
            done += batch;
        }
        steps += 2 * length;
        length *= 2;
    }
    None
}

/// The divisor at the first step of a batch that has one; `None` where all divisors come at once.
fn first_divisor<const N: usize>(
    ring: &Montgomery<N>,
    mark: &Residue<N>,
    begin: Residue<N>,
    step: impl Fn(&Residue<N>) -> Residue<N>,
) -> Option<UBig> {
    let mut ahead = begin;
    for _ in 0..BATCH {
        ahead = step(&ahead);
        let difference = ring.difference(mark, &ahead);
        if difference == [0; N] {
            return None;
        }
        if let Some(divisor) = ring.proper_divisor(&difference) {
            return Some(divisor);
        }
    }
    None
}

/// Pollard's p - 1 with a second stage (J. Pollard, "Theorems on factorization and primality testing", 1974): finds a prime
/// divisor p where p - 1 has no prime power above the first bound, but for one prime below the second.
fn minus_one<const N: usize>(ring: &Montgomery<N>, effort: &mut Effort<'_>) -> Option<UBig> {
    let (first, second) = MINUS_ONE_BOUNDS;
    if !effort.spend(second) {
        return None;
    }
    let sieve = Sieve::new(second);
    let three = ring.sum(&ring.sum(&ring.one(), &ring.one()), &ring.one());
    let mut power = ring.power(&three, 1 << 17);
    for prime in sieve.odd_primes(3, first) {
        let largest = prime.pow(first.ilog(prime));
        if !effort.spend(32 * Montgomery::<N>::WORK) {
            return None;
        }
        power = ring.power(&power, largest);
    }
    if let Some(divisor) = ring.proper_divisor(&ring.difference(&power, &ring.one())) {
        return Some(divisor);
    }
    // Powers by the gaps between primes, which are even and small.
    let square = ring.product(&power, &power);
    let mut gaps = vec![square];
    let mut last: Option<(u64, Residue<N>)> = None;
    let mut product = ring.one();
    for (index, prime) in sieve.odd_primes(first, second).enumerate() {
        if !effort.spend(2 * Montgomery::<N>::WORK) {
            return None;
        }
        let here = match last {
            None => ring.power(&power, prime),
            Some((before, value)) => {
                let gap = ((prime - before) / 2 - 1) as usize;
                while gaps.len() <= gap {
                    let next = ring.product(&gaps[gaps.len() - 1], &square);
                    gaps.push(next);
                }
                ring.product(&value, &gaps[gap])
            }
        };
        product = ring.product(&product, &ring.difference(&here, &ring.one()));
        last = Some((prime, here));
        if index % 4096 == 0
            && let Some(divisor) = ring.proper_divisor(&product)
        {
            return Some(divisor);
        }
    }
    ring.proper_divisor(&product)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> UBig {
        text.parse().unwrap()
    }

    fn check(divisor: Option<UBig>, number: &UBig) {
        let divisor = divisor.expect("a divisor is found");
        assert!(!divisor.is_one() && divisor != *number && (number % &divisor).is_zero(), "{divisor}");
    }

    #[test]
    fn rho_finds_divisors_of_ten_digits() {
        // 2147483659 and 170141183460469231731687303715884105757 are prime.
        let number = number("2147483659") * number("170141183460469231731687303715884105757");
        check(rho(&Montgomery::<3>::new(&number), &mut Effort::new(u64::MAX)), &number);
    }

    #[test]
    fn p_minus_one_finds_what_is_smooth_but_for_one_prime() {
        let smooth = smooth_prime();
        let other = number("170141183460469231731687303715884105757");
        let number = &smooth * &other;
        check(minus_one(&Montgomery::<4>::new(&number), &mut Effort::new(u64::MAX)), &number);
    }

    /// A prime p of 80 bits or more where p - 1 is a product of primes below the first bound and one below the second.
    fn smooth_prime() -> UBig {
        use crate::integers::is_prime;
        let base = number("99991") * number("4999999") * number("99989") * number("99971");
        let candidates = (1u32..).map(|times| &base * UBig::from(2 * times) + UBig::ONE);
        let is_prime = |candidate: &UBig| is_prime(&candidate.clone().into(), &mut Effort::new(u64::MAX)) == Ok(true);
        candidates.into_iter().find(is_prime).unwrap()
    }

    #[test]
    fn too_little_work_finds_nothing() {
        let number =
            number("340282366920938463463374607431768211507") * number("170141183460469231731687303715884105757");
        assert_eq!(proper_divisor(&number, &mut Effort::new(1_000_000)), None);
    }
}
