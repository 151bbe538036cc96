//! Where a task may run: the labels of nodes, and what a job asks of them.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::job::SpecError;

/// Most labels of a node: a few would do.
pub const LABELS_MAX: usize = 64;
/// Most bytes of a label's name, and of its value: those of a DNS label.
pub const LABEL_BYTES_MAX: usize = 63;
/// Most requirements, and most preferences, of a job.
pub const SELECTORS_MAX: usize = 64;
/// The label that every node has: its name.
pub const NODE_LABEL: &str = "node";
/// The label that says what one slot of a node draws while it works, in watts: `watts=4.5`.
pub const WATTS_LABEL: &str = "watts";
/// Most watts of a slot: what the largest accelerators draw, tenfold.
const WATTS_MAX: f64 = 10_000.0;

/// A label that cannot be given to a node.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum LabelError {
    /// Not a name or a value.
    #[error("`{0}` cannot be part of a label: letters, digits, `.`, `_`, `-` and `/`, at most {LABEL_BYTES_MAX}")]
    Text(String),
    /// Every node has it.
    #[error("`{NODE_LABEL}` is the name of the node; it cannot be given")]
    Reserved,
    /// Watts that are none.
    #[error(
        "`{WATTS_LABEL}={0}`: what a slot draws is a number of watts above 0, to {WATTS_MAX}, like {WATTS_LABEL}=4.5"
    )]
    Watts(String),
    /// Too many.
    #[error("a node has at most {LABELS_MAX} labels")]
    TooMany,
}

/// Whether `text` can be the name or the value of a label.
fn check_text(text: &str) -> Result<(), LabelError> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "._-/".contains(c);
    if text.is_empty() || text.len() > LABEL_BYTES_MAX || !text.chars().all(is_plain) {
        return Err(LabelError::Text(text.to_owned()));
    }
    Ok(())
}

/// A number of watts as a label says it.
fn watts(value: &str) -> Option<f64> {
    value.parse().ok().filter(|watts| *watts > 0.0 && *watts <= WATTS_MAX)
}

/// What people say of a node, by name: `zone=home`, `os=macos`.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Labels(BTreeMap<String, String>);

impl Labels {
    /// The value of a label.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// What one slot draws while it works, in watts, if somebody said so.
    pub fn slot_watts(&self) -> Option<f64> {
        self.get(WATTS_LABEL).and_then(watts)
    }

    /// The labels in order of their names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Gives a label, or takes it away. Fails where it can be no label; then nothing changed.
    pub fn set(&mut self, name: &str, value: Option<&str>) -> Result<(), LabelError> {
        check_text(name)?;
        if name == NODE_LABEL {
            return Err(LabelError::Reserved);
        }
        let Some(value) = value else {
            self.0.remove(name);
            return Ok(());
        };
        check_text(value)?;
        if name == WATTS_LABEL && watts(value).is_none() {
            return Err(LabelError::Watts(value.to_owned()));
        }
        if !self.0.contains_key(name) && self.0.len() >= LABELS_MAX {
            return Err(LabelError::TooMany);
        }
        self.0.insert(name.to_owned(), value.to_owned());
        Ok(())
    }

    /// The same with the name of the node as a label.
    #[must_use]
    pub fn of_node(&self, name: &str) -> Labels {
        let mut labels = self.clone();
        labels.0.insert(NODE_LABEL.to_owned(), name.to_owned());
        labels
    }
}

impl fmt::Display for Labels {
    /// `os=linux zone=home`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, (name, value)) in self.iter().enumerate() {
            write!(f, "{}{name}={value}", if place > 0 { " " } else { "" })?;
        }
        Ok(())
    }
}

/// Whether a label is to have a value or not to have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Relation {
    /// `zone=home`.
    Is,
    /// `zone!=home`: another value, or no such label.
    IsNot,
}

/// What is asked of one label of a node.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Selector {
    /// Name of the label.
    pub label: String,
    /// Whether it is to have the value.
    pub relation: Relation,
    /// The value.
    pub value: String,
}

impl Selector {
    /// Whether a node with these labels is meant.
    pub fn admits(&self, labels: &Labels) -> bool {
        let has_it = labels.get(&self.label) == Some(self.value.as_str());
        match self.relation {
            Relation::Is => has_it,
            Relation::IsNot => !has_it,
        }
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = match self.relation {
            Relation::Is => "=",
            Relation::IsNot => "!=",
        };
        write!(f, "{}{sign}{}", self.label, self.value)
    }
}

impl FromStr for Selector {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || "write it like zone=home or node!=air".to_owned();
        let (label, value) = text.split_once('=').ok_or_else(wrong)?;
        let (label, relation) = match label.strip_suffix('!') {
            Some(label) => (label, Relation::IsNot),
            None => (label, Relation::Is),
        };
        let (label, value) = (label.trim(), value.trim());
        for part in [label, value] {
            check_text(part).map_err(|error| format!("{error}; {}", wrong()))?;
        }
        Ok(Selector { label: label.to_owned(), relation, value: value.to_owned() })
    }
}

/// Most copies of a result: what more would add is not worth what each costs.
pub const COPIES_MAX: u32 = 16;

/// What a job asks of the nodes that its tasks run on; the default is nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Selection {
    /// All of these must hold.
    pub require: Vec<Selector>,
    /// Of the nodes that have room, one is taken of which most of these hold.
    pub prefer: Vec<Selector>,
    /// On how many nodes' disks each result that does not travel inline must lie before its task counts as ended; 0 and 1
    /// ask for nothing. Tasks wait while fewer nodes take work.
    pub copies: u32,
}

impl Selection {
    /// Whether nothing is asked.
    pub fn is_none(&self) -> bool {
        self.require.is_empty() && self.prefer.is_empty() && self.copies <= 1
    }

    /// Whether a task may run on a node with these labels.
    pub fn admits(&self, labels: &Labels) -> bool {
        self.require.iter().all(|selector| selector.admits(labels))
    }

    /// How many of the preferences such a node meets.
    pub fn liking(&self, labels: &Labels) -> usize {
        self.prefer.iter().filter(|selector| selector.admits(labels)).count()
    }

    /// Whether so many nodes that take work can hold the copies that are asked for.
    pub fn has_holders(&self, nodes: impl Iterator) -> bool {
        self.copies <= 1 || nodes.take(self.copies as usize).count() == self.copies as usize
    }

    /// Whether it can be accepted.
    pub(crate) fn check(&self) -> Result<(), SpecError> {
        if self.copies > COPIES_MAX {
            let (found, most) = (self.copies as usize, COPIES_MAX as usize);
            return Err(SpecError::TooLarge { what: "number of copies of a result", found, most });
        }
        for selectors in [&self.require, &self.prefer] {
            if selectors.len() > SELECTORS_MAX {
                let (found, most) = (selectors.len(), SELECTORS_MAX);
                return Err(SpecError::TooLarge { what: "number of labels asked for", found, most });
            }
            for Selector { label, value, relation: _ } in selectors {
                check_text(label).and_then(|()| check_text(value)).map_err(SpecError::Label)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(pairs: &[(&str, &str)]) -> Labels {
        let mut labels = Labels::default();
        pairs.iter().for_each(|(name, value)| labels.set(name, Some(value)).unwrap());
        labels
    }

    #[test]
    fn what_a_slot_draws_is_a_number_of_watts() {
        let mut labels = Labels::default();
        assert_eq!(labels.slot_watts(), None);
        labels.set("watts", Some("4.5")).unwrap();
        assert_eq!(labels.slot_watts(), Some(4.5));
        for wrong in ["much", "0", "-3", "NaN", "inf", "10001", "1e5"] {
            assert_eq!(labels.set("watts", Some(wrong)), Err(LabelError::Watts(wrong.to_owned())), "{wrong}");
        }
        assert_eq!(labels.slot_watts(), Some(4.5));
        labels.set("watts", None).unwrap();
        assert_eq!(labels.slot_watts(), None);
    }

    #[test]
    fn a_selector_is_read_as_it_is_printed() {
        for text in ["zone=home", "node!=air", "accelerator/kind=h100"] {
            assert_eq!(text.parse::<Selector>().unwrap().to_string(), text);
        }
        for text in ["", "zone", "=home", "zone=", "!=x", "zo ne=home", "zone=ä"] {
            assert!(text.parse::<Selector>().is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_required_must_hold_and_what_is_preferred_counts() {
        let ask = |require: &[&str], prefer: &[&str]| Selection {
            require: require.iter().map(|text| text.parse().unwrap()).collect(),
            prefer: prefer.iter().map(|text| text.parse().unwrap()).collect(),
            copies: 0,
        };
        let home = labels(&[("zone", "home"), ("os", "macos")]).of_node("air");
        assert!(ask(&["zone=home", "os!=linux"], &[]).admits(&home));
        assert!(!ask(&["zone=home", "os=linux"], &[]).admits(&home));
        assert!(!ask(&["node!=air"], &[]).admits(&home), "its name is a label");
        assert!(ask(&["rack!=3"], &[]).admits(&home), "a label that it does not have is not 3");
        assert_eq!(ask(&[], &["zone=home", "os=linux", "node=air"]).liking(&home), 2);
    }

    #[test]
    fn labels_have_bounds() {
        let mut many = Labels::default();
        for number in 0..LABELS_MAX {
            many.set(&format!("l{number}"), Some("x")).unwrap();
        }
        assert_eq!(many.set("more", Some("x")), Err(LabelError::TooMany));
        assert_eq!(many.set("l0", Some("y")), Ok(()));
        assert_eq!(many.set("l0", None), Ok(()));
        assert_eq!(many.set("node", Some("x")), Err(LabelError::Reserved));
        assert!(many.set("a b", Some("x")).is_err() && many.set("a", Some(&"x".repeat(64))).is_err());
        assert_eq!(labels(&[("os", "linux"), ("a", "b")]).to_string(), "a=b os=linux");
    }
}
