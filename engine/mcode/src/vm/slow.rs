//! Instructions that are not worth a place in the machine's inner loop.

use std::sync::Arc;

use nexus_tensor::Arg;

use super::fault::{Fault, Outcome};
use super::host::Host;
use super::value::{Range, Value};
use super::{assign, declared, differentiate, index, operate, registers, tasks};
use crate::ast::BinaryOperator;
use crate::codes::Code;
use crate::ir::{FunctionCode, Image, Instruction, Register};

/// Work that a call of a library function counts as.
pub(super) const BUILTIN_TICKS: usize = 4;

/// The value of an operand: out of its register where it is a temporary, which is read once, else a copy.
fn operand(code: &FunctionCode, window: &mut [Value], register: Register) -> Value {
    let slot = &mut window[usize::from(register)];
    if register >= code.first_temporary { std::mem::take(slot) } else { slot.clone() }
}

/// The operands of an operation whose result goes to `to`: what the result overwrites is not kept either, so that the
/// engine may work in place.
fn operands(code: &FunctionCode, window: &mut [Value], to: Register, a: Register, b: Register) -> (Value, Value) {
    let second = if b == to && a != to {
        std::mem::take(&mut window[usize::from(b)])
    } else if a == b {
        window[usize::from(b)].clone()
    } else {
        operand(code, window, b)
    };
    let first = if a == to { std::mem::take(&mut window[usize::from(a)]) } else { operand(code, window, a) };
    (first, second)
}

/// Arithmetic where the machine's own cases did not fit.
#[inline(never)]
pub(crate) fn binary(
    host: &mut Host,
    code: &FunctionCode,
    window: &mut [Value],
    instruction: Instruction,
) -> Outcome<()> {
    let (operator, to, a, b) = match instruction {
        Instruction::Add { to, a, b } => (BinaryOperator::Add, to, a, b),
        Instruction::Subtract { to, a, b } => (BinaryOperator::Subtract, to, a, b),
        Instruction::Multiply { to, a, b } => (BinaryOperator::Multiply, to, a, b),
        Instruction::Binary { operator, to, a, b } => (operator, to, a, b),
        Instruction::AddInt { to, a, value } => {
            // A negative addend was written as a subtraction.
            let (operator, value) =
                if value < 0 { (BinaryOperator::Subtract, -value) } else { (BinaryOperator::Add, value) };
            let value = Value::Int(i64::from(value));
            if let Some(result) = operate::of_numbers(operator, &window[usize::from(a)], &value) {
                registers::put_copy(&mut window[usize::from(to)], &result?);
                return Ok(());
            }
            let first = if a == to { std::mem::take(&mut window[usize::from(a)]) } else { operand(code, window, a) };
            window[usize::from(to)] = operate::binary(host, operator, first, value)?;
            return Ok(());
        }
        other => return Err(unexpected(other)),
    };
    if let Some(result) = operate::of_numbers(operator, &window[usize::from(a)], &window[usize::from(b)]) {
        registers::put_copy(&mut window[usize::from(to)], &result?);
        return Ok(());
    }
    let (first, second) = operands(code, window, to, a, b);
    window[usize::from(to)] = operate::binary(host, operator, first, second)?;
    Ok(())
}

/// Whether a comparison of any values holds, as the condition of a jump.
#[inline(never)]
pub(crate) fn comparison_holds(
    host: &mut Host,
    code: &FunctionCode,
    window: &mut [Value],
    jump: Instruction,
) -> Outcome<bool> {
    let (operator, first, second) = match jump {
        Instruction::JumpUnless { operator, a, b, .. } => {
            if let Some(holds) = operate::compare_numbers(operator, &window[usize::from(a)], &window[usize::from(b)]) {
                return Ok(holds);
            }
            let second = if a == b { window[usize::from(b)].clone() } else { operand(code, window, b) };
            (operator, operand(code, window, a), second)
        }
        Instruction::JumpUnlessInt { operator, a, value, .. } => {
            (operator, operand(code, window, a), Value::Int(i64::from(value)))
        }
        other => return Err(unexpected(other)),
    };
    operate::truth(&operate::compare(host, operator, first, second)?)
}

/// Where a jump that is not in the inner loop goes; `None` for what is no jump.
#[inline(never)]
pub(crate) fn jump(window: &mut [Value], instruction: Instruction, next: usize) -> Option<usize> {
    let (taken, target) = match instruction {
        Instruction::JumpIfBool { when, value, target } => {
            (matches!(window[usize::from(value)], Value::Bool(holds) if holds == when), target)
        }
        Instruction::JumpIfSet { register, target } => {
            (!matches!(window[usize::from(register)], Value::Absent), target)
        }
        Instruction::CallBlock { back, target } => {
            window[usize::from(back)] = Value::Int(next as i64);
            (true, target)
        }
        Instruction::ReturnBlock { back } => {
            return match window[usize::from(back)] {
                Value::Int(place) => usize::try_from(place).ok(),
                _ => None,
            };
        }
        _ => return None,
    };
    Some(if taken { usize::from(target) } else { next })
}

/// Puts the next item of a loop over something else than a range into `item`; false when there is none.
#[inline(never)]
pub(crate) fn next_item(host: &mut Host, window: &mut [Value], base: usize, item: usize) -> Outcome<bool> {
    let Value::Int(position) = window[base + 1] else { return Err(Fault::internal("a loop without a position")) };
    let at = position as usize;
    let next = match &window[base] {
        Value::List(list) => list.get(at),
        Value::Traced(t) if first_size(t).is_some_and(|size| at < size) => {
            let value = window[base].clone();
            Some(differentiate::row(host, &value, position)?)
        }
        Value::Tensor(t) if t.shape().first().is_some_and(|&size| at < size) => {
            let tensor = Arc::clone(t);
            Some(index::element(host, &tensor, position)?)
        }
        _ => None,
    };
    let Some(next) = next else { return Ok(false) };
    registers::put_int(&mut window[base + 1], position + 1);
    registers::put_copy(&mut window[item], &next);
    Ok(true)
}

/// Entries along the first axis of a traced tensor; `None` where it has no axis.
fn first_size(traced: &nexus_library::Traced) -> Option<usize> {
    match traced.plain() {
        Arg::Tensor(t) => t.shape().first().copied(),
        _ => None,
    }
}

fn loop_start(window: &mut [Value], base: usize) -> Outcome<()> {
    match &window[base] {
        Value::Range(range) => {
            let range = **range;
            loop_over_range(window, base, range);
        }
        Value::List(_) => window[base + 1] = Value::Int(0),
        Value::Tensor(t) if !t.shape().is_empty() => window[base + 1] = Value::Int(0),
        Value::Traced(t) if first_size(t).is_some() => window[base + 1] = Value::Int(0),
        Value::Int(n) => {
            let fault = Fault::new(Code::WrongTypeRunning, "`for` goes over a range, list or tensor, found int");
            return Err(fault.help(format!("did you mean `0..{n}`?")));
        }
        other => return Err(Fault::kind("`for`", "a range, list or tensor", other)),
    }
    Ok(())
}

fn loop_over_range(window: &mut [Value], base: usize, range: Range) {
    window[base] = Value::Int(range.start);
    window[base + 1] = Value::Int(i64::try_from(range.count).unwrap_or(i64::MAX));
    window[base + 2] = Value::Int(range.step);
}

/// Start, end and step from three registers.
fn range_from(window: &mut [Value], start: usize, closed: bool) -> Outcome<Range> {
    let mut whole = |offset: usize, what: &str| match std::mem::take(&mut window[start + offset]) {
        Value::Int(v) => Ok(v),
        other => {
            let other = index::single_int(&other).map_or(other, Value::Int);
            match other {
                Value::Int(v) => Ok(v),
                other => Err(Fault::kind(&format!("the {what} of a range"), "an int", &other)
                    .help("`int(x)` makes one; `tensor.linspace` has steps with fractions")),
            }
        }
    };
    let (first, end, step) = (whole(0, "start")?, whole(1, "end")?, whole(2, "step")?);
    Range::new(first, end, step, closed)
        .ok_or_else(|| Fault::new(Code::WrongTypeRunning, "the step of a range is 0").help("write `by 1` or `by -1`"))
}

/// Any other instruction.
#[inline(never)]
pub(crate) fn step(
    host: &mut Host,
    image: &Image,
    code: &FunctionCode,
    window: &mut [Value],
    instruction: Instruction,
) -> Outcome<()> {
    let value = match instruction {
        Instruction::None { to } => (to, Value::None),
        Instruction::Bool { to, value } => (to, Value::Bool(value)),
        Instruction::Clear { to } => (to, Value::Absent),
        Instruction::GetGlobal { to, global } => match &host.globals[global as usize] {
            Value::Absent => return Err(unset(image.global(global))),
            value => (to, value.clone()),
        },
        Instruction::TakeGlobal { to, global } => (to, std::mem::take(&mut host.globals[global as usize])),
        Instruction::SetGlobal { global, from } => {
            host.globals[global as usize] = operand(code, window, from);
            return Ok(());
        }
        Instruction::Binary { .. } => return binary(host, code, window, instruction),
        Instruction::Compare { operator, to, a, b } => {
            let (first, second) = operands(code, window, to, a, b);
            (to, operate::compare(host, operator, first, second)?)
        }
        Instruction::Negate { to, a } => {
            let a = operand(code, window, a);
            (to, operate::negate(host, a)?)
        }
        Instruction::Not { to, a } => {
            let a = operand(code, window, a);
            (to, operate::not(host, a)?)
        }
        Instruction::And { to, a, b } => {
            let (first, second) = operands(code, window, to, a, b);
            (to, operate::logic(host, true, first, second)?)
        }
        Instruction::Or { to, a, b } => {
            let (first, second) = operands(code, window, to, a, b);
            (to, operate::logic(host, false, first, second)?)
        }
        Instruction::LoopStart { base } => return loop_start(window, usize::from(base)),
        Instruction::LoopRange { closed, base } => {
            let range = range_from(window, usize::from(base), closed)?;
            loop_over_range(window, usize::from(base), range);
            return Ok(());
        }
        Instruction::Range { closed, to, start } => {
            (to, Value::Range(Arc::new(range_from(window, usize::from(start), closed)?)))
        }
        Instruction::Index { to, object, index: at } => (to, index::get_one(host, code, window, object, at)?),
        other => return build(host, image, code, window, other),
    };
    window[usize::from(value.0)] = value.1;
    Ok(())
}

/// Instructions that make or take apart compound values, and calls into the library.
fn build(
    host: &mut Host,
    image: &Image,
    code: &FunctionCode,
    window: &mut [Value],
    instruction: Instruction,
) -> Outcome<()> {
    let taken = |window: &mut [Value], start: Register, count: usize| -> Vec<Value> {
        window[usize::from(start)..usize::from(start) + count].iter_mut().map(std::mem::take).collect()
    };
    let (to, value) = match instruction {
        Instruction::List { to, start, count } => {
            let items = taken(window, start, usize::from(count));
            (to, host.list(items)?)
        }
        Instruction::Append { list, item } => {
            let item = operand(code, window, item);
            return match &mut window[usize::from(list)] {
                Value::List(list) => host.push(list, item),
                _ => Err(Fault::internal("an item without a list")),
            };
        }
        Instruction::Record { to, start, shape } => {
            let names = &image.records[usize::from(shape)];
            let values = taken(window, start, names.len());
            (to, host.record(names.iter().cloned().zip(values).collect())?)
        }
        Instruction::Closure { to, start, function } => {
            let count = usize::from(image.functions[usize::from(function)].captures);
            let captured = taken(window, start, count);
            (to, Value::closure(u32::from(function), captured)?)
        }
        Instruction::LibraryFunction { to, index } => (to, image.library[usize::from(index)].clone()),
        Instruction::CallOp { op, to, start } => {
            let op = image.ops[usize::from(op)];
            let arguments = &mut window[usize::from(start)..usize::from(start) + op.params.len()];
            (to, host.call_op(op, arguments)?)
        }
        Instruction::CallBuiltin { count, builtin, to, start } => {
            host.tick(BUILTIN_TICKS)?;
            let arguments = &mut window[usize::from(start)..usize::from(start) + usize::from(count)];
            let value = crate::library::call(host, builtin, arguments)?;
            // A list that was asked for its length shall not be copied when it is changed next.
            registers::clear(arguments);
            (to, value)
        }
        Instruction::Slice { to, start, axes } => {
            (to, index::get_slice(host, &image.axes[usize::from(axes)], window, usize::from(start))?)
        }
        Instruction::Field { to, object, name } => {
            let object = operand(code, window, object);
            (to, index::get_field(host, object, &image.names[usize::from(name)])?)
        }
        other => return change(host, image, code, window, other),
    };
    window[usize::from(to)] = value;
    Ok(())
}

/// Instructions that change or check a value where it is, and those of tasks.
fn change(
    host: &mut Host,
    image: &Image,
    code: &FunctionCode,
    window: &mut [Value],
    instruction: Instruction,
) -> Outcome<()> {
    let (to, value) = match instruction {
        Instruction::SetIndex { object, index, value } => {
            let value = operand(code, window, value);
            let index = operand(code, window, index);
            return assign::set_one(host, &mut window[usize::from(object)], index, value);
        }
        Instruction::SetPath { object, path, start } => {
            return assign::set_path(
                host,
                &image.paths[usize::from(path)],
                window,
                usize::from(object),
                usize::from(start),
            );
        }
        Instruction::CheckSet { register, name } => {
            return match window[usize::from(register)] {
                Value::Absent => Err(unset(&image.names[usize::from(name)])),
                _ => Ok(()),
            };
        }
        Instruction::CheckType { register, declared } | Instruction::CheckInt { register, declared } => {
            return declared::check(&image.checks[usize::from(declared)], window, usize::from(register));
        }
        Instruction::Spawn { to, from } => {
            let value = operand(code, window, from);
            (to, Value::task(value)?)
        }
        Instruction::Await { to, from } => match operand(code, window, from) {
            Value::Task(task) => (to, tasks::result(host, &task)?),
            Value::List(list) => {
                let values: Outcome<Vec<Value>> = list.iter().map(|v| awaited(host, &v)).collect();
                (to, host.list(values?)?)
            }
            other => return Err(not_a_task(&other)),
        },
        other => return Err(unexpected(other)),
    };
    window[usize::from(to)] = value;
    Ok(())
}

fn awaited(host: &mut Host, value: &Value) -> Outcome<Value> {
    match value {
        Value::Task(task) => tasks::result(host, task),
        other => Err(not_a_task(other)),
    }
}

fn not_a_task(value: &Value) -> Box<Fault> {
    Fault::kind("`await`", "the handle of a task", value).help("handles come from `spawn f(x)`")
}

fn unset(name: &str) -> Box<Fault> {
    if name.contains(' ') {
        return Fault::new(Code::WrongTypeRunning, format!("{name} has no result"))
            .help("give a start: `reduce(f, xs, start)`");
    }
    Fault::new(Code::NotSetRunning, format!("`{name}` has no value yet"))
        .help("give it a value before, on every way that leads here")
}

fn unexpected(instruction: Instruction) -> Box<Fault> {
    Fault::internal(&format!("{instruction:?}"))
}
