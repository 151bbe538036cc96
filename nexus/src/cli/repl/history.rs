//! What was typed before, kept in a file of the data folder: one piece a line.

use std::path::PathBuf;

/// Pieces that are kept.
const ENTRIES_MAX: usize = 1000;
/// Longer pieces are not kept.
const ENTRY_BYTES_MAX: usize = 16 << 10;

/// What was typed before, oldest first.
#[derive(Debug, Default)]
pub(super) struct History {
    entries: Vec<String>,
    file: PathBuf,
}

impl History {
    /// What the file holds. Without a readable file the history begins empty.
    pub(super) fn load(file: PathBuf) -> Self {
        let text = std::fs::read_to_string(&file).unwrap_or_default();
        let mut entries: Vec<String> = text.lines().map(unescaped).collect();
        entries.drain(..entries.len().saturating_sub(ENTRIES_MAX));
        History { entries, file }
    }

    /// The pieces, oldest first.
    pub(super) fn entries(&self) -> &[String] {
        &self.entries
    }

    /// Adds a piece, in the file too. That it cannot be written there is no reason to stop.
    pub(super) fn add(&mut self, piece: &str) {
        let piece = piece.trim_end();
        if piece.is_empty() || piece.len() > ENTRY_BYTES_MAX || self.entries.last().is_some_and(|last| last == piece) {
            return;
        }
        if self.entries.len() >= ENTRIES_MAX {
            self.entries.remove(0);
        }
        self.entries.push(piece.to_owned());
        let text: String = self.entries.iter().map(|entry| escaped(entry) + "\n").collect();
        if let Some(folder) = self.file.parent() {
            let written = std::fs::create_dir_all(folder).and_then(|()| std::fs::write(&self.file, text));
            drop(written);
        }
    }
}

fn escaped(piece: &str) -> String {
    piece.replace('\\', "\\\\").replace('\n', "\\n")
}

fn unescaped(line: &str) -> String {
    let mut text = String::with_capacity(line.len());
    let mut characters = line.chars();
    while let Some(character) = characters.next() {
        if character != '\\' {
            text.push(character);
            continue;
        }
        match characters.next() {
            Some('n') => text.push('\n'),
            Some(other) => text.push(other),
            None => text.push('\\'),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_with_several_lines_come_back() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("data/repl-history");
        let mut history = History::load(file.clone());
        for piece in ["x = \"a\\n\"", "if true\n    x\nend\n", "x", "x"] {
            history.add(piece);
        }
        assert_eq!(History::load(file).entries(), ["x = \"a\\n\"", "if true\n    x\nend", "x"]);
    }
}
