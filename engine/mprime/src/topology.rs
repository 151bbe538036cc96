//! Graphs, grids, simplicial complexes, and the geometry of spaces of up to ten dimensions.
//!
//! [`WeightedGraph`]: shortest paths, components, spanning trees; [`Grid`] makes one of a block of cells. [`Complex`]: Betti
//! numbers and torsion, exact. [`Transform`]: motions and scalings as homogeneous matrices. [`ball_volume`] and
//! [`sphere_surface`]: exact, as rational multiples of powers of π.

mod complex;
mod graph;
mod grid;
mod measure;
mod normal_form;
mod paths;
mod transform;

use thiserror::Error;

pub use complex::{Complex, HomologyGroup};
pub use graph::{Direction, EDGES_MAX, Edge, SpanningForest, VERTICES_MAX, WeightedGraph};
pub use grid::{Grid, Neighbours};
pub use measure::{PiMultiple, ball_volume, sphere_surface};
pub use paths::ShortestPaths;
pub use transform::Transform;

/// The most dimensions of a grid, a transform or a ball.
pub const DIMENSIONS_MAX: usize = 10;

/// Why there is no answer. Nothing has state here: the same call fails again.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum Error {
    /// More than is taken.
    #[error("{what} has {size} {unit}; the most is {most}")]
    TooLarge {
        /// What is too large.
        what: &'static str,
        /// How large it is, or more.
        size: usize,
        /// In what.
        unit: &'static str,
        /// The most that is taken.
        most: usize,
    },
    /// Nothing where at least one is needed.
    #[error("there are no {0}; give at least one")]
    Empty(&'static str),
    /// A vertex, axis or cell that there is not.
    #[error("there is no {what} {index}; they go from 0 to {}", .count.saturating_sub(1))]
    Unknown {
        /// What.
        what: &'static str,
        /// The one that was named.
        index: usize,
        /// How many there are.
        count: usize,
    },
    /// Lengths that belong together and differ.
    #[error("{what} has {found} entries and needs {wanted}")]
    Length {
        /// What.
        what: &'static str,
        /// How many there are.
        found: usize,
        /// How many there should be.
        wanted: usize,
    },
    /// A number that is infinite or not a number.
    #[error("{what} is {value}; give a finite number")]
    NotFinite {
        /// What.
        what: String,
        /// The number.
        value: f64,
    },
    /// A cost of a cell that is negative.
    #[error("the cost of cell {cell} is {cost}; costs of cells are 0 or more")]
    NegativeCost {
        /// Its place in the list of costs.
        cell: usize,
        /// The cost.
        cost: f64,
    },
    /// A circle of edges whose weights sum to less than 0: going round again makes every path shorter.
    #[error("there is no shortest path: the edges {} sum to {sum}, which is below 0", arrows(.cycle))]
    NegativeCycle {
        /// The vertices of the circle in their order, each once.
        cycle: Vec<usize>,
        /// The sum of its weights.
        sum: f64,
    },
    /// A spanning tree of a graph whose edges have directions.
    #[error("a spanning tree is one of a graph without directions; make the graph undirected")]
    Directed,
    /// A corner that stands in a simplex twice.
    #[error("simplex {simplex} has corner {corner} twice; name each corner once")]
    RepeatedCorner {
        /// The simplex, by its place in the list.
        simplex: usize,
        /// The corner.
        corner: usize,
    },
    /// A plane that is none.
    #[error("a rotation turns one axis towards another, and both are axis {0}")]
    SameAxis(usize),
    /// A mirror without direction.
    #[error("a mirror's normal has length 0; give one that points somewhere")]
    ZeroNormal,
    /// A transform that cannot be undone.
    #[error("the transform flattens space, so that there is no way back: a factor of its scaling is 0 or nearly so")]
    Singular,
    /// A radius below 0.
    #[error("the radius is {0}; give one that is 0 or more")]
    NegativeRadius(String),
}

fn arrows(cycle: &[usize]) -> String {
    const SHOWN: usize = 12;
    let mut names: Vec<String> = cycle.iter().take(SHOWN).map(usize::to_string).collect();
    if cycle.len() > SHOWN {
        names.push(format!("… ({} vertices)", cycle.len()));
    }
    names.extend(cycle.first().map(usize::to_string));
    names.join(" → ")
}

/// Refuses dimensions that are none or too many.
fn check_dimension(dimension: usize) -> Result<(), Error> {
    match dimension {
        0 => Err(Error::Empty("dimensions")),
        1..=DIMENSIONS_MAX => Ok(()),
        size => Err(Error::TooLarge { what: "the space", size, unit: "dimensions", most: DIMENSIONS_MAX }),
    }
}
