//! The protocol between machines: messages, frames, limits and versions. Pure: no sockets, no clock.

mod decoder;
mod frame;
pub mod limits;
mod message;
mod version;

pub use decoder::{FrameDecoder, Progress};
pub use frame::{Exchange, Frame, FrameError, FrameHeader, HEADER_BYTES, IncomingHeader, MessageType, TraceContext};
pub use message::{
    AttemptRange, FinishedTasks, JobView, JoinRequest, JoinedNode, LeaderMessage, NodeState, NodeView, Refusal,
    Request, Response, StatusView, TaskDetail, TaskView, WorkerMessage,
};
pub use version::ProtocolVersion;
