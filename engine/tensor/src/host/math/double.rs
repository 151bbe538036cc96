//! Functions of one f64, as arithmetic without branches, so that loops over them become vector code.
//!
//! The polynomials are those of fdlibm (Sun Microsystems) for logarithm, sine and cosine, and Taylor's for the
//! exponential on half a binade. The errors in units of the last place are bounded in `tests/engine/accuracy.rs` against
//! values that were computed with many more digits.

/// Evaluates a polynomial, highest coefficient first.
#[inline(always)]
fn polynomial<const N: usize>(x: f64, coefficients: [f64; N]) -> f64 {
    let mut value = coefficients[0];
    for &c in &coefficients[1..] {
        value = value.mul_add(x, c);
    }
    value
}

/// Adding this to a small float leaves its nearest whole number in the low bits of the mantissa.
const ROUNDER: f64 = 6_755_399_441_055_744.0;

/// 2 to the power of a whole number in the range of normal exponents.
#[inline(always)]
fn power_of_two(n: f64) -> f64 {
    let exponent = (n + ROUNDER).to_bits().wrapping_sub(ROUNDER.to_bits()).wrapping_add(1023);
    f64::from_bits(exponent << 52)
}

/// `n` and exp(r) - 1 with x = n log 2 + r and |r| at most half of log 2.
#[inline(always)]
fn exponential_parts(x: f64) -> (f64, f64) {
    let n = x.mul_add(std::f64::consts::LOG2_E, ROUNDER) - ROUNDER;
    // log 2 in two parts, so that the product with n is exact in the first.
    let r = n.mul_add(-6.931_471_803_691_238e-1, x);
    let r = n.mul_add(-1.908_214_929_270_587_7e-10, r);
    let p = polynomial(
        r,
        [
            1.605_904_383_682_161_3e-10,
            2.087_675_698_786_81e-9,
            2.505_210_838_544_172e-8,
            2.755_731_922_398_589e-7,
            2.755_731_922_398_589e-6,
            2.480_158_730_158_73e-5,
            1.984_126_984_126_984e-4,
            1.388_888_888_888_889e-3,
            8.333_333_333_333_333e-3,
            4.166_666_666_666_666_4e-2,
            1.666_666_666_666_666_6e-1,
            0.5,
        ],
    );
    (n, (p * r).mul_add(r, r))
}

#[inline(always)]
pub(super) fn exp(x: f64) -> f64 {
    // Beyond these the result is 0 or infinity; NaN passes both comparisons.
    let x = if x > 710.0 { 710.0 } else { x };
    let x = if x < -746.0 { -746.0 } else { x };
    let (n, p) = exponential_parts(x);
    // 2^n in two factors, so that results below the normal range round once.
    let half = (n * 0.5).floor();
    (1.0 + p) * power_of_two(half) * power_of_two(n - half)
}

#[inline(always)]
pub(super) fn expm1(x: f64) -> f64 {
    let large = exp(x) - 1.0;
    let y = if x > 40.0 { 40.0 } else { x };
    let y = if y < -40.0 { -40.0 } else { y };
    let (n, p) = exponential_parts(y);
    let scale = power_of_two(n);
    let small = scale.mul_add(p, scale - 1.0);
    let small = if n == 0.0 { p } else { small };
    let value = if x > 40.0 { large } else { small };
    // The sign of zero survives.
    if x == 0.0 { x } else { value }
}

#[inline(always)]
pub(super) fn ln(x: f64) -> f64 {
    let tiny = x < f64::MIN_POSITIVE;
    let scaled = if tiny { x * 18_014_398_509_481_984.0 } else { x };
    // The mantissa in [sqrt(1/2), sqrt(2)), and its exponent, which is made a float by its bits.
    let bits = scaled.to_bits().wrapping_sub(0x3fe6_a09e_667f_3bcd).wrapping_add(1024 << 52);
    let exponent = f64::from_bits((bits >> 52) | 0x4330_0000_0000_0000) - 4_503_599_627_371_520.0;
    let k = exponent - if tiny { 54.0 } else { 0.0 };
    let f = f64::from_bits((bits & 0x000f_ffff_ffff_ffff).wrapping_add(0x3fe6_a09e_667f_3bcd)) - 1.0;
    let s = f / (2.0 + f);
    let z = s * s;
    let r = z * polynomial(
        z,
        [
            1.479_819_860_511_658_6e-1,
            1.531_383_769_920_937_3e-1,
            1.818_357_216_161_805e-1,
            2.222_219_843_214_978_4e-1,
            2.857_142_874_366_239e-1,
            3.999_999_999_940_942e-1,
            6.666_666_666_666_735e-1,
        ],
    );
    let half = 0.5 * f * f;
    let tail = k.mul_add(1.908_214_929_270_587_7e-10, s * (half + r));
    let value = k.mul_add(6.931_471_803_691_238e-1, f - (half - tail));
    let value = if x == f64::INFINITY { x } else { value };
    let value = if x == 0.0 { f64::NEG_INFINITY } else { value };
    // Negative numbers, and NaN itself.
    if x >= 0.0 { value } else { f64::NAN }
}

/// The rounding error of `1 + x` is put back (Kahan).
#[inline(always)]
pub(super) fn log1p(x: f64) -> f64 {
    let u = 1.0 + x;
    let lost = if x > 1.0 { 1.0 - (u - x) } else { x - (u - 1.0) };
    let value = ln(u) + lost / u;
    let value = if u == f64::INFINITY || u == 0.0 { ln(u) } else { value };
    // The sign of zero survives, and so do the smallest numbers.
    if x.abs() < 1e-17 { x } else { value }
}

/// From here on the C library reduces angles: it carries a thousand bits of π.
pub(super) const ANGLE_MAX: f64 = 1e6;

/// The angle less the nearest multiple of π/2, and that multiple's last two bits; π/2 in three parts.
#[inline(always)]
fn reduce_angle(x: f64) -> (f64, u64) {
    let shifted = x.mul_add(std::f64::consts::FRAC_2_PI, ROUNDER);
    let n = shifted - ROUNDER;
    let r = n.mul_add(-std::f64::consts::FRAC_PI_2, x);
    let r = n.mul_add(-6.123_233_995_736_766e-17, r);
    (n.mul_add(1.497_384_904_859_169_8e-33, r), shifted.to_bits())
}

#[inline(always)]
fn sin_of_quadrant(r: f64, quadrant: u64) -> f64 {
    let z = r * r;
    let sine = polynomial(
        z,
        [
            1.589_690_995_211_55e-10,
            -2.505_076_025_340_686_3e-8,
            2.755_731_370_707_006_8e-6,
            -1.984_126_982_985_795e-4,
            8.333_333_333_322_49e-3,
            -1.666_666_666_666_663_2e-1,
        ],
    );
    let sine = (sine * z).mul_add(r, r);
    let cosine = polynomial(
        z,
        [
            -1.135_964_755_778_819_5e-11,
            2.087_572_321_298_175e-9,
            -2.755_731_435_139_066_3e-7,
            2.480_158_728_947_673e-5,
            -1.388_888_888_887_411e-3,
            4.166_666_666_666_66e-2,
        ],
    );
    let half = 0.5 * z;
    let w = 1.0 - half;
    let cosine = w + (((1.0 - w) - half) + z * z * cosine);
    let value = if quadrant & 1 == 0 { sine } else { cosine };
    if quadrant & 2 == 0 { value } else { -value }
}

/// Of angles below [`ANGLE_MAX`].
#[inline(always)]
pub(super) fn sin(x: f64) -> f64 {
    let (r, quadrant) = reduce_angle(x);
    // The sign of zero survives.
    if x == 0.0 { x } else { sin_of_quadrant(r, quadrant) }
}

/// Of angles below [`ANGLE_MAX`].
#[inline(always)]
pub(super) fn cos(x: f64) -> f64 {
    let (r, quadrant) = reduce_angle(x);
    sin_of_quadrant(r, quadrant.wrapping_add(1))
}

/// Of angles below [`ANGLE_MAX`].
#[inline(always)]
pub(super) fn tan(x: f64) -> f64 {
    let (r, quadrant) = reduce_angle(x);
    let value = sin_of_quadrant(r, quadrant) / sin_of_quadrant(r, quadrant.wrapping_add(1));
    if x == 0.0 { x } else { value }
}

#[inline(always)]
pub(super) fn tanh(x: f64) -> f64 {
    let size = x.abs();
    let size = if size > 22.0 { 22.0 } else { size };
    let t = expm1(2.0 * size);
    (t / (t + 2.0)).copysign(x)
}

#[inline(always)]
pub(super) fn sinh(x: f64) -> f64 {
    let size = x.abs();
    let t = expm1(size);
    let value = 0.5 * (t + t / (t + 1.0));
    // Where exp overflows the result need not yet.
    let half = exp(0.5 * size);
    let value = if size > 700.0 { (0.5 * half) * half } else { value };
    value.copysign(x)
}

#[inline(always)]
pub(super) fn cosh(x: f64) -> f64 {
    let size = x.abs();
    let half = exp(0.5 * size);
    let t = half * half;
    if size > 700.0 { (0.5 * half) * half } else { 0.5 * (t + 1.0 / t) }
}
