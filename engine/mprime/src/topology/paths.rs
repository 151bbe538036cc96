//! Shortest paths, exact: weights are brought to one power of two, sums are whole numbers, and an answer is rounded once.
//!
//! So a circle is said to be negative only where it is: rounding makes none.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use dashu_int::ops::BitTest;
use dashu_int::{IBig, Sign};
use dashu_ratio::RBig;
use petgraph::graph::NodeIndex;
use petgraph::visit::EdgeRef;

use super::graph::check_vertex;
use super::{Direction, Error, WeightedGraph};

/// The most vertices of which all distances are found.
const ALL_PAIRS_MAX: usize = 1 << 11;
/// The most steps of a search where weights are negative: vertices times edges, times the words of an exact weight over two.
const STEPS_MAX: usize = 1 << 28;
/// The most steps of all pairs together: vertices times vertices and edges, times the same.
const ALL_STEPS_MAX: usize = 1 << 26;

/// Paths from one vertex to all that edges lead to.
#[derive(Debug, Clone, PartialEq)]
pub struct ShortestPaths {
    /// Where they begin.
    pub from: usize,
    /// The length of the path to each vertex, rounded once; `None` where there is no path.
    pub distances: Vec<Option<f64>>,
    /// The vertex before each on its path; `None` for the first, and where there is no path.
    pub before: Vec<Option<usize>>,
}

impl ShortestPaths {
    /// The vertices of the path to one, from the first to it; `None` where there is no path, or no such vertex.
    pub fn path_to(&self, vertex: usize) -> Option<Vec<usize>> {
        (*self.distances.get(vertex)?)?;
        let mut path = vec![vertex];
        let mut at = vertex;
        while let Some(before) = self.before[at] {
            path.push(before);
            at = before;
        }
        path.reverse();
        debug_assert!(path[0] == self.from && path.len() <= self.distances.len());
        Some(path)
    }
}

/// What a search found: exact lengths and the vertices before.
struct Found {
    lengths: Vec<Option<IBig>>,
    before: Vec<Option<usize>>,
}

/// Weights as whole numbers: each is `whole / 2^scale`.
struct Scaled {
    wholes: Vec<IBig>,
    scale: usize,
}

impl WeightedGraph {
    /// The shortest paths from a vertex: by Dijkstra's algorithm (1959) where no weight is negative, else by that of Bellman
    /// (1958) and Ford (1956).
    ///
    /// Errors: a vertex that there is not; a circle of negative weight that can be reached; with negative weights more than
    /// 2^28 vertices times edges, or fewer where the exact weights are long (1e300 beside 1e-300).
    pub fn shortest_paths(&self, from: usize) -> Result<ShortestPaths, Error> {
        check_vertex(from, self.vertex_count())?;
        let scaled = self.scaled();
        let is_negative = scaled.wholes.iter().any(|whole| whole.sign() == Sign::Negative);
        let found = if is_negative {
            let mut lengths = vec![None; self.vertex_count()];
            lengths[from] = Some(IBig::ZERO);
            self.bellman_ford(lengths, &scaled)?
        } else {
            self.dijkstra(from, &scaled.wholes)
        };
        let distances =
            found.lengths.iter().map(|length| length.as_ref().map(|length| scaled.rounded(length))).collect();
        Ok(ShortestPaths { from, distances, before: found.before })
    }

    /// The shortest distance from each vertex (row) to each (column), rounded once; `None` where there is no path (D.
    /// Johnson, "Efficient algorithms for shortest paths in sparse networks", 1977).
    ///
    /// Errors: a circle of negative weight; more than 2048 vertices, or 2^26 vertices times vertices and edges, or
    /// fewer where the exact weights are long.
    pub fn all_distances(&self) -> Result<Vec<Vec<Option<f64>>>, Error> {
        let count = self.vertex_count();
        if count > ALL_PAIRS_MAX {
            return Err(Error::TooLarge { what: "the graph", size: count, unit: "vertices", most: ALL_PAIRS_MAX });
        }
        let scaled = self.scaled();
        let steps = count * (count + self.edges.len()) * scaled.width();
        if steps > ALL_STEPS_MAX {
            return Err(Error::TooLarge { what: "the search", size: steps, unit: "steps", most: ALL_STEPS_MAX });
        }
        // Heights that take the negative weights away: the distances from a vertex beside the graph.
        let is_negative = scaled.wholes.iter().any(|whole| whole.sign() == Sign::Negative);
        let heights: Vec<IBig> = if is_negative {
            let found = self.bellman_ford(vec![Some(IBig::ZERO); count], &scaled)?;
            found.lengths.into_iter().map(|length| length.expect("every vertex is reached")).collect()
        } else {
            vec![IBig::ZERO; count]
        };
        // An undirected graph with a negative weight has a circle of negative weight: its edge there and back.
        let lifted = scaled.wholes.iter().zip(&self.edges);
        let lifted: Vec<IBig> = lifted.map(|(w, edge)| w + &heights[edge.from] - &heights[edge.to]).collect();
        let row = |from: usize| {
            let found = self.dijkstra(from, &lifted);
            let distance = |(to, length): (usize, Option<IBig>)| {
                length.map(|length| scaled.rounded(&(length - &heights[from] + &heights[to])))
            };
            found.lengths.into_iter().enumerate().map(distance).collect()
        };
        Ok((0..count).map(row).collect())
    }

    /// The edges that leave a vertex: their places, and where they lead.
    fn leaving(&self, vertex: usize) -> impl Iterator<Item = (usize, usize)> {
        let node = NodeIndex::new(vertex);
        let there = self.graph.edges(node).map(|edge| (edge.id().index(), edge.target().index()));
        let is_undirected = self.direction == Direction::Undirected;
        let back = self.graph.edges_directed(node, petgraph::Incoming).filter(move |_| is_undirected);
        there.chain(back.map(|edge| (edge.id().index(), edge.source().index())))
    }

    fn dijkstra(&self, from: usize, wholes: &[IBig]) -> Found {
        let count = self.vertex_count();
        let mut found = Found { lengths: vec![None; count], before: vec![None; count] };
        let mut is_done = vec![false; count];
        let mut open = BinaryHeap::from([Reverse((IBig::ZERO, from))]);
        found.lengths[from] = Some(IBig::ZERO);
        while let Some(Reverse((length, vertex))) = open.pop() {
            if std::mem::replace(&mut is_done[vertex], true) {
                continue;
            }
            for (edge, next) in self.leaving(vertex) {
                debug_assert!(wholes[edge].sign() == Sign::Positive, "no weight is negative");
                let through = &length + &wholes[edge];
                if !is_done[next] && found.lengths[next].as_ref().is_none_or(|known| through < *known) {
                    found.lengths[next] = Some(through.clone());
                    found.before[next] = Some(vertex);
                    open.push(Reverse((through, next)));
                }
            }
        }
        found
    }

    /// Shortest lengths from those that are given, such as 0 for one vertex.
    fn bellman_ford(&self, lengths: Vec<Option<IBig>>, scaled: &Scaled) -> Result<Found, Error> {
        let count = self.vertex_count();
        let steps = count * self.edges.len() * scaled.width();
        if steps > STEPS_MAX {
            return Err(Error::TooLarge { what: "the search", size: steps, unit: "steps", most: STEPS_MAX });
        }
        let mut found = Found { lengths, before: vec![None; count] };
        // A path without circles has fewer edges than there are vertices: what changes in the last round has a circle.
        for _ in 0..count {
            let mut changed = None;
            for (place, edge) in self.edges.iter().enumerate() {
                let whole = &scaled.wholes[place];
                let ways = [(edge.from, edge.to), (edge.to, edge.from)];
                let ways = if self.direction == Direction::Undirected { &ways[..] } else { &ways[..1] };
                for &(from, to) in ways {
                    let Some(length) = &found.lengths[from] else { continue };
                    let through = length + whole;
                    if found.lengths[to].as_ref().is_none_or(|known| through < *known) {
                        found.lengths[to] = Some(through);
                        found.before[to] = Some(from);
                        changed = Some(to);
                    }
                }
            }
            if changed.is_none() {
                return Ok(found);
            }
            // The vertices before make a circle as soon as one is negative, mostly long before the last round.
            if let Some(cycle) = circle(&found.before, changed.expect("it changed")) {
                return Err(self.negative_cycle(cycle, scaled));
            }
        }
        unreachable!("a change in the last round comes from a circle, which is found")
    }

    /// The error for a circle of negative weight.
    fn negative_cycle(&self, cycle: Vec<usize>, scaled: &Scaled) -> Error {
        let step = |place: usize| (cycle[place], cycle[(place + 1) % cycle.len()]);
        let lightest = |(from, to): (usize, usize)| {
            let edges = self.leaving(from).filter(|(_, next)| *next == to);
            edges.map(|(edge, _)| &scaled.wholes[edge]).min().expect("an edge joins what follows each other")
        };
        let sum = (0..cycle.len()).map(|place| lightest(step(place))).fold(IBig::ZERO, |sum, whole| sum + whole);
        assert!(sum.sign() == Sign::Negative, "a circle is named only where it is negative");
        let sum = scaled.rounded(&sum);
        Error::NegativeCycle { cycle, sum }
    }

    fn scaled(&self) -> Scaled {
        let exact = |weight: f64| RBig::try_from(weight).expect("weights are finite");
        let exact: Vec<RBig> = self.edges.iter().map(|edge| exact(edge.weight)).collect();
        // Denominators are powers of two.
        let scale = exact.iter().filter_map(|weight| weight.denominator().trailing_zeros()).max().unwrap_or(0);
        let whole = |weight: &RBig| {
            let twos = weight.denominator().trailing_zeros().unwrap_or(0);
            weight.numerator() << (scale - twos)
        };
        Scaled { wholes: exact.iter().map(whole).collect(), scale }
    }
}

impl Scaled {
    /// How much longer a sum of these weights takes than one that two words hold.
    fn width(&self) -> usize {
        // Sums of a million are 20 bits longer.
        self.wholes.iter().map(|whole| (whole.bit_len() + 20) / 128 + 1).max().unwrap_or(1)
    }

    fn rounded(&self, length: &IBig) -> f64 {
        RBig::from_parts(length.clone(), dashu_int::UBig::ONE << self.scale).to_f64().value()
    }
}

/// The circle that following the vertices before leads into, in the order of its edges; `None` where it leads to a vertex
/// without one.
fn circle(before: &[Option<usize>], vertex: usize) -> Option<Vec<usize>> {
    // The turtle goes one step where the hare goes two (R. Floyd, 1967).
    let (mut slow, mut fast) = (vertex, vertex);
    loop {
        fast = before[before[fast]?]?;
        slow = before[slow].expect("the hare was here");
        if slow == fast {
            break;
        }
    }
    let mut cycle = vec![slow];
    let mut at = before[slow].expect("it is on a circle");
    while at != slow {
        cycle.push(at);
        at = before[at].expect("it is on a circle");
    }
    cycle.reverse();
    Some(cycle)
}
