//! Operations that put elements, or pieces, in another order: joining, cutting, repeating, sorting.

use nexus_model::DType;

use super::arranging_rules::{
    infer_axis_kept, infer_concat, infer_gather, infer_order, infer_repeat, infer_same_with_axes, infer_stack,
    infer_tile, join, repeat, roll, split, stack, tile, top_k,
};
use super::infer::{self, typed};
use super::{args, params};
use crate::host::HostTensor;
use crate::host::copy::concat;
use crate::host::elementwise::cast;
use crate::host::order;
use crate::op::{Arg, ArgType, Dim, OpDef};
use crate::{Index, TensorError};

pub(super) const OPS: &[OpDef] = &[
    OpDef {
        name: "tensor.concat",
        params: params!(tensors: Tensors, axis: Int = "0"),
        doc: "Tensors one behind the other along an axis that they have; all other sizes must be equal.",
        example: "tensor.concat([tensor.zeros(2), tensor.ones(3)])",
        infer: infer_concat,
        run: |ctx, a| {
            let tensors = args::tensors(ctx, a, 0, "tensors")?;
            let axis = args::axis(a, 1, "axis", 0, tensors[0].rank())?;
            join(ctx, &tensors, axis).map(Arg::Tensor)
        },
    },
    OpDef {
        name: "tensor.stack",
        params: params!(tensors: Tensors, axis: Int = "0"),
        doc: "Tensors of one shape side by side along a new axis.",
        example: "tensor.stack([tensor.zeros(3), tensor.ones(3)], axis = 1)",
        infer: infer_stack,
        run: stack,
    },
    OpDef {
        name: "tensor.split",
        params: params!(x: Tensor, parts: Ints, axis: Int = "0"),
        doc: "A list of pieces along an axis: that many equal ones, or cut before each of the positions in a list.",
        example: "tensor.split(tensor.arange(6), 3)",
        infer: |a| {
            let ty = infer::tensor(a, 0, "x")?;
            Ok(ArgType::ListOf(Box::new(typed(ty.dtype, ty.shape.map(|s| vec![Dim::Unknown; s.len()])))))
        },
        run: split,
    },
    OpDef {
        name: "tensor.slice",
        params: params!(x: Tensor, axis: Int, start: Int = "0", stop: Int = "none", step: Int = "1"),
        doc: "A piece along one axis, as `x[start..stop by step]` takes it.",
        example: "tensor.slice(tensor.arange(10), 0, 2, 8, 2)",
        infer: |a| {
            let ty = infer::tensor(a, 0, "x")?;
            let axis = infer::axis(infer::int(a, 1, "axis")?, ty.shape.as_ref().map(Vec::len))?;
            let mut shape = ty.shape;
            match (&mut shape, axis) {
                (Some(dims), Some(axis)) => dims[axis] = Dim::Unknown,
                (Some(dims), None) => dims.fill(Dim::Unknown),
                (None, _) => {}
            }
            Ok(typed(ty.dtype, shape))
        },
        run: |ctx, a| {
            let x = args::tensor(ctx, a, 0, "x")?;
            let axis = args::axis(a, 1, "axis", 0, x.rank())?;
            let optional = |i, name| -> Result<Option<i64>, TensorError> {
                if matches!(args::at(a, i), Arg::None) { Ok(None) } else { args::int(a, i, name).map(Some) }
            };
            let range =
                Index::Range { start: optional(2, "start")?, end: optional(3, "stop")?, step: optional(4, "step")? };
            let indices: Vec<Index> = (0..axis).map(|_| Index::All).chain([range]).collect();
            Ok(Arg::Tensor(crate::get(ctx, &x, &indices)?))
        },
    },
    OpDef {
        name: "tensor.gather",
        params: params!(x: Tensor, indices: Tensor, axis: Int = "0"),
        doc: "The entries of an axis at the positions given; the axis is replaced by the axes of the positions, as in \
              NumPy's take.",
        example: "tensor.gather(tensor.arange(10), tensor.from_list([1, 5]))",
        infer: infer_gather,
        run: |ctx, a| {
            let x = args::tensor(ctx, a, 0, "x")?;
            let list = args::tensor(ctx, a, 1, "indices")?;
            let axis = args::axis(a, 2, "axis", 0, x.rank())?;
            let indices: Vec<Index> = (0..axis).map(|_| Index::All).chain([Index::List(list)]).collect();
            Ok(Arg::Tensor(crate::get(ctx, &x, &indices)?))
        },
    },
    OpDef {
        name: "tensor.flip",
        params: params!(x: Tensor, axis: Ints = "none"),
        doc: "The entries in reverse order, along all axes or those given.",
        example: "tensor.flip(tensor.arange(4))",
        infer: |a| infer_same_with_axes(a),
        run: |ctx, a| {
            let mut x = args::host(ctx, a, 0, "x")?;
            for axis in args::axes(a, 1, "axis", x.rank())? {
                let size = x.shape[axis];
                x = x.narrowed(axis, size.saturating_sub(1), -1, size);
            }
            args::done(ctx, x)
        },
    },
    OpDef {
        name: "tensor.roll",
        params: params!(x: Tensor, shift: Int, axis: Int = "none"),
        doc: "Elements moved by shift places, those that fall off the end coming in at the start; along an axis, or of \
              the flattened tensor.",
        example: "tensor.roll(tensor.arange(5), 2)",
        infer: |a| {
            infer::int(a, 1, "shift")?;
            infer_axis_kept(a, 2)
        },
        run: roll,
    },
    OpDef {
        name: "tensor.repeat",
        params: params!(x: Tensor, repeats: Int, axis: Int = "none"),
        doc: "Each entry that many times in a row, along an axis or of the flattened tensor.",
        example: "tensor.repeat(tensor.arange(3), 2)",
        infer: infer_repeat,
        run: repeat,
    },
    OpDef {
        name: "tensor.tile",
        params: params!(x: Tensor, reps: Ints),
        doc: "The whole tensor repeated along each axis.",
        example: "tensor.tile(tensor.arange(3), 2)",
        infer: infer_tile,
        run: tile,
    },
    OpDef {
        name: "tensor.sort",
        params: params!(x: Tensor, axis: Int = "-1", descending: Bool = "false"),
        doc: "The entries in order along an axis. Equal ones keep their order; NaN comes last.",
        example: "tensor.sort(tensor.flip(tensor.arange(4)))",
        infer: |a| {
            infer::bool_or(a, 2, "descending", false)?;
            infer_order(a, None)
        },
        run: |ctx, a| {
            let x = args::host(ctx, a, 0, "x")?;
            let axis = args::axis(a, 1, "axis", -1, x.rank())?;
            args::done(ctx, order::sort(ctx, &x, axis, args::bool_or(a, 2, "descending", false)?)?)
        },
    },
    OpDef {
        name: "tensor.argsort",
        params: params!(x: Tensor, axis: Int = "-1", descending: Bool = "false"),
        doc: "The positions along an axis that put the entries in order.",
        example: "tensor.argsort(tensor.flip(tensor.arange(4)))",
        infer: |a| {
            infer::bool_or(a, 2, "descending", false)?;
            infer_order(a, Some(DType::I64))
        },
        run: |ctx, a| {
            let x = args::host(ctx, a, 0, "x")?;
            let axis = args::axis(a, 1, "axis", -1, x.rank())?;
            args::done(ctx, order::argsort(ctx, &x, axis, args::bool_or(a, 2, "descending", false)?)?)
        },
    },
    OpDef {
        name: "tensor.topk",
        params: params!(x: Tensor, k: Int, axis: Int = "-1"),
        doc: "The k largest entries along an axis, largest first and NaN behind all, as a record: values and indices.",
        example: "tensor.topk(tensor.arange(10), 3).values",
        infer: |a| {
            let ty = infer::tensor(a, 0, "x")?;
            let k = infer::size(infer::int(a, 1, "k")?, "k")?;
            let axis = infer::axis(infer::int_or(a, 2, "axis", -1)?, ty.shape.as_ref().map(Vec::len))?;
            let shape = ty.shape.zip(axis).map(|(mut dims, axis)| {
                dims[axis] = k;
                dims
            });
            Ok(infer::record([("values", typed(ty.dtype, shape.clone())), ("indices", typed(Some(DType::I64), shape))]))
        },
        run: top_k,
    },
    OpDef {
        name: "tensor.unique",
        params: params!(x: Tensor),
        doc: "The distinct elements in ascending order.",
        example: "tensor.unique(tensor.from_list([3, 1, 3]))",
        infer: |a| Ok(typed(infer::tensor(a, 0, "x")?.dtype, Some(vec![Dim::Unknown]))),
        run: |ctx, a| args::done(ctx, order::unique(ctx, &args::host(ctx, a, 0, "x")?)?),
    },
    OpDef {
        name: "tensor.nonzero",
        params: params!(x: Tensor),
        doc: "The positions of the elements that are not zero: a matrix with a row for each and a column for each axis.",
        example: "tensor.nonzero(tensor.eye(2))",
        infer: |a| {
            let rank = infer::tensor(a, 0, "x")?.shape.map_or(Dim::Unknown, |s| Dim::Known(s.len()));
            Ok(typed(Some(DType::I64), Some(vec![Dim::Unknown, rank])))
        },
        run: |ctx, a| {
            let mask = cast(ctx, &args::host(ctx, a, 0, "x")?, DType::Bool)?;
            let columns = crate::host::gather::nonzero(ctx, &mask)?;
            if columns.is_empty() {
                let rows = usize::from(mask.single::<crate::element::Bit>().get());
                return args::done(ctx, HostTensor::zeros(ctx, DType::I64, &[rows, 0])?);
            }
            let count = columns[0].len();
            let columns: Vec<_> = columns.iter().map(|c| c.reshaped(ctx, &[count, 1])).collect::<Result<_, _>>()?;
            args::done(ctx, concat(ctx, &columns, 1)?)
        },
    },
];
