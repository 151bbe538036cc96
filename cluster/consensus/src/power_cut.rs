//! Tests of the log, and of a whole node, on a disk that loses power or fails.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use nexus_model::NodeId;
use openraft::EntryPayload;
use openraft::storage::RaftLogStorage;

use crate::consensus::{Consensus, ConsensusConfig};
use crate::directory::DataDirectory;
use crate::error::{FatalError, ProposeError, ReadError};
use crate::event::{Event, Events};
use crate::log_file::{Change, LogFile};
use crate::log_store::LogStore;
use crate::machine_store::SnapshotPolicy;
use crate::network::{RaftTransport, TransportError};
use crate::raft_types::{CommandBytes, LeaderId, LogEntry, LogId, RaftTypes, Vote};
use crate::test_disk::Disk;
use crate::test_machine::Register;

fn id(index: u64) -> LogId {
    LogId { leader_id: LeaderId { term: 1, node_id: 1 }, index }
}

fn entry(index: u64) -> LogEntry {
    let text = format!("command {index} ").repeat(usize::try_from(index % 40).unwrap() + 1);
    LogEntry { log_id: id(index), payload: EntryPayload::Normal(CommandBytes(Bytes::from(text.into_bytes()))) }
}

/// The steps of a busy log: entries, votes, a truncation, a purge. After step `n`, `expected(n)` holds.
fn steps() -> Vec<Vec<Change>> {
    let mut steps = Vec::new();
    for batch in 0..12_u64 {
        let entries = (batch * 10..batch * 10 + 10).map(entry).collect();
        steps.push(vec![Change::Append(entries), Change::Vote(Vote::new(batch + 1, 1))]);
    }
    steps.push(vec![Change::TruncateFrom(100)]);
    steps.push(vec![Change::Purged(id(49)), Change::Remove(0..50)]);
    steps.push(vec![Change::Append((100..130).map(entry).collect()), Change::Committed(id(120))]);
    steps
}

#[derive(Debug, PartialEq)]
struct Seen {
    vote: Option<Vote>,
    committed: Option<LogId>,
    purged: Option<LogId>,
    entries: Vec<(u64, Bytes)>,
}

fn seen(disk: &Disk) -> Seen {
    let content = LogFile::open_on(disk.clone()).unwrap().content().unwrap();
    let entries = content.tail.into_iter().map(|entry| {
        let EntryPayload::Normal(command) = entry.payload else { panic!("only commands were written") };
        (entry.log_id.index, command.0)
    });
    Seen { vote: content.vote, committed: content.committed, purged: content.purged, entries: entries.collect() }
}

/// The content after each number of steps.
fn expectations() -> Vec<Seen> {
    let disk = Disk::default();
    let mut expected = Vec::new();
    for step in steps() {
        let file = LogFile::open_on(disk.clone()).unwrap();
        if expected.is_empty() {
            expected.push(Seen { vote: None, committed: None, purged: None, entries: Vec::new() });
        }
        file.write(&step).unwrap();
        file.close();
        expected.push(seen(&disk));
    }
    expected
}

/// Cuts the power at every flush, several times each, and looks at what the next start finds: everything that was
/// acknowledged, and at most the one step that was on its way.
#[test]
fn a_power_cut_at_any_flush_loses_nothing_acknowledged() {
    let expected = expectations();
    let total = {
        let disk = Disk::default();
        let file = LogFile::open_on(disk.clone()).unwrap();
        steps().iter().for_each(|step| file.write(step).unwrap());
        disk.flushes()
    };
    let mut lost_on_the_way = 0;
    let empty = Disk::default();
    LogFile::open_on(empty.clone()).unwrap().close();
    let created = empty.flushes();
    // A cut while the file is made leaves no log at all: it has no name yet (see `directory.rs`).
    for cut in created..total {
        let disk = Disk::default().cut_at(cut, None);
        let file = LogFile::open_on(disk.clone()).unwrap();
        let acknowledged = steps().iter().take_while(|step| file.write(step).is_ok()).count();
        for seed in 0..24 {
            let found = seen(&disk.after_power_cut(seed));
            let step = expected.iter().position(|expected| *expected == found);
            let step = step.unwrap_or_else(|| panic!("cut {cut}, seed {seed}: a mixture: {found:?}"));
            assert!(
                (acknowledged..=acknowledged + 1).contains(&step),
                "cut {cut}, seed {seed}: {step}, acknowledged {acknowledged}"
            );
            lost_on_the_way += usize::from(step == acknowledged);
        }
    }
    assert!(lost_on_the_way > 0, "the cuts did not hurt anything");
}

#[tokio::test]
async fn a_failed_flush_ends_the_log_and_is_never_tried_again() {
    let disk = Disk::default();
    drop(LogFile::open_on(disk.clone()).unwrap());
    let flushes = disk.flushes();
    let disk = disk.cut_at(flushes + 4, Some(io::ErrorKind::StorageFull));
    let (mut log, _) = LogStore::on(LogFile::open_on(disk.clone()).unwrap()).unwrap();
    let mut saved = 0;
    let error = loop {
        let vote = Vote::new(saved + 1, 1);
        match RaftLogStorage::<RaftTypes<Register>>::save_vote(&mut log, &vote).await {
            Ok(()) => saved += 1,
            Err(error) => break error,
        }
    };
    assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    assert_eq!(log.failure(), Some(io::ErrorKind::StorageFull));
    let flushes = disk.flushes();
    let again = RaftLogStorage::<RaftTypes<Register>>::save_vote(&mut log, &Vote::new(99, 1)).await;
    assert_eq!(again.unwrap_err().kind(), io::ErrorKind::StorageFull);
    assert_eq!(disk.flushes(), flushes);
    log.close();
    let kept = seen(&disk.after_power_cut(1)).vote.map_or(0, |vote| vote.leader_id.term);
    assert!(kept == saved || kept == saved + 1, "{kept} of {saved}");
}

/// A voter alone has nobody to talk to.
struct Nobody;

impl RaftTransport for Nobody {
    async fn send(&self, node: NodeId, _address: &str, _message: Vec<u8>) -> Result<Vec<u8>, TransportError> {
        Err(TransportError::Unreachable(format!("there is no {node}")))
    }
}

/// A node whose log is on `disk`; its other files are in `folder`.
async fn node_on(disk: &Disk, folder: &Path) -> (Consensus<Register>, Events<Register>) {
    let mut directory = DataDirectory::open(folder).unwrap();
    (directory.log, directory.identity) = LogStore::on(LogFile::open_on(disk.clone()).unwrap()).unwrap();
    let config = ConsensusConfig { node: NodeId(1), cluster: "test".to_owned(), snapshots: SnapshotPolicy::default() };
    Consensus::open(directory, config, Arc::new(Nobody)).await.unwrap()
}

/// Fills the disk at one flush after the other: the node ends and names the reason, and what it acknowledged is there when
/// it comes back after a power cut.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_ends_the_node_by_name_and_loses_nothing_acknowledged() {
    for flush in 12..20 {
        let folder = tempfile::tempdir().unwrap();
        let disk = Disk::default().cut_at(flush, Some(io::ErrorKind::StorageFull));
        let (node, mut events) = node_on(&disk, folder.path()).await;
        node.initialize_single("nowhere").await.unwrap();
        let mut acknowledged = 0;
        let error = loop {
            match node.propose(&format!("text {acknowledged}")).await {
                Ok(_) => acknowledged += 1,
                Err(error) => break error,
            }
        };
        assert_eq!(error, ProposeError::DiskFull, "whoever waits is told why");
        assert_eq!(node.propose(&"late".to_owned()).await, Err(ProposeError::DiskFull));
        assert_eq!(node.read(|_, _| ()).await, Err(ReadError::DiskFull));
        let fatal = loop {
            if let Event::Fatal(fatal) = events.recv().await.expect("the end is told") {
                break fatal;
            }
        };
        assert_eq!(fatal, FatalError::DiskFull);
        node.shutdown().await;
        for seed in 0..4 {
            let (node, events) = node_on(&disk.after_power_cut(seed), folder.path()).await;
            drop(events);
            node.wait_until(Duration::from_secs(30), |status| status.is_leader).await.expect("it leads again");
            let texts = node.read(|register, _| register.texts.len()).await.unwrap();
            assert!((acknowledged..=acknowledged + 1).contains(&texts), "{texts}, acknowledged {acknowledged}");
            node.shutdown().await;
        }
    }
}
