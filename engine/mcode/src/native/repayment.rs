//! Whether compiling pays: what a program took so far while it was interpreted, against what its machine code costs.
//!
//! Nobody knows how long a program goes on. Who waits until interpreting took a part of what compiling takes, and until
//! what is still to come is expected to save more than that, never loses much by either (the ski-rental rule; Karlin,
//! Manasse, McGeoch, Owicki 1994). It has no clock of its own: a run brings one. [`super::cache`] asks it.

use std::sync::atomic::{AtomicU64, Ordering};

use nexus_jit::Unit;
use nexus_tensor::Stopwatch;

use crate::ir::Instruction;

/// When loops and functions become native code.
#[derive(Clone, Copy)]
pub enum TierUp<'a> {
    /// As soon as they are hot: what a person wants who asks for the level.
    Hot,
    /// When they are hot, and compiling is expected to be repaid: by this run if it goes on as long as it already took,
    /// or by the first hundred runs of the program. The clock counts nanoseconds from any beginning.
    Repaid(&'a Stopwatch),
}

impl std::fmt::Debug for TierUp<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            TierUp::Hot => "Hot",
            TierUp::Repaid(_) => "Repaid",
        })
    }
}

/// Runs that a program is expected to have; beyond these only what a run itself takes counts.
const RUNS_EXPECTED: u64 = 100;
/// So many times what was interpreted so far is what compiling may cost, where later runs repay it.
const ADVANCE: u64 = 10;
/// Once interpreting took so many times what compiling costs, that is a twentieth of what was spent anyway.
const SPENT_ENOUGH: u64 = 20;
/// Of five parts of the time that is interpreted, native code is expected to save four.
const SAVED: (u64, u64) = (4, 5);

/// What compiling takes in nanoseconds: at all, and for each weight of a unit. On x86-64 loops of ten lines and recursions
/// that are written out in themselves take 7 to 11 µs a weight.
const COST_NS: u64 = 100_000;
const WEIGHT_NS: u64 = 9_000;
/// The same before anything was translated, which itself takes up to a quarter of a millisecond: for each instruction of
/// the machine, and where functions are called, which may be written out in place of the calls.
const INSTRUCTION_NS: u64 = 50_000;
const CALLS_NS: u64 = 6_000_000;

/// What compiling a unit is expected to take.
pub(super) fn cost_ns(unit: &Unit) -> u64 {
    let weight = u64::try_from(nexus_jit::weight(unit)).unwrap_or(u64::MAX);
    weight.saturating_mul(WEIGHT_NS).saturating_add(COST_NS)
}

/// The same of a function, or of the loop at `pc`, before it is translated.
pub(super) fn guess_ns(instructions: &[Instruction], pc: usize) -> u64 {
    let is_end =
        |instruction: &Instruction| matches!(instruction, Instruction::Loop { target } if usize::from(*target) == pc);
    let end = match pc {
        0 => instructions.len(),
        _ => instructions.iter().rposition(is_end).map_or(pc, |end| end + 1),
    };
    let code = instructions.get(pc..end).unwrap_or_default();
    let calls = code.iter().any(|instruction| matches!(instruction, Instruction::Call { .. }));
    COST_NS + code.len() as u64 * INSTRUCTION_NS + if calls { CALLS_NS } else { 0 }
}

/// What the runs of a program took in this process, whatever they ran under.
#[derive(Debug, Default)]
pub(crate) struct Account {
    runs: AtomicU64,
    /// Those in which no native code ran.
    interpreted: AtomicU64,
    /// Nanoseconds of these.
    spent_ns: AtomicU64,
}

/// Whether to compile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Now,
    /// It is expected to be repaid, but too little was interpreted to be sure.
    Later,
    /// What is still to come does not repay it, as far as can be seen.
    Never,
}

/// The view of one run.
#[derive(Clone, Copy)]
pub(crate) struct Repayment<'p> {
    account: &'p Account,
    clock: &'p Stopwatch,
    started_ns: u64,
}

impl<'p> Repayment<'p> {
    /// A run begins.
    pub(crate) fn begin(account: &'p Account, tier_up: TierUp<'p>) -> Option<Repayment<'p>> {
        match tier_up {
            TierUp::Hot => None,
            TierUp::Repaid(clock) => Some(Repayment { account, clock, started_ns: clock() }),
        }
    }

    /// What is known now of compiling something that takes `cost_ns`.
    pub(super) fn judge(&self, cost_ns: u64) -> Verdict {
        let account = self.account;
        let [runs, interpreted, spent_ns] =
            [&account.runs, &account.interpreted, &account.spent_ns].map(|count| count.load(Ordering::Relaxed));
        judge(cost_ns, self.taken_ns(), [runs, interpreted, spent_ns])
    }

    /// The run is over; whether native code ran in it.
    pub(crate) fn end(&self, is_native: bool) {
        self.account.runs.fetch_add(1, Ordering::Relaxed);
        if !is_native {
            self.account.interpreted.fetch_add(1, Ordering::Relaxed);
            self.account.spent_ns.fetch_add(self.taken_ns(), Ordering::Relaxed);
        }
    }

    fn taken_ns(&self) -> u64 {
        (self.clock)().saturating_sub(self.started_ns)
    }
}

/// The rule: `taken_ns` of this run so far; runs before it, those of them that were interpreted, and their nanoseconds.
fn judge(cost_ns: u64, taken_ns: u64, [runs, interpreted, before_ns]: [u64; 3]) -> Verdict {
    let spent_ns = before_ns.saturating_add(taken_ns);
    let mean_ns = spent_ns / (interpreted + 1);
    let ahead_ns = RUNS_EXPECTED.saturating_sub(runs).saturating_mul(mean_ns).max(taken_ns);
    let is_repaid = ahead_ns.saturating_mul(SAVED.0) / SAVED.1 >= cost_ns;
    match is_repaid {
        true if spent_ns.saturating_mul(ADVANCE) >= cost_ns => Verdict::Now,
        true => Verdict::Later,
        false if spent_ns / SPENT_ENOUGH >= cost_ns => Verdict::Now,
        false => Verdict::Never,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    /// Runs of `each_ns` without native code until compiling something of `cost_ns` is worth it.
    fn waits(each_ns: u64, cost_ns: u64, runs_max: u64) -> Option<u64> {
        (0..runs_max).find(|&runs| judge(cost_ns, each_ns, [runs, runs, runs * each_ns]) == Verdict::Now)
    }

    #[test]
    fn what_a_hundred_runs_do_not_repay_is_not_compiled_until_it_is_a_twentieth_of_what_was_spent() {
        // Seven microseconds a run, seven milliseconds for the code.
        assert_eq!(waits(7_000, 7 * MS, 10_000), None);
        assert_eq!(waits(7_000, 7 * MS, 100_000), Some(19_999));
        assert_eq!(judge(7 * MS, 7_000, [5, 5, 35_000]), Verdict::Never);
    }

    #[test]
    fn what_is_repaid_is_compiled_after_a_tenth_of_its_price() {
        assert_eq!(waits(690_000, 7 * MS, 100), Some(1));
        assert_eq!(judge(7 * MS, 100_000, [0, 0, 0]), Verdict::Later);
        // The first run of something long.
        assert_eq!(judge(7 * MS, MS, [0, 0, 0]), Verdict::Now);
    }

    #[test]
    fn a_run_that_became_long_after_a_hundred_short_ones_is_compiled_when_it_took_as_long_as_that() {
        assert_eq!(judge(4 * MS, MS, [500, 500, 5 * MS]), Verdict::Never);
        assert_eq!(judge(4 * MS, 5 * MS, [500, 500, 5 * MS]), Verdict::Now);
    }

    #[test]
    fn no_hundred_runs_take_a_twentieth_more_than_without_native_code_where_it_saves_what_is_expected() {
        for each_ns in [20_000, 50_000, 100_000, 300_000, 1_000_000, 5_000_000] {
            for cost_ns in [MS / 4, MS, 7 * MS, 30 * MS] {
                let waited = waits(each_ns, cost_ns, 100);
                let compiled =
                    waited.map_or(100 * each_ns, |runs| (runs + 1) * each_ns + cost_ns + (99 - runs) * each_ns / 5);
                assert!(compiled <= 105 * each_ns, "{each_ns} {cost_ns}: {compiled}");
            }
        }
    }
}
