//! Integrals of functions of one variable, to a tolerance.

use std::collections::BinaryHeap;

/// An integral with what is known of its error.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Integral {
    /// The value.
    pub value: f64,
    /// An estimate of its absolute error.
    pub error: f64,
    /// How often the function was called.
    pub calls: usize,
    /// Whether the estimate is within the tolerance.
    pub converged: bool,
}

/// Nodes of the 21-point Kronrod rule, the positive ones, and their weights (Piessens et al., QUADPACK, 1983).
const NODES: [f64; 11] = [
    0.995_657_163_025_808_1,
    0.973_906_528_517_171_7,
    0.930_157_491_355_708_2,
    0.865_063_366_688_984_5,
    0.780_817_726_586_416_9,
    0.679_409_568_299_024_4,
    0.562_757_134_668_604_7,
    0.433_395_394_129_247_2,
    0.294_392_862_701_460_2,
    0.148_874_338_981_631_22,
    0.0,
];
const KRONROD: [f64; 11] = [
    0.011_694_638_867_371_874,
    0.032_558_162_307_964_725,
    0.054_755_896_574_351_995,
    0.075_039_674_810_919_96,
    0.093_125_454_583_697_6,
    0.109_387_158_802_297_64,
    0.123_491_976_262_065_84,
    0.134_709_217_311_473_34,
    0.142_775_938_577_060_09,
    0.147_739_104_901_338_49,
    0.149_445_554_002_916_9,
];
/// Weights of the 10-point Gauss rule, at every second node.
const GAUSS: [f64; 5] = [
    0.066_671_344_308_688_14,
    0.149_451_349_150_580_6,
    0.219_086_362_515_982_04,
    0.269_266_719_309_996_35,
    0.295_524_224_714_752_87,
];

/// Pieces that an interval is cut into at most.
const PIECES_MAX: usize = 500;

/// A piece of the interval with its share of integral and error. The one with the largest error is cut next.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Piece {
    low: f64,
    high: f64,
    value: f64,
    error: f64,
}

impl Eq for Piece {}

impl Ord for Piece {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.error.total_cmp(&other.error)
    }
}

impl PartialOrd for Piece {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

/// The integral of `f` from `low` to `high`, either of which may be infinite, to an error of at most
/// `absolute + relative * |integral|`: globally adaptive Gauss–Kronrod quadrature, as QUADPACK's QAG, infinite ranges
/// mapped to a finite one by x = t / (1 - t²) or x = a + t / (1 - t).
///
/// The first error of `f` is given back.
pub fn integrate<E>(
    f: &mut dyn FnMut(f64) -> Result<f64, E>,
    low: f64,
    high: f64,
    absolute: f64,
    relative: f64,
) -> Result<Integral, E> {
    if low == high {
        return Ok(Integral { value: 0.0, error: 0.0, calls: 0, converged: true });
    }
    if low > high {
        let turned = integrate(f, high, low, absolute, relative)?;
        return Ok(Integral { value: -turned.value, ..turned });
    }
    match (low.is_finite(), high.is_finite()) {
        (true, true) => adapt(f, low, high, absolute, relative),
        (true, false) => {
            let mut mapped = |t: f64| {
                let rest = 1.0 - t;
                Ok(f(low + t / rest)? / (rest * rest))
            };
            adapt(&mut mapped, 0.0, 1.0, absolute, relative)
        }
        (false, true) => {
            let mut mapped = |t: f64| {
                let rest = 1.0 - t;
                Ok(f(high - t / rest)? / (rest * rest))
            };
            adapt(&mut mapped, 0.0, 1.0, absolute, relative)
        }
        (false, false) => {
            let mut mapped = |t: f64| {
                let rest = 1.0 - t * t;
                Ok(f(t / rest)? * (1.0 + t * t) / (rest * rest))
            };
            adapt(&mut mapped, -1.0, 1.0, absolute, relative)
        }
    }
}

fn adapt<E>(
    f: &mut dyn FnMut(f64) -> Result<f64, E>,
    low: f64,
    high: f64,
    absolute: f64,
    relative: f64,
) -> Result<Integral, E> {
    let first = rule(f, low, high)?;
    let mut calls = 21;
    let mut pieces = BinaryHeap::from([first]);
    let (mut value, mut error) = (first.value, first.error);
    while error > absolute.max(relative * value.abs()) && pieces.len() < PIECES_MAX {
        let Some(worst) = pieces.pop() else { break };
        let middle = 0.5 * (worst.low + worst.high);
        if middle <= worst.low || middle >= worst.high {
            pieces.push(worst);
            break;
        }
        let (left, right) = (rule(f, worst.low, middle)?, rule(f, middle, worst.high)?);
        calls += 42;
        pieces.push(left);
        pieces.push(right);
        // Summed anew: differences of many updates would drift.
        value = pieces.iter().map(|piece| piece.value).sum();
        error = pieces.iter().map(|piece| piece.error).sum();
        if !value.is_finite() {
            break;
        }
    }
    let converged = value.is_finite() && error <= absolute.max(relative * value.abs());
    Ok(Integral { value, error, calls, converged })
}

/// The 21-point rule on one piece, with QUADPACK's estimate of its error.
fn rule<E>(f: &mut dyn FnMut(f64) -> Result<f64, E>, low: f64, high: f64) -> Result<Piece, E> {
    let (centre, half) = (0.5 * (low + high), 0.5 * (high - low));
    let middle = f(centre)?;
    let mut kronrod = KRONROD[10] * middle;
    let mut gauss = 0.0;
    let mut size = KRONROD[10] * middle.abs();
    let mut values = [(0.0, 0.0); 10];
    for (i, slot) in values.iter_mut().enumerate() {
        let (left, right) = (f(centre - half * NODES[i])?, f(centre + half * NODES[i])?);
        *slot = (left, right);
        kronrod += KRONROD[i] * (left + right);
        size += KRONROD[i] * (left.abs() + right.abs());
        if i % 2 == 1 {
            gauss += GAUSS[i / 2] * (left + right);
        }
    }
    let mean = 0.5 * kronrod;
    let mut spread = KRONROD[10] * (middle - mean).abs();
    for (i, (left, right)) in values.iter().enumerate() {
        spread += KRONROD[i] * ((left - mean).abs() + (right - mean).abs());
    }
    let (size, spread) = (size * half.abs(), spread * half.abs());
    let mut error = ((kronrod - gauss) * half).abs();
    if spread != 0.0 && error != 0.0 {
        error = spread * (200.0 * error / spread).powf(1.5).min(1.0);
    }
    if size > f64::MIN_POSITIVE / (50.0 * f64::EPSILON) {
        error = error.max(50.0 * f64::EPSILON * size);
    }
    Ok(Piece { low, high, value: kronrod * half, error: if kronrod.is_nan() { f64::INFINITY } else { error } })
}
