//! Chains of tensor operations that can run as one region of the tensor engine.
//!
//! Types are not known before the program runs, so a segment is a guess: at its start stands a `Fuse`, which evaluates
//! all of it where its operands are tensors then ([`crate::vm::fuse`]), and its instructions are still there where they
//! are not.

use nexus_tensor::ArgType;

use super::edit::{Edits, Step};
use super::pure::{elementwise, elementwise_builtin};
use super::{OptimiserCounts, looked_at};
use crate::ast::BinaryOperator;
use crate::flow::{Flow, access, changes};
use crate::ir::{FunctionCode, Image, Instruction, Register, Segment};

/// Operations on tensors that make a segment worth its guess.
const OPERATIONS_MIN: usize = 2;
/// Instructions of one segment.
const SEGMENT_MAX: usize = 400;

/// What an instruction is to a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    /// An operation of the region.
    Operation,
    /// A matrix product, on whose result the operations behind it work in place.
    Product,
    /// Values are put or moved.
    Move,
    /// The segment ends before it.
    Barrier,
}

fn role(image: &Image, instruction: Instruction, products: bool) -> Role {
    use Instruction as I;
    match instruction {
        I::Binary { operator: BinaryOperator::Product, .. } if products => Role::Product,
        I::Binary { operator: BinaryOperator::Product, .. } => Role::Barrier,
        I::Add { .. }
        | I::Subtract { .. }
        | I::Multiply { .. }
        | I::AddInt { .. }
        | I::Binary { .. }
        | I::Compare { .. }
        | I::Negate { .. }
        | I::Not { .. } => Role::Operation,
        I::CallOp { op, .. } if elementwise(image.ops[usize::from(op)]).is_some() => Role::Operation,
        I::CallBuiltin { builtin, count: 1, .. }
            if elementwise_builtin(crate::library::builtin(builtin).name).is_some() =>
        {
            Role::Operation
        }
        I::Copy { .. }
        | I::Take { .. }
        | I::Int { .. }
        | I::Constant { .. }
        | I::Bool { .. }
        | I::None { .. }
        | I::Clear { .. } => Role::Move,
        _ => Role::Barrier,
    }
}

/// The registers that hold what a segment has not worked out yet.
#[derive(Default)]
struct Open {
    registers: Vec<Register>,
}

impl Open {
    /// Whether the segment goes on with an instruction. A product of what is still to be worked out begins another one.
    fn takes(&mut self, image: &Image, instruction: Instruction, products: bool) -> bool {
        let access = access(image, instruction);
        let is_open = access.reads().any(|register| self.registers.contains(&register));
        let role = role(image, instruction, products);
        if role == Role::Barrier || role == Role::Product && is_open {
            return false;
        }
        let becomes_open = match role {
            Role::Operation => true,
            Role::Move => is_open,
            Role::Product | Role::Barrier => false,
        };
        for register in access.writes() {
            self.registers.retain(|own| *own != register);
            if becomes_open {
                self.registers.push(register);
            }
        }
        true
    }
}

/// Finds the segments of a function, and puts a `Fuse` before each.
pub(super) fn find(image: &mut Image, id: usize, products: bool, counts: &mut OptimiserCounts) {
    let Some((code, flow)) = looked_at(image, id) else { return };
    let mut found: Vec<Segment> = Vec::new();
    let mut start = 0;
    while start < code.instructions.len() {
        let mut end = start;
        let mut open = Open::default();
        while end < code.instructions.len()
            && end - start < SEGMENT_MAX
            && (end == start || !flow.leaders[end])
            && open.takes(image, code.instructions[end], products)
        {
            end += 1;
        }
        found.extend(segment(image, code, &flow, start..end, products));
        start = end.max(start + 1);
    }
    if found.is_empty() || found.len() > usize::from(u16::MAX) {
        return;
    }
    let mut edits = Edits::default();
    for (number, segment) in found.iter().enumerate() {
        let (at, target) = (segment.range.start, segment.range.end);
        let (span, first) = (code.spans[at], code.instructions[at]);
        let fuse = Instruction::Fuse { segment: number as u16, target: target.min(usize::from(u16::MAX)) as u16 };
        edits.replace(at, vec![Step::new(fuse, span), Step::new(first, span)]);
    }
    let Some(mut edited) = edits.apply(code) else { return };
    for (at, instruction) in edited.instructions.iter().enumerate() {
        if let Instruction::Fuse { segment, target } = *instruction {
            found[usize::from(segment)].range = at + 1..usize::from(target);
        }
    }
    counts.segments += found.len() as u64;
    edited.segments = found;
    image.functions[id] = edited;
}

/// The part of a run of instructions from its first operation to its last, if it can be worth it.
fn segment(
    image: &Image,
    code: &FunctionCode,
    flow: &Flow,
    run: std::ops::Range<usize>,
    products: bool,
) -> Option<Segment> {
    let works = |at: &usize| role(image, code.instructions[*at], products) != Role::Move;
    let operations = run.clone().filter(|at| role(image, code.instructions[*at], products) == Role::Operation).count();
    let joined = run.clone().any(|at| role(image, code.instructions[at], products) == Role::Product);
    if operations < OPERATIONS_MIN && !(joined && operations > 0) {
        return None;
    }
    // Operands of the first call are put before it.
    let (start, end) = (run.start, run.clone().rev().find(works)? + 1);
    // A result may go into a temporary and from there into its variable.
    let end = (end..run.end)
        .take_while(|at| matches!(code.instructions[*at], Instruction::Take { .. }))
        .last()
        .map_or(end, |at| at + 1);
    let (mut written, mut inputs): (Vec<Register>, Vec<Register>) = (Vec::new(), Vec::new());
    for at in start..end {
        let instruction = code.instructions[at];
        for register in access(image, instruction).reads() {
            if !written.contains(&register) && !inputs.contains(&register) {
                inputs.push(register);
            }
        }
        for register in changes(image, instruction).0 {
            if !written.contains(&register) {
                written.push(register);
            }
        }
    }
    let is_number = |register: &Register| {
        let ty = code.variables.get(usize::from(*register)).and_then(|(_, ty)| ty.as_ref());
        matches!(ty, Some(ArgType::Int(_) | ArgType::Scalar(_) | ArgType::Bool(_) | ArgType::Str(_)))
    };
    if inputs.iter().all(is_number) {
        return None;
    }
    let live = |register: &Register| flow.is_live(end, usize::from(*register));
    let results = written.iter().copied().filter(live).collect();
    let spent = inputs.iter().copied().filter(|r| written.contains(r) || !live(r)).collect();
    let (misses, cheaper) = Default::default();
    Some(Segment { range: start..end, inputs, results, spent, misses, cheaper })
}
