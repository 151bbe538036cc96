//! What a belief hangs on, which arrows matter, and what tells nothing about what: with names.
//!
//! Wraps `sensitivity`, `strength` and `independence`, which know variables by number. The types are the JSON that users
//! see, their `Display` the text.

use std::fmt;

use serde::Serialize;

use super::text::{percent, short, width};
use crate::domain::VariableId;
use crate::error::Error;
use crate::evidence::Evidence;
use crate::independence::separated;
use crate::network::Network;
use crate::strength::{information, strengths};

/// The most numbers of tables that the text lists.
const LINES_MAX: usize = 20;

/// How a belief follows one number of a table.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NumberAnswer {
    /// The variable whose table it is in.
    pub variable: String,
    /// The state that it is the probability of.
    pub state: String,
    /// The states of the parents in its row, as pairs of name and state.
    pub given: Vec<[String; 2]>,
    /// What it is now.
    pub value: f64,
    /// How fast the belief changes with it: by so much for each 1.
    pub slope: f64,
    /// The belief if it were 0, the others of its row growing in proportion.
    pub at_zero: f64,
    /// The belief if it were 1.
    pub at_one: f64,
    /// The nearest value at which another state becomes the most probable.
    pub tips_at: Option<f64>,
    /// That state.
    pub tips_to: Option<String>,
}

/// What a belief hangs on.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SensitivityAnswer {
    /// The model's name.
    pub model: String,
    /// The variable that is believed.
    pub variable: String,
    /// The state whose probability is followed.
    pub state: String,
    /// That probability.
    pub probability: f64,
    /// Every number that matters, the one with the steepest slope first.
    pub numbers: Vec<NumberAnswer>,
}

/// How strongly an arrow acts.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StrengthAnswer {
    /// Where it begins.
    pub cause: String,
    /// Where it ends.
    pub effect: String,
    /// Mean Hellinger distance that the cause moves the effect by, the other causes as probable as they are.
    pub weighted: f64,
    /// The same, all combinations of the other causes alike.
    pub average: f64,
    /// The largest such distance.
    pub largest: f64,
    /// What one end tells about the other, in bits.
    pub information: f64,
}

/// How strongly each arrow of a model acts.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct InfluenceAnswer {
    /// The model's name.
    pub model: String,
    /// The arrows, the strongest first.
    pub arrows: Vec<StrengthAnswer>,
}

/// Whether one variable can tell anything about another.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SeparationAnswer {
    /// The model's name.
    pub model: String,
    /// The first variable.
    pub a: String,
    /// The second.
    pub b: String,
    /// The variables whose states are known.
    pub given: Vec<String>,
    /// Whether neither tells anything about the other, whatever the tables say (d-separation).
    pub separated: bool,
    /// Where states are given: what each tells about the other by the tables, in bits.
    pub information: Option<f64>,
}

/// What the belief in a state of a variable (the most probable, unless named) hangs on.
///
/// Errors: as of [`crate::sensitivity::sensitivity`].
pub fn sensitivity(
    network: &Network,
    target: VariableId,
    state: Option<usize>,
    evidence: &Evidence,
    memory_max: u64,
) -> Result<SensitivityAnswer, Error> {
    let found = crate::sensitivity::sensitivity(network, target, state, evidence, memory_max)?;
    let state_of = |id: VariableId, state: usize| network.variable(id).states[state].clone();
    let name = |id: VariableId| network.variable(id).name.clone();
    let numbers = found.parameters.iter().map(|number| NumberAnswer {
        variable: name(number.variable),
        state: state_of(number.variable, number.state),
        given: network
            .parents(number.variable)
            .iter()
            .zip(&number.parents)
            .map(|(&parent, &state)| [name(parent), state_of(parent, state)])
            .collect(),
        value: number.value,
        slope: number.slope(),
        at_zero: number.belief(0.0),
        at_one: number.belief(1.0),
        tips_at: number.tips.map(|(at, _)| at),
        tips_to: number.tips.map(|(_, to)| state_of(target, to)),
    });
    Ok(SensitivityAnswer {
        model: network.name().to_owned(),
        variable: name(target),
        state: state_of(target, found.state),
        probability: found.belief,
        numbers: numbers.collect(),
    })
}

/// How strongly each arrow acts.
///
/// Errors: as of [`strengths`].
pub fn influence(network: &Network, evidence: &Evidence, memory_max: u64) -> Result<InfluenceAnswer, Error> {
    let name = |id: VariableId| network.variable(id).name.clone();
    let arrows = strengths(network, evidence, memory_max)?;
    let arrows = arrows.iter().map(|arrow| StrengthAnswer {
        cause: name(arrow.cause),
        effect: name(arrow.effect),
        weighted: arrow.weighted,
        average: arrow.average,
        largest: arrow.largest,
        information: arrow.information,
    });
    Ok(InfluenceAnswer { model: network.name().to_owned(), arrows: arrows.collect() })
}

/// Whether a variable can tell anything about another once others are known; with their states also how much it does.
///
/// Errors: a variable asked with itself or with a known one, evidence that cannot happen, more memory than is allowed.
pub fn separation(
    network: &Network,
    [a, b]: [VariableId; 2],
    given: &[VariableId],
    evidence: &Evidence,
    memory_max: u64,
) -> Result<SeparationAnswer, Error> {
    let name = |id: VariableId| network.variable(id).name.clone();
    let known: Vec<VariableId> = evidence.iter().map(|(id, _)| id).chain(given.iter().copied()).collect();
    if a == b {
        return Err(Error::BadQuestion(format!("{} tells everything about itself", name(a))));
    }
    if let Some(&id) = [a, b].iter().find(|id| known.contains(id)) {
        return Err(Error::BadQuestion(format!("{} is asked for, and it is given", name(id))));
    }
    let bits = if given.is_empty() { Some(information(network, a, b, evidence, memory_max)?) } else { None };
    Ok(SeparationAnswer {
        model: network.name().to_owned(),
        a: name(a),
        b: name(b),
        given: known.iter().map(|&id| name(id)).collect(),
        separated: separated(network, &[a], &[b], &known),
        information: bits,
    })
}

impl fmt::Display for SensitivityAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let now = percent(self.probability);
        writeln!(f, "{} = {} has {}", self.variable, self.state, now.trim())?;
        if self.numbers.is_empty() {
            return writeln!(f, "it hangs on no number of the model");
        }
        let label = |number: &NumberAnswer| {
            let given: Vec<String> = number.given.iter().map(|[name, state]| format!("{name} = {state}")).collect();
            let bar = if given.is_empty() { "" } else { " | " };
            format!("P({} = {}{bar}{})", number.variable, number.state, given.join(", "))
        };
        let shown = &self.numbers[..self.numbers.len().min(LINES_MAX)];
        let labels: Vec<String> = shown.iter().map(label).collect();
        let names = width(labels.iter().map(String::as_str)).max("number".len());
        writeln!(f, "\n{:names$}  {:>9}  {:>8}  {:>9}  {:>9}", "number", "value", "slope", "at 0", "at 1")?;
        for (number, label) in shown.iter().zip(&labels) {
            // Rounded first, so that what is next to nothing has no sign of its own.
            let slope = (number.slope * 1e4).round() / 1e4 + 0.0;
            let (slope, value) = (format!("{slope:+.4}"), short(number.value));
            let (zero, one) = (percent(number.at_zero), percent(number.at_one));
            write!(f, "{label:names$}  {value:>9}  {slope:>8}  {:>9}  {:>9}", zero.trim(), one.trim())?;
            match (number.tips_at, &number.tips_to) {
                (Some(at), Some(to)) => writeln!(f, "  at {} {to} is more probable", short(at))?,
                _ => writeln!(f)?,
            }
        }
        let more = self.numbers.len() - shown.len();
        if more > 0 { writeln!(f, "and {more} numbers that matter less") } else { Ok(()) }
    }
}

impl fmt::Display for InfluenceAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.arrows.is_empty() {
            return writeln!(f, "the model has no arrows");
        }
        let arrow = |arrow: &StrengthAnswer| format!("{} -> {}", arrow.cause, arrow.effect);
        let labels: Vec<String> = self.arrows.iter().map(arrow).collect();
        let names = width(labels.iter().map(String::as_str)).max("arrow".len());
        writeln!(f, "{:names$}  {:>8}  {:>8}  {:>8}  {:>9}", "arrow", "weighted", "average", "largest", "bits")?;
        for (arrow, label) in self.arrows.iter().zip(&labels) {
            writeln!(
                f,
                "{label:names$}  {:8.4}  {:8.4}  {:8.4}  {:9.6}",
                arrow.weighted, arrow.average, arrow.largest, arrow.information
            )?;
        }
        writeln!(f, "\nHellinger distance, from 0 (the cause changes nothing) to 1")
    }
}

impl fmt::Display for SeparationAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let given =
            if self.given.is_empty() { String::new() } else { format!(" once {} is known", self.given.join(", ")) };
        if self.separated {
            return writeln!(f, "{} tells nothing about {}{given}, whatever the tables say", self.a, self.b);
        }
        write!(f, "{} may tell something about {}{given}", self.a, self.b)?;
        match self.information {
            Some(bits) => writeln!(f, "; by the tables {} bits", short(bits)),
            None => writeln!(f),
        }
    }
}
