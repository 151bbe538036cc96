//! Running sums and products along an axis.

use half::{bf16, f16};

use super::HostTensor;
use super::elementwise::cast;
use super::reduce::{Planes, planes};
use crate::element::Element;
use crate::promotion::to_sum;
use crate::{Context, DType, TensorError};

/// What runs along the axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum ScanOp {
    Sum,
    Prod,
}

/// Each element becomes the sum or product of itself and all before it along `axis`. Whole numbers widen to i64 and
/// wrap; halves accumulate in f32.
pub(crate) fn scan(ctx: &Context, op: ScanOp, tensor: &HostTensor, axis: usize) -> Result<HostTensor, TensorError> {
    let tensor = cast(ctx, tensor, to_sum(tensor.dtype))?;
    match (op, tensor.dtype) {
        (ScanOp::Sum, DType::F64) => run(ctx, &tensor, axis, 0.0, |a: f64, x: f64| a + x, |a| a),
        (ScanOp::Sum, DType::F32) => run(ctx, &tensor, axis, 0.0, |a: f64, x: f32| a + f64::from(x), |a| a as f32),
        (ScanOp::Sum, DType::F16) => run(ctx, &tensor, axis, 0.0, |a: f32, x: f16| a + x.to_f32(), f16::from_f32),
        (ScanOp::Sum, DType::BF16) => run(ctx, &tensor, axis, 0.0, |a: f32, x: bf16| a + x.to_f32(), bf16::from_f32),
        (ScanOp::Sum, _) => run(ctx, &tensor, axis, 0, i64::wrapping_add, |a| a),
        (ScanOp::Prod, DType::F64) => run(ctx, &tensor, axis, 1.0, |a: f64, x: f64| a * x, |a| a),
        (ScanOp::Prod, DType::F32) => run(ctx, &tensor, axis, 1.0, |a: f64, x: f32| a * f64::from(x), |a| a as f32),
        (ScanOp::Prod, DType::F16) => run(ctx, &tensor, axis, 1.0, |a: f32, x: f16| a * x.to_f32(), f16::from_f32),
        (ScanOp::Prod, DType::BF16) => run(ctx, &tensor, axis, 1.0, |a: f32, x: bf16| a * x.to_f32(), bf16::from_f32),
        (ScanOp::Prod, _) => run(ctx, &tensor, axis, 1, i64::wrapping_mul, |a| a),
    }
}

fn run<T: Element, A: Copy>(
    ctx: &Context,
    tensor: &HostTensor,
    axis: usize,
    start: A,
    step: impl Fn(A, T) -> A,
    finish: impl Fn(A) -> T,
) -> Result<HostTensor, TensorError> {
    let Planes { tensor: packed, outer, count, inner } = planes(ctx, tensor, &[axis])?;
    let data = packed.slice::<T>();
    HostTensor::build(ctx, &tensor.shape, |out: &mut [T]| {
        let mut running = vec![start; inner];
        for plane in 0..outer {
            ctx.poll()?;
            running.fill(start);
            for k in 0..count {
                let row = (plane * count + k) * inner;
                for (i, total) in running.iter_mut().enumerate() {
                    *total = step(*total, data[row + i]);
                    out[row + i] = finish(*total);
                }
            }
        }
        Ok(())
    })
}
