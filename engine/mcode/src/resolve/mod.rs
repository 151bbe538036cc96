//! Syntax tree to resolved tree: what every name means.
//!
//! A function's variables are the names that it assigns anywhere, its parameters, and nothing else: functions read
//! variables of the top level but never change them, and anonymous functions take the values that surrounding
//! variables have when they are made. Types are not looked at here.

mod attributes;
mod call;
mod expression;
mod module;
mod parallel;
mod scope;
mod statement;
mod update;

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use crate::ast::{self, Name};
use crate::codes::Code;
use crate::compile::ImportLoader;
use crate::hir::{Attributes, Function, FunctionId, GlobalId, Program, Variable};
use crate::report::{FileId, Reporter};
use crate::source::{ByteSpan, Source};

use call::Signature;
use module::ModuleScope;
use scope::FunctionScope;

/// Files that one program may consist of.
const FILES_MAX: usize = 256;

/// Resolves the main file and, through `loader`, what it imports. `sources[0]` is the main file; the texts of imported
/// files are pushed behind it. In a piece of a program the variables that are `known` exist already, and all of its own
/// outlive it.
pub(crate) fn resolve(
    module: &ast::Module,
    sources: &mut Vec<Source>,
    known: Option<&[String]>,
    loader: &mut ImportLoader<'_>,
    reporter: &mut Reporter,
) -> Program {
    let mut resolver = Resolver {
        reporter,
        sources,
        loader,
        functions: Vec::new(),
        globals: Vec::new(),
        top_levels: Vec::new(),
        modules: Vec::new(),
        current: 0,
        loaded: BTreeMap::new(),
        scopes: Vec::new(),
        used_by_top: Vec::new(),
        signatures: BTreeMap::new(),
        known,
    };
    resolver.loaded.insert(resolver.sources[0].name.to_string(), None);
    let main = resolver.module(module, 0, false);
    let named = main.map(|id| resolver.modules[id].named.clone()).unwrap_or_default();
    let imports = main.map(|id| resolver.imported(id)).unwrap_or_default();
    let functions = resolver.functions.into_iter().map(|f| f.unwrap_or_else(missing_function)).collect();
    Program {
        functions,
        globals: resolver.globals,
        top_levels: resolver.top_levels,
        named,
        used_by_top: resolver.used_by_top,
        imports,
    }
}

struct Resolver<'a, 'b> {
    reporter: &'a mut Reporter,
    sources: &'a mut Vec<Source>,
    loader: &'a mut ImportLoader<'b>,
    /// Filled when a function's body has been resolved.
    functions: Vec<Option<Function>>,
    globals: Vec<Variable>,
    top_levels: Vec<FunctionId>,
    modules: Vec<ModuleScope>,
    /// The file that is being resolved.
    current: usize,
    /// Files by the name they were loaded under; `None` while they are being resolved.
    loaded: BTreeMap<String, Option<usize>>,
    /// The functions around the code that is being resolved, outermost first.
    scopes: Vec<FunctionScope>,
    used_by_top: Vec<FunctionId>,
    /// Parameters of the functions that are known by name.
    signatures: BTreeMap<FunctionId, Rc<Signature>>,
    /// In a piece of a program: the variables of the pieces before.
    known: Option<&'a [String]>,
}

impl Resolver<'_, '_> {
    fn scope(&mut self) -> &mut FunctionScope {
        self.scopes.last_mut().expect("code is always resolved inside a function or a top level")
    }

    fn reserve_function(&mut self) -> FunctionId {
        self.functions.push(None);
        (self.functions.len() - 1) as FunctionId
    }

    fn new_global(&mut self, name: &Name, span: ByteSpan) -> GlobalId {
        self.globals.push(Variable { name: Arc::clone(name), span });
        (self.globals.len() - 1) as GlobalId
    }

    /// Resolves a function's parameters and body into the slot `id`.
    fn function(&mut self, id: FunctionId, function: &ast::Function, file: FileId, self_name: Option<&Name>) {
        let mut scope = FunctionScope::new(self_name.cloned());
        scope::assigned_names(&function.body, &mut scope.assigned);
        scope.expect(function.params.len());
        scope.mentions = parallel::mentioned_with_loops(&function.body);
        self.scopes.push(scope);
        let attributes = self.attributes(&function.attributes);
        for param in &function.params {
            if self.scope().local(&param.name.name).is_some() {
                self.reporter.error(
                    Code::DefinedTwice,
                    param.name.span,
                    format!("two parameters are called `{}`", param.name.name),
                );
            }
            self.scope().declare(&param.name.name, param.name.span);
        }
        let mut params = Vec::with_capacity(function.params.len());
        let mut optional = false;
        for param in &function.params {
            // Two parameters of one name, which was reported, are one variable.
            let local = self.scope().declare(&param.name.name, param.name.span);
            let declared = param.annotation.as_ref().map(|t| self.declared(t));
            let declared_text = param.annotation.as_ref().map(|t| self.source_text(file, t.span)).unwrap_or_default();
            let default = param.default.as_ref().map(|e| self.expression(e));
            if optional && default.is_none() {
                self.reporter
                    .error(
                        Code::WrongArguments,
                        param.name.span,
                        "a parameter without a default follows one with a default",
                    )
                    .help("parameters that may be left out come last");
            }
            optional |= default.is_some();
            params.push(crate::hir::Param { local, declared, declared_text, default });
        }
        let returns = function.returns.as_ref().map(|t| self.declared(t));
        let body = self.block(&function.body);
        let name = function.name.as_ref().map_or_else(|| Name::from("an anonymous function"), |n| n.name.clone());
        let scope = self.scopes.pop().expect("pushed above");
        self.functions[id as usize] = Some(Function {
            name,
            file,
            head: function.head,
            params,
            captures: scope.captures,
            self_local: scope.self_local,
            locals: scope.locals,
            body,
            returns,
            returns_span: function.returns.as_ref().map_or(function.head, |t| t.span),
            dims: scope.dims,
            whens: scope.whens.into_iter().flatten().collect(),
            attributes,
            is_copy: false,
        });
    }

    fn source_text(&self, file: FileId, span: ByteSpan) -> String {
        self.sources.get(usize::from(file)).map(|s| s.slice(span).to_owned()).unwrap_or_default()
    }
}

/// Stands for a function whose file could not be resolved; such a program has errors and is never run.
fn missing_function() -> Function {
    Function {
        name: "".into(),
        file: 0,
        head: ByteSpan::default(),
        params: Vec::new(),
        captures: Vec::new(),
        self_local: None,
        locals: Vec::new(),
        body: Vec::new(),
        returns: None,
        returns_span: ByteSpan::default(),
        dims: Vec::new(),
        whens: Vec::new(),
        attributes: Attributes::default(),
        is_copy: false,
    }
}
