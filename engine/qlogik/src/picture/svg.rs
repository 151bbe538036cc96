//! The picture as SVG: one self-contained element, system fonts, readable in black and white.

use super::layout::layout;
use super::text::{cut, escaped, push};
use super::{Graph, Kind, Shape};
use crate::answer::Evaluation;
use crate::model::Model;

/// Width of a letter of 12 pixels, on average and generously: of a small one, and of a capital.
const LETTER: f64 = 6.9;
const CAPITAL: f64 = 8.9;
const LINE: f64 = 17.0;
const HEAD: f64 = 24.0;
const BAR: f64 = 64.0;
const MARGIN: f64 = 16.0;

/// The model as SVG; with beliefs, each state has its bar. Evidence is shaded, decisions are square, utilities are
/// hexagons; dashed arrows are information.
pub fn svg(model: &Model, beliefs: Option<&Evaluation>) -> String {
    let graph = Graph::new(model, beliefs);
    let sizes: Vec<(f64, f64)> = graph.shapes.iter().map(size).collect();
    let arrows: Vec<(usize, usize)> = graph.arrows.iter().map(|&(from, to, _)| (from, to)).collect();
    let layout = layout(&sizes, &arrows);
    let (width, height) = (layout.width + 2.0 * MARGIN, layout.height + 2.0 * MARGIN);
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width:.0}\" height=\"{height:.0}\" viewBox=\"0 0 {width:.0} \
         {height:.0}\" font-family=\"Helvetica, Arial, sans-serif\" font-size=\"12\">\n<defs><marker id=\"tip\" \
         viewBox=\"0 0 10 10\" refX=\"9\" refY=\"5\" markerWidth=\"8\" markerHeight=\"8\" orient=\"auto\"><path d=\"M0 1 L10 5 \
         L0 9 z\" fill=\"#444\"/></marker></defs>\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
    );
    let shift = |(x, y): (f64, f64)| (x + MARGIN, y + MARGIN);
    for ((from, to, informs), way) in graph.arrows.iter().zip(&layout.ways) {
        let (x0, y0) = shift(layout.places[*from]);
        let (x1, y1) = shift(layout.places[*to]);
        let mut points = vec![(x0, y0 + sizes[*from].1)];
        // Where the shape fills its row the arrow ends with its bend; a tip on a way of no length would point anywhere.
        points.extend(way.iter().map(|&point| shift(point)).filter(|(_, y)| *y < y1 - 1.5));
        points.push((x1, y1 - 1.0));
        let dash = if *informs { " stroke-dasharray=\"5 4\"" } else { "" };
        let path = curve(&points);
        push(
            &mut text,
            format_args!("<path d=\"{path}\" fill=\"none\" stroke=\"#444\"{dash} marker-end=\"url(#tip)\"/>\n"),
        );
    }
    for ((shape, &place), &size) in graph.shapes.iter().zip(&layout.places).zip(&sizes) {
        draw(&mut text, shape, shift(place), size);
    }
    text.push_str("</svg>\n");
    text
}

fn letters(name: &str) -> f64 {
    cut(name).chars().map(|letter| if letter.is_uppercase() { CAPITAL } else { LETTER }).sum()
}

fn size(shape: &Shape) -> (f64, f64) {
    let drawn = shape.lines.iter().filter(|(_, probability)| probability.is_some() || shape.kind == Kind::Decision);
    let widest = drawn.clone().map(|(state, _)| letters(state)).fold(0.0, f64::max);
    let has_bars = shape.lines.iter().any(|(_, probability)| probability.is_some());
    let inner = if has_bars { widest + BAR + 74.0 } else { widest + 24.0 };
    let side = if shape.kind == Kind::Utility { 44.0 } else { 24.0 };
    let lines = drawn.count() as f64;
    (inner.max(letters(&shape.name) * 1.08 + side), HEAD + lines * LINE + if lines > 0.0 { 6.0 } else { 2.0 })
}

fn draw(text: &mut String, shape: &Shape, (centre, top): (f64, f64), (width, height): (f64, f64)) {
    let left = centre - width / 2.0;
    let fill = match (shape.is_evidence, shape.kind) {
        (true, _) => "#e4e4e4",
        (false, Kind::Chance) => "#f3f7fc",
        (false, Kind::Decision) => "#fdf3e1",
        (false, Kind::Utility) => "#eaf6ea",
    };
    let style = format!("fill=\"{fill}\" stroke=\"#444\"");
    if shape.kind == Kind::Utility {
        let (right, middle, bottom) = (left + width, top + height / 2.0, top + height);
        let (a, b) = (left + 12.0, right - 12.0);
        push(
            text,
            format_args!(
                "<polygon points=\"{left:.1},{middle:.1} {a:.1},{top:.1} {b:.1},{top:.1} {right:.1},{middle:.1} {b:.1},{bottom:.1} \
                 {a:.1},{bottom:.1}\" {style}/>\n"
            ),
        );
    } else {
        let round = if shape.kind == Kind::Chance { 9 } else { 0 };
        push(
            text,
            format_args!(
                "<rect x=\"{left:.1}\" y=\"{top:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" rx=\"{round}\" {style}/>\n"
            ),
        );
    }
    let name = escaped(&cut(&shape.name));
    let baseline = top + 17.0;
    push(
        text,
        format_args!(
            "<text x=\"{centre:.1}\" y=\"{baseline:.1}\" text-anchor=\"middle\" font-weight=\"bold\">{name}</text>\n"
        ),
    );
    let mut y = top + HEAD + 11.0;
    for (state, probability) in &shape.lines {
        let state = escaped(&cut(state));
        match probability {
            Some(probability) => {
                let (start, bar, percent) = (left + width - BAR - 60.0, BAR * probability, probability * 100.0);
                let (label, number, above) = (left + 9.0, left + width - 8.0, y - 10.0);
                push(
                    text,
                    format_args!(
                        "<text x=\"{label:.1}\" y=\"{y:.1}\">{state}</text><rect x=\"{start:.1}\" y=\"{above:.1}\" \
                         width=\"{bar:.2}\" height=\"11\" fill=\"#4a78b5\"/><text x=\"{number:.1}\" y=\"{y:.1}\" \
                         text-anchor=\"end\">{percent:.1} %</text>\n"
                    ),
                );
            }
            None if shape.kind == Kind::Decision => {
                push(
                    text,
                    format_args!("<text x=\"{centre:.1}\" y=\"{y:.1}\" text-anchor=\"middle\">{state}</text>\n"),
                );
            }
            None => continue,
        }
        y += LINE;
    }
}

/// A smooth curve through points, leaving and entering straight down.
fn curve(points: &[(f64, f64)]) -> String {
    let mut path = format!("M{:.1} {:.1}", points[0].0, points[0].1);
    for pair in points.windows(2) {
        let ((x0, y0), (x1, y1)) = (pair[0], pair[1]);
        let middle = (y0 + y1) / 2.0;
        push(&mut path, format_args!(" C{x0:.1} {middle:.1} {x1:.1} {middle:.1} {x1:.1} {y1:.1}"));
    }
    path
}
