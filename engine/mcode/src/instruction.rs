//! One instruction of the register code ([`crate::ir`]).

use crate::ast::{BinaryOperator, Comparison};
use crate::ir::{Register, Target};
use crate::library::BuiltinId;

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
    /// What the next three instructions do to numbers, `third(second(first(a, b), c), d)`: `to`, then the operands.
    LongChain {
        operators: Operators,
        registers: [u8; 5],
    },
    /// The same of the next four, `second(first(a * b, c * d), e)`, where the first adds or subtracts.
    ProductSumChain {
        operators: Operators,
        registers: [u8; 6],
    },
    /// The same of the next three, an operation on items of two lists: `to`, list and index of the first, of the second.
    ItemPair {
        operator: ChainOperator,
        registers: [u8; 5],
    },
    /// The same of the next three, `object[index] = second(first(a, b), c)`: `object`, `index`, then the operands.
    ChainToItem {
        operators: Operators,
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
    /// The same behind `a = a + step` of an int, which is done with it.
    StepIf {
        operator: Comparison,
        a: u8,
        step: i8,
        b: u8,
        target: Target,
    },
    StepIfInt {
        operator: Comparison,
        a: u8,
        step: i8,
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
            | I::StepIf { target, .. }
            | I::StepIfInt { target, .. }
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

/// The operations of a chain, the first in the lowest bits.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Operators(u8);

impl Operators {
    const BITS: u8 = 2;

    /// Those of a chain of three, or of two and whatever.
    pub(crate) fn new(operators: [ChainOperator; 3]) -> Operators {
        let bits = |operator| match operator {
            ChainOperator::Add => 0,
            ChainOperator::Subtract => 1,
            ChainOperator::SubtractFrom => 2,
            ChainOperator::Multiply => 3u8,
        };
        let packed = operators.iter().rev().fold(0, |packed, &operator| packed << Self::BITS | bits(operator));
        Operators(packed)
    }

    /// The first, the second, the third.
    #[inline(always)]
    pub(crate) fn get(self) -> [ChainOperator; 3] {
        [0, 1, 2].map(|place| match self.0 >> (place * Self::BITS) & 3 {
            0 => ChainOperator::Add,
            1 => ChainOperator::Subtract,
            2 => ChainOperator::SubtractFrom,
            _ => ChainOperator::Multiply,
        })
    }
}

impl std::fmt::Debug for Operators {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.get()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instructions_are_eight_bytes() {
        assert_eq!(size_of::<Instruction>(), 8);
    }

    #[test]
    fn operators_are_what_they_were_made_of() {
        use ChainOperator as O;
        for operators in [[O::Add, O::Subtract, O::SubtractFrom], [O::Multiply, O::SubtractFrom, O::Add]] {
            assert_eq!(Operators::new(operators).get(), operators);
        }
    }
}
