//! Vectors of the machine's width, for f32 and f64 alike: what `stages` computes with.
//!
//! Loops over arrays would be left to the compiler, which makes half vectors of these.

use pulp::Simd;

use super::super::math::Real;

/// A dtype with vectors.
pub(crate) trait Wide: Real {
    /// As many numbers as an instruction takes.
    type Vector<S: Simd>: Copy;

    /// The whole vectors of a slice.
    fn vectors<S: Simd>(from: &[Self]) -> &[Self::Vector<S>];
    /// The whole vectors of a slice, to write to.
    fn vectors_mut<S: Simd>(from: &mut [Self]) -> &mut [Self::Vector<S>];
    fn splat<S: Simd>(simd: S, x: Self) -> Self::Vector<S>;
    fn sum<S: Simd>(simd: S, a: Self::Vector<S>, b: Self::Vector<S>) -> Self::Vector<S>;
    fn difference<S: Simd>(simd: S, a: Self::Vector<S>, b: Self::Vector<S>) -> Self::Vector<S>;
    fn product<S: Simd>(simd: S, a: Self::Vector<S>, b: Self::Vector<S>) -> Self::Vector<S>;
    fn negated<S: Simd>(simd: S, a: Self::Vector<S>) -> Self::Vector<S>;
    /// `a * b + c`, rounded once or twice.
    fn fused<S: Simd>(simd: S, a: Self::Vector<S>, b: Self::Vector<S>, c: Self::Vector<S>) -> Self::Vector<S>;
}

macro_rules! wide {
    ($t:ty, $vector:ident, $read:ident, $write:ident, $splat:ident, $add:ident, $sub:ident, $mul:ident, $neg:ident, $mul_add:ident) => {
        impl Wide for $t {
            type Vector<S: Simd> = S::$vector;

            #[inline(always)]
            fn vectors<S: Simd>(from: &[Self]) -> &[S::$vector] {
                S::$read(from).0
            }
            #[inline(always)]
            fn vectors_mut<S: Simd>(from: &mut [Self]) -> &mut [S::$vector] {
                S::$write(from).0
            }
            #[inline(always)]
            fn splat<S: Simd>(simd: S, x: Self) -> S::$vector {
                simd.$splat(x)
            }
            #[inline(always)]
            fn sum<S: Simd>(simd: S, a: S::$vector, b: S::$vector) -> S::$vector {
                simd.$add(a, b)
            }
            #[inline(always)]
            fn difference<S: Simd>(simd: S, a: S::$vector, b: S::$vector) -> S::$vector {
                simd.$sub(a, b)
            }
            #[inline(always)]
            fn product<S: Simd>(simd: S, a: S::$vector, b: S::$vector) -> S::$vector {
                simd.$mul(a, b)
            }
            #[inline(always)]
            fn negated<S: Simd>(simd: S, a: S::$vector) -> S::$vector {
                simd.$neg(a)
            }
            #[inline(always)]
            fn fused<S: Simd>(simd: S, a: S::$vector, b: S::$vector, c: S::$vector) -> S::$vector {
                simd.$mul_add(a, b, c)
            }
        }
    };
}

wide!(f32, f32s, as_simd_f32s, as_mut_simd_f32s, splat_f32s, add_f32s, sub_f32s, mul_f32s, neg_f32s, mul_add_e_f32s);
wide!(f64, f64s, as_simd_f64s, as_mut_simd_f64s, splat_f64s, add_f64s, sub_f64s, mul_f64s, neg_f64s, mul_add_e_f64s);
