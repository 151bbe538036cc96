//! The `nexus` binary: everything is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    nexus::cli::main()
}
