//! Tokens to a syntax tree.
//!
//! Recursive descent, with operator precedence for expressions. After an error the parser goes on at the next line, so
//! that several errors are found at once. How deep it may recurse is bounded by [`HEIGHT_MAX`], and so is the height of
//! the tree that it hands on: every later pass may recurse over it.
//!
//! The grammar is in the documentation of the crate.

mod expression;
pub(crate) mod habits;
mod postfix;
mod statement;

use std::sync::Arc;

use crate::ast::{Expr, ExprKind, Ident, Module, Name};
use crate::codes::Code;
use crate::hashing::HashMap;
use crate::lexer::tokenize;
use crate::report::{Report, Reporter};
use crate::source::{ByteSpan, Source};
use crate::token::{Token, TokenKind};

/// How deep brackets, operators and blocks may nest. A level takes at most some kilobytes of stack in any pass.
pub(crate) const HEIGHT_MAX: u16 = 200;

/// Parses one file; what is wrong goes to the reporter, and the tree is made of what was understood.
pub(crate) fn parse(source: &Source, reporter: &mut Reporter) -> Module {
    let tokens = tokenize(source, reporter);
    let mut parser = Parser {
        source,
        tokens,
        at: 0,
        reporter,
        free_lines: false,
        recovering: false,
        depth: 0,
        highest: 0,
        block_height: 0,
        open_conditionals: 0,
        told_of_braces: false,
        names: HashMap::default(),
    };
    let body = parser.module();
    Module { body }
}

struct Parser<'a> {
    source: &'a Source,
    /// Ends with `End`, which is never consumed.
    tokens: Vec<Token>,
    at: usize,
    reporter: &'a mut Reporter,
    /// Inside brackets, where newlines do not matter.
    free_lines: bool,
    /// An error was reported and the parser has not yet found its feet: further errors would be consequences.
    recovering: bool,
    depth: u16,
    /// Height of the highest expression or block of the statements of the block that is being read.
    highest: u16,
    /// Height of the block that was read last.
    block_height: u16,
    /// `if`s whose blocks are being read.
    open_conditionals: u16,
    /// Whether a block in braces was reported.
    told_of_braces: bool,
    names: HashMap<&'a str, Name>,
}

impl<'a> Parser<'a> {
    fn token(&mut self) -> Token {
        while self.free_lines && self.tokens[self.at].kind == TokenKind::Newline {
            self.at += 1;
        }
        self.tokens[self.at]
    }

    fn peek(&mut self) -> TokenKind {
        self.token().kind
    }

    /// The kind of the token behind the next one, newlines not skipped.
    fn peek_second(&mut self) -> TokenKind {
        self.token();
        self.tokens.get(self.at + 1).map_or(TokenKind::End, |t| t.kind)
    }

    fn next(&mut self) -> Token {
        let token = self.token();
        if token.kind != TokenKind::End {
            self.at += 1;
        }
        token
    }

    /// Takes the next token if it is of this kind.
    fn take(&mut self, kind: TokenKind) -> Option<Token> {
        (self.peek() == kind).then(|| self.next())
    }

    /// Whether the next token is the name `word`, which is special only here.
    fn at_word(&mut self, word: &str) -> bool {
        let token = self.token();
        token.kind == TokenKind::Name && self.source.slice(token.span) == word
    }

    /// The place of the token before the next.
    fn previous(&self) -> ByteSpan {
        self.tokens[..self.at]
            .iter()
            .rev()
            .find(|t| t.kind != TokenKind::Newline)
            .map_or_else(ByteSpan::default, |t| t.span)
    }

    fn intern(&mut self, span: ByteSpan) -> Name {
        let source: &'a Source = self.source;
        let text = source.slice(span);
        Arc::clone(self.names.entry(text).or_insert_with(|| text.into()))
    }

    /// Reports that something else was expected here, unless the parser is still recovering.
    fn expected(&mut self, what: &str) -> Option<&mut Report> {
        let token = self.token();
        let habit = self.habit(token);
        // A line's end is a point, not the way to the next line.
        let end = if token.kind == TokenKind::Newline { token.span.start } else { token.span.end };
        let span = ByteSpan { start: token.span.start, end };
        let report = self.error_at(span, format!("expected {what}, found {}", self.describe(token)))?;
        report.help = habit.map(str::to_owned);
        Some(report)
    }

    fn error_at(&mut self, span: ByteSpan, message: String) -> Option<&mut Report> {
        if std::mem::replace(&mut self.recovering, true) {
            return None;
        }
        Some(self.reporter.error(Code::UnexpectedToken, span, message))
    }

    fn describe(&self, token: Token) -> String {
        match token.kind {
            TokenKind::Name | TokenKind::Int | TokenKind::Scalar => format!("`{}`", self.source.slice(token.span)),
            kind => kind.describe().to_owned(),
        }
    }

    /// Takes a token of this kind or reports that it is missing.
    fn expect(&mut self, kind: TokenKind) -> Option<Token> {
        let taken = self.take(kind);
        if taken.is_none() {
            if self.peek() == TokenKind::Invalid {
                self.recovering = true;
            }
            self.expected(kind.describe());
        }
        taken
    }

    fn expect_name(&mut self, what: &str) -> Option<Ident> {
        if let Some(token) = self.take(TokenKind::Name) {
            return Some(Ident { name: self.intern(token.span), span: token.span });
        }
        let token = self.token();
        let keyword = TokenKind::keyword(self.source.slice(token.span)).is_some();
        if let Some(report) = self.expected(what)
            && keyword
        {
            report.help("this word belongs to the language; choose another name");
        }
        None
    }

    /// Skips what is left of a line after an error.
    fn skip_line(&mut self) {
        self.free_lines = false;
        while !matches!(self.peek(), TokenKind::Newline | TokenKind::End) {
            self.at += 1;
        }
        self.recovering = false;
    }

    /// Runs `inside` between brackets, where newlines do not matter, and restores what held before.
    fn bracketed<T>(&mut self, inside: impl FnOnce(&mut Self) -> T) -> T {
        let before = std::mem::replace(&mut self.free_lines, true);
        let value = inside(self);
        self.free_lines = before;
        value
    }

    /// Counts one level of nesting while `inside` runs; where there are too many, reports it and gives up on the file.
    fn nested<T>(&mut self, inside: impl FnOnce(&mut Self) -> T) -> Option<T> {
        if self.depth >= HEIGHT_MAX {
            self.give_up();
            return None;
        }
        self.depth += 1;
        let value = inside(self);
        self.depth -= 1;
        Some(value)
    }

    fn give_up(&mut self) {
        let span = self.token().span;
        self.at = self.tokens.len() - 1;
        if !std::mem::replace(&mut self.recovering, true) {
            self.reporter
                .error(
                    Code::NestedTooDeep,
                    span,
                    format!("nested deeper than {HEIGHT_MAX} levels; a row of operators counts as levels too"),
                )
                .help("give parts of it names: assign them to variables, or move them to functions");
        }
    }

    /// Makes a node over children whose highest has `height`.
    fn node(&mut self, kind: ExprKind, span: ByteSpan, height: u16) -> Expr {
        if height >= HEIGHT_MAX {
            self.give_up();
            return self.invalid(span);
        }
        self.highest = self.highest.max(height + 1);
        Expr { kind, span, height: height + 1 }
    }

    fn invalid(&self, span: ByteSpan) -> Expr {
        Expr { kind: ExprKind::Invalid, span, height: 1 }
    }
}
