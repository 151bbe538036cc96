//! Findings that one event and its own triggers show: causal violation, contradiction, probability inversion, collision.

use crate::check::finding::{Finding, FindingKind, Severity};
use crate::event::{EventKind, TimeNode};
use crate::graph::Graph;
use crate::time::Micros;
use crate::trigger::TriggerKind;

/// Probabilities are compared with this much room for rounding.
const PROBABILITY_SLACK: f64 = 1e-9;

/// All local findings.
pub(super) fn findings(graph: &Graph) -> Vec<Finding> {
    let edges = (0..graph.edges.len() as u32).filter_map(|edge| of_edge(graph, edge));
    let nodes = (0..graph.len() as u32).flat_map(|node| {
        let first = first_cause(graph, node).and_then(|edge| violation(graph, edge));
        [first, inversion(graph, node), collision(graph, node)].into_iter().flatten()
    });
    edges.chain(nodes).collect()
}

/// What is wrong with one trigger between the events as they stand, but for causes, of which the first alone counts.
fn of_edge(graph: &Graph, edge: u32) -> Option<Finding> {
    match graph.edges[edge as usize].kind {
        TriggerKind::Excludes => contradiction(graph, edge),
        TriggerKind::Prevents | TriggerKind::Causes | TriggerKind::Option => None,
        TriggerKind::Enables | TriggerKind::Informs => violation(graph, edge),
    }
}

/// Of several causes any may have been the one: only the one that allows the earliest effect can be violated.
fn first_cause(graph: &Graph, node: u32) -> Option<u32> {
    let allows = |edge: u32| {
        let source = graph.edges[edge as usize].source;
        (graph.time(source) + graph.bounds(edge).0, edge)
    };
    graph.causes(node).map(allows).min().map(|(_, edge)| edge)
}

fn violation(graph: &Graph, edge: u32) -> Option<Finding> {
    let ends = graph.edges[edge as usize];
    let earliest = graph.time(ends.source) + graph.bounds(edge).0;
    if graph.time(ends.target) >= earliest || ends.source == ends.target {
        return None;
    }
    let trigger = &graph.triggers[edge as usize];
    let [source, target] = [ends.source, ends.target].map(|node| &graph.nodes[node as usize]);
    let facts = source.kind == EventKind::Fact && target.kind == EventKind::Fact;
    let severity = if facts { Severity::Error } else { Severity::Warning };
    let early = Micros(earliest - target.timestamp.0);
    let text = format!(
        "`{}` is {early} too early: it comes at least {} after `{}`",
        target.name, trigger.delay.min, source.name
    );
    Some(Finding::new(graph, (FindingKind::CausalViolation, severity), &[ends.source, ends.target], &[edge], text))
}

fn contradiction(graph: &Graph, edge: u32) -> Option<Finding> {
    let (ends, trigger) = (graph.edges[edge as usize], &graph.triggers[edge as usize]);
    let [a, b] = [ends.source, ends.target].map(|node| &graph.nodes[node as usize]);
    let window = trigger.delay.max.unwrap_or(trigger.delay.min);
    let apart = a.timestamp.0.abs_diff(b.timestamp.0);
    let likely = [ends.source, ends.target].map(|node| at_least(graph, node));
    if apart > window.0.unsigned_abs() || likely[0] + likely[1] <= 1.0 + PROBABILITY_SLACK {
        return None;
    }
    let facts = a.kind == EventKind::Fact && b.kind == EventKind::Fact;
    let severity = if facts { Severity::Error } else { Severity::Warning };
    let text = format!(
        "`{}` and `{}` exclude one another, and their probabilities {} and {} sum to more than 1",
        a.name, b.name, likely[0], likely[1]
    );
    Some(Finding::new(graph, (FindingKind::Contradiction, severity), &[ends.source, ends.target], &[edge], text))
}

/// What an event's probability is known to be at least: as stated, 1 for facts and for what nothing causes, else 0.
fn at_least(graph: &Graph, node: u32) -> f64 {
    let caused = || graph.incoming(node).iter().any(|&edge| graph.edges[edge as usize].kind.is_causal());
    let event = &graph.nodes[node as usize];
    event.probability.unwrap_or_else(|| if event.kind == EventKind::Fact || !caused() { 1.0 } else { 0.0 })
}

/// What an event's probability is known to be at most: as stated, else 1.
fn at_most(node: &TimeNode) -> f64 {
    node.probability.unwrap_or(1.0)
}

/// Whether an event is stated to be more likely than its causes allow.
pub(super) fn inversion(graph: &Graph, node: u32) -> Option<Finding> {
    if !graph.is_stated(node) {
        return None;
    }
    let event = &graph.nodes[node as usize];
    let stated = event.probability?;
    let (mut any, mut all, mut has_cause) = (0.0, 1.0_f64, false);
    let mut witness = Vec::new();
    for &edge in graph.incoming(node).iter().filter(|&&edge| graph.edges[edge as usize].kind.is_causal()) {
        let ends = graph.edges[edge as usize];
        if ends.source == node {
            return None; // A loop of one, which is reported as such; it bounds nothing.
        }
        let source = at_most(&graph.nodes[ends.source as usize]);
        let allowed = source * graph.triggers[edge as usize].probability;
        match ends.kind {
            TriggerKind::Enables => all = all.min(allowed),
            // A choice is made or not: its trigger says nothing of how likely.
            TriggerKind::Option => (any, has_cause) = (any + source, true),
            _ => (any, has_cause) = (any + allowed, true),
        }
        witness.push(edge);
    }
    let bound = if has_cause { all.min(any) } else { all };
    if stated <= bound + PROBABILITY_SLACK {
        return None;
    }
    let mut nodes: Vec<u32> = witness.iter().map(|&edge| graph.edges[edge as usize].source).collect();
    nodes.push(node);
    let text =
        format!("`{}` is stated to have probability {stated}, but its causes allow at most {bound:.6}", event.name);
    let kind = (FindingKind::ProbabilityInversion, Severity::Error);
    Some(Finding::new(graph, kind, &nodes, &witness, text))
}

/// Whether branches that were merged have two contents for an event.
pub(super) fn collision(graph: &Graph, node: u32) -> Option<Finding> {
    let other = graph.disputes.get(&node)?;
    let here = &graph.nodes[node as usize];
    let text = format!(
        "`{}` has two contents: here {}, on the branch merged {}",
        here.name,
        difference(here, other),
        difference(other, here)
    );
    Some(Finding::new(graph, (FindingKind::Collision, Severity::Error), &[node], &[], text))
}

/// The first field of `one` that `other` has differently.
fn difference(one: &TimeNode, other: &TimeNode) -> String {
    if one.timestamp != other.timestamp {
        format!("at {}", one.timestamp)
    } else if one.kind != other.kind {
        format!("of kind {}", format!("{:?}", one.kind).to_lowercase())
    } else if one.probability != other.probability {
        one.probability
            .map_or("without a probability".to_owned(), |probability| format!("with probability {probability}"))
    } else if one.utility != other.utility || one.late_cost_per_day != other.late_cost_per_day {
        format!("worth {}", one.utility)
    } else if one.payload != other.payload {
        format!("with payload {}", crate::time::clip(&one.payload.to_string()))
    } else {
        "with other metadata".to_owned()
    }
}
