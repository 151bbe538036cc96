//! A timeline as a chart in text: one line an event, time from left to right.

use std::fmt::Write;

use crate::draw::svg::time_text;
use crate::event::EventKind;
use crate::graph::Graph;
use crate::time::Micros;

/// A chart `width` characters wide: bars for events with the metadata `until` (microseconds), marks for the others, in
/// the order of time. At most `rows` events; the rest are counted.
pub fn chart(graph: &Graph, width: usize, rows: usize) -> String {
    let Some((first, last)) = span(graph) else { return "no events\n".to_owned() };
    let mut order: Vec<usize> = (0..graph.len()).collect();
    order.sort_by(|&a, &b| {
        let (a, b) = (&graph.nodes[a], &graph.nodes[b]);
        a.timestamp.cmp(&b.timestamp).then_with(|| a.name.cmp(&b.name))
    });
    let shown = &order[..order.len().min(rows)];
    let names = shown.iter().map(|&at| label(graph, at).chars().count()).max().unwrap_or(0).min(40);
    let room = width.saturating_sub(names + 16).max(10);
    let place = |at: i64| (i128::from(at - first) * (room as i128 - 1) / i128::from((last - first).max(1))) as usize;
    let mut out = String::new();
    let _ = writeln!(
        out,
        "{:names$}  {}{:>w$}",
        "",
        time_text(Micros(first)),
        time_text(Micros(last)),
        w = room.saturating_sub(time_text(Micros(first)).chars().count()).max(1)
    );
    for &at in shown {
        let node = &graph.nodes[at];
        let (start, end) = (place(node.timestamp.0), place(until(graph, at)));
        let mark = match node.kind {
            _ if until(graph, at) > node.timestamp.0 => "█",
            EventKind::Fact => "●",
            EventKind::Planned => "○",
            EventKind::Decision => "◆",
        };
        let name: String = label(graph, at).chars().take(40).collect();
        let length = Micros(until(graph, at) - node.timestamp.0);
        let is_bar = node.metadata.contains_key("until");
        let note = if is_bar { length.to_string() } else { time_text(Micros(node.timestamp.0)) };
        let _ = writeln!(
            out,
            "{name:names$}  {}{}{}  {note}",
            " ".repeat(start),
            mark.repeat(end - start + 1),
            " ".repeat(room - end - 1)
        );
    }
    if order.len() > shown.len() {
        let _ = writeln!(out, "… and {} more", order.len() - shown.len());
    }
    out
}

fn label(graph: &Graph, at: usize) -> String {
    let node = &graph.nodes[at];
    node.metadata.get("lane").map_or_else(|| node.name.clone(), |lane| format!("{} @ {lane}", node.name))
}

/// End of an event's bar: its own time if it has none.
pub(super) fn until(graph: &Graph, at: usize) -> i64 {
    let node = &graph.nodes[at];
    let until =
        node.metadata.get("until").and_then(|until| until.parse().ok()).filter(|&until| Micros(until).in_range());
    until.unwrap_or(node.timestamp.0).max(node.timestamp.0)
}

/// First and last time drawn.
pub(super) fn span(graph: &Graph) -> Option<(i64, i64)> {
    let first = graph.nodes.iter().map(|node| node.timestamp.0).min()?;
    let last = (0..graph.len()).map(|at| until(graph, at)).max()?;
    Some((first, last))
}
