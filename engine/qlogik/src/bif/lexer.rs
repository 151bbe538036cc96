//! BIF text to words and punctuation.
//!
//! A word is any run of characters that are not white space or punctuation: states are called `<5`, `5-12` or `90%` in
//! published networks. Driven by the parser.

use crate::findings::Range;

/// One word, quoted text, or punctuation mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Token<'a> {
    Word(&'a str),
    Mark(char),
    End,
}

/// Reads tokens one by one.
pub(super) struct Lexer<'a> {
    text: &'a str,
    at: usize,
}

const MARKS: &[u8] = b"{}()[]|,;\"";

impl<'a> Lexer<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Lexer { text: text.strip_prefix('\u{feff}').unwrap_or(text), at: 0 }
    }

    /// The next token and where it stands. The range counts from the start of the text that was given.
    pub(super) fn next(&mut self) -> (Token<'a>, Range) {
        self.skip_space();
        let bytes = self.text.as_bytes();
        let start = self.at;
        let Some(&first) = bytes.get(start) else { return (Token::End, start..start) };
        if first == b'"' {
            let length = self.text[start + 1..].find('"').unwrap_or(self.text.len() - start - 1);
            self.at = (start + length + 2).min(self.text.len());
            return (Token::Word(&self.text[start + 1..start + 1 + length]), start..self.at);
        }
        if MARKS.contains(&first) {
            self.at += 1;
            return (Token::Mark(char::from(first)), start..self.at);
        }
        let stops = |&byte: &u8| MARKS.contains(&byte) || byte.is_ascii_whitespace();
        let length = bytes[start..].iter().position(stops).unwrap_or(bytes.len() - start);
        self.at = start + length;
        (Token::Word(&self.text[start..self.at]), start..self.at)
    }

    fn skip_space(&mut self) {
        loop {
            let rest = &self.text[self.at..];
            let trimmed = rest.trim_start_matches(|c: char| c.is_ascii_whitespace());
            self.at += rest.len() - trimmed.len();
            let comment = if trimmed.starts_with("//") {
                trimmed.find('\n').unwrap_or(trimmed.len())
            } else if trimmed.starts_with("/*") {
                trimmed.find("*/").map_or(trimmed.len(), |end| end + 2)
            } else {
                return;
            };
            self.at += comment;
        }
    }
}
