//! The intermediate representation: register code.
//!
//! A function is a list of eight-byte instructions over its own window of registers: parameters first, then captured
//! values, then variables, then temporaries. A temporary is written once and read once; the machine may take the value
//! out of it. Calls put their arguments into consecutive temporaries, which become the first registers of the callee's
//! window, and the result comes back in the first of them.
//!
//! Optimising levels read and rewrite this form; it says nothing of how it is run.

use std::sync::Arc;

use nexus_tensor::ArgType;

use crate::ast::{BinaryOperator, Comparison, Name};
use crate::hir::{Attributes, Declared};
pub(crate) use crate::image::{Entry, Image};
use crate::library::BuiltinId;
use crate::report::FileId;
use crate::source::ByteSpan;

/// A register of the function's window.
pub(crate) type Register = u16;
/// An instruction of the function.
pub(crate) type Target = u16;

/// Instructions and registers that one function may have.
pub(crate) const CODE_MAX: usize = 60_000;
/// Registers that one function may have. A window is sixteen bytes a register for every call that is open.
pub(crate) const REGISTERS_MAX: usize = 4_000;

/// One instruction.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Instruction {
    /// Copies a value.
    Copy {
        to: Register,
        from: Register,
    },
    /// Moves a value out of its register.
    Take {
        to: Register,
        from: Register,
    },
    Int {
        to: Register,
        value: i32,
    },
    Constant {
        to: Register,
        index: u32,
    },
    None {
        to: Register,
    },
    Bool {
        to: Register,
        value: bool,
    },
    /// Makes a register empty.
    Clear {
        to: Register,
    },
    GetGlobal {
        to: Register,
        global: u32,
    },
    /// Moves a global's value out, to change it and put it back.
    TakeGlobal {
        to: Register,
        global: u32,
    },
    SetGlobal {
        global: u32,
        from: Register,
    },
    Add {
        to: Register,
        a: Register,
        b: Register,
    },
    Subtract {
        to: Register,
        a: Register,
        b: Register,
    },
    Multiply {
        to: Register,
        a: Register,
        b: Register,
    },
    /// `a + value`, where `a` is often an int.
    AddInt {
        to: Register,
        a: Register,
        value: i16,
    },
    Binary {
        operator: BinaryOperator,
        to: Register,
        a: Register,
        b: Register,
    },
    Compare {
        operator: Comparison,
        to: Register,
        a: Register,
        b: Register,
    },
    Negate {
        to: Register,
        a: Register,
    },
    Not {
        to: Register,
        a: Register,
    },
    /// Joins two truth values, elementwise where one is a tensor.
    And {
        to: Register,
        a: Register,
        b: Register,
    },
    Or {
        to: Register,
        a: Register,
        b: Register,
    },
    Jump {
        target: Target,
    },
    /// Jumps back to the head of a loop.
    Loop {
        target: Target,
    },
    /// Counts an iteration of a loop that was written out.
    Count,
    /// Evaluates a whole segment of instructions, up to the target, as one region of the tensor engine and jumps; where
    /// that is not possible nothing happens, and they run one by one.
    Fuse {
        segment: u16,
        target: Target,
    },
    /// Jumps when the condition is `when`.
    JumpIf {
        when: bool,
        condition: Register,
        target: Target,
    },
    /// Jumps when the value is the bool `when` (a tensor is not).
    JumpIfBool {
        when: bool,
        value: Register,
        target: Target,
    },
    /// Jumps when the comparison does not hold.
    JumpUnless {
        operator: Comparison,
        a: Register,
        b: Register,
        target: Target,
    },
    JumpUnlessInt {
        operator: Comparison,
        a: Register,
        value: i16,
        target: Target,
    },
    /// Jumps when the register has a value.
    JumpIfSet {
        register: Register,
        target: Target,
    },
    /// Jumps when two values are the same.
    JumpIfSame {
        a: Register,
        b: Register,
        target: Target,
    },
    /// Remembers where to go on and jumps.
    CallBlock {
        back: Register,
        target: Target,
    },
    /// Goes on where `CallBlock` said.
    ReturnBlock {
        back: Register,
    },
    /// Makes the three registers from `base` the state of a loop over the value in the first.
    LoopStart {
        base: Register,
    },
    /// The same over a range, whose start, end and step stand from `base`.
    LoopRange {
        closed: bool,
        base: Register,
    },
    /// Puts the next item into `item`, or jumps when there is none.
    LoopNext {
        base: Register,
        item: Register,
        target: Target,
    },
    /// From start, end and step in three registers.
    Range {
        closed: bool,
        to: Register,
        start: Register,
    },
    List {
        to: Register,
        start: Register,
        count: u16,
    },
    Append {
        list: Register,
        item: Register,
    },
    Record {
        to: Register,
        start: Register,
        shape: u16,
    },
    Closure {
        to: Register,
        start: Register,
        function: u16,
    },
    LibraryFunction {
        to: Register,
        index: u16,
    },
    /// Calls a function of the program with all its parameters from `start`.
    Call {
        function: u16,
        start: Register,
    },
    CallValue {
        count: u8,
        callee: Register,
        start: Register,
    },
    CallOp {
        op: u16,
        to: Register,
        start: Register,
    },
    CallBuiltin {
        count: u8,
        builtin: BuiltinId,
        to: Register,
        start: Register,
    },
    Return {
        from: Register,
    },
    ReturnNone,
    /// `object[index]` with one plain index.
    Index {
        to: Register,
        object: Register,
        index: Register,
    },
    /// The object and the values of its axes stand from `start`.
    Slice {
        to: Register,
        start: Register,
        axes: u16,
    },
    Field {
        to: Register,
        object: Register,
        name: u16,
    },
    /// `object[index] = value` with one plain index.
    SetIndex {
        object: Register,
        index: Register,
        value: Register,
    },
    /// The values of the path's axes and then the new value stand from `start`.
    SetPath {
        object: Register,
        path: u16,
        start: Register,
    },
    /// Stops unless the variable has a value.
    CheckSet {
        register: Register,
        name: u16,
    },
    /// Stops unless the value has the declared type.
    CheckType {
        register: Register,
        declared: u16,
    },
    /// The same for `int`, the type of most parameters that are declared.
    CheckInt {
        register: Register,
        declared: u16,
    },
    Spawn {
        to: Register,
        from: Register,
    },
    /// Makes a task of a call that would stand in the next instruction, and skips it and the `Spawn` behind it; in a
    /// task it does nothing, so that the call runs at once.
    Defer {
        count: u8,
        callee: Register,
        start: Register,
    },
    /// Puts the results of a function for each item of a list in the list's place, on several threads, and jumps; where
    /// that is not worth it, nothing happens and the items are gone over one by one. With `again` that is done, too, where
    /// a call fails: nothing that calls did is kept, and what fails one by one is what counts.
    FanOut {
        again: bool,
        callee: Register,
        list: Register,
        target: Target,
    },
    Await {
        to: Register,
        from: Register,
    },
    /// What the next two instructions do to numbers, `second(first(a, b), c)`, in one step: they are skipped. Where it is
    /// something else, nothing happens, and they run one by one.
    Chain {
        first: ChainOperator,
        second: ChainOperator,
        to: u8,
        a: u8,
        b: u8,
        c: u8,
    },
    /// The same where the first of the two reads an item of a list.
    ItemChain {
        operator: ChainOperator,
        to: u8,
        a: u8,
        object: u8,
        index: u8,
    },
    /// The same of the next three instructions, `to = a * b + c * d` or `- c * d`: the registers in this order.
    ProductSum {
        subtract: bool,
        registers: [u8; 5],
    },
    /// Counts an iteration and goes on with the next number of a range, behind the head of its loop. Where there is none,
    /// nothing happens, and the `Loop` behind it runs.
    Again {
        base: Register,
        item: Register,
        target: Target,
    },
    /// The same for a loop whose head is a `JumpUnless`, where numbers are compared and the condition holds.
    AgainIf {
        operator: Comparison,
        a: u8,
        b: u8,
        target: Target,
    },
    /// The same for a `JumpUnlessInt`.
    AgainIfInt {
        operator: Comparison,
        a: u8,
        value: i16,
        target: Target,
    },
}

impl Instruction {
    /// Where it may jump to.
    pub(crate) fn target_mut(&mut self) -> Option<&mut Target> {
        use Instruction as I;
        match self {
            I::Jump { target }
            | I::Loop { target }
            | I::Fuse { target, .. }
            | I::JumpIf { target, .. }
            | I::JumpIfBool { target, .. }
            | I::JumpUnless { target, .. }
            | I::JumpUnlessInt { target, .. }
            | I::JumpIfSet { target, .. }
            | I::JumpIfSame { target, .. }
            | I::CallBlock { target, .. }
            | I::FanOut { target, .. }
            | I::Again { target, .. }
            | I::AgainIf { target, .. }
            | I::AgainIfInt { target, .. }
            | I::LoopNext { target, .. } => Some(target),
            _ => None,
        }
    }
}

/// An operation of a chain, on what came before and another operand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ChainOperator {
    Add,
    Subtract,
    /// What came before is subtracted from the other operand.
    SubtractFrom,
    Multiply,
}

/// What is between the brackets of an index, for one axis; ends that are given are values from the registers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum AxisShape {
    All,
    Value,
    Range { start: bool, end: bool, step: bool, closed: bool },
}

impl AxisShape {
    /// How many values it takes.
    pub(crate) fn values(self) -> usize {
        match self {
            AxisShape::All => 0,
            AxisShape::Value => 1,
            AxisShape::Range { start, end, step, .. } => [start, end, step].into_iter().filter(|g| *g).count(),
        }
    }
}

/// A step of the path of an assignment.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum StepShape {
    Field(Name),
    Index(Vec<AxisShape>),
}

/// The type that a value must have.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct TypeCheck {
    pub(crate) declared: Declared,
    /// What is checked, for the message: "the argument `n`".
    pub(crate) what: String,
    /// Registers with the sizes of the function's named dimensions.
    pub(crate) dims: Vec<(Name, Register)>,
}

/// Instructions that can be evaluated together by the tensor engine. They are in one block, behind a `Fuse`.
#[derive(Debug, Clone)]
pub(crate) struct Segment {
    /// The first instruction and the one behind the last.
    pub(crate) range: std::ops::Range<usize>,
    /// Registers that are read before they are written.
    pub(crate) inputs: Vec<Register>,
    /// Registers that are written in it and needed behind it.
    pub(crate) results: Vec<Register>,
    /// Registers whose value from before is not needed behind it: tensors in them may be worked on in place.
    pub(crate) spent: Vec<Register>,
    /// Tries in a row for which the operands were not tensors.
    pub(crate) misses: Arc<std::sync::atomic::AtomicU32>,
}

/// The code of one function.
#[derive(Debug, Clone)]
pub(crate) struct FunctionCode {
    pub(crate) name: Name,
    pub(crate) file: FileId,
    pub(crate) head: ByteSpan,
    pub(crate) params: u16,
    /// Of these, how many must be given.
    pub(crate) required: u16,
    pub(crate) captures: u16,
    /// Where a closure finds itself.
    pub(crate) self_register: Option<Register>,
    pub(crate) first_temporary: Register,
    pub(crate) registers: u16,
    pub(crate) instructions: Vec<Instruction>,
    /// The place of each instruction.
    pub(crate) spans: Vec<ByteSpan>,
    /// Names and inferred types of the variables, for printing.
    pub(crate) variables: Vec<(Name, Option<ArgType>)>,
    pub(crate) attributes: Attributes,
    /// What `Fuse` refers to.
    pub(crate) segments: Vec<Segment>,
    /// How much work a call is, in instructions: a call, a loop or an operation on tensors counts a thousand. The same
    /// at every level, because it decides which random streams there are.
    pub(crate) weight: u32,
}

impl FunctionCode {
    /// How the function is called in messages.
    pub(crate) fn called(&self) -> String {
        if self.name.contains(' ') { self.name.to_string() } else { format!("`{}`", self.name) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instructions_are_eight_bytes() {
        assert_eq!(size_of::<Instruction>(), 8);
    }
}
