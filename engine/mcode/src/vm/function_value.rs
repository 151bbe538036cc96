//! Calls of function values from outside the machine: by library functions, and by whoever runs a program's function.
//!
//! Calls that the program itself makes are the machine's ([`super::machine`]).

use super::fault::{Fault, Outcome};
use super::host::Host;
use super::machine::{check_count, execute};
use super::value::{Callable, Value};
use crate::codes::Code;

/// Machines inside each other: each stands on the real stack.
const NESTED_MAX: u32 = 24;

impl Host<'_> {
    /// Calls a function value from a library function and waits for its result.
    pub(crate) fn call(&mut self, function: &Value, mut arguments: Vec<Value>) -> Outcome<Value> {
        let Value::Function(closure) = function else {
            return Err(Fault::kind("a call", "a function", function));
        };
        match &closure.callable {
            Callable::Function { id, captured } => {
                let code = &self.image.functions[*id as usize];
                check_count(code, arguments.len())?;
                if self.nested >= NESTED_MAX {
                    let message = format!("library functions that call functions go {NESTED_MAX} deep");
                    return Err(Fault::new(Code::LimitRecursion, message));
                }
                arguments.resize_with(usize::from(code.params), Value::default);
                arguments.extend(captured.iter().cloned());
                if let Some(register) = code.self_register {
                    let needed = usize::from(register) + 1;
                    if arguments.len() < needed {
                        arguments.resize_with(needed, Value::default);
                    }
                    arguments[usize::from(register)] = function.clone();
                }
                self.nested += 1;
                let outcome = execute(self, self.image, *id, arguments);
                self.nested -= 1;
                outcome.map_err(|raised| {
                    let mut fault = raised.fault;
                    fault.places = raised.places;
                    fault
                })
            }
            Callable::Op(op) => {
                check_op_count(op, arguments.len())?;
                arguments.resize_with(op.params.len(), Value::default);
                self.call_op(op, &mut arguments)
            }
            Callable::Derived(derived) => super::differentiate::call(self, derived, arguments),
            Callable::Builtin(id) => crate::library::call(self, *id, &mut arguments),
        }
    }
}

pub(super) fn check_op_count(op: &nexus_tensor::OpDef, count: usize) -> Outcome<()> {
    let least = op.params.iter().filter(|p| p.default.is_none()).count();
    if (least..=op.params.len()).contains(&count) {
        return Ok(());
    }
    let message = format!("`{}` takes {least} to {} arguments, {count} given", op.name, op.params.len());
    Err(Fault::new(Code::BadCall, message))
}
