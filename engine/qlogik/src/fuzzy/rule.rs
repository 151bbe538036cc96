//! Fuzzy rules in plain text: `if load is high and battery is not very low then fan is fast with 0.8`.
//!
//! Names are looked up while reading, so a rule that was read fits its system. Driven by [`super::System::add`].

use super::{Linguistic, System};
use crate::network::nearest;
use crate::words::{Token, Words, Wrong};

/// A word that changes how far something is true (Zadeh 1972).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hedge {
    /// `not`: one less the truth.
    Not,
    /// `very`: the square.
    Very,
    /// `extremely`: the cube.
    Extremely,
    /// `somewhat`: the square root.
    Somewhat,
}

impl Hedge {
    /// The changed truth.
    pub fn of(self, truth: f64) -> f64 {
        match self {
            Hedge::Not => 1.0 - truth,
            Hedge::Very => truth * truth,
            Hedge::Extremely => truth * truth * truth,
            Hedge::Somewhat => truth.sqrt(),
        }
    }
}

/// What a rule asks for.
#[derive(Debug, Clone, PartialEq)]
pub enum Condition {
    /// An input is a term, with hedges: the first is applied last.
    Is {
        /// The input, by its place.
        input: usize,
        /// The term, by its place.
        term: usize,
        /// The hedges, as they are read.
        hedges: Vec<Hedge>,
    },
    /// The opposite.
    Not(Box<Condition>),
    /// All of them.
    And(Vec<Condition>),
    /// At least one of them.
    Or(Vec<Condition>),
}

/// What a rule concludes.
#[derive(Debug, Clone, PartialEq)]
pub enum Consequence {
    /// An output is a term (Mamdani).
    Is {
        /// The output, by its place.
        output: usize,
        /// The term, by its place.
        term: usize,
    },
    /// An output is a number, which may follow the inputs along a line (Sugeno).
    Line {
        /// The output, by its place.
        output: usize,
        /// The number where all inputs are 0.
        constant: f64,
        /// What each input adds for each of its units.
        slopes: Vec<f64>,
    },
}

impl Consequence {
    /// The output that it speaks of.
    pub(crate) fn output(&self) -> usize {
        match self {
            Consequence::Is { output, .. } | Consequence::Line { output, .. } => *output,
        }
    }

    /// The number that a line gives; 0 of a term.
    pub(crate) fn number(&self, inputs: &[f64]) -> f64 {
        match self {
            Consequence::Is { .. } => 0.0,
            Consequence::Line { constant, slopes, .. } => {
                constant + slopes.iter().zip(inputs).map(|(slope, input)| slope * input).sum::<f64>()
            }
        }
    }
}

/// A rule.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// As it was written.
    pub text: String,
    /// What it asks for.
    pub condition: Condition,
    /// What it concludes.
    pub consequences: Vec<Consequence>,
    /// How much it counts, from 0 to 1.
    pub weight: f64,
}

/// Reads a rule over the variables of a system.
pub(crate) fn read(system: &System, text: &str) -> Result<Rule, Wrong> {
    let mut reader = Reader { system, words: Words::of(text)? };
    reader.words.expect("if")?;
    let condition = reader.any()?;
    reader.words.expect("then")?;
    let mut consequences = vec![reader.consequence()?];
    while reader.words.takes("and") {
        consequences.push(reader.consequence()?);
    }
    let weight = if reader.words.takes("with") { reader.weight()? } else { 1.0 };
    reader.words.end()?;
    Ok(Rule { text: text.trim().to_owned(), condition, consequences, weight })
}

struct Reader<'a> {
    system: &'a System,
    words: Words,
}

impl Reader<'_> {
    /// Conditions joined with `or`, which binds less than `and`.
    fn any(&mut self) -> Result<Condition, Wrong> {
        let mut parts = vec![self.all()?];
        while self.words.takes("or") {
            parts.push(self.all()?);
        }
        Ok(one_or(parts, Condition::Or))
    }

    fn all(&mut self) -> Result<Condition, Wrong> {
        let mut parts = vec![self.single()?];
        while self.words.takes("and") {
            parts.push(self.single()?);
        }
        Ok(one_or(parts, Condition::And))
    }

    fn single(&mut self) -> Result<Condition, Wrong> {
        if self.words.takes("not") {
            self.words.enter()?;
            let inner = self.single()?;
            self.words.leave();
            return Ok(Condition::Not(Box::new(inner)));
        }
        if self.words.takes("(") {
            self.words.enter()?;
            let inner = self.any()?;
            self.words.leave();
            self.words.expect(")")?;
            return Ok(inner);
        }
        let (input, variable) = find(&mut self.words, &self.system.inputs, "input")?;
        self.words.expect("is")?;
        let mut hedges = Vec::new();
        while let Some(hedge) = self.hedge() {
            hedges.push(hedge);
        }
        let term = term(&mut self.words, variable)?;
        Ok(Condition::Is { input, term, hedges })
    }

    fn hedge(&mut self) -> Option<Hedge> {
        let hedges = [
            ("not", Hedge::Not),
            ("very", Hedge::Very),
            ("extremely", Hedge::Extremely),
            ("somewhat", Hedge::Somewhat),
        ];
        hedges.into_iter().find(|(word, _)| self.words.takes(word)).map(|(_, hedge)| hedge)
    }

    fn consequence(&mut self) -> Result<Consequence, Wrong> {
        let (output, variable) = find(&mut self.words, &self.system.outputs, "output")?;
        self.words.expect("is")?;
        if variable.terms.is_empty() {
            return self.line(output);
        }
        Ok(Consequence::Is { output, term: term(&mut self.words, variable)? })
    }

    /// A sum of numbers and of inputs times numbers.
    fn line(&mut self, output: usize) -> Result<Consequence, Wrong> {
        let mut constant = 0.0;
        let mut slopes = vec![0.0; self.system.inputs.len()];
        let mut sign = if self.words.takes("-") { -1.0 } else { 1.0 };
        loop {
            let place = self.words.place();
            match self.words.peek().clone() {
                Token::Number(number) => {
                    self.words.take();
                    if self.words.takes("*") {
                        let (input, _) = find(&mut self.words, &self.system.inputs, "input")?;
                        slopes[input] += sign * number;
                    } else {
                        constant += sign * number;
                    }
                }
                Token::Word(_) => {
                    let (input, _) = find(&mut self.words, &self.system.inputs, "input")?;
                    let by = if self.words.takes("*") { self.number()? } else { 1.0 };
                    slopes[input] += sign * by;
                }
                Token::Sign(_) | Token::End => return Err(self.words.wrong("a number or an input")),
            }
            if !(constant.is_finite() && slopes.iter().all(|slope| slope.is_finite())) {
                return Err(("these numbers add up to more than a number holds".to_owned(), place));
            }
            sign = if self.words.takes("+") {
                1.0
            } else if self.words.takes("-") {
                -1.0
            } else {
                return Ok(Consequence::Line { output, constant, slopes });
            };
        }
    }

    fn number(&mut self) -> Result<f64, Wrong> {
        match self.words.peek() {
            Token::Number(number) => {
                let number = *number;
                self.words.take();
                Ok(number)
            }
            Token::Word(_) | Token::Sign(_) | Token::End => Err(self.words.wrong("a number")),
        }
    }

    fn weight(&mut self) -> Result<f64, Wrong> {
        let place = self.words.place();
        let weight = self.number()?;
        if (0.0..=1.0).contains(&weight) {
            Ok(weight)
        } else {
            Err((format!("the weight {weight} is outside 0 to 1"), place))
        }
    }
}

fn one_or(mut parts: Vec<Condition>, join: fn(Vec<Condition>) -> Condition) -> Condition {
    match parts.len() {
        1 => parts.remove(0),
        _ => join(parts),
    }
}

/// The variable whose name comes next.
fn find<'v>(words: &mut Words, variables: &'v [Linguistic], kind: &str) -> Result<(usize, &'v Linguistic), Wrong> {
    let place = words.place();
    let name = words.name(&format!("the name of an {kind}"))?;
    let found = variables.iter().enumerate().find(|(_, variable)| variable.name == name);
    found.ok_or_else(|| {
        let hint = nearest(&name, variables.iter().map(|variable| variable.name.as_str()));
        (format!("there is no {kind} {name}{hint}"), place)
    })
}

/// The term whose name comes next.
fn term(words: &mut Words, variable: &Linguistic) -> Result<usize, Wrong> {
    let place = words.place();
    let name = words.name(&format!("a term of {}", variable.name))?;
    variable.terms.iter().position(|term| term.name == name).ok_or_else(|| {
        let terms: Vec<&str> = variable.terms.iter().map(|term| term.name.as_str()).collect();
        (format!("{} has no term {name}: it is one of {}", variable.name, terms.join(", ")), place)
    })
}
