//! The process-level campaign: real nodes in network namespaces, users that submit all the time, and every fault that the
//! machine allows, until a number of processes has been killed with kill -9. It ends at the first broken promise, and
//! otherwise writes what it did and what came of it.
//!
//! ```text
//! cargo build --release -p nexus && cargo run --release -p nexus-tests --bin campaign -- --kills 500
//! ```
//!
//! It needs Linux and root. What it makes (namespaces, mounts, disks in files) is its own and goes with it. It is not a
//! test of `cargo test`: it takes minutes to hours. `--kills 20 --voters 3` is the short form.

#[cfg(target_os = "linux")]
mod linux;

use std::process::ExitCode;

#[cfg(target_os = "linux")]
fn perform() -> Result<(), String> {
    let options = linux::options::Options::read(std::env::args().skip(1));
    options.and_then(linux::options::Options::perform).map_err(|error| error.to_string())
}

#[cfg(not(target_os = "linux"))]
fn perform() -> Result<(), String> {
    Err("the campaign needs the network namespaces of Linux".to_owned())
}

#[expect(clippy::print_stderr, reason = "the program's own output")]
fn main() -> ExitCode {
    match perform() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
