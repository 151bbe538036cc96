//! Polynomials of one variable modulo a prime below 2^31: factors by Cantor and Zassenhaus, "A new algorithm for factoring
//! polynomials over finite fields", 1981.

/// Coefficients, lowest power first, without zeros at the end; zero is empty.
pub(super) type Modular = Vec<u64>;

pub(super) struct Field(pub(super) u64);

impl Field {
    pub(super) fn inverse(&self, number: u64) -> u64 {
        self.power(number, self.0 - 2)
    }

    pub(super) fn power(&self, number: u64, mut exponent: u64) -> u64 {
        let (mut power, mut square) = (1, number % self.0);
        while exponent > 0 {
            if exponent & 1 == 1 {
                power = power * square % self.0;
            }
            square = square * square % self.0;
            exponent >>= 1;
        }
        power
    }

    fn trim(polynomial: &mut Modular) {
        while polynomial.last() == Some(&0) {
            polynomial.pop();
        }
    }

    pub(super) fn monic(&self, polynomial: &[u64]) -> Modular {
        let Some(leading) = polynomial.last() else { return Vec::new() };
        let inverse = self.inverse(*leading);
        polynomial.iter().map(|number| number * inverse % self.0).collect()
    }

    pub(super) fn sub(&self, left: &[u64], right: &[u64]) -> Modular {
        let mut difference = vec![0; left.len().max(right.len())];
        for (at, number) in difference.iter_mut().enumerate() {
            let (left, right) = (left.get(at).copied().unwrap_or(0), right.get(at).copied().unwrap_or(0));
            *number = (left + self.0 - right) % self.0;
        }
        Field::trim(&mut difference);
        difference
    }

    pub(super) fn mul(&self, left: &[u64], right: &[u64]) -> Modular {
        if left.is_empty() || right.is_empty() {
            return Vec::new();
        }
        let mut product = vec![0; left.len() + right.len() - 1];
        for (at, left) in left.iter().enumerate() {
            for (offset, right) in right.iter().enumerate() {
                product[at + offset] = (product[at + offset] + left * right) % self.0;
            }
        }
        Field::trim(&mut product);
        product
    }

    /// Quotient and remainder; the divisor is not zero.
    pub(super) fn divide(&self, left: &[u64], divisor: &[u64]) -> (Modular, Modular) {
        let mut rest = left.to_vec();
        let inverse = self.inverse(divisor.last().copied().unwrap_or(1));
        let mut quotient = vec![0; (left.len() + 1).saturating_sub(divisor.len())];
        while rest.len() >= divisor.len() && !rest.is_empty() {
            let shift = rest.len() - divisor.len();
            let factor = rest[rest.len() - 1] * inverse % self.0;
            quotient[shift] = factor;
            for (at, number) in divisor.iter().enumerate() {
                rest[at + shift] = (rest[at + shift] + (self.0 - factor) * number) % self.0;
            }
            Field::trim(&mut rest);
        }
        Field::trim(&mut quotient);
        (quotient, rest)
    }

    /// The monic greatest common divisor.
    pub(super) fn gcd(&self, left: &[u64], right: &[u64]) -> Modular {
        let (mut left, mut right) = (left.to_vec(), right.to_vec());
        while !right.is_empty() {
            let rest = self.divide(&left, &right).1;
            left = std::mem::replace(&mut right, rest);
        }
        self.monic(&left)
    }

    /// s and t with s*left + t*right = 1; the two have no common factor.
    pub(super) fn bezout(&self, left: &[u64], right: &[u64]) -> (Modular, Modular) {
        let (mut r0, mut r1) = (left.to_vec(), right.to_vec());
        let (mut s0, mut s1) = (vec![1], Vec::new());
        let (mut t0, mut t1) = (Vec::new(), vec![1]);
        while !r1.is_empty() {
            let (quotient, rest) = self.divide(&r0, &r1);
            r0 = std::mem::replace(&mut r1, rest);
            let next = self.sub(&s0, &self.mul(&quotient, &s1));
            s0 = std::mem::replace(&mut s1, next);
            let next = self.sub(&t0, &self.mul(&quotient, &t1));
            t0 = std::mem::replace(&mut t1, next);
        }
        let inverse = vec![self.inverse(r0.first().copied().unwrap_or(1))];
        (self.mul(&s0, &inverse), self.mul(&t0, &inverse))
    }

    pub(super) fn derivative(&self, polynomial: &[u64]) -> Modular {
        let mut derivative: Modular =
            polynomial.iter().enumerate().skip(1).map(|(at, number)| at as u64 % self.0 * number % self.0).collect();
        Field::trim(&mut derivative);
        derivative
    }

    fn power_modulo(&self, base: &[u64], mut exponent: u128, modulus: &[u64]) -> Modular {
        let mut power = vec![1];
        let mut square = self.divide(base, modulus).1;
        while exponent > 0 {
            if exponent & 1 == 1 {
                power = self.divide(&self.mul(&power, &square), modulus).1;
            }
            exponent >>= 1;
            if exponent > 0 {
                square = self.divide(&self.mul(&square, &square), modulus).1;
            }
        }
        power
    }

    /// The monic irreducible factors of a monic polynomial without repeated ones; the prime is odd.
    pub(super) fn factors(&self, polynomial: &[u64]) -> Vec<Modular> {
        let mut found = Vec::new();
        let mut rest = polynomial.to_vec();
        let mut power = vec![0, 1];
        let mut degree = 0;
        while rest.len() > 1 {
            degree += 1;
            if 2 * degree > rest.len() - 1 {
                found.push(rest);
                break;
            }
            power = self.power_modulo(&power, u128::from(self.0), &rest);
            let common = self.gcd(&rest, &self.sub(&power, &[0, 1]));
            if common.len() > 1 {
                rest = self.divide(&rest, &common).0;
                power = self.divide(&power, &rest).1;
                self.split(common, degree, &mut found, &mut 1);
            }
        }
        found
    }

    /// Splits a product of irreducible factors that all have this degree.
    fn split(&self, product: Modular, degree: usize, found: &mut Vec<Modular>, seed: &mut u64) {
        if product.len() - 1 == degree {
            found.push(product);
            return;
        }
        loop {
            let mut trial: Modular = (0..product.len() - 1)
                .map(|_| {
                    // A linear congruential generator: any sequence that does not repeat soon will do.
                    *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                    (*seed >> 33) % self.0
                })
                .collect();
            Field::trim(&mut trial);
            if trial.len() < 2 {
                continue;
            }
            // To the power of (p^degree - 1)/2, as the product of powers by p.
            let mut power = trial.clone();
            let mut raised = trial.clone();
            for _ in 1..degree {
                raised = self.power_modulo(&raised, u128::from(self.0), &product);
                power = self.divide(&self.mul(&power, &raised), &product).1;
            }
            let power = self.power_modulo(&power, u128::from((self.0 - 1) / 2), &product);
            let common = self.gcd(&product, &self.sub(&power, &[1]));
            if common.len() > 1 && common.len() < product.len() {
                let other = self.divide(&product, &common).0;
                self.split(common, degree, found, seed);
                return self.split(other, degree, found, seed);
            }
        }
    }
}
