//! The handle by which a node's owner uses consensus.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::future::BoxFuture;
use nexus_model::NodeId;
use openraft::async_runtime::watch::WatchReceiver;
use openraft::errors::{
    ChangeMembershipError, ClientWriteError, Fatal, ForwardToLeader, InitializeError, LinearizableReadError, RaftError,
};
use openraft::{Raft, RaftMetrics, ReadPolicy};
use tokio::sync::{Semaphore, oneshot};

use crate::directory::{DataDirectory, DirectoryLock};
use crate::error::{Leader, OpenError, ProposeError, ReadError, is_full};
use crate::event::{self, Events};
use crate::limits::{
    BUSY_RETRY, COMMAND_BYTES_MAX, PROPOSAL_BYTES_IN_FLIGHT_MAX, PROPOSALS_IN_FLIGHT_MAX, READ_DEADLINE,
};
use crate::log_file::Identity;
use crate::log_store::LogStore;
use crate::machine::StateMachine;
use crate::machine_store::{MachineStore, Shared, SnapshotPolicy};
use crate::network::{Peers, RaftTransport};
use crate::proposal::{Answer, Share};
use crate::raft_types::{CommandBytes, Member, RaftTypes};
use crate::receiver::Receiver;
use crate::status::Status;
use crate::{network, timing, watcher};

/// Who this node is, and how its log is kept short.
#[derive(Debug, Clone)]
pub struct ConsensusConfig {
    /// This node.
    pub node: NodeId,
    /// The cluster.
    pub cluster: String,
    /// When a snapshot is written.
    pub snapshots: SnapshotPolicy,
}

/// The replicated log of this node. Clones are the same log. It goes on until [`Consensus::shutdown`], also when every
/// handle is dropped.
pub struct Consensus<S: StateMachine> {
    pub(crate) inner: Arc<Inner<S>>,
}

impl<S: StateMachine> Clone for Consensus<S> {
    fn clone(&self) -> Self {
        Self { inner: Arc::clone(&self.inner) }
    }
}

/// Asks the node of this number and address which log it has.
type Introduce = dyn Fn(u64, String) -> BoxFuture<'static, Result<u64, String>> + Send + Sync;

pub(crate) struct Inner<S: StateMachine> {
    pub(crate) node: u64,
    incarnation: u64,
    pub(crate) introduce: Box<Introduce>,
    pub(crate) raft: Raft<RaftTypes<S>, MachineStore<S>>,
    shared: Arc<Shared<S>>,
    receiver: Receiver<S>,
    log: LogStore,
    /// Permits for the number of proposals in flight, and for their bytes.
    count: Arc<Semaphore>,
    bytes: Arc<Semaphore>,
    /// Given back by `shutdown`.
    lock: Mutex<Option<DirectoryLock>>,
}

/// A command on its way. Dropping it gives up the answer, not the command.
pub struct Pending<S: StateMachine> {
    answer: oneshot::Receiver<openraft::raft::ClientWriteResult<RaftTypes<S>>>,
    inner: Arc<Inner<S>>,
}

impl<S: StateMachine> Inner<S> {
    /// Whether the first write that failed did so for want of room: why this node has stopped, if it has.
    pub(crate) fn is_disk_full(&self) -> bool {
        is_full(self.log.failure().or_else(|| self.shared.failure()))
    }

    /// The same error, by its cause.
    pub(crate) fn named(&self, error: ProposeError) -> ProposeError {
        match error {
            ProposeError::Stopped(_) if self.is_disk_full() => ProposeError::DiskFull,
            other => other,
        }
    }
}

impl<S: StateMachine> Consensus<S> {
    /// Starts consensus on a data directory: the state is rebuilt from the last snapshot and the log, and a node that is
    /// the only voter stands for election at once. Messages of other nodes are answered from now on.
    ///
    /// # Errors
    /// The directory belongs to another node or cluster, or its content does not make sense.
    pub async fn open<T: RaftTransport>(
        directory: DataDirectory,
        config: ConsensusConfig,
        transport: Arc<T>,
    ) -> Result<(Self, Events<S>), OpenError> {
        let DataDirectory { path, lock, log, snapshots, identity: found } = directory;
        let identity = match found {
            Some(found) => found,
            None => new_identity(&path, &log, &config).await?,
        };
        if (identity.node, &identity.cluster) != (config.node.0, &config.cluster) {
            let asked = Identity { node: config.node.0, cluster: config.cluster, incarnation: 0 };
            return Err(OpenError::Identity { path, found: identity.to_string(), asked: asked.to_string() });
        }
        let (events, receive_events) = event::channel();
        let shared = Arc::new(Shared::new(snapshots));
        let store = MachineStore { shared: Arc::clone(&shared), events: events.clone(), policy: config.snapshots };
        let peers = Peers { from: config.node.0, transport: Arc::clone(&transport) };
        let protocol = timing::protocol(&config).map_err(|error| OpenError::Start(error.to_string()))?;
        let raft = Raft::build(config.node.0, Arc::new(protocol), peers, log.clone(), store)
            .await
            .map_err(|error| OpenError::Start(error.to_string()))?;
        shared.go_live();
        raft.run();
        let consensus = Self {
            inner: Arc::new(Inner {
                node: config.node.0,
                incarnation: identity.incarnation,
                receiver: Receiver::new(&identity, raft.clone(), Arc::clone(&shared)),
                introduce: Box::new(move |node, address| {
                    let transport = Arc::clone(&transport);
                    Box::pin(async move { network::introduce(&*transport, node, &address).await })
                }),
                raft,
                shared,
                log,
                count: Arc::new(Semaphore::new(PROPOSALS_IN_FLIGHT_MAX)),
                bytes: Arc::new(Semaphore::new(PROPOSAL_BYTES_IN_FLIGHT_MAX)),
                lock: Mutex::new(Some(lock)),
            }),
        };
        let (log, shared) = (consensus.inner.log.clone(), Arc::clone(&consensus.inner.shared));
        let first_failure = move || log.failure().or_else(|| shared.failure());
        watcher::watch(config.node.0, &consensus.inner.raft, events, first_failure);
        consensus.stand_if_alone().await?;
        Ok((consensus, receive_events))
    }

    fn member(&self, address: &str) -> Member {
        Member { address: address.to_owned(), incarnation: self.inner.incarnation }
    }

    /// A single voter has nobody to wait for.
    async fn stand_if_alone(&self) -> Result<(), OpenError> {
        let stopped = |error: ProposeError| OpenError::Start(error.to_string());
        if self.voters_now().await.map_err(stopped)? == [NodeId(self.inner.node)] {
            let stood = self.inner.raft.trigger().elect(false).await;
            stood.map_err(|error| OpenError::Start(error.to_string()))?;
        }
        Ok(())
    }

    /// The voters that the log names, none in a log that is new. The protocol itself is asked: what [`Consensus::status`]
    /// publishes may lag behind at the start.
    ///
    /// # Errors
    /// Consensus has stopped.
    pub async fn voters_now(&self) -> Result<Vec<NodeId>, ProposeError> {
        let voters = self
            .inner
            .raft
            .with_raft_state(|state| state.membership_state.effective().voter_ids().map(NodeId).collect::<Vec<_>>());
        voters.await.map_err(|fatal| ProposeError::Stopped(fatal.to_string()))
    }

    /// Makes this node a cluster of one, reachable at `address`, and waits until it leads. A node that is a member already
    /// stays what it is.
    ///
    /// # Errors
    /// Consensus has stopped, or (`Busy`) the election takes unreasonably long; it goes on nevertheless.
    pub async fn initialize_single(&self, address: &str) -> Result<(), ProposeError> {
        let members = BTreeMap::from([(self.inner.node, self.member(address))]);
        match self.inner.raft.initialize(members).await {
            Ok(()) => {}
            Err(RaftError::APIError(InitializeError::NotAllowed(_))) => return Ok(()),
            Err(RaftError::APIError(error)) => return Err(ProposeError::Members(error.to_string())),
            Err(RaftError::Fatal(fatal)) => return Err(ProposeError::Stopped(fatal.to_string())),
        }
        match self.wait_until(READ_DEADLINE, |status| status.is_leader || !status.is_running).await {
            Some(status) if status.is_leader => Ok(()),
            Some(_) => Err(ProposeError::Stopped("it ended during the first election".to_owned())),
            None => Err(ProposeError::Busy { retry_after: BUSY_RETRY }),
        }
    }

    /// Commits a command and applies it: returns when it is on the disks of a majority of the voters and in the state.
    ///
    /// # Errors
    /// See [`ProposeError`]; each says whether the command may have been committed all the same.
    pub async fn propose(&self, command: &S::Command) -> Result<S::Reply, ProposeError> {
        self.submit(command).await?.reply().await
    }

    /// Puts a command on its way. Commands of one caller that waits for each `submit` are committed in that order, and
    /// need not wait for each other's replies.
    ///
    /// # Errors
    /// See [`ProposeError`]; nothing was proposed.
    pub async fn submit(&self, command: &S::Command) -> Result<Pending<S>, ProposeError> {
        let bytes = S::encode_command(command).map_err(ProposeError::Encoding)?;
        if bytes.len() > COMMAND_BYTES_MAX {
            return Err(ProposeError::TooLarge { bytes: bytes.len(), max: COMMAND_BYTES_MAX });
        }
        let busy = |_| ProposeError::Busy { retry_after: BUSY_RETRY };
        let weight = u32::try_from(bytes.len()).expect("the size of a command is bounded below 4 GiB");
        let share = Share {
            _count: Arc::clone(&self.inner.count).try_acquire_owned().map_err(busy)?,
            _bytes: Arc::clone(&self.inner.bytes).try_acquire_many_owned(weight).map_err(busy)?,
        };
        let (answer, receive) = Answer::new(share);
        let sent = self.inner.raft.client_write_ff(CommandBytes(bytes.into()), Some(answer)).await;
        sent.map_err(|fatal| self.inner.named(ProposeError::Stopped(fatal.to_string())))?;
        Ok(Pending { answer: receive, inner: Arc::clone(&self.inner) })
    }

    /// Looks at the current state: everything that was committed anywhere before the call is in it. A majority of the
    /// voters confirms that this node still leads (the ReadIndex protocol of Ongaro's dissertation, section 6.4); nothing is
    /// written. `look` gets the state and the index of the last entry in it, and applying waits while it looks.
    ///
    /// # Errors
    /// This node does not lead, or cannot know that it does.
    pub async fn read<T>(&self, look: impl FnOnce(&S, u64) -> T) -> Result<T, ReadError> {
        let confirmed = self.inner.raft.ensure_linearizable(ReadPolicy::ReadIndex);
        match tokio::time::timeout(READ_DEADLINE, confirmed).await {
            Ok(Ok(_)) => Ok(self.read_local(look).await),
            Err(_) | Ok(Err(RaftError::APIError(LinearizableReadError::QuorumNotEnough(_)))) => {
                Err(ReadError::NoQuorum)
            }
            Ok(Err(RaftError::APIError(LinearizableReadError::ForwardToLeader(forward)))) => {
                Err(ReadError::NotLeader { leader: leader(forward) })
            }
            Ok(Err(RaftError::Fatal(_))) if self.inner.is_disk_full() => Err(ReadError::DiskFull),
            Ok(Err(RaftError::Fatal(fatal))) => Err(ReadError::Stopped(fatal.to_string())),
        }
    }

    /// Looks at the state as this node has it, which may be behind the leader's; on a node that was just started it may
    /// also be behind what the node itself had.
    pub async fn read_local<T>(&self, look: impl FnOnce(&S, u64) -> T) -> T {
        let state = self.inner.shared.state().await;
        look(&state.machine, state.applied.as_ref().map_or(0, |id| id.index))
    }

    /// The answer to a message that another node's [`RaftTransport`] brought. There is one for any bytes at all.
    pub async fn handle_message(&self, message: &[u8]) -> Vec<u8> {
        self.inner.receiver.handle(message).await
    }

    /// Asks another voter to lead, as before this node is stopped on purpose. Returns at once; whether it happened shows in
    /// the events.
    ///
    /// # Errors
    /// Consensus has stopped.
    pub async fn transfer_leadership(&self, to: NodeId) -> Result<(), ProposeError> {
        let sent = self.inner.raft.trigger().transfer_leader(to.0).await;
        sent.map_err(|fatal| ProposeError::Stopped(fatal.to_string()))
    }

    /// How things stand, as this node knows.
    pub fn status(&self) -> Status {
        Status::from_metrics(&self.metrics())
    }

    /// Waits until `is_so`, at most as long as `patience`; returns how things stand then, or `None`.
    pub async fn wait_until(&self, patience: Duration, is_so: impl Fn(&Status) -> bool) -> Option<Status> {
        let mut metrics = self.inner.raft.metrics();
        let wait = async {
            loop {
                let status = Status::from_metrics(&metrics.borrow_watched());
                if is_so(&status) {
                    return Some(status);
                }
                if metrics.changed().await.is_err() {
                    return None;
                }
            }
        };
        tokio::time::timeout(patience, wait).await.ok().flatten()
    }

    /// Writes a snapshot now, whatever the policy; what is written out and when shows in [`Status::snapshot`].
    ///
    /// # Errors
    /// Consensus has stopped.
    pub async fn request_snapshot(&self) -> Result<(), ProposeError> {
        self.inner.shared.want_snapshot();
        let sent = self.inner.raft.trigger().snapshot().await;
        sent.map_err(|fatal| ProposeError::Stopped(fatal.to_string()))
    }

    /// Stops: what was accepted is written, the files are closed, the directory is free. Later calls answer `Stopped`.
    pub async fn shutdown(&self) {
        if let Err(error) = self.inner.raft.shutdown().await {
            tracing::error!(%error, "consensus ended with a panic");
        }
        self.inner.shared.snapshots.close();
        let log = self.inner.log.clone();
        if tokio::task::spawn_blocking(move || log.close()).await.is_err() {
            tracing::error!("closing the log panicked");
        }
        drop(self.inner.lock.lock().unwrap_or_else(PoisonError::into_inner).take());
    }

    pub(crate) fn metrics(&self) -> RaftMetrics<RaftTypes<S>> {
        self.inner.raft.metrics().borrow_watched().clone()
    }
}

impl<S: StateMachine> Pending<S> {
    /// Waits for the command to be committed and applied.
    ///
    /// # Errors
    /// See [`ProposeError`]; each says whether the command may have been committed all the same.
    pub async fn reply(self) -> Result<S::Reply, ProposeError> {
        match self.answer.await {
            Ok(Ok(response)) => Ok(response.data.expect("an entry with a command has a reply")),
            Ok(Err(error)) => Err(self.inner.named(write_error(RaftError::APIError(error)))),
            Err(_) => {
                let why = "it was stopped with the command under way".to_owned();
                Err(self.inner.named(ProposeError::Stopped(why)))
            }
        }
    }
}

/// Draws and keeps the identity of a new log.
async fn new_identity(path: &Path, log: &LogStore, config: &ConsensusConfig) -> Result<Identity, OpenError> {
    let failed = |action| move |source| OpenError::Io { action, path: path.to_owned(), source };
    let drawn = getrandom::u64().map_err(|error| io::Error::other(error.to_string()));
    let incarnation = drawn.map_err(failed("draw an identity for"))?;
    let identity = Identity { node: config.node.0, cluster: config.cluster.clone(), incarnation };
    log.save_identity(identity.clone()).await.map_err(failed("write the identity in"))?;
    Ok(identity)
}

fn leader<S: StateMachine>(forward: ForwardToLeader<RaftTypes<S>>) -> Option<Leader> {
    let address = forward.leader_node.map(|member| member.address);
    forward.leader_id.zip(address).map(|(node, address)| Leader { node: NodeId(node), address })
}

pub(crate) fn write_error<S: StateMachine>(
    error: RaftError<RaftTypes<S>, ClientWriteError<RaftTypes<S>>>,
) -> ProposeError {
    match error {
        RaftError::APIError(ClientWriteError::ForwardToLeader(forward)) => {
            ProposeError::NotLeader { leader: leader(forward) }
        }
        RaftError::APIError(ClientWriteError::LogEntryDiscarded(forward)) => {
            ProposeError::Unknown { leader: leader(forward) }
        }
        RaftError::APIError(ClientWriteError::ChangeMembershipError(ChangeMembershipError::InProgress(_))) => {
            ProposeError::Busy { retry_after: BUSY_RETRY }
        }
        RaftError::APIError(ClientWriteError::ChangeMembershipError(error)) => ProposeError::Members(error.to_string()),
        RaftError::APIError(ClientWriteError::PreconditionFailed(error)) => ProposeError::Members(error.to_string()),
        RaftError::Fatal(Fatal::Stopped) => ProposeError::Stopped("it was shut down".to_owned()),
        RaftError::Fatal(fatal) => ProposeError::Stopped(fatal.to_string()),
    }
}
