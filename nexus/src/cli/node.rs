//! `nexus node`: this machine as a node, and the nodes of the cluster.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, Subcommand};
use nexus_config::{Config, Flags, Http};
use nexus_model::{Labels, NodeId, NodeRole};
use nexus_wire::{ClusterRequest, NodeState, NodeView, Request, Response};

use serde::Serialize;
use tokio::sync::watch;

use super::cluster::{self, Cluster, find_node, unexpected};
use super::codes;
use super::error::{CliError, Exit};
use super::full_disk;
use super::jobs::now_ms;
use super::nearby;
use super::node_label::{self, LabelChange};
use super::world::World;
use crate::output::json::{NodeDocument, NodesDocument, document};
use crate::output::paint::{ERROR, GOOD, NAME, WARNING, paint};
use crate::output::table::{Align, Cell, Table};
use crate::output::{Console, units};

/// Where a token may be given without being seen in lists of processes.
pub(crate) const JOIN_TOKEN_VARIABLE: &str = "NEXUS_JOIN_TOKEN";

/// How long a node of this machine that was told to stop is waited for: it gives its peers five seconds, and its tasks some.
const STOP_PATIENCE: Duration = Duration::from_secs(30);

/// Start, list, drain, stop or forget nodes.
#[derive(Debug, Clone, Args)]
pub(crate) struct NodeArgs {
    #[command(subcommand)]
    pub(crate) verb: NodeVerb,
}

#[derive(Debug, Clone, Subcommand)]
pub(crate) enum NodeVerb {
    /// Make this machine a node, of a cluster of its own or of one that it joins; runs until Ctrl-C
    Start(StartArgs),
    /// List the nodes of the cluster
    #[command(after_help = "Examples:\n  nexus node list\n  nexus node list --json")]
    List,
    /// Let a node end what it holds and give it nothing new
    #[command(after_help = "Examples:\n  nexus node drain air\n  nexus node drain air --undo")]
    Drain {
        /// Name or id; the node on this machine where absent
        #[arg(value_name = "NODE")]
        node: Option<String>,
        /// Give it work again
        #[arg(long)]
        undo: bool,
    },
    /// Show a node's labels, or give it some and take others away; jobs ask for them with --require and --prefer
    #[command(
        after_help = "Examples:\n  nexus node label studio\n  nexus node label studio zone=home rack=3\n  nexus node label studio rack-"
    )]
    Label {
        /// Name or id
        #[arg(value_name = "NODE")]
        node: String,
        /// A label to give, or one to take away
        #[arg(value_name = "LABEL=VALUE|LABEL-")]
        labels: Vec<LabelChange>,
    },
    /// Take a machine or person out of the cluster for ever; its certificates count no more
    #[command(after_help = "Examples:\n  nexus node forget air")]
    Forget {
        /// Name or id of a machine, or the id of a person
        #[arg(value_name = "NODE")]
        node: String,
    },
    /// Stop a node in order; its running tasks go back to the queue
    #[command(after_help = "Examples:\n  nexus node stop\n  nexus node stop air")]
    Stop {
        /// Name or id; the node on this machine where absent
        #[arg(value_name = "NODE")]
        node: Option<String>,
    },
}

/// Make this machine a node.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  nexus node start
  nexus node start --name studio --listen 192.168.1.20:4747
  nexus node start --join 192.168.1.20:4747 --token NXJ1.7Yk…
  nexus node start --join --token NXJ1.7Yk…      (finds the token's cluster on the local network)
  nexus node start --join                        (lists what is there)
  nexus node start --data second --listen 127.0.0.1:0 --join 127.0.0.1:4747 --token NXJ1.7Yk…")]
pub(crate) struct StartArgs {
    #[command(flatten)]
    pub(crate) settings: NodeSettings,
    /// Join the cluster of the node at this address; without one, nodes are looked for on the local network
    #[arg(long, value_name = "ADDRESS")]
    #[expect(clippy::option_option, reason = "clap's form of an option whose value may be left out")]
    pub(crate) join: Option<Option<String>>,
    /// The token that `nexus token create` printed there; that in NEXUS_JOIN_TOKEN, which no list of processes shows,
    /// where absent
    #[arg(long, value_name = "TOKEN", requires = "join")]
    pub(crate) token: Option<String>,
}

// What every start of a node is given, by hand or as a service. No documentation: it would be the help of the commands.
#[derive(Debug, Clone, Args)]
pub(crate) struct NodeSettings {
    /// Address of the node; port 0 takes any free one. A node that is started again listens where it did
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) listen: Option<SocketAddr>,
    /// Address of the web page with the metrics, or `off`
    #[arg(long, value_name = "ADDRESS", value_parser = http)]
    pub(crate) http: Option<Http>,
    /// What people call the machine; its host name where absent
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// Tasks at once; one for each core where absent
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=4096))]
    pub(crate) slots: Option<u32>,
    /// Read these settings instead of nexus.toml
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

/// How to start a node: the settings with what the command line says over them.
#[derive(Debug, Clone)]
pub(crate) struct NodeStart {
    /// Settings.
    pub(crate) config: Config,
    /// Name for people.
    pub(crate) name: String,
    /// Tasks at once.
    pub(crate) slots: u32,
    /// Addresses of nodes of the cluster to join, and the token.
    pub(crate) join: Option<(Vec<String>, String)>,
}

/// What a node that has started says of itself.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct NodeStarted {
    /// Id.
    pub(crate) node: u64,
    /// Name.
    pub(crate) name: String,
    /// Its cluster.
    pub(crate) cluster: String,
    /// `founded`, `joined` or `returned`.
    pub(crate) arrival: &'static str,
    /// Where it listens.
    pub(crate) address: String,
    /// Where its web page is, if it has one.
    pub(crate) web: Option<String>,
    /// Folder of its data.
    pub(crate) data: String,
    /// Tasks at once.
    pub(crate) slots: u32,
    /// Devices as people read them.
    pub(crate) devices: Vec<String>,
    /// Version of this program.
    pub(crate) version: &'static str,
}

/// What `--http` may be.
fn http(text: &str) -> Result<Http, String> {
    Http::parse(text).ok_or_else(|| "it can be an address and a port such as 127.0.0.1:4748, or off".to_owned())
}

/// `nexus node start`.
pub(crate) fn start(
    args: &StartArgs,
    data: Option<PathBuf>,
    world: &impl World,
    console: &mut Console,
    interrupted: watch::Receiver<bool>,
) -> Result<(), CliError> {
    let NodeSettings { listen, http, name, slots, config } = &args.settings;
    let flags = Flags { config: config.clone(), data, listen: *listen, http: *http };
    let config = super::config(&flags)?;
    let start = NodeStart {
        name: name.clone().unwrap_or_else(|| config.node().name().to_owned()),
        slots: slots.unwrap_or_else(|| config.worker().slots()),
        join: place_to_join(args, config.node().data(), world, console)?,
        config,
    };
    let data = start.config.node().data().to_owned();
    let mut has_started = false;
    let ended = world.node(
        start,
        |started| {
            has_started = true;
            if console.is_json() {
                console.answer(&document(started));
            } else {
                console.answer(&greeting(started));
            }
        },
        interrupted.clone(),
    );
    if let Err(error) = ended {
        if has_started && full_disk::wait_for_room(&error, &data, &interrupted, console) {
            return Err(world.begin_again(full_disk::arguments_to_begin_again(std::env::args_os().skip(1))));
        }
        return Err(full_disk::explained(error, &data));
    }
    if !console.is_json() {
        console.say("stopped");
    }
    Ok(())
}

/// Where the cluster to join is, and the token.
fn place_to_join(
    args: &StartArgs,
    data: &Path,
    world: &impl World,
    console: &mut Console,
) -> Result<Option<(Vec<String>, String)>, CliError> {
    let Some(address) = &args.join else {
        // Whoever is a member needs none, so one that is left over harms nobody; a new cluster would not be what was meant.
        return match world.join_token() {
            Some(_) if !world.is_member(data) => Err(only_a_token(data)),
            _ => Ok(None),
        };
    };
    let token = args.token.clone().or_else(|| world.join_token());
    let addresses = match (address, &token) {
        (Some(address), Some(_)) => vec![address.clone()],
        (Some(_), None) => {
            let help =
                "make one on a node of the cluster with `nexus token create --role worker`, then add --token TOKEN";
            return Err(CliError::new(Exit::Usage, codes::USAGE, "--join needs a token").with_help(help));
        }
        (None, token) => nearby::addresses(token.as_deref(), data, world, console)?,
    };
    // What was looked for without a token was not found.
    Ok(token.map(|token| (addresses, token)))
}

/// There is a token for a cluster, and nobody says that it is to be joined.
fn only_a_token(data: &Path) -> CliError {
    let message =
        format!("{JOIN_TOKEN_VARIABLE} is set without --join, and {} belongs to no cluster yet", data.display());
    let help = format!(
        "add --join ADDRESS to join the token's cluster, or --join alone to find it on the local network; to begin a new \
         cluster, unset {JOIN_TOKEN_VARIABLE}"
    );
    CliError::new(Exit::Usage, codes::USAGE, message).with_help(help)
}

fn greeting(started: &NodeStarted) -> String {
    let NodeStarted { node, name, cluster, arrival, address, web, data, slots, devices, version } = started;
    let cluster = match *arrival {
        "founded" => format!("new cluster \"{cluster}\""),
        "joined" => format!("joined cluster \"{cluster}\""),
        _ => format!("cluster \"{cluster}\""),
    };
    let devices = if devices.is_empty() { "cpu".to_owned() } else { devices.join(" · ") };
    let web = web.as_ref().map(|web| format!(" · web {web}")).unwrap_or_default();
    format!(
        "nexus {version} · node {} (node-{node}) · {cluster}\n\
         devices   {devices} · {}\n\
         listening quic {address}{web}\n\
         data      {data}\n\
         Add a machine:  nexus token create --role worker\n\
         Stop with Ctrl-C; install as a service with `nexus service install`.\n",
        paint(NAME, name),
        units::count(u64::from(*slots), "slot"),
    )
}

/// `nexus node list`.
pub(crate) async fn list(cluster: &impl Cluster, console: &mut Console) -> Result<(), CliError> {
    let nodes = cluster::nodes_with_health(cluster).await?;
    // A cluster of an earlier version knows none.
    let labels = node_label::all(cluster).await.unwrap_or_default();
    if console.is_json() {
        let with_labels = |node: &NodeView| NodeDocument {
            labels: Some(labels.get(&node.node).map(Labels::iter).into_iter().flatten().map(owned).collect()),
            ..NodeDocument::of(node, now_ms())
        };
        console.answer(&document(&NodesDocument { nodes: nodes.iter().map(with_labels).collect() }));
        return Ok(());
    }
    console.answer(&table(&nodes, now_ms()));
    let labelled = nodes.iter().filter_map(|node| Some((node, labels.get(&node.node)?)));
    labelled.for_each(|(node, labels)| console.answer(&format!("{}: {labels}\n", paint(NAME, &node.name))));
    Ok(())
}

fn owned((name, value): (&str, &str)) -> (String, String) {
    (name.to_owned(), value.to_owned())
}

/// `nexus node stop --json`.
#[derive(Debug, Serialize)]
struct StoppedNode {
    /// It was told to.
    stopping: bool,
    /// Its process has ended, as can be seen of the node of this machine.
    stopped: bool,
}

/// `nexus node stop`. The node of this machine is waited for, so that another one can start in its place.
pub(crate) async fn stop(node: Option<&str>, cluster: &impl Cluster, console: &mut Console) -> Result<(), CliError> {
    let (id, name) = named(node, cluster).await?;
    if cluster.request(Request::StopNode(id)).await? != Response::Done {
        return Err(unexpected());
    }
    let gone = cluster.until_gone(id, STOP_PATIENCE).await;
    if gone == Some(false) {
        let seconds = STOP_PATIENCE.as_secs();
        let message = format!("{name} was told to stop and has not ended after {seconds} s");
        let error = CliError::new(Exit::Unreachable, codes::STILL_THERE, message);
        return Err(error.with_help("its log says what it waits for; a start with its folder fails until it has ended"));
    }
    let has_ended = gone.is_some();
    if console.is_json() {
        console.answer(&document(&StoppedNode { stopping: true, stopped: has_ended }));
    } else if has_ended {
        console.say(&format!("{name} has stopped; its running tasks went back to the queue"));
    } else {
        console.say(&format!("{name} is stopping; its running tasks go back to the queue"));
    }
    Ok(())
}

/// `nexus node drain`.
pub(crate) async fn drain(
    node: Option<&str>,
    draining: bool,
    cluster: &impl Cluster,
    console: &mut Console,
) -> Result<(), CliError> {
    let (node, name) = named(node, cluster).await?;
    let request = ClusterRequest::DrainNode { node, draining };
    match (cluster.request(Request::Cluster(Box::new(request))).await?, draining) {
        (Response::Done, _) if console.is_json() => console.answer(&format!("{{\"draining\":{draining}}}\n")),
        (Response::Done, true) => console.say(&format!("{name} ends what it holds and takes nothing new")),
        (Response::Done, false) => console.say(&format!("{name} takes tasks again")),
        _ => return Err(unexpected()),
    }
    Ok(())
}

/// `nexus node forget`.
pub(crate) async fn forget(node: &str, cluster: &impl Cluster, console: &mut Console) -> Result<(), CliError> {
    // People are members too and are on no list of machines: an id is taken as it is.
    let id = match node.parse() {
        Ok(id) => id,
        Err(_) => find_node(&cluster::nodes(cluster).await?, node)?,
    };
    match cluster.request(Request::Cluster(Box::new(ClusterRequest::ForgetNode(id)))).await? {
        Response::Done if console.is_json() => console.answer(&format!("{{\"forgotten\":{}}}\n", id.0)),
        Response::Done => console.say(&format!("{node} ({id}) is out of the cluster; its tasks go back to the queue")),
        _ => return Err(unexpected()),
    }
    Ok(())
}

/// The node that `text` means, and what to call it.
async fn named(text: Option<&str>, cluster: &impl Cluster) -> Result<(Option<NodeId>, String), CliError> {
    let Some(text) = text else { return Ok((None, "the node on this machine".to_owned())) };
    let nodes = cluster::nodes(cluster).await?;
    let id = find_node(&nodes, text)?;
    let name = nodes.iter().find(|node| node.node == id).map(|node| node.name.clone()).unwrap_or_default();
    Ok((Some(id), format!("{name} ({id})")))
}

/// The nodes as a table: of `node list` and of `status`.
pub(crate) fn table(nodes: &[NodeView], now_ms: u64) -> String {
    let columns = ["NODE", "ID", "ROLE", "STATE", "SLOTS", "CPU", "GPU", "MEM", "TASKS", "RTT", "ADDRESS"];
    let mut table = Table::new(&columns.map(|name| (name, Align::Left)));
    for node in nodes {
        let facts = NodeDocument::of(node, now_ms);
        let roles: Vec<&str> =
            NodeRole::ALL.iter().filter(|role| node.roles.contains(role)).map(|role| role.name()).collect();
        let state = match (node.state, facts.seen_ms) {
            (NodeState::Up, _) if facts.slots == 0 => Cell::new(if node.running > 0 { "draining" } else { "drained" }),
            (NodeState::Up, _) if !facts.held_by.is_empty() => Cell::painted(WARNING, "paused"),
            (NodeState::Up, _) => Cell::painted(GOOD, "up"),
            (NodeState::Down, None) => Cell::painted(ERROR, "down"),
            (NodeState::Down, Some(seen)) => {
                Cell::painted(ERROR, format!("down ({})", units::age(Duration::from_millis(seen))))
            }
        };
        table.row(vec![
            Cell::painted(NAME, &facts.node),
            Cell::new(facts.id.to_string()),
            Cell::new(roles.join(" ")),
            state,
            Cell::new(facts.slots.to_string()),
            facts.cpu.map_or_else(Cell::nothing, |percent| Cell::new(format!("{percent:.0}%"))),
            gpu(&facts).map_or_else(Cell::nothing, Cell::new),
            memory(facts.mem_used, facts.mem_total, facts.mem),
            Cell::new(facts.tasks.to_string()),
            node.rtt.map_or_else(Cell::nothing, |rtt| Cell::new(units::duration(rtt))),
            Cell::new(&facts.address),
        ]);
    }
    let notes = nodes.iter().flat_map(notes).map(|note| note + "\n");
    notes.fold(table.render(), |text, note| text + &note)
}

/// The graphics processor, how busy it is, and what of it tasks have that asked for some.
fn gpu(facts: &NodeDocument) -> Option<String> {
    let mut text = facts.gpu.clone()?;
    text.extend(facts.gpu_busy.map(|percent| format!(" {percent:.0}%")));
    text.extend(facts.gpu_given.filter(|given| *given > 0.0).map(|given| format!(" ({given} given)")));
    Some(text)
}

/// Memory in use of what the machine has, or what it offers its tasks where nothing else is known.
fn memory(used: Option<u64>, total: Option<u64>, offered: u64) -> Cell {
    match (used, total) {
        (Some(used), Some(total)) => Cell::new(units::memory_of(used, total)),
        _ if offered > 0 => Cell::new(units::memory(offered)),
        _ => Cell::nothing(),
    }
}

/// What a machine's own rules say, a line for each kind.
fn notes(node: &NodeView) -> Vec<String> {
    let said = |what: &str, reasons: &[String]| {
        let line = || format!("{} {what}: {}", paint(NAME, &node.name), reasons.join(", "));
        (!reasons.is_empty()).then(line)
    };
    let vitals = node.vitals.iter();
    vitals
        .flat_map(|vitals| [said("takes no new tasks", &vitals.held_by), said("warns", &vitals.warnings)])
        .flatten()
        .collect()
}
