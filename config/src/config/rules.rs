//! Each `[[rule]]`: what a node does while its machine is so or so.

use nexus_model::{Action, Condition, RULES_MAX, Rule, RuleError};
use toml::Value;

use crate::error::ConfigError;
use crate::raw::{RawConfig, RawRule};

/// The rules as they are written, and of the default ones those about what no rule is written about; what is wrong goes to
/// `note`.
pub(super) fn resolve(raw: &RawConfig, note: &mut impl FnMut(ConfigError)) -> Vec<Rule> {
    let mut rules = Vec::new();
    let lines = raw.rule_lines.iter().copied().chain(std::iter::repeat(1));
    for (written, line) in raw.rule.iter().zip(lines) {
        match rule(written.get_ref()) {
            Ok(rule) => rules.push(rule),
            Err(reason) => note(ConfigError::Rule { line, reason }),
        }
    }
    let is_about = |rules: &[Rule], other: &Rule| rules.iter().any(|rule| rule.when.quantity == other.when.quantity);
    let default: Vec<Rule> = Rule::DEFAULT.into_iter().filter(|rule| !is_about(&rules, rule)).collect();
    rules.extend(default);
    if rules.len() > RULES_MAX {
        let reason = format!("there are {} rules, and a node keeps at most {RULES_MAX}", rules.len());
        note(ConfigError::Rule { line: raw.rule_lines.last().copied().unwrap_or(1), reason });
    }
    rules
}

fn rule(raw: &RawRule) -> Result<Rule, String> {
    let text = |name: &str, value: &Option<Value>, example: &str| match value {
        Some(Value::String(text)) => Ok(text.clone()),
        Some(other) => Err(format!("`{name}` is {other}; write a text, such as {name} = \"{example}\"")),
        None => Err(format!("it has no `{name}`; write it, such as {name} = \"{example}\"")),
    };
    let (when, then) = (text("when", &raw.when, "memory > 90%")?, text("then", &raw.then, "stop-admitting")?);
    let said = |error: RuleError| error.to_string();
    Ok(Rule { when: when.parse::<Condition>().map_err(said)?, then: then.parse::<Action>().map_err(said)? })
}
