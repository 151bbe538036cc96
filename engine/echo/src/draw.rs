//! Drawings of a timeline for reports: DOT for Graphviz, SVG, a trace for Chrome's viewer, a chart in text.
//!
//! Nothing is computed here that a check or a forecast would not say.

mod branches;
mod chart;
mod dot;
mod frame;
mod policy;
mod svg;
mod trace;

pub use branches::{branches_dot, branches_svg};
pub use chart::chart;
pub use dot::dot;
pub use policy::{policy_dot, policy_svg};
pub use svg::svg;
pub use trace::trace;
