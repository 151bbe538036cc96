//! Operations that see the same elements under another shape.

use super::infer::{self, Dims, Inferred, Ints, typed};
use super::{args, params};
use crate::op::{Arg, ArgType, Dim, OpDef};
use crate::shape::{Shape, check_rank, normalize_axes, normalize_axis};
use crate::{Context, Tensor, TensorError};
use smallvec::SmallVec;

pub(super) const OPS: &[OpDef] = &[
    OpDef {
        name: "tensor.reshape",
        params: params!(x: Tensor, shape: Shape),
        doc: "The same elements in row-major order under another shape. One size may be -1: what is left over.",
        example: "tensor.reshape(tensor.arange(6), [2, -1])",
        infer: infer_reshape,
        run: |ctx, a| {
            let x = args::tensor(ctx, a, 0, "x")?;
            let sizes = args::ints(a, 1, "shape")?.unwrap_or_default();
            let shape = reshaped(&sizes, x.len(), x.shape())?;
            reshape_to(ctx, x, &shape)
        },
    },
    OpDef {
        name: "tensor.flatten",
        params: params!(x: Tensor),
        doc: "All elements in row-major order along one axis.",
        example: "tensor.flatten(tensor.eye(2))",
        infer: |a| {
            let ty = infer::tensor(a, 0, "x")?;
            let count = ty.shape.as_deref().and_then(infer::elements);
            Ok(typed(ty.dtype, Some(vec![count.map_or(Dim::Unknown, Dim::Known)])))
        },
        run: |ctx, a| {
            let x = args::tensor(ctx, a, 0, "x")?;
            let count = [x.len()];
            reshape_to(ctx, x, &count)
        },
    },
    OpDef {
        name: "tensor.transpose",
        params: params!(x: Tensor, axes: Ints = "none"),
        doc: "The axes in the order given, else in reverse; a matrix is mirrored at its diagonal.",
        example: "tensor.transpose(tensor.reshape(tensor.arange(6), [2, 3]))",
        infer: infer_permute,
        run: permute,
    },
    OpDef {
        name: "tensor.permute",
        params: params!(x: Tensor, axes: Ints),
        doc: "The axes in the order given.",
        example: "tensor.permute(tensor.zeros([2, 3, 4]), [2, 0, 1])",
        infer: infer_permute,
        run: permute,
    },
    OpDef {
        name: "tensor.broadcast_to",
        params: params!(x: Tensor, shape: Shape),
        doc: "The tensor repeated along axes of size 1, and along new leading axes, to the shape given.",
        example: "tensor.broadcast_to(tensor.arange(3), [2, 3])",
        infer: |a| {
            let ty = infer::tensor(a, 0, "x")?;
            let target = infer::shape(a, 1, "shape")?;
            infer::broadcast(ty.shape.as_ref(), target.as_ref())?;
            Ok(typed(ty.dtype, target))
        },
        run: |ctx, a| {
            let x = args::tensor(ctx, a, 0, "x")?;
            let shape = args::shape(a, 1, "shape")?;
            ctx.measure(x.dtype(), &shape)?;
            if let Some(gpu) = x.as_gpu()
                && let Some(spread) = gpu.broadcast_to(ctx, &shape)?
            {
                return Ok(Arg::Tensor(Tensor::on_gpu(spread)));
            }
            args::done(ctx, x.into_host()?.broadcast_to(&shape)?)
        },
    },
    OpDef {
        name: "tensor.expand_dims",
        params: params!(x: Tensor, axis: Int),
        doc: "A new axis of size 1 before the axis given; -1 puts it last.",
        example: "tensor.expand_dims(tensor.arange(3), 0)",
        infer: |a| {
            let ty = infer::tensor(a, 0, "x")?;
            let Some(mut shape) = ty.shape else { return Ok(typed(ty.dtype, None)) };
            let axis = infer::axis(infer::int(a, 1, "axis")?, Some(shape.len() + 1))?;
            Ok(typed(
                ty.dtype,
                axis.map(|axis| {
                    shape.insert(axis, Dim::Known(1));
                    shape
                }),
            ))
        },
        run: |ctx, a| {
            let x = args::tensor(ctx, a, 0, "x")?;
            let axis = normalize_axis(args::int(a, 1, "axis")?, x.rank() + 1)?;
            let mut shape = Shape::from_slice(x.shape());
            shape.insert(axis, 1);
            check_rank(&shape)?;
            reshape_to(ctx, x, &shape)
        },
    },
    OpDef {
        name: "tensor.squeeze",
        params: params!(x: Tensor, axis: Ints = "none"),
        doc: "Without the axes of size 1, or without those given, which must have size 1.",
        example: "tensor.squeeze(tensor.zeros([1, 3, 1]))",
        infer: infer_squeeze,
        run: squeeze,
    },
];

/// The shape that `sizes` mean for `count` elements, with -1 for what is left over.
fn reshaped(sizes: &[i64], count: usize, from: &[usize]) -> Result<Shape, TensorError> {
    let wrong = || TensorError::Shapes {
        left: format!("{from:?}"),
        right: format!("{sizes:?}"),
        problem: "have different numbers of elements",
    };
    let known = sizes.iter().filter(|&&size| size != -1);
    let product = known.clone().try_fold(1usize, |n, &size| {
        let size = usize::try_from(size).map_err(|_| {
            TensorError::argument("shape", format!("must not be negative but for one -1, holds {size}"))
        })?;
        n.checked_mul(size).ok_or_else(wrong)
    })?;
    let rest = match sizes.len() - known.count() {
        0 if product == count => 0,
        1 if product > 0 && count.is_multiple_of(product) => count / product,
        0 | 1 => return Err(wrong()),
        _ => return Err(TensorError::argument("shape", "may hold -1 once only")),
    };
    let shape: Shape = sizes.iter().map(|&size| if size == -1 { rest } else { size as usize }).collect();
    check_rank(&shape)?;
    Ok(shape)
}

fn infer_reshape(a: &[ArgType]) -> Inferred {
    let ty = infer::tensor(a, 0, "x")?;
    let Ints::Items(sizes) = infer::ints(a, 1, "shape")? else { return Ok(typed(ty.dtype, None)) };
    let count = ty.shape.as_deref().and_then(infer::elements);
    let known: Option<Vec<i64>> = sizes.iter().copied().collect();
    if let (Some(count), Some(sizes)) = (count, known) {
        let from: Vec<usize> =
            ty.shape.iter().flatten().filter_map(|d| if let Dim::Known(n) = d { Some(*n) } else { None }).collect();
        let shape = reshaped(&sizes, count, &from)?;
        return Ok(typed(ty.dtype, Some(shape.into_iter().map(Dim::Known).collect())));
    }
    let dims: Result<Dims, _> = sizes
        .into_iter()
        .map(|size| if size == Some(-1) { Ok(Dim::Unknown) } else { infer::size(size, "shape") })
        .collect();
    Ok(typed(ty.dtype, Some(dims?)))
}

/// Every axis once, in the order given or in reverse.
fn axis_order(axes: Option<&[i64]>, rank: usize) -> Result<SmallVec<[usize; 4]>, TensorError> {
    let Some(axes) = axes else { return Ok((0..rank).rev().collect()) };
    if normalize_axes(axes, rank)?.len() != rank {
        return Err(TensorError::argument("axes", format!("must name each of the {rank} axes once")));
    }
    axes.iter().map(|&axis| normalize_axis(axis, rank)).collect()
}

fn permute(ctx: &Context, a: &[Arg]) -> Result<Arg, TensorError> {
    let x = args::tensor(ctx, a, 0, "x")?;
    let order = axis_order(args::ints(a, 1, "axes")?.as_deref(), x.rank())?;
    match x.as_gpu() {
        Some(gpu) => Ok(Arg::Tensor(Tensor::on_gpu(gpu.permuted(ctx, &order)?))),
        None => args::done(ctx, x.into_host()?.permuted(&order)),
    }
}

fn infer_permute(a: &[ArgType]) -> Inferred {
    let ty = infer::tensor(a, 0, "x")?;
    let axes = infer::ints(a, 1, "axes")?;
    let Some(dims) = ty.shape else { return Ok(typed(ty.dtype, None)) };
    let order = match (&axes, axes.known()) {
        (Ints::Absent, _) => axis_order(None, dims.len())?,
        (_, Some(list)) => axis_order(Some(&list), dims.len())?,
        (_, None) => return Ok(typed(ty.dtype, Some(vec![Dim::Unknown; dims.len()]))),
    };
    Ok(typed(ty.dtype, Some(order.into_iter().map(|axis| dims[axis].clone()).collect())))
}

fn infer_squeeze(a: &[ArgType]) -> Inferred {
    let ty = infer::tensor(a, 0, "x")?;
    let Some(dims) = ty.shape else { return Ok(typed(ty.dtype, None)) };
    let axes = infer::ints(a, 1, "axis")?;
    let gone = match (&axes, axes.known()) {
        (Ints::Absent, _) if dims.iter().all(|d| matches!(d, Dim::Known(_))) => {
            (0..dims.len()).filter(|&i| dims[i] == Dim::Known(1)).collect()
        }
        (Ints::Absent, _) | (_, None) => return Ok(typed(ty.dtype, None)),
        (_, Some(list)) => normalize_axes(&list, dims.len())?,
    };
    for &axis in &gone {
        if let Dim::Known(size) = dims[axis]
            && size != 1
        {
            return Err(not_one(axis, size));
        }
    }
    let left = dims.into_iter().enumerate().filter(|(axis, _)| !gone.contains(axis));
    Ok(typed(ty.dtype, Some(left.map(|(_, dim)| dim).collect())))
}

fn not_one(axis: usize, size: usize) -> TensorError {
    TensorError::argument("axis", format!("{axis} has size {size}; only axes of size 1 can go"))
}

fn squeeze(ctx: &Context, a: &[Arg]) -> Result<Arg, TensorError> {
    let x = args::tensor(ctx, a, 0, "x")?;
    let gone = match args::ints(a, 1, "axis")? {
        None => (0..x.rank()).filter(|&axis| x.shape()[axis] == 1).collect(),
        Some(list) => normalize_axes(&list, x.rank())?,
    };
    if let Some(&axis) = gone.iter().find(|&&axis| x.shape()[axis] != 1) {
        return Err(not_one(axis, x.shape()[axis]));
    }
    let left = x.shape().iter().enumerate().filter(|(axis, _)| !gone.contains(axis));
    let shape: Shape = left.map(|(_, &size)| size).collect();
    reshape_to(ctx, x, &shape)
}

/// The same elements under another shape with as many, where they are.
fn reshape_to(ctx: &Context, x: Tensor, shape: &[usize]) -> Result<Arg, TensorError> {
    match x.as_gpu() {
        Some(gpu) => Ok(Arg::Tensor(Tensor::on_gpu(gpu.reshaped(ctx, shape)?))),
        None => args::done(ctx, x.into_host()?.reshaped(ctx, shape)?),
    }
}
