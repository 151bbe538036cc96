//! Timelines in programs: `echo.*`. A timeline is a record with the fields of its JSON form (`events`, `triggers`).
//!
//! Nothing is computed here: records go to `nexus-echo` and its answers come back as records.

use std::sync::Arc;

use nexus_echo::forecast::{Choices, ROLLOUTS_MAX, Settings};
use nexus_echo::plan::PlanSettings;
use nexus_echo::repair::{Weights, repairs};
use nexus_echo::{Diff, Document, EchoError, Edit, Graph, Micros, TimeRange, Timeline};
use nexus_formats::Format;

use super::text::text;
use super::{Builtin, Kind};
use crate::codes::Code;
use crate::vm::fault::{Fault, Outcome};
use crate::vm::host::Host;
use crate::vm::value::Value;

/// Futures that are simulated where none are asked for.
const ROLLOUTS: i64 = 100_000;
/// Events simulated for one unit of the program's work.
const EVENTS_PER_TICK: u64 = 64;
/// Paths that are listed, and the work that their search counts for.
const PATHS: usize = 100;
const PATHS_TICKS: usize = 20_000;
/// Proposals of a repair.
const PROPOSALS: usize = 3;

/// Timelines.
pub(super) const TABLE: &[Builtin] = &[
    Builtin { name: "echo.check", arity: (1, 1), result: Kind::Any, example: "echo.check(plan)", run: check },
    Builtin {
        name: "echo.forecast",
        arity: (1, 3),
        result: Kind::Any,
        example: "echo.forecast(plan, 100000, 7)",
        run: forecast,
    },
    Builtin { name: "echo.plan", arity: (1, 3), result: Kind::Any, example: "echo.plan(plan, 100000, 7)", run: plan },
    Builtin { name: "echo.repair", arity: (1, 1), result: Kind::Any, example: "echo.repair(plan)", run: repair },
    Builtin { name: "echo.diff", arity: (2, 2), result: Kind::Any, example: "echo.diff(plan, other)", run: diff },
    Builtin {
        name: "echo.edit",
        arity: (2, 2),
        result: Kind::Any,
        example: "echo.edit(plan, [{remove: {event: \"review\"}}])",
        run: edit,
    },
    Builtin {
        name: "echo.causes",
        arity: (2, 2),
        result: Kind::Any,
        example: "echo.causes(plan, \"launch\")",
        run: causes,
    },
    Builtin {
        name: "echo.effects",
        arity: (2, 2),
        result: Kind::Any,
        example: "echo.effects(plan, \"design\")",
        run: effects,
    },
    Builtin {
        name: "echo.during",
        arity: (3, 3),
        result: Kind::Any,
        example: "echo.during(plan, \"20d\", \"60d\")",
        run: during,
    },
    Builtin {
        name: "echo.paths",
        arity: (3, 3),
        result: Kind::Any,
        example: "echo.paths(plan, \"design\", \"launch\")",
        run: paths,
    },
    Builtin {
        name: "echo.critical",
        arity: (1, 3),
        result: Kind::Any,
        example: "echo.critical(plan, \"launch\", 7)",
        run: critical,
    },
];

fn refused(error: EchoError) -> Box<Fault> {
    Fault::new(Code::OperationFailed, error.to_string()).help(format!("`nexus explain {}` tells more", error.code()))
}

/// A value as JSON text.
fn json(host: &mut Host, value: &Value) -> Outcome<Vec<u8>> {
    let value = host.export(value)?;
    let bytes = nexus_formats::write(Format::Json, &value)
        .map_err(|error| Fault::new(Code::BadData, format!("this cannot be written as JSON: {error}")))?;
    host.tick(bytes.len() / 16)?;
    Ok(bytes)
}

fn timeline(host: &mut Host, value: &Value) -> Outcome<Timeline> {
    let bytes = json(host, value)?;
    Document::parse(&bytes).and_then(|document| document.timeline()).map_err(refused)
}

/// An answer of the library as a value of the program.
fn answer(host: &mut Host, answer: &serde_json::Value) -> Outcome<Value> {
    let text = answer.to_string();
    drop(host.admit(text.len().saturating_mul(size_of::<nexus_model::Value>() / 2))?);
    let value = nexus_formats::read(Format::Json, text.as_bytes())
        .map_err(|error| Fault::internal(&format!("an answer that is no JSON: {error}")))?;
    host.tick(text.len() / 16)?;
    host.import(&value)
}

fn serialised(host: &mut Host, found: &impl serde::Serialize) -> Outcome<Value> {
    let found = serde_json::to_value(found).map_err(|error| Fault::internal(&format!("no JSON: {error}")))?;
    answer(host, &found)
}

/// The whole number at a place of the arguments, from 0.
fn count(arguments: &[Value], place: usize, default: i64) -> Outcome<u64> {
    match arguments.get(place) {
        None => Ok(default.unsigned_abs()),
        Some(Value::Int(number)) if *number >= 0 => Ok(number.unsigned_abs()),
        Some(_) => Err(Fault::new(Code::WrongTypeRunning, "rollouts and seed are whole numbers from 0")),
    }
}

/// Rollouts and seed, after the work that they are was counted against the program's limits.
fn chance(host: &mut Host, arguments: &[Value], graph: &Graph) -> Outcome<(u64, u64)> {
    let (rollouts, seed) = (count(arguments, 1, ROLLOUTS)?, count(arguments, 2, 1)?);
    if !(1..=ROLLOUTS_MAX).contains(&rollouts) {
        return Err(Fault::new(Code::OperationFailed, format!("rollouts are 1 to {ROLLOUTS_MAX}, not {rollouts}")));
    }
    let work = rollouts.saturating_mul((graph.nodes.len() + graph.edges.len()) as u64) / EVENTS_PER_TICK;
    host.tick(usize::try_from(work).unwrap_or(usize::MAX))?;
    Ok((rollouts, seed))
}

fn check(host: &mut Host, arguments: &mut [Value]) -> Outcome<Value> {
    let report = nexus_echo::check::check(&timeline(host, &arguments[0])?);
    serialised(host, &report)
}

fn forecast(host: &mut Host, arguments: &mut [Value]) -> Outcome<Value> {
    let graph = Graph::new(timeline(host, &arguments[0])?.state());
    let (rollouts, seed) = chance(host, arguments, &graph)?;
    let settings = Settings { rollouts, seed, threads: 1 };
    let found = nexus_echo::forecast::forecast(&graph, &Choices::new(), settings).map_err(refused)?;
    serialised(host, &found)
}

fn plan(host: &mut Host, arguments: &mut [Value]) -> Outcome<Value> {
    let graph = Graph::new(timeline(host, &arguments[0])?.state());
    let (rollouts, seed) = chance(host, arguments, &graph)?;
    let settings = PlanSettings { rollouts, seed, search: false };
    let found = nexus_echo::plan::plan(&graph, &Choices::new(), settings).map_err(refused)?;
    serialised(host, &found)
}

fn repair(host: &mut Host, arguments: &mut [Value]) -> Outcome<Value> {
    let found = repairs(&timeline(host, &arguments[0])?, Weights::default(), PROPOSALS).map_err(refused)?;
    serialised(host, &found)
}

fn causes(host: &mut Host, arguments: &mut [Value]) -> Outcome<Value> {
    relatives(host, "echo.causes", arguments, Graph::ancestors)
}

fn effects(host: &mut Host, arguments: &mut [Value]) -> Outcome<Value> {
    relatives(host, "echo.effects", arguments, Graph::descendants)
}

/// Names of the events that a search from one event finds, the nearest first.
fn relatives(
    host: &mut Host,
    function: &str,
    arguments: &[Value],
    search: fn(&Graph, u32) -> Vec<u32>,
) -> Outcome<Value> {
    let graph = Graph::new(timeline(host, &arguments[0])?.state());
    let place = graph.place(text(function, &arguments[1])?).map_err(refused)?;
    serialised(host, &names(&graph, search(&graph, place)))
}

/// What lies in a range of time; ends are microseconds, text like `3d` or a date, or `none`.
fn during(host: &mut Host, arguments: &mut [Value]) -> Outcome<Value> {
    let end = |value: &Value| match value {
        Value::None | Value::Absent => Ok(None),
        Value::Int(micros) => Ok(Some(Micros(*micros))),
        value => match Micros::parse(text("echo.during", value)?) {
            Ok(at) => Ok(Some(at)),
            Err(message) => Err(Fault::new(Code::BadData, message)),
        },
    };
    let (from, to) = (end(&arguments[1])?, end(&arguments[2])?);
    let timeline = timeline(host, &arguments[0])?;
    let range = TimeRange::of(timeline.state(), from, to).map_err(refused)?;
    serialised(host, &Document::within(&timeline, range))
}

fn paths(host: &mut Host, arguments: &mut [Value]) -> Outcome<Value> {
    let graph = Graph::new(timeline(host, &arguments[0])?.state());
    let place = |value: &Value| graph.place(text("echo.paths", value)?).map_err(refused);
    let (source, target) = (place(&arguments[1])?, place(&arguments[2])?);
    host.tick(PATHS_TICKS)?;
    let (paths, all) = graph.paths(source, target, PATHS);
    let named = |path: &Vec<u32>| {
        let ends = path.iter().map(|&edge| graph.edges[edge as usize].target);
        names(&graph, std::iter::once(source).chain(ends).collect())
    };
    let paths: Vec<Vec<String>> = paths.iter().map(named).collect();
    serialised(host, &serde_json::json!({"paths": paths, "all": all}))
}

fn names(graph: &Graph, places: Vec<u32>) -> Vec<String> {
    places.into_iter().map(|at| graph.nodes[at as usize].name.clone()).collect()
}

fn critical(host: &mut Host, arguments: &mut [Value]) -> Outcome<Value> {
    let graph = Graph::new(timeline(host, &arguments[0])?.state());
    let target = match arguments.get(1) {
        None | Some(Value::None | Value::Absent) => None,
        Some(value) => Some(text("echo.critical", value)?),
    };
    let seed = count(arguments, 2, 1)?;
    let events = (graph.nodes.len() + graph.edges.len()) as u64;
    host.tick(usize::try_from(ROLLOUTS.unsigned_abs() * events / EVENTS_PER_TICK).unwrap_or(usize::MAX))?;
    let found = nexus_echo::forecast::critical_events(&graph, &Choices::new(), target, seed).map_err(refused)?;
    serialised(host, &found)
}

fn diff(host: &mut Host, arguments: &mut [Value]) -> Outcome<Value> {
    let [first, second] = [timeline(host, &arguments[0])?, timeline(host, &arguments[1])?];
    let diff = Diff::new(&first, &second);
    let names = |nodes: &[Arc<nexus_echo::TimeNode>]| nodes.iter().map(|node| node.name.clone()).collect::<Vec<_>>();
    let changed: Vec<String> = diff.events.changed.iter().map(|changed| changed.first.name.clone()).collect();
    let found = serde_json::json!({
        "similarity": diff.similarity(),
        "changed": changed,
        "only_first": names(&diff.events.only_first),
        "only_second": names(&diff.events.only_second),
        "triggers_differ": diff.triggers.differing(),
    });
    answer(host, &found)
}

fn edit(host: &mut Host, arguments: &mut [Value]) -> Outcome<Value> {
    let mut timeline = timeline(host, &arguments[0])?;
    let bytes = json(host, &arguments[1])?;
    let edits: Vec<Edit> = serde_json::from_slice(&bytes)
        .map_err(|error| Fault::new(Code::BadData, format!("these are no edits: {error}")))?;
    timeline.apply_all(edits).map_err(refused)?;
    serialised(host, &Document::of(&timeline))
}
