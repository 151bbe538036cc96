//! Expressions: precedence climbing over the table of operators.

use super::Parser;
use crate::ast::{BinaryOperator, Comparison, Expr, ExprKind, Function, Ident, Param, UnaryOperator};
use crate::codes::Code;
use crate::lexer::{int_value, scalar_value, string_value};
use crate::source::ByteSpan;
use crate::token::TokenKind;

/// How tightly operators bind, loosest first.
pub(super) mod power {
    pub(crate) const LOOSEST: u8 = 0;
    pub(crate) const OR: u8 = 1;
    pub(crate) const AND: u8 = 2;
    pub(crate) const NOT: u8 = 3;
    pub(crate) const COMPARE: u8 = 4;
    pub(crate) const RANGE: u8 = 5;
    pub(crate) const PIPE: u8 = 6;
    pub(crate) const SUM: u8 = 7;
    pub(crate) const TERM: u8 = 8;
    pub(crate) const PRODUCT: u8 = 9;
    pub(crate) const UNARY: u8 = 10;
    pub(crate) const POWER: u8 = 11;
}

/// What a token does between two operands.
enum Infix {
    Or,
    And,
    Compare,
    Range,
    Pipe,
    Binary(BinaryOperator),
}

fn infix(kind: TokenKind) -> Option<(u8, Infix)> {
    use BinaryOperator as B;
    Some(match kind {
        TokenKind::KwOr => (power::OR, Infix::Or),
        TokenKind::KwAnd => (power::AND, Infix::And),
        TokenKind::DotDot | TokenKind::DotDotEqual => (power::RANGE, Infix::Range),
        TokenKind::Pipe => (power::PIPE, Infix::Pipe),
        TokenKind::Plus => (power::SUM, Infix::Binary(B::Add)),
        TokenKind::Minus => (power::SUM, Infix::Binary(B::Subtract)),
        TokenKind::Star => (power::TERM, Infix::Binary(B::Multiply)),
        TokenKind::Slash => (power::TERM, Infix::Binary(B::Divide)),
        TokenKind::SlashSlash => (power::TERM, Infix::Binary(B::FloorDivide)),
        TokenKind::Percent => (power::TERM, Infix::Binary(B::Remainder)),
        TokenKind::At => (power::PRODUCT, Infix::Binary(B::Product)),
        TokenKind::Power | TokenKind::Caret => (power::POWER, Infix::Binary(B::Power)),
        kind => {
            comparison(kind)?;
            (power::COMPARE, Infix::Compare)
        }
    })
}

fn comparison(kind: TokenKind) -> Option<Comparison> {
    Some(match kind {
        TokenKind::Equal => Comparison::Equal,
        TokenKind::NotEqual => Comparison::NotEqual,
        TokenKind::Less => Comparison::Less,
        TokenKind::LessEqual => Comparison::LessEqual,
        TokenKind::Greater => Comparison::Greater,
        TokenKind::GreaterEqual => Comparison::GreaterEqual,
        _ => return None,
    })
}

impl Parser<'_> {
    /// An expression, loosest operators included.
    pub(super) fn expression(&mut self) -> Expr {
        self.operators(power::LOOSEST)
    }

    /// An expression of operators that bind at least as tightly as `least`.
    pub(super) fn operators(&mut self, least: u8) -> Expr {
        let start = self.token().span;
        self.nested(|parser| {
            let mut left = parser.prefix();
            while let Some((strength, operator)) = parser.peek_infix(least) {
                left = parser.infix(left, strength, operator);
                if matches!(left.kind, ExprKind::Invalid) {
                    break;
                }
            }
            parser.refuse_membership();
            // What follows from an error is worth no word of its own.
            if parser.recovering { parser.invalid(left.span) } else { left }
        })
        .unwrap_or_else(|| self.invalid(start))
    }

    fn peek_infix(&mut self, least: u8) -> Option<(u8, Infix)> {
        let mut kind = self.peek();
        if kind == TokenKind::Newline {
            // A line that begins with `|>` goes on with the one before: no statement begins so.
            let behind = self.tokens[self.at..].iter().position(|t| t.kind != TokenKind::Newline)?;
            kind = self.tokens[self.at + behind].kind;
            if kind != TokenKind::Pipe || least > power::PIPE {
                return None;
            }
            self.at += behind;
        }
        let (strength, operator) = infix(kind).filter(|(strength, _)| *strength >= least)?;
        let open_range = matches!(operator, Infix::Range) && self.range_ends_behind_dots();
        (!open_range).then_some((strength, operator))
    }

    /// Whether nothing stands behind the dots that come next: `a[1..]`, `a[1.. by 2]`.
    fn range_ends_behind_dots(&mut self) -> bool {
        match self.peek_second() {
            TokenKind::Comma | TokenKind::RightBracket => true,
            TokenKind::Name => self.tokens.get(self.at + 1).is_some_and(|t| self.source.slice(t.span) == "by"),
            _ => false,
        }
    }

    fn infix(&mut self, left: Expr, strength: u8, operator: Infix) -> Expr {
        if matches!(operator, Infix::Compare) {
            return self.comparisons(left);
        }
        let token = self.next();
        self.skip_newlines();
        if matches!(operator, Infix::Range) {
            return self.range(left, token.kind == TokenKind::DotDotEqual);
        }
        // `**` groups from the right, everything else from the left.
        let right = self.operators(if strength == power::POWER { strength } else { strength + 1 });
        let (span, height) = (left.span.to(right.span), left.height.max(right.height));
        let (left, right) = (Box::new(left), Box::new(right));
        let kind = match operator {
            Infix::Or => ExprKind::Or(left, right),
            Infix::And => ExprKind::And(left, right),
            Infix::Pipe => ExprKind::Pipe(left, right),
            Infix::Binary(operator) => ExprKind::Binary(operator, left, right),
            Infix::Compare | Infix::Range => ExprKind::Invalid,
        };
        self.node(kind, span, height)
    }

    /// An operator at the end of a line goes on with the next.
    pub(super) fn skip_newlines(&mut self) {
        while self.peek() == TokenKind::Newline {
            self.at += 1;
        }
    }

    fn comparisons(&mut self, first: Expr) -> Expr {
        let (mut span, mut height) = (first.span, first.height);
        let mut operands = vec![first];
        let mut operators = Vec::new();
        while let Some(operator) = comparison(self.peek()) {
            self.next();
            self.skip_newlines();
            let operand = self.operators(power::COMPARE + 1);
            span = span.to(operand.span);
            height = height.max(operand.height);
            operators.push(operator);
            operands.push(operand);
            if self.recovering {
                break;
            }
        }
        self.node(ExprKind::Compare(operands, operators), span, height)
    }

    fn range(&mut self, start: Expr, closed: bool) -> Expr {
        let end = self.operators(power::RANGE + 1);
        let mut span = start.span.to(end.span);
        let mut height = start.height.max(end.height);
        let step = self.range_step();
        if let Some(step) = &step {
            span = span.to(step.span);
            height = height.max(step.height);
        }
        let kind = ExprKind::Range { start: Box::new(start), end: Box::new(end), closed, step: step.map(Box::new) };
        self.node(kind, span, height)
    }

    /// `by e`
    pub(super) fn range_step(&mut self) -> Option<Expr> {
        if !self.at_word("by") {
            return None;
        }
        self.next();
        Some(self.operators(power::RANGE + 1))
    }

    fn prefix(&mut self) -> Expr {
        let token = self.token();
        let strength = match token.kind {
            TokenKind::Minus | TokenKind::Plus => power::UNARY,
            TokenKind::KwNot => power::NOT,
            TokenKind::KwSpawn | TokenKind::KwAwait => power::UNARY,
            _ => return self.postfix(),
        };
        self.next();
        let operand = self.operators(strength);
        let (span, height) = (token.span.to(operand.span), operand.height);
        if token.kind == TokenKind::Plus {
            return operand;
        }
        let operand = Box::new(operand);
        let kind = match token.kind {
            TokenKind::Minus => ExprKind::Unary(UnaryOperator::Negate, operand),
            TokenKind::KwNot => ExprKind::Unary(UnaryOperator::Not, operand),
            TokenKind::KwSpawn => ExprKind::Spawn(operand),
            _ => ExprKind::Await(operand),
        };
        self.node(kind, span, height)
    }

    /// A literal, a name, brackets, or an anonymous function.
    pub(super) fn primary(&mut self) -> Expr {
        let token = self.token();
        let text = self.source.slice(token.span);
        let kind = match token.kind {
            TokenKind::Int => int_value(text).map_or(ExprKind::Invalid, ExprKind::Int),
            TokenKind::Scalar => scalar_value(text).map_or(ExprKind::Invalid, ExprKind::Scalar),
            TokenKind::Str => ExprKind::Str(string_value(text).into()),
            TokenKind::KwTrue => ExprKind::Bool(true),
            TokenKind::KwFalse => ExprKind::Bool(false),
            TokenKind::KwNone => ExprKind::None,
            TokenKind::Name if self.peek_second() == TokenKind::FatArrow => return self.short_lambda(),
            TokenKind::Name => match self.foreign_expression(token) {
                Some(expr) => return expr,
                None => ExprKind::Name(self.intern(token.span)),
            },
            TokenKind::LeftParen => return self.parenthesis(),
            TokenKind::LeftBracket => return self.list(),
            TokenKind::LeftBrace => return self.record(),
            TokenKind::KwFunction => return self.anonymous_function(),
            _ => return self.no_expression(),
        };
        self.next();
        Expr { kind, span: token.span, height: 1 }
    }

    fn no_expression(&mut self) -> Expr {
        let token = self.token();
        if token.kind == TokenKind::Invalid {
            // Reported by the lexer.
            self.next();
            self.recovering = true;
            return self.invalid(token.span);
        }
        self.expected("an expression");
        self.invalid(token.span)
    }

    /// `x => e`
    fn short_lambda(&mut self) -> Expr {
        let token = self.next();
        let name = Ident { name: self.intern(token.span), span: token.span };
        self.lambda(vec![Param { name, annotation: None, default: None }], token.span)
    }

    /// The body behind the parameters of an anonymous function.
    fn lambda(&mut self, params: Vec<Param>, start: ByteSpan) -> Expr {
        self.expect(TokenKind::FatArrow);
        self.skip_newlines();
        let value = self.expression();
        let (span, height) = (start.to(value.span), value.height);
        let body =
            vec![crate::ast::Statement { span: value.span, kind: crate::ast::StatementKind::Return(Some(value)) }];
        let function = Function { name: None, params, returns: None, body, attributes: Vec::new(), head: start };
        self.node(ExprKind::Lambda(Box::new(function)), span, height)
    }

    /// `(e)`, or the parameters of an anonymous function: which of them shows only behind the closing bracket.
    fn parenthesis(&mut self) -> Expr {
        let open = self.next();
        let mut items = Vec::new();
        let close = self.bracketed(|parser| {
            while !matches!(parser.peek(), TokenKind::RightParen | TokenKind::End) && !parser.recovering {
                let value = parser.expression();
                let annotation = parser.take(TokenKind::Colon).and_then(|_| parser.type_syntax());
                items.push((value, annotation));
                if parser.take(TokenKind::Comma).is_none() {
                    break;
                }
            }
            parser.close(TokenKind::RightParen, open)
        });
        let span = open.span.to(close);
        if self.peek() == TokenKind::FatArrow {
            let params = items.into_iter().filter_map(|(value, annotation)| self.lambda_param(value, annotation));
            let params = params.collect();
            return self.lambda(params, span);
        }
        if self.recovering {
            return self.invalid(span);
        }
        let mut items = items.into_iter();
        match (items.next(), items.next()) {
            (Some((value, None)), None) => {
                let height = value.height;
                self.node(ExprKind::Paren(Box::new(value)), span, height)
            }
            _ => {
                if let Some(report) = self.error_at(span, "round brackets hold one expression".to_owned()) {
                    report.help("write `[a, b]` for a list, `(a, b) => a + b` for a function");
                }
                self.invalid(span)
            }
        }
    }

    fn lambda_param(&mut self, value: Expr, annotation: Option<crate::ast::TypeSyntax>) -> Option<Param> {
        if let ExprKind::Name(name) = value.kind {
            return Some(Param { name: Ident { name, span: value.span }, annotation, default: None });
        }
        if !std::mem::replace(&mut self.recovering, true) {
            self.reporter
                .error(Code::UnexpectedToken, value.span, "a parameter of an anonymous function is a name")
                .help("write `(a, b) => a + b`");
        }
        None
    }
}
