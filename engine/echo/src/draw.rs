//! Drawings of a timeline for reports: DOT for Graphviz, SVG, a trace for Chrome's viewer, a chart in text.
//!
//! Nothing is computed here that a check or a forecast would not say.

mod chart;
mod dot;
mod svg;
mod trace;

pub use chart::chart;
pub use dot::dot;
pub use svg::{svg, time_text};
pub use trace::trace;
