//! `nexus wasm-host`: runs one call of a component of WebAssembly, for the `nexus` that started this one in a sandbox.
//!
//! People do not type it: it is asked before the command line is read, so that nothing of this machine is looked at. The
//! conversation is `nexus_actors::modules`, the component `nexus_wasm`; this is the words of one in those of the other.

use std::ffi::OsString;
use std::io::Write;
use std::process::ExitCode;

use nexus_actors::modules::{Asked, Export, Exports, Given, HOST_WORD, Stop, serve_wasm};
use nexus_wasm::{Component, Function, Interface, Limits, WasmError};

/// Does what the words ask for, where they ask for this.
pub(super) fn asked(words: &[OsString]) -> Option<ExitCode> {
    let words = words.get(1..)?;
    let (first, rest) = words.split_first()?;
    if *first != HOST_WORD {
        return None;
    }
    Some(match serve_wasm(rest, given) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Who started this shows it as what the module printed.
            let _ = writeln!(std::io::stderr(), "nexus {HOST_WORD}: {error}");
            ExitCode::FAILURE
        }
    })
}

fn given(asked: Asked<'_>) -> Given {
    let memory_bytes = usize::try_from(asked.memory_mib).unwrap_or(usize::MAX).saturating_mul(1 << 20);
    let component = match Component::compile(asked.component, Limits { fuel: asked.fuel, memory_bytes }) {
        Ok(component) => component,
        Err(error) => return stopped(&error),
    };
    match asked.call {
        None => Given::Exports(exports(component.interface())),
        Some((function, arguments)) => match component.call(&function, &arguments) {
            Ok(value) => Given::Value(value),
            Err(WasmError::Failed(message)) => Given::Failed(message),
            Err(error) => stopped(&error),
        },
    }
}

fn stopped(error: &WasmError) -> Given {
    use WasmError as W;
    let why = match error {
        W::NotWasm | W::Invalid(_) | W::NotSetUp(_) => Stop::Component,
        W::CoreModule => Stop::CoreModule,
        W::Imports(_) => Stop::Imports,
        W::NoFunction { .. } | W::Unsupported { .. } => Stop::Function,
        W::Arguments(_) => Stop::Arguments,
        W::OutOfFuel { .. } => Stop::Fuel,
        W::OutOfMemory { .. } => Stop::Memory,
        W::Trap { .. } | W::Failed(_) => Stop::Trap,
    };
    Given::Stopped(why, error.to_string())
}

fn exports(interface: &Interface) -> Exports {
    let function = |function: &Function| Export {
        name: function.name.clone(),
        parameters: function.parameters.iter().map(ToString::to_string).collect(),
        returns: function.returns.as_ref().map(ToString::to_string),
        unsupported: function.unsupported().map(ToString::to_string),
    };
    Exports { functions: interface.functions.iter().map(function).collect(), imports: interface.imports.clone() }
}
