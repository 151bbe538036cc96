//! Steps of gradient descent on parameters in lists and records: `optim.update(state, params, grads)`.
//!
//! A state is a record that says the method and what it remembers; nothing is hidden. Parameters are numbers, float
//! tensors, and lists and records of them; gradients have the same form.

use std::sync::Arc;

use nexus_tensor::infer;
use nexus_tensor::{Arg, ArgType, BinaryOp, Context, OpDef, TensorError, UnaryOp, args, params};

use crate::autodiff::{Algebra, Var};

/// The methods, and the step.
pub(crate) const OPS: &[OpDef] = &[
    OpDef {
        name: "optim.sgd",
        params: params!(lr: Number = "0.01", momentum: Number = "0", weight_decay: Number = "0"),
        doc: "Gradient descent with momentum, as PyTorch's SGD: the state that optim.update begins with.",
        example: "optim.sgd(lr = 0.1, momentum = 0.9)",
        infer: infer_state,
        run: |_, a| {
            let numbers = [("lr", 0.01), ("momentum", 0.0), ("weight_decay", 0.0)];
            state("sgd", &numbers, a)
        },
    },
    OpDef {
        name: "optim.adam",
        params: params!(lr: Number = "0.001", beta1: Number = "0.9", beta2: Number = "0.999", epsilon: Number = "1e-8"),
        doc: "Adam (Kingma and Ba, 2015): the state that optim.update begins with.",
        example: "optim.adam(lr = 0.01)",
        infer: infer_state,
        run: |_, a| {
            let numbers = [("lr", 0.001), ("beta1", 0.9), ("beta2", 0.999), ("epsilon", 1e-8)];
            state("adam", &numbers, a)
        },
    },
    OpDef {
        name: "optim.adamw",
        params: params!(
            lr: Number = "0.001", beta1: Number = "0.9", beta2: Number = "0.999", epsilon: Number = "1e-8",
            weight_decay: Number = "0.01"
        ),
        doc: "Adam with decoupled weight decay (Loshchilov and Hutter, 2019): the state that optim.update begins with.",
        example: "optim.adamw(lr = 0.01)",
        infer: infer_state,
        run: |_, a| {
            let numbers = [("lr", 0.001), ("beta1", 0.9), ("beta2", 0.999), ("epsilon", 1e-8), ("weight_decay", 0.01)];
            state("adamw", &numbers, a)
        },
    },
    OpDef {
        name: "optim.update",
        params: params!(state: Any, params: Any, grads: Any),
        doc: "One step of a method: a record of the new params and the new state. grads has the form of params, as \
              grad.grad gives it.",
        example: "optim.update(optim.sgd(0.1), 1.0, 2.0).params",
        infer: |_| Ok(ArgType::Record(vec![("params".into(), ArgType::Unknown), ("state".into(), ArgType::Unknown)])),
        run: update,
    },
];

fn infer_state(a: &[ArgType]) -> infer::Inferred {
    for i in 0..a.len() {
        infer::number(a, i, "lr")?;
    }
    Ok(ArgType::Unknown)
}

fn state(method: &str, numbers: &[(&'static str, f64)], a: &[Arg]) -> Result<Arg, TensorError> {
    let mut fields = vec![("method", Arg::Str(method.into())), ("step", Arg::Int(0))];
    for (i, (name, default)) in numbers.iter().enumerate() {
        let value = args::number_or(a, i, name, *default)?;
        if !(value >= 0.0 && value.is_finite()) || (name.starts_with("beta") && value >= 1.0) {
            return Err(TensorError::argument(name, format!("must not be negative (a beta is below 1), is {value}")));
        }
        fields.push((*name, Arg::Scalar(value)));
    }
    fields.extend([("first", Arg::None), ("second", Arg::None)]);
    Ok(args::record(fields))
}

type Fields = Vec<(Arc<str>, Arg)>;

fn field<'a>(fields: &'a Fields, name: &str) -> Option<&'a Arg> {
    fields.iter().find(|(known, _)| &**known == name).map(|(_, value)| value)
}

fn number(fields: &Fields, name: &'static str) -> Result<f64, TensorError> {
    match field(fields, name) {
        Some(value) => args::number(std::slice::from_ref(value), 0, name),
        None => Err(TensorError::argument("state", format!("has no `{name}`; begin with `optim.adam()`"))),
    }
}

/// The rule of a method for one leaf: the new parameter and what is remembered of it.
struct Rule<'c> {
    t: Algebra<'c>,
    method: Method,
    lr: f64,
    decay: f64,
}

enum Method {
    Descent { momentum: f64 },
    Adam { beta1: f64, beta2: f64, epsilon: f64, first_scale: f64, second_scale: f64, decoupled: bool },
}

fn update(ctx: &Context, a: &[Arg]) -> Result<Arg, TensorError> {
    let Arg::Record(fields) = args::at(a, 0) else {
        return Err(TensorError::argument("state", "must come from `optim.sgd()`, `optim.adam()` or `optim.adamw()`"));
    };
    let step = number(fields, "step")? + 1.0;
    let decay = if field(fields, "weight_decay").is_some() { number(fields, "weight_decay")? } else { 0.0 };
    let method = match field(fields, "method") {
        Some(Arg::Str(name)) if &**name == "sgd" => Method::Descent { momentum: number(fields, "momentum")? },
        Some(Arg::Str(name)) if matches!(&**name, "adam" | "adamw") => {
            let (beta1, beta2) = (number(fields, "beta1")?, number(fields, "beta2")?);
            Method::Adam {
                beta1,
                beta2,
                epsilon: number(fields, "epsilon")?,
                first_scale: 1.0 / (1.0 - beta1.powf(step)),
                second_scale: 1.0 / (1.0 - beta2.powf(step)),
                decoupled: &**name == "adamw",
            }
        }
        _ => return Err(TensorError::argument("state", "names no method; begin with `optim.adam()`")),
    };
    let rule = Rule { t: Algebra::new(ctx), method, lr: number(fields, "lr")?, decay };
    let none = Arg::None;
    let remembered = [field(fields, "first").unwrap_or(&none), field(fields, "second").unwrap_or(&none)];
    let [params, first, second] = rule.tree(args::at(a, 1), args::at(a, 2), remembered)?;
    let renew = |(name, value): &(Arc<str>, Arg)| {
        let value = match &**name {
            "step" => Arg::Int(step as i64),
            "first" => first.clone(),
            "second" => second.clone(),
            _ => value.clone(),
        };
        (Arc::clone(name), value)
    };
    let state = Arg::Record(fields.iter().map(renew).collect());
    Ok(args::record([("params", params), ("state", state)]))
}

const FORM: &str = "must have the form of params, as `grad.grad` gives it";

impl Rule<'_> {
    /// New parameters and memories of a whole tree.
    fn tree(&self, params: &Arg, grads: &Arg, memory: [&Arg; 2]) -> Result<[Arg; 3], TensorError> {
        match (params, grads) {
            (_, Arg::None) => Ok([params.clone(), Arg::None, Arg::None]),
            (Arg::List(params), Arg::List(grads)) if params.len() == grads.len() => {
                let mut columns = [const { Vec::new() }; 3];
                for (i, (param, grad)) in params.iter().zip(grads).enumerate() {
                    let part = |arg: &Arg| match arg {
                        Arg::List(items) => items.get(i).cloned().unwrap_or(Arg::None),
                        _ => Arg::None,
                    };
                    let (first, second) = (part(memory[0]), part(memory[1]));
                    let parts = self.tree(param, grad, [&first, &second])?;
                    columns.iter_mut().zip(parts).for_each(|(column, part)| column.push(part));
                }
                Ok(columns.map(Arg::List))
            }
            (Arg::Record(params), Arg::Record(grads)) => {
                let mut columns = [const { Vec::new() }; 3];
                for (name, param) in params {
                    let Some(grad) = field(grads, name) else {
                        return Err(TensorError::argument("grads", format!("{FORM}: there is no `{name}`")));
                    };
                    let part = |arg: &Arg| match arg {
                        Arg::Record(fields) => field(fields, name).cloned().unwrap_or(Arg::None),
                        _ => Arg::None,
                    };
                    let (first, second) = (part(memory[0]), part(memory[1]));
                    let parts = self.tree(param, grad, [&first, &second])?;
                    columns.iter_mut().zip(parts).for_each(|(column, part)| column.push((Arc::clone(name), part)));
                }
                Ok(columns.map(Arg::Record))
            }
            (Arg::Tensor(p), Arg::Tensor(g)) if p.shape() != g.shape() => {
                Err(TensorError::shapes(p.shape(), g.shape(), "are a parameter and its gradient, which must be equal"))
            }
            (Arg::Tensor(_), Arg::Tensor(_)) | (Arg::Scalar(_) | Arg::Int(_), Arg::Scalar(_) | Arg::Int(_)) => {
                self.leaf(params, grads, memory)
            }
            _ => Err(TensorError::argument("grads", FORM)),
        }
    }

    fn leaf(&self, param: &Arg, grad: &Arg, memory: [&Arg; 2]) -> Result<[Arg; 3], TensorError> {
        let t = &self.t;
        let (p, mut g) = (Var::Plain(param.clone()), Var::Plain(grad.clone()));
        let kept = |arg: &Arg| if matches!(arg, Arg::None) { Var::scalar(0.0) } else { Var::Plain(arg.clone()) };
        let decoupled = matches!(self.method, Method::Adam { decoupled: true, .. });
        if self.decay > 0.0 && !decoupled {
            g = t.add(&g, &t.scale(&p, self.decay)?)?;
        }
        let (step, first, second) = match self.method {
            Method::Descent { momentum: 0.0 } => (t.scale(&g, self.lr)?, Arg::None, Arg::None),
            Method::Descent { momentum } => {
                let velocity = t.add(&t.scale(&kept(memory[0]), momentum)?, &g)?;
                (t.scale(&velocity, self.lr)?, velocity.plain().clone(), Arg::None)
            }
            Method::Adam { beta1, beta2, epsilon, first_scale, second_scale, .. } => {
                let first = t.add(&t.scale(&kept(memory[0]), beta1)?, &t.scale(&g, 1.0 - beta1)?)?;
                let squares = t.unary(UnaryOp::Square, &g)?;
                let second = t.add(&t.scale(&kept(memory[1]), beta2)?, &t.scale(&squares, 1.0 - beta2)?)?;
                let size = t.unary(UnaryOp::Sqrt, &t.scale(&second, second_scale)?)?;
                let size = t.add(&size, &Var::scalar(epsilon))?;
                let step = t.binary(BinaryOp::Div, &t.scale(&first, self.lr * first_scale)?, &size)?;
                (step, first.plain().clone(), second.plain().clone())
            }
        };
        let shrunk = if decoupled && self.decay > 0.0 { t.scale(&p, 1.0 - self.lr * self.decay)? } else { p };
        Ok([t.sub(&shrunk, &step)?.plain().clone(), first, second])
    }
}
