//! Values across the borders of the machine: to and from library functions, and in and out of the program.

use std::borrow::Cow;
use std::sync::Arc;

use nexus_model as model;
use nexus_model::{LimitHit, LimitKind};
use nexus_tensor::{Arg, OpDef, Tensor};

use super::fault::{Fault, Outcome};
use super::host::{Host, OBJECT_BYTES_MAX};
use super::traced;
use super::value::{DEPTH_MAX, Value};
use crate::codes::Code;
use crate::names::with_article;

/// A range longer than this is not made into a list by itself.
const RANGE_LIST_MAX: u64 = 1 << 24;

impl Host<'_> {
    /// A value as an argument of a library function.
    pub(crate) fn argument_of(&mut self, value: Value) -> Outcome<Arg> {
        self.count_node(size_of::<Arg>())?;
        Ok(match value {
            Value::Absent | Value::None => Arg::None,
            Value::Bool(v) => Arg::Bool(v),
            Value::Int(v) => Arg::Int(v),
            Value::Scalar(v) => Arg::Scalar(v),
            Value::Str(v) => Arg::Str(v.as_str().into()),
            Value::Tensor(t) => Arg::Tensor(Arc::unwrap_or_clone(t)),
            Value::List(list) => {
                let items: Outcome<Vec<Arg>> = list.iter().map(|v| self.argument_of(v)).collect();
                Arg::List(items?)
            }
            Value::Record(record) => {
                let mut fields = Vec::with_capacity(record.fields().len());
                for (name, value) in record.fields() {
                    fields.push((Arc::clone(name), self.argument_of(value.clone())?));
                }
                Arg::Record(fields)
            }
            Value::Range(range) => {
                if range.count > RANGE_LIST_MAX {
                    return Err(Fault::new(Code::WrongTypeRunning, "the range is too long for a list")
                        .help("`tensor.arange(a, b)` makes a tensor of it"));
                }
                self.tick(range.count as usize / 16)?;
                Arg::List(range.iter().map(Arg::Int).collect())
            }
            Value::Traced(_) => {
                return Err(Fault::new(
                    Code::WrongTypeRunning,
                    "a value that is differentiated cannot be given to this function",
                )
                .help("gradients follow operators, indices and library functions on numbers and tensors"));
            }
            Value::Function(_) | Value::Task(_) => {
                return Err(Fault::new(
                    Code::WrongTypeRunning,
                    format!("{} cannot be given to a library function", with_article(value.kind())),
                ));
            }
        })
    }

    /// The result of a library function as a value.
    pub(crate) fn value_of(&mut self, arg: Arg) -> Outcome<Value> {
        Ok(match arg {
            Arg::None => Value::None,
            Arg::Bool(v) => Value::Bool(v),
            Arg::Int(v) => Value::Int(v),
            Arg::Scalar(v) => Value::Scalar(v),
            Arg::Str(v) => self.string(v.to_string())?,
            Arg::Tensor(t) => Value::Tensor(Arc::new(t)),
            Arg::List(items) => {
                self.tick(items.len() / 16)?;
                let items: Outcome<Vec<Value>> = items.into_iter().map(|v| self.value_of(v)).collect();
                self.list(items?)?
            }
            Arg::Record(fields) => {
                let mut values = Vec::with_capacity(fields.len());
                for (name, value) in fields {
                    values.push((name, self.value_of(value)?));
                }
                self.record(values)?
            }
        })
    }

    /// Runs a library function on one value a parameter.
    pub(crate) fn call_op(&mut self, op: &'static OpDef, arguments: &mut [Value]) -> Outcome<Value> {
        self.measured(op.name, |host| host.run_op(op, arguments))
    }

    fn run_op(&mut self, op: &'static OpDef, arguments: &mut [Value]) -> Outcome<Value> {
        self.tick(16)?;
        self.converted = 0;
        if arguments.iter().any(|a| matches!(a, Value::Function(_)))
            && let Some(run) = nexus_library::calling(op)
        {
            return super::calling::call(self, run, arguments);
        }
        if arguments.iter().any(traced::is_traced) {
            return traced::call_op(self, op, arguments);
        }
        let mut args = Vec::with_capacity(arguments.len());
        for argument in arguments {
            args.push(self.argument_of(std::mem::take(argument))?);
        }
        let is_to_blame = self.gives_finite(&args)?;
        let result = (op.run)(self.context, &args).map_err(Fault::tensor)?;
        self.accept(is_to_blame, || op.name.into(), &result)?;
        self.value_of(result)
    }

    /// Whether an operation on `args` is to blame for a result that is not finite: where the run asks for finite numbers,
    /// and all of them are.
    pub(crate) fn gives_finite<'v>(&self, args: impl IntoIterator<Item = &'v Arg>) -> Outcome<bool> {
        if !self.context.checks_finite() {
            return Ok(false);
        }
        nexus_tensor::given_finite(self.context, args).map_err(Fault::tensor)
    }

    /// Refuses a result that is not finite, of an operation that is to blame for it.
    pub(crate) fn accept(
        &self,
        is_to_blame: bool,
        operation: impl FnOnce() -> Cow<'static, str>,
        result: &Arg,
    ) -> Outcome<()> {
        if !is_to_blame {
            return Ok(());
        }
        nexus_tensor::made_finite(self.context, &operation(), result).map_err(Fault::tensor)
    }

    /// A value that comes from outside.
    pub(crate) fn import(&mut self, value: &model::Value) -> Outcome<Value> {
        Ok(match value {
            model::Value::None => Value::None,
            model::Value::Bool(v) => Value::Bool(*v),
            model::Value::Int(v) => Value::Int(*v),
            model::Value::Scalar(v) => Value::Scalar(*v),
            model::Value::String(v) => self.string(v.clone())?,
            model::Value::List(items) => {
                let items: Outcome<Vec<Value>> = items.iter().map(|v| self.import(v)).collect();
                self.list(items?)?
            }
            model::Value::Record(fields) => {
                let mut values = Vec::with_capacity(fields.len());
                for (name, value) in fields {
                    values.push((name.as_str().into(), self.import(value)?));
                }
                self.record(values)?
            }
            model::Value::Tensor(data) => {
                Value::Tensor(Arc::new(Tensor::from_data(self.context, data).map_err(Fault::tensor)?))
            }
        })
    }
}

impl Host<'_> {
    /// A value as it leaves the program.
    pub(crate) fn export(&mut self, value: &Value) -> Outcome<model::Value> {
        self.converted = 0;
        self.export_part(value)
    }

    fn export_part(&mut self, value: &Value) -> Outcome<model::Value> {
        self.count_node(size_of::<model::Value>())?;
        Ok(match value {
            Value::Absent | Value::None => model::Value::None,
            Value::Bool(v) => model::Value::Bool(*v),
            Value::Int(v) => model::Value::Int(*v),
            Value::Scalar(v) => model::Value::Scalar(*v),
            Value::Str(v) => {
                self.count_node(v.as_str().len())?;
                model::Value::String(v.as_str().to_owned())
            }
            Value::Tensor(t) => {
                let data = t.to_data().map_err(Fault::tensor)?;
                self.count_node(data.bytes().len())?;
                model::Value::Tensor(data)
            }
            Value::List(list) => {
                let items: Outcome<_> = list.iter().map(|v| self.export_part(&v)).collect();
                model::Value::List(items?)
            }
            Value::Record(record) => {
                let mut fields = Vec::with_capacity(record.fields().len());
                for (name, value) in record.fields() {
                    fields.push((name.to_string(), self.export_part(value)?));
                }
                model::Value::Record(fields)
            }
            Value::Range(range) if range.count <= RANGE_LIST_MAX => {
                model::Value::List(range.iter().map(model::Value::Int).collect())
            }
            Value::Range(_) | Value::Function(_) | Value::Task(_) | Value::Traced(_) => {
                return Err(Fault::new(
                    Code::NotAValue,
                    format!("{} cannot leave the program", with_article(value.kind())),
                )
                .help("return what it computes: `f(x)`, `await h`"));
            }
        })
    }

    /// Counts one part of a value that is being copied out of shared storage: small values with much sharing can be
    /// enormous when they are written out.
    pub(crate) fn count_node(&mut self, bytes: usize) -> Outcome<()> {
        self.converted = self.converted.saturating_add(bytes as u64);
        let limit = self.limits.memory_bytes.unwrap_or(OBJECT_BYTES_MAX);
        if self.converted > limit {
            return Err(Fault::limit(LimitHit { kind: LimitKind::Memory, limit, wanted: Some(self.converted) }));
        }
        self.tick(1)
    }
}

const _: () = assert!((DEPTH_MAX as usize) < model::VALUE_DEPTH_MAX, "what a program makes can be encoded");
