//! External modules: programs in other languages whose functions a program calls.
//!
//! What finds the files that a program imports finds them too: [`ImportLoader`](crate::ImportLoader) is asked for the path
//! [`external_path`] gives, and answers with the module's interface, a text that [`external_interface`] writes. It is
//! compiled like any file, so that calls are checked against its types, and travels with the program.

use std::fmt::Write;

use nexus_model::Value;

/// What the path of an external module begins with.
const PREFIX: &str = "module:";
/// What the functions of an interface call; no other file can.
pub(crate) const CALL: &str = "call_module";

/// A function of an external module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExternalFunction {
    /// Its name.
    pub name: String,
    /// Names and types of its parameters, in order.
    pub parameters: Vec<(String, String)>,
    /// The type of what it gives.
    pub returns: String,
}

/// A call of a function of an external module.
pub struct ExternalCall<'a> {
    /// The module's name.
    pub module: &'a str,
    /// The hash of its content, as its interface said.
    pub hash: &'a str,
    /// The function.
    pub function: &'a str,
    /// In the order of its parameters.
    pub arguments: Vec<Value>,
    /// Whether the run must stop: looked at while the call waits.
    pub stop: &'a (dyn Fn() -> bool + Sync),
    /// Takes this many bytes of the run's memory until the call ends; false where it has no more. Asked before what the
    /// module answers is held.
    pub admit: &'a (dyn Fn(u64) -> bool + Sync),
}

/// Why a call gave nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExternalError {
    /// What happened.
    pub message: String,
    /// What to do.
    pub help: String,
}

/// Calls functions of external modules for a run.
pub trait ExternalModules: Sync {
    /// Calls one and waits for what it gives, which is of the type that its interface says; gives up soon after `stop`
    /// turns true.
    ///
    /// # Errors
    /// There is no such module or function, it failed, or it was stopped.
    fn call(&self, call: ExternalCall<'_>) -> Result<Value, ExternalError>;
}

/// The path by which an external module is asked for.
pub fn external_path(module: &str) -> String {
    format!("{PREFIX}{module}")
}

/// The module that a path asks for, where it asks for one.
pub fn external_module(path: &str) -> Option<&str> {
    path.strip_prefix(PREFIX)
}

/// The interface of a module, as a loader gives it: functions that pass their arguments on.
pub fn external_interface(module: &str, hash: &str, functions: &[ExternalFunction]) -> String {
    let quoted = |text: &str| format!("{text:?}");
    let mut text = format!("# The module {module}, whose content is {hash}.\n");
    for function in functions {
        let names: Vec<&str> = function.parameters.iter().map(|(name, _)| name.as_str()).collect();
        let typed: Vec<String> = function.parameters.iter().map(|(name, ty)| format!("{name}: {ty}")).collect();
        let (typed, names) = (typed.join(", "), names.join(", "));
        let (name, returns) = (&function.name, &function.returns);
        let (module, hash, called) = (quoted(module), quoted(hash), quoted(name));
        // A string takes whatever is written to it.
        let _ = writeln!(
            text,
            "\nfunction {name}({typed}) -> {returns}\n    return {CALL}({module}, {hash}, {called}, [{names}])\nend"
        );
    }
    text
}
