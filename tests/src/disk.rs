//! A disk that is small enough to be filled, without being root: a file system in memory, in a namespace that a process of
//! ours holds open. It goes with that process. Linux only.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// A small disk, mounted at a folder that only programs behind [`SmallDisk::on`] see as such.
pub struct SmallDisk {
    holder: Child,
    folder: tempfile::TempDir,
}

impl SmallDisk {
    /// A disk of so many MiB; none, with a message, where the system allows no namespaces
    /// (`kernel.apparmor_restrict_unprivileged_userns`) or has no `unshare` (util-linux).
    ///
    /// # Panics
    /// Instead of answering none, where `NEXUS_TEST_NETWORK` is 1: there namespaces are known to be allowed.
    #[expect(clippy::print_stderr, reason = "who runs the test is told why it tests nothing")]
    pub fn of(mebibytes: u32) -> Option<SmallDisk> {
        let folder = tempfile::tempdir().expect("a temporary folder");
        // It holds the namespace until its stdin ends.
        let script = format!("set -e; mount -t tmpfs -o size={mebibytes}m tmpfs \"$1\"; echo made; read end");
        let holder = Command::new("unshare")
            .args(["--user", "--map-root-user", "--mount", "sh", "-c", &script, "sh"])
            .arg(folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn();
        if let Ok(mut holder) = holder {
            let mut line = String::new();
            let out = holder.stdout.take().expect("it is piped");
            BufReader::new(out).read_line(&mut line).expect("what it says is text");
            let disk = SmallDisk { holder, folder };
            if line == "made\n" {
                return Some(disk);
            }
        }
        assert!(
            std::env::var_os("NEXUS_TEST_NETWORK").is_none_or(|v| v != "1"),
            "NEXUS_TEST_NETWORK=1, but no disk can be mounted"
        );
        eprintln!("skipped: no small disk can be mounted here");
        None
    }

    /// What is written before a program for it to see the disk.
    pub fn on(&self) -> Vec<String> {
        let holder = self.holder.id().to_string();
        ["nsenter", "--target", &holder, "--user", "--mount", "--preserve-credentials"].map(str::to_owned).into()
    }

    /// Where it is mounted.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Fills it to the last byte.
    ///
    /// # Panics
    /// Where there is no `sh` or `dd`.
    pub fn fill(&self) {
        // A page at a time, so that nothing is left.
        self.shell("dd if=/dev/zero bs=4096 of=\"$1/filler\" oflag=append conv=notrunc 2>/dev/null; true");
    }

    /// Makes room again.
    ///
    /// # Panics
    /// Where that fails.
    pub fn make_room(&self) {
        self.shell("rm \"$1/filler\"");
    }

    fn shell(&self, script: &str) {
        let words = self.on();
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]).args(["sh", "-c", script, "sh"]).arg(self.path());
        assert!(command.status().expect("the system has nsenter (util-linux)").success(), "{script}");
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // It may have ended already; then there is nothing to end.
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}
