//! The library as programs see it: names to operations of the tensor engine, functions of this crate, and constants.
//!
//! Operations of the engine come from its table ([`nexus_library::all`]), with their parameters, inference and code; the
//! language adds nothing per operation. Functions on numbers, text, lists and data are in the tables here.

mod clock;
mod data;
mod decide;
mod decide_systems;
mod echo;
mod external;
mod grad;
pub(crate) mod lists;
mod math;
mod mprime;
pub(crate) mod reference;
mod reference_texts;
mod text;

pub(crate) use math::number;
use std::sync::LazyLock;

use nexus_tensor::OpDef;

use crate::codes::Code;
use crate::external::CALL;
use crate::hashing::{HashMap, HashSet};
use crate::hir::Fold;
use crate::vm::fault::{Fault, Outcome};
use crate::vm::host::Host;
use crate::vm::value::Value;

/// Index into [`BUILTINS`], table first.
pub(crate) type BuiltinId = u16;

/// A function of this crate.
pub(crate) struct Builtin {
    /// Name with its namespace, if it has one.
    pub(crate) name: &'static str,
    /// Fewest and most arguments; 255 is any number.
    pub(crate) arity: (u8, u8),
    /// The kind of its result where it is always the same.
    pub(crate) result: Kind,
    /// A call that works.
    pub(crate) example: &'static str,
    run: fn(&mut Host, &mut [Value]) -> Outcome<Value>,
}

/// What is known of a builtin's result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Any,
    None,
    Bool,
    Int,
    Scalar,
    Str,
    List,
}

/// What a name of the library stands for.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Member {
    Op(&'static OpDef),
    Builtin(BuiltinId),
    Constant(f64),
    Fold(Fold),
}

/// The tables, and whether a profile tells calls of theirs as operations: those of the others are too short for it, or what
/// takes their time tells itself.
const TABLES: [(&[Builtin], bool); 12] = [
    (lists::TABLE, false),
    (math::TABLE, false),
    (text::TABLE, false),
    (data::TABLE, true),
    (clock::TABLE, false),
    (grad::TABLE, false),
    (echo::TABLE, true),
    (decide::TABLE, true),
    (decide_systems::TABLE, true),
    (external::TABLE, true),
    (mprime::TABLE, false),
    (mprime::numbers::TABLE, false),
];

const CONSTANTS: [(&str, f64); 5] = [
    ("math.pi", std::f64::consts::PI),
    ("math.tau", std::f64::consts::TAU),
    ("math.e", std::f64::consts::E),
    ("math.inf", f64::INFINITY),
    ("math.nan", f64::NAN),
];

fn builtins() -> impl Iterator<Item = &'static Builtin> {
    TABLES.into_iter().flat_map(|(table, _)| table)
}

/// The builtin of an id.
pub(crate) fn builtin(id: BuiltinId) -> &'static Builtin {
    INDEX.builtins.get(usize::from(id)).expect("ids are made by `find` from the same tables")
}

/// The library by namespace and name; names without a namespace stand in "". Programs are full of these names, and the
/// tables are long.
struct Index {
    builtins: Vec<&'static Builtin>,
    members: HashMap<(&'static str, &'static str), Member>,
    namespaces: HashSet<&'static str>,
}

static INDEX: LazyLock<Index> = LazyLock::new(|| {
    let folds = [Fold::Map, Fold::Filter, Fold::Reduce].map(|fold| (fold.name(), Member::Fold(fold)));
    let own = builtins().enumerate().map(|(id, b)| (b.name, Member::Builtin(id as BuiltinId)));
    let ops = nexus_library::all().map(|op| (op.name, Member::Op(op)));
    let constants = CONSTANTS.iter().map(|(name, value)| (*name, Member::Constant(*value)));
    let members: HashMap<_, _> =
        constants.chain(ops).chain(own).chain(folds).map(|(name, member)| (parts(name), member)).collect();
    let namespaces = members.keys().map(|(space, _)| *space).filter(|space| !space.is_empty()).collect();
    Index { builtins: builtins().collect(), members, namespaces }
});

/// The namespace of a name, where it has one, and the rest.
fn parts(name: &str) -> (&str, &str) {
    name.split_once('.').unwrap_or(("", name))
}

/// Runs a builtin.
pub(crate) fn call(host: &mut Host, id: BuiltinId, arguments: &mut [Value]) -> Outcome<Value> {
    let mut rest = usize::from(id);
    for (table, is_told) in TABLES {
        match table.get(rest) {
            Some(builtin) => {
                check_count(builtin, arguments.len())?;
                if is_told {
                    return host.measured(builtin.name, |host| (builtin.run)(host, arguments));
                }
                return (builtin.run)(host, arguments);
            }
            None => rest -= table.len(),
        }
    }
    Err(Fault::internal("a builtin that does not exist"))
}

/// The function that a builtin is where it is given a scalar; `None` for what is more than that.
#[inline(always)]
pub(crate) fn of_a_scalar(id: BuiltinId) -> Option<fn(f64) -> f64> {
    // The elementary functions come first in their table.
    math::OF_A_SCALAR.get(usize::from(id).wrapping_sub(lists::TABLE.len())).copied()
}

/// A function that is called as a value was not checked when its program was compiled.
fn check_count(builtin: &Builtin, count: usize) -> Outcome<()> {
    let (least, most) = builtin.arity;
    if count >= usize::from(least) && (most == u8::MAX || count <= usize::from(most)) {
        return Ok(());
    }
    let message = format!("`{}` takes {least} to {most} arguments, {count} given", builtin.name);
    Err(Fault::new(Code::BadCall, message).help(format!("for example: `{}`", builtin.example)))
}

/// What a name stands for, its namespace included.
pub(crate) fn find(name: &str) -> Option<Member> {
    INDEX.members.get(&parts(name)).copied()
}

/// What a name of a namespace stands for.
pub(crate) fn find_in(namespace: &str, name: &str) -> Option<Member> {
    INDEX.members.get(&(namespace, name)).copied()
}

/// Whether names of the library begin with `name` and a dot.
pub(crate) fn is_namespace(name: &str) -> bool {
    INDEX.namespaces.contains(name)
}

/// Every full name in a namespace.
pub(crate) fn members(namespace: &str) -> impl Iterator<Item = &'static str> {
    all_names().filter(move |full| full.strip_prefix(namespace).is_some_and(|rest| rest.starts_with('.')))
}

/// Names without a namespace.
pub(crate) fn bare_names() -> impl Iterator<Item = &'static str> {
    all_names().filter(|name| !name.contains('.')).chain(["map", "filter", "reduce"])
}

/// A full name whose last part is `name`.
pub(crate) fn elsewhere(name: &str) -> Option<&'static str> {
    all_names().find(|full| full.rsplit_once('.').is_some_and(|(_, last)| last == name))
}

/// How what other languages write as a method, `x.name()`, is called here.
pub(crate) fn instead_of_method(name: &str) -> Option<String> {
    let bare = |name: &str| bare_names().find(|known| *known == name);
    let function = match name {
        "sort" => bare("sorted"),
        "reverse" => bare("reversed"),
        "push" | "add" => bare("append"),
        "length" | "size" | "count" => bare("len"),
        "has" | "includes" => bare("contains"),
        _ => bare(name).or_else(|| elsewhere(name)),
    }?;
    let call = match function {
        "append" => "xs = append(xs, x)".to_owned(),
        "contains" => "contains(xs, x)".to_owned(),
        "map" | "filter" | "reduce" => format!("{function}(f, xs)"),
        _ => format!("{function}(x)"),
    };
    Some(format!("functions are called: `{call}`"))
}

fn all_names() -> impl Iterator<Item = &'static str> {
    let ops = nexus_library::all().map(|op| op.name);
    let own = builtins().map(|b| b.name).filter(|name| *name != CALL);
    own.chain(ops).chain(CONSTANTS.iter().map(|(name, _)| *name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_across_the_tables() {
        let mut seen = std::collections::BTreeSet::new();
        for name in all_names() {
            assert!(seen.insert(name), "{name} twice");
        }
    }

    #[test]
    fn functions_of_a_scalar_are_those_of_their_names() {
        let of = |name| match find(name) {
            Some(Member::Builtin(id)) => of_a_scalar(id),
            _ => None,
        };
        assert_eq!(of("math.sqrt").map(|sqrt| sqrt(2.0)), Some(2f64.sqrt()));
        assert_eq!(of("math.degrees").map(|degrees| degrees(1.0)), Some(1f64.to_degrees()));
        assert!(of("math.floor").is_none() && of("len").is_none());
    }

    #[test]
    fn ids_lead_to_their_builtins() {
        for (id, expected) in builtins().enumerate() {
            assert_eq!(builtin(id as BuiltinId).name, expected.name);
        }
    }
}
