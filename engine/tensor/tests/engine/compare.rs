//! Comparing results with what the reference gave.

use nexus_tensor::{Arg, TensorData};
use serde_json::Value;

use crate::decode::{number, tensor_data};

/// `Err` says where the result differs by more than `atol + rtol * |expected|`. Dtypes and shapes must be equal.
pub(crate) fn check(result: &Arg, expected: &Value, tolerance: (f64, f64)) -> Result<(), String> {
    match result {
        Arg::Tensor(tensor) => {
            let expected = tensor_data(expected).ok_or("the reference has no tensor")?;
            tensors(&tensor.to_data().map_err(|e| e.to_string())?, &expected, tolerance)
        }
        Arg::Record(fields) => {
            let map = expected["record"].as_object().ok_or("the reference has no record")?;
            let names: Vec<&str> = fields.iter().map(|(name, _)| &**name).collect();
            if names.len() != map.len() {
                return Err(format!("fields {names:?}, expected {:?}", map.keys()));
            }
            fields.iter().try_for_each(|(name, value)| {
                check(value, &map[&**name], tolerance).map_err(|problem| format!("{name}: {problem}"))
            })
        }
        Arg::List(items) => {
            let list = expected["list"].as_array().ok_or("the reference has no list")?;
            if items.len() != list.len() {
                return Err(format!("{} items, expected {}", items.len(), list.len()));
            }
            items.iter().zip(list).try_for_each(|(item, expected)| check(item, expected, tolerance))
        }
        Arg::Int(i) if expected["int"].as_i64() == Some(*i) => Ok(()),
        Arg::Scalar(s) if number(&expected["scalar"]) == *s => Ok(()),
        Arg::Str(s) if expected.as_str() == Some(s) => Ok(()),
        other => Err(format!("{other:?}, expected {expected}")),
    }
}

fn tensors(result: &TensorData, expected: &TensorData, (rtol, atol): (f64, f64)) -> Result<(), String> {
    if result.dtype() != expected.dtype() || result.shape() != expected.shape() {
        let (a, b) = (result, expected);
        return Err(format!("{}{:?}, expected {}{:?}", a.dtype(), a.shape(), b.dtype(), b.shape()));
    }
    for i in 0..expected.len() {
        if let (Some(a), Some(b)) = (result.get_i64(i), expected.get_i64(i)) {
            if a != b {
                return Err(format!("element {i} is {a}, expected {b}"));
            }
            continue;
        }
        let (a, b) = (result.get_f64(i).unwrap_or(f64::NAN), expected.get_f64(i).unwrap_or(f64::NAN));
        let equal = a == b || (a.is_nan() && b.is_nan());
        let near = (a - b).abs() <= atol + rtol * b.abs();
        if !equal && !near {
            return Err(format!("element {i} is {a:e}, expected {b:e}"));
        }
    }
    Ok(())
}
