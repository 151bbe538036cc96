//! Products of tensors, triangles and diagonals of matrices, and the normalisations of neural networks.

use super::infer::{self, Inferred, typed};
use super::{args, params};
use crate::dispatch::{apply_binary, infer_binary};
use crate::host::HostTensor;
use crate::host::elementwise::cast;
use crate::host::normalize::{Normalization, normalize};
use crate::host::reduce::ReduceOp;
use crate::op::{Arg, ArgType, Dim, OpDef};
use crate::promotion::{promote, to_float, to_sum};
use crate::shape::{Shape, check_rank};
use crate::{BinaryOp, Context, DType, Tensor, TensorError};

pub(super) const OPS: &[OpDef] = &[
    OpDef {
        name: "tensor.matmul",
        params: params!(a: Tensor, b: Tensor),
        doc: "The matrix product, the same as a @ b. Leading axes broadcast; a 1-d operand is a row on the left and a \
              column on the right.",
        example: "tensor.matmul(tensor.ones(2, 3), tensor.ones(3, 4))",
        infer: |a| infer_binary(BinaryOp::MatMul, infer::at(a, 0), infer::at(a, 1)),
        run: |ctx, a| {
            apply_binary(ctx, BinaryOp::MatMul, args::at(a, 0).clone(), args::at(a, 1).clone()).map(Arg::Tensor)
        },
    },
    OpDef {
        name: "tensor.dot",
        params: params!(a: Tensor, b: Tensor),
        doc: "The inner product of two vectors, the matrix product of two matrices; a number multiplies.",
        example: "tensor.dot(tensor.arange(3), tensor.arange(3))",
        infer: |a| {
            let rank = |i| infer::tensor(a, i, "a").map(|t| t.shape.map(|s| s.len()));
            match (rank(0)?, rank(1)?) {
                (Some(0), _) | (_, Some(0)) => infer_binary(BinaryOp::Mul, infer::at(a, 0), infer::at(a, 1)),
                (Some(1 | 2), Some(1 | 2)) => infer_binary(BinaryOp::MatMul, infer::at(a, 0), infer::at(a, 1)),
                _ => Ok(typed(infer::meet(infer::at(a, 0), infer::at(a, 1)), None)),
            }
        },
        run: |ctx, a| {
            let (left, right) = (args::tensor(ctx, a, 0, "a")?, args::tensor(ctx, a, 1, "b")?);
            let op = if left.rank() == 0 || right.rank() == 0 { BinaryOp::Mul } else { BinaryOp::MatMul };
            if left.rank() > 2 || right.rank() > 2 {
                let problem = "have more than two axes; `@` multiplies stacks of matrices";
                return Err(TensorError::shapes(left.shape(), right.shape(), problem));
            }
            apply_binary(ctx, op, args::at(a, 0).clone(), args::at(a, 1).clone()).map(Arg::Tensor)
        },
    },
    OpDef {
        name: "tensor.outer",
        params: params!(a: Tensor, b: Tensor),
        doc: "All products of an element of a with one of b, as a matrix; both are flattened.",
        example: "tensor.outer(tensor.arange(3), tensor.arange(2))",
        infer: |a| {
            let count = |i| -> Result<Dim, TensorError> {
                let ty = infer::tensor(a, i, "a")?;
                Ok(ty.shape.as_deref().and_then(infer::elements).map_or(Dim::Unknown, Dim::Known))
            };
            let product = infer_binary(BinaryOp::Mul, &scalar_like(infer::at(a, 0)), &scalar_like(infer::at(a, 1)))?;
            let ArgType::Tensor(ty) = product else { return Ok(ArgType::Unknown) };
            Ok(typed(ty.dtype, Some(vec![count(0)?, count(1)?])))
        },
        run: |ctx, a| {
            let (left, right) = (args::host(ctx, a, 0, "a")?, args::host(ctx, a, 1, "b")?);
            let column = left.reshaped(ctx, &[left.len(), 1])?;
            let row = right.reshaped(ctx, &[1, right.len()])?;
            apply_binary(ctx, BinaryOp::Mul, Tensor::on_host(column), Tensor::on_host(row)).map(Arg::Tensor)
        },
    },
    OpDef {
        name: "tensor.kron",
        params: params!(a: Tensor, b: Tensor),
        doc: "The Kronecker product: each element of a replaced by itself times b.",
        example: "tensor.kron(tensor.eye(2), tensor.ones(2, 2))",
        infer: infer_kron,
        run: kron,
    },
    OpDef {
        name: "tensor.trace",
        params: params!(x: Tensor),
        doc: "The sum of the main diagonal of a matrix, or of each matrix in a stack.",
        example: "tensor.trace(tensor.eye(3))",
        infer: |a| {
            let ty = infer::tensor(a, 0, "x")?;
            let dims = infer_matrix(ty.shape)?;
            Ok(typed(ty.dtype.map(to_sum), dims.map(|d| d[..d.len() - 2].to_vec())))
        },
        run: |ctx, a| {
            let diagonal = diagonal(&matrix(ctx, a, "x")?, 0);
            let last = diagonal.rank() - 1;
            args::done(ctx, crate::host::reduce::reduce(ctx, ReduceOp::Sum, &diagonal, &[last])?)
        },
    },
    OpDef {
        name: "tensor.diag",
        params: params!(x: Tensor, k: Int = "0"),
        doc: "The k-th diagonal of a matrix, or the square matrix with a vector on its k-th diagonal.",
        example: "tensor.diag(tensor.arange(3))",
        infer: infer_diag,
        run: diag,
    },
    OpDef {
        name: "tensor.tril",
        params: params!(x: Tensor, k: Int = "0"),
        doc: "The lower triangle of a matrix, zeros above the k-th diagonal.",
        example: "tensor.tril(tensor.ones(3, 3))",
        infer: infer_triangle,
        run: |ctx, a| triangle(ctx, a, |row, column, k| column - row <= k),
    },
    OpDef {
        name: "tensor.triu",
        params: params!(x: Tensor, k: Int = "0"),
        doc: "The upper triangle of a matrix, zeros below the k-th diagonal.",
        example: "tensor.triu(tensor.ones(3, 3))",
        infer: infer_triangle,
        run: |ctx, a| triangle(ctx, a, |row, column, k| column - row >= k),
    },
    OpDef {
        name: "tensor.softmax",
        params: params!(x: Tensor, axis: Int = "-1"),
        doc: "Exponentials along an axis, scaled to sum to 1. No overflow.",
        example: "tensor.softmax(tensor.arange(3))",
        infer: infer_normalized,
        run: |ctx, a| run_normalized(ctx, a, Normalization::Softmax),
    },
    OpDef {
        name: "tensor.log_softmax",
        params: params!(x: Tensor, axis: Int = "-1"),
        doc: "The logarithm of the softmax, exact also where the softmax is near 0.",
        example: "tensor.log_softmax(tensor.arange(3))",
        infer: infer_normalized,
        run: |ctx, a| run_normalized(ctx, a, Normalization::LogSoftmax),
    },
    OpDef {
        name: "tensor.layer_norm",
        params: params!(x: Tensor, weight: Tensor = "none", bias: Tensor = "none", epsilon: Number = "1e-5"),
        doc: "The last axis shifted to mean 0 and scaled to variance 1, then times weight plus bias.",
        example: "tensor.layer_norm(tensor.ones(2, 3))",
        infer: |a| {
            let ty = infer::tensor(a, 0, "x")?;
            let mut result = typed(ty.dtype.map(to_float), ty.shape);
            for (i, op) in [(1, BinaryOp::Mul), (2, BinaryOp::Add)] {
                if !matches!(infer::at(a, i), ArgType::None) {
                    result = infer_binary(op, &result, infer::at(a, i))?;
                }
            }
            Ok(result)
        },
        run: |ctx, a| {
            let x = args::tensor(ctx, a, 0, "x")?;
            let epsilon = args::number_or(a, 3, "epsilon", 1e-5)?;
            let last = x.rank().saturating_sub(1);
            let mut result = normalized(ctx, x, Normalization::Layer(epsilon), last)?;
            for (i, op) in [(1, BinaryOp::Mul), (2, BinaryOp::Add)] {
                if !matches!(args::at(a, i), Arg::None) {
                    result = apply_binary(ctx, op, result, args::at(a, i).clone())?;
                }
            }
            result.settled(ctx).map(Arg::Tensor)
        },
    },
];

/// A tensor type without axes, for what depends on the dtype alone.
fn scalar_like(ty: &ArgType) -> ArgType {
    match ty {
        ArgType::Tensor(t) => typed(t.dtype, Some(Vec::new())),
        // In a product of tensors numbers count as tensors, not as weak numbers.
        other => infer::operand(other, "a").map_or(ArgType::Unknown, ArgType::Tensor),
    }
}

fn infer_kron(a: &[ArgType]) -> Inferred {
    let (left, right) = (infer::tensor(a, 0, "a")?, infer::tensor(a, 1, "b")?);
    let product = infer_binary(BinaryOp::Mul, &scalar_like(infer::at(a, 0)), &scalar_like(infer::at(a, 1)))?;
    let ArgType::Tensor(ty) = product else { return Ok(ArgType::Unknown) };
    let (Some(l), Some(r)) = (left.shape, right.shape) else { return Ok(typed(ty.dtype, None)) };
    let rank = l.len().max(r.len());
    let at = |dims: &[Dim], i: usize| (i + dims.len()).checked_sub(rank).map_or(Dim::Known(1), |i| dims[i].clone());
    let product = |i| match (at(&l, i), at(&r, i)) {
        (Dim::Known(a), Dim::Known(b)) => a.checked_mul(b).map_or(Dim::Unknown, Dim::Known),
        _ => Dim::Unknown,
    };
    Ok(typed(ty.dtype, Some((0..rank).map(product).collect())))
}

fn kron(ctx: &Context, a: &[Arg]) -> Result<Arg, TensorError> {
    let (left, right) = (args::host(ctx, a, 0, "a")?, args::host(ctx, a, 1, "b")?);
    let rank = left.rank().max(right.rank());
    let at = |shape: &[usize], i: usize| (i + shape.len()).checked_sub(rank).map_or(1, |i| shape[i]);
    let (mut l, mut r, mut shape) = (Shape::new(), Shape::new(), Shape::new());
    for i in 0..rank {
        let (m, n) = (at(&left.shape, i), at(&right.shape, i));
        l.extend([m, 1]);
        r.extend([1, n]);
        shape.push(m.saturating_mul(n));
    }
    check_rank(&l)?;
    // Before anything is copied: the product is as large as both operands' sizes multiplied.
    ctx.measure(promote(left.dtype, right.dtype), &shape)?;
    let (left, right) = (left.reshaped(ctx, &l)?, right.reshaped(ctx, &r)?);
    let product = apply_binary(ctx, BinaryOp::Mul, Tensor::on_host(left), Tensor::on_host(right))?;
    args::done(ctx, product.into_host()?.reshaped(ctx, &shape)?)
}

/// An argument with at least two axes.
fn matrix(ctx: &Context, a: &[Arg], name: &'static str) -> Result<HostTensor, TensorError> {
    let x = args::host(ctx, a, 0, name)?;
    if x.rank() < 2 {
        return Err(TensorError::shape(&x.shape, "is no matrix: it has fewer than two axes"));
    }
    Ok(x)
}

fn infer_matrix(shape: Option<Vec<Dim>>) -> Result<Option<Vec<Dim>>, TensorError> {
    match shape {
        Some(dims) if dims.len() < 2 => Err(TensorError::Shape {
            shape: infer::written(&dims),
            problem: "is no matrix: it has fewer than two axes".to_owned(),
        }),
        other => Ok(other),
    }
}

/// The k-th diagonal of the last two axes, as a view along a new last axis.
fn diagonal(x: &HostTensor, k: i64) -> HostTensor {
    let rank = x.rank();
    let (rows, columns) = (x.shape[rank - 2], x.shape[rank - 1]);
    let (down, right) = if k >= 0 { (0, k as usize) } else { (k.unsigned_abs() as usize, 0) };
    let size = rows.saturating_sub(down).min(columns.saturating_sub(right));
    let mut view = x.narrowed(rank - 2, if size > 0 { down } else { 0 }, 1, size);
    view = view.narrowed(rank - 1, if size > 0 { right } else { 0 }, 1, size);
    let step = view.strides[rank - 2] + view.strides[rank - 1];
    view.shape.pop();
    view.strides.pop();
    view.strides[rank - 2] = step;
    view
}

fn infer_diag(a: &[ArgType]) -> Inferred {
    let ty = infer::tensor(a, 0, "x")?;
    let k = infer::int_or(a, 1, "k", 0)?;
    let shape = match ty.shape.as_deref() {
        Some([Dim::Known(n)]) => {
            let side = k.and_then(|k| n.checked_add(k.unsigned_abs() as usize)).map_or(Dim::Unknown, Dim::Known);
            Some(vec![side.clone(), side])
        }
        Some([_]) => Some(vec![Dim::Unknown, Dim::Unknown]),
        Some(dims) => infer_matrix(Some(dims.to_vec()))?.map(|mut dims| {
            dims.truncate(dims.len() - 1);
            let last = dims.len() - 1;
            dims[last] = Dim::Unknown;
            dims
        }),
        None => None,
    };
    Ok(typed(ty.dtype, shape))
}

fn diag(ctx: &Context, a: &[Arg]) -> Result<Arg, TensorError> {
    let x = args::host(ctx, a, 0, "x")?;
    let k = args::int_or(a, 1, "k", 0)?;
    if x.rank() != 1 {
        return args::done(ctx, diagonal(&matrix(ctx, a, "x")?, k));
    }
    let side = x.len().saturating_add(k.unsigned_abs() as usize);
    let mut square = HostTensor::zeros(ctx, x.dtype, &[side, side])?;
    let view = diagonal(&square, k);
    let (start, step, x) = (view.offset, view.strides[0] as usize, x.packed(ctx)?);
    drop(view);
    crate::element::with_element!(x.dtype, T => {
        let target = square.as_mut_slice::<T>().expect("a fresh tensor is packed and its own");
        let start = start.min(target.len());
        for (slot, &value) in target[start..].iter_mut().step_by(step.max(1)).zip(x.slice::<T>()) {
            *slot = value;
        }
    });
    args::done(ctx, square)
}

fn infer_triangle(a: &[ArgType]) -> Inferred {
    let ty = infer::tensor(a, 0, "x")?;
    infer::int_or(a, 1, "k", 0)?;
    Ok(typed(ty.dtype, infer_matrix(ty.shape)?))
}

fn triangle(ctx: &Context, a: &[Arg], keep: impl Fn(i64, i64, i64) -> bool) -> Result<Arg, TensorError> {
    let x = matrix(ctx, a, "x")?;
    let k = args::int_or(a, 1, "k", 0)?.clamp(-(1 << 60), 1 << 60);
    let (rows, columns) = (x.shape[x.rank() - 2], x.shape[x.rank() - 1]);
    let mut copy = crate::host::copy::pack(ctx, &x)?;
    crate::element::with_element!(x.dtype, T => {
        let values = copy.as_mut_slice::<T>().expect("a fresh copy is packed and its own");
        for (i, row) in values.chunks_mut(columns.max(1)).enumerate() {
            for (column, value) in row.iter_mut().enumerate() {
                if !keep((i % rows) as i64, column as i64, k) {
                    *value = T::default();
                }
            }
        }
    });
    args::done(ctx, copy)
}

fn infer_normalized(a: &[ArgType]) -> Inferred {
    let ty = infer::tensor(a, 0, "x")?;
    infer::axis(infer::int_or(a, 1, "axis", -1)?, ty.shape.as_ref().map(Vec::len))?;
    Ok(typed(ty.dtype.map(to_float), ty.shape))
}

fn run_normalized(ctx: &Context, a: &[Arg], kind: Normalization) -> Result<Arg, TensorError> {
    let x = args::tensor(ctx, a, 0, "x")?;
    let axis = args::axis(a, 1, "axis", -1, x.rank())?;
    normalized(ctx, x, kind, axis)?.settled(ctx).map(Arg::Tensor)
}

/// `x` normalised along `axis`, which a 0-d tensor has none of.
fn normalized(ctx: &Context, x: Tensor, kind: Normalization, axis: usize) -> Result<Tensor, TensorError> {
    if let Some(gpu) = x.as_gpu()
        && !ctx.is_precise()
        && let Some(result) = gpu.normalize(ctx, kind, axis)?
    {
        return Ok(Tensor::on_gpu(result));
    }
    let x = x.into_host()?;
    let dtype = to_float(x.dtype);
    let x = cast(ctx, &x, if ctx.is_precise() { DType::F64 } else { dtype })?;
    let mut order: Vec<usize> = (0..x.rank()).collect();
    if let Some(last) = x.rank().checked_sub(1) {
        order.swap(axis, last);
    }
    let result = normalize(ctx, kind, &x.permuted(&order))?;
    Ok(Tensor::on_host(cast(ctx, &result, dtype)?.permuted(&order)))
}
