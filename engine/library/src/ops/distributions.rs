//! Probability distributions as values: `d = stats.normal(0, 1)`, then `stats.pdf(d, x)`.
//!
//! Everything is computed in f64 and rounded to the dtype of its argument. The mathematics is in `nexus-numerics`.

use nexus_numerics::Distribution;
use nexus_tensor::infer::{self, Inferred, typed};
use nexus_tensor::{Arg, ArgType, Context, DType, OpDef, Param, Tensor, TensorError, args, params};

use super::{Entry, densities, multivariate};
use crate::autodiff::Gradient;
use crate::streams::Stream;

/// A family's constructor: it checks the parameters and makes a record of them.
macro_rules! family {
    ($name:literal, $doc:literal, $example:literal, $($parameter:ident $(= $default:literal)?),*) => {
        (
            OpDef {
                name: concat!("stats.", $name),
                params: params!($($parameter: Number $(= $default)?),*),
                doc: $doc,
                example: $example,
                infer: |a| {
                    for i in 0..a.len() {
                        infer::number(a, i, "parameter")?;
                    }
                    let field = |name: &'static str| (name, ArgType::Scalar(None));
                    Ok(infer::record([("family", ArgType::Str(Some($name.into()))), $(field(stringify!($parameter))),*]))
                },
                run: |_, a| make($name, params!($($parameter: Number $(= $default)?),*), a),
            },
            Gradient::Composite(|t, a| {
                densities::made(t, ($name, params!($($parameter: Number $(= $default)?),*)), a)
            }),
        )
    };
}

macro_rules! of_values {
    ($name:literal, $doc:literal, $example:literal, $measure:expr, $gradient:expr) => {
        (
            OpDef {
                name: concat!("stats.", $name),
                params: params!(d: Any, x: Tensor),
                doc: $doc,
                example: $example,
                infer: infer_values,
                run: |ctx, a| over_values(ctx, a, $measure),
            },
            $gradient,
        )
    };
}

pub(super) const OPS: &[Entry] = &[
    family!("normal", "The normal distribution.", "stats.normal(0, 1)", mean = "0", std = "1"),
    family!(
        "lognormal",
        "The distribution whose logarithm is normal with this mean and std.",
        "stats.lognormal(0, 1)",
        mean = "0",
        std = "1"
    ),
    family!("uniform", "Equal density between low and high.", "stats.uniform(0, 1)", low = "0", high = "1"),
    family!(
        "exponential",
        "Waiting times of events with this rate; the mean is 1 / rate.",
        "stats.exponential(2)",
        rate = "1"
    ),
    family!("gamma", "The gamma distribution; the mean is shape / rate.", "stats.gamma(2, 1)", shape, rate = "1"),
    family!("beta", "The beta distribution on 0 to 1; the mean is a / (a + b).", "stats.beta(2, 3)", a, b),
    family!("student_t", "Student's t distribution with df degrees of freedom.", "stats.student_t(5)", df),
    family!("chi2", "The chi-squared distribution with df degrees of freedom.", "stats.chi2(4)", df),
    family!(
        "fisher_f",
        "Fisher's F distribution with df1 and df2 degrees of freedom.",
        "stats.fisher_f(3, 10)",
        df1,
        df2
    ),
    family!("poisson", "The number of events with this mean rate.", "stats.poisson(3)", rate),
    family!("binomial", "The number of successes of n trials with probability p.", "stats.binomial(10, 0.5)", n, p),
    family!("bernoulli", "One trial with probability p: 0 or 1.", "stats.bernoulli(0.3)", p),
    of_values!(
        "pdf",
        "The density of a distribution at each element, or the mass at whole numbers of a discrete one.",
        "stats.pdf(stats.normal(), tensor.linspace(-1, 1, 3))",
        Measure::Density,
        Gradient::Composite(densities::density)
    ),
    of_values!(
        "logpdf",
        "The logarithm of the density, which does not vanish far out.",
        "stats.logpdf(stats.normal(), 40.0)",
        Measure::LnDensity,
        Gradient::Composite(densities::log_density)
    ),
    of_values!(
        "cdf",
        "The probability of a value of at most each element.",
        "stats.cdf(stats.normal(), 1.96)",
        Measure::Cdf,
        Gradient::Missing
    ),
    of_values!(
        "sf",
        "The probability of a value above each element, exact also where it is tiny.",
        "stats.sf(stats.normal(), 10.0)",
        Measure::Sf,
        Gradient::Missing
    ),
    of_values!(
        "ppf",
        "The quantile: the smallest value whose cdf is at least the element, a probability.",
        "stats.ppf(stats.normal(), 0.975)",
        Measure::Quantile,
        Gradient::Missing
    ),
    (
        OpDef {
            name: "stats.moments",
            params: params!(d: Any),
            doc: "The mean and the variance of a distribution, as a record; of vectors the variance is the covariance matrix.",
            example: "stats.moments(stats.gamma(2, 1)).mean",
            infer: |a| {
                let vectors = multivariate::are_vectors(infer::at(a, 0));
                let part = || if vectors == Some(false) { ArgType::Scalar(None) } else { ArgType::Unknown };
                Ok(infer::record([("mean", part()), ("variance", part())]))
            },
            run: |ctx, a| {
                if let Some(d) = multivariate::multivariate(ctx, args::at(a, 0))? {
                    return multivariate::moments(ctx, &d);
                }
                let d = distribution(args::at(a, 0))?;
                Ok(args::record([("mean", Arg::Scalar(d.mean())), ("variance", Arg::Scalar(d.variance()))]))
            },
        },
        Gradient::Missing,
    ),
    (
        OpDef {
            name: "stats.sample",
            params: params!(d: Any, shape: Shape, dtype: DType = "f32"),
            doc: "A tensor of independent draws from a distribution, vectors along another last axis. The same seed gives the same draws on every device.",
            example: "stats.sample(stats.normal(), [3])",
            infer: |a| {
                let shape = multivariate::infer_draws(infer::at(a, 0), infer::shape(a, 1, "shape")?);
                Ok(typed(infer::dtype(a, 2, "dtype", Some(DType::F32))?, shape))
            },
            run: sample,
        },
        Gradient::Zero,
    ),
];

/// A function of a distribution and a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Measure {
    Density,
    LnDensity,
    Cdf,
    Sf,
    Quantile,
}

impl Measure {
    fn of(self, d: &Distribution, x: f64) -> f64 {
        match self {
            Measure::Density => d.density(x),
            Measure::LnDensity => d.ln_density(x),
            Measure::Cdf => d.cdf(x),
            Measure::Sf => d.sf(x),
            Measure::Quantile => d.quantile(x),
        }
    }
}

/// A record of checked parameters.
pub(super) fn make(family: &'static str, params: &'static [Param], a: &[Arg]) -> Result<Arg, TensorError> {
    let mut fields = vec![("family", Arg::Str(family.into()))];
    for (i, param) in params.iter().enumerate() {
        let default = param.default.and_then(|text| text.parse::<f64>().ok()).unwrap_or(f64::NAN);
        fields.push((param.name, Arg::Scalar(args::number_or(a, i, param.name, default)?)));
    }
    let record = args::record(fields);
    distribution(&record)?;
    Ok(record)
}

/// The distribution that a record describes.
pub(crate) fn distribution(arg: &Arg) -> Result<Distribution, TensorError> {
    let wrong = || TensorError::argument("d", "must be a distribution, like `stats.normal(0, 1)`");
    let Arg::Record(fields) = arg else { return Err(wrong()) };
    let get = |name: &str| fields.iter().find(|(known, _)| &**known == name).map(|(_, value)| value);
    let number = |name: &'static str| match get(name) {
        Some(value) => args::number(std::slice::from_ref(value), 0, name),
        None => {
            Err(TensorError::argument("d", format!("has no `{name}`; make it with `stats.normal(0, 1)` and its kin")))
        }
    };
    let Some(Arg::Str(family)) = get("family") else { return Err(wrong()) };
    let made = match &**family {
        "normal" => Distribution::Normal { mean: number("mean")?, std: number("std")? },
        "lognormal" => Distribution::LogNormal { mean: number("mean")?, std: number("std")? },
        "uniform" => Distribution::Uniform { low: number("low")?, high: number("high")? },
        "exponential" => Distribution::Exponential { rate: number("rate")? },
        "gamma" => Distribution::Gamma { shape: number("shape")?, rate: number("rate")? },
        "beta" => Distribution::Beta { a: number("a")?, b: number("b")? },
        "student_t" => Distribution::StudentT { df: number("df")? },
        "chi2" => Distribution::ChiSquared { df: number("df")? },
        "fisher_f" => Distribution::FisherF { df1: number("df1")?, df2: number("df2")? },
        "poisson" => Distribution::Poisson { rate: number("rate")? },
        "binomial" => Distribution::Binomial { n: number("n")?, p: number("p")? },
        "bernoulli" => Distribution::Bernoulli { p: number("p")? },
        other => return Err(TensorError::argument("d", format!("is of no known family: `{other}`"))),
    };
    made.checked()
        .map_err(|error| TensorError::argument(error.name, format!("must be {}, is {}", error.wanted, error.found)))
}

fn infer_values(a: &[ArgType]) -> Inferred {
    match infer::at(a, 1) {
        _ if multivariate::are_vectors(infer::at(a, 0)) != Some(false) => Ok(ArgType::Unknown),
        ArgType::Int(_) | ArgType::Scalar(_) => Ok(ArgType::Scalar(None)),
        _ => {
            let ty = infer::tensor(a, 1, "x")?;
            Ok(typed(ty.dtype.map(float), ty.shape))
        }
    }
}

pub(super) fn float(dtype: DType) -> DType {
    if dtype.is_float() { dtype } else { DType::F32 }
}

/// Elements between two looks whether the run must stop.
pub(super) const PIECE: usize = 4096;

/// A function of a distribution and a number, of each element.
pub(super) fn over_values(ctx: &Context, a: &[Arg], measure: Measure) -> Result<Arg, TensorError> {
    if let Some(d) = multivariate::multivariate(ctx, args::at(a, 0))? {
        return multivariate::over_values(ctx, &d, args::at(a, 1), measure);
    }
    let d = distribution(args::at(a, 0))?;
    match args::at(a, 1) {
        Arg::Tensor(tensor) => {
            let mut values = tensor.to_f64s(ctx)?;
            for piece in values.chunks_mut(PIECE) {
                ctx.poll()?;
                piece.iter_mut().for_each(|x| *x = measure.of(&d, *x));
            }
            Tensor::from_f64s(ctx, float(tensor.dtype()), tensor.shape(), &values).map(Arg::Tensor)
        }
        _ => args::number(a, 1, "x").map(|x| Arg::Scalar(measure.of(&d, x))),
    }
}

/// The elements of a shape, if a tensor may have so many.
pub(super) fn number_of(ctx: &Context, shape: &[usize]) -> Result<usize, TensorError> {
    let count = shape.iter().try_fold(1usize, |n, &size| n.checked_mul(size));
    let count = count.ok_or_else(|| TensorError::argument("shape", "has more elements than any memory holds"))?;
    ctx.meter().check_elements(count as u64)?;
    Ok(count)
}

fn sample(ctx: &Context, a: &[Arg]) -> Result<Arg, TensorError> {
    let shape = args::shape(a, 1, "shape")?;
    let dtype = args::dtype(a, 2, "dtype")?.unwrap_or(DType::F32);
    if let Some(d) = multivariate::multivariate(ctx, args::at(a, 0))? {
        return multivariate::draws(ctx, &d, &shape, dtype);
    }
    let d = distribution(args::at(a, 0))?;
    let count = number_of(ctx, &shape)?;
    let _room = ctx.room(count, size_of::<f64>())?;
    let seed = ctx.draw_seed();
    let mut values = Vec::with_capacity(count);
    for i in 0..count {
        if i % PIECE == 0 {
            ctx.poll()?;
        }
        // Each element has its own numbers: what one needs does not move the others.
        let mut stream = Stream::new(seed, i as u64);
        values.push(d.sample(&mut || stream.unit()));
    }
    Tensor::from_f64s(ctx, dtype, &shape, &values).map(Arg::Tensor)
}
