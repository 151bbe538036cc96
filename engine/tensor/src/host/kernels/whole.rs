//! Elementwise loops over whole numbers, which wrap. Divisors of zero and negative exponents are refused before.

use super::{Map, Zip, map, zip, zip_each};
use crate::element::Element;
use crate::operator::{BinaryOp, UnaryOp};

/// What whole numbers of different widths have in common.
pub(super) trait Whole: Element + Eq {
    fn neg(self) -> Self;
    fn add(self, y: Self) -> Self;
    fn sub(self, y: Self) -> Self;
    fn mul(self, y: Self) -> Self;
    fn floor_divide(self, y: Self) -> Self;
    fn modulo(self, y: Self) -> Self;
    fn pow(self, exponent: Self) -> Self;

    fn is_negative(self) -> bool {
        self < Self::default()
    }
}

macro_rules! whole {
    ($($ty:ty),*) => {$(
        impl Whole for $ty {
            #[inline(always)]
            fn neg(self) -> Self { self.wrapping_neg() }
            #[inline(always)]
            fn add(self, y: Self) -> Self { self.wrapping_add(y) }
            #[inline(always)]
            fn sub(self, y: Self) -> Self { self.wrapping_sub(y) }
            #[inline(always)]
            fn mul(self, y: Self) -> Self { self.wrapping_mul(y) }
            fn floor_divide(self, y: Self) -> Self {
                let quotient = self.wrapping_div(y);
                let inexact = self.wrapping_rem(y) != 0;
                if inexact && Whole::is_negative(self) != Whole::is_negative(y) { quotient.wrapping_sub(1) } else { quotient }
            }
            fn modulo(self, y: Self) -> Self {
                let rest = self.wrapping_rem(y);
                if rest != 0 && Whole::is_negative(rest) != Whole::is_negative(y) { rest.wrapping_add(y) } else { rest }
            }
            fn pow(self, exponent: Self) -> Self {
                let (mut base, mut exponent, mut value) = (self, exponent, 1 as $ty);
                while exponent > 0 {
                    if exponent & 1 == 1 {
                        value = value.wrapping_mul(base);
                    }
                    base = base.wrapping_mul(base);
                    exponent >>= 1;
                }
                value
            }
        }
    )*};
}

whole!(i64, i32, u8);

/// The loop of a function of one whole number; `None` for those that change nothing. Functions of real numbers never
/// come here, because they compute in a float dtype.
pub(super) fn unary<T: Whole>(op: UnaryOp) -> Option<Map> {
    Some(match op {
        UnaryOp::Neg => |s, o| map(s, o, T::neg),
        UnaryOp::Abs => |s, o| map(s, o, |x: T| if x < T::default() { x.neg() } else { x }),
        UnaryOp::Sign => |s, o| {
            map(s, o, |x: T| T::from_i64(i64::from(x > T::default()) - i64::from(x < T::default())));
        },
        UnaryOp::Relu => |s, o| map(s, o, |x: T| if x < T::default() { T::default() } else { x }),
        UnaryOp::Square => |s, o| map(s, o, |x: T| x.mul(x)),
        _ => return None,
    })
}

/// The loop of an operation on two whole numbers.
pub(super) fn binary<T: Whole>(op: BinaryOp) -> Zip {
    match op {
        BinaryOp::Sub => |x, y, o| zip(x, y, o, T::sub),
        BinaryOp::Mul => |x, y, o| zip(x, y, o, T::mul),
        BinaryOp::Maximum => |x, y, o| zip(x, y, o, |x: T, y: T| if x > y { x } else { y }),
        BinaryOp::Minimum => |x, y, o| zip(x, y, o, |x: T, y: T| if x < y { x } else { y }),
        BinaryOp::FloorDiv => |x, y, o| zip_each::<T>(x, y, o, T::floor_divide),
        BinaryOp::Rem => |x, y, o| zip_each::<T>(x, y, o, T::modulo),
        BinaryOp::Pow => |x, y, o| zip_each::<T>(x, y, o, T::pow),
        _ => |x, y, o| zip(x, y, o, T::add),
    }
}
