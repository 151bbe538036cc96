//! A compiled component, and a call of one of its functions.

use nexus_model::Value;
use wasmtime::component::{Component as Compiled, Linker, Val};
use wasmtime::{Config, Engine, Error, Store, Trap, WasmBacktrace};

use crate::convert::{lift, lower, written};
use crate::error::WasmError;
use crate::limiter::Limiter;
use crate::wit::{Function, Interface};

/// What every WebAssembly begins with, and what follows in a core module and in a component.
const MAGIC: &[u8] = b"\0asm";
const CORE_MODULE: &[u8] = &[1, 0, 0, 0];
/// Bytes of what a function gives, as it is held here: as many as the memory of one element of the largest answer allow.
const ANSWER_BYTES_MAX: usize = 1 << 30;
/// Functions of a trap's place that are named: the innermost ones.
const NAMES_MAX: usize = 4;
/// Bytes of what wasmtime says that are kept.
const REASON_BYTES_MAX: usize = 1024;

/// What one call may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// About one for each instruction of WebAssembly.
    pub fuel: u64,
    /// Of all its memories together.
    pub memory_bytes: usize,
}

/// A component that can be called.
pub struct Component {
    engine: Engine,
    compiled: Compiled,
    interface: Interface,
    limits: Limits,
}

impl Component {
    /// Compiles a component for this processor. One that imports functions is compiled as well: [`Self::call`] refuses it.
    ///
    /// # Errors
    /// [`WasmError::NotWasm`], [`WasmError::CoreModule`] or [`WasmError::Invalid`].
    pub fn compile(bytes: &[u8], limits: Limits) -> Result<Self, WasmError> {
        let head = bytes.strip_prefix(MAGIC).ok_or(WasmError::NotWasm)?;
        if head.starts_with(CORE_MODULE) {
            return Err(WasmError::CoreModule);
        }
        let invalid = |error: Error| WasmError::Invalid(reason(&error));
        let engine = Engine::new(&config(limits)).map_err(invalid)?;
        let compiled = Compiled::from_binary(&engine, bytes).map_err(invalid)?;
        let interface = Interface::of(&engine, &compiled.component_type());
        Ok(Component { engine, compiled, interface, limits })
    }

    /// What it exports and imports.
    pub fn interface(&self) -> &Interface {
        &self.interface
    }

    /// Calls the function of this name (`unit_area` is `unit-area` in WIT), which begins with fresh memory.
    ///
    /// # Errors
    /// That it cannot be called, what ended it, or what it says itself.
    pub fn call(&self, name: &str, arguments: &[Value]) -> Result<Value, WasmError> {
        if !self.interface.imports.is_empty() {
            return Err(WasmError::Imports(self.interface.imports.clone()));
        }
        let function = self.function(name)?;
        let arguments = lowered(function, arguments)?;
        let mut store = Store::new(&self.engine, Limiter::new(self.limits.memory_bytes));
        store.limiter(|limiter| limiter);
        store.set_hostcall_fuel(ANSWER_BYTES_MAX);
        store.set_fuel(self.limits.fuel).map_err(|error| WasmError::NotSetUp(reason(&error)))?;
        let linker: Linker<Limiter> = Linker::new(&self.engine);
        let instance = match linker.instantiate(&mut store, &self.compiled) {
            Ok(instance) => instance,
            Err(error) if error.downcast_ref::<Trap>().is_some() || store.data().is_refused => {
                return Err(self.ended(&error, store.data()));
            }
            Err(error) => return Err(WasmError::NotSetUp(reason(&error))),
        };
        let callee = instance.get_func(&mut store, &function.name);
        let callee = callee.ok_or_else(|| WasmError::NotSetUp(format!("`{name}` is not there")))?;
        let mut results = vec![Val::Bool(false); usize::from(function.returns.is_some() || function.can_fail)];
        callee.call(&mut store, &arguments, &mut results).map_err(|error| self.ended(&error, store.data()))?;
        answer(function, results.into_iter().next())
    }

    fn function(&self, name: &str) -> Result<&Function, WasmError> {
        let functions = &self.interface.functions;
        let function =
            functions.iter().find(|function| written(&function.name) == name).ok_or_else(|| WasmError::NoFunction {
                name: name.to_owned(),
                known: functions.iter().map(|function| function.name.clone()).collect(),
            })?;
        match function.unsupported() {
            Some(ty) => Err(WasmError::Unsupported { function: name.to_owned(), ty: ty.to_string() }),
            None => Ok(function),
        }
    }

    /// Why a call ended, and where.
    fn ended(&self, error: &Error, limiter: &Limiter) -> WasmError {
        let place = place(error);
        match error.downcast_ref::<Trap>() {
            Some(Trap::OutOfFuel) => WasmError::OutOfFuel { fuel: self.limits.fuel, place },
            // It was told that there is no more, and had no other way.
            _ if limiter.is_refused => WasmError::OutOfMemory { memory_bytes: self.limits.memory_bytes, place },
            Some(trap) => WasmError::Trap { what: trap.to_string().replacen("wasm trap: ", "", 1), place },
            None => WasmError::Trap { what: reason(error), place },
        }
    }
}

/// The same results on every machine, and no more address space than the memory that it may have.
fn config(limits: Limits) -> Config {
    let mut config = Config::new();
    config
        .wasm_component_model(true)
        .concurrency_support(false)
        .wasm_relaxed_simd(false)
        .cranelift_nan_canonicalization(true)
        .consume_fuel(true)
        .memory_reservation(limits.memory_bytes as u64)
        .memory_reservation_for_growth(0)
        .memory_guard_size(0)
        .guard_before_linear_memory(false)
        .memory_init_cow(false);
    config
}

fn lowered(function: &Function, arguments: &[Value]) -> Result<Vec<Val>, WasmError> {
    let (wanted, given) = (function.parameters.len(), arguments.len());
    if wanted != given {
        return Err(WasmError::Arguments(format!("`{}` takes {wanted} arguments, not {given}", function.name)));
    }
    let arguments = function.parameters.iter().zip(arguments).enumerate();
    let lowered = arguments.map(|(index, (ty, argument))| {
        let wrong = |reason| format!("argument {} of `{}`: {reason}", index + 1, function.name);
        lower(argument, ty).map_err(|reason| WasmError::Arguments(wrong(reason)))
    });
    lowered.collect()
}

fn answer(function: &Function, result: Option<Val>) -> Result<Value, WasmError> {
    let wrong = |what: String| WasmError::Trap { what, place: String::new() };
    let result = match result {
        Some(Val::Result(Err(error))) if function.can_fail => {
            return Err(WasmError::Failed(match error.map(|error| *error) {
                Some(Val::String(text)) => text,
                _ => "it says no more".to_owned(),
            }));
        }
        Some(Val::Result(Ok(value))) if function.can_fail => value.map(|value| *value),
        result => result,
    };
    match (&function.returns, result) {
        (Some(ty), Some(value)) => lift(value, ty).map_err(|reason| wrong(format!("its answer is no value: {reason}"))),
        (None, _) => Ok(Value::None),
        (Some(_), None) => Err(wrong("it gave nothing".to_owned())),
    }
}

/// The functions that an error happened in, the innermost first.
fn place(error: &Error) -> String {
    let Some(trace) = error.downcast_ref::<WasmBacktrace>() else { return String::new() };
    let names: Vec<String> = trace
        .frames()
        .iter()
        .take(NAMES_MAX)
        .map(|frame| match frame.func_name() {
            Some(name) => format!("`{name}`"),
            None => format!("function {}", frame.func_index()),
        })
        .collect();
    if names.is_empty() { String::new() } else { format!(" (in {})", names.join(", called by ")) }
}

/// What wasmtime says, on one line.
fn reason(error: &Error) -> String {
    let mut text = format!("{error:#}").split_whitespace().collect::<Vec<_>>().join(" ");
    if text.len() > REASON_BYTES_MAX {
        text.truncate(text.floor_char_boundary(REASON_BYTES_MAX));
        text.push('…');
    }
    text
}
