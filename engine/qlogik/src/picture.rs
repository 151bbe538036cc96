//! Models as pictures: DOT for Graphviz, and SVG with beliefs drawn as bars, fit for a report.
//!
//! Layers from the arrows, order within layers by barycentres (Sugiyama, Tagawa and Toda 1981). No state, no files.

mod layout;
pub mod policy;
mod svg;
pub(crate) mod text;

pub use self::svg::svg;

use self::text::push;
use crate::answer::Evaluation;
use crate::model::Model;

/// What a node of the picture is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Chance,
    Decision,
    Utility,
}

/// A node of the picture.
#[derive(Debug, Clone)]
struct Shape {
    name: String,
    kind: Kind,
    /// States with their probability, where beliefs are drawn.
    lines: Vec<(String, Option<f64>)>,
    is_evidence: bool,
}

/// A model as shapes and arrows; an arrow that only informs is dashed.
#[derive(Debug, Clone)]
struct Graph {
    shapes: Vec<Shape>,
    /// From, to, whether it only informs.
    arrows: Vec<(usize, usize, bool)>,
}

impl Graph {
    fn new(model: &Model, beliefs: Option<&Evaluation>) -> Self {
        let network = model.network();
        let diagram = model.diagram();
        let is_decision = |id| diagram.is_some_and(|diagram| diagram.decision(id).is_some());
        let shape = |id| {
            let variable = network.variable(id);
            let known = beliefs.and_then(|all| all.beliefs.iter().find(|belief| belief.variable == variable.name));
            let lines = variable.states.iter().enumerate().map(|(place, state)| {
                (state.clone(), known.filter(|_| !is_decision(id)).map(|belief| belief.states[place].probability))
            });
            Shape {
                name: variable.name.clone(),
                kind: if is_decision(id) { Kind::Decision } else { Kind::Chance },
                lines: lines.collect(),
                is_evidence: known.is_some_and(|belief| belief.is_evidence),
            }
        };
        let mut shapes: Vec<Shape> = network.ids().map(shape).collect();
        let mut arrows: Vec<_> = network.arrows().map(|(from, to)| (from.index(), to.index(), false)).collect();
        for decision in diagram.into_iter().flat_map(|diagram| diagram.decisions()) {
            arrows.extend(decision.information.iter().map(|from| (from.index(), decision.id.index(), true)));
        }
        for utility in diagram.into_iter().flat_map(|diagram| diagram.utilities()) {
            let of = utility.values.domain().variables();
            arrows.extend(of.iter().map(|from| (from.index(), shapes.len(), false)));
            let name = utility.name.clone();
            shapes.push(Shape { name, kind: Kind::Utility, lines: Vec::new(), is_evidence: false });
        }
        Graph { shapes, arrows }
    }
}

/// The model for Graphviz (`dot -Tsvg`): ellipses are chance, boxes decisions, hexagons utilities.
pub fn dot(model: &Model, beliefs: Option<&Evaluation>) -> String {
    let graph = Graph::new(model, beliefs);
    let mut text = format!("digraph {} {{\n  node [fontname=\"Helvetica\"];\n", quoted(model.network().name()));
    for (place, shape) in graph.shapes.iter().enumerate() {
        let form = match shape.kind {
            Kind::Chance => "ellipse",
            Kind::Decision => "box",
            Kind::Utility => "hexagon",
        };
        let mut label = shape.name.clone();
        for (state, probability) in &shape.lines {
            if let Some(probability) = probability {
                push(&mut label, format_args!("\n{state} {:.1} %", probability * 100.0));
            }
        }
        let fill = if shape.is_evidence { ", style=filled, fillcolor=\"#e8e8e8\"" } else { "" };
        push(&mut text, format_args!("  n{place} [shape={form}, label={}{fill}];\n", quoted(&label)));
    }
    for (from, to, informs) in &graph.arrows {
        let style = if *informs { " [style=dashed]" } else { "" };
        push(&mut text, format_args!("  n{from} -> n{to}{style};\n"));
    }
    text.push_str("}\n");
    text
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answer::{Effort, evaluate};
    use crate::evidence::Evidence;

    const MODEL: &str = "
name = \"a < b\"
[[variable]]
name = \"rain\"
states = [\"yes\", \"no\"]
table = [0.2, 0.8]
[[decision]]
name = \"go\"
options = [\"now\", \"later\"]
knows = [\"rain\"]
[[utility]]
name = \"joy & fun\"
of = [\"rain\", \"go\"]
values = [[0, 5], [10, 4]]
";

    #[test]
    fn pictures_have_every_node_and_arrow_and_escape_names() {
        let (model, _) = crate::document::read("m.toml", MODEL).unwrap();
        let beliefs = evaluate(model.network(), &[], &Evidence::new(), Effort::default()).unwrap();
        let dot = dot(&model, Some(&beliefs));
        assert!(dot.contains("n0 [shape=ellipse, label=\"rain\\nyes 20.0 %\\nno 80.0 %\"]"), "{dot}");
        assert!(dot.contains("n0 -> n1 [style=dashed]") && dot.contains("n1 -> n2;"), "{dot}");
        let svg = svg(&model, Some(&beliefs));
        assert!(svg.starts_with("<svg") && svg.ends_with("</svg>\n"));
        assert!(svg.contains("joy &amp; fun") && svg.contains("20.0 %"), "{svg}");
        assert_eq!(svg.matches("<path").count(), 4);
        // Every arrow ends by going down, so that its tip points at the shape.
        for path in svg.lines().filter(|line| line.contains("marker-end")) {
            let numbers: Vec<f64> = path
                .split('"')
                .nth(1)
                .unwrap_or_default()
                .split(|c: char| !c.is_ascii_digit() && c != '.')
                .filter_map(|word| word.parse().ok())
                .collect();
            let [.., before, _, end] = numbers[..] else { panic!("{path}") };
            assert!(before < end, "{path}");
        }
    }
}
