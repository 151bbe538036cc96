//! Deciding: who gets which tasks.

use std::collections::BTreeSet;

use nexus_model::{IndexRange, JobId, NodeId};

use crate::input::Assign;
use crate::job::{Job, Kind, Lane, Pending, Suspect};
use crate::node::Node;
use crate::placement::{CANDIDATES_MAX, Candidate, Estimate, LOOKED_AT_MAX, Placement, choose};
use crate::scheduler::{Reservation, Scheduler};
use crate::{CHUNK_NS, CHUNK_TASKS_MAX};

impl Scheduler {
    /// Appends everything that can be assigned now. Proposals count as made at once; what becomes of each is told by
    /// [`Input`](crate::Input).
    pub fn plan(&mut self, proposals: &mut Vec<Assign>) {
        if self.stopped {
            return;
        }
        let mut blocked = BTreeSet::new();
        while let Some((id, lane, users)) = self.queue.first(|lane| self.may_fit(lane) && !blocked.contains(lane)) {
            if lane.kind == Kind::Long && self.introduce(id) {
                continue;
            }
            let Some(job) = self.jobs.get(&id) else {
                blocked.insert(lane);
                continue;
            };
            match self.choose(job, lane, users) {
                Some((node, tasks, placement)) => {
                    if let (Some(placement), Some(job)) = (placement, self.jobs.get_mut(&id)) {
                        job.placement = Some(placement);
                    }
                    let kept = self.reservation.is_some();
                    self.place(id, lane, node, tasks, proposals);
                    if kept && self.reservation.is_none() {
                        // The node that was kept is open again to those who were turned away from it.
                        blocked.clear();
                    }
                }
                None => {
                    self.reserve(id, lane);
                    blocked.insert(lane);
                }
            }
        }
    }

    /// Whether tasks of this lane may find a node, or have one kept for them: a glance that saves a search.
    fn may_fit(&self, lane: &Lane) -> bool {
        let cpus = u64::from(lane.cpus);
        let fit = if lane.kind == Kind::Trial { self.nodes.most_idle() } else { self.nodes.most_free() };
        fit >= cpus || (lane.is_reserved_for() && self.reservation.is_none())
    }

    /// A node for tasks of this job, how many, and where nodes were weighed, what they were found to be worth.
    pub(crate) fn choose(&self, job: &Job, lane: Lane, users: usize) -> Option<(NodeId, u64, Option<Placement>)> {
        let cpus = u64::from(lane.cpus);
        if self.nodes.most_free() < cpus || !job.has_holders(self.nodes.attached()) {
            return None;
        }
        let open = |node| self.reservation.is_none_or(|r| r.node != node || r.admits(job));
        let fits = |id, node: &Node| {
            let room = node.memory_room(lane.memory_bytes) > 0 && node.gpu_room(lane.gpu_milli) > 0;
            node.free() >= cpus && room && job.admits(&node.labels) && open(id)
        };
        if lane.kind == Kind::Short {
            let mut hungry = self.nodes.by_hunger().filter(|(id, node)| fits(*id, node));
            let first = hungry.next()?;
            let (node, state) = if job.prefers() { best_liked(job, first, hungry.take(LOOKED_AT_MAX)) } else { first };
            return Some((node, self.chunk(job, state, cpus, users), None));
        }
        let suits =
            |(id, node): &(NodeId, &Node)| fits(*id, node) && (lane.kind != Kind::Suspect || node.suspect.is_none());
        let idle_enough = |(_, node): &(NodeId, &Node)| lane.kind != Kind::Trial || node.idle() >= cpus;
        let mut nodes = self.nodes.by_idleness().take_while(idle_enough);
        let mut first = nodes.find(suits)?;
        if job.prefers() {
            first = best_liked(job, first, nodes.take(LOOKED_AT_MAX).filter(suits));
            nodes = self.nodes.by_idleness().take_while(idle_enough);
        }
        let liking = job.liking(&first.1.labels);
        // Where inputs were made is looked at wherever it stands in the order.
        let origins = job.origins().filter_map(|id| Some((id, self.nodes.get(id)?)));
        let origins = origins.filter(|origin| suits(origin) && idle_enough(origin));
        let others = nodes.take(LOOKED_AT_MAX).filter(|(id, _)| !job.made(*id)).filter(suits);
        let others = origins.chain(others);
        let others = others.filter(|(id, node)| *id != first.0 && job.liking(&node.labels) == liking);
        let placement = weigh(job, first, others)?;
        let node = placement.chosen.node;
        let one = users > 1 || lane.kind == Kind::Suspect;
        let tasks = if one { 1 } else { self.slots_full(job, self.nodes.get(node)?, lane) };
        Some((node, tasks, Some(placement)))
    }

    /// How many long or unknown tasks a node takes at once: its share of what is ready, as far as slots are idle.
    fn slots_full(&self, job: &Job, node: &Node, lane: Lane) -> u64 {
        let cpus = u64::from(lane.cpus);
        let share = job.ready.len().saturating_mul(node.slots).div_ceil(self.nodes.slots().max(1));
        let room = node.idle().min(node.free()) / cpus;
        share.min(room).min(node.memory_room(lane.memory_bytes)).min(node.gpu_room(lane.gpu_milli)).max(1)
    }

    /// How many short tasks a node takes at once: enough to fill its queue, but no more than
    /// - what was learned can vouch for (a multiple of the tasks that have run),
    /// - half of its share of what is left (guided self-scheduling, Polychronopoulos and Kuck 1987), so that the last
    ///   chunks are small and all nodes end together; work below [`CHUNK_NS`] is not worth splitting.
    fn chunk(&self, job: &Job, node: &Node, cpus: u64, users: usize) -> u64 {
        let task_ns = job.task_ns().max(1);
        let width = (node.free() / cpus).max(1);
        let fill = node.appetite_ns() / users.max(1) as u64 / (task_ns * cpus);
        let known = job.trust();
        let least = (CHUNK_NS / task_ns).max(1) * width;
        let guided = job.ready.len().saturating_mul(node.free()).div_ceil(2 * self.nodes.slots().max(1)).max(least);
        fill.min(known).min(guided).clamp(1, CHUNK_TASKS_MAX)
    }

    fn place(&mut self, id: JobId, lane: Lane, node: NodeId, tasks: u64, proposals: &mut Vec<Assign>) {
        let Some(job) = self.jobs.get_mut(&id) else { return };
        let suspect = if lane.kind == Kind::Suspect { Suspect::Yes } else { Suspect::No };
        let mut left = u32::try_from(tasks).unwrap_or(u32::MAX);
        let mut placed = 0u64;
        while left > 0 {
            let set = match suspect {
                Suspect::No => &mut job.ready,
                Suspect::Yes => &mut job.suspects,
            };
            let Some(range) = set.take_first(left) else { break };
            job.pending.insert(range.start, Pending { end: range.end, node, suspect });
            proposals.push(Assign { node, job: id, range, suspect: suspect == Suspect::Yes });
            left -= range.len();
            placed += u64::from(range.len());
        }
        if suspect == Suspect::Yes
            && let Some(Assign { range: IndexRange { start, .. }, .. }) = proposals.last()
        {
            self.nodes.set_suspect(node, Some((id, *start)));
        }
        self.hold(id, node, |held| held + placed);
        self.line_up(id);
        self.reservation.take_if(|reservation| reservation.node == node);
    }

    /// Keeps a node for a job whose tasks need more than what is free anywhere, so that narrower ones behind it do not
    /// starve it: not while it has something in hand, and one at a time, the first in order.
    fn reserve(&mut self, id: JobId, lane: Lane) {
        if !lane.is_reserved_for() || self.reservation.is_some() {
            return;
        }
        let Some(job @ &Job { priority, given: 0, .. }) = self.jobs.get(&id) else { return };
        if !job.has_holders(self.nodes.attached()) {
            return;
        }
        let wide_enough = self.nodes.attached().filter(|(_, node)| {
            let memory = node.memory_bytes == 0 || node.memory_bytes >= lane.memory_bytes;
            let gpus = node.gpu_milli >= u64::from(lane.gpu_milli);
            !node.is_held() && memory && gpus && node.slots >= u64::from(lane.cpus) && job.admits(&node.labels)
        });
        let best = wide_enough.max_by_key(|(node, state)| (state.free(), std::cmp::Reverse(*node)));
        self.reservation = best.map(|(node, ..)| Reservation {
            job: id,
            priority,
            cpus: lane.cpus,
            memory_bytes: lane.memory_bytes,
            gpu_milli: lane.gpu_milli,
            node,
        });
    }
}

/// Of the first candidate and others, the one that meets most of the job's preferences; the first of those that are alike.
fn best_liked<'n>(
    job: &Job,
    first: (NodeId, &'n Node),
    others: impl Iterator<Item = (NodeId, &'n Node)>,
) -> (NodeId, &'n Node) {
    let liking = |(_, node): &(NodeId, &Node)| job.liking(&node.labels);
    others.fold(first, |best, other| if liking(&other) > liking(&best) { other } else { best })
}

impl Candidate {
    /// A node as what is known of it says, for a job.
    pub(crate) fn of(node: NodeId, state: &Node, job: &Job) -> Self {
        let (here, lacking_bytes) = (job.pace_on(node), job.lacks_on(node));
        Candidate { node, record: state.record, here, lacking_bytes, slot_watts: state.slot_watts }
    }
}

/// The choice among the first candidate and a few more.
fn weigh<'n>(job: &Job, first: (NodeId, &Node), others: impl Iterator<Item = (NodeId, &'n Node)>) -> Option<Placement> {
    let need = job.need();
    let estimate = |id: NodeId, node: &Node| Estimate::of(Candidate::of(id, node, job), &need);
    // On the stack: deciding allocates nothing.
    let mut weighed = [estimate(first.0, first.1); CANDIDATES_MAX];
    let mut count = 1;
    for (id, node) in others.take(CANDIDATES_MAX - 1) {
        weighed[count] = estimate(id, node);
        count += 1;
    }
    choose(&weighed[..count], &need)
}
