//! Library operations that call functions of the program: integrals, equations, minima.

use nexus_library::{Caller, CallingRun, Given, Stop};
use nexus_tensor::{Arg, Context};

use super::differentiate;
use super::fault::{Fault, Outcome};
use super::host::Host;
use super::value::{Derived, Transform, Value};

/// The machine as the operation sees it.
struct Bridge<'b, 'h> {
    host: &'b mut Host<'h>,
    functions: Vec<Value>,
    /// What a function died of; the operation carries only the news.
    fault: Option<Box<Fault>>,
}

/// Runs an operation that calls functions.
pub(crate) fn call(host: &mut Host, run: CallingRun, arguments: &mut [Value]) -> Outcome<Value> {
    let mut functions = Vec::new();
    let mut given = Vec::with_capacity(arguments.len());
    for argument in arguments {
        given.push(match std::mem::take(argument) {
            function @ Value::Function(_) => {
                functions.push(function);
                Given::Function(functions.len() - 1)
            }
            other => Given::Value(host.argument_of(other)?),
        });
    }
    let mut bridge = Bridge { host, functions, fault: None };
    match run(&mut bridge, &given) {
        Ok(result) => host.value_of(result),
        Err(Stop::Error(error)) => Err(Fault::tensor(error)),
        Err(Stop::Function) => {
            Err(bridge.fault.unwrap_or_else(|| Fault::internal("a function failed without a fault")))
        }
    }
}

impl Bridge<'_, '_> {
    fn keep<T>(&mut self, outcome: Outcome<T>) -> Result<T, Stop> {
        outcome.map_err(|fault| {
            self.fault = Some(fault);
            Stop::Function
        })
    }

    fn values(&mut self, arguments: Vec<Arg>) -> Outcome<Vec<Value>> {
        arguments.into_iter().map(|arg| self.host.value_of(arg)).collect()
    }

    fn run(&mut self, function: usize, arguments: Vec<Arg>) -> Outcome<Arg> {
        self.host.tick(16)?;
        self.host.converted = 0;
        let given = self.values(arguments)?;
        let function = self.function(function)?;
        let value = self.host.call(&function, given)?;
        self.host.argument_of(value)
    }

    fn function(&self, number: usize) -> Outcome<Value> {
        self.functions.get(number).cloned().ok_or_else(|| Fault::internal("a function that was not given"))
    }

    fn derive(&mut self, transform: Transform, function: usize, arguments: Vec<Arg>) -> Outcome<Value> {
        self.host.converted = 0;
        let given = self.values(arguments)?;
        let derived = Derived { transform, function: self.function(function)?, argument: 0 };
        differentiate::call(self.host, &derived, given)
    }

    fn slope(&mut self, function: usize, arguments: Vec<Arg>) -> Outcome<(Arg, Arg)> {
        let found = self.derive(Transform::ValueAndGradient, function, arguments)?;
        let Value::Record(record) = &found else { return Err(Fault::internal("a gradient without a value")) };
        let part = |name: &str| record.get(name).cloned().unwrap_or_default();
        Ok((self.host.argument_of(part("value"))?, self.host.argument_of(part("grad"))?))
    }

    fn slopes(&mut self, function: usize, arguments: Vec<Arg>) -> Outcome<Arg> {
        let found = self.derive(Transform::Jacobian, function, arguments)?;
        self.host.argument_of(found)
    }
}

impl Caller for Bridge<'_, '_> {
    fn context(&self) -> &Context {
        self.host.context
    }

    fn call(&mut self, function: usize, arguments: Vec<Arg>) -> Result<Arg, Stop> {
        let outcome = self.run(function, arguments);
        self.keep(outcome)
    }

    fn value_and_gradient(&mut self, function: usize, arguments: Vec<Arg>) -> Result<(Arg, Arg), Stop> {
        let outcome = self.slope(function, arguments);
        self.keep(outcome)
    }

    fn jacobian(&mut self, function: usize, arguments: Vec<Arg>) -> Result<Arg, Stop> {
        let outcome = self.slopes(function, arguments);
        self.keep(outcome)
    }
}
