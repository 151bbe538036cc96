//! Eigenvalues of matrices that need not be symmetric.
//!
//! They may be complex: complex results are records with the parts `re` and `im`.

use super::infer::{self, Inferred};
use super::linalg::{field, finish, infer_square, with_field, with_last};
use super::{args, params};
use crate::host::eigen::{eigenpairs, eigenvalues};
use crate::host::linalg::Stack;
use crate::op::{Arg, ArgType, OpDef};
use crate::{Context, TensorError};

pub(super) const OPS: &[OpDef] = &[
    OpDef {
        name: "linalg.eig",
        params: params!(a: Tensor),
        doc: "The eigenvalues of a square matrix and its eigenvectors (of length 1, in columns), as a record: values and \
              vectors, each a record of the real part re and the imaginary part im. For symmetric matrices linalg.eigh \
              is faster and more exact.",
        example: "linalg.eig(tensor.eye(2)).values.re",
        infer: |a| {
            let vectors = infer_square(a, |dims| dims)?;
            Ok(infer::record([("values", infer_values(a)?), ("vectors", parts(&vectors))]))
        },
        run: |ctx, a| {
            let (x, dtype) = field(ctx, a)?;
            let stack = Stack::square(ctx, &x)?;
            let [re, im, v_re, v_im] = with_field!(x.dtype, T => eigenpairs::<T>(ctx, &stack))?;
            let complex = |re, im| -> Result<Arg, TensorError> {
                Ok(args::record([("re", finish(ctx, re, dtype)?), ("im", finish(ctx, im, dtype)?)]))
            };
            Ok(args::record([("values", complex(re, im)?), ("vectors", complex(v_re, v_im)?)]))
        },
    },
    OpDef {
        name: "linalg.eigvals",
        params: params!(a: Tensor),
        doc: "The eigenvalues of a square matrix, as a record of the real part re and the imaginary part im.",
        example: "linalg.eigvals(tensor.eye(2)).re",
        infer: infer_values,
        run: values,
    },
];

fn parts(ty: &ArgType) -> ArgType {
    infer::record([("re", ty.clone()), ("im", ty.clone())])
}

fn infer_values(a: &[ArgType]) -> Inferred {
    Ok(parts(&infer_square(a, |dims| with_last(dims, |n, _| n.clone()))?))
}

fn values(ctx: &Context, a: &[Arg]) -> Result<Arg, TensorError> {
    let (x, dtype) = field(ctx, a)?;
    let stack = Stack::square(ctx, &x)?;
    let [re, im] = with_field!(x.dtype, T => eigenvalues::<T>(ctx, &stack))?;
    Ok(args::record([("re", finish(ctx, re, dtype)?), ("im", finish(ctx, im, dtype)?)]))
}
