//! What the replicated log drives: a deterministic state machine.
//!
//! The cluster's machine is the ledger (see `ledger.rs`); tests use small ones. The trait is the whole of what this crate
//! knows about commands and state.

use std::fmt;

/// A deterministic state machine that can be written down and read again.
///
/// Every node applies the same commands in the same order, so everything here depends on the arguments alone: no clock, no
/// randomness, no input or output.
pub trait StateMachine: Sized + Send + Sync + 'static {
    /// What is proposed.
    type Command: Send + 'static;
    /// What the proposer gets back.
    type Reply: Send + Sync + fmt::Debug + 'static;
    /// What the owner of this node has to do or know because of the command.
    type Effects: Send + 'static;

    /// The state before the first command.
    fn empty() -> Self;

    /// A command as bytes that this and later versions can decode. They are kept in the log for as long as the log is.
    ///
    /// # Errors
    /// Why this command cannot be written down.
    fn encode_command(command: &Self::Command) -> Result<Vec<u8>, String>;

    /// The command of these bytes.
    ///
    /// # Errors
    /// Why these are not the bytes of a command. In the log of a healthy cluster that means that a newer version wrote them.
    fn decode_command(bytes: &[u8]) -> Result<Self::Command, String>;

    /// Applies the command of the log entry at `index`. Called once for each entry, in the order of the log.
    fn apply(&mut self, index: u64, command: Self::Command) -> (Self::Reply, Self::Effects);

    /// The whole state as bytes that this and later versions can decode.
    ///
    /// # Errors
    /// Why this state cannot be written down; consensus on this node ends with it.
    fn encode_snapshot(&self) -> Result<Vec<u8>, String>;

    /// The state of these bytes.
    ///
    /// # Errors
    /// Why these are not the bytes of a state.
    fn decode_snapshot(bytes: &[u8]) -> Result<Self, String>;
}
