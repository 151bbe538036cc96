//! Operations that make tensors from nothing, from numbers, or from chance.

use nexus_model::DType;

use super::args::done;
use super::infer::{self, Inferred, typed};
use super::{args, params};
use crate::element::{Element, with_element};
use crate::gpu::GpuTensor;
use crate::host::HostTensor;
use crate::host::copy::full;
use crate::host::elementwise::cast;
use crate::host::parallel::{Cost, fill};
use crate::host::random;
use crate::op::{Arg, ArgType, Dim, OpDef};
use crate::promotion::FLOAT_DEFAULT;
use crate::shape::check_rank;
use crate::{Context, Tensor, TensorError};

pub(super) const OPS: &[OpDef] = &[
    OpDef {
        name: "tensor.zeros",
        params: params!(shape: Shape, dtype: DType = "f32"),
        doc: "A tensor of zeros. In a bool tensor zero is false.",
        example: "tensor.zeros([2, 3])",
        infer: infer_filled,
        run: |ctx, a| {
            let dtype = args::dtype(a, 1, "dtype")?.unwrap_or(FLOAT_DEFAULT);
            let shape = args::shape(a, 0, "shape")?;
            match filled_there(ctx, dtype, &shape, 0.0)? {
                Some(tensor) => Ok(Arg::Tensor(tensor)),
                None => done(ctx, HostTensor::zeros(ctx, dtype, &shape)?),
            }
        },
    },
    OpDef {
        name: "tensor.ones",
        params: params!(shape: Shape, dtype: DType = "f32"),
        doc: "A tensor of ones. In a bool tensor one is true.",
        example: "tensor.ones(2, 3)",
        infer: infer_filled,
        run: |ctx, a| {
            let dtype = args::dtype(a, 1, "dtype")?.unwrap_or(FLOAT_DEFAULT);
            let shape = args::shape(a, 0, "shape")?;
            match filled_there(ctx, dtype, &shape, 1.0)? {
                Some(tensor) => Ok(Arg::Tensor(tensor)),
                None => done(ctx, with_element!(dtype, T => full(ctx, &shape, T::from_i64(1)))?),
            }
        },
    },
    OpDef {
        name: "tensor.full",
        params: params!(shape: Shape, value: Number, dtype: DType = "none"),
        doc: "A tensor of one value. Without a dtype ints give i64, scalars f32, bools bool.",
        example: "tensor.full([2, 2], 7.5)",
        infer: |a| {
            let default = match infer::at(a, 1) {
                ArgType::Int(_) => Some(DType::I64),
                ArgType::Scalar(_) => Some(FLOAT_DEFAULT),
                ArgType::Bool(_) => Some(DType::Bool),
                _ => None,
            };
            Ok(typed(infer::dtype(a, 2, "dtype", default)?, infer::shape(a, 0, "shape")?))
        },
        run: |ctx, a| {
            let value = Tensor::operand(ctx, "value", args::at(a, 1))?;
            let dtype = args::dtype(a, 2, "dtype")?.unwrap_or(value.dtype());
            let shape = args::shape(a, 0, "shape")?;
            let value = match args::at(a, 1) {
                Arg::Tensor(_) => cast(ctx, &value.to_host()?, dtype)?,
                number => Tensor::number(ctx, number, dtype)?,
            };
            if value.len() != 1 {
                return Err(TensorError::argument("value", "must be one number"));
            }
            if dtype == DType::F32
                && let Some(tensor) = filled_there(ctx, dtype, &shape, value.single::<f32>())?
            {
                return Ok(Arg::Tensor(tensor));
            }
            done(ctx, with_element!(dtype, T => full(ctx, &shape, value.single::<T>()))?)
        },
    },
    OpDef {
        name: "tensor.eye",
        params: params!(n: Int, m: Int = "n", dtype: DType = "f32"),
        doc: "The n × m matrix with ones on the main diagonal and zeros elsewhere.",
        example: "tensor.eye(3)",
        infer: |a| {
            let rows = infer::int(a, 0, "n")?;
            let columns = if matches!(infer::at(a, 1), ArgType::None) { rows } else { infer::int(a, 1, "m")? };
            let shape = vec![infer::size(rows, "n")?, infer::size(columns, "m")?];
            Ok(typed(infer::dtype(a, 2, "dtype", Some(FLOAT_DEFAULT))?, Some(shape)))
        },
        run: |ctx, a| {
            let n = args::count(a, 0, "n")?;
            let m = if matches!(args::at(a, 1), Arg::None) { n } else { args::count(a, 1, "m")? };
            let dtype = args::dtype(a, 2, "dtype")?.unwrap_or(FLOAT_DEFAULT);
            let mut eye = HostTensor::zeros(ctx, dtype, &[n, m])?;
            with_element!(dtype, T => {
                let values = eye.as_mut_slice::<T>().expect("a fresh tensor is packed and its own");
                values.iter_mut().step_by(m + 1).take(n.min(m)).for_each(|x| *x = T::from_i64(1));
            });
            done(ctx, eye)
        },
    },
    OpDef {
        name: "tensor.arange",
        params: params!(start: Number, stop: Number = "none", step: Number = "1", dtype: DType = "none"),
        doc: "Evenly spaced numbers from start up to, not including, stop. With one argument from 0. Ints give i64, \
              scalars f32.",
        example: "tensor.arange(0, 10, 2)",
        infer: infer_arange,
        run: arange,
    },
    OpDef {
        name: "tensor.linspace",
        params: params!(start: Number, stop: Number, num: Int = "50", dtype: DType = "f32"),
        doc: "num numbers from start to stop, both included, at equal distances.",
        example: "tensor.linspace(0, 1, 5)",
        infer: infer_spaced,
        run: |ctx, a| spaced(ctx, a, |x| x),
    },
    OpDef {
        name: "tensor.logspace",
        params: params!(start: Number, stop: Number, num: Int = "50", dtype: DType = "f32"),
        doc: "num numbers from 10^start to 10^stop, both included, at equal ratios.",
        example: "tensor.logspace(0, 3, 4)",
        infer: infer_spaced,
        run: |ctx, a| spaced(ctx, a, |x| 10f64.powf(x)),
    },
    OpDef {
        name: "tensor.rand",
        params: params!(shape: Shape, dtype: DType = "f32"),
        doc: "Random numbers, uniform in [0, 1). The same seed gives the same numbers on every device and node.",
        example: "tensor.rand([3])",
        infer: infer_filled,
        run: |ctx, a| {
            let dtype = random_dtype(a, 1)?;
            done(ctx, random::uniform(ctx, dtype, &args::shape(a, 0, "shape")?)?)
        },
    },
    OpDef {
        name: "tensor.randn",
        params: params!(shape: Shape, dtype: DType = "f32"),
        doc: "Random numbers, normal with mean 0 and variance 1. The same seed gives the same numbers on every device \
              and node.",
        example: "tensor.randn([2, 2])",
        infer: infer_filled,
        run: |ctx, a| {
            let dtype = random_dtype(a, 1)?;
            done(ctx, random::normal(ctx, dtype, &args::shape(a, 0, "shape")?)?)
        },
    },
    OpDef {
        name: "tensor.randint",
        params: params!(low: Int, high: Int, shape: Shape, dtype: DType = "i64"),
        doc: "Random whole numbers, uniform from low up to, not including, high.",
        example: "tensor.randint(1, 7, [10])",
        infer: |a| {
            infer::int(a, 0, "low")?;
            infer::int(a, 1, "high")?;
            Ok(typed(infer::dtype(a, 3, "dtype", Some(DType::I64))?, infer::shape(a, 2, "shape")?))
        },
        run: |ctx, a| {
            let (low, high) = (args::int(a, 0, "low")?, args::int(a, 1, "high")?);
            if high <= low {
                return Err(TensorError::argument("high", format!("must be above low ({low}), is {high}")));
            }
            let dtype = args::dtype(a, 3, "dtype")?.unwrap_or(DType::I64);
            let whole = random::integers(ctx, low, high, &args::shape(a, 2, "shape")?)?;
            done(ctx, cast(ctx, &whole, dtype)?)
        },
    },
    OpDef {
        name: "tensor.from_list",
        params: params!(data: Data, dtype: DType = "none"),
        doc: "A tensor from a number or nested lists of equal lengths. Ints give i64, scalars f32, bools bool; mixed \
              numbers give f32.",
        example: "tensor.from_list([[1.0, 2.0], [3.0, 4.0]])",
        infer: infer_list,
        run: from_list,
    },
];

/// A tensor of one value made where the context's GPU can make it; `None` leaves it to the host.
fn filled_there(ctx: &Context, dtype: DType, shape: &[usize], value: f32) -> Result<Option<Tensor>, TensorError> {
    match ctx.device().runtime()? {
        Some(runtime) if dtype == DType::F32 => Ok(GpuTensor::full(ctx, runtime, shape, value)?.map(Tensor::on_gpu)),
        _ => Ok(None),
    }
}

fn random_dtype(a: &[Arg], i: usize) -> Result<DType, TensorError> {
    let dtype = args::dtype(a, i, "dtype")?.unwrap_or(FLOAT_DEFAULT);
    if !dtype.is_float() {
        return Err(TensorError::DType { dtype, problem: "cannot hold fractions; use tensor.randint" });
    }
    Ok(dtype)
}

fn infer_filled(a: &[ArgType]) -> Inferred {
    Ok(typed(infer::dtype(a, 1, "dtype", Some(FLOAT_DEFAULT))?, infer::shape(a, 0, "shape")?))
}

/// Start, stop and step, with `arange(n)` meaning `arange(0, n)`.
fn arange_bounds(a: &[Arg]) -> Result<(f64, f64, f64), TensorError> {
    let first = args::number(a, 0, "start")?;
    let step = args::number_or(a, 2, "step", 1.0)?;
    Ok(match args::at(a, 1) {
        Arg::None => (0.0, first, step),
        _ => (first, args::number(a, 1, "stop")?, step),
    })
}

/// How many numbers from `start` towards `stop`.
fn arange_count(start: f64, stop: f64, step: f64) -> Result<usize, TensorError> {
    if step == 0.0 || !(start.is_finite() && stop.is_finite() && step.is_finite()) {
        return Err(TensorError::argument("step", "must not be 0, and all numbers must be finite"));
    }
    let count = ((stop - start) / step).ceil();
    if count >= isize::MAX as f64 {
        return Err(TensorError::argument("stop", "is too many steps away from start"));
    }
    Ok(count.max(0.0) as usize)
}

fn arange(ctx: &Context, a: &[Arg]) -> Result<Arg, TensorError> {
    let whole = a.iter().take(3).all(|arg| matches!(arg, Arg::Int(_) | Arg::None));
    let dtype = args::dtype(a, 3, "dtype")?;
    let (start, stop, step) = arange_bounds(a)?;
    let host = if whole {
        let (start, stop) = match args::at(a, 1) {
            Arg::None => (0, args::int(a, 0, "start")?),
            _ => (args::int(a, 0, "start")?, args::int(a, 1, "stop")?),
        };
        let step = args::int_or(a, 2, "step", 1)?;
        let count = whole_count(start, stop, step)?;
        let values = HostTensor::build(ctx, &[count], |out: &mut [i64]| {
            fill(ctx, out, Cost::Cheap, |first, part| {
                for (x, i) in part.iter_mut().zip(first as i64..) {
                    *x = start.wrapping_add(step.wrapping_mul(i));
                }
            })
        })?;
        cast(ctx, &values, dtype.unwrap_or(DType::I64))?
    } else {
        let count = arange_count(start, stop, step)?;
        sequence(ctx, dtype.unwrap_or(FLOAT_DEFAULT), count, |i| start + step * i)?
    };
    done(ctx, host)
}

fn whole_count(start: i64, stop: i64, step: i64) -> Result<usize, TensorError> {
    if step == 0 {
        return Err(TensorError::argument("step", "must not be 0"));
    }
    let span = i128::from(stop) - i128::from(start);
    let step = i128::from(step);
    let count = if (span > 0) == (step > 0) { span.unsigned_abs().div_ceil(step.unsigned_abs()) } else { 0 };
    usize::try_from(count).map_err(|_| TensorError::argument("stop", "is too many steps away from start"))
}

/// `count` numbers, each a function of its position.
fn sequence(
    ctx: &Context,
    dtype: DType,
    count: usize,
    value: impl Fn(f64) -> f64 + Sync,
) -> Result<HostTensor, TensorError> {
    with_element!(dtype, T => HostTensor::build(ctx, &[count], |out: &mut [T]| {
        fill(ctx, out, Cost::Cheap, |first, part| {
            for (i, x) in part.iter_mut().enumerate() {
                *x = T::from_f64(value((first + i) as f64));
            }
        })
    }))
}

fn spaced(ctx: &Context, a: &[Arg], map: impl Fn(f64) -> f64 + Sync) -> Result<Arg, TensorError> {
    let (start, stop) = (args::number(a, 0, "start")?, args::number(a, 1, "stop")?);
    let count = if matches!(args::at(a, 2), Arg::None) { 50 } else { args::count(a, 2, "num")? };
    let dtype = args::dtype(a, 3, "dtype")?.unwrap_or(FLOAT_DEFAULT);
    let last = count.saturating_sub(1) as f64;
    let step = if count > 1 { (stop - start) / last } else { 0.0 };
    // The last number is stop itself, not what the steps add up to.
    let value = |i: f64| if i > 0.0 && i == last { stop } else { start + step * i };
    done(ctx, sequence(ctx, dtype, count, |i| map(value(i)))?)
}

fn infer_spaced(a: &[ArgType]) -> Inferred {
    infer::number(a, 0, "start")?;
    infer::number(a, 1, "stop")?;
    let count = infer::size(infer::int_or(a, 2, "num", 50)?, "num")?;
    Ok(typed(infer::dtype(a, 3, "dtype", Some(FLOAT_DEFAULT))?, Some(vec![count])))
}

fn infer_arange(a: &[ArgType]) -> Inferred {
    for (i, name) in ["start", "stop", "step"].into_iter().enumerate() {
        infer::number(a, i, name)?;
    }
    let all = [infer::at(a, 0), infer::at(a, 1), infer::at(a, 2)];
    let default = if all.iter().all(|t| matches!(t, ArgType::Int(_) | ArgType::None)) {
        Some(DType::I64)
    } else if all.iter().any(|t| matches!(t, ArgType::Scalar(_))) {
        Some(FLOAT_DEFAULT)
    } else {
        None
    };
    let count = match all {
        [ArgType::Int(Some(stop)), ArgType::None, ArgType::None] => Dim::Known(whole_count(0, *stop, 1)?),
        [ArgType::Int(Some(start)), ArgType::Int(Some(stop)), ArgType::None] => {
            Dim::Known(whole_count(*start, *stop, 1)?)
        }
        [ArgType::Int(Some(start)), ArgType::Int(Some(stop)), ArgType::Int(Some(step))] => {
            Dim::Known(whole_count(*start, *stop, *step)?)
        }
        _ => Dim::Unknown,
    };
    Ok(typed(infer::dtype(a, 3, "dtype", default)?, Some(vec![count])))
}

/// Numbers in nested lists, flattened.
#[derive(Default)]
struct Flat {
    shape: Vec<usize>,
    values: Vec<Arg>,
}

impl Flat {
    fn add(&mut self, arg: &Arg, depth: usize) -> Result<(), TensorError> {
        match arg {
            Arg::List(items) => {
                match self.shape.get(depth) {
                    None if self.values.is_empty() => self.shape.push(items.len()),
                    Some(&length) if length == items.len() => {}
                    _ => return Err(TensorError::argument("data", "must be nested lists of equal lengths")),
                }
                check_rank(&self.shape)?;
                items.iter().try_for_each(|item| self.add(item, depth + 1))
            }
            Arg::Int(_) | Arg::Scalar(_) | Arg::Bool(_) if depth == self.shape.len() => {
                self.values.push(arg.clone());
                Ok(())
            }
            Arg::Tensor(tensor) if tensor.rank() == 0 => self.add(&tensor.item()?, depth),
            Arg::Int(_) | Arg::Scalar(_) | Arg::Bool(_) => {
                Err(TensorError::argument("data", "must be nested lists of equal lengths"))
            }
            other => Err(args::wrong("data", "numbers in nested lists", other)),
        }
    }

    fn dtype(&self) -> DType {
        if self.values.is_empty() || self.values.iter().any(|v| matches!(v, Arg::Scalar(_))) {
            FLOAT_DEFAULT
        } else if self.values.iter().all(|v| matches!(v, Arg::Bool(_))) {
            DType::Bool
        } else {
            DType::I64
        }
    }
}

fn from_list(ctx: &Context, a: &[Arg]) -> Result<Arg, TensorError> {
    let dtype = args::dtype(a, 1, "dtype")?;
    if let Arg::Tensor(tensor) = args::at(a, 0) {
        return done(ctx, cast(ctx, &tensor.to_host()?, dtype.unwrap_or(tensor.dtype()))?);
    }
    let mut flat = Flat::default();
    flat.add(args::at(a, 0), 0)?;
    let dtype = dtype.unwrap_or_else(|| flat.dtype());
    flat.values.iter().try_for_each(|value| check_fits(value, dtype))?;
    with_element!(dtype, T => {
        let values: Vec<T> = flat.values.iter().map(|value| match value {
            Arg::Int(i) => T::from_i64(*i),
            Arg::Scalar(s) => T::from_f64(*s),
            other => T::from_i64(i64::from(matches!(other, Arg::Bool(true)))),
        }).collect();
        done(ctx, HostTensor::from_slice(ctx, &flat.shape, &values)?)
    })
}

/// Refuses numbers that an int dtype would wrap around, saturate or make 0 of; a fraction is cut off, as in NumPy.
fn check_fits(value: &Arg, dtype: DType) -> Result<(), TensorError> {
    let (least, most) = match dtype {
        DType::U8 => (0, i64::from(u8::MAX)),
        DType::I32 => (i64::from(i32::MIN), i64::from(i32::MAX)),
        DType::I64 => (i64::MIN, i64::MAX),
        _ => return Ok(()),
    };
    let written = match *value {
        Arg::Int(i) if !(least..=most).contains(&i) => i.to_string(),
        // The first number above i64 is a float, its last one is not.
        Arg::Scalar(s) if !(s.trunc() >= least as f64 && (s.trunc() as i128) <= i128::from(most)) => format!("{s:?}"),
        _ => return Ok(()),
    };
    let problem = format!("holds {written}, but {dtype} goes from {least} to {most}; write another dtype");
    Err(TensorError::argument("data", problem))
}

/// The type of the numbers in nested lists, and the lengths of the lists.
fn infer_nested(ty: &ArgType) -> Option<(DType, Vec<Dim>)> {
    match ty {
        ArgType::Int(_) => Some((DType::I64, Vec::new())),
        ArgType::Scalar(_) => Some((FLOAT_DEFAULT, Vec::new())),
        ArgType::Bool(_) => Some((DType::Bool, Vec::new())),
        ArgType::List(items) => {
            let mut parts = items.iter().map(infer_nested);
            let (mut dtype, inner) = parts.next()??;
            for part in parts {
                let (next, dims) = part?;
                if dims != inner {
                    return None;
                }
                dtype = match (dtype, next) {
                    (a, b) if a == b => a,
                    (DType::F32, _) | (_, DType::F32) => FLOAT_DEFAULT,
                    _ => DType::I64,
                };
            }
            let mut dims = vec![Dim::Known(items.len())];
            dims.extend(inner);
            Some((dtype, dims))
        }
        _ => None,
    }
}

fn infer_list(a: &[ArgType]) -> Inferred {
    match (infer_nested(infer::at(a, 0)), infer::at(a, 0)) {
        (Some((default, shape)), _) => Ok(typed(infer::dtype(a, 1, "dtype", Some(default))?, Some(shape))),
        (None, ArgType::Tensor(ty)) => Ok(typed(infer::dtype(a, 1, "dtype", ty.dtype)?, ty.shape.clone())),
        (None, _) => Ok(typed(infer::dtype(a, 1, "dtype", None)?, None)),
    }
}
