//! Writing parts of values: elements, slices and fields, in place where nobody else has the value.

use std::sync::Arc;

use nexus_tensor::{Arg, Index};

use super::fault::{Fault, Outcome};
use super::host::Host;
use super::index::{
    Bounds, WRITTEN, bad_key, bounds, field, from_list, get, position, single_int, slice_places, tensor_index,
    tensor_indices,
};
use super::traced;
use super::value::{Range, SharedList, Value};
use crate::ast::Name;
use crate::codes::Code;
use crate::ir::{AxisShape, StepShape};
use crate::names::with_article;

/// `object[key] = new`, in place where nobody else has the object.
pub(crate) fn set_one(host: &mut Host, object: &mut Value, key: Value, new: Value) -> Outcome<()> {
    match object {
        Value::List(list) => match single_int(&key) {
            Some(index) => {
                let list = host.list_mut(list)?;
                let at = position(index, list.len(), "list")?;
                list.set(at, new)
            }
            None => set_list_places(host, list, &key, new),
        },
        Value::Tensor(_) | Value::Traced(_) => {
            let index = tensor_index(host, &key)?;
            set_tensor(host, object, &[index], new)
        }
        Value::Record(record) => match &key {
            Value::Str(name) => {
                let name: Name = name.as_str().into();
                host.record_mut(record)?.update(&name, |slot| {
                    *slot = new;
                    Ok(())
                })
            }
            _ => Err(bad_key(object, &key)),
        },
        Value::Absent => Err(Fault::new(Code::NotSetRunning, "this variable has no value yet, so it has no parts")),
        Value::Str(_) => Err(Fault::new(Code::WrongTypeRunning, "the characters of a string cannot be assigned")
            .help("build a new string: `s[0..2] + \"x\" + s[3..]`")),
        other => Err(Fault::new(
            Code::WrongTypeRunning,
            format!("{} has no parts to assign", with_article(&other.describe())),
        )),
    }
}

/// `xs[range] = ys`: as many items as places.
fn set_list_places(host: &mut Host, list: &mut SharedList, key: &Value, new: Value) -> Outcome<()> {
    let (Value::Range(range), Value::List(items)) = (key, &new) else {
        return Err(bad_key(&Value::List(SharedList::clone(list)), key));
    };
    let places = slice_places(Bounds::of(**range), list.len())?;
    if places.len() != items.len() {
        let message = format!("{} items cannot take the place of {}", items.len(), places.len());
        return Err(Fault::new(Code::WrongTypeRunning, message).help("a list keeps its length in an assignment"));
    }
    host.tick(places.len() / 16)?;
    let list = host.list_mut(list)?;
    for (at, item) in places.into_iter().zip(items.iter()) {
        list.set(at, item)?;
    }
    Ok(())
}

fn set_tensor(host: &mut Host, object: &mut Value, indices: &[Index], new: Value) -> Outcome<()> {
    host.tick(8)?;
    host.converted = 0;
    if matches!(object, Value::Traced(_)) || traced::is_traced(&new) {
        *object = traced::set(host, object, indices, &new)?;
        return Ok(());
    }
    let new = host.argument_of(new)?;
    let new = if matches!(new, Arg::List(_)) { Arg::Tensor(from_list(host, new)?) } else { new };
    let Value::Tensor(tensor) = std::mem::take(object) else {
        return Err(Fault::internal("an assignment to a tensor that is none"));
    };
    let write = |host: &mut Host| {
        nexus_tensor::set(host.context, Arc::unwrap_or_clone(tensor), indices, &new).map_err(Fault::tensor)
    };
    let changed = host.measured(WRITTEN, write)?;
    *object = Value::Tensor(Arc::new(changed));
    Ok(())
}

/// `object.field[i].… = new`: the values of the axes stand in registers from `start`, the new value behind them.
pub(crate) fn set_path(
    host: &mut Host,
    path: &[StepShape],
    window: &mut [Value],
    object: usize,
    start: usize,
) -> Outcome<()> {
    let mut root = std::mem::take(&mut window[object]);
    let outcome = set_step(host, &mut root, path, window, start);
    window[object] = root;
    outcome
}

fn set_step(host: &mut Host, slot: &mut Value, path: &[StepShape], window: &mut [Value], next: usize) -> Outcome<()> {
    let Some((step, rest)) = path.split_first() else {
        *slot = std::mem::take(&mut window[next]);
        return Ok(());
    };
    match step {
        StepShape::Field(name) => {
            let Value::Record(record) = slot else {
                let message = format!("{} has no field `{name}` to assign", with_article(&slot.describe()));
                return Err(Fault::new(Code::WrongTypeRunning, message).help("begin with a record: `r = {}`"));
            };
            let record = host.record_mut(record)?;
            if !rest.is_empty() && record.get(name).is_none() {
                return field(record, name).map(drop);
            }
            record.update(name, |slot| set_step(host, slot, rest, window, next))
        }
        StepShape::Index(axes) => {
            let taken: usize = axes.iter().map(|a| a.values()).sum();
            match (axes.as_slice(), rest.is_empty()) {
                (_, true) if matches!(slot, Value::Tensor(_) | Value::Traced(_)) => {
                    let indices = tensor_indices(host, axes, window, next)?;
                    let new = std::mem::take(&mut window[next + taken]);
                    set_tensor(host, slot, &indices, new)
                }
                ([AxisShape::Value], true) => {
                    let (key, new) = (std::mem::take(&mut window[next]), std::mem::take(&mut window[next + taken]));
                    set_one(host, slot, key, new)
                }
                ([range @ AxisShape::Range { .. }], true) => {
                    let bounds = bounds(*range, window, next)?;
                    let new = std::mem::take(&mut window[next + taken]);
                    set_list_bounds(host, slot, bounds, new)
                }
                ([AxisShape::Value], false) => {
                    let key = std::mem::take(&mut window[next]);
                    set_inside(host, slot, key, rest, window, next + 1)
                }
                _ => set_nested(host, slot, axes, rest, window, next),
            }
        }
    }
}

fn set_list_bounds(host: &mut Host, slot: &mut Value, bounds: Bounds, new: Value) -> Outcome<()> {
    let Value::List(list) = slot else {
        return Err(Fault::kind("an assignment to a slice", "a tensor or list", slot));
    };
    let places = slice_places(bounds, list.len())?;
    let last = places.last().map_or(0, |&at| at as i64);
    let range = match places.first() {
        Some(&first) => Range::new(first as i64, last, bounds.step.unwrap_or(1), true),
        None => Range::new(0, 0, 1, false),
    };
    let key = Value::Range(Arc::new(range.ok_or_else(|| Fault::internal("a slice without a step"))?));
    set_list_places(host, list, &key, new)
}

/// Goes on inside `slot[key]`.
fn set_inside(
    host: &mut Host,
    slot: &mut Value,
    key: Value,
    rest: &[StepShape],
    window: &mut [Value],
    next: usize,
) -> Outcome<()> {
    match slot {
        Value::List(list) => {
            let Some(index) = single_int(&key) else { return Err(bad_key(slot, &key)) };
            let list = host.list_mut(list)?;
            let at = position(index, list.len(), "list")?;
            list.update(at, |slot| set_step(host, slot, rest, window, next))
        }
        Value::Record(record) => {
            let Value::Str(name) = &key else { return Err(bad_key(slot, &key)) };
            let name: Name = name.as_str().into();
            let record = host.record_mut(record)?;
            if record.get(&name).is_none() {
                return field(record, &name).map(drop);
            }
            record.update(&name, |slot| set_step(host, slot, rest, window, next))
        }
        Value::Tensor(_) => {
            let mut part = get(host, slot.clone(), &key)?;
            set_step(host, &mut part, rest, window, next)?;
            set_one(host, slot, key, part)
        }
        _ => Err(bad_key(slot, &key)),
    }
}

/// `xs[i, j] = new` of lists in lists.
fn set_nested(
    host: &mut Host,
    slot: &mut Value,
    axes: &[AxisShape],
    rest: &[StepShape],
    window: &mut [Value],
    next: usize,
) -> Outcome<()> {
    if matches!(slot, Value::Tensor(_)) || axes.iter().any(|a| *a != AxisShape::Value) {
        return Err(Fault::new(Code::WrongTypeRunning, "this part cannot be assigned to")
            .help("take the part out, change it, and assign it back"));
    }
    let mut steps: Vec<StepShape> = axes.iter().map(|_| StepShape::Index(vec![AxisShape::Value])).collect();
    steps.extend_from_slice(rest);
    set_step(host, slot, &steps, window, next)
}
