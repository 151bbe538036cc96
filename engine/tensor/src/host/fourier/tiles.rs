//! Between rows in memory and signals side by side, in squares that fit the first-level cache: every line of memory is
//! touched once.
//!
//! It knows the two layouts and nothing of transforms. Driven by `rows`.

use super::super::math::Real;
use super::plan::lanes;

/// Columns of a square: a cache line or half of one.
const WIDTH: usize = 8;

/// Puts the first `count` rows of `row` elements side by side: element `j` of row `lane` to `block[j * lanes + lane]`, for as
/// many whole squares of columns as there are. Lanes beyond the rows get zeros. Answers how many columns that were.
#[inline(always)]
pub(super) fn side_by_side<T: Real>(data: &[T], row: usize, count: usize, columns: usize, block: &mut [T]) -> usize {
    let whole = columns / WIDTH * WIDTH;
    for (tile, slots) in block[..whole * lanes::<T>()].chunks_exact_mut(WIDTH * lanes::<T>()).enumerate() {
        if count < lanes::<T>() {
            slots.fill(T::ZERO);
        }
        for lane in 0..count {
            let values = &data[lane * row + tile * WIDTH..][..WIDTH];
            for (slots, x) in slots.chunks_exact_mut(lanes::<T>()).zip(values) {
                slots[lane] = *x;
            }
        }
    }
    whole
}

/// The way back: signals of `size` elements from side by side into the rows of `out`, each element times `scale`.
#[inline(always)]
pub(super) fn one_by_one<T: Real>(block: &[T], size: usize, scale: T, out: &mut [T]) {
    for (tile, from) in block.chunks(WIDTH * lanes::<T>()).enumerate() {
        for (lane, row) in out.chunks_exact_mut(size).enumerate() {
            for (slot, values) in row[tile * WIDTH..].iter_mut().zip(from.chunks_exact(lanes::<T>())) {
                *slot = values[lane] * scale;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_go_side_by_side_and_come_back() {
        for (count, size) in [(1, 1), (3, 7), (8, 8), (16, 24), (5, 30), (11, 17)] {
            let data: Vec<f32> = (0..count * size).map(|i| i as f32).collect();
            let lanes = lanes::<f32>();
            let mut block = vec![-1.0_f32; size * lanes];
            let done = side_by_side(&data, size, count, size, &mut block);
            assert_eq!(done, size / WIDTH * WIDTH);
            for j in 0..done {
                for lane in 0..lanes {
                    let want = if lane < count { data[lane * size + j] } else { 0.0 };
                    assert_eq!(block[j * lanes + lane], want, "{count} rows of {size}: {j}, {lane}");
                }
            }
            for j in done..size {
                for lane in 0..count {
                    block[j * lanes + lane] = data[lane * size + j];
                }
            }
            let mut back = vec![0.0_f32; count * size];
            one_by_one(&block, size, 2.0, &mut back);
            assert_eq!(back, data.iter().map(|x| 2.0 * x).collect::<Vec<_>>());
        }
    }
}
