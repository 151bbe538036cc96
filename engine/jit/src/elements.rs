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

/// What was found out about elements since the block began.
#[derive(Debug, Default)]
pub(crate) struct Elements {
    /// Indices inside their array, with the place that each means.
    checked: Vec<(u32, Index, Value)>,
    /// Elements with their value.
    values: Vec<(u32, Index, Value)>,
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

    /// Where an index leads in its array, behind a check unless it was checked already.
    fn place(&mut self, array: u32, index: Value, exit: ExitId) -> Value {
        let known = self.index(index);
        let covers = |other: Index| match (other, known) {
            (Index::Known(other), Index::Known(known)) => other >= known,
            _ => other == known,
        };
        let checked = self.elements.checked.iter().find(|(of, other, _)| *of == array && covers(*other)).copied();
        if let Some((_, other, place)) = checked {
            return if other == known { place } else { index };
        }
        let length = self.arrays[array as usize].1;
        let place = if let Index::Known(_) = known {
            let below = self.builder.ins().icmp(IntCC::UnsignedLessThan, index, length);
            self.exit_unless(below, exit);
            index
        } else {
            self.checked_place(index, length, exit)
        };
        self.elements.checked.push((array, known, place));
        place
    }

    /// A negative index counts from the end.
    fn checked_place(&mut self, index: Value, length: Value, exit: ExitId) -> Value {
        let (inside, from_end) = (self.builder.create_block(), self.builder.create_block());
        let place = self.builder.append_block_param(inside, types::I64);
        self.builder.set_cold_block(from_end);
        let below = self.builder.ins().icmp(IntCC::UnsignedLessThan, index, length);
        self.builder.ins().brif(below, inside, &[index], from_end, &[]);
        self.builder.switch_to_block(from_end);
        // A length is at most the largest int: this wraps only for an index that is not negative, which fails again.
        let wrapped = self.builder.ins().iadd(index, length);
        let negative = self.is_negative(index);
        self.exit_unless(negative, exit);
        let below = self.builder.ins().icmp(IntCC::UnsignedLessThan, wrapped, length);
        self.exit_unless(below, exit);
        self.builder.ins().jump(inside, &[wrapped]);
        self.builder.switch_to_block(inside);
        place
    }

    /// Where an element is: a pointer, and bytes behind it.
    fn address(&mut self, array: u32, index: Value, exit: ExitId) -> (Value, i32, Element) {
        let element = self.function.arrays[array as usize].element;
        let shift = match element {
            Element::Bool => 0,
            Element::Single => 2,
            Element::Int | Element::Scalar => 3,
        };
        let place = self.place(array, index, exit);
        let pointer = self.arrays[array as usize].0;
        let near = self.known_int(place).and_then(|place| i32::try_from(place.checked_mul(1 << shift)?).ok());
        if let Some(offset) = near.filter(|offset| *offset >= 0) {
            return (pointer, offset, element);
        }
        let offset = if shift == 0 { place } else { self.builder.ins().ishl_imm(place, i64::from(shift)) };
        (self.builder.ins().iadd(pointer, offset), 0, element)
    }

    pub(crate) fn load(&mut self, to: Variable, Array(array): Array, index: Variable, exit: ExitId) {
        let index = self.read(index);
        let known = self.index(index);
        let found = self.elements.values.iter().find(|(of, other, _)| *of == array && *other == known);
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
        self.elements.values.push((array, known, value));
        self.assign(to, value);
    }

    pub(crate) fn store(&mut self, Array(array): Array, index: Variable, value: Variable, exit: ExitId) {
        let index = self.read(index);
        let known = self.index(index);
        let (address, offset, _) = self.address(array, index, exit);
        let value = self.read(value);
        self.builder.ins().store(MemFlags::trusted(), value, address, offset);
        self.elements.values.retain(|(of, other, _)| *of != array || other.differs(known));
        self.elements.values.push((array, known, value));
    }
}
