//! How Fourier transforms read their arguments, infer and run; the table itself is in `signal`.

use nexus_model::DType;
use smallvec::SmallVec;

use super::args;
use super::infer::{self, Dims, Inferred, typed};
use super::linalg::with_field;
use super::signal::infer_parts;
use crate::host::HostTensor;
use crate::host::elementwise::cast;
use crate::host::fourier::{self, Way};
use crate::op::{Arg, ArgType, Dim, TensorType};
use crate::promotion::{promote, to_float};
use crate::shape::{normalize_axes, normalize_axis};
use crate::{Context, TensorError};

const COMPLEX: &str = "a tensor, or a record of the parts re and im";

/// A complex argument: its parts in the float that is computed in, and the dtype that the result gets.
struct Complex {
    re: HostTensor,
    im: Option<HostTensor>,
    dtype: DType,
}

impl Complex {
    fn read(ctx: &Context, a: &[Arg]) -> Result<Complex, TensorError> {
        let (re, im) = match args::at(a, 0) {
            Arg::Record(fields) => {
                let part = |name: &str| {
                    let field = fields.iter().find(|(known, _)| &**known == name);
                    let missing = || TensorError::argument("x", format!("must be {COMPLEX}, has no `{name}`"));
                    args::tensor(ctx, &[field.ok_or_else(missing)?.1.clone()], 0, "x")?.into_host()
                };
                (part("re")?, Some(part("im")?))
            }
            Arg::Tensor(_) | Arg::Int(_) | Arg::Scalar(_) | Arg::Bool(_) => (args::host(ctx, a, 0, "x")?, None),
            other => return Err(args::wrong("x", COMPLEX, other)),
        };
        let found = im.as_ref().map_or(re.dtype, |im| promote(to_float(re.dtype), to_float(im.dtype)));
        let dtype = to_float(found);
        let compute = if dtype == DType::F64 { DType::F64 } else { DType::F32 };
        if let Some(im) = &im
            && im.shape != re.shape
        {
            return Err(TensorError::shapes(&re.shape, &im.shape, "are the parts of one tensor, which must be equal"));
        }
        Ok(Complex { re: cast(ctx, &re, compute)?, im: im.map(|im| cast(ctx, &im, compute)).transpose()?, dtype })
    }

    fn done(self, ctx: &Context) -> Result<Arg, TensorError> {
        let re = args::done(ctx, cast(ctx, &self.re, self.dtype)?)?;
        let im = self.im.ok_or_else(|| TensorError::argument("x", "has no imaginary part"))?;
        Ok(args::record([("re", re), ("im", args::done(ctx, cast(ctx, &im, self.dtype)?)?)]))
    }

    /// With `axis` last.
    fn turned(self, axis: usize) -> Complex {
        let order = last(self.re.rank(), axis);
        Complex { re: self.re.permuted(&order), im: self.im.map(|im| im.permuted(&order)), dtype: self.dtype }
    }

    /// Transformed along an axis.
    fn along(self, ctx: &Context, axis: usize, size: usize, way: Way) -> Result<Complex, TensorError> {
        if axis + 1 < self.re.rank() && size == self.re.shape[axis] {
            let im = self.im.as_ref();
            let found = with_field!(self.re.dtype, T => fourier::columns::<T>(ctx, &self.re, im, axis, way))?;
            if let Some([re, im]) = found {
                return Ok(Complex { re, im: Some(im), dtype: self.dtype });
            }
        }
        let (rank, dtype, turned) = (self.re.rank(), self.dtype, self.turned(axis));
        let im = turned.im.as_ref();
        let [re, im] = with_field!(turned.re.dtype, T => fourier::complex::<T>(ctx, &turned.re, im, size, way))?;
        let order = back(rank, axis);
        Ok(Complex { re: re.permuted(&order), im: Some(im.permuted(&order)), dtype })
    }
}

/// The axes with `axis` moved to the end.
fn last(rank: usize, axis: usize) -> SmallVec<[usize; 4]> {
    (0..rank).filter(|&a| a != axis).chain([axis]).collect()
}

/// The axes with the last one moved to `axis`.
fn back(rank: usize, axis: usize) -> SmallVec<[usize; 4]> {
    (0..rank)
        .map(|a| {
            if a < axis {
                a
            } else if a == axis {
                rank - 1
            } else {
                a - 1
            }
        })
        .collect()
}

/// The size of the transform: `n` or what there is.
fn size(a: &[Arg], found: usize) -> Result<usize, TensorError> {
    let size = if matches!(args::at(a, 1), Arg::None) { found } else { args::count(a, 1, "n")? };
    if size == 0 { Err(nothing()) } else { Ok(size) }
}

/// The error for a transform of nothing.
fn nothing() -> TensorError {
    TensorError::argument("n", "must be positive: a transform needs at least one element")
}

/// What the result is multiplied by, for a transform of `n` elements in all.
fn scale(a: &[Arg], i: usize, n: f64, inverse: bool) -> Result<f64, TensorError> {
    let name = match args::at(a, i) {
        Arg::None => "backward",
        Arg::Str(name) => name,
        other => return Err(args::wrong("norm", NORMS, other)),
    };
    match (name, inverse) {
        ("backward", false) | ("forward", true) => Ok(1.0),
        ("backward", true) | ("forward", false) => Ok(1.0 / n),
        ("ortho", _) => Ok(1.0 / n.sqrt()),
        _ => Err(TensorError::argument("norm", format!("must be {NORMS}, is \"{name}\""))),
    }
}

const NORMS: &str = "\"backward\", \"forward\" or \"ortho\"";

fn check_norm(a: &[ArgType], i: usize) -> Result<(), TensorError> {
    match infer::at(a, i) {
        ArgType::Str(Some(name)) => scale(&[Arg::Str(name.clone())], 0, 1.0, false).map(|_| ()),
        ArgType::None | ArgType::Unknown | ArgType::Str(None) => Ok(()),
        _ => Err(TensorError::argument("norm", format!("must be {NORMS}"))),
    }
}

pub(super) fn spectrum(ctx: &Context, a: &[Arg], inverse: bool) -> Result<Arg, TensorError> {
    let x = Complex::read(ctx, a)?;
    let axis = args::axis(a, 2, "axis", -1, x.re.rank())?;
    let size = size(a, x.re.shape[axis])?;
    let way = Way { inverse, scale: scale(a, 3, size as f64, inverse)? };
    x.along(ctx, axis, size, way)?.done(ctx)
}

pub(super) fn plane(ctx: &Context, a: &[Arg], inverse: bool) -> Result<Arg, TensorError> {
    let mut x = Complex::read(ctx, a)?;
    let axes = match args::ints(a, 1, "axes")? {
        None => normalize_axes(&[-2, -1], x.re.rank())?,
        Some(axes) => normalize_axes(&axes, x.re.rank())?,
    };
    let total: f64 = axes.iter().map(|&axis| x.re.shape[axis] as f64).product();
    let whole = scale(a, 2, total, inverse)?;
    if axes.is_empty() {
        return Err(TensorError::argument("axes", "must name at least one axis"));
    }
    for (place, &axis) in axes.iter().rev().enumerate() {
        let size = x.re.shape[axis];
        if size == 0 {
            return Err(nothing());
        }
        // Everything is scaled in the first pass.
        x = x.along(ctx, axis, size, Way { inverse, scale: if place == 0 { whole } else { 1.0 } })?;
    }
    x.done(ctx)
}

pub(super) fn real(ctx: &Context, a: &[Arg]) -> Result<Arg, TensorError> {
    let x = Complex::read(ctx, a)?;
    if x.im.is_some() {
        return Err(TensorError::argument("x", "is complex; transform it with `signal.fft`"));
    }
    let (rank, axis) = (x.re.rank(), args::axis(a, 2, "axis", -1, x.re.rank())?);
    let size = size(a, x.re.shape[axis])?;
    let scale = scale(a, 3, size as f64, false)?;
    let (dtype, turned) = (x.dtype, x.turned(axis));
    let [re, im] = with_field!(turned.re.dtype, T => fourier::real::<T>(ctx, &turned.re, size, scale))?;
    let order = back(rank, axis);
    Complex { re: re.permuted(&order), im: Some(im.permuted(&order)), dtype }.done(ctx)
}

pub(super) fn real_inverse(ctx: &Context, a: &[Arg]) -> Result<Arg, TensorError> {
    let x = Complex::read(ctx, a)?;
    let (rank, axis) = (x.re.rank(), args::axis(a, 2, "axis", -1, x.re.rank())?);
    let found = x.re.shape[axis];
    let size = size(a, 2 * found.saturating_sub(1))?;
    let scale = scale(a, 3, size as f64, true)?;
    let (dtype, turned) = (x.dtype, x.turned(axis));
    let im = match turned.im {
        Some(im) => im,
        None => HostTensor::zeros(ctx, turned.re.dtype, &turned.re.shape)?,
    };
    let parts = [&turned.re, &im];
    let x = with_field!(turned.re.dtype, T => fourier::real_inverse::<T>(ctx, parts, size, scale))?;
    args::done(ctx, cast(ctx, &x.permuted(&back(rank, axis)), dtype)?)
}

/// A complex argument before it is known.
fn infer_complex(a: &[ArgType]) -> Result<TensorType, TensorError> {
    let ArgType::Record(fields) = infer::at(a, 0) else { return infer::tensor(a, 0, "x") };
    let part = |name: &str| {
        let field = fields.iter().find(|(known, _)| &**known == name);
        let missing = || TensorError::argument("x", format!("must be {COMPLEX}, has no `{name}`"));
        infer::operand(&field.ok_or_else(missing)?.1, "x")
    };
    let (re, im) = (part("re")?, part("im")?);
    let dtype = re.dtype.zip(im.dtype).map(|(a, b)| promote(to_float(a), to_float(b)));
    Ok(TensorType { dtype, shape: re.shape })
}

/// The shape after a transform: `to` gives the size of the axis from what it is and what `n` is.
fn along(a: &[ArgType], shape: Option<Dims>, to: fn(usize, usize) -> usize) -> Result<Option<Dims>, TensorError> {
    check_norm(a, 3)?;
    let n = if matches!(infer::at(a, 1), ArgType::None) { None } else { infer::int(a, 1, "n")? };
    if n.is_some_and(|n| n <= 0) {
        return Err(nothing());
    }
    let axis = infer::int_or(a, 2, "axis", -1)?;
    let Some(mut dims) = shape else { return Ok(None) };
    let Some(axis) = axis else { return Ok(Some(vec![Dim::Unknown; dims.len()])) };
    let axis = normalize_axis(axis, dims.len())?;
    dims[axis] = match (&dims[axis], infer::at(a, 1), n) {
        (_, _, Some(n)) => Dim::Known(to(0, n as usize)),
        (Dim::Known(0), ArgType::None, _) => return Err(nothing()),
        (Dim::Known(found), ArgType::None, _) => Dim::Known(to(*found, *found)),
        (named, ArgType::None, _) if to(5, 5) == 5 => named.clone(),
        _ => Dim::Unknown,
    };
    Ok(Some(dims))
}

pub(super) fn infer_spectrum(a: &[ArgType], to: fn(usize, usize) -> usize) -> Inferred {
    let ty = infer_complex(a)?;
    infer_parts(ty.dtype.map(to_float), along(a, ty.shape, to)?)
}

pub(super) fn infer_real(a: &[ArgType]) -> Inferred {
    infer_spectrum(a, |_, n| n / 2 + 1)
}

pub(super) fn infer_real_inverse(a: &[ArgType]) -> Inferred {
    let ty = infer_complex(a)?;
    // Without `n` the size follows from the axis, which `along` passes as both.
    let to: fn(usize, usize) -> usize =
        if matches!(infer::at(a, 1), ArgType::None) { |found, _| 2 * found.saturating_sub(1) } else { |_, n| n };
    let shape = along(a, ty.shape, to)?;
    Ok(typed(ty.dtype.map(to_float), shape))
}

pub(super) fn infer_plane(a: &[ArgType]) -> Inferred {
    let ty = infer_complex(a)?;
    check_norm(a, 2)?;
    if let (Some(dims), Some(axes)) = (&ty.shape, infer::ints(a, 1, "axes")?.known()) {
        normalize_axes(&axes, dims.len())?;
    }
    infer_parts(ty.dtype.map(to_float), ty.shape)
}

/// The frequencies of `count` elements, negative from `positive` on; both follow from n.
pub(super) fn frequencies(ctx: &Context, a: &[Arg], counts: fn(usize) -> (usize, usize)) -> Result<Arg, TensorError> {
    let n = args::count(a, 0, "n")?;
    let spacing = args::number_or(a, 1, "spacing", 1.0)?;
    if n == 0 {
        return Err(nothing());
    }
    if spacing == 0.0 || !spacing.is_finite() {
        return Err(TensorError::argument("spacing", format!("must be a finite number other than 0, is {spacing}")));
    }
    let dtype = args::dtype(a, 2, "dtype")?.unwrap_or(DType::F32);
    let (count, positive) = counts(n);
    let values = HostTensor::build(ctx, &[count], |out: &mut [f64]| {
        for (k, slot) in out.iter_mut().enumerate() {
            let k = if k < positive { k as f64 } else { k as f64 - n as f64 };
            *slot = k / (n as f64 * spacing);
        }
        Ok(())
    })?;
    args::done(ctx, cast(ctx, &values, dtype)?)
}

pub(super) fn infer_frequencies(a: &[ArgType], count: fn(usize) -> usize) -> Inferred {
    infer::number(a, 1, "spacing")?;
    let size = match infer::size(infer::int(a, 0, "n")?, "n")? {
        Dim::Known(0) => return Err(nothing()),
        Dim::Known(n) => Dim::Known(count(n)),
        _ => Dim::Unknown,
    };
    Ok(typed(infer::dtype(a, 2, "dtype", Some(DType::F32))?, Some(vec![size])))
}
