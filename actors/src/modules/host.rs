//! The end of a conversation with a module that runs components: it takes one call from stdin and answers on stdout.
//!
//! Who runs the component is an argument.

use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::{fmt, fs};

use nexus_model::Value;

use super::frame::{self, Answer};
use super::wasm::Stop;

/// What a component is asked.
pub struct Asked<'a> {
    /// Its bytes.
    pub component: &'a [u8],
    /// About one for each instruction.
    pub fuel: u64,
    /// Of all its memories together.
    pub memory_mib: u64,
    /// The function and its arguments, or what it exports, where absent.
    pub call: Option<(String, Vec<Value>)>,
}

/// What a component gave.
#[derive(Debug, Clone, PartialEq)]
pub enum Given {
    /// Of a call.
    Value(Value),
    /// Of the question what it exports.
    Exports(Exports),
    /// The function itself says that it failed.
    Failed(String),
    /// It gave no value.
    Stopped(Stop, String),
}

/// What a component exports and imports; types in the words of WIT.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Exports {
    /// Its functions.
    pub functions: Vec<Export>,
    /// What it asks for.
    pub imports: Vec<String>,
}

/// A function that a component exports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Export {
    /// As the component calls it.
    pub name: String,
    /// In order.
    pub parameters: Vec<String>,
    /// Of a `result` what it gives when all went well.
    pub returns: Option<String>,
    /// The first of its types that no value has.
    pub unsupported: Option<String>,
}

/// Answers the call that stands on stdin. The words are a file, the component, with its fuel and its memory in MiB.
///
/// # Errors
/// That the words, the file or the pipes are something else.
pub fn serve_wasm(words: &[OsString], run: impl FnOnce(Asked<'_>) -> Given) -> io::Result<()> {
    let [file, fuel, memory_mib] = words else {
        return Err(io::Error::other("this is started by `nexus` itself: a file, its fuel and its memory in MiB"));
    };
    let number = |word: &OsString| word.to_str().and_then(|word| word.parse().ok());
    let (Some(fuel), Some(memory_mib)) = (number(fuel), number(memory_mib)) else {
        return Err(io::Error::other("fuel and memory are whole numbers"));
    };
    let component = fs::read(file)?;
    let mut asked = Vec::new();
    io::stdin().lock().take(frame::FRAME_BYTES_MAX as u64 * 2).read_to_end(&mut asked)?;
    let call = frame::read_request(&asked).map_err(io::Error::other)?;
    let given = run(Asked { component: &component, fuel, memory_mib, call });
    let answer = match given {
        Given::Value(value) => Answer::Value(value),
        Given::Exports(exports) => Answer::Value(exports.value()),
        Given::Failed(message) => Answer::Error(message),
        Given::Stopped(why, message) => Answer::Stopped { why, message },
    };
    let mut stdout = io::stdout().lock();
    stdout.write_all(&frame::answered(&answer))?;
    stdout.flush()
}

impl Exports {
    /// As it stands in a frame.
    pub(super) fn value(&self) -> Value {
        let text = |text: &String| Value::String(text.clone());
        let or_none = |word: &Option<String>| word.as_ref().map_or(Value::None, text);
        let functions = self.functions.iter().map(|function| {
            Value::Record(vec![
                ("name".to_owned(), text(&function.name)),
                ("parameters".to_owned(), Value::List(function.parameters.iter().map(text).collect())),
                ("returns".to_owned(), or_none(&function.returns)),
                ("unsupported".to_owned(), or_none(&function.unsupported)),
            ])
        });
        Value::Record(vec![
            ("functions".to_owned(), Value::List(functions.collect())),
            ("imports".to_owned(), Value::List(self.imports.iter().map(text).collect())),
        ])
    }

    /// Of a frame.
    pub(super) fn of(value: &Value) -> Result<Self, String> {
        let functions = list(field(value, "functions")?)?.iter().map(|function| {
            Ok(Export {
                name: text(field(function, "name")?)?,
                parameters: texts(field(function, "parameters")?)?,
                returns: text_or_none(field(function, "returns")?)?,
                unsupported: text_or_none(field(function, "unsupported")?)?,
            })
        });
        let functions = functions.collect::<Result<_, String>>()?;
        Ok(Exports { functions, imports: texts(field(value, "imports")?)? })
    }
}

fn field<'a>(value: &'a Value, name: &str) -> Result<&'a Value, String> {
    let Value::Record(fields) = value else { return Err(format!("what has a `{name}` is no record")) };
    let found = fields.iter().find(|(known, _)| known == name).map(|(_, value)| value);
    found.ok_or_else(|| format!("it has no `{name}`"))
}

fn list(value: &Value) -> Result<&[Value], String> {
    if let Value::List(items) = value { Ok(items) } else { Err("it is no list".to_owned()) }
}

fn text(value: &Value) -> Result<String, String> {
    if let Value::String(text) = value { Ok(text.clone()) } else { Err("it is no text".to_owned()) }
}

fn texts(value: &Value) -> Result<Vec<String>, String> {
    list(value)?.iter().map(text).collect()
}

fn text_or_none(value: &Value) -> Result<Option<String>, String> {
    if *value == Value::None { Ok(None) } else { text(value).map(Some) }
}

impl fmt::Display for Export {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: func({})", self.name, self.parameters.join(", "))?;
        self.returns.as_ref().map_or(Ok(()), |returns| write!(f, " -> {returns}"))
    }
}
