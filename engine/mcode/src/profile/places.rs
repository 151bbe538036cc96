//! Where in the calls time was spent: a tree of functions and operations, and who gets the time that nobody timed.
//!
//! Between two timed events without an untimed one between them, the time is that of what ran there, exactly. All other
//! time is put into a pool, and whenever the clock's beat fell into such time, what ran at the beat gets the pool. Beats
//! come from outside and know nothing of the program, so that each gets in the mean what it took: sampling as by a timer
//! (S. Graham, P. Kessler, M. McKusick: gprof, 1982), without a bias towards what is called often.

use std::collections::BTreeMap;

use super::ProfileStack;
use crate::hir::FunctionId;

/// Places in the tree of calls; beyond that calls count for their caller.
const NODES_MAX: usize = 4_096;
/// Depth of the tree of calls; deeper recursion counts as called from there.
const DEPTH_MAX: usize = 128;
const ROOT: u32 = 0;

/// What something is called in a profile: a function's number, or an operation's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum What {
    Function(FunctionId),
    Operation(&'static str),
}

/// Time, in nanoseconds: measured, and given by beats.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Spent {
    pub(super) exact_ns: u64,
    pub(super) sampled_ns: u64,
}

impl Spent {
    pub(super) fn add(&mut self, other: Spent) {
        self.exact_ns = self.exact_ns.saturating_add(other.exact_ns);
        self.sampled_ns = self.sampled_ns.saturating_add(other.sampled_ns);
    }

    pub(super) fn all_ns(self) -> u64 {
        self.exact_ns.saturating_add(self.sampled_ns)
    }
}

#[derive(Debug)]
struct Node {
    parent: u32,
    what: What,
    own: Spent,
}

/// The tree of calls.
#[derive(Debug)]
pub(super) struct Places {
    nodes: Vec<Node>,
    children: BTreeMap<(u32, What), u32>,
    /// The way to the place that was found last, from the outermost call: most often the next one begins like it.
    way: Vec<(What, u32)>,
    /// Own time by what it is about; the tree leaves out what has no room in it.
    own: BTreeMap<What, Spent>,
    pool_ns: u64,
}

impl Default for Places {
    fn default() -> Self {
        let root = Node { parent: ROOT, what: What::Operation(""), own: Spent::default() };
        Places { nodes: vec![root], children: BTreeMap::new(), way: Vec::new(), own: BTreeMap::new(), pool_ns: 0 }
    }
}

impl Places {
    /// Time that was measured, spent at the end of `path`; at its end stands `last`.
    pub(super) fn measured(&mut self, path: impl Iterator<Item = What>, last: Option<What>, ns: u64) {
        self.add(path, last, Spent { exact_ns: ns, sampled_ns: 0 });
    }

    /// Time of which nobody knows whose it is.
    pub(super) fn pool(&mut self, ns: u64) {
        self.pool_ns = self.pool_ns.saturating_add(ns);
    }

    /// A beat fell into time of the pool while the end of `path` ran: the pool is its.
    pub(super) fn beaten(&mut self, path: impl Iterator<Item = What>, last: Option<What>) {
        let ns = std::mem::take(&mut self.pool_ns);
        self.add(path, last, Spent { exact_ns: 0, sampled_ns: ns });
    }

    fn add(&mut self, path: impl Iterator<Item = What>, last: Option<What>, spent: Spent) {
        let Some(last) = last else { return };
        let node = self.find(path, last);
        self.nodes[node as usize].own.add(spent);
        self.own.entry(last).or_default().add(spent);
    }

    /// The place at the end of `path`: where that is too deep, `last` below as much of it as there is room for.
    fn find(&mut self, path: impl Iterator<Item = What>, last: What) -> u32 {
        let (mut node, mut depth) = (ROOT, 0);
        let mut path = path.peekable();
        while let Some(mut what) = path.next() {
            if depth + 1 == DEPTH_MAX && path.peek().is_some() {
                what = last;
            }
            node = self.step(node, what, depth);
            depth += 1;
            if depth == DEPTH_MAX {
                break;
            }
        }
        self.way.truncate(depth);
        node
    }

    fn step(&mut self, node: u32, what: What, depth: usize) -> u32 {
        if let Some(&(known, next)) = self.way.get(depth)
            && known == what
        {
            return next;
        }
        self.way.truncate(depth);
        let next = self.child(node, what);
        self.way.push((what, next));
        next
    }

    fn child(&mut self, parent: u32, what: What) -> u32 {
        if let Some(&known) = self.children.get(&(parent, what)) {
            return known;
        }
        if self.nodes.len() >= NODES_MAX {
            return parent;
        }
        let node = self.nodes.len() as u32;
        self.nodes.push(Node { parent, what, own: Spent::default() });
        self.children.insert((parent, what), node);
        node
    }

    /// Takes in the tree of another thread, which ran below `path`.
    pub(super) fn merge(&mut self, mut other: Places, path: impl Iterator<Item = What>, last: Option<What>) {
        other.empty_pool();
        let at = last.map_or(ROOT, |last| self.find(path, last));
        let mut places = vec![at];
        for node in other.nodes.iter().skip(1) {
            let place = self.child(places[node.parent as usize], node.what);
            self.nodes[place as usize].own.add(node.own);
            places.push(place);
        }
        for (what, spent) in other.own {
            self.own.entry(what).or_default().add(spent);
        }
    }

    /// What is left in the pool when there are no more beats goes to all by what they got before: from beats, or where
    /// there were none, by the clock.
    pub(super) fn empty_pool(&mut self) {
        let pool_ns = std::mem::take(&mut self.pool_ns);
        let sampled: u64 = self.nodes.iter().map(|node| node.own.sampled_ns).sum();
        let exact: u64 = self.nodes.iter().map(|node| node.own.exact_ns).sum();
        let whole = if sampled > 0 { sampled } else { exact };
        if pool_ns == 0 || whole == 0 {
            return;
        }
        let share = pool_ns as f64 / whole as f64;
        let grow = |spent: &mut Spent| {
            let before = if sampled > 0 { spent.sampled_ns } else { spent.exact_ns };
            spent.sampled_ns = spent.sampled_ns.saturating_add((before as f64 * share) as u64);
        };
        self.nodes.iter_mut().for_each(|node| grow(&mut node.own));
        self.own.values_mut().for_each(grow);
    }

    /// The time of each thing alone.
    pub(super) fn own(&self, what: What) -> Spent {
        self.own.get(&what).copied().unwrap_or_default()
    }

    /// The time of each thing with all that it called: of what calls itself, only the outermost call counts.
    pub(super) fn totals(&self) -> BTreeMap<What, Spent> {
        let mut below: Vec<Spent> = self.nodes.iter().map(|node| node.own).collect();
        // A child stands behind its parent.
        for at in (1..self.nodes.len()).rev() {
            let spent = below[at];
            below[self.nodes[at].parent as usize].add(spent);
        }
        let mut totals: BTreeMap<What, Spent> = BTreeMap::new();
        for (at, (node, spent)) in self.nodes.iter().zip(below).enumerate().skip(1) {
            if !self.above(at).any(|above| above == node.what) {
                totals.entry(node.what).or_default().add(spent);
            }
        }
        for (what, own) in &self.own {
            let total = totals.entry(*what).or_default();
            if total.all_ns() < own.all_ns() {
                *total = *own;
            }
        }
        totals
    }

    /// What stands above a place, innermost first.
    fn above(&self, at: usize) -> impl Iterator<Item = What> {
        let mut at = self.nodes[at].parent;
        std::iter::from_fn(move || {
            let node = &self.nodes[at as usize];
            (at != ROOT).then(|| {
                at = node.parent;
                node.what
            })
        })
    }

    /// Every place with time of its own, named by `label`.
    pub(super) fn stacks(&self, label: impl Fn(What) -> String) -> Vec<ProfileStack> {
        let timed = (1..self.nodes.len()).filter(|&at| self.nodes[at].own.all_ns() > 0);
        let stacks = timed.map(|at| {
            let mut frames = vec![label(self.nodes[at].what)];
            frames.extend(self.above(at).map(&label));
            frames.reverse();
            ProfileStack { frames, self_ns: self.nodes[at].own.all_ns() }
        });
        stacks.collect()
    }
}
