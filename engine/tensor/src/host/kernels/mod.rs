//! The innermost elementwise loops, one for each operation and dtype, behind functions of untyped bytes.
//!
//! Everything around a loop (broadcasting, threads, fusion) moves bytes and is compiled once; only what is here is
//! compiled for each dtype and instruction set. Callers hand in whole elements, aligned to their size, and as many of
//! each operand as of the result. [`super::program`] drives them.

#[cfg(test)]
mod agreement;
mod convert;
pub(crate) mod machine;
mod real;
mod whole;

use bytemuck::Pod;

use super::elementwise::ShortPower;
use super::parallel::Cost;
use super::vectors::{Kernel, vectorized};
use crate::DType;
use crate::element::Bit;
use crate::operator::{BinaryOp, CompareOp, UnaryOp};

pub(crate) use convert::conversion;
use machine::{One, Two};

/// A loop over the elements of one operand.
pub(crate) type Map = fn(&[u8], &mut [u8]);
/// A loop over the elements of two operands.
pub(crate) type Zip = fn(&[u8], &[u8], &mut [u8]);
/// A loop over the elements of three operands.
pub(crate) type Triple = fn(&[u8], &[u8], &[u8], &mut [u8]);

struct MapLoop<'a, T, R, F> {
    source: &'a [T],
    out: &'a mut [R],
    function: F,
}

impl<T: Copy, R, F: Fn(T) -> R> Kernel for MapLoop<'_, T, R, F> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        for (r, &x) in self.out.iter_mut().zip(self.source) {
            *r = (self.function)(x);
        }
    }
}

struct ZipLoop<'a, T, R, F> {
    left: &'a [T],
    right: &'a [T],
    out: &'a mut [R],
    function: F,
}

impl<T: Copy, R, F: Fn(T, T) -> R> Kernel for ZipLoop<'_, T, R, F> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        for ((r, &x), &y) in self.out.iter_mut().zip(self.left).zip(self.right) {
            *r = (self.function)(x, y);
        }
    }
}

/// `function` of every element, in the machine's widest vectors.
#[inline(always)]
pub(super) fn map<T: Pod, R: Pod>(source: &[u8], out: &mut [u8], function: impl Fn(T) -> R) {
    vectorized(MapLoop { source: bytemuck::cast_slice(source), out: bytemuck::cast_slice_mut(out), function });
}

/// `function` of every pair, in the machine's widest vectors.
#[inline(always)]
fn zip<T: Pod, R: Pod>(left: &[u8], right: &[u8], out: &mut [u8], function: impl Fn(T, T) -> R) {
    let (left, right) = (bytemuck::cast_slice(left), bytemuck::cast_slice(right));
    vectorized(ZipLoop { left, right, out: bytemuck::cast_slice_mut(out), function });
}

/// `function` of every element and one number.
#[inline(always)]
fn with_number<T: Pod, R: Pod>(source: &[u8], number: &[u8], out: &mut [u8], function: impl Fn(T, T) -> R) {
    let number: T = bytemuck::pod_read_unaligned(&number[..size_of::<T>()]);
    map(source, out, |x: T| function(x, number));
}

/// A library function of every element, one at a time: beside its own cost the call through a pointer is nothing.
pub(super) fn map_each<T: Pod>(source: &[u8], out: &mut [u8], function: fn(T) -> T) {
    let source: &[T] = bytemuck::cast_slice(source);
    for (r, &x) in bytemuck::cast_slice_mut::<u8, T>(out).iter_mut().zip(source) {
        *r = function(x);
    }
}

/// A function of every pair, one pair at a time.
fn zip_each<T: Pod>(left: &[u8], right: &[u8], out: &mut [u8], function: fn(T, T) -> T) {
    let (left, right): (&[T], &[T]) = (bytemuck::cast_slice(left), bytemuck::cast_slice(right));
    for ((r, &x), &y) in bytemuck::cast_slice_mut::<u8, T>(out).iter_mut().zip(left).zip(right) {
        *r = function(x, y);
    }
}

/// The loop of a unary operation whose operand is of dtype `compute`, as [`UnaryOp::dtypes`] gives it; halves are
/// computed in f32 and must be cast before. `None` where the operation changes nothing.
pub(crate) fn unary(op: UnaryOp, compute: DType) -> Option<Map> {
    match (op, compute) {
        (UnaryOp::Not, _) => Some(|s, o| map(s, o, |x: u8| u8::from(x == 0))),
        (UnaryOp::IsNan | UnaryOp::IsFinite, DType::F64) => real::test::<f64>(op),
        (UnaryOp::IsNan | UnaryOp::IsFinite, DType::F32 | DType::F16 | DType::BF16) => real::test::<f32>(op),
        (UnaryOp::IsNan, _) => Some(|_, o| o.fill(0)),
        (UnaryOp::IsFinite, _) => Some(|_, o| o.fill(1)),
        (_, DType::F64) => Some(real::unary::<f64>(op)),
        (_, DType::F32 | DType::F16 | DType::BF16) => Some(real::unary::<f32>(op)),
        (_, DType::I64) => whole::unary::<i64>(op),
        (_, DType::I32) => whole::unary::<i32>(op),
        (_, DType::U8 | DType::Bool) => whole::unary::<u8>(op),
    }
}

/// The loop of a binary operation on operands of dtype `compute`; halves are computed in f32, bools are bytes.
pub(crate) fn binary(op: BinaryOp, compute: DType) -> Zip {
    match (op, compute) {
        (BinaryOp::And, _) | (BinaryOp::Minimum, DType::Bool) => |x, y, o| zip(x, y, o, |x: u8, y: u8| x & y),
        (BinaryOp::Xor, _) => |x, y, o| zip(x, y, o, |x: u8, y: u8| x ^ y),
        // Of the other operators only the larger of bools is a bool.
        (BinaryOp::Or, _) | (_, DType::Bool) => |x, y, o| zip(x, y, o, |x: u8, y: u8| x | y),
        (_, DType::F64) => real::binary::<f64>(op),
        (_, DType::F32 | DType::F16 | DType::BF16) => real::binary::<f32>(op),
        (_, DType::I64) => whole::binary::<i64>(op),
        (_, DType::I32) => whole::binary::<i32>(op),
        (_, DType::U8) => whole::binary::<u8>(op),
    }
}

/// As [`binary`], with one number as the right operand, where that has a loop of its own: a number takes no room in the
/// first-level cache.
pub(crate) fn binary_number(op: BinaryOp, compute: DType) -> Option<Zip> {
    match compute {
        DType::F64 => real::binary_number::<f64>(op),
        DType::F32 | DType::F16 | DType::BF16 => real::binary_number::<f32>(op),
        _ => None,
    }
}

/// What a step does, where [`machine`] can do it together with others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Light {
    /// f32 or f64, of the operands and the result.
    pub(crate) dtype: DType,
    pub(crate) op: LightOp,
}

/// The function of a [`Light`] step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LightOp {
    One(One),
    Two(Two),
}

impl Light {
    fn new(dtype: DType, op: LightOp) -> Option<Light> {
        matches!(dtype, DType::F32 | DType::F64).then_some(Light { dtype, op })
    }

    /// A unary operation whose operand is of dtype `compute`.
    pub(crate) fn unary(op: UnaryOp, compute: DType) -> Option<Light> {
        let one = match op {
            UnaryOp::Neg => One::Neg,
            UnaryOp::Abs => One::Abs,
            UnaryOp::Sign => One::Sign,
            UnaryOp::Floor => One::Floor,
            UnaryOp::Ceil => One::Ceil,
            UnaryOp::Round => One::Round,
            UnaryOp::Sqrt => One::Sqrt,
            UnaryOp::Rsqrt => One::Rsqrt,
            UnaryOp::Square => One::Square,
            UnaryOp::Relu => One::Relu,
            _ => return None,
        };
        Light::new(compute, LightOp::One(one))
    }

    /// A binary operation whose operands are of dtype `compute`.
    pub(crate) fn binary(op: BinaryOp, compute: DType) -> Option<Light> {
        let two = match op {
            BinaryOp::Add => Two::Add,
            BinaryOp::Sub => Two::Sub,
            BinaryOp::Mul => Two::Mul,
            BinaryOp::Div => Two::Div,
            BinaryOp::Maximum => Two::Maximum,
            BinaryOp::Minimum => Two::Minimum,
            _ => return None,
        };
        Light::new(compute, LightOp::Two(two))
    }

    /// A short power of floats of dtype `compute`.
    pub(crate) fn short_power(power: ShortPower, compute: DType) -> Option<Light> {
        let one = match power {
            ShortPower::Square => One::Square,
            ShortPower::Root => One::HalfPower,
        };
        Light::new(compute, LightOp::One(one))
    }
}

/// The loop that takes square roots as powers of a half do: -0 gives 0 and -infinity gives infinity.
pub(crate) fn half_power(compute: DType) -> Map {
    if compute == DType::F64 { real::half_power::<f64> } else { real::half_power::<f32> }
}

/// The loop that squares floats.
pub(crate) fn square(compute: DType) -> Map {
    if compute == DType::F64 { real::unary::<f64>(UnaryOp::Square) } else { real::unary::<f32>(UnaryOp::Square) }
}

/// The loop of a comparison of operands of dtype `compute`: operands that [`exchanges`] says
/// change places first. NaN is unequal to everything, itself too.
pub(crate) fn comparison(op: CompareOp, compute: DType) -> Zip {
    match compute {
        DType::F64 => compare::<f64>(op),
        DType::F32 | DType::F16 | DType::BF16 => compare::<f32>(op),
        DType::I64 => compare::<i64>(op),
        DType::I32 => compare::<i32>(op),
        DType::U8 | DType::Bool => compare::<u8>(op),
    }
}

fn compare<T: Pod + PartialOrd>(op: CompareOp) -> Zip {
    match op {
        CompareOp::NotEqual => |x, y, o| zip(x, y, o, |x: T, y: T| Bit::new(x != y)),
        CompareOp::Equal => |x, y, o| zip(x, y, o, |x: T, y: T| Bit::new(x == y)),
        CompareOp::Less | CompareOp::Greater => |x, y, o| zip(x, y, o, |x: T, y: T| Bit::new(x < y)),
        CompareOp::LessEqual | CompareOp::GreaterEqual => |x, y, o| zip(x, y, o, |x: T, y: T| Bit::new(x <= y)),
    }
}

/// Whether the operands of a comparison change places before [`comparison`]: `a > b` is `b < a`.
pub(crate) const fn exchanges(op: CompareOp) -> bool {
    matches!(op, CompareOp::Greater | CompareOp::GreaterEqual)
}

/// The loop that chooses between two elements of `size` bytes by a truth value.
pub(crate) fn selection(size: usize) -> Triple {
    match size {
        8 => select::<u64>,
        4 => select::<u32>,
        2 => select::<u16>,
        _ => select::<u8>,
    }
}

struct Select<'a, T> {
    mask: &'a [u8],
    yes: &'a [T],
    no: &'a [T],
    out: &'a mut [T],
}

impl<T: Copy> Kernel for Select<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        for (((r, &m), &x), &y) in self.out.iter_mut().zip(self.mask).zip(self.yes).zip(self.no) {
            *r = if m != 0 { x } else { y };
        }
    }
}

fn select<T: Pod>(mask: &[u8], yes: &[u8], no: &[u8], out: &mut [u8]) {
    let (yes, no) = (bytemuck::cast_slice(yes), bytemuck::cast_slice(no));
    vectorized(Select::<T> { mask, yes, no, out: bytemuck::cast_slice_mut(out) });
}

/// What an element of a unary operation costs.
pub(crate) const fn unary_cost(op: UnaryOp) -> Cost {
    match op {
        UnaryOp::Neg
        | UnaryOp::Not
        | UnaryOp::Abs
        | UnaryOp::Sign
        | UnaryOp::Floor
        | UnaryOp::Ceil
        | UnaryOp::Round
        | UnaryOp::Sqrt
        | UnaryOp::Rsqrt
        | UnaryOp::Square
        | UnaryOp::Relu
        | UnaryOp::IsNan
        | UnaryOp::IsFinite => Cost::Cheap,
        _ => Cost::Dear,
    }
}

/// What a pair of elements of a binary operation costs.
pub(crate) const fn binary_cost(op: BinaryOp) -> Cost {
    match op {
        BinaryOp::FloorDiv | BinaryOp::Rem | BinaryOp::Pow | BinaryOp::Atan2 => Cost::Dear,
        _ => Cost::Cheap,
    }
}
