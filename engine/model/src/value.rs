//! Values as data: what a program takes and returns, in a form that can be stored, sent and printed.
//!
//! These are not the values of a running program: no functions, nothing lazy, no device. Tensors are flat, row-major,
//! little-endian bytes.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The element types of tensors. The names are those of NumPy in short form (`f32`, `bf16`, `u8`, `bool`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DType {
    /// IEEE 754 binary64.
    F64,
    /// IEEE 754 binary32, the default for numbers with a fraction.
    F32,
    /// IEEE 754 binary16.
    F16,
    /// The upper half of a binary32.
    BF16,
    /// Signed 64-bit integer, the default for whole numbers.
    I64,
    /// Signed 32-bit integer.
    I32,
    /// Unsigned 8-bit integer.
    U8,
    /// `true` or `false`, one byte each (1 or 0).
    Bool,
}

impl DType {
    /// Every dtype, in the order of the promotion table's rows.
    pub const ALL: [DType; 8] =
        [DType::F64, DType::F32, DType::F16, DType::BF16, DType::I64, DType::I32, DType::U8, DType::Bool];

    /// Bytes of one element.
    pub const fn size(self) -> usize {
        match self {
            DType::F64 | DType::I64 => 8,
            DType::F32 | DType::I32 => 4,
            DType::F16 | DType::BF16 => 2,
            DType::U8 | DType::Bool => 1,
        }
    }

    /// The name that users read and write.
    pub const fn name(self) -> &'static str {
        match self {
            DType::F64 => "f64",
            DType::F32 => "f32",
            DType::F16 => "f16",
            DType::BF16 => "bf16",
            DType::I64 => "i64",
            DType::I32 => "i32",
            DType::U8 => "u8",
            DType::Bool => "bool",
        }
    }

    /// Whether the elements are floating-point numbers.
    pub const fn is_float(self) -> bool {
        matches!(self, DType::F64 | DType::F32 | DType::F16 | DType::BF16)
    }

    /// Whether the elements are whole numbers (`bool` is not).
    pub const fn is_int(self) -> bool {
        matches!(self, DType::I64 | DType::I32 | DType::U8)
    }
}

impl fmt::Display for DType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for DType {
    type Err = TensorDataError;

    fn from_str(text: &str) -> Result<Self, TensorDataError> {
        DType::ALL.into_iter().find(|d| d.name() == text).ok_or_else(|| TensorDataError::UnknownDType(text.to_owned()))
    }
}

/// Bytes that do not make the tensor they claim to be. Nothing changed; a retry gives the same answer.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TensorDataError {
    /// The number of bytes is not that of the shape and dtype.
    #[error("a {dtype} tensor of shape {shape:?} takes {expected} bytes, {found} were given")]
    Size {
        /// Claimed dtype.
        dtype: DType,
        /// Claimed shape.
        shape: Vec<usize>,
        /// Bytes that shape and dtype need.
        expected: usize,
        /// Bytes given.
        found: usize,
    },
    /// The product of the sizes does not fit the address space.
    #[error("a {dtype} tensor of shape {shape:?} is larger than any memory")]
    Overflow {
        /// Claimed dtype.
        dtype: DType,
        /// Claimed shape.
        shape: Vec<usize>,
    },
    /// No such dtype.
    #[error("`{0}` is not a dtype (f64, f32, f16, bf16, i64, i32, u8, bool)")]
    UnknownDType(String),
    /// A boolean element that is neither 0 nor 1.
    #[error("element {index} of a bool tensor is the byte {byte}, neither 0 nor 1")]
    NotBool {
        /// Flat index.
        index: usize,
        /// The byte found there.
        byte: u8,
    },
}

/// A tensor at rest: dtype, shape and its elements as flat, row-major, little-endian bytes. Valid by construction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TensorData {
    dtype: DType,
    shape: Vec<usize>,
    bytes: Arc<Vec<u8>>,
}

impl TensorData {
    /// Checks that `bytes` holds exactly the elements of `shape`.
    pub fn new(dtype: DType, shape: Vec<usize>, bytes: Vec<u8>) -> Result<Self, TensorDataError> {
        let expected = Self::byte_count(dtype, &shape)?;
        if expected != bytes.len() {
            return Err(TensorDataError::Size { dtype, shape, expected, found: bytes.len() });
        }
        if dtype == DType::Bool
            && let Some((index, &byte)) = bytes.iter().enumerate().find(|(_, b)| **b > 1)
        {
            return Err(TensorDataError::NotBool { index, byte });
        }
        Ok(TensorData { dtype, shape, bytes: Arc::new(bytes) })
    }

    /// Bytes that a tensor of this dtype and shape takes, or the error that it exceeds every memory.
    pub fn byte_count(dtype: DType, shape: &[usize]) -> Result<usize, TensorDataError> {
        shape
            .iter()
            .try_fold(dtype.size(), |n, &size| n.checked_mul(size))
            .filter(|&n| isize::try_from(n).is_ok())
            .ok_or_else(|| TensorDataError::Overflow { dtype, shape: shape.to_vec() })
    }

    /// Element type.
    pub fn dtype(&self) -> DType {
        self.dtype
    }

    /// Sizes of the axes; empty for a 0-d tensor.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// Flat, row-major, little-endian elements.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Number of elements.
    pub fn len(&self) -> usize {
        self.bytes.len() / self.dtype.size()
    }

    /// Whether there are no elements.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Element `index` (flat, row-major) widened to `f64`; integers above 2^53 round. `None` past the end.
    pub fn get_f64(&self, index: usize) -> Option<f64> {
        let size = self.dtype.size();
        let b = self.bytes.get(index.checked_mul(size)?..)?.get(..size)?;
        Some(match self.dtype {
            DType::F64 => f64::from_le_bytes(b.try_into().ok()?),
            DType::F32 => f64::from(f32::from_le_bytes(b.try_into().ok()?)),
            DType::F16 => f16_to_f64(u16::from_le_bytes(b.try_into().ok()?)),
            DType::BF16 => f64::from(f32::from_bits(u32::from(u16::from_le_bytes(b.try_into().ok()?)) << 16)),
            DType::I64 => i64::from_le_bytes(b.try_into().ok()?) as f64,
            DType::I32 => f64::from(i32::from_le_bytes(b.try_into().ok()?)),
            DType::U8 | DType::Bool => f64::from(b[0]),
        })
    }

    /// Element `index` of an integer or bool tensor, exactly. `None` past the end or for a float dtype.
    pub fn get_i64(&self, index: usize) -> Option<i64> {
        let size = self.dtype.size();
        let b = self.bytes.get(index.checked_mul(size)?..)?.get(..size)?;
        match self.dtype {
            DType::I64 => Some(i64::from_le_bytes(b.try_into().ok()?)),
            DType::I32 => Some(i64::from(i32::from_le_bytes(b.try_into().ok()?))),
            DType::U8 | DType::Bool => Some(i64::from(b[0])),
            DType::F64 | DType::F32 | DType::F16 | DType::BF16 => None,
        }
    }
}

/// Widens an IEEE 754 binary16, exactly.
fn f16_to_f64(bits: u16) -> f64 {
    let sign = if bits & 0x8000 == 0 { 1.0 } else { -1.0 };
    let exponent = i32::from((bits >> 10) & 0x1f);
    let fraction = f64::from(bits & 0x3ff);
    match exponent {
        0 => sign * fraction * 2f64.powi(-24),
        31 if fraction == 0.0 => sign * f64::INFINITY,
        31 => f64::NAN,
        _ => sign * (1.0 + fraction / 1024.0) * 2f64.powi(exponent - 15),
    }
}

/// A value as data. What M-CODE calls `none`, `bool`, `int`, `scalar`, `string`, `list`, `record` and `tensor`.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// The absence of a value.
    None,
    /// Truth value.
    Bool(bool),
    /// 64-bit integer.
    Int(i64),
    /// 64-bit float.
    Scalar(f64),
    /// Text.
    String(String),
    /// Values in order, of any kinds.
    List(Vec<Value>),
    /// Named values in the order they were written; names are unique.
    Record(Vec<(String, Value)>),
    /// Tensor.
    Tensor(TensorData),
}

impl Value {
    /// The kind's name, as users know it.
    pub fn kind(&self) -> &'static str {
        match self {
            Value::None => "none",
            Value::Bool(_) => "bool",
            Value::Int(_) => "int",
            Value::Scalar(_) => "scalar",
            Value::String(_) => "string",
            Value::List(_) => "list",
            Value::Record(_) => "record",
            Value::Tensor(_) => "tensor",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tensor_bytes_must_fit_their_shape() {
        assert!(TensorData::new(DType::F32, vec![2, 3], vec![0; 24]).is_ok());
        let error = TensorData::new(DType::F32, vec![2, 3], vec![0; 20]).unwrap_err();
        assert_eq!(error.to_string(), "a f32 tensor of shape [2, 3] takes 24 bytes, 20 were given");
        assert!(matches!(
            TensorData::new(DType::F64, vec![usize::MAX, 2], vec![]),
            Err(TensorDataError::Overflow { .. })
        ));
        assert!(matches!(
            TensorData::new(DType::Bool, vec![2], vec![1, 2]),
            Err(TensorDataError::NotBool { index: 1, byte: 2 })
        ));
    }

    #[test]
    fn half_precision_widens_exactly() {
        for (bits, expected) in
            [(0x3c00, 1.0), (0xc000, -2.0), (0x0001, 2f64.powi(-24)), (0x7bff, 65504.0), (0x7c00, f64::INFINITY)]
        {
            assert_eq!(f16_to_f64(bits), expected);
        }
        assert!(f16_to_f64(0x7e00).is_nan());
    }
}
