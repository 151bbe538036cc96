//! What was learned, as a page: speed-ups by pattern, and the loss against the best known strategy over time.

use std::fmt::Write as _;

use crate::explain::time;
use crate::history::Run;
use crate::optimizer::Optimizer;
use crate::work::Pattern;

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 220.0;
const MARGIN: f64 = 48.0;
/// Height of a bar with the gap below it, and room for the names before the bars and the numbers behind them.
const BAR: f64 = 28.0;
const NAMES: f64 = 160.0;
const NUMBERS: f64 = 60.0;
/// Points of a line: more cannot be seen.
const POINTS_MAX: usize = 360;

const PATTERNS: [Pattern; 4] =
    [Pattern::TensorMathematics, Pattern::Recursion, Pattern::DataProcessing, Pattern::InputOutput];

impl Optimizer {
    /// A self-contained HTML page with the plots of the runs that are remembered.
    pub fn report(&self) -> String {
        let runs: Vec<&Run> = self.runs().collect();
        let mut page = String::from(
            "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>NEXUS-OS optimiser</title>\n\
             <style>body{font:15px/1.5 system-ui,sans-serif;max-width:760px;margin:2em auto;padding:0 1em;color:#1b1f24}\
             table{border-collapse:collapse}td,th{padding:.2em 1em .2em 0;text-align:right}td:first-child,th:first-child\
             {text-align:left}svg text{font:12px system-ui,sans-serif;fill:#57606a}</style></head><body>\n<h1>What the \
             optimiser learned</h1>\n",
        );
        let trials = runs.iter().filter(|run| run.is_trial).count();
        let _ =
            writeln!(page, "<p>{} runs of {} pieces of work, {trials} of them trials.</p>", runs.len(), self.known());
        if runs.is_empty() {
            page.push_str("<p>Nothing was run yet.</p></body></html>\n");
            return page;
        }
        page.push_str("<h2>By pattern</h2>\n<table><tr><th>pattern</th><th>runs</th><th>under default (predicted)</th><th>taken</th><th>less time</th></tr>\n");
        let mut speedups = Vec::new();
        for pattern in PATTERNS {
            let of: Vec<&&Run> = runs.iter().filter(|run| run.pattern == pattern).collect();
            if of.is_empty() {
                continue;
            }
            let baseline: f64 = of.iter().map(|run| run.baseline_s).sum();
            let taken: f64 = of.iter().map(|run| run.seconds).sum();
            let _ = writeln!(
                page,
                "<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{:.0} %</td></tr>",
                pattern.name(),
                of.len(),
                time(baseline),
                time(taken),
                (1.0 - taken / baseline) * 100.0
            );
            speedups.push((pattern.name(), baseline / taken.max(1e-9)));
        }
        page.push_str("</table>\n<h2>Times as fast as default was predicted to be</h2>\n");
        page.push_str(&bar_plot(&speedups));
        page.push_str("<h2>Loss against the best known strategy</h2>\n");
        page.push_str(&line_plot(&cumulative(&runs, |run| (run.seconds - run.best_s).max(0.0)), "seconds lost", "run"));
        page.push_str("<h2>Time saved against what default was predicted to take</h2>\n");
        page.push_str(&line_plot(&cumulative(&runs, |run| run.baseline_s - run.seconds), "seconds saved", "run"));
        page.push_str("</body></html>\n");
        page
    }
}

/// An SVG of a bar for each pattern; a line stands where runs are as fast as under `default`.
fn bar_plot(speedups: &[(&str, f64)]) -> String {
    let most = speedups.iter().fold(1.0f64, |most, (_, speedup)| most.max(*speedup));
    let scale = (WIDTH - NAMES - NUMBERS) / most;
    let height = BAR * speedups.len() as f64;
    let mut svg =
        format!("<svg viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-label=\"times as fast as default\">");
    for (row, (name, speedup)) in speedups.iter().enumerate() {
        let (top, width) = (BAR * row as f64, speedup.max(0.0) * scale);
        let _ = write!(
            svg,
            "<text x=\"4\" y=\"{text:.1}\">{name}</text><rect x=\"{NAMES}\" y=\"{:.1}\" width=\"{width:.1}\" \
             height=\"{:.1}\" fill=\"#0969da\"/><text x=\"{:.1}\" y=\"{text:.1}\">{speedup:.1}</text>",
            top + 4.0,
            BAR - 8.0,
            NAMES + width + 6.0,
            text = top + BAR / 2.0 + 4.0,
        );
    }
    let one = NAMES + scale;
    let _ = writeln!(svg, "<line x1=\"{one:.1}\" y1=\"0\" x2=\"{one:.1}\" y2=\"{height}\" stroke=\"#57606a\"/></svg>");
    svg
}

fn cumulative(runs: &[&Run], of: impl Fn(&Run) -> f64) -> Vec<f64> {
    let mut sum = 0.0;
    let sums = runs.iter().map(|run| {
        sum += of(run);
        sum
    });
    sums.collect()
}

/// An SVG of values over their index.
fn line_plot(values: &[f64], up: &str, along: &str) -> String {
    let (low, high) = values.iter().fold((0.0f64, 0.0f64), |(low, high), v| (low.min(*v), high.max(*v)));
    let span = if high > low { high - low } else { 1.0 };
    let count = values.len().max(2) - 1;
    let x = |index: usize| MARGIN + index as f64 / count as f64 * (WIDTH - MARGIN - 8.0);
    let y = |value: f64| 12.0 + (high - value) / span * (HEIGHT - MARGIN);
    let step = values.len().div_ceil(POINTS_MAX).max(1);
    let last = values.len().saturating_sub(1);
    let shown = (0..values.len()).filter(|index| index % step == 0 || *index == last);
    let points: Vec<String> = shown.map(|index| format!("{:.1},{:.1}", x(index), y(values[index]))).collect();
    let (zero, bottom) = (y(0.0), HEIGHT - 8.0);
    format!(
        "<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{up}\">\
         <line x1=\"{MARGIN}\" y1=\"{zero:.1}\" x2=\"{WIDTH}\" y2=\"{zero:.1}\" stroke=\"#d0d7de\"/>\
         <polyline fill=\"none\" stroke=\"#0969da\" stroke-width=\"2\" points=\"{}\"/>\
         <text x=\"4\" y=\"16\">{high:.3} {up}</text><text x=\"4\" y=\"{:.1}\">{low:.3}</text>\
         <text x=\"{:.1}\" y=\"{bottom:.1}\" text-anchor=\"end\">{along} {}</text></svg>\n",
        points.join(" "),
        HEIGHT - MARGIN + 14.0,
        WIDTH - 8.0,
        values.len()
    )
}
