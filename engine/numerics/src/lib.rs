//! Numerical algorithms on plain numbers: special functions, distributions, integrals, differential equations, roots,
//! minima, sampling.
//!
//! Functions to be integrated, solved or minimised are arguments that may fail; chance is an argument too. Nothing here
//! knows of tensors, devices or programs: the operation library drives it.

mod diagnostics;
mod distribution;
pub mod hypothesis;
mod low_discrepancy;
mod lu;
mod minimise;
mod multivariate;
mod nuts;
mod ode;
mod polygamma;
mod quadrature;
mod roots;
mod sobol_directions;
mod special;
mod stiff;

pub use diagnostics::{Diagnosis, diagnose};
pub use distribution::{Distribution, ParameterError};
pub use low_discrepancy::{HALTON_DIMENSIONS_MAX, Halton, SOBOL_DIMENSIONS_MAX, SOBOL_POINTS_MAX, Sobol};
pub use minimise::{Minimum, minimise, minimise_simplex};
pub use multivariate::{Multivariate, MultivariateError};
pub use nuts::{Chain, NutsError, NutsOptions, nuts};
pub use ode::{OdeError, OdeOptions, OdeSolution, solve_ode};
pub use polygamma::{digamma, polygamma};
pub use quadrature::{Integral, integrate};
pub use roots::{RootError, find_root, find_roots};
pub use special::{beta_inc, erf_inv, gamma_inc, ln_beta, ln_gamma, normal_quantile};
pub use stiff::solve_stiff_ode;
