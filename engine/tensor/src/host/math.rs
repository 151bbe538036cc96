//! The floats that kernels compute in, and their elementwise functions.
//!
//! [`single`] and [`double`] hold the functions that are written as arithmetic, which the compiler turns into vector code
//! in a loop. The rest call the C library, one element at a time.

mod double;
mod single;

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
    /// `self * factor + addend`, rounded once.
    fn mul_add(self, factor: Self, addend: Self) -> Self;

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

/// The loop of a function that holds below `limit`, from where on the C library's is taken.
#[inline(always)]
fn below<W: Real>(source: &[u8], out: &mut [u8], limit: W, function: impl Fn(W) -> W, library: fn(W) -> W) {
    map::<W, W>(source, out, function);
    replace_above(bytemuck::cast_slice(source), bytemuck::cast_slice_mut(out), limit, library);
}

/// Computes again what is not below `limit`, which is rare.
fn replace_above<W: Real>(source: &[W], out: &mut [W], limit: W, library: fn(W) -> W) {
    for (values, slots) in source.chunks(64).zip(out.chunks_mut(64)) {
        let above = |x: W| x >= limit || -x >= limit;
        if values.iter().fold(false, |any, &x| any | above(x)) {
            let pairs = slots.iter_mut().zip(values).filter(|(_, x)| above(**x));
            pairs.for_each(|(slot, &x)| *slot = library(x));
        }
    }
}

/// A float: its arithmetic, the functions of `$own`, and the loops that differ between the two.
macro_rules! real {
    ($ty:ident, $own:ident, $erf:path, {$($erf_op:ident => $erf_loop:expr,)*}) => {
        impl Real for $ty {
            const ZERO: $ty = 0.0;
            const ONE: $ty = 1.0;
            const HALF: $ty = 0.5;
            const INFINITY: $ty = $ty::INFINITY;
            const NEG_INFINITY: $ty = $ty::NEG_INFINITY;

            real! { @calls
                abs(self) = $ty::abs; floor(self) = $ty::floor; ceil(self) = $ty::ceil;
                round(self) = $ty::round_ties_even; sqrt(self) = $ty::sqrt; exp(self) = $own::exp; ln(self) = $own::ln;
                log1p(self) = $own::log1p; erf(self) = $erf; copysign(self, sign: $ty) = $ty::copysign;
                atan2(self, x: $ty) = $ty::atan2; pow(self, exponent: $ty) = $ty::powf;
            }

            #[inline(always)]
            fn is_nan(self) -> bool {
                $ty::is_nan(self)
            }
            #[inline(always)]
            fn fmod(self, divisor: $ty) -> $ty {
                self % divisor
            }
            #[inline(always)]
            fn mul_add(self, factor: $ty, addend: $ty) -> $ty {
                $ty::mul_add(self, factor, addend)
            }

            fn function(op: UnaryOp) -> Map {
                match op {
                    $(UnaryOp::$erf_op => $erf_loop,)*
                    UnaryOp::Expm1 => |s, o| map(s, o, $own::expm1),
                    UnaryOp::Log => |s, o| map(s, o, $own::ln),
                    UnaryOp::Log1p => |s, o| map(s, o, $own::log1p),
                    UnaryOp::Sin => |s, o| below(s, o, $own::ANGLE_MAX, $own::sin, $ty::sin),
                    UnaryOp::Cos => |s, o| below(s, o, $own::ANGLE_MAX, $own::cos, $ty::cos),
                    UnaryOp::Tan => |s, o| below(s, o, double::ANGLE_MAX as $ty, $own::tan, $ty::tan),
                    UnaryOp::Asin => |s, o| map_each::<$ty>(s, o, $ty::asin),
                    UnaryOp::Acos => |s, o| map_each::<$ty>(s, o, $ty::acos),
                    UnaryOp::Atan => |s, o| map_each::<$ty>(s, o, $ty::atan),
                    UnaryOp::Sinh => |s, o| map(s, o, $own::sinh),
                    UnaryOp::Cosh => |s, o| map(s, o, $own::cosh),
                    UnaryOp::Tanh => |s, o| map(s, o, $own::tanh),
                    UnaryOp::Silu => |s, o| map(s, o, $ty::silu),
                    UnaryOp::Sigmoid => |s, o| map(s, o, $ty::sigmoid),
                    UnaryOp::Softplus => |s, o| map(s, o, $ty::softplus),
                    _ => |s, o| map(s, o, $own::exp),
                }
            }
        }
    };
    (@calls $($name:ident($self:ident $(, $arg:ident: $ty:ty)?) = $call:path;)*) => {$(
        #[inline(always)]
        fn $name($self $(, $arg: $ty)?) -> Self { $call($self $(, $arg)?) }
    )*};
}

real!(f32, single, single::erf, {
    Erf => |s, o| map(s, o, single::erf),
    Gelu => |s, o| map(s, o, f32::gelu),
    Log2 => |s, o| map(s, o, single::log2),
    Log10 => |s, o| map(s, o, single::log10),
});
// The error function in f64 has four pieces; the library's branches are cheaper than all four for each element. Its
// logarithms of whole powers of the base are whole.
real!(f64, double, libm::erf, {
    Erf => |s, o| map_each::<f64>(s, o, libm::erf),
    Gelu => |s, o| map_each::<f64>(s, o, f64::gelu),
    Log2 => |s, o| map_each::<f64>(s, o, f64::log2),
    Log10 => |s, o| map_each::<f64>(s, o, f64::log10),
});
