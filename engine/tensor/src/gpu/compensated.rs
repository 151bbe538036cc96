//! Sums on a graphics processor in twice the precision of f32, where it has no f64: what `precise` asks for.
//!
//! Neighbouring halves of an axis are added again and again; each addition also gives its rounding error, exactly (the
//! error-free transformation of Knuth, The Art of Computer Programming 2, 4.2.2), and the errors are added beside it. The result
//! is as if it were computed in twice the precision and rounded once (Ogita, Rump, Oishi, Accurate sum and dot product, 2005).
//!
//! It works only where additions are carried out as they are written. The standards of shading languages let compilers
//! rearrange them, and a rearranged error is zero. Mesa's do: (a + b) - a is b to them. So what an error is made of goes through a
//! choice by a truth value in memory that is always false, which no compiler sees ([`Shield`]); and whether a device can be
//! trusted is tried on it all the same, once in a process, by sums whose results are known. Where it cannot, the processor adds
//! in f64.

use nexus_gpu::{BurnType, Dispatch, Primitive, Scalar, Slice, TensorData as BurnData};

use super::tensor::device_shape;
use super::{GpuTensor, Runtime, contain};
use crate::host::reduce::{ReduceOp, reduced_shape};
use crate::shape::element_count;
use crate::{Context, DType, TensorError};

/// Lengths of the axes that a device is tried with: every way in which halves are left over, and one over many kernels.
const TRIED: [usize; 8] = [2, 3, 5, 6, 7, 64, 1_001, 4_096];
/// Columns that are added side by side when a device is tried.
const TRIED_COLUMNS: usize = 5;
/// What numbers are made smaller by, exactly, so that the sum of a tensor of any size is a number of f32.
const SHRUNK: f32 = 1.0 / (1u64 << 48) as f32;

impl GpuTensor {
    /// A sum or a mean over `axes` (sorted), which stay with size 1, in twice the precision of f32. `None` where the host
    /// must do it, in f64.
    pub(crate) fn reduce_precisely(
        &self,
        ctx: &Context,
        op: ReduceOp,
        axes: &[usize],
    ) -> Result<Option<GpuTensor>, TensorError> {
        // Squares and products lose digits before they are added.
        if self.dtype != DType::F32 || !matches!(op, ReduceOp::Sum | ReduceOp::Mean) {
            return Ok(None);
        }
        let (Some(&first), Some(&last)) = (axes.first(), axes.last()) else { return Ok(None) };
        let is_one_run = last + 1 - first == axes.len();
        if !is_one_run || !self.runtime.adds_as_written() {
            return Ok(None);
        }
        let sizes = [&self.shape[..first], &self.shape[first..=last], &self.shape[last + 1..]].map(element_count);
        // The count of a mean must be exact too.
        if op == ReduceOp::Mean && sizes[1] > 1 << f32::MANTISSA_DIGITS {
            return Ok(None);
        }
        let shape = reduced_shape(&self.shape, axes, true);
        GpuTensor::result(ctx, self.runtime, DType::F32, shape.clone(), || {
            let x = Dispatch::float_reshape(self.clone().take(), device_shape(&sizes));
            let divisor = if op == ReduceOp::Mean { sizes[1] as f32 } else { 1.0 };
            Dispatch::float_reshape(total(x, sizes, divisor, self.runtime), device_shape(&shape))
        })
    }
}

impl Runtime {
    /// Whether sums of the device are carried out as they are written, so that their errors are what they should be. Tried
    /// once in a process; a device that fails is one that cannot.
    pub(crate) fn adds_as_written(&self) -> bool {
        *self.exact.get_or_init(|| {
            let cases = TRIED.iter().map(|&count| contain(|| self.adds_exactly(count)));
            cases.into_iter().all(|case| case == Ok(true))
        })
    }

    /// Adds columns of large numbers that cancel and small ones that stay, and compares with what is known.
    fn adds_exactly(&self, count: usize) -> bool {
        let at = |row: usize, column: usize| match row {
            // Sixteen and more digits apart: f32 alone would leave nothing of the small ones.
            0 => 3e8 * (column + 1) as f32,
            _ if row == count - 1 => -3e8 * (column + 1) as f32,
            _ => 0.375 + (row % 7) as f32 + column as f32 / 16.0,
        };
        let numbers = |first, last| (first..last).flat_map(|row| (0..TRIED_COLUMNS).map(move |column| at(row, column)));
        let bytes: Vec<u8> = numbers(0, count).flat_map(f32::to_ne_bytes).collect();
        let shape = device_shape(&[1, count, TRIED_COLUMNS]);
        let up = Dispatch::float_from_data(BurnData::from_bytes_vec(bytes, shape, BurnType::F32), &self.queue);
        let sums = Dispatch::float_into_data(total(up, [1, count, TRIED_COLUMNS], 1.0, self));
        let right =
            (0..TRIED_COLUMNS).map(|column| (0..count).map(|row| f64::from(at(row, column))).sum::<f64>() as f32);
        sums.is_ok_and(|sums| sums.bytes().iter().copied().eq(right.flat_map(f32::to_ne_bytes)))
    }
}

/// The sums over the middle axis, divided. Sums that grow beyond f32 on the way and come back are added once more, smaller.
fn total(x: Primitive, sizes: [usize; 3], divisor: f32, runtime: &Runtime) -> Primitive {
    let bools = runtime.queue.bools;
    let small = Dispatch::float_mul_scalar(x.clone(), f64::from(SHRUNK).into());
    let rounded = |(sum, error): (Primitive, Primitive)| {
        // Of infinities there is no error.
        let both = Dispatch::float_add(sum.clone(), error);
        Dispatch::float_mask_where(both.clone(), Dispatch::float_is_nan(both, bools), sum)
    };
    let shield = Shield::new(runtime);
    let plain = rounded(doubled_sum(x, sizes, &shield));
    let again =
        Dispatch::float_div_scalar(rounded(doubled_sum(small, sizes, &shield)), f64::from(SHRUNK * divisor).into());
    let quotient = if divisor == 1.0 {
        plain.clone()
    } else {
        Dispatch::float_div_scalar(plain.clone(), f64::from(divisor).into())
    };
    let is_beyond =
        Dispatch::bool_or(Dispatch::float_is_inf(plain.clone(), bools), Dispatch::float_is_nan(plain, bools));
    Dispatch::float_mask_where(quotient, is_beyond, again)
}

/// The sums over the middle axis, and what rounding left of them.
fn doubled_sum(x: Primitive, [outer, count, inner]: [usize; 3], shield: &Shield) -> (Primitive, Primitive) {
    let piece = |x: &Primitive, from: usize, to: usize| {
        let slice = |from: usize, to: usize| Slice::new(from as isize, Some(to as isize), 1);
        Dispatch::float_slice(x.clone(), &[slice(0, outer), slice(from, to), slice(0, inner)])
    };
    let (mut sum, mut error, mut left) = (x, None, count);
    while left > 1 {
        let half = left / 2;
        let (added, lost) =
            two_sum(piece(&sum, 0, half), piece(&sum, half, 2 * half), |x| shield.hide(x, &[outer, half, inner]));
        let lost = match &error {
            None => lost,
            Some(error) => {
                let before = Dispatch::float_add(piece(error, 0, half), piece(error, half, 2 * half));
                Dispatch::float_add(before, lost)
            }
        };
        if left % 2 == 0 {
            (sum, error) = (added, Some(lost));
        } else {
            let rest = piece(&sum, left - 1, left);
            let nothing = Dispatch::float_sub(rest.clone(), rest.clone());
            let error_of_rest = error.map_or(nothing, |error| piece(&error, left - 1, left));
            sum = Dispatch::float_cat(vec![added, rest], 1);
            error = Some(Dispatch::float_cat(vec![lost, error_of_rest], 1));
        }
        left = half + left % 2;
    }
    let error = error.unwrap_or_else(|| Dispatch::float_sub(sum.clone(), sum.clone()));
    (sum, error)
}

/// a + b as it is rounded, and exactly what that loses. `hidden` gives what it is given, unseen by compilers.
fn two_sum(a: Primitive, b: Primitive, hidden: impl Fn(Primitive) -> Primitive) -> (Primitive, Primitive) {
    let sum = hidden(Dispatch::float_add(a.clone(), b.clone()));
    let of_b = hidden(Dispatch::float_sub(sum.clone(), a.clone()));
    let of_a = hidden(Dispatch::float_sub(sum.clone(), of_b.clone()));
    let lost = Dispatch::float_add(Dispatch::float_sub(a, of_a), Dispatch::float_sub(b, of_b));
    (sum, lost)
}

/// A truth value in the device's memory that is false.
struct Shield(Primitive);

impl Shield {
    fn new(runtime: &Runtime) -> Shield {
        let stored = BurnType::from(runtime.queue.bools);
        let data = BurnData::from_bytes_vec(vec![0; stored.size()], device_shape(&[1, 1, 1]), stored);
        Shield(Dispatch::bool_from_data(data, &runtime.queue))
    }

    /// The same numbers, chosen before others because the value is false.
    fn hide(&self, x: Primitive, shape: &[usize]) -> Primitive {
        let mask = Dispatch::bool_expand(self.0.clone(), device_shape(shape));
        Dispatch::float_mask_fill(x, mask, Scalar::Float(0.0))
    }
}
