//! The runtime's own timelines: the lives of jobs and nodes as events on the slots of nodes, and what a job would have
//! taken otherwise.
//!
//! What happened is told by whoever knows (the runtime's ledger); nothing here asks anybody.

mod lanes;
mod life;
mod predict;
mod replay;
mod times;

pub use life::{Happened, What, life_timeline};
pub use predict::{Change, Offer, Prediction, RanJob, RanTask, predict};
pub use times::{Factor, SeenTimes, TaskTimes};
