//! The checker: what can be known to go wrong before anything runs.
//!
//! It runs the resolved program over types instead of values, each function once with what its signature says of its
//! parameters. Where two ways meet it keeps what holds on both. It reports only what is certain to fail when the code
//! is reached; where nothing is known it is silent, and the machine checks while it runs.

mod call;
mod expression;
mod operator;
mod state;
mod statement;
pub(crate) mod types;

use nexus_tensor::ArgType;

use crate::codes::Code;
use crate::hir::{Declared, Function, FunctionId, LocalId, Place, Program};
use crate::report::{Report, Reporter};
use crate::source::{ByteSpan, Source};
use state::{Set, State};

/// Statements that are looked at again because they stand in loops, at most, for each statement of the program.
const EFFORT: usize = 12;

/// What the checker found out, for the code generator and for printing.
#[derive(Debug, Default)]
pub(crate) struct Facts {
    unset: Vec<Vec<bool>>,
    types: Vec<Vec<Option<ArgType>>>,
    /// Values that certainly have the type declared for them; sorted when all is checked.
    proven: Vec<(FunctionId, u32, u32)>,
}

impl Facts {
    /// Whether a value certainly has the type declared for it, so that nothing need be checked while running.
    pub(crate) fn is_proven(&self, function: FunctionId, value: ByteSpan) -> bool {
        self.proven.binary_search(&(function, value.start, value.end)).is_ok()
    }

    /// Whether a variable is read on some way where it may have no value.
    pub(crate) fn may_be_unset(&self, function: FunctionId, local: LocalId) -> bool {
        self.unset.get(function as usize).and_then(|f| f.get(local as usize)).copied().unwrap_or(false)
    }

    /// What a variable holds wherever it is assigned.
    pub(crate) fn variable_type(&self, function: FunctionId, local: LocalId) -> Option<&ArgType> {
        self.types.get(function as usize).and_then(|f| f.get(local as usize)).and_then(Option::as_ref)
    }
}

/// Checks every function of a program.
pub(crate) fn check(program: &Program, sources: &[Source], reporter: &mut Reporter) -> Facts {
    let file = reporter.file;
    let facts = Facts {
        unset: program.functions.iter().map(|f| vec![false; f.locals.len()]).collect(),
        types: program.functions.iter().map(|f| vec![None; f.locals.len()]).collect(),
        proven: Vec::new(),
    };
    let mut checker = Checker {
        program,
        sources,
        reporter,
        facts,
        results: program.functions.iter().map(|_| None).collect(),
        id: 0,
        state: State::new(0),
        silent: 0,
        guards: 0,
        loops: Vec::new(),
        result: None,
        effort: 0,
        dims: call::Dims::new(),
    };
    for id in 0..program.functions.len() as FunctionId {
        checker.function(id);
    }
    checker.reporter.file = file;
    checker.facts.proven.sort_unstable();
    checker.facts
}

/// A loop while its body is checked.
struct LoopStates<'p> {
    /// What holds where `break` leaves it.
    breaks: Vec<State<'p>>,
    /// What holds where `continue` goes on.
    continues: Vec<State<'p>>,
}

struct Checker<'p, 'r> {
    program: &'p Program,
    sources: &'p [Source],
    reporter: &'r mut Reporter,
    facts: Facts,
    /// The type of what each function returns, where it was checked already.
    results: Vec<Option<ArgType>>,
    id: FunctionId,
    state: State<'p>,
    /// Above zero, nothing is reported: the code is looked at once more later.
    silent: usize,
    /// Above zero, the code need not run, whatever is known of its values.
    guards: usize,
    loops: Vec<LoopStates<'p>>,
    /// The type of what the function returns so far.
    result: Option<ArgType>,
    /// Statements that may still be looked at again.
    effort: usize,
    /// The sizes of the function's named dimensions, where declarations of variables said so.
    dims: call::Dims,
}

impl<'p> Checker<'p, '_> {
    fn current(&self) -> &'p Function {
        &self.program.functions[self.id as usize]
    }

    fn function(&mut self, id: FunctionId) {
        self.id = id;
        let function = self.current();
        self.reporter.file = function.file;
        self.state = State::new(function.locals.len());
        self.result = None;
        self.silent = usize::from(function.is_copy);
        self.dims.clear();
        self.effort = statements(&function.body).saturating_mul(EFFORT);
        for capture in &function.captures {
            self.state.assign(capture.inner, ArgType::Unknown, None);
        }
        if let Some(local) = function.self_local {
            self.state.assign(local, ArgType::Function, None);
        }
        for param in &function.params {
            let ty = match &param.declared {
                Some(declared) => types::of_declared(declared, &function.dims),
                None => ArgType::Unknown,
            };
            if let Some(default) = &param.default {
                let found = self.expression(default);
                if let Some(declared) = &param.declared {
                    let name = &function.locals[param.local as usize].name;
                    let what = format!("the default of `{name}`");
                    self.check_declared(&found, (declared, &function.dims), &what, default.span, None);
                }
            }
            self.assign(param.local, ty, None);
        }
        self.block(&function.body);
        let returned = match self.result.take() {
            Some(ty) if self.state.reachable => types::join(&ty, &ArgType::None),
            Some(ty) => ty,
            None => ArgType::None,
        };
        let declared = function.returns.as_ref().map(|d| types::of_declared(d, &function.dims));
        self.results[id as usize] = Some(match declared {
            Some(ArgType::Unknown) | None => returned,
            Some(declared) => declared,
        });
        // The bodies of `when`s run where their variables change: nothing is known of the variables there.
        for when in &function.whens {
            self.state = State::new(function.locals.len());
            self.state.slots.iter_mut().for_each(|slot| slot.set = Set::Yes);
            self.block(&when.body);
        }
    }

    /// Reports an error, unless the code will be looked at again.
    fn report(&mut self, code: Code, span: ByteSpan, message: String) -> Option<&mut Report> {
        (self.silent == 0).then(|| self.reporter.error(code, span, message))
    }

    fn assign(&mut self, local: LocalId, ty: ArgType, origin: Option<&'p crate::hir::Expr>) {
        let known = &mut self.facts.types[self.id as usize][local as usize];
        *known = Some(match known.take() {
            Some(known) if known == ty => known,
            Some(known) => types::join(&known, &ty),
            None => types::widen(&ty),
        });
        self.state.assign(local, ty, origin);
    }

    /// The type of a variable where it is read; reports one that certainly has no value.
    fn read(&mut self, place: Place, span: ByteSpan) -> ArgType {
        let Place::Local(local) = place else { return ArgType::Unknown };
        let slot = &self.state.slots[local as usize];
        let (set, ty) = (slot.set, ArgType::clone(&slot.ty));
        match set {
            Set::Yes => return ty,
            Set::Maybe => self.facts.unset[self.id as usize][local as usize] = true,
            Set::No => {
                self.facts.unset[self.id as usize][local as usize] = true;
                let function = self.current();
                let name = function.locals[local as usize].name.clone();
                let outside = self.program.globals.iter().any(|g| g.name == name) || self.is_variable_outside(&name);
                if let Some(report) = self.report(Code::NotSet, span, format!("`{name}` has no value yet")) {
                    report.help(if outside {
                        format!(
                            "`{name}` is assigned in this function, so it is the function's own: pass the outer one in"
                        )
                    } else {
                        format!("give `{name}` a value before it is read")
                    });
                }
                // Once is enough.
                self.state.assign(local, ArgType::Unknown, None);
                return ArgType::Unknown;
            }
        }
        ty
    }

    /// Whether the top level of the same file has a variable of this name.
    fn is_variable_outside(&self, name: &str) -> bool {
        let file = self.current().file;
        self.program
            .top_levels
            .iter()
            .filter(|&&id| id != self.id)
            .map(|&id| &self.program.functions[id as usize])
            .any(|top| top.file == file && top.locals.iter().any(|v| *v.name == *name))
    }

    /// Notes a value that has exactly the type declared for it.
    fn note_proven(&mut self, found: &ArgType, declared: &Declared, span: ByteSpan) {
        let exact = matches!(
            (found, declared),
            (ArgType::Int(_), Declared::Int)
                | (ArgType::Scalar(_), Declared::Scalar)
                | (ArgType::Bool(_), Declared::Bool)
                | (ArgType::Str(_), Declared::Str)
        );
        if exact && self.silent == 0 {
            self.facts.proven.push((self.id, span.start, span.end));
        }
    }

    fn text(&self, span: ByteSpan) -> &'p str {
        self.sources.get(usize::from(self.current().file)).map_or("", |s| s.slice(span))
    }
}

/// Statements of a block, those inside others counted.
fn statements(block: &[crate::hir::Statement]) -> usize {
    use crate::hir::StatementKind as K;
    block
        .iter()
        .map(|statement| match &statement.kind {
            K::If { branches, otherwise } => {
                branches.iter().map(|(_, b)| statements(b)).sum::<usize>() + statements(otherwise) + 1
            }
            K::While { body, .. } | K::For { body, .. } => statements(body) + 1,
            _ => 1,
        })
        .sum()
}
