//! Loops compiled for several instruction sets, of which the processor's widest is picked at run time.
//!
//! `pulp` knows the sets up to 256 bits on x86-64 and those of other processors. Loops that the compiler turns into vector
//! code are also compiled for 512 bits here, because `pulp`'s own switch for them would be everybody's: Burn and faer
//! stand on it.

use std::sync::LazyLock;

use pulp::{Arch, Simd, WithSimd};

/// How wide the vectors of loops may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Width {
    /// As on every processor of this kind.
    Baseline,
    /// The widest that `pulp` knows here: 256 bits on x86-64, NEON's 128 on ARM.
    Usual,
    /// 512 bits, where the processor has them.
    Wide,
}

/// The widest vectors that loops run in: what the processor has, or as many bits as the variable `NEXUS_VECTORS` says
/// (512, 256, 128). Results do not depend on it.
pub(crate) fn widest() -> Width {
    static WIDEST: LazyLock<Width> = LazyLock::new(|| {
        let asked = std::env::var("NEXUS_VECTORS").ok();
        let most = match asked.as_deref() {
            Some("128") => Width::Baseline,
            Some("256") => Width::Usual,
            _ => Width::Wide,
        };
        if wide::is_there() { most } else { most.min(Width::Usual) }
    });
    #[cfg(test)]
    if let Some(width) = tests::narrowed() {
        return width.min(*WIDEST);
    }
    *WIDEST
}

/// What `pulp` is given to choose from.
fn arch(width: Width) -> Arch {
    static ARCH: LazyLock<Arch> = LazyLock::new(Arch::new);
    if width == Width::Baseline { Arch::Scalar } else { *ARCH }
}

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
    match widest() {
        Width::Wide => wide::run(kernel),
        width => arch(width).dispatch(Vectorized(kernel)),
    }
}

/// Runs what is written for vectors of any width with the widest that `pulp` has here.
#[inline]
pub(crate) fn with_vectors<K: WithSimd>(kernel: K) -> K::Output {
    arch(widest()).dispatch(kernel)
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

    /// Whether the processor has them.
    pub(super) fn is_there() -> bool {
        *IS_THERE
    }

    /// What the kernel gives, in narrower vectors where the processor has no such ones.
    #[inline]
    #[expect(unsafe_code, reason = "instructions that are called only where the processor says that it has them")]
    pub(super) fn run<K: Kernel>(kernel: K) -> K::Output {
        if *IS_THERE {
            // SAFETY: every instruction set that `compiled` is compiled for was found on this processor.
            unsafe { compiled(kernel) }
        } else {
            kernel.run()
        }
    }
}

/// Other processors have none.
#[cfg(not(target_arch = "x86_64"))]
mod wide {
    use super::Kernel;

    pub(super) const fn is_there() -> bool {
        false
    }

    pub(super) fn run<K: Kernel>(kernel: K) -> K::Output {
        kernel.run()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::cell::Cell;

    use super::*;

    thread_local! {
        static NARROWED: Cell<Option<Width>> = const { Cell::new(None) };
    }

    pub(super) fn narrowed() -> Option<Width> {
        NARROWED.get()
    }

    /// What `work` gives on this thread in vectors of at most each width, the narrowest first.
    pub(crate) fn at_every_width<R>(work: impl Fn() -> R) -> [(Width, R); 3] {
        [Width::Baseline, Width::Usual, Width::Wide].map(|width| {
            NARROWED.set(Some(width));
            let result = work();
            NARROWED.set(None);
            (width, result)
        })
    }

    #[test]
    fn loops_are_narrowed_where_that_is_asked() {
        let widths = at_every_width(widest).map(|(_, found)| found);
        assert_eq!(widths[0], Width::Baseline);
        assert_eq!(widths[1], Width::Usual);
        assert_eq!(widths[2] == Width::Wide, wide::is_there() && std::env::var_os("NEXUS_VECTORS").is_none());
    }
}
