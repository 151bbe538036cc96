//! Loops that convert between dtypes: the nearest value, whole numbers truncate and saturate, halves round once.

use half::slice::HalfFloatSliceExt;
use half::{bf16, f16};

use super::{Map, map};
use crate::DType;
use crate::element::{Bit, Element};

/// The loops from one dtype to another, one after the other where no single one exists; none between equals.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Conversion {
    /// The only or first loop.
    pub(crate) first: Option<Map>,
    /// The loop behind it, and the dtype between them.
    pub(crate) second: Option<(DType, Map)>,
}

/// How elements of `from` become elements of `to`.
pub(crate) fn conversion(from: DType, to: DType) -> Conversion {
    let one = |first| Conversion { first: Some(first), second: None };
    let two = |between| {
        let (first, second) = (conversion(from, between).first, conversion(between, to).first);
        Conversion { first, second: second.map(|loop_| (between, loop_)) }
    };
    match (from, to) {
        _ if from == to => Conversion { first: None, second: None },
        // Bools are the bytes 0 and 1.
        (DType::Bool, DType::U8) => Conversion { first: None, second: None },
        (DType::Bool, _) => conversion(DType::U8, to),
        (DType::F16, DType::F32) => one(widen_f16),
        (DType::BF16, DType::F32) => one(|s, o| map(s, o, bf16::to_f32)),
        (DType::F32, DType::F16) => one(round_to_f16),
        (DType::F32, DType::BF16) => one(|s, o| map(s, o, bf16::from_f32)),
        // Rounding twice would not be the nearest half.
        (DType::F64, DType::F16) => one(|s, o| map(s, o, f16::from_f64)),
        (DType::F64, DType::BF16) => one(|s, o| map(s, o, bf16::from_f64)),
        (DType::F16 | DType::BF16, _) => two(DType::F32),
        (_, DType::F16 | DType::BF16) => two(DType::F64),
        (DType::F64, _) => one(of::<f64>(to)),
        (DType::F32, _) => one(of::<f32>(to)),
        (DType::I64, _) => one(of::<i64>(to)),
        (DType::I32, _) => one(of::<i32>(to)),
        (DType::U8, _) => one(of::<u8>(to)),
    }
}

fn of<T: Element>(to: DType) -> Map {
    match to {
        DType::F64 => into::<T, f64>,
        DType::I64 => into::<T, i64>,
        DType::I32 => into::<T, i32>,
        DType::U8 => into::<T, u8>,
        DType::Bool => |s, o| map(s, o, |x: T| Bit::new(x != T::default())),
        _ => into::<T, f32>,
    }
}

fn into<T: Element, R: Element>(source: &[u8], out: &mut [u8]) {
    // Whole numbers go by way of i64, floats by way of f64; both hold every element exactly.
    if T::DTYPE.is_int() {
        map(source, out, |x: T| R::from_i64(x.to_i64()));
    } else {
        map(source, out, |x: T| R::from_f64(x.to_f64()));
    }
}

/// By the processor's own instruction where it has one.
fn widen_f16(source: &[u8], out: &mut [u8]) {
    let halves: &[f16] = bytemuck::cast_slice(source);
    halves.convert_to_f32_slice(bytemuck::cast_slice_mut(out));
}

/// By the processor's own instruction where it has one.
fn round_to_f16(source: &[u8], out: &mut [u8]) {
    let halves: &mut [f16] = bytemuck::cast_slice_mut(out);
    halves.convert_from_f32_slice(bytemuck::cast_slice(source));
}
