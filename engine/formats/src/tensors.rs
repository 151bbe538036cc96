//! Seeing values as tensors: which values a file of arrays can hold, and under which names.

use nexus_model::{DType, TensorData, Value};

use crate::error::FormatError;
use crate::format::Format;

/// `value` as one tensor: a tensor itself, a number or boolean as a 0-d tensor, a list of numbers or of booleans as a
/// 1-d one. Whole numbers are i64, a list with any fraction is f64. `None` for anything else.
pub(crate) fn as_tensor(value: &Value) -> Option<TensorData> {
    match value {
        Value::Tensor(tensor) => Some(tensor.clone()),
        Value::Bool(_) | Value::Int(_) | Value::Scalar(_) => numbers(std::slice::from_ref(value), vec![]),
        Value::List(items) => numbers(items, vec![items.len()]),
        Value::None | Value::String(_) | Value::Record(_) => None,
    }
}

fn numbers(items: &[Value], shape: Vec<usize>) -> Option<TensorData> {
    let booleans = items.iter().all(|item| matches!(item, Value::Bool(_))) && !items.is_empty();
    let whole = items.iter().all(|item| matches!(item, Value::Int(_))) && !items.is_empty();
    let mut bytes = Vec::with_capacity(items.len() * 8);
    for item in items {
        match item {
            Value::Bool(truth) if booleans => bytes.push(u8::from(*truth)),
            Value::Int(number) if whole => bytes.extend_from_slice(&number.to_le_bytes()),
            Value::Int(number) => bytes.extend_from_slice(&(*number as f64).to_le_bytes()),
            Value::Scalar(number) => bytes.extend_from_slice(&number.to_le_bytes()),
            _ => return None,
        }
    }
    let dtype = match (booleans, whole) {
        (true, _) => DType::Bool,
        (_, true) => DType::I64,
        _ => DType::F64,
    };
    TensorData::new(dtype, shape, bytes).ok()
}

/// `value` as named tensors, for the archives: the fields of a record, where a record inside a record gives the names
/// `outer.inner` and a list of tensors `name.0`, `name.1`; a value without fields is filed under `lone_name`.
pub(crate) fn named_tensors(
    format: Format,
    value: &Value,
    lone_name: &str,
) -> Result<Vec<(String, TensorData)>, FormatError> {
    let mut found = Vec::new();
    collect(format, "", lone_name, value, &mut found)?;
    let mut names: Vec<&String> = found.iter().map(|(name, _)| name).collect();
    names.sort_unstable();
    match names.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => Err(FormatError::DuplicateName { format, name: pair[0].clone() }),
        None => Ok(found),
    }
}

fn collect(
    format: Format,
    path: &str,
    lone_name: &str,
    value: &Value,
    found: &mut Vec<(String, TensorData)>,
) -> Result<(), FormatError> {
    let join = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    if let Some(tensor) = as_tensor(value) {
        found.push((if path.is_empty() { lone_name.to_owned() } else { path.to_owned() }, tensor));
        return Ok(());
    }
    match value {
        Value::Record(fields) => {
            fields.iter().try_for_each(|(name, field)| collect(format, &join(name), lone_name, field, found))
        }
        Value::List(items) => items
            .iter()
            .enumerate()
            .try_for_each(|(index, item)| collect(format, &join(&index.to_string()), lone_name, item, found)),
        _ => {
            let place = if path.is_empty() { String::new() } else { format!(" (`{path}`)") };
            Err(FormatError::Unwritable {
                format,
                what: format!("a {}{place}", value.kind()),
                help: "it holds tensors and numbers; a .json file can hold any value",
            })
        }
    }
}
