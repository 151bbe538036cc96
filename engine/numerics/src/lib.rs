//! Numerical algorithms on plain numbers: special functions, distributions, integrals, differential equations, roots,
//! minima, sampling.
//!
//! Functions to be integrated, solved or minimised are arguments that may fail; chance is an argument too. Nothing here
//! knows of tensors, devices or programs: the operation library drives it.

mod distribution;
mod minimise;
mod ode;
mod quadrature;
mod roots;
mod special;

pub use distribution::{Distribution, ParameterError};
pub use minimise::{Minimum, minimise, minimise_simplex};
pub use ode::{OdeError, OdeOptions, OdeSolution, solve_ode};
pub use quadrature::{Integral, integrate};
pub use roots::{RootError, find_root, find_roots};
pub use special::{beta_inc, erf_inv, gamma_inc, ln_beta, ln_gamma, normal_quantile};
