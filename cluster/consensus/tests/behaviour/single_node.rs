//! A cluster of one: what is acknowledged is kept, events come once and in order, bounds hold, and what is wrong with a
//! data directory is said.

use std::fs;

use crate::journal::Journal;
use crate::memory_network::{Network, PATIENCE, until};
use nexus_consensus::{Consensus, DataDirectory, Event, Events, OpenError, ProposeError, SnapshotPolicy, limits};
use nexus_model::NodeId;

async fn single(network: &std::sync::Arc<Network>, path: &std::path::Path) -> (Consensus<Journal>, Events<Journal>) {
    let (node, events) = network.start(1, path, SnapshotPolicy::default()).await.unwrap();
    node.initialize_single("127.0.0.1:1").await.unwrap();
    until(&node, "leadership", |status| status.is_leader).await;
    (node, events)
}

/// Every text that the events tell, until `last`.
async fn told(events: &mut Events<Journal>, last: &str) -> Vec<(u64, String)> {
    let mut texts = Vec::new();
    while texts.last().is_none_or(|(_, text)| text != last) {
        if let Event::Applied(applied) = events.recv().await.expect("consensus goes on") {
            texts.extend(applied.into_iter().map(|entry| (entry.index, entry.effects)));
        }
    }
    texts
}

#[tokio::test]
async fn acknowledged_commands_are_there_after_a_restart_and_their_effects_are_told_once() {
    let directory = tempfile::tempdir().unwrap();
    let network = Network::new();
    let (node, mut events) = single(&network, directory.path()).await;
    for number in 1..=200_usize {
        assert_eq!(node.propose(&format!("line {number}")).await, Ok(number));
    }
    let before = node.read(|journal, _| journal.clone()).await.unwrap();
    assert_eq!(told(&mut events, "line 200").await, before.lines);
    network.stop(1).await;

    let (node, mut events) = network.start(1, directory.path(), SnapshotPolicy::default()).await.unwrap();
    until(&node, "leadership", |status| status.is_leader).await;
    assert_eq!(node.read(|journal, _| journal.clone()).await.unwrap(), before);
    assert_eq!(node.propose(&"after".to_owned()).await, Ok(201));
    let news = told(&mut events, "after").await;
    // The last batch before the stop may not have been known as committed; all others are old.
    assert!(news.len() <= 2, "{news:?}");
    network.stop(1).await;
}

#[tokio::test]
async fn a_snapshot_takes_the_place_of_the_log_that_it_covers() {
    let directory = tempfile::tempdir().unwrap();
    let network = Network::new();
    let policy = SnapshotPolicy { entries: 100, log_bytes: 1 << 20, keep: 10 };
    let (node, mut events) = network.start(1, directory.path(), policy).await.unwrap();
    node.initialize_single("127.0.0.1:1").await.unwrap();
    until(&node, "leadership", |status| status.is_leader).await;
    tokio::spawn(async move { while events.recv().await.is_some() {} });
    for number in 1..=500_usize {
        assert_eq!(node.propose(&format!("line {number}")).await, Ok(number));
    }
    let status = until(&node, "a purge", |status| status.purged > Some(50)).await;
    assert!(status.snapshot > status.purged, "{status:?}");
    let before = node.read(|journal, _| journal.clone()).await.unwrap();
    network.stop(1).await;

    let (node, _events) = network.start(1, directory.path(), policy).await.unwrap();
    until(&node, "leadership", |status| status.is_leader).await;
    assert_eq!(node.read(|journal, _| journal.clone()).await.unwrap(), before);
    network.stop(1).await;
}

#[tokio::test]
async fn more_proposals_than_allowed_are_busy_and_larger_ones_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let network = Network::new();
    let (node, events) = single(&network, directory.path()).await;
    let large = "x".repeat(limits::COMMAND_BYTES_MAX + 1);
    assert!(matches!(node.propose(&large).await, Err(ProposeError::TooLarge { .. })));

    // Nobody reads the events, so that applying stands still and everything accepted stays in flight.
    let mut pending = Vec::new();
    let refused = loop {
        match node.submit(&"x".repeat(100)).await {
            Ok(waiting) => pending.push(waiting),
            Err(error) => break error,
        }
        assert!(pending.len() < 10 * limits::PROPOSALS_IN_FLIGHT_MAX, "nothing bounds the proposals");
    };
    assert!(matches!(refused, ProposeError::Busy { .. }), "{refused:?}");
    assert!(pending.len() >= limits::PROPOSALS_IN_FLIGHT_MAX);

    drop(events);
    for waiting in pending {
        waiting.reply().await.unwrap();
    }
    assert!(node.propose(&"room again".to_owned()).await.is_ok());
    network.stop(1).await;
}

#[tokio::test]
async fn after_a_stop_everything_answers_stopped() {
    let directory = tempfile::tempdir().unwrap();
    let network = Network::new();
    let (node, mut events) = single(&network, directory.path()).await;
    network.stop(1).await;
    assert!(matches!(node.propose(&"late".to_owned()).await, Err(ProposeError::Stopped(_))));
    assert!(node.read(|_, _| ()).await.is_err());
    while let Some(event) = events.recv().await {
        assert!(!matches!(event, Event::Fatal(_)), "a stop is no failure");
    }
    assert_eq!(
        node.wait_until(PATIENCE, |status| !status.is_running).await.map(|status| status.is_running),
        Some(false)
    );
}

#[tokio::test]
async fn a_directory_in_use_is_refused_and_the_holder_named() {
    let directory = tempfile::tempdir().unwrap();
    let held = DataDirectory::open(directory.path()).unwrap();
    let error = DataDirectory::open(directory.path()).err().unwrap();
    assert!(matches!(error, OpenError::InUse { .. }));
    assert!(error.to_string().contains(&format!("process {}", std::process::id())), "{error}");
    drop(held);
    DataDirectory::open(directory.path()).unwrap();
}

#[tokio::test]
async fn a_directory_of_another_node_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let network = Network::new();
    let (_node, _events) = single(&network, directory.path()).await;
    network.stop(1).await;
    let error = network.start(2, directory.path(), SnapshotPolicy::default()).await.err().unwrap();
    assert!(error.to_string().contains("belongs to node-1 of cluster `test`, not to node-2"), "{error}");
    let opened = DataDirectory::open(directory.path()).unwrap();
    assert_eq!(opened.identity(), Some((NodeId(1), "test")));
}

/// Opens the directory, says what is wrong, or what is in it.
async fn reopened(path: &std::path::Path) -> Result<Journal, String> {
    let network = Network::new();
    let opened = network.start(1, path, SnapshotPolicy::default()).await;
    let (node, _events) = opened.map_err(|error| error.to_string())?;
    until(&node, "leadership or an end", |status| status.is_leader || !status.is_running).await;
    let journal = node.read(|journal, _| journal.clone()).await.map_err(|error| error.to_string());
    network.stop(1).await;
    journal
}

#[tokio::test]
async fn a_damaged_log_is_refused_or_gives_everything_back() {
    let directory = tempfile::tempdir().unwrap();
    let network = Network::new();
    let (node, _events) = single(&network, directory.path()).await;
    for number in 1..=50_usize {
        node.propose(&format!("line number {number}")).await.unwrap();
    }
    let expected = node.read(|journal, _| journal.clone()).await.unwrap();
    network.stop(1).await;
    let log = directory.path().join("log");
    let whole = fs::read(&log).unwrap();

    let mut refused = 0;
    for position in (0..whole.len()).step_by(whole.len() / 97) {
        let mut damaged = whole.clone();
        damaged[position] ^= 0x55;
        fs::write(&log, &damaged).unwrap();
        match reopened(directory.path()).await {
            Ok(journal) => assert_eq!(journal, expected, "position {position}"),
            Err(_) => refused += 1,
        }
    }
    for length in [0, 1, 100, whole.len() / 2] {
        fs::write(&log, &whole[..length]).unwrap();
        let outcome = reopened(directory.path()).await;
        assert!(outcome.is_err(), "cut to {length}: {outcome:?}");
    }
    // The file also holds pages of the past, which nobody reads any more.
    let mut damaged = whole.clone();
    for at in 0..whole.len() - 14 {
        if &whole[at..at + 14] == b"line number 17" {
            damaged[at] = b'L';
        }
    }
    fs::write(&log, &damaged).unwrap();
    let error = reopened(directory.path()).await.unwrap_err();
    assert!(error.contains("is damaged"), "{error}");
    assert!(refused > 0, "no position mattered");
}

#[tokio::test]
async fn a_damaged_snapshot_is_refused_by_name() {
    let directory = tempfile::tempdir().unwrap();
    let network = Network::new();
    let (node, _events) = single(&network, directory.path()).await;
    for number in 1..=50_usize {
        node.propose(&format!("line {number}")).await.unwrap();
    }
    node.request_snapshot().await.unwrap();
    until(&node, "the snapshot", |status| status.snapshot.is_some()).await;
    network.stop(1).await;
    let path = directory.path().join("snapshot");
    let whole = fs::read(&path).unwrap();
    for position in 0..whole.len() {
        let mut damaged = whole.clone();
        damaged[position] ^= 1;
        fs::write(&path, &damaged).unwrap();
        let error = DataDirectory::open(directory.path()).err().unwrap().to_string();
        assert!(error.contains("snapshot is damaged"), "{error}");
    }
    for length in [0, 7, 12, 40, whole.len() - 1] {
        fs::write(&path, &whole[..length]).unwrap();
        assert!(DataDirectory::open(directory.path()).is_err());
    }
    fs::write(&path, &whole).unwrap();
    assert!(DataDirectory::open(directory.path()).is_ok());
}
