//! Statements.

use super::{LoopLabels, Lowering, reads};
use crate::hir::{Axis, Declared, Expr, ExprKind, LocalId, Place, Statement, StatementKind, Step};
use crate::ir::{Instruction, Register, StepShape};

impl Lowering<'_> {
    pub(super) fn block(&mut self, block: &[Statement]) {
        block.iter().for_each(|statement| self.statement(statement));
    }

    pub(super) fn statement(&mut self, statement: &Statement) {
        let mark = self.next;
        self.span = statement.span;
        match &statement.kind {
            StatementKind::Bind { place, declared, value, .. } => {
                let watched = self.before_change(*place);
                self.bind(*place, declared.as_ref(), value);
                self.after_change(*place, watched);
            }
            StatementKind::Assign { place, path, value, target } => {
                let watched = self.before_change(*place);
                self.assign(*place, path, value, *target);
                self.after_change(*place, watched);
            }
            StatementKind::Expr(value) => {
                self.operand(value);
            }
            StatementKind::If { branches, otherwise } => self.conditional(branches, otherwise),
            StatementKind::While { condition, body } => {
                let head = self.here();
                let exits = self.jump_unless(condition);
                self.loop_body(head, exits, body);
            }
            StatementKind::For { place, iterable, body, spread } => match spread {
                Some(spread) if self.can_spread(spread) => self.parallel_loop(*place, iterable, body, spread),
                _ => self.for_loop(*place, iterable, body),
            },
            StatementKind::When(index) => {
                let flag = self.whens[*index].0;
                self.emit(Instruction::Bool { to: flag, value: true });
            }
            StatementKind::Break => {
                let jump = self.emit(Instruction::Jump { target: 0 });
                if let Some(labels) = self.loops.last_mut() {
                    labels.breaks.push(jump);
                }
            }
            StatementKind::Continue => {
                if let Some(labels) = self.loops.last() {
                    let target = labels.head;
                    self.emit(Instruction::Loop { target });
                }
            }
            StatementKind::Return(Some(value)) => self.return_value(value),
            StatementKind::Return(None) => {
                self.emit(Instruction::ReturnNone);
            }
        }
        self.next = mark;
    }

    pub(super) fn return_value(&mut self, value: &Expr) {
        let declared = self.function.returns.clone();
        let from = match declared {
            Some(declared) if declared != Declared::Any && !self.facts.is_proven(self.id, value.span) => {
                let register = self.temporary();
                self.expression_to(value, register);
                self.span = value.span;
                let what = format!("the result of `{}`", self.function.name);
                self.check_type(register, &declared, what);
                register
            }
            _ => self.operand(value),
        };
        self.emit(Instruction::Return { from });
    }

    fn bind(&mut self, place: Place, declared: Option<&Declared>, value: &Expr) {
        let declared = declared.filter(|_| !self.facts.is_proven(self.id, value.span));
        let name = |lowering: &Self, id: LocalId| lowering.function.locals[id as usize].name.clone();
        match place {
            Place::Local(id) => {
                let register = self.locals[id as usize];
                let watched = self.function.whens.iter().any(|w| w.place == place);
                if !watched && reads::count(self.program, value, id) == 1 {
                    self.dying = Some(id);
                }
                self.expression_to(value, register);
                self.dying = None;
                if let Some(declared) = declared {
                    self.span = value.span;
                    let what = format!("`{}`", name(self, id));
                    self.check_type(register, declared, what);
                }
            }
            Place::Global(global) => {
                let from = self.temporary();
                self.expression_to(value, from);
                if let Some(declared) = declared {
                    self.span = value.span;
                    let what = format!("`{}`", self.program.globals[global as usize].name);
                    self.check_type(from, declared, what);
                }
                self.emit(Instruction::SetGlobal { global, from });
            }
        }
    }

    fn assign(&mut self, place: Place, path: &[Step], value: &Expr, target: crate::source::ByteSpan) {
        if let (Some(object), [Step::Index(axes)]) = (self.register(place), path)
            && let [Axis::Expr(index)] = axes.as_slice()
            && !matches!(index.kind, ExprKind::Range { .. })
        {
            let value = self.operand(value);
            let index = self.operand(index);
            self.span = target;
            self.emit(Instruction::SetIndex { object, index, value });
            return;
        }
        let new = self.temporary();
        self.expression_to(value, new);
        let start = self.next as Register;
        let mut shapes = Vec::with_capacity(path.len());
        for step in path {
            shapes.push(match step {
                Step::Field(name) => StepShape::Field(name.clone()),
                Step::Index(axes) => StepShape::Index(self.axis_values(axes)),
            });
        }
        let last = self.temporary();
        self.emit(Instruction::Take { to: last, from: new });
        self.span = target;
        let path = self.pool.path(shapes);
        match place {
            Place::Local(id) => {
                let object = self.locals[id as usize];
                self.emit(Instruction::SetPath { object, path, start });
            }
            Place::Global(global) => {
                let object = self.temporary();
                self.emit(Instruction::TakeGlobal { to: object, global });
                self.emit(Instruction::SetPath { object, path, start });
                self.emit(Instruction::SetGlobal { global, from: object });
            }
        }
    }

    fn conditional(&mut self, branches: &[(Expr, Vec<Statement>)], otherwise: &[Statement]) {
        let mut ends = Vec::new();
        for (index, (condition, block)) in branches.iter().enumerate() {
            let skips = self.jump_unless(condition);
            self.block(block);
            if index + 1 < branches.len() || !otherwise.is_empty() {
                ends.push(self.emit(Instruction::Jump { target: 0 }));
            }
            self.patch_all(skips);
        }
        self.block(otherwise);
        self.patch_all(ends);
    }

    /// The body of a loop whose head, at `head`, was emitted and leaves by `exits`.
    fn loop_body(&mut self, head: u16, exits: Vec<usize>, body: &[Statement]) {
        self.loops.push(LoopLabels { head, breaks: exits });
        let span = self.span;
        self.block(body);
        self.span = span;
        self.emit(Instruction::Loop { target: head });
        if let Some(labels) = self.loops.pop() {
            self.patch_all(labels.breaks);
        }
    }

    fn for_loop(&mut self, place: Place, iterable: &Expr, body: &[Statement]) {
        let base = self.loop_over(iterable);
        self.for_each(base, place, body);
    }

    /// A loop whose state was set up in the three registers from `base`.
    pub(super) fn for_each(&mut self, base: Register, place: Place, body: &[Statement]) {
        let item = self.register(place).unwrap_or_else(|| self.temporary());
        let head = self.here();
        let exit = self.emit(Instruction::LoopNext { base, item, target: 0 });
        if let Place::Global(global) = place {
            self.emit(Instruction::SetGlobal { global, from: item });
        }
        self.loop_body(head, vec![exit], body);
        // Nothing of what was gone over stays alive behind the loop.
        self.emit(Instruction::Clear { to: base });
    }

    /// Sets up a loop over a value; its state is in the three registers from the one returned.
    pub(super) fn loop_over(&mut self, iterable: &Expr) -> Register {
        let base = self.temporary();
        if let ExprKind::Range { start, end, closed, step } = &iterable.kind {
            let (second, third) = (self.temporary(), self.temporary());
            self.expression_to(start, base);
            self.expression_to(end, second);
            match step {
                Some(step) => self.expression_to(step, third),
                None => {
                    self.emit(Instruction::Int { to: third, value: 1 });
                }
            }
            self.span = iterable.span;
            self.emit(Instruction::LoopRange { closed: *closed, base });
        } else {
            self.expression_to(iterable, base);
            self.temporary();
            self.temporary();
            self.span = iterable.span;
            self.emit(Instruction::LoopStart { base });
        }
        base
    }

    /// Remembers the value of a watched variable before a statement that may change it.
    fn before_change(&mut self, place: Place) -> Option<Register> {
        if !self.function.whens.iter().any(|w| w.place == place) {
            return None;
        }
        let old = self.temporary();
        self.read_to(place, old);
        Some(old)
    }

    /// Runs the blocks that watch a variable, if its value is another than before.
    fn after_change(&mut self, place: Place, old: Option<Register>) {
        let Some(old) = old else { return };
        for index in 0..self.function.whens.len() {
            if self.function.whens[index].place != place {
                continue;
            }
            let mark = self.next;
            let (flag, back) = self.whens[index];
            let off = self.emit(Instruction::JumpIfBool { when: false, value: flag, target: 0 });
            let new = self.temporary();
            self.read_to(place, new);
            let same = self.emit(Instruction::JumpIfSame { a: old, b: new, target: 0 });
            // The block does not watch itself.
            self.emit(Instruction::Bool { to: flag, value: false });
            let call = self.emit(Instruction::CallBlock { back, target: 0 });
            self.when_calls.push((index, call));
            self.emit(Instruction::Bool { to: flag, value: true });
            self.patch(off);
            self.patch(same);
            self.next = mark;
        }
    }

    /// Places the blocks of `when`s behind the function, with temporaries that no other code uses: they run in the
    /// middle of other statements.
    pub(super) fn when_blocks(&mut self) {
        let function = self.function;
        let mut starts = Vec::with_capacity(function.whens.len());
        for (index, when) in function.whens.iter().enumerate() {
            self.next = self.peak;
            starts.push(self.here());
            self.block(&when.body);
            let back = self.whens[index].1;
            self.emit(Instruction::ReturnBlock { back });
        }
        for (index, call) in std::mem::take(&mut self.when_calls) {
            super::set_target(&mut self.instructions[call], starts[index]);
        }
    }
}
