//! Jacobians: all derivatives of all elements of a result, by rows or by columns, whichever takes fewer walks along the
//! tape.
//!
//! Called by [`super::differentiate`]. A row is a walk back, as for a gradient. A column is a walk forward, made of walks
//! back: what a walk back gives is linear in its seed, so that the derivative of that by the seed is the other direction.

use nexus_library::{Algebra, Item, Tape, Var};
use nexus_tensor::{Arg, DType, Differentiation, Tensor, TensorError};

use super::differentiate::{Variables, describe, rebuild, traced_call};
use super::fault::{Fault, Outcome};
use super::host::Host;
use super::traced::var_of;
use super::value::Value;
use crate::codes::Code;
use crate::names::with_article;

/// A walk forward goes along the tape of a walk back, which is longer: so many walks back are taken for one of them.
const FORWARD_WALKS: usize = 3;

/// All derivatives of all elements of the result: for each variable the result's axes and then the variable's.
pub(super) fn jacobian(
    host: &mut Host,
    which: usize,
    mut arguments: Vec<Value>,
    function: &mut dyn FnMut(&mut Host, Vec<Value>) -> Outcome<Value>,
) -> Outcome<Value> {
    let (variables, result) = traced_call(host, which, &mut arguments, function)?;
    let output = match var_of(&result) {
        Some(output) if output.is_real() => output,
        _ => {
            let message = format!(
                "a Jacobian needs a function that gives a number or float tensor, this one gave {}",
                with_article(&describe(&result))
            );
            return Err(
                Fault::new(Code::WrongTypeRunning, message).help("stack several results: `tensor.stack([a, b])`")
            );
        }
    };
    let algebra = Algebra::new(host.context);
    let elements: usize = variables.leaves.iter().map(Var::count).sum();
    let is_forward = host.context.differentiation() == Differentiation::Planned
        && !output.is_number()
        && elements.saturating_mul(FORWARD_WALKS) < output.count();
    // What has no second derivative is taken by rows.
    let by_columns = if is_forward { by_columns(host, &algebra, &variables, &output).ok() } else { None };
    let parts = match by_columns {
        Some(parts) => parts,
        None => by_rows(host, &algebra, &variables, &output)?,
    };
    rebuild(host, &arguments[which], &mut parts.into_iter())
}

/// A walk back for each element of the result.
fn by_rows(host: &mut Host, algebra: &Algebra<'_>, variables: &Variables, output: &Var) -> Outcome<Vec<Var>> {
    let mut rows: Vec<Vec<Item>> = vec![Vec::new(); variables.leaves.len()];
    for i in 0..output.count() {
        host.tick(64)?;
        let seed = unit(algebra, output, i).map_err(Fault::tensor)?;
        let walk = |_: &mut Host| variables.tape.gradients(algebra, output, seed, &variables.leaves);
        let found = host.measured("gradient", walk).map_err(Fault::tensor)?;
        rows.iter_mut().zip(found).for_each(|(row, part)| row.push(Item::Var(part)));
    }
    let stack = |(row, leaf)| stacked(algebra, row, output.shape(), leaf, output.is_number()).map_err(Fault::tensor);
    rows.into_iter().zip(&variables.leaves).map(stack).collect()
}

/// A walk forward for each element of the variables, where the result is a tensor.
fn by_columns(host: &mut Host, algebra: &Algebra<'_>, variables: &Variables, output: &Var) -> Outcome<Vec<Var>> {
    let forward = Tape::new(host.derivatives);
    let zero = algebra.zeros_like(&variables.tape.below(output)).map_err(Fault::tensor)?;
    let seed = forward.variable(zero).map_err(Fault::tensor)?;
    let walk = |_: &mut Host| variables.tape.gradients(algebra, output, seed.clone(), &variables.leaves);
    let back = host.measured("gradient", walk).map_err(Fault::tensor)?;
    let mut parts = Vec::with_capacity(back.len());
    for (leaf, gradient) in variables.leaves.iter().zip(&back) {
        let mut columns = Vec::with_capacity(leaf.count());
        for j in 0..leaf.count() {
            host.tick(64)?;
            let unit = unit(algebra, leaf, j).map_err(Fault::tensor)?;
            let walk = |_: &mut Host| forward.gradients(algebra, gradient, unit, std::slice::from_ref(&seed));
            let found = host.measured("gradient", walk);
            columns.extend(found.map_err(Fault::tensor)?.into_iter().map(Item::Var));
        }
        parts.push(turned(algebra, columns, output, leaf).map_err(Fault::tensor)?);
    }
    Ok(parts)
}

/// One at element `i` and zero elsewhere, in the shape and dtype of `like`.
fn unit(algebra: &Algebra<'_>, like: &Var, i: usize) -> Result<Var, TensorError> {
    let Some(dtype) = like.dtype() else { return Ok(Var::scalar(1.0)) };
    let mut unit = vec![0.0; like.count()];
    unit[i] = 1.0;
    Ok(Var::Plain(Arg::Tensor(Tensor::from_f64s(algebra.context(), dtype, like.shape(), &unit)?)))
}

/// Columns as the Jacobian: the result's axes and then the variable's.
fn turned(algebra: &Algebra<'_>, columns: Vec<Item>, output: &Var, leaf: &Var) -> Result<Var, TensorError> {
    let dtype = leaf.dtype().unwrap_or(DType::F64);
    let whole: Vec<usize> = output.shape().iter().chain(leaf.shape()).copied().collect();
    if columns.is_empty() {
        return algebra.empty(&whole, dtype);
    }
    let count = columns.len();
    let all = algebra.reshaped(&algebra.from_rows(columns)?, &[count, output.count()])?;
    algebra.reshaped(&algebra.cast(&algebra.transposed(&all)?, dtype)?, &whole)
}

/// One gradient for each element of the result, as one tensor.
fn stacked(
    algebra: &Algebra<'_>,
    rows: Vec<Item>,
    shape: &[usize],
    leaf: &Var,
    number: bool,
) -> Result<Var, TensorError> {
    if number && let [Item::Var(only)] = rows.as_slice() {
        return Ok(only.clone());
    }
    let whole: Vec<usize> = shape.iter().chain(leaf.shape()).copied().collect();
    if rows.is_empty() {
        return algebra.empty(&whole, leaf.dtype().unwrap_or(DType::F64));
    }
    let all = algebra.from_rows(rows)?;
    algebra.reshaped(&all, &whole)
}
