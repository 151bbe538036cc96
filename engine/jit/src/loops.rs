//! Inner loops of a function: how often they come around, and what the indices in them are.

use crate::ir::{Array, BlockId, Constant, End, Function, IntOperator, Operation, Order, Variable};
use crate::ranges::reverse_postorder;

/// Blocks and operations of a loop that is looked at.
const BLOCKS_MAX: usize = 12;
const OPERATIONS_MAX: usize = 60;
/// How far behind what is moved on an index may be.
const OFFSET_MAX: i64 = 1 << 20;
/// Variables that an index is followed through.
const FOLLOWED_MAX: usize = 6;

/// The blocks that go on in each block.
pub(crate) fn predecessors(function: &Function, block: usize) -> Vec<usize> {
    let goes_there = |from: &usize| {
        let next = function.blocks[*from].end.successors();
        next.into_iter().flatten().any(|BlockId(to)| to as usize == block)
    };
    (0..function.blocks.len()).filter(goes_there).collect()
}

/// Which blocks are heads of loops, and the place of each in an order in which a loop's head comes before its other blocks.
pub(crate) fn heads_and_places(function: &Function) -> (Vec<bool>, Vec<usize>) {
    let (order, heads) = reverse_postorder(function, |_| true);
    let mut places = vec![0; function.blocks.len()];
    for (place, &block) in order.iter().enumerate() {
        places[block] = place;
    }
    (heads, places)
}

/// What an index is while the loop runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Followed {
    /// The same all the time.
    Still(Variable),
    /// What the variable was when the iteration began, and so much more.
    Moving(Variable, i64),
}

/// An operation of the loop, by its block and place.
pub(crate) type At = (usize, usize);

/// Along which axis of an array an index goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Axis {
    Row,
    Column,
}

/// What must hold for a check to be left out.
pub(crate) type Inside = (Array, Axis, Followed);

/// How often a loop comes around if nothing ends it before.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Trips {
    /// As often as this variable says, which is counted down.
    Counted(Variable),
    /// As long as the first, which is moved on by one, is below the second; or once more.
    Below(Variable, Variable),
}

/// A loop with no other inside, one way back and one way out at its head.
#[derive(Debug)]
pub(crate) struct Loop {
    pub(crate) head: usize,
    /// The block behind the head, which begins each iteration.
    pub(crate) first: usize,
    /// The block that goes back.
    pub(crate) last: usize,
    /// All of them, the head first.
    pub(crate) blocks: Vec<usize>,
    pub(crate) condition: Variable,
    /// Variables that only one operation of the loop changes, by a known number: where, and by how much.
    moved: Vec<(Variable, At, i64)>,
    /// Whether the loop assigns each variable.
    assigned: Vec<bool>,
}

impl Loop {
    pub(crate) fn of(function: &Function, head: usize, heads: &[bool], place: &[usize]) -> Option<Loop> {
        let ways: Vec<usize> =
            predecessors(function, head).into_iter().filter(|&way| place[way] >= place[head]).collect();
        let &[last] = ways.as_slice() else { return None };
        let counts = |o: &Operation| matches!(o, Operation::CountLoop { .. });
        let ends_well = matches!(function.blocks[last].end, End::Jump(_))
            && function.blocks[last].operations.last().is_some_and(counts);
        if last == head || !ends_well {
            return None;
        }
        let mut blocks = vec![head, last];
        let mut next = 1;
        while let Some(&block) = blocks.get(next) {
            next += 1;
            if block == 0 || heads[block] || blocks.len() > BLOCKS_MAX {
                return None;
            }
            let new = predecessors(function, block);
            let new: Vec<usize> = new.into_iter().filter(|from| !blocks.contains(from)).collect();
            blocks.extend(new);
        }
        let End::Branch { condition, then: BlockId(first), otherwise } = function.blocks[head].end else { return None };
        let first = first as usize;
        let is_simple = |o: &Operation| {
            matches!(o, Operation::Constant { .. } | Operation::Length { .. } | Operation::CompareInt { .. })
        };
        let leaves = blocks.contains(&first) && !blocks.contains(&(otherwise.0 as usize));
        if !leaves || predecessors(function, first) != [head] || !function.blocks[head].operations.iter().all(is_simple)
        {
            return None;
        }
        let operations = || blocks.iter().flat_map(|&block| &function.blocks[block].operations);
        let calls = operations().any(|o| matches!(o, Operation::Call { .. }));
        if calls || operations().filter(|o| counts(o)).count() != 1 || operations().count() > OPERATIONS_MAX {
            return None;
        }
        let mut assigned = vec![false; function.variables.len()];
        operations().filter_map(Operation::target).for_each(|Variable(to)| assigned[to as usize] = true);
        let mut found = Loop { head, first, last, blocks, condition, moved: Vec::new(), assigned };
        found.moved = found.moved(function);
        Some(found)
    }

    pub(crate) fn size(&self, function: &Function) -> usize {
        self.blocks.iter().map(|&block| function.blocks[block].operations.len() + 1).sum()
    }

    /// The variables that each iteration moves on once, by the same.
    fn moved(&self, function: &Function) -> Vec<(Variable, At, i64)> {
        let mut moved = Vec::new();
        let blocks = if self.first == self.last { vec![self.first] } else { vec![self.first, self.last] };
        for block in blocks {
            for (at, operation) in function.blocks[block].operations.iter().enumerate() {
                let Some(to) = operation.target() else { continue };
                let alone = self.assignments(function, to).count() == 1;
                if let Some((_, by)) = self.sum(function, (block, at)).filter(|&(from, _)| alone && from == to) {
                    moved.push((to, (block, at), by));
                }
            }
        }
        moved
    }

    /// Where the loop assigns a variable.
    fn assignments<'f>(&'f self, function: &'f Function, variable: Variable) -> impl Iterator<Item = At> + 'f {
        self.blocks.iter().flat_map(move |&block| {
            let operations = function.blocks[block].operations.iter().enumerate();
            operations.filter(move |(_, o)| o.target() == Some(variable)).map(move |(at, _)| (block, at))
        })
    }

    /// What an operation adds a known number to, and the number.
    fn sum(&self, function: &Function, at: At) -> Option<(Variable, i64)> {
        let known = |variable| self.known(function, variable, at);
        let (a, by) = match function.blocks[at.0].operations[at.1] {
            Operation::Int { operator: IntOperator::Add, a, b, .. } | Operation::WrappingAdd { a, b, .. } => {
                (a, known(b)?)
            }
            Operation::Int { operator: IntOperator::Subtract, a, b, .. } => (a, known(b)?.checked_neg()?),
            Operation::Copy { from, .. } => (from, 0),
            _ => return None,
        };
        (-OFFSET_MAX..=OFFSET_MAX).contains(&by).then_some((a, by))
    }

    /// The number that a variable certainly is before an operation.
    fn known(&self, function: &Function, variable: Variable, (block, at): At) -> Option<i64> {
        let before = &function.blocks[block].operations[..at];
        match before.iter().rfind(|operation| operation.target() == Some(variable))? {
            Operation::Constant { value: Constant::Int(value), .. } => Some(*value),
            _ => None,
        }
    }

    /// What a variable is before an operation.
    fn follow(&self, function: &Function, variable: Variable, at: At, steps: usize) -> Option<Followed> {
        if !self.assigned[variable.0 as usize] {
            return Some(Followed::Still(variable));
        }
        if let Some(&(_, moved_at, by)) = self.moved.iter().find(|(moved, ..)| *moved == variable) {
            let is_behind = if at.0 == moved_at.0 { at.1 > moved_at.1 } else { moved_at.0 == self.first };
            return (by == 1).then_some(Followed::Moving(variable, if is_behind { by } else { 0 }));
        }
        let from = self.latest(function, variable, at)?;
        let (source, by) = self.sum(function, from)?;
        match self.follow(function, source, from, steps.checked_sub(1)?)? {
            Followed::Moving(moved, offset) => {
                let offset = offset + by;
                (offset.abs() <= OFFSET_MAX).then_some(Followed::Moving(moved, offset))
            }
            Followed::Still(still) => (by == 0).then_some(Followed::Still(still)),
        }
    }

    /// The assignment whose value a variable has before an operation, if it is of the same iteration.
    fn latest(&self, function: &Function, variable: Variable, at: At) -> Option<At> {
        let all: Vec<At> = self.assignments(function, variable).collect();
        let here = all.iter().rfind(|from| from.0 == at.0 && from.1 < at.1);
        // The first block comes before every other: what it alone assigns is still there.
        let is_from_first = at.0 != self.first && all.iter().all(|from| from.0 == self.first);
        here.or_else(|| all.last().filter(|_| is_from_first)).copied()
    }

    /// How often it comes around, if what it asks at its head says that.
    pub(crate) fn trips(&self, function: &Function) -> Option<Trips> {
        let operations = &function.blocks[self.head].operations;
        let at = operations.iter().rposition(|o| o.target() == Some(self.condition))?;
        let Operation::CompareInt { order, a, b, .. } = operations[at] else { return None };
        let by = |variable| self.moved.iter().find(|(moved, ..)| *moved == variable).map(|&(.., by)| by);
        // Only the head assigns it, and nothing behind the comparison: else what is compared is another number.
        let is_still = |variable| self.assignments(function, variable).all(|(block, op)| block == self.head && op < at);
        match order {
            Order::NotEqual if by(a) == Some(-1) && self.known(function, b, (self.head, at)) == Some(0) => {
                Some(Trips::Counted(a))
            }
            Order::Less | Order::LessEqual if by(a) == Some(1) && is_still(b) => Some(Trips::Below(a, b)),
            _ => None,
        }
    }

    /// The elements whose checks the copy can do without, and what must hold for that.
    pub(crate) fn insides(&self, function: &Function) -> (Vec<At>, Vec<Inside>) {
        let (mut places, mut insides) = (Vec::new(), Vec::new());
        for &block in &self.blocks {
            for (at, operation) in function.blocks[block].operations.iter().enumerate() {
                let (Operation::Load { array, index, column, .. } | Operation::Store { array, index, column, .. }) =
                    *operation
                else {
                    continue;
                };
                let follow = |variable| self.follow(function, variable, (block, at), FOLLOWED_MAX);
                let (Some(row), Some(column)) = (follow(index), column.map_or(Some(None), |c| follow(c).map(Some)))
                else {
                    continue;
                };
                places.push((block, at));
                let needed = [Some((array, Axis::Row, row)), column.map(|column| (array, Axis::Column, column))];
                for inside in needed.into_iter().flatten() {
                    if !insides.contains(&inside) {
                        insides.push(inside);
                    }
                }
            }
        }
        (places, insides)
    }
}
