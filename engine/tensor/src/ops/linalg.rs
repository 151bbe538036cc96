//! Linear algebra: solving, decomposing, measuring matrices. Stacks of matrices are treated one by one.
//!
//! Ints compute in f32, halves in f32 and are rounded back. On a GPU the matrices come to the host once and the
//! results go back: the algorithms are sequential at heart, and the host is faster for all but huge ones.

use nexus_model::DType;

use super::infer::{self, Dims, Inferred, typed};
use super::linalg_rules::{
    condition, infer_lstsq, infer_norm, infer_qr, infer_solve, infer_svd, lstsq, norm, rank, solve,
};
use super::{args, params};
use crate::host::HostTensor;
use crate::host::elementwise::cast;
use crate::host::linalg::{self as kernels, Stack};
use crate::op::{Arg, ArgType, Dim, OpDef};
use crate::promotion::to_float;
use crate::{Context, TensorError};

/// Runs `$body` with `$T` standing for the float that the matrix is computed in.
macro_rules! with_field {
    ($dtype:expr, $T:ident => $body:expr) => {
        if $dtype == nexus_model::DType::F64 {
            type $T = f64;
            $body
        } else {
            type $T = f32;
            $body
        }
    };
}
pub(super) use with_field;

pub(super) const OPS: &[OpDef] = &[
    OpDef {
        name: "linalg.solve",
        params: params!(a: Tensor, b: Tensor),
        doc: "The x with a @ x = b, for a square a that is not singular. b is a vector or a matrix.",
        example: "linalg.solve(tensor.eye(2), tensor.ones(2))",
        infer: infer_solve,
        run: solve,
    },
    OpDef {
        name: "linalg.inv",
        params: params!(a: Tensor),
        doc: "The inverse of a square matrix that is not singular.",
        example: "linalg.inv(tensor.eye(2))",
        infer: |a| infer_square(a, |dims| dims),
        run: |ctx, a| {
            let (x, dtype) = field(ctx, a)?;
            let stack = Stack::square(ctx, &x)?;
            finish(ctx, with_field!(x.dtype, T => kernels::inverse::<T>(ctx, &stack))?, dtype)
        },
    },
    OpDef {
        name: "linalg.pinv",
        params: params!(a: Tensor, rcond: Number = "none"),
        doc: "The pseudoinverse by Moore and Penrose. Singular values at most rcond times the largest count as zero; \
              without it, the larger side times the precision.",
        example: "linalg.pinv(tensor.ones(3, 2))",
        infer: |a| {
            infer::number(a, 1, "rcond")?;
            infer_matrix(a, |mut dims| {
                let last = dims.len() - 1;
                dims.swap(last - 1, last);
                dims
            })
        },
        run: |ctx, a| {
            let (x, dtype) = field(ctx, a)?;
            let stack = Stack::new(ctx, &x)?;
            let cutoff = cutoff(a, 1)?;
            finish(ctx, with_field!(x.dtype, T => kernels::pseudoinverse::<T>(ctx, &stack, cutoff))?, dtype)
        },
    },
    OpDef {
        name: "linalg.det",
        params: params!(a: Tensor),
        doc: "The determinant of a square matrix.",
        example: "linalg.det(tensor.eye(3))",
        infer: |a| infer_square(a, batch),
        run: |ctx, a| {
            let (x, dtype) = field(ctx, a)?;
            let stack = Stack::square(ctx, &x)?;
            finish(ctx, with_field!(x.dtype, T => kernels::determinant::<T>(ctx, &stack))?, dtype)
        },
    },
    OpDef {
        name: "linalg.slogdet",
        params: params!(a: Tensor),
        doc: "The determinant of a square matrix as a record: its sign, and logabsdet, the logarithm of its absolute \
              value, which neither overflows nor vanishes.",
        example: "linalg.slogdet(tensor.eye(3)).logabsdet",
        infer: |a| {
            let part = infer_square(a, batch)?;
            Ok(infer::record([("sign", part.clone()), ("logabsdet", part)]))
        },
        run: |ctx, a| {
            let (x, dtype) = field(ctx, a)?;
            let stack = Stack::square(ctx, &x)?;
            let (sign, log) = with_field!(x.dtype, T => kernels::log_determinant::<T>(ctx, &stack))?;
            Ok(args::record([("sign", finish(ctx, sign, dtype)?), ("logabsdet", finish(ctx, log, dtype)?)]))
        },
    },
    OpDef {
        name: "linalg.lu",
        params: params!(a: Tensor),
        doc: "The factors p, l and u with a = p @ l @ u: a permutation, unit lower and upper triangular. As SciPy's.",
        example: "linalg.lu(tensor.eye(2)).u",
        infer: |a| {
            let matrix = infer_matrix(a, |dims| dims)?;
            let ArgType::Tensor(ty) = &matrix else { return Ok(ArgType::Unknown) };
            let part = |rows: Side, columns: Side| {
                typed(ty.dtype, ty.shape.clone().map(|dims| with_sides(dims, rows, columns)))
            };
            Ok(infer::record([("p", part(rows, rows)), ("l", part(rows, shorter)), ("u", part(shorter, columns))]))
        },
        run: |ctx, a| {
            let (x, dtype) = field(ctx, a)?;
            let stack = Stack::new(ctx, &x)?;
            let [p, l, u] = with_field!(x.dtype, T => kernels::lu::<T>(ctx, &stack))?;
            Ok(args::record([
                ("p", finish(ctx, p, dtype)?),
                ("l", finish(ctx, l, dtype)?),
                ("u", finish(ctx, u, dtype)?),
            ]))
        },
    },
    OpDef {
        name: "linalg.qr",
        params: params!(a: Tensor),
        doc: "The factors q and r with a = q @ r: orthonormal columns and upper triangular, in reduced form.",
        example: "linalg.qr(tensor.eye(2)).r",
        infer: infer_qr,
        run: |ctx, a| {
            let (x, dtype) = field(ctx, a)?;
            let stack = Stack::new(ctx, &x)?;
            let [q, r] = with_field!(x.dtype, T => kernels::qr::<T>(ctx, &stack))?;
            Ok(args::record([("q", finish(ctx, q, dtype)?), ("r", finish(ctx, r, dtype)?)]))
        },
    },
    OpDef {
        name: "linalg.cholesky",
        params: params!(a: Tensor),
        doc: "The lower triangular l with a = l @ transpose(l), for a symmetric positive definite a. Only the lower \
              triangle of a is read.",
        example: "linalg.cholesky(tensor.eye(2))",
        infer: |a| infer_square(a, |dims| dims),
        run: |ctx, a| {
            let (x, dtype) = field(ctx, a)?;
            let stack = Stack::square(ctx, &x)?;
            finish(ctx, with_field!(x.dtype, T => kernels::cholesky::<T>(ctx, &stack))?, dtype)
        },
    },
    OpDef {
        name: "linalg.svd",
        params: params!(a: Tensor, full_matrices: Bool = "true"),
        doc: "The singular value decomposition a = u @ diag(s) @ vt, as a record; s is in descending order. Without \
              full_matrices u and vt have only as many vectors as there are singular values.",
        example: "linalg.svd(tensor.eye(2), full_matrices = false).s",
        infer: infer_svd,
        run: |ctx, a| {
            let (x, dtype) = field(ctx, a)?;
            let full = args::bool_or(a, 1, "full_matrices", true)?;
            let stack = Stack::new(ctx, &x)?;
            let svd = with_field!(x.dtype, T => kernels::svd::<T>(ctx, &stack, full))?;
            Ok(args::record([
                ("u", finish(ctx, svd.u, dtype)?),
                ("s", finish(ctx, svd.s, dtype)?),
                ("vt", finish(ctx, svd.vt, dtype)?),
            ]))
        },
    },
    OpDef {
        name: "linalg.svdvals",
        params: params!(a: Tensor),
        doc: "The singular values in descending order, without the vectors.",
        example: "linalg.svdvals(tensor.eye(2))",
        infer: |a| infer_matrix(a, |dims| with_last(dims, shorter)),
        run: |ctx, a| {
            let (x, dtype) = field(ctx, a)?;
            let stack = Stack::new(ctx, &x)?;
            finish(ctx, with_field!(x.dtype, T => kernels::singular_values::<T>(ctx, &stack))?, dtype)
        },
    },
    OpDef {
        name: "linalg.eigh",
        params: params!(a: Tensor),
        doc: "The eigenvalues of a symmetric matrix in ascending order, and the eigenvectors in columns, as a record: \
              values and vectors. Only the lower triangle of a is read.",
        example: "linalg.eigh(tensor.eye(2)).values",
        infer: |a| {
            let vectors = infer_square(a, |dims| dims)?;
            Ok(infer::record([
                ("values", infer_square(a, |dims| with_last(dims, |n, _| n.clone()))?),
                ("vectors", vectors),
            ]))
        },
        run: |ctx, a| {
            let (x, dtype) = field(ctx, a)?;
            let stack = Stack::square(ctx, &x)?;
            let [values, vectors] = with_field!(x.dtype, T => kernels::eigh::<T>(ctx, &stack))?;
            Ok(args::record([("values", finish(ctx, values, dtype)?), ("vectors", finish(ctx, vectors, dtype)?)]))
        },
    },
    OpDef {
        name: "linalg.lstsq",
        params: params!(a: Tensor, b: Tensor, rcond: Number = "none"),
        doc: "The x of least norm that minimises |a @ x - b|, as a record: x, residuals, rank and the singular values s. \
              Stacks of matrices give stacks, and a tensor of ranks.",
        example: "linalg.lstsq(tensor.eye(3), tensor.ones(3)).x",
        infer: infer_lstsq,
        run: lstsq,
    },
    OpDef {
        name: "linalg.matrix_rank",
        params: params!(a: Tensor, rtol: Number = "none"),
        doc: "The number of singular values above rtol times the largest; without it, the larger side times the \
              precision.",
        example: "linalg.matrix_rank(tensor.ones(3, 3))",
        infer: |a| {
            let ArgType::Tensor(ty) = infer_matrix(a, batch)? else { return Ok(ArgType::Unknown) };
            Ok(typed(Some(DType::I64), ty.shape))
        },
        run: rank,
    },
    OpDef {
        name: "linalg.cond",
        params: params!(a: Tensor),
        doc: "The condition number: the largest singular value over the smallest.",
        example: "linalg.cond(tensor.eye(3))",
        infer: |a| infer_matrix(a, batch),
        run: condition,
    },
    OpDef {
        name: "linalg.norm",
        params: params!(x: Tensor, ord: Any = "none", axis: Ints = "none", keepdims: Bool = "false"),
        doc: "A norm. Of a vector, or along one axis: ord 2 (the default), 1, 0, any p, \"inf\" or \"-inf\". Of a \
              matrix: \"fro\" (the default), \"nuc\", 1, 2, -1, -2, \"inf\" or \"-inf\".",
        example: "linalg.norm(tensor.from_list([3.0, 4.0]))",
        infer: infer_norm,
        run: norm,
    },
];

/// Argument 0 in the float it is computed in, and the dtype that the result gets.
pub(super) fn field(ctx: &Context, a: &[Arg]) -> Result<(HostTensor, DType), TensorError> {
    let x = args::host(ctx, a, 0, "a")?;
    let result = to_float(x.dtype);
    let compute = if result == DType::F64 { DType::F64 } else { DType::F32 };
    Ok((cast(ctx, &x, compute)?, result))
}

pub(super) fn finish(ctx: &Context, host: HostTensor, dtype: DType) -> Result<Arg, TensorError> {
    args::done(ctx, cast(ctx, &host, dtype)?)
}

/// A relative bound, `None` where it was left out.
pub(super) fn cutoff(a: &[Arg], i: usize) -> Result<Option<f64>, TensorError> {
    if matches!(args::at(a, i), Arg::None) { Ok(None) } else { args::number(a, i, "rcond").map(Some) }
}

/// The leading axes.
pub(super) fn batch(mut dims: Dims) -> Dims {
    dims.truncate(dims.len() - 2);
    dims
}

/// A side of a result, from the rows and columns of the matrix.
type Side = fn(&Dim, &Dim) -> Dim;

fn rows(rows: &Dim, _: &Dim) -> Dim {
    rows.clone()
}

fn columns(_: &Dim, columns: &Dim) -> Dim {
    columns.clone()
}

/// The shorter of two sides, where known.
pub(super) fn shorter(rows: &Dim, columns: &Dim) -> Dim {
    match (rows, columns) {
        (Dim::Known(m), Dim::Known(n)) => Dim::Known(*m.min(n)),
        (a, b) if a == b => a.clone(),
        _ => Dim::Unknown,
    }
}

/// The last two axes replaced by one.
pub(super) fn with_last(mut dims: Dims, last: Side) -> Dims {
    let size = last(&dims[dims.len() - 2], &dims[dims.len() - 1]);
    dims.truncate(dims.len() - 2);
    dims.push(size);
    dims
}

/// The last two axes replaced by two.
pub(super) fn with_sides(mut dims: Dims, rows: Side, columns: Side) -> Dims {
    let last = dims.len() - 1;
    let (m, n) = (rows(&dims[last - 1], &dims[last]), columns(&dims[last - 1], &dims[last]));
    dims[last - 1] = m;
    dims[last] = n;
    dims
}

/// A float result whose shape follows from the matrix in argument 0.
pub(super) fn infer_matrix(a: &[ArgType], shape: impl Fn(Dims) -> Dims) -> Inferred {
    let ty = infer::tensor(a, 0, "a")?;
    if let Some(dims) = &ty.shape
        && dims.len() < 2
    {
        return Err(TensorError::Shape {
            shape: infer::written(dims),
            problem: "is no matrix: it has fewer than two axes".to_owned(),
        });
    }
    Ok(typed(ty.dtype.map(to_float), ty.shape.map(shape)))
}

/// As [`infer_matrix`], for a matrix that must be square.
pub(super) fn infer_square(a: &[ArgType], shape: impl Fn(Dims) -> Dims) -> Inferred {
    if let Some(dims) = infer::tensor(a, 0, "a")?.shape
        && let [.., Dim::Known(m), Dim::Known(n)] = dims[..]
        && m != n
    {
        return Err(TensorError::Shape {
            shape: infer::written(&dims),
            problem: "is not square in its last two axes".to_owned(),
        });
    }
    infer_matrix(a, shape)
}
