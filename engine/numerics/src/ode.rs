//! Ordinary differential equations y' = f(t, y) from a start, with error control.

use std::fmt;

/// What a solution must satisfy.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OdeOptions {
    /// Relative tolerance of each component in each step.
    pub relative: f64,
    /// Absolute tolerance.
    pub absolute: f64,
    /// Steps that may be taken.
    pub steps_max: usize,
}

impl Default for OdeOptions {
    fn default() -> Self {
        OdeOptions { relative: 1e-6, absolute: 1e-9, steps_max: 100_000 }
    }
}

/// A solution at the times that were asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct OdeSolution {
    /// States, one for each time.
    pub states: Vec<Vec<f64>>,
    /// Steps that were kept.
    pub steps: usize,
    /// Calls of the right-hand side.
    pub calls: usize,
}

/// Why there is no solution.
#[derive(Debug, Clone, PartialEq)]
pub enum OdeError<E> {
    /// The step became too small: the solution grows without bound, or the equations are stiff.
    StepTooSmall {
        /// Time at which it happened.
        time: f64,
    },
    /// More steps than allowed.
    TooManySteps {
        /// Time that was reached.
        time: f64,
    },
    /// The right-hand side has another number of components than the state.
    Components {
        /// Components of the state.
        wanted: usize,
        /// Components of the right-hand side.
        found: usize,
    },
    /// The right-hand side failed.
    Function(E),
}

impl<E: fmt::Display> fmt::Display for OdeError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OdeError::StepTooSmall { time } => {
                write!(f, "at time {time} no step is small enough: the solution grows without bound, or is stiff")
            }
            OdeError::TooManySteps { time } => {
                write!(f, "the steps ran out at time {time}; the equations may be stiff")
            }
            OdeError::Components { wanted, found } => {
                write!(f, "the state has {wanted} components, the right-hand side gave {found}")
            }
            OdeError::Function(error) => error.fmt(f),
        }
    }
}

/// Nodes, coefficients and weights of Dormand and Prince, "A family of embedded Runge-Kutta formulae" (1980).
const C: [f64; 7] = [0.0, 0.2, 0.3, 0.8, 8.0 / 9.0, 1.0, 1.0];
const A: [[f64; 6]; 7] = [
    [0.0; 6],
    [0.2, 0.0, 0.0, 0.0, 0.0, 0.0],
    [3.0 / 40.0, 9.0 / 40.0, 0.0, 0.0, 0.0, 0.0],
    [44.0 / 45.0, -56.0 / 15.0, 32.0 / 9.0, 0.0, 0.0, 0.0],
    [19372.0 / 6561.0, -25360.0 / 2187.0, 64448.0 / 6561.0, -212.0 / 729.0, 0.0, 0.0],
    [9017.0 / 3168.0, -355.0 / 33.0, 46732.0 / 5247.0, 49.0 / 176.0, -5103.0 / 18656.0, 0.0],
    [35.0 / 384.0, 0.0, 500.0 / 1113.0, 125.0 / 192.0, -2187.0 / 6784.0, 11.0 / 84.0],
];
/// The fifth-order solution less the fourth-order one.
const ERROR: [f64; 7] =
    [-71.0 / 57600.0, 0.0, 71.0 / 16695.0, -71.0 / 1920.0, 17253.0 / 339200.0, -22.0 / 525.0, 1.0 / 40.0];
/// The interpolant of fourth order between the ends of a step (Shampine, 1986): weights of each slope as polynomials
/// in the position.
const DENSE: [[f64; 4]; 7] = [
    [1.0, -8048581381.0 / 2820520608.0, 8663915743.0 / 2820520608.0, -12715105075.0 / 11282082432.0],
    [0.0; 4],
    [0.0, 131558114200.0 / 32700410799.0, -68118460800.0 / 10900136933.0, 87487479700.0 / 32700410799.0],
    [0.0, -1754552775.0 / 470086768.0, 14199869525.0 / 1410260304.0, -10690763975.0 / 1880347072.0],
    [0.0, 127303824393.0 / 49829197408.0, -318862633887.0 / 49829197408.0, 701980252875.0 / 199316789632.0],
    [0.0, -282668133.0 / 205662961.0, 2019193451.0 / 616988883.0, -1453857185.0 / 822651844.0],
    [0.0, 40617522.0 / 29380423.0, -110615467.0 / 29380423.0, 69997945.0 / 29380423.0],
];

const SAFETY: f64 = 0.9;
const GROWTH_MAX: f64 = 10.0;
const SHRINK_MIN: f64 = 0.2;

/// The right-hand side with its calls counted and its size checked.
#[expect(clippy::type_complexity, reason = "the signature of a right-hand side is what a reader looks for here")]
pub(crate) struct Slopes<'f, E> {
    f: &'f mut dyn FnMut(f64, &[f64]) -> Result<Vec<f64>, E>,
    calls: usize,
}

impl<'f, E> Slopes<'f, E> {
    #[expect(clippy::type_complexity, reason = "the signature of a right-hand side is what a reader looks for here")]
    pub(crate) fn new(f: &'f mut dyn FnMut(f64, &[f64]) -> Result<Vec<f64>, E>) -> Self {
        Slopes { f, calls: 0 }
    }

    /// Calls so far.
    pub(crate) fn calls(&self) -> usize {
        self.calls
    }

    pub(crate) fn at(&mut self, t: f64, y: &[f64]) -> Result<Vec<f64>, OdeError<E>> {
        self.calls += 1;
        let slope = (self.f)(t, y).map_err(OdeError::Function)?;
        if slope.len() != y.len() {
            return Err(OdeError::Components { wanted: y.len(), found: slope.len() });
        }
        Ok(slope)
    }
}

/// Where a solution begins: the first time with its state and slope, the length of the first step, the last time and the
/// way there.
pub(crate) struct Beginning {
    pub(crate) t: f64,
    pub(crate) y: Vec<f64>,
    pub(crate) slope: Vec<f64>,
    pub(crate) h: f64,
    pub(crate) end: f64,
    /// 1 or -1.
    pub(crate) direction: f64,
}

impl Beginning {
    /// `None` where there are no times.
    pub(crate) fn of<E>(
        slopes: &mut Slopes<'_, E>,
        start: &[f64],
        times: &[f64],
        options: OdeOptions,
    ) -> Result<Option<Self>, OdeError<E>> {
        let (Some(&t), Some(&end)) = (times.first(), times.last()) else { return Ok(None) };
        let direction = if end >= t { 1.0 } else { -1.0 };
        let slope = slopes.at(t, start)?;
        let h = first_step(slopes, t, start, &slope, direction, options)?;
        Ok(Some(Beginning { t, y: start.to_vec(), slope, h, end, direction }))
    }
}

/// The solution of y' = f(t, y) with y = `start` at the first of `times`, at all of them. The times go one way, forward
/// or backward.
///
/// Dormand and Prince's method of order 5(4) with local extrapolation, a controller for the step (Hairer, Nørsett and
/// Wanner, "Solving Ordinary Differential Equations I", §II.4) and dense output for the times inside of steps. It is not
/// for stiff equations: those exhaust the steps and say so; [`solve_stiff_ode`](crate::solve_stiff_ode) is.
#[expect(clippy::type_complexity, reason = "the signature of a right-hand side is what a reader looks for here")]
pub fn solve_ode<E>(
    f: &mut dyn FnMut(f64, &[f64]) -> Result<Vec<f64>, E>,
    start: &[f64],
    times: &[f64],
    options: OdeOptions,
) -> Result<OdeSolution, OdeError<E>> {
    let mut slopes = Slopes::new(f);
    let Some(Beginning { mut t, mut y, mut slope, mut h, end, direction }) =
        Beginning::of(&mut slopes, start, times, options)?
    else {
        return Ok(OdeSolution { states: Vec::new(), steps: 0, calls: 0 });
    };
    let mut states = vec![y.clone()];
    let (mut steps, mut next) = (0, 1);
    while next < times.len() {
        if steps >= options.steps_max {
            return Err(OdeError::TooManySteps { time: t });
        }
        h = h.min((end - t).abs());
        if h <= 10.0 * f64::EPSILON * t.abs() && h < (end - t).abs() {
            return Err(OdeError::StepTooSmall { time: t });
        }
        let (stages, moved, error) = attempt(&mut slopes, t, &y, &slope, direction * h, options)?;
        if error.is_nan() || error > 1.0 {
            h *= if error.is_nan() { SHRINK_MIN } else { (SAFETY * error.powf(-0.2)).max(SHRINK_MIN) };
            if h < f64::MIN_POSITIVE * 1e10 || h <= 2.0 * f64::EPSILON * t.abs() {
                return Err(OdeError::StepTooSmall { time: t });
            }
            continue;
        }
        steps += 1;
        let reached = if h >= (end - t).abs() { end } else { t + direction * h };
        while next < times.len() && direction * (times[next] - reached) <= 0.0 {
            let part = if reached == t { 1.0 } else { (times[next] - t) / (reached - t) };
            states.push(if times[next] == reached { moved.clone() } else { between(&y, &stages, reached - t, part) });
            next += 1;
        }
        (t, y) = (reached, moved);
        // The last stage is the first of the next step.
        let [.., last] = stages;
        slope = last;
        h *= if error == 0.0 { GROWTH_MAX } else { (SAFETY * error.powf(-0.2)).clamp(SHRINK_MIN, GROWTH_MAX) };
    }
    Ok(OdeSolution { states, steps, calls: slopes.calls })
}

/// One step: its slopes, where it leads, and its error in units of the tolerance.
type Attempt = ([Vec<f64>; 7], Vec<f64>, f64);

fn attempt<E>(
    slopes: &mut Slopes<'_, E>,
    t: f64,
    y: &[f64],
    slope: &[f64],
    h: f64,
    options: OdeOptions,
) -> Result<Attempt, OdeError<E>> {
    let mut stages: [Vec<f64>; 7] = Default::default();
    stages[0] = slope.to_vec();
    let mut moved = y.to_vec();
    for (s, (row, node)) in A.iter().zip(&C).enumerate().skip(1) {
        for (i, value) in moved.iter_mut().enumerate() {
            let sum: f64 = row.iter().zip(&stages[..s]).map(|(weight, stage)| weight * stage[i]).sum();
            *value = y[i] + h * sum;
        }
        stages[s] = slopes.at(t + node * h, &moved)?;
    }
    let mut total = 0.0;
    for (i, (before, after)) in y.iter().zip(&moved).enumerate() {
        let error: f64 = h * ERROR.iter().zip(&stages).map(|(weight, stage)| weight * stage[i]).sum::<f64>();
        let scale = options.absolute + options.relative * before.abs().max(after.abs());
        total += (error / scale) * (error / scale);
    }
    let error = if y.is_empty() { 0.0 } else { (total / y.len() as f64).sqrt() };
    Ok((stages, moved, error))
}

/// The state at `part` of a step of length `h`.
fn between(y: &[f64], stages: &[Vec<f64>; 7], h: f64, part: f64) -> Vec<f64> {
    let weight = |k: usize| part * (DENSE[k][0] + part * (DENSE[k][1] + part * (DENSE[k][2] + part * DENSE[k][3])));
    let weights: Vec<f64> = (0..7).map(weight).collect();
    (0..y.len()).map(|i| y[i] + h * (0..7).map(|k| weights[k] * stages[k][i]).sum::<f64>()).collect()
}

/// A first step of about the right size (Hairer, Nørsett and Wanner, §II.4).
fn first_step<E>(
    slopes: &mut Slopes<'_, E>,
    t: f64,
    y: &[f64],
    slope: &[f64],
    direction: f64,
    options: OdeOptions,
) -> Result<f64, OdeError<E>> {
    let scale: Vec<f64> = y.iter().map(|v| options.absolute + options.relative * v.abs()).collect();
    let size = |v: &[f64]| {
        let sum: f64 = v.iter().zip(&scale).map(|(v, s)| (v / s) * (v / s)).sum();
        (sum / v.len().max(1) as f64).sqrt()
    };
    let (d0, d1) = (size(y), size(slope));
    let guess = if d0 < 1e-5 || d1 < 1e-5 { 1e-6 } else { 0.01 * d0 / d1 };
    let moved: Vec<f64> = y.iter().zip(slope).map(|(y, s)| y + direction * guess * s).collect();
    let after = slopes.at(t + direction * guess, &moved)?;
    let change: Vec<f64> = after.iter().zip(slope).map(|(a, b)| a - b).collect();
    let d2 = size(&change) / guess;
    let largest = d1.max(d2);
    let step = if largest <= 1e-15 { (guess * 1e-3).max(1e-6) } else { (0.01 / largest).powf(0.2) };
    Ok((100.0 * guess).min(step))
}
