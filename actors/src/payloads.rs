//! Where large payloads are kept: in memory (`nexus run`), in this node's blob store, or (a node without a ledger) in
//! this node's store and with the leader, so that a result outlives the worker that made it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use nexus_blobs::{BlobError, BlobStore};
use nexus_link::Peer;
use nexus_model::{BlobHash, INLINE_BYTES_MAX, NodeId, Payload};
use nexus_wire::limits::BLOB_CHUNK_BYTES;
use nexus_wire::{Refusal, Request, Response};
use tokio::runtime::Handle;
use tracing::Instrument as _;

use crate::codes;
use crate::control::refusal;
use crate::fetching::{NotFetched, fetch_from_all, fetch_from_present};
use crate::holders::holds;
use crate::leader_link::{Found, LeaderLink, ask_peer, from_link};
use crate::telemetry;
use crate::worker::{FULL_DISK_PATIENCE, FULL_DISK_PAUSE, LoadError, PayloadStore};

mod underway;

use underway::Underway;

/// How long a result that lacks copies waits before other nodes are asked again: about as long as one takes to join.
const COPY_PAUSE: Duration = Duration::from_secs(1);
/// How soon it is noticed that nobody waits for a result any more.
const GIVEN_UP_POLL: Duration = Duration::from_millis(50);

/// Payloads of a runtime that lives in one process.
#[derive(Default)]
pub struct MemoryPayloads {
    blobs: Mutex<BTreeMap<BlobHash, Arc<Vec<u8>>>>,
}

impl PayloadStore for MemoryPayloads {
    fn load(&self, payload: &Payload) -> Result<Vec<u8>, LoadError> {
        match payload {
            Payload::Inline(bytes) => Ok(bytes.to_vec()),
            Payload::Blob { hash, .. } => {
                let blobs = self.blobs.lock().unwrap_or_else(PoisonError::into_inner);
                let missing = || LoadError::Unreadable(format!("there is no blob {hash}"));
                blobs.get(hash).map(|bytes| bytes.to_vec()).ok_or_else(missing)
            }
        }
    }

    fn store(&self, bytes: Vec<u8>, _given_up: &AtomicBool) -> Result<Payload, String> {
        if bytes.len() <= INLINE_BYTES_MAX {
            return Ok(Payload::Inline(bytes.into()));
        }
        let hash = BlobHash(*blake3::hash(&bytes).as_bytes());
        let payload = Payload::Blob { hash, bytes: bytes.len() as u64 };
        self.blobs.lock().unwrap_or_else(PoisonError::into_inner).insert(hash, Arc::new(bytes));
        Ok(payload)
    }
}

/// Payloads of a node: its blob store, and the leader's where this node is not the leader.
pub(crate) struct NodePayloads {
    blobs: Arc<BlobStore>,
    leader: Option<(LeaderLink, Handle)>,
    /// Blobs that are being fetched.
    underway: Underway,
}

impl NodePayloads {
    pub(crate) fn new(blobs: Arc<BlobStore>, leader: Option<(LeaderLink, Handle)>) -> Self {
        NodePayloads { blobs, leader, underway: Underway::default() }
    }
}

impl NodePayloads {
    /// Keeps bytes once there is room for them: what fails at once would fail again, and the machine would take task after
    /// task and end none. Until there is room the machine says that its disk is full, and is given nothing new.
    fn put_patiently(&self, bytes: &[u8], given_up: &AtomicBool) -> Result<BlobHash, BlobError> {
        let (until, size) = (Instant::now() + FULL_DISK_PATIENCE, bytes.len() as u64);
        let is_over = || given_up.load(Ordering::Relaxed) || Instant::now() >= until;
        let mut was_full = false;
        loop {
            let put = self.blobs.put(bytes);
            let is_full = matches!(put, Err(BlobError::DiskFull { .. }));
            if !is_full && was_full {
                self.blobs.note_room();
            }
            if !is_full || is_over() {
                return put;
            }
            was_full = true;
            self.blobs.note_unplaced(size);
            std::thread::park_timeout(FULL_DISK_PAUSE);
            // A part of it on the disk would take the last room from the log.
            while self.blobs.free_bytes().is_some_and(|free| free < size) && !is_over() {
                self.blobs.note_unplaced(size);
                std::thread::park_timeout(FULL_DISK_PAUSE);
            }
        }
    }
}

impl PayloadStore for NodePayloads {
    fn load(&self, payload: &Payload) -> Result<Vec<u8>, LoadError> {
        let (hash, total) = match payload {
            Payload::Inline(bytes) => return Ok(bytes.to_vec()),
            Payload::Blob { hash, bytes } => (hash, *bytes),
        };
        let mut turn = None;
        while turn.is_none() && !self.blobs.has(hash) {
            // Who waits for what another one fetches has waited as long for those that may have it.
            turn = self.underway.turn(*hash)?;
        }
        if let (Some(mut turn), Some((leader, runtime)), false) = (turn, &self.leader, self.blobs.has(hash)) {
            let fetched = runtime.block_on(fetch_from_all(leader, *hash, total).instrument(telemetry::fetch(total)));
            let bytes = fetched.map_err(|why| {
                turn.failed(match why {
                    NotFetched::Nowhere => LoadError::Lost(*hash),
                    NotFetched::Unreachable(refusal) => LoadError::Unreadable(refusal.message),
                })
            })?;
            // The next task that needs it finds it here, unless there is no room: this one needs none.
            match self.blobs.put(&bytes) {
                Ok(_) => {}
                Err(BlobError::DiskFull { .. }) => self.blobs.note_unplaced(bytes.len() as u64),
                Err(error) => return Err(turn.failed(LoadError::Unreadable(error.to_string()))),
            }
            return Ok(bytes);
        }
        self.blobs.get(hash).map(|bytes| bytes.to_vec()).map_err(|error| LoadError::Unreadable(error.to_string()))
    }

    fn store(&self, bytes: Vec<u8>, given_up: &AtomicBool) -> Result<Payload, String> {
        if bytes.len() <= INLINE_BYTES_MAX {
            return Ok(Payload::Inline(bytes.into()));
        }
        let hash = self.put_patiently(&bytes, given_up).map_err(|error| error.to_string())?;
        if let Some((leader, runtime)) = &self.leader {
            runtime
                .block_on(async {
                    match leader.find().await.map_err(from_link)? {
                        Found::Here => Ok(()),
                        Found::There { peer, .. } => upload(&peer, hash, &bytes).await,
                    }
                })
                .map_err(|refusal| refusal.message)?;
        }
        Ok(Payload::Blob { hash, bytes: bytes.len() as u64 })
    }

    fn fetch_ahead(&self, payload: &Payload, given_up: &AtomicBool) {
        let (Payload::Blob { hash, bytes: total }, Some((leader, runtime))) = (payload, &self.leader) else { return };
        if self.blobs.has(hash) {
            return;
        }
        let Some(_turn) = self.underway.free_turn(*hash) else { return };
        let fetch = fetch_from_present(leader, *hash, *total).instrument(telemetry::fetch(*total));
        let fetched = runtime.block_on(async {
            tokio::select! {
                fetched = fetch => fetched,
                () = until(given_up) => None,
            }
        });
        let kept = fetched.map(|bytes| self.blobs.put(&bytes).map(drop));
        match kept {
            Some(Ok(())) => tracing::debug!(blob = %hash, bytes = total, "an input was fetched ahead of its task"),
            Some(Err(error)) => tracing::debug!(blob = %hash, %error, "an input is not kept ahead of its task"),
            None => tracing::debug!(blob = %hash, "an input is not fetched ahead of its task"),
        }
    }

    fn copy(&self, payload: &Payload, copies: u32, given_up: &AtomicBool) -> Result<(), String> {
        let Payload::Blob { hash, bytes: total } = payload else { return Ok(()) };
        let Some((leader, runtime)) = self.leader.as_ref().filter(|_| copies > 1) else { return Ok(()) };
        let bytes = self.blobs.get(hash).map_err(|error| error.to_string())?;
        let spread = Spread { leader, hash: *hash, total: *total, bytes: &bytes, copies: copies as usize };
        runtime.block_on(spread.until_done(given_up))
    }
}

async fn until(given_up: &AtomicBool) {
    while !given_up.load(Ordering::Relaxed) {
        tokio::time::sleep(GIVEN_UP_POLL).await;
    }
}

/// A blob of this node on its way to others.
struct Spread<'a> {
    leader: &'a LeaderLink,
    hash: BlobHash,
    total: u64,
    bytes: &'a [u8],
    /// Nodes that are to have it, this one among them.
    copies: usize,
}

impl Spread<'_> {
    /// Ends when enough nodes have the blob on their disks, however long that takes, or nobody wants it any more.
    async fn until_done(&self, given_up: &AtomicBool) -> Result<(), String> {
        let mut holders = BTreeSet::from([self.leader.node()]);
        let mut is_said = false;
        loop {
            self.leader.first_of(async |peer| self.offer(&peer, &mut holders).await).await;
            if holders.len() >= self.copies {
                return Ok(());
            }
            if !std::mem::replace(&mut is_said, true) {
                let (copies, holders) = (self.copies, holders.len());
                tracing::warn!(copies, holders, blob = %self.hash, "a result waits for nodes that keep its copies");
            }
            let pause = tokio::time::Instant::now() + COPY_PAUSE;
            while tokio::time::Instant::now() < pause {
                if given_up.load(Ordering::Relaxed) {
                    return Err("nobody waits for it any more".to_owned());
                }
                tokio::time::sleep(GIVEN_UP_POLL).await;
            }
        }
    }

    /// Has a peer keep the blob; something where these are enough.
    async fn offer(&self, peer: &Peer, holders: &mut BTreeSet<NodeId>) -> Option<()> {
        let node = peer.info().node()?;
        if holders.contains(&node) {
            return None;
        }
        if holds(peer, self.hash, self.total).await != Some(true)
            && let Err(error) = upload(peer, self.hash, self.bytes).await
        {
            tracing::debug!(%node, %error, "a copy of a result was not kept");
            return None;
        }
        holders.insert(node);
        (holders.len() >= self.copies).then_some(())
    }
}

/// Reads a whole blob from a peer and checks it against its hash.
pub(crate) async fn fetch(peer: &Peer, hash: BlobHash, total: u64) -> Result<Vec<u8>, Refusal> {
    let mut bytes = Vec::new();
    fetch_rest(peer, hash, total, &mut bytes).await?;
    Ok(bytes)
}

/// Reads what is missing of a blob from a peer and checks the whole against its hash; what is damaged is thrown away, as
/// nobody knows whose piece it was.
pub(crate) async fn fetch_rest(peer: &Peer, hash: BlobHash, total: u64, bytes: &mut Vec<u8>) -> Result<(), Refusal> {
    while (bytes.len() as u64) < total {
        let request = Request::ReadBlob { hash, offset: bytes.len() as u64 };
        match ask_peer(peer, &request).await.map_err(from_link)?? {
            Response::BlobChunk { bytes: piece, total: theirs } if !piece.is_empty() && theirs == total => {
                bytes.extend_from_slice(&piece);
            }
            _ => return Err(refusal(codes::NO_SUCH_BLOB, format!("the blob {hash} is not what it should be"))),
        }
    }
    if *blake3::hash(bytes).as_bytes() != hash.0 {
        bytes.clear();
        return Err(refusal(codes::NO_SUCH_BLOB, format!("the blob {hash} arrived damaged")));
    }
    Ok(())
}

/// Sends a whole blob to a peer, which checks it against its hash.
pub(crate) async fn upload(peer: &Peer, hash: BlobHash, bytes: &[u8]) -> Result<(), Refusal> {
    let total = bytes.len() as u64;
    for (i, piece) in bytes.chunks(BLOB_CHUNK_BYTES).enumerate() {
        let offset = (i * BLOB_CHUNK_BYTES) as u64;
        let request = Request::WriteBlob { hash, total, offset, bytes: piece.to_vec() };
        ask_peer(peer, &request).await.map_err(from_link)??;
    }
    Ok(())
}
