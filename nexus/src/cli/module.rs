//! `nexus module`: programs in other languages as modules with typed functions.
//!
//! They lie in the data folder and need no node. What a module is and how it is called is `nexus_actors::modules`; this is
//! words in and words out.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args, Subcommand};
use nexus_actors::modules::{Call, Capability, Installed, ManifestError, ModuleError, ModuleStore, Named, Stop, call};
use nexus_formats::json::JsonValue;
use nexus_model::{Diagnostic, Label, Span};
use serde::Serialize;

use super::codes;
use super::error::{CliError, Exit};
use super::language::Language;
use super::run::Interrupted;
use crate::output::json::document;
use crate::output::paint::harmless;
use crate::output::table::{Align, Cell, Table};
use crate::output::{Console, human};

/// Digits of a hash that are shown to people.
const HASH_DIGITS: usize = 12;

/// Keep programs in other languages as modules, and call their functions
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  nexus module add shapes
  nexus module add weather --allow network --allow env:TOKEN
  nexus module list
  nexus module run shapes area 2 3.5
  nexus module remove shapes

docs/modules.md has the whole story.")]
pub(crate) struct ModuleArgs {
    #[command(subcommand)]
    verb: ModuleVerb,
}

#[derive(Debug, Clone, Subcommand)]
enum ModuleVerb {
    /// Copy a module's folder, in place of what had its name
    #[command(after_help = "Examples:\n  nexus module add shapes\n  nexus module add weather --allow network")]
    Add {
        /// The folder with its vxor.toml
        #[arg(value_name = "FOLDER")]
        folder: PathBuf,
        /// What it may do beyond its own folder: network, env:NAME or read:/path
        #[arg(long, value_name = "CAPABILITY", value_parser = Capability::parse)]
        allow: Vec<Capability>,
    },
    /// Show what is installed, and its functions
    #[command(after_help = "Examples:\n  nexus module list\n  nexus module list --json")]
    List,
    /// Forget a module
    #[command(after_help = "Example:\n  nexus module remove shapes")]
    Remove {
        /// Its name
        #[arg(value_name = "NAME")]
        name: String,
    },
    /// Call a function of a module
    #[command(
        after_help = "Examples:\n  nexus module run shapes area 2 3.5\n  nexus module run shapes area 2 3.5 --json"
    )]
    Run {
        /// The module
        #[arg(value_name = "NAME")]
        name: String,
        /// Its function
        #[arg(value_name = "FUNCTION")]
        function: String,
        /// The arguments in order, as `--arg` of `nexus run` takes them: literals of M-CODE, or text
        #[arg(value_name = "ARGUMENT", allow_negative_numbers = true)]
        arguments: Vec<String>,
    },
}

/// A module, in `nexus module add --json` and `list --json`.
#[derive(Debug, Serialize)]
struct ModuleDocument<'a> {
    name: &'a str,
    version: &'a str,
    kind: &'static str,
    hash: &'a str,
    functions: Vec<String>,
    capabilities: Vec<String>,
}

/// `nexus module list --json`.
#[derive(Debug, Serialize)]
struct ModulesDocument<'a> {
    modules: Vec<ModuleDocument<'a>>,
    /// Those that cannot be read any more.
    damaged: Vec<DamagedDocument<'a>>,
}

/// A module that cannot be read any more, in `nexus module list --json`.
#[derive(Debug, Serialize)]
struct DamagedDocument<'a> {
    name: &'a str,
    message: String,
}

/// `nexus module remove --json`.
#[derive(Debug, Serialize)]
struct RemovedDocument<'a> {
    removed: &'a str,
}

/// `nexus module run --json`.
#[derive(Debug, Serialize)]
struct CallDocument<'a> {
    result: JsonValue<'a>,
    /// What the system could not keep the module from.
    not_kept_from: &'a [String],
}

/// Runs the verb on the modules of a data folder.
pub(crate) fn module(
    args: &ModuleArgs,
    data: &Path,
    language: &impl Language,
    console: &mut Console,
    interrupted: &Interrupted,
) -> Result<(), CliError> {
    let store = ModuleStore::new(data);
    match &args.verb {
        ModuleVerb::Add { folder, allow } => {
            let added = store.add(folder, allow).map_err(|error| of_module(error, Some(folder)))?;
            if console.is_json() {
                console.answer(&document(&of(&added)));
                return Ok(());
            }
            let Installed { manifest, hash, .. } = &added;
            console.answer(&format!("{} {}  {}\n", manifest.name, harmless(&manifest.version), short(hash)));
            for function in &manifest.functions {
                console.answer(&format!("  {function}\n"));
            }
        }
        ModuleVerb::List => list(&store.list()?, console),
        ModuleVerb::Remove { name } => {
            store.remove(name)?;
            if console.is_json() {
                console.answer(&document(&RemovedDocument { removed: name }));
            } else {
                console.say(&format!("module {name} is removed"));
            }
        }
        ModuleVerb::Run { name, function, arguments } => {
            let module = store.get(name)?;
            let arguments = arguments.iter().map(|text| language.argument(text)).collect();
            return run(&module, function, arguments, console, interrupted);
        }
    }
    Ok(())
}

fn run(
    module: &Installed,
    function: &str,
    arguments: Vec<nexus_model::Value>,
    console: &mut Console,
    interrupted: &Interrupted,
) -> Result<(), CliError> {
    let report = call(Call { module, function, arguments, stop: &|| *interrupted.borrow(), admit: &|_| true });
    for line in String::from_utf8_lossy(&report.stderr).lines() {
        console.say(&harmless(line));
    }
    for missing in &report.sandbox.missing {
        console.say(&format!("note: the module could not be kept from {missing}"));
    }
    let value = report.value?;
    if console.is_json() {
        let not_kept_from = &report.sandbox.missing;
        console.answer(&document(&CallDocument { result: JsonValue(&value), not_kept_from }));
    } else {
        console.answer(&human::answer(&value));
    }
    Ok(())
}

fn list(found: &[Named], console: &mut Console) {
    let modules: Vec<&Installed> = found.iter().filter_map(|(_, module)| module.as_ref().ok()).collect();
    let damaged = found.iter().filter_map(|(name, module)| Some((name, module.as_ref().err()?)));
    if console.is_json() {
        let damaged = damaged.map(|(name, error)| DamagedDocument { name, message: error.to_string() }).collect();
        let modules = modules.into_iter().map(of).collect();
        console.answer(&document(&ModulesDocument { modules, damaged }));
        return;
    }
    for (_, error) in damaged {
        console.say(&format!("warning: {}; {}", harmless(&error.to_string()), error.help()));
    }
    if found.is_empty() {
        console.say("no modules; `nexus module add FOLDER` adds one");
        return;
    }
    let mut table = Table::new(&[
        ("MODULE", Align::Left),
        ("VERSION", Align::Left),
        ("HASH", Align::Left),
        ("MAY", Align::Left),
        ("FUNCTIONS", Align::Left),
    ]);
    for Installed { manifest, hash, .. } in &modules {
        let functions: Vec<String> = manifest.functions.iter().map(ToString::to_string).collect();
        let may: Vec<String> = manifest.capabilities.iter().map(ToString::to_string).collect();
        table.row(vec![
            Cell::new(&manifest.name),
            Cell::new(&manifest.version),
            Cell::new(short(hash)),
            if may.is_empty() { Cell::nothing() } else { Cell::new(may.join(", ")) },
            Cell::new(functions.join("; ")),
        ]);
    }
    if !modules.is_empty() {
        console.answer(&table.render());
    }
}

fn of(module: &Installed) -> ModuleDocument<'_> {
    let Installed { manifest, hash, .. } = module;
    ModuleDocument {
        name: &manifest.name,
        version: &manifest.version,
        kind: manifest.kind.name(),
        hash,
        functions: manifest.functions.iter().map(ToString::to_string).collect(),
        capabilities: manifest.capabilities.iter().map(ToString::to_string).collect(),
    }
}

fn short(hash: &str) -> &str {
    hash.get(..HASH_DIGITS).unwrap_or(hash)
}

impl From<ModuleError> for CliError {
    fn from(error: ModuleError) -> Self {
        of_module(error, None)
    }
}

/// `folder` is the one that is added.
fn of_module(error: ModuleError, folder: Option<&Path>) -> CliError {
    use ModuleError as M;
    let (exit, code) = match &error {
        M::Manifest(error) => return of_manifest(error, folder),
        M::BadFolder { .. } => (Exit::Usage, codes::BAD_MODULE),
        M::NotAllowed { .. } => (Exit::Usage, codes::MODULE_NOT_ALLOWED),
        M::NoSuchModule(_) | M::NotSent(_) | M::NoFolder(_) => (Exit::Usage, codes::NO_SUCH_MODULE),
        M::NoSuchFunction { .. } | M::BadArguments(_) => (Exit::Usage, codes::BAD_MODULE_CALL),
        M::Damaged { .. } | M::Gone(_) | M::Disk { .. } | M::Replaced(_) => (Exit::Unreachable, codes::MODULE_DAMAGED),
        M::Cancelled => (Exit::Cancelled, codes::INTERRUPTED),
        M::TooSlow { .. } => (Exit::Cancelled, codes::MODULE_FAILED),
        M::Stopped { why, .. } => match why {
            Stop::Component | Stop::CoreModule | Stop::Imports | Stop::Function => (Exit::Usage, codes::BAD_MODULE),
            Stop::Arguments => (Exit::Usage, codes::BAD_MODULE_CALL),
            Stop::Fuel | Stop::Memory | Stop::Trap => (Exit::ProgramFailed, codes::MODULE_FAILED),
        },
        M::NotStarted { .. }
        | M::Ended { .. }
        | M::Garbage { .. }
        | M::NoMemory { .. }
        | M::WrongType { .. }
        | M::Failed { .. } => (Exit::ProgramFailed, codes::MODULE_FAILED),
    };
    CliError::new(exit, code, harmless(&error.to_string())).with_help(error.help())
}

fn of_manifest(error: &ManifestError, folder: Option<&Path>) -> CliError {
    let text = &error.source_text;
    let file = folder.map_or_else(|| "vxor.toml".into(), |folder| folder.join("vxor.toml"));
    let primary = error.place.clone().map(|place| {
        let before = text.get(..place.start).unwrap_or(text);
        let line = before.rsplit_once('\n').map_or(before, |(_, line)| line);
        let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        let span = Span {
            start: number(before.len()),
            end: number(place.end.clamp(before.len(), text.len())),
            line: number(before.matches('\n').count() + 1),
            column: number(line.chars().count() + 1),
        };
        Label { span, text: String::new() }
    });
    let diagnostic = Diagnostic {
        file: file.display().to_string(),
        primary,
        help: Some(error.help.clone()),
        ..Diagnostic::error(codes::BAD_MODULE, error.message.clone())
    };
    CliError::of_program(Exit::Usage, vec![diagnostic], Some(Arc::clone(text)))
}
