//! `nexus timeline`: timelines that branch, are checked, mended, forecast and planned on.
//!
//! They live in the data folder and need no node; those of another node are asked for by messages (`far.rs`), and the
//! lives of jobs and nodes of the cluster (`life.rs`). What decides is `nexus-echo`; this is words in and words out.

pub(crate) mod answers;
pub(crate) mod bridge;
mod changes;
pub(crate) mod far;
mod future;
#[cfg(test)]
mod tests;
pub(crate) mod verbs;

use std::path::{Path, PathBuf};

use clap::Args;
use nexus_actors::timelines::{StoreError, TimelineStore};
use nexus_echo::{EchoError, Edit, Timeline};
use serde_json::json;

use self::verbs::{FormatWord, TimelineVerb, text};
use super::codes;
use super::error::{CliError, Exit};
use super::life::{Form, Subject, Wanted};
use crate::output::Console;
use crate::output::json::document;

/// Keep timelines: branch, check, mend, forecast and plan
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  nexus timeline import examples/launch.json
  nexus timeline show launch
  nexus timeline forecast launch
  nexus timeline plan launch
  nexus timeline fork launch cheaper
  nexus timeline show 17
  nexus timeline list --at-node studio

docs/timelines.md has the whole story.")]
pub(crate) struct TimelineArgs {
    #[command(subcommand)]
    pub(crate) verb: TimelineVerb,
    /// Of the timelines that this node of the cluster keeps
    #[arg(long, global = true, value_name = "NODE")]
    pub(crate) at_node: Option<String>,
}

impl TimelineArgs {
    /// Whose life is to be shown, if it is one that the cluster has: a job, or a node by a name that no kept timeline has.
    pub(crate) fn life(&self, data: &Path) -> Option<(Subject, Wanted)> {
        let (name, form, range) = match &self.verb {
            TimelineVerb::Show { name, at: None, svg: None, range } => (name, Form::Chart, range),
            TimelineVerb::Show { name, at: None, svg, range } => {
                (name, Form::Written(FormatWord::Svg, svg.clone()), range)
            }
            TimelineVerb::Export { name, at: None, format, output, range } => {
                (name, Form::Written(*format, output.clone()), range)
            }
            _ => return None,
        };
        let wanted = Wanted { form, range: *range };
        let is_kept = || TimelineStore::read(data).and_then(|store| store.names()).is_ok_and(|all| all.contains(name));
        match Subject::of(name) {
            Some(subject) => Some((subject, wanted)),
            None if is_kept() => None,
            None => Some((Subject::Node(name.clone()), wanted)),
        }
    }

    /// Whether the answer is in this machine's data folder, for all that the words say.
    pub(crate) fn is_local(&self, data: &Path) -> bool {
        self.at_node.is_none() && self.life(data).is_none()
    }
}

impl From<StoreError> for CliError {
    fn from(error: StoreError) -> Self {
        let (exit, help) = match &error {
            StoreError::Echo(error) => (Exit::Usage, help(error)),
            StoreError::Disk { .. } | StoreError::Damaged { .. } => (Exit::Unreachable, None),
        };
        CliError { help: help.map(ToOwned::to_owned), ..CliError::new(exit, error.code(), error.to_string()) }
    }
}

impl From<EchoError> for CliError {
    fn from(error: EchoError) -> Self {
        StoreError::from(error).into()
    }
}

fn help(error: &EchoError) -> Option<&'static str> {
    match error {
        EchoError::NoSuchTimeline { near: None, .. } => Some("`nexus timeline list` lists them"),
        EchoError::NoSuchEvent { near: None, .. } => Some("`nexus timeline show NAME` lists its events"),
        EchoError::NoSuchPosition { .. } | EchoError::NoSuchSnapshot { .. } => {
            Some("`nexus timeline log NAME` lists positions and snapshots")
        }
        EchoError::NotRelated(..) => Some("fork one of them from the other: `nexus timeline fork NAME NEW`"),
        EchoError::BadJson { .. } => Some("docs/timelines.md has the format"),
        _ => None,
    }
}

/// Runs the verb on the timelines of a data folder.
pub(crate) fn timeline(args: &TimelineArgs, data: &Path, console: &mut Console) -> Result<(), CliError> {
    timeline_with(&args.verb, &Opened { data, far: None }, console)
}

fn timeline_with(verb: &TimelineVerb, open: &Opened, console: &mut Console) -> Result<(), CliError> {
    match verb {
        TimelineVerb::List => answers::list(open, console),
        TimelineVerb::Create { name, kind } => changes::create(open, &Timeline::new(name, (*kind).into()), console),
        TimelineVerb::Import { file, name } => changes::import(open, file, name.as_deref(), console),
        TimelineVerb::Append(event) => changes::append(open, event, console),
        TimelineVerb::Link(trigger) => changes::link(open, trigger, console),
        TimelineVerb::Edit(edit) => changes::edit(open, edit, console),
        TimelineVerb::Fork { name, branch, at, kind } => {
            changes::fork(open, name, branch, at.as_deref(), (*kind).into(), console)
        }
        TimelineVerb::Snapshot { name, snapshot } => {
            let edit = Edit::Snapshot { name: snapshot.clone() };
            open.change(name, [edit]).map(|timeline| changes::told(&timeline, console))
        }
        TimelineVerb::Rollback { name, to } => {
            let to = position(&open.load(name)?, to)?;
            open.change(name, [Edit::Rollback { to }]).map(|timeline| changes::told(&timeline, console))
        }
        TimelineVerb::Merge { name, branch, prefer, dry_run } => {
            changes::merge(open, [name, branch], (*prefer).into(), *dry_run, console)
        }
        TimelineVerb::Branches { name, svg, dot } => {
            answers::branches(open, name.as_deref(), (svg.as_deref(), dot.as_deref()), console)
        }
        TimelineVerb::Diff { first, second } => answers::diff(&open.load(first)?, &open.load(second)?, console),
        TimelineVerb::Check { name } => answers::check(&open.load(name)?, console),
        TimelineVerb::Repair { name, apply } => changes::repair(open, name, *apply, console),
        TimelineVerb::Show { name, at, svg, range } => {
            let timeline = open.load_at(name, at.as_deref())?;
            let range = range.of(&timeline, console)?;
            match svg {
                Some(path) => exported(&text(&timeline, range, FormatWord::Svg), Some(path), console),
                None => answers::show(&timeline, range, console),
            }
        }
        TimelineVerb::Log { name } => answers::log(&open.load(name)?, console),
        TimelineVerb::Causes { name, event } => answers::relatives(&open.load(name)?, event, true, console),
        TimelineVerb::Effects { name, event } => answers::relatives(&open.load(name)?, event, false, console),
        TimelineVerb::Paths { name, from, to } => answers::paths(&open.load(name)?, [from, to], console),
        TimelineVerb::Forecast(args) => future::forecast(&open.load(&args.name)?, args, console),
        TimelineVerb::Plan(args) => future::plan(&open.load(&args.name)?, args, console),
        TimelineVerb::Beliefs(args) => bridge::beliefs(&open.load(&args.name)?, args, console),
        TimelineVerb::Advise(args) => bridge::advise(&open.load(&args.name)?, args, console),
        TimelineVerb::Model(args) => bridge::model(&open.load(&args.name)?, args, console),
        TimelineVerb::Export { name, format, output, at, range } => {
            let timeline = open.load_at(name, at.as_deref())?;
            let range = range.of(&timeline, console)?;
            exported(&text(&timeline, range, *format), output.as_deref(), console)
        }
    }
}

/// Where the timelines are.
struct Opened<'a> {
    data: &'a Path,
    /// Those of another node that were fetched; then none of this machine's is meant.
    far: Option<&'a far::Far>,
}

impl Opened<'_> {
    fn load(&self, name: &str) -> Result<Timeline, CliError> {
        if let Some(far) = self.far {
            let missing = || EchoError::NoSuchTimeline { name: name.to_owned(), near: None }.into();
            return far.timelines.get(name).cloned().ok_or_else(missing);
        }
        Ok(TimelineStore::read(self.data)?.load(name)?)
    }

    /// The timeline as of a position or snapshot.
    fn load_at(&self, name: &str, at: Option<&str>) -> Result<Timeline, CliError> {
        let timeline = self.load(name)?;
        let Some(at) = at else { return Ok(timeline) };
        let at = position(&timeline, at)?;
        Ok(timeline.fork(name, timeline.kind(), Some(at))?)
    }

    /// Does edits, all or none, and keeps them.
    fn change(&self, name: &str, edits: impl IntoIterator<Item = Edit>) -> Result<Timeline, CliError> {
        let store = TimelineStore::write(self.data)?;
        let mut timeline = store.load(name)?;
        let before = timeline.len();
        timeline.apply_all(edits)?;
        store.append(&timeline, before)?;
        Ok(timeline)
    }

    fn create(&self, timeline: &Timeline) -> Result<(), CliError> {
        Ok(TimelineStore::write(self.data)?.create(timeline)?)
    }
}

/// A position by number or by the name of a snapshot.
fn position(timeline: &Timeline, at: &str) -> Result<u64, CliError> {
    match at.parse() {
        Ok(position) if position <= timeline.len() => Ok(position),
        Ok(position) => {
            let (timeline, length) = (timeline.name().to_owned(), timeline.len());
            Err(EchoError::NoSuchPosition { timeline, position, length }.into())
        }
        Err(_) => Ok(timeline.snapshot(at)?),
    }
}

/// Writes to a file, or as the answer.
pub(crate) fn exported(text: &str, output: Option<&Path>, console: &mut Console) -> Result<(), CliError> {
    let Some(path) = output else {
        console.answer(&format!("{}\n", text.trim_end_matches('\n')));
        return Ok(());
    };
    std::fs::write(path, text).map_err(|error| {
        CliError::new(Exit::Usage, codes::BAD_OUTPUT, format!("{} cannot be written: {error}", path.display()))
    })?;
    if console.is_json() {
        console.answer(&document(&json!({"file": path, "bytes": text.len()})));
    } else {
        console.say(&format!("written to {}", path.display()));
    }
    Ok(())
}

/// The bytes of a file of a timeline, or of stdin for `-`.
fn read(path: &PathBuf) -> Result<Vec<u8>, CliError> {
    let bytes = if path.as_os_str() == "-" {
        let mut bytes = Vec::new();
        std::io::Read::read_to_end(&mut std::io::stdin().lock(), &mut bytes).map(|_| bytes)
    } else {
        std::fs::read(path)
    };
    bytes.map_err(|error| {
        CliError::new(Exit::Usage, codes::UNREADABLE_FILE, format!("{} cannot be read: {error}", path.display()))
    })
}
