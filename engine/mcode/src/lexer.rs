//! Text to tokens.
//!
//! The lexer knows nothing of grammar: it emits every newline, and the parser decides which of them end a statement.
//! What it cannot read becomes an `Invalid` token and a diagnostic, and it goes on behind it.

use std::borrow::Cow;

use crate::codes::Code;
use crate::parser::habits::CHOICE;
use crate::report::Reporter;
use crate::source::{ByteSpan, SOURCE_BYTES_MAX, Source};
use crate::token::{Token, TokenKind};

/// Splits `source` into tokens, comments left out, ending with one `End`.
pub(crate) fn tokenize(source: &Source, reporter: &mut Reporter) -> Vec<Token> {
    scan(source, reporter).0
}

/// Whether a line of the program begins with attributes of which one has this name: what a command needs to know before it
/// compiles. Comments, text and products (`a @ name`) count for nothing.
pub fn mentions_attribute(text: &str, name: &str) -> bool {
    let source = Source::new("program", text);
    let tokens = tokenize(&source, &mut Reporter::new());
    tokens.split(|token| token.kind == TokenKind::Newline).any(|line| {
        line.first().is_some_and(|first| first.kind == TokenKind::At)
            && line.windows(2).any(|pair| {
                let [at, named] = [pair[0], pair[1]];
                let called = &source.text[named.span.start as usize..named.span.end as usize];
                at.kind == TokenKind::At && called == name
            })
    })
}

/// Like [`tokenize`], and the places of the comments too, for the formatter.
pub(crate) fn scan(source: &Source, reporter: &mut Reporter) -> (Vec<Token>, Vec<ByteSpan>) {
    if source.text.len() > SOURCE_BYTES_MAX {
        let at = ByteSpan::default();
        reporter
            .error(Code::SourceTooLarge, at, format!("the program is longer than {} MiB", SOURCE_BYTES_MAX >> 20))
            .help("split it into modules and import them, or read data with `input(\"name\")`");
        return (vec![Token { kind: TokenKind::End, span: at }], Vec::new());
    }
    let mut lexer = Lexer {
        text: &source.text,
        bytes: source.text.as_bytes(),
        at: 0,
        tokens: Vec::with_capacity(source.text.len() / 4),
        comments: Vec::new(),
        reporter,
    };
    while lexer.at < lexer.bytes.len() {
        lexer.token();
    }
    let end = ByteSpan::new(lexer.at, lexer.at);
    lexer.tokens.push(Token { kind: TokenKind::End, span: end });
    (lexer.tokens, lexer.comments)
}

/// The bytes below 0x80 that names may go on with.
const IN_NAMES: [bool; 256] = {
    let mut in_names = [false; 256];
    let mut byte: u8 = 0;
    while byte < 0x80 {
        in_names[byte as usize] = byte.is_ascii_alphanumeric() || byte == b'_';
        byte += 1;
    }
    in_names
};

struct Lexer<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    tokens: Vec<Token>,
    comments: Vec<ByteSpan>,
    reporter: &'a mut Reporter,
}

impl Lexer<'_> {
    fn peek(&self, ahead: usize) -> u8 {
        self.bytes.get(self.at + ahead).copied().unwrap_or(0)
    }

    fn push(&mut self, kind: TokenKind, start: usize) {
        self.tokens.push(Token { kind, span: ByteSpan::new(start, self.at) });
    }

    fn token(&mut self) {
        let start = self.at;
        match self.bytes[start] {
            b' ' | b'\t' | b'\r' => {
                let spaces = self.bytes[start..].iter().position(|&byte| !matches!(byte, b' ' | b'\t' | b'\r'));
                self.at = spaces.map_or(self.bytes.len(), |count| start + count);
            }
            b'\n' => {
                self.at += 1;
                self.push(TokenKind::Newline, start);
            }
            b'#' => {
                self.at = self.bytes[start..].iter().position(|&b| b == b'\n').map_or(self.bytes.len(), |n| start + n);
                self.comments.push(ByteSpan::new(start, self.at));
            }
            b'0'..=b'9' => self.number(),
            quote @ (b'"' | b'\'') => self.string(quote),
            b'a'..=b'z' | b'A'..=b'Z' | b'_' => self.name(),
            byte if byte < 0x80 => self.symbol(),
            _ => self.beyond_ascii(),
        }
    }

    fn name(&mut self) {
        let start = self.at;
        loop {
            let rest = &self.bytes[self.at..];
            self.at += rest.iter().position(|&byte| !IN_NAMES[usize::from(byte)]).unwrap_or(rest.len());
            // Most names end before anything beyond ASCII.
            match self.bytes.get(self.at) {
                Some(byte) if *byte >= 0x80 => {}
                _ => break,
            }
            match self.text[self.at..].chars().next() {
                Some(c) if unicode_ident::is_xid_continue(c) => self.at += c.len_utf8(),
                _ => break,
            }
        }
        let kind = TokenKind::keyword(&self.text[start..self.at]).unwrap_or(TokenKind::Name);
        self.push(kind, start);
    }

    fn beyond_ascii(&mut self) {
        let start = self.at;
        let Some(c) = self.text[start..].chars().next() else {
            self.at = self.bytes.len();
            return;
        };
        if unicode_ident::is_xid_start(c) {
            self.at += c.len_utf8();
            self.name_from(start);
            return;
        }
        self.at += c.len_utf8();
        if c.is_whitespace() || c == '\u{feff}' {
            return;
        }
        let span = ByteSpan::new(start, self.at);
        let report = self.reporter.error(Code::UnexpectedCharacter, span, format!("`{c}` means nothing here"));
        match c {
            '−' | '–' | '—' => report.help("did you mean `-`?"),
            '×' | '·' => report.help("did you mean `*`?"),
            '÷' => report.help("did you mean `/`?"),
            '≤' => report.help("did you mean `<=`?"),
            '≥' => report.help("did you mean `>=`?"),
            '≠' => report.help("did you mean `!=`?"),
            '“' | '”' | '„' => report.help("did you mean `\"`?"),
            _ => report,
        };
        self.push(TokenKind::Invalid, start);
    }

    fn name_from(&mut self, start: usize) {
        self.name();
        if let Some(token) = self.tokens.last_mut() {
            // `name` saw only the rest of the word, which may look like a keyword.
            *token = Token { kind: TokenKind::Name, span: ByteSpan::new(start, token.span.end as usize) };
        }
    }

    fn number(&mut self) {
        let start = self.at;
        if self.peek(0) == b'0' && matches!(self.peek(1), b'x' | b'X' | b'b' | b'B') {
            self.at += 2;
            self.digits(|b| b.is_ascii_alphanumeric());
            return self.finish_number(TokenKind::Int, start);
        }
        let mut kind = TokenKind::Int;
        self.digits(|b| b.is_ascii_digit());
        if self.peek(0) == b'.' && self.peek(1).is_ascii_digit() {
            kind = TokenKind::Scalar;
            self.at += 1;
            self.digits(|b| b.is_ascii_digit());
        }
        if matches!(self.peek(0), b'e' | b'E') {
            let sign = usize::from(matches!(self.peek(1), b'+' | b'-'));
            if self.peek(1 + sign).is_ascii_digit() {
                kind = TokenKind::Scalar;
                self.at += 1 + sign;
                self.digits(|b| b.is_ascii_digit());
            }
        }
        self.finish_number(kind, start);
    }

    fn digits(&mut self, accept: impl Fn(u8) -> bool) {
        while accept(self.peek(0)) || self.peek(0) == b'_' {
            self.at += 1;
        }
    }

    /// Refuses letters glued to a number and values that no number holds.
    fn finish_number(&mut self, kind: TokenKind, start: usize) {
        let number_end = self.at;
        while self.peek(0).is_ascii_alphanumeric() || self.peek(0) == b'_' {
            self.at += 1;
        }
        let span = ByteSpan::new(start, self.at);
        let text = &self.text[start..self.at];
        let readable = number_end == self.at
            && match kind {
                TokenKind::Int => int_value(text).is_some(),
                _ => scalar_value(text).is_some(),
            };
        if readable {
            return self.push(kind, start);
        }
        let digits = text.bytes().all(|b| b.is_ascii_digit() || b == b'_');
        if digits {
            self.reporter
                .error(Code::BadNumber, span, format!("`{text}` does not fit an int"))
                .help(format!("ints go to {}; write `{text}.0` for a scalar", i64::MAX));
        } else {
            self.reporter
                .error(Code::BadNumber, span, format!("`{text}` is not a number"))
                .help("write numbers like `10`, `1_000`, `0x1f`, `2.5`, `1e-3`");
        }
        self.push(TokenKind::Invalid, start);
    }

    fn string(&mut self, quote: u8) {
        let start = self.at;
        self.at += 1;
        loop {
            match self.bytes.get(self.at) {
                None | Some(b'\n') => {
                    let span = ByteSpan::new(start, self.at);
                    self.reporter
                        .error(Code::UnterminatedString, span, "this string has no end on its line")
                        .help(format!("close it with `{}`; `\\n` is a line break", char::from(quote)));
                    return self.push(TokenKind::Invalid, start);
                }
                Some(b'\\') => self.escape(),
                Some(&byte) if byte == quote => {
                    self.at += 1;
                    return self.push(TokenKind::Str, start);
                }
                Some(_) => self.at += 1,
            }
        }
    }

    fn escape(&mut self) {
        let start = self.at;
        self.at += 1;
        match unescape(&self.text[self.at..]) {
            Some((_, length)) => self.at += length,
            None => {
                if let Some(c) = self.text[self.at..].chars().next().filter(|&c| c != '\n') {
                    self.at += c.len_utf8();
                }
                self.reporter
                    .error(Code::BadEscape, ByteSpan::new(start, self.at), "no such escape in a string")
                    .help("there are \\n \\t \\r \\0 \\\\ \\\" \\' and \\u{1F600}; write \\\\ for a backslash");
            }
        }
    }

    fn symbol(&mut self) {
        use TokenKind as T;
        let start = self.at;
        let (kind, length) = match (self.peek(0), self.peek(1), self.peek(2)) {
            (b'.', b'.', b'=') => (T::DotDotEqual, 3),
            (b'*', b'*', b'=') => (T::PowerAssign, 3),
            (b'/', b'/', b'=') => (T::SlashSlashAssign, 3),
            (b'+', b'=', _) => (T::PlusAssign, 2),
            (b'-', b'=', _) => (T::MinusAssign, 2),
            (b'*', b'=', _) => (T::StarAssign, 2),
            (b'/', b'=', _) => (T::SlashAssign, 2),
            (b'%', b'=', _) => (T::PercentAssign, 2),
            (b'@', b'=', _) => (T::AtAssign, 2),
            (b'^', b'=', _) => (T::PowerAssign, 2),
            (b'.', b'.', _) => (T::DotDot, 2),
            (b'=', b'=', _) => (T::Equal, 2),
            (b'=', b'>', _) => (T::FatArrow, 2),
            (b'!', b'=', _) => (T::NotEqual, 2),
            (b'<', b'=', _) => (T::LessEqual, 2),
            (b'>', b'=', _) => (T::GreaterEqual, 2),
            (b'*', b'*', _) => (T::Power, 2),
            (b'/', b'/', _) => (T::SlashSlash, 2),
            (b'|', b'>', _) => (T::Pipe, 2),
            (b'-', b'>', _) => (T::Arrow, 2),
            (b'(', ..) => (T::LeftParen, 1),
            (b')', ..) => (T::RightParen, 1),
            (b'[', ..) => (T::LeftBracket, 1),
            (b']', ..) => (T::RightBracket, 1),
            (b'{', ..) => (T::LeftBrace, 1),
            (b'}', ..) => (T::RightBrace, 1),
            (b',', ..) => (T::Comma, 1),
            (b':', ..) => (T::Colon, 1),
            (b';', ..) => (T::Semicolon, 1),
            (b'.', ..) => (T::Dot, 1),
            (b'=', ..) => (T::Assign, 1),
            (b'<', ..) => (T::Less, 1),
            (b'>', ..) => (T::Greater, 1),
            (b'+', ..) => (T::Plus, 1),
            (b'-', ..) => (T::Minus, 1),
            (b'*', ..) => (T::Star, 1),
            (b'/', ..) => (T::Slash, 1),
            (b'%', ..) => (T::Percent, 1),
            (b'@', ..) => (T::At, 1),
            (b'^', ..) => (T::Caret, 1),
            (other, next, _) => return self.unknown_symbol(start, other, next),
        };
        self.at += length;
        self.push(kind, start);
    }

    fn unknown_symbol(&mut self, start: usize, byte: u8, next: u8) {
        let doubled = byte == next && matches!(byte, b'&' | b'|');
        self.at += if doubled { 2 } else { 1 };
        let text = self.text[start..self.at].escape_default().to_string();
        let span = ByteSpan::new(start, self.at);
        let report = self.reporter.error(Code::UnexpectedCharacter, span, format!("`{text}` means nothing here"));
        match byte {
            b'&' => report.help("did you mean `and`?"),
            b'|' => report.help("did you mean `or`, or `|>`?"),
            b'!' => report.help("did you mean `not`, or `!=`?"),
            b'?' => report.help(CHOICE),
            _ => report,
        };
        self.push(TokenKind::Invalid, start);
    }
}

/// The value of a whole number's text, if an int holds it.
pub(crate) fn int_value(text: &str) -> Option<i64> {
    let digits = without_groups(text);
    match digits.get(..2) {
        Some("0x" | "0X") => i64::from_str_radix(&digits[2..], 16).ok(),
        Some("0b" | "0B") => i64::from_str_radix(&digits[2..], 2).ok(),
        _ => digits.parse().ok(),
    }
}

/// The value of the text of a number with a fraction or exponent, if it is finite.
pub(crate) fn scalar_value(text: &str) -> Option<f64> {
    without_groups(text).parse().ok().filter(|v: &f64| v.is_finite())
}

/// The text of a number without the `_` between its digits.
fn without_groups(text: &str) -> Cow<'_, str> {
    if text.contains('_') { Cow::Owned(text.replace('_', "")) } else { Cow::Borrowed(text) }
}

/// The value of a string token's text, its quotes included; wrong escapes are kept as they stand.
pub(crate) fn string_value(text: &str) -> String {
    let inner = text.get(1..text.len().saturating_sub(1)).unwrap_or("");
    let mut value = String::with_capacity(inner.len());
    let mut rest = inner;
    while let Some(at) = rest.find('\\') {
        value.push_str(&rest[..at]);
        match unescape(&rest[at + 1..]) {
            Some((c, length)) => {
                value.push(c);
                rest = &rest[at + 1 + length..];
            }
            None => {
                value.push('\\');
                rest = &rest[at + 1..];
            }
        }
    }
    value.push_str(rest);
    value
}

/// Reads the escape whose backslash was just before `text`: its character, and the bytes it takes.
fn unescape(text: &str) -> Option<(char, usize)> {
    Some(match text.as_bytes().first()? {
        b'n' => ('\n', 1),
        b't' => ('\t', 1),
        b'r' => ('\r', 1),
        b'0' => ('\0', 1),
        b'\\' => ('\\', 1),
        b'"' => ('"', 1),
        b'\'' => ('\'', 1),
        b'u' => {
            let hex = text.get(1..)?.strip_prefix('{')?;
            let close = hex.find('}').filter(|&n| (1..=6).contains(&n))?;
            let c = char::from_u32(u32::from_str_radix(&hex[..close], 16).ok()?)?;
            (c, close + 3)
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(text: &str) -> Vec<TokenKind> {
        let mut reporter = Reporter::new();
        let tokens = tokenize(&Source::new("t", text), &mut reporter);
        assert!(reporter.is_empty(), "{text}");
        tokens.into_iter().map(|t| t.kind).collect()
    }

    #[test]
    fn ranges_are_not_fractions() {
        use TokenKind as T;
        assert_eq!(kinds("1..3"), [T::Int, T::DotDot, T::Int, T::End]);
        assert_eq!(kinds("1.5..=3e2"), [T::Scalar, T::DotDotEqual, T::Scalar, T::End]);
    }

    #[test]
    fn attributes_are_those_before_functions_and_not_words_in_comments_text_or_products() {
        let said = "@profile(name = \"step\") @optimize\nfunction main()\nend\n";
        assert!(mentions_attribute(said, "profile") && mentions_attribute(said, "optimize"));
        let unsaid = "# @profile\ns = \"@profile\"\nprofile = a @ profile\n";
        assert!(!mentions_attribute(unsaid, "profile"));
        assert!(!mentions_attribute("@", "profile") && !mentions_attribute("", "profile"));
    }

    #[test]
    fn strings_unescape() {
        assert_eq!(string_value(r#""a\n\"\u{e9}\\""#), "a\n\"é\\");
    }

    #[test]
    fn numbers_beyond_int_are_reported() {
        let mut reporter = Reporter::new();
        tokenize(&Source::new("t", "9223372036854775808"), &mut reporter);
        assert!(!reporter.is_empty());
        assert_eq!(int_value("0x7fff_ffff"), Some(0x7fff_ffff));
    }
}
