//! `nexus mcode fmt`: programs in the one layout.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use super::error::{CliError, Exit};
use super::language::Language;
use super::mcode::invalid;
use super::program::Source;
use super::{codes, files};
use crate::output::json::document;
use crate::output::{Console, units};

/// What is formatted.
#[derive(Debug, Clone, Args)]
pub(crate) struct FormatArgs {
    /// The programs
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// Write nothing: name the files that would change, and fail if there are any
    #[arg(long)]
    check: bool,
    /// Print the formatted program instead of writing it
    #[arg(long, conflicts_with = "check")]
    stdout: bool,
}

#[derive(Debug, Serialize)]
struct FormatDocument {
    files: usize,
    changed: Vec<String>,
}

/// Runs the verb. A file with an error is left as it is; the others are formatted.
pub(crate) fn format(args: &FormatArgs, language: &impl Language, console: &mut Console) -> Result<(), CliError> {
    let mut changed = Vec::new();
    let mut broken: Option<CliError> = None;
    for file in &args.files {
        let source = Source::read(file)?;
        let text = match language.formatted(&source.text) {
            Ok(text) => text,
            Err(mut found) => {
                found.iter_mut().for_each(|diagnostic| diagnostic.file = source.file());
                let error = invalid(found, &source);
                match &broken {
                    Some(_) if !console.is_json() => error.show(console),
                    Some(_) => {}
                    None => broken = Some(error),
                }
                continue;
            }
        };
        if args.stdout {
            console.answer(&text);
        }
        if *text == *source.text {
            continue;
        }
        changed.push(source.file());
        if !args.check && !args.stdout {
            files::whole(file, text.as_bytes())?;
        }
    }
    match broken {
        Some(error) => Err(error),
        None if args.stdout => Ok(()),
        None => report(args, changed, console),
    }
}

fn report(args: &FormatArgs, changed: Vec<String>, console: &mut Console) -> Result<(), CliError> {
    let count = units::count(changed.len() as u64, "file");
    if args.check && !changed.is_empty() {
        let message = format!("{count} would change: {}", changed.join(", "));
        return Err(CliError::new(Exit::ProgramFailed, codes::NOT_FORMATTED, message)
            .with_help("`nexus mcode fmt FILE` writes them"));
    }
    if console.is_json() {
        console.answer(&document(&FormatDocument { files: args.files.len(), changed }));
    } else if changed.is_empty() {
        console.say("nothing to change");
    } else {
        console.say(&format!("{count} formatted: {}", changed.join(", ")));
    }
    Ok(())
}
