//! Fuzzy answers that explain themselves: the numbers, which word fits each best and which second best, and how each rule
//! moved them.
//!
//! The types are the JSON that users see, their `Display` the text.

use std::fmt;

use serde::Serialize;

use super::{Inference, Linguistic, System};
use crate::answer::text::{percent, short, width};
use crate::error::Error;
use crate::factor::largest;

/// The most rules that are left out one by one to see what each moved; the strongest.
const EXPLAINED_MAX: usize = 64;

/// How far a number belongs to a word.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Degree {
    /// The word.
    pub term: String,
    /// How far the number belongs to it, from 0 to 1.
    pub degree: f64,
}

/// What is concluded for one output.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct OutputAnswer {
    /// The output.
    pub output: String,
    /// The number; null where no rule that fired speaks of the output.
    pub value: Option<f64>,
    /// How far the number belongs to each word of the output.
    pub degrees: Vec<Degree>,
    /// The word that fits best.
    pub best: Option<String>,
    /// The word that fits second best.
    pub runner_up: Option<String>,
    /// By how much the best fits better.
    pub margin: f64,
}

/// What a rule moved.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Shift {
    /// The output.
    pub output: String,
    /// Its number without the rule; null where no other rule that fired speaks of it.
    pub without: Option<f64>,
    /// How much the rule moved it: with all rules, less without it. Null where there is no number without it.
    pub shift: Option<f64>,
}

/// A rule that fired.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FiredRule {
    /// As it was written.
    pub rule: String,
    /// How far it holds, its weight included.
    pub strength: f64,
    /// What it moved, by output that it speaks of.
    pub shifts: Vec<Shift>,
}

/// What a system concludes, and why.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FuzzyAnswer {
    /// The system's name.
    pub model: String,
    /// The outputs, in the order of the system.
    pub outputs: Vec<OutputAnswer>,
    /// The rules that fired, the strongest first.
    pub rules: Vec<FiredRule>,
    /// How many rules did not fire.
    pub silent: usize,
}

/// What follows from one number for each input, in their order.
///
/// Errors: as of [`System::infer`].
pub fn answer(system: &System, inputs: &[f64]) -> Result<FuzzyAnswer, Error> {
    let found = system.infer(inputs)?;
    let outputs = system.outputs().iter().zip(&found.conclusions);
    let outputs = outputs.map(|(output, conclusion)| concluded(output, conclusion.value)).collect();
    let mut fired: Vec<usize> = (0..found.strengths.len()).filter(|&rule| found.strengths[rule] > 0.0).collect();
    fired.sort_by(|&a, &b| found.strengths[b].total_cmp(&found.strengths[a]));
    let silent = found.strengths.len() - fired.len();
    let mut rules = Vec::new();
    for (place, &rule) in fired.iter().enumerate() {
        let without = if place < EXPLAINED_MAX { Some(system.infer_without(inputs, Some(rule))?) } else { None };
        rules.push(FiredRule {
            rule: system.rules()[rule].text.clone(),
            strength: found.strengths[rule],
            shifts: without.map_or(Vec::new(), |without| shifts(system, rule, &found, &without)),
        });
    }
    Ok(FuzzyAnswer { model: system.name().to_owned(), outputs, rules, silent })
}

fn concluded(output: &Linguistic, value: Option<f64>) -> OutputAnswer {
    let degrees: Vec<f64> =
        value.map_or(Vec::new(), |x| output.terms.iter().map(|term| term.membership.of(x)).collect());
    let best = (!degrees.is_empty()).then(|| largest(&degrees));
    let rest = (0..degrees.len()).filter(|&term| Some(term) != best);
    let runner_up = rest.max_by(|&a, &b| degrees[a].total_cmp(&degrees[b]).then(b.cmp(&a)));
    let name = |term: usize| output.terms[term].name.clone();
    OutputAnswer {
        output: output.name.clone(),
        value,
        best: best.map(name),
        runner_up: runner_up.map(name),
        margin: best.map_or(0.0, |best| degrees[best] - runner_up.map_or(0.0, |other| degrees[other])),
        degrees: degrees.iter().enumerate().map(|(term, &degree)| Degree { term: name(term), degree }).collect(),
    }
}

fn shifts(system: &System, rule: usize, with: &Inference, without: &Inference) -> Vec<Shift> {
    let mut shifts: Vec<Shift> = Vec::new();
    for part in &system.rules()[rule].consequences {
        let output = part.output();
        let name = &system.outputs()[output].name;
        if shifts.iter().any(|known| known.output == *name) {
            continue;
        }
        let (all, rest) = (with.conclusions[output].value, without.conclusions[output].value);
        let shift = all.zip(rest).map(|(all, rest)| all - rest);
        shifts.push(Shift { output: name.clone(), without: rest, shift });
    }
    shifts
}

impl fmt::Display for FuzzyAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = width(self.outputs.iter().map(|output| output.output.as_str()));
        for output in &self.outputs {
            let Some(value) = output.value else {
                writeln!(f, "{:names$}  nothing: no rule that holds speaks of it", output.output)?;
                continue;
            };
            write!(f, "{:names$}  {}", output.output, short(value))?;
            let of = |name: &Option<String>| {
                let name = name.as_deref()?;
                Some((name.to_owned(), output.degrees.iter().find(|degree| degree.term == name)?.degree))
            };
            if let Some((best, degree)) = of(&output.best) {
                write!(f, "  is {best} to {}", percent(degree).trim())?;
            }
            if let Some((other, degree)) = of(&output.runner_up) {
                write!(f, ", then {other} to {}", percent(degree).trim())?;
            }
            writeln!(f)?;
        }
        if self.rules.is_empty() {
            return writeln!(f, "\nno rule holds here");
        }
        writeln!(f)?;
        for rule in &self.rules {
            writeln!(f, "{}  {}", percent(rule.strength), rule.rule)?;
            for shift in &rule.shifts {
                match shift.shift {
                    Some(moved) => {
                        let sign = if moved > 0.0 { "+" } else { "" };
                        writeln!(f, "          moved {} by {sign}{}", shift.output, short(moved))?;
                    }
                    None => writeln!(f, "          is alone in speaking of {}", shift.output)?,
                }
            }
        }
        let rules = if self.silent == 1 { "rule does" } else { "rules do" };
        if self.silent > 0 { writeln!(f, "{} {rules} not hold", self.silent) } else { Ok(()) }
    }
}
