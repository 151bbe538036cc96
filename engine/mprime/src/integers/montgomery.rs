//! Products modulo an odd number of a fixed count of words, without divisions (P. Montgomery, "Modular multiplication
//! without trial division", 1985; the order of steps is CIOS of Koç, Acar and Kaliski, 1996).
//!
//! The search for factors stands on it: it does millions of products of the same small size, for which numbers that grow
//! cost more than the products.

use dashu_int::UBig;
use dashu_int::ops::BitTest;

/// A number below the modulus, times 2^(64·N) modulo it.
pub(super) type Residue<const N: usize> = [u64; N];

/// An odd modulus of at most N words.
pub(super) struct Montgomery<const N: usize> {
    modulus: [u64; N],
    /// Minus the inverse of the modulus, modulo 2^64.
    inverse: u64,
    one: Residue<N>,
    number: UBig,
}

impl<const N: usize> Montgomery<N> {
    /// Units of work of a product.
    pub(super) const WORK: u64 = 2 * (N * N) as u64 + 2;

    /// The ring of an odd modulus above 1 that fits.
    pub(super) fn new(number: &UBig) -> Self {
        assert!(number.bit(0) && !number.is_one() && number.bit_len() <= 64 * N, "the modulus is odd and fits");
        let modulus = words::<N>(number);
        // Newton's step doubles the bits that are right, of which an odd number has three as its own inverse.
        let mut inverse = modulus[0];
        for _ in 0..5 {
            inverse = inverse.wrapping_mul(2u64.wrapping_sub(modulus[0].wrapping_mul(inverse)));
        }
        let one = words::<N>(&((UBig::ONE << (64 * N)) % number));
        Montgomery { modulus, inverse: inverse.wrapping_neg(), one, number: number.clone() }
    }

    /// 1.
    pub(super) fn one(&self) -> Residue<N> {
        self.one
    }

    /// A number modulo the modulus.
    pub(super) fn residue(&self, number: &UBig) -> Residue<N> {
        words::<N>(&((number << (64 * N)) % &self.number))
    }

    /// The greatest common divisor of a residue and the modulus, where it is a proper divisor of the modulus; `None` where
    /// it is 1 or the modulus.
    pub(super) fn proper_divisor(&self, residue: &Residue<N>) -> Option<UBig> {
        use dashu_int::ops::Gcd;
        // The factor 2^(64·N) of a residue is odd to the modulus, so it does not matter.
        let divisor = number::<N>(residue).gcd(&self.number);
        (!divisor.is_one() && divisor != self.number).then_some(divisor)
    }

    /// The inverse of a residue, or its proper divisor in common with the modulus; `None` where that is the modulus.
    pub(super) fn inverse(&self, residue: &Residue<N>) -> Result<Residue<N>, Option<UBig>> {
        use dashu_int::ops::{ExtendedGcd, RemEuclid};
        let plain = number::<N>(&self.product(residue, &unit::<N>()));
        if plain == UBig::ZERO {
            return Err(None);
        }
        let (divisor, inverse, _) = plain.gcd_ext(&self.number);
        if !divisor.is_one() {
            return Err((divisor != self.number).then_some(divisor));
        }
        let inverse = inverse.rem_euclid(dashu_int::IBig::from(self.number.clone()));
        Ok(self.residue(&inverse))
    }

    /// a + b.
    #[inline]
    pub(super) fn sum(&self, a: &Residue<N>, b: &Residue<N>) -> Residue<N> {
        let mut sum = [0; N];
        let mut carry = false;
        for i in 0..N {
            let (low, first) = a[i].overflowing_add(b[i]);
            let (low, second) = low.overflowing_add(u64::from(carry));
            (sum[i], carry) = (low, first | second);
        }
        self.reduced(sum, carry)
    }

    /// a - b.
    #[inline]
    pub(super) fn difference(&self, a: &Residue<N>, b: &Residue<N>) -> Residue<N> {
        let (difference, borrow) = subtract(a, b);
        if !borrow {
            return difference;
        }
        let mut sum = [0; N];
        let mut carry = false;
        for i in 0..N {
            let (low, first) = difference[i].overflowing_add(self.modulus[i]);
            let (low, second) = low.overflowing_add(u64::from(carry));
            (sum[i], carry) = (low, first | second);
        }
        sum
    }

    /// a · b.
    #[inline]
    pub(super) fn product(&self, a: &Residue<N>, b: &Residue<N>) -> Residue<N> {
        let mut t = [0u64; N];
        let mut top = 0u64;
        for word in b {
            let mut carry = 0u64;
            for i in 0..N {
                (t[i], carry) = multiply_add(a[i], *word, t[i], carry);
            }
            let (high, over) = top.overflowing_add(carry);
            let factor = t[0].wrapping_mul(self.inverse);
            let (_, mut carry) = multiply_add(factor, self.modulus[0], t[0], 0);
            for i in 1..N {
                (t[i - 1], carry) = multiply_add(factor, self.modulus[i], t[i], carry);
            }
            let (low, second) = high.overflowing_add(carry);
            t[N - 1] = low;
            top = u64::from(over) + u64::from(second);
        }
        self.reduced(t, top != 0)
    }

    /// A power.
    pub(super) fn power(&self, base: &Residue<N>, exponent: u64) -> Residue<N> {
        let mut power = self.one;
        for bit in (0..u64::BITS - exponent.leading_zeros()).rev() {
            power = self.product(&power, &power);
            if exponent >> bit & 1 == 1 {
                power = self.product(&power, base);
            }
        }
        power
    }

    /// What is below twice the modulus, brought below it.
    #[inline]
    fn reduced(&self, number: [u64; N], carry: bool) -> Residue<N> {
        let (less, borrow) = subtract(&number, &self.modulus);
        if carry || !borrow { less } else { number }
    }
}

/// The low and the high word of a·b + c + d, which two words hold.
#[inline(always)]
fn multiply_add(a: u64, b: u64, c: u64, d: u64) -> (u64, u64) {
    let wide = u128::from(a) * u128::from(b) + u128::from(c) + u128::from(d);
    (wide as u64, (wide >> 64) as u64)
}

#[inline(always)]
fn subtract<const N: usize>(a: &[u64; N], b: &[u64; N]) -> ([u64; N], bool) {
    let mut difference = [0; N];
    let mut borrow = false;
    for i in 0..N {
        let (low, first) = a[i].overflowing_sub(b[i]);
        let (low, second) = low.overflowing_sub(u64::from(borrow));
        (difference[i], borrow) = (low, first | second);
    }
    (difference, borrow)
}

/// The plain 1, which takes a residue back to its number.
fn unit<const N: usize>() -> [u64; N] {
    let mut unit = [0; N];
    unit[0] = 1;
    unit
}

fn words<const N: usize>(number: &UBig) -> [u64; N] {
    let mut words = [0; N];
    for (index, byte) in number.to_le_bytes().iter().enumerate() {
        words[index / 8] |= u64::from(*byte) << (8 * (index % 8));
    }
    words
}

fn number<const N: usize>(words: &[u64; N]) -> UBig {
    let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    UBig::from_le_bytes(&bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check<const N: usize>(modulus: &UBig, a: &UBig, b: &UBig) {
        let ring = Montgomery::<N>::new(modulus);
        let (x, y) = (ring.residue(a), ring.residue(b));
        let plain = |residue: &Residue<N>| number::<N>(&ring.product(residue, &unit::<N>()));
        let (a, b) = (a % modulus, b % modulus);
        assert_eq!(plain(&ring.product(&x, &y)), &a * &b % modulus);
        assert_eq!(plain(&ring.sum(&x, &y)), (&a + &b) % modulus);
        assert_eq!(plain(&ring.difference(&x, &y)), (&a + modulus - &b) % modulus);
        assert_eq!(plain(&ring.power(&x, 5)), a.pow(5) % modulus);
        if let Ok(inverse) = ring.inverse(&x) {
            assert_eq!(ring.product(&inverse, &x), ring.one());
        }
    }

    proptest! {
        #[test]
        fn products_are_those_of_long_division(bytes in prop::collection::vec(any::<u8>(), 96)) {
            let [modulus, a, b] = [0, 32, 64].map(|at| UBig::from_le_bytes(&bytes[at..at + 32]));
            check::<4>(&(modulus.clone() | UBig::from(3u8)), &a, &b);
            check::<6>(&(modulus | UBig::from(3u8)), &a, &b);
        }
    }

    #[test]
    fn moduli_that_fill_their_words_are_right() {
        let top = (UBig::ONE << 128) - UBig::ONE;
        let wide = &top - UBig::from(7u8);
        check::<2>(&top, &wide, &wide);
        check::<3>(&top, &wide, &wide);
        check::<2>(&UBig::from(3u8), &wide, &UBig::from(2u8));
    }
}
