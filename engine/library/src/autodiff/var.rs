//! Values that may be traced.

use std::sync::Arc;

use nexus_tensor::{Arg, DType};

use super::tape::Tape;

/// A number or tensor, plain or traced by one tape or several inside each other.
#[derive(Debug, Clone)]
pub enum Var {
    /// A number or a tensor.
    Plain(Arg),
    /// A value that a tape follows.
    Traced(Arc<Traced>),
}

/// A value that a tape follows.
#[derive(Debug)]
pub struct Traced {
    pub(super) tape: Tape,
    /// Its place on the tape.
    pub(super) node: usize,
    /// The value as the tape sees it: plain, or traced by an outer tape.
    pub(super) value: Var,
}

impl Traced {
    /// The plain value under all tapes.
    pub fn plain(&self) -> &Arg {
        self.value.plain()
    }
}

impl Var {
    /// A plain scalar.
    pub fn scalar(value: f64) -> Var {
        Var::Plain(Arg::Scalar(value))
    }

    /// The plain value under all tapes.
    pub fn plain(&self) -> &Arg {
        let mut var = self;
        loop {
            match var {
                Var::Plain(arg) => return arg,
                Var::Traced(traced) => var = &traced.value,
            }
        }
    }

    /// Sizes of the axes; a number has none.
    pub fn shape(&self) -> &[usize] {
        match self.plain() {
            Arg::Tensor(tensor) => tensor.shape(),
            _ => &[],
        }
    }

    /// Number of axes.
    pub fn rank(&self) -> usize {
        self.shape().len()
    }

    /// Number of elements.
    pub fn count(&self) -> usize {
        self.shape().iter().product()
    }

    /// The dtype of a tensor; `None` for a number.
    pub fn dtype(&self) -> Option<DType> {
        match self.plain() {
            Arg::Tensor(tensor) => Some(tensor.dtype()),
            _ => None,
        }
    }

    /// Whether it is a number of the language, not a tensor.
    pub fn is_number(&self) -> bool {
        self.dtype().is_none()
    }

    /// Whether derivatives with respect to it make sense: a scalar or a float tensor.
    pub fn is_real(&self) -> bool {
        match self.plain() {
            Arg::Tensor(tensor) => tensor.dtype().is_float(),
            Arg::Scalar(_) => true,
            _ => false,
        }
    }

    /// The innermost tape, which has the highest level.
    pub(super) fn tape(&self) -> Option<&Tape> {
        match self {
            Var::Plain(_) => None,
            Var::Traced(traced) => Some(&traced.tape),
        }
    }
}

/// An argument or result of an operation on values that may be traced.
#[derive(Debug, Clone)]
pub enum Item {
    /// A number or tensor.
    Var(Var),
    /// Anything else: strings, `none`, bools.
    Other(Arg),
    /// A list.
    List(Vec<Item>),
    /// A record.
    Record(Vec<(Arc<str>, Item)>),
}

impl Item {
    /// The plain argument under all tapes.
    pub fn plain(&self) -> Arg {
        match self {
            Item::Var(var) => var.plain().clone(),
            Item::Other(arg) => arg.clone(),
            Item::List(items) => Arg::List(items.iter().map(Item::plain).collect()),
            Item::Record(fields) => {
                Arg::Record(fields.iter().map(|(name, item)| (Arc::clone(name), item.plain())).collect())
            }
        }
    }

    /// Whether any part is traced.
    pub fn is_traced(&self) -> bool {
        self.vars().iter().any(|var| matches!(var, Var::Traced(_)))
    }

    /// All numbers and tensors in it, in order.
    pub(super) fn vars(&self) -> Vec<&Var> {
        let mut found = Vec::new();
        self.collect(&mut found);
        found
    }

    fn collect<'i>(&'i self, found: &mut Vec<&'i Var>) {
        match self {
            Item::Var(var) => found.push(var),
            Item::Other(_) => {}
            Item::List(items) => items.iter().for_each(|item| item.collect(found)),
            Item::Record(fields) => fields.iter().for_each(|(_, item)| item.collect(found)),
        }
    }

    /// The same with each number and tensor replaced.
    pub(super) fn map(&self, change: &mut dyn FnMut(&Var) -> Var) -> Item {
        match self {
            Item::Var(var) => Item::Var(change(var)),
            Item::Other(arg) => Item::Other(arg.clone()),
            Item::List(items) => Item::List(items.iter().map(|item| item.map(change)).collect()),
            Item::Record(fields) => {
                Item::Record(fields.iter().map(|(name, item)| (Arc::clone(name), item.map(change))).collect())
            }
        }
    }
}

impl From<Var> for Item {
    fn from(var: Var) -> Item {
        Item::Var(var)
    }
}

impl From<Arg> for Item {
    fn from(arg: Arg) -> Item {
        match arg {
            Arg::Int(_) | Arg::Scalar(_) | Arg::Tensor(_) | Arg::Bool(_) => Item::Var(Var::Plain(arg)),
            Arg::List(items) => Item::List(items.into_iter().map(Item::from).collect()),
            Arg::Record(fields) => Item::Record(fields.into_iter().map(|(n, item)| (n, item.into())).collect()),
            other => Item::Other(other),
        }
    }
}
