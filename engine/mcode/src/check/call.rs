//! Calls: arguments against signatures, with the names of dimensions.

use std::collections::BTreeMap;

use nexus_tensor::{ArgType, Dim, OpDef, TensorError, TensorType};

use super::{Checker, types};
use crate::ast::Name;
use crate::codes::Code;
use crate::hir::{Declared, DeclaredDim, Expr, Fold, FunctionId};
use crate::library::{self, BuiltinId, Kind};
use crate::names::with_article;
use crate::source::ByteSpan;

/// The sizes that the named dimensions of a signature stand for in one call, and the argument that said so.
pub(super) type Dims = BTreeMap<Name, (Dim, ByteSpan)>;

impl<'p> Checker<'p, '_> {
    pub(super) fn call_function(&mut self, id: FunctionId, arguments: &'p [Option<Expr>], span: ByteSpan) -> ArgType {
        let program = self.program;
        let callee = &program.functions[id as usize];
        let mut dims = Dims::new();
        for (param, argument) in callee.params.iter().zip(arguments) {
            let Some(argument) = argument else { continue };
            let found = self.expression(argument);
            let Some(declared) = &param.declared else { continue };
            let name = &callee.locals[param.local as usize];
            let what = format!("the argument `{}`", name.name);
            let same_file = callee.file == self.current().file;
            let place = same_file.then_some((name.span, "declared here"));
            if self.check_declared(&found, (declared, &callee.dims), &what, argument.span, place) {
                self.unify(&found, (declared, &callee.dims), &mut dims, &what, argument.span);
            }
        }
        debug_assert!(span.start <= span.end);
        let result = self.results[id as usize].clone();
        let declared = callee.returns.as_ref().map(|d| types::of_declared(d, &callee.dims));
        let result = match (declared, result) {
            (Some(ArgType::Unknown) | None, Some(result)) => result,
            (Some(declared), _) => declared,
            (None, None) => ArgType::Unknown,
        };
        substitute(types::widen(&result), &dims)
    }

    /// Checks a value against a declared type, given with the names of its function's dimensions; false where it was
    /// reported.
    pub(super) fn check_declared(
        &mut self,
        found: &ArgType,
        (declared, names): (&Declared, &[(Name, u32)]),
        what: &str,
        span: ByteSpan,
        declared_at: Option<(ByteSpan, &str)>,
    ) -> bool {
        let wrong_rank = match (found, declared) {
            (ArgType::Tensor(TensorType { shape: Some(shape), .. }), Declared::Tensor { dims: Some(dims), .. }) => {
                let sizes = shape.iter().zip(dims).any(|(found, declared)| match (found, declared) {
                    (Dim::Known(found), DeclaredDim::Known(declared)) => found != declared,
                    _ => false,
                });
                shape.len() != dims.len() || sizes
            }
            _ => false,
        };
        if types::may_be(found, declared) && !wrong_rank {
            return true;
        }
        let expected = describe_declared(declared, names);
        let text = types::describe(found);
        let help = match (declared, found) {
            (Declared::Tensor { .. }, ArgType::List(_) | ArgType::ListOf(_)) => {
                Some("`tensor.from_list(xs)` makes a tensor of a list".to_owned())
            }
            (Declared::Tensor { dtype: Some(dtype), .. }, ArgType::Tensor(_)) if !wrong_rank => {
                Some(format!("`tensor.astype(t, \"{dtype}\")` converts"))
            }
            (Declared::Int, ArgType::Scalar(_)) => Some("`int(x)` drops the fraction".to_owned()),
            (Declared::Str, _) => Some("`string(x)` makes text of any value".to_owned()),
            (_, ArgType::None) => Some("a function without `return` gives none".to_owned()),
            _ => None,
        };
        let message = format!("{what} is declared {expected}, found {text}");
        if let Some(report) = self.report(Code::DeclaredType, span, message) {
            report.label(format!("this is {text}"));
            report.help = help;
            if let Some((place, label)) = declared_at {
                report.secondary(place, label);
            }
        }
        false
    }

    /// Gives the named dimensions of a signature their sizes, and reports two sizes for one name.
    pub(super) fn unify(
        &mut self,
        found: &ArgType,
        (declared, names): (&Declared, &[(Name, u32)]),
        dims: &mut Dims,
        what: &str,
        span: ByteSpan,
    ) {
        let (ArgType::Tensor(TensorType { shape: Some(shape), .. }), Declared::Tensor { dims: Some(declared), .. }) =
            (found, declared)
        else {
            return;
        };
        for (found, declared) in shape.iter().zip(declared) {
            let DeclaredDim::Named(index) = declared else { continue };
            let Some((name, _)) = names.get(*index) else { continue };
            match dims.get(name) {
                None => {
                    dims.insert(name.clone(), (found.clone(), span));
                }
                Some((Dim::Known(first), place)) => {
                    if let Dim::Known(second) = found
                        && first != second
                    {
                        let message = format!("`{name}` cannot be both {first} and {second}");
                        let (label, other) =
                            (format!("{what} makes `{name}` {second}"), format!("here `{name}` is {first}"));
                        let place = *place;
                        if let Some(report) = self.report(Code::DeclaredType, span, message) {
                            report.label(label).secondary(place, other);
                            report.help("what shares a dimension's name has the same size there");
                        }
                    }
                }
                Some(_) => {}
            }
        }
    }

    pub(super) fn call_op(&mut self, op: &'static OpDef, arguments: &'p [Option<Expr>], span: ByteSpan) -> ArgType {
        let given: Vec<ArgType> =
            arguments.iter().map(|a| a.as_ref().map_or(ArgType::None, |e| self.expression(e))).collect();
        match (op.infer)(&given) {
            Ok(ty) => ty,
            Err(error) => {
                let code = match error {
                    TensorError::Shapes { .. } if op.name == "tensor.matmul" => Code::ProductShapes,
                    _ => Code::RefusedArguments,
                };
                let message = format!("`{}`: {error}", op.name);
                if let Some(report) = self.report(code, span, message) {
                    report.help(error.help());
                }
                ArgType::Unknown
            }
        }
    }

    pub(super) fn call_builtin(&mut self, id: BuiltinId, arguments: &'p [Expr]) -> ArgType {
        let given: Vec<ArgType> = arguments.iter().map(|e| self.expression(e)).collect();
        let builtin = library::builtin(id);
        match (builtin.name, given.first()) {
            ("len", Some(ArgType::List(items))) => return ArgType::Int(i64::try_from(items.len()).ok()),
            ("len", Some(ArgType::Tensor(TensorType { shape: Some(shape), .. }))) => {
                return match shape.first() {
                    Some(Dim::Known(size)) => ArgType::Int(i64::try_from(*size).ok()),
                    _ => ArgType::Int(None),
                };
            }
            ("len", Some(ArgType::Int(_) | ArgType::Scalar(_) | ArgType::Bool(_) | ArgType::None)) => {
                let found = given.first().map(types::describe).unwrap_or_default();
                let message = format!("`len` needs a list, record, string, range or tensor, found {found}");
                self.report(Code::WrongType, arguments[0].span, message);
            }
            ("append", Some(list)) => {
                let item = given.get(1).map(types::widen).unwrap_or_default();
                return match list {
                    ArgType::List(items) if items.is_empty() => ArgType::ListOf(Box::new(item)),
                    ArgType::List(_) | ArgType::ListOf(_) => {
                        ArgType::ListOf(Box::new(types::join(&types::item(list), &item)))
                    }
                    _ => ArgType::Unknown,
                };
            }
            _ => {}
        }
        match builtin.result {
            Kind::Any | Kind::List => ArgType::Unknown,
            Kind::None => ArgType::None,
            Kind::Bool => ArgType::Bool(None),
            Kind::Int => ArgType::Int(None),
            Kind::Scalar => ArgType::Scalar(None),
            Kind::Str => ArgType::Str(None),
        }
    }

    pub(super) fn call_value(&mut self, callee: &'p Expr, arguments: &'p [Expr]) -> ArgType {
        let ty = self.expression(callee);
        arguments.iter().for_each(|e| {
            self.expression(e);
        });
        if !matches!(ty, ArgType::Unknown | ArgType::Function) {
            let found = types::describe(&ty);
            if let Some(report) =
                self.report(Code::WrongType, callee.span, format!("this is {}, not a function", with_article(&found)))
            {
                report.help("an element is read with square brackets: `xs[i]`");
            }
        }
        ArgType::Unknown
    }

    pub(super) fn fold(&mut self, fold: Fold, function: &'p Expr, over: &'p Expr, start: Option<&'p Expr>) -> ArgType {
        let callee = self.expression(function);
        let list = self.expression(over);
        start.map(|e| self.expression(e));
        if !matches!(callee, ArgType::Unknown | ArgType::Function) {
            let found = types::describe(&callee);
            let name = fold.name();
            if let Some(report) =
                self.report(Code::WrongType, function.span, format!("`{name}` needs a function first, found {found}"))
            {
                report.help(format!("write `{name}(f, xs)`"));
            }
        }
        let item = self.item_of(&list, over.span);
        match fold {
            Fold::Map => ArgType::ListOf(Box::new(ArgType::Unknown)),
            Fold::Filter => ArgType::ListOf(Box::new(types::widen(&item))),
            Fold::Reduce => ArgType::Unknown,
        }
    }
}

/// Puts sizes for the names of dimensions; names that got none mean nothing outside their signature.
fn substitute(ty: ArgType, dims: &Dims) -> ArgType {
    match ty {
        ArgType::Tensor(TensorType { dtype, shape }) => {
            let shape = shape.map(|shape| {
                shape
                    .into_iter()
                    .map(|dim| match dim {
                        Dim::Named(name) => dims.get(&name).map_or(Dim::Unknown, |(dim, _)| dim.clone()),
                        other => other,
                    })
                    .collect()
            });
            ArgType::Tensor(TensorType { dtype, shape })
        }
        ArgType::List(items) => ArgType::List(items.into_iter().map(|t| substitute(t, dims)).collect()),
        ArgType::ListOf(item) => ArgType::ListOf(Box::new(substitute(*item, dims))),
        ArgType::Record(fields) => {
            ArgType::Record(fields.into_iter().map(|(name, t)| (name, substitute(t, dims))).collect())
        }
        other => other,
    }
}

/// `tensor[f32, 2, n]`
fn describe_declared(declared: &Declared, names: &[(Name, u32)]) -> String {
    let Declared::Tensor { dtype, dims } = declared else { return crate::vm::declared_name(declared).to_owned() };
    let mut words: Vec<String> = dtype.iter().map(ToString::to_string).collect();
    for dim in dims.iter().flatten() {
        words.push(match dim {
            DeclaredDim::Known(size) => size.to_string(),
            DeclaredDim::Named(index) => names.get(*index).map_or_else(|| "_".to_owned(), |(name, _)| name.to_string()),
            DeclaredDim::Any => "_".to_owned(),
        });
    }
    if words.is_empty() { "tensor".to_owned() } else { format!("tensor[{}]", words.join(", ")) }
}
