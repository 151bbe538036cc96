//! The store: put, get, pieces, existence.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use bytes::Bytes;
use nexus_model::BlobHash;

use crate::cache::Cache;
use crate::checked::Checked;
use crate::disk::{Disk, PartFile};
use crate::error::BlobError;
use crate::incoming::Incoming;
use crate::outline::{Outline, Outlining, PIECE_BYTES};
use crate::unused::Unused;

/// Blobs that come in by pieces at the same time. With more, the one that nobody has continued for longest is given up;
/// its sender begins again.
pub const INCOMING_MAX: usize = 64;
/// Read and hashed at a time.
const BUFFER_BYTES: usize = 256 << 10;

/// A store of blobs in one directory. Calls block; it is shared between threads as it is.
#[derive(Debug)]
pub struct BlobStore {
    pub(crate) disk: Disk,
    cache: Mutex<Cache>,
    checked: Mutex<Checked>,
    incoming: Mutex<Arrivals>,
    pub(crate) unused: Mutex<Unused>,
    /// Bytes of the last blob that found no room, and when; none where there is room again.
    unplaced: Mutex<Option<(u64, Instant)>>,
}

/// A blob that comes in; none before its first piece and after its last.
type Slot = Arc<Mutex<Option<Incoming>>>;

/// Blobs that come in by pieces, each with the time (a count) of its last piece.
#[derive(Debug, Default)]
struct Arrivals {
    now: u64,
    blobs: BTreeMap<BlobHash, (Slot, u64)>,
}

impl BlobStore {
    /// Opens the store in `directory`, which is made if it is missing, with at most `memory_budget` bytes of blobs in
    /// memory. What a crash left half-written is removed.
    pub fn open(directory: &Path, memory_budget: usize) -> Result<Self, BlobError> {
        Ok(BlobStore {
            disk: Disk::open(directory)?,
            cache: Mutex::new(Cache::new(memory_budget)),
            checked: Mutex::default(),
            incoming: Mutex::default(),
            unused: Mutex::default(),
            unplaced: Mutex::default(),
        })
    }

    /// Stores `bytes` and returns their hash once they are flushed to disk. Storing what is there already is cheap; if
    /// that has become damaged, it is mended.
    pub fn put(&self, bytes: &[u8]) -> Result<BlobHash, BlobError> {
        let hash = BlobHash(*blake3::hash(bytes).as_bytes());
        self.in_use(&hash);
        if !self.has_intact(&hash)? {
            let mut part = self.disk.begin()?;
            part.write(bytes)?;
            self.keep(part, &hash)?;
        }
        let mut cache = lock(&self.cache);
        if cache.takes(bytes.len() as u64) {
            cache.put(hash, Bytes::copy_from_slice(bytes));
        }
        Ok(hash)
    }

    /// Something that must be kept found no room on the disk.
    pub fn note_unplaced(&self, bytes: u64) {
        *lock(&self.unplaced) = Some((bytes, Instant::now()));
    }

    /// Bytes of the last that found none, and when that was, until [`BlobStore::note_room`].
    pub fn unplaced(&self) -> Option<(u64, Instant)> {
        *lock(&self.unplaced)
    }

    /// There is room again for what found none.
    pub fn note_room(&self) {
        *lock(&self.unplaced) = None;
    }

    /// Bytes that may still be written to the store's disk, where the system says so.
    pub fn free_bytes(&self) -> Option<u64> {
        self.disk.free_bytes()
    }

    /// Stores everything that `content` gives until its end, without holding it in memory; returns hash and length. An
    /// error of `content` is [`BlobError::Io`] with the action `take in`.
    pub fn put_streaming(&self, content: &mut dyn Read) -> Result<(BlobHash, u64), BlobError> {
        let mut part = self.disk.begin()?;
        let mut hasher = blake3::Hasher::new();
        let mut length = 0;
        read_through(content, |piece| {
            hasher.update(piece);
            length += piece.len() as u64;
            part.write(piece)
        })
        .map_err(|error| error.unwrap_or_else(|source| BlobError::io("take in", Path::new("a new blob"), source)))?;
        let hash = BlobHash(*hasher.finalize().as_bytes());
        self.in_use(&hash);
        if !self.has_intact(&hash)? {
            self.keep(part, &hash)?;
        }
        Ok((hash, length))
    }

    /// The whole blob, checked against its hash. A damaged one is set aside and answered with [`BlobError::Damaged`].
    pub fn get(&self, hash: &BlobHash) -> Result<Bytes, BlobError> {
        if let Some(bytes) = lock(&self.cache).get(hash) {
            return Ok(bytes);
        }
        let mut bytes = Vec::new();
        let mut file = self.disk.read(hash)?;
        file.read_to_end(&mut bytes).map_err(|error| BlobError::io("read", &self.disk.object(hash), error))?;
        if *blake3::hash(&bytes).as_bytes() != hash.0 {
            return Err(self.damaged(hash)?);
        }
        lock(&self.checked).insert(*hash);
        let bytes = Bytes::from(bytes);
        lock(&self.cache).put(*hash, bytes.clone());
        Ok(bytes)
    }

    /// Up to `length` bytes from `offset` on: fewer only at the end, none exactly at the end. The first read of a blob
    /// since the store was opened checks all of it.
    pub fn read_at(&self, hash: &BlobHash, offset: u64, length: usize) -> Result<Vec<u8>, BlobError> {
        let total = self.len(hash)?;
        if offset > total {
            return Err(BlobError::BeyondEnd { hash: *hash, total, offset });
        }
        let length = usize::try_from(total - offset).map_or(length, |rest| rest.min(length));
        if let Some(bytes) = lock(&self.cache).get(hash) {
            let start = usize::try_from(offset).expect("a blob in memory is no longer than memory");
            return Ok(bytes[start..start + length].to_vec());
        }
        self.check(hash)?;
        let mut file = self.disk.read(hash)?;
        let mut bytes = vec![0; length];
        let read = file.seek(SeekFrom::Start(offset)).and_then(|_| file.read_exact(&mut bytes));
        match read {
            Ok(()) => Ok(bytes),
            // It was whole when it was checked.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Err(self.damaged(hash)?),
            Err(error) => Err(BlobError::io("read", &self.disk.object(hash), error)),
        }
    }

    /// Whether it is here. Whether it is intact shows when it is read.
    pub fn has(&self, hash: &BlobHash) -> bool {
        self.in_use(hash);
        matches!(self.disk.length(hash), Ok(Some(_)))
    }

    /// Its length in bytes.
    pub fn len(&self, hash: &BlobHash) -> Result<u64, BlobError> {
        self.disk.length(hash)?.ok_or(BlobError::Missing { hash: *hash })
    }

    /// The hashes of its pieces, for whoever fetches it; this reads and checks all of it.
    pub fn outline(&self, hash: &BlobHash) -> Result<Outline, BlobError> {
        self.in_use(hash);
        let mut file = self.disk.read(hash)?;
        let mut piece = Vec::with_capacity(PIECE_BYTES);
        let mut outlining = Outlining::default();
        loop {
            piece.clear();
            let read = (&mut file).take(PIECE_BYTES as u64).read_to_end(&mut piece);
            match read.map_err(|error| BlobError::io("read", &self.disk.object(hash), error))? {
                0 => break,
                _ => outlining.push(&piece),
            }
        }
        let outline = outlining.finish();
        if outline.hash() != *hash {
            return Err(self.damaged(hash)?);
        }
        lock(&self.checked).insert(*hash);
        Ok(outline)
    }

    /// Removes it; whether it was here. Whoever reads it at the moment reads to the end.
    pub fn remove(&self, hash: &BlobHash) -> Result<bool, BlobError> {
        lock(&self.cache).remove(hash);
        lock(&self.checked).remove(hash);
        self.disk.remove(hash)
    }

    /// Begins a blob that comes in by pieces and that the caller keeps track of.
    pub fn incoming(&self, hash: BlobHash, total: u64) -> Result<Incoming, BlobError> {
        Ok(Incoming::new(hash, total, self.disk.begin()?))
    }

    /// Takes a piece of a blob that the store keeps track of: pieces in order, from 0; with the last, the whole is
    /// checked and stored. Returns whether the blob is here now. Repeating a piece or a whole upload is safe, and
    /// several senders of the same blob help each other. A blob that turns out wrong is thrown away.
    pub fn write_piece(&self, hash: BlobHash, total: u64, offset: u64, bytes: &[u8]) -> Result<bool, BlobError> {
        self.in_use(&hash);
        if self.is_here(&hash, total)? {
            self.forget_arrival(&hash);
            return Ok(true);
        }
        let slot = self.arrival(&hash);
        let mut incoming = lock(&slot);
        let arrival = match incoming.as_mut() {
            Some(arrival) if arrival.total() != total => {
                return Err(BlobError::Length { hash, announced: arrival.total(), found: total });
            }
            Some(arrival) => arrival,
            // Another sender may have brought the last piece while we waited for the slot.
            None if self.is_here(&hash, total)? => {
                self.forget_arrival(&hash);
                return Ok(true);
            }
            None => incoming.insert(self.incoming(hash, total)?),
        };
        match arrival.write(offset, bytes) {
            Ok(()) if !arrival.is_complete() => Ok(false),
            Err(error @ (BlobError::OutOfOrder { .. } | BlobError::Length { .. })) => Err(error),
            // Complete, or failed for good: in both cases it ends here.
            end => {
                let arrival = incoming.take();
                let end = end.and_then(|()| arrival.map_or(Ok(()), |arrival| arrival.finish(self)));
                // Only now: until the blob is here, others must find this slot and wait for it.
                self.forget_arrival(&hash);
                end.map(|()| true)
            }
        }
    }

    /// Whether an intact blob of this length is here; another length is an error.
    fn is_here(&self, hash: &BlobHash, total: u64) -> Result<bool, BlobError> {
        match self.disk.length(hash)? {
            Some(found) if self.has_intact(hash)? => {
                let same = found == total;
                same.then_some(true).ok_or(BlobError::Length { hash: *hash, announced: total, found })
            }
            _ => Ok(false),
        }
    }

    /// Makes a written file the blob `hash`, which its writer has checked.
    pub(crate) fn keep(&self, part: PartFile, hash: &BlobHash) -> Result<(), BlobError> {
        self.disk.keep(part, hash)?;
        lock(&self.checked).insert(*hash);
        Ok(())
    }

    /// Whether it is here and has its hash; a damaged one is set aside, logged, and counts as not here.
    fn has_intact(&self, hash: &BlobHash) -> Result<bool, BlobError> {
        match self.check(hash) {
            Ok(()) => Ok(true),
            Err(BlobError::Missing { .. } | BlobError::Damaged { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn check(&self, hash: &BlobHash) -> Result<(), BlobError> {
        if lock(&self.checked).contains(hash) && self.has(hash) {
            return Ok(());
        }
        let mut file: File = self.disk.read(hash)?;
        let mut hasher = blake3::Hasher::new();
        read_through(&mut file, |piece| {
            hasher.update(piece);
            Ok(())
        })
        .map_err(|error| error.unwrap_or_else(|source| BlobError::io("read", &self.disk.object(hash), source)))?;
        if *hasher.finalize().as_bytes() != hash.0 {
            return Err(self.damaged(hash)?);
        }
        lock(&self.checked).insert(*hash);
        Ok(())
    }

    fn damaged(&self, hash: &BlobHash) -> Result<BlobError, BlobError> {
        lock(&self.cache).remove(hash);
        lock(&self.checked).remove(hash);
        let set_aside = self.disk.set_aside(hash)?;
        tracing::error!(%hash, set_aside = %set_aside.display(), "a blob is damaged on disk");
        Ok(BlobError::Damaged { hash: *hash, set_aside })
    }

    fn forget_arrival(&self, hash: &BlobHash) {
        lock(&self.incoming).blobs.remove(hash);
    }

    /// The slot of a blob that comes in; the one that was continued least recently gives way.
    fn arrival(&self, hash: &BlobHash) -> Slot {
        let mut arrivals = lock(&self.incoming);
        arrivals.now += 1;
        let now = arrivals.now;
        if arrivals.blobs.len() >= INCOMING_MAX && !arrivals.blobs.contains_key(hash) {
            let oldest = arrivals.blobs.iter().min_by_key(|(_, (_, age))| *age).map(|(hash, _)| *hash);
            if let Some(oldest) = oldest {
                tracing::warn!(hash = %oldest, "gave up a blob that was not continued");
                arrivals.blobs.remove(&oldest);
            }
        }
        let (slot, age) = arrivals.blobs.entry(*hash).or_default();
        *age = now;
        Arc::clone(slot)
    }
}

/// Gives `content` to `take` piece by piece. The error is that of `take`, or of reading.
fn read_through(
    content: &mut dyn Read,
    mut take: impl FnMut(&[u8]) -> Result<(), BlobError>,
) -> Result<(), Result<BlobError, io::Error>> {
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        match content.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(count) => take(&buffer[..count]).map_err(Ok)?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(Err(error)),
        }
    }
}

/// The data under these locks is whole between any two statements, so a panic elsewhere does not spoil it.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
