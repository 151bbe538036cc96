//! Divisors by elliptic curves: one is found where the count of a curve's points modulo it is a product of small primes
//! (H. Lenstra, "Factoring integers with elliptic curves", 1987).
//!
//! Curves of Montgomery's form with Suyama's parameter, whose counts are divisible by 12, and a second stage of baby and
//! giant steps (P. Montgomery, "Speeding the Pollard and elliptic curve methods of factorization", 1987; R. Crandall and
//! C. Pomerance, "Prime Numbers", 2nd edition, 2005, §7.4).

use dashu_int::UBig;

use super::Effort;
use super::montgomery::{Montgomery, Residue};
use super::sieve::Sieve;

/// Bounds of the first stage and how many curves are tried with each: those for divisors of 15, 20, 25, … digits
/// (P. Zimmermann and B. Dodson, "20 years of ECM", 2006). The last is repeated as long as there is work.
const LEVELS: &[(u64, u64)] =
    &[(2_000, 25), (11_000, 90), (50_000, 214), (250_000, 430), (1_000_000, 910), (3_000_000, u64::MAX)];
/// The second stage's bound over the first's.
const SECOND_OVER_FIRST: u64 = 80;
/// The giant step: a product of small primes, so that few baby steps are coprime to it.
const GIANT: u64 = 2_310;
/// Suyama's parameter of the first curve; smaller ones make no curve.
const FIRST_CURVE: u64 = 6;

/// A point without its second coordinate: x and z of x/z.
#[derive(Clone, Copy)]
struct Point<const N: usize> {
    x: Residue<N>,
    z: Residue<N>,
}

/// A curve: its ring, and (a + 2)/4 of y² = x³ + a·x² + x.
struct Curve<'r, const N: usize> {
    ring: &'r Montgomery<N>,
    quarter: Residue<N>,
}

/// A proper divisor of the modulus; `None` where the work did not suffice.
pub(super) fn search<const N: usize>(ring: &Montgomery<N>, effort: &mut Effort<'_>) -> Option<UBig> {
    let mut parameter = FIRST_CURVE;
    for (bound, curves) in LEVELS {
        let below = bound * SECOND_OVER_FIRST + GIANT;
        if !effort.spend(below) {
            return None;
        }
        let sieve = Sieve::new(below);
        for _ in 0..*curves {
            if let Some(divisor) = try_curve(ring, parameter, *bound, &sieve, effort) {
                return Some(divisor);
            }
            if effort.left() == 0 {
                return None;
            }
            parameter += 1;
        }
    }
    None
}

/// What one curve finds.
fn try_curve<const N: usize>(
    ring: &Montgomery<N>,
    parameter: u64,
    bound: u64,
    sieve: &Sieve,
    effort: &mut Effort<'_>,
) -> Option<UBig> {
    if !effort.spend(200 * Montgomery::<N>::WORK) {
        return None;
    }
    let (curve, mut point) = match Curve::new(ring, parameter) {
        Ok(found) => found,
        Err(divisor) => return divisor,
    };
    // Twos and threes beyond the bound cost nothing, and the counts have more of them than of others.
    for _ in 0..bound.ilog2() + 2 {
        point = curve.double(&point);
    }
    for prime in sieve.odd_primes(3, bound) {
        let power = prime.pow(bound.ilog(prime));
        if !effort.spend(11 * u64::from(power.ilog2()) * Montgomery::<N>::WORK) {
            return None;
        }
        point = curve.multiple(&point, power);
    }
    if let Some(divisor) = ring.proper_divisor(&point.z) {
        return Some(divisor);
    }
    // All divisors at once: what follows would find no single one either.
    if point.z == [0; N] {
        return None;
    }
    second_stage(&curve, &point, bound, sieve, effort)
}

impl<'r, const N: usize> Curve<'r, N> {
    /// The curve of Suyama's parameter and a point on it; or, where its coefficient needs an inverse that does not exist,
    /// the divisor in common, if it is a proper one.
    fn new(ring: &'r Montgomery<N>, parameter: u64) -> Result<(Self, Point<N>), Option<UBig>> {
        let constant = |number: u64| ring.residue(&UBig::from(number));
        let cube = |residue: &Residue<N>| ring.product(&ring.product(residue, residue), residue);
        let sigma = constant(parameter);
        let u = ring.difference(&ring.product(&sigma, &sigma), &constant(5));
        let v = ring.product(&sigma, &constant(4));
        let (x, z) = (cube(&u), cube(&v));
        let top = ring.product(&cube(&ring.difference(&v, &u)), &ring.sum(&ring.product(&constant(3), &u), &v));
        let bottom = ring.product(&ring.product(&constant(16), &x), &v);
        let quarter = ring.product(&top, &ring.inverse(&bottom)?);
        Ok((Curve { ring, quarter }, Point { x, z }))
    }

    fn double(&self, point: &Point<N>) -> Point<N> {
        let ring = self.ring;
        let (sum, difference) = (ring.sum(&point.x, &point.z), ring.difference(&point.x, &point.z));
        let (plus, minus) = (ring.product(&sum, &sum), ring.product(&difference, &difference));
        let four = ring.difference(&plus, &minus);
        let x = ring.product(&plus, &minus);
        let z = ring.product(&four, &ring.sum(&minus, &ring.product(&self.quarter, &four)));
        Point { x, z }
    }

    /// The sum of two points whose difference is known.
    fn add(&self, a: &Point<N>, b: &Point<N>, difference: &Point<N>) -> Point<N> {
        let ring = self.ring;
        let u = ring.product(&ring.difference(&a.x, &a.z), &ring.sum(&b.x, &b.z));
        let v = ring.product(&ring.sum(&a.x, &a.z), &ring.difference(&b.x, &b.z));
        let (sum, less) = (ring.sum(&u, &v), ring.difference(&u, &v));
        let x = ring.product(&difference.z, &ring.product(&sum, &sum));
        let z = ring.product(&difference.x, &ring.product(&less, &less));
        Point { x, z }
    }

    /// A multiple, at least the first, by Montgomery's ladder.
    fn multiple(&self, point: &Point<N>, times: u64) -> Point<N> {
        if times == 1 {
            return *point;
        }
        let (mut low, mut high) = (*point, self.double(point));
        for bit in (0..times.ilog2()).rev() {
            let middle = self.add(&low, &high, point);
            if times >> bit & 1 == 1 {
                (low, high) = (middle, self.double(&high));
            } else {
                (low, high) = (self.double(&low), middle);
            }
        }
        low
    }
}

/// A point with the product of its coordinates: x₁·z₂ - x₂·z₁ is (x₁ - x₂)(z₁ + z₂) - x₁·z₁ + x₂·z₂, one product.
struct Prepared<const N: usize> {
    point: Point<N>,
    product: Residue<N>,
}

fn prepared<const N: usize>(ring: &Montgomery<N>, point: Point<N>) -> Prepared<N> {
    Prepared { product: ring.product(&point.x, &point.z), point }
}

/// Finds a divisor where the count of points is a product of primes up to the bound and one up to the second bound: every
/// such prime is a multiple of the giant step more or less a baby step.
fn second_stage<const N: usize>(
    curve: &Curve<'_, N>,
    point: &Point<N>,
    bound: u64,
    sieve: &Sieve,
    effort: &mut Effort<'_>,
) -> Option<UBig> {
    let ring = curve.ring;
    if !effort.spend(4 * GIANT * Montgomery::<N>::WORK) {
        return None;
    }
    let babies = baby_steps(curve, point);
    let step = curve.multiple(point, GIANT);
    // The first window begins half a giant step before its centre, and so not above the bound.
    let first = ((bound + GIANT / 2) / GIANT).max(1);
    let (mut before, mut here) = (curve.multiple(point, first * GIANT), curve.multiple(point, (first + 1) * GIANT));
    let mut product = ring.one();
    for times in first..=(bound * SECOND_OVER_FIRST) / GIANT {
        let centre = times * GIANT;
        let giant = prepared(ring, before);
        let mut pairs = 0;
        for (baby, other) in &babies {
            if sieve.is_odd_prime(centre - baby) || sieve.is_odd_prime(centre + baby) {
                let less = ring.difference(&giant.point.x, &other.point.x);
                let cross = ring.product(&less, &ring.sum(&giant.point.z, &other.point.z));
                let difference = ring.sum(&ring.difference(&cross, &giant.product), &other.product);
                product = ring.product(&product, &difference);
                pairs += 1;
            }
        }
        if !effort.spend((2 * pairs + 7) * Montgomery::<N>::WORK) {
            return None;
        }
        let next = curve.add(&here, &step, &before);
        (before, here) = (here, next);
    }
    ring.proper_divisor(&product)
}

/// The odd multiples of a point that are coprime to the giant step, up to half of it.
fn baby_steps<const N: usize>(curve: &Curve<'_, N>, point: &Point<N>) -> Vec<(u64, Prepared<N>)> {
    let two = curve.double(point);
    let (mut before, mut here) = (*point, *point);
    let mut babies = Vec::new();
    for baby in (1..GIANT / 2).step_by(2) {
        if [3, 5, 7, 11].iter().all(|prime| !baby.is_multiple_of(*prime)) {
            babies.push((baby, prepared(curve.ring, here)));
        }
        // One step of two back from the first multiple is the first again, with its sign, which is not kept.
        let next = curve.add(&here, &two, &before);
        (before, here) = (here, next);
    }
    babies
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ring(number: &str) -> Montgomery<2> {
        Montgomery::new(&number.parse().unwrap())
    }

    #[test]
    fn multiples_add_up() {
        let ring = ring("170141183460469231731687303715884105727");
        let (curve, point) = Curve::new(&ring, 11).unwrap_or_else(|_| panic!("the modulus is prime"));
        let same = |a: &Point<2>, b: &Point<2>| ring.product(&a.x, &b.z) == ring.product(&b.x, &a.z);
        for (a, b) in [(2, 3), (17, 1), (1_000_003, 999_983), (40, 40)] {
            let twice = curve.multiple(&curve.multiple(&point, a), b);
            assert!(same(&twice, &curve.multiple(&point, a * b)), "{a} times {b}");
        }
        let babies = baby_steps(&curve, &point);
        assert_eq!(babies.len(), 240);
        for (baby, found) in babies {
            assert!(same(&found.point, &curve.multiple(&point, baby)), "{baby}");
        }
    }

    #[test]
    fn curves_find_divisors_that_rho_would_search_long_for() {
        // 1000000000000000003 and 100000000000000000039 are prime.
        let ring = ring("100000000000000000339000000000000000117");
        let divisor = search(&ring, &mut Effort::new(20_000_000_000)).expect("a divisor is found");
        assert!(
            divisor == "1000000000000000003".parse().unwrap() || divisor == "100000000000000000039".parse().unwrap()
        );
    }
}
