//! What each node has in hand, and the nodes in the orders in which placements look for them.

use std::cmp::Reverse;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use nexus_model::{JobId, Labels, NodeId};

use crate::placement::Record;
use crate::{LOW_WATER_NS, QUEUE_NS};

/// What tasks take from the node that has them in hand.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Load {
    /// Cpus of all its tasks.
    pub(crate) cpus: u64,
    /// Cpus of those that are not short: each occupies its slots for long.
    pub(crate) pinned: u64,
    /// Predicted run time of the short ones, times their cpus.
    pub(crate) short_ns: u64,
    /// Memory that they ask for; wide enough for any number of any tasks.
    pub(crate) memory_bytes: u128,
    /// Graphics processors that they take, in thousandths.
    pub(crate) gpu_milli: u64,
}

impl Load {
    fn replace(&mut self, old: Load, new: Load) {
        self.cpus = self.cpus - old.cpus + new.cpus;
        self.pinned = self.pinned - old.pinned + new.pinned;
        self.short_ns = self.short_ns - old.short_ns + new.short_ns;
        self.memory_bytes = self.memory_bytes - old.memory_bytes + new.memory_bytes;
        self.gpu_milli = self.gpu_milli - old.gpu_milli + new.gpu_milli;
    }
}

type IdleKey = (Reverse<u64>, u64, NodeId);
type HungryKey = (u64, NodeId);

/// A node.
#[derive(Debug, Clone, Default)]
pub(crate) struct Node {
    /// How many slots it offers; 0 while it is detached.
    pub(crate) slots: u64,
    /// Memory that it offers; 0 where that is not known, and then not limited.
    pub(crate) memory_bytes: u64,
    /// Its labels, its name among them.
    pub(crate) labels: Labels,
    /// What one slot draws, as its labels say.
    pub(crate) slot_watts: Option<f64>,
    /// Graphics processors that it offers, in thousandths.
    pub(crate) gpu_milli: u64,
    /// Whether it is to be given nothing new.
    held: bool,
    pub(crate) load: Load,
    /// The suspect task that it has in hand.
    pub(crate) suspect: Option<(JobId, u32)>,
    /// How fast it was, and how reliable.
    pub(crate) record: Record,
    idle_key: Option<IdleKey>,
    hungry_key: Option<HungryKey>,
}

impl Node {
    /// Whether it is to be given nothing new.
    pub(crate) fn is_held(&self) -> bool {
        self.held
    }

    /// Slots for new tasks, in use or not.
    fn open(&self) -> u64 {
        if self.held { 0 } else { self.slots }
    }

    /// Slots that no long task occupies.
    pub(crate) fn free(&self) -> u64 {
        self.open().saturating_sub(self.load.pinned)
    }

    /// Slots that no task at all waits for.
    pub(crate) fn idle(&self) -> u64 {
        self.open().saturating_sub(self.load.cpus)
    }

    /// How many more tasks that ask for so much memory each can come.
    pub(crate) fn memory_room(&self, bytes: u64) -> u64 {
        if bytes == 0 || self.memory_bytes == 0 {
            return u64::MAX;
        }
        let left = u128::from(self.memory_bytes).saturating_sub(self.load.memory_bytes);
        u64::try_from(left / u128::from(bytes)).unwrap_or(u64::MAX)
    }

    /// How many more tasks that take so much of the graphics processors can come.
    pub(crate) fn gpu_room(&self, milli: u32) -> u64 {
        self.gpu_milli.saturating_sub(self.load.gpu_milli).checked_div(milli.into()).unwrap_or(u64::MAX)
    }

    /// Short work, in ns times cpus, that brings its queue to the brim.
    pub(crate) fn appetite_ns(&self) -> u64 {
        (self.free() * QUEUE_NS).saturating_sub(self.load.short_ns)
    }
}

/// All nodes, those that can take tasks in order.
#[derive(Debug, Clone, Default)]
pub(crate) struct Nodes {
    nodes: BTreeMap<NodeId, Node>,
    /// Nodes with a free slot: most idle first, then least short work a slot.
    idle: BTreeSet<IdleKey>,
    /// Nodes whose queue of short work is below the low-water mark: emptiest first.
    hungry: BTreeSet<HungryKey>,
    /// How many nodes have so many free slots, where they have some.
    free: BTreeMap<u64, usize>,
    /// Slots of all nodes that take tasks.
    slots: u64,
}

impl Nodes {
    /// A node, where it is known.
    pub(crate) fn get(&self, id: NodeId) -> Option<&Node> {
        self.nodes.get(&id)
    }

    /// Slots of all nodes that take tasks.
    pub(crate) fn slots(&self) -> u64 {
        self.slots
    }

    /// Free slots of the node that has most of them.
    pub(crate) fn most_free(&self) -> u64 {
        self.free.last_key_value().map_or(0, |(free, _)| *free)
    }

    /// Idle slots of the node that has most of them.
    pub(crate) fn most_idle(&self) -> u64 {
        self.idle.first().map_or(0, |(Reverse(idle), ..)| *idle)
    }

    /// Attached nodes with a free slot, the most idle first.
    pub(crate) fn by_idleness(&self) -> impl Iterator<Item = (NodeId, &Node)> {
        self.idle.iter().filter_map(|(_, _, id)| Some((*id, self.nodes.get(id)?)))
    }

    /// Attached nodes that want short work, the emptiest first.
    pub(crate) fn by_hunger(&self) -> impl Iterator<Item = (NodeId, &Node)> {
        self.hungry.iter().filter_map(|(_, id)| Some((*id, self.nodes.get(id)?)))
    }

    /// Attached nodes in order of id.
    pub(crate) fn attached(&self) -> impl Iterator<Item = (NodeId, &Node)> {
        self.nodes.iter().filter(|(_, node)| node.slots > 0).map(|(id, node)| (*id, node))
    }

    /// Attaches a node with so many slots, or detaches it with none. A detached node without load of which nothing is
    /// known is forgotten.
    pub(crate) fn offer(&mut self, id: NodeId, slots: u32, memory_bytes: u64) {
        self.change(id, |node| (node.slots, node.memory_bytes) = (u64::from(slots), memory_bytes));
    }

    /// Gives a node nothing new, or work again.
    pub(crate) fn hold(&mut self, id: NodeId, held: bool) {
        self.change(id, |node| node.held = held);
    }

    /// Notes what a node is called and has beside slots and memory.
    pub(crate) fn describe(&mut self, id: NodeId, labels: Labels, gpu_milli: Option<u32>) {
        let node = self.nodes.entry(id).or_default();
        node.slot_watts = labels.slot_watts();
        node.labels = labels;
        node.gpu_milli = gpu_milli.map_or(node.gpu_milli, u64::from);
    }

    /// Replaces what one job takes from a node.
    pub(crate) fn reload(&mut self, id: NodeId, old: Load, new: Load) {
        self.change(id, |node| node.load.replace(old, new));
    }

    /// Notes the suspect that a node has in hand.
    pub(crate) fn set_suspect(&mut self, id: NodeId, suspect: Option<(JobId, u32)>) {
        self.change(id, |node| node.suspect = suspect);
    }

    /// Changes what is known of a node, which may have gone.
    pub(crate) fn note(&mut self, id: NodeId, change: impl FnOnce(&mut Record)) {
        change(&mut self.nodes.entry(id).or_default().record);
    }

    fn change(&mut self, id: NodeId, change: impl FnOnce(&mut Node)) {
        let node = self.nodes.entry(id).or_default();
        self.slots -= node.open();
        let was_free = node.free();
        change(node);
        self.slots += node.open();
        let free = node.free();
        if free != was_free {
            recount(&mut self.free, was_free, free);
        }
        let idle_key = (free > 0).then(|| (Reverse(node.idle()), node.load.short_ns / free, id));
        let hungry = free > 0 && node.load.short_ns < free * LOW_WATER_NS;
        let hungry_key = hungry.then(|| (node.load.short_ns / free, id));
        move_key(&mut self.idle, &mut node.idle_key, idle_key);
        move_key(&mut self.hungry, &mut node.hungry_key, hungry_key);
        if node.slots == 0 && !node.held && node.load == Load::default() && node.record == Record::default() {
            self.nodes.remove(&id);
        }
    }
}

/// A node with `old` free slots has `new` of them now.
fn recount(nodes: &mut BTreeMap<u64, usize>, old: u64, new: u64) {
    if new > 0 {
        *nodes.entry(new).or_default() += 1;
    }
    if let Entry::Occupied(mut count) = nodes.entry(old) {
        *count.get_mut() -= 1;
        if *count.get() == 0 {
            count.remove();
        }
    }
}

fn move_key<K: Ord + Copy>(set: &mut BTreeSet<K>, old: &mut Option<K>, new: Option<K>) {
    if *old != new {
        if let Some(old) = old {
            set.remove(old);
        }
        set.extend(new);
        *old = new;
    }
}
