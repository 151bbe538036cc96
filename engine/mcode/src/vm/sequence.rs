//! Operators on strings and lists: joining and repeating. And what to say where an operator has no meaning.

use std::sync::Arc;

use super::fault::{Fault, Outcome};
use super::host::Host;
use super::value::{SharedList, Text, Value};
use crate::ast::BinaryOperator;
use crate::codes::Code;
use crate::names::with_article;

/// `a + b` and `a * n` where one is a string or list; anything else is a fault.
pub(crate) fn binary(host: &mut Host, operator: BinaryOperator, a: Value, b: Value) -> Outcome<Value> {
    match (operator, a, b) {
        (BinaryOperator::Add, Value::Str(a), Value::Str(b)) => join_text(host, a, &b),
        (BinaryOperator::Add, Value::List(mut a), Value::List(b)) => {
            host.tick(b.len() / 16)?;
            let list = host.list_mut(&mut a)?;
            if !list.has_room(b.len()) {
                host.reserve(list, b.len())?;
            }
            list.extend(&b);
            Ok(Value::List(a))
        }
        (BinaryOperator::Multiply, Value::List(list), Value::Int(times))
        | (BinaryOperator::Multiply, Value::Int(times), Value::List(list)) => {
            let times = repetitions(times, "list")?;
            let count = list.len().saturating_mul(times);
            let charge = host.admit(count.saturating_mul(size_of::<Value>()))?;
            host.tick(count / 16)?;
            Ok(Value::List(SharedList::new(list.repeated(times, charge))))
        }
        (BinaryOperator::Multiply, Value::Str(text), Value::Int(times))
        | (BinaryOperator::Multiply, Value::Int(times), Value::Str(text)) => {
            let times = repetitions(times, "string")?;
            let charge = host.admit(text.as_str().len().saturating_mul(times))?;
            Ok(Value::Str(Arc::new(Text { text: text.as_str().repeat(times), charge })))
        }
        (operator, a, b) => Err(no_meaning(operator, &a, &b)),
    }
}

fn repetitions(times: i64, what: &str) -> Outcome<usize> {
    usize::try_from(times)
        .map_err(|_| Fault::new(Code::WrongTypeRunning, format!("a {what} cannot be repeated {times} times")))
}

/// Appends in place where the left string is nobody else's, so that building a text piece by piece takes linear time.
fn join_text(host: &mut Host, mut a: Arc<Text>, b: &Text) -> Outcome<Value> {
    let length = a.as_str().len() + b.as_str().len();
    if let Some(own) = Arc::get_mut(&mut a) {
        if own.text.capacity() < length {
            let capacity = length.saturating_mul(2);
            let charge = host.admit(capacity)?;
            own.text.reserve_exact(capacity - own.text.len());
            own.charge = charge;
        }
        own.text.push_str(b.as_str());
        return Ok(Value::Str(a));
    }
    let charge = host.admit(length)?;
    host.tick(length / 64)?;
    let mut text = String::with_capacity(length);
    text.push_str(a.as_str());
    text.push_str(b.as_str());
    Ok(Value::Str(Arc::new(Text { text, charge })))
}

fn no_meaning(operator: BinaryOperator, a: &Value, b: &Value) -> Box<Fault> {
    let text = operator.text();
    let message =
        format!("`{text}` has no meaning for {} and {}", with_article(&a.describe()), with_article(&b.describe()));
    let fault = Fault::new(Code::WrongTypeRunning, message);
    match (operator, a, b) {
        (_, Value::Absent, _) | (_, _, Value::Absent) => fault.help("a variable here has no value yet"),
        (BinaryOperator::Add, Value::Str(_), _) | (BinaryOperator::Add, _, Value::Str(_)) => {
            fault.help("turn the other one into text: `string(x)`")
        }
        (BinaryOperator::Product, ..) => fault.help("`@` is the matrix product of tensors; write `*` for numbers"),
        (_, Value::List(_), _) | (_, _, Value::List(_)) => {
            fault.help("make a tensor of the list for arithmetic: `tensor.from_list(xs)`")
        }
        (_, Value::Task(_), _) | (_, _, Value::Task(_)) => fault.help("wait for the task's result: `await h`"),
        (_, Value::None, _) | (_, _, Value::None) => fault.help("a function without `return` gives none"),
        _ => fault,
    }
}
