//! One function (or one loop of it) as typed code for the native compiler.
//!
//! The code is gone through once for each combination of types that reaches it ("basic block versioning", Chevalier-
//! Boisvert and Feeley, 2015): where two ways meet with different types the code behind is made twice, so that a sum
//! that begins as the int 0 and goes on as a scalar has native code for both. An instruction that native code cannot
//! do, or whose operands have no fitting types, becomes an exit: the machine goes on there. What instructions become is
//! in [`super::instructions`].

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use nexus_jit::ir::{ArrayParameter, Block, BlockId, Constant, End, Exit, ExitId, Function, Operation, Type, Variable};

use super::known::{ArrayPlace, Known, Site};
use super::unit::UnitMaker;
use crate::flow::Flow;
use crate::hir::FunctionId;
use crate::ir::{FunctionCode, Register};

/// Versions of one place.
const VERSIONS_MAX: usize = 8;
/// Blocks of one function.
const BLOCKS_MAX: usize = 3_000;

/// Where to begin, and with what in the registers.
#[derive(Debug, Clone)]
pub(super) struct Start {
    pub(super) id: FunctionId,
    pub(super) pc: usize,
    /// The part of the code that is translated.
    pub(super) extent: Range<usize>,
    pub(super) state: Vec<Known>,
    pub(super) arrays: Vec<ArrayPlace>,
    /// Whether the machine calls it: then it always ends by an exit, and values that it does not touch may lie around.
    pub(super) outermost: bool,
}

/// A translated function.
#[derive(Debug)]
pub(super) struct Built {
    pub(super) function: Function,
    pub(super) parameters: Vec<(Register, Type)>,
    pub(super) arrays: Vec<ArrayPlace>,
    /// What it returns, each once.
    pub(super) results: Vec<Option<Type>>,
    /// Whether something was left out because the result of a function is not known yet.
    pub(super) incomplete: bool,
    /// What native code cannot do, and where.
    pub(super) unsupported: Vec<(usize, &'static str)>,
    /// Whether the place where it began is reached again.
    pub(super) repeats: bool,
}

/// A variable with its type.
pub(super) type Number = (Variable, Type);

/// How the translation goes on behind an instruction.
pub(super) enum Then {
    Next,
    /// The block has its end.
    Ended,
}

pub(super) struct Translation<'t, 'm> {
    pub(super) maker: &'t mut UnitMaker<'m>,
    pub(super) code: &'m FunctionCode,
    pub(super) flow: Arc<Flow>,
    pub(super) start: Start,
    variables: Vec<Type>,
    registers: BTreeMap<(Register, Type), Variable>,
    temporaries: BTreeMap<(usize, Type), Variable>,
    temporaries_used: usize,
    blocks: Vec<Option<Block>>,
    exits: Vec<Exit>,
    exit_here: Option<(bool, ExitId)>,
    versions: BTreeMap<(usize, Vec<Known>), BlockId>,
    version_counts: BTreeMap<usize, usize>,
    queue: Vec<(usize, Vec<Known>, BlockId, bool)>,
    operations: Vec<Operation>,
    current: BlockId,
    /// What the registers hold before the instruction at `at`.
    pub(super) state: Vec<Known>,
    pub(super) at: usize,
    pub(super) results: Vec<Option<Type>>,
    pub(super) incomplete: bool,
    unsupported: Vec<(usize, &'static str)>,
    repeats: bool,
}

impl<'t, 'm> Translation<'t, 'm> {
    pub(super) fn new(maker: &'t mut UnitMaker<'m>, flow: Arc<Flow>, start: Start) -> Self {
        let code = &maker.image.functions[start.id as usize];
        Translation {
            maker,
            code,
            flow,
            variables: Vec::new(),
            registers: BTreeMap::new(),
            temporaries: BTreeMap::new(),
            temporaries_used: 0,
            blocks: vec![None],
            exits: Vec::new(),
            exit_here: None,
            versions: BTreeMap::new(),
            version_counts: BTreeMap::new(),
            queue: Vec::new(),
            operations: Vec::new(),
            current: BlockId(0),
            state: Vec::new(),
            at: start.pc,
            start,
            results: Vec::new(),
            incomplete: false,
            unsupported: Vec::new(),
            repeats: false,
        }
    }

    /// Translates everything that can be reached.
    pub(super) fn run(mut self) -> Built {
        let state = self.start.state.clone();
        let parameters: Vec<(Register, Type)> = (0..state.len() as Register)
            .filter(|&r| {
                self.start.pc == 0 && !self.start.outermost || self.flow.is_live(self.start.pc, usize::from(r))
            })
            .filter_map(|register| Some((register, state[usize::from(register)].ty()?)))
            .collect();
        let given: Vec<Variable> = parameters.iter().map(|&(register, ty)| self.variable(register, ty)).collect();
        // The first block only goes on to the version of the start, which may be jumped to.
        let first = self.version(self.start.pc, &state);
        self.blocks[0] = Some(Block { operations: Vec::new(), end: End::Jump(first) });
        while let Some((pc, state, block, give_up)) = self.queue.pop() {
            self.current = block;
            self.state = state;
            self.at = pc;
            self.exit_here = None;
            if give_up {
                let exit = self.exit(true);
                self.end(End::Exit(exit));
            } else {
                self.block();
            }
        }
        let arrays = std::mem::take(&mut self.start.arrays);
        let blocks =
            self.blocks.into_iter().map(|b| b.unwrap_or(Block { operations: Vec::new(), end: End::Return(None) }));
        let function = Function {
            variables: self.variables,
            parameters: given,
            arrays: arrays.iter().map(|a| ArrayParameter { element: a.kind.element, writable: a.writable }).collect(),
            result: self.results.first().copied().flatten(),
            blocks: blocks.collect(),
            exits: self.exits,
        };
        Built {
            function,
            parameters,
            arrays,
            results: self.results,
            incomplete: self.incomplete,
            unsupported: self.unsupported,
            repeats: self.repeats,
        }
    }

    fn block(&mut self) {
        let first = self.at;
        loop {
            if !self.start.extent.contains(&self.at) {
                let exit = self.exit(false);
                return self.end(End::Exit(exit));
            }
            if self.at != first && self.flow.leaders[self.at] {
                return self.go_to(self.at);
            }
            self.exit_here = None;
            self.temporaries_used = 0;
            let instruction = self.code.instructions[self.at];
            match self.instruction(instruction) {
                Then::Next => self.at += 1,
                Then::Ended => return,
            }
        }
    }

    /// The block with the code at `pc` for these types.
    pub(super) fn version(&mut self, pc: usize, state: &[Known]) -> BlockId {
        let mut state = state.to_vec();
        for (register, known) in state.iter_mut().enumerate() {
            if !self.flow.is_live(pc, register) {
                *known = Known::Dead;
            }
        }
        if let Some(&block) = self.versions.get(&(pc, state.clone())) {
            self.repeats |= pc == self.start.pc;
            return block;
        }
        let count = self.version_counts.entry(pc).or_default();
        *count += 1;
        // The first version of the start is the start itself.
        self.repeats |= pc == self.start.pc && *count > 1;
        let give_up = *count > VERSIONS_MAX || self.blocks.len() > BLOCKS_MAX;
        let block = self.new_block();
        self.versions.insert((pc, state.clone()), block);
        self.queue.push((pc, state, block, give_up));
        block
    }

    pub(super) fn new_block(&mut self) -> BlockId {
        self.blocks.push(None);
        BlockId(self.blocks.len() as u32 - 1)
    }

    /// Gives the block its end; `go_on_in` names the next one to fill, if the translation goes on.
    pub(super) fn end(&mut self, end: End) {
        let operations = std::mem::take(&mut self.operations);
        self.blocks[self.current.0 as usize] = Some(Block { operations, end });
    }

    /// Fills another block from here on.
    pub(super) fn go_on_in(&mut self, block: BlockId) {
        self.current = block;
    }

    /// Ends the block with a jump to the code at `pc`.
    pub(super) fn go_to(&mut self, pc: usize) {
        let state = self.state.clone();
        let block = self.version(pc, &state);
        self.end(End::Jump(block));
    }

    /// Ends the block with a choice between two places of the code.
    pub(super) fn go_to_either(&mut self, condition: Variable, if_true: usize, if_false: usize) {
        let state = self.state.clone();
        let (then, otherwise) = (self.version(if_true, &state), self.version(if_false, &state));
        self.end(End::Branch { condition, then, otherwise });
    }

    pub(super) fn push(&mut self, operation: Operation) {
        self.operations.push(operation);
    }

    /// The variable that stands for a register while it holds something of the type.
    pub(super) fn variable(&mut self, register: Register, ty: Type) -> Variable {
        let variables = &mut self.variables;
        *self.registers.entry((register, ty)).or_insert_with(|| {
            variables.push(ty);
            Variable(variables.len() as u32 - 1)
        })
    }

    /// A variable for the current instruction alone.
    pub(super) fn temporary(&mut self, ty: Type) -> Variable {
        self.temporaries_used += 1;
        let variables = &mut self.variables;
        *self.temporaries.entry((self.temporaries_used, ty)).or_insert_with(|| {
            variables.push(ty);
            Variable(variables.len() as u32 - 1)
        })
    }

    /// A temporary with a constant.
    pub(super) fn constant(&mut self, value: Constant) -> Variable {
        let to = self.temporary(value.ty());
        self.push(Operation::Constant { to, value });
        to
    }

    pub(super) fn known(&self, register: Register) -> Known {
        self.state[usize::from(register)]
    }

    pub(super) fn set(&mut self, register: Register, known: Known) {
        self.state[usize::from(register)] = known;
    }

    /// The variable that a register is assigned with this instruction, whose state changes accordingly. Every exit of
    /// the instruction must have been asked for before.
    pub(super) fn assign(&mut self, register: Register, ty: Type) -> Variable {
        self.set(register, Known::of_type(ty));
        self.variable(register, ty)
    }

    /// The exit before the current instruction, with the state before it.
    pub(super) fn exit(&mut self, unsupported: bool) -> ExitId {
        if let Some((known, exit)) = self.exit_here
            && known == unsupported
        {
            return exit;
        }
        let (mut registers, mut live) = (Vec::new(), Vec::new());
        for register in 0..self.state.len() {
            let known = self.state[register];
            if self.flow.is_live(self.at, register) && known != Known::Dead {
                let register = register as Register;
                registers.push((register, known));
                if let Some(ty) = known.ty() {
                    live.push(self.variable(register, ty));
                }
            }
        }
        let arrays = self.start.arrays.iter().map(|a| a.register).collect();
        let site = Site { function: self.start.id, pc: self.at, registers, arrays, unsupported };
        self.exits.push(Exit { site: self.maker.add_site(site), live, outer: None });
        let exit = ExitId(self.exits.len() as u32 - 1);
        self.exit_here = Some((unsupported, exit));
        exit
    }

    /// Ends the block: the machine does the current instruction.
    pub(super) fn leave(&mut self, why: &'static str) -> Then {
        self.unsupported.push((self.at, why));
        let exit = self.exit(true);
        self.end(End::Exit(exit));
        Then::Ended
    }
}
