//! Applying operations to values that may be traced, and writing down what was done.

use std::borrow::Cow;
use std::sync::Arc;

use nexus_tensor::{Arg, BinaryOp, CompareOp, Context, DType, Index, OpDef, Tensor, TensorError, UnaryOp};

use super::rules::{Gradient, gradient};
use super::tape::{Step, Tape};
use super::var::{Item, Var};

/// What a step of a tape did.
#[derive(Debug, Clone)]
pub(super) enum Operation {
    Unary(UnaryOp),
    Binary(BinaryOp),
    Named(&'static OpDef),
    /// `x[indices]`
    Get(Arc<[Index]>),
    /// `x` with `x[indices]` replaced by the second argument.
    Set(Arc<[Index]>),
    /// The sum of all elements as a number of the language.
    Number,
}

impl Operation {
    /// As it is written.
    fn name(&self) -> Cow<'static, str> {
        match self {
            Operation::Unary(op) => op.name(),
            Operation::Binary(op) => op.symbol().into(),
            Operation::Named(op) => op.name.into(),
            Operation::Get(_) | Operation::Set(_) => "[ ]".into(),
            Operation::Number => "scalar".into(),
        }
    }
}

/// Applies operations in the surroundings of one run.
#[derive(Debug, Clone, Copy)]
pub struct Algebra<'c> {
    ctx: &'c Context,
}

impl<'c> Algebra<'c> {
    /// Operations in the surroundings of `ctx`.
    pub fn new(ctx: &'c Context) -> Self {
        Algebra { ctx }
    }

    /// The surroundings.
    pub fn context(&self) -> &'c Context {
        self.ctx
    }

    /// A function of one value, elementwise. Whole numbers count as scalars where the function gives floats.
    pub fn unary(&self, op: UnaryOp, x: &Var) -> Result<Var, TensorError> {
        if super::elementwise::is_flat(op) {
            return self.run_unary(op, x.plain());
        }
        self.one(Operation::Unary(op), vec![x.clone().into()])
    }

    /// An operator on two values, elementwise with broadcasting, or the matrix product.
    pub fn binary(&self, op: BinaryOp, a: &Var, b: &Var) -> Result<Var, TensorError> {
        if matches!(op, BinaryOp::And | BinaryOp::Or | BinaryOp::Xor | BinaryOp::FloorDiv) {
            return self.run_binary(op, a.plain(), b.plain());
        }
        self.one(Operation::Binary(op), vec![a.clone().into(), b.clone().into()])
    }

    /// A comparison, which has no derivative: a bool, or a bool tensor.
    pub fn compare(&self, op: CompareOp, a: &Var, b: &Var) -> Result<Var, TensorError> {
        let (a, b) = (a.plain(), b.plain());
        if let (Some(x), Some(y)) = (number(a), number(b)) {
            let holds = match op {
                CompareOp::Equal => x == y,
                CompareOp::NotEqual => x != y,
                CompareOp::Less => x < y,
                CompareOp::LessEqual => x <= y,
                CompareOp::Greater => x > y,
                CompareOp::GreaterEqual => x >= y,
            };
            return Ok(Var::Plain(Arg::Bool(holds)));
        }
        nexus_tensor::compare(self.ctx, op, a, b).map(Var::Plain)
    }

    /// `x[indices]`
    pub fn get(&self, x: &Var, indices: &[Index]) -> Result<Var, TensorError> {
        self.one(Operation::Get(indices.into()), vec![x.clone().into()])
    }

    /// `x` with `x[indices]` replaced by `value`, which broadcasts.
    pub fn set(&self, x: &Var, indices: &[Index], value: &Var) -> Result<Var, TensorError> {
        self.one(Operation::Set(indices.into()), vec![x.clone().into(), value.clone().into()])
    }

    /// The sum of all elements as a number of the language.
    pub fn number(&self, x: &Var) -> Result<Var, TensorError> {
        if x.is_number() { Ok(x.clone()) } else { self.one(Operation::Number, vec![x.clone().into()]) }
    }

    /// A named operation, arguments by position. Without a rule for its gradient it refuses traced arguments.
    pub fn named(&self, op: &'static OpDef, args: &[Item]) -> Result<Item, TensorError> {
        if !args.iter().any(Item::is_traced) {
            let plain: Vec<Arg> = args.iter().map(Item::plain).collect();
            return self.checked(op.name, &plain, || (op.run)(self.ctx, &plain)).map(Item::from);
        }
        match gradient(op.name) {
            Gradient::Composite(rule) => rule(self, args),
            Gradient::Rule(_) => self.apply(Operation::Named(op), args.to_vec()),
            Gradient::Zero => {
                let plain: Vec<Arg> = args.iter().map(Item::plain).collect();
                self.checked(op.name, &plain, || (op.run)(self.ctx, &plain)).map(Item::from)
            }
            Gradient::Missing => {
                let problem = format!("of `{}` is not known; write it with operations that have one", op.name);
                Err(TensorError::argument("gradient", problem))
            }
        }
    }

    /// A named operation of the table that gives one tensor.
    pub(crate) fn call(&self, name: &'static str, args: &[Item]) -> Result<Var, TensorError> {
        let op = crate::find(name).ok_or_else(|| TensorError::argument(name, "is not in the table"))?;
        match self.named(op, args)? {
            Item::Var(var) => Ok(var),
            _ => Err(TensorError::argument(name, "gives no tensor")),
        }
    }

    fn one(&self, operation: Operation, args: Vec<Item>) -> Result<Var, TensorError> {
        match self.apply(operation, args)? {
            Item::Var(var) => Ok(var),
            _ => Err(TensorError::argument("operation", "gives no tensor")),
        }
    }

    /// Runs an operation below the innermost tape among its arguments, and writes it down there.
    fn apply(&self, operation: Operation, args: Vec<Item>) -> Result<Item, TensorError> {
        let innermost: Option<Tape> =
            args.iter().flat_map(Item::vars).filter_map(Var::tape).max_by_key(|tape| tape.level()).cloned();
        let Some(tape) = innermost else { return self.run(&operation, &args) };
        let mut parents = Vec::new();
        let below: Vec<Item> = args
            .iter()
            .map(|item| {
                item.map(&mut |var| {
                    parents.push(match var {
                        Var::Traced(traced) if traced.tape.is(&tape) => Some(traced.node),
                        _ => None,
                    });
                    tape.below(var)
                })
            })
            .collect();
        let result = self.apply(operation.clone(), below.clone())?;
        let outputs: Arc<[Var]> = result.vars().into_iter().cloned().collect();
        let (args, parents): (Arc<[Item]>, Arc<[Option<usize>]>) = (below.into(), parents.into());
        let mut output = 0;
        let mut failure = None;
        let traced = result.map(&mut |var| {
            let step = Step {
                operation: operation.clone(),
                args: Arc::clone(&args),
                outputs: Arc::clone(&outputs),
                output,
                parents: Arc::clone(&parents),
            };
            output += 1;
            // What is not a float does not depend smoothly on anything.
            if !var.is_real() {
                return var.clone();
            }
            tape.push(var.clone(), Some(step)).unwrap_or_else(|error| {
                failure = Some(error);
                var.clone()
            })
        });
        failure.map_or(Ok(traced), Err)
    }

    /// Runs an operation on plain values.
    fn run(&self, operation: &Operation, args: &[Item]) -> Result<Item, TensorError> {
        let plain: Vec<Arg> = args.iter().map(Item::plain).collect();
        self.checked(&operation.name(), &plain, || self.run_plain(operation, &plain)).map(Item::from)
    }

    fn run_plain(&self, operation: &Operation, args: &[Arg]) -> Result<Arg, TensorError> {
        Ok(match (operation, args) {
            (Operation::Unary(op), [x]) => self.run_unary(*op, x)?.plain().clone(),
            (Operation::Binary(op), [a, b]) => self.run_binary(*op, a, b)?.plain().clone(),
            (Operation::Named(op), args) => (op.run)(self.ctx, args)?,
            (Operation::Get(indices), [Arg::Tensor(x)]) => Arg::Tensor(nexus_tensor::get(self.ctx, x, indices)?),
            (Operation::Set(indices), [Arg::Tensor(x), value]) => {
                Arg::Tensor(nexus_tensor::set(self.ctx, x.clone(), indices, value)?)
            }
            (Operation::Number, [Arg::Tensor(x)]) => Arg::Scalar(x.to_f64s(self.ctx)?.iter().sum()),
            _ => return Err(TensorError::argument("operation", "does not take these arguments")),
        })
    }

    /// What `run` gives; where the context asks for finite numbers, an error if it made others of finite ones.
    fn checked<'a>(
        &self,
        operation: &str,
        args: impl IntoIterator<Item = &'a Arg>,
        run: impl FnOnce() -> Result<Arg, TensorError>,
    ) -> Result<Arg, TensorError> {
        let is_to_blame = self.ctx.checks_finite() && nexus_tensor::given_finite(self.ctx, args)?;
        let result = run()?;
        if is_to_blame {
            nexus_tensor::made_finite(self.ctx, operation, &result)?;
        }
        Ok(result)
    }

    fn run_unary(&self, op: UnaryOp, x: &Arg) -> Result<Var, TensorError> {
        let Some(value) = number(x) else {
            return nexus_tensor::unary(self.ctx, op, x).map(Var::Plain);
        };
        let wide = Tensor::from_f64s(self.ctx, DType::F64, &[], &[value])?;
        match nexus_tensor::unary_owned(self.ctx, op, Arg::Tensor(wide))? {
            Arg::Tensor(tensor) => tensor.item().map(Var::Plain),
            other => Ok(Var::Plain(other)),
        }
    }

    fn run_binary(&self, op: BinaryOp, a: &Arg, b: &Arg) -> Result<Var, TensorError> {
        let (Some(x), Some(y)) = (number(a), number(b)) else {
            return nexus_tensor::binary(self.ctx, op, a, b).map(Var::Plain);
        };
        Ok(Var::scalar(match op {
            BinaryOp::Add => x + y,
            BinaryOp::Sub => x - y,
            BinaryOp::Mul => x * y,
            BinaryOp::Div | BinaryOp::FloorDiv | BinaryOp::Rem if y == 0.0 => return Err(TensorError::DivisionByZero),
            BinaryOp::Div => x / y,
            BinaryOp::FloorDiv => ((x - modulo(x, y)) / y).round(),
            BinaryOp::Rem => modulo(x, y),
            BinaryOp::Pow => x.powf(y),
            BinaryOp::Maximum => {
                if x.is_nan() || y.is_nan() {
                    f64::NAN
                } else {
                    x.max(y)
                }
            }
            BinaryOp::Minimum => {
                if x.is_nan() || y.is_nan() {
                    f64::NAN
                } else {
                    x.min(y)
                }
            }
            BinaryOp::Atan2 => x.atan2(y),
            BinaryOp::And => return Ok(Var::Plain(Arg::Bool(x != 0.0 && y != 0.0))),
            BinaryOp::Or => return Ok(Var::Plain(Arg::Bool(x != 0.0 || y != 0.0))),
            BinaryOp::Xor => return Ok(Var::Plain(Arg::Bool((x != 0.0) != (y != 0.0)))),
            BinaryOp::MatMul => {
                return Err(TensorError::argument("operand", "is a number; `@` is the matrix product of tensors"));
            }
        }))
    }
}

/// A number of the language as f64.
fn number(arg: &Arg) -> Option<f64> {
    match arg {
        Arg::Bool(b) => Some(f64::from(u8::from(*b))),
        Arg::Int(i) => Some(*i as f64),
        Arg::Scalar(s) => Some(*s),
        _ => None,
    }
}

/// Short names for what rules are made of.
impl Algebra<'_> {
    /// `a + b`
    pub fn add(&self, a: &Var, b: &Var) -> Result<Var, TensorError> {
        self.binary(BinaryOp::Add, a, b)
    }

    /// `a - b`
    pub fn sub(&self, a: &Var, b: &Var) -> Result<Var, TensorError> {
        self.binary(BinaryOp::Sub, a, b)
    }

    /// `a * b`
    pub fn mul(&self, a: &Var, b: &Var) -> Result<Var, TensorError> {
        self.binary(BinaryOp::Mul, a, b)
    }

    /// `a / b`
    pub fn div(&self, a: &Var, b: &Var) -> Result<Var, TensorError> {
        self.binary(BinaryOp::Div, a, b)
    }

    /// `a @ b`
    pub fn matmul(&self, a: &Var, b: &Var) -> Result<Var, TensorError> {
        self.binary(BinaryOp::MatMul, a, b)
    }

    /// `-x`
    pub fn neg(&self, x: &Var) -> Result<Var, TensorError> {
        self.unary(UnaryOp::Neg, x)
    }

    /// `x * factor`
    pub fn scale(&self, x: &Var, factor: f64) -> Result<Var, TensorError> {
        self.mul(x, &Var::scalar(factor))
    }

    /// Zeros of the shape and dtype of `x`; for a number 0.
    pub fn zeros_like(&self, x: &Var) -> Result<Var, TensorError> {
        match x.dtype() {
            None => Ok(Var::scalar(0.0)),
            Some(dtype) => self.zeros(x.shape(), dtype),
        }
    }

    pub(crate) fn zeros(&self, shape: &[usize], dtype: DType) -> Result<Var, TensorError> {
        self.call("tensor.zeros", &[sizes(shape), Item::Other(Arg::Str(dtype.name().into()))])
    }

    /// A tensor without elements.
    pub fn empty(&self, shape: &[usize], dtype: DType) -> Result<Var, TensorError> {
        self.zeros(shape, dtype)
    }

    /// Values of one shape, numbers among them, side by side along a new first axis.
    pub fn from_rows(&self, rows: Vec<Item>) -> Result<Var, TensorError> {
        let whole = |item: Item| match item {
            // Numbers keep their 64 bits.
            Item::Var(x) if x.is_number() => {
                let wide = Tensor::from_f64s(self.ctx, DType::F64, &[], &[0.0])?;
                self.add(&Var::Plain(Arg::Tensor(wide)), &x).map(Item::Var)
            }
            other => Ok(other),
        };
        let rows: Vec<Item> = rows.into_iter().map(whole).collect::<Result<_, TensorError>>()?;
        self.call("tensor.stack", &[Item::List(rows)])
    }

    /// The same elements in another shape.
    pub fn reshaped(&self, x: &Var, shape: &[usize]) -> Result<Var, TensorError> {
        self.reshape(x, shape)
    }

    pub(crate) fn reshape(&self, x: &Var, shape: &[usize]) -> Result<Var, TensorError> {
        if !x.is_number() && x.shape() == shape {
            return Ok(x.clone());
        }
        self.call("tensor.reshape", &[x.clone().into(), sizes(shape)])
    }

    pub(crate) fn broadcast_to(&self, x: &Var, shape: &[usize]) -> Result<Var, TensorError> {
        if !x.is_number() && x.shape() == shape {
            return Ok(x.clone());
        }
        self.call("tensor.broadcast_to", &[x.clone().into(), sizes(shape)])
    }

    pub(crate) fn permute(&self, x: &Var, axes: &[usize]) -> Result<Var, TensorError> {
        self.call("tensor.permute", &[x.clone().into(), sizes(axes)])
    }

    /// The last two axes exchanged.
    pub fn transposed(&self, x: &Var) -> Result<Var, TensorError> {
        let mut axes: Vec<usize> = (0..x.rank()).collect();
        if let [.., a, b] = axes.as_mut_slice() {
            std::mem::swap(a, b);
        }
        self.permute(x, &axes)
    }

    pub(crate) fn sum(&self, x: &Var, axes: &[usize], keep: bool) -> Result<Var, TensorError> {
        if axes.is_empty() {
            return Ok(x.clone());
        }
        self.call("tensor.sum", &[x.clone().into(), sizes(axes), flag(keep)])
    }

    /// A float tensor in another float dtype.
    pub fn cast(&self, x: &Var, dtype: DType) -> Result<Var, TensorError> {
        if x.dtype() == Some(dtype) {
            return Ok(x.clone());
        }
        self.call("tensor.cast", &[x.clone().into(), Item::Other(Arg::Str(dtype.name().into()))])
    }

    pub(crate) fn select(&self, condition: &Var, yes: &Var, no: &Var) -> Result<Var, TensorError> {
        self.call("tensor.where", &[condition.clone().into(), yes.clone().into(), no.clone().into()])
    }

    /// The gradient `g` of a broadcast value summed back to the shape, dtype and kind of `like`.
    pub(crate) fn fold_to(&self, g: &Var, like: &Var) -> Result<Var, TensorError> {
        let Some(dtype) = like.dtype() else { return self.number(g) };
        let lead = g.rank().saturating_sub(like.rank());
        let spread = |(i, &size): (usize, &usize)| size == 1 && g.shape().get(lead + i).is_some_and(|&n| n != 1);
        let axes: Vec<usize> =
            (0..lead).chain(like.shape().iter().enumerate().filter(|&p| spread(p)).map(|(i, _)| lead + i)).collect();
        let summed = self.sum(g, &axes, true)?;
        let cast = if summed.is_number() { summed } else { self.cast(&summed, dtype)? };
        // A gradient that does not depend on the element may have fewer axes.
        if cast.count() == like.count() && !cast.is_number() {
            return self.reshape(&cast, like.shape());
        }
        let zeros = self.zeros_like(like)?;
        self.add(&zeros, &cast)
    }
}

/// Sizes or axes as an argument.
pub(crate) fn sizes(list: &[usize]) -> Item {
    Item::Other(Arg::List(list.iter().map(|&n| Arg::Int(n as i64)).collect()))
}

/// A bool as an argument.
pub(crate) fn flag(value: bool) -> Item {
    Item::Other(Arg::Bool(value))
}

/// An int as an argument.
pub(crate) fn int(value: i64) -> Item {
    Item::Other(Arg::Int(value))
}

/// The remainder with the sign of the divisor, as the operators of numbers have it.
fn modulo(x: f64, y: f64) -> f64 {
    let rest = x % y;
    if rest != 0.0 && (rest < 0.0) != (y < 0.0) { rest + y } else { rest }
}
