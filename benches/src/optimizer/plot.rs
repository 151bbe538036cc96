//! The courses of regret as one SVG.

use std::fmt::Write as _;

use nexus_optimizer::replay::Score;

const COLOURS: [&str; 5] = ["#0969da", "#1a7f37", "#cf222e", "#bf8700", "#8250df"];
const WIDTH: f64 = 760.0;
const HEIGHT: f64 = 360.0;
/// Points of a line: more cannot be seen.
const POINTS_MAX: usize = 400;
/// Decades that the plot shows below the largest value.
const LEAST_SHARE: f64 = 1e-4;

/// Seconds lost against the oracle over runs, a line for each policy.
pub(super) fn courses(scores: &[(&'static str, Score)]) -> String {
    let most = scores.iter().filter_map(|(_, score)| score.course.last()).fold(1e-9f64, |most, v| most.max(*v));
    let least = LEAST_SHARE * most;
    let y = |value: f64| HEIGHT - 40.0 - (value.max(least) / least).ln() / (most / least).ln() * (HEIGHT - 60.0);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" \
         font-size=\"12\"><text x=\"8\" y=\"16\">seconds lost against the oracle (logarithmic), over runs</text>\n"
    );
    for ((name, score), colour) in scores.iter().zip(COLOURS) {
        let last = score.course.len().max(2) - 1;
        let step = score.course.len().div_ceil(POINTS_MAX).max(1);
        let points = (0..score.course.len())
            .step_by(step)
            .map(|at| format!("{:.1},{:.1}", 20.0 + at as f64 / last as f64 * (WIDTH - 160.0), y(score.course[at])));
        let points: Vec<String> = points.collect();
        let end = y(score.course.last().copied().unwrap_or(0.0));
        // Writing to a string cannot fail.
        let _ = writeln!(
            svg,
            "<polyline fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\" points=\"{}\"/>\
             <text x=\"{}\" y=\"{end:.1}\" fill=\"{colour}\">{name}</text>",
            points.join(" "),
            WIDTH - 132.0
        );
    }
    svg.push_str("</svg>\n");
    svg
}
