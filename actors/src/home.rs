//! A node's data directory: what is where in it, and how a client on the same machine finds the node.

use std::fs;
use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nexus_model::NodeId;
use nexus_wire::Refusal;
use rustix::fs::{FlockOperation, flock};
use rustix::process::{Pid, test_kill_process};
use serde::{Deserialize, Serialize};

use crate::codes;
use crate::control::refusal;
use crate::learning;
use crate::removal::{AT_ONCE, discard};

/// How often a lock whose holder is dead is asked for again, and how long between.
const LOCK_TRIES: u32 = 200;
const LOCK_PAUSE: Duration = Duration::from_millis(10);

/// The layout of a data directory.
#[derive(Debug, Clone)]
pub(crate) struct Home {
    root: PathBuf,
}

/// What a running node tells clients on its machine. Readable by its user only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Beacon {
    /// The node.
    pub(crate) node: NodeId,
    /// Where it answers.
    pub(crate) address: SocketAddr,
    /// Its process.
    pub(crate) pid: u32,
}

/// What a machine remembers on which somebody logged in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Login {
    /// Addresses of nodes that answer.
    pub(crate) addresses: Vec<String>,
}

/// What a joined node remembers, so that it finds its cluster again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Membership {
    /// Its name.
    pub(crate) name: String,
    /// Addresses of nodes that hold the ledger.
    pub(crate) peers: Vec<String>,
}

impl Home {
    pub(crate) fn new(root: &Path) -> Self {
        Home { root: root.to_owned() }
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// The node's key and certificate, and the authority's.
    pub(crate) fn identity(&self) -> PathBuf {
        self.root.join("identity")
    }

    /// The key and certificate with which commands on this machine reach the cluster.
    pub(crate) fn client(&self) -> PathBuf {
        self.root.join("client")
    }

    /// The authority's key: on the first node only.
    pub(crate) fn authority(&self) -> PathBuf {
        self.root.join("authority")
    }

    pub(crate) fn consensus(&self) -> PathBuf {
        self.root.join("consensus")
    }

    pub(crate) fn blobs(&self) -> PathBuf {
        self.root.join("blobs")
    }

    /// Working folders of running commands; emptied at start.
    pub(crate) fn scratch(&self) -> PathBuf {
        self.root.join("scratch")
    }

    /// Machine code of programs, kept from one run to the next.
    pub(crate) fn code(&self) -> PathBuf {
        self.root.join("cache").join("code")
    }

    /// Accounts of running commands, one a run.
    pub(crate) fn processes(&self) -> PathBuf {
        self.root.join("processes")
    }

    /// Accounts of what the slots have in hand, one a run.
    pub(crate) fn begun(&self) -> PathBuf {
        self.root.join("begun")
    }

    /// What the optimiser learned.
    pub(crate) fn optimizer(&self) -> PathBuf {
        learning::file(&self.root)
    }

    fn beacon_file(&self) -> PathBuf {
        self.root.join("node.json")
    }

    fn membership_file(&self) -> PathBuf {
        self.root.join("membership.json")
    }

    pub(crate) fn beacon(&self) -> Option<Beacon> {
        serde_json::from_slice(&fs::read(self.beacon_file()).ok()?).ok()
    }

    pub(crate) fn light_beacon(&self, beacon: &Beacon) -> std::io::Result<()> {
        write_private(&self.beacon_file(), &serde_json::to_vec_pretty(beacon)?)
    }

    /// Only removes what this process wrote.
    pub(crate) fn douse_beacon(&self) {
        if self.beacon().is_some_and(|beacon| beacon.pid == std::process::id()) {
            // Left behind it would only make a client try in vain.
            let _ = fs::remove_file(self.beacon_file());
        }
    }

    fn login_file(&self) -> PathBuf {
        self.root.join("login.json")
    }

    pub(crate) fn login(&self) -> Option<Login> {
        serde_json::from_slice(&fs::read(self.login_file()).ok()?).ok()
    }

    pub(crate) fn remember_login(&self, login: &Login) -> std::io::Result<()> {
        write_private(&self.login_file(), &serde_json::to_vec_pretty(login)?)
    }

    fn lost_file(&self) -> PathBuf {
        self.root.join("lost.json")
    }

    /// Members that a recovery gave up and that the cluster does not know of yet.
    pub(crate) fn lost(&self) -> std::io::Result<Vec<NodeId>> {
        match fs::read(self.lost_file()) {
            Ok(bytes) => read_json(&self.lost_file(), &bytes),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }

    pub(crate) fn remember_lost(&self, lost: &[NodeId]) -> std::io::Result<()> {
        write_private(&self.lost_file(), &serde_json::to_vec_pretty(lost)?)
    }

    pub(crate) fn forget_lost(&self) -> std::io::Result<()> {
        fs::remove_file(self.lost_file())
    }

    fn address_file(&self) -> PathBuf {
        self.root.join("address.json")
    }

    /// Where the node of this directory listened last. Others know it there.
    pub(crate) fn last_address(&self) -> Option<SocketAddr> {
        serde_json::from_slice(&fs::read(self.address_file()).ok()?).ok()
    }

    pub(crate) fn remember_address(&self, address: SocketAddr) -> std::io::Result<()> {
        if self.last_address() == Some(address) {
            return Ok(());
        }
        write_private(&self.address_file(), &serde_json::to_vec_pretty(&address)?)
    }

    fn drained_file(&self) -> PathBuf {
        self.root.join("drained")
    }

    /// Whether this node takes no new tasks until somebody says otherwise.
    pub(crate) fn is_drained(&self) -> bool {
        self.drained_file().exists()
    }

    pub(crate) fn remember_drained(&self, drained: bool) -> std::io::Result<()> {
        match drained {
            true => write_private(&self.drained_file(), b""),
            false => match fs::remove_file(self.drained_file()) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
                _ => Ok(()),
            },
        }
    }

    pub(crate) fn membership(&self) -> std::io::Result<Option<Membership>> {
        match fs::read(self.membership_file()) {
            Ok(bytes) => read_json(&self.membership_file(), &bytes).map(Some),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    pub(crate) fn remember_membership(&self, membership: &Membership) -> std::io::Result<()> {
        write_private(&self.membership_file(), &serde_json::to_vec_pretty(membership)?)
    }

    /// Holds the directory for this process; a second one is refused and told who holds it. The lock ends with the file.
    pub(crate) fn lock(&self) -> Result<fs::File, Refusal> {
        let path = self.root.join("lock");
        let mut file =
            fs::OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path).map_err(
                |error| refusal(codes::DATA_DIRECTORY, format!("{} cannot be opened: {error}", path.display())),
            )?;
        let mut locked = flock(&file, FlockOperation::NonBlockingLockExclusive);
        for _ in 0..LOCK_TRIES {
            // A node that was killed while it started a command leaves the lock to that command until it runs.
            if locked != Err(rustix::io::Errno::WOULDBLOCK) || holder_lives(&path) {
                break;
            }
            std::thread::sleep(LOCK_PAUSE);
            locked = flock(&file, FlockOperation::NonBlockingLockExclusive);
        }
        match locked {
            Ok(()) => {
                // For people and for the message below; the lock itself does not depend on it.
                let _ = file.set_len(0).and_then(|()| write!(file, "{}", std::process::id()));
                Ok(file)
            }
            Err(rustix::io::Errno::WOULDBLOCK) => {
                let holder = fs::read_to_string(&path).unwrap_or_default();
                Err(Refusal {
                    help: Some(
                        "stop it with `nexus node stop`, or give this node another directory with --data".to_owned(),
                    ),
                    ..refusal(
                        codes::DATA_DIRECTORY,
                        format!("{} is in use by a node with process id {}", self.root.display(), holder.trim()),
                    )
                })
            }
            Err(error) => Err(refusal(codes::DATA_DIRECTORY, format!("{} cannot be locked: {error}", path.display()))),
        }
    }

    /// Makes the directory.
    pub(crate) fn create(&self) -> std::io::Result<()> {
        fs::create_dir_all(&self.root)
    }

    /// Empties the scratch folder of what a killed node left there; what takes long goes in the background, and what cannot be
    /// removed keeps no node from starting. Only for who holds the lock.
    pub(crate) fn sweep(&self) -> std::io::Result<()> {
        let scratch = self.scratch();
        fs::create_dir_all(&scratch)?;
        let mut budget = AT_ONCE;
        for entry in fs::read_dir(&scratch)? {
            let left = entry?.path();
            if let Err(error) = discard(&left, &mut budget) {
                tracing::warn!(path = %left.display(), %error, "what a killed node left could not be removed");
            }
        }
        Ok(())
    }
}

/// What a file of the directory says; where it is damaged, the error names it.
fn read_json<T: serde::de::DeserializeOwned>(path: &Path, bytes: &[u8]) -> std::io::Result<T> {
    serde_json::from_slice(bytes).map_err(|error| {
        let message = format!("{} is damaged: {error}", path.display());
        std::io::Error::new(std::io::ErrorKind::InvalidData, message)
    })
}

/// Whether a process is there and has not ended: where its parent has not taken notice of its end yet, it has.
pub(crate) fn is_alive(pid: u32) -> bool {
    let Some(id) = i32::try_from(pid).ok().and_then(Pid::from_raw) else { return false };
    let has_ended = || {
        let status = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        status.rsplit_once(')').is_some_and(|(_, rest)| rest.trim_start().starts_with('Z'))
    };
    test_kill_process(id) != Err(rustix::io::Errno::SRCH) && !has_ended()
}

/// Whole or not at all, readable by this user only.
fn write_private(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt;
    let temporary = path.with_extension("new");
    let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&temporary)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&temporary, path)
}

/// Whether the process that wrote its id into the lock is there.
fn holder_lives(lock: &Path) -> bool {
    let id = fs::read_to_string(lock).ok().and_then(|text| text.trim().parse().ok());
    // A lock without an id is held by a node that is starting.
    id.and_then(Pid::from_raw).is_none_or(|id| test_kill_process(id).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_holder_is_refused_and_told_of_the_first() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::new(folder.path());
        let lock = home.lock().unwrap();
        let refusal = home.lock().unwrap_err();
        assert!(refusal.message.contains(&format!("process id {}", std::process::id())), "{refusal}");
        drop(lock);
        assert!(home.lock().is_ok());
    }

    #[test]
    fn what_a_killed_node_left_is_removed_whatever_its_permissions() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let home = Home::new(folder.path());
        for mode in [0o555, 0] {
            let left = home.scratch().join(format!("modules-{mode}/calls/in"));
            fs::create_dir_all(&left).unwrap();
            fs::set_permissions(left.parent().unwrap(), fs::Permissions::from_mode(mode)).unwrap();
        }
        fs::write(home.scratch().join("file"), "").unwrap();
        home.sweep().unwrap();
        assert_eq!(fs::read_dir(home.scratch()).unwrap().count(), 0);
    }

    #[test]
    fn a_damaged_file_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::new(folder.path());
        assert_eq!(home.membership().unwrap(), None);
        fs::write(home.membership_file(), "{\"name\":").unwrap();
        let said = home.membership().unwrap_err().to_string();
        assert!(said.contains("membership.json is damaged: EOF"), "{said}");
    }

    #[test]
    fn a_process_that_nobody_has_taken_notice_of_has_ended() {
        assert!(is_alive(std::process::id()));
        let mut child = std::process::Command::new("cat").stdin(std::process::Stdio::piped()).spawn().unwrap();
        assert!(is_alive(child.id()));
        drop(child.stdin.take());
        // Nobody waits for it: it stays until this process ends.
        while is_alive(child.id()) {
            std::thread::yield_now();
        }
        child.wait().unwrap();
        assert!(!is_alive(child.id()));
    }

    #[test]
    fn a_beacon_is_found_until_it_is_doused() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::new(folder.path());
        home.create().unwrap();
        assert_eq!(home.beacon(), None);
        let beacon = Beacon { node: NodeId(3), address: "127.0.0.1:4747".parse().unwrap(), pid: std::process::id() };
        home.light_beacon(&beacon).unwrap();
        assert_eq!(home.beacon(), Some(beacon));
        home.douse_beacon();
        assert_eq!(home.beacon(), None);
    }
}
