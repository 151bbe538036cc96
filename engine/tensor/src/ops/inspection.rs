//! Operations that say what a tensor is, or give its elements another dtype.

use nexus_model::DType;

use super::infer::{self, Inferred, typed};
use super::{args, params};
use crate::host::elementwise::cast;
use crate::op::{Arg, ArgType, Dim, OpDef};
use crate::{Context, Tensor, TensorError};

pub(super) const OPS: &[OpDef] = &[
    OpDef {
        name: "tensor.cast",
        params: params!(x: Tensor, dtype: DType),
        doc: "The elements in another dtype. Floats to ints truncate and saturate, NaN gives 0; ints wrap.",
        example: "tensor.cast(tensor.arange(3), \"f64\")",
        infer: infer_cast,
        run: run_cast,
    },
    OpDef {
        name: "tensor.astype",
        params: params!(x: Tensor, dtype: DType),
        doc: "The elements in another dtype; the same as tensor.cast, by NumPy's name.",
        example: "tensor.astype(tensor.arange(3), \"f64\")",
        infer: infer_cast,
        run: run_cast,
    },
    OpDef {
        name: "tensor.shape",
        params: params!(x: Tensor),
        doc: "The sizes of the axes, as a list of ints.",
        example: "tensor.shape(tensor.eye(2))",
        infer: |a| {
            let ty = infer::tensor(a, 0, "x")?;
            let size = |dim: &Dim| match dim {
                Dim::Known(n) => ArgType::Int(i64::try_from(*n).ok()),
                _ => ArgType::Int(None),
            };
            Ok(match ty.shape {
                Some(dims) => ArgType::List(dims.iter().map(size).collect()),
                None => ArgType::ListOf(Box::new(ArgType::Int(None))),
            })
        },
        run: |ctx, a| {
            let x = args::tensor(ctx, a, 0, "x")?;
            Ok(Arg::List(x.shape().iter().map(|&n| Arg::Int(n as i64)).collect()))
        },
    },
    OpDef {
        name: "tensor.size",
        params: params!(x: Tensor, axis: Int = "none"),
        doc: "The number of elements, or of entries along an axis.",
        example: "tensor.size(tensor.eye(2))",
        infer: |a| {
            let ty = infer::tensor(a, 0, "x")?;
            let known = match infer::at(a, 1) {
                ArgType::None => ty.shape.as_deref().and_then(infer::elements),
                _ => {
                    let axis = infer::axis(infer::int(a, 1, "axis")?, ty.shape.as_ref().map(Vec::len))?;
                    match ty.shape.zip(axis).map(|(dims, axis)| dims[axis].clone()) {
                        Some(Dim::Known(n)) => Some(n),
                        _ => None,
                    }
                }
            };
            Ok(ArgType::Int(known.and_then(|n| i64::try_from(n).ok())))
        },
        run: |ctx, a| {
            let x = args::tensor(ctx, a, 0, "x")?;
            let count = match args::at(a, 1) {
                Arg::None => x.len(),
                _ => x.shape()[args::axis(a, 1, "axis", 0, x.rank())?],
            };
            Ok(Arg::Int(count as i64))
        },
    },
    OpDef {
        name: "tensor.dtype",
        params: params!(x: Tensor),
        doc: "The name of the dtype.",
        example: "tensor.dtype(tensor.eye(2))",
        infer: |a| Ok(ArgType::Str(infer::tensor(a, 0, "x")?.dtype.map(|d| d.name().into()))),
        run: |ctx, a| Ok(Arg::Str(args::tensor(ctx, a, 0, "x")?.dtype().name().into())),
    },
    OpDef {
        name: "tensor.item",
        params: params!(x: Tensor),
        doc: "The element of a tensor with exactly one, as a number.",
        example: "tensor.item(tensor.sum(tensor.ones(3)))",
        infer: |a| {
            let ty = infer::tensor(a, 0, "x")?;
            Ok(match ty.dtype {
                Some(DType::Bool) => ArgType::Bool(None),
                Some(dtype) if dtype.is_int() => ArgType::Int(None),
                Some(_) => ArgType::Scalar(None),
                None => ArgType::Unknown,
            })
        },
        run: |ctx, a| args::tensor(ctx, a, 0, "x")?.item(),
    },
];

fn infer_cast(a: &[ArgType]) -> Inferred {
    Ok(typed(infer::dtype(a, 1, "dtype", None)?, infer::tensor(a, 0, "x")?.shape))
}

fn run_cast(ctx: &Context, a: &[Arg]) -> Result<Arg, TensorError> {
    let dtype = args::dtype(a, 1, "dtype")?
        .ok_or_else(|| TensorError::argument("dtype", "must be the name of a dtype, like \"f32\""))?;
    let x = args::tensor(ctx, a, 0, "x")?;
    if let Some(gpu) = x.as_gpu()
        && let Some(result) = gpu.clone().cast(ctx, dtype)?
    {
        return Ok(Arg::Tensor(Tensor::on_gpu(result)));
    }
    args::done(ctx, cast(ctx, &x.into_host()?, dtype)?)
}
