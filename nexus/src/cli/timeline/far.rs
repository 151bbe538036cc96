//! `nexus timeline … --at-node NODE`: the timelines that another node keeps, by messages to it.
//!
//! What only looks is fetched and answered here as for timelines of this machine. A new timeline, and edits from a file,
//! are sent there. The rest belongs to the node itself, which has the log.

use std::collections::BTreeMap;

use nexus_echo::{Document, Timeline};
use nexus_wire::{KeptRequest, Request, Response, TimelineRequest, TimelineResponse};
use serde_json::json;

use super::verbs::TimelineVerb;
use super::{Opened, changes, timeline_with};
use crate::cli::cluster::{self, Cluster};
use crate::cli::codes;
use crate::cli::error::{CliError, Exit};
use crate::output::Console;
use crate::output::json::document;

/// Timelines of another node.
#[derive(Debug, Default)]
pub(super) struct Far {
    pub(super) timelines: BTreeMap<String, Timeline>,
}

/// Runs a verb on the timelines of the node called `node`.
pub(crate) async fn timeline_at(
    verb: &TimelineVerb,
    node: &str,
    data: &std::path::Path,
    cluster: &impl Cluster,
    console: &mut Console,
) -> Result<(), CliError> {
    let id = cluster::find_node(&cluster::nodes(cluster).await?, node)?;
    let ask = |ask: KeptRequest| async move {
        let request = TimelineRequest::Kept { node: Some(id), ask };
        match cluster.request(Request::Timeline(Box::new(request))).await? {
            Response::Timeline(answer) => Ok(*answer),
            _ => Err(cluster::unexpected()),
        }
    };
    let names = match verb {
        TimelineVerb::List => return list(ask(KeptRequest::List).await?, console),
        TimelineVerb::Import { file, name } => {
            let document = changes::named_document(file, name.as_deref())?;
            let create = KeptRequest::Create { document: document.to_text() };
            return changed(&document.name, ask(create).await?, console);
        }
        TimelineVerb::Edit(edit) => {
            let Some(file) = &edit.file else { return Err(own_business()) };
            let edits = changes::edits_text(file)?;
            let read = KeptRequest::Read { name: edit.name.clone(), position: None };
            let TimelineResponse::Document { position, .. } = ask(read).await? else {
                return Err(cluster::unexpected());
            };
            let change = KeptRequest::Change { name: edit.name.clone(), position, edits };
            return changed(&edit.name, ask(change).await?, console);
        }
        TimelineVerb::Show { name, at: None, .. }
        | TimelineVerb::Export { name, at: None, .. }
        | TimelineVerb::Check { name }
        | TimelineVerb::Causes { name, .. }
        | TimelineVerb::Effects { name, .. }
        | TimelineVerb::Paths { name, .. } => vec![name],
        TimelineVerb::Forecast(args) => vec![&args.name],
        TimelineVerb::Plan(args) => vec![&args.name],
        TimelineVerb::Beliefs(args) | TimelineVerb::Advise(args) => vec![&args.name],
        TimelineVerb::Model(args) => vec![&args.name],
        TimelineVerb::Diff { first, second } => vec![first, second],
        _ => return Err(own_business()),
    };
    let mut far = Far::default();
    for name in names {
        match ask(KeptRequest::Read { name: name.clone(), position: None }).await? {
            TimelineResponse::Document { document, .. } => {
                far.timelines.insert(name.clone(), Document::parse(document.as_bytes())?.timeline()?);
            }
            _ => return Err(cluster::unexpected()),
        }
    }
    timeline_with(verb, &Opened { data, far: Some(&far) }, console)
}

fn own_business() -> CliError {
    let message = "this needs the timeline's log, which only its own node has";
    CliError::new(Exit::Usage, codes::USAGE, message).with_help(
        "give the command on that machine; from here work list, show, export, check, causes, effects, paths, \
         forecast, plan, beliefs, advise, model, diff, import and edit --file",
    )
}

fn list(answer: TimelineResponse, console: &mut Console) -> Result<(), CliError> {
    let TimelineResponse::Names(names) = answer else { return Err(cluster::unexpected()) };
    if console.is_json() {
        let timelines: Vec<_> = names.iter().map(|name| json!({"name": name})).collect();
        console.answer(&document(&json!({"timelines": timelines})));
    } else if names.is_empty() {
        console.say("that node keeps no timelines");
    } else {
        names.iter().for_each(|name| console.answer(&format!("{name}\n")));
    }
    Ok(())
}

fn changed(name: &str, answer: TimelineResponse, console: &mut Console) -> Result<(), CliError> {
    let TimelineResponse::Changed { position } = answer else { return Err(cluster::unexpected()) };
    if console.is_json() {
        console.answer(&document(&json!({"timeline": name, "position": position})));
    } else {
        console.say(&format!("{name}: position {position}"));
    }
    Ok(())
}
