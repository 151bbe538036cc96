//! Expressions.

use super::Lowering;
use crate::ast::{BinaryOperator, Comparison, Name, UnaryOperator};
use crate::hir::{Axis, Expr, ExprKind, Fold, FunctionId, Place};
use crate::ir::{AxisShape, Instruction, Register};
use crate::source::ByteSpan;
use crate::vm::value::{Callable, Value};

/// Items of a list that are built in registers at once.
const LIST_CHUNK: usize = 64;

impl Lowering<'_> {
    /// A register with the value of `expr`: the variable's own where it is one, else a new temporary.
    pub(super) fn operand(&mut self, expr: &Expr) -> Register {
        if let ExprKind::Read(Place::Local(id)) = expr.kind {
            self.check_set(Place::Local(id), expr.span);
            return self.locals[id as usize];
        }
        let to = self.temporary();
        self.expression_to(expr, to);
        to
    }

    /// Stops the program where a variable that may be without a value is read.
    fn check_set(&mut self, place: Place, span: ByteSpan) {
        if let Place::Local(id) = place
            && self.facts.may_be_unset(self.id, id)
        {
            let name = self.pool.name(&self.function.locals[id as usize].name);
            self.span = span;
            self.emit(Instruction::CheckSet { register: self.locals[id as usize], name });
        }
    }

    /// Copies a variable, set or not, without a check.
    pub(super) fn read_to(&mut self, place: Place, to: Register) {
        match place {
            Place::Local(id) => self.emit(Instruction::Copy { to, from: self.locals[id as usize] }),
            Place::Global(global) => self.emit(Instruction::GetGlobal { to, global }),
        };
    }

    /// Evaluates `expr` into `to`. Temporaries above the ones in use are free again behind it.
    pub(super) fn expression_to(&mut self, expr: &Expr, to: Register) {
        let mark = self.next;
        self.evaluate(expr, to);
        self.next = mark;
    }

    fn evaluate(&mut self, expr: &Expr, to: Register) {
        let span = expr.span;
        self.span = span;
        match &expr.kind {
            ExprKind::Invalid | ExprKind::None => self.put(Instruction::None { to }),
            ExprKind::Bool(value) => self.put(Instruction::Bool { to, value: *value }),
            ExprKind::Int(value) => match i32::try_from(*value) {
                Ok(value) => self.put(Instruction::Int { to, value }),
                Err(_) => self.constant(to, Value::Int(*value)),
            },
            ExprKind::Scalar(value) => self.constant(to, Value::Scalar(*value)),
            ExprKind::Str(text) => {
                let index = self.pool.string(text);
                self.put(Instruction::Constant { to, index });
            }
            ExprKind::Read(place) => {
                self.check_set(*place, span);
                self.span = span;
                match place {
                    Place::Local(id) if self.dying == Some(*id) => {
                        self.put(Instruction::Take { to, from: self.locals[*id as usize] });
                    }
                    place => self.read_to(*place, to),
                }
            }
            ExprKind::Function(id) => self.closure(*id, to),
            ExprKind::Closure(id) => self.closure(*id, to),
            ExprKind::Op(op) => self.library_function(to, Callable::Op(op)),
            ExprKind::Builtin(id) => self.library_function(to, Callable::Builtin(*id)),
            ExprKind::List(items) => self.list(items, span, to),
            ExprKind::Record(fields) => self.record(fields, span, to),
            ExprKind::Unary(operator, operand) => self.unary(*operator, operand, span, to),
            ExprKind::Binary(operator, a, b) => self.binary(*operator, a, b, span, to),
            ExprKind::Compare(operands, operators) => self.comparison(operands, operators, span, to),
            ExprKind::And(a, b) => self.logic(true, a, b, span, to),
            ExprKind::Or(a, b) => self.logic(false, a, b, span, to),
            ExprKind::Range { start, end, closed, step } => self.range(start, end, *closed, step.as_deref(), span, to),
            ExprKind::CallFunction(..) | ExprKind::CallOp(..) | ExprKind::CallBuiltin(..) | ExprKind::CallValue(..) => {
                self.call(expr, to);
            }
            ExprKind::Fold(fold, function, over, start) => self.fold(*fold, function, over, start.as_deref(), span, to),
            ExprKind::Index(target, axes) => self.index(target, axes, span, to),
            ExprKind::Field(target, name) => {
                let object = self.operand(target);
                self.span = span;
                let name = self.pool.name(name);
                self.put(Instruction::Field { to, object, name });
            }
            ExprKind::Spawn(call) => self.spawn(call, span, to),
            ExprKind::Await(handle) => {
                let from = self.operand(handle);
                self.span = span;
                self.put(Instruction::Await { to, from });
            }
        }
    }

    pub(super) fn put(&mut self, instruction: Instruction) {
        self.emit(instruction);
    }

    fn constant(&mut self, to: Register, value: Value) {
        let index = self.pool.constant(value);
        self.put(Instruction::Constant { to, index });
    }

    pub(super) fn library_function(&mut self, to: Register, callable: Callable) {
        let index = self.pool.library(Value::library(callable));
        self.put(Instruction::LibraryFunction { to, index });
    }

    pub(super) fn closure(&mut self, id: FunctionId, to: Register) {
        let program = self.program;
        let start = self.next as Register;
        for capture in &program.functions[id as usize].captures {
            let slot = self.temporary();
            self.read_to(capture.outer, slot);
        }
        self.put(Instruction::Closure { to, start, function: id.min(u32::from(u16::MAX)) as u16 });
    }

    fn list(&mut self, items: &[Expr], span: ByteSpan, to: Register) {
        if let Some(value) = constant_list(items) {
            return self.constant(to, value);
        }
        let (first, rest) = items.split_at(items.len().min(LIST_CHUNK));
        // The list may be built in the variable that its items read.
        let list = if rest.is_empty() { to } else { self.temporary() };
        let mark = self.next;
        let start = self.next as Register;
        for item in first {
            let slot = self.temporary();
            self.expression_to(item, slot);
        }
        self.span = span;
        self.put(Instruction::List { to: list, start, count: first.len() as u16 });
        self.next = mark;
        for item in rest {
            let item = self.operand(item);
            self.put(Instruction::Append { list, item });
            self.next = mark;
        }
        if list != to {
            self.put(Instruction::Take { to, from: list });
        }
    }

    fn record(&mut self, fields: &[(Name, Expr)], span: ByteSpan, to: Register) {
        let start = self.next as Register;
        for (_, value) in fields {
            let slot = self.temporary();
            self.expression_to(value, slot);
        }
        self.span = span;
        let shape = self.pool.record(fields.iter().map(|(name, _)| name.clone()).collect());
        self.put(Instruction::Record { to, start, shape });
    }

    fn unary(&mut self, operator: UnaryOperator, operand: &Expr, span: ByteSpan, to: Register) {
        match (operator, &operand.kind) {
            (UnaryOperator::Negate, ExprKind::Int(value)) if i32::try_from(-*value).is_ok() => {
                self.put(Instruction::Int { to, value: -*value as i32 });
            }
            (UnaryOperator::Negate, ExprKind::Scalar(value)) => self.constant(to, Value::Scalar(-*value)),
            _ => {
                let a = self.operand(operand);
                self.span = span;
                self.put(match operator {
                    UnaryOperator::Negate => Instruction::Negate { to, a },
                    UnaryOperator::Not => Instruction::Not { to, a },
                });
            }
        }
    }

    fn binary(&mut self, operator: BinaryOperator, a: &Expr, b: &Expr, span: ByteSpan, to: Register) {
        let left = self.operand(a);
        if let (BinaryOperator::Add | BinaryOperator::Subtract, ExprKind::Int(value)) = (operator, &b.kind)
            && let Ok(value) = i16::try_from(if operator == BinaryOperator::Add { *value } else { -*value })
            && value != i16::MIN
        {
            self.span = span;
            return self.put(Instruction::AddInt { to, a: left, value });
        }
        let right = self.operand(b);
        self.span = span;
        self.put(match operator {
            BinaryOperator::Add => Instruction::Add { to, a: left, b: right },
            BinaryOperator::Subtract => Instruction::Subtract { to, a: left, b: right },
            BinaryOperator::Multiply => Instruction::Multiply { to, a: left, b: right },
            operator => Instruction::Binary { operator, to, a: left, b: right },
        });
    }

    /// `a < b < c` is `a < b and b < c` with `b` evaluated once.
    fn comparison(&mut self, operands: &[Expr], operators: &[Comparison], span: ByteSpan, to: Register) {
        if let ([a, b], [operator]) = (operands, operators) {
            let (a, b) = (self.operand(a), self.operand(b));
            self.span = span;
            return self.put(Instruction::Compare { operator: *operator, to, a, b });
        }
        let result = self.temporary();
        let mut left = self.operand(&operands[0]);
        let mut ends = Vec::new();
        for (index, operator) in operators.iter().enumerate() {
            let right = self.temporary();
            self.expression_to(&operands[index + 1], right);
            self.span = span;
            // The operand in the middle is needed once more, so that it is copied.
            let b = self.temporary();
            self.put(Instruction::Copy { to: b, from: right });
            if index == 0 {
                self.put(Instruction::Compare { operator: *operator, to: result, a: left, b });
            } else {
                let part = self.temporary();
                self.put(Instruction::Compare { operator: *operator, to: part, a: left, b });
                self.put(Instruction::And { to: result, a: result, b: part });
            }
            if index + 1 < operators.len() {
                ends.push(self.emit(Instruction::JumpIfBool { when: false, value: result, target: 0 }));
            }
            left = right;
        }
        self.patch_all(ends);
        self.put(Instruction::Take { to, from: result });
    }

    /// `and` and `or`: the right operand is evaluated only where the left one does not decide.
    fn logic(&mut self, and: bool, a: &Expr, b: &Expr, span: ByteSpan, to: Register) {
        let result = self.temporary();
        self.expression_to(a, result);
        self.span = a.span;
        let decided = self.emit(Instruction::JumpIfBool { when: !and, value: result, target: 0 });
        let right = self.operand(b);
        self.span = span;
        self.put(if and {
            Instruction::And { to: result, a: result, b: right }
        } else {
            Instruction::Or { to: result, a: result, b: right }
        });
        self.patch(decided);
        self.put(Instruction::Take { to, from: result });
    }

    fn range(&mut self, start: &Expr, end: &Expr, closed: bool, step: Option<&Expr>, span: ByteSpan, to: Register) {
        let first = self.temporary();
        self.expression_to(start, first);
        let second = self.temporary();
        self.expression_to(end, second);
        let third = self.temporary();
        match step {
            Some(step) => self.expression_to(step, third),
            None => self.put(Instruction::Int { to: third, value: 1 }),
        }
        self.span = span;
        self.put(Instruction::Range { closed, to, start: first });
    }

    /// Where the arguments of a call begin: at `to` itself if that is the newest temporary, so that the result needs no
    /// move.
    fn call_window(&mut self, to: Register) -> Register {
        let newest = usize::from(to) + 1 == self.next && usize::from(to) >= self.first_temporary;
        if newest { to } else { self.temporary() }
    }

    pub(super) fn arguments<'e>(&mut self, start: Register, arguments: impl Iterator<Item = Option<&'e Expr>>) {
        self.next = usize::from(start);
        for argument in arguments {
            let slot = self.temporary();
            match argument {
                Some(value) => self.expression_to(value, slot),
                None => self.put(Instruction::Clear { to: slot }),
            }
        }
        self.next = self.next.max(usize::from(start) + 1);
        self.peak = self.peak.max(self.next);
    }

    fn call(&mut self, expr: &Expr, to: Register) {
        let span = expr.span;
        let callee = match &expr.kind {
            ExprKind::CallValue(callee, _) => self.operand(callee),
            _ => 0,
        };
        let start = match &expr.kind {
            // A callee in a temporary above `to` stands in the way.
            ExprKind::CallValue(..) => self.temporary(),
            _ => self.call_window(to),
        };
        match &expr.kind {
            ExprKind::CallFunction(id, arguments) => {
                self.arguments(start, arguments.iter().map(Option::as_ref));
                self.span = span;
                self.put(Instruction::Call { function: (*id).min(u32::from(u16::MAX)) as u16, start });
            }
            ExprKind::CallOp(op, arguments) => {
                self.arguments(start, arguments.iter().map(Option::as_ref));
                self.span = span;
                let op = self.pool.op(op);
                return self.put(Instruction::CallOp { op, to, start });
            }
            ExprKind::CallBuiltin(builtin, arguments) => {
                self.arguments(start, arguments.iter().map(Some));
                self.span = span;
                let count = arguments.len().min(usize::from(u8::MAX)) as u8;
                return self.put(Instruction::CallBuiltin { count, builtin: *builtin, to, start });
            }
            ExprKind::CallValue(_, arguments) => {
                self.arguments(start, arguments.iter().map(Some));
                self.span = span;
                let count = arguments.len().min(usize::from(u8::MAX)) as u8;
                self.put(Instruction::CallValue { count, callee, start });
            }
            _ => {}
        }
        if to != start {
            self.put(Instruction::Take { to, from: start });
        }
    }

    /// `filter` and `reduce` are loops that call a value.
    fn fold(&mut self, fold: Fold, function: &Expr, over: &Expr, start: Option<&Expr>, span: ByteSpan, to: Register) {
        let callee = self.temporary();
        self.expression_to(function, callee);
        let result = self.temporary();
        if fold == Fold::Map {
            return self.map((callee, result), over, span, to);
        }
        match (fold, start) {
            (Fold::Reduce, Some(start)) => self.expression_to(start, result),
            (Fold::Reduce, None) => self.put(Instruction::Clear { to: result }),
            _ => self.put(Instruction::List { to: result, start: 0, count: 0 }),
        }
        let base = self.loop_over(over);
        self.span = span;
        let item = self.temporary();
        let window = self.temporary();
        let second = self.temporary();
        let head = self.here();
        let exit = self.emit(Instruction::LoopNext { base, item, target: 0 });
        match fold {
            Fold::Map | Fold::Filter => {
                self.put(Instruction::Copy { to: window, from: item });
                self.put(Instruction::CallValue { count: 1, callee, start: window });
                let skip = self.emit(Instruction::JumpIf { when: false, condition: window, target: 0 });
                self.put(Instruction::Append { list: result, item });
                self.patch(skip);
            }
            Fold::Reduce => {
                let set = self.emit(Instruction::JumpIfSet { register: result, target: 0 });
                self.put(Instruction::Take { to: result, from: item });
                let first = self.emit(Instruction::Jump { target: 0 });
                self.patch(set);
                self.put(Instruction::Take { to: window, from: result });
                self.put(Instruction::Take { to: second, from: item });
                self.put(Instruction::CallValue { count: 2, callee, start: window });
                self.put(Instruction::Take { to: result, from: window });
                self.patch(first);
            }
        }
        self.put(Instruction::Loop { target: head });
        self.patch(exit);
        self.put(Instruction::Clear { to: base });
        if fold == Fold::Reduce {
            let name = self.pool.name(&"reduce of an empty list".into());
            self.put(Instruction::CheckSet { register: result, name });
        }
        self.put(Instruction::Clear { to: callee });
        self.put(Instruction::Take { to, from: result });
    }

    fn index(&mut self, target: &Expr, axes: &[Axis], span: ByteSpan, to: Register) {
        if let [Axis::Expr(index)] = axes
            && !matches!(index.kind, ExprKind::Range { .. })
        {
            let object = self.operand(target);
            let index = self.operand(index);
            self.span = span;
            return self.put(Instruction::Index { to, object, index });
        }
        let start = self.temporary();
        self.expression_to(target, start);
        let axes = self.axis_values(axes);
        self.span = span;
        let axes = self.pool.axes(axes);
        self.put(Instruction::Slice { to, start, axes });
    }

    /// Evaluates what stands between brackets into temporaries from the next on.
    pub(super) fn axis_values(&mut self, axes: &[Axis]) -> Vec<AxisShape> {
        let mut shapes = Vec::with_capacity(axes.len());
        for axis in axes {
            shapes.push(match axis {
                Axis::All => AxisShape::All,
                Axis::Expr(Expr { kind: ExprKind::Range { start, end, closed, step }, .. }) => {
                    self.axis_value(Some(start));
                    self.axis_value(Some(end));
                    self.axis_value(step.as_deref());
                    AxisShape::Range { start: true, end: true, step: step.is_some(), closed: *closed }
                }
                Axis::Expr(value) => {
                    self.axis_value(Some(value));
                    AxisShape::Value
                }
                Axis::Open { start, end, closed, step } => {
                    [start, end, step].into_iter().for_each(|value| self.axis_value(value.as_ref()));
                    AxisShape::Range {
                        start: start.is_some(),
                        end: end.is_some(),
                        step: step.is_some(),
                        closed: *closed,
                    }
                }
            });
        }
        shapes
    }

    fn axis_value(&mut self, value: Option<&Expr>) {
        if let Some(value) = value {
            let slot = self.temporary();
            self.expression_to(value, slot);
        }
    }
}

/// The value of a list that is made of literals alone.
fn constant_list(items: &[Expr]) -> Option<Value> {
    if items.is_empty() {
        return None;
    }
    let values: Option<Vec<Value>> = items.iter().map(constant_value).collect();
    Value::list(values?).ok()
}

fn constant_value(expr: &Expr) -> Option<Value> {
    Some(match &expr.kind {
        ExprKind::None => Value::None,
        ExprKind::Bool(v) => Value::Bool(*v),
        ExprKind::Int(v) => Value::Int(*v),
        ExprKind::Scalar(v) => Value::Scalar(*v),
        ExprKind::Str(v) => Value::string(&**v),
        ExprKind::List(items) => constant_list(items)?,
        ExprKind::Unary(UnaryOperator::Negate, inner) => match inner.kind {
            ExprKind::Int(v) => Value::Int(v.checked_neg()?),
            ExprKind::Scalar(v) => Value::Scalar(-v),
            _ => return None,
        },
        _ => return None,
    })
}
