//! Minima of functions of several variables.

use std::collections::VecDeque;

/// Where a search for a minimum ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Minimum {
    /// The point.
    pub x: Vec<f64>,
    /// The value there.
    pub value: f64,
    /// Steps of the search.
    pub steps: usize,
    /// Calls of the function.
    pub calls: usize,
    /// Whether the conditions of a minimum hold to the tolerance.
    pub converged: bool,
}

/// A value and the gradient there.
type Slope = (f64, Vec<f64>);

/// Pairs of steps and gradient changes that describe the curvature.
const MEMORY: usize = 10;
/// Sufficient decrease and curvature of Wolfe's conditions.
const DECREASE: f64 = 1e-4;
const CURVATURE: f64 = 0.9;

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

fn largest(v: &[f64]) -> f64 {
    v.iter().fold(0.0, |m: f64, x| if x.is_nan() { f64::NAN } else { m.max(x.abs()) })
}

/// A minimum near `start`, until no component of the gradient is above `tolerance`: L-BFGS (Nocedal and Wright,
/// "Numerical Optimization", algorithm 7.5) with a line search for Wolfe's strong conditions (3.5 and 3.6). `f` gives
/// the value and the gradient.
pub fn minimise<E>(
    f: &mut dyn FnMut(&[f64]) -> Result<Slope, E>,
    start: &[f64],
    tolerance: f64,
    steps_max: usize,
) -> Result<Minimum, E> {
    let mut search = Search { f, calls: 0 };
    let mut x = start.to_vec();
    let (mut value, mut gradient) = search.at(&x)?;
    let mut pairs: VecDeque<(Vec<f64>, Vec<f64>, f64)> = VecDeque::new();
    let mut steps = 0;
    while steps < steps_max && largest(&gradient) > tolerance {
        let mut direction = two_loops(&pairs, &gradient);
        let mut slope = dot(&direction, &gradient);
        if slope >= 0.0 || slope.is_nan() {
            // The model of the curvature is wrong: begin again with the steepest descent.
            pairs.clear();
            direction = gradient.iter().map(|g| -g).collect();
            slope = dot(&direction, &gradient);
        }
        let first = if pairs.is_empty() { (1.0 / largest(&gradient)).min(1.0) } else { 1.0 };
        let Some(found) = search.along(&x, &direction, (value, slope), first)? else {
            if pairs.is_empty() {
                break;
            }
            pairs.clear();
            continue;
        };
        steps += 1;
        let step: Vec<f64> = found.x.iter().zip(&x).map(|(a, b)| a - b).collect();
        let change: Vec<f64> = found.gradient.iter().zip(&gradient).map(|(a, b)| a - b).collect();
        let curvature = dot(&step, &change);
        if curvature > 1e-12 * dot(&change, &change).sqrt() * dot(&step, &step).sqrt() {
            if pairs.len() == MEMORY {
                pairs.pop_front();
            }
            pairs.push_back((step, change, 1.0 / curvature));
        }
        let gained = value - found.value;
        (x, value, gradient) = (found.x, found.value, found.gradient);
        if gained.abs() <= f64::EPSILON * value.abs() && gained >= 0.0 && largest(&gradient) <= tolerance.max(1e-4) {
            break;
        }
    }
    let converged = largest(&gradient) <= tolerance;
    Ok(Minimum { x, value, steps, calls: search.calls, converged })
}

/// The inverse of the curvature that the pairs describe, times the negative gradient.
fn two_loops(pairs: &VecDeque<(Vec<f64>, Vec<f64>, f64)>, gradient: &[f64]) -> Vec<f64> {
    let mut q = gradient.to_vec();
    let mut weights = Vec::with_capacity(pairs.len());
    for (step, change, rho) in pairs.iter().rev() {
        let weight = rho * dot(step, &q);
        q.iter_mut().zip(change).for_each(|(q, y)| *q -= weight * y);
        weights.push(weight);
    }
    if let Some((step, change, _)) = pairs.back() {
        let scale = dot(step, change) / dot(change, change);
        q.iter_mut().for_each(|q| *q *= scale);
    }
    for ((step, change, rho), weight) in pairs.iter().zip(weights.iter().rev()) {
        let beta = rho * dot(change, &q);
        q.iter_mut().zip(step).for_each(|(q, s)| *q += (weight - beta) * s);
    }
    q.iter_mut().for_each(|q| *q = -*q);
    q
}

/// A point of a line search.
#[derive(Clone)]
struct Point {
    length: f64,
    x: Vec<f64>,
    value: f64,
    gradient: Vec<f64>,
    slope: f64,
}

struct Search<'f, E> {
    f: &'f mut dyn FnMut(&[f64]) -> Result<Slope, E>,
    calls: usize,
}

impl<E> Search<'_, E> {
    fn at(&mut self, x: &[f64]) -> Result<Slope, E> {
        self.calls += 1;
        (self.f)(x)
    }

    fn point(&mut self, x: &[f64], direction: &[f64], length: f64) -> Result<Point, E> {
        let moved: Vec<f64> = x.iter().zip(direction).map(|(x, d)| x + length * d).collect();
        let (value, gradient) = self.at(&moved)?;
        let slope = dot(&gradient, direction);
        Ok(Point { length, x: moved, value, gradient, slope })
    }

    /// A step along `direction` that satisfies Wolfe's strong conditions; `None` where rounding leaves none.
    fn along(&mut self, x: &[f64], direction: &[f64], start: (f64, f64), first: f64) -> Result<Option<Point>, E> {
        let (value, slope) = start;
        let low_enough = |p: &Point| p.value <= value + DECREASE * p.length * slope;
        let mut before = Point { length: 0.0, x: x.to_vec(), value, gradient: Vec::new(), slope };
        let mut length = first;
        for turn in 0..40 {
            let point = self.point(x, direction, length)?;
            if point.value.is_nan() || point.value.is_infinite() {
                length = 0.5 * (before.length + length);
                if length - before.length < 1e-18 {
                    return Ok(None);
                }
                continue;
            }
            if !low_enough(&point) || (turn > 0 && point.value >= before.value) {
                return self.zoom(x, direction, start, before, point);
            }
            if point.slope.abs() <= -CURVATURE * slope {
                return Ok(Some(point));
            }
            if point.slope >= 0.0 {
                return self.zoom(x, direction, start, point, before);
            }
            length = 2.0 * point.length;
            before = point;
        }
        Ok((before.length > 0.0).then_some(before))
    }

    /// Narrows an interval that holds such a step; `low` is its better end.
    fn zoom(
        &mut self,
        x: &[f64],
        direction: &[f64],
        start: (f64, f64),
        mut low: Point,
        mut high: Point,
    ) -> Result<Option<Point>, E> {
        let (value, slope) = start;
        for _ in 0..60 {
            let width = high.length - low.length;
            // The minimum of the parabola through both values and the slope at the better end.
            let bend = high.value - low.value - low.slope * width;
            let mut length = low.length - 0.5 * low.slope * width * width / bend;
            let (least, most) = (low.length + 0.1 * width, high.length - 0.1 * width);
            if !(length - least.min(most) >= 0.0 && least.max(most) - length >= 0.0) {
                length = 0.5 * (low.length + high.length);
            }
            let point = self.point(x, direction, length)?;
            if point.value.is_nan() || point.value > value + DECREASE * length * slope || point.value >= low.value {
                high = point;
            } else {
                if point.slope.abs() <= -CURVATURE * slope {
                    return Ok(Some(point));
                }
                if point.slope * width >= 0.0 {
                    high = low;
                }
                low = point;
            }
            if (high.length - low.length).abs() <= 1e-14 * low.length.max(1e-300) {
                break;
            }
        }
        Ok((low.length > 0.0 && low.value < value).then_some(low))
    }
}

/// A minimum near `start` without derivatives, until the simplex is smaller than `tolerance` in place and value: Nelder
/// and Mead's method with the parameters of Gao and Han ("Implementing the Nelder-Mead simplex algorithm with adaptive
/// parameters", 2012).
pub fn minimise_simplex<E>(
    f: &mut dyn FnMut(&[f64]) -> Result<f64, E>,
    start: &[f64],
    tolerance: f64,
    steps_max: usize,
) -> Result<Minimum, E> {
    let n = start.len();
    let mut calls = 0;
    // What is not a number is worse than everything.
    let mut at = |x: &[f64]| {
        calls += 1;
        f(x).map(|v| if v.is_nan() { f64::INFINITY } else { v })
    };
    let mut simplex = vec![(at(start)?, start.to_vec())];
    for i in 0..n {
        let mut x = start.to_vec();
        x[i] += if x[i] == 0.0 { 0.00025 } else { 0.05 * x[i] };
        simplex.push((at(&x)?, x));
    }
    let size = n.max(2) as f64;
    let (expand, contract, shrink) = (1.0 + 2.0 / size, 0.75 - 0.5 / size, 1.0 - 1.0 / size);
    let mut steps = 0;
    let mut converged = n == 0;
    while !converged && steps < steps_max {
        simplex.sort_by(|a, b| a.0.total_cmp(&b.0));
        let (best, worst) = (&simplex[0], &simplex[n]);
        let width = simplex.iter().flat_map(|(_, x)| x.iter().zip(&best.1).map(|(a, b)| (a - b).abs()));
        if width.fold(0.0, f64::max) <= tolerance && worst.0 - best.0 <= tolerance {
            converged = true;
            break;
        }
        steps += 1;
        let centre: Vec<f64> = (0..n).map(|i| simplex[..n].iter().map(|(_, x)| x[i]).sum::<f64>() / n as f64).collect();
        let from = worst.1.clone();
        let moved = |factor: f64| -> Vec<f64> { centre.iter().zip(&from).map(|(c, w)| c + factor * (c - w)).collect() };
        let (least, second, most) = (best.0, simplex[n - 1].0, worst.0);
        let reflected = moved(1.0);
        let value = at(&reflected)?;
        let next = if value < least {
            let expanded = moved(expand);
            let further = at(&expanded)?;
            Some(if further < value { (further, expanded) } else { (value, reflected) })
        } else if value < second {
            Some((value, reflected))
        } else {
            let (factor, bound) = if value < most { (contract, value) } else { (-contract, most) };
            let contracted = moved(factor);
            let nearer = at(&contracted)?;
            (nearer < bound).then_some((nearer, contracted))
        };
        match next {
            Some(better) => simplex[n] = better,
            None => {
                let anchor = simplex[0].1.clone();
                for corner in &mut simplex[1..] {
                    for (x, a) in corner.1.iter_mut().zip(&anchor) {
                        *x = a + shrink * (*x - a);
                    }
                    corner.0 = at(&corner.1)?;
                }
            }
        }
    }
    simplex.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (value, x) = simplex.swap_remove(0);
    Ok(Minimum { x, value, steps, calls, converged })
}
