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
mod bell;
#[cfg(target_os = "linux")]
mod book;
#[cfg(target_os = "linux")]
mod chance;
#[cfg(target_os = "linux")]
mod error;
#[cfg(target_os = "linux")]
mod fault;
#[cfg(target_os = "linux")]
mod fleet;
#[cfg(target_os = "linux")]
mod injection;
#[cfg(target_os = "linux")]
mod network;
#[cfg(target_os = "linux")]
mod node;
#[cfg(target_os = "linux")]
mod options;
#[cfg(target_os = "linux")]
mod promises;
#[cfg(target_os = "linux")]
mod relay;
#[cfg(target_os = "linux")]
mod report;
#[cfg(target_os = "linux")]
mod run;
#[cfg(target_os = "linux")]
mod sandbox;
#[cfg(target_os = "linux")]
mod system;
#[cfg(target_os = "linux")]
mod weather;
#[cfg(target_os = "linux")]
mod workload;

#[cfg(target_os = "linux")]
#[expect(clippy::print_stderr, reason = "the program's own output")]
fn main() -> std::process::ExitCode {
    match options::Options::read(std::env::args().skip(1)).and_then(options::Options::perform) {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            std::process::ExitCode::FAILURE
        }
    }
}

#[cfg(not(target_os = "linux"))]
#[expect(clippy::print_stderr, reason = "the program's own output")]
fn main() -> std::process::ExitCode {
    eprintln!("error: the campaign needs the network namespaces of Linux");
    std::process::ExitCode::FAILURE
}
