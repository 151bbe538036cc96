//! What is known of a function's variables at one place of its code.

use std::rc::Rc;

use nexus_tensor::ArgType;

use super::types;
use crate::hir::{Axis, Expr, LocalId, Place, Statement, StatementKind};

/// Whether a variable has a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Set {
    No,
    Maybe,
    Yes,
}

/// One variable.
#[derive(Debug, Clone)]
pub(super) struct Slot<'p> {
    pub(super) set: Set,
    /// Shared by the states of one function: they are copied wherever ways part.
    pub(super) ty: Rc<ArgType>,
    /// The expression that gave it its value, where that is one.
    pub(super) origin: Option<&'p Expr>,
}

/// All variables, or nothing where the place cannot be reached.
#[derive(Debug, Clone)]
pub(super) struct State<'p> {
    pub(super) slots: Vec<Slot<'p>>,
    pub(super) reachable: bool,
}

impl<'p> State<'p> {
    pub(super) fn new(count: usize) -> Self {
        let slot = Slot { set: Set::No, ty: Rc::new(ArgType::Unknown), origin: None };
        State { slots: vec![slot; count], reachable: true }
    }

    pub(super) fn assign(&mut self, local: LocalId, ty: ArgType, origin: Option<&'p Expr>) {
        self.slots[local as usize] = Slot { set: Set::Yes, ty: Rc::new(ty), origin };
    }

    /// What holds where two ways meet.
    pub(super) fn join(self, other: State<'p>) -> State<'p> {
        if !self.reachable {
            return other;
        }
        if !other.reachable {
            return self;
        }
        let slots = self
            .slots
            .into_iter()
            .zip(other.slots)
            .map(|(a, b)| Slot {
                set: if a.set == b.set { a.set } else { Set::Maybe },
                // A variable that has no value on one way has the other's type where it is read.
                ty: match (a.set, b.set) {
                    (Set::No, _) => b.ty,
                    (_, Set::No) => a.ty,
                    _ if a.ty == b.ty => a.ty,
                    _ => Rc::new(types::join(&a.ty, &b.ty)),
                },
                origin: match (a.origin, b.origin) {
                    (Some(x), Some(y)) if std::ptr::eq(x, y) => Some(x),
                    _ => None,
                },
            })
            .collect();
        State { slots, reachable: true }
    }

    /// Forgets what a loop may change: the types of constants, and that a variable has no value.
    pub(super) fn enter_loop(&mut self, assigned: &[LocalId], forget: bool) {
        for &local in assigned {
            let slot = &mut self.slots[local as usize];
            if forget {
                slot.ty = Rc::new(ArgType::Unknown);
            } else if !types::is_wide(&slot.ty) {
                slot.ty = Rc::new(types::widen(&slot.ty));
            }
            slot.origin = None;
            if slot.set == Set::No {
                slot.set = Set::Maybe;
                slot.ty = Rc::new(ArgType::Unknown);
            }
        }
    }

    /// Whether the types of some variables are the same in two states.
    pub(super) fn same_types(&self, other: &State<'_>, locals: &[LocalId]) -> bool {
        locals.iter().all(|&l| self.slots[l as usize].ty == other.slots[l as usize].ty)
    }
}

/// The variables of the function that a block assigns, sorted.
pub(super) fn assigned(block: &[Statement], whens: &[crate::hir::When]) -> Vec<LocalId> {
    let mut locals = Vec::new();
    collect(block, &mut locals);
    // The body of a `when` runs wherever its variable changes.
    whens.iter().for_each(|when| collect(&when.body, &mut locals));
    locals.sort_unstable();
    locals.dedup();
    locals
}

fn collect(block: &[Statement], locals: &mut Vec<LocalId>) {
    for statement in block {
        match &statement.kind {
            StatementKind::Bind { place, .. } | StatementKind::Assign { place, .. } => push(*place, locals),
            StatementKind::If { branches, otherwise } => {
                branches.iter().for_each(|(_, block)| collect(block, locals));
                collect(otherwise, locals);
            }
            StatementKind::While { body, .. } => collect(body, locals),
            StatementKind::For { place, body, .. } => {
                push(*place, locals);
                collect(body, locals);
            }
            StatementKind::Expr(_)
            | StatementKind::When(_)
            | StatementKind::Break
            | StatementKind::Continue
            | StatementKind::Return(_) => {}
        }
    }
}

fn push(place: Place, locals: &mut Vec<LocalId>) {
    if let Place::Local(id) = place {
        locals.push(id);
    }
}

/// The expressions between the brackets of an index.
pub(super) fn axis_expressions(axis: &Axis) -> impl Iterator<Item = &Expr> {
    let (a, b, c) = match axis {
        Axis::All => (None, None, None),
        Axis::Expr(e) => (Some(e), None, None),
        Axis::Open { start, end, step, .. } => (start.as_ref(), end.as_ref(), step.as_ref()),
    };
    [a, b, c].into_iter().flatten()
}
