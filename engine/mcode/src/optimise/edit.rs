//! Changes of a function's code: instructions are replaced, removed, or put before others, and every jump still leads to
//! where it led.

use std::collections::BTreeMap;

use super::registers::named;
use crate::ir::{CODE_MAX, FunctionCode, Instruction, REGISTERS_MAX, Register, Target};
use crate::source::ByteSpan;

/// An instruction of a replacement.
#[derive(Debug, Clone, Copy)]
pub(super) struct Step {
    pub(super) instruction: Instruction,
    pub(super) span: ByteSpan,
    /// Its jump goes over as many steps of the same replacement; without that, or the next, it leads to an instruction of
    /// the old code.
    pub(super) skip: Option<usize>,
    /// Its jump goes back to as many steps before the next one.
    pub(super) back: Option<usize>,
}

impl Step {
    pub(super) fn new(instruction: Instruction, span: ByteSpan) -> Step {
        Step { instruction, span, skip: None, back: None }
    }
}

/// Changes that are made together. Places are those of the old code.
#[derive(Debug, Default)]
pub(super) struct Edits {
    replaced: BTreeMap<usize, Vec<Step>>,
    before: BTreeMap<usize, Vec<Step>>,
}

impl Edits {
    pub(super) fn is_empty(&self) -> bool {
        self.replaced.is_empty() && self.before.is_empty()
    }

    pub(super) fn is_replaced(&self, at: usize) -> bool {
        self.replaced.contains_key(&at)
    }

    pub(super) fn remove(&mut self, at: usize) {
        self.replaced.insert(at, Vec::new());
    }

    pub(super) fn replace(&mut self, at: usize, steps: Vec<Step>) {
        self.replaced.insert(at, steps);
    }

    /// Puts steps before an instruction: whoever comes to it runs them, but not who jumps back to it as the head of a
    /// loop.
    pub(super) fn put_before(&mut self, at: usize, steps: impl IntoIterator<Item = Step>) {
        self.before.entry(at).or_default().extend(steps);
    }

    /// Makes the changes; `None` where the function would become too large.
    pub(super) fn apply(&self, code: &FunctionCode) -> Option<FunctionCode> {
        let count = code.instructions.len();
        let mut out: Vec<(Step, usize)> = Vec::with_capacity(count);
        let (mut entries, mut heads) = (Vec::with_capacity(count + 1), Vec::with_capacity(count + 1));
        for at in 0..count {
            entries.push(out.len());
            out.extend(self.before.get(&at).into_iter().flatten().map(|&step| (step, at)));
            heads.push(out.len());
            match self.replaced.get(&at) {
                Some(steps) => out.extend(steps.iter().map(|&step| (step, at))),
                None => out.push((Step::new(code.instructions[at], code.spans[at]), at)),
            }
        }
        entries.push(out.len());
        heads.push(out.len());
        if out.len() > CODE_MAX {
            return None;
        }
        let mut edited = FunctionCode { instructions: Vec::new(), spans: Vec::new(), ..code.clone() };
        for (now, (mut step, at)) in out.into_iter().enumerate() {
            let back = matches!(step.instruction, Instruction::Loop { .. });
            if let Some(target) = step.instruction.target_mut() {
                let old = usize::from(*target);
                let new = match (step.skip, step.back) {
                    (Some(over), _) => now + 1 + over,
                    (None, Some(back)) => (now + 1).checked_sub(back)?,
                    (None, None) if back && old <= at => heads[old],
                    (None, None) => entries[old],
                };
                *target = Target::try_from(new).ok()?;
            }
            edited.instructions.push(step.instruction);
            edited.spans.push(step.span);
        }
        Some(edited)
    }
}

/// The first of the registers that a pass asks for; they get their places when it is through.
pub(super) const NEW: Register = 60_000;

/// Gives the registers from [`NEW`] their places below the temporaries; `None` where the function has too many already.
pub(super) fn add_variables(code: &mut FunctionCode, count: usize) -> Option<()> {
    if usize::from(code.registers) + count > REGISTERS_MAX {
        return None;
    }
    let (first, count) = (code.first_temporary, count as Register);
    let moved = |register: &mut Register| {
        if *register >= NEW {
            *register = first + (*register - NEW);
        } else if *register >= first {
            *register += count;
        }
    };
    for instruction in &mut code.instructions {
        named(instruction).into_iter().flatten().for_each(moved);
    }
    code.first_temporary += count;
    code.registers += count;
    Some(())
}
