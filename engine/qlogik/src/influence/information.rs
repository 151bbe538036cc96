//! What would be worth finding out before a decision.
//!
//! The value of information is what the best policy gains if a variable, or a report about it that may be wrong, is known
//! when the decision is taken (Howard 1966). It is never negative where risk does not matter, and 0 where the answer
//! would change no choice. Driven by callers that hold a diagram.

use super::policy::{Solution, solve};
use super::{Diagram, Memory};
use crate::domain::VariableId;
use crate::error::Error;
use crate::evidence::Evidence;
use crate::independence::descendants;
use crate::network::Variable;

/// A report about a variable, which may be wrong.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// What it may say.
    pub says: Vec<String>,
    /// For each state of the variable, the first slowest: how probable each of `says` is then.
    pub table: Vec<f64>,
}

impl Report {
    /// A report that names the variable's state: the true one with probability `accuracy`, else any other with equal
    /// chance.
    ///
    /// Errors: an accuracy outside 0 to 1.
    pub fn accurate(diagram: &Diagram, of: VariableId, accuracy: f64) -> Result<Self, Error> {
        if !(0.0..=1.0).contains(&accuracy) {
            return Err(Error::BadQuestion(format!("the accuracy {accuracy} is no probability: they go from 0 to 1")));
        }
        let says = diagram.network().variable(of).states.clone();
        let size = says.len();
        let wrong = if size > 1 { (1.0 - accuracy) / (size - 1) as f64 } else { 1.0 };
        let right = if size > 1 { accuracy } else { 1.0 };
        let table = (0..size * size).map(|cell| if cell / size == cell % size { right } else { wrong }).collect();
        Ok(Report { says, table })
    }
}

/// What knowing something would be worth.
#[derive(Debug, Clone, PartialEq)]
pub struct Value {
    /// The variable that would be known.
    pub of: VariableId,
    /// The decision before which it would be known.
    pub decision: VariableId,
    /// The sure amount that the best policy is worth without knowing it.
    pub without: f64,
    /// The same with knowing it.
    pub with: f64,
}

impl Value {
    /// The most that should be paid for knowing it (exactly so where risk does not matter).
    pub fn amount(&self) -> f64 {
        self.with - self.without
    }
}

/// The value of knowing a variable, or with `report` of a report about it, when `decision` is taken.
///
/// Errors: the variable follows from the decision; and as of [`solve`].
pub fn value(
    diagram: &Diagram,
    of: VariableId,
    decision: VariableId,
    report: Option<&Report>,
    evidence: &Evidence,
    memory_max: u64,
) -> Result<Value, Error> {
    let without = solve(diagram, evidence, memory_max)?;
    value_beside(&without, diagram, of, decision, report, evidence, memory_max)
}

/// The values of knowing each variable that can be known before a decision and is not known then, the largest first.
///
/// Errors: as of [`solve`].
pub fn all_values(
    diagram: &Diagram,
    decision: VariableId,
    evidence: &Evidence,
    memory_max: u64,
) -> Result<Vec<Value>, Error> {
    let without = solve(diagram, evidence, memory_max)?;
    let below = descendants(&diagram.graph(), decision);
    let place = diagram.decisions().iter().position(|known| known.id == decision);
    let place = place.ok_or_else(|| Error::BadDecision(format!("{decision} is no decision")))?;
    let known = &diagram.information()[place];
    let mut values = Vec::new();
    for of in diagram.network().ids() {
        let is_open = !below[of.index()] && !known.contains(&of) && !evidence.contains(of);
        if is_open && diagram.decision(of).is_none() {
            values.push(value_beside(&without, diagram, of, decision, None, evidence, memory_max)?);
        }
    }
    values.sort_by(|a, b| b.amount().total_cmp(&a.amount()));
    Ok(values)
}

fn value_beside(
    without: &Solution,
    diagram: &Diagram,
    of: VariableId,
    decision: VariableId,
    report: Option<&Report>,
    evidence: &Evidence,
    memory_max: u64,
) -> Result<Value, Error> {
    let network = diagram.network();
    if diagram.decision(decision).is_none() {
        return Err(Error::BadDecision(format!("{} is no decision", network.variable(decision).name)));
    }
    if diagram.decision(of).is_some() {
        let name = &network.variable(of).name;
        return Err(Error::BadDecision(format!("{name} is a decision; its value as information is not defined")));
    }
    let asked = match report {
        None => diagram.informed(decision, of)?,
        Some(report) => {
            // A report about something that follows from the decision cannot be had before it either.
            diagram.informed(decision, of)?;
            let name = format!("report of {}", network.variable(of).name);
            let variable = Variable { name, states: report.says.clone() };
            let larger = network.with_effect(variable, of, report.table.clone())?;
            let last = larger.ids().last().expect("one was just added");
            diagram.over(larger).informed(decision, last)?
        }
    };
    let with = solve(&asked, evidence, memory_max)?;
    let (without, with) = (without.certainty_equivalent, with.certainty_equivalent);
    // More knowledge cannot make the best policy worse; what is below 0 is rounding, unless policies are local optima.
    let is_rounding = diagram.memory() == Memory::Full && with < without;
    Ok(Value { of, decision, without, with: if is_rounding { without } else { with } })
}
