//! A service of `systemd --user`: where its unit lies, and what is asked of `systemctl`.

use std::path::{Path, PathBuf};

use nexus_config::Service;

use super::host::Host;
use super::keeper::{Answered, State, refused};
use crate::cli::error::CliError;

/// Where systemd looks for a user's units.
pub(super) fn path(host: &Host) -> Option<PathBuf> {
    let settings = host.place("XDG_CONFIG_HOME").map(Path::to_owned);
    let settings = settings.or_else(|| Some(host.home.as_ref()?.join(".config")));
    Some(settings?.join("systemd").join("user").join(Service::UNIT))
}

fn systemctl(host: &Host, arguments: &[&str]) -> Result<String, String> {
    host.call("systemctl", &[&["--user"], arguments].concat())
}

/// What follows the reading of the file. A node that runs is started anew only if its file is another one.
fn steps(is_replaced: bool) -> &'static [&'static [&'static str]] {
    const FRESH: &[&[&str]] = &[&["enable", "--now", Service::UNIT]];
    const REPLACED: &[&[&str]] = &[&["enable", Service::UNIT], &["restart", Service::UNIT]];
    if is_replaced { REPLACED } else { FRESH }
}

/// What a person types to have the unit read, enabled and started.
pub(super) fn by_hand(is_replaced: bool) -> Vec<String> {
    let steps = [&[&["daemon-reload"][..]], steps(is_replaced)].concat();
    steps.iter().map(|step| format!("systemctl --user {}", step.join(" "))).collect()
}

/// Has the unit read, enabled and started.
pub(super) fn start(host: &Host, path: &Path, is_replaced: bool) -> Result<Answered, CliError> {
    if let Err(why) = systemctl(host, &["daemon-reload"]) {
        return Ok(Answered::Not(why));
    }
    for step in steps(is_replaced) {
        systemctl(host, step).map_err(|why| {
            refused(&format!("systemctl --user {}", step.join(" ")), &why).with_help(format!(
                "{} is written; `systemctl --user status {unit}` and `journalctl --user -u {unit}` say more, \
                 `nexus service install` tries again",
                path.display(),
                unit = Service::UNIT
            ))
        })?;
    }
    Ok(Answered::Done)
}

/// Has the unit stopped, and started no more.
pub(super) fn stop(host: &Host) -> Result<Answered, CliError> {
    if let Err(why) = systemctl(host, &["daemon-reload"]) {
        return Ok(Answered::Not(why));
    }
    systemctl(host, &["disable", "--now", Service::UNIT]).map_err(|why| {
        let what = format!("systemctl --user disable --now {}", Service::UNIT);
        refused(&what, &why).with_help("nothing was removed; `nexus service uninstall` tries again")
    })?;
    Ok(Answered::Done)
}

/// Has systemd forget a unit whose file is gone; without it, takes away what enabling made.
pub(super) fn forget(host: &Host, path: &Path, stopped: &Answered) {
    match stopped {
        Answered::Done => {
            // Both are for tidiness: what is left of a unit without a file is a line in a list.
            let _ = systemctl(host, &["daemon-reload"]);
            let _ = systemctl(host, &["reset-failed", Service::UNIT]);
        }
        Answered::Not(_) => {
            let link = path.with_file_name("default.target.wants").join(Service::UNIT);
            if link.is_symlink() {
                // systemd passes over a link to nothing.
                let _ = std::fs::remove_file(link);
            }
        }
    }
}

/// How systemd says that the unit is.
pub(super) fn state(host: &Host) -> State {
    let properties = "--property=ActiveState,SubState,MainPID,UnitFileState,NeedDaemonReload";
    let shown = match systemctl(host, &["show", Service::UNIT, properties]) {
        Ok(shown) => shown,
        Err(why) => return State { unknown: Some(why), ..State::default() },
    };
    let said = |name: &str| shown.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('=')).unwrap_or("");
    let state = match (said("ActiveState"), said("SubState")) {
        (active, "") => active.to_owned(),
        (active, sub) => format!("{active} ({sub})"),
    };
    State {
        enabled: Some(said("UnitFileState") == "enabled"),
        running: Some(said("ActiveState") == "active"),
        state: Some(state),
        pid: said("MainPID").parse().ok().filter(|pid| *pid != 0),
        is_outdated: said("NeedDaemonReload") == "yes",
        unknown: None,
    }
}

/// Whether the services of this user run from boot on, and not just while somebody is logged in; `None` where logind does not say.
pub(super) fn lingers(host: &Host) -> Option<bool> {
    // A user who is not logged in and does not linger is unknown to it.
    let said = host.call("loginctl", &["show-user", &host.user.to_string(), "--property=Linger", "--value"]).ok()?;
    Some(said.trim() == "yes")
}
