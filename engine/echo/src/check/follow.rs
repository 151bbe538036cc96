//! A checker that follows a timeline: what an append cannot have changed is not looked at again.
//!
//! An event or trigger that keeps the known order of causes and the known times costs its own triggers only. Anything
//! else marks its part of the timeline, and the next report checks that part again, and no other. The reports are those
//! of a full check (`tests/properties/checks.rs` holds this).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::check::check_counted;
use crate::check::finding::{Finding, Report};
use crate::check::temporal::{holds, root};
use crate::event::TimeNode;
use crate::graph::{Edge, Graph};
use crate::log::Op;
use crate::timeline::Timeline;
use crate::trigger::{Trigger, TriggerKind};

/// A part of the timeline: what hangs together by triggers of any kind.
#[derive(Debug, Clone, Default)]
struct Part {
    /// Slots of its events.
    members: Vec<u32>,
    /// Whether something may have changed that only a check of the part shows.
    dirty: bool,
    /// Whether any trigger of it prevents an event: then reachability matters.
    prevents: bool,
    /// What the last check of the part found, local findings of later appends included.
    findings: Vec<Finding>,
    undecided: usize,
    /// Whether the last check found something that is more than local.
    broken: bool,
}

/// Follows one timeline. A clone goes on from what was seen.
#[derive(Debug, Clone, Default)]
pub struct Checker {
    position: u64,
    nodes: Vec<Option<Arc<TimeNode>>>,
    ids: Vec<crate::event::EventId>,
    /// Triggers at each event, by slot.
    touching: Vec<Vec<u32>>,
    triggers: Vec<Option<(Arc<Trigger>, [u32; 2])>>,
    disputes: BTreeMap<u32, Arc<TimeNode>>,
    parent: Vec<u32>,
    parts: BTreeMap<u32, Part>,
    dirty: BTreeSet<u32>,
    /// Parts with findings or undecided bounds, so that a report does not look at all of them.
    marked: BTreeSet<u32>,
}

impl Checker {
    /// A checker that has seen nothing.
    pub fn new() -> Self {
        Checker::default()
    }

    /// Takes in what the timeline's log has beyond what was seen. It must be the same timeline every time.
    pub fn follow(&mut self, timeline: &Timeline) {
        for op in timeline.ops_since(self.position) {
            match op {
                Op::Append(id, node) => {
                    let Some((slot, _)) = timeline.state().node_slot(timeline.index(), *id) else { continue };
                    self.append(slot, *id, node);
                }
                Op::Link(key, trigger) => {
                    let Some((slot, at)) = timeline.state().trigger_slot(timeline.index(), *key) else { continue };
                    self.link(slot, at.ends, trigger);
                }
                Op::Snapshot(_) => {}
                // Whatever takes something away or changes it: the newest state of that part is read again.
                Op::Replace(id, _) | Op::Remove(id, _) | Op::Dispute(id, _) => {
                    let Some((slot, _)) = timeline.state().node_slot(timeline.index(), *id) else { continue };
                    self.reread_around(timeline, slot);
                }
                Op::Relink(key, _) | Op::Cut(key, _) => {
                    let Some((slot, at)) = timeline.state().trigger_slot(timeline.index(), *key) else { continue };
                    self.triggers[slot as usize] = at.live.then(|| (Arc::clone(&at.trigger), at.ends));
                    self.mark(at.ends[0]);
                }
                Op::Rollback(_) => {
                    *self = Checker::new();
                    self.read_all(timeline);
                    break;
                }
            }
        }
        self.position = timeline.len();
    }

    /// Everything that is wrong now.
    pub fn report(&mut self) -> Report {
        for leader in std::mem::take(&mut self.dirty) {
            self.check_part(leader);
        }
        let (mut findings, mut undecided) = (Vec::new(), 0);
        for part in self.marked.iter().filter_map(|leader| self.parts.get(leader)) {
            findings.extend(part.findings.iter().cloned());
            undecided += part.undecided;
        }
        Report::new(findings, undecided)
    }

    fn append(&mut self, slot: u32, id: crate::event::EventId, node: &Arc<TimeNode>) {
        let at = slot as usize;
        if at < self.nodes.len() {
            // It comes back into a place that it had: whatever it hung together with is checked again.
            self.nodes[at] = Some(Arc::clone(node));
            self.mark(slot);
            return;
        }
        self.grow(slot, id);
        self.nodes[at] = Some(Arc::clone(node));
        self.parts.insert(slot, Part { members: vec![slot], ..Part::default() });
    }

    /// Makes places up to `slot`.
    fn grow(&mut self, slot: u32, id: crate::event::EventId) {
        debug_assert_eq!(slot as usize, self.nodes.len(), "slots are given in order");
        self.nodes.push(None);
        self.ids.push(id);
        self.touching.push(Vec::new());
        self.parent.push(slot);
    }

    fn link(&mut self, slot: u32, ends: [u32; 2], trigger: &Arc<Trigger>) {
        let at = slot as usize;
        let returns = at < self.triggers.len();
        if !returns {
            self.triggers.push(None);
            ends.iter().for_each(|&end| self.touching[end as usize].push(slot));
        }
        self.triggers[at] = Some((Arc::clone(trigger), ends));
        let harmless = !returns && self.is_harmless(ends, trigger);
        let leader = self.join(ends);
        self.parts.entry(leader).or_default().prevents |= trigger.kind == TriggerKind::Prevents;
        if !harmless {
            self.mark(leader);
        }
    }

    /// Whether a new trigger can bring no finding and take none away: it goes from an older event to a newer one, its
    /// bounds hold, its target had no causes whose findings it could change, and no event of the parts is out of order.
    fn is_harmless(&mut self, ends: [u32; 2], trigger: &Trigger) -> bool {
        let leaders = ends.map(|end| root(&mut self.parent, end));
        let calm = |part: &Part| !part.dirty && !part.broken;
        if !leaders.iter().all(|leader| self.parts.get(leader).is_some_and(calm)) {
            return false;
        }
        let [Some(source), Some(target)] = ends.map(|end| self.nodes[end as usize].clone()) else { return false };
        let gap = target.timestamp.0 - source.timestamp.0;
        match trigger.kind {
            TriggerKind::Causes | TriggerKind::Enables | TriggerKind::Option => {
                let bounds = gap >= trigger.delay.min.0 && trigger.delay.max.is_none_or(|max| gap <= max.0);
                // A stated probability is judged by all causes, and what has causes may not happen after all.
                let quiet = target.probability.is_none() && !self.excludes(ends[1]);
                // Where something is prevented, only what leads nowhere yet leaves every way as it was.
                let leaf = !leaders.iter().any(|leader| self.parts[leader].prevents) || self.is_leaf(ends[1]);
                ends[0] < ends[1] && bounds && quiet && leaf
            }
            TriggerKind::Informs => ends[0] < ends[1] && gap >= trigger.delay.min.0,
            TriggerKind::Prevents | TriggerKind::Excludes => false,
        }
    }

    fn excludes(&self, slot: u32) -> bool {
        let of = |&trigger: &u32| self.triggers[trigger as usize].as_ref();
        self.touching[slot as usize].iter().filter_map(of).any(|(trigger, _)| trigger.kind == TriggerKind::Excludes)
    }

    /// Whether no trigger starts at an event.
    fn is_leaf(&self, slot: u32) -> bool {
        let of = |&trigger: &u32| self.triggers[trigger as usize].as_ref();
        self.touching[slot as usize].iter().filter_map(of).all(|(_, ends)| ends[0] != slot)
    }

    /// Joins the parts of two events and answers the leader; the smaller part moves.
    fn join(&mut self, ends: [u32; 2]) -> u32 {
        let [a, b] = ends.map(|end| root(&mut self.parent, end));
        if a == b {
            return a;
        }
        let size = |part: Option<&Part>| part.map_or(0, |part| part.members.len());
        let (leader, other) = if size(self.parts.get(&a)) >= size(self.parts.get(&b)) { (a, b) } else { (b, a) };
        self.parent[other as usize] = leader;
        let moved = self.parts.remove(&other).unwrap_or_default();
        let was_dirty = self.dirty.remove(&other);
        let was_marked = self.marked.remove(&other);
        let part = self.parts.entry(leader).or_default();
        part.members.extend(moved.members);
        part.findings.extend(moved.findings);
        part.undecided += moved.undecided;
        part.prevents |= moved.prevents;
        part.broken |= moved.broken;
        part.dirty |= moved.dirty;
        if was_dirty {
            self.dirty.insert(leader);
        }
        if was_marked {
            self.marked.insert(leader);
        }
        leader
    }

    fn mark(&mut self, slot: u32) {
        let leader = root(&mut self.parent, slot);
        self.parts.entry(leader).or_default().dirty = true;
        self.dirty.insert(leader);
    }

    fn reread_around(&mut self, timeline: &Timeline, slot: u32) {
        let state = timeline.state();
        let Some(now) = state.nodes.get(slot as usize) else { return };
        self.nodes[slot as usize] = now.live.then(|| Arc::clone(&now.node));
        match state.disputes.get(&now.id).filter(|_| now.live) {
            Some(other) => self.disputes.insert(slot, Arc::clone(other)),
            None => self.disputes.remove(&slot),
        };
        for &trigger in &self.touching[slot as usize] {
            let at = state.triggers.get(trigger as usize).filter(|at| at.live);
            self.triggers[trigger as usize] = at.map(|at| (Arc::clone(&at.trigger), at.ends));
        }
        self.mark(slot);
    }

    fn read_all(&mut self, timeline: &Timeline) {
        let state = timeline.state();
        for (slot, at) in state.nodes.iter().enumerate() {
            self.append(slot as u32, at.id, &at.node);
            self.mark(slot as u32);
            if !at.live {
                self.nodes[slot] = None;
            } else if let Some(other) = state.disputes.get(&at.id) {
                self.disputes.insert(slot as u32, Arc::clone(other));
            }
        }
        for (slot, at) in state.triggers.iter().enumerate() {
            self.link(slot as u32, at.ends, &at.trigger);
            if !at.live {
                self.triggers[slot] = None;
            }
        }
    }

    fn check_part(&mut self, leader: u32) {
        let Some(part) = self.parts.get_mut(&leader) else { return };
        part.members.sort_unstable();
        let members = part.members.clone();
        let live: Vec<u32> = members.iter().copied().filter(|&slot| self.nodes[slot as usize].is_some()).collect();
        // A trigger is taken at its source, so once.
        let (touching, triggers) = (&self.touching, &self.triggers);
        let starts = |slot: u32| {
            let own =
                move |trigger: &u32| triggers[*trigger as usize].as_ref().is_some_and(|(_, ends)| ends[0] == slot);
            touching[slot as usize].iter().copied().filter(own)
        };
        let mut slots: Vec<u32> = live.iter().flat_map(|&slot| starts(slot)).collect();
        slots.sort_unstable();
        slots.dedup();
        let graph = self.graph(&live, &slots);
        let (report, locals) = check_counted(&graph);
        let in_order = graph.edges.iter().all(|edge| !edge.kind.is_causal() || edge.source < edge.target);
        let prevents = graph.edges.iter().any(|edge| edge.kind == TriggerKind::Prevents);
        let part = self.parts.get_mut(&leader).expect("it was there above");
        // Out of order, or with bounds that hold at other times only: the shortcuts of `is_harmless` do not apply.
        part.broken = report.findings.len() > locals || report.undecided > 0 || !in_order || {
            (0..graph.edges.len() as u32)
                .any(|edge| graph.edges[edge as usize].kind.is_causal() && !holds(&graph, edge))
                || graph.edges.iter().any(|edge| edge.kind == TriggerKind::Informs && edge.source >= edge.target)
        };
        part.prevents = prevents;
        (part.findings, part.undecided, part.dirty) = (report.findings, report.undecided, false);
        if part.findings.is_empty() && part.undecided == 0 {
            self.marked.remove(&leader);
        } else {
            self.marked.insert(leader);
        }
    }

    fn graph(&self, live: &[u32], slots: &[u32]) -> Graph {
        const NOWHERE: u32 = u32::MAX;
        let mut places = vec![NOWHERE; live.last().map_or(0, |last| *last as usize + 1)];
        live.iter().enumerate().for_each(|(at, &slot)| places[slot as usize] = at as u32);
        let place = |slot: u32| places.get(slot as usize).copied().filter(|at| *at != NOWHERE);
        let nodes = live.iter().filter_map(|&slot| self.nodes[slot as usize].clone()).collect();
        let ids = live.iter().map(|&slot| self.ids[slot as usize]).collect();
        let (mut triggers, mut edges) = (Vec::with_capacity(slots.len()), Vec::with_capacity(slots.len()));
        for (trigger, ends) in slots.iter().filter_map(|&slot| self.triggers[slot as usize].as_ref()) {
            if let [Some(source), Some(target)] = ends.map(place) {
                triggers.push(Arc::clone(trigger));
                edges.push(Edge { source, target, kind: trigger.kind });
            }
        }
        let disputes = self.disputes.iter().filter_map(|(&slot, other)| Some((place(slot)?, Arc::clone(other))));
        Graph::from_parts(nodes, ids, triggers, edges, disputes.collect())
    }
}
