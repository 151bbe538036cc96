//! Several cheap steps in one loop: a machine whose one register is a block of elements in the processor's vectors.
//!
//! A step that runs alone loads its operands from the first-level cache and stores its result there, which takes longer
//! than adding. Here a block of elements stays in registers from one instruction to the next. Each instruction is a loop
//! over an array of fixed size, which the compiler turns into as many vector instructions as the block has vectors; the
//! arithmetic is that of [`super::real`], so results are the same to the bit. `crate::host::chain` writes the code.

use smallvec::SmallVec;

use super::real::{half_root, larger, relu, sign, smaller};
use crate::host::math::Real;
use crate::host::vectors::{Kernel, vectorized};

/// A function of one number that costs no more than a few instructions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum One {
    Neg,
    Abs,
    Sign,
    Floor,
    Ceil,
    Round,
    Sqrt,
    Rsqrt,
    Square,
    HalfPower,
    Relu,
}

/// A function of two numbers that costs no more than a few instructions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Two {
    Add,
    Sub,
    Mul,
    Div,
    Maximum,
    Minimum,
}

/// Where an instruction finds a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Slot {
    /// An operand of the chain.
    In(usize),
    /// A result of the chain that was stored before, or what its memory held.
    Out(usize),
}

/// What is done to the block in the register.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Instruction<T> {
    Load(Slot),
    Number(T),
    Store(usize),
    One(One),
    /// With a block on the right.
    Right(Two, Slot),
    /// With a block on the left.
    Left(Two, Slot),
    /// With a number on the right.
    RightNumber(Two, T),
    /// With a number on the left.
    LeftNumber(Two, T),
    /// With itself.
    Both(Two),
}

/// Elements of a block: eight vectors of 512 bits, or of 256 (half of the processor's registers; the rest hold operands).
/// Smaller arrays are not made vectors of.
const WIDE_BLOCK: usize = 128;
const BLOCK: usize = 64;

struct Machine<'a, 'i, 'o, T> {
    code: &'a [Instruction<T>],
    inputs: &'a [&'i [T]],
    outs: &'a mut [&'o mut [T]],
}

impl<T: Real> Kernel for Machine<'_, '_, '_, T> {
    type Output = ();

    #[inline(always)]
    fn run(mut self) {
        self.whole_and_rest::<BLOCK>();
    }

    #[inline(always)]
    fn run_wide(mut self) {
        if size_of::<T>() == 4 { self.whole_and_rest::<WIDE_BLOCK>() } else { self.whole_and_rest::<BLOCK>() }
    }
}

/// Runs `code` over whole slices: all inputs and outs have the same length.
pub(crate) fn run<T: Real>(code: &[Instruction<T>], inputs: &[&[T]], outs: &mut [&mut [T]]) {
    vectorized(Machine { code, inputs, outs });
}

/// `$a = op($left, $right)` for each element, which is `$x` there, and `$other`, which is `$y`.
macro_rules! combine {
    ($op:expr, $a:ident as $x:ident, $other:expr, $k:ident as $y:ident => $left:ident, $right:ident) => {
        match $op {
            Two::Add => combine!(@ $a as $x, $other, $k as $y => $left + $right),
            Two::Sub => combine!(@ $a as $x, $other, $k as $y => $left - $right),
            Two::Mul => combine!(@ $a as $x, $other, $k as $y => $left * $right),
            Two::Div => combine!(@ $a as $x, $other, $k as $y => $left / $right),
            Two::Maximum => combine!(@ $a as $x, $other, $k as $y => larger($left, $right)),
            Two::Minimum => combine!(@ $a as $x, $other, $k as $y => smaller($left, $right)),
        }
    };
    (@ $a:ident as $x:ident, $other:expr, $k:ident as $y:ident => $value:expr) => {
        for $k in 0..B {
            let ($x, $y) = ($a[$k], $other);
            $a[$k] = $value;
        }
    };
}

/// `$a = value` for each element `$x`.
macro_rules! each {
    ($a:ident, |$x:ident| $value:expr) => {
        for slot in &mut $a {
            let $x = *slot;
            *slot = $value;
        }
    };
}

impl<T: Real> Machine<'_, '_, '_, T> {
    /// Block by block; what is left over as one block that is filled up with zeros.
    #[inline(always)]
    fn whole_and_rest<const B: usize>(&mut self) {
        let count = self.outs.first().map_or(0, |out| out.len());
        let whole = count / B * B;
        for first in (0..whole).step_by(B) {
            self.block::<B>(first);
        }
        if whole < count {
            let filled = |part: &[T]| {
                let mut block = [T::ZERO; B];
                block[..count - whole].copy_from_slice(&part[whole..]);
                block
            };
            let inputs: SmallVec<[[T; B]; 4]> = self.inputs.iter().map(|input| filled(input)).collect();
            let mut outs: SmallVec<[[T; B]; 2]> = self.outs.iter().map(|out| filled(out)).collect();
            let inputs: SmallVec<[&[T]; 4]> = inputs.iter().map(|block| &block[..]).collect();
            {
                let mut outs: SmallVec<[&mut [T]; 2]> = outs.iter_mut().map(|block| &mut block[..]).collect();
                Machine { code: self.code, inputs: &inputs, outs: &mut outs }.block::<B>(0);
            }
            for (out, block) in self.outs.iter_mut().zip(&outs) {
                out[whole..].copy_from_slice(&block[..count - whole]);
            }
        }
    }

    #[inline(always)]
    fn read<const B: usize>(&self, slot: Slot, first: usize) -> [T; B] {
        let whole: &[T] = match slot {
            Slot::In(i) => self.inputs[i],
            Slot::Out(i) => self.outs[i],
        };
        *whole[first..].first_chunk().expect("blocks are whole")
    }

    /// All instructions for the elements from `first` on.
    #[inline(always)]
    fn block<const B: usize>(&mut self, first: usize) {
        let mut a = [T::ZERO; B];
        for instruction in self.code {
            match *instruction {
                Instruction::Load(slot) => a = self.read(slot, first),
                Instruction::Number(number) => a = [number; B],
                Instruction::Store(i) => {
                    *self.outs[i][first..].first_chunk_mut().expect("blocks are whole") = a;
                }
                Instruction::One(op) => match op {
                    One::Neg => each!(a, |x| -x),
                    One::Abs => each!(a, |x| x.abs()),
                    One::Sign => each!(a, |x| sign(x)),
                    One::Floor => each!(a, |x| x.floor()),
                    One::Ceil => each!(a, |x| x.ceil()),
                    One::Round => each!(a, |x| x.round()),
                    One::Sqrt => each!(a, |x| x.sqrt()),
                    One::Rsqrt => each!(a, |x| T::ONE / x.sqrt()),
                    One::Square => each!(a, |x| x * x),
                    One::HalfPower => each!(a, |x| half_root(x)),
                    One::Relu => each!(a, |x| relu(x)),
                },
                Instruction::Right(op, slot) => {
                    let b: [T; B] = self.read(slot, first);
                    combine!(op, a as x, b[k], k as y => x, y);
                }
                Instruction::Left(op, slot) => {
                    let b: [T; B] = self.read(slot, first);
                    combine!(op, a as x, b[k], k as y => y, x);
                }
                Instruction::RightNumber(op, number) => combine!(op, a as x, number, k as y => x, y),
                Instruction::LeftNumber(op, number) => combine!(op, a as x, number, k as y => y, x),
                Instruction::Both(op) => combine!(op, a as x, a[k], k as y => x, y),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::vectors::tests::at_every_width;

    /// Every instruction, for whole blocks and for what is left over.
    #[test]
    fn blocks_of_any_size_give_the_same() {
        use Instruction::{Both, Left, LeftNumber, Load, Number, Right, RightNumber, Store};
        let mut code: Vec<Instruction<f32>> = vec![Load(Slot::In(0)), Right(Two::Mul, Slot::In(1)), Store(1)];
        let ones = [One::Neg, One::Abs, One::Sign, One::Floor, One::Ceil, One::Round, One::Sqrt, One::Rsqrt];
        for one in ones.into_iter().chain([One::Square, One::HalfPower, One::Relu]) {
            code.extend([Instruction::One(one), Left(Two::Sub, Slot::In(1)), RightNumber(Two::Maximum, -0.5)]);
            code.extend([LeftNumber(Two::Div, 3.0), Right(Two::Add, Slot::Out(1)), Left(Two::Minimum, Slot::In(0))]);
        }
        code.extend([Both(Two::Add), Store(0), Number(2.0), Right(Two::Div, Slot::Out(0)), Store(0)]);
        for count in [0, 1, 63, 64, 127, 128, 129, 1000] {
            let number = |i: usize| if i.is_multiple_of(11) { f32::NAN } else { (i * 37 % 101) as f32 - 50.5 };
            let inputs = [0, 5].map(|turn| (0..count).map(|i| number(i + turn)).collect::<Vec<f32>>());
            let results = |blocks: bool| {
                let mut outs = [vec![0.0; count], vec![0.0; count]];
                let inputs = [&inputs[0][..], &inputs[1]];
                let mut parts = outs.each_mut().map(|out| &mut out[..]);
                let mut machine = Machine { code: &code, inputs: &inputs, outs: &mut parts };
                if blocks {
                    vectorized(machine)
                } else {
                    machine.whole_and_rest::<1>()
                }
                // Which NaN it is may depend on the instructions.
                outs.map(|out| out.into_iter().map(|x| if x.is_nan() { 1 } else { x.to_bits() }).collect::<Vec<u32>>())
            };
            let one_at_a_time = results(false);
            for (width, found) in at_every_width(|| results(true)) {
                assert_eq!(found, one_at_a_time, "{count} elements, {width:?}");
            }
        }
    }
}
