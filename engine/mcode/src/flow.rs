//! How values flow through the registers of a function: what each instruction reads and writes, where it can go on, and
//! which registers are still needed at each place. The optimiser and the native compiler read it.

use std::ops::Range;

use crate::ast::BinaryOperator;
use crate::ir::{FunctionCode, Image, Instruction, Register, Target};

/// Instructions times registers of a function that is worth looking at.
const SIZE_MAX: usize = 4_000_000;

/// What an instruction does with registers. Reads come before writes.
#[derive(Debug, Default)]
pub(crate) struct Access {
    reads: [Option<Register>; 3],
    read_range: Range<usize>,
    writes: [Option<Register>; 3],
}

impl Access {
    fn new(reads: &[Register], writes: &[Register]) -> Access {
        let mut access = Access::default();
        for (slot, &register) in access.reads.iter_mut().zip(reads) {
            *slot = Some(register);
        }
        for (slot, &register) in access.writes.iter_mut().zip(writes) {
            *slot = Some(register);
        }
        access
    }

    fn range(start: Register, count: usize, writes: &[Register]) -> Access {
        let start = usize::from(start);
        Access { read_range: start..start + count, ..Access::new(&[], writes) }
    }

    /// The registers that are read.
    pub(crate) fn reads(&self) -> impl Iterator<Item = Register> + '_ {
        self.reads.iter().flatten().copied().chain(self.read_range.clone().map(|r| r as Register))
    }

    /// The registers that are certainly written.
    pub(crate) fn writes(&self) -> impl Iterator<Item = Register> + '_ {
        self.writes.iter().flatten().copied()
    }
}

/// What an instruction reads, and what it certainly writes.
pub(crate) fn access(image: &Image, instruction: Instruction) -> Access {
    use Instruction as I;
    match instruction {
        I::Copy { to, from } | I::Spawn { to, from } | I::Await { to, from } => Access::new(&[from], &[to]),
        I::Take { to, from } => Access::new(&[from], &[from, to]),
        I::Int { to, .. }
        | I::Constant { to, .. }
        | I::None { to }
        | I::Bool { to, .. }
        | I::Clear { to }
        | I::GetGlobal { to, .. }
        | I::TakeGlobal { to, .. }
        | I::LibraryFunction { to, .. } => Access::new(&[], &[to]),
        I::SetGlobal { from, .. } | I::Return { from } => Access::new(&[from], &[]),
        I::Add { to, a, b }
        | I::Subtract { to, a, b }
        | I::Multiply { to, a, b }
        | I::Binary { to, a, b, .. }
        | I::Compare { to, a, b, .. }
        | I::And { to, a, b }
        | I::Or { to, a, b } => Access::new(&[a, b], &[to]),
        I::AddInt { to, a, .. } | I::Negate { to, a } | I::Not { to, a } => Access::new(&[a], &[to]),
        I::Chain { .. }
        | I::ItemChain { .. }
        | I::ProductSum { .. }
        | I::LongChain { .. }
        | I::ProductSumChain { .. }
        | I::ItemPair { .. }
        | I::ChainToItem { .. }
        | I::Again { .. }
        | I::AgainIf { .. }
        | I::AgainIfInt { .. }
        | I::StepIf { .. }
        | I::StepIfInt { .. } => Access::default(),
        I::Jump { .. } | I::Loop { .. } | I::Count | I::Fuse { .. } | I::ReturnNone => Access::default(),
        I::JumpUnless { a, b, .. } | I::JumpIfSame { a, b, .. } => Access::new(&[a, b], &[]),
        I::JumpUnlessInt { a, .. } | I::JumpIf { condition: a, .. } | I::JumpIfBool { value: a, .. } => {
            Access::new(&[a], &[])
        }
        I::JumpIfSet { register, .. } | I::CheckSet { register, .. } => Access::new(&[register], &[]),
        I::CallBlock { back, .. } => Access::new(&[], &[back]),
        I::ReturnBlock { back } => Access::new(&[back], &[]),
        I::LoopStart { base } => Access::new(&[base], &[base + 1, base + 2]),
        // The item is written only where there is one.
        I::LoopRange { base, .. } | I::LoopNext { base, .. } => Access::range(base, 3, &[]),
        I::Range { to, start, .. } => Access::range(start, 3, &[to]),
        I::List { to, start, count } => Access::range(start, usize::from(count), &[to]),
        I::Append { list: a, item: b } | I::FanOut { callee: a, list: b, .. } => Access::new(&[a, b], &[]),
        I::Record { to, start, shape } => Access::range(start, image.records[usize::from(shape)].len(), &[to]),
        I::Closure { to, start, function } => Access::range(start, function_of(image, function).captures.into(), &[to]),
        I::Call { function, start } => Access::range(start, function_of(image, function).params.into(), &[start]),
        I::CallValue { count, callee, start } | I::Defer { count, callee, start } => {
            Access { reads: [Some(callee), None, None], ..Access::range(start, usize::from(count), &[start]) }
        }
        I::CallOp { op, to, start } => Access::range(start, image.ops[usize::from(op)].params.len(), &[to]),
        I::CallBuiltin { count, to, start, .. } => Access::range(start, usize::from(count), &[to]),
        I::Index { to, object, index } => Access::new(&[object, index], &[to]),
        I::Slice { to, start, axes } => Access::range(start, values_of_axes(image, axes) + 1, &[to]),
        I::Field { to, object, .. } => Access::new(&[object], &[to]),
        I::SetIndex { object, index, value } => Access::new(&[object, index, value], &[]),
        I::SetPath { object, path, start } => {
            let values: usize = image.paths[usize::from(path)].iter().map(values_of_step).sum();
            Access { reads: [Some(object), None, None], ..Access::range(start, values + 1, &[]) }
        }
        I::CheckType { register, declared } | I::CheckInt { register, declared } => {
            Access { reads: [Some(register), None, None], read_range: sizes(image, declared), ..Access::default() }
        }
    }
}

fn function_of(image: &Image, function: u16) -> &FunctionCode {
    &image.functions[usize::from(function)]
}

fn values_of_axes(image: &Image, axes: u16) -> usize {
    image.axes[usize::from(axes)].iter().map(|a| a.values()).sum()
}

/// Sizes of named dimensions are kept in registers of the function from its first check to its last.
fn sizes(image: &Image, declared: u16) -> Range<usize> {
    let dims = &image.checks[usize::from(declared)].dims;
    let (low, high) = (dims.iter().map(|d| d.1).min(), dims.iter().map(|d| d.1).max());
    low.zip(high).map_or(0..0, |(low, high)| usize::from(low)..usize::from(high) + 1)
}

/// Registers that an instruction may change in any way: those that it writes, those whose value it changes in place or
/// converts, and those from which on a call uses the window. The second part says from where on.
pub(crate) fn changes(image: &Image, instruction: Instruction) -> (Vec<Register>, Option<Register>) {
    use Instruction as I;
    let mut changed: Vec<Register> = access(image, instruction).writes().collect();
    let mut from = None;
    match instruction {
        I::LoopNext { base, item, .. } => changed.extend([base, base + 1, base + 2, item]),
        I::LoopRange { base, .. } => changed.extend([base, base + 1, base + 2]),
        I::LoopStart { base } => changed.push(base),
        I::SetIndex { object, .. } | I::SetPath { object, .. } => changed.push(object),
        I::Append { list, .. } | I::FanOut { list, .. } => changed.push(list),
        I::CheckType { register, declared } | I::CheckInt { register, declared } => {
            changed.push(register);
            changed.extend(image.checks[usize::from(declared)].dims.iter().map(|d| d.1));
        }
        I::Call { start, .. } | I::CallValue { start, .. } | I::Defer { start, .. } => from = Some(start),
        _ => {}
    }
    (changed, from)
}

fn values_of_step(step: &crate::ir::StepShape) -> usize {
    match step {
        crate::ir::StepShape::Field(_) => 0,
        crate::ir::StepShape::Index(axes) => axes.iter().map(|a| a.values()).sum(),
    }
}

/// Where an instruction may go on but at the next one, and whether it may go on there.
pub(crate) fn successors(instruction: Instruction) -> (Option<Target>, bool) {
    use Instruction as I;
    match instruction {
        I::Jump { target } | I::Loop { target } => (Some(target), false),
        I::JumpIf { target, .. }
        | I::JumpIfBool { target, .. }
        | I::JumpUnless { target, .. }
        | I::JumpUnlessInt { target, .. }
        | I::JumpIfSet { target, .. }
        | I::JumpIfSame { target, .. }
        | I::LoopNext { target, .. }
        | I::FanOut { target, .. }
        | I::Fuse { target, .. }
        | I::CallBlock { target, .. } => (Some(target), true),
        I::Return { .. } | I::ReturnNone | I::ReturnBlock { .. } => (None, false),
        _ => (None, true),
    }
}

/// What is known of one function's registers.
#[derive(Debug)]
pub(crate) struct Flow {
    /// For each instruction a bit a register that is needed there.
    live: Vec<u64>,
    words: usize,
    /// Whether somebody jumps to an instruction.
    pub(crate) leaders: Vec<bool>,
    /// For the head of each loop, its last instruction.
    loop_ends: Vec<Option<Target>>,
    /// Whether a register may hold a negative number, as far as its instructions say.
    negative: Vec<bool>,
}

impl Flow {
    /// Looks at a function; `None` for one that is too large, or whose jumps are not all known (it has `when`s).
    pub(crate) fn of(image: &Image, code: &FunctionCode) -> Option<Flow> {
        let count = code.instructions.len();
        if count * usize::from(code.registers) > SIZE_MAX
            || code.instructions.iter().any(|i| matches!(i, Instruction::CallBlock { .. }))
        {
            return None;
        }
        let words = usize::from(code.registers).div_ceil(64).max(1);
        let mut flow = Flow {
            live: vec![0; count * words],
            words,
            leaders: vec![false; count],
            loop_ends: vec![None; count],
            negative: vec![false; usize::from(code.registers)],
        };
        flow.negative[..usize::from(code.params + code.captures)].fill(true);
        while flow.signs(image, code) {}
        for (at, &instruction) in code.instructions.iter().enumerate() {
            if let (Some(target), _) = successors(instruction) {
                flow.leaders[usize::from(target)] = true;
            }
            if let Instruction::Loop { target } = instruction {
                flow.loop_ends[usize::from(target)] = Some(at as Target);
            }
        }
        while flow.backwards(image, code) {}
        Some(flow)
    }

    /// One pass from the end to the start; whether anything was new.
    fn backwards(&mut self, image: &Image, code: &FunctionCode) -> bool {
        let mut changed = false;
        let mut needed = vec![0u64; self.words];
        for at in (0..code.instructions.len()).rev() {
            let instruction = code.instructions[at];
            let (target, falls) = successors(instruction);
            needed.fill(0);
            let next = falls.then_some(at + 1).filter(|&n| n < code.instructions.len());
            for place in target.map(usize::from).into_iter().chain(next) {
                let there = &self.live[place * self.words..(place + 1) * self.words];
                needed.iter_mut().zip(there).for_each(|(a, b)| *a |= b);
            }
            let access = access(image, instruction);
            for register in access.writes.into_iter().flatten() {
                needed[usize::from(register) / 64] &= !(1 << (register % 64));
            }
            let reads = access.reads.into_iter().flatten().map(usize::from).chain(access.read_range);
            for register in reads {
                needed[register / 64] |= 1 << (register % 64);
            }
            let here = &mut self.live[at * self.words..(at + 1) * self.words];
            if *here != *needed {
                here.copy_from_slice(&needed);
                changed = true;
            }
        }
        changed
    }

    /// One pass over what may be negative; whether anything was new. Indices are what asks: a loop counts upwards from
    /// somewhere above, as far as anybody knows.
    fn signs(&mut self, image: &Image, code: &FunctionCode) -> bool {
        use Instruction as I;
        let before = self.negative.iter().filter(|negative| **negative).count();
        for &instruction in &code.instructions {
            let of = |register: Register| self.negative[usize::from(register)];
            let negative = match instruction {
                I::Int { value, .. } => value < 0,
                I::Copy { from, .. } | I::Take { from, .. } => of(from),
                I::AddInt { a, value, .. } => value < 0 || of(a),
                I::Add { a, b, .. } | I::Multiply { a, b, .. } => of(a) || of(b),
                I::Binary { operator: BinaryOperator::Remainder, b, .. } => of(b),
                I::Binary { operator: BinaryOperator::FloorDivide, a, b, .. } => of(a) || of(b),
                I::LoopNext { .. } => false,
                _ => true,
            };
            if negative {
                for register in changes(image, instruction).0 {
                    self.negative[usize::from(register)] = true;
                }
            }
        }
        self.negative.iter().filter(|negative| **negative).count() > before
    }

    /// Whether an index in a register may count from the end.
    pub(crate) fn may_be_negative(&self, register: Register) -> bool {
        self.negative[usize::from(register)]
    }

    /// Whether a register's value is needed at an instruction.
    pub(crate) fn is_live(&self, at: usize, register: usize) -> bool {
        self.live[at * self.words + register / 64] >> (register % 64) & 1 == 1
    }

    /// The step of the range that the loop with this head goes over, where the code says it: its registers are `base` and
    /// the two behind it.
    pub(crate) fn step_of(&self, image: &Image, code: &FunctionCode, head: usize, base: Register) -> Option<i64> {
        let step = base + 2;
        let end = usize::from(self.loop_end(head as Target)?);
        let before = code.instructions.get(head.checked_sub(2)?..head)?;
        let [Instruction::Int { to, value }, Instruction::LoopRange { base: ranged, .. }] = *before else {
            return None;
        };
        let from_elsewhere = |(at, &instruction): (usize, &Instruction)| {
            successors(instruction).0 == Some(head as Target) && !(head..=end).contains(&at)
        };
        let is_reached = self.leaders[head - 1] || code.instructions.iter().enumerate().any(from_elsewhere);
        let keeps = |&instruction: &Instruction| {
            let (changed, from) = changes(image, instruction);
            !changed.contains(&step) && from.is_none_or(|from| from > step)
        };
        let is_kept = code.instructions.get(head + 1..=end)?.iter().all(keeps);
        (to == step && ranged == base && !is_reached && is_kept).then_some(i64::from(value))
    }

    /// The last instruction of the loop that begins at `head`.
    pub(crate) fn loop_end(&self, head: Target) -> Option<Target> {
        self.loop_ends[usize::from(head)]
    }
}
