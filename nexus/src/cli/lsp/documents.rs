//! An open program: its text, what the language knows of it, and the places as the protocol counts them.
//!
//! The protocol counts lines from 0 and columns in UTF-16 units; the language counts bytes.

use std::ops::Range;
use std::path::{Path, PathBuf};

use nexus_mcode::{Inspection, NameAt, ScopeAt};
use serde_json::{Value, json};

use crate::cli::language::Language;

/// An open program.
pub(super) struct Document {
    pub(super) text: String,
    pub(super) inspection: Inspection,
}

impl Document {
    /// Reads what there is to know of a text.
    pub(super) fn new(language: &impl Language, uri: &str, text: String) -> Self {
        let path = path_of(uri);
        let folder = path.as_deref().and_then(Path::parent);
        let inspection = language.inspect(&name_of(uri), &text, folder);
        Document { text, inspection }
    }

    /// The byte at a position; the nearest one before where there is none.
    pub(super) fn offset(&self, position: &Value) -> u32 {
        let line = position["line"].as_u64().unwrap_or(0);
        let column = position["character"].as_u64().unwrap_or(0);
        let start = usize::try_from(line).ok().and_then(|line| line_start(&self.text, line)).unwrap_or(self.text.len());
        let mut units = 0u64;
        let mut offset = start;
        for character in self.text[start..].chars() {
            if units >= column || character == '\n' {
                break;
            }
            units += character.len_utf16() as u64;
            offset += character.len_utf8();
        }
        offset as u32
    }

    /// A range of bytes as the protocol writes it.
    pub(super) fn range(&self, range: &Range<u32>) -> Value {
        json!({"start": self.position(range.start), "end": self.position(range.end.max(range.start))})
    }

    fn position(&self, offset: u32) -> Value {
        let offset = self.text.floor_char_boundary((offset as usize).min(self.text.len()));
        let before = &self.text[..offset];
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let line = before.bytes().filter(|b| *b == b'\n').count();
        let column: usize = before[line_start..].chars().map(char::len_utf16).sum();
        json!({"line": line, "character": column})
    }

    /// The name at a byte, or just before it.
    pub(super) fn name_at(&self, offset: u32) -> Option<&NameAt> {
        self.inspection.names.iter().find(|name| name.range.start <= offset && offset <= name.range.end)
    }

    /// The scopes around a byte, innermost first.
    pub(super) fn scopes_at(&self, offset: u32) -> impl Iterator<Item = &ScopeAt> {
        self.inspection.scopes.iter().rev().filter(move |s| s.range.start <= offset && offset <= s.range.end)
    }

    /// The word with its dots that ends at a byte: `tensor.on`.
    pub(super) fn word_before(&self, offset: u32) -> &str {
        let end = self.text.floor_char_boundary((offset as usize).min(self.text.len()));
        let before = &self.text[..end];
        let word = |c: char| c.is_alphanumeric() || c == '_' || c == '.';
        let start = before.char_indices().rev().take_while(|(_, c)| word(*c)).last().map_or(end, |(at, _)| at);
        &before[start..]
    }
}

fn line_start(text: &str, line: usize) -> Option<usize> {
    if line == 0 {
        return Some(0);
    }
    text.match_indices('\n').nth(line - 1).map(|(at, _)| at + 1)
}

/// The file behind a `file:` address.
fn path_of(uri: &str) -> Option<PathBuf> {
    let path = uri.strip_prefix("file://")?;
    Some(PathBuf::from(decoded(path)))
}

/// What the program is called in messages: the path, or the address itself.
fn name_of(uri: &str) -> String {
    path_of(uri).map_or_else(|| uri.to_owned(), |path| path.display().to_string())
}

/// Percent signs with two digits as the bytes that they stand for; anything else as it is.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, behind)) = rest.split_first() {
        let digits = behind.get(..2).and_then(|d| std::str::from_utf8(d).ok());
        match digits.and_then(|d| u8::from_str_radix(d, 16).ok()).filter(|_| first == b'%') {
            Some(byte) => {
                bytes.push(byte);
                rest = &behind[2..];
            }
            None => {
                bytes.push(first);
                rest = behind;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(text: &str) -> Document {
        Document { text: text.to_owned(), inspection: Inspection::default() }
    }

    #[test]
    fn columns_are_counted_in_utf16() {
        let document = document("a = 1\nß = \"😀\" + x\n");
        let at = document.text.find('x').unwrap() as u32;
        let range = document.range(&(at..at + 1));
        assert_eq!(range["start"], json!({"line": 1, "character": 11}));
        assert_eq!(document.offset(&range["start"]), at);
        assert_eq!(document.offset(&json!({"line": 0, "character": 99})), 5, "the end of its line");
        assert_eq!(document.offset(&json!({"line": 99, "character": 0})), document.text.len() as u32);
    }

    #[test]
    fn words_go_back_to_what_is_no_name() {
        let document = document("x = tensor.on");
        assert_eq!(document.word_before(13), "tensor.on");
        assert_eq!(document.word_before(4), "");
    }

    #[test]
    fn addresses_become_paths() {
        assert_eq!(name_of("file:///a%20b/%C3%A9.mcode"), "/a b/é.mcode");
        assert_eq!(name_of("untitled:1"), "untitled:1");
        assert_eq!(decoded("100%"), "100%");
    }
}
