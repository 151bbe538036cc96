//! A straight-line program over the elements of an output: what every elementwise operation runs as, one alone or many
//! fused.
//!
//! The output is cut into pieces that threads share, and each piece into tiles. All steps run on one tile, in scratch
//! memory that stays in the first-level cache, before the next tile is read; so a chain of operations reads its inputs
//! and writes its output once. Steps are the loops of [`super::kernels`], whatever their dtypes, and a program of many
//! steps computes exactly what the same operations compute one at a time. Nothing here decides dtypes or shapes: that is
//! `crate::region` and [`super::elementwise`].

use std::ops::Range;

use smallvec::{SmallVec, smallvec};

use super::kernels::{Map, Triple, Zip};
use super::parallel::{Cost, fill_bytes};
use super::source::{Reader, Readers, Source, TILE};
use crate::{Context, TensorError};

/// Where a step finds an operand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// A source, by its position.
    Source(usize),
    /// The result of an earlier step, by its register.
    Register(usize),
}

/// What a step does.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Work {
    Map(Map, Place),
    Zip(Zip, Place, Place),
    /// With the bytes of one number on the right.
    Number(Zip, Place, [u8; 8]),
    Triple(Triple, Place, Place, Place),
}

/// A loop over a tile, and where its result goes. The last step of a program writes the output.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Step {
    pub(crate) work: Work,
    pub(crate) to: usize,
    /// Bytes of an element of the result.
    pub(crate) size: usize,
}

/// Steps over sources.
#[derive(Debug, Default)]
pub(crate) struct Program {
    pub(crate) sources: SmallVec<[Source; 4]>,
    pub(crate) steps: SmallVec<[Step; 4]>,
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
    words: Vec<u64>,
    bytes: usize,
}

impl Program {
    /// Runs all steps and writes the last one's result, elements of `size` bytes, to `out`.
    pub(crate) fn fill(&self, ctx: &Context, out: &mut [u8], size: usize, cost: Cost) -> Result<(), TensorError> {
        // Without scratch memory a piece is as good as a tile.
        let direct = |(i, source): (usize, &Source)| source.is_direct() || self.unread.contains(&i);
        let whole = self.steps.len() == 1 && self.sources.iter().enumerate().all(direct);
        fill_bytes(ctx, out, size, cost, &|first, part| {
            let mut frame = Frame::new(self);
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
        let mut words = vec![0u64; (tile.min(range.len()) * size).div_ceil(8)];
        for start in range.clone().step_by(tile.max(1)) {
            let count = tile.min(range.end - start);
            let out = &mut bytemuck::cast_slice_mut::<u64, u8>(&mut words)[..count * size];
            frame.run(start, count, out);
            visit(out);
        }
    }
}

impl<'a> Frame<'a> {
    fn new(program: &'a Program) -> Self {
        let readers = program.sources.iter().map(Reader::new).collect();
        Frame { program, readers, registers: smallvec![Register::default(); program.registers] }
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
            let mut register = std::mem::take(&mut self.registers[step.to]);
            register.bytes = count * step.size;
            if register.words.len() * 8 < register.bytes {
                register.words.resize(register.bytes.div_ceil(8), 0);
            }
            let bytes = &mut bytemuck::cast_slice_mut(&mut register.words)[..register.bytes];
            self.step(step, first, count, bytes);
            self.registers[step.to] = register;
        }
        self.step(last, first, count, out);
    }

    #[inline]
    fn step(&self, step: &Step, first: usize, count: usize, out: &mut [u8]) {
        let at = |place| self.at(place, first, count);
        match step.work {
            Work::Map(run, x) => run(at(x), out),
            Work::Zip(run, x, y) => run(at(x), at(y), out),
            Work::Number(run, x, number) => run(at(x), &number, out),
            Work::Triple(run, x, y, z) => run(at(x), at(y), at(z), out),
        }
    }

    /// An operand's elements.
    #[inline]
    fn at(&self, place: Place, first: usize, count: usize) -> &[u8] {
        match place {
            Place::Source(i) => self.readers[i].bytes(first, count),
            Place::Register(i) => {
                let Register { words, bytes } = &self.registers[i];
                &bytemuck::cast_slice(words)[..*bytes]
            }
        }
    }
}
