//! Short loops over a known number of items, written out.
//!
//! The variable of the loop becomes a constant in each copy of the body, which later passes and native code make use of.
//! Each copy counts its iteration as the loop did.

use super::edit::{Edits, Step};
use super::{OptimiserCounts, looked_at};
use crate::flow::{Flow, successors};
use crate::ir::{FunctionCode, Image, Instruction, Register};
use crate::vm::value::Range;

/// Iterations of a loop that is written out.
const ITERATIONS_MAX: u64 = 8;
/// Instructions that a loop may become.
const LOOP_MAX: usize = 96;
/// Instructions that a function may become.
const FUNCTION_MAX: usize = 1_200;

/// A loop that can be written out.
struct Short {
    /// The instruction that asks for the next item.
    head: usize,
    /// The one that jumps back.
    end: usize,
    item: Register,
    range: Range,
}

/// Writes out the outermost short loops that fit; whether there were any.
pub(super) fn unroll(image: &mut Image, id: usize, counts: &mut OptimiserCounts) -> bool {
    let Some((code, flow)) = looked_at(image, id) else { return false };
    let mut edits = Edits::default();
    let (mut size, mut written_out, mut next) = (code.instructions.len(), 0, 0);
    for head in 0..code.instructions.len() {
        if head < next {
            continue;
        }
        let Some(short) = short(code, &flow, head) else { continue };
        let body = short.end - short.head;
        let becomes = usize::try_from(short.range.count).unwrap_or(usize::MAX).saturating_mul(body + 1);
        if becomes > LOOP_MAX || size + becomes > FUNCTION_MAX {
            continue;
        }
        size += becomes;
        next = short.end + 1;
        write_out(code, &short, &mut edits);
        written_out += 1;
    }
    if written_out == 0 {
        return false;
    }
    let Some(edited) = edits.apply(code) else { return false };
    image.functions[id] = edited;
    counts.unrolled += written_out;
    true
}

/// The loop whose head is here, if it is short and its body is left at its end or behind the loop alone.
fn short(code: &FunctionCode, flow: &Flow, head: usize) -> Option<Short> {
    let Instruction::LoopNext { base, item, target } = code.instructions[head] else { return None };
    let end = usize::from(flow.loop_end(head as u16)?);
    let Instruction::LoopRange { closed, base: state } = code.instructions[head.checked_sub(1)?] else { return None };
    if state != base || usize::from(target) != end + 1 {
        return None;
    }
    let ends = code.instructions.get(head.checked_sub(4)?..head - 1)?;
    let mut numbers = [0; 3];
    for (number, (&instruction, register)) in numbers.iter_mut().zip(ends.iter().zip(base..)) {
        match instruction {
            Instruction::Int { to, value } if to == register => *number = i64::from(value),
            _ => return None,
        }
    }
    // Nobody comes in from elsewhere between the numbers and the head.
    if flow.leaders[head - 3..head].contains(&true) {
        return None;
    }
    let range = Range::new(numbers[0], numbers[1], numbers[2], closed)?;
    let inside = |place: usize| (head + 1..end).contains(&place) || place == end + 1;
    for (at, &instruction) in code.instructions.iter().enumerate() {
        let Some(place) = successors(instruction).0.map(usize::from) else { continue };
        let within = (head + 1..end).contains(&at);
        let fine = if within { inside(place) } else { at == end || !(head..=end).contains(&place) };
        if !fine {
            return None;
        }
    }
    let counts = |i: &Instruction| matches!(i, Instruction::Defer { .. } | Instruction::FanOut { .. });
    if code.instructions[head + 1..end].iter().any(counts) || (range.count > ITERATIONS_MAX) {
        return None;
    }
    Some(Short { head, end, item, range })
}

/// The numbers, the range and the head go; the copies stand where the head was.
fn write_out(code: &FunctionCode, short: &Short, edits: &mut Edits) {
    let &Short { head, end, item, range } = short;
    let body = head + 1..end;
    // A copy is the item, the body and the count.
    let length = body.len() + 2;
    let total = length * range.count as usize;
    let mut steps: Vec<Step> = Vec::with_capacity(total);
    for number in range.iter() {
        let first = steps.len();
        // Numbers of the ends were ints of 32 bits, and so is everything between them.
        steps.push(Step::new(Instruction::Int { to: item, value: number as i32 }, code.spans[head]));
        for at in body.clone() {
            let mut step = Step::new(code.instructions[at], code.spans[at]);
            if let Some(target) = step.instruction.target_mut() {
                let place = usize::from(*target);
                let to = if place == end + 1 { total } else { first + 1 + (place - body.start) };
                step.skip = to.checked_sub(steps.len() + 1);
                step.back = (steps.len() + 1).checked_sub(to).filter(|_| step.skip.is_none());
            }
            steps.push(step);
        }
        steps.push(Step::new(Instruction::Count, code.spans[end]));
    }
    (head - 4..head).for_each(|at| edits.remove(at));
    edits.replace(head, steps);
    (head + 1..=end).for_each(|at| edits.remove(at));
}
