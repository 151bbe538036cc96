//! What may run beside other code: `spawn`, `map` and `parallel for`.

use super::Lowering;
use crate::hir::{Expr, ExprKind, Place, Spread, Statement};
use crate::ir::{Instruction, Register};
use crate::source::ByteSpan;
use crate::vm::value::Callable;

impl Lowering<'_> {
    /// `spawn f(x)`: the arguments are evaluated here, the call waits.
    pub(super) fn spawn(&mut self, call: &Expr, span: ByteSpan, to: Register) {
        let callee = self.temporary();
        let start = self.temporary();
        let arguments: Vec<Option<&Expr>> = match &call.kind {
            ExprKind::CallFunction(id, arguments) => {
                self.closure(*id, callee);
                arguments.iter().map(Option::as_ref).collect()
            }
            ExprKind::CallOp(op, arguments) => {
                self.library_function(callee, Callable::Op(op));
                arguments.iter().map(Option::as_ref).collect()
            }
            ExprKind::CallBuiltin(id, arguments) => {
                self.library_function(callee, Callable::Builtin(*id));
                arguments.iter().map(Some).collect()
            }
            ExprKind::CallValue(function, arguments) => {
                self.expression_to(function, callee);
                arguments.iter().map(Some).collect()
            }
            // What goes over a list spreads by itself.
            _ => {
                self.expression_to(call, start);
                self.span = span;
                return self.put(Instruction::Spawn { to, from: start });
            }
        };
        let count = arguments.len().min(usize::from(u8::MAX)) as u8;
        self.arguments(start, arguments.into_iter());
        self.span = span;
        self.put(Instruction::Defer { count, callee, start });
        self.put(Instruction::CallValue { count, callee, start });
        self.put(Instruction::Spawn { to: start, from: start });
        self.put(Instruction::Take { to, from: start });
    }

    /// Whether the iterations of a `parallel for` may run as calls here: blocks that watch variables run in between, and
    /// a variable without a value can be left alone by an iteration but not taken along by a call.
    pub(super) fn can_spread(&self, spread: &Spread) -> bool {
        let captures = &self.program.functions[spread.function as usize].captures;
        let may_be_unset = |place| matches!(place, Place::Local(id) if self.facts.may_be_unset(self.id, id));
        self.function.whens.is_empty() && !captures.iter().any(|capture| may_be_unset(capture.outer))
    }

    /// `parallel for`: the iterations on several threads and then their updates where that is worth it, else a loop.
    pub(super) fn parallel_loop(&mut self, place: Place, iterable: &Expr, body: &[Statement], spread: &Spread) {
        let span = self.span;
        let callee = self.temporary();
        let base = self.temporary();
        self.temporary();
        self.temporary();
        self.closure(spread.function, callee);
        self.expression_to(iterable, base);
        self.span = iterable.span;
        let spreads = self.emit(Instruction::FanOut { callee, list: base, target: 0, again: true });
        // What the function took along is its own no more: the loop may change it in place.
        self.put(Instruction::Clear { to: callee });
        self.put(Instruction::LoopStart { base });
        self.span = span;
        self.for_each(base, place, body);
        let through = self.emit(Instruction::Jump { target: 0 });
        self.patch(spreads);
        self.put(Instruction::Clear { to: callee });
        self.put(Instruction::Take { to: self.locals[spread.results as usize], from: base });
        self.block(&spread.replay);
        self.put(Instruction::Clear { to: self.locals[spread.results as usize] });
        self.patch(through);
    }

    /// `map`, with the function in `callee`: on several threads where that is worth it, else a loop.
    pub(super) fn map(&mut self, (callee, result): (Register, Register), over: &Expr, span: ByteSpan, to: Register) {
        self.expression_to(over, result);
        self.span = over.span;
        let spread = self.emit(Instruction::FanOut { callee, list: result, target: 0, again: false });
        let base = self.temporary();
        self.temporary();
        self.temporary();
        self.put(Instruction::Take { to: base, from: result });
        self.put(Instruction::LoopStart { base });
        self.span = span;
        self.put(Instruction::List { to: result, start: 0, count: 0 });
        let window = self.temporary();
        let head = self.here();
        let exit = self.emit(Instruction::LoopNext { base, item: window, target: 0 });
        self.put(Instruction::CallValue { count: 1, callee, start: window });
        self.put(Instruction::Append { list: result, item: window });
        self.put(Instruction::Loop { target: head });
        self.patch(exit);
        self.put(Instruction::Clear { to: base });
        self.patch(spread);
        self.put(Instruction::Clear { to: callee });
        self.put(Instruction::Take { to, from: result });
    }
}
