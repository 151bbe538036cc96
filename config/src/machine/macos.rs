//! Name and memory of a Mac, from the tools that every Mac has.

use std::process::Command;

/// The host's name, as other machines on the local network see it.
pub(super) fn host_name() -> Option<String> {
    output_of("/usr/sbin/scutil", &["--get", "LocalHostName"])
}

/// Bytes of physical memory, which the processor and the GPU share.
pub(super) fn memory_bytes() -> Option<u64> {
    output_of("/usr/sbin/sysctl", &["-n", "hw.memsize"])?.parse().ok()
}

fn output_of(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
