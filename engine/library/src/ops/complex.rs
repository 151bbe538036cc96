//! Arithmetic with complex numbers: records of the parts `re` and `im`, as spectra and eigenvalues are.

use nexus_tensor::infer::{self, Inferred, typed};
use nexus_tensor::{Arg, ArgType, BinaryOp, CompareOp, DType, OpDef, TensorError, UnaryOp, params};

use super::{Entry, composite};
use crate::autodiff::{Algebra, Gradient, Item, Var, complex_argument, pair};

/// An operation that is a composite with a gradient of its own making.
macro_rules! entry {
    ($name:literal, $params:expr, $doc:literal, $example:literal, $infer:expr, $rule:expr) => {
        (
            OpDef { name: $name, params: $params, doc: $doc, example: $example, infer: $infer, run: composite!($rule) },
            Gradient::Composite($rule),
        )
    };
}

/// Between these, squares of f64 neither overflow nor lose digits.
const SQUARE_MIN: f64 = 1e-140;
const SQUARE_MAX: f64 = 1e140;

pub(super) const OPS: &[Entry] = &[
    entry!(
        "complex.abs",
        params!(z: Any),
        "The absolute value of complex numbers, whose derivative at 0 counts as 0. z is a record of the parts re and im, or \
         a tensor.",
        "complex.abs(signal.fft(tensor.arange(4)))",
        infer_part,
        absolute
    ),
    entry!(
        "complex.angle",
        params!(z: Any),
        "The angle of complex numbers with the positive real axis, from -pi to pi.",
        "complex.angle(signal.fft(tensor.arange(4)))",
        infer_part,
        angle
    ),
    entry!(
        "complex.conj",
        params!(z: Any),
        "The complex conjugate: the imaginary part with its sign changed.",
        "complex.conj(signal.fft(tensor.arange(4))).im",
        infer_whole,
        conjugate
    ),
    entry!(
        "complex.exp",
        params!(z: Any),
        "The exponential of complex numbers.",
        "complex.exp(signal.fft(tensor.zeros(4))).re",
        infer_whole,
        exponential
    ),
    entry!(
        "complex.mul",
        params!(a: Any, b: Any),
        "The product of complex numbers, elementwise with broadcasting. Either may be a tensor or a number.",
        "complex.mul(signal.fft(tensor.arange(4)), 2.0).re",
        infer_two,
        multiply
    ),
    entry!(
        "complex.div",
        params!(a: Any, b: Any),
        "The quotient of complex numbers, elementwise with broadcasting. Either may be a tensor or a number.",
        "complex.div(signal.fft(tensor.arange(4)), 2.0).re",
        infer_two,
        divide
    ),
];

/// The type of the real part of an argument that may be complex.
fn infer_part(a: &[ArgType]) -> Inferred {
    let part = match infer::at(a, 0) {
        ArgType::Record(fields) => {
            let field = |name: &str| fields.iter().find(|(known, _)| &**known == name).map(|(_, ty)| ty);
            match (field("re"), field("im")) {
                (Some(re), Some(_)) => infer::operand(re, "z")?,
                _ => return Err(TensorError::argument("z", "must be a record of the parts re and im, or a tensor")),
            }
        }
        _ => infer::tensor(a, 0, "z")?,
    };
    // Numbers stay numbers, which are no tensors.
    if part.shape.as_ref().is_some_and(Vec::is_empty) {
        return Ok(ArgType::Unknown);
    }
    Ok(typed(part.dtype.map(|dtype| if dtype.is_float() { dtype } else { DType::F32 }), part.shape))
}

fn infer_whole(a: &[ArgType]) -> Inferred {
    infer_part(a)?;
    Ok(infer::record([("re", ArgType::Unknown), ("im", ArgType::Unknown)]))
}

fn infer_two(a: &[ArgType]) -> Inferred {
    infer_part(a)?;
    infer_part(&a[1..])?;
    Ok(infer::record([("re", ArgType::Unknown), ("im", ArgType::Unknown)]))
}

fn absolute(t: &Algebra<'_>, a: &[Item]) -> Result<Item, TensorError> {
    let (re, im) = complex_argument(a, 0, "z")?;
    let Some(im) = im else { return t.unary(UnaryOp::Abs, &re).map(Item::Var) };
    let (wide_re, wide_im) = (wide(t, &re)?, wide(t, &im)?);
    let scale = scale_of(t, &wide_re, &wide_im)?;
    let square = |x: &Var| t.unary(UnaryOp::Square, &t.div(x, &scale)?);
    let sum = t.add(&square(&wide_re)?, &square(&wide_im)?)?;
    let root = if sum.is_number() {
        t.unary(UnaryOp::Sqrt, &sum)?
    } else {
        // The root is not differentiable at 0, where the derivative counts as 0: spectra have zeros.
        let zero = t.compare(CompareOp::Equal, &sum, &Var::scalar(0.0))?;
        let root = t.unary(UnaryOp::Sqrt, &t.select(&zero, &Var::scalar(1.0), &sum)?)?;
        t.select(&zero, &sum, &root)?
    };
    let root = t.mul(&root, &scale)?;
    match re.dtype().filter(|dtype| dtype.is_float()) {
        Some(dtype) => t.cast(&root, dtype).map(Item::Var),
        None => Ok(root.into()),
    }
}

/// What both parts are divided by before they are squared: 1, or the larger of them where its square would overflow or
/// lose digits. Nothing follows it: the absolute value does not depend on it.
fn scale_of(t: &Algebra<'_>, re: &Var, im: &Var) -> Result<Var, TensorError> {
    let size = |x: &Var| t.unary(UnaryOp::Abs, &Var::Plain(x.plain().clone()));
    let larger = t.binary(BinaryOp::Maximum, &size(re)?, &size(im)?)?;
    let is = |op, bound| t.compare(op, &larger, &Var::scalar(bound));
    let both = |a: Var, b: Var| t.binary(BinaryOp::And, &a, &b);
    let tiny = both(is(CompareOp::Greater, 0.0)?, is(CompareOp::Less, SQUARE_MIN)?)?;
    let huge = both(is(CompareOp::Greater, SQUARE_MAX)?, is(CompareOp::Less, f64::INFINITY)?)?;
    let is_scaled = t.binary(BinaryOp::Or, &tiny, &huge)?;
    match is_scaled.plain() {
        Arg::Bool(true) => Ok(larger),
        Arg::Bool(false) => Ok(Var::scalar(1.0)),
        _ => t.select(&is_scaled, &larger, &Var::scalar(1.0)),
    }
}

/// In f64, where squares of single-precision numbers neither overflow nor vanish.
fn wide(t: &Algebra<'_>, x: &Var) -> Result<Var, TensorError> {
    if x.is_number() { Ok(x.clone()) } else { t.cast(x, DType::F64) }
}

/// The imaginary part, zero where there is none.
fn imaginary(t: &Algebra<'_>, re: &Var, im: Option<Var>) -> Result<Var, TensorError> {
    im.map_or_else(|| t.zeros_like(re), Ok)
}

fn angle(t: &Algebra<'_>, a: &[Item]) -> Result<Item, TensorError> {
    let (re, im) = complex_argument(a, 0, "z")?;
    t.binary(BinaryOp::Atan2, &imaginary(t, &re, im)?, &re).map(Item::Var)
}

fn conjugate(t: &Algebra<'_>, a: &[Item]) -> Result<Item, TensorError> {
    let (re, im) = complex_argument(a, 0, "z")?;
    let im = t.neg(&imaginary(t, &re, im)?)?;
    Ok(pair(re, im))
}

fn exponential(t: &Algebra<'_>, a: &[Item]) -> Result<Item, TensorError> {
    let (re, im) = complex_argument(a, 0, "z")?;
    let (size, im) = (t.unary(UnaryOp::Exp, &re)?, imaginary(t, &re, im)?);
    let part = |op| t.mul(&size, &t.unary(op, &im)?);
    Ok(pair(part(UnaryOp::Cos)?, part(UnaryOp::Sin)?))
}

/// The product of complex numbers by their parts; a missing part is zero.
pub(super) fn product(
    t: &Algebra<'_>,
    (ar, ai): (&Var, Option<&Var>),
    (br, bi): (&Var, Option<&Var>),
) -> Result<[Var; 2], TensorError> {
    let re = t.mul(ar, br)?;
    Ok(match (ai, bi) {
        (None, None) => {
            let zero = t.zeros_like(&re)?;
            [re, zero]
        }
        (Some(ai), None) => [re, t.mul(ai, br)?],
        (None, Some(bi)) => [re, t.mul(ar, bi)?],
        (Some(ai), Some(bi)) => [t.sub(&re, &t.mul(ai, bi)?)?, t.add(&t.mul(ar, bi)?, &t.mul(ai, br)?)?],
    })
}

fn multiply(t: &Algebra<'_>, a: &[Item]) -> Result<Item, TensorError> {
    let ((ar, ai), (br, bi)) = (complex_argument(a, 0, "a")?, complex_argument(a, 1, "b")?);
    let [re, im] = product(t, (&ar, ai.as_ref()), (&br, bi.as_ref()))?;
    Ok(pair(re, im))
}

fn divide(t: &Algebra<'_>, a: &[Item]) -> Result<Item, TensorError> {
    let ((ar, ai), (br, bi)) = (complex_argument(a, 0, "a")?, complex_argument(a, 1, "b")?);
    let Some(bi) = bi else {
        let re = t.div(&ar, &br)?;
        let im = match ai {
            Some(ai) => t.div(&ai, &br)?,
            None => t.zeros_like(&re)?,
        };
        return Ok(pair(re, im));
    };
    // By the larger of the two parts first, so that nothing overflows that need not (Smith, 1962).
    let steep = t.compare(CompareOp::Greater, &t.unary(UnaryOp::Abs, &bi)?, &t.unary(UnaryOp::Abs, &br)?)?;
    let (large, small) = (t.select(&steep, &bi, &br)?, t.select(&steep, &br, &bi)?);
    let ratio = t.div(&small, &large)?;
    let bottom = t.add(&large, &t.mul(&small, &ratio)?)?;
    let ai = imaginary(t, &ar, ai)?;
    let flat_re = t.add(&ar, &t.mul(&ai, &ratio)?)?;
    let steep_re = t.add(&t.mul(&ar, &ratio)?, &ai)?;
    let flat_im = t.sub(&ai, &t.mul(&ar, &ratio)?)?;
    let steep_im = t.sub(&t.mul(&ai, &ratio)?, &ar)?;
    let re = t.div(&t.select(&steep, &steep_re, &flat_re)?, &bottom)?;
    Ok(pair(re, t.div(&t.select(&steep, &steep_im, &flat_im)?, &bottom)?))
}
