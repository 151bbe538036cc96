//! A small state machine for tests: a list of the texts that were written, in order.

use crate::machine::StateMachine;

/// Remembers every text with the index of its entry.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Register {
    pub(crate) texts: Vec<(u64, String)>,
}

impl StateMachine for Register {
    type Command = String;
    type Reply = usize;
    type Effects = String;

    fn empty() -> Self {
        Self::default()
    }

    fn encode_command(command: &String) -> Result<Vec<u8>, String> {
        Ok(command.clone().into_bytes())
    }

    fn decode_command(bytes: &[u8]) -> Result<String, String> {
        String::from_utf8(bytes.to_vec()).map_err(|error| error.to_string())
    }

    fn apply(&mut self, index: u64, command: String) -> (usize, String) {
        self.texts.push((index, command.clone()));
        (self.texts.len(), command)
    }

    fn encode_snapshot(&self) -> Result<Vec<u8>, String> {
        Ok(self.texts.iter().flat_map(|(index, text)| format!("{index} {text}\n").into_bytes()).collect())
    }

    fn decode_snapshot(bytes: &[u8]) -> Result<Self, String> {
        let text = std::str::from_utf8(bytes).map_err(|error| error.to_string())?;
        let line = |line: &str| {
            let (index, text) = line.split_once(' ').ok_or("no index")?;
            Ok((index.parse().map_err(|_| "no number")?, text.to_owned()))
        };
        Ok(Self { texts: text.lines().map(line).collect::<Result<_, String>>()? })
    }
}
