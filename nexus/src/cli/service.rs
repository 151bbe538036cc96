//! `nexus service`: the node of this machine as a service of its user, which systemd or launchd starts at log-in and again
//! after a crash.
//!
//! What stands in the files is `nexus_config::Service`'s. Exit codes: 0 also where the file is written and nobody is there to
//! read it (a container, `su`): what to type is said then. 2 where nothing was written, 3 where systemd or launchd refused.

mod host;
mod keeper;
mod launchd;
mod place;
mod systemd;
#[cfg(test)]
mod tests;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use nexus_config::{Flags, Http, Service, ServiceError};
use serde::Serialize;

pub(super) use self::host::Host;
use self::keeper::{Answered, Keeper, State};
use self::place::{Change, Found};
use super::cluster::Cluster as _;
use super::codes;
use super::error::{CliError, Exit};
use super::node::{JOIN_TOKEN_VARIABLE, NodeSettings};
use super::world::World;
use crate::output::Console;
use crate::output::json::document;

/// Keep a node of this machine running: from log-in on, and again after a crash.
#[derive(Debug, Clone, Args)]
pub(crate) struct ServiceArgs {
    #[command(subcommand)]
    verb: ServiceVerb,
}

#[derive(Debug, Clone, Subcommand)]
enum ServiceVerb {
    /// Make `nexus node start` a service of this user, under systemd (Linux) or launchd (macOS), and start it; again with
    /// other options, it is replaced
    Install(Box<InstallArgs>),
    /// Stop the service and take its file away; the node's data stays
    #[command(after_help = "Examples:\n  nexus service uninstall")]
    Uninstall,
    /// Show whether there is a service, and whether it runs
    #[command(after_help = "Examples:\n  nexus service status\n  nexus service status --json")]
    Status,
}

/// What `nexus service install` takes: what `nexus node start` is to be given, but nothing that is for one start only.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  nexus service install
  nexus service install --name studio --listen 192.168.1.20:4747
  nexus service install --data second --config second/mine.toml
  nexus service install --no-start     (writes the file, and says what starts it)

A machine joins a cluster once, by hand, before: nexus node start --join ADDRESS --token TOKEN")]
struct InstallArgs {
    #[command(flatten)]
    node: NodeSettings,
    /// Write the file and start nothing
    #[arg(long)]
    no_start: bool,
    /// Overwrite a file that is there and was written by somebody else
    #[arg(long)]
    force: bool,
    /// Refused: join once by hand, before (nexus node start --join)
    #[arg(long, hide = true, num_args = 0..=1, value_name = "ADDRESS")]
    #[expect(clippy::option_option, reason = "clap's form of an option whose value may be left out")]
    join: Option<Option<String>>,
    /// Refused: a token works once, and is not kept in files
    #[arg(long, hide = true, num_args = 0..=1, value_name = "TOKEN")]
    #[expect(clippy::option_option, reason = "clap's form of an option whose value may be left out")]
    token: Option<Option<String>>,
}

/// `nexus service install --json`.
#[derive(Debug, Serialize)]
struct InstalledDocument<'a> {
    path: String,
    /// `created`, `replaced` or `unchanged`.
    change: &'static str,
    started: bool,
    /// Why it was not, though it was to be.
    reason: Option<String>,
    /// What starts it, where it was not started.
    by_hand: &'a [String],
    /// Whether it runs while nobody is logged in; null where that is not known.
    lingers: Option<bool>,
}

/// `nexus service uninstall --json`.
#[derive(Debug, Serialize)]
struct UninstalledDocument {
    path: String,
    /// Whether there was a file.
    removed: bool,
    /// Whether it was asked to stop, and has.
    stopped: bool,
}

/// `nexus service status --json`.
#[derive(Debug, Serialize)]
struct StatusDocument {
    path: String,
    installed: bool,
    /// Somebody else's file has its place.
    foreign: bool,
    enabled: Option<bool>,
    running: Option<bool>,
    state: Option<String>,
    pid: Option<u32>,
    lingers: Option<bool>,
}

/// Runs the verb.
pub(super) fn service(
    args: &ServiceArgs,
    data: Option<&Path>,
    host: &Host,
    world: &impl World,
    console: &mut Console,
) -> Result<(), CliError> {
    let keeper = Keeper::of(host)?;
    let path = keeper.path(host).ok_or_else(|| {
        let error = CliError::new(Exit::Usage, codes::NO_SERVICE_HERE, "this user has no home folder to install into");
        error.with_help("set HOME, and for systemd's units XDG_CONFIG_HOME where they lie elsewhere")
    })?;
    match &args.verb {
        ServiceVerb::Install(args) => install(args, data, (keeper, &path), host, world, console),
        ServiceVerb::Uninstall => uninstall((keeper, &path), host, console),
        ServiceVerb::Status => status((keeper, &path), host, console),
    }
}

fn install(
    args: &InstallArgs,
    data: Option<&Path>,
    (keeper, path): (Keeper, &Path),
    host: &Host,
    world: &impl World,
    console: &mut Console,
) -> Result<(), CliError> {
    let NodeSettings { listen, http, config, .. } = &args.node;
    let flags = Flags { config: config.clone(), data: data.map(Path::to_owned), listen: *listen, http: *http };
    // What would keep the node from starting is said now, and not every few seconds to a log.
    let folder = super::config(&flags)?.node().data().to_owned();
    if args.join.is_some() || args.token.is_some() {
        return Err(to_join_before("a service joins no cluster: its file would keep a token that works once"));
    }
    if world.join_token().is_some() && !world.is_member(&folder) {
        let what = format!("{JOIN_TOKEN_VARIABLE} is set, and {} belongs to no cluster yet", folder.display());
        return Err(to_join_before(&what));
    }
    let service = described(&args.node, data, host)?;
    let text = keeper.text(&service, host).map_err(not_a_service)?;
    let before = keeper.state(host);
    let is_rivalled = before.running != Some(true) && !args.no_start && answers(&folder, world);
    let change = place::write(path, &text, args.force)?;
    if !console.is_json() {
        tell_change(&change, path, console);
    }
    let is_new_to_keeper = matches!(change, Change::Replaced(_)) || before.is_outdated;
    let answered = match args.no_start {
        true => None,
        false => Some(keeper.start(host, path, is_new_to_keeper)?),
    };
    let by_hand = match answered {
        Some(Answered::Done) => Vec::new(),
        Some(Answered::Not(_)) | None => keeper.by_hand(host, path, is_new_to_keeper),
    };
    let lingers = keeper.lingers(host);
    if console.is_json() {
        let (path, change, started) = (path.display().to_string(), change.name(), by_hand.is_empty());
        let reason = answered.and_then(Answered::reason);
        let installed = InstalledDocument { path, change, started, reason, by_hand: &by_hand, lingers };
        console.answer(&document(&installed));
        return Ok(());
    }
    match answered {
        None => tell_by_hand("nothing was started; what starts it:", &by_hand, console),
        Some(Answered::Not(why)) => {
            let name = keeper.name();
            tell_by_hand(
                &format!("nothing was started: {name} does not answer ({why}). Once it does, type:"),
                &by_hand,
                console,
            );
        }
        Some(Answered::Done) => {
            let log = keeper.log(host);
            console.say(&format!("the node is started, now and whenever you log in; `{log}` shows what it says"));
        }
    }
    if is_rivalled {
        let (folder, place) = (folder.display(), "the service takes its place within seconds");
        console.say(&format!("A node has {folder} already: stop it with Ctrl-C or `nexus node stop`, and {place}."));
    }
    if keeper == Keeper::Systemd && lingers != Some(true) {
        console.say("It ends when you log out. To have it run from boot on:  loginctl enable-linger");
    }
    Ok(())
}

/// What the service runs.
fn described(node: &NodeSettings, data: Option<&Path>, host: &Host) -> Result<Service, CliError> {
    let program = host.program.clone().and_then(|program| match program.is_file() {
        true => Ok(program),
        // Linux says so of a program that was replaced while it ran.
        false => Err(format!("{} is not there any more", program.display())),
    });
    let program = program.map_err(|why| {
        CliError::new(Exit::Usage, codes::UNREADABLE_FILE, format!("the service has no program to start: {why}"))
            .with_help("install it with the `nexus` that is to run")
    })?;
    let absolute = |path: &Path| {
        std::path::absolute(path).map(PathBuf::into_os_string).map_err(|error| {
            let message = format!("{} is no path: {error}", path.display());
            CliError::new(Exit::Usage, codes::USAGE, message)
        })
    };
    let NodeSettings { listen, http, name, slots, config } = node;
    let mut arguments = vec![OsString::from("node"), "start".into()];
    let mut option = |name: &str, value: Option<OsString>| {
        arguments.extend(value.into_iter().flat_map(|value| [OsString::from(name), value]));
    };
    option("--data", data.map(absolute).transpose()?);
    option("--config", config.as_deref().map(absolute).transpose()?);
    option("--listen", listen.map(|address| address.to_string().into()));
    option(
        "--http",
        http.map(|http| match http {
            Http::Off => "off".into(),
            Http::At(address) | Http::Preferably(address) => address.to_string().into(),
        }),
    );
    option("--slots", slots.map(|slots| slots.to_string().into()));
    // A name may begin with a dash.
    arguments.extend(name.as_ref().map(|name| format!("--name={name}").into()));
    Service::new(&program, &arguments, &host.places).map_err(not_a_service)
}

fn uninstall((keeper, path): (Keeper, &Path), host: &Host, console: &mut Console) -> Result<(), CliError> {
    let shown = path.display().to_string();
    match place::look(path)? {
        Found::Nothing if console.is_json() => {
            console.answer(&document(&UninstalledDocument { path: shown, removed: false, stopped: false }));
            return Ok(());
        }
        Found::Nothing => {
            console.say(&format!("nothing to remove: there is no {shown}"));
            return Ok(());
        }
        Found::Foreign(_) => return Err(place::foreign(path).with_help("it is left alone, and what it starts too")),
        Found::Ours(_) => {}
    }
    let answered = keeper.stop(host)?;
    place::remove(path)?;
    keeper.forget(host, path, &answered);
    if console.is_json() {
        let stopped = answered == Answered::Done;
        console.answer(&document(&UninstalledDocument { path: shown, removed: true, stopped }));
        return Ok(());
    }
    console.say(&match answered {
        Answered::Done => format!("stopped the service and removed {shown}; the node's data is as it was"),
        Answered::Not(why) => format!(
            "removed {shown}; {} does not answer ({why}): a node that it runs goes on until `nexus node stop`",
            keeper.name()
        ),
    });
    Ok(())
}

fn status((keeper, path): (Keeper, &Path), host: &Host, console: &mut Console) -> Result<(), CliError> {
    let found = place::look(path)?;
    let State { enabled, running, state, pid, unknown, .. } = keeper.state(host);
    let (installed, foreign) = (matches!(found, Found::Ours(_)), matches!(found, Found::Foreign(_)));
    let lingers = keeper.lingers(host);
    let shown = path.display().to_string();
    if console.is_json() {
        let document_of = StatusDocument { path: shown, installed, foreign, enabled, running, state, pid, lingers };
        console.answer(&document(&document_of));
        return Ok(());
    }
    let how = match (running, &state, &unknown) {
        (_, _, Some(why)) => format!("not known: {} does not answer: {why}", keeper.name()),
        (Some(true), ..) => pid.map_or_else(|| "running".to_owned(), |pid| format!("running, process {pid}")),
        (_, Some(state), None) => format!("not running: {state}"),
        (_, None, None) => "not running".to_owned(),
    };
    let starts = match (enabled, lingers) {
        (Some(true), Some(true)) => "at boot",
        (Some(true), _) => "at log-in",
        (Some(false), _) => "only by hand",
        (None, _) => "not known",
    };
    if foreign {
        console.answer(&format!("file    {shown}, which somebody else wrote\nstate   {how}\n"));
    } else if installed {
        let log = keeper.log(host);
        console.answer(&format!("file    {shown}\nstate   {how}\nstarts  {starts}\nlog     {log}\n"));
    } else {
        console.answer("no service is installed here; `nexus service install` does it\n");
    }
    Ok(())
}

fn tell_change(change: &Change, path: &Path, console: &mut Console) {
    let path = path.display();
    match change {
        Change::Created => console.say(&format!("wrote {path}")),
        Change::Unchanged => console.say(&format!("nothing changed in {path}")),
        Change::Replaced(lines) => {
            console.say(&format!("replaced {path}:"));
            lines.iter().for_each(|line| console.say(&format!("  {line}")));
        }
    }
}

fn tell_by_hand(first: &str, lines: &[String], console: &mut Console) {
    console.say(first);
    lines.iter().for_each(|line| console.say(&format!("  {line}")));
}

/// Whether a node of this folder runs already.
fn answers(data: &Path, world: &impl World) -> bool {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let asked = async {
        let Ok(cluster) = world.connect(data).await else { return false };
        cluster.close().await;
        true
    };
    // Whoever only gives commands is answered by a node elsewhere.
    world.is_member(data) && runtime.is_ok_and(|runtime| runtime.block_on(asked))
}

fn to_join_before(what: &str) -> CliError {
    CliError::new(Exit::Usage, codes::USAGE, what).with_help(
        "join once by hand: `nexus node start --join ADDRESS --token TOKEN`, then Ctrl-C, then `nexus service install`",
    )
}

fn not_a_service(error: ServiceError) -> CliError {
    CliError::new(Exit::Usage, codes::NOT_A_SERVICE, error.to_string())
        .with_help("give it a path without line breaks and other control characters, in UTF-8")
}
