//! One timeline: its log, its state now and at any earlier position, its branches' common parts.
//!
//! Not a collection of timelines (`timelines.rs`) and not questions about causes (`graph.rs`).

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::EchoError;
use crate::event::{EventId, TimeNode};
use crate::log::{ChainHash, Done, Edit, Entry, Op};
use crate::persistent::PersistentVec;
use crate::state::{Index, State};
use crate::trigger::{Trigger, TriggerKey};

/// Entries between two kept states. A read as of an old position replays fewer than this many entries.
const CHECKPOINT_EVERY: u64 = 32;
/// The most named snapshots of a timeline.
pub const SNAPSHOTS_MAX: usize = 10_000;
/// The most nodes looked through for a name that the user may have meant.
const NEAR_NAMES_MAX: usize = 10_000;

/// What a timeline stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TimelineKind {
    /// What happened, or is planned.
    #[default]
    Primary,
    /// What could be done instead.
    Alternative,
    /// What was made up to see its consequences.
    Simulation,
}

/// Where a branch left its parent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForkPoint {
    /// Name of the parent.
    pub parent: String,
    /// Entries of the parent's log that are the branch's too.
    pub position: u64,
}

/// A timeline. Cloning takes constant time and memory; clones share what they had in common.
#[derive(Debug, Clone)]
pub struct Timeline {
    name: String,
    kind: TimelineKind,
    forked: Option<ForkPoint>,
    state: State,
    index: Index,
    log: PersistentVec<Entry>,
    /// States at every multiple of [`CHECKPOINT_EVERY`].
    checkpoints: PersistentVec<State>,
    snapshots: Arc<BTreeMap<String, u64>>,
    buffer: Vec<u8>,
}

impl Timeline {
    /// An empty timeline.
    pub fn new(name: impl Into<String>, kind: TimelineKind) -> Self {
        let state = State::new();
        let mut checkpoints = PersistentVec::new();
        checkpoints.push(state.clone());
        Timeline {
            name: name.into(),
            kind,
            forked: None,
            state,
            index: Index::new(),
            log: PersistentVec::new(),
            checkpoints,
            snapshots: Arc::new(BTreeMap::new()),
            buffer: Vec::new(),
        }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it stands for.
    pub fn kind(&self) -> TimelineKind {
        self.kind
    }

    /// Where it left its parent, if it is a branch.
    pub fn forked(&self) -> Option<&ForkPoint> {
        self.forked.as_ref()
    }

    /// Entries in its log.
    pub fn len(&self) -> u64 {
        self.log.len() as u64
    }

    /// Whether nothing was ever done to it.
    pub fn is_empty(&self) -> bool {
        self.log.len() == 0
    }

    /// Hash of the whole log.
    pub fn head(&self) -> ChainHash {
        self.hash_at(self.len()).expect("the log has its own length")
    }

    /// Hash of the log's first `position` entries; `None` beyond the end.
    pub fn hash_at(&self, position: u64) -> Option<ChainHash> {
        match position.checked_sub(1) {
            None => Some(ChainHash::start()),
            Some(last) => self.log.get(usize::try_from(last).ok()?).map(|entry| entry.hash),
        }
    }

    /// The edits from `position` on, with the hash of the log after each.
    pub fn edits_since(&self, position: u64) -> impl Iterator<Item = (Edit, ChainHash)> {
        let start = usize::try_from(position).unwrap_or(usize::MAX).min(self.log.len());
        (start..self.log.len()).filter_map(|at| self.log.get(at)).map(|entry| (Edit::from(&entry.op), entry.hash))
    }

    /// Names and positions of snapshots.
    pub fn snapshots(&self) -> impl Iterator<Item = (&str, u64)> {
        self.snapshots.iter().map(|(name, position)| (name.as_str(), *position))
    }

    /// The state now.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Does one edit and answers the log's new length. On an error nothing was changed.
    ///
    /// # Errors
    /// A field out of bounds, an event or trigger that is there or is not, a position or snapshot that does not exist.
    pub fn apply(&mut self, edit: Edit) -> Result<u64, EchoError> {
        match &edit {
            Edit::Append(node) | Edit::Replace(node) | Edit::Dispute(node) => node.validate()?,
            Edit::Link(trigger) | Edit::Relink(trigger) => trigger.validate()?,
            Edit::Remove { .. } | Edit::Cut { .. } | Edit::Snapshot { .. } | Edit::Rollback { .. } => {}
        }
        let op = Op::from(edit);
        let done = match &op {
            Op::Rollback(to) => {
                let old = self.state_at(*to)?;
                self.state.roll_back_to(&old);
                Done::Returned(Box::new(self.state.clone()))
            }
            Op::Snapshot(name) => {
                self.take_snapshot(name)?;
                Done::Nothing
            }
            _ => self.state.apply(&self.index, &op).map_err(|error| self.explain(error))?,
        };
        self.index.enter(&op, &done);
        let hash = self.head().then(&op, &mut self.buffer);
        self.log.push(Entry { op, hash, done });
        if self.len().is_multiple_of(CHECKPOINT_EVERY) {
            self.checkpoints.push(self.state.clone());
        }
        Ok(self.len())
    }

    /// Does all of the edits, or none of them.
    ///
    /// # Errors
    /// As [`Timeline::apply`], of the first edit that fails.
    pub fn apply_all(&mut self, edits: impl IntoIterator<Item = Edit>) -> Result<u64, EchoError> {
        let before = self.clone();
        for edit in edits {
            if let Err(error) = self.apply(edit) {
                *self = before;
                return Err(error);
            }
        }
        Ok(self.len())
    }

    /// Adds an event.
    ///
    /// # Errors
    /// As [`Timeline::apply`].
    pub fn append(&mut self, node: TimeNode) -> Result<u64, EchoError> {
        self.apply(Edit::Append(Arc::new(node)))
    }

    /// Adds a trigger.
    ///
    /// # Errors
    /// As [`Timeline::apply`].
    pub fn link(&mut self, trigger: Trigger) -> Result<u64, EchoError> {
        self.apply(Edit::Link(Arc::new(trigger)))
    }

    /// A branch that has everything up to `position` of the log (`None`: all of it).
    ///
    /// # Errors
    /// [`EchoError::NoSuchPosition`].
    pub fn fork(&self, name: impl Into<String>, kind: TimelineKind, position: Option<u64>) -> Result<Self, EchoError> {
        let position = position.unwrap_or(self.len());
        let mut branch = if position == self.len() { self.clone() } else { self.cut_back(position)? };
        branch.name = name.into();
        branch.kind = kind;
        branch.forked = Some(ForkPoint { parent: self.name.clone(), position });
        Ok(branch)
    }

    /// The same timeline as it was when its log had `position` entries.
    fn cut_back(&self, position: u64) -> Result<Self, EchoError> {
        let state = self.state_at(position)?;
        let mut log = PersistentVec::new();
        (0..position as usize).filter_map(|at| self.log.get(at)).for_each(|entry| log.push(entry.clone()));
        let mut checkpoints = PersistentVec::new();
        let kept = (position / CHECKPOINT_EVERY) as usize + 1;
        (0..kept).filter_map(|at| self.checkpoints.get(at)).for_each(|state| checkpoints.push(state.clone()));
        let mut snapshots = (*self.snapshots).clone();
        snapshots.retain(|_, at| *at <= position);
        Ok(Timeline { state, log, checkpoints, snapshots: Arc::new(snapshots), ..self.clone() })
    }

    /// The state when the log had `position` entries. Reads nothing but the log, so it never changes.
    ///
    /// # Errors
    /// [`EchoError::NoSuchPosition`].
    pub fn state_at(&self, position: u64) -> Result<State, EchoError> {
        if position > self.len() {
            let timeline = self.name.clone();
            return Err(EchoError::NoSuchPosition { timeline, position, length: self.len() });
        }
        if position == self.len() {
            return Ok(self.state.clone());
        }
        let checkpoint = position / CHECKPOINT_EVERY;
        let kept = self.checkpoints.get(checkpoint as usize);
        let mut state = kept.expect("a state is kept at every multiple below the length").clone();
        for at in checkpoint * CHECKPOINT_EVERY..position {
            let entry = self.log.get(at as usize).expect("the position is below the length");
            state.replay(&entry.op, &entry.done, Some(&self.state));
        }
        Ok(state)
    }

    /// The event of that name now.
    pub fn node(&self, name: &str) -> Option<&Arc<TimeNode>> {
        self.state.node(&self.index, EventId::of(name))
    }

    /// The event of that name when the log had `position` entries.
    ///
    /// # Errors
    /// [`EchoError::NoSuchPosition`].
    pub fn node_at(&self, name: &str, position: u64) -> Result<Option<Arc<TimeNode>>, EchoError> {
        Ok(self.state_at(position)?.node(&self.index, EventId::of(name)).cloned())
    }

    /// The trigger of that identity now.
    pub fn trigger(&self, key: TriggerKey) -> Option<&Arc<Trigger>> {
        self.state.trigger_slot(&self.index, key).filter(|(_, slot)| slot.live).map(|(_, slot)| &slot.trigger)
    }

    /// The position of a snapshot.
    ///
    /// # Errors
    /// [`EchoError::NoSuchSnapshot`].
    pub fn snapshot(&self, name: &str) -> Result<u64, EchoError> {
        self.snapshots
            .get(name)
            .copied()
            .ok_or_else(|| EchoError::NoSuchSnapshot { timeline: self.name.clone(), name: crate::time::clip(name) })
    }

    /// Checks every hash of the log against its entries.
    ///
    /// # Errors
    /// [`EchoError::BrokenChain`] with the first entry that does not fit.
    pub fn verify(&self) -> Result<(), EchoError> {
        let mut hash = ChainHash::start();
        let mut buffer = Vec::new();
        for (position, entry) in self.log.iter().enumerate() {
            hash = hash.then(&entry.op, &mut buffer);
            if hash != entry.hash {
                return Err(EchoError::BrokenChain { timeline: self.name.clone(), position: position as u64 });
            }
        }
        Ok(())
    }

    /// The longest log that both share: the base of a merge.
    pub fn common_length(&self, other: &Timeline) -> u64 {
        let (mut shared, mut differ) = (0, self.len().min(other.len()) + 1);
        // Equal hashes mean equal logs up to there, so the lengths that are shared come before those that are not.
        while differ - shared > 1 {
            let middle = shared.midpoint(differ);
            if self.hash_at(middle) == other.hash_at(middle) {
                shared = middle;
            } else {
                differ = middle;
            }
        }
        shared
    }

    /// The operations of the log from `position` on.
    pub(crate) fn ops_since(&self, position: u64) -> impl Iterator<Item = &Op> {
        let start = usize::try_from(position).unwrap_or(usize::MAX).min(self.log.len());
        (start..self.log.len()).filter_map(|at| self.log.get(at)).map(|entry| &entry.op)
    }

    pub(crate) fn index(&self) -> &Index {
        &self.index
    }

    fn take_snapshot(&mut self, name: &str) -> Result<(), EchoError> {
        if name.is_empty() || name.len() > crate::event::NAME_BYTES_MAX {
            let most = crate::event::NAME_BYTES_MAX as u64;
            return Err(EchoError::TooLarge { what: "a snapshot's name in bytes, and it is not empty".into(), most });
        }
        if self.snapshots.len() >= SNAPSHOTS_MAX && !self.snapshots.contains_key(name) {
            return Err(EchoError::TooLarge { what: "snapshots of one timeline".into(), most: SNAPSHOTS_MAX as u64 });
        }
        let position = self.len();
        Arc::make_mut(&mut self.snapshots).insert(name.to_owned(), position);
        Ok(())
    }

    /// Fills in what a state does not know: the timeline's name, and a name that may have been meant.
    pub(crate) fn explain(&self, error: EchoError) -> EchoError {
        match error {
            EchoError::NoSuchEvent { name, .. } => self.no_such_event(&name),
            EchoError::NoSuchTrigger { from, kind, to, .. } => {
                EchoError::NoSuchTrigger { from, kind, to, timeline: self.name.clone() }
            }
            other => other,
        }
    }

    /// The error for a name that is not there.
    pub(crate) fn no_such_event(&self, name: &str) -> EchoError {
        let names = self.state.iter_nodes().take(NEAR_NAMES_MAX).map(|(_, node)| node.name.as_str());
        let near = crate::near::nearest(name, names);
        EchoError::NoSuchEvent { name: crate::time::clip(name), timeline: self.name.clone(), near }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::EventKind;

    #[test]
    fn an_entry_that_does_not_fit_its_hash_is_named() {
        let mut timeline = Timeline::new("t", TimelineKind::Primary);
        for (at, name) in ["a", "b", "c"].into_iter().enumerate() {
            timeline.append(TimeNode::new(name, EventKind::Fact, crate::Micros(at as i64))).unwrap();
        }
        timeline.verify().unwrap();
        let mut entry = timeline.log.get(1).unwrap().clone();
        let node = TimeNode::new("b", EventKind::Fact, crate::Micros(7));
        entry.op = Op::Append(node.id(), Arc::new(node));
        timeline.log.set(1, entry);
        assert_eq!(timeline.verify(), Err(EchoError::BrokenChain { timeline: "t".to_owned(), position: 1 }));
    }
}
