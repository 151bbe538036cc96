//! A process that is killed without warning, again and again, under load: everything that it acknowledged is there.
//!
//! The test starts itself as that process: [`the_process_that_is_killed`] does nothing unless it finds its folder in the
//! environment.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use nexus_consensus::SnapshotPolicy;

use crate::memory_network::{Network, until};

const FOLDER: &str = "NEXUS_TEST_KILLED_IN";
const ROUNDS: usize = 6;
const UNDER_WAY: usize = 32;
/// Snapshots and purges happen within a round, so that some kills fall into them.
const POLICY: SnapshotPolicy = SnapshotPolicy { entries: 64, log_bytes: 1 << 20, keep: 16 };

/// Proposes without end, many at once, and prints each acknowledged text.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_process_that_is_killed() {
    let Some(folder) = std::env::var_os(FOLDER).map(PathBuf::from) else { return };
    let network = Network::new();
    let node = network.start_quiet(1, &folder, POLICY).await;
    node.initialize_single("memory:1").await.unwrap();
    until(&node, "leadership", |status| status.is_leader).await;
    let first = node.read(|journal, _| journal.lines.len()).await.unwrap();
    let room = Arc::new(tokio::sync::Semaphore::new(UNDER_WAY));
    for number in first.. {
        let permit = Arc::clone(&room).acquire_owned().await.unwrap();
        let text = format!("round {first} number {number}");
        let waiting = node.submit(&text).await.unwrap();
        tokio::spawn(async move {
            if waiting.reply().await.is_ok() {
                let mut out = std::io::stdout().lock();
                writeln!(out, "ACK {text}").and_then(|()| out.flush()).unwrap();
            }
            drop(permit);
        });
    }
}

/// Lets the process run until it has acknowledged `count`, kills it, and returns everything that it acknowledged.
fn run_and_kill(folder: &Path, count: usize) -> Vec<String> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["kill::the_process_that_is_killed", "--exact", "--nocapture", "--test-threads=1"])
        .env(FOLDER, folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut acknowledged = Vec::new();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut is_killed = false;
    // After the kill, what it had printed is still in the pipe.
    while let Some(Ok(line)) = lines.next() {
        acknowledged.extend(line.split_once("ACK ").map(|(_, text)| text.to_owned()));
        if acknowledged.len() == count && !is_killed {
            child.kill().unwrap();
            is_killed = true;
        }
    }
    child.wait().unwrap();
    assert!(is_killed, "the process ended by itself after {} acknowledgements", acknowledged.len());
    acknowledged
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_before_a_kill_is_there_after_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut acknowledged = Vec::new();
    for round in 0..ROUNDS {
        let path = folder.path().to_owned();
        let count = 40 + 37 * round;
        acknowledged.extend(tokio::task::spawn_blocking(move || run_and_kill(&path, count)).await.unwrap());

        let network = Network::new();
        let node = network.start_quiet(1, folder.path(), POLICY).await;
        until(&node, "leadership", |status| status.is_leader).await;
        let lines = node.read(|journal, _| journal.lines.clone()).await.unwrap();
        let there: std::collections::BTreeSet<&str> = lines.iter().map(|(_, text)| text.as_str()).collect();
        assert_eq!(there.len(), lines.len(), "a command was applied twice");
        let lost: Vec<&String> = acknowledged.iter().filter(|text| !there.contains(text.as_str())).collect();
        assert!(lost.is_empty(), "round {round}: lost {lost:?}");
        network.stop(1).await;
    }
}
