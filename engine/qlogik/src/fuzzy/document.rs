//! Fuzzy systems as TOML, in the form that `docs/decisions.md` describes.
//!
//! What is wrong comes back as diagnostics with places, several at once. Files are the caller's.

use std::collections::BTreeMap;

use nexus_model::Diagnostic;
use serde::Deserialize;
use toml::Spanned;

use super::membership::Membership;
use super::norm::Norm;
use super::surface::Defuzzifier;
use super::{Linguistic, Settings, System, Term};
use crate::codes::BAD_FUZZY;
use crate::document::TEXT_BYTES_MAX;
use crate::error::Error;
use crate::findings::Findings;
use crate::form::Form;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    #[serde(default)]
    name: String,
    and: Option<Spanned<String>>,
    or: Option<Spanned<String>>,
    implication: Option<Spanned<String>>,
    aggregation: Option<Spanned<String>>,
    defuzzifier: Option<Spanned<String>>,
    steps: Option<usize>,
    #[serde(default)]
    input: Vec<VariableTable>,
    #[serde(default)]
    output: Vec<VariableTable>,
    #[serde(default)]
    rules: Vec<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct VariableTable {
    name: Spanned<String>,
    range: [f64; 2],
    #[serde(default)]
    terms: BTreeMap<String, Spanned<BTreeMap<String, Vec<f64>>>>,
}

/// Whether a text is a fuzzy system rather than a network or diagram.
pub fn is_system(text: &str) -> bool {
    text.lines().any(|line| matches!(line.trim(), "[[input]]" | "[[output]]"))
}

/// Reads a fuzzy system; `file` is its name in diagnostics. Gives warnings beside it.
///
/// Errors: everything that was found wrong.
pub fn read(file: &str, text: &str) -> Result<(System, Vec<Diagnostic>), Vec<Diagnostic>> {
    let (mut findings, document) = Findings::of_toml::<Document>(file, text, (TEXT_BYTES_MAX, Form::Fuzzy))?;
    let system = system(&document, &mut findings);
    findings.finish(system)
}

fn system(document: &Document, findings: &mut Findings<'_>) -> Option<System> {
    let settings = settings(document, findings);
    let inputs: Vec<Linguistic> = document.input.iter().map(|table| variable(table, findings)).collect();
    let outputs: Vec<Linguistic> = document.output.iter().map(|table| variable(table, findings)).collect();
    if findings.has_errors() {
        return None;
    }
    let mut system = match System::new(document.name.as_str(), inputs, outputs, settings) {
        Ok(system) => system,
        Err(error) => {
            findings.whole(error.code(), error.to_string());
            return None;
        }
    };
    for rule in &document.rules {
        if let Err((error, place)) = system.add(rule.get_ref()) {
            let at = findings.within(rule.span(), rule.get_ref(), place);
            findings.error(error.code(), at, error.to_string());
        }
    }
    if document.rules.is_empty() {
        findings.whole(BAD_FUZZY, "there are no rules, so nothing can be concluded");
        findings.help("add `rules = [\"if ... is ... then ... is ...\"]` before the first [[input]]");
    }
    Some(system)
}

fn settings(document: &Document, findings: &mut Findings<'_>) -> Settings {
    let mut settings = Settings::default();
    let norms = [
        (&document.and, &mut settings.and),
        (&document.or, &mut settings.or),
        (&document.implication, &mut settings.implication),
        (&document.aggregation, &mut settings.aggregation),
    ];
    for (name, norm) in norms {
        if let Some(name) = name {
            told(findings, name, Norm::named(name.get_ref()), norm);
        }
    }
    if let Some(name) = &document.defuzzifier {
        told(findings, name, Defuzzifier::named(name.get_ref()), &mut settings.defuzzifier);
    }
    settings.steps = document.steps.unwrap_or(settings.steps);
    settings
}

fn told<T>(findings: &mut Findings<'_>, at: &Spanned<String>, found: Result<T, Error>, into: &mut T) {
    match found {
        Ok(value) => *into = value,
        Err(error) => findings.error(error.code(), at.span(), error.to_string()),
    }
}

fn variable(table: &VariableTable, findings: &mut Findings<'_>) -> Linguistic {
    let mut terms: Vec<(usize, Term)> = Vec::new();
    for (name, shapes) in &table.terms {
        let mut given = shapes.get_ref().iter();
        let (Some((shape, numbers)), None) = (given.next(), given.next()) else {
            let message = format!("the term {name} of {} needs one shape", table.name.get_ref());
            findings.error(BAD_FUZZY, shapes.span(), message);
            findings.help("like `{ triangular = [0, 5, 10] }`");
            continue;
        };
        match Membership::new(shape, numbers) {
            Ok(membership) => terms.push((shapes.span().start, Term { name: name.clone(), membership })),
            Err(error) => findings.error(error.code(), shapes.span(), error.to_string()),
        }
    }
    // In the order of the text, which is how people think of a scale.
    terms.sort_by_key(|(at, _)| *at);
    Linguistic {
        name: table.name.get_ref().clone(),
        low: table.range[0],
        high: table.range[1],
        terms: terms.into_iter().map(|(_, term)| term).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FAN: &str = r#"
name = "fan"
defuzzifier = "bisector"
rules = [
    "if load is low then fan is slow",
    "if load is high and battery is not low then fan is fast with 0.8",
]
[[input]]
name = "load"
range = [0, 100]
terms.low = { triangular = [0, 0, 60] }
terms.high = { trapezoid = [40, 80, 100, 100] }
[[input]]
name = "battery"
range = [0, 100]
terms = { low = { sigmoid = [30, -0.2] } }
[[output]]
name = "fan"
range = [0, 3000]
terms = { slow = { gaussian = [500, 200] }, fast = { bell = [400, 2, 2400] } }
"#;

    fn wrong(text: &str) -> Vec<String> {
        let place = |found: &Diagnostic| match &found.primary {
            Some(label) => format!("{}:{} {}", label.span.line, label.span.column, found.message),
            None => found.message.clone(),
        };
        read("f.toml", text).unwrap_err().iter().map(place).collect()
    }

    #[test]
    fn a_system_is_read_with_its_terms_in_the_order_of_the_text() {
        let (system, _) = read("fan.toml", FAN).unwrap();
        let names: Vec<&str> = system.outputs()[0].terms.iter().map(|term| term.name.as_str()).collect();
        assert_eq!(names, ["slow", "fast"]);
        assert_eq!((system.rules().len(), system.settings().defuzzifier), (2, Defuzzifier::Bisector));
        assert!(is_system(FAN) && !is_system("[[variable]]"));
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        let rule = FAN.replace("load is low then", "load is lwo then");
        assert_eq!(wrong(&rule), ["5:17 load has no term lwo: it is one of low, high"]);
        let shape = FAN.replace("triangular = [0, 0, 60]", "triangle = [0, 0, 60]");
        assert!(wrong(&shape)[0].starts_with("11:13 there is no shape triangle"), "{:?}", wrong(&shape));
        assert!(wrong(&FAN.replace("bisector", "median"))[0].starts_with("3:15 there is no defuzzifier median"));
        assert_eq!(
            wrong(&FAN.replace("[0, 3000]", "[3000, 0]")),
            ["the scale of fan goes from 3000 to 0; it must ascend"]
        );
        assert_eq!(
            wrong(&FAN.replace("then fan is slow", "then fan is slow fast"))[0],
            "5:38 `fast` stands where the end of the rule belongs"
        );
        assert!(wrong("name = 3")[0].contains("invalid type"));
    }
}
