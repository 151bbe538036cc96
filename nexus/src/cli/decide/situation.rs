//! What every verb of `nexus decide` begins with: a model from a file, what is known, and how answers and refusals are
//! told.

use std::path::{Path, PathBuf};

use clap::Args;
use nexus_model::Diagnostic;
use nexus_qlogik::influence::Diagram;
use nexus_qlogik::question::Question;
use nexus_qlogik::rules::RuleSet;
use nexus_qlogik::{Error, Evidence, MEMORY_MAX, Model, VariableId};
use serde::Serialize;

use super::super::argument::Binding;
use super::super::codes;
use super::super::error::{CliError, Exit};
use super::super::program::Source;
use crate::output::json::document;
use crate::output::{Console, diagnostic};

/// The model and what is known.
#[derive(Debug, Clone, Args)]
pub(super) struct Situation {
    /// The model
    #[arg(value_name = "MODEL")]
    pub(super) model: PathBuf,
    /// What is known, like smoke=yes; may be given several times
    #[arg(long = "evidence", short = 'e', value_name = "VARIABLE=STATE")]
    pub(super) evidence: Vec<Binding>,
    /// Memory that an exact answer may take, in MiB
    #[arg(long, value_name = "MIB", default_value_t = MEMORY_MAX >> 20, value_parser = clap::value_parser!(u64).range(1..=1 << 20))]
    memory: u64,
}

/// A model and what is known, as read.
pub(super) struct Asked {
    pub(super) model: Model,
    pub(super) rules: RuleSet,
    pub(super) evidence: Evidence,
}

impl Situation {
    /// Bytes that an exact answer may take.
    pub(super) fn memory_max(&self) -> u64 {
        self.memory << 20
    }

    /// Reads the model, shows its warnings, and looks up what is known.
    pub(super) fn read(&self, console: &mut Console) -> Result<Asked, CliError> {
        let ((model, rules), _) = read(&self.model, console, Model::read_with_rules)?;
        let known = self.evidence.iter().map(|binding| (binding.name.as_str(), binding.text.trim()));
        let evidence = model.network().evidence(known).map_err(refused)?;
        Ok(Asked { model, rules, evidence })
    }

    /// Answers a question and says it.
    pub(super) fn answer(&self, question: &Question, console: &mut Console) -> Result<(), CliError> {
        let asked = self.read(console)?;
        let found = question.ask(&asked.model, &asked.evidence, self.memory_max()).map_err(refused)?;
        tell(&found, &found.to_string(), console);
        Ok(())
    }
}

impl Asked {
    /// The variable of a name.
    pub(super) fn find(&self, name: &str) -> Result<VariableId, CliError> {
        self.model.network().find(name).map_err(refused)
    }

    /// The model as an influence diagram.
    pub(super) fn diagram(&self) -> Result<&Diagram, CliError> {
        self.model.diagram().ok_or_else(|| refused(Error::NoDecisions))
    }
}

/// Reads a file with one of the readers of models, and shows its warnings.
pub(super) fn read<T>(
    path: &Path,
    console: &mut Console,
    reader: impl FnOnce(&str, &str) -> Result<(T, Vec<Diagnostic>), Vec<Diagnostic>>,
) -> Result<(T, Source), CliError> {
    let source = Source::read(path)?;
    let (found, warnings) = reader(&source.file(), &source.text)
        .map_err(|found| CliError::of_program(Exit::Usage, found, Some(source.text.clone())))?;
    if !console.is_json() && !warnings.is_empty() {
        console.say_raw(&diagnostic::all_drawn(&warnings, Some(&source.text)));
    }
    Ok((found, source))
}

/// Says an answer: its JSON, or its text.
pub(super) fn tell(content: &impl Serialize, text: &str, console: &mut Console) {
    console.answer(&if console.is_json() { document(content) } else { text.to_owned() });
}

/// Writes a file that was asked for.
pub(super) fn write(path: &Path, text: &str) -> Result<(), CliError> {
    std::fs::write(path, text).map_err(|error| {
        let message = format!("{} cannot be written: {error}", path.display());
        CliError::new(Exit::Usage, codes::BAD_OUTPUT, message)
    })
}

/// A refusal of the engine, with its hint.
pub(in crate::cli) fn refused(error: Error) -> CliError {
    let refused = CliError::new(Exit::Usage, error.code(), error.to_string());
    match error.hint() {
        Some(hint) => refused.with_help(hint),
        None => refused,
    }
}
