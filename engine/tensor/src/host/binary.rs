//! Elementwise functions of two tensors, with broadcasting.
//!
//! Operands arrive in one dtype. Three inner loops cover every layout: vector with vector, vector with number, number
//! with vector; operands whose last axis has gaps are packed first. The result reuses the left operand's buffer where
//! nobody else sees it.

use super::HostTensor;
use super::copy::cast;
use super::math::Real;
use super::parallel::{Cost, Kernel, fill, fill_rows, vectorized};
use crate::buffer::Buffer;
use crate::element::{Bit, Element, with_width};
use crate::operator::{BinaryOp, CompareOp, UnaryOp};
use crate::shape::{Shape, Strides, broadcast, collapse, for_each_offset};
use crate::{Context, DType, TensorError};

/// Rows of an output, each from a row of the left and one of the right operand.
struct Rows<'a, T, R, F> {
    left: &'a [T],
    right: &'a [T],
    bases: [usize; 2],
    outer: &'a [usize],
    outer_strides: [&'a [isize]; 2],
    steps: [isize; 2],
    inner: usize,
    first_row: usize,
    out: &'a mut [R],
    function: F,
}

impl<T: Copy, R: Copy, F: Fn(T, T) -> R> Kernel for Rows<'_, T, R, F> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let function = &self.function;
        let inner = self.inner;
        let count = self.out.len() / inner;
        let mut rows = self.out.chunks_exact_mut(inner);
        for_each_offset(self.outer, self.outer_strides, self.first_row, count, |[l, r]| {
            let Some(out) = rows.next() else { return };
            let l = (self.bases[0] as isize + l) as usize;
            let r = (self.bases[1] as isize + r) as usize;
            match self.steps {
                [1, 1] => {
                    for ((o, &x), &y) in out.iter_mut().zip(&self.left[l..l + inner]).zip(&self.right[r..r + inner]) {
                        *o = function(x, y);
                    }
                }
                [1, _] => {
                    let y = self.right[r];
                    for (o, &x) in out.iter_mut().zip(&self.left[l..l + inner]) {
                        *o = function(x, y);
                    }
                }
                [_, 1] => {
                    let x = self.left[l];
                    for (o, &y) in out.iter_mut().zip(&self.right[r..r + inner]) {
                        *o = function(x, y);
                    }
                }
                _ => out.fill(function(self.left[l], self.right[r])),
            }
        });
    }
}

/// A packed operand updated in place with the other, which is as long or a single number.
struct Update<'a, T, F> {
    values: &'a mut [T],
    other: &'a [T],
    function: F,
}

impl<T: Copy, F: Fn(T, T) -> T> Kernel for Update<'_, T, F> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        if let [y] = *self.other {
            for x in self.values {
                *x = (self.function)(*x, y);
            }
        } else {
            for (x, &y) in self.values.iter_mut().zip(self.other) {
                *x = (self.function)(*x, y);
            }
        }
    }
}

/// Both operands seen with the output's axes, merged where both allow it.
struct Plan {
    shape: Shape,
    strides: [Strides; 2],
}

fn inner_steps(plan: &Plan) -> [isize; 2] {
    let last = plan.shape.len() - 1;
    [plan.strides[0][last], plan.strides[1][last]]
}

fn plan(left: &HostTensor, right: &HostTensor, shape: &[usize]) -> Result<Plan, TensorError> {
    let (l, r) = (left.broadcast_to(shape)?, right.broadcast_to(shape)?);
    let (shape, strides) = collapse(shape, [&l.strides, &r.strides]);
    Ok(Plan { shape, strides })
}

/// `function` of every pair, into a new tensor.
pub(crate) fn zip<T: Element, R: Element>(
    ctx: &Context,
    left: &HostTensor,
    right: &HostTensor,
    cost: Cost,
    function: impl Fn(T, T) -> R + Sync + Copy,
) -> Result<HostTensor, TensorError> {
    let shape = broadcast(&left.shape, &right.shape)?;
    let has_gaps = |step: isize| step != 0 && step != 1;
    let first = plan(left, right, &shape)?;
    let steps = inner_steps(&first);
    let packed_left = if has_gaps(steps[0]) { left.packed(ctx)? } else { left.clone() };
    let packed_right = if has_gaps(steps[1]) { right.packed(ctx)? } else { right.clone() };
    let plan = if steps.into_iter().any(has_gaps) { plan(&packed_left, &packed_right, &shape)? } else { first };
    let (&inner, outer) = plan.shape.split_last().expect("collapse keeps one axis");
    let steps = inner_steps(&plan);
    let outer_strides = [&plan.strides[0][..outer.len()], &plan.strides[1][..outer.len()]];
    let (l, r) = (packed_left.buffer.as_slice::<T>(), packed_right.buffer.as_slice::<T>());
    let bases = [packed_left.offset, packed_right.offset];
    HostTensor::build(ctx, &shape, |out: &mut [R]| {
        if outer.is_empty() {
            // One long row: any cut will do.
            return fill(ctx, out, cost, |first, part| {
                let bases = [bases[0] + first * steps[0] as usize, bases[1] + first * steps[1] as usize];
                let inner = part.len();
                let outer_strides = [&[][..]; 2];
                vectorized(Rows {
                    left: l,
                    right: r,
                    bases,
                    outer: &[],
                    outer_strides,
                    steps,
                    inner,
                    first_row: 0,
                    out: part,
                    function,
                });
            });
        }
        fill_rows(ctx, out, inner, cost, |first, part| {
            let first_row = first / inner;
            vectorized(Rows {
                left: l,
                right: r,
                bases,
                outer,
                outer_strides,
                steps,
                inner,
                first_row,
                out: part,
                function,
            });
        })
    })
}

/// `function` of every pair, in the buffer of the left operand where that is free and has the output's shape.
fn zip_same<T: Element>(
    ctx: &Context,
    mut left: HostTensor,
    right: HostTensor,
    cost: Cost,
    function: impl Fn(T, T) -> T + Sync + Copy,
) -> Result<HostTensor, TensorError> {
    let fits = (right.shape == left.shape && right.is_packed()) || (right.len() == 1 && right.rank() <= left.rank());
    if fits && let Some(values) = left.as_mut_slice::<T>() {
        update(ctx, values, &right, cost, function)?;
        return Ok(left);
    }
    zip(ctx, &left, &right, cost, function)
}

fn update<T: Element>(
    ctx: &Context,
    values: &mut [T],
    other: &HostTensor,
    cost: Cost,
    function: impl Fn(T, T) -> T + Sync + Copy,
) -> Result<(), TensorError> {
    let count = other.len();
    let other = &other.buffer.as_slice::<T>()[other.offset..other.offset + count];
    fill(ctx, values, cost, |first, part| {
        let other = if count == 1 { other } else { &other[first..first + part.len()] };
        vectorized(Update { values: part, other, function });
    })
}

/// Compares elementwise. Operands have one dtype. NaN is unequal to everything, itself too.
pub(crate) fn compare(
    ctx: &Context,
    op: CompareOp,
    left: &HostTensor,
    right: &HostTensor,
) -> Result<HostTensor, TensorError> {
    match op {
        CompareOp::Greater => return compare(ctx, CompareOp::Less, right, left),
        CompareOp::GreaterEqual => return compare(ctx, CompareOp::LessEqual, right, left),
        CompareOp::NotEqual => {
            return super::unary::unary(ctx, UnaryOp::Not, compare(ctx, CompareOp::Equal, left, right)?);
        }
        CompareOp::Equal | CompareOp::Less | CompareOp::LessEqual => {}
    }
    match left.dtype {
        DType::F64 => ordered::<f64>(ctx, op, left, right),
        DType::F32 => ordered::<f32>(ctx, op, left, right),
        DType::F16 | DType::BF16 => {
            ordered::<f32>(ctx, op, &cast(ctx, left, DType::F32)?, &cast(ctx, right, DType::F32)?)
        }
        DType::I64 => ordered::<i64>(ctx, op, left, right),
        DType::I32 => ordered::<i32>(ctx, op, left, right),
        DType::U8 => ordered::<u8>(ctx, op, left, right),
        DType::Bool => ordered::<u8>(ctx, op, &left.reinterpreted(DType::U8), &right.reinterpreted(DType::U8)),
    }
}

fn ordered<T: Element>(
    ctx: &Context,
    op: CompareOp,
    left: &HostTensor,
    right: &HostTensor,
) -> Result<HostTensor, TensorError> {
    match op {
        CompareOp::Equal => zip(ctx, left, right, Cost::Cheap, |x: T, y: T| Bit::new(x == y)),
        CompareOp::Less => zip(ctx, left, right, Cost::Cheap, |x: T, y: T| Bit::new(x < y)),
        _ => zip(ctx, left, right, Cost::Cheap, |x: T, y: T| Bit::new(x <= y)),
    }
}

/// Applies an elementwise operator to operands of one dtype, which are consumed so that a buffer can be reused.
pub(crate) fn binary(
    ctx: &Context,
    op: BinaryOp,
    left: HostTensor,
    right: HostTensor,
) -> Result<HostTensor, TensorError> {
    match (op, left.dtype) {
        (BinaryOp::And | BinaryOp::Or | BinaryOp::Xor, _) => logic(ctx, op, &left, &right),
        (_, DType::F64) => real::<f64>(ctx, op, left, right),
        (_, DType::F32) => real::<f32>(ctx, op, left, right),
        // Halves compute in f32 and round once.
        (_, half @ (DType::F16 | DType::BF16)) => {
            let wide = real::<f32>(ctx, op, cast(ctx, &left, DType::F32)?, cast(ctx, &right, DType::F32)?)?;
            cast(ctx, &wide, half)
        }
        (_, DType::I64) => whole::<i64>(ctx, op, left, right),
        (_, DType::I32) => whole::<i32>(ctx, op, left, right),
        (_, DType::U8) => whole::<u8>(ctx, op, left, right),
        // Only the larger and the smaller of bools are bools.
        (BinaryOp::Minimum, DType::Bool) => logic(ctx, BinaryOp::And, &left, &right),
        (_, DType::Bool) => logic(ctx, BinaryOp::Or, &left, &right),
    }
}

fn logic(ctx: &Context, op: BinaryOp, left: &HostTensor, right: &HostTensor) -> Result<HostTensor, TensorError> {
    let (left, right) = (cast(ctx, left, DType::Bool)?, cast(ctx, right, DType::Bool)?);
    match op {
        BinaryOp::And => zip(ctx, &left, &right, Cost::Cheap, |x: Bit, y: Bit| Bit(x.0 & y.0)),
        BinaryOp::Or => zip(ctx, &left, &right, Cost::Cheap, |x: Bit, y: Bit| Bit(x.0 | y.0)),
        _ => zip(ctx, &left, &right, Cost::Cheap, |x: Bit, y: Bit| Bit(x.0 ^ y.0)),
    }
}

fn real<W: Real>(ctx: &Context, op: BinaryOp, left: HostTensor, right: HostTensor) -> Result<HostTensor, TensorError> {
    macro_rules! apply {
        ($function:expr) => {
            zip_same(ctx, left, right, Cost::Cheap, $function)
        };
    }
    // Called through a pointer: one loop for all that cost more than the call.
    let slow = |function: fn(W, W) -> W, left, right| zip_same(ctx, left, right, Cost::Dear, function);
    match op {
        BinaryOp::Sub => apply!(|x: W, y: W| x - y),
        BinaryOp::Mul => apply!(|x: W, y: W| x * y),
        BinaryOp::Div => apply!(|x: W, y: W| x / y),
        BinaryOp::Maximum => apply!(|x: W, y: W| if x > y || x.is_nan() { x } else { y }),
        BinaryOp::Minimum => apply!(|x: W, y: W| if x < y || x.is_nan() { x } else { y }),
        BinaryOp::FloorDiv => slow(floor_divide, left, right),
        BinaryOp::Rem => slow(modulo, left, right),
        BinaryOp::Pow => power::<W>(ctx, left, right),
        BinaryOp::Atan2 => slow(W::atan2, left, right),
        _ => apply!(|x: W, y: W| x + y),
    }
}

/// Powers; the small whole ones by products, which are faster and closer.
fn power<W: Real>(ctx: &Context, left: HostTensor, right: HostTensor) -> Result<HostTensor, TensorError> {
    let exponent = if right.len() == 1 { right.single::<W>().to_f64() } else { f64::NAN };
    // A 1-d exponent could still add axes; then the products would miss them.
    let keeps_shape = right.rank() <= left.rank();
    if exponent == 2.0 && keeps_shape {
        super::unary::unary(ctx, UnaryOp::Square, left)
    } else if exponent == 0.5 && keeps_shape {
        // As pow has it: -0 gives 0 and -infinity gives infinity.
        super::unary::map_same(ctx, left, Cost::Cheap, |x: W| {
            let x = x + W::ZERO;
            if x == -W::INFINITY { W::INFINITY } else { x.sqrt() }
        })
    } else {
        zip_same(ctx, left, right, Cost::Dear, W::pow as fn(W, W) -> W)
    }
}

/// The remainder with the sign of the divisor, as Python and NumPy have it.
#[inline(always)]
fn modulo<W: Real>(x: W, y: W) -> W {
    let rest = x.fmod(y);
    if rest == W::ZERO {
        W::ZERO.copysign(y)
    } else if (rest < W::ZERO) != (y < W::ZERO) {
        rest + y
    } else {
        rest
    }
}

/// The quotient rounded down, from the remainder, so that `x == (x // y) * y + x % y` as nearly as floats allow.
#[inline(always)]
fn floor_divide<W: Real>(x: W, y: W) -> W {
    if y == W::ZERO {
        return x / y;
    }
    let quotient = (x - modulo(x, y)) / y;
    let floor = quotient.floor();
    if quotient - floor > W::HALF { floor + W::ONE } else { floor }
}

/// What whole numbers of different widths have in common.
trait Whole: Element + Eq {
    fn add(self, y: Self) -> Self;
    fn sub(self, y: Self) -> Self;
    fn mul(self, y: Self) -> Self;
    fn floor_divide(self, y: Self) -> Self;
    fn modulo(self, y: Self) -> Self;
    fn pow(self, exponent: Self) -> Self;
}

macro_rules! whole {
    ($($ty:ty),*) => {$(
        impl Whole for $ty {
            #[inline(always)]
            fn add(self, y: Self) -> Self { self.wrapping_add(y) }
            #[inline(always)]
            fn sub(self, y: Self) -> Self { self.wrapping_sub(y) }
            #[inline(always)]
            fn mul(self, y: Self) -> Self { self.wrapping_mul(y) }
            #[inline(always)]
            #[allow(unused_comparisons, reason = "one body for signed and unsigned numbers")]
            fn floor_divide(self, y: Self) -> Self {
                let quotient = self.wrapping_div(y);
                let inexact = self.wrapping_rem(y) != 0;
                if inexact && (self < 0) != (y < 0) { quotient.wrapping_sub(1) } else { quotient }
            }
            #[inline(always)]
            #[allow(unused_comparisons, reason = "one body for signed and unsigned numbers")]
            fn modulo(self, y: Self) -> Self {
                let rest = self.wrapping_rem(y);
                if rest != 0 && (rest < 0) != (y < 0) { rest.wrapping_add(y) } else { rest }
            }
            #[inline(always)]
            fn pow(self, exponent: Self) -> Self {
                let (mut base, mut exponent, mut value) = (self, exponent, 1 as $ty);
                while exponent > 0 {
                    if exponent & 1 == 1 {
                        value = value.wrapping_mul(base);
                    }
                    base = base.wrapping_mul(base);
                    exponent >>= 1;
                }
                value
            }
        }
    )*};
}

whole!(i64, i32, u8);

fn whole<T: Whole>(
    ctx: &Context,
    op: BinaryOp,
    left: HostTensor,
    right: HostTensor,
) -> Result<HostTensor, TensorError> {
    let slow = |function: fn(T, T) -> T, left, right| zip_same(ctx, left, right, Cost::Dear, function);
    match op {
        BinaryOp::Sub => zip_same(ctx, left, right, Cost::Cheap, |x: T, y: T| x.sub(y)),
        BinaryOp::Mul => zip_same(ctx, left, right, Cost::Cheap, |x: T, y: T| x.mul(y)),
        BinaryOp::FloorDiv | BinaryOp::Rem => {
            if any(ctx, &right, |y: T| y == T::default())? {
                return Err(TensorError::DivisionByZero);
            }
            slow(if op == BinaryOp::Rem { T::modulo } else { T::floor_divide }, left, right)
        }
        BinaryOp::Pow => {
            if any(ctx, &right, |y: T| y < T::default())? {
                return Err(TensorError::argument("exponent", "is negative, and whole numbers have no such powers"));
            }
            slow(T::pow, left, right)
        }
        BinaryOp::Maximum => slow(|x, y| if x > y { x } else { y }, left, right),
        BinaryOp::Minimum => slow(|x, y| if x < y { x } else { y }, left, right),
        _ => zip_same(ctx, left, right, Cost::Cheap, |x: T, y: T| x.add(y)),
    }
}

/// Whether `test` holds for any element.
fn any<T: Element>(ctx: &Context, tensor: &HostTensor, test: impl Fn(T) -> bool) -> Result<bool, TensorError> {
    Ok(tensor.packed(ctx)?.slice::<T>().iter().any(|&x| test(x)))
}

/// Elements of `yes` where `mask` is true, of `no` elsewhere; all three broadcast.
pub(crate) fn select(
    ctx: &Context,
    mask: &HostTensor,
    yes: &HostTensor,
    no: &HostTensor,
) -> Result<HostTensor, TensorError> {
    let shape = broadcast(&broadcast(&yes.shape, &no.shape)?, &mask.shape)?;
    let (mask, yes, no) = (mask.broadcast_to(&shape)?, yes.broadcast_to(&shape)?, no.broadcast_to(&shape)?);
    let bits = mask.buffer.as_slice::<Bit>();
    let elements = ctx.measure(yes.dtype, &shape)?;
    let mut buffer = Buffer::stale(ctx.meter(), elements * yes.dtype.size())?;
    let strides = [mask.strides.as_slice(), yes.strides.as_slice(), no.strides.as_slice()];
    let bases = [mask.offset as isize, yes.offset as isize, no.offset as isize];
    let (walk, strides) = collapse(&shape, strides);
    let strides = [strides[0].as_slice(), strides[1].as_slice(), strides[2].as_slice()];
    with_width!(yes.dtype, T => {
        let (a, b) = (yes.buffer.as_slice::<T>(), no.buffer.as_slice::<T>());
        fill(ctx, buffer.as_mut_slice::<T>(), Cost::Cheap, |first, part| {
            let count = part.len();
            let mut slots = part.iter_mut();
            for_each_offset(&walk, strides, first, count, |[m, x, y]| {
                if let Some(slot) = slots.next() {
                    let chosen = bits[(bases[0] + m) as usize].get();
                    *slot = if chosen { a[(bases[1] + x) as usize] } else { b[(bases[2] + y) as usize] };
                }
            });
        })?;
    });
    Ok(HostTensor::from_buffer(yes.dtype, &shape, buffer))
}
