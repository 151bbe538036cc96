//! The options that describe how a program runs, shared by `run` and `submit`, and what they become in a job's
//! specification.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use nexus_actors::NO_NEURAL_ENGINE;
use nexus_actors::embedded::Bundle;
use nexus_model::{
    ArgumentSource, DeviceChoice, Diagnostic, Execution, IndexRange, JitLevel, JobSpec, Program, Value, encode_value,
};

use super::argument::{Binding, argument_source, index_range};
use super::error::{CliError, Exit};
use super::language::Language;
use super::{codes, files};
use crate::output::Console;

/// How a program runs.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct ProgramFlags {
    /// Give a parameter of the program a value: a number, true, "text", [1, 2, 3], or a sweep over an array:
    /// lin:0..1, log:1e-4..1e-1
    #[arg(long = "arg", short = 'a', value_name = "NAME=VALUE")]
    pub(crate) arguments: Vec<Binding>,
    /// Let the program read a file with input("NAME"): .npy, .npz, .safetensors, .csv or .json
    #[arg(long = "input", short = 'i', value_name = "NAME=PATH")]
    pub(crate) inputs: Vec<Binding>,
    /// Run one task for each index, like 0..400; the program sees task_index and task_count
    #[arg(long, value_name = "A..B", value_parser = index_range)]
    pub(crate) array: Option<IndexRange>,
    /// Where tensors live; auto takes a GPU where there is one, and so does ane, which nothing here can use
    #[arg(long, value_name = "DEVICE", default_value = "auto", value_parser = device())]
    pub(crate) device: Place,
    /// Seed of the program's random numbers
    #[arg(long, value_name = "N", default_value_t = 0, allow_negative_numbers = true)]
    pub(crate) seed: u64,
    /// How far the program is compiled: 0 not at all, 1 optimised with fused tensor operations, 2 with native code as
    /// well; the same result at each. Where it is absent, whoever runs it chooses
    #[arg(long, value_name = "LEVEL", value_parser = level_of_compilation())]
    pub(crate) jit: Option<JitLevel>,
}

/// Reads a level of compilation.
pub(super) fn level_of_compilation() -> impl TypedValueParser<Value = JitLevel> {
    PossibleValuesParser::new(["0", "1", "2"]).map(|number| match number.as_str() {
        "0" => JitLevel::Plain,
        "1" => JitLevel::Optimised,
        _ => JitLevel::Native,
    })
}

/// Where a user wants tensors to live.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Place {
    #[default]
    Auto,
    Cpu,
    Gpu,
    /// The Apple Neural Engine, which only Core ML reaches, and Burn does not go through it.
    Ane,
}

fn device() -> impl TypedValueParser<Value = Place> {
    PossibleValuesParser::new(["auto", "cpu", "gpu", "ane"]).map(|name| match name.as_str() {
        "cpu" => Place::Cpu,
        "gpu" => Place::Gpu,
        "ane" => Place::Ane,
        _ => Place::Auto,
    })
}

impl ProgramFlags {
    /// A job that runs the program as these options say; its inputs are still missing.
    pub(crate) fn spec(
        &self,
        name: String,
        program: Program,
        console: &mut Console,
        parse: impl Fn(&str) -> Value,
    ) -> Result<JobSpec, CliError> {
        let mut spec = JobSpec::single(name, program);
        for Binding { name, text } in &self.arguments {
            let source = argument_source(text, &parse).map_err(|reason| {
                CliError::new(Exit::Usage, codes::USAGE, format!("the argument `{name}` = `{text}`: {reason}"))
            })?;
            if self.array.is_none() && !matches!(source, ArgumentSource::Value(_)) {
                let message =
                    format!("the argument `{name}` = `{text}` is a sweep, which spreads over the tasks of an array");
                let help = format!("add --array 0..10 for ten tasks, or give one value, like --arg {name}=0.1");
                return Err(CliError::new(Exit::Usage, codes::USAGE, message).with_help(help));
            }
            spec.arguments.push((name.clone(), source));
        }
        if let Some(range) = self.array {
            spec.tasks = range;
            spec.is_array = true;
        }
        spec.device = match self.device {
            Place::Auto => DeviceChoice::Auto,
            Place::Cpu => DeviceChoice::Cpu,
            Place::Gpu => DeviceChoice::Gpu,
            Place::Ane => {
                console.say(&format!("warning: {NO_NEURAL_ENGINE}"));
                DeviceChoice::Auto
            }
        };
        spec.seed = self.seed;
        spec.execution = self.jit.map(Execution::at);
        spec.user = user();
        Ok(spec)
    }

    /// The encoded values of the inputs, read from their files.
    pub(crate) fn read_inputs(&self) -> Result<Vec<(String, Vec<u8>)>, CliError> {
        self.inputs
            .iter()
            .map(|Binding { name, text }| {
                let value = files::input(name, Path::new(text))?;
                let bytes = encode_value(&value).map_err(|error| {
                    CliError::new(Exit::Usage, codes::BAD_INPUT, format!("the input `{name}` ({text}): {error}"))
                })?;
                Ok((name.clone(), bytes))
            })
            .collect()
    }
}

/// Checks a finished specification, so that what is wrong is said before anything is sent.
pub(crate) fn checked(spec: JobSpec) -> Result<JobSpec, CliError> {
    match spec.check() {
        Ok(()) => Ok(spec),
        Err(error) => Err(CliError::new(Exit::Usage, codes::USAGE, error.to_string())),
    }
}

/// A program file: its path as it was given, its name for people, its text.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    pub(crate) path: PathBuf,
    pub(crate) text: Arc<str>,
}

/// Encoded values of inputs by their names.
pub(crate) type NamedBytes = Vec<(String, Vec<u8>)>;

/// A program as a job carries it: the nodes have none of what it imports.
pub(crate) struct Carried {
    pub(crate) program: Program,
    /// Inputs that bring the external modules that it calls, and the strategy that it names.
    pub(crate) brings: NamedBytes,
    pub(crate) warnings: Vec<Diagnostic>,
}

impl Carried {
    /// Whether it calls external modules.
    pub(crate) fn calls_modules(&self) -> bool {
        self.brings.iter().any(|(name, _)| nexus_mcode::external_module(name).is_some())
    }
}

impl Source {
    /// Checks it, so that what is wrong is drawn with its source, and puts everything behind it that it imports.
    pub(crate) fn carried(&self, language: &impl Language) -> Result<Carried, CliError> {
        let (file, folder) = (self.file(), self.folder());
        let wrong = |found| CliError::of_program(Exit::ProgramFailed, found, Some(Arc::clone(&self.text)));
        let warnings = language.check(&file, &self.text, Some(folder)).map_err(wrong)?;
        let Bundle { text, brings } = language.bundled(&file, &self.text, folder).map_err(wrong)?;
        let encoded = brings.into_iter().map(|(path, packed)| {
            let bytes = encode_value(&packed).map_err(|error| {
                CliError::new(Exit::Usage, codes::BAD_MODULE, format!("{path} cannot be sent: {error}"))
            })?;
            Ok((path, bytes))
        });
        let brings = encoded.collect::<Result<_, CliError>>()?;
        Ok(Carried { program: Program::MCode { file, source: text.into() }, brings, warnings })
    }

    /// Reads it.
    pub(crate) fn read(path: &Path) -> Result<Self, CliError> {
        Ok(Source { path: path.to_owned(), text: files::program(path)? })
    }

    /// As the user gave it, for diagnostics.
    pub(crate) fn file(&self) -> String {
        self.path.display().to_string()
    }

    /// The folder that the file is in.
    pub(crate) fn folder(&self) -> &Path {
        match self.path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        }
    }

    /// The last part of the path.
    pub(crate) fn name(&self) -> String {
        self.path.file_name().map_or_else(|| self.file(), |name| name.to_string_lossy().into_owned())
    }

    /// What a job runs.
    pub(crate) fn program(&self) -> Program {
        Program::MCode { file: self.file(), source: Arc::clone(&self.text) }
    }
}

/// The user's name for the record of jobs; empty where the environment has none.
pub(crate) fn user() -> String {
    let named = |variable| std::env::var(variable).ok().filter(|name| !name.is_empty());
    named("USER").or_else(|| named("LOGNAME")).unwrap_or_default()
}
