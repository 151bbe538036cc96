//! Running the `nexus` binary as its users do, in a home of its own.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The root of the repository.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("this crate lies in the root of the repository")
}

/// The `nexus` binary in the folder of the running program: where both were built in one profile.
pub fn beside_this() -> PathBuf {
    let own = std::env::current_exe().expect("a running program has a path");
    own.with_file_name(format!("nexus{}", std::env::consts::EXE_SUFFIX))
}

/// The `nexus` binary of the profile that the tests were built with.
///
/// # Panics
/// Where it has not been built: `tests/run` builds it first.
pub fn nexus() -> PathBuf {
    let own = std::env::current_exe().expect("a running program has a path");
    let profile = own.ancestors().nth(2).expect("tests lie in target/<profile>/deps");
    let path = profile.join(format!("nexus{}", std::env::consts::EXE_SUFFIX));
    assert!(path.exists(), "{} is missing: run tests/run, or build it with cargo build -p nexus", path.display());
    path
}

/// Runs `nexus` to its end in the root of the repository. `home` is its `NEXUS_HOME`, so that nothing of the user's own
/// is read or written.
///
/// # Panics
/// Where the binary cannot be started.
pub fn run(home: &Path, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Output {
    run_on(&[], home, arguments)
}

/// The `nexus` binary behind the words `before`, which run a program somewhere else ([`crate::network`]).
pub fn command_on(before: &[String]) -> Command {
    match before.split_first() {
        None => Command::new(nexus()),
        Some((first, rest)) => {
            let mut command = Command::new(first);
            command.args(rest).arg(nexus());
            command
        }
    }
}

/// [`run`] behind the words `before`.
///
/// # Panics
/// Where the binary cannot be started.
pub fn run_on(before: &[String], home: &Path, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Output {
    let mut command = command_on(before);
    command.args(arguments).current_dir(root()).env("NEXUS_HOME", home).env("NO_COLOR", "1");
    command.output().expect("the nexus binary can be started")
}
