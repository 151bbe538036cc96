//! Simplicial complexes and their homology: how many pieces, holes and hollows a shape has.

use std::collections::{BTreeMap, BTreeSet};

use dashu_int::UBig;

use super::Error;
use super::normal_form::{Row, invariant_factors};

/// The most simplices of a complex, faces included.
const SIMPLICES_MAX: usize = 1 << 13;
/// The most corners of a simplex: its faces alone are 2^corners - 1.
const CORNERS_MAX: usize = 13;

/// A simplicial complex: simplices and all their faces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Complex {
    /// The simplices of each dimension: corners ascending, simplices ascending.
    simplices: Vec<Vec<Vec<usize>>>,
}

/// A homology group over the integers: a product of copies of them and of finite cycles.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HomologyGroup {
    /// The Betti number: copies of the integers, which is also the dimension over the rationals.
    pub betti: usize,
    /// The orders of the finite cycles, each above 1 and a divisor of the next.
    pub torsion: Vec<UBig>,
    /// The dimension over the field of two elements.
    pub betti_mod_2: usize,
}

impl Complex {
    /// The complex of some simplices, each a list of corners, which are any numbers. Faces need not be given; what is given
    /// twice counts once.
    ///
    /// Errors: no simplices, one without corners, with a corner twice, with more than 13 corners; more than 8192 simplices
    /// with their faces.
    pub fn new(simplices: &[Vec<usize>]) -> Result<Self, Error> {
        if simplices.is_empty() {
            return Err(Error::Empty("simplices"));
        }
        let mut all: BTreeSet<Vec<usize>> = BTreeSet::new();
        for (simplex, corners) in simplices.iter().enumerate() {
            let mut sorted = corners.clone();
            sorted.sort_unstable();
            if sorted.is_empty() {
                return Err(Error::Empty("corners of a simplex"));
            }
            if let Some(pair) = sorted.windows(2).find(|pair| pair[0] == pair[1]) {
                return Err(Error::RepeatedCorner { simplex, corner: pair[0] });
            }
            if sorted.len() > CORNERS_MAX {
                return Err(Error::TooLarge {
                    what: "a simplex",
                    size: sorted.len(),
                    unit: "corners",
                    most: CORNERS_MAX,
                });
            }
            if !all.contains(&sorted) {
                all.extend(faces(&sorted));
            }
            if all.len() > SIMPLICES_MAX {
                return Err(Error::TooLarge {
                    what: "the complex",
                    size: all.len(),
                    unit: "simplices",
                    most: SIMPLICES_MAX,
                });
            }
        }
        let dimension = all.iter().map(|simplex| simplex.len() - 1).max().expect("there is a simplex");
        let mut by_dimension = vec![Vec::new(); dimension + 1];
        all.into_iter().for_each(|simplex| by_dimension[simplex.len() - 1].push(simplex));
        Ok(Complex { simplices: by_dimension })
    }

    /// The dimension of its largest simplices.
    pub fn dimension(&self) -> usize {
        self.simplices.len() - 1
    }

    /// How many simplices there are of each dimension, from corners upwards.
    pub fn counts(&self) -> Vec<usize> {
        self.simplices.iter().map(Vec::len).collect()
    }

    /// The Euler characteristic: corners less edges and triangles less tetrahedra and so on.
    pub fn euler_characteristic(&self) -> i64 {
        let signed = self.counts().into_iter().enumerate();
        signed.map(|(dimension, count)| if dimension % 2 == 0 { count as i64 } else { -(count as i64) }).sum()
    }

    /// The homology groups from dimension 0 to that of the complex, exact: the boundary matrices are brought to Smith's
    /// normal form (J. Munkres, "Elements of Algebraic Topology", 1984, §11).
    pub fn homology(&self) -> Vec<HomologyGroup> {
        // Of the boundary of each dimension; that of corners is nothing.
        let mut factors: Vec<Vec<UBig>> = vec![Vec::new()];
        factors.extend((1..self.simplices.len()).map(|dimension| invariant_factors(self.boundary(dimension))));
        factors.push(Vec::new());
        let odd = |factors: &[UBig]| factors.iter().filter(|factor| factor.trailing_zeros() == Some(0)).count();
        let group = |dimension: usize| {
            let (below, above) = (&factors[dimension], &factors[dimension + 1]);
            let count = self.simplices[dimension].len();
            HomologyGroup {
                betti: count - below.len() - above.len(),
                torsion: above.iter().filter(|factor| !factor.is_one()).cloned().collect(),
                betti_mod_2: count - odd(below) - odd(above),
            }
        };
        (0..self.simplices.len()).map(group).collect()
    }

    /// The boundary of each simplex of a dimension above 0, a row each: its faces, by their places, with alternating signs.
    fn boundary(&self, dimension: usize) -> Vec<Row> {
        let places: BTreeMap<&[usize], usize> =
            self.simplices[dimension - 1].iter().enumerate().map(|(place, face)| (face.as_slice(), place)).collect();
        let row = |simplex: &Vec<usize>| {
            let face = |left_out: usize| {
                let mut face = simplex.clone();
                face.remove(left_out);
                (places[face.as_slice()], if left_out.is_multiple_of(2) { 1 } else { -1 }.into())
            };
            (0..simplex.len()).map(face).collect()
        };
        self.simplices[dimension].iter().map(row).collect()
    }
}

/// A simplex and all its faces: every choice of at least one corner.
fn faces(simplex: &[usize]) -> impl Iterator<Item = Vec<usize>> {
    let chosen = |choice: usize| {
        let corners = simplex.iter().enumerate().filter(move |(place, _)| choice >> place & 1 == 1);
        corners.map(|(_, corner)| *corner).collect()
    };
    (1..1usize << simplex.len()).map(chosen)
}
