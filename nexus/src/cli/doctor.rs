//! `nexus doctor`: looks at everything that a node or a program needs of this machine, and says what to do.
//!
//! Each check is a function that gives one finding. None changes anything that was there: the file with which the disk is
//! timed is taken away again, the port is let go. It is not a monitor; `nexus status` shows how a cluster is.

use std::fs::{self, File};
use std::io::Write as _;
use std::net::{TcpListener, UdpSocket};
use std::path::Path;
use std::time::{Duration, Instant};

use nexus_config::{Config, Flags, Http, Machine, Places};
use nexus_model::{DeviceInfo, DeviceKind};
use nexus_wire::{Request, Response, StatusView};
use serde::Serialize;

use super::cluster::Cluster as _;
use super::codes;
use super::error::{CliError, Exit};
use super::world::World;
use crate::output::json::document;
use crate::output::paint::{ERROR, FAINT, GOOD, WARNING};
use crate::output::table::{Align, Cell, Table};
use crate::output::{Console, units};

/// Free space below which a node soon cannot keep what it accepts.
const FREE_BYTES_MIN: u64 = 1 << 30;
/// A write that takes longer to reach the disk makes every submission slow.
const SYNC_MAX: Duration = Duration::from_millis(20);
/// Writes of which the median is taken.
const SYNCS: usize = 5;
/// Bytes of each.
const SYNC_BYTES: usize = 4096;
/// Files and connections that a busy node holds open.
const OPEN_FILES_MIN: u64 = 1024;

/// How a check went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
enum Mark {
    /// As it should be.
    Ok,
    /// Works, but not well.
    Warning,
    /// Does not work.
    Problem,
}

/// What a check found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Finding {
    check: &'static str,
    state: Mark,
    found: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    advice: Option<String>,
}

impl Finding {
    fn ok(check: &'static str, found: impl Into<String>) -> Finding {
        Finding { check, state: Mark::Ok, found: found.into(), advice: None }
    }

    fn warning(check: &'static str, found: impl Into<String>, advice: impl Into<String>) -> Finding {
        Finding { check, state: Mark::Warning, found: found.into(), advice: Some(advice.into()) }
    }

    fn problem(check: &'static str, found: impl Into<String>, advice: impl Into<String>) -> Finding {
        Finding { check, state: Mark::Problem, found: found.into(), advice: Some(advice.into()) }
    }
}

#[derive(Debug, Serialize)]
struct DoctorDocument<'a> {
    version: &'static str,
    findings: &'a [Finding],
}

/// Runs the verb: an error where anything does not work.
pub(crate) async fn doctor(data: Option<&Path>, world: &impl World, console: &mut Console) -> Result<(), CliError> {
    let flags = Flags { data: data.map(Path::to_owned), ..Flags::default() };
    let machine = Machine::look();
    let mut findings = Vec::new();
    match Config::load(&flags, &machine) {
        Ok(config) => {
            findings.push(settings(&flags, &machine));
            findings.extend(folder(config.node().data()));
            findings.push(node(config.node().data(), &config, world).await);
            findings.push(memory(config.worker().memory_bytes(), machine.memory_bytes));
        }
        Err(errors) => findings.push(Finding::problem(
            "settings",
            errors.to_string(),
            "correct the file, or name another folder with --data FOLDER",
        )),
    }
    findings.push(open_files());
    findings.push(devices(&world.devices(), &world.hardware_devices()));
    answer(&findings, console)
}

/// Where the settings come from.
fn settings(flags: &Flags, machine: &Machine) -> Finding {
    match Places::config_file(flags, machine) {
        Some(path) if path.exists() => Finding::ok("settings", path.display().to_string()),
        Some(path) => Finding::ok("settings", format!("defaults ({} is not there)", path.display())),
        None => Finding::ok("settings", "defaults"),
    }
}

/// The folder of data, and the disk below it.
fn folder(data: &Path) -> Vec<Finding> {
    // A node makes the folder when it first starts; until then its nearest parent tells what will be.
    let Some(place) = data.ancestors().find(|folder| folder.is_dir()) else {
        return vec![Finding::problem(
            "data",
            format!("{} cannot be reached", data.display()),
            "name another with --data",
        )];
    };
    let name = data.display();
    let mut findings = Vec::new();
    match sync_time(place) {
        Ok(median) if median <= SYNC_MAX => findings
            .push(Finding::ok("data", format!("{name}, a write reaches the disk in {}", units::duration(median)))),
        Ok(median) => findings.push(Finding::warning(
            "data",
            format!("{name}, a write takes {} to reach the disk", units::duration(median)),
            "everything accepted waits for that: put the folder on a faster disk with --data or NEXUS_HOME",
        )),
        Err(error) if error.kind() == std::io::ErrorKind::StorageFull => findings.push(Finding::problem(
            "data",
            format!("{} cannot be written to: {error}", place.display()),
            "make room on its disk, or name another folder with --data or NEXUS_HOME",
        )),
        Err(error) => findings.push(Finding::problem(
            "data",
            format!("{} cannot be written to: {error}", place.display()),
            "give this user the right to write there, or name another folder with --data or NEXUS_HOME",
        )),
    }
    if let Ok(stat) = rustix::fs::statvfs(place) {
        let free = stat.f_bavail.saturating_mul(stat.f_frsize);
        let found = format!("{} free", units::bytes(free));
        findings.push(match free >= FREE_BYTES_MIN {
            true => Finding::ok("disk", found),
            false => Finding::warning("disk", found, "a node stops while its disk is full: make room there"),
        });
    }
    findings
}

/// The median time that a small write takes to reach the disk below `folder`.
fn sync_time(folder: &Path) -> std::io::Result<Duration> {
    let path = folder.join(format!(".nexus-doctor-{}", std::process::id()));
    let mut file = File::create_new(&path)?;
    let mut measure = || {
        let mut times = Vec::with_capacity(SYNCS);
        for _ in 0..SYNCS {
            let begun = Instant::now();
            file.write_all(&[0; SYNC_BYTES])?;
            file.sync_data()?;
            times.push(begun.elapsed());
        }
        times.sort_unstable();
        Ok(times[SYNCS / 2])
    };
    let median = measure();
    fs::remove_file(&path)?;
    median
}

/// The node of this machine: whether it answers, and what it says of its cluster. Without one, whether one could start.
async fn node(data: &Path, config: &Config, world: &impl World) -> Finding {
    let cluster = match world.connect(data).await {
        Ok(cluster) => cluster,
        Err(error) => return port(config, &error.message),
    };
    let answer = cluster.request(Request::GetStatus).await;
    cluster.close().await;
    match answer {
        Ok(Response::Status(status)) => of_cluster(&status),
        Ok(_) => Finding::problem("node", "answers something else than was asked", "bring all nodes to one version"),
        Err(refusal) => {
            let advice = refusal.help.unwrap_or_else(|| format!("`nexus explain {}` tells more", refusal.code));
            Finding::problem("node", refusal.message, advice)
        }
    }
}

/// Whether a node could listen where the settings say, as none answers. One that hangs holds its port.
fn port(config: &Config, silence: &str) -> Finding {
    let listen = config.node().listen();
    if let Http::At(page) = config.node().http()
        && let Err(error) = TcpListener::bind(page)
    {
        return Finding::problem(
            "node",
            format!("{silence}; its web page could not be at {page}: {error}"),
            "end the program that has the port, or choose another with `node.http` in nexus.toml or --http",
        );
    }
    match UdpSocket::bind(listen) {
        Ok(_) if listen.port() == 0 => Finding::ok("node", format!("{silence}; one would take any free port")),
        Ok(_) => Finding::ok("node", format!("{silence}; {listen} is free for one")),
        Err(error) => Finding::problem(
            "node",
            format!("{silence}; none could listen on {listen}: {error}"),
            "end the program that has the port, or choose another with `node.listen` in nexus.toml or --listen",
        ),
    }
}

/// What a node says of its cluster.
fn of_cluster(status: &StatusView) -> Finding {
    let nodes = units::count(status.nodes.len() as u64, "node");
    let own = env!("CARGO_PKG_VERSION");
    match &status.leader {
        None => Finding::problem(
            "node",
            format!("answers, but its cluster \"{}\" ({nodes}) has no leader", status.cluster),
            "start the voters that `nexus status` shows as down; if they are lost for ever, see `nexus cluster recover --help`",
        ),
        Some(_) if status.version != own => Finding::warning(
            "node",
            format!("answers with version {}, and this command has {own}", status.version),
            "bring both to one version",
        ),
        Some(_) => Finding::ok("node", format!("answers; cluster \"{}\", {nodes}", status.cluster)),
    }
}

/// What tasks may use beside what there is.
fn memory(tasks: u64, machine: u64) -> Finding {
    let found = format!("tasks may use {}", units::memory(tasks));
    if machine > 0 && tasks > machine {
        let found = format!("{found}, and the machine has {}", units::memory(machine));
        return Finding::warning("memory", found, "lower `worker.memory` in nexus.toml");
    }
    Finding::ok("memory", found)
}

/// How many files and connections this user's programs may hold open.
fn open_files() -> Finding {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    match limit.current {
        Some(most) if most < OPEN_FILES_MIN => Finding::warning(
            "open files",
            format!("at most {most} at once"),
            format!("allow {OPEN_FILES_MIN} before starting a node: `ulimit -n {OPEN_FILES_MIN}`"),
        ),
        Some(most) => Finding::ok("open files", format!("up to {most} at once")),
        None => Finding::ok("open files", "no limit"),
    }
}

/// What computes here.
fn devices(all: &[DeviceInfo], chosen: &[DeviceInfo]) -> Finding {
    let names: Vec<String> = all.iter().map(|info| format!("{} {}", info.kind.name(), info.name)).collect();
    let gpu = |devices: &[DeviceInfo]| devices.iter().any(|info| info.kind == DeviceKind::Gpu);
    let note = match (gpu(all), gpu(chosen)) {
        (_, true) => "",
        (true, false) => " (only imitates a GPU: used when asked for with --device gpu)",
        (false, false) => "; no GPU that programs could use",
    };
    Finding::ok("devices", format!("{}{note}", names.join(" · ")))
}

/// Shows the findings.
fn answer(findings: &[Finding], console: &mut Console) -> Result<(), CliError> {
    if console.is_json() {
        console.answer(&document(&DoctorDocument { version: env!("CARGO_PKG_VERSION"), findings }));
    } else {
        let mut table = Table::new(&[("STATE", Align::Left), ("CHECK", Align::Left), ("FOUND", Align::Left)]);
        for finding in findings {
            let state = match finding.state {
                Mark::Ok => Cell::painted(GOOD, "ok"),
                Mark::Warning => Cell::painted(WARNING, "warning"),
                Mark::Problem => Cell::painted(ERROR, "problem"),
            };
            table.row(vec![state, Cell::new(finding.check), Cell::new(&finding.found)]);
            if let Some(advice) = &finding.advice {
                table.row(vec![Cell::new(""), Cell::new(""), Cell::painted(FAINT, format!("→ {advice}"))]);
            }
        }
        console.answer(&table.render());
    }
    let problems = findings.iter().filter(|finding| finding.state == Mark::Problem).count();
    match problems {
        0 => Ok(()),
        _ => {
            let message = format!("{} found", units::count(problems as u64, "problem"));
            let error = CliError::new(Exit::Unreachable, codes::DOCTOR, message);
            Err(if console.is_json() { error.told() } else { error })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::error::tests::pages;
    use crate::cli::fake::status as fake_status;

    fn device(kind: DeviceKind, name: &str) -> DeviceInfo {
        DeviceInfo { kind, name: name.into() }
    }

    #[test]
    fn a_folder_that_can_be_written_is_timed_and_left_as_it_was() {
        let place = tempfile::tempdir().unwrap();
        let findings = folder(&place.path().join("not/yet/there"));
        assert_ne!(findings[0].state, Mark::Problem, "{findings:?}");
        assert_eq!(fs::read_dir(place.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_place_that_is_no_folder_is_a_problem_with_advice() {
        let findings = folder(Path::new("/proc/self/nowhere"));
        assert_eq!(findings[0].state, Mark::Problem, "{findings:?}");
        assert!(findings[0].advice.as_ref().is_some_and(|advice| advice.contains("--data")), "{findings:?}");
    }

    #[test]
    fn a_port_in_use_is_a_problem() {
        let taken = UdpSocket::bind("127.0.0.1:0").unwrap();
        let flags = Flags { listen: Some(taken.local_addr().unwrap()), data: Some("/d".into()), ..Flags::default() };
        let config = Config::load(&flags, &Machine::default()).unwrap();
        assert_eq!(port(&config, "none").state, Mark::Problem);
        drop(taken);
        assert_eq!(port(&config, "none").state, Mark::Ok);
    }

    #[test]
    fn a_cluster_without_a_leader_is_a_problem_and_another_version_a_warning() {
        let mut status = fake_status();
        status.version = env!("CARGO_PKG_VERSION").to_owned();
        assert_eq!(of_cluster(&status).state, Mark::Ok);
        status.version = "0.0.0".to_owned();
        assert_eq!(of_cluster(&status).state, Mark::Warning);
        status.leader = None;
        assert_eq!(of_cluster(&status).state, Mark::Problem);
    }

    #[test]
    fn more_memory_than_there_is_and_imitated_gpus_are_told() {
        assert_eq!(memory(2 << 30, 1 << 30).state, Mark::Warning);
        assert_eq!(memory(1 << 30, 0).state, Mark::Ok);
        let cpu = device(DeviceKind::Cpu, "2 threads");
        let both = [cpu.clone(), device(DeviceKind::Gpu, "llvmpipe")];
        assert!(devices(&both, std::slice::from_ref(&cpu)).found.contains("imitates"));
        assert!(devices(std::slice::from_ref(&cpu), std::slice::from_ref(&cpu)).found.contains("no GPU"));
        assert_eq!(devices(&both, &both).found, "cpu 2 threads · gpu llvmpipe");
    }

    #[test]
    fn problems_make_the_command_fail_and_stand_in_the_document() {
        let findings = [Finding::ok("a", "well"), Finding::problem("b", "broken", "mend it")];
        let (mut console, out, _) = pages(false);
        let error = answer(&findings, &mut console).unwrap_err();
        assert_eq!((error.exit, error.message.as_str()), (Exit::Unreachable, "1 problem found"));
        insta::assert_snapshot!(anstream::adapter::strip_str(&out.text()).to_string(), @r"
        STATE    CHECK  FOUND
        ok       a      well
        problem  b      broken
                        → mend it
        ");
        let (mut console, out, _) = pages(true);
        assert!(answer(&findings, &mut console).unwrap_err().is_told);
        assert!(out.text().contains(r#"{"check":"b","state":"problem","found":"broken","advice":"mend it"}"#));
        assert!(answer(&findings[..1], &mut console).is_ok());
    }
}
