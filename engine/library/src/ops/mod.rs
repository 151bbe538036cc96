//! Operations that need no kernels of their own, one file a family.

mod analysis;
mod attention;
mod complex;
mod contraction;
mod convolution;
pub(crate) mod densities;
mod distributions;
mod hypothesis;
mod multivariate;
mod multivariate_densities;
pub(crate) mod optimisers;
mod quasi;
mod sampling;
mod special;
mod spectral;

use nexus_tensor::OpDef;

use crate::autodiff::Gradient;
use crate::calling::CallingRun;

/// An operation with the way it is differentiated.
pub(crate) type Entry = (OpDef, Gradient);

/// The operations of this crate that run on values alone, family by family.
pub(crate) const FAMILIES: [&[Entry]; 10] = [
    contraction::OPS,
    convolution::OPS,
    attention::OPS,
    distributions::OPS,
    multivariate::OPS,
    hypothesis::OPS,
    quasi::OPS,
    complex::OPS,
    spectral::OPS,
    special::OPS,
];

/// The operations of this crate that call functions of the program, family by family.
pub(crate) const CALLING: [&[(OpDef, CallingRun)]; 2] = [analysis::CALLING, sampling::CALLING];

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
