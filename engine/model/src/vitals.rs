//! How a machine is: what of it is in use, and whether its rules let it take tasks.

/// Most rules of a node, and so most reasons in one report.
pub const RULES_MAX: usize = 32;
/// Most bytes of a reason.
pub const REASON_BYTES_MAX: usize = 160;

/// What a node reports of itself with each sign of life. Percentages are of the whole machine.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Vitals {
    /// Time in which cores were busy since the last report, in thousandths of all cores' time. `None` where it is not known.
    pub cpu_permille: Option<u32>,
    /// Bytes of memory in use that could not be had without swapping; 0 where that is not known.
    pub memory_used_bytes: u64,
    /// Bytes of memory in all; 0 where that is not known.
    pub memory_bytes: u64,
    /// How its graphics processors are used, where it has some.
    pub gpu: Option<GpuUse>,
    /// Why the node takes no new tasks now, a sentence without a point for each rule; empty where it takes some.
    pub held_by: Vec<String>,
    /// What its rules want to be known.
    pub warnings: Vec<String>,
}

/// How the graphics processors of a machine are used, all of them together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct GpuUse {
    /// Time in which they were busy, by whatever, in thousandths of their time. `None` where the machine does not say.
    pub busy_permille: Option<u32>,
    /// What of them the tasks have that asked for a part and run now, in thousandths of one.
    pub given_milli: u32,
}
