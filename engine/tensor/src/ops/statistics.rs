//! Statistics of samples: where they lie, how they spread, how they go together.

use nexus_model::DType;

use super::infer::{self, Inferred, typed};
use super::reductions::{reduce_axes, spread};
use super::{args, params};
use crate::dispatch::{apply_binary, apply_unary};
use crate::element::{Element, with_element};
use crate::host::HostTensor;
use crate::host::elementwise::cast;
use crate::host::matmul::matmul;
use crate::host::order;
use crate::host::reduce::{ReduceOp, reduced_shape};
use crate::op::{Arg, ArgType, Dim, OpDef};
use crate::promotion::to_float;
use crate::{BinaryOp, Context, Tensor, TensorError, UnaryOp};

pub(super) const OPS: &[OpDef] = &[
    OpDef {
        name: "stats.mean",
        params: params!(x: Tensor, axis: Ints = "none", keepdims: Bool = "false"),
        doc: "The mean of all elements, or along axes; ints give f32.",
        example: "stats.mean(tensor.arange(5))",
        infer: infer_measure,
        run: |ctx, a| {
            let x = args::host(ctx, a, 0, "x")?;
            let axes = args::axes(a, 1, "axis", x.rank())?;
            args::done(ctx, reduce_axes(ctx, ReduceOp::Mean, &x, &axes, args::bool_or(a, 2, "keepdims", false)?)?)
        },
    },
    OpDef {
        name: "stats.var",
        params: params!(x: Tensor, axis: Ints = "none", ddof: Int = "0", keepdims: Bool = "false"),
        doc: "The variance: the mean square distance from the mean, divided by n - ddof.",
        example: "stats.var(tensor.arange(5), ddof = 1)",
        infer: infer_spread,
        run: |ctx, a| args::done(ctx, run_spread(ctx, a)?),
    },
    OpDef {
        name: "stats.std",
        params: params!(x: Tensor, axis: Ints = "none", ddof: Int = "0", keepdims: Bool = "false"),
        doc: "The standard deviation: the square root of the variance.",
        example: "stats.std(tensor.arange(5), ddof = 1)",
        infer: infer_spread,
        run: |ctx, a| {
            let variance = Tensor::on_host(run_spread(ctx, a)?);
            args::done(ctx, apply_unary(ctx, UnaryOp::Sqrt, variance)?.into_host()?)
        },
    },
    OpDef {
        name: "stats.median",
        params: params!(x: Tensor, axis: Int = "none", keepdims: Bool = "false"),
        doc: "The middle value, or the mean of the two in the middle; NaN where there is one.",
        example: "stats.median(tensor.arange(5))",
        infer: infer_measure,
        run: |ctx, a| {
            let keep = args::bool_or(a, 2, "keepdims", false)?;
            args::done(ctx, quantile(ctx, a, 1, &[0.5], true, keep)?)
        },
    },
    OpDef {
        name: "stats.quantile",
        params: params!(x: Tensor, q: Any, axis: Int = "none", keepdims: Bool = "false"),
        doc: "The values below which the fraction q of the elements lies, between neighbours in a straight line. q is a \
              number from 0 to 1, or a list or tensor of them, which adds a leading axis.",
        example: "stats.quantile(tensor.arange(5), 0.25)",
        infer: infer_quantile,
        run: |ctx, a| {
            let (fractions, single) = fractions(args::at(a, 1))?;
            let keep = args::bool_or(a, 3, "keepdims", false)?;
            args::done(ctx, quantile(ctx, a, 2, &fractions, single, keep)?)
        },
    },
    OpDef {
        name: "stats.cov",
        params: params!(x: Tensor, rowvar: Bool = "true", ddof: Int = "1"),
        doc: "The covariance matrix of the variables in the rows (in the columns without rowvar), divided by n - ddof.",
        example: "stats.cov(tensor.eye(3))",
        infer: |a| {
            infer::int_or(a, 2, "ddof", 1)?;
            infer_cov(a)
        },
        run: |ctx, a| args::done(ctx, covariance(ctx, a, args::int_or(a, 2, "ddof", 1)?)?),
    },
    OpDef {
        name: "stats.corrcoef",
        params: params!(x: Tensor, rowvar: Bool = "true"),
        doc: "The matrix of Pearson's correlation coefficients of the variables in the rows (in the columns without \
              rowvar).",
        example: "stats.corrcoef(tensor.eye(3))",
        infer: infer_cov,
        run: correlation,
    },
    OpDef {
        name: "stats.histogram",
        params: params!(x: Tensor, bins: Int = "10", min: Number = "none", max: Number = "none"),
        doc: "How many elements fall into each of bins equal intervals from min to max (the extremes without them), as a \
              record: counts and edges. The last interval includes its end.",
        example: "stats.histogram(tensor.arange(10), bins = 5).counts",
        infer: |a| {
            let ty = infer::tensor(a, 0, "x")?;
            let bins = infer::int_or(a, 1, "bins", 10)?;
            let size = |more: i64| infer::size(bins.map(|b| b.saturating_add(more)), "bins");
            infer::number(a, 2, "min")?;
            infer::number(a, 3, "max")?;
            Ok(infer::record([
                ("counts", typed(Some(DType::I64), Some(vec![size(0)?]))),
                ("edges", typed(ty.dtype.map(to_float), Some(vec![size(1)?]))),
            ]))
        },
        run: histogram,
    },
];

fn infer_measure(a: &[ArgType]) -> Inferred {
    let ty = infer::tensor(a, 0, "x")?;
    let keep = infer::bool_or(a, 2, "keepdims", false)?;
    let axes = infer::ints(a, 1, "axis")?;
    Ok(typed(ty.dtype.map(to_float), infer::reduced(ty.shape.as_ref(), &axes, keep)?))
}

fn infer_spread(a: &[ArgType]) -> Inferred {
    let ty = infer::tensor(a, 0, "x")?;
    infer::int_or(a, 2, "ddof", 0)?;
    let keep = infer::bool_or(a, 3, "keepdims", false)?;
    let axes = infer::ints(a, 1, "axis")?;
    Ok(typed(ty.dtype.map(to_float), infer::reduced(ty.shape.as_ref(), &axes, keep)?))
}

fn run_spread(ctx: &Context, a: &[Arg]) -> Result<HostTensor, TensorError> {
    let x = args::host(ctx, a, 0, "x")?;
    let axes = args::axes(a, 1, "axis", x.rank())?;
    spread(ctx, &x, &axes, args::int_or(a, 2, "ddof", 0)?, args::bool_or(a, 3, "keepdims", false)?)
}

/// The fractions of a quantile, and whether there was just one number.
fn fractions(arg: &Arg) -> Result<(Vec<f64>, bool), TensorError> {
    let (list, single) = match arg {
        Arg::Int(q) => (vec![*q as f64], true),
        Arg::Scalar(q) => (vec![*q], true),
        Arg::List(items) => {
            let all: Result<Vec<f64>, _> = (0..items.len()).map(|i| args::number(items, i, "q")).collect();
            (all?, false)
        }
        Arg::Tensor(tensor) if tensor.rank() <= 1 => {
            let data = tensor.to_data()?;
            ((0..data.len()).filter_map(|i| data.get_f64(i)).collect(), tensor.rank() == 0)
        }
        other => return Err(args::wrong("q", "a number or a list of numbers", other)),
    };
    match list.iter().find(|q| !(0.0..=1.0).contains(*q)) {
        Some(q) => Err(TensorError::argument("q", format!("must be between 0 and 1, is {q}"))),
        None => Ok((list, single)),
    }
}

fn infer_quantile(a: &[ArgType]) -> Inferred {
    let ty = infer::tensor(a, 0, "x")?;
    let keep = infer::bool_or(a, 3, "keepdims", false)?;
    let rest = infer::reduced(ty.shape.as_ref(), &infer::ints(a, 2, "axis")?, keep)?;
    let lead = match infer::at(a, 1) {
        ArgType::Int(_) | ArgType::Scalar(_) => Some(None),
        ArgType::List(items) => Some(Some(Dim::Known(items.len()))),
        ArgType::ListOf(_) => Some(Some(Dim::Unknown)),
        ArgType::Tensor(q) => match q.shape.as_deref() {
            Some([]) => Some(None),
            Some([n]) => Some(Some(n.clone())),
            _ => None,
        },
        _ => None,
    };
    let shape = rest.zip(lead).map(|(rest, lead)| lead.into_iter().chain(rest).collect());
    Ok(typed(ty.dtype.map(to_float), shape))
}

/// Quantiles along the axis in argument `axis_arg`, or of all elements, with a leading axis unless `single`.
fn quantile(
    ctx: &Context,
    a: &[Arg],
    axis_arg: usize,
    fractions: &[f64],
    single: bool,
    keep: bool,
) -> Result<HostTensor, TensorError> {
    let x = args::host(ctx, a, 0, "x")?;
    let result = to_float(x.dtype);
    let flat = matches!(args::at(a, axis_arg), Arg::None);
    let axes = args::axes(a, axis_arg, "axis", x.rank())?;
    let work = if flat { x.reshaped(ctx, &[x.len()])? } else { x.clone() };
    let axis = args::axis(a, axis_arg, "axis", 0, work.rank())?;
    let count = work.shape[axis];
    if count == 0 {
        return Err(TensorError::shape(&x.shape, "has no elements, and nothing has no quantile"));
    }
    let sorted = order::sort(ctx, &cast(ctx, &work, DType::F64)?, axis, false)?;
    let mut places: Vec<usize> = (0..work.rank()).filter(|&other| other != axis).collect();
    places.push(axis);
    let rows = sorted.permuted(&places).packed(ctx)?;
    let values = rows.slice::<f64>();
    let outer = values.len() / count;
    let mut out = vec![0.0; fractions.len() * outer];
    for (i, &q) in fractions.iter().enumerate() {
        let position = q * (count - 1) as f64;
        let (low, part) = (position.floor() as usize, position.fract());
        for (row, slot) in values.chunks_exact(count).zip(&mut out[i * outer..(i + 1) * outer]) {
            let (below, above) = (row[low], row[(low + 1).min(count - 1)]);
            // NaN sorts last, so the last element tells whether there is one.
            *slot = if row[count - 1].is_nan() { f64::NAN } else { between(below, above, part) };
        }
    }
    let rest = reduced_shape(&x.shape, &axes, keep);
    let lead = (!single).then_some(fractions.len());
    let shape: Vec<usize> = lead.into_iter().chain(rest).collect();
    cast(ctx, &HostTensor::from_slice(ctx, &shape, &out)?, result)
}

/// The point at `part` of the way; two equal infinities stay themselves.
fn between(below: f64, above: f64, part: f64) -> f64 {
    if below == above || part == 0.0 { below } else { below + (above - below) * part }
}

fn infer_cov(a: &[ArgType]) -> Inferred {
    let ty = infer::tensor(a, 0, "x")?;
    let rows = infer::bool_or(a, 1, "rowvar", true)?;
    let shape = match (ty.shape.as_deref(), rows) {
        (Some([_]), _) => Some(Vec::new()),
        (Some([m, _]), Some(true)) => Some(vec![m.clone(), m.clone()]),
        (Some([_, n]), Some(false)) => Some(vec![n.clone(), n.clone()]),
        (Some(dims), _) if dims.len() != 2 => {
            return Err(TensorError::Shape { shape: infer::written(dims), problem: VARIABLES.to_owned() });
        }
        _ => None,
    };
    Ok(typed(ty.dtype.map(to_float), shape))
}

const VARIABLES: &str = "is no table of variables: one or two axes are needed";

fn covariance(ctx: &Context, a: &[Arg], ddof: i64) -> Result<HostTensor, TensorError> {
    let x = args::host(ctx, a, 0, "x")?;
    let result = to_float(x.dtype);
    let vector = x.rank() == 1;
    let table = match x.rank() {
        1 => x.reshaped(ctx, &[1, x.len()])?,
        2 if args::bool_or(a, 1, "rowvar", true)? => x,
        2 => x.permuted(&[1, 0]),
        _ => return Err(TensorError::shape(&x.shape, VARIABLES)),
    };
    // Covariances cancel: f64 throughout, whatever comes in.
    let table = cast(ctx, &table, DType::F64)?;
    let mean = reduce_axes(ctx, ReduceOp::Mean, &table, &[1], true)?;
    let count = table.shape[1] as i64;
    let centred = apply_binary(ctx, BinaryOp::Sub, Tensor::on_host(table), Tensor::on_host(mean))?.into_host()?;
    let product = Tensor::on_host(matmul(ctx, &centred, &centred.permuted(&[1, 0]))?);
    let divisor = Arg::Scalar(count.saturating_sub(ddof).max(0) as f64);
    let scaled = apply_binary(ctx, BinaryOp::Div, product, divisor)?.into_host()?;
    let scaled = if vector { scaled.reshaped(ctx, &[])? } else { scaled };
    cast(ctx, &scaled, result)
}

fn correlation(ctx: &Context, a: &[Arg]) -> Result<Arg, TensorError> {
    let result = to_float(args::tensor(ctx, a, 0, "x")?.dtype());
    // f64 until the end, so that the diagonal is exactly 1 after rounding.
    let wide = Arg::Tensor(Tensor::on_host(cast(ctx, &args::host(ctx, a, 0, "x")?, DType::F64)?));
    let cov = covariance(ctx, &[wide, args::at(a, 1).clone()], 1)?;
    if cov.rank() == 0 {
        let one = apply_binary(ctx, BinaryOp::Div, Tensor::on_host(cov.clone()), Tensor::on_host(cov))?;
        return args::done(ctx, cast(ctx, &one.into_host()?, result)?);
    }
    let n = cov.shape[0];
    let data = cov.slice::<f64>();
    let values: Vec<f64> = (0..n * n)
        .map(|k| (k / n, k % n))
        .map(|(i, j)| (data[i * n + j] / (data[i * n + i].sqrt() * data[j * n + j].sqrt())).clamp(-1.0, 1.0))
        .collect();
    args::done(ctx, cast(ctx, &HostTensor::from_slice(ctx, &[n, n], &values)?, result)?)
}

fn histogram(ctx: &Context, a: &[Arg]) -> Result<Arg, TensorError> {
    let x = args::host(ctx, a, 0, "x")?;
    let bins = if matches!(args::at(a, 1), Arg::None) { 10 } else { args::count(a, 1, "bins")? };
    if bins == 0 {
        return Err(TensorError::argument("bins", "must be at least 1"));
    }
    let _room = ctx.room(bins, size_of::<[f64; 2]>())?;
    let values =
        with_element!(x.dtype, T => x.packed(ctx)?.slice::<T>().iter().map(|v| v.to_f64()).collect::<Vec<f64>>());
    let extreme = |start: f64, pick: fn(f64, f64) -> f64| values.iter().copied().fold(start, pick);
    let (mut low, mut high) = match values.is_empty() {
        true => (0.0, 1.0),
        false => (extreme(f64::INFINITY, f64::min), extreme(f64::NEG_INFINITY, f64::max)),
    };
    low = args::number_or(a, 2, "min", low)?;
    high = args::number_or(a, 3, "max", high)?;
    if !(low.is_finite() && high.is_finite() && low <= high) {
        return Err(TensorError::argument("min", format!("and max must be finite and in order, are {low} and {high}")));
    }
    if low == high {
        (low, high) = (low - 0.5, high + 0.5);
    }
    let edge = |i: usize| low + (high - low) * i as f64 / bins as f64;
    let mut counts = vec![0i64; bins];
    for value in values.into_iter().filter(|v| (low..=high).contains(v)) {
        let mut bin = (((value - low) / (high - low) * bins as f64) as usize).min(bins - 1);
        // The division rounds; the edges decide.
        if value < edge(bin) {
            bin = bin.saturating_sub(1);
        } else if bin + 1 < bins && value >= edge(bin + 1) {
            bin += 1;
        }
        counts[bin] += 1;
    }
    let edges: Vec<f64> = (0..=bins).map(edge).collect();
    let edges = cast(ctx, &HostTensor::from_slice(ctx, &[bins + 1], &edges)?, to_float(x.dtype))?;
    let counts = HostTensor::from_slice(ctx, &[bins], &counts)?;
    Ok(args::record([("counts", args::done(ctx, counts)?), ("edges", args::done(ctx, edges)?)]))
}
