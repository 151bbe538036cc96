//! Functions of each element, and of pairs of elements.

use super::infer::{self, Inferred, typed};
use super::{args, params};
use crate::dispatch::{binary, compare, infer_binary, infer_compare, infer_unary, on_host, unary};
use crate::gpu::{GpuTensor, Pair};
use crate::host::elementwise::select;
use crate::op::{Arg, ArgType, OpDef};
use crate::promotion::{Operand, promote_operands};
use crate::{BinaryOp, CompareOp, Context, Tensor, TensorError, UnaryOp};

/// A function of one tensor.
macro_rules! unary_op {
    ($name:literal, $op:ident, $doc:literal, $example:literal) => {
        OpDef {
            name: $name,
            params: params!(x: Tensor),
            doc: $doc,
            example: $example,
            infer: |a| infer_unary(UnaryOp::$op, infer::at(a, 0)),
            run: |ctx, a| unary(ctx, UnaryOp::$op, args::at(a, 0)),
        }
    };
}

/// A function of two tensors.
macro_rules! binary_op {
    ($name:literal, $op:ident, $doc:literal, $example:literal) => {
        OpDef {
            name: $name,
            params: params!(a: Tensor, b: Tensor),
            doc: $doc,
            example: $example,
            infer: |a| infer_binary(BinaryOp::$op, infer::at(a, 0), infer::at(a, 1)),
            run: |ctx, a| binary(ctx, BinaryOp::$op, args::at(a, 0), args::at(a, 1)),
        }
    };
}

pub(super) const OPS: &[OpDef] = &[
    unary_op!("tensor.exp", Exp, "e to the power of each element. Ints give f32.", "tensor.exp(tensor.ones(3))"),
    unary_op!("tensor.expm1", Expm1, "exp(x) - 1, exact also near 0.", "tensor.expm1(tensor.zeros(3))"),
    unary_op!("tensor.log", Log, "The natural logarithm; of negative numbers NaN.", "tensor.log(tensor.ones(3))"),
    unary_op!("tensor.log1p", Log1p, "log(1 + x), exact also near 0.", "tensor.log1p(tensor.zeros(3))"),
    unary_op!("tensor.log2", Log2, "The logarithm to base 2.", "tensor.log2(tensor.full(2, 8.0))"),
    unary_op!("tensor.log10", Log10, "The logarithm to base 10.", "tensor.log10(tensor.full(2, 100.0))"),
    unary_op!("tensor.sqrt", Sqrt, "The square root; of negative numbers NaN.", "tensor.sqrt(tensor.full(2, 9.0))"),
    unary_op!("tensor.rsqrt", Rsqrt, "One over the square root.", "tensor.rsqrt(tensor.full(2, 4.0))"),
    unary_op!("tensor.square", Square, "The square of each element.", "tensor.square(tensor.arange(4))"),
    unary_op!("tensor.neg", Neg, "The negative of each element.", "tensor.neg(tensor.arange(4))"),
    unary_op!("tensor.abs", Abs, "The absolute value.", "tensor.abs(tensor.arange(-2, 3))"),
    unary_op!("tensor.sign", Sign, "-1, 0 or 1 by the sign; NaN stays.", "tensor.sign(tensor.arange(-2, 3))"),
    unary_op!("tensor.floor", Floor, "The largest whole number not above.", "tensor.floor(tensor.linspace(0, 1, 3))"),
    unary_op!("tensor.ceil", Ceil, "The smallest whole number not below.", "tensor.ceil(tensor.linspace(0, 1, 3))"),
    unary_op!(
        "tensor.round",
        Round,
        "The nearest whole number, halves to the even one.",
        "tensor.round(tensor.linspace(0, 3, 7))"
    ),
    unary_op!("tensor.sin", Sin, "The sine of an angle in radians.", "tensor.sin(tensor.linspace(0, 3.14, 5))"),
    unary_op!("tensor.cos", Cos, "The cosine of an angle in radians.", "tensor.cos(tensor.linspace(0, 3.14, 5))"),
    unary_op!("tensor.tan", Tan, "The tangent of an angle in radians.", "tensor.tan(tensor.linspace(0, 1, 5))"),
    unary_op!("tensor.asin", Asin, "The angle whose sine is given.", "tensor.asin(tensor.linspace(-1, 1, 5))"),
    unary_op!("tensor.acos", Acos, "The angle whose cosine is given.", "tensor.acos(tensor.linspace(-1, 1, 5))"),
    unary_op!("tensor.atan", Atan, "The angle whose tangent is given.", "tensor.atan(tensor.linspace(-1, 1, 5))"),
    unary_op!("tensor.sinh", Sinh, "The hyperbolic sine.", "tensor.sinh(tensor.linspace(-1, 1, 5))"),
    unary_op!("tensor.cosh", Cosh, "The hyperbolic cosine.", "tensor.cosh(tensor.linspace(-1, 1, 5))"),
    unary_op!("tensor.tanh", Tanh, "The hyperbolic tangent.", "tensor.tanh(tensor.linspace(-1, 1, 5))"),
    unary_op!("tensor.erf", Erf, "The error function.", "tensor.erf(tensor.linspace(-1, 1, 5))"),
    unary_op!("tensor.relu", Relu, "The larger of the element and 0.", "tensor.relu(tensor.arange(-2, 3))"),
    unary_op!(
        "tensor.gelu",
        Gelu,
        "The Gaussian error linear unit, x Φ(x), by the error function.",
        "tensor.gelu(tensor.linspace(-1, 1, 5))"
    ),
    unary_op!("tensor.silu", Silu, "x times its sigmoid.", "tensor.silu(tensor.linspace(-1, 1, 5))"),
    unary_op!("tensor.sigmoid", Sigmoid, "1 / (1 + exp(-x)).", "tensor.sigmoid(tensor.linspace(-1, 1, 5))"),
    unary_op!(
        "tensor.softplus",
        Softplus,
        "log(1 + exp(x)), without overflow.",
        "tensor.softplus(tensor.linspace(-1, 1, 5))"
    ),
    unary_op!("tensor.isnan", IsNan, "Where the elements are NaN.", "tensor.isnan(tensor.zeros(3))"),
    unary_op!("tensor.isfinite", IsFinite, "Where the elements are finite.", "tensor.isfinite(tensor.zeros(3))"),
    unary_op!("tensor.logical_not", Not, "Where the elements are zero or false.", "tensor.logical_not(tensor.eye(2))"),
    binary_op!(
        "tensor.add",
        Add,
        "a + b, elementwise with broadcasting. Ints wrap around at the ends of their dtype, as NumPy's do.",
        "tensor.add(tensor.ones(3), 1)"
    ),
    binary_op!(
        "tensor.subtract",
        Sub,
        "a - b, elementwise with broadcasting. Ints wrap around at the ends of their dtype, as NumPy's do.",
        "tensor.subtract(tensor.ones(3), 1)"
    ),
    binary_op!(
        "tensor.multiply",
        Mul,
        "a * b, elementwise with broadcasting. Ints wrap around at the ends of their dtype, as NumPy's do.",
        "tensor.multiply(tensor.ones(3), 2)"
    ),
    binary_op!(
        "tensor.divide",
        Div,
        "a / b, elementwise with broadcasting; ints give f32.",
        "tensor.divide(tensor.ones(3), 2)"
    ),
    binary_op!(
        "tensor.pow",
        Pow,
        "a to the power of b, elementwise. Ints wrap around at the ends of their dtype, as NumPy's do.",
        "tensor.pow(tensor.arange(4), 2)"
    ),
    binary_op!(
        "tensor.maximum",
        Maximum,
        "The larger of a and b; NaN if either is.",
        "tensor.maximum(tensor.arange(4), 2)"
    ),
    binary_op!(
        "tensor.minimum",
        Minimum,
        "The smaller of a and b; NaN if either is.",
        "tensor.minimum(tensor.arange(4), 2)"
    ),
    binary_op!("tensor.atan2", Atan2, "The angle of the point (b, a).", "tensor.atan2(tensor.ones(2), tensor.ones(2))"),
    binary_op!(
        "tensor.logical_and",
        And,
        "Where both are not zero.",
        "tensor.logical_and(tensor.eye(2), tensor.ones(2))"
    ),
    binary_op!(
        "tensor.logical_or",
        Or,
        "Where either is not zero.",
        "tensor.logical_or(tensor.eye(2), tensor.zeros(2))"
    ),
    binary_op!(
        "tensor.logical_xor",
        Xor,
        "Where exactly one is not zero.",
        "tensor.logical_xor(tensor.eye(2), tensor.ones(2))"
    ),
    OpDef {
        name: "tensor.clip",
        params: params!(x: Tensor, min: Number = "none", max: Number = "none"),
        doc: "Elements below min become min, those above max become max. NaN stays.",
        example: "tensor.clip(tensor.arange(10), 2, 7)",
        infer: |a| {
            let mut ty = infer::at(a, 0).clone();
            for (i, op) in [(1, BinaryOp::Maximum), (2, BinaryOp::Minimum)] {
                if !matches!(infer::at(a, i), ArgType::None) {
                    ty = infer_binary(op, &ty, infer::at(a, i))?;
                }
            }
            Ok(ty)
        },
        run: |ctx, a| {
            let mut value = args::at(a, 0).clone();
            for (i, op) in [(1, BinaryOp::Maximum), (2, BinaryOp::Minimum)] {
                if !matches!(args::at(a, i), Arg::None) {
                    value = crate::dispatch::binary_owned(ctx, op, value, args::at(a, i).clone())?;
                }
            }
            Ok(value)
        },
    },
    OpDef {
        name: "tensor.where",
        params: params!(condition: Tensor, a: Tensor, b: Tensor),
        doc: "Elements of a where the condition is true (not zero), of b elsewhere; all three broadcast.",
        example: "tensor.where(tensor.eye(2) > 0, 1, 0)",
        infer: infer_where,
        run: run_where,
    },
    OpDef {
        name: "tensor.isclose",
        params: params!(a: Tensor, b: Tensor, rtol: Number = "1e-5", atol: Number = "1e-8"),
        doc: "Where |a - b| <= atol + rtol * |b|, as in NumPy.",
        example: "tensor.isclose(tensor.ones(2), 1.0)",
        infer: |a| infer_compare(CompareOp::LessEqual, infer::at(a, 0), infer::at(a, 1)),
        run: is_close,
    },
];

fn infer_where(a: &[ArgType]) -> Inferred {
    let condition = infer::tensor(a, 0, "condition")?;
    let (yes, no) = (infer::tensor(a, 1, "a")?, infer::tensor(a, 2, "b")?);
    let shape = infer::broadcast(yes.shape.as_ref(), no.shape.as_ref())?;
    Ok(typed(
        infer::meet(infer::at(a, 1), infer::at(a, 2)),
        infer::broadcast(shape.as_ref(), condition.shape.as_ref())?,
    ))
}

fn run_where(ctx: &Context, a: &[Arg]) -> Result<Arg, TensorError> {
    let mask = args::tensor(ctx, a, 0, "condition")?;
    let (yes, no) = (args::at(a, 1), args::at(a, 2));
    let (Some(left), Some(right)) = (Operand::of(yes), Operand::of(no)) else {
        return Err(TensorError::argument("a", "and b must be tensors or numbers"));
    };
    let dtype = promote_operands(left, right);
    if let Some(mask) = mask.as_gpu()
        && let Some(pair) = Pair::new(ctx, yes, no, dtype)?
        && let Some(chosen) = GpuTensor::select(ctx, mask.clone(), pair)?
    {
        return Ok(Arg::Tensor(Tensor::on_gpu(chosen)));
    }
    let (yes, no) = (on_host(ctx, yes.clone(), dtype)?, on_host(ctx, no.clone(), dtype)?);
    args::done(ctx, select(ctx, mask.into_host()?, yes, no, dtype)?)
}

fn is_close(ctx: &Context, a: &[Arg]) -> Result<Arg, TensorError> {
    let rtol = args::number_or(a, 2, "rtol", 1e-5)?;
    let atol = args::number_or(a, 3, "atol", 1e-8)?;
    let (left, right) = (args::at(a, 0), args::at(a, 1));
    let distance = unary(ctx, UnaryOp::Abs, &binary(ctx, BinaryOp::Sub, left, right)?)?;
    let size = unary(ctx, UnaryOp::Abs, right)?;
    let bound = binary(ctx, BinaryOp::Mul, &size, &Arg::Scalar(rtol))?;
    let bound = binary(ctx, BinaryOp::Add, &bound, &Arg::Scalar(atol))?;
    let near = compare(ctx, CompareOp::LessEqual, &distance, &bound)?;
    // Equal infinities are close although their distance is NaN; an infinite bound makes nothing close to infinity.
    let finite = binary(ctx, BinaryOp::And, &near, &unary(ctx, UnaryOp::IsFinite, right)?)?;
    binary(ctx, BinaryOp::Or, &finite, &compare(ctx, CompareOp::Equal, left, right)?)
}
