//! Which options of `nexus submit` fit what is submitted. A graph of tasks says in its file what it wants, a command takes
//! nothing of what describes a program, nor the other way round; what does not fit is refused and not passed over.

use std::path::Path;

use clap::parser::ValueSource;
use clap::{ArgMatches, Args, Command, FromArgMatches};

use super::error::{CliError, Exit};
use super::{codes, graph_file};

/// The options that stood on the command line, whatever their values, by their names in the reader.
#[derive(Debug, Clone, Default)]
pub(super) struct Typed(Vec<String>);

impl FromArgMatches for Typed {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let is_typed = |id: &str| matches.value_source(id) == Some(ValueSource::CommandLine);
        Ok(Typed(matches.ids().map(clap::Id::as_str).filter(|id| is_typed(id)).map(str::to_owned).collect()))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Typed::from_arg_matches(matches)?;
        Ok(())
    }
}

impl Args for Typed {
    fn augment_args(command: Command) -> Command {
        command
    }

    fn augment_args_for_update(command: Command) -> Command {
        command
    }
}

/// What is submitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Work {
    Graph,
    Program,
    Command,
}

/// How an option of a graph is written.
enum InGraph {
    /// On the command line, as for any job.
    Option,
    /// Under this key of a task in the file.
    Key(&'static str),
    /// Otherwise: what to do.
    Otherwise(&'static str),
}

/// What an option is about, where it is not about every job.
enum About {
    Everything,
    /// Programs; for a command, what to do instead.
    Programs(&'static str),
    /// Commands; for a program, what to do instead.
    Commands(&'static str),
}

use About::{Commands, Everything, Programs};
use InGraph::{Key, Option as Typable, Otherwise};

const ALONE: &str = "submit the program of that task by itself";
const AGAIN: &str = "a schedule submits a program or a command, not a graph of tasks";
const OWN_FOLDER: &str = "--cwd and --env are for commands, after `--`";

/// Every option.
const OPTIONS: &[(&str, InGraph, About)] = &[
    ("file", Typable, Everything),
    ("command", Typable, Everything),
    ("key", Typable, Everything),
    ("wait", Typable, Everything),
    ("follow", Typable, Everything),
    ("arguments", Key("args"), Programs("write arguments behind the command, after `--`, or give --env NAME=VALUE")),
    ("inputs", Key("inputs"), Programs("a command reads files by itself: write a path that the nodes have behind it")),
    ("take", Key("inputs"), Programs("a command is not given results: wait with --after JOB, then `nexus job result`")),
    ("array", Key("array"), Everything),
    ("device", Otherwise(ALONE), Programs("--gpu N gives a command a graphics processor")),
    ("seed", Key("seed"), Programs("give a command its seed behind it, or with --env SEED=7")),
    ("jit", Key("jit"), Programs("a command is not compiled: leave it out")),
    ("limits", Otherwise(ALONE), Programs("--timeout ends a command that runs too long, --memory asks for room")),
    ("name", Otherwise("write name = \"…\" above the first task of the file"), Everything),
    ("priority", Key("priority"), Everything),
    ("max_attempts", Key("retries"), Everything),
    ("retries", Key("retries"), Everything),
    ("backoff", Key("backoff"), Everything),
    ("after", Key("after"), Everything),
    ("delay", Key("delay"), Everything),
    ("deadline", Key("deadline"), Everything),
    ("schedule", Otherwise(AGAIN), Everything),
    ("utc_offset", Otherwise(AGAIN), Everything),
    ("timeout", Key("timeout"), Everything),
    ("cpus", Key("cpus"), Everything),
    ("memory", Key("memory"), Everything),
    ("gpu", Key("gpu"), Everything),
    ("require", Key("require"), Everything),
    ("prefer", Key("prefer"), Everything),
    ("copies", Key("copies"), Everything),
    ("reuse", Key("reuse"), Everything),
    ("pure", Key("pure"), Everything),
    ("env", Key("env"), Commands(OWN_FOLDER)),
    ("cwd", Key("cwd"), Commands(OWN_FOLDER)),
];

/// The option as it is typed.
fn option(id: &str) -> String {
    match id {
        "arguments" => "--arg".to_owned(),
        "inputs" => "--input".to_owned(),
        _ => format!("--{}", id.replace('_', "-")),
    }
}

impl Typed {
    /// Refuses what was typed and does not fit, all of it at once.
    pub(super) fn check(&self, work: Work, file: Option<&Path>) -> Result<(), CliError> {
        let typed = OPTIONS.iter().filter(|(id, ..)| self.0.iter().any(|typed| typed == id));
        let unfit: Vec<(String, String)> =
            typed.filter_map(|(id, in_graph, about)| Some((option(id), instead(work, in_graph, about)?))).collect();
        if unfit.is_empty() {
            return Ok(());
        }
        let options: Vec<&str> = unfit.iter().map(|(option, _)| option.as_str()).collect();
        let file = file.map(|file| file.display().to_string()).unwrap_or_default();
        let what = match work {
            Work::Graph => format!("{file} is a graph of tasks, which says in the file what it wants: it takes no"),
            Work::Program => format!("{file} is a program, which takes no"),
            Work::Command => "a command takes no".to_owned(),
        };
        let message = format!("{what} {}", options.join(", "));
        let mut help: Vec<String> = Vec::new();
        for (option, instead) in &unfit {
            let line = if unfit.len() == 1 { instead.clone() } else { format!("{option}: {instead}") };
            if !help.contains(&line) {
                help.push(line);
            }
        }
        Err(CliError::new(Exit::Usage, codes::USAGE, message).with_help(help.join("; ")))
    }
}

/// What to do instead of giving the option; nothing where it fits.
fn instead(work: Work, in_graph: &InGraph, about: &About) -> Option<String> {
    match (work, in_graph, about) {
        (Work::Graph, Typable, _) => None,
        (Work::Graph, Key(key), _) => Some(format!("write {} under [task.NAME]", graph_file::written(key))),
        (Work::Graph, Otherwise(help), _) => Some((*help).to_owned()),
        (Work::Command, _, Programs(help)) | (Work::Program, _, Commands(help)) => Some((*help).to_owned()),
        (Work::Command | Work::Program, _, _) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::submit::SubmitArgs;

    #[test]
    fn every_option_of_submit_is_listed_as_it_is_typed() {
        let command = SubmitArgs::augment_args(Command::new("submit"));
        let mut options: Vec<&str> = Vec::new();
        for argument in command.get_arguments() {
            let id = argument.get_id().as_str();
            if let Some(long) = argument.get_long() {
                assert_eq!(option(id), format!("--{long}"));
            }
            options.push(id);
        }
        let mut listed: Vec<&str> = OPTIONS.iter().map(|(id, ..)| *id).collect();
        options.sort_unstable();
        listed.sort_unstable();
        assert_eq!(listed, options, "OPTIONS says of each option what of it a graph, a program and a command take");
        for (id, in_graph, _) in OPTIONS {
            if let Key(key) = in_graph {
                assert!(!graph_file::written(key).is_empty(), "{id}");
            }
        }
    }
}
