//! The values of a running program: sixteen bytes each, shared by counting references, copied when a shared one is
//! written to.
//!
//! How deep lists, records and closures nest is bounded when they are made ([`DEPTH_MAX`]), so that comparing, printing
//! and dropping them may recurse.

use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, OnceLock};

use nexus_library::Traced;
use nexus_tensor::{Arg, Charge, OpDef, Tensor};

use super::fault::{Fault, Outcome};
pub(crate) use super::list::{List, SharedList};
use crate::ast::Name;
use crate::codes::Code;
use crate::hir::FunctionId;
use crate::library::BuiltinId;

/// How deep values may nest; what leaves a program may nest as deep.
pub(crate) const DEPTH_MAX: u8 = 60;

/// A value.
#[derive(Debug, Clone, Default)]
pub(crate) enum Value {
    /// A variable without a value, an argument left out: never seen by a program.
    #[default]
    Absent,
    None,
    Bool(bool),
    Int(i64),
    Scalar(f64),
    Str(Arc<Text>),
    List(SharedList),
    Record(Arc<Record>),
    Tensor(Arc<Tensor>),
    Function(Arc<Closure>),
    Range(Arc<Range>),
    /// The handle of a spawned call.
    Task(Arc<Task>),
    /// A number or tensor that a gradient follows.
    Traced(Arc<Traced>),
}

/// Text, with the memory it was admitted for where the run is metered.
#[derive(Debug, Default)]
pub(crate) struct Text {
    pub(crate) text: String,
    pub(crate) charge: Option<Charge>,
}

/// Named values in order.
#[derive(Debug, Default)]
pub(crate) struct Record {
    fields: Vec<(Name, Value)>,
    depth: u8,
    /// Gives the memory back when the record goes.
    _charge: Option<Charge>,
}

/// A function as a value.
#[derive(Debug)]
pub(crate) struct Closure {
    pub(crate) callable: Callable,
    depth: u8,
}

/// What a function value calls.
#[derive(Debug)]
pub(crate) enum Callable {
    Function { id: FunctionId, captured: Vec<Value> },
    Op(&'static OpDef),
    Builtin(BuiltinId),
    Derived(Derived),
}

/// A derivative of a function.
#[derive(Debug)]
pub(crate) struct Derived {
    pub(crate) transform: Transform,
    pub(crate) function: Value,
    /// The argument by which it is taken.
    pub(crate) argument: usize,
}

/// What a derivative gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Transform {
    Gradient,
    ValueAndGradient,
    Jacobian,
    Hessian,
    Numerical,
}

impl Transform {
    /// All of them.
    pub(crate) const ALL: [Transform; 5] = [
        Transform::Gradient,
        Transform::ValueAndGradient,
        Transform::Jacobian,
        Transform::Hessian,
        Transform::Numerical,
    ];

    /// The name of the library function that makes it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Transform::Gradient => "grad.grad",
            Transform::ValueAndGradient => "grad.value_and_grad",
            Transform::Jacobian => "grad.jacobian",
            Transform::Hessian => "grad.hessian",
            Transform::Numerical => "grad.numerical",
        }
    }
}

/// Whole numbers in steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Range {
    pub(crate) start: i64,
    pub(crate) step: i64,
    pub(crate) count: u64,
}

/// A spawned call: it waits until somebody needs its result, which stands here when it has run.
#[derive(Debug)]
pub(crate) struct Task {
    pub(crate) result: OnceLock<Outcome<Value>>,
    /// Over what it needs while it waits, over its result afterwards.
    depth: AtomicU8,
}

/// In the depth of a value: handles of tasks are inside.
const HOLDS_TASKS: u8 = 0x80;

impl Value {
    /// The kind's name, as users know it.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Value::Absent => "nothing",
            Value::None => "none",
            Value::Bool(_) => "bool",
            Value::Int(_) => "int",
            Value::Scalar(_) => "scalar",
            Value::Str(_) => "string",
            Value::List(_) => "list",
            Value::Record(_) => "record",
            Value::Tensor(_) => "tensor",
            Value::Function(_) => "function",
            Value::Range(_) => "range",
            Value::Task(_) => "task",
            Value::Traced(t) => {
                if matches!(t.plain(), Arg::Tensor(_)) {
                    "tensor"
                } else {
                    "scalar"
                }
            }
        }
    }

    /// Whether it is nothing but its sixteen bytes.
    #[inline(always)]
    pub(crate) fn is_plain(&self) -> bool {
        matches!(self, Value::Absent | Value::None | Value::Bool(_) | Value::Int(_) | Value::Scalar(_))
    }

    /// The kind with what distinguishes it: `f32[2, 3]` for a tensor.
    pub(crate) fn describe(&self) -> String {
        match self {
            Value::Tensor(t) => describe_tensor(t),
            Value::Traced(t) => match t.plain() {
                Arg::Tensor(t) => format!("{} that is differentiated", describe_tensor(t)),
                _ => "scalar that is differentiated".to_owned(),
            },
            other => other.kind().to_owned(),
        }
    }

    /// A string that is not metered.
    pub(crate) fn string(text: impl Into<String>) -> Value {
        Value::Str(Arc::new(Text { text: text.into(), charge: None }))
    }

    /// A list that is not metered.
    pub(crate) fn list(items: Vec<Value>) -> Outcome<Value> {
        Ok(Value::List(SharedList::new(List::new(items, None)?)))
    }

    /// A function with the values it took along.
    pub(crate) fn closure(id: FunctionId, captured: Vec<Value>) -> Outcome<Value> {
        let depth = depth_over(captured.iter())?;
        Ok(Value::Function(Arc::new(Closure { callable: Callable::Function { id, captured }, depth })))
    }

    /// A derivative of a function.
    pub(crate) fn derived(derived: Derived) -> Outcome<Value> {
        let depth = depth_over(std::iter::once(&derived.function))?;
        Ok(Value::Function(Arc::new(Closure { callable: Callable::Derived(derived), depth })))
    }

    /// A function of the library.
    pub(crate) fn library(callable: Callable) -> Value {
        Value::Function(Arc::new(Closure { callable, depth: 1 }))
    }

    /// The handle of a call that has run.
    pub(crate) fn task(value: Value) -> Outcome<Value> {
        let depth = AtomicU8::new(depth_over(std::iter::once(&value))? | HOLDS_TASKS);
        Ok(Value::Task(Arc::new(Task { result: OnceLock::from(Ok(value)), depth })))
    }

    /// Whether the handle of a task is in it.
    pub(crate) fn holds_tasks(&self) -> bool {
        self.depth() & HOLDS_TASKS != 0
    }

    /// How deep it nests: 0 for what holds no values. The highest bit says whether it holds tasks.
    fn depth(&self) -> u8 {
        match self {
            Value::List(list) => list.depth(),
            Value::Record(record) => record.depth,
            Value::Function(closure) => closure.depth,
            Value::Task(task) => task.depth.load(Ordering::Relaxed),
            _ => 0,
        }
    }
}

/// `f32[2, 3]`
pub(crate) fn describe_tensor(tensor: &Tensor) -> String {
    format!("{}{:?}", tensor.dtype(), tensor.shape())
}

/// How deep something that holds `values` nests.
pub(super) fn depth_over<'a>(values: impl Iterator<Item = &'a Value>) -> Outcome<u8> {
    let below = values.map(Value::depth).fold(0, deeper);
    let depth = below + 1;
    if depth & !HOLDS_TASKS > DEPTH_MAX {
        return Err(Fault::new(Code::ValueTooDeep, format!("values may nest {DEPTH_MAX} deep"))
            .help("a list of lists that grows by wrapping itself is usually meant to be `append(xs, x)`"));
    }
    Ok(depth)
}

/// The deeper of two depths, with tasks inside if one has.
pub(super) fn deeper(a: u8, b: u8) -> u8 {
    (a & !HOLDS_TASKS).max(b & !HOLDS_TASKS) | ((a | b) & HOLDS_TASKS)
}

impl Task {
    /// A call that has not run, over what it will need.
    pub(crate) fn waiting<'a>(needs: impl Iterator<Item = &'a Value>) -> Outcome<Task> {
        Ok(Task { result: OnceLock::new(), depth: AtomicU8::new(depth_over(needs)? | HOLDS_TASKS) })
    }

    /// Gives it its result; what it needed to get there counts no longer.
    pub(crate) fn finish(&self, result: Outcome<Value>) {
        let below = result.as_ref().map_or(0, Value::depth);
        self.depth.store((below + 1).min(DEPTH_MAX) | HOLDS_TASKS, Ordering::Relaxed);
        // Whoever runs a task is the only one who does.
        let _ = self.result.set(result);
    }
}

impl Text {
    /// The text.
    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }
}

impl Record {
    /// A record of fields that were admitted.
    pub(crate) fn new(fields: Vec<(Name, Value)>, charge: Option<Charge>) -> Outcome<Record> {
        let depth = depth_over(fields.iter().map(|(_, v)| v))?;
        Ok(Record { fields, depth, _charge: charge })
    }

    /// The fields in order.
    pub(crate) fn fields(&self) -> &[(Name, Value)] {
        &self.fields
    }

    /// The field of this name.
    pub(crate) fn get(&self, name: &str) -> Option<&Value> {
        self.fields.iter().find(|(known, _)| &**known == name).map(|(_, value)| value)
    }

    /// Changes the field of this name in place; a new one begins absent, and goes again if the change fails.
    pub(crate) fn update(&mut self, name: &Name, change: impl FnOnce(&mut Value) -> Outcome<()>) -> Outcome<()> {
        let index = match self.fields.iter().position(|(known, _)| known == name) {
            Some(index) => index,
            None => {
                self.fields.push((Arc::clone(name), Value::Absent));
                self.fields.len() - 1
            }
        };
        if let Err(fault) = change(&mut self.fields[index].1) {
            if matches!(self.fields[index].1, Value::Absent) {
                self.fields.remove(index);
            }
            return Err(fault);
        }
        self.depth = deeper(self.depth, depth_over(std::iter::once(&self.fields[index].1))?);
        Ok(())
    }
}

impl Range {
    /// `start..end`, closed or not, in steps. `None` for a step of zero.
    pub(crate) fn new(start: i64, end: i64, step: i64, closed: bool) -> Option<Range> {
        if step == 0 {
            return None;
        }
        let (low, high) = if step > 0 { (start, end) } else { (end, start) };
        let span = i128::from(high) - i128::from(low);
        let steps = i128::from(step.unsigned_abs());
        let count = match (span < 0, closed) {
            (true, _) => 0,
            (false, true) => span / steps + 1,
            (false, false) => (span + steps - 1) / steps,
        };
        Some(Range { start, step, count: u64::try_from(count).unwrap_or(u64::MAX) })
    }

    /// The number at a position below `count`.
    pub(crate) fn at(&self, position: u64) -> i64 {
        // Inside the range the true value is between start and end, so wrapping arithmetic gives it exactly.
        self.start.wrapping_add(self.step.wrapping_mul(position as i64))
    }

    /// Whether a number is in it.
    pub(crate) fn contains(&self, number: i64) -> bool {
        let distance = i128::from(number) - i128::from(self.start);
        let step = i128::from(self.step);
        distance % step == 0 && (0..i128::from(self.count)).contains(&(distance / step))
    }

    /// All numbers in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = i64> + '_ {
        (0..self.count).map(|n| self.at(n))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_sixteen_bytes() {
        assert_eq!(size_of::<Value>(), 16);
    }

    #[test]
    fn ranges_count_to_both_ends_of_int() {
        let count = |a, b, s, c| Range::new(a, b, s, c).unwrap().count;
        assert_eq!(count(0, 10, 3, false), 4);
        assert_eq!(count(0, 9, 3, false), 3);
        assert_eq!(count(0, 9, 3, true), 4);
        assert_eq!(count(5, 0, -2, false), 3);
        assert_eq!(count(5, 5, 1, false), 0);
        assert_eq!(count(5, 5, 1, true), 1);
        assert_eq!(count(i64::MIN, i64::MAX, 1, true), u64::MAX);
        assert_eq!(Range::new(5, 0, -2, false).unwrap().iter().collect::<Vec<_>>(), [5, 3, 1]);
        assert!(Range::new(0, 1, 0, false).is_none());
    }
}
