//! Names under which pieces of work are found again: a job's number, the text of a program.
//!
//! Bounded, the oldest forgotten first. Knows nothing of what the names mean.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::optimizer::Optimizer;
use crate::work::Key;

/// Names that are kept.
const NAMES_MAX: usize = 2_000;

/// Names, oldest first.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(crate) struct Names(VecDeque<(String, Key)>);

impl Names {
    fn give(&mut self, name: &str, key: Key) {
        if self.0.back().is_some_and(|(known, at)| known == name && *at == key) {
            return;
        }
        self.0.retain(|(known, _)| known != name);
        while self.0.len() >= NAMES_MAX {
            self.0.pop_front();
        }
        self.0.push_back((name.to_owned(), key));
    }

    fn find(&self, name: &str) -> Option<Key> {
        self.0.iter().rev().find(|(known, _)| known == name).map(|(_, key)| *key)
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
        assert_eq!((names.find("job-1"), names.0.len()), (None, NAMES_MAX));
    }
}
