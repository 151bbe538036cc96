//! Reading the arguments of operations, with errors that name the parameter.

use std::str::FromStr;

use nexus_model::DType;
use smallvec::SmallVec;

use crate::op::Arg;
use crate::shape::{Shape, check_rank, normalize_axes, normalize_axis};
use crate::{Context, Tensor, TensorError};

/// What an argument is, as users know it.
fn kind(arg: &Arg) -> &'static str {
    match arg {
        Arg::None => "none",
        Arg::Bool(_) => "a bool",
        Arg::Int(_) => "an int",
        Arg::Scalar(_) => "a scalar",
        Arg::Str(_) => "a string",
        Arg::Tensor(_) => "a tensor",
        Arg::List(_) => "a list",
        Arg::Record(_) => "a record",
    }
}

/// The error for an argument of another kind than `wanted`.
pub fn wrong(name: &'static str, wanted: &str, found: &Arg) -> TensorError {
    TensorError::argument(name, format!("must be {wanted}, is {}", kind(found)))
}

const NONE: Arg = Arg::None;

/// Argument `i`; one left out is `none`.
pub fn at(args: &[Arg], i: usize) -> &Arg {
    args.get(i).unwrap_or(&NONE)
}

/// A tensor; numbers become 0-d tensors.
pub fn tensor(ctx: &Context, args: &[Arg], i: usize, name: &'static str) -> Result<Tensor, TensorError> {
    match at(args, i) {
        Arg::Tensor(tensor) => Ok(tensor.clone()),
        number @ (Arg::Int(_) | Arg::Scalar(_) | Arg::Bool(_)) => Tensor::operand(ctx, name, number),
        other => Err(wrong(name, "a tensor or a number", other)),
    }
}

/// An int; a 0-d int tensor counts as one.
pub fn int(args: &[Arg], i: usize, name: &'static str) -> Result<i64, TensorError> {
    as_int(at(args, i), name)
}

fn as_int(arg: &Arg, name: &'static str) -> Result<i64, TensorError> {
    match arg {
        Arg::Int(value) => Ok(*value),
        Arg::Tensor(tensor) if tensor.rank() == 0 && tensor.dtype().is_int() => match tensor.item()? {
            Arg::Int(value) => Ok(value),
            other => Err(wrong(name, "an int", &other)),
        },
        other => Err(wrong(name, "an int", other)),
    }
}

/// An int, or `default` where it was left out.
pub fn int_or(args: &[Arg], i: usize, name: &'static str, default: i64) -> Result<i64, TensorError> {
    if matches!(at(args, i), Arg::None) { Ok(default) } else { int(args, i, name) }
}

/// A count: an int that is not negative.
pub fn count(args: &[Arg], i: usize, name: &'static str) -> Result<usize, TensorError> {
    to_count(int(args, i, name)?, name)
}

fn to_count(value: i64, name: &'static str) -> Result<usize, TensorError> {
    usize::try_from(value).map_err(|_| TensorError::argument(name, format!("must not be negative, is {value}")))
}

/// An int or scalar as f64; a 0-d tensor counts as one.
pub fn number(args: &[Arg], i: usize, name: &'static str) -> Result<f64, TensorError> {
    match at(args, i) {
        Arg::Int(value) => Ok(*value as f64),
        Arg::Scalar(value) => Ok(*value),
        Arg::Tensor(tensor) if tensor.rank() == 0 => match tensor.item()? {
            Arg::Int(value) => Ok(value as f64),
            Arg::Scalar(value) => Ok(value),
            other => Err(wrong(name, "a number", &other)),
        },
        other => Err(wrong(name, "a number", other)),
    }
}

/// A number, or `default` where it was left out.
pub fn number_or(args: &[Arg], i: usize, name: &'static str, default: f64) -> Result<f64, TensorError> {
    if matches!(at(args, i), Arg::None) { Ok(default) } else { number(args, i, name) }
}

/// A bool, or `default` where it was left out.
pub fn bool_or(args: &[Arg], i: usize, name: &'static str, default: bool) -> Result<bool, TensorError> {
    match at(args, i) {
        Arg::None => Ok(default),
        Arg::Bool(value) => Ok(*value),
        other => Err(wrong(name, "true or false", other)),
    }
}

/// A dtype by name, or `None` where it was left out.
pub fn dtype(args: &[Arg], i: usize, name: &'static str) -> Result<Option<DType>, TensorError> {
    match at(args, i) {
        Arg::None => Ok(None),
        Arg::Str(text) => Ok(Some(parse_dtype(text, name)?)),
        other => Err(wrong(name, "the name of a dtype, like \"f32\"", other)),
    }
}

/// The dtype of that name.
pub fn parse_dtype(text: &str, name: &'static str) -> Result<DType, TensorError> {
    DType::from_str(text).map_err(|error| TensorError::argument(name, error.to_string()))
}

/// One int or a list of ints; `None` where it was left out.
pub fn ints(args: &[Arg], i: usize, name: &'static str) -> Result<Option<SmallVec<[i64; 4]>>, TensorError> {
    match at(args, i) {
        Arg::None => Ok(None),
        Arg::List(items) => Ok(Some(items.iter().map(|item| as_int(item, name)).collect::<Result<_, _>>()?)),
        Arg::Tensor(tensor) if tensor.rank() == 1 && tensor.dtype().is_int() => {
            let data = tensor.to_data()?;
            Ok(Some((0..data.len()).filter_map(|k| data.get_i64(k)).collect()))
        }
        one => Ok(Some(SmallVec::from_slice(&[as_int(one, name)?]))),
    }
}

/// A shape: a list of ints or one int.
pub fn shape(args: &[Arg], i: usize, name: &'static str) -> Result<Shape, TensorError> {
    let sizes = ints(args, i, name)?.ok_or_else(|| wrong(name, "a list of sizes", &Arg::None))?;
    let shape = sizes.into_iter().map(|size| to_count(size, name)).collect::<Result<Shape, _>>()?;
    check_rank(&shape)?;
    Ok(shape)
}

/// Sorted axes; all of them where the argument was left out.
pub fn axes(args: &[Arg], i: usize, name: &'static str, rank: usize) -> Result<SmallVec<[usize; 4]>, TensorError> {
    match ints(args, i, name)? {
        None => Ok((0..rank).collect()),
        Some(axes) => normalize_axes(&axes, rank),
    }
}

/// One axis.
pub fn axis(args: &[Arg], i: usize, name: &'static str, default: i64, rank: usize) -> Result<usize, TensorError> {
    normalize_axis(int_or(args, i, name, default)?, rank)
}

/// A list of tensors, at least one.
pub fn tensors(ctx: &Context, args: &[Arg], i: usize, name: &'static str) -> Result<Vec<Tensor>, TensorError> {
    let Arg::List(items) = at(args, i) else { return Err(wrong(name, "a list of tensors", at(args, i))) };
    if items.is_empty() {
        return Err(TensorError::argument(name, "must hold at least one tensor"));
    }
    items.iter().map(|item| Tensor::operand(ctx, name, item)).collect()
}

/// A record.
pub fn record(fields: impl IntoIterator<Item = (&'static str, Arg)>) -> Arg {
    Arg::Record(fields.into_iter().map(|(name, value)| (name.into(), value)).collect())
}

/// A tensor argument in host memory.
pub(super) fn host(
    ctx: &Context,
    args: &[Arg],
    i: usize,
    name: &'static str,
) -> Result<crate::host::HostTensor, TensorError> {
    tensor(ctx, args, i, name)?.into_host()
}

/// A result that was made in host memory, put where the context wants it.
pub(super) fn done(ctx: &Context, host: crate::host::HostTensor) -> Result<Arg, TensorError> {
    Ok(Arg::Tensor(Tensor::place(ctx, host)?))
}
