//! Operations that need no kernels of their own, one file a family.

pub(crate) mod analysis;
mod attention;
mod contraction;
mod convolution;
mod distributions;
pub(crate) mod optimisers;

use nexus_tensor::OpDef;

use crate::autodiff::Gradient;

/// An operation with the way it is differentiated.
pub(crate) type Entry = (OpDef, Gradient);

/// The operations of this crate that run on values alone, family by family.
pub(crate) const FAMILIES: [&[Entry]; 4] = [contraction::OPS, convolution::OPS, attention::OPS, distributions::OPS];

/// Runs a composite on plain arguments.
macro_rules! composite {
    ($rule:expr) => {
        |ctx, a| {
            let items: Vec<$crate::Item> = a.iter().cloned().map($crate::Item::from).collect();
            $rule(&$crate::Algebra::new(ctx), &items).map(|item| item.plain())
        }
    };
}
pub(crate) use composite;
