//! Elementwise loops over floats: f32, in which halves compute too, and f64.

use super::{Map, Zip, map, with_number, zip, zip_each};
use crate::element::Bit;
use crate::host::math::Real;
use crate::operator::{BinaryOp, UnaryOp};

/// The loop of a function of one float.
pub(super) fn unary<W: Real>(op: UnaryOp) -> Map {
    macro_rules! each {
        ($function:expr) => {
            |s, o| map(s, o, $function)
        };
    }
    match op {
        UnaryOp::Neg => each!(|x: W| -x),
        UnaryOp::Abs => each!(|x: W| x.abs()),
        UnaryOp::Sign => each!(sign::<W>),
        UnaryOp::Floor => each!(|x: W| x.floor()),
        UnaryOp::Ceil => each!(|x: W| x.ceil()),
        UnaryOp::Round => each!(|x: W| x.round()),
        UnaryOp::Sqrt => each!(|x: W| x.sqrt()),
        UnaryOp::Rsqrt => each!(|x: W| W::ONE / x.sqrt()),
        UnaryOp::Square => each!(|x: W| x * x),
        UnaryOp::Relu => each!(relu::<W>),
        _ => W::function(op),
    }
}

/// The loop of an operation on two floats.
pub(super) fn binary<W: Real>(op: BinaryOp) -> Zip {
    macro_rules! each {
        ($function:expr) => {
            |x, y, o| zip(x, y, o, $function)
        };
    }
    match op {
        BinaryOp::Sub => each!(|x: W, y: W| x - y),
        BinaryOp::Mul => each!(|x: W, y: W| x * y),
        BinaryOp::Div => each!(|x: W, y: W| x / y),
        BinaryOp::Maximum => each!(larger::<W>),
        BinaryOp::Minimum => each!(smaller::<W>),
        BinaryOp::FloorDiv => |x, y, o| zip_each::<W>(x, y, o, floor_divide),
        BinaryOp::Rem => |x, y, o| zip_each::<W>(x, y, o, modulo),
        BinaryOp::Pow => |x, y, o| zip_each::<W>(x, y, o, W::pow),
        BinaryOp::Atan2 => |x, y, o| zip_each::<W>(x, y, o, W::atan2),
        _ => each!(|x: W, y: W| x + y),
    }
}

/// The loop of an operation on a float and a number, for the operations that cost less than reading another operand.
pub(super) fn binary_number<W: Real>(op: BinaryOp) -> Option<Zip> {
    macro_rules! each {
        ($function:expr) => {
            |x, y, o| with_number(x, y, o, $function)
        };
    }
    Some(match op {
        BinaryOp::Add => each!(|x: W, y: W| x + y),
        BinaryOp::Sub => each!(|x: W, y: W| x - y),
        BinaryOp::Mul => each!(|x: W, y: W| x * y),
        BinaryOp::Div => each!(|x: W, y: W| x / y),
        BinaryOp::Maximum => each!(larger::<W>),
        BinaryOp::Minimum => each!(smaller::<W>),
        _ => return None,
    })
}

/// Zero for what is below it; NaN stays.
#[inline(always)]
pub(super) fn relu<W: Real>(x: W) -> W {
    if x < W::ZERO { W::ZERO } else { x }
}

/// The larger; NaN if either is.
#[inline(always)]
pub(super) fn larger<W: Real>(x: W, y: W) -> W {
    if x > y || x.is_nan() { x } else { y }
}

/// The smaller; NaN if either is.
#[inline(always)]
pub(super) fn smaller<W: Real>(x: W, y: W) -> W {
    if x < y || x.is_nan() { x } else { y }
}

/// The loop of a question to one float.
pub(super) fn test<W: Real>(op: UnaryOp) -> Option<Map> {
    Some(match op {
        UnaryOp::IsNan => |s, o| map(s, o, |x: W| Bit::new(x.is_nan())),
        _ => |s, o| map(s, o, |x: W| Bit::new(x.abs() < W::INFINITY)),
    })
}

/// The loop of [`half_root`].
pub(super) fn half_power<W: Real>(source: &[u8], out: &mut [u8]) {
    map(source, out, half_root::<W>);
}

/// The square root, but of -0 and -infinity what `pow(x, 0.5)` gives.
#[inline(always)]
pub(super) fn half_root<W: Real>(x: W) -> W {
    let x = x + W::ZERO;
    if x == -W::INFINITY { W::INFINITY } else { x.sqrt() }
}

/// -1, 0 or 1; NaN stays.
#[inline(always)]
pub(super) fn sign<W: Real>(x: W) -> W {
    if x > W::ZERO {
        W::ONE
    } else if x < W::ZERO {
        -W::ONE
    } else {
        x
    }
}

/// The remainder with the sign of the divisor, as Python and NumPy have it.
fn modulo<W: Real>(x: W, y: W) -> W {
    let rest = x.fmod(y);
    if rest == W::ZERO {
        W::ZERO.copysign(y)
    } else if (rest < W::ZERO) != (y < W::ZERO) {
        rest + y
    } else {
        rest
    }
}

/// The quotient rounded down, from the remainder, so that `x == (x // y) * y + x % y` as nearly as floats allow.
fn floor_divide<W: Real>(x: W, y: W) -> W {
    if y == W::ZERO {
        return x / y;
    }
    let rest = x.fmod(y);
    let mut quotient = (x - rest) / y;
    if rest != W::ZERO && (rest < W::ZERO) != (y < W::ZERO) {
        quotient = quotient - W::ONE;
    }
    if quotient == W::ZERO {
        return W::ZERO.copysign(x / y);
    }
    let floor = quotient.floor();
    if quotient - floor > W::HALF { floor + W::ONE } else { floor }
}
