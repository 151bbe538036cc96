//! Events that, by their consequences, rule out one of their own causes.

use crate::check::cycles::Structure;
use crate::check::finding::{Finding, FindingKind, Severity, path_text};
use crate::check::temporal::root;
use crate::graph::Graph;
use crate::trigger::TriggerKind;

/// The most findings of one connected part whose witness path is searched; further ones name the trigger only.
const PATHS_SEARCHED_MAX: u32 = 200;

/// Every trigger that prevents an event from which its own source comes about.
///
/// Reachability is computed for 64 triggers in one sweep over the condensed graph, so that many of them cost little.
pub(super) fn findings(graph: &Graph, structure: &Structure) -> Vec<Finding> {
    let prevents: Vec<u32> = (0..graph.edges.len() as u32)
        .filter(|&edge| graph.edges[edge as usize].kind == TriggerKind::Prevents)
        .collect();
    if prevents.is_empty() {
        return Vec::new();
    }
    let components = &structure.components;
    // Edges between components in the order in which reachability flows: sources have the higher numbers.
    let mut flow: Vec<(u32, u32)> = graph
        .edges
        .iter()
        .filter(|edge| edge.kind.is_causal())
        .map(|edge| (components.of[edge.source as usize], components.of[edge.target as usize]))
        .filter(|(source, target)| source != target)
        .collect();
    flow.sort_unstable_by(|a, b| b.cmp(a));
    let mut reached = vec![0_u64; components.count as usize];
    let mut hits = Vec::new();
    for batch in prevents.chunks(64) {
        reached.fill(0);
        for (bit, &edge) in batch.iter().enumerate() {
            reached[components.of[graph.edges[edge as usize].target as usize] as usize] |= 1 << bit;
        }
        for &(source, target) in &flow {
            reached[target as usize] |= reached[source as usize];
        }
        let hit = |(bit, edge): (usize, &u32)| {
            let source = components.of[graph.edges[*edge as usize].source as usize];
            (reached[source as usize] >> bit & 1 == 1).then_some(*edge)
        };
        hits.extend(batch.iter().enumerate().filter_map(hit));
    }
    let mut parent: Vec<u32> = (0..graph.len() as u32).collect();
    for edge in &graph.edges {
        let (a, b) = (root(&mut parent, edge.source), root(&mut parent, edge.target));
        parent[a.max(b) as usize] = a.min(b);
    }
    let mut searched = vec![0_u32; graph.len()];
    let found = hits.into_iter().map(|edge| {
        let count = &mut searched[root(&mut parent, graph.edges[edge as usize].source) as usize];
        *count += 1;
        finding(graph, edge, *count <= PATHS_SEARCHED_MAX)
    });
    found.collect()
}

fn finding(graph: &Graph, edge: u32, search: bool) -> Finding {
    let ends = graph.edges[edge as usize];
    let mut edges = Vec::new();
    if search && ends.source != ends.target {
        edges = graph.shortest_path(ends.target, ends.source).unwrap_or_default();
    }
    let mut nodes = vec![ends.target];
    nodes.extend(edges.iter().map(|&edge| graph.edges[edge as usize].target));
    if nodes.last() != Some(&ends.source) {
        nodes.push(ends.source);
    }
    edges.push(edge);
    let [source, target] = [ends.source, ends.target].map(|node| &graph.nodes[node as usize].name);
    let text = format!("`{source}` prevents `{target}`, from which it comes: {}", path_text(graph, &nodes));
    Finding::new(graph, (FindingKind::Grandfather, Severity::Error), &nodes, &edges, text)
}
