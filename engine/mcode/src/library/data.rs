//! Inputs, outputs, files and JSON.

use nexus_formats::Format;

use super::text::text;
use super::{Builtin, Kind};
use crate::codes::Code;
use crate::vm::fault::{Fault, Outcome};
use crate::vm::host::Host;
use crate::vm::value::Value;

macro_rules! readers {
    ($( $name:literal ),*) => {
        [ $( Builtin {
            name: $name,
            arity: (1, 1),
            result: Kind::Any,
            example: concat!($name, "(\"data/file\")"),
            run: |host, a| host.read_file(text($name, &a[0])?),
        } ),* ]
    };
}

const READERS: [Builtin; 6] =
    readers!["io.read", "io.read_csv", "io.read_json", "io.read_npy", "io.read_npz", "io.read_safetensors"];

const OTHERS: [Builtin; 4] = [
    Builtin { name: "input", arity: (1, 1), result: Kind::Any, example: "input(\"x\")", run: input },
    Builtin { name: "output", arity: (2, 2), result: Kind::None, example: "output(\"y\", y)", run: output },
    Builtin {
        name: "json.parse",
        arity: (1, 1),
        result: Kind::Any,
        example: "json.parse(\"[1, 2]\")",
        run: parse_json,
    },
    Builtin { name: "json.format", arity: (1, 1), result: Kind::Str, example: "json.format({a: 1})", run: format_json },
];

/// Inputs, outputs, files and JSON.
pub(super) const TABLE: &[Builtin] = &{
    let [a, b, c, d, e, f] = READERS;
    let [g, h, i, j] = OTHERS;
    [a, b, c, d, e, f, g, h, i, j]
};

fn input(host: &mut Host, arguments: &mut [Value]) -> Outcome<Value> {
    let name = text("input", &arguments[0])?;
    match host.inputs.iter().find(|(known, _)| known == name) {
        Some((_, value)) => host.import(value),
        None => {
            let given: Vec<&str> = host.inputs.iter().map(|(known, _)| known.as_str()).collect();
            let fault = Fault::new(Code::MissingInput, format!("the input `{name}` was not given"));
            Err(match given.as_slice() {
                [] => fault.help(format!("give it with `--input {name}=path`")),
                given => fault.help(format!("the inputs are {}; give it with `--input {name}=path`", given.join(", "))),
            })
        }
    }
}

fn output(host: &mut Host, arguments: &mut [Value]) -> Outcome<Value> {
    let name = text("output", &arguments[0])?.to_owned();
    let value = std::mem::take(&mut arguments[1]);
    host.set_output(name, value);
    Ok(Value::None)
}

fn parse_json(host: &mut Host, arguments: &mut [Value]) -> Outcome<Value> {
    let source = text("json.parse", &arguments[0])?;
    // A byte of JSON becomes at most a value in a list: `[0,0,0]`.
    drop(host.admit(source.len().saturating_mul(size_of::<nexus_model::Value>() / 2))?);
    let value = nexus_formats::read(Format::Json, source.as_bytes())
        .map_err(|error| Fault::new(Code::BadData, format!("this is not JSON: {error}")))?;
    host.tick(source.len() / 16)?;
    host.import(&value)
}

fn format_json(host: &mut Host, arguments: &mut [Value]) -> Outcome<Value> {
    let value = host.export(&arguments[0])?;
    let bytes = nexus_formats::write(Format::Json, &value)
        .map_err(|error| Fault::new(Code::BadData, format!("this cannot be written as JSON: {error}")))?;
    host.tick(bytes.len() / 16)?;
    host.string(String::from_utf8_lossy(&bytes).trim_end().to_owned())
}
