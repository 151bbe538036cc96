//! The Rust types behind the dtypes.

use bytemuck::{Pod, Zeroable};
use half::{bf16, f16};
use nexus_model::DType;

/// A truth value as it lies in memory: one byte, 0 or 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Pod, Zeroable)]
#[repr(transparent)]
pub(crate) struct Bit(pub(crate) u8);

impl Bit {
    #[inline(always)]
    pub(crate) fn new(value: bool) -> Bit {
        Bit(u8::from(value))
    }

    #[inline(always)]
    pub(crate) fn get(self) -> bool {
        self.0 != 0
    }
}

/// An element of a tensor.
pub(crate) trait Element: Pod + Send + Sync + Default + PartialOrd + std::fmt::Debug {
    /// Its dtype.
    const DTYPE: DType;
    /// The smallest element that is a number.
    const LOWEST: Self;
    /// The largest element that is a number.
    const HIGHEST: Self;

    /// The nearest element; whole numbers truncate and saturate, NaN becomes 0.
    fn from_f64(value: f64) -> Self;

    /// The nearest element; narrow whole numbers wrap, as casts between them do in NumPy.
    fn from_i64(value: i64) -> Self;

    /// Widened; whole numbers above 2^53 round.
    fn to_f64(self) -> f64;

    /// Truncated and saturated.
    fn to_i64(self) -> i64;
}

macro_rules! primitive_element {
    ($($ty:ty, $dtype:ident;)*) => {$(
        impl Element for $ty {
            const DTYPE: DType = DType::$dtype;
            const LOWEST: Self = <$ty>::MIN;
            const HIGHEST: Self = <$ty>::MAX;
            #[inline(always)]
            fn from_f64(value: f64) -> Self { value as $ty }
            #[inline(always)]
            fn from_i64(value: i64) -> Self { value as $ty }
            #[inline(always)]
            fn to_f64(self) -> f64 { self as f64 }
            #[inline(always)]
            fn to_i64(self) -> i64 { self as i64 }
        }
    )*};
}

primitive_element! { f64, F64; f32, F32; i64, I64; i32, I32; u8, U8; }

macro_rules! half_element {
    ($($ty:ty, $dtype:ident;)*) => {$(
        impl Element for $ty {
            const DTYPE: DType = DType::$dtype;
            const LOWEST: Self = <$ty>::MIN;
            const HIGHEST: Self = <$ty>::MAX;
            #[inline(always)]
            fn from_f64(value: f64) -> Self { <$ty>::from_f64(value) }
            #[inline(always)]
            fn from_i64(value: i64) -> Self { <$ty>::from_f64(value as f64) }
            #[inline(always)]
            fn to_f64(self) -> f64 { <$ty>::to_f64(self) }
            #[inline(always)]
            fn to_i64(self) -> i64 { <$ty>::to_f64(self) as i64 }
        }
    )*};
}

half_element! { f16, F16; bf16, BF16; }

impl Element for Bit {
    const DTYPE: DType = DType::Bool;
    const LOWEST: Self = Bit(0);
    const HIGHEST: Self = Bit(1);
    #[inline(always)]
    fn from_f64(value: f64) -> Self {
        Bit::new(value != 0.0)
    }
    #[inline(always)]
    fn from_i64(value: i64) -> Self {
        Bit::new(value != 0)
    }
    #[inline(always)]
    fn to_f64(self) -> f64 {
        f64::from(self.0)
    }
    #[inline(always)]
    fn to_i64(self) -> i64 {
        i64::from(self.0)
    }
}

/// Runs `$body` with `$T` standing for the Rust type of `$dtype`.
macro_rules! with_element {
    ($dtype:expr, $T:ident => $body:expr) => {
        match $dtype {
            nexus_model::DType::F64 => {
                type $T = f64;
                $body
            }
            nexus_model::DType::F32 => {
                type $T = f32;
                $body
            }
            nexus_model::DType::F16 => {
                type $T = half::f16;
                $body
            }
            nexus_model::DType::BF16 => {
                type $T = half::bf16;
                $body
            }
            nexus_model::DType::I64 => {
                type $T = i64;
                $body
            }
            nexus_model::DType::I32 => {
                type $T = i32;
                $body
            }
            nexus_model::DType::U8 => {
                type $T = u8;
                $body
            }
            nexus_model::DType::Bool => {
                type $T = $crate::element::Bit;
                $body
            }
        }
    };
}

/// Runs `$body` with `$T` standing for an unsigned whole number as wide as an element of `$dtype`: for moving elements
/// without looking at them.
macro_rules! with_width {
    ($dtype:expr, $T:ident => $body:expr) => {
        match $dtype.size() {
            8 => {
                type $T = u64;
                $body
            }
            4 => {
                type $T = u32;
                $body
            }
            2 => {
                type $T = u16;
                $body
            }
            _ => {
                type $T = u8;
                $body
            }
        }
    };
}

pub(crate) use {with_element, with_width};
