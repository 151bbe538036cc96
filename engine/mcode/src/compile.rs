//! From source text to a program that can be run.

use std::sync::{Arc, Mutex, PoisonError};

use nexus_model::{DType, Diagnostic, Execution};

use crate::bundle;
use crate::check;
use crate::codes::Code;
use crate::hir::{Attributes, Program};
use crate::ir::{Entry, Image};
use crate::lower::lower;
use crate::native::{Account, NativeCache};
use crate::optimise::{OptimiserCounts, optimise};
use crate::parser::parse;
use crate::report::Reporter;
use crate::resolve::resolve;
use crate::session::{Before, watches_first};
use crate::source::{ByteSpan, Source};

/// What came of compiling a program.
#[derive(Debug)]
pub struct Compilation {
    /// The program, unless something is wrong with it.
    pub program: Option<Arc<CompiledProgram>>,
    /// Errors and warnings in the order of the text.
    pub diagnostics: Vec<Diagnostic>,
}

/// A program that can be run any number of times, on any thread.
#[derive(Debug)]
pub struct CompiledProgram {
    pub(crate) image: Image,
    pub(crate) parameters: Vec<EntryParameter>,
    hash: [u8; 32],
    tiers: Mutex<Vec<Arc<Tier>>>,
    account: Account,
}

/// A program as it runs with certain settings.
#[derive(Debug)]
pub(crate) struct Tier {
    execution: Execution,
    pub(crate) image: Image,
    pub(crate) counts: OptimiserCounts,
    pub(crate) native: NativeCache,
}

/// A parameter of the program's entry.
#[derive(Debug, Clone, PartialEq)]
pub struct EntryParameter {
    /// Name, as in `--arg name=value`.
    pub name: String,
    /// The type as it is written, or empty where none is.
    pub type_text: String,
    /// Whether it may be left out.
    pub has_default: bool,
    pub(crate) declared: Option<crate::hir::Declared>,
    pub(crate) span: ByteSpan,
}

impl CompiledProgram {
    /// The parameters of the entry, in order.
    pub fn parameters(&self) -> &[EntryParameter] {
        &self.parameters
    }

    /// A hash of everything that the program is made of: its text and that of its modules.
    pub fn hash(&self) -> [u8; 32] {
        self.hash
    }

    /// The program for these settings: it is optimised once, and kept with what becomes native of it.
    pub(crate) fn tier(&self, execution: Execution) -> Arc<Tier> {
        let execution = execution.effective();
        let mut tiers = self.tiers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(tier) = tiers.iter().find(|tier| tier.execution == execution) {
            return Arc::clone(tier);
        }
        let (image, counts) = optimise(&self.image, execution);
        let tier = Arc::new(Tier { execution, image, counts, native: NativeCache::default() });
        tiers.push(Arc::clone(&tier));
        tier
    }

    /// What its runs took in this process.
    pub(crate) fn account(&self) -> &Account {
        &self.account
    }

    /// What the optimiser does to the program with these settings.
    pub fn optimised(&self, execution: Execution) -> OptimiserCounts {
        self.tier(execution).counts
    }

    /// The name of the main file.
    pub fn file(&self) -> &str {
        &self.image.sources[0].name
    }

    /// The attributes of the entry.
    pub fn attributes(&self) -> &Attributes {
        match self.image.entry {
            Entry::Function(id) => &self.image.functions[id as usize].attributes,
            Entry::TopLevel => const { &Attributes::NONE },
        }
    }

    /// What `@precision` of the entry asks for, as the dtype in which products of f32 tensors take their operands:
    /// `fast` is bf16, `balanced` and nothing f32, `precise` f64.
    pub fn products_in(&self) -> DType {
        match self.attributes().precision.as_deref() {
            Some("fast" | "bf16") => DType::BF16,
            Some("f16") => DType::F16,
            Some("precise" | "f64") => DType::F64,
            _ => DType::F32,
        }
    }

    /// Whether it may take derivatives of functions.
    pub fn differentiates(&self) -> bool {
        crate::outline::differentiates(&self.image)
    }

    /// What `@device` of the entry asks for: `auto`, `cpu` or `gpu`.
    pub fn device_attribute(&self) -> Option<&str> {
        self.attributes().device.as_deref()
    }
}

/// Finds an imported file: from the importing file's name and the path as it is written to the imported file's name (by
/// which circles are found) and text, or why there is none.
pub type ImportLoader<'a> = dyn FnMut(&str, &str) -> Result<(String, String), String> + 'a;

/// Compiles a program that imports nothing.
pub fn compile(file: &str, source: &str) -> Compilation {
    compile_with_imports(file, source, &mut |_, _| Err("no files were granted to it".to_owned()))
}

/// Compiles a program whose imports `loader` finds.
pub fn compile_with_imports(file: &str, source: &str, loader: &mut ImportLoader<'_>) -> Compilation {
    compile_piece(file, source, None, loader)
}

/// Compiles a program, or a piece of one that knows variables of the pieces before. What a bundle carries is found in it
/// first.
pub(crate) fn compile_piece(
    file: &str,
    source: &str,
    before: Option<Before<'_>>,
    loader: &mut ImportLoader<'_>,
) -> Compilation {
    let (source, modules) = bundle::split(source);
    let mut carried = |importer: &str, path: &str| {
        let importer = if importer == file { "" } else { importer };
        match modules.get(&(importer.to_owned(), path.to_owned())) {
            Some(module) => Ok(module.clone()),
            None => loader(importer_of(importer, file), path),
        }
    };
    let mut reporter = Reporter::new();
    let mut sources = vec![Source::new(file, source)];
    let program = translate(&mut sources, before, &mut carried, &mut reporter);
    Compilation { program, diagnostics: reporter.into_diagnostics(&sources) }
}

/// Reads and checks a program that imports nothing, without making code of it: all that [`compile`] has to say but what
/// making code finds (no entry, a function too large).
pub fn diagnose(file: &str, source: &str) -> Vec<Diagnostic> {
    let mut reporter = Reporter::new();
    let mut sources = vec![Source::new(file, source)];
    let module = parse(&sources[0].clone(), &mut reporter);
    let mut nothing = |_: &str, _: &str| Err("no files were granted to it".to_owned());
    let program = resolve(&module, &mut sources, None, &mut nothing, &mut reporter);
    check::check(&program, &sources, &mut reporter);
    reporter.into_diagnostics(&sources)
}

fn importer_of<'a>(importer: &'a str, file: &'a str) -> &'a str {
    if importer.is_empty() { file } else { importer }
}

fn translate(
    sources: &mut Vec<Source>,
    before: Option<Before<'_>>,
    loader: &mut ImportLoader<'_>,
    reporter: &mut Reporter,
) -> Option<Arc<CompiledProgram>> {
    let mut module = parse(&sources[0].clone(), reporter);
    if let Some(before) = before {
        watches_first(&mut module.body, before.own_bytes);
    }
    let known = before.map(|before| before.known);
    let program = resolve(&module, sources, known, loader, reporter);
    let facts = check::check(&program, sources, reporter);
    if reporter.has_errors() {
        return None;
    }
    reporter.file = 0;
    let entry = if known.is_some() { Entry::TopLevel } else { entry(&program, reporter)? };
    let parameters = parameters(&program, entry);
    let mut image = lower(&program, &facts, entry, sources.clone(), reporter)?;
    image.keeps_variables = known.is_some();
    let mut hasher = blake3::Hasher::new();
    for source in sources.iter() {
        hasher.update(&(source.text.len() as u64).to_le_bytes());
        hasher.update(source.text.as_bytes());
    }
    Some(Arc::new(CompiledProgram {
        image,
        parameters,
        hash: *hasher.finalize().as_bytes(),
        tiers: Mutex::default(),
        account: Account::default(),
    }))
}

/// `main`, else the only function, else the statements of the top level. An only function that the top level itself
/// uses is a part of that program, not its entry.
fn entry(program: &Program, reporter: &mut Reporter) -> Option<Entry> {
    let named = |id: &u32| &program.functions[*id as usize];
    if let Some(&main) = program.named.iter().find(|id| &*named(id).name == "main") {
        return Some(Entry::Function(main));
    }
    let top_level = program.top_levels.last().map(|&id| &program.functions[id as usize]);
    let has_statements = top_level.is_some_and(|f| !f.body.is_empty());
    match program.named.as_slice() {
        [only] if !has_statements || !program.used_by_top.contains(only) => Some(Entry::Function(*only)),
        _ if has_statements => Some(Entry::TopLevel),
        [] => {
            reporter
                .error(Code::NoEntry, ByteSpan::default(), "there is nothing to run")
                .help("write statements, or a function `main`");
            None
        }
        several => {
            let names: Vec<String> = several.iter().map(|id| format!("`{}`", named(id).name)).collect();
            reporter
                .error(Code::NoEntry, named(&several[0]).head, "it is not clear which function to run")
                .label(format!("the functions are {}", names.join(", ")))
                .help("call one of them `main`");
            None
        }
    }
}

fn parameters(program: &Program, entry: Entry) -> Vec<EntryParameter> {
    let Entry::Function(id) = entry else { return Vec::new() };
    let function = &program.functions[id as usize];
    function
        .params
        .iter()
        .map(|param| {
            let variable = &function.locals[param.local as usize];
            EntryParameter {
                name: variable.name.to_string(),
                type_text: param.declared_text.clone(),
                has_default: param.default.is_some(),
                declared: param.declared.clone(),
                span: variable.span,
            }
        })
        .collect()
}
