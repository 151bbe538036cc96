//! What the campaign is made of; all of it needs Linux.

mod bell;
mod book;
mod chance;
mod clock;
mod error;
mod fault;
mod fleet;
mod injection;
mod network;
mod node;
pub(super) mod options;
mod poison;
mod promises;
mod relay;
mod report;
mod run;
mod sandbox;
mod system;
mod weather;
mod workload;
