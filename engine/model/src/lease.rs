//! How long a worker that is not heard of keeps its tasks: one number, by which leases end and losses are priced.
//!
//! Not a clock: who counts is the scheduler actor, on a clock that runs during sleep.

use std::time::Duration;

/// Without a sign of life for this long, a worker's tasks go back to the queue.
pub const WORKER_LEASE: Duration = Duration::from_secs(5);
