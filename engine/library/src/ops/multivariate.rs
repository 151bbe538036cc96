//! Distributions of vectors and of categories, and what data make of a prior: beside `distributions`, whose functions
//! take these records too.

use nexus_numerics::Multivariate;
use nexus_tensor::infer::{self, Dims, Inferred, typed};
use nexus_tensor::{Arg, ArgType, Context, DType, Dim, OpDef, Tensor, TensorError, args, params};

use super::distributions::{Measure, PIECE, float, number_of};
use super::hypothesis::sample;
use super::{Entry, multivariate_densities};
use crate::autodiff::Gradient;
use crate::streams::Stream;

pub(super) const OPS: &[Entry] = &[
    (
        OpDef {
            name: "stats.categorical",
            params: params!(p: Any),
            doc: "Categories, the whole numbers from 0 on, with probabilities in proportion to the weights p.",
            example: "stats.categorical([0.2, 0.8])",
            infer: |a| infer_family(a, "categorical", &["p"]),
            run: |ctx, a| make(ctx, "categorical", &[("p", args::at(a, 0))]),
        },
        Gradient::Missing,
    ),
    (
        OpDef {
            name: "stats.dirichlet",
            params: params!(alpha: Any),
            doc: "Shares that sum to 1, with concentrations alpha; their means are in proportion to alpha.",
            example: "stats.dirichlet([1.0, 2.0, 3.0])",
            infer: |a| infer_family(a, "dirichlet", &["alpha"]),
            run: |ctx, a| make(ctx, "dirichlet", &[("alpha", args::at(a, 0))]),
        },
        Gradient::Composite(|t, a| multivariate_densities::made(t, ("dirichlet", &["alpha"]), a)),
    ),
    (
        OpDef {
            name: "stats.multivariate_normal",
            params: params!(mean: Any, cov: Tensor),
            doc: "The normal distribution of vectors with this mean and this covariance matrix, which is symmetric and \
                  positive definite.",
            example: "stats.multivariate_normal([0.0, 1.0], tensor.eye(2))",
            infer: |a| infer_family(a, "multivariate_normal", &["mean", "cov"]),
            run: |ctx, a| make(ctx, "multivariate_normal", &[("mean", args::at(a, 0)), ("cov", args::at(a, 1))]),
        },
        Gradient::Composite(|t, a| multivariate_densities::made(t, ("multivariate_normal", &["mean", "cov"]), a)),
    ),
    (
        OpDef {
            name: "stats.posterior",
            params: params!(prior: Any, likelihood: Str, data: Any, known: Number = "none"),
            doc: "What data make of a conjugate prior, as a distribution of the same family: a beta prior with \
                  \"bernoulli\" or \"binomial\" data (known: the trials of each), a gamma prior with \"poisson\" or \
                  \"exponential\" data, a normal prior with \"normal\" data (known: their std), a dirichlet prior with \
                  \"categorical\" data.",
            example: "stats.posterior(stats.beta(1, 1), \"bernoulli\", [1, 0, 1, 1])",
            infer: |a| Ok(infer::at(a, 0).clone()),
            run: posterior,
        },
        Gradient::Missing,
    ),
];

/// The families of this file whose values are vectors.
const VECTORS: [&str; 2] = ["dirichlet", "multivariate_normal"];

fn infer_family(a: &[ArgType], family: &'static str, fields: &[&'static str]) -> Inferred {
    for (i, field) in fields.iter().enumerate() {
        if let ArgType::Str(_) | ArgType::Bool(_) | ArgType::Function = infer::at(a, i) {
            return Err(TensorError::argument(field, "must be a tensor or a list of numbers"));
        }
    }
    let name = ("family", ArgType::Str(Some(family.into())));
    let rank = |field: &str| if field == "cov" { 2 } else { 1 };
    let field = |&field: &&'static str| (field, typed(Some(DType::F64), Some(vec![Dim::Unknown; rank(field)])));
    Ok(infer::record(std::iter::once(name).chain(fields.iter().map(field))))
}

/// A record of checked parameters, in f64.
pub(super) fn make(ctx: &Context, family: &str, fields: &[(&'static str, &Arg)]) -> Result<Arg, TensorError> {
    let mut all = vec![("family", Arg::Str(family.into()))];
    for (name, arg) in fields {
        let values = sample(ctx, arg, name)?;
        let shape = match arg {
            Arg::Tensor(tensor) => tensor.shape().to_vec(),
            _ => vec![values.len()],
        };
        let rank = if *name == "cov" { 2 } else { 1 };
        if shape.len() != rank {
            let wanted = if rank == 2 { "is no matrix" } else { "is no vector" };
            return Err(TensorError::shape(&shape, format!("{wanted}, which `{name}` must be")));
        }
        all.push((name, Arg::Tensor(Tensor::from_f64s(ctx, DType::F64, &shape, &values)?)));
    }
    let record = args::record(all);
    multivariate(ctx, &record)?;
    Ok(record)
}

/// The distribution that a record describes, where it is of a family of this file.
pub(super) fn multivariate(ctx: &Context, arg: &Arg) -> Result<Option<Multivariate>, TensorError> {
    let Arg::Record(fields) = arg else { return Ok(None) };
    let get = |name: &str| fields.iter().find(|(known, _)| &**known == name).map(|(_, value)| value);
    let values = |name: &'static str| match get(name) {
        Some(value) => sample(ctx, value, name),
        None => Err(TensorError::argument("d", format!("has no `{name}`"))),
    };
    let made = match get("family") {
        Some(Arg::Str(family)) => match &**family {
            "categorical" => Multivariate::categorical(&values("p")?),
            "dirichlet" => Multivariate::dirichlet(&values("alpha")?),
            "multivariate_normal" => Multivariate::normal(&values("mean")?, &values("cov")?),
            _ => return Ok(None),
        },
        _ => return Ok(None),
    };
    made.map(Some).map_err(|error| TensorError::argument("d", format!("cannot be: {error}")))
}

/// What is known of the values of a distribution before it runs: `None` where not even whether they are vectors.
pub(super) fn are_vectors(ty: &ArgType) -> Option<bool> {
    match ty {
        ArgType::Record(fields) => {
            let family = fields.iter().find(|(name, _)| &**name == "family").map(|(_, ty)| ty);
            match family {
                Some(ArgType::Str(Some(family))) => Some(VECTORS.contains(&&**family)),
                _ => None,
            }
        }
        _ => None,
    }
}

/// A function of a distribution at each value, which is an element or, of vectors, a row of the last axis.
pub(super) fn over_values(ctx: &Context, d: &Multivariate, x: &Arg, measure: Measure) -> Result<Arg, TensorError> {
    let vectors = !matches!(d, Multivariate::Categorical { .. });
    let of = |value: &[f64]| match measure {
        Measure::LnDensity => Ok(d.ln_density(value)),
        Measure::Density => Ok(d.ln_density(value).exp()),
        Measure::Cdf if !vectors => Ok(d.cdf(value[0])),
        Measure::Sf if !vectors => Ok(1.0 - d.cdf(value[0])),
        _ => Err(TensorError::argument("d", "has no such function; it has pdf and logpdf")),
    };
    let size = d.dimensions();
    let (values, shape, dtype) = match x {
        Arg::Tensor(tensor) => (tensor.to_f64s(ctx)?, tensor.shape().to_vec(), float(tensor.dtype())),
        Arg::List(items) => (sample(ctx, x, "x")?, vec![items.len()], DType::F64),
        _ if !vectors => return of(&[args::number(std::slice::from_ref(x), 0, "x")?]).map(Arg::Scalar),
        other => return Err(args::wrong("x", "a tensor whose last axis holds the vectors", other)),
    };
    let lead = if vectors { shape.len().checked_sub(1) } else { Some(shape.len()) };
    let fits = lead.filter(|&lead| !vectors || shape[lead] == size);
    let lead = fits.ok_or_else(|| {
        TensorError::shape(&shape, format!("holds no vectors of this distribution, which have {size} elements"))
    })?;
    let mut found = Vec::with_capacity(values.len() / size);
    for (i, value) in values.chunks_exact(size).enumerate() {
        if i % PIECE == 0 {
            ctx.poll()?;
        }
        found.push(of(value)?);
    }
    Tensor::from_f64s(ctx, dtype, &shape[..lead], &found).map(Arg::Tensor)
}

/// Independent draws in `shape`, vectors along another axis.
pub(super) fn draws(ctx: &Context, d: &Multivariate, shape: &[usize], dtype: DType) -> Result<Arg, TensorError> {
    let size = d.dimensions();
    let mut whole = shape.to_vec();
    if !matches!(d, Multivariate::Categorical { .. }) {
        whole.push(size);
    }
    let count = number_of(ctx, &whole)?;
    let _room = ctx.room(count, size_of::<f64>())?;
    let seed = ctx.draw_seed();
    let mut values = vec![0.0; count];
    for (i, value) in values.chunks_exact_mut(size).enumerate() {
        if i % PIECE == 0 {
            ctx.poll()?;
        }
        let mut stream = Stream::new(seed, i as u64);
        d.sample(&mut || stream.unit(), value);
    }
    Tensor::from_f64s(ctx, dtype, &whole, &values).map(Arg::Tensor)
}

/// Mean and variance, of vectors the mean and the covariance matrix.
pub(super) fn moments(ctx: &Context, d: &Multivariate) -> Result<Arg, TensorError> {
    let (mean, covariance, n) = (d.mean(), d.covariance(), d.dimensions());
    if let Multivariate::Categorical { .. } = d {
        return Ok(args::record([("mean", Arg::Scalar(mean[0])), ("variance", Arg::Scalar(covariance[0]))]));
    }
    let mean = Tensor::from_f64s(ctx, DType::F64, &[n], &mean)?;
    let covariance = Tensor::from_f64s(ctx, DType::F64, &[n, n], &covariance)?;
    Ok(args::record([("mean", Arg::Tensor(mean)), ("variance", Arg::Tensor(covariance))]))
}

/// The dims of draws in `shape`.
pub(super) fn infer_draws(d: &ArgType, shape: Option<Dims>) -> Option<Dims> {
    let mut dims = shape?;
    if are_vectors(d)? {
        dims.push(Dim::Unknown);
    }
    Some(dims)
}

/// Refuses data that the likelihood cannot give.
fn every(data: &[f64], holds: &dyn Fn(f64) -> bool, wanted: &str) -> Result<(), TensorError> {
    if data.iter().all(|&x| holds(x)) {
        Ok(())
    } else {
        Err(TensorError::argument("data", format!("must be {wanted}")))
    }
}

fn posterior(ctx: &Context, a: &[Arg]) -> Result<Arg, TensorError> {
    let Arg::Record(fields) = args::at(a, 0) else {
        return Err(args::wrong("prior", "a distribution, like `stats.beta(1, 1)`", args::at(a, 0)));
    };
    let get = |name: &'static str| {
        let field = fields.iter().find(|(known, _)| &**known == name).map(|(_, value)| value.clone());
        field.ok_or_else(|| TensorError::argument("prior", format!("has no `{name}`")))
    };
    let number = |name: &'static str| args::number(&[get(name)?], 0, name);
    let (Arg::Str(family), Arg::Str(likelihood)) = (get("family")?, args::at(a, 1)) else {
        return Err(TensorError::argument("likelihood", "must be the name of a family, like \"poisson\""));
    };
    let data = sample(ctx, args::at(a, 2), "data")?;
    let known = |what: &str| match args::at(a, 3) {
        Arg::None => Err(TensorError::argument("known", format!("is missing: it is {what}"))),
        _ => args::number(a, 3, "known"),
    };
    let (count, sum) = (data.len() as f64, data.iter().sum::<f64>());
    let all = |holds: &dyn Fn(f64) -> bool, wanted: &str| every(&data, holds, wanted);
    let family_of = |parameters: [(&'static str, f64); 2]| {
        let fields = parameters.map(|(name, value)| (name, Arg::Scalar(value)));
        args::record(std::iter::once(("family", Arg::Str(family.clone()))).chain(fields))
    };
    match (&*family, &**likelihood) {
        ("beta", "bernoulli" | "binomial") => {
            let trials = if &**likelihood == "binomial" { known("the number of trials of each")? } else { 1.0 };
            all(&|x| x >= 0.0 && x <= trials && x.fract() == 0.0, "whole numbers of successes, none above the trials")?;
            Ok(family_of([("a", number("a")? + sum), ("b", number("b")? + count * trials - sum)]))
        }
        ("gamma", "poisson") => {
            all(&|x| x >= 0.0 && x.fract() == 0.0 && x.is_finite(), "whole numbers, not negative")?;
            Ok(family_of([("shape", number("shape")? + sum), ("rate", number("rate")? + count)]))
        }
        ("gamma", "exponential") => {
            all(&|x| x >= 0.0 && x.is_finite(), "finite, and not negative")?;
            Ok(family_of([("shape", number("shape")? + count), ("rate", number("rate")? + sum)]))
        }
        ("normal", "normal") => {
            all(&f64::is_finite, "finite")?;
            let (std, mean, prior) = (known("the standard deviation of the data")?, number("mean")?, number("std")?);
            if !(std > 0.0 && std.is_finite()) {
                return Err(TensorError::argument("known", format!("must be positive, is {std}")));
            }
            let (own, seen) = (prior.powi(-2), count * std.powi(-2));
            let mean = (own * mean + sum * std.powi(-2)) / (own + seen);
            Ok(family_of([("mean", mean), ("std", (own + seen).sqrt().recip())]))
        }
        ("dirichlet", "categorical") => {
            let mut alpha = sample(ctx, &get("alpha")?, "alpha")?;
            let size = alpha.len() as f64;
            all(
                &|x| x >= 0.0 && x < size && x.fract() == 0.0,
                "categories: whole numbers from 0 on, below their number",
            )?;
            data.iter().for_each(|&x| alpha[x as usize] += 1.0);
            let alpha = Tensor::from_f64s(ctx, DType::F64, &[alpha.len()], &alpha)?;
            Ok(args::record([("family", Arg::Str(family)), ("alpha", Arg::Tensor(alpha))]))
        }
        (prior, data) => {
            let problem =
                format!("\"{data}\" has no conjugate prior \"{prior}\"; see `nexus mcode doc stats.posterior`");
            Err(TensorError::argument("likelihood", problem))
        }
    }
}
