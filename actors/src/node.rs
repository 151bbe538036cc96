//! A node's life: from its data directory to a running member of a cluster, and back down in order.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use nexus_blobs::BlobStore;
use nexus_link::{Credentials, Link, LinkConfig, reachable_address};
use nexus_model::{DeviceKind, NodeCapacity, NodeId, Rule};
use nexus_optimizer::OptimizerConfig;
use nexus_wire::{ProtocolVersion, Refusal};
use tokio::sync::watch;

use crate::address_book::AddressBook;
use crate::certificates::keep_valid;
use crate::code_cache::CodeCache;
use crate::codes;
use crate::collection::collect_blobs;
use crate::control::{ControlPlane, Opening, Spoken, keep_members, refusal};
use crate::copies::{Copies, keep_copies};
use crate::crew::{Crew, Plan};
use crate::directory::Directory;
use crate::gateway::{self, GatewayState};
use crate::home::{Beacon, Home, Membership};
use crate::leader_link::{LeaderLink, from_link};
use crate::learning::{self, Learner};
use crate::liveness::Liveness;
use crate::membership::{FOUNDER, JoinOptions, Member, Offer, become_member, check_first_start, unusable};
use crate::nearby::announce;
use crate::onlooker::Onlooker;
use crate::payloads::NodePayloads;
use crate::progress::Progress;
use crate::recovery::give_up_lost;
use crate::service::NodeService;
use crate::telemetry;
use crate::vitals::{Gauge, measure};
use crate::worker::{self, Account, ClusterPort, Keeper, Left, Optimize, PayloadStore, Programs, TaskRunner};

/// Threads for the network and consensus; the slots have their own.
const RUNTIME_THREADS: usize = 2;
/// Blobs kept in memory beside the disk.
const BLOB_MEMORY_BYTES: usize = 256 << 20;
/// How long peers may take to hear that this node stops.
const CLOSE_PATIENCE: Duration = Duration::from_secs(5);
/// Addresses of others that a node remembers; a few would do.
const PEERS_MAX: usize = 64;

/// How to start a node.
#[derive(Debug, Clone)]
pub struct NodeOptions {
    /// Data directory.
    pub data: PathBuf,
    /// Where to listen; port 0 lets the system choose.
    pub listen: SocketAddr,
    /// Whether somebody said so; else a node that was there before listens where it did.
    pub is_listen_given: bool,
    /// Name for people.
    pub name: String,
    /// Who uses it: the name on this machine's client certificate.
    pub user: String,
    /// What it offers.
    pub capacity: NodeCapacity,
    /// A cluster to join, for a directory that is no member yet.
    pub join: Option<JoinOptions>,
    /// How its optimiser is set; what it learned is kept in the data directory unless this names a file.
    pub optimizer: OptimizerConfig,
    /// How long blobs that no job needs stay at least.
    pub keep_unused: Duration,
    /// Whether it announces itself on the local network, where it listens on more than loopback.
    pub discovery: bool,
    /// The version of the protocol that it speaks: this build's, or the one before while a cluster is upgraded.
    pub protocol: ProtocolVersion,
    /// What it does while the machine is so or so.
    pub rules: Vec<Rule>,
    /// The root of the system files that say how the machine is.
    pub sensors: PathBuf,
}

/// What a node that has started says of itself.
#[derive(Debug, Clone)]
pub struct NodeFacts {
    /// Identity.
    pub node: NodeId,
    /// Name.
    pub name: String,
    /// Its cluster.
    pub cluster: String,
    /// How it came to it.
    pub arrival: Arrival,
    /// Where others reach it: where it listens, or an address of the machine where it listens on all of them.
    pub address: SocketAddr,
    /// Data directory.
    pub data: PathBuf,
    /// What it offers.
    pub capacity: NodeCapacity,
}

/// How a node came to its cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrival {
    /// It founded it just now.
    Founded,
    /// It joined it just now.
    Joined,
    /// It was a member before.
    Returned,
}

/// Runs a node until it is asked to stop or fails. `ready` is called once it serves, inside the node's tokio runtime, with a
/// way to look at the cluster from this process. Blocks.
pub fn run(
    options: NodeOptions,
    ready: impl FnOnce(&NodeFacts, Onlooker),
    interrupted: watch::Receiver<bool>,
) -> Result<(), Refusal> {
    let system = actix::System::with_tokio_rt(|| {
        tokio::runtime::Builder::new_multi_thread()
            .worker_threads(RUNTIME_THREADS)
            .thread_name("nexus-io")
            .enable_all()
            .build()
            .expect("the system has threads and an event queue for a runtime")
    });
    system.block_on(run_here(options, ready, interrupted))
}

async fn run_here(
    options: NodeOptions,
    ready: impl FnOnce(&NodeFacts, Onlooker),
    mut interrupted: watch::Receiver<bool>,
) -> Result<(), Refusal> {
    check_protocol(options.protocol)?;
    let home = Home::new(&options.data);
    let listen_at = home.last_address().filter(|_| !options.is_listen_given).unwrap_or(options.listen);
    check_first_start(&home, listen_at)?;
    home.create().map_err(|error| unusable(&home, &error))?;
    let _lock = home.lock()?;
    home.sweep().map_err(|error| unusable(&home, &error))?;
    let offer = Offer {
        name: &options.name,
        user: &options.user,
        address: &reachable_address(listen_at).to_string(),
        capacity: &options.capacity,
        protocol: options.protocol,
    };
    let member = become_member(&home, offer, options.join.as_ref()).await?;
    let credentials = Credentials::Member(Arc::clone(&member.identity));
    let link = listen(&home, listen_at, options.protocol, &credentials)?;
    let address = link.local_address().map_err(from_link)?;
    let facts = NodeFacts {
        node: member.node,
        name: member.name.clone(),
        cluster: member.identity.cluster().to_owned(),
        arrival: member.arrival,
        address: reachable_address(address),
        data: options.data.clone(),
        capacity: options.capacity,
    };
    telemetry::in_cluster(&facts.cluster);
    let announcement = options.discovery.then(|| Arc::clone(&member.identity));
    let blobs = BlobStore::open(&home.blobs(), BLOB_MEMORY_BYTES)
        .map_err(|error| refusal(codes::DATA_DIRECTORY, error.to_string()))?;
    let ((stop, mut stopped), book) = (watch::channel(None), AddressBook::default());
    let learner = learner(&home, &facts.capacity, options.optimizer);
    let blobs = Arc::new(blobs);
    let spoken = Spoken::new(options.protocol);
    let has_gpu = facts.capacity.devices.iter().any(|device| device.kind == DeviceKind::Gpu);
    let gauge = Gauge::new(&options.sensors, &options.data, &options.rules).with_gpu(has_gpu);
    let gauge = gauge.watching(Arc::clone(&blobs)).telling(learner.load());
    let parts = (Arc::clone(&blobs), learner, spoken.clone(), gauge);
    let mut running = assemble(&home, member, &facts, (&link, &book), parts, stop).await?;
    running.collect(options.keep_unused, blobs);
    let (directory, control) = (Arc::clone(&running.crew.directory), running.control.clone());
    let onlooker = Onlooker::new(Arc::clone(&directory));
    link.serve(Arc::new(NodeService { directory, control, book, spoken })).map_err(from_link)?;
    home.remember_address(address).map_err(|error| unusable(&home, &error))?;
    // From now on the directory belongs to a cluster that exists.
    running.remember(&home, &facts).map_err(|error| unusable(&home, &error))?;
    home.light_beacon(&Beacon { node: facts.node, address: here(address), pid: std::process::id() })
        .map_err(|error| unusable(&home, &error))?;
    let announcer = announcement.and_then(|identity| announce(&facts, &identity, address));
    ready(&facts, onlooker);
    let end = tokio::select! {
        _ = interrupted.wait_for(|interrupted| *interrupted) => Ok(()),
        reason = stopped.wait_for(Option::is_some) => match reason.ok().and_then(|reason| reason.clone()) {
            Some(StopReason::Failed(refusal)) => Err(refusal),
            Some(StopReason::Asked) | None => Ok(()),
        },
    };
    home.douse_beacon();
    if let Some(announcer) = announcer {
        announcer.withdraw().await;
    }
    running.stop(&link).await;
    end
}

/// Where commands on this machine reach a socket that is bound to `address`.
fn here(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

fn check_protocol(wanted: ProtocolVersion) -> Result<(), Refusal> {
    if ProtocolVersion::spoken().any(|version| version == wanted) {
        return Ok(());
    }
    let spoken: Vec<_> = ProtocolVersion::spoken().map(|version| version.to_string()).collect();
    let message = format!("this program speaks protocol {}, not {wanted}", spoken.join(" and "));
    let help = Some("correct `protocol` in nexus.toml, or leave it out".to_owned());
    Err(Refusal { help, ..refusal(codes::PROTOCOL_LEFT_BEHIND, message) })
}

/// Listens where it was told; where any port will do, at the one that the others know from last time, if it is free.
fn listen(
    home: &Home,
    wanted: SocketAddr,
    version: ProtocolVersion,
    credentials: &Credentials,
) -> Result<Link, Refusal> {
    let config = |address| LinkConfig { version, ..LinkConfig::new(address, credentials.clone()) };
    let known = home.last_address().filter(|last| wanted.port() == 0 && last.ip() == wanted.ip());
    let again = known.and_then(|last| Link::bind(config(last)).ok());
    match again {
        Some(link) => Ok(link),
        None => Link::bind(config(wanted)).map_err(from_link),
    }
}

/// Why a node stops.
#[derive(Debug, Clone)]
pub(crate) enum StopReason {
    /// Somebody with the right to asked for it.
    Asked,
    /// It cannot go on.
    Failed(Refusal),
}

/// Unlike that of any other run on this machine.
fn run_mark() -> String {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos() as u64);
    format!("{:x}-{since:x}", std::process::id())
}

struct Running {
    crew: Crew,
    control: ControlPlane,
    leader: LeaderLink,
    /// Addresses that the node was told when it joined.
    told: Vec<String>,
    /// What goes on beside the actors for as long as the node runs.
    chores: Vec<tokio::task::JoinHandle<()>>,
}

impl Running {
    /// Removes, now and then, the blobs that no job needs.
    fn collect(&mut self, keep_unused: Duration, blobs: Arc<BlobStore>) {
        let collecting = collect_blobs(keep_unused, blobs, self.leader.clone(), self.control.clone());
        self.chores.push(tokio::spawn(collecting));
    }

    /// Writes down what the node is called and where others are, so that it finds its cluster again.
    fn remember(&self, home: &Home, facts: &NodeFacts) -> std::io::Result<()> {
        let members = self.control.addresses().into_iter().filter(|(node, _)| *node != facts.node);
        let mut peers: Vec<String> = members.map(|(_, address)| address).collect();
        peers.extend(self.told.iter().filter(|told| !peers.contains(told)).cloned().collect::<Vec<_>>());
        peers.truncate(PEERS_MAX);
        home.remember_membership(&Membership { name: facts.name.clone(), peers })
    }

    /// Down in order: no restarts, a goodbye to the leader, peers told, the store closed.
    async fn stop(self, link: &Link) {
        self.chores.iter().for_each(tokio::task::JoinHandle::abort);
        self.crew.stop().await;
        link.close(CLOSE_PATIENCE).await;
        self.control.shut_down().await;
    }
}

/// What this machine learned of the programs that ran on it.
fn learner(home: &Home, capacity: &NodeCapacity, config: OptimizerConfig) -> Arc<Learner> {
    let machine = learning::machine(&capacity.devices, capacity.memory_bytes);
    let seed = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos() as u64);
    let config = OptimizerConfig { model_path: config.model_path.or_else(|| Some(home.optimizer())), ..config };
    let (learner, warning) = Learner::open(config, machine, seed);
    if let Some(warning) = warning {
        tracing::warn!("{warning}");
    }
    Arc::new(learner)
}

/// What runs the tasks of this node: everything under the strategy that was learned for it.
fn runner(home: &Home, port: ClusterPort, (keeper, account): (Keeper, Account), learner: Arc<Learner>) -> TaskRunner {
    TaskRunner {
        scratch: home.scratch(),
        payloads: Arc::clone(&port.payloads),
        port: Some(port),
        print: None,
        files_root: None,
        modules: None,
        programs: Programs::default(),
        code: Some(CodeCache::at(home.code())),
        keeper: Some(keeper),
        account: Some(account),
        learner: Some(learner),
        optimize: Optimize::Always,
        profiles: None,
        check_finite: false,
    }
}

/// What happens when an actor cannot be kept alive: the node stops, and says so.
fn giving_up(stop: watch::Sender<Option<StopReason>>) -> impl FnOnce(&'static str) {
    move |actor| {
        let message = format!("the {actor} actor died again and again; the node stopped");
        stop.send_replace(Some(StopReason::Failed(refusal(codes::ACTOR_LOST, message))));
    }
}

/// Begins this run's accounts of processes and of what the slots have in hand, and says what earlier runs had in hand.
fn accounts(home: &Home) -> std::io::Result<(Keeper, Account, Left)> {
    let (run, machine) = (run_mark(), worker::machine());
    let (account, begun) = Account::open(&home.begun(), &run, machine.as_deref())?;
    Ok((Keeper::open(&home.processes(), run)?, account, begun))
}

async fn assemble(
    home: &Home,
    member: Member,
    facts: &NodeFacts,
    (link, book): (&Link, &AddressBook),
    (blobs, learner, spoken, gauge): (Arc<BlobStore>, Arc<Learner>, Spoken, Gauge),
    stop: watch::Sender<Option<StopReason>>,
) -> Result<Running, Refusal> {
    let (liveness, progress) = (Liveness::default(), Progress::default());
    let (keeper, account, begun) = accounts(home).map_err(|error| unusable(home, &error))?;
    let Member { identity, node, authority, peers, .. } = member;
    let (control, events) = ControlPlane::replicated(Opening {
        home,
        facts,
        founder: authority.as_ref().filter(|_| node == FOUNDER),
        link: link.clone(),
        book: book.clone(),
        spoken,
        stop: stop.clone(),
    })
    .await?;
    let leader = LeaderLink::new(node, link.clone(), control.clone(), book.clone(), peers.clone());
    let membership = gateway::Membership::new(home.clone(), link.clone(), book.clone(), &identity, authority);
    let way = (leader.clone(), tokio::runtime::Handle::current());
    let payloads: Arc<dyn PayloadStore> = Arc::new(NodePayloads::new(Arc::clone(&blobs), Some(way)));
    let directory = Arc::<Directory>::default();
    let runtime = tokio::runtime::Handle::current();
    let port = ClusterPort { node, directory: Arc::clone(&directory), payloads, runtime };
    let drained = watch::channel(home.is_drained()).0;
    let gateway = Arc::new(GatewayState {
        node: facts.node,
        control: control.clone(),
        leader: Some(leader.clone()),
        progress: progress.clone(),
        liveness: liveness.clone(),
        blobs: Some(blobs),
        copies: Copies::default(),
        membership: Some(membership),
        drained: drained.clone(),
        stop: stop.clone(),
        under_way: GatewayState::admission(),
        directory,
        learner: Some(Arc::clone(&learner)),
    });
    let (vitals, measuring) = measure(gauge);
    let plan = Plan {
        node: facts.node,
        address: facts.address.to_string(),
        capacity: facts.capacity.clone(),
        gateway: Arc::clone(&gateway),
        timelines: Some(home.root().to_owned()),
        runner: runner(home, port, (keeper, account), learner),
        begun,
        control: control.clone(),
        events,
        progress,
        liveness,
        leader: Some(leader.clone()),
        drained: drained.subscribe(),
        vitals,
    };
    let crew = Crew::start(plan, giving_up(stop))
        .map_err(|error| refusal(codes::DATA_DIRECTORY, format!("no threads for the tasks: {error}")))?;
    let mut chores = chores(home, &gateway);
    chores.push(tokio::spawn(measuring));
    Ok(Running { crew, control, leader, told: peers, chores })
}

/// What goes on beside the actors.
fn chores(home: &Home, gateway: &Arc<GatewayState>) -> Vec<tokio::task::JoinHandle<()>> {
    let control = || gateway.control.clone();
    vec![
        tokio::spawn(keep_members(control())),
        tokio::spawn(keep_valid(gateway.node, control(), Arc::clone(gateway))),
        tokio::spawn(keep_copies(Arc::clone(gateway))),
        tokio::spawn(give_up_lost(home.clone(), control())),
    ]
}
