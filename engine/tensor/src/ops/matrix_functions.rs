//! Functions of whole matrices, and decompositions that leave the small part away.

use nexus_model::DType;

use super::infer::{self, Dims, Inferred, typed};
use super::linalg::{field, finish, infer_matrix, infer_square, with_field, with_last};
use super::{args, params};
use crate::host::elementwise::cast;
use crate::host::exponential::exponential;
use crate::host::linalg::Stack;
use crate::host::truncated::{Search, truncated_svd};
use crate::op::{Arg, ArgType, Dim, OpDef};
use crate::{Context, TensorError};

pub(super) const OPS: &[OpDef] = &[
    OpDef {
        name: "linalg.expm",
        params: params!(a: Tensor),
        doc: "The exponential of a square matrix, or of each in a stack: the limit of (1 + a/n)^n. Computed in f64 by \
              scaling and squaring.",
        example: "linalg.expm(tensor.zeros(2, 2))",
        infer: |a| infer_square(a, |dims| dims),
        run: |ctx, a| {
            let (x, dtype) = field(ctx, a)?;
            let wide = cast(ctx, &x, DType::F64)?;
            finish(ctx, exponential(ctx, &Stack::square(ctx, &wide)?)?, dtype)
        },
    },
    OpDef {
        name: "linalg.svd_truncated",
        params: params!(a: Tensor, k: Int, oversampling: Int = "10", iterations: Int = "4"),
        doc: "The k largest singular values in descending order and their vectors, as a record of u, s and vt with \
              a ≈ u @ diag(s) @ vt: by a randomised search, which takes a fraction of the time of linalg.svd. Values \
              that stand out from the rest are exact to the precision; more iterations help where they hardly do.",
        example: "linalg.svd_truncated(tensor.eye(3), 1).s",
        infer: infer_truncated,
        run: run_truncated,
    },
];

const OPTIONS: [(&str, i64); 2] = [("oversampling", 10), ("iterations", 4)];

fn run_truncated(ctx: &Context, a: &[Arg]) -> Result<Arg, TensorError> {
    let (x, dtype) = field(ctx, a)?;
    let stack = Stack::new(ctx, &x)?;
    let rank = args::count(a, 1, "k")?;
    if rank > stack.rows.min(stack.columns) {
        return Err(TensorError::argument("k", too_many(rank, stack.rows.min(stack.columns))));
    }
    let [oversampling, iterations] = OPTIONS;
    let option = |i: usize, (name, default): (&'static str, i64)| -> Result<usize, TensorError> {
        let value = args::int_or(a, i, name, default)?;
        usize::try_from(value).map_err(|_| TensorError::argument(name, format!("must not be negative, is {value}")))
    };
    let search = Search { rank, oversampling: option(2, oversampling)?, iterations: option(3, iterations)? };
    let svd = with_field!(x.dtype, T => truncated_svd::<T>(ctx, &stack, search))?;
    Ok(args::record([
        ("u", finish(ctx, svd.u, dtype)?),
        ("s", finish(ctx, svd.s, dtype)?),
        ("vt", finish(ctx, svd.vt, dtype)?),
    ]))
}

fn too_many(k: usize, most: usize) -> String {
    format!("is {k}, but the matrix has {most} singular values")
}

fn infer_truncated(a: &[ArgType]) -> Inferred {
    let k = infer::size(infer::int(a, 1, "k")?, "k")?;
    for (i, (name, _)) in (2..).zip(OPTIONS) {
        infer::int_or(a, i, name, 0)?;
    }
    let ty = infer::tensor(a, 0, "a")?;
    if let (Dim::Known(k), Some([.., Dim::Known(m), Dim::Known(n)])) = (&k, ty.shape.as_deref())
        && k > m.min(n)
    {
        return Err(TensorError::argument("k", too_many(*k, *m.min(n))));
    }
    let part = |shape: &dyn Fn(Dims) -> Dims| -> Inferred {
        let ArgType::Tensor(ty) = infer_matrix(a, shape)? else { return Ok(ArgType::Unknown) };
        Ok(typed(ty.dtype, ty.shape))
    };
    let sides = |dims: &Dims| (dims.len() - 2, dims.len() - 1);
    let u = part(&|mut dims| {
        let (_, columns) = sides(&dims);
        dims[columns] = k.clone();
        dims
    })?;
    let vt = part(&|mut dims| {
        let (rows, _) = sides(&dims);
        dims[rows] = k.clone();
        dims
    })?;
    let s = part(&|dims| {
        let mut dims = with_last(dims, |rows, _| rows.clone());
        let last = dims.len() - 1;
        dims[last] = k.clone();
        dims
    })?;
    Ok(infer::record([("u", u), ("s", s), ("vt", vt)]))
}
