//! What a loop computes alike each time.
//!
//! The first iteration that comes to it computes it, the others take its result: nothing runs that would not have run,
//! in no other order, so that errors and loops without iterations are what they were. Only what is dear is worth the
//! question: operations on tensors, products, slices.

use super::edit::{Edits, NEW, Step, add_variables};
use super::pure::{is_dear, is_harmless, is_pure};
use super::registers::result_of;
use super::{OptimiserCounts, looked_at};
use crate::flow::{Flow, access, changes};
use crate::ir::{FunctionCode, Image, Instruction, Register};

/// A loop, and what it changes.
struct Loop {
    head: usize,
    end: usize,
    changed: Vec<bool>,
}

/// Keeps results that stay the same in variables of their own.
pub(super) fn hoist(image: &mut Image, id: usize, counts: &mut OptimiserCounts) {
    let Some((code, flow)) = looked_at(image, id) else { return };
    let loops = loops(image, code, &flow);
    let mut edits = Edits::default();
    let mut added = 0;
    let mut at = code.instructions.len();
    // From the back, so that the largest group around an operation is found before its parts.
    while at > 0 {
        at -= 1;
        if !is_dear(image, code.instructions[at]) {
            continue;
        }
        let around = loops.iter().filter(|l| l.head < at && at <= l.end);
        let Some((start, outer)) = around.filter_map(|l| Some((group(image, code, &flow, l, at)?, l))).next() else {
            continue;
        };
        let kept = NEW + added as Register;
        let Some(steps) = steps(code, start, at, kept) else { continue };
        edits.replace(start, steps);
        (start + 1..=at).for_each(|place| edits.remove(place));
        let span = code.spans[outer.head];
        edits.put_before(outer.head, [Step::new(Instruction::Clear { to: kept }, span)]);
        added += 1;
        at = start;
    }
    if added == 0 {
        return;
    }
    let Some(mut edited) = edits.apply(code) else { return };
    if add_variables(&mut edited, added).is_some() {
        image.functions[id] = edited;
        counts.hoisted += added as u64;
    }
}

/// The loops of a function, outer ones first.
fn loops(image: &Image, code: &FunctionCode, flow: &Flow) -> Vec<Loop> {
    let ends = (0..code.instructions.len()).filter_map(|head| Some((head, usize::from(flow.loop_end(head as u16)?))));
    let mut loops: Vec<Loop> = ends
        .filter(|(head, end)| end > head)
        .map(|(head, end)| {
            let mut changed = vec![false; usize::from(code.registers)];
            for &instruction in &code.instructions[head..=end] {
                let (registers, from) = changes(image, instruction);
                registers.into_iter().for_each(|r| changed[usize::from(r)] = true);
                if let Some(from) = from {
                    changed[usize::from(from)..].fill(true);
                }
            }
            Loop { head, end, changed }
        })
        .collect();
    loops.sort_by_key(|l| std::cmp::Reverse(l.end - l.head));
    loops
}

/// The first instruction of those, up to `at`, that compute its result from what the loop does not change; `None` where
/// there are others between them, or the loop changes something that they read.
fn group(image: &Image, code: &FunctionCode, flow: &Flow, around: &Loop, at: usize) -> Option<usize> {
    let temporary = |register: Register| register >= code.first_temporary;
    let mut wanted: Vec<Register> = Vec::new();
    let want = |wanted: &mut Vec<Register>, instruction: Instruction| -> Option<()> {
        for register in access(image, instruction).reads() {
            if temporary(register) {
                if !wanted.contains(&register) {
                    wanted.push(register);
                }
            } else if around.changed[usize::from(register)] {
                return None;
            }
        }
        Some(())
    };
    want(&mut wanted, code.instructions[at])?;
    let mut start = at;
    while !wanted.is_empty() {
        if flow.leaders[start] || start <= around.head + 1 {
            return None;
        }
        start -= 1;
        let mut instruction = code.instructions[start];
        if !is_pure(image, instruction) && !is_harmless(instruction) {
            return None;
        }
        let to = match instruction {
            Instruction::Clear { to } => to,
            _ => *result_of(&mut instruction)?,
        };
        let place = wanted.iter().position(|register| *register == to)?;
        wanted.swap_remove(place);
        want(&mut wanted, instruction)?;
    }
    Some(start)
}

/// Skips the group where its result is kept, and takes it from there.
fn steps(code: &FunctionCode, start: usize, at: usize, kept: Register) -> Option<Vec<Step>> {
    let span = code.spans[at];
    let there = Instruction::JumpIfSet { register: kept, target: 0 };
    let mut steps = vec![Step { instruction: there, span, skip: Some(at + 1 - start), back: None }];
    for place in start..=at {
        steps.push(Step::new(code.instructions[place], code.spans[place]));
    }
    let last = steps.last_mut()?;
    let to = std::mem::replace(result_of(&mut last.instruction)?, kept);
    steps.push(Step::new(Instruction::Copy { to, from: kept }, span));
    Some(steps)
}
