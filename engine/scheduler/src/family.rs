//! What earlier jobs of the same program took: the first guess for the next one.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::job::Pace;

/// Families that are remembered; the one that was heard of longest ago makes room.
const FAMILIES_MAX: usize = 1024;

/// The pace of each family.
#[derive(Debug, Clone, Default)]
pub(crate) struct Families {
    paces: BTreeMap<u64, (Pace, u64)>,
    /// Families by when they were last heard of.
    order: BTreeMap<u64, u64>,
    heard: u64,
}

impl Families {
    /// What is believed of a new job of this family.
    pub(crate) fn get(&self, family: u64) -> Pace {
        self.paces.get(&family).map_or(Pace::default(), |(pace, _)| pace.hearsay())
    }

    /// Learns from tasks that ran.
    pub(crate) fn learn(&mut self, family: u64, tasks: u32, busy: Duration) {
        self.heard += 1;
        let (pace, heard) = self.paces.entry(family).or_default();
        pace.learn(tasks, busy);
        self.order.remove(heard);
        *heard = self.heard;
        self.order.insert(self.heard, family);
        if self.paces.len() > FAMILIES_MAX
            && let Some((_, oldest)) = self.order.pop_first()
        {
            self.paces.remove(&oldest);
        }
    }
}
