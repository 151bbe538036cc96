//! `nexus mcode`: programs as text, without running them.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use nexus_model::Diagnostic;
use serde::Serialize;

use super::codes;
use super::error::{CliError, Exit};
use super::language::Language;
use super::program::Source;
use crate::output::json::{ErrorFacts, document};
use crate::output::{Console, diagnostic};

/// Check, print or format programs.
#[derive(Debug, Clone, Args)]
pub(crate) struct McodeArgs {
    #[command(subcommand)]
    verb: McodeVerb,
}

#[derive(Debug, Clone, Subcommand)]
enum McodeVerb {
    /// Check programs without running them
    #[command(after_help = "Examples:\n  nexus mcode check pca.mcode\n  nexus mcode check *.mcode --json")]
    Check {
        /// The programs
        #[arg(value_name = "FILE", required = true)]
        files: Vec<PathBuf>,
    },
    /// Print the syntax tree
    #[command(after_help = "Example:\n  nexus mcode ast pca.mcode")]
    Ast {
        /// The program
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    /// Print the typed intermediate representation
    #[command(after_help = "Example:\n  nexus mcode ir pca.mcode")]
    Ir {
        /// The program
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    /// Format a program: to stdout, or in place with --write
    #[command(
        after_help = "Examples:\n  nexus mcode fmt pca.mcode\n  nexus mcode fmt --write *.mcode\n  nexus mcode fmt --check *.mcode"
    )]
    Fmt {
        /// The programs
        #[arg(value_name = "FILE", required = true)]
        files: Vec<PathBuf>,
        /// Change the files
        #[arg(long, short = 'w', conflicts_with = "check")]
        write: bool,
        /// Only say which files would change; exit code 1 if any would
        #[arg(long)]
        check: bool,
    },
}

#[derive(Debug, Serialize)]
struct CheckDocument {
    files: usize,
    warnings: Vec<ErrorFacts>,
}

#[derive(Debug, Serialize)]
struct TextDocument<'a> {
    file: &'a str,
    text: &'a str,
}

/// Runs the verb.
pub(crate) fn mcode(args: &McodeArgs, language: &impl Language, console: &mut Console) -> Result<(), CliError> {
    match &args.verb {
        McodeVerb::Check { files } => check(files, language, console),
        McodeVerb::Ast { file } => printed(file, console, |source| language.syntax_tree(&source.file(), &source.text)),
        McodeVerb::Ir { file } => printed(file, console, |source| language.intermediate(&source.file(), &source.text)),
        McodeVerb::Fmt { files, write, check } => {
            let mut unformatted = Vec::new();
            for file in files {
                if !*write && !*check {
                    printed(file, console, |source| language.format(&source.file(), &source.text))?;
                } else if formatted(file, *write, language)? {
                    console.say(&format!("{} {}", if *write { "formatted" } else { "differs:" }, file.display()));
                    unformatted.push(file.display().to_string());
                }
            }
            if *check && !unformatted.is_empty() {
                let message = format!("not formatted: {}", unformatted.join(", "));
                return Err(CliError::new(Exit::ProgramFailed, codes::NOT_FORMATTED, message)
                    .with_help("`nexus mcode fmt --write FILE` formats it"));
            }
            Ok(())
        }
    }
}

fn check(files: &[PathBuf], language: &impl Language, console: &mut Console) -> Result<(), CliError> {
    let mut warnings: Vec<ErrorFacts> = Vec::new();
    let mut broken: Option<CliError> = None;
    for file in files {
        let source = Source::read(file)?;
        match language.check(&source.file(), &source.text) {
            Ok(found) => {
                warnings.extend(found.iter().map(ErrorFacts::of));
                if !console.is_json() {
                    console.say_raw(&diagnostic::all_drawn(&found, Some(&source.text)));
                }
            }
            Err(found) => {
                let error = invalid(found, &source);
                // All files are checked; the first broken one gives the exit code and the document.
                if let Some(earlier) = broken.replace(error) {
                    if console.is_json() {
                        broken = Some(earlier);
                    } else {
                        earlier.show(console);
                    }
                }
            }
        }
    }
    if let Some(error) = broken {
        return Err(error);
    }
    if console.is_json() {
        console.answer(&document(&CheckDocument { files: files.len(), warnings }));
    } else {
        let names: Vec<String> = files.iter().map(|file| file.display().to_string()).collect();
        console.say(&format!("{}: no errors", names.join(", ")));
    }
    Ok(())
}

fn invalid(found: Vec<Diagnostic>, source: &Source) -> CliError {
    CliError::of_program(Exit::ProgramFailed, found, Some(source.text.clone()))
}

fn printed(
    file: &std::path::Path,
    console: &mut Console,
    text: impl Fn(&Source) -> Result<String, Vec<Diagnostic>>,
) -> Result<(), CliError> {
    let source = Source::read(file)?;
    let mut text = text(&source).map_err(|found| invalid(found, &source))?;
    if console.is_json() {
        console.answer(&document(&TextDocument { file: &source.file(), text: &text }));
        return Ok(());
    }
    if !text.ends_with('\n') {
        text.push('\n');
    }
    console.answer(&text);
    Ok(())
}

/// Whether the file differs from its formatted text; with `write`, it does not any more.
fn formatted(file: &std::path::Path, write: bool, language: &impl Language) -> Result<bool, CliError> {
    let source = Source::read(file)?;
    let text = language.format(&source.file(), &source.text).map_err(|found| invalid(found, &source))?;
    let differs = text != *source.text;
    if differs && write {
        std::fs::write(file, &text).map_err(|error| {
            let message = format!("{} cannot be written: {error}", file.display());
            CliError::new(Exit::Usage, codes::BAD_OUTPUT, message)
        })?;
    }
    Ok(differs)
}
