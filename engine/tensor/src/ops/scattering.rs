//! Writing to places that are given by number, and putting margins around tensors.
//!
//! The mirror images of `tensor.gather` and of slicing; gradients of both are made of them.

use super::infer::{self, Inferred, typed};
use super::{args, params};
use crate::dispatch::{apply_binary, compare};
use crate::element::{Element, with_element};
use crate::host::HostTensor;
use crate::host::copy::{full, pack};
use crate::host::elementwise::cast;
use crate::op::{Arg, ArgType, Dim, OpDef};
use crate::promotion::to_float;
use crate::shape::{Shape, check_rank};
use crate::{BinaryOp, CompareOp, Context, DType, Tensor, TensorError};

pub(super) const OPS: &[OpDef] = &[
    OpDef {
        name: "tensor.scatter",
        params: params!(x: Tensor, indices: Tensor, values: Tensor, axis: Int = "0"),
        doc: "A copy of x whose entries at these positions of an axis are replaced by values, the mirror image of \
              gather: values have the shape that gather would give, or broadcast to it. Of a position given twice the \
              last value stays.",
        example: "tensor.scatter(tensor.zeros(4), tensor.from_list([1, 3]), 5.0)",
        infer: infer_scatter,
        run: |ctx, a| scatter(ctx, a, false),
    },
    OpDef {
        name: "tensor.scatter_add",
        params: params!(x: Tensor, indices: Tensor, values: Tensor, axis: Int = "0"),
        doc: "A copy of x with values added at these positions of an axis; a position given several times gets all of \
              them.",
        example: "tensor.scatter_add(tensor.zeros(4), tensor.from_list([1, 1]), 5.0)",
        infer: infer_scatter,
        run: |ctx, a| scatter(ctx, a, true),
    },
    OpDef {
        name: "tensor.pad",
        params: params!(x: Tensor, widths: Any, value: Number = "0"),
        doc: "A margin around the tensor. widths is one int for all sides, a list of two for before and after every \
              axis, or a list with such a pair for each axis.",
        example: "tensor.pad(tensor.ones(2, 2), [[1, 1], [0, 2]])",
        infer: infer_pad,
        run: run_pad,
    },
    OpDef {
        name: "tensor.leaky_relu",
        params: params!(x: Tensor, slope: Number = "0.01"),
        doc: "The element where it is positive, slope times it elsewhere.",
        example: "tensor.leaky_relu(tensor.arange(-2, 3), 0.1)",
        infer: |a| {
            infer::number(a, 1, "slope")?;
            let ty = infer::tensor(a, 0, "x")?;
            Ok(typed(ty.dtype.map(to_float), ty.shape))
        },
        run: |ctx, a| {
            let x = args::tensor(ctx, a, 0, "x")?;
            let slope = args::number_or(a, 1, "slope", 0.01)?;
            let x = match to_float(x.dtype()) {
                float if float == x.dtype() => x,
                float => Tensor::on_host(cast(ctx, &x.into_host()?, float)?),
            };
            let low = apply_binary(ctx, BinaryOp::Mul, x.clone(), Arg::Scalar(slope))?;
            let positive = compare(ctx, CompareOp::Greater, &Arg::Tensor(x.clone()), &Arg::Int(0))?;
            let choose = crate::find("tensor.where").expect("the table has it");
            (choose.run)(ctx, &[positive, Arg::Tensor(x), Arg::Tensor(low)])
        },
    },
];

fn infer_scatter(a: &[ArgType]) -> Inferred {
    let ty = infer::tensor(a, 0, "x")?;
    infer::tensor(a, 1, "indices")?;
    infer::tensor(a, 2, "values")?;
    infer::axis(infer::int_or(a, 3, "axis", 0)?, ty.shape.as_ref().map(Vec::len))?;
    Ok(ArgType::Tensor(ty))
}

/// Positions along an axis of `size`, checked, negative ones counted from the end.
fn positions(ctx: &Context, list: &HostTensor, axis: usize, size: usize) -> Result<Vec<usize>, TensorError> {
    if !list.dtype.is_int() {
        return Err(TensorError::DType { dtype: list.dtype, problem: "holds no positions: they must be ints" });
    }
    let list = cast(ctx, list, DType::I64)?.packed(ctx)?;
    let resolve = |&i: &i64| crate::index::resolve_position(i, axis, size);
    list.slice::<i64>().iter().map(resolve).collect()
}

fn scatter(ctx: &Context, a: &[Arg], add: bool) -> Result<Arg, TensorError> {
    let x = args::host(ctx, a, 0, "x")?;
    let list = args::host(ctx, a, 1, "indices")?;
    let axis = args::axis(a, 3, "axis", 0, x.rank())?;
    let places = positions(ctx, &list, axis, x.shape[axis])?;
    let result = x.dtype;
    // Many small terms in half precision would be lost one by one.
    let wide = if add && result.is_float() && result.size() < 4 { DType::F32 } else { result };
    let values = match args::at(a, 2) {
        Arg::Tensor(tensor) if tensor.dtype().is_float() && !result.is_float() => {
            return Err(TensorError::DType { dtype: tensor.dtype(), problem: "cannot be written into whole numbers" });
        }
        Arg::Tensor(tensor) => cast(ctx, &tensor.to_host()?, wide)?,
        number => Tensor::number(ctx, number, wide)?,
    };
    let shape: Shape = x.shape[..axis].iter().chain(&list.shape).chain(&x.shape[axis + 1..]).copied().collect();
    check_rank(&shape)?;
    let values = values.broadcast_to(&shape)?.packed(ctx)?;
    let mut out = pack(ctx, &cast(ctx, &x, wide)?)?;
    let inner: usize = x.shape[axis + 1..].iter().product();
    let size = x.shape[axis];
    with_element!(wide, T => {
        let target = out.as_mut_slice::<T>().expect("a fresh copy is packed and its own");
        let block = places.len() * inner;
        if block > 0 {
            for (rows, news) in target.chunks_exact_mut(size * inner).zip(values.slice::<T>().chunks_exact(block)) {
                for (&place, new) in places.iter().zip(news.chunks_exact(inner)) {
                    write::<T>(&mut rows[place * inner..(place + 1) * inner], new, add);
                }
            }
        }
    });
    args::done(ctx, cast(ctx, &out, result)?)
}

fn write<T: Element>(row: &mut [T], new: &[T], add: bool) {
    if !add {
        row.copy_from_slice(new);
    } else if T::DTYPE.is_float() {
        for (slot, value) in row.iter_mut().zip(new) {
            *slot = T::from_f64(slot.to_f64() + value.to_f64());
        }
    } else {
        for (slot, value) in row.iter_mut().zip(new) {
            *slot = T::from_i64(slot.to_i64().wrapping_add(value.to_i64()));
        }
    }
}

/// Elements before and after each axis.
type Widths = Vec<(usize, usize)>;

const WIDTHS: &str = "an int, a pair [before, after], or a pair for each axis";

fn widths(arg: &Arg, rank: usize) -> Result<Widths, TensorError> {
    let pair = |items: &[Arg]| -> Result<(usize, usize), TensorError> {
        match items {
            [_, _] => Ok((args::count(items, 0, "widths")?, args::count(items, 1, "widths")?)),
            _ => Err(TensorError::argument("widths", format!("must be {WIDTHS}"))),
        }
    };
    match arg {
        Arg::Int(_) => {
            let all = args::count(std::slice::from_ref(arg), 0, "widths")?;
            Ok(vec![(all, all); rank])
        }
        Arg::List(items) if matches!(items.first(), Some(Arg::List(_))) => {
            if items.len() != rank {
                let problem = format!("have {} pairs for {rank} axes", items.len());
                return Err(TensorError::argument("widths", problem));
            }
            let each = items.iter().map(|item| match item {
                Arg::List(items) => pair(items),
                other => Err(args::wrong("widths", WIDTHS, other)),
            });
            each.collect()
        }
        Arg::List(items) => Ok(vec![pair(items)?; rank]),
        other => Err(args::wrong("widths", WIDTHS, other)),
    }
}

/// The same before anything runs, where all of it is known.
fn known_widths(ty: &ArgType, rank: usize) -> Option<Widths> {
    let int = |ty: &ArgType| match ty {
        ArgType::Int(Some(n)) => usize::try_from(*n).ok(),
        _ => None,
    };
    let pair = |items: &[ArgType]| match items {
        [before, after] => Some((int(before)?, int(after)?)),
        _ => None,
    };
    match ty {
        ArgType::Int(_) => int(ty).map(|n| vec![(n, n); rank]),
        ArgType::List(items) if matches!(items.first(), Some(ArgType::List(_))) => {
            let each = items.iter().map(|item| if let ArgType::List(items) = item { pair(items) } else { None });
            each.collect::<Option<Widths>>().filter(|all| all.len() == rank)
        }
        ArgType::List(items) => pair(items).map(|pair| vec![pair; rank]),
        _ => None,
    }
}

fn infer_pad(a: &[ArgType]) -> Inferred {
    let ty = infer::tensor(a, 0, "x")?;
    infer::number(a, 2, "value")?;
    let shape = ty.shape.map(|dims| {
        let known = known_widths(infer::at(a, 1), dims.len());
        let grown = |(i, dim): (usize, &Dim)| match (dim, known.as_ref().map(|w| w[i])) {
            (Dim::Known(n), Some((before, after))) => {
                n.checked_add(before).and_then(|n| n.checked_add(after)).map_or(Dim::Unknown, Dim::Known)
            }
            _ => Dim::Unknown,
        };
        dims.iter().enumerate().map(grown).collect()
    });
    Ok(typed(ty.dtype, shape))
}

fn run_pad(ctx: &Context, a: &[Arg]) -> Result<Arg, TensorError> {
    let x = args::host(ctx, a, 0, "x")?;
    let widths = widths(args::at(a, 1), x.rank())?;
    let value = if matches!(args::at(a, 2), Arg::None) { &Arg::Int(0) } else { args::at(a, 2) };
    let grow = |(&size, &(before, after)): (&usize, &(usize, usize))| {
        size.checked_add(before).and_then(|n| n.checked_add(after))
    };
    let shape: Option<Shape> = x.shape.iter().zip(&widths).map(grow).collect();
    let shape = shape.ok_or_else(|| TensorError::argument("widths", "are larger than any memory"))?;
    let fill = Tensor::number(ctx, value, x.dtype)?;
    let out = with_element!(x.dtype, T => full::<T>(ctx, &shape, fill.single::<T>()))?;
    let inside = |(&(before, _), &size): (&(usize, usize), &usize)| crate::Index::Range {
        start: Some(before as i64),
        end: Some((before + size) as i64),
        step: None,
    };
    let region: Vec<crate::Index> = widths.iter().zip(&x.shape).map(inside).collect();
    let out = crate::set(ctx, Tensor::on_host(out), &region, &Arg::Tensor(Tensor::on_host(x)))?;
    out.settled(ctx).map(Arg::Tensor)
}
