//! `decide.*`: questions to decision models, which are text (TOML or BIF) in the program or read from a file.
//!
//! The answers are `nexus_qlogik`'s, as records with the same fields as the JSON of `nexus decide`.

use nexus_formats::Format;
use nexus_qlogik::answer::{self, Effort};
use nexus_qlogik::influence::Diagram;
use nexus_qlogik::{Error, Evidence, Model};
use serde::Serialize;

use super::text::text;
use super::{Builtin, Kind};
use crate::codes::Code;
use crate::vm::fault::{Fault, Outcome};
use crate::vm::host::Host;
use crate::vm::value::Value;

/// Memory that an exact answer may take inside a program, and that is admitted for it: 64 MiB.
const MEMORY_MAX: u64 = 64 << 20;

/// Questions to decision models.
pub(super) const TABLE: &[Builtin] = &[
    Builtin {
        name: "decide.eval",
        arity: (1, 2),
        result: Kind::Any,
        example: "decide.eval(model, {smoke: \"yes\"})",
        run: eval,
    },
    Builtin {
        name: "decide.explain",
        arity: (2, 3),
        result: Kind::Any,
        example: "decide.explain(model, \"lung\", {smoke: \"yes\"})",
        run: explain,
    },
    Builtin {
        name: "decide.policy",
        arity: (1, 2),
        result: Kind::Any,
        example: "decide.policy(model, {weather: \"rain\"})",
        run: policy,
    },
    Builtin { name: "decide.voi", arity: (1, 2), result: Kind::Any, example: "decide.voi(model)", run: voi },
];

fn eval(host: &mut Host, arguments: &mut [Value]) -> Outcome<Value> {
    let model = model(host, "decide.eval", &arguments[0])?;
    let evidence = evidence(&model, "decide.eval", arguments.get(1))?;
    let charge = host.admit(MEMORY_MAX as usize)?;
    let effort = Effort { memory_max: MEMORY_MAX, ..Effort::default() };
    let found = answer::evaluate(model.network(), &[], &evidence, effort).map_err(refused)?;
    drop(charge);
    record(host, &found)
}

fn explain(host: &mut Host, arguments: &mut [Value]) -> Outcome<Value> {
    let model = model(host, "decide.explain", &arguments[0])?;
    let target = model.network().find(text("decide.explain", &arguments[1])?).map_err(refused)?;
    let evidence = evidence(&model, "decide.explain", arguments.get(2))?;
    let charge = host.admit(MEMORY_MAX as usize)?;
    let found = answer::explain(model.network(), target, &evidence, MEMORY_MAX).map_err(refused)?;
    drop(charge);
    record(host, &found)
}

fn policy(host: &mut Host, arguments: &mut [Value]) -> Outcome<Value> {
    let model = model(host, "decide.policy", &arguments[0])?;
    let evidence = evidence(&model, "decide.policy", arguments.get(1))?;
    let charge = host.admit(MEMORY_MAX as usize)?;
    let found = answer::policy(diagram(&model)?, &evidence, MEMORY_MAX).map_err(refused)?;
    drop(charge);
    record(host, &found)
}

fn voi(host: &mut Host, arguments: &mut [Value]) -> Outcome<Value> {
    let model = model(host, "decide.voi", &arguments[0])?;
    let evidence = evidence(&model, "decide.voi", arguments.get(1))?;
    let charge = host.admit(MEMORY_MAX as usize)?;
    let found = answer::value_of_information(diagram(&model)?, None, None, 1.0, &evidence, MEMORY_MAX);
    let found = found.map_err(refused)?;
    drop(charge);
    record(host, &found)
}

fn model(host: &mut Host, function: &str, value: &Value) -> Outcome<Model> {
    let source = text(function, value)?;
    host.tick(source.len() / 16)?;
    let (model, _) = Model::read("model", source).map_err(|found| {
        let first = found.first();
        let place = first.and_then(|found| found.primary.as_ref());
        let place = place.map_or(String::new(), |label| format!("line {}: ", label.span.line));
        let message = first.map_or("it has errors", |found| found.message.as_str());
        Fault::new(Code::BadData, format!("this is no decision model: {place}{message}"))
    })?;
    Ok(model)
}

fn diagram(model: &Model) -> Outcome<&Diagram> {
    let none = || Error::BadDecision("the model has no decisions, so there is nothing to decide".to_owned());
    model.diagram().ok_or_else(|| refused(none()))
}

/// Evidence from a record of states; none, if it was left out.
fn evidence(model: &Model, function: &str, value: Option<&Value>) -> Outcome<Evidence> {
    match value {
        None | Some(Value::None | Value::Absent) => Ok(Evidence::new()),
        Some(Value::Record(known)) => {
            let mut pairs = Vec::new();
            for (name, state) in known.fields() {
                pairs.push((&**name, text(function, state)?));
            }
            model.network().evidence(pairs).map_err(refused)
        }
        Some(other) => Err(Fault::kind(&format!("the evidence of `{function}`"), "record", other)),
    }
}

fn refused(error: Error) -> Box<Fault> {
    let hint = error.hint();
    let fault = Fault::new(Code::BadData, error.to_string());
    match hint {
        Some(hint) => fault.help(hint),
        None => fault,
    }
}

/// An answer as a value of the language.
fn record(host: &mut Host, answer: &impl Serialize) -> Outcome<Value> {
    let bytes = serde_json::to_vec(answer).map_err(|_| Fault::internal("an answer that is no JSON"))?;
    host.tick(bytes.len() / 16)?;
    let value = nexus_formats::read(Format::Json, &bytes).map_err(|_| Fault::internal("an answer that is no JSON"))?;
    host.import(&value)
}
