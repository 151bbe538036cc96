//! The byte form of a [`Value`]: what the ledger and the blob store keep as a task's result, argument or output.
//!
//! Version 1: the byte `1`, then one value. A value is a tag byte and its content; lengths are little-endian `u64`,
//! checked against the bytes that remain before anything is allocated. Decoding any bytes at all gives a value or an
//! error, never a panic, and allocates at most a small multiple of the input's length.

use thiserror::Error;

use crate::value::{DType, TensorData, TensorDataError, Value};

/// The deepest nesting of lists and records: more is refused on both sides, so that no stack can overflow.
pub const VALUE_DEPTH_MAX: usize = 64;

/// The largest encoded value: 16 GiB, above every tensor that a machine of this class can hold beside its working set.
pub const VALUE_BYTES_MAX: u64 = 16 << 30;

const VERSION: u8 = 1;

/// Bytes that are not a value. Nothing changed; a retry gives the same answer.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CodecError {
    /// The bytes end before the value does.
    #[error("the value is cut off: {needed} more bytes expected at byte {at}")]
    Truncated {
        /// Where the reader stood.
        at: usize,
        /// Bytes missing.
        needed: u64,
    },
    /// Bytes are left after the value.
    #[error("{0} bytes are left over after the value")]
    TrailingBytes(usize),
    /// Written by a version that this one does not know.
    #[error("value format version {0} is not known here (this build reads version 1); upgrade this node")]
    Version(u8),
    /// A tag that stands for nothing.
    #[error("byte {at} is {tag}, which is no kind of value")]
    Tag {
        /// Where.
        at: usize,
        /// The byte.
        tag: u8,
    },
    /// Nested deeper than [`VALUE_DEPTH_MAX`].
    #[error("lists and records are nested more than {VALUE_DEPTH_MAX} deep")]
    Depth,
    /// Text that is not UTF-8.
    #[error("the text at byte {0} is not UTF-8")]
    Text(usize),
    /// A tensor whose bytes do not fit its shape.
    #[error(transparent)]
    Tensor(#[from] TensorDataError),
}

/// Encodes `value`. The only error is nesting deeper than [`VALUE_DEPTH_MAX`].
pub fn encode_value(value: &Value) -> Result<Vec<u8>, CodecError> {
    let mut out = vec![VERSION];
    write(value, 0, &mut out)?;
    Ok(out)
}

/// Decodes what [`encode_value`] made.
pub fn decode_value(bytes: &[u8]) -> Result<Value, CodecError> {
    let mut reader = Reader { bytes, at: 0 };
    match reader.byte()? {
        VERSION => {}
        version => return Err(CodecError::Version(version)),
    }
    let value = reader.value(0)?;
    match bytes.len() - reader.at {
        0 => Ok(value),
        left => Err(CodecError::TrailingBytes(left)),
    }
}

mod tag {
    pub(super) const NONE: u8 = 0;
    pub(super) const FALSE: u8 = 1;
    pub(super) const TRUE: u8 = 2;
    pub(super) const INT: u8 = 3;
    pub(super) const SCALAR: u8 = 4;
    pub(super) const STRING: u8 = 5;
    pub(super) const LIST: u8 = 6;
    pub(super) const RECORD: u8 = 7;
    pub(super) const TENSOR: u8 = 8;
}

fn write(value: &Value, depth: usize, out: &mut Vec<u8>) -> Result<(), CodecError> {
    if depth > VALUE_DEPTH_MAX {
        return Err(CodecError::Depth);
    }
    match value {
        Value::None => out.push(tag::NONE),
        Value::Bool(false) => out.push(tag::FALSE),
        Value::Bool(true) => out.push(tag::TRUE),
        Value::Int(n) => {
            out.push(tag::INT);
            out.extend_from_slice(&n.to_le_bytes());
        }
        Value::Scalar(x) => {
            out.push(tag::SCALAR);
            out.extend_from_slice(&x.to_le_bytes());
        }
        Value::String(text) => {
            out.push(tag::STRING);
            write_text(text, out);
        }
        Value::List(items) => {
            out.push(tag::LIST);
            write_len(items.len(), out);
            for item in items {
                write(item, depth + 1, out)?;
            }
        }
        Value::Record(fields) => {
            out.push(tag::RECORD);
            write_len(fields.len(), out);
            for (name, field) in fields {
                write_text(name, out);
                write(field, depth + 1, out)?;
            }
        }
        Value::Tensor(tensor) => {
            out.push(tag::TENSOR);
            out.push(dtype_code(tensor.dtype()));
            write_len(tensor.shape().len(), out);
            for &size in tensor.shape() {
                write_len(size, out);
            }
            out.extend_from_slice(tensor.bytes());
        }
    }
    Ok(())
}

fn write_len(len: usize, out: &mut Vec<u8>) {
    out.extend_from_slice(&(len as u64).to_le_bytes());
}

fn write_text(text: &str, out: &mut Vec<u8>) {
    write_len(text.len(), out);
    out.extend_from_slice(text.as_bytes());
}

/// Codes are part of the stored format: never renumber.
fn dtype_code(dtype: DType) -> u8 {
    match dtype {
        DType::F64 => 0,
        DType::F32 => 1,
        DType::F16 => 2,
        DType::BF16 => 3,
        DType::I64 => 4,
        DType::I32 => 5,
        DType::U8 => 6,
        DType::Bool => 7,
    }
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self, len: u64) -> Result<&'a [u8], CodecError> {
        let left = (self.bytes.len() - self.at) as u64;
        if len > left {
            return Err(CodecError::Truncated { at: self.at, needed: len - left });
        }
        let taken = &self.bytes[self.at..self.at + len as usize];
        self.at += len as usize;
        Ok(taken)
    }

    fn byte(&mut self) -> Result<u8, CodecError> {
        Ok(self.take(1)?[0])
    }

    fn word(&mut self) -> Result<[u8; 8], CodecError> {
        Ok(self.take(8)?.try_into().expect("take(8) gives eight bytes"))
    }

    fn len(&mut self) -> Result<u64, CodecError> {
        Ok(u64::from_le_bytes(self.word()?))
    }

    /// A count of items that take at least one byte each, so that a lying count cannot make us allocate.
    fn count(&mut self) -> Result<usize, CodecError> {
        let at = self.at;
        let count = self.len()?;
        let left = (self.bytes.len() - self.at) as u64;
        if count > left {
            return Err(CodecError::Truncated { at, needed: count - left });
        }
        Ok(count as usize)
    }

    fn text(&mut self) -> Result<String, CodecError> {
        let at = self.at;
        let len = self.len()?;
        let bytes = self.take(len)?;
        String::from_utf8(bytes.to_vec()).map_err(|_| CodecError::Text(at))
    }

    fn value(&mut self, depth: usize) -> Result<Value, CodecError> {
        if depth > VALUE_DEPTH_MAX {
            return Err(CodecError::Depth);
        }
        let at = self.at;
        Ok(match self.byte()? {
            tag::NONE => Value::None,
            tag::FALSE => Value::Bool(false),
            tag::TRUE => Value::Bool(true),
            tag::INT => Value::Int(i64::from_le_bytes(self.word()?)),
            tag::SCALAR => Value::Scalar(f64::from_le_bytes(self.word()?)),
            tag::STRING => Value::String(self.text()?),
            tag::LIST => {
                let count = self.count()?;
                Value::List((0..count).map(|_| self.value(depth + 1)).collect::<Result<_, _>>()?)
            }
            tag::RECORD => {
                let count = self.count()?;
                Value::Record(
                    (0..count)
                        .map(|_| Ok((self.text()?, self.value(depth + 1)?)))
                        .collect::<Result<_, CodecError>>()?,
                )
            }
            tag::TENSOR => Value::Tensor(self.tensor()?),
            tag => return Err(CodecError::Tag { at, tag }),
        })
    }

    fn tensor(&mut self) -> Result<TensorData, CodecError> {
        let at = self.at;
        let code = self.byte()?;
        let dtype = DType::ALL.into_iter().find(|&d| dtype_code(d) == code).ok_or(CodecError::Tag { at, tag: code })?;
        let rank = self.count()?;
        let shape: Vec<usize> = (0..rank)
            .map(|_| self.len().map(|size| usize::try_from(size).unwrap_or(usize::MAX)))
            .collect::<Result<_, _>>()?;
        let bytes = self.take(TensorData::byte_count(dtype, &shape)? as u64)?;
        Ok(TensorData::new(dtype, shape, bytes.to_vec())?)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn values() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::None),
            any::<bool>().prop_map(Value::Bool),
            any::<i64>().prop_map(Value::Int),
            (-1e300..1e300).prop_map(Value::Scalar),
            ".{0,8}".prop_map(Value::String),
            proptest::collection::vec(any::<u8>(), 0..12)
                .prop_map(|b| Value::Tensor(TensorData::new(DType::U8, vec![b.len(), 1], b).unwrap())),
        ];
        leaf.prop_recursive(4, 32, 4, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::List),
                proptest::collection::vec((".{0,4}", inner), 0..4).prop_map(Value::Record),
            ]
        })
    }

    proptest! {
        #[test]
        fn values_survive_the_round_trip(value in values()) {
            prop_assert_eq!(decode_value(&encode_value(&value).unwrap()).unwrap(), value);
        }

        #[test]
        fn any_bytes_give_a_value_or_an_error(mut bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let _ = decode_value(&bytes);
            if let Some(first) = bytes.first_mut() { *first = VERSION; }
            let _ = decode_value(&bytes);
        }

        #[test]
        fn every_cut_is_noticed(value in values(), cut in any::<proptest::sample::Index>()) {
            let bytes = encode_value(&value).unwrap();
            let cut = cut.index(bytes.len());
            prop_assert!(decode_value(&bytes[..cut]).is_err());
        }
    }

    #[test]
    fn deep_nesting_is_refused_on_both_sides() {
        let mut value = Value::None;
        for _ in 0..=VALUE_DEPTH_MAX {
            value = Value::List(vec![value]);
        }
        assert_eq!(encode_value(&value), Err(CodecError::Depth));
        let mut bytes = vec![VERSION];
        for _ in 0..10_000 {
            bytes.push(tag::LIST);
            bytes.extend_from_slice(&1u64.to_le_bytes());
        }
        bytes.extend_from_slice(&[0; 100]);
        assert_eq!(decode_value(&bytes), Err(CodecError::Depth));
    }

    #[test]
    fn the_stored_form_of_version_1_never_changes() {
        let value = Value::Record(vec![
            ("n".into(), Value::Int(-2)),
            ("t".into(), Value::Tensor(TensorData::new(DType::Bool, vec![2], vec![1, 0]).unwrap())),
        ]);
        let hex: String = encode_value(&value).unwrap().iter().map(|b| format!("{b:02x}")).collect();
        assert_eq!(
            hex,
            "01070200000000000000010000000000000\
             06e03feffffffffffffff0100000000000000740807010000000000000002000000000000000100"
        );
    }
}
