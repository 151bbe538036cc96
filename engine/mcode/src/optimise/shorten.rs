//! Code for the machine in fewer steps: what an instruction costs is mostly that it is one.
//!
//! Scalar constants of loops stand in registers, and pairs of instructions that programs are full of are done in one step
//! where their operands are numbers: an operation of arithmetic whose result the next one takes up, the sum of two products,
//! an item of a list that is computed with, the end of a loop and its head. A pair stays where it was, behind the
//! instruction that stands for it, and runs where the operands are something else: errors and their places are those of the
//! pair.
//!
//! It is the last pass, and only for code that is not compiled: native code has no steps.

use super::edit::{Edits, NEW, Step, add_variables};
use super::registers::named;
use crate::flow::{access, successors};
use crate::ir::{ChainOperator, FunctionCode, Image, Instruction, Register};
use crate::vm::value::Value;

/// Constants that a function keeps in registers: each is put there by each call.
const CONSTANTS_MAX: usize = 24;

/// Shortens a function whose jumps are all known.
pub(super) fn shorten(image: &mut Image, id: usize) {
    if let Some(code) = with_constants(image, &image.functions[id]) {
        image.functions[id] = code;
    }
    if let Some(code) = with_chains(&image.functions[id]) {
        image.functions[id] = code;
    }
}

/// Whether somebody jumps to each instruction.
fn leaders(code: &FunctionCode) -> Vec<bool> {
    let mut leaders = vec![false; code.instructions.len()];
    for &instruction in &code.instructions {
        if let Some(target) = successors(instruction).0
            && let Some(leader) = leaders.get_mut(usize::from(target))
        {
            *leader = true;
        }
    }
    leaders
}

/// The function with the scalar constants of its loops in registers; `None` where it has none, or no room.
fn with_constants(image: &Image, code: &FunctionCode) -> Option<FunctionCode> {
    let leaders = leaders(code);
    let mut inside = vec![false; code.instructions.len()];
    for (at, instruction) in code.instructions.iter().enumerate() {
        if let Instruction::Loop { target } = instruction {
            inside.get_mut(usize::from(*target)..=at)?.fill(true);
        }
    }
    let (mut edits, mut kept): (Edits, Vec<(u64, u32)>) = Default::default();
    let mut renamed: Vec<(usize, Instruction)> = Vec::new();
    for at in (0..code.instructions.len()).filter(|&at| inside[at]) {
        let Instruction::Constant { to, index } = code.instructions[at] else { continue };
        let Some(Value::Scalar(value)) = image.constants.get(index as usize) else { continue };
        let Some(reader) = reader(image, code, &leaders, at, to) else { continue };
        let known = kept.iter().position(|(bits, _)| *bits == value.to_bits());
        if known.is_none() && kept.len() == CONSTANTS_MAX {
            continue;
        }
        let number = known.unwrap_or_else(|| {
            kept.push((value.to_bits(), index));
            kept.len() - 1
        });
        let already = renamed.iter().position(|(place, _)| *place == reader);
        let mut instruction = already.map_or(code.instructions[reader], |found| renamed[found].1);
        // The first register of an operation is where its result goes.
        let operands = named(&mut instruction).into_iter().flatten().skip(usize::from(has_result(code, reader)));
        operands.filter(|register| **register == to).for_each(|register| *register = NEW + number as Register);
        match already {
            Some(found) => renamed[found].1 = instruction,
            None => renamed.push((reader, instruction)),
        }
        edits.remove(at);
    }
    if kept.is_empty() {
        return None;
    }
    for (at, instruction) in renamed {
        edits.replace(at, vec![Step::new(instruction, code.spans[at])]);
    }
    let steps = kept.iter().enumerate().map(|(number, &(_, index))| {
        Step::new(Instruction::Constant { to: NEW + number as Register, index }, code.head)
    });
    edits.put_before(0, steps.collect::<Vec<_>>());
    let mut edited = edits.apply(code)?;
    add_variables(&mut edited, kept.len())?;
    Some(edited)
}

/// The operation that reads the temporary that is written at `at`, if it is in the same block and can take its operand
/// from anywhere.
fn reader(image: &Image, code: &FunctionCode, leaders: &[bool], at: usize, to: Register) -> Option<usize> {
    if to < code.first_temporary {
        return None;
    }
    let place = (at + 1..code.instructions.len()).take_while(|&place| !leaders[place]).find(|&place| {
        let access = access(image, code.instructions[place]);
        access.reads().any(|register| register == to) || access.writes().any(|register| register == to)
    })?;
    // A jump on the way leads to code that does not know the temporary.
    let reads = match code.instructions[place] {
        Instruction::Add { a, b, .. }
        | Instruction::Subtract { a, b, .. }
        | Instruction::Multiply { a, b, .. }
        | Instruction::Binary { a, b, .. }
        | Instruction::Compare { a, b, .. }
        | Instruction::JumpUnless { a, b, .. } => a == to || b == to,
        _ => false,
    };
    reads.then_some(place)
}

fn has_result(code: &FunctionCode, at: usize) -> bool {
    !matches!(code.instructions[at], Instruction::JumpUnless { .. })
}

/// The function with a step before each pair that it can stand for; `None` where there is none, or no room.
fn with_chains(code: &FunctionCode) -> Option<FunctionCode> {
    let (leaders, mut edits, mut at) = (leaders(code), Edits::default(), 0);
    while at < code.instructions.len() {
        let first = code.instructions[at];
        let next = code.instructions.get(at + 1).copied().filter(|_| !leaders[at + 1]);
        let third = code.instructions.get(at + 2).copied().filter(|_| !leaders[at + 2]);
        let three = next.zip(third).and_then(|(second, third)| product_sum(code, first, second, third));
        let pair = || next.and_then(|second| chain(code, first, second).or_else(|| item_chain(code, first, second)));
        let (step, count) = match three {
            Some(step) => (Some(step), 3),
            None => pair().map_or_else(|| (again(code, first), 1), |step| (Some(step), 2)),
        };
        if let Some(step) = step {
            let span = code.spans[at];
            edits.replace(at, vec![Step::new(step, span), Step::new(first, span)]);
        }
        at += count;
    }
    if edits.is_empty() { None } else { edits.apply(code) }
}

/// An operation of arithmetic with its result and operands.
fn arithmetic(instruction: Instruction) -> Option<(ChainOperator, Register, Register, Register)> {
    match instruction {
        Instruction::Add { to, a, b } => Some((ChainOperator::Add, to, a, b)),
        Instruction::Subtract { to, a, b } => Some((ChainOperator::Subtract, to, a, b)),
        Instruction::Multiply { to, a, b } => Some((ChainOperator::Multiply, to, a, b)),
        _ => None,
    }
}

/// The second operation of a pair as one on what comes before, which is in the temporary `between`, and another operand.
fn taken_up(
    code: &FunctionCode,
    second: Instruction,
    between: Register,
) -> Option<(ChainOperator, Register, Register)> {
    let (operator, to, a, b) = arithmetic(second)?;
    if between < code.first_temporary || (a == between) == (b == between) {
        return None;
    }
    let operator = match operator {
        ChainOperator::Subtract if b == between => ChainOperator::SubtractFrom,
        operator => operator,
    };
    Some((operator, to, if a == between { b } else { a }))
}

fn chain(code: &FunctionCode, first: Instruction, second: Instruction) -> Option<Instruction> {
    let (operator, between, a, b) = arithmetic(first)?;
    let (taken_up, to, c) = taken_up(code, second, between)?;
    let [to, a, b, c] = narrow([to, a, b, c])?;
    Some(Instruction::Chain { first: operator, second: taken_up, to, a, b, c })
}

fn item_chain(code: &FunctionCode, first: Instruction, second: Instruction) -> Option<Instruction> {
    let Instruction::Index { to: between, object, index } = first else { return None };
    let (operator, to, a) = taken_up(code, second, between)?;
    // A temporary is given back when it is read.
    if object >= code.first_temporary {
        return None;
    }
    let [to, a, object, index] = narrow([to, a, object, index])?;
    Some(Instruction::ItemChain { operator, to, a, object, index })
}

/// Two products in temporaries, and their sum or difference.
fn product_sum(
    code: &FunctionCode,
    first: Instruction,
    second: Instruction,
    third: Instruction,
) -> Option<Instruction> {
    let (ChainOperator::Multiply, left, a, b) = arithmetic(first)? else { return None };
    let (ChainOperator::Multiply, right, c, d) = arithmetic(second)? else { return None };
    let (operator, to, x, y) = arithmetic(third)?;
    let subtract = match operator {
        ChainOperator::Add => false,
        ChainOperator::Subtract => true,
        ChainOperator::SubtractFrom | ChainOperator::Multiply => return None,
    };
    // A product that is read as an operand of the other is not there in time.
    let apart = left != right && left.min(right) >= code.first_temporary && ![c, d].contains(&left);
    let [a, b, c, d] = match (x, y) {
        (x, y) if x == left && y == right => [a, b, c, d],
        (x, y) if x == right && y == left => [c, d, a, b],
        _ => return None,
    };
    let [to, a, b, c] = narrow([to, a, b, c])?;
    apart.then_some(Instruction::ProductSum { subtract, registers: [to, a, b, c, u8::try_from(d).ok()?] })
}

/// The end of a loop and its head, which is asked again.
fn again(code: &FunctionCode, instruction: Instruction) -> Option<Instruction> {
    let Instruction::Loop { target: head } = instruction else { return None };
    let target = head.checked_add(1)?;
    match *code.instructions.get(usize::from(head))? {
        Instruction::LoopNext { base, item, .. } => Some(Instruction::Again { base, item, target }),
        Instruction::JumpUnless { operator, a, b, .. } => {
            let (a, b) = (u8::try_from(a).ok()?, u8::try_from(b).ok()?);
            Some(Instruction::AgainIf { operator, a, b, target })
        }
        Instruction::JumpUnlessInt { operator, a, value, .. } => {
            Some(Instruction::AgainIfInt { operator, a: u8::try_from(a).ok()?, value, target })
        }
        _ => None,
    }
}

fn narrow(registers: [Register; 4]) -> Option<[u8; 4]> {
    let narrowed = registers.map(u8::try_from);
    let [Ok(a), Ok(b), Ok(c), Ok(d)] = narrowed else { return None };
    Some([a, b, c, d])
}
