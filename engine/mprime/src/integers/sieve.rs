//! Small primes by the sieve of Eratosthenes, over odd numbers, one bit each.

/// Which odd numbers below a bound are composite.
pub(super) struct Sieve {
    composite: Vec<u64>,
    below: u64,
}

impl Sieve {
    /// The sieve of the numbers below a bound. It takes `below / 16` bytes and about as many steps as `below`.
    pub(super) fn new(below: u64) -> Self {
        let mut composite = vec![0u64; usize::try_from(below / 128 + 1).expect("the bound is one that memory holds")];
        let mut divisor = 3u64;
        while divisor * divisor < below {
            if composite[(divisor / 128) as usize] >> (divisor / 2 % 64) & 1 == 0 {
                let mut multiple = divisor * divisor;
                while multiple < below {
                    composite[(multiple / 128) as usize] |= 1 << (multiple / 2 % 64);
                    multiple += 2 * divisor;
                }
            }
            divisor += 2;
        }
        Sieve { composite, below }
    }

    /// The bound.
    pub(super) fn below(&self) -> u64 {
        self.below
    }

    /// Whether an odd number of at least 3 below the bound is prime.
    pub(super) fn is_odd_prime(&self, number: u64) -> bool {
        debug_assert!(number % 2 == 1 && number >= 3 && number < self.below, "{number} is in the sieve");
        self.composite[(number / 128) as usize] >> (number / 2 % 64) & 1 == 0
    }

    /// The odd primes from `from` up to and without `to`, ascending.
    pub(super) fn odd_primes(&self, from: u64, to: u64) -> impl Iterator<Item = u64> {
        let first = from.max(3) | 1;
        (first..to.min(self.below)).step_by(2).filter(|number| self.is_odd_prime(*number))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_is_what_is_prime() {
        let sieve = Sieve::new(10_000);
        let primes: Vec<u64> = sieve.odd_primes(0, 10_000).collect();
        let wanted: Vec<u64> = (3..10_000).filter(|number| crate::primes::is_prime(*number)).collect();
        assert_eq!(primes, wanted);
    }
}
