//! Gradients of distribution functions, quantiles and the functions around the gamma function.
//!
//! A distribution function's derivative is the density; a quantile's is that of the inverse function. With respect to
//! parameters both have closed forms for some families only; the others are refused by name.

use nexus_tensor::{Arg, TensorError};

use super::algebra::Algebra;
use super::rules::{Gradient, Parts, Site};
use super::var::{Item, Var};
use crate::ops::densities::{Parameters, by_parameter};

/// The gradients of this file by name.
pub(super) fn named(name: &str) -> Option<Gradient> {
    Some(match name {
        "stats.cdf" => Gradient::Rule(|site| distribution_function(site, 1.0)),
        "stats.sf" => Gradient::Rule(|site| distribution_function(site, -1.0)),
        "stats.ppf" => Gradient::Rule(quantile),
        "math.lgamma" => Gradient::Rule(|site| {
            let t = site.algebra;
            site.only(t.mul(site.g, &t.call("math.digamma", &[site.var(0)?.clone().into()])?)?)
        }),
        "math.digamma" => Gradient::Rule(|site| {
            let order = Item::from(Arg::Int(1));
            let t = site.algebra;
            site.only(t.mul(site.g, &t.call("math.polygamma", &[order, site.var(0)?.clone().into()])?)?)
        }),
        "math.polygamma" => Gradient::Rule(|site| {
            let (t, x) = (site.algebra, site.var(1)?);
            let Arg::Int(n) = site.var(0)?.plain() else {
                return Err(TensorError::argument("n", "must be a whole number"));
            };
            let slope = t.call("math.polygamma", &[Item::from(Arg::Int(n + 1)), x.clone().into()])?;
            Ok(vec![None, Some(t.mul(site.g, &slope)?)])
        }),
        _ => return None,
    })
}

/// The distribution, its record and the argument of a site.
fn parts_of<'s>(site: &'s Site<'_>) -> Result<(Parameters<'s>, Item, &'s Var), TensorError> {
    let Some(item @ Item::Record(fields)) = site.args.first() else {
        return Err(TensorError::argument("d", "must be a distribution"));
    };
    Ok((Parameters::of(fields)?, item.clone(), site.var(1)?))
}

/// The parameters' names and values in the order of the site's numbers and tensors.
fn parameters(item: &Item) -> Vec<(&str, &Var)> {
    let Item::Record(fields) = item else { return Vec::new() };
    let numbers = fields.iter().filter_map(|(name, item)| match item {
        Item::Var(var) => Some((&**name, var)),
        _ => None,
    });
    numbers.collect()
}

fn density(t: &Algebra<'_>, d: &Item, x: &Var) -> Result<Var, TensorError> {
    t.call("stats.pdf", &[d.clone(), x.clone().into()])
}

fn is_discrete(d: &Parameters<'_>) -> bool {
    matches!(&*d.family, "poisson" | "binomial" | "bernoulli" | "categorical")
}

fn distribution_function(site: &Site<'_>, sign: f64) -> Parts {
    let (t, (d, item, x)) = (site.algebra, parts_of(site)?);
    let g = t.scale(site.g, sign)?;
    let density = density(t, &item, x)?;
    let mut parts = Vec::with_capacity(site.places());
    for (i, (name, parameter)) in parameters(&item).into_iter().enumerate() {
        let part = |slope: Var| t.fold_to(&t.mul(&g, &slope)?, parameter);
        parts.push(match site.wants(i) {
            true => Some(part(by_parameter(t, &d, name, (x, &density))?)?),
            false => None,
        });
    }
    // A step is flat wherever it has a derivative.
    parts.push(Some(if is_discrete(&d) { t.zeros_like(x)? } else { t.mul(&g, &density)? }));
    Ok(parts)
}

fn quantile(site: &Site<'_>) -> Parts {
    let (t, (d, item, p)) = (site.algebra, parts_of(site)?);
    let x = site.result();
    let mut parts = Vec::with_capacity(site.places());
    if is_discrete(&d) {
        parts.extend(parameters(&item).iter().map(|_| None));
        parts.push(Some(t.zeros_like(p)?));
        return Ok(parts);
    }
    let density = density(t, &item, x)?;
    for (i, (name, parameter)) in parameters(&item).into_iter().enumerate() {
        let part = |slope: Var| t.fold_to(&t.neg(&t.div(&t.mul(site.g, &slope)?, &density)?)?, parameter);
        parts.push(match site.wants(i) {
            true => Some(part(by_parameter(t, &d, name, (x, &density))?)?),
            false => None,
        });
    }
    parts.push(Some(t.div(site.g, &density)?));
    Ok(parts)
}
