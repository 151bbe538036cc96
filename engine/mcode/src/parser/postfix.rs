//! Calls, indices, fields, and what stands in square and curly brackets.

use super::Parser;
use super::expression::power;
use crate::ast::{Argument, Expr, ExprKind, Ident, IndexSyntax};
use crate::lexer::string_value;
use crate::source::ByteSpan;
use crate::token::{Token, TokenKind};

impl Parser<'_> {
    /// A primary expression with everything that is applied to it.
    pub(super) fn postfix(&mut self) -> Expr {
        let mut expr = self.primary();
        while !self.recovering {
            expr = match self.peek() {
                TokenKind::LeftParen => {
                    let (arguments, close) = self.arguments();
                    let height = arguments.iter().map(|a| a.value.height).fold(expr.height, u16::max);
                    let span = expr.span.to(close);
                    self.node(ExprKind::Call(Box::new(expr), arguments), span, height)
                }
                TokenKind::LeftBracket => self.index(expr),
                TokenKind::Dot => {
                    self.next();
                    let Some(field) = self.field_name() else { return self.invalid(expr.span) };
                    let (span, height) = (expr.span.to(field.span), expr.height);
                    self.node(ExprKind::Field(Box::new(expr), field), span, height)
                }
                _ => break,
            };
        }
        expr
    }

    /// The name behind a dot; keywords are allowed there.
    fn field_name(&mut self) -> Option<Ident> {
        let token = self.token();
        if TokenKind::keyword(self.source.slice(token.span)).is_some() {
            self.next();
            return Some(Ident { name: self.intern(token.span), span: token.span });
        }
        self.expect_name("a field's name")
    }

    /// Takes the closing bracket, or reports which one was never closed.
    pub(super) fn close(&mut self, kind: TokenKind, open: Token) -> ByteSpan {
        if let Some(token) = self.take(kind) {
            return token.span;
        }
        let opener = open.kind.describe();
        let place = open.span;
        if let Some(report) = self.expected(&format!("{} or `,`", kind.describe())) {
            report.secondary(place, format!("this {opener} is open"));
        }
        self.previous()
    }

    /// `(a, k = b)`
    pub(super) fn arguments(&mut self) -> (Vec<Argument>, ByteSpan) {
        let open = self.next();
        let mut arguments = Vec::new();
        let close = self.bracketed(|parser| {
            while !matches!(parser.peek(), TokenKind::RightParen | TokenKind::End) && !parser.recovering {
                let token = parser.token();
                let named = token.kind == TokenKind::Name && parser.peek_second() == TokenKind::Assign;
                let name = named.then(|| {
                    parser.next();
                    parser.next();
                    Ident { name: parser.intern(token.span), span: token.span }
                });
                let value = parser.expression();
                arguments.push(Argument { name, value });
                if parser.take(TokenKind::Comma).is_none() {
                    break;
                }
            }
            parser.close(TokenKind::RightParen, open)
        });
        (arguments, close)
    }

    fn index(&mut self, target: Expr) -> Expr {
        let open = self.next();
        let mut items = Vec::new();
        let close = self.bracketed(|parser| {
            while !matches!(parser.peek(), TokenKind::RightBracket | TokenKind::End) && !parser.recovering {
                items.push(parser.index_item());
                if parser.take(TokenKind::Comma).is_none() {
                    break;
                }
            }
            parser.close(TokenKind::RightBracket, open)
        });
        let span = target.span.to(close);
        if items.is_empty() && !self.recovering {
            if let Some(report) = self.error_at(open.span.to(close), "an index is missing".to_owned()) {
                report.help("write `a[i]`, `a[i, j]`, or `a[:]` for everything");
            }
            return self.invalid(span);
        }
        let height = items.iter().map(index_height).fold(target.height, u16::max);
        self.node(ExprKind::Index(Box::new(target), items), span, height)
    }

    fn index_item(&mut self) -> IndexSyntax {
        let first = self.token();
        if first.kind == TokenKind::Colon {
            self.next();
            return IndexSyntax::All;
        }
        let start = if matches!(first.kind, TokenKind::DotDot | TokenKind::DotDotEqual) {
            None
        } else {
            let value = self.expression();
            match self.peek() {
                TokenKind::DotDot | TokenKind::DotDotEqual => Some(value),
                TokenKind::Colon => {
                    let text = self.source.slice(value.span).to_owned();
                    if let Some(report) = self.expected("`]` or `,`") {
                        report.help(format!("a slice is written with dots: `{text}..b`, `{text}..b by 2`, `{text}..`"));
                    }
                    return IndexSyntax::Expr(value);
                }
                _ => return IndexSyntax::Expr(value),
            }
        };
        let closed = self.next().kind == TokenKind::DotDotEqual;
        let ends = matches!(self.peek(), TokenKind::Comma | TokenKind::RightBracket) || self.at_word("by");
        let end = (!ends).then(|| self.operators(power::RANGE + 1));
        let step = self.range_step();
        IndexSyntax::Open { start, end, closed, step }
    }

    /// `[a, b]`
    pub(super) fn list(&mut self) -> Expr {
        let open = self.next();
        let mut items = Vec::new();
        let close = self.bracketed(|parser| {
            while !matches!(parser.peek(), TokenKind::RightBracket | TokenKind::End) && !parser.recovering {
                items.push(parser.expression());
                if parser.take(TokenKind::Comma).is_none() {
                    break;
                }
            }
            parser.close(TokenKind::RightBracket, open)
        });
        let height = items.iter().map(|e| e.height).max().unwrap_or(0);
        self.node(ExprKind::List(items), open.span.to(close), height)
    }

    /// `{a: 1, "b c": 2, d}`
    pub(super) fn record(&mut self) -> Expr {
        let open = self.next();
        let mut fields = Vec::new();
        let close = self.bracketed(|parser| {
            while !matches!(parser.peek(), TokenKind::RightBrace | TokenKind::End) && !parser.recovering {
                let Some(name) = parser.record_key() else { break };
                let value = if parser.take(TokenKind::Colon).is_some() {
                    parser.expression()
                } else if matches!(parser.peek(), TokenKind::Comma | TokenKind::RightBrace) {
                    Expr { kind: ExprKind::Name(name.name.clone()), span: name.span, height: 1 }
                } else {
                    parser.expected("`:`");
                    break;
                };
                fields.push((name, value));
                if parser.take(TokenKind::Comma).is_none() {
                    break;
                }
            }
            parser.close(TokenKind::RightBrace, open)
        });
        let height = fields.iter().map(|(_, e)| e.height).max().unwrap_or(0);
        self.node(ExprKind::Record(fields), open.span.to(close), height)
    }

    fn record_key(&mut self) -> Option<Ident> {
        if let Some(token) = self.take(TokenKind::Str) {
            let name = string_value(self.source.slice(token.span)).into();
            return Some(Ident { name, span: token.span });
        }
        let token = self.token();
        if TokenKind::keyword(self.source.slice(token.span)).is_some() && self.peek_second() == TokenKind::Colon {
            self.next();
            return Some(Ident { name: self.intern(token.span), span: token.span });
        }
        self.expect_name("a field's name")
    }
}

fn index_height(item: &IndexSyntax) -> u16 {
    match item {
        IndexSyntax::All => 0,
        IndexSyntax::Expr(e) => e.height,
        IndexSyntax::Open { start, end, step, .. } => {
            [start, end, step].into_iter().flatten().map(|e| e.height).max().unwrap_or(0)
        }
    }
}
