//! A vector that is cloned in constant time: a radix tree of blocks behind reference counts (Bagwell, "Ideal Hash
//! Trees", 2001, in the dense form that Clojure made known), with the last block kept outside of the tree.
//!
//! Not a rope: nothing is inserted in the middle or taken out. Blocks that nobody else holds are changed in place.

use std::sync::Arc;

/// Bits of an index that one level of the tree decides.
const BITS: u32 = 5;
/// Elements of a leaf and children of a branch.
const WIDTH: usize = 1 << BITS;

#[derive(Debug)]
enum Block<T> {
    Branch(Vec<Arc<Block<T>>>),
    Leaf(Vec<T>),
}

impl<T: Clone> Clone for Block<T> {
    fn clone(&self) -> Self {
        // Room for the pushes that follow a copy, so that the block does not grow once more.
        match self {
            Block::Branch(children) => {
                let mut copy = Vec::with_capacity(WIDTH);
                copy.extend(children.iter().cloned());
                Block::Branch(copy)
            }
            Block::Leaf(values) => {
                let mut copy = Vec::with_capacity(WIDTH);
                copy.extend(values.iter().cloned());
                Block::Leaf(copy)
            }
        }
    }
}

/// A vector with structural sharing. Append and read take time logarithmic to base 32; cloning takes constant time.
#[derive(Debug)]
pub(crate) struct PersistentVec<T> {
    /// Full leaves; all at the same depth.
    root: Option<Arc<Block<T>>>,
    /// Levels of branches above the leaves, in bits.
    shift: u32,
    /// Elements below `root`.
    in_tree: usize,
    tail: Arc<Block<T>>,
    len: usize,
}

impl<T> Clone for PersistentVec<T> {
    fn clone(&self) -> Self {
        PersistentVec {
            root: self.root.clone(),
            shift: self.shift,
            in_tree: self.in_tree,
            tail: Arc::clone(&self.tail),
            len: self.len,
        }
    }
}

impl<T: Clone> PersistentVec<T> {
    /// Nothing.
    pub(crate) fn new() -> Self {
        PersistentVec {
            root: None,
            shift: 0,
            in_tree: 0,
            tail: Arc::new(Block::Leaf(Vec::with_capacity(WIDTH))),
            len: 0,
        }
    }

    /// So many copies of one value, as full blocks that are one block in memory: 32 to the power of `levels`.
    #[cfg(test)]
    pub(crate) fn of_copies(value: T, levels: u32) -> Self {
        let leaf = Arc::new(Block::Leaf(vec![value; WIDTH]));
        let root = (1..levels).fold(leaf, |below, _| Arc::new(Block::Branch(vec![below; WIDTH])));
        let len = WIDTH.pow(levels);
        PersistentVec { root: Some(root), shift: BITS * (levels - 1), in_tree: len, len, ..PersistentVec::new() }
    }

    /// Number of elements.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// The element at `index`; `None` beyond the end.
    pub(crate) fn get(&self, index: usize) -> Option<&T> {
        if index >= self.len {
            return None;
        }
        let mut block: &Block<T> =
            if index >= self.in_tree { &self.tail } else { self.root.as_deref().expect("elements are in the tree") };
        let mut shift = if index >= self.in_tree { 0 } else { self.shift };
        loop {
            match block {
                Block::Leaf(values) => return values.get(index & (WIDTH - 1)),
                Block::Branch(children) => {
                    block = &children[(index >> shift) & (WIDTH - 1)];
                    shift = shift.saturating_sub(BITS);
                }
            }
        }
    }

    /// Adds an element at the end.
    pub(crate) fn push(&mut self, value: T) {
        if self.len - self.in_tree == WIDTH {
            self.move_tail_into_tree();
        }
        if let Block::Leaf(values) = Arc::make_mut(&mut self.tail) {
            values.push(value);
        }
        self.len += 1;
    }

    /// Puts `value` in the place of the element at `index`; false, and nothing done, beyond the end.
    pub(crate) fn set(&mut self, index: usize, value: T) -> bool {
        if index >= self.len {
            return false;
        }
        let in_tail = index >= self.in_tree;
        let mut shift = if in_tail { 0 } else { self.shift };
        let mut block = if in_tail { &mut self.tail } else { self.root.as_mut().expect("elements are in the tree") };
        loop {
            match Arc::make_mut(block) {
                Block::Leaf(values) => {
                    values[index & (WIDTH - 1)] = value;
                    return true;
                }
                Block::Branch(children) => {
                    block = &mut children[(index >> shift) & (WIDTH - 1)];
                    shift = shift.saturating_sub(BITS);
                }
            }
        }
    }

    /// Every element, in order, leaf by leaf.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        (0..self.len).step_by(WIDTH).flat_map(|start| self.leaf(start).iter())
    }

    fn leaf(&self, start: usize) -> &[T] {
        let mut block: &Block<T> =
            if start >= self.in_tree { &self.tail } else { self.root.as_deref().expect("elements are in the tree") };
        let mut shift = self.shift;
        loop {
            match block {
                Block::Leaf(values) => return values,
                Block::Branch(children) => {
                    block = &children[(start >> shift) & (WIDTH - 1)];
                    shift = shift.saturating_sub(BITS);
                }
            }
        }
    }

    fn move_tail_into_tree(&mut self) {
        let leaf = std::mem::replace(&mut self.tail, Arc::new(Block::Leaf(Vec::with_capacity(WIDTH))));
        match &mut self.root {
            None => self.root = Some(leaf),
            Some(root) => {
                let capacity = WIDTH << self.shift;
                if self.in_tree == capacity {
                    let old = Arc::clone(root);
                    let mut children = Vec::with_capacity(WIDTH);
                    children.push(old);
                    *root = Arc::new(Block::Branch(children));
                    self.shift += BITS;
                }
                insert_leaf(root, self.shift, self.in_tree, leaf);
            }
        }
        self.in_tree += WIDTH;
    }
}

/// Hangs `leaf` below `block`, whose children are `shift` bits of index apart, as the leaf of element `start`.
fn insert_leaf<T: Clone>(block: &mut Arc<Block<T>>, shift: u32, start: usize, leaf: Arc<Block<T>>) {
    let Block::Branch(children) = Arc::make_mut(block) else {
        unreachable!("a full leaf was put below a branch before another comes");
    };
    let child = (start >> shift) & (WIDTH - 1);
    if shift == BITS {
        children.push(leaf);
    } else {
        if child == children.len() {
            children.push(Arc::new(Block::Branch(Vec::with_capacity(WIDTH))));
        }
        insert_leaf(&mut children[child], shift - BITS, start, leaf);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_depth_reads_back_what_was_pushed() {
        let mut vector = PersistentVec::new();
        for value in 0..70_000_usize {
            vector.push(value);
        }
        assert_eq!(vector.iter().copied().collect::<Vec<_>>(), (0..70_000).collect::<Vec<_>>());
        assert!((0..70_000).all(|index| vector.get(index) == Some(&index)));
        assert_eq!(vector.get(70_000), None);
    }

    proptest! {
        #[test]
        fn a_copy_never_sees_later_changes(
            before in 0_usize..2_500, after in 0_usize..200, changed in proptest::collection::vec(0_usize..2_700, 0..50),
        ) {
            let mut vector = PersistentVec::new();
            (0..before).for_each(|value| vector.push(value));
            let copy = vector.clone();
            let mut model: Vec<usize> = (0..before).collect();
            for value in 0..after {
                vector.push(value);
                model.push(value);
            }
            for index in changed {
                let known = index < model.len();
                prop_assert_eq!(vector.set(index, 1_000_000), known);
                if known {
                    model[index] = 1_000_000;
                }
            }
            prop_assert_eq!(vector.iter().copied().collect::<Vec<_>>(), model);
            prop_assert_eq!(copy.iter().copied().collect::<Vec<_>>(), (0..before).collect::<Vec<_>>());
        }
    }
}
