//! What can be wrong with a configuration, in words that name the key, the value and what is allowed.

use std::fmt;
use std::ops::Range;
use std::path::PathBuf;

use thiserror::Error;

/// One thing that is wrong. Nothing was changed; a retry gives the same answer until the file or flag is mended.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ConfigError {
    /// The file is not TOML, or a section is no section.
    #[error("line {line}: {message}")]
    Syntax {
        /// Line from 1.
        line: usize,
        /// The bytes that it stumbled over.
        at: Range<usize>,
        /// What the parser says.
        message: String,
    },
    /// A section or key that does not exist.
    #[error("there is no setting `{key}`{}", did_you_mean(.suggestion, .known))]
    UnknownKey {
        /// As written, with its section: `node.lisen`.
        key: String,
        /// The closest name that exists, where one is close.
        suggestion: Option<String>,
        /// The names that exist there.
        known: String,
    },
    /// A value that its key cannot take.
    #[error("`{key}` is {value}; it can be {allowed}")]
    Value {
        /// The key with its section, or the flag or variable that set it.
        key: &'static str,
        /// The value as written.
        value: String,
        /// What it may be, with an example.
        allowed: &'static str,
    },
    /// A rule that is none.
    #[error("line {line}: a [[rule]] cannot be kept: {reason}")]
    Rule {
        /// Line of its beginning, from 1.
        line: usize,
        /// What is wrong, with what is right.
        reason: String,
    },
    /// No folder for data can be derived, because the user has no home.
    #[error("there is no home folder to keep data in; name a folder with --data or NEXUS_HOME")]
    NoHome,
    /// The file cannot be read.
    #[error("{} cannot be read: {reason}", .path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// The system's words.
        reason: String,
    },
}

fn did_you_mean(suggestion: &Option<String>, known: &str) -> String {
    match suggestion {
        Some(name) => format!("; did you mean `{name}`?"),
        None => format!("; there are: {known}"),
    }
}

/// Everything that is wrong with a configuration at once; never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigErrors(pub Vec<ConfigError>);

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{error}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigErrors {}

impl From<ConfigError> for ConfigErrors {
    fn from(error: ConfigError) -> Self {
        ConfigErrors(vec![error])
    }
}
