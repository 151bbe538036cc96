//! What a table is about: some variables in an order, the last of which varies fastest.
//!
//! A [`Projection`] leads from each cell of one domain to the cell of a smaller one that it belongs to. Sums, maxima and
//! products of tables are all loops over a projection, so they are written once, here. Driven by factors and the junction
//! tree.

use std::fmt;

use crate::error::Error;

/// The most cells of one table that is held in memory (8 GiB of numbers); limits on memory are lower as a rule.
pub(crate) const CELLS_MAX: usize = 1 << 30;
/// The most cells of the part of a projection that varies fast: 4 KiB, so that it stays in the first cache.
const INNER_MAX: usize = 1024;

/// A variable of a network or diagram, by its place in the list of variables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VariableId(pub(crate) u32);

impl VariableId {
    /// The variable at a place of the list, from 0.
    pub(crate) fn at(index: usize) -> Self {
        VariableId(u32::try_from(index).expect("networks have fewer variables than u32 counts"))
    }

    /// Its place in the list, from 0.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

impl fmt::Display for VariableId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "variable-{}", self.0)
    }
}

/// Distinct variables in an order with their numbers of states. Cells are counted with the last variable fastest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Domain {
    variables: Vec<VariableId>,
    sizes: Vec<u32>,
    cells: usize,
}

impl Default for Domain {
    /// No variables: one cell.
    fn default() -> Self {
        Domain { variables: Vec::new(), sizes: Vec::new(), cells: 1 }
    }
}

impl Domain {
    /// The domain of these variables, each with its number of states (at least 1).
    ///
    /// Errors: a variable twice, one without states, or more cells than memory has.
    pub fn new(variables: impl IntoIterator<Item = (VariableId, usize)>) -> Result<Self, Error> {
        let mut domain = Domain::default();
        for (variable, size) in variables {
            if domain.variables.contains(&variable) {
                return Err(Error::BadQuestion(format!("{variable} stands twice in one table")));
            }
            let cells = (domain.cells as u64).saturating_mul(size as u64);
            if size == 0 {
                return Err(Error::BadVariable(format!("{variable} has no states")));
            }
            if cells > CELLS_MAX as u64 {
                let what = "a table over these variables".to_owned();
                let (needed, allowed) = (cells.saturating_mul(8), CELLS_MAX as u64 * 8);
                return Err(Error::TooLarge { what, needed, at_least: true, allowed });
            }
            domain.variables.push(variable);
            domain.sizes.push(size as u32);
            domain.cells = cells as usize;
        }
        Ok(domain)
    }

    /// The variables, slowest first.
    pub fn variables(&self) -> &[VariableId] {
        &self.variables
    }

    /// The variables with their numbers of states.
    pub(crate) fn sized(&self) -> impl DoubleEndedIterator<Item = (VariableId, usize)> + ExactSizeIterator + '_ {
        self.variables.iter().zip(&self.sizes).map(|(&variable, &size)| (variable, size as usize))
    }

    /// How many cells a table over it has: 1 if there are no variables.
    pub fn cells(&self) -> usize {
        self.cells
    }

    /// Whether a variable is in it.
    pub fn contains(&self, variable: VariableId) -> bool {
        self.variables.contains(&variable)
    }

    /// The state of each variable in a cell, in the order of the variables.
    pub(crate) fn states_of(&self, cell: usize) -> Vec<usize> {
        let mut rest = cell;
        let mut states: Vec<usize> = self
            .sizes
            .iter()
            .rev()
            .map(|&size| {
                let state = rest % size as usize;
                rest /= size as usize;
                state
            })
            .collect();
        states.reverse();
        states
    }

    /// The cell in which each variable has the state that `state` says.
    pub(crate) fn cell_of(&self, mut state: impl FnMut(VariableId) -> usize) -> usize {
        self.sized().fold(0, |cell, (variable, size)| cell * size + state(variable))
    }

    /// The way from each cell of this domain to its cell in `smaller`, whose variables are all in this one.
    pub(crate) fn onto(&self, smaller: &Domain) -> Projection {
        let mut strides = vec![0_usize; self.variables.len()];
        let mut stride = 1;
        for (variable, size) in smaller.sized().rev() {
            let place = self.variables.iter().position(|&known| known == variable);
            strides[place.expect("the smaller domain lies in the larger one")] = stride;
            stride *= size;
        }
        let mut split = self.variables.len();
        let mut inner_cells = 1;
        while split > 0 && (inner_cells == 1 || inner_cells * self.sizes[split - 1] as usize <= INNER_MAX) {
            split -= 1;
            inner_cells *= self.sizes[split] as usize;
        }
        Projection {
            outer: offsets(&self.sizes[..split], &strides[..split]),
            inner: Inner::of(offsets(&self.sizes[split..], &strides[split..])),
            inner_cells,
            cells: self.cells,
            smaller_cells: smaller.cells,
        }
    }
}

/// The offsets of all cells of some digits, the last fastest.
fn offsets(sizes: &[u32], strides: &[usize]) -> Vec<u32> {
    let mut offsets = vec![0_u32];
    for (&size, &stride) in sizes.iter().zip(strides) {
        let longer =
            offsets.iter().flat_map(|&base| (0..size as usize).map(move |digit| base + (digit * stride) as u32));
        offsets = longer.collect();
    }
    offsets
}

/// How the cells of a run that varies fast are spread over the smaller table.
#[derive(Debug, Clone)]
enum Inner {
    /// All belong to one cell.
    One,
    /// They belong to neighbouring cells, in order.
    Neighbours,
    /// Anything else: the offset of each.
    Scattered(Vec<u32>),
}

impl Inner {
    fn of(offsets: Vec<u32>) -> Self {
        if offsets.iter().all(|&offset| offset == 0) {
            Inner::One
        } else if offsets.iter().enumerate().all(|(index, &offset)| index == offset as usize) {
            Inner::Neighbours
        } else {
            Inner::Scattered(offsets)
        }
    }
}

/// The way from each cell of a domain to its cell in a smaller one. Offsets are linear in the digits of a cell, so they
/// are kept as two short lists, one for the digits that vary slowly and one for those that vary fast.
#[derive(Debug, Clone)]
pub(crate) struct Projection {
    outer: Vec<u32>,
    inner: Inner,
    inner_cells: usize,
    cells: usize,
    smaller_cells: usize,
}

impl Projection {
    /// Cells of the smaller domain.
    pub(crate) fn smaller_cells(&self) -> usize {
        self.smaller_cells
    }

    /// Sets `into` to the sums of `table` over the variables that are not in the smaller domain.
    pub(crate) fn sum(&self, table: &[f64], into: &mut [f64]) {
        self.check(table, into);
        into.fill(0.0);
        for (run, base) in table.chunks_exact(self.inner_cells).zip(&self.outer) {
            let base = *base as usize;
            match &self.inner {
                Inner::One => into[base] += run.iter().sum::<f64>(),
                Inner::Neighbours => {
                    for (to, value) in into[base..base + run.len()].iter_mut().zip(run) {
                        *to += value;
                    }
                }
                Inner::Scattered(offsets) => {
                    for (value, offset) in run.iter().zip(offsets) {
                        into[base + *offset as usize] += value;
                    }
                }
            }
        }
    }

    /// Sets `into` to the maxima of `table` (whose numbers are at least 0) over the variables that are not in the smaller
    /// domain.
    pub(crate) fn maximum(&self, table: &[f64], into: &mut [f64]) {
        self.check(table, into);
        into.fill(0.0);
        self.each(|cell, to| into[to] = into[to].max(table[cell]));
    }

    /// Multiplies each cell of `table` by its cell of the smaller table.
    pub(crate) fn multiply(&self, table: &mut [f64], by: &[f64]) {
        self.check(table, by);
        for (run, base) in table.chunks_exact_mut(self.inner_cells).zip(&self.outer) {
            let base = *base as usize;
            match &self.inner {
                Inner::One => {
                    let factor = by[base];
                    run.iter_mut().for_each(|value| *value *= factor);
                }
                Inner::Neighbours => {
                    for (value, factor) in run.iter_mut().zip(&by[base..]) {
                        *value *= factor;
                    }
                }
                Inner::Scattered(offsets) => {
                    for (value, offset) in run.iter_mut().zip(offsets) {
                        *value *= by[base + *offset as usize];
                    }
                }
            }
        }
    }

    /// Adds to each cell of `table` its cell of the smaller table.
    pub(crate) fn add(&self, table: &mut [f64], what: &[f64]) {
        self.check(table, what);
        self.each(|cell, from| table[cell] += what[from]);
    }

    /// Calls with each cell and the cell of the smaller domain that it belongs to.
    pub(crate) fn each(&self, mut call: impl FnMut(usize, usize)) {
        for (run, &base) in self.outer.iter().enumerate() {
            for step in 0..self.inner_cells {
                let offset = match &self.inner {
                    Inner::One => 0,
                    Inner::Neighbours => step,
                    Inner::Scattered(offsets) => offsets[step] as usize,
                };
                call(run * self.inner_cells + step, base as usize + offset);
            }
        }
    }

    fn check(&self, table: &[f64], smaller: &[f64]) {
        assert_eq!((table.len(), smaller.len()), (self.cells, self.smaller_cells), "tables fit their domains");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn domain(variables: &[(u32, usize)]) -> Domain {
        Domain::new(variables.iter().map(|&(id, size)| (VariableId(id), size))).unwrap()
    }

    #[test]
    fn every_way_of_projecting_agrees_with_the_digits() {
        let large = domain(&[(0, 3), (1, 2), (2, 700), (3, 4), (4, 2)]);
        let table: Vec<f64> = (0..large.cells()).map(|cell| ((cell * 37) % 101) as f64).collect();
        for smaller in [vec![], vec![(0, 3)], vec![(4, 2), (0, 3)], vec![(3, 4), (4, 2)], vec![(1, 2), (2, 700)]] {
            let smaller = domain(&smaller);
            let mut sums = vec![0.0; smaller.cells()];
            let mut maxima = vec![0.0_f64; smaller.cells()];
            let mut product = table.clone();
            for (cell, value) in table.iter().enumerate() {
                let states = large.states_of(cell);
                let to = smaller.cell_of(|variable| states[variable.index()]);
                sums[to] += value;
                maxima[to] = maxima[to].max(*value);
            }
            for (cell, value) in product.iter_mut().enumerate() {
                let states = large.states_of(cell);
                *value *= sums[smaller.cell_of(|variable| states[variable.index()])];
            }
            let projection = large.onto(&smaller);
            let mut into = vec![9.0; smaller.cells()];
            projection.sum(&table, &mut into);
            assert_eq!(into, sums);
            projection.maximum(&table, &mut into);
            assert_eq!(into, maxima);
            let mut multiplied = table.clone();
            projection.multiply(&mut multiplied, &sums);
            assert_eq!(multiplied, product);
        }
    }

    #[test]
    fn a_table_too_large_for_memory_is_refused_before_it_is_made() {
        let wide = Domain::new((0..64).map(|id| (VariableId(id), 4)));
        assert!(matches!(wide, Err(Error::TooLarge { .. })));
        assert!(matches!(Domain::new([(VariableId(0), 2), (VariableId(0), 2)]), Err(Error::BadQuestion(_))));
        assert!(matches!(Domain::new([(VariableId(0), 0)]), Err(Error::BadVariable(_))));
    }
}
