//! The gradient of every operation: by a rule, by being made of others, zero because it is flat, or not known.

use nexus_tensor::{Arg, TensorError};

use super::algebra::{Algebra, Operation};
use super::tape::Step;
use super::var::{Item, Var};
use super::{composites, elementwise, factors, moves, probabilities, products, reductions, spectra};

/// A step that is differentiated, and the gradient that arrives at its output.
pub struct Site<'s> {
    pub(super) algebra: &'s Algebra<'s>,
    pub(super) args: &'s [Item],
    pub(super) outputs: &'s [Var],
    /// Which of the outputs the gradient arrives at.
    pub(super) output: usize,
    pub(super) g: &'s Var,
    wanted: &'s [bool],
}

/// Gradients with respect to the numbers and tensors among the arguments, in order; `None` where none is wanted or
/// none exists.
pub(super) type Parts = Result<Vec<Option<Var>>, TensorError>;

/// How an operation is differentiated.
#[derive(Clone, Copy)]
pub enum Gradient {
    /// Made of other operations that have gradients.
    Composite(fn(&Algebra<'_>, &[Item]) -> Result<Item, TensorError>),
    /// By its own rule.
    Rule(fn(&Site<'_>) -> Result<Vec<Option<Var>>, TensorError>),
    /// It does not change with small changes of its arguments, or has no argument that could change.
    Zero,
    /// Not known: traced arguments are refused.
    Missing,
}

impl std::fmt::Debug for Gradient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Gradient::Composite(_) => "composite",
            Gradient::Rule(_) => "rule",
            Gradient::Zero => "zero",
            Gradient::Missing => "missing",
        })
    }
}

/// How the operation of that full name is differentiated.
pub fn gradient(name: &str) -> Gradient {
    elementwise::named(name)
        .or_else(|| reductions::named(name))
        .or_else(|| moves::named(name))
        .or_else(|| products::named(name))
        .or_else(|| factors::named(name))
        .or_else(|| spectra::named(name))
        .or_else(|| probabilities::named(name))
        .or_else(|| composites::named(name))
        .or_else(|| crate::table::own_gradient(name))
        .unwrap_or(Gradient::Missing)
}

impl Site<'_> {
    /// Argument `i`, which is a number or tensor.
    pub(super) fn var(&self, i: usize) -> Result<&Var, TensorError> {
        match self.args.get(i) {
            Some(Item::Var(var)) => Ok(var),
            _ => Err(TensorError::argument("gradient", "needs a tensor or a number here")),
        }
    }

    /// Numbers and tensors among the arguments.
    pub(super) fn places(&self) -> usize {
        self.wanted.len()
    }

    /// Whether the gradient with respect to the `i`-th number or tensor is wanted.
    pub(super) fn wants(&self, i: usize) -> bool {
        self.wanted.get(i).copied().unwrap_or(false)
    }

    /// The output that the gradient arrives at.
    pub(super) fn result(&self) -> &Var {
        &self.outputs[self.output]
    }

    /// Plain arguments, for reading axes and flags.
    pub(super) fn plain(&self) -> Vec<Arg> {
        self.args.iter().map(Item::plain).collect()
    }

    /// The gradients of an operation with one number or tensor.
    pub(super) fn only(&self, part: Var) -> Parts {
        let mut parts = vec![None; self.wanted.len()];
        parts[0] = Some(part);
        Ok(parts)
    }
}

/// The gradients of one step with respect to its arguments.
pub(super) fn backward(algebra: &Algebra<'_>, step: &Step, g: &Var, wanted: &[bool]) -> Parts {
    let site = Site { algebra, args: &step.args, outputs: &step.outputs, output: step.output, g, wanted };
    match &step.operation {
        Operation::Unary(op) => site.only(elementwise::unary(&site, *op)?),
        Operation::Binary(op) => elementwise::binary(&site, *op),
        Operation::Get(indices) => site.only(moves::get(&site, indices)?),
        Operation::Set(indices) => moves::set(&site, indices),
        Operation::Number => {
            let x = site.var(0)?;
            site.only(algebra.fold_to(g, x)?)
        }
        Operation::Named(op) => match gradient(op.name) {
            Gradient::Rule(rule) => rule(&site),
            _ => Err(TensorError::argument("gradient", format!("of `{}` is not known", op.name))),
        },
    }
}
