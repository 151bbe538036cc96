//! What is wrong with a user's program, in a form that can be sent and then drawn with the source beside it.
//!
//! Drawing (colour, underlines) is the front end's; this is only the content.

use serde::{Deserialize, Serialize};

/// A range of bytes in a source text, with the place of its start as people count: lines and columns from 1, columns in
/// characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Span {
    /// First byte.
    pub start: u32,
    /// One past the last byte; at least `start`.
    pub end: u32,
    /// Line of `start`, from 1.
    pub line: u32,
    /// Column of `start`, from 1, in characters.
    pub column: u32,
}

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The program can run; the user should know.
    Warning,
    /// The program cannot run, or stopped here.
    Error,
}

/// A span with what there is to say about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Label {
    /// Where.
    pub span: Span,
    /// What is there (may be empty).
    pub text: String,
}

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Diagnostic {
    /// How bad.
    pub severity: Severity,
    /// Stable code, like `MC0203`; `nexus explain CODE` tells more.
    pub code: String,
    /// One sentence without a final stop.
    pub message: String,
    /// Name of the source file as the user gave it.
    pub file: String,
    /// The place that is wrong.
    pub primary: Option<Label>,
    /// Other places that explain it.
    pub secondary: Vec<Label>,
    /// What to write instead, or how to find out.
    pub help: Option<String>,
}

impl Diagnostic {
    /// An error with no place yet.
    pub fn error(code: &str, message: impl Into<String>) -> Self {
        Diagnostic {
            severity: Severity::Error,
            code: code.to_owned(),
            message: message.into(),
            file: String::new(),
            primary: None,
            secondary: Vec::new(),
            help: None,
        }
    }
}
