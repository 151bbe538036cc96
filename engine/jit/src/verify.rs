//! Checks a unit before it is compiled: every number names something, every operation has the types it needs. What
//! passes cannot make the code generator fail or read outside of what a call is given.

use crate::emit::WORDS_EACH;
use crate::error::CompileError;
use crate::ir::{Array, BlockId, Element, End, ExitId, Function, FunctionId, Operation, Type, Unit, Variable};

/// Variables, operations and exits that one function may have: the code generator takes more than linear time.
pub(crate) const VARIABLES_MAX: usize = 4_000;
const OPERATIONS_MAX: usize = 40_000;
/// Arguments of one function, three for each array.
const ARGUMENTS_MAX: usize = 120;

/// Checks every function of a unit.
pub(crate) fn verify(unit: &Unit) -> Result<(), CompileError> {
    if unit.functions.is_empty() {
        return Err(CompileError::Malformed("a unit without functions".to_owned()));
    }
    for (index, function) in unit.functions.iter().enumerate() {
        let verifier = Verifier { unit, function, outermost: index == 0 };
        verifier.function().map_err(|fault| match fault {
            Fault::TooLarge => CompileError::TooLarge,
            Fault::Wrong(what) => CompileError::Malformed(format!("function {index}: {what}")),
        })?;
    }
    Ok(())
}

enum Fault {
    TooLarge,
    Wrong(String),
}

type Checked = Result<(), Fault>;

fn ensure(holds: bool, what: impl FnOnce() -> String) -> Checked {
    if holds { Ok(()) } else { Err(Fault::Wrong(what())) }
}

struct Verifier<'u> {
    unit: &'u Unit,
    function: &'u Function,
    outermost: bool,
}

impl Verifier<'_> {
    fn function(&self) -> Checked {
        let function = self.function;
        let operations: usize = function.blocks.iter().map(|b| b.operations.len() + 1).sum();
        let arguments = function.parameters.len() + WORDS_EACH * function.arrays.len();
        if function.variables.len() > VARIABLES_MAX
            || operations + function.exits.len() > OPERATIONS_MAX
            || arguments > ARGUMENTS_MAX
        {
            return Err(Fault::TooLarge);
        }
        ensure(!function.blocks.is_empty(), || "no blocks".to_owned())?;
        for &parameter in &function.parameters {
            self.variable(parameter)?;
        }
        for (index, exit) in (0..).zip(&function.exits) {
            exit.live.iter().try_for_each(|&variable| self.variable(variable).map(drop))?;
            // Outer ones come first, so that none is inside itself.
            ensure(exit.outer.is_none_or(|outer| outer.0 < index), || "an exit stands inside itself".to_owned())?;
        }
        for array in &function.arrays {
            ensure(!array.writable || self.outermost, || "an array that cannot be written is writable".to_owned())?;
        }
        for block in &function.blocks {
            block.operations.iter().try_for_each(|operation| self.operation(operation))?;
            self.end(&block.end)?;
        }
        Ok(())
    }

    fn variable(&self, variable: Variable) -> Result<Type, Fault> {
        let known = self.function.variables.get(variable.0 as usize).copied();
        known.ok_or_else(|| Fault::Wrong(format!("{variable:?} does not exist")))
    }

    fn typed(&self, wanted: Type, variables: &[Variable]) -> Checked {
        variables.iter().try_for_each(|&variable| {
            let found = self.variable(variable)?;
            ensure(found == wanted, || format!("{variable:?} is {found:?}, not {wanted:?}"))
        })
    }

    fn exit(&self, exit: ExitId) -> Checked {
        ensure((exit.0 as usize) < self.function.exits.len(), || format!("{exit:?} does not exist"))
    }

    fn block(&self, block: BlockId) -> Checked {
        // The first block is where arguments arrive: nothing jumps back to it.
        ensure(block.0 > 0 && (block.0 as usize) < self.function.blocks.len(), || format!("no jump to {block:?}"))
    }

    fn element(&self, array: Array) -> Result<Element, Fault> {
        let known = self.function.arrays.get(array.0 as usize).map(|a| a.element);
        known.ok_or_else(|| Fault::Wrong(format!("{array:?} does not exist")))
    }

    fn end(&self, end: &End) -> Checked {
        match *end {
            End::Jump(block) => self.block(block),
            End::Branch { condition, then, otherwise } => {
                self.typed(Type::Bool, &[condition])?;
                self.block(then)?;
                self.block(otherwise)
            }
            End::Return(value) => {
                let found = value.map(|v| self.variable(v)).transpose()?;
                ensure(found == self.function.result, || "it returns another type than it says".to_owned())
            }
            End::Exit(exit) => self.exit(exit),
        }
    }

    fn operation(&self, operation: &Operation) -> Checked {
        use Operation as O;
        match *operation {
            O::Constant { to, value } => self.typed(value.ty(), &[to]),
            O::Copy { to, from } => self.typed(self.variable(from)?, &[to]),
            O::Int { to, a, b, exit, .. } => self.typed(Type::Int, &[to, a, b]).and(self.exit(exit)),
            O::Scalar { to, a, b, exit, .. } => self.typed(Type::Scalar, &[to, a, b]).and(self.exit(exit)),
            O::NegateInt { to, a, exit } => self.typed(Type::Int, &[to, a]).and(self.exit(exit)),
            O::ToScalar { to, from } => self.typed(Type::Scalar, &[to]).and(self.typed(Type::Int, &[from])),
            O::ToInt { to, from, exit } => {
                self.typed(Type::Int, &[to])?;
                self.typed(Type::Scalar, &[from])?;
                self.exit(exit)
            }
            O::Elementary { to, a, .. } => self.typed(Type::Scalar, &[to, a]),
            O::CompareInt { to, a, b, .. } => self.typed(Type::Bool, &[to]).and(self.typed(Type::Int, &[a, b])),
            O::CompareScalar { to, a, b, .. } => self.typed(Type::Bool, &[to]).and(self.typed(Type::Scalar, &[a, b])),
            O::CompareMixed { to, int, scalar, exit, .. } => {
                self.typed(Type::Bool, &[to])?;
                self.typed(Type::Int, &[int])?;
                self.typed(Type::Scalar, &[scalar])?;
                self.exit(exit)
            }
            O::CompareBool { to, a, b, .. } | O::And { to, a, b } | O::Or { to, a, b } => {
                self.typed(Type::Bool, &[to, a, b])
            }
            O::Not { to, a } => self.typed(Type::Bool, &[to, a]),
            O::Choose { to, condition, then, otherwise } => {
                self.typed(Type::Bool, &[condition])?;
                self.typed(Type::Int, &[to, then, otherwise])
            }
            O::RangeCount { to, start, end, step, exit, .. } => {
                self.typed(Type::Int, &[to, start, end, step]).and(self.exit(exit))
            }
            O::WrappingAdd { to, a, b } | O::WrappingSubtract { to, a, b } => self.typed(Type::Int, &[to, a, b]),
            O::Length { to, array } | O::Columns { to, array } => {
                self.typed(Type::Int, &[to]).and(self.element(array).map(drop))
            }
            O::Load { to, array, index, column, is_inside, exit, .. } => {
                ensure(!is_inside, || format!("{array:?} is read without a check"))?;
                self.typed(self.element(array)?.value_type(), &[to])?;
                self.typed(Type::Int, &[index])?;
                self.typed(Type::Int, column.as_slice())?;
                self.exit(exit)
            }
            O::Store { array, index, column, value, is_inside, exit, .. } => {
                ensure(!is_inside, || format!("{array:?} is written without a check"))?;
                self.typed(self.element(array)?.value_type(), &[value])?;
                self.typed(Type::Int, &[index])?;
                self.typed(Type::Int, column.as_slice())?;
                ensure(self.function.arrays[array.0 as usize].writable, || format!("{array:?} is written"))?;
                self.exit(exit)
            }
            O::Call { function, ref arguments, ref arrays, to, exit, .. } => {
                self.call(function, arguments, arrays, to, exit)
            }
            O::CountLoop { exit } | O::OpenCall { exit, .. } => self.exit(exit),
            O::LoopsLeft { to } => self.typed(Type::Int, &[to]),
            O::CountGranted => Err(Fault::Wrong("an iteration is counted without a check".to_owned())),
        }
    }

    fn call(
        &self,
        function: FunctionId,
        arguments: &[Variable],
        arrays: &[Array],
        to: Option<Variable>,
        exit: ExitId,
    ) -> Checked {
        let Some(callee) = self.unit.functions.get(function.0 as usize) else {
            return Err(Fault::Wrong(format!("{function:?} does not exist")));
        };
        let counts = arguments.len() == callee.parameters.len() && arrays.len() == callee.arrays.len();
        ensure(counts && !callee.arrays.iter().any(|a| a.writable), || format!("{function:?} cannot be called so"))?;
        for (&argument, &parameter) in arguments.iter().zip(&callee.parameters) {
            let wanted = callee.variables.get(parameter.0 as usize).copied();
            let found = self.variable(argument)?;
            ensure(wanted == Some(found), || format!("{function:?} is given {found:?}"))?;
        }
        for (&array, parameter) in arrays.iter().zip(&callee.arrays) {
            ensure(self.element(array)? == parameter.element, || format!("{function:?} is given {array:?}"))?;
        }
        if let Some(to) = to {
            let found = self.variable(to)?;
            ensure(callee.result == Some(found), || format!("the result of {function:?} is no {found:?}"))?;
        }
        self.exit(exit)
    }
}
