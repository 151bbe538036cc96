//! Reading fixtures: JSON to arguments. `reference.py` writes the form.

use nexus_tensor::{Arg, Context, DType, Index, Tensor, TensorData};
use serde_json::Value;

/// A number, which JSON cannot always hold.
pub(crate) fn number(value: &Value) -> f64 {
    match value.as_str() {
        Some("nan") => f64::NAN,
        Some("inf") => f64::INFINITY,
        Some("-inf") => f64::NEG_INFINITY,
        _ => value.as_f64().expect("a number"),
    }
}

/// Elements as bytes of `dtype`.
fn bytes(dtype: DType, data: &[Value]) -> Vec<u8> {
    let mut out = Vec::new();
    for x in data {
        match dtype {
            DType::F64 => out.extend(number(x).to_le_bytes()),
            DType::F32 => out.extend((number(x) as f32).to_le_bytes()),
            DType::F16 => out.extend(half::f16::from_f64(number(x)).to_le_bytes()),
            DType::BF16 => out.extend(half::bf16::from_f64(number(x)).to_le_bytes()),
            DType::I64 => out.extend(x.as_i64().expect("an int").to_le_bytes()),
            DType::I32 => out.extend((x.as_i64().expect("an int") as i32).to_le_bytes()),
            DType::U8 | DType::Bool => out.push(x.as_i64().expect("a byte") as u8),
        }
    }
    out
}

/// A tensor as the fixture has it.
pub(crate) fn tensor_data(value: &Value) -> Option<TensorData> {
    let dtype: DType = value.get("tensor")?.as_str()?.parse().expect("a dtype");
    let shape = value["shape"].as_array()?.iter().map(|n| n.as_u64().expect("a size") as usize).collect();
    Some(TensorData::new(dtype, shape, bytes(dtype, value["data"].as_array()?)).expect("a valid tensor"))
}

/// An argument.
pub(crate) fn arg(ctx: &Context, value: &Value) -> Arg {
    if let Some(data) = tensor_data(value) {
        return Arg::Tensor(Tensor::from_data(ctx, &data).expect("fits"));
    }
    match value {
        Value::Null => Arg::None,
        Value::Bool(b) => Arg::Bool(*b),
        Value::String(s) => Arg::Str(s.as_str().into()),
        Value::Object(map) => {
            if let Some(int) = map.get("int") {
                Arg::Int(int.as_i64().expect("an int"))
            } else if let Some(scalar) = map.get("scalar") {
                Arg::Scalar(number(scalar))
            } else if let Some(fields) = map.get("record") {
                let fields = fields.as_object().expect("fields");
                Arg::Record(fields.iter().map(|(name, value)| (name.as_str().into(), arg(ctx, value))).collect())
            } else {
                let list = map["list"].as_array().expect("a list");
                Arg::List(list.iter().map(|item| arg(ctx, item)).collect())
            }
        }
        other => panic!("{other} is no argument"),
    }
}

/// The entries between the brackets.
pub(crate) fn index(ctx: &Context, value: &Value) -> Vec<Index> {
    let entry = |entry: &Value| {
        let (kind, rest) = entry.as_object().and_then(|map| map.iter().next()).expect("one kind");
        let optional = |i: usize| rest[i].as_i64();
        match kind.as_str() {
            "at" => Index::At(rest[0].as_i64().expect("a position")),
            "range" => Index::Range { start: optional(0), end: optional(1), step: optional(2) },
            "all" => Index::All,
            _ => match arg(ctx, rest) {
                Arg::Tensor(tensor) if tensor.dtype() == DType::Bool => Index::Mask(tensor),
                Arg::Tensor(tensor) => Index::List(tensor),
                other => panic!("{other:?} is no index"),
            },
        }
    };
    value.as_array().expect("entries").iter().map(entry).collect()
}
