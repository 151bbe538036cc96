//! What is to be ranked, as TOML: `[[criterion]]` and `[[alternative]]` tables, in the form that `docs/decisions.md`
//! describes.
//!
//! What is wrong comes back as diagnostics with places, several at once. Files are the caller's.

use std::collections::BTreeMap;

use nexus_model::Diagnostic;
use serde::Deserialize;
use toml::Spanned;

use super::Criterion;
use crate::codes::BAD_CRITERIA;
use crate::document::TEXT_BYTES_MAX;
use crate::findings::Findings;
use crate::form::Form;
use crate::network::nearest;

/// The most alternatives and criteria together that are ranked.
const PARTS_MAX: usize = 10_000;

/// Alternatives with their scores under criteria.
#[derive(Debug, Clone, PartialEq)]
pub struct Choice {
    /// Its name.
    pub name: String,
    /// What is judged.
    pub criteria: Vec<Criterion>,
    /// The names of the alternatives.
    pub alternatives: Vec<String>,
    /// For each alternative its score under each criterion.
    pub scores: Vec<Vec<f64>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    #[serde(default)]
    name: String,
    #[serde(default)]
    criterion: Vec<CriterionTable>,
    #[serde(default)]
    alternative: Vec<AlternativeTable>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CriterionTable {
    name: Spanned<String>,
    weight: f64,
    #[serde(default)]
    cost: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AlternativeTable {
    name: Spanned<String>,
    scores: Spanned<BTreeMap<String, f64>>,
}

/// Reads what is to be ranked; `file` is its name in diagnostics.
///
/// Errors: everything that was found wrong.
pub fn read(file: &str, text: &str) -> Result<Choice, Vec<Diagnostic>> {
    let (mut findings, document) = Findings::of_toml::<Document>(file, text, (TEXT_BYTES_MAX, Form::Ranking))?;
    let choice = choice(document, &mut findings);
    findings.finish(Some(choice)).map(|(choice, _)| choice)
}

fn choice(document: Document, findings: &mut Findings<'_>) -> Choice {
    if document.criterion.is_empty() || document.alternative.is_empty() {
        findings.whole(BAD_CRITERIA, "a ranking needs a [[criterion]] and an [[alternative]]");
        findings.help("`docs/decisions.md` shows one");
    }
    if document.criterion.len() + document.alternative.len() > PARTS_MAX {
        findings.whole(BAD_CRITERIA, format!("at most {PARTS_MAX} criteria and alternatives are ranked"));
    }
    for names in [
        document.criterion.iter().map(|table| &table.name).collect::<Vec<_>>(),
        document.alternative.iter().map(|table| &table.name).collect(),
    ] {
        let mut seen = std::collections::BTreeSet::new();
        for name in names.into_iter().filter(|name| !seen.insert(name.get_ref().clone())) {
            findings.error(BAD_CRITERIA, name.span(), format!("{} is given twice", name.get_ref()));
        }
    }
    let names: Vec<&str> = document.criterion.iter().map(|table| table.name.get_ref().as_str()).collect();
    let mut scores = Vec::new();
    for alternative in &document.alternative {
        let own = alternative.scores.get_ref();
        for name in own.keys().filter(|name| !names.contains(&name.as_str())) {
            let hint = nearest(name, names.iter().copied());
            findings.error(BAD_CRITERIA, alternative.scores.span(), format!("there is no criterion {name}{hint}"));
        }
        let mut row = Vec::new();
        for name in &names {
            match own.get(*name) {
                Some(score) => row.push(*score),
                None => {
                    let message = format!("{} has no score for {name}", alternative.name.get_ref());
                    findings.error(BAD_CRITERIA, alternative.scores.span(), message);
                }
            }
        }
        scores.push(row);
    }
    Choice {
        name: document.name,
        criteria: document
            .criterion
            .into_iter()
            .map(|table| Criterion { name: table.name.into_inner(), weight: table.weight, is_cost: table.cost })
            .collect(),
        alternatives: document.alternative.into_iter().map(|table| table.name.into_inner()).collect(),
        scores,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        let text = "[[criterion]]\nname = \"price\"\nweight = 1\ncost = true\n[[alternative]]\nname = \"a\"\n\
                    scores = { price = 3 }\n[[alternative]]\nname = \"a\"\nscores = { prize = 4 }\n";
        let wrong = read("r.toml", text).unwrap_err();
        let wrong: Vec<String> = wrong
            .iter()
            .map(|found| format!("{} {}", found.primary.as_ref().map_or(0, |label| label.span.line), found.message))
            .collect();
        assert_eq!(
            wrong,
            [
                "9 a is given twice",
                "10 there is no criterion prize (did you mean price?)",
                "10 a has no score for price"
            ]
        );
        assert!(read("r.toml", "").unwrap_err()[0].message.contains("needs a [[criterion]]"));
        assert_eq!(read("r.toml", &text[..text.rfind("[[alt").unwrap()]).unwrap().scores, [[3.0]]);
    }
}
