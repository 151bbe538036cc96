//! The verbs of `nexus timeline` that change something.

use std::path::PathBuf;
use std::sync::Arc;

use clap::ValueEnum as _;
use nexus_actors::timelines::{StoreError, TimelineStore};
use nexus_echo::repair::{Weights, repairs};
use nexus_echo::{
    Clash, Document, EchoError, Edit, Merge, Preference, TimeNode, Timeline, TimelineKind, Trigger, TriggerKind,
    parse_edits,
};
use serde_json::json;

use super::verbs::{EditArgs, EventArgs, TriggerArgs, TriggerWord};
use super::{Opened, read};
use crate::cli::codes;
use crate::cli::error::{CliError, Exit};
use crate::output::json::document;
use crate::output::{Console, units};

/// Proposals that are shown.
const PROPOSALS: usize = 3;

/// Says how the timeline is after a change.
pub(super) fn told(timeline: &Timeline, console: &mut Console) {
    let state = timeline.state();
    if console.is_json() {
        let (events, triggers, head) = (state.events(), state.triggers(), timeline.head());
        console.answer(&document(&json!({
            "timeline": timeline.name(), "position": timeline.len(), "events": events, "triggers": triggers, "head": head,
        })));
    } else {
        console.say(&format!(
            "{}: {}, {}, position {}",
            timeline.name(),
            units::count(state.events() as u64, "event"),
            units::count(state.triggers() as u64, "trigger"),
            timeline.len()
        ));
    }
}

pub(super) fn create(open: &Opened, timeline: &Timeline, console: &mut Console) -> Result<(), CliError> {
    let name = timeline.name();
    if name.is_empty() || name.trim_start_matches("job-").bytes().all(|byte| byte.is_ascii_digit()) {
        let message =
            format!("a timeline cannot be called \"{name}\": numbers are jobs, and a name has at least a letter");
        return Err(CliError::new(Exit::Usage, codes::USAGE, message).with_help("call it like `launch` or `plan-2`"));
    }
    open.create(timeline)?;
    told(timeline, console);
    Ok(())
}

pub(super) fn import(open: &Opened, file: &PathBuf, name: Option<&str>, console: &mut Console) -> Result<(), CliError> {
    create(open, &named_document(file, name)?.timeline()?, console)
}

/// The document of a file, under the name that it is to have.
pub(super) fn named_document(file: &PathBuf, name: Option<&str>) -> Result<Document, CliError> {
    let is_model = file.extension().is_some_and(|kind| kind == "bif" || kind == "toml");
    let mut document =
        if is_model { Document::of(&super::bridge::of_model(file)?) } else { Document::parse(&read(file)?)? };
    if let Some(name) = name {
        name.clone_into(&mut document.name);
    }
    if document.name.is_empty() {
        let message = format!("{} gives the timeline no name", file.display());
        return Err(CliError::new(Exit::Usage, codes::USAGE, message).with_help("add --as NAME"));
    }
    Ok(document)
}

/// The text of a file of edits.
pub(super) fn edits_text(file: &PathBuf) -> Result<String, CliError> {
    String::from_utf8(read(file)?)
        .map_err(|_| CliError::new(Exit::Usage, codes::NOT_TEXT, format!("{} is not UTF-8 text", file.display())))
}

pub(super) fn append(open: &Opened, args: &EventArgs, console: &mut Console) -> Result<(), CliError> {
    let mut node = TimeNode::new(&args.event, args.kind.into(), args.at);
    (node.probability, node.utility, node.late_cost_per_day) = (args.probability, args.utility, args.late_cost);
    let links = args.after.iter().map(|after| {
        let mut trigger = Trigger::new(after, TriggerKind::Enables, &args.event);
        trigger.delay = args.delay.unwrap_or_default();
        Edit::Link(Arc::new(trigger))
    });
    let edits: Vec<Edit> = std::iter::once(Edit::Append(Arc::new(node))).chain(links).collect();
    told(&open.change(&args.name, edits)?, console);
    Ok(())
}

pub(super) fn link(open: &Opened, args: &TriggerArgs, console: &mut Console) -> Result<(), CliError> {
    let mut trigger =
        Trigger::new(&args.from, args.kind.into(), &args.to).likely(args.probability).spread(args.spread());
    trigger.delay = args.delay.unwrap_or_default();
    told(&open.change(&args.name, [Edit::Link(Arc::new(trigger))])?, console);
    Ok(())
}

pub(super) fn edit(open: &Opened, args: &EditArgs, console: &mut Console) -> Result<(), CliError> {
    let edits = match (&args.file, &args.event, &args.cut[..]) {
        (Some(file), ..) => parse_edits(&edits_text(file)?)?,
        (None, _, [from, kind, to]) => {
            let word = TriggerWord::from_str(kind, true).map_err(|_| {
                let words = "causes, enables, prevents, excludes, informs, option";
                CliError::new(Exit::Usage, codes::USAGE, format!("`{kind}` is no kind of trigger")).with_help(words)
            })?;
            vec![Edit::Cut { from: from.clone(), kind: word.into(), to: to.clone() }]
        }
        (None, Some(event), _) => vec![changed(open, args, event)?],
        (None, None, _) => Vec::new(),
    };
    told(&open.change(&args.name, edits)?, console);
    Ok(())
}

/// The edit that the options ask for.
fn changed(open: &Opened, args: &EditArgs, event: &str) -> Result<Edit, CliError> {
    if args.remove {
        return Ok(Edit::Remove { event: event.to_owned() });
    }
    let timeline = open.load(&args.name)?;
    let place = nexus_echo::Graph::new(timeline.state()).place(event)?;
    let mut node = (*nexus_echo::Graph::new(timeline.state()).nodes[place as usize]).clone();
    node.timestamp = args.at.unwrap_or(node.timestamp);
    node.kind = args.kind.map_or(node.kind, Into::into);
    node.probability = args.probability.or(node.probability);
    node.utility = args.utility.unwrap_or(node.utility);
    node.late_cost_per_day = args.late_cost.unwrap_or(node.late_cost_per_day);
    Ok(Edit::Replace(Arc::new(node)))
}

pub(super) fn fork(
    open: &Opened,
    name: &str,
    branch: &str,
    at: Option<&str>,
    kind: TimelineKind,
    console: &mut Console,
) -> Result<(), CliError> {
    let parent = open.load(name)?;
    let at = at.map(|at| super::position(&parent, at)).transpose()?;
    create(open, &parent.fork(branch, kind, at)?, console)
}

pub(super) fn merge(
    open: &Opened,
    [name, branch]: [&String; 2],
    preference: Preference,
    dry_run: bool,
    console: &mut Console,
) -> Result<(), CliError> {
    let merge = Merge::plan(&open.load(name)?, &open.load(branch)?, preference)?;
    let clash = |clash: Clash| match clash {
        Clash::Contents => "changed differently on both",
        Clash::RemovedHere => "removed here, changed there",
        Clash::RemovedThere => "removed there, in use here",
        Clash::EndMissing => "needs an event that was removed here; left out",
    };
    if !dry_run {
        open.change(name, merge.edits.iter().cloned())?;
    }
    if console.is_json() {
        let conflicts: Vec<_> =
            merge.conflicts.iter().map(|c| json!({"what": c.what, "why": clash(c.clash)})).collect();
        console.answer(&document(&json!({
            "base": merge.base, "edits": merge.edits, "conflicts": conflicts, "done": !dry_run,
        })));
        return Ok(());
    }
    for conflict in &merge.conflicts {
        console.answer(&format!("conflict: {} — {}\n", conflict.what, clash(conflict.clash)));
    }
    let done = if dry_run { "would be done" } else { "done" };
    console.say(&format!(
        "{} since position {} {done}, {}",
        units::count(merge.edits.len() as u64, "edit"),
        merge.base,
        units::count(merge.conflicts.len() as u64, "conflict")
    ));
    if !merge.conflicts.is_empty() && !dry_run {
        console.say(&format!("`nexus timeline check {name}` shows what is left to decide"));
    }
    Ok(())
}

/// Keeps a timeline as it is on a branch, before events are taken out of it.
fn keep_apart(open: &Opened, timeline: &Timeline, console: &mut Console) -> Result<(), CliError> {
    let branch = format!("{} at {}", timeline.name(), timeline.len());
    match TimelineStore::write(open.data)?.create(&timeline.fork(&branch, TimelineKind::Alternative, None)?) {
        // The same position of the same log has the same content.
        Ok(()) | Err(StoreError::Echo(EchoError::TimelineExists(_))) => {}
        Err(error) => return Err(error.into()),
    }
    console.say(&format!("what is taken out stays on the branch `{branch}`"));
    Ok(())
}

pub(super) fn repair(open: &Opened, name: &str, apply: Option<u8>, console: &mut Console) -> Result<(), CliError> {
    let timeline = open.load(name)?;
    let found = repairs(&timeline, Weights::default(), PROPOSALS)?;
    let chosen = apply.map(|number| {
        found.get(usize::from(number) - 1).ok_or_else(|| {
            let message = format!("there is no proposal {number}: there are {}", found.len());
            CliError::new(Exit::Usage, codes::USAGE, message)
        })
    });
    if let Some(chosen) = chosen.transpose()? {
        if chosen.edits.iter().any(|edit| matches!(edit, Edit::Remove { .. })) {
            keep_apart(open, &timeline, console)?;
        }
        told(&open.change(name, chosen.edits.iter().cloned())?, console);
        return Ok(());
    }
    if console.is_json() {
        console.answer(&document(&json!({"proposals": found})));
        return Ok(());
    }
    if found.is_empty() {
        console.say("nothing to mend: the timeline is consistent");
    }
    for (at, repair) in found.iter().enumerate() {
        console.answer(&format!("proposal {} · cost {} · checked: consistent afterwards\n", at + 1, repair.cost));
        for step in &repair.steps {
            console.answer(&format!("  {step}\n"));
        }
    }
    if !found.is_empty() {
        console.say(&format!("nothing was changed; `nexus timeline repair {name} --apply 1` does the first"));
    }
    Ok(())
}
