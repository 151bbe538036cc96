//! JSON: any value, in the stable form that `--json` prints.
//!
//! Numbers, strings, booleans, lists and records are JSON's own, `none` is null, and a tensor is
//! `{"dtype": "f32", "shape": [2, 2], "data": [1, 2, 3, 4]}` with flat, row-major elements. JSON has no NaN and no
//! infinities: they are written as the strings "NaN", "Infinity" and "-Infinity", which are numbers again inside a
//! tensor's data, and stay strings elsewhere.

use nexus_model::{DType, TensorData, Value};
use serde::ser::{Serialize, SerializeMap, SerializeSeq, SerializeStruct, Serializer};

use crate::error::FormatError;
use crate::format::Format;

mod reader;

pub(crate) use reader::read;

/// A value that serializes to its stable JSON form, for documents that hold values.
#[derive(Debug, Clone, Copy)]
pub struct JsonValue<'a>(pub &'a Value);

impl Serialize for JsonValue<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::None => serializer.serialize_unit(),
            Value::Bool(truth) => serializer.serialize_bool(*truth),
            Value::Int(number) => serializer.serialize_i64(*number),
            Value::Scalar(number) => match not_finite(*number) {
                Some(name) => serializer.serialize_str(name),
                None => serializer.serialize_f64(*number),
            },
            Value::String(text) => serializer.serialize_str(text),
            Value::List(items) => serializer.collect_seq(items.iter().map(JsonValue)),
            Value::Record(fields) => {
                let mut map = serializer.serialize_map(Some(fields.len()))?;
                for (name, field) in fields {
                    map.serialize_entry(name, &JsonValue(field))?;
                }
                map.end()
            }
            Value::Tensor(tensor) => {
                let mut object = serializer.serialize_struct("tensor", 3)?;
                object.serialize_field("dtype", tensor.dtype().name())?;
                object.serialize_field("shape", tensor.shape())?;
                object.serialize_field("data", &Elements(tensor))?;
                object.end()
            }
        }
    }
}

fn not_finite(number: f64) -> Option<&'static str> {
    match number {
        _ if number.is_nan() => Some("NaN"),
        f64::INFINITY => Some("Infinity"),
        f64::NEG_INFINITY => Some("-Infinity"),
        _ => None,
    }
}

/// A tensor's elements, each in the shortest digits that give it back in its own dtype.
struct Elements<'a>(&'a TensorData);

impl Serialize for Elements<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let tensor = self.0;
        let mut data = serializer.serialize_seq(Some(tensor.len()))?;
        match tensor.dtype() {
            DType::F32 => {
                for &bytes in tensor.bytes().as_chunks::<4>().0 {
                    serialize_f32(&mut data, f32::from_le_bytes(bytes))?;
                }
            }
            DType::F16 => {
                for &bytes in tensor.bytes().as_chunks::<2>().0 {
                    serialize_f32(&mut data, half::f16::from_le_bytes(bytes).to_f32())?;
                }
            }
            DType::BF16 => {
                for &bytes in tensor.bytes().as_chunks::<2>().0 {
                    serialize_f32(&mut data, half::bf16::from_le_bytes(bytes).to_f32())?;
                }
            }
            DType::F64 => {
                for &bytes in tensor.bytes().as_chunks::<8>().0 {
                    let number = f64::from_le_bytes(bytes);
                    match (whole(number), not_finite(number)) {
                        (Some(integer), _) => data.serialize_element(&integer)?,
                        (_, Some(name)) => data.serialize_element(name)?,
                        (None, None) => data.serialize_element(&number)?,
                    }
                }
            }
            DType::Bool => {
                for &byte in tensor.bytes() {
                    data.serialize_element(&(byte != 0))?;
                }
            }
            DType::I64 | DType::I32 | DType::U8 => {
                for index in 0..tensor.len() {
                    data.serialize_element(&tensor.get_i64(index))?;
                }
            }
        }
        data.end()
    }
}

fn serialize_f32<S: SerializeSeq>(data: &mut S, number: f32) -> Result<(), S::Error> {
    match (whole(f64::from(number)), not_finite(f64::from(number))) {
        (Some(integer), _) => data.serialize_element(&integer),
        (_, Some(name)) => data.serialize_element(name),
        (None, None) => data.serialize_element(&number),
    }
}

/// `number` as an integer where the integer spells the same number in fewer characters (`1`, not `1.0`); the dtype
/// beside it says what it is. Zero keeps its sign.
fn whole(number: f64) -> Option<i64> {
    let fits = number.fract() == 0.0 && number.abs() < 1e15 && !(number == 0.0 && number.is_sign_negative());
    fits.then_some(number as i64)
}

/// `value` as a JSON document that ends with a newline.
pub(crate) fn write(value: &Value) -> Result<Vec<u8>, FormatError> {
    let mut file = serde_json::to_vec(&JsonValue(value))
        .map_err(|error| FormatError::Container { format: Format::Json, message: error.to_string() })?;
    file.push(b'\n');
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(value: &Value) -> String {
        String::from_utf8(write(value).unwrap()).unwrap()
    }

    #[test]
    fn the_written_form_is_the_stable_one() {
        let f32s: Vec<u8> =
            [1.0f32, 0.1, f32::NAN, f32::NEG_INFINITY, -0.0].iter().flat_map(|x| x.to_le_bytes()).collect();
        let value = Value::Record(vec![
            ("n".into(), Value::None),
            ("i".into(), Value::Int(i64::MIN)),
            ("x".into(), Value::Scalar(55.0)),
            ("t".into(), Value::Tensor(TensorData::new(DType::F32, vec![5, 1], f32s).unwrap())),
            ("b".into(), Value::Tensor(TensorData::new(DType::Bool, vec![2], vec![1, 0]).unwrap())),
            ("l".into(), Value::List(vec![Value::String("a\"b".into()), Value::Scalar(f64::INFINITY)])),
        ]);
        assert_eq!(
            text(&value),
            "{\"n\":null,\"i\":-9223372036854775808,\"x\":55.0,\
             \"t\":{\"dtype\":\"f32\",\"shape\":[5,1],\"data\":[1,0.1,\"NaN\",\"-Infinity\",-0.0]},\
             \"b\":{\"dtype\":\"bool\",\"shape\":[2],\"data\":[true,false]},\"l\":[\"a\\\"b\",\"Infinity\"]}\n"
        );
    }

    #[test]
    fn tensors_of_every_dtype_are_read_back() {
        for dtype in DType::ALL {
            let bytes: Vec<u8> =
                (0..6 * dtype.size()).map(|i| if dtype == DType::Bool { i % 2 } else { i % 60 } as u8).collect();
            let value = Value::Tensor(TensorData::new(dtype, vec![2, 3], bytes).unwrap());
            assert_eq!(read(text(&value).as_bytes()), Ok(value));
        }
    }
}
