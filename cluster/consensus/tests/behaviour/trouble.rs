//! Links that work one way or now and then, and changes that are under way when somebody is lost.

use std::collections::BTreeSet;

use nexus_consensus::{ProposeError, SnapshotPolicy};
use nexus_model::NodeId;

use crate::cluster::Cluster;
use crate::memory_network::until;

/// Times that a link goes and comes.
const FLAPS: u64 = 5;
/// Terms that one election may take: a vote that is split costs one more.
const TERMS_PER_ELECTION: u64 = 5;

/// Messages of a node that hears nothing: it has given up on some elections then.
const QUESTIONS: usize = 6;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_hears_nothing_disturbs_nobody() {
    let cluster = Cluster::of_three(SnapshotPolicy::default()).await;
    cluster.propose(&[1, 2, 3], "before").await;
    let leader = cluster.leader_among(&[1, 2, 3]).await;
    let deaf = (1..=3).find(|number| *number != leader).unwrap();
    let term = cluster.node(leader).status().term;
    cluster.network.deafen(deaf);
    // It misses the leader, and asks the others again and again whether they would vote for it.
    while cluster.network.spoken(deaf) < QUESTIONS {
        tokio::task::yield_now().await;
    }
    for number in 1..=50 {
        cluster.node(leader).propose(&format!("line {number}")).await.unwrap();
    }
    assert_eq!((cluster.node(leader).status().term, cluster.node(leader).status().is_leader), (term, true));
    cluster.network.heal(deaf);
    let applied = cluster.applied(leader).await;
    assert_eq!(cluster.lines(deaf, applied).await.len(), 51);
    assert_eq!(cluster.node(leader).status().term, term, "its return costs no election");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flapping_link_costs_few_terms_and_no_progress() {
    let cluster = Cluster::of_three(SnapshotPolicy::default()).await;
    cluster.propose(&[1, 2, 3], "before").await;
    let first = cluster.node(1).status().term;
    for round in 0..FLAPS {
        let away = cluster.leader_among(&[1, 2, 3]).await;
        cluster.network.isolate(away);
        let others: Vec<u64> = (1..=3).filter(|number| *number != away).collect();
        let leader = cluster.propose(&others, &format!("without node {away}, round {round}")).await;
        cluster.network.heal(away);
        until(cluster.node(away), "the new leader", |status| {
            status.leader.as_ref().is_some_and(|known| known.node == NodeId(leader))
        })
        .await;
    }
    let last = cluster.leader_among(&[1, 2, 3]).await;
    assert!(cluster.node(last).status().term <= first + FLAPS * TERMS_PER_ELECTION);
    let applied = cluster.applied(last).await;
    for number in 1..=3 {
        assert_eq!(cluster.lines(number, applied).await.len() as u64, 1 + FLAPS);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_of_the_voters_that_its_leader_does_not_survive_converges() {
    let mut cluster = Cluster::of_three(SnapshotPolicy::default()).await;
    let directory = tempfile::tempdir().unwrap();
    cluster.nodes.push(cluster.network.start_quiet(4, directory.path(), SnapshotPolicy::default()).await);
    cluster.directories.push(directory);
    cluster.propose(&[1], "before").await;
    cluster.node(1).add_learner(NodeId(4), "memory:4").await.unwrap();
    let wanted: BTreeSet<NodeId> = [2, 3, 4].map(NodeId).into();
    let under_way = {
        let (old, wanted) = (cluster.node(1).clone(), wanted.clone());
        tokio::spawn(async move { old.change_voters(wanted).await })
    };
    // Whatever of the change has got out by now.
    tokio::task::yield_now().await;
    cluster.network.isolate(1);
    loop {
        let leader = cluster.leader_among(&[2, 3, 4]).await;
        match cluster.node(leader).change_voters(wanted.clone()).await {
            Ok(()) => break,
            Err(ProposeError::NotLeader { .. } | ProposeError::Unknown { .. } | ProposeError::Busy { .. }) => {}
            Err(error) => panic!("{error}"),
        }
    }
    let leader = cluster.propose(&[2, 3, 4], "after").await;
    for number in 2..=4 {
        until(cluster.node(number), "the new voters", |status| {
            status.voters.iter().copied().collect::<BTreeSet<_>>() == wanted
        })
        .await;
    }
    cluster.network.heal(1);
    // The old leader's own answer is whatever it is; it has no say any more.
    let _ = under_way.await.unwrap();
    cluster.node(leader).propose(&"without it".to_owned()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_is_stopped_while_it_catches_up_by_snapshot_catches_up_when_it_is_back() {
    let policy = SnapshotPolicy { entries: 16, log_bytes: 1 << 20, keep: 4 };
    let mut cluster = Cluster::of_three(policy).await;
    cluster.node(1).propose(&"before".to_owned()).await.unwrap();
    cluster.network.stop(3).await;
    // A snapshot of several pieces.
    let long = "x".repeat(200_000);
    for number in 1..=30 {
        cluster.node(1).propose(&format!("{number} {long}")).await.unwrap();
    }
    until(cluster.node(1), "a purge beyond what node 3 has", |status| status.purged > Some(8)).await;
    let directory = cluster.directories[2].path().to_owned();
    cluster.network.cut_behind(3, 3);
    cluster.nodes[2] = cluster.network.start_quiet(3, &directory, policy).await;
    while !cluster.network.is_cut(3) {
        tokio::task::yield_now().await;
    }
    let between = cluster.node(3).read_local(|journal, _| journal.lines.len()).await;
    cluster.network.stop(3).await;
    cluster.nodes[2] = cluster.network.start_quiet(3, &directory, policy).await;
    let restarted = cluster.node(3).read_local(|journal, _| journal.lines.len()).await;
    assert!(restarted <= 1 && between <= 1, "the old state, whole: {between} and {restarted} lines");
    cluster.network.heal(3);
    let applied = cluster.applied(1).await;
    let lines = cluster.lines(3, applied).await;
    assert_eq!((lines.len(), lines.last().unwrap().len()), (31, 3 + long.len()));
}
