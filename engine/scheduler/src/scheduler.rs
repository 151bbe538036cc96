//! The scheduler's state and what each input does to it. Deciding is in `plan.rs`.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use nexus_model::{IndexRange, JobId, NodeId};

use crate::family::Families;
use crate::foresight::Foreseen;
use crate::input::{Assign, Input, JobFacts};
use crate::job::{Holding, Job, Pace, Suspect};
use crate::node::Nodes;
use crate::placement::Placement;
use crate::queue::Queue;
use crate::ranges::RangeSet;

/// The tasks to place, the nodes to place them on, and what is known about both.
///
/// The leader feeds it what happens ([`Scheduler::step`], or [`Scheduler::handle`] and
/// [`Scheduler::plan`]) and proposes what it answers; after a change of
/// leader it is built again from the ledger.
#[derive(Debug, Clone, Default)]
pub struct Scheduler {
    pub(crate) jobs: BTreeMap<JobId, Job>,
    pub(crate) nodes: Nodes,
    pub(crate) queue: Queue,
    pub(crate) families: Families,
    /// Whether nothing is to be given to anybody.
    pub(crate) stopped: bool,
    /// A job that is on its way into the log together with its node.
    pub(crate) foreseen: Option<Foreseen>,
    /// Jobs that wait for a slot with inputs that are worth being fetched ahead.
    pub(crate) large: BTreeSet<JobId>,
    /// Jobs of which nodes have something in hand.
    pub(crate) running: BTreeSet<JobId>,
    /// The last job that was accepted.
    pub(crate) newest: Option<JobId>,
    /// A node that is kept for a job whose tasks are too wide for what is free anywhere.
    pub(crate) reservation: Option<Reservation>,
    /// Tasks that left a node without having run, until it is known what became of them.
    left_behind: Option<(JobId, IndexRange, NodeId)>,
    /// The newest choices for jobs that have ended, the newest last.
    pub(crate) ended: VecDeque<(JobId, Placement)>,
}

/// Jobs that have ended whose newest choice can still be explained.
const ENDED_MAX: usize = 1024;

/// See [`Scheduler`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reservation {
    pub(crate) job: JobId,
    pub(crate) priority: i32,
    pub(crate) cpus: u32,
    pub(crate) memory_bytes: u64,
    pub(crate) gpu_milli: u32,
    pub(crate) node: NodeId,
}

impl Reservation {
    /// Whether tasks of `job` may be placed on the node nevertheless: those with the same needs, which the reservation
    /// is as good for, and those that go first.
    pub(crate) fn admits(&self, job: &Job) -> bool {
        let same_needs = (job.cpus, job.memory_bytes, job.gpu_milli) == (self.cpus, self.memory_bytes, self.gpu_milli);
        // A job that waits for graphics processors alone loses nothing to one that needs none.
        let waits_for_gpus_alone = self.gpu_milli > 0 && self.cpus < 2 && self.memory_bytes == 0;
        if waits_for_gpus_alone && job.gpu_milli == 0 {
            return true;
        }
        job.priority > self.priority || (job.priority == self.priority && same_needs)
    }
}

impl Scheduler {
    /// Nothing to place and nowhere to place it.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes in what happened and appends what to propose. After [`Input::ProposalFailed`] nothing is proposed until the
    /// next input.
    pub fn step(&mut self, input: Input, proposals: &mut Vec<Assign>) {
        let opens_nothing =
            matches!(input, Input::ProposalFailed(_) | Input::JobAccepted { .. } | Input::TasksAssigned { .. });
        self.handle(input);
        if !opens_nothing {
            self.plan(proposals);
        }
    }

    /// Takes in what happened. Where several things happened at once, [`Scheduler::plan`] follows the last.
    pub fn handle(&mut self, input: Input) {
        match input {
            Input::JobAccepted { job, facts } => self.accept(job, facts),
            Input::InputsKnown { job, bytes, made_on } => {
                self.jobs.entry(job).and_modify(|job| job.know_inputs(bytes, made_on));
                self.note_large(job);
            }
            Input::JobEnded(job) => self.end(job),
            Input::TasksReady { job, range, suspect } => self.ready(job, range, suspect.into()),
            Input::TasksAssigned { node, job, range } => self.assigned(job, range, node),
            Input::AssignmentRefused { node, job, range } => {
                if self.foreseen.is_some_and(|foreseen| foreseen.node == node) && self.newest == Some(job) {
                    self.let_go();
                }
                self.withdraw(job, range, node);
            }
            Input::ProposalFailed(Assign { node, job, range, suspect: _ }) => {
                for (range, suspect) in self.withdraw(job, range, node) {
                    self.ready(job, range, suspect);
                }
            }
            Input::TryAgain => {}
            Input::WorkStopped => {
                self.stopped = true;
                self.untell_all();
            }
            Input::WorkResumed => self.stopped = false,
            Input::TasksLeft { node, job, range, busy } => self.left(job, range, node, busy),
            Input::NodeDescribed { node, labels, gpu_milli } => {
                self.nodes.describe(node, labels, Some(gpu_milli));
                self.free(node);
            }
            Input::NodeLabelled { node, labels } => {
                self.nodes.describe(node, labels, None);
                self.free(node);
            }
            Input::NodeAttached { node, slots, memory_bytes } => {
                self.nodes.offer(node, slots, memory_bytes);
                self.free(node);
            }
            Input::NodeDetached(node) => {
                self.nodes.offer(node, 0, 0);
                self.untell(node);
                self.free(node);
            }
            Input::NodeHeld { node, held } => {
                self.nodes.hold(node, held);
                self.free(node);
            }
        }
    }

    /// A node that has changed is kept for nobody: what it was kept for may not fit any more.
    fn free(&mut self, node: NodeId) {
        self.reservation.take_if(|reservation| reservation.node == node);
    }

    /// Ready tasks of all jobs.
    pub fn ready_count(&self) -> u64 {
        self.jobs.values().map(|job| job.ready.len() + job.suspects.len()).sum()
    }

    /// Tasks that `node` was given and that have not left it.
    pub fn given_to(&self, node: NodeId) -> u64 {
        self.jobs.values().filter_map(|job| job.held.get(&node)).map(|holding| holding.tasks).sum()
    }

    fn accept(&mut self, id: JobId, facts: JobFacts) {
        self.newest = self.newest.max(Some(id));
        if !self.jobs.contains_key(&id) {
            let user = self.queue.enter(&facts.user);
            self.jobs.insert(id, Job::new(user, &facts));
        }
    }

    fn end(&mut self, id: JobId) {
        let Some(job) = self.jobs.get_mut(&id) else { return };
        job.ready = RangeSet::default();
        job.suspects = RangeSet::default();
        for node in job.held.keys().copied().collect::<Vec<_>>() {
            self.hold(id, node, |_| 0);
            self.release_suspect(id, IndexRange::new(0, u32::MAX), node);
        }
        self.line_up(id);
        self.reservation.take_if(|reservation| reservation.job == id);
        self.large.remove(&id);
        self.running.remove(&id);
        if let Some(job) = self.jobs.remove(&id) {
            if let Some(placement) = job.placement {
                self.ended.push_back((id, placement));
                if self.ended.len() > ENDED_MAX {
                    self.ended.pop_front();
                }
            }
            self.queue.leave(job.user);
        }
    }

    fn ready(&mut self, id: JobId, range: IndexRange, suspect: Suspect) {
        // Tasks that left a node without having run, and are suspected right after, were lost with it.
        if let Some((job, left, node)) = self.left_behind.take()
            && suspect == Suspect::Yes
            && (job, left) == (id, range)
        {
            self.nodes.note(node, |record| record.lost(range.len()));
        }
        let Some(job) = self.jobs.get_mut(&id) else { return };
        match suspect {
            Suspect::No => job.ready.insert(range),
            Suspect::Yes => job.suspects.insert(range),
        }
        self.line_up(id);
    }

    fn assigned(&mut self, id: JobId, range: IndexRange, node: NodeId) {
        let Some(job) = self.jobs.get_mut(&id) else { return };
        let placed: u64 = job.settle(range, node).iter().map(|(range, _)| u64::from(range.len())).sum();
        let more = u64::from(range.len()) - placed;
        if more > 0 {
            job.ready.remove(range);
            job.suspects.remove(range);
            if self.newest == Some(id) && self.foreseen.is_some_and(|foreseen| foreseen.node == node) {
                let placement = self.let_go();
                self.jobs.entry(id).and_modify(|job| job.placement = placement);
            }
            self.hold(id, node, |tasks| tasks + more);
            self.line_up(id);
        }
    }

    /// Takes pending proposals back; answers which.
    fn withdraw(&mut self, id: JobId, range: IndexRange, node: NodeId) -> Vec<(IndexRange, Suspect)> {
        let Some(job) = self.jobs.get_mut(&id) else { return Vec::new() };
        let withdrawn = job.settle(range, node);
        let tasks: u64 = withdrawn.iter().map(|(range, _)| u64::from(range.len())).sum();
        self.hold(id, node, |held| held.saturating_sub(tasks));
        self.line_up(id);
        self.release_suspect(id, range, node);
        withdrawn
    }

    fn left(&mut self, id: JobId, range: IndexRange, node: NodeId, busy: Option<Duration>) {
        match busy {
            Some(busy) => self.learn(id, node, range.len(), busy),
            None => self.left_behind = Some((id, range, node)),
        }
        self.hold(id, node, |held| held.saturating_sub(u64::from(range.len())));
        self.line_up(id);
        self.release_suspect(id, range, node);
    }

    fn learn(&mut self, id: JobId, node: NodeId, tasks: u32, busy: Duration) {
        let Some(job) = self.jobs.get_mut(&id) else { return };
        let pace = job.pace;
        self.nodes.note(node, |record| record.ran(tasks, busy.as_nanos() as f64, pace));
        let used = u64::try_from(busy.as_nanos()).unwrap_or(u64::MAX).saturating_mul(u64::from(job.cpus));
        self.queue.charge(job.user, |usage| usage.saturating_add(used));
        self.families.learn(job.family, tasks, busy);
        if job.learn(node, tasks, busy) {
            self.weigh_again(id);
        }
    }

    /// Gives a job that has not run what is known of its family. Answers whether that is anything.
    pub(crate) fn introduce(&mut self, id: JobId) -> bool {
        let Some(job) = self.jobs.get_mut(&id).filter(|job| job.pace.completed == 0) else { return false };
        let seen = self.families.get(job.family);
        let told = || job.expected.map_or(Pace::default(), Pace::expected);
        let pace = if seen.completed > 0 { seen } else { told() };
        if pace.completed == 0 {
            return false;
        }
        if job.believe(pace) {
            self.weigh_again(id);
        }
        self.line_up(id);
        true
    }

    /// Weighs what all nodes have of a job anew.
    fn weigh_again(&mut self, id: JobId) {
        let nodes: Vec<NodeId> = self.jobs.get(&id).map_or(Vec::new(), |job| job.held.keys().copied().collect());
        for node in nodes {
            self.hold(id, node, |tasks| tasks);
        }
    }

    fn release_suspect(&mut self, id: JobId, range: IndexRange, node: NodeId) {
        let suspect = self.nodes.get(node).and_then(|node| node.suspect);
        if suspect.is_some_and(|(job, index)| job == id && range.contains(index)) {
            self.nodes.set_suspect(node, None);
        }
    }

    /// Changes how many tasks of a job a node has in hand, and every account that follows from it.
    pub(crate) fn hold(&mut self, id: JobId, node: NodeId, change: impl FnOnce(u64) -> u64) {
        let Some(job) = self.jobs.get_mut(&id) else { return };
        let old = job.held.get(&node).copied().unwrap_or_default();
        let tasks = change(old.tasks);
        let (load, usage_ns) = job.take(tasks);
        if tasks > 0 {
            job.came_to(node);
            job.held.insert(node, Holding { tasks, load, usage_ns });
        } else {
            job.held.remove(&node);
        }
        job.given = job.given - old.tasks + tasks;
        if job.given > 0 {
            self.running.insert(id);
        } else {
            self.running.remove(&id);
        }
        let user = job.user;
        self.nodes.reload(node, old.load, load);
        self.queue.charge(user, |usage| usage.saturating_sub(old.usage_ns).saturating_add(usage_ns));
    }

    /// Puts a job into the lines where it belongs, after anything about it has changed.
    pub(crate) fn line_up(&mut self, id: JobId) {
        let Some(job) = self.jobs.get_mut(&id) else { return };
        let lanes = job.lanes();
        for (old, new) in job.lines.into_iter().zip(lanes) {
            if old != new {
                old.into_iter().for_each(|lane| self.queue.remove(job.user, job.priority, lane, id));
                new.into_iter().for_each(|lane| self.queue.insert(job.user, job.priority, lane, id));
            }
        }
        job.lines = lanes;
        self.note_large(id);
        if lanes == [None; 2] {
            self.reservation.take_if(|reservation| reservation.job == id);
        }
    }
}
