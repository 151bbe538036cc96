//! How a module's program is shut off from the machine: as well as the system lets an ordinary user do it.
//!
//! On Linux, Landlock closes all files but the system's programs, the module's own (to read) and its temporary folder, and
//! TCP; a filter of system calls (`filter`) closes what Landlock leaves open; namespaces of `unshare` take away the network and every process that is not the module's, and end all of the module's
//! processes with its first. Limits on memory, time and files are set by a shell before it becomes the program. What the system
//! does not have is named in [`Sandbox::missing`]; nothing is left out silently.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use super::manifest::Limits;

/// Waits for a line: nothing of the module runs before it is known by what its processes are ended. Then sets the limits
/// `$1`–`$5`, and becomes the program. `-p` is the number of processes in one shell, `-u` in another; it is
/// set only where the module has a namespace of its own, and so are counted only its own.
const LIMITS_SCRIPT: &str = r#"read -r go || exit 125
ulimit -c 0
if [ "$1" != - ]; then ulimit -v "$1" || exit 125; fi
ulimit -t "$2" && ulimit -n "$3" && ulimit -f "$4" || exit 125
if [ "$5" != - ]; then { ulimit -p "$5" || ulimit -u "$5"; } 2>/dev/null || exit 125; fi
shift 5
exec "$@""#;
/// The line that the script waits for.
pub(super) const GO: &[u8] = b"go\n";
/// The code with which the script ends where a limit cannot be set.
pub(super) const NO_LIMITS_CODE: i32 = 125;
/// Largest file that a module may write, in blocks of 512 bytes: 1 GiB.
const FILE_BLOCKS_MAX: &str = "2097152";
/// Processes and threads of a module at once: a pool of workers on the machines this is for, and no fork bomb.
const PROCESSES_MAX: &str = "512";

/// What a module's program is kept from.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sandbox {
    /// What this system cannot hold it back from, in words. Empty where all that is promised holds.
    pub missing: Vec<String>,
}

/// What the program may reach.
pub(super) struct Reach<'a> {
    /// To read: the module's folder, and what it was allowed.
    pub(super) read: Vec<&'a Path>,
    /// To write: its temporary folder.
    pub(super) write: &'a Path,
    /// Other machines.
    pub(super) network: bool,
}

/// The command that runs `program` under its limits, in namespaces of its own where there are any.
pub(super) fn command(program: &[String], limits: &Limits, network: bool, sandbox: &mut Sandbox) -> Command {
    let mut words: Vec<String> = Vec::new();
    let namespaces = namespaces();
    match namespaces {
        Ok(()) => {
            words.extend(NAMESPACES.iter().map(|word| (*word).to_owned()));
            words.extend((!network).then(|| "--net".to_owned()));
            words.push("--".to_owned());
        }
        Err(reason) => {
            sandbox.missing.push(format!(
                "seeing other processes, starting any number of them, and leaving some behind: {reason}"
            ));
            sandbox.missing.extend((!network).then(|| format!("using the network other than by TCP: {reason}")));
        }
    }
    words.extend(["/bin/sh", "-c", LIMITS_SCRIPT, "nexus-module"].map(str::to_owned));
    if cfg!(target_os = "linux") {
        words.push((limits.memory_mib * 1024).to_string());
    } else {
        sandbox.missing.push("taking memory: this system has no such limit".to_owned());
        words.push("-".to_owned());
    }
    words.extend([limits.cpu_seconds.to_string(), limits.open_files.to_string(), FILE_BLOCKS_MAX.to_owned()]);
    words.push(if namespaces.is_ok() { PROCESSES_MAX } else { "-" }.to_owned());
    if namespaces.is_ok() && rustix::process::geteuid().is_root() {
        sandbox.missing.push("starting any number of processes: root has no such limit".to_owned());
    }
    words.extend(program.iter().cloned());
    let (first, rest) = words.split_first().expect("a shell stands in it");
    let mut command = Command::new(first);
    command.args(rest);
    command
}

/// Namespaces of an ordinary user: of users (for the others), messages and processes.
const NAMESPACES: [&str; 6] = ["/usr/bin/unshare", "--user", "--ipc", "--pid", "--fork", "--kill-child=KILL"];

/// Whether this system makes namespaces for this user; tried once.
pub(super) fn namespaces() -> &'static Result<(), String> {
    static TRIED: OnceLock<Result<(), String>> = OnceLock::new();
    TRIED.get_or_init(|| {
        if !cfg!(target_os = "linux") {
            return Err("this system has no namespaces".to_owned());
        }
        let mut command = Command::new(NAMESPACES[0]);
        command.args(&NAMESPACES[1..]).args(["--net", "--", "/bin/sh", "-c", ":"]).current_dir("/");
        match command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status() {
            Ok(status) if status.success() => Ok(()),
            Ok(_) => Err("this system makes no namespaces for this user".to_owned()),
            Err(error) => Err(format!("{} cannot be started: {error}", NAMESPACES[0])),
        }
    })
}

/// Shuts this thread in, and whatever it starts from now on; there is no way out for it.
#[cfg(target_os = "linux")]
pub(super) fn enclose(reach: &Reach<'_>, sandbox: &mut Sandbox) -> Result<(), String> {
    use landlock::{
        ABI, Access, AccessFs, AccessNet, CompatLevel, Compatible, Ruleset, RulesetAttr, RulesetCreatedAttr,
        RulesetStatus, Scope, path_beneath_rules,
    };
    /// The newest version whose rights are known here; an older kernel holds those that it knows.
    const NEWEST: ABI = ABI::V6;
    /// Programs, their libraries and settings.
    const SYSTEM: [&str; 9] = ["/usr", "/bin", "/sbin", "/lib", "/lib64", "/lib32", "/opt", "/nix/store", "/etc"];
    const DEVICES: [&str; 4] = ["/dev/null", "/dev/zero", "/dev/random", "/dev/urandom"];
    let enclosed = || {
        let ruleset = Ruleset::default()
            .set_compatibility(CompatLevel::BestEffort)
            .handle_access(AccessFs::from_all(NEWEST))?
            .scope(Scope::from_all(NEWEST))?;
        let ruleset = if reach.network { ruleset } else { ruleset.handle_access(AccessNet::from_all(NEWEST))? };
        // Paths that are not there are passed over: nothing can be reached by them.
        let read = SYSTEM.iter().map(Path::new).chain(reach.read.iter().copied());
        let devices = AccessFs::ReadFile | AccessFs::WriteFile;
        let status = ruleset
            .create()?
            .add_rules(path_beneath_rules(read, AccessFs::from_read(NEWEST)))?
            .add_rules(path_beneath_rules(DEVICES, devices))?
            .add_rules(path_beneath_rules([reach.write], AccessFs::from_all(NEWEST)))?
            .restrict_self()?;
        Ok::<_, landlock::RulesetError>(status.ruleset)
    };
    if let Err(reason) = super::filter::apply(reach.network) {
        sandbox.missing.push(format!("{}: {reason}", super::filter::KEPT_FROM));
    }
    match enclosed().map_err(|error| error.to_string())? {
        RulesetStatus::FullyEnforced => {}
        RulesetStatus::PartiallyEnforced => {
            sandbox
                .missing
                .push("some uses of files, of TCP or of signals: this kernel's Landlock is an older one".into());
        }
        RulesetStatus::NotEnforced => {
            sandbox.missing.push("this user's files, and from TCP: this kernel has no Landlock".into())
        }
    }
    Ok(())
}

/// There is nothing of the kind for ordinary programs here.
#[cfg(not(target_os = "linux"))]
pub(super) fn enclose(_: &Reach<'_>, sandbox: &mut Sandbox) -> Result<(), String> {
    sandbox.missing.push("this user's files, and from TCP: this system has no Landlock".into());
    sandbox.missing.push(format!("{}: this system has no filter", super::filter::KEPT_FROM));
    Ok(())
}
