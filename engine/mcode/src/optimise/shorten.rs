//! Code for the machine in fewer steps: what an instruction costs is mostly that it is one.
//!
//! Scalar constants of loops stand in registers, and pairs of instructions that programs are full of are done in one step
//! where their operands are numbers: operations of arithmetic whose result the next one takes up, the sum of two products,
//! items of lists that are computed with, what becomes an item, the end of a loop and its head. A pair stays where it was, behind the
//! instruction that stands for it, and runs where the operands are something else: errors and their places are those of the
//! pair.
//!
//! It is the last pass, and only for code that is not compiled: native code has no steps.

use super::edit::{Edits, NEW, Step, add_variables};
use super::registers::named;
use crate::flow::{access, successors};
use crate::ir::{ChainOperator, FunctionCode, Image, Instruction, Operators, Register};
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
        let step = longest(code, &leaders, at);
        let (step, count) = step.map_or_else(|| (again(code, first), 1), |(step, count)| (Some(step), count));
        if let Some(step) = step {
            let span = code.spans[at];
            edits.replace(at, vec![Step::new(step, span), Step::new(first, span)]);
        }
        at += count;
    }
    if edits.is_empty() { None } else { edits.apply(code) }
}

/// The step that stands for the most instructions from a place on, and how many of them it leaves alone.
fn longest(code: &FunctionCode, leaders: &[bool], at: usize) -> Option<(Instruction, usize)> {
    // Nobody jumps into the middle of them.
    let count = (at + 1..code.instructions.len()).take_while(|&place| !leaders[place]).count() + 1;
    let together = code.instructions.get(at..at + count.min(4))?;
    let four = match *together {
        [a, b, c, d] => product_sum_chain(code, [a, b, c, d]).map(|step| (step, 4)),
        _ => None,
    };
    let three = || match *together {
        [a, b, c, ..] => {
            let step = product_sum(code, a, b, c).or_else(|| long_chain(code, [a, b, c]));
            let step = step.or_else(|| item_pair(code, [a, b, c])).or_else(|| chain_to_item(code, [a, b, c]));
            step.map(|step| (step, 3))
        }
        _ => None,
    };
    let two = || match *together {
        [a, b, ..] => {
            let step = chain(code, a, b).or_else(|| item_chain(code, a, b)).map(|step| (step, 2));
            // The loop behind it has its own step, for where this one does nothing.
            step.or_else(|| step_again(code, a, b).map(|step| (step, 1)))
        }
        _ => None,
    };
    four.or_else(three).or_else(two)
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

/// A sum or difference of two products, and what takes it up.
fn product_sum_chain(code: &FunctionCode, [a, b, c, d]: [Instruction; 4]) -> Option<Instruction> {
    let Instruction::ProductSum { subtract, registers: [_, w, x, y, z] } = product_sum(code, a, b, c)? else {
        return None;
    };
    let (_, between, ..) = arithmetic(c)?;
    let (taken_up, to, other) = taken_up(code, d, between)?;
    let products = [arithmetic(a)?.1, arithmetic(b)?.1];
    let [to, other] = [u8::try_from(to).ok()?, u8::try_from(other).ok().filter(|_| !products.contains(&other))?];
    let first = if subtract { ChainOperator::Subtract } else { ChainOperator::Add };
    let operators = Operators::new([first, taken_up, ChainOperator::Add]);
    Some(Instruction::ProductSumChain { operators, registers: [to, w, x, y, z, other] })
}

/// Three operations, each of which takes up what comes before.
fn long_chain(code: &FunctionCode, [a, b, c]: [Instruction; 3]) -> Option<Instruction> {
    let Instruction::Chain { first, second, a: x, b: y, c: z, .. } = chain(code, a, b)? else { return None };
    let (_, between, ..) = arithmetic(b)?;
    let (third, to, other) = taken_up(code, c, between)?;
    let [to, other] = [to, other].map(u8::try_from);
    let is_there = arithmetic(a)?.1 != taken_up_operand(c, between)?;
    let operators = Operators::new([first, second, third]);
    is_there.then_some(Instruction::LongChain { operators, registers: [to.ok()?, x, y, z, other.ok()?] })
}

/// The operand of an operation that is not `between`.
fn taken_up_operand(instruction: Instruction, between: Register) -> Option<Register> {
    let (_, _, a, b) = arithmetic(instruction)?;
    Some(if a == between { b } else { a })
}

/// Two operations whose result becomes an item of a list.
fn chain_to_item(code: &FunctionCode, [a, b, c]: [Instruction; 3]) -> Option<Instruction> {
    let Instruction::Chain { first, second, a: x, b: y, c: z, .. } = chain(code, a, b)? else { return None };
    let (inner, between) = (arithmetic(a)?.1, arithmetic(b)?.1);
    let Instruction::SetIndex { object, index, value } = c else { return None };
    let is_there = value == between && between >= code.first_temporary && ![object, index].contains(&between);
    let [object, index] = [object, index].map(|register| u8::try_from(register).ok().filter(|_| register != inner));
    let operators = Operators::new([first, second, ChainOperator::Add]);
    let registers = [object?, index?, x, y, z];
    is_there.then_some(Instruction::ChainToItem { operators, registers })
}

/// Items of two lists in temporaries, and an operation on them.
fn item_pair(code: &FunctionCode, [a, b, c]: [Instruction; 3]) -> Option<Instruction> {
    let Instruction::Index { to: between, object, index } = a else { return None };
    // The second item is what the operation takes, the first what it is done with.
    let Instruction::ItemChain { operator, to, object: other, index: other_index, .. } = item_chain(code, b, c)? else {
        return None;
    };
    let second = match b {
        Instruction::Index { to, .. } => to,
        _ => return None,
    };
    let reads_first = taken_up_operand(c, second)? == between;
    let is_plain = between >= code.first_temporary && object < code.first_temporary;
    if !reads_first || !is_plain || [usize::from(other), usize::from(other_index)].contains(&usize::from(between)) {
        return None;
    }
    // As seen from the first: `a - b` takes the second from it.
    let operator = match operator {
        ChainOperator::Subtract => ChainOperator::SubtractFrom,
        ChainOperator::SubtractFrom => ChainOperator::Subtract,
        same => same,
    };
    let [object, index] = [u8::try_from(object).ok()?, u8::try_from(index).ok()?];
    Some(Instruction::ItemPair { operator, registers: [to, object, index, other, other_index] })
}

/// A variable that is moved on at the end of a loop, and the head of the loop, which compares it.
fn step_again(code: &FunctionCode, first: Instruction, second: Instruction) -> Option<Instruction> {
    let Instruction::AddInt { to, a: moved, value: step } = first else { return None };
    let step = i8::try_from(step).ok().filter(|_| to == moved)?;
    match again(code, second)? {
        Instruction::AgainIf { operator, a, b, target } if u16::from(a) == moved && u16::from(b) != moved => {
            Some(Instruction::StepIf { operator, a, step, b, target })
        }
        Instruction::AgainIfInt { operator, a, value, target } if u16::from(a) == moved => {
            Some(Instruction::StepIfInt { operator, a, step, value, target })
        }
        _ => None,
    }
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
