//! `nexus service` as a user types it, with a `systemctl` that writes down what it is asked.
#![cfg(target_os = "linux")]

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use nexus_tests::binary::nexus;

/// Writes its arguments down, says what `state` says, and fails at what `refuses` names.
const SYSTEMCTL: &str = "#!/bin/sh
here=$(dirname \"$0\")
echo \"$*\" >> \"$here/calls\"
case \"$*\" in *' show '*) cat \"$here/state\" 2> /dev/null; exit 0;; esac
if [ -f \"$here/refuses\" ] && echo \"$*\" | grep -q -f \"$here/refuses\"; then
    echo 'Failed: told to fail' >&2
    exit 1
fi
";

/// A user with a home and a `systemctl`.
struct User(tempfile::TempDir);

impl User {
    fn new() -> Self {
        let user = User(tempfile::tempdir().expect("a temporary folder can be made"));
        fs::create_dir(user.path("bin")).expect("a folder can be made");
        let program = user.path("bin/systemctl");
        fs::write(&program, SYSTEMCTL).expect("a file can be written");
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("it is ours");
        user
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn unit(&self) -> PathBuf {
        self.path(".config/systemd/user/nexus.service")
    }

    fn says(&self, name: &str, text: &str) {
        fs::write(self.path("bin").join(name), text).expect("a file can be written");
    }

    /// Runs `nexus` with this home and `programs` before the system's.
    fn types_with(&self, programs: &Path, arguments: &[&str]) -> Output {
        let path = format!("{}:/usr/bin:/bin", programs.display());
        let mut command = Command::new(nexus());
        command.args(arguments).current_dir(self.0.path()).env("HOME", self.0.path()).env("NO_COLOR", "1");
        for name in ["NEXUS_HOME", "NEXUS_JOIN_TOKEN", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME"] {
            command.env_remove(name);
        }
        command.env("PATH", path).output().expect("the nexus binary can be started")
    }

    /// Its exit code and stderr.
    fn types(&self, arguments: &[&str]) -> (i32, String) {
        let output = self.types_with(&self.path("bin"), arguments);
        (output.status.code().unwrap_or(-1), String::from_utf8_lossy(&output.stderr).into_owned())
    }

    /// What was asked of systemd meanwhile, but how things are.
    fn calls(&self) -> Vec<String> {
        let calls = fs::read_to_string(self.path("bin/calls")).unwrap_or_default();
        let _ = fs::remove_file(self.path("bin/calls"));
        calls.lines().filter(|call| !call.contains(" show ")).map(str::to_owned).collect()
    }

    fn exec_start(&self) -> String {
        let unit = fs::read_to_string(self.unit()).expect("the unit is there");
        unit.lines().find_map(|line| line.strip_prefix("ExecStart=")).expect("it starts something").to_owned()
    }
}

#[test]
fn a_service_is_installed_looked_at_and_removed() {
    let user = User::new();
    let (code, said) = user.types(&["service", "install", "--name", "studio"]);
    assert_eq!(code, 0, "{said}");
    assert_eq!(user.calls(), ["--user daemon-reload", "--user enable --now nexus.service"]);
    assert_eq!(user.exec_start(), format!("{} node start --name=studio", nexus().display()));
    user.says("state", "ActiveState=active\nSubState=running\nMainPID=42\nUnitFileState=enabled\n");
    let told = user.types_with(&user.path("bin"), &["service", "status", "--json"]);
    let told: serde_json::Value = serde_json::from_slice(&told.stdout).expect("a document");
    assert_eq!((&told["installed"], &told["running"], &told["pid"]), (&true.into(), &true.into(), &42.into()));
    assert_eq!(told["path"], user.unit().display().to_string());
    let (code, said) = user.types(&["service", "uninstall"]);
    assert!(code == 0 && !user.unit().exists(), "{said}");
    assert!(user.calls().contains(&"--user disable --now nexus.service".to_owned()));
    assert_eq!(user.types(&["service", "uninstall"]).0, 0, "there is nothing left");
}

#[test]
fn a_systemd_that_refuses_or_is_missing_leaves_a_file_and_words() {
    let user = User::new();
    user.says("refuses", "enable");
    let (code, said) = user.types(&["service", "install"]);
    assert_eq!(code, 3, "{said}");
    assert!(said.contains("NX0572") && said.contains("told to fail") && user.unit().exists(), "{said}");
    user.says("refuses", "daemon-reload");
    let (code, said) = user.types(&["service", "install"]);
    assert!(code == 0 && said.contains("  systemctl --user enable --now nexus.service\n"), "{said}");
    let refused = user.types(&["service", "install", "--join", "10.0.0.1:4747", "--token", "NXJ1.secret"]);
    assert!(
        refused.0 == 2 && refused.1.contains("join once by hand") && !refused.1.contains("secret"),
        "{}",
        refused.1
    );
    fs::write(user.unit(), "[Service]\nExecStart=/opt/theirs\n").expect("a file can be written");
    for verb in ["install", "uninstall"] {
        let (code, said) = user.types(&["service", verb]);
        assert!(code == 2 && said.contains("NX0571") && user.exec_start() == "/opt/theirs", "{said}");
    }
}

#[test]
fn systemd_understands_the_unit() {
    let user = User::new();
    let data = user.path("my \"data\" at 100% $HOME; it's");
    let data = data.to_str().expect("a temporary folder has a plain name");
    let (code, said) = user.types(&["--data", data, "service", "install", "--no-start"]);
    assert_eq!(code, 0, "{said}");
    let quoted = data.replace('"', "\\\"").replace('%', "%%").replace('$', "$$");
    assert_eq!(user.exec_start(), format!("{} node start --data \"{quoted}\"", nexus().display()));
    assert_eq!(user.calls(), [""; 0]);
    let verified = Command::new("systemd-analyze").args(["--user", "verify"]).arg(user.unit()).output();
    // Where there is no systemd, nobody can say.
    if let Ok(output) = verified {
        let complaints = String::from_utf8_lossy(&output.stderr).into_owned();
        let about_it = complaints.lines().filter(|line| line.contains("nexus.service"));
        assert_eq!(about_it.collect::<Vec<_>>(), [""; 0], "{complaints}");
    }
}

#[test]
fn what_the_unit_starts_is_a_node_that_ends_well_when_it_is_asked_to() {
    let user = User::new();
    let data = user.path("data").display().to_string();
    let install = ["--data", &data, "service", "install", "--listen", "127.0.0.1:0", "--http", "off"];
    let (code, said) = user.types(&install);
    assert!(code == 0 && !said.contains("already"), "{said}");
    let command = user.exec_start();
    let mut words = command.split(' ');
    let mut node = Command::new(words.next().expect("a program"));
    let mut node = node.args(words).stdout(Stdio::piped()).spawn().expect("the unit starts a program");
    let mut lines = BufReader::new(node.stdout.take().expect("piped")).lines().map_while(Result::ok);
    assert!(lines.any(|line| line == "Stop with Ctrl-C; install as a service with `nexus service install`."));
    // It might as well have been started by hand: this systemd knows nothing of it.
    let (code, said) = user.types(&install);
    assert!(code == 0 && said.contains(&format!("A node has {data} already")), "{said}");
    let sent = Command::new("kill").args(["-TERM", &node.id().to_string()]).status();
    assert!(sent.expect("the system has kill").success());
    assert_eq!(node.wait().expect("it can be waited for").code(), Some(0), "else it would be started again");
}
