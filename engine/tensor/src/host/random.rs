//! Tensors of random numbers. What element `i` gets depends on the seed, the stream, the call and `i` alone.
//!
//! Uniform f32 take one word, uniform f64 two. Normals come in pairs by the polar-free method of Box and Muller: the
//! logarithm, sine and cosine are computed here from sums and products, so that the numbers are equal on every machine.

use bytemuck::Pod;
use half::{bf16, f16};

use super::HostTensor;
use super::elementwise::cast;
use super::parallel::{Cost, fill_bytes, fill_rows};
use super::source::{Draw, Source};
use super::vectors::{Kernel, vectorized};
use crate::buffer::Buffer;
use crate::random::{Philox, unit_f32, unit_f64};
use crate::{Context, DType, TensorError};

/// Elements made from one block of four words.
const F32_PER_BLOCK: usize = 4;
const F64_PER_BLOCK: usize = 2;
const I64_PER_BLOCK: usize = 2;

struct Blocks<'a, T, F> {
    generator: Philox,
    call: u64,
    first: u64,
    out: &'a mut [T],
    make: F,
}

impl<T: Copy, F: Fn([u32; 4]) -> [T; N], const N: usize> Kernel for (Blocks<'_, T, F>, [(); N]) {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Blocks { generator, call, first, out, make } = self.0;
        let (blocks, rest) = out.as_chunks_mut::<N>();
        let last = first + blocks.len() as u64;
        for (block, index) in blocks.iter_mut().zip(first..) {
            *block = make(generator.block(call, index));
        }
        if !rest.is_empty() {
            let values = make(generator.block(call, last));
            rest.copy_from_slice(&values[..rest.len()]);
        }
    }
}

/// Fills `out` from block `first` of `call` on.
#[inline(always)]
fn blocks<T: Pod, const N: usize>(
    (generator, call, first): (Philox, u64, u64),
    out: &mut [u8],
    make: impl Fn([u32; 4]) -> [T; N],
) {
    vectorized((Blocks { generator, call, first, out: bytemuck::cast_slice_mut(out), make }, [(); N]));
}

/// The random elements of one operation: which generator, which call of it, and what is made of its words.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Draws {
    generator: Philox,
    call: u64,
    dtype: DType,
    draw: Draw,
    per_block: usize,
}

impl Draws {
    /// Takes the context's next call for floats of `dtype`: uniform in [0, 1), or normal with mean 0 and variance 1.
    /// Normal halves are drawn as f32 and rounded.
    pub(crate) fn new(ctx: &Context, normal: bool, dtype: DType) -> Draws {
        let (generator, call) = ctx.next_random();
        let (drawn, draw, per_block): (DType, Draw, usize) = match (normal, dtype) {
            (false, DType::F64) => (DType::F64, |g, c, f, o| blocks((g, c, f), o, uniform_f64), F64_PER_BLOCK),
            // Eleven and eight bits, so that nothing rounds up to 1.
            (false, DType::F16) => {
                (dtype, |g, c, f, o| blocks((g, c, f), o, |w| w.map(|w| f16::from_f32((w >> 21) as f32 / 2048.0))), 4)
            }
            (false, DType::BF16) => {
                (dtype, |g, c, f, o| blocks((g, c, f), o, |w| w.map(|w| bf16::from_f32((w >> 24) as f32 / 256.0))), 4)
            }
            (false, _) => (DType::F32, |g, c, f, o| blocks((g, c, f), o, |w| w.map(unit_f32)), F32_PER_BLOCK),
            (true, DType::F64) => (DType::F64, |g, c, f, o| blocks((g, c, f), o, normal_f64), F64_PER_BLOCK),
            (true, _) => (DType::F32, normal_f32, F32_PER_BLOCK),
        };
        Draws { generator, call, dtype: drawn, draw, per_block }
    }

    /// The dtype of the elements that are drawn.
    pub(crate) const fn dtype(&self) -> DType {
        self.dtype
    }

    /// Elements from one block of four words.
    pub(crate) const fn per_block(&self) -> usize {
        self.per_block
    }

    /// The elements as an operand of a program.
    pub(crate) const fn source(&self) -> Source {
        Source::random(self.generator, self.call, self.dtype.size(), self.per_block, self.draw)
    }

    /// The elements as a tensor.
    fn tensor(&self, ctx: &Context, shape: &[usize]) -> Result<HostTensor, TensorError> {
        let elements = ctx.measure(self.dtype, shape)?;
        let size = self.dtype.size();
        let mut buffer = Buffer::stale(ctx.meter(), elements * size)?;
        fill_bytes(ctx, buffer.as_mut_slice(), size, Cost::Dear, &|first, part| {
            (self.draw)(self.generator, self.call, (first / self.per_block) as u64, part);
        })?;
        Ok(HostTensor::from_buffer(self.dtype, shape, buffer))
    }
}

/// Uniform in [0, 1).
pub(crate) fn uniform(ctx: &Context, dtype: DType, shape: &[usize]) -> Result<HostTensor, TensorError> {
    cast(ctx, &Draws::new(ctx, false, dtype).tensor(ctx, shape)?, dtype)
}

/// Normal with mean 0 and variance 1.
pub(crate) fn normal(ctx: &Context, dtype: DType, shape: &[usize]) -> Result<HostTensor, TensorError> {
    cast(ctx, &Draws::new(ctx, true, dtype).tensor(ctx, shape)?, dtype)
}

#[inline(always)]
fn uniform_f64(w: [u32; 4]) -> [f64; 2] {
    [unit_f64(w[0], w[1]), unit_f64(w[2], w[3])]
}

#[inline(always)]
fn normal_f64(w: [u32; 4]) -> [f64; 2] {
    let (radius, sine, cosine) = polar(1.0 - unit_f64(w[0], w[1]), unit_f64(w[2], w[3]));
    [radius * cosine, radius * sine]
}

/// Fills `out` with normal f32 from block `first` on.
fn normal_f32(generator: Philox, call: u64, first: u64, out: &mut [u8]) {
    vectorized(NormalStrips { generator, call, first, out: bytemuck::cast_slice_mut(out) });
}

/// Blocks whose words are drawn before normals are made of them: loops of one kind become vector code.
const STRIP: usize = 64;

/// Normal f32, four from each block.
struct NormalStrips<'a> {
    generator: Philox,
    call: u64,
    first: u64,
    out: &'a mut [f32],
}

impl Kernel for NormalStrips<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let NormalStrips { generator, call, first, out } = self;
        let mut words = [[0u32; 2 * STRIP]; 2];
        let mut made = [[0f32; 2 * STRIP]; 2];
        for (strip, part) in out.chunks_mut(4 * STRIP).enumerate() {
            let start = first + (strip * STRIP) as u64;
            for (i, index) in (0..STRIP).zip(start..) {
                let [a, b, c, d] = generator.block(call, index);
                words[0][i] = a;
                words[1][i] = b;
                words[0][STRIP + i] = c;
                words[1][STRIP + i] = d;
            }
            for i in 0..2 * STRIP {
                let [x, y] = pair(words[0][i], words[1][i]);
                made[0][i] = x;
                made[1][i] = y;
            }
            for (i, slots) in part.chunks_mut(4).enumerate() {
                let four = [made[0][i], made[1][i], made[0][STRIP + i], made[1][STRIP + i]];
                slots.copy_from_slice(&four[..slots.len()]);
            }
        }
    }
}

/// Two normal numbers from two words. 32 bits of radius reach 6.66 standard deviations.
#[inline(always)]
fn pair(a: u32, b: u32) -> [f32; 2] {
    let (radius, sine, cosine) = polar((f64::from(a) + 1.0) * 2f64.powi(-32), f64::from(b) * 2f64.powi(-32));
    [(radius * cosine) as f32, (radius * sine) as f32]
}

/// The radius `sqrt(-2 log u)` for u in (0, 1], and the sine and cosine of 2πv for v in [0, 1).
#[inline(always)]
fn polar(u: f64, v: f64) -> (f64, f64, f64) {
    let radius = (-2.0 * logarithm(u)).sqrt();
    // v = q/4 + r with r in [-1/8, 1/8].
    let quarter = (v * 4.0 + 0.5).floor();
    let angle = (v - quarter * 0.25) * std::f64::consts::TAU;
    let z = angle * angle;
    let mut sine = 0.0;
    for c in [
        -7.647_163_731_819_816e-13,
        1.605_904_383_682_161_3e-10,
        -2.505_210_838_544_172e-8,
        2.755_731_922_398_589e-6,
        -1.984_126_984_126_984e-4,
        8.333_333_333_333_333e-3,
        -1.666_666_666_666_666_6e-1,
    ] {
        sine = (sine + c) * z;
    }
    let sine = angle + angle * sine;
    let mut cosine = 0.0;
    for c in [
        -1.147_074_559_772_972_5e-11,
        2.087_675_698_786_81e-9,
        -2.755_731_922_398_589_3e-7,
        2.480_158_730_158_73e-5,
        -1.388_888_888_888_889e-3,
        4.166_666_666_666_666_4e-2,
        -0.5,
    ] {
        cosine = (cosine + c) * z;
    }
    let cosine = 1.0 + cosine;
    // The quarter of the circle, from the low bits of a float in whose binade the unit is the last place.
    let quadrant = (quarter + 4_503_599_627_370_496.0).to_bits();
    let (near, far) = if quadrant & 1 == 0 { (sine, cosine) } else { (cosine, -sine) };
    if quadrant & 2 == 0 { (radius, near, far) } else { (radius, -near, -far) }
}

/// The natural logarithm of a normal positive number, by the series of the inverse hyperbolic tangent; good to 2^-50.
#[inline(always)]
fn logarithm(x: f64) -> f64 {
    // The exponent becomes a float by its bits: processors convert 64-bit whole numbers one at a time.
    let bits = x.to_bits().wrapping_sub(0x3fe6_a09e_667f_3bcd).wrapping_add(1024 << 52);
    let exponent = f64::from_bits((bits >> 52) | 0x4330_0000_0000_0000) - 4_503_599_627_371_520.0;
    let m = f64::from_bits((bits & 0x000f_ffff_ffff_ffff).wrapping_add(0x3fe6_a09e_667f_3bcd));
    let s = (m - 1.0) / (m + 1.0);
    let z = s * s;
    let mut sum = 0.0;
    for n in [21.0, 19.0, 17.0, 15.0, 13.0, 11.0, 9.0, 7.0, 5.0, 3.0] {
        sum = (sum + 1.0 / n) * z;
    }
    exponent * std::f64::consts::LN_2 + 2.0 * (s + s * sum)
}

/// Whole numbers in [low, high), by Lemire's multiplication; the bias is below 2^-32 for ranges below 2^32.
pub(crate) fn integers(ctx: &Context, low: i64, high: i64, shape: &[usize]) -> Result<HostTensor, TensorError> {
    let span = high.wrapping_sub(low) as u64;
    let (generator, call) = ctx.next_random();
    HostTensor::build(ctx, shape, |out: &mut [i64]| {
        fill_rows(ctx, out, I64_PER_BLOCK, Cost::Dear, |first, part| {
            let first = (first / I64_PER_BLOCK) as u64;
            blocks((generator, call, first), bytemuck::cast_slice_mut(part), |w| {
                [(w[0], w[1]), (w[2], w[3])].map(|(a, b)| {
                    let word = u64::from(a) | u64::from(b) << 32;
                    low.wrapping_add(((u128::from(word) * u128::from(span)) >> 64) as i64)
                })
            });
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_polar_form_is_exact() {
        for i in 1..100_000 {
            let u = f64::from(i) / 100_000.0;
            assert!((logarithm(u) - u.ln()).abs() < 1e-14 * u.ln().abs().max(1e-3), "log {u}");
            let (radius, sine, cosine) = polar(u, u);
            let angle = u * std::f64::consts::TAU;
            assert!((sine - angle.sin()).abs() < 2e-15 && (cosine - angle.cos()).abs() < 2e-15, "angle {u}");
            assert!((radius - (-2.0 * u.ln()).sqrt()).abs() < 1e-13);
        }
    }

    #[test]
    fn a_part_of_a_tensor_does_not_depend_on_its_size() {
        let make = |n: usize| {
            let ctx = Context::new(crate::Device::cpu()).with_seed(7);
            normal(&ctx, DType::F32, &[n]).unwrap().slice::<f32>().to_vec()
        };
        let (short, long) = (make(13), make(300_001));
        assert_eq!(short[..12], long[..12]);
        let mean = long.iter().map(|&x| f64::from(x)).sum::<f64>() / long.len() as f64;
        let square = long.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>() / long.len() as f64;
        assert!(mean.abs() < 0.008 && (square - 1.0).abs() < 0.012, "{mean} {square}");
    }
}
