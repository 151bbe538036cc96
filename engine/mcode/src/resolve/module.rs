//! Files: their functions, the variables of their top levels, and what they import.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::call::Signature;
use super::scope::{self, FunctionScope};
use super::{FILES_MAX, Resolver, parallel};
use crate::ast::{self, Ident, Name, StatementKind};
use crate::codes::Code;
use crate::external::{external_module, external_path};
use crate::hashing::{HashMap, HashSet};
use crate::hir::{Function, FunctionId, GlobalId};
use crate::parser::parse;
use crate::report::FileId;
use crate::source::{ByteSpan, Source};

/// What a file defines.
pub(super) struct ModuleScope {
    pub(super) functions: HashMap<Name, FunctionId>,
    /// Functions in the order of the text.
    pub(super) named: Vec<FunctionId>,
    /// Names that the top level assigns.
    pub(super) variables: HashSet<Name>,
    /// Those of them that functions or other files read.
    pub(super) globals: HashMap<Name, GlobalId>,
    /// Imported modules by their names here.
    pub(super) imports: HashMap<Name, usize>,
    /// Names of modules that could not be imported: what is read from them is no further error.
    pub(super) missing: HashSet<Name>,
    /// The interface of an external module: its functions may call it.
    pub(super) is_external: bool,
}

impl Resolver<'_, '_> {
    /// Resolves one file; its top level is appended to the program's behind those of its imports.
    pub(super) fn module(&mut self, module: &ast::Module, file: FileId, is_external: bool) -> Option<usize> {
        let outer_file = std::mem::replace(&mut self.reporter.file, file);
        let id = self.modules.len();
        let mut variables = HashSet::default();
        scope::assigned_names(&module.body, &mut variables);
        self.modules.push(ModuleScope {
            functions: HashMap::default(),
            named: Vec::new(),
            variables,
            globals: HashMap::default(),
            imports: HashMap::default(),
            missing: HashSet::default(),
            is_external,
        });
        let outer_scopes = std::mem::take(&mut self.scopes);
        self.imports(id, module);
        let functions = self.declare_functions(id, module);
        if file == 0
            && let Some(known) = self.known
        {
            let functions = &self.modules[id].functions;
            let known: Vec<Name> =
                known.iter().map(|n| Name::from(n.as_str())).filter(|n| !functions.contains_key(n)).collect();
            self.modules[id].variables.extend(known);
        }
        if file != 0 || self.known.is_some() {
            // Other files, or later pieces, may read any variable of this one.
            let mut names: Vec<Name> = self.modules[id].variables.iter().cloned().collect();
            names.sort();
            names.iter().for_each(|name| {
                self.module_global(id, name);
            });
        }
        for (function_id, function) in functions {
            self.current = id;
            self.function(function_id, function, file, None);
        }
        self.current = id;
        self.top_level(id, module, file);
        self.scopes = outer_scopes;
        self.reporter.file = outer_file;
        Some(id)
    }

    fn declare_functions<'m>(&mut self, id: usize, module: &'m ast::Module) -> Vec<(FunctionId, &'m ast::Function)> {
        let mut functions: Vec<(FunctionId, &ast::Function)> = Vec::new();
        let mut places: BTreeMap<Name, ByteSpan> = BTreeMap::new();
        for statement in &module.body {
            let StatementKind::Function(function) = &statement.kind else { continue };
            let Some(Ident { name, span }) = &function.name else { continue };
            let function_id = self.reserve_function();
            if let Some(first) = places.insert(name.clone(), *span) {
                self.reporter
                    .error(Code::DefinedTwice, *span, format!("there are two functions called `{name}`"))
                    .secondary(first, "the first is here");
            }
            self.signatures.insert(function_id, Rc::new(Signature::of(function, id)));
            self.modules[id].functions.insert(name.clone(), function_id);
            self.modules[id].named.push(function_id);
            self.modules[id].variables.remove(name);
            functions.push((function_id, function));
        }
        functions
    }

    fn top_level(&mut self, id: usize, module: &ast::Module, file: FileId) {
        let function_id = self.reserve_function();
        let mut scope = FunctionScope::new(None);
        scope.assigned = self.modules[id].variables.clone();
        scope.mentions = parallel::mentioned_with_loops(&module.body);
        scope.top_level = true;
        self.scopes.push(scope);
        let body = self.block(&module.body);
        let scope = self.scopes.pop().expect("pushed above");
        self.functions[function_id as usize] = Some(Function {
            name: "the top level".into(),
            locals: scope.locals,
            body,
            file,
            dims: scope.dims,
            whens: scope.whens.into_iter().flatten().collect(),
            ..super::missing_function()
        });
        self.top_levels.push(function_id);
    }

    /// The global behind a variable of a file's top level.
    pub(super) fn module_global(&mut self, module: usize, name: &Name) -> GlobalId {
        if let Some(&id) = self.modules[module].globals.get(name) {
            return id;
        }
        let id = self.new_global(name, ByteSpan::default());
        self.modules[module].globals.insert(name.clone(), id);
        id
    }

    /// What a file imports, in the order of the names, with the functions of each.
    pub(super) fn imported(&self, id: usize) -> Vec<(Name, Vec<FunctionId>)> {
        let imports = self.modules[id].imports.iter();
        let mut imports: Vec<_> = imports.map(|(name, of)| (name.clone(), self.modules[*of].named.clone())).collect();
        imports.sort();
        imports
    }

    fn imports(&mut self, id: usize, module: &ast::Module) {
        for statement in &module.body {
            let StatementKind::Import { path, path_span, external, alias } = &statement.kind else { continue };
            let name = match alias {
                Some(alias) => alias.name.clone(),
                None => stem(path),
            };
            let Some(imported) = self.import(path, *path_span, *external) else {
                self.modules[id].missing.insert(name);
                continue;
            };
            if self.modules[id].imports.insert(name.clone(), imported).is_some() {
                let span = alias.as_ref().map_or(*path_span, |a| a.span);
                self.reporter
                    .error(Code::DefinedTwice, span, format!("two modules are called `{name}` here"))
                    .help("give one of them another name: `import \"path.mcode\" as other`");
            }
        }
    }

    fn import(&mut self, path: &str, span: ByteSpan, is_external: bool) -> Option<usize> {
        let importer = self.sources[usize::from(self.reporter.file)].name.to_string();
        let asked = if is_external { external_path(path) } else { path.to_owned() };
        let found = match external_module(path) {
            Some(module) if !is_external => Err(format!("a module is `import module(\"{module}\")`")),
            _ => (self.loader)(&importer, &asked),
        };
        let (name, text) = match found {
            Ok(loaded) => loaded,
            Err(reason) => {
                let help = match is_external {
                    true => "`nexus module list` shows the modules that there are; `nexus module add FOLDER` adds one",
                    false => "paths are relative to the file that imports",
                };
                self.reporter
                    .error(Code::ImportFailed, span, format!("`{path}` cannot be imported: {reason}"))
                    .help(help);
                return None;
            }
        };
        match self.loaded.get(&name) {
            Some(Some(id)) => return Some(*id),
            Some(None) => {
                self.reporter
                    .error(Code::ImportFailed, span, format!("`{path}` is imported in a circle"))
                    .help("move what both files need into a third");
                return None;
            }
            None => {}
        }
        if self.sources.len() >= FILES_MAX {
            self.reporter.error(Code::ImportFailed, span, format!("a program may have {FILES_MAX} files"));
            return None;
        }
        self.loaded.insert(name.clone(), None);
        let source = Source { is_interface: is_external, ..Source::new(&name, &text) };
        self.sources.push(source.clone());
        let file = (self.sources.len() - 1) as FileId;
        let outer = std::mem::replace(&mut self.reporter.file, file);
        let module = parse(&source, self.reporter);
        self.reporter.file = outer;
        let current = self.current;
        let id = self.module(&module, file, is_external);
        self.current = current;
        self.loaded.insert(name, id);
        id
    }
}

/// The name of a module that was given none: its file's without folders and ending.
fn stem(path: &str) -> Name {
    let file = path.rsplit(['/', '\\']).next().unwrap_or(path);
    file.split('.').next().unwrap_or(file).into()
}
