//! Made-up inputs for the fuzz targets on the stable compiler: mutations of inputs that are there, the same in every run.
//!
//! The tests of several rooms have this file as a module of their own. Searches that coverage leads are `run`'s.

/// A generator of choices (Marsaglia's xorshift64*): the same seed, the same choices.
pub(crate) struct Choices(u64);

impl Choices {
    /// The choices of a seed; 0 counts as 1, from which alone the generator would not move.
    pub(crate) fn new(seed: u64) -> Self {
        Choices(seed.max(1))
    }

    /// A number below `below`.
    pub(crate) fn next(&mut self, below: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % below.max(1)
    }
}

/// One of the inputs with up to four changes: a piece cut out, doubled, taken from another input, or a word put in.
pub(crate) fn mutated(inputs: &[Vec<u8>], words: &[&str], choices: &mut Choices) -> Vec<u8> {
    let mut bytes = inputs[choices.next(inputs.len())].clone();
    for _ in 0..=choices.next(4) {
        let at = choices.next(bytes.len() + 1);
        let end = (at + choices.next(20)).min(bytes.len());
        match choices.next(5) {
            0 => drop(bytes.drain(at..end)),
            1 => {
                let piece = bytes[at..end].to_vec();
                bytes.splice(at..at, piece);
            }
            2 => {
                let other = &inputs[choices.next(inputs.len())];
                let from = choices.next(other.len() + 1);
                let piece = other[from..(from + 30).min(other.len())].to_vec();
                bytes.splice(at..end, piece);
            }
            3 if !bytes.is_empty() => {
                let place = at.min(bytes.len() - 1);
                bytes[place] = choices.next(256) as u8;
            }
            _ => {
                let word = words[choices.next(words.len())];
                bytes.splice(at..end, word.bytes());
            }
        }
    }
    bytes
}
