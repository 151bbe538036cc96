//! Models as TOML again: what is written and read once more is the same model, to the bit.
//!
//! Tables are written a row a line. Rules are not written: they are text of their own. Files are the caller's.

use std::fmt::Write;

use crate::distribution::Distribution;
use crate::domain::VariableId;
use crate::error::Error;
use crate::influence::{Diagram, Memory, Risk};
use crate::model::Model;
use crate::network::{NUMBERS_MAX, Network};

/// The model as TOML.
///
/// Errors: utilities of more than [`NUMBERS_MAX`] numbers together.
pub fn write(model: &Model) -> Result<String, Error> {
    let network = model.network();
    let mut text = format!("name = {}\n", quoted(network.name()));
    if let Some(diagram) = model.diagram() {
        if diagram.memory() == Memory::Limited {
            text.push_str("memory = \"limited\"\n");
        }
        if let Risk::Tolerance(tolerance) = diagram.risk() {
            add(&mut text, format_args!("risk_tolerance = {tolerance:?}\n"));
        }
    }
    let is_decision = |id| model.diagram().is_some_and(|diagram| diagram.decision(id).is_some());
    for id in network.ids().filter(|&id| !is_decision(id)) {
        variable(&mut text, network, id);
    }
    if let Some(diagram) = model.diagram() {
        decisions(&mut text, diagram)?;
    }
    Ok(text)
}

fn variable(text: &mut String, network: &Network, id: VariableId) {
    let variable = network.variable(id);
    let states = list(variable.states.iter().map(|state| quoted(state)));
    add(text, format_args!("\n[[variable]]\nname = {}\nstates = [{states}]\n", quoted(&variable.name)));
    let parents = network.parents(id);
    if !parents.is_empty() {
        add(text, format_args!("parents = [{}]\n", names(network, parents)));
    }
    match network.distribution(id) {
        Distribution::Table(values) => {
            text.push_str("table = [");
            rows(text, values, variable.states.len());
            text.push_str("]\n");
        }
        Distribution::Function(values) => {
            let states = values.iter().map(|&value| quoted(&variable.states[value as usize]));
            add(text, format_args!("function = [{}]\n", list(states)));
        }
        Distribution::NoisyOr(noisy) => {
            let effect = quoted(&variable.states[noisy.effect]);
            let causes = parents.iter().zip(&noisy.links).map(|(&parent, link)| {
                let parent = network.variable(parent);
                let states = parent.states.iter().zip(link).filter(|(_, value)| **value != 0.0);
                let states = list(states.map(|(state, value)| format!("{} = {value:?}", quoted(state))));
                format!("{} = {{ {states} }}", quoted(&parent.name))
            });
            let causes = list(causes);
            let leak = noisy.leak;
            add(text, format_args!("noisy_or = {{ effect = {effect}, leak = {leak:?}, causes = {{ {causes} }} }}\n"));
        }
    }
}

fn decisions(text: &mut String, diagram: &Diagram) -> Result<(), Error> {
    let network = diagram.network();
    for decision in diagram.decisions() {
        let variable = network.variable(decision.id);
        let options = list(variable.states.iter().map(|option| quoted(option)));
        add(text, format_args!("\n[[decision]]\nname = {}\noptions = [{options}]\n", quoted(&variable.name)));
        if !decision.information.is_empty() {
            add(text, format_args!("knows = [{}]\n", names(network, &decision.information)));
        }
    }
    let mut numbers = 0;
    for utility in diagram.utilities() {
        let domain = utility.values.domain();
        numbers += domain.cells();
        if numbers > NUMBERS_MAX {
            let what = format!("the utility {}, with those before it,", utility.name);
            let (needed, allowed) = (numbers as u64 * 8, NUMBERS_MAX as u64 * 8);
            return Err(Error::TooLarge { what, needed, at_least: true, allowed });
        }
        let of = names(network, domain.variables());
        add(text, format_args!("\n[[utility]]\nname = {}\nof = [{of}]\nvalues = [", quoted(&utility.name)));
        rows(text, utility.values.values(), domain.sized().next_back().map_or(1, |(_, size)| size));
        text.push_str("]\n");
    }
    Ok(())
}

/// Numbers, a row a line; a single row stays on the line.
fn rows(text: &mut String, values: &[f64], row: usize) {
    let number = |value: &f64| format!("{value:?}");
    if values.len() == row {
        text.push_str(&list(values.iter().map(number)));
        return;
    }
    for values in values.chunks(row) {
        add(text, format_args!("\n    [{}],", list(values.iter().map(number))));
    }
    text.push('\n');
}

fn names(network: &Network, ids: &[VariableId]) -> String {
    list(ids.iter().map(|&id| quoted(&network.variable(id).name)))
}

fn list(parts: impl Iterator<Item = String>) -> String {
    parts.collect::<Vec<String>>().join(", ")
}

/// A basic string of TOML, which is good as a key too.
fn quoted(text: &str) -> String {
    let mut quoted = String::from('"');
    for letter in text.chars() {
        match letter {
            '"' | '\\' => quoted.extend(['\\', letter]),
            control if control.is_control() => add(&mut quoted, format_args!("\\u{:04X}", u32::from(control))),
            plain => quoted.push(plain),
        }
    }
    quoted.push('"');
    quoted
}

fn add(text: &mut String, what: std::fmt::Arguments<'_>) {
    text.write_fmt(what).expect("writing to a string does not fail");
}

#[cfg(test)]
mod tests {
    use super::super::read;
    use super::*;

    #[test]
    fn what_is_written_is_read_as_the_same_model() {
        let text = r#"
name = "odd \"names\"\n"
memory = "limited"
risk_tolerance = -3.5
[[variable]]
name = "a b"
states = ["x", "1", "y\\z"]
table = [0.1, 0.2, 0.7]
[[variable]]
name = "or"
states = ["no", "yes"]
parents = ["a b"]
noisy_or = { effect = "yes", leak = 0.125, causes = { "a b" = { x = 0.5, "y\\z" = 0.25 } } }
[[variable]]
name = "f"
states = ["0", "1"]
parents = ["or", "d"]
function = ["0", "1", "1", "0"]
[[decision]]
name = "d"
options = ["go", "stay"]
knows = ["a b"]
[[utility]]
name = "u"
of = ["f", "d"]
values = [[1, 2], [3e-9, -4]]
[[utility]]
name = "constant"
values = 7
"#;
        let (model, _) = read("m.toml", text).unwrap();
        let (again, _) = read("again.toml", &write(&model).unwrap()).unwrap();
        // A noisy or that the text leaves at 0, and the order of the variables, are as they were.
        assert_eq!(write(&again).unwrap(), write(&model).unwrap());
        assert_eq!(again.diagram().unwrap().decisions().len(), 1);
        let network = "[[variable]]\nname = \"a\"\nstates = [\"x\", \"y\"]\ntable = [0.1, 0.9]\n";
        let (model, _) = read("m.toml", network).unwrap();
        assert_eq!(read("again.toml", &write(&model).unwrap()).unwrap().0, model);
    }
}
