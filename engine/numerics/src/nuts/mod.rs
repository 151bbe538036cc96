//! The No-U-Turn sampler: draws from a distribution that is known by the logarithm of its density, up to a constant, and
//! its gradient.
//!
//! Hoffman and Gelman, "The No-U-Turn Sampler" (2014), with multinomial choice along the path (Betancourt, "A conceptual
//! introduction to Hamiltonian Monte Carlo", 2017) and the adaptation of Stan: step size by dual averaging, one scale for
//! each coordinate from growing windows of the warm-up. Chance is an argument; one call is one chain.

mod adaptation;
mod path;

use adaptation::{Scales, StepSize, windows};
use path::{Point, System, transition};

/// How a chain is drawn.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NutsOptions {
    /// Draws that are kept.
    pub draws: usize,
    /// Draws before them, in which step size and scales are found.
    pub warmup: usize,
    /// The mean probability of acceptance that the step size aims at; larger means smaller steps.
    pub target: f64,
    /// A path has at most 2 to this many steps.
    pub depth_max: u32,
}

impl Default for NutsOptions {
    fn default() -> Self {
        NutsOptions { draws: 1000, warmup: 1000, target: 0.8, depth_max: 10 }
    }
}

/// One chain.
#[derive(Debug, Clone, PartialEq)]
pub struct Chain {
    /// The draws that were kept.
    pub draws: Vec<Vec<f64>>,
    /// Draws whose path left the distribution: where there are some, the draws miss a part of it.
    pub divergences: usize,
    /// Draws whose path was cut at its greatest length.
    pub cut: usize,
    /// The mean probability of acceptance of the draws that were kept.
    pub acceptance: f64,
    /// The step size that was found.
    pub step_size: f64,
    /// Evaluations of the density.
    pub calls: usize,
}

/// Why there is no chain.
#[derive(Debug, Clone, PartialEq)]
pub enum NutsError<E> {
    /// The density or its gradient is not finite at the start.
    Start {
        /// The logarithm of the density there.
        value: f64,
    },
    /// The gradient has another number of coordinates than the point.
    Coordinates {
        /// Coordinates of the point.
        wanted: usize,
        /// Coordinates of the gradient.
        found: usize,
    },
    /// No step is small enough for the density: it jumps, or its gradient is not its own.
    Step,
    /// The density failed.
    Function(E),
}

impl<E> NutsError<E> {
    /// What is the matter with the density, said of it; the density's own failure is given back.
    pub fn problem(self) -> Result<String, E> {
        match self {
            NutsError::Start { value } => Ok(format!(
                "is {value} at the start, or its gradient is not finite there; start inside the distribution"
            )),
            NutsError::Coordinates { wanted, found } => {
                Ok(format!("has a gradient with {found} coordinates at a point with {wanted}"))
            }
            NutsError::Step => {
                Ok("allows no step: it jumps near the start, or its gradient does not fit it".to_owned())
            }
            NutsError::Function(error) => Err(error),
        }
    }
}

/// The logarithm of a density, up to a constant, and its gradient.
pub(crate) type Density<'f, E> = dyn FnMut(&[f64]) -> Result<(f64, Vec<f64>), E> + 'f;

/// A chain of draws from the density whose logarithm and gradient `f` gives, begun at `start`. `uniform` gives numbers in
/// (0, 1).
pub fn nuts<E>(
    f: &mut Density<'_, E>,
    start: &[f64],
    options: NutsOptions,
    uniform: &mut dyn FnMut() -> f64,
) -> Result<Chain, NutsError<E>> {
    let mut system = System { f, scales: vec![1.0; start.len()], calls: 0, depth_max: options.depth_max };
    let mut point = system.point(start)?;
    if !point.is_finite() {
        return Err(NutsError::Start { value: point.value });
    }
    let mut step = StepSize::new(first_step(&mut system, &point, 1.0, uniform)?, options.target);
    let mut scales = Scales::new(start.len());
    let windows = windows(options.warmup);
    for i in 0..options.warmup {
        let moved = transition(&mut system, &point, step.now(), uniform)?;
        step.learn(moved.acceptance);
        point = moved.point;
        if windows.collects(i) {
            scales.add(&point.place);
        }
        if windows.ends(i) {
            system.scales = scales.take();
            step = StepSize::new(first_step(&mut system, &point, step.now(), uniform)?, options.target);
        }
    }
    let size = step.settled();
    let mut chain = Chain { draws: Vec::new(), divergences: 0, cut: 0, acceptance: 0.0, step_size: size, calls: 0 };
    for _ in 0..options.draws {
        let moved = transition(&mut system, &point, size, uniform)?;
        chain.divergences += usize::from(moved.diverged);
        chain.cut += usize::from(moved.cut);
        chain.acceptance += moved.acceptance / options.draws as f64;
        point = moved.point;
        chain.draws.push(point.place.clone());
    }
    chain.calls = system.calls;
    Ok(chain)
}

/// Doublings or halvings in the search for a first step size: from any size to any other that f64 has.
const SEARCH_MAX: usize = 2100;

/// A step size whose acceptance is about the target: doubled or halved until it passes it.
fn first_step<E>(
    system: &mut System<'_, '_, E>,
    point: &Point,
    guess: f64,
    uniform: &mut dyn FnMut() -> f64,
) -> Result<f64, NutsError<E>> {
    let mut size = guess;
    let mut growing = None;
    for _ in 0..SEARCH_MAX {
        let momentum = system.momentum(uniform);
        let before = system.energy(point, &momentum);
        let (moved, momentum) = system.leap(point, &momentum, size)?;
        let gain = before - system.energy(&moved, &momentum);
        let accepted = gain > 0.8f64.ln();
        if *growing.get_or_insert(accepted) != accepted {
            return Ok(size);
        }
        size *= if accepted { 2.0 } else { 0.5 };
        if size < 1e-300 {
            return Err(NutsError::Step);
        }
        if size > 1e7 {
            // A density without an end on this scale: any step is accepted.
            return Ok(size);
        }
    }
    Err(NutsError::Step)
}
