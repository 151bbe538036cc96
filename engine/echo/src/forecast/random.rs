//! Random numbers for many rollouts side by side: xoshiro128++ (Blackman and Vigna, "Scrambled linear pseudorandom number
//! generators", 2021), one generator a lane, seeded through splitmix64.
//!
//! Every block of rollouts has its own generators, so that a forecast does not depend on which thread runs it.

/// Generators side by side, as arrays of their words, so that the compiler steps several with one instruction.
#[derive(Debug, Clone)]
pub(crate) struct Lanes<const N: usize> {
    state: [[u32; N]; 4],
}

impl<const N: usize> Lanes<N> {
    /// Generators for block `block` of the stream `seed`.
    pub(crate) fn new(seed: u64, block: u64) -> Self {
        let mut counter = splitmix(seed).wrapping_add(splitmix(block ^ 0x5851_f42d_4c95_7f2d));
        let mut next = || {
            counter = counter.wrapping_add(0x9e37_79b9_7f4a_7c15);
            splitmix(counter)
        };
        let mut state = [[0; N]; 4];
        for word in &mut state {
            word.fill_with(|| (next() >> 32) as u32);
        }
        // A generator of zeros would stay there.
        state[3].iter_mut().for_each(|word| *word |= 1);
        Lanes { state }
    }

    /// The next number of each lane, evenly spread over the open interval from 0 to 1 in steps of 2⁻³².
    #[inline(always)]
    pub(crate) fn uniform(&mut self, out: &mut [f64; N]) {
        let [a, b, c, d] = &mut self.state;
        for lane in 0..N {
            let result = a[lane].wrapping_add(d[lane]).rotate_left(7).wrapping_add(a[lane]);
            let shifted = b[lane] << 9;
            c[lane] ^= a[lane];
            d[lane] ^= b[lane];
            b[lane] ^= c[lane];
            a[lane] ^= d[lane];
            c[lane] ^= shifted;
            d[lane] = d[lane].rotate_left(11);
            // Through a signed number, for which there is a vector instruction.
            out[lane] = (f64::from((result ^ 0x8000_0000) as i32) + 2_147_483_648.5) * (1.0 / 4_294_967_296.0);
        }
    }
}

impl Lanes<1> {
    /// The next number, evenly spread between 0 and 1.
    pub(crate) fn next(&mut self) -> f64 {
        let mut out = [0.0];
        self.uniform(&mut out);
        out[0]
    }
}

/// Steele, Lea, Flood, "Fast splittable pseudorandom number generators", 2014.
fn splitmix(mut word: u64) -> u64 {
    word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_generator_gives_the_published_sequence() {
        // First outputs of xoshiro128++ for the state 1, 2, 3, 4, as the reference implementation in C gives them.
        let mut lanes = Lanes::<1> { state: [[1], [2], [3], [4]] };
        let first: Vec<u32> = (0..4).map(|_| (lanes.next() * 4_294_967_296.0 - 0.5) as u32).collect();
        assert_eq!(first, [641, 1_573_767, 3_222_811_527, 3_517_856_514]);
    }

    #[test]
    fn numbers_are_even_between_0_and_1() {
        let mut lanes = Lanes::<64>::new(7, 3);
        let (mut sum, mut squares, mut out) = (0.0, 0.0, [0.0; 64]);
        for _ in 0..10_000 {
            lanes.uniform(&mut out);
            assert!(out.iter().all(|u| (0.0..1.0).contains(u) && *u > 0.0));
            sum += out.iter().sum::<f64>();
            squares += out.iter().map(|u| u * u).sum::<f64>();
        }
        let n = 640_000.0;
        // Four standard errors of the mean (1/√12n) and of the second moment (√(4/45n)).
        assert!((sum / n - 0.5).abs() < 4.0 * (1.0 / 12.0_f64 / n).sqrt());
        assert!((squares / n - 1.0 / 3.0).abs() < 4.0 * (4.0 / 45.0_f64 / n).sqrt());
    }
}
