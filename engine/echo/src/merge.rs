//! Three-way merge: what two branches did since they parted, put together, with every conflict named.
//!
//! Nothing is changed here: the answer is a list of edits for the timeline that takes the other in.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::EchoError;
use crate::diff::{nodes_of, same, triggers_of};
use crate::event::{EventId, TimeNode};
use crate::log::Edit;
use crate::timeline::Timeline;
use crate::trigger::{Trigger, TriggerKey};

/// What becomes of a conflict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Preference {
    /// Our content stays, theirs is noted as a dispute, which a check reports until somebody decides.
    #[default]
    Report,
    /// Our content stays.
    Ours,
    /// Their content takes its place.
    Theirs,
}

/// Why two changes do not go together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Clash {
    /// Both branches have it with different contents.
    Contents,
    /// We removed it, they changed it. It comes back, unless ours is preferred.
    RemovedHere,
    /// They removed it, we changed it or hung something new on it. It stays, unless theirs is preferred.
    RemovedThere,
    /// Their trigger needs an event that we removed. It is left out.
    EndMissing,
}

/// Something that a person must look at.
#[derive(Debug, Clone, PartialEq)]
pub struct Conflict {
    /// The event's name, or the trigger as `from kind to`.
    pub what: String,
    /// Why.
    pub clash: Clash,
}

/// The answer: what to do to ours.
#[derive(Debug, Clone, PartialEq)]
pub struct Merge {
    /// Position from which both branches have their own entries.
    pub base: u64,
    /// Edits that take theirs into ours, in order. Applied together they cannot fail on the timeline merged.
    pub edits: Vec<Edit>,
    /// What clashed.
    pub conflicts: Vec<Conflict>,
}

/// What a branch did to one thing since the base.
enum Step<T> {
    Keep,
    Put(Arc<T>),
    Remove,
    Clash(Clash, Arc<T>),
    ClashRemoved,
}

/// The three-way rule for one identity.
fn step<T: PartialEq>(base: Option<&Arc<T>>, ours: Option<&Arc<T>>, theirs: Option<&Arc<T>>) -> Step<T> {
    let equal = |a: Option<&Arc<T>>, b: Option<&Arc<T>>| match (a, b) {
        (Some(a), Some(b)) => same(a, b),
        (None, None) => true,
        _ => false,
    };
    match (ours, theirs) {
        _ if equal(ours, theirs) || equal(base, theirs) => Step::Keep,
        (_, Some(theirs)) if equal(base, ours) => Step::Put(Arc::clone(theirs)),
        (_, None) if equal(base, ours) => Step::Remove,
        (Some(_), Some(theirs)) => Step::Clash(Clash::Contents, Arc::clone(theirs)),
        (None, Some(theirs)) => Step::Clash(Clash::RemovedHere, Arc::clone(theirs)),
        (_, None) => Step::ClashRemoved,
    }
}

impl Merge {
    /// Plans taking `theirs` into `ours`.
    ///
    /// # Errors
    /// [`EchoError::NotRelated`] when the two have no common history but both have one.
    pub fn plan(ours: &Timeline, theirs: &Timeline, preference: Preference) -> Result<Self, EchoError> {
        let base = ours.common_length(theirs);
        if base == 0 && !ours.is_empty() && !theirs.is_empty() {
            return Err(EchoError::NotRelated(ours.name().to_owned(), theirs.name().to_owned()));
        }
        let states = [&ours.state_at(base)?, ours.state(), theirs.state()];
        let mut planner = Planner::new(preference, states.map(nodes_of), states.map(triggers_of));
        planner.events();
        planner.triggers();
        let Planner { mut edits, removals, conflicts, .. } = planner;
        edits.extend(removals);
        Ok(Merge { base, edits, conflicts })
    }
}

struct Planner {
    preference: Preference,
    nodes: [BTreeMap<EventId, Arc<TimeNode>>; 3],
    triggers: [BTreeMap<TriggerKey, Arc<Trigger>>; 3],
    /// Events that the merged timeline has.
    present: BTreeSet<EventId>,
    edits: Vec<Edit>,
    removals: Vec<Edit>,
    conflicts: Vec<Conflict>,
}

impl Planner {
    fn new(
        preference: Preference,
        nodes: [BTreeMap<EventId, Arc<TimeNode>>; 3],
        triggers: [BTreeMap<TriggerKey, Arc<Trigger>>; 3],
    ) -> Self {
        let present = nodes[1].keys().copied().collect();
        Planner { preference, nodes, triggers, present, edits: Vec::new(), removals: Vec::new(), conflicts: Vec::new() }
    }

    fn events(&mut self) {
        let [base, ours, theirs] = self.nodes.clone();
        let grown = self.grown_ends();
        for id in base.keys().chain(theirs.keys()).copied().collect::<BTreeSet<_>>() {
            let here = ours.get(&id);
            match step(base.get(&id), here, theirs.get(&id)) {
                Step::Keep => {}
                Step::Put(node) => self.put_node(id, node, here.is_some()),
                Step::Remove => {
                    let node = here.expect("what is removed there and unchanged here is here");
                    if grown.contains(&id) {
                        self.clash_removed(id, node);
                    } else {
                        self.remove_node(id, node);
                    }
                }
                Step::Clash(clash, node) => self.clash_node(id, clash, node, here.is_some()),
                Step::ClashRemoved => {
                    self.clash_removed(id, here.expect("a change here that clashes with a removal there is here"));
                }
            }
        }
    }

    /// Ends of triggers that we have and the base had not: their events are in use.
    fn grown_ends(&self) -> BTreeSet<EventId> {
        let [base, ours, _] = &self.triggers;
        let new = ours.keys().filter(|key| !base.contains_key(key));
        new.flat_map(|key| [key.source, key.target]).collect()
    }

    fn put_node(&mut self, id: EventId, node: Arc<TimeNode>, there: bool) {
        self.present.insert(id);
        self.edits.push(if there { Edit::Replace(node) } else { Edit::Append(node) });
    }

    fn remove_node(&mut self, id: EventId, node: &TimeNode) {
        self.present.remove(&id);
        self.removals.push(Edit::Remove { event: node.name.clone() });
    }

    fn clash_removed(&mut self, id: EventId, node: &TimeNode) {
        self.conflicts.push(Conflict { what: node.name.clone(), clash: Clash::RemovedThere });
        if self.preference == Preference::Theirs {
            self.remove_node(id, node);
        }
    }

    fn clash_node(&mut self, id: EventId, clash: Clash, theirs: Arc<TimeNode>, here: bool) {
        self.conflicts.push(Conflict { what: theirs.name.clone(), clash });
        match (self.preference, clash) {
            (Preference::Ours, _) => {}
            (Preference::Theirs, _) | (Preference::Report, Clash::RemovedHere) => self.put_node(id, theirs, here),
            (Preference::Report, _) => self.edits.push(Edit::Dispute(theirs)),
        }
    }

    fn triggers(&mut self) {
        let [base, ours, theirs] = self.triggers.clone();
        for key in base.keys().chain(theirs.keys()).copied().collect::<BTreeSet<_>>() {
            let here = ours.get(&key);
            match step(base.get(&key), here, theirs.get(&key)) {
                Step::Keep => {}
                Step::Put(trigger) => self.put_trigger(key, trigger, here.is_some()),
                Step::Remove => self.cut(key, here.expect("what is removed there and unchanged here is here")),
                Step::Clash(clash, trigger) => {
                    self.conflicts.push(Conflict { what: words(&trigger), clash });
                    let brought = clash == Clash::RemovedHere && self.preference == Preference::Report;
                    if self.preference == Preference::Theirs || brought {
                        self.put_trigger(key, trigger, here.is_some());
                    }
                }
                Step::ClashRemoved => {
                    let trigger = here.expect("a change here that clashes with a removal there is here");
                    self.conflicts.push(Conflict { what: words(trigger), clash: Clash::RemovedThere });
                    if self.preference == Preference::Theirs {
                        self.cut(key, trigger);
                    }
                }
            }
        }
    }

    fn put_trigger(&mut self, key: TriggerKey, trigger: Arc<Trigger>, there: bool) {
        if !self.present.contains(&key.source) || !self.present.contains(&key.target) {
            self.conflicts.push(Conflict { what: words(&trigger), clash: Clash::EndMissing });
        } else {
            self.edits.push(if there { Edit::Relink(trigger) } else { Edit::Link(trigger) });
        }
    }

    /// Cuts a trigger that is here; one whose event goes is cut with it.
    fn cut(&mut self, key: TriggerKey, trigger: &Trigger) {
        if self.present.contains(&key.source) && self.present.contains(&key.target) {
            let (from, to) = (trigger.from.clone(), trigger.to.clone());
            self.edits.push(Edit::Cut { from, kind: key.kind, to });
        }
    }
}

fn words(trigger: &Trigger) -> String {
    format!("{} {} {}", trigger.from, trigger.kind.word(), trigger.to)
}
