//! Where in the calls time was spent: a tree of functions and operations, and who gets the time that nobody timed.
//!
//! Between two timed events without an untimed one between them, the time is that of what ran there, exactly. All other
//! time is put into a pool. Out of it, operations that call nothing and are long enough for a clock get what those of their
//! calls that were timed tell of the others. Whenever the clock's beat fell into other such time, what ran at the beat gets
//! the pool. Beats come from outside and know nothing of the program, so that each gets in the mean what it took: sampling
//! as by a timer (S. Graham, P. Kessler, M. McKusick: gprof, 1982), without a bias towards what is called often.

use std::collections::BTreeMap;

use super::ProfileStack;
use crate::hir::FunctionId;

/// Places in the tree of calls; beyond that calls count for their caller.
const NODES_MAX: usize = 4_096;
/// Depth of the tree of calls; deeper recursion counts as called from there.
const DEPTH_MAX: usize = 128;
const ROOT: Node = 0;

/// A place in the tree of calls.
pub(super) type Node = u32;

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
struct Place {
    parent: Node,
    what: What,
    own: Spent,
}

/// The tree of calls.
#[derive(Debug)]
pub(super) struct Places {
    nodes: Vec<Place>,
    children: BTreeMap<(Node, What), Node>,
    /// The way to the place that was found last, from the outermost call: most often the next one begins like it.
    way: Vec<(What, Node)>,
    /// Own time by what it is about; the tree leaves out what has no room in it.
    own: BTreeMap<What, Spent>,
    pool_ns: u64,
    /// What was given out of the pool before it was in it.
    debt_ns: u64,
}

impl Default for Places {
    fn default() -> Self {
        let root = Place { parent: ROOT, what: What::Operation(""), own: Spent::default() };
        Places {
            nodes: vec![root],
            children: BTreeMap::new(),
            way: Vec::new(),
            own: BTreeMap::new(),
            pool_ns: 0,
            debt_ns: 0,
        }
    }
}

impl Places {
    /// Time that was measured, spent at the end of `path`, where `last` stands; gives the place.
    pub(super) fn measured(&mut self, path: impl Iterator<Item = What>, last: Option<What>, ns: u64) -> Option<Node> {
        self.add(path, last, Spent { exact_ns: ns, sampled_ns: 0 })
    }

    /// Time of which nobody knows whose it is.
    pub(super) fn pool(&mut self, ns: u64) {
        let paid_ns = ns.min(self.debt_ns);
        self.debt_ns -= paid_ns;
        self.pool_ns = self.pool_ns.saturating_add(ns - paid_ns);
    }

    /// Time that calls tell of others that were not timed: it is in the pool, or will be.
    pub(super) fn told(&mut self, node: Node, ns: u64) {
        let there_ns = ns.min(self.pool_ns);
        self.pool_ns -= there_ns;
        self.debt_ns = self.debt_ns.saturating_add(ns - there_ns);
        let spent = Spent { exact_ns: 0, sampled_ns: ns };
        let place = &mut self.nodes[node as usize];
        place.own.add(spent);
        let what = place.what;
        self.own.entry(what).or_default().add(spent);
    }

    /// A beat fell into time of the pool while the end of `path` ran: the pool is its.
    pub(super) fn beaten(&mut self, path: impl Iterator<Item = What>, last: Option<What>) {
        let ns = std::mem::take(&mut self.pool_ns);
        self.add(path, last, Spent { exact_ns: 0, sampled_ns: ns });
    }

    fn add(&mut self, path: impl Iterator<Item = What>, last: Option<What>, spent: Spent) -> Option<Node> {
        let last = last?;
        let node = self.find(path, last);
        self.nodes[node as usize].own.add(spent);
        self.own.entry(last).or_default().add(spent);
        Some(node)
    }

    /// The place at the end of `path`: where that is too deep, `last` below as much of it as there is room for.
    fn find(&mut self, path: impl Iterator<Item = What>, last: What) -> Node {
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

    fn step(&mut self, node: Node, what: What, depth: usize) -> Node {
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

    fn child(&mut self, parent: Node, what: What) -> Node {
        if let Some(&known) = self.children.get(&(parent, what)) {
            return known;
        }
        if self.nodes.len() >= NODES_MAX {
            return parent;
        }
        let node = self.nodes.len() as Node;
        self.nodes.push(Place { parent, what, own: Spent::default() });
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
    /// there were none, by the clock. What was given and never came is taken back likewise.
    pub(super) fn empty_pool(&mut self) {
        let (pool_ns, debt_ns) = (std::mem::take(&mut self.pool_ns), std::mem::take(&mut self.debt_ns));
        let sampled: u64 = self.nodes.iter().map(|node| node.own.sampled_ns).sum();
        let exact: u64 = self.nodes.iter().map(|node| node.own.exact_ns).sum();
        let whole = if sampled > 0 { sampled } else { exact };
        if pool_ns == debt_ns || whole == 0 {
            return;
        }
        let share = (pool_ns as f64 - debt_ns as f64) / whole as f64;
        let change = |spent: &mut Spent| {
            let before = if sampled > 0 { spent.sampled_ns } else { spent.exact_ns };
            let after = spent.sampled_ns as f64 + before as f64 * share;
            spent.sampled_ns = after.max(0.0) as u64;
        };
        self.nodes.iter_mut().for_each(|node| change(&mut node.own));
        self.own.values_mut().for_each(change);
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

#[cfg(test)]
mod tests {
    use super::*;

    const MAIN: What = What::Function(0);
    const SUM: What = What::Operation("sum");

    fn spent(exact_ns: u64, sampled_ns: u64) -> Spent {
        Spent { exact_ns, sampled_ns }
    }

    fn below_main(what: What) -> impl Iterator<Item = What> {
        [MAIN, what].into_iter()
    }

    #[test]
    fn what_calls_tell_of_others_comes_out_of_the_pool() {
        let mut places = Places::default();
        let sum = places.measured(below_main(SUM), Some(SUM), 100).unwrap();
        places.pool(1_000);
        places.told(sum, 600);
        places.beaten([MAIN].into_iter(), Some(MAIN));
        assert_eq!((places.own(SUM), places.own(MAIN)), (spent(100, 600), spent(0, 400)));
        assert_eq!(places.totals()[&MAIN], spent(100, 1_000));
    }

    #[test]
    fn what_is_told_before_it_is_in_the_pool_is_not_given_twice() {
        let mut places = Places::default();
        let sum = places.measured(below_main(SUM), Some(SUM), 100).unwrap();
        places.told(sum, 600);
        places.pool(1_000);
        places.beaten([MAIN].into_iter(), Some(MAIN));
        assert_eq!((places.own(SUM), places.own(MAIN)), (spent(100, 600), spent(0, 400)));
    }

    #[test]
    fn what_was_told_and_never_came_is_taken_back() {
        let mut places = Places::default();
        let sum = places.measured(below_main(SUM), Some(SUM), 100).unwrap();
        places.told(sum, 600);
        places.pool(150);
        places.empty_pool();
        assert_eq!(places.own(SUM), spent(100, 150));
    }
}
