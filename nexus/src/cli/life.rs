//! `nexus timeline show JOB|NODE` and `nexus timeline export JOB|NODE`: what happened to a job or a node, as a timeline.
//!
//! The ledger tells what happened; `nexus_echo::jobs` makes a timeline of it.

use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use nexus_echo::Micros;
use nexus_echo::jobs::{Happened, What, life_timeline};
use nexus_model::{IndexRange, JobId, NodeId};
use nexus_wire::{
    Fate, Life, LifeEntry, LifeEvent, NodeState, NodeView, Request, Response, TimelineRequest, TimelineResponse,
};

use super::cluster::{self, Cluster};
use super::error::{CliError, Exit};
use super::timeline::answers::chart;
use super::timeline::exported;
use super::timeline::verbs::{FormatWord, RangeArgs, text};
use crate::output::Console;
use crate::output::units::count;

/// Whose life is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Subject {
    /// A job, by its number.
    Job(JobId),
    /// A node, by its name or id.
    Node(String),
}

impl Subject {
    /// What `17`, `job-17` or `node-3` mean; `None` for any other name.
    pub(crate) fn of(name: &str) -> Option<Subject> {
        let number = |digits: &str| digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())?;
        if let Some(job) = number(name.strip_prefix("job-").unwrap_or(name)) {
            return Some(Subject::Job(JobId(job)));
        }
        let node: Option<u64> = name.strip_prefix("node-").and_then(number);
        node.map(|_| Subject::Node(name.to_owned()))
    }
}

/// What of the timeline is wanted, and how.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    pub(crate) form: Form,
    /// Spans count from its beginning.
    pub(crate) range: RangeArgs,
}

/// What to do with the timeline.
#[derive(Debug, Clone)]
pub(crate) enum Form {
    /// Draw it as text, or as the one document of `--json`.
    Chart,
    /// Write it in a format, to a file or as the answer.
    Written(FormatWord, Option<PathBuf>),
}

/// Draws or writes the life of a job or a node.
pub(crate) async fn life(
    subject: &Subject,
    wanted: &Wanted,
    cluster: &impl Cluster,
    console: &mut Console,
) -> Result<(), CliError> {
    let nodes = cluster::nodes(cluster).await?;
    let (request, title) = match subject {
        Subject::Job(job) => {
            let view = cluster::job(cluster, *job).await?;
            (TimelineRequest::JobLife(*job), format!("{job} · {}", view.name))
        }
        Subject::Node(text) => {
            let node = find(text, &nodes)?;
            (TimelineRequest::NodeLife(node), name_of(node, &nodes))
        }
    };
    let Life { entries, dropped } = asked(cluster, request).await?;
    let of_node = match subject {
        Subject::Job(_) => None,
        Subject::Node(text) => Some(name_of(find(text, &nodes)?, &nodes)),
    };
    let mut happened: Vec<Happened> = entries.iter().map(|entry| happened(entry, of_node.as_deref(), &nodes)).collect();
    if let Some(view) = of_node.as_ref().and_then(|name| nodes.iter().find(|view| view.name == *name)) {
        happened.extend(unsaid_end(view, &entries));
    }
    let timeline = life_timeline(&title, &happened, now())?;
    let range = wanted.range.of(&timeline, console)?;
    match &wanted.form {
        Form::Written(format, path) => exported(&text(&timeline, range, *format), path.as_deref(), console)?,
        Form::Chart => {
            chart(&timeline, range, console);
            if !console.is_json() {
                console
                    .say("starts and ends are good to about 10 ms; a bar of several tasks ran them one after another");
            }
        }
    }
    if dropped > 0 {
        console.say(&format!("{} more were not kept", count(dropped, "thing")));
    }
    Ok(())
}

/// That a node is not heard of, if its life does not say so yet: the leader waits for a lease before it does.
fn unsaid_end(view: &NodeView, entries: &[LifeEntry]) -> Option<Happened> {
    let came_or_went = entries.iter().rev().find_map(|entry| match entry.what {
        LifeEvent::Up { .. } => Some(true),
        LifeEvent::Lost | LifeEvent::Stopped | LifeEvent::Removed => Some(false),
        _ => None,
    });
    let last_ms = entries.last()?.at_ms;
    let is_unsaid = view.state == NodeState::Down && came_or_went == Some(true);
    is_unsaid.then(|| Happened {
        at: Micros(i64::try_from(view.seen_at_ms.unwrap_or(0).max(last_ms)).unwrap_or(i64::MAX).saturating_mul(1_000)),
        job: None,
        what: What::Noted { node: view.name.clone(), text: "not heard of since".to_owned(), there: Some(false) },
    })
}

/// The node that is meant; a name that is none may have been meant for a timeline.
fn find(text: &str, nodes: &[NodeView]) -> Result<NodeId, CliError> {
    cluster::find_node(nodes, text).map_err(|error| match Subject::of(text) {
        Some(_) => error,
        None => CliError::new(Exit::Usage, &error.code, format!("neither a timeline nor a node is called `{text}`"))
            .with_help("`nexus timeline list` and `nexus node list` show names"),
    })
}

/// The life that the ledger has.
pub(crate) async fn asked(cluster: &impl Cluster, request: TimelineRequest) -> Result<Life, CliError> {
    match cluster.request(Request::Timeline(Box::new(request))).await {
        Ok(Response::Timeline(answer)) => match *answer {
            TimelineResponse::Life(life) => Ok(*life),
            TimelineResponse::Names(_)
            | TimelineResponse::Document { .. }
            | TimelineResponse::Changed { .. }
            | TimelineResponse::Runs(_) => Err(cluster::unexpected()),
        },
        Ok(_) => Err(cluster::unexpected()),
        Err(refusal) => Err(refusal.into()),
    }
}

/// The wall clock, in microseconds since 1970: until then lasts what goes on.
fn now() -> Micros {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Micros(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}

/// What people call a node; its id where it is none any more.
pub(crate) fn name_of(node: NodeId, nodes: &[NodeView]) -> String {
    nodes.iter().find(|view| view.node == node).map_or_else(|| node.to_string(), |view| view.name.clone())
}

/// An entry in the words of timelines. Of a node's life, jobs are named and its own events stand at the node.
fn happened(entry: &LifeEntry, of_node: Option<&str>, nodes: &[NodeView]) -> Happened {
    let noted =
        |text: &str, there| What::Noted { node: of_node.unwrap_or_default().to_owned(), text: text.to_owned(), there };
    let what = match entry.what {
        LifeEvent::Accepted => What::Accepted,
        LifeEvent::Placed { range: IndexRange { start, end }, node, token } => {
            What::Placed { first: start, end, node: name_of(node, nodes), token: token.0 }
        }
        LifeEvent::Left { range: IndexRange { start, end }, node, token, busy, fate } => What::Left {
            first: start,
            end,
            node: name_of(node, nodes),
            token: token.0,
            busy: busy.map(|busy| Micros(i64::try_from(busy.as_micros()).unwrap_or(i64::MAX))),
            how: match fate {
                Fate::Ended(state) => state.name().to_owned(),
                Fate::Requeued => "retried".to_owned(),
                Fate::Lost => "lost".to_owned(),
                Fate::Resting => "retried later".to_owned(),
            },
        },
        LifeEvent::TasksEnded { range: IndexRange { start, end }, state } => {
            What::TasksEnded { first: start, end, how: state.name().to_owned() }
        }
        LifeEvent::Ended { state } => What::Ended { how: state.name().to_owned() },
        LifeEvent::Reopened => What::Reopened,
        LifeEvent::Joined => noted("joined", None),
        LifeEvent::Up { slots: 0 } => noted("drained", Some(true)),
        LifeEvent::Up { slots } => noted(&format!("up with {}", count(slots.into(), "slot")), Some(true)),
        LifeEvent::Lost => noted("lost", Some(false)),
        LifeEvent::Stopped => noted("stopped", Some(false)),
        LifeEvent::Voter => noted("voter", None),
        LifeEvent::NotVoter => noted("voter no more", None),
        LifeEvent::Removed => noted("taken out", Some(false)),
    };
    let job = of_node.and(entry.job).map(|job| job.to_string());
    let at = i64::try_from(entry.at_ms).unwrap_or(i64::MAX).saturating_mul(1_000);
    Happened { at: Micros(at), job, what }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_that_is_down_ends_where_it_was_heard_of_last() {
        let view = |state, seen_at_ms| NodeView {
            node: NodeId(2),
            name: "box".to_owned(),
            roles: vec![],
            address: String::new(),
            state,
            capacity: nexus_model::NodeCapacity { slots: 2, memory_bytes: 0, devices: vec![] },
            running: 0,
            rtt: None,
            seen_at_ms,
            vitals: None,
        };
        let up = LifeEntry { at_ms: 10, job: None, what: LifeEvent::Up { slots: 2 } };
        let end = |view, entries: &[LifeEntry]| unsaid_end(&view, entries).map(|end| end.at.0 / 1_000);
        assert_eq!(end(view(NodeState::Down, Some(25)), &[up]), Some(25));
        assert_eq!(end(view(NodeState::Down, None), &[up]), Some(10));
        assert_eq!(end(view(NodeState::Up, Some(25)), &[up]), None);
        let lost = LifeEntry { at_ms: 20, job: None, what: LifeEvent::Lost };
        assert_eq!(end(view(NodeState::Down, Some(25)), &[up, lost]), None);
    }

    #[test]
    fn numbers_are_jobs_and_other_names_are_timelines() {
        assert_eq!(Subject::of("17"), Some(Subject::Job(JobId(17))));
        assert_eq!(Subject::of("job-17"), Some(Subject::Job(JobId(17))));
        assert_eq!(Subject::of("node-3"), Some(Subject::Node("node-3".to_owned())));
        assert_eq!(["launch", "", "job-", "17b", "node-", "node-x"].map(Subject::of), [const { None }; 6]);
    }
}
