//! Several nodes: election, replication, the loss of a leader, catching up from the log and from a snapshot.

use std::collections::BTreeSet;
use std::sync::Arc;

use nexus_consensus::{Consensus, Event, ProposeError, ReadError, SnapshotPolicy};
use nexus_model::NodeId;
use tempfile::TempDir;

use crate::journal::Journal;
use crate::memory_network::{Network, PATIENCE, until};

pub(crate) struct Cluster {
    pub(crate) network: Arc<Network>,
    pub(crate) directories: Vec<TempDir>,
    /// Node `n` at `n - 1`.
    pub(crate) nodes: Vec<Consensus<Journal>>,
}

impl Cluster {
    /// Three voters, node 1 leading.
    pub(crate) async fn of_three(policy: SnapshotPolicy) -> Self {
        let network = Network::new();
        let directories: Vec<TempDir> = (0..3).map(|_| tempfile::tempdir().unwrap()).collect();
        let mut nodes = Vec::new();
        for (number, directory) in (1..).zip(&directories) {
            nodes.push(network.start_quiet(number, directory.path(), policy).await);
        }
        let cluster = Self { network, directories, nodes };
        let first = cluster.node(1);
        first.initialize_single("memory:1").await.unwrap();
        until(first, "leadership", |status| status.is_leader).await;
        for number in 2..=3 {
            first.add_learner(NodeId(number), &format!("memory:{number}")).await.unwrap();
        }
        first.change_voters((1..=3).map(NodeId).collect()).await.unwrap();
        for node in &cluster.nodes {
            until(node, "three voters", |status| status.voters.len() == 3).await;
        }
        cluster
    }

    pub(crate) fn node(&self, number: u64) -> &Consensus<Journal> {
        &self.nodes[usize::try_from(number).unwrap() - 1]
    }

    /// Waits until one of `numbers` leads, and knows it.
    pub(crate) async fn leader_among(&self, numbers: &[u64]) -> u64 {
        let waits = numbers.iter().map(|number| {
            let node = self.node(*number);
            Box::pin(
                async move { node.wait_until(PATIENCE, |status| status.is_leader).await.map(|status| status.node.0) },
            )
        });
        let (leader, _) = futures::future::select_ok(waits.map(|wait| Box::pin(async move { wait.await.ok_or(()) })))
            .await
            .expect("a leader is elected");
        leader
    }

    /// Proposes at whoever leads, as a client would: asks again after a refusal that proposed nothing.
    pub(crate) async fn propose(&self, numbers: &[u64], text: &str) -> u64 {
        loop {
            let leader = self.leader_among(numbers).await;
            match self.node(leader).propose(&text.to_owned()).await {
                Ok(_) => return leader,
                Err(ProposeError::NotLeader { .. }) => {}
                Err(error) => panic!("{error}"),
            }
        }
    }

    /// Waits until the state of `number` has `count` lines, and returns them.
    pub(crate) async fn lines(&self, number: u64, applied: u64) -> Vec<String> {
        let node = self.node(number);
        until(node, "the entries", |status| status.applied >= Some(applied)).await;
        node.read_local(|journal, _| journal.texts().into_iter().map(str::to_owned).collect()).await
    }

    pub(crate) async fn applied(&self, number: u64) -> u64 {
        self.node(number).read_local(|_, applied| applied).await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_node_applies_what_the_leader_commits() {
    let cluster = Cluster::of_three(SnapshotPolicy::default()).await;
    for number in 1..=100 {
        cluster.node(1).propose(&format!("line {number}")).await.unwrap();
    }
    let applied = cluster.applied(1).await;
    let expected: Vec<String> = (1..=100).map(|number| format!("line {number}")).collect();
    for number in 1..=3 {
        assert_eq!(cluster.lines(number, applied).await, expected);
    }
    let refused = cluster.node(2).propose(&"here".to_owned()).await.unwrap_err();
    let ProposeError::NotLeader { leader: Some(leader) } = refused else { panic!("{refused:?}") };
    assert_eq!((leader.node, leader.address.as_str()), (NodeId(1), "memory:1"));
    assert!(matches!(cluster.node(2).read(|_, _| ()).await, Err(ReadError::NotLeader { .. })));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_isolated_leader_accepts_nothing_and_follows_the_new_one_when_it_is_back() {
    let cluster = Cluster::of_three(SnapshotPolicy::default()).await;
    cluster.node(1).propose(&"before".to_owned()).await.unwrap();
    cluster.network.isolate(1);
    let lost = {
        let old = cluster.node(1).clone();
        tokio::spawn(async move { old.propose(&"lost".to_owned()).await })
    };
    let leader = cluster.propose(&[2, 3], "after").await;
    assert!(matches!(cluster.node(1).read(|_, _| ()).await, Err(ReadError::NoQuorum | ReadError::NotLeader { .. })));

    cluster.network.heal(1);
    until(cluster.node(1), "the new leader", |status| {
        status.leader.as_ref().is_some_and(|known| known.node == NodeId(leader))
    })
    .await;
    assert!(matches!(lost.await.unwrap(), Err(ProposeError::Unknown { .. } | ProposeError::NotLeader { .. })));
    cluster.node(leader).propose(&"together".to_owned()).await.unwrap();
    let applied = cluster.applied(leader).await;
    for number in 1..=3 {
        assert_eq!(cluster.lines(number, applied).await, ["before", "after", "together"]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_was_away_for_long_catches_up_by_snapshot_without_new_writes() {
    let policy = SnapshotPolicy { entries: 64, log_bytes: 1 << 20, keep: 16 };
    let mut cluster = Cluster::of_three(policy).await;
    cluster.node(1).propose(&"before".to_owned()).await.unwrap();
    cluster.network.stop(3).await;
    for number in 1..=400 {
        cluster.node(1).propose(&format!("line {number}")).await.unwrap();
    }
    let leader = until(cluster.node(1), "a purge beyond what node 3 has", |status| status.purged > Some(100)).await;

    let directory = cluster.directories[2].path().to_owned();
    let (back, mut events) = cluster.network.start(3, &directory, policy).await.unwrap();
    cluster.nodes[2] = back;
    let replaced = loop {
        match events.recv().await.expect("consensus goes on") {
            Event::StateReplaced { index } => break index,
            Event::Fatal(error) => panic!("{error}"),
            Event::Applied(_) | Event::LeaderChanged { .. } => {}
        }
    };
    assert!(replaced > 100);
    tokio::spawn(async move { while events.recv().await.is_some() {} });
    let lines = cluster.lines(3, leader.applied.unwrap()).await;
    assert_eq!(lines.len(), 401);
    assert_eq!(lines.last().unwrap(), "line 400");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn leadership_can_be_handed_over() {
    let cluster = Cluster::of_three(SnapshotPolicy::default()).await;
    cluster.node(1).propose(&"one".to_owned()).await.unwrap();
    cluster.node(1).transfer_leadership(NodeId(2)).await.unwrap();
    until(cluster.node(2), "leadership", |status| status.is_leader).await;
    cluster.propose(&[2], "two").await;
    let applied = cluster.applied(2).await;
    assert_eq!(cluster.lines(1, applied).await, ["one", "two"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn members_come_change_their_address_and_go() {
    let cluster = Cluster::of_three(SnapshotPolicy::default()).await;
    let leader = cluster.node(1);
    leader.change_voters(BTreeSet::from([NodeId(1), NodeId(2)])).await.unwrap();
    let status = until(leader, "two voters", |status| status.voters.len() == 2).await;
    assert_eq!(status.learners, [NodeId(3)]);
    leader.change_address(NodeId(1), "memory:one").await.unwrap();
    until(cluster.node(3), "the address", |status| {
        status.leader.as_ref().is_some_and(|leader| leader.address == "memory:one")
    })
    .await;
    assert!(matches!(leader.remove_learner(NodeId(2)).await, Err(ProposeError::Members(_))), "it votes");
    leader.remove_learner(NodeId(3)).await.unwrap();
    until(leader, "no learner", |status| status.learners.is_empty()).await;
    leader.propose(&"still".to_owned()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_bytes_get_an_answer() {
    let cluster = Cluster::of_three(SnapshotPolicy::default()).await;
    let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
    for length in 0..300 {
        let bytes: Vec<u8> = (0..length)
            .map(|_| {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                (seed >> 33) as u8
            })
            .collect();
        assert!(!cluster.node(2).handle_message(&bytes).await.is_empty());
        let versioned: Vec<u8> = [1, 2, (length % 6) as u8].into_iter().chain(bytes).collect();
        assert!(!cluster.node(2).handle_message(&versioned).await.is_empty());
    }
    cluster.propose(&[1, 2, 3], "unharmed").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wiped_voter_is_refused_under_its_old_id_until_it_joins_again() {
    let mut cluster = Cluster::of_three(SnapshotPolicy::default()).await;
    for number in 1..=20 {
        cluster.node(1).propose(&format!("line {number}")).await.unwrap();
    }
    cluster.network.stop(3).await;
    cluster.directories[2] = tempfile::tempdir().unwrap();
    let directory = cluster.directories[2].path().to_owned();
    cluster.nodes[2] = cluster.network.start_quiet(3, &directory, SnapshotPolicy::default()).await;
    for number in 21..=40 {
        cluster.propose(&[1, 2], &format!("line {number}")).await;
    }
    assert!(cluster.node(1).status().is_running);
    assert!(cluster.node(2).status().is_running);
    let empty = cluster.node(3).read_local(|journal, _| journal.lines.is_empty()).await;
    assert!(empty, "a log that nobody knows is given nothing");
    assert_eq!(cluster.node(3).status().term, 0, "it votes for nobody");
    let leader = cluster.leader_among(&[1, 2]).await;
    let refused = cluster.node(leader).add_learner(NodeId(3), "memory:3").await.unwrap_err();
    assert!(refused.to_string().contains("another log"), "{refused}");

    cluster.node(leader).change_voters(BTreeSet::from([NodeId(1), NodeId(2)])).await.unwrap();
    cluster.node(leader).remove_learner(NodeId(3)).await.unwrap();
    cluster.node(leader).add_learner(NodeId(3), "memory:3").await.unwrap();
    let applied = cluster.applied(leader).await;
    assert_eq!(cluster.lines(3, applied).await.len(), 40);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_follower_that_hangs_holds_nobody_up_and_catches_up_afterwards() {
    let cluster = Cluster::of_three(SnapshotPolicy::default()).await;
    cluster.network.hang(3);
    for number in 1..=100 {
        cluster.node(1).propose(&format!("line {number}")).await.unwrap();
    }
    assert_eq!(cluster.node(1).read(|journal, _| journal.lines.len()).await, Ok(100));
    let applied = cluster.applied(1).await;
    cluster.network.heal(3);
    assert_eq!(cluster.lines(3, applied).await.len(), 100);
}
