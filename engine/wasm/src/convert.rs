//! Values into those of a component and back, led by the function's types.

use nexus_model::{DType, TensorData, Value};
use wasmtime::component::Val;

use crate::wit::{DATA, SHAPE, WitType};

/// The value as the type takes it, or what is wrong with it.
pub(crate) fn lower(value: &Value, ty: &WitType) -> Result<Val, String> {
    Ok(match (ty, value) {
        (WitType::Bool, Value::Bool(truth)) => Val::Bool(*truth),
        (WitType::Int { bits, signed }, Value::Int(number)) => {
            int(*number, *bits, *signed).ok_or_else(|| format!("{number} is out of the range of {ty}"))?
        }
        (WitType::Float64, value) => Val::Float64(number(value).ok_or_else(|| misfit(value, ty))?),
        (WitType::Float32, value) => Val::Float32(number(value).ok_or_else(|| misfit(value, ty))? as f32),
        (WitType::String, Value::String(text)) => Val::String(text.clone()),
        (WitType::List(of), Value::List(items)) => Val::List(lower_all(items, |_| of)?),
        (WitType::Tuple(types), Value::List(items)) if types.len() == items.len() => {
            Val::Tuple(lower_all(items, |index| &types[index])?)
        }
        (WitType::Option(_), Value::None) => Val::Option(None),
        (WitType::Option(of), value) => Val::Option(Some(Box::new(lower(value, of)?))),
        (WitType::Record(types), Value::Record(fields)) => Val::Record(lower_fields(fields, types)?),
        (WitType::Tensor(dtype), Value::Tensor(tensor)) if tensor.dtype() == *dtype => lower_tensor(tensor),
        (ty, value) => return Err(misfit(value, ty)),
    })
}

fn misfit(value: &Value, ty: &WitType) -> String {
    format!("a value of kind {} is no {ty}", value.kind())
}

fn lower_all<'a>(items: &[Value], ty: impl Fn(usize) -> &'a WitType) -> Result<Vec<Val>, String> {
    let lowered = items.iter().enumerate().map(|(index, item)| {
        let wrong = |reason: String| format!("item {}: {reason}", index + 1);
        lower(item, ty(index)).map_err(wrong)
    });
    lowered.collect()
}

fn lower_fields(fields: &[(String, Value)], types: &[(String, WitType)]) -> Result<Vec<(String, Val)>, String> {
    if let Some((extra, _)) = fields.iter().find(|(name, _)| !types.iter().any(|(known, _)| is_named(known, name))) {
        return Err(format!("there is no field `{extra}`"));
    }
    let lowered = types.iter().map(|(name, ty)| {
        let value = fields.iter().find(|(known, _)| is_named(name, known)).map_or(&Value::None, |(_, value)| value);
        let value = lower(value, ty).map_err(|reason| format!("field `{}`: {reason}", written(name)))?;
        Ok((name.clone(), value))
    });
    lowered.collect()
}

/// Whether a name of WIT is this name of M-CODE.
fn is_named(wit: &str, name: &str) -> bool {
    written(wit) == name
}

/// A name of WIT as M-CODE writes it.
pub(crate) fn written(wit: &str) -> String {
    wit.replace('-', "_")
}

/// A number; what is not finite comes as one of the strings that stand for it in JSON.
fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Scalar(number) => Some(*number),
        Value::Int(number) => Some(*number as f64),
        Value::String(text) => match text.as_str() {
            "NaN" => Some(f64::NAN),
            "Infinity" => Some(f64::INFINITY),
            "-Infinity" => Some(f64::NEG_INFINITY),
            _ => None,
        },
        _ => None,
    }
}

fn int(number: i64, bits: u32, signed: bool) -> Option<Val> {
    Some(match (bits, signed) {
        (8, true) => Val::S8(number.try_into().ok()?),
        (8, false) => Val::U8(number.try_into().ok()?),
        (16, true) => Val::S16(number.try_into().ok()?),
        (16, false) => Val::U16(number.try_into().ok()?),
        (32, true) => Val::S32(number.try_into().ok()?),
        (32, false) => Val::U32(number.try_into().ok()?),
        (_, true) => Val::S64(number),
        (_, false) => Val::U64(number.try_into().ok()?),
    })
}

fn lower_tensor(tensor: &TensorData) -> Val {
    fn words<const N: usize>(bytes: &[u8], of: impl Fn([u8; N]) -> Val) -> Vec<Val> {
        bytes.as_chunks::<N>().0.iter().map(|chunk| of(*chunk)).collect()
    }
    let bytes = tensor.bytes();
    let data = match tensor.dtype() {
        DType::F64 => words(bytes, |chunk| Val::Float64(f64::from_le_bytes(chunk))),
        DType::F32 => words(bytes, |chunk| Val::Float32(f32::from_le_bytes(chunk))),
        DType::I64 => words(bytes, |chunk| Val::S64(i64::from_le_bytes(chunk))),
        DType::I32 => words(bytes, |chunk| Val::S32(i32::from_le_bytes(chunk))),
        DType::U8 => bytes.iter().map(|byte| Val::U8(*byte)).collect(),
        DType::Bool => bytes.iter().map(|byte| Val::Bool(*byte != 0)).collect(),
        // No type of WIT has such elements.
        DType::F16 | DType::BF16 => Vec::new(),
    };
    let shape = tensor.shape().iter().map(|size| Val::U64(*size as u64)).collect();
    Val::Record(vec![(SHAPE.to_owned(), Val::List(shape)), (DATA.to_owned(), Val::List(data))])
}

/// What a component gave as a value, or why it is none.
pub(crate) fn lift(value: Val, ty: &WitType) -> Result<Value, String> {
    Ok(match (ty, value) {
        (_, Val::Bool(truth)) => Value::Bool(truth),
        (_, Val::S8(number)) => Value::Int(number.into()),
        (_, Val::U8(number)) => Value::Int(number.into()),
        (_, Val::S16(number)) => Value::Int(number.into()),
        (_, Val::U16(number)) => Value::Int(number.into()),
        (_, Val::S32(number)) => Value::Int(number.into()),
        (_, Val::U32(number)) => Value::Int(number.into()),
        (_, Val::S64(number)) => Value::Int(number),
        (_, Val::U64(number)) => Value::Int(number.try_into().map_err(|_| format!("{number} is larger than any int"))?),
        (_, Val::Float32(number)) => Value::Scalar(number.into()),
        (_, Val::Float64(number)) => Value::Scalar(number),
        (_, Val::String(text)) => Value::String(text),
        (WitType::List(of), Val::List(items)) => Value::List(lift_all(items, |_| of)?),
        (WitType::Tuple(types), Val::Tuple(items)) => Value::List(lift_all(items, |index| &types[index])?),
        (WitType::Option(_), Val::Option(None)) => Value::None,
        (WitType::Option(of), Val::Option(Some(value))) => lift(*value, of)?,
        (WitType::Tensor(dtype), Val::Record(fields)) => Value::Tensor(lift_tensor(*dtype, fields)?),
        (WitType::Record(types), Val::Record(fields)) => {
            let lifted = fields.into_iter().zip(types).map(|((name, value), (_, ty))| {
                let value = lift(value, ty).map_err(|reason| format!("field `{name}`: {reason}"))?;
                Ok((written(&name), value))
            });
            Value::Record(lifted.collect::<Result<_, String>>()?)
        }
        (ty, _) => return Err(format!("it is no {ty}")),
    })
}

fn lift_all<'a>(items: Vec<Val>, ty: impl Fn(usize) -> &'a WitType) -> Result<Vec<Value>, String> {
    items.into_iter().enumerate().map(|(index, item)| lift(item, ty(index))).collect()
}

fn lift_tensor(dtype: DType, fields: Vec<(String, Val)>) -> Result<TensorData, String> {
    let mut fields = fields.into_iter().map(|(_, value)| value);
    let (Some(Val::List(sizes)), Some(Val::List(data))) = (fields.next(), fields.next()) else {
        return Err("it has no shape or no data".to_owned());
    };
    let size = |size: Val| match size {
        Val::U64(size) => usize::try_from(size).map_err(|_| format!("{size} is larger than any tensor")),
        _ => Err("a size is no u64".to_owned()),
    };
    let shape = sizes.into_iter().map(size).collect::<Result<Vec<usize>, String>>()?;
    let mut bytes = Vec::with_capacity(data.len() * dtype.size());
    for element in data {
        match element {
            Val::Float64(number) => bytes.extend(number.to_le_bytes()),
            Val::Float32(number) => bytes.extend(number.to_le_bytes()),
            Val::S64(number) => bytes.extend(number.to_le_bytes()),
            Val::S32(number) => bytes.extend(number.to_le_bytes()),
            Val::U8(number) => bytes.push(number),
            Val::Bool(truth) => bytes.push(u8::from(truth)),
            _ => return Err("an element has no dtype".to_owned()),
        }
    }
    TensorData::new(dtype, shape, bytes).map_err(|error| error.to_string())
}
