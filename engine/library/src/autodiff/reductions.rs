//! Gradients of sums, extremes and other reductions.

use nexus_tensor::{Arg, BinaryOp, CompareOp, Index, TensorError, UnaryOp, args};

use super::algebra::{Algebra, int, sizes};
use super::elementwise::var;
use super::rules::{Gradient, Parts, Site};
use super::var::{Item, Var};

/// The gradients of the reductions by name.
pub(super) fn named(name: &str) -> Option<Gradient> {
    Some(match name {
        "tensor.sum" => Gradient::Rule(sum),
        "tensor.mean" | "stats.mean" => Gradient::Composite(mean),
        "tensor.prod" => Gradient::Composite(product),
        "tensor.max" | "tensor.min" => Gradient::Rule(extreme),
        "tensor.var" | "stats.var" => Gradient::Composite(variance),
        "tensor.std" | "stats.std" => Gradient::Composite(|t, a| {
            let Item::Var(variance) = variance(t, a)? else { return Err(no_tensor()) };
            t.unary(UnaryOp::Sqrt, &variance).map(Item::Var)
        }),
        "tensor.norm" => Gradient::Composite(norm),
        "tensor.logsumexp" => Gradient::Rule(log_sum_exp),
        "tensor.cumsum" => Gradient::Rule(running_sum),
        "tensor.cumprod" => Gradient::Composite(running_product),
        "tensor.softmax" => Gradient::Rule(softmax),
        "tensor.log_softmax" => Gradient::Rule(log_softmax),
        "tensor.layer_norm" => Gradient::Composite(layer_norm),
        "tensor.any" | "tensor.all" | "tensor.argmax" | "tensor.argmin" => Gradient::Zero,
        _ => return None,
    })
}

fn no_tensor() -> TensorError {
    TensorError::argument("x", "must be a tensor")
}

/// Argument 0 as a tensor: a number has its one element.
fn tensor(t: &Algebra<'_>, a: &[Item]) -> Result<Var, TensorError> {
    let x = var(a, 0)?;
    if x.is_number() { t.call("tensor.reshape", &[x.clone().into(), sizes(&[])]) } else { Ok(x.clone()) }
}

/// The reduced axes of `x`, from argument `i`.
fn axes(x: &Var, plain: &[Arg], i: usize) -> Result<Vec<usize>, TensorError> {
    Ok(args::axes(plain, i, "axis", x.rank())?.to_vec())
}

/// The shape with the reduced axes kept at size 1.
fn kept(x: &Var, axes: &[usize]) -> Vec<usize> {
    x.shape().iter().enumerate().map(|(i, &n)| if axes.contains(&i) { 1 } else { n }).collect()
}

fn sum(site: &Site<'_>) -> Parts {
    let (t, x) = (site.algebra, site.var(0)?);
    let axes = axes(x, &site.plain(), 1)?;
    let g = t.reshape(site.g, &kept(x, &axes))?;
    site.only(t.broadcast_to(&g, x.shape())?)
}

fn mean(t: &Algebra<'_>, a: &[Item]) -> Result<Item, TensorError> {
    let x = tensor(t, a)?;
    let plain: Vec<Arg> = a.iter().map(Item::plain).collect();
    let axes = axes(&x, &plain, 1)?;
    let count: usize = axes.iter().map(|&axis| x.shape()[axis]).product();
    let total = t.sum(&x, &axes, args::bool_or(&plain, 2, "keepdims", false)?)?;
    t.div(&total, &Var::scalar(count as f64)).map(Item::Var)
}

fn variance(t: &Algebra<'_>, a: &[Item]) -> Result<Item, TensorError> {
    let x = tensor(t, a)?;
    let plain: Vec<Arg> = a.iter().map(Item::plain).collect();
    let axes = axes(&x, &plain, 1)?;
    let ddof = args::int_or(&plain, 2, "ddof", 0)?;
    let count: usize = axes.iter().map(|&axis| x.shape()[axis]).product();
    let mean = t.div(&t.sum(&x, &axes, true)?, &Var::scalar(count as f64))?;
    let squares = t.unary(UnaryOp::Square, &t.sub(&x, &mean)?)?;
    let total = t.sum(&squares, &axes, args::bool_or(&plain, 3, "keepdims", false)?)?;
    t.scale(&total, 1.0 / (count as i64).saturating_sub(ddof).max(0) as f64).map(Item::Var)
}

fn norm(t: &Algebra<'_>, a: &[Item]) -> Result<Item, TensorError> {
    let x = tensor(t, a)?;
    let plain: Vec<Arg> = a.iter().map(Item::plain).collect();
    let axes = axes(&x, &plain, 1)?;
    let total = t.sum(&t.unary(UnaryOp::Square, &x)?, &axes, args::bool_or(&plain, 2, "keepdims", false)?)?;
    t.unary(UnaryOp::Sqrt, &total).map(Item::Var)
}

/// Pairs are multiplied until one is left: zeros among the factors do no harm, as they would to `g * product / x`.
fn product(t: &Algebra<'_>, a: &[Item]) -> Result<Item, TensorError> {
    let x = tensor(t, a)?;
    let plain: Vec<Arg> = a.iter().map(Item::plain).collect();
    let axes = axes(&x, &plain, 1)?;
    let keep = args::bool_or(&plain, 2, "keepdims", false)?;
    let rest: Vec<usize> = (0..x.rank()).filter(|axis| !axes.contains(axis)).collect();
    let order: Vec<usize> = rest.iter().chain(&axes).copied().collect();
    let mut shape: Vec<usize> = rest.iter().map(|&axis| x.shape()[axis]).collect();
    let last = shape.len();
    shape.push(axes.iter().map(|&axis| x.shape()[axis]).product());
    let mut factors = t.reshape(&t.permute(&x, &order)?, &shape)?;
    while factors.shape()[last] > 1 {
        let half = factors.shape()[last].div_ceil(2);
        let (low, high) = (piece(t, &factors, last, 0, half)?, piece(t, &factors, last, half, usize::MAX)?);
        // An odd one out goes on alone.
        let paired = high.shape()[last];
        let pairs = t.mul(&piece(t, &low, last, 0, paired)?, &high)?;
        let single = piece(t, &low, last, paired, usize::MAX)?;
        factors = if paired == half { pairs } else { join(t, vec![pairs, single], last)? };
    }
    let result: Vec<usize> = if keep { kept(&x, &axes) } else { shape[..last].to_vec() };
    if factors.count() == 0 {
        // A product of nothing is one.
        let one = t.add(&t.zeros_like(&t.sum(&x, &axes, keep)?)?, &Var::scalar(1.0))?;
        return Ok(one.into());
    }
    t.reshape(&factors, &result).map(Item::Var)
}

/// `x[start..end]` along an axis.
pub(super) fn piece(t: &Algebra<'_>, x: &Var, axis: usize, start: usize, end: usize) -> Result<Var, TensorError> {
    let end = end.min(x.shape()[axis]);
    let range = Index::Range { start: Some(start as i64), end: Some(end as i64), step: None };
    let indices: Vec<Index> = (0..axis).map(|_| Index::All).chain([range]).collect();
    t.get(x, &indices)
}

/// Tensors one behind the other.
pub(super) fn join(t: &Algebra<'_>, parts: Vec<Var>, axis: usize) -> Result<Var, TensorError> {
    t.call("tensor.concat", &[Item::List(parts.into_iter().map(Item::Var).collect()), int(axis as i64)])
}

/// Each extreme's gradient is shared equally among the elements that attain it.
fn extreme(site: &Site<'_>) -> Parts {
    let (t, x) = (site.algebra, site.var(0)?);
    let axes = axes(x, &site.plain(), 1)?;
    let shape = kept(x, &axes);
    let (y, g) = (t.reshape(site.result(), &shape)?, t.reshape(site.g, &shape)?);
    let hits = t.compare(CompareOp::Equal, x, &y)?;
    let count = t.sum(&t.select(&hits, &Var::scalar(1.0), &Var::scalar(0.0))?, &axes, true)?;
    let share = t.fold_to(&t.div(&g, &count)?, &g)?;
    site.only(t.select(&hits, &share, &Var::Plain(Arg::Int(0)))?)
}

fn log_sum_exp(site: &Site<'_>) -> Parts {
    let (t, x) = (site.algebra, site.var(0)?);
    let axes = axes(x, &site.plain(), 1)?;
    let shape = kept(x, &axes);
    let (y, g) = (t.reshape(site.result(), &shape)?, t.reshape(site.g, &shape)?);
    let weights = t.unary(UnaryOp::Exp, &t.sub(x, &y)?)?;
    site.only(t.mul(&g, &weights)?)
}

/// The axis in argument 1; without it the tensor is flat.
fn flat_or_axis(t: &Algebra<'_>, x: &Var, plain: &[Arg]) -> Result<(Var, usize), TensorError> {
    match plain.get(1) {
        None | Some(Arg::None) => Ok((t.reshape(x, &[x.count()])?, 0)),
        _ => Ok((x.clone(), args::axis(plain, 1, "axis", 0, x.rank())?)),
    }
}

fn running_sum(site: &Site<'_>) -> Parts {
    let (t, x) = (site.algebra, site.var(0)?);
    let (_, axis) = flat_or_axis(t, x, &site.plain())?;
    let turned = t.call("tensor.flip", &[site.g.clone().into(), sizes(&[axis])])?;
    let sums = t.call("tensor.cumsum", &[turned.into(), int(axis as i64)])?;
    let back = t.call("tensor.flip", &[sums.into(), sizes(&[axis])])?;
    site.only(t.reshape(&back, x.shape())?)
}

/// By doubling (Hillis and Steele): after the step k each element is the product of the 2^k before it.
fn running_product(t: &Algebra<'_>, a: &[Item]) -> Result<Item, TensorError> {
    let plain: Vec<Arg> = a.iter().map(Item::plain).collect();
    let (mut x, axis) = flat_or_axis(t, &tensor(t, a)?, &plain)?;
    let count = x.shape()[axis];
    let mut shift = 1;
    while shift < count {
        let moved = t.mul(&piece(t, &x, axis, shift, count)?, &piece(t, &x, axis, 0, count - shift)?)?;
        x = join(t, vec![piece(t, &x, axis, 0, shift)?, moved], axis)?;
        shift *= 2;
    }
    Ok(x.into())
}

/// The axis of a normalisation, as an argument of a sum.
fn normalised_axis(site: &Site<'_>) -> Result<Vec<usize>, TensorError> {
    Ok(vec![args::axis(&site.plain(), 1, "axis", -1, site.var(0)?.rank())?])
}

fn softmax(site: &Site<'_>) -> Parts {
    let (t, g, y) = (site.algebra, site.g, site.result());
    let axis = normalised_axis(site)?;
    let mean = t.sum(&t.mul(g, y)?, &axis, true)?;
    site.only(t.mul(y, &t.sub(g, &mean)?)?)
}

fn log_softmax(site: &Site<'_>) -> Parts {
    let (t, g, y) = (site.algebra, site.g, site.result());
    let total = t.sum(g, &normalised_axis(site)?, true)?;
    site.only(t.sub(g, &t.mul(&t.unary(UnaryOp::Exp, y)?, &total)?)?)
}

fn layer_norm(t: &Algebra<'_>, a: &[Item]) -> Result<Item, TensorError> {
    let x = tensor(t, a)?;
    let plain: Vec<Arg> = a.iter().map(Item::plain).collect();
    let epsilon = args::number_or(&plain, 3, "epsilon", 1e-5)?;
    let last: Vec<usize> = x.rank().checked_sub(1).into_iter().collect();
    let count = Var::scalar(last.iter().map(|&axis| x.shape()[axis]).product::<usize>() as f64);
    let centred = t.sub(&x, &t.div(&t.sum(&x, &last, true)?, &count)?)?;
    let variance = t.div(&t.sum(&t.unary(UnaryOp::Square, &centred)?, &last, true)?, &count)?;
    let scale = t.unary(UnaryOp::Rsqrt, &t.add(&variance, &Var::scalar(epsilon))?)?;
    let mut result = t.mul(&centred, &scale)?;
    for (i, op) in [(1, BinaryOp::Mul), (2, BinaryOp::Add)] {
        if let Some(Item::Var(operand)) = a.get(i) {
            result = t.binary(op, &result, operand)?;
        }
    }
    Ok(result.into())
}
