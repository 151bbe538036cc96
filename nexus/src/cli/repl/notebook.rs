//! What a conversation has made so far: functions and watches as text, variables as values.

use nexus_mcode::{Kept, PieceResult};
use nexus_model::Value;

/// What was made so far.
#[derive(Debug, Default)]
pub(super) struct Notebook {
    /// Functions and imports by name, as the text that defines each again.
    definitions: Vec<(String, String)>,
    /// Variables that are watched, with the text that watches each again.
    watches: Vec<(String, String)>,
    variables: Vec<(String, Kept)>,
    pieces: u64,
}

impl Notebook {
    /// The variables with their values; `_` is the last value.
    pub(super) fn variables(&self) -> &[(String, Kept)] {
        &self.variables
    }

    /// How many pieces have run.
    pub(super) fn pieces(&self) -> u64 {
        self.pieces
    }

    /// Every name that stands for something.
    pub(super) fn names(&self) -> impl Iterator<Item = String> + '_ {
        self.definitions.iter().map(|(n, _)| n.clone()).chain(self.variables.iter().map(|(n, _)| n.clone()))
    }

    /// The piece with the definitions and watches of those before behind it, where its places stay what they are. What it
    /// defines itself is left out.
    pub(super) fn source_of(&self, text: &str) -> String {
        let piece = nexus_mcode::piece(text);
        let mut source = text.trim_end().to_owned();
        source.push('\n');
        for (name, definition) in &self.definitions {
            if !piece.assigned.contains(name) && !piece.definitions.iter().any(|(own, _)| own == name) {
                source.push_str(definition);
                source.push('\n');
            }
        }
        let is_there = |name: &String| self.variables.iter().any(|(variable, _)| variable == name);
        for (_, watch) in self.watches.iter().filter(|(name, _)| is_there(name)) {
            source.push_str(watch);
            source.push('\n');
        }
        source
    }

    /// Takes over what a piece that has run leaves behind; gives the variables whose values are gone.
    pub(super) fn remember(&mut self, text: &str, result: &PieceResult) -> Vec<String> {
        let piece = nexus_mcode::piece(text);
        self.pieces += 1;
        self.definitions.retain(|(name, _)| !piece.assigned.contains(name));
        for (name, definition) in piece.definitions {
            self.definitions.retain(|(known, _)| *known != name);
            self.definitions.push((name, definition));
        }
        self.watches.extend(piece.watches);
        self.variables.clone_from(&result.variables);
        self.variables.retain(|(name, _)| !self.definitions.iter().any(|(defined, _)| defined == name));
        if result.run.result != Value::None {
            self.variables.retain(|(name, _)| name != "_");
            self.variables.push(("_".to_owned(), Kept::Data(result.run.result.clone())));
        }
        let is_gone = |name: &&String| !self.definitions.iter().any(|(defined, _)| defined == *name);
        result.lost.iter().filter(is_gone).cloned().collect()
    }
}

/// What kind of value a variable has.
pub(super) fn kind_of_kept(kept: &Kept) -> String {
    match kept {
        Kept::Data(value) => kind_of(value),
        Kept::Held(held) => held.kind().to_owned(),
    }
}

/// `f32[2, 3]`, `list of 3`, `int`.
pub(super) fn kind_of(value: &Value) -> String {
    match value {
        Value::Tensor(data) => format!("{}{:?}", data.dtype(), data.shape()),
        Value::List(items) => format!("list of {}", items.len()),
        Value::Record(fields) => {
            let fields: Vec<String> =
                fields.iter().map(|(name, value)| format!("{name}: {}", kind_of(value))).collect();
            format!("record {{{}}}", fields.join(", "))
        }
        other => other.kind().to_owned(),
    }
}
