//! The variables of one function while it is being resolved.

use std::sync::Arc;

use super::parallel::Mentions;
use crate::ast::{Block, Expr, ExprKind, Name, Statement, StatementKind};
use crate::hashing::{HashMap, HashSet};
use crate::hir::{Capture, LocalId, Variable, When};
use crate::source::ByteSpan;

/// The variables of one function.
pub(super) struct FunctionScope {
    names: HashMap<Name, LocalId>,
    /// Names that the body assigns anywhere.
    pub(super) assigned: HashSet<Name>,
    pub(super) locals: Vec<Variable>,
    pub(super) captures: Vec<Capture>,
    /// The name by which a nested function can call itself.
    pub(super) self_name: Option<Name>,
    pub(super) self_local: Option<LocalId>,
    pub(super) constants: HashMap<Name, ByteSpan>,
    pub(super) dims: Vec<(Name, LocalId)>,
    /// `None` while the body of a `when` is being resolved.
    pub(super) whens: Vec<Option<When>>,
    /// Loops around the statement, innermost last.
    pub(super) loops: Vec<Loop>,
    /// How often each name stands in the body, where that has a `parallel for`.
    pub(super) mentions: Mentions,
    /// A top level: variables that functions read are globals.
    pub(super) top_level: bool,
}

/// What `break`, `continue` and `return` may do where they stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Loop {
    /// A loop.
    Plain,
    /// `parallel for`: its iterations are independent, none can end the others.
    Parallel,
    /// The body of a `when`: not part of the loop that it stands in.
    When,
}

impl FunctionScope {
    pub(super) fn new(self_name: Option<Name>) -> Self {
        FunctionScope {
            names: HashMap::default(),
            assigned: HashSet::default(),
            locals: Vec::new(),
            captures: Vec::new(),
            self_name,
            self_local: None,
            constants: HashMap::default(),
            dims: Vec::new(),
            whens: Vec::new(),
            loops: Vec::new(),
            mentions: Mentions::new(),
            top_level: false,
        }
    }

    /// Makes room for the names that the body assigns, and so many parameters.
    pub(super) fn expect(&mut self, params: usize) {
        self.names.reserve(self.assigned.len() + params);
        self.locals.reserve(self.assigned.len() + params);
    }

    /// The variable of this name, if it was met before.
    pub(super) fn local(&self, name: &str) -> Option<LocalId> {
        self.names.get(name).copied()
    }

    /// The variable of this name, made where there is none.
    pub(super) fn declare(&mut self, name: &Name, span: ByteSpan) -> LocalId {
        if let Some(id) = self.local(name) {
            return id;
        }
        let id = self.hidden(name, span);
        self.names.insert(Arc::clone(name), id);
        id
    }

    /// A variable that no name leads to.
    pub(super) fn hidden(&mut self, name: &Name, span: ByteSpan) -> LocalId {
        self.locals.push(Variable { name: Arc::clone(name), span });
        (self.locals.len() - 1) as LocalId
    }

    /// Every name that leads to a variable here, for suggestions.
    pub(super) fn visible(&self) -> impl Iterator<Item = &str> + '_ {
        self.names.keys().chain(self.assigned.iter()).map(|n| &**n)
    }
}

/// Collects the names that a block assigns, without looking into functions.
pub(super) fn assigned_names(block: &Block, names: &mut HashSet<Name>) {
    names.reserve(block.len());
    block.iter().for_each(|statement| assigned_by(statement, names));
}

fn assigned_by(statement: &Statement, names: &mut HashSet<Name>) {
    match &statement.kind {
        StatementKind::Bind { name, .. } => {
            names.insert(name.name.clone());
        }
        StatementKind::Assign { target, .. } | StatementKind::Update { target, .. } => {
            names.extend(root_name(target));
        }
        StatementKind::If { branches, otherwise } => {
            branches.iter().for_each(|(_, block)| assigned_names(block, names));
            otherwise.iter().for_each(|block| assigned_names(block, names));
        }
        StatementKind::While { body, .. } | StatementKind::When { body, .. } => assigned_names(body, names),
        StatementKind::For { name, body, .. } => {
            names.insert(name.name.clone());
            assigned_names(body, names);
        }
        StatementKind::Function(function) => names.extend(function.name.as_ref().map(|n| n.name.clone())),
        StatementKind::Expr(_)
        | StatementKind::Break
        | StatementKind::Continue
        | StatementKind::Return(_)
        | StatementKind::Note { .. }
        | StatementKind::Import { .. } => {}
    }
}

/// The variable at the root of `x[i].f`.
pub(super) fn root_name(target: &Expr) -> Option<Name> {
    let mut target = target;
    loop {
        match &target.kind {
            ExprKind::Name(name) => return Some(name.clone()),
            ExprKind::Index(inner, _) | ExprKind::Field(inner, _) | ExprKind::Paren(inner) => target = inner,
            _ => return None,
        }
    }
}
