//! Functions of one real number, written so that the compiler turns loops over them into vector code.
//!
//! The f32 versions are polynomials and rational functions without branches, after Cephes (Moshier) and Eigen; the error
//! bounds in units in the last place are checked in the tests against f64. The f64 versions call the C library, which is
//! exact to about one unit.

use std::ops::{Add, Div, Mul, Neg, Sub};

use super::kernels::{Map, map, map_each};
use crate::element::Element;
use crate::operator::UnaryOp;

/// A float that kernels compute in: f32 or f64.
pub(crate) trait Real:
    Element
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
    + std::ops::AddAssign
{
    const ZERO: Self;
    const ONE: Self;
    const HALF: Self;
    const INFINITY: Self;
    const NEG_INFINITY: Self;

    fn abs(self) -> Self;
    fn floor(self) -> Self;
    fn ceil(self) -> Self;
    /// To the nearest whole number, halves to the even one, as NumPy does.
    fn round(self) -> Self;
    fn sqrt(self) -> Self;
    fn is_nan(self) -> bool;
    fn copysign(self, sign: Self) -> Self;
    /// The loop of an elementwise function other than the cheap ones.
    fn function(op: UnaryOp) -> Map;
    fn exp(self) -> Self;
    fn ln(self) -> Self;
    fn log1p(self) -> Self;
    fn atan2(self, x: Self) -> Self;
    fn erf(self) -> Self;
    fn pow(self, exponent: Self) -> Self;
    /// The remainder with the sign of `self`, as in C.
    fn fmod(self, divisor: Self) -> Self;

    #[inline(always)]
    fn sigmoid(self) -> Self {
        Self::ONE / (Self::ONE + (-self).exp())
    }

    #[inline(always)]
    fn silu(self) -> Self {
        self / (Self::ONE + (-self).exp())
    }

    /// `log(1 + exp(x))` without overflow.
    #[inline(always)]
    fn softplus(self) -> Self {
        let positive = if self > Self::ZERO { self } else { Self::ZERO };
        // NaN compares false above, and comes back through the second term.
        positive + (-self.abs()).exp().log1p()
    }

    #[inline(always)]
    fn gelu(self) -> Self {
        Self::HALF * self * (Self::ONE + (self * Self::from_f64(std::f64::consts::FRAC_1_SQRT_2)).erf())
    }
}

macro_rules! library_functions {
    ($($name:ident = $call:path;)*) => {$(
        #[inline(always)]
        fn $name(self) -> Self { $call(self) }
    )*};
}

impl Real for f64 {
    const ZERO: f64 = 0.0;
    const ONE: f64 = 1.0;
    const HALF: f64 = 0.5;
    const INFINITY: f64 = f64::INFINITY;
    const NEG_INFINITY: f64 = f64::NEG_INFINITY;

    library_functions! {
        abs = f64::abs; floor = f64::floor; ceil = f64::ceil; round = f64::round_ties_even; sqrt = f64::sqrt;
        exp = f64::exp; ln = f64::ln; log1p = f64::ln_1p; erf = libm::erf;
    }

    fn function(op: UnaryOp) -> Map {
        macro_rules! each {
            ($function:expr) => {
                |s, o| map_each::<f64>(s, o, $function)
            };
        }
        match op {
            UnaryOp::Expm1 => each!(f64::exp_m1),
            UnaryOp::Log => each!(f64::ln),
            UnaryOp::Log1p => each!(f64::ln_1p),
            UnaryOp::Log2 => each!(f64::log2),
            UnaryOp::Log10 => each!(f64::log10),
            UnaryOp::Sin => each!(f64::sin),
            UnaryOp::Cos => each!(f64::cos),
            UnaryOp::Tan => each!(f64::tan),
            UnaryOp::Asin => each!(f64::asin),
            UnaryOp::Acos => each!(f64::acos),
            UnaryOp::Atan => each!(f64::atan),
            UnaryOp::Sinh => each!(f64::sinh),
            UnaryOp::Cosh => each!(f64::cosh),
            UnaryOp::Tanh => each!(f64::tanh),
            UnaryOp::Erf => each!(libm::erf),
            UnaryOp::Gelu => each!(f64::gelu),
            UnaryOp::Silu => each!(f64::silu),
            UnaryOp::Sigmoid => each!(f64::sigmoid),
            UnaryOp::Softplus => each!(f64::softplus),
            _ => each!(f64::exp),
        }
    }

    #[inline(always)]
    fn is_nan(self) -> bool {
        f64::is_nan(self)
    }
    #[inline(always)]
    fn copysign(self, sign: f64) -> f64 {
        f64::copysign(self, sign)
    }
    #[inline(always)]
    fn atan2(self, x: f64) -> f64 {
        f64::atan2(self, x)
    }
    #[inline(always)]
    fn pow(self, exponent: f64) -> f64 {
        f64::powf(self, exponent)
    }
    #[inline(always)]
    fn fmod(self, divisor: f64) -> f64 {
        self % divisor
    }
}

impl Real for f32 {
    const ZERO: f32 = 0.0;
    const ONE: f32 = 1.0;
    const HALF: f32 = 0.5;
    const INFINITY: f32 = f32::INFINITY;
    const NEG_INFINITY: f32 = f32::NEG_INFINITY;

    library_functions! {
        abs = f32::abs; floor = f32::floor; ceil = f32::ceil; round = f32::round_ties_even; sqrt = f32::sqrt;
        exp = exp_f32; ln = ln_f32; log1p = log1p_f32; erf = erf_f32;
    }

    fn function(op: UnaryOp) -> Map {
        macro_rules! each {
            ($function:expr) => {
                |s, o| map_each::<f32>(s, o, $function)
            };
        }
        macro_rules! vector {
            ($function:expr) => {
                |s, o| map::<f32, f32>(s, o, $function)
            };
        }
        match op {
            UnaryOp::Tan => each!(f32::tan),
            UnaryOp::Asin => each!(f32::asin),
            UnaryOp::Acos => each!(f32::acos),
            UnaryOp::Atan => each!(f32::atan),
            UnaryOp::Sinh => each!(f32::sinh),
            UnaryOp::Cosh => each!(f32::cosh),
            UnaryOp::Log2 => each!(f32::log2),
            UnaryOp::Log10 => each!(f32::log10),
            UnaryOp::Expm1 => vector!(expm1_f32),
            UnaryOp::Log => vector!(ln_f32),
            UnaryOp::Log1p => vector!(log1p_f32),
            UnaryOp::Sin => vector!(sin_f32),
            UnaryOp::Cos => vector!(cos_f32),
            UnaryOp::Tanh => vector!(tanh_f32),
            UnaryOp::Erf => vector!(erf_f32),
            UnaryOp::Gelu => vector!(f32::gelu),
            UnaryOp::Silu => vector!(f32::silu),
            UnaryOp::Sigmoid => vector!(f32::sigmoid),
            UnaryOp::Softplus => vector!(f32::softplus),
            _ => vector!(exp_f32),
        }
    }

    #[inline(always)]
    fn is_nan(self) -> bool {
        f32::is_nan(self)
    }
    #[inline(always)]
    fn copysign(self, sign: f32) -> f32 {
        f32::copysign(self, sign)
    }
    #[inline(always)]
    fn atan2(self, x: f32) -> f32 {
        f32::atan2(self, x)
    }
    #[inline(always)]
    fn pow(self, exponent: f32) -> f32 {
        f32::powf(self, exponent)
    }
    #[inline(always)]
    fn fmod(self, divisor: f32) -> f32 {
        self % divisor
    }
}

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
fn exp_f32(x: f32) -> f32 {
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
fn ln_f32(x: f32) -> f32 {
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
fn log1p_f32(x: f32) -> f32 {
    let u = 1.0 + x;
    let value = ln_f32(u) * (x / (u - 1.0));
    let value = if u == f32::INFINITY { u } else { value };
    if u == 1.0 { x } else { value }
}

#[inline(always)]
fn expm1_f32(x: f32) -> f32 {
    let large = exp_f32(x) - 1.0;
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
    if x.abs() < 0.5 { small } else { large }
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
const ANGLE_MAX: f32 = 1e9;

#[inline(always)]
fn sin_f32(x: f32) -> f32 {
    if x.abs() < ANGLE_MAX {
        let (r, quadrant) = reduce_angle(x);
        // The sign of zero survives.
        if x == 0.0 { x } else { sin_of_quadrant(r, quadrant) }
    } else {
        x.sin()
    }
}

#[inline(always)]
fn cos_f32(x: f32) -> f32 {
    if x.abs() < ANGLE_MAX {
        let (r, quadrant) = reduce_angle(x);
        sin_of_quadrant(r, quadrant.wrapping_add(1))
    } else {
        x.cos()
    }
}

/// The rational function of Eigen's `ptanh`.
#[inline(always)]
fn tanh_f32(x: f32) -> f32 {
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
fn erf_f32(x: f32) -> f32 {
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
            ("exp", exp_f32 as fn(f32) -> f32, f64::exp as fn(f64) -> f64, -87.0..=88.7, 2.0),
            ("ln", ln_f32, f64::ln, 1e-44..=f32::MAX, 2.0),
            ("log1p", log1p_f32, f64::ln_1p, -0.999..=f32::MAX, 4.0),
            ("expm1", expm1_f32, f64::exp_m1, -80.0..=88.0, 4.0),
            ("tanh", tanh_f32, f64::tanh, all.clone(), 8.0),
            ("erf", erf_f32, libm::erf, all, 8.0),
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
            assert!((f64::from(sin_f32(x)) - f64::from(x).sin()).abs() < 1.2e-7, "sin({x})");
            assert!((f64::from(cos_f32(x)) - f64::from(x).cos()).abs() < 1.2e-7, "cos({x})");
        }
        assert!((f64::from(sin_f32(1e20)) - f64::from(1e20f32).sin()).abs() < 1.2e-7);
    }

    #[test]
    fn special_values_follow_ieee() {
        assert_eq!(exp_f32(f32::NEG_INFINITY), 0.0);
        assert_eq!(exp_f32(f32::INFINITY), f32::INFINITY);
        assert_eq!(exp_f32(0.0), 1.0);
        assert!(exp_f32(-103.0) > 0.0, "subnormal results are not flushed");
        assert_eq!(ln_f32(0.0), f32::NEG_INFINITY);
        assert_eq!(ln_f32(f32::INFINITY), f32::INFINITY);
        assert_eq!(log1p_f32(f32::INFINITY), f32::INFINITY);
        assert_eq!(log1p_f32(-1.0), f32::NEG_INFINITY);
        assert_eq!(expm1_f32(f32::NEG_INFINITY), -1.0);
        assert_eq!(tanh_f32(f32::INFINITY), 1.0);
        assert_eq!(erf_f32(f32::NEG_INFINITY), -1.0);
        for f in [exp_f32, ln_f32, log1p_f32, expm1_f32, sin_f32, cos_f32, tanh_f32, erf_f32] {
            assert!(f(f32::NAN).is_nan());
        }
        for f in [ln_f32 as fn(f32) -> f32, f32::log1p] {
            assert!(f(-2.0).is_nan());
        }
        assert!(sin_f32(f32::INFINITY).is_nan() && f32::softplus(f32::NAN).is_nan());
    }
}
