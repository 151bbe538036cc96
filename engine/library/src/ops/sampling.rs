//! Expectations by drawing: Monte Carlo with its error, and Markov chains from a density.

use nexus_numerics::{Distribution, NutsError, NutsOptions, SOBOL_DIMENSIONS_MAX, Sobol, diagnose, nuts};
use nexus_tensor::infer;
use nexus_tensor::{Arg, ArgType, DType, OpDef, Tensor, TensorError, args, params};

use super::analysis::{Form, needs_a_caller, scalar};
use super::distributions::number_of;
use crate::calling::{Caller, CallingRun, Given, Stop, function, values};
use crate::streams::Stream;

/// The operations of this file.
pub(super) const CALLING: &[(OpDef, CallingRun)] = &[
    (
        OpDef {
            name: "stats.monte_carlo",
            params: params!(
                f: Any, dimensions: Int = "1", n: Int = "65536", method: Str = "plain", confidence: Number = "0.95",
                control: Any = "none", control_mean: Number = "0"
            ),
            doc: "The expectation of a function of independent uniform numbers, with its error. f takes a tensor of them, \
                  [points, dimensions] in (0, 1), and gives a number for each point. method: \"plain\"; \"antithetic\" \
                  (each point with its mirror image); \"sobol\" (sixteen scramblings of Sobol's sequence, often far more \
                  exact). control is another such function, whose mean control_mean is known: what it misses there \
                  corrects f. A record: value, error (standard), low and high (the interval of that confidence), n.",
            example: "stats.monte_carlo(u => tensor.sum(u ** 2, axis = 1), dimensions = 2, n = 1024).value",
            infer: |_| {
                let number = || ArgType::Scalar(None);
                Ok(infer::record([
                    ("value", number()),
                    ("error", number()),
                    ("low", number()),
                    ("high", number()),
                    ("n", ArgType::Int(None)),
                ]))
            },
            run: needs_a_caller,
        },
        run_monte_carlo,
    ),
    (
        OpDef {
            name: "stats.nuts",
            params: params!(
                f: Any, start: Any, draws: Int = "1000", warmup: Int = "1000", chains: Int = "4", target: Number = "0.8"
            ),
            doc: "Draws from the distribution whose log density is f, up to a constant, by the No-U-Turn sampler with \
                  exact gradients. f takes a point in the form of start, a number or a tensor. A record: draws, [chains, \
                  draws, ...]; mean, std, r_hat, ess_bulk and ess_tail for each coordinate; divergences, acceptance, \
                  step_size, calls. Warns where the chains are not to be trusted. f64.",
            example: "stats.nuts(x => -x * x / 2, 0.1, draws = 200, warmup = 200).mean",
            infer: |_| {
                Ok(infer::record([
                    ("draws", infer::typed(Some(DType::F64), None)),
                    ("mean", ArgType::Unknown),
                    ("std", ArgType::Unknown),
                    ("r_hat", ArgType::Unknown),
                    ("ess_bulk", ArgType::Unknown),
                    ("ess_tail", ArgType::Unknown),
                    ("divergences", ArgType::Int(None)),
                    ("acceptance", ArgType::Scalar(None)),
                    ("step_size", ArgType::Scalar(None)),
                    ("calls", ArgType::Int(None)),
                ]))
            },
            run: needs_a_caller,
        },
        run_nuts,
    ),
];

/// Points of one call of the function, so that a run with few bytes has room for many points.
const BATCH: usize = 1 << 16;
/// Independent scramblings of a sequence, whose means show the error.
const SCRAMBLINGS: usize = 16;

#[derive(Debug, Clone, Copy, PartialEq)]
enum Method {
    Plain,
    Antithetic,
    Sobol,
}

/// Where the points come from.
struct Points {
    dimensions: usize,
    method: Method,
    key: u64,
}

impl Points {
    /// `count` points of a stretch that begins at point `first` of a scrambling, as uniform numbers.
    fn draw(&self, sobol: &mut Option<Sobol>, first: usize, count: usize) -> Vec<f64> {
        let mut points = vec![0.0; count * self.dimensions];
        for (i, point) in points.chunks_exact_mut(self.dimensions).enumerate() {
            match sobol {
                Some(sobol) => sobol.next_point(point),
                None => {
                    let mut stream = Stream::new(self.key, (first + i) as u64);
                    point.iter_mut().for_each(|x| *x = stream.unit());
                }
            }
        }
        points
    }
}

/// What a function gives at points, one number for each.
fn numbers_at(
    caller: &mut dyn Caller,
    f: usize,
    name: &'static str,
    points: &[f64],
    dimensions: usize,
) -> Result<Vec<f64>, Stop> {
    let count = points.len() / dimensions;
    let tensor = Tensor::from_f64s(caller.context(), DType::F64, &[count, dimensions], points)?;
    let found = match caller.call(f, vec![Arg::Tensor(tensor)])? {
        Arg::Tensor(found) => found.to_f64s(caller.context())?,
        other => return Err(args::wrong(name, "a function that gives a tensor", &other).into()),
    };
    if found.len() != count {
        let problem = format!("must give one number for each of the {count} points, gives {}", found.len());
        return Err(TensorError::argument(name, problem).into());
    }
    Ok(found)
}

/// Means, variances and the covariance of a function and its control, by Welford's method.
#[derive(Default)]
struct Moments {
    count: f64,
    mean: [f64; 2],
    squares: [f64; 2],
    products: f64,
}

impl Moments {
    fn add(&mut self, value: [f64; 2]) {
        self.count += 1.0;
        let before = [value[0] - self.mean[0], value[1] - self.mean[1]];
        for i in 0..2 {
            self.mean[i] += before[i] / self.count;
            self.squares[i] += before[i] * (value[i] - self.mean[i]);
        }
        self.products += before[0] * (value[1] - self.mean[1]);
    }

    /// The mean of the function, corrected by what its control misses, and its standard error.
    fn estimate(&self, control_mean: f64) -> (f64, f64) {
        let share = if self.squares[1] > 0.0 { self.products / self.squares[1] } else { 0.0 };
        let left = (self.squares[0] - share * self.products).max(0.0);
        let value = self.mean[0] - share * (self.mean[1] - control_mean);
        let lost = if self.squares[1] > 0.0 { 2.0 } else { 1.0 };
        (value, (left / (self.count - lost) / self.count).sqrt())
    }
}

fn run_monte_carlo(caller: &mut dyn Caller, given: &[Given]) -> Result<Arg, Stop> {
    let (f, a) = (function(given, 0, "f")?, values(given));
    let control = match given.get(5) {
        Some(Given::Function(number)) => Some(*number),
        None | Some(Given::Value(Arg::None)) => None,
        Some(Given::Value(other)) => return Err(args::wrong("control", "a function", other).into()),
    };
    let positive = |i: usize, name: &'static str, default: i64| match args::int_or(&a, i, name, default)? {
        value if value > 0 => Ok(value as usize),
        value => Err(TensorError::argument(name, format!("must be positive, is {value}"))),
    };
    let (dimensions, n) = (positive(1, "dimensions", 1)?, positive(2, "n", 65_536)?);
    let method = match args::at(&a, 3) {
        Arg::None => Method::Plain,
        Arg::Str(name) if &**name == "plain" => Method::Plain,
        Arg::Str(name) if &**name == "antithetic" => Method::Antithetic,
        Arg::Str(name) if &**name == "sobol" => Method::Sobol,
        other => return Err(args::wrong("method", "\"plain\", \"antithetic\" or \"sobol\"", other).into()),
    };
    let confidence = args::number_or(&a, 4, "confidence", 0.95)?;
    if !(confidence > 0.0 && confidence < 1.0) {
        return Err(TensorError::argument("confidence", format!("must be between 0 and 1, is {confidence}")).into());
    }
    let control_mean = args::number_or(&a, 6, "control_mean", 0.0)?;
    if method == Method::Sobol && dimensions > SOBOL_DIMENSIONS_MAX {
        let problem = format!("are more than the {SOBOL_DIMENSIONS_MAX} of Sobol's sequence; take \"plain\"");
        return Err(TensorError::argument("dimensions", problem).into());
    }
    number_of(caller.context(), &[BATCH.min(n), dimensions])?;
    let points = Points { dimensions, method, key: caller.context().draw_seed() };
    let (moments, used) = accumulate(caller, f, control, &points, n)?;
    if moments.count < 3.0 {
        let least = if method == Method::Sobol { 3 * SCRAMBLINGS } else { 6 };
        return Err(TensorError::argument("n", format!("is too small to see an error; give at least {least}")).into());
    }
    let (value, error) = moments.estimate(control_mean);
    let width = Distribution::StudentT { df: moments.count - 1.0 }.quantile(0.5 + 0.5 * confidence) * error;
    Ok(args::record([
        ("value", Arg::Scalar(value)),
        ("error", Arg::Scalar(error)),
        ("low", Arg::Scalar(value - width)),
        ("high", Arg::Scalar(value + width)),
        ("n", Arg::Int(used as i64)),
    ]))
}

/// Moments of independent observations: of points, of pairs of them, or of whole scramblings; and the points used.
fn accumulate(
    caller: &mut dyn Caller,
    f: usize,
    control: Option<usize>,
    points: &Points,
    n: usize,
) -> Result<(Moments, usize), Stop> {
    let mut moments = Moments::default();
    let d = points.dimensions;
    let mut at = |drawn: &[f64]| -> Result<Vec<[f64; 2]>, Stop> {
        let found = numbers_at(caller, f, "f", drawn, d)?;
        let known = match control {
            Some(g) => numbers_at(caller, g, "control", drawn, d)?,
            None => vec![0.0; found.len()],
        };
        Ok(found.into_iter().zip(known).map(|(x, y)| [x, y]).collect())
    };
    match points.method {
        Method::Plain => {
            for first in (0..n).step_by(BATCH) {
                at(&points.draw(&mut None, first, BATCH.min(n - first)))?.into_iter().for_each(|v| moments.add(v));
            }
            Ok((moments, n))
        }
        Method::Antithetic => {
            let pairs = n / 2;
            for first in (0..pairs).step_by(BATCH) {
                let drawn = points.draw(&mut None, first, BATCH.min(pairs - first));
                let mirrored: Vec<f64> = drawn.iter().map(|x| 1.0 - x).collect();
                let (one, other) = (at(&drawn)?, at(&mirrored)?);
                for (a, b) in one.into_iter().zip(other) {
                    moments.add([0.5 * (a[0] + b[0]), 0.5 * (a[1] + b[1])]);
                }
            }
            Ok((moments, 2 * pairs))
        }
        Method::Sobol => {
            // The largest power of two: a sequence is even after those.
            let count = match n / SCRAMBLINGS {
                0 => return Ok((moments, 0)),
                each => 1usize << each.ilog2(),
            };
            for i in 0..SCRAMBLINGS {
                let mut sobol = Sobol::new(d, Some(points.key.wrapping_add(i as u64)));
                let mut sum = [0.0; 2];
                for first in (0..count).step_by(BATCH) {
                    for value in at(&points.draw(&mut sobol, first, BATCH.min(count - first)))? {
                        sum = [sum[0] + value[0], sum[1] + value[1]];
                    }
                }
                moments.add(sum.map(|s| s / count as f64));
            }
            Ok((moments, count * SCRAMBLINGS))
        }
    }
}

/// Above this R-hat chains are not to be trusted (Vehtari and others, 2021).
const R_HAT_MAX: f64 = 1.01;

fn run_nuts(caller: &mut dyn Caller, given: &[Given]) -> Result<Arg, Stop> {
    let (f, a) = (function(given, 0, "f")?, values(given));
    let (start, form) = Form::read(caller.context(), args::at(&a, 1), "start")?;
    let count = |i: usize, name: &'static str, default: i64, least: usize| {
        let value = args::int_or(&a, i, name, default)?;
        usize::try_from(value)
            .ok()
            .filter(|&value| value >= least)
            .ok_or_else(|| TensorError::argument(name, format!("must be at least {least}, is {value}")))
    };
    let target = args::number_or(&a, 5, "target", 0.8)?;
    if !(target > 0.0 && target < 1.0) {
        return Err(TensorError::argument("target", format!("must be between 0 and 1, is {target}")).into());
    }
    let options = NutsOptions {
        draws: count(2, "draws", 1000, 4)?,
        warmup: count(3, "warmup", 1000, 0)?,
        target,
        ..NutsOptions::default()
    };
    let chains = count(4, "chains", 4, 1)?;
    let elements = number_of(caller.context(), &[chains, options.draws, start.len()])?;
    let _room = caller.context().meter().admit(elements.saturating_mul(2 * size_of::<f64>()) as u64);
    let key = caller.context().draw_seed();
    let mut found = Vec::with_capacity(chains.min(1024));
    for chain in 0..chains {
        let mut stream = Stream::new(key, chain as u64);
        let mut density = |x: &[f64]| -> Result<(f64, Vec<f64>), Stop> {
            let point = form.write(caller.context(), x)?;
            let (value, gradient) = caller.value_and_gradient(f, vec![point])?;
            Ok((scalar(&value)?, Form::read(caller.context(), &gradient, "f")?.0))
        };
        let one = nuts(&mut density, &start, options, &mut || stream.unit()).map_err(failed)?;
        found.push(one);
    }
    let mut summary = Summary::default();
    for coordinate in 0..start.len() {
        let columns: Vec<Vec<f64>> =
            found.iter().map(|chain| chain.draws.iter().map(|draw| draw[coordinate]).collect()).collect();
        summary.add(&columns);
    }
    let divergences: usize = found.iter().map(|chain| chain.divergences).sum();
    summary.warn(caller, divergences, chains * options.draws);
    let all: Vec<f64> = found.iter().flat_map(|chain| chain.draws.iter().flatten().copied()).collect();
    let mut shape = vec![chains, options.draws];
    shape.extend(form.shape.iter().flatten());
    let mean_of = |part: fn(&nexus_numerics::Chain) -> f64| found.iter().map(part).sum::<f64>() / chains as f64;
    let ctx = caller.context();
    Ok(args::record([
        ("draws", Arg::Tensor(Tensor::from_f64s(ctx, DType::F64, &shape, &all)?)),
        ("mean", form.write(ctx, &summary.mean)?),
        ("std", form.write(ctx, &summary.std)?),
        ("r_hat", form.write(ctx, &summary.r_hat)?),
        ("ess_bulk", form.write(ctx, &summary.bulk)?),
        ("ess_tail", form.write(ctx, &summary.tail)?),
        ("divergences", Arg::Int(divergences as i64)),
        ("acceptance", Arg::Scalar(mean_of(|chain| chain.acceptance))),
        ("step_size", Arg::Scalar(mean_of(|chain| chain.step_size))),
        ("calls", Arg::Int(found.iter().map(|chain| chain.calls).sum::<usize>() as i64)),
    ]))
}

fn failed(error: NutsError<Stop>) -> Stop {
    match error.problem() {
        Ok(problem) => TensorError::argument("f", problem).into(),
        Err(stop) => stop,
    }
}

/// What all chains say of each coordinate.
#[derive(Default)]
struct Summary {
    mean: Vec<f64>,
    std: Vec<f64>,
    r_hat: Vec<f64>,
    bulk: Vec<f64>,
    tail: Vec<f64>,
}

impl Summary {
    fn add(&mut self, columns: &[Vec<f64>]) {
        let all = columns.concat();
        let mean = all.iter().sum::<f64>() / all.len() as f64;
        let squares: f64 = all.iter().map(|x| (x - mean) * (x - mean)).sum();
        let diagnosis = diagnose(&columns.iter().map(Vec::as_slice).collect::<Vec<_>>());
        self.mean.push(mean);
        self.std.push((squares / (all.len() - 1) as f64).sqrt());
        self.r_hat.push(diagnosis.r_hat);
        self.bulk.push(diagnosis.ess_bulk);
        self.tail.push(diagnosis.ess_tail);
    }

    /// Tells what speaks against the draws.
    fn warn(&self, caller: &dyn Caller, divergences: usize, draws: usize) {
        let worst = self.r_hat.iter().copied().fold(1.0, f64::max);
        let mut said = Vec::new();
        if divergences > 0 {
            said.push(format!(
                "{divergences} of {draws} draws diverged, so that a part of the distribution is missed: raise target, or \
                 write the density in other coordinates"
            ));
        }
        if worst > R_HAT_MAX {
            said.push(format!("the chains do not agree (R-hat {worst:.3}): draw more, with a longer warmup"));
        }
        if !said.is_empty() {
            caller.context().warn("stats.nuts", said.join("; "));
        }
    }
}
