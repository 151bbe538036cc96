//! The protocol between machines: messages, frames, limits and versions. Pure: no sockets, no clock.

pub mod archived;
mod audit;
mod cluster;
mod decision;
mod decoder;
mod frame;
mod health;
mod life;
pub mod limits;
mod log;
mod message;
mod schedule;
mod timeline;
mod version;

pub use archived::{
    WireError, decode_join, decode_leader_message, decode_request, decode_response, decode_worker_message,
    encode_leader_message, encode_request, encode_response, encode_worker_message,
};
pub use audit::{AuditEntry, AuditPage, AuditRequest};
pub use cluster::{ClusterRequest, ClusterResponse, EngineUse, RelayedCaller, RenewedCertificates};
pub use decision::{DecisionMethod, DecisionQuestion, DecisionRequest, DecisionResponse};
pub use decoder::{FrameDecoder, Progress};
pub use frame::{
    Exchange, Frame, FrameError, FrameHeader, HEADER_BYTES, IncomingHeader, MessageType, NoTraceContext, TraceContext,
};
pub use health::{Health, Stopped};
pub use life::{Fate, Life, LifeEntry, LifeEvent};
pub use log::{LogPiece, LogPosition, LogQuery, LogState};
pub use message::{
    AttemptRange, FinishedTasks, JobView, JoinRequest, JoinedNode, LeaderMessage, NodeState, NodeView, REUSED_ON,
    Refusal, Request, Response, StatusView, TaskDetail, TaskView, WorkerMessage,
};
pub use schedule::{ScheduleRequest, ScheduleResponse, ScheduleView};
pub use timeline::{KeptRequest, PastRun, TimelineRequest, TimelineResponse};
pub use version::ProtocolVersion;
