//! Modules of WebAssembly: the program that runs them, and whether a component is what its manifest says.
//!
//! A component is run by `nexus` itself, started as the program of a module ([`super::process`]) with the words of [`program`].
//! It is asked in the same frames, and [`super::host`] is its end of them. So this crate knows no WebAssembly.

use std::io;
use std::path::PathBuf;
use std::sync::OnceLock;

use nexus_model::{DType, Value};

use super::error::ModuleError;
use super::frame::Answer;
use super::host::Exports;
use super::manifest::Limits;
use super::process;
use super::signature::{Function, TypeWord};
use super::store::Installed;

/// The word after which `nexus` runs a component instead of what a person asks for.
pub const HOST_WORD: &str = "wasm-host";
/// Address space beside twice the component's memory: the program itself, the compiler, and the largest call and answer as
/// values.
const HOST_MIB: u64 = 4096;

/// The program that runs components.
static HOST: OnceLock<Result<PathBuf, String>> = OnceLock::new();

/// Names the program that runs components when its first word is [`HOST_WORD`]; the first to be named stays.
pub fn run_wasm_with(program: io::Result<PathBuf>) {
    let _ = HOST.set(program.map_err(|error| error.to_string()));
}

/// A program with its arguments, what it may use, and what it must read beside the module.
pub(super) struct Program {
    pub(super) words: Vec<String>,
    pub(super) limits: Limits,
    pub(super) own: Option<PathBuf>,
}

/// The program that runs a module's component, or why there is none.
pub(super) fn program(module: &Installed) -> Result<Program, String> {
    let none = "nothing here runs WebAssembly".to_owned();
    let host = HOST.get().cloned().unwrap_or(Err(none))?;
    if !host.is_file() {
        return Err(format!("{} is not there any more: start this program again", host.display()));
    }
    let manifest = &module.manifest;
    let file = manifest.entry.first().map(|file| module.folder.join(file)).unwrap_or_default();
    let words = [
        host.display().to_string(),
        HOST_WORD.to_owned(),
        file.display().to_string(),
        manifest.limits.fuel.to_string(),
        manifest.limits.memory_mib.to_string(),
    ];
    let limits = Limits { memory_mib: 2 * manifest.limits.memory_mib + HOST_MIB, ..manifest.limits.clone() };
    Ok(Program { words: words.to_vec(), limits, own: Some(host) })
}

/// Whether the component is one, asks for nothing, and has the functions that the manifest says.
///
/// # Errors
/// The first thing that is wrong.
pub(super) fn check(module: &Installed) -> Result<(), ModuleError> {
    let manifest = &module.manifest;
    let file = manifest.entry.first().map_or("", String::as_str);
    let subject = || format!("`{file}` of module {}", manifest.name);
    if !module.folder.join(file).is_file() {
        let message = "there is no such file".to_owned();
        return Err(ModuleError::Stopped { subject: subject(), why: Stop::Component, message });
    }
    let exports = match process::ask_exports(module)? {
        Answer::Value(value) => Exports::of(&value),
        Answer::Stopped { why, message } => {
            return Err(ModuleError::Stopped { subject: subject(), why, message });
        }
        Answer::Error(message) => Err(message),
    };
    let garbage = |reason: String| ModuleError::Garbage { module: manifest.name.clone(), reason };
    let exports = exports.map_err(garbage)?;
    if !exports.imports.is_empty() {
        let message = format!("it imports {}, and a module is given nothing", exports.imports.join(", "));
        return Err(ModuleError::Stopped { subject: subject(), why: Stop::Imports, message });
    }
    let wrong = manifest.functions.iter().find_map(|function| exports.misfit(function));
    wrong.map_or(Ok(()), |message| Err(ModuleError::Stopped { subject: subject(), why: Stop::Function, message }))
}

/// Why a component gave no value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// The file is no component, or a damaged one.
    Component,
    /// The file is a core module.
    CoreModule,
    /// It asks for functions.
    Imports,
    /// It has no such function, or one of other types.
    Function,
    /// The arguments do not fit.
    Arguments,
    /// Its fuel is used up.
    Fuel,
    /// Its memory is.
    Memory,
    /// It did what ends a component.
    Trap,
}

impl Stop {
    const ALL: [(Stop, &str); 8] = [
        (Stop::Component, "component"),
        (Stop::CoreModule, "core module"),
        (Stop::Imports, "imports"),
        (Stop::Function, "function"),
        (Stop::Arguments, "arguments"),
        (Stop::Fuel, "fuel"),
        (Stop::Memory, "memory"),
        (Stop::Trap, "trap"),
    ];

    /// As it stands in a frame.
    pub(super) fn word(self) -> &'static str {
        Self::ALL.iter().find(|(stop, _)| *stop == self).map_or("", |(_, word)| word)
    }

    pub(super) fn of(word: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, known)| *known == word).map(|(stop, _)| *stop)
    }

    /// What to do about it.
    pub(super) fn help(self) -> &'static str {
        match self {
            Stop::Component => "build the component again; docs/modules.md shows how one is made",
            Stop::CoreModule => {
                "make a component of it: `wasm-tools component new FILE -o COMPONENT`; docs/modules.md has an example"
            }
            Stop::Imports => {
                "build it without WASI, as docs/modules.md shows; what needs files, a clock or the network is a module of \
                 kind = \"process\""
            }
            Stop::Function => "docs/modules.md has a table of which type of WIT stands for which type of M-CODE",
            Stop::Arguments => "`nexus module list` shows the functions and what they take",
            Stop::Fuel => "`fuel` below [limits] of its vxor.toml gives it more",
            Stop::Memory => "`memory_mib` below [limits] of its vxor.toml gives it more",
            Stop::Trap => "the fault is in the module, which must be mended and added again",
        }
    }
}

impl Exports {
    /// Where a component differs from a function as the manifest says it: in words, with both types.
    fn misfit(&self, function: &Function) -> Option<String> {
        let name = function.name.replace('_', "-");
        let Some(export) = self.functions.iter().find(|export| export.name == name) else {
            let known: Vec<&str> = self.functions.iter().map(|export| export.name.as_str()).collect();
            let known = if known.is_empty() { "no function".to_owned() } else { known.join(", ") };
            return Some(format!("it exports no function `{name}` for `{function}`; it exports {known}"));
        };
        let differs = |says: &str| Some(format!("vxor.toml says `{function}`, {says}; it exports `{export}`"));
        if let Some(word) = &export.unsupported {
            return differs(&format!("and no value has the type `{word}`"));
        }
        if let Some(word) = function.words().find(|word| word.wit().is_none()) {
            return differs(&format!("and no type of WIT stands for `{word}` there"));
        }
        let fits = export.parameters.len() == function.parameters.len()
            && function.parameters.iter().zip(&export.parameters).all(|(parameter, ty)| parameter.ty.is_wit(ty))
            && match &export.returns {
                None => matches!(function.returns, TypeWord::None | TypeWord::Any),
                Some(ty) => function.returns.is_wit(ty),
            };
        if fits { None } else { differs(&format!("which is `{}` in WIT", function.wit())) }
    }
}

impl Function {
    /// The types that must have one in WIT.
    fn words(&self) -> impl Iterator<Item = &TypeWord> {
        let returns = Some(&self.returns).filter(|ty| **ty != TypeWord::None);
        self.parameters.iter().map(|parameter| &parameter.ty).chain(returns)
    }

    fn wit(&self) -> String {
        let wit = |ty: &TypeWord| ty.wit().unwrap_or_default();
        let parameters: Vec<String> = self.parameters.iter().map(|parameter| wit(&parameter.ty)).collect();
        let returns =
            if self.returns == TypeWord::None { String::new() } else { format!(" -> {}", wit(&self.returns)) };
        format!("{}: func({}){returns}", self.name.replace('_', "-"), parameters.join(", "))
    }
}

impl TypeWord {
    /// The type of WIT that stands for this one; `…` is any.
    fn wit(&self) -> Option<String> {
        let text = match self {
            TypeWord::Any => "…",
            TypeWord::Bool => "bool",
            TypeWord::Int => "s64",
            TypeWord::Scalar => "f64",
            TypeWord::String => "string",
            TypeWord::List => "list<…>",
            TypeWord::Record => "record { … }",
            TypeWord::Tensor { dtype: Some(dtype), .. } => return tensor(*dtype),
            TypeWord::Tensor { dtype: None, .. } | TypeWord::None => return None,
        };
        Some(text.to_owned())
    }

    /// Whether a component's type stands for this one.
    fn is_wit(&self, ty: &str) -> bool {
        match self {
            TypeWord::Any => true,
            TypeWord::List => ty.starts_with("list<") || ty.starts_with("tuple<"),
            TypeWord::Record => {
                ty.starts_with("record {") && DType::ALL.into_iter().all(|dtype| tensor(dtype).as_deref() != Some(ty))
            }
            word => word.wit().as_deref() == Some(ty),
        }
    }
}

/// The record that stands for a tensor.
fn tensor(dtype: DType) -> Option<String> {
    let element = match dtype {
        DType::F64 => "f64",
        DType::F32 => "f32",
        DType::I64 => "s64",
        DType::I32 => "s32",
        DType::U8 => "u8",
        DType::Bool => "bool",
        DType::F16 | DType::BF16 => return None,
    };
    Some(format!("record {{ shape: list<u64>, data: list<{element}> }}"))
}

/// What a stopped call is in a frame.
pub(super) fn stopped(why: Stop, message: &str) -> Value {
    let text = |text: &str| Value::String(text.to_owned());
    Value::Record(vec![("why".to_owned(), text(why.word())), ("message".to_owned(), text(message))])
}

#[cfg(test)]
#[path = "wasm_tests.rs"]
mod tests;
