//! Names under which pieces of work are found again: a job's number, the text of a program.
//!
//! Bounded, the oldest forgotten first. Knows nothing of what the names mean.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};

use crate::optimizer::Optimizer;
use crate::work::Key;

/// Names that are kept.
const NAMES_MAX: usize = 2_000;

/// What each name stands for.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(from = "VecDeque<(String, Key)>", into = "VecDeque<(String, Key)>")]
pub(crate) struct Names {
    /// The piece of work, and when it was named.
    known: BTreeMap<String, (Key, u64)>,
    /// The names, oldest first.
    ages: BTreeMap<u64, String>,
    given: u64,
}

impl Names {
    fn give(&mut self, name: &str, key: Key) {
        self.given += 1;
        let named = match self.known.get_mut(name) {
            Some((at, age)) => {
                *at = key;
                let named = self.ages.remove(age);
                *age = self.given;
                named.unwrap_or_else(|| name.to_owned())
            }
            None => {
                if self.known.len() >= NAMES_MAX
                    && let Some((_, oldest)) = self.ages.pop_first()
                {
                    self.known.remove(&oldest);
                }
                self.known.insert(name.to_owned(), (key, self.given));
                name.to_owned()
            }
        };
        self.ages.insert(self.given, named);
    }

    fn find(&self, name: &str) -> Option<Key> {
        self.known.get(name).map(|(key, _)| *key)
    }
}

impl From<VecDeque<(String, Key)>> for Names {
    fn from(saved: VecDeque<(String, Key)>) -> Self {
        let mut names = Names::default();
        saved.iter().for_each(|(name, key)| names.give(name, *key));
        names
    }
}

impl From<Names> for VecDeque<(String, Key)> {
    fn from(mut names: Names) -> Self {
        let known = |name: String| names.known.remove(&name).map(|(key, _)| (name, key));
        names.ages.into_values().filter_map(known).collect()
    }
}

impl Optimizer {
    /// Remembers a choice's piece of work under a name; the newest piece of a name counts.
    pub fn name(&mut self, name: &str, key: Key) {
        self.names.give(name, key);
    }

    /// The piece of work that was last remembered under a name.
    pub fn named(&self, name: &str) -> Option<Key> {
        self.names.find(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_piece_of_a_name_counts_and_the_oldest_names_go() {
        let key = |shapes| Key { code: [0; 32], shapes, hardware: 0 };
        let mut names = Names::default();
        names.give("job-1", key(1));
        names.give("job-1", key(2));
        assert_eq!(names.find("job-1"), Some(key(2)));
        for job in 0..NAMES_MAX as u64 {
            names.give(&format!("other-{job}"), key(job));
        }
        assert_eq!((names.find("job-1"), names.known.len(), names.ages.len()), (None, NAMES_MAX, NAMES_MAX));
        let saved = VecDeque::from(names.clone());
        assert_eq!(saved.front().unwrap().0, "other-0");
        assert_eq!(VecDeque::from(Names::from(saved.clone())), saved);
    }
}
