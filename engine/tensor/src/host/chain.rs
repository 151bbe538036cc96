//! Writes chains: cheap steps of a program that follow each other run as one loop of [`super::kernels::machine`].
//!
//! A result that only the next step reads never leaves the registers; others are stored, block by block, in scratch memory
//! or in the output. The order of the steps stays, and so do the results, to the bit.

use smallvec::SmallVec;

use super::kernels::LightOp;
use super::kernels::machine::{self, Instruction, Slot, Two};
use super::math::Real;
use super::program::{Place, Program, Step, Work};

/// Steps that run as one.
#[derive(Debug)]
pub(crate) struct Chain {
    code: Code,
    /// Its operands, in the order of [`Slot::In`].
    pub(crate) reads: SmallVec<[Place; 4]>,
    /// The registers that it writes, in the order of [`Slot::Out`]; behind the output, where it writes that.
    pub(crate) writes: SmallVec<[usize; 2]>,
    /// Whether its last result is the program's.
    pub(crate) has_output: bool,
    /// Bytes of an element.
    pub(crate) size: usize,
}

/// Instructions for the dtype of all elements of a chain.
#[derive(Debug)]
enum Code {
    Single(Vec<Instruction<f32>>),
    Double(Vec<Instruction<f64>>),
}

impl Chain {
    /// Runs over elements that `reads` and `outs` hold as many of.
    pub(crate) fn run(&self, reads: &[&[u8]], outs: &mut [&mut [u8]]) {
        match &self.code {
            Code::Single(code) => run_as(code, reads, outs),
            Code::Double(code) => run_as(code, reads, outs),
        }
    }
}

fn run_as<T: Real>(code: &[Instruction<T>], reads: &[&[u8]], outs: &mut [&mut [u8]]) {
    let reads: SmallVec<[&[T]; 4]> = reads.iter().map(|bytes| bytemuck::cast_slice(bytes)).collect();
    let mut outs: SmallVec<[&mut [T]; 2]> = outs.iter_mut().map(|bytes| bytemuck::cast_slice_mut(bytes)).collect();
    machine::run(code, &reads, &mut outs);
}

/// Puts chains in the place of light steps that follow each other. The results of steps keep their numbers.
pub(crate) fn gather(program: &mut Program) {
    let steps = std::mem::take(&mut program.steps);
    let mut last_uses: SmallVec<[usize; 16]> = (0..steps.len()).collect();
    for (s, step) in steps.iter().enumerate() {
        for place in program.reads(step) {
            if let Place::Register(value) = place {
                last_uses[value] = s;
            }
        }
    }
    let mut first = 0;
    while first < steps.len() {
        let alike = |step: &&Step| step.light.map(|l| l.dtype) == steps[first].light.map(|l| l.dtype);
        let end = first + steps[first..].iter().take_while(alike).count();
        if steps[first].light.is_none() || end - first < 2 {
            program.steps.extend_from_slice(&steps[first..end]);
        } else {
            let chain = match steps[first].size {
                8 => Writer::write(program, &steps, first..end, &last_uses, Code::Double),
                _ => Writer::write(program, &steps, first..end, &last_uses, Code::Single),
            };
            let work = Work::Chain(program.chains.len());
            program.chains.push(chain);
            program.steps.push(Step { work, light: None, ..steps[end - 1] });
        }
        first = end;
    }
}

/// An operand of a light step.
#[derive(Clone, Copy, PartialEq)]
enum Operand<T> {
    /// The result of the step before, in the machine's register.
    Current,
    Number(T),
    Block(Slot),
}

/// A chain that is being written.
struct Writer<'a, T> {
    program: &'a Program,
    code: Vec<Instruction<T>>,
    reads: SmallVec<[Place; 4]>,
    /// The results that are stored, behind the output.
    writes: SmallVec<[usize; 2]>,
    has_output: bool,
    /// What the machine's register holds.
    current: Option<usize>,
}

impl<'a, T: Real> Writer<'a, T> {
    fn write(
        program: &'a Program,
        steps: &[Step],
        part: std::ops::Range<usize>,
        last_uses: &[usize],
        code: fn(Vec<Instruction<T>>) -> Code,
    ) -> Chain {
        let (end, has_output) = (part.end, part.end == steps.len());
        let mut writer = Writer {
            program,
            code: Vec::with_capacity(2 * part.len()),
            reads: SmallVec::new(),
            writes: SmallVec::new(),
            has_output,
            current: None,
        };
        for s in part {
            writer.step(&steps[s]);
            writer.current = Some(s);
            if s + 1 == steps.len() {
                writer.code.push(Instruction::Store(0));
            } else if last_uses[s] > s + 1 || last_uses[s] == end {
                writer.writes.push(s);
                writer.code.push(Instruction::Store(writer.out(writer.writes.len() - 1)));
            }
        }
        let Writer { code: instructions, reads, writes, .. } = writer;
        Chain { code: code(instructions), reads, writes, has_output, size: size_of::<T>() }
    }

    /// The position among the outs of a result that is stored.
    fn out(&self, stored: usize) -> usize {
        stored + usize::from(self.has_output)
    }

    fn step(&mut self, step: &Step) {
        match (step.light.map(|light| light.op), step.work) {
            (Some(LightOp::One(op)), Work::Map(_, x)) => {
                let x = self.operand(x);
                self.load(x);
                self.code.push(Instruction::One(op));
            }
            (Some(LightOp::Two(op)), Work::Zip(_, x, y)) => {
                let (x, y) = (self.operand(x), self.operand(y));
                self.two(op, x, y);
            }
            (Some(LightOp::Two(op)), Work::Number(_, x, number)) => {
                let x = self.operand(x);
                self.two(op, x, Operand::Number(number_of(&number)));
            }
            (light, work) => unreachable!("{work:?} is no {light:?}"),
        }
    }

    fn operand(&mut self, place: Place) -> Operand<T> {
        let position = |places: &[usize], value| places.iter().position(|&one| one == value);
        match place {
            Place::Register(value) if self.current == Some(value) => return Operand::Current,
            Place::Register(value) => {
                if let Some(stored) = position(&self.writes, value) {
                    return Operand::Block(Slot::Out(self.out(stored)));
                }
            }
            Place::Source(i) => {
                let source = &self.program.sources[i];
                if let Some(number) = source.number() {
                    return Operand::Number(number_of(&number));
                }
                if self.has_output && source.is_old() {
                    return Operand::Block(Slot::Out(0));
                }
            }
        }
        let known = self.reads.iter().position(|&one| one == place);
        Operand::Block(Slot::In(known.unwrap_or_else(|| {
            self.reads.push(place);
            self.reads.len() - 1
        })))
    }

    fn load(&mut self, x: Operand<T>) {
        match x {
            Operand::Current => {}
            Operand::Number(number) => self.code.push(Instruction::Number(number)),
            Operand::Block(slot) => self.code.push(Instruction::Load(slot)),
        }
    }

    fn two(&mut self, op: Two, x: Operand<T>, y: Operand<T>) {
        let from_right = match (x, y) {
            (Operand::Number(number), Operand::Block(_) | Operand::Current) => {
                Some(Instruction::LeftNumber(op, number))
            }
            (Operand::Block(slot), Operand::Current) => Some(Instruction::Left(op, slot)),
            _ => None,
        };
        if let Some(instruction) = from_right {
            self.load(y);
            self.code.push(instruction);
            return;
        }
        self.load(x);
        self.code.push(match y {
            // The left is not the register's then, unless both are.
            Operand::Current => Instruction::Both(op),
            _ if x == y => Instruction::Both(op),
            Operand::Number(number) => Instruction::RightNumber(op, number),
            Operand::Block(slot) => Instruction::Right(op, slot),
        });
    }
}

fn number_of<T: Real>(bytes: &[u8; 8]) -> T {
    bytemuck::pod_read_unaligned(&bytes[..size_of::<T>()])
}
