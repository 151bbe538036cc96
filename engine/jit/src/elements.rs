//! Elements of arrays: addresses behind checks, loads and stores.
//!
//! Within a block an index is checked once, and an element that was loaded or stored is not loaded again: arrays do not
//! overlap, so that a store changes its own array alone.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{InstBuilder, MemFlags, Value, types};

use crate::emit::Emitter;
use crate::ir::{Array, Element, ExitId, Variable};

/// What is known of an index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Index {
    /// A number that counts from the start.
    Known(i64),
    Value(Value),
}

impl Index {
    /// Whether two indices certainly name different elements.
    fn differs(self, other: Index) -> bool {
        matches!((self, other), (Index::Known(a), Index::Known(b)) if a != b)
    }
}

/// An index of a row, and of a column where the array is a matrix.
type Place = (Index, Option<Index>);

/// What is done about an index that may be beyond an end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Check {
    /// It is looked at; where it says so, negative ones count from the end.
    Needed { from_end: bool },
    /// It is known to be inside, and to count from the start.
    Done,
}

/// Row, column, and what is done about them.
type Indices<T> = (T, Option<T>, Check);

/// What an index is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Axis {
    Row,
    Column,
}

/// What was found out about elements since the block began.
#[derive(Debug, Default)]
pub(crate) struct Elements {
    /// Indices inside their axis, with the position that each means.
    checked: Vec<(u32, Axis, Index, Value)>,
    /// Elements with their value.
    values: Vec<(u32, Place, Value)>,
}

impl Elements {
    /// Forgets everything: a block may be reached from elsewhere.
    pub(crate) fn forget(&mut self) {
        self.checked.clear();
        self.values.clear();
    }
}

impl Emitter<'_, '_> {
    fn index(&self, index: Value) -> Index {
        match self.known_int(index) {
            Some(number) if number >= 0 => Index::Known(number),
            _ => Index::Value(index),
        }
    }

    /// The position that an index means, behind a check unless it was checked already. A negative one is, as a number
    /// without a sign, above every length.
    fn position(&mut self, (array, axis): (u32, Axis), (index, check): (Value, Check), exit: ExitId) -> Value {
        let Check::Needed { from_end } = check else { return index };
        let known = self.index(index);
        let covers = |other: Index| match (other, known) {
            (Index::Known(other), Index::Known(known)) => other >= known,
            _ => other == known,
        };
        let checked = &self.elements.checked;
        let found = checked.iter().find(|(of, along, other, _)| (*of, *along) == (array, axis) && covers(*other));
        if let Some(&(.., other, position)) = found {
            return if other == known { position } else { index };
        }
        let words = self.arrays[array as usize];
        let length = if axis == Axis::Row { words.length } else { words.columns };
        let position = if matches!(known, Index::Known(_)) || !from_end { index } else { self.wrapped(index, length) };
        let beyond = self.builder.ins().icmp(IntCC::UnsignedGreaterThanOrEqual, position, length);
        self.exit_if(beyond, exit);
        self.elements.checked.push((array, axis, known, position));
        position
    }

    /// A negative index with the length added. What is beyond the ends still is: a length is at most the largest int.
    fn wrapped(&mut self, index: Value, length: Value) -> Value {
        let sign = self.builder.ins().sshr_imm(index, 63);
        let shift = self.builder.ins().band(sign, length);
        self.builder.ins().iadd(index, shift)
    }

    /// Where an element is: a pointer, and bytes behind it.
    fn address(&mut self, array: u32, (row, column, check): Indices<Value>, exit: ExitId) -> (Value, i32, Element) {
        let element = self.function.arrays[array as usize].element;
        let shift = match element {
            Element::Bool => 0,
            Element::Single => 2,
            Element::Int | Element::Scalar => 3,
        };
        let row = self.position((array, Axis::Row), (row, check), exit);
        let words = self.arrays[array as usize];
        let position = match column {
            Some(column) => {
                let column = self.position((array, Axis::Column), (column, check), exit);
                // Below the number of elements, as both are below their axis.
                let before = self.builder.ins().imul(row, words.columns);
                self.builder.ins().iadd(before, column)
            }
            None => row,
        };
        let near = self.known_int(position).and_then(|at| i32::try_from(at.checked_mul(1 << shift)?).ok());
        if let Some(offset) = near.filter(|offset| *offset >= 0) {
            return (words.pointer, offset, element);
        }
        let offset = if shift == 0 { position } else { self.builder.ins().ishl_imm(position, i64::from(shift)) };
        (self.builder.ins().iadd(words.pointer, offset), 0, element)
    }

    /// What an element is addressed by, and what is known of that.
    fn place(&mut self, (row, column, check): Indices<Variable>) -> (Indices<Value>, Place) {
        let (row, column) = (self.read(row), column.map(|column| self.read(column)));
        ((row, column, check), (self.index(row), column.map(|column| self.index(column))))
    }

    pub(crate) fn load(&mut self, to: Variable, Array(array): Array, index: Indices<Variable>, exit: ExitId) {
        let (index, place) = self.place(index);
        let found = self.elements.values.iter().find(|(of, other, _)| *of == array && *other == place);
        if let Some(&(.., value)) = found {
            return self.assign(to, value);
        }
        let (address, offset, element) = self.address(array, index, exit);
        let flags = MemFlags::trusted();
        let value = match element {
            Element::Int => self.builder.ins().load(types::I64, flags, address, offset),
            Element::Scalar => self.builder.ins().load(types::F64, flags, address, offset),
            Element::Bool => self.builder.ins().load(types::I8, flags, address, offset),
            Element::Single => {
                let single = self.builder.ins().load(types::F32, flags, address, offset);
                self.builder.ins().fpromote(types::F64, single)
            }
        };
        self.elements.values.push((array, place, value));
        self.assign(to, value);
    }

    pub(crate) fn store(&mut self, Array(array): Array, index: Indices<Variable>, value: Variable, exit: ExitId) {
        let (index, place) = self.place(index);
        let (address, offset, element) = self.address(array, index, exit);
        let mut value = self.read(value);
        if element == Element::Single {
            let single = self.builder.ins().fdemote(types::F32, value);
            self.builder.ins().store(MemFlags::trusted(), single, address, offset);
            value = self.builder.ins().fpromote(types::F64, single);
        } else {
            self.builder.ins().store(MemFlags::trusted(), value, address, offset);
        }
        let differs = |(row, column): Place| {
            row.differs(place.0) || column.zip(place.1).is_some_and(|(other, column)| other.differs(column))
        };
        self.elements.values.retain(|(of, other, _)| *of != array || differs(*other));
        self.elements.values.push((array, place, value));
    }
}
