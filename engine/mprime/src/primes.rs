//! Primes and factors of numbers of 64 bits: exact, without chance.
//!
//! Larger numbers are not taken. The caller bounds nothing: the longest factorisation, of a product of two primes of 32
//! bits, takes a few hundred thousand products.

/// Bases whose Miller–Rabin tests together decide every number below 3.3 · 10^24 (J. Sorenson and J. Webster, "Strong
/// pseudoprimes to twelve prime bases", 2017). They are also the divisors that are tried first.
const BASES: [u64; 12] = [2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37];

/// Steps of a search for a factor whose differences are multiplied before one greatest common divisor is taken.
const BATCH: u64 = 128;

/// Whether a number is prime. 0 and 1 are not.
pub fn is_prime(number: u64) -> bool {
    if let Some(divisor) = BASES.into_iter().find(|base| number.is_multiple_of(*base)) {
        return number == divisor;
    }
    if number < 2 {
        return false;
    }
    let twos = (number - 1).trailing_zeros();
    let odd = (number - 1) >> twos;
    BASES.into_iter().all(|base| {
        let mut power = power_mod(base, odd, number);
        if power == 1 {
            return true;
        }
        for _ in 0..twos {
            if power == number - 1 {
                return true;
            }
            power = product_mod(power, power, number);
        }
        false
    })
}

/// The smallest prime above a number; `None` where it has more than 64 bits.
pub fn next_prime(number: u64) -> Option<u64> {
    let mut candidate = number.checked_add(1)?;
    while !is_prime(candidate) {
        candidate = candidate.checked_add(1)?;
    }
    Some(candidate)
}

/// The primes whose product is the number, ascending, each as often as it divides; none for 1, and `None` for 0, which no
/// primes make.
pub fn prime_factors(number: u64) -> Option<Vec<u64>> {
    if number == 0 {
        return None;
    }
    let mut factors = Vec::new();
    let mut rest = number;
    for base in BASES {
        while rest.is_multiple_of(base) {
            factors.push(base);
            rest /= base;
        }
    }
    let mut open = vec![rest];
    while let Some(part) = open.pop() {
        if part == 1 {
            continue;
        }
        if is_prime(part) {
            factors.push(part);
            continue;
        }
        let divisor = divisor(part);
        assert!(divisor > 1 && divisor < part && part.is_multiple_of(divisor), "a divisor divides");
        open.extend([divisor, part / divisor]);
    }
    factors.sort_unstable();
    let product = factors.iter().try_fold(1u64, |product, factor| product.checked_mul(*factor));
    assert_eq!(product, Some(number), "the factors make the number");
    Some(factors)
}

/// A divisor of an odd number that is not prime, neither 1 nor the number (R. Brent, "An improved Monte Carlo factorization
/// algorithm", 1980). Sequences that find only the number itself are followed by the next one.
fn divisor(number: u64) -> u64 {
    let found = (1..number).find_map(|constant| {
        let divisor = divisor_by(number, constant);
        (divisor != number).then_some(divisor)
    });
    found.expect("a number that is not prime has a divisor that some sequence finds")
}

/// What the sequence x² + `constant` finds: a divisor, or the number itself.
fn divisor_by(number: u64, constant: u64) -> u64 {
    let step = |x: u64| add_mod(product_mod(x, x, number), constant % number, number);
    let (mut ahead, mut length) = (2 % number, 1u64);
    loop {
        let mark = ahead;
        for _ in 0..length {
            ahead = step(ahead);
        }
        let mut done = 0;
        while done < length {
            let (begin, batch) = (ahead, BATCH.min(length - done));
            let mut product = 1;
            for _ in 0..batch {
                ahead = step(ahead);
                product = product_mod(product, mark.abs_diff(ahead), number);
            }
            if gcd(product, number) > 1 {
                return first_divisor(number, mark, begin, step);
            }
            done += batch;
        }
        length *= 2;
    }
}

/// The divisor at the first step of a batch that has one.
fn first_divisor(number: u64, mark: u64, begin: u64, step: impl Fn(u64) -> u64) -> u64 {
    let mut ahead = begin;
    loop {
        ahead = step(ahead);
        let divisor = gcd(mark.abs_diff(ahead), number);
        if divisor > 1 {
            return divisor;
        }
    }
}

fn gcd(mut a: u64, mut b: u64) -> u64 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

fn add_mod(a: u64, b: u64, modulus: u64) -> u64 {
    ((u128::from(a) + u128::from(b)) % u128::from(modulus)) as u64
}

fn product_mod(a: u64, b: u64, modulus: u64) -> u64 {
    (u128::from(a) * u128::from(b) % u128::from(modulus)) as u64
}

fn power_mod(base: u64, mut exponent: u64, modulus: u64) -> u64 {
    let (mut power, mut square) = (1 % modulus, base % modulus);
    while exponent > 0 {
        if exponent & 1 == 1 {
            power = product_mod(power, square, modulus);
        }
        square = product_mod(square, square, modulus);
        exponent >>= 1;
    }
    power
}
