//! Windows: the weights with which a piece of a signal is faded in and out before its spectrum is taken.
//!
//! Definitions and names are those of SciPy's `scipy.signal.windows` (Harris, "On the use of windows for harmonic analysis
//! with the discrete Fourier transform", 1978).

use std::f64::consts::PI;

use nexus_model::DType;

use super::args;
use super::infer::{self, Inferred, typed};
use crate::host::HostTensor;
use crate::host::elementwise::cast;
use crate::op::{Arg, ArgType};
use crate::{Context, TensorError};

/// A window as a function of the place, from 0 to 1, and the number of distances between weights.
enum Window {
    /// Coefficients of a sum of cosines with alternating signs.
    Cosines(&'static [f64]),
    Bartlett,
    Kaiser {
        beta: f64,
    },
    Gaussian {
        std: f64,
    },
    Tukey {
        share: f64,
    },
}

const KINDS: &str = "\"rectangular\", \"bartlett\", \"hann\", \"hamming\", \"blackman\", \"blackman_harris\", \"nuttall\", \
                     \"flattop\", \"kaiser\", \"gaussian\" or \"tukey\"";

/// Above, the Bessel function of the Kaiser window overflows; the window is one weight long before.
const BETA_MAX: f64 = 700.0;

impl Window {
    fn of(kind: &str, parameter: Option<f64>) -> Result<Window, TensorError> {
        let plain = |window| match parameter {
            None => Ok(window),
            Some(_) => Err(TensorError::argument("parameter", format!("does nothing for the window \"{kind}\""))),
        };
        let within = |name: &str, low: f64, high: f64| match parameter {
            Some(p) if p >= low && p <= high => Ok(p),
            Some(p) => Err(TensorError::argument("parameter", format!("is {name}, between {low} and {high}, is {p}"))),
            None => Err(TensorError::argument("parameter", format!("is missing: the window \"{kind}\" needs {name}"))),
        };
        match kind {
            "rectangular" => plain(Window::Cosines(&[1.0])),
            "bartlett" => plain(Window::Bartlett),
            "hann" => plain(Window::Cosines(&[0.5, 0.5])),
            "hamming" => plain(Window::Cosines(&[0.54, 0.46])),
            "blackman" => plain(Window::Cosines(&[0.42, 0.5, 0.08])),
            "blackman_harris" => plain(Window::Cosines(&[0.35875, 0.48829, 0.14128, 0.01168])),
            "nuttall" => plain(Window::Cosines(&[0.3635819, 0.4891775, 0.1365995, 0.0106411])),
            "flattop" => plain(Window::Cosines(&[0.21557895, 0.41663158, 0.277263158, 0.083578947, 0.006947368])),
            "kaiser" => Ok(Window::Kaiser { beta: within("beta", 0.0, BETA_MAX)? }),
            "gaussian" => Ok(Window::Gaussian { std: within("the standard deviation", f64::MIN_POSITIVE, f64::MAX)? }),
            "tukey" => Ok(Window::Tukey { share: within("the share that is tapered", 0.0, 1.0)? }),
            other => Err(TensorError::argument("kind", format!("must be {KINDS}, is \"{other}\""))),
        }
    }

    /// The weight `k` of a window whose last weight is number `last`.
    fn weight(&self, k: usize, last: usize) -> f64 {
        let (k, last) = (k as f64, last as f64);
        let place = k / last;
        match *self {
            Window::Cosines(coefficients) => {
                let angle = PI * (2.0 * place - 1.0);
                coefficients.iter().enumerate().map(|(j, c)| c * (j as f64 * angle).cos()).sum()
            }
            Window::Bartlett => 1.0 - (2.0 * place - 1.0).abs(),
            Window::Kaiser { beta } => {
                let x = 2.0 * place - 1.0;
                bessel_i0(beta * (1.0 - x * x).max(0.0).sqrt()) / bessel_i0(beta)
            }
            Window::Gaussian { std } => {
                let x = (k - 0.5 * last) / std;
                (-0.5 * x * x).exp()
            }
            Window::Tukey { share } => {
                let near = k.min(last - k);
                let taper = 0.5 * share * last;
                if near >= taper { 1.0 } else { 0.5 - 0.5 * (PI * near / taper).cos() }
            }
        }
    }
}

/// The modified Bessel function of the first kind and order 0, by its series, whose terms are all positive.
fn bessel_i0(x: f64) -> f64 {
    let quarter = 0.25 * x * x;
    let (mut term, mut sum) = (1.0, 1.0);
    for k in 1..2000 {
        let k = f64::from(k);
        term *= quarter / (k * k);
        sum += term;
        if term < sum * 1e-17 {
            break;
        }
    }
    sum
}

pub(super) fn window(ctx: &Context, a: &[Arg]) -> Result<Arg, TensorError> {
    let kind = match args::at(a, 0) {
        Arg::Str(kind) => kind,
        other => return Err(args::wrong("kind", KINDS, other)),
    };
    let n = args::count(a, 1, "n")?;
    let parameter = if matches!(args::at(a, 2), Arg::None) { None } else { Some(args::number(a, 2, "parameter")?) };
    let periodic = args::bool_or(a, 3, "periodic", false)?;
    let dtype = args::dtype(a, 4, "dtype")?.unwrap_or(DType::F32);
    let window = Window::of(kind, parameter)?;
    let values = HostTensor::build(ctx, &[n], |out: &mut [f64]| {
        let last = if periodic { n } else { n.saturating_sub(1) };
        for (k, slot) in out.iter_mut().enumerate() {
            *slot = if n == 1 { 1.0 } else { window.weight(k, last) };
        }
        Ok(())
    })?;
    args::done(ctx, cast(ctx, &values, dtype)?)
}

pub(super) fn infer_window(a: &[ArgType]) -> Inferred {
    infer::number(a, 2, "parameter")?;
    infer::bool_or(a, 3, "periodic", false)?;
    if let (ArgType::Str(Some(kind)), ArgType::None) = (infer::at(a, 0), infer::at(a, 2)) {
        Window::of(kind, None)?;
    }
    let size = infer::size(infer::int(a, 1, "n")?, "n")?;
    Ok(typed(infer::dtype(a, 4, "dtype", Some(DType::F32))?, Some(vec![size])))
}
