//! A state compiled for questions: events and triggers as dense arrays with both directions of every edge.
//!
//! Not kept up to date: it is a picture of one state. Checks, forecasts and drawings all start from it.

use std::collections::BTreeMap;
use std::collections::VecDeque;
use std::sync::Arc;

use crate::EchoError;
use crate::event::{EventId, TimeNode};
use crate::range::TimeRange;
use crate::state::State;
use crate::trigger::{Trigger, TriggerKind};

/// The most paths that are listed.
pub const PATHS_MAX: usize = 1_000;
/// The most steps of the search for paths, so that a dense graph is answered too.
const PATH_STEPS_MAX: usize = 1_000_000;

/// An edge by the places of its ends in [`Graph::nodes`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Edge {
    /// Place of the source.
    pub source: u32,
    /// Place of the target.
    pub target: u32,
    /// How the source acts.
    pub kind: TriggerKind,
}

/// The events and triggers of one state.
#[derive(Debug, Clone)]
pub struct Graph {
    /// Events.
    pub nodes: Vec<Arc<TimeNode>>,
    /// Ids of the events, in the same order.
    pub ids: Vec<EventId>,
    /// Triggers.
    pub triggers: Vec<Arc<Trigger>>,
    /// Ends of the triggers, in the same order.
    pub edges: Vec<Edge>,
    /// Contents that another branch has for an event, by its place.
    pub disputes: BTreeMap<u32, Arc<TimeNode>>,
    outgoing: Adjacency,
    incoming: Adjacency,
    /// What checks look at again and again, side by side, since each look at an event itself is one at another place of
    /// memory.
    dense: Dense,
}

/// Times, stated probabilities and bounds.
#[derive(Debug, Clone)]
struct Dense {
    /// Of each event, in microseconds.
    times: Vec<i64>,
    /// Whether each event has a stated probability.
    stated: Vec<bool>,
    /// Of each trigger: the least and the most of its delay, `i64::MAX` where there is none.
    bounds: Vec<(i64, i64)>,
}

impl Dense {
    fn new(nodes: &[Arc<TimeNode>], triggers: &[Arc<Trigger>]) -> Self {
        let bounds = |trigger: &Arc<Trigger>| (trigger.delay.min.0, trigger.delay.max.map_or(i64::MAX, |max| max.0));
        Dense {
            times: nodes.iter().map(|node| node.timestamp.0).collect(),
            stated: nodes.iter().map(|node| node.probability.is_some()).collect(),
            bounds: triggers.iter().map(bounds).collect(),
        }
    }
}

/// Edges by node: those of node `n` are `edges[starts[n]..starts[n + 1]]`.
#[derive(Debug, Clone)]
pub(crate) struct Adjacency {
    starts: Vec<u32>,
    edges: Vec<u32>,
}

impl Adjacency {
    pub(crate) fn new(nodes: usize, ends: impl Iterator<Item = u32> + Clone) -> Self {
        let mut starts = vec![0_u32; nodes + 2];
        for end in ends.clone() {
            starts[end as usize + 2] += 1;
        }
        for at in 2..starts.len() {
            starts[at] += starts[at - 1];
        }
        let mut edges = vec![0; starts[nodes + 1] as usize];
        for (edge, end) in ends.enumerate() {
            let place = &mut starts[end as usize + 1];
            edges[*place as usize] = edge as u32;
            *place += 1;
        }
        starts.pop();
        Adjacency { starts, edges }
    }

    pub(crate) fn of(&self, node: u32) -> &[u32] {
        &self.edges[self.starts[node as usize] as usize..self.starts[node as usize + 1] as usize]
    }
}

impl Graph {
    /// Everything in a state.
    pub fn new(state: &State) -> Self {
        Graph::of(state, |_| true)
    }

    /// What lies in a range of time or reaches into it, and the triggers between.
    pub fn within(state: &State, range: TimeRange) -> Self {
        Graph::of(state, |node| range.touches(node))
    }

    fn of(state: &State, keep: impl Fn(&TimeNode) -> bool) -> Self {
        const NOWHERE: u32 = u32::MAX;
        let mut places = vec![NOWHERE; state.nodes.len()];
        let (mut nodes, mut ids) = (Vec::with_capacity(state.events()), Vec::with_capacity(state.events()));
        for (at, slot) in state.nodes.iter().enumerate().filter(|(_, slot)| slot.live && keep(&slot.node)) {
            places[at] = nodes.len() as u32;
            nodes.push(Arc::clone(&slot.node));
            ids.push(slot.id);
        }
        let (mut triggers, mut edges) = (Vec::with_capacity(state.triggers()), Vec::with_capacity(state.triggers()));
        for slot in state.triggers.iter().filter(|slot| slot.live) {
            let [source, target] = slot.ends.map(|at| places[at as usize]);
            if source != NOWHERE && target != NOWHERE {
                triggers.push(Arc::clone(&slot.trigger));
                edges.push(Edge { source, target, kind: slot.key.kind });
            }
        }
        let mut disputes = BTreeMap::new();
        if !state.disputes.is_empty() {
            for (at, id) in ids.iter().enumerate() {
                if let Some(other) = state.disputes.get(id) {
                    disputes.insert(at as u32, Arc::clone(other));
                }
            }
        }
        Graph::from_parts(nodes, ids, triggers, edges, disputes)
    }

    /// A graph of given events and triggers; the ends of the edges are places in `nodes`.
    pub(crate) fn from_parts(
        nodes: Vec<Arc<TimeNode>>,
        ids: Vec<EventId>,
        triggers: Vec<Arc<Trigger>>,
        edges: Vec<Edge>,
        disputes: BTreeMap<u32, Arc<TimeNode>>,
    ) -> Self {
        let outgoing = Adjacency::new(nodes.len(), edges.iter().map(|edge| edge.source));
        let incoming = Adjacency::new(nodes.len(), edges.iter().map(|edge| edge.target));
        let dense = Dense::new(&nodes, &triggers);
        Graph { nodes, ids, triggers, edges, disputes, outgoing, incoming, dense }
    }

    /// Time of an event, in microseconds.
    pub(crate) fn time(&self, node: u32) -> i64 {
        self.dense.times[node as usize]
    }

    /// Whether somebody said how likely an event is.
    pub(crate) fn is_stated(&self, node: u32) -> bool {
        self.dense.stated[node as usize]
    }

    /// Least and most delay of a trigger, in microseconds; `i64::MAX` where there is no most.
    pub(crate) fn bounds(&self, edge: u32) -> (i64, i64) {
        self.dense.bounds[edge as usize]
    }

    /// Number of events.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether there are no events.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// Places in [`Graph::edges`] of the triggers that leave a node.
    pub fn outgoing(&self, node: u32) -> &[u32] {
        self.outgoing.of(node)
    }

    /// Places in [`Graph::edges`] of the triggers that reach a node.
    pub fn incoming(&self, node: u32) -> &[u32] {
        self.incoming.of(node)
    }

    /// Whether the delay of a causal trigger must hold whatever else happens: not if its target has other causes, any of
    /// which may have been the one.
    pub fn binds(&self, edge: u32) -> bool {
        let ends = self.edges[edge as usize];
        match ends.kind {
            TriggerKind::Enables => true,
            TriggerKind::Causes | TriggerKind::Option => self.causes(ends.target).nth(1).is_none(),
            TriggerKind::Prevents | TriggerKind::Excludes | TriggerKind::Informs => false,
        }
    }

    /// The triggers any one of which may bring a node about.
    pub(crate) fn causes(&self, node: u32) -> impl Iterator<Item = u32> {
        let any = |edge: &u32| matches!(self.edges[*edge as usize].kind, TriggerKind::Causes | TriggerKind::Option);
        self.incoming(node).iter().copied().filter(any)
    }

    /// Place of the event of that name.
    ///
    /// # Errors
    /// [`EchoError::NoSuchEvent`] with a name that may have been meant.
    pub fn place(&self, name: &str) -> Result<u32, EchoError> {
        let id = EventId::of(name);
        match self.ids.iter().position(|known| *known == id) {
            Some(place) => Ok(place as u32),
            None => {
                let near = crate::near::nearest(name, self.nodes.iter().take(10_000).map(|node| node.name.as_str()));
                Err(EchoError::NoSuchEvent { name: crate::time::clip(name), timeline: String::new(), near })
            }
        }
    }

    /// Everything that comes about through `node`, nearest first; not `node` itself, unless it is in a loop.
    pub fn descendants(&self, node: u32) -> Vec<u32> {
        self.reach(node, |at| self.outgoing(at).iter().map(|&edge| (edge, self.edges[edge as usize].target)))
    }

    /// Everything through which `node` comes about, nearest first; not `node` itself, unless it is in a loop.
    pub fn ancestors(&self, node: u32) -> Vec<u32> {
        self.reach(node, |at| self.incoming(at).iter().map(|&edge| (edge, self.edges[edge as usize].source)))
    }

    fn reach<I: Iterator<Item = (u32, u32)>>(&self, start: u32, next: impl Fn(u32) -> I) -> Vec<u32> {
        let mut seen = vec![false; self.len()];
        let mut found = Vec::new();
        let mut queue = VecDeque::from([start]);
        while let Some(at) = queue.pop_front() {
            for (edge, other) in next(at) {
                if self.edges[edge as usize].kind.is_causal() && !std::mem::replace(&mut seen[other as usize], true) {
                    found.push(other);
                    queue.push_back(other);
                }
            }
        }
        found
    }

    /// The shortest causal path from `source` to `target` as places in [`Graph::edges`]; `None` if there is none. From a
    /// node to itself: the shortest loop.
    pub fn shortest_path(&self, source: u32, target: u32) -> Option<Vec<u32>> {
        let mut came_by = vec![u32::MAX; self.len()];
        let mut queue = VecDeque::from([source]);
        while let Some(at) = queue.pop_front() {
            for &edge in self.outgoing(at).iter().filter(|&&edge| self.edges[edge as usize].kind.is_causal()) {
                let next = self.edges[edge as usize].target;
                if came_by[next as usize] != u32::MAX {
                    continue;
                }
                came_by[next as usize] = edge;
                if next == target {
                    let mut path = vec![edge];
                    let mut at = self.edges[edge as usize].source;
                    while at != source {
                        let edge = came_by[at as usize];
                        path.push(edge);
                        at = self.edges[edge as usize].source;
                    }
                    path.reverse();
                    return Some(path);
                }
                queue.push_back(next);
            }
        }
        None
    }

    /// Causal paths from `source` to `target` without repeated nodes, each as places in [`Graph::edges`], at most `most`
    /// (and [`PATHS_MAX`]); whether these are all.
    pub fn paths(&self, source: u32, target: u32, most: usize) -> (Vec<Vec<u32>>, bool) {
        let most = most.min(PATHS_MAX);
        // Only nodes from which the target can be reached are worth a step.
        let mut useful = vec![false; self.len()];
        useful[target as usize] = true;
        self.ancestors(target).into_iter().for_each(|at| useful[at as usize] = true);
        let (mut found, mut path, mut on_path) = (Vec::new(), Vec::new(), vec![false; self.len()]);
        on_path[source as usize] = source != target;
        let mut stack = vec![(source, 0)];
        let mut steps = 0;
        while let Some((at, next)) = stack.last_mut() {
            steps += 1;
            if found.len() == most || steps > PATH_STEPS_MAX {
                return (found, false);
            }
            let Some(&edge) = self.outgoing.of(*at).get(*next) else {
                on_path[*at as usize] = false;
                stack.pop();
                path.pop();
                continue;
            };
            *next += 1;
            let Edge { target: to, kind, .. } = self.edges[edge as usize];
            if !kind.is_causal() || !useful[to as usize] || on_path[to as usize] {
                continue;
            }
            path.push(edge);
            if to == target {
                found.push(path.clone());
                path.pop();
            } else {
                on_path[to as usize] = true;
                stack.push((to, 0));
            }
        }
        (found, true)
    }
}
