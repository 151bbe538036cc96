//! What instructions become: moves, jumps, loops, calls, elements of lists.

use nexus_jit::ir::{Array, Constant, Element, End, IntOperator, Operation, Order, Type, Variable};

use super::known::{ArrayKind, Known, Layout};
use super::translate::{Number, Then, Translation};
use super::unit::Callee;
use crate::ast::Comparison;
use crate::hir::Declared;
use crate::ir::{AxisShape, Instruction, Register, StepShape};
use crate::vm::value::Value;

impl Translation<'_, '_> {
    pub(super) fn instruction(&mut self, instruction: Instruction) -> Then {
        use Instruction as I;
        match instruction {
            I::Copy { to, from } => self.copy(to, from, false),
            I::Take { to, from } => self.copy(to, from, true),
            I::Int { to, value } => self.put(to, Constant::Int(i64::from(value))),
            I::Bool { to, value } => self.put(to, Constant::Bool(value)),
            I::Constant { to, index } => match constant_of(&self.maker.image.constants[index as usize]) {
                Some(value) => self.put(to, value),
                None => self.leave("a text or list is made"),
            },
            I::None { to } => self.put_known(to, Known::None),
            I::Clear { to } if self.known(to) == Known::Opaque => self.leave("a value is dropped"),
            I::Clear { to } => self.put_known(to, Known::Absent),
            I::GetGlobal { to, global } => match self.maker.global(global) {
                Some(value) => self.put(to, value),
                None => self.leave("a variable of the top level is read that holds no number"),
            },
            I::LoopStart { base } => match self.known(base) {
                Known::Array(number) if self.layout(number) != Layout::Matrix => {
                    self.put_known(base + 2, Known::Absent);
                    self.put(base + 1, Constant::Int(0))
                }
                _ => self.leave("a loop goes over something else than a range or a list of numbers"),
            },
            I::LoopRange { closed, base } => self.loop_range(closed, base),
            I::LoopNext { base, item, target } => self.loop_next(base, item, usize::from(target)),
            I::Call { function, start } => self.call(u32::from(function), start),
            I::Return { from } if !self.start.outermost => self.return_value(from),
            I::ReturnNone if !self.start.outermost => {
                self.note_result(None);
                self.end(End::Return(None));
                Then::Ended
            }
            I::Return { .. } | I::ReturnNone => {
                let exit = self.exit(false);
                self.end(End::Exit(exit));
                Then::Ended
            }
            I::Index { to, object, index } => self.index(to, object, index),
            I::SetIndex { object, index, value } => self.set_index(object, index, value),
            I::Slice { to, start, axes } => self.slice(to, start, usize::from(axes)),
            I::SetPath { object, path, start } => self.set_path(object, usize::from(path), start),
            I::CheckSet { register, .. } => match self.known(register) {
                Known::Absent => self.leave("a variable has no value"),
                _ => Then::Next,
            },
            I::CheckInt { register, .. } if self.known(register) == Known::Int => Then::Next,
            I::CheckType { register, declared } | I::CheckInt { register, declared } => {
                self.check_type(register, usize::from(declared))
            }
            other => self.jump(other),
        }
    }

    fn jump(&mut self, instruction: Instruction) -> Then {
        use Instruction as I;
        match instruction {
            I::Jump { target } => {
                self.go_to(usize::from(target));
                Then::Ended
            }
            I::Loop { target } => {
                let exit = self.exit(false);
                self.push(Operation::CountLoop { exit });
                self.go_to(usize::from(target));
                Then::Ended
            }
            I::Count => {
                let exit = self.exit(false);
                self.push(Operation::CountLoop { exit });
                Then::Next
            }
            I::Fuse { segment, .. } => {
                let inputs = &self.code.segments[usize::from(segment)].inputs;
                let is_tensor = |register: &Register| match self.known(*register) {
                    Known::Opaque => true,
                    Known::Array(number) => self.layout(number) != Layout::List,
                    _ => false,
                };
                if inputs.iter().any(is_tensor) { self.leave("tensors are worked on") } else { Then::Next }
            }
            I::JumpIf { when, condition, target } => match self.known(condition) {
                Known::Bool => self.branch(condition, when, target),
                _ => self.leave("a condition is not a bool"),
            },
            I::JumpIfBool { when, value, target } => match self.known(value) {
                Known::Bool => self.branch(value, when, target),
                Known::Opaque => self.leave("a condition is not a bool"),
                _ => Then::Next,
            },
            I::JumpUnless { operator, a, b, target } => {
                let operands = (self.number(a), self.number(b));
                self.jump_unless(operator, operands, usize::from(target))
            }
            I::JumpUnlessInt { operator, a, value, target } => {
                let a = self.number(a);
                let value = self.constant(Constant::Int(i64::from(value)));
                self.jump_unless(operator, (a, Some((value, Type::Int))), usize::from(target))
            }
            I::JumpIfSet { register, target } => {
                let set = self.known(register) != Known::Absent;
                self.go_to(if set { usize::from(target) } else { self.at + 1 });
                Then::Ended
            }
            other => self.compute(other),
        }
    }

    /// The variable of a register that holds a number or bool, with its type.
    pub(super) fn number(&mut self, register: Register) -> Option<Number> {
        let ty = self.known(register).ty()?;
        Some((self.variable(register, ty), ty))
    }

    fn put(&mut self, to: Register, value: Constant) -> Then {
        let to = self.assign(to, value.ty());
        self.push(Operation::Constant { to, value });
        Then::Next
    }

    fn put_known(&mut self, to: Register, known: Known) -> Then {
        self.set(to, known);
        Then::Next
    }

    fn copy(&mut self, to: Register, from: Register, take: bool) -> Then {
        let known = self.known(from);
        match known.ty() {
            Some(ty) => {
                let from = self.variable(from, ty);
                let to = self.assign(to, ty);
                self.push(Operation::Copy { to, from });
            }
            None if known == Known::Opaque => return self.leave("a value that is no number is moved"),
            None => self.set(to, known),
        }
        if take && to != from {
            self.set(from, Known::Absent);
        }
        Then::Next
    }

    fn branch(&mut self, condition: Register, when: bool, target: u16) -> Then {
        let condition = self.variable(condition, Type::Bool);
        let (target, next) = (usize::from(target), self.at + 1);
        if !when && self.counts_where(condition, target) {
            return Then::Next;
        }
        let (if_true, if_false) = if when { (target, next) } else { (next, target) };
        self.go_to_either(condition, if_true, if_false);
        Then::Ended
    }

    fn jump_unless(&mut self, operator: Comparison, operands: (Option<Number>, Option<Number>), target: usize) -> Then {
        let (Some(a), Some(b)) = operands else { return self.leave("something else than numbers is compared") };
        let holds = self.temporary(Type::Bool);
        if !self.compare(operator, holds, a, b) {
            return self.leave("bools are ordered");
        }
        if self.counts_where(holds, target) {
            return Then::Next;
        }
        self.go_to_either(holds, self.at + 1, target);
        Then::Ended
    }

    /// Where a condition guards nothing but `x = x + 1`, adds what it says without a branch, which processors often guess
    /// wrong; whether it is such a place. An overflow is found as before: where the condition does not hold, there is none.
    fn counts_where(&mut self, condition: Variable, target: usize) -> bool {
        let next = self.at + 1;
        let Some(&Instruction::AddInt { to, a, value }) = self.code.instructions.get(next) else { return false };
        let is_alone = target == next + 1 && self.start.extent.contains(&next) && !self.flow.leaders[next];
        if !is_alone || to != a || self.known(to) != Known::Int {
            return false;
        }
        let exit = self.exit(false);
        let (then, otherwise) = (self.constant(Constant::Int(i64::from(value))), self.constant(Constant::Int(0)));
        let added = self.temporary(Type::Int);
        self.push(Operation::Choose { to: added, condition, then, otherwise });
        let to = self.assign(to, Type::Int);
        self.push(Operation::Int { operator: IntOperator::Add, to, a: to, b: added, exit });
        self.at = next;
        true
    }

    fn loop_range(&mut self, closed: bool, base: Register) -> Then {
        if [base, base + 1, base + 2].iter().any(|&r| self.known(r) != Known::Int) {
            return self.leave("the ends of a range are no ints");
        }
        let exit = self.exit(false);
        let [start, end, step] = [base, base + 1, base + 2].map(|r| self.variable(r, Type::Int));
        // The count stands where the end was.
        self.push(Operation::RangeCount { closed, to: end, start, end, step, exit });
        Then::Next
    }

    fn loop_next(&mut self, base: Register, item: Register, target: usize) -> Then {
        if self.known(base + 1) != Known::Int {
            return self.leave("a loop goes over something else than a range or a list of numbers");
        }
        let (counter, more) = (self.variable(base + 1, Type::Int), self.temporary(Type::Bool));
        match self.known(base) {
            Known::Int if self.known(base + 2) == Known::Int => {
                let body = self.new_block();
                let at = self.variable(base, Type::Int);
                let known = self.flow.step_of(self.maker.image, self.code, self.at, base);
                let zero = self.constant(Constant::Int(0));
                self.push(Operation::CompareInt { order: Order::NotEqual, to: more, a: counter, b: zero });
                self.choose(more, body, target);
                let item = self.assign(item, Type::Int);
                let minus_one = self.constant(Constant::Int(-1));
                let step = match known {
                    Some(known) => self.constant(Constant::Int(known)),
                    None => self.variable(base + 2, Type::Int),
                };
                self.push(Operation::Copy { to: item, from: at });
                self.push(Operation::WrappingAdd { to: at, a: at, b: step });
                self.push(Operation::WrappingAdd { to: counter, a: counter, b: minus_one });
            }
            Known::Array(number) if self.layout(number) != Layout::Matrix => {
                let body = self.new_block();
                let (array, length) = (Array(u32::from(number)), self.temporary(Type::Int));
                self.push(Operation::Length { to: length, array });
                self.push(Operation::CompareInt { order: Order::Less, to: more, a: counter, b: length });
                self.choose(more, body, target);
                let exit = self.exit(false);
                let ty = self.kind(number).element.value_type();
                let one = self.constant(Constant::Int(1));
                let item = self.assign(item, ty);
                self.push(Operation::Load {
                    to: item,
                    array,
                    index: counter,
                    column: None,
                    from_end: false,
                    is_inside: false,
                    exit,
                });
                self.push(Operation::WrappingAdd { to: counter, a: counter, b: one });
            }
            _ => return self.leave("a loop goes over something else than a range or a list of numbers"),
        }
        Then::Next
    }

    /// Goes on in `body` if the condition holds, else at the code at `otherwise`.
    fn choose(&mut self, condition: Variable, body: nexus_jit::ir::BlockId, otherwise: usize) {
        let state = self.state.clone();
        let otherwise = self.version(otherwise, &state);
        self.end(End::Branch { condition, then: body, otherwise });
        self.go_on_in(body);
    }

    fn call(&mut self, callee: u32, start: Register) -> Then {
        let params = self.maker.image.functions[callee as usize].params;
        let (mut arguments, mut arrays, mut known, mut kinds) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for register in start..start + params {
            known.push(match self.known(register) {
                Known::Array(number) => {
                    arrays.push(Array(u32::from(number)));
                    kinds.push(self.kind(number));
                    Known::Array(kinds.len() as u16 - 1)
                }
                Known::Opaque | Known::Dead => return self.leave("a function is given something else than numbers"),
                simple => {
                    arguments.extend(self.number(register).map(|(variable, _)| variable));
                    simple
                }
            });
        }
        match self.maker.callee(callee, known, kinds) {
            Callee::Ready(function, result) => {
                let exit = self.exit(false);
                for register in start..start + params {
                    self.set(register, Known::Dead);
                }
                let to = result.map(|ty| self.assign(start, ty));
                if to.is_none() {
                    self.set(start, Known::None);
                }
                self.push(Operation::Call { function, arguments, arrays, to, exit, open: 0 });
                Then::Next
            }
            Callee::Pending => {
                self.incomplete = true;
                let exit = self.exit(true);
                self.end(End::Exit(exit));
                Then::Ended
            }
            Callee::Refused(why) => self.leave(why),
        }
    }

    fn return_value(&mut self, from: Register) -> Then {
        let value = match self.known(from) {
            Known::None => None,
            known if known.ty().is_some() => self.number(from).map(|(variable, _)| variable),
            _ => return self.leave("a function returns something else than a number"),
        };
        self.note_result(self.known(from).ty());
        self.end(End::Return(value));
        Then::Ended
    }

    fn note_result(&mut self, ty: Option<Type>) {
        if !self.results.contains(&ty) {
            self.results.push(ty);
        }
    }

    fn index(&mut self, to: Register, object: Register, index: Register) -> Then {
        let (Known::Array(number), Known::Int) = (self.known(object), self.known(index)) else {
            return self.leave("an element is read that is no number of a list");
        };
        if self.layout(number) == Layout::Matrix {
            return self.leave("a row of a tensor is read");
        }
        let exit = self.exit(false);
        let from_end = self.flow.may_be_negative(index);
        let index = self.variable(index, Type::Int);
        let to = self.assign(to, self.kind(number).element.value_type());
        self.push(Operation::Load {
            to,
            array: Array(u32::from(number)),
            index,
            column: None,
            from_end,
            is_inside: false,
            exit,
        });
        Then::Next
    }

    /// What is known of an array of the function.
    pub(super) fn kind(&self, number: u16) -> ArrayKind {
        self.start.arrays[usize::from(number)].kind
    }

    fn layout(&self, number: u16) -> Layout {
        self.kind(number).layout
    }

    /// `object[i, j]` of a matrix; the object and its indices stand from `start`.
    fn slice(&mut self, to: Register, start: Register, axes: usize) -> Then {
        let two = matches!(self.maker.image.axes[axes].as_slice(), [AxisShape::Value, AxisShape::Value]);
        let (Known::Array(number), true) = (self.known(start), two) else {
            return self.leave("a part of a value is read that is no number");
        };
        let ints = self.known(start + 1) == Known::Int && self.known(start + 2) == Known::Int;
        if !ints || self.layout(number) != Layout::Matrix {
            return self.leave("a part of a value is read that is no number");
        }
        let exit = self.exit(false);
        let [index, column] = [start + 1, start + 2].map(|register| self.variable(register, Type::Int));
        (start..start + 3).for_each(|register| self.set(register, Known::Absent));
        let from_end = self.flow.may_be_negative(start + 1) || self.flow.may_be_negative(start + 2);
        let to = self.assign(to, self.kind(number).element.value_type());
        self.push(Operation::Load {
            to,
            array: Array(u32::from(number)),
            index,
            column: Some(column),
            from_end,
            is_inside: false,
            exit,
        });
        Then::Next
    }

    /// `object[i, j] = value` of a matrix; the indices and the value stand from `start`.
    fn set_path(&mut self, object: Register, path: usize, start: Register) -> Then {
        let two = match self.maker.image.paths[path].as_slice() {
            [StepShape::Index(axes)] => axes.as_slice() == [AxisShape::Value, AxisShape::Value],
            _ => false,
        };
        let (Known::Array(number), true) = (self.known(object), two) else {
            return self.leave("a part of a value is changed that is no number");
        };
        let ints = self.known(start) == Known::Int && self.known(start + 1) == Known::Int;
        if !ints || self.layout(number) != Layout::Matrix {
            return self.leave("a part of a value is changed that is no number");
        }
        let [index, column] = [start, start + 1].map(|register| self.variable(register, Type::Int));
        let from_end = self.flow.may_be_negative(start) || self.flow.may_be_negative(start + 1);
        let then = self.store((object, number), (index, Some(column), from_end), start + 2);
        if matches!(then, Then::Next) {
            (start..start + 3).for_each(|register| self.set(register, Known::Absent));
        }
        then
    }

    /// Changes an element of an array to what a register holds.
    fn store(
        &mut self,
        (object, number): (Register, u16),
        (index, column, from_end): (Variable, Option<Variable>, bool),
        value: Register,
    ) -> Then {
        let Some((value, ty)) = self.number(value) else {
            return self.leave("an element is written that is no number");
        };
        let ArrayKind { element, layout } = self.kind(number);
        // A list takes the kind of what it is given; a tensor of doubles takes ints as doubles.
        let widened = layout != Layout::List && element == Element::Scalar && ty == Type::Int;
        if element.value_type() != ty && !widened {
            return self.leave("a list or tensor gets an item of another type");
        }
        // What has two names is copied when one of them changes it.
        let shared = (0..self.state.len()).any(|r| {
            r != usize::from(object) && self.state[r] == Known::Array(number) && self.flow.is_live(self.at + 1, r)
        });
        if shared || !self.start.outermost {
            return self.leave("a list or tensor is changed that somebody else has too");
        }
        self.start.arrays[usize::from(number)].writable = true;
        let exit = self.exit(false);
        let value = if widened { self.scalar((value, ty)) } else { value };
        self.push(Operation::Store {
            array: Array(u32::from(number)),
            index,
            column,
            from_end,
            is_inside: false,
            value,
            exit,
        });
        Then::Next
    }

    fn set_index(&mut self, object: Register, index: Register, value: Register) -> Then {
        let (Known::Array(number), Known::Int) = (self.known(object), self.known(index)) else {
            return self.leave("an element is written that is no number of a list");
        };
        if self.layout(number) == Layout::Matrix {
            return self.leave("a row of a tensor is changed");
        }
        let from_end = self.flow.may_be_negative(index);
        let index = self.variable(index, Type::Int);
        self.store((object, number), (index, None, from_end), value)
    }

    fn check_type(&mut self, register: Register, check: usize) -> Then {
        let fits = match (&self.maker.image.checks[check].declared, self.known(register)) {
            (Declared::Any, _) => true,
            (Declared::Scalar, Known::Int) => {
                let from = self.variable(register, Type::Int);
                let to = self.assign(register, Type::Scalar);
                self.push(Operation::ToScalar { to, from });
                true
            }
            (Declared::Int, Known::Int)
            | (Declared::Scalar, Known::Scalar)
            | (Declared::Bool, Known::Bool)
            | (Declared::None, Known::None) => true,
            (Declared::List, Known::Array(number)) => self.layout(number) == Layout::List,
            (Declared::Tensor { dtype: None, dims: None }, Known::Array(number)) => self.layout(number) != Layout::List,
            _ => false,
        };
        if fits { Then::Next } else { self.leave("a declared type is checked that is no number's") }
    }
}

/// A number or bool as a constant.
pub(super) fn constant_of(value: &Value) -> Option<Constant> {
    Some(match value {
        Value::Int(v) => Constant::Int(*v),
        Value::Scalar(v) => Constant::Scalar(*v),
        Value::Bool(v) => Constant::Bool(*v),
        _ => return None,
    })
}
