//! Requests about the logs of tasks, also of those that run: the leader knows who has a task and asks there.

use nexus_model::{IndexRange, TaskState};
use nexus_wire::{ClusterRequest, LogPiece, LogPosition, LogQuery, LogState, Refusal, Request, Response, TaskDetail};

use super::GatewayState;
use super::jobs::no_such_job;
use crate::codes;
use crate::control::{ControlPlane, refusal, stopping};
use crate::worker::ReadHeldLog;

impl GatewayState {
    /// What a task has printed, from whoever has it. Of a task that has ended the ledger has the whole log.
    pub(super) async fn read_log(&self, control: &ControlPlane, query: LogQuery) -> Result<Response, Refusal> {
        let task = query.task;
        let range = IndexRange::new(task.index, task.index.saturating_add(1));
        let found = control.read(|ledger| ledger.tasks(task.job, range, TaskDetail::State, 0)).await?;
        let view = found.ok_or_else(|| no_such_job(task.job))?.pop();
        let view = view.ok_or_else(|| refusal(codes::NO_SUCH_TASK, format!("there is no task {task}")))?;
        // Another attempt prints from the beginning.
        let from = if view.attempts == query.attempt { query.from } else { LogPosition::default() };
        let query = LogQuery { attempt: view.attempts, from, ..query };
        let empty = |state| Ok(Response::Log(LogPiece::empty(state, view.attempts, from)));
        match (view.state, view.node) {
            (TaskState::Waiting | TaskState::Ready, _) => empty(LogState::Waiting),
            (TaskState::Assigned | TaskState::Running, Some(node)) if node == self.node => {
                self.read_held_log(query).await
            }
            (TaskState::Assigned | TaskState::Running, Some(node)) => {
                let request = Request::Cluster(Box::new(ClusterRequest::ReadHeldLog(query)));
                match self.ask_other(control, node, request).await {
                    Ok(Response::Log(piece)) => Ok(Response::Log(piece)),
                    // It may come back, or the task goes elsewhere.
                    Ok(_) | Err(_) => empty(LogState::Waiting),
                }
            }
            (TaskState::Assigned | TaskState::Running, None) => empty(LogState::Waiting),
            (TaskState::Succeeded | TaskState::Failed | TaskState::Cancelled | TaskState::TimedOut, _) => {
                empty(LogState::Ended)
            }
        }
    }

    /// What a task in hand on this node has printed.
    pub(super) async fn read_held_log(&self, query: LogQuery) -> Result<Response, Refusal> {
        let Some(worker) = self.directory.worker.get().await else { return Err(stopping()) };
        // A worker that is just being restarted has its slots still: the follower asks again.
        let piece = worker.send(ReadHeldLog(query)).await;
        Ok(Response::Log(piece.unwrap_or(LogPiece::empty(LogState::Running, query.attempt, query.from))))
    }
}
