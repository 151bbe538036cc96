//! The syntax tree as text, for `nexus mcode ast`: one node a line, children indented, each with its line and column.

use std::fmt::Write;

use nexus_model::Diagnostic;

use crate::ast::{Block, Expr, ExprKind, Function, IndexSyntax, Statement, StatementKind, TypeSyntax};
use crate::parser::parse;
use crate::report::Reporter;
use crate::source::{ByteSpan, Lines, Source};

/// The syntax tree of a program, or what is wrong with its text.
pub fn ast_text(file: &str, source: &str) -> Result<String, Vec<Diagnostic>> {
    let source = Source::new(file, source);
    let mut reporter = Reporter::new();
    let module = parse(&source, &mut reporter);
    if reporter.has_errors() {
        return Err(reporter.into_diagnostics(&[source]));
    }
    let mut printer = Printer { source: &source, lines: Lines::new(&source), out: String::new(), level: 0 };
    printer.block(&module.body);
    Ok(printer.out)
}

struct Printer<'a> {
    source: &'a Source,
    lines: Lines<'a>,
    out: String,
    level: usize,
}

impl Printer<'_> {
    fn node(&mut self, span: ByteSpan, words: &str) {
        let place = self.lines.locate(span);
        // Writing to a string cannot fail.
        let _ = writeln!(self.out, "{:indent$}{words}  @{}:{}", "", place.line, place.column, indent = self.level * 2);
    }

    fn inside(&mut self, print: impl FnOnce(&mut Self)) {
        self.level += 1;
        print(self);
        self.level -= 1;
    }

    fn block(&mut self, block: &Block) {
        block.iter().for_each(|statement| self.statement(statement));
    }

    fn type_text(&self, annotation: Option<&TypeSyntax>) -> String {
        annotation.map(|t| format!(": {}", self.source.slice(t.span))).unwrap_or_default()
    }

    fn statement(&mut self, statement: &Statement) {
        let span = statement.span;
        match &statement.kind {
            StatementKind::Bind { binding, name, annotation, value } => {
                let word = format!("{binding:?}").to_lowercase();
                let ty = self.type_text(annotation.as_ref());
                self.node(span, &format!("{word} {}{ty}", name.name));
                self.inside(|p| p.expression(value));
            }
            StatementKind::Assign { target, value } => {
                self.node(span, "assign part");
                self.inside(|p| {
                    p.expression(target);
                    p.expression(value);
                });
            }
            StatementKind::Update { target, operator, value } => {
                self.node(span, &format!("update {}=", operator.text()));
                self.inside(|p| {
                    p.expression(target);
                    p.expression(value);
                });
            }
            StatementKind::Expr(value) => self.expression(value),
            StatementKind::If { branches, otherwise } => {
                self.node(span, "if");
                for (condition, block) in branches {
                    self.inside(|p| p.expression(condition));
                    self.inside(|p| p.inside(|p| p.block(block)));
                }
                if let Some(block) = otherwise {
                    self.node(span, "else");
                    self.inside(|p| p.inside(|p| p.block(block)));
                }
            }
            StatementKind::While { condition, body } => {
                self.node(span, "while");
                self.inside(|p| p.expression(condition));
                self.inside(|p| p.inside(|p| p.block(body)));
            }
            StatementKind::For { parallel, name, iterable, body } => {
                self.node(span, &format!("{}for {}", if *parallel { "parallel " } else { "" }, name.name));
                self.inside(|p| p.expression(iterable));
                self.inside(|p| p.inside(|p| p.block(body)));
            }
            StatementKind::When { name, body } => {
                self.node(span, &format!("when change {}", name.name));
                self.inside(|p| p.block(body));
            }
            StatementKind::Break => self.node(span, "break"),
            StatementKind::Continue => self.node(span, "continue"),
            StatementKind::Return(value) => {
                self.node(span, "return");
                self.inside(|p| value.iter().for_each(|e| p.expression(e)));
            }
            StatementKind::Function(function) => self.function(function, span),
            StatementKind::Note { values } => {
                self.node(span, "note");
                self.inside(|p| values.iter().for_each(|e| p.expression(e)));
            }
            StatementKind::Import { path, alias, .. } => {
                let alias = alias.as_ref().map(|a| format!(" as {}", a.name)).unwrap_or_default();
                self.node(span, &format!("import {path:?}{alias}"));
            }
        }
    }

    fn function(&mut self, function: &Function, span: ByteSpan) {
        let attributes: String =
            function.attributes.iter().map(|a| format!("{} ", self.source.slice(a.span))).collect();
        let name = function.name.as_ref().map_or("anonymous", |n| &*n.name);
        let returns = function.returns.as_ref().map(|t| format!(" -> {}", self.source.slice(t.span)));
        self.node(span, &format!("{attributes}function {name}{}", returns.unwrap_or_default()));
        self.inside(|p| {
            for param in &function.params {
                let ty = p.type_text(param.annotation.as_ref());
                p.node(param.name.span, &format!("parameter {}{ty}", param.name.name));
                p.inside(|p| param.default.iter().for_each(|e| p.expression(e)));
            }
            p.block(&function.body);
        });
    }

    fn children<'e>(&mut self, span: ByteSpan, words: &str, children: impl IntoIterator<Item = &'e Expr>) {
        self.node(span, words);
        self.inside(|p| children.into_iter().for_each(|e| p.expression(e)));
    }

    fn expression(&mut self, expr: &Expr) {
        let span = expr.span;
        match &expr.kind {
            ExprKind::Invalid => self.node(span, "invalid"),
            ExprKind::None => self.node(span, "none"),
            ExprKind::Bool(v) => self.node(span, &format!("bool {v}")),
            ExprKind::Int(v) => self.node(span, &format!("int {v}")),
            ExprKind::Scalar(v) => self.node(span, &format!("scalar {v:?}")),
            ExprKind::Str(v) => self.node(span, &format!("string {v:?}")),
            ExprKind::Name(name) => self.node(span, &format!("name {name}")),
            ExprKind::List(items) => self.children(span, "list", items),
            ExprKind::Record(fields) => {
                self.node(span, "record");
                self.inside(|p| {
                    for (name, value) in fields {
                        p.children(name.span, &format!("field {}", name.name), [value]);
                    }
                });
            }
            ExprKind::Unary(operator, a) => {
                self.children(span, &format!("{operator:?}").to_lowercase(), [&**a]);
            }
            ExprKind::Binary(operator, a, b) => self.children(span, operator.text(), [&**a, &**b]),
            ExprKind::Compare(operands, operators) => {
                let words: Vec<&str> = operators.iter().map(|o| o.text()).collect();
                self.children(span, &format!("compare {}", words.join(" ")), operands);
            }
            ExprKind::And(a, b) => self.children(span, "and", [&**a, &**b]),
            ExprKind::Or(a, b) => self.children(span, "or", [&**a, &**b]),
            ExprKind::Pipe(a, b) => self.children(span, "|>", [&**a, &**b]),
            ExprKind::Range { start, end, closed, step } => {
                let words = if *closed { "range closed" } else { "range" };
                self.children(span, words, [&**start, &**end].into_iter().chain(step.as_deref()));
            }
            ExprKind::Call(callee, arguments) => {
                self.children(span, "call", [&**callee]);
                self.inside(|p| {
                    for argument in arguments {
                        match &argument.name {
                            Some(name) => p.children(name.span, &format!("{} =", name.name), [&argument.value]),
                            None => p.expression(&argument.value),
                        }
                    }
                });
            }
            ExprKind::Index(target, items) => {
                self.children(span, "index", [&**target]);
                self.inside(|p| items.iter().for_each(|item| p.index(item, span)));
            }
            ExprKind::Field(target, field) => self.children(span, &format!("field {}", field.name), [&**target]),
            ExprKind::Lambda(function) => self.function(function, span),
            ExprKind::Spawn(a) => self.children(span, "spawn", [&**a]),
            ExprKind::Await(a) => self.children(span, "await", [&**a]),
            ExprKind::Paren(inner) => self.expression(inner),
        }
    }

    fn index(&mut self, item: &IndexSyntax, span: ByteSpan) {
        match item {
            IndexSyntax::All => self.node(span, "all"),
            IndexSyntax::Expr(e) => self.expression(e),
            IndexSyntax::Open { start, end, closed, step } => {
                let given = |e: &Option<Expr>, name: &'static str| if e.is_some() { name } else { "" };
                let words =
                    format!("open range {} {} {}", given(start, "start"), given(end, "end"), given(step, "step"));
                let closed = if *closed { " closed" } else { "" };
                self.children(span, &format!("{}{closed}", words.trim_end()), [start, end, step].into_iter().flatten());
            }
        }
    }
}
