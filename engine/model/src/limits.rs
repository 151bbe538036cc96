//! The limits of one run of a program, and which one stopped it.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// What a program may use. `None` means not metered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Wall-clock time of the run.
    pub wall: Option<Duration>,
    /// Bytes of values and tensors alive at once.
    pub memory_bytes: Option<u64>,
    /// Iterations of all loops together.
    pub loop_iterations: Option<u64>,
    /// Calls inside calls. Always metered, so that the real stack cannot overflow.
    pub recursion_depth: u32,
    /// Elements in one tensor.
    pub tensor_elements: Option<u64>,
    /// Bytes printed.
    pub output_bytes: Option<u64>,
}

/// The named levels of limits, from generous to strict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LimitLevel {
    /// 60 s, 1 GiB.
    Low,
    /// 30 s, 512 MiB: what a submission gets unless its role allows more.
    Medium,
    /// 10 s, 100 MiB.
    High,
    /// 5 s, 50 MiB.
    Maximum,
}

impl LimitLevel {
    /// Every level.
    pub const ALL: [LimitLevel; 4] = [LimitLevel::Low, LimitLevel::Medium, LimitLevel::High, LimitLevel::Maximum];

    /// The name that users write.
    pub const fn name(self) -> &'static str {
        match self {
            LimitLevel::Low => "low",
            LimitLevel::Medium => "medium",
            LimitLevel::High => "high",
            LimitLevel::Maximum => "maximum",
        }
    }
}

/// Bytes of output that any metered run may print.
const OUTPUT_BYTES: u64 = 16 << 20;
/// Nested calls on one's own machine: each takes a bounded piece of the interpreter's own heap, never of the real stack.
const RECURSION_DEPTH_LOCAL: u32 = 10_000;

impl Limits {
    /// On one's own machine: nothing is metered but recursion.
    pub const fn local() -> Self {
        Limits {
            wall: None,
            memory_bytes: None,
            loop_iterations: None,
            recursion_depth: RECURSION_DEPTH_LOCAL,
            tensor_elements: None,
            output_bytes: None,
        }
    }

    /// The table of the M-CODE specification.
    pub const fn level(level: LimitLevel) -> Self {
        let (seconds, mebibytes, loops, recursion, elements) = match level {
            LimitLevel::Low => (60, 1024, 10_000_000, 1000, 10_000_000_000),
            LimitLevel::Medium => (30, 512, 5_000_000, 500, 2_500_000_000),
            LimitLevel::High => (10, 100, 1_000_000, 100, 100_000_000),
            LimitLevel::Maximum => (5, 50, 100_000, 50, 1_000_000),
        };
        Limits {
            wall: Some(Duration::from_secs(seconds)),
            memory_bytes: Some(mebibytes << 20),
            loop_iterations: Some(loops),
            recursion_depth: recursion,
            tensor_elements: Some(elements),
            output_bytes: Some(OUTPUT_BYTES),
        }
    }
}

impl Limits {
    /// The stricter of the two in every respect: what a program gets that asks for `self` where `bound` is allowed.
    pub fn within(&self, bound: &Limits) -> Limits {
        fn stricter<T: Ord + Copy>(a: Option<T>, b: Option<T>) -> Option<T> {
            match (a, b) {
                (Some(a), Some(b)) => Some(a.min(b)),
                (one, None) | (None, one) => one,
            }
        }
        Limits {
            wall: stricter(self.wall, bound.wall),
            memory_bytes: stricter(self.memory_bytes, bound.memory_bytes),
            loop_iterations: stricter(self.loop_iterations, bound.loop_iterations),
            recursion_depth: self.recursion_depth.min(bound.recursion_depth),
            tensor_elements: stricter(self.tensor_elements, bound.tensor_elements),
            output_bytes: stricter(self.output_bytes, bound.output_bytes),
        }
    }
}

/// Which limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LimitKind {
    /// Wall-clock time, in milliseconds.
    Wall,
    /// Memory, in bytes.
    Memory,
    /// Loop iterations.
    LoopIterations,
    /// Nested calls.
    Recursion,
    /// Elements in one tensor.
    TensorElements,
    /// Printed bytes.
    Output,
}

/// A limit that was hit. The run stops; the same program under the same limit will hit it again.
#[derive(Debug, Clone, PartialEq, Eq, Error, Serialize, Deserialize)]
pub struct LimitHit {
    /// Which limit.
    pub kind: LimitKind,
    /// Its value, in the unit of the kind.
    pub limit: u64,
    /// What the program asked for in all, where that is known before it happens.
    pub wanted: Option<u64>,
}

impl std::fmt::Display for LimitHit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let LimitHit { kind, limit, wanted } = self;
        match kind {
            LimitKind::Wall => write!(f, "limit wall time {} s", *limit as f64 / 1000.0)?,
            LimitKind::Memory => write!(f, "limit memory {} MiB", limit >> 20)?,
            LimitKind::LoopIterations => write!(f, "limit loop iterations {limit}")?,
            LimitKind::Recursion => write!(f, "limit recursion depth {limit}")?,
            LimitKind::TensorElements => write!(f, "limit elements in one tensor {limit}")?,
            LimitKind::Output => write!(f, "limit output {} MiB", limit >> 20)?,
        }
        match (kind, wanted) {
            (_, None) => Ok(()),
            (LimitKind::Memory | LimitKind::Output, Some(bytes)) => {
                write!(f, ", {} MiB needed", bytes.div_ceil(1 << 20))
            }
            (_, Some(wanted)) => write!(f, ", {wanted} needed"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stricter_limit_holds_in_every_respect() {
        let medium = Limits::level(LimitLevel::Medium);
        assert_eq!(Limits::local().within(&medium), medium);
        assert_eq!(Limits::level(LimitLevel::Maximum).within(&medium), Limits::level(LimitLevel::Maximum));
        assert_eq!(Limits::local().within(&Limits::local()), Limits::local());
    }

    #[test]
    fn a_hit_names_the_limit_in_its_unit() {
        let hit = LimitHit { kind: LimitKind::Memory, limit: 512 << 20, wanted: Some(763 << 20) };
        assert_eq!(hit.to_string(), "limit memory 512 MiB, 763 MiB needed");
    }
}
