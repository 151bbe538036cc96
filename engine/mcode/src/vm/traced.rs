//! Values that a gradient follows: what the machine does with them, by the library's algebra.
//!
//! They are a kind of their own, so that whatever does not know of them refuses them: no gradient is lost silently.

use nexus_library::{Algebra, Item, Var};
use nexus_tensor::{Arg, BinaryOp, CompareOp, Index, OpDef, UnaryOp};

use super::fault::{Fault, Outcome};
use super::host::Host;
use super::index::{READ, WRITTEN};
use super::operate::{COMPARISON, operation_name, unary_name};
use super::value::Value;
use crate::codes::Code;

/// A value that takes part in arithmetic, as the algebra sees it.
pub(crate) fn var_of(value: &Value) -> Option<Var> {
    Some(match value {
        Value::Traced(traced) => Var::Traced(traced.clone()),
        Value::Bool(v) => Var::Plain(Arg::Bool(*v)),
        Value::Int(v) => Var::Plain(Arg::Int(*v)),
        Value::Scalar(v) => Var::Plain(Arg::Scalar(*v)),
        Value::Tensor(t) => Var::Plain(Arg::Tensor(nexus_tensor::Tensor::clone(t))),
        _ => return None,
    })
}

/// A result of the algebra as a value.
pub(crate) fn value_of_var(host: &mut Host, var: Var) -> Outcome<Value> {
    match var {
        Var::Traced(traced) => Ok(Value::Traced(traced)),
        Var::Plain(arg) => host.value_of(arg),
    }
}

fn needed(value: &Value, what: &str) -> Outcome<Var> {
    var_of(value).ok_or_else(|| Fault::kind(what, "numbers or tensors", value))
}

/// Whether a gradient follows the value or a part of it.
pub(crate) fn is_traced(value: &Value) -> bool {
    match value {
        Value::Traced(_) => true,
        Value::List(list) => list.iter().any(|item| is_traced(&item)),
        Value::Record(record) => record.fields().iter().any(|(_, field)| is_traced(field)),
        _ => false,
    }
}

/// Runs an operation for the profile, as the same one outside of gradients is: that on tensors, not that on numbers.
fn measured<T>(
    host: &mut Host,
    is_number: bool,
    name: &'static str,
    run: impl FnOnce(&mut Host) -> Outcome<T>,
) -> Outcome<T> {
    if is_number { run(host) } else { host.measured(name, run) }
}

/// An operator, one of whose operands is traced.
pub(crate) fn binary(host: &mut Host, op: BinaryOp, a: &Value, b: &Value) -> Outcome<Value> {
    host.tick(16)?;
    let what = format!("`{}`", op.symbol());
    let (a, b) = (needed(a, &what)?, needed(b, &what)?);
    let is_number = a.is_number() && b.is_number();
    let run = |host: &mut Host| Algebra::new(host.context).binary(op, &a, &b).map_err(Fault::tensor);
    let result = measured(host, is_number, operation_name(op), run)?;
    value_of_var(host, result)
}

/// A comparison, which has no derivative.
pub(crate) fn compare(host: &mut Host, op: CompareOp, a: &Value, b: &Value) -> Outcome<Value> {
    host.tick(16)?;
    let (a, b) = (needed(a, "a comparison")?, needed(b, "a comparison")?);
    let is_number = a.is_number() && b.is_number();
    let run = |host: &mut Host| Algebra::new(host.context).compare(op, &a, &b).map_err(Fault::tensor);
    let result = measured(host, is_number, COMPARISON, run)?;
    value_of_var(host, result)
}

/// A function of one traced value.
pub(crate) fn unary(host: &mut Host, op: UnaryOp, value: &Value) -> Outcome<Value> {
    host.tick(16)?;
    let x = needed(value, "this function")?;
    let run = |host: &mut Host| Algebra::new(host.context).unary(op, &x).map_err(Fault::tensor);
    let result = measured(host, x.is_number(), unary_name(op), run)?;
    value_of_var(host, result)
}

/// `scalar(value)`: the only element as a number, which the gradient still follows.
pub(crate) fn number(host: &mut Host, value: &Value) -> Outcome<Value> {
    let x = needed(value, "`scalar`")?;
    if x.count() != 1 {
        return Err(Fault::kind("`scalar`", "a number", value));
    }
    let number = Algebra::new(host.context).number(&x).map_err(Fault::tensor)?;
    value_of_var(host, number)
}

/// `value[indices]`
pub(crate) fn get(host: &mut Host, value: &Value, indices: &[Index]) -> Outcome<Value> {
    host.tick(16)?;
    let x = needed(value, "an index")?;
    if x.is_number() {
        return Err(Fault::new(Code::WrongTypeRunning, "a scalar cannot be read at an index"));
    }
    let read = |host: &mut Host| Algebra::new(host.context).get(&x, indices).map_err(Fault::tensor);
    let mut part = host.measured(READ, read)?;
    // As outside of gradients: one element of a tensor is a number.
    if part.rank() == 0 && indices.iter().all(|index| matches!(index, Index::At(_))) {
        part = Algebra::new(host.context).number(&part).map_err(Fault::tensor)?;
    }
    value_of_var(host, part)
}

/// `value[indices] = new`, one of both traced: the changed tensor.
pub(crate) fn set(host: &mut Host, value: &Value, indices: &[Index], new: &Value) -> Outcome<Value> {
    host.tick(16)?;
    let new = match new {
        list @ Value::List(_) => {
            let op = nexus_library::find("tensor.from_list")
                .ok_or_else(|| Fault::internal("tensor.from_list is missing"))?;
            call_op(host, op, &mut [list.clone()])?
        }
        other => other.clone(),
    };
    let (x, new) = (needed(value, "an assignment")?, needed(&new, "an assignment")?);
    let write = |host: &mut Host| Algebra::new(host.context).set(&x, indices, &new).map_err(Fault::tensor);
    let changed = host.measured(WRITTEN, write)?;
    value_of_var(host, changed)
}

/// A value as an argument of the algebra.
pub(crate) fn item_of(host: &mut Host, value: &Value) -> Outcome<Item> {
    Ok(match value {
        Value::List(list) => {
            host.tick(list.len() / 16)?;
            let items: Vec<Value> = list.iter().collect();
            Item::List(items.iter().map(|item| item_of(host, item)).collect::<Outcome<_>>()?)
        }
        Value::Record(record) => {
            let mut fields = Vec::with_capacity(record.fields().len());
            for (name, field) in record.fields() {
                fields.push((name.clone(), item_of(host, field)?));
            }
            Item::Record(fields)
        }
        other => match var_of(other) {
            Some(var) => Item::Var(var),
            None => Item::Other(host.argument_of(other.clone())?),
        },
    })
}

/// A result of the algebra as a value.
pub(crate) fn value_of_item(host: &mut Host, item: Item) -> Outcome<Value> {
    match item {
        Item::Var(var) => value_of_var(host, var),
        Item::Other(arg) => host.value_of(arg),
        Item::List(items) => {
            let items: Outcome<Vec<Value>> = items.into_iter().map(|item| value_of_item(host, item)).collect();
            host.list(items?)
        }
        Item::Record(fields) => {
            let mut values = Vec::with_capacity(fields.len());
            for (name, item) in fields {
                values.push((name, value_of_item(host, item)?));
            }
            host.record(values)
        }
    }
}

/// A library function, one of whose arguments is traced.
pub(crate) fn call_op(host: &mut Host, op: &'static OpDef, arguments: &mut [Value]) -> Outcome<Value> {
    let mut items = Vec::with_capacity(arguments.len());
    for argument in arguments {
        items.push(item_of(host, &std::mem::take(argument))?);
    }
    let result = Algebra::new(host.context).named(op, &items).map_err(Fault::tensor)?;
    value_of_item(host, result)
}
