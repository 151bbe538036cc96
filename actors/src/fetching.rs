//! Fetching a blob from all nodes that have it at once: piece by piece, each checked as it comes.
//!
//! A source is asked for a few pieces at a time and for the next when one is there, so the quickest way carries the most. One
//! that is lost leaves what it was asked for to the others; one that sends something else is not asked again. What is here
//! stays here while everybody is away: when somebody is back, the rest is fetched.

use std::cell::{Cell, RefCell};
use std::time::Duration;

use futures::stream::FuturesUnordered;
use futures::{Stream, StreamExt};
use nexus_blobs::{Gathering, Outline, PIECE_BYTES};
use nexus_link::Peer;
use nexus_model::BlobHash;
use nexus_wire::limits::BLOB_CHUNK_BYTES;
use nexus_wire::{ClusterRequest, ClusterResponse, Refusal, Request, Response};
use tokio::sync::{Mutex, Notify};
use tokio::time::Instant;

use crate::codes;
use crate::control::refusal;
use crate::leader_link::{LeaderLink, ask_peer, from_link};
use crate::payloads::fetch_rest;

/// Pieces that one source is asked for at a time: enough that the way is never empty while one is looked at.
const LANES: usize = 4;
/// How long a blob is tried for while some node that may have it cannot be reached: a laptop changes networks, a node starts
/// again, a leader is elected.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long members are dialled for what is fetched ahead.
const AHEAD_DIAL_MAX: Duration = Duration::from_secs(2);
/// Between two tries.
const PAUSE: Duration = Duration::from_millis(250);

const _: () = assert!(PIECE_BYTES == BLOB_CHUNK_BYTES, "a piece of an outline is what one message carries");

/// Why a source gave nothing.
#[derive(Debug)]
enum Failure {
    /// It cannot be reached any more.
    Lost(Refusal),
    /// It has no such blob, or sent something else.
    Refused(Refusal),
    /// It does not know what an outline is: it speaks the protocol before that.
    TooOld,
}

/// Somebody who may have a blob.
trait Source {
    fn name(&self) -> String;

    async fn outline(&self, hash: BlobHash) -> Result<Vec<u8>, Failure>;

    async fn piece(&self, hash: BlobHash, offset: u64) -> Result<Vec<u8>, Failure>;

    /// What is missing of the whole behind `bytes`, checked once it is all there.
    async fn rest(&self, hash: BlobHash, total: u64, bytes: &mut Vec<u8>) -> Result<(), Failure>;
}

impl Source for Peer {
    fn name(&self) -> String {
        self.info().node().map_or_else(|| self.address().to_owned(), |node| node.to_string())
    }

    async fn outline(&self, hash: BlobHash) -> Result<Vec<u8>, Failure> {
        let request = Request::Cluster(Box::new(ClusterRequest::ReadBlobOutline(hash)));
        match asked(self, &request).await {
            Ok(Response::Cluster(answer)) => match *answer {
                ClusterResponse::BlobOutline(hashes) => Ok(hashes),
                _ => Err(unfit(hash)),
            },
            Ok(_) => Err(unfit(hash)),
            Err(Failure::Refused(refusal)) if refusal.code == codes::BAD_MESSAGE => Err(Failure::TooOld),
            Err(failure) => Err(failure),
        }
    }

    async fn piece(&self, hash: BlobHash, offset: u64) -> Result<Vec<u8>, Failure> {
        match asked(self, &Request::ReadBlob { hash, offset }).await? {
            Response::BlobChunk { bytes, .. } => Ok(bytes),
            _ => Err(unfit(hash)),
        }
    }

    async fn rest(&self, hash: BlobHash, total: u64, bytes: &mut Vec<u8>) -> Result<(), Failure> {
        fetch_rest(self, hash, total, bytes).await.map_err(Failure::Refused)
    }
}

async fn asked(peer: &Peer, request: &Request) -> Result<Response, Failure> {
    match ask_peer(peer, request).await {
        Ok(answer) => answer.map_err(Failure::Refused),
        Err(error) => Err(Failure::Lost(from_link(error))),
    }
}

fn unfit(hash: BlobHash) -> Failure {
    Failure::Refused(refusal(codes::NO_SUCH_BLOB, format!("the blob {hash} is not what it should be")))
}

/// A blob that could not be fetched.
#[derive(Debug)]
pub(crate) enum NotFetched {
    /// Every other member was asked, and none has it.
    Nowhere,
    /// Somebody who may have it cannot be reached.
    Unreachable(Refusal),
}

/// Reads a whole blob from whoever has it.
pub(crate) async fn fetch_from_all(leader: &LeaderLink, hash: BlobHash, total: u64) -> Result<Vec<u8>, NotFetched> {
    let fetch = Fetch::new(hash, total);
    let until = Instant::now() + PATIENCE;
    loop {
        let is_all_asked = fetch.from(leader.others()).await;
        if fetch.is_complete() {
            return Ok(fetch.into_bytes());
        }
        if is_all_asked {
            tracing::debug!(reason = %fetch.into_refusal(), blob = %hash, "no member has a blob");
            return Err(NotFetched::Nowhere);
        }
        if Instant::now() >= until {
            return Err(NotFetched::Unreachable(fetch.into_refusal()));
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// The same from whoever is there now: who is away is left to whoever needs the blob.
pub(crate) async fn fetch_from_present(leader: &LeaderLink, hash: BlobHash, total: u64) -> Option<Vec<u8>> {
    let fetch = Fetch::new(hash, total);
    fetch.from(leader.others().take_until(tokio::time::sleep(AHEAD_DIAL_MAX))).await;
    fetch.is_complete().then(|| fetch.into_bytes())
}

/// A blob on its way here. It may be asked for again and again; what is here is not asked for twice.
struct Fetch {
    hash: BlobHash,
    total: u64,
    gathering: RefCell<Option<Gathering>>,
    /// From nodes of the protocol before outlines: what stands at the front of the blob, unchecked until it is whole.
    front: RefCell<Vec<u8>>,
    /// One source at a time is asked for what every source would answer alike.
    asking: Mutex<()>,
    last: RefCell<Option<Refusal>>,
    sources: Cell<usize>,
    /// The last piece is here, whatever sources are still asked for.
    completed: Notify,
}

impl Fetch {
    fn new(hash: BlobHash, total: u64) -> Self {
        let gathering = RefCell::new(Outline::of_one_piece(hash, total).map(Gathering::new));
        Fetch {
            hash,
            total,
            gathering,
            front: RefCell::default(),
            asking: Mutex::const_new(()),
            last: RefCell::default(),
            sources: Cell::new(0),
            completed: Notify::new(),
        }
    }

    fn is_complete(&self) -> bool {
        let front = self.front.borrow();
        (!front.is_empty() && front.len() as u64 == self.total)
            || self.gathering.borrow().as_ref().is_some_and(Gathering::is_complete)
    }

    fn into_bytes(self) -> Vec<u8> {
        match self.gathering.into_inner() {
            Some(gathering) if gathering.is_complete() => gathering.into_bytes(),
            _ => self.front.into_inner(),
        }
    }

    fn into_refusal(self) -> Refusal {
        let nobody = || format!("no other node can be reached for the blob {}", self.hash);
        self.last.into_inner().unwrap_or_else(|| refusal(codes::NO_SUCH_BLOB, nobody()))
    }

    /// Fetches what is missing from everybody who is there, or comes. Whether all were asked and none was lost: then asking
    /// again helps nothing.
    async fn from<S: Source>(&self, sources: impl Stream<Item = Option<S>>) -> bool {
        let mut sources = std::pin::pin!(sources.fuse());
        let mut asked = FuturesUnordered::new();
        let mut is_all_asked = true;
        while !self.is_complete() {
            tokio::select! {
                Some(source) = sources.next() => match source {
                    Some(source) => asked.push(self.fetch_from(source)),
                    None => is_all_asked = false,
                },
                Some(ended) = asked.next() => is_all_asked &= ended,
                () = self.completed.notified(), if !asked.is_empty() => {}
                else => break,
            }
        }
        is_all_asked
    }

    /// Fetches from one source as long as something is missing and it gives. Whether it was there to the end.
    async fn fetch_from<S: Source>(&self, source: S) -> bool {
        let (number, is_useless) = (self.sources.get(), Cell::new(false));
        self.sources.set(number + 1);
        let ended = match self.prepare(&source).await {
            Ok(()) => {
                let lanes =
                    (0..LANES).map(|_| self.lane(&source, number, &is_useless)).collect::<FuturesUnordered<_>>();
                lanes.fold(Ok(()), async |ended, lane| ended.and(lane)).await
            }
            Err(failure) => Err(failure),
        };
        let (was_there, why) = match ended {
            // It may have what others were asked for and did not give.
            Ok(()) => return self.is_complete(),
            Err(Failure::Lost(why)) => (false, why),
            // Who is busy now may have it.
            Err(Failure::Refused(why)) => (why.retry_after.is_none(), why),
            Err(Failure::TooOld) => return true,
        };
        tracing::debug!(source = source.name(), blob = %self.hash, reason = %why, "a source of a blob is given up");
        self.last.replace(Some(why));
        was_there
    }

    /// Sees to it that the hashes of the pieces are here, or the whole from a node that knows none.
    async fn prepare<S: Source>(&self, source: &S) -> Result<(), Failure> {
        let _alone = self.asking.lock().await;
        if self.is_complete() || self.gathering.borrow().is_some() {
            return Ok(());
        }
        match source.outline(self.hash).await {
            Ok(hashes) => match Outline::from_bytes(self.hash, self.total, &hashes) {
                Ok(outline) => {
                    self.gathering.replace(Some(Gathering::new(outline)));
                    Ok(())
                }
                Err(error) => Err(Failure::Refused(refusal(codes::NO_SUCH_BLOB, error.to_string()))),
            },
            Err(Failure::TooOld) => {
                let mut front = self.front.take();
                let fetched = source.rest(self.hash, self.total, &mut front).await;
                self.front.replace(front);
                fetched.and(Err(Failure::TooOld))
            }
            Err(failure) => Err(failure),
        }
    }

    /// One piece after the other, until none is missing or the source gives no more.
    async fn lane<S: Source>(&self, source: &S, number: usize, is_useless: &Cell<bool>) -> Result<(), Failure> {
        while !is_useless.get() {
            let Some((piece, offset)) = self.with(|gathering| gathering.claim(number)) else { return Ok(()) };
            let taken = match source.piece(self.hash, offset).await {
                Ok(bytes) => self.with(|gathering| gathering.take(piece, &bytes)).map_err(|error| {
                    tracing::warn!(source = source.name(), %error, "a piece of a blob is not what it should be");
                    Failure::Refused(refusal(codes::NO_SUCH_BLOB, error.to_string()))
                }),
                Err(failure) => {
                    self.with(|gathering| gathering.give_up(piece));
                    Err(failure)
                }
            };
            if self.is_complete() {
                self.completed.notify_one();
            }
            if let Err(failure) = taken {
                is_useless.set(true);
                return Err(failure);
            }
        }
        Ok(())
    }

    fn with<T>(&self, act: impl FnOnce(&mut Gathering) -> T) -> T {
        act(self.gathering.borrow_mut().as_mut().expect("pieces are asked for once their hashes are here"))
    }
}

#[cfg(test)]
#[path = "fetching/tests.rs"]
mod tests;
