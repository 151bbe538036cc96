//! Blocks of cells in one to ten dimensions, as graphs: paths around obstacles, and what hangs together.

use super::graph::{EDGES_MAX, VERTICES_MAX};
use super::{Direction, Edge, Error, WeightedGraph, check_dimension};

/// Which cells are next to each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Neighbours {
    /// Those that share a face: 2 in each dimension.
    Faces,
    /// Those that share a corner also: 3^dimensions - 1.
    Corners,
}

/// A block of cells. A cell is named by its place along each axis, or by its number: the last axis counts fastest, as in
/// arrays of C.
#[derive(Debug, Clone, PartialEq)]
pub struct Grid {
    shape: Vec<usize>,
    costs: Vec<Option<f64>>,
}

impl Grid {
    /// A block of `shape` cells along each axis, with the cost of each cell by its number; `None` is a wall.
    ///
    /// Errors: no axes or more than ten, an axis without cells, more than 2^20 cells, another count of costs, a cost that is
    /// negative or not finite.
    pub fn new(shape: &[usize], costs: Vec<Option<f64>>) -> Result<Self, Error> {
        let cells = cell_count(shape)?;
        if costs.len() != cells {
            return Err(Error::Length { what: "the list of costs", found: costs.len(), wanted: cells });
        }
        for (cell, cost) in costs.iter().enumerate() {
            match cost {
                Some(value) if !value.is_finite() => {
                    return Err(Error::NotFinite { what: format!("the cost of cell {cell}"), value: *value });
                }
                Some(cost) if *cost < 0.0 => return Err(Error::NegativeCost { cell, cost: *cost }),
                _ => {}
            }
        }
        Ok(Grid { shape: shape.to_vec(), costs })
    }

    /// A block whose cells cost 1 and that has no walls.
    ///
    /// Errors: those of [`Grid::new`].
    pub fn open(shape: &[usize]) -> Result<Self, Error> {
        let cells = cell_count(shape)?;
        Grid::new(shape, vec![Some(1.0); cells])
    }

    /// Cells along each axis.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The number of a cell.
    ///
    /// Errors: another count of axes, a place beyond an axis.
    pub fn cell(&self, places: &[usize]) -> Result<usize, Error> {
        if places.len() != self.shape.len() {
            return Err(Error::Length { what: "the place of a cell", found: places.len(), wanted: self.shape.len() });
        }
        let mut cell = 0;
        for (&index, &count) in places.iter().zip(&self.shape) {
            if index >= count {
                return Err(Error::Unknown { what: "place along its axis", index, count });
            }
            cell = cell * count + index;
        }
        Ok(cell)
    }

    /// The place of a cell along each axis.
    ///
    /// Errors: a number beyond the cells.
    pub fn places(&self, cell: usize) -> Result<Vec<usize>, Error> {
        if cell >= self.costs.len() {
            return Err(Error::Unknown { what: "cell", index: cell, count: self.costs.len() });
        }
        let mut rest = cell;
        let mut places: Vec<usize> = self.shape.iter().rev().map(|count| (rest % count, rest /= count).0).collect();
        places.reverse();
        Ok(places)
    }

    /// The grid as an undirected graph: a vertex for each cell, walls too, which nothing joins. A step between neighbours
    /// weighs the mean of their costs times the distance of their centres (1 over a face, √2 over an edge, …), so that
    /// [`WeightedGraph::shortest_paths`] finds the cheapest way and [`WeightedGraph::components`] what hangs together.
    ///
    /// Errors: more than 2^22 pairs of neighbours.
    pub fn to_graph(&self, neighbours: Neighbours) -> Result<WeightedGraph, Error> {
        let steps = steps(self.shape.len(), neighbours);
        let most = self.costs.len().saturating_mul(steps.len());
        if most > EDGES_MAX {
            return Err(Error::TooLarge { what: "the grid", size: most, unit: "pairs of neighbours", most: EDGES_MAX });
        }
        let mut edges = Vec::new();
        for from in 0..self.costs.len() {
            let Some(cost) = self.costs[from] else { continue };
            let places = self.places(from)?;
            for step in &steps {
                let Some(to) = self.moved(&places, step) else { continue };
                let Some(other) = self.costs[to] else { continue };
                let length = (step.iter().filter(|along| **along != 0).count() as f64).sqrt();
                edges.push(Edge { from, to, weight: (0.5 * cost + 0.5 * other) * length });
            }
        }
        WeightedGraph::new(self.costs.len(), edges, Direction::Undirected)
    }

    /// The number of the cell a step further; `None` outside.
    fn moved(&self, places: &[usize], step: &[isize]) -> Option<usize> {
        let mut along = places.iter().zip(step).zip(&self.shape);
        along.try_fold(0, |cell, ((place, by), count)| {
            let place = place.checked_add_signed(*by).filter(|place| place < count)?;
            Some(cell * count + place)
        })
    }
}

/// Steps to half of the neighbours: the others are these backwards.
fn steps(dimension: usize, neighbours: Neighbours) -> Vec<Vec<isize>> {
    let all = 3usize.pow(dimension as u32);
    let step = |code: usize| {
        (0..dimension).map(|axis| (code / 3usize.pow((dimension - 1 - axis) as u32) % 3) as isize - 1).collect()
    };
    // The middle code stands still; the codes above it step forwards along the first axis that moves.
    let forwards = (all / 2 + 1..all).map(step);
    let touches =
        |step: &Vec<isize>| neighbours == Neighbours::Corners || step.iter().filter(|along| **along != 0).count() == 1;
    forwards.filter(touches).collect()
}

fn cell_count(shape: &[usize]) -> Result<usize, Error> {
    check_dimension(shape.len())?;
    if shape.contains(&0) {
        return Err(Error::Empty("cells along an axis"));
    }
    let size = shape.iter().fold(1usize, |size, count| size.saturating_mul(*count));
    if size > VERTICES_MAX {
        return Err(Error::TooLarge { what: "the grid", size, unit: "cells", most: VERTICES_MAX });
    }
    Ok(size)
}
