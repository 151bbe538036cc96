//! One transition of the sampler: a path through the density that doubles in a random direction until it turns back.

use super::{Density, NutsError};
use crate::special::normal_quantile;

/// An error of the energy beyond which a path has left the distribution.
const DIVERGENCE: f64 = 1000.0;

/// A place with the logarithm of the density and its gradient.
#[derive(Debug, Clone)]
pub(super) struct Point {
    pub(super) place: Vec<f64>,
    pub(super) value: f64,
    gradient: Vec<f64>,
}

impl Point {
    pub(super) fn is_finite(&self) -> bool {
        self.value.is_finite() && self.gradient.iter().all(|g| g.is_finite())
    }
}

/// The density, and the scales of its coordinates.
pub(super) struct System<'a, 'f, E> {
    pub(super) f: &'a mut Density<'f, E>,
    /// Variances: the inverse of the mass of each coordinate.
    pub(super) scales: Vec<f64>,
    pub(super) calls: usize,
    pub(super) depth_max: u32,
}

impl<E> System<'_, '_, E> {
    pub(super) fn point(&mut self, place: &[f64]) -> Result<Point, NutsError<E>> {
        self.calls += 1;
        let (value, gradient) = (self.f)(place).map_err(NutsError::Function)?;
        if gradient.len() != place.len() {
            return Err(NutsError::Coordinates { wanted: place.len(), found: gradient.len() });
        }
        Ok(Point { place: place.to_vec(), value, gradient })
    }

    pub(super) fn momentum(&self, uniform: &mut dyn FnMut() -> f64) -> Vec<f64> {
        self.scales.iter().map(|scale| normal_quantile(uniform()) / scale.sqrt()).collect()
    }

    /// The energy; infinite where the density is not a number.
    pub(super) fn energy(&self, point: &Point, momentum: &[f64]) -> f64 {
        let kinetic: f64 = momentum.iter().zip(&self.scales).map(|(p, scale)| p * p * scale).sum();
        let energy = 0.5 * kinetic - point.value;
        if energy.is_nan() { f64::INFINITY } else { energy }
    }

    /// One step of the leapfrog method.
    pub(super) fn leap(
        &mut self,
        from: &Point,
        momentum: &[f64],
        size: f64,
    ) -> Result<(Point, Vec<f64>), NutsError<E>> {
        let half = |momentum: &[f64], gradient: &[f64]| -> Vec<f64> {
            momentum.iter().zip(gradient).map(|(p, g)| p + 0.5 * size * g).collect()
        };
        let middle = half(momentum, &from.gradient);
        let place: Vec<f64> =
            from.place.iter().zip(&middle).zip(&self.scales).map(|((x, p), scale)| x + size * scale * p).collect();
        let point = self.point(&place)?;
        let momentum = half(&middle, &point.gradient);
        Ok((point, momentum))
    }

    /// Whether a path between two momenta still leads away, `sum` being all momenta along it.
    fn leads_away(&self, begin: &[f64], end: &[f64], sum: &[f64]) -> bool {
        let along = |momentum: &[f64]| -> f64 {
            momentum.iter().zip(&self.scales).zip(sum).map(|((p, scale), total)| p * scale * total).sum()
        };
        along(begin) > 0.0 && along(end) > 0.0
    }
}

/// An end of a path.
#[derive(Debug, Clone)]
struct End {
    point: Point,
    momentum: Vec<f64>,
}

/// A path in one direction from an end.
struct Path {
    /// The momenta at its first and its last step.
    begin: Vec<f64>,
    end: Vec<f64>,
    sum: Vec<f64>,
    /// The logarithm of the sum of the weights of its points.
    weight: f64,
    chosen: Point,
}

/// What is counted along a whole transition.
#[derive(Default)]
struct Tally {
    steps: usize,
    acceptance: f64,
    diverged: bool,
}

/// Where a transition led.
pub(super) struct Moved {
    pub(super) point: Point,
    pub(super) acceptance: f64,
    pub(super) diverged: bool,
    /// Whether the path was cut at its greatest length.
    pub(super) cut: bool,
}

fn plus(a: &[f64], b: &[f64]) -> Vec<f64> {
    a.iter().zip(b).map(|(a, b)| a + b).collect()
}

/// `ln(exp(a) + exp(b))`
fn ln_sum(a: f64, b: f64) -> f64 {
    let (high, low) = (a.max(b), a.min(b));
    if low == f64::NEG_INFINITY { high } else { high + (low - high).exp().ln_1p() }
}

/// One transition with steps of `size` from a point.
pub(super) fn transition<E>(
    system: &mut System<'_, '_, E>,
    from: &Point,
    size: f64,
    uniform: &mut dyn FnMut() -> f64,
) -> Result<Moved, NutsError<E>> {
    let momentum = system.momentum(uniform);
    let energy = system.energy(from, &momentum);
    let start = End { point: from.clone(), momentum: momentum.clone() };
    let mut ends = [start.clone(), start];
    // The momenta at the seams, the first end's in its own direction of time.
    let (mut sum, mut weight, mut chosen) = (momentum, 0.0, from.clone());
    let mut tally = Tally::default();
    for depth in 0..system.depth_max {
        let side = usize::from(uniform() < 0.5);
        let signed = if side == 1 { size } else { -size };
        let seam = ends[side].momentum.clone();
        let grown = grow(system, &mut ends[side], depth, signed, energy, &mut tally, uniform)?;
        let Some(path) = grown else { return Ok(moved(chosen, tally, false)) };
        // A new half is preferred, which leads far from the start.
        if path.weight > weight || uniform() < (path.weight - weight).exp() {
            chosen = path.chosen;
        }
        weight = ln_sum(weight, path.weight);
        let joined = plus(&path.sum, &sum);
        let old_sum = std::mem::replace(&mut sum, joined);
        // The old half from its far end to the seam, the new one from there on, in one direction of time.
        let far = &ends[1 - side].momentum;
        let whole = system.leads_away(far, &path.end, &sum);
        let to_new = system.leads_away(far, &path.begin, &plus(&old_sum, &path.begin));
        let from_old = system.leads_away(&seam, &path.end, &plus(&path.sum, &seam));
        if !(whole && to_new && from_old) {
            return Ok(moved(chosen, tally, false));
        }
    }
    Ok(moved(chosen, tally, true))
}

fn moved(point: Point, tally: Tally, cut: bool) -> Moved {
    Moved { point, acceptance: tally.acceptance / tally.steps.max(1) as f64, diverged: tally.diverged, cut }
}

/// A path of 2 to the power of `depth` steps from an end, which it moves; `None` where it turns back or diverges.
fn grow<E>(
    system: &mut System<'_, '_, E>,
    end: &mut End,
    depth: u32,
    size: f64,
    energy: f64,
    tally: &mut Tally,
    uniform: &mut dyn FnMut() -> f64,
) -> Result<Option<Path>, NutsError<E>> {
    if depth == 0 {
        let (point, momentum) = system.leap(&end.point, &end.momentum, size)?;
        let gain = energy - system.energy(&point, &momentum);
        tally.steps += 1;
        tally.acceptance += gain.min(0.0).exp();
        *end = End { point: point.clone(), momentum: momentum.clone() };
        if gain < -DIVERGENCE || !point.is_finite() {
            tally.diverged = true;
            return Ok(None);
        }
        let (begin, sum) = (momentum.clone(), momentum.clone());
        return Ok(Some(Path { begin, end: momentum, sum, weight: gain, chosen: point }));
    }
    let Some(first) = grow(system, end, depth - 1, size, energy, tally, uniform)? else { return Ok(None) };
    let Some(second) = grow(system, end, depth - 1, size, energy, tally, uniform)? else { return Ok(None) };
    let (weight, sum) = (ln_sum(first.weight, second.weight), plus(&first.sum, &second.sum));
    let whole = system.leads_away(&first.begin, &second.end, &sum);
    let to_second = system.leads_away(&first.begin, &second.begin, &plus(&first.sum, &second.begin));
    let from_first = system.leads_away(&first.end, &second.end, &plus(&second.sum, &first.end));
    if !(whole && to_second && from_first) {
        return Ok(None);
    }
    let chosen = if uniform() < (second.weight - weight).exp() { second.chosen } else { first.chosen };
    Ok(Some(Path { begin: first.begin, end: second.end, sum, weight, chosen }))
}
