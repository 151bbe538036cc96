//! Derivatives of functions: `grad.grad(f)` and its kin give functions.

use super::{Builtin, Kind};
use crate::codes::Code;
use crate::vm::fault::{Fault, Outcome};
use crate::vm::value::{Derived, Transform, Value};

macro_rules! transforms {
    ($( $name:literal, $transform:ident, $example:literal; )*) => {
        &[ $( Builtin {
            name: $name,
            arity: (1, 2),
            result: Kind::Any,
            example: $example,
            run: |_, arguments| derived(Transform::$transform, arguments),
        }, )* ]
    };
}

/// Functions that give derivatives. The second argument says by which of the function's arguments, the first by
/// default.
pub(super) const TABLE: &[Builtin] = transforms! {
    "grad.grad", Gradient, "grad.grad(x => x ** 2)(3.0)";
    "grad.value_and_grad", ValueAndGradient, "grad.value_and_grad(x => x ** 2)(3.0).grad";
    "grad.jacobian", Jacobian, "grad.jacobian(x => x * x)(tensor.ones(2))";
    "grad.hessian", Hessian, "grad.hessian(x => tensor.sum(x ** 3))(tensor.ones(2))";
    "grad.numerical", Numerical, "grad.numerical(x => x ** 2)(3.0)";
};

fn derived(transform: Transform, arguments: &mut [Value]) -> Outcome<Value> {
    let name = transform.name();
    let function = std::mem::take(&mut arguments[0]);
    if !matches!(function, Value::Function(_)) {
        return Err(Fault::kind(&format!("`{name}`"), "a function", &function)
            .help(format!("give the function itself and call the result: `{name}(f)(x)`")));
    }
    let argument = match arguments.get(1) {
        None | Some(Value::None) => 0,
        Some(Value::Int(n)) => usize::try_from(*n).map_err(|_| {
            Fault::new(
                Code::WrongTypeRunning,
                format!("the second argument of `{name}` is {n}, arguments count from 0"),
            )
        })?,
        Some(other) => return Err(Fault::kind(&format!("the second argument of `{name}`"), "an int", other)),
    };
    Value::derived(Derived { transform, function, argument })
}
