//! Profiles as text: a table for people, folded stacks and a flame graph, and a trace for timeline viewers.
//!
//! Folded stacks are what flame graph tools read (B. Gregg, The Flame Graph, CACM 2016); traces are in the Trace Event
//! Format that Chrome and Perfetto open.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::{Profile, ProfileKind, ProfileLine};

/// Lines of the table: what comes behind them takes no time to speak of.
const LINES_MAX: usize = 40;
/// Width of a flame graph, and height of one of its bars.
const WIDTH: f64 = 1200.0;
const BAR: f64 = 18.0;
/// Narrower bars cannot be seen.
const BAR_WIDTH_MIN: f64 = 0.3;
/// Width of a letter in a bar.
const LETTER: f64 = 6.6;

/// A time with three digits and a unit.
pub(super) fn time(ns: u64) -> String {
    let (value, unit) = match ns as f64 {
        ns if ns < 1e3 => return format!("{ns:.0} ns"),
        ns if ns < 1e6 => (ns / 1e3, "µs"),
        ns if ns < 1e9 => (ns / 1e6, "ms"),
        ns => (ns / 1e9, "s"),
    };
    match value {
        v if v < 9.995 => format!("{v:.2} {unit}"),
        v if v < 99.95 => format!("{v:.1} {unit}"),
        v => format!("{v:.0} {unit}"),
    }
}

/// A size of data in decimal units.
pub fn bytes(count: u64) -> String {
    match count as f64 {
        _ if count == 0 => "—".to_owned(),
        b if b < 1e3 => format!("{b:.0} B"),
        b if b < 1e6 => format!("{:.1} kB", b / 1e3),
        b if b < 1e9 => format!("{:.1} MB", b / 1e6),
        b => format!("{:.1} GB", b / 1e9),
    }
}

impl Profile {
    /// The table: functions and operations, those with most time of their own first. `~` marks what was sampled and
    /// not measured; quantiles, least and most are of the calls under `TIMED`.
    pub fn table(&self) -> String {
        let whole: u64 = self.lines.iter().map(|line| line.timing.self_ns).sum();
        let shown = &self.lines[..self.lines.len().min(LINES_MAX)];
        let width = shown.iter().map(|line| line.name.chars().count()).max().unwrap_or(0).clamp(12, 40);
        let mut text = format!(
            "{:width$}  {:>9}  {:>5}  {:>9}  {:>9}  {:>8}  {:>7}  {:>8}  {:>8}  {:>8}  {:>8}  {:>8}\n",
            "NAME", "COUNT", "SHARE", "SELF", "TOTAL", "MEAN", "TIMED", "P50", "P99", "MIN", "MAX", "BYTES"
        );
        for ProfileLine { name, timing, .. } in shown {
            let about = |sampled_ns| if sampled_ns == 0 { "" } else { "~" };
            let share = timing.self_ns as f64 / whole.max(1) as f64 * 100.0;
            let name: String = name.chars().take(width).collect();
            let _ = writeln!(
                text,
                "{name:width$}  {:>9}  {share:>4.0}%  {:>9}  {:>9}  {:>8}  {:>7}  {:>8}  {:>8}  {:>8}  {:>8}  {:>8}",
                timing.count,
                format!("{}{}", about(timing.sampled_self_ns), time(timing.self_ns)),
                format!("{}{}", about(timing.sampled_total_ns), time(timing.total_ns)),
                time(timing.mean_ns()),
                timing.timed,
                time(timing.quantile_ns(0.5)),
                time(timing.quantile_ns(0.99)),
                time(timing.min_ns),
                time(timing.max_ns),
                bytes(timing.bytes)
            );
        }
        if self.lines.len() > shown.len() {
            let _ = writeln!(text, "and {} more that take less", self.lines.len() - shown.len());
        }
        text
    }

    /// Folded stacks, one a line: `main;fib;tensor @ 1200`, with microseconds.
    pub fn folded(&self) -> String {
        let mut text = String::new();
        for stack in self.stacks.iter().filter(|stack| stack.self_ns >= 1_000) {
            let frames: Vec<String> = stack.frames.iter().map(|frame| frame.replace(';', ",")).collect();
            let _ = writeln!(text, "{} {}", frames.join(";"), stack.self_ns / 1_000);
        }
        text
    }

    /// A trace of single calls for chrome://tracing, Perfetto or Speedscope.
    pub fn trace(&self) -> String {
        let first = self.events.first().map_or(0, |event| event.started_ns);
        let mut text = String::from("{\"displayTimeUnit\":\"ns\",\"traceEvents\":[");
        for (at, event) in self.events.iter().enumerate() {
            let category = match event.kind {
                ProfileKind::Function => "function",
                ProfileKind::Operation => "operation",
            };
            let _ = write!(
                text,
                "{}\n{{\"name\":{},\"cat\":\"{category}\",\"ph\":\"X\",\"ts\":{:.3},\"dur\":{:.3},\"pid\":1,\"tid\":{}}}",
                if at == 0 { "" } else { "," },
                quoted(&event.name),
                event.started_ns.saturating_sub(first) as f64 / 1e3,
                event.ns as f64 / 1e3,
                event.thread
            );
        }
        text.push_str("\n]}\n");
        text
    }

    /// A flame graph as SVG: the widths are times, callers stand below what they call; a bar's tooltip says the rest.
    pub fn flame_graph(&self, title: &str) -> String {
        let mut root = Flame::default();
        for stack in &self.stacks {
            root.add(&stack.frames, stack.self_ns);
        }
        let depth = root.depth();
        let height = BAR * depth as f64 + 48.0;
        let mut text = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" font-family=\"monospace\" \
             font-size=\"11\"><text x=\"8\" y=\"20\" font-size=\"15\">{}</text>\n",
            escaped(title)
        );
        root.draw(&mut text, (0.0, height - BAR - 8.0), WIDTH / root.total_ns.max(1) as f64, root.total_ns);
        text.push_str("</svg>\n");
        text
    }
}

/// A place in the calls with everything above it.
#[derive(Debug, Default)]
struct Flame {
    total_ns: u64,
    children: BTreeMap<String, Flame>,
}

impl Flame {
    fn add(&mut self, frames: &[String], ns: u64) {
        let mut at = self;
        at.total_ns += ns;
        for frame in frames {
            at = at.children.entry(frame.clone()).or_default();
            at.total_ns += ns;
        }
    }

    fn depth(&self) -> usize {
        self.children.values().map(|child| child.depth() + 1).max().unwrap_or(0)
    }

    fn draw(&self, text: &mut String, (mut x, y): (f64, f64), scale: f64, whole: u64) {
        for (name, child) in &self.children {
            let width = child.total_ns as f64 * scale;
            if width >= BAR_WIDTH_MIN {
                let share = child.total_ns as f64 / whole.max(1) as f64 * 100.0;
                let letters = (width / LETTER) as usize;
                let label: String = if letters < 3 { String::new() } else { name.chars().take(letters - 1).collect() };
                let _ = writeln!(
                    text,
                    "<g><title>{}: {} ({share:.1} %)</title><rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" \
                     height=\"{:.0}\" rx=\"2\" fill=\"hsl({},80%,62%)\"/><text x=\"{:.1}\" y=\"{:.1}\">{}</text></g>",
                    escaped(name),
                    time(child.total_ns),
                    BAR - 1.0,
                    hue(name),
                    x + 3.0,
                    y + 12.0,
                    escaped(&label)
                );
                child.draw(text, (x, y - BAR), scale, whole);
            }
            x += width;
        }
    }
}

/// A warm colour that is always the same for a name.
fn hue(name: &str) -> u32 {
    name.bytes().fold(7u32, |sum, byte| sum.wrapping_mul(31).wrapping_add(u32::from(byte))) % 55
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// A string as JSON writes it.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            c if (c as u32) < 0x20 => {
                let _ = write!(quoted, "\\u{:04x}", c as u32);
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}
