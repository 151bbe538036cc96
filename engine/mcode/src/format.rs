//! The formatter: one way to indent and space a program.
//!
//! It works on tokens, so that it keeps every line, name and comment as it is written and changes only the white space
//! between them: four spaces a block, one more level inside brackets that span lines, single blank lines.

use std::ops::Range;

use nexus_model::Diagnostic;

use crate::lexer::scan;
use crate::parser::parse;
use crate::report::Reporter;
use crate::source::{ByteSpan, Source};
use crate::token::{Token, TokenKind as T};

/// Spaces a level of indentation takes.
const INDENT: usize = 4;

/// Formats a program. What is formatted stays the same when it is formatted again. A program that cannot be parsed is
/// left alone, and why is returned.
pub fn format(source: &str) -> Result<String, Vec<Diagnostic>> {
    let source = Source::new("", source);
    let mut reporter = Reporter::new();
    parse(&source, &mut reporter);
    if reporter.has_errors() {
        return Err(reporter.into_diagnostics(&[source]));
    }
    let (tokens, comments) = scan(&source, &mut Reporter::new());
    let mut writer = Writer { source: &source, out: String::new(), blocks: 0, brackets: 0, blank: 0, before: None };
    let mut comments = comments.into_iter().peekable();
    let (mut lines, mut start) = (Vec::new(), 0);
    for (at, token) in tokens.iter().enumerate() {
        if matches!(token.kind, T::Newline | T::End) {
            let comment = comments.next_if(|c| c.start < token.span.start || token.kind == T::End);
            lines.push(Line { tokens: start..at, comment, next: None });
            start = at + 1;
        }
    }
    let mut next = None;
    for line in lines.iter_mut().rev() {
        line.next = next;
        next = tokens[line.tokens.clone()].first().map(|token| token.kind).or(next);
    }
    for line in &lines {
        writer.line(&tokens[line.tokens.clone()], line.comment, line.next);
    }
    Ok(writer.out)
}

/// A line of the text.
struct Line {
    tokens: Range<usize>,
    comment: Option<ByteSpan>,
    /// What the next line with a token begins with.
    next: Option<T>,
}

struct Writer<'a> {
    source: &'a Source,
    out: String,
    /// Blocks that are open.
    blocks: usize,
    /// Brackets that are open.
    brackets: usize,
    /// Blank lines since the last line with something on it.
    blank: usize,
    /// The last token written, for spacing.
    before: Option<T>,
}

impl Writer<'_> {
    fn line(&mut self, tokens: &[Token], comment: Option<ByteSpan>, next: Option<T>) {
        if tokens.is_empty() && comment.is_none() {
            self.blank += 1;
            return;
        }
        if self.blank > 0 && !self.out.is_empty() {
            self.out.push('\n');
        }
        self.blank = 0;
        let first = tokens.first().map(|t| t.kind);
        let closing = tokens.iter().take_while(|t| is_close(t.kind)).count();
        let mut level = self.blocks + self.brackets - closing.min(self.brackets);
        if matches!(first, Some(T::KwEnd | T::KwElse | T::KwElseif)) {
            level = level.saturating_sub(1);
        }
        // A comment stands as the line does that it stands before.
        let begins = first.or(next);
        if begins == Some(T::Pipe) || self.before.is_some_and(continues) && self.brackets == 0 && begins.is_some() {
            level += 1;
        }
        self.out.extend(std::iter::repeat_n(' ', level * INDENT));
        let mut last: Option<(Token, bool)> = None;
        // Behind the `by` of a range a number begins, although a name stands there.
        let mut behind_step = false;
        // Where a line begins with `@`, every `@` up to `function` begins an attribute.
        let (outside, mut attributes) = (self.brackets, first == Some(T::At));
        let mut opens_attribute = false;
        for token in tokens {
            let unary = is_unary(token.kind, last.map(|(t, _)| t.kind).filter(|_| !behind_step));
            behind_step = last.is_some_and(|(before, _)| self.is_step(before, *token));
            if let Some((before, was_unary)) = last
                && (self.is_step(before, *token) || spaced(before.kind, was_unary, token.kind, opens_attribute))
            {
                self.out.push(' ');
            }
            self.out.push_str(self.source.slice(token.span));
            attributes &= token.kind != T::KwFunction;
            opens_attribute = attributes && token.kind == T::At && self.brackets == outside;
            self.count(token.kind, last.map(|(t, _)| t.kind));
            last = Some((*token, unary));
        }
        if let Some((token, _)) = last {
            self.before = Some(token.kind);
        }
        if let Some(comment) = comment {
            self.out.push_str(if tokens.is_empty() { "" } else { "  " });
            self.out.push_str(self.source.slice(comment).trim_end());
        }
        self.out.push('\n');
    }

    /// Whether this is the `by` of a range.
    fn is_step(&self, before: Token, token: Token) -> bool {
        let behind_range = ends_value(before.kind) || matches!(before.kind, T::DotDot | T::DotDotEqual);
        token.kind == T::Name && behind_range && self.source.slice(token.span) == "by"
    }

    fn count(&mut self, kind: T, before: Option<T>) {
        match kind {
            // Words behind a dot are fields.
            _ if before == Some(T::Dot) => {}
            T::KwFunction | T::KwIf | T::KwWhile | T::KwFor | T::KwWhen => {
                // `function` in a type is a name, and has no block.
                let in_type = kind == T::KwFunction && matches!(before, Some(T::Colon | T::Arrow));
                self.blocks += usize::from(!in_type);
            }
            T::KwEnd => self.blocks = self.blocks.saturating_sub(1),
            kind if is_open(kind) => self.brackets += 1,
            kind if is_close(kind) => self.brackets = self.brackets.saturating_sub(1),
            _ => {}
        }
    }
}

fn is_open(kind: T) -> bool {
    matches!(kind, T::LeftParen | T::LeftBracket | T::LeftBrace)
}

fn is_close(kind: T) -> bool {
    matches!(kind, T::RightParen | T::RightBracket | T::RightBrace)
}

/// Whether a line that ends with this goes on with the next.
fn continues(kind: T) -> bool {
    is_operator(kind)
        || kind.update().is_some()
        || matches!(kind, T::Assign | T::FatArrow | T::KwAnd | T::KwOr | T::DotDot | T::DotDotEqual)
}

fn is_operator(kind: T) -> bool {
    matches!(
        kind,
        T::Plus
            | T::Minus
            | T::Star
            | T::Slash
            | T::SlashSlash
            | T::Percent
            | T::At
            | T::Power
            | T::Caret
            | T::Pipe
            | T::Equal
            | T::NotEqual
            | T::Less
            | T::LessEqual
            | T::Greater
            | T::GreaterEqual
    )
}

/// Whether a value ends with this token.
fn ends_value(kind: T) -> bool {
    matches!(kind, T::Name | T::Int | T::Scalar | T::Str | T::KwTrue | T::KwFalse | T::KwNone | T::KwEnd)
        || is_close(kind)
}

fn is_unary(kind: T, before: Option<T>) -> bool {
    matches!(kind, T::Minus | T::Plus) && !before.is_some_and(ends_value)
}

/// Whether a space stands between two tokens of a line.
fn spaced(before: T, before_unary: bool, kind: T, attribute: bool) -> bool {
    if attribute || before_unary || before == T::Dot || kind == T::Dot || is_open(before) && before != T::LeftBrace {
        return false;
    }
    match kind {
        T::Comma | T::Colon | T::Semicolon => matches!(before, T::Comma),
        T::RightBrace | T::RightParen | T::RightBracket => false,
        _ if before == T::LeftBrace => false,
        T::DotDot | T::DotDotEqual => before == T::Comma,
        _ if matches!(before, T::DotDot | T::DotDotEqual) => false,
        // A call or an index stands close to what it applies to.
        T::LeftParen | T::LeftBracket => !(ends_value(before) || before == T::KwFunction),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn formatted(text: &str) -> String {
        let once = format(text).unwrap();
        assert_eq!(format(&once).unwrap(), once, "formatting twice");
        once
    }

    #[test]
    fn blocks_are_indented_and_operators_spaced() {
        assert_eq!(formatted("for i in 5..0 by - 2\nend\n"), "for i in 5..0 by -2\nend\n");
        let source = "@device( \"cpu\" )\nfunction f(a:int,b = 2)->int   # adds\nif a<-1\n\n\nreturn a+b*-2 ** 2\nelse\n\
                      return xs[ 1 .. 3,: ]\nend\nend\n";
        assert_eq!(
            formatted("@optimize@profile( name=\"p\" ) function f() end\n"),
            "@optimize @profile(name = \"p\") function f() end\n"
        );
        let expected = "@device(\"cpu\")\nfunction f(a: int, b = 2) -> int  # adds\n    if a < -1\n\n        \
                        return a + b * -2 ** 2\n    else\n        return xs[1..3, :]\n    end\nend\n";
        assert_eq!(formatted(source), expected);
    }

    #[test]
    fn lines_that_go_on_are_indented() {
        let source = "x = [\n1,\n2\n]\ny = x\n|> map(v=>v+1)\nz = {a:1,\nb : 2}\n# the end\n";
        let expected = "x = [\n    1,\n    2\n]\ny = x\n    |> map(v => v + 1)\nz = {a: 1,\n    b: 2}\n# the end\n";
        assert_eq!(formatted(source), expected);
    }

    #[test]
    fn comments_between_lines_that_go_on_stand_with_them() {
        let source = "function f(x)\ny = x\n# one\n|> abs\n# two\n# three\n|> math.sqrt\n# last\nreturn y +\n# more\n1\nend\n# end\n";
        let expected = "function f(x)\n    y = x\n        # one\n        |> abs\n        # two\n        # three\n        \
                        |> math.sqrt\n    # last\n    return y +\n        # more\n        1\nend\n# end\n";
        assert_eq!(formatted(source), expected);
    }

    #[test]
    fn broken_programs_are_left_alone() {
        assert!(format("x = (1\n").is_err());
    }
}
