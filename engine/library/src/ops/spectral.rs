//! What is made of Fourier transforms: convolution, correlation, and spectra in the order of their frequencies.

use nexus_tensor::infer::{self, Inferred, typed};
use nexus_tensor::{Arg, ArgType, Dim, OpDef, TensorError, args, params};

use super::complex::product;
use super::{Entry, composite};
use crate::autodiff::{Algebra, Gradient, Item, Var, complex_argument, int, pair, transform};

/// An operation on two signals.
macro_rules! of_two {
    ($name:literal, $doc:literal, $example:literal, $rule:expr) => {
        (
            OpDef {
                name: $name,
                params: params!(a: Tensor, b: Tensor, mode: Str = "full", axes: Ints = "-1"),
                doc: $doc,
                example: $example,
                infer: infer_two,
                run: composite!($rule),
            },
            Gradient::Composite($rule),
        )
    };
}

/// An operation that moves the frequencies of a spectrum or a tensor.
macro_rules! shift {
    ($name:literal, $doc:literal, $example:literal, $forward:literal) => {
        (
            OpDef {
                name: $name,
                params: params!(x: Any, axes: Ints = "none"),
                doc: $doc,
                example: $example,
                infer: |a| Ok(infer::at(a, 0).clone()),
                run: composite!(|t: &Algebra<'_>, a: &[Item]| shift(t, a, $forward)),
            },
            Gradient::Composite(|t, a| shift(t, a, $forward)),
        )
    };
}

pub(super) const OPS: &[Entry] = &[
    of_two!(
        "signal.convolve",
        "The convolution of two real signals along axes (the last one if they are left out), by Fourier transforms; the \
         other axes broadcast. mode \"full\" gives all na + nb - 1 places, \"same\" as many as a has, from the middle, \
         \"valid\" those where the shorter lies wholly in the longer. Errors are relative to the largest element.",
        "signal.convolve(tensor.arange(4), tensor.ones(2))",
        |t, a| convolve(t, a, false)
    ),
    of_two!(
        "signal.correlate",
        "The cross-correlation of two real signals: signal.convolve with b turned round, as SciPy's correlate.",
        "signal.correlate(tensor.arange(4), tensor.ones(2))",
        |t, a| convolve(t, a, true)
    ),
    shift!(
        "signal.fftshift",
        "A spectrum in the order of its frequencies, with 0 in the middle, along axes (all if they are left out). x is a \
         tensor or a record of the parts re and im.",
        "signal.fftshift(signal.fftfreq(4))",
        true
    ),
    shift!(
        "signal.ifftshift",
        "The inverse of signal.fftshift, also for odd sizes.",
        "signal.ifftshift(signal.fftshift(tensor.arange(5)))",
        false
    ),
];

const MODES: &str = "\"full\", \"same\" or \"valid\"";

/// Which places of a convolution are wanted.
#[derive(Clone, Copy)]
enum Mode {
    Full,
    Same,
    Valid,
}

impl Mode {
    fn parse(arg: &Arg) -> Result<Mode, TensorError> {
        match arg {
            Arg::None => Ok(Mode::Full),
            Arg::Str(name) => match &**name {
                "full" => Ok(Mode::Full),
                "same" => Ok(Mode::Same),
                "valid" => Ok(Mode::Valid),
                other => Err(TensorError::argument("mode", format!("must be {MODES}, is \"{other}\""))),
            },
            other => Err(args::wrong("mode", MODES, other)),
        }
    }

    /// The first place and the number of places, of all `a + b - 1`.
    fn places(self, a: usize, b: usize) -> (usize, usize) {
        match self {
            Mode::Full => (0, a + b - 1),
            Mode::Same => ((b - 1) / 2, a),
            Mode::Valid => (a.min(b) - 1, a.max(b) - a.min(b) + 1),
        }
    }
}

fn infer_two(a: &[ArgType]) -> Inferred {
    let (x, y) = (infer::tensor(a, 0, "a")?, infer::tensor(a, 1, "b")?);
    if let ArgType::Str(Some(name)) = infer::at(a, 2) {
        Mode::parse(&Arg::Str(name.clone()))?;
    }
    let rank = x.shape.zip(y.shape).map(|(x, y)| x.len().max(y.len()));
    let dtype = x.dtype.zip(y.dtype).filter(|(x, y)| x == y && x.is_float()).map(|(x, _)| x);
    Ok(typed(dtype, rank.map(|rank| vec![Dim::Unknown; rank])))
}

/// The smallest size from `n` on that has no prime factors above 5, which transforms are fastest for.
fn fast_size(n: usize) -> usize {
    let smooth = |mut n: usize| {
        for prime in [2, 3, 5] {
            while n.is_multiple_of(prime) {
                n /= prime;
            }
        }
        n == 1
    };
    (n..).find(|&n| smooth(n)).unwrap_or(n)
}

fn signal<'a>(a: &'a [Item], i: usize, name: &'static str) -> Result<&'a Var, TensorError> {
    match a.get(i) {
        Some(Item::Var(x)) if x.rank() > 0 => Ok(x),
        _ => Err(TensorError::argument(name, "must be a tensor with at least one axis")),
    }
}

/// Axes of the result as axes of an operand, counted from the end.
fn from_the_end(a: &[Arg], x: &Var, y: &Var) -> Result<Vec<i64>, TensorError> {
    let rank = x.rank().max(y.rank()) as i64;
    let axes = args::ints(a, 3, "axes")?.map_or_else(|| vec![-1], |axes| axes.to_vec());
    let least = x.rank().min(y.rank());
    let mut found = Vec::with_capacity(axes.len());
    for axis in axes {
        let end = if axis < 0 { axis } else { axis - rank };
        if end < -(least as i64) || end >= 0 {
            return Err(TensorError::Axis { axis, rank: least });
        }
        if found.contains(&end) {
            return Err(TensorError::argument("axes", format!("name axis {axis} twice")));
        }
        found.push(end);
    }
    if found.is_empty() { Err(TensorError::argument("axes", "must name at least one axis")) } else { Ok(found) }
}

fn at_end(x: &Var, axis: i64) -> usize {
    x.shape()[(x.rank() as i64 + axis) as usize]
}

fn convolve(t: &Algebra<'_>, a: &[Item], turned: bool) -> Result<Item, TensorError> {
    let (x, y) = (signal(a, 0, "a")?, signal(a, 1, "b")?);
    let plain: Vec<Arg> = a.iter().map(Item::plain).collect();
    let (mode, axes) = (Mode::parse(args::at(&plain, 2))?, from_the_end(&plain, x, y)?);
    if axes.iter().any(|&axis| at_end(x, axis) == 0 || at_end(y, axis) == 0) {
        return Err(TensorError::shapes(x.shape(), y.shape(), "have no elements to convolve"));
    }
    let y = if turned {
        let axes = axes.iter().map(|&axis| Arg::Int(axis).into()).collect();
        t.call("tensor.flip", &[y.clone().into(), Item::List(axes)])?
    } else {
        y.clone()
    };
    let size = |axis: i64| fast_size(at_end(x, axis) + at_end(&y, axis) - 1);
    let spectrum = |x: &Var| -> Result<[Var; 2], TensorError> {
        let step = |name, item: Item, axis| transform(t, name, &[item, int(size(axis) as i64), int(axis)]);
        let mut z = step("signal.rfft", x.clone().into(), axes[0])?;
        for &axis in &axes[1..] {
            let [re, im] = z;
            z = step("signal.fft", pair(re, im), axis)?;
        }
        Ok(z)
    };
    let ([xr, xi], [yr, yi]) = (spectrum(x)?, spectrum(&y)?);
    let mut z = product(t, (&xr, Some(&xi)), (&yr, Some(&yi)))?;
    for &axis in axes[1..].iter().rev() {
        let [re, im] = z;
        z = transform(t, "signal.ifft", &[pair(re, im), Item::Other(Arg::None), int(axis)])?;
    }
    let [re, im] = z;
    let mut result = t.call("signal.irfft", &[pair(re, im), int(size(axes[0]) as i64), int(axes[0])])?;
    for &axis in &axes {
        let (start, count) = mode.places(at_end(x, axis), at_end(&y, axis));
        let cut = [result.into(), int(axis), int(start as i64), int((start + count) as i64)];
        result = t.call("tensor.slice", &cut)?;
    }
    Ok(result.into())
}

fn shift(t: &Algebra<'_>, a: &[Item], forward: bool) -> Result<Item, TensorError> {
    let plain: Vec<Arg> = a.iter().map(Item::plain).collect();
    let (re, im) = complex_argument(a, 0, "x")?;
    let moved = |x: &Var| -> Result<Var, TensorError> {
        let mut x = x.clone();
        for axis in args::axes(&plain, 1, "axes", x.rank())? {
            let size = x.shape()[axis];
            let by = if forward { size / 2 } else { size.div_ceil(2) };
            x = t.call("tensor.roll", &[x.into(), int(by as i64), int(axis as i64)])?;
        }
        Ok(x)
    };
    let re = moved(&re)?;
    Ok(match im {
        Some(im) => pair(re, moved(&im)?),
        None => re.into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fast_sizes_have_small_factors_and_are_the_next_ones() {
        assert_eq!([1, 7, 11, 13, 121, 1000, 1025].map(fast_size), [1, 8, 12, 15, 125, 1000, 1080]);
    }
}
