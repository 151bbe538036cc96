//! A job as the scheduler sees it: what is ready, who has what, and how long its tasks take.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use nexus_model::{GPU_MILLI, IndexRange, Labels, NodeId, Selection};

use crate::input::{Expected, JobFacts};
use crate::node::Load;
use crate::placement::{Need, Placement};
use crate::ranges::RangeSet;
use crate::{RAMP, SHORT_NS, TASK_COST_NS, UNKNOWN_NS};

/// Tasks that can be placed in the same way. The queue keeps a line for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Lane {
    pub(crate) kind: Kind,
    pub(crate) cpus: u32,
    pub(crate) memory_bytes: u64,
    pub(crate) gpu_milli: u32,
    /// A digest of what is asked of nodes; 0 where that is nothing. Two that are alike by chance only wait for each other.
    pub(crate) selection: u64,
}

impl Lane {
    /// Whether a node is kept for its tasks where none has room: for those that need more than a slot.
    pub(crate) fn is_reserved_for(&self) -> bool {
        self.kind != Kind::Suspect && (self.cpus > 1 || self.memory_bytes > 0 || self.gpu_milli > 0)
    }
}

/// How tasks are placed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// Known to be short: in advance, many at once.
    Short,
    /// Short as far as is known, but as many are in hand as that can vouch for: one for each idle slot.
    Trial,
    /// Long or unknown: one for each free slot.
    Long,
    /// Suspected: alone.
    Suspect,
}

/// Whether tasks have lost a worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Suspect {
    No,
    Yes,
}

impl From<bool> for Suspect {
    fn from(suspect: bool) -> Self {
        if suspect { Suspect::Yes } else { Suspect::No }
    }
}

/// What a node has of a job.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Holding {
    pub(crate) tasks: u64,
    /// What the node's load holds for it.
    pub(crate) load: Load,
    /// What the user's usage holds for it.
    pub(crate) usage_ns: u64,
}

/// A proposal on its way through the log.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pending {
    pub(crate) end: u32,
    pub(crate) node: NodeId,
    pub(crate) suspect: Suspect,
}

/// The job.
#[derive(Debug, Clone)]
pub(crate) struct Job {
    pub(crate) user: u64,
    pub(crate) priority: i32,
    pub(crate) cpus: u32,
    pub(crate) memory_bytes: u64,
    /// What a task takes of a node's graphics processors: so many tasks as fit one count as all of it.
    pub(crate) gpu_milli: u32,
    selection: Option<Arc<Selection>>,
    selection_digest: u64,
    pub(crate) ready: RangeSet,
    pub(crate) suspects: RangeSet,
    /// Placements by their first task.
    pub(crate) pending: BTreeMap<u32, Pending>,
    pub(crate) held: BTreeMap<NodeId, Holding>,
    /// Tasks in hand on all nodes.
    pub(crate) given: u64,
    /// The lines that it stands in: for its ready tasks, for its suspects.
    pub(crate) lines: [Option<Lane>; 2],
    pub(crate) pace: Pace,
    pub(crate) family: u64,
    /// The newest choice among nodes.
    pub(crate) placement: Option<Placement>,
    /// How long its tasks took on each node where some ran or are.
    paces: BTreeMap<NodeId, Pace>,
    pub(crate) input_bytes: u64,
    /// Bytes of its inputs that were made on a node.
    made_on: BTreeMap<NodeId, u64>,
    /// Nodes that were told ahead of it, and have its inputs, or are fetching them.
    pub(crate) told: BTreeSet<NodeId>,
    pub(crate) expected: Option<Expected>,
    short: bool,
}

/// How long tasks take, as far as it is known.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Pace {
    /// Tasks whose run time is in the mean.
    pub(crate) completed: u64,
    mean_ns: f64,
}

impl Pace {
    /// Learns from tasks that ran for `busy` together.
    pub(crate) fn learn(&mut self, tasks: u32, busy: Duration) {
        let batch = busy.as_nanos() as f64 / f64::from(tasks.max(1));
        self.completed = self.completed.saturating_add(u64::from(tasks));
        let weight = (f64::from(tasks) / self.completed.max(1) as f64).max(NEWEST_WEIGHT);
        self.mean_ns += (batch - self.mean_ns) * weight;
    }

    /// What is believed of a job's tasks because of others of its family: the same, with little weight.
    pub(crate) fn hearsay(self) -> Self {
        Pace { completed: self.completed.min(HEARSAY_MAX), ..self }
    }

    /// Mean time of a task, in ns, where some ran.
    pub(crate) fn mean_ns(self) -> Option<f64> {
        (self.completed > 0).then_some(self.mean_ns)
    }

    /// What is believed because of a prediction: its median, with the weight of one task; where it cannot exclude that
    /// tasks are long, they are taken to be as long as it says at most.
    pub(crate) fn expected(expected: Expected) -> Self {
        let (median, high) = (expected.median.as_nanos() as f64, expected.high.as_nanos() as f64);
        let is_surely_short = high <= SHORT_NS as f64;
        Pace { completed: 1, mean_ns: if is_surely_short { median } else { high.max(median) } }
    }

    /// Predicted time of a task on one slot, with what the runtime itself takes.
    fn task_ns(self) -> u64 {
        if self.completed == 0 { UNKNOWN_NS } else { (self.mean_ns as u64).saturating_add(TASK_COST_NS) }
    }
}

/// Other jobs' tasks count for as many of one's own.
const HEARSAY_MAX: u64 = 4;
/// The weight of the newest batch once many are known (an exponentially weighted mean).
const NEWEST_WEIGHT: f64 = 0.125;

/// What a part of a graphics processor takes of it: a share of which a whole number makes one, so that parts that add up
/// also fit. Whole ones take themselves.
fn gpu_share(milli: u32) -> u32 {
    match milli {
        0 => 0,
        1..=GPU_MILLI => GPU_MILLI.div_ceil(GPU_MILLI / milli),
        more => more,
    }
}

fn digest(selection: &Arc<Selection>) -> u64 {
    let mut hasher = DefaultHasher::new();
    selection.hash(&mut hasher);
    hasher.finish().max(1)
}

impl Job {
    pub(crate) fn new(user: u64, facts: &JobFacts) -> Self {
        Job {
            user,
            priority: facts.priority,
            cpus: facts.cpus.max(1),
            memory_bytes: facts.memory_bytes,
            gpu_milli: gpu_share(facts.gpu_milli),
            selection_digest: facts.selection.as_ref().map_or(0, digest),
            selection: facts.selection.clone(),
            ready: RangeSet::default(),
            suspects: RangeSet::default(),
            pending: BTreeMap::new(),
            held: BTreeMap::new(),
            given: 0,
            lines: [None; 2],
            pace: Pace::default(),
            family: facts.family,
            placement: None,
            paces: BTreeMap::new(),
            input_bytes: facts.input_bytes,
            made_on: BTreeMap::new(),
            told: BTreeSet::new(),
            expected: facts.expected,
            short: false,
        }
    }

    /// Whether enough of these nodes, which take work, are there to hold the copies of its results.
    pub(crate) fn has_holders(&self, nodes: impl Iterator) -> bool {
        self.selection.as_ref().is_none_or(|selection| selection.has_holders(nodes))
    }

    /// Whether its tasks may run on a node with these labels.
    pub(crate) fn admits(&self, labels: &Labels) -> bool {
        self.selection.as_ref().is_none_or(|selection| selection.admits(labels))
    }

    /// How many of its preferences such a node meets.
    pub(crate) fn liking(&self, labels: &Labels) -> usize {
        self.selection.as_ref().map_or(0, |selection| selection.liking(labels))
    }

    /// Whether it prefers some nodes to others.
    pub(crate) fn prefers(&self) -> bool {
        self.selection.as_ref().is_some_and(|selection| !selection.prefer.is_empty())
    }

    /// What a task of it asks of a node.
    pub(crate) fn need(&self) -> Need {
        Need { pace: self.pace, cpus: self.cpus }
    }

    /// What its tasks take from others is there, and where it was made.
    pub(crate) fn know_inputs(&mut self, bytes: u64, made_on: Vec<(NodeId, u64)>) {
        self.input_bytes = bytes;
        self.made_on = made_on.into_iter().collect();
    }

    /// Bytes of its inputs that a node would have to fetch.
    pub(crate) fn lacks_on(&self, node: NodeId) -> u64 {
        if self.paces.contains_key(&node) || self.told.contains(&node) {
            return 0;
        }
        self.input_bytes.saturating_sub(self.made_on.get(&node).copied().unwrap_or(0))
    }

    /// Nodes where inputs were made.
    pub(crate) fn origins(&self) -> impl Iterator<Item = NodeId> + '_ {
        self.made_on.keys().copied()
    }

    /// Whether inputs were made there.
    pub(crate) fn made(&self, node: NodeId) -> bool {
        self.made_on.contains_key(&node)
    }

    /// Whether tasks wait that are given one for each free slot.
    pub(crate) fn waits(&self) -> bool {
        !self.short && !self.ready.is_empty()
    }

    /// How long its tasks took on a node, where some ran or are.
    pub(crate) fn pace_on(&self, node: NodeId) -> Option<Pace> {
        self.paces.get(&node).copied()
    }

    /// Notes that tasks came to a node, with their inputs.
    pub(crate) fn came_to(&mut self, node: NodeId) {
        self.paces.entry(node).or_default();
    }

    /// Whether its tasks are known to be short.
    pub(crate) fn is_short(&self) -> bool {
        self.short
    }

    /// Learns from tasks that ran on a node. Answers whether its tasks weigh differently on their nodes now.
    pub(crate) fn learn(&mut self, node: NodeId, tasks: u32, busy: Duration) -> bool {
        self.pace.learn(tasks, busy);
        self.paces.entry(node).or_default().learn(tasks, busy);
        // Twice the time to become long again, so that a job near the border does not flap.
        self.judge(if self.short { 2 * SHORT_NS } else { SHORT_NS })
    }

    /// Believes what is known of its family. Answers whether its tasks weigh differently on their nodes now.
    pub(crate) fn believe(&mut self, pace: Pace) -> bool {
        self.pace = pace;
        self.judge(SHORT_NS)
    }

    fn judge(&mut self, border_ns: u64) -> bool {
        let before = self.short;
        // What asks for memory or graphics processors is admitted task by task, never in advance.
        self.short = self.memory_bytes == 0 && self.gpu_milli == 0 && self.task_ns() <= border_ns;
        before != self.short
    }

    /// How many more short tasks what is known can vouch for.
    pub(crate) fn trust(&self) -> u64 {
        self.pace.completed.saturating_mul(RAMP).saturating_sub(self.given)
    }

    /// Predicted time of a task on one slot.
    pub(crate) fn task_ns(&self) -> u64 {
        self.pace.task_ns()
    }

    /// The lines that it should stand in.
    pub(crate) fn lanes(&self) -> [Option<Lane>; 2] {
        let ready = match (self.short, self.trust()) {
            (false, _) => Kind::Long,
            (true, 0) => Kind::Trial,
            (true, _) => Kind::Short,
        };
        let lane = |kind| Lane {
            kind,
            cpus: self.cpus,
            memory_bytes: self.memory_bytes,
            gpu_milli: self.gpu_milli,
            selection: self.selection_digest,
        };
        [(!self.ready.is_empty()).then(|| lane(ready)), (!self.suspects.is_empty()).then(|| lane(Kind::Suspect))]
    }

    /// What `tasks` of it take from a node, and from the user's share.
    pub(crate) fn take(&self, tasks: u64) -> (Load, u64) {
        let cpus = tasks.saturating_mul(u64::from(self.cpus));
        let usage_ns = cpus.saturating_mul(self.task_ns());
        let load = Load {
            cpus,
            pinned: if self.short { 0 } else { cpus },
            short_ns: if self.short { usage_ns } else { 0 },
            memory_bytes: u128::from(tasks) * u128::from(self.memory_bytes),
            gpu_milli: tasks.saturating_mul(u64::from(self.gpu_milli)),
        };
        (load, usage_ns)
    }

    /// Takes `range` out of the pending proposals on `node`: the parts that were pending.
    pub(crate) fn settle(&mut self, range: IndexRange, node: NodeId) -> Vec<(IndexRange, Suspect)> {
        let mut settled = Vec::new();
        let first = self.pending.range(..=range.start).next_back().map_or(range.start, |(&start, _)| start);
        let touched: Vec<(u32, Pending)> = self
            .pending
            .range(first..range.end.max(first))
            .filter(|(_, pending)| pending.end > range.start && pending.node == node)
            .map(|(&start, &pending)| (start, pending))
            .collect();
        for (start, pending) in touched {
            self.pending.remove(&start);
            let inside = IndexRange::new(start.max(range.start), pending.end.min(range.end));
            if start < inside.start {
                self.pending.insert(start, Pending { end: inside.start, ..pending });
            }
            if inside.end < pending.end {
                self.pending.insert(inside.end, pending);
            }
            settled.push((inside, pending.suspect));
        }
        settled
    }
}
