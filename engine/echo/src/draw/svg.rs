//! A timeline as an SVG picture: time from left to right, a row for each lane or event, triggers as curves.

use std::collections::BTreeMap;
use std::fmt::Write;

use crate::draw::chart::{lasts, span};
use crate::draw::frame::{LETTER, cut, escaped, open, text};
use crate::event::{EventKind, TimeNode};
use crate::graph::Graph;
use crate::range::TimeRange;
use crate::time::Micros;
use crate::trigger::TriggerKind;

/// Rows drawn; the rest are counted below.
const ROWS_MAX: usize = 400;
const ROW: f64 = 26.0;
const TOP: f64 = 62.0;
const WIDTH: f64 = 1_120.0;
/// Beyond so many triggers that only say what came after what, a Gantt chart is clearer without them.
const ARROWS_MAX: usize = 8;

struct Scale {
    left: f64,
    first: i64,
    length: f64,
}

impl Scale {
    fn x(&self, at: i64) -> f64 {
        self.left + (at - self.first) as f64 / self.length * (WIDTH - self.left - 150.0)
    }
}

/// The picture of a range of time. Events with the metadata `lane` share the row of that name; what lasts beyond the range
/// is cut at its ends.
pub fn svg(graph: &Graph, title: &str, range: TimeRange) -> String {
    let (first, last) = span(graph, range).unwrap_or((0, 1));
    let (rows, labels) = rows(graph);
    let longest = labels.iter().map(|label| label.chars().count()).max().unwrap_or(0).min(36);
    let scale = Scale { left: 30.0 + longest as f64 * LETTER, first, length: (last - first).max(1) as f64 };
    let height = TOP + labels.len() as f64 * ROW + 30.0;
    let mut out = open(WIDTH, height, title);
    legend(&mut out, graph);
    axis(&mut out, &scale, (first, last), range.zero(first), height);
    for (at, label) in labels.iter().enumerate() {
        let y = TOP + at as f64 * ROW + ROW / 2.0;
        let _ = writeln!(out, "<text x=\"20\" y=\"{}\" fill=\"#374151\">{}</text>", y + 4.0, escaped(&cut(label, 36)));
    }
    let is_gantt = graph.nodes.iter().any(|node| node.metadata.contains_key("lane"));
    let y = |node: u32| rows[node as usize].map(|row| TOP + row as f64 * ROW + ROW / 2.0);
    for (edge, trigger) in graph.edges.iter().zip(&graph.triggers) {
        let only_order = edge.kind == TriggerKind::Enables && is_gantt && graph.edges.len() > ARROWS_MAX;
        if let (Some(from), Some(to), false) = (y(edge.source), y(edge.target), only_order) {
            let ends = [lasts(graph, edge.source as usize, range).1, lasts(graph, edge.target as usize, range).0];
            arrow(&mut out, edge.kind, trigger.probability, [(scale.x(ends[0]), from), (scale.x(ends[1]), to)]);
        }
    }
    for at in 0..graph.len() {
        if let Some(y) = y(at as u32) {
            event(&mut out, &graph.nodes[at], lasts(graph, at, range), &scale, y);
        }
    }
    out.push_str("</svg>\n");
    out
}

/// The row of each event, and the rows' labels, in the order of their first events.
fn rows(graph: &Graph) -> (Vec<Option<usize>>, Vec<String>) {
    let mut order: Vec<usize> = (0..graph.len()).collect();
    order.sort_by_key(|&at| (graph.nodes[at].timestamp, at));
    let (mut lanes, mut labels) = (BTreeMap::new(), Vec::new());
    let mut rows = vec![None; graph.len()];
    for at in order {
        let label = graph.nodes[at].metadata.get("lane").unwrap_or(&graph.nodes[at].name);
        let next = labels.len();
        let row = *lanes.entry(label.clone()).or_insert_with(|| {
            labels.push(label.clone());
            next
        });
        rows[at] = (row < ROWS_MAX).then_some(row);
    }
    if labels.len() > ROWS_MAX {
        let more = labels.len() - ROWS_MAX;
        labels.truncate(ROWS_MAX);
        labels.push(format!("… and {more} more rows"));
    }
    (rows, labels)
}

fn axis(out: &mut String, scale: &Scale, (first, last): (i64, i64), zero: i64, height: f64) {
    const TICKS: i64 = 6;
    for tick in 0..=TICKS {
        let at = first + (i128::from(last - first) * i128::from(tick) / i128::from(TICKS)) as i64;
        let x = scale.x(at);
        let _ = writeln!(
            out,
            "<line x1=\"{x:.1}\" y1=\"52\" x2=\"{x:.1}\" y2=\"{}\" stroke=\"#e5e7eb\"/><text x=\"{x:.1}\" y=\"46\" \
             text-anchor=\"middle\" font-size=\"10\" fill=\"#6b7280\">{}</text>",
            height - 20.0,
            escaped(&tick_text(at, zero, last))
        );
        if first == last {
            break;
        }
    }
}

/// Within two days the first tick is the date and the others are spans after it; else all are dates or spans.
pub(super) fn tick_text(at: i64, zero: i64, last: i64) -> String {
    const TWO_DAYS: i64 = 2 * 86_400_000_000;
    if !Micros(zero).is_date() || last - zero >= TWO_DAYS || at <= zero {
        return Micros(at).point();
    }
    // Three digits: no more can be read off.
    format!("+{}", Micros(at - zero).rough())
}

fn arrow(out: &mut String, kind: TriggerKind, probability: f64, [(x1, y1), (x2, y2)]: [(f64, f64); 2]) {
    let (colour, dash) = match kind {
        TriggerKind::Causes => ("#2563eb", ""),
        TriggerKind::Enables => ("#6b7280", ""),
        TriggerKind::Prevents => ("#dc2626", ""),
        TriggerKind::Excludes => ("#dc2626", " stroke-dasharray=\"5 3\""),
        TriggerKind::Informs => ("#9ca3af", " stroke-dasharray=\"2 3\""),
        TriggerKind::Option => ("#d97706", ""),
    };
    let bend = ((x2 - x1).abs() / 2.0).max(24.0);
    let _ = writeln!(
        out,
        "<path d=\"M{x1:.1},{y1:.1} C{:.1},{y1:.1} {:.1},{y2:.1} {x2:.1},{y2:.1}\" fill=\"none\" stroke=\"{colour}\" \
         stroke-width=\"1.3\" stroke-opacity=\"{:.2}\"{dash}><title>{}</title></path>",
        x1 + bend,
        x2 - bend,
        0.35 + 0.65 * probability,
        kind.word()
    );
}

fn event(out: &mut String, node: &TimeNode, (first, last): (i64, i64), scale: &Scale, y: f64) {
    let (x, end) = (scale.x(first), scale.x(last));
    let (fill, stroke) = match node.kind {
        EventKind::Fact => ("#2563eb", "#1e3a8a"),
        EventKind::Planned => ("#ffffff", "#1e3a8a"),
        EventKind::Decision => ("#fbbf24", "#92400e"),
    };
    let length = Micros(node.until().0 - node.timestamp.0);
    let lasts = if length.0 > 0 { format!(" · {}", length.rough()) } else { String::new() };
    let how_text = node.metadata.get("how").map(|how| format!(" · {how}")).unwrap_or_default();
    let title = format!("{} · {}{lasts}{how_text}", node.name, node.timestamp.point());
    let how = node.metadata.get("how").map(String::as_str);
    let shape = if node.metadata.contains_key("until") {
        let (top, width) = (y - 8.0, (end - x).max(1.5));
        let (fill, stroke) = how_colours(how);
        format!(
            "<rect x=\"{x:.1}\" y=\"{top:.1}\" width=\"{width:.1}\" height=\"16\" rx=\"2\" fill=\"{fill}\" stroke=\"{stroke}\" stroke-width=\"0.8\">"
        )
    } else if node.kind == EventKind::Decision {
        format!(
            "<rect x=\"{:.1}\" y=\"{:.1}\" width=\"11\" height=\"11\" fill=\"{fill}\" stroke=\"{stroke}\" transform=\"rotate(45 {x:.1} {y:.1})\">",
            x - 5.5,
            y - 5.5
        )
    } else {
        format!(
            "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"5.5\" fill=\"{fill}\" stroke=\"{stroke}\" stroke-width=\"1.5\">"
        )
    };
    let close = if shape.starts_with("<circle") { "circle" } else { "rect" };
    let _ = writeln!(out, "{shape}<title>{}</title></{close}>", escaped(&title));
    let letters = ((end - x - 6.0) / LETTER) as usize;
    if node.metadata.contains_key("until") && letters >= 4 {
        out.push_str(&text(x + 4.0, y + 4.0, 11, "#0f172a", &cut(&node.name, letters)));
    }
    let mut note = match node.probability {
        Some(probability) => format!("p {probability}"),
        None => String::new(),
    };
    if node.utility != 0.0 {
        let _ = write!(note, " worth {}", node.utility);
    }
    if !note.is_empty() {
        // On a white rim, so that no trigger strikes it out.
        let _ = writeln!(
            out,
            "<text x=\"{:.1}\" y=\"{:.1}\" font-size=\"10\" fill=\"#6b7280\" paint-order=\"stroke\" stroke=\"white\" \
             stroke-width=\"3\">{}</text>",
            end + 10.0,
            y + 4.0,
            escaped(note.trim())
        );
    }
}

/// What bars of a fate look like: fill and outline.
fn how_colours(how: Option<&str>) -> (&'static str, &'static str) {
    match how {
        Some("succeeded") | None => ("#93c5fd", "#1d4ed8"),
        Some("failed" | "timed-out" | "timed out") => ("#fca5a5", "#b91c1c"),
        Some("lost" | "retried" | "retried later") => ("#fcd34d", "#b45309"),
        Some("attached") => ("#bbf7d0", "#047857"),
        Some("running") => ("#e0f2fe", "#0284c7"),
        Some(_) => ("#e5e7eb", "#6b7280"),
    }
}

/// Which colours mean what, of those that are there.
fn legend(out: &mut String, graph: &Graph) {
    let mut fates: Vec<&str> =
        graph.nodes.iter().filter_map(|node| node.metadata.get("how")).map(String::as_str).collect();
    fates.sort_unstable();
    fates.dedup();
    let mut x = WIDTH - 20.0;
    for fate in fates.into_iter().rev() {
        let (fill, stroke) = how_colours(Some(fate));
        x -= fate.chars().count() as f64 * LETTER + 30.0;
        let _ = writeln!(
            out,
            "<rect x=\"{x:.1}\" y=\"13\" width=\"14\" height=\"12\" rx=\"2\" fill=\"{fill}\" stroke=\"{stroke}\"/>"
        );
        out.push_str(&text(x + 19.0, 23.0, 11, "#374151", fate));
    }
}
