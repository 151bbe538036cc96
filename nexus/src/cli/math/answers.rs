//! Answers of `nexus math`, as people and as programs read them.

use nexus_mprime::symbolic::{Bound, Expr, Notation, Range, Rational, Root, Solution, Step};
use serde::Serialize;

/// An answer.
pub(super) enum Answer {
    /// A formula, what it supposes, and how it follows from the question.
    Formula { result: Expr, conditions: Vec<Expr>, steps: Vec<Step>, note: Option<String> },
    /// Lines of text: digits, factors, steps; the last one is the answer.
    Text { lines: Vec<String>, note: Option<String> },
    /// What another part of MPRIME answers: lines, what is said beside them, and the document.
    Told { lines: Vec<String>, notes: Vec<String>, document: serde_json::Value },
    /// The answer to a question in words, below the command that was understood.
    Asked { command: String, answer: Box<Answer> },
    /// Every value solves the equation.
    Always,
    /// The values of one name.
    Roots { name: String, found: Vec<Solution>, counter: Option<String>, is_complete: bool, conditions: Vec<Expr> },
    /// Solutions of a system, each with a value for each name.
    System(Vec<Vec<(String, Expr)>>),
    /// Where an inequality holds.
    Ranges { name: String, ranges: Vec<Range> },
}

/// A formula, in JSON.
#[derive(Serialize)]
pub(super) struct StepDocument {
    rule: String,
    formula: String,
}

/// A solution, in JSON.
#[derive(Serialize)]
pub(super) struct RootDocument {
    kind: &'static str,
    /// The exact value.
    #[serde(skip_serializing_if = "Option::is_none")]
    formula: Option<String>,
    /// Real and imaginary part as floats, where names or a counter do not keep them unknown.
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<[f64; 2]>,
    /// Certified bounds.
    #[serde(skip_serializing_if = "Option::is_none")]
    bounds: Option<[String; 2]>,
    /// The size of the difference of the equation's sides.
    #[serde(skip_serializing_if = "Option::is_none")]
    residual: Option<f64>,
    multiplicity: u32,
}

/// An answer, in JSON.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum Document {
    Formula {
        result: String,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        conditions: Vec<String>,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        steps: Vec<StepDocument>,
        #[serde(skip_serializing_if = "Option::is_none")]
        note: Option<String>,
    },
    Text {
        result: String,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        lines: Vec<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        note: Option<String>,
    },
    Roots {
        name: String,
        always: bool,
        complete: bool,
        #[serde(skip_serializing_if = "Option::is_none")]
        counter: Option<String>,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        conditions: Vec<String>,
        solutions: Vec<RootDocument>,
    },
    Told(serde_json::Value),
    Asked {
        command: String,
        answer: Box<Document>,
    },
    System {
        solutions: Vec<serde_json::Map<String, serde_json::Value>>,
    },
    Ranges {
        name: String,
        ranges: Vec<RangeDocument>,
    },
}

/// A range of an inequality, in JSON.
#[derive(Serialize)]
pub(super) struct RangeDocument {
    low: String,
    low_closed: bool,
    high: String,
    high_closed: bool,
    exact: bool,
}

impl Answer {
    /// A formula that supposes nothing.
    pub(super) fn formula(result: Expr) -> Answer {
        Answer::Formula { result, conditions: Vec::new(), steps: Vec::new(), note: None }
    }

    /// What another part of MPRIME answers.
    pub(super) fn told(answer: &impl nexus_mprime::answer::Answer) -> Answer {
        let document = serde_json::to_value(answer).expect("answers are made of texts, numbers and lists of them");
        Answer::Told { lines: answer.lines(), notes: answer.notes(), document }
    }

    /// The answer on stdout, a line each.
    pub(super) fn lines(&self, notation: Notation) -> Vec<String> {
        match self {
            Answer::Formula { result, steps, .. } => {
                let steps = steps.iter().map(|step| format!("= {}    [{}]", step.expr.text(notation), step.rule));
                let last = result.text(notation);
                if steps.len() == 0 { vec![last] } else { steps.collect() }
            }
            Answer::Text { lines, .. } | Answer::Told { lines, .. } => lines.clone(),
            Answer::Asked { command, answer } => {
                std::iter::once(format!("> {command}")).chain(answer.lines(notation)).collect()
            }
            Answer::Always => vec!["every number".to_owned()],
            Answer::Roots { name, found, .. } => found.iter().map(|own| root_line(name, own, notation)).collect(),
            Answer::System(found) => found
                .iter()
                .map(|solution| {
                    let values = solution.iter().map(|(name, value)| {
                        if value.as_symbol() == Some(name) {
                            format!("{name} free")
                        } else {
                            format!("{name} = {}", value.text(notation))
                        }
                    });
                    values.collect::<Vec<_>>().join(", ")
                })
                .collect(),
            Answer::Ranges { name, ranges } => ranges.iter().map(|range| range_line(name, range, notation)).collect(),
        }
    }

    /// What is said beside the answer.
    pub(super) fn notes(&self, notation: Notation) -> Vec<String> {
        match self {
            Answer::Formula { conditions, note, .. } => {
                let conditions = conditions.iter().map(|own| not_zero(own, notation));
                conditions.chain(note.clone()).collect()
            }
            Answer::Text { note, .. } => note.iter().cloned().collect(),
            Answer::Told { notes, .. } => notes.clone(),
            Answer::Asked { answer, .. } => answer.notes(notation),
            Answer::Always => Vec::new(),
            Answer::Roots { found, counter, is_complete, conditions, .. } => {
                let mut notes: Vec<String> = conditions.iter().map(|own| not_zero(own, notation)).collect();
                if found.is_empty() {
                    notes.push("there is no solution".to_owned());
                }
                if let Some(counter) = counter {
                    notes.push(format!("where {counter} is any whole number"));
                }
                if !is_complete {
                    notes.push(
                        "note: there may be others; these were found by a method that does not find all".to_owned(),
                    );
                }
                notes
            }
            Answer::System(found) if found.is_empty() => vec!["there is no solution".to_owned()],
            Answer::Ranges { ranges, .. } if ranges.is_empty() => vec!["there is no solution".to_owned()],
            Answer::System(_) | Answer::Ranges { .. } => Vec::new(),
        }
    }

    /// The answer for programs.
    pub(super) fn document(&self, notation: Notation) -> Document {
        match self {
            Answer::Formula { result, conditions, steps, note } => Document::Formula {
                result: result.text(notation),
                conditions: conditions.iter().map(|own| format!("{} != 0", own.text(notation))).collect(),
                steps: steps
                    .iter()
                    .map(|step| StepDocument { rule: step.rule.clone(), formula: step.expr.text(notation) })
                    .collect(),
                note: note.clone(),
            },
            Answer::Text { lines, note } => {
                let (result, before) =
                    lines.split_last().map_or(("", &[][..]), |(last, before)| (last.as_str(), before));
                Document::Text { result: result.to_owned(), lines: before.to_vec(), note: note.clone() }
            }
            Answer::Told { document, .. } => Document::Told(document.clone()),
            Answer::Asked { command, answer } => {
                Document::Asked { command: command.clone(), answer: Box::new(answer.document(notation)) }
            }
            Answer::Always => Document::Roots {
                name: String::new(),
                always: true,
                complete: true,
                counter: None,
                conditions: Vec::new(),
                solutions: Vec::new(),
            },
            Answer::Roots { name, found, counter, is_complete, conditions } => Document::Roots {
                name: name.clone(),
                always: false,
                complete: *is_complete,
                counter: counter.clone(),
                conditions: conditions.iter().map(|own| format!("{} != 0", own.text(notation))).collect(),
                solutions: found.iter().map(|own| root_document(own, notation)).collect(),
            },
            Answer::System(found) => {
                let values = |solution: &Vec<(String, Expr)>| {
                    solution.iter().map(|(name, value)| (name.clone(), value.text(notation).into())).collect()
                };
                Document::System { solutions: found.iter().map(values).collect() }
            }
            Answer::Ranges { name, ranges } => Document::Ranges {
                name: name.clone(),
                ranges: ranges
                    .iter()
                    .map(|Range { low, high }| RangeDocument {
                        low: low.value.text(notation),
                        low_closed: low.is_closed,
                        high: high.value.text(notation),
                        high_closed: high.is_closed,
                        exact: low.is_exact && high.is_exact,
                    })
                    .collect(),
            },
        }
    }
}

fn not_zero(divisor: &Expr, notation: Notation) -> String {
    format!("where {} is not 0", divisor.text(notation))
}

fn decimal(number: &Rational) -> String {
    number.to_f64_fast().to_string()
}

fn root_line(name: &str, solution: &Solution, notation: Notation) -> String {
    let times = match solution.multiplicity {
        1 => String::new(),
        count => format!("    ({count} times)"),
    };
    match &solution.root {
        Root::Exact(expr) => format!("{name} = {}{times}", expr.text(notation)),
        Root::Real { low, .. } => format!("{name} ≈ {}{times}", decimal(low)),
        Root::Numerical { value, residual } => {
            let imaginary =
                if value.im == 0.0 { String::new() } else { format!(" {} {}*i", sign(value.im), value.im.abs()) };
            format!("{name} ≈ {}{imaginary}{times}    (both sides differ by {residual:.1e})", value.re)
        }
    }
}

fn sign(number: f64) -> char {
    if number < 0.0 { '-' } else { '+' }
}

fn root_document(solution: &Solution, notation: Notation) -> RootDocument {
    let value = solution.root.value().filter(|value| value.is_finite()).map(|value| [value.re, value.im]);
    let multiplicity = solution.multiplicity;
    let none = RootDocument { kind: "exact", formula: None, value, bounds: None, residual: None, multiplicity };
    match &solution.root {
        Root::Exact(expr) => RootDocument { formula: Some(expr.text(notation)), ..none },
        Root::Real { low, high } => {
            RootDocument { kind: "real", bounds: Some([low.to_string(), high.to_string()]), ..none }
        }
        Root::Numerical { residual, .. } => RootDocument { kind: "numerical", residual: Some(*residual), ..none },
    }
}

fn range_line(name: &str, range: &Range, notation: Notation) -> String {
    let text = |bound: &Bound| match bound.value.as_number() {
        Some(number) if !bound.is_exact => format!("≈ {}", decimal(number)),
        _ => bound.value.text(notation),
    };
    let Range { low, high } = range;
    let less = |bound: &Bound| if bound.is_closed { "<=" } else { "<" };
    match (low.value.is_infinite(), high.value.is_infinite()) {
        (true, true) => format!("{name} is any real number"),
        (true, false) => format!("{name} {} {}", less(high), text(high)),
        (false, true) => format!("{name} {} {}", if low.is_closed { ">=" } else { ">" }, text(low)),
        (false, false) if low == high => format!("{name} = {}", text(low)),
        (false, false) => format!("{} {} {name} {} {}", text(low), less(low), less(high), text(high)),
    }
}
