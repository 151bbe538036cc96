//! Loops compiled for several instruction sets, of which the processor's widest is picked at run time.
//!
//! `pulp` knows the sets up to 256 bits on x86-64 and those of other processors. Loops that the compiler turns into vector
//! code are also compiled for 512 bits here, because `pulp`'s own switch for them would be everybody's: Burn and faer
//! stand on it.

use std::sync::LazyLock;

use pulp::{Arch, Simd, WithSimd};

static ARCH: LazyLock<Arch> = LazyLock::new(Arch::new);

/// A loop that [`vectorized`] compiles once for each instruction set.
pub(crate) trait Kernel: Sized {
    /// What the loop gives.
    type Output;

    /// The loop. Implementations are `#[inline(always)]`, so that they are compiled with the caller's instructions.
    fn run(self) -> Self::Output;

    /// The same with vectors of 512 bits and twice as many registers, for loops that are cut to fit the registers.
    #[inline(always)]
    fn run_wide(self) -> Self::Output {
        self.run()
    }
}

struct Vectorized<K>(K);

impl<K: Kernel> WithSimd for Vectorized<K> {
    type Output = K::Output;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> K::Output {
        self.0.run()
    }
}

/// Runs `kernel` with the widest instructions that this processor has.
#[inline]
pub(crate) fn vectorized<K: Kernel>(kernel: K) -> K::Output {
    match wide::run(kernel) {
        Ok(output) => output,
        Err(kernel) => ARCH.dispatch(Vectorized(kernel)),
    }
}

/// Runs what is written for vectors of any width with the widest that `pulp` has here.
#[inline]
pub(crate) fn with_vectors<K: WithSimd>(kernel: K) -> K::Output {
    ARCH.dispatch(kernel)
}

/// Vectors of 512 bits.
#[cfg(target_arch = "x86_64")]
mod wide {
    use std::sync::LazyLock;

    use super::Kernel;

    static IS_THERE: LazyLock<bool> = LazyLock::new(|| {
        is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512cd")
            && is_x86_feature_detected!("avx512dq")
            && is_x86_feature_detected!("avx512vl")
            && is_x86_feature_detected!("avx2")
            && is_x86_feature_detected!("fma")
            && is_x86_feature_detected!("f16c")
            && is_x86_feature_detected!("bmi1")
            && is_x86_feature_detected!("bmi2")
            && is_x86_feature_detected!("lzcnt")
            && is_x86_feature_detected!("popcnt")
    });

    #[target_feature(enable = "avx512f,avx512bw,avx512cd,avx512dq,avx512vl,avx2,fma,f16c,bmi1,bmi2,lzcnt,popcnt")]
    fn compiled<K: Kernel>(kernel: K) -> K::Output {
        kernel.run_wide()
    }

    /// What the kernel gives, or the kernel where the processor has no such vectors.
    #[inline]
    #[expect(unsafe_code, reason = "instructions that are called only where the processor says that it has them")]
    pub(super) fn run<K: Kernel>(kernel: K) -> Result<K::Output, K> {
        if *IS_THERE {
            // SAFETY: every instruction set that `compiled` is compiled for was found on this processor.
            Ok(unsafe { compiled(kernel) })
        } else {
            Err(kernel)
        }
    }
}

/// Other processors have none.
#[cfg(not(target_arch = "x86_64"))]
mod wide {
    use super::Kernel;

    pub(super) fn run<K: Kernel>(kernel: K) -> Result<K::Output, K> {
        Err(kernel)
    }
}
