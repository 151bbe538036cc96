//! The hashes of a blob's pieces, as they stand in the BLAKE3 tree of the whole: with them each piece is checked as it
//! arrives, whoever sent it and in whatever order. Pure.
//!
//! The tree and its subtrees are those of the BLAKE3 paper (O'Connor, Aumasson, Neves, Wilcox-O'Hearn), sections 2.1 and 6.4.

use std::ops::Range;

use blake3::hazmat::{ChainingValue, HasherExt, Mode, left_subtree_len, merge_subtrees_non_root, merge_subtrees_root};
use nexus_model::BlobHash;

use crate::error::BlobError;

/// A piece: what one message carries. A power of two, so that every piece but the last is a subtree.
pub const PIECE_BYTES: usize = 1 << 20;
/// Most pieces of an outline: 128 GiB, whose outline takes 4 MiB.
pub const OUTLINE_PIECES_MAX: usize = 128 << 10;
/// Bytes of the hash of a piece.
const HASH_BYTES: usize = 32;

const _: () = assert!(PIECE_BYTES.is_power_of_two() && PIECE_BYTES >= blake3::CHUNK_LEN);

/// What each piece of a blob must hash to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outline {
    hash: BlobHash,
    total: u64,
    /// Of a blob of one piece, its hash.
    pieces: Vec<ChainingValue>,
}

impl Outline {
    /// The hash of the whole.
    pub fn hash(&self) -> BlobHash {
        self.hash
    }

    /// Of a blob that is one piece, which needs none; nothing for a larger one.
    pub fn of_one_piece(hash: BlobHash, total: u64) -> Option<Self> {
        (count(total) == Some(1)).then(|| Outline { hash, total, pieces: vec![hash.0] })
    }

    /// Reads what [`Outline::to_bytes`] wrote, wherever it comes from: only one that belongs to `hash` and a blob of
    /// `total` bytes is taken.
    pub fn from_bytes(hash: BlobHash, total: u64, bytes: &[u8]) -> Result<Self, BlobError> {
        let wrong = |found| BlobError::Mismatch { expected: hash, found };
        let (hashes, rest) = bytes.as_chunks::<HASH_BYTES>();
        if count(total) != Some(hashes.len()) || !rest.is_empty() {
            return Err(wrong(BlobHash(*blake3::hash(bytes).as_bytes())));
        }
        let found = BlobHash(root(hashes, total));
        if found == hash { Ok(Outline { hash, total, pieces: hashes.to_vec() }) } else { Err(wrong(found)) }
    }

    /// As it is sent.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.pieces.as_flattened().to_vec()
    }

    /// How many pieces there are; at least one.
    pub fn pieces(&self) -> usize {
        self.pieces.len()
    }

    /// Length of the blob.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// Where a piece lies in the blob.
    ///
    /// # Panics
    /// Where there is no such piece.
    pub fn place(&self, piece: usize) -> Range<u64> {
        assert!(piece < self.pieces.len(), "a blob of {} pieces has no piece {piece}", self.pieces.len());
        let start = (piece * PIECE_BYTES) as u64;
        start..self.total.min(start + PIECE_BYTES as u64)
    }

    /// Whether `bytes` are the piece; the error names both hashes.
    pub fn check(&self, piece: usize, bytes: &[u8]) -> Result<(), BlobError> {
        let place = self.place(piece);
        if bytes.len() as u64 != place.end - place.start {
            let (announced, found) = (place.end - place.start, bytes.len() as u64);
            return Err(BlobError::Length { hash: self.hash, announced, found });
        }
        let found = match self.pieces.len() {
            1 => *blake3::hash(bytes).as_bytes(),
            _ => subtree(piece, bytes),
        };
        let expected = self.pieces[piece];
        if found == expected {
            Ok(())
        } else {
            Err(BlobError::Mismatch { expected: BlobHash(expected), found: BlobHash(found) })
        }
    }
}

/// An outline in the making, of pieces that come in order.
#[derive(Debug, Default)]
pub(crate) struct Outlining {
    pieces: Vec<ChainingValue>,
    total: u64,
    first: Option<blake3::Hash>,
}

impl Outlining {
    /// Takes the next piece: [`PIECE_BYTES`] of them, fewer only at the end.
    pub(crate) fn push(&mut self, piece: &[u8]) {
        match self.pieces.len() {
            0 => self.first = Some(blake3::hash(piece)),
            _ => self.first = None,
        }
        if !piece.is_empty() {
            self.pieces.push(subtree(self.pieces.len(), piece));
            self.total += piece.len() as u64;
        }
    }

    /// The hash of the whole, and the outline.
    pub(crate) fn finish(self) -> Outline {
        let Outlining { pieces, total, first } = self;
        let only = if total == 0 { Some(blake3::hash(&[])) } else { first };
        match only {
            Some(hash) => Outline { hash: BlobHash(*hash.as_bytes()), total, pieces: vec![*hash.as_bytes()] },
            None => Outline { hash: BlobHash(root(&pieces, total)), total, pieces },
        }
    }
}

/// How many pieces a blob has; nothing where they would be more than an outline may have.
fn count(total: u64) -> Option<usize> {
    let pieces = usize::try_from(total.div_ceil(PIECE_BYTES as u64)).ok()?.max(1);
    (pieces <= OUTLINE_PIECES_MAX).then_some(pieces)
}

/// The hash of a piece within the tree of a blob that has more than one.
fn subtree(piece: usize, bytes: &[u8]) -> ChainingValue {
    blake3::Hasher::new().set_input_offset((piece * PIECE_BYTES) as u64).update(bytes).finalize_non_root()
}

/// The hash of a whole of `total` bytes with these pieces.
fn root(pieces: &[ChainingValue], total: u64) -> ChainingValue {
    match pieces {
        [only] => *only,
        pieces => {
            let (left, right) = halves(pieces, total);
            *merge_subtrees_root(&left, &right, Mode::Hash).as_bytes()
        }
    }
}

fn halves(pieces: &[ChainingValue], total: u64) -> (ChainingValue, ChainingValue) {
    let left_bytes = left_subtree_len(total);
    let middle = usize::try_from(left_bytes / PIECE_BYTES as u64).expect("there are as many pieces in memory");
    let (left, right) = pieces.split_at(middle);
    (inner(left, left_bytes), inner(right, total - left_bytes))
}

fn inner(pieces: &[ChainingValue], total: u64) -> ChainingValue {
    match pieces {
        [only] => *only,
        pieces => {
            let (left, right) = halves(pieces, total);
            merge_subtrees_non_root(&left, &right, Mode::Hash)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content(total: usize) -> Vec<u8> {
        let mut bytes = vec![0; total];
        blake3::Hasher::new().update(b"content").finalize_xof().fill(&mut bytes);
        bytes
    }

    fn outline(bytes: &[u8]) -> Outline {
        let mut outlining = Outlining::default();
        bytes.chunks(PIECE_BYTES).for_each(|piece| outlining.push(piece));
        outlining.finish()
    }

    #[test]
    fn an_outline_has_the_hash_of_the_whole_whatever_its_length() {
        for pieces in [0, 1, 2, 3, 4, 5, 7, 8, 9, 13] {
            for odd in [-1025, -1, 0, 1, 1024, 70_001] {
                let Ok(total) = usize::try_from(pieces * PIECE_BYTES as i64 + odd) else { continue };
                let bytes = content(total);
                let made = outline(&bytes);
                let hash = BlobHash(*blake3::hash(&bytes).as_bytes());
                assert_eq!((made.hash(), made.total()), (hash, total as u64), "{total}");
                let read = Outline::from_bytes(hash, total as u64, &made.to_bytes()).unwrap();
                assert_eq!(read, made);
                for (piece, content) in bytes.chunks(PIECE_BYTES).enumerate() {
                    read.check(piece, content).unwrap();
                }
                assert_eq!(Outline::of_one_piece(hash, total as u64).is_some(), total <= PIECE_BYTES);
            }
        }
    }

    #[test]
    fn a_piece_that_differs_in_a_bit_or_stands_elsewhere_is_refused() {
        let bytes = content(3 * PIECE_BYTES + 5);
        let outline = outline(&bytes);
        let mut second = bytes[PIECE_BYTES..2 * PIECE_BYTES].to_vec();
        outline.check(1, &second).unwrap();
        assert!(matches!(outline.check(2, &second), Err(BlobError::Mismatch { .. })), "a right piece elsewhere");
        second[77] ^= 1;
        assert!(matches!(outline.check(1, &second), Err(BlobError::Mismatch { .. })));
        second.pop();
        assert!(matches!(outline.check(1, &second), Err(BlobError::Length { .. })));
    }

    #[test]
    fn an_outline_that_lies_is_refused() {
        let bytes = content(5 * PIECE_BYTES);
        let (made, total) = (outline(&bytes), bytes.len() as u64);
        let (hash, honest) = (made.hash(), made.to_bytes());
        for at in [0, 31, 32, honest.len() - 1] {
            let mut lying = honest.clone();
            lying[at] ^= 0x10;
            assert!(matches!(Outline::from_bytes(hash, total, &lying), Err(BlobError::Mismatch { .. })), "byte {at}");
        }
        for (total, bytes) in [(total, &honest[32..]), (total, &honest[1..]), (total + 1, &honest[..]), (u64::MAX, &[])]
        {
            assert!(Outline::from_bytes(hash, total, bytes).is_err(), "{total} bytes, {} of outline", bytes.len());
        }
    }
}
