//! Lists: values in order. A list whose items are all ints, all scalars or all bools holds the bare numbers, eight bytes
//! (or one) an item, which native code and library functions can go over as a slice; any other list holds values.
//!
//! How an item is held is never seen by a program: an item of another kind turns the list into one of values.

use nexus_tensor::Charge;

use super::fault::Outcome;
use super::value::{Value, deeper, depth_over};

/// A list that several values may share. Without weak references, so that asking whether nobody else has it, which each
/// assignment to an item does, is one plain read of memory and no atomic exchange.
pub(crate) type SharedList = triomphe::Arc<List>;

/// Values in order.
#[derive(Debug)]
pub(crate) struct List {
    items: Items,
    depth: u8,
    pub(crate) charge: Option<Charge>,
}

/// How the items are held.
#[derive(Debug)]
pub(crate) enum Items {
    Values(Vec<Value>),
    Ints(Vec<i64>),
    Scalars(Vec<f64>),
    Bools(Vec<bool>),
}

/// Does the same with whatever vector holds the items.
macro_rules! each {
    ($items:expr, $vec:ident => $do:expr) => {
        match $items {
            Items::Values($vec) => $do,
            Items::Ints($vec) => $do,
            Items::Scalars($vec) => $do,
            Items::Bools($vec) => $do,
        }
    };
}

impl Items {
    /// Bare numbers where all items are of one such kind.
    fn pack(values: Vec<Value>) -> Items {
        let packed = match values.first() {
            Some(Value::Int(_)) => unwrapped(&values, int_of).map(Items::Ints),
            Some(Value::Scalar(_)) => unwrapped(&values, scalar_of).map(Items::Scalars),
            Some(Value::Bool(_)) => unwrapped(&values, bool_of).map(Items::Bools),
            _ => None,
        };
        packed.unwrap_or(Items::Values(values))
    }

    /// Items of the kind of `value`, with room for `room`.
    fn room_for(value: &Value, room: usize) -> Items {
        match value {
            Value::Int(_) => Items::Ints(Vec::with_capacity(room)),
            Value::Scalar(_) => Items::Scalars(Vec::with_capacity(room)),
            Value::Bool(_) => Items::Bools(Vec::with_capacity(room)),
            _ => Items::Values(Vec::with_capacity(room)),
        }
    }
}

fn unwrapped<T>(values: &[Value], bare: fn(&Value) -> Option<T>) -> Option<Vec<T>> {
    values.iter().map(bare).collect()
}

fn int_of(value: &Value) -> Option<i64> {
    if let Value::Int(v) = value { Some(*v) } else { None }
}

fn scalar_of(value: &Value) -> Option<f64> {
    if let Value::Scalar(v) = value { Some(*v) } else { None }
}

fn bool_of(value: &Value) -> Option<bool> {
    if let Value::Bool(v) = value { Some(*v) } else { None }
}

impl List {
    /// A list of items that were admitted.
    pub(crate) fn new(items: Vec<Value>, charge: Option<Charge>) -> Outcome<List> {
        let depth = depth_over(items.iter())?;
        Ok(List { items: Items::pack(items), depth, charge })
    }

    /// The items over and over, `times` times: admitted, and counted without overflow.
    pub(crate) fn repeated(&self, times: usize, charge: Option<Charge>) -> List {
        let items = match &self.items {
            Items::Values(v) => Items::Values(v.iter().cycle().take(v.len().saturating_mul(times)).cloned().collect()),
            Items::Ints(v) => Items::Ints(v.repeat(times)),
            Items::Scalars(v) => Items::Scalars(v.repeat(times)),
            Items::Bools(v) => Items::Bools(v.repeat(times)),
        };
        List { items, depth: self.depth, charge }
    }

    /// A copy of the items, which were admitted.
    pub(crate) fn copied(&self, charge: Option<Charge>) -> List {
        let items = match &self.items {
            Items::Values(v) => Items::Values(v.clone()),
            Items::Ints(v) => Items::Ints(v.clone()),
            Items::Scalars(v) => Items::Scalars(v.clone()),
            Items::Bools(v) => Items::Bools(v.clone()),
        };
        List { items, depth: self.depth, charge }
    }

    /// How deep it nests, itself counted.
    pub(crate) fn depth(&self) -> u8 {
        self.depth
    }

    /// How many items it has.
    #[inline(always)]
    pub(crate) fn len(&self) -> usize {
        each!(&self.items, v => v.len())
    }

    /// Memory to admit for a copy of it: that of values, which it may become.
    pub(crate) fn bytes(&self) -> usize {
        self.len().saturating_mul(size_of::<Value>())
    }

    /// How the items are held.
    pub(crate) fn held(&self) -> &Items {
        &self.items
    }

    /// The same for writing, in the way they are held.
    pub(crate) fn held_mut(&mut self) -> &mut Items {
        &mut self.items
    }

    /// The item at a place.
    #[inline(always)]
    pub(crate) fn get(&self, index: usize) -> Option<Value> {
        match &self.items {
            Items::Values(v) => v.get(index).cloned(),
            Items::Ints(v) => v.get(index).copied().map(Value::Int),
            Items::Scalars(v) => v.get(index).copied().map(Value::Scalar),
            Items::Bools(v) => v.get(index).copied().map(Value::Bool),
        }
    }

    /// The item at a place below the length.
    pub(crate) fn at(&self, index: usize) -> Value {
        self.get(index).unwrap_or_default()
    }

    /// The items in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Value> + '_ {
        (0..self.len()).map(|index| self.at(index))
    }

    /// Whether one more item needs more memory.
    pub(crate) fn is_full(&self) -> bool {
        each!(&self.items, v => v.len() == v.capacity())
    }

    /// Whether `more` items fit without more memory.
    pub(crate) fn has_room(&self, more: usize) -> bool {
        each!(&self.items, v => v.capacity() - v.len() >= more)
    }

    /// Makes room for `more` items, which were admitted.
    pub(crate) fn grow(&mut self, more: usize, charge: Option<Charge>) {
        each!(&mut self.items, v => v.reserve_exact(more));
        self.charge = charge;
    }

    /// Adds an item.
    pub(crate) fn push(&mut self, item: Value) -> Outcome<()> {
        self.depth = deeper(self.depth, depth_over(std::iter::once(&item))?);
        if self.len() == 0 {
            self.items = Items::room_for(&item, each!(&self.items, v => v.capacity()).max(1));
        }
        match (&mut self.items, item) {
            (Items::Ints(v), Value::Int(item)) => v.push(item),
            (Items::Scalars(v), Value::Scalar(item)) => v.push(item),
            (Items::Bools(v), Value::Bool(item)) => v.push(item),
            (_, item) => self.as_values(|values| values.push(item)),
        }
        Ok(())
    }

    /// Adds the items of another list; room was made.
    pub(crate) fn extend(&mut self, other: &List) {
        self.depth = deeper(self.depth, other.depth);
        if self.len() == 0 && other.len() > 0 {
            self.items = Items::room_for(&other.at(0), each!(&self.items, v => v.capacity()).max(other.len()));
        }
        match (&mut self.items, &other.items) {
            (Items::Ints(v), Items::Ints(other)) => v.extend_from_slice(other),
            (Items::Scalars(v), Items::Scalars(other)) => v.extend_from_slice(other),
            (Items::Bools(v), Items::Bools(other)) => v.extend_from_slice(other),
            _ => self.as_values(|values| values.extend(other.iter())),
        }
    }

    /// Replaces an item at a place below the length.
    #[inline]
    pub(crate) fn set(&mut self, index: usize, item: Value) -> Outcome<()> {
        match (&mut self.items, item) {
            (Items::Ints(v), Value::Int(item)) => v[index] = item,
            (Items::Scalars(v), Value::Scalar(item)) => v[index] = item,
            (Items::Bools(v), Value::Bool(item)) => v[index] = item,
            (_, item) => {
                self.depth = deeper(self.depth, depth_over(std::iter::once(&item))?);
                self.as_values(|values| values[index] = item);
            }
        }
        Ok(())
    }

    /// Changes an item in place.
    pub(crate) fn update(&mut self, index: usize, change: impl FnOnce(&mut Value) -> Outcome<()>) -> Outcome<()> {
        let depth = self.as_values(|values| {
            change(&mut values[index])?;
            depth_over(std::iter::once(&values[index]))
        })?;
        self.depth = deeper(self.depth, depth);
        Ok(())
    }

    /// Works on the items as values, which they are from now on.
    fn as_values<T>(&mut self, work: impl FnOnce(&mut Vec<Value>) -> T) -> T {
        let mut values = match std::mem::replace(&mut self.items, Items::Values(Vec::new())) {
            Items::Values(values) => values,
            Items::Ints(bare) => wrapped(bare, Value::Int),
            Items::Scalars(bare) => wrapped(bare, Value::Scalar),
            Items::Bools(bare) => wrapped(bare, Value::Bool),
        };
        let result = work(&mut values);
        self.items = Items::Values(values);
        result
    }
}

/// Bare numbers as values, with room for as many as before.
fn wrapped<T>(bare: Vec<T>, value: fn(T) -> Value) -> Vec<Value> {
    let mut values = Vec::with_capacity(bare.capacity());
    values.extend(bare.into_iter().map(value));
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ints(count: i64) -> List {
        List::new((0..count).map(Value::Int).collect(), None).unwrap()
    }

    #[test]
    fn items_of_one_kind_are_held_bare_and_read_the_same() {
        let mut list = ints(3);
        assert!(matches!(&list.items, Items::Ints(v) if v == &[0, 1, 2]));
        list.set(1, Value::Scalar(0.5)).unwrap();
        assert!(matches!(&list.items, Items::Values(_)));
        assert!(matches!(list.get(0), Some(Value::Int(0))));
        assert!(matches!(list.get(1), Some(Value::Scalar(v)) if v == 0.5));
        assert!(list.get(3).is_none());
    }

    #[test]
    fn an_empty_list_takes_the_kind_of_what_is_added_first() {
        let mut list = List::new(Vec::new(), None).unwrap();
        list.push(Value::Bool(true)).unwrap();
        list.push(Value::Bool(false)).unwrap();
        assert!(matches!(&list.items, Items::Bools(v) if v == &[true, false]));
        list.extend(&ints(1));
        assert_eq!(list.len(), 3);
        assert!(matches!(list.get(2), Some(Value::Int(0))));
    }

    #[test]
    fn a_repeated_list_stays_bare() {
        let list = ints(2).repeated(3, None);
        assert!(matches!(&list.items, Items::Ints(v) if v == &[0, 1, 0, 1, 0, 1]));
    }
}
