//! Inferring the types of results before anything runs, with whatever is known.
//!
//! Wrong arguments are reported only where they are certain to fail when the operation runs; what is not known stays
//! unknown.

use nexus_model::DType;

use super::args::parse_dtype;
use crate::TensorError;
use crate::op::{ArgType, Dim, TensorType};
use crate::promotion::{FLOAT_DEFAULT, Operand, promote_operands};
use crate::shape::{normalize_axes, normalize_axis};

/// What inference gives: the type of the result, or what is certainly wrong.
pub type Inferred = Result<ArgType, TensorError>;
/// The axes of a shape.
pub type Dims = Vec<Dim>;

/// A tensor type.
pub fn typed(dtype: Option<DType>, shape: Option<Dims>) -> ArgType {
    ArgType::Tensor(TensorType { dtype, shape })
}

/// Argument `i`; one left out is `none`.
pub fn at(args: &[ArgType], i: usize) -> &ArgType {
    const NONE: ArgType = ArgType::None;
    args.get(i).unwrap_or(&NONE)
}

/// A shape as errors write it: `[2, n, ?]`.
pub fn written(dims: &[Dim]) -> String {
    let words: Vec<String> = dims
        .iter()
        .map(|dim| match dim {
            Dim::Known(n) => n.to_string(),
            Dim::Named(name) => name.to_string(),
            Dim::Unknown => "?".to_owned(),
        })
        .collect();
    format!("[{}]", words.join(", "))
}

fn kind(ty: &ArgType) -> &'static str {
    match ty {
        ArgType::Unknown => "anything",
        ArgType::None => "none",
        ArgType::Bool(_) => "a bool",
        ArgType::Int(_) => "an int",
        ArgType::Scalar(_) => "a scalar",
        ArgType::Str(_) => "a string",
        ArgType::Tensor(_) => "a tensor",
        ArgType::List(_) | ArgType::ListOf(_) => "a list",
        ArgType::Record(_) => "a record",
        ArgType::Function => "a function",
    }
}

fn wrong(name: &'static str, wanted: &str, found: &ArgType) -> TensorError {
    TensorError::argument(name, format!("must be {wanted}, is {}", kind(found)))
}

/// An argument that must be a tensor or a number.
pub fn tensor(args: &[ArgType], i: usize, name: &'static str) -> Result<TensorType, TensorError> {
    operand(at(args, i), name)
}

/// A type as a tensor type: numbers are 0-d.
pub fn operand(ty: &ArgType, name: &'static str) -> Result<TensorType, TensorError> {
    let number = |dtype| TensorType { dtype: Some(dtype), shape: Some(Vec::new()) };
    match ty {
        ArgType::Tensor(ty) => Ok(ty.clone()),
        ArgType::Unknown => Ok(TensorType::default()),
        ArgType::Int(_) => Ok(number(DType::I64)),
        ArgType::Scalar(_) => Ok(number(FLOAT_DEFAULT)),
        ArgType::Bool(_) => Ok(number(DType::Bool)),
        other => Err(wrong(name, "a tensor or a number", other)),
    }
}

/// An int that may be known; `Ok(None)` where it is not.
pub fn int(args: &[ArgType], i: usize, name: &'static str) -> Result<Option<i64>, TensorError> {
    match at(args, i) {
        ArgType::Int(value) => Ok(*value),
        ArgType::Unknown | ArgType::Tensor(_) => Ok(None),
        other => Err(wrong(name, "an int", other)),
    }
}

/// As [`int`], with a default where the argument was left out.
pub fn int_or(args: &[ArgType], i: usize, name: &'static str, default: i64) -> Result<Option<i64>, TensorError> {
    if matches!(at(args, i), ArgType::None) { Ok(Some(default)) } else { int(args, i, name) }
}

/// An argument that must be a number.
pub fn number(args: &[ArgType], i: usize, name: &'static str) -> Result<(), TensorError> {
    match at(args, i) {
        ArgType::Int(_) | ArgType::Scalar(_) | ArgType::Unknown | ArgType::Tensor(_) | ArgType::None => Ok(()),
        other => Err(wrong(name, "a number", other)),
    }
}

/// A bool with a default; `None` where it is not known.
pub fn bool_or(args: &[ArgType], i: usize, name: &'static str, default: bool) -> Result<Option<bool>, TensorError> {
    match at(args, i) {
        ArgType::None => Ok(Some(default)),
        ArgType::Bool(value) => Ok(*value),
        ArgType::Unknown => Ok(None),
        other => Err(wrong(name, "true or false", other)),
    }
}

/// A dtype by name, with what it is where it was left out; `None` where it is not known.
pub fn dtype(
    args: &[ArgType],
    i: usize,
    name: &'static str,
    default: Option<DType>,
) -> Result<Option<DType>, TensorError> {
    match at(args, i) {
        ArgType::None => Ok(default),
        ArgType::Str(Some(text)) => Ok(Some(parse_dtype(text, name)?)),
        ArgType::Str(None) | ArgType::Unknown => Ok(None),
        other => Err(wrong(name, "the name of a dtype, like \"f32\"", other)),
    }
}

/// One int or a list of ints.
pub enum Ints {
    /// The argument was left out.
    Absent,
    /// Each int, where known.
    Items(Vec<Option<i64>>),
    /// Not even their number is known.
    Unknown,
}

impl Ints {
    /// All of them, where every one is known.
    pub fn known(&self) -> Option<Vec<i64>> {
        match self {
            Ints::Items(items) => items.iter().copied().collect(),
            _ => None,
        }
    }
}

/// One int or a list of ints.
pub fn ints(args: &[ArgType], i: usize, name: &'static str) -> Result<Ints, TensorError> {
    match at(args, i) {
        ArgType::None => Ok(Ints::Absent),
        ArgType::Int(value) => Ok(Ints::Items(vec![*value])),
        ArgType::List(items) => {
            let all: Result<Vec<_>, _> = (0..items.len()).map(|k| int(items, k, name)).collect();
            Ok(Ints::Items(all?))
        }
        ArgType::Unknown | ArgType::ListOf(_) | ArgType::Tensor(_) => Ok(Ints::Unknown),
        other => Err(wrong(name, "an int or a list of ints", other)),
    }
}

/// A shape given as an argument.
pub fn shape(args: &[ArgType], i: usize, name: &'static str) -> Result<Option<Dims>, TensorError> {
    match ints(args, i, name)? {
        Ints::Absent => Err(wrong(name, "a list of sizes", &ArgType::None)),
        Ints::Unknown => Ok(None),
        Ints::Items(items) => items.into_iter().map(|item| size(item, name)).collect::<Result<Dims, _>>().map(Some),
    }
}

/// A size as a dim.
pub fn size(value: Option<i64>, name: &'static str) -> Result<Dim, TensorError> {
    match value {
        None => Ok(Dim::Unknown),
        Some(n) => usize::try_from(n)
            .map(Dim::Known)
            .map_err(|_| TensorError::argument(name, format!("must not be negative, is {n}"))),
    }
}

/// The shape that two shapes broadcast to, where known; an error where they certainly do not.
pub fn broadcast(left: Option<&Dims>, right: Option<&Dims>) -> Result<Option<Dims>, TensorError> {
    let (Some(left), Some(right)) = (left, right) else { return Ok(None) };
    let rank = left.len().max(right.len());
    let mut out = vec![Dim::Known(1); rank];
    let one = Dim::Known(1);
    for i in 0..rank {
        let a = if i < left.len() { &left[left.len() - 1 - i] } else { &one };
        let b = if i < right.len() { &right[right.len() - 1 - i] } else { &one };
        out[rank - 1 - i] = match (a, b) {
            (a, b) if a == b && *a != Dim::Unknown => a.clone(),
            (Dim::Known(1), other) | (other, Dim::Known(1)) => other.clone(),
            (Dim::Known(_), Dim::Known(_)) => {
                return Err(TensorError::Shapes {
                    left: written(left),
                    right: written(right),
                    problem: "do not broadcast",
                });
            }
            (Dim::Known(n), _) | (_, Dim::Known(n)) => Dim::Known(*n),
            _ => Dim::Unknown,
        };
    }
    Ok(Some(out))
}

/// The dtype in which two operands meet, where known.
pub fn meet(left: &ArgType, right: &ArgType) -> Option<DType> {
    Some(promote_operands(Operand::of_type(left)?, Operand::of_type(right)?))
}

/// `axis` as an index, where the rank is known.
pub fn axis(value: Option<i64>, rank: Option<usize>) -> Result<Option<usize>, TensorError> {
    match (value, rank) {
        (Some(value), Some(rank)) => normalize_axis(value, rank).map(Some),
        _ => Ok(None),
    }
}

/// The shape after reducing `axis` arguments away.
pub fn reduced(shape: Option<&Dims>, axes: &Ints, keep: Option<bool>) -> Result<Option<Dims>, TensorError> {
    let Some(dims) = shape else {
        return Ok(matches!(axes, Ints::Absent).then(Vec::new).filter(|_| keep == Some(false)));
    };
    let gone = match axes {
        Ints::Absent => (0..dims.len()).collect(),
        other => match other.known() {
            Some(list) => normalize_axes(&list, dims.len())?,
            None => return Ok(None),
        },
    };
    let Some(keep) = keep else { return Ok(None) };
    let left = dims.iter().enumerate();
    Ok(Some(
        left.filter_map(|(a, d)| if gone.contains(&a) { keep.then_some(Dim::Known(1)) } else { Some(d.clone()) })
            .collect(),
    ))
}

/// The number of elements, where every size is known.
pub fn elements(dims: &[Dim]) -> Option<usize> {
    dims.iter().try_fold(1usize, |n, dim| match dim {
        Dim::Known(size) => n.checked_mul(*size),
        _ => None,
    })
}

/// A record type.
pub fn record(fields: impl IntoIterator<Item = (&'static str, ArgType)>) -> ArgType {
    ArgType::Record(fields.into_iter().map(|(name, ty)| (name.into(), ty)).collect())
}
