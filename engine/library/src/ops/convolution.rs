//! Convolutions as neural networks mean them: the filter is not turned round.
//!
//! The windows are gathered into the rows of a matrix, which one product multiplies with all filters (Chellapilla et
//! al., "High performance convolutional neural networks for document processing", 2006).

use nexus_tensor::infer::{self, Inferred, typed};
use nexus_tensor::{Arg, ArgType, Context, DType, Dim, Index, OpDef, Tensor, TensorError, args, params};

use super::{Entry, composite};
use crate::autodiff::{Algebra, Gradient, Item, Var};

pub(super) const OPS: &[Entry] = &[
    (
        OpDef {
            name: "tensor.conv1d",
            params: params!(x: Tensor, weight: Tensor, bias: Tensor = "none", stride: Int = "1", padding: Int = "0"),
            doc: "The convolution of x, [batch, channels, length], with filters [out, channels, width], as PyTorch's \
                  conv1d: [batch, out, places]. padding zeros are put at both ends.",
            example: "tensor.conv1d(tensor.ones(1, 2, 8), tensor.ones(3, 2, 3), padding = 1)",
            infer: |a| infer_convolution(a, 1),
            run: composite!(|t: &Algebra<'_>, a: &[Item]| convolve(t, a, 1)),
        },
        Gradient::Composite(|t, a| convolve(t, a, 1)),
    ),
    (
        OpDef {
            name: "tensor.conv2d",
            params: params!(x: Tensor, weight: Tensor, bias: Tensor = "none", stride: Int = "1", padding: Int = "0"),
            doc: "The convolution of images x, [batch, channels, height, width], with filters [out, channels, rows, \
                  columns], as PyTorch's conv2d. padding zeros are put at all sides.",
            example: "tensor.conv2d(tensor.ones(1, 1, 5, 5), tensor.ones(2, 1, 3, 3))",
            infer: |a| infer_convolution(a, 2),
            run: composite!(|t: &Algebra<'_>, a: &[Item]| convolve(t, a, 2)),
        },
        Gradient::Composite(|t, a| convolve(t, a, 2)),
    ),
];

fn infer_convolution(a: &[ArgType], spatial: usize) -> Inferred {
    let (x, w) = (infer::tensor(a, 0, "x")?, infer::tensor(a, 1, "weight")?);
    for (ty, name) in [(&x, "x"), (&w, "weight")] {
        if let Some(dims) = &ty.shape
            && dims.len() != spatial + 2
        {
            return Err(TensorError::argument(
                name,
                format!("must have {} axes, is {}", spatial + 2, infer::written(dims)),
            ));
        }
    }
    let dtype = x.dtype.filter(|d| Some(*d) == w.dtype && d.is_float());
    let part = |dims: &Option<Vec<Dim>>, i: usize| dims.as_ref().map_or(Dim::Unknown, |d| d[i].clone());
    let mut shape = vec![part(&x.shape, 0), part(&w.shape, 0)];
    shape.extend(std::iter::repeat_n(Dim::Unknown, spatial));
    Ok(typed(dtype, Some(shape)))
}

fn convolve(t: &Algebra<'_>, a: &[Item], spatial: usize) -> Result<Item, TensorError> {
    let (Some(Item::Var(x)), Some(Item::Var(weight))) = (a.first(), a.get(1)) else {
        return Err(TensorError::argument("x", "and weight must be tensors"));
    };
    let plain: Vec<Arg> = a.iter().map(Item::plain).collect();
    let stride = args::int_or(&plain, 3, "stride", 1)?;
    let stride = usize::try_from(stride)
        .ok()
        .filter(|&s| s > 0)
        .ok_or_else(|| TensorError::argument("stride", format!("must be positive, is {stride}")))?;
    let padding = if matches!(args::at(&plain, 4), Arg::None) { 0 } else { args::count(&plain, 4, "padding")? };
    if x.rank() != spatial + 2 || weight.rank() != spatial + 2 || x.shape()[1] != weight.shape()[1] {
        let problem = "are no convolution: both need batch or filters, then the same channels, then places";
        return Err(TensorError::shapes(x.shape(), weight.shape(), problem));
    }
    let x = if padding > 0 { pad(t, x, padding)? } else { x.clone() };
    let (sizes, widths) = (&x.shape()[2..], &weight.shape()[2..]);
    if sizes.iter().zip(widths).any(|(n, w)| n < w) || widths.contains(&0) {
        return Err(TensorError::shapes(x.shape(), weight.shape(), "do not fit: the filter is larger than its input"));
    }
    let places: Vec<usize> = sizes.iter().zip(widths).map(|(n, w)| (n - w) / stride + 1).collect();
    let (batch, channels, filters) = (x.shape()[0], x.shape()[1], weight.shape()[0]);
    let (count, window) = (places.iter().product::<usize>(), widths.iter().product::<usize>());
    let area: usize = sizes.iter().product();
    // [batch, channels, area] → [batch, channels, count, window]
    let list = windows(t.context(), sizes, widths, &places, stride)?;
    let flat = t.reshape(&x, &[batch, channels, area])?;
    let taken = t.get(&flat, &[Index::All, Index::All, Index::List(list)])?;
    let rows = t.reshape(&t.permute(&taken, &[0, 2, 1, 3])?, &[batch, count, channels * window])?;
    let columns = t.transposed(&t.reshape(weight, &[filters, channels * window])?)?;
    let mut result = t.transposed(&t.matmul(&rows, &columns)?)?;
    if let Some(Item::Var(bias)) = a.get(2) {
        result = t.add(&result, &t.reshape(bias, &[bias.count(), 1])?)?;
    }
    let shape: Vec<usize> = [batch, filters].into_iter().chain(places).collect();
    t.reshape(&result, &shape).map(Item::Var)
}

/// Zeros at both ends of the axes behind the first two.
fn pad(t: &Algebra<'_>, x: &Var, padding: usize) -> Result<Var, TensorError> {
    let pair = |n: usize| Item::List(vec![Arg::Int(n as i64).into(), Arg::Int(n as i64).into()]);
    let widths = (0..x.rank()).map(|axis| pair(if axis < 2 { 0 } else { padding })).collect();
    t.call("tensor.pad", &[x.clone().into(), Item::List(widths)])
}

/// For each place the numbers of the elements under the filter: [places, window].
fn windows(
    ctx: &Context,
    sizes: &[usize],
    widths: &[usize],
    places: &[usize],
    stride: usize,
) -> Result<Tensor, TensorError> {
    let (count, window): (usize, usize) = (places.iter().product(), widths.iter().product());
    let mut numbers = Vec::with_capacity(count.saturating_mul(window));
    let position = |mut index: usize, grid: &[usize]| -> Vec<usize> {
        let mut at = vec![0; grid.len()];
        for (slot, &size) in at.iter_mut().zip(grid).rev() {
            *slot = index % size;
            index /= size;
        }
        at
    };
    for place in 0..count {
        ctx.poll()?;
        let corner = position(place, places);
        for inside in 0..window {
            let offset = position(inside, widths);
            let number = (0..sizes.len()).fold(0, |n, i| n * sizes[i] + corner[i] * stride + offset[i]);
            numbers.push(number as f64);
        }
    }
    Tensor::from_f64s(ctx, DType::I64, &[count, window], &numbers)
}
