//! The rules of a TOML model: its `[[rule]]` tables and `priorities`.
//!
//! Driven by the reader of models, which reads the rest; what is wrong becomes a finding with its place.

use serde::Deserialize;
use toml::Spanned;

use super::formula::Formula;
use super::{PRIORITIES, Refused, RuleSet};
use crate::codes::BAD_RULE;
use crate::findings::Findings;
use crate::network::Network;
use crate::words::Place;

/// One `[[rule]]`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RuleTable {
    name: Spanned<String>,
    always: Option<Spanned<String>>,
    when: Option<Spanned<String>>,
    advise: Option<Spanned<String>>,
    priority: Option<Spanned<String>>,
    weight: Option<f64>,
}

/// Reads rules over the variables of a network; what is wrong is among the findings.
pub(crate) fn collect(
    tables: &[RuleTable],
    priorities: Option<&[String]>,
    network: &Network,
    findings: &mut Findings<'_>,
) -> RuleSet {
    let priorities = priorities.map_or_else(|| PRIORITIES.map(str::to_owned).to_vec(), <[String]>::to_vec);
    let mut rules = match RuleSet::new(priorities) {
        Ok(rules) => rules,
        Err(error) => {
            findings.whole(error.code(), error.to_string());
            return RuleSet::default();
        }
    };
    for table in tables {
        let name = table.name.get_ref();
        let result = match (&table.always, &table.advise) {
            (Some(always), None) if table.when.is_none() && table.priority.is_none() && table.weight.is_none() => {
                rules.always(name, always.get_ref(), network).map_err(|refused| (refused, always))
            }
            (Some(_), None) => {
                findings.error(
                    BAD_RULE,
                    table.name.span(),
                    format!("{name} must hold always, so it takes no `when`, `priority` or `weight`"),
                );
                continue;
            }
            (None, Some(advise)) => advice(&mut rules, table, advise, network),
            _ => {
                findings.error(BAD_RULE, table.name.span(), format!("{name} needs one of `always` and `advise`"));
                continue;
            }
        };
        if let Err((Refused { error, place }, text)) = result {
            let at = place.map(|place: Place| findings.within(text.span(), text.get_ref(), place));
            findings.error(error.code(), at.unwrap_or_else(|| table.name.span()), error.to_string());
        }
    }
    rules
}

fn advice<'t>(
    rules: &mut RuleSet,
    table: &'t RuleTable,
    advise: &'t Spanned<String>,
    network: &Network,
) -> Result<(), (Refused, &'t Spanned<String>)> {
    let read = |text: &'t Spanned<String>| Formula::read(network, text.get_ref()).map_err(|wrong| (wrong.into(), text));
    let when = table.when.as_ref().map(read).transpose()?;
    let formula = read(advise)?;
    // Whoever does not say whose advice it is is heard last.
    let last = rules.priorities()[rules.priorities().len() - 1].clone();
    let priority = table.priority.as_ref().map_or(last, |priority| priority.get_ref().clone());
    let weight = table.weight.unwrap_or(1.0);
    let name = table.name.get_ref();
    rules.advice(name, when, (formula, advise.get_ref()), &priority, weight).map_err(|refused| (refused, advise))
}
