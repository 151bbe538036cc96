//! Expressions: the type of each, and what in them is certain to fail.

use nexus_tensor::{ArgType, DType, Dim, IndexType, TensorType, UnaryOp};

use super::state::axis_expressions;
use super::{Checker, types};
use crate::ast::UnaryOperator;
use crate::codes::Code;
use crate::hir::{Axis, Expr, ExprKind};
use crate::library;
use crate::names::{closest, with_article};
use crate::source::ByteSpan;

impl<'p> Checker<'p, '_> {
    pub(super) fn expression(&mut self, expr: &'p Expr) -> ArgType {
        let span = expr.span;
        match &expr.kind {
            ExprKind::Invalid => ArgType::Unknown,
            ExprKind::None => ArgType::None,
            ExprKind::Bool(v) => ArgType::Bool(Some(*v)),
            ExprKind::Int(v) => ArgType::Int(Some(*v)),
            ExprKind::Scalar(v) => ArgType::Scalar(Some(*v)),
            ExprKind::Str(v) => ArgType::Str(Some(v.clone())),
            ExprKind::Read(place) => self.read(*place, span),
            ExprKind::Function(_) | ExprKind::Op(_) | ExprKind::Builtin(_) => ArgType::Function,
            ExprKind::Closure(id) => {
                let program = self.program;
                for capture in &program.functions[*id as usize].captures {
                    self.read(capture.outer, span);
                }
                ArgType::Function
            }
            ExprKind::List(items) => self.list(items),
            ExprKind::Record(fields) => {
                ArgType::Record(fields.iter().map(|(name, e)| (name.clone(), self.expression(e))).collect())
            }
            ExprKind::Unary(operator, operand) => self.unary(*operator, operand, span),
            ExprKind::Binary(operator, a, b) => self.binary(*operator, a, b, span),
            ExprKind::Compare(operands, operators) => self.comparison(operands, operators, span),
            ExprKind::And(a, b) | ExprKind::Or(a, b) => self.logic(a, b),
            ExprKind::Range { start, end, step, .. } => {
                for (e, what) in [(Some(start), "start"), (Some(end), "end"), (step.as_ref(), "step")] {
                    if let Some(e) = e {
                        self.range_part(e, what);
                    }
                }
                ArgType::ListOf(Box::new(ArgType::Int(None)))
            }
            ExprKind::CallFunction(id, arguments) => self.call_function(*id, arguments, span),
            ExprKind::CallOp(op, arguments) => self.call_op(op, arguments, span),
            ExprKind::CallBuiltin(id, arguments) => self.call_builtin(*id, arguments),
            ExprKind::CallValue(callee, arguments) => self.call_value(callee, arguments),
            ExprKind::Fold(fold, function, over, start) => self.fold(*fold, function, over, start.as_deref()),
            ExprKind::Index(target, axes) => self.index(target, axes, span),
            ExprKind::Field(target, name) => {
                let target = self.expression(target);
                self.field(&target, name, span)
            }
            ExprKind::Spawn(call) => {
                self.expression(call);
                ArgType::Unknown
            }
            ExprKind::Await(handle) => {
                self.expression(handle);
                ArgType::Unknown
            }
        }
    }

    fn list(&mut self, items: &'p [Expr]) -> ArgType {
        if items.len() <= types::LIST_ITEMS_MAX {
            return ArgType::List(items.iter().map(|e| self.expression(e)).collect());
        }
        let mut joined = None;
        for item in items {
            let ty = types::widen(&self.expression(item));
            joined = Some(match joined {
                Some(before) => types::join(&before, &ty),
                None => ty,
            });
        }
        ArgType::ListOf(Box::new(joined.unwrap_or_default()))
    }

    fn range_part(&mut self, expr: &'p Expr, what: &str) {
        let ty = self.expression(expr);
        if matches!(ty, ArgType::Unknown | ArgType::Int(_) | ArgType::Tensor(_)) {
            return;
        }
        let message = format!("the {what} of a range is an int, found {}", types::describe(&ty));
        if let Some(report) = self.report(Code::WrongType, expr.span, message) {
            report.help("`int(x)` makes one; `tensor.linspace` has steps with fractions");
        }
    }

    fn unary(&mut self, operator: UnaryOperator, operand: &'p Expr, span: ByteSpan) -> ArgType {
        let ty = self.expression(operand);
        match (operator, &ty) {
            (_, ArgType::Unknown) => ArgType::Unknown,
            (UnaryOperator::Negate, ArgType::Int(v)) => ArgType::Int(v.and_then(i64::checked_neg)),
            (UnaryOperator::Negate, ArgType::Scalar(v)) => ArgType::Scalar(v.map(|v| -v)),
            (UnaryOperator::Not, ArgType::Bool(v)) => ArgType::Bool(v.map(|v| !v)),
            (_, ArgType::Tensor(_)) => {
                let operator = if operator == UnaryOperator::Not { UnaryOp::Not } else { UnaryOp::Neg };
                nexus_tensor::infer_unary(operator, &ty).unwrap_or_default()
            }
            (operator, _) => {
                let (text, wanted) = match operator {
                    UnaryOperator::Negate => ("-", "a number or tensor"),
                    UnaryOperator::Not => ("not", "a bool"),
                };
                let message = format!("`{text}` needs {wanted}, found {}", types::describe(&ty));
                self.report(Code::WrongType, span, message);
                ArgType::Unknown
            }
        }
    }

    fn index(&mut self, target: &'p Expr, axes: &'p [Axis], span: ByteSpan) -> ArgType {
        let object = self.expression(target);
        let inferred: Vec<IndexType> = axes.iter().map(|axis| self.axis(axis)).collect();
        match &object {
            ArgType::Tensor(tensor) => {
                let at = inferred.iter().filter(|i| matches!(i, IndexType::At(_))).count();
                match nexus_tensor::infer_index(&object, &inferred) {
                    // All axes by one position each: a number.
                    Ok(ArgType::Tensor(part)) if at == axes.len() && part.shape.as_ref().is_some_and(Vec::is_empty) => {
                        types::element(tensor)
                    }
                    Ok(part) => part,
                    Err(error) => {
                        let (message, help) = (error.to_string(), error.help());
                        let label = types::describe(&object);
                        if let Some(report) = self.report(Code::WrongIndex, span, message) {
                            report.label(format!("this is {label}")).help(help);
                        }
                        ArgType::Unknown
                    }
                }
            }
            ArgType::List(items) => match inferred.as_slice() {
                [IndexType::At(Some(at))] => self.item_at(items, *at, span),
                [IndexType::At(None)] => types::item(&object),
                [IndexType::Range { .. } | IndexType::All] => ArgType::ListOf(Box::new(types::item(&object))),
                _ => ArgType::Unknown,
            },
            ArgType::ListOf(item) => match inferred.as_slice() {
                [IndexType::At(_)] => (**item).clone(),
                [IndexType::Range { .. } | IndexType::All] => object.clone(),
                _ => ArgType::Unknown,
            },
            ArgType::Str(_) => ArgType::Str(None),
            ArgType::Unknown | ArgType::Record(_) => ArgType::Unknown,
            other => {
                let message = format!("{} has no parts to read with `[…]`", with_article(&types::describe(other)));
                if let Some(report) = self.report(Code::WrongIndex, span, message)
                    && matches!(other, ArgType::Function)
                {
                    report.help("functions are called with round brackets: `f(x)`");
                }
                ArgType::Unknown
            }
        }
    }

    fn item_at(&mut self, items: &[ArgType], at: i64, span: ByteSpan) -> ArgType {
        let length = items.len() as i64;
        let place = if at < 0 { at.saturating_add(length) } else { at };
        if let Some(item) = usize::try_from(place).ok().and_then(|place| items.get(place)) {
            return item.clone();
        }
        // Code that need not run may have asked for the length before.
        if self.guards == 0 {
            self.report(Code::WrongIndex, span, format!("index {at} is beyond a list of length {length}"));
        }
        ArgType::Unknown
    }

    fn axis(&mut self, axis: &'p Axis) -> IndexType {
        let constant = |ty: &ArgType| match ty {
            ArgType::Int(Some(v)) => Some(Some(*v)),
            _ => None,
        };
        match axis {
            Axis::All => IndexType::All,
            Axis::Expr(Expr { kind: ExprKind::Range { start, end, closed, step }, .. }) => {
                let (start, end) = (self.expression(start), self.expression(end));
                let step = match step {
                    Some(step) => constant(&self.expression(step)),
                    None => Some(None),
                };
                let end = if *closed { None } else { constant(&end) };
                IndexType::Range { start: constant(&start), end, step }
            }
            Axis::Expr(e) => match self.expression(e) {
                ArgType::Int(v) => IndexType::At(v),
                ArgType::Tensor(t) if t.shape.as_ref().is_some_and(|s| !s.is_empty()) => IndexType::Tensor(t),
                ArgType::List(_) | ArgType::ListOf(_) => IndexType::Tensor(TensorType::default()),
                _ => IndexType::Unknown,
            },
            Axis::Open { start, end, closed, step } => {
                axis_expressions(axis).for_each(|e| {
                    self.expression(e);
                });
                let part = |e: &Option<Expr>| match e.as_ref().map(|e| &e.kind) {
                    None => Some(None),
                    Some(ExprKind::Int(v)) => Some(Some(*v)),
                    Some(_) => None,
                };
                IndexType::Range { start: part(start), end: if *closed { None } else { part(end) }, step: part(step) }
            }
        }
    }

    fn field(&mut self, target: &ArgType, name: &str, span: ByteSpan) -> ArgType {
        match target {
            ArgType::Record(fields) => {
                if let Some((_, ty)) = fields.iter().find(|(known, _)| &**known == name) {
                    return ty.clone();
                }
                let names: Vec<&str> = fields.iter().map(|(n, _)| &**n).collect();
                let near = closest(name, names.iter().copied()).map(|n| format!("did you mean `{n}`?"));
                if self.guards > 0 && near.is_none() {
                    // Code that need not run may have asked whether there is such a field.
                    return ArgType::Unknown;
                }
                let all = match names.as_slice() {
                    [] => "it has no fields".to_owned(),
                    names => format!("its fields are {}", names.join(", ")),
                };
                if let Some(report) =
                    self.report(Code::UnknownMember, span, format!("the record has no field `{name}`"))
                {
                    report.help(near.unwrap_or(all));
                }
                ArgType::Unknown
            }
            ArgType::Tensor(t) if name == "shape" => match &t.shape {
                Some(shape) => ArgType::List(
                    shape
                        .iter()
                        .map(|dim| match dim {
                            Dim::Known(size) => ArgType::Int(i64::try_from(*size).ok()),
                            _ => ArgType::Int(None),
                        })
                        .collect(),
                ),
                None => ArgType::ListOf(Box::new(ArgType::Int(None))),
            },
            ArgType::Tensor(t) if name == "dtype" => ArgType::Str(t.dtype.map(DType::name).map(Into::into)),
            ArgType::Unknown => ArgType::Unknown,
            other => {
                let found = types::describe(other);
                let tensor = matches!(other, ArgType::Tensor(_));
                if let Some(report) =
                    self.report(Code::UnknownMember, span, format!("{} has no field `{name}`", with_article(&found)))
                {
                    report.help(if tensor {
                        format!("tensors have `shape` and `dtype`; functions are called: `tensor.{name}(t)`")
                    } else {
                        let function = library::instead_of_method(name);
                        function.unwrap_or_else(|| "records have fields: `{a: 1}.a`".to_owned())
                    });
                }
                ArgType::Unknown
            }
        }
    }
}
