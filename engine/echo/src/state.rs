//! What a timeline holds at one position of its log: slots of events and triggers, and what an edit does to them.
//!
//! Not the log and not the branches: those are `timeline.rs`. A slot keeps its id for ever, so that the index of the
//! newest state serves every older one.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::EchoError;
use crate::event::{EventId, TimeNode};
use crate::log::{Done, Op};
use crate::persistent::{IdMap, PersistentVec};
use crate::time::clip;
use crate::trigger::{Trigger, TriggerKey};

/// The most events that a timeline ever holds, removed ones included.
pub const EVENTS_MAX: usize = 4_000_000;
/// The most triggers that a timeline ever holds, removed ones included.
pub const TRIGGERS_MAX: usize = 16_000_000;

/// A place for one event.
#[derive(Debug, Clone)]
pub(crate) struct NodeSlot {
    pub(crate) id: EventId,
    /// What it holds, or held last.
    pub(crate) node: Arc<TimeNode>,
    pub(crate) live: bool,
}

/// A place for one trigger.
#[derive(Debug, Clone)]
pub(crate) struct TriggerSlot {
    pub(crate) key: TriggerKey,
    pub(crate) trigger: Arc<Trigger>,
    /// Slots of source and target.
    pub(crate) ends: [u32; 2],
    pub(crate) live: bool,
}

/// Where ids have their slots. Entries beyond the end of a state, or whose slot has another id, mean nothing.
#[derive(Debug, Clone)]
pub(crate) struct Index {
    nodes: IdMap,
    triggers: IdMap,
}

impl Index {
    pub(crate) fn new() -> Self {
        Index { nodes: IdMap::new(), triggers: IdMap::new() }
    }
}

impl Index {
    /// Learns where an entry put what was new; what had its slot already has it again.
    pub(crate) fn enter(&mut self, op: &Op, done: &Done) {
        match (op, done) {
            (Op::Append(id, _), Done::Slot(slot)) => self.nodes.insert(id.0, *slot),
            (Op::Link(key, _), Done::Slot(slot)) => self.triggers.insert(key.mixed(), *slot),
            _ => {}
        }
    }
}

/// Events and triggers at one position. Cloning takes constant time.
#[derive(Debug, Clone)]
pub struct State {
    pub(crate) nodes: PersistentVec<NodeSlot>,
    pub(crate) triggers: PersistentVec<TriggerSlot>,
    /// Contents that another branch has for events of this one.
    pub(crate) disputes: Arc<BTreeMap<EventId, Arc<TimeNode>>>,
    live: [usize; 2],
}

impl State {
    pub(crate) fn new() -> Self {
        State {
            nodes: PersistentVec::new(),
            triggers: PersistentVec::new(),
            disputes: Arc::new(BTreeMap::new()),
            live: [0, 0],
        }
    }

    /// Number of events.
    pub fn events(&self) -> usize {
        self.live[0]
    }

    /// Number of triggers.
    pub fn triggers(&self) -> usize {
        self.live[1]
    }

    /// Every event, in the order in which their names first came up.
    pub fn iter_nodes(&self) -> impl Iterator<Item = (EventId, &Arc<TimeNode>)> {
        self.nodes.iter().filter(|slot| slot.live).map(|slot| (slot.id, &slot.node))
    }

    /// Every trigger, in the order in which they first came up.
    pub fn iter_triggers(&self) -> impl Iterator<Item = (TriggerKey, &Arc<Trigger>)> {
        self.triggers.iter().filter(|slot| slot.live).map(|slot| (slot.key, &slot.trigger))
    }

    /// The slot of an event, live or not.
    pub(crate) fn node_slot(&self, index: &Index, id: EventId) -> Option<(u32, &NodeSlot)> {
        let at = index.nodes.get(id.0)?;
        self.nodes.get(at as usize).filter(|slot| slot.id == id).map(|slot| (at, slot))
    }

    /// The slot of a trigger, live or not.
    pub(crate) fn trigger_slot(&self, index: &Index, key: TriggerKey) -> Option<(u32, &TriggerSlot)> {
        let at = index.triggers.get(key.mixed())?;
        self.triggers.get(at as usize).filter(|slot| slot.key == key).map(|slot| (at, slot))
    }

    /// The event of an id, if it is there.
    pub(crate) fn node(&self, index: &Index, id: EventId) -> Option<&Arc<TimeNode>> {
        self.node_slot(index, id).filter(|(_, slot)| slot.live).map(|(_, slot)| &slot.node)
    }

    /// Does one edit other than a rollback. On an error nothing was changed.
    ///
    /// # Errors
    /// What does not fit; the timeline's name is left empty for the caller to fill in.
    pub(crate) fn apply(&mut self, index: &Index, op: &Op) -> Result<Done, EchoError> {
        let done = match op {
            Op::Append(id, node) => match self.node_slot(index, *id) {
                // Two names with one hash are as good as one name: neither can be told from the other later.
                Some((_, old)) if old.live => return Err(EchoError::EventExists(clip(&node.name))),
                Some((at, _)) => Done::Slot(at),
                None => Done::Slot(next_slot(self.nodes.len(), EVENTS_MAX, "a timeline with that many events")?),
            },
            Op::Link(key, trigger) => return self.link(index, *key, trigger),
            Op::Replace(id, node) => Done::Slot(self.live_node(index, *id, &node.name)?),
            Op::Relink(key, trigger) => Done::Slot(self.live_trigger(index, *key, [&trigger.from, &trigger.to])?),
            Op::Remove(id, name) => {
                let at = self.live_node(index, *id, name)?;
                let touching = |(_, slot): &(usize, &TriggerSlot)| slot.live && slot.ends.contains(&at);
                let cut = self.triggers.iter().enumerate().filter(touching).map(|(at, _)| at as u32);
                Done::Removed(at, cut.collect())
            }
            Op::Cut(key, [from, to]) => Done::Slot(self.live_trigger(index, *key, [from, to])?),
            Op::Dispute(id, node) => {
                self.live_node(index, *id, &node.name)?;
                Done::Nothing
            }
            Op::Snapshot(_) | Op::Rollback(_) => Done::Nothing,
        };
        self.replay(op, &done, None);
        Ok(done)
    }

    /// Does again what an entry did, in the state before it. `newest` is a later state of the same timeline, which knows
    /// the ends of all triggers; without it none is new.
    pub(crate) fn replay(&mut self, op: &Op, done: &Done, newest: Option<&State>) {
        match (op, done) {
            (Op::Append(id, node), Done::Slot(at)) => {
                put(&mut self.nodes, *at, NodeSlot { id: *id, node: Arc::clone(node), live: true });
                self.live[0] += 1;
            }
            (Op::Link(key, trigger), Done::Slot(at)) => {
                if let Some(ends) = newest.and_then(|newest| newest.triggers.get(*at as usize)).map(|slot| slot.ends) {
                    self.put_trigger(*at, *key, trigger, ends);
                }
            }
            (Op::Replace(id, node), Done::Slot(at)) => {
                put(&mut self.nodes, *at, NodeSlot { id: *id, node: Arc::clone(node), live: true });
                self.undispute(*id);
            }
            (Op::Relink(key, trigger), Done::Slot(at)) => {
                if let Some(ends) = self.triggers.get(*at as usize).map(|slot| slot.ends) {
                    let slot = TriggerSlot { key: *key, trigger: Arc::clone(trigger), ends, live: true };
                    put(&mut self.triggers, *at, slot);
                }
            }
            (Op::Remove(id, _), Done::Removed(at, cut)) => {
                cut.iter().for_each(|at| self.cut(*at));
                self.undispute(*id);
                if let Some(mut slot) = self.nodes.get(*at as usize).cloned() {
                    slot.live = false;
                    put(&mut self.nodes, *at, slot);
                    self.live[0] -= 1;
                }
            }
            (Op::Cut(..), Done::Slot(at)) => self.cut(*at),
            (Op::Dispute(id, node), _) => _ = Arc::make_mut(&mut self.disputes).insert(*id, Arc::clone(node)),
            (Op::Rollback(_), Done::Returned(state)) => self.clone_from(state),
            _ => {}
        }
    }

    fn link(&mut self, index: &Index, key: TriggerKey, trigger: &Arc<Trigger>) -> Result<Done, EchoError> {
        let ends = [self.live_node(index, key.source, &trigger.from)?, self.live_node(index, key.target, &trigger.to)?];
        let at = match self.trigger_slot(index, key) {
            Some((_, old)) if old.live => {
                return Err(EchoError::TriggerExists {
                    from: trigger.from.clone(),
                    kind: key.kind.word(),
                    to: trigger.to.clone(),
                });
            }
            Some((at, _)) => at,
            None => next_slot(self.triggers.len(), TRIGGERS_MAX, "a timeline with that many triggers")?,
        };
        self.put_trigger(at, key, trigger, ends);
        Ok(Done::Slot(at))
    }

    fn put_trigger(&mut self, at: u32, key: TriggerKey, trigger: &Arc<Trigger>, ends: [u32; 2]) {
        put(&mut self.triggers, at, TriggerSlot { key, trigger: Arc::clone(trigger), ends, live: true });
        self.live[1] += 1;
    }

    fn undispute(&mut self, id: EventId) {
        if self.disputes.contains_key(&id) {
            Arc::make_mut(&mut self.disputes).remove(&id);
        }
    }

    fn cut(&mut self, at: u32) {
        if let Some(mut slot) = self.triggers.get(at as usize).cloned() {
            slot.live = false;
            put(&mut self.triggers, at, slot);
            self.live[1] -= 1;
        }
    }

    fn live_node(&self, index: &Index, id: EventId, name: &str) -> Result<u32, EchoError> {
        match self.node_slot(index, id) {
            Some((at, slot)) if slot.live => Ok(at),
            _ => Err(EchoError::NoSuchEvent { name: clip(name), timeline: String::new(), near: None }),
        }
    }

    fn live_trigger(&self, index: &Index, key: TriggerKey, [from, to]: [&String; 2]) -> Result<u32, EchoError> {
        match self.trigger_slot(index, key) {
            Some((at, slot)) if slot.live => Ok(at),
            _ => Err(EchoError::NoSuchTrigger {
                from: clip(from),
                kind: key.kind.word(),
                to: clip(to),
                timeline: String::new(),
            }),
        }
    }

    /// Makes the live contents those of `old`, an earlier state of the same timeline. Slots made since stay as places
    /// that hold nothing.
    pub(crate) fn roll_back_to(&mut self, old: &State) {
        for at in 0..self.nodes.len() {
            let Some(now) = self.nodes.get(at) else { continue };
            match old.nodes.get(at) {
                Some(then) if then.live == now.live && Arc::ptr_eq(&then.node, &now.node) => {}
                Some(then) => {
                    let then = then.clone();
                    self.nodes.set(at, then);
                }
                None if now.live => {
                    let mut slot = now.clone();
                    slot.live = false;
                    self.nodes.set(at, slot);
                }
                None => {}
            }
        }
        for at in 0..self.triggers.len() {
            let Some(now) = self.triggers.get(at) else { continue };
            match old.triggers.get(at) {
                Some(then) if then.live == now.live && Arc::ptr_eq(&then.trigger, &now.trigger) => {}
                Some(then) => {
                    let then = then.clone();
                    self.triggers.set(at, then);
                }
                None if now.live => {
                    let mut slot = now.clone();
                    slot.live = false;
                    self.triggers.set(at, slot);
                }
                None => {}
            }
        }
        self.disputes = Arc::clone(&old.disputes);
        self.live = old.live;
    }
}

/// Puts a value into a slot that is there, or is the next.
fn put<T: Clone>(slots: &mut PersistentVec<T>, at: u32, value: T) {
    if (at as usize) < slots.len() {
        slots.set(at as usize, value);
    } else {
        slots.push(value);
    }
}

fn next_slot(len: usize, most: usize, what: &str) -> Result<u32, EchoError> {
    if len >= most {
        return Err(EchoError::TooLarge { what: what.to_owned(), most: most as u64 });
    }
    Ok(u32::try_from(len).expect("the limits fit 32 bits"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::EventKind;
    use crate::time::Micros;
    use crate::trigger::TriggerKind;

    fn event(name: &str) -> Op {
        let node = TimeNode::new(name, EventKind::Planned, Micros(0));
        Op::Append(node.id(), Arc::new(node))
    }

    fn done(state: &mut State, index: &mut Index, op: &Op) {
        let done = state.apply(index, op).expect("it fits");
        index.enter(op, &done);
    }

    /// 32 to the power of 4 slots are below both bounds, to the power of 5 above.
    #[test]
    fn a_timeline_holds_no_more_events_and_triggers_than_its_bounds() {
        let (mut state, mut index) = (State::new(), Index::new());
        ["a", "b"].iter().for_each(|name| done(&mut state, &mut index, &event(name)));
        let trigger = Arc::new(Trigger::new("a", TriggerKind::Causes, "b"));
        let link = Op::Link(trigger.key(), Arc::clone(&trigger));
        let slot = state.nodes.get(0).expect("it was appended").clone();
        let tied = TriggerSlot { key: trigger.key(), trigger, ends: [0, 1], live: true };
        for (levels, fits) in [(4, true), (5, false)] {
            let mut full = state.clone();
            full.nodes = PersistentVec::of_copies(slot.clone(), levels);
            assert_eq!(full.nodes.len() < EVENTS_MAX, fits);
            let what = "a timeline with that many events".to_owned();
            let more = full.apply(&index, &event("c")).map(drop);
            assert_eq!(more.err(), (!fits).then_some(EchoError::TooLarge { what, most: EVENTS_MAX as u64 }));

            let mut full = state.clone();
            full.triggers = PersistentVec::of_copies(tied.clone(), levels);
            assert_eq!(full.triggers.len() < TRIGGERS_MAX, fits);
            let what = "a timeline with that many triggers".to_owned();
            let more = full.apply(&index, &link).map(drop);
            assert_eq!(more.err(), (!fits).then_some(EchoError::TooLarge { what, most: TRIGGERS_MAX as u64 }));
        }
    }
}
