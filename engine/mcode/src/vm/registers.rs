//! Reading and writing registers that hold numbers, as nearly all do in what a program does most.
//!
//! A number is written over one of its own kind by its eight bytes alone. Sixteen bytes that were put together from a kind
//! and a number are slow to read back as a whole: processors wait until both are in the cache.

use super::fault::Outcome;
use super::host::Host;
use super::list::{Items, SharedList};
use super::value::{List, Value};
use crate::ast::{BinaryOperator, Comparison};
use crate::ir::{ChainOperator, Operators};

/// Overwrites a register with an int.
#[inline(always)]
pub(super) fn put_int(slot: &mut Value, number: i64) {
    match slot {
        Value::Int(old) => *old = number,
        slot => put_other(slot, Value::Int(number)),
    }
}

/// Overwrites a register with a scalar.
#[inline(always)]
pub(super) fn put_scalar(slot: &mut Value, number: f64) {
    match slot {
        Value::Scalar(old) => *old = number,
        slot => put_other(slot, Value::Scalar(number)),
    }
}

/// Overwrites a register with a truth value.
#[inline(always)]
pub(super) fn put_bool(slot: &mut Value, holds: bool) {
    match slot {
        Value::Bool(old) => *old = holds,
        slot => put_other(slot, Value::Bool(holds)),
    }
}

/// Overwrites a register with a value of another kind than it held.
#[inline(never)]
pub(super) fn put_other(slot: &mut Value, value: Value) {
    *slot = value;
}

/// Copies a value that is often a number.
#[inline(always)]
pub(super) fn put_copy(slot: &mut Value, value: &Value) {
    match *value {
        Value::Int(number) => put_int(slot, number),
        Value::Scalar(number) => put_scalar(slot, number),
        ref other => put_clone(slot, other),
    }
}

#[inline(never)]
fn put_clone(slot: &mut Value, value: &Value) {
    *slot = value.clone();
}

/// Copies a value from one register to another.
#[inline(always)]
pub(super) fn copy(window: &mut [Value], to: usize, from: usize) {
    match window[from] {
        Value::Int(number) => put_int(&mut window[to], number),
        Value::Scalar(number) => put_scalar(&mut window[to], number),
        _ => copy_other(window, to, from),
    }
}

#[inline(never)]
fn copy_other(window: &mut [Value], to: usize, from: usize) {
    let value = window[from].clone();
    window[to] = value;
}

/// Moves a value from one register to another. A number stays where it was, too: nobody asks.
#[inline(always)]
pub(super) fn take(window: &mut [Value], to: usize, from: usize) {
    match window[from] {
        Value::Int(number) => put_int(&mut window[to], number),
        Value::Scalar(number) => put_scalar(&mut window[to], number),
        _ => take_other(window, to, from),
    }
}

#[inline(never)]
fn take_other(window: &mut [Value], to: usize, from: usize) {
    let value = std::mem::take(&mut window[from]);
    window[to] = value;
}

/// Empties registers. Numbers may stay: nothing reads them again, and nothing waits for their memory.
#[inline(always)]
pub(super) fn clear(window: &mut [Value]) {
    for slot in window {
        if !slot.is_plain() {
            put_other(slot, Value::Absent);
        }
    }
}

/// Whether two numbers satisfy a comparison. Without a branch: which comparison it is changes from instruction to
/// instruction, and processors guess wrong.
#[inline(always)]
fn number_holds<T: PartialOrd>(operator: Comparison, a: T, b: T) -> bool {
    const LESS: u8 = 1;
    const EQUAL: u8 = 2;
    const GREATER: u8 = 4;
    const NOT_ORDERED: u8 = 8;
    let (less, equal, greater) = (a < b, a == b, a > b);
    let ordered = (u8::from(less) * LESS) | (u8::from(equal) * EQUAL) | (u8::from(greater) * GREATER);
    let order = ordered | (u8::from(a.partial_cmp(&b).is_none()) * NOT_ORDERED);
    let holds = match operator {
        Comparison::Equal => EQUAL,
        Comparison::NotEqual => LESS | GREATER | NOT_ORDERED,
        Comparison::Less => LESS,
        Comparison::LessEqual => LESS | EQUAL,
        Comparison::Greater => GREATER,
        Comparison::GreaterEqual => GREATER | EQUAL,
    };
    order & holds != 0
}

/// Whether two ints satisfy a comparison.
#[inline(always)]
pub(super) fn int_holds(operator: Comparison, a: i64, b: i64) -> bool {
    number_holds(operator, a, b)
}

/// Whether a register holds an int that satisfies a comparison.
#[inline(always)]
pub(super) fn int_register_holds(operator: Comparison, a: &Value, b: i64) -> bool {
    matches!(a, &Value::Int(a) if int_holds(operator, a, b))
}

/// Whether two numbers of one kind satisfy a comparison; `None` for anything else.
#[inline(always)]
pub(super) fn holds(operator: Comparison, a: &Value, b: &Value) -> Option<bool> {
    match (a, b) {
        (&Value::Int(a), &Value::Int(b)) => Some(int_holds(operator, a, b)),
        (&Value::Scalar(a), &Value::Scalar(b)) => Some(number_holds(operator, a, b)),
        _ => None,
    }
}

/// `/`, `//` and `%` of two numbers where the result is one; whether it is that.
#[inline(always)]
pub(super) fn divide(window: &mut [Value], operator: BinaryOperator, (to, a, b): (usize, usize, usize)) -> bool {
    match (operator, &window[a], &window[b]) {
        (BinaryOperator::Divide, &Value::Scalar(x), &Value::Scalar(y)) if y != 0.0 => {
            put_scalar(&mut window[to], x / y)
        }
        (BinaryOperator::Divide, &Value::Scalar(x), &Value::Int(y)) if y != 0 => {
            put_scalar(&mut window[to], x / y as f64);
        }
        // A positive divisor leaves nothing below zero, so that this quotient is the floor.
        (BinaryOperator::FloorDivide, &Value::Int(x), &Value::Int(y)) if y > 0 => {
            put_int(&mut window[to], x.div_euclid(y));
        }
        (BinaryOperator::Remainder, &Value::Int(x), &Value::Int(y)) if y > 0 => {
            put_int(&mut window[to], x.rem_euclid(y));
        }
        _ => return false,
    }
    true
}

/// `to = object[index]` for a list and an int that counts from its start; whether it is that. An object that is a
/// temporary is read once, so that it is given back: a list that it is a part of shall not be copied because of it.
#[inline(always)]
pub(super) fn read_item(window: &mut [Value], to: usize, object: usize, index: usize, is_temporary: bool) -> bool {
    let (Value::List(list), &Value::Int(at)) = (&window[object], &window[index]) else { return false };
    let at = at as usize;
    match list.held() {
        Items::Scalars(items) if let Some(&item) = items.get(at) => put_scalar(&mut window[to], item),
        Items::Ints(items) if let Some(&item) = items.get(at) => put_int(&mut window[to], item),
        Items::Bools(items) if let Some(&item) = items.get(at) => put_bool(&mut window[to], item),
        Items::Values(items) if let Some(item) = items.get(at) => {
            let item = item.clone();
            put_other(&mut window[to], item);
        }
        _ => return false,
    }
    if is_temporary && to != object {
        put_other(&mut window[object], Value::Absent);
    }
    true
}

/// `object[index] = value` for a list that nobody else has, an int that counts from its start, and a number or truth value
/// of the kind that the list holds; whether it is that.
#[inline(always)]
pub(super) fn set_item(window: &mut [Value], object: usize, index: usize, value: usize) -> bool {
    let Value::Int(at) = window[index] else { return false };
    let at = at as usize;
    match window[value] {
        Value::Scalar(new) => match held_mut(&mut window[object]) {
            Some(Items::Scalars(items)) => set(items, at, new),
            _ => false,
        },
        Value::Int(new) => match held_mut(&mut window[object]) {
            Some(Items::Ints(items)) => set(items, at, new),
            _ => false,
        },
        Value::Bool(new) => match held_mut(&mut window[object]) {
            Some(Items::Bools(items)) => set(items, at, new),
            _ => false,
        },
        _ => false,
    }
}

/// The items of a list that nobody else has.
#[inline(always)]
fn held_mut(value: &mut Value) -> Option<&mut Items> {
    match value {
        Value::List(list) => SharedList::get_mut(list).map(List::held_mut),
        _ => None,
    }
}

#[inline(always)]
fn set<T>(items: &mut [T], at: usize, new: T) -> bool {
    match items.get_mut(at) {
        Some(item) => {
            *item = new;
            true
        }
        None => false,
    }
}

/// Puts the next number of a loop over a range into a register; whether there is one, `None` for another loop.
#[inline(always)]
pub(super) fn next_number(window: &mut [Value], base: usize, item: usize) -> Option<bool> {
    let (&Value::Int(at), &Value::Int(left), &Value::Int(step)) = (&window[base], &window[base + 1], &window[base + 2])
    else {
        return None;
    };
    if left == 0 {
        return Some(false);
    }
    put_int(&mut window[base], at.wrapping_add(step));
    put_int(&mut window[base + 1], left - 1);
    put_int(&mut window[item], at);
    Some(true)
}

/// Two operations of arithmetic on three scalars, or on three ints where both results fit; whether it is that.
#[inline(always)]
pub(super) fn chain(
    window: &mut [Value],
    (first, second): (ChainOperator, ChainOperator),
    [to, a, b, c]: [usize; 4],
) -> bool {
    match (&window[a], &window[b], &window[c]) {
        (&Value::Scalar(a), &Value::Scalar(b), &Value::Scalar(c)) => {
            put_scalar(&mut window[to], scalars(second, begun(first, a, b), c));
            true
        }
        (&Value::Int(a), &Value::Int(b), &Value::Int(c)) => {
            let result = ints(first, a, b).and_then(|between| ints(second, between, c));
            result.map(|result| put_int(&mut window[to], result)).is_some()
        }
        _ => false,
    }
}

/// What begins a chain; there only what comes before is subtracted from.
#[inline(always)]
fn begun(operator: ChainOperator, a: f64, b: f64) -> f64 {
    match operator {
        ChainOperator::Add => a + b,
        ChainOperator::Subtract | ChainOperator::SubtractFrom => a - b,
        ChainOperator::Multiply => a * b,
    }
}

/// Three operations on four numbers, in the same way.
#[inline(always)]
pub(super) fn long_chain(window: &mut [Value], operators: Operators, [to, a, b, c, d]: [usize; 5]) -> bool {
    let [first, second, third] = operators.get();
    match (&window[a], &window[b], &window[c], &window[d]) {
        (&Value::Scalar(a), &Value::Scalar(b), &Value::Scalar(c), &Value::Scalar(d)) => {
            let between = scalars(second, begun(first, a, b), c);
            put_scalar(&mut window[to], scalars(third, between, d));
            true
        }
        (&Value::Int(a), &Value::Int(b), &Value::Int(c), &Value::Int(d)) => {
            let between = ints(first, a, b).and_then(|between| ints(second, between, c));
            let result = between.and_then(|between| ints(third, between, d));
            result.map(|result| put_int(&mut window[to], result)).is_some()
        }
        _ => false,
    }
}

/// The sum or difference of two products and an operation on it, in the same way.
#[inline(always)]
pub(super) fn product_sum_chain(window: &mut [Value], operators: Operators, registers: [u8; 6]) -> bool {
    let [to, a, b, c, d, e] = registers.map(usize::from);
    let [first, second, _] = operators.get();
    match (&window[a], &window[b], &window[c], &window[d], &window[e]) {
        (&Value::Scalar(a), &Value::Scalar(b), &Value::Scalar(c), &Value::Scalar(d), &Value::Scalar(e)) => {
            put_scalar(&mut window[to], scalars(second, begun(first, a * b, c * d), e));
            true
        }
        (&Value::Int(a), &Value::Int(b), &Value::Int(c), &Value::Int(d), &Value::Int(e)) => {
            let products = a.checked_mul(b).zip(c.checked_mul(d));
            let result = products.and_then(|(x, y)| ints(first, x, y)).and_then(|sum| ints(second, sum, e));
            result.map(|result| put_int(&mut window[to], result)).is_some()
        }
        _ => false,
    }
}

/// `object[index] = second(first(a, b), c)` of scalars, in a list of scalars that nobody else has; whether it is that.
#[inline(always)]
pub(super) fn chain_to_item(window: &mut [Value], operators: Operators, registers: [u8; 5]) -> bool {
    let [object, index, a, b, c] = registers.map(usize::from);
    let (&Value::Int(at), &Value::Scalar(a), &Value::Scalar(b), &Value::Scalar(c)) =
        (&window[index], &window[a], &window[b], &window[c])
    else {
        return false;
    };
    let [first, second, _] = operators.get();
    match held_mut(&mut window[object]) {
        Some(Items::Scalars(items)) => set(items, at as usize, scalars(second, begun(first, a, b), c)),
        _ => false,
    }
}

/// An operation on items of two lists of scalars; whether it is that.
#[inline(always)]
pub(super) fn item_pair(window: &mut [Value], operator: ChainOperator, registers: [u8; 5]) -> bool {
    let [to, object, index, other, other_index] = registers.map(usize::from);
    let (Some(a), Some(b)) = (scalar_item(window, object, index), scalar_item(window, other, other_index)) else {
        return false;
    };
    put_scalar(&mut window[to], scalars(operator, a, b));
    true
}

/// An item of a list of scalars.
#[inline(always)]
fn scalar_item(window: &[Value], object: usize, index: usize) -> Option<f64> {
    let (Value::List(list), &Value::Int(at)) = (&window[object], &window[index]) else { return None };
    match list.held() {
        Items::Scalars(items) => items.get(at as usize).copied(),
        _ => None,
    }
}

/// The sum or difference of two products, of four scalars, or of four ints where all results fit; whether it is that.
#[inline(always)]
pub(super) fn product_sum(window: &mut [Value], subtract: bool, [to, a, b, c, d]: [usize; 5]) -> bool {
    match (&window[a], &window[b], &window[c], &window[d]) {
        (&Value::Scalar(a), &Value::Scalar(b), &Value::Scalar(c), &Value::Scalar(d)) => {
            let (first, second) = (a * b, c * d);
            put_scalar(&mut window[to], if subtract { first - second } else { first + second });
            true
        }
        (&Value::Int(a), &Value::Int(b), &Value::Int(c), &Value::Int(d)) => {
            let products = a.checked_mul(b).zip(c.checked_mul(d));
            let sum = products.and_then(|(x, y)| if subtract { x.checked_sub(y) } else { x.checked_add(y) });
            sum.map(|sum| put_int(&mut window[to], sum)).is_some()
        }
        _ => false,
    }
}

/// An operation on a number and an item of a list, both scalars or both ints; whether it is that.
#[inline(always)]
pub(super) fn item_chain(window: &mut [Value], operator: ChainOperator, [to, a, object, index]: [usize; 4]) -> bool {
    let (Value::List(list), &Value::Int(at)) = (&window[object], &window[index]) else { return false };
    match (list.held(), &window[a]) {
        (Items::Scalars(items), &Value::Scalar(other)) => match items.get(at as usize) {
            Some(&item) => {
                put_scalar(&mut window[to], scalars(operator, item, other));
                true
            }
            None => false,
        },
        (Items::Ints(items), &Value::Int(other)) => {
            let result = items.get(at as usize).and_then(|&item| ints(operator, item, other));
            result.map(|result| put_int(&mut window[to], result)).is_some()
        }
        _ => false,
    }
}

#[inline(always)]
fn scalars(operator: ChainOperator, first: f64, other: f64) -> f64 {
    match operator {
        ChainOperator::Add => first + other,
        ChainOperator::Subtract => first - other,
        ChainOperator::SubtractFrom => other - first,
        ChainOperator::Multiply => first * other,
    }
}

#[inline(always)]
fn ints(operator: ChainOperator, first: i64, other: i64) -> Option<i64> {
    match operator {
        ChainOperator::Add => first.checked_add(other),
        ChainOperator::Subtract => first.checked_sub(other),
        ChainOperator::SubtractFrom => other.checked_sub(first),
        ChainOperator::Multiply => first.checked_mul(other),
    }
}

/// Moves an int on by `step` if that fits and then satisfies a comparison; whether it did.
#[inline(always)]
pub(super) fn step_if(slot: &mut Value, step: i8, operator: Comparison, b: i64) -> bool {
    let Value::Int(a) = slot else { return false };
    match a.checked_add(i64::from(step)) {
        Some(next) if int_holds(operator, next, b) => {
            *a = next;
            true
        }
        _ => false,
    }
}

/// `to` becomes what a checked operation on two ints or a plain one on two scalars gives; else `slow` is done.
macro_rules! arithmetic {
    ($window:ident, $to:ident, $a:ident, $b:ident, $checked:ident, $float:tt, $slow:expr) => {
        match (&$window[usize::from($a)], &$window[usize::from($b)]) {
            (&Value::Int(x), &Value::Int(y)) if let Some(value) = x.$checked(y) => put_int(&mut $window[usize::from($to)], value),
            (&Value::Scalar(x), &Value::Scalar(y)) => put_scalar(&mut $window[usize::from($to)], x $float y),
            _ => $slow,
        }
    };
}
pub(super) use arithmetic;

/// Moves the result of a function into the first register of its window.
#[inline(always)]
pub(super) fn give_back(window: &mut [Value], from: usize) {
    match window[from] {
        Value::Int(number) => put_int(&mut window[0], number),
        Value::Scalar(number) => put_scalar(&mut window[0], number),
        _ => window.swap(0, from),
    }
}

/// Makes the registers reach to `needed`.
#[cold]
pub(crate) fn make_room(host: &Host, stack: &mut Vec<Value>, needed: usize) -> Outcome<()> {
    let size = needed.max(stack.len() * 2);
    drop(host.admit(size.saturating_mul(size_of::<Value>()))?);
    stack.resize_with(size, Value::default);
    Ok(())
}
