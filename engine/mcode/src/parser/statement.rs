//! Statements, blocks, functions and types.

use super::{HEIGHT_MAX, Parser};
use crate::ast::{
    Attribute, BinaryOperator, Binding, Block, Expr, ExprKind, Function, Ident, Param, Statement, StatementKind,
    TypeArgument, TypeSyntax,
};
use crate::codes::Code;
use crate::lexer::{int_value, string_value};
use crate::source::ByteSpan;
use crate::token::{Token, TokenKind};

impl Parser<'_> {
    /// A whole file.
    pub(super) fn module(&mut self) -> Block {
        let mut body = Vec::new();
        loop {
            body.append(&mut self.block());
            let token = self.token();
            if token.kind == TokenKind::End {
                return body;
            }
            let text = token.kind.describe();
            if let Some(report) = self.error_at(token.span, format!("{text} closes nothing here")) {
                report.help("every `function`, `if`, `while`, `for` and `when` takes one `end`");
            }
            self.next();
            self.skip_line();
        }
    }

    /// Statements up to a word that closes the block, which is left.
    fn block(&mut self) -> Block {
        let before = std::mem::replace(&mut self.free_lines, false);
        let outer = std::mem::replace(&mut self.highest, 0);
        let body = self.nested(Self::statements).unwrap_or_default();
        self.free_lines = before;
        self.block_height = self.highest + 1;
        self.highest = outer.max(self.block_height);
        if self.block_height >= HEIGHT_MAX {
            self.give_up();
            return Vec::new();
        }
        body
    }

    fn statements(&mut self) -> Block {
        let mut body = Vec::new();
        loop {
            while matches!(self.peek(), TokenKind::Newline | TokenKind::Semicolon) {
                self.next();
            }
            if self.peek().closes_block() || self.at_elif() {
                return body;
            }
            let before = self.at;
            if let Some(statement) = self.statement() {
                body.push(statement);
            }
            self.end_statement();
            if self.at == before {
                // Nothing could be made of this token.
                self.next();
            }
        }
    }

    fn end_statement(&mut self) {
        if self.recovering {
            return self.skip_line();
        }
        let token = self.token();
        if matches!(token.kind, TokenKind::Newline | TokenKind::Semicolon) || token.kind.closes_block() {
            return;
        }
        if token.kind == TokenKind::Invalid {
            self.recovering = true;
        }
        self.expected("the end of the line");
        self.skip_line();
    }

    fn statement(&mut self) -> Option<Statement> {
        let first = self.token();
        let kind = match first.kind {
            TokenKind::KwLet => {
                self.next();
                self.binding(Binding::Let)?
            }
            TokenKind::KwConst => {
                self.next();
                self.binding(Binding::Const)?
            }
            TokenKind::Name if self.peek_second() == TokenKind::Colon => self.binding(Binding::Assign)?,
            TokenKind::KwIf => self.conditional(),
            TokenKind::KwWhile => self.while_loop(),
            TokenKind::KwFor => self.for_loop(false)?,
            TokenKind::KwParallel => {
                self.next();
                if self.peek() != TokenKind::KwFor {
                    self.expected("`for`");
                    return None;
                }
                self.for_loop(true)?
            }
            TokenKind::KwWhen => self.when()?,
            TokenKind::KwBreak => self.word(StatementKind::Break),
            TokenKind::KwContinue => self.word(StatementKind::Continue),
            TokenKind::KwReturn => self.return_statement(),
            TokenKind::KwFunction if self.peek_second() == TokenKind::Name => self.function_statement(Vec::new())?,
            TokenKind::Name if self.foreign_function(first) => self.function_statement(Vec::new())?,
            TokenKind::At => self.attributed_function()?,
            TokenKind::KwImport => self.import()?,
            _ => self.assignment_or_expression()?,
        };
        Some(Statement { kind, span: first.span.to(self.previous()) })
    }

    fn word(&mut self, kind: StatementKind) -> StatementKind {
        self.next();
        kind
    }

    fn binding(&mut self, binding: Binding) -> Option<StatementKind> {
        let name = self.expect_name("a variable's name")?;
        let annotation = self.take(TokenKind::Colon).and_then(|_| self.type_syntax());
        self.expect(TokenKind::Assign)?;
        let value = self.assigned_value();
        Some(StatementKind::Bind { binding, name, annotation, value })
    }

    /// What stands right of `=`; it may begin on the next line.
    fn assigned_value(&mut self) -> Expr {
        while self.peek() == TokenKind::Newline {
            self.next();
        }
        self.expression()
    }

    fn assignment_or_expression(&mut self) -> Option<StatementKind> {
        let target = self.expression();
        if self.several_targets() {
            return None;
        }
        if let Some(operator) = self.peek().update() {
            self.next();
            let value = self.assigned_value();
            return self.updated(target, operator, value);
        }
        if self.peek() != TokenKind::Assign {
            return (!matches!(target.kind, ExprKind::Invalid)).then_some(StatementKind::Expr(target));
        }
        self.next();
        let value = self.assigned_value();
        match target.kind {
            ExprKind::Name(name) => {
                let name = Ident { name, span: target.span };
                Some(StatementKind::Bind { binding: Binding::Assign, name, annotation: None, value })
            }
            ExprKind::Index(..) | ExprKind::Field(..) => Some(StatementKind::Assign { target, value }),
            ExprKind::Invalid => None,
            _ => self.no_target(target.span),
        }
    }

    fn updated(&mut self, target: Expr, operator: BinaryOperator, value: Expr) -> Option<StatementKind> {
        match target.kind {
            ExprKind::Name(_) | ExprKind::Index(..) | ExprKind::Field(..) => {
                Some(StatementKind::Update { target, operator, value })
            }
            ExprKind::Invalid => None,
            _ => self.no_target(target.span),
        }
    }

    fn no_target(&mut self, span: ByteSpan) -> Option<StatementKind> {
        self.reporter
            .error(Code::BadTarget, span, "this cannot be assigned to")
            .help("assign to a name, an element (`a[i] = x`) or a field (`r.f = x`); to compare write `==`");
        None
    }

    /// Closes a block opened by `open`, or in braces, which were reported.
    fn block_end(&mut self, open: Token, in_braces: bool) {
        let closing = if in_braces { TokenKind::RightBrace } else { TokenKind::KwEnd };
        if self.take(closing).is_some() {
            return;
        }
        if self.recovering {
            return;
        }
        let found = self.token();
        let word = open.kind.describe();
        let report = self.reporter.error(Code::MissingEnd, open.span, format!("this {word} has no `end`"));
        if found.kind == TokenKind::End {
            report.secondary(found.span, "the file ends here");
        } else {
            report.secondary(found.span, format!("{} stands where `end` should", found.kind.describe()));
        }
        report.help("close it with `end` on its own line");
        self.recovering = true;
    }

    /// What follows the condition of `if` or `while`: usually a new line, but a statement may follow at once. Whether a
    /// brace stands there, which is reported.
    fn head_end(&mut self) -> bool {
        if self.recovering && self.skip_head() {
            return true;
        }
        if self.at_word("then") || self.at_word("do") {
            let token = self.next();
            let text = self.source.slice(token.span).to_owned();
            if let Some(report) = self.error_at(token.span, format!("`{text}` is not used here")) {
                report.help("leave it out: the block begins on the next line");
            }
            self.skip_line();
        }
        if self.peek() == TokenKind::Colon {
            if let Some(report) = self.expected("the end of the line") {
                report.help("leave the colon out; the block is closed by `end`");
            }
            self.skip_line();
        }
        self.opening_brace()
    }

    fn conditional(&mut self) -> StatementKind {
        let open = self.next();
        let mut branches = Vec::new();
        let mut otherwise = None;
        self.open_conditionals += 1;
        let mut in_braces;
        loop {
            let condition = self.condition();
            in_braces = self.head_end();
            branches.push((condition, self.block()));
            if in_braces && self.is_divided_behind_brace() {
                self.next();
                self.skip_newlines();
            }
            if self.at_elif() {
                self.take_elif();
                continue;
            }
            if self.take(TokenKind::KwElseif).is_some() {
                continue;
            }
            if let Some(word) = self.take(TokenKind::KwElse) {
                if self.peek() == TokenKind::KwIf && self.same_line(word) {
                    let report = self.error_at(word.span, "`else if` opens a second `if`".to_owned());
                    if let Some(report) = report {
                        report.help("write `elseif`, in one word, or begin the inner `if` on its own line");
                    }
                    self.recovering = false;
                    self.next();
                    continue;
                }
                in_braces = self.opening_brace();
                otherwise = Some(self.block());
            }
            break;
        }
        self.open_conditionals -= 1;
        self.block_end(open, in_braces);
        StatementKind::If { branches, otherwise }
    }

    fn same_line(&mut self, word: Token) -> bool {
        let next = self.token().span.start;
        !self.source.slice(ByteSpan { start: word.span.end, end: next }).contains('\n')
    }

    fn while_loop(&mut self) -> StatementKind {
        let open = self.next();
        let condition = self.condition();
        let in_braces = self.head_end();
        let body = self.block();
        self.block_end(open, in_braces);
        StatementKind::While { condition, body }
    }

    fn for_loop(&mut self, parallel: bool) -> Option<StatementKind> {
        let open = self.next();
        let name = if self.several_names() { None } else { self.expect_name("a variable's name") };
        let iterable = name.as_ref().and_then(|_| self.expect(TokenKind::KwIn)).map(|_| self.expression());
        let in_braces = self.head_end();
        let body = self.block();
        self.block_end(open, in_braces);
        Some(StatementKind::For { parallel, name: name?, iterable: iterable?, body })
    }

    fn when(&mut self) -> Option<StatementKind> {
        let open = self.next();
        let name = self.change_head();
        let in_braces = self.head_end();
        let body = self.block();
        self.block_end(open, in_braces);
        Some(StatementKind::When { name: name?, body })
    }

    /// `change(x)`
    fn change_head(&mut self) -> Option<Ident> {
        if !self.at_word("change") {
            self.expected("`change(x)`");
            return None;
        }
        self.next();
        self.expect(TokenKind::LeftParen)?;
        let name = self.expect_name("a variable's name")?;
        self.expect(TokenKind::RightParen)?;
        Some(name)
    }

    fn return_statement(&mut self) -> StatementKind {
        self.next();
        let token = self.token();
        let bare = matches!(token.kind, TokenKind::Newline | TokenKind::Semicolon) || token.kind.closes_block();
        StatementKind::Return((!bare).then(|| self.expression()))
    }

    fn import(&mut self) -> Option<StatementKind> {
        self.next();
        let external = self.at_word("module");
        if external {
            self.next();
            self.expect(TokenKind::LeftParen)?;
        }
        if !external && self.foreign_import() {
            return None;
        }
        let token = self.expect(TokenKind::Str)?;
        let path = string_value(self.source.slice(token.span)).into();
        if external {
            self.expect(TokenKind::RightParen)?;
        }
        let alias = if self.at_word("as") {
            self.next();
            Some(self.expect_name("a name for the module")?)
        } else {
            None
        };
        Some(StatementKind::Import { path, path_span: token.span, external, alias })
    }

    fn attributed_function(&mut self) -> Option<StatementKind> {
        let mut attributes = Vec::new();
        while let Some(at) = self.take(TokenKind::At) {
            let name = self.expect_name("an attribute's name")?;
            let mut span = at.span.to(name.span);
            let mut arguments = Vec::new();
            if self.peek() == TokenKind::LeftParen {
                let (given, close) = self.arguments();
                arguments = given;
                span = span.to(close);
            }
            attributes.push(Attribute { name, arguments, span });
            while !self.recovering && self.peek() == TokenKind::Newline {
                self.next();
            }
        }
        if self.peek() != TokenKind::KwFunction || self.peek_second() != TokenKind::Name {
            if let Some(report) = self.expected("a function behind its attributes") {
                report.help("attributes stand on the lines before `function name(…)`");
            }
            return None;
        }
        self.function_statement(attributes)
    }

    fn function_statement(&mut self, attributes: Vec<Attribute>) -> Option<StatementKind> {
        let open = self.next();
        let name = self.expect_name("a function's name")?;
        Some(StatementKind::Function(Box::new(self.function(open, Some(name), attributes))))
    }

    /// `function (x) … end` as a value.
    pub(super) fn anonymous_function(&mut self) -> Expr {
        let open = self.next();
        let outer = std::mem::replace(&mut self.free_lines, false);
        let function = self.function(open, None, Vec::new());
        self.free_lines = outer;
        let span = open.span.to(self.previous());
        let height = self.block_height;
        self.node(ExprKind::Lambda(Box::new(function)), span, height)
    }

    fn function(&mut self, open: Token, name: Option<Ident>, attributes: Vec<Attribute>) -> Function {
        let params = if self.peek() == TokenKind::LeftParen {
            self.params()
        } else {
            self.expected("`(`");
            Vec::new()
        };
        let returns = self.take(TokenKind::Arrow).and_then(|_| self.type_syntax());
        let head = open.span.to(self.previous());
        let in_braces = self.head_end();
        let body = self.block();
        self.block_end(open, in_braces);
        Function { name, params, returns, body, attributes, head }
    }

    fn params(&mut self) -> Vec<Param> {
        let open = self.next();
        let mut params = Vec::new();
        self.bracketed(|parser| {
            while !matches!(parser.peek(), TokenKind::RightParen | TokenKind::End) && !parser.recovering {
                let Some(name) = parser.expect_name("a parameter's name") else { break };
                let annotation = parser.take(TokenKind::Colon).and_then(|_| parser.type_syntax());
                let default = parser.take(TokenKind::Assign).map(|_| parser.expression());
                params.push(Param { name, annotation, default });
                if parser.take(TokenKind::Comma).is_none() {
                    break;
                }
            }
            parser.close(TokenKind::RightParen, open);
        });
        params
    }

    /// `int`, `tensor[f32, n, 4]`
    pub(super) fn type_syntax(&mut self) -> Option<TypeSyntax> {
        let token = self.token();
        if !matches!(token.kind, TokenKind::Name | TokenKind::KwFunction | TokenKind::KwNone) {
            self.expected("a type");
            return None;
        }
        self.next();
        let name = self.intern(token.span);
        let mut arguments = Vec::new();
        let mut span = token.span;
        if self.peek() == TokenKind::LeftBracket {
            let open = self.next();
            let close = self.bracketed(|parser| {
                while let Some(argument) = parser.type_argument() {
                    arguments.push(argument);
                    if parser.take(TokenKind::Comma).is_none() {
                        break;
                    }
                }
                parser.close(TokenKind::RightBracket, open)
            });
            span = span.to(close);
        }
        Some(TypeSyntax { name, arguments, span })
    }

    fn type_argument(&mut self) -> Option<TypeArgument> {
        let token = self.token();
        match token.kind {
            TokenKind::Name => {
                self.next();
                Some(TypeArgument::Name(Ident { name: self.intern(token.span), span: token.span }))
            }
            TokenKind::Int => {
                self.next();
                let size = int_value(self.source.slice(token.span)).and_then(|n| usize::try_from(n).ok())?;
                Some(TypeArgument::Size(size))
            }
            TokenKind::RightBracket => None,
            _ => {
                self.expected("a dtype, a size or a dimension's name");
                None
            }
        }
    }
}
