//! Whether the delay bounds have a solution: the simple temporal network of a timeline.
//!
//! Variables are the times of events; every causal trigger says `min ≤ target − source ≤ max`, unless its target has other
//! causes, any of which may have been the one; every fact is at its time.
//! There is a solution exactly if no cycle of these inequalities sums to a contradiction (Dechter, Meiri, Pearl,
//! "Temporal constraint networks", 1991). Solved by relaxation from the times as they stand, so that a timeline that is
//! in order costs one look at each trigger.

use std::collections::VecDeque;

use crate::check::finding::{Finding, FindingKind, Severity, path_text};
use crate::event::EventKind;
use crate::graph::{Adjacency, Graph};
use crate::time::Micros;

/// Relaxations allowed for each trigger of a part before it is given up as undecided.
const WORK_PER_CONSTRAINT: usize = 400;
/// Relaxations allowed in any case, so that small parts are always decided.
const WORK_MIN: usize = 4_000_000;
const NOBODY: u32 = u32::MAX;

/// `time[to] ≥ time[from] + gap`.
#[derive(Debug, Clone, Copy)]
struct Constraint {
    from: u32,
    to: u32,
    gap: i64,
    /// The trigger that says so; [`NOBODY`] for a fact's time.
    edge: u32,
}

/// An answer of the solver.
#[derive(Debug, Clone, PartialEq)]
pub enum Schedule {
    /// Times of all events, in the order of [`Graph::nodes`], that satisfy every bound; those that could stay did.
    Feasible(Vec<i128>),
    /// A circle of bounds that contradict one another: triggers in order, and the events between them.
    Impossible {
        /// Events of the circle.
        nodes: Vec<u32>,
        /// Triggers of the circle, as places in [`Graph::edges`].
        edges: Vec<u32>,
        /// By how much the circle is too long.
        excess: i128,
    },
    /// The bound on work was reached.
    Undecided,
}

/// Searches times that satisfy every bound of the whole graph.
pub fn feasible_schedule(graph: &Graph) -> Schedule {
    let members: Vec<u32> = (0..graph.len() as u32).collect();
    let edges: Vec<u32> = (0..graph.edges.len() as u32).filter(|&edge| graph.binds(edge)).collect();
    solve(graph, &members, &edges)
}

/// One finding for each causally connected part without a solution, and how many parts could not be decided.
pub(super) fn findings(graph: &Graph) -> (Vec<Finding>, usize) {
    let edges: Vec<u32> = (0..graph.edges.len() as u32).filter(|&edge| graph.binds(edge)).collect();
    if edges.iter().all(|&edge| holds(graph, edge)) {
        return (Vec::new(), 0);
    }
    let (mut found, mut undecided) = (Vec::new(), 0);
    for (members, edges) in parts(graph, &edges) {
        if edges.iter().all(|&edge| holds(graph, edge)) {
            continue;
        }
        match solve(graph, &members, &edges) {
            Schedule::Feasible(_) => {}
            Schedule::Undecided => undecided += 1,
            Schedule::Impossible { nodes, edges, excess } => {
                let excess = Micros(i64::try_from(excess).unwrap_or(i64::MAX));
                let text = format!(
                    "no times satisfy these delays: they are {excess} too long together: {}",
                    path_text(graph, &nodes)
                );
                let kind = (FindingKind::TemporalInconsistency, Severity::Error);
                found.push(Finding::new(graph, kind, &nodes, &edges, text));
            }
        }
    }
    (found, undecided)
}

/// Whether a trigger's bounds hold between the times as they stand.
pub(super) fn holds(graph: &Graph, edge: u32) -> bool {
    let (ends, (least, most)) = (graph.edges[edge as usize], graph.bounds(edge));
    let gap = graph.time(ends.target) - graph.time(ends.source);
    (least..=most).contains(&gap)
}

/// The causally connected parts, in the order of their first events, with their edges in order.
fn parts(graph: &Graph, edges: &[u32]) -> Vec<(Vec<u32>, Vec<u32>)> {
    let mut parent: Vec<u32> = (0..graph.len() as u32).collect();
    for &edge in edges {
        let ends = graph.edges[edge as usize];
        let (a, b) = (root(&mut parent, ends.source), root(&mut parent, ends.target));
        // The smaller place leads, so that leaders come in the order of first events.
        parent[a.max(b) as usize] = a.min(b);
    }
    let mut part_of = vec![NOBODY; graph.len()];
    let mut parts: Vec<(Vec<u32>, Vec<u32>)> = Vec::new();
    for &edge in edges {
        let leader = root(&mut parent, graph.edges[edge as usize].source) as usize;
        if part_of[leader] == NOBODY {
            part_of[leader] = parts.len() as u32;
            parts.push((Vec::new(), Vec::new()));
        }
        parts[part_of[leader] as usize].1.push(edge);
    }
    for node in 0..graph.len() as u32 {
        let leader = root(&mut parent, node) as usize;
        if part_of[leader] != NOBODY {
            parts[part_of[leader] as usize].0.push(node);
        }
    }
    parts.sort_by_key(|(members, _)| members.first().copied());
    parts
}

/// Leader of a node's set, with path halving.
pub(super) fn root(parent: &mut [u32], mut node: u32) -> u32 {
    while parent[node as usize] != node {
        parent[node as usize] = parent[parent[node as usize] as usize];
        node = parent[node as usize];
    }
    node
}

/// Solves one part. `members` is sorted; the origin that facts are measured from is the place after the last.
fn solve(graph: &Graph, members: &[u32], edges: &[u32]) -> Schedule {
    let first = members.first().copied().unwrap_or(0);
    let mut places = vec![NOBODY; members.last().map_or(0, |last| (last - first) as usize + 1)];
    members.iter().enumerate().for_each(|(at, node)| places[(node - first) as usize] = at as u32);
    let place = |node: u32| places[(node - first) as usize];
    let origin = members.len() as u32;
    let mut constraints = Vec::with_capacity(2 * edges.len());
    for &edge in edges {
        let (ends, delay) = (graph.edges[edge as usize], graph.triggers[edge as usize].delay);
        let (source, target) = (place(ends.source), place(ends.target));
        constraints.push(Constraint { from: source, to: target, gap: delay.min.0, edge });
        if let Some(max) = delay.max {
            constraints.push(Constraint { from: target, to: source, gap: -max.0, edge });
        }
    }
    for (at, &node) in members.iter().enumerate() {
        let event = &graph.nodes[node as usize];
        if event.kind == EventKind::Fact {
            let (at, time) = (at as u32, event.timestamp.0);
            constraints.push(Constraint { from: origin, to: at, gap: time, edge: NOBODY });
            constraints.push(Constraint { from: at, to: origin, gap: -time, edge: NOBODY });
        }
    }
    let mut times: Vec<i128> = members.iter().map(|&node| i128::from(graph.nodes[node as usize].timestamp.0)).collect();
    times.push(0);
    match relax(&mut times, &constraints) {
        Relaxed::Settled => {
            // The origin may have been pushed; only differences to it count.
            let zero = times[origin as usize];
            times.truncate(members.len());
            let mut all: Vec<i128> = graph.nodes.iter().map(|node| i128::from(node.timestamp.0)).collect();
            members.iter().zip(times).for_each(|(&node, time)| all[node as usize] = time - zero);
            Schedule::Feasible(all)
        }
        Relaxed::Circle(circle) => {
            let excess = circle.iter().map(|&at| i128::from(constraints[at as usize].gap)).sum();
            let of = |at: &u32| constraints[*at as usize];
            let nodes = circle.iter().map(|at| of(at).from).filter(|&at| at != origin);
            let nodes = nodes.map(|at| members[at as usize]).collect();
            let edges = circle.iter().map(|at| of(at).edge).filter(|&edge| edge != NOBODY).collect();
            Schedule::Impossible { nodes, edges, excess }
        }
        Relaxed::GaveUp => Schedule::Undecided,
    }
}

enum Relaxed {
    Settled,
    Circle(Vec<u32>),
    GaveUp,
}

/// Raises times until every constraint holds (Bellman, Ford, with a queue), or a circle raises itself. What holds as the
/// times stand is looked at again only after its place was raised.
fn relax(times: &mut [i128], constraints: &[Constraint]) -> Relaxed {
    let places = times.len();
    let from = Adjacency::new(places, constraints.iter().map(|constraint| constraint.from));
    let mut raised_by = vec![NOBODY; places];
    let mut queued = vec![false; places];
    for constraint in constraints {
        let least = times[constraint.from as usize] + i128::from(constraint.gap);
        queued[constraint.from as usize] |= times[constraint.to as usize] < least;
    }
    let mut queue: VecDeque<u32> = (0..places as u32).filter(|&place| queued[place as usize]).collect();
    let most = WORK_MIN.max(constraints.len().saturating_mul(WORK_PER_CONSTRAINT));
    let (mut work, mut raises, mut search_at) = (0_usize, 0_usize, places);
    while let Some(node) = queue.pop_front() {
        queued[node as usize] = false;
        for &at in from.of(node) {
            work += 1;
            let constraint = constraints[at as usize];
            let least = times[node as usize] + i128::from(constraint.gap);
            let target = constraint.to as usize;
            if times[target] >= least {
                continue;
            }
            times[target] = least;
            raised_by[target] = at;
            raises += 1;
            if !std::mem::replace(&mut queued[target], true) {
                queue.push_back(constraint.to);
            }
        }
        // A circle among the last raises is a contradiction, and every contradiction makes one sooner or later; looking
        // costs as much as the raises since the last look.
        if raises >= search_at {
            if let Some(circle) = circle_of(&raised_by, constraints) {
                return Relaxed::Circle(circle);
            }
            search_at = raises + places;
        }
        if work > most {
            return Relaxed::GaveUp;
        }
    }
    Relaxed::Settled
}

/// A circle among the constraints that raised each place last, in the order of their direction.
fn circle_of(raised_by: &[u32], constraints: &[Constraint]) -> Option<Vec<u32>> {
    let mut seen_in = vec![NOBODY; raised_by.len()];
    for start in 0..raised_by.len() as u32 {
        let mut at = start;
        while seen_in[at as usize] == NOBODY && raised_by[at as usize] != NOBODY {
            seen_in[at as usize] = start;
            at = constraints[raised_by[at as usize] as usize].from;
        }
        if raised_by[at as usize] != NOBODY && seen_in[at as usize] == start {
            let mut circle = Vec::new();
            let mut on = at;
            loop {
                circle.push(raised_by[on as usize]);
                on = constraints[raised_by[on as usize] as usize].from;
                if on == at {
                    circle.reverse();
                    // Begin with the smallest place, so that one circle has one form.
                    let first = (0..circle.len()).min_by_key(|&i| constraints[circle[i] as usize].from).unwrap_or(0);
                    circle.rotate_left(first);
                    return Some(circle);
                }
            }
        }
    }
    None
}
