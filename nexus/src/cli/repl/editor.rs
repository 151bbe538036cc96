//! The text that is being typed: keys in, text and cursor out. It knows nothing of terminals.

/// A key, or what a terminal sends like one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Key {
    Text(String),
    Enter,
    Tab,
    Backspace,
    Delete,
    Left,
    Right,
    WordLeft,
    WordRight,
    Up,
    Down,
    Home,
    End,
    KillToEnd,
    KillToStart,
    KillWord,
    Cancel,
    Leave,
    Other,
}

/// What a key leads to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// The text or cursor may be another now.
    Changed,
    /// The piece is whole.
    Done,
    /// The piece is given up.
    Cancelled,
    /// The conversation is over.
    End,
    /// Nothing fits exactly: these do.
    Candidates(Vec<String>),
}

/// Most bytes of a piece; what is pasted beyond is left out.
const PIECE_BYTES_MAX: usize = 1 << 20;

/// The text that is being typed.
pub(super) struct Editor<'a> {
    text: String,
    /// Byte offset, on a character.
    cursor: usize,
    history: &'a [String],
    /// Where in the history it looks; at its length the text is the person's own.
    at: usize,
    /// The person's own text while the history is looked at.
    own: String,
    names: &'a [String],
}

impl<'a> Editor<'a> {
    /// An empty text.
    pub(super) fn new(history: &'a [String], names: &'a [String]) -> Self {
        Editor { text: String::new(), cursor: 0, history, at: history.len(), own: String::new(), names }
    }

    /// The text.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// The text before the cursor.
    pub(super) fn before(&self) -> &str {
        &self.text[..self.cursor]
    }

    /// Takes a key. `is_incomplete` says whether Enter must go on with the next line.
    pub(super) fn press(&mut self, key: Key, is_incomplete: impl Fn(&str) -> bool) -> Step {
        match key {
            Key::Text(text) => self.insert(&text),
            Key::Enter => return self.enter(is_incomplete),
            Key::Tab => return self.complete(),
            Key::Backspace => self.cut(self.left(), self.cursor),
            Key::Delete => self.cut(self.cursor, self.right()),
            Key::Left => self.cursor = self.left(),
            Key::Right => self.cursor = self.right(),
            Key::WordLeft => self.cursor = self.word_left(),
            Key::WordRight => self.cursor = self.word_right(),
            Key::Up => self.vertical(false),
            Key::Down => self.vertical(true),
            Key::Home => self.cursor = self.line_start(),
            Key::End => self.cursor = self.line_end(),
            Key::KillToEnd => self.cut(self.cursor, self.line_end()),
            Key::KillToStart => self.cut(self.line_start(), self.cursor),
            Key::KillWord => self.cut(self.word_left(), self.cursor),
            Key::Cancel => return Step::Cancelled,
            Key::Leave if self.text.is_empty() => return Step::End,
            Key::Leave => self.cut(self.cursor, self.right()),
            Key::Other => {}
        }
        Step::Changed
    }

    fn insert(&mut self, text: &str) {
        let text: String = text.replace("\r\n", "\n").replace('\r', "\n").replace('\t', "    ");
        let text: String = text.chars().filter(|c| *c == '\n' || !c.is_control()).collect();
        if self.text.len() + text.len() <= PIECE_BYTES_MAX {
            self.text.insert_str(self.cursor, &text);
            self.cursor += text.len();
        }
    }

    fn enter(&mut self, is_incomplete: impl Fn(&str) -> bool) -> Step {
        // An empty line ends a piece in any case, and Enter in the middle of it divides a line.
        let waits = !self.text.ends_with('\n') && !self.text.starts_with(':') && is_incomplete(&self.text);
        let inside = self.cursor < self.text.len() && self.text.contains('\n');
        if waits || inside {
            let indent: String = self.text[self.line_start()..self.cursor].chars().take_while(|c| *c == ' ').collect();
            self.insert(&format!("\n{indent}"));
            return Step::Changed;
        }
        self.cursor = self.text.len();
        Step::Done
    }

    fn cut(&mut self, from: usize, to: usize) {
        self.text.drain(from..to);
        self.cursor = from;
    }

    fn left(&self) -> usize {
        self.before().char_indices().next_back().map_or(0, |(at, _)| at)
    }

    fn right(&self) -> usize {
        self.text[self.cursor..].chars().next().map_or(self.cursor, |c| self.cursor + c.len_utf8())
    }

    fn word_left(&self) -> usize {
        let trimmed = self.before().trim_end_matches(|c: char| !is_word(c));
        trimmed.trim_end_matches(is_word).len()
    }

    fn word_right(&self) -> usize {
        let rest = &self.text[self.cursor..];
        let behind = rest.trim_start_matches(|c: char| !is_word(c)).trim_start_matches(is_word);
        self.text.len() - behind.len()
    }

    fn line_start(&self) -> usize {
        self.before().rfind('\n').map_or(0, |at| at + 1)
    }

    fn line_end(&self) -> usize {
        self.text[self.cursor..].find('\n').map_or(self.text.len(), |at| self.cursor + at)
    }

    /// Up and down: between the lines of the text, and beyond them through the history.
    fn vertical(&mut self, down: bool) {
        let start = self.line_start();
        let column = self.text[start..self.cursor].chars().count();
        let other = if down {
            self.text[self.cursor..].find('\n').map(|at| self.cursor + at + 1)
        } else {
            start.checked_sub(1).map(|end| self.text[..end].rfind('\n').map_or(0, |at| at + 1))
        };
        if let Some(start) = other {
            let line = self.text[start..].split('\n').next().unwrap_or("");
            self.cursor = start + line.char_indices().nth(column).map_or(line.len(), |(at, _)| at);
            return;
        }
        let next = if down { (self.at + 1).min(self.history.len()) } else { self.at.saturating_sub(1) };
        if next == self.at {
            return;
        }
        if self.at == self.history.len() {
            self.own.clone_from(&self.text);
        }
        self.at = next;
        self.text = self.history.get(next).unwrap_or(&self.own).clone();
        self.cursor = self.text.len();
    }

    fn complete(&mut self) -> Step {
        let before = self.before();
        let start = before.trim_end_matches(|c: char| is_word(c) || c == '.').len();
        let word = before[start..].to_owned();
        if word.is_empty() {
            self.insert("    ");
            return Step::Changed;
        }
        let fitting: Vec<&String> = self.names.iter().filter(|name| name.starts_with(&word)).collect();
        let Some(first) = fitting.first() else { return Step::Changed };
        let common = fitting.iter().fold(first.as_str(), |common, name| shared(common, name));
        if common.len() > word.len() {
            let rest = common[word.len()..].to_owned();
            self.insert(&rest);
            return Step::Changed;
        }
        Step::Candidates(fitting.into_iter().cloned().collect())
    }
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// What two names begin with.
fn shared<'n>(a: &'n str, b: &str) -> &'n str {
    let length: usize = a.chars().zip(b.chars()).take_while(|(x, y)| x == y).map(|(c, _)| c.len_utf8()).sum();
    &a[..length]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(keys: &[Key], history: &[&str], names: &[&str]) -> (String, usize) {
        let owned = |words: &[&str]| words.iter().map(ToString::to_string).collect::<Vec<_>>();
        let (history, names) = (owned(history), owned(names));
        let mut editor = Editor::new(&history, &names);
        for key in keys {
            editor.press(key.clone(), |text| text.contains('('));
        }
        (editor.text().to_owned(), editor.before().chars().count())
    }

    fn text(text: &str) -> Key {
        Key::Text(text.to_owned())
    }

    #[test]
    fn keys_edit_where_the_cursor_is() {
        let keys = [text("añb"), Key::Left, Key::Left, Key::Backspace, text("x"), Key::End, Key::Delete, Key::Home];
        assert_eq!(typed(&keys, &[], &[]), ("xñb".to_owned(), 0));
        let keys = [text("one two.three"), Key::WordLeft, Key::KillWord, Key::KillToEnd];
        assert_eq!(typed(&keys, &[], &[]), ("one ".to_owned(), 4));
        assert_eq!(typed(&[text("a\u{1b}[31m\tb")], &[], &[]), ("a[31m    b".to_owned(), 10));
    }

    #[test]
    fn enter_goes_on_while_something_is_open() {
        let mut editor = Editor::new(&[], &[]);
        let open = |text: &str| text.matches('(').count() > text.matches(')').count();
        editor.press(text("  f("), open);
        assert_eq!(editor.press(Key::Enter, open), Step::Changed);
        assert_eq!(editor.text(), "  f(\n  ", "the indentation is kept");
        editor.press(text(")"), open);
        assert_eq!(editor.press(Key::Enter, open), Step::Done);
    }

    #[test]
    fn up_and_down_walk_lines_and_then_the_history() {
        let keys = [text("own"), Key::Up, Key::Up];
        assert_eq!(typed(&keys, &["old", "two\nlines"], &[]).0, "two\nlines", "inside the piece first");
        let keys = [text("own"), Key::Up, Key::Up, Key::Up, Key::Down, Key::Down, Key::Down];
        assert_eq!(typed(&keys, &["a", "b"], &[]).0, "own");
    }

    #[test]
    fn tab_completes_as_far_as_it_is_clear() {
        let names = ["tensor.ones", "tensor.ones_like", "tensor.zeros", "total"];
        assert_eq!(typed(&[text("x = ten"), Key::Tab], &[], &names).0, "x = tensor.");
        assert_eq!(typed(&[text("tensor.o"), Key::Tab], &[], &names).0, "tensor.ones");
        assert_eq!(typed(&[text("tot"), Key::Tab], &[], &names).0, "total");
        assert_eq!(typed(&[Key::Tab], &[], &names).0, "    ");
    }
}
