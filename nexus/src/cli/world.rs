//! Everything outside of the command line that a verb can touch, behind one trait: the real one is `session`'s, tests
//! bring theirs.

use std::ffi::OsString;
use std::path::Path;

use nexus_model::DeviceInfo;
use tokio::sync::watch;

use super::cluster::Cluster;
use super::cluster_recover::RecoverySurvey;
use super::engine::Kept;
use super::error::CliError;
use super::language::Language;
use super::login::LoggedIn;
use super::nearby::Nearby;
use super::node::{NodeStart, NodeStarted};
use super::repl::Pieces;
use super::run::Runtime;

/// The language, the runtime, this machine and its node.
pub(crate) trait World: Language + Runtime + Pieces {
    /// A connection to the node of this machine.
    type Cluster: Cluster;

    /// Connects to the node that runs with this data directory.
    async fn connect(&self, data: &Path) -> Result<Self::Cluster, CliError>;

    /// Makes this machine's user somebody in the cluster of the node at `address`.
    async fn login(&self, data: &Path, address: &str, token: &str) -> Result<LoggedIn, CliError>;

    /// The token in the environment for joining a cluster.
    fn join_token(&self) -> Option<String>;

    /// Whether this data directory is a node's.
    fn is_member(&self, data: &Path) -> bool;

    /// The nodes that are on the local network, for a machine with this data directory. `begins` is called once it is known
    /// that there is something to look for.
    fn nearby(&self, data: &Path, token: Option<&str>, begins: impl FnOnce()) -> Result<Nearby, CliError>;

    /// What the stopped node of this data directory has of its cluster's log; with `perform` it becomes the only voter.
    fn recover(&self, data: &Path, perform: bool) -> Result<RecoverySurvey, CliError>;

    /// The devices that tensors can live on, the CPU first.
    fn devices(&self) -> Vec<DeviceInfo>;
    /// Those of them that a program is given without asking.
    fn hardware_devices(&self) -> Vec<DeviceInfo>;

    /// What runs without a node keep for the next ones, with how fast the processor is and how fast the others of these
    /// devices were when they were first used.
    fn kept(&self, devices: &[DeviceInfo]) -> Kept;

    /// What a code of another room means.
    fn explain(&self, code: &str) -> Option<&'static str>;

    /// Runs a node until it is asked to stop. `ready` is called once it serves.
    fn node(
        &self,
        start: NodeStart,
        ready: impl FnOnce(&NodeStarted),
        interrupted: watch::Receiver<bool>,
    ) -> Result<(), CliError>;

    /// Begins this process anew, with these arguments; why it cannot.
    fn begin_again(&self, arguments: Vec<OsString>) -> CliError;
}
