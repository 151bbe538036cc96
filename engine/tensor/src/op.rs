//! What an operation is: its name, parameters, documentation, and the two functions that make it, one that infers the
//! type of the result before anything runs and one that runs it.
//!
//! The table of all operations ([`crate::OPS`]) is the one truth: the language's checker, its virtual machine, the
//! reference documentation and the tests are made from it.

use std::sync::Arc;

use nexus_model::DType;

use crate::{Context, Tensor, TensorError};

/// What a parameter accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ParamKind {
    /// A tensor; numbers are taken as 0-d tensors.
    Tensor,
    /// An int.
    Int,
    /// An int or scalar.
    Number,
    /// A bool.
    Bool,
    /// A string.
    Str,
    /// A dtype by name (`"f32"`).
    DType,
    /// One int or a list of ints, like `axis` or `axes`.
    Ints,
    /// A shape: a list of ints, or (as the last positional parameter) the ints themselves: `tensor.ones(2, 3)`.
    Shape,
    /// A list of tensors, like `tensor.stack`'s.
    Tensors,
    /// A number or a nested list of numbers or bools, like `tensor.from_list`'s.
    Data,
    /// Anything.
    Any,
}

/// A parameter. Parameters can be given by position or by name (`axis = 0`).
#[derive(Debug, Clone, Copy)]
pub struct Param {
    /// Name.
    pub name: &'static str,
    /// What it accepts.
    pub kind: ParamKind,
    /// The default as it is documented (`"none"`, `"0"`, `"f32"`); `None` where the argument is required. An argument
    /// left out arrives as [`Arg::None`].
    pub default: Option<&'static str>,
}

/// An argument or a result of an operation that runs.
#[derive(Debug, Clone)]
pub enum Arg {
    /// Left out, or `none`.
    None,
    /// Bool.
    Bool(bool),
    /// Int.
    Int(i64),
    /// Scalar.
    Scalar(f64),
    /// String.
    Str(Arc<str>),
    /// Tensor.
    Tensor(Tensor),
    /// List.
    List(Vec<Arg>),
    /// Record, as decompositions return it.
    Record(Vec<(Arc<str>, Arg)>),
}

impl From<Tensor> for Arg {
    fn from(tensor: Tensor) -> Self {
        Arg::Tensor(tensor)
    }
}

/// What is known of one axis before anything runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Dim {
    /// Its size.
    Known(usize),
    /// Named in a signature (`tensor[f32, n, 4]`): equal names are equal sizes.
    Named(Arc<str>),
    /// Nothing.
    Unknown,
}

/// What is known of a tensor before anything runs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TensorType {
    /// Dtype, where known.
    pub dtype: Option<DType>,
    /// Axes, where at least their number is known.
    pub shape: Option<Vec<Dim>>,
}

/// What is known of an argument or result before anything runs. Constants are carried, because shapes are made of them.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum ArgType {
    /// Nothing.
    #[default]
    Unknown,
    /// `none`, or left out.
    None,
    /// A bool.
    Bool(Option<bool>),
    /// An int.
    Int(Option<i64>),
    /// A scalar.
    Scalar(Option<f64>),
    /// A string.
    Str(Option<Arc<str>>),
    /// A tensor.
    Tensor(TensorType),
    /// A list with known items.
    List(Vec<ArgType>),
    /// A list of unknown length of items like this.
    ListOf(Box<ArgType>),
    /// A record.
    Record(Vec<(Arc<str>, ArgType)>),
    /// A function.
    Function,
}

/// An operation of the engine.
///
/// The checker binds arguments to `params` (positions, names, defaults), calls `infer` with one [`ArgType`] per
/// parameter, and reports what it says. The machine binds likewise and calls `run` with one [`Arg`] per parameter.
/// `infer` must accept everything that `run` accepts; where both know, they agree.
#[derive(Debug, Clone, Copy)]
pub struct OpDef {
    /// Name with its namespace: `tensor.ones`, `linalg.svd`, `stats.mean`.
    pub name: &'static str,
    /// Parameters in order.
    pub params: &'static [Param],
    /// What it does: shapes, dtypes, errors. The first sentence stands alone in lists.
    pub doc: &'static str,
    /// A line of M-CODE that runs, for the reference.
    pub example: &'static str,
    /// Infers the type of the result, or says what is wrong with the arguments.
    pub infer: fn(&[ArgType]) -> Result<ArgType, TensorError>,
    /// Runs it.
    pub run: fn(&Context, &[Arg]) -> Result<Arg, TensorError>,
}
