//! Loops give the same, to the bit, in vectors of every width: of whichever processor a task lands on.

use super::{binary, binary_number, comparison, conversion, selection, unary};
use crate::DType;
use crate::host::vectors::tests::at_every_width;
use crate::operator::{BinaryOp, CompareOp, UnaryOp};

const UNARY: [UnaryOp; 33] = {
    use UnaryOp::{
        Abs, Acos, Asin, Atan, Ceil, Cos, Cosh, Erf, Exp, Expm1, Floor, Gelu, IsFinite, IsNan, Log, Log1p, Log2, Log10,
        Neg, Not, Relu, Round, Rsqrt, Sigmoid, Sign, Silu, Sin, Sinh, Softplus, Sqrt, Square, Tan, Tanh,
    };
    [
        Abs, Acos, Asin, Atan, Ceil, Cos, Cosh, Erf, Exp, Expm1, Floor, Gelu, IsFinite, IsNan, Log, Log1p, Log2, Log10,
        Neg, Not, Relu, Round, Rsqrt, Sigmoid, Sign, Silu, Sin, Sinh, Softplus, Sqrt, Square, Tan, Tanh,
    ]
};
const BINARY: [BinaryOp; 10] = {
    use BinaryOp::{Add, Atan2, Div, FloorDiv, Maximum, Minimum, Mul, Pow, Rem, Sub};
    [Add, Sub, Mul, Div, FloorDiv, Rem, Pow, Maximum, Minimum, Atan2]
};
const COMPARISONS: [CompareOp; 6] = {
    use CompareOp::{Equal, Greater, GreaterEqual, Less, LessEqual, NotEqual};
    [Equal, NotEqual, Less, LessEqual, Greater, GreaterEqual]
};
/// No multiple of any block.
const COUNT: usize = 1003;

/// Numbers of every size, then what is no number and what hardly is one.
fn numbers(turn: usize) -> Vec<f64> {
    let special = [
        0.0,
        -0.0,
        f64::NAN,
        f64::INFINITY,
        f64::NEG_INFINITY,
        1e-310,
        1e-42,
        -3e-45,
        f64::MAX,
        3.4e38,
        0.5,
        -1.0,
        88.8,
    ];
    let one = |i: usize| match i % 7 {
        0 => special[i / 7 % special.len()],
        1 => (i as f64 - 500.0) / 3.0,
        2 => (i as f64 - 500.0) * 1e7,
        _ => (i as f64 - 500.0) / 170.0,
    };
    (0..COUNT).map(|i| one((i + turn * 31) % COUNT)).collect()
}

fn bytes(dtype: DType, turn: usize) -> Vec<u8> {
    let numbers = numbers(turn);
    match dtype {
        DType::F64 => numbers.iter().flat_map(|x| x.to_ne_bytes()).collect(),
        DType::F32 => numbers.iter().flat_map(|&x| (x as f32).to_ne_bytes()).collect(),
        _ => numbers.iter().map(|&x| u8::from(x > 0.0)).collect(),
    }
}

/// The same where every dtype is aligned.
fn words(bytes: &[u8]) -> Vec<u64> {
    let mut words = vec![0; bytes.len().div_ceil(8)];
    bytemuck::cast_slice_mut(&mut words)[..bytes.len()].copy_from_slice(bytes);
    words
}

/// Results without which NaN it is: that may depend on the instructions.
fn settled(dtype: DType, mut bytes: Vec<u8>) -> Vec<u8> {
    let size = dtype.size();
    for element in bytes.chunks_exact_mut(size) {
        let is_nan = match dtype {
            DType::F64 => f64::from_ne_bytes(element.try_into().unwrap()).is_nan(),
            DType::F32 => f32::from_ne_bytes(element.try_into().unwrap()).is_nan(),
            _ => false,
        };
        if is_nan {
            element.fill(0xff);
        }
    }
    bytes
}

/// Runs a loop at every width.
fn agree(what: &str, result: DType, run: impl Fn(&mut [u8])) {
    let [narrow, usual, wide] = at_every_width(|| {
        // Loops see whole lines of memory, aligned to their elements.
        let mut out = vec![0u64; (COUNT * result.size()).div_ceil(8)];
        let out: &mut [u8] = bytemuck::cast_slice_mut(&mut out);
        run(&mut out[..COUNT * result.size()]);
        settled(result, out[..COUNT * result.size()].to_vec())
    });
    assert!(narrow.1 == usual.1, "{what}: {:?} and {:?}", narrow.0, usual.0);
    assert!(narrow.1 == wide.1, "{what}: {:?} and {:?}", narrow.0, wide.0);
}

#[test]
fn functions_and_operators_give_the_same_at_every_width() {
    for dtype in [DType::F32, DType::F64] {
        let words = [0, 1].map(|turn| words(&bytes(dtype, turn)));
        let [x, y] = [0, 1].map(|i| &bytemuck::cast_slice::<u64, u8>(&words[i])[..COUNT * dtype.size()]);
        for op in UNARY {
            let (compute, result) = op.dtypes(dtype);
            if let Some(run) = unary(op, compute).filter(|_| compute == dtype && op != UnaryOp::Not) {
                agree(&format!("{op:?} {dtype}"), result, |out| run(x, out));
            }
        }
        for op in BINARY {
            let run = binary(op, dtype);
            agree(&format!("{op:?} {dtype}"), dtype, |out| run(x, y, out));
            if let Some(run) = binary_number(op, dtype) {
                agree(&format!("{op:?} {dtype} with a number"), dtype, |out| run(x, &y[8..16], out));
            }
        }
        for op in COMPARISONS {
            let run = comparison(op, dtype);
            agree(&format!("{op:?} {dtype}"), DType::Bool, |out| run(x, y, out));
        }
        let (mask, select) = (bytes(DType::Bool, 2), selection(dtype.size()));
        agree(&format!("select {dtype}"), dtype, |out| select(&mask, x, y, out));
        for to in [DType::F16, DType::BF16, DType::I32, DType::I64, DType::U8] {
            if let Some(run) = conversion(dtype, to).first {
                agree(&format!("{dtype} to {to}"), to, |out| run(x, out));
            }
        }
    }
}
