//! What can be wrong with a component and with a call of it.

use thiserror::Error;

/// Nothing of a call is kept, so that none of these leaves anything behind. Each comes again with the same component, arguments
/// and limits.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum WasmError {
    /// The bytes are something else.
    #[error("it is no WebAssembly: it does not begin with the bytes `\\0asm`")]
    NotWasm,
    /// The bytes are WebAssembly, but a core module, whose functions have no types but numbers.
    #[error("it is a core module of WebAssembly and no component")]
    CoreModule,
    /// The component is damaged, or uses what this version does not know.
    #[error("it is no valid component: {0}")]
    Invalid(String),
    /// It asks for functions that nobody gives it.
    #[error("it imports {}, and a module is given nothing", .0.join(", "))]
    Imports(Vec<String>),
    /// It cannot be set up for a call.
    #[error("it could not be set up: {0}")]
    NotSetUp(String),
    /// It exports no such function.
    #[error("it exports no function `{name}`; it exports {}", listed(known))]
    NoFunction {
        /// What was asked for.
        name: String,
        /// What there is.
        known: Vec<String>,
    },
    /// The function has a type that values of M-CODE have not.
    #[error("`{function}` has the type `{ty}`, which no value has")]
    Unsupported {
        /// The function.
        function: String,
        /// The type, as WIT writes it.
        ty: String,
    },
    /// The arguments do not fit the function's types.
    #[error("{0}")]
    Arguments(String),
    /// Its fuel is used up.
    #[error("it used up its fuel of {fuel}{place}")]
    OutOfFuel {
        /// What it had.
        fuel: u64,
        /// Where it was: ` (in `f`, called by `g`)`, or nothing.
        place: String,
    },
    /// It asked for more memory than it may have, and could not go on without.
    #[error("it asked for more memory than its {} MiB{place}", memory_bytes >> 20)]
    OutOfMemory {
        /// What it may have.
        memory_bytes: usize,
        /// Where it was.
        place: String,
    },
    /// It did what ends a component.
    #[error("it was ended: {what}{place}")]
    Trap {
        /// In the words of WebAssembly.
        what: String,
        /// Where it was.
        place: String,
    },
    /// The function itself says that it failed: the error of its `result`.
    #[error("{0}")]
    Failed(String),
}

fn listed(known: &[String]) -> String {
    if known.is_empty() { "none".to_owned() } else { known.join(", ") }
}
