//! Functions on lists, records and values of any kind.

use std::sync::Arc;

use nexus_tensor::{Arg, BinaryOp, Index};

use super::{Builtin, Kind};
use crate::ast::Comparison;
use crate::codes::Code;
use crate::names::with_article;
use crate::vm::fault::{Fault, Outcome};
use crate::vm::host::Host;
use crate::vm::operate::compare_numbers;
use crate::vm::value::{Range, Value};

/// Functions on lists, records and values of any kind.
pub(super) const TABLE: &[Builtin] = &[
    Builtin { name: "len", arity: (1, 1), result: Kind::Int, example: "len([1, 2])", run: len },
    Builtin { name: "append", arity: (2, 2), result: Kind::List, example: "xs = append(xs, 4)", run: append },
    Builtin { name: "list", arity: (1, 1), result: Kind::List, example: "list(0..3)", run: list },
    Builtin { name: "sum", arity: (1, 1), result: Kind::Any, example: "sum([1, 2, 3])", run: sum },
    Builtin {
        name: "min",
        arity: (1, 255),
        result: Kind::Any,
        example: "min(3, 5)",
        run: |host, a| extreme(host, a, "min", Comparison::Less),
    },
    Builtin {
        name: "max",
        arity: (1, 255),
        result: Kind::Any,
        example: "max([3, 5])",
        run: |host, a| extreme(host, a, "max", Comparison::Greater),
    },
    Builtin { name: "sorted", arity: (1, 1), result: Kind::List, example: "sorted([3, 1, 2])", run: sorted },
    Builtin { name: "reversed", arity: (1, 1), result: Kind::List, example: "reversed([1, 2])", run: reversed },
    Builtin { name: "zip", arity: (2, 2), result: Kind::List, example: "zip([1, 2], [\"a\", \"b\"])", run: zip },
    Builtin { name: "enumerate", arity: (1, 1), result: Kind::List, example: "enumerate([\"a\"])", run: enumerate },
    Builtin { name: "contains", arity: (2, 2), result: Kind::Bool, example: "contains([1, 2], 2)", run: contains },
    Builtin { name: "keys", arity: (1, 1), result: Kind::List, example: "keys({a: 1})", run: keys },
    Builtin { name: "values", arity: (1, 1), result: Kind::List, example: "values({a: 1})", run: values },
    Builtin { name: "type", arity: (1, 1), result: Kind::Str, example: "type(1.5)", run: kind_of },
    Builtin {
        name: "assert",
        arity: (1, 2),
        result: Kind::None,
        example: "assert(n > 0, \"n must be positive\")",
        run: assert,
    },
];

/// The items of anything that can be gone over.
pub(crate) fn items(host: &mut Host, function: &str, value: &Value) -> Outcome<Vec<Value>> {
    match value {
        Value::List(list) => {
            drop(host.admit(list.bytes())?);
            host.tick(list.len() / 16)?;
            Ok(list.iter().collect())
        }
        Value::Range(range) => {
            let count = usize::try_from(range.count).unwrap_or(usize::MAX);
            drop(host.admit(count.saturating_mul(size_of::<Value>()))?);
            host.tick(count / 16)?;
            Ok(range.iter().map(Value::Int).collect())
        }
        Value::Traced(traced) if is_tensor(value) => {
            let Arg::Tensor(tensor) = traced.plain() else { return Ok(Vec::new()) };
            let size = tensor.shape().first().copied().unwrap_or(0) as i64;
            (0..size).map(|i| crate::vm::traced::get(host, value, &[Index::At(i)])).collect()
        }
        Value::Tensor(t) if !t.shape().is_empty() => {
            let tensor = Arc::clone(t);
            (0..tensor.shape()[0] as i64).map(|i| crate::vm::index::element(host, &tensor, i)).collect()
        }
        Value::Str(text) => {
            drop(host.admit(text.as_str().len().saturating_mul(size_of::<Value>()))?);
            text.as_str().chars().map(|c| host.string(c.to_string())).collect()
        }
        other => Err(Fault::kind(&format!("`{function}`"), "a list, range or tensor", other)),
    }
}

/// Whether it is a tensor, followed by a gradient or not.
fn is_tensor(value: &Value) -> bool {
    match value {
        Value::Tensor(_) => true,
        Value::Traced(traced) => matches!(traced.plain(), Arg::Tensor(_)),
        _ => false,
    }
}

fn len(_: &mut Host, arguments: &mut [Value]) -> Outcome<Value> {
    let length = match &arguments[0] {
        Value::List(list) => list.len(),
        Value::Record(record) => record.fields().len(),
        Value::Str(text) => text.as_str().chars().count(),
        Value::Range(range) => return range_length(range),
        Value::Traced(traced) => match traced.plain() {
            Arg::Tensor(t) if !t.shape().is_empty() => t.shape()[0],
            _ => return Err(Fault::kind("`len`", "a tensor with at least one axis", &arguments[0])),
        },
        Value::Tensor(t) => match t.shape().first() {
            Some(&size) => size,
            None => return Err(Fault::kind("`len`", "a tensor with at least one axis", &arguments[0])),
        },
        other => {
            return Err(Fault::kind("`len`", "a list, record, string, range or tensor", other));
        }
    };
    Ok(Value::Int(i64::try_from(length).unwrap_or(i64::MAX)))
}

/// The numbers of a range, which may be more than an int counts.
fn range_length(range: &Range) -> Outcome<Value> {
    i64::try_from(range.count).map(Value::Int).map_err(|_| {
        let (first, last) = (range.start, range.at(range.count - 1));
        Fault::new(Code::IntegerOverflow, format!("the length of a range from {first} to {last} does not fit an int"))
            .help("the distance as a scalar is `scalar(last) - scalar(first)`; a larger step makes a range shorter")
    })
}

fn append(host: &mut Host, arguments: &mut [Value]) -> Outcome<Value> {
    let (list, item) = (std::mem::take(&mut arguments[0]), std::mem::take(&mut arguments[1]));
    let Value::List(mut list) = list else { return Err(Fault::kind("`append`", "a list", &list)) };
    host.push(&mut list, item)?;
    Ok(Value::List(list))
}

fn list(host: &mut Host, arguments: &mut [Value]) -> Outcome<Value> {
    if let Value::List(_) = &arguments[0] {
        return Ok(std::mem::take(&mut arguments[0]));
    }
    let items = items(host, "list", &arguments[0])?;
    host.list(items)
}

fn sum(host: &mut Host, arguments: &mut [Value]) -> Outcome<Value> {
    if is_tensor(&arguments[0]) {
        return tensor_function(host, "tensor.sum", std::mem::take(&mut arguments[0]));
    }
    let mut total = Value::Int(0);
    for item in items(host, "sum", &arguments[0])? {
        host.tick(1)?;
        total = crate::vm::operate::binary(host, crate::ast::BinaryOperator::Add, total, item)?;
    }
    Ok(total)
}

fn tensor_function(host: &mut Host, name: &str, value: Value) -> Outcome<Value> {
    let op = nexus_library::find(name).ok_or_else(|| Fault::internal("an operation of the engine is missing"))?;
    let mut arguments = vec![value];
    arguments.resize_with(op.params.len(), Value::default);
    host.call_op(op, &mut arguments)
}

fn extreme(host: &mut Host, arguments: &mut [Value], name: &str, better: Comparison) -> Outcome<Value> {
    let candidates = match arguments {
        [tensor] if is_tensor(tensor) => {
            let full = if name == "min" { "tensor.min" } else { "tensor.max" };
            return tensor_function(host, full, std::mem::take(tensor));
        }
        [one] => items(host, name, one)?,
        several => several.iter_mut().map(std::mem::take).collect(),
    };
    if candidates.iter().any(crate::vm::traced::is_traced) {
        return traced_extreme(host, candidates, better);
    }
    let mut candidates = candidates.into_iter();
    let Some(mut best) = candidates.next() else {
        return Err(Fault::new(Code::BadConversion, format!("`{name}` of nothing"))
            .help(format!("give it a value that always counts: `{name}(append(xs, 0))`")));
    };
    if !matches!(best, Value::Int(_) | Value::Scalar(_)) {
        return Err(Fault::kind(&format!("`{name}`"), "numbers", &best));
    }
    for candidate in candidates {
        host.tick(1)?;
        // A NaN wins, as in the tensor operations of the same name.
        let nan = matches!(best, Value::Scalar(v) if v.is_nan());
        match compare_numbers(better, &candidate, &best) {
            None => return Err(Fault::kind(&format!("`{name}`"), "numbers", &candidate)),
            Some(true) => best = candidate,
            Some(false) if !nan && matches!(candidate, Value::Scalar(v) if v.is_nan()) => best = candidate,
            Some(false) => {}
        }
    }
    Ok(best)
}

/// The extreme of numbers, some of which a gradient follows.
fn traced_extreme(host: &mut Host, candidates: Vec<Value>, better: Comparison) -> Outcome<Value> {
    let op = if better == Comparison::Less { BinaryOp::Minimum } else { BinaryOp::Maximum };
    let mut best: Option<Value> = None;
    for candidate in candidates {
        best = Some(match best {
            None => candidate,
            Some(best) => crate::vm::traced::binary(host, op, &best, &candidate)?,
        });
    }
    best.ok_or_else(|| Fault::internal("an extreme of nothing"))
}

fn sorted(host: &mut Host, arguments: &mut [Value]) -> Outcome<Value> {
    let mut items = items(host, "sorted", &arguments[0])?;
    host.tick(items.len())?;
    // Sorting needs one order over all items, so that kinds are looked at first.
    let text = matches!(items.first(), Some(Value::Str(_)));
    let fits =
        |v: &Value| if text { matches!(v, Value::Str(_)) } else { matches!(v, Value::Int(_) | Value::Scalar(_)) };
    if let Some(wrong) = items.iter().find(|v| !fits(v)) {
        let other = items.first().map(Value::describe).unwrap_or_default();
        let message = format!(
            "{} has no order among the items, the first is {}",
            with_article(&wrong.describe()),
            with_article(&other)
        );
        return Err(Fault::new(Code::WrongTypeRunning, message).help("sort numbers, or strings"));
    }
    items.sort_by(order);
    host.list(items)
}

/// The order of two numbers or two strings. NaN comes behind every number, as in NumPy.
fn order(a: &Value, b: &Value) -> std::cmp::Ordering {
    if let (Value::Str(x), Value::Str(y)) = (a, b) {
        return x.as_str().cmp(y.as_str());
    }
    let nan = |v: &Value| matches!(v, Value::Scalar(x) if x.is_nan());
    if compare_numbers(Comparison::Less, a, b) == Some(true) {
        std::cmp::Ordering::Less
    } else if compare_numbers(Comparison::Greater, a, b) == Some(true) {
        std::cmp::Ordering::Greater
    } else {
        nan(a).cmp(&nan(b))
    }
}

fn reversed(host: &mut Host, arguments: &mut [Value]) -> Outcome<Value> {
    let mut items = items(host, "reversed", &arguments[0])?;
    items.reverse();
    host.list(items)
}

fn zip(host: &mut Host, arguments: &mut [Value]) -> Outcome<Value> {
    let (a, b) = (items(host, "zip", &arguments[0])?, items(host, "zip", &arguments[1])?);
    let mut pairs = Vec::with_capacity(a.len().min(b.len()));
    for (a, b) in a.into_iter().zip(b) {
        host.tick(1)?;
        pairs.push(host.list(vec![a, b])?);
    }
    host.list(pairs)
}

fn enumerate(host: &mut Host, arguments: &mut [Value]) -> Outcome<Value> {
    let items = items(host, "enumerate", &arguments[0])?;
    let mut pairs = Vec::with_capacity(items.len());
    for (index, item) in items.into_iter().enumerate() {
        host.tick(1)?;
        pairs.push(host.list(vec![Value::Int(index as i64), item])?);
    }
    host.list(pairs)
}

fn contains(host: &mut Host, arguments: &mut [Value]) -> Outcome<Value> {
    let found = match (&arguments[0], &arguments[1]) {
        (Value::Record(record), Value::Str(name)) => record.get(name.as_str()).is_some(),
        (Value::Str(text), Value::Str(part)) => {
            host.tick(text.as_str().len() / 64)?;
            text.as_str().contains(part.as_str())
        }
        (Value::Range(range), Value::Int(n)) => range.contains(*n),
        (Value::List(list), item) => {
            let mut found = false;
            for candidate in list.iter() {
                found = found || host.equal(&candidate, item)?;
            }
            found
        }
        (other, _) => return Err(Fault::kind("`contains`", "a list, range, record or string", other)),
    };
    Ok(Value::Bool(found))
}

fn keys(host: &mut Host, arguments: &mut [Value]) -> Outcome<Value> {
    let Value::Record(record) = &arguments[0] else { return Err(Fault::kind("`keys`", "a record", &arguments[0])) };
    let names: Outcome<Vec<Value>> = record.fields().iter().map(|(name, _)| host.string(name.to_string())).collect();
    host.list(names?)
}

fn values(host: &mut Host, arguments: &mut [Value]) -> Outcome<Value> {
    let Value::Record(record) = &arguments[0] else { return Err(Fault::kind("`values`", "a record", &arguments[0])) };
    host.list(record.fields().iter().map(|(_, value)| value.clone()).collect())
}

fn kind_of(host: &mut Host, arguments: &mut [Value]) -> Outcome<Value> {
    host.string(arguments[0].kind().to_owned())
}

fn assert(host: &mut Host, arguments: &mut [Value]) -> Outcome<Value> {
    if crate::vm::operate::truth(&arguments[0])? {
        return Ok(Value::None);
    }
    let message = match arguments.get(1) {
        Some(Value::Str(text)) => text.as_str().to_owned(),
        Some(other) => host.display(other)?,
        None => "the assertion does not hold".to_owned(),
    };
    Err(Fault::new(Code::AssertionFailed, message))
}
