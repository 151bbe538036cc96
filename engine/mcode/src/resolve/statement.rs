//! Statements and declared types.

use nexus_model::DType;

use super::Resolver;
use super::expression::Meaning;
use super::scope::Loop;
use crate::ast::{self, Binding, Ident, StatementKind as A, TypeArgument, TypeSyntax};
use crate::codes::Code;
use crate::hir::{Declared, DeclaredDim, Expr, ExprKind, Place, Statement, StatementKind, When};
use crate::names::closest;
use crate::source::ByteSpan;

const TYPE_NAMES: [&str; 10] =
    ["int", "scalar", "bool", "string", "list", "record", "tensor", "function", "none", "any"];

impl Resolver<'_, '_> {
    pub(super) fn block(&mut self, block: &ast::Block) -> Vec<Statement> {
        let mut resolved = Vec::with_capacity(block.len());
        for statement in block {
            if let A::Update { target, operator, value } = &statement.kind {
                self.update(target, *operator, value, statement.span, &mut resolved);
            } else {
                resolved.extend(self.statement(statement));
            }
        }
        resolved
    }

    fn statement(&mut self, statement: &ast::Statement) -> Option<Statement> {
        let span = statement.span;
        let kind = match &statement.kind {
            A::Bind { binding, name, annotation, value } => {
                self.bind_variable(*binding, name, annotation.as_ref(), value)?
            }
            A::Assign { target, value } => self.assign(target, value)?,
            // Made of several statements by `block`.
            A::Update { .. } => return None,
            A::Expr(e) => StatementKind::Expr(self.expression(e)),
            A::If { branches, otherwise } => StatementKind::If {
                branches: branches.iter().map(|(c, block)| (self.expression(c), self.block(block))).collect(),
                otherwise: otherwise.as_ref().map(|block| self.block(block)).unwrap_or_default(),
            },
            A::While { condition, body } => {
                let condition = self.expression(condition);
                let body = self.looped(Loop::Plain, body);
                StatementKind::While { condition, body }
            }
            A::For { parallel, name, iterable, body } => {
                let over = self.expression(iterable);
                let place = self.assigned_place(name, Binding::Assign)?;
                let resolved = self.looped(if *parallel { Loop::Parallel } else { Loop::Plain }, body);
                let head = ByteSpan { start: span.start, end: iterable.span.end };
                let spread = if *parallel { self.spread(name, iterable, body, head) } else { None };
                StatementKind::For { place, iterable: over, body: resolved, spread }
            }
            A::When { name, body } => self.when(name, body)?,
            A::Break | A::Continue => self.jump(&statement.kind, span)?,
            A::Return(value) => self.return_statement(value.as_ref(), span)?,
            A::Function(function) => self.nested_function(function, span)?,
            A::Note { values } => self.note(values, span)?,
            A::Import { .. } => {
                if !self.at_top_level() {
                    self.reporter
                        .error(Code::Misplaced, span, "an import stands at the top level of a file")
                        .help("move it to the beginning of the file");
                }
                return None;
            }
        };
        Some(Statement { kind, span })
    }

    fn at_top_level(&mut self) -> bool {
        let scope = self.scope();
        scope.top_level
    }

    fn looped(&mut self, kind: Loop, body: &ast::Block) -> Vec<Statement> {
        self.scope().loops.push(kind);
        let body = self.block(body);
        self.scope().loops.pop();
        body
    }

    fn bind_variable(
        &mut self,
        binding: Binding,
        name: &Ident,
        annotation: Option<&TypeSyntax>,
        value: &ast::Expr,
    ) -> Option<StatementKind> {
        let value = self.expression(value);
        let declared = annotation.map(|t| self.declared(t));
        let place = self.assigned_place(name, binding)?;
        Some(StatementKind::Bind { place, declared, annotation: annotation.map(|t| t.span), value })
    }

    /// The place of a variable that is assigned as a whole.
    pub(super) fn assigned_place(&mut self, name: &Ident, binding: Binding) -> Option<Place> {
        if let Some(&first) = self.scope().constants.get(&name.name) {
            self.reporter
                .error(Code::ConstAssigned, name.span, format!("`{}` is a constant", name.name))
                .secondary(first, "declared here")
                .help("use another name, or declare it with `let`");
            return None;
        }
        if self.at_top_level() && self.modules[self.current].functions.contains_key(&name.name) {
            self.reporter
                .error(Code::DefinedTwice, name.span, format!("`{}` is a function of this file", name.name))
                .help("use another name for the variable");
            return None;
        }
        if binding == Binding::Const {
            self.scope().constants.insert(name.name.clone(), name.span);
        }
        match self.meaning(&name.name, name.span) {
            Meaning::Variable(place) => Some(place),
            _ => Some(Place::Local(self.scope().declare(&name.name, name.span))),
        }
    }

    fn assign(&mut self, target: &ast::Expr, value: &ast::Expr) -> Option<StatementKind> {
        let value_expr = self.expression(value);
        self.refuse_constant(target)?;
        let (place, path) = self.target(target)?;
        Some(StatementKind::Assign { place, path, value: value_expr, target: target.span })
    }

    /// `None` and a report where a part of a constant would be changed.
    pub(super) fn refuse_constant(&mut self, target: &ast::Expr) -> Option<()> {
        if let Some(name) = super::scope::root_name(target)
            && let Some(&first) = self.scope().constants.get(&name)
        {
            self.reporter
                .error(Code::ConstAssigned, target.span, format!("`{name}` is a constant"))
                .secondary(first, "declared here")
                .help("copy it first: `let copy = …`");
            return None;
        }
        Some(())
    }

    fn when(&mut self, name: &Ident, body: &ast::Block) -> Option<StatementKind> {
        let Meaning::Variable(place) = self.meaning(&name.name, name.span) else {
            self.unknown_name(&name.name, name.span);
            return None;
        };
        let index = self.scope().whens.len();
        self.scope().whens.push(None);
        let body = self.looped(Loop::When, body);
        self.scope().whens[index] = Some(When { place, body });
        Some(StatementKind::When(index))
    }

    fn jump(&mut self, kind: &A, span: ByteSpan) -> Option<StatementKind> {
        let (word, jump) = match kind {
            A::Break => ("break", StatementKind::Break),
            _ => ("continue", StatementKind::Continue),
        };
        match self.scope().loops.last() {
            Some(Loop::Plain) => return Some(jump),
            Some(Loop::Parallel) if word == "continue" => return Some(jump),
            Some(Loop::Parallel) => {
                self.reporter
                    .error(Code::Misplaced, span, "`break` cannot leave a `parallel for`")
                    .help("its iterations run in any order, or at once; use a plain `for`");
            }
            Some(Loop::When) | None => {
                self.reporter.error(Code::Misplaced, span, format!("`{word}` stands outside a loop"));
            }
        }
        None
    }

    fn return_statement(&mut self, value: Option<&ast::Expr>, span: ByteSpan) -> Option<StatementKind> {
        let value = value.map(|e| self.expression(e));
        if self.scope().loops.contains(&Loop::Parallel) {
            self.reporter
                .error(Code::Misplaced, span, "`return` cannot leave a `parallel for`")
                .help("collect results in a list, or use a plain `for`");
            return None;
        }
        Some(StatementKind::Return(value))
    }

    /// A function inside a function, or inside a block of the top level, is a constant that holds a closure.
    fn nested_function(&mut self, function: &ast::Function, span: ByteSpan) -> Option<StatementKind> {
        let name = function.name.as_ref()?;
        let outermost = self.at_top_level() && self.modules[self.current].functions.contains_key(&name.name);
        if outermost && self.scope().loops.is_empty() {
            return None;
        }
        let kind = self.closure(function, Some(&name.name));
        let value = Expr { kind, span };
        let place = self.assigned_place(name, Binding::Let)?;
        debug_assert!(!matches!(value.kind, ExprKind::Invalid));
        Some(StatementKind::Bind { place, declared: None, annotation: None, value })
    }

    /// What a written type means.
    pub(super) fn declared(&mut self, syntax: &TypeSyntax) -> Declared {
        let declared = match &*syntax.name {
            "int" => Declared::Int,
            "scalar" => Declared::Scalar,
            "bool" => Declared::Bool,
            "string" => Declared::Str,
            "list" => Declared::List,
            "record" => Declared::Record,
            "function" => Declared::Function,
            "none" => Declared::None,
            "any" => Declared::Any,
            "tensor" => return self.declared_tensor(syntax),
            name => {
                let help = match name {
                    "float" | "double" | "number" | "f64" | "f32" => Some("did you mean `scalar`?".to_owned()),
                    "str" => Some("did you mean `string`?".to_owned()),
                    "boolean" => Some("did you mean `bool`?".to_owned()),
                    "array" | "matrix" | "vector" => Some("did you mean `tensor`?".to_owned()),
                    "dict" | "map" => Some("did you mean `record`?".to_owned()),
                    _ => closest(name, TYPE_NAMES).map(|n| format!("did you mean `{n}`?")),
                };
                let report = self.reporter.error(Code::UnknownType, syntax.span, format!("there is no type `{name}`"));
                report.help(help.unwrap_or_else(|| format!("the types are {}", TYPE_NAMES.join(", "))));
                return Declared::Any;
            }
        };
        // What a list holds may be written, and is not checked.
        if !syntax.arguments.is_empty() && declared != Declared::List {
            self.reporter
                .error(Code::UnknownType, syntax.span, format!("`{}` takes nothing in brackets", syntax.name))
                .help("only tensors have a dtype and sizes: `tensor[f32, n, 4]`");
        }
        declared
    }

    fn declared_tensor(&mut self, syntax: &TypeSyntax) -> Declared {
        let mut dtype = None;
        let mut dims = Vec::new();
        for (index, argument) in syntax.arguments.iter().enumerate() {
            match argument {
                TypeArgument::Size(size) => dims.push(DeclaredDim::Known(*size)),
                TypeArgument::Name(name) if &*name.name == "_" => dims.push(DeclaredDim::Any),
                TypeArgument::Name(name) => match name.name.parse::<DType>() {
                    Ok(parsed) if index == 0 => dtype = Some(parsed),
                    Ok(parsed) => {
                        self.reporter
                            .error(Code::UnknownType, name.span, format!("the dtype `{parsed}` stands among the sizes"))
                            .help("the dtype comes first: `tensor[f32, n, 4]`");
                    }
                    Err(_) => dims.push(DeclaredDim::Named(self.dim(name))),
                },
            }
        }
        let sized = !dims.is_empty();
        Declared::Tensor { dtype, dims: sized.then_some(dims) }
    }

    /// The index of a named dimension of this function, with its hidden variable.
    fn dim(&mut self, name: &Ident) -> usize {
        let scope = self.scope();
        if let Some(index) = scope.dims.iter().position(|(known, _)| *known == name.name) {
            return index;
        }
        let local = scope.hidden(&name.name, name.span);
        scope.dims.push((name.name.clone(), local));
        scope.dims.len() - 1
    }
}
