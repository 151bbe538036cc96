//! `decide.*`: questions to decision models, which are text (TOML or BIF) in the program or read from a file.
//!
//! The answers are `nexus_qlogik`'s, as records with the same fields as the JSON of `nexus decide`. Questions about
//! networks and diagrams are here, those to fuzzy systems, rules, rankings and circuits in `decide_systems`.

use nexus_formats::Format;
use nexus_model::{Diagnostic, Severity};
use nexus_qlogik::answer::{self, Effort};
use nexus_qlogik::influence::Diagram;
use nexus_qlogik::learning::answer::LearnedAnswer;
use nexus_qlogik::learning::data::Data;
use nexus_qlogik::learning::{self, Learning, Prior};
use nexus_qlogik::{Error, Evidence, Model, VariableId, document};
use serde::Serialize;

use super::text::text;
use super::{Builtin, Kind};
use crate::codes::Code;
use crate::vm::fault::{Fault, Outcome};
use crate::vm::host::Host;
use crate::vm::value::Value;

/// Memory that an exact answer may take inside a program, and that is admitted for it: 64 MiB.
pub(super) const MEMORY_MAX: u64 = 64 << 20;
/// The most rounds in which tables are learned where values are missing.
const ROUNDS: usize = 200;

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
        name: "decide.likeliest",
        arity: (1, 3),
        result: Kind::Any,
        example: "decide.likeliest(model, {smoke: \"yes\"}, [\"lung\", \"tub\"])",
        run: likeliest,
    },
    Builtin {
        name: "decide.joint",
        arity: (2, 3),
        result: Kind::Any,
        example: "decide.joint(model, [\"lung\", \"tub\"], {smoke: \"yes\"})",
        run: joint,
    },
    Builtin {
        name: "decide.policy",
        arity: (1, 2),
        result: Kind::Any,
        example: "decide.policy(model, {weather: \"rain\"})",
        run: policy,
    },
    Builtin { name: "decide.voi", arity: (1, 2), result: Kind::Any, example: "decide.voi(model)", run: voi },
    Builtin {
        name: "decide.sensitivity",
        arity: (2, 3),
        result: Kind::Any,
        example: "decide.sensitivity(model, \"lung\", {smoke: \"yes\"})",
        run: sensitivity,
    },
    Builtin {
        name: "decide.influence",
        arity: (1, 2),
        result: Kind::Any,
        example: "decide.influence(model)",
        run: influence,
    },
    Builtin {
        name: "decide.separated",
        arity: (3, 4),
        result: Kind::Any,
        example: "decide.separated(model, \"smoke\", \"tub\", [\"xray\"])",
        run: separated,
    },
    Builtin {
        name: "decide.learn",
        arity: (2, 3),
        result: Kind::Any,
        example: "decide.learn(model, \"a,b\\nyes,no\\n\", 1)",
        run: learn,
    },
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

fn likeliest(host: &mut Host, arguments: &mut [Value]) -> Outcome<Value> {
    let function = "decide.likeliest";
    let model = model(host, function, &arguments[0])?;
    let evidence = evidence(&model, function, arguments.get(1))?;
    let variables = variables(&model, function, arguments.get(2))?;
    let charge = host.admit(MEMORY_MAX as usize)?;
    let found = answer::likeliest(model.network(), &variables, &evidence, MEMORY_MAX).map_err(refused)?;
    drop(charge);
    record(host, &found)
}

fn joint(host: &mut Host, arguments: &mut [Value]) -> Outcome<Value> {
    let function = "decide.joint";
    let model = model(host, function, &arguments[0])?;
    let variables = variables(&model, function, arguments.get(1))?;
    let evidence = evidence(&model, function, arguments.get(2))?;
    let charge = host.admit(MEMORY_MAX as usize)?;
    let found = answer::joint(model.network(), &variables, &evidence, MEMORY_MAX).map_err(refused)?;
    drop(charge);
    record(host, &found)
}

/// Variables from a list of their names; none, if it was left out.
fn variables(model: &Model, function: &str, names: Option<&Value>) -> Outcome<Vec<VariableId>> {
    match names {
        None | Some(Value::None | Value::Absent) => Ok(Vec::new()),
        Some(Value::List(names)) => {
            names.iter().map(|name| model.network().find(text(function, &name)?).map_err(refused)).collect()
        }
        Some(other) => Err(Fault::kind(&format!("the variables of `{function}`"), "list", other)),
    }
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

fn sensitivity(host: &mut Host, arguments: &mut [Value]) -> Outcome<Value> {
    let model = model(host, "decide.sensitivity", &arguments[0])?;
    let target = model.network().find(text("decide.sensitivity", &arguments[1])?).map_err(refused)?;
    let evidence = evidence(&model, "decide.sensitivity", arguments.get(2))?;
    let charge = host.admit(MEMORY_MAX as usize)?;
    let found = answer::sensitivity(model.network(), target, None, &evidence, MEMORY_MAX).map_err(refused)?;
    drop(charge);
    record(host, &found)
}

fn influence(host: &mut Host, arguments: &mut [Value]) -> Outcome<Value> {
    let model = model(host, "decide.influence", &arguments[0])?;
    let evidence = evidence(&model, "decide.influence", arguments.get(1))?;
    let charge = host.admit(MEMORY_MAX as usize)?;
    let found = answer::influence(model.network(), &evidence, MEMORY_MAX).map_err(refused)?;
    drop(charge);
    record(host, &found)
}

fn separated(host: &mut Host, arguments: &mut [Value]) -> Outcome<Value> {
    let function = "decide.separated";
    let model = model(host, function, &arguments[0])?;
    let find = |value: &Value| model.network().find(text(function, value)?).map_err(refused);
    let pair = [find(&arguments[1])?, find(&arguments[2])?];
    let given = variables(&model, function, arguments.get(3))?;
    let charge = host.admit(MEMORY_MAX as usize)?;
    let found = answer::separation(model.network(), pair, &given, &Evidence::new(), MEMORY_MAX).map_err(refused)?;
    drop(charge);
    record(host, &found)
}

/// What was learned, with the learned model as text.
#[derive(Serialize)]
struct LearnedModel {
    #[serde(flatten)]
    learned: LearnedAnswer,
    toml: String,
}

fn learn(host: &mut Host, arguments: &mut [Value]) -> Outcome<Value> {
    let model = model(host, "decide.learn", &arguments[0])?;
    let source = text("decide.learn", &arguments[1])?;
    host.tick(source.len() / 16)?;
    let prior = match number(arguments.get(2), "the observations that the prior of `decide.learn` counts for")? {
        None => Prior::Flat,
        Some(weight) => Prior::Each(weight),
    };
    let (data, _) = Data::read(model.network(), "data", source).map_err(|found| unreadable("are no data", &found))?;
    let charge = host.admit(MEMORY_MAX as usize)?;
    let rounds = if data.is_complete() { 1 } else { ROUNDS };
    // A propagation for each observation and round, each over all tables.
    let numbers: usize = model.network().ids().map(|id| model.network().states(id)).sum();
    host.tick(data.observations().len().saturating_mul(numbers).saturating_mul(rounds))?;
    let how = Learning { prior, rounds_max: rounds, memory_max: MEMORY_MAX, ..Learning::default() };
    let learned = learning::learn(model.network(), &data, how).map_err(refused)?;
    let toml = document::write(&Model::Network(learned.network.clone())).map_err(refused)?;
    drop(charge);
    record(host, &LearnedModel { learned: LearnedAnswer::of(&learned, &data), toml })
}

/// A number among the arguments; none, if it was left out.
pub(super) fn number(value: Option<&Value>, what: &str) -> Outcome<Option<f64>> {
    match value {
        None | Some(Value::None | Value::Absent) => Ok(None),
        Some(Value::Int(number)) => Ok(Some(*number as f64)),
        Some(Value::Scalar(number)) => Ok(Some(*number)),
        Some(other) => Err(Fault::kind(what, "number", other)),
    }
}

fn model(host: &mut Host, function: &str, value: &Value) -> Outcome<Model> {
    let source = text(function, value)?;
    host.tick(source.len() / 16)?;
    let (model, _) = Model::read("model", source).map_err(|found| unreadable("is no decision model", &found))?;
    Ok(model)
}

/// The first thing that is wrong with a text.
pub(super) fn unreadable(what: &str, found: &[Diagnostic]) -> Box<Fault> {
    let first = found.iter().find(|found| found.severity == Severity::Error);
    let place = first.and_then(|found| found.primary.as_ref());
    let place = place.map_or(String::new(), |label| format!("line {}: ", label.span.line));
    let message = first.map_or("it has errors", |found| found.message.as_str());
    let this = if what.starts_with("are") { "these" } else { "this" };
    Fault::new(Code::BadData, format!("{this} {what}: {place}{message}"))
}

fn diagram(model: &Model) -> Outcome<&Diagram> {
    let none = || Error::BadDecision("the model has no decisions, so there is nothing to decide".to_owned());
    model.diagram().ok_or_else(|| refused(none()))
}

/// Evidence from a record of states; none, if it was left out.
pub(super) fn evidence(model: &Model, function: &str, value: Option<&Value>) -> Outcome<Evidence> {
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

pub(super) fn refused(error: Error) -> Box<Fault> {
    let hint = error.hint();
    let fault = Fault::new(Code::BadData, error.to_string());
    match hint {
        Some(hint) => fault.help(hint),
        None => fault,
    }
}

/// An answer as a value of the language.
pub(super) fn record(host: &mut Host, answer: &impl Serialize) -> Outcome<Value> {
    let bytes = serde_json::to_vec(answer).map_err(|_| Fault::internal("an answer that is no JSON"))?;
    host.tick(bytes.len() / 16)?;
    let value = nexus_formats::read(Format::Json, &bytes).map_err(|_| Fault::internal("an answer that is no JSON"))?;
    host.import(&value)
}
