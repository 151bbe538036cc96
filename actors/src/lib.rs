//! The actors: Omega, gateway, scheduler, worker, echo, qlogik, and what puts them together as a node or inside one process.
//!
//! Every actor is a thin shell: it converts, steps a pure core, performs. What decides is in `engine/` and in the pure
//! crates of `cluster/`. Outside this crate there are four ways in: [`node::run`] (a node), [`embedded::run`] (one job in
//! this process), [`client::Client`] (talking to a node) and [`onlooker::Onlooker`] (looking from inside a node).

mod address_book;
mod attachment;
mod certificates;
pub mod client;
mod code_cache;
pub mod codes;
mod collection;
mod control;
mod copies;
mod crew;
mod directory;
mod echo;
pub mod embedded;
mod fetching;
mod gateway;
mod holders;
mod home;
mod leader_link;
pub mod learning;
mod liveness;
pub mod login;
mod membership;
pub mod modules;
pub mod nearby;
pub mod node;
mod omega;
pub mod onlooker;
mod payloads;
mod progress;
mod qlogik;
pub mod recovery;
mod removal;
mod roles;
mod scheduler;
mod service;
pub mod telemetry;
pub mod timelines;
mod vacancy;
mod vitals;
mod worker;

pub use code_cache::{CodeCache, CodeCacheFacts};
pub use membership::{JoinOptions, is_member};
pub use payloads::MemoryPayloads;
pub use worker::{Imports, NO_NEURAL_ENGINE, Optimize, PrintSink, ProfileSink, RunProfile};
