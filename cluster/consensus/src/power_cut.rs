//! The log on a disk that loses power: what was flushed stays; of what was written since, any part may be there or not,
//! down to single sectors. And the log on a disk that fails.

use std::io;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use openraft::EntryPayload;
use openraft::storage::RaftLogStorage;

use crate::log_file::{Change, LogFile};
use crate::log_store::LogStore;
use crate::raft_types::{CommandBytes, LeaderId, LogEntry, LogId, RaftTypes, Vote};
use crate::test_machine::Register;

const SECTOR: usize = 512;

/// A disk in memory.
#[derive(Debug, Clone, Default)]
struct Disk {
    state: Arc<Mutex<DiskState>>,
}

#[derive(Debug, Clone, Default)]
struct DiskState {
    /// As the operating system shows it.
    seen: Vec<u8>,
    /// As it is after a power cut at best and at worst: the flushed bytes, and the sectors and lengths written since.
    flushed: Vec<u8>,
    since: Vec<Unflushed>,
    flushes: usize,
    /// The power goes at this flush, before anything of it is done.
    cut_at: Option<usize>,
    /// What the disk says then instead.
    error: Option<io::ErrorKind>,
    is_dead: bool,
}

#[derive(Debug, Clone)]
enum Unflushed {
    Sector { offset: usize, bytes: Vec<u8> },
    Length(usize),
}

/// A small generator (Knuth's MMIX constants): the same seed, the same disk.
struct Chance(u64);

impl Chance {
    fn coin(&mut self) -> bool {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 63 == 1
    }
}

impl Disk {
    /// What is there when the power comes back: each unflushed sector made it or not.
    fn after_power_cut(&self, seed: u64) -> Disk {
        let state = self.state.lock().unwrap();
        let mut chance = Chance(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5bf0_3635);
        let mut bytes = state.flushed.clone();
        for unflushed in &state.since {
            match unflushed {
                Unflushed::Length(length) => bytes.resize(*length, 0),
                Unflushed::Sector { offset, bytes: sector } => {
                    if chance.coin() && offset + sector.len() <= bytes.len() {
                        bytes[*offset..offset + sector.len()].copy_from_slice(sector);
                    }
                }
            }
        }
        let state = DiskState { seen: bytes.clone(), flushed: bytes, ..DiskState::default() };
        Disk { state: Arc::new(Mutex::new(state)) }
    }

    fn cut_at(self, flush: usize, error: Option<io::ErrorKind>) -> Self {
        {
            let mut state = self.state.lock().unwrap();
            (state.cut_at, state.error) = (Some(flush), error);
        }
        self
    }

    fn flushes(&self) -> usize {
        self.state.lock().unwrap().flushes
    }
}

impl DiskState {
    fn alive(&self) -> io::Result<()> {
        if self.is_dead { Err(self.error.unwrap_or(io::ErrorKind::BrokenPipe).into()) } else { Ok(()) }
    }
}

impl redb::StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        Ok(self.state.lock().unwrap().seen.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let state = self.state.lock().unwrap();
        let start = usize::try_from(offset).unwrap();
        let bytes = state.seen.get(start..start + out.len()).ok_or(io::ErrorKind::UnexpectedEof)?;
        out.copy_from_slice(bytes);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut state = self.state.lock().unwrap();
        state.alive()?;
        let len = usize::try_from(len).unwrap();
        state.seen.resize(len, 0);
        state.since.push(Unflushed::Length(len));
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut state = self.state.lock().unwrap();
        state.alive()?;
        if state.cut_at == Some(state.flushes) {
            state.is_dead = true;
            return state.alive();
        }
        state.flushes += 1;
        state.flushed = state.seen.clone();
        state.since.clear();
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut state = self.state.lock().unwrap();
        state.alive()?;
        let start = usize::try_from(offset).unwrap();
        state.seen[start..start + data.len()].copy_from_slice(data);
        let mut done = 0;
        while done < data.len() {
            let end = ((start + done) / SECTOR + 1) * SECTOR - start;
            let bytes = data[done..end.min(data.len())].to_vec();
            let sector = Unflushed::Sector { offset: start + done, bytes };
            state.since.push(sector);
            done = end;
        }
        Ok(())
    }
}

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
