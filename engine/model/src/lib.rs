//! The words that every room shares: identities, job and task descriptions, states, outcomes, values, limits and
//! diagnostics.
//!
//! Pure data. No clock, no input or output, no actors; nothing here decides anything. Everything that crosses a room's
//! wall is made of these types, and the wire and store formats convert to and from them explicitly.

mod codec;
mod conditions;
mod cron;
mod diagnostic;
mod execution;
mod ids;
mod job;
mod lease;
mod limits;
mod node;
mod outcome;
mod part;
mod placement;
mod reuse;
mod rule;
mod value;
mod vitals;

pub use codec::{CodecError, VALUE_BYTES_MAX, VALUE_DEPTH_MAX, decode_value, encode_value};
pub use conditions::{AFTER_MAX, BACKOFF_MAX, Conditions, Taken};
pub use cron::{Cron, Recurrence};
pub use diagnostic::{Diagnostic, Label, Severity, Span};
pub use execution::{Execution, JitLevel};
pub use ids::{AttemptToken, BlobHash, JobId, NodeId, ParseIdError, ScheduleId, TaskId};
pub use job::{
    ARRAY_TASKS_MAX, ArgumentSource, GPU_MILLI, IndexRange, Input, JobSpec, JobState, Program, Resources, RetryPolicy,
    SpecError, TaskState,
};
pub use lease::WORKER_LEASE;
pub use limits::{LimitHit, LimitKind, LimitLevel, Limits};
pub use node::{DeviceChoice, DeviceInfo, DeviceKind, NodeCapacity, NodeRole};
pub use outcome::{Cost, Failure, INLINE_BYTES_MAX, Outcome, Payload, TaskOutput};
pub use placement::{
    COPIES_MAX, LABEL_BYTES_MAX, LABELS_MAX, LabelError, Labels, NODE_LABEL, Relation, SELECTORS_MAX, Selection,
    Selector, WATTS_LABEL,
};
pub use reuse::{Reuse, Reused};
pub use rule::{Action, Condition, Quantity, Readings, Rule, RuleError, Test};
pub use value::{DType, TensorData, TensorDataError, Value};
pub use vitals::{GpuUse, REASON_BYTES_MAX, RULES_MAX, Vitals};
