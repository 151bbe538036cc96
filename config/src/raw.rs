//! `nexus.toml` as it is written: every setting optional, nothing checked but the names.

use serde::Deserialize;
use toml::{Spanned, Table, Value};

use crate::error::{ConfigError, ConfigErrors};
use crate::keys;
use crate::suggestion::nearest;

/// The file's content. [`crate::Config::resolve`] checks the values.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RawConfig {
    /// `[node]`.
    pub(crate) node: RawNode,
    /// `[worker]`.
    pub(crate) worker: RawWorker,
    /// `[limits]`.
    pub(crate) limits: RawLimits,
    /// `[optimizer]`.
    pub(crate) optimizer: RawOptimizer,
    /// `[log]`.
    pub(crate) log: RawLog,
    /// `[telemetry]`.
    pub(crate) telemetry: RawTelemetry,
    /// Each `[[rule]]`.
    pub(crate) rule: Vec<Spanned<RawRule>>,
    /// The line at which each of them begins.
    #[serde(skip)]
    pub(crate) rule_lines: Vec<usize>,
}

/// A `[[rule]]` as written.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RawRule {
    pub(crate) when: Option<Value>,
    pub(crate) then: Option<Value>,
}

/// `[node]` as written.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RawNode {
    pub(crate) name: Option<Value>,
    pub(crate) data: Option<Value>,
    pub(crate) listen: Option<Value>,
    pub(crate) discovery: Option<Value>,
    pub(crate) http: Option<Value>,
    pub(crate) keep_unused: Option<Value>,
    pub(crate) protocol: Option<Value>,
}

/// `[worker]` as written.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RawWorker {
    pub(crate) slots: Option<Value>,
    pub(crate) memory: Option<Value>,
    pub(crate) sensors: Option<Value>,
}

/// `[limits]` as written.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RawLimits {
    pub(crate) remote: Option<Value>,
}

/// `[optimizer]` as written.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RawOptimizer {
    pub(crate) enabled: Option<Value>,
    pub(crate) exploration_rate: Option<Value>,
    pub(crate) learning_rate: Option<Value>,
    pub(crate) memory_size: Option<Value>,
    pub(crate) batch_size: Option<Value>,
    pub(crate) update_interval: Option<Value>,
    pub(crate) model_path: Option<Value>,
    pub(crate) exploration_budget: Option<Value>,
}

/// `[telemetry]` as written.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RawTelemetry {
    pub(crate) otlp: Option<Value>,
    pub(crate) signals: Option<Value>,
    pub(crate) metrics_every: Option<Value>,
}

/// `[log]` as written.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RawLog {
    pub(crate) level: Option<Value>,
}

impl RawConfig {
    /// Reads the text of a `nexus.toml`.
    ///
    /// # Errors
    /// What is not TOML, with its line; every name that does not exist, with the one that was probably meant.
    pub fn parse(text: &str) -> Result<Self, ConfigErrors> {
        let syntax = |error: toml::de::Error| {
            let at = error.span().unwrap_or(0..0);
            let line = line_of(text, at.start);
            ConfigErrors::from(ConfigError::Syntax { line, at, message: error.message().to_owned() })
        };
        let table: Table = text.parse().map_err(syntax)?;
        let unknown = unknown_names(&table);
        if !unknown.is_empty() {
            return Err(ConfigErrors(unknown));
        }
        let mut raw: RawConfig = toml::from_str(text).map_err(syntax)?;
        raw.rule_lines = raw.rule.iter().map(|rule| line_of(text, rule.span().start)).collect();
        Ok(raw)
    }
}

/// The line of a byte, from 1.
fn line_of(text: &str, byte: usize) -> usize {
    text.get(..byte).unwrap_or(text).matches('\n').count() + 1
}

/// The sections and settings of `table` that do not exist.
fn unknown_names(table: &Table) -> Vec<ConfigError> {
    let mut unknown = Vec::new();
    let sections = keys::sections();
    for (section, content) in table {
        if !sections.contains(&section.as_str()) {
            let suggestion = nearest(section, &sections).map(str::to_owned);
            unknown.push(ConfigError::UnknownKey { key: section.clone(), suggestion, known: sections.join(", ") });
            continue;
        }
        let names = keys::names(section);
        let several = content.as_array().into_iter().flatten().filter_map(Value::as_table);
        let tables = content.as_table().into_iter().chain(several);
        for name in tables.flat_map(Table::keys).filter(|name| !names.contains(&name.as_str())) {
            unknown.push(ConfigError::UnknownKey {
                key: format!("{section}.{name}"),
                suggestion: nearest(name, &names).map(|name| format!("{section}.{name}")),
                known: names.join(", "),
            });
        }
    }
    unknown
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(text: &str) -> Vec<String> {
        RawConfig::parse(text).unwrap_err().0.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn names_that_do_not_exist_are_reported_together() {
        assert_eq!(
            messages("[node]\nlisen = \"x\"\n[wroker]\nslots = 2\n[log]\ncolour = 1\n"),
            [
                "there is no setting `log.colour`; there are: level",
                "there is no setting `node.lisen`; did you mean `node.listen`?",
                "there is no setting `wroker`; did you mean `worker`?",
            ]
        );
        assert_eq!(
            messages("[[rule]]\nwhen = \"thermal\"\n[[rule]]\nif = \"thermal\"\n"),
            ["there is no setting `rule.if`; there are: when, then"]
        );
    }

    #[test]
    fn what_is_no_toml_is_reported_with_its_line() {
        let found = messages("[node]\nname = \n");
        assert_eq!(found.len(), 1);
        assert!(found[0].starts_with("line 2: "), "{}", found[0]);
        assert!(messages("[log]\nlevel = 1\n[rule]\nwhen = \"thermal\"\n")[0].starts_with("line 3: "));
        let found = messages("# a comment\nnode = 3\n");
        assert!(found[0].starts_with("line 2: "), "{}", found[0]);
    }

    #[test]
    fn every_setting_of_the_table_can_be_written() {
        for key in keys::KEYS {
            assert!(RawConfig::parse(&format!("{} = 1", key.path)).is_ok(), "{}", key.path);
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics(text in "\\PC*") {
            let _ = RawConfig::parse(&text);
        }
    }
}
