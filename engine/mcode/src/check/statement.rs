//! Statements: how what is known flows through the program.

use std::rc::Rc;

use nexus_tensor::ArgType;

use super::state::{self, State};
use super::{Checker, LoopStates, statements, types};
use crate::codes::Code;
use crate::hir::{Declared, Expr, LocalId, Place, Spread, Statement, StatementKind, Step};
use crate::source::ByteSpan;

/// Loops inside each other of which the types are worked out; deeper ones forget what they assign.
const LOOPS_MAX: usize = 3;

/// Looks that are taken at the body of a loop. Behind the last but one nothing is said of types that still move.
const LOOKS_MAX: usize = 4;

/// The state at the head of a loop that was looked at: the type of what moved is given up; in the end, of all that the loop
/// assigns.
fn widened<'p>(head: State<'p>, mut next: State<'p>, assigned: &[LocalId], look: usize) -> State<'p> {
    if look + 2 == LOOKS_MAX {
        let mut head = head;
        head.enter_loop(assigned, true);
        return head;
    }
    for &local in assigned {
        let (old, new) = (&head.slots[local as usize].ty, &mut next.slots[local as usize]);
        if *old != new.ty {
            new.ty = Rc::new(ArgType::Unknown);
        }
    }
    next
}

impl<'p> Checker<'p, '_> {
    pub(super) fn block(&mut self, block: &'p [Statement]) {
        for statement in block {
            if !self.state.reachable {
                if self.silent == 0 {
                    self.reporter
                        .warning(Code::Unreachable, statement.span, "this can never run")
                        .help("remove it, or move what leads away behind it");
                }
                return;
            }
            self.statement(statement);
        }
    }

    fn statement(&mut self, statement: &'p Statement) {
        match &statement.kind {
            StatementKind::Bind { place, declared, annotation, value } => {
                self.bind(*place, declared.as_ref(), *annotation, value);
            }
            StatementKind::Assign { place, path, value, target } => self.assign_part(*place, path, value, *target),
            StatementKind::Expr(value) => {
                self.expression(value);
            }
            StatementKind::If { branches, otherwise } => self.conditional(branches, otherwise),
            StatementKind::While { condition, body } => self.repeat(body, |checker| checker.condition(condition), None),
            StatementKind::For { place, iterable, body, spread } => {
                let over = self.expression(iterable);
                let item = self.item_of(&over, iterable.span);
                self.repeat(body, |_| {}, Some((*place, item)));
                spread.iter().for_each(|spread| self.replayed(spread));
            }
            StatementKind::When(_) => {}
            StatementKind::Break => {
                let state = self.leave();
                if let Some(states) = self.loops.last_mut() {
                    states.breaks.push(state);
                }
            }
            StatementKind::Continue => {
                let state = self.leave();
                if let Some(states) = self.loops.last_mut() {
                    states.continues.push(state);
                }
            }
            StatementKind::Return(value) => self.return_value(value.as_ref()),
        }
    }

    /// The other form of a `parallel for`: what is certain of it is what is certain of the plain form; which variables may
    /// be without a value when it runs is noted.
    fn replayed(&mut self, spread: &'p Spread) {
        self.silent += 1;
        let before = self.state.clone();
        let program = self.program;
        for capture in &program.functions[spread.function as usize].captures {
            self.read(capture.outer, ByteSpan::default());
        }
        self.assign(spread.results, ArgType::Unknown, None);
        self.block(&spread.replay);
        self.state = before;
        self.silent -= 1;
    }

    /// The state here, behind which nothing is reached.
    fn leave(&mut self) -> State<'p> {
        let state = self.state.clone();
        self.state.reachable = false;
        state
    }

    fn return_value(&mut self, value: Option<&'p Expr>) {
        let ty = value.map_or(ArgType::None, |e| self.expression(e));
        let function = self.current();
        if let (Some(declared), Some(value)) = (&function.returns, value) {
            let what = format!("the result of `{}`", function.name);
            let place = Some((function.returns_span, "declared here"));
            self.check_declared(&ty, (declared, &function.dims), &what, value.span, place);
            self.note_proven(&ty, declared, value.span);
        }
        self.result = Some(match self.result.take() {
            Some(before) => types::join(&before, &ty),
            None => ty,
        });
        self.state.reachable = false;
    }

    fn bind(&mut self, place: Place, declared: Option<&'p Declared>, annotation: Option<ByteSpan>, value: &'p Expr) {
        let found = self.expression(value);
        let dims = &self.current().dims;
        let ty = match declared {
            None => found,
            Some(declared) => {
                let what = match place {
                    Place::Local(id) => format!("`{}`", self.current().locals[id as usize].name),
                    Place::Global(id) => format!("`{}`", self.program.globals[id as usize].name),
                };
                let place = annotation.map(|span| (span, "declared here"));
                if self.check_declared(&found, (declared, dims), &what, value.span, place) {
                    let mut known = std::mem::take(&mut self.dims);
                    self.unify(&found, (declared, dims), &mut known, &what, value.span);
                    self.dims = known;
                }
                self.note_proven(&found, declared, value.span);
                match (&found, types::of_declared(declared, dims)) {
                    (_, ArgType::Unknown) | (ArgType::Tensor(_), ArgType::Tensor(_)) => found,
                    (_, declared) => declared,
                }
            }
        };
        if let Place::Local(local) = place {
            self.assign(local, ty, Some(value));
        }
    }

    fn assign_part(&mut self, place: Place, path: &'p [Step], value: &'p Expr, target: ByteSpan) {
        self.expression(value);
        let before = self.read(place, target);
        for step in path {
            if let Step::Index(axes) = step {
                for axis in axes {
                    state::axis_expressions(axis).for_each(|e| {
                        self.expression(e);
                    });
                }
            }
        }
        if let Place::Local(local) = place {
            // A tensor keeps its dtype and shape; anything else may hold something new.
            let ty = if matches!(before, ArgType::Tensor(_)) { before } else { ArgType::Unknown };
            self.assign(local, ty, None);
        }
    }

    fn conditional(&mut self, branches: &'p [(Expr, Vec<Statement>)], otherwise: &'p [Statement]) {
        let mut joined: Option<State<'p>> = None;
        for (condition, block) in branches {
            self.condition(condition);
            let before = self.state.clone();
            self.scoped_block(block);
            let after = std::mem::replace(&mut self.state, before);
            joined = Some(match joined {
                Some(state) => state.join(after),
                None => after,
            });
        }
        self.scoped_block(otherwise);
        if let Some(joined) = joined {
            let last = std::mem::replace(&mut self.state, State::new(0));
            self.state = joined.join(last);
        }
    }

    /// A block that may not run: what it says of named dimensions holds inside it alone.
    fn scoped_block(&mut self, block: &'p [Statement]) {
        let dims = self.dims.clone();
        self.guards += 1;
        self.block(block);
        self.guards -= 1;
        self.dims = dims;
    }

    /// A condition must be a truth value.
    pub(super) fn condition(&mut self, condition: &'p Expr) {
        let ty = self.expression(condition);
        let help = match ty {
            ArgType::Int(_) | ArgType::Scalar(_) => "compare it: `x != 0`",
            ArgType::Str(_) | ArgType::List(_) | ArgType::ListOf(_) => "compare its length: `len(x) > 0`",
            ArgType::None => "compare it: `x == none`",
            ArgType::Record(_) | ArgType::Function => "a comparison gives a bool",
            _ => return,
        };
        let message = format!("a condition needs a bool, found {}", types::describe(&ty));
        if let Some(report) = self.report(Code::WrongType, condition.span, message) {
            report.help(help);
        }
    }

    /// What a `for` over a value gives its variable.
    pub(super) fn item_of(&mut self, over: &ArgType, span: ByteSpan) -> ArgType {
        match over {
            ArgType::Unknown => ArgType::Unknown,
            ArgType::List(_) | ArgType::ListOf(_) => types::item(over),
            ArgType::Tensor(t) => match &t.shape {
                Some(shape) if shape.len() == 1 => types::element(t),
                Some(shape) if shape.len() > 1 => {
                    let shape = Some(shape[1..].to_vec());
                    ArgType::Tensor(nexus_tensor::TensorType { dtype: t.dtype, shape })
                }
                _ => ArgType::Unknown,
            },
            other => {
                let found = types::describe(other);
                let text = self.text(span).to_owned();
                if let Some(report) = self.report(
                    Code::WrongType,
                    span,
                    format!("a loop goes over a range, list or tensor, found {found}"),
                ) && matches!(other, ArgType::Int(_))
                {
                    report.help(format!("did you mean `0..{text}`?"));
                }
                ArgType::Unknown
            }
        }
    }

    /// A loop: its body is checked with what holds in every iteration. Most loops leave the types of their variables as
    /// they were, and one look is enough; where a look shows that they do not, what it found is forgotten, and another one
    /// is taken with what holds behind it, too.
    fn repeat(&mut self, body: &'p [Statement], condition: impl Fn(&mut Self), variable: Option<(Place, ArgType)>) {
        let mut assigned = state::assigned(body, &self.current().whens);
        if let Some((Place::Local(local), _)) = &variable {
            assigned.push(*local);
        }
        let cost = statements(body) * 2;
        let affordable = self.loops.len() < LOOPS_MAX && self.effort >= cost;
        let mut head = self.state.clone();
        head.enter_loop(&assigned, !affordable);
        for look in 0..LOOKS_MAX {
            let mark = (self.reporter.mark(), self.facts.proven.len());
            self.state = head.clone();
            let (end, breaks) = self.iteration(body, &condition, variable.as_ref());
            let mut next = head.clone().join(end.clone());
            next.enter_loop(&assigned, false);
            if !affordable || look + 1 == LOOKS_MAX || next.same_types(&head, &assigned) {
                self.state = breaks.into_iter().fold(end, State::join);
                return;
            }
            self.reporter.rewind(mark.0);
            self.facts.proven.truncate(mark.1);
            self.effort = self.effort.saturating_sub(cost);
            head = widened(head, next, &assigned, look);
        }
    }

    /// One iteration from the state at the head of the loop: what holds at the head of the next one (or where the loop
    /// ends), and where `break` leaves.
    fn iteration(
        &mut self,
        body: &'p [Statement],
        condition: &impl Fn(&mut Self),
        variable: Option<&(Place, ArgType)>,
    ) -> (State<'p>, Vec<State<'p>>) {
        condition(self);
        let head = self.state.clone();
        if let Some((Place::Local(local), ty)) = variable {
            self.assign(*local, types::widen(ty), None);
        }
        self.loops.push(LoopStates { breaks: Vec::new(), continues: Vec::new() });
        self.scoped_block(body);
        let states = self.loops.pop().unwrap_or(LoopStates { breaks: Vec::new(), continues: Vec::new() });
        let mut end = std::mem::replace(&mut self.state, State::new(0));
        for state in states.continues {
            end = end.join(state);
        }
        (head.join(end), states.breaks)
    }
}
