//! Indexing and slicing: `a[i, :, 1..3]`, `a[mask]`, `a[list]`, and assignment through them, by NumPy's rules.
//!
//! A selection made of positions and ranges is a view and copies nothing. One with masks or lists of indices gathers.

use nexus_model::DType;

use crate::gpu::{GpuTensor, Piece};
use crate::host::HostTensor;
use crate::host::elementwise::cast;
use crate::host::gather::{Selection, gather, scatter, writable};
use crate::op::{Arg, ArgType, Dim, TensorType};
use crate::shape::{Shape, element_count};
use crate::{Context, Tensor, TensorError};

/// One entry between the brackets.
#[derive(Debug, Clone)]
pub enum Index {
    /// One position; the axis goes away.
    At(i64),
    /// Positions `start..end` in steps, with Python's defaults and clamping; negative steps run backwards.
    Range {
        /// First position.
        start: Option<i64>,
        /// One past the last.
        end: Option<i64>,
        /// Step, not zero.
        step: Option<i64>,
    },
    /// The whole axis, `:`.
    All,
    /// Where a bool tensor is true; takes as many axes as the mask has.
    Mask(Tensor),
    /// The positions in an int tensor; the axis is replaced by the axes of the list.
    List(Tensor),
}

/// What is known of one entry between the brackets before anything runs.
#[derive(Debug, Clone)]
pub enum IndexType {
    /// One position, with its value where it is a constant.
    At(Option<i64>),
    /// A range; each end is known (`Some(Some(3))`), absent (`Some(None)`) or not known (`None`).
    Range {
        /// First position.
        start: Option<Option<i64>>,
        /// One past the last.
        end: Option<Option<i64>>,
        /// Step.
        step: Option<Option<i64>>,
    },
    /// The whole axis.
    All,
    /// A tensor: a mask where its dtype is bool, else a list of positions.
    Tensor(TensorType),
    /// Anything.
    Unknown,
}

/// `size` positions from `start` on in steps, after Python's rules for slices.
pub(crate) fn resolve_range(
    start: Option<i64>,
    end: Option<i64>,
    step: Option<i64>,
    size: usize,
) -> Result<(usize, isize, usize), TensorError> {
    let step = step.unwrap_or(1);
    if step == 0 {
        return Err(TensorError::argument("step", "of a range must not be 0"));
    }
    let n = i64::try_from(size).unwrap_or(i64::MAX);
    let wrap = |i: i64| if i < 0 { i.saturating_add(n) } else { i };
    let (start, count) = if step > 0 {
        let start = start.map_or(0, wrap).clamp(0, n);
        let end = end.map_or(n, wrap).clamp(0, n);
        let span = end.saturating_sub(start).max(0) as u64;
        (start, span.div_ceil(step.unsigned_abs()))
    } else {
        let start = start.map_or(n - 1, wrap).clamp(-1, n - 1);
        let end = end.map_or(-1, wrap).clamp(-1, n - 1);
        let span = start.saturating_sub(end).max(0) as u64;
        (start, span.div_ceil(step.unsigned_abs()))
    };
    // A step longer than the axis takes one entry at most, so its length does not matter.
    let step = step.clamp(-n.max(1), n.max(1));
    Ok((start.max(0) as usize, step as isize, count as usize))
}

/// A position on an axis of `size`; negative ones count from the end.
pub(crate) fn resolve_position(index: i64, axis: usize, size: usize) -> Result<usize, TensorError> {
    let position = if index < 0 { index.checked_add(size as i64) } else { Some(index) };
    match position {
        Some(p) if p >= 0 && (p as u64) < size as u64 => Ok(p as usize),
        _ => Err(TensorError::Index { index, axis, size }),
    }
}

/// `tensor[indices…]`. Axes that are not mentioned are taken whole.
pub fn get(ctx: &Context, tensor: &Tensor, indices: &[Index]) -> Result<Tensor, TensorError> {
    if let Some(gpu) = tensor.as_gpu()
        && let Some(result) = cut(ctx, gpu, indices)?
    {
        return Ok(Tensor::on_gpu(result));
    }
    let lists = lists_on_host(indices)?;
    let host = tensor.to_host()?;
    let selection = Selection::new(ctx, &host, indices, &lists)?;
    let host = match selection.as_view(&host) {
        Some(view) => view,
        None => gather(ctx, &host, &selection)?,
    };
    Tensor::place(ctx, host)
}

/// A selection of positions and forward ranges, where the elements are on the graphics processor. `None` leaves it to
/// the host, which also reports what is wrong.
fn cut(ctx: &Context, gpu: &GpuTensor, indices: &[Index]) -> Result<Option<GpuTensor>, TensorError> {
    let mut pieces = Vec::with_capacity(gpu.rank());
    let mut shape = Shape::new();
    for (axis, &size) in gpu.shape.iter().enumerate() {
        let piece = match indices.get(axis) {
            None | Some(Index::All) => Piece { start: 0, step: 1, size },
            Some(&Index::At(index)) => Piece { start: resolve_position(index, axis, size)?, step: 1, size: 1 },
            Some(&Index::Range { start, end, step }) => match resolve_range(start, end, step, size)? {
                (start, step, size) if step > 0 => Piece { start, step: step as usize, size },
                _ => return Ok(None),
            },
            Some(Index::Mask(_) | Index::List(_)) => return Ok(None),
        };
        if !matches!(indices.get(axis), Some(Index::At(_))) {
            shape.push(piece.size);
        }
        pieces.push(piece);
    }
    if indices.len() > gpu.rank() || element_count(&shape) == 0 {
        return Ok(None);
    }
    match gpu.pieces(ctx, &pieces)? {
        Some(cut) => cut.reshaped(ctx, &shape).map(Some),
        None => Ok(None),
    }
}

/// `tensor[indices…] = value`: the tensor with the selected elements replaced. The value broadcasts to the selection
/// and is cast to the tensor's dtype. Works in place where the tensor's buffer is its own.
pub fn set(ctx: &Context, tensor: Tensor, indices: &[Index], value: &Arg) -> Result<Tensor, TensorError> {
    let lists = lists_on_host(indices)?;
    let value = match value {
        // A number takes the tensor's dtype at once: on the way through the default one it would lose digits.
        Arg::Scalar(_) => Tensor::number(ctx, value, tensor.dtype())?,
        value => cast(ctx, &Tensor::operand(ctx, "value", value)?.to_host()?, tensor.dtype())?,
    };
    let host = writable(ctx, tensor.into_host()?)?;
    let selection = Selection::new(ctx, &host, indices, &lists)?;
    Tensor::place(ctx, scatter(ctx, host, &selection, &value)?)
}

/// Masks and lists of `indices`, in host memory, in order.
fn lists_on_host(indices: &[Index]) -> Result<Vec<HostTensor>, TensorError> {
    let mut lists = Vec::new();
    for index in indices {
        match index {
            Index::Mask(mask) if mask.dtype() == DType::Bool => lists.push(mask.to_host()?),
            Index::Mask(mask) => {
                return Err(TensorError::DType { dtype: mask.dtype(), problem: "is no mask, masks are bool" });
            }
            Index::List(list) if list.dtype().is_int() => lists.push(list.to_host()?),
            Index::List(list) => {
                return Err(TensorError::DType {
                    dtype: list.dtype(),
                    problem: "holds no positions, positions are ints",
                });
            }
            Index::At(_) | Index::Range { .. } | Index::All => {}
        }
    }
    Ok(lists)
}

/// Infers the type of `tensor[indices…]`, or says what is wrong with it.
pub fn infer_index(tensor: &ArgType, indices: &[IndexType]) -> Result<ArgType, TensorError> {
    let ArgType::Tensor(ty) = tensor else { return Ok(ArgType::Unknown) };
    let unknown = ArgType::Tensor(TensorType { dtype: ty.dtype, shape: None });
    let Some(dims) = &ty.shape else { return Ok(unknown) };
    let mut shape = Vec::new();
    let mut axis = 0;
    for index in indices {
        let takes = match index {
            IndexType::Tensor(_) | IndexType::Unknown => return Ok(unknown),
            _ => 1,
        };
        let Some(dim) = dims.get(axis) else {
            return Err(TensorError::argument("index", too_many(indices.len(), dims.len())));
        };
        match (index, dim) {
            (IndexType::At(Some(i)), Dim::Known(size)) => {
                resolve_position(*i, axis, *size)?;
            }
            (IndexType::At(_), _) => {}
            (IndexType::Range { start: Some(start), end: Some(end), step: Some(step) }, Dim::Known(size)) => {
                shape.push(Dim::Known(resolve_range(*start, *end, *step, *size)?.2));
            }
            (IndexType::Range { step: Some(Some(0)), .. }, _) => {
                return Err(TensorError::argument("step", "of a range must not be 0"));
            }
            (IndexType::Range { .. }, _) => shape.push(Dim::Unknown),
            (_, dim) => shape.push(dim.clone()),
        }
        axis += takes;
    }
    shape.extend(dims[axis..].iter().cloned());
    Ok(ArgType::Tensor(TensorType { dtype: ty.dtype, shape: Some(shape) }))
}

/// The problem of more indices than axes.
pub(crate) fn too_many(given: usize, rank: usize) -> String {
    format!("names {given} axes of a tensor with {rank}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_follow_python() {
        let r = |start, end, step, size| resolve_range(start, end, step, size).unwrap();
        assert_eq!(r(None, None, None, 5), (0, 1, 5));
        assert_eq!(r(Some(-2), None, None, 5), (3, 1, 2));
        assert_eq!(r(Some(1), Some(100), Some(2), 5), (1, 2, 2));
        assert_eq!(r(None, None, Some(-1), 5), (4, -1, 5));
        assert_eq!(r(Some(3), Some(0), Some(-2), 5), (3, -2, 2));
        assert_eq!(r(Some(4), Some(1), None, 5).2, 0);
        assert_eq!(r(None, None, Some(-1), 0).2, 0);
        assert_eq!(r(Some(i64::MIN), Some(i64::MAX), Some(i64::MAX), 5), (0, 5, 1));
        assert!(resolve_range(None, None, Some(0), 5).is_err());
    }
}
