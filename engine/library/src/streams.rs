//! Uniform numbers for algorithms that draw their own: a function of key, stream and position, without hidden state.

/// Numbers of one stream of a key, by SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number
/// generators", 2014).
#[derive(Debug, Clone)]
pub(crate) struct Stream {
    state: u64,
}

const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;

fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

impl Stream {
    /// The stream of that number.
    pub(crate) fn new(key: u64, stream: u64) -> Stream {
        Stream { state: mix(key ^ mix(stream.wrapping_mul(GOLDEN).wrapping_add(GOLDEN))) }
    }

    /// The next number in (0, 1): never an end, where quantiles are infinite.
    pub(crate) fn unit(&mut self) -> f64 {
        self.state = self.state.wrapping_add(GOLDEN);
        ((mix(self.state) >> 11) as f64 + 0.5) / (1u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_generator_gives_the_published_numbers() {
        // SplitMix64 from the state 1234567, as in Vigna's reference implementation.
        let mut stream = Stream { state: 1_234_567 };
        let mut next = || {
            stream.state = stream.state.wrapping_add(GOLDEN);
            mix(stream.state)
        };
        assert_eq!([next(), next()], [6_457_827_717_110_365_317, 3_203_168_211_198_807_973]);
    }
}
