//! Output sets: what several rules conclude, joined over a grid of the output's scale, and the number that stands for it.
//!
//! Between the points of the grid a set is taken as straight; with the places where its terms bend on the grid, what is
//! left of error shrinks with the square of the step. The defuzzifiers are the usual ones (Jang, Sun and Mizutani 1997).

use super::{Linguistic, Settings};
use crate::error::Error;

/// How an output set becomes a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Defuzzifier {
    /// The centre of gravity of the area.
    #[default]
    Centroid,
    /// The place that halves the area.
    Bisector,
    /// The middle of where the set is highest.
    MeanOfMaximum,
    /// The first place where the set is highest.
    SmallestOfMaximum,
    /// The last place where the set is highest.
    LargestOfMaximum,
}

/// Names of the defuzzifiers.
const DEFUZZIFIERS: [(&str, Defuzzifier); 5] = [
    ("centroid", Defuzzifier::Centroid),
    ("bisector", Defuzzifier::Bisector),
    ("mean_of_maximum", Defuzzifier::MeanOfMaximum),
    ("smallest_of_maximum", Defuzzifier::SmallestOfMaximum),
    ("largest_of_maximum", Defuzzifier::LargestOfMaximum),
];

impl Defuzzifier {
    /// The defuzzifier of a name.
    ///
    /// Errors: no such one; the message lists those that there are.
    pub fn named(name: &str) -> Result<Self, Error> {
        let found = DEFUZZIFIERS.iter().find(|(known, _)| *known == name).map(|(_, which)| *which);
        found.ok_or_else(|| {
            let names: Vec<&str> = DEFUZZIFIERS.iter().map(|(name, _)| *name).collect();
            Error::BadFuzzy(format!("there is no defuzzifier {name}: it is one of {}", names.join(", ")))
        })
    }
}

/// Heights that differ by no more than this are one height: what sums of degrees miss by rounding.
const ROUNDING: f64 = 1e-12;

/// A fuzzy set over a grid.
#[derive(Debug, Clone, PartialEq)]
pub struct Surface {
    /// The grid: places on the scale, ascending.
    pub places: Vec<f64>,
    /// How far each belongs to the set, from 0 to 1.
    pub heights: Vec<f64>,
}

impl Surface {
    /// The sets of `terms`, each cut or scaled to its height, joined.
    pub(crate) fn joined(output: &Linguistic, settings: &Settings, terms: &[usize], heights: &[f64]) -> Self {
        let places = grid(output, settings.steps);
        let mut joined = vec![0.0; places.len()];
        for (&term, &height) in terms.iter().zip(heights) {
            let membership = output.terms[term].membership;
            for (value, &x) in joined.iter_mut().zip(&places) {
                *value = settings.aggregation.or(*value, settings.implication.and(height, membership.of(x)));
            }
        }
        Surface { places, heights: joined }
    }

    /// The number that stands for the set; none where it is empty.
    pub fn number(&self, defuzzifier: Defuzzifier) -> Option<f64> {
        let highest = self.heights.iter().copied().fold(0.0, f64::max);
        if highest <= 0.0 {
            return None;
        }
        let top = highest - ROUNDING;
        let at_top = || self.places.iter().zip(&self.heights).filter(|(_, height)| **height >= top);
        match defuzzifier {
            Defuzzifier::Centroid => Some(self.centroid()),
            Defuzzifier::Bisector => Some(self.bisector()),
            Defuzzifier::SmallestOfMaximum => at_top().next().map(|(x, _)| *x),
            Defuzzifier::LargestOfMaximum => at_top().next_back().map(|(x, _)| *x),
            Defuzzifier::MeanOfMaximum => Some(self.middle_of_top(highest)),
        }
    }

    /// Each step of the grid: where it begins, how long it is, and the heights at its ends.
    fn steps(&self) -> impl Iterator<Item = (f64, f64, f64, f64)> + '_ {
        let ends = self.places.windows(2).zip(self.heights.windows(2));
        ends.map(|(x, height)| (x[0], x[1] - x[0], height[0], height[1]))
    }

    fn area(&self) -> f64 {
        self.steps().map(|(_, long, a, b)| long * (a + b) / 2.0).sum()
    }

    fn centroid(&self) -> f64 {
        let area = self.area();
        // Of one step: its area times its own centre of gravity.
        let moment: f64 =
            self.steps().map(|(x, long, a, b)| long * (a + b) / 2.0 * x + long * long * (a + 2.0 * b) / 6.0).sum();
        if area > 0.0 { moment / area } else { self.middle_of_top(self.heights.iter().copied().fold(0.0, f64::max)) }
    }

    fn bisector(&self) -> f64 {
        let half = self.area() / 2.0;
        let mut before = 0.0;
        for (x, long, a, b) in self.steps() {
            let own = long * (a + b) / 2.0;
            if own > 0.0 && before + own >= half {
                // The area up to share t of the step is long (a t + (b - a) t² / 2).
                let (wanted, slope) = ((half - before) / long, b - a);
                let root = (a * a + 2.0 * slope * wanted).max(0.0).sqrt();
                let share = if a + root > 0.0 { 2.0 * wanted / (a + root) } else { 0.0 };
                return x + long * share.clamp(0.0, 1.0);
            }
            before += own;
        }
        self.middle_of_top(self.heights.iter().copied().fold(0.0, f64::max))
    }

    /// The mean of the places where the set is highest: over stretches by their length, else over single points.
    fn middle_of_top(&self, highest: f64) -> f64 {
        let top = highest - ROUNDING;
        let (mut sum, mut total) = (0.0, 0.0);
        for (x, long, ..) in self.steps().filter(|(_, _, a, b)| *a >= top && *b >= top) {
            sum += long * (x + long / 2.0);
            total += long;
        }
        if total > 0.0 {
            return sum / total;
        }
        let points: Vec<f64> =
            self.places.iter().zip(&self.heights).filter(|(_, height)| **height >= top).map(|(x, _)| *x).collect();
        points.iter().sum::<f64>() / points.len().max(1) as f64
    }
}

/// Even steps over the scale, and the places where a term bends.
fn grid(output: &Linguistic, steps: usize) -> Vec<f64> {
    let (low, high) = (output.low, output.high);
    let mut places: Vec<f64> =
        (0..=steps).map(|step| low + (high - low) * (step as f64 / steps as f64)).chain([high]).collect();
    let bends = output.terms.iter().flat_map(|term| term.membership.bends());
    places.extend(bends.filter(|bend| (low..=high).contains(bend)));
    places.sort_by(f64::total_cmp);
    places.dedup();
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    fn surface(points: &[(f64, f64)]) -> Surface {
        Surface { places: points.iter().map(|p| p.0).collect(), heights: points.iter().map(|p| p.1).collect() }
    }

    #[test]
    fn every_defuzzifier_follows_its_definition() {
        // A right triangle from (0, 0) to (3, 1), then down to 0: centroid at 2, half of the area at 3 / sqrt(2).
        let triangle = surface(&[(0.0, 0.0), (3.0, 1.0), (3.0, 0.0)]);
        assert!((triangle.number(Defuzzifier::Centroid).unwrap() - 2.0).abs() < 1e-12);
        assert!((triangle.number(Defuzzifier::Bisector).unwrap() - 3.0 / 2.0_f64.sqrt()).abs() < 1e-12);
        let plateau = surface(&[(0.0, 0.0), (1.0, 0.5), (3.0, 0.5), (9.0, 0.0)]);
        assert_eq!(plateau.number(Defuzzifier::SmallestOfMaximum), Some(1.0));
        assert_eq!(plateau.number(Defuzzifier::MeanOfMaximum), Some(2.0));
        assert_eq!(plateau.number(Defuzzifier::LargestOfMaximum), Some(3.0));
        assert_eq!(surface(&[(0.0, 0.0), (1.0, 0.0)]).number(Defuzzifier::Centroid), None);
    }
}
