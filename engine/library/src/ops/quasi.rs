//! Points that fill the unit cube evenly, and the diagnosis of chains of draws.

use nexus_numerics::{HALTON_DIMENSIONS_MAX, Halton, SOBOL_DIMENSIONS_MAX, SOBOL_POINTS_MAX, Sobol, diagnose};
use nexus_tensor::infer::{self, Inferred, typed};
use nexus_tensor::{Arg, ArgType, Context, DType, OpDef, Tensor, TensorError, args, params};

use super::Entry;
use super::distributions::{PIECE, number_of};
use crate::autodiff::Gradient;

pub(super) const OPS: &[Entry] = &[
    (
        OpDef {
            name: "stats.sobol",
            params: params!(n: Int, dimensions: Int, scramble: Bool = "true", dtype: DType = "f64"),
            doc: "The first n points of Sobol's sequence in so many dimensions, [n, dimensions], in [0, 1); n should be a \
                  power of two. Scrambled by Owen's method with the run's seed, or the plain sequence.",
            example: "stats.sobol(4, 2, scramble = false)",
            infer: infer_points,
            run: |ctx, a| {
                let (n, dimensions, key) = sequence(ctx, a)?;
                let many = format!("are more than the {SOBOL_DIMENSIONS_MAX} that this sequence has");
                let none = || TensorError::argument("dimensions", if dimensions == 0 { NONE.to_owned() } else { many });
                let mut points = Sobol::new(dimensions, key).ok_or_else(none)?;
                if n as u64 > SOBOL_POINTS_MAX {
                    return Err(TensorError::argument("n", format!("is above {SOBOL_POINTS_MAX}, where it ends")));
                }
                fill(ctx, a, n, dimensions, |point| points.next_point(point))
            },
        },
        Gradient::Zero,
    ),
    (
        OpDef {
            name: "stats.halton",
            params: params!(n: Int, dimensions: Int, scramble: Bool = "true", dtype: DType = "f64"),
            doc: "The first n points of Halton's sequence in so many dimensions, [n, dimensions], in [0, 1), for any n. \
                  Its digits are permuted at random with the run's seed, or it is the plain sequence.",
            example: "stats.halton(4, 2, scramble = false)",
            infer: infer_points,
            run: |ctx, a| {
                let (n, dimensions, key) = sequence(ctx, a)?;
                let many = format!("are more than the {HALTON_DIMENSIONS_MAX} that this sequence has");
                let none = || TensorError::argument("dimensions", if dimensions == 0 { NONE.to_owned() } else { many });
                let mut points = Halton::new(dimensions, key).ok_or_else(none)?;
                fill(ctx, a, n, dimensions, |point| points.next_point(point))
            },
        },
        Gradient::Zero,
    ),
    (
        OpDef {
            name: "stats.diagnose",
            params: params!(chains: Tensor),
            doc: "Whether chains of draws of one quantity, [chains, draws], can be trusted. A record: r_hat (near 1 where \
                  they agree; not to be trusted above 1.01), ess_bulk and ess_tail (how many independent draws they are \
                  worth for the middle and for the tails), after Vehtari and others (2021).",
            example: "stats.diagnose(tensor.randn([4, 100])).r_hat",
            infer: |a| {
                if infer::tensor(a, 0, "chains")?.shape.is_some_and(|dims| dims.len() != 2) {
                    return Err(TensorError::argument("chains", "must have two axes: chains and draws"));
                }
                let number = || ArgType::Scalar(None);
                Ok(infer::record([("r_hat", number()), ("ess_bulk", number()), ("ess_tail", number())]))
            },
            run: |ctx, a| {
                let chains = args::tensor(ctx, a, 0, "chains")?;
                let &[_, draws] = chains.shape() else {
                    return Err(TensorError::shape(chains.shape(), "is no table of chains and draws"));
                };
                let values = chains.to_f64s(ctx)?;
                let rows: Vec<&[f64]> = values.chunks(draws.max(1)).collect();
                let found = diagnose(&rows);
                Ok(args::record([
                    ("r_hat", Arg::Scalar(found.r_hat)),
                    ("ess_bulk", Arg::Scalar(found.ess_bulk)),
                    ("ess_tail", Arg::Scalar(found.ess_tail)),
                ]))
            },
        },
        Gradient::Missing,
    ),
];

const NONE: &str = "must be positive";

fn infer_points(a: &[ArgType]) -> Inferred {
    let shape =
        vec![infer::size(infer::int(a, 0, "n")?, "n")?, infer::size(infer::int(a, 1, "dimensions")?, "dimensions")?];
    infer::bool_or(a, 2, "scramble", true)?;
    Ok(typed(infer::dtype(a, 3, "dtype", Some(DType::F64))?, Some(shape)))
}

/// The number of points and of dimensions, and the key of the scrambling.
fn sequence(ctx: &Context, a: &[Arg]) -> Result<(usize, usize, Option<u64>), TensorError> {
    let (n, dimensions) = (args::count(a, 0, "n")?, args::count(a, 1, "dimensions")?);
    number_of(ctx, &[n, dimensions])?;
    let scramble = args::bool_or(a, 2, "scramble", true)?;
    Ok((n, dimensions, scramble.then(|| ctx.draw_seed())))
}

fn fill(
    ctx: &Context,
    a: &[Arg],
    n: usize,
    dimensions: usize,
    mut next: impl FnMut(&mut [f64]),
) -> Result<Arg, TensorError> {
    let dtype = args::dtype(a, 3, "dtype")?.unwrap_or(DType::F64);
    let _room = ctx.room(n.saturating_mul(dimensions), size_of::<f64>())?;
    let mut values = vec![0.0; n * dimensions];
    for (i, point) in values.chunks_exact_mut(dimensions).enumerate() {
        if i % PIECE == 0 {
            ctx.poll()?;
        }
        next(point);
    }
    Tensor::from_f64s(ctx, dtype, &[n, dimensions], &values).map(Arg::Tensor)
}
