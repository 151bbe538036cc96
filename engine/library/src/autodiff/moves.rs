//! Gradients of operations that move elements and compute nothing: each element's gradient goes where it came from.
//!
//! Where elements went is found by moving their numbers instead of them: the operation is applied to 0, 1, 2, … in the
//! tensor's shape.

use std::sync::Arc;

use nexus_tensor::{Arg, DType, Index, Tensor, TensorError, args};

use super::algebra::{Algebra, int, sizes};
use super::elementwise::var;
use super::reductions::{join, piece};
use super::rules::{Gradient, Parts, Site};
use super::var::{Item, Var};

/// The gradients of the operations that move elements, by name.
pub(super) fn named(name: &str) -> Option<Gradient> {
    Some(match name {
        "tensor.reshape" | "tensor.flatten" | "tensor.squeeze" | "tensor.expand_dims" => Gradient::Rule(|site| {
            let x = site.var(0)?;
            site.only(back_to(site.algebra, site.g, x)?)
        }),
        "tensor.transpose" | "tensor.permute" => Gradient::Rule(permutation),
        "tensor.broadcast_to" => Gradient::Rule(|site| site.only(site.algebra.fold_to(site.g, site.var(0)?)?)),
        "tensor.flip" => Gradient::Rule(|site| {
            let args = [Item::Var(site.g.clone()), site.args.get(1).cloned().unwrap_or(Item::Other(Arg::None))];
            site.only(site.algebra.call("tensor.flip", &args)?)
        }),
        "tensor.tril" => Gradient::Composite(|t, a| triangle(t, "tensor.tril", a)),
        "tensor.triu" => Gradient::Composite(|t, a| triangle(t, "tensor.triu", a)),
        "tensor.roll" => Gradient::Composite(|t, a| moved(t, "tensor.roll", a)),
        "tensor.repeat" => Gradient::Composite(|t, a| moved(t, "tensor.repeat", a)),
        "tensor.tile" => Gradient::Composite(|t, a| moved(t, "tensor.tile", a)),
        "tensor.diag" => Gradient::Composite(diagonal),
        "tensor.slice" => Gradient::Composite(slice),
        "tensor.gather" => Gradient::Composite(gather),
        "tensor.split" => Gradient::Composite(split),
        "tensor.concat" => Gradient::Rule(concat),
        "tensor.stack" => Gradient::Composite(stack),
        "tensor.pad" => Gradient::Composite(pad),
        "tensor.scatter" => Gradient::Composite(scatter),
        "tensor.scatter_add" => Gradient::Rule(scatter_add),
        "tensor.sort" => Gradient::Composite(sort),
        "tensor.topk" => Gradient::Composite(top_k),
        "tensor.argsort" | "tensor.nonzero" | "tensor.unique" | "tensor.shape" | "tensor.size" | "tensor.dtype" => {
            Gradient::Zero
        }
        "tensor.cast" | "tensor.astype" => Gradient::Rule(|site| {
            let x = site.var(0)?;
            site.only(site.algebra.fold_to(site.g, x)?)
        }),
        "tensor.item" => Gradient::Composite(item),
        "tensor.zeros" | "tensor.ones" | "tensor.eye" | "tensor.rand" | "tensor.randn" | "tensor.randint" => {
            Gradient::Zero
        }
        "tensor.full" => Gradient::Composite(|t, a| {
            let zeros = Item::Other(Arg::Str("f32".into()));
            let shape = t.call("tensor.zeros", &[a[0].clone(), zeros])?;
            let value = var(a, 1)?;
            let spread = t.broadcast_to(value, shape.shape())?;
            Ok(match a.get(2) {
                Some(Item::Other(Arg::Str(name))) => {
                    t.call("tensor.cast", &[spread.into(), Item::Other(Arg::Str(Arc::clone(name)))])?
                }
                _ => spread,
            }
            .into())
        }),
        "tensor.from_list" => Gradient::Composite(from_list),
        _ => return None,
    })
}

/// `g` in the shape of `x`; a number takes the sum.
fn back_to(t: &Algebra<'_>, g: &Var, x: &Var) -> Result<Var, TensorError> {
    if x.is_number() { t.number(g) } else { t.reshape(g, x.shape()) }
}

fn permutation(site: &Site<'_>) -> Parts {
    let (t, x) = (site.algebra, site.var(0)?);
    if x.is_number() {
        return site.only(t.number(site.g)?);
    }
    let rank = x.rank();
    let order: Vec<usize> = match args::ints(&site.plain(), 1, "axes")? {
        None => (0..rank).rev().collect(),
        Some(axes) => axes.iter().map(|&axis| axis.rem_euclid(rank.max(1) as i64) as usize).collect(),
    };
    let mut inverse = vec![0; rank];
    for (to, &from) in order.iter().enumerate() {
        inverse[from] = to;
    }
    site.only(t.permute(site.g, &inverse)?)
}

/// The numbers of the elements of `x`, in its shape.
fn places(t: &Algebra<'_>, shape: &[usize]) -> Result<Var, TensorError> {
    let count: usize = shape.iter().product();
    let numbers = t.call("tensor.arange", &[int(count as i64)])?;
    t.reshape(&numbers, shape)
}

/// The elements of `x` at `places`, which are numbers of elements.
pub(super) fn take(t: &Algebra<'_>, x: &Var, places: &Var) -> Result<Var, TensorError> {
    let Arg::Tensor(list) = places.plain() else { return Err(TensorError::argument("indices", "must be a tensor")) };
    t.get(&t.reshape(x, &[x.count()])?, &[Index::List(list.clone())])
}

/// `g` added up at the places that its elements came from.
fn give_back(t: &Algebra<'_>, g: &Var, places: &Var, like: &Var) -> Result<Var, TensorError> {
    let flat = t.zeros_like(&t.reshape(like, &[like.count()])?)?;
    let (places, g) = (t.reshape(places, &[places.count()])?, t.reshape(g, &[g.count()])?);
    let sums = t.call("tensor.scatter_add", &[flat.into(), places.into(), g.into()])?;
    t.reshape(&sums, like.shape())
}

/// `x[indices]`: ranges and masks name each element once and are written to; lists may name one several times.
pub(super) fn get(site: &Site<'_>, indices: &[Index]) -> Result<Var, TensorError> {
    let (t, x) = (site.algebra, site.var(0)?);
    if indices.iter().any(|index| matches!(index, Index::List(_))) {
        let places = t.get(&places(t, x.shape())?, indices)?;
        return give_back(t, site.g, &places, x);
    }
    t.set(&t.zeros_like(x)?, indices, site.g)
}

/// `x` with a part replaced: what was replaced counts no more.
pub(super) fn set(site: &Site<'_>, indices: &[Index]) -> Parts {
    let (t, g) = (site.algebra, site.g);
    let (x, value) = (site.var(0)?, site.var(1)?);
    let rest = if site.wants(0) { Some(t.fold_to(&t.set(g, indices, &Var::Plain(Arg::Int(0)))?, x)?) } else { None };
    let part = if site.wants(1) { Some(t.fold_to(&t.get(g, indices)?, value)?) } else { None };
    Ok(vec![rest, part])
}

/// An operation that moves the elements of its first argument.
fn moved(t: &Algebra<'_>, name: &'static str, a: &[Item]) -> Result<Item, TensorError> {
    let x = var(a, 0)?;
    let mut rest = a.to_vec();
    rest[0] = places(t, x.shape())?.into();
    take(t, x, &t.call(name, &rest)?).map(Item::Var)
}

/// A diagonal is taken out, or put into a matrix of zeros: there 0 stands for the zero before all elements.
fn diagonal(t: &Algebra<'_>, a: &[Item]) -> Result<Item, TensorError> {
    let x = var(a, 0)?;
    if x.rank() != 1 {
        return moved(t, "tensor.diag", a);
    }
    let mut rest = a.to_vec();
    rest[0] = t.add(&places(t, x.shape())?, &Var::Plain(Arg::Int(1)))?.into();
    let zero = match x.dtype() {
        Some(dtype) => t.zeros(&[1], dtype)?,
        None => return Err(TensorError::argument("x", "must be a tensor")),
    };
    take(t, &join(t, vec![zero, x.clone()], 0)?, &t.call("tensor.diag", &rest)?).map(Item::Var)
}

fn triangle(t: &Algebra<'_>, name: &'static str, a: &[Item]) -> Result<Item, TensorError> {
    let x = var(a, 0)?;
    let ones = t.call("tensor.ones", &[sizes(x.shape()), Item::Other(Arg::Str("bool".into()))])?;
    let mut rest = a.to_vec();
    rest[0] = ones.into();
    t.select(&t.call(name, &rest)?, x, &Var::Plain(Arg::Int(0))).map(Item::Var)
}

fn plain(a: &[Item]) -> Vec<Arg> {
    a.iter().map(Item::plain).collect()
}

fn slice(t: &Algebra<'_>, a: &[Item]) -> Result<Item, TensorError> {
    let (x, plain) = (var(a, 0)?, plain(a));
    let axis = args::axis(&plain, 1, "axis", 0, x.rank())?;
    let optional = |i, name| -> Result<Option<i64>, TensorError> {
        if matches!(args::at(&plain, i), Arg::None) { Ok(None) } else { args::int(&plain, i, name).map(Some) }
    };
    let range = Index::Range { start: optional(2, "start")?, end: optional(3, "stop")?, step: optional(4, "step")? };
    let indices: Vec<Index> = (0..axis).map(|_| Index::All).chain([range]).collect();
    t.get(x, &indices).map(Item::Var)
}

fn gather(t: &Algebra<'_>, a: &[Item]) -> Result<Item, TensorError> {
    let (x, plain) = (var(a, 0)?, plain(a));
    let list = args::tensor(t.context(), &plain, 1, "indices")?;
    let axis = args::axis(&plain, 2, "axis", 0, x.rank())?;
    let indices: Vec<Index> = (0..axis).map(|_| Index::All).chain([Index::List(list)]).collect();
    t.get(x, &indices).map(Item::Var)
}

/// The pieces as the operation itself cuts them, each taken out of `x`.
fn split(t: &Algebra<'_>, a: &[Item]) -> Result<Item, TensorError> {
    let (x, plain) = (var(a, 0)?, plain(a));
    let axis = args::axis(&plain, 2, "axis", 0, x.rank())?;
    let op = crate::find("tensor.split").ok_or_else(|| TensorError::argument("x", "cannot be split"))?;
    let Arg::List(pieces) = (op.run)(t.context(), &plain)? else {
        return Err(TensorError::argument("x", "cannot be split"));
    };
    let mut start = 0;
    let mut taken = Vec::with_capacity(pieces.len());
    for part in pieces {
        let size = if let Arg::Tensor(part) = &part { part.shape()[axis] } else { 0 };
        taken.push(Item::Var(piece(t, x, axis, start, start + size)?));
        start += size;
    }
    Ok(Item::List(taken))
}

fn concat(site: &Site<'_>) -> Parts {
    let Some(Item::List(items)) = site.args.first() else {
        return Err(TensorError::argument("tensors", "must be a list of tensors"));
    };
    let axis = args::axis(&site.plain(), 1, "axis", 0, site.g.rank())?;
    let mut start = 0;
    let mut parts = Vec::new();
    for (i, item) in items.iter().enumerate() {
        let Item::Var(x) = item else { return Err(TensorError::argument("tensors", "must hold tensors")) };
        let end = start + x.shape().get(axis).copied().unwrap_or(1);
        parts.push(if site.wants(i) {
            Some(site.algebra.fold_to(&piece(site.algebra, site.g, axis, start, end)?, x)?)
        } else {
            None
        });
        start = end;
    }
    parts.push(None);
    Ok(parts)
}

fn stack(t: &Algebra<'_>, a: &[Item]) -> Result<Item, TensorError> {
    let Some(Item::List(items)) = a.first() else {
        return Err(TensorError::argument("tensors", "must be a list of tensors"));
    };
    let first = match items.first() {
        Some(Item::Var(x)) => x.clone(),
        _ => return Err(TensorError::argument("tensors", "must hold at least one tensor")),
    };
    let axis = args::axis(&plain(a), 1, "axis", 0, first.rank() + 1)?;
    let mut shape = first.shape().to_vec();
    shape.insert(axis, 1);
    let mut parts = Vec::with_capacity(items.len());
    for item in items {
        let Item::Var(x) = item else { return Err(TensorError::argument("tensors", "must hold tensors")) };
        if x.shape() != first.shape() {
            return Err(TensorError::shapes(first.shape(), x.shape(), "cannot be stacked: they must be equal"));
        }
        parts.push(t.reshape(x, &shape)?);
    }
    join(t, parts, axis).map(Item::Var)
}

fn pad(t: &Algebra<'_>, a: &[Item]) -> Result<Item, TensorError> {
    let x = var(a, 0)?;
    let mut plain_args = plain(a);
    // Element 0 is the margin, the others follow it.
    plain_args[0] = t.add(&places(t, x.shape())?, &Var::Plain(Arg::Int(1)))?.plain().clone();
    if let Some(value) = plain_args.get_mut(2) {
        *value = Arg::Int(0);
    }
    let op = crate::find("tensor.pad").ok_or_else(|| TensorError::argument("x", "cannot be padded"))?;
    let Arg::Tensor(places) = (op.run)(t.context(), &plain_args)? else {
        return Err(TensorError::argument("x", "must be a tensor"));
    };
    let margin = match a.get(2) {
        Some(Item::Var(value)) => value.clone(),
        _ => Var::scalar(0.0),
    };
    let margin = t.cast(&t.broadcast_to(&margin, &[1])?, x.dtype().unwrap_or(DType::F32))?;
    let all = join(t, vec![margin, t.reshape(x, &[x.count()])?], 0)?;
    take(t, &all, &Var::Plain(Arg::Tensor(places))).map(Item::Var)
}

fn scatter(t: &Algebra<'_>, a: &[Item]) -> Result<Item, TensorError> {
    let (x, values, plain) = (var(a, 0)?, var(a, 2)?, plain(a));
    let list = args::tensor(t.context(), &plain, 1, "indices")?;
    let axis = args::axis(&plain, 3, "axis", 0, x.rank())?;
    let indices: Vec<Index> = (0..axis).map(|_| Index::All).chain([Index::List(list)]).collect();
    // Of a place that is given twice the last value stays: the others must not get its gradient.
    let numbers = t.get(&places(t, x.shape())?, &indices)?;
    let Arg::Tensor(numbers) = numbers.plain() else { return Err(TensorError::argument("x", "must be a tensor")) };
    let flat = numbers.to_f64s(t.context())?;
    let mut sorted = flat.clone();
    sorted.sort_by(f64::total_cmp);
    if sorted.windows(2).any(|pair| pair[0] == pair[1]) {
        let problem = "name a place twice, where the gradient is not defined; `tensor.scatter_add` adds them up";
        return Err(TensorError::argument("indices", problem));
    }
    t.set(x, &indices, values).map(Item::Var)
}

fn scatter_add(site: &Site<'_>) -> Parts {
    let (t, plain) = (site.algebra, site.plain());
    let (x, values) = (site.var(0)?, site.var(2)?);
    let list: Tensor = args::tensor(t.context(), &plain, 1, "indices")?;
    let axis = args::axis(&plain, 3, "axis", 0, x.rank())?;
    let indices: Vec<Index> = (0..axis).map(|_| Index::All).chain([Index::List(list)]).collect();
    let part = if site.wants(2) { Some(t.fold_to(&t.get(site.g, &indices)?, values)?) } else { None };
    Ok(vec![site.wants(0).then(|| site.g.clone()), None, part, None])
}

/// The numbers of the elements that `positions` along `axis` name.
fn along(t: &Algebra<'_>, x: &Var, positions: &Var, axis: usize) -> Result<Var, TensorError> {
    let stride: usize = x.shape()[axis + 1..].iter().product();
    let first = piece(t, &places(t, x.shape())?, axis, 0, 1)?;
    t.add(&first, &t.mul(positions, &Var::Plain(Arg::Int(stride as i64)))?)
}

fn sort(t: &Algebra<'_>, a: &[Item]) -> Result<Item, TensorError> {
    let x = var(a, 0)?;
    let axis = args::axis(&plain(a), 1, "axis", -1, x.rank())?;
    let order = t.call("tensor.argsort", a)?;
    if x.count() == 0 {
        return Ok(x.clone().into());
    }
    take(t, x, &along(t, x, &order, axis)?).map(Item::Var)
}

fn top_k(t: &Algebra<'_>, a: &[Item]) -> Result<Item, TensorError> {
    let x = var(a, 0)?;
    let axis = args::axis(&plain(a), 2, "axis", -1, x.rank())?;
    let op = crate::find("tensor.topk").ok_or_else(|| TensorError::argument("x", "has no largest entries"))?;
    let plain_result = Item::from((op.run)(t.context(), &plain(a))?);
    let Item::Record(fields) = plain_result else {
        return Err(TensorError::argument("x", "has no largest entries"));
    };
    let Some((_, Item::Var(indices))) = fields.into_iter().find(|(name, _)| &**name == "indices") else {
        return Err(TensorError::argument("x", "has no largest entries"));
    };
    let values = take(t, x, &along(t, x, &indices, axis)?)?;
    Ok(Item::Record(vec![("values".into(), values.into()), ("indices".into(), indices.into())]))
}

fn item(t: &Algebra<'_>, a: &[Item]) -> Result<Item, TensorError> {
    let x = var(a, 0)?;
    if x.count() != 1 {
        return Err(TensorError::shape(x.shape(), "has no single element"));
    }
    t.number(x).map(Item::Var)
}

/// Nested lists of numbers that may be traced: each level is stacked.
fn from_list(t: &Algebra<'_>, a: &[Item]) -> Result<Item, TensorError> {
    fn level(t: &Algebra<'_>, item: &Item) -> Result<Var, TensorError> {
        match item {
            Item::Var(x) if x.is_number() => t.call("tensor.reshape", &[x.clone().into(), sizes(&[])]),
            Item::Var(x) => Ok(x.clone()),
            Item::List(items) => {
                let rows: Vec<Item> =
                    items.iter().map(|item| level(t, item).map(Item::Var)).collect::<Result<_, _>>()?;
                t.call("tensor.stack", &[Item::List(rows)])
            }
            _ => Err(TensorError::argument("data", "must hold numbers")),
        }
    }
    let stacked = level(t, a.first().unwrap_or(&Item::Other(Arg::None)))?;
    match a.get(1) {
        Some(Item::Other(Arg::Str(name))) => {
            t.call("tensor.cast", &[stacked.into(), Item::Other(Arg::Str(Arc::clone(name)))]).map(Item::Var)
        }
        _ => Ok(stacked.into()),
    }
}
