//! The verbs of `nexus timeline` that look at something.

use std::collections::BTreeSet;
use std::path::Path;

use nexus_actors::timelines::TimelineStore;
use nexus_echo::check::Severity;
use nexus_echo::{Diff, Differences, Document, Graph, TimeRange, Timeline, draw};
use serde::Serialize;
use serde_json::json;

use super::{Opened, exported};
use crate::cli::error::{CliError, Exit};
use crate::output::json::document;
use crate::output::paint::{ERROR, FAINT};
use crate::output::table::{Align, Cell, Table};
use crate::output::{Console, units};

const CHART_WIDTH: usize = 100;
const CHART_ROWS: usize = 60;
/// Paths that are listed.
const PATHS: usize = 100;

pub(super) fn list(open: &Opened, console: &mut Console) -> Result<(), CliError> {
    let store = TimelineStore::read(open.data)?;
    let timelines = store.names()?.iter().map(|name| store.load(name)).collect::<Result<Vec<_>, _>>()?;
    if console.is_json() {
        let facts = |timeline: &Timeline| {
            json!({
                "name": timeline.name(), "kind": timeline.kind(), "forked": timeline.forked(),
                "events": timeline.state().events(), "triggers": timeline.state().triggers(), "position": timeline.len(),
            })
        };
        console.answer(&document(&json!({"timelines": timelines.iter().map(facts).collect::<Vec<_>>()})));
        return Ok(());
    }
    if timelines.is_empty() {
        console.say("no timelines yet; `nexus timeline import FILE` or `nexus timeline create NAME` makes one");
        return Ok(());
    }
    let mut table = Table::new(&[
        ("NAME", Align::Left),
        ("FORKED FROM", Align::Left),
        ("EVENTS", Align::Left),
        ("TRIGGERS", Align::Left),
        ("POSITION", Align::Left),
    ]);
    for timeline in &timelines {
        let forked = timeline.forked().map(|fork| format!("{} at {}", fork.parent, fork.position));
        table.row(vec![
            Cell::new(timeline.name()),
            forked.map_or_else(Cell::nothing, Cell::new),
            Cell::new(timeline.state().events().to_string()),
            Cell::new(timeline.state().triggers().to_string()),
            Cell::new(timeline.len().to_string()),
        ]);
    }
    console.answer(&table.render());
    Ok(())
}

/// Every timeline of the store, or one with all that comes from it.
pub(super) fn branches(
    open: &Opened,
    name: Option<&str>,
    (svg, dot): (Option<&Path>, Option<&Path>),
    console: &mut Console,
) -> Result<(), CliError> {
    let store = TimelineStore::read(open.data)?;
    let mut timelines = store.names()?.iter().map(|name| store.load(name)).collect::<Result<Vec<_>, _>>()?;
    if let Some(name) = name {
        let mut family = BTreeSet::from([store.load(name)?.name().to_owned()]);
        // Branches of branches are found in as many rounds as they are deep.
        while timelines.iter().any(|one| {
            one.forked().is_some_and(|fork| family.contains(&fork.parent)) && family.insert(one.name().to_owned())
        }) {}
        timelines.retain(|one| family.contains(one.name()));
    }
    let title = name.unwrap_or("timelines");
    match (svg, dot) {
        (_, Some(path)) => exported(&draw::branches_dot(&timelines, title), Some(path), console),
        (svg, None) => exported(&draw::branches_svg(&timelines, title), svg, console),
    }
}

/// A range of a timeline as text, or as the document of `--json`.
pub(crate) fn chart(timeline: &Timeline, range: TimeRange, console: &mut Console) {
    if console.is_json() {
        return console.answer(&Document::within(timeline, range).to_text());
    }
    let graph = Graph::within(timeline.state(), range);
    if !graph.is_empty() {
        console.answer(&draw::chart(&graph, range, CHART_WIDTH, CHART_ROWS));
    } else if timeline.state().events() == 0 {
        console.say("no events yet");
    }
}

pub(super) fn show(timeline: &Timeline, range: TimeRange, console: &mut Console) -> Result<(), CliError> {
    chart(timeline, range, console);
    if console.is_json() {
        return Ok(());
    }
    let report = nexus_echo::check::check(timeline);
    if !report.is_consistent() {
        let name = timeline.name();
        console.say(&format!("{} findings: `nexus timeline check {name}`", report.findings.len() + report.undecided));
    }
    Ok(())
}

pub(super) fn check(timeline: &Timeline, console: &mut Console) -> Result<(), CliError> {
    let report = nexus_echo::check::check(timeline);
    if console.is_json() {
        console.answer(&document(&report));
    } else if report.is_consistent() {
        console.say(&format!("{} is consistent", timeline.name()));
    } else {
        for finding in &report.findings {
            let (style, word) = match finding.severity {
                Severity::Error => (ERROR, "error"),
                Severity::Warning => (FAINT, "warning"),
            };
            console.answer(&format!("{style}{word}{style:#} {}: {}\n", finding.kind.words(), finding.text));
        }
        if report.undecided > 0 {
            console.answer(&format!("{} parts have delays too entangled to decide\n", report.undecided));
        }
        console.say(&format!("`nexus timeline repair {}` proposes what to change", timeline.name()));
    }
    if report.is_consistent() {
        return Ok(());
    }
    Err(CliError::new(Exit::ProgramFailed, nexus_echo::codes::INCONSISTENT, "the timeline is not consistent").told())
}

pub(super) fn log(timeline: &Timeline, console: &mut Console) -> Result<(), CliError> {
    let entries = timeline.edits_since(0).enumerate().map(|(at, (edit, hash))| (at as u64 + 1, edit, hash));
    if console.is_json() {
        let entries: Vec<_> =
            entries.map(|(position, edit, hash)| json!({"position": position, "hash": hash, "edit": edit})).collect();
        let snapshots: Vec<_> = timeline.snapshots().map(|(name, at)| json!({"name": name, "position": at})).collect();
        console.answer(&document(&json!({"entries": entries, "snapshots": snapshots})));
        return Ok(());
    }
    for (position, edit, hash) in entries {
        let text = serde_json::to_string(&edit).unwrap_or_default();
        let short: String = hash.to_string().chars().take(12).collect();
        let cut: String = text.chars().take(90).collect();
        let more = if cut.len() < text.len() { "…" } else { "" };
        console.answer(&format!("{position:>6}  {FAINT}{short}{FAINT:#}  {cut}{more}\n"));
    }
    for (name, position) in timeline.snapshots() {
        console.answer(&format!("snapshot {name} is position {position}\n"));
    }
    Ok(())
}

pub(super) fn relatives(timeline: &Timeline, event: &str, up: bool, console: &mut Console) -> Result<(), CliError> {
    let graph = Graph::new(timeline.state());
    let place = graph.place(event)?;
    let found = if up { graph.ancestors(place) } else { graph.descendants(place) };
    let names: Vec<&str> = found.iter().map(|&at| graph.nodes[at as usize].name.as_str()).collect();
    if console.is_json() {
        console.answer(&document(&json!({"event": event, "events": names})));
    } else if names.is_empty() {
        console.say(if up { "nothing causes it" } else { "it causes nothing" });
    } else {
        names.iter().for_each(|name| console.answer(&format!("{name}\n")));
    }
    Ok(())
}

pub(super) fn paths(timeline: &Timeline, [from, to]: [&String; 2], console: &mut Console) -> Result<(), CliError> {
    let graph = Graph::new(timeline.state());
    let (source, target) = (graph.place(from)?, graph.place(to)?);
    let (paths, all) = graph.paths(source, target, PATHS);
    let named = |path: &Vec<u32>| {
        let ends = path.iter().map(|&edge| graph.edges[edge as usize].target);
        std::iter::once(source).chain(ends).map(|at| graph.nodes[at as usize].name.clone()).collect::<Vec<_>>()
    };
    let paths: Vec<Vec<String>> = paths.iter().map(named).collect();
    if console.is_json() {
        console.answer(&document(&json!({"paths": paths, "all": all})));
        return Ok(());
    }
    paths.iter().for_each(|path| console.answer(&format!("{}\n", path.join(" → "))));
    if paths.is_empty() {
        console.say(&format!("{from} does not lead to {to}"));
    } else if !all {
        console.say(&format!("there are more than {PATHS}"));
    }
    Ok(())
}

pub(super) fn diff(first: &Timeline, second: &Timeline, console: &mut Console) -> Result<(), CliError> {
    let diff = Diff::new(first, second);
    if console.is_json() {
        console.answer(&document(&json!({
            "diverged_at": diff.diverged_at, "similarity": diff.similarity(),
            "events": differences(&diff.events), "triggers": differences(&diff.triggers),
        })));
        return Ok(());
    }
    let trigger = |t: &nexus_echo::Trigger| format!("{} {} {}", t.from, t.kind.word(), t.to);
    lines(&diff.events, |node| format!("{} at {}", node.name, node.timestamp), console);
    lines(&diff.triggers, trigger, console);
    console.say(&format!(
        "the same: {} and {} ({:.0} % alike); the logs part after position {}",
        units::count(diff.events.shared as u64, "event"),
        units::count(diff.triggers.shared as u64, "trigger"),
        diff.similarity() * 100.0,
        diff.diverged_at
    ));
    Ok(())
}

fn differences<T: Serialize>(found: &Differences<T>) -> serde_json::Value {
    let changed: Vec<_> = found.changed.iter().map(|c| json!({"first": c.first, "second": c.second})).collect();
    json!({"shared": found.shared, "changed": changed, "only_first": found.only_first, "only_second": found.only_second})
}

fn lines<T>(found: &Differences<T>, words: impl Fn(&T) -> String, console: &mut Console) {
    for changed in &found.changed {
        let (first, second) = (words(&changed.first), words(&changed.second));
        let second = if first == second { "other details".to_owned() } else { second };
        console.answer(&format!("~ {first} → {second}\n"));
    }
    found.only_first.iter().for_each(|only| console.answer(&format!("- {}\n", words(only))));
    found.only_second.iter().for_each(|only| console.answer(&format!("+ {}\n", words(only))));
}
