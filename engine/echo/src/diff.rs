//! What two timelines share and where they differ. Nothing is changed; merging is `merge.rs`.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::event::{EventId, TimeNode};
use crate::state::State;
use crate::timeline::Timeline;
use crate::trigger::{Trigger, TriggerKey};

/// Two contents of one identity.
#[derive(Debug, Clone, PartialEq)]
pub struct Changed<T> {
    /// In the first timeline.
    pub first: Arc<T>,
    /// In the second.
    pub second: Arc<T>,
}

/// What differs among things of one sort.
#[derive(Debug, Clone, PartialEq)]
pub struct Differences<T> {
    /// How many are the same in both.
    pub shared: usize,
    /// Those in both with different contents, by identity.
    pub changed: Vec<Changed<T>>,
    /// Those only in the first.
    pub only_first: Vec<Arc<T>>,
    /// Those only in the second.
    pub only_second: Vec<Arc<T>>,
}

/// How two timelines differ.
#[derive(Debug, Clone, PartialEq)]
pub struct Diff {
    /// Entries of the log that both have: the point of divergence.
    pub diverged_at: u64,
    /// Events.
    pub events: Differences<TimeNode>,
    /// Triggers.
    pub triggers: Differences<Trigger>,
}

impl Diff {
    /// Compares the newest states of two timelines.
    pub fn new(first: &Timeline, second: &Timeline) -> Self {
        Diff {
            diverged_at: first.common_length(second),
            events: compare(&nodes_of(first.state()), &nodes_of(second.state())),
            triggers: compare(&triggers_of(first.state()), &triggers_of(second.state())),
        }
    }

    /// What part of all events and triggers is the same in both, from 0 to 1 (the Jaccard index). 1 for two that are
    /// empty.
    pub fn similarity(&self) -> f64 {
        let shared = self.events.shared + self.triggers.shared;
        let all = shared + self.events.differing() + self.triggers.differing();
        if all == 0 { 1.0 } else { shared as f64 / all as f64 }
    }
}

impl<T> Differences<T> {
    /// How many differ.
    pub fn differing(&self) -> usize {
        self.changed.len() + self.only_first.len() + self.only_second.len()
    }
}

/// The events of a state by id.
pub(crate) fn nodes_of(state: &State) -> BTreeMap<EventId, Arc<TimeNode>> {
    state.iter_nodes().map(|(id, node)| (id, Arc::clone(node))).collect()
}

/// The triggers of a state by key.
pub(crate) fn triggers_of(state: &State) -> BTreeMap<TriggerKey, Arc<Trigger>> {
    state.iter_triggers().map(|(key, trigger)| (key, Arc::clone(trigger))).collect()
}

/// Whether two contents are the same; what is shared is not compared field by field.
pub(crate) fn same<T: PartialEq>(a: &Arc<T>, b: &Arc<T>) -> bool {
    Arc::ptr_eq(a, b) || a == b
}

fn compare<K: Ord, T: PartialEq>(first: &BTreeMap<K, Arc<T>>, second: &BTreeMap<K, Arc<T>>) -> Differences<T> {
    let mut found = Differences { shared: 0, changed: Vec::new(), only_first: Vec::new(), only_second: Vec::new() };
    for (key, one) in first {
        match second.get(key) {
            Some(other) if same(one, other) => found.shared += 1,
            Some(other) => found.changed.push(Changed { first: Arc::clone(one), second: Arc::clone(other) }),
            None => found.only_first.push(Arc::clone(one)),
        }
    }
    found.only_second = second.iter().filter(|(key, _)| !first.contains_key(key)).map(|(_, v)| Arc::clone(v)).collect();
    found
}
