//! The terminal below the editor: raw mode while something is typed, bytes to keys, text to the screen.

use std::io::{self, Read, Write};

use rustix::termios::{OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr};

use super::editor::{Editor, Key, Step};

const PROMPT: &str = "» ";
const MORE: &str = "… ";
/// Columns of a prompt.
const PROMPT_COLUMNS: usize = 2;
/// Candidates of a completion that are shown.
const CANDIDATES_MAX: usize = 60;
/// Most bytes of one escape sequence or paste marker.
const SEQUENCE_MAX: usize = 16;

/// What a person typed.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Entered {
    Piece(String),
    /// Given up with Ctrl-C.
    Nothing,
    End,
}

/// The terminal of this process.
#[derive(Debug, Default)]
pub(super) struct Terminal {
    /// Rows between the first one of the text and the cursor, as it is drawn.
    row: usize,
}

/// Raw mode, until it is dropped.
struct Raw {
    before: Termios,
}

impl Raw {
    fn begin() -> io::Result<Self> {
        let before = tcgetattr(io::stdin())?;
        let mut raw = before.clone();
        raw.make_raw();
        tcsetattr(io::stdin(), OptionalActions::Flush, &raw)?;
        // Ask for pasted text to be marked as such.
        write_out("\x1b[?2004h")?;
        Ok(Raw { before })
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        // There is nobody left to tell.
        let _ = write_out("\x1b[?2004l");
        let _ = tcsetattr(io::stdin(), OptionalActions::Flush, &self.before);
    }
}

fn write_out(text: &str) -> io::Result<()> {
    let mut out = io::stderr().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}

impl Terminal {
    /// Lets a person type a piece.
    pub(super) fn read(
        &mut self,
        history: &[String],
        names: &[String],
        is_incomplete: impl Fn(&str) -> bool,
    ) -> io::Result<Entered> {
        let raw = Raw::begin()?;
        let mut editor = Editor::new(history, names);
        let mut input = io::stdin().lock();
        self.row = 0;
        self.draw(&editor)?;
        loop {
            let Some(key) = key(&mut input)? else { return Ok(Entered::End) };
            let step = editor.press(key, &is_incomplete);
            match step {
                Step::Changed => self.draw(&editor)?,
                Step::Candidates(candidates) => self.offer(&candidates, &editor)?,
                Step::Done | Step::Cancelled | Step::End => {
                    self.draw(&editor)?;
                    write_out("\r\n")?;
                    drop(raw);
                    return Ok(match step {
                        Step::Done => Entered::Piece(editor.text().to_owned()),
                        Step::End => Entered::End,
                        _ => Entered::Nothing,
                    });
                }
            }
        }
    }

    /// Draws the text over what was drawn last, and puts the cursor into place.
    fn draw(&mut self, editor: &Editor<'_>) -> io::Result<()> {
        let columns = tcgetwinsize(io::stderr()).map_or(80, |size| usize::from(size.ws_col)).max(PROMPT_COLUMNS + 2);
        let mut out = String::new();
        if self.row > 0 {
            out.push_str(&format!("\x1b[{}A", self.row));
        }
        out.push_str("\r\x1b[J");
        let (row, column) = place(editor.before(), columns);
        let (last, _) = place(editor.text(), columns);
        for (index, line) in editor.text().split('\n').enumerate() {
            if index > 0 {
                out.push_str("\r\n");
            }
            out.push_str(if index == 0 { PROMPT } else { MORE });
            out.push_str(line);
            // A line that fills its row leaves the cursor there: move on by ourselves.
            if (PROMPT_COLUMNS + line.chars().count()).is_multiple_of(columns) {
                out.push_str("\r\n");
            }
        }
        if last > row {
            out.push_str(&format!("\x1b[{}A", last - row));
        }
        out.push('\r');
        if column > 0 {
            out.push_str(&format!("\x1b[{column}C"));
        }
        self.row = row;
        write_out(&out)
    }

    /// Shows candidates below the text.
    fn offer(&mut self, candidates: &[String], editor: &Editor<'_>) -> io::Result<()> {
        let mut shown = candidates.iter().take(CANDIDATES_MAX).cloned().collect::<Vec<_>>().join("  ");
        if candidates.len() > CANDIDATES_MAX {
            shown.push_str(&format!("  … {} more", candidates.len() - CANDIDATES_MAX));
        }
        write_out(&format!("\r\n\x1b[J{shown}\r\n"))?;
        self.row = 0;
        self.draw(editor)
    }
}

/// Row and column of the end of a text, prompts included.
fn place(text: &str, columns: usize) -> (usize, usize) {
    let lines = text.split('\n').map(|line| PROMPT_COLUMNS + line.chars().count());
    let (mut row, mut column) = (0, 0);
    for (index, width) in lines.enumerate() {
        row += usize::from(index > 0) + width / columns;
        column = width % columns;
    }
    (row, column)
}

/// Reads a key; `None` at the end of the input.
fn key(input: &mut impl Read) -> io::Result<Option<Key>> {
    let Some(first) = byte(input)? else { return Ok(None) };
    Ok(Some(match first {
        b'\r' | b'\n' => Key::Enter,
        b'\t' => Key::Tab,
        0x7f | 0x08 => Key::Backspace,
        0x01 => Key::Home,
        0x02 => Key::Left,
        0x03 => Key::Cancel,
        0x04 => Key::Leave,
        0x05 => Key::End,
        0x06 => Key::Right,
        0x0b => Key::KillToEnd,
        0x0e => Key::Down,
        0x10 => Key::Up,
        0x15 => Key::KillToStart,
        0x17 => Key::KillWord,
        0x1b => sequence(input)?,
        0x00..=0x1f => Key::Other,
        _ => character(first, input)?,
    }))
}

fn byte(input: &mut impl Read) -> io::Result<Option<u8>> {
    let mut bytes = [0];
    loop {
        match input.read(&mut bytes) {
            Ok(0) => return Ok(None),
            Ok(_) => return Ok(Some(bytes[0])),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// The rest of a character in UTF-8.
fn character(first: u8, input: &mut impl Read) -> io::Result<Key> {
    let length = match first {
        0xc0..=0xdf => 2,
        0xe0..=0xef => 3,
        0xf0..=0xf7 => 4,
        _ => 1,
    };
    let mut bytes = vec![first];
    while bytes.len() < length {
        match byte(input)? {
            Some(next) => bytes.push(next),
            None => break,
        }
    }
    Ok(std::str::from_utf8(&bytes).map_or(Key::Other, |text| Key::Text(text.to_owned())))
}

/// What follows an escape.
fn sequence(input: &mut impl Read) -> io::Result<Key> {
    match byte(input)? {
        Some(b'[' | b'O') => {}
        Some(b'b') => return Ok(Key::WordLeft),
        Some(b'f') => return Ok(Key::WordRight),
        Some(0x7f) => return Ok(Key::KillWord),
        _ => return Ok(Key::Other),
    }
    let mut bytes = Vec::new();
    while bytes.len() < SEQUENCE_MAX {
        let Some(next) = byte(input)? else { break };
        bytes.push(next);
        if next.is_ascii_alphabetic() || next == b'~' {
            break;
        }
    }
    Ok(match bytes.as_slice() {
        b"A" => Key::Up,
        b"B" => Key::Down,
        b"C" => Key::Right,
        b"D" => Key::Left,
        b"H" | b"1~" | b"7~" => Key::Home,
        b"F" | b"4~" | b"8~" => Key::End,
        b"3~" => Key::Delete,
        b"1;5D" | b"1;3D" => Key::WordLeft,
        b"1;5C" | b"1;3C" => Key::WordRight,
        b"200~" => pasted(input)?,
        _ => Key::Other,
    })
}

/// Pasted text, up to the mark of its end.
fn pasted(input: &mut impl Read) -> io::Result<Key> {
    const END: &[u8] = b"\x1b[201~";
    let mut bytes = Vec::new();
    while !bytes.ends_with(END) {
        match byte(input)? {
            Some(next) => bytes.push(next),
            None => break,
        }
    }
    let text = bytes.strip_suffix(END).unwrap_or(&bytes);
    Ok(Key::Text(String::from_utf8_lossy(text).into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(bytes: &[u8]) -> Vec<Key> {
        let mut input = bytes;
        std::iter::from_fn(|| key(&mut input).expect("bytes can be read")).collect()
    }

    #[test]
    fn bytes_become_keys() {
        let text = |text: &str| Key::Text(text.to_owned());
        assert_eq!(keys("aß\r".as_bytes()), [text("a"), text("ß"), Key::Enter]);
        assert_eq!(
            keys(b"\x1b[A\x1b[3~\x1b[1;5D\x1bOH\x03"),
            [Key::Up, Key::Delete, Key::WordLeft, Key::Home, Key::Cancel]
        );
        assert_eq!(keys(b"\x1b[200~x\ny\x1b[201~z"), [text("x\ny"), text("z")]);
        assert_eq!(keys(b"\xff\x1b"), [Key::Other, Key::Other]);
    }

    #[test]
    fn the_cursor_is_found_on_lines_that_wrap() {
        assert_eq!(place("", 10), (0, 2));
        assert_eq!(place("12345678", 10), (1, 0));
        assert_eq!(place("1\n12", 10), (1, 4));
        assert_eq!(place("123456789012\nx", 10), (2, 3));
    }
}
