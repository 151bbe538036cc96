//! A service of launchd: where the agent's property list and log lie, and what is asked of `launchctl`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use nexus_config::Service;

use super::host::Host;
use super::keeper::{Answered, State, refused};
use crate::cli::error::CliError;

/// Between two looks whether an agent has gone, and how many there are: the 45 s that its file gives it, and a few.
const LOOK: Duration = Duration::from_millis(200);
const LOOKS_MAX: u32 = 250;

/// Where launchd looks for a user's agents.
pub(super) fn path(host: &Host) -> Option<PathBuf> {
    Some(host.home.as_ref()?.join("Library").join("LaunchAgents").join(format!("{}.plist", Service::LABEL)))
}

/// Where the node's words go.
pub(super) fn log(host: &Host) -> Option<PathBuf> {
    Some(host.home.as_ref()?.join("Library").join("Logs").join("nexus.log"))
}

fn launchctl(host: &Host, arguments: &[&str]) -> Result<String, String> {
    host.call("launchctl", arguments)
}

/// The user's session, and the agent in it.
fn names(host: &Host) -> (String, String) {
    let domain = format!("gui/{}", host.user);
    let target = format!("{domain}/{}", Service::LABEL);
    (domain, target)
}

/// What a person types to have the agent loaded and started.
pub(super) fn by_hand(host: &Host, path: &Path, is_replaced: bool) -> Vec<String> {
    let (domain, target) = names(host);
    // A home folder may have spaces in its name.
    let path = format!("'{}'", path.display().to_string().replace('\'', "'\\''"));
    let unload = is_replaced.then(|| format!("launchctl bootout {target}"));
    unload.into_iter().chain([format!("launchctl bootstrap {domain} {path}")]).collect()
}

/// Has the agent loaded and started.
pub(super) fn start(host: &Host, path: &Path, is_replaced: bool) -> Result<Answered, CliError> {
    let (domain, target) = names(host);
    if let Err(why) = launchctl(host, &["print", &domain]) {
        return Ok(Answered::Not(why));
    }
    let failed = |step: &str, why: String| {
        refused(&format!("launchctl {step}"), &why)
            .with_help(format!("{} is written; `nexus service install` tries again", path.display()))
    };
    let before = state(host);
    if before.running == Some(true) && !is_replaced {
        return Ok(Answered::Done);
    }
    if before.enabled == Some(true) {
        unload(host, &target).map_err(|why| failed(&format!("bootout {target}"), why))?;
    }
    if let Some(folder) = log(host).as_deref().and_then(Path::parent) {
        // Every account has it; launchd says so where it is missing.
        let _ = std::fs::create_dir_all(folder);
    }
    // An agent that somebody disabled would not be loaded.
    launchctl(host, &["enable", &target]).map_err(|why| failed(&format!("enable {target}"), why))?;
    let file = path.display().to_string();
    launchctl(host, &["bootstrap", &domain, &file]).map_err(|why| failed(&format!("bootstrap {domain}"), why))?;
    Ok(Answered::Done)
}

/// Has the agent stopped and unloaded.
pub(super) fn stop(host: &Host) -> Result<Answered, CliError> {
    let (domain, target) = names(host);
    if let Err(why) = launchctl(host, &["print", &domain]) {
        return Ok(Answered::Not(why));
    }
    if state(host).enabled == Some(true) {
        unload(host, &target).map_err(|why| {
            refused(&format!("launchctl bootout {target}"), &why)
                .with_help("nothing was removed; `nexus service uninstall` tries again")
        })?;
    }
    Ok(Answered::Done)
}

/// Takes a loaded agent out, and waits until it has gone: loading it again fails before.
fn unload(host: &Host, target: &str) -> Result<(), String> {
    let asked = launchctl(host, &["bootout", target]);
    for _ in 0..LOOKS_MAX {
        if launchctl(host, &["print", target]).is_err() {
            return Ok(());
        }
        // It says that it is still at it where that takes long.
        if let Err(why) = &asked
            && !why.contains("progress")
        {
            return Err(why.clone());
        }
        std::thread::sleep(LOOK);
    }
    Err("the node has not ended yet".to_owned())
}

/// How launchd says that the agent is. One that is loaded is started at every log-in.
pub(super) fn state(host: &Host) -> State {
    let (domain, target) = names(host);
    let shown = match launchctl(host, &["print", &target]) {
        Ok(shown) => shown,
        Err(_) => {
            return match launchctl(host, &["print", &domain]) {
                Ok(_) => State { enabled: Some(false), running: Some(false), ..State::default() },
                Err(why) => State { unknown: Some(why), ..State::default() },
            };
        }
    };
    // Its own lines come first; those of what belongs to it may have the same names.
    let said = |name: &str| {
        shown.lines().find_map(|line| line.trim().strip_prefix(name)?.trim_start().strip_prefix('=')).map(str::trim)
    };
    let state = said("state").map(str::to_owned);
    State {
        enabled: Some(true),
        running: Some(state.as_deref() == Some("running")),
        pid: said("pid").and_then(|pid| pid.parse().ok()),
        state,
        // It does not say.
        is_outdated: false,
        unknown: None,
    }
}
