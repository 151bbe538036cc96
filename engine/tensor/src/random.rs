//! The random generator: Philox4x32-10, which turns a key and a counter into four random words without any state.
//!
//! Salmon, Moraes, Dror, Shaw: "Parallel Random Numbers: As Easy as 1, 2, 3" (SC'11). Because word `i` of call `c` is a
//! function of (seed, stream, c, i) alone, any thread on any node can draw any part of a tensor, and the numbers are
//! the same on every device. The numbers are made on the host with plain additions and products (nothing fused, no
//! library functions), so that they are equal to the bit on every processor.

const MULTIPLIER: [u32; 2] = [0xD251_1F53, 0xCD9E_8D57];
const WEYL: [u32; 2] = [0x9E37_79B9, 0xBB67_AE85];
const ROUNDS: usize = 10;

/// The generator of one seed and stream.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Philox {
    key: [u32; 2],
}

impl Philox {
    /// The generator of `seed` and `stream`. The stream is mixed into the key by one application of the cipher.
    pub(crate) fn new(seed: u64, stream: u64) -> Self {
        let words = block([stream as u32, (stream >> 32) as u32, 0, 0], [seed as u32, (seed >> 32) as u32]);
        Philox { key: [words[0], words[1]] }
    }

    /// The four words of block `index` of random operation `call`.
    #[inline(always)]
    pub(crate) fn block(self, call: u64, index: u64) -> [u32; 4] {
        block([index as u32, (index >> 32) as u32, call as u32, (call >> 32) as u32], self.key)
    }

    /// 64 random bits: half of block `index` of `call`.
    pub(crate) fn draw_u64(self, call: u64, index: u64) -> u64 {
        let words = self.block(call, index);
        u64::from(words[0]) | u64::from(words[1]) << 32
    }
}

/// One application of Philox4x32-10.
#[inline(always)]
fn block(mut counter: [u32; 4], mut key: [u32; 2]) -> [u32; 4] {
    for round in 0..ROUNDS {
        if round > 0 {
            key = [key[0].wrapping_add(WEYL[0]), key[1].wrapping_add(WEYL[1])];
        }
        let left = u64::from(MULTIPLIER[0]) * u64::from(counter[0]);
        let right = u64::from(MULTIPLIER[1]) * u64::from(counter[2]);
        counter = [
            (right >> 32) as u32 ^ counter[1] ^ key[0],
            right as u32,
            (left >> 32) as u32 ^ counter[3] ^ key[1],
            left as u32,
        ];
    }
    counter
}

/// A float in [0, 1) from the upper 24 bits.
#[inline(always)]
pub(crate) fn unit_f32(word: u32) -> f32 {
    (word >> 8) as f32 * (1.0 / 16_777_216.0)
}

/// A float in [0, 1) from 53 of 64 bits.
#[inline(always)]
pub(crate) fn unit_f64(low: u32, high: u32) -> f64 {
    let bits = u64::from(low) | u64::from(high) << 32;
    (bits >> 11) as f64 * (1.0 / 9_007_199_254_740_992.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Known answers published with Random123 (`kat_vectors`, philox4x32 10).
    #[test]
    fn philox_gives_the_published_answers() {
        let cases = [
            ([0; 4], [0; 2], [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]),
            ([u32::MAX; 4], [u32::MAX; 2], [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]),
            (
                [0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344],
                [0xa409_3822, 0x299f_31d0],
                [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1],
            ),
        ];
        for (counter, key, expected) in cases {
            assert_eq!(block(counter, key), expected);
        }
    }

    #[test]
    fn units_stay_below_one() {
        assert!(unit_f32(u32::MAX) < 1.0);
        assert!(unit_f64(u32::MAX, u32::MAX) < 1.0);
        assert_eq!(unit_f32(0), 0.0);
    }
}
