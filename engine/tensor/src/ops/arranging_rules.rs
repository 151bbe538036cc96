//! How the operations of `arranging` infer and run; the table itself is there.

use nexus_model::DType;

use super::args;
use super::infer::{self, Inferred, Ints, typed};
use crate::gpu::GpuTensor;
use crate::host::copy::concat;
use crate::host::elementwise::cast;
use crate::host::order;
use crate::op::{Arg, ArgType, Dim, TensorType};
use crate::promotion::promote;
use crate::shape::{Shape, check_rank};
use crate::{Context, Tensor, TensorError};

/// Tensors of equal ranks one behind the other along `axis`, in the dtype in which they meet.
pub(super) fn join(ctx: &Context, tensors: &[Tensor], axis: usize) -> Result<Tensor, TensorError> {
    let first = &tensors[0];
    let dtype = tensors.iter().map(Tensor::dtype).fold(first.dtype(), promote);
    for tensor in tensors {
        let (a, b) = (first.shape(), tensor.shape());
        if a.len() != b.len() || (0..a.len()).any(|i| i != axis && a[i] != b[i]) {
            return Err(TensorError::shapes(a, b, "cannot be joined: all sizes but the joined axis must be equal"));
        }
    }
    put_together(ctx, tensors, dtype, axis)
}

/// Tensors that fit, cast to `dtype`, one behind the other: on the graphics processor where all of them are there.
fn put_together(ctx: &Context, tensors: &[Tensor], dtype: DType, axis: usize) -> Result<Tensor, TensorError> {
    let there = |tensor: &Tensor| match tensor.as_gpu() {
        Some(gpu) => gpu.clone().cast(ctx, dtype),
        None => Ok(None),
    };
    let parts = tensors.iter().map_while(|tensor| there(tensor).transpose()).collect::<Result<Vec<_>, _>>()?;
    if parts.len() == tensors.len()
        && let Some(joined) = GpuTensor::concat(ctx, parts, axis)?
    {
        return Ok(Tensor::on_gpu(joined));
    }
    let parts: Vec<_> = tensors.iter().map(|t| cast(ctx, &t.to_host()?, dtype)).collect::<Result<_, _>>()?;
    Tensor::place(ctx, concat(ctx, &parts, axis)?)
}

/// The types in a list of tensors, where their number is known.
fn listed(a: &[ArgType], i: usize) -> Result<Option<Vec<TensorType>>, TensorError> {
    match infer::at(a, i) {
        ArgType::List(items) if items.is_empty() => {
            Err(TensorError::argument("tensors", "must hold at least one tensor"))
        }
        ArgType::List(items) => {
            (0..items.len()).map(|k| infer::tensor(items, k, "tensors")).collect::<Result<_, _>>().map(Some)
        }
        ArgType::ListOf(_) | ArgType::Unknown => Ok(None),
        _ => Err(TensorError::argument("tensors", "must be a list of tensors")),
    }
}

fn common_dtype(list: &[TensorType]) -> Option<DType> {
    list.iter().map(|t| t.dtype).reduce(|a, b| Some(promote(a?, b?))).flatten()
}

pub(super) fn infer_concat(a: &[ArgType]) -> Inferred {
    let axis = infer::int_or(a, 1, "axis", 0)?;
    let Some(list) = listed(a, 0)? else { return Ok(typed(None, None)) };
    let dtype = common_dtype(&list);
    let shapes: Option<Vec<_>> = list.into_iter().map(|t| t.shape).collect();
    let Some(shapes) = shapes else { return Ok(typed(dtype, None)) };
    let Some(axis) = infer::axis(axis, Some(shapes[0].len()))? else { return Ok(typed(dtype, None)) };
    let mut out = shapes[0].clone();
    for dims in &shapes[1..] {
        let differ = |i: usize| matches!((&out[i], &dims[i]), (Dim::Known(a), Dim::Known(b)) if a != b);
        if dims.len() != out.len() || (0..out.len()).any(|i| i != axis && differ(i)) {
            return Err(TensorError::Shapes {
                left: infer::written(&shapes[0]),
                right: infer::written(dims),
                problem: "cannot be joined: all sizes but the joined axis must be equal",
            });
        }
        for (i, dim) in out.iter_mut().enumerate() {
            *dim = match (&*dim, &dims[i]) {
                (Dim::Known(a), Dim::Known(b)) if i == axis => Dim::Known(a + b),
                _ if i == axis => Dim::Unknown,
                (Dim::Unknown, other) => other.clone(),
                (mine, _) => mine.clone(),
            };
        }
    }
    Ok(typed(dtype, Some(out)))
}

pub(super) fn infer_stack(a: &[ArgType]) -> Inferred {
    let axis = infer::int_or(a, 1, "axis", 0)?;
    let Some(list) = listed(a, 0)? else { return Ok(typed(None, None)) };
    let (dtype, count) = (common_dtype(&list), list.len());
    let Some(mut shape) = list.into_iter().next().and_then(|t| t.shape) else { return Ok(typed(dtype, None)) };
    let Some(axis) = infer::axis(axis, Some(shape.len() + 1))? else { return Ok(typed(dtype, None)) };
    shape.insert(axis, Dim::Known(count));
    Ok(typed(dtype, Some(shape)))
}

pub(super) fn stack(ctx: &Context, a: &[Arg]) -> Result<Arg, TensorError> {
    let tensors = args::tensors(ctx, a, 0, "tensors")?;
    let axis = args::axis(a, 1, "axis", 0, tensors[0].rank() + 1)?;
    let dtype = tensors.iter().map(Tensor::dtype).fold(tensors[0].dtype(), promote);
    let mut shape: Shape = tensors[0].shape().into();
    shape.insert(axis, 1);
    check_rank(&shape)?;
    let mut parts = Vec::with_capacity(tensors.len());
    for tensor in &tensors {
        if tensor.shape() != tensors[0].shape() {
            return Err(TensorError::shapes(
                tensors[0].shape(),
                tensor.shape(),
                "cannot be stacked: they must be equal",
            ));
        }
        parts.push(match tensor.as_gpu() {
            Some(gpu) => Tensor::on_gpu(gpu.reshaped(ctx, &shape)?),
            None => Tensor::on_host(tensor.to_host()?.reshaped(ctx, &shape)?),
        });
    }
    put_together(ctx, &parts, dtype, axis).map(Arg::Tensor)
}

/// What a part takes at least: its place and its tensor.
const PART_BYTES: usize = 256;
/// Parts that are made between two looks at whether to stop.
const PARTS_AT_ONCE: usize = 1024;

pub(super) fn split(ctx: &Context, a: &[Arg]) -> Result<Arg, TensorError> {
    let x = args::host(ctx, a, 0, "x")?;
    let axis = args::axis(a, 2, "axis", 0, x.rank())?;
    let size = x.shape[axis];
    let mut cuts: Vec<usize> = match args::at(a, 1) {
        Arg::List(_) => {
            let positions = args::ints(a, 1, "parts")?.unwrap_or_default();
            positions
                .iter()
                .map(|&p| crate::index::resolve_range(None, Some(p), None, size).map(|r| r.2))
                .collect::<Result<_, _>>()?
        }
        _ => {
            let parts = args::count(a, 1, "parts")?;
            if parts == 0 || !size.is_multiple_of(parts) {
                return Err(TensorError::argument("parts", format!("{parts} does not divide {size} evenly")));
            }
            // Nothing can be split into any number of parts.
            let _room = ctx.room(parts, PART_BYTES)?;
            (1..parts).map(|i| i * (size / parts)).collect()
        }
    };
    let _room = ctx.room(cuts.len(), PART_BYTES)?;
    cuts.push(size);
    let mut start = 0;
    let mut pieces = Vec::with_capacity(cuts.len());
    for (i, end) in cuts.into_iter().enumerate() {
        if i % PARTS_AT_ONCE == 0 {
            ctx.poll()?;
        }
        let piece = x.narrowed(axis, start.min(size), 1, end.saturating_sub(start));
        pieces.push(args::done(ctx, piece)?);
        start = end;
    }
    Ok(Arg::List(pieces))
}

pub(super) fn infer_gather(a: &[ArgType]) -> Inferred {
    let ty = infer::tensor(a, 0, "x")?;
    let list = infer::tensor(a, 1, "indices")?;
    let axis = infer::axis(infer::int_or(a, 2, "axis", 0)?, ty.shape.as_ref().map(Vec::len))?;
    let shape = match (ty.shape, list.shape, axis) {
        (Some(mut dims), Some(list), Some(axis)) => {
            dims.splice(axis..=axis, list);
            Some(dims)
        }
        _ => None,
    };
    Ok(typed(ty.dtype, shape))
}

/// The shape stays; argument 1 names axes.
pub(super) fn infer_same_with_axes(a: &[ArgType]) -> Inferred {
    let ty = infer::tensor(a, 0, "x")?;
    infer::reduced(ty.shape.as_ref(), &infer::ints(a, 1, "axis")?, Some(true))?;
    Ok(typed(ty.dtype, ty.shape))
}

/// The shape stays; argument `i` names one axis or none.
pub(super) fn infer_axis_kept(a: &[ArgType], i: usize) -> Inferred {
    let ty = infer::tensor(a, 0, "x")?;
    if !matches!(infer::at(a, i), ArgType::None) {
        infer::axis(infer::int(a, i, "axis")?, ty.shape.as_ref().map(Vec::len))?;
    }
    Ok(typed(ty.dtype, ty.shape))
}

/// The shape stays; argument 1 names one axis, the last where it was left out.
pub(super) fn infer_order(a: &[ArgType], dtype: Option<DType>) -> Inferred {
    let ty = infer::tensor(a, 0, "x")?;
    infer::axis(infer::int_or(a, 1, "axis", -1)?, ty.shape.as_ref().map(Vec::len))?;
    Ok(typed(dtype.or(ty.dtype), ty.shape))
}

pub(super) fn roll(ctx: &Context, a: &[Arg]) -> Result<Arg, TensorError> {
    let x = args::host(ctx, a, 0, "x")?;
    let shift = args::int(a, 1, "shift")?;
    let flat = matches!(args::at(a, 2), Arg::None);
    let work = if flat { x.reshaped(ctx, &[x.len()])? } else { x.clone() };
    let axis = args::axis(a, 2, "axis", 0, work.rank())?;
    let size = work.shape[axis];
    if size == 0 {
        return args::done(ctx, x);
    }
    let shift = shift.rem_euclid(size as i64) as usize;
    let parts = [work.narrowed(axis, size - shift, 1, shift), work.narrowed(axis, 0, 1, size - shift)];
    args::done(ctx, concat(ctx, &parts, axis)?.reshaped(ctx, &x.shape)?)
}

/// The size of an axis that grows by a factor.
fn scaled(dim: &Dim, factor: Option<i64>) -> Dim {
    match (dim, factor) {
        (Dim::Known(n), Some(k)) => {
            usize::try_from(k).ok().and_then(|k| n.checked_mul(k)).map_or(Dim::Unknown, Dim::Known)
        }
        _ => Dim::Unknown,
    }
}

pub(super) fn infer_repeat(a: &[ArgType]) -> Inferred {
    let ty = infer::tensor(a, 0, "x")?;
    let times = infer::int(a, 1, "repeats")?;
    infer::size(times, "repeats")?;
    let shape = match (infer::at(a, 2), ty.shape) {
        (ArgType::None, dims) => {
            let count = dims.as_deref().and_then(infer::elements).map_or(Dim::Unknown, Dim::Known);
            Some(vec![scaled(&count, times)])
        }
        (_, Some(mut dims)) => infer::axis(infer::int(a, 2, "axis")?, Some(dims.len()))?.map(|axis| {
            dims[axis] = scaled(&dims[axis], times);
            dims
        }),
        _ => None,
    };
    Ok(typed(ty.dtype, shape))
}

pub(super) fn repeat(ctx: &Context, a: &[Arg]) -> Result<Arg, TensorError> {
    let mut x = args::host(ctx, a, 0, "x")?;
    let times = args::count(a, 1, "repeats")?;
    if matches!(args::at(a, 2), Arg::None) {
        x = x.reshaped(ctx, &[x.len()])?;
    }
    let axis = args::axis(a, 2, "axis", 0, x.rank())?;
    // A new axis behind, repeated, and merged.
    let mut spread = x.shape.clone();
    spread.insert(axis + 1, 1);
    check_rank(&spread)?;
    let view = x.reshaped(ctx, &spread)?;
    spread[axis + 1] = times;
    ctx.measure(x.dtype, &spread)?;
    let mut shape = x.shape.clone();
    shape[axis] = shape[axis]
        .checked_mul(times)
        .ok_or_else(|| TensorError::argument("repeats", format!("is {times}, more than an axis can have entries")))?;
    ctx.measure(x.dtype, &shape)?;
    args::done(ctx, view.broadcast_to(&spread)?.reshaped(ctx, &shape)?)
}

pub(super) fn infer_tile(a: &[ArgType]) -> Inferred {
    let ty = infer::tensor(a, 0, "x")?;
    let (Some(dims), Ints::Items(reps)) = (ty.shape, infer::ints(a, 1, "reps")?) else {
        return Ok(typed(ty.dtype, None));
    };
    let rank = dims.len().max(reps.len());
    let dim = |i: usize| (i + dims.len()).checked_sub(rank).map_or(Dim::Known(1), |i| dims[i].clone());
    let rep = |i: usize| (i + reps.len()).checked_sub(rank).map_or(Some(1), |i| reps[i]);
    for &rep in &reps {
        infer::size(rep, "reps")?;
    }
    Ok(typed(ty.dtype, Some((0..rank).map(|i| scaled(&dim(i), rep(i))).collect())))
}

pub(super) fn tile(ctx: &Context, a: &[Arg]) -> Result<Arg, TensorError> {
    let x = args::host(ctx, a, 0, "x")?;
    let reps = args::ints(a, 1, "reps")?.unwrap_or_default();
    let rank = x.rank().max(reps.len());
    let size = |i: usize| (i + x.rank()).checked_sub(rank).map_or(1, |i| x.shape[i]);
    let mut view = Shape::new();
    let mut spread = Shape::new();
    let mut shape = Shape::new();
    for i in 0..rank {
        let times = (i + reps.len()).checked_sub(rank).map_or(1, |i| reps[i]);
        let times = usize::try_from(times)
            .map_err(|_| TensorError::argument("reps", format!("must not be negative, holds {times}")))?;
        view.extend([1, size(i)]);
        spread.extend([times, size(i)]);
        shape.push(times.saturating_mul(size(i)));
    }
    check_rank(&spread)?;
    ctx.measure(x.dtype, &shape)?;
    args::done(ctx, x.reshaped(ctx, &view)?.broadcast_to(&spread)?.reshaped(ctx, &shape)?)
}

pub(super) fn top_k(ctx: &Context, a: &[Arg]) -> Result<Arg, TensorError> {
    let x = args::host(ctx, a, 0, "x")?;
    let k = args::count(a, 1, "k")?;
    let axis = args::axis(a, 2, "axis", -1, x.rank())?;
    if k > x.shape[axis] {
        return Err(TensorError::argument("k", format!("is {k}, the axis has {} entries", x.shape[axis])));
    }
    let places = order::argsort(ctx, &x, axis, true)?.narrowed(axis, 0, 1, k);
    let values = order::sort(ctx, &x, axis, true)?.narrowed(axis, 0, 1, k);
    Ok(args::record([("values", args::done(ctx, values)?), ("indices", args::done(ctx, places)?)]))
}
