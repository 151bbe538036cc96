//! Graphs with weights: what hangs together, and the cheapest edges that keep it so.

use petgraph::algo::kosaraju_scc;
use petgraph::graph::{DiGraph, NodeIndex};
use petgraph::unionfind::UnionFind;

use super::Error;

/// The most vertices of a graph.
pub const VERTICES_MAX: usize = 1 << 20;
/// The most edges of a graph.
pub const EDGES_MAX: usize = 1 << 22;

/// Whether edges can be gone both ways.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// From its first vertex to its second only.
    Directed,
    /// Both ways.
    Undirected,
}

/// An edge between two vertices, which are numbered from 0.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Edge {
    /// Where it begins.
    pub from: usize,
    /// Where it ends.
    pub to: usize,
    /// Its length or cost; any finite number.
    pub weight: f64,
}

/// A graph with weights. Several edges may join the same vertices, and a vertex itself.
#[derive(Debug, Clone)]
pub struct WeightedGraph {
    pub(super) edges: Vec<Edge>,
    pub(super) direction: Direction,
    /// Its edges are numbered as `edges`; one of an undirected graph is here once, and gone both ways.
    pub(super) graph: DiGraph<(), ()>,
}

/// The edges of least weight that keep together what hangs together.
#[derive(Debug, Clone, PartialEq)]
pub struct SpanningForest {
    /// The edges, by their places in the graph's list, ascending: one fewer than vertices in each component.
    pub edges: Vec<usize>,
    /// The sum of their weights.
    pub weight: f64,
}

impl WeightedGraph {
    /// A graph of vertices numbered from 0.
    ///
    /// Errors: more than 2^20 vertices or 2^22 edges, an edge to a vertex that there is not, a weight that is not finite.
    pub fn new(vertices: usize, edges: Vec<Edge>, direction: Direction) -> Result<Self, Error> {
        for (size, unit, most) in [(vertices, "vertices", VERTICES_MAX), (edges.len(), "edges", EDGES_MAX)] {
            if size > most {
                return Err(Error::TooLarge { what: "the graph", size, unit, most });
            }
        }
        let mut graph = DiGraph::with_capacity(vertices, edges.len());
        (0..vertices).for_each(|_| {
            graph.add_node(());
        });
        for (place, edge) in edges.iter().enumerate() {
            for index in [edge.from, edge.to] {
                check_vertex(index, vertices)?;
            }
            if !edge.weight.is_finite() {
                return Err(Error::NotFinite { what: format!("the weight of edge {place}"), value: edge.weight });
            }
            graph.add_edge(NodeIndex::new(edge.from), NodeIndex::new(edge.to), ());
        }
        Ok(WeightedGraph { edges, direction, graph })
    }

    /// How many vertices there are.
    pub fn vertex_count(&self) -> usize {
        self.graph.node_count()
    }

    /// The edges, in the order in which they were given.
    pub fn edges(&self) -> &[Edge] {
        &self.edges
    }

    /// For each vertex the number of its component: what hangs together where edges are gone both ways. Components are
    /// numbered from 0 in the order of their first vertices.
    pub fn components(&self) -> Vec<usize> {
        let mut sets = UnionFind::new(self.vertex_count());
        for edge in &self.edges {
            sets.union(edge.from, edge.to);
        }
        let names: Vec<usize> = (0..self.vertex_count()).map(|vertex| sets.find(vertex)).collect();
        numbered(&names)
    }

    /// For each vertex the number of its strongly connected component: those from each of which edges lead to all others
    /// and back (the algorithm of Kosaraju and Sharir, 1981). Numbered as [`WeightedGraph::components`], which it is where
    /// the graph is undirected.
    pub fn strong_components(&self) -> Vec<usize> {
        if self.direction == Direction::Undirected {
            return self.components();
        }
        let mut names = vec![0; self.vertex_count()];
        for (name, component) in kosaraju_scc(&self.graph).into_iter().enumerate() {
            component.into_iter().for_each(|vertex| names[vertex.index()] = name);
        }
        numbered(&names)
    }

    /// The spanning tree of least weight, one for each component (J. Kruskal, 1956). Of edges of equal weight the first
    /// counts as the lighter.
    ///
    /// Errors: a directed graph.
    pub fn minimum_spanning_forest(&self) -> Result<SpanningForest, Error> {
        if self.direction == Direction::Directed {
            return Err(Error::Directed);
        }
        let mut order: Vec<usize> = (0..self.edges.len()).collect();
        order.sort_by(|a, b| self.edges[*a].weight.total_cmp(&self.edges[*b].weight));
        let mut sets = UnionFind::new(self.vertex_count());
        order.retain(|place| sets.union(self.edges[*place].from, self.edges[*place].to));
        order.sort_unstable();
        let weight = order.iter().map(|place| self.edges[*place].weight).sum();
        Ok(SpanningForest { edges: order, weight })
    }
}

/// Refuses vertices that there are not.
pub(super) fn check_vertex(index: usize, count: usize) -> Result<(), Error> {
    if index >= count {
        return Err(Error::Unknown { what: "vertex", index, count });
    }
    Ok(())
}

/// Names replaced by numbers from 0 in the order in which they first occur. Names are below their count.
fn numbered(names: &[usize]) -> Vec<usize> {
    let mut numbers = vec![None; names.len()];
    let mut next = 0;
    let mut number = |name: usize| {
        *numbers[name].get_or_insert_with(|| {
            next += 1;
            next - 1
        })
    };
    names.iter().map(|name| number(*name)).collect()
}
