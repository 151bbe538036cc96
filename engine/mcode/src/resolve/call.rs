//! Calls: arguments meet parameters.

use std::rc::Rc;

use nexus_tensor::{OpDef, ParamKind};

use super::Resolver;
use super::expression::Meaning;
use crate::ast::{self, ExprKind as A, Ident};
use crate::codes::Code;
use crate::hir::{Expr, ExprKind, Fold, FunctionId};
use crate::library::{self, BuiltinId, Member};
use crate::names::closest;
use crate::source::ByteSpan;

/// The parameters of a function that is known by name.
#[derive(Debug, Clone)]
pub(super) struct Signature {
    pub(super) name: ast::Name,
    pub(super) span: ByteSpan,
    /// The file that defines it.
    pub(super) module: usize,
    /// Names, and whether they may be left out.
    pub(super) params: Vec<(ast::Name, bool)>,
}

impl Signature {
    pub(super) fn of(function: &ast::Function, module: usize) -> Self {
        Signature {
            name: function.name.as_ref().map_or_else(|| "".into(), |n| n.name.clone()),
            span: function.head,
            module,
            params: function.params.iter().map(|p| (p.name.name.clone(), p.default.is_some())).collect(),
        }
    }
}

/// A resolved argument.
struct Given {
    name: Option<Ident>,
    value: Expr,
}

/// Who is called.
enum Callee {
    Function(FunctionId),
    Member(Member),
    Value(Box<Expr>),
    Invalid,
}

impl Resolver<'_, '_> {
    /// `value |> stage`: the value becomes the first argument (the last one of `map`, `filter` and `reduce`).
    pub(super) fn pipe(&mut self, value: &ast::Expr, stage: &ast::Expr) -> ExprKind {
        let span = value.span.to(stage.span);
        match &stage.kind {
            A::Call(callee, arguments) => self.call(callee, arguments, Some(value), span),
            _ => self.call(stage, &[], Some(value), span),
        }
    }

    pub(super) fn call(
        &mut self,
        callee: &ast::Expr,
        arguments: &[ast::Argument],
        piped: Option<&ast::Expr>,
        span: ByteSpan,
    ) -> ExprKind {
        let piped = piped.map(|e| Given { name: None, value: self.expression(e) });
        let called = callee;
        let callee = self.callee(called);
        let mut given: Vec<Given> =
            arguments.iter().map(|a| Given { name: a.name.clone(), value: self.expression(&a.value) }).collect();
        if let Some(piped) = piped {
            let last = matches!(callee, Callee::Member(Member::Fold(_)));
            given.insert(if last { given.len().min(1) } else { 0 }, piped);
        }
        match callee {
            Callee::Invalid => ExprKind::Invalid,
            Callee::Function(id) => {
                self.mention(id);
                self.call_function(id, given, span)
            }
            Callee::Member(Member::Op(op)) => self.call_op(op, given, span),
            Callee::Member(Member::Builtin(id)) => self.call_builtin(id, given, span),
            Callee::Member(Member::Fold(fold)) => self.call_fold(fold, given, span),
            Callee::Member(Member::Constant(_)) => {
                let name = match &called.kind {
                    A::Field(target, field) => match &target.kind {
                        A::Name(namespace) => format!("{namespace}.{}", field.name),
                        _ => field.name.to_string(),
                    },
                    A::Name(name) => name.to_string(),
                    _ => "this".to_owned(),
                };
                self.reporter
                    .error(Code::WrongType, called.span, format!("`{name}` is a number, not a function"))
                    .help(format!("write `{name}` without brackets"));
                ExprKind::Invalid
            }
            Callee::Value(value) => {
                self.refuse_names(&given);
                ExprKind::CallValue(value, given.into_iter().map(|g| g.value).collect())
            }
        }
    }

    fn callee(&mut self, callee: &ast::Expr) -> Callee {
        match &callee.kind {
            A::Name(name) => match self.meaning(name, callee.span) {
                Meaning::Function(id) => return Callee::Function(id),
                Meaning::Member(member) => return Callee::Member(member),
                Meaning::Variable(place) => {
                    return Callee::Value(Box::new(Expr { kind: ExprKind::Read(place), span: callee.span }));
                }
                Meaning::Unknown => {
                    self.unknown_name(name, callee.span);
                    return Callee::Invalid;
                }
                Meaning::Module(_) | Meaning::Namespace => {}
            },
            A::Field(target, field) => {
                if let A::Name(name) = &target.kind {
                    match self.meaning(name, target.span) {
                        Meaning::Member(_) | Meaning::Namespace if library::is_namespace(name) => {
                            let member = self.namespace_member(name, field);
                            return member.map_or(Callee::Invalid, Callee::Member);
                        }
                        Meaning::Module(module) => {
                            if let Some(&id) = self.modules[module].functions.get(&field.name) {
                                return Callee::Function(id);
                            }
                        }
                        Meaning::Unknown => {
                            self.unknown_name(name, target.span);
                            return Callee::Invalid;
                        }
                        _ => {}
                    }
                }
            }
            _ => {}
        }
        match self.expression(callee) {
            Expr { kind: ExprKind::Invalid, .. } => Callee::Invalid,
            value => Callee::Value(Box::new(value)),
        }
    }

    fn refuse_names(&mut self, given: &[Given]) {
        if let Some(name) = given.iter().find_map(|g| g.name.as_ref()) {
            self.reporter
                .error(Code::WrongArguments, name.span, "arguments by name need a function that is known by its name")
                .help("give the arguments in order");
        }
    }

    /// The arguments of a function of the library in the order of its parameters.
    fn in_order(&mut self, function: &str, given: Vec<Given>, span: ByteSpan) -> Option<Vec<Expr>> {
        let Some(named) = given.iter().find_map(|own| own.name.as_ref()) else {
            return Some(given.into_iter().map(|own| own.value).collect());
        };
        let Some(params) = library::reference::parameters(function) else {
            let message = format!("`{function}` takes any number of arguments, which have no names");
            self.reporter.error(Code::WrongArguments, named.span, message).help("give the arguments in order");
            return None;
        };
        let bound = self.bind(function, params.iter().copied(), given, None)?;
        let count = bound.iter().rposition(Option::is_some).map_or(0, |last| last + 1);
        if let Some(at) = bound[..count].iter().position(Option::is_none) {
            let message = format!("`{function}` is given no `{}`", params[at]);
            self.reporter.error(Code::WrongArguments, span, message).help("it stands before others that are given");
            return None;
        }
        Some(bound.into_iter().flatten().collect())
    }

    fn call_function(&mut self, id: FunctionId, given: Vec<Given>, span: ByteSpan) -> ExprKind {
        let Some(signature) = self.signatures.get(&id).map(Rc::clone) else { return ExprKind::Invalid };
        let params = signature.params.iter().map(|(name, _)| &**name);
        // A label stands in the file of what it explains.
        let defined = (signature.module == self.current).then_some(signature.span);
        let Some(bound) = self.bind(&signature.name, params, given, defined) else {
            return ExprKind::Invalid;
        };
        let missing: Vec<&str> = signature
            .params
            .iter()
            .zip(&bound)
            .filter(|((_, optional), value)| !optional && value.is_none())
            .map(|((name, _), _)| &**name)
            .collect();
        if !missing.is_empty() {
            let report = self.missing(&signature.name, &missing, span);
            if let Some(defined) = defined {
                report.secondary(defined, "defined here");
            }
            return ExprKind::Invalid;
        }
        ExprKind::CallFunction(id, bound)
    }

    /// Puts arguments to parameters by position and name.
    fn bind<'n>(
        &mut self,
        function: &str,
        params: impl ExactSizeIterator<Item = &'n str> + Clone,
        given: Vec<Given>,
        defined: Option<ByteSpan>,
    ) -> Option<Vec<Option<Expr>>> {
        let mut bound: Vec<Option<Expr>> = params.clone().map(|_| None).collect();
        let mut by_name = false;
        for (index, argument) in given.into_iter().enumerate() {
            let place = match &argument.name {
                Some(name) => {
                    by_name = true;
                    let Some(place) = params.clone().position(|p| *p == *name.name) else {
                        let near = closest(&name.name, params.clone());
                        let message = format!("`{function}` has no parameter `{}`", name.name);
                        let report = self.reporter.error(Code::WrongArguments, name.span, message);
                        report.help(match near {
                            Some(near) => format!("did you mean `{near}`?"),
                            None => format!("its parameters are {}", listed(params.clone())),
                        });
                        return None;
                    };
                    place
                }
                None if by_name => {
                    self.reporter
                        .error(Code::WrongArguments, argument.value.span, "an argument in order follows one by name")
                        .help("arguments by name come last");
                    return None;
                }
                None => index,
            };
            let Some(slot) = bound.get_mut(place) else {
                let count = params.len();
                let message = format!("`{function}` takes {}", counted(count));
                let report = self.reporter.error(Code::WrongArguments, argument.value.span, message);
                report.label("one too many").help(format!("its parameters are {}", listed(params)));
                if let Some(defined) = defined {
                    report.secondary(defined, "defined here");
                }
                return None;
            };
            if slot.is_some() {
                let name = params.clone().nth(place).unwrap_or_default();
                let message = format!("`{name}` is given twice");
                self.reporter.error(Code::WrongArguments, argument.value.span, message);
                return None;
            }
            *slot = Some(argument.value);
        }
        Some(bound)
    }

    fn missing(&mut self, function: &str, missing: &[&str], span: ByteSpan) -> &mut crate::report::Report {
        let names = listed(missing.iter().copied());
        self.reporter.error(Code::WrongArguments, span, format!("`{function}` needs {names}"))
    }

    /// Binds the arguments of a library function; sizes given one by one are gathered into a shape.
    fn call_op(&mut self, op: &'static OpDef, mut given: Vec<Given>, span: ByteSpan) -> ExprKind {
        if let Some(at) = shape_position(op) {
            gather_shape(&mut given, at);
        }
        let params = op.params.iter().map(|p| p.name);
        let Some(bound) = self.bind(op.name, params, given, None) else { return ExprKind::Invalid };
        let missing: Vec<&str> = op
            .params
            .iter()
            .zip(&bound)
            .filter(|(param, value)| param.default.is_none() && value.is_none())
            .map(|(param, _)| param.name)
            .collect();
        if !missing.is_empty() {
            self.missing(op.name, &missing, span).help(format!("for example: `{}`", op.example));
            return ExprKind::Invalid;
        }
        ExprKind::CallOp(op, bound)
    }

    fn call_builtin(&mut self, id: BuiltinId, given: Vec<Given>, span: ByteSpan) -> ExprKind {
        let builtin = library::builtin(id);
        let Some(given) = self.in_order(builtin.name, given, span) else { return ExprKind::Invalid };
        let (least, most) = builtin.arity;
        if given.len() < usize::from(least) || given.len() > usize::from(most) {
            let found = given.len();
            let message = format!("`{}` takes {}, {found} given", builtin.name, arity(least, most));
            let help = match found > usize::from(u8::MAX) {
                true => format!("so many belong into a list; for example: `{}`", builtin.example),
                false => format!("for example: `{}`", builtin.example),
            };
            self.reporter.error(Code::WrongArguments, span, message).help(help);
            return ExprKind::Invalid;
        }
        ExprKind::CallBuiltin(id, given)
    }

    fn call_fold(&mut self, fold: Fold, given: Vec<Given>, span: ByteSpan) -> ExprKind {
        let most = if fold == Fold::Reduce { 3 } else { 2 };
        let name = fold.name();
        let Some(given) = self.in_order(name, given, span) else { return ExprKind::Invalid };
        let count = given.len();
        let mut given = given.into_iter().map(Box::new);
        match (given.next(), given.next()) {
            (Some(function), Some(list)) if count <= most => ExprKind::Fold(fold, function, list, given.next()),
            _ => {
                let shape = if fold == Fold::Reduce { "(f, xs) or (f, xs, start)" } else { "(f, xs)" };
                self.reporter
                    .error(
                        Code::WrongArguments,
                        span,
                        format!("`{name}` takes {}, {count} given", arity(2, most as u8)),
                    )
                    .help(format!("write `{name}{shape}`"));
                ExprKind::Invalid
            }
        }
    }
}

/// The parameter that takes a shape as single sizes: a shape behind which nothing is required.
fn shape_position(op: &OpDef) -> Option<usize> {
    let at = op.params.iter().position(|p| p.kind == ParamKind::Shape)?;
    op.params[at + 1..].iter().all(|p| p.default.is_some()).then_some(at)
}

/// Turns `ones(2, 3)` into `ones([2, 3])`. Strings behind the sizes are arguments of their own (`"f32"`).
fn gather_shape(given: &mut Vec<Given>, at: usize) {
    let ordered = given.iter().take_while(|g| g.name.is_none()).count();
    let end = given[..ordered].iter().rposition(|g| !matches!(g.value.kind, ExprKind::Str(_))).map_or(0, |n| n + 1);
    if end < at + 2 {
        return;
    }
    let sizes: Vec<Expr> = given.drain(at..end).map(|g| g.value).collect();
    let span = sizes[0].span.to(sizes[sizes.len() - 1].span);
    given.insert(at, Given { name: None, value: Expr { kind: ExprKind::List(sizes), span } });
}

fn listed<'n>(names: impl Iterator<Item = &'n str>) -> String {
    let quoted: Vec<String> = names.map(|n| format!("`{n}`")).collect();
    match quoted.split_last() {
        None => "none".to_owned(),
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} and {last}", rest.join(", ")),
    }
}

fn counted(count: usize) -> String {
    match count {
        0 => "no arguments".to_owned(),
        1 => "1 argument".to_owned(),
        n => format!("{n} arguments"),
    }
}

fn arity(least: u8, most: u8) -> String {
    match (least, most) {
        (0, u8::MAX) => format!("up to {} arguments", u8::MAX),
        (least, u8::MAX) => format!("at least {} and at most {}", counted(usize::from(least)), u8::MAX),
        (least, most) if least == most => counted(usize::from(most)),
        (least, most) => format!("{least} to {most} arguments"),
    }
}
