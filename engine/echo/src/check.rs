//! Consistency: what cannot be in a timeline, each with its exact witness and how bad it is.
//!
//! The kinds are those of ECHO-PRIME ('paradoxes'). A full check reads one [`Graph`]; [`Checker`] follows a timeline as it
//! grows and gives the same report. Mending is `repair.rs`.

mod cycles;
mod finding;
mod follow;
mod grandfather;
mod local;
mod temporal;

pub use finding::{Finding, FindingKind, Report, Severity, WITNESS_MAX};
pub use follow::Checker;
pub use temporal::{Schedule, feasible_schedule};

use crate::graph::Graph;
use crate::timeline::Timeline;

/// Checks the newest state of a timeline.
pub fn check(timeline: &Timeline) -> Report {
    check_graph(&Graph::new(timeline.state()))
}

/// Checks one state.
pub fn check_graph(graph: &Graph) -> Report {
    check_counted(graph).0
}

/// The report, and how many of its findings one event and its own triggers show.
fn check_counted(graph: &Graph) -> (Report, usize) {
    let mut findings = local::findings(graph);
    let locals = findings.len();
    let structure = cycles::Structure::new(graph);
    findings.extend(structure_findings(graph, &structure));
    let (temporal, undecided) = temporal::findings(graph);
    findings.extend(temporal);
    (Report::new(findings, undecided), locals)
}

/// The findings that need more than an event and its own triggers, but the temporal ones.
fn structure_findings(graph: &Graph, structure: &cycles::Structure) -> Vec<Finding> {
    let mut findings = cycles::bootstrap_loops(graph, structure);
    findings.extend(cycles::information_loops(graph));
    findings.extend(grandfather::findings(graph, structure));
    findings
}
