//! Fuzzy inference: from numbers over linguistic variables and rules to numbers (Mamdani and Assilian 1975; Takagi and
//! Sugeno 1985).
//!
//! A [`System`] is valid by construction and answers one question after another without memory. Texts are read by
//! `fuzzy::document` and `fuzzy::rule`, answers with names and reasons are made by `fuzzy::answer`.

pub mod answer;
pub mod document;
pub mod membership;
pub mod norm;
pub mod picture;
pub mod rule;
pub mod surface;

use self::membership::Membership;
use self::norm::Norm;
use self::rule::{Condition, Consequence, Rule};
use self::surface::{Defuzzifier, Surface};
use crate::error::Error;
use crate::network::nearest;

/// The most variables, terms of a variable, and rules of a system.
pub const PARTS_MAX: usize = 4096;
/// The steps of the grid on which output sets are joined and made into numbers, unless told otherwise.
pub const STEPS: usize = 1000;
/// The most steps of that grid.
pub const STEPS_MAX: usize = 1 << 16;

/// A word for a part of a scale.
#[derive(Debug, Clone, PartialEq)]
pub struct Term {
    /// The word.
    pub name: String,
    /// What it means.
    pub membership: Membership,
}

/// A variable with words for parts of its scale. An output without words is one of Sugeno's: its rules give numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct Linguistic {
    /// Its name.
    pub name: String,
    /// Where its scale begins.
    pub low: f64,
    /// Where its scale ends.
    pub high: f64,
    /// Its words.
    pub terms: Vec<Term>,
}

/// How a system joins what its rules say.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Settings {
    /// How `and` joins conditions.
    pub and: Norm,
    /// The norm whose dual joins conditions with `or`.
    pub or: Norm,
    /// How a rule's strength cuts (minimum) or scales (product) what it concludes.
    pub implication: Norm,
    /// The norm whose dual joins the conclusions of several rules.
    pub aggregation: Norm,
    /// How an output set becomes a number.
    pub defuzzifier: Defuzzifier,
    /// Steps of the grid over an output's scale.
    pub steps: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            and: Norm::Minimum,
            or: Norm::Minimum,
            implication: Norm::Minimum,
            aggregation: Norm::Minimum,
            defuzzifier: Defuzzifier::Centroid,
            steps: STEPS,
        }
    }
}

/// Linguistic variables and rules.
#[derive(Debug, Clone, PartialEq)]
pub struct System {
    name: String,
    inputs: Vec<Linguistic>,
    outputs: Vec<Linguistic>,
    rules: Vec<Rule>,
    settings: Settings,
}

/// What a system concludes for one output.
#[derive(Debug, Clone, PartialEq)]
pub struct Conclusion {
    /// The number; none where no rule that fired speaks of the output.
    pub value: Option<f64>,
    /// Of Mamdani's outputs: the joined output set.
    pub surface: Option<Surface>,
}

/// All that one question gives.
#[derive(Debug, Clone, PartialEq)]
pub struct Inference {
    /// How far each rule holds, from 0 to 1, its weight included.
    pub strengths: Vec<f64>,
    /// For each output what is concluded.
    pub conclusions: Vec<Conclusion>,
}

impl System {
    /// A system.
    ///
    /// Errors: a name twice, a scale that does not ascend, no input, output or rule, more than [`PARTS_MAX`] of something,
    /// a grid without steps.
    pub fn new(
        name: impl Into<String>,
        inputs: Vec<Linguistic>,
        outputs: Vec<Linguistic>,
        settings: Settings,
    ) -> Result<Self, Error> {
        let wrong = |message: String| Err(Error::BadFuzzy(message));
        if inputs.is_empty() || outputs.is_empty() {
            return wrong("a fuzzy system needs an input and an output".to_owned());
        }
        if inputs.len() + outputs.len() > PARTS_MAX {
            return wrong(format!("there are more than {PARTS_MAX} variables"));
        }
        if settings.steps == 0 || settings.steps > STEPS_MAX {
            return wrong(format!("a grid of {} steps; it has between 1 and {STEPS_MAX}", settings.steps));
        }
        let all: Vec<&Linguistic> = inputs.iter().chain(&outputs).collect();
        let mut seen = std::collections::BTreeSet::new();
        for variable in &all {
            check(variable)?;
            if !seen.insert(&variable.name) {
                return wrong(format!("the variable {} is declared twice", variable.name));
            }
        }
        if let Some(bare) = inputs.iter().find(|input| input.terms.is_empty()) {
            return wrong(format!("the input {} has no terms, so no rule can speak of it", bare.name));
        }
        Ok(System { name: name.into(), inputs, outputs, rules: Vec::new(), settings })
    }

    /// Adds a rule from its text.
    ///
    /// Errors: what is no rule, with its place in the text.
    pub fn add(&mut self, text: &str) -> Result<(), (Error, std::ops::Range<usize>)> {
        if self.rules.len() >= PARTS_MAX {
            return Err((Error::BadFuzzy(format!("there are more than {PARTS_MAX} rules")), 0..0));
        }
        let rule = rule::read(self, text).map_err(|(message, place)| (Error::BadFuzzy(message), place))?;
        self.rules.push(rule);
        Ok(())
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What is given.
    pub fn inputs(&self) -> &[Linguistic] {
        &self.inputs
    }

    /// What is concluded.
    pub fn outputs(&self) -> &[Linguistic] {
        &self.outputs
    }

    /// The rules, in their order.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// How what the rules say is joined.
    pub fn settings(&self) -> Settings {
        self.settings
    }

    /// One number for each input, in their order, from names.
    ///
    /// Errors: an unknown name, one twice, one missing, a number that is not finite.
    pub fn inputs_from<'a>(&self, given: impl IntoIterator<Item = (&'a str, f64)>) -> Result<Vec<f64>, Error> {
        let mut values: Vec<Option<f64>> = vec![None; self.inputs.len()];
        for (name, value) in given {
            let place = self.inputs.iter().position(|input| input.name == name).ok_or_else(|| {
                let hint = nearest(name, self.inputs.iter().map(|input| input.name.as_str()));
                Error::UnknownName(format!("there is no input {name}{hint}"))
            })?;
            if !value.is_finite() {
                return Err(Error::BadQuestion(format!("{name} = {value} is no place on a scale")));
            }
            if values[place].replace(value).is_some() {
                return Err(Error::BadQuestion(format!("{name} is given twice")));
            }
        }
        let missing = |place: usize| Error::BadQuestion(format!("{} is not given", self.inputs[place].name));
        values.into_iter().enumerate().map(|(place, value)| value.ok_or_else(|| missing(place))).collect()
    }

    /// What follows from one number for each input.
    ///
    /// Errors: not one finite number for each input, or a system without rules.
    pub fn infer(&self, inputs: &[f64]) -> Result<Inference, Error> {
        self.infer_without(inputs, None)
    }

    /// What follows without one of the rules.
    pub(crate) fn infer_without(&self, inputs: &[f64], left_out: Option<usize>) -> Result<Inference, Error> {
        if inputs.len() != self.inputs.len() || !inputs.iter().all(|value| value.is_finite()) {
            let (got, want) = (inputs.len(), self.inputs.len());
            return Err(Error::BadQuestion(format!("{got} numbers for {want} inputs, or one that is not finite")));
        }
        if self.rules.is_empty() {
            return Err(Error::BadFuzzy("the system has no rules".to_owned()));
        }
        let strength = |(place, rule): (usize, &Rule)| {
            if Some(place) == left_out { 0.0 } else { rule.weight * self.truth(&rule.condition, inputs) }
        };
        let strengths: Vec<f64> = self.rules.iter().enumerate().map(strength).collect();
        let conclusions = (0..self.outputs.len()).map(|output| self.conclude(output, &strengths, inputs)).collect();
        Ok(Inference { strengths, conclusions })
    }

    /// How true a condition is.
    fn truth(&self, condition: &Condition, inputs: &[f64]) -> f64 {
        match condition {
            Condition::Is { input, term, hedges } => {
                let variable = &self.inputs[*input];
                let x = inputs[*input].clamp(variable.low, variable.high);
                hedges.iter().rev().fold(variable.terms[*term].membership.of(x), |truth, hedge| hedge.of(truth))
            }
            Condition::Not(inner) => 1.0 - self.truth(inner, inputs),
            Condition::And(parts) => {
                parts.iter().fold(1.0, |truth, part| self.settings.and.and(truth, self.truth(part, inputs)))
            }
            Condition::Or(parts) => {
                parts.iter().fold(0.0, |truth, part| self.settings.or.or(truth, self.truth(part, inputs)))
            }
        }
    }

    fn conclude(&self, output: usize, strengths: &[f64], inputs: &[f64]) -> Conclusion {
        let fired = self.rules.iter().zip(strengths).filter(|(_, strength)| **strength > 0.0);
        let own = fired.flat_map(|(rule, &strength)| rule.consequences.iter().map(move |part| (part, strength)));
        let own = own.filter(|(part, _)| part.output() == output);
        if self.outputs[output].terms.is_empty() {
            // Takagi and Sugeno: the mean of what the rules give, weighted by how far each holds.
            let (mut sum, mut total) = (0.0, 0.0);
            for (part, strength) in own {
                sum += strength * part.number(inputs);
                total += strength;
            }
            return Conclusion { value: (total > 0.0).then(|| sum / total), surface: None };
        }
        let mut heights: Vec<f64> = Vec::new();
        let mut terms: Vec<usize> = Vec::new();
        for (part, strength) in own {
            if let Consequence::Is { term, .. } = part {
                terms.push(*term);
                heights.push(strength);
            }
        }
        let surface = Surface::joined(&self.outputs[output], &self.settings, &terms, &heights);
        let value = surface.number(self.settings.defuzzifier);
        Conclusion { value, surface: Some(surface) }
    }
}

fn check(variable: &Linguistic) -> Result<(), Error> {
    let wrong = |message: String| Err(Error::BadFuzzy(message));
    if variable.name.is_empty() {
        return wrong("a variable has no name".to_owned());
    }
    if !(variable.low < variable.high && variable.low.is_finite() && variable.high.is_finite()) {
        let (name, low, high) = (&variable.name, variable.low, variable.high);
        return wrong(format!("the scale of {name} goes from {low} to {high}; it must ascend"));
    }
    if variable.terms.len() > PARTS_MAX {
        return wrong(format!("{} has more than {PARTS_MAX} terms", variable.name));
    }
    let mut names: Vec<&str> = variable.terms.iter().map(|term| term.name.as_str()).collect();
    names.sort_unstable();
    match names.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => wrong(format!("{} has the term {} twice", variable.name, pair[0])),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variable(name: &str, terms: &[(&str, &str, &[f64])]) -> Linguistic {
        let term = |(name, shape, numbers): &(&str, &str, &[f64])| Term {
            name: (*name).to_owned(),
            membership: Membership::new(shape, numbers).unwrap(),
        };
        Linguistic { name: name.to_owned(), low: 0.0, high: 10.0, terms: terms.iter().map(term).collect() }
    }

    fn load() -> Linguistic {
        variable("load", &[("low", "triangular", &[0.0, 0.0, 10.0]), ("high", "triangular", &[0.0, 10.0, 10.0])])
    }

    #[test]
    fn sugeno_gives_the_weighted_mean_of_its_lines() {
        let mut system = System::new("s", vec![load()], vec![variable("fan", &[])], Settings::default()).unwrap();
        system.add("if load is low then fan is 1").unwrap();
        system.add("if load is high then fan is 2 * load - 3").unwrap();
        let found = system.infer(&[2.5]).unwrap();
        assert_eq!(found.strengths, [0.75, 0.25]);
        assert_eq!(found.conclusions[0].value, Some(0.75 * 1.0 + 0.25 * 2.0));
    }

    #[test]
    fn hedges_and_connectives_follow_their_definitions() {
        let mut system = System::new("s", vec![load()], vec![variable("fan", &[])], Settings::default()).unwrap();
        for rule in [
            "if load is very high then fan is 1",
            "if load is not very high then fan is 1",
            "if not (load is high or load is somewhat low) then fan is 1",
            "IF load is high and load is low THEN fan is 1 with 0.5",
            "if load is extremely high then fan is 1",
        ] {
            system.add(rule).unwrap();
        }
        let got = system.infer(&[6.0]).unwrap().strengths;
        let want = [0.36, 0.64, 1.0 - 0.4_f64.sqrt(), 0.2, 0.216];
        got.iter().zip(want).for_each(|(got, want)| assert!((got - want).abs() < 1e-12, "{got} {want}"));
    }

    #[test]
    fn where_no_rule_fires_nothing_is_concluded() {
        let narrow = variable("load", &[("one", "triangular", &[0.0, 1.0, 2.0])]);
        let out = variable("fan", &[("slow", "triangular", &[0.0, 2.0, 4.0])]);
        let mut system = System::new("s", vec![narrow], vec![out], Settings::default()).unwrap();
        system.add("if load is one then fan is slow").unwrap();
        assert_eq!(system.infer(&[5.0]).unwrap().conclusions[0].value, None);
        assert!((system.infer(&[1.0]).unwrap().conclusions[0].value.unwrap() - 2.0).abs() < 1e-12);
    }

    #[test]
    fn questions_that_do_not_fit_are_refused() {
        let system = System::new("s", vec![load()], vec![variable("fan", &[])], Settings::default()).unwrap();
        let wrong = |given: &[(&str, f64)]| system.inputs_from(given.iter().copied()).unwrap_err().to_string();
        assert_eq!(wrong(&[]), "load is not given");
        assert_eq!(wrong(&[("laod", 1.0)]), "there is no input laod (did you mean load?)");
        assert_eq!(wrong(&[("load", 1.0), ("load", 1.0)]), "load is given twice");
        assert_eq!(wrong(&[("load", f64::NAN)]), "load = NaN is no place on a scale");
        assert!(system.infer(&[1.0]).is_err(), "no rules");
    }
}
