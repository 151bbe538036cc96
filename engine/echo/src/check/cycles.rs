//! Circles: strongly connected components of the causal triggers and of the flow of values.

use crate::check::finding::{Finding, FindingKind, Severity, path_text};
use crate::graph::Graph;
use crate::trigger::TriggerKind;

/// Strongly connected components, numbered so that edges between them go from higher to lower numbers.
pub(crate) struct Components {
    /// Component of each node.
    pub(crate) of: Vec<u32>,
    /// Number of components.
    pub(crate) count: u32,
}

/// The causal structure of a graph.
pub(super) struct Structure {
    pub(super) components: Components,
}

impl Structure {
    pub(super) fn new(graph: &Graph) -> Self {
        Structure { components: Components::new(graph, TriggerKind::is_causal) }
    }
}

const UNSEEN: u32 = u32::MAX;

impl Components {
    /// Components along the edges of the chosen kinds (Tarjan, "Depth-first search and linear graph algorithms", 1972,
    /// with its own stack, so that a chain of millions is no danger).
    pub(crate) fn new(graph: &Graph, chosen: fn(TriggerKind) -> bool) -> Self {
        let nodes = graph.len();
        let (mut order, mut low, mut of) = (vec![UNSEEN; nodes], vec![0_u32; nodes], vec![UNSEEN; nodes]);
        let (mut open, mut path): (Vec<u32>, Vec<(u32, u32)>) = (Vec::new(), Vec::new());
        let (mut next, mut count) = (0, 0);
        for start in 0..nodes as u32 {
            if order[start as usize] != UNSEEN {
                continue;
            }
            path.push((start, 0));
            while let Some((node, at)) = path.last_mut() {
                let node = *node;
                if *at == 0 {
                    (order[node as usize], low[node as usize]) = (next, next);
                    next += 1;
                    open.push(node);
                }
                if let Some(&edge) = graph.outgoing(node).get(*at as usize) {
                    *at += 1;
                    let edge = graph.edges[edge as usize];
                    let target = edge.target as usize;
                    if chosen(edge.kind) && order[target] == UNSEEN {
                        path.push((edge.target, 0));
                    } else if chosen(edge.kind) && of[target] == UNSEEN {
                        low[node as usize] = low[node as usize].min(order[target]);
                    }
                    continue;
                }
                if low[node as usize] == order[node as usize] {
                    while let Some(member) = open.pop() {
                        of[member as usize] = count;
                        if member == node {
                            break;
                        }
                    }
                    count += 1;
                }
                path.pop();
                if let Some((parent, _)) = path.last() {
                    low[*parent as usize] = low[*parent as usize].min(low[node as usize]);
                }
            }
        }
        Components { of, count }
    }

    /// For each component that is a circle its first node and its size, in the order of nodes: those of two nodes or
    /// more, and those of one with an edge of a chosen kind to itself.
    fn circles(&self, graph: &Graph, chosen: fn(TriggerKind) -> bool) -> Vec<(u32, u32)> {
        let mut sizes = vec![0_u32; self.count as usize];
        let mut firsts = vec![UNSEEN; self.count as usize];
        for (node, &component) in self.of.iter().enumerate() {
            sizes[component as usize] += 1;
            let first = &mut firsts[component as usize];
            *first = (*first).min(node as u32);
        }
        let mut turns: Vec<bool> = sizes.iter().map(|size| *size > 1).collect();
        for edge in graph.edges.iter().filter(|edge| edge.source == edge.target && chosen(edge.kind)) {
            turns[self.of[edge.source as usize] as usize] = true;
        }
        let circles = firsts.into_iter().zip(sizes).zip(turns).filter(|(_, turns)| *turns);
        let mut found: Vec<(u32, u32)> = circles.map(|(circle, _)| circle).collect();
        found.sort_unstable();
        found
    }
}

/// Every circle of causes, each with a shortest loop through its first event.
pub(super) fn bootstrap_loops(graph: &Graph, structure: &Structure) -> Vec<Finding> {
    let circles = structure.components.circles(graph, TriggerKind::is_causal);
    let loops = circles.into_iter().map(|(first, size)| {
        let edges = shortest_loop(graph, &structure.components, first, TriggerKind::is_causal);
        let nodes: Vec<u32> = edges.iter().map(|&edge| graph.edges[edge as usize].source).collect();
        let rest = if size as usize > nodes.len() {
            format!(" ({size} events hang together like this)")
        } else {
            String::new()
        };
        let text = format!("these events cause one another in a circle: {} → again{rest}", path_text(graph, &nodes));
        Finding::new(graph, (FindingKind::BootstrapLoop, Severity::Error), &nodes, &edges, text)
    });
    loops.collect()
}

/// Every circle of values that none enters from outside.
pub(super) fn information_loops(graph: &Graph) -> Vec<Finding> {
    let informs = |kind: TriggerKind| kind == TriggerKind::Informs;
    if !graph.edges.iter().any(|edge| informs(edge.kind)) {
        return Vec::new();
    }
    let components = Components::new(graph, informs);
    let mut has_origin = vec![false; components.count as usize];
    for edge in graph.edges.iter().filter(|edge| informs(edge.kind)) {
        let [source, target] = [edge.source, edge.target].map(|node| components.of[node as usize]);
        has_origin[target as usize] |= source != target;
    }
    let circles = components.circles(graph, informs).into_iter();
    let loops = circles.filter(|(first, _)| !has_origin[components.of[*first as usize] as usize]).map(|(first, _)| {
        let edges = shortest_loop(graph, &components, first, informs);
        let nodes: Vec<u32> = edges.iter().map(|&edge| graph.edges[edge as usize].source).collect();
        let text = format!("this value comes from itself and from nowhere else: {} → again", path_text(graph, &nodes));
        Finding::new(graph, (FindingKind::InformationLoop, Severity::Error), &nodes, &edges, text)
    });
    loops.collect()
}

/// A shortest loop through `start` inside its component, as edges.
fn shortest_loop(graph: &Graph, components: &Components, start: u32, chosen: fn(TriggerKind) -> bool) -> Vec<u32> {
    let mut came_by: std::collections::BTreeMap<u32, u32> = std::collections::BTreeMap::new();
    let mut queue = std::collections::VecDeque::from([start]);
    while let Some(node) = queue.pop_front() {
        for &edge in graph.outgoing(node) {
            let ends = graph.edges[edge as usize];
            let inside = components.of[ends.target as usize] == components.of[start as usize];
            if !inside || !chosen(ends.kind) || came_by.contains_key(&ends.target) {
                continue;
            }
            came_by.insert(ends.target, edge);
            if ends.target == start {
                let mut path = vec![edge];
                let mut at = ends.source;
                while at != start {
                    let edge = came_by[&at];
                    path.push(edge);
                    at = graph.edges[edge as usize].source;
                }
                path.reverse();
                return path;
            }
            queue.push_back(ends.target);
        }
    }
    unreachable!("every node of a circle is on a loop inside its component")
}
