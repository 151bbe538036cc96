//! Values as they can be written down beside a program.

use nexus_model::{DType, Value};

/// Tensors as nested lists.
pub(crate) fn plain(value: Value) -> Value {
    match value {
        Value::Tensor(data) => {
            let element = |i: usize| match data.dtype() {
                d if d.is_float() => Value::Scalar(data.get_f64(i).expect("inside the tensor")),
                DType::Bool => Value::Bool(data.get_i64(i).expect("inside the tensor") != 0),
                _ => Value::Int(data.get_i64(i).expect("inside the tensor")),
            };
            let mut items: Vec<Value> = (0..data.len()).map(element).collect();
            for &size in data.shape().iter().rev() {
                items = items.chunks(size.max(1)).map(|chunk| Value::List(chunk.to_vec())).collect();
            }
            items.pop().unwrap_or(Value::None)
        }
        Value::List(items) => Value::List(items.into_iter().map(plain).collect()),
        Value::Record(fields) => Value::Record(fields.into_iter().map(|(n, v)| (n, plain(v))).collect()),
        other => other,
    }
}
