//! The ledger as the state machine of the log.

use nexus_ledger::{Command, Effect, Ledger, Rejection, Reply};

use crate::machine::StateMachine;

impl StateMachine for Ledger {
    type Command = Command;
    type Reply = Result<Reply, Rejection>;
    type Effects = Vec<Effect>;

    fn empty() -> Self {
        Ledger::new()
    }

    fn encode_command(command: &Command) -> Result<Vec<u8>, String> {
        nexus_ledger::encode_command(command).map_err(|error| error.to_string())
    }

    fn decode_command(bytes: &[u8]) -> Result<Command, String> {
        nexus_ledger::decode_command(bytes).map_err(|error| error.to_string())
    }

    fn apply(&mut self, index: u64, command: Command) -> (Self::Reply, Vec<Effect>) {
        let applied = Ledger::apply(self, index, command);
        (applied.reply, applied.effects)
    }

    fn encode_snapshot(&self) -> Result<Vec<u8>, String> {
        Ledger::encode_snapshot(self).map_err(|error| error.to_string())
    }

    fn decode_snapshot(bytes: &[u8]) -> Result<Self, String> {
        Ledger::decode_snapshot(bytes).map_err(|error| error.to_string())
    }
}
