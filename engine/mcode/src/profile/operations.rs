//! The timings of operations, found by name faster than a small operation takes.
//!
//! Names are literals of the program that runs this: the same literal stands at the same address, so the address is looked
//! at first. Two addresses may still hold one name.

use super::places::{Node, Places};
use super::timing::{Begun, Timing};

/// Addresses that are remembered: a power of two.
const REMEMBERED: usize = 64;

/// What timing adds to a shorter operation (some 50 ns) is no longer small beside it: its time stands for no other call's.
const TYPICAL_NS_MIN: u64 = 200;
/// A call that takes so many times what is typical was interrupted by something else, as no other call needs to be.
const INTERRUPTED: f64 = 4.0;

/// An operation with the calls until the next one that is timed.
#[derive(Debug, Clone)]
struct Operation {
    name: &'static str,
    due: u32,
    timing: Timing,
    /// The call that was timed last, where nothing began inside it and it was long enough: its place and its time, which
    /// stand for those of the calls that are not timed.
    typical: Option<(Node, u64)>,
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
            self.list.push(Operation { name, due: 1, timing: Timing::default(), typical: None });
            self.list.len() - 1
        });
        self.remembered[slot] = (name.as_ptr().addr(), place);
        place
    }

    /// Counts a call; what it stands for where it is to be timed.
    #[inline]
    pub(super) fn begins(&mut self, name: &'static str) -> Option<Begun> {
        let place = self.place(name);
        let operation = &mut self.list[place];
        operation.due -= 1;
        if operation.due > 0 {
            return None;
        }
        let begun = operation.timing.begins();
        operation.due = begun.weight;
        Some(begun)
    }

    /// A call was timed at `node`, and nothing began inside it; the time that it tells of other calls.
    pub(super) fn was_alone(&mut self, name: &'static str, node: Node, ns: u64) -> u64 {
        let place = self.place(name);
        let operation = &mut self.list[place];
        let most_ns =
            if operation.timing.timed == 0 { f64::INFINITY } else { INTERRUPTED * operation.timing.typical_ns() };
        let told_ns = (ns as f64).min(most_ns) as u64;
        operation.typical = (told_ns >= TYPICAL_NS_MIN).then_some((node, told_ns));
        operation.typical.map_or(0, |(_, ns)| ns)
    }

    /// A call was timed that called others.
    pub(super) fn was_not_alone(&mut self, name: &'static str) {
        let place = self.place(name);
        self.list[place].typical = None;
    }

    /// Whether the time of calls that are not timed is told by those that are.
    pub(super) fn is_told(&mut self, name: &'static str) -> bool {
        let place = self.place(name);
        self.list[place].typical.is_some()
    }

    /// The timing of an operation.
    pub(super) fn of(&mut self, name: &'static str) -> &mut Timing {
        let place = self.place(name);
        &mut self.list[place].timing
    }

    /// Counts the calls since those that were timed last, and gives them their time.
    pub(super) fn count_up(&mut self, places: &mut Places) {
        for operation in &mut self.list {
            let untimed = operation.timing.count_up(operation.due);
            if let Some((node, ns)) = operation.typical {
                places.told(node, ns.saturating_mul(u64::from(untimed)));
            }
        }
    }

    /// Every operation, by name.
    pub(super) fn all(self) -> Vec<(&'static str, Timing)> {
        let mut all: Vec<_> = self.list.into_iter().map(|operation| (operation.name, operation.timing)).collect();
        all.sort_by_key(|(name, _)| *name);
        all
    }
}
