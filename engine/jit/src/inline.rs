//! Calls of small functions, replaced by what they call.
//!
//! A call costs more than the arithmetic of a small function: its budget is counted, its frame is made, and nothing is
//! known of its arguments. A recursive function is written out a few levels deep in itself, as optimising compilers do.
//! What leaves an inlined function leaves the call that it stands for as well ([`crate::ir::Exit::outer`]), and the depth
//! of calls counts it ([`Operation::OpenCall`]), so that nobody outside sees that it was inlined.

use crate::ir::{
    Array, Block, BlockId, Constant, End, Exit, ExitId, Function, FunctionId, Operation, Type, Unit, Variable,
};

/// Operations of a function that is inlined.
const CALLEE_MAX: usize = 60;
/// Operations that a function may grow by.
const GROWTH_MAX: usize = 420;
/// Inlined calls inside each other.
const LEVELS_MAX: u32 = 3;

/// The unit with small functions inlined, and without those that nobody calls any more.
pub(crate) fn inline(unit: &Unit) -> Unit {
    let functions = (0..unit.functions.len()).map(|index| Inliner::new(unit, index).run()).collect();
    called(Unit { functions })
}

/// Only the functions that can be reached from the first.
fn called(mut unit: Unit) -> Unit {
    let mut order: Vec<u32> = vec![0];
    let mut next = 0;
    while let Some(&index) = order.get(next) {
        next += 1;
        let Some(function) = unit.functions.get(index as usize) else { continue };
        for callee in callees(function) {
            if !order.contains(&callee) {
                order.push(callee);
            }
        }
    }
    let place = |FunctionId(old): FunctionId| order.iter().position(|known| *known == old).unwrap_or(0) as u32;
    for operation in unit.functions.iter_mut().flat_map(|f| &mut f.blocks).flat_map(|b| &mut b.operations) {
        if let Operation::Call { function, .. } = operation {
            *function = FunctionId(place(*function));
        }
    }
    let mut functions: Vec<Option<Function>> = unit.functions.into_iter().map(Some).collect();
    let taken = order.iter().filter_map(|&index| functions.get_mut(index as usize).and_then(Option::take)).collect();
    Unit { functions: taken }
}

fn callees(function: &Function) -> impl Iterator<Item = u32> + '_ {
    function.blocks.iter().flat_map(|b| &b.operations).filter_map(|operation| match operation {
        Operation::Call { function, .. } => Some(function.0),
        _ => None,
    })
}

fn size(function: &Function) -> usize {
    function.blocks.iter().map(|block| block.operations.len() + 1).sum()
}

/// One function while others are put into it.
struct Inliner<'u> {
    unit: &'u Unit,
    out: Function,
    growth: usize,
    /// Blocks that were not looked at, with the inlined calls around them.
    queue: Vec<(usize, u32)>,
}

impl<'u> Inliner<'u> {
    fn new(unit: &'u Unit, index: usize) -> Self {
        let out = unit.functions[index].clone();
        let queue = (0..out.blocks.len()).rev().map(|block| (block, 0)).collect();
        Inliner { unit, out, growth: 0, queue }
    }

    fn run(mut self) -> Function {
        while let Some((block, level)) = self.queue.pop() {
            self.block(block, level);
        }
        self.out
    }

    /// Inlines the first call of a block that is worth it; what is behind it becomes a block of its own.
    fn block(&mut self, block: usize, level: u32) {
        let place = self.out.blocks[block].operations.iter().position(|operation| match operation {
            Operation::Call { function, .. } => self.is_worth(*function, level),
            _ => false,
        });
        let Some(place) = place else { return };
        let Block { operations, end } = &mut self.out.blocks[block];
        let mut rest = operations.split_off(place);
        let behind = Block { operations: rest.split_off(1), end: end.clone() };
        let Some(Operation::Call { function, arguments, arrays, to, exit, .. }) = rest.pop() else { return };
        let behind_id = BlockId(self.out.blocks.len() as u32);
        self.out.blocks.push(behind);
        self.queue.push((behind_id.0 as usize, level));
        let unit = self.unit;
        let callee = &unit.functions[function.0 as usize];
        self.growth += size(callee);
        let copied = Copied {
            variables: self.out.variables.len() as u32,
            blocks: self.out.blocks.len() as u32,
            exits: self.out.exits.len() as u32,
            arrays: &arrays,
            open: level + 1,
        };
        let entry = &mut self.out.blocks[block];
        entry.operations.push(Operation::OpenCall { open: level, exit });
        // Variables begin at zero in each call.
        for (index, ty) in (0..).zip(&callee.variables) {
            let to = copied.variable(Variable(index));
            entry.operations.push(Operation::Constant { to, value: zero(*ty) });
        }
        for (parameter, argument) in callee.parameters.iter().zip(&arguments) {
            entry.operations.push(Operation::Copy { to: copied.variable(*parameter), from: *argument });
        }
        entry.end = End::Jump(copied.block(BlockId(0)));
        self.out.variables.extend(&callee.variables);
        for inner in &callee.exits {
            let outer = Some(inner.outer.map_or(exit, |outer| copied.exit(outer)));
            let live = inner.live.iter().map(|variable| copied.variable(*variable)).collect();
            self.out.exits.push(Exit { site: inner.site, live, outer });
        }
        for (index, inner) in callee.blocks.iter().enumerate() {
            let mut operations: Vec<Operation> = inner.operations.iter().map(|o| copied.operation(o)).collect();
            let end = match inner.end {
                End::Jump(block) => End::Jump(copied.block(block)),
                End::Branch { condition, then, otherwise } => End::Branch {
                    condition: copied.variable(condition),
                    then: copied.block(then),
                    otherwise: copied.block(otherwise),
                },
                End::Exit(exit) => End::Exit(copied.exit(exit)),
                End::Return(value) => {
                    if let (Some(to), Some(from)) = (to, value) {
                        operations.push(Operation::Copy { to, from: copied.variable(from) });
                    }
                    End::Jump(behind_id)
                }
            };
            self.out.blocks.push(Block { operations, end });
            self.queue.push((copied.blocks as usize + index, level + 1));
        }
    }

    fn is_worth(&self, function: FunctionId, level: u32) -> bool {
        let callee = &self.unit.functions[function.0 as usize];
        let callee_size = size(callee);
        level < LEVELS_MAX && callee_size <= CALLEE_MAX && self.growth + callee_size <= GROWTH_MAX
    }
}

fn zero(ty: Type) -> Constant {
    match ty {
        Type::Int => Constant::Int(0),
        Type::Scalar => Constant::Scalar(0.0),
        Type::Bool => Constant::Bool(false),
    }
}

/// Where the parts of a function stand in the one that it was copied into.
struct Copied<'a> {
    variables: u32,
    blocks: u32,
    exits: u32,
    arrays: &'a [Array],
    /// Inlined calls around its own calls.
    open: u32,
}

impl Copied<'_> {
    fn variable(&self, Variable(index): Variable) -> Variable {
        Variable(self.variables + index)
    }

    fn block(&self, BlockId(index): BlockId) -> BlockId {
        BlockId(self.blocks + index)
    }

    fn exit(&self, ExitId(index): ExitId) -> ExitId {
        ExitId(self.exits + index)
    }

    fn array(&self, Array(index): Array) -> Array {
        self.arrays[index as usize]
    }

    fn operation(&self, operation: &Operation) -> Operation {
        let mut copy = operation.clone();
        copy.visit(
            &mut |variable| *variable = self.variable(*variable),
            &mut |exit| *exit = self.exit(*exit),
            &mut |array| *array = self.array(*array),
        );
        match &mut copy {
            Operation::Call { open, .. } | Operation::OpenCall { open, .. } => *open += self.open,
            _ => {}
        }
        copy
    }
}
