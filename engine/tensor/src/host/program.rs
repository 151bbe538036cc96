//! A straight-line program over the elements of an output: what every elementwise operation runs as, one alone or many
//! fused.
//!
//! The output is cut into pieces that threads share, and each piece into tiles. All steps run on one tile, in scratch
//! memory that stays in the first-level cache, before the next tile is read; so a fused region reads its inputs and writes
//! its output once. Steps are the loops of [`super::kernels`], whatever their dtypes, or chains of several of them
//! ([`super::chain`]), and a program of many steps computes exactly what the same operations compute one at a time. Nothing
//! here decides dtypes or shapes: that is `crate::region` and [`super::elementwise`].

use std::ops::Range;

use smallvec::{SmallVec, smallvec};

use super::chain::Chain;
use super::kernels::{Light, Map, Triple, Zip};
use super::parallel::{Cost, fill_bytes};
use super::source::{Reader, Readers, Source, TILE};
use super::stream::{self, Stream};
use crate::buffer::Scratch;
use crate::{Context, TensorError};

/// Where a step finds an operand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// A source, by its position.
    Source(usize),
    /// The result of an earlier step, by its register.
    Register(usize),
}

impl Place {
    /// The register, of a result of an earlier step.
    pub(crate) const fn register(self) -> Option<usize> {
        match self {
            Place::Register(register) => Some(register),
            Place::Source(_) => None,
        }
    }
}

/// What a step does.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Work {
    Map(Map, Place),
    Zip(Zip, Place, Place),
    /// With the bytes of one number on the right.
    Number(Zip, Place, [u8; 8]),
    Triple(Triple, Place, Place, Place),
    /// Several steps in one, by its position.
    Chain(usize),
}

/// A loop over a tile, and where its result goes. The last step of a program writes the output.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Step {
    pub(crate) work: Work,
    pub(crate) to: usize,
    /// Bytes of an element of the result.
    pub(crate) size: usize,
    /// What it does, where it may become part of a chain.
    pub(crate) light: Option<Light>,
}

/// Steps over sources.
#[derive(Debug, Default)]
pub(crate) struct Program {
    pub(crate) sources: SmallVec<[Source; 4]>,
    pub(crate) steps: SmallVec<[Step; 4]>,
    pub(crate) chains: Vec<Chain>,
    pub(crate) registers: usize,
    /// Sources that no step reads, because they were numbers that became part of a step.
    pub(crate) unread: SmallVec<[usize; 4]>,
}

/// The memory that one thread runs a program in.
struct Frame<'a> {
    program: &'a Program,
    readers: Readers<'a>,
    registers: SmallVec<[Register; 4]>,
}

/// The result of a step for one tile.
#[derive(Clone, Default)]
struct Register {
    memory: Scratch,
    bytes: usize,
}

impl Register {
    /// Room for a result of so many bytes.
    fn sized(mut self, bytes: usize) -> Register {
        self.memory.grow(bytes);
        Register { bytes, ..self }
    }

    fn bytes(&self) -> &[u8] {
        &self.memory.bytes()[..self.bytes]
    }

    fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.memory.bytes_mut()[..self.bytes]
    }
}

impl Program {
    /// Runs all steps and writes the last one's result, elements of `size` bytes, to `out`.
    pub(crate) fn fill(&self, ctx: &Context, out: &mut [u8], size: usize, cost: Cost) -> Result<(), TensorError> {
        // Without scratch memory a piece is as good as a tile.
        let direct = |(i, source): (usize, &Source)| source.is_direct() || self.unread.contains(&i);
        let whole = self.steps.len() == 1 && self.registers == 0 && self.sources.iter().enumerate().all(direct);
        let streams = stream::pays(out.len()) && !self.sources.iter().any(Source::is_old);
        fill_bytes(ctx, out, size, cost, &|first, part| {
            let mut frame = Frame::new(self);
            if streams {
                return frame.stream(first, size, part);
            }
            let tile = if whole { part.len() } else { TILE * size };
            for (t, out) in part.chunks_mut(tile.max(1)).enumerate() {
                frame.run(first + t * TILE, out.len() / size, out);
            }
        })
    }

    /// Runs all steps for elements `first..first + count`, in tiles of `tile` elements of `size` bytes that `visit` sees
    /// in order.
    pub(crate) fn visit(&self, range: Range<usize>, tile: usize, size: usize, mut visit: impl FnMut(&[u8])) {
        let mut frame = Frame::new(self);
        let mut memory = Scratch::default();
        memory.grow(tile.min(range.len()) * size);
        for start in range.clone().step_by(tile.max(1)) {
            let count = tile.min(range.end - start);
            let out = &mut memory.bytes_mut()[..count * size];
            frame.run(start, count, out);
            visit(out);
        }
    }

    /// Where a step finds its operands.
    pub(crate) fn reads(&self, step: &Step) -> SmallVec<[Place; 4]> {
        match step.work {
            Work::Map(_, x) | Work::Number(_, x, _) => smallvec![x],
            Work::Zip(_, x, y) => smallvec![x, y],
            Work::Triple(_, x, y, z) => smallvec![x, y, z],
            Work::Chain(i) => self.chains[i].reads.clone(),
        }
    }

    /// The results of a step, in registers or in the output.
    pub(crate) fn writes(&self, step: &Step) -> SmallVec<[usize; 2]> {
        match step.work {
            Work::Chain(i) => self.chains[i].writes.clone(),
            _ => smallvec![step.to],
        }
    }

    /// Puts the registers that results were assigned in the place of their numbers, in the step at `s`.
    pub(crate) fn assign(&mut self, s: usize, assigned: &[usize]) {
        let place = |place: &mut Place| {
            if let Place::Register(result) = place {
                *result = assigned[*result];
            }
        };
        let step = &mut self.steps[s];
        step.to = assigned[step.to];
        match &mut step.work {
            Work::Map(_, x) | Work::Number(_, x, _) => place(x),
            Work::Zip(_, x, y) => [x, y].into_iter().for_each(place),
            Work::Triple(_, x, y, z) => [x, y, z].into_iter().for_each(place),
            Work::Chain(i) => {
                let chain = &mut self.chains[*i];
                chain.reads.iter_mut().for_each(place);
                chain.writes.iter_mut().for_each(|result| *result = assigned[*result]);
            }
        }
    }
}

impl<'a> Frame<'a> {
    fn new(program: &'a Program) -> Self {
        let readers = program.sources.iter().map(Reader::new).collect();
        Frame { program, readers, registers: smallvec![Register::default(); program.registers] }
    }

    /// All steps for the elements of `part`, which are written past the caches: each tile is computed in scratch memory.
    fn stream(&mut self, first: usize, size: usize, part: &mut [u8]) {
        let mut tile = Scratch::default();
        tile.grow(TILE * size);
        let mut stream = Stream::default();
        for (t, out) in part.chunks_mut(TILE * size).enumerate() {
            let tile = &mut tile.bytes_mut()[..out.len()];
            self.run(first + t * TILE, out.len() / size, tile);
            stream.copy(tile, out);
        }
    }

    /// All steps for elements `first..first + count`.
    fn run(&mut self, first: usize, count: usize, out: &mut [u8]) {
        for (i, reader) in self.readers.iter_mut().enumerate() {
            if !self.program.unread.contains(&i) {
                reader.load(first, count, out);
            }
        }
        let Some((last, steps)) = self.program.steps.split_last() else { return };
        for step in steps {
            if let Work::Chain(i) = step.work {
                self.chain(&self.program.chains[i], first, count, out);
                continue;
            }
            let mut register = std::mem::take(&mut self.registers[step.to]).sized(count * step.size);
            self.step(step, first, count, register.bytes_mut());
            self.registers[step.to] = register;
        }
        match last.work {
            Work::Chain(i) => self.chain(&self.program.chains[i], first, count, out),
            _ => self.step(last, first, count, out),
        }
    }

    #[inline]
    fn step(&self, step: &Step, first: usize, count: usize, out: &mut [u8]) {
        let at = |place| self.at(place, first, count);
        match step.work {
            Work::Map(run, x) => run(at(x), out),
            Work::Zip(run, x, y) => run(at(x), at(y), out),
            Work::Number(run, x, number) => run(at(x), &number, out),
            Work::Triple(run, x, y, z) => run(at(x), at(y), at(z), out),
            Work::Chain(_) => unreachable!("what a chain gives goes to several places"),
        }
    }

    /// Runs a chain, whose results go to several registers and perhaps to the output.
    fn chain(&mut self, chain: &Chain, first: usize, count: usize, out: &mut [u8]) {
        let take = |&to: &usize| std::mem::take(&mut self.registers[to]).sized(count * chain.size);
        let mut registers: SmallVec<[Register; 2]> = chain.writes.iter().map(take).collect();
        {
            let reads: SmallVec<[&[u8]; 4]> = chain.reads.iter().map(|&place| self.at(place, first, count)).collect();
            let output = chain.has_output.then_some(out).into_iter();
            let mut outs: SmallVec<[&mut [u8]; 2]> =
                output.chain(registers.iter_mut().map(Register::bytes_mut)).collect();
            chain.run(&reads, &mut outs);
        }
        for (&to, register) in chain.writes.iter().zip(registers) {
            self.registers[to] = register;
        }
    }

    /// An operand's elements.
    #[inline]
    fn at(&self, place: Place, first: usize, count: usize) -> &[u8] {
        match place {
            Place::Source(i) => self.readers[i].bytes(first, count),
            Place::Register(i) => self.registers[i].bytes(),
        }
    }
}
