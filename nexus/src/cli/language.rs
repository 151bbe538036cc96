//! What the verbs need of the language. The rooms that know it implement this; tests bring their own.

use std::path::Path;

use nexus_actors::embedded::Bundle;
use nexus_mcode::{Inspection, LibraryEntry, Outline};
use nexus_model::{Diagnostic, JitLevel, Value};

/// What is shown of a compiled program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum View {
    /// Its code at a level.
    Code(JitLevel),
    /// Which tensor operations run together, and what the optimiser did.
    Plan(JitLevel),
}

/// M-CODE, as far as the command line touches it.
pub(crate) trait Language {
    /// Checks a program without running it: warnings, or all that is wrong. What it imports is found below `folder`;
    /// without one it can import nothing.
    fn check(&self, file: &str, source: &str, folder: Option<&Path>) -> Result<Vec<Diagnostic>, Vec<Diagnostic>>;

    /// The syntax tree as text, or what is wrong with the text.
    fn tree(&self, file: &str, source: &str) -> Result<String, Vec<Diagnostic>>;

    /// The program in the one layout, or what is wrong with its text.
    fn formatted(&self, source: &str) -> Result<String, Vec<Diagnostic>>;

    /// The program with everything that it imports: below `folder`, and of this machine's modules; or all that is wrong.
    fn bundled(&self, file: &str, source: &str, folder: &Path) -> Result<Bundle, Vec<Diagnostic>>;

    /// What an editor wants to know; `folder` as in [`Language::check`].
    fn inspect(&self, file: &str, source: &str, folder: Option<&Path>) -> Inspection;

    /// Every function and constant of the library, sorted.
    fn library(&self) -> Vec<LibraryEntry>;

    /// The value of an `--arg`: a literal of the language, or else the text itself.
    fn argument(&self, text: &str) -> Value;

    /// The intermediate representation or the plan as text; `folder` as in [`Language::check`].
    fn intermediate(
        &self,
        file: &str,
        source: &str,
        folder: Option<&Path>,
        view: View,
    ) -> Result<String, Vec<Diagnostic>>;
    /// Runs the program at the highest level of compilation, with these arguments and what lies below `folder`: the machine
    /// code that was made, and what was not, and why, as text.
    fn native(
        &self,
        file: &str,
        source: &str,
        folder: &Path,
        arguments: Vec<(String, Value)>,
    ) -> Result<String, Vec<Diagnostic>>;

    /// What the program is made of; `folder` as in [`Language::check`]. Arguments, where there are any, must be its own.
    fn outline(
        &self,
        file: &str,
        source: &str,
        folder: Option<&Path>,
        arguments: Option<&[(String, Value)]>,
    ) -> Result<Outline, Vec<Diagnostic>>;
}
