//! The protocol between machines: messages, frames, limits and versions. Pure: no sockets, no clock.

pub mod limits;
mod message;

pub use message::{
    AttemptRange, FinishedTasks, JobView, JoinRequest, JoinedNode, LeaderMessage, NodeState, NodeView, Refusal,
    Request, Response, StatusView, TaskDetail, TaskView, WorkerMessage,
};
