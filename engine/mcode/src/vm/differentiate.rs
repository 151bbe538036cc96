//! Derivatives of functions of the program: the function runs on traced values, and the tape gives the gradient.
//!
//! `grad.grad(f)` and its kin give functions; calling those is what runs `f`. Arguments may be numbers, float tensors,
//! and lists and records of them; the gradient has the same form.

use std::sync::Arc;

use nexus_library::{Algebra, Tape, Var};
use nexus_tensor::{DType, Differentiation, Index, Tensor};

use super::fault::{Fault, Outcome};
use super::host::Host;
use super::jacobian::jacobian;
use super::traced::{value_of_var, var_of};
use super::value::{Derived, Transform, Value};
use crate::codes::Code;
use crate::names::with_article;

/// Derivatives inside derivatives: each level runs the machine inside itself, on the real stack.
const LEVELS_MAX: u32 = 12;

/// Calls a function that `grad` made.
pub(crate) fn call(host: &mut Host, derived: &Derived, mut arguments: Vec<Value>) -> Outcome<Value> {
    let which = derived.argument;
    let name = derived.transform.name();
    if which >= arguments.len() {
        let count = arguments.len();
        let message = format!("`{name}` differentiates argument {which}, and the call has {count}");
        return Err(Fault::new(Code::BadCall, message).help("arguments count from 0"));
    }
    // A whole number where a derivative is asked for means the scalar.
    if let Value::Int(v) = arguments[which] {
        arguments[which] = Value::Scalar(v as f64);
    }
    let function = derived.function.clone();
    match derived.transform {
        Transform::Gradient => Ok(value_and_gradient(host, name, &function, which, arguments)?.1),
        Transform::ValueAndGradient => {
            let (value, gradient) = value_and_gradient(host, name, &function, which, arguments)?;
            host.record(vec![("value".into(), value), ("grad".into(), gradient)])
        }
        Transform::Jacobian => jacobian(host, which, arguments, &mut |host, given| host.call(&function, given)),
        Transform::Hessian => jacobian(host, which, arguments, &mut |host, given| {
            Ok(value_and_gradient(host, name, &function, which, given)?.1)
        }),
        Transform::Numerical => numerical(host, &function, which, arguments),
    }
}

/// The leaves of an argument, as variables of a tape.
pub(super) struct Variables {
    pub(super) tape: Tape,
    pub(super) leaves: Vec<Var>,
}

impl Variables {
    /// The argument with its numbers and float tensors replaced by variables. Ints, strings and the like are constants.
    fn trace(&mut self, host: &mut Host, value: &Value) -> Outcome<Value> {
        host.tick(1)?;
        match value {
            Value::List(list) => {
                let items: Vec<Value> = list.iter().collect();
                let items: Outcome<Vec<Value>> = items.iter().map(|item| self.trace(host, item)).collect();
                host.list(items?)
            }
            Value::Record(record) => {
                let mut fields = Vec::with_capacity(record.fields().len());
                for (name, field) in record.fields() {
                    fields.push((name.clone(), self.trace(host, field)?));
                }
                host.record(fields)
            }
            other => match var_of(other).filter(Var::is_real) {
                Some(var) => {
                    let variable = self.tape.variable(var).map_err(Fault::tensor)?;
                    self.leaves.push(variable.clone());
                    value_of_var(host, variable)
                }
                None => Ok(other.clone()),
            },
        }
    }
}

/// The argument with its variables replaced by `parts` in order; constants become none.
pub(super) fn rebuild(host: &mut Host, value: &Value, parts: &mut std::vec::IntoIter<Var>) -> Outcome<Value> {
    match value {
        Value::List(list) => {
            let items: Vec<Value> = list.iter().collect();
            let items: Outcome<Vec<Value>> = items.iter().map(|item| rebuild(host, item, parts)).collect();
            host.list(items?)
        }
        Value::Record(record) => {
            let mut fields = Vec::with_capacity(record.fields().len());
            for (name, field) in record.fields() {
                fields.push((name.clone(), rebuild(host, field, parts)?));
            }
            host.record(fields)
        }
        other => match var_of(other).filter(Var::is_real) {
            Some(_) => {
                let part = parts.next().ok_or_else(|| Fault::internal("a variable without a gradient"))?;
                value_of_var(host, part)
            }
            None => Ok(Value::None),
        },
    }
}

/// A call on traced values: the tape, its variables, and what the function gave.
pub(super) fn traced_call(
    host: &mut Host,
    which: usize,
    arguments: &mut [Value],
    function: &mut dyn FnMut(&mut Host, Vec<Value>) -> Outcome<Value>,
) -> Outcome<(Variables, Value)> {
    if host.derivatives >= LEVELS_MAX {
        let message = format!("derivatives inside derivatives go {LEVELS_MAX} deep");
        return Err(Fault::new(Code::LimitRecursion, message));
    }
    let mut variables = Variables { tape: Tape::new(host.derivatives), leaves: Vec::new() };
    let mut given = arguments.to_vec();
    given[which] = variables.trace(host, &arguments[which])?;
    if variables.leaves.is_empty() {
        let found = arguments[which].describe();
        let message = format!("there is nothing to differentiate in argument {which}: it is {}", with_article(&found));
        return Err(Fault::new(Code::WrongTypeRunning, message)
            .help("derivatives are taken by scalars and float tensors; `tensor.astype(t, \"f32\")` makes floats"));
    }
    host.derivatives += 1;
    let result = function(host, given);
    host.derivatives -= 1;
    Ok((variables, result?))
}

fn value_and_gradient(
    host: &mut Host,
    name: &str,
    function: &Value,
    which: usize,
    mut arguments: Vec<Value>,
) -> Outcome<(Value, Value)> {
    let (variables, result) = traced_call(host, which, &mut arguments, &mut |host, given| host.call(function, given))?;
    let output = match var_of(&result) {
        Some(output) if output.count() == 1 && output.is_real() => output,
        _ => {
            let message = format!(
                "`{name}` needs a function that gives one number, this one gave {}",
                with_article(&describe(&result))
            );
            return Err(Fault::new(Code::WrongTypeRunning, message)
                .help("reduce the result, `tensor.sum(y)`; `grad.jacobian` takes functions that give tensors"));
        }
    };
    let algebra = Algebra::new(host.context);
    let tape = &variables.tape;
    let seed = tape.seed(&algebra, &output).map_err(Fault::tensor)?;
    let walk = match host.context.differentiation() {
        Differentiation::Reverse => Tape::gradients,
        Differentiation::Planned => Tape::last_gradients,
    };
    let walked = host.measured("gradient", |_| walk(tape, &algebra, &output, seed, &variables.leaves));
    let gradients = walked.map_err(Fault::tensor)?;
    let value = value_of_var(host, tape.below(&output))?;
    let gradient = rebuild(host, &arguments[which], &mut gradients.into_iter())?;
    Ok((value, gradient))
}

pub(super) fn describe(value: &Value) -> String {
    value.describe()
}

/// The gradient by central differences, in f64 whatever the dtype is: slow, and good to about half the digits. For
/// checking the other.
fn numerical(host: &mut Host, function: &Value, which: usize, arguments: Vec<Value>) -> Outcome<Value> {
    let at = |host: &mut Host, value: Value, arguments: &[Value]| -> Outcome<f64> {
        let mut given = arguments.to_vec();
        given[which] = value;
        let result = host.call(function, given)?;
        crate::library::number("grad.numerical", &result)
    };
    match &arguments[which] {
        Value::Scalar(x) => {
            let h = step(*x);
            let (above, below) =
                (at(host, Value::Scalar(x + h), &arguments)?, at(host, Value::Scalar(x - h), &arguments)?);
            Ok(Value::Scalar((above - below) / ((x + h) - (x - h))))
        }
        Value::Tensor(tensor) if tensor.dtype().is_float() => {
            let values = tensor.to_f64s(host.context).map_err(Fault::tensor)?;
            let mut gradient = Vec::with_capacity(values.len());
            for i in 0..values.len() {
                host.tick(64)?;
                let h = step(values[i]);
                let mut moved = values.clone();
                let mut side = |host: &mut Host, x: f64| {
                    moved[i] = x;
                    let point =
                        Tensor::from_f64s(host.context, DType::F64, tensor.shape(), &moved).map_err(Fault::tensor)?;
                    at(host, Value::Tensor(Arc::new(point)), &arguments)
                };
                let (above, below) = (side(host, values[i] + h)?, side(host, values[i] - h)?);
                gradient.push((above - below) / ((values[i] + h) - (values[i] - h)));
            }
            let gradient = Tensor::from_f64s(host.context, tensor.dtype(), tensor.shape(), &gradient);
            Ok(Value::Tensor(Arc::new(gradient.map_err(Fault::tensor)?)))
        }
        other => Err(Fault::kind("`grad.numerical`", "a number or a float tensor", other)),
    }
}

/// The step that balances rounding against the third derivative: the cube root of the precision.
fn step(x: f64) -> f64 {
    f64::EPSILON.cbrt() * x.abs().max(1.0)
}

/// One part of a tensor, for `for x in t` over a traced tensor.
pub(crate) fn row(host: &mut Host, value: &Value, index: i64) -> Outcome<Value> {
    super::traced::get(host, value, &[Index::At(index)])
}
