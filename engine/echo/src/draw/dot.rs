//! A timeline as a graph in the DOT language of Graphviz.

use std::fmt::Write;

use crate::draw::frame::quoted;
use crate::event::EventKind;
use crate::graph::Graph;
use crate::trigger::TriggerKind;

/// The graph in DOT: facts filled, plans outlined, decisions as squares; every trigger with its probability and delay.
pub fn dot(graph: &Graph, title: &str) -> String {
    let mut out = format!(
        "digraph {} {{\n  rankdir=LR;\n  node [fontname=\"Helvetica\", fontsize=11];\n  edge [fontname=\"Helvetica\", fontsize=9];\n",
        quoted(title)
    );
    for (at, node) in graph.nodes.iter().enumerate() {
        let style = match node.kind {
            EventKind::Fact => "shape=box, style=\"rounded,filled\", fillcolor=\"#dbeafe\"",
            EventKind::Planned => "shape=box, style=rounded",
            EventKind::Decision => "shape=box, style=filled, fillcolor=\"#fef3c7\"",
        };
        let mut label = format!("{}\n{}", node.name, node.timestamp.point());
        if let Some(probability) = node.probability {
            let _ = write!(label, "  p {probability}");
        }
        if node.utility != 0.0 {
            let _ = write!(label, "\nworth {}", node.utility);
        }
        let _ = writeln!(out, "  n{at} [label={}, {style}];", quoted(&label));
    }
    for (edge, trigger) in graph.edges.iter().zip(&graph.triggers) {
        let style = match edge.kind {
            TriggerKind::Causes => "color=\"#1d4ed8\"",
            TriggerKind::Enables => "color=\"#111827\"",
            TriggerKind::Prevents => "color=\"#b91c1c\", arrowhead=tee",
            TriggerKind::Excludes => "color=\"#b91c1c\", dir=none, style=dashed",
            TriggerKind::Informs => "color=\"#6b7280\", style=dotted",
            TriggerKind::Option => "color=\"#b45309\"",
        };
        let mut label = String::new();
        if trigger.probability < 1.0 {
            let _ = write!(label, "{} ", trigger.probability);
        }
        match trigger.delay.max {
            Some(max) if max == trigger.delay.min => _ = write!(label, "{max}"),
            Some(max) => _ = write!(label, "{}–{max}", trigger.delay.min),
            None if trigger.delay.min.0 > 0 => _ = write!(label, "≥{}", trigger.delay.min),
            None => {}
        }
        let _ = writeln!(out, "  n{} -> n{} [label={}, {style}];", edge.source, edge.target, quoted(label.trim()));
    }
    out.push_str("}\n");
    out
}
