//! `nexus service` with a systemd and a launchd that only write down what they are asked.

use std::path::Path;
use std::sync::{Arc, Mutex};

use clap::Parser;
use serde_json::Value;

use super::host::{Commands, Ended, Host};
use crate::cli::error::Exit;
use crate::cli::error::tests::pages;
use crate::cli::tests::FakeWorld;
use crate::cli::{Cli, Verb};

/// What a keeper answers to a command: its output, or its complaint; the first line whose beginning fits counts.
type Answers = &'static [(&'static str, Result<&'static str, &'static str>)];

struct Fake {
    answers: Answers,
    /// Whether the programs are there at all.
    is_there: bool,
    calls: Arc<Mutex<Vec<String>>>,
}

impl Commands for Fake {
    fn run(&self, program: &str, arguments: &[&str]) -> Result<Ended, String> {
        let line = format!("{program} {}", arguments.join(" "));
        let answer = self.answers.iter().find(|(begins, _)| line.starts_with(begins));
        self.calls.lock().unwrap().push(line);
        if !self.is_there {
            return Err(format!("there is no {program} here"));
        }
        let answer = answer.map_or(Ok(""), |(_, answer)| *answer);
        let text = |found: Option<&str>| found.unwrap_or_default().to_owned();
        Ok(Ended { is_success: answer.is_ok(), stdout: text(answer.ok()), stderr: text(answer.err()) })
    }
}

/// A user with a home, and the programs of the system.
struct User {
    home: tempfile::TempDir,
    system: &'static str,
    answers: Answers,
    is_there: bool,
    world: FakeWorld,
    /// What was asked of the programs since the last look.
    calls: Arc<Mutex<Vec<String>>>,
}

impl User {
    fn of(system: &'static str, answers: Answers) -> Self {
        let home = tempfile::tempdir().unwrap();
        std::fs::write(home.path().join("nexus"), "").unwrap();
        User { home, system, answers, is_there: true, world: FakeWorld::default(), calls: Arc::default() }
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.home.path().join(name)
    }

    fn unit(&self) -> std::path::PathBuf {
        self.path(match self.system {
            "macos" => "Library/LaunchAgents/org.nexus-os.node.plist",
            _ => ".config/systemd/user/nexus.service",
        })
    }

    fn text(&self) -> String {
        std::fs::read_to_string(self.unit()).unwrap().replace(&self.home.path().display().to_string(), "HOME")
    }

    fn host(&self) -> Host {
        let commands = Fake { answers: self.answers, is_there: self.is_there, calls: Arc::clone(&self.calls) };
        Host {
            system: self.system.to_owned(),
            home: Some(self.home.path().to_owned()),
            user: 501,
            program: Ok(self.path("nexus")),
            places: Vec::new(),
            commands: Box::new(commands),
        }
    }

    /// Runs `nexus --data HOME/data service …`: exit code, stdout and stderr with `HOME`.
    fn types(&self, rest: &str) -> (Exit, String, String) {
        self.types_on(&self.host(), rest)
    }

    fn types_on(&self, host: &Host, rest: &str) -> (Exit, String, String) {
        let data = self.path("data").display().to_string();
        let words = ["nexus", "--data", &data, "service"].into_iter().chain(rest.split_whitespace());
        let cli = Cli::try_parse_from(words).unwrap_or_else(|error| panic!("{error}"));
        let Verb::Service(args) = &cli.verb else { panic!("another verb") };
        let (mut console, out, err) = pages(cli.json);
        let exit = match super::service(args, cli.data.as_deref(), host, &self.world, &mut console) {
            Ok(()) => Exit::Done,
            Err(error) => {
                error.show(&mut console);
                error.exit
            }
        };
        let shown = |text: String| text.replace(&self.home.path().display().to_string(), "HOME");
        (exit, shown(out.text()), shown(err.text()))
    }

    /// What was asked of the keeper meanwhile, but how things are.
    fn calls(&self) -> Vec<String> {
        let asks = |call: &String| [" show ", "loginctl", " print "].iter().any(|word| call.contains(word));
        let calls: Vec<String> = self.calls.lock().unwrap().drain(..).filter(|call| !asks(call)).collect();
        calls.into_iter().map(|call| call.replace(&self.home.path().display().to_string(), "HOME")).collect()
    }
}

const STOPPED: &str = "ActiveState=inactive\nSubState=dead\nMainPID=0\nUnitFileState=\nNeedDaemonReload=no\n";
const RUNNING: &str = "ActiveState=active\nSubState=running\nMainPID=42\nUnitFileState=enabled\nNeedDaemonReload=no\n";
const IDLE: Answers = &[("systemctl --user show", Ok(STOPPED)), ("loginctl", Err("not logged in or lingering"))];
const BUSY: Answers = &[("systemctl --user show", Ok(RUNNING)), ("loginctl", Ok("yes\n"))];

#[test]
fn install_writes_the_unit_and_starts_it() {
    let user = User::of("linux", IDLE);
    let (exit, out, err) = user.types("install --name studio --listen 127.0.0.1:4747 --http off --slots 3");
    assert_eq!((exit, out.as_str()), (Exit::Done, ""));
    insta::assert_snapshot!(err, @r"
    wrote HOME/.config/systemd/user/nexus.service
    the node is started, now and whenever you log in; `journalctl --user -f -u nexus.service` shows what it says
    It ends when you log out. To have it run from boot on:  loginctl enable-linger
    ");
    let command = "HOME/nexus node start --data HOME/data --listen 127.0.0.1:4747 --http off --slots 3 --name=studio";
    assert!(user.text().contains(&format!("\nExecStart={command}\n")), "{}", user.text());
    assert_eq!(user.calls(), ["systemctl --user daemon-reload", "systemctl --user enable --now nexus.service"]);
}

#[test]
fn installing_again_changes_what_is_different_and_says_so() {
    let mut user = User::of("linux", IDLE);
    user.types("install");
    user.answers = BUSY;
    user.calls();
    let (exit, _, err) = user.types("install");
    assert_eq!(exit, Exit::Done);
    assert!(err.starts_with("nothing changed in HOME/.config/systemd/user/nexus.service\n"), "{err}");
    assert!(!err.contains("enable-linger"), "this user's services run from boot on: {err}");
    assert_eq!(user.calls(), ["systemctl --user daemon-reload", "systemctl --user enable --now nexus.service"]);
    let (_, _, err) = user.types("install --slots 2");
    let lines = "  - ExecStart=HOME/nexus node start --data HOME/data\n  + ExecStart=HOME/nexus node start --data HOME/data --slots 2\n";
    assert!(err.contains(&format!("replaced HOME/.config/systemd/user/nexus.service:\n{lines}")), "{err}");
    let anew = ["daemon-reload", "enable nexus.service", "restart nexus.service"]
        .map(|step| format!("systemctl --user {step}"));
    assert_eq!(user.calls(), anew, "it runs with what it was given before");
    user.answers = &[("systemctl --user show", Ok("ActiveState=active\nNeedDaemonReload=yes\n"))];
    user.types("install --slots 2");
    assert_eq!(user.calls(), anew, "the file was replaced without a start");
}

#[test]
fn nothing_is_started_where_that_is_asked_for_or_nobody_is_there() {
    let mut user = User::of("linux", IDLE);
    let (exit, _, err) = user.types("install --no-start");
    assert_eq!(exit, Exit::Done);
    let by_hand = "  systemctl --user daemon-reload\n  systemctl --user enable --now nexus.service\n";
    assert!(err.contains(&format!("nothing was started; what starts it:\n{by_hand}")), "{err}");
    assert_eq!(user.calls(), [""; 0]);
    std::fs::remove_file(user.unit()).unwrap();

    user.is_there = false;
    let (exit, _, err) = user.types("install");
    assert_eq!(exit, Exit::Done, "the file is written");
    assert!(
        err.contains("systemd --user does not answer (there is no systemctl here). Once it does, type:\n"),
        "{err}"
    );
    assert!(err.contains(by_hand) && user.unit().exists(), "{err}");
    user.is_there = true;
    user.answers = &[("systemctl --user", Err("warning\nFailed to connect to bus: No medium found\n"))];
    let (exit, out, _) = user.types("install --json");
    let told: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((exit, &told["started"], &told["change"]), (Exit::Done, &false.into(), &"unchanged".into()));
    assert_eq!(told["reason"], "Failed to connect to bus: No medium found");
    assert_eq!(told["by_hand"][0], "systemctl --user daemon-reload");
}

#[test]
fn a_systemd_that_refuses_is_an_error() {
    let mut user = User::of("linux", &[("systemctl --user enable", Err("Failed to enable unit: masked"))]);
    let (exit, _, err) = user.types("install");
    assert_eq!(exit, Exit::Unreachable);
    assert!(
        err.contains("error[NX0572]: `systemctl --user enable --now nexus.service` failed: Failed to enable unit"),
        "{err}"
    );
    assert!(user.unit().exists() && err.contains("is written"), "{err}");
    user.answers = &[("systemctl --user disable", Err("Job failed"))];
    let (exit, _, err) = user.types("uninstall");
    assert!(exit == Exit::Unreachable && err.contains("nothing was removed"), "{err}");
    assert!(user.unit().exists());
}

#[test]
fn what_others_wrote_is_left_alone() {
    let user = User::of("linux", IDLE);
    std::fs::create_dir_all(user.unit().parent().unwrap()).unwrap();
    let theirs = "[Service]\nExecStart=/opt/nexus\n";
    std::fs::write(user.unit(), theirs).unwrap();
    for verb in ["install", "uninstall"] {
        let (exit, _, err) = user.types(verb);
        assert!(exit == Exit::Usage && err.contains("NX0571"), "{err}");
        assert_eq!((user.text().as_str(), user.calls().len()), (theirs, 0), "{verb}");
    }
    let (_, out, _) = user.types("status --json");
    let told: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((&told["installed"], &told["foreign"]), (&false.into(), &true.into()));
    let (exit, _, err) = user.types("install --force");
    assert!(exit == Exit::Done && err.contains("  - ExecStart=/opt/nexus\n"), "{err}");
    assert!(user.text().contains("nexus service install"));

    // A link is somebody's too, whatever it leads to: such as one to nothing, by which a unit is masked.
    std::fs::rename(user.unit(), user.path("elsewhere")).unwrap();
    std::os::unix::fs::symlink(user.path("elsewhere"), user.unit()).unwrap();
    assert_eq!(user.types("install").0, Exit::Usage);
    assert_eq!(user.types("uninstall").0, Exit::Usage);
    assert!(user.unit().is_symlink());
}

#[test]
fn uninstall_stops_and_removes() {
    let mut user = User::of("linux", IDLE);
    let (exit, _, err) = user.types("uninstall");
    assert!(exit == Exit::Done && err.contains("nothing to remove"), "{err}");
    assert_eq!(user.calls(), [""; 0]);
    user.types("install");
    user.calls();
    let (exit, _, err) = user.types("uninstall");
    assert!(exit == Exit::Done && err.contains("stopped the service and removed HOME"), "{err}");
    let steps = ["daemon-reload", "disable --now nexus.service", "daemon-reload", "reset-failed nexus.service"];
    assert_eq!(user.calls(), steps.map(|step| format!("systemctl --user {step}")));
    assert!(!user.unit().exists());

    // Without systemd, the link by which it was enabled goes as well.
    user.types("install");
    let wanted = user.path(".config/systemd/user/default.target.wants/nexus.service");
    std::fs::create_dir_all(wanted.parent().unwrap()).unwrap();
    std::os::unix::fs::symlink(user.unit(), &wanted).unwrap();
    user.is_there = false;
    let (exit, out, _) = user.types("uninstall --json");
    assert_eq!((exit, out.contains("\"removed\":true,\"stopped\":false")), (Exit::Done, true), "{out}");
    assert!(!user.unit().exists() && !wanted.is_symlink());
}

#[test]
fn status_says_whether_it_is_there_and_runs() {
    let mut user = User::of("linux", IDLE);
    assert!(user.types("status").1.starts_with("no service is installed here"));
    user.types("install");
    user.answers = BUSY;
    insta::assert_snapshot!(user.types("status").1, @r"
    file    HOME/.config/systemd/user/nexus.service
    state   running, process 42
    starts  at boot
    log     journalctl --user -f -u nexus.service
    ");
    insta::assert_snapshot!(user.types("status --json").1, @r#"{"path":"HOME/.config/systemd/user/nexus.service","installed":true,"foreign":false,"enabled":true,"running":true,"state":"active (running)","pid":42,"lingers":true}"#);
    user.answers = &[("systemctl", Err("No medium found")), ("loginctl", Err(""))];
    let (exit, out, _) = user.types("status");
    assert!(
        exit == Exit::Done && out.contains("state   not known: systemd --user does not answer: No medium found"),
        "{out}"
    );
    let told: Value = serde_json::from_str(&user.types("status --json").1).unwrap();
    assert_eq!([&told["running"], &told["enabled"], &told["lingers"]], [&Value::Null; 3]);
}

#[test]
fn a_token_never_comes_into_the_file() {
    let mut user = User::of("linux", IDLE);
    for rest in ["--join 10.0.0.1:4747 --token NXJ1.secret", "--token NXJ1.secret", "--join", "--token"] {
        let (exit, _, err) = user.types(&format!("install {rest}"));
        assert!(exit == Exit::Usage && err.contains("join once by hand: `nexus node start --join"), "{err}");
        assert!(!err.contains("secret") && !user.unit().exists(), "{err}");
    }
    user.world.join_token = Some("NXJ1.secret".to_owned());
    assert_eq!(user.types("install").0, Exit::Usage, "it would begin a cluster of its own");
    std::fs::create_dir_all(user.path("data/identity")).unwrap();
    let (exit, _, err) = user.types("install");
    assert_eq!(exit, Exit::Done, "{err}");
    assert!(!user.text().contains("secret"));
    assert!(err.contains("A node has HOME/data already: stop it with Ctrl-C"), "the fake world has one: {err}");
}

#[test]
fn places_of_the_shell_are_places_of_the_service() {
    let user = User::of("linux", IDLE);
    let places = vec![("NEXUS_HOME", "/srv/my nexus".into()), ("XDG_CONFIG_HOME", user.path("settings").into())];
    let host = Host { places, ..user.host() };
    assert_eq!(user.types_on(&host, "install").0, Exit::Done);
    let text = std::fs::read_to_string(user.path("settings/systemd/user/nexus.service")).unwrap();
    assert!(text.contains("\nEnvironment=\"NEXUS_HOME=/srv/my nexus\"\nEnvironment=XDG_CONFIG_HOME="), "{text}");
}

#[test]
fn what_would_not_start_is_not_installed() {
    let user = User::of("linux", IDLE);
    let (exit, _, err) = user.types("install --config missing.toml");
    assert!(exit == Exit::Usage && err.contains("missing.toml"), "{err}");
    let gone = Host { program: Ok(user.path("nexus (deleted)")), ..user.host() };
    let (exit, _, err) = user.types_on(&gone, "install");
    assert!(exit == Exit::Usage && err.contains("is not there any more"), "{err}");
    let odd = user.path("ne\nxus");
    std::fs::write(&odd, "").unwrap();
    let (exit, _, err) = user.types_on(&Host { program: Ok(odd), ..user.host() }, "install");
    assert!(exit == Exit::Usage && err.contains("NX0574"), "{err}");
    let homeless = Host { home: None, ..user.host() };
    assert!(user.types_on(&homeless, "install").2.contains("NX0573"));
    assert!(!user.unit().exists() && user.calls().is_empty());
}

#[test]
fn systems_without_a_keeper_are_told_so() {
    let user = User::of("freebsd", IDLE);
    for verb in ["install", "uninstall", "status"] {
        let (exit, _, err) = user.types(verb);
        assert!(exit == Exit::Usage && err.contains("error[NX0573]") && err.contains("this is freebsd"), "{err}");
    }
}

const LOADED: &str =
    "gui/501/org.nexus-os.node = {\n\tactive count = 1\n\tstate = running\n\n\tpid = 77\n\tjob state = running\n}\n";
const TARGET: &str = "launchctl print gui/501/org.nexus-os.node";

#[test]
fn launchd_loads_the_agent() {
    let mut user = User::of("macos", &[(TARGET, Err("Could not find service"))]);
    let (exit, _, err) = user.types("install");
    assert_eq!(exit, Exit::Done, "{err}");
    assert!(!err.contains("linger") && err.contains("`tail -f HOME/Library/Logs/nexus.log` shows"), "{err}");
    assert!(user.text().contains("<string>HOME/Library/Logs/nexus.log</string>"));
    let load = [
        "launchctl enable gui/501/org.nexus-os.node",
        "launchctl bootstrap gui/501 HOME/Library/LaunchAgents/org.nexus-os.node.plist",
    ];
    assert_eq!(user.calls(), load);
    user.answers = &[(TARGET, Ok(LOADED))];
    user.types("install");
    assert_eq!(user.calls(), [""; 0], "it runs");
    assert!(user.types("status").1.contains("state   running, process 77\nstarts  at log-in\n"));
    let (_, _, err) = user.types("install --slots 2 --no-start");
    assert!(
        err.contains("  launchctl bootout gui/501/org.nexus-os.node\n  launchctl bootstrap gui/501 'HOME/Library"),
        "{err}"
    );

    user.answers = &[(TARGET, Ok(LOADED)), ("launchctl bootout", Err("Boot-out failed: 5"))];
    let (exit, _, err) = user.types("install --slots 3");
    assert!(
        exit == Exit::Unreachable && err.contains("bootout gui/501/org.nexus-os.node` failed: Boot-out failed: 5"),
        "{err}"
    );
    user.answers = &[(TARGET, Err("Could not find service"))];
    user.calls();
    assert_eq!(user.types("uninstall").0, Exit::Done);
    assert_eq!((user.calls().len(), user.unit().exists()), (0, false), "it was not loaded");
}

#[test]
fn without_a_session_the_agent_waits_for_the_next_one() {
    let user = User::of("macos", &[("launchctl print", Err("Domain does not support specified action"))]);
    let (exit, _, err) = user.types("install");
    assert!(exit == Exit::Done && err.contains("launchd does not answer (Domain does not"), "{err}");
    assert!(user.unit().exists() && user.calls().is_empty());
    let (_, out, _) = user.types("status");
    assert!(out.contains("state   not known: launchd does not answer"), "{out}");
}

#[test]
fn commands_say_no_more_than_paths() {
    assert_eq!(
        super::launchd::by_hand(&User::of("macos", &[]).host(), Path::new("/it's"), false),
        ["launchctl bootstrap gui/501 '/it'\\''s'"]
    );
}
