//! Functions around the gamma function, elementwise. The mathematics is in `nexus-numerics`.

use nexus_tensor::infer::{self, Inferred, typed};
use nexus_tensor::{Arg, ArgType, Context, OpDef, Tensor, TensorError, args, params};

use super::Entry;
use super::distributions::{PIECE, float};
use crate::autodiff::Gradient;

/// Orders of polygamma that are computed: factorials of more overflow soon.
const ORDER_MAX: i64 = 100;

pub(super) const OPS: &[Entry] = &[
    (
        OpDef {
            name: "math.lgamma",
            params: params!(x: Tensor),
            doc: "The natural logarithm of the size of the gamma function, which does not overflow. Of a tensor elementwise.",
            example: "math.lgamma(171.5)",
            infer: |a| infer_like(a, 0),
            run: |ctx, a| elementwise(ctx, a, 0, nexus_numerics::ln_gamma),
        },
        Gradient::Missing,
    ),
    (
        OpDef {
            name: "math.digamma",
            params: params!(x: Tensor),
            doc: "The derivative of `math.lgamma`; NaN at zero and at negative whole numbers. Of a tensor elementwise.",
            example: "math.digamma(1.0)",
            infer: |a| infer_like(a, 0),
            run: |ctx, a| elementwise(ctx, a, 0, nexus_numerics::digamma),
        },
        Gradient::Missing,
    ),
    (
        OpDef {
            name: "math.polygamma",
            params: params!(n: Int, x: Tensor),
            doc: "The n-th derivative of `math.digamma`, n from 0 to 100; for n above 0 of positive x, and NaN elsewhere. Of \
                  a tensor elementwise.",
            example: "math.polygamma(1, 1.0)",
            infer: |a| {
                if let Some(n) = infer::int(a, 0, "n")? {
                    order(n)?;
                }
                infer_like(a, 1)
            },
            run: |ctx, a| {
                let n = order(args::int(a, 0, "n")?)?;
                elementwise(ctx, a, 1, |x| nexus_numerics::polygamma(n, x))
            },
        },
        Gradient::Missing,
    ),
];

fn order(n: i64) -> Result<u32, TensorError> {
    let known = u32::try_from(n).ok().filter(|_| n <= ORDER_MAX);
    known.ok_or_else(|| TensorError::argument("n", format!("is {n}; it may be 0 to {ORDER_MAX}")))
}

fn infer_like(a: &[ArgType], i: usize) -> Inferred {
    match infer::at(a, i) {
        ArgType::Int(_) | ArgType::Scalar(_) => Ok(ArgType::Scalar(None)),
        _ => {
            let ty = infer::tensor(a, i, "x")?;
            Ok(typed(ty.dtype.map(float), ty.shape))
        }
    }
}

/// Computed in f64 and rounded to the dtype of the argument.
fn elementwise(ctx: &Context, a: &[Arg], i: usize, f: impl Fn(f64) -> f64) -> Result<Arg, TensorError> {
    let Arg::Tensor(tensor) = args::at(a, i) else { return args::number(a, i, "x").map(|x| Arg::Scalar(f(x))) };
    let mut values = tensor.to_f64s(ctx)?;
    for piece in values.chunks_mut(PIECE) {
        ctx.poll()?;
        piece.iter_mut().for_each(|x| *x = f(*x));
    }
    Tensor::from_f64s(ctx, float(tensor.dtype()), tensor.shape(), &values).map(Arg::Tensor)
}
