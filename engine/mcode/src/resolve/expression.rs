//! Expressions and the names in them.

use super::Resolver;
use crate::ast::{self, ExprKind as A, Ident, IndexSyntax, Name};
use crate::codes::Code;
use crate::external::CALL;
use crate::hir::{Axis, Capture, Expr, ExprKind, FunctionId, Place, Step};
use crate::library::{self, Member};
use crate::names::{KEYWORDS, closest};
use crate::source::ByteSpan;

/// What a name stands for.
pub(super) enum Meaning {
    Variable(Place),
    Function(FunctionId),
    /// An imported file.
    Module(usize),
    /// Something of the library without a namespace.
    Member(Member),
    Namespace,
    Unknown,
}

impl Resolver<'_, '_> {
    pub(super) fn boxed(&mut self, expr: &ast::Expr) -> Box<Expr> {
        Box::new(self.expression(expr))
    }

    pub(super) fn expression(&mut self, expr: &ast::Expr) -> Expr {
        let kind = match &expr.kind {
            A::Invalid => ExprKind::Invalid,
            A::None => ExprKind::None,
            A::Bool(v) => ExprKind::Bool(*v),
            A::Int(v) => ExprKind::Int(*v),
            A::Scalar(v) => ExprKind::Scalar(*v),
            A::Str(v) => ExprKind::Str(v.clone()),
            A::Name(name) => self.name(name, expr.span),
            A::List(items) => ExprKind::List(items.iter().map(|e| self.expression(e)).collect()),
            A::Record(fields) => self.record(fields),
            A::Unary(operator, operand) => ExprKind::Unary(*operator, self.boxed(operand)),
            A::Binary(operator, a, b) => ExprKind::Binary(*operator, self.boxed(a), self.boxed(b)),
            A::Compare(operands, operators) => {
                ExprKind::Compare(operands.iter().map(|e| self.expression(e)).collect(), operators.clone())
            }
            A::And(a, b) => ExprKind::And(self.boxed(a), self.boxed(b)),
            A::Or(a, b) => ExprKind::Or(self.boxed(a), self.boxed(b)),
            A::Pipe(value, stage) => self.pipe(value, stage),
            A::Range { start, end, closed, step } => ExprKind::Range {
                start: self.boxed(start),
                end: self.boxed(end),
                closed: *closed,
                step: step.as_ref().map(|e| self.boxed(e)),
            },
            A::Call(callee, arguments) => self.call(callee, arguments, None, expr.span),
            A::Index(target, items) => ExprKind::Index(self.boxed(target), self.axes(items)),
            A::Field(target, field) => self.field(target, field),
            A::Lambda(function) => self.closure(function, None),
            A::Spawn(call) => {
                let call = self.boxed(call);
                self.spawn(call)
            }
            A::Await(handle) => ExprKind::Await(self.boxed(handle)),
            A::Paren(inner) => return self.expression(inner),
        };
        Expr { kind, span: expr.span }
    }

    fn record(&mut self, fields: &[(Ident, ast::Expr)]) -> ExprKind {
        let mut resolved: Vec<(Name, Expr)> = Vec::with_capacity(fields.len());
        let mut seen = crate::hashing::HashSet::default();
        for (name, value) in fields {
            if !seen.insert(name.name.clone()) {
                self.reporter.error(
                    Code::DefinedTwice,
                    name.span,
                    format!("the record has two fields called `{}`", name.name),
                );
            }
            resolved.push((name.name.clone(), self.expression(value)));
        }
        ExprKind::Record(resolved)
    }

    pub(super) fn axes(&mut self, items: &[IndexSyntax]) -> Vec<Axis> {
        items
            .iter()
            .map(|item| match item {
                IndexSyntax::All => Axis::All,
                IndexSyntax::Expr(e) => Axis::Expr(self.expression(e)),
                IndexSyntax::Open { start, end, closed, step, .. } => Axis::Open {
                    start: start.as_ref().map(|e| self.expression(e)),
                    end: end.as_ref().map(|e| self.expression(e)),
                    closed: *closed,
                    step: step.as_ref().map(|e| self.expression(e)),
                },
            })
            .collect()
    }

    fn spawn(&mut self, call: Box<Expr>) -> ExprKind {
        match call.kind {
            ExprKind::CallFunction(..)
            | ExprKind::CallOp(..)
            | ExprKind::CallBuiltin(..)
            | ExprKind::CallValue(..)
            | ExprKind::Fold(..)
            | ExprKind::Invalid => ExprKind::Spawn(call),
            _ => {
                self.reporter
                    .error(Code::NotACall, call.span, "`spawn` starts a call, and this is none")
                    .help("write `spawn f(x)`, or `spawn (() => …)()` for an expression");
                ExprKind::Invalid
            }
        }
    }

    /// A nested or anonymous function as a value.
    pub(super) fn closure(&mut self, function: &ast::Function, self_name: Option<&Name>) -> ExprKind {
        let id = self.reserve_function();
        let file = self.reporter.file;
        self.function(id, function, file, self_name);
        ExprKind::Closure(id)
    }

    fn name(&mut self, name: &Name, span: ByteSpan) -> ExprKind {
        match self.meaning(name, span) {
            Meaning::Variable(place) => ExprKind::Read(place),
            Meaning::Function(id) => {
                self.mention(id);
                ExprKind::Function(id)
            }
            Meaning::Member(member) => self.member_value(member, span),
            Meaning::Module(_) | Meaning::Namespace => {
                self.reporter
                    .error(Code::WrongType, span, format!("`{name}` is a namespace, not a value"))
                    .help(format!("write a dot and a name behind it: `{name}.…`"));
                ExprKind::Invalid
            }
            Meaning::Unknown => {
                self.unknown_name(name, span);
                ExprKind::Invalid
            }
        }
    }

    pub(super) fn member_value(&mut self, member: Member, span: ByteSpan) -> ExprKind {
        match member {
            Member::Constant(value) => ExprKind::Scalar(value),
            Member::Builtin(id) => ExprKind::Builtin(id),
            Member::Op(op) => ExprKind::Op(op),
            Member::Fold(fold) => {
                let name = fold.name();
                self.reporter
                    .error(Code::WrongType, span, format!("`{name}` can only be called"))
                    .help(format!("write `{name}(f, xs)`, or wrap it: `(f, xs) => {name}(f, xs)`"));
                ExprKind::Invalid
            }
        }
    }

    /// `target.field`: a member of a namespace or module, or a field of a value.
    fn field(&mut self, target: &ast::Expr, field: &Ident) -> ExprKind {
        if let A::Name(name) = &target.kind {
            match self.meaning(name, target.span) {
                Meaning::Module(module) => return self.module_member(module, name, field),
                Meaning::Member(_) | Meaning::Namespace if library::is_namespace(name) => {
                    return match self.namespace_member(name, field) {
                        Some(member) => self.member_value(member, target.span.to(field.span)),
                        None => ExprKind::Invalid,
                    };
                }
                _ => {}
            }
        }
        ExprKind::Field(self.boxed(target), field.name.clone())
    }

    /// The library function `namespace.field`, or `None` and a report.
    pub(super) fn namespace_member(&mut self, namespace: &str, field: &Ident) -> Option<Member> {
        if let Some(member) = library::find_in(namespace, &field.name) {
            return Some(member);
        }
        let full = format!("{namespace}.{}", field.name);
        let near = closest(&full, library::members(namespace));
        let report = self.reporter.error(Code::UnknownMember, field.span, format!("there is no `{full}`"));
        match near.or_else(|| library::elsewhere(&field.name)) {
            Some(near) => report.help(format!("did you mean `{near}`?")),
            None => report.help("`nexus mcode doc` lists the library"),
        };
        None
    }

    fn module_member(&mut self, module: usize, alias: &str, field: &Ident) -> ExprKind {
        if let Some(&id) = self.modules[module].functions.get(&field.name) {
            return ExprKind::Function(id);
        }
        if self.modules[module].variables.contains(&field.name) {
            return ExprKind::Read(Place::Global(self.module_global(module, &field.name)));
        }
        self.unknown_member(module, alias, field);
        ExprKind::Invalid
    }

    pub(super) fn unknown_member(&mut self, module: usize, alias: &str, field: &Ident) {
        let scope = &self.modules[module];
        let near = closest(&field.name, scope.functions.keys().chain(&scope.variables).map(|n| &**n));
        let near = near.map(|n| format!("did you mean `{alias}.{n}`?"));
        let message = format!("the module `{alias}` has no `{}`", field.name);
        let report = self.reporter.error(Code::UnknownMember, field.span, message);
        report.help = near;
    }

    /// Notes that the top level of the main file uses one of its functions.
    pub(super) fn mention(&mut self, id: FunctionId) {
        if self.scopes.first().is_some_and(|s| s.top_level) {
            self.used_by_top.push(id);
        }
    }

    /// What a name stands for here; where it is a variable of a surrounding function, it is captured.
    pub(super) fn meaning(&mut self, name: &Name, span: ByteSpan) -> Meaning {
        let innermost = self.scopes.len() - 1;
        if let Some(place) = self.variable(innermost, name, span) {
            return Meaning::Variable(place);
        }
        let module = &self.modules[self.current];
        if module.variables.contains(name) {
            let current = self.current;
            return Meaning::Variable(Place::Global(self.module_global(current, name)));
        }
        if let Some(&id) = module.functions.get(name) {
            return Meaning::Function(id);
        }
        if let Some(&module) = module.imports.get(name) {
            return Meaning::Module(module);
        }
        if let Some(member) = library::find(name)
            && (**name != *CALL || module.is_external)
        {
            return Meaning::Member(member);
        }
        if library::is_namespace(name) { Meaning::Namespace } else { Meaning::Unknown }
    }

    /// The variable `name` as seen from scope `depth`.
    fn variable(&mut self, depth: usize, name: &Name, span: ByteSpan) -> Option<Place> {
        let scope = &mut self.scopes[depth];
        if let Some(id) = scope.local(name) {
            return Some(Place::Local(id));
        }
        if scope.assigned.contains(name) {
            if scope.top_level
                && let Some(&id) = self.modules[self.current].globals.get(name)
            {
                return Some(Place::Global(id));
            }
            return Some(Place::Local(scope.declare(name, span)));
        }
        if scope.self_name.as_ref() == Some(name) {
            let id = scope.declare(name, span);
            scope.self_local = Some(id);
            return Some(Place::Local(id));
        }
        let outer = self.variable(depth.checked_sub(1)?, name, span)?;
        let scope = &mut self.scopes[depth];
        let inner = scope.declare(name, span);
        scope.captures.push(Capture { outer, inner });
        Some(Place::Local(inner))
    }

    pub(super) fn unknown_name(&mut self, name: &str, span: ByteSpan) {
        let module = &self.modules[self.current];
        if module.missing.contains(name) {
            return;
        }
        if self.reporter.is_full() {
            // Nobody reads it any more, and looking for names that resemble it takes long.
            self.reporter.error(Code::UnknownName, span, format!("nothing here is called `{name}`"));
            return;
        }
        let mut visible: Vec<&str> = Vec::new();
        for scope in &self.scopes {
            visible.extend(scope.visible());
        }
        visible.extend(module.variables.iter().chain(module.functions.keys()).map(|n| &**n));
        for name in library::bare_names() {
            visible.push(name);
        }
        let near = closest(name, visible).map(str::to_owned);
        let near = near.or_else(|| library::elsewhere(name).map(str::to_owned)).map(|n| format!("did you mean `{n}`?"));
        let report = self.reporter.error(Code::UnknownName, span, format!("nothing here is called `{name}`"));
        report.help = near.or_else(|| foreign_word(name).map(str::to_owned)).or_else(|| {
            let near = closest(name, KEYWORDS.into_iter().chain(FOREIGN_WORDS))?;
            Some(foreign_word(near).map_or_else(|| format!("did you mean `{near}`?"), str::to_owned))
        });
    }

    /// The place and path that `x[i].f = …` assigns to.
    pub(super) fn target(&mut self, target: &ast::Expr) -> Option<(Place, Vec<Step>)> {
        match &target.kind {
            A::Name(name) => match self.meaning(name, target.span) {
                Meaning::Variable(place) => Some((place, Vec::new())),
                _ => {
                    self.reporter.error(Code::BadTarget, target.span, format!("`{name}` is not a variable"));
                    None
                }
            },
            A::Paren(inner) => self.target(inner),
            A::Field(inner, field) => {
                let (place, mut path) = self.target(inner)?;
                path.push(Step::Field(field.name.clone()));
                Some((place, path))
            }
            A::Index(inner, items) => {
                let (place, mut path) = self.target(inner)?;
                path.push(Step::Index(self.axes(items)));
                Some((place, path))
            }
            _ => {
                self.reporter
                    .error(Code::BadTarget, target.span, "this cannot be assigned to")
                    .help("give the value a name first, then assign to a part of it");
                None
            }
        }
    }
}

/// Those of the words of other languages that are long enough to be misspelt.
const FOREIGN_WORDS: [&str; 5] = ["False", "length", "range", "numpy", "torch"];

/// Words of other languages.
fn foreign_word(name: &str) -> Option<&'static str> {
    Some(match name {
        "True" => "did you mean `true`?",
        "False" => "did you mean `false`?",
        "None" | "nil" | "null" => "did you mean `none`?",
        "elif" => "did you mean `elseif`?",
        "def" | "fn" | "func" => "a function is written `function name(…) … end`",
        "np" | "torch" | "numpy" => "tensors are made by `tensor`: `tensor.ones(2, 3)`",
        "range" => "a range is written with dots: `0..n`, `0..n by 2`",
        "length" | "size" | "count" => "`len(xs)` counts items; `tensor.shape(t)` gives sizes",
        "then" | "do" | "begin" => "leave it out: the block begins on the next line",
        _ => return None,
    })
}
