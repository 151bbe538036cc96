//! The list of formats, and the one door to read and write them.

use std::fmt;

use nexus_model::Value;

use crate::error::{FormatError, Place};
use crate::{csv, json, npy, npz, png, safetensors};

/// A file format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Format {
    /// NumPy's array file: one tensor.
    Npy,
    /// NumPy's archive of arrays: a record of tensors.
    Npz,
    /// Comma-separated values: a tensor, or a record of columns.
    Csv,
    /// JSON: any value.
    Json,
    /// Safetensors: a record of tensors.
    Safetensors,
    /// A PNG image: written from a tensor, never read.
    Png,
}

impl Format {
    /// Every format.
    pub const ALL: [Format; 6] =
        [Format::Npy, Format::Npz, Format::Csv, Format::Json, Format::Safetensors, Format::Png];

    /// The name, which is also the extension of its files.
    pub const fn name(self) -> &'static str {
        match self {
            Format::Npy => "npy",
            Format::Npz => "npz",
            Format::Csv => "csv",
            Format::Json => "json",
            Format::Safetensors => "safetensors",
            Format::Png => "png",
        }
    }

    /// The format of files with this extension (without the dot, in any case).
    pub fn from_extension(extension: &str) -> Option<Format> {
        Format::ALL.into_iter().find(|format| format.name().eq_ignore_ascii_case(extension))
    }

    /// The format that a file's name says: what follows its last dot.
    pub fn from_file_name(name: &str) -> Option<Format> {
        name.rsplit_once('.').and_then(|(_, extension)| Format::from_extension(extension))
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The value in a file's bytes.
///
/// `.npy` gives a tensor; `.npz` and `.safetensors` a record of tensors; `.json` the value it spells, where an object
/// of exactly `dtype`, `shape` and `data` is a tensor. `.csv` of numbers only gives a tensor f64[rows, columns]; with
/// columns of text, a record of columns: tensors `f64[rows]` and lists of strings.
pub fn read(format: Format, bytes: &[u8]) -> Result<Value, FormatError> {
    match format {
        Format::Npy => npy::read(bytes).map(Value::Tensor),
        Format::Npz => npz::read(bytes),
        Format::Csv => csv::read(bytes),
        Format::Json => json::read(bytes),
        Format::Safetensors => safetensors::read(bytes),
        Format::Png => Err(FormatError::Unsupported {
            format,
            place: Place::Byte(0),
            what: "images are written, and not read".to_owned(),
        }),
    }
}

/// The bytes of a file that holds `value`; an error where the format cannot.
pub fn write(format: Format, value: &Value) -> Result<Vec<u8>, FormatError> {
    match format {
        Format::Npy => npy::write(value),
        Format::Npz => npz::write(value),
        Format::Csv => csv::write(value),
        Format::Json => json::write(value),
        Format::Safetensors => safetensors::write(value),
        Format::Png => png::write(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_files_say_their_format() {
        assert_eq!(Format::from_file_name("a/b.c/iris.CSV"), Some(Format::Csv));
        assert_eq!(Format::from_file_name("model.safetensors"), Some(Format::Safetensors));
        assert_eq!(Format::from_file_name("npy"), None);
        assert_eq!(Format::from_file_name("table.xlsx"), None);
    }
}
