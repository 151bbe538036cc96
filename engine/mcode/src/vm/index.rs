//! Reading parts of values: elements, slices and fields.

use std::sync::Arc;

use nexus_model::DType;
use nexus_tensor::{Arg, Index, Tensor};

use super::fault::{Fault, Outcome};
use super::host::Host;
use super::value::{Range, Record, Value};
use crate::ast::Name;
use crate::codes::Code;
use crate::ir::{AxisShape, FunctionCode, Register};
use crate::library;
use crate::names::{closest, with_article};

/// An int, or a whole-number tensor of one element.
pub(crate) fn single_int(value: &Value) -> Option<i64> {
    match value {
        Value::Int(v) => Some(*v),
        Value::Tensor(t) if t.len() == 1 && t.dtype().is_int() => t.to_data().ok()?.get_i64(0),
        _ => None,
    }
}

/// The place of an index in something of `length` parts.
pub(crate) fn position(index: i64, length: usize, what: &str) -> Outcome<usize> {
    let place = if index < 0 { index.checked_add(length as i64) } else { Some(index) };
    match place {
        Some(place) if (0..length as i64).contains(&place) => Ok(place as usize),
        _ => Err(beyond(index, length as u64, what)),
    }
}

fn beyond(index: i64, length: u64, what: &str) -> Box<Fault> {
    let fault = Fault::new(Code::IndexOutOfRange, format!("index {index} is beyond a {what} of length {length}"));
    match length {
        0 => fault.help(format!("the {what} is empty")),
        n => fault.help(format!("indices go from 0 to {}, or from -{n} to -1", n - 1)),
    }
}

/// What reading a part of a tensor is called in a profile, and writing one.
pub(crate) const READ: &str = "tensor [ ]";
pub(crate) const WRITTEN: &str = "tensor [ ] =";

/// The element, row or slice of a tensor at one position of its first axis; a number where the tensor has one axis.
pub(crate) fn element(host: &mut Host, tensor: &Tensor, index: i64) -> Outcome<Value> {
    tensor_get(host, tensor, &[Index::At(index)])
}

pub(crate) fn tensor_get(host: &mut Host, tensor: &Tensor, indices: &[Index]) -> Outcome<Value> {
    host.tick(8)?;
    let read = |host: &mut Host| nexus_tensor::get(host.context, tensor, indices).map_err(Fault::tensor);
    let part = host.measured(READ, read)?;
    let whole = part.shape().is_empty() && indices.iter().all(|i| matches!(i, Index::At(_)));
    if whole {
        let item = part.item().map_err(Fault::tensor)?;
        return host.value_of(item);
    }
    Ok(Value::Tensor(Arc::new(part)))
}

/// `object[index]`, without copying the object.
pub(crate) fn get_one(
    host: &mut Host,
    code: &FunctionCode,
    window: &mut [Value],
    object: Register,
    index: Register,
) -> Outcome<Value> {
    let key = window[usize::from(index)].clone();
    let slot = &mut window[usize::from(object)];
    let temporary = object >= code.first_temporary;
    let value = if temporary { std::mem::take(slot) } else { slot.clone() };
    get(host, value, &key)
}

pub(crate) fn get(host: &mut Host, object: Value, key: &Value) -> Outcome<Value> {
    match (&object, key) {
        (Value::Tensor(t), _) => {
            let index = tensor_index(host, key)?;
            tensor_get(host, t, &[index])
        }
        (Value::Traced(_), _) => {
            let index = tensor_index(host, key)?;
            super::traced::get(host, &object, &[index])
        }
        (Value::Record(record), Value::Str(name)) => field(record, name.as_str()),
        (_, Value::Range(range)) => get_range(host, object, **range),
        (_, key) => match single_int(key) {
            Some(index) => get_at(host, object, index),
            None if matches!(object, Value::List(_)) && matches!(key, Value::List(_)) => get_many(host, object, key),
            None => Err(bad_key(&object, key)),
        },
    }
}

pub(crate) fn bad_key(object: &Value, key: &Value) -> Box<Fault> {
    let message = format!("{} cannot be read at {}", with_article(&object.describe()), with_article(&key.describe()));
    let fault = Fault::new(Code::WrongTypeRunning, message);
    match object {
        Value::Record(_) => fault.help("records are read by field: `r.name` or `r[\"name\"]`"),
        Value::List(_) | Value::Str(_) => fault.help("indices are ints or ranges: `xs[0]`, `xs[1..3]`"),
        Value::Function(_) => fault.help("functions are called with round brackets: `f(x)`"),
        Value::None => fault.help("a function without `return` gives none"),
        _ => fault,
    }
}

fn get_at(host: &mut Host, object: Value, index: i64) -> Outcome<Value> {
    match &object {
        Value::List(list) => Ok(list.at(position(index, list.len(), "list")?)),
        Value::Str(text) => {
            let length = text.as_str().chars().count();
            host.tick(length / 64)?;
            let at = position(index, length, "string")?;
            let character = text.as_str().chars().nth(at).map(String::from).unwrap_or_default();
            host.string(character)
        }
        Value::Range(range) => {
            // A range may be longer than an int counts.
            let place = if index < 0 {
                u64::try_from(i128::from(range.count) + i128::from(index)).ok()
            } else {
                u64::try_from(index).ok()
            };
            match place.filter(|place| *place < range.count) {
                Some(place) => Ok(Value::Int(range.at(place))),
                None => Err(beyond(index, range.count, "range")),
            }
        }
        _ => Err(bad_key(&object, &Value::Int(index))),
    }
}

/// The items of a list at several places.
fn get_many(host: &mut Host, object: Value, keys: &Value) -> Outcome<Value> {
    let (Value::List(list), Value::List(keys)) = (&object, keys) else { return Err(bad_key(&object, keys)) };
    let mut items = Vec::with_capacity(keys.len());
    for key in keys.iter() {
        let Some(index) = single_int(&key) else { return Err(bad_key(&object, &key)) };
        items.push(list.at(position(index, list.len(), "list")?));
    }
    host.list(items)
}

/// Places of a slice in something of `length` parts, by Python's rules.
pub(crate) fn slice_places(range: Bounds, length: usize) -> Outcome<Vec<usize>> {
    let n = length as i64;
    let step = range.step.unwrap_or(1);
    if step == 0 {
        return Err(Fault::new(Code::WrongTypeRunning, "the step of a range is 0"));
    }
    let wrap = |i: i64| if i < 0 { i.saturating_add(n) } else { i };
    let (low, high) = if step > 0 { (0, n) } else { (-1, n - 1) };
    let start = range.start.map_or(if step > 0 { 0 } else { n - 1 }, wrap).clamp(low, high);
    let end = range.end.map_or(if step > 0 { n } else { -1 }, wrap).clamp(low, high);
    let mut places = Vec::new();
    let mut at = start;
    while (step > 0 && at < end) || (step < 0 && at > end) {
        places.push(at as usize);
        at = at.saturating_add(step);
    }
    Ok(places)
}

/// A range between brackets, its ends half-open and as written.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    pub(crate) start: Option<i64>,
    pub(crate) end: Option<i64>,
    pub(crate) step: Option<i64>,
}

impl Bounds {
    /// The half-open form: a closed end moves by one, and one that moves past the last element is none.
    fn new(start: Option<i64>, end: Option<i64>, step: Option<i64>, closed: bool) -> Self {
        let down = step.is_some_and(|s| s < 0);
        let end = match end {
            Some(end) if closed && !down => end.checked_add(1).filter(|&e| e != 0),
            Some(0) if closed => None,
            Some(end) if closed => Some(end.saturating_sub(1)),
            end => end,
        };
        Bounds { start, end, step }
    }

    pub(crate) fn of(range: Range) -> Self {
        // A range that was made elsewhere has forgotten its end; the last number tells it.
        if range.count == 0 {
            return Bounds { start: Some(0), end: Some(0), step: Some(1) };
        }
        let last = range.at(range.count - 1);
        Bounds::new(Some(range.start), Some(last), Some(range.step), true)
    }

    fn index(self) -> Index {
        Index::Range { start: self.start, end: self.end, step: self.step }
    }
}

fn get_range(host: &mut Host, object: Value, range: Range) -> Outcome<Value> {
    get_bounds(host, object, Bounds::of(range))
}

fn get_bounds(host: &mut Host, object: Value, bounds: Bounds) -> Outcome<Value> {
    match &object {
        Value::Tensor(t) => tensor_get(host, t, &[bounds.index()]),
        Value::List(list) => {
            let places = slice_places(bounds, list.len())?;
            host.tick(places.len() / 16)?;
            let items = places.into_iter().map(|at| list.at(at)).collect();
            host.list(items)
        }
        Value::Str(text) => {
            let characters: Vec<char> = text.as_str().chars().collect();
            host.tick(characters.len() / 16)?;
            let places = slice_places(bounds, characters.len())?;
            host.string(places.into_iter().map(|at| characters[at]).collect())
        }
        _ => Err(Fault::kind("a slice", "a tensor, list or string", &object)),
    }
}

/// `object[axes]` with the object and the values of the axes in registers from `start`.
pub(crate) fn get_slice(host: &mut Host, axes: &[AxisShape], window: &mut [Value], start: usize) -> Outcome<Value> {
    let object = std::mem::take(&mut window[start]);
    match (&object, axes) {
        (Value::Tensor(t), _) => {
            let indices = tensor_indices(host, axes, window, start + 1)?;
            tensor_get(host, t, &indices)
        }
        (Value::Traced(_), _) => {
            let indices = tensor_indices(host, axes, window, start + 1)?;
            super::traced::get(host, &object, &indices)
        }
        (_, [AxisShape::All]) => get_bounds(host, object, Bounds { start: None, end: None, step: None }),
        (_, [shape @ AxisShape::Range { .. }]) => {
            let bounds = bounds(*shape, window, start + 1)?;
            get_bounds(host, object, bounds)
        }
        (_, axes) => {
            // `xs[i, j]` of lists in lists.
            let mut value = object;
            for (next, axis) in (start + 1..).zip(axes) {
                let AxisShape::Value = axis else {
                    return Err(Fault::kind("a slice over several axes", "a tensor", &value)
                        .help("`tensor.from_list(xs)` makes one of nested lists"));
                };
                let key = std::mem::take(&mut window[next]);
                value = get(host, value, &key)?;
            }
            Ok(value)
        }
    }
}

pub(crate) fn bounds(shape: AxisShape, window: &mut [Value], mut next: usize) -> Outcome<Bounds> {
    let AxisShape::Range { start, end, step, closed } = shape else {
        return Err(Fault::internal("a range that is none"));
    };
    let mut read = |given: bool| -> Outcome<Option<i64>> {
        if !given {
            return Ok(None);
        }
        let value = std::mem::take(&mut window[next]);
        next += 1;
        single_int(&value).map(Some).ok_or_else(|| Fault::kind("the end of a slice", "an int", &value))
    };
    let (start, end, step) = (read(start)?, read(end)?, read(step)?);
    Ok(Bounds::new(start, end, step, closed))
}

pub(crate) fn tensor_indices(
    host: &mut Host,
    axes: &[AxisShape],
    window: &mut [Value],
    start: usize,
) -> Outcome<Vec<Index>> {
    let mut next = start;
    let mut indices = Vec::with_capacity(axes.len());
    for axis in axes {
        indices.push(match axis {
            AxisShape::All => Index::All,
            AxisShape::Value => {
                let key = std::mem::take(&mut window[next]);
                tensor_index(host, &key)?
            }
            range => bounds(*range, window, next)?.index(),
        });
        next += axis.values();
    }
    Ok(indices)
}

/// What a value means between the brackets of a tensor.
pub(crate) fn tensor_index(host: &mut Host, key: &Value) -> Outcome<Index> {
    Ok(match key {
        Value::Int(i) => Index::At(*i),
        Value::Range(range) => Bounds::of(**range).index(),
        Value::Tensor(t) if t.dtype() == DType::Bool => Index::Mask(Tensor::clone(t)),
        Value::Tensor(t) if t.dtype().is_int() && t.shape().is_empty() => match single_int(key) {
            Some(i) => Index::At(i),
            None => Index::List(Tensor::clone(t)),
        },
        Value::Tensor(t) if t.dtype().is_int() => Index::List(Tensor::clone(t)),
        Value::List(_) => {
            let list = host.argument_of(key.clone())?;
            let tensor = from_list(host, list)?;
            if tensor.dtype() == DType::Bool { Index::Mask(tensor) } else { Index::List(tensor) }
        }
        other => {
            return Err(Fault::kind("an index of a tensor", "an int, a range, a list of ints or a mask", other));
        }
    })
}

/// A tensor of a list of numbers or bools.
pub(crate) fn from_list(host: &mut Host, list: Arg) -> Outcome<Tensor> {
    let op = nexus_library::find("tensor.from_list").ok_or_else(|| Fault::internal("tensor.from_list is missing"))?;
    let mut arguments = vec![Arg::None; op.params.len()];
    if let Some(first) = arguments.first_mut() {
        *first = list;
    }
    match (op.run)(host.context, &arguments).map_err(Fault::tensor)? {
        Arg::Tensor(t) => Ok(t),
        _ => Err(Fault::internal("tensor.from_list gave no tensor")),
    }
}

/// `object.name`
pub(crate) fn get_field(host: &mut Host, object: Value, name: &Name) -> Outcome<Value> {
    match &object {
        Value::Record(record) => field(record, name),
        Value::Tensor(t) => match &**name {
            "shape" => {
                let sizes = t.shape().iter().map(|&n| Value::Int(n as i64)).collect();
                host.list(sizes)
            }
            "dtype" => host.string(t.dtype().name().to_owned()),
            _ => Err(Fault::new(Code::IndexOutOfRange, format!("a tensor has no field `{name}`"))
                .help(format!("tensors have `shape` and `dtype`; functions are called: `tensor.{name}(t)`"))),
        },
        Value::Traced(traced) if let Arg::Tensor(t) = traced.plain() => {
            get_field(host, Value::Tensor(Arc::new(t.clone())), name)
        }
        other => {
            let help = library::instead_of_method(name).unwrap_or_else(|| "records have fields: `{a: 1}.a`".to_owned());
            Err(Fault::new(
                Code::WrongTypeRunning,
                format!("{} has no field `{name}`", with_article(&other.describe())),
            )
            .help(help))
        }
    }
}

pub(crate) fn field(record: &Record, name: &str) -> Outcome<Value> {
    if let Some(value) = record.get(name) {
        return Ok(value.clone());
    }
    let names = record.fields().iter().map(|(n, _)| &**n);
    let help = match closest(name, names.clone()) {
        Some(near) => format!("did you mean `{near}`?"),
        None if record.fields().is_empty() => format!("it has no fields; `contains(r, \"{name}\")` asks for one"),
        None => format!("its fields are {}", names.take(20).collect::<Vec<_>>().join(", ")),
    };
    Err(Fault::new(Code::IndexOutOfRange, format!("the record has no field `{name}`")).help(help))
}
