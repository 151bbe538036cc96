//! `nexus profile`: where a program's time goes, and what to change; and `--profile` of `nexus run`.

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};

use clap::Args;
use nexus_actors::{Optimize, ProfileSink, RunProfile};

use super::error::{CliError, Exit};
use super::language::Language;
use super::profile_shown::{self, ProfileDocument};
use super::program::{ProgramFlags, Source, checked};
use super::run::{Interrupted, RunOptions, Runtime};
use super::{codes, files};
use crate::output::Console;
use crate::output::json::document;

/// Run a program and show where its time goes.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  nexus profile pca.mcode
  nexus profile train.mcode --arg epochs=3 --format svg --output flame.svg
  nexus profile price.mcode --jit 0 --json")]
pub(crate) struct ProfileArgs {
    /// The program
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    program: ProgramFlags,
    /// text, json, folded (stacks), svg (a flame graph) or trace (for Chrome and Perfetto)
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
    /// Write it to a file
    #[arg(long, short = 'o', value_name = "FILE")]
    output: Option<PathBuf>,
}

/// How a profile is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// The table.
    Text,
    /// One document.
    Json,
    /// Folded stacks.
    Folded,
    /// A flame graph.
    Svg,
    /// Single calls in the Trace Event Format.
    Trace,
}

impl FromStr for Format {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "text" => Ok(Format::Text),
            "json" => Ok(Format::Json),
            "folded" => Ok(Format::Folded),
            "svg" => Ok(Format::Svg),
            "trace" => Ok(Format::Trace),
            _ => Err("it is text, json, folded, svg or trace".to_owned()),
        }
    }
}

/// `svg`, or `svg=flame.svg`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ProfileRequest {
    format: Format,
    file: Option<PathBuf>,
}

impl FromStr for ProfileRequest {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            Some((_, "")) => Err("write the file behind the second `=`, like svg=flame.svg".to_owned()),
            Some((format, file)) => Ok(ProfileRequest { format: format.parse()?, file: Some(PathBuf::from(file)) }),
            None => Ok(ProfileRequest { format: text.parse()?, file: None }),
        }
    }
}

impl ProfileRequest {
    /// Whether the profile would go where the answer as one document goes.
    pub(crate) fn check(&self, console: &Console) -> Result<(), CliError> {
        if console.is_json() && self.file.is_none() && self.format != Format::Text {
            let message = "--json prints one document on stdout, and the profile would be another".to_owned();
            let error = CliError::new(Exit::Usage, codes::USAGE, message);
            return Err(error.with_help("write the profile to a file, like --profile=json=profile.json"));
        }
        self.file.as_deref().map_or(Ok(()), files::check_place)
    }

    /// Where profiles go, when they are asked for here or by the program itself.
    pub(crate) fn sink(request: Option<&ProfileRequest>, text: &str) -> Option<ProfileSink> {
        (request.is_some() || nexus_mcode::mentions_attribute(text, "profile"))
            .then(|| Arc::new(Mutex::new(Vec::new())))
    }
}

/// Shows what a run handed over: as it was asked for, or as a table for a program that asked itself.
pub(crate) fn show(
    request: Option<&ProfileRequest>,
    profiles: &ProfileSink,
    name: &str,
    console: &mut Console,
) -> Result<(), CliError> {
    let profiles = std::mem::take(&mut *profiles.lock().unwrap_or_else(PoisonError::into_inner));
    let (format, file) = request.map_or((Format::Text, None), |request| (request.format, request.file.as_deref()));
    for profile in &profiles {
        // Of several tasks the table says which; a file holds one of them.
        if profiles.len() > 1 && format == Format::Text {
            console.say(&format!("task {}", profile.task));
        }
        match format {
            // The answer on stdout is the program's.
            Format::Text if file.is_none() => console.say(&profile_shown::titled(profile)),
            _ => {
                write(profile, format, file, name, console)?;
                break;
            }
        }
    }
    Ok(())
}

fn write(
    profile: &RunProfile,
    format: Format,
    file: Option<&Path>,
    name: &str,
    console: &mut Console,
) -> Result<(), CliError> {
    let text = match format {
        Format::Text => profile.text(),
        Format::Json => document(&ProfileDocument::of(profile)),
        Format::Folded => profile.calls.folded(),
        Format::Svg => profile.calls.flame_graph(name),
        Format::Trace => profile.calls.trace(),
    };
    match file {
        None => console.answer(&text),
        Some(path) => {
            std::fs::write(path, &text).map_err(|error| {
                let message = format!("the profile cannot be written to {}: {error}", path.display());
                CliError::new(Exit::Usage, codes::BAD_OUTPUT, message)
            })?;
            console.say(&format!("profile written to {}", path.display()));
        }
    }
    Ok(())
}

/// Runs the verb.
pub(crate) fn profile(
    args: &ProfileArgs,
    world: &(impl Runtime + Language),
    console: &mut Console,
    interrupted: Interrupted,
) -> Result<(), CliError> {
    let is_text = matches!(args.format, Format::Text | Format::Json);
    if console.is_json() && args.output.is_none() && !is_text {
        let message = "--json prints one document on stdout, which the asked format is not";
        let help = "leave out --json or --format, or write the profile to a file with --output FILE";
        return Err(CliError::new(Exit::Usage, codes::USAGE, message).with_help(help));
    }
    args.output.as_deref().map_or(Ok(()), files::check_place)?;
    let source = Source::read(&args.file)?;
    let invalid = |found| CliError::of_program(Exit::ProgramFailed, found, Some(source.text.clone()));
    world.check(&source.file(), &source.text, Some(source.folder())).map_err(invalid)?;
    let spec = args.program.spec(source.name(), source.program(), console, |text| world.argument(text))?;
    let sink: ProfileSink = Arc::new(Mutex::new(Vec::new()));
    let options = RunOptions {
        inputs: args.program.read_inputs()?,
        slots: None,
        files_root: source.folder().to_owned(),
        // What the program prints is not what was asked for here.
        print: Box::new(|_| {}),
        progress: Box::new(|_| {}),
        optimize: Optimize::OnRequest,
        learned: None,
        profiles: Some(Arc::clone(&sink)),
        check_finite: false,
    };
    let finished = world.run(checked(spec)?, options, interrupted)?;
    super::run::fail_of(&finished, &source)?;
    let profiles = std::mem::take(&mut *sink.lock().unwrap_or_else(PoisonError::into_inner));
    let Some(profile) = profiles.first() else { return Err(super::cluster::unexpected()) };
    let format = if console.is_json() && args.format == Format::Text { Format::Json } else { args.format };
    if format == Format::Text && args.output.is_none() {
        console.say(&profile_shown::heading(profile, &source.name()));
        console.answer(&profile.text());
        profile_shown::advice(profile).iter().for_each(|advice| console.say(advice));
        return Ok(());
    }
    write(profile, format, args.output.as_deref(), &source.name(), console)
}
