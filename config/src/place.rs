//! Where in a `nexus.toml` something is wrong. It finds places; what is wrong there, and what is right, the errors say.

use std::ops::Range;

use toml::de::{DeTable, DeValue};

use crate::error::ConfigError;

impl ConfigError {
    /// The bytes of `text`, the `nexus.toml` that was read, that are wrong. `None` where it is not the file that is wrong, but
    /// a flag, a variable or the machine.
    pub fn place(&self, text: &str) -> Option<Range<usize>> {
        match self {
            ConfigError::Syntax { at, .. } => Some(at.clone()),
            ConfigError::UnknownKey { key, .. } => find(text, key, Part::Key),
            ConfigError::Value { key, .. } => find(text, key, Part::Value),
            ConfigError::Rule { line, .. } => {
                let start = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum::<usize>();
                let length = text.get(start..)?.lines().next()?.len();
                Some(start..start + length)
            }
            ConfigError::NoHome | ConfigError::Unreadable { .. } => None,
        }
    }
}

/// What of a setting is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Key,
    Value,
}

/// Where `section` or `section.name` stands.
fn find(text: &str, key: &str, part: Part) -> Option<Range<usize>> {
    let table = DeTable::parse(text).ok()?;
    let (section, name) = key.split_once('.').map_or((key, None), |(section, name)| (section, Some(name)));
    let (written, content) = table.get_ref().iter().find(|(written, _)| written.get_ref().as_ref() == section)?;
    let Some(name) = name else { return Some(written.span()) };
    let tables: Vec<&DeTable<'_>> = match content.get_ref() {
        DeValue::Table(table) => vec![table],
        DeValue::Array(several) => several.iter().filter_map(|one| one.get_ref().as_table()).collect(),
        _ => Vec::new(),
    };
    let found = tables.into_iter().flat_map(DeTable::iter).find(|(written, _)| written.get_ref().as_ref() == name);
    found.map(|(written, value)| if part == Part::Key { written.span() } else { value.span() })
}

#[cfg(test)]
mod tests {
    use crate::{Config, ConfigErrors, Flags, Machine, RawConfig};

    /// What of the text is said to be wrong.
    fn wrong(text: &str) -> Vec<&str> {
        let resolved = |raw: RawConfig| Config::resolve(&raw, &Flags::default(), &Machine::default());
        let ConfigErrors(errors) = RawConfig::parse(text).and_then(resolved).unwrap_err();
        errors.iter().filter_map(|error| error.place(text)).map(|place| &text[place]).collect()
    }

    #[test]
    fn what_is_wrong_is_found_in_the_file() {
        assert_eq!(wrong("[node]\nname = 3\n[worker]\nslots = \"two\"\n"), ["3", "\"two\""]);
        assert_eq!(wrong("[node]\nlisen = 3\n[wroker]\n"), ["lisen", "wroker"]);
        assert_eq!(wrong("name = 1\nname = 2\n"), ["name"]);
        assert_eq!(wrong("node = 7\n"), ["7"]);
        assert_eq!(wrong("[log]\nlevel = \"info\"\n[[rule]]\nif = 3\n"), ["if"]);
        assert_eq!(wrong("# ü\n[[rule]]\nwhen = \"never\"\nthen = \"pause\"\n"), ["[[rule]]"]);
    }
}
