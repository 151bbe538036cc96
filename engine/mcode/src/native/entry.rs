//! A place where the machine goes over into native code: whether what its registers hold fits, the way in, and the way
//! back.

use std::sync::Arc;

use nexus_jit::ir::{Constant, Type};
use nexus_jit::{ArrayArgument, ArrayElements, Budget, NativeUnit, Outcome as NativeOutcome, Scratch, Supervisor};

use nexus_tensor::{Elements, ElementsMut, Tensor};

use super::instructions::constant_of;
use super::known::{ArrayPlace, Known, Layout, Site, kind_of};
use crate::hir::FunctionId;
use crate::ir::Register;
use crate::vm::fault::Fault;
use crate::vm::host::Host;
use crate::vm::list::{Items, SharedList};
use crate::vm::value::Value;

/// Native code from one place of a function, for one combination of types.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(super) code: NativeUnit,
    /// What the registers that are needed must hold.
    pub(super) state: Vec<(Register, Known)>,
    pub(super) parameters: Vec<(Register, Type)>,
    pub(super) arrays: Vec<ArrayPlace>,
    pub(super) globals: Vec<(u32, Constant)>,
    pub(super) sites: Vec<Site>,
}

/// What a register's value is, as native code sees it. The kinds of lists are compared apart.
pub(super) fn known_of(value: &Value) -> Known {
    match value {
        Value::Absent => Known::Absent,
        Value::None => Known::None,
        Value::Int(_) => Known::Int,
        Value::Scalar(_) => Known::Scalar,
        Value::Bool(_) => Known::Bool,
        _ => Known::Opaque,
    }
}

/// Memory that entries use again and again.
#[derive(Debug, Default)]
pub(crate) struct Buffers {
    scratch: Scratch,
    arguments: Vec<Constant>,
}

/// How a stay in native code ended.
pub(super) struct Left {
    /// Whether it left because it could not go on, not because it was through or failed.
    pub(super) unsupported: bool,
    /// Iterations that it ran.
    pub(super) loops: u64,
    /// A limit that was hit.
    pub(super) fault: Option<Box<Fault>>,
}

/// Grants calls as the machine itself does. Iterations are the machine's: native code is left for each look.
struct Grants<'g, 'h> {
    host: &'g mut Host<'h>,
    fault: Option<Box<Fault>>,
}

impl Supervisor for Grants<'_, '_> {
    fn more_calls(&mut self) -> Option<std::num::NonZeroU64> {
        match self.host.poll() {
            Ok(()) => std::num::NonZeroU64::new(self.host.calls_left()),
            Err(fault) => {
                self.fault = Some(fault);
                None
            }
        }
    }
}

impl Entry {
    /// Whether the registers hold what the code was made for.
    pub(super) fn fits(&self, host: &Host, window: &[Value]) -> bool {
        let registers = self.state.iter().all(|&(register, known)| {
            let value = &window[usize::from(register)];
            match known {
                Known::Array(number) => kind_of(value) == Some(self.arrays[usize::from(number)].kind),
                Known::Opaque => known_of(value) == Known::Opaque && kind_of(value).is_none(),
                known => known_of(value) == known,
            }
        });
        let same = |&(global, value): &(u32, Constant)| match (constant_of(&host.globals[global as usize]), value) {
            // By their bits: zeros differ, and NaN is the same.
            (Some(Constant::Scalar(now)), Constant::Scalar(then)) => now.to_bits() == then.to_bits(),
            (now, then) => now == Some(then),
        };
        registers && self.globals.iter().all(same)
    }

    /// Runs the code on the registers of `window`, which fit. `None` where a list could not be made the program's own,
    /// so that nothing ran.
    pub(super) fn run(&self, host: &mut Host, window: &mut [Value], depth: u64, buffers: &mut Buffers) -> Option<Left> {
        for place in self.arrays.iter().filter(|a| a.writable) {
            match &mut window[usize::from(place.register)] {
                Value::List(list) => drop(host.list_mut(list).ok()?),
                Value::Tensor(tensor) => own(host, tensor)?,
                _ => return None,
            }
        }
        buffers.arguments.clear();
        for &(register, _) in &self.parameters {
            buffers.arguments.push(constant_of(&window[usize::from(register)])?);
        }
        let mut arrays = self.array_arguments(window)?;
        host.lend_loops(self.code.iteration_ns());
        let mut budget = Budget { loops: host.loops_left, calls: host.calls_left(), depth };
        let before = budget.loops;
        let mut grants = Grants { host, fault: None };
        let outcome = self.code.call(&buffers.arguments, &mut arrays, &mut budget, &mut grants, &mut buffers.scratch);
        let Grants { host, fault } = grants;
        if outcome != NativeOutcome::Left {
            host.take_back_loops(self.code.iteration_ns());
            return None;
        }
        host.loops_left = budget.loops;
        host.take_back_loops(self.code.iteration_ns());
        host.set_calls_left(budget.calls);
        let unsupported = buffers.scratch.exits().next().is_some_and(|(site, _)| self.site(site).unsupported);
        Some(Left { unsupported, loops: before.saturating_sub(budget.loops), fault })
    }

    /// The lists of the window that the code works on, in its order.
    fn array_arguments<'w>(&self, window: &'w mut [Value]) -> Option<Vec<ArrayArgument<'w>>> {
        let mut found: Vec<(usize, ArrayArgument<'w>)> = Vec::with_capacity(self.arrays.len());
        if !self.arrays.is_empty() {
            for (register, value) in window.iter_mut().enumerate() {
                let Some(number) = self.arrays.iter().position(|a| usize::from(a.register) == register) else {
                    continue;
                };
                found.push((number, argument(value, self.arrays[number])?));
            }
            found.sort_by_key(|(number, _)| *number);
        }
        (found.len() == self.arrays.len()).then(|| found.into_iter().map(|(_, array)| array).collect())
    }

    pub(super) fn site(&self, number: u32) -> &Site {
        &self.sites[number as usize]
    }

    /// The places that the last run left, outermost first, with the values of their registers.
    pub(super) fn left<'e>(&'e self, buffers: &'e Buffers) -> Vec<(&'e Site, &'e [u64])> {
        let mut places: Vec<_> = buffers.scratch.exits().map(|(site, values)| (self.site(site), values)).collect();
        places.reverse();
        places
    }
}

/// Makes a tensor the program's own, as it is before one of its elements is changed. `None` where there is no memory for
/// a copy: the machine finds that out again and says so.
fn own(host: &Host, tensor: &mut Arc<Tensor>) -> Option<()> {
    if let Some(tensor) = Arc::get_mut(tensor)
        && tensor.elements_mut().is_some()
    {
        return Some(());
    }
    *tensor = Arc::new(Tensor::clone(tensor).owned(host.context).ok()?);
    Some(())
}

/// A list or tensor as native code is given it.
fn argument(value: &mut Value, place: ArrayPlace) -> Option<ArrayArgument<'_>> {
    let columns = match (&*value, place.kind.layout) {
        (Value::Tensor(tensor), Layout::Matrix) => tensor.shape().get(1).copied()?,
        _ => 1,
    };
    let elements = match (value, place.writable) {
        (Value::List(list), true) => match SharedList::get_mut(list)?.held_mut() {
            Items::Ints(v) => ArrayElements::IntsMut(v),
            Items::Scalars(v) => ArrayElements::ScalarsMut(v),
            Items::Bools(v) => ArrayElements::BoolsMut(v),
            Items::Values(_) => return None,
        },
        (Value::List(list), false) => match list.held() {
            Items::Ints(v) => ArrayElements::Ints(v),
            Items::Scalars(v) => ArrayElements::Scalars(v),
            Items::Bools(v) => ArrayElements::Bools(v),
            Items::Values(_) => return None,
        },
        (Value::Tensor(tensor), true) => match Arc::get_mut(tensor)?.elements_mut()? {
            ElementsMut::F64(v) => ArrayElements::ScalarsMut(v),
            ElementsMut::F32(v) => ArrayElements::SinglesMut(v),
            ElementsMut::I64(v) => ArrayElements::IntsMut(v),
        },
        (Value::Tensor(tensor), false) => match tensor.elements()? {
            Elements::F64(v) => ArrayElements::Scalars(v),
            Elements::F32(v) => ArrayElements::Singles(v),
            Elements::I64(v) => ArrayElements::Ints(v),
        },
        _ => return None,
    };
    Some(ArrayArgument { elements, columns })
}

/// Puts the values of a place that was left into the registers of its function.
pub(super) fn restore(site: &Site, values: &[u64], window: &mut [Value]) {
    let lists: Vec<Value> =
        site.arrays.iter().map(|&register| std::mem::take(&mut window[usize::from(register)])).collect();
    let mut words = values.iter().copied();
    for &(register, known) in &site.registers {
        let mut word = || words.next().unwrap_or(0);
        window[usize::from(register)] = match known {
            Known::Int => Value::Int(word().cast_signed()),
            Known::Scalar => Value::Scalar(f64::from_bits(word())),
            Known::Bool => Value::Bool(word() & 1 != 0),
            Known::None => Value::None,
            Known::Absent => Value::Absent,
            Known::Array(number) => lists[usize::from(number)].clone(),
            Known::Dead | Known::Opaque => continue,
        };
    }
}

/// The function that a place belongs to, and its instruction.
pub(super) fn place_of(site: &Site) -> (FunctionId, usize) {
    (site.function, site.pc)
}
