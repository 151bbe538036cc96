//! Functions of one f32, as arithmetic without branches.
//!
//! Polynomials and rational functions after Cephes (Moshier), Eigen and XLA. Where the machine's f64 vectors are enough
//! work saved (logarithms to other bases, hyperbolic functions, the tangent) the f64 functions are taken and rounded.
//! The errors in units of the last place are bounded in the tests.

use super::double;

/// Evaluates a polynomial, highest coefficient first.
#[inline(always)]
fn polynomial<const N: usize>(x: f32, coefficients: [f32; N]) -> f32 {
    let mut value = coefficients[0];
    for &c in &coefficients[1..] {
        value = value.mul_add(x, c);
    }
    value
}

/// Adding this to a small float leaves its nearest whole number in the low bits of the mantissa.
const ROUNDER: f32 = 12_582_912.0;

#[inline(always)]
pub(super) fn exp(x: f32) -> f32 {
    // Beyond these the result is 0 or infinity; NaN passes both comparisons.
    let x = if x > 89.0 { 89.0 } else { x };
    let x = if x < -104.0 { -104.0 } else { x };
    let shifted = x.mul_add(std::f32::consts::LOG2_E, ROUNDER);
    let n = shifted - ROUNDER;
    let exponent = (shifted.to_bits() as i32).wrapping_sub(ROUNDER.to_bits() as i32);
    // log 2 in two parts, so that the product with n is exact in the first.
    let r = n.mul_add(-0.693_359_4, x);
    let r = n.mul_add(2.121_944_4e-4, r);
    let p = polynomial(r, [1.987_569_2e-4, 1.398_2e-3, 8.333_452e-3, 4.166_579_6e-2, 1.666_666_5e-1, 0.5]);
    let p = p.mul_add(r * r, r) + 1.0;
    // 2^n in two factors, so that results below the normal range round once.
    let half = exponent >> 1;
    let first = f32::from_bits((half.wrapping_add(127) as u32) << 23);
    let second = f32::from_bits((exponent.wrapping_sub(half).wrapping_add(127) as u32) << 23);
    p * first * second
}

#[inline(always)]
pub(super) fn ln(x: f32) -> f32 {
    let tiny = x < f32::MIN_POSITIVE;
    let scaled = if tiny { x * 8_388_608.0 } else { x };
    let bias = if tiny { 23.0 } else { 0.0 };
    // The mantissa in [sqrt(1/2), sqrt(2)).
    let bits = scaled.to_bits().wrapping_sub(0x3f35_04f3);
    let e = ((bits as i32) >> 23) as f32 - bias;
    let m = f32::from_bits((bits & 0x007f_ffff).wrapping_add(0x3f35_04f3)) - 1.0;
    let z = m * m;
    let p = polynomial(
        m,
        [
            7.037_683_6e-2,
            -1.151_461e-1,
            1.167_699_9e-1,
            -1.242_014_1e-1,
            1.424_932_3e-1,
            -1.666_805_8e-1,
            2.000_071_5e-1,
            -2.499_999_4e-1,
            3.333_333e-1,
        ],
    );
    let tail = e.mul_add(-2.121_944_4e-4, p * m * z);
    let value = e.mul_add(0.693_359_4, z.mul_add(-0.5, tail) + m);
    let value = if x == f32::INFINITY { x } else { value };
    let value = if x == 0.0 { f32::NEG_INFINITY } else { value };
    // Negative numbers, and NaN itself.
    if x >= 0.0 { value } else { f32::NAN }
}

/// Kahan's correction: the rounding error of `1 + x` cancels in the quotient.
#[inline(always)]
pub(super) fn log1p(x: f32) -> f32 {
    let u = 1.0 + x;
    let value = ln(u) * (x / (u - 1.0));
    let value = if u == f32::INFINITY { u } else { value };
    if u == 1.0 { x } else { value }
}

#[inline(always)]
pub(super) fn expm1(x: f32) -> f32 {
    let large = exp(x) - 1.0;
    // Taylor's series to x^9, good to half a unit for |x| < 1/2.
    let small = polynomial(
        x,
        [
            2.755_731_9e-6,
            2.480_158_8e-5,
            1.984_127e-4,
            1.388_888_9e-3,
            8.333_333e-3,
            4.166_666_8e-2,
            1.666_666_7e-1,
            0.5,
        ],
    );
    let small = (small * x).mul_add(x, x);
    let value = if x.abs() < 0.5 { small } else { large };
    // The sign of zero survives.
    if x == 0.0 { x } else { value }
}

/// The angle less the nearest multiple of π/2, and that multiple's last two bits. Exact enough below 10^9, because the
/// subtraction is done in f64.
#[inline(always)]
fn reduce_angle(x: f32) -> (f32, i32) {
    const ROUNDER: f64 = 6_755_399_441_055_744.0;
    let wide = f64::from(x);
    let shifted = wide.mul_add(std::f64::consts::FRAC_2_PI, ROUNDER);
    let n = shifted - ROUNDER;
    let r = n.mul_add(-std::f64::consts::FRAC_PI_2, wide);
    let r = n.mul_add(-6.123_233_995_736_766e-17, r);
    (r as f32, shifted.to_bits() as i32)
}

#[inline(always)]
fn sin_of_quadrant(r: f32, quadrant: i32) -> f32 {
    let z = r * r;
    let sine = polynomial(z, [-1.951_529_6e-4, 8.332_161e-3, -1.666_665_5e-1]);
    let sine = (sine * z).mul_add(r, r);
    let cosine = polynomial(z, [2.443_315_7e-5, -1.388_731_6e-3, 4.166_664_6e-2]);
    let cosine = (cosine * z).mul_add(z, z.mul_add(-0.5, 1.0));
    let value = if quadrant & 1 == 0 { sine } else { cosine };
    if quadrant & 2 == 0 { value } else { -value }
}

/// From here on the C library reduces angles: it carries hundreds of bits of π.
pub(super) const ANGLE_MAX: f32 = 1e9;

/// Of angles below [`ANGLE_MAX`].
#[inline(always)]
pub(super) fn sin(x: f32) -> f32 {
    let (r, quadrant) = reduce_angle(x);
    // The sign of zero survives.
    if x == 0.0 { x } else { sin_of_quadrant(r, quadrant) }
}

/// Of angles below [`ANGLE_MAX`].
#[inline(always)]
pub(super) fn cos(x: f32) -> f32 {
    let (r, quadrant) = reduce_angle(x);
    sin_of_quadrant(r, quadrant.wrapping_add(1))
}

/// Of angles below [`double::ANGLE_MAX`].
#[inline(always)]
pub(super) fn tan(x: f32) -> f32 {
    let wide = f64::from(x);
    (double::sin(wide) / double::cos(wide)) as f32
}

#[inline(always)]
pub(super) fn log2(x: f32) -> f32 {
    (double::ln(f64::from(x)) * std::f64::consts::LOG2_E) as f32
}

#[inline(always)]
pub(super) fn log10(x: f32) -> f32 {
    (double::ln(f64::from(x)) * std::f64::consts::LOG10_E) as f32
}

#[inline(always)]
pub(super) fn sinh(x: f32) -> f32 {
    double::sinh(f64::from(x)) as f32
}

#[inline(always)]
pub(super) fn cosh(x: f32) -> f32 {
    double::cosh(f64::from(x)) as f32
}

/// The rational function of Eigen's `ptanh`.
#[inline(always)]
pub(super) fn tanh(x: f32) -> f32 {
    const LIMIT: f32 = 7.905_311;
    let y = if x > LIMIT { LIMIT } else { x };
    let y = if y < -LIMIT { -LIMIT } else { y };
    let z = y * y;
    let p = polynomial(
        z,
        [-2.760_768_5e-16, 2.000_188e-13, -8.604_672e-11, 5.122_297e-8, 1.485_722_4e-5, 6.372_619_4e-4, 4.893_524_6e-3],
    );
    let q = polynomial(z, [1.198_258_4e-6, 1.185_347e-4, 2.268_434_6e-3, 4.893_525e-3]);
    let value = p * y / q;
    let value = if x.abs() > 9.1 { 1f32.copysign(x) } else { value };
    if x.abs() < 4e-4 { x } else { value }
}

/// The rational function of XLA's `erf` for f32.
#[inline(always)]
pub(super) fn erf(x: f32) -> f32 {
    const LIMIT: f32 = 3.832_507;
    let y = if x > LIMIT { LIMIT } else { x };
    let y = if y < -LIMIT { -LIMIT } else { y };
    let z = y * y;
    let p = polynomial(
        z,
        [
            -2.726_142_3e-10,
            2.770_681_4e-8,
            -2.101_024e-6,
            -5.692_506_4e-5,
            -7.349_906_5e-4,
            -2.954_6e-3,
            -1.609_603_3e-2,
        ],
    );
    let q = polynomial(z, [-1.456_607_2e-5, -2.133_740_6e-4, -1.682_827e-3, -7.373_329_3e-3, -1.426_473_9e-2]);
    let value = y * p / q;
    let value = if x.abs() > LIMIT { 1f32.copysign(x) } else { value };
    // Near 0 the first term of the series is exact, also where products would underflow.
    if x.abs() < 2e-4 { x * std::f32::consts::FRAC_2_SQRT_PI } else { value }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::math::Real;

    /// The largest error in units of the last place over floats spread evenly by their bits.
    fn worst(function: fn(f32) -> f32, exact: fn(f64) -> f64, range: std::ops::RangeInclusive<f32>) -> (f64, f32) {
        let mut worst = (0.0, 0.0f32);
        for bits in (0..=u32::MAX).step_by(9973) {
            let x = f32::from_bits(bits);
            if !range.contains(&x) {
                continue;
            }
            let expected = exact(f64::from(x));
            let unit = f64::from(f32::EPSILON) * expected.abs().max(f64::from(f32::MIN_POSITIVE));
            let error = (f64::from(function(x)) - expected).abs() / unit;
            if error > worst.0 {
                worst = (error, x);
            }
        }
        worst
    }

    #[test]
    fn single_precision_functions_stay_within_their_bounds() {
        let all = f32::MIN..=f32::MAX;
        for (name, function, exact, range, bound) in [
            ("exp", exp as fn(f32) -> f32, f64::exp as fn(f64) -> f64, -87.0..=88.7, 2.0),
            ("ln", ln, f64::ln, 1e-44..=f32::MAX, 2.0),
            ("log1p", log1p, f64::ln_1p, -0.999..=f32::MAX, 4.0),
            ("expm1", expm1, f64::exp_m1, -80.0..=88.0, 4.0),
            ("tanh", tanh, f64::tanh, all.clone(), 8.0),
            ("erf", erf, libm::erf, all, 8.0),
            ("softplus", f32::softplus, |x| x.max(0.0) + (-x.abs()).exp().ln_1p(), -80.0..=1e30, 5.0),
            ("sigmoid", f32::sigmoid, |x| 1.0 / (1.0 + (-x).exp()), -80.0..=100.0, 4.0),
        ] {
            let (error, x) = worst(function, exact, range);
            assert!(error <= bound, "{name}({x}) is off by {error} units");
        }
    }

    /// Near their zeros the error of sine and cosine is bounded absolutely.
    #[test]
    fn sine_and_cosine_are_within_an_epsilon() {
        for i in 0..2_000_000 {
            let x = (i as f32 - 1e6) * 0.37;
            assert!((f64::from(sin(x)) - f64::from(x).sin()).abs() < 1.2e-7, "sin({x})");
            assert!((f64::from(cos(x)) - f64::from(x).cos()).abs() < 1.2e-7, "cos({x})");
        }
    }

    #[test]
    fn special_values_follow_ieee() {
        assert_eq!(exp(f32::NEG_INFINITY), 0.0);
        assert_eq!(exp(f32::INFINITY), f32::INFINITY);
        assert_eq!(exp(0.0), 1.0);
        assert!(exp(-103.0) > 0.0, "subnormal results are not flushed");
        assert_eq!(ln(0.0), f32::NEG_INFINITY);
        assert_eq!(ln(f32::INFINITY), f32::INFINITY);
        assert_eq!(log1p(f32::INFINITY), f32::INFINITY);
        assert_eq!(log1p(-1.0), f32::NEG_INFINITY);
        assert_eq!(expm1(f32::NEG_INFINITY), -1.0);
        assert_eq!(tanh(f32::INFINITY), 1.0);
        assert_eq!(erf(f32::NEG_INFINITY), -1.0);
        for f in [exp, ln, log1p, expm1, sin, cos, tanh, erf] {
            assert!(f(f32::NAN).is_nan());
        }
        for f in [ln as fn(f32) -> f32, f32::log1p] {
            assert!(f(-2.0).is_nan());
        }
        assert!(sin(f32::INFINITY).is_nan() && f32::softplus(f32::NAN).is_nan());
    }
}
