//! External modules (VXOR): programs in other languages whose functions can be called.
//!
//! A module is a folder with a `vxor.toml` (`manifest`). `nexus module add` copies it into the data folder under the hash of
//! its content (`store`). A call starts the module's program, shut off from the machine as far as the system can do that
//! (`sandbox`), and speaks to it over stdin and stdout (`process`, `frame`). Of a module of WebAssembly that program is `nexus`
//! itself (`wasm`), which answers from the other end (`host`). docs/modules.md is the user's page.

mod error;
mod filter;
mod folders;
mod frame;
mod host;
mod manifest;
mod process;
mod sandbox;
mod signature;
mod store;
mod travel;
mod wasm;

pub use error::ModuleError;
pub use host::{Asked, Export, Exports, Given, serve_wasm};
pub use manifest::{Capability, Kind, Limits, Manifest, ManifestError};
pub use process::{Call, CallReport, call};
pub use sandbox::Sandbox;
pub use signature::{Function, Parameter, TypeWord};
pub use store::{Installed, ModuleStore, Named, OwnModules};
pub use wasm::{HOST_WORD, Stop, run_wasm_with};
