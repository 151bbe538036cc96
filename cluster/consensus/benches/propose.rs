//! What a commit costs on this machine: `cargo bench -p nexus-consensus`.
//!
//! One voter on the disk of the temporary folder (`TMPDIR` chooses another). The floor beside each number is the flush of a
//! page by itself, measured in the same run. Prints to stdout, one line a measurement; asserts nothing.

#![expect(clippy::print_stdout, reason = "a benchmark's product is what it prints")]
#![expect(clippy::unwrap_used, reason = "a benchmark stops at the first error")]

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use nexus_consensus::{
    Consensus, ConsensusConfig, DataDirectory, Events, RaftTransport, SnapshotPolicy, StateMachine, TransportError,
};
use nexus_model::NodeId;

const SEQUENTIAL: usize = 2000;
const CONCURRENT: usize = 10_000;
const PATIENCE: Duration = Duration::from_secs(30);

/// Counts.
struct Counter(u64);

impl StateMachine for Counter {
    type Command = Vec<u8>;
    type Reply = u64;
    type Effects = ();

    fn empty() -> Self {
        Self(0)
    }

    fn encode_command(command: &Vec<u8>) -> Result<Vec<u8>, String> {
        Ok(command.clone())
    }

    fn decode_command(bytes: &[u8]) -> Result<Vec<u8>, String> {
        Ok(bytes.to_vec())
    }

    fn apply(&mut self, _index: u64, _command: Vec<u8>) -> (u64, ()) {
        self.0 += 1;
        (self.0, ())
    }

    fn encode_snapshot(&self) -> Result<Vec<u8>, String> {
        Ok(self.0.to_le_bytes().to_vec())
    }

    fn decode_snapshot(bytes: &[u8]) -> Result<Self, String> {
        Ok(Self(u64::from_le_bytes(bytes.try_into().map_err(|_| "eight bytes make a number".to_owned())?)))
    }
}

/// A voter alone has nobody to talk to.
struct Nobody;

impl RaftTransport for Nobody {
    async fn send(&self, node: NodeId, _address: &str, _message: Vec<u8>) -> Result<Vec<u8>, TransportError> {
        Err(TransportError::Unreachable(format!("there is no {node}")))
    }
}

async fn start_on(directory: DataDirectory) -> (Consensus<Counter>, Events<Counter>) {
    let config = ConsensusConfig { node: NodeId(1), cluster: "bench".to_owned(), snapshots: SnapshotPolicy::default() };
    Consensus::open(directory, config, Arc::new(Nobody)).await.unwrap()
}

fn report(what: &str, mut times: Vec<Duration>) {
    times.sort_unstable();
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize];
    println!("{what}: p50 {:.3} ms, p99 {:.3} ms, max {:.3} ms", ms(at(0.5)), ms(at(0.99)), ms(at(1.0)));
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn flush_floor(path: &Path) {
    let file = File::create(path.join("floor")).unwrap();
    file.write_all_at(&[0; 1 << 20], 0).unwrap();
    file.sync_all().unwrap();
    let page = [1; 4096];
    let times = (0..500).map(|number| {
        let begin = Instant::now();
        file.write_all_at(&page, number % 256 * 4096).unwrap();
        file.sync_data().unwrap();
        begin.elapsed()
    });
    report("floor: write and flush one page", times.collect());
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let directory = tempfile::tempdir().unwrap();
    flush_floor(directory.path());
    let path = directory.path().join("raft");

    let begin = Instant::now();
    let (node, mut events) = start_on(DataDirectory::open(&path).unwrap()).await;
    node.initialize_single("nowhere").await.unwrap();
    node.propose(&vec![0; 100]).await.unwrap();
    println!("first start to first commit: {:.1} ms", ms(begin.elapsed()));
    tokio::spawn(async move { while events.recv().await.is_some() {} });

    let mut times = Vec::with_capacity(SEQUENTIAL);
    for _ in 0..SEQUENTIAL {
        let begin = Instant::now();
        node.propose(&vec![0; 200]).await.unwrap();
        times.push(begin.elapsed());
    }
    report("one proposal after the other", times);

    let begin = Instant::now();
    let mut pending = Vec::with_capacity(CONCURRENT);
    for _ in 0..CONCURRENT {
        pending.push(node.submit(&vec![0; 200]).await.unwrap());
    }
    for waiting in pending {
        waiting.reply().await.unwrap();
    }
    let rate = CONCURRENT as f64 / begin.elapsed().as_secs_f64();
    println!("{CONCURRENT} proposals at once: {rate:.0} a second");

    let mut times = Vec::with_capacity(SEQUENTIAL);
    for _ in 0..SEQUENTIAL {
        let begin = Instant::now();
        node.read(|counter, _| counter.0).await.unwrap();
        times.push(begin.elapsed());
    }
    report("one current read after the other", times);

    node.shutdown().await;
    let (mut opening, mut rebuilding, mut times) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..20 {
        let begin = Instant::now();
        let directory = DataDirectory::open(&path).unwrap();
        opening.push(begin.elapsed());
        let (node, events) = start_on(directory).await;
        rebuilding.push(begin.elapsed());
        node.wait_until(PATIENCE, |status| status.is_leader).await.unwrap();
        times.push(begin.elapsed());
        node.shutdown().await;
        drop(events);
    }
    report("later start, to the log opened", opening);
    report("later start, to the state rebuilt", rebuilding);
    report("later start, to leadership", times);
}
