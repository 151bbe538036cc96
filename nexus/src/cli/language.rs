//! What the verbs need of the language. The rooms that know it implement this; tests bring their own.

use nexus_model::{Diagnostic, Value};

/// M-CODE, as far as the command line touches it.
pub(crate) trait Language {
    /// Checks a program without running it: warnings, or all that is wrong.
    fn check(&self, file: &str, source: &str) -> Result<Vec<Diagnostic>, Vec<Diagnostic>>;

    /// Reads the value of an `--arg`.
    fn argument(&self, text: &str) -> Result<Value, String>;

    /// The syntax tree as text.
    fn syntax_tree(&self, file: &str, source: &str) -> Result<String, Vec<Diagnostic>>;

    /// The typed intermediate representation as text.
    fn intermediate(&self, file: &str, source: &str) -> Result<String, Vec<Diagnostic>>;

    /// The program, formatted.
    fn format(&self, file: &str, source: &str) -> Result<String, Vec<Diagnostic>>;
}
