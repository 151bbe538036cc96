//! Gradients of products of tensors.

use nexus_tensor::{BinaryOp, TensorError};

use super::algebra::Algebra;
use super::elementwise::var;
use super::rules::{Gradient, Parts, Site};
use super::var::{Item, Var};

/// The gradients of the products by name.
pub(super) fn named(name: &str) -> Option<Gradient> {
    Some(match name {
        "tensor.dot" => Gradient::Composite(dot),
        "tensor.outer" => Gradient::Composite(outer),
        "tensor.kron" => Gradient::Composite(kron),
        "tensor.trace" => Gradient::Composite(trace),
        _ => return None,
    })
}

/// Gradients of `a @ b`: `g @ bᵀ` and `aᵀ @ g`, with vectors as rows and columns, and stacks summed back.
pub(super) fn matmul(site: &Site<'_>) -> Parts {
    let (t, a, b) = (site.algebra, site.var(0)?, site.var(1)?);
    let row = |x: &Var| if x.rank() == 1 { t.reshape(x, &[1, x.count()]) } else { Ok(x.clone()) };
    let column = |x: &Var| if x.rank() == 1 { t.reshape(x, &[x.count(), 1]) } else { Ok(x.clone()) };
    let (left, right) = (row(a)?, column(b)?);
    // The axes that vectors do not have come back with size 1.
    let mut shape = site.g.shape().to_vec();
    if b.rank() == 1 {
        shape.push(1);
    }
    if a.rank() == 1 {
        shape.insert(shape.len() - 1, 1);
    }
    let g = t.reshape(site.g, &shape)?;
    let to_a = if site.wants(0) {
        let part = t.fold_to(&t.matmul(&g, &t.transposed(&right)?)?, &left)?;
        Some(t.reshape(&part, a.shape())?)
    } else {
        None
    };
    let to_b = if site.wants(1) {
        let part = t.fold_to(&t.matmul(&t.transposed(&left)?, &g)?, &right)?;
        Some(t.reshape(&part, b.shape())?)
    } else {
        None
    };
    Ok(vec![to_a, to_b])
}

fn dot(t: &Algebra<'_>, a: &[Item]) -> Result<Item, TensorError> {
    let (left, right) = (var(a, 0)?, var(a, 1)?);
    let op = if left.rank() == 0 || right.rank() == 0 { BinaryOp::Mul } else { BinaryOp::MatMul };
    t.binary(op, left, right).map(Item::Var)
}

fn outer(t: &Algebra<'_>, a: &[Item]) -> Result<Item, TensorError> {
    let (left, right) = (var(a, 0)?, var(a, 1)?);
    let column = t.reshape(left, &[left.count(), 1])?;
    t.mul(&column, &t.reshape(right, &[1, right.count()])?).map(Item::Var)
}

/// Each axis of `a` is followed by an axis of size 1, each axis of `b` preceded by one; pairs are then joined.
fn kron(t: &Algebra<'_>, a: &[Item]) -> Result<Item, TensorError> {
    let (left, right) = (var(a, 0)?, var(a, 1)?);
    let rank = left.rank().max(right.rank());
    let padded =
        |x: &Var| -> Vec<usize> { std::iter::repeat_n(1, rank - x.rank()).chain(x.shape().iter().copied()).collect() };
    let (m, n) = (padded(left), padded(right));
    let spread: Vec<usize> = m.iter().flat_map(|&size| [size, 1]).collect();
    let inner: Vec<usize> = n.iter().flat_map(|&size| [1, size]).collect();
    let product = t.mul(&t.reshape(left, &spread)?, &t.reshape(right, &inner)?)?;
    let shape: Vec<usize> = m.iter().zip(&n).map(|(a, b)| a * b).collect();
    t.reshape(&product, &shape).map(Item::Var)
}

fn trace(t: &Algebra<'_>, a: &[Item]) -> Result<Item, TensorError> {
    let x = var(a, 0)?;
    let diagonal = t.call("tensor.diag", &[x.clone().into()])?;
    let last = diagonal.rank() - 1;
    t.sum(&diagonal, &[last], false).map(Item::Var)
}
