//! The `nexus` command: its verbs, and how its answers look.
//!
//! The binary is a call of [`cli::main`]. What a verb decides is in plain functions here; the language, the actors and
//! the network are other rooms.

pub mod cli;
mod health;
pub mod output;
mod readings;
mod web;
