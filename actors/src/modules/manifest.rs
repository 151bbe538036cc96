//! `vxor.toml`: what a module is, read and checked once. Pure.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;
use std::{fmt, path};

use nexus_mcode::is_identifier;
use thiserror::Error;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::signature::{Function, Parameter, TypeWord, is_name};

/// The file's name in the module's folder.
pub(super) const MANIFEST_FILE: &str = "vxor.toml";
/// Most functions of a module: more are several modules.
const FUNCTIONS_MAX: usize = 256;
/// Most bytes of a name, as it becomes the name of a file.
const NAME_BYTES_MAX: usize = 64;
/// Fuel of a call where nothing else is written: some ten seconds of work.
const FUEL: u64 = 10_000_000_000;
/// Most memory of WebAssembly: what its pointers reach.
const WASM_MIB_MAX: u64 = 4096;
const KEYS: &[&str] = &["name", "version", "kind", "entry", "capabilities", "limits", "functions"];

/// A checked module description.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// By which it is imported.
    pub name: String,
    /// The author's version, for people: what counts is the hash of the content.
    pub version: String,
    /// How it is run.
    pub kind: Kind,
    /// Of a process the command that starts it; words that are files of the module stand for those files. Of WebAssembly the
    /// one file.
    pub entry: Vec<String>,
    /// What it asks for beyond its own folder.
    pub capabilities: Vec<Capability>,
    /// What it may use.
    pub limits: Limits,
    /// By name.
    pub functions: Vec<Function>,
}

/// How a module is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A program that is spoken to over stdin and stdout.
    Process,
    /// A component of WebAssembly.
    Wasm,
}

/// What a module may do only where it is allowed to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Capability {
    /// `network`: speak to other machines.
    Network,
    /// `env:NAME`: see this variable of the environment.
    Environment(String),
    /// `read:/path`: read below this folder, or this file.
    Read(String),
}

/// What one call may use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Of a process the address space of each of its processes; of WebAssembly its memory.
    pub memory_mib: u64,
    /// Of WebAssembly: about one for each instruction.
    pub fuel: u64,
    /// Processor time of each of its processes.
    pub cpu_seconds: u64,
    /// From the call to its answer.
    pub wall: Duration,
    /// Files open at once in each of its processes.
    pub open_files: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { memory_mib: 1024, fuel: FUEL, cpu_seconds: 60, wall: Duration::from_secs(60), open_files: 256 }
    }
}

/// What is wrong with a `vxor.toml`, with its place.
#[derive(Debug, Clone, Error)]
#[error("{message}")]
pub struct ManifestError {
    /// One sentence.
    pub message: String,
    /// What to write.
    pub help: String,
    /// Bytes of the text.
    pub place: Option<Range<usize>>,
    /// The text.
    pub source_text: Arc<str>,
}

impl Capability {
    /// Reads `network`, `env:NAME` or `read:/path`.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = || Err(format!("`{text}` is no capability; write network, env:NAME or read:/path"));
        match text.split_once(':') {
            None if text == "network" => Ok(Capability::Network),
            Some(("env", name)) if is_name(name) => Ok(Capability::Environment(name.to_owned())),
            Some(("read", folder)) if path::Path::new(folder).is_absolute() => Ok(Capability::Read(folder.to_owned())),
            _ => wrong(),
        }
    }
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Capability::Network => f.write_str("network"),
            Capability::Environment(name) => write!(f, "env:{name}"),
            Capability::Read(path) => write!(f, "read:{path}"),
        }
    }
}

impl Kind {
    /// As `vxor.toml` writes it.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Process => "process",
            Kind::Wasm => "wasm",
        }
    }
}

impl Manifest {
    /// Reads and checks the text of a `vxor.toml`.
    ///
    /// # Errors
    /// The first thing that is wrong, with its place and what to write.
    pub fn parse(text: &str) -> Result<Self, ManifestError> {
        let reader = Reader { text };
        let table = DeTable::parse(text)
            .map_err(|error| reader.wrong(error.span(), error.message().to_owned(), "vxor.toml is TOML"))?;
        let table = table.get_ref();
        reader.known(table, KEYS)?;
        let name = reader.text(table, "name", "name = \"shapes\"")?;
        if !is_name(&name) || name.len() > NAME_BYTES_MAX {
            let message = format!("`{name}` cannot be the name of a module");
            return Err(reader.wrong_at(table, "name", message, "letters, digits and _, at most 64, no digit first"));
        }
        let version = reader.text(table, "version", "version = \"1.0.0\"")?;
        let kind = reader.kind(table)?;
        let capabilities = reader.capabilities(table, kind)?;
        let (entry, limits) = (reader.entry(table, kind)?, reader.limits(table, kind)?);
        Ok(Manifest { name, version, kind, entry, capabilities, limits, functions: reader.functions(table)? })
    }

    /// The function of this name.
    pub fn function(&self, name: &str) -> Option<&Function> {
        self.functions.iter().find(|function| function.name == name)
    }
}

struct Reader<'a> {
    text: &'a str,
}

type Entry<'a> = Option<&'a Spanned<DeValue<'a>>>;

fn get<'a>(table: &'a DeTable<'a>, key: &str) -> Entry<'a> {
    table.iter().find(|(name, _)| name.get_ref() == key).map(|(_, value)| value)
}

impl Reader<'_> {
    fn wrong(&self, place: Option<Range<usize>>, message: String, help: &str) -> ManifestError {
        ManifestError { message, help: help.to_owned(), place, source_text: self.text.into() }
    }

    fn wrong_at(&self, table: &DeTable<'_>, key: &str, message: String, help: &str) -> ManifestError {
        self.wrong(get(table, key).map(Spanned::span), message, help)
    }

    fn known(&self, table: &DeTable<'_>, keys: &[&str]) -> Result<(), ManifestError> {
        let unknown = table.iter().find(|(key, _)| !keys.contains(&key.get_ref().as_ref()));
        unknown.map_or(Ok(()), |(key, _)| {
            let help = format!("there may be {}", keys.join(", "));
            Err(self.wrong(Some(key.span()), format!("there is no `{}` here", key.get_ref()), &help))
        })
    }

    fn text(&self, table: &DeTable<'_>, key: &str, written: &str) -> Result<String, ManifestError> {
        match get(table, key) {
            Some(value) => match value.get_ref().as_str() {
                Some(text) if !text.is_empty() => Ok(text.to_owned()),
                _ => Err(self.wrong(Some(value.span()), format!("`{key}` is text"), &format!("write {written}"))),
            },
            None => Err(self.wrong(None, format!("it has no `{key}`"), &format!("write {written}"))),
        }
    }

    fn texts(&self, value: &Spanned<DeValue<'_>>, written: &str) -> Result<Vec<(String, Range<usize>)>, ManifestError> {
        let help = format!("write {written}");
        let wrong = |place| self.wrong(Some(place), "this is a list of texts".to_owned(), &help);
        let items = value.get_ref().as_array().ok_or_else(|| wrong(value.span()))?;
        let texts = items.iter().map(|item| match item.get_ref().as_str() {
            Some(text) => Ok((text.to_owned(), item.span())),
            None => Err(wrong(item.span())),
        });
        texts.collect()
    }

    fn kind(&self, table: &DeTable<'_>) -> Result<Kind, ManifestError> {
        let written = "kind = \"process\", a program that is spoken to over stdin and stdout, or kind = \"wasm\", a component of \
                       WebAssembly";
        let text = self.text(table, "kind", written)?;
        let kind = [Kind::Process, Kind::Wasm].into_iter().find(|kind| kind.name() == text);
        let message = || format!("there is no kind `{text}`");
        kind.ok_or_else(|| self.wrong_at(table, "kind", message(), &format!("write {written}")))
    }

    fn entry(&self, table: &DeTable<'_>, kind: Kind) -> Result<Vec<String>, ManifestError> {
        let written = match kind {
            Kind::Process => {
                "entry = [\"python3\", \"main.py\"], the program and its arguments; files of the module by their path in it"
            }
            Kind::Wasm => "entry = [\"shapes.wasm\"], the component by its path in the module",
        };
        let help = format!("write {written}");
        let value = get(table, "entry").ok_or_else(|| self.wrong(None, "it has no `entry`".to_owned(), &help))?;
        let words: Vec<String> = self.texts(value, written)?.into_iter().map(|(word, _)| word).collect();
        if words.first().is_none_or(String::is_empty) || words.iter().any(|word| word.contains('\0')) {
            return Err(self.wrong(Some(value.span()), "`entry` names no program".to_owned(), &help));
        }
        if kind == Kind::Wasm && (words.len() != 1 || !is_inside(&words[0])) {
            return Err(self.wrong(Some(value.span()), "`entry` names no one file of the module".to_owned(), &help));
        }
        Ok(words)
    }

    fn capabilities(&self, table: &DeTable<'_>, kind: Kind) -> Result<Vec<Capability>, ManifestError> {
        let written = "capabilities = [\"network\", \"env:NAME\", \"read:/path\"]";
        let Some(value) = get(table, "capabilities") else { return Ok(Vec::new()) };
        if kind == Kind::Wasm && value.get_ref().as_array().is_none_or(|items| items.iter().next().is_some()) {
            let message = "a module of WebAssembly has no capabilities: it is given nothing".to_owned();
            let help = "leave them away; what needs the network, variables or files is a module of kind = \"process\"";
            return Err(self.wrong(Some(value.span()), message, help));
        }
        let texts = self.texts(value, written)?.into_iter();
        let capabilities = texts.map(|(text, place)| {
            let help = format!("write {written}");
            Capability::parse(&text).map_err(|message| self.wrong(Some(place), message, &help))
        });
        let mut capabilities: Vec<Capability> = capabilities.collect::<Result<_, _>>()?;
        capabilities.sort();
        capabilities.dedup();
        Ok(capabilities)
    }

    fn limits(&self, table: &DeTable<'_>, kind: Kind) -> Result<Limits, ManifestError> {
        let mut limits = Limits::default();
        let Some(value) = get(table, "limits") else { return Ok(limits) };
        let (keys, memory_max, help) = match kind {
            Kind::Process => (
                ["memory_mib", "cpu_seconds", "wall_seconds", "open_files"],
                (1 << 20) - 1,
                "write [limits] with memory_mib = 256, cpu_seconds = 10, wall_seconds = 10, open_files = 64",
            ),
            Kind::Wasm => (
                ["memory_mib", "fuel", "cpu_seconds", "wall_seconds"],
                WASM_MIB_MAX,
                "write [limits] with memory_mib = 256, fuel = 1000000000, cpu_seconds = 10, wall_seconds = 10",
            ),
        };
        let Some(table) = value.get_ref().as_table() else {
            return Err(self.wrong(Some(value.span()), "`limits` is a table".to_owned(), help));
        };
        self.known(table, &keys)?;
        let number = |key: &str, range: Range<u64>| match get(table, key) {
            None => Ok(None),
            Some(value) => {
                let number = value.get_ref().as_integer().and_then(|int| int.as_str().parse().ok());
                let number = number.filter(|number| range.contains(number));
                let message = || format!("`{key}` is a whole number from {} to {}", range.start, range.end - 1);
                number.map(Some).ok_or_else(|| self.wrong(Some(value.span()), message(), help))
            }
        };
        limits.memory_mib = number("memory_mib", 16..memory_max + 1)?.unwrap_or(limits.memory_mib);
        limits.fuel = number("fuel", 1..(1 << 62) + 1)?.unwrap_or(limits.fuel);
        limits.cpu_seconds = number("cpu_seconds", 1..86_401)?.unwrap_or(limits.cpu_seconds);
        limits.wall = number("wall_seconds", 1..86_401)?.map_or(limits.wall, Duration::from_secs);
        limits.open_files = number("open_files", 16..65_537)?.unwrap_or(limits.open_files);
        Ok(limits)
    }

    fn functions(&self, table: &DeTable<'_>) -> Result<Vec<Function>, ManifestError> {
        let help = "write [functions.area] with parameters = [\"w: scalar\", \"h: scalar\"] and returns = \"scalar\"";
        let value = get(table, "functions").ok_or_else(|| self.wrong(None, "it has no functions".to_owned(), help))?;
        let tables = value.get_ref().as_table().filter(|tables| (1..=FUNCTIONS_MAX).contains(&tables.len()));
        let Some(tables) = tables else {
            let message = format!("`functions` are one to {FUNCTIONS_MAX} tables");
            return Err(self.wrong(Some(value.span()), message, help));
        };
        let functions = tables.iter().map(|(name, value)| {
            let table = value.get_ref().as_table().filter(|_| is_identifier(name.get_ref()));
            let message = || format!("`{}` cannot be a function: it is no table, or no name in M-CODE", name.get_ref());
            let table = table.ok_or_else(|| self.wrong(Some(name.span()), message(), help))?;
            self.function(name.get_ref(), table, help)
        });
        functions.collect()
    }

    fn function(&self, name: &str, table: &DeTable<'_>, help: &str) -> Result<Function, ManifestError> {
        self.known(table, &["parameters", "returns"])?;
        let written = "parameters = [\"w: scalar\", \"h: scalar\"]";
        let mut parameters: Vec<Parameter> = Vec::new();
        let texts = get(table, "parameters").map_or(Ok(Vec::new()), |value| self.texts(value, written))?;
        for (text, place) in texts {
            let wrong = |message: String| self.wrong(Some(place.clone()), message, &format!("write {written}"));
            let (parameter, ty) = text.split_once(':').ok_or_else(|| wrong(format!("`{text}` has no type")))?;
            let parameter = parameter.trim();
            if !is_identifier(parameter) || parameters.iter().any(|known| known.name == parameter) {
                return Err(wrong(format!("`{parameter}` is no name in M-CODE, or the name of two parameters")));
            }
            parameters.push(Parameter { name: parameter.to_owned(), ty: TypeWord::parse(ty).map_err(wrong)? });
        }
        if get(table, "returns").is_none() {
            return Err(self.wrong(None, format!("function `{name}` has no `returns`"), help));
        }
        let returns = TypeWord::parse(&self.text(table, "returns", "returns = \"scalar\"")?)
            .map_err(|message| self.wrong_at(table, "returns", message, help))?;
        Ok(Function { name: name.to_owned(), parameters, returns })
    }
}

/// Whether a path stays in the module's folder.
fn is_inside(word: &str) -> bool {
    word.split('/').all(|part| !matches!(part, "" | "." | ".."))
}

#[cfg(test)]
#[path = "manifest_tests.rs"]
mod tests;
