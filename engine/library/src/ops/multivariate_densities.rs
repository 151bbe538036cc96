//! Densities of vectors, made of operations that have gradients.

use nexus_tensor::{Arg, DType, TensorError, UnaryOp};

use super::densities::{Fields, Parameters, choose, finite, log_gamma, times_log, wide};
use super::multivariate::make;
use crate::autodiff::{Algebra, Item, Var};

/// The logarithm of the density at each row of `x`; `right` is what it is without a tape.
pub(super) fn log_density(t: &Algebra<'_>, fields: &Fields, (x, right): (&Var, &Var)) -> Result<Var, TensorError> {
    let d = Parameters::of(fields)?;
    let inside = finite(t, right)?;
    let found = match &*d.family {
        "multivariate_normal" => normal(t, &d, x)?,
        "dirichlet" => dirichlet(t, &d, (x, &inside))?,
        other => {
            let problem = format!("of densities of `stats.{other}` is not known");
            return Err(TensorError::argument("gradient", problem));
        }
    };
    choose(t, &inside, &found, right)
}

fn normal(t: &Algebra<'_>, d: &Parameters<'_>, x: &Var) -> Result<Var, TensorError> {
    let (mean, covariance) = (wide(t, d.get("mean")?)?, wide(t, d.get("cov")?)?);
    let size = mean.count();
    let lead = x.shape()[..x.rank() - 1].to_vec();
    let rows = lead.iter().product();
    let factor = t.call("linalg.cholesky", &[covariance.into()])?;
    let away = t.reshape(&t.sub(&wide(t, x)?, &mean)?, &[rows, size])?;
    let z = t.call("linalg.solve", &[factor.clone().into(), t.transposed(&away)?.into()])?;
    let distance = t.scale(&t.sum(&t.unary(UnaryOp::Square, &z)?, &[0], false)?, -0.5)?;
    let diagonal = t.call("tensor.diag", &[factor.into()])?;
    let height = t.add(
        &t.number(&t.unary(UnaryOp::Log, &diagonal)?)?,
        &Var::scalar(0.5 * size as f64 * std::f64::consts::TAU.ln()),
    )?;
    t.reshape(&t.sub(&distance, &height)?, &lead)
}

fn dirichlet(t: &Algebra<'_>, d: &Parameters<'_>, (x, inside): (&Var, &Var)) -> Result<Var, TensorError> {
    let alpha = wide(t, d.get("alpha")?)?;
    let last = x.rank() - 1;
    let mut mask = x.shape().to_vec();
    mask[last] = 1;
    // Where there is no density, equal shares keep infinities out of what is thrown away.
    let inside = t.reshape(inside, &mask)?;
    let x = t.select(&inside, &wide(t, x)?, &Var::scalar(1.0 / alpha.count() as f64))?;
    let shares = t.sum(&times_log(t, &t.sub(&alpha, &Var::scalar(1.0))?, &x)?, &[last], false)?;
    let whole = log_gamma(t, &t.number(&alpha)?)?;
    let height = t.sub(&whole, &t.number(&log_gamma(t, &alpha)?)?)?;
    t.add(&shares, &height)
}

/// The record of a family of vectors, in which parameters that a tape follows stay so.
pub(super) fn made(t: &Algebra<'_>, (family, names): (&str, &[&'static str]), a: &[Item]) -> Result<Item, TensorError> {
    let plain: Vec<Arg> = a.iter().map(Item::plain).collect();
    let given: Vec<(&'static str, &Arg)> = names.iter().copied().zip(&plain).collect();
    let record = Item::from(make(t.context(), family, &given)?);
    let Item::Record(mut fields) = record else { return Ok(record) };
    for (name, item) in names.iter().zip(a).filter(|(_, item)| item.is_traced()) {
        if let Some((_, value)) = fields.iter_mut().find(|(known, _)| **known == **name) {
            *value = vectors(t, item)?.into();
        }
    }
    Ok(Item::Record(fields))
}

/// A tensor in f64, made of numbers where it is a list.
pub(super) fn vectors(t: &Algebra<'_>, item: &Item) -> Result<Var, TensorError> {
    match item {
        Item::Var(x) if x.is_number() => t.from_rows(vec![x.clone().into()]),
        Item::Var(x) => t.cast(x, DType::F64),
        Item::List(rows) => t.cast(&t.from_rows(rows.clone())?, DType::F64),
        _ => Err(TensorError::argument("x", "must be a tensor or a list of numbers")),
    }
}
