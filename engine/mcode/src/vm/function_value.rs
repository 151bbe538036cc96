//! Calls of function values from outside the machine: by library functions, and by whoever runs a program's function.
//!
//! Calls that the program itself makes are the machine's ([`super::machine`]).

use super::fault::{Fault, Outcome};
use super::host::Host;
use super::machine::{Cursor, Machine, execute};
use super::value::{Callable, Value};
use super::{differentiate, registers};
use crate::codes::Code;
use crate::ir::{FunctionCode, Register};
use crate::library;
use crate::names::with_article;

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
            Callable::Derived(derived) => differentiate::call(self, derived, arguments),
            Callable::Builtin(id) => library::call(self, *id, &mut arguments),
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

impl Machine<'_, '_> {
    /// Calls whatever is in a register; gives where to go on.
    #[inline(never)]
    pub(super) fn call_value<const PROFILED: bool>(
        &mut self,
        cursor: Cursor,
        count: usize,
        (callee, start): (Register, Register),
    ) -> Outcome<Cursor> {
        let (image, callee, start) = (self.image, usize::from(callee), usize::from(start));
        let Value::Function(closure) = self.stack[cursor.base + callee].clone() else {
            let found = self.stack[cursor.base + callee].describe();
            return Err(Fault::new(Code::BadCall, format!("this is {}, not a function", with_article(&found)))
                .help("only functions can be called; an element is read with square brackets: `xs[i]`"));
        };
        let first = cursor.base + start;
        match &closure.callable {
            Callable::Function { id, captured } => {
                let code = &image.functions[*id as usize];
                check_count(code, count)?;
                let params = usize::from(code.params);
                let needed = first + usize::from(code.registers).max(params + captured.len());
                if needed > self.stack.len() {
                    registers::make_room(self.host, &mut self.stack, needed)?;
                }
                self.stack[first + count..first + params].fill_with(Value::default);
                for (slot, value) in self.stack[first + params..].iter_mut().zip(captured) {
                    *slot = value.clone();
                }
                if let Some(register) = code.self_register {
                    self.stack[first + usize::from(register)] = Value::Function(closure.clone());
                }
                self.enter::<PROFILED>(cursor, *id, start)
            }
            Callable::Op(op) => {
                check_op_count(op, count)?;
                let mut arguments: Vec<Value> =
                    self.stack[first..first + count].iter_mut().map(std::mem::take).collect();
                arguments.resize_with(op.params.len(), Value::default);
                self.stack[first] = self.host.call_op(op, &mut arguments)?;
                Ok(cursor)
            }
            Callable::Derived(derived) => {
                let arguments = self.stack[first..first + count].iter_mut().map(std::mem::take).collect();
                let value = differentiate::call(self.host, derived, arguments)?;
                self.stack[first] = value;
                Ok(cursor)
            }
            Callable::Builtin(id) => {
                let arguments = &mut self.stack[first..first + count];
                let value = library::call(self.host, *id, arguments)?;
                self.stack[first] = value;
                Ok(cursor)
            }
        }
    }
}

/// Whether a function takes so many arguments.
pub(super) fn check_count(code: &FunctionCode, count: usize) -> Outcome<()> {
    let (least, most) = (usize::from(code.required), usize::from(code.params));
    if (least..=most).contains(&count) {
        return Ok(());
    }
    let takes = if least == most { format!("{most}") } else { format!("{least} to {most}") };
    let plural = if takes == "1" { "" } else { "s" };
    Err(Fault::new(Code::BadCall, format!("{} takes {takes} argument{plural}, {count} given", code.called())))
}
