//! Densities of traced values and parameters, made of operations that have gradients.
//!
//! Where the density is zero, infinite or not a number it is what it is without a tape, and its derivative is zero.

use std::sync::Arc;

use nexus_tensor::{Arg, BinaryOp, CompareOp, DType, Param, TensorError, UnaryOp};

use super::distributions::{Measure, distribution, float, make, over_values};
use super::{multivariate, multivariate_densities};
use crate::autodiff::{Algebra, Item, Var};

/// The fields of a record.
pub(super) type Fields = [(Arc<str>, Item)];

/// The record of a family, in which parameters that a tape follows stay so.
pub(super) fn made(
    t: &Algebra<'_>,
    (family, params): (&'static str, &'static [Param]),
    a: &[Item],
) -> Result<Item, TensorError> {
    let plain: Vec<Arg> = a.iter().map(Item::plain).collect();
    let record = Item::from(make(family, params, &plain)?);
    let Item::Record(mut fields) = record else { return Ok(record) };
    for (param, given) in params.iter().zip(a) {
        let (Item::Var(var), true) = (given, given.is_traced()) else { continue };
        let field = fields.iter_mut().find(|(name, _)| **name == *param.name);
        if let Some((_, value)) = field {
            *value = t.number(var)?.into();
        }
    }
    Ok(Item::Record(fields))
}

pub(super) fn density(t: &Algebra<'_>, a: &[Item]) -> Result<Item, TensorError> {
    match log_density(t, a)? {
        Item::Var(x) => t.unary(UnaryOp::Exp, &x).map(Item::Var),
        other => Ok(other),
    }
}

pub(super) fn log_density(t: &Algebra<'_>, a: &[Item]) -> Result<Item, TensorError> {
    let plain: Vec<Arg> = a.iter().map(Item::plain).collect();
    let right = wide(t, &Var::Plain(over_values(t.context(), &plain, Measure::LnDensity)?))?;
    let (Some(Item::Record(fields)), Some(values)) = (a.first(), a.get(1)) else {
        return Err(TensorError::argument("d", "must be a distribution, like `stats.normal(0, 1)`"));
    };
    let (found, dtype) = match multivariate::multivariate(t.context(), &plain[0])? {
        Some(_) => {
            let dtype = match values {
                Item::Var(x) => x.dtype(),
                _ => Some(DType::F64),
            };
            let x = multivariate_densities::vectors(t, values)?;
            (multivariate_densities::log_density(t, fields, (&x, &right))?, dtype)
        }
        None => {
            let Item::Var(x) = values else { return Err(TensorError::argument("x", "must be a number or a tensor")) };
            let d = distribution(&plain[0])?;
            let inside = finite(t, &right)?;
            // Where there is no density, any value with one keeps infinities out of what is thrown away.
            let safe = choose(t, &inside, &wide(t, x)?, &Var::scalar(d.quantile(0.5)))?;
            let density = of_family(t, &Parameters::of(fields)?, &safe)?;
            (choose(t, &inside, &density, &right)?, x.dtype())
        }
    };
    match dtype {
        Some(dtype) if !found.is_number() => t.cast(&found, float(dtype)).map(Item::Var),
        _ => Ok(found.into()),
    }
}

/// Where a value is neither infinite nor NaN.
pub(super) fn finite(t: &Algebra<'_>, x: &Var) -> Result<Var, TensorError> {
    t.compare(CompareOp::Less, &t.unary(UnaryOp::Abs, &Var::Plain(x.plain().clone()))?, &Var::scalar(f64::INFINITY))
}

/// One or the other, of numbers and of tensors.
pub(super) fn choose(t: &Algebra<'_>, condition: &Var, yes: &Var, no: &Var) -> Result<Var, TensorError> {
    match condition.plain() {
        Arg::Bool(true) => Ok(yes.clone()),
        Arg::Bool(false) => Ok(no.clone()),
        _ => t.select(condition, yes, no),
    }
}

/// Tensors in f64; numbers as they are.
pub(super) fn wide(t: &Algebra<'_>, x: &Var) -> Result<Var, TensorError> {
    if x.is_number() { Ok(x.clone()) } else { t.cast(x, DType::F64) }
}

/// `k ln x`, which is 0 at 0: what it multiplies is 1 there.
pub(super) fn times_log(t: &Algebra<'_>, k: &Var, x: &Var) -> Result<Var, TensorError> {
    let zero = t.compare(CompareOp::Equal, x, &Var::scalar(0.0))?;
    t.mul(k, &t.unary(UnaryOp::Log, &choose(t, &zero, &Var::scalar(1.0), x)?)?)
}

pub(super) fn log_gamma(t: &Algebra<'_>, x: &Var) -> Result<Var, TensorError> {
    t.call("math.lgamma", &[x.clone().into()])
}

/// The parameters of a distribution.
pub(crate) struct Parameters<'f> {
    pub(crate) family: Arc<str>,
    fields: &'f Fields,
}

impl<'f> Parameters<'f> {
    pub(crate) fn of(fields: &'f Fields) -> Result<Self, TensorError> {
        let family = fields.iter().find(|(name, _)| &**name == "family").map(|(_, item)| item.plain());
        match family {
            Some(Arg::Str(family)) => Ok(Parameters { family, fields }),
            _ => Err(TensorError::argument("d", "must be a distribution, like `stats.normal(0, 1)`")),
        }
    }

    pub(crate) fn get(&self, name: &'static str) -> Result<&'f Var, TensorError> {
        match self.fields.iter().find(|(known, _)| &**known == name) {
            Some((_, Item::Var(var))) => Ok(var),
            _ => Err(TensorError::argument("d", format!("has no number `{name}`"))),
        }
    }
}

/// The logarithm of the density of a family at values that have one.
fn of_family(t: &Algebra<'_>, d: &Parameters<'_>, x: &Var) -> Result<Var, TensorError> {
    let half = |x: &Var| t.scale(x, 0.5);
    match &*d.family {
        "normal" => normal(t, d, x),
        "lognormal" => {
            let log = t.unary(UnaryOp::Log, x)?;
            t.sub(&normal(t, d, &log)?, &log)
        }
        "uniform" => {
            let width = t.sub(d.get("high")?, d.get("low")?)?;
            t.sub(&t.zeros_like(x)?, &t.unary(UnaryOp::Log, &width)?)
        }
        "exponential" => {
            let rate = d.get("rate")?;
            t.sub(&t.unary(UnaryOp::Log, rate)?, &t.mul(rate, x)?)
        }
        "gamma" => gamma(t, d.get("shape")?, d.get("rate")?, x),
        "chi2" => gamma(t, &half(d.get("df")?)?, &Var::scalar(0.5), x),
        "beta" => {
            let (a, b, one) = (d.get("a")?, d.get("b")?, Var::scalar(1.0));
            let shares =
                t.add(&times_log(t, &t.sub(a, &one)?, x)?, &times_log(t, &t.sub(b, &one)?, &t.sub(&one, x)?)?)?;
            t.sub(&shares, &log_beta(t, a, b)?)
        }
        "student_t" => {
            let df = d.get("df")?;
            let bell = t.unary(UnaryOp::Log1p, &t.div(&t.unary(UnaryOp::Square, x)?, df)?)?;
            let tail = t.mul(&half(&t.add(df, &Var::scalar(1.0))?)?, &bell)?;
            let scale = t.add(&half(&t.unary(UnaryOp::Log, df)?)?, &log_beta(t, &Var::scalar(0.5), &half(df)?)?)?;
            t.neg(&t.add(&tail, &scale)?)
        }
        "fisher_f" => fisher_f(t, d, x),
        "poisson" => {
            let rate = d.get("rate")?;
            let least = t.add(rate, &log_gamma(t, &t.add(x, &Var::scalar(1.0))?)?)?;
            t.sub(&times_log(t, x, rate)?, &least)
        }
        "binomial" => trials(t, d.get("n")?, d.get("p")?, x),
        "bernoulli" => trials(t, &Var::scalar(1.0), d.get("p")?, x),
        other => Err(TensorError::argument("d", format!("is of no known family: `{other}`"))),
    }
}

fn normal(t: &Algebra<'_>, d: &Parameters<'_>, x: &Var) -> Result<Var, TensorError> {
    let (mean, std) = (d.get("mean")?, d.get("std")?);
    let z = t.div(&t.sub(x, mean)?, std)?;
    let height = t.add(&t.unary(UnaryOp::Log, std)?, &Var::scalar(0.5 * std::f64::consts::TAU.ln()))?;
    t.sub(&t.scale(&t.unary(UnaryOp::Square, &z)?, -0.5)?, &height)
}

fn gamma(t: &Algebra<'_>, shape: &Var, rate: &Var, x: &Var) -> Result<Var, TensorError> {
    let rise = times_log(t, &t.sub(shape, &Var::scalar(1.0))?, x)?;
    let fall = t.mul(rate, x)?;
    let height = t.sub(&t.mul(shape, &t.unary(UnaryOp::Log, rate)?)?, &log_gamma(t, shape)?)?;
    t.add(&t.sub(&rise, &fall)?, &height)
}

fn log_beta(t: &Algebra<'_>, a: &Var, b: &Var) -> Result<Var, TensorError> {
    let both = t.add(&log_gamma(t, a)?, &log_gamma(t, b)?)?;
    t.sub(&both, &log_gamma(t, &t.add(a, b)?)?)
}

fn fisher_f(t: &Algebra<'_>, d: &Parameters<'_>, x: &Var) -> Result<Var, TensorError> {
    let (df1, df2) = (d.get("df1")?, d.get("df2")?);
    let (a, b, ratio) = (t.scale(df1, 0.5)?, t.scale(df2, 0.5)?, t.div(df1, df2)?);
    let height = t.sub(&t.mul(&a, &t.unary(UnaryOp::Log, &ratio)?)?, &log_beta(t, &a, &b)?)?;
    let rise = times_log(t, &t.sub(&a, &Var::scalar(1.0))?, x)?;
    let fall = t.mul(&t.add(&a, &b)?, &t.unary(UnaryOp::Log1p, &t.mul(&ratio, x)?)?)?;
    t.add(&height, &t.sub(&rise, &fall)?)
}

/// Successes among `n` trials.
fn trials(t: &Algebra<'_>, n: &Var, p: &Var, x: &Var) -> Result<Var, TensorError> {
    let one = Var::scalar(1.0);
    let rest = t.sub(n, x)?;
    let of = |k: &Var| log_gamma(t, &t.add(k, &one)?);
    let ways = t.sub(&of(n)?, &t.add(&of(x)?, &of(&rest)?)?)?;
    let chance = t.add(&times_log(t, x, p)?, &times_log(t, &rest, &t.sub(&one, p)?)?)?;
    t.add(&ways, &chance)
}

/// The derivative of the distribution function at `x` with respect to a parameter, `density` being that at `x`.
pub(crate) fn by_parameter(
    t: &Algebra<'_>,
    d: &Parameters<'_>,
    name: &str,
    (x, density): (&Var, &Var),
) -> Result<Var, TensorError> {
    let slope = match (&*d.family, name) {
        ("normal", "mean") => return t.neg(density),
        ("normal", "std") => t.div(&t.sub(d.get("mean")?, x)?, d.get("std")?)?,
        ("lognormal", "mean") => t.neg(x)?,
        ("lognormal", "std") => {
            let z = t.div(&t.sub(d.get("mean")?, &t.unary(UnaryOp::Log, x)?)?, d.get("std")?)?;
            t.mul(x, &z)?
        }
        ("uniform", "low") => t.div(&t.sub(x, d.get("high")?)?, &t.sub(d.get("high")?, d.get("low")?)?)?,
        ("uniform", "high") => t.div(&t.sub(d.get("low")?, x)?, &t.sub(d.get("high")?, d.get("low")?)?)?,
        ("exponential" | "gamma", "rate") => t.div(x, d.get("rate")?)?,
        (family, name) => {
            let problem = format!("of probabilities of `stats.{family}` with respect to `{name}` is not known");
            return Err(TensorError::argument("gradient", problem));
        }
    };
    // Where there is no density nothing moves, whatever the slope.
    let there = t.compare(CompareOp::Greater, density, &Var::scalar(0.0))?;
    let slope = choose(t, &there, &slope, &Var::scalar(0.0))?;
    t.binary(BinaryOp::Mul, &slope, density)
}
