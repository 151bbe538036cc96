//! Operators, and the messages about shapes that do not fit.

use nexus_tensor::{ArgType, BinaryOp, CompareOp, Dim, TensorError, TensorType};

use super::{Checker, types};
use crate::ast::{BinaryOperator, Comparison};
use crate::codes::Code;
use crate::hir::{Expr, ExprKind, Place};
use crate::names::with_article;
use crate::source::ByteSpan;

impl<'p> Checker<'p, '_> {
    pub(super) fn binary(&mut self, operator: BinaryOperator, a: &'p Expr, b: &'p Expr, span: ByteSpan) -> ArgType {
        let (left, right) = (self.expression(a), self.expression(b));
        match (&left, &right) {
            (ArgType::Unknown, _) | (_, ArgType::Unknown) => ArgType::Unknown,
            (ArgType::Int(x), ArgType::Int(y)) => self.ints(operator, *x, *y, span),
            (ArgType::Int(_) | ArgType::Scalar(_), ArgType::Int(_) | ArgType::Scalar(_)) => {
                if operator == BinaryOperator::Product {
                    return self.no_meaning(operator, &left, &right, span);
                }
                ArgType::Scalar(None)
            }
            (ArgType::Tensor(_), _) | (_, ArgType::Tensor(_)) => self.tensors(operator, a, b, &left, &right, span),
            (ArgType::Str(_), ArgType::Str(_)) if operator == BinaryOperator::Add => ArgType::Str(None),
            (ArgType::List(x), ArgType::List(y))
                if operator == BinaryOperator::Add && x.len() + y.len() <= types::LIST_ITEMS_MAX =>
            {
                ArgType::List(x.iter().chain(y).cloned().collect())
            }
            (ArgType::List(_) | ArgType::ListOf(_), ArgType::List(_) | ArgType::ListOf(_))
                if operator == BinaryOperator::Add =>
            {
                let empty = |t: &ArgType| matches!(t, ArgType::List(items) if items.is_empty());
                let item = match (empty(&left), empty(&right)) {
                    (true, _) => types::item(&right),
                    (_, true) => types::item(&left),
                    _ => types::join(&types::item(&left), &types::item(&right)),
                };
                ArgType::ListOf(Box::new(item))
            }
            (list @ (ArgType::List(_) | ArgType::ListOf(_)), ArgType::Int(_))
            | (ArgType::Int(_), list @ (ArgType::List(_) | ArgType::ListOf(_)))
                if operator == BinaryOperator::Multiply =>
            {
                ArgType::ListOf(Box::new(types::item(list)))
            }
            (ArgType::Str(_), ArgType::Int(_)) | (ArgType::Int(_), ArgType::Str(_))
                if operator == BinaryOperator::Multiply =>
            {
                ArgType::Str(None)
            }
            _ => self.no_meaning(operator, &left, &right, span),
        }
    }

    /// Constants are folded: shapes are made of them.
    fn ints(&mut self, operator: BinaryOperator, x: Option<i64>, y: Option<i64>, span: ByteSpan) -> ArgType {
        let both = x.zip(y);
        let folded = match operator {
            BinaryOperator::Add => both.and_then(|(x, y)| x.checked_add(y)),
            BinaryOperator::Subtract => both.and_then(|(x, y)| x.checked_sub(y)),
            BinaryOperator::Multiply => both.and_then(|(x, y)| x.checked_mul(y)),
            BinaryOperator::FloorDivide => both.filter(|(_, y)| *y > 0).map(|(x, y)| x.div_euclid(y)),
            BinaryOperator::Remainder => both.filter(|(_, y)| *y > 0).map(|(x, y)| x.rem_euclid(y)),
            BinaryOperator::Divide => return ArgType::Scalar(None),
            BinaryOperator::Power => {
                return if y.is_some_and(|y| y >= 0) { ArgType::Int(None) } else { ArgType::Unknown };
            }
            BinaryOperator::Product => {
                return self.no_meaning(operator, &ArgType::Int(x), &ArgType::Int(y), span);
            }
        };
        ArgType::Int(folded)
    }

    fn no_meaning(&mut self, operator: BinaryOperator, a: &ArgType, b: &ArgType, span: ByteSpan) -> ArgType {
        let text = operator.text();
        let message = format!(
            "`{text}` has no meaning for {} and {}",
            with_article(&types::describe(a)),
            with_article(&types::describe(b))
        );
        let list = |t: &ArgType| matches!(t, ArgType::List(_) | ArgType::ListOf(_));
        let help = match (operator, a, b) {
            (BinaryOperator::Product, ..) => Some("`@` is the matrix product of tensors; write `*` for numbers"),
            (BinaryOperator::Add, ArgType::Str(_), _) | (BinaryOperator::Add, _, ArgType::Str(_)) => {
                Some("turn the other one into text: `string(x)`")
            }
            (_, a, b) if list(a) || list(b) => Some("make a tensor of the list for arithmetic: `tensor.from_list(xs)`"),
            (_, ArgType::None, _) | (_, _, ArgType::None) => Some("a function without `return` gives none"),
            _ => None,
        };
        if let Some(report) = self.report(Code::WrongType, span, message) {
            report.help = help.map(str::to_owned);
        }
        ArgType::Unknown
    }

    fn tensors(
        &mut self,
        operator: BinaryOperator,
        a: &'p Expr,
        b: &'p Expr,
        left: &ArgType,
        right: &ArgType,
        span: ByteSpan,
    ) -> ArgType {
        let is_operand =
            |t: &ArgType| matches!(t, ArgType::Tensor(_) | ArgType::Int(_) | ArgType::Scalar(_) | ArgType::Bool(_));
        if !is_operand(left) || !is_operand(right) {
            return self.no_meaning(operator, left, right, span);
        }
        let op = match operator {
            BinaryOperator::Add => BinaryOp::Add,
            BinaryOperator::Subtract => BinaryOp::Sub,
            BinaryOperator::Multiply => BinaryOp::Mul,
            BinaryOperator::Divide => BinaryOp::Div,
            BinaryOperator::FloorDivide => BinaryOp::FloorDiv,
            BinaryOperator::Remainder => BinaryOp::Rem,
            BinaryOperator::Product => BinaryOp::MatMul,
            BinaryOperator::Power => BinaryOp::Pow,
        };
        match nexus_tensor::infer_binary(op, left, right) {
            Ok(ty) => ty,
            Err(error) => {
                self.shape_error(operator, (a, left), (b, right), span, &error);
                ArgType::Unknown
            }
        }
    }

    /// Reports operands that do not fit, with where they come from and what to write.
    fn shape_error(
        &mut self,
        operator: BinaryOperator,
        (a, left): (&'p Expr, &ArgType),
        (b, right): (&'p Expr, &ArgType),
        span: ByteSpan,
        error: &TensorError,
    ) {
        let (left_text, right_text) = (types::describe(left), types::describe(right));
        let symbol = operator.text();
        let product = operator == BinaryOperator::Product;
        let shapes = match (left, right) {
            (ArgType::Tensor(x), ArgType::Tensor(y)) => x.shape.as_deref().zip(y.shape.as_deref()),
            _ => None,
        };
        let inner = shapes.filter(|_| product).and_then(|(x, y)| Some((x.last()?, inner_of(y)?)));
        let help = match (shapes, inner) {
            (Some((x, y)), Some((inner, other))) if inner != other => self.product_help(a, b, (x, y), inner, other),
            _ => None,
        };
        let origin = self.origin(b).map(|o| (o, right_text.clone()));
        let origin = origin.or_else(|| self.origin(a).map(|o| (o, left_text.clone())));
        let (code, message, label) = match inner {
            Some((inner, other)) if inner != other => (
                Code::ProductShapes,
                "shapes do not fit this product".to_owned(),
                format!(
                    "{left_text} {symbol} {right_text}: the inner sizes are {} and {}",
                    types::describe_dim(inner),
                    types::describe_dim(other)
                ),
            ),
            _ if matches!(error, TensorError::Shapes { .. }) && !product => (
                Code::BroadcastShapes,
                format!("shapes do not fit this `{symbol}`"),
                format!("{left_text} {symbol} {right_text}: {error}"),
            ),
            _ if product => (Code::ProductShapes, error.to_string(), format!("{left_text} {symbol} {right_text}")),
            _ => (Code::WrongType, error.to_string(), format!("{left_text} {symbol} {right_text}")),
        };
        let help = help.unwrap_or_else(|| error.help().to_owned());
        if let Some(report) = self.report(code, span, message) {
            report.label(label).help(help);
            if let Some((origin, text)) = origin {
                report.secondary(origin.span, text);
            }
        }
    }

    /// Where the value of a variable comes from.
    fn origin(&self, expr: &Expr) -> Option<&'p Expr> {
        match expr.kind {
            ExprKind::Read(Place::Local(id)) => self.state.slots[id as usize].origin,
            _ => None,
        }
    }

    /// A product that would fit: one operand transposed, or the right one made with the size that is needed.
    fn product_help(&self, a: &Expr, b: &Expr, (x, y): (&[Dim], &[Dim]), inner: &Dim, other: &Dim) -> Option<String> {
        let (left, right) = (self.text(a.span), self.text(b.span));
        if y.len() == 2 && y[1] == *inner {
            return Some(format!("did you mean `{left} @ tensor.transpose({right})`?"));
        }
        if x.len() == 2 && x[0] == *other {
            return Some(format!("did you mean `tensor.transpose({left}) @ {right}`?"));
        }
        let Dim::Known(needed) = inner else { return None };
        let creation = self.origin(b).unwrap_or(b);
        let ExprKind::CallOp(op, arguments) = &creation.kind else { return None };
        let [Some(Expr { kind: ExprKind::List(sizes), .. }), rest @ ..] = arguments.as_slice() else { return None };
        if rest.iter().any(Option::is_some) || sizes.len() != y.len() {
            return None;
        }
        let place = sizes.len().saturating_sub(2);
        let sizes: Vec<String> = sizes
            .iter()
            .enumerate()
            .map(|(at, size)| if at == place { needed.to_string() } else { self.text(size.span).to_owned() })
            .collect();
        Some(format!("did you mean `{left} @ {}({})`?", op.name, sizes.join(", ")))
    }

    pub(super) fn comparison(&mut self, operands: &'p [Expr], operators: &[Comparison], span: ByteSpan) -> ArgType {
        let found: Vec<ArgType> = operands.iter().map(|e| self.expression(e)).collect();
        let mut result = ArgType::Bool(None);
        for ((pair, exprs), operator) in found.windows(2).zip(operands.windows(2)).zip(operators) {
            let (left, right) = (&pair[0], &pair[1]);
            let ty = match (left, right) {
                (ArgType::Unknown, _) | (_, ArgType::Unknown) => ArgType::Unknown,
                (ArgType::Tensor(_), other) | (other, ArgType::Tensor(_)) if is_number(other) => {
                    let op = match operator {
                        Comparison::Equal => CompareOp::Equal,
                        Comparison::NotEqual => CompareOp::NotEqual,
                        Comparison::Less => CompareOp::Less,
                        Comparison::LessEqual => CompareOp::LessEqual,
                        Comparison::Greater => CompareOp::Greater,
                        Comparison::GreaterEqual => CompareOp::GreaterEqual,
                    };
                    match nexus_tensor::infer_compare(op, left, right) {
                        Ok(ty) => ty,
                        Err(error) => {
                            let label =
                                format!("{} {} {}", types::describe(left), operator.text(), types::describe(right));
                            let place = exprs[0].span.to(exprs[1].span);
                            if let Some(report) = self.report(Code::BroadcastShapes, place, error.to_string()) {
                                report.label(label).help(error.help());
                            }
                            ArgType::Unknown
                        }
                    }
                }
                _ if matches!(operator, Comparison::Equal | Comparison::NotEqual) => ArgType::Bool(None),
                (ArgType::Str(_), ArgType::Str(_)) => ArgType::Bool(None),
                (left, right) if is_number(left) && is_number(right) && !is_bool(left) && !is_bool(right) => {
                    ArgType::Bool(None)
                }
                (left, right) => {
                    let (left, right) = (types::describe(left), types::describe(right));
                    let message = format!(
                        "`{}` cannot order {} and {}",
                        operator.text(),
                        with_article(&left),
                        with_article(&right)
                    );
                    if let Some(report) = self.report(Code::WrongType, span, message) {
                        report.help("numbers, strings and tensors have an order");
                    }
                    ArgType::Unknown
                }
            };
            result = match (result, ty) {
                (ArgType::Bool(_), ty) => ty,
                (other, ArgType::Bool(_)) => other,
                (ArgType::Tensor(_), ArgType::Tensor(_)) => bools(),
                _ => ArgType::Unknown,
            };
        }
        result
    }

    pub(super) fn logic(&mut self, a: &'p Expr, b: &'p Expr) -> ArgType {
        let before = self.expression(a);
        // The right side may not run, so that nothing it assigns would count; it assigns nothing.
        self.guards += 1;
        let after = self.expression(b);
        self.guards -= 1;
        for (ty, expr) in [(&before, a), (&after, b)] {
            if matches!(ty, ArgType::Unknown | ArgType::Bool(_) | ArgType::Tensor(_)) {
                continue;
            }
            let message = format!("a condition needs a bool, found {}", types::describe(ty));
            if let Some(report) = self.report(Code::WrongType, expr.span, message) {
                report.help("compare it: `x != 0`, `len(x) > 0`, `x != none`");
            }
        }
        match (before, after) {
            (ArgType::Bool(_), ArgType::Bool(_)) => ArgType::Bool(None),
            (ArgType::Tensor(_), ArgType::Tensor(_)) => bools(),
            _ => ArgType::Unknown,
        }
    }
}

fn bools() -> ArgType {
    ArgType::Tensor(TensorType { dtype: Some(nexus_model::DType::Bool), shape: None })
}

fn is_number(ty: &ArgType) -> bool {
    matches!(ty, ArgType::Tensor(_) | ArgType::Int(_) | ArgType::Scalar(_) | ArgType::Bool(_))
}

fn is_bool(ty: &ArgType) -> bool {
    matches!(ty, ArgType::Bool(_))
}

/// The size of the right operand that a product sums over.
fn inner_of(shape: &[Dim]) -> Option<&Dim> {
    match shape {
        [only] => Some(only),
        [.., inner, _] => Some(inner),
        [] => None,
    }
}
