//! What can be wrong with a file, and with a value that should become one.

use std::fmt;

use nexus_model::TensorDataError;
use thiserror::Error;

use crate::format::Format;

/// Where in a file something is wrong, in the terms in which the format is looked at: bytes or lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Offset from the start of the file (or of the member, inside an archive), from 0.
    Byte(usize),
    /// A line, from 1.
    Line(u64),
    /// A line and a column, both from 1.
    Column {
        /// Line.
        line: u64,
        /// Column.
        column: u64,
    },
    /// A line and a field of it, both from 1.
    Field {
        /// Line.
        line: u64,
        /// Field.
        field: u64,
    },
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Byte(at) => write!(f, "byte {at}"),
            Place::Line(line) => write!(f, "line {line}"),
            Place::Column { line, column } => write!(f, "line {line}, column {column}"),
            Place::Field { line, field } => write!(f, "line {line}, field {field}"),
        }
    }
}

/// Bytes that are no file of the format, or a value that the format cannot hold. Nothing changed; a retry gives the same
/// answer.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum FormatError {
    /// The bytes break the format's rules.
    #[error("{format}, {place}: expected {expected}, found {found}")]
    Malformed {
        /// Format.
        format: Format,
        /// Where.
        place: Place,
        /// What should be there.
        expected: String,
        /// What is there.
        found: String,
    },
    /// The bytes are in order, but hold what no value here can be.
    #[error("{format}, {place}: {what}")]
    Unsupported {
        /// Format.
        format: Format,
        /// Where.
        place: Place,
        /// What cannot be read.
        what: String,
    },
    /// Two members, columns or keys of the same name.
    #[error("{format}: the name `{name}` is used twice")]
    DuplicateName {
        /// Format.
        format: Format,
        /// The name.
        name: String,
    },
    /// A library's reader refused the bytes.
    #[error("{format}: {message}")]
    Container {
        /// Format.
        format: Format,
        /// What the library says.
        message: String,
    },
    /// Wrong inside a member of an archive.
    #[error("member `{member}`: {source}")]
    Member {
        /// The member's name.
        member: String,
        /// What is wrong with it.
        source: Box<FormatError>,
    },
    /// A value that the format cannot hold.
    #[error("{format} cannot hold {what}")]
    Unwritable {
        /// Format.
        format: Format,
        /// The value or the part of it.
        what: String,
        /// A format or shape that can.
        help: &'static str,
    },
    /// A shape that does not fit its bytes.
    #[error("{format}: {source}")]
    Tensor {
        /// Format.
        format: Format,
        /// What does not fit.
        source: TensorDataError,
    },
}

impl FormatError {
    /// What to do about it, where there is something.
    pub fn help(&self) -> Option<&'static str> {
        match self {
            FormatError::Unwritable { help, .. } => Some(help),
            FormatError::Member { source, .. } => source.help(),
            FormatError::Malformed { .. }
            | FormatError::Unsupported { .. }
            | FormatError::DuplicateName { .. }
            | FormatError::Container { .. }
            | FormatError::Tensor { .. } => None,
        }
    }
}
