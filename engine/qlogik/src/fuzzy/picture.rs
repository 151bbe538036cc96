//! Fuzzy systems as pictures: the membership functions of every variable, and where an answer lies among them.
//!
//! One self-contained SVG, a panel for each variable; for several curves in one panel the words stand at their tops.

use super::{Inference, Linguistic, System};
use crate::picture::text::{cut, escaped, push};

const PANEL: (f64, f64) = (420.0, 150.0);
const COLUMNS: usize = 2;
const GAP: (f64, f64) = (50.0, 66.0);
const MARGIN: f64 = 34.0;
/// Points of a curve.
const POINTS: usize = 210;
/// Colours that differ in lightness too, for readers in black and white (Okabe and Ito 2008).
const COLOURS: [&str; 7] = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#444444"];

/// The system as SVG. With `question` (one number for each input, and what follows from them) the places on the scales
/// are marked and the joined output sets are filled.
pub fn svg(system: &System, question: Option<(&[f64], &Inference)>) -> String {
    let panels = system.inputs().len() + system.outputs().iter().filter(|output| !output.terms.is_empty()).count();
    let rows = panels.div_ceil(COLUMNS);
    let columns = panels.min(COLUMNS);
    let width = 2.0 * MARGIN + columns as f64 * (PANEL.0 + GAP.0) - GAP.0;
    let height = 2.0 * MARGIN + rows as f64 * (PANEL.1 + GAP.1) - GAP.1;
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width:.0}\" height=\"{height:.0}\" viewBox=\"0 0 {width:.0} \
         {height:.0}\" font-family=\"Helvetica, Arial, sans-serif\" font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" \
         fill=\"white\"/>\n"
    );
    let mut place = 0;
    let mut next = || {
        let (column, row) = (place % COLUMNS, place / COLUMNS);
        place += 1;
        (MARGIN + column as f64 * (PANEL.0 + GAP.0), MARGIN + row as f64 * (PANEL.1 + GAP.1))
    };
    for (index, input) in system.inputs().iter().enumerate() {
        let mark = question.map(|(inputs, _)| inputs[index]);
        panel(&mut text, next(), input, mark, None);
    }
    for (index, output) in system.outputs().iter().enumerate().filter(|(_, output)| !output.terms.is_empty()) {
        let conclusion = question.map(|(_, found)| &found.conclusions[index]);
        let set = conclusion.and_then(|conclusion| conclusion.surface.as_ref());
        let set = set.map(|surface| (surface.places.as_slice(), surface.heights.as_slice()));
        panel(&mut text, next(), output, conclusion.and_then(|conclusion| conclusion.value), set);
    }
    text.push_str("</svg>\n");
    text
}

/// One variable at a place of the picture; `mark` is the number that it has, `set` the joined output set.
fn panel(
    text: &mut String,
    (left, top): (f64, f64),
    variable: &Linguistic,
    mark: Option<f64>,
    set: Option<(&[f64], &[f64])>,
) {
    let (width, height) = PANEL;
    let (low, high) = (variable.low, variable.high);
    let x = |value: f64| left + (value.clamp(low, high) - low) / (high - low) * width;
    let y = |degree: f64| top + height * (1.0 - degree);
    if let Some((places, heights)) = set {
        let mut path = format!("M{:.1} {:.1}", x(low), y(0.0));
        places.iter().zip(heights).for_each(|(&place, &degree)| {
            push(&mut path, format_args!(" L{:.1} {:.1}", x(place), y(degree)));
        });
        push(text, format_args!("<path d=\"{path} L{:.1} {:.1} z\" fill=\"#dde7f2\"/>\n", x(high), y(0.0)));
    }
    push(
        text,
        format_args!(
            "<path d=\"M{left:.1} {top:.1} V{:.1} H{:.1}\" fill=\"none\" stroke=\"#444\"/>\n",
            top + height,
            left + width
        ),
    );
    for (place, term) in variable.terms.iter().enumerate() {
        let colour = COLOURS[place % COLOURS.len()];
        let points: Vec<f64> = (0..=POINTS).map(|i| low + (high - low) * i as f64 / POINTS as f64).collect();
        let degrees: Vec<f64> = points.iter().map(|&point| term.membership.of(point)).collect();
        let line: Vec<String> =
            points.iter().zip(&degrees).map(|(&point, &degree)| format!("{:.1},{:.1}", x(point), y(degree))).collect();
        push(
            text,
            format_args!(
                "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.8\"/>\n",
                line.join(" ")
            ),
        );
        // The word stands over the middle of where the curve is highest.
        let highest = degrees.iter().copied().fold(0.0, f64::max);
        let top_points: Vec<f64> =
            points.iter().zip(&degrees).filter(|(_, degree)| **degree >= highest - 1e-3).map(|(x, _)| *x).collect();
        let middle = x(top_points.iter().sum::<f64>() / top_points.len().max(1) as f64);
        let label = escaped(&cut(&term.name));
        let at = middle.clamp(left + 18.0, left + width - 18.0);
        push(
            text,
            format_args!(
                "<text x=\"{at:.1}\" y=\"{:.1}\" text-anchor=\"middle\" fill=\"{colour}\">{label}</text>\n",
                y(highest) - 5.0
            ),
        );
    }
    axis(text, (left, top), variable);
    if let Some(mark) = mark {
        let at = x(mark);
        push(
            text,
            format_args!(
                "<path d=\"M{at:.1} {:.1} V{:.1}\" stroke=\"black\" stroke-width=\"1.4\" stroke-dasharray=\"4 3\"/>\
                 <text x=\"{at:.1}\" y=\"{:.1}\" text-anchor=\"middle\" font-weight=\"bold\">{}</text>\n",
                top,
                top + height + 4.0,
                top + height + 16.0,
                crate::answer::text::short(mark)
            ),
        );
    }
}

/// The scale under a panel, and the name of its variable.
fn axis(text: &mut String, (left, top): (f64, f64), variable: &Linguistic) {
    let (width, height) = PANEL;
    let name = escaped(&cut(&variable.name));
    let below = top + height + 16.0;
    let ends = [(left, "start", variable.low), (left + width, "end", variable.high)];
    for (at, anchor, value) in ends {
        let value = crate::answer::text::short(value);
        push(text, format_args!("<text x=\"{at:.1}\" y=\"{below:.1}\" text-anchor=\"{anchor}\">{value}</text>\n"));
    }
    push(
        text,
        format_args!(
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\" font-weight=\"bold\">{name}</text>\n",
            left + width / 2.0,
            below + 16.0
        ),
    );
}

#[cfg(test)]
mod tests {
    use super::super::document::read;
    use super::*;

    #[test]
    fn every_variable_has_a_panel_and_every_term_a_curve() {
        let text = "rules = [\"if load is low then fan is slow\"]\n[[input]]\nname = \"load\"\nrange = [0, 9]\n\
                    terms = { low = { falling = [0, 9] } }\n[[output]]\nname = \"fan & co\"\nrange = [0, 1]\n\
                    terms = { slow = { rising = [0, 1] } }\n"
            .replace("then fan is", "then 'fan & co' is");
        let (system, _) = read("f", &text).unwrap();
        let found = system.infer(&[3.0]).unwrap();
        let picture = svg(&system, Some((&[3.0], &found)));
        assert_eq!(picture.matches("<polyline").count(), 2);
        assert!(picture.contains("fan &amp; co") && picture.contains("stroke-dasharray"));
        assert!(!svg(&system, None).contains("stroke-dasharray"));
    }
}
