//! Primes and factors against SymPy's, which `make_primes.py` wrote down.

use nexus_mprime::primes::{is_prime, next_prime, prime_factors};

const REFERENCES: &str = include_str!("primes.txt");

#[test]
fn factors_and_next_primes_are_those_of_sympy() {
    let mut primes = 0;
    for line in REFERENCES.lines() {
        let mut parts = line.split(' ');
        let number: u64 = parts.next().unwrap().parse().unwrap();
        let next: Option<u64> = parts.next().filter(|next| *next != "-").map(|next| next.parse().unwrap());
        let factors: Vec<u64> = parts.map(|factor| factor.parse().unwrap()).collect();
        assert_eq!(next_prime(number), next, "after {number}");
        assert_eq!(is_prime(number), factors == [number], "{number}");
        assert_eq!(prime_factors(number).as_ref(), Some(&factors), "{number}");
        primes += usize::from(factors == [number]);
    }
    assert!(REFERENCES.lines().count() > 300 && primes > 30, "{primes} primes");
}

#[test]
fn small_primes_are_those_of_a_sieve() {
    let mut is_composite = vec![false; 200_000];
    for number in 2..is_composite.len() {
        assert_eq!(is_prime(number as u64), !is_composite[number], "{number}");
        if !is_composite[number] {
            (number * number..is_composite.len()).step_by(number).for_each(|multiple| is_composite[multiple] = true);
        }
    }
}

#[test]
fn zero_and_one_are_told_apart() {
    assert!(!is_prime(0) && !is_prime(1));
    assert_eq!(prime_factors(0), None);
    assert_eq!(prime_factors(1), Some(vec![]));
    assert_eq!(next_prime(0), Some(2));
    assert_eq!(next_prime(u64::MAX), None);
}
