//! The one table of operations: the engine's, then this crate's.

use std::collections::HashMap;
use std::sync::LazyLock;

use nexus_tensor::OpDef;

use crate::autodiff::Gradient;
use crate::ops;

static OWN: LazyLock<HashMap<&'static str, (&'static OpDef, Gradient)>> = LazyLock::new(|| {
    let entries = ops::FAMILIES.into_iter().flatten().map(|(op, gradient)| (op.name, (op, *gradient)));
    let calling = ops::CALLING.into_iter().flatten().map(|(op, _)| (op.name, (op, Gradient::Missing)));
    let steps = ops::optimisers::OPS.iter().map(|op| (op.name, (op, Gradient::Missing)));
    entries.chain(calling).chain(steps).collect()
});

/// The operation of that full name.
pub fn find(name: &str) -> Option<&'static OpDef> {
    nexus_tensor::find(name).or_else(|| OWN.get(name).map(|(op, _)| *op))
}

/// How an operation of this crate is differentiated.
pub(crate) fn own_gradient(name: &str) -> Option<Gradient> {
    OWN.get(name).map(|(_, gradient)| *gradient)
}

/// Every operation, the engine's first.
pub fn all() -> impl Iterator<Item = &'static OpDef> {
    let own = ops::FAMILIES.into_iter().flatten().map(|(op, _)| op);
    let calling = ops::CALLING.into_iter().flatten().map(|(op, _)| op);
    nexus_tensor::OPS.iter().chain(own).chain(calling).chain(ops::optimisers::OPS)
}
