//! Operators on values: numbers, strings and lists here, tensors by the engine.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::LazyLock;

use nexus_tensor::{BinaryOp, CompareOp, UnaryOp};

use super::fault::{Fault, Outcome};
use super::host::Host;
use super::traced;
use super::value::{SharedList, Value};
use crate::ast::{BinaryOperator, Comparison};
use crate::codes::Code;
use crate::names::with_article;
use crate::optimise::pure::{Elementwise, elementwise};

/// Whether an order satisfies a comparison.
#[inline(always)]
pub(crate) fn compare_ordered<T: PartialOrd>(operator: Comparison, a: T, b: T) -> bool {
    match operator {
        Comparison::Less => a < b,
        Comparison::LessEqual => a <= b,
        Comparison::Greater => a > b,
        Comparison::GreaterEqual => a >= b,
        Comparison::Equal => a == b,
        Comparison::NotEqual => a != b,
    }
}

/// Compares two numbers; `None` where one is something else.
#[inline(always)]
pub(crate) fn compare_numbers(operator: Comparison, a: &Value, b: &Value) -> Option<bool> {
    match (a, b) {
        (Value::Int(x), Value::Int(y)) => Some(compare_ordered(operator, *x, *y)),
        (Value::Scalar(x), Value::Scalar(y)) => Some(compare_ordered(operator, *x, *y)),
        (Value::Int(x), Value::Scalar(y)) => Some(mixed(operator, *x, *y)),
        (Value::Scalar(x), Value::Int(y)) => Some(mixed(reversed(operator), *y, *x)),
        _ => None,
    }
}

/// Compares an int with a scalar exactly: beyond 2^53 not every int is a scalar.
fn mixed(operator: Comparison, int: i64, scalar: f64) -> bool {
    if scalar.is_nan() {
        return operator == Comparison::NotEqual;
    }
    let order = if scalar >= 9.3e18 {
        Ordering::Less
    } else if scalar <= -9.3e18 {
        Ordering::Greater
    } else {
        let floor = scalar.floor();
        i128::from(int).cmp(&(floor as i128)).then(if scalar > floor { Ordering::Less } else { Ordering::Equal })
    };
    compare_ordered(operator, order, Ordering::Equal)
}

fn reversed(operator: Comparison) -> Comparison {
    match operator {
        Comparison::Less => Comparison::Greater,
        Comparison::LessEqual => Comparison::GreaterEqual,
        Comparison::Greater => Comparison::Less,
        Comparison::GreaterEqual => Comparison::LessEqual,
        same => same,
    }
}

/// `a operator b` as a value: bool, or a bool tensor where one of them is a tensor.
pub(crate) fn compare(host: &mut Host, operator: Comparison, a: Value, b: Value) -> Outcome<Value> {
    if let Some(holds) = compare_numbers(operator, &a, &b) {
        return Ok(Value::Bool(holds));
    }
    if matches!(a, Value::Traced(_)) && is_operand(&b) || matches!(b, Value::Traced(_)) && is_operand(&a) {
        return traced::compare(host, tensor_comparison(operator), &a, &b);
    }
    let elementwise =
        matches!(a, Value::Tensor(_)) && is_operand(&b) || matches!(b, Value::Tensor(_)) && is_operand(&a);
    if elementwise {
        let operator = tensor_comparison(operator);
        host.tick(16)?;
        let (a, b) = (host.argument_of(a)?, host.argument_of(b)?);
        let compared = |host: &mut Host| nexus_tensor::compare(host.context, operator, &a, &b).map_err(Fault::tensor);
        let result = host.measured(COMPARISON, compared)?;
        return host.value_of(result);
    }
    match operator {
        Comparison::Equal => Ok(Value::Bool(host.equal(&a, &b)?)),
        Comparison::NotEqual => Ok(Value::Bool(!host.equal(&a, &b)?)),
        _ => match (&a, &b) {
            (Value::Str(x), Value::Str(y)) => Ok(Value::Bool(compare_ordered(operator, x.as_str(), y.as_str()))),
            _ => {
                let message = format!(
                    "`{}` cannot order {} and {}",
                    operator.text(),
                    with_article(&a.describe()),
                    with_article(&b.describe())
                );
                Err(Fault::new(Code::WrongTypeRunning, message).help("numbers, strings and tensors have an order"))
            }
        },
    }
}

pub(crate) fn tensor_comparison(operator: Comparison) -> CompareOp {
    match operator {
        Comparison::Equal => CompareOp::Equal,
        Comparison::NotEqual => CompareOp::NotEqual,
        Comparison::Less => CompareOp::Less,
        Comparison::LessEqual => CompareOp::LessEqual,
        Comparison::Greater => CompareOp::Greater,
        Comparison::GreaterEqual => CompareOp::GreaterEqual,
    }
}

/// Whether a value takes part in tensor arithmetic.
fn is_operand(value: &Value) -> bool {
    matches!(value, Value::Tensor(_) | Value::Int(_) | Value::Scalar(_) | Value::Bool(_) | Value::Traced(_))
}

impl Host<'_> {
    /// Whether two values are the same: of one kind (ints and scalars are both numbers) with the same content.
    pub(crate) fn equal(&mut self, a: &Value, b: &Value) -> Outcome<bool> {
        self.tick(1)?;
        Ok(match (a, b) {
            (Value::Absent, Value::Absent) | (Value::None, Value::None) => true,
            (Value::Bool(x), Value::Bool(y)) => x == y,
            (Value::Str(x), Value::Str(y)) => x.as_str() == y.as_str(),
            (Value::Range(x), Value::Range(y)) => x == y,
            (Value::List(x), Value::List(y)) => {
                if SharedList::ptr_eq(x, y) {
                    return Ok(true);
                }
                if x.len() != y.len() {
                    return Ok(false);
                }
                for (x, y) in x.iter().zip(y.iter()) {
                    if !self.equal(&x, &y)? {
                        return Ok(false);
                    }
                }
                true
            }
            (Value::Record(x), Value::Record(y)) => {
                if x.fields().len() != y.fields().len() {
                    return Ok(false);
                }
                for (name, x) in x.fields() {
                    match y.get(name) {
                        Some(y) if self.equal(x, y)? => {}
                        _ => return Ok(false),
                    }
                }
                true
            }
            (Value::Tensor(x), Value::Tensor(y)) => {
                x.dtype() == y.dtype()
                    && x.shape() == y.shape()
                    && x.to_data().map_err(Fault::tensor)? == y.to_data().map_err(Fault::tensor)?
            }
            (Value::Function(x), Value::Function(y)) => std::sync::Arc::ptr_eq(x, y),
            (Value::Task(x), Value::Task(y)) => std::sync::Arc::ptr_eq(x, y),
            _ => compare_numbers(Comparison::Equal, a, b).unwrap_or(false),
        })
    }
}

/// The truth of a condition.
pub(crate) fn truth(value: &Value) -> Outcome<bool> {
    match value {
        Value::Bool(holds) => Ok(*holds),
        Value::Tensor(t) if t.len() == 1 && t.dtype() == nexus_model::DType::Bool => {
            let data = t.to_data().map_err(Fault::tensor)?;
            Ok(data.get_i64(0).unwrap_or(0) != 0)
        }
        Value::Tensor(t) if t.dtype() == nexus_model::DType::Bool => {
            let message = format!("a condition needs one truth value, found {}", value.describe());
            Err(Fault::new(Code::ConditionNotBool, message).help("write `tensor.any(t)` or `tensor.all(t)`"))
        }
        other => {
            let message = format!("a condition needs a bool, found {}", other.describe());
            let help = match other {
                Value::Int(_) | Value::Scalar(_) | Value::Tensor(_) => "compare it: `x != 0`",
                Value::List(_) | Value::Str(_) => "compare its length: `len(x) > 0`",
                Value::None | Value::Absent => "compare it: `x == none`",
                _ => "a comparison gives a bool",
            };
            Err(Fault::new(Code::ConditionNotBool, message).help(help))
        }
    }
}

/// `not a`
pub(crate) fn not(host: &mut Host, a: Value) -> Outcome<Value> {
    match a {
        Value::Tensor(_) => unary_tensor(host, UnaryOp::Not, a),
        Value::Traced(_) => traced::unary(host, UnaryOp::Not, &a),
        other => Ok(Value::Bool(!truth(&other)?)),
    }
}

/// `-a`
pub(crate) fn negate(host: &mut Host, a: Value) -> Outcome<Value> {
    match a {
        Value::Int(x) => x.checked_neg().map(Value::Int).ok_or_else(|| overflow("-", &a, None)),
        Value::Scalar(x) => Ok(Value::Scalar(-x)),
        Value::Tensor(_) => unary_tensor(host, UnaryOp::Neg, a),
        Value::Traced(_) => traced::unary(host, UnaryOp::Neg, &a),
        other => Err(Fault::kind("`-`", "a number or tensor", &other)),
    }
}

pub(crate) fn unary_tensor(host: &mut Host, operator: UnaryOp, a: Value) -> Outcome<Value> {
    host.tick(16)?;
    let a = host.argument_of(a)?;
    let is_to_blame = host.gives_finite([&a])?;
    let run = |host: &mut Host| nexus_tensor::unary_owned(host.context, operator, a).map_err(Fault::tensor);
    let result = host.measured(unary_name(operator), run)?;
    host.accept(is_to_blame, || operator.name(), &result)?;
    host.value_of(result)
}

/// `a and b`, `a or b`, both known; elementwise where one is a tensor of several elements.
pub(crate) fn logic(host: &mut Host, and: bool, a: Value, b: Value) -> Outcome<Value> {
    if matches!(a, Value::Tensor(_)) || matches!(b, Value::Tensor(_)) {
        return tensor_binary(host, if and { BinaryOp::And } else { BinaryOp::Or }, a, b);
    }
    let (a, b) = (truth(&a)?, truth(&b)?);
    Ok(Value::Bool(if and { a && b } else { a || b }))
}

/// An arithmetic operator on any values.
pub(crate) fn binary(host: &mut Host, operator: BinaryOperator, a: Value, b: Value) -> Outcome<Value> {
    if let Some(outcome) = of_numbers(operator, &a, &b) {
        return outcome;
    }
    match (&a, &b) {
        (Value::Traced(_), _) if is_operand(&b) => traced::binary(host, tensor_operator(operator), &a, &b),
        (_, Value::Traced(_)) if is_operand(&a) => traced::binary(host, tensor_operator(operator), &a, &b),
        (Value::Tensor(_), _) if is_operand(&b) => tensor_binary(host, tensor_operator(operator), a, b),
        (_, Value::Tensor(_)) if is_operand(&a) => tensor_binary(host, tensor_operator(operator), a, b),
        _ => super::sequence::binary(host, operator, a, b),
    }
}

/// An arithmetic operator on two numbers; `None` where one is something else.
pub(crate) fn of_numbers(operator: BinaryOperator, a: &Value, b: &Value) -> Option<Outcome<Value>> {
    Some(match (a, b) {
        (Value::Int(x), Value::Int(y)) => int_binary(operator, *x, *y),
        (Value::Scalar(x), Value::Scalar(y)) => scalar_binary(operator, *x, *y),
        (Value::Int(x), Value::Scalar(y)) => scalar_binary(operator, *x as f64, *y),
        (Value::Scalar(x), Value::Int(y)) => scalar_binary(operator, *x, *y as f64),
        _ => return None,
    })
}

pub(crate) fn tensor_operator(operator: BinaryOperator) -> BinaryOp {
    match operator {
        BinaryOperator::Add => BinaryOp::Add,
        BinaryOperator::Subtract => BinaryOp::Sub,
        BinaryOperator::Multiply => BinaryOp::Mul,
        BinaryOperator::Divide => BinaryOp::Div,
        BinaryOperator::FloorDivide => BinaryOp::FloorDiv,
        BinaryOperator::Remainder => BinaryOp::Rem,
        BinaryOperator::Product => BinaryOp::MatMul,
        BinaryOperator::Power => BinaryOp::Pow,
    }
}

fn tensor_binary(host: &mut Host, operator: BinaryOp, a: Value, b: Value) -> Outcome<Value> {
    host.tick(16)?;
    let (a, b) = (host.argument_of(a)?, host.argument_of(b)?);
    let is_to_blame = host.gives_finite([&a, &b])?;
    let run = |host: &mut Host| nexus_tensor::binary_owned(host.context, operator, a, b).map_err(Fault::tensor);
    let result = host.measured(operation_name(operator), run)?;
    host.accept(is_to_blame, || operator.symbol().into(), &result)?;
    host.value_of(result)
}

/// What a comparison of tensors is called in a profile.
pub(crate) const COMPARISON: &str = "comparison";

/// What an operator or a function of one tensor is called in a profile: functions as they are in the library.
pub(crate) fn unary_name(operator: UnaryOp) -> &'static str {
    static FUNCTIONS: LazyLock<BTreeMap<usize, &'static str>> = LazyLock::new(|| {
        let functions = nexus_library::all().filter_map(|op| match elementwise(op) {
            Some(Elementwise::Unary(operator)) => Some((operator as usize, op.name)),
            _ => None,
        });
        functions.collect()
    });
    match operator {
        UnaryOp::Not => "not",
        UnaryOp::Neg => "negation",
        function => FUNCTIONS.get(&(function as usize)).copied().unwrap_or("tensor function"),
    }
}

/// What an operator on tensors is called in a profile.
pub(crate) fn operation_name(operator: BinaryOp) -> &'static str {
    match operator {
        BinaryOp::Add => "tensor +",
        BinaryOp::Sub => "tensor -",
        BinaryOp::Mul => "tensor *",
        BinaryOp::Div => "tensor /",
        BinaryOp::FloorDiv => "tensor //",
        BinaryOp::Rem => "tensor %",
        BinaryOp::Pow => "tensor **",
        BinaryOp::MatMul => "tensor @",
        BinaryOp::And => "tensor and",
        BinaryOp::Or => "tensor or",
        _ => "tensor operator",
    }
}

fn int_binary(operator: BinaryOperator, x: i64, y: i64) -> Outcome<Value> {
    let checked = match operator {
        BinaryOperator::Add => x.checked_add(y),
        BinaryOperator::Subtract => x.checked_sub(y),
        BinaryOperator::Multiply => x.checked_mul(y),
        BinaryOperator::Divide => return scalar_binary(operator, x as f64, y as f64),
        BinaryOperator::FloorDivide if y == 0 => return Err(division_by_zero(operator)),
        BinaryOperator::Remainder if y == 0 => return Err(division_by_zero(operator)),
        BinaryOperator::FloorDivide => {
            x.checked_div_euclid(y).map(|q| if y < 0 && x.rem_euclid(y) != 0 { q - 1 } else { q })
        }
        // The sign of the divisor; the smallest int and -1 leave nothing.
        BinaryOperator::Remainder => {
            Some(x.wrapping_rem(y)).map(|r| if r != 0 && (r < 0) != (y < 0) { r + y } else { r })
        }
        BinaryOperator::Power if y < 0 => return scalar_binary(operator, x as f64, y as f64),
        BinaryOperator::Power => power(x, y),
        BinaryOperator::Product => return Err(no_product()),
    };
    checked.map(Value::Int).ok_or_else(|| overflow(operator.text(), &Value::Int(x), Some(&Value::Int(y))))
}

fn power(base: i64, exponent: i64) -> Option<i64> {
    match base {
        0 | 1 => Some(if exponent == 0 { 1 } else { base }),
        -1 => Some(if exponent % 2 == 0 { 1 } else { -1 }),
        _ => base.checked_pow(u32::try_from(exponent).ok()?),
    }
}

fn scalar_binary(operator: BinaryOperator, x: f64, y: f64) -> Outcome<Value> {
    Ok(Value::Scalar(match operator {
        BinaryOperator::Add => x + y,
        BinaryOperator::Subtract => x - y,
        BinaryOperator::Multiply => x * y,
        BinaryOperator::Divide | BinaryOperator::FloorDivide | BinaryOperator::Remainder if y == 0.0 => {
            return Err(division_by_zero(operator));
        }
        BinaryOperator::Divide => x / y,
        BinaryOperator::FloorDivide => nexus_jit::floor_quotient(x, y),
        BinaryOperator::Remainder => nexus_jit::modulo(x, y),
        BinaryOperator::Power if x == 0.0 && y < 0.0 => return Err(division_by_zero(operator)),
        BinaryOperator::Power => x.powf(y),
        BinaryOperator::Product => return Err(no_product()),
    }))
}

fn no_product() -> Box<Fault> {
    Fault::new(Code::WrongTypeRunning, "`@` is the matrix product of tensors").help("write `*` for numbers")
}

fn division_by_zero(operator: BinaryOperator) -> Box<Fault> {
    let what = match operator {
        BinaryOperator::Remainder => "remainder of a division by zero",
        BinaryOperator::Power => "zero to a negative power",
        _ => "division by zero",
    };
    Fault::new(Code::DivisionByZero, what).help("guard the divisor; tensors give inf or nan instead")
}

fn overflow(operator: &str, a: &Value, b: Option<&Value>) -> Box<Fault> {
    let text = |v: &Value| match v {
        Value::Int(x) => x.to_string(),
        other => other.describe(),
    };
    let what = match b {
        Some(b) => format!("{} {operator} {}", text(a), text(b)),
        None => format!("{operator}({})", text(a)),
    };
    Fault::new(Code::IntegerOverflow, format!("`{what}` does not fit an int"))
        .help("use scalars for large values: `scalar(n)`, or write `2.0 ** 100`")
}
