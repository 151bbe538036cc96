//! The timings of operations, found by name faster than a small operation takes.
//!
//! Names are literals of the program that runs this: the same literal stands at the same address, so the address is looked
//! at first. Two addresses may still hold one name.

use super::timing::Timing;

/// Addresses that are remembered: a power of two.
const REMEMBERED: usize = 64;

/// An operation with the calls until the next one that is timed.
#[derive(Debug, Clone)]
struct Operation {
    name: &'static str,
    due: u32,
    timing: Timing,
}

/// All operations of a profile.
#[derive(Debug, Clone)]
pub(super) struct Operations {
    list: Vec<Operation>,
    /// Addresses of names with their places in the list; 0 is no address.
    remembered: [(usize, usize); REMEMBERED],
}

impl Default for Operations {
    fn default() -> Self {
        Operations { list: Vec::new(), remembered: [(0, 0); REMEMBERED] }
    }
}

impl Operations {
    #[inline]
    fn place(&mut self, name: &'static str) -> usize {
        let address = name.as_ptr().addr();
        // Literals stand close to each other, some at odd addresses.
        let slot = (address ^ (address >> 6)) % REMEMBERED;
        match self.remembered[slot] {
            (known, place) if known == address && self.list[place].name.len() == name.len() => place,
            _ => self.look_up(name, slot),
        }
    }

    #[cold]
    fn look_up(&mut self, name: &'static str, slot: usize) -> usize {
        let known = self.list.iter().position(|operation| operation.name == name);
        let place = known.unwrap_or_else(|| {
            self.list.push(Operation { name, due: 1, timing: Timing::default() });
            self.list.len() - 1
        });
        self.remembered[slot] = (name.as_ptr().addr(), place);
        place
    }

    /// Counts a call; for how many calls it stands where it is to be timed.
    #[inline]
    pub(super) fn begins(&mut self, name: &'static str) -> Option<u32> {
        let place = self.place(name);
        let operation = &mut self.list[place];
        operation.due -= 1;
        if operation.due > 0 {
            return None;
        }
        operation.due = operation.timing.begins();
        Some(operation.due)
    }

    /// The timing of an operation.
    pub(super) fn of(&mut self, name: &'static str) -> &mut Timing {
        let place = self.place(name);
        &mut self.list[place].timing
    }

    /// Counts the calls since those that were timed last.
    pub(super) fn count_up(&mut self) {
        self.list.iter_mut().for_each(|operation| operation.timing.count_up(operation.due));
    }

    /// Every operation, by name.
    pub(super) fn all(self) -> Vec<(&'static str, Timing)> {
        let mut all: Vec<_> = self.list.into_iter().map(|operation| (operation.name, operation.timing)).collect();
        all.sort_by_key(|(name, _)| *name);
        all
    }
}
