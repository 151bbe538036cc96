//! NaN and infinity, traced to the operation that made them first: for runs that ask for it.
//!
//! An operation is to blame where everything that it was given is finite and its result is not. Who runs operations asks
//! before ([`given_finite`]) and after ([`made_finite`]): operands may be gone by then. Nothing here is called where the
//! context does not ask ([`Context::checks_finite`]).

use crate::host::reduce::ReduceOp;
use crate::op::Arg;
use crate::region::Region;
use crate::{Context, Tensor, TensorError, UnaryOp};

/// Whether all numbers of the arguments are finite. What holds no floats is.
pub fn given_finite<'a>(ctx: &Context, args: impl IntoIterator<Item = &'a Arg>) -> Result<bool, TensorError> {
    for arg in args {
        if !holds_finite(ctx, arg)? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn holds_finite(ctx: &Context, arg: &Arg) -> Result<bool, TensorError> {
    match arg {
        Arg::Scalar(number) => Ok(number.is_finite()),
        Arg::Tensor(tensor) => is_finite(ctx, tensor),
        Arg::List(items) => given_finite(ctx, items),
        Arg::Record(fields) => {
            for (_, field) in fields {
                if !holds_finite(ctx, field)? {
                    return Ok(false);
                }
            }
            Ok(true)
        }
        Arg::None | Arg::Bool(_) | Arg::Int(_) | Arg::Str(_) => Ok(true),
    }
}

/// What `operation` gave, whose arguments were finite.
///
/// # Errors
/// [`TensorError::NotFinite`] where it is not finite, with what was found and where.
pub fn made_finite(ctx: &Context, operation: &str, result: &Arg) -> Result<(), TensorError> {
    if holds_finite(ctx, result)? {
        return Ok(());
    }
    let found = match first_tensor(ctx, result)? {
        Some(tensor) => described(ctx, tensor)?,
        None => match result {
            Arg::Scalar(number) => named(*number).to_owned(),
            _ => "NaN or infinity".to_owned(),
        },
    };
    Err(TensorError::NotFinite { operation: operation.to_owned(), found })
}

/// Whether every element is finite: one pass without memory of its own.
fn is_finite(ctx: &Context, tensor: &Tensor) -> Result<bool, TensorError> {
    if !tensor.dtype().is_float() || tensor.is_empty() {
        return Ok(true);
    }
    let mut region = Region::new();
    let input = region.input();
    let finite = region.unary(UnaryOp::IsFinite, input);
    let all = region.reduce(ReduceOp::All, finite, None, false);
    region.output(all);
    match region.run(ctx, vec![Arg::Tensor(tensor.clone())])?.pop() {
        Some(Arg::Tensor(all)) => Ok(all.to_data()?.get_i64(0).unwrap_or(0) != 0),
        Some(Arg::Bool(all)) => Ok(all),
        _ => Err(TensorError::argument("region", "gave no truth value")),
    }
}

/// The first tensor of a result that is not finite; `None` where that is a number.
fn first_tensor<'a>(ctx: &Context, result: &'a Arg) -> Result<Option<&'a Tensor>, TensorError> {
    let parts: Vec<&Arg> = match result {
        Arg::Tensor(tensor) => return Ok((!is_finite(ctx, tensor)?).then_some(tensor)),
        Arg::List(items) => items.iter().collect(),
        Arg::Record(fields) => fields.iter().map(|(_, field)| field).collect(),
        _ => return Ok(None),
    };
    for part in parts {
        if let Some(tensor) = first_tensor(ctx, part)? {
            return Ok(Some(tensor));
        }
    }
    Ok(None)
}

/// What a number is that is not finite.
const fn named(number: f64) -> &'static str {
    if number.is_nan() { "NaN" } else { "infinity" }
}

/// `NaN` of a tensor without axes, else `NaN, first at [0, 2]: 3 of 12 elements (f32)`.
fn described(ctx: &Context, tensor: &Tensor) -> Result<String, TensorError> {
    let numbers = tensor.to_f64s(ctx)?;
    let first = numbers.iter().position(|number| !number.is_finite()).unwrap_or_default();
    let what = named(numbers[first]);
    if tensor.shape().is_empty() {
        return Ok(what.to_owned());
    }
    let mut place = tensor.shape().to_vec();
    let mut rest = first;
    for at in place.iter_mut().rev() {
        (rest, *at) = (rest / *at, rest % *at);
    }
    let count = numbers.iter().filter(|number| !number.is_finite()).count();
    Ok(format!("{what}, first at {place:?}: {count} of {} elements ({})", numbers.len(), tensor.dtype()))
}
