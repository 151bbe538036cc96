//! Safetensors: a record of tensors, in the order of the file's data. The file's free-form metadata is not read.

use std::borrow::Cow;

use ::safetensors::tensor::{Dtype, SafeTensors, View, serialize};
use nexus_model::{DType, TensorData, Value};

use crate::element::Element;
use crate::error::{FormatError, Place};
use crate::format::Format;
use crate::tensors::named_tensors;

/// The record of tensors in `file`.
pub(crate) fn read(file: &[u8]) -> Result<Value, FormatError> {
    let (header_bytes, header) = SafeTensors::read_metadata(file).map_err(|error| container(error.to_string()))?;
    let tensors = SafeTensors::deserialize(file).map_err(|error| container(error.to_string()))?;
    let data_at = header_bytes + size_of::<u64>();
    let mut fields = Vec::with_capacity(tensors.len());
    for name in header.offset_keys() {
        let view = tensors.tensor(&name).map_err(|error| container(error.to_string()))?;
        let place = Place::Byte(data_at + header.info(&name).map_or(0, |info| info.data_offsets.0));
        let unsupported = |what| FormatError::Unsupported { format: Format::Safetensors, place, what };
        let element = element_of(view.dtype()).ok_or_else(|| {
            unsupported(format!("`{name}` has the dtype {:?}, which is not known here", view.dtype()))
        })?;
        let bytes = element.widen(view.data().to_vec()).map_err(|index| {
            unsupported(format!("element {index} of `{name}` is above the largest i64, and there is no u64 here"))
        })?;
        let tensor = TensorData::new(element.dtype(), view.shape().to_vec(), bytes)
            .map_err(|source| FormatError::Tensor { format: Format::Safetensors, source })?;
        fields.push((name, Value::Tensor(tensor)));
    }
    Ok(Value::Record(fields))
}

fn element_of(dtype: Dtype) -> Option<Element> {
    Some(match dtype {
        Dtype::F64 => Element::Own(DType::F64),
        Dtype::F32 => Element::Own(DType::F32),
        Dtype::F16 => Element::Own(DType::F16),
        Dtype::BF16 => Element::Own(DType::BF16),
        Dtype::I64 => Element::Own(DType::I64),
        Dtype::I32 => Element::Own(DType::I32),
        Dtype::U8 => Element::Own(DType::U8),
        Dtype::BOOL => Element::Own(DType::Bool),
        Dtype::I8 => Element::I8,
        Dtype::I16 => Element::I16,
        Dtype::U16 => Element::U16,
        Dtype::U32 => Element::U32,
        Dtype::U64 => Element::U64,
        // The 4-, 6- and 8-bit floats and complex numbers have no dtype here. The library's list may grow.
        _ => return None,
    })
}

/// `value` as a file; a lone tensor is named `tensor`.
pub(crate) fn write(value: &Value) -> Result<Vec<u8>, FormatError> {
    let tensors = named_tensors(Format::Safetensors, value, "tensor")?;
    let views = tensors.iter().map(|(name, tensor)| (name, Viewed(tensor)));
    serialize(views, None).map_err(|error| container(error.to_string()))
}

struct Viewed<'a>(&'a TensorData);

impl View for Viewed<'_> {
    fn dtype(&self) -> Dtype {
        match self.0.dtype() {
            DType::F64 => Dtype::F64,
            DType::F32 => Dtype::F32,
            DType::F16 => Dtype::F16,
            DType::BF16 => Dtype::BF16,
            DType::I64 => Dtype::I64,
            DType::I32 => Dtype::I32,
            DType::U8 => Dtype::U8,
            DType::Bool => Dtype::BOOL,
        }
    }

    fn shape(&self) -> &[usize] {
        self.0.shape()
    }

    fn data(&self) -> Cow<'_, [u8]> {
        Cow::Borrowed(self.0.bytes())
    }

    fn data_len(&self) -> usize {
        self.0.bytes().len()
    }
}

fn container(message: String) -> FormatError {
    FormatError::Container { format: Format::Safetensors, message }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_dtype_survives() {
        let fields: Vec<(String, Value)> = DType::ALL
            .into_iter()
            .map(|dtype| {
                let tensor = TensorData::new(dtype, vec![2, 1], vec![1; 2 * dtype.size()]).unwrap();
                (dtype.name().to_owned(), Value::Tensor(tensor))
            })
            .collect();
        let Value::Record(mut back) = read(&write(&Value::Record(fields.clone())).unwrap()).unwrap() else { panic!() };
        let mut fields = fields;
        fields.sort_by(|a, b| a.0.cmp(&b.0));
        back.sort_by(|a, b| a.0.cmp(&b.0));
        assert_eq!(back, fields);
    }

    #[test]
    fn lying_headers_are_refused() {
        let header = br#"{"x":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,4]}}"#;
        let mut file = (header.len() as u64).to_le_bytes().to_vec();
        file.extend_from_slice(header);
        file.extend_from_slice(&[0; 4]);
        assert!(read(&file).is_err());
        assert!(read(&u64::MAX.to_le_bytes()).is_err());
        assert!(read(b"").is_err());
    }

    #[test]
    fn a_dtype_without_a_place_here_is_named() {
        let header = br#"{"x":{"dtype":"F8_E5M2","shape":[4],"data_offsets":[0,4]}}"#;
        let mut file = (header.len() as u64).to_le_bytes().to_vec();
        file.extend_from_slice(header);
        file.extend_from_slice(&[0; 4]);
        let error = read(&file).unwrap_err().to_string();
        assert!(error.contains("`x` has the dtype F8_E5M2"), "{error}");
    }
}
