//! Values as they travel to another machine that has the same program, and back: nothing is lost, functions and ranges
//! included. What leaves a program for good is [`Host::export`]'s. The same goes on from one piece of a conversation to the
//! next, where the programs differ: no functions of the program, but handles of tasks, which have run by then.
//!
//! A value that no program can hand over as data is a record whose only field has a name that begins with a mark; records
//! of programs that have such a name are wrapped. Functions stand in a list of their own, each after those that it took
//! along. What comes in is checked: it may be anything.

use std::sync::Arc;

use nexus_model::Value as ModelValue;
use nexus_tensor::Tensor;

use super::host::Host;
use super::value::{Callable, Closure, Derived, Range, Transform, Value};
use crate::ir::Image;
use crate::library::{self, Member};

const MARK: char = '\u{1}';
const ABSENT: &str = "\u{1}absent";
const RANGE: &str = "\u{1}range";
const FUNCTION: &str = "\u{1}function";
const RECORD: &str = "\u{1}record";
const TASK: &str = "\u{1}task";

/// Writes values of one run.
pub(super) struct Packer {
    /// Functions, by where they are in memory, in the order of [`Packer::functions`]. They are held: another function in
    /// the place of one that is gone would be taken for it.
    known: Vec<Arc<Closure>>,
    functions: Vec<ModelValue>,
    /// Bytes that are left.
    room: usize,
    reader: Reader,
}

/// Who reads what is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reader {
    /// The same program on another machine, while this run goes on.
    SameProgram,
    /// Another program on this machine, when this run has ended.
    NextPiece,
}

/// The value cannot travel, or is too large to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stays;

type Packed = Result<ModelValue, Stays>;

fn marked(name: &str, value: ModelValue) -> ModelValue {
    ModelValue::Record(vec![(name.to_owned(), value)])
}

impl Packer {
    /// Writes `room` bytes at most.
    pub(super) fn new(room: usize, reader: Reader) -> Packer {
        Packer { known: Vec::new(), functions: Vec::new(), room, reader }
    }

    /// The functions that the values refer to.
    pub(super) fn functions(self) -> ModelValue {
        ModelValue::List(self.functions)
    }

    fn take(&mut self, bytes: usize) -> Result<(), Stays> {
        self.room = self.room.checked_sub(bytes).ok_or(Stays)?;
        Ok(())
    }

    /// A value.
    pub(super) fn pack(&mut self, value: &Value) -> Packed {
        self.take(size_of::<ModelValue>())?;
        Ok(match value {
            Value::Absent => marked(ABSENT, ModelValue::None),
            Value::None => ModelValue::None,
            Value::Bool(v) => ModelValue::Bool(*v),
            Value::Int(v) => ModelValue::Int(*v),
            Value::Scalar(v) => ModelValue::Scalar(*v),
            Value::Str(v) => {
                self.take(v.as_str().len())?;
                ModelValue::String(v.as_str().to_owned())
            }
            Value::Tensor(t) => {
                self.take(t.shape().iter().product::<usize>().saturating_mul(t.dtype().size()))?;
                ModelValue::Tensor(t.to_data().map_err(|_| Stays)?)
            }
            Value::List(list) => self.pack_all(list.iter())?,
            Value::Record(record) => {
                let mut fields = Vec::with_capacity(record.fields().len());
                for (name, value) in record.fields() {
                    self.take(name.len())?;
                    fields.push((name.to_string(), self.pack(value)?));
                }
                let ambiguous = fields.first().is_some_and(|(name, _)| name.starts_with(MARK));
                let record = ModelValue::Record(fields);
                if ambiguous { marked(RECORD, record) } else { record }
            }
            Value::Range(range) => {
                let Range { start, step, count } = **range;
                let numbers = [start, step, count.cast_signed()].map(ModelValue::Int);
                marked(RANGE, ModelValue::List(numbers.to_vec()))
            }
            Value::Function(function) => marked(FUNCTION, ModelValue::Int(self.function(function)? as i64)),
            Value::Task(task) => match task.result.get() {
                Some(Ok(value)) if self.reader == Reader::NextPiece => marked(TASK, self.pack(value)?),
                _ => return Err(Stays),
            },
            Value::Traced(_) => return Err(Stays),
        })
    }

    /// Several values as a list.
    pub(super) fn pack_all(&mut self, values: impl Iterator<Item = Value>) -> Packed {
        values.map(|value| self.pack(&value)).collect::<Result<_, Stays>>().map(ModelValue::List)
    }

    /// A function, by its place among the functions.
    pub(super) fn function(&mut self, function: &Arc<Closure>) -> Result<usize, Stays> {
        if let Some(place) = self.known.iter().position(|known| Arc::ptr_eq(known, function)) {
            return Ok(place);
        }
        let packed = match &function.callable {
            Callable::Function { .. } if self.reader == Reader::NextPiece => return Err(Stays),
            Callable::Function { id, captured } => {
                let captured = self.pack_all(captured.iter().cloned())?;
                ModelValue::List(vec![ModelValue::Int(i64::from(*id)), captured])
            }
            Callable::Op(op) => ModelValue::String(op.name.to_owned()),
            Callable::Builtin(id) => ModelValue::String(library::builtin(*id).name.to_owned()),
            Callable::Derived(derived) => {
                let name = ModelValue::String(derived.transform.name().to_owned());
                let argument = ModelValue::Int(i64::try_from(derived.argument).map_err(|_| Stays)?);
                ModelValue::List(vec![name, self.pack(&derived.function)?, argument])
            }
        };
        self.known.push(Arc::clone(function));
        self.functions.push(packed);
        Ok(self.functions.len() - 1)
    }
}

/// Reads what a [`Packer`] of another process wrote. What it cannot be is `None`.
pub(super) struct Unpacker<'i> {
    image: &'i Image,
    functions: Vec<Arc<Closure>>,
}

impl<'i> Unpacker<'i> {
    /// A reader of values that refer to these functions.
    pub(super) fn new(host: &mut Host, image: &'i Image, functions: &ModelValue) -> Option<Self> {
        let ModelValue::List(functions) = functions else { return None };
        let mut unpacker = Unpacker { image, functions: Vec::with_capacity(functions.len()) };
        for function in functions {
            let value = unpacker.closure(host, function)?;
            let Value::Function(closure) = value else { return None };
            unpacker.functions.push(closure);
        }
        Some(unpacker)
    }

    /// The function at a place.
    pub(super) fn function(&self, place: &ModelValue) -> Option<Arc<Closure>> {
        let ModelValue::Int(place) = place else { return None };
        self.functions.get(usize::try_from(*place).ok()?).cloned()
    }

    fn closure(&self, host: &mut Host, packed: &ModelValue) -> Option<Value> {
        match packed {
            ModelValue::String(name) => library_function(name),
            ModelValue::List(parts) => match parts.as_slice() {
                [ModelValue::Int(id), ModelValue::List(captured)] => {
                    let id = u32::try_from(*id).ok()?;
                    let code = self.image.functions.get(id as usize)?;
                    if captured.len() != usize::from(code.captures) {
                        return None;
                    }
                    let captured = captured.iter().map(|v| self.unpack(host, v)).collect::<Option<_>>()?;
                    Value::closure(id, captured).ok()
                }
                [ModelValue::String(name), function, ModelValue::Int(argument)] => {
                    let transform = Transform::ALL.into_iter().find(|transform| transform.name() == name)?;
                    let function = self.unpack(host, function)?;
                    Value::derived(Derived { transform, function, argument: usize::try_from(*argument).ok()? }).ok()
                }
                _ => None,
            },
            _ => None,
        }
    }

    /// A value, in the memory that the run is metered for.
    pub(super) fn unpack(&self, host: &mut Host, packed: &ModelValue) -> Option<Value> {
        host.tick(1).ok()?;
        Some(match packed {
            ModelValue::List(items) => {
                let items = items.iter().map(|v| self.unpack(host, v)).collect::<Option<_>>()?;
                host.list(items).ok()?
            }
            ModelValue::Record(fields) => match fields.as_slice() {
                [(name, value)] if name.starts_with(MARK) => self.unpack_marked(host, name, value)?,
                _ => self.record(host, fields)?,
            },
            ModelValue::Tensor(data) => Value::Tensor(Arc::new(Tensor::from_data(host.context, data).ok()?)),
            plain => host.import(plain).ok()?,
        })
    }

    fn record(&self, host: &mut Host, fields: &[(String, ModelValue)]) -> Option<Value> {
        let values = fields
            .iter()
            .map(|(name, value)| Some((name.as_str().into(), self.unpack(host, value)?)))
            .collect::<Option<_>>()?;
        host.record(values).ok()
    }

    fn unpack_marked(&self, host: &mut Host, name: &str, value: &ModelValue) -> Option<Value> {
        Some(match (name, value) {
            (ABSENT, _) => Value::Absent,
            (RECORD, ModelValue::Record(fields)) => self.record(host, fields)?,
            (FUNCTION, place) => Value::Function(self.function(place)?),
            (TASK, value) => Value::task(self.unpack(host, value)?).ok()?,
            (RANGE, ModelValue::List(numbers)) => match numbers.as_slice() {
                [ModelValue::Int(start), ModelValue::Int(step), ModelValue::Int(count)] if *step != 0 => {
                    Value::Range(Arc::new(Range { start: *start, step: *step, count: count.cast_unsigned() }))
                }
                _ => return None,
            },
            _ => return None,
        })
    }
}

fn library_function(name: &str) -> Option<Value> {
    match library::find(name)? {
        Member::Op(op) => Some(Value::library(Callable::Op(op))),
        Member::Builtin(id) => Some(Value::library(Callable::Builtin(id))),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_function_is_not_taken_for_one_that_was_in_its_place_before() {
        let mut packer = Packer::new(1 << 20, Reader::SameProgram);
        let place = |n| {
            // Gone at the end of each turn, so that the next one is likely to be where it was.
            let Ok(Value::Function(function)) = Value::closure(0, vec![Value::Int(n)]) else {
                panic!("it is a function")
            };
            packer.function(&function).expect("there is room")
        };
        let places: BTreeSet<usize> = (0..100).map(place).collect();
        assert_eq!(places.len(), 100, "each took another number along");
    }
}
