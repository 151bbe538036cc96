//! A blob that comes in by pieces, from a client or another node: in order, counted, and hashed on the way.

use nexus_model::BlobHash;

use crate::disk::PartFile;
use crate::error::BlobError;
use crate::store::BlobStore;

/// A blob of which a beginning is here. Dropped before [`Incoming::finish`], it leaves nothing behind.
#[derive(Debug)]
pub struct Incoming {
    hash: BlobHash,
    total: u64,
    written: u64,
    hasher: blake3::Hasher,
    part: PartFile,
}

impl Incoming {
    pub(crate) fn new(hash: BlobHash, total: u64, part: PartFile) -> Self {
        Incoming { hash, total, written: 0, hasher: blake3::Hasher::new(), part }
    }

    /// How much is here: where the next piece begins.
    pub fn written(&self) -> u64 {
        self.written
    }

    /// Whether everything is here.
    pub fn is_complete(&self) -> bool {
        self.written == self.total
    }

    /// Takes the piece that begins at `offset`. A piece that is here already is ignored, so that repeating one is safe;
    /// one that leaves a gap or goes beyond the end is refused and changes nothing. After any other error the blob
    /// cannot be completed.
    pub fn write(&mut self, offset: u64, bytes: &[u8]) -> Result<(), BlobError> {
        let beyond = || BlobError::Length { hash: self.hash, announced: self.total, found: u64::MAX };
        let end = offset.checked_add(bytes.len() as u64).ok_or_else(beyond)?;
        if end > self.total {
            return Err(BlobError::Length { hash: self.hash, announced: self.total, found: end });
        }
        if end <= self.written {
            return Ok(());
        }
        if offset != self.written {
            return Err(BlobError::OutOfOrder { hash: self.hash, expected: self.written, found: offset });
        }
        self.part.write(bytes)?;
        self.hasher.update(bytes);
        self.written = end;
        Ok(())
    }

    /// Checks the whole against the hash and puts it into `store`, flushed. What does not match is thrown away.
    pub fn finish(self, store: &BlobStore) -> Result<(), BlobError> {
        if !self.is_complete() {
            return Err(BlobError::Length { hash: self.hash, announced: self.total, found: self.written });
        }
        let found = BlobHash(*self.hasher.finalize().as_bytes());
        if found != self.hash {
            return Err(BlobError::Mismatch { expected: self.hash, found });
        }
        store.keep(self.part, &self.hash)
    }

    pub(crate) fn total(&self) -> u64 {
        self.total
    }
}
