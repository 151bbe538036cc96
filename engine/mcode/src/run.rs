//! Running a compiled program once.

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};

use nexus_jit::CodeStore;
use nexus_model::{DType, Diagnostic, Execution, JitLevel, Label, Limits, TensorData, Value as ModelValue};
use nexus_tensor::Context;

use crate::codes::Code;
use crate::compile::{CompiledProgram, EntryParameter};
use crate::elsewhere::Elsewhere;
use crate::external::ExternalModules;
use crate::hir::Declared;
use crate::ir::{Entry, Image};
use crate::names::{closest, with_article};
use crate::native::{Native, NativeProfile, Repayment, Shared, TierUp};
use crate::optimise::OptimiserCounts;
use crate::profile::Profile;
use crate::report::Report;
use crate::source::ByteSpan;
use crate::vm::fault::Fault;
use crate::vm::fuse::FusionProfile;
use crate::vm::host::{Clock, FileReader, Files, Host};
use crate::vm::kept::{Kept, keep};
use crate::vm::machine::{Raised, execute};
use crate::vm::value::Value;
use crate::vm::{sharing, tasks};

/// The code of the diagnostic of a run that took longer than its limit.
pub const WALL_LIMIT_CODE: &str = Code::LimitWall.as_str();
/// The code of the diagnostic of a run that needed more memory than it may have, or than there is.
pub const MEMORY_LIMIT_CODE: &str = Code::LimitMemory.as_str();
/// The code of the diagnostic of a run in which a library function could not compute: its device failed, say.
pub const OPERATION_FAILED_CODE: &str = Code::OperationFailed.as_str();
/// The code of the diagnostic of a run that was cancelled.
pub const CANCELLED_CODE: &str = Code::Cancelled.as_str();

/// What a run is given.
pub struct RunRequest<'a> {
    /// Values for the entry's parameters.
    pub arguments: Vec<(String, ModelValue)>,
    /// What `input("name")` reads.
    pub inputs: &'a [(String, ModelValue)],
    /// Index and number of tasks, for the parameters `task_index` and `task_count`.
    pub task: Option<(u32, u32)>,
    /// What the run may use. The wall-clock limit is held by the context's watch: nothing here has a clock.
    pub limits: Limits,
    /// How far the program is compiled, and what of it is fused and unrolled.
    pub execution: Execution,
    /// When loops and functions become native code, at the level that has it.
    pub tier_up: TierUp<'a>,
    /// Keeps native code beyond the process; `None` where nothing is kept.
    pub code: Option<&'a dyn CodeStore>,
    /// Device, memory account, random stream; and the precision, where it is not to be what the program asks for.
    pub context: Context,
    /// Set to true, it stops the run within some milliseconds.
    pub cancel: Arc<AtomicBool>,
    /// Takes what the program prints, one line with its line break at a time.
    pub print: &'a mut dyn FnMut(&str),
    /// Reads files for `io.read_csv` and the like; `None` where the run may read none.
    pub files: Option<&'a mut FileReader<'a>>,
    /// What `time.now()` tells; `None` where the run may not know.
    pub clock: Option<&'a Clock>,
    /// Calls functions of external modules; `None` where the run may call none.
    pub external: Option<&'a dyn ExternalModules>,
    /// Threads that `spawn`, `map` and `parallel for` may use; with 1 everything runs in order. The result is the same.
    pub threads: usize,
    /// Other machines, for calls that take long; `None` where there are none. The result is the same.
    pub elsewhere: Option<&'a dyn Elsewhere>,
}

impl<'a> RunRequest<'a> {
    /// A run without arguments and inputs, with the usual execution, on one thread, that is granted nothing and whose
    /// prints nobody reads.
    pub fn new(context: Context, limits: Limits) -> Self {
        RunRequest {
            arguments: Vec::new(),
            inputs: &[],
            task: None,
            limits,
            execution: Execution::default(),
            tier_up: TierUp::Hot,
            code: None,
            context,
            cancel: Arc::default(),
            // What has no size takes no memory either.
            print: Box::leak(Box::new(|_: &str| {})),
            files: None,
            clock: None,
            external: None,
            threads: 1,
            elsewhere: None,
        }
    }
}

/// What a run gives.
#[derive(Debug, Clone, PartialEq)]
pub struct RunResult {
    /// What the entry returned.
    pub result: ModelValue,
    /// What `output("name", value)` named, in order.
    pub outputs: Vec<(String, ModelValue)>,
    /// What the optimiser did to the program.
    pub optimiser: OptimiserCounts,
    /// What the fusion of tensor operations did.
    pub fusion: FusionProfile,
    /// What native code did.
    pub native: NativeProfile,
    /// What the run spent its time on, where its context has a stopwatch.
    pub profile: Option<Box<Profile>>,
}

#[expect(clippy::result_large_err, reason = "a failed run is rare, and the diagnostic is what its caller wants")]
/// Runs a program. An error is a diagnostic with the place in the source where the run stopped.
pub fn run(program: &CompiledProgram, request: RunRequest<'_>) -> Result<RunResult, Diagnostic> {
    run_piece(program, request, &[]).map(|(result, _)| result)
}

/// The variables of the top level when a piece of a program has ended.
#[derive(Debug, Default)]
pub(crate) struct Variables {
    pub(crate) kept: Vec<(String, Kept)>,
    /// The names of those that end with the piece.
    pub(crate) lost: Vec<String>,
}

impl Variables {
    fn has(&self, name: &str) -> bool {
        self.kept.iter().map(|(known, _)| known).chain(&self.lost).any(|known| known == name)
    }
}

#[expect(clippy::result_large_err, reason = "a failed run is rare, and the diagnostic is what its caller wants")]
/// Runs a program whose top level knows the values of some variables; gives those that it has at its end as well.
pub(crate) fn run_piece(
    program: &CompiledProgram,
    request: RunRequest<'_>,
    known: &[(String, Kept)],
) -> Result<(RunResult, Variables), Diagnostic> {
    let RunRequest {
        mut arguments,
        inputs,
        task,
        limits,
        execution,
        tier_up,
        code,
        context,
        cancel,
        print,
        files,
        clock,
        external,
        threads,
        elsewhere,
    } = request;
    let context = context.or_products_in(program.products_in());
    let context = if program.attributes().check_finite { context.with_finite_checks() } else { context };
    // Fused and native code does not stop between operations.
    let execution = if context.checks_finite() { Execution::at(JitLevel::Plain) } else { execution };
    let tier = program.tier(execution);
    let image = &tier.image;
    let files = files.map(Mutex::new);
    let source = |path: &str| match &files {
        Some(files) => (files.lock().unwrap_or_else(PoisonError::into_inner))(path),
        None => Err("this run may not read files".to_owned()),
    };
    let files: Option<&Files<'_>> = files.is_some().then_some(&source);
    let mut host = Host::new(&context, &limits, &cancel, print, inputs, files, image);
    host.clock = clock;
    host.external = external;
    host.threads = threads;
    host.take_up_profile(None, || 0);
    let values = bind(program, &mut arguments, task).map_err(|report| report.to_diagnostic(&image.sources))?;
    let repayment = Repayment::begin(program.account(), tier_up);
    let shared = Shared { cache: &tier.native, store: code, repayment };
    host.native = is_native(execution).then(|| Box::new(Native::new(shared)));
    // Files, the clock and modules are of this machine alone.
    let is_alone = host.files.is_some() || clock.is_some() || image.calls_modules() || context.checks_finite();
    let elsewhere = elsewhere.filter(|_| image.spreads() && !is_alone);
    let hash = program.hash();
    let ran = match elsewhere {
        None => run_entry(&mut host, known, values),
        Some(elsewhere) => sharing::beside(&mut host, (elsewhere, &hash), |host| run_entry(host, known, values)),
    };
    if let Some(repayment) = repayment {
        repayment.end(host.native.as_ref().is_some_and(|native| native.profile.entered > 0));
    }
    let outcome = ran.and_then(|result| {
        let exported = host.export(&result).map_err(at)?;
        let outputs = std::mem::take(&mut host.outputs);
        let outputs: Result<Vec<_>, Raised> =
            outputs.into_iter().map(|(name, value)| Ok((name, host.export(&value).map_err(at)?))).collect();
        let native = host.native.take().map(|native| native.profile).unwrap_or_default();
        let variables = variables_of(&mut host, image);
        let (optimiser, fusion) = (tier.counts, host.fusion);
        let profile = host.take_profile().map(|recorder| Box::new(recorder.finish(|id| image.label(id))));
        let outputs = outputs?;
        Ok((RunResult { result: exported, outputs, optimiser, fusion, native, profile }, variables))
    });
    outcome.map_err(|raised| diagnostic(program, image, raised))
}

/// Whether programs become native code.
pub(crate) fn is_native(execution: Execution) -> bool {
    execution.jit_level == JitLevel::Native
}

fn at(mut fault: Box<Fault>) -> Raised {
    Raised { places: std::mem::take(&mut fault.places), fault }
}

/// Runs the top level and the entry, and what they spawned; gives the result.
fn run_entry(host: &mut Host<'_>, known: &[(String, Kept)], values: Vec<Option<ModelValue>>) -> Result<Value, Raised> {
    let image = host.image;
    host.poll().map_err(at)?;
    for (global, name) in image.globals.iter().enumerate() {
        if let Some((_, value)) = known.iter().find(|(known, _)| **known == **name) {
            host.globals[global] = match value {
                Kept::Data(data) => host.import(data).map_err(at)?,
                Kept::Held(held) => host.take_up(held).map_err(at)?,
            };
        }
    }
    let mut result = Value::None;
    for &id in &image.top_levels {
        result = execute(host, image, id, Vec::new())?;
    }
    if let Entry::Function(id) = image.entry {
        let mut given = Vec::with_capacity(values.len());
        for value in &values {
            given.push(match value {
                Some(value) => host.import(value).map_err(at)?,
                None => Value::Absent,
            });
        }
        drop(values);
        result = execute(host, image, id, given)?;
    }
    tasks::finish(host).map_err(at)?;
    Ok(result)
}

/// The variables of the top level with their values, where they are wanted.
fn variables_of(host: &mut Host<'_>, image: &Image) -> Variables {
    let globals: Vec<Value> = if image.keeps_variables { host.globals.clone() } else { Vec::new() };
    let mut variables = Variables::default();
    // Those of the main file come last; modules may have some of the same names.
    for (name, value) in image.globals.iter().zip(&globals).rev() {
        if !matches!(value, Value::Absent) && !variables.has(name) {
            match keep(host, value) {
                Some(kept) => variables.kept.push((name.to_string(), kept)),
                None => variables.lost.push(name.to_string()),
            }
        }
    }
    variables.kept.reverse();
    variables.lost.reverse();
    variables
}

/// A fault as a diagnostic: the innermost place, and the calls that led there.
fn diagnostic(program: &CompiledProgram, image: &Image, raised: Raised) -> Diagnostic {
    let Raised { fault, places } = raised;
    let mut diagnostic = Diagnostic::error(fault.code.as_str(), fault.message);
    diagnostic.help = fault.help;
    diagnostic.file = program.file().to_owned();
    let mut labels = places.into_iter().filter_map(|(function, at)| {
        let code = image.functions.get(function as usize)?;
        let source = image.sources.get(usize::from(code.file))?;
        let span = *code.spans.get(at)?;
        (!source.is_interface).then(|| (code, source.name.to_string(), source.locate(span)))
    });
    if let Some((_, file, span)) = labels.next() {
        diagnostic.primary = Some(Label { span, text: String::new() });
        diagnostic.file = file;
    }
    for (_, file, span) in labels {
        let known = diagnostic.primary.iter().chain(&diagnostic.secondary).any(|l| l.span == span);
        if !known && file == diagnostic.file {
            diagnostic.secondary.push(Label { span, text: "called from here".to_owned() });
        }
    }
    diagnostic
}

/// Whether arguments from outside are those of the program's entry, and of its types; the error says which is not.
pub fn check_arguments(program: &CompiledProgram, arguments: &[(String, ModelValue)]) -> Result<(), Box<Diagnostic>> {
    let bound = bind(program, &mut arguments.to_vec(), None);
    bound.map(drop).map_err(|report| Box::new(report.to_diagnostic(&program.image.sources)))
}

/// One value for each parameter of the entry; `None` takes the default.
fn bind(
    program: &CompiledProgram,
    arguments: &mut Vec<(String, ModelValue)>,
    task: Option<(u32, u32)>,
) -> Result<Vec<Option<ModelValue>>, Box<Report>> {
    let mut values = Vec::with_capacity(program.parameters.len());
    for parameter in &program.parameters {
        let given = arguments.iter().rposition(|(name, _)| *name == parameter.name);
        let of_task = task.and_then(|(index, count)| match parameter.name.as_str() {
            "task_index" => Some(ModelValue::Int(i64::from(index))),
            "task_count" => Some(ModelValue::Int(i64::from(count))),
            _ => None,
        });
        let value = match given {
            Some(at) => Some(arguments.swap_remove(at).1),
            None => of_task,
        };
        arguments.retain(|(name, _)| *name != parameter.name);
        match value {
            Some(value) => values.push(Some(fit(parameter, value)?)),
            None if parameter.has_default => values.push(None),
            None => return Err(missing(parameter)),
        }
    }
    match arguments.first() {
        None => Ok(values),
        Some((name, _)) => Err(unknown(program, name)),
    }
}

fn missing(parameter: &EntryParameter) -> Box<Report> {
    let name = &parameter.name;
    let mut report =
        Report::error(Code::MissingArgument, 0, parameter.span, format!("the parameter `{name}` has no value"));
    match name.as_str() {
        "task_index" | "task_count" => {
            report.help(format!("submit it as an array (`--array 0..10`), or give it: `--arg {name}=1`"));
        }
        _ => {
            let example = match parameter.declared {
                Some(Declared::Scalar) => "0.5",
                Some(Declared::Bool) => "true",
                Some(Declared::Str) => "text",
                Some(Declared::List | Declared::Tensor { .. }) => "[1,2,3]",
                _ => "10",
            };
            report.help(format!("give it with `--arg {name}={example}`, or give it a default: `{name} = {example}`"));
        }
    }
    Box::new(report)
}

fn unknown(program: &CompiledProgram, name: &str) -> Box<Report> {
    let names = program.parameters.iter().map(|p| p.name.as_str());
    let span = match program.image.entry {
        Entry::Function(id) => program.image.functions[id as usize].head,
        Entry::TopLevel => ByteSpan::default(),
    };
    let mut report = Report::error(Code::UnknownArgument, 0, span, format!("the program has no parameter `{name}`"));
    let all: Vec<String> = names.clone().map(|n| format!("`{n}`")).collect();
    match closest(name, names) {
        Some(near) => report.help(format!("did you mean `{near}`?")),
        None if all.is_empty() => report.help("it takes no arguments"),
        None => report.help(format!("its parameters are {}", all.join(", "))),
    };
    Box::new(report)
}

/// Fits an argument from outside to the declared type: text where text is declared, a list of numbers where a tensor
/// is, a whole scalar where an int is.
fn fit(parameter: &EntryParameter, value: ModelValue) -> Result<ModelValue, Box<Report>> {
    let Some(declared) = &parameter.declared else { return Ok(value) };
    let found = value.kind();
    let fitted = match (declared, value) {
        (Declared::Any, value) => Some(value),
        (Declared::Int, ModelValue::Int(v)) => Some(ModelValue::Int(v)),
        (Declared::Int, ModelValue::Scalar(v)) if v.fract() == 0.0 && v.abs() < 9.0e15 => {
            Some(ModelValue::Int(v as i64))
        }
        (Declared::Scalar, ModelValue::Int(v)) => Some(ModelValue::Scalar(v as f64)),
        (Declared::Scalar, ModelValue::Scalar(v)) => Some(ModelValue::Scalar(v)),
        (Declared::Bool, ModelValue::Bool(v)) => Some(ModelValue::Bool(v)),
        (Declared::Str, ModelValue::String(v)) => Some(ModelValue::String(v)),
        (Declared::Str, ModelValue::Int(v)) => Some(ModelValue::String(v.to_string())),
        (Declared::Str, ModelValue::Bool(v)) => Some(ModelValue::String(v.to_string())),
        (Declared::Str, ModelValue::Scalar(v)) => Some(ModelValue::String(crate::vm::text::scalar(v))),
        (Declared::List, ModelValue::List(v)) => Some(ModelValue::List(v)),
        (Declared::Record, ModelValue::Record(v)) => Some(ModelValue::Record(v)),
        (Declared::None, ModelValue::None) => Some(ModelValue::None),
        (Declared::Tensor { .. }, ModelValue::Tensor(v)) => Some(ModelValue::Tensor(v)),
        (Declared::Tensor { dtype, .. }, value) => tensor_of(&value, *dtype).map(ModelValue::Tensor),
        _ => None,
    };
    fitted.ok_or_else(|| {
        let expected = crate::vm::declared_name(declared);
        let message =
            format!("the argument `{}` is declared {expected}, {} was given", parameter.name, with_article(found));
        let mut report = Report::error(Code::MistypedArgument, 0, parameter.span, message);
        report.help(match declared {
            Declared::Int => format!("give a whole number: `--arg {}=10`", parameter.name),
            Declared::Scalar => format!("give a number: `--arg {}=0.5`", parameter.name),
            Declared::Bool => format!("give `--arg {}=true` or `false`", parameter.name),
            Declared::Tensor { .. } => {
                format!("give a list of numbers, nested evenly: `--arg {}=[[1,2],[3,4]]`", parameter.name)
            }
            _ => format!("the parameter is written `{}: {}`", parameter.name, parameter.type_text),
        });
        Box::new(report)
    })
}

/// A tensor of nested lists of numbers, of the dtype declared, else i64 for ints alone and f32 for anything else.
fn tensor_of(value: &ModelValue, dtype: Option<DType>) -> Option<TensorData> {
    let mut shape = Vec::new();
    let mut first = value;
    while let ModelValue::List(items) = first {
        shape.push(items.len());
        match items.first() {
            Some(item) if shape.len() < nexus_tensor::RANK_MAX => first = item,
            _ => break,
        }
    }
    let mut numbers = Vec::new();
    flatten(value, &shape, &mut numbers)?;
    let whole = numbers.iter().all(|n| matches!(n, ModelValue::Int(_)));
    let dtype = dtype.unwrap_or(if whole { DType::I64 } else { DType::F32 });
    let mut bytes = Vec::with_capacity(numbers.len() * dtype.size());
    for number in numbers {
        let (int, float) = match number {
            ModelValue::Int(v) => (*v, *v as f64),
            ModelValue::Scalar(v) if dtype.is_float() => (0, *v),
            _ => return None,
        };
        match dtype {
            DType::F64 => bytes.extend(float.to_le_bytes()),
            DType::F32 => bytes.extend((float as f32).to_le_bytes()),
            DType::I64 => bytes.extend(int.to_le_bytes()),
            DType::I32 => bytes.extend(i32::try_from(int).ok()?.to_le_bytes()),
            DType::U8 => bytes.push(u8::try_from(int).ok()?),
            DType::F16 | DType::BF16 | DType::Bool => return None,
        }
    }
    TensorData::new(dtype, shape, bytes).ok()
}

/// The numbers of evenly nested lists; `None` where the nesting is not even.
fn flatten<'v>(value: &'v ModelValue, shape: &[usize], numbers: &mut Vec<&'v ModelValue>) -> Option<()> {
    match (value, shape.split_first()) {
        (ModelValue::List(items), Some((&size, rest))) if items.len() == size => {
            items.iter().try_for_each(|item| flatten(item, rest, numbers))
        }
        (ModelValue::Int(_) | ModelValue::Scalar(_), None) => {
            numbers.push(value);
            Some(())
        }
        _ => None,
    }
}
