//! Jobs, tasks, nodes and the cluster as they are looked at.

use nexus_model::{JobId, NodeId, Reused, TaskId};
use rkyv::with::InlineAsBox;
use rkyv::{Archive, Serialize};

use super::bounds::{Bounded, duration, name};
use super::job::{IndexRangeV1, JobStateV1, TaskStateV1};
use super::node::{NodeCapacityV1, NodeRoleV1};
use super::outcome::{CostV1, FailureV1, OutcomeV1};
use super::{DurationV1, WireError, plain_enum, read_all};
use crate::message::{JobView, NodeState, NodeView, StatusView, TaskView};

/// Tasks of a node.
#[derive(Debug, Archive, Serialize)]
pub(crate) struct NodeCountV1 {
    node: u64,
    tasks: u32,
}

/// A task's failure.
#[derive(Debug, Archive, Serialize)]
pub(crate) struct TaskFailureV1<'a> {
    job: u64,
    index: u32,
    failure: FailureV1<'a>,
}

/// [`JobView`].
#[derive(Debug, Archive, Serialize)]
pub(crate) struct JobViewV1<'a> {
    job: u64,
    #[rkyv(with = InlineAsBox)]
    name: &'a str,
    #[rkyv(with = InlineAsBox)]
    user: &'a str,
    state: JobStateV1,
    tasks: IndexRangeV1,
    is_array: bool,
    counts: [u32; 8],
    by_node: Vec<NodeCountV1>,
    submitted_at_ms: u64,
    started_at_ms: Option<u64>,
    finished_at_ms: Option<u64>,
    first_failure: Option<TaskFailureV1<'a>>,
}

impl<'a> From<&'a JobView> for JobViewV1<'a> {
    fn from(view: &'a JobView) -> Self {
        let first_failure = view.first_failure.as_ref();
        JobViewV1 {
            job: view.job.0,
            name: &view.name,
            user: &view.user,
            state: view.state.into(),
            tasks: view.tasks.into(),
            is_array: view.is_array,
            counts: view.counts,
            by_node: view.by_node.iter().map(|(node, tasks)| NodeCountV1 { node: node.0, tasks: *tasks }).collect(),
            submitted_at_ms: view.submitted_at_ms,
            started_at_ms: view.started_at_ms,
            finished_at_ms: view.finished_at_ms,
            first_failure: first_failure.map(|(task, failure)| TaskFailureV1 {
                job: task.job.0,
                index: task.index,
                failure: failure.into(),
            }),
        }
    }
}

impl From<&ArchivedJobViewV1<'_>> for JobView {
    fn from(form: &ArchivedJobViewV1<'_>) -> Self {
        let by_node = form.by_node.iter();
        JobView {
            job: JobId(form.job.to_native()),
            name: form.name.to_string(),
            user: form.user.to_string(),
            state: (&form.state).into(),
            tasks: (&form.tasks).into(),
            is_array: form.is_array,
            counts: form.counts.map(|count| count.to_native()),
            by_node: by_node.map(|count| (NodeId(count.node.to_native()), count.tasks.to_native())).collect(),
            submitted_at_ms: form.submitted_at_ms.to_native(),
            started_at_ms: form.started_at_ms.as_ref().map(|ms| ms.to_native()),
            finished_at_ms: form.finished_at_ms.as_ref().map(|ms| ms.to_native()),
            first_failure: form.first_failure.as_ref().map(|first| {
                let task = TaskId { job: JobId(first.job.to_native()), index: first.index.to_native() };
                (task, (&first.failure).into())
            }),
        }
    }
}

/// [`TaskView`].
#[derive(Debug, Archive, Serialize)]
pub(crate) struct TaskViewV1<'a> {
    index: u32,
    state: TaskStateV1,
    node: Option<u64>,
    attempts: u32,
    outcome: Option<OutcomeV1<'a>>,
    cost: Option<CostV1<'a>>,
}

impl<'a> From<&'a TaskView> for TaskViewV1<'a> {
    fn from(view: &'a TaskView) -> Self {
        TaskViewV1 {
            index: view.index,
            state: view.state.into(),
            node: view.node.map(|node| node.0),
            attempts: view.attempts,
            outcome: view.outcome.as_ref().map(Into::into),
            cost: view.cost.as_ref().map(Into::into),
        }
    }
}

impl TryFrom<&ArchivedTaskViewV1<'_>> for TaskView {
    type Error = WireError;

    fn try_from(form: &ArchivedTaskViewV1<'_>) -> Result<Self, WireError> {
        Ok(TaskView {
            index: form.index.to_native(),
            state: (&form.state).into(),
            node: form.node.as_ref().map(|node| NodeId(node.to_native())),
            attempts: form.attempts.to_native(),
            outcome: form.outcome.as_ref().map(TryInto::try_into).transpose()?,
            cost: form.cost.as_ref().map(TryInto::try_into).transpose()?,
            reused: None,
        })
    }
}

/// [`TaskView`] of a task that may have taken its result from an earlier job: version 2, written only where one has.
#[derive(Debug, Archive, Serialize)]
pub(crate) struct TaskViewV2<'a> {
    task: TaskViewV1<'a>,
    reused: Option<ReusedV1>,
}

#[derive(Debug, Archive, Serialize)]
struct ReusedV1 {
    job: u64,
    committed_at_ms: u64,
}

impl<'a> From<&'a TaskView> for TaskViewV2<'a> {
    fn from(view: &'a TaskView) -> Self {
        let reused = view.reused.map(|Reused { job, committed_at_ms }| ReusedV1 { job: job.0, committed_at_ms });
        TaskViewV2 { task: view.into(), reused }
    }
}

impl TryFrom<&ArchivedTaskViewV2<'_>> for TaskView {
    type Error = WireError;

    fn try_from(form: &ArchivedTaskViewV2<'_>) -> Result<Self, WireError> {
        let mut view = TaskView::try_from(&form.task)?;
        view.reused = form.reused.as_ref().map(|reused| Reused {
            job: JobId(reused.job.to_native()),
            committed_at_ms: reused.committed_at_ms.to_native(),
        });
        Ok(view)
    }
}

plain_enum!(
    /// [`NodeState`].
    pub(crate) NodeStateV1, ArchivedNodeStateV1, NodeState { Up = 0, Down = 1 }
);

/// [`NodeView`].
#[derive(Debug, Archive, Serialize)]
pub(crate) struct NodeViewV1<'a> {
    node: u64,
    #[rkyv(with = InlineAsBox)]
    name: &'a str,
    roles: Vec<NodeRoleV1>,
    #[rkyv(with = InlineAsBox)]
    address: &'a str,
    state: NodeStateV1,
    capacity: NodeCapacityV1<'a>,
    running: u32,
    rtt: Option<DurationV1>,
    seen_at_ms: Option<u64>,
}

impl<'a> From<&'a NodeView> for NodeViewV1<'a> {
    fn from(view: &'a NodeView) -> Self {
        NodeViewV1 {
            node: view.node.0,
            name: &view.name,
            roles: view.roles.iter().copied().map(Into::into).collect(),
            address: &view.address,
            state: view.state.into(),
            capacity: (&view.capacity).into(),
            running: view.running,
            rtt: view.rtt.map(Into::into),
            seen_at_ms: view.seen_at_ms,
        }
    }
}

impl TryFrom<&ArchivedNodeViewV1<'_>> for NodeView {
    type Error = WireError;

    fn try_from(form: &ArchivedNodeViewV1<'_>) -> Result<Self, WireError> {
        Ok(NodeView {
            node: NodeId(form.node.to_native()),
            name: form.name.to_string(),
            roles: form.roles.iter().map(Into::into).collect(),
            address: form.address.to_string(),
            state: (&form.state).into(),
            capacity: (&form.capacity).into(),
            running: form.running.to_native(),
            rtt: form.rtt.as_ref().map(TryInto::try_into).transpose()?,
            seen_at_ms: form.seen_at_ms.as_ref().map(|ms| ms.to_native()),
            vitals: None,
        })
    }
}

/// [`StatusView`].
#[derive(Debug, Archive, Serialize)]
pub(crate) struct StatusViewV1<'a> {
    #[rkyv(with = InlineAsBox)]
    cluster: &'a str,
    node: u64,
    leader: Option<u64>,
    term: u64,
    applied: u64,
    voters: Vec<u64>,
    nodes: Vec<NodeViewV1<'a>>,
    jobs_active: u32,
    tasks_queued: u64,
    #[rkyv(with = InlineAsBox)]
    version: &'a str,
}

impl<'a> From<&'a StatusView> for StatusViewV1<'a> {
    fn from(view: &'a StatusView) -> Self {
        StatusViewV1 {
            cluster: &view.cluster,
            node: view.node.0,
            leader: view.leader.map(|node| node.0),
            term: view.term,
            applied: view.applied,
            voters: view.voters.iter().map(|node| node.0).collect(),
            nodes: view.nodes.iter().map(Into::into).collect(),
            jobs_active: view.jobs_active,
            tasks_queued: view.tasks_queued,
            version: &view.version,
        }
    }
}

impl TryFrom<&ArchivedStatusViewV1<'_>> for StatusView {
    type Error = WireError;

    fn try_from(form: &ArchivedStatusViewV1<'_>) -> Result<Self, WireError> {
        Ok(StatusView {
            cluster: form.cluster.to_string(),
            node: NodeId(form.node.to_native()),
            leader: form.leader.as_ref().map(|node| NodeId(node.to_native())),
            term: form.term.to_native(),
            applied: form.applied.to_native(),
            voters: form.voters.iter().map(|node| NodeId(node.to_native())).collect(),
            nodes: read_all(&form.nodes)?,
            jobs_active: form.jobs_active.to_native(),
            tasks_queued: form.tasks_queued.to_native(),
            version: form.version.to_string(),
            stopped: None,
        })
    }
}

impl Bounded for JobView {
    fn check_bounds(&self) -> Result<(), WireError> {
        name("job's name", &self.name)?;
        name("user's name", &self.user)?;
        self.tasks.check_bounds()?;
        self.first_failure.iter().try_for_each(|(_, failure)| failure.check_bounds())
    }
}

impl Bounded for TaskView {
    fn check_bounds(&self) -> Result<(), WireError> {
        self.outcome.check_bounds()?;
        self.cost.check_bounds()
    }
}

impl Bounded for NodeView {
    fn check_bounds(&self) -> Result<(), WireError> {
        name("node's name", &self.name)?;
        name("node's address", &self.address)?;
        self.capacity.check_bounds()?;
        duration("round-trip time", self.rtt)
    }
}

impl Bounded for StatusView {
    fn check_bounds(&self) -> Result<(), WireError> {
        name("cluster's name", &self.cluster)?;
        self.nodes.check_bounds()?;
        name("program's version", &self.version)
    }
}
