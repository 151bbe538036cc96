//! A blob that comes in from several sources at once: which pieces are here, which are asked for, which nobody has been
//! asked for yet. Pure; actors ask and bring what they are given.

use nexus_model::BlobHash;

use crate::error::BlobError;
use crate::outline::Outline;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Piece {
    /// Nobody is asked for it at the moment.
    Missing,
    /// This source is.
    Asked(usize),
    /// A source is, and another one too, which has nothing else to do: who has become slow keeps the last pieces from nobody.
    AskedTwice,
    Here,
}

/// The pieces of a blob of which some are here. What is here was checked.
#[derive(Debug)]
pub struct Gathering {
    outline: Outline,
    bytes: Vec<u8>,
    pieces: Vec<Piece>,
    missing: usize,
    /// No piece before this one is missing and unasked.
    next: usize,
}

impl Gathering {
    /// Nothing is here.
    pub fn new(outline: Outline) -> Self {
        let missing = outline.pieces();
        let total = usize::try_from(outline.total()).expect("an outline has no more pieces than memory can hold");
        Gathering { bytes: vec![0; total], pieces: vec![Piece::Missing; missing], missing, next: 0, outline }
    }

    /// A piece to ask `source` for, with its place: one that nobody is asked for, else one that a single other source is still
    /// to bring.
    pub fn claim(&mut self, source: usize) -> Option<(usize, u64)> {
        while self.pieces.get(self.next).is_some_and(|piece| *piece != Piece::Missing) {
            self.next += 1;
        }
        let (piece, asked) = match self.next < self.pieces.len() {
            true => (self.next, Piece::Asked(source)),
            false => {
                let late = |piece: &Piece| matches!(piece, Piece::Asked(other) if *other != source);
                (self.pieces.iter().position(late)?, Piece::AskedTwice)
            }
        };
        self.pieces[piece] = asked;
        Some((piece, self.outline.place(piece).start))
    }

    /// A piece that was claimed does not come: others are to bring it.
    pub fn give_up(&mut self, piece: usize) {
        if self.pieces[piece] != Piece::Here {
            self.pieces[piece] = Piece::Missing;
            self.next = self.next.min(piece);
        }
    }

    /// Takes a piece that was claimed. One that is not what it should be is given up, and the error says so.
    pub fn take(&mut self, piece: usize, bytes: &[u8]) -> Result<(), BlobError> {
        if self.pieces[piece] == Piece::Here {
            return Ok(());
        }
        if let Err(error) = self.outline.check(piece, bytes) {
            self.give_up(piece);
            return Err(error);
        }
        let start = usize::try_from(self.outline.place(piece).start).expect("the whole is in memory");
        self.bytes[start..start + bytes.len()].copy_from_slice(bytes);
        self.pieces[piece] = Piece::Here;
        self.missing -= 1;
        Ok(())
    }

    /// Whether everything is here.
    pub fn is_complete(&self) -> bool {
        self.missing == 0
    }

    /// Pieces that are not here yet.
    pub fn missing(&self) -> usize {
        self.missing
    }

    /// Of which blob.
    pub fn hash(&self) -> BlobHash {
        self.outline.hash()
    }

    /// The whole.
    ///
    /// # Panics
    /// Where a piece is missing.
    pub fn into_bytes(self) -> Vec<u8> {
        assert!(self.is_complete(), "{} pieces of a blob are missing", self.missing);
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outline::{Outlining, PIECE_BYTES};

    fn blob(pieces: usize) -> (Vec<u8>, Gathering) {
        let bytes: Vec<u8> = (0..pieces * PIECE_BYTES - 9).map(|at| (at / 1000) as u8).collect();
        let mut outlining = Outlining::default();
        bytes.chunks(PIECE_BYTES).for_each(|piece| outlining.push(piece));
        (bytes, Gathering::new(outlining.finish()))
    }

    fn piece(bytes: &[u8], piece: usize) -> &[u8] {
        bytes.chunks(PIECE_BYTES).nth(piece).unwrap()
    }

    #[test]
    fn pieces_come_in_any_order_and_each_is_asked_for_once_while_others_wait() {
        let (bytes, mut gathering) = blob(4);
        let claimed: Vec<usize> = (0..4).map(|_| gathering.claim(1).unwrap().0).collect();
        assert_eq!(claimed, [0, 1, 2, 3]);
        for index in [2, 0, 3, 1] {
            assert!(!gathering.is_complete());
            gathering.take(index, piece(&bytes, index)).unwrap();
        }
        assert_eq!(gathering.claim(1), None);
        assert_eq!(gathering.into_bytes(), bytes);
    }

    #[test]
    fn what_a_lost_source_was_to_bring_is_asked_for_again_and_what_is_here_is_not() {
        let (bytes, mut gathering) = blob(3);
        (0..3).for_each(|_| assert!(gathering.claim(1).is_some()));
        gathering.take(0, piece(&bytes, 0)).unwrap();
        gathering.give_up(1);
        gathering.give_up(2);
        assert_eq!(gathering.claim(1), Some((1, PIECE_BYTES as u64)));
        assert_eq!(gathering.claim(1).map(|(piece, _)| piece), Some(2));
        gathering.give_up(0);
        assert_eq!(gathering.missing(), 2, "what is here stays here");
    }

    #[test]
    fn the_last_pieces_are_asked_of_two_so_that_a_slow_source_holds_up_nobody() {
        let (bytes, mut gathering) = blob(2);
        let mut all_of = |source| std::iter::from_fn(|| gathering.claim(source)).map(|(piece, _)| piece).collect();
        let asked: [Vec<usize>; 3] = [all_of(1), all_of(2), all_of(3)];
        assert_eq!(asked, [vec![0, 1], vec![0, 1], vec![]], "of nobody twice, and of two at most");
        gathering.take(0, piece(&bytes, 0)).unwrap();
        gathering.take(0, piece(&bytes, 0)).unwrap();
        gathering.take(1, piece(&bytes, 1)).unwrap();
        assert_eq!(gathering.into_bytes(), bytes);
    }

    #[test]
    fn a_wrong_piece_is_refused_at_once_and_asked_for_again() {
        let (bytes, mut gathering) = blob(3);
        assert_eq!(gathering.claim(1).map(|(piece, _)| piece), Some(0));
        let mut wrong = piece(&bytes, 0).to_vec();
        wrong[500] ^= 1;
        assert!(matches!(gathering.take(0, &wrong), Err(BlobError::Mismatch { .. })));
        assert_eq!(gathering.claim(1).map(|(piece, _)| piece), Some(0));
        for index in 0..3 {
            gathering.take(index, piece(&bytes, index)).unwrap();
        }
        assert_eq!(gathering.into_bytes(), bytes);
    }
}
