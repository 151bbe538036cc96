//! In which order to sum variables out, so that the tables in between stay small.
//!
//! Greedy orders on the interaction graph (Koller and Friedman 2009, 9.4.3): fewest missing edges (min-fill), the same
//! weighted by table size, and smallest table; the cheapest of the three is taken. The cost is known before any table is
//! made, and counting ends once it passes what is allowed. Driven by the junction tree and by single questions.

use std::collections::BTreeSet;

/// A variable of this phase is never summed out.
pub(crate) const KEPT: u32 = u32::MAX;

/// An order with what it costs.
#[derive(Debug, Clone)]
pub(crate) struct Elimination {
    /// Each variable summed out, with the others of the table that it is then in.
    pub(crate) steps: Vec<(usize, Vec<usize>)>,
    /// Cells of all those tables together.
    pub(crate) cells: f64,
    /// Cells of the largest.
    pub(crate) largest: f64,
    /// Whether counting came to the end, or passed what is allowed before.
    pub(crate) complete: bool,
}

/// What to keep small.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Criterion {
    Fill,
    WeightedFill,
    Cells,
}

/// The cheapest order found for tables of these scopes. `phases` says when a variable may go: all of a lower phase first,
/// those of [`KEPT`] never. Counting ends above `cells_max`.
pub(crate) fn cheapest(scopes: &[Vec<usize>], sizes: &[usize], phases: &[u32], cells_max: f64) -> Elimination {
    let order = |criterion| Graph::new(scopes, sizes).eliminate(phases, criterion, cells_max);
    let mut best = order(Criterion::Fill);
    for criterion in [Criterion::WeightedFill, Criterion::Cells] {
        let other = order(criterion);
        if (other.complete, -other.cells) > (best.complete, -best.cells) {
            best = other;
        }
    }
    best
}

/// Which variables meet in a table; a bit for each pair.
struct Graph<'a> {
    sizes: &'a [usize],
    words: usize,
    rows: Vec<u64>,
}

impl<'a> Graph<'a> {
    fn new(scopes: &[Vec<usize>], sizes: &'a [usize]) -> Self {
        let words = sizes.len().div_ceil(64);
        let mut graph = Graph { sizes, words, rows: vec![0; words * sizes.len()] };
        for scope in scopes {
            graph.connect(scope);
        }
        graph
    }

    fn row(&self, variable: usize) -> &[u64] {
        &self.rows[variable * self.words..][..self.words]
    }

    fn connect(&mut self, members: &[usize]) {
        for (place, &a) in members.iter().enumerate() {
            for &b in &members[place + 1..] {
                self.rows[a * self.words + b / 64] |= 1 << (b % 64);
                self.rows[b * self.words + a / 64] |= 1 << (a % 64);
            }
        }
    }

    fn neighbours(&self, variable: usize) -> Vec<usize> {
        let mut found = Vec::new();
        for (word, &bits) in self.row(variable).iter().enumerate() {
            let mut bits = bits;
            while bits != 0 {
                found.push(word * 64 + bits.trailing_zeros() as usize);
                bits &= bits - 1;
            }
        }
        found
    }

    fn remove(&mut self, variable: usize, neighbours: &[usize]) {
        for &other in neighbours {
            self.rows[other * self.words + variable / 64] &= !(1 << (variable % 64));
        }
        self.rows[variable * self.words..][..self.words].fill(0);
    }

    fn cells(&self, variable: usize, neighbours: &[usize]) -> f64 {
        neighbours.iter().map(|&other| self.sizes[other] as f64).product::<f64>() * self.sizes[variable] as f64
    }

    /// The cost of summing out a variable now, as bits that order like the number.
    fn cost(&self, variable: usize, criterion: Criterion) -> u64 {
        let neighbours = self.neighbours(variable);
        let cells = self.cells(variable, &neighbours);
        let cost = match criterion {
            Criterion::Cells => cells,
            Criterion::Fill => self.fill(variable, &neighbours, |_, missing| missing as f64),
            Criterion::WeightedFill => {
                self.fill(variable, &neighbours, |other, missing| missing as f64 * self.sizes[other] as f64)
            }
        };
        // Among equals the smaller table goes first: a fraction that no whole cost reaches.
        let cost = if criterion == Criterion::Cells { cost } else { cost + (1.0 - 1.0 / (1.0 + cells.ln())) * 0.5 };
        cost.to_bits()
    }

    /// The sum over neighbours of a weight of how many of the others each is not connected to.
    fn fill(&self, variable: usize, neighbours: &[usize], weight: impl Fn(usize, usize) -> f64) -> f64 {
        let around = self.row(variable);
        let missing = |other: usize| {
            let shared = self.row(other).iter().zip(around).map(|(a, b)| (a & b).count_ones() as usize).sum::<usize>();
            neighbours.len() - 1 - shared
        };
        neighbours.iter().map(|&other| weight(other, missing(other))).sum()
    }

    fn eliminate(mut self, phases: &[u32], criterion: Criterion, cells_max: f64) -> Elimination {
        let mut result = Elimination { steps: Vec::new(), cells: 0.0, largest: 0.0, complete: true };
        let mut costs: Vec<u64> = vec![0; self.sizes.len()];
        let mut queue: BTreeSet<(u32, u64, usize)> = BTreeSet::new();
        for variable in (0..self.sizes.len()).filter(|&variable| phases[variable] != KEPT) {
            costs[variable] = self.cost(variable, criterion);
            queue.insert((phases[variable], costs[variable], variable));
        }
        while let Some((_, _, variable)) = queue.pop_first() {
            let neighbours = self.neighbours(variable);
            let cells = self.cells(variable, &neighbours);
            result.cells += cells;
            result.largest = result.largest.max(cells);
            if result.cells > cells_max {
                result.complete = false;
                return result;
            }
            self.connect(&neighbours);
            self.remove(variable, &neighbours);
            let mut touched: BTreeSet<usize> = neighbours.iter().copied().collect();
            if criterion != Criterion::Cells {
                // New edges change the cost of whoever knows both ends.
                neighbours.iter().for_each(|&other| touched.extend(self.neighbours(other)));
            }
            for other in touched.into_iter().filter(|&other| phases[other] != KEPT) {
                let cost = self.cost(other, criterion);
                if cost != costs[other] {
                    queue.remove(&(phases[other], costs[other], other));
                    queue.insert((phases[other], cost, other));
                    costs[other] = cost;
                }
            }
            result.steps.push((variable, neighbours));
        }
        result
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chain_needs_tables_of_two_and_a_ring_of_three() {
        let chain: Vec<Vec<usize>> = (0..9).map(|i| vec![i, i + 1]).collect();
        let done = cheapest(&chain, &[2; 10], &[0; 10], f64::INFINITY);
        assert_eq!((done.largest, done.steps.len(), done.complete), (4.0, 10, true));
        let ring: Vec<Vec<usize>> = (0..10).map(|i| vec![i, (i + 1) % 10]).collect();
        assert_eq!(cheapest(&ring, &[2; 10], &[0; 10], f64::INFINITY).largest, 8.0);
    }

    #[test]
    fn phases_are_kept_and_what_is_kept_stays() {
        let star: Vec<Vec<usize>> = (1..6).map(|i| vec![0, i]).collect();
        let done = cheapest(&star, &[2; 6], &[0, 1, 1, 1, 1, KEPT], f64::INFINITY);
        assert_eq!(done.steps[0].0, 0);
        assert_eq!(done.steps.len(), 5);
        assert_eq!(done.largest, 64.0);
    }

    #[test]
    fn counting_ends_above_what_is_allowed() {
        let everything: Vec<Vec<usize>> = vec![(0..100).collect()];
        let done = cheapest(&everything, &[2; 100], &[0; 100], 1e6);
        assert!(!done.complete && done.cells > 1e6 && done.steps.is_empty());
        // Ten variables in one table: 1024 cells, then 512 and so on down to 2, which all count.
        let ten: Vec<Vec<usize>> = vec![(0..10).collect()];
        let within = |cells_max: f64| cheapest(&ten, &[2; 10], &[0; 10], cells_max);
        assert_eq!((within(2046.0).complete, within(2046.0).cells), (true, 2046.0));
        assert!(!within(2045.0).complete && within(2045.0).steps.len() == 9);
        assert!(!within(1023.0).complete && within(1023.0).steps.is_empty());
    }
}
