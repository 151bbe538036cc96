//! Points that fill the unit cube more evenly than chance: the sequences of Sobol and Halton, plain or scrambled.
//!
//! Plain sequences are those of the papers and of SciPy's `scipy.stats.qmc`. Scrambling keeps their evenness and makes each
//! point uniform, so that means over several scramblings have an error that can be estimated (Owen, 1997). It is a
//! function of a key, without hidden state.

use crate::sobol_directions::DIRECTIONS;

/// Dimensions that Sobol's sequence has here.
pub const SOBOL_DIMENSIONS_MAX: usize = DIRECTIONS.len() + 1;
/// Bits of a coordinate of Sobol's sequence.
const BITS: usize = 32;
/// Points after which Sobol's sequence ends.
pub const SOBOL_POINTS_MAX: u64 = 1 << BITS;
/// Dimensions that Halton's sequence has here: beyond, its points are far from even for any number that fits a machine.
pub const HALTON_DIMENSIONS_MAX: usize = 256;

/// Well mixed bits of a number (the finaliser of SplitMix64).
fn mix(mut z: u64) -> u64 {
    z = z.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// Sobol's sequence, point after point.
#[derive(Debug, Clone)]
pub struct Sobol {
    directions: Vec<[u32; BITS]>,
    state: Vec<u32>,
    index: u64,
    /// A key for each dimension where the sequence is scrambled.
    keys: Option<Vec<u64>>,
}

impl Sobol {
    /// The sequence in `dimensions`, scrambled by a key or plain; `None` for none or more than
    /// [`SOBOL_DIMENSIONS_MAX`].
    pub fn new(dimensions: usize, key: Option<u64>) -> Option<Sobol> {
        if dimensions == 0 || dimensions > SOBOL_DIMENSIONS_MAX {
            return None;
        }
        let directions = (0..dimensions).map(directions).collect();
        let keys = key.map(|key| (0..dimensions as u64).map(|d| mix(key ^ mix(d))).collect());
        Some(Sobol { directions, state: vec![0; dimensions], index: 0, keys })
    }

    /// The next point, one coordinate in [0, 1) for each dimension; scrambled ones are in (0, 1). After
    /// [`SOBOL_POINTS_MAX`] points it begins again.
    pub fn next_point(&mut self, point: &mut [f64]) {
        for (d, (slot, &bits)) in point.iter_mut().zip(&self.state).enumerate() {
            *slot = match &self.keys {
                None => f64::from(bits) / SOBOL_POINTS_MAX as f64,
                Some(keys) => (f64::from(scrambled(bits, keys[d])) + 0.5) / SOBOL_POINTS_MAX as f64,
            };
        }
        // Gray code: one direction number changes (Antonov and Saleev, 1979).
        let bit = (!self.index).trailing_zeros() as usize % BITS;
        self.index = (self.index + 1) % SOBOL_POINTS_MAX;
        if self.index == 0 {
            self.state.fill(0);
            return;
        }
        for (state, directions) in self.state.iter_mut().zip(&self.directions) {
            *state ^= directions[bit];
        }
    }
}

/// The direction numbers of a dimension, the first bit of a coordinate highest.
fn directions(dimension: usize) -> [u32; BITS] {
    let mut numbers = [0; BITS];
    let Some((polynomial, initial)) = dimension.checked_sub(1).and_then(|d| DIRECTIONS.get(d)) else {
        return std::array::from_fn(|i| 1 << (BITS - 1 - i));
    };
    let degree = initial.len();
    for i in 0..BITS {
        numbers[i] = match initial.get(i) {
            Some(m) => m << (BITS - 1 - i),
            None => {
                let mut v = numbers[i - degree] ^ (numbers[i - degree] >> degree);
                for k in 1..degree {
                    if polynomial >> (degree - k) & 1 == 1 {
                        v ^= numbers[i - k];
                    }
                }
                v
            }
        };
    }
    numbers
}

/// Owen's nested scrambling: each bit is flipped or not by a function of the key and of all bits above it.
fn scrambled(bits: u32, key: u64) -> u32 {
    let mut out = 0;
    for i in 0..BITS as u32 {
        let above = if i == 0 { 0 } else { u64::from(bits >> (BITS as u32 - i)) };
        let flip = mix(key ^ mix(above | u64::from(i) << 32)) & 1;
        let bit = bits >> (BITS as u32 - 1 - i) & 1;
        out = out << 1 | (bit ^ flip as u32);
    }
    out
}

/// Halton's sequence: the digits of the number of a point in a prime base, mirrored at the point, a prime for each
/// dimension.
#[derive(Debug, Clone)]
pub struct Halton {
    primes: Vec<u64>,
    index: u64,
    key: Option<u64>,
}

impl Halton {
    /// The sequence in `dimensions`, its digits permuted at random by a key (Owen, "A randomized Halton algorithm", 2017)
    /// or plain; `None` for none or more than [`HALTON_DIMENSIONS_MAX`].
    pub fn new(dimensions: usize, key: Option<u64>) -> Option<Halton> {
        if dimensions == 0 || dimensions > HALTON_DIMENSIONS_MAX {
            return None;
        }
        let mut primes: Vec<u64> = Vec::with_capacity(dimensions);
        let candidates = (2..).filter(|n: &u64| (2..*n).take_while(|d| d * d <= *n).all(|d| !n.is_multiple_of(d)));
        primes.extend(candidates.take(dimensions));
        Some(Halton { primes, index: 0, key })
    }

    /// The next point, one coordinate in [0, 1) for each dimension.
    pub fn next_point(&mut self, point: &mut [f64]) {
        for (d, (slot, &base)) in point.iter_mut().zip(&self.primes).enumerate() {
            *slot = match self.key {
                None => mirrored(self.index, base),
                Some(key) => permuted(self.index, base, mix(key ^ mix(d as u64))),
            };
        }
        self.index = self.index.wrapping_add(1);
    }
}

fn mirrored(mut index: u64, base: u64) -> f64 {
    let (mut value, mut weight) = (0.0, 1.0 / base as f64);
    while index > 0 {
        value += (index % base) as f64 * weight;
        index /= base;
        weight /= base as f64;
    }
    value
}

/// As [`mirrored`], with a permutation of the digits at each place, also of the zeros in front, down to the precision.
fn permuted(mut index: u64, base: u64, key: u64) -> f64 {
    let (mut value, mut weight, mut place) = (0.0, 1.0 / base as f64, 0);
    while weight > f64::EPSILON * 0.25 {
        value += permutation(index % base, base, mix(key ^ mix(place))) as f64 * weight;
        index /= base;
        weight /= base as f64;
        place += 1;
    }
    value.min(1.0 - f64::EPSILON / 2.0)
}

/// Where a permutation of `base` digits, drawn by Fisher and Yates' method from a key, takes a digit.
fn permutation(digit: u64, base: u64, key: u64) -> u64 {
    // Followed for one digit: an exchange matters only where it moves it.
    let mut at = digit;
    for i in (1..base).rev() {
        let other = ((u128::from(mix(key ^ mix(i))) * u128::from(i + 1)) >> 64) as u64;
        if at == i {
            at = other;
        } else if at == other {
            at = i;
        }
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    /// In each dimension 2^m points have one in each of 2^m equal parts, scrambled or not.
    #[test]
    fn sobol_points_fill_every_stratum_once() {
        for key in [None, Some(7)] {
            let mut sequence = Sobol::new(20, key).expect("20 dimensions");
            let mut seen = vec![[false; 256]; 20];
            let mut point = [0.0; 20];
            for _ in 0..256 {
                sequence.next_point(&mut point);
                for (seen, x) in seen.iter_mut().zip(point) {
                    let stratum = (x * 256.0) as usize;
                    assert!(!seen[stratum], "two points in stratum {stratum}");
                    seen[stratum] = true;
                }
            }
        }
    }

    #[test]
    fn permutations_of_digits_are_permutations_and_scrambled_points_stay_even() {
        for base in [2, 3, 7, 31] {
            let mut found: Vec<u64> = (0..base).map(|d| permutation(d, base, 99)).collect();
            found.sort_unstable();
            assert!(found.into_iter().eq(0..base));
        }
        let mut sequence = Halton::new(3, Some(5)).expect("3 dimensions");
        let mut point = [0.0; 3];
        let mut seen = [false; 125];
        for _ in 0..125 {
            sequence.next_point(&mut point);
            let stratum = (point[2] * 125.0) as usize;
            assert!(!seen[stratum]);
            seen[stratum] = true;
        }
    }

    #[test]
    fn dimensions_that_there_are_not_are_refused() {
        assert!(Sobol::new(0, None).is_none() && Sobol::new(SOBOL_DIMENSIONS_MAX + 1, None).is_none());
        assert!(Halton::new(0, None).is_none() && Halton::new(HALTON_DIMENSIONS_MAX + 1, None).is_none());
    }
}
