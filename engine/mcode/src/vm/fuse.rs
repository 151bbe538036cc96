//! A segment of instructions as one region of the tensor engine.
//!
//! The instructions are gone through once without touching a tensor: what is done to numbers is done at once, what is
//! done to tensors becomes nodes of a region, which is then evaluated in one pass. What does not fit (a value that is
//! neither, an operation on whole numbers that may fail by their content) gives up before anything has happened, and the
//! machine does the instructions one by one. The results are the same to the last bit, and an error names the
//! instruction that it belongs to.

pub(crate) mod cheaper;

use std::sync::Arc;
use std::sync::atomic::Ordering;

use nexus_model::DeviceKind;
use nexus_tensor::{Arg, BinaryOp, CompareOp, NodeId, Region, Tensor, UnaryOp};

use super::fault::{Fault, Outcome};
use super::host::Host;
use super::operate::{compare_numbers, of_numbers, operation_name, tensor_comparison, tensor_operator};
use super::value::Value;
use crate::ast::BinaryOperator;
use crate::ir::{FunctionCode, Image, Instruction, Register, Segment};
use crate::optimise::pure::{Elementwise, elementwise, elementwise_builtin};

/// Tries in a row without a tensor after which a segment is left to the machine.
const MISSES_MAX: u32 = 100;
/// Operations on tensors that are worth a region, and the elements below which they are not: what a region costs to set
/// up is what a few small operations cost.
const OPERATIONS_MIN: usize = 2;
const ELEMENTS_MIN: usize = 512;

/// What fusion did in one run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FusionProfile {
    /// Regions that were evaluated.
    pub regions: u64,
    /// Operations that they were made of.
    pub operations: u64,
    /// Matrix products whose results were worked on in place.
    pub products: u64,
    /// Operations that were spared, as something cheaper gives the same.
    pub spared: u64,
    /// Segments that were done one instruction at a time after all.
    pub fallbacks: u64,
}

/// A fault, and the instruction that it belongs to.
pub(crate) type FaultAt = (usize, Box<Fault>);

/// Evaluates a segment; false where it is to be done one instruction at a time, and nothing has happened.
pub(crate) fn attempt(
    host: &mut Host,
    image: &Image,
    code: &FunctionCode,
    window: &mut [Value],
    segment: &Segment,
) -> Result<bool, FaultAt> {
    let misses = segment.misses.load(Ordering::Relaxed);
    if misses >= MISSES_MAX {
        return Ok(false);
    }
    let large = |r: &Register| matches!(&window[usize::from(*r)], Value::Tensor(t) if t.len() >= ELEMENTS_MIN);
    if !segment.inputs.iter().any(large) || host.context.device().kind() == DeviceKind::Gpu {
        segment.misses.store(misses + 1, Ordering::Relaxed);
        return Ok(false);
    }
    let mut plan = Plan::new(host, image, window, segment);
    for at in segment.range.clone() {
        plan.at = at;
        if plan.instruction(code.instructions[at]).is_none() {
            plan.host.fusion.fallbacks += 1;
            segment.misses.store(misses + 1, Ordering::Relaxed);
            return Ok(false);
        }
    }
    if plan.operations < OPERATIONS_MIN && (plan.products == 0 || plan.operations == 0) {
        segment.misses.store(misses + 1, Ordering::Relaxed);
        return Ok(false);
    }
    segment.misses.store(0, Ordering::Relaxed);
    plan.finish()
}

/// What a register holds while the segment is gone through.
#[derive(Debug, Clone)]
enum Slot {
    /// What stands in the machine's register.
    Before,
    Node(Node),
    /// Anything but a tensor.
    Plain(Value),
}

/// A tensor that will be.
#[derive(Debug, Clone, Copy)]
struct Node {
    id: NodeId,
    /// Whether its elements are floats: operations on whole numbers may fail by their content.
    float: bool,
}

/// A tensor that the region is given.
enum Input {
    Register(Register),
    Made(Tensor),
}

struct Plan<'p, 'h> {
    host: &'p mut Host<'h>,
    image: &'p Image,
    window: &'p mut [Value],
    segment: &'p Segment,
    region: Region,
    slots: Vec<Slot>,
    inputs: Vec<(Input, NodeId)>,
    /// The instruction of each node.
    places: Vec<usize>,
    at: usize,
    operations: usize,
    products: usize,
}

impl<'p, 'h> Plan<'p, 'h> {
    fn new(host: &'p mut Host<'h>, image: &'p Image, window: &'p mut [Value], segment: &'p Segment) -> Self {
        let slots = vec![Slot::Before; window.len()];
        let (region, inputs, places) = (Region::new(), Vec::new(), Vec::new());
        let at = segment.range.start;
        Plan { host, image, window, segment, region, slots, inputs, places, at, operations: 0, products: 0 }
    }

    /// Notes the instruction of a node.
    fn node(&mut self, id: NodeId, float: bool) -> Node {
        self.places.resize(id.index() + 1, self.at);
        Node { id, float }
    }

    fn slot(&mut self, register: Register) -> Slot {
        if let Slot::Node(_) | Slot::Plain(_) = &self.slots[usize::from(register)] {
            return self.slots[usize::from(register)].clone();
        }
        let slot = match &self.window[usize::from(register)] {
            Value::Tensor(tensor) => {
                let float = tensor.dtype().is_float();
                let id = self.region.input();
                self.inputs.push((Input::Register(register), id));
                Slot::Node(self.node(id, float))
            }
            other => Slot::Plain(other.clone()),
        };
        self.slots[usize::from(register)] = slot.clone();
        slot
    }

    fn set(&mut self, register: Register, slot: Slot) {
        self.slots[usize::from(register)] = slot;
    }

    /// A number as a node, or the node that it is.
    fn operand(&mut self, slot: &Slot) -> Option<Node> {
        Some(match slot {
            Slot::Node(node) => *node,
            Slot::Plain(Value::Int(value)) => {
                let id = self.region.int(*value);
                self.node(id, false)
            }
            Slot::Plain(Value::Scalar(value)) => {
                let id = self.region.scalar(*value);
                self.node(id, true)
            }
            Slot::Plain(Value::Bool(value)) => {
                let id = self.region.bool(*value);
                self.node(id, false)
            }
            _ => return None,
        })
    }

    /// Goes through one instruction; `None` where the segment is not for a region.
    fn instruction(&mut self, instruction: Instruction) -> Option<()> {
        use Instruction as I;
        match instruction {
            I::Copy { to, from } => {
                let slot = self.slot(from);
                self.set(to, slot);
            }
            I::Take { to, from } => {
                let slot = self.slot(from);
                self.set(from, Slot::Plain(Value::Absent));
                self.set(to, slot);
            }
            I::Int { to, value } => self.set(to, Slot::Plain(Value::Int(i64::from(value)))),
            I::Bool { to, value } => self.set(to, Slot::Plain(Value::Bool(value))),
            I::None { to } => self.set(to, Slot::Plain(Value::None)),
            I::Clear { to } => self.set(to, Slot::Plain(Value::Absent)),
            I::Constant { to, index } => match &self.image.constants[index as usize] {
                Value::Tensor(_) => return None,
                value => self.set(to, Slot::Plain(value.clone())),
            },
            I::Add { to, a, b } => self.binary(BinaryOperator::Add, to, a, b)?,
            I::Subtract { to, a, b } => self.binary(BinaryOperator::Subtract, to, a, b)?,
            I::Multiply { to, a, b } => self.binary(BinaryOperator::Multiply, to, a, b)?,
            I::Binary { operator: BinaryOperator::Product, to, a, b } => self.product(to, a, b)?,
            I::Binary { operator, to, a, b } => self.binary(operator, to, a, b)?,
            I::AddInt { to, a, value } => {
                let a = self.slot(a);
                // A negative addend was written as a subtraction.
                let (operator, value) =
                    if value < 0 { (BinaryOperator::Subtract, -value) } else { (BinaryOperator::Add, value) };
                self.binary_of(operator, to, &a, &Slot::Plain(Value::Int(i64::from(value))))?;
            }
            I::Compare { operator, to, a, b } => {
                let (a, b) = (self.slot(a), self.slot(b));
                let slot = match (&a, &b) {
                    (Slot::Plain(a), Slot::Plain(b)) => Slot::Plain(Value::Bool(compare_numbers(operator, a, b)?)),
                    _ => {
                        let (a, b) = (self.operand(&a)?, self.operand(&b)?);
                        let id = self.region.compare(tensor_comparison(operator), a.id, b.id);
                        self.made(id, false)
                    }
                };
                self.set(to, slot);
            }
            I::Negate { to, a } => self.unary(UnaryOp::Neg, to, a)?,
            I::Not { to, a } => self.unary(UnaryOp::Not, to, a)?,
            I::CallOp { op, to, start } => self.call(self.image.ops[usize::from(op)], to, start)?,
            I::CallBuiltin { builtin, to, start, .. } => self.function(builtin, to, start)?,
            _ => return None,
        }
        Some(())
    }

    /// An operation on tensors was added.
    fn made(&mut self, id: NodeId, float: bool) -> Slot {
        self.operations += 1;
        Slot::Node(self.node(id, float))
    }

    fn binary(&mut self, operator: BinaryOperator, to: Register, a: Register, b: Register) -> Option<()> {
        let (a, b) = (self.slot(a), self.slot(b));
        self.binary_of(operator, to, &a, &b)
    }

    fn binary_of(&mut self, operator: BinaryOperator, to: Register, a: &Slot, b: &Slot) -> Option<()> {
        let slot = match (a, b) {
            (Slot::Plain(a), Slot::Plain(b)) => Slot::Plain(of_numbers(operator, a, b)?.ok()?),
            _ => self.binary_node(tensor_operator(operator), a, b)?,
        };
        self.set(to, slot);
        Some(())
    }

    fn binary_node(&mut self, operator: BinaryOp, a: &Slot, b: &Slot) -> Option<Slot> {
        let (a, b) = (self.operand(a)?, self.operand(b)?);
        let float = a.float || b.float;
        let by_content = matches!(operator, BinaryOp::FloorDiv | BinaryOp::Rem | BinaryOp::Pow);
        if by_content && !float {
            return None;
        }
        let id = self.region.binary(operator, a.id, b.id);
        Some(self.made(id, float || matches!(operator, BinaryOp::Div | BinaryOp::Atan2)))
    }

    fn unary(&mut self, operator: UnaryOp, to: Register, a: Register) -> Option<()> {
        let slot = match (self.slot(a), operator) {
            (Slot::Node(a), _) => self.unary_node(operator, a),
            (Slot::Plain(Value::Int(a)), UnaryOp::Neg) => Slot::Plain(Value::Int(a.checked_neg()?)),
            (Slot::Plain(Value::Scalar(a)), UnaryOp::Neg) => Slot::Plain(Value::Scalar(-a)),
            (Slot::Plain(Value::Bool(a)), UnaryOp::Not) => Slot::Plain(Value::Bool(!a)),
            _ => return None,
        };
        self.set(to, slot);
        Some(())
    }

    fn unary_node(&mut self, operator: UnaryOp, a: Node) -> Slot {
        let id = self.region.unary(operator, a.id);
        let bools = matches!(operator, UnaryOp::Not | UnaryOp::IsNan | UnaryOp::IsFinite);
        // What is not a float here may become one; taking it for whole numbers only gives up more.
        self.made(id, a.float && !bools)
    }

    /// A matrix product is done at once: what follows works on its result.
    fn product(&mut self, to: Register, a: Register, b: Register) -> Option<()> {
        let (left, right) = (self.given(a)?, self.given(b)?);
        let run = |host: &mut Host| {
            nexus_tensor::binary(host.context, BinaryOp::MatMul, &left, &right).map_err(Fault::tensor)
        };
        let product = self.host.measured(operation_name(BinaryOp::MatMul), run).ok()?;
        let Arg::Tensor(tensor) = product else { return None };
        let float = tensor.dtype().is_float();
        let id = self.region.input();
        self.inputs.push((Input::Made(tensor), id));
        self.products += 1;
        let node = self.node(id, float);
        self.set(to, Slot::Node(node));
        Some(())
    }

    /// A tensor that is there already.
    fn given(&mut self, register: Register) -> Option<Arg> {
        let Slot::Node(node) = self.slot(register) else { return None };
        let (input, _) = self.inputs.iter().find(|(_, id)| *id == node.id)?;
        Some(Arg::Tensor(match input {
            Input::Made(tensor) => tensor.clone(),
            Input::Register(register) => match &self.window[usize::from(*register)] {
                Value::Tensor(tensor) => Tensor::clone(tensor),
                _ => return None,
            },
        }))
    }

    fn call(&mut self, op: &nexus_tensor::OpDef, to: Register, start: Register) -> Option<()> {
        let arguments: Vec<Slot> = (start..start + op.params.len() as Register).map(|r| self.slot(r)).collect();
        let slot = match (elementwise(op)?, arguments.as_slice()) {
            (Elementwise::Unary(operator), [Slot::Node(a)]) => self.unary_node(operator, *a),
            (Elementwise::Binary(_), [Slot::Plain(_), Slot::Plain(_)]) => return None,
            (Elementwise::Binary(operator), [a, b]) => self.binary_node(operator, a, b)?,
            (Elementwise::Select, [Slot::Node(mask), yes, no]) => {
                let (yes, no) = (self.operand(yes)?, self.operand(no)?);
                let id = self.region.select(mask.id, yes.id, no.id);
                self.made(id, yes.float || no.float)
            }
            (Elementwise::Clip, [x @ Slot::Node(_), low, high]) => self.clip(x, low, high)?,
            (Elementwise::LeakyRelu, [Slot::Node(x), Slot::Plain(slope)]) => self.leaky_relu(*x, slope)?,
            (Elementwise::IsClose, [a, b, Slot::Plain(relative), Slot::Plain(absolute)]) => {
                self.is_close((a, b), relative, absolute)?
            }
            (Elementwise::Reduce(operator), [Slot::Node(x), Slot::Plain(axes), Slot::Plain(keep)]) => {
                let axes = axes_of(axes)?;
                let keep = match keep {
                    Value::Absent | Value::None => false,
                    Value::Bool(keep) => *keep,
                    _ => return None,
                };
                let id = self.region.reduce(operator, x.id, axes.as_deref(), keep);
                let truth = matches!(operator, nexus_tensor::ReduceOp::Any | nexus_tensor::ReduceOp::All);
                self.made(id, x.float && !truth)
            }
            _ => return None,
        };
        for register in start..start + op.params.len() as Register {
            self.set(register, Slot::Plain(Value::Absent));
        }
        self.set(to, slot);
        Some(())
    }

    fn clip(&mut self, x: &Slot, low: &Slot, high: &Slot) -> Option<Slot> {
        let mut clipped = x.clone();
        for (operator, bound) in [(BinaryOp::Maximum, low), (BinaryOp::Minimum, high)] {
            if !matches!(bound, Slot::Plain(Value::Absent | Value::None)) {
                clipped = self.binary_node(operator, &clipped, bound)?;
            }
        }
        Some(clipped)
    }

    /// The steps of `tensor.leaky_relu` on floats; whole numbers become floats there first.
    fn leaky_relu(&mut self, x: Node, slope: &Value) -> Option<Slot> {
        if !x.float {
            return None;
        }
        let slope = self.region.scalar(number_or(slope, 0.01)?);
        let low = self.region.binary(BinaryOp::Mul, x.id, slope);
        let zero = self.region.int(0);
        let positive = self.region.compare(CompareOp::Greater, x.id, zero);
        let id = self.region.select(positive, x.id, low);
        Some(self.made(id, true))
    }

    /// The steps of `tensor.isclose`, in its order.
    fn is_close(&mut self, (a, b): (&Slot, &Slot), relative: &Value, absolute: &Value) -> Option<Slot> {
        if let (Slot::Plain(_), Slot::Plain(_)) = (a, b) {
            return None;
        }
        let (relative, absolute) = (number_or(relative, 1e-5)?, number_or(absolute, 1e-8)?);
        let (left, right) = (self.operand(a)?.id, self.operand(b)?.id);
        let region = &mut self.region;
        let difference = region.binary(BinaryOp::Sub, left, right);
        let distance = region.unary(UnaryOp::Abs, difference);
        let size = region.unary(UnaryOp::Abs, right);
        let (relative, absolute) = (region.scalar(relative), region.scalar(absolute));
        let bound = region.binary(BinaryOp::Mul, size, relative);
        let bound = region.binary(BinaryOp::Add, bound, absolute);
        let near = region.compare(CompareOp::LessEqual, distance, bound);
        let is_finite = region.unary(UnaryOp::IsFinite, right);
        let finite = region.binary(BinaryOp::And, near, is_finite);
        let equal = region.compare(CompareOp::Equal, left, right);
        let id = region.binary(BinaryOp::Or, finite, equal);
        Some(self.made(id, false))
    }

    fn function(&mut self, builtin: crate::library::BuiltinId, to: Register, start: Register) -> Option<()> {
        let operator = elementwise_builtin(crate::library::builtin(builtin).name)?;
        let slot = match self.slot(start) {
            Slot::Node(a) => self.unary_node(operator, a),
            Slot::Plain(number @ (Value::Int(_) | Value::Scalar(_))) => {
                Slot::Plain(crate::library::call(self.host, builtin, &mut [number]).ok()?)
            }
            _ => return None,
        };
        self.set(to, slot);
        Some(())
    }

    /// Evaluates the region and puts the results into the machine's registers.
    fn finish(mut self) -> Result<bool, FaultAt> {
        let first = self.segment.range.start;
        let mut outputs: Vec<NodeId> = Vec::new();
        for &register in &self.segment.results {
            if let Slot::Node(node) = &self.slots[usize::from(register)]
                && !outputs.contains(&node.id)
            {
                self.region.output(node.id);
                outputs.push(node.id);
            }
        }
        if outputs.is_empty() {
            return Ok(false);
        }
        self.host.tick(16 * self.operations).map_err(|fault| (first, fault))?;
        let mut given = Vec::with_capacity(self.inputs.len());
        for (input, _) in std::mem::take(&mut self.inputs) {
            given.push(Arg::Tensor(match input {
                Input::Made(tensor) => tensor,
                Input::Register(register) => self.taken(register).map_err(|fault| (first, fault))?,
            }));
        }
        let evaluated = self.evaluate(given)?;
        let mut values = Vec::with_capacity(evaluated.len());
        for arg in evaluated {
            values.push(self.host.value_of(arg).map_err(|fault| (first, fault))?);
        }
        for &register in &self.segment.results {
            let value = match &self.slots[usize::from(register)] {
                Slot::Before => continue,
                Slot::Plain(value) => value.clone(),
                Slot::Node(node) => match outputs.iter().position(|id| *id == node.id) {
                    Some(place) => values[place].clone(),
                    None => continue,
                },
            };
            self.window[usize::from(register)] = value;
        }
        self.host.fusion.regions += 1;
        self.host.fusion.operations += self.operations as u64;
        self.host.fusion.products += self.products as u64;
        Ok(true)
    }

    /// The tensor of a register; out of it where nobody needs it any more.
    fn taken(&mut self, register: Register) -> Outcome<Tensor> {
        let slot = &mut self.window[usize::from(register)];
        let value = if self.segment.spent.contains(&register) { std::mem::take(slot) } else { slot.clone() };
        match value {
            Value::Tensor(tensor) => Ok(Arc::unwrap_or_clone(tensor)),
            _ => Err(Fault::internal("an input of a region that is no tensor")),
        }
    }
}

/// A number that may be left out; `None` where it is none.
fn number_or(value: &Value, default: f64) -> Option<f64> {
    match value {
        Value::Absent | Value::None => Some(default),
        Value::Scalar(number) => Some(*number),
        Value::Int(number) => Some(*number as f64),
        _ => None,
    }
}

/// The axes of a reduction; the outer `None` where they are not plain ints.
fn axes_of(value: &Value) -> Option<Option<Vec<i64>>> {
    Some(match value {
        Value::Absent | Value::None => None,
        Value::Int(axis) => Some(vec![*axis]),
        Value::List(axes) => {
            let axes: Option<Vec<i64>> =
                axes.iter().map(|axis| if let Value::Int(axis) = axis { Some(axis) } else { None }).collect();
            Some(axes?)
        }
        _ => return None,
    })
}
