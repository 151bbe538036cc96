//! NumPy's `.npz`: a zip archive of `.npy` files, as a record of tensors in the archive's order.
//!
//! Members' names become field names only, never paths.

use std::io::{Cursor, Read, Write};

use nexus_model::Value;
use zip::result::ZipError;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

use crate::error::FormatError;
use crate::format::Format;
use crate::npy;
use crate::tensors::named_tensors;

/// Deflate cannot make more than 1032 bytes out of one (two bits for a match of 258). A member that claims more lies.
const EXPANSION_MAX: u64 = 1032;
/// Archives with more members than this are refused; no program names so many tensors.
const MEMBERS_MAX: usize = 100_000;

/// The record of tensors in `file`.
pub(crate) fn read(file: &[u8]) -> Result<Value, FormatError> {
    let mut archive = ZipArchive::new(Cursor::new(file)).map_err(|error| container(&error))?;
    if archive.has_duplicate_names() {
        return Err(message("two members have the same name"));
    }
    if archive.len() > MEMBERS_MAX {
        return Err(message(format!("{} members; the most is {MEMBERS_MAX}", archive.len())));
    }
    let mut fields: Vec<(String, Value)> = Vec::with_capacity(archive.len());
    let mut names = std::collections::BTreeSet::new();
    for index in 0..archive.len() {
        let mut member = archive.by_index(index).map_err(|error| container(&error))?;
        let path = member.name().map_err(|error| container(&error))?.into_owned();
        let Some(name) = path.strip_suffix(".npy") else {
            return Err(message(format!("the member `{}` is no .npy file", path.escape_debug())));
        };
        let claimed = member.size();
        if claimed > member.compressed_size().min(file.len() as u64).saturating_mul(EXPANSION_MAX) {
            return Err(message(format!(
                "the member `{}` claims {claimed} bytes, more than it can hold",
                path.escape_debug()
            )));
        }
        let mut bytes = Vec::with_capacity(usize::try_from(claimed).unwrap_or(0));
        // One byte more than claimed is enough to see that the claim was a lie.
        let read = member.by_ref().take(claimed.saturating_add(1)).read_to_end(&mut bytes);
        let whole = read.map_err(|error| message(format!("the member `{}`: {error}", path.escape_debug())))?;
        if whole as u64 != claimed {
            return Err(message(format!(
                "the member `{}` does not hold the {claimed} bytes it claims",
                path.escape_debug()
            )));
        }
        let tensor = npy::read(&bytes)
            .map_err(|source| FormatError::Member { member: path.clone(), source: Box::new(source) })?;
        if !names.insert(name.to_owned()) {
            return Err(FormatError::DuplicateName { format: Format::Npz, name: name.to_owned() });
        }
        fields.push((name.to_owned(), Value::Tensor(tensor)));
    }
    Ok(Value::Record(fields))
}

/// `value` as an archive, stored without compression as `numpy.savez` does. A lone tensor is named `arr_0`.
pub(crate) fn write(value: &Value) -> Result<Vec<u8>, FormatError> {
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, tensor) in named_tensors(Format::Npz, value, "arr_0")? {
        let member = npy::write_tensor(&tensor);
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Stored)
            .large_file(member.len() as u64 >= u64::from(u32::MAX));
        archive.start_file(format!("{name}.npy"), options).map_err(|error| container(&error))?;
        archive.write_all(&member).map_err(|error| message(error.to_string()))?;
    }
    Ok(archive.finish().map_err(|error| container(&error))?.into_inner())
}

fn container(error: &ZipError) -> FormatError {
    message(error.to_string())
}

fn message(message: impl Into<String>) -> FormatError {
    FormatError::Container { format: Format::Npz, message: message.into() }
}

#[cfg(test)]
mod tests {
    use nexus_model::{DType, TensorData};

    use super::*;

    fn archive(members: &[(&str, &[u8])], method: CompressionMethod) -> Vec<u8> {
        let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
        for (name, bytes) in members {
            archive.start_file(*name, SimpleFileOptions::default().compression_method(method)).unwrap();
            archive.write_all(bytes).unwrap();
        }
        archive.finish().unwrap().into_inner()
    }

    #[test]
    fn records_survive_and_nested_names_are_joined_by_dots() {
        let tensor = Value::Tensor(TensorData::new(DType::U8, vec![2], vec![1, 2]).unwrap());
        let layer = Value::Record(vec![("w".into(), tensor.clone()), ("n".into(), Value::Int(3))]);
        let value = Value::Record(vec![("layers".into(), Value::List(vec![layer])), ("b".into(), tensor.clone())]);
        let n = Value::Tensor(TensorData::new(DType::I64, vec![], 3i64.to_le_bytes().to_vec()).unwrap());
        assert_eq!(
            read(&write(&value).unwrap()).unwrap(),
            Value::Record(vec![("layers.0.w".into(), tensor.clone()), ("layers.0.n".into(), n), ("b".into(), tensor)])
        );
    }

    #[test]
    fn members_that_are_no_tensors_are_named() {
        let error = read(&archive(&[("readme.txt", b"hi")], CompressionMethod::Stored)).unwrap_err();
        assert_eq!(error.to_string(), "npz: the member `readme.txt` is no .npy file");
        let error = read(&archive(&[("x.npy", b"hi")], CompressionMethod::Deflated)).unwrap_err();
        assert!(error.to_string().starts_with("member `x.npy`: npy, byte 0: expected the mark"), "{error}");
    }

    #[test]
    fn a_member_that_claims_more_than_it_holds_is_refused_before_memory_is_taken() {
        let bytes = npy::write_tensor(&TensorData::new(DType::U8, vec![64], vec![0; 64]).unwrap());
        let mut file = archive(&[("x.npy", &bytes)], CompressionMethod::Deflated);
        let directory = file.windows(4).position(|w| w == b"PK\x01\x02").unwrap();
        file[directory + 24..directory + 28].copy_from_slice(&u32::MAX.wrapping_sub(1).to_le_bytes());
        let error = read(&file).unwrap_err().to_string();
        assert!(error.contains("claims 4294967294 bytes, more than it can hold"), "{error}");
    }

    #[test]
    fn names_that_would_collide_are_refused() {
        let inner = Value::Record(vec![("b".into(), Value::Int(1))]);
        let value = Value::Record(vec![("a".into(), inner), ("a.b".into(), Value::Int(2))]);
        assert_eq!(write(&value).unwrap_err().to_string(), "npz: the name `a.b` is used twice");
        assert!(write(&Value::String("x".into())).unwrap_err().to_string().contains("cannot hold a string"));
    }
}
