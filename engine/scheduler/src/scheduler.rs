//! The scheduler: one value, one step function.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use nexus_model::{IndexRange, JobId, NodeId};

use crate::job::Job;
use crate::node::Node;

/// A node is given at most this much work at once for each slot: long enough to hide the way to the leader and back,
/// short enough that little has to move when nodes come and go.
pub const PREFILL: Duration = Duration::from_millis(100);
/// Most tasks in one assignment.
const GRANT_TASKS_MAX: u32 = 65_536;
/// Nodes hold at most this many times what has ended of a job: a pace is trusted as far as it was seen.
const TRUST: u64 = 4;
/// Jobs that are looked at when the first ones do not fit a node.
const LOOK_AHEAD: usize = 64;

/// What a job asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobFacts {
    /// Who submitted it.
    pub user: String,
    /// Larger first.
    pub priority: i32,
    /// Slots of each task.
    pub cpus: u32,
}

/// Something that happened. Unknown jobs and nodes are ignored: events may come in from before a leader's time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// A job was accepted.
    JobAccepted {
        /// Which.
        job: JobId,
        /// What it asks for.
        facts: JobFacts,
    },
    /// Tasks can be assigned.
    TasksReady {
        /// The job.
        job: JobId,
        /// The tasks.
        range: IndexRange,
        /// Whether they have lost a worker.
        suspect: bool,
    },
    /// Tasks are a node's, as proposed or since before this scheduler's time.
    TasksAssigned {
        /// The node.
        node: NodeId,
        /// The job.
        job: JobId,
        /// The tasks.
        range: IndexRange,
    },
    /// Proposed tasks did not become the node's and are not ready either.
    AssignmentRefused {
        /// The node.
        node: NodeId,
        /// The job.
        job: JobId,
        /// The tasks.
        range: IndexRange,
    },
    /// The proposal itself failed: the tasks are as ready as they were. They are proposed again with the next input.
    ProposalFailed(Assign),
    /// Time to look again after a failed proposal.
    TryAgain,
    /// Tasks are a node's no more.
    TasksLeft {
        /// The node.
        node: NodeId,
        /// The job.
        job: JobId,
        /// The tasks.
        range: IndexRange,
        /// How long they ran together, where they ran.
        busy: Option<Duration>,
    },
    /// A job has ended.
    JobEnded(JobId),
    /// A node can take work.
    NodeAttached {
        /// Which.
        node: NodeId,
        /// Tasks that it runs at once.
        slots: u32,
    },
    /// A node cannot take work. What it holds stays its own until it leaves.
    NodeDetached(NodeId),
}

/// A proposal: these tasks to this node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Assign {
    /// The node.
    pub node: NodeId,
    /// The job.
    pub job: JobId,
    /// The tasks.
    pub range: IndexRange,
    /// Whether they have lost a worker.
    pub suspect: bool,
}

/// The scheduler's state.
#[derive(Debug, Default)]
pub struct Scheduler {
    jobs: BTreeMap<JobId, Job>,
    nodes: BTreeMap<NodeId, Node>,
    /// Jobs with ready tasks: by priority, then user.
    queue: BTreeMap<Reverse<i32>, BTreeMap<String, BTreeSet<JobId>>>,
    /// Slots in use by user.
    in_use: BTreeMap<String, u64>,
    /// Proposed and not yet confirmed, by node and job.
    proposed: BTreeMap<(NodeId, JobId), u32>,
    slots_attached: u64,
}

impl Scheduler {
    /// A scheduler that knows of nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes in what happened and appends what to propose.
    pub fn step(&mut self, input: Input, proposals: &mut Vec<Assign>) {
        match input {
            Input::JobAccepted { job, facts } => {
                self.jobs.entry(job).or_insert_with(|| Job::new(facts.user, facts.priority, facts.cpus));
            }
            Input::TasksReady { job, range, suspect } => self.make_ready(job, range, suspect),
            Input::TasksAssigned { node, job, range } => self.confirm(node, job, range),
            Input::AssignmentRefused { node, job, range } => {
                self.unpropose(node, job, range.len());
                self.take_back(node, job, range.len());
            }
            Input::ProposalFailed(Assign { node, job, range, suspect }) => {
                self.unpropose(node, job, range.len());
                self.take_back(node, job, range.len());
                self.make_ready(job, range, suspect);
                return;
            }
            Input::TryAgain => {}
            Input::TasksLeft { node, job, range, busy } => {
                if let (Some(job), Some(busy)) = (self.jobs.get_mut(&job), busy) {
                    job.observe(range, busy);
                }
                self.take_back(node, job, range.len());
            }
            Input::JobEnded(job) => self.end(job),
            Input::NodeAttached { node, slots } => {
                self.detach(node);
                let known = self.nodes.entry(node).or_default();
                (known.attached, known.slots) = (true, slots);
                self.slots_attached += u64::from(slots);
            }
            Input::NodeDetached(node) => self.detach(node),
        }
        self.plan(proposals);
    }

    /// Ready tasks of all jobs.
    pub fn ready_count(&self) -> u64 {
        self.jobs.values().map(|job| job.ready.count() + job.suspects.count()).sum()
    }

    /// Tasks that `node` was given and that have not left it.
    pub fn given_to(&self, node: NodeId) -> u64 {
        self.nodes.get(&node).map_or(0, |node| node.given.values().map(|count| u64::from(*count)).sum())
    }

    fn make_ready(&mut self, id: JobId, range: IndexRange, suspect: bool) {
        let Some(job) = self.jobs.get_mut(&id) else { return };
        if suspect { &mut job.suspects } else { &mut job.ready }.insert(range);
        let users = self.queue.entry(Reverse(job.priority)).or_default();
        users.entry(job.user.clone()).or_default().insert(id);
    }

    fn confirm(&mut self, node: NodeId, job: JobId, range: IndexRange) {
        let proposed = self.proposed.get(&(node, job)).copied().unwrap_or(0).min(range.len());
        self.unpropose(node, job, proposed);
        let unknown = range.len() - proposed;
        if unknown > 0 {
            if let Some(known) = self.jobs.get_mut(&job) {
                known.ready.remove(range);
                known.suspects.remove(range);
                self.unqueue_if_empty(job);
            }
            self.give(node, job, unknown);
        }
    }

    fn unpropose(&mut self, node: NodeId, job: JobId, tasks: u32) {
        if let Some(proposed) = self.proposed.get_mut(&(node, job)) {
            *proposed = proposed.saturating_sub(tasks);
            if *proposed == 0 {
                self.proposed.remove(&(node, job));
            }
        }
    }

    fn give(&mut self, node: NodeId, id: JobId, tasks: u32) {
        let Some(job) = self.jobs.get_mut(&id) else { return };
        job.given += u64::from(tasks);
        self.nodes.entry(node).or_default().give(id, tasks, job.cpus);
        *self.in_use.entry(job.user.clone()).or_default() += u64::from(tasks) * u64::from(job.cpus);
    }

    fn take_back(&mut self, node: NodeId, id: JobId, tasks: u32) {
        let (Some(job), Some(node)) = (self.jobs.get_mut(&id), self.nodes.get_mut(&node)) else { return };
        let held = node.given.get(&id).copied().unwrap_or(0).min(tasks);
        job.given -= u64::from(held);
        node.take_back(id, held, job.cpus);
        if !node.given.contains_key(&id) && node.suspect.is_some_and(|(suspect, _)| suspect == id) {
            node.suspect = None;
        }
        let Some(used) = self.in_use.get_mut(&job.user) else { return };
        *used = used.saturating_sub(u64::from(held) * u64::from(job.cpus));
        if *used == 0 {
            self.in_use.remove(&job.user);
        }
    }

    fn end(&mut self, id: JobId) {
        let holders: Vec<(NodeId, u32)> =
            self.nodes.iter().filter_map(|(node, known)| Some((*node, *known.given.get(&id)?))).collect();
        for (node, tasks) in holders {
            self.take_back(node, id, tasks);
        }
        self.proposed.retain(|(_, job), _| *job != id);
        if let Some(job) = self.jobs.get_mut(&id) {
            job.ready = Default::default();
            job.suspects = Default::default();
            self.unqueue_if_empty(id);
            self.jobs.remove(&id);
        }
    }

    fn detach(&mut self, node: NodeId) {
        if let Some(known) = self.nodes.get_mut(&node)
            && known.attached
        {
            known.attached = false;
            self.slots_attached -= u64::from(known.slots);
        }
        if self.nodes.get(&node).is_some_and(|known| !known.attached && known.given.is_empty()) {
            self.nodes.remove(&node);
        }
    }

    fn unqueue_if_empty(&mut self, id: JobId) {
        let Some(job) = self.jobs.get(&id) else { return };
        if job.has_ready() {
            return;
        }
        let Some(users) = self.queue.get_mut(&Reverse(job.priority)) else { return };
        if let Some(jobs) = users.get_mut(&job.user) {
            jobs.remove(&id);
            if jobs.is_empty() {
                users.remove(&job.user);
            }
        }
        if users.is_empty() {
            self.queue.remove(&Reverse(job.priority));
        }
    }

    /// Gives out work while a node wants some and some fits.
    fn plan(&mut self, proposals: &mut Vec<Assign>) {
        if self.queue.is_empty() {
            return;
        }
        let mut hungry: BTreeSet<(u64, NodeId)> = BTreeSet::new();
        for (id, node) in &self.nodes {
            if let Some(load) = self.hunger(node) {
                hungry.insert((load, *id));
            }
        }
        while let Some((_, node)) = hungry.pop_first() {
            let Some((job, tasks, suspect)) = self.choose(node) else { continue };
            let Some(range) = self.take_ready(job, tasks, suspect) else { continue };
            self.give(node, job, range.len());
            *self.proposed.entry((node, job)).or_default() += range.len();
            if suspect && let Some(known) = self.nodes.get_mut(&node) {
                known.suspect = Some((job, range.start));
            }
            proposals.push(Assign { node, job, range, suspect });
            if let Some(load) = self.nodes.get(&node).and_then(|known| self.hunger(known)) {
                hungry.insert((load, node));
            }
        }
    }

    /// How little a node has for each slot, in ns, when it wants more: a slot idles, or half of its stock is used up.
    fn hunger(&self, node: &Node) -> Option<u64> {
        if !node.attached || node.slots == 0 {
            return None;
        }
        let seconds = self.stock(node) / f64::from(node.slots);
        let wants = node.idle_slots() > 0 || seconds < PREFILL.as_secs_f64() / 2.0;
        wants.then_some((seconds * 1e9) as u64)
    }

    /// Seconds of work that a node holds, slots times time; a task of unknown pace counts as a full stock for its slots.
    fn stock(&self, node: &Node) -> f64 {
        let seconds = node.given.iter().filter_map(|(id, tasks)| {
            let job = self.jobs.get(id)?;
            Some(f64::from(*tasks) * f64::from(job.cpus) * job.pace().unwrap_or(PREFILL.as_secs_f64()))
        });
        seconds.sum()
    }

    /// The job that `node` gets tasks of, how many at most, and whether they are suspects.
    fn choose(&self, node: NodeId) -> Option<(JobId, u32, bool)> {
        let known = self.nodes.get(&node)?;
        let mut looked = 0;
        for users in self.queue.values() {
            let mut by_use: Vec<_> = users.iter().collect();
            by_use.sort_by_key(|(user, _)| self.in_use.get(*user).copied().unwrap_or(0));
            for (_, jobs) in by_use {
                for id in jobs {
                    let Some(job) = self.jobs.get(id) else { continue };
                    if let Some((tasks, suspect)) = self.fit(known, job) {
                        return Some((*id, tasks, suspect));
                    }
                    looked += 1;
                    if looked >= LOOK_AHEAD {
                        return None;
                    }
                }
            }
        }
        None
    }

    /// How many tasks of `job` the node should get now, and whether it is a suspect; `None` where none fits.
    fn fit(&self, node: &Node, job: &Job) -> Option<(u32, bool)> {
        if job.cpus > node.slots {
            return None;
        }
        let idle = (node.idle_slots() / u64::from(job.cpus)) as u32;
        if !job.suspects.is_empty() && node.suspect.is_none() && idle > 0 {
            return Some((1, true));
        }
        if job.ready.is_empty() {
            return None;
        }
        let Some(pace) = job.pace() else { return (idle > 0).then_some((idle, false)) };
        let room = PREFILL.as_secs_f64() * f64::from(node.slots) - self.stock(node);
        let by_time = (room / (pace * f64::from(job.cpus))).max(0.0) as u64;
        let share = (job.ready.count() * u64::from(node.slots)).div_ceil(self.slots_attached.max(1));
        let trusted = (TRUST * job.evidence()).saturating_sub(job.given).max(u64::from(idle));
        let tasks = by_time.max(u64::from(idle)).min(share).min(trusted).min(u64::from(GRANT_TASKS_MAX)) as u32;
        (tasks > 0).then_some((tasks, false))
    }

    fn take_ready(&mut self, id: JobId, most: u32, suspect: bool) -> Option<IndexRange> {
        let job = self.jobs.get_mut(&id)?;
        let range = if suspect { &mut job.suspects } else { &mut job.ready }.take(most);
        self.unqueue_if_empty(id);
        range
    }
}
