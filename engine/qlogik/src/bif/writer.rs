//! A network as BIF text. Numbers are written so that reading gives the same bits.

use std::fmt::Write;

use crate::domain::Domain;
use crate::error::Error;
use crate::network::{NUMBERS_MAX, Network};

/// The network as BIF text. Noisy or and functions are written as the tables that they stand for.
///
/// Errors: tables of more than [`NUMBERS_MAX`] numbers together.
pub fn write(network: &Network) -> Result<String, Error> {
    let name = if network.name().is_empty() { "unknown" } else { network.name() };
    let mut text = format!("network {} {{\n}}\n", word(name));
    for id in network.ids() {
        let variable = network.variable(id);
        let states: Vec<String> = variable.states.iter().map(|state| word(state)).collect();
        let (name, count, states) = (word(&variable.name), states.len(), states.join(", "));
        push(&mut text, format_args!("variable {name} {{\n  type discrete [ {count} ] {{ {states} }};\n}}\n"));
    }
    let mut numbers = 0_usize;
    for id in network.ids() {
        let names: Vec<String> = network.parents(id).iter().map(|&id| word(&network.variable(id).name)).collect();
        let child = word(&network.variable(id).name);
        numbers = crate::distribution::cells(&network.family(id)).saturating_add(numbers);
        if numbers > NUMBERS_MAX {
            let what = format!("BIF text of the network {}", network.name());
            let (needed, allowed) = (numbers as u64 * 8, NUMBERS_MAX as u64 * 8);
            return Err(Error::TooLarge { what, needed, at_least: true, allowed });
        }
        let table = network.table(id)?;
        if names.is_empty() {
            let row = row(table.values());
            push(&mut text, format_args!("probability ( {child} ) {{\n  table {row};\n}}\n"));
            continue;
        }
        push(&mut text, format_args!("probability ( {child} | {} ) {{\n", names.join(", ")));
        let parents = Domain::new(network.parents(id).iter().map(|&id| (id, network.states(id))))?;
        for (cell, values) in table.values().chunks_exact(network.states(id)).enumerate() {
            let states = parents.states_of(cell);
            let states =
                network.parents(id).iter().zip(states).map(|(&id, state)| word(&network.variable(id).states[state]));
            let states: Vec<String> = states.collect();
            push(&mut text, format_args!("  ({}) {};\n", states.join(", "), row(values)));
        }
        text.push_str("}\n");
    }
    Ok(text)
}

fn push(text: &mut String, what: std::fmt::Arguments<'_>) {
    text.write_fmt(what).expect("writing to a string does not fail");
}

fn row(values: &[f64]) -> String {
    let values: Vec<String> = values.iter().map(f64::to_string).collect();
    values.join(", ")
}

/// A name as it can be read again: in quotes where it is not one word.
fn word(name: &str) -> String {
    let plain = |c: char| !c.is_ascii_whitespace() && !"{}()[]|,;\"".contains(c);
    // A quote cannot stand inside quotes in this format.
    let name = name.replace('"', "'");
    let comment = name.starts_with("//") || name.starts_with("/*");
    if !name.is_empty() && name.chars().all(plain) && !comment { name } else { format!("\"{name}\"") }
}
