//! Shapes, strides and axes: the arithmetic of layouts, without any data.

use smallvec::SmallVec;

use crate::TensorError;

/// Sizes of the axes. Four axes fit without an allocation.
pub(crate) type Shape = SmallVec<[usize; 4]>;
/// Steps in elements from one entry of an axis to the next; 0 repeats, negative runs backwards.
pub(crate) type Strides = SmallVec<[isize; 4]>;

/// The most axes of a tensor. NumPy has 64; programs use up to six, and every loop over axes is bounded by this.
pub const RANK_MAX: usize = 16;

/// Number of elements; the shape was measured when its tensor was made, so this cannot overflow.
pub(crate) fn element_count(shape: &[usize]) -> usize {
    shape.iter().product()
}

/// Refuses shapes with more than [`RANK_MAX`] axes.
pub(crate) fn check_rank(shape: &[usize]) -> Result<(), TensorError> {
    if shape.len() > RANK_MAX {
        return Err(TensorError::shape(shape, format!("has more than {RANK_MAX} axes")));
    }
    Ok(())
}

/// Strides of a row-major tensor without gaps.
pub(crate) fn row_major(shape: &[usize]) -> Strides {
    let mut strides: Strides = SmallVec::from_elem(0, shape.len());
    let mut step = 1isize;
    for (stride, &size) in strides.iter_mut().zip(shape).rev() {
        *stride = step;
        // Beside an axis of size 0 another may be of any size; such strides are not used.
        step = step.saturating_mul(isize::try_from(size.max(1)).unwrap_or(isize::MAX));
    }
    strides
}

/// Whether `strides` visit `shape` in row-major order without gaps. Axes of size 1 may have any stride.
pub(crate) fn is_row_major(shape: &[usize], strides: &[isize]) -> bool {
    let mut step = 1isize;
    for (&size, &stride) in shape.iter().zip(strides).rev() {
        if size == 0 {
            return true;
        }
        if size != 1 {
            if stride != step {
                return false;
            }
            step *= size as isize;
        }
    }
    true
}

/// The shape that two shapes broadcast to, by NumPy's rule.
pub(crate) fn broadcast(left: &[usize], right: &[usize]) -> Result<Shape, TensorError> {
    let rank = left.len().max(right.len());
    let mut shape: Shape = SmallVec::from_elem(1, rank);
    for i in 0..rank {
        let a = if i < left.len() { left[left.len() - 1 - i] } else { 1 };
        let b = if i < right.len() { right[right.len() - 1 - i] } else { 1 };
        shape[rank - 1 - i] = match (a, b) {
            (a, b) if a == b => a,
            (1, b) => b,
            (a, 1) => a,
            _ => return Err(TensorError::shapes(left, right, "do not broadcast")),
        };
    }
    Ok(shape)
}

/// Strides that make a tensor of `shape` look like one of `target`. `None` where it does not broadcast.
pub(crate) fn broadcast_strides(shape: &[usize], strides: &[isize], target: &[usize]) -> Option<Strides> {
    let lead = target.len().checked_sub(shape.len())?;
    let mut out: Strides = SmallVec::from_elem(0, target.len());
    for (i, (&size, &stride)) in shape.iter().zip(strides).enumerate() {
        let wanted = target[lead + i];
        if size == wanted {
            out[lead + i] = if size == 1 { 0 } else { stride };
        } else if size != 1 {
            return None;
        }
    }
    Some(out)
}

/// `axis` as an index below `rank`; negative axes count from the end.
pub(crate) fn normalize_axis(axis: i64, rank: usize) -> Result<usize, TensorError> {
    let signed = rank as i64;
    let index = if axis < 0 { axis.checked_add(signed) } else { Some(axis) };
    match index {
        Some(index) if (0..signed).contains(&index) => Ok(index as usize),
        _ => Err(TensorError::Axis { axis, rank }),
    }
}

/// Distinct axes below `rank`, sorted.
pub(crate) fn normalize_axes(axes: &[i64], rank: usize) -> Result<SmallVec<[usize; 4]>, TensorError> {
    let mut out: SmallVec<[usize; 4]> = SmallVec::new();
    for &axis in axes {
        let axis = normalize_axis(axis, rank)?;
        if out.contains(&axis) {
            return Err(TensorError::argument("axis", format!("names axis {axis} twice")));
        }
        out.push(axis);
    }
    out.sort_unstable();
    Ok(out)
}

/// Merges neighbouring axes that every one of `views` walks as one, and drops axes of size 1. The result has at least
/// one axis. Fewer axes make every loop over a view longer and cheaper.
pub(crate) fn collapse<const N: usize>(shape: &[usize], views: [&[isize]; N]) -> (Shape, [Strides; N]) {
    let mut sizes: Shape = SmallVec::new();
    let mut strides: [Strides; N] = std::array::from_fn(|_| SmallVec::new());
    for (axis, &size) in shape.iter().enumerate() {
        if size == 1 {
            continue;
        }
        let merges = sizes.last().is_some()
            && (0..N).all(|v| strides[v].last().is_some_and(|&outer| outer == views[v][axis] * size as isize));
        if merges {
            if let Some(last) = sizes.last_mut() {
                *last *= size;
            }
            for v in 0..N {
                if let Some(last) = strides[v].last_mut() {
                    *last = views[v][axis];
                }
            }
        } else {
            sizes.push(size);
            for v in 0..N {
                strides[v].push(views[v][axis]);
            }
        }
    }
    if sizes.is_empty() {
        sizes.push(1);
        strides.iter_mut().for_each(|s| s.push(0));
    }
    (sizes, strides)
}

/// Calls `visit` with the offsets of `N` views for every position of `shape`, row-major, from position `start` on, for
/// `count` positions.
#[inline(always)]
pub(crate) fn for_each_offset<const N: usize>(
    shape: &[usize],
    strides: [&[isize]; N],
    start: usize,
    count: usize,
    mut visit: impl FnMut([isize; N]),
) {
    let mut position: Shape = SmallVec::from_elem(0, shape.len());
    let mut offsets = [0isize; N];
    let mut rest = start;
    for axis in (0..shape.len()).rev() {
        let size = shape[axis].max(1);
        position[axis] = rest % size;
        rest /= size;
        for v in 0..N {
            offsets[v] += strides[v][axis] * position[axis] as isize;
        }
    }
    for _ in 0..count {
        visit(offsets);
        for axis in (0..shape.len()).rev() {
            position[axis] += 1;
            for v in 0..N {
                offsets[v] += strides[v][axis];
            }
            if position[axis] < shape[axis] {
                break;
            }
            for v in 0..N {
                offsets[v] -= strides[v][axis] * position[axis] as isize;
            }
            position[axis] = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_broadcast_as_in_numpy() {
        assert_eq!(broadcast(&[3, 1, 5], &[4, 1]).unwrap().as_slice(), &[3, 4, 5]);
        assert_eq!(broadcast(&[], &[2]).unwrap().as_slice(), &[2]);
        assert_eq!(broadcast(&[0], &[1]).unwrap().as_slice(), &[0]);
        let error = broadcast(&[2, 3], &[2]).unwrap_err();
        assert_eq!(error.to_string(), "shapes [2, 3] and [2] do not broadcast");
    }

    #[test]
    fn negative_axes_count_from_the_end() {
        assert_eq!(normalize_axis(-1, 3).unwrap(), 2);
        assert_eq!(normalize_axis(3, 3).unwrap_err().to_string(), "axis 3 does not exist in a tensor with 3 axes");
        assert!(normalize_axis(i64::MIN, 3).is_err());
        assert!(normalize_axis(0, 0).is_err());
    }

    #[test]
    fn axes_walked_as_one_collapse() {
        let (shape, [a, b]) = collapse(&[2, 3, 4], [&[12, 4, 1], &[0, 0, 1]]);
        assert_eq!(shape.as_slice(), &[6, 4]);
        assert_eq!((a.as_slice(), b.as_slice()), (&[4, 1][..], &[0, 1][..]));
        let (shape, [a]) = collapse(&[1, 1], [&[1, 1]]);
        assert_eq!((shape.as_slice(), a.as_slice()), (&[1][..], &[0][..]));
    }

    #[test]
    fn offsets_start_anywhere() {
        let mut seen = Vec::new();
        for_each_offset(&[2, 3], [&[1, 2]], 2, 3, |[o]| seen.push(o));
        assert_eq!(seen, [4, 1, 3]);
    }
}
