//! What is known of values before anything runs: the lattice of types.
//!
//! The types are those of the tensor engine ([`ArgType`]), so that its inference needs no translation. `Unknown` is the
//! top: nothing is reported about it.

use nexus_model::DType;
use nexus_tensor::{ArgType, Dim, TensorType};

use crate::ast::Name;
use crate::hir::{Declared, DeclaredDim};

/// Items of a list whose types are kept one by one.
pub(super) const LIST_ITEMS_MAX: usize = 32;

/// What holds of a value that is either of two.
pub(super) fn join(a: &ArgType, b: &ArgType) -> ArgType {
    match (a, b) {
        (a, b) if a == b => a.clone(),
        (ArgType::Bool(_), ArgType::Bool(_)) => ArgType::Bool(None),
        (ArgType::Int(_), ArgType::Int(_)) => ArgType::Int(None),
        (ArgType::Scalar(_), ArgType::Scalar(_)) => ArgType::Scalar(None),
        (ArgType::Str(_), ArgType::Str(_)) => ArgType::Str(None),
        (ArgType::Tensor(x), ArgType::Tensor(y)) => ArgType::Tensor(join_tensors(x, y)),
        (ArgType::List(_) | ArgType::ListOf(_), ArgType::List(_) | ArgType::ListOf(_)) => {
            ArgType::ListOf(Box::new(join(&item(a), &item(b))))
        }
        _ => ArgType::Unknown,
    }
}

fn join_tensors(x: &TensorType, y: &TensorType) -> TensorType {
    let shape = match (&x.shape, &y.shape) {
        (Some(a), Some(b)) if a.len() == b.len() => {
            Some(a.iter().zip(b).map(|(a, b)| if a == b { a.clone() } else { Dim::Unknown }).collect())
        }
        _ => None,
    };
    TensorType { dtype: if x.dtype == y.dtype { x.dtype } else { None }, shape }
}

/// The type of any item of a list.
pub(super) fn item(list: &ArgType) -> ArgType {
    match list {
        ArgType::List(items) => match items.split_first() {
            Some((first, rest)) => rest.iter().fold(widen(first), |ty, item| join(&ty, &widen(item))),
            None => ArgType::Unknown,
        },
        ArgType::ListOf(item) => (**item).clone(),
        _ => ArgType::Unknown,
    }
}

/// The type without the values of constants.
pub(super) fn widen(ty: &ArgType) -> ArgType {
    match ty {
        ArgType::Bool(_) => ArgType::Bool(None),
        ArgType::Int(_) => ArgType::Int(None),
        ArgType::Scalar(_) => ArgType::Scalar(None),
        ArgType::Str(_) => ArgType::Str(None),
        ArgType::List(_) => ArgType::ListOf(Box::new(item(ty))),
        other => other.clone(),
    }
}

/// Whether a type has no values of constants that [`widen`] takes out.
pub(super) fn is_wide(ty: &ArgType) -> bool {
    !matches!(
        ty,
        ArgType::Bool(Some(_))
            | ArgType::Int(Some(_))
            | ArgType::Scalar(Some(_))
            | ArgType::Str(Some(_))
            | ArgType::List(_)
    )
}

/// The type that a declaration gives.
pub(super) fn of_declared(declared: &Declared, dims: &[(Name, u32)]) -> ArgType {
    match declared {
        Declared::Any | Declared::List | Declared::Record => ArgType::Unknown,
        Declared::None => ArgType::None,
        Declared::Bool => ArgType::Bool(None),
        Declared::Int => ArgType::Int(None),
        Declared::Scalar => ArgType::Scalar(None),
        Declared::Str => ArgType::Str(None),
        Declared::Function => ArgType::Function,
        Declared::Tensor { dtype, dims: declared } => {
            let shape = declared.as_ref().map(|declared| {
                declared
                    .iter()
                    .map(|dim| match dim {
                        DeclaredDim::Any => Dim::Unknown,
                        DeclaredDim::Known(size) => Dim::Known(*size),
                        DeclaredDim::Named(index) => {
                            dims.get(*index).map_or(Dim::Unknown, |(name, _)| Dim::Named(name.clone()))
                        }
                    })
                    .collect()
            });
            ArgType::Tensor(TensorType { dtype: *dtype, shape })
        }
    }
}

/// Whether a value of the type can have the declared kind. Sizes are compared elsewhere.
pub(super) fn may_be(ty: &ArgType, declared: &Declared) -> bool {
    match (ty, declared) {
        (ArgType::Unknown, _) | (_, Declared::Any) => true,
        (ArgType::None, Declared::None) => true,
        (ArgType::Bool(_), Declared::Bool) => true,
        (ArgType::Int(_), Declared::Int | Declared::Scalar) => true,
        (ArgType::Scalar(_), Declared::Scalar) => true,
        (ArgType::Str(_), Declared::Str) => true,
        (ArgType::List(_) | ArgType::ListOf(_), Declared::List) => true,
        (ArgType::Record(_), Declared::Record) => true,
        (ArgType::Function, Declared::Function) => true,
        (ArgType::Tensor(t), Declared::Tensor { dtype, .. }) => match (t.dtype, dtype) {
            (Some(found), Some(declared)) => found == *declared,
            _ => true,
        },
        _ => false,
    }
}

/// As [`describe`], where nothing may be known.
pub(crate) fn describe_known(ty: Option<&ArgType>) -> String {
    ty.map_or_else(|| "any".to_owned(), describe)
}

/// The type as users write it: `f32[2, 3]`, `int`.
pub(crate) fn describe(ty: &ArgType) -> String {
    match ty {
        ArgType::Unknown => "any".to_owned(),
        ArgType::None => "none".to_owned(),
        ArgType::Bool(_) => "bool".to_owned(),
        ArgType::Int(_) => "int".to_owned(),
        ArgType::Scalar(_) => "scalar".to_owned(),
        ArgType::Str(_) => "string".to_owned(),
        ArgType::List(_) | ArgType::ListOf(_) => "list".to_owned(),
        ArgType::Record(fields) => {
            let names: Vec<&str> = fields.iter().map(|(name, _)| &**name).collect();
            format!("record {{{}}}", names.join(", "))
        }
        ArgType::Function => "function".to_owned(),
        ArgType::Tensor(t) => {
            let dtype = t.dtype.map_or("tensor", DType::name);
            match &t.shape {
                None if t.dtype.is_some() => format!("{dtype} tensor"),
                None => "tensor".to_owned(),
                Some(dims) => {
                    let sizes: Vec<String> = dims.iter().map(describe_dim).collect();
                    format!("{dtype}[{}]", sizes.join(", "))
                }
            }
        }
    }
}

pub(super) fn describe_dim(dim: &Dim) -> String {
    match dim {
        Dim::Known(size) => size.to_string(),
        Dim::Named(name) => name.to_string(),
        Dim::Unknown => "_".to_owned(),
    }
}

/// The type of an element of a tensor as a number.
pub(super) fn element(tensor: &TensorType) -> ArgType {
    match tensor.dtype {
        Some(DType::Bool) => ArgType::Bool(None),
        Some(dtype) if dtype.is_int() => ArgType::Int(None),
        Some(_) => ArgType::Scalar(None),
        None => ArgType::Unknown,
    }
}
