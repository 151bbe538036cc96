//! A timeline as a chart in text: one line an event, time from left to right.

use std::fmt::Write;

use crate::draw::svg::tick_text;
use crate::event::EventKind;
use crate::graph::Graph;
use crate::range::TimeRange;
use crate::time::Micros;

/// Letters of a row's name.
const NAME_MAX: usize = 40;

/// A chart `width` characters wide: bars for events with the metadata `until` (microseconds), marks for the others, in
/// the order of time. Bars of the metadata `how` look like what became of them, and say so. At most `rows` events; the
/// rest are counted. What lasts beyond the range is cut at its ends, and says how long it is in all.
pub fn chart(graph: &Graph, range: TimeRange, width: usize, rows: usize) -> String {
    let Some((first, last)) = span(graph, range) else { return "no events\n".to_owned() };
    let mut order: Vec<usize> = (0..graph.len()).collect();
    order.sort_by(|&a, &b| {
        let (a, b) = (&graph.nodes[a], &graph.nodes[b]);
        a.timestamp.cmp(&b.timestamp).then_with(|| a.name.cmp(&b.name))
    });
    let shown = &order[..order.len().min(rows)];
    let names = shown.iter().map(|&at| label(graph, at).chars().count()).max().unwrap_or(0).min(NAME_MAX);
    let room = width.saturating_sub(names + 16).max(10);
    let place = |at: i64| (i128::from(at - first) * (room as i128 - 1) / i128::from((last - first).max(1))) as usize;
    let mut out = String::new();
    let zero = range.zero(first);
    let (left, right) = (tick_text(first, zero, last), tick_text(last, zero, last));
    let gap = room.saturating_sub(left.chars().count()).max(1);
    let _ = writeln!(out, "{:names$}  {left}{right:>gap$}", "");
    for &at in shown {
        let node = &graph.nodes[at];
        let (start, end) = lasts(graph, at, range);
        let (start, end) = (place(start), place(end));
        let mark = match node.kind {
            _ if node.until() > node.timestamp => bar(node.metadata.get("how").map(String::as_str)),
            EventKind::Fact => "●",
            EventKind::Planned => "○",
            EventKind::Decision => "◆",
        };
        let name: String = label(graph, at).chars().take(NAME_MAX).collect();
        let _ = writeln!(
            out,
            "{name:names$}  {}{}{}  {}",
            " ".repeat(start),
            mark.repeat(end - start + 1),
            " ".repeat(room - end - 1),
            note(graph, at, (zero, last))
        );
    }
    if order.len() > shown.len() {
        let _ = writeln!(out, "… and {} more", order.len() - shown.len());
    }
    out
}

/// What a bar of a fate is made of: solid where it ran to its end.
fn bar(how: Option<&str>) -> &'static str {
    match how {
        None | Some("succeeded") => "█",
        Some("running") => "▒",
        Some("lost" | "retried" | "retried later") => "░",
        Some("attached") => "━",
        Some(_) => "▓",
    }
}

/// How long a bar lasted and what became of it, or when something happened.
fn note(graph: &Graph, at: usize, (first, last): (i64, i64)) -> String {
    let node = &graph.nodes[at];
    if !node.metadata.contains_key("until") {
        return tick_text(node.timestamp.0, first, last);
    }
    let length = Micros(node.until().0 - node.timestamp.0).rough();
    match node.metadata.get("how").map(String::as_str) {
        None | Some("succeeded" | "attached") => length,
        Some(how) => format!("{length} {how}"),
    }
}

fn label(graph: &Graph, at: usize) -> String {
    let node = &graph.nodes[at];
    match node.metadata.get("lane") {
        None => node.name.clone(),
        // The row says it already.
        Some(lane) if node.metadata.get("how").is_some_and(|how| how == "attached") => lane.clone(),
        Some(lane) => format!("{} @ {lane}", node.name),
    }
}

/// From when to when an event lasts, as far as that lies in a range.
pub(super) fn lasts(graph: &Graph, at: usize, range: TimeRange) -> (i64, i64) {
    let node = &graph.nodes[at];
    range.cut((node.timestamp.0, node.until().0))
}

/// First and last time drawn.
pub(super) fn span(graph: &Graph, range: TimeRange) -> Option<(i64, i64)> {
    let first = graph.nodes.iter().map(|node| node.timestamp.0).min()?;
    let last = graph.nodes.iter().map(|node| node.until().0).max()?;
    Some(range.cut((first, last)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Document;

    #[test]
    fn what_was_lost_does_not_look_like_what_ran() {
        let event = |name: &str, at: &str, until: i64, how: &str| {
            format!(
                r#"{{"name": "{name}", "at": "{at}", "kind": "fact", "metadata": {{"lane": "box", "until": "{until}", "how": "{how}"}}}}"#
            )
        };
        let start = 1_772_357_400_000_000;
        let events = [
            r#"{"name": "accepted", "at": "2026-03-01T09:30:00Z", "kind": "fact"}"#.to_owned(),
            event("task 0", "2026-03-01T09:30:01Z", start + 2_500_000, "lost"),
            event("task 0 (2)", "2026-03-01T09:30:04Z", start + 8_061_000, "succeeded"),
        ];
        let document = Document::parse(format!(r#"{{"events": [{}]}}"#, events.join(",")).as_bytes()).unwrap();
        let text = chart(&Graph::new(document.timeline().unwrap().state()), TimeRange::ALL, 60, 10);
        let wanted = "                  2026-03-01T09:30:00Z  +8.06s\n\
                      accepted          ●                             2026-03-01T09:30:00Z\n\
                      task 0 @ box         ░░░░░░                     1.5s lost\n\
                      task 0 (2) @ box               ███████████████  4.06s\n";
        assert_eq!(text, wanted, "{text}");
    }
}
