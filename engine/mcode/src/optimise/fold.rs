//! Constants, and what was computed already.
//!
//! One pass over the blocks of a function by local value numbering (Cocke and Schwartz, 1970): a register's number says
//! which value it holds, so that two operations with the same operands are seen to give the same. Variables that get
//! their only value from a constant are known everywhere: the checker has made sure that they have it where they are
//! read, or the code asks.

use std::collections::BTreeMap;

use super::edit::{Edits, NEW, Step, add_variables};
use super::pure::{is_dear, is_harmless, is_pure};
use super::registers::{named, result_of};
use super::{OptimiserCounts, looked_at};
use crate::ast::BinaryOperator;
use crate::flow::{access, changes};
use crate::ir::{FunctionCode, Image, Instruction, Register};
use crate::vm::operate;
use crate::vm::value::Value;

/// Results that are remembered at once.
const AVAILABLE_MAX: usize = 64;

/// Folds and shares; whether anything was new.
pub(super) fn fold(image: &mut Image, id: usize, counts: &mut OptimiserCounts) -> bool {
    let Some((code, flow)) = looked_at(image, id) else { return false };
    let mut pass = Pass {
        image,
        code,
        known_everywhere: only_constants(image, code),
        numbers: BTreeMap::new(),
        constants: BTreeMap::new(),
        by_value: Vec::new(),
        available: Vec::new(),
        next_number: 1,
        edits: Edits::default(),
        added_constants: Vec::new(),
        added_registers: 0,
        counts: OptimiserCounts::default(),
    };
    for at in 0..code.instructions.len() {
        if flow.leaders[at] {
            pass.forget();
        }
        pass.instruction(at);
    }
    let Pass { edits, added_constants, added_registers, counts: done, .. } = pass;
    let Some(mut edited) = (!edits.is_empty()).then(|| edits.apply(code)).flatten() else { return false };
    if add_variables(&mut edited, added_registers).is_none() {
        return false;
    }
    image.functions[id] = edited;
    image.constants.extend(added_constants);
    counts.folded += done.folded;
    counts.shared += done.shared;
    true
}

/// A number or bool.
fn constant_of(image: &Image, instruction: Instruction) -> Option<Value> {
    match instruction {
        Instruction::Int { value, .. } => Some(Value::Int(i64::from(value))),
        Instruction::Bool { value, .. } => Some(Value::Bool(value)),
        Instruction::Constant { index, .. } => {
            image.constants.get(index as usize).filter(|value| is_number(value)).cloned()
        }
        _ => None,
    }
}

fn is_number(value: &Value) -> bool {
    matches!(value, Value::Int(_) | Value::Scalar(_) | Value::Bool(_))
}

/// Variables whose only value is a constant.
fn only_constants(image: &Image, code: &FunctionCode) -> BTreeMap<Register, Value> {
    let mut values: BTreeMap<Register, Option<Value>> = BTreeMap::new();
    let given = code.params + code.captures;
    for register in (0..given).chain(code.self_register) {
        values.insert(register, None);
    }
    for &instruction in &code.instructions {
        let constant = constant_of(image, instruction);
        for register in changes(image, instruction).0 {
            let known = values.contains_key(&register);
            values.insert(register, constant.clone().filter(|_| !known));
        }
        if let Instruction::CheckSet { register, .. } | Instruction::JumpIfSet { register, .. } = instruction {
            values.insert(register, None);
        }
    }
    let variables = values.into_iter().filter(|(register, _)| *register < code.first_temporary);
    variables.filter_map(|(register, value)| Some((register, value?))).collect()
}

/// A result that can be had again.
struct Available {
    /// The operation without its registers.
    operation: Instruction,
    operands: Vec<u32>,
    number: u32,
    /// The variable that has it.
    holder: Option<Register>,
    at: usize,
}

struct Pass<'i> {
    image: &'i Image,
    code: &'i FunctionCode,
    known_everywhere: BTreeMap<Register, Value>,
    numbers: BTreeMap<Register, u32>,
    constants: BTreeMap<Register, Value>,
    /// Numbers of constants, so that equal ones are the same.
    by_value: Vec<(Value, u32)>,
    available: Vec<Available>,
    next_number: u32,
    edits: Edits,
    added_constants: Vec<Value>,
    added_registers: usize,
    counts: OptimiserCounts,
}

impl Pass<'_> {
    /// At a place that is reached from elsewhere nothing is known.
    fn forget(&mut self) {
        self.numbers.clear();
        self.constants.clear();
        self.available.clear();
    }

    fn fresh(&mut self) -> u32 {
        self.next_number += 1;
        self.next_number
    }

    fn number_of(&mut self, register: Register) -> u32 {
        if let Some(&number) = self.numbers.get(&register) {
            return number;
        }
        let number = match self.known_everywhere.get(&register).cloned() {
            Some(value) => self.number_of_value(&value),
            None => self.fresh(),
        };
        self.numbers.insert(register, number);
        number
    }

    fn number_of_value(&mut self, value: &Value) -> u32 {
        if let Some((_, number)) = self.by_value.iter().find(|(known, _)| same_bits(known, value)) {
            return *number;
        }
        let number = self.fresh();
        self.by_value.push((value.clone(), number));
        number
    }

    fn constant(&self, register: Register) -> Option<Value> {
        self.constants.get(&register).or_else(|| self.known_everywhere.get(&register)).cloned()
    }

    fn instruction(&mut self, at: usize) {
        let mut instruction = self.code.instructions[at];
        if let Some(value) = constant_of(self.image, instruction) {
            return self.holds(&mut instruction, value);
        }
        if let Some(value) = self.folded(instruction)
            && let Some(&mut to) = result_of(&mut instruction)
            && let Some(put) = self.put(to, &value)
        {
            self.edits.replace(at, vec![Step::new(put, self.code.spans[at])]);
            self.counts.folded += u64::from(!is_harmless(instruction));
            return self.holds(&mut instruction, value);
        }
        if let Some(narrower) = self.with_int(instruction) {
            self.edits.replace(at, vec![Step::new(narrower, self.code.spans[at])]);
            instruction = narrower;
        }
        if let Instruction::Copy { to, from } = instruction {
            let number = self.number_of(from);
            self.written(to);
            self.numbers.insert(to, number);
            return;
        }
        if let Instruction::Clear { to } | Instruction::None { to } = instruction {
            // Arguments that were left out are all alike; nothing else asks for the number.
            let absent = if matches!(instruction, Instruction::Clear { .. }) { Value::Absent } else { Value::None };
            let number = self.number_of_value(&absent);
            self.written(to);
            self.numbers.insert(to, number);
            return;
        }
        if is_pure(self.image, instruction) && !is_harmless(instruction) {
            return self.pure(at, instruction);
        }
        self.clobber(instruction);
    }

    fn clobber(&mut self, instruction: Instruction) {
        let (changed, from) = changes(self.image, instruction);
        changed.into_iter().for_each(|register| self.written(register));
        if let Some(from) = from {
            self.numbers.retain(|register, _| *register < from);
            self.constants.retain(|register, _| *register < from);
        }
    }

    fn written(&mut self, register: Register) {
        self.numbers.remove(&register);
        self.constants.remove(&register);
        // A variable that is known everywhere has its number again when it is asked for.
        self.available.iter_mut().filter(|a| a.holder == Some(register)).for_each(|a| a.holder = None);
    }

    /// The instruction puts this constant into its register.
    fn holds(&mut self, instruction: &mut Instruction, value: Value) {
        let Some(&mut to) = result_of(instruction) else { return };
        self.written(to);
        let number = self.number_of_value(&value);
        self.numbers.insert(to, number);
        self.constants.insert(to, value);
    }

    /// The instruction that puts a constant into a register.
    fn put(&mut self, to: Register, value: &Value) -> Option<Instruction> {
        Some(match value {
            Value::Bool(value) => Instruction::Bool { to, value: *value },
            Value::Int(int) if i32::try_from(*int).is_ok() => Instruction::Int { to, value: *int as i32 },
            value => {
                let index = u32::try_from(self.image.constants.len() + self.added_constants.len()).ok()?;
                self.added_constants.push(value.clone());
                Instruction::Constant { to, index }
            }
        })
    }

    /// The result, where all operands are known and nothing goes wrong.
    fn folded(&self, instruction: Instruction) -> Option<Value> {
        use Instruction as I;
        let binary =
            |operator, a, b| operate::of_numbers(operator, &self.constant(a)?, &self.constant(b)?).and_then(Result::ok);
        match instruction {
            I::Copy { from, .. } => self.constant(from),
            I::Add { a, b, .. } => binary(BinaryOperator::Add, a, b),
            I::Subtract { a, b, .. } => binary(BinaryOperator::Subtract, a, b),
            I::Multiply { a, b, .. } => binary(BinaryOperator::Multiply, a, b),
            I::Binary { operator, a, b, .. } => binary(operator, a, b),
            I::AddInt { a, value, .. } => {
                operate::of_numbers(BinaryOperator::Add, &self.constant(a)?, &Value::Int(i64::from(value)))?.ok()
            }
            I::Compare { operator, a, b, .. } => {
                operate::compare_numbers(operator, &self.constant(a)?, &self.constant(b)?).map(Value::Bool)
            }
            I::Negate { a, .. } => match self.constant(a)? {
                Value::Int(value) => value.checked_neg().map(Value::Int),
                Value::Scalar(value) => Some(Value::Scalar(-value)),
                _ => None,
            },
            I::Not { a, .. } => match self.constant(a)? {
                Value::Bool(value) => Some(Value::Bool(!value)),
                _ => None,
            },
            _ => None,
        }
    }

    /// The same instruction with the int that its right operand is known to be.
    fn with_int(&self, instruction: Instruction) -> Option<Instruction> {
        let small = |register| match self.constant(register)? {
            // The smallest has no positive counterpart, which the machine's own words for a failure need.
            Value::Int(value) => i16::try_from(value).ok().filter(|value| *value != i16::MIN),
            _ => None,
        };
        Some(match instruction {
            Instruction::Add { to, a, b } => Instruction::AddInt { to, a, value: small(b).filter(|v| *v >= 0)? },
            Instruction::Subtract { to, a, b } => Instruction::AddInt { to, a, value: -small(b).filter(|v| *v > 0)? },
            Instruction::JumpUnless { operator, a, b, target } => {
                Instruction::JumpUnlessInt { operator, a, value: small(b)?, target }
            }
            _ => return None,
        })
    }

    /// An operation that does nothing but compute: perhaps its result is there.
    fn pure(&mut self, at: usize, mut instruction: Instruction) {
        let operands: Vec<Register> = access(self.image, instruction).reads().collect();
        let operands: Vec<u32> = operands.into_iter().map(|register| self.number_of(register)).collect();
        let Some(&mut to) = result_of(&mut instruction) else { return };
        let operation = without_registers(instruction);
        let found = self.available.iter().position(|a| a.operation == operation && a.operands == operands);
        if let Some(found) = found {
            let number = self.available[found].number;
            if let Some(holder) = self.holder(found, instruction) {
                let copy = Instruction::Copy { to, from: holder };
                let steps = if to == holder { Vec::new() } else { vec![Step::new(copy, self.code.spans[at])] };
                self.edits.replace(at, steps);
                self.counts.shared += 1;
                if to != holder {
                    self.written(to);
                    self.numbers.insert(to, number);
                }
                return;
            }
            self.available.remove(found);
        }
        self.clobber(instruction);
        let number = self.fresh();
        self.written(to);
        self.numbers.insert(to, number);
        if self.available.len() == AVAILABLE_MAX {
            self.available.remove(0);
        }
        let holder = (to < self.code.first_temporary).then_some(to);
        self.available.push(Available { operation, operands, number, holder, at });
    }

    /// The variable with an available result; one is made for what is dear and went into a temporary.
    fn holder(&mut self, found: usize, instruction: Instruction) -> Option<Register> {
        let Available { holder, at, .. } = self.available[found];
        if holder.is_some() {
            return holder;
        }
        if !is_dear(self.image, instruction) || self.edits.is_replaced(at) {
            return None;
        }
        let kept = NEW + self.added_registers as Register;
        self.added_registers += 1;
        let mut first = self.code.instructions[at];
        let to = std::mem::replace(result_of(&mut first)?, kept);
        let span = self.code.spans[at];
        self.edits.replace(at, vec![Step::new(first, span), Step::new(Instruction::Copy { to, from: kept }, span)]);
        self.available[found].holder = Some(kept);
        Some(kept)
    }
}

/// Equal to the last bit.
fn same_bits(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Int(a), Value::Int(b)) => a == b,
        (Value::Scalar(a), Value::Scalar(b)) => a.to_bits() == b.to_bits(),
        (Value::Bool(a), Value::Bool(b)) => a == b,
        (Value::Absent, Value::Absent) | (Value::None, Value::None) => true,
        _ => false,
    }
}

/// What is done, without to what.
fn without_registers(mut instruction: Instruction) -> Instruction {
    named(&mut instruction).into_iter().flatten().for_each(|register| *register = 0);
    instruction
}
