//! Models as TOML, read and written: networks and influence diagrams in one form, which `docs/decisions.md` describes.
//!
//! What is wrong comes back as diagnostics with places, several at once. Files are the caller's.

mod writer;

pub use self::writer::write;

use std::collections::BTreeMap;

use nexus_model::Diagnostic;
use serde::Deserialize;
use toml::{Spanned, Value};

use crate::codes::{BAD_SYNTAX, BAD_TABLE};
use crate::distribution::{Distribution, NoisyOr};
use crate::domain::VariableId;
use crate::error::Error;
use crate::findings::{Findings, Range};
use crate::form::Form;
use crate::influence::{DiagramBuilder, Memory, Risk};
use crate::model::Model;
use crate::rules::RuleSet;
use crate::rules::document::{RuleTable, collect};

/// The longest text that is read: 64 MiB.
pub(crate) const TEXT_BYTES_MAX: usize = 64 << 20;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    #[serde(default)]
    name: String,
    #[serde(default)]
    memory: MemoryName,
    risk_tolerance: Option<Spanned<f64>>,
    #[serde(default)]
    variable: Vec<VariableTable>,
    #[serde(default)]
    decision: Vec<DecisionTable>,
    #[serde(default)]
    utility: Vec<UtilityTable>,
    priorities: Option<Vec<String>>,
    #[serde(default)]
    rule: Vec<RuleTable>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "lowercase")]
enum MemoryName {
    #[default]
    Full,
    Limited,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct VariableTable {
    name: Spanned<String>,
    states: Spanned<Vec<String>>,
    #[serde(default)]
    parents: Vec<Spanned<String>>,
    table: Option<Spanned<Value>>,
    noisy_or: Option<Spanned<NoisyOrTable>>,
    function: Option<Spanned<Vec<String>>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NoisyOrTable {
    effect: String,
    #[serde(default)]
    leak: f64,
    causes: BTreeMap<String, BTreeMap<String, f64>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DecisionTable {
    name: Spanned<String>,
    options: Spanned<Vec<String>>,
    #[serde(default)]
    knows: Vec<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct UtilityTable {
    name: Spanned<String>,
    #[serde(default)]
    of: Vec<Spanned<String>>,
    values: Spanned<Value>,
}

/// Reads a model; `file` is its name in diagnostics. With a decision or a utility it is an influence diagram, else a
/// network. Gives warnings beside it.
///
/// Errors: everything that was found wrong.
pub fn read(file: &str, text: &str) -> Result<(Model, Vec<Diagnostic>), Vec<Diagnostic>> {
    read_with_rules(file, text).map(|((model, _), warnings)| (model, warnings))
}

/// A model with its rules.
pub type Ruled = (Model, RuleSet);

/// Reads a model and its rules; otherwise as [`read`].
///
/// Errors: everything that was found wrong.
pub fn read_with_rules(file: &str, text: &str) -> Result<(Ruled, Vec<Diagnostic>), Vec<Diagnostic>> {
    let (mut findings, document) = Findings::of_toml::<Document>(file, text, (TEXT_BYTES_MAX, Form::Model))?;
    let mut reader = Reader { builder: DiagramBuilder::new(document.name.as_str()), findings: &mut findings };
    let model = reader.model(&document);
    let ruled = model.map(|model| {
        let rules = collect(&document.rule, document.priorities.as_deref(), model.network(), &mut findings);
        (model, rules)
    });
    findings.finish(ruled)
}

struct Reader<'f, 'a> {
    builder: DiagramBuilder,
    findings: &'f mut Findings<'a>,
}

impl Reader<'_, '_> {
    fn told<T>(&mut self, at: Range, result: Result<T, Error>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(error) => {
                self.findings.error(error.code(), at, error.to_string());
                if let Some(hint) = error.hint() {
                    self.findings.help(hint);
                }
                None
            }
        }
    }

    fn model(&mut self, document: &Document) -> Option<Model> {
        for variable in &document.variable {
            let added = self.builder.network().variable(variable.name.get_ref(), variable.states.get_ref().iter());
            self.told(variable.name.span(), added);
        }
        for decision in &document.decision {
            let added = self.builder.decision(decision.name.get_ref(), decision.options.get_ref().iter());
            self.told(decision.name.span(), added);
        }
        if self.findings.has_errors() {
            return None;
        }
        document.variable.iter().for_each(|variable| self.depends(variable));
        document.decision.iter().for_each(|decision| self.informs(decision));
        document.utility.iter().for_each(|utility| self.utility(utility));
        if document.variable.is_empty() && document.decision.is_empty() {
            self.findings.whole(BAD_SYNTAX, "there is no [[variable]] and no [[decision]] in this text");
            self.findings.help("`docs/decisions.md` describes the form of models");
        }
        if self.findings.has_errors() {
            return None;
        }
        self.builder.memory(match document.memory {
            MemoryName::Full => Memory::Full,
            MemoryName::Limited => Memory::Limited,
        });
        if let Some(tolerance) = &document.risk_tolerance {
            self.builder.risk(Risk::Tolerance(*tolerance.get_ref()));
        }
        let mut builder = std::mem::take(&mut self.builder);
        let built = if document.decision.is_empty() && document.utility.is_empty() {
            std::mem::take(builder.network()).build().map(Model::Network)
        } else {
            builder.build().map(Model::Diagram)
        };
        match built {
            Ok(model) => Some(model),
            Err(error) => {
                self.findings.whole(error.code(), error.to_string());
                if let Some(hint) = error.hint() {
                    self.findings.help(hint);
                }
                None
            }
        }
    }

    fn find(&mut self, name: &Spanned<String>) -> Option<VariableId> {
        let found = self.builder.network().find(name.get_ref());
        let missing = || Error::UnknownName(format!("there is no variable {}", name.get_ref()));
        self.told(name.span(), found.ok_or_else(missing))
    }

    /// All of them, or nothing if one is missing.
    fn find_all(&mut self, names: &[Spanned<String>]) -> Option<Vec<VariableId>> {
        let found: Vec<VariableId> = names.iter().filter_map(|name| self.find(name)).collect();
        (found.len() == names.len()).then_some(found)
    }

    fn depends(&mut self, variable: &VariableTable) {
        let Some(id) = self.builder.network().find(variable.name.get_ref()) else { return };
        let Some(parents) = self.find_all(&variable.parents) else { return };
        let given = (&variable.table, &variable.noisy_or, &variable.function);
        let (distribution, at) = match given {
            (Some(table), None, None) => match self.numbers(table) {
                Some(values) => (Distribution::Table(values), table.span()),
                None => return,
            },
            (None, Some(noisy), None) => match self.noisy_or(variable, noisy) {
                Some(noisy_or) => (Distribution::NoisyOr(noisy_or), noisy.span()),
                None => return,
            },
            (None, None, Some(function)) => match self.function(variable, function) {
                Some(values) => (Distribution::Function(values), function.span()),
                None => return,
            },
            _ => {
                let message = format!("{} needs one of `table`, `noisy_or` and `function`", variable.name.get_ref());
                return self.findings.error(BAD_TABLE, variable.name.span(), message);
            }
        };
        let result = self.builder.network().depends(id, &parents, distribution);
        self.told(at, result);
    }

    /// Numbers in lists of any depth, in order.
    fn numbers(&mut self, value: &Spanned<Value>) -> Option<Vec<f64>> {
        let mut numbers = Vec::new();
        let mut stack = vec![value.get_ref()];
        while let Some(next) = stack.pop() {
            match next {
                Value::Array(items) => stack.extend(items.iter().rev()),
                Value::Float(number) => numbers.push(*number),
                Value::Integer(number) => numbers.push(*number as f64),
                other => {
                    let message = format!("{other} stands where numbers, or lists of numbers, belong");
                    self.findings.error(BAD_TABLE, value.span(), message);
                    return None;
                }
            }
        }
        Some(numbers)
    }

    fn noisy_or(&mut self, variable: &VariableTable, noisy: &Spanned<NoisyOrTable>) -> Option<NoisyOr> {
        let table = noisy.get_ref();
        let states = variable.states.get_ref();
        let effect = states.iter().position(|state| *state == table.effect);
        let missing = || {
            let message = format!(
                "{} has no state {}: it is one of {}",
                variable.name.get_ref(),
                table.effect,
                states.join(", ")
            );
            Error::UnknownName(message)
        };
        let effect = self.told(noisy.span(), effect.ok_or_else(missing))?;
        if let Some(cause) = table.causes.keys().find(|cause| !variable.parents.iter().any(|p| p.get_ref() == *cause)) {
            let message = format!("the cause {cause} is no parent of {}", variable.name.get_ref());
            self.findings.error(BAD_TABLE, noisy.span(), message);
            return None;
        }
        let mut links = Vec::new();
        for parent in &variable.parents {
            let id = self.find(parent)?;
            let states = self.builder.network().get(id).map(|parent| parent.states.clone()).unwrap_or_default();
            let empty = BTreeMap::new();
            let given = table.causes.get(parent.get_ref()).unwrap_or(&empty);
            if let Some(state) = given.keys().find(|state| !states.contains(state)) {
                let states = states.join(", ");
                let message = format!("{} has no state {state}: it is one of {states}", parent.get_ref());
                self.told::<()>(noisy.span(), Err(Error::UnknownName(message)));
                return None;
            }
            links.push(states.iter().map(|state| given.get(state).copied().unwrap_or(0.0)).collect());
        }
        Some(NoisyOr { effect, leak: table.leak, links })
    }

    fn function(&mut self, variable: &VariableTable, function: &Spanned<Vec<String>>) -> Option<Vec<u32>> {
        let states = variable.states.get_ref();
        let mut values = Vec::new();
        for value in function.get_ref() {
            let Some(state) = states.iter().position(|state| state == value) else {
                let message =
                    format!("{} has no state {value}: it is one of {}", variable.name.get_ref(), states.join(", "));
                self.told::<()>(function.span(), Err(Error::UnknownName(message)));
                return None;
            };
            values.push(state as u32);
        }
        Some(values)
    }

    fn informs(&mut self, decision: &DecisionTable) {
        let Some(id) = self.builder.network().find(decision.name.get_ref()) else { return };
        let Some(known) = self.find_all(&decision.knows) else { return };
        let result = self.builder.informs(id, &known);
        self.told(decision.name.span(), result);
    }

    fn utility(&mut self, utility: &UtilityTable) {
        let Some(of) = self.find_all(&utility.of) else { return };
        let Some(values) = self.numbers(&utility.values) else { return };
        let result = self.builder.utility(utility.name.get_ref(), &of, values);
        self.told(utility.values.span(), result);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::Evidence;
    use crate::influence::policy::solve;
    use crate::junction_tree::MEMORY_MAX;

    const UMBRELLA: &str = r#"
name = "umbrella"
[[variable]]
name = "weather"
states = ["rain", "sun"]
table = [0.3, 0.7]
[[variable]]
name = "forecast"
states = ["rainy", "cloudy", "sunny"]
parents = ["weather"]
table = [[0.6, 0.25, 0.15], [0.1, 0.2, 0.7]]
[[decision]]
name = "umbrella"
options = ["take", "leave"]
knows = ["forecast"]
[[utility]]
name = "comfort"
of = ["weather", "umbrella"]
values = [[70, 0], [20, 100]]
"#;

    fn wrong(text: &str) -> Vec<String> {
        read("m.toml", text).expect_err("something is wrong").into_iter().map(|found| found.message).collect()
    }

    #[test]
    fn a_diagram_is_read_and_solved() {
        let (Model::Diagram(diagram), _) = read("m.toml", UMBRELLA).unwrap() else { panic!("a diagram") };
        let solution = solve(&diagram, &Evidence::new(), MEMORY_MAX).unwrap();
        // Shachter's umbrella: 35 without, 77 with the forecast that is worth having.
        assert!((solution.expected_utility - 77.0).abs() < 1e-12, "{}", solution.expected_utility);
        let network = "[[variable]]\nname = \"a\"\nstates = [\"x\"]\ntable = [1]\n";
        assert!(matches!(read("m.toml", network), Ok((Model::Network(_), _))));
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        assert_eq!(wrong(""), ["there is no [[variable]] and no [[decision]] in this text"]);
        assert!(wrong("name = 1")[0].contains("invalid type"));
        let unknown = UMBRELLA.replace("parents = [\"weather\"]", "parents = [\"wether\"]");
        assert_eq!(wrong(&unknown), ["there is no variable wether"]);
        let sums = UMBRELLA.replace("[0.3, 0.7]", "[0.3, 0.8]");
        assert_eq!(wrong(&sums), ["row 1 of weather sums to 1.1; probabilities sum to 1"]);
        let both = UMBRELLA.replace("table = [0.3, 0.7]", "");
        assert_eq!(wrong(&both), ["weather needs one of `table`, `noisy_or` and `function`"]);
        let circle = UMBRELLA.replace("parents = [\"weather\"]", "parents = [\"umbrella\"]");
        let circle = circle.replace("[[0.6, 0.25, 0.15], [0.1, 0.2, 0.7]]", "[[1, 0, 0], [0, 1, 0]]");
        assert_eq!(wrong(&circle), ["the arrows run in a circle: forecast -> umbrella -> forecast"]);
    }

    #[test]
    fn noisy_or_and_functions_are_read() {
        let text = r#"
[[variable]]
name = "a"
states = ["yes", "no"]
table = [0.5, 0.5]
[[variable]]
name = "b"
states = ["up", "down"]
parents = ["a"]
noisy_or = { effect = "up", leak = 0.1, causes = { a = { yes = 0.8 } } }
[[variable]]
name = "c"
states = ["same", "other"]
parents = ["a", "b"]
function = ["same", "other", "other", "same"]
"#;
        let (Model::Network(network), _) = read("m.toml", text).unwrap() else { panic!("a network") };
        let b = network.table(network.find("b").unwrap()).unwrap();
        assert!((b.values()[0] - 0.82).abs() < 1e-15 && (b.values()[2] - 0.1).abs() < 1e-15);
        let c = network.table(network.find("c").unwrap()).unwrap();
        assert_eq!(c.values(), [1.0, 0.0, 0.0, 1.0, 0.0, 1.0, 1.0, 0.0]);
    }
}
