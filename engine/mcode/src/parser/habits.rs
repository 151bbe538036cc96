//! How other languages write things, and how they are written here: help for those who come from there.

use super::Parser;
use crate::ast::Expr;
use crate::token::{Token, TokenKind};

const PAIRS: &str = "one name takes the item: `for i in 0..n`, `for x in xs`; of pairs, as from `enumerate(xs)`, \
                     the parts are `p[0]` and `p[1]`";
const SEVERAL: &str = "several values are one: a list `[a, b]`, or a record `{a: 1, b: 2}` with the parts `r.a`, `r.b`";
/// For those who look for a conditional expression.
pub(crate) const CHOICE: &str = "a value is chosen by a statement: `if c`, `else` and `end` on lines of their own; \
                      `tensor.where(c, a, b)` chooses for each element";
const COMPREHENSION: &str = "a list of results is `map(x => x * x, xs)`; `filter(x => x > 0, xs)` keeps some items";
const CONTAINS: &str = "`contains(xs, x)` asks whether a list has an item, a record a field, a string a part";
const LAMBDA: &str = "write `x => x * 2`, or `(a, b) => a + b`";
const COMMENT: &str = "a comment begins with `#`";

impl Parser<'_> {
    /// Help for a token that has no place where it stands.
    pub(super) fn habit(&self, token: Token) -> Option<&'static str> {
        let before = self.tokens[..self.at.min(self.tokens.len())].last().copied();
        let (before, behind_line) = match before {
            Some(token) => (token.kind, token.kind == TokenKind::Newline),
            None => (TokenKind::Newline, true),
        };
        match token.kind {
            TokenKind::KwFor if self.free_lines => Some(COMPREHENSION),
            TokenKind::KwIf if !behind_line => Some(CHOICE),
            TokenKind::KwIn | TokenKind::KwNot => Some(CONTAINS),
            TokenKind::Comma if !self.free_lines => Some(SEVERAL),
            TokenKind::Slash | TokenKind::SlashSlash if behind_line => Some(COMMENT),
            TokenKind::Star if before == TokenKind::Star => Some("`**` is the power operator"),
            TokenKind::Newline if self.ends_with(TokenKind::Plus) => Some("write `x += 1`"),
            TokenKind::Newline if self.ends_with(TokenKind::Minus) => Some("write `x -= 1`"),
            _ => None,
        }
    }

    /// Whether this token stands twice before the next one, with nothing between.
    fn ends_with(&self, kind: TokenKind) -> bool {
        match &self.tokens[..self.at] {
            [.., a, b] => a.kind == kind && b.kind == kind && a.span.end == b.span.start,
            _ => false,
        }
    }

    /// `lambda x: e`, `f"text"`: something else is reported than that these names are unknown.
    pub(super) fn foreign_expression(&mut self, token: Token) -> Option<Expr> {
        let word = self.source.slice(token.span);
        let behind = self.tokens.get(self.at + 1).copied()?;
        match behind.kind {
            TokenKind::Name | TokenKind::Colon if word == "lambda" => {
                if let Some(report) = self.error_at(token.span, "`lambda` is not used here".to_owned()) {
                    report.help(LAMBDA);
                }
                Some(self.invalid(token.span))
            }
            TokenKind::Str if behind.span.start == token.span.end && word.len() <= 2 => {
                let message = format!("a string has no `{word}` before it");
                if let Some(report) = self.error_at(token.span, message) {
                    report.help("leave it out; `format(\"x = {}\", x)` puts values into a string");
                    self.recovering = false;
                }
                self.next();
                Some(self.primary())
            }
            _ => None,
        }
    }

    /// `def f(x)`: reported, and read as a function.
    pub(super) fn foreign_function(&mut self, first: Token) -> bool {
        let word = self.source.slice(first.span);
        if !matches!(word, "def" | "fn" | "func" | "fun") || self.peek_second() != TokenKind::Name {
            return false;
        }
        if let Some(report) = self.error_at(first.span, format!("`{word}` is not used here")) {
            report.help("a function is written `function name(a, b)` … `end`");
            self.recovering = false;
        }
        true
    }

    /// A condition. `x = 3` in it is reported, and the block behind it is read.
    pub(super) fn condition(&mut self) -> Expr {
        let condition = self.expression();
        if self.peek() != TokenKind::Assign {
            return condition;
        }
        let sign = self.next();
        if let Some(report) = self.error_at(sign.span, "`=` assigns; a condition compares".to_owned()) {
            report.help("write `==` for equal, `!=` for not equal");
            self.recovering = false;
        }
        let compared = self.expression();
        self.invalid(condition.span.to(compared.span))
    }

    /// `elif`: reported, and read as `elseif`.
    pub(super) fn at_elif(&mut self) -> bool {
        self.open_conditionals > 0
            && (self.at_word("elif") || self.at_word("elsif"))
            && !matches!(self.peek_second(), TokenKind::Assign | TokenKind::Dot | TokenKind::Colon)
    }

    pub(super) fn take_elif(&mut self) {
        let token = self.next();
        let word = self.source.slice(token.span);
        if let Some(report) = self.error_at(token.span, format!("`{word}` is not used here")) {
            report.help("write `elseif`");
            self.recovering = false;
        }
    }

    /// `for (a, b) in xs`, `for a, b in xs`: reported; whether it stands here.
    pub(super) fn several_names(&mut self) -> bool {
        let (first, second) = (self.peek(), self.peek_second());
        let several = first == TokenKind::LeftParen || first == TokenKind::Name && second == TokenKind::Comma;
        if several && let Some(report) = self.expected("one variable's name") {
            report.help(PAIRS);
        }
        several
    }

    /// `import numpy`: reported; whether it stands here.
    pub(super) fn foreign_import(&mut self) -> bool {
        let is_name = self.peek() == TokenKind::Name;
        if is_name && let Some(report) = self.expected("a file's name in quotes") {
            report.help(
                "the library is there without an import: `tensor`, `linalg`, `stats`, …; \
                 `import \"tools.mcode\"` reads a file of your own",
            );
        }
        is_name
    }

    /// `{` behind the head of a block, or alone on a line behind it: reported once; whether it stands here.
    pub(super) fn opening_brace(&mut self) -> bool {
        let behind = self.tokens[self.at..].iter().position(|token| token.kind != TokenKind::Newline).unwrap_or(0);
        let is_alone = self.tokens.get(self.at + behind + 1).is_some_and(|token| token.kind == TokenKind::Newline);
        if behind > 0 && is_alone && self.tokens[self.at + behind].kind == TokenKind::LeftBrace {
            self.at += behind;
        }
        let Some(brace) = self.take(TokenKind::LeftBrace) else { return false };
        if !std::mem::replace(&mut self.told_of_braces, true)
            && let Some(report) = self.error_at(brace.span, "blocks have no braces".to_owned())
        {
            report.help("a block begins on the next line and ends with `end`");
        }
        self.recovering = false;
        true
    }

    /// Skips what is left of the head of a block after an error; whether it ends with `{`.
    pub(super) fn skip_head(&mut self) -> bool {
        self.skip_line();
        let in_braces = self.tokens[..self.at].last().is_some_and(|token| token.kind == TokenKind::LeftBrace);
        self.told_of_braces |= in_braces;
        in_braces
    }

    /// Whether the block that the next brace closes is followed by an `else`.
    pub(super) fn is_divided_behind_brace(&mut self) -> bool {
        let is_brace = self.peek() == TokenKind::RightBrace;
        let behind = self.tokens[self.at..].iter().skip(1).find(|token| token.kind != TokenKind::Newline);
        is_brace && behind.is_some_and(|token| matches!(token.kind, TokenKind::KwElse | TokenKind::KwElseif))
    }

    /// `x in xs`, `x not in xs`: reported.
    pub(super) fn refuse_membership(&mut self) {
        let (first, second) = (self.peek(), self.peek_second());
        if first == TokenKind::KwIn || first == TokenKind::KwNot && second == TokenKind::KwIn {
            self.expected("an operator");
        }
    }

    /// `a, b = e`: reported; whether it stands here.
    pub(super) fn several_targets(&mut self) -> bool {
        let several = self.peek() == TokenKind::Comma;
        if several {
            self.expected("the end of the line");
        }
        several
    }
}
