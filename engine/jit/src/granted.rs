//! Inner loops a second time, without the checks that cannot fail there.
//!
//! How often a loop comes around is often known where it begins: a range has so many numbers left, a call has so many
//! iterations left, an index that is moved on by one leaves its array after so many elements. The least of these is found
//! out once, in front of the loop; as many iterations run in a copy of it that only counts them. What is left, the last
//! iteration before a limit and the index that is beyond the end among it, is the loop's own as it was written
//! (range-check elimination by splitting the iterations; Midkiff, Moreira, Snir 1998).

use crate::ir::{Block, BlockId, Constant, End, Function, Operation, Order, Type, Unit, Variable};
use crate::loops::{At, Axis, Followed, Inside, Loop, Trips, heads_and_places, predecessors};

/// What loops of one function may grow it by, in operations.
const GROWTH_MAX: usize = 400;
/// Iterations below which finding out costs more than it saves.
const FEW: i64 = 8;
/// Where an index that is moved on may begin: far from where arithmetic wraps around, beyond every array.
const START_MAX: i64 = 1 << 40;

/// The unit with its inner loops written out again.
pub(crate) fn granted(mut unit: Unit) -> Unit {
    unit.functions.iter_mut().for_each(function);
    unit
}

fn function(function: &mut Function) {
    let (heads, place) = heads_and_places(function);
    let inner: Vec<Loop> = (0..function.blocks.len())
        .filter(|&block| heads[block])
        .filter_map(|head| Loop::of(function, head, &heads, &place))
        .collect();
    let mut growth = 0;
    for inner in inner {
        growth += inner.size(function);
        if growth <= GROWTH_MAX {
            write_out_again(&inner, function);
        }
    }
}

/// Writes the loop out again, and what decides between the two.
fn write_out_again(inner: &Loop, function: &mut Function) {
    let Some(trips) = inner.trips(function) else { return };
    let (places, insides) = inner.insides(function);
    let mut out = Out { function, operations: Vec::new() };
    let outside: Vec<usize> =
        predecessors(out.function, inner.head).into_iter().filter(|&from| from != inner.last).collect();
    let first_new = out.function.blocks.len();
    // Whether it is worth it, how often, the copy, and behind it.
    let (asks, decides, copied) = (first_new, first_new + 1, first_new + 2);
    let behind = copied + inner.blocks.len();
    let head = BlockId(inner.head as u32);
    let at = |block: usize| BlockId(block as u32);
    out.operations = out.function.blocks[inner.head].operations.clone();
    let (count, is_long) = out.is_long(trips);
    out.end(End::Branch { condition: is_long, then: at(decides), otherwise: head });
    let (granted, stop, difference) = out.granted(trips, count, &insides);
    out.end(End::Branch { condition: granted, then: at(copied), otherwise: head });
    let counter = match trips {
        Trips::Counted(counter) => Some((counter, difference)),
        Trips::Below(..) => None,
    };
    let copy = Copy { places, counter, stop, behind: at(behind) };
    for &block in &inner.blocks {
        let end = copy_block(inner, &mut out, block, &copy);
        let moved = |BlockId(to): BlockId| {
            let found = inner.blocks.iter().position(|&block| block == to as usize);
            found.map_or(BlockId(to), |found| at(copied + found))
        };
        let end = match end {
            _ if block == inner.head => End::Jump(moved(at(inner.first))),
            End::Jump(to) => End::Jump(moved(to)),
            End::Branch { condition, then, otherwise } => {
                End::Branch { condition, then: moved(then), otherwise: moved(otherwise) }
            }
            end => end,
        };
        out.end(end);
    }
    out.end(End::Jump(head));
    debug_assert_eq!(out.function.blocks.len(), behind + 1);
    for from in outside {
        out.function.blocks[from].end.redirect(head, at(asks));
    }
}

/// The operations of a block of the copy, and how it ends.
fn copy_block(inner: &Loop, out: &mut Out<'_>, block: usize, copy: &Copy) -> End {
    let Block { operations, end } = out.function.blocks[block].clone();
    for (at, mut operation) in operations.into_iter().enumerate() {
        if let Operation::Load { is_inside, .. } | Operation::Store { is_inside, .. } = &mut operation {
            *is_inside = copy.places.contains(&(block, at));
        }
        match (&operation, copy.counter) {
            // It goes on: that is why the copy runs.
            (o, _) if block == inner.head && o.target() == Some(inner.condition) => {
                let value = Constant::Bool(true);
                out.operations.push(Operation::Constant { to: inner.condition, value });
            }
            // What is counted down beside the iterations is known from these.
            (o, Some((counter, difference))) if o.target() == Some(counter) => {
                let left = out.loops_left();
                out.operations.push(Operation::WrappingAdd { to: counter, a: left, b: difference });
            }
            (Operation::CountLoop { .. }, _) => out.operations.push(Operation::CountGranted),
            _ => out.operations.push(operation),
        }
    }
    if block != inner.last {
        return end;
    }
    let (left, more) = (out.loops_left(), out.variable(Type::Bool));
    out.operations.push(Operation::CompareInt { order: Order::NotEqual, to: more, a: left, b: copy.stop });
    End::Branch { condition: more, then: BlockId(inner.head as u32), otherwise: copy.behind }
}

/// What the copy of a loop does in another way.
struct Copy {
    /// Elements without a check.
    places: Vec<At>,
    /// What is counted down, and what it is more than the iterations that are left.
    counter: Option<(Variable, Variable)>,
    /// The iterations that are left where the copy ends.
    stop: Variable,
    /// Where it goes on then.
    behind: BlockId,
}

/// A function while blocks are added to it.
struct Out<'f> {
    function: &'f mut Function,
    /// Of the block that is written.
    operations: Vec<Operation>,
}

impl Out<'_> {
    fn end(&mut self, end: End) {
        let operations = std::mem::take(&mut self.operations);
        self.function.blocks.push(Block { operations, end });
    }

    fn variable(&mut self, ty: Type) -> Variable {
        self.function.variables.push(ty);
        Variable(self.function.variables.len() as u32 - 1)
    }

    fn int(&mut self, value: i64) -> Variable {
        let to = self.variable(Type::Int);
        self.operations.push(Operation::Constant { to, value: Constant::Int(value) });
        to
    }

    fn add(&mut self, a: Variable, b: Variable) -> Variable {
        let to = self.variable(Type::Int);
        self.operations.push(Operation::WrappingAdd { to, a, b });
        to
    }

    fn subtract(&mut self, a: Variable, b: Variable) -> Variable {
        let to = self.variable(Type::Int);
        self.operations.push(Operation::WrappingSubtract { to, a, b });
        to
    }

    fn compare(&mut self, order: Order, a: Variable, b: Variable) -> Variable {
        let to = self.variable(Type::Bool);
        self.operations.push(Operation::CompareInt { order, to, a, b });
        to
    }

    fn choose(&mut self, condition: Variable, then: Variable, otherwise: Variable) -> Variable {
        let to = self.variable(Type::Int);
        self.operations.push(Operation::Choose { to, condition, then, otherwise });
        to
    }

    fn least(&mut self, a: Variable, b: Variable) -> Variable {
        let less = self.compare(Order::Less, a, b);
        self.choose(less, a, b)
    }

    fn loops_left(&mut self) -> Variable {
        let to = self.variable(Type::Int);
        self.operations.push(Operation::LoopsLeft { to });
        to
    }

    /// How often a loop comes around, and whether that is worth more thought.
    fn is_long(&mut self, trips: Trips) -> (Variable, Variable) {
        let few = self.int(FEW);
        match trips {
            Trips::Counted(count) => (count, self.compare(Order::Greater, count, few)),
            Trips::Below(from, to) => {
                // Where one is below the other, what is between them is right, or negative if it does not fit.
                let (is_below, between) = (self.compare(Order::Less, from, to), self.subtract(to, from));
                let is_long = self.compare(Order::Greater, between, few);
                let both = self.variable(Type::Bool);
                self.operations.push(Operation::And { to: both, a: is_below, b: is_long });
                (between, both)
            }
        }
    }

    /// Whether iterations are granted for the copy, what is left of all of them where it ends, and what a counter is more
    /// than what is left, behind the operation that counts it down.
    fn granted(&mut self, trips: Trips, count: Variable, insides: &[Inside]) -> (Variable, Variable, Variable) {
        let (left, minus_one) = (self.loops_left(), self.int(-1));
        // The last that is granted ends in an exit.
        let most = self.add(left, minus_one);
        let mut count = self.least(count, most);
        for &inside in insides {
            count = self.inside(inside, count);
        }
        let few = self.int(FEW);
        let granted = self.compare(Order::Greater, count, few);
        let stop = self.subtract(left, count);
        let difference = match trips {
            Trips::Counted(counter) => {
                let more = self.subtract(counter, left);
                self.add(more, minus_one)
            }
            Trips::Below(..) => minus_one,
        };
        (granted, stop, difference)
    }

    /// The iterations, if they are at most so many, in which an index is inside its array.
    fn inside(&mut self, (array, axis, followed): Inside, count: Variable) -> Variable {
        let length = self.variable(Type::Int);
        self.operations.push(match axis {
            Axis::Row => Operation::Length { to: length, array },
            Axis::Column => Operation::Columns { to: length, array },
        });
        let nothing = self.int(0);
        match followed {
            Followed::Still(index) => {
                let is_natural = self.compare(Order::GreaterEqual, index, nothing);
                let count = self.choose(is_natural, count, nothing);
                let is_below = self.compare(Order::Less, index, length);
                self.choose(is_below, count, nothing)
            }
            Followed::Moving(index, offset) => {
                let (start_min, start_max) = (self.int(-offset), self.int(START_MAX));
                let is_natural = self.compare(Order::GreaterEqual, index, start_min);
                let count = self.choose(is_natural, count, nothing);
                let is_near = self.compare(Order::LessEqual, index, start_max);
                let count = self.choose(is_near, count, nothing);
                let room = self.subtract(length, index);
                let room = self.add(room, start_min);
                self.least(count, room)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::{Array, ArrayParameter, Element, Exit, ExitId};
    use crate::{ArrayArgument, ArrayElements, Budget, Outcome, Scratch, Supervisor, compile};

    const EXIT: ExitId = ExitId(0);
    const V: fn(u32) -> Variable = Variable;

    /// `for i from v0, v1 times { v2 += array[i + offset] }; v2`: v3 is `i`, the exit tells v0, v1 and v2. Without an offset the
    /// index is v9 each time.
    fn sum(offset: Option<i64>) -> Unit {
        let int = |to, value| Operation::Constant { to: V(to), value: Constant::Int(value) };
        let add = |to, a, b| Operation::WrappingAdd { to: V(to), a: V(a), b: V(b) };
        let load = Operation::Load {
            to: V(6),
            array: Array(0),
            index: V(if offset.is_some() { 5 } else { 9 }),
            column: None,
            from_end: true,
            is_inside: false,
            exit: EXIT,
        };
        let block = |operations, end| Block { operations, end };
        let mut variables = vec![Type::Int; 10];
        variables[8] = Type::Bool;
        let body = vec![
            Operation::Copy { to: V(3), from: V(0) },
            int(7, 1),
            add(0, 0, 7),
            int(7, -1),
            add(1, 1, 7),
            int(4, offset.unwrap_or(0)),
            add(5, 3, 4),
            load,
            add(2, 2, 6),
            Operation::CountLoop { exit: EXIT },
        ];
        let head = vec![int(7, 0), Operation::CompareInt { order: Order::NotEqual, to: V(8), a: V(1), b: V(7) }];
        let goes_on = End::Branch { condition: V(8), then: BlockId(2), otherwise: BlockId(3) };
        Unit {
            functions: vec![Function {
                variables,
                parameters: vec![V(0), V(1), V(9)],
                arrays: vec![ArrayParameter { element: Element::Int, writable: false }],
                result: Some(Type::Int),
                blocks: vec![
                    block(vec![int(2, 0)], End::Jump(BlockId(1))),
                    block(head, goes_on),
                    block(body, End::Jump(BlockId(1))),
                    block(Vec::new(), End::Return(Some(V(2)))),
                ],
                exits: vec![Exit { site: 0, live: vec![V(0), V(1), V(2)], outer: None }],
            }],
        }
    }

    struct Nothing;

    impl Supervisor for Nothing {
        fn more_calls(&mut self) -> Option<std::num::NonZeroU64> {
            None
        }
    }

    #[test]
    fn the_copy_has_no_checks_and_the_loop_keeps_its_own() {
        let unit = granted(sum(Some(1)));
        let operations = || unit.functions[0].blocks.iter().flat_map(|block| &block.operations);
        let count = |is: fn(&Operation) -> bool| operations().filter(|o| is(o)).count();
        assert_eq!(count(|o| matches!(o, Operation::Load { is_inside: true, .. })), 1);
        assert_eq!(count(|o| matches!(o, Operation::Load { is_inside: false, .. })), 1);
        assert_eq!(count(|o| matches!(o, Operation::CountGranted)), 1);
        assert_eq!(count(|o| matches!(o, Operation::CountLoop { .. })), 1);
    }

    #[test]
    fn whatever_the_range_the_sum_is_that_of_the_elements_or_the_exit_is_where_there_is_none() {
        let elements: Vec<i64> = (0..100).map(|k| k * k).collect();
        for offset in [-3, 0, 2, 200] {
            let unit = compile(&sum(Some(offset))).unwrap();
            let starts = [0, 3, 50, 98, 100, 101, -2, -100, -103, -104, i64::MAX - 20, i64::MAX, i64::MIN, 1 << 40];
            for (start, count, loops) in starts.iter().flat_map(|&start| {
                [0, 1, 8, 9, 20, 97, 100, 101, i64::MAX]
                    .map(|count| (start, count))
                    .into_iter()
                    .flat_map(|(start, count)| [1, 2, 9, 20, 100_000].map(|loops| (start, count, loops)))
            }) {
                let mut budget = Budget { loops, calls: 1, depth: 1 };
                let mut scratch = Scratch::default();
                let mut arrays = [ArrayArgument { elements: ArrayElements::Ints(&elements), columns: 1 }];
                let arguments = [Constant::Int(start), Constant::Int(count), Constant::Int(0)];
                let outcome = unit.call(&arguments, &mut arrays, &mut budget, &mut Nothing, &mut scratch);
                let case = format!("offset {offset}, {count} from {start}, {loops} granted");

                // The same by hand.
                let (mut at, mut left, mut total, mut granted) = (start, count, 0i64, loops);
                let mut ended = None;
                while left != 0 {
                    let index = at.wrapping_add(offset);
                    let place = if index < 0 { index + 100 } else { index };
                    (at, left) = (at.wrapping_add(1), left - 1);
                    let Some(element) = usize::try_from(place).ok().and_then(|place| elements.get(place)) else {
                        ended = Some([at, left, total]);
                        break;
                    };
                    total += element;
                    if granted == 1 {
                        ended = Some([at, left, total]);
                        break;
                    }
                    granted -= 1;
                }
                match ended {
                    None => assert_eq!(outcome, Outcome::Returned(Some(Constant::Int(total))), "{case}"),
                    Some(told) => {
                        let told = told.map(i64::cast_unsigned).to_vec();
                        let exits: Vec<_> = scratch.exits().map(|(_, values)| values.to_vec()).collect();
                        assert_eq!((outcome, exits), (Outcome::Left, vec![told]), "{case}");
                    }
                }
                assert_eq!(budget.loops, granted, "{case}");
            }
        }
    }

    /// What a head compares is not what the variable is behind it where something there assigns it again.
    #[test]
    fn a_bound_that_is_assigned_behind_the_comparison_says_nothing() {
        let below = |again: bool| {
            let mut unit = sum(None);
            let compare = Operation::CompareInt { order: Order::Less, to: V(8), a: V(0), b: V(7) };
            let head = &mut unit.functions[0].blocks[1].operations;
            head[1] = compare;
            head.extend(again.then_some(Operation::Constant { to: V(7), value: Constant::Int(100) }));
            // The body leaves the number that is compared alone, so that only the head assigns it.
            let body = &mut unit.functions[0].blocks[2].operations;
            body.retain(|o| o.target() != Some(V(7)));
            body[1] = Operation::Constant { to: V(4), value: Constant::Int(1) };
            body[2] = Operation::WrappingAdd { to: V(0), a: V(0), b: V(4) };
            unit
        };
        let blocks = |unit: Unit| unit.functions[0].blocks.len();
        let (plain, behind) = (below(false), below(true));
        assert!(blocks(granted(plain.clone())) > blocks(plain), "a bound of the head's own is known");
        assert_eq!(blocks(granted(behind.clone())), blocks(behind), "the loop stays as it is");
    }

    #[test]
    fn an_index_that_stays_is_inside_or_the_exit_is_where_the_loop_begins() {
        let unit = compile(&sum(None)).unwrap();
        for (index, there) in [(0, Some(5)), (2, Some(7)), (-1, Some(7)), (3, None), (-4, None), (i64::MAX, None)] {
            let mut budget = Budget { loops: 1_000, calls: 1, depth: 1 };
            let mut arrays = [ArrayArgument { elements: ArrayElements::Ints(&[5, 6, 7]), columns: 1 }];
            let arguments = [Constant::Int(0), Constant::Int(40), Constant::Int(index)];
            let outcome = unit.call(&arguments, &mut arrays, &mut budget, &mut Nothing, &mut Scratch::default());
            let expected = there.map_or(Outcome::Left, |each| Outcome::Returned(Some(Constant::Int(40 * each))));
            assert_eq!((outcome, budget.loops), (expected, if there.is_some() { 960 } else { 1_000 }), "{index}");
        }
    }
}
