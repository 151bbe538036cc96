//! The parts of transformers: attention, positions, and the routing of mixtures of experts.

use nexus_tensor::infer::{self, typed};
use nexus_tensor::{Arg, CompareOp, DType, Dim, OpDef, Tensor, TensorError, args, params};

use super::{Entry, composite};
use crate::autodiff::{Algebra, Gradient, Item, Var};

/// Positions that are written between two looks at whether to stop.
const ROWS_AT_ONCE: usize = 1024;

pub(super) const OPS: &[Entry] = &[
    (
        OpDef {
            name: "tensor.attention",
            params: params!(q: Tensor, k: Tensor, v: Tensor, mask: Tensor = "none", causal: Bool = "false", scale: Number = "none"),
            doc: "Scaled dot product attention: softmax(q @ kᵀ * scale) @ v over the last two axes, the others batched. \
                  scale is 1/√d unless given. Where a bool mask is false nothing is attended to; a float mask is added. \
                  causal lets each place see itself and those before it.",
            example: "tensor.attention(tensor.ones(4, 8), tensor.ones(6, 8), tensor.ones(6, 3))",
            infer: |a| {
                let (q, v) = (infer::tensor(a, 0, "q")?, infer::tensor(a, 2, "v")?);
                let shape =
                    q.shape.zip(v.shape).filter(|(q, v)| q.len() >= 2 && q.len() == v.len()).map(|(mut q, v)| {
                        let last = q.len() - 1;
                        q[last] = v[last].clone();
                        q[..last - 1].fill(Dim::Unknown);
                        q
                    });
                Ok(typed(None, shape))
            },
            run: composite!(attention),
        },
        Gradient::Composite(attention),
    ),
    (
        OpDef {
            name: "tensor.positional_encoding",
            params: params!(length: Int, size: Int, base: Number = "10000"),
            doc: "Sines and cosines of positions (Vaswani et al., 2017): row p holds sin(p / base^(2i/size)) in the even \
                  columns and the cosines in the odd ones. f32.",
            example: "tensor.positional_encoding(4, 6)",
            infer: |a| {
                let size = |i, name| infer::size(infer::int(a, i, name)?, name);
                Ok(typed(Some(DType::F32), Some(vec![size(0, "length")?, size(1, "size")?])))
            },
            run: |ctx, a| {
                let (length, size) = (args::count(a, 0, "length")?, args::count(a, 1, "size")?);
                let base = args::number_or(a, 2, "base", 10_000.0)?;
                ctx.meter().check_elements(length.saturating_mul(size) as u64)?;
                let _room = ctx.room(length.saturating_mul(size), size_of::<f64>())?;
                let element = |p: usize, j: usize| {
                    let angle = p as f64 / base.powf((j / 2 * 2) as f64 / size as f64);
                    if j.is_multiple_of(2) { angle.sin() } else { angle.cos() }
                };
                let mut values = Vec::new();
                for p in 0..length {
                    if p % ROWS_AT_ONCE == 0 {
                        ctx.poll()?;
                    }
                    values.extend((0..size).map(|j| element(p, j)));
                }
                Tensor::from_f64s(ctx, DType::F32, &[length, size], &values).map(Arg::Tensor)
            },
        },
        Gradient::Zero,
    ),
    (
        OpDef {
            name: "tensor.moe_routing",
            params: params!(logits: Tensor, k: Int),
            doc: "Top-k routing of a mixture of experts: of the last axis of logits, one for each expert, the k largest \
                  are chosen and weighted by their softmax. A record: experts and weights, largest first; gates, the \
                  weights in the places of all experts, zero elsewhere; and load, the mean gate of each expert.",
            example: "tensor.moe_routing(tensor.eye(4), 2).weights",
            infer: |a| {
                infer::int(a, 1, "k")?;
                let ty = infer::tensor(a, 0, "logits")?;
                let full = typed(ty.dtype, ty.shape.clone());
                let some = |dtype| typed(dtype, None);
                Ok(infer::record([
                    ("experts", some(Some(DType::I64))),
                    ("weights", some(ty.dtype)),
                    ("gates", full),
                    ("load", some(ty.dtype)),
                ]))
            },
            run: composite!(routing),
        },
        Gradient::Composite(routing),
    ),
];

fn tensor<'a>(a: &'a [Item], i: usize, name: &'static str) -> Result<&'a Var, TensorError> {
    match a.get(i) {
        Some(Item::Var(x)) if !x.is_number() => Ok(x),
        _ => Err(TensorError::argument(name, "must be a tensor")),
    }
}

/// Stands for minus infinity in half precision too, and leaves a row in which nothing may be seen finite.
const HIDDEN: f64 = -3.0e4;

fn attention(t: &Algebra<'_>, a: &[Item]) -> Result<Item, TensorError> {
    let (q, k, v) = (tensor(a, 0, "q")?, tensor(a, 1, "k")?, tensor(a, 2, "v")?);
    let plain: Vec<Arg> = a.iter().map(Item::plain).collect();
    if q.rank() < 2 || k.rank() < 2 || v.rank() < 2 || q.shape().last() != k.shape().last() {
        return Err(TensorError::shapes(
            q.shape(),
            k.shape(),
            "are no queries and keys: their last axes must be equal",
        ));
    }
    let width = q.shape()[q.rank() - 1];
    let scale = args::number_or(&plain, 5, "scale", 1.0 / (width as f64).sqrt())?;
    let mut scores = t.scale(&t.matmul(q, &t.transposed(k)?)?, scale)?;
    let hide = |scores: &Var, seen: &Var| t.select(seen, scores, &Var::scalar(HIDDEN));
    match a.get(3) {
        Some(Item::Var(mask)) if mask.dtype() == Some(DType::Bool) => scores = hide(&scores, mask)?,
        Some(Item::Var(mask)) => scores = t.add(&scores, mask)?,
        _ => {}
    }
    if args::bool_or(&plain, 4, "causal", false)? {
        let (rows, columns) = (scores.shape()[scores.rank() - 2], scores.shape()[scores.rank() - 1]);
        let line = |n: usize, shape: &[usize]| -> Result<Var, TensorError> {
            t.reshape(&t.call("tensor.arange", &[Item::from(Arg::Int(n as i64))])?, shape)
        };
        let seen = t.compare(CompareOp::LessEqual, &line(columns, &[1, columns])?, &line(rows, &[rows, 1])?)?;
        scores = hide(&scores, &seen)?;
    }
    let weights = t.call("tensor.softmax", &[scores.into()])?;
    t.matmul(&weights, v).map(Item::Var)
}

fn routing(t: &Algebra<'_>, a: &[Item]) -> Result<Item, TensorError> {
    let logits = tensor(a, 0, "logits")?;
    let op = crate::find("tensor.topk").ok_or_else(|| TensorError::argument("logits", "cannot be ranked"))?;
    let Item::Record(fields) = t.named(op, &[logits.clone().into(), a[1].clone()])? else {
        return Err(TensorError::argument("logits", "cannot be ranked"));
    };
    let part = |wanted: &str| {
        fields.iter().find_map(|(name, item)| match item {
            Item::Var(x) if &**name == wanted => Some(x.clone()),
            _ => None,
        })
    };
    let (Some(values), Some(experts)) = (part("values"), part("indices")) else {
        return Err(TensorError::argument("logits", "cannot be ranked"));
    };
    let weights = t.call("tensor.softmax", &[values.into()])?;
    // One row of 0 and 1 for each chosen expert, weighted and added up.
    let count = logits.shape()[logits.rank() - 1];
    let numbers = t.call("tensor.arange", &[Item::from(Arg::Int(count as i64))])?;
    let column = |x: &Var| {
        let mut shape = x.shape().to_vec();
        shape.push(1);
        t.reshape(x, &shape)
    };
    let chosen = t.compare(CompareOp::Equal, &column(&experts)?, &numbers)?;
    let spread = t.select(&chosen, &column(&weights)?, &Var::scalar(0.0))?;
    let gates = t.sum(&spread, &[spread.rank() - 2], false)?;
    let lead: Vec<usize> = (0..gates.rank() - 1).collect();
    let rows: usize = lead.iter().map(|&axis| gates.shape()[axis]).product();
    let load = t.div(&t.sum(&gates, &lead, false)?, &Var::scalar(rows.max(1) as f64))?;
    let field = |name: &str, x: Var| (name.into(), Item::Var(x));
    Ok(Item::Record(vec![
        field("experts", experts),
        field("weights", weights),
        field("gates", gates),
        field("load", load),
    ]))
}
