//! What the verbs need of the language. The rooms that know it implement this; tests bring their own.

use std::path::Path;

use nexus_model::{Diagnostic, Value};

/// M-CODE, as far as the command line touches it.
pub(crate) trait Language {
    /// Checks a program without running it: warnings, or all that is wrong. What it imports is found below `folder`;
    /// without one it can import nothing.
    fn check(&self, file: &str, source: &str, folder: Option<&Path>) -> Result<Vec<Diagnostic>, Vec<Diagnostic>>;

    /// The value of an `--arg`: a literal of the language, or else the text itself.
    fn argument(&self, text: &str) -> Value;

    /// The intermediate representation as text; `folder` as in [`Language::check`].
    fn intermediate(&self, file: &str, source: &str, folder: Option<&Path>) -> Result<String, Vec<Diagnostic>>;
}
