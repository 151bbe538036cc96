//! Writes elementwise programs: which loops an operation takes for which dtypes, and which scratch memory they share.
//!
//! One operation alone and a whole region of them are written by the same functions, so they give the same results.
//! Halves compute in f32 and round once for each operation; bools are bytes. Operands arrive with the dtypes that
//! `crate::operator` decides on.

use std::sync::Arc;

use smallvec::{SmallVec, smallvec};

use super::HostTensor;
use super::chain;
use super::elementwise::ShortPower;
use super::kernels::{self, Light, Map, Triple, Zip};
use super::parallel::Cost;
use super::program::{Place, Program, Step, Work};
use super::source::Source;
use crate::buffer::Buffer;
use crate::operator::{BinaryOp, CompareOp, UnaryOp};
use crate::shape::Shape;
use crate::{Context, DType, TensorError};

/// An operand or a result while the program is written.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Value {
    place: Place,
    /// Its dtype.
    pub(crate) dtype: DType,
}

/// A program that is being written, for one output.
#[derive(Debug)]
pub(crate) struct Builder {
    program: Program,
    shape: Shape,
    cost: Cost,
    /// Bytes of an element of the output.
    size: usize,
    /// An operand that nobody else holds, whose memory becomes the output's.
    reused: Option<HostTensor>,
    /// Whether there is an output whose memory an operand could give.
    claims: bool,
}

const fn is_half(dtype: DType) -> bool {
    matches!(dtype, DType::F16 | DType::BF16)
}

impl Builder {
    /// A program for an output of `shape` and `dtype`.
    pub(crate) fn new(shape: Shape, dtype: DType) -> Builder {
        Builder {
            program: Program::default(),
            shape,
            cost: Cost::Cheap,
            size: dtype.size(),
            reused: None,
            claims: true,
        }
    }

    /// A program whose result of `shape` and `dtype` only its caller's loops see.
    pub(crate) fn for_tiles(shape: Shape, dtype: DType) -> Builder {
        Builder { claims: false, ..Builder::new(shape, dtype) }
    }

    /// Reads `tensor`, broadcast to the output's shape. Its memory becomes the output's where nobody else holds it.
    pub(crate) fn operand(&mut self, ctx: &Context, mut tensor: HostTensor) -> Result<Value, TensorError> {
        let dtype = tensor.dtype;
        let fits = self.claims && self.reused.is_none() && dtype.size() == self.size && *tensor.shape == *self.shape;
        if fits && tensor.as_mut_slice::<u8>().is_some() {
            self.reused = Some(tensor);
            return Ok(self.source(Source::old(dtype.size()), dtype));
        }
        let source = Source::new(ctx, tensor, &self.shape)?;
        Ok(self.source(source, dtype))
    }

    /// Reads a source of elements of `dtype`.
    pub(crate) fn source(&mut self, source: Source, dtype: DType) -> Value {
        self.program.sources.push(source);
        Value { place: Place::Source(self.program.sources.len() - 1), dtype }
    }

    fn step(&mut self, work: Work, dtype: DType) -> Value {
        let to = self.program.steps.len();
        self.program.steps.push(Step { work, to, size: dtype.size(), light: None });
        Value { place: Place::Register(to), dtype }
    }

    /// Says of the last step what it does.
    fn light(&mut self, light: Option<Light>) {
        if let Some(step) = self.program.steps.last_mut() {
            step.light = light;
        }
    }

    fn map(&mut self, run: Map, x: Value, dtype: DType) -> Value {
        self.step(Work::Map(run, x.place), dtype)
    }

    fn zip(&mut self, run: Zip, x: Value, y: Value, dtype: DType) -> Value {
        self.step(Work::Zip(run, x.place, y.place), dtype)
    }

    fn triple(&mut self, run: Triple, of: [Value; 3], dtype: DType) -> Value {
        self.step(Work::Triple(run, of[0].place, of[1].place, of[2].place), dtype)
    }

    /// The bytes of an operand that is one number.
    fn number(&self, x: Value) -> Option<[u8; 8]> {
        match x.place {
            Place::Source(i) => self.program.sources[i].number(),
            Place::Register(_) => None,
        }
    }

    fn spend(&mut self, cost: Cost) {
        if cost == Cost::Dear {
            self.cost = Cost::Dear;
        }
    }

    /// The elements in another dtype.
    pub(crate) fn cast(&mut self, x: Value, dtype: DType) -> Value {
        let way = kernels::conversion(x.dtype, dtype);
        match (way.first, way.second) {
            (None, _) => Value { dtype, ..x },
            (Some(first), None) => self.map(first, x, dtype),
            (Some(first), Some((between, second))) => {
                let x = self.map(first, x, between);
                self.map(second, x, dtype)
            }
        }
    }

    /// In the dtype that loops work in: halves in f32.
    fn widened(&mut self, x: Value, compute: DType) -> Value {
        let x = self.cast(x, compute);
        if is_half(compute) { self.cast(x, DType::F32) } else { x }
    }

    /// A result of a loop in the dtype that the operation gives.
    fn rounded(&mut self, x: Value, dtype: DType) -> Value {
        if is_half(dtype) { self.cast(x, dtype) } else { x }
    }

    /// A unary operation.
    pub(crate) fn unary(&mut self, op: UnaryOp, x: Value) -> Value {
        let (compute, result) = op.dtypes(x.dtype);
        let compute = if op == UnaryOp::Not { DType::Bool } else { compute };
        let wide = self.widened(x, compute);
        self.spend(kernels::unary_cost(op));
        match kernels::unary(op, compute) {
            None => self.rounded(wide, result),
            Some(run) if result == DType::Bool => self.map(run, wide, result),
            Some(run) => {
                let y = self.map(run, wide, wide.dtype);
                self.light(Light::unary(op, wide.dtype));
                self.rounded(y, result)
            }
        }
    }

    /// A binary operation on operands of dtype `compute`.
    pub(crate) fn binary(&mut self, op: BinaryOp, x: Value, y: Value, compute: DType) -> Value {
        let logic = matches!(op, BinaryOp::And | BinaryOp::Or | BinaryOp::Xor);
        let within = if logic { DType::Bool } else { compute };
        let (x, y) = (self.widened(x, within), self.widened(y, within));
        self.spend(kernels::binary_cost(op));
        // Sums and products are the same from either side.
        let turns = matches!(op, BinaryOp::Add | BinaryOp::Mul) && self.number(x).is_some() && self.number(y).is_none();
        let (x, y) = if turns { (y, x) } else { (x, y) };
        let z = match (self.number(y), kernels::binary_number(op, within)) {
            (Some(number), Some(run)) => self.step(Work::Number(run, x.place, number), x.dtype),
            _ => self.zip(kernels::binary(op, within), x, y, x.dtype),
        };
        self.light(Light::binary(op, x.dtype));
        self.rounded(z, within)
    }

    /// A power of floats with the same exponent everywhere.
    pub(crate) fn short_power(&mut self, power: ShortPower, x: Value, compute: DType) -> Value {
        let wide = self.widened(x, compute);
        let run = match power {
            ShortPower::Square => kernels::square(compute),
            ShortPower::Root => kernels::half_power(compute),
        };
        let y = self.map(run, wide, wide.dtype);
        self.light(Light::short_power(power, wide.dtype));
        self.rounded(y, compute)
    }

    /// A comparison of operands of dtype `compute`.
    pub(crate) fn compare(&mut self, op: CompareOp, x: Value, y: Value, compute: DType) -> Value {
        let (x, y) = (self.widened(x, compute), self.widened(y, compute));
        let (x, y) = if kernels::exchanges(op) { (y, x) } else { (x, y) };
        self.zip(kernels::comparison(op, compute), x, y, DType::Bool)
    }

    /// Elements of `yes` where `mask` is true, of `no` elsewhere; both in one dtype.
    pub(crate) fn select(&mut self, mask: Value, yes: Value, no: Value) -> Value {
        debug_assert_eq!(yes.dtype, no.dtype);
        let mask = self.cast(mask, DType::Bool);
        self.triple(kernels::selection(yes.dtype.size()), [mask, yes, no], yes.dtype)
    }

    /// `value` as the result of a step: what a program gives unchanged is copied.
    fn result(&mut self, value: Value) -> Value {
        match value.place {
            Place::Source(_) => self.map(|s, o| o.copy_from_slice(s), value, value.dtype),
            Place::Register(_) => value,
        }
    }

    /// Runs the program; the output is `value`, which must be the result of its last step.
    pub(crate) fn run(mut self, ctx: &Context, value: Value) -> Result<HostTensor, TensorError> {
        let value = self.result(value);
        let (Builder { shape, cost, size, reused, .. }, program) = self.finished(value);
        let elements = ctx.measure(value.dtype, &shape)?;
        if let Some(mut tensor) = reused {
            tensor.dtype = value.dtype;
            let (start, bytes) = (tensor.offset * size, elements * size);
            let buffer = Arc::get_mut(&mut tensor.buffer).expect("nobody else held it when it was taken");
            program.fill(ctx, &mut buffer.as_mut_slice::<u8>()[start..start + bytes], size, cost)?;
            return Ok(tensor);
        }
        let mut buffer = Buffer::stale(ctx.meter(), elements * size)?;
        program.fill(ctx, buffer.as_mut_slice(), size, cost)?;
        Ok(HostTensor::from_buffer(value.dtype, &shape, buffer))
    }

    /// The program with its registers shared, without the builder's claim to an operand's memory.
    fn finished(mut self, value: Value) -> (Builder, Program) {
        let mut program = std::mem::take(&mut self.program);
        debug_assert_eq!(value.place, Place::Register(program.steps.len().saturating_sub(1)));
        chain::gather(&mut program);
        find_unread(&mut program);
        share_registers(&mut program);
        (self, program)
    }

    /// The program for a caller that looks at the tiles itself.
    pub(crate) fn into_program(mut self, value: Value) -> Program {
        let value = self.result(value);
        debug_assert!(self.reused.is_none(), "such programs have no output to put in an operand's place");
        self.finished(value).1
    }
}

/// Notes the sources that no step reads.
fn find_unread(program: &mut Program) {
    let read = |i: usize| program.steps.iter().any(|step| program.reads(step).contains(&Place::Source(i)));
    program.unread = (0..program.sources.len()).filter(|&i| !read(i)).collect();
}

/// Gives each result a register whose last reader has run. The register of a result is the number of its step before, the
/// smallest free one afterwards; the last result is the output and needs none.
fn share_registers(program: &mut Program) {
    let count = program.steps.len();
    let results = program.steps.last().map_or(0, |step| step.to + 1);
    let mut last_use: SmallVec<[usize; 16]> = smallvec![0; results];
    for (s, step) in program.steps.iter().enumerate() {
        program.writes(step).iter().for_each(|&result| last_use[result] = s);
        for place in program.reads(step) {
            if let Place::Register(result) = place {
                last_use[result] = s;
            }
        }
    }
    let mut assigned: SmallVec<[usize; 16]> = smallvec![0; results];
    let mut free: SmallVec<[usize; 8]> = SmallVec::new();
    for s in 0..count {
        let step = program.steps[s];
        let (reads, mut writes) = (program.reads(&step), program.writes(&step));
        if s + 1 == count {
            writes.retain(|result| *result != step.to);
        }
        // Results go elsewhere than operands: loops read and write at the same time.
        for &result in &writes {
            assigned[result] = free.pop().unwrap_or_else(|| {
                program.registers += 1;
                program.registers - 1
            });
        }
        let mut ended: SmallVec<[usize; 4]> = SmallVec::new();
        for result in reads.iter().filter_map(|place| place.register()).chain(writes) {
            if last_use[result] == s && !ended.contains(&assigned[result]) {
                ended.push(assigned[result]);
            }
        }
        program.assign(s, &assigned);
        free.extend(ended);
    }
}
