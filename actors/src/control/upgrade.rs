//! Brings the cluster to a new version of the protocol once all of its machines speak it, and holds back until then what
//! the older ones could not read.
//!
//! A machine that has not attached to this leader counts as older: it may come back as it was. Who speaks what is heard with
//! each attachment, and the last word counts, also of one that has gone since.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use nexus_ledger::{Command, Ledger};
use nexus_model::NodeId;
use nexus_wire::{ProtocolVersion, Refusal};

use super::{Replicated, refusal};
use crate::codes;

/// Which versions this node and the machines that attached to it speak. Clones are the same; as large as the cluster.
#[derive(Debug, Clone)]
pub(crate) struct Spoken {
    own: ProtocolVersion,
    heard: Arc<Mutex<Heard>>,
}

#[derive(Debug, Default)]
struct Heard {
    nodes: BTreeMap<NodeId, ProtocolVersion>,
    /// The machines for which the leader waited when it looked last, as people read them.
    waiting: Vec<String>,
}

/// What the ledger says of the machines of the cluster.
#[derive(Debug)]
pub(super) struct Machines {
    /// What all of them speak at least.
    agreed: ProtocolVersion,
    names: Vec<(NodeId, String)>,
}

impl Machines {
    pub(super) fn of(ledger: &Ledger) -> Self {
        let machines = ledger.members().filter(|(_, member)| member.is_machine());
        let names = machines.map(|(node, member)| (node, member.name.clone())).collect();
        Machines { agreed: ledger.protocol(), names }
    }
}

impl Spoken {
    /// A node that speaks `own`.
    pub(crate) fn new(own: ProtocolVersion) -> Self {
        Spoken { own, heard: Arc::default() }
    }

    /// What this node speaks.
    pub(crate) fn own(&self) -> ProtocolVersion {
        self.own
    }

    /// `node` has attached and speaks `version`.
    pub(crate) fn heard(&self, node: NodeId, version: ProtocolVersion) {
        self.lock().nodes.insert(node, version);
    }

    fn lock(&self) -> MutexGuard<'_, Heard> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The machines that do not speak `version`, or of which it is not known.
    fn behind(&self, this: NodeId, machines: &Machines, version: ProtocolVersion) -> Vec<String> {
        let nodes = &self.lock().nodes;
        let spoken = |node| if node == this { Some(self.own) } else { nodes.get(&node).copied() };
        let behind = machines.names.iter().filter_map(|(node, name)| match spoken(*node) {
            Some(speaks) if speaks >= version => None,
            Some(speaks) => Some(format!("{name} ({node}) speaks {speaks}")),
            None => Some(format!("{name} ({node}) is not here")),
        });
        behind.collect()
    }

    /// Why `command` must wait, in a cluster that speaks `agreed`.
    pub(super) fn hold_back(&self, command: &Command, this: NodeId, members: &Machines) -> Result<(), Refusal> {
        let (needs, agreed) = (command.since(), members.agreed);
        if needs <= agreed {
            return Ok(());
        }
        let behind = self.behind(this, members, needs);
        let who = if behind.is_empty() { String::new() } else { format!(": {}", behind.join(", ")) };
        Err(Refusal {
            help: Some(
                "upgrade every node and start it again, and take those that do not come back out with \
                 `nexus node forget`; then the cluster goes over by itself"
                    .to_owned(),
            ),
            ..refusal(
                codes::PROTOCOL_NOT_YET,
                format!(
                    "this needs protocol {needs}, and the cluster speaks {agreed} until all of its nodes speak that{who}"
                ),
            )
        })
    }

    /// Why this node cannot be in a cluster that speaks `agreed`.
    pub(super) fn check_own(&self, agreed: ProtocolVersion) -> Result<(), Refusal> {
        if agreed <= self.own {
            return Ok(());
        }
        let message = format!("the cluster has gone over to protocol {agreed}, and this node speaks {}", self.own);
        Err(Refusal { help: Some(too_old()), ..refusal(codes::PROTOCOL_LEFT_BEHIND, message) })
    }

    /// On the leader: one look at who is there; the cluster goes over when all speak what this build speaks.
    pub(super) async fn look(&self, replicated: &Replicated) -> Result<(), Refusal> {
        let this = replicated.status().node;
        let machines = replicated.read_local(Machines::of).await;
        let agreed = machines.agreed;
        if agreed >= ProtocolVersion::CURRENT || machines.names.is_empty() {
            return Ok(());
        }
        let behind = self.behind(this, &machines, ProtocolVersion::CURRENT);
        let changed = std::mem::replace(&mut self.lock().waiting, behind.clone()) != behind;
        if behind.is_empty() {
            return raise(replicated, ProtocolVersion::CURRENT).await;
        }
        if changed {
            let next = ProtocolVersion::CURRENT;
            tracing::info!("the cluster speaks protocol {agreed} and waits with {next}: {}", behind.join(", "));
        }
        Ok(())
    }
}

/// Every machine speaks `protocol`: from now on the log may use it.
pub(super) async fn raise(replicated: &Replicated, protocol: ProtocolVersion) -> Result<(), Refusal> {
    let raised = replicated.propose(Command::RaiseProtocol { protocol }).await?;
    raised.map_err(|rejection| super::rejected(&rejection))?;
    tracing::info!("the cluster speaks protocol {protocol} from now on");
    Ok(())
}

/// What a node is told that speaks less than its cluster.
pub(crate) fn too_old() -> String {
    "start a newer nexus there, and leave out `protocol` in its nexus.toml".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const V: fn(u16) -> ProtocolVersion = |minor| ProtocolVersion { major: 1, minor };

    fn machines(agreed: ProtocolVersion) -> Machines {
        let names = [(1, "air"), (2, "mini"), (3, "studio")].map(|(node, name)| (NodeId(node), name.to_owned()));
        Machines { agreed, names: names.into() }
    }

    #[test]
    fn whoever_is_older_or_away_is_waited_for_by_name() {
        let spoken = Spoken::new(V(1));
        let machines = machines(V(0));
        spoken.heard(NodeId(2), V(0));
        let behind = |spoken: &Spoken| spoken.behind(NodeId(1), &machines, V(1));
        assert_eq!(behind(&spoken), ["mini (node-2) speaks 1.0", "studio (node-3) is not here"]);
        spoken.heard(NodeId(2), V(1));
        spoken.heard(NodeId(3), V(2));
        assert_eq!(behind(&spoken), [""; 0]);
        spoken.heard(NodeId(3), V(0));
        assert_eq!(behind(&spoken), ["studio (node-3) speaks 1.0"], "the last word counts");
    }

    #[test]
    fn what_is_newer_than_the_cluster_waits_and_the_rest_goes_on() {
        let spoken = Spoken::new(V(1));
        let newer = Command::Record { by: "ada".into(), act: "voters set node-1".into(), at_ms: 1 };
        let refused = spoken.hold_back(&newer, NodeId(1), &machines(V(0))).unwrap_err();
        assert!(refused.message.contains("protocol 1.1") && refused.message.contains("mini (node-2)"), "{refused}");
        assert_eq!(spoken.hold_back(&newer, NodeId(1), &machines(V(1))), Ok(()));
        assert_eq!(spoken.hold_back(&Command::Wake { at_ms: 1 }, NodeId(1), &machines(V(0))), Ok(()));
        assert_eq!(spoken.check_own(V(1)), Ok(()));
        assert!(spoken.check_own(V(2)).unwrap_err().message.contains("speaks 1.1"));
    }
}
