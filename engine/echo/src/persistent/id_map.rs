//! A map from 64-bit ids to slots that is cloned in constant time: a radix tree over the bits of the id.
//!
//! Not a hash map: ids are hashes already. Keys are never taken out, since a slot keeps its id for ever.

use std::sync::Arc;

/// Bits of an id that one level decides.
const BITS: u32 = 4;
/// Children of a branch.
const WIDTH: usize = 1 << BITS;

#[derive(Debug, Clone)]
enum Tree {
    Empty,
    Leaf(u64, u32),
    Branch(Arc<[Tree; WIDTH]>),
}

const EMPTY: Tree = Tree::Empty;

/// A map with structural sharing. Reading and inserting take time logarithmic to base 16; cloning takes constant time.
#[derive(Debug, Clone)]
pub(crate) struct IdMap {
    root: Tree,
}

impl IdMap {
    /// No ids.
    pub(crate) fn new() -> Self {
        IdMap { root: Tree::Empty }
    }

    /// The slot of `id`.
    pub(crate) fn get(&self, id: u64) -> Option<u32> {
        let mut tree = &self.root;
        let mut rest = id;
        loop {
            match tree {
                Tree::Empty => return None,
                Tree::Leaf(known, slot) => return (*known == id).then_some(*slot),
                Tree::Branch(children) => {
                    tree = &children[rest as usize & (WIDTH - 1)];
                    rest >>= BITS;
                }
            }
        }
    }

    /// Sets the slot of `id`, whatever it was.
    pub(crate) fn insert(&mut self, id: u64, slot: u32) {
        let mut tree = &mut self.root;
        let mut depth = 0;
        loop {
            match tree {
                Tree::Branch(children) => {
                    tree = &mut Arc::make_mut(children)[child(id, depth)];
                    depth += BITS;
                }
                Tree::Leaf(known, old) if *known != id => {
                    // Two ids differ in some bit, so that going down ends.
                    let (known, old) = (*known, *old);
                    let mut children = [EMPTY; WIDTH];
                    children[child(known, depth)] = Tree::Leaf(known, old);
                    *tree = Tree::Branch(Arc::new(children));
                }
                Tree::Empty | Tree::Leaf(..) => {
                    *tree = Tree::Leaf(id, slot);
                    return;
                }
            }
        }
    }
}

fn child(id: u64, depth: u32) -> usize {
    (id >> depth) as usize & (WIDTH - 1)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_is_a_map_and_copies_stay_as_they_were(
            // Few distinct high bits, so that ids share long paths.
            first in proptest::collection::vec((0_u64..40, 0_u32..9), 0..60),
            second in proptest::collection::vec((0_u64..80, 0_u32..9), 0..60),
        ) {
            let spread = |id: u64| id << 58 | id >> 3;
            let mut map = IdMap::new();
            let mut model = BTreeMap::new();
            for (id, slot) in first {
                map.insert(spread(id), slot);
                model.insert(spread(id), slot);
            }
            let (copy, copy_model) = (map.clone(), model.clone());
            for (id, slot) in second {
                map.insert(spread(id), slot);
                model.insert(spread(id), slot);
            }
            for id in (0..100).map(spread) {
                prop_assert_eq!(map.get(id), model.get(&id).copied());
                prop_assert_eq!(copy.get(id), copy_model.get(&id).copied());
            }
        }
    }
}
