//! Stiff differential equations: Radau's implicit method of order 5, whose steps follow the accuracy and not the fastest
//! decay.
//!
//! Hairer and Wanner, "Solving Ordinary Differential Equations II", §IV.8: three collocation points, a simplified Newton
//! iteration, an embedded error estimate. The matrix of derivatives comes from differences.

use crate::lu::Lu;
use crate::ode::{Beginning, OdeError, OdeOptions, OdeSolution, Slopes};

/// The root of six.
const S6: f64 = 2.449_489_742_783_178;
/// Collocation points.
const C: [f64; 3] = [(4.0 - S6) / 10.0, (4.0 + S6) / 10.0, 1.0];
/// Weights of slopes at the points.
const A: [[f64; 3]; 3] = [
    [(88.0 - 7.0 * S6) / 360.0, (296.0 - 169.0 * S6) / 1800.0, (-2.0 + 3.0 * S6) / 225.0],
    [(296.0 + 169.0 * S6) / 1800.0, (88.0 + 7.0 * S6) / 360.0, (-2.0 - 3.0 * S6) / 225.0],
    [(16.0 - S6) / 36.0, (16.0 + S6) / 36.0, 1.0 / 9.0],
];
/// Weights of the increments in the error estimate.
const ERROR: [f64; 3] = [(-13.0 - 7.0 * S6) / 3.0, (-13.0 + 7.0 * S6) / 3.0, -1.0 / 3.0];
/// The real eigenvalue of the inverse of the weights.
const GAMMA: f64 = 3.637_834_252_744_496;
const NEWTON_MAX: usize = 8;
const GROWTH_MAX: f64 = 8.0;
const SHRINK_MIN: f64 = 0.2;

/// The solution of y' = f(t, y) with y = `start` at the first of `times`, at all of them, where steps end; the times go one
/// way. For stiff equations; others are faster with [`solve_ode`](crate::solve_ode).
#[expect(clippy::type_complexity, reason = "the signature of a right-hand side is what a reader looks for here")]
pub fn solve_stiff_ode<E>(
    f: &mut dyn FnMut(f64, &[f64]) -> Result<Vec<f64>, E>,
    start: &[f64],
    times: &[f64],
    options: OdeOptions,
) -> Result<OdeSolution, OdeError<E>> {
    let mut slopes = Slopes::new(f);
    let Some(Beginning { mut t, mut y, mut slope, mut h, direction, .. }) =
        Beginning::of(&mut slopes, start, times, options)?
    else {
        return Ok(OdeSolution { states: Vec::new(), steps: 0, calls: 0 });
    };
    let mut states = vec![y.clone()];
    let (mut steps, mut next) = (0, 1);
    let mut linear: Option<Vec<f64>> = None;
    let (mut fresh, mut after_rejection) = (false, false);
    while next < times.len() {
        if steps >= options.steps_max {
            return Err(OdeError::TooManySteps { time: t });
        }
        if times[next] == t {
            states.push(y.clone());
            next += 1;
            continue;
        }
        // Steps end at the times that were asked for: between them a stiff solution is not as exact.
        let (free, left) = (h, (times[next] - t).abs());
        h = h.min(left);
        if h < left && (h < f64::MIN_POSITIVE * 1e10 || h <= 4.0 * f64::EPSILON * t.abs()) {
            return Err(OdeError::StepTooSmall { time: t });
        }
        let signed = direction * h;
        let jacobian = match linear.take() {
            Some(known) => known,
            None => {
                fresh = true;
                differences(&mut slopes, t, &y, &slope)?
            }
        };
        let attempt = attempt(&mut slopes, (t, &y, &slope), &jacobian, signed, options, after_rejection)?;
        steps += 1;
        let Some(step) = attempt else {
            // The iteration did not settle: with old derivatives, try new ones; else take a smaller step.
            if fresh {
                h *= 0.5;
            }
            linear = fresh.then_some(jacobian);
            continue;
        };
        let factor = step.growth();
        if step.error > 1.0 {
            h *= factor.clamp(SHRINK_MIN, 1.0);
            after_rejection = true;
            linear = Some(jacobian);
            continue;
        }
        let reached = if h >= left { times[next] } else { t + signed };
        (t, y) = (reached, step.moved);
        slope = slopes.at(t, &y)?;
        // Derivatives are kept where the iteration is fast with them.
        linear = (step.rate < 1e-3).then_some(jacobian);
        fresh = false;
        let grown = h * factor.clamp(SHRINK_MIN, if after_rejection { 1.0 } else { GROWTH_MAX });
        h = if h < free { grown.max(free) } else { grown };
        after_rejection = false;
    }
    Ok(OdeSolution { states, steps, calls: slopes.calls() })
}

/// A step whose iteration settled.
struct Step {
    moved: Vec<f64>,
    /// In units of the tolerance.
    error: f64,
    iterations: usize,
    /// How much an iteration shrinks the error.
    rate: f64,
}

impl Step {
    /// How much longer the next step may be.
    fn growth(&self) -> f64 {
        let safety = 0.9 * (2 * NEWTON_MAX + 1) as f64 / (2 * NEWTON_MAX + self.iterations) as f64;
        if self.error == 0.0 { GROWTH_MAX } else { safety * self.error.powf(-0.25) }
    }
}

fn size(v: &[f64], scale: &[f64]) -> f64 {
    let sum: f64 = v.iter().zip(scale.iter().cycle()).map(|(v, s)| (v / s) * (v / s)).sum();
    (sum / v.len().max(1) as f64).sqrt()
}

/// One step of length `h`; `None` where the iteration does not settle.
fn attempt<E>(
    slopes: &mut Slopes<'_, E>,
    (t, y, slope): (f64, &[f64], &[f64]),
    jacobian: &[f64],
    h: f64,
    options: OdeOptions,
    after_rejection: bool,
) -> Result<Option<Step>, OdeError<E>> {
    let n = y.len();
    let scale: Vec<f64> = y.iter().map(|v| options.absolute + options.relative * v.abs()).collect();
    let Some(system) = Lu::new(newton_matrix(jacobian, n, h), 3 * n) else { return Ok(None) };
    let tolerance =
        (10.0 * f64::EPSILON / options.relative.max(f64::EPSILON)).max(0.03f64.min(options.relative.sqrt()));
    let (mut z, mut last, mut rate) = (vec![0.0; 3 * n], f64::NAN, 0.0);
    let mut settled = None;
    for iteration in 0..NEWTON_MAX {
        let mut found = Vec::with_capacity(3);
        for (i, node) in C.iter().enumerate() {
            let place: Vec<f64> = y.iter().zip(&z[i * n..]).map(|(y, z)| y + z).collect();
            found.push(slopes.at(t + node * h, &place)?);
        }
        let residual = |place: usize| {
            let (i, k) = (place / n, place % n);
            h * (0..3).map(|j| A[i][j] * found[j][k]).sum::<f64>() - z[place]
        };
        let change = system.solve((0..3 * n).map(residual).collect());
        let moved = size(&change, &scale);
        if !moved.is_finite() {
            return Ok(None);
        }
        if iteration > 0 {
            rate = moved / last;
            let left = (NEWTON_MAX - 1 - iteration) as i32;
            if rate >= 1.0 || rate.powi(left) / (1.0 - rate) * moved > tolerance {
                return Ok(None);
            }
        }
        z.iter_mut().zip(&change).for_each(|(z, c)| *z += c);
        if moved == 0.0 || (iteration > 0 && rate / (1.0 - rate) * moved < tolerance) {
            settled = Some(iteration + 1);
            break;
        }
        last = moved;
    }
    let Some(iterations) = settled else { return Ok(None) };
    let moved: Vec<f64> = y.iter().zip(&z[2 * n..]).map(|(y, z)| y + z).collect();
    let Some(filter) = Lu::new(shifted(jacobian, n, GAMMA / h), n) else { return Ok(None) };
    let increments = |k: usize| (0..3).map(|i| ERROR[i] * z[i * n + k]).sum::<f64>() / h;
    let mut error = filter.solve((0..n).map(|k| slope[k] + increments(k)).collect());
    let scale: Vec<f64> =
        y.iter().zip(&moved).map(|(a, b)| options.absolute + options.relative * a.abs().max(b.abs())).collect();
    let mut norm = size(&error, &scale);
    if after_rejection && norm > 1.0 {
        // The estimate overrates what is stiff; filtered twice it does not.
        let place: Vec<f64> = y.iter().zip(&error).map(|(y, e)| y + e).collect();
        let there = slopes.at(t, &place)?;
        error = filter.solve((0..n).map(|k| there[k] + increments(k)).collect());
        norm = size(&error, &scale);
    }
    Ok(norm.is_finite().then_some(Step { moved, error: norm, iterations, rate }))
}

/// The identity less `h` times the weights times the derivatives, for all three points.
fn newton_matrix(jacobian: &[f64], n: usize, h: f64) -> Vec<f64> {
    let side = 3 * n;
    let at = |place: usize| {
        let (row, column) = (place / side, place % side);
        let one = f64::from(u8::from(row == column));
        one - h * A[row / n][column / n] * jacobian[(row % n) * n + column % n]
    };
    (0..side * side).map(at).collect()
}

/// `shift` times the identity, less the derivatives.
fn shifted(jacobian: &[f64], n: usize, shift: f64) -> Vec<f64> {
    let at = |place: usize| if place / n == place % n { shift - jacobian[place] } else { -jacobian[place] };
    (0..n * n).map(at).collect()
}

/// The derivatives of the slopes, row by row, by forward differences.
fn differences<E>(slopes: &mut Slopes<'_, E>, t: f64, y: &[f64], slope: &[f64]) -> Result<Vec<f64>, OdeError<E>> {
    let n = y.len();
    let mut jacobian = vec![0.0; n * n];
    let mut moved = y.to_vec();
    for k in 0..n {
        let step = f64::EPSILON.sqrt() * y[k].abs().max(1e-5);
        moved[k] = y[k] + step;
        let step = moved[k] - y[k];
        let found = slopes.at(t, &moved)?;
        for i in 0..n {
            jacobian[i * n + k] = (found[i] - slope[i]) / step;
        }
        moved[k] = y[k];
    }
    Ok(jacobian)
}
