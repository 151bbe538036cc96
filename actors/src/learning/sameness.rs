//! Whether two runs of a program gave the same, within the precision that the program computes in.
//!
//! What is exact (whole numbers, truth values, text) must be equal. What is rounded may differ by the rounding of sums in
//! another order: relative to the largest element of the tensor, as sums of many terms are.

use nexus_model::{DType, TensorData, Value};

/// What two sums of the same terms in another order may differ by, relative to the largest element, in units of the
/// dtype's rounding.
const ROUNDINGS: f64 = 512.0;
/// The same where two kinds of devices computed: their exponentials and products round in other places.
const ROUNDINGS_OF_DEVICES: f64 = 8192.0;

/// The same where operands of products were rounded to a half precision, in units of its rounding: sums hide most of it.
const ROUNDINGS_OF_HALVES: f64 = 16.0;

/// How exactly two results must agree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Agreement {
    /// Both from the processor.
    SameDevice,
    /// From the processor and a graphics processor.
    OtherDevice,
    /// Both from the processor, with derivatives in two directions: what is f64 may have been f32 on one of the ways.
    Singles,
    /// One of them with operands of products in this half precision, which its program allows.
    Halves(DType),
}

impl Agreement {
    /// What numbers of `dtype` may differ by, relative to the largest.
    fn bound(self, dtype: DType) -> f64 {
        match self {
            Agreement::SameDevice => rounding(dtype) * ROUNDINGS,
            Agreement::Singles => rounding(dtype).max(rounding(DType::F32)) * ROUNDINGS,
            Agreement::OtherDevice => rounding(dtype) * ROUNDINGS_OF_DEVICES,
            Agreement::Halves(half) => rounding(half) * ROUNDINGS_OF_HALVES,
        }
    }
}

/// Whether the results are the same, with the named outputs in their order.
pub(crate) fn same_outputs(a: &[(String, Value)], b: &[(String, Value)], agreement: Agreement) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|((x, v), (y, w))| x == y && same(v, w, agreement))
}

/// Whether two values are the same.
pub(crate) fn same(a: &Value, b: &Value, agreement: Agreement) -> bool {
    match (a, b) {
        (Value::Scalar(x), Value::Scalar(y)) => {
            // Scalars often come out of tensors in f32.
            let bound = x.abs().max(y.abs()) * agreement.bound(DType::F32);
            close(*x, *y, bound)
        }
        (Value::List(x), Value::List(y)) => x.len() == y.len() && x.iter().zip(y).all(|(x, y)| same(x, y, agreement)),
        (Value::Record(x), Value::Record(y)) => same_outputs(x, y, agreement),
        (Value::Tensor(x), Value::Tensor(y)) => same_tensor(x, y, agreement),
        _ => a == b,
    }
}

fn same_tensor(a: &TensorData, b: &TensorData, agreement: Agreement) -> bool {
    if a.dtype() != b.dtype() || a.shape() != b.shape() {
        return false;
    }
    if a.bytes() == b.bytes() {
        return true;
    }
    if !a.dtype().is_float() {
        return false;
    }
    let values = |data: &TensorData| (0..data.len()).map(|i| data.get_f64(i).unwrap_or(f64::NAN)).collect::<Vec<_>>();
    let (a_values, b_values) = (values(a), values(b));
    let finite = a_values.iter().chain(&b_values).filter(|v| v.is_finite());
    let largest = finite.fold(0.0f64, |largest, v| largest.max(v.abs()));
    let bound = largest * agreement.bound(a.dtype());
    a_values.iter().zip(&b_values).all(|(x, y)| close(*x, *y, bound))
}

fn close(x: f64, y: f64, bound: f64) -> bool {
    x == y || (x.is_nan() && y.is_nan()) || (x - y).abs() <= bound
}

/// The unit roundoff of a dtype.
fn rounding(dtype: DType) -> f64 {
    match dtype {
        DType::F64 => f64::EPSILON / 2.0,
        DType::F16 => 2f64.powi(-11),
        DType::BF16 => 2f64.powi(-8),
        _ => f64::from(f32::EPSILON) / 2.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tensor(values: &[f32]) -> Value {
        let bytes = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        Value::Tensor(TensorData::new(DType::F32, vec![values.len()], bytes).unwrap())
    }

    #[test]
    fn roundings_agree_and_other_numbers_do_not() {
        let agreed = |a: &[f32], b: &[f32]| same(&tensor(a), &tensor(b), Agreement::SameDevice);
        assert!(agreed(&[1000.0, 1.0], &[1000.0, 1.000_01]));
        assert!(!agreed(&[1000.0, 1.0], &[1000.0, 1.1]));
        assert!(!agreed(&[1.0, 1.0], &[1.0, 1.001]));
        assert!(agreed(&[f32::NAN, f32::INFINITY], &[f32::NAN, f32::INFINITY]));
        assert!(!agreed(&[f32::NAN], &[1.0]));
        assert!(!agreed(&[f32::INFINITY, 1.0], &[1.0, 1.0]));
    }

    #[test]
    fn what_is_exact_must_be_equal() {
        let list = |n| Value::List(vec![Value::Int(n), Value::String("x".to_owned())]);
        assert!(same(&list(1), &list(1), Agreement::OtherDevice));
        assert!(!same(&list(1), &list(2), Agreement::OtherDevice));
        assert!(!same(&Value::Int(1), &Value::Scalar(1.0), Agreement::OtherDevice));
        let named = |name: &str| vec![(name.to_owned(), Value::Bool(true))];
        assert!(!same_outputs(&named("a"), &named("b"), Agreement::SameDevice));
    }
}
