//! Machines on one wire, as network namespaces with a bridge between them, without being root: they lie in a user
//! namespace that a process of ours holds open, and go with it. Linux only.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Output, Stdio};

/// Some machines on one local network: `m1` at 10.78.0.1, `m2` at 10.78.0.2 and so on, with no way to anywhere else.
pub struct Network {
    holder: Child,
}

impl Network {
    /// A network of `count` machines; none, with a message, where the system allows no namespaces
    /// (`kernel.apparmor_restrict_unprivileged_userns`) or has no `ip` (iproute2) or `unshare` (util-linux).
    ///
    /// # Panics
    /// Instead of answering none, where `NEXUS_TEST_NETWORK` is 1.
    #[expect(clippy::print_stderr, reason = "who runs the test is told why it tests nothing")]
    pub fn of(count: usize) -> Option<Network> {
        let mut script = String::from(
            "set -e; mount -t tmpfs tmpfs /run; mkdir /run/netns; \
             ip link add wire type bridge; ip link set wire up; ",
        );
        for machine in 1..=count {
            script.push_str(&format!(
                "ip netns add m{machine}; ip -n m{machine} link set lo up; \
                 ip link add plug{machine} type veth peer name eth0 netns m{machine}; \
                 ip link set plug{machine} master wire up; \
                 ip -n m{machine} address add 10.78.0.{machine}/24 dev eth0; ip -n m{machine} link set eth0 up; "
            ));
        }
        // It holds the namespaces until its stdin ends.
        script.push_str("echo made; read end");
        let holder = Command::new("unshare")
            .args(["--user", "--map-root-user", "--net", "--mount", "sh", "-c", &script])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn();
        let mut line = String::new();
        if let Ok(mut holder) = holder {
            let out = holder.stdout.take().expect("it is piped");
            BufReader::new(out).read_line(&mut line).expect("what it says is text");
            let network = Network { holder };
            if line == "made\n" {
                return Some(network);
            }
        }
        assert!(
            std::env::var_os("NEXUS_TEST_NETWORK").is_none_or(|v| v != "1"),
            "NEXUS_TEST_NETWORK=1, but there is none"
        );
        eprintln!("skipped: no network of namespaces can be made here");
        None
    }

    /// What is written before a program for it to run on a machine.
    pub fn on(&self, machine: usize) -> Vec<String> {
        let mut words = self.inside();
        words.extend(["ip", "netns", "exec", &format!("m{machine}")].map(str::to_owned));
        words
    }

    /// Takes a machine's interface away, or brings it back with its address.
    ///
    /// # Panics
    /// Where that fails.
    pub fn set_interface(&self, machine: usize, up: bool) {
        let name = format!("m{machine}");
        let state = if up { "up" } else { "down" };
        let output = self.output(&["ip", "-n", &name, "link", "set", "eth0", state]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    fn inside(&self) -> Vec<String> {
        let holder = self.holder.id().to_string();
        ["nsenter", "--target", &holder, "--user", "--net", "--mount", "--preserve-credentials"]
            .map(str::to_owned)
            .into()
    }

    fn output(&self, words: &[&str]) -> Output {
        let inside = self.inside();
        Command::new(&inside[0]).args(&inside[1..]).args(words).output().expect("the system has nsenter (util-linux)")
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        // It may have ended already; then there is nothing to end.
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}
