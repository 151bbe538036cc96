//! What the verbs need of a cluster: requests, and payloads too large to travel inside them. A node behind a connection
//! is one; tests bring their own.

use std::time::Duration;

use nexus_model::{IndexRange, JobId, NodeId, Payload};
use nexus_wire::{JobView, NodeView, Refusal, Request, Response, StatusView, TaskDetail, TaskView};

use super::codes;
use super::error::{CliError, Exit};
use crate::health;
use crate::output::json::NodeNames;

/// A cluster that answers.
pub(crate) trait Cluster {
    /// Sends a request and waits for its answer, which is never a refusal: that is the error.
    async fn request(&self, request: Request) -> Result<Response, Refusal>;

    /// The bytes of a payload.
    async fn fetch(&self, payload: &Payload) -> Result<Vec<u8>, Refusal>;

    /// A payload of these bytes.
    async fn store(&self, bytes: Vec<u8>) -> Result<Payload, Refusal>;

    /// Waits until this node has ended that was told to stop, and no longer than `patience`: whether it has. Nothing where it is
    /// not the node of this machine, which an absent one means.
    async fn until_gone(&self, node: Option<NodeId>, patience: Duration) -> Option<bool>;

    /// Ends the connection.
    async fn close(&self);
}

/// An answer of the wrong kind: a version that is too new or too old.
pub(crate) fn unexpected() -> CliError {
    CliError::new(Exit::Unreachable, codes::UNEXPECTED_ANSWER, "the node's answer does not fit the question")
        .with_help("`nexus status` shows the node's version; is it that of `nexus --version`?")
}

/// One job.
pub(crate) async fn job(cluster: &impl Cluster, job: JobId) -> Result<JobView, CliError> {
    match cluster.request(Request::ShowJob(job)).await? {
        Response::Job(view) => Ok(*view),
        _ => Err(unexpected()),
    }
}

/// The first page of the tasks of `range`, in full: at least one, unless the range is empty.
pub(crate) async fn tasks_page(
    cluster: &impl Cluster,
    job: JobId,
    range: IndexRange,
) -> Result<Vec<TaskView>, CliError> {
    match cluster.request(Request::ListTasks { job, range, detail: TaskDetail::Full }).await? {
        // An answer that does not move on would be asked for forever.
        Response::Tasks(tasks) if tasks.first().is_none_or(|task| range.contains(task.index)) => Ok(tasks),
        _ => Err(unexpected()),
    }
}

/// The nodes.
pub(crate) async fn nodes(cluster: &impl Cluster) -> Result<Vec<NodeView>, CliError> {
    match cluster.request(Request::ListNodes).await? {
        Response::Nodes(nodes) => Ok(nodes),
        _ => Err(unexpected()),
    }
}

/// The nodes, with how their machines are as far as they have said so.
pub(crate) async fn nodes_with_health(cluster: &impl Cluster) -> Result<Vec<NodeView>, CliError> {
    let mut nodes = nodes(cluster).await?;
    health::read(cluster.request(health::request())).await.fill_in(&mut nodes);
    Ok(nodes)
}

/// How the cluster is and, where there is a leader that can know, its machines.
pub(crate) async fn status(cluster: &impl Cluster) -> Result<StatusView, CliError> {
    let Response::Status(mut status) = cluster.request(Request::GetStatus).await? else { return Err(unexpected()) };
    if status.leader.is_some() {
        health::read(cluster.request(health::request())).await.fill_in_status(&mut status);
    }
    Ok(*status)
}

/// The names of the nodes; ids stand for them where they cannot be had.
pub(crate) async fn names(cluster: &impl Cluster) -> NodeNames {
    match cluster.request(Request::ListNodes).await {
        Ok(Response::Nodes(nodes)) => NodeNames::of(&nodes),
        // Names are a courtesy; without them the answer is still right.
        Ok(_) | Err(_) => NodeNames::default(),
    }
}

/// The node of that name or id, or whose name alone begins so.
pub(crate) fn find_node(nodes: &[NodeView], text: &str) -> Result<NodeId, CliError> {
    let fits = |exact: bool| {
        nodes.iter().filter(move |node| {
            let by_id = text.parse() == Ok(node.node);
            by_id || if exact { node.name == text } else { node.name.starts_with(text) }
        })
    };
    let mut found: Vec<&NodeView> = fits(true).collect();
    if found.is_empty() && !text.is_empty() {
        found = fits(false).collect();
    }
    match found.as_slice() {
        [node] => Ok(node.node),
        [] => {
            let error = CliError::new(Exit::Usage, codes::WHICH_NODE, format!("no node is called `{text}`"));
            Err(error.with_help("`nexus node list` shows names and ids"))
        }
        several => {
            let names: Vec<String> = several.iter().map(|node| format!("{} ({})", node.name, node.node)).collect();
            let message = format!("`{text}` fits several nodes: {}", names.join(", "));
            Err(CliError::new(Exit::Usage, codes::WHICH_NODE, message).with_help("give the id, like node-2"))
        }
    }
}

impl<C: Cluster> Cluster for std::sync::Arc<C> {
    async fn request(&self, request: Request) -> Result<Response, Refusal> {
        (**self).request(request).await
    }

    async fn fetch(&self, payload: &Payload) -> Result<Vec<u8>, Refusal> {
        (**self).fetch(payload).await
    }

    async fn store(&self, bytes: Vec<u8>) -> Result<Payload, Refusal> {
        (**self).store(bytes).await
    }

    async fn until_gone(&self, node: Option<NodeId>, patience: Duration) -> Option<bool> {
        (**self).until_gone(node, patience).await
    }

    async fn close(&self) {
        self.as_ref().close().await;
    }
}
