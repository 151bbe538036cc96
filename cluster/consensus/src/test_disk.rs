//! A disk in memory for tests: it can lose power at any flush, and fail at any flush.
//!
//! What was flushed stays; of what was written since, any part may be there or not, down to single sectors.

use std::io;
use std::sync::{Arc, Mutex};

const SECTOR: usize = 512;

/// A disk in memory.
#[derive(Debug, Clone, Default)]
pub(crate) struct Disk {
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
    pub(crate) fn after_power_cut(&self, seed: u64) -> Disk {
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

    pub(crate) fn cut_at(self, flush: usize, error: Option<io::ErrorKind>) -> Self {
        {
            let mut state = self.state.lock().unwrap();
            (state.cut_at, state.error) = (Some(flush), error);
        }
        self
    }

    pub(crate) fn flushes(&self) -> usize {
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
