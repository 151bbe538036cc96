//! How the operations of `linalg` that need more than a call infer and run; the table itself is there.

use nexus_model::DType;

use super::infer::{self, Inferred, typed};
use super::linalg::{cutoff, field, finish, infer_matrix, infer_square, shorter, with_field, with_last, with_sides};
use super::reductions::{reduce_axes, root_of_squares};
use super::{args, infer::record};
use crate::dispatch::{apply_binary, apply_unary};
use crate::element::Element;
use crate::host::HostTensor;
use crate::host::copy::concat;
use crate::host::elementwise::cast;
use crate::host::linalg::{self as kernels, LeastSquares, Stack};
use crate::host::reduce::{ReduceOp, reduced_shape};
use crate::op::{Arg, ArgType, Dim};
use crate::promotion::{promote, to_float};
use crate::shape::{Shape, broadcast};
use crate::{BinaryOp, Context, Tensor, TensorError, UnaryOp};

pub(super) fn infer_solve(a: &[ArgType]) -> Inferred {
    let ArgType::Tensor(matrix) = infer_square(a, |dims| dims)? else { return Ok(ArgType::Unknown) };
    let right = infer::tensor(a, 1, "b")?;
    let dtype = matrix.dtype.zip(right.dtype).map(|(a, b)| promote(a, to_float(b)));
    if let (Some([.., n]), Some(b)) = (matrix.shape.as_deref(), right.shape.as_deref()) {
        let rows = if b.len() == 1 { b.first() } else { b.len().checked_sub(2).and_then(|i| b.get(i)) };
        if let (Dim::Known(n), Some(Dim::Known(rows))) = (n, rows)
            && n != rows
        {
            return Err(TensorError::Shapes {
                left: infer::written(matrix.shape.as_deref().unwrap_or_default()),
                right: infer::written(b),
                problem: ROWS,
            });
        }
    }
    // Equal leading axes keep b's shape; whether they broadcast is left to the run.
    let plain = matrix.shape.as_ref().is_some_and(|dims| dims.len() == 2);
    Ok(typed(dtype, right.shape.filter(|_| plain)))
}

const ROWS: &str = "do not fit: b must have as many rows as a";

/// Both operands of a system of equations in the float in which they meet; a vector b becomes one column.
struct System {
    a: HostTensor,
    b: HostTensor,
    vector: bool,
    dtype: DType,
}

impl System {
    /// With the same leading axes in both operands.
    fn spread(self) -> Result<System, TensorError> {
        let lead = |t: &HostTensor| Shape::from_slice(&t.shape[..t.rank() - 2]);
        let batch = broadcast(&lead(&self.a), &lead(&self.b))?;
        let spread = |t: &HostTensor| {
            let mut shape = batch.clone();
            shape.extend(t.shape[t.rank() - 2..].iter().copied());
            t.broadcast_to(&shape)
        };
        Ok(System { a: spread(&self.a)?, b: spread(&self.b)?, ..self })
    }
}

fn system(ctx: &Context, args_: &[Arg]) -> Result<System, TensorError> {
    let (a, b) = (args::host(ctx, args_, 0, "a")?, args::host(ctx, args_, 1, "b")?);
    let dtype = to_float(promote(a.dtype, to_float(b.dtype)));
    let compute = if dtype == DType::F64 { DType::F64 } else { DType::F32 };
    let vector = b.rank() == 1;
    if a.rank() < 2 || b.rank() == 0 {
        return Err(TensorError::shapes(&a.shape, &b.shape, "are no system: a needs two axes or more, b one or more"));
    }
    let b = if vector { b.reshaped(ctx, &[b.len(), 1])? } else { b };
    if a.shape[a.rank() - 2] != b.shape[b.rank() - 2] {
        return Err(TensorError::shapes(&a.shape, &b.shape, ROWS));
    }
    Ok(System { a: cast(ctx, &a, compute)?, b: cast(ctx, &b, compute)?, vector, dtype })
}

pub(super) fn solve(ctx: &Context, a: &[Arg]) -> Result<Arg, TensorError> {
    let System { a, b, vector, dtype } = system(ctx, a)?.spread()?;
    let (left, right) = (Stack::square(ctx, &a)?, Stack::new(ctx, &b)?);
    let mut x = with_field!(a.dtype, T => kernels::solve::<T>(ctx, &left, &right))?;
    if vector {
        let shape = Shape::from_slice(&x.shape[..x.rank() - 1]);
        x = x.reshaped(ctx, &shape)?;
    }
    finish(ctx, x, dtype)
}

pub(super) fn infer_lstsq(a: &[ArgType]) -> Inferred {
    infer_matrix(a, |dims| dims)?;
    let right = infer::tensor(a, 1, "b")?;
    infer::number(a, 2, "rcond")?;
    let left = infer::tensor(a, 0, "a")?;
    let dtype = left.dtype.zip(right.dtype).map(|(a, b)| to_float(promote(a, to_float(b))));
    let is_single = matches!((left.shape.as_deref(), right.shape.as_deref()), (Some([_, _]), Some([_] | [_, _])));
    let unknown = || typed(dtype, is_single.then(|| vec![Dim::Unknown]));
    let rank = if is_single { ArgType::Int(None) } else { ArgType::Unknown };
    let x = match (left.shape.as_deref(), right.shape) {
        (Some([_, n]), Some(mut dims)) if matches!(dims.len(), 1 | 2) => {
            dims[0] = n.clone();
            Some(dims)
        }
        _ => None,
    };
    Ok(record([("x", typed(dtype, x)), ("residuals", unknown()), ("rank", rank), ("s", unknown())]))
}

pub(super) fn lstsq(ctx: &Context, a: &[Arg]) -> Result<Arg, TensorError> {
    let cutoff = cutoff(a, 2)?;
    let System { a, b, vector, dtype } = system(ctx, a)?.spread()?;
    let least = |a: &HostTensor, b: &HostTensor| -> Result<LeastSquares, TensorError> {
        let (left, right) = (Stack::new(ctx, a)?, Stack::new(ctx, b)?);
        with_field!(a.dtype, T => kernels::least_squares::<T>(ctx, &left, &right, cutoff))
    };
    let (found, rank) = if a.rank() == 2 {
        let found = least(&a, &b)?;
        let rank = Arg::Int(found.rank as i64);
        (found, rank)
    } else {
        let (lefts, rights) = (matrices(ctx, &a)?, matrices(ctx, &b)?);
        let found = lefts.iter().zip(&rights).map(|(a, b)| least(a, b)).collect::<Result<Vec<_>, _>>()?;
        let ranks: Vec<i64> = found.iter().map(|one| one.rank as i64).collect();
        let batch = &a.shape[..a.rank() - 2];
        (stacked(ctx, found, [&a, &b])?, args::done(ctx, HostTensor::from_slice(ctx, batch, &ranks)?)?)
    };
    let x = if vector { found.x.reshaped(ctx, &found.x.shape[..found.x.rank() - 1])? } else { found.x };
    Ok(args::record([
        ("x", finish(ctx, x, dtype)?),
        ("residuals", finish(ctx, found.residuals, dtype)?),
        ("rank", rank),
        ("s", finish(ctx, found.s, dtype)?),
    ]))
}

/// The matrices of a stack.
fn matrices(ctx: &Context, stack: &HostTensor) -> Result<Vec<HostTensor>, TensorError> {
    let [batch @ .., rows, columns] = stack.shape.as_slice() else { return Ok(Vec::new()) };
    let flat = stack.packed(ctx)?.reshaped(ctx, &[batch.iter().product(), *rows, *columns])?;
    Ok((0..flat.shape[0]).map(|i| flat.selected(0, i)).collect())
}

/// Solutions side by side. There are residuals where every matrix has some.
fn stacked(ctx: &Context, found: Vec<LeastSquares>, [a, b]: [&HostTensor; 2]) -> Result<LeastSquares, TensorError> {
    let [batch @ .., rows, columns] = a.shape.as_slice() else { unreachable!("systems have two axes or more") };
    let rights = b.shape[b.rank() - 1];
    let join = |parts: Vec<HostTensor>, sizes: &[usize]| -> Result<HostTensor, TensorError> {
        let mut shape = Shape::from_slice(batch);
        shape.extend(sizes.iter().copied());
        match parts.is_empty() {
            true => with_field!(a.dtype, T => HostTensor::from_slice::<T>(ctx, &shape, &[])),
            false => concat(ctx, &parts, 0)?.reshaped(ctx, &shape),
        }
    };
    let have_residuals = found.iter().all(|one| one.residuals.len() == rights && rights > 0);
    let (mut x, mut residuals, mut s) = (Vec::new(), Vec::new(), Vec::new());
    for one in found {
        x.push(one.x);
        residuals.push(one.residuals);
        s.push(one.s);
    }
    let residuals = match have_residuals {
        true => join(residuals, &[rights])?,
        false => with_field!(a.dtype, T => HostTensor::from_slice::<T>(ctx, &[0], &[]))?,
    };
    Ok(LeastSquares { x: join(x, &[*columns, rights])?, residuals, rank: 0, s: join(s, &[*rows.min(columns)])? })
}

pub(super) fn infer_qr(a: &[ArgType]) -> Inferred {
    let q = infer_matrix(a, |dims| with_sides(dims, |m, _| m.clone(), shorter))?;
    let r = infer_matrix(a, |dims| with_sides(dims, shorter, |_, n| n.clone()))?;
    Ok(record([("q", q), ("r", r)]))
}

pub(super) fn infer_svd(a: &[ArgType]) -> Inferred {
    let s = infer_matrix(a, |dims| with_last(dims, shorter))?;
    let (u, vt) = match infer::bool_or(a, 1, "full_matrices", true)? {
        Some(true) => (
            infer_matrix(a, |dims| with_sides(dims, |m, _| m.clone(), |m, _| m.clone()))?,
            infer_matrix(a, |dims| with_sides(dims, |_, n| n.clone(), |_, n| n.clone()))?,
        ),
        Some(false) => (
            infer_matrix(a, |dims| with_sides(dims, |m, _| m.clone(), shorter))?,
            infer_matrix(a, |dims| with_sides(dims, shorter, |_, n| n.clone()))?,
        ),
        None => {
            let unknown = infer_matrix(a, |dims| with_sides(dims, |_, _| Dim::Unknown, |_, _| Dim::Unknown))?;
            (unknown.clone(), unknown)
        }
    };
    Ok(record([("u", u), ("s", s), ("vt", vt)]))
}

fn singular_values(ctx: &Context, a: &[Arg]) -> Result<(HostTensor, Stack, DType), TensorError> {
    let (x, dtype) = field(ctx, a)?;
    let stack = Stack::new(ctx, &x)?;
    let values = with_field!(x.dtype, T => kernels::singular_values::<T>(ctx, &stack))?;
    Ok((values, stack, dtype))
}

pub(super) fn rank(ctx: &Context, a: &[Arg]) -> Result<Arg, TensorError> {
    let (values, stack, _) = singular_values(ctx, a)?;
    let noise = with_field!(values.dtype, T => kernels::noise::<T>(stack.rows, stack.columns));
    let bound = cutoff(a, 1)?.unwrap_or(noise);
    let count = stack.rows.min(stack.columns).max(1);
    let ranks: Vec<i64> = with_field!(values.dtype, T => values.slice::<T>().chunks(count).map(|s| {
        let least = s[0].to_f64() * bound;
        s.iter().filter(|&&x| x.to_f64() > least).count() as i64
    }).collect());
    let ranks = if ranks.is_empty() { vec![0; stack.batch.iter().product()] } else { ranks };
    args::done(ctx, HostTensor::from_slice(ctx, &stack.batch, &ranks)?)
}

pub(super) fn condition(ctx: &Context, a: &[Arg]) -> Result<Arg, TensorError> {
    let (values, stack, dtype) = singular_values(ctx, a)?;
    let axis = values.rank() - 1;
    if values.shape[axis] == 0 {
        return Err(TensorError::shape(&values.shape, "has no singular values: the matrix is empty"));
    }
    let first = Tensor::on_host(values.selected(axis, 0));
    let last = Tensor::on_host(values.selected(axis, values.shape[axis] - 1));
    debug_assert_eq!(first.shape(), stack.batch.as_slice());
    finish(ctx, apply_binary(ctx, BinaryOp::Div, first, last)?.into_host()?, dtype)
}

/// The kinds of norms.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Order {
    Default,
    Frobenius,
    Nuclear,
    Power(f64),
}

fn order(arg: &Arg) -> Result<Order, TensorError> {
    Ok(match arg {
        Arg::None => Order::Default,
        Arg::Int(p) => Order::Power(*p as f64),
        Arg::Scalar(p) => Order::Power(*p),
        Arg::Str(text) => match &**text {
            "fro" => Order::Frobenius,
            "nuc" => Order::Nuclear,
            "inf" => Order::Power(f64::INFINITY),
            "-inf" => Order::Power(f64::NEG_INFINITY),
            other => return Err(TensorError::argument("ord", format!("`{other}` is no norm"))),
        },
        other => return Err(args::wrong("ord", "a number, \"fro\", \"nuc\", \"inf\" or \"-inf\"", other)),
    })
}

pub(super) fn infer_norm(a: &[ArgType]) -> Inferred {
    let ty = infer::tensor(a, 0, "x")?;
    let axes = infer::ints(a, 2, "axis")?;
    let keep = infer::bool_or(a, 3, "keepdims", false)?;
    Ok(typed(ty.dtype.map(to_float), infer::reduced(ty.shape.as_ref(), &axes, keep)?))
}

pub(super) fn norm(ctx: &Context, a: &[Arg]) -> Result<Arg, TensorError> {
    let (x, dtype) = field(ctx, a)?;
    let order = order(args::at(a, 1))?;
    let axes = args::axes(a, 2, "axis", x.rank())?;
    let keep = args::bool_or(a, 3, "keepdims", false)?;
    let result = match (order, axes.len()) {
        (Order::Default, _) | (Order::Frobenius, 2) => root_of_squares(ctx, &x, &axes, keep)?,
        (Order::Power(p), 1) => vector_norm(ctx, x, &axes, p, keep)?,
        (Order::Power(_) | Order::Nuclear, 2) => matrix_norm(ctx, &x, &axes, order, keep)?,
        _ => return Err(TensorError::argument("ord", format!("is no norm over {} axes", axes.len()))),
    };
    finish(ctx, result, dtype)
}

/// The largest of numbers that are not negative: of none it is 0, as NumPy's norms have it. Of none there is no smallest.
fn extreme(ctx: &Context, x: &HostTensor, axes: &[usize], p: f64, keep: bool) -> Result<HostTensor, TensorError> {
    if p < 0.0 {
        return reduce_axes(ctx, ReduceOp::Min, x, axes, keep);
    }
    if axes.iter().any(|&axis| x.shape[axis] == 0) {
        return HostTensor::zeros(ctx, x.dtype, &reduced_shape(&x.shape, axes, keep));
    }
    reduce_axes(ctx, ReduceOp::Max, x, axes, keep)
}

fn vector_norm(ctx: &Context, x: HostTensor, axes: &[usize], p: f64, keep: bool) -> Result<HostTensor, TensorError> {
    let absolute = apply_unary(ctx, UnaryOp::Abs, Tensor::on_host(x))?;
    if p.is_infinite() {
        return extreme(ctx, &absolute.into_host()?, axes, p, keep);
    }
    if p == 0.0 {
        let dtype = absolute.dtype();
        let nonzero = cast(ctx, &cast(ctx, &absolute.into_host()?, DType::Bool)?, dtype)?;
        return reduce_axes(ctx, ReduceOp::Sum, &nonzero, axes, keep);
    }
    if p == 1.0 {
        return reduce_axes(ctx, ReduceOp::Sum, &absolute.into_host()?, axes, keep);
    }
    let powers = apply_binary(ctx, BinaryOp::Pow, absolute, Arg::Scalar(p))?;
    let sum = Tensor::on_host(reduce_axes(ctx, ReduceOp::Sum, &powers.into_host()?, axes, keep)?);
    apply_binary(ctx, BinaryOp::Pow, sum, Arg::Scalar(1.0 / p))?.into_host()
}

fn matrix_norm(
    ctx: &Context,
    x: &HostTensor,
    axes: &[usize],
    order: Order,
    keep: bool,
) -> Result<HostTensor, TensorError> {
    let kept = reduced_shape(&x.shape, axes, keep);
    let mut places: Vec<usize> = (0..x.rank()).filter(|axis| !axes.contains(axis)).collect();
    places.extend(axes);
    let moved = x.permuted(&places);
    let last = moved.rank() - 1;
    let result = match order {
        Order::Power(p) if p.abs() == 1.0 || p.is_infinite() => {
            // Sums of absolute values down the columns, or along the rows.
            let absolute = apply_unary(ctx, UnaryOp::Abs, Tensor::on_host(moved))?.into_host()?;
            let axis = if p.is_infinite() { last } else { last - 1 };
            let sums = reduce_axes(ctx, ReduceOp::Sum, &absolute, &[axis], false)?;
            extreme(ctx, &sums, &[last - 1], p, false)?
        }
        Order::Power(p) if p.abs() != 2.0 => {
            return Err(TensorError::argument("ord", format!("{p} is no norm of a matrix")));
        }
        _ => {
            let stack = Stack::new(ctx, &moved)?;
            let values = with_field!(x.dtype, T => kernels::singular_values::<T>(ctx, &stack))?;
            match order {
                Order::Power(p) => extreme(ctx, &values, &[last - 1], p, false)?,
                _ => reduce_axes(ctx, ReduceOp::Sum, &values, &[last - 1], false)?,
            }
        }
    };
    result.reshaped(ctx, &kept)
}
