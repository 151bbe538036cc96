//! Functions on text: conversion, splitting, joining, formatting.

use super::{Builtin, Kind};
use crate::codes::Code;
use crate::lexer::{int_value, scalar_value};
use crate::vm::fault::{Fault, Outcome};
use crate::vm::host::Host;
use crate::vm::text::{Layout, scalar};
use crate::vm::value::Value;

/// Functions on text.
pub(super) const TABLE: &[Builtin] = &[
    Builtin { name: "print", arity: (0, 255), result: Kind::None, example: "print(\"n =\", n)", run: print },
    Builtin { name: "int", arity: (1, 1), result: Kind::Int, example: "int(\"12\")", run: int },
    Builtin { name: "scalar", arity: (1, 1), result: Kind::Scalar, example: "scalar(2)", run: to_scalar },
    Builtin { name: "bool", arity: (1, 1), result: Kind::Bool, example: "bool(\"true\")", run: to_bool },
    Builtin { name: "string", arity: (1, 1), result: Kind::Str, example: "string(2.5)", run: to_string },
    Builtin { name: "str", arity: (1, 1), result: Kind::Str, example: "str(2.5)", run: to_string },
    Builtin {
        name: "format",
        arity: (1, 255),
        result: Kind::Str,
        example: "format(\"{} is {:.3}\", name, x)",
        run: format,
    },
    Builtin {
        name: "string.upper",
        arity: (1, 1),
        result: Kind::Str,
        example: "string.upper(\"a\")",
        run: |host, a| map(host, "string.upper", a, str::to_uppercase),
    },
    Builtin {
        name: "string.lower",
        arity: (1, 1),
        result: Kind::Str,
        example: "string.lower(\"A\")",
        run: |host, a| map(host, "string.lower", a, str::to_lowercase),
    },
    Builtin {
        name: "string.trim",
        arity: (1, 1),
        result: Kind::Str,
        example: "string.trim(\" a \")",
        run: |host, a| map(host, "string.trim", a, |s| s.trim().to_owned()),
    },
    Builtin {
        name: "string.split",
        arity: (1, 2),
        result: Kind::List,
        example: "string.split(\"a,b\", \",\")",
        run: split,
    },
    Builtin {
        name: "string.join",
        arity: (2, 2),
        result: Kind::Str,
        example: "string.join([\"a\", \"b\"], \", \")",
        run: join,
    },
    Builtin {
        name: "string.replace",
        arity: (3, 3),
        result: Kind::Str,
        example: "string.replace(\"a-b\", \"-\", \"+\")",
        run: replace,
    },
    Builtin {
        name: "string.starts_with",
        arity: (2, 2),
        result: Kind::Bool,
        example: "string.starts_with(\"abc\", \"ab\")",
        run: |_, a| Ok(Value::Bool(text("string.starts_with", &a[0])?.starts_with(text("string.starts_with", &a[1])?))),
    },
    Builtin {
        name: "string.ends_with",
        arity: (2, 2),
        result: Kind::Bool,
        example: "string.ends_with(\"abc\", \"bc\")",
        run: |_, a| Ok(Value::Bool(text("string.ends_with", &a[0])?.ends_with(text("string.ends_with", &a[1])?))),
    },
    Builtin {
        name: "string.find",
        arity: (2, 2),
        result: Kind::Any,
        example: "string.find(\"abc\", \"c\")",
        run: find,
    },
];

/// The text of a string value.
pub(crate) fn text<'v>(function: &str, value: &'v Value) -> Outcome<&'v str> {
    match value {
        Value::Str(text) => Ok(text.as_str()),
        other => Err(Fault::kind(&format!("`{function}`"), "a string", other)),
    }
}

fn print(host: &mut Host, arguments: &mut [Value]) -> Outcome<Value> {
    let mut line = String::new();
    for (index, value) in arguments.iter().enumerate() {
        if index > 0 {
            line.push(' ');
        }
        line.push_str(&host.display(value)?);
    }
    line.push('\n');
    host.print_line(&line)?;
    Ok(Value::None)
}

fn int(host: &mut Host, arguments: &mut [Value]) -> Outcome<Value> {
    match &arguments[0] {
        Value::Int(v) => Ok(Value::Int(*v)),
        Value::Bool(v) => Ok(Value::Int(i64::from(*v))),
        Value::Str(text) => {
            let trimmed = text.as_str().trim();
            let (negative, digits) = match trimmed.strip_prefix('-') {
                Some(digits) => (true, digits),
                None => (false, trimmed),
            };
            let value = int_value(digits).filter(|_| digits.starts_with(|c: char| c.is_ascii_digit()));
            value
                .map(|v| Value::Int(if negative { -v } else { v }))
                .ok_or_else(|| unreadable(host, "int", text.as_str()))
        }
        Value::Tensor(t) if t.len() == 1 && !t.dtype().is_float() => {
            let data = t.to_data().map_err(Fault::tensor)?;
            Ok(Value::Int(data.get_i64(0).unwrap_or(0)))
        }
        other => super::math::whole_number("int", super::math::number("int", other)?.trunc()),
    }
}

fn to_scalar(host: &mut Host, arguments: &mut [Value]) -> Outcome<Value> {
    match &arguments[0] {
        Value::Bool(v) => Ok(Value::Scalar(f64::from(u8::from(*v)))),
        Value::Str(text) => match text.as_str().trim() {
            "nan" => Ok(Value::Scalar(f64::NAN)),
            "inf" => Ok(Value::Scalar(f64::INFINITY)),
            "-inf" => Ok(Value::Scalar(f64::NEG_INFINITY)),
            number if number.ends_with(|c: char| c.is_ascii_digit()) && scalar_value(number).is_some() => {
                Ok(scalar_value(number).map_or(Value::None, Value::Scalar))
            }
            _ => Err(unreadable(host, "scalar", text.as_str())),
        },
        traced @ Value::Traced(_) => crate::vm::traced::number(host, traced),
        other => Ok(Value::Scalar(super::math::number("scalar", other)?)),
    }
}

fn unreadable(_: &Host, kind: &str, text: &str) -> Box<Fault> {
    let shown: String = text.chars().take(40).collect();
    Fault::new(Code::BadConversion, format!("\"{shown}\" is not a number that `{kind}` can read"))
}

fn to_bool(_: &mut Host, arguments: &mut [Value]) -> Outcome<Value> {
    match &arguments[0] {
        Value::Str(text) => match text.as_str().trim() {
            "true" => Ok(Value::Bool(true)),
            "false" => Ok(Value::Bool(false)),
            _ => Err(Fault::new(Code::BadConversion, "`bool` reads \"true\" and \"false\"")),
        },
        Value::Int(v) => Ok(Value::Bool(*v != 0)),
        Value::Scalar(v) => Ok(Value::Bool(*v != 0.0)),
        other => Ok(Value::Bool(crate::vm::operate::truth(other)?)),
    }
}

fn to_string(host: &mut Host, arguments: &mut [Value]) -> Outcome<Value> {
    if let Value::Str(_) = &arguments[0] {
        return Ok(std::mem::take(&mut arguments[0]));
    }
    let text = host.display(&arguments[0])?;
    host.string(text)
}

fn map(host: &mut Host, name: &str, arguments: &[Value], change: fn(&str) -> String) -> Outcome<Value> {
    let text = text(name, &arguments[0])?;
    drop(host.admit(text.len().saturating_mul(3))?);
    let length = text.len();
    let changed = change(text);
    host.tick(length / 64)?;
    host.string(changed)
}

fn split(host: &mut Host, arguments: &mut [Value]) -> Outcome<Value> {
    let whole = text("string.split", &arguments[0])?;
    let parts: Vec<String> = match arguments.get(1) {
        None => whole.split_whitespace().map(str::to_owned).collect(),
        Some(separator) => match text("string.split", separator)? {
            "" => {
                return Err(Fault::new(Code::WrongTypeRunning, "`string.split` needs a separator that is not empty")
                    .help("`list(s)` gives the characters of a string"));
            }
            separator => whole.split(separator).map(str::to_owned).collect(),
        },
    };
    host.tick(whole.len() / 16)?;
    let parts: Outcome<Vec<Value>> = parts.into_iter().map(|part| host.string(part)).collect();
    host.list(parts?)
}

fn join(host: &mut Host, arguments: &mut [Value]) -> Outcome<Value> {
    let Value::List(list) = &arguments[0] else {
        return Err(Fault::kind("`string.join`", "a list of strings", &arguments[0]));
    };
    let separator = text("string.join", &arguments[1])?;
    let mut total = 0usize;
    for item in list.iter() {
        total = total.saturating_add(text("string.join", &item)?.len()).saturating_add(separator.len());
    }
    let charge = host.admit(total)?;
    host.tick(total / 64)?;
    let mut joined = String::with_capacity(total);
    for (index, item) in list.iter().enumerate() {
        if index > 0 {
            joined.push_str(separator);
        }
        joined.push_str(text("string.join", &item)?);
    }
    drop(charge);
    host.string(joined)
}

fn replace(host: &mut Host, arguments: &mut [Value]) -> Outcome<Value> {
    let whole = text("string.replace", &arguments[0])?;
    let (old, new) = (text("string.replace", &arguments[1])?, text("string.replace", &arguments[2])?);
    if old.is_empty() {
        return Err(Fault::new(Code::WrongTypeRunning, "`string.replace` needs something to replace"));
    }
    let count = whole.matches(old).count();
    let growth = count.saturating_mul(new.len().saturating_sub(old.len()));
    drop(host.admit(whole.len().saturating_add(growth))?);
    let replaced = whole.replace(old, new);
    host.tick(replaced.len() / 64)?;
    host.string(replaced)
}

/// The place of the first occurrence in characters, or none.
fn find(host: &mut Host, arguments: &mut [Value]) -> Outcome<Value> {
    let (whole, part) = (text("string.find", &arguments[0])?, text("string.find", &arguments[1])?);
    let place = whole.find(part).map(|at| whole[..at].chars().count());
    host.tick(whole.len() / 64)?;
    Ok(place.map_or(Value::None, |n| Value::Int(n as i64)))
}

/// Fills the braces of a template in order: `{}`, `{:.3}`, `{:>8}`, `{:08.3}`, `{:e}`; `{{` is a brace.
fn format(host: &mut Host, arguments: &mut [Value]) -> Outcome<Value> {
    let (template, values) = arguments.split_first().expect("the table asks for one argument at least");
    let template = text("format", template)?.to_owned();
    let mut values = values.iter();
    let mut filled = String::new();
    let mut rest = template.as_str();
    while let Some(at) = rest.find(['{', '}']) {
        filled.push_str(&rest[..at]);
        let brace = &rest[at..];
        if brace.starts_with("{{") || brace.starts_with("}}") {
            filled.push_str(&brace[..1]);
            rest = &brace[2..];
            continue;
        }
        let Some(close) = brace.find('}').filter(|_| brace.starts_with('{')) else {
            return Err(Fault::new(Code::BadConversion, "a brace of the template has no partner")
                .help("write `{{` or `}}` for a brace itself"));
        };
        let Some(layout) = Layout::parse(&brace[1..close]) else {
            let shown: String = brace[..=close].chars().take(20).collect();
            return Err(Fault::new(Code::BadConversion, format!("`{shown}` is not a format"))
                .help("write {}, {:.3}, {:>8}, {:08.3} or {:e}"));
        };
        let Some(value) = values.next() else {
            return Err(Fault::new(Code::BadConversion, "the template has more braces than there are values"));
        };
        filled.push_str(&write_value(host, value, layout)?);
        drop(host.admit(filled.len())?);
        rest = &brace[close + 1..];
    }
    filled.push_str(rest);
    if values.next().is_some() {
        return Err(Fault::new(Code::BadConversion, "there are more values than the template has braces"));
    }
    host.string(filled)
}

fn write_value(host: &mut Host, value: &Value, layout: Layout) -> Outcome<String> {
    let number = match value {
        Value::Scalar(v) => Some(*v),
        Value::Int(v) if layout.decimals.is_some() || layout.exponent => Some(*v as f64),
        Value::Tensor(t) if t.len() == 1 && t.dtype().is_float() => Some(super::math::number("format", value)?),
        _ => None,
    };
    let text = match number {
        Some(v) if !v.is_finite() => scalar(v),
        Some(v) => match (layout.exponent, layout.decimals) {
            (true, Some(n)) => format!("{v:.n$e}"),
            (true, None) => format!("{v:e}"),
            (false, Some(n)) => format!("{v:.n$}"),
            (false, None) => scalar(v),
        },
        None => host.display(value)?,
    };
    Ok(layout.pad(text, matches!(value, Value::Int(_)) || number.is_some()))
}
