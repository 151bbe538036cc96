//! The cluster under test: its nodes, the network between them, and the way back to health.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::linux::bell::Bell;
use crate::linux::chance::Chance;
use crate::linux::error::CampaignError;
use crate::linux::network::{self, PORT, address};
use crate::linux::node::{Door, Node, Pulse};
use crate::linux::relay::Relay;
use crate::linux::sandbox::mount_disk;
use crate::linux::system;
use crate::linux::weather::Weather;

/// Size of a node's disk: some hundred times what a short campaign writes.
const DISK_MEBIBYTES: u64 = 384;
/// How long a cluster may take to be whole when every fault is over, on a machine that is busy with other things.
const RECOVERY_PATIENCE: Duration = Duration::from_secs(90);
/// How long one node may take to serve.
const START_PATIENCE: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(25);
/// The file that fills a disk.
const FILLER: &str = "filler";

/// The cluster.
pub(crate) struct Fleet {
    pub(crate) nodes: Vec<Node>,
    pub(crate) weather: Arc<Weather>,
    pub(crate) relay: Arc<Relay>,
    /// Disks and logs.
    pub(crate) folder: PathBuf,
    /// Processes that were killed with kill -9.
    pub(crate) kills: u64,
}

impl Fleet {
    /// Makes the network and the disks, and starts a cluster of `count` voters.
    pub(crate) fn start(
        count: usize,
        binary: &Path,
        folder: &Path,
        chance: &mut Chance,
    ) -> Result<Self, CampaignError> {
        network::build(count)?;
        let weather = Arc::new(Weather::default());
        let relay = Relay::start(count, Arc::clone(&weather), chance)?;
        let mut nodes = Vec::new();
        for number in 1..=count {
            let node = Node::new(number, binary, folder);
            mount_disk(&folder.join(format!("disk{number}.img")), &node.disk, DISK_MEBIBYTES)?;
            nodes.push(node);
        }
        let mut fleet = Fleet { nodes, weather, relay, folder: folder.to_owned(), kills: 0 };
        fleet.found()?;
        Ok(fleet)
    }

    /// The first founds, each other one joins through the one before it, and all of them vote.
    fn found(&mut self) -> Result<(), CampaignError> {
        for index in 0..self.nodes.len() {
            let mut extra = Vec::new();
            if index > 0 {
                let created = self.nodes[0].door().json(&["token", "create"]);
                let token = created.as_ref().and_then(|token| token["token"].as_str());
                let token = token.ok_or_else(|| CampaignError::setup("create a token", self.nodes[0].last_words()))?;
                extra = vec![
                    "--join".to_owned(),
                    format!("{}:{PORT}", address(index)),
                    "--token".to_owned(),
                    token.to_owned(),
                ];
            }
            let extra: Vec<&str> = extra.iter().map(String::as_str).collect();
            self.nodes[index].start(&extra)?;
            if !self.nodes[index].wait_until_it_serves(START_PATIENCE) {
                return Err(CampaignError::setup("start the first cluster", self.nodes[index].last_words()));
            }
        }
        let names: Vec<String> = self.nodes.iter().map(|node| node.name.clone()).collect();
        let line: Vec<&str> = ["voters", "set"].into_iter().chain(names.iter().map(String::as_str)).collect();
        let door = self.nodes[0].door();
        // A node that has just joined is known to the leader a moment later.
        let set = Bell::until(RECOVERY_PATIENCE, POLL, || door.json(&line));
        set.map(drop).ok_or_else(|| CampaignError::setup("make all nodes voters", self.nodes[0].last_words()))
    }

    /// Logs a person in, and gives them a home for each node, beside it, with one certificate in all of them: whichever
    /// node they ask, they are the same user.
    pub(crate) fn log_in(&self, person: usize) -> Result<Vec<Door>, CampaignError> {
        let failed = |error: std::io::Error| CampaignError::setup("log a person in", error);
        let created = self.nodes[0].door().json(&["token", "create", "--role", "submitter"]);
        let token = created.as_ref().and_then(|token| token["token"].as_str());
        let token = token.ok_or_else(|| CampaignError::setup("create a token", self.nodes[0].last_words()))?;
        let home = |number: usize| self.folder.join(format!("person{person}at{number}"));
        let first = format!("{}:{PORT}", address(1));
        let door = self.nodes[0].door().of(home(1));
        if door.json(&["login", &first, "--token", token]).is_none() {
            return Err(CampaignError::setup("log a person in", self.nodes[0].last_words()));
        }
        for number in self.numbers() {
            if number > 1 {
                system::tool(&["cp", "-a", &home(1).display().to_string(), &home(number).display().to_string()])?;
            }
            let text = format!("{{\"addresses\":[\"{}:{PORT}\"]}}", address(number));
            std::fs::write(home(number).join("login.json"), text).map_err(failed)?;
        }
        Ok(self.nodes.iter().map(|node| node.door().of(home(node.number))).collect())
    }

    /// Ways to all nodes.
    pub(crate) fn doors(&self) -> Vec<Door> {
        self.nodes.iter().map(Node::door).collect()
    }

    /// Numbers of all nodes.
    pub(crate) fn numbers(&self) -> Vec<usize> {
        self.nodes.iter().map(|node| node.number).collect()
    }

    /// Numbers of all nodes but these.
    pub(crate) fn others(&self, of: &[usize]) -> Vec<usize> {
        self.numbers().into_iter().filter(|number| !of.contains(number)).collect()
    }

    /// A node by its number.
    pub(crate) fn node(&mut self, number: usize) -> &mut Node {
        &mut self.nodes[number - 1]
    }

    /// Who leads, as the first node that knows says.
    pub(crate) fn leader(&self) -> Option<usize> {
        self.nodes.iter().find_map(|node| {
            let status = node.door().json(&["status"])?;
            let name = status["leader"].as_str()?.to_owned();
            self.nodes.iter().find(|node| node.name == name).map(|node| node.number)
        })
    }

    /// kill -9 of these at once.
    pub(crate) fn kill(&mut self, numbers: &[usize]) {
        for &number in numbers {
            self.kills += u64::from(self.node(number).kill());
        }
    }

    /// Fills a node's disk to the last byte.
    pub(crate) fn fill_disk(&mut self, number: usize) -> Result<u64, CampaignError> {
        let path = self.node(number).disk.join(FILLER);
        let mut file = std::fs::File::create(&path).map_err(|error| CampaignError::setup("fill a disk", error))?;
        let piece = vec![0x5a; 1 << 16];
        let mut bytes = 0;
        let mut size = piece.len();
        // Ever smaller pieces, until not even one byte goes in.
        while size > 0 {
            match std::io::Write::write(&mut file, &piece[..size]) {
                Ok(written) if written > 0 => bytes += written as u64,
                Ok(_) | Err(_) => size /= 2,
            }
        }
        Ok(bytes)
    }

    /// Freezes a node's file system, so that every write and flush waits, or lets it go on.
    pub(crate) fn freeze(&mut self, number: usize, freeze: bool) -> Result<(), CampaignError> {
        let place = self.node(number).disk.display().to_string();
        system::tool(&["fsfreeze", if freeze { "--freeze" } else { "--unfreeze" }, &place]).map(drop)
    }

    /// Ends every fault: the network is clear, disks have room, what was stopped goes on.
    pub(crate) fn heal(&mut self) -> Result<(), CampaignError> {
        self.weather.clear();
        for node in &mut self.nodes {
            network::set_interface(node.number, true)?;
            node.signal(false);
            node.clock.set(None)?;
            // There may be none.
            let _ = std::fs::remove_file(node.disk.join(FILLER));
        }
        Ok(())
    }

    /// Starts what has ended and waits until every node serves and knows the leader. Returns how long it took.
    pub(crate) fn recover(&mut self) -> Result<Duration, CampaignError> {
        let began = Instant::now();
        while began.elapsed() < RECOVERY_PATIENCE {
            for node in &mut self.nodes {
                if let Pulse::Ended(_) = node.pulse() {
                    node.start(&[])?;
                }
            }
            let whole = self.nodes.iter_mut().all(|node| {
                let led = Bell::until(START_PATIENCE, POLL, || match node.pulse() {
                    // It ended, or the address was still in use: it is started again above.
                    Pulse::Ended(_) => Some(false),
                    Pulse::Runs | Pulse::Stopped => {
                        node.door().json(&["status"]).filter(|status| status["leader"].is_string()).map(|_| true)
                    }
                });
                led == Some(true)
            });
            if whole {
                return Ok(began.elapsed());
            }
        }
        let words: Vec<String> =
            self.nodes.iter().map(|node| format!("{} said last:\n{}", node.name, node.last_words())).collect();
        let found = format!("after {} s not every node serves.\n{}", RECOVERY_PATIENCE.as_secs(), words.join("\n"));
        Err(self.broken("when the faults are over, the cluster is whole again", found))
    }

    /// A promise that was broken.
    pub(crate) fn broken(&self, promise: &'static str, found: String) -> CampaignError {
        CampaignError::Broken { promise, found, folder: self.folder.clone() }
    }
}
