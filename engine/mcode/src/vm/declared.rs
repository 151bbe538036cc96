//! Declared types, checked while the program runs where the checker could not know.

use std::sync::Arc;

use nexus_tensor::{Arg, Tensor};

use super::fault::{Fault, Outcome};
use super::value::{Value, describe_tensor};
use crate::codes::Code;
use crate::hir::{Declared, DeclaredDim};
use crate::ir::TypeCheck;

/// Checks the value in a register; an int where a scalar is declared becomes one.
pub(crate) fn check(check: &TypeCheck, window: &mut [Value], register: usize) -> Outcome<()> {
    let fits = match (&check.declared, &window[register]) {
        (Declared::Any, _) => true,
        (Declared::None, Value::None) => true,
        (Declared::Bool, Value::Bool(_)) => true,
        (Declared::Int, Value::Int(_)) => true,
        (Declared::Scalar, Value::Scalar(_)) => true,
        (Declared::Scalar, Value::Int(v)) => {
            window[register] = Value::Scalar(*v as f64);
            true
        }
        (Declared::Str, Value::Str(_)) => true,
        (Declared::List, Value::List(_) | Value::Range(_)) => true,
        (Declared::Record, Value::Record(_)) => true,
        (Declared::Function, Value::Function(_)) => true,
        (Declared::Scalar, Value::Traced(t)) => matches!(t.plain(), Arg::Scalar(_)),
        (Declared::Tensor { .. }, Value::Tensor(t)) => {
            let tensor = Arc::clone(t);
            return check_tensor(check, window, tensor);
        }
        (Declared::Tensor { .. }, Value::Traced(t)) if let Arg::Tensor(t) = t.plain() => {
            let tensor = Arc::new(t.clone());
            return check_tensor(check, window, tensor);
        }
        _ => false,
    };
    if fits { Ok(()) } else { Err(mismatch(check, &window[register])) }
}

fn mismatch(check: &TypeCheck, found: &Value) -> Box<Fault> {
    let expected = name(&check.declared);
    let message = format!("{} is declared {expected}, found {}", check.what, found.describe());
    let fault = Fault::new(Code::DeclaredType, message);
    match (&check.declared, found) {
        (Declared::Tensor { .. }, Value::List(_)) => fault.help("`tensor.from_list(xs)` makes a tensor of a list"),
        (Declared::Int, Value::Scalar(_)) => fault.help("`int(x)` drops the fraction"),
        (Declared::Int | Declared::Scalar, Value::Tensor(t)) if t.len() == 1 => {
            fault.help("`tensor.item(t)` takes the number out of a tensor with one element")
        }
        (Declared::Str, _) => fault.help("`string(x)` makes text of any value"),
        (_, Value::None) => fault.help("a function without `return` gives none"),
        _ => fault,
    }
}

/// The name of a declared type.
pub(crate) fn name(declared: &Declared) -> &'static str {
    match declared {
        Declared::Any => "any",
        Declared::None => "none",
        Declared::Bool => "bool",
        Declared::Int => "int",
        Declared::Scalar => "scalar",
        Declared::Str => "string",
        Declared::List => "list",
        Declared::Record => "record",
        Declared::Function => "function",
        Declared::Tensor { .. } => "tensor",
    }
}

fn check_tensor(check: &TypeCheck, window: &mut [Value], tensor: Arc<Tensor>) -> Outcome<()> {
    let Declared::Tensor { dtype, dims } = &check.declared else {
        return Err(Fault::internal("a tensor's type without a tensor"));
    };
    let wrong = |what: String| {
        let message = format!("{} is declared {what}, found {}", check.what, describe_tensor(&tensor));
        Fault::new(Code::DeclaredType, message)
    };
    if let Some(dtype) = dtype
        && *dtype != tensor.dtype()
    {
        return Err(wrong(format!("tensor[{dtype}]")).help(format!("`tensor.astype(t, \"{dtype}\")` converts")));
    }
    let Some(dims) = dims else { return Ok(()) };
    if dims.len() != tensor.shape().len() {
        let axes = if dims.len() == 1 { "1 axis".to_owned() } else { format!("{} axes", dims.len()) };
        return Err(wrong(format!("a tensor with {axes}")));
    }
    for (axis, (dim, &size)) in dims.iter().zip(tensor.shape()).enumerate() {
        match dim {
            DeclaredDim::Any => {}
            DeclaredDim::Known(expected) if *expected == size => {}
            DeclaredDim::Known(expected) => return Err(wrong(format!("with size {expected} on axis {axis}"))),
            DeclaredDim::Named(index) => {
                let Some((name, register)) = check.dims.get(*index) else {
                    return Err(Fault::internal("a dimension without a name"));
                };
                match window[usize::from(*register)] {
                    Value::Int(known) if known == size as i64 => {}
                    Value::Int(known) => {
                        return Err(wrong(format!("with size {name} on axis {axis}, and {name} is {known} here")));
                    }
                    _ => window[usize::from(*register)] = Value::Int(size as i64),
                }
            }
        }
    }
    Ok(())
}
