//! Operations that have no gradient because nothing in them could have one, and statistics made of sums.

use nexus_tensor::{Arg, TensorError, args};

use super::algebra::Algebra;
use super::elementwise::var;
use super::rules::Gradient;
use super::var::{Item, Var};

/// The gradients of everything that is left, by name.
pub(super) fn named(name: &str) -> Option<Gradient> {
    Some(match name {
        "stats.cov" => Gradient::Composite(covariance),
        "stats.histogram" => Gradient::Zero,
        _ => return None,
    })
}

fn covariance(t: &Algebra<'_>, a: &[Item]) -> Result<Item, TensorError> {
    let x = var(a, 0)?;
    let plain: Vec<Arg> = a.iter().map(Item::plain).collect();
    let ddof = args::int_or(&plain, 2, "ddof", 1)?;
    let vector = x.rank() == 1;
    let table = match x.rank() {
        1 => t.reshape(x, &[1, x.count()])?,
        2 if args::bool_or(&plain, 1, "rowvar", true)? => x.clone(),
        2 => t.transposed(x)?,
        _ => return Err(TensorError::shape(x.shape(), "is no table of variables: it has more than two axes")),
    };
    let count = table.shape()[1];
    let mean = t.div(&t.sum(&table, &[1], true)?, &Var::scalar(count as f64))?;
    let centred = t.sub(&table, &mean)?;
    let product = t.matmul(&centred, &t.transposed(&centred)?)?;
    let scaled = t.scale(&product, 1.0 / (count as i64).saturating_sub(ddof).max(0) as f64)?;
    if vector { t.reshape(&scaled, &[]).map(Item::Var) } else { Ok(scaled.into()) }
}
