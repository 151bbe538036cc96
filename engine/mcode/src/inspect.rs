//! What an editor wants to know of a program, right or wrong: what each name stands for, where it comes from, what is
//! visible where.
//!
//! It reads the same trees as the compiler; nothing here decides what a program means.

use std::collections::BTreeMap;

use nexus_model::Diagnostic;

use crate::ast::{Block, Ident, Name, Statement, StatementKind};
use crate::check::types::describe_known;
use crate::check::{Facts, check};
use crate::compile::{ImportLoader, compile_with_imports};
use crate::hir::{Function, FunctionId, Program};
use crate::lexer::scan;
use crate::library::reference::library_entry;
use crate::parser::parse;
use crate::report::Reporter;
use crate::resolve::resolve;
use crate::source::{ByteSpan, Source};
use crate::token::{Token, TokenKind};

/// A range of bytes of the program's text, half-open.
pub type TextRange = std::ops::Range<u32>;

/// A program as an editor sees it.
#[derive(Debug, Default)]
pub struct Inspection {
    /// Errors and warnings in the order of the text.
    pub diagnostics: Vec<Diagnostic>,
    /// Every name that stands for something, in the order of the text.
    pub names: Vec<NameAt>,
    /// The functions and the file itself, outermost first, with the variables of each.
    pub scopes: Vec<ScopeAt>,
    /// Functions with a name, in the order of the text.
    pub functions: Vec<FunctionAt>,
    /// What it imports, by its names here: the functions of each, with their heads.
    pub imports: BTreeMap<String, Vec<(String, String)>>,
}

/// A name where it is used or defined.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameAt {
    /// Where it stands.
    pub range: TextRange,
    /// What it is, as a line of M-CODE: `x: f32[3, 4]`, `function f(n: int)`, `tensor.ones(shape, dtype = f32)`.
    pub signature: String,
    /// What the library says of it; empty for what the program defines.
    pub doc: String,
    /// Where it is defined, if that is in this file.
    pub definition: Option<TextRange>,
}

/// A part of the text with variables of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScopeAt {
    /// Where it is.
    pub range: TextRange,
    /// Its variables with what they hold.
    pub variables: Vec<(String, String)>,
}

/// A function with a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FunctionAt {
    /// Its name.
    pub name: String,
    /// Its head: `function f(n: int) -> list`.
    pub head: String,
    /// Where its name stands.
    pub name_range: TextRange,
    /// Where the whole of it stands.
    pub range: TextRange,
}

/// Looks at a program whose imports `loader` finds.
pub fn inspect(file: &str, text: &str, loader: &mut ImportLoader<'_>) -> Inspection {
    let diagnostics = compile_with_imports(file, text, loader).diagnostics;
    let mut reporter = Reporter::new();
    let mut sources = vec![Source::new(file, text)];
    let module = parse(&sources[0].clone(), &mut reporter);
    let program = resolve(&module, &mut sources, None, loader, &mut reporter);
    let facts = check(&program, &sources, &mut reporter);
    let (tokens, _) = scan(&sources[0], &mut Reporter::new());
    let mut top = BTreeMap::new();
    first_places(&module.body, &mut top);
    let mut named = Vec::new();
    functions_of(&module.body, &sources[0], &mut named);
    let function = |id: &FunctionId| {
        let function = program.functions.get(*id as usize)?;
        let head = sources.get(usize::from(function.file))?.slice(function.head);
        Some((function.name.to_string(), head.to_owned()))
    };
    let imports = program.imports.iter();
    let imports = imports.map(|(name, of)| (name.to_string(), of.iter().filter_map(function).collect())).collect();
    let inspector = Inspector { source: &sources[0], program: &program, facts: &facts, top, named, imports };
    let scopes = inspector.scopes();
    let names = (0..tokens.len()).filter_map(|at| inspector.name_at(&tokens, at, &scopes)).collect();
    let scopes = scopes.into_iter().map(|scope| inspector.described(&scope)).collect();
    Inspection { diagnostics, names, scopes, functions: inspector.named, imports: inspector.imports }
}

/// A function's place in the text.
struct Scope {
    function: FunctionId,
    span: ByteSpan,
}

struct Inspector<'a> {
    source: &'a Source,
    program: &'a Program,
    facts: &'a Facts,
    /// Variables of the top level, with where they are first assigned.
    top: BTreeMap<Name, ByteSpan>,
    named: Vec<FunctionAt>,
    imports: BTreeMap<String, Vec<(String, String)>>,
}

impl Inspector<'_> {
    /// The functions of the main file, larger ones first, so that the last one around a place is the innermost.
    fn scopes(&self) -> Vec<Scope> {
        let whole = ByteSpan { start: 0, end: self.source.text.len() as u32 };
        let main = self.program.top_levels.last().copied();
        let mut scopes: Vec<Scope> = self
            .program
            .functions
            .iter()
            .enumerate()
            .filter(|(_, function)| function.file == 0)
            .map(|(id, function)| (id as FunctionId, function))
            .filter(|(id, function)| Some(*id) == main || function.head != ByteSpan::default())
            .map(|(id, function)| Scope { function: id, span: if Some(id) == main { whole } else { extent(function) } })
            .collect();
        scopes.sort_by_key(|scope| std::cmp::Reverse(scope.span.end - scope.span.start));
        scopes
    }

    fn described(&self, scope: &Scope) -> ScopeAt {
        let function = &self.program.functions[scope.function as usize];
        let is_name = |name: &str| !name.contains(' ');
        let mut variables: Vec<(String, String)> = function
            .locals
            .iter()
            .enumerate()
            .filter(|(_, variable)| is_name(&variable.name))
            .map(|(id, v)| (v.name.to_string(), describe_known(self.facts.variable_type(scope.function, id as u32))))
            .collect();
        if self.program.top_levels.last() == Some(&scope.function) {
            let known: Vec<String> = variables.iter().map(|(name, _)| name.clone()).collect();
            let others = self.top.keys().filter(|name| !known.iter().any(|k| **k == ***name));
            variables.extend(others.map(|name| (name.to_string(), "any".to_owned())));
        }
        ScopeAt { range: range(scope.span), variables }
    }

    fn name_at(&self, tokens: &[Token], at: usize, scopes: &[Scope]) -> Option<NameAt> {
        let token = tokens[at];
        if token.kind != TokenKind::Name {
            return None;
        }
        let before = at.checked_sub(1).map(|b| tokens[b].kind);
        let text = self.source.slice(token.span);
        if before == Some(TokenKind::Dot) {
            let space = tokens.get(at.checked_sub(2)?)?;
            if let Some(functions) = self.imports.get(self.source.slice(space.span)) {
                let (_, head) = functions.iter().find(|(name, _)| name == text)?;
                return Some(NameAt {
                    range: range(token.span),
                    signature: head.clone(),
                    doc: String::new(),
                    definition: None,
                });
            }
            return self.library(&format!("{}.{text}", self.source.slice(space.span)), token.span);
        }
        let colon = tokens.get(at + 1).is_some_and(|t| t.kind == TokenKind::Colon);
        let key = colon && !matches!(before, Some(TokenKind::KwLet | TokenKind::KwConst));
        let variable = self.variable(text, token.span, scopes);
        match variable {
            Some(found) if !key || found.definition == Some(range(token.span)) => return Some(found),
            _ if key => return None,
            _ => {}
        }
        if let Some(function) = self.named.iter().find(|f| f.name == text) {
            return Some(NameAt {
                range: range(token.span),
                signature: function.head.clone(),
                doc: String::new(),
                definition: Some(function.name_range.clone()),
            });
        }
        self.library(text, token.span)
    }

    fn variable(&self, name: &str, span: ByteSpan, scopes: &[Scope]) -> Option<NameAt> {
        let around = scopes.iter().rev().filter(|s| s.span.start <= span.start && span.end <= s.span.end);
        for scope in around {
            let function = &self.program.functions[scope.function as usize];
            // The first of this name is the variable; hidden ones come behind it.
            if let Some(id) = function.locals.iter().position(|v| *v.name == *name) {
                let captured = function.captures.iter().any(|c| c.inner as usize == id);
                if captured {
                    continue;
                }
                let ty = describe_known(self.facts.variable_type(scope.function, id as u32));
                let definition = Some(range(function.locals[id].span));
                return Some(NameAt {
                    range: range(span),
                    signature: format!("{name}: {ty}"),
                    doc: String::new(),
                    definition,
                });
            }
        }
        let definition = Some(range(*self.top.get(name)?));
        Some(NameAt { range: range(span), signature: format!("{name}: any"), doc: String::new(), definition })
    }

    fn library(&self, name: &str, span: ByteSpan) -> Option<NameAt> {
        let entry = library_entry(name)?;
        Some(NameAt { range: range(span), signature: entry.signature, doc: entry.doc.to_owned(), definition: None })
    }
}

fn range(span: ByteSpan) -> TextRange {
    span.start..span.end
}

/// From the head to the end of the last statement.
fn extent(function: &Function) -> ByteSpan {
    function.body.iter().fold(function.head, |span, statement| span.to(statement.span))
}

/// Where the top level first assigns each of its variables.
fn first_places(block: &Block, places: &mut BTreeMap<Name, ByteSpan>) {
    for statement in block {
        match &statement.kind {
            StatementKind::Bind { name, .. } => note(name, places),
            StatementKind::For { name, body, .. } => {
                note(name, places);
                first_places(body, places);
            }
            StatementKind::While { body, .. } => first_places(body, places),
            StatementKind::If { branches, otherwise } => {
                branches.iter().map(|(_, block)| block).chain(otherwise).for_each(|b| first_places(b, places));
            }
            _ => {}
        }
    }
}

fn note(name: &Ident, places: &mut BTreeMap<Name, ByteSpan>) {
    places.entry(name.name.clone()).or_insert(name.span);
}

fn functions_of(block: &Block, source: &Source, named: &mut Vec<FunctionAt>) {
    for Statement { kind, span } in block {
        let StatementKind::Function(function) = kind else { continue };
        let Some(name) = &function.name else { continue };
        named.push(FunctionAt {
            name: name.name.to_string(),
            head: source.slice(function.head).to_owned(),
            name_range: range(name.span),
            range: range(*span),
        });
        functions_of(&function.body, source, named);
    }
}
