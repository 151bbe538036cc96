//! The one table of operations: the engine's, then this crate's.

use nexus_tensor::OpDef;

/// The operation of that full name.
pub fn find(name: &str) -> Option<&'static OpDef> {
    nexus_tensor::find(name)
}

/// Every operation, the engine's first.
pub fn all() -> impl Iterator<Item = &'static OpDef> {
    nexus_tensor::OPS.iter()
}
