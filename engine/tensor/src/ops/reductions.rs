//! Operations that make one value of many: over all elements, or along axes.

use nexus_model::DType;

use super::infer::{self, Inferred, typed};
use super::{args, params};
use crate::dispatch::{apply_binary, apply_unary, unary_owned};
use crate::host::HostTensor;
use crate::host::elementwise::cast;
use crate::host::elementwise::select;
use crate::host::reduce::{ReduceOp, arg_extreme, reduce, reduced_shape};
use crate::host::scan::{ScanOp, scan};
use crate::op::{Arg, ArgType, OpDef};
use crate::promotion::{to_float, to_sum};
use crate::{BinaryOp, Context, Tensor, TensorError, UnaryOp};

macro_rules! reduction {
    ($name:literal, $op:ident, $doc:literal, $example:literal) => {
        OpDef {
            name: $name,
            params: params!(x: Tensor, axis: Ints = "none", keepdims: Bool = "false"),
            doc: $doc,
            example: $example,
            infer: |a| infer_reduction(a, |dtype| ReduceOp::$op.dtype(dtype)),
            run: |ctx, a| run_reduction(ctx, a, ReduceOp::$op),
        }
    };
}

macro_rules! running {
    ($name:literal, $op:ident, $doc:literal, $example:literal) => {
        OpDef {
            name: $name,
            params: params!(x: Tensor, axis: Int = "none"),
            doc: $doc,
            example: $example,
            infer: infer_scan,
            run: |ctx, a| {
                let mut x = args::host(ctx, a, 0, "x")?;
                let flat = matches!(args::at(a, 1), Arg::None);
                if flat {
                    let count = x.len();
                    x = x.reshaped(ctx, &[count])?;
                }
                let axis = args::axis(a, 1, "axis", 0, x.rank())?;
                args::done(ctx, scan(ctx, ScanOp::$op, &x, axis)?)
            },
        }
    };
}

macro_rules! position {
    ($name:literal, $largest:literal, $doc:literal, $example:literal) => {
        OpDef {
            name: $name,
            params: params!(x: Tensor, axis: Int = "none"),
            doc: $doc,
            example: $example,
            infer: |a| {
                let ty = infer::tensor(a, 0, "x")?;
                let axis = infer::ints(a, 1, "axis")?;
                Ok(typed(Some(DType::I64), infer::reduced(ty.shape.as_ref(), &axis, Some(false))?))
            },
            run: |ctx, a| run_position(ctx, a, $largest),
        }
    };
}

pub(super) const OPS: &[OpDef] = &[
    reduction!(
        "tensor.sum",
        Sum,
        "The sum of all elements, or along axes. Bools and narrow ints give i64; floats keep their dtype and are added \
         without losing digits. A sum of ints beyond 64 bits wraps around, as NumPy's does.",
        "tensor.sum(tensor.ones(2, 3), axis = 0)"
    ),
    reduction!(
        "tensor.mean",
        Mean,
        "The mean of all elements, or along axes; ints give f32. Of nothing it is NaN.",
        "tensor.mean(tensor.arange(5))"
    ),
    reduction!(
        "tensor.prod",
        Prod,
        "The product of all elements, or along axes. Of ints beyond 64 bits it wraps around, as NumPy's does.",
        "tensor.prod(tensor.arange(1, 6))"
    ),
    reduction!(
        "tensor.max",
        Max,
        "The largest element, or along axes; NaN where there is one.",
        "tensor.max(tensor.arange(5))"
    ),
    reduction!(
        "tensor.min",
        Min,
        "The smallest element, or along axes; NaN where there is one.",
        "tensor.min(tensor.arange(5))"
    ),
    reduction!("tensor.any", Any, "Whether any element is not zero.", "tensor.any(tensor.eye(2))"),
    reduction!("tensor.all", All, "Whether every element is not zero.", "tensor.all(tensor.eye(2))"),
    position!(
        "tensor.argmax",
        true,
        "The position of the largest element (the first of equals), in the flattened tensor or along an axis.",
        "tensor.argmax(tensor.arange(5))"
    ),
    position!(
        "tensor.argmin",
        false,
        "The position of the smallest element (the first of equals), in the flattened tensor or along an axis.",
        "tensor.argmin(tensor.arange(5))"
    ),
    OpDef {
        name: "tensor.var",
        params: params!(x: Tensor, axis: Ints = "none", ddof: Int = "0", keepdims: Bool = "false"),
        doc: "The variance: the mean square distance from the mean, divided by n - ddof.",
        example: "tensor.var(tensor.arange(5))",
        infer: infer_spread,
        run: |ctx, a| args::done(ctx, variance(ctx, a)?),
    },
    OpDef {
        name: "tensor.std",
        params: params!(x: Tensor, axis: Ints = "none", ddof: Int = "0", keepdims: Bool = "false"),
        doc: "The standard deviation: the square root of the variance.",
        example: "tensor.std(tensor.arange(5))",
        infer: infer_spread,
        run: |ctx, a| unary_owned(ctx, UnaryOp::Sqrt, args::done(ctx, variance(ctx, a)?)?),
    },
    OpDef {
        name: "tensor.norm",
        params: params!(x: Tensor, axis: Ints = "none", keepdims: Bool = "false"),
        doc: "The Euclidean norm of all elements, or along axes. Other norms are in linalg.norm.",
        example: "tensor.norm(tensor.from_list([3.0, 4.0]))",
        infer: |a| infer_reduction(a, to_float),
        run: norm,
    },
    OpDef {
        name: "tensor.logsumexp",
        params: params!(x: Tensor, axis: Ints = "none", keepdims: Bool = "false"),
        doc: "The logarithm of the sum of the exponentials, without overflow.",
        example: "tensor.logsumexp(tensor.full(3, 1000.0))",
        infer: |a| infer_reduction(a, to_float),
        run: log_sum_exp,
    },
    running!(
        "tensor.cumsum",
        Sum,
        "Running sums, of the flattened tensor or along an axis.",
        "tensor.cumsum(tensor.arange(5))"
    ),
    running!(
        "tensor.cumprod",
        Prod,
        "Running products, of the flattened tensor or along an axis.",
        "tensor.cumprod(tensor.arange(1, 5))"
    ),
];

fn infer_reduction(a: &[ArgType], dtype: impl Fn(DType) -> DType) -> Inferred {
    let ty = infer::tensor(a, 0, "x")?;
    let axes = infer::ints(a, 1, "axis")?;
    let keep = infer::bool_or(a, 2, "keepdims", false)?;
    Ok(typed(ty.dtype.map(dtype), infer::reduced(ty.shape.as_ref(), &axes, keep)?))
}

fn infer_spread(a: &[ArgType]) -> Inferred {
    let ty = infer::tensor(a, 0, "x")?;
    let axes = infer::ints(a, 1, "axis")?;
    infer::int_or(a, 2, "ddof", 0)?;
    let keep = infer::bool_or(a, 3, "keepdims", false)?;
    Ok(typed(ty.dtype.map(to_float), infer::reduced(ty.shape.as_ref(), &axes, keep)?))
}

fn infer_scan(a: &[ArgType]) -> Inferred {
    let ty = infer::tensor(a, 0, "x")?;
    let shape = match infer::at(a, 1) {
        ArgType::None => Some(vec![match ty.shape.as_deref().and_then(infer::elements) {
            Some(count) => crate::op::Dim::Known(count),
            None => crate::op::Dim::Unknown,
        }]),
        _ => {
            infer::axis(infer::int(a, 1, "axis")?, ty.shape.as_ref().map(Vec::len))?;
            ty.shape
        }
    };
    Ok(typed(ty.dtype.map(to_sum), shape))
}

/// Reduces, and puts the axes back with size 1 where asked.
pub(super) fn reduce_axes(
    ctx: &Context,
    op: ReduceOp,
    x: &HostTensor,
    axes: &[usize],
    keep: bool,
) -> Result<HostTensor, TensorError> {
    let reduced = reduce(ctx, op, x, axes)?;
    if keep { reduced.reshaped(ctx, &reduced_shape(&x.shape, axes, true)) } else { Ok(reduced) }
}

pub(crate) fn run_reduction(ctx: &Context, a: &[Arg], op: ReduceOp) -> Result<Arg, TensorError> {
    let x = args::tensor(ctx, a, 0, "x")?;
    let axes = args::axes(a, 1, "axis", x.rank())?;
    let keep = args::bool_or(a, 2, "keepdims", false)?;
    if let Some(gpu) = x.as_gpu()
        && let Some(reduced) = gpu.reduce(ctx, op, &axes)?
    {
        let shape = reduced_shape(x.shape(), &axes, keep);
        return Ok(Arg::Tensor(Tensor::on_gpu(reduced.reshaped(ctx, &shape)?)));
    }
    args::done(ctx, reduce_axes(ctx, op, &x.into_host()?, &axes, keep)?)
}

/// The root of the sum of squares. Where a square is too large or too small for its type, the numbers are divided by the
/// largest of those that are added before, as LAPACK does it.
pub(super) fn root_of_squares(
    ctx: &Context,
    x: &HostTensor,
    axes: &[usize],
    keep: bool,
) -> Result<HostTensor, TensorError> {
    let root = |x: &HostTensor, keep: bool| {
        let squares = Tensor::on_host(reduce_axes(ctx, ReduceOp::SumSquares, x, axes, keep)?);
        apply_unary(ctx, UnaryOp::Sqrt, squares)?.into_host()
    };
    let direct = root(x, keep)?;
    // The least root whose square has all its digits, and the ends of the type.
    let (least, smallest, largest) = match direct.dtype {
        DType::F64 => (1e-150, f64::MIN_POSITIVE, f64::MAX),
        DType::F32 => (1e-18, f64::from(f32::MIN_POSITIVE), f64::from(f32::MAX)),
        _ => return Ok(direct),
    };
    let values = Tensor::on_host(direct.clone()).to_f64s(ctx)?;
    if x.len() == 0 || values.iter().all(|value| value.is_nan() || (least..f64::INFINITY).contains(value)) {
        return Ok(direct);
    }
    let absolute = apply_unary(ctx, UnaryOp::Abs, Tensor::on_host(x.clone()))?.into_host()?;
    let top = Tensor::on_host(reduce_axes(ctx, ReduceOp::Max, &absolute, axes, true)?);
    let top = apply_binary(ctx, BinaryOp::Maximum, top, Arg::Scalar(smallest))?;
    let top = apply_binary(ctx, BinaryOp::Minimum, top, Arg::Scalar(largest))?;
    let scaled = apply_binary(ctx, BinaryOp::Div, Tensor::on_host(x.clone()), Arg::Tensor(top.clone()))?;
    let scaled = Tensor::on_host(root(&scaled.into_host()?, true)?);
    let whole = apply_binary(ctx, BinaryOp::Mul, scaled, Arg::Tensor(top))?.into_host()?;
    whole.reshaped(ctx, &reduced_shape(&x.shape, axes, keep))
}

/// The root of the sum of squares; where the run asks for f64, the squares are not rounded before the root is taken.
fn norm(ctx: &Context, a: &[Arg]) -> Result<Arg, TensorError> {
    let x = args::tensor(ctx, a, 0, "x")?;
    let dtype = x.dtype();
    let axes = args::axes(a, 1, "axis", x.rank())?;
    let keep = args::bool_or(a, 2, "keepdims", false)?;
    if !ctx.is_precise() || !dtype.is_float() || dtype == DType::F64 {
        if x.as_gpu().is_none() && matches!(dtype, DType::F32 | DType::F64) {
            return args::done(ctx, root_of_squares(ctx, &x.into_host()?, &axes, keep)?);
        }
        return unary_owned(ctx, UnaryOp::Sqrt, run_reduction(ctx, a, ReduceOp::SumSquares)?);
    }
    let wide = cast(ctx, &x.into_host()?, DType::F64)?;
    let squares = Tensor::on_host(reduce_axes(ctx, ReduceOp::SumSquares, &wide, &axes, keep)?);
    let root = apply_unary(ctx, UnaryOp::Sqrt, squares)?.into_host()?;
    args::done(ctx, cast(ctx, &root, dtype)?)
}

fn run_position(ctx: &Context, a: &[Arg], largest: bool) -> Result<Arg, TensorError> {
    let mut x = args::tensor(ctx, a, 0, "x")?;
    if matches!(args::at(a, 1), Arg::None) {
        let count = [x.len()];
        x = match x.as_gpu() {
            Some(gpu) => Tensor::on_gpu(gpu.reshaped(ctx, &count)?),
            None => Tensor::on_host(x.into_host()?.reshaped(ctx, &count)?),
        };
    }
    let axis = args::axis(a, 1, "axis", 0, x.rank())?;
    if let Some(gpu) = x.as_gpu()
        && let Some(found) = gpu.arg_extreme(ctx, largest, axis)?
    {
        // Positions are i64, which a GPU need not have: the small result comes down instead of the tensor.
        return args::done(ctx, cast(ctx, &found.download()?, DType::I64)?);
    }
    args::done(ctx, arg_extreme(ctx, largest, &x.into_host()?, axis)?)
}

/// Two passes: the mean first, then the squares of the distances from it. Nothing cancels.
fn variance(ctx: &Context, a: &[Arg]) -> Result<HostTensor, TensorError> {
    let x = args::host(ctx, a, 0, "x")?;
    let axes = args::axes(a, 1, "axis", x.rank())?;
    let ddof = args::int_or(a, 2, "ddof", 0)?;
    let keep = args::bool_or(a, 3, "keepdims", false)?;
    spread(ctx, &x, &axes, ddof, keep)
}

/// The variance of `x` along `axes`. Halves are computed in f32, and all in f64 where the run asks for it.
pub(super) fn spread(
    ctx: &Context,
    x: &HostTensor,
    axes: &[usize],
    ddof: i64,
    keep: bool,
) -> Result<HostTensor, TensorError> {
    let result = to_float(x.dtype);
    let wide = ctx.working(result);
    let count: usize = axes.iter().map(|&axis| x.shape[axis]).product();
    let x = cast(ctx, x, wide)?;
    let mean = reduce_axes(ctx, ReduceOp::Mean, &x, axes, true)?;
    let distance = apply_binary(ctx, BinaryOp::Sub, Tensor::on_host(x), Tensor::on_host(mean))?;
    let squares = reduce_axes(ctx, ReduceOp::SumSquares, &distance.into_host()?, axes, keep)?;
    let divisor = (count as i64).saturating_sub(ddof).max(0) as f64;
    let scaled = apply_binary(ctx, BinaryOp::Div, Tensor::on_host(squares), Arg::Scalar(divisor))?;
    cast(ctx, &scaled.into_host()?, result)
}

fn log_sum_exp(ctx: &Context, a: &[Arg]) -> Result<Arg, TensorError> {
    let x = args::host(ctx, a, 0, "x")?;
    let axes = args::axes(a, 1, "axis", x.rank())?;
    let keep = args::bool_or(a, 2, "keepdims", false)?;
    let result = to_float(x.dtype);
    let x = cast(ctx, &x, ctx.working(result))?;
    let top = reduce_axes(ctx, ReduceOp::Max, &x, &axes, true)?;
    // An infinite maximum would give infinity less infinity; 0 in its place leaves the infinity to the exponentials.
    let finite = apply_unary(ctx, UnaryOp::IsFinite, Tensor::on_host(top.clone()))?.into_host()?;
    let zero = Tensor::number(ctx, &Arg::Int(0), x.dtype)?;
    let shift = Tensor::on_host(select(ctx, finite, top.clone(), zero, top.dtype)?);
    let lowered = apply_binary(ctx, BinaryOp::Sub, Tensor::on_host(x), shift.clone())?;
    let powers = apply_unary(ctx, UnaryOp::Exp, lowered)?;
    let sum = reduce_axes(ctx, ReduceOp::Sum, &powers.into_host()?, &axes, true)?;
    let log = apply_unary(ctx, UnaryOp::Log, Tensor::on_host(sum))?;
    let total = apply_binary(ctx, BinaryOp::Add, log, shift)?.into_host()?;
    let shape = reduced_shape(&total.shape, &axes, true);
    let shape = if keep { shape } else { reduced_shape(&shape, &axes, false) };
    args::done(ctx, cast(ctx, &total.reshaped(ctx, &shape)?, result)?)
}
