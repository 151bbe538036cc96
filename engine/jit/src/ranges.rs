//! Which ints the variables of a function may hold, and so which checks of its operations cannot fail.
//!
//! What a variable may hold anywhere ([`Ranges::bound`]) comes from all that is assigned to it. One that is only ever moved
//! on, as a counter is, is moved at most as often as a call has iterations: each way back passes a
//! [`Operation::CountLoop`] or [`Operation::CountGranted`], and no call has more than [`LOOPS_MAX`]. From there the blocks are gone through once for each change ("abstract interpretation", Cousot and Cousot,
//! 1977): comparisons and indices that were inside narrow what follows them.
//!
//! Of a scalar only whether it may be zero is known, of a bool nothing.

use crate::interval::Interval;
use crate::ir::{
    Block, BlockId, Constant, End, Function, IntOperator, Operation, Order, ScalarOperator, Type, Variable,
};

/// Iterations of one call into native code.
pub(crate) const LOOPS_MAX: u64 = 1 << 20;
/// Variables times blocks of a function that is worth looking at.
const SIZE_MAX: usize = 400_000;
/// Times that each block is gone through before nothing is known after all.
const ROUNDS_MAX: usize = 30;
/// What is known of a scalar that is not zero.
const NOT_ZERO: Interval = Interval::exactly(1);

/// What certainly holds where an operation is done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Proven {
    /// Its result fits an int.
    pub(crate) fits: bool,
    /// What it divides by is not zero.
    pub(crate) divides: bool,
    /// Its first operand is an int that is not negative.
    pub(crate) first_is_natural: bool,
    /// So is its second.
    pub(crate) second_is_natural: bool,
}

/// What holds at each operation of each block. `parameters` are what the ints may be that the function is given, and
/// `lengths` what the lengths of its arrays may be.
pub(crate) fn proven(function: &Function, parameters: &[Interval], lengths: Interval) -> Vec<Vec<Proven>> {
    let nothing = || function.blocks.iter().map(|block| vec![Proven::default(); block.operations.len()]).collect();
    if function.variables.len() * function.blocks.len() > SIZE_MAX {
        return nothing();
    }
    let mut ranges = Ranges::new(function, parameters, lengths);
    let Some(states) = ranges.fixed_point() else { return nothing() };
    let blocks = function.blocks.iter().zip(states).map(|(block, state)| match state {
        Some(mut state) => block.operations.iter().map(|operation| ranges.step(operation, &mut state)).collect(),
        // Nothing comes here.
        None => vec![Proven::default(); block.operations.len()],
    });
    blocks.collect()
}

type State = Vec<Interval>;

/// How far the bound of a variable is known.
#[derive(Debug, Clone, Copy)]
enum Bound {
    Unknown,
    /// It is asked for while it is looked for.
    Working,
    Known(Interval),
}

struct Ranges<'f> {
    function: &'f Function,
    parameters: &'f [Interval],
    lengths: Interval,
    /// What assigns each variable.
    assignments: Vec<Vec<&'f Operation>>,
    bounds: Vec<Bound>,
    /// Whether every way back counts an iteration.
    counts_all: bool,
    /// The blocks in reverse postorder, and the place of each in it.
    order: Vec<usize>,
    /// Blocks that are come back to.
    heads: Vec<bool>,
}

impl<'f> Ranges<'f> {
    fn new(function: &'f Function, parameters: &'f [Interval], lengths: Interval) -> Self {
        let mut assignments = vec![Vec::new(); function.variables.len()];
        for operation in function.blocks.iter().flat_map(|block| &block.operations) {
            if let Some(Variable(to)) = operation.target() {
                assignments[to as usize].push(operation);
            }
        }
        let (order, heads) = reverse_postorder(function, |_| true);
        let counts = |block: usize| function.blocks[block].operations.iter().any(Operation::counts);
        // Without the blocks that count there is no way back.
        let (_, uncounted) = reverse_postorder(function, |block| !counts(block));
        Ranges {
            function,
            parameters,
            lengths,
            assignments,
            bounds: vec![Bound::Unknown; function.variables.len()],
            counts_all: !uncounted.contains(&true),
            order,
            heads,
        }
    }

    /// What a variable may be anywhere.
    fn bound(&mut self, Variable(variable): Variable) -> Interval {
        let index = variable as usize;
        match self.bounds[index] {
            Bound::Known(interval) => return interval,
            Bound::Working => return Interval::ANY,
            Bound::Unknown => {}
        }
        self.bounds[index] = Bound::Working;
        let found = self.bound_of(Variable(variable));
        self.bounds[index] = Bound::Known(found);
        found
    }

    fn bound_of(&mut self, variable: Variable) -> Interval {
        if self.function.variables[variable.0 as usize] != Type::Int {
            return Interval::ANY;
        }
        // Variables begin at zero.
        let mut start = self.given(variable).unwrap_or(Interval::exactly(0));
        let (mut down, mut up) = (Interval::exactly(0), Interval::exactly(0));
        for operation in self.assignments[variable.0 as usize].clone() {
            match self.moved_on(operation, variable) {
                Some(by) if self.counts_all => {
                    let far = by.times(Interval::new(0, LOOPS_MAX as i64)).0;
                    let (lower, fits_lower) = down.plus(Interval::exactly(far.low.min(0)));
                    let (upper, fits_upper) = up.plus(Interval::exactly(far.high.max(0)));
                    if !fits_lower || !fits_upper {
                        return Interval::ANY;
                    }
                    (down, up) = (lower, upper);
                }
                _ => start = start.join(self.value(operation)),
            }
        }
        match start.plus(down.join(up)) {
            (interval, true) => interval,
            _ => Interval::ANY,
        }
    }

    /// What a parameter is given.
    fn given(&self, variable: Variable) -> Option<Interval> {
        let mut given = self.function.parameters.iter().zip(self.parameters).filter(|(p, _)| **p == variable);
        given.next().map(|(_, &interval)| interval)
    }

    /// By what an operation moves a variable on, if that is all it does with it.
    fn moved_on(&mut self, operation: &Operation, variable: Variable) -> Option<Interval> {
        let (a, b, subtracts) = match *operation {
            Operation::Int { operator: IntOperator::Add, a, b, .. } | Operation::WrappingAdd { a, b, .. } => {
                (a, b, false)
            }
            Operation::Int { operator: IntOperator::Subtract, a, b, .. } => (a, b, true),
            _ => return None,
        };
        let by = match (a == variable, b == variable) {
            (true, false) => b,
            (false, true) if !subtracts => a,
            _ => return None,
        };
        let by = self.bound(by);
        let by = if subtracts { Interval::exactly(0).minus(by).0 } else { by };
        // So far that moving on by it once more has no meaning.
        (by != Interval::ANY).then_some(by)
    }

    /// What an operation may assign, from the bounds of what it reads.
    fn value(&mut self, operation: &Operation) -> Interval {
        let mut read = |variable| self.bound(variable);
        let reads = operation.operands().map(|variable| variable.map_or(Interval::ANY, &mut read));
        self.result(operation, reads).0
    }

    /// What an operation may assign, and whether that certainly fits, where the ints that it reads are these.
    fn result(&self, operation: &Operation, [a, b, c]: [Interval; 3]) -> (Interval, bool) {
        match *operation {
            Operation::Constant { value, .. } => match value {
                Constant::Int(value) => (Interval::exactly(value), true),
                Constant::Scalar(value) if value != 0.0 => (NOT_ZERO, true),
                _ => (Interval::ANY, true),
            },
            Operation::Copy { .. } | Operation::ToScalar { .. } => (a, true),
            Operation::Int { operator, .. } => match operator {
                IntOperator::Add => a.plus(b),
                IntOperator::Subtract => a.minus(b),
                IntOperator::Multiply => a.times(b),
                IntOperator::FloorDivide => a.floor_divided(b),
                IntOperator::Remainder => (a.remainder(b), true),
                IntOperator::Power if b == Interval::exactly(2) => a.times(a),
                IntOperator::Power => (Interval::ANY, false),
            },
            Operation::NegateInt { .. } => Interval::exactly(0).minus(a),
            Operation::WrappingAdd { .. } => match a.plus(b) {
                (sum, true) => (sum, true),
                _ => (Interval::ANY, true),
            },
            Operation::Choose { .. } => (a.join(b), true),
            Operation::RangeCount { closed, .. } if c == Interval::exactly(1) => Interval::counted(a, b, closed),
            Operation::RangeCount { .. } => (Interval::new(0, i64::MAX), true),
            Operation::WrappingSubtract { .. } => match a.minus(b) {
                (difference, true) => (difference, true),
                _ => (Interval::ANY, true),
            },
            Operation::LoopsLeft { .. } => (Interval::new(0, LOOPS_MAX as i64), true),
            Operation::Length { .. } | Operation::Columns { .. } => (self.lengths, true),
            _ => (Interval::ANY, false),
        }
    }

    /// Does an operation: what holds before it, and `state` behind it.
    fn step(&mut self, operation: &Operation, state: &mut State) -> Proven {
        let reads = operation.operands().map(|v| v.map_or(Interval::ANY, |Variable(v)| state[v as usize]));
        let (result, fits) = self.result(operation, reads);
        let [a, b, _] = reads;
        let divisor = match *operation {
            Operation::Scalar { operator: ScalarOperator::Divide, b: Variable(b), .. } => state[b as usize],
            _ => b,
        };
        let proven = Proven {
            fits,
            divides: !divisor.contains(0),
            first_is_natural: a.is_natural(),
            second_is_natural: b.is_natural(),
        };
        if let Operation::Load { index, column: None, from_end, .. }
        | Operation::Store { index, column: None, from_end, .. } = *operation
        {
            // It was inside the array.
            let length = self.lengths.high;
            let inside = Interval::new(if from_end { -length } else { 0 }, length);
            let index = &mut state[index.0 as usize];
            *index = index.meet(inside).unwrap_or(inside);
        }
        if let Some(to) = operation.target() {
            let bound =
                if self.function.variables[to.0 as usize] == Type::Int { self.bound(to) } else { Interval::ANY };
            state[to.0 as usize] = result.meet(bound).unwrap_or(bound);
        }
        proven
    }

    /// What holds at the beginning of each block that is come to; `None` where it takes too long to find out.
    fn fixed_point(&mut self) -> Option<Vec<Option<State>>> {
        let function = self.function;
        let first = (0..).zip(&function.variables).map(|(v, ty)| match ty {
            Type::Int => self.given(Variable(v)).unwrap_or(Interval::exactly(0)),
            _ => Interval::ANY,
        });
        let mut states: Vec<Option<State>> = vec![None; function.blocks.len()];
        states[0] = Some(first.collect());
        let mut is_new = vec![false; function.blocks.len()];
        is_new[0] = true;
        for _ in 0..ROUNDS_MAX {
            for index in self.order.clone() {
                if !std::mem::take(&mut is_new[index]) {
                    continue;
                }
                let Some(mut state) = states[index].clone() else { continue };
                let block = &function.blocks[index];
                for operation in &block.operations {
                    self.step(operation, &mut state);
                }
                for (BlockId(next), state) in behind(block, state) {
                    is_new[next as usize] |= self.arrive(&mut states[next as usize], next as usize, &state);
                }
            }
            if !is_new.contains(&true) {
                return Some(states);
            }
        }
        None
    }

    /// Joins what holds on a way to a block with what is known there; whether that was new.
    fn arrive(&mut self, known: &mut Option<State>, block: usize, state: &State) -> bool {
        let Some(known) = known else {
            *known = Some(state.clone());
            return true;
        };
        let mut is_new = false;
        for (index, (known, &arriving)) in known.iter_mut().zip(state).enumerate() {
            let joined = known.join(arriving);
            if joined == *known {
                continue;
            }
            is_new = true;
            // Where a loop begins, what changes may be whatever the variable may be at all.
            *known = if self.heads[block] { joined.join(self.bound(Variable(index as u32))) } else { joined };
        }
        is_new
    }
}

/// Where a block goes on, with what holds there.
fn behind(block: &Block, state: State) -> Vec<(BlockId, State)> {
    match block.end {
        End::Jump(next) => vec![(next, state)],
        End::Branch { condition, then, otherwise } => {
            let compared = compared(block, condition);
            let sides = [(then, true), (otherwise, false)];
            let narrowed = |(next, holds): (BlockId, bool)| match compared {
                Some((order, a, b)) => {
                    let order = if holds { order } else { opposite(order) };
                    Some((next, narrowed(&state, order, a, b)?))
                }
                None => Some((next, state.clone())),
            };
            sides.into_iter().filter_map(narrowed).collect()
        }
        End::Return(_) | End::Exit(_) => Vec::new(),
    }
}

/// The comparison of ints that a condition at the end of a block is, if both still are what they were.
fn compared(block: &Block, condition: Variable) -> Option<(Order, Variable, Variable)> {
    let at = block.operations.iter().rposition(|operation| operation.target() == Some(condition))?;
    let Operation::CompareInt { order, a, b, .. } = block.operations[at] else { return None };
    let changed = |o: &Operation| o.target().is_some_and(|to| to == a || to == b);
    (!block.operations[at + 1..].iter().any(changed)).then_some((order, a, b))
}

fn opposite(order: Order) -> Order {
    match order {
        Order::Less => Order::GreaterEqual,
        Order::LessEqual => Order::Greater,
        Order::Greater => Order::LessEqual,
        Order::GreaterEqual => Order::Less,
        Order::Equal => Order::NotEqual,
        Order::NotEqual => Order::Equal,
    }
}

/// What holds where two ints compare so; `None` where they cannot.
fn narrowed(state: &State, order: Order, Variable(a): Variable, Variable(b): Variable) -> Option<State> {
    let (x, y) = (state[a as usize], state[b as usize]);
    let up_to = |high: i64| Interval::new(i64::MIN, high);
    let from = |low: i64| Interval::new(low, i64::MAX);
    let below = |value: i64| value.checked_sub(1).map(up_to);
    let above = |value: i64| value.checked_add(1).map(from);
    let (x, y) = match order {
        Order::Less => (x.meet(below(y.high)?)?, y.meet(above(x.low)?)?),
        Order::LessEqual => (x.meet(up_to(y.high))?, y.meet(from(x.low))?),
        Order::Greater => (x.meet(above(y.low)?)?, y.meet(below(x.high)?)?),
        Order::GreaterEqual => (x.meet(from(y.low))?, y.meet(up_to(x.high))?),
        Order::Equal => (x.meet(y)?, y.meet(x)?),
        Order::NotEqual => (without(x, y)?, without(y, x)?),
    };
    let mut state = state.clone();
    (state[a as usize], state[b as usize]) = (x, y);
    Some(state)
}

/// What is left of an interval where it is not the one value that the other is.
fn without(interval: Interval, other: Interval) -> Option<Interval> {
    let Interval { low, high } = interval;
    match (other.low == other.high, low == other.low, high == other.low) {
        (true, true, true) => None,
        (true, true, false) => Some(Interval::new(low + 1, high)),
        (true, false, true) => Some(Interval::new(low, high - 1)),
        _ => Some(interval),
    }
}

/// The blocks that are come to through blocks that are taken, each before those that it goes on to but where that is a way
/// back, and for each block whether it is come back to.
pub(crate) fn reverse_postorder(function: &Function, is_taken: impl Fn(usize) -> bool) -> (Vec<usize>, Vec<bool>) {
    #[derive(Clone, Copy, PartialEq)]
    enum Mark {
        New,
        Open,
        Done,
    }
    let count = function.blocks.len();
    let (mut marks, mut heads, mut order) = (vec![Mark::New; count], vec![false; count], Vec::new());
    for start in 0..count {
        let mut open = Vec::new();
        if marks[start] == Mark::New && is_taken(start) {
            marks[start] = Mark::Open;
            open.push((start, 0));
        }
        while let Some((block, next)) = open.last_mut() {
            let successor = function.blocks[*block].end.successors().into_iter().flatten().nth(*next);
            *next += 1;
            let Some(BlockId(to)) = successor else {
                marks[*block] = Mark::Done;
                order.push(*block);
                open.pop();
                continue;
            };
            let to = to as usize;
            heads[to] |= marks[to] == Mark::Open;
            if marks[to] == Mark::New && is_taken(to) {
                marks[to] = Mark::Open;
                open.push((to, 0));
            }
        }
    }
    order.reverse();
    (order, heads)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::{Exit, ExitId};

    const EXIT: ExitId = ExitId(0);
    const V: fn(u32) -> Variable = Variable;

    fn int(to: u32, value: i64) -> Operation {
        Operation::Constant { to: V(to), value: Constant::Int(value) }
    }

    fn arithmetic(operator: IntOperator, to: u32, a: u32, b: u32) -> Operation {
        Operation::Int { operator, to: V(to), a: V(a), b: V(b), exit: EXIT }
    }

    /// `while v1 < v0 { v3 = v1 * v1; v1 += v2 }`; variable 2 is what `step` says.
    fn loop_of(step: i64, end_of_body: Vec<Operation>) -> Function {
        let head = vec![Operation::CompareInt { order: Order::Less, to: V(4), a: V(1), b: V(0) }];
        let mut body = vec![arithmetic(IntOperator::Multiply, 3, 1, 1), arithmetic(IntOperator::Add, 1, 1, 2)];
        body.extend(end_of_body);
        let mut variables = vec![Type::Int; 5];
        variables[4] = Type::Bool;
        let block = |operations, end| Block { operations, end };
        Function {
            variables,
            parameters: vec![V(0), V(1)],
            arrays: Vec::new(),
            result: None,
            blocks: vec![
                block(vec![int(2, step)], End::Jump(BlockId(1))),
                block(head, End::Branch { condition: V(4), then: BlockId(2), otherwise: BlockId(3) }),
                block(body, End::Jump(BlockId(1))),
                block(Vec::new(), End::Return(None)),
            ],
            exits: vec![Exit { site: 0, live: Vec::new(), outer: None }],
        }
    }

    /// Whether the product and the sum of the body fit.
    fn fits(function: &Function, end: Interval, start: Interval) -> (bool, bool) {
        let found = proven(function, &[end, start], Interval::new(0, i64::MAX));
        (found[2][0].fits, found[2][1].fits)
    }

    const COUNT: Operation = Operation::CountLoop { exit: EXIT };
    const NEAR: Interval = Interval::new(-(1 << 30), 1 << 30);

    #[test]
    fn what_is_moved_on_goes_as_far_as_there_are_iterations() {
        assert_eq!(fits(&loop_of(1, vec![COUNT]), Interval::ANY, NEAR), (true, true));
        // Twice in each iteration, far each time: the product no longer fits.
        let far = loop_of(1 << 12, vec![arithmetic(IntOperator::Add, 1, 1, 2), COUNT]);
        assert_eq!(fits(&far, Interval::ANY, NEAR), (false, true));
        assert_eq!(fits(&loop_of(1, vec![COUNT]), Interval::ANY, Interval::ANY), (false, true));
        // It is below the end, and one more is at most that.
        assert_eq!(fits(&loop_of(2, vec![COUNT]), Interval::ANY, Interval::ANY), (false, false));
    }

    #[test]
    fn comparisons_bound_what_nothing_counts() {
        // One more than what is below the end is at most that; how far below is not known.
        assert_eq!(fits(&loop_of(1, Vec::new()), NEAR, Interval::new(0, 1)), (false, true));
        assert_eq!(fits(&loop_of(-1, Vec::new()), NEAR, Interval::new(0, 1)), (false, false));
        assert_eq!(fits(&loop_of(-1, vec![COUNT]), NEAR, Interval::new(0, 1)), (true, true));
    }

    #[test]
    fn what_changes_in_another_way_may_be_anything() {
        let doubled = loop_of(1, vec![arithmetic(IntOperator::Add, 1, 1, 1), COUNT]);
        assert_eq!(fits(&doubled, Interval::ANY, NEAR), (false, true));
        let copied = vec![arithmetic(IntOperator::Add, 3, 1, 2), Operation::Copy { to: V(1), from: V(3) }, COUNT];
        assert!(!fits(&loop_of(1, copied), Interval::ANY, NEAR).0);
    }
}
