//! `nexus mcode`: programs as text. Only `plan --native` runs them.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use nexus_model::{Diagnostic, JitLevel};
use serde::Serialize;

use super::argument::Binding;
use super::error::{CliError, Exit};
use super::language::{Language, View};
use super::mcode_doc::{self, DocArgs};
use super::mcode_format::{self, FormatArgs};
use super::program::{Source, level_of_compilation};
use crate::output::json::{ErrorFacts, document};
use crate::output::{Console, diagnostic};

/// Check and print programs.
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
    /// Put programs into the one layout; comments stay
    #[command(after_help = "Examples:\n  nexus mcode fmt *.mcode\n  nexus mcode fmt --check *.mcode")]
    Fmt(FormatArgs),
    /// Show the library: everything, one entry, or what a word finds
    #[command(
        after_help = "Examples:\n  nexus mcode doc linalg.svd\n  nexus mcode doc random\n  nexus mcode doc --json"
    )]
    Doc(DocArgs),
    /// Print the intermediate representation
    #[command(after_help = "Examples:\n  nexus mcode ir pca.mcode\n  nexus mcode ir pca.mcode --jit 1")]
    Ir {
        /// The program
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// As it runs at this level of compilation: 0 as it is written, 1 and 2 optimised
        #[arg(long, value_name = "LEVEL", default_value = "0", value_parser = level_of_compilation())]
        jit: JitLevel,
    },
    /// Print which tensor operations run together, and what the optimiser did
    #[command(
        after_help = "Examples:\n  nexus mcode plan attention.mcode\n  nexus mcode plan --native mandelbrot.mcode --arg n=200"
    )]
    Plan {
        /// The program
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// At this level of compilation
        #[arg(long, value_name = "LEVEL", default_value = "2", value_parser = level_of_compilation())]
        jit: JitLevel,
        /// Run the program at level 2 and print the machine code that was made, for which types, and what was left to the
        /// register machine, and why; what the program itself prints is left out
        #[arg(long, conflicts_with = "jit")]
        native: bool,
        /// Give a parameter of the program a value
        #[arg(long = "arg", short = 'a', value_name = "NAME=VALUE", requires = "native")]
        arguments: Vec<Binding>,
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
        McodeVerb::Ast { file } => printed(file, console, |source| language.tree(&source.file(), &source.text)),
        McodeVerb::Fmt(args) => mcode_format::format(args, language, console),
        McodeVerb::Doc(args) => mcode_doc::doc(args, &language.library(), console),
        McodeVerb::Ir { file, jit } => shown(file, language, console, View::Code(*jit)),
        McodeVerb::Plan { file, native: true, arguments, .. } => printed(file, console, |source| {
            let value = |Binding { name, text }: &Binding| (name.clone(), language.argument(text));
            language.native(&source.file(), &source.text, source.folder(), arguments.iter().map(value).collect())
        }),
        McodeVerb::Plan { file, jit, .. } => shown(file, language, console, View::Plan(*jit)),
    }
}

fn shown(file: &Path, language: &impl Language, console: &mut Console, view: View) -> Result<(), CliError> {
    printed(file, console, |source| language.intermediate(&source.file(), &source.text, Some(source.folder()), view))
}

fn check(files: &[PathBuf], language: &impl Language, console: &mut Console) -> Result<(), CliError> {
    let mut warnings: Vec<ErrorFacts> = Vec::new();
    let mut broken: Option<CliError> = None;
    for file in files {
        let source = Source::read(file)?;
        match language.check(&source.file(), &source.text, Some(source.folder())) {
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

pub(super) fn invalid(found: Vec<Diagnostic>, source: &Source) -> CliError {
    CliError::of_program(Exit::ProgramFailed, found, Some(source.text.clone()))
}

fn printed(
    file: &Path,
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
